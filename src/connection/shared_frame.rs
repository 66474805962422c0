//! A frame that many connections send, encoded once.
//!
//! Knows the writer; must not know a connection or the hub.

use std::io;
use std::sync::Arc;

use super::writer::Writer;
use crate::codec::frame::Opcode;
use crate::events::sink::Origin;
use crate::message::MessageKind;

/// Maximum number of bytes of a frame that is masked under the state lock.
const MAX_LOCKED_COPY: usize = 16 << 10;

/// A frame for many connections. A clone shares its bytes.
#[derive(Debug, Clone)]
pub(crate) struct SharedFrame {
    /// The frame as a server sends it.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) encoding: Encoding,
    /// Where the message was passed to the hub.
    pub(crate) origin: Origin,
}

/// How a shared frame becomes bytes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The bytes are sent unchanged.
    AsIs,
    /// The bytes are sent unchanged. The message is compressed without reference to another one.
    Deflated,
    /// The connection encodes its own uncompressed frame. The payload is all bytes from this index on.
    Payload(MessageKind, usize),
}

impl SharedFrame {
    /// Appends the frame to one connection's output. It is copied only for [`Encoding::Payload`].
    ///
    /// 6455-5.1-1: a client's frame is masked, so each client encodes its own. A draft does so too.
    pub(super) fn append_to(self, writer: &mut Writer) -> io::Result<()> {
        match self.encoding {
            Encoding::Payload(kind, from) => {
                let payload = self.bytes.get(from..).unwrap_or_default();
                return writer.append_frame_from(|| self.origin, true, Opcode::Data(kind), payload);
            }
            Encoding::Deflated => writer.encoder.reset_window(),
            Encoding::AsIs => {}
        }
        writer.append_shared(self.bytes, self.origin);
        Ok(())
    }

    /// Whether [`append_to`](SharedFrame::append_to) is cheap enough to run under the state lock.
    pub(super) fn is_cheap(&self) -> bool {
        match self.encoding {
            Encoding::AsIs | Encoding::Deflated => true,
            Encoding::Payload(..) => self.bytes.len() <= MAX_LOCKED_COPY,
        }
    }
}
