//! The message under assembly: everything that belongs to it and must not be touched by a control frame.

use super::mask;
use super::utf8::Validator;
use crate::config::Limits;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// What becomes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiveMode {
    /// It is put together.
    Assemble,
    /// It is lent in pieces.
    Stream,
    /// It was lent in pieces, and is not wanted any more.
    Skip,
}

#[derive(Debug)]
pub(crate) struct MessageInProgress {
    pub(crate) kind: MessageKind,
    pub(crate) mode: ReceiveMode,
    pub(crate) compressed: bool,
    text: Validator,
    fragments: u32,
    /// Payload bytes announced so far.
    size: u64,
    /// Payload bytes checked so far: where a wrong byte stands.
    validated: u64,
}

impl MessageInProgress {
    pub(crate) fn new(kind: MessageKind, mode: ReceiveMode, compressed: bool) -> MessageInProgress {
        MessageInProgress { kind, mode, compressed, text: Validator::default(), fragments: 0, size: 0, validated: 0 }
    }

    /// Counts a frame of this message. Of one that is not put together nothing is kept, so it may be as long as it likes.
    ///
    /// 6455-10.4-1, 6455-10.4-2: sizes are compared as announced, before a byte of the payload is taken.
    pub(crate) fn admit_frame(&mut self, length: u64, limits: &Limits) -> Result<(), ProtocolError> {
        self.fragments = self.fragments.saturating_add(1);
        self.size = self.size.saturating_add(length);
        if self.mode != ReceiveMode::Assemble {
            return Ok(());
        }
        if self.compressed {
            return self.admit_compressed(length, limits);
        }
        if self.size > limits.max_message_size {
            return Err(ProtocolError::MessageTooBig { length: self.size, limit: limits.max_message_size });
        }
        if length > limits.max_frame_size {
            return Err(ProtocolError::FrameTooBig { length, limit: limits.max_frame_size });
        }
        if self.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments { limit: limits.max_fragments });
        }
        Ok(())
    }

    /// What counts of a compressed message is what comes out. What goes in is bounded all the same, or a message of blocks
    /// that stand for nothing would never end: by what DEFLATE adds at most to what it cannot compress. That is an eighth,
    /// and with each fragment the end of a block and a flush.
    fn admit_compressed(&self, length: u64, limits: &Limits) -> Result<(), ProtocolError> {
        const FLUSH: u64 = 16;
        let room = |limit: u64| limit.saturating_add(limit / 8).saturating_add(1024);
        let flushes = u64::from(self.fragments).saturating_mul(FLUSH);
        if self.size > room(limits.max_message_size).saturating_add(flushes) {
            return Err(ProtocolError::MessageTooBig { length: self.size, limit: limits.max_message_size });
        }
        if length > room(limits.max_frame_size) {
            return Err(ProtocolError::FrameTooBig { length, limit: limits.max_frame_size });
        }
        if self.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments { limit: limits.max_fragments });
        }
        Ok(())
    }

    /// Unmasks the next bytes in place, and checks them if they are text.
    #[inline]
    pub(crate) fn unmask_and_validate(
        &mut self,
        bytes: &mut [u8],
        key: &mut Option<[u8; 4]>,
    ) -> Result<(), ProtocolError> {
        let ascii = match (self.kind, key) {
            (_, None) => false,
            (MessageKind::Text, Some(key)) => {
                let ascii = mask::apply_ascii(bytes, *key);
                *key = mask::rotate_key(*key, bytes.len());
                ascii
            }
            (MessageKind::Binary, Some(key)) => {
                unmask(bytes, key);
                false
            }
        };
        self.validate(bytes, ascii)
    }

    /// Checks the next bytes of the message; `ascii` when they are known to be nothing else.
    #[inline]
    pub(crate) fn validate(&mut self, bytes: &[u8], ascii: bool) -> Result<(), ProtocolError> {
        if self.kind == MessageKind::Text && !(ascii && self.text.is_complete()) {
            // 6455-8.1-1: at the first wrong byte, which may stand in the middle of a frame.
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

/// 6455-5.3-s1, 6455-6.2-7: unmasks the next bytes of a frame, and turns the key on.
#[inline]
pub(crate) fn unmask(bytes: &mut [u8], key: &mut [u8; 4]) {
    mask::apply(bytes, *key);
    *key = mask::rotate_key(*key, bytes.len());
}
