//! A process with pipes: its input as a bounded queue, and its end, which leaves no zombie.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum number of bytes that wait for a program. A larger message waits for an empty queue.
const CAPACITY: usize = 256 << 10;

/// Maximum time in which the last errors of a program reach the log.
pub(super) const LOG: Duration = Duration::from_secs(5);

/// A program that was started. Its drop ends it.
pub(super) struct Process {
    child: Mutex<Child>,
    pub(super) feed: Arc<Feed>,
    grace: Duration,
    id: u32,
    /// Disconnected when all of its errors are in the log.
    logged: Mutex<Option<Receiver<()>>>,
}

impl Process {
    /// Starts a program, and the thread that writes its input.
    pub(super) fn start(mut spawn: Command, grace: Duration) -> io::Result<(Process, ChildStdout, ChildStderr)> {
        let pipes = spawn.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn()?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let id = child.id();
        let process = Process { child: Mutex::new(child), feed: Arc::default(), grace, id, logged: Mutex::default() };
        let (Some(input), Some(output), Some(errors)) = streams else {
            return Err(io::Error::other("a pipe of the program is missing"));
        };
        let feed = process.feed.clone();
        thread::Builder::new().spawn(move || feed.write_to(input))?;
        Ok((process, output, errors))
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn set_logged(&self, logged: Receiver<()>) {
        *lock(&self.logged) = Some(logged);
    }

    /// Ends the input, waits for the end of the program, kills it after the grace, and reaps it.
    pub(super) fn end(&self) -> Option<ExitStatus> {
        let status = self.reap();
        let logged = lock(&self.logged).take();
        if let Some(logged) = logged {
            // A program that it has started may still write to the same pipe.
            let _ = logged.recv_timeout(LOG);
        }
        status
    }

    fn reap(&self) -> Option<ExitStatus> {
        self.feed.close();
        let start = Instant::now();
        loop {
            let mut child = lock(&self.child);
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < self.grace => {}
                Ok(None) | Err(_) => {
                    // It may have ended meanwhile.
                    let _ = child.kill();
                    return child.wait().ok();
                }
            }
            drop(child);
            // `std` has no wait with a limit.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The result of [`Feed::push`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Push {
    Taken,
    /// The program has closed its input, or has ended.
    Closed,
    /// The queue stayed full.
    Stalled,
}

/// What waits for the input of a program.
#[derive(Default)]
pub(super) struct Feed {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Nothing more is added. What is queued is still written.
    closed: bool,
}

impl Feed {
    /// Adds a message. Waits for room for this long.
    pub(super) fn push(&self, message: Vec<u8>, limit: Duration) -> Push {
        let is_full = |queue: &mut Queue| {
            !queue.closed && queue.bytes > 0 && queue.bytes.saturating_add(message.len()) > CAPACITY
        };
        let waited = self.changed.wait_timeout_while(lock(&self.queue), limit, is_full);
        let (mut queue, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Push::Closed;
        }
        if timeout.timed_out() {
            return Push::Stalled;
        }
        queue.bytes += message.len();
        queue.messages.push_back(message);
        drop(queue);
        self.changed.notify_all();
        Push::Taken
    }

    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
        self.changed.notify_all();
    }

    /// Writes all messages. The drop of the pipe is the end of the input.
    fn write_to(&self, mut input: ChildStdin) {
        loop {
            let wait = |queue: &mut Queue| queue.messages.is_empty() && !queue.closed;
            let waited = self.changed.wait_while(lock(&self.queue), wait);
            let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
            let Some(message) = queue.messages.pop_front() else { return };
            drop(queue);
            let result = input.write_all(&message).and_then(|()| input.flush());
            let mut queue = lock(&self.queue);
            queue.bytes -= message.len();
            if result.is_err() {
                (queue.closed, queue.bytes) = (true, 0);
                queue.messages.clear();
            }
            drop(queue);
            self.changed.notify_all();
        }
    }
}

/// A line without its line feed, at most this long. `None`: the end.
pub(super) fn line(from: &mut impl BufRead, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(Some(line))
}

/// Whether there is such a program. Only on Unix, where the names of programs are those of their files.
pub(super) fn is_found(name: &OsStr) -> bool {
    let has_folder = std::path::Path::new(name).components().count() > 1;
    let folders = std::env::var_os("PATH").unwrap_or_default();
    !cfg!(unix)
        || (has_folder && std::path::Path::new(name).is_file())
        || (!has_folder && std::env::split_paths(&folders).any(|folder| folder.join(name).is_file()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
