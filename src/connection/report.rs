//! What a connection tells of itself, if anyone listens: see [`Event`](crate::events::event::Event).
//!
//! Frames are made where locks are held. So they are noted there, with the writer, and told by whoever has let go of it.
//! A frame that an event handler asked for is not noted at all ([`Origin`]); and whoever is in a handler leaves the notes
//! where they are, for the next one who is not.

use std::io;
use std::mem;
use std::sync::Arc;

use super::framing::{Decoder, Encoder, RemainingPayload};
use super::shared::{Connection, Writer};
use super::websocket::WebSocket;
use crate::close::CloseCode;
use crate::codec::frame::{parse, Context, Header, Opcode, Role};
use crate::error::Error;
use crate::events::event::{Direction, EventKind, FrameInfo, FrameKind};
use crate::events::sink::{EventSink, Origin};
use crate::message::MessageKind;
use crate::net::write_buffer::WriteBuffer;
use crate::primitives::lock::assert_unlocked;

/// A frame that was made, and the code if it is a Close that has one.
#[derive(Debug)]
pub(crate) struct FrameNote(FrameInfo, Option<CloseCode>);

fn describe_frame(opcode: Opcode, fin: bool, compressed: bool, size: u64) -> FrameInfo {
    let opcode = match opcode {
        Opcode::Continuation => FrameKind::Continuation,
        Opcode::Data(MessageKind::Text) => FrameKind::Text,
        Opcode::Data(MessageKind::Binary) => FrameKind::Binary,
        Opcode::Close => FrameKind::Close,
        Opcode::Ping => FrameKind::Ping,
        Opcode::Pong => FrameKind::Pong,
    };
    FrameInfo { opcode, fin, compressed, payload_len: size }
}

/// What was received. For the decoder's events of this kind.
pub(crate) fn frame_received(header: &Header) -> EventKind {
    EventKind::Frame(Direction::Received, describe_frame(header.opcode, header.fin, header.rsv1, header.length))
}

impl Decoder {
    /// Tells of each header too. See [`Decoder::report_headers`](crate::codec::decoder::Decoder::report_headers).
    pub(crate) fn report_headers(&mut self) {
        match self {
            Decoder::Rfc6455(decoder) => decoder.report_headers(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.report_headers(),
        }
    }

    /// Bytes that were read and not used up.
    pub(crate) fn unread(&self) -> usize {
        match self {
            Decoder::Rfc6455(decoder) => decoder.unread(),
            #[cfg(feature = "legacy")]
            Decoder::Draft(decoder) => decoder.unread(),
        }
    }
}

impl Writer {
    pub(crate) fn new(encoder: Encoder) -> Writer {
        Writer { encoder, buffer: WriteBuffer::default(), frame_notes: None }
    }

    /// Where frames are to be noted, if they are.
    #[inline]
    fn frame_notes(&mut self, origin: impl FnOnce() -> Origin) -> Option<&mut Vec<FrameNote>> {
        self.frame_notes.as_mut().filter(|_| origin() == Origin::Outside)
    }

    /// Appends a whole frame that this thread asks for.
    #[inline]
    pub(crate) fn append_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.frame_of(Origin::current, fin, opcode, payload)
    }

    /// Appends a whole frame that was asked for there.
    #[inline]
    pub(crate) fn frame_of(
        &mut self,
        origin: impl FnOnce() -> Origin,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        self.encoder.encode_frame(self.buffer.bytes(), fin, opcode, payload)?;
        if let Some(frame_notes) = self.frame_notes(origin) {
            let code = payload.first_chunk().filter(|_| opcode == Opcode::Close);
            let code = code.map(|code| CloseCode::new(u16::from_be_bytes(*code)));
            frame_notes.push(FrameNote(describe_frame(opcode, fin, false, payload.len() as u64), code));
        }
        Ok(())
    }

    /// Begins a large frame.
    pub(crate) fn begin_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<RemainingPayload> {
        let rest = self.encoder.begin_frame(self.buffer.bytes(), fin, opcode, payload)?;
        if let Some(frame_notes) = self.frame_notes(Origin::current) {
            frame_notes.push(FrameNote(describe_frame(opcode, fin, false, payload.len() as u64), None));
        }
        Ok(rest)
    }

    /// Appends a whole frame that others send too.
    pub(crate) fn append_shared(&mut self, bytes: Arc<[u8]>, origin: Origin) {
        if let Some(frame_notes) = self.frame_notes(|| origin) {
            // It was made by a server: no mask, and an opcode and a length that are right.
            let context = Context { role: Role::Client, open: false, compression: true };
            if let Ok(Some(header)) = parse(&bytes, context) {
                frame_notes
                    .push(FrameNote(describe_frame(header.opcode, header.fin, header.rsv1, header.length), None));
            }
        }
        self.buffer.append_shared(bytes);
    }

    /// Appends a frame of a compressed message.
    pub(crate) fn append_compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> io::Result<()> {
        let size = self.encoder.encode_compressed(self.buffer.bytes(), fin, opcode, plain)?;
        if let Some(frame_notes) = self.frame_notes(Origin::current) {
            frame_notes.push(FrameNote(describe_frame(opcode, fin, opcode != Opcode::Continuation, size as u64), None));
        }
        Ok(())
    }
}

impl WebSocket {
    /// The number of this connection in [events](crate::events::event::Event), for lines in a log that belong together. `None` if no
    /// closure was given to [`Client::on_event`](crate::Client::on_event) or [`Server::on_event`](crate::Server::on_event).
    pub fn connection_id(&self) -> Option<u64> {
        self.info.events.connection_id()
    }

    pub(crate) fn events(&self) -> &EventSink {
        &self.info.events
    }
}

impl Connection {
    /// Tells of the frames that were made. The caller holds neither the gate nor the token. When another thread has
    /// the token, that one tells.
    #[inline]
    pub(crate) fn emit_sent(&self) {
        assert_unlocked();
        if self.events.is_enabled() && Origin::current() == Origin::Outside {
            self.emit_frame_notes();
        }
    }

    #[cold]
    fn emit_frame_notes(&self) {
        let frame_notes =
            self.lock_state().writer.as_mut().and_then(|writer| writer.frame_notes.as_mut().map(mem::take));
        self.tell(frame_notes.unwrap_or_default());
    }

    /// Tells of these. The caller holds neither the gate nor the token.
    pub(crate) fn tell(&self, frame_notes: Vec<FrameNote>) {
        assert_unlocked();
        for FrameNote(frame, code) in frame_notes {
            self.events.emit(|| EventKind::Frame(Direction::Sent, frame));
            if frame.opcode == FrameKind::Close {
                self.events.emit(|| EventKind::Close(Direction::Sent, code));
            }
        }
    }

    /// Tells that the connection is over, once, and how.
    pub(crate) fn emit_end(&self) {
        if !self.events.claim_end() {
            return;
        }
        self.emit_sent();
        let end = self.end().unwrap_or(Error::Closed(None));
        if let Error::Timeout(step) = end {
            self.events.emit(|| EventKind::Timeout(step));
        }
        self.events.emit(|| EventKind::Ended(end));
    }
}
