//! How frames become a message (RFC 6455 sections 5.4 and 8.1): the limits and the validation of a message. Control
//! frames never change it.
//!
//! Text is validated here as it arrives. The conversion to a `str` validates it a second time, because safe Rust has no
//! unchecked conversion. Assembling in a `String` would need only one pass, but it costs a copy and loses the faster
//! validation of `utf8`. Measured for messages of 1 MiB, that is a fifth slower for masked ASCII and half as slow again
//! for Chinese text.

use super::mask;
use super::utf8::Validator;
use crate::config::Limits;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// How a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiveMode {
    /// As a whole.
    Assemble,
    /// In pieces.
    Stream,
    /// Not at all: its stream was dropped.
    Skip,
}

#[derive(Debug)]
pub(crate) struct MessageInProgress {
    pub(crate) kind: MessageKind,
    pub(crate) mode: ReceiveMode,
    pub(crate) compressed: bool,
    text: Validator,
    fragments: u32,
    /// Number of payload bytes announced so far.
    size: u64,
    /// Number of bytes of text validated so far, for the offset of a wrong byte.
    validated: u64,
}

impl MessageInProgress {
    pub(crate) fn new(kind: MessageKind, mode: ReceiveMode, compressed: bool) -> MessageInProgress {
        MessageInProgress { kind, mode, compressed, text: Validator::default(), fragments: 0, size: 0, validated: 0 }
    }

    /// Counts a frame of this message. Limits apply only to an assembled message: of any other, no bytes are kept.
    ///
    /// 6455-10.4-1, 6455-10.4-2: announced sizes are compared before a byte of the payload is accepted.
    pub(crate) fn admit_frame(&mut self, length: u64, limits: &Limits) -> Result<(), ProtocolError> {
        self.fragments = self.fragments.saturating_add(1);
        self.size = self.size.saturating_add(length);
        if self.mode != ReceiveMode::Assemble {
            return Ok(());
        }
        if self.compressed {
            return self.admit_compressed(length, limits);
        }
        check_limits((self.size, length, self.fragments), limits)
    }

    /// The limit of a compressed message applies to the output, during decompression. The input has a bound as well, because
    /// blocks without output could go on forever. The bound is the limit and the most that DEFLATE adds to incompressible
    /// data: an eighth, and for each fragment the end of a block and a flush.
    fn admit_compressed(&self, length: u64, limits: &Limits) -> Result<(), ProtocolError> {
        const FLUSH: u64 = 16;
        let max_input = |limit: u64| limit.saturating_add(limit / 8).saturating_add(1024);
        let flushes = u64::from(self.fragments).saturating_mul(FLUSH);
        if self.size > max_input(limits.max_message_size).saturating_add(flushes) {
            return Err(ProtocolError::MessageTooBig { length: self.size, limit: limits.max_message_size });
        }
        if length > max_input(limits.max_frame_size) {
            return Err(ProtocolError::FrameTooBig { length, limit: limits.max_frame_size });
        }
        if self.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments { limit: limits.max_fragments });
        }
        Ok(())
    }

    /// Unmasks the next bytes in place, and validates them if they are text. The key applies to the first of them.
    #[inline]
    pub(crate) fn unmask_and_validate(&mut self, bytes: &mut [u8], key: Option<[u8; 4]>) -> Result<(), ProtocolError> {
        match self.kind {
            MessageKind::Text => self.unmask_text(bytes, key),
            MessageKind::Binary => {
                unmask(bytes, key);
                Ok(())
            }
        }
    }

    #[inline(never)]
    fn unmask_text(&mut self, bytes: &mut [u8], key: Option<[u8; 4]>) -> Result<(), ProtocolError> {
        let ascii = key.is_some_and(|key| mask::apply_ascii(bytes, key));
        self.validate(bytes, ascii)
    }

    /// Validates the next bytes of the message. `ascii`: they are known to be ASCII.
    #[inline]
    pub(crate) fn validate(&mut self, bytes: &[u8], ascii: bool) -> Result<(), ProtocolError> {
        if self.kind == MessageKind::Text && !(ascii && self.text.is_complete()) {
            // 6455-8.1-1: fails at the first wrong byte, which may be in the middle of a frame.
            self.text
                .feed(bytes)
                .map_err(|at| ProtocolError::TextNotUtf8 { offset: self.validated.saturating_add(at as u64) })?;
        }
        self.validated = self.validated.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// 6455-5.6-1: a message may not end inside a character; a frame may.
    pub(crate) fn finish(&self) -> Result<(), ProtocolError> {
        match self.text.is_complete() {
            true => Ok(()),
            false => Err(ProtocolError::TextNotUtf8 { offset: self.validated }),
        }
    }
}

