//! All sinks of a run, and those of the terminal: explanations, or one JSON object an event.

use std::io;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::event::{Event, Frame, Sink, What};
use super::lock;
use super::relay::name;
use crate::args::Failure;
use crate::session::Side;
use crate::terminal::{self, Colour, Paint};

/// The sinks, and the first failure of one, which ends the tool.
pub(super) struct Sinks {
    all: Mutex<Vec<Box<dyn Sink>>>,
    failure: Mutex<Option<Failure>>,
    ending: Mutex<bool>,
    ended: Condvar,
}

impl Sinks {
    pub(super) fn new(all: Vec<Box<dyn Sink>>) -> Sinks {
        Sinks { all: Mutex::new(all), failure: Mutex::default(), ending: Mutex::default(), ended: Condvar::new() }
    }

    pub(super) fn bytes(&self, at: Duration, connection: u64, from: Side, bytes: &[u8]) {
        self.each(|sink| sink.bytes(at, connection, from, bytes));
    }

    pub(super) fn event(&self, event: &Event) {
        self.each(|sink| sink.event(event));
    }

    /// After a failure there is nothing to tell any more.
    fn each(&self, mut call: impl FnMut(&mut dyn Sink) -> Result<(), Failure>) {
        let mut all = lock(&self.all);
        let failed = all.iter_mut().find_map(|sink| call(&mut **sink).err());
        if let Some(failure) = failed {
            all.clear();
            lock(&self.failure).get_or_insert(failure);
            self.end();
        }
    }

    pub(super) fn end(&self) {
        *lock(&self.ending) = true;
        self.ended.notify_all();
    }

    pub(super) fn is_ending(&self) -> bool {
        *lock(&self.ending)
    }

    /// Waits until [`Sinks::end`] was called.
    pub(super) fn wait_for_end(&self) {
        let ending = lock(&self.ending);
        drop(self.ended.wait_while(ending, |ending| !*ending));
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        lock(&self.failure).take()
    }
}

// ── Explanations ────────────────────────────────────────────────────────────────────────────────────────────────────

pub(crate) struct Terminal {
    paint: Paint,
    /// The connection of the last line.
    connection: u64,
}

impl Terminal {
    pub(crate) fn new(plain: bool) -> Terminal {
        Terminal { paint: Paint::new(&io::stdout(), plain), connection: 0 }
    }

    fn line(&self, colour: Colour, text: &str) -> String {
        self.paint.paint(colour, text) + "\n"
    }
}

impl Sink for Terminal {
    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        let number = event.connection;
        let mut out = String::new();
        if number != self.connection && !matches!(event.what, What::Opened { .. }) {
            out += &self.line(Colour::Dim, &format!("\n--- connection {number}"));
        }
        self.connection = number;
        match &event.what {
            What::Opened { client, server } => {
                out += &self.line(Colour::Dim, &format!("\n--- connection {number}: {client} -> {server}"));
            }
            What::Head(head) => out += &self.paint_all(&head.text),
            What::Frame(frame) => out += &self.paint_all(&frame_text(frame)),
            What::Bytes { from, length, text } if text.is_empty() => {
                out += &self.line(Colour::Dim, &format!("\n{}: {length} bytes", name(*from)));
            }
            What::Bytes { text, .. } => out += &self.paint_all(text),
            What::Fault { from, text } => {
                out += &self.line(Colour::Failed, &format!("\nFAULT  what the {} sends: {text}", name(*from)));
            }
            What::HalfClosed { from } => {
                out += &self.line(Colour::Dim, &format!("\nThe {} has ended its direction.", name(*from)));
            }
            What::Ended { reason } => {
                out += &self.line(Colour::Dim, &format!("\nConnection {number} is closed: {reason}."));
            }
        }
        terminal::print(out)
    }
}

