//! The arguments of a command: a table of flags, from which the parser and the help are made.
//!
//! `--flag VALUE` and `--flag=VALUE` are the same. The last of several values counts, except for flags that say "repeatable".
//! `--` ends the flags. The program of `ws run` and its arguments follow it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// Maximum number of columns of the help.
pub(crate) const WIDTH: usize = 80;

/// The column in which the description of a flag begins.
const INDENT: usize = 26;

/// The exit codes of a command that lists no others.
const CODES: &str = "Exit codes: 0 done; 1 failed; 2 called wrongly.";

/// A command of the tool.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// The operands, as in the usage line.
    pub(crate) operands: &'static str,
    /// Minimum and maximum number of operands.
    pub(crate) count: (usize, usize),
    /// One line, without a full stop.
    pub(crate) summary: &'static str,
    /// Paragraphs, separated by line feeds.
    pub(crate) about: &'static str,
    pub(crate) groups: &'static [Group],
    pub(crate) run: fn(&Args) -> Outcome,
}

/// Flags that belong together, and that several commands can have.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) flags: &'static [Flag],
}

/// A flag: its names separated by ", ", the names of its values separated by spaces, and its description.
pub(crate) struct Flag(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

/// The result of a command.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// The end of a command that did not do what was asked: one line for the user, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Exit code 1: the task failed.
    pub(crate) fn new(text: impl ToString) -> Failure {
        Failure { text: text.to_string(), code: 1 }
    }

    /// Exit code 2: the command was called wrongly.
    pub(crate) fn usage(text: impl ToString) -> Failure {
        Failure { text: text.to_string(), code: 2 }
    }

    /// The reader of the output has ended, as `head` does. Nothing is left to do, and nothing is wrong.
    pub(crate) fn reader_gone() -> Failure {
        Failure { text: String::new(), code: 0 }
    }

    /// The line, and the exit code. Without a line there is nothing to report.
    pub(crate) fn parts(&self) -> (String, u8) {
        let line = self.text.trim_end().replace('\n', "; ");
        (stdws::Message::from(line).to_string(), self.code)
    }
}

impl From<stdws::Error> for Failure {
    fn from(error: stdws::Error) -> Failure {
        match error {
            stdws::Error::Usage(_) => Failure::usage(error),
            error => Failure::new(error),
        }
    }
}

/// The arguments of one call.
#[derive(Debug)]
pub(crate) struct Args {
    /// The name of the command.
    pub(crate) command: &'static str,
    /// The first name of each flag, and its values.
    flags: Vec<(&'static str, Vec<OsString>)>,
    pub(crate) operands: Vec<OsString>,
    /// The operands behind `--`.
    pub(crate) rest: Vec<OsString>,
}

impl Args {
    /// `None`: the help was asked for.
    pub(crate) fn parse(command: &Command, mut from: impl Iterator<Item = OsString>) -> Result<Option<Args>, Failure> {
        let mut args = Args { command: command.name, flags: Vec::new(), operands: Vec::new(), rest: Vec::new() };
        while let Some(argument) = from.next() {
            let text = argument.to_str().unwrap_or_default();
            match text {
                "--help" | "-h" => return Ok(None),
                "--" => {
                    args.rest = from.collect();
                    break;
                }
                // "-" is the standard input.
                _ if text.starts_with('-') && text.len() > 1 => {
                    let flag = args.take_flag(command, text, &mut from)?;
                    args.flags.push(flag);
                }
                _ => args.operands.push(argument),
            }
        }
        let (least, most) = command.count;
        match args.operands.len() {
            count if count < least => {
                let missing = command.operands.split(' ').nth(count).unwrap_or_default();
                Err(Failure::usage(format!("{missing} is missing")))
            }
            count if count > most => {
                let extra = args.operands[most].to_string_lossy();
                Err(Failure::usage(format!("{extra:?} is one operand too many")))
            }
            _ => Ok(Some(args)),
        }
    }

    fn take_flag(
        &self,
        command: &Command,
        text: &str,
        from: &mut impl Iterator<Item = OsString>,
    ) -> Result<(&'static str, Vec<OsString>), Failure> {
        let (name, mut attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (text, None),
        };
        let known = |flag: &&Flag| flag.0.split(", ").any(|known| known == name);
        let Some(flag) = command.groups.iter().flat_map(|group| group.flags).find(known) else {
            let near = nearest(command, name).map_or_else(String::new, |near| format!(", did you mean {near}?"));
            return Err(Failure::usage(format!("there is no flag {name}{near}")));
        };
        let mut values = Vec::new();
        for value in flag.1.split_whitespace() {
            let taken = attached.take().or_else(|| from.next());
            values.push(taken.ok_or_else(|| Failure::usage(format!("{name} needs {value}")))?);
        }
        match attached {
            Some(_) => Err(Failure::usage(format!("{name} takes no value"))),
            None => Ok((first_name(flag), values)),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(known, _)| *known == name)
    }

