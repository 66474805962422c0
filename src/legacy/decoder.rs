//! Bytes in, events out, for a version of the table. The same methods as [`protocol::decoder`](crate::protocol::decoder),
//! which does most of the work:
//!
//! ```text
//! bytes ─ (deflate-stream) ─ framing ─ frames as in RFC 6455, unmasked ─ its decoder ─ events
//!                            hixie, hybi                                 assembly, limits, text, streaming
//! ```
//!
//! One frame is translated at a time, and only when the decoder behind has used up the one before. So what is known of the
//! frame at hand (is it text that is to be replaced, which body has the Close) belongs to the event that comes of it, and
//! a fault is found only after all that came well before it has been given.

use super::deflate_stream::Unpacker;
use super::hixie::{self, ClosingFrame};
use super::hybi::{self, MaskingKey};
use super::parts::{BadText, Closing, Framing};
use super::plain::Plain;
use super::table::Row;
use super::text::Replacer;
use crate::close::CloseCode;
use crate::config::Limits;
use crate::error::Violation;
use crate::message::Kind;
use crate::protocol::buffers::Input;
use crate::protocol::decoder::{self as rfc, Event};
use crate::wire::frame::{Header, Opcode, Role};

/// Text is replaced in pieces of so many bytes, between which the limit is looked at.
const PIECE: usize = 4 << 10;

#[derive(Debug)]
enum Reader {
    Sentinel(hixie::Reader),
    Length(hybi::Reader),
}

#[derive(Debug)]
enum State {
    Open,
    /// The stream has ended, and that is how this version closes.
    Ended,
    /// A stream of text has ended inside a character: what stands for that has been given, and the end has not.
    Ending,
    Closed,
    Failed(Violation),
}

/// Where the bytes of the last event are.
#[derive(Debug, Clone, Copy)]
enum Lent {
    Frames,
    Text,
}

/// The receiving half of a connection. See the module.
#[derive(Debug)]
pub(crate) struct Decoder {
    row: &'static Row,
    limit: u64,
    state: State,
    input: Input,
    unpacker: Option<Unpacker>,
    reader: Reader,
    plain: Plain,
    frames: rfc::Decoder,
    replacer: Replacer,
    /// Text in which something was replaced.
    text: Vec<u8>,
    lent: Lent,
}

impl Decoder {
    /// `early` came behind the opening handshake.
    pub(super) fn new(
        row: &'static Row,
        role: Role,
        limits: Limits,
        early: &[u8],
        connection: MaskingKey,
        unpacker: Option<Unpacker>,
    ) -> Decoder {
        // hixie76-4.3-1
        let replaces = role == Role::Client && row.bad_text == BadText::Replaced;
        let (reader, limits) = match row.framing {
            // A frame is a message. It is passed on in as many fragments as reads it took.
            Framing::Sentinel => {
                let most = limits.frame.min(limits.message);
                let reader = hixie::Reader::new(ClosingFrame::of(row), most);
                (Reader::Sentinel(reader), Limits { fragments: u32::MAX, ..Limits::message(most) })
            }
            Framing::Length(rules) => {
                (Reader::Length(hybi::Reader::new(role, rules, connection, limits.frame)), limits)
            }
        };
        Decoder {
            row,
            limit: limits.message,
            state: State::Open,
            input: Input::new(early),
            unpacker,
            reader,
            plain: Plain::new(if replaces { Kind::Binary } else { Kind::Text }),
            // What is passed on is not masked, as if a server had sent it.
            frames: rfc::Decoder::new(Role::Client, limits, &[]),
            replacer: Replacer::default(),
            text: Vec::new(),
            lent: Lent::Frames,
        }
    }

    /// Tells of each header that is passed on, too.
    pub(crate) fn watch(&mut self) {
        self.frames.watch();
    }

    /// Bytes that were read and not used up.
    pub(crate) fn unread(&self) -> usize {
        self.input.unread().len()
    }

