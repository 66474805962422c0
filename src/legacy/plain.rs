//! Output of both framings: unmasked frames of RFC 6455, the input of its decoder. Assembly, limits, text validation
//! and streaming are then the same as for RFC 6455.

use crate::codec::frame;
use crate::codec::frame::Opcode;
use crate::message::MessageKind;

/// Maximum payload length of a translated control frame.
pub(super) const MAX_CONTROL: usize = 125;

#[derive(Debug)]
pub(super) struct TranslatedFrames {
    bytes: Vec<u8>,
    /// Number of bytes already read from `bytes`.
    consumed: usize,
    /// The kind that text is translated to: binary if invalid text is replaced instead of rejected.
    text: MessageKind,
    /// The original kind of the current message.
    pub(super) kind: MessageKind,
    /// The body of the Close, which is not passed to the decoder of RFC 6455.
    pub(super) close: Vec<u8>,
}

impl TranslatedFrames {
    pub(super) fn new(text: MessageKind) -> TranslatedFrames {
        TranslatedFrames { bytes: Vec::new(), consumed: 0, text, kind: MessageKind::Binary, close: Vec::new() }
    }

    /// Whether the current message is text in which invalid bytes are replaced.
    pub(super) fn is_lossy_text(&self) -> bool {
        self.kind == MessageKind::Text && self.text == MessageKind::Binary
    }

    /// Appends the header of a frame.
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

    /// Appends payload.
    pub(super) fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
    }

    /// Copies as many bytes as fit, and returns their number.
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

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_releases_what_was_read_and_keeps_the_rest() {
        let mut translated = TranslatedFrames::new(MessageKind::Text);
        translated.begin(true, Opcode::Data(MessageKind::Text), 100);
        translated.push(&[b'x'; 100]);
        let mut to = [0; 50];
        assert_eq!(translated.read(&mut to), 50);
        translated.shrink();
        assert_eq!(translated.read(&mut [0; 100]), 52);
        assert!(translated.bytes.capacity() > 0);
        translated.shrink();
        assert_eq!(translated.bytes.capacity(), 0);
    }
}
