//! The framing of hixie-55 to hixie-76: `00`, text, `FF`, and nothing else that means anything but `FF 00` from hixie-76 on,
//! which closes.
//!
//! | first byte | frame | what is done |
//! |---|---|---|
//! | `00` | up to `FF` | a message: text |
//! | `01` to `7F` | up to `FF` | is skipped |
//! | `80` to `FF` | a length, seven bits a byte, the top bit set in all but the last; so many bytes | is skipped |
//! | `FF`, length 0 | the same | hixie-76: the peer closes |
//!
//! What is skipped is bounded by [`Limits::max_frame_size`](crate::config::Limits), and its length by ten bytes: the
//! texts name no bound. A server may also disconnect on any of them; clients must not, so neither does.

use super::plain::TranslatedFrames;
use crate::codec::frame::Opcode;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// The byte before text, and the byte behind it, which never occurs in UTF-8.
const TEXT: u8 = 0x00;
const END: u8 = 0xFF;
/// A length of more bytes is not read.
const LENGTH_BYTES: u8 = 10;

/// What a frame's first byte is followed by.
#[derive(Debug, Clone, Copy)]
enum State {
    Type,
    /// Text, the beginning of which has been passed on or not.
    Text {
        started: bool,
    },
    /// What ends with `FF`; so many bytes of it have been skipped.
    Unknown {
        skipped: u64,
    },
    /// A length, so far, and of how many bytes. `closes` if it is that of type `FF`.
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
    /// The most that is skipped of one frame.
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

    /// Reads up to the end of a frame, or all there is. Gives how many bytes that was; at least one, if there are any.
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
        self.admit(skipped)?;
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
        self.admit(length)?;
        if byte & 0x80 != 0 {
            // A length of many zeros is no length.
            return match bytes < LENGTH_BYTES {
                true => Ok(State::Length { closes, length, bytes }),
                false => Err(ProtocolError::FrameTooBig { length: u64::MAX, limit: self.limit }),
            };
        }
        // hixie76-4.2-3: the decoder goes no further.
        if closes && length == 0 {
            out.begin(true, Opcode::Close, 0);
        }
        Ok(skip(length))
    }

    /// hixie76-4.2-2, hixie76-4.2-5
    fn admit(&self, length: u64) -> Result<(), ProtocolError> {
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

/// Passes on what there is of a text as a fragment of its own: how long the whole is, nobody knows before its end.
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

/// Appends a frame. What this framing has not is nothing here; it is refused before.
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
