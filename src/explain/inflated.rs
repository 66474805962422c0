//! Compressed messages (RFC 7692 section 7): what the payload of a frame stands for.
//!
//! The explainer reads with the largest window, and never empties it. That reads whatever two sides can have agreed on:
//! a sender with a smaller window, or one that begins each message with an empty one, refers to less of it.

use crate::error::ProtocolError;
use crate::explain::{Explainer, PayloadProgress};

/// What came of one frame.
#[derive(Default)]
pub(crate) struct Inflated {
    /// Its beginning.
    pub(crate) plain: Vec<u8>,
    /// How many bytes have come.
    pub(crate) done: u64,
}

impl Inflated {
    fn take(&mut self, plain: &[u8], shown: usize) {
        let room = shown.saturating_sub(self.plain.len()).min(plain.len());
        self.plain.extend(plain.iter().take(room));
        self.done = self.done.saturating_add(plain.len() as u64);
    }
}

impl Explainer {
    /// Decompresses a byte of a payload. One stands for 1 KiB at most, which bounds memory; and where a fault is told
    /// does not depend on how the bytes were cut.
    pub(crate) fn inflate(&mut self, payload: &mut PayloadProgress, byte: u8) -> Result<(), ProtocolError> {
        let (Some(inflater), Some(message)) = (&mut self.inflater, &mut self.message) else { return Ok(()) };
        let mut plain = Vec::new();
        // 7692-6.2-1
        let result = inflater.push(&[byte], &mut plain, u64::MAX);
        let wrong = if payload.is_text { message.text.feed(&plain).err() } else { None };
        plain.truncate(wrong.map_or(plain.len(), |at| at + 1));
        payload.inflated.take(&plain, super::render::SHOWN);
        if let Some(at) = wrong {
            // 7692-6.1-s1: text is what comes out.
            return Err(ProtocolError::TextNotUtf8 { offset: message.inflated.saturating_add(at as u64) });
        }
        message.inflated = message.inflated.saturating_add(plain.len() as u64);
        result
    }

    /// The last frame of a compressed message has ended.
    pub(crate) fn inflate_end(&mut self, payload: &PayloadProgress) -> Result<(), ProtocolError> {
        match &mut self.inflater {
            Some(inflater) if payload.compressed => inflater.end_message(),
            Some(_) | None => Ok(()),
        }
    }
}
