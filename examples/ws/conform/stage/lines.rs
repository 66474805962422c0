//! A program that answers lines: started, asked, and ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::super::case::{Finding, Verdict};
use super::super::report::Row;
use crate::args::Failure;

/// One line for the program.
pub(super) struct Question {
    /// The requirement that it is about.
    pub(super) id: &'static str,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) line: String,
    pub(super) answer: String,
    /// What is wrong with another answer, if that is known.
    pub(super) hint: fn(line: &str, right: &str, wrong: &str) -> String,
}

/// Maximum number of bytes in an answer.
const MAX_LINE: u64 = 4 << 20;

/// A program that runs. It is killed when this is dropped.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(command: &[OsString]) -> Result<Program, Failure> {
        let (name, arguments) = command.split_first().ok_or_else(|| Failure::usage("a program is missing"))?;
        let shown = name.to_string_lossy();
        let started = Command::new(name).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| Failure::new(format!("{shown}: {error}")))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = mpsc::channel();
        let stdout = stdout.ok_or_else(|| Failure::new("the program has no output"))?;
        thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    return;
                }
            }
        });
        Ok(Program { child, stdin, lines })
    }

    /// The answer, or why there is none.
    fn ask(&mut self, line: &str, wait: Duration) -> Result<String, String> {
        if let Some(stdin) = &mut self.stdin {
            // A program that has ended is found by its output.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
        }
        match self.lines.recv_timeout(wait) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("no line within {} s: does the program flush its output?", wait.as_secs_f32()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(match self.child.wait() {
                Ok(status) => format!("the program ended ({status}) instead of answering"),
                Err(error) => format!("the program ended: {error}"),
            }),
        }
    }
}

/// Asks all questions. After one without an answer, no more are asked.
pub(super) fn run(command: &[OsString], questions: Vec<Question>, wait: Duration) -> Result<Vec<Row>, Failure> {
    let mut program = Program::start(command)?;
    let (mut rows, mut dead) = (Vec::new(), false);
    for question in questions {
        let (verdict, seen) = match dead {
            true => (Verdict::Unseen, "not asked, because the program did not answer before".to_owned()),
            false => match program.ask(&question.line, wait) {
                Ok(answer) if answer == question.answer => (Verdict::Pass, answer),
                Ok(answer) => {
                    let hint = (question.hint)(&question.line, &question.answer, &answer);
                    (Verdict::Fail, format!("{}: {hint}", short(&answer)))
                }
                Err(text) => {
                    dead = true;
                    (Verdict::Fail, text)
                }
            },
        };
        let (sent, expected) = (short(&question.line), short(&question.answer));
        let finding = Finding { verdict, sent, expected, seen, note: String::new() };
        rows.push(Row { area: "stage", id: question.id, name: question.name, title: question.title, finding });
    }
    Ok(rows)
}

/// The beginning of a long line.
fn short(line: &str) -> String {
    match line.char_indices().nth(160) {
        Some((at, _)) => format!("{}... ({} characters)", line.get(..at).unwrap_or_default(), line.len()),
        None if line.is_empty() => "an empty line".to_owned(),
        None => line.to_owned(),
    }
}