    /// The next event, or `None` when more bytes are needed, or after a Close.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Violation> {
        let result = self.step();
        if let Err(violation) = result {
            self.state = State::Failed(violation);
        }
        result
    }

    fn step(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            match self.state {
                State::Failed(violation) => return Err(violation),
                State::Closed => return Ok(None),
                State::Ending => {
                    self.state = State::Open;
                    return Ok(Some(Event::End));
                }
                State::Open | State::Ended => {}
            }
            if let Some(event) = self.frames.next()? {
                match self.event(event)? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if !self.translate()? {
                let ended = matches!(self.state, State::Ended);
                return Ok(ended.then(|| self.closed(None)));
            }
        }
    }

    /// Passes on what was translated, or translates up to the end of a frame. False when there is nothing to do it with.
    fn translate(&mut self) -> Result<bool, Violation> {
        let given = self.plain.give(self.frames.space());
        if given > 0 {
            self.frames.filled(given);
            return Ok(true);
        }
        let raw = match &mut self.unpacker {
            Some(unpacker) => unpacker.unread(&mut self.input)?,
            None => self.input.part(0, u64::MAX).1,
        };
        if raw.is_empty() {
            return Ok(false);
        }
        let used = match &mut self.reader {
            Reader::Sentinel(reader) => reader.read(raw, &mut self.plain)?,
            Reader::Length(reader) => reader.read(raw, &mut self.plain)?,
        };
        match &mut self.unpacker {
            Some(unpacker) => unpacker.consume(used),
            None => drop(self.input.consume(used)),
        }
        Ok(true)
    }

    /// What an event of the decoder behind means here. `None`: nothing.
    fn event(&mut self, event: Event) -> Result<Option<Event>, Violation> {
        self.lent = Lent::Frames;
        match event {
            Event::Ping | Event::Pong => Ok(Some(event)),
            Event::Close(_) => {
                let code = self.row.read_close(&self.plain.close)?.map(|(code, _)| code);
                Ok(Some(self.closed(code)))
            }
            Event::Message(_) if self.plain.replaces() => self.replaced_message().map(Some),
            Event::Begin(_) if self.plain.replaces() => {
                self.replacer = Replacer::default();
                Ok(Some(Event::Begin(Kind::Text)))
            }
            Event::Piece if self.plain.replaces() => {
                self.text.clear();
                self.replacer.push(self.frames.payload(), &mut self.text);
                self.lent = Lent::Text;
                Ok((!self.text.is_empty()).then_some(Event::Piece))
            }
            Event::End if self.plain.replaces() => {
                self.text.clear();
                self.replacer.finish(&mut self.text);
                if self.text.is_empty() {
                    return Ok(Some(Event::End));
                }
                self.lent = Lent::Text;
                self.state = State::Ending;
                Ok(Some(Event::Piece))
            }
            Event::Frame(header) if self.plain.replaces() && header.opcode == Opcode::Data(Kind::Binary) => {
                Ok(Some(Event::Frame(Header { opcode: Opcode::Data(Kind::Text), ..header })))
            }
            Event::Message(_) | Event::Begin(_) | Event::Piece | Event::End | Event::Frame(_) => Ok(Some(event)),
        }
    }

    fn closed(&mut self, code: Option<CloseCode>) -> Event {
        self.state = State::Closed;
        Event::Close(code)
    }

    fn replaced_message(&mut self) -> Result<Event, Violation> {
        let bytes = self.frames.payload();
        self.text.clear();
        if std::str::from_utf8(bytes).is_err() {
            let mut replacer = Replacer::default();
            for piece in bytes.chunks(PIECE) {
                replacer.push(piece, &mut self.text);
                admit(&self.text, self.limit)?;
            }
            replacer.finish(&mut self.text);
            admit(&self.text, self.limit)?;
            self.lent = Lent::Text;
        }
        Ok(Event::Message(Kind::Text))
    }

    /// The bytes of the last event.
    pub(crate) fn payload(&self) -> &[u8] {
        match self.lent {
            Lent::Frames => self.frames.payload(),
            Lent::Text => &self.text,
        }
    }

    /// The bytes of the last event, to keep.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        match self.lent {
            Lent::Frames => self.frames.take_payload(),
            Lent::Text => std::mem::take(&mut self.text),
        }
    }

    /// The reason in the Close that was the last event.
    pub(crate) fn reason(&self) -> &str {
        self.row.read_close(&self.plain.close).ok().flatten().map_or("", |(_, reason)| reason)
    }

    /// The body of the Close that answers it.
    pub(crate) fn answer(&self) -> Vec<u8> {
        self.row.answer(&self.plain.close)
    }

    /// The stream has ended. Whether that is how this version closes, and not in the middle of a message.
    pub(crate) fn ended(&mut self) -> bool {
        let well = matches!(self.state, State::Open) && self.row.closing == Closing::EndOfStream && !self.is_midway();
        if well {
            self.state = State::Ended;
        }
        well
    }

    /// Where to read to. Never empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// Where to read what nobody wants any more, after the last event.
    pub(crate) fn scrap(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Says how many bytes were read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
        self.input.filled(count);
    }

    /// Whether a frame or a message has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        let begun = match &self.reader {
            Reader::Sentinel(reader) => reader.is_midway(),
            Reader::Length(reader) => reader.is_midway(),
        };
        match self.state {
            State::Open | State::Ending => begun || !self.input.is_empty() || self.frames.is_midway(),
            State::Ended | State::Closed | State::Failed(_) => false,
        }
    }

    /// From here on messages are lent in pieces; see [`rfc::Decoder::stream`].
    pub(crate) fn stream(&mut self) -> Option<(Kind, Vec<u8>)> {
        let (kind, begun) = self.frames.stream()?;
        if !self.plain.replaces() {
            return Some((kind, begun));
        }
        self.replacer = Replacer::default();
        let mut text = Vec::new();
        self.replacer.push(&begun, &mut text);
        Some((Kind::Text, text))
    }

    /// Back to whole messages.
    pub(crate) fn assemble(&mut self) {
        self.frames.assemble();
        if let State::Ending = self.state {
            self.state = State::Open;
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.input.shrink();
        self.plain.shrink();
        self.frames.shrink();
        self.text = Vec::new();
        if let Some(unpacker) = &mut self.unpacker {
            unpacker.shrink();
        }
    }
}

fn admit(text: &[u8], limit: u64) -> Result<(), Violation> {
    let length = text.len() as u64;
    match length <= limit {
        true => Ok(()),
        false => Err(Violation::MessageTooBig { length, limit }),
    }
}