/// As [`MessageInProgress::admit_frame`], for a message in one frame.
#[inline]
pub(crate) fn admit_whole(length: u64, limits: &Limits) -> Result<(), ProtocolError> {
    check_limits((length, length, 1), limits)
}

/// Compares the sizes of the message and of its last frame, and the number of frames.
#[inline]
fn check_limits((size, length, fragments): (u64, u64, u32), limits: &Limits) -> Result<(), ProtocolError> {
    if size > limits.max_message_size {
        return Err(ProtocolError::MessageTooBig { length: size, limit: limits.max_message_size });
    }
    if length > limits.max_frame_size {
        return Err(ProtocolError::FrameTooBig { length, limit: limits.max_frame_size });
    }
    if fragments > limits.max_fragments {
        return Err(ProtocolError::TooManyFragments { limit: limits.max_fragments });
    }
    Ok(())
}

/// Unmasks and validates a text message in one frame. Neither ASCII nor a binary message needs the state of a message.
#[inline(never)]
pub(crate) fn unmask_whole_text(bytes: &mut [u8], key: Option<[u8; 4]>) -> Result<(), ProtocolError> {
    match key.is_some_and(|key| mask::apply_ascii(bytes, key)) {
        true => Ok(()),
        false => validate_whole_text(bytes),
    }
}

#[inline(never)]
fn validate_whole_text(bytes: &[u8]) -> Result<(), ProtocolError> {
    let mut message = MessageInProgress::new(MessageKind::Text, ReceiveMode::Assemble, false);
    message.validate(bytes, false)?;
    message.finish()
}

/// 6455-5.3-s1, 6455-6.2-7: unmasks the next bytes of a frame. The key applies to the first of them.
#[inline(always)]
pub(crate) fn unmask(bytes: &mut [u8], key: Option<[u8; 4]>) {
    if let Some(key) = key {
        mask::apply(bytes, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The input of a compressed message has bounds: those of the output, an eighth and 1024 bytes more, and for the message
    /// 16 bytes more for each fragment. 6455-10.4-1, 6455-10.4-2
    #[test]
    fn bounds_of_the_input_of_a_compressed_message() {
        let limits = Limits { max_message_size: 800, max_frame_size: 80, max_fragments: 3, ..Limits::client() };
        let too_big = |length| Err(ProtocolError::MessageTooBig { length, limit: 800 });
        let rows: [(&[u64], _); 8] = [
            (&[1114], Ok(())),
            (&[1115], Err(ProtocolError::FrameTooBig { length: 1115, limit: 80 })),
            (&[1114, 842], Ok(())),
            (&[1114, 843], too_big(1957)),
            (&[1114, 842, 16], Ok(())),
            (&[1114, 842, 17], too_big(1973)),
            (&[0, 0, 0], Ok(())),
            (&[0, 0, 0, 0], Err(ProtocolError::TooManyFragments { limit: 3 })),
        ];
        for (frames, want) in rows {
            let mut message = MessageInProgress::new(MessageKind::Text, ReceiveMode::Assemble, true);
            let (last, earlier) = frames.split_last().unwrap();
            for frame in earlier {
                assert_eq!(message.admit_frame(*frame, &limits), Ok(()), "{frames:?}");
            }
            assert_eq!(message.admit_frame(*last, &limits), want, "{frames:?}");
        }
        for mode in [ReceiveMode::Stream, ReceiveMode::Skip] {
            let mut message = MessageInProgress::new(MessageKind::Text, mode, true);
            for _ in 0..5 {
                assert_eq!(message.admit_frame(u64::MAX, &limits), Ok(()));
            }
        }
    }
}
