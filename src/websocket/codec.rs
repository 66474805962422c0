//! What a connection speaks, decided once, when it is made. Here, and nowhere else, RFC 6455 and the drafts before it
//! (feature `legacy`) are told apart: [`Decoder`] and [`Encoder`] are the bytes, [`Dialect`] is what may be done with them.
//!
//! Without the feature each of the three has one case, and costs nothing.

use std::io;

use crate::close::CloseCode;
use crate::config::Limits;
use crate::error::{Misuse, Violation};
use crate::message::Kind;
use crate::protocol::decoder::{self, Event};
use crate::protocol::deflate::Inflater;
use crate::protocol::encoder;
use crate::wire::close as close_body;
use crate::wire::frame::{Opcode, Role};

/// Both directions of a connection whose opening handshake is over.
pub(crate) struct Codec {
    pub(super) role: Role,
    pub(super) dialect: Dialect,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
}

impl Codec {
    /// RFC 6455. `early` came behind the opening handshake.
    pub(crate) fn rfc(
        role: Role,
        limits: Limits,
        early: &[u8],
        (encoder, inflater): (encoder::Encoder, Option<Inflater>),
    ) -> Codec {
        let decoder = Decoder::Rfc(decoder::Decoder::new(role, limits, early).with_compression(inflater));
        Codec { role, dialect: Dialect::Rfc, decoder, encoder: Encoder::Rfc(encoder) }
    }
}

/// What can be said on a connection, and how it is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    Rfc,
}

impl Dialect {
    /// Whether messages of this kind can be sent.
    #[inline]
    pub(super) fn check_message(self, _opcode: Opcode) -> Result<(), Misuse> {
        match self {
            Dialect::Rfc => Ok(()),
        }
    }

    /// Whether messages of this kind can be sent in fragments.
    pub(super) fn check_stream(self, _opcode: Opcode) -> Result<(), Misuse> {
        match self {
            Dialect::Rfc => Ok(()),
        }
    }

    /// Whether a Ping can be sent. If not, silence cannot be probed.
    pub(super) fn check_ping(self) -> Result<(), Misuse> {
        match self {
            Dialect::Rfc => Ok(()),
        }
    }

    /// Whether a Ping or a Pong may come between the fragments of a message.
    #[inline]
    pub(super) fn interleaves(self) -> bool {
        match self {
            // 6455-5.4-2
            Dialect::Rfc => true,
        }
    }

    /// Whether a caller may close like this.
    pub(super) fn check_close(self, code: CloseCode, reason: &str) -> Result<(), Misuse> {
        match self {
            Dialect::Rfc => close_body::check(code, reason),
        }
    }

    /// The Close this side sends of its own accord.
    pub(super) fn close(self, code: CloseCode, reason: &str) -> Close {
        match self {
            Dialect::Rfc => Close { code: Some(code), body: close_body::emit(Some(code), reason) },
        }
    }

    /// The Close that tells the peer what it did wrong, if there is one.
    pub(super) fn complaint(self, code: CloseCode) -> Option<Close> {
        match self {
            Dialect::Rfc => Some(self.close(code, "")),
        }
    }
}

/// A Close to be sent.
#[derive(Debug)]
pub(crate) struct Close {
    pub(super) code: Option<CloseCode>,
    pub(super) body: Vec<u8>,
}

/// Bytes in, events out. See [`decoder::Decoder`] for what each method does.
#[derive(Debug)]
pub(crate) enum Decoder {
    Rfc(decoder::Decoder),
}

impl Decoder {
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Violation> {
        match self {
            Decoder::Rfc(decoder) => decoder.next(),
        }
    }

    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        match self {
            Decoder::Rfc(decoder) => decoder.payload(),
        }
    }

    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        match self {
            Decoder::Rfc(decoder) => decoder.take_payload(),
        }
    }

    /// The reason in the Close that was the last event.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Decoder::Rfc(decoder) => decoder.reason(),
        }
    }

    /// The Close that answers the one that was the last event.
    pub(crate) fn answer(&self, code: Option<CloseCode>) -> Close {
        match self {
            // 6455-5.5.1-s2: with the code that came.
            Decoder::Rfc(_) => Close { code, body: close_body::emit(code, "") },
        }
    }

    /// The stream has ended. Whether that is a good end, of which the next event tells.
    pub(crate) fn ended(&mut self) -> bool {
        match self {
            // 6455-7.2.1-2
            Decoder::Rfc(_) => false,
        }
    }

    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        match self {
            Decoder::Rfc(decoder) => decoder.space(),
        }
    }

    #[inline]
    pub(crate) fn filled(&mut self, count: usize) {
        match self {
            Decoder::Rfc(decoder) => decoder.filled(count),
        }
    }

    pub(crate) fn scrap(&mut self) -> &mut [u8] {
        match self {
            Decoder::Rfc(decoder) => decoder.scrap(),
        }
    }

    #[inline]
    pub(crate) fn is_midway(&self) -> bool {
        match self {
            Decoder::Rfc(decoder) => decoder.is_midway(),
        }
    }

    pub(crate) fn stream(&mut self) -> Option<(Kind, Vec<u8>)> {
        match self {
            Decoder::Rfc(decoder) => decoder.stream(),
        }
    }

    pub(crate) fn assemble(&mut self) {
        match self {
            Decoder::Rfc(decoder) => decoder.assemble(),
        }
    }

    pub(crate) fn shrink(&mut self) {
        match self {
            Decoder::Rfc(decoder) => decoder.shrink(),
        }
    }
}

/// What is still to be written of a frame after [`Encoder::begin`].
#[derive(Debug)]
pub(crate) enum Rest {
    /// The payload, as it is.
    Plain,
    /// The payload, masked with this key.
    Masked([u8; 4]),
}

/// Messages in, bytes out. See [`encoder::Encoder`] for what each method does.
#[derive(Debug)]
pub(crate) enum Encoder {
    Rfc(encoder::Encoder),
}

impl Encoder {
    #[inline]
    pub(crate) fn compresses(&self, length: usize) -> bool {
        match self {
            Encoder::Rfc(encoder) => encoder.compresses(length),
        }
    }

    pub(crate) fn compressed(&mut self, out: &mut Vec<u8>, fin: bool, opcode: Opcode, plain: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Rfc(encoder) => encoder.compressed(out, fin, opcode, plain),
        }
    }

    #[inline]
    pub(crate) fn frame(&mut self, out: &mut Vec<u8>, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Rfc(encoder) => encoder.frame(out, fin, opcode, payload),
        }
    }

    /// Begins a large frame.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<Rest> {
        match self {
            Encoder::Rfc(encoder) => Ok(match encoder.header(out, fin, opcode, payload.len())? {
                None => Rest::Plain,
                Some(key) => Rest::Masked(key),
            }),
        }
    }

    pub(crate) fn shrink(&mut self) {
        match self {
            Encoder::Rfc(encoder) => encoder.shrink(),
        }
    }
}
