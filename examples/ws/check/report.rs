//! The report of `ws check`: a row for each check, for people or as JSON.

use std::io;

use crate::args::{Args, Failure};
use crate::terminal::{self, Colour, Paint};

/// Headers of a response that hold no secret. Of all others only the name is shown.
const SHOWN: &[&str] = &[
    "Allow",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Date",
    "Retry-After",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Server",
    "Upgrade",
    "Via",
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Works, and may surprise.
    Note,
    Fail,
}

pub(super) struct Report {
    json: bool,
    secrets: bool,
    paint: Paint,
}

impl Report {
    pub(super) fn new(args: &Args) -> Report {
        let paint = Paint::new(&io::stdout(), args.has("--plain"));
        Report { json: args.has("--json"), secrets: args.has("--show-secrets"), paint }
    }

    pub(super) fn ok(&self, check: &str, detail: &str) -> Result<(), Failure> {
        self.row(Verdict::Ok, check, detail, &[])
    }

    pub(super) fn note(&self, check: &str, detail: &str) -> Result<(), Failure> {
        self.row(Verdict::Note, check, detail, &[])
    }

    /// One check. The causes are likely ones, the likeliest first.
    pub(super) fn row(&self, verdict: Verdict, check: &str, detail: &str, causes: &[String]) -> Result<(), Failure> {
        let (word, colour) = match verdict {
            Verdict::Ok => ("ok", Colour::Received),
            Verdict::Note => ("note", Colour::Control),
            Verdict::Fail => ("fail", Colour::Failed),
        };
        if self.json {
            let causes: Vec<String> = causes.iter().map(|cause| terminal::json(cause)).collect();
            let (detail, causes) = (terminal::json(detail), causes.join(","));
            return terminal::print(format!(
                "{{\"check\":\"{check}\",\"verdict\":\"{word}\",\"detail\":{detail},\"causes\":[{causes}]}}\n"
            ));
        }
        let mut lines = self.paint.paint(colour, &format!("{word:<5}"));
        lines.push_str(&format!(" {check:<12} {}\n", terminal::escaped(detail)));
        for cause in causes {
            lines.push_str(&format!("                   -> {}\n", terminal::escaped(cause)));
        }
        terminal::print(lines)
    }

    /// The headers of a response, and with them who answered.
    pub(super) fn headers<'a>(&self, headers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Failure> {
        let shown = headers.map(|(name, value)| match self.secrets || is_shown(name) {
            true => format!("{name}: {value}"),
            false => format!("{name}: ..."),
        });
        let shown = shown.collect::<Vec<_>>().join("; ");
        self.ok("headers", if shown.is_empty() { "none" } else { &shown })
    }
}

fn is_shown(name: &str) -> bool {
    SHOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
}