    /// All values of the last use of a flag.
    pub(crate) fn all(&self, name: &str) -> Option<&[OsString]> {
        self.flags.iter().rev().find(|(known, _)| *known == name).map(|(_, values)| &values[..])
    }

    /// The value of a flag as a path.
    pub(crate) fn path(&self, name: &str) -> Option<&OsStr> {
        self.all(name)?.first().map(OsString::as_os_str)
    }

    /// The value of a flag.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>, Failure> {
        self.path(name).map(|value| utf8(name, value)).transpose()
    }

    /// The values of a flag that is repeatable.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let uses = self.flags.iter().filter(|(known, _)| *known == name);
        uses.flat_map(|(_, values)| values).map(|value| utf8(name, value)).collect()
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        let number = text.parse();
        number.map(Some).map_err(|_| Failure::usage(format!("{name} takes a number in its range, not {text:?}")))
    }

    /// A time in seconds, with decimals.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.map(Some).ok_or_else(|| Failure::usage(format!("{name} takes seconds, such as 1.5, not {text:?}")))
    }

    /// An operand.
    pub(crate) fn operand(&self, at: usize, name: &str) -> Result<&str, Failure> {
        let operand = self.operands.get(at).ok_or_else(|| Failure::usage(format!("{name} is missing")))?;
        utf8(name, operand)
    }

    /// Fails if two flags are given that exclude each other.
    pub(crate) fn exclude(&self, one: &str, others: &[&str]) -> Result<(), Failure> {
        match others.iter().find(|other| self.has(one) && self.has(other)) {
            Some(other) => Err(Failure::usage(format!("{one} and {other} exclude each other"))),
            None => Ok(()),
        }
    }
}

fn utf8<'a>(name: &str, value: &'a OsStr) -> Result<&'a str, Failure> {
    value.to_str().ok_or_else(|| Failure::usage(format!("the value of {name} is not UTF-8")))
}

fn first_name(flag: &Flag) -> &'static str {
    flag.0.split(", ").next().unwrap_or_default()
}

/// A flag that begins like this one.
fn nearest(command: &Command, name: &str) -> Option<&'static str> {
    let names = || command.groups.iter().flat_map(|group| group.flags).map(first_name);
    let begins = |length: usize| names().find(|known| name.len() > length && known.get(..length) == name.get(..length));
    (4..name.len()).rev().find_map(begins)
}

/// The help of a command, made from its table.
pub(crate) fn help(command: &Command) -> String {
    let mut text = String::new();
    let flags = if command.groups.is_empty() { "" } else { " [FLAG]..." };
    let _ = writeln!(text, "ws {}: {}.\n", command.name, command.summary);
    let usage = format!("usage: ws {}{flags} {}", command.name, command.operands);
    let _ = writeln!(text, "{}\n", usage.trim_end());
    let codes = if command.about.contains("Exit codes:") { "" } else { CODES };
    for paragraph in command.about.lines().chain(codes.lines()) {
        wrap(&mut text, 0, 0, paragraph);
    }
    for group in command.groups {
        let _ = writeln!(text, "\n{}:", group.title);
        for Flag(names, values, description) in group.flags {
            let head = format!("  {names} {values}");
            let head = head.trim_end();
            text.push_str(head);
            let column = if head.len() + 2 > INDENT {
                text.push('\n');
                0
            } else {
                head.len()
            };
            wrap(&mut text, column, INDENT, description);
        }
    }
    text.push_str("\n  -h, --help              print this help\n");
    text
}

/// Adds words, from this column on, in lines that begin at `indent` and end before [`WIDTH`].
pub(crate) fn wrap(to: &mut String, column: usize, indent: usize, words: &str) {
    let mut at = column;
    let mut begun = false;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if begun && at + 1 + length > WIDTH {
            to.push('\n');
            (at, begun) = (0, false);
        }
        let space = if begun { 1 } else { indent.saturating_sub(at) };
        to.extend(std::iter::repeat(' ').take(space));
        to.push_str(word);
        at += space + length;
        begun = true;
    }
    to.push('\n');
}
