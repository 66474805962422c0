//! Chromium, driven over its DevTools WebSocket (<https://chromedevtools.github.io/devtools-protocol/>) by stdws.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;

use stdws::WebSocket;

use super::json::{quote, Json};

/// Maximum time of a step.
pub(crate) const LONG: Duration = Duration::from_secs(240);

/// A process that ends with the test. Its output is shown when the test fails. Its standard input stays open.
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it and waits for a line with `mark` on its standard output or error. Returns the text after the mark.
    pub(crate) fn start(command: &mut Command, mark: &'static str) -> (Process, String) {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let (found, waiting) = mpsc::channel();
        let said = Arc::new(Mutex::new(Vec::new()));
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let (found, said) = (found.clone(), said.clone());
            // Reads to the end, so that the process never waits for a reader.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
                    if let Some((_, rest)) = line.split_once(mark) {
                        let _ = found.send(rest.trim().to_owned());
                    }
                    said.lock().unwrap().push(line);
                }
            });
        }
        let process = Process { child, said };
        let rest = waiting.recv_timeout(LONG).unwrap_or_else(|_| panic!("{mark:?} was not said"));
        (process, rest)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.said.lock().unwrap().join("\n"));
        }
    }
}

pub(crate) struct Browser {
    ws: RefCell<WebSocket>,
    last: Cell<u32>,
    _process: Process,
    profile: PathBuf,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("stdws-browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&profile).unwrap();
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
        let mut command = Command::new(program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--lang=en-GB",
        ]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.args(["--remote-debugging-port=0", "--window-size=900,700"]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        let (process, url) = Process::start(&mut command, "DevTools listening on ");
        let ws = RefCell::new(stdws::connect(&url).unwrap());
        Browser { ws, last: Cell::new(0), _process: process, profile }
    }

    /// Calls a method and waits for its answer. Other messages that arrive meanwhile are skipped.
    fn call(&self, session: Option<&str>, method: &str, parameters: &str) -> Json {
        self.last.set(self.last.get() + 1);
        let id = self.last.get();
        let session = session.map(|session| format!("\"sessionId\":{},", quote(session))).unwrap_or_default();
        let mut ws = self.ws.borrow_mut();
        ws.send(format!("{{\"id\":{id},{session}\"method\":{},\"params\":{{{parameters}}}}}", quote(method))).unwrap();
        loop {
            let message = ws.recv_timeout(LONG).unwrap().expect("Chromium closed the connection");
            let answer = Json::parse(message.as_text().unwrap());
            if *answer.at(&["id"]) == Json::Number(f64::from(id)) {
                assert_eq!(*answer.at(&["error"]), Json::Null, "{method} {parameters}");
                return answer.at(&["result"]).clone();
            }
        }
    }

    /// Stores what pages hand over as files in this folder.
    pub(crate) fn store_downloads(&self, folder: &Path) {
        let parameters = format!("\"behavior\":\"allow\",\"downloadPath\":{}", quote(&folder.display().to_string()));
        self.call(None, "Browser.setDownloadBehavior", &parameters);
    }

    pub(crate) fn open(&self, url: &str) -> Tab<'_> {
        let target = self.call(None, "Target.createTarget", "\"url\":\"about:blank\"");
        let target = quote(target.at(&["targetId"]).text());
        let attached = self.call(None, "Target.attachToTarget", &format!("\"targetId\":{target},\"flatten\":true"));
        let tab = Tab { browser: self, session: attached.at(&["sessionId"]).text().to_owned() };
        // The answer arrives when the new document exists, before it is complete.
        let navigated = tab.call("Page.navigate", &format!("\"url\":{}", quote(url)));
        assert_eq!(*navigated.at(&["errorText"]), Json::Null, "{url}");
        tab.until("document.readyState === 'complete'");
        tab
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may still write there. The rest stays in the temporary folder of the system.
        let _ = fs::remove_dir_all(&self.profile);
    }
}

pub(crate) struct Tab<'a> {
    browser: &'a Browser,
    session: String,
}

impl Tab<'_> {
    fn call(&self, method: &str, parameters: &str) -> Json {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// The value of an expression, or of the promise that it returns.
    pub(crate) fn value(&self, expression: &str) -> Json {
        let expression = quote(expression);
        let parameters = format!("\"expression\":{expression},\"awaitPromise\":true,\"returnByValue\":true");
        let answer = self.call("Runtime.evaluate", &parameters);
        assert_eq!(*answer.at(&["exceptionDetails"]), Json::Null, "{expression}");
        answer.at(&["result", "value"]).clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let waiting = format!(
            "new Promise((done) => {{ const start = Date.now(); (function look() {{
                if ({expression}) done('yes');
                else if (Date.now() - start > {}) done(document.body.innerText);
                else setTimeout(look, 20); }})(); }})",
            LONG.as_millis() / 2
        );
        let found = self.value(&waiting);
        assert_eq!(found.text(), "yes", "{expression}");
    }

    /// Types into the element that has the focus.
    pub(crate) fn enter(&self, text: &str) {
        self.call("Input.insertText", &format!("\"text\":{}", quote(text)));
    }

    pub(crate) fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, ",\"text\":\"\\r\""),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("the key {key} is not known here"),
        };
        let key = quote(key);
        let parameters = format!("\"key\":{key},\"code\":{key},\"windowsVirtualKeyCode\":{code}{text}");
        self.call("Input.dispatchKeyEvent", &format!("\"type\":\"keyDown\",{parameters}"));
        self.call("Input.dispatchKeyEvent", &format!("\"type\":\"keyUp\",{parameters}"));
    }

    /// Sets the width of the page in CSS pixels.
    pub(crate) fn width(&self, width: u32) {
        self.size(width, 740);
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let size = format!("\"width\":{width},\"height\":{height},\"deviceScaleFactor\":1,\"mobile\":false");
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// The colours that the system of the user prefers: `light` or `dark`.
    pub(crate) fn colours(&self, scheme: &str) {
        let feature = format!("\"features\":[{{\"name\":\"prefers-color-scheme\",\"value\":{}}}]", quote(scheme));
        self.call("Emulation.setEmulatedMedia", &feature);
    }

    /// The accessibility tree: role and name of each node.
    pub(crate) fn accessibility_tree(&self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", "");
        let text = |node: &Json, what| match node.at(&[what, "value"]) {
            Json::Text(text) => text.clone(),
            _ => String::new(),
        };
        tree.at(&["nodes"]).list().iter().map(|node| (text(node, "role"), text(node, "name"))).collect()
    }

    /// A picture of the page, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", "\"format\":\"png\"");
        let mut picture = Vec::new();
        // Base64 by Chromium, which is not checked.
        for four in answer.at(&["data"]).text().trim_end_matches('=').as_bytes().chunks(4) {
            let digits = four.iter().map(|digit| match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                _ => 63,
            });
            let bits = digits.fold(0_u32, |bits, digit| bits << 6 | u32::from(digit)) << (6 * (4 - four.len()));
            picture.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
        }
        picture
    }
}

/// An example of this crate, built beside the test.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not there: cargo build --examples", program.display());
    program
}
