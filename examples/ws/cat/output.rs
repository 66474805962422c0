//! The output of `ws cat`: one form of it for people, one for pipes, one for bytes, one in JSON.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use stdws::events::Direction;
use stdws::handshake::uri::Uri;
use stdws::{CloseInfo, Message, WebSocket};

use super::mark;
use crate::args::{Args, Failure};
use crate::terminal::{self, Colour, Paint};

/// Number of bytes shown of a binary message, without `--hex`.
const SHOWN: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The text of each message in a line.
    Lines,
    /// The bytes of each message, and nothing else.
    Bytes,
    /// Lines with a mark for the direction.
    Marked,
    /// One JSON object for each event.
    Json,
}

pub(super) struct Output {
    form: Form,
    hex: bool,
    timestamps: bool,
    /// Someone types, and has to see where.
    prompt: bool,
    /// The output is a terminal, which must not interpret what a peer sends.
    escape: bool,
    /// Openings and ends are worth a line.
    notes: bool,
    paint: Paint,
    url: String,
}

impl Output {
    pub(super) fn new(args: &Args, url: &str) -> Output {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let escape = stdout.is_terminal();
        let marks = escape || args.has("--timestamps") || args.has("--verbose");
        let form = match () {
            () if args.has("--json") => Form::Json,
            () if args.has("--binary") => Form::Bytes,
            () if marks && !args.has("--plain") => Form::Marked,
            () => Form::Lines,
        };
        let uri = Uri::parse(url).map(|uri| if args.has("--show-secrets") { uri.to_string() } else { uri.redacted() });
        Output {
            form,
            hex: args.has("--hex"),
            timestamps: args.has("--timestamps"),
            prompt: form == Form::Marked && escape && stdin.is_terminal(),
            escape,
            notes: args.has("--verbose") || io::stderr().is_terminal(),
            paint: Paint::new(&stdout, args.has("--plain")),
            url: uri.unwrap_or_default(),
        }
    }

    /// As it may be shown.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_interactive(&self) -> bool {
        self.prompt
    }

    pub(super) fn received(&self, message: &Message) -> Result<(), Failure> {
        match self.form {
            Form::Bytes => terminal::print(message.as_bytes()),
            Form::Lines => terminal::print(self.shown(message) + "\n"),
            Form::Marked => self.marked(Direction::Received, Colour::Received, &self.shown(message)),
            Form::Json => self.event("message", &self.message(Direction::Received, message)),
        }
    }

    pub(super) fn sent(&self, message: &Message) -> Result<(), Failure> {
        match self.form {
            Form::Bytes | Form::Lines => Ok(()),
            // The line that was typed is still there.
            Form::Marked if self.prompt => terminal::print("> "),
            Form::Marked => self.marked(Direction::Sent, Colour::Sent, &self.shown(message)),
            Form::Json => self.event("message", &self.message(Direction::Sent, message)),
        }
    }

    /// A control frame. Errors of the output are found by the next message.
    pub(super) fn control(&self, direction: Direction, name: &str, detail: &str) {
        let _ = match self.form {
            Form::Json => {
                self.event(name, &format!("{},\"detail\":{}", json_direction(direction), terminal::json(detail)))
            }
            Form::Marked => self.marked(direction, Colour::Control, &format!("[{name}: {detail}]")),
            Form::Lines | Form::Bytes => {
                terminal::note("cat", &format!("{} {name}: {detail}", mark(direction)));
                Ok(())
            }
        };
    }

    pub(super) fn opened(&self, ws: &WebSocket) -> Result<(), Failure> {
        if self.form == Form::Json {
            let mut fields = format!("\"url\":{}", terminal::json(&self.url));
            if let Some(subprotocol) = ws.subprotocol() {
                let _ = write!(fields, ",\"subprotocol\":{}", terminal::json(subprotocol));
            }
            return self.event("open", &fields);
        }
        self.note(&format!("connected to {}", self.url));
        if self.prompt {
            return terminal::print("> ");
        }
        Ok(())
    }

    pub(super) fn closed(&self, info: &CloseInfo) -> Result<(), Failure> {
        if self.form != Form::Json {
            let by = if info.closed_by_peer() { "the server closed" } else { "closed" };
            self.note(&format!("{by}: {info}"));
            return Ok(());
        }
        let (code, reason, by) = (info.code(), terminal::json(info.reason()), info.closed_by_peer());
        let by = if by { "server" } else { "client" };
        self.event("closed", &format!("\"code\":{code},\"reason\":{reason},\"by\":\"{by}\""))
    }

    /// A connection that was lost, and may come again.
    pub(super) fn lost(&self, cause: &str) {
        match self.form {
            Form::Json => drop(self.event("lost", &format!("\"cause\":{}", terminal::json(cause)))),
            Form::Lines | Form::Bytes | Form::Marked => terminal::note("cat", cause),
        }
    }

    /// A line that was typed and is not sent.
    pub(super) fn complain(&self, failure: &Failure) {
        terminal::note("cat", &failure.parts().0);
        if self.prompt {
            let _ = terminal::print("> ");
        }
    }

    fn note(&self, text: &str) {
        if self.notes {
            let clear = if self.prompt { "\r\x1b[K" } else { "" };
            let _ = terminal::print(clear);
            terminal::note("cat", text);
        }
    }

    fn marked(&self, direction: Direction, colour: Colour, text: &str) -> Result<(), Failure> {
        let mut line = String::new();
        if self.prompt {
            // The line that is being typed is shown again by the terminal as soon as it is changed.
            line.push_str("\r\x1b[K");
        }
        if self.timestamps {
            line.push_str(&self.paint.paint(Colour::Dim, &terminal::now()));
            line.push(' ');
        }
        line.push_str(&self.paint.paint(colour, &format!("{} {text}", mark(direction))));
        line.push_str(if self.prompt { "\n> " } else { "\n" });
        terminal::print(line)
    }

    /// The object of one event. Each has the time and the name first.
    fn event(&self, name: &str, fields: &str) -> Result<(), Failure> {
        terminal::print(format!("{{\"time\":\"{}\",\"event\":\"{name}\",{fields}}}\n", terminal::now()))
    }

    fn message(&self, direction: Direction, message: &Message) -> String {
        let direction = json_direction(direction);
        match message {
            Message::Text(text) => format!("{direction},\"type\":\"text\",\"data\":{}", terminal::json(text)),
            Message::Binary(bytes) => {
                format!("{direction},\"type\":\"binary\",\"hex\":\"{}\"", terminal::hex(bytes).replace(' ', ""))
            }
        }
    }

    fn shown(&self, message: &Message) -> String {
        match message {
            _ if self.hex => terminal::hex(message.as_bytes()),
            Message::Text(text) if self.escape => terminal::escaped(text),
            Message::Text(text) => text.clone(),
            Message::Binary(bytes) => {
                let (shown, more) = match bytes.get(..SHOWN) {
                    Some(first) if bytes.len() > SHOWN => (first, " ..."),
                    _ => (&bytes[..], ""),
                };
                format!("[{} bytes] {}{more}", bytes.len(), terminal::hex(shown)).trim_end().to_owned()
            }
        }
    }
}

fn json_direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Received => "\"direction\":\"received\"",
        Direction::Sent => "\"direction\":\"sent\"",
    }
}
