//! Decompresses the payloads of compressed messages (RFC 7692 section 7).
//!
//! The decompressor uses the largest window and never resets it. It therefore decodes whatever two peers can negotiate:
//! a sender with a smaller window, or one that resets its window after each message, refers to less of it.

use super::state::{MessageProgress, PayloadProgress};
use crate::deflate::Inflate;
use crate::error::ProtocolError;

/// Decompresses one byte of a payload.
///
/// A byte decompresses to 1 KiB at most, which bounds memory. The position of an error does not depend on how the input
/// was split.
pub(super) fn inflate(
    inflater: &mut Inflate,
    message: &mut MessageProgress,
    payload: &mut PayloadProgress,
    byte: u8,
) -> Result<(), ProtocolError> {
    let mut plain = Vec::new();
    // 7692-6.2-1
    let result = inflater.push(&[byte], &mut plain, usize::MAX).map_err(|_| ProtocolError::InvalidDeflate);
    let invalid_at = if payload.is_text { message.text.feed(&plain).err() } else { None };
    plain.truncate(invalid_at.map_or(plain.len(), |at| at.saturating_add(1)));
    payload.inflated.push(&plain);
    if let Some(at) = invalid_at {
        // 7692-6.1-s1: the decompressed bytes have to be UTF-8.
        return Err(ProtocolError::TextNotUtf8 { offset: message.inflated.saturating_add(at as u64) });
    }
    message.inflated = message.inflated.saturating_add(plain.len() as u64);
    result
}
