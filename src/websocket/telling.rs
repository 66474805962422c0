//! What a connection tells of itself, if anyone listens: see [`Event`](crate::trace::Event).
//!
//! Frames are made where locks are held. So they are noted there, with the writer, and told by whoever has let go of it.
//! A frame that an event handler asked for is not noted at all ([`Origin`]); and whoever is in a handler leaves the notes
//! where they are, for the next one who is not.

use std::io;
use std::mem;
use std::sync::Arc;

use super::codec::{Decoder, Encoder, Rest};
use super::link::{Link, Writer};
use super::WebSocket;
use crate::close::CloseCode;
use crate::error::Error;
use crate::lock::assert_unlocked;
use crate::message::Kind;
use crate::trace::{Direction, Frame, FrameKind, Origin, Watch, What};
use crate::transport::outbox::Outbox;
use crate::wire::frame::{parse, Context, Header, Opcode, Role};

/// A frame that was made, and the code if it is a Close that has one.
#[derive(Debug)]
pub(super) struct Note(Frame, Option<CloseCode>);

fn frame(opcode: Opcode, fin: bool, compressed: bool, size: u64) -> Frame {
    let opcode = match opcode {
        Opcode::Continuation => FrameKind::Continuation,
        Opcode::Data(Kind::Text) => FrameKind::Text,
        Opcode::Data(Kind::Binary) => FrameKind::Binary,
        Opcode::Close => FrameKind::Close,
        Opcode::Ping => FrameKind::Ping,
        Opcode::Pong => FrameKind::Pong,
    };
    Frame { opcode, fin, compressed, size }
}

/// What was received. For the decoder's events of this kind.
pub(super) fn received(header: &Header) -> What {
    What::Frame(Direction::Received, frame(header.opcode, header.fin, header.rsv1, header.length))
}

impl Decoder {
    /// Tells of each header too. See [`Decoder::watch`](crate::protocol::decoder::Decoder::watch).
    pub(super) fn watch(&mut self) {
        match self {
            Decoder::Rfc(decoder) => decoder.watch(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.watch(),
        }
    }

    /// Bytes that were read and not used up.
    pub(super) fn unread(&self) -> usize {
        match self {
            Decoder::Rfc(decoder) => decoder.unread(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.unread(),
        }
    }
}

impl Writer {
    pub(super) fn new(encoder: Encoder) -> Writer {
        Writer { encoder, outbox: Outbox::default(), notes: None }
    }

    /// Where frames are to be noted, if they are.
    #[inline]
    fn notes(&mut self, origin: impl FnOnce() -> Origin) -> Option<&mut Vec<Note>> {
        self.notes.as_mut().filter(|_| origin() == Origin::Outside)
    }

    /// Appends a whole frame that this thread asks for.
    #[inline]
    pub(super) fn frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.frame_of(Origin::current, fin, opcode, payload)
    }

    /// Appends a whole frame that was asked for there.
    #[inline]
    pub(super) fn frame_of(
        &mut self,
        origin: impl FnOnce() -> Origin,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        self.encoder.frame(self.outbox.bytes(), fin, opcode, payload)?;
        if let Some(notes) = self.notes(origin) {
            let code = payload.first_chunk().filter(|_| opcode == Opcode::Close);
            let code = code.map(|code| CloseCode::new(u16::from_be_bytes(*code)));
            notes.push(Note(frame(opcode, fin, false, payload.len() as u64), code));
        }
        Ok(())
    }

    /// Begins a large frame.
    pub(super) fn begin(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<Rest> {
        let rest = self.encoder.begin(self.outbox.bytes(), fin, opcode, payload)?;
        if let Some(notes) = self.notes(Origin::current) {
            notes.push(Note(frame(opcode, fin, false, payload.len() as u64), None));
        }
        Ok(rest)
    }

    /// Appends a whole frame that others send too.
    pub(super) fn share(&mut self, bytes: Arc<[u8]>, origin: Origin) {
        if let Some(notes) = self.notes(|| origin) {
            // It was made by a server: no mask, and an opcode and a length that are right.
            let context = Context { role: Role::Client, open: false, compression: true };
            if let Ok(Some(header)) = parse(&bytes, context) {
                notes.push(Note(frame(header.opcode, header.fin, header.rsv1, header.length), None));
            }
        }
        self.outbox.share(bytes);
    }

    /// Appends a frame of a compressed message.
    pub(super) fn compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> io::Result<()> {
        let size = self.encoder.compressed(self.outbox.bytes(), fin, opcode, plain)?;
        if let Some(notes) = self.notes(Origin::current) {
            notes.push(Note(frame(opcode, fin, opcode != Opcode::Continuation, size as u64), None));
        }
        Ok(())
    }
}

impl WebSocket {
    /// The number of this connection in [events](crate::trace::Event), for lines in a log that belong together. `None` if no
    /// closure was given to [`Client::on_event`](crate::Client::on_event) or [`Server::on_event`](crate::Server::on_event).
    pub fn number(&self) -> Option<u64> {
        self.about.watch.number()
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.about.watch
    }
}

impl Link {
    /// Tells of the frames that were made. The caller holds neither the gate nor the token. When another thread has
    /// the token, that one tells.
    #[inline]
    pub(super) fn tell_sent(&self) {
        assert_unlocked();
        if self.watch.listens() && Origin::current() == Origin::Outside {
            self.tell_notes();
        }
    }

    #[cold]
    fn tell_notes(&self) {
        let notes = self.gate().writer.as_mut().and_then(|writer| writer.notes.as_mut().map(mem::take));
        self.tell(notes.unwrap_or_default());
    }

    /// Tells of these. The caller holds neither the gate nor the token.
    pub(super) fn tell(&self, notes: Vec<Note>) {
        assert_unlocked();
        for Note(frame, code) in notes {
            self.watch.tell(|| What::Frame(Direction::Sent, frame));
            if frame.opcode == FrameKind::Close {
                self.watch.tell(|| What::Close(Direction::Sent, code));
            }
        }
    }

    /// Tells that the connection is over, once, and how.
    pub(super) fn tell_end(&self) {
        if !self.watch.ends() {
            return;
        }
        self.tell_sent();
        let end = self.end().unwrap_or(Error::Closed(None));
        if let Error::Timeout(step) = end {
            self.watch.tell(|| What::Timeout(step));
        }
        self.watch.tell(|| What::Ended(end));
    }
}