impl Terminal {
    /// The title of a frame has the colour of its direction, and a broken rule that of failures.
    fn paint_all(&self, text: &str) -> String {
        let colour = |line: &str| match line {
            _ if line.starts_with("client ->") => Some(Colour::Sent),
            _ if line.starts_with("server ->") => Some(Colour::Received),
            _ if line.starts_with("    BROKEN RULE") => Some(Colour::Failed),
            _ => None,
        };
        let paint = |line: &str| colour(line).map_or_else(|| format!("{line}\n"), |colour| self.line(colour, line));
        text.lines().map(paint).collect()
    }
}

/// The explanation. Of a frame after the end of the connection there is a line.
fn frame_text(frame: &Frame) -> String {
    let mut text = frame.text.clone();
    if text.is_empty() {
        let (from, kind, length) = (name(frame.from), frame.opcode_name(), frame.length);
        text = format!("\n{from}: {kind} frame with {length} bytes, after the end of the connection\n");
    }
    text
}

// ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// One flat object a line, as those of `ws cat --json`.
pub(crate) struct Json;

impl Sink for Json {
    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        terminal::print(json(event))
    }
}

/// The first line, which says where the tool listens.
pub(super) fn listening(url: &str, page: Option<&str>) -> String {
    let page = page.map(|page| format!(",\"page\":{}", terminal::json(page))).unwrap_or_default();
    let time = terminal::now();
    format!("{{\"time\":\"{time}\",\"event\":\"listening\",\"url\":{}{page}}}\n", terminal::json(url))
}

/// The line of an event, with its end.
pub(crate) fn json(event: &Event) -> String {
    let mut line = format!(
        "{{\"time\":\"{}\",\"event\":\"{}\",\"connection\":{}",
        terminal::utc(event.at),
        event.what.name(),
        event.connection
    );
    let mut add = |name: &str, value: String| line += &format!(",\"{name}\":{value}");
    match &event.what {
        What::Opened { client, server } => {
            add("client", format!("\"{client}\""));
            add("server", format!("\"{server}\""));
        }
        What::Head(head) => {
            add("from", quoted(head.from));
            add("length", head.length.to_string());
            add("line", terminal::json(&head.line));
            add("opens", format!("\"{:?}\"", head.opens).to_lowercase());
            add("text", terminal::json(&head.text));
        }
        What::Frame(frame) => frame_json(frame, add),
        What::Bytes { from, length, text } => {
            add("from", quoted(*from));
            add("length", length.to_string());
            add("text", terminal::json(text));
        }
        What::Fault { from, text } => {
            add("from", quoted(*from));
            add("text", terminal::json(text));
        }
        What::HalfClosed { from } => add("from", quoted(*from)),
        What::Ended { reason } => add("reason", terminal::json(reason)),
    }
    line + "}\n"
}

fn quoted(side: Side) -> String {
    format!("\"{}\"", name(side))
}

fn frame_json(frame: &Frame, mut add: impl FnMut(&str, String)) {
    let hex = |bytes: &[u8]| format!("\"{}\"", terminal::hex(bytes).replace(' ', ""));
    add("from", quoted(frame.from));
    add("number", frame.number.to_string());
    add("opcode", frame.opcode.to_string());
    add("name", format!("\"{}\"", frame.opcode_name()));
    add("fin", frame.fin.to_string());
    add("rsv", frame.rsv.to_string());
    add("length", frame.length.to_string());
    add("received", frame.received.to_string());
    add("header", hex(&frame.header));
    if let Some(key) = frame.key {
        add("key", hex(&key));
        add("wire", hex(&frame.wire));
    }
    add("payload", hex(&frame.payload));
    if let Some(inflated) = &frame.inflated {
        add("inflated", hex(&inflated.bytes));
        add("inflated_length", inflated.length.to_string());
    }
    if let Some(broken) = &frame.broken {
        add("requirement", terminal::json(broken.requirement));
        add("broken", terminal::json(&broken.text));
    }
    add("text", terminal::json(&frame.text));
}
