//! The extension `deflate-stream` (hybi-04 to -10): everything behind the handshake is one stream of raw DEFLATE in each
//! direction, frames with their headers and masks included (hybi09-9.2.1-1). What is sent is flushed behind each frame.
//!
//! What comes out is bounded by what goes in: [`INPUT_CHUNK`] bytes are taken at a time, and stand for some 66 KiB at most. The
//! next are taken when those have been decoded, so a frame beyond the limits ends it before it is inflated.

use crate::codec::buffers::InputBuffer;
use crate::deflate::{Compress, Inflate, Level, WindowBits};
use crate::error::ProtocolError;

/// Bytes decompressed at a time.
const INPUT_CHUNK: u64 = 64;

/// What a peer sends, decompressed.
#[derive(Debug)]
pub(super) struct StreamInflater {
    inflate: Inflate,
    plain: Vec<u8>,
    used: usize,
    /// The stream is broken behind what has come out.
    broken: bool,
}

impl StreamInflater {
    pub(super) fn new() -> StreamInflater {
        StreamInflater { inflate: Inflate::new(WindowBits::MAX), plain: Vec::new(), used: 0, broken: false }
    }

    /// What has come out and was not consumed; takes more from `input` when there is nothing.
    pub(super) fn unread(&mut self, input: &mut InputBuffer) -> Result<&mut [u8], ProtocolError> {
        while self.used == self.plain.len() && !input.is_empty() {
            if self.broken {
                return Err(ProtocolError::InvalidDeflate);
            }
            self.plain.clear();
            self.used = 0;
            let (_, chunk) = input.part(0, INPUT_CHUNK);
            let taken = chunk.len();
            self.broken = self.inflate.push(chunk, &mut self.plain, usize::MAX).is_err();
            // A broken stream keeps its last bytes, so that there is something to come back for.
            if !self.broken {
                input.consume(taken);
            }
        }
        Ok(self.plain.get_mut(self.used..).unwrap_or_default())
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.plain.len());
    }

    pub(super) fn shrink(&mut self) {
        if self.used == self.plain.len() {
            self.plain = Vec::new();
            self.used = 0;
        }
    }
}

/// What this side sends, compressed.
#[derive(Debug)]
pub(super) struct StreamDeflater {
    compress: Compress,
    /// A frame on its way into it; kept for its memory.
    pub(super) frame: Vec<u8>,
}

/// A larger buffer is not kept.
const MAX_KEPT_CAPACITY: usize = 64 << 10;

impl StreamDeflater {
    pub(super) fn new() -> StreamDeflater {
        StreamDeflater { compress: Compress::new(Level::Default, WindowBits::MAX), frame: Vec::new() }
    }

    /// Appends the frame, and the flush that brings all of it to the peer.
    pub(super) fn deflate_frame(&mut self, out: &mut Vec<u8>) {
        self.compress.push(&self.frame, out);
        self.frame.clear();
        if self.frame.capacity() > MAX_KEPT_CAPACITY {
            self.frame = Vec::new();
        }
    }

    pub(super) fn shrink(&mut self) {
        self.frame = Vec::new();
    }
}
