//! The events of a decoder (RFC 6455 section 6.2). They carry no bytes: the payload stays in the decoder until its next use.
//!
//! ```
//! use stdws::codec::decoder::Decoder;
//! use stdws::codec::event::DecoderEvent;
//! use stdws::codec::frame::Role;
//! use stdws::{Limits, MessageKind};
//!
//! // Three unmasked frames to a client: "Hel", a Ping between the fragments, "lo".
//! let received = b"\x01\x03Hel\x89\x01?\x80\x02lo";
//! let mut decoder = Decoder::new(Role::Client, Limits::client());
//! decoder.space()[..received.len()].copy_from_slice(received);
//! decoder.filled(received.len());
//!
//! assert_eq!(decoder.next_event()?, Some(DecoderEvent::Ping));
//! assert_eq!(decoder.payload(), b"?");
//! assert_eq!(decoder.next_event()?, Some(DecoderEvent::Message(MessageKind::Text)));
//! assert_eq!(decoder.payload(), b"Hello");
//! assert_eq!(decoder.next_event()?, None);
//! # Ok::<(), stdws::ProtocolError>(())
//! ```

use super::frame::Header;
use crate::close::CloseCode;
use crate::message::MessageKind;

/// A received message, part of a message, or control frame. Its bytes are in
/// [`Decoder::payload`](super::decoder::Decoder::payload) until the decoder is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderEvent {
    /// A whole message.
    Message(MessageKind),
    /// Streaming: a message begins. No bytes yet.
    MessageStart(MessageKind),
    /// Streaming: the next bytes of the message.
    MessageChunk,
    /// Streaming: the message has ended.
    MessageEnd,
    /// A Ping, to be answered with a Pong that has the same payload.
    Ping,
    /// A Pong.
    Pong,
    /// The header of a frame was accepted. Reported only after
    /// [`Decoder::report_headers`](super::decoder::Decoder::report_headers).
    FrameHeader(Header),
    /// A Close with its code, if it has one; always the last event. The reason is in
    /// [`Decoder::reason`](super::decoder::Decoder::reason).
    Close(Option<CloseCode>),
}
