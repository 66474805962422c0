//! Where both framings put what they read: frames of RFC 6455, unmasked, for its decoder to go on with. Assembly, limits,
//! checks of text and streaming are then what they are for RFC 6455.

use crate::codec::frame;
use crate::codec::frame::Opcode;
use crate::message::MessageKind;

/// The longest payload of a control frame that is passed on.
pub(super) const MAX_CONTROL: usize = 125;

#[derive(Debug)]
pub(super) struct TranslatedFrames {
    bytes: Vec<u8>,
    /// So many of them have been given.
    consumed: usize,
    /// What text is passed on as: as binary, when it is not to be checked but to be replaced.
    text: MessageKind,
    /// What the last message that began really is.
    pub(super) kind: MessageKind,
    /// The body of the Close, which the decoder of RFC 6455 does not get to see.
    pub(super) close: Vec<u8>,
}

impl TranslatedFrames {
    pub(super) fn new(text: MessageKind) -> TranslatedFrames {
        TranslatedFrames { bytes: Vec::new(), consumed: 0, text, kind: MessageKind::Binary, close: Vec::new() }
    }

    /// Whether the message that began last is text whose bytes are to be replaced.
    pub(super) fn is_lossy_text(&self) -> bool {
        self.kind == MessageKind::Text && self.text == MessageKind::Binary
    }

    /// Begins a frame of this length.
    pub(super) fn begin(&mut self, fin: bool, opcode: Opcode, length: u64) {
        let opcode = match opcode {
            Opcode::Data(kind) => {
                self.kind = kind;
                Opcode::Data(if kind == MessageKind::Text { self.text } else { kind })
            }
            other => other,
        };
        frame::emit(&mut self.bytes, fin, opcode, length, None);
    }

    /// Goes on with it.
    pub(super) fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
    }

    /// Gives as many bytes as fit; the count, 0 when there are none.
    pub(super) fn read(&mut self, to: &mut [u8]) -> usize {
        let rest = self.bytes.get(self.consumed..).unwrap_or_default();
        let count = rest.len().min(to.len());
        for (to, from) in to.iter_mut().zip(rest) {
            *to = *from;
        }
        self.consumed = self.consumed.saturating_add(count);
        if self.consumed == self.bytes.len() {
            self.bytes.clear();
            self.consumed = 0;
        }
        count
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to(self.bytes.len());
    }
}
