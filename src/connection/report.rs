//! Events about frames: how a sent or received frame is described to an event handler.
//!
//! Frames are encoded under a lock or with the write permit, and handlers are user code. So a sent frame is first noted
//! with the writer as a [`FrameNote`]; its event is emitted after the permit is released. A frame that an event handler
//! itself sends is not noted ([`Origin`](crate::events::sink::Origin)). Knows frames and events; must not know a connection.

use crate::close::CloseCode;
use crate::codec::frame::{Header, Opcode};
use crate::events::event::{Direction, EventKind, FrameInfo, FrameKind};
use crate::events::sink::EventSink;
use crate::message::MessageKind;
use crate::primitives::lock::assert_unlocked;

/// A frame that was encoded, and its code if it is a Close with one.
#[derive(Debug)]
pub(super) struct FrameNote(FrameInfo, Option<CloseCode>);

impl FrameNote {
    pub(super) fn new(opcode: Opcode, fin: bool, compressed: bool, payload_len: u64) -> FrameNote {
        FrameNote(describe_frame(opcode, fin, compressed, payload_len), None)
    }

    /// An uncompressed frame with this payload.
    pub(super) fn of_payload(opcode: Opcode, fin: bool, payload: &[u8]) -> FrameNote {
        let code = payload.first_chunk().filter(|_| opcode == Opcode::Close);
        let code = code.map(|code| CloseCode::new(u16::from_be_bytes(*code)));
        FrameNote(describe_frame(opcode, fin, false, payload.len() as u64), code)
    }

    #[cfg(feature = "hub")]
    pub(super) fn of_header(header: &Header) -> FrameNote {
        FrameNote::new(header.opcode, header.fin, header.rsv1, header.length)
    }

    /// Emits the events of sent frames. The caller holds neither the lock nor the permit.
    #[cold]
    pub(super) fn emit_sent(notes: Vec<FrameNote>, events: &EventSink) {
        assert_unlocked();
        for FrameNote(frame, code) in notes {
            events.emit(|| EventKind::Frame(Direction::Sent, frame));
            if frame.opcode == FrameKind::Close {
                events.emit(|| EventKind::Close(Direction::Sent, code));
            }
        }
    }
}

/// The event of a received frame, made from its header.
pub(super) fn frame_received(header: &Header) -> EventKind {
    EventKind::Frame(Direction::Received, describe_frame(header.opcode, header.fin, header.rsv1, header.length))
}

fn describe_frame(opcode: Opcode, fin: bool, compressed: bool, payload_len: u64) -> FrameInfo {
    let opcode = match opcode {
        Opcode::Continuation => FrameKind::Continuation,
        Opcode::Data(MessageKind::Text) => FrameKind::Text,
        Opcode::Data(MessageKind::Binary) => FrameKind::Binary,
        Opcode::Close => FrameKind::Close,
        Opcode::Ping => FrameKind::Ping,
        Opcode::Pong => FrameKind::Pong,
    };
    FrameInfo { opcode, fin, compressed, payload_len }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing::event_log;

    #[test]
    fn each_frame_has_its_event() {
        let kinds = [MessageKind::Text, MessageKind::Binary];
        let opcodes = [Opcode::Continuation, Opcode::Ping, Opcode::Pong, Opcode::Close];
        let texts = ["Continuation", "Ping", "Pong", "Close", "Text", "Binary"];
        for (opcode, text) in opcodes.into_iter().chain(kinds.map(Opcode::Data)).zip(texts) {
            let (callback, events) = event_log();
            let sink = callback.for_connection();
            let header = Header { fin: true, rsv1: true, opcode, key: None, length: 70_000, size: 10 };
            sink.emit(|| frame_received(&header));
            assert_eq!(events(), [format!("frame-received: {text}, 70000 bytes, compressed")]);
            let payloads = [&b"\x03\xE9bye"[..], b""];
            FrameNote::emit_sent(payloads.map(|payload| FrameNote::of_payload(opcode, true, payload)).into(), &sink);
            let sent = [format!("frame-sent: {text}, 5 bytes"), format!("frame-sent: {text}, 0 bytes")];
            match (opcode, events()) {
                (Opcode::Close, all) => {
                    assert_eq!(all, [&sent[0], "close-sent: 1001", &sent[1], "close-sent without a code"]);
                }
                (_, all) => assert_eq!(all, sent),
            }
            let notes = [FrameNote::new(opcode, false, true, 1)];
            FrameNote::emit_sent(notes.into(), &sink);
            assert_eq!(events()[0], format!("frame-sent: {text}, 1 byte, compressed, not final"));
        }
    }
}
