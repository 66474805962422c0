//! What all commands share for a terminal: colour, escaping, times, JSON strings, an output whose reader may end, and a line
//! that shows progress.

use std::env;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::args::{Failure, WIDTH};

/// Colours, by their numbers in ECMA-48 "select graphic rendition".
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Received = 32,
    Sent = 36,
    Control = 33,
    Failed = 31,
    Dim = 2,
}

/// Whether an output has colours: on a terminal, without `NO_COLOR` and without `--plain`.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    pub(crate) fn new(output: &impl IsTerminal, plain: bool) -> Paint {
        // https://no-color.org: any value that is not empty.
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint(output.is_terminal() && !plain && !refused)
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
            false => text.to_owned(),
        }
    }
}

/// Text of a peer for a terminal, which must not interpret its control characters.
pub(crate) fn escaped(text: &str) -> String {
    stdws::Message::from(text).to_string()
}

/// Bytes in hexadecimal, separated by spaces.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (n, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}{byte:02x}", if n == 0 { "" } else { " " });
    }
    text
}

/// A string in JSON, with its quotes.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // Valid in JSON, and control characters or line ends in other places.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// The time in UTC with milliseconds (RFC 3339).
pub(crate) fn now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time since 1970 (RFC 3339).
pub(crate) fn utc(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that the leap day is the last one, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since_1970.subsec_millis())
}

/// The failure for an output that could not be written.
pub(crate) fn output_failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(format!("the output could not be written: {error}")),
    }
}

/// Writes to the standard output, and flushes it.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let _kept_away = if io::stdout().is_terminal() { without_progress() } else { None };
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|error| output_failure(&error))
}

/// Writes a line to the standard error output, whose reader may have ended.
pub(crate) fn note(command: &str, text: &str) {
    let _kept_away = without_progress();
    let _ = writeln!(io::stderr(), "ws {command}: {text}");
}

/// Number of [`Waiting`] that show themselves. There is none without a terminal.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether a line of progress is on the terminal. Held while one writes to the terminal, so that lines do not mix.
static IS_SHOWN: Mutex<bool> = Mutex::new(false);

/// Maximum number of columns of a line of progress. A longer one could not be cleared where it wraps.
const COLUMNS: usize = WIDTH - 1;

/// Clears the line of progress, and keeps it away until the result is dropped.
fn without_progress() -> Option<MutexGuard<'static, bool>> {
    if WAITING.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut is_shown = IS_SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::take(&mut *is_shown) {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    Some(is_shown)
}

fn show_progress(line: &str) {
    let line: String = line.chars().take(COLUMNS).collect();
    if let Some(mut is_shown) = without_progress() {
        let _ = write!(io::stderr(), "{line}");
        *is_shown = true;
    }
}

/// Shows on a terminal how long something takes, from the first second until this is dropped.
pub(crate) struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    pub(crate) fn start(command: &'static str, text: String) -> Waiting {
        Waiting::counting(command, move || text.clone())
    }

    /// The same, with a text that changes. It is asked for once a second, and is one line of what is not secret.
    pub(crate) fn counting(command: &'static str, text: impl Fn() -> String + Send + 'static) -> Waiting {
        if !io::stderr().is_terminal() {
            return Waiting(None);
        }
        let (sender, ended) = mpsc::channel();
        let showing = thread::Builder::new().spawn(move || {
            let mut seconds = 0;
            while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                seconds += 1;
                show_progress(&format!("ws {command}: {} ... {seconds} s", text()));
            }
        });
        let Ok(showing) = showing else { return Waiting(None) };
        WAITING.fetch_add(1, Ordering::AcqRel);
        Waiting(Some((sender, showing)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((sender, showing)) = self.0.take() {
            drop(sender);
            // Nothing is written over what follows.
            let _ = showing.join();
            drop(without_progress());
            WAITING.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A bar that is filled as far as `done`, from 0 to 1.
pub(crate) fn bar(done: f64) -> String {
    const CELLS: usize = 20;
    let filled = (done.clamp(0.0, 1.0) * CELLS as f64) as usize;
    format!("[{}{}]", "#".repeat(filled), ".".repeat(CELLS - filled))
}
