//! The extension `deflate-stream` (hybi-04 to -10): after the handshake, each direction is one raw DEFLATE stream that
//! includes frame headers and masks. The sender flushes it after each frame.
//!
//! The output is bounded: [`INPUT_CHUNK`] bytes are decompressed at a time, to at most 66 KiB, and the next ones only
//! after these have been decoded. So a frame that exceeds the limits fails before it is decompressed.

use crate::codec::buffers::InputBuffer;
use crate::deflate::{Compress, Inflate, Level, WindowBits};
use crate::error::ProtocolError;

/// Bytes decompressed at a time.
const INPUT_CHUNK: u64 = 64;

/// Decompresses the stream from the peer.
#[derive(Debug)]
pub(super) struct StreamInflater {
    inflate: Inflate,
    plain: Vec<u8>,
    used: usize,
    /// The stream is invalid after the bytes in `plain`.
    invalid: bool,
}

impl StreamInflater {
    pub(super) fn new() -> StreamInflater {
        StreamInflater { inflate: Inflate::new(WindowBits::MAX), plain: Vec::new(), used: 0, invalid: false }
    }

    /// The decompressed bytes that are not consumed. Decompresses more of `input` if there are none.
    pub(super) fn unread(&mut self, input: &mut InputBuffer) -> Result<&mut [u8], ProtocolError> {
        while self.used == self.plain.len() && !input.is_empty() {
            if self.invalid {
                return Err(ProtocolError::InvalidDeflate);
            }
            self.plain.clear();
            self.used = 0;
            // hybi09-9.2.1-1: all input is one stream, whatever its frames.
            let (_, chunk) = input.part(0, INPUT_CHUNK);
            let taken = chunk.len();
            self.invalid = self.inflate.push(chunk, &mut self.plain, usize::MAX).is_err();
            // The last bytes of an invalid stream stay in `input`, so that the next call reports the error.
            if !self.invalid {
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

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.plain.capacity()
    }
}

/// Compresses the stream to the peer.
#[derive(Debug)]
pub(super) struct StreamDeflater {
    compress: Compress,
    /// The frame to compress. Reused, to keep its allocation.
    pub(super) frame: Vec<u8>,
}

/// Maximum capacity of `frame` between frames.
const MAX_KEPT_CAPACITY: usize = 64 << 10;

impl StreamDeflater {
    pub(super) fn new() -> StreamDeflater {
        StreamDeflater { compress: Compress::new(Level::Default, WindowBits::MAX), frame: Vec::new() }
    }

    /// Compresses the frame and appends it with a flush, so that the peer can decompress all of it.
    pub(super) fn deflate_frame(&mut self, out: &mut Vec<u8>) {
        // hybi09-9.2.1-1: the stream goes on with the next frame.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What was decompressed and not consumed survives; otherwise the memory is released, and the stream goes on.
    #[test]
    fn shrinking_releases_what_was_consumed() {
        let (mut deflater, mut wire) = (StreamDeflater::new(), Vec::new());
        for _ in 0..2 {
            deflater.frame.extend_from_slice(b"hello");
            deflater.deflate_frame(&mut wire);
        }
        let (first, second) = wire.split_at(wire.len() - 4);
        let mut inflater = StreamInflater::new();
        let mut input = InputBuffer::new(first);
        let begun = inflater.unread(&mut input).unwrap().to_vec();
        assert!(begun.starts_with(b"hello"), "{}", begun.escape_ascii());
        inflater.consume(2);
        inflater.shrink();
        assert_eq!(inflater.unread(&mut input).unwrap(), &begun[2..]);
        inflater.consume(begun.len() - 2);
        inflater.shrink();
        assert_eq!(inflater.plain.capacity(), 0);
        let mut all = begun;
        all.extend_from_slice(inflater.unread(&mut InputBuffer::new(second)).unwrap());
        inflater.consume(all.len());
        all.extend_from_slice(inflater.unread(&mut InputBuffer::new(&wire_of_a_third(&mut deflater))).unwrap());
        assert_eq!(all, b"hellohellohello");
    }

    fn wire_of_a_third(deflater: &mut StreamDeflater) -> Vec<u8> {
        let mut wire = Vec::new();
        deflater.frame.extend_from_slice(b"hello");
        deflater.deflate_frame(&mut wire);
        wire
    }

    #[test]
    fn a_large_allocation_is_not_kept() {
        let mut deflater = StreamDeflater::new();
        for capacity in [10, MAX_KEPT_CAPACITY - 1, MAX_KEPT_CAPACITY, MAX_KEPT_CAPACITY + 1, 1 << 20] {
            deflater.frame = Vec::with_capacity(capacity);
            let capacity = deflater.frame.capacity();
            deflater.frame.push(0);
            deflater.deflate_frame(&mut Vec::new());
            let kept = if capacity > 65_536 { 0 } else { capacity };
            assert_eq!((deflater.frame.len(), deflater.frame.capacity()), (0, kept));
        }
        deflater.frame = Vec::with_capacity(10);
        deflater.shrink();
        assert_eq!(deflater.frame.capacity(), 0);
    }
}
