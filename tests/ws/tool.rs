//! A run of the tool as a child process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A tool that takes longer hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

/// The program, built beside the test.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
    let program = folder.join(format!("ws{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not there: cargo build --example ws", program.display());
    program
}

/// The program as a shell calls it, which adds arguments.
#[cfg(target_os = "linux")]
pub(crate) fn in_a_shell() -> String {
    format!("{} '{}'", crate::starting::EMULATOR, program().display())
}

/// A call of the tool, without the variables that change what it does.
pub(crate) fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = crate::starting::command(program());
    command.args(args).env_remove("WS_PASSWORD").env_remove("WS_PROXY_PASSWORD").env_remove("NO_COLOR");
    command
}

/// What a run of the tool wrote, and its exit code.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Fails unless the exit code is this one.
    pub(crate) fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, code, "{:?}, {:?}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }
}

/// Runs the tool with this input until it ends.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, input: impl AsRef<[u8]>) -> Run {
    run_command(command(args), input)
}

pub(crate) fn run_command(command: Command, input: impl AsRef<[u8]>) -> Run {
    let mut tool = Tool::start_command(command);
    let mut stdin = tool.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // The tool may end before it has read everything.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let mut stdout = tool.child.stdout.take().unwrap();
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let code = tool.wait();
    writing.join().unwrap();
    Run { code, stdout: reading.join().unwrap(), stderr: tool.stderr() }
}

/// A tool that runs. It is killed when this is dropped.
pub(crate) struct Tool {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stderr: Option<JoinHandle<String>>,
}

impl Tool {
    pub(crate) fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Tool {
        Tool::start_command(command(args))
    }

    pub(crate) fn start_command(mut command: Command) -> Tool {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Tool { stdin: child.stdin.take(), child, stderr: Some(stderr) }
    }

    /// The lines of the output, as they come.
    pub(crate) fn output(&mut self) -> Lines {
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Lines(lines)
    }

    /// The exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("the tool was killed");
            }
            if start.elapsed() > WATCHDOG {
                let _ = self.child.kill();
                panic!("the tool does not end: {}", self.stderr());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The error output of a tool that has ended.
    pub(crate) fn stderr(&mut self) -> String {
        self.stderr.take().unwrap().join().unwrap()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of an output.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn next(&self) -> String {
        self.0.recv_timeout(WATCHDOG).expect("another line")
    }

    /// Skips lines until one has this text.
    #[allow(dead_code)]
    pub(crate) fn until(&self, text: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(text) {
                return line;
            }
        }
    }
}

/// A folder of one test, which is removed afterwards.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ws-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
