//! The framing of hixie-55 to hixie-76: text between `00` and `FF`, and the closing frame `FF 00` since hixie-76.
//!
//! | first byte | frame | action |
//! |---|---|---|
//! | `00` | up to `FF` | a text message |
//! | `01` to `7F` | up to `FF` | ignored |
//! | `80` to `FF` | a length, seven bits in each byte, the top bit set in all but the last; then as many bytes | ignored |
//! | `FF`, length 0 | the same | hixie-76: the peer closes |
//!
//! Ignored frames are bounded by [`Limits::max_frame_size`](crate::config::Limits), and their length field by ten
//! bytes: the drafts define no maximum. A server may also disconnect on an unknown frame, but a client must not; here
//! neither does.

use super::plain::TranslatedFrames;
use crate::codec::frame::Opcode;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// The byte before text, and the byte after it, which never occurs in UTF-8.
const TEXT: u8 = 0x00;
const END: u8 = 0xFF;
/// Maximum number of bytes in a length field.
const LENGTH_BYTES: u8 = 10;

/// The part of a frame that is expected next.
#[derive(Debug, Clone, Copy)]
enum State {
    Type,
    /// Text. `started`: its first fragment has been translated.
    Text {
        started: bool,
    },
    /// An ignored frame that ends with `FF`, and the number of bytes skipped.
    Unknown {
        skipped: u64,
    },
    /// A length field: its value and the number of its bytes so far. `closes`: the frame type is `FF`.
    Length {
        closes: bool,
        length: u64,
        bytes: u8,
    },
    Skip {
        left: u64,
    },
}

/// Whether `FF 00` is the closing frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosingFrame {
    Known,
    Unknown,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Reader {
    closing: ClosingFrame,
    /// Maximum number of bytes skipped in one frame.
    limit: u64,
    state: State,
}

impl Reader {
    pub(super) fn new(closing: ClosingFrame, limit: u64) -> Reader {
        Reader { closing, limit, state: State::Type }
    }

    pub(super) fn is_incomplete(&self) -> bool {
        !matches!(self.state, State::Type)
    }

    /// Reads up to the end of a frame, or all input. Returns the number of bytes read: at least one, unless there are
    /// none.
    pub(super) fn read(&mut self, raw: &[u8], out: &mut TranslatedFrames) -> Result<usize, ProtocolError> {
        let Some((&first, rest)) = raw.split_first() else { return Ok(0) };
        let (used, state) = match self.state {
            State::Type => (1, self.begin(first)),
            // hixie76-4.2-4
            State::Text { started } => text(raw, started, out),
            State::Unknown { skipped } => self.skip_to_end(raw, skipped)?,
            // hixie76-4.2-1
            State::Length { closes, length, bytes } => (1, self.length(first, closes, length, bytes, out)?),
            State::Skip { left } => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len().saturating_add(1));
                (here, skip(left.saturating_sub(here as u64)))
            }
        };
        self.state = state;
        Ok(used)
    }

    fn begin(&self, first: u8) -> State {
        match first {
            TEXT => State::Text { started: false },
            0x01..=0x7F => State::Unknown { skipped: 0 },
            0x80..=0xFF => {
                let closes = first == END && self.closing == ClosingFrame::Known;
                State::Length { closes, length: 0, bytes: 0 }
            }
        }
    }

    fn skip_to_end(&self, raw: &[u8], skipped: u64) -> Result<(usize, State), ProtocolError> {
        let end = raw.iter().position(|&byte| byte == END);
        let skipped = skipped.saturating_add(end.unwrap_or(raw.len()) as u64);
        self.check_skipped(skipped)?;
        Ok(match end {
            Some(end) => (end.saturating_add(1), State::Type),
            None => (raw.len(), State::Unknown { skipped }),
        })
    }

    fn length(
        &self,
        byte: u8,
        closes: bool,
        length: u64,
        bytes: u8,
        out: &mut TranslatedFrames,
    ) -> Result<State, ProtocolError> {
        let bytes = bytes.saturating_add(1);
        let length = length.saturating_mul(128).saturating_add(u64::from(byte & 0x7F));
        self.check_skipped(length)?;
        if byte & 0x80 != 0 {
            // A length field with too many leading zeros.
            return match bytes < LENGTH_BYTES {
                true => Ok(State::Length { closes, length, bytes }),
                false => Err(ProtocolError::FrameTooBig { length: u64::MAX, limit: self.limit }),
            };
        }
        // hixie76-4.2-3: the decoder stops after this event.
        if closes && length == 0 {
            out.begin(true, Opcode::Close, 0);
        }
        Ok(skip(length))
    }

    /// hixie76-4.2-2, hixie76-4.2-5
    fn check_skipped(&self, length: u64) -> Result<(), ProtocolError> {
        match length <= self.limit {
            true => Ok(()),
            false => Err(ProtocolError::FrameTooBig { length, limit: self.limit }),
        }
    }
}

fn skip(left: u64) -> State {
    match left {
        0 => State::Type,
        left => State::Skip { left },
    }
}

/// Translates the available text to a fragment, because the length of the text is unknown until its end.
fn text(raw: &[u8], started: bool, out: &mut TranslatedFrames) -> (usize, State) {
    let end = raw.iter().position(|&byte| byte == END);
    let (text, _) = raw.split_at_checked(end.unwrap_or(raw.len())).unwrap_or((raw, &[]));
    let opcode = if started { Opcode::Continuation } else { Opcode::Data(MessageKind::Text) };
    out.begin(end.is_some(), opcode, text.len() as u64);
    out.push(text);
    match end {
        Some(end) => (end.saturating_add(1), State::Type),
        None => (raw.len(), State::Text { started: true }),
    }
}

/// Appends a frame. Opcodes that this framing lacks append nothing; the caller has rejected them.
pub(super) fn write(out: &mut Vec<u8>, closing: ClosingFrame, opcode: Opcode, payload: &[u8]) {
    match (opcode, closing) {
        // hixie76-4.2-6
        (Opcode::Data(MessageKind::Text), _) => {
            out.push(TEXT);
            out.extend_from_slice(payload);
            out.push(END);
        }
        // hixie76-4.2-8
        (Opcode::Close, ClosingFrame::Known) => out.extend_from_slice(&[END, 0x00]),
        (Opcode::Close, ClosingFrame::Unknown)
        | (Opcode::Data(MessageKind::Binary) | Opcode::Continuation | Opcode::Ping | Opcode::Pong, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_bytes_nothing_is_read() {
        let mut out = TranslatedFrames::new(MessageKind::Text);
        assert_eq!(Reader::new(ClosingFrame::Known, 10).read(&[], &mut out), Ok(0));
    }
}
