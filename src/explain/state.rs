//! Data of an [`Explainer`](super::Explainer): the payload and the message that are being received.
//!
//! Imports no other file of this folder.

use crate::codec::frame::{Header, MAX_CONTROL};
use crate::codec::utf8::Validator;
use crate::message::MessageKind;

/// Maximum number of payload bytes that are shown.
pub(crate) const SHOWN: usize = 32;

/// A payload of which not all bytes have arrived.
pub(crate) struct PayloadProgress {
    pub(crate) header: Header,
    /// Its first bytes, unmasked. The payload of a control frame fits completely.
    pub(crate) plain: Vec<u8>,
    /// Number of bytes received.
    pub(crate) done: u64,
    pub(crate) is_text: bool,
    pub(crate) compressed: bool,
    pub(crate) inflated: Inflated,
}

/// The decompressed payload of one frame.
#[derive(Default)]
pub(crate) struct Inflated {
    /// The bytes to show, at most [`SHOWN`].
    pub(crate) plain: Vec<u8>,
    /// Number of bytes decompressed.
    pub(crate) done: u64,
}

/// A message of which not all frames have arrived.
pub(crate) struct MessageProgress {
    pub(crate) kind: MessageKind,
    pub(crate) text: Validator,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) compressed: bool,
    /// Number of bytes after decompression.
    pub(crate) inflated: u64,
}

impl PayloadProgress {
    pub(crate) fn push(&mut self, plain: &[u8]) {
        let room = MAX_CONTROL.saturating_sub(self.plain.len());
        self.plain.extend_from_slice(plain.get(..room).unwrap_or(plain));
        self.done = self.done.saturating_add(plain.len() as u64);
    }
}

#[cfg(feature = "deflate")]
impl Inflated {
    pub(crate) fn push(&mut self, plain: &[u8]) {
        let room = SHOWN.saturating_sub(self.plain.len());
        self.plain.extend(plain.iter().take(room));
        self.done = self.done.saturating_add(plain.len() as u64);
    }
}
