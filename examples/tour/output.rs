//! The text on the standard output: at most 100 columns, plain ASCII, with colours only on a terminal. And how a tour fails.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};

/// Maximum number of columns of a line.
pub(super) const WIDTH: usize = 100;

/// Why the tour ended early.
pub(super) enum Failure {
    Output(io::Error),
    Tour(Box<dyn Error>),
}

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Tour(error.into())
    }
}

/// The standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Plain,
    Coloured,
}

impl Output {
    /// Chooses by the standard output and the environment.
    pub(super) fn new() -> Output {
        Output::choose(io::stdout().is_terminal(), |name| env::var_os(name))
    }

    /// Colours need a terminal that has them and no `NO_COLOR` (<https://no-color.org>). The console of Windows shows them in
    /// Windows Terminal, which sets `WT_SESSION`.
    pub(crate) fn choose<Value: AsRef<OsStr>>(is_terminal: bool, variable: impl Fn(&str) -> Option<Value>) -> Output {
        let value = |name| variable(name).filter(|value| !value.as_ref().is_empty());
        let has_colours = match value("TERM") {
            Some(term) => term.as_ref() != "dumb",
            None => value("WT_SESSION").is_some(),
        };
        match is_terminal && has_colours && value("NO_COLOR").is_none() {
            true => Output::Coloured,
            false => Output::Plain,
        }
    }

    pub(super) fn print(self, text: &str) -> Result<(), Failure> {
        let painted = match self {
            Output::Plain => text.to_owned(),
            Output::Coloured => text.split_inclusive('\n').map(paint).collect(),
        };
        let mut out = io::stdout().lock();
        out.write_all(painted.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    pub(super) fn title(self, title: &str) -> Result<(), Failure> {
        let fill = (WIDTH - 6).saturating_sub(title.len());
        self.print(&format!("\n\n==== {title} {:=<fill$}\n", ""))
    }

    pub(super) fn heading(self, title: &str, text: &str) -> Result<(), Failure> {
        self.title(title)?;
        self.print(&format!("\n{text}\n"))
    }

    /// The result of a call, or what one side does next.
    pub(super) fn outcome(self, text: &str) -> Result<(), Failure> {
        self.print(&format!("\n{}", wrap("==> ", "    ", text)))
    }

    /// The section and the requirements that a part of the tour shows.
    pub(super) fn behind(self, text: &str) -> Result<(), Failure> {
        self.print(&format!("\n{}", wrap("Behind it: ", "           ", text)))
    }
}

/// Words in lines of at most [`WIDTH`] columns, the first line after `first`, the others after `next`.
pub(super) fn wrap(first: &str, next: &str, text: &str) -> String {
    let (mut lines, mut line) = (String::new(), first.to_owned());
    for word in text.split_whitespace() {
        if line.len() + word.len() > WIDTH && line.trim_end().len() > next.trim_end().len() {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = next.to_owned();
        }
        line.push_str(word);
        line.push(' ');
    }
    lines + line.trim_end() + "\n"
}

/// A line in its colour. The reset precedes the line feed.
fn paint(line: &str) -> String {
    let content = line.trim_end_matches('\n');
    let starts = |beginnings: &[&str]| beginnings.iter().any(|start| content.starts_with(start));
    let colour = match content.trim_start() {
        rule if rule.starts_with("BROKEN RULE") => "31",
        _ if starts(&["===="]) => "1",
        _ if starts(&["client -> "]) => "36",
        _ if starts(&["server -> ", "proxy -> "]) => "32",
        _ if starts(&["==> "]) => "33",
        _ if starts(&["Behind it: "]) => "2",
        _ => return line.to_owned(),
    };
    format!("\x1b[{colour}m{content}\x1b[0m{}", &line[content.len()..])
}
