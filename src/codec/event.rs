//! What a decoder tells. Events carry no bytes: those are in the decoder until it is used again.

use super::frame::Header;
use crate::close::CloseCode;
use crate::message::MessageKind;

/// What has been received. The bytes that go with it are in [`Decoder::payload`](super::decoder::Decoder::payload) until the decoder is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecoderEvent {
    /// A whole message.
    Message(MessageKind),
    /// Streaming: a message begins. No bytes yet.
    MessageStart(MessageKind),
    /// Streaming: some more of it.
    MessageChunk,
    /// Streaming: it has ended.
    MessageEnd,
    Ping,
    Pong,
    /// The header of a frame was accepted. Only told to who watches: see [`Decoder::report_headers`](super::decoder::Decoder::report_headers).
    FrameHeader(Header),
    /// The last event of all, with the code; [`Decoder::reason`](super::decoder::Decoder::reason) has the rest.
    Close(Option<CloseCode>),
}
