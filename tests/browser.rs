//! The pages of the examples in a real browser: Chromium, driven over its DevTools WebSocket by this crate. The chat has two tabs
//! on two server processes that are joined by a real NATS server. Needs `chromium` and `nats-server` (Debian's packages), so it
//! runs only when asked to: `cargo build --example chat --example tour --example ws && cargo test --test browser -- --ignored`.

#[path = "browser/devtools.rs"]
mod devtools;
#[path = "browser/json.rs"]
mod json;
#[path = "browser/page.rs"]
mod page;

use std::fs;
use std::process::Command;
use std::time::Instant;

use devtools::{example, Browser, Process, Tab, LONG};
use json::{quote, Json};

/// A NATS server on a port of its own choice.
fn nats() -> (Process, String) {
    let folder = std::env::temp_dir().join(format!("stdws-nats-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"]).arg(&folder);
    let (process, _) = Process::start(&mut command, "Server is ready");
    let file = folder.join(format!("nats-server_{}.ports", process.id()));
    let start = Instant::now();
    let ports = loop {
        match fs::read_to_string(&file) {
            Ok(ports) if ports.trim_end().ends_with('}') => break Json::parse(&ports),
            _ => assert!(start.elapsed() < LONG, "{} was not written", file.display()),
        }
    };
    let address = ports.at(&["nats"]).list()[0].text().trim_start_matches("nats://").to_owned();
    let _ = fs::remove_dir_all(folder);
    (process, address)
}

/// A chat server, and its address.
fn chat(address: &str, nats: &str) -> (Process, String) {
    let mut command = Command::new(example("chat"));
    Process::start(command.args(["--addr", address, "--nats", nats]), "listening on http://")
}

fn join(tab: &Tab, name: &str) {
    // Nothing but the keyboard: the focus is where it is needed.
    tab.until("document.activeElement.id === 'name'");
    tab.enter(name);
    tab.press("Enter");
}

fn joined(tab: &Tab, name: &str) {
    join(tab, name);
    tab.until("document.getElementById('state').dataset.state === 'on'");
    tab.until("document.activeElement.id === 'text'");
}

fn say(tab: &Tab, text: &str) {
    tab.enter(text);
    tab.press("Enter");
}

/// Waits for a line that reads like this, time of day aside.
fn reads(tab: &Tab, line: &str) {
    tab.until(&format!(
        "[...document.querySelectorAll('#log li')].some((li) => {{
            const copy = li.cloneNode(true); copy.querySelector('time')?.remove(); return copy.textContent === {}; }})",
        quote(line)
    ));
}

fn count(tab: &Tab, selector: &str) -> Json {
    tab.value(&format!("document.querySelectorAll({}).length", quote(selector)))
}

/// At the widths of a phone, a tablet and a desktop: nothing is cut off, the heading keeps its words, and each control is large
/// enough for a finger (44 pixels) with a visible border (3:1, WCAG 2.2 sections 1.4.11 and 2.5.5).
fn fits_every_width(tab: &Tab) {
    for width in [360, 768, 1280] {
        tab.width(width);
        tab.until(&format!("innerWidth === {width}"));
        assert_eq!(tab.value("document.documentElement.scrollWidth > innerWidth"), Json::Bool(false), "{width}");
        assert_eq!(tab.value("document.querySelector('h1').clientHeight < 70"), Json::Bool(true), "{width}");
        let small = "[...document.querySelectorAll('input, button')].filter((one) => one.offsetParent)
            .map((one) => [one.id || one.textContent, one.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name).join()";
        assert_eq!(tab.value(small), Json::Text(String::new()), "{width}");
        let contrast = "(() => {
            const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
                .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0.05);
            return 1.05 / light(getComputedStyle(document.getElementById('text')).borderTopColor) >= 3; })()";
        assert_eq!(tab.value(contrast), Json::Bool(true), "{width}");
    }
}

/// Stores a picture of the page.
pub(crate) fn keep_picture(tab: &Tab, name: &str) {
    let picture = tab.picture();
    // More than an empty page would give.
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n") && picture.len() > 5_000, "{} bytes", picture.len());
    let folder = example("chat").parent().unwrap().parent().unwrap().join("browser");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.png"));
    fs::write(&file, picture).unwrap();
    println!("a picture of the page: {}", file.display());
}

#[test]
#[ignore = "needs Chromium and nats-server; .ci/run installs both and runs this"]
fn two_tabs_talk_through_two_servers() {
    let (_nats, nats) = nats();
    let (_first, first) = chat("127.0.0.1:0", &nats);
    let (second_server, second) = chat("127.0.0.1:0", &nats);
    let browser = Browser::start();
    let ada = browser.open(&format!("http://{first}/"));
    let bob = browser.open(&format!("http://{second}/"));

    joined(&ada, "ada");
    joined(&bob, "bob");
    reads(&ada, "bob came in");

    // Messages are shown as text, never as markup.
    let markup = "<img src=x onerror=\"document.title='owned'\"> & </li><script>document.title='owned'</script> ☃";
    say(&ada, markup);
    reads(&bob, &format!("ada: {markup}"));
    reads(&ada, &format!("ada: {markup}"));
    assert_eq!(count(&bob, "#log img, #log script"), Json::Number(0.0));
    say(&bob, "good morning");
    reads(&ada, "bob: good morning");
    assert_ne!(ada.value("document.title"), Json::Text("owned".into()));
    assert_ne!(bob.value("document.title"), Json::Text("owned".into()));

    // A name can be used once in a room, and the second client is shown the reason.
    let other = browser.open(&format!("http://{first}/"));
    join(&other, "ada");
    other.until("document.getElementById('problem').textContent.includes('has this name already')");
    other.until("document.activeElement.id === 'name'");

    for wanted in [("log", "Messages"), ("textbox", "Message"), ("button", "Send"), ("status", "")] {
        let tree = ada.accessibility_tree();
        assert!(tree.iter().any(|(role, name)| (&**role, &**name) == wanted), "{wanted:?} is not in {tree:?}");
    }
    // From the message to its button, without a mouse.
    ada.press("Tab");
    ada.until("document.activeElement.textContent === 'Send'");
    ada.value("document.getElementById('text').focus()");

    // A server ends and starts again. Its clients notice both, and nothing is shown twice.
    drop(second_server);
    bob.until("document.getElementById('state').dataset.state === 'lost'");
    bob.until("!document.getElementById('retry').hidden");
    fits_every_width(&bob);
    say(&bob, "too early");
    reads(&bob, "Not sent: there is no connection at the moment.");
    assert_eq!(bob.value("document.getElementById('text').value"), Json::Text("too early".into()));
    let (_second_server, again) = chat(&second, &nats);
    assert_eq!(again, second);
    bob.until("document.getElementById('state').dataset.state === 'on'");
    reads(&ada, "bob came in");
    bob.press("Enter");
    reads(&ada, "bob: too early");
    say(&ada, "welcome back");
    reads(&bob, "ada: welcome back");
    assert_eq!(count(&bob, "#log li.other, #log li.mine"), Json::Number(4.0));

    // A text that the server does not accept returns to the input.
    for number in 0..12 {
        say(&ada, &format!("number {number}"));
    }
    ada.until("[...document.querySelectorAll('#log .note')].some((li) => li.textContent.includes('Not sent.'))");
    ada.until("document.getElementById('text').value.startsWith('number ')");

    keep_picture(&ada, "ada");
    keep_picture(&bob, "bob");
}
