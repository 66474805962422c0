//! Messages through DEFLATE: [`Inflater`] for those received, [`Deflater`] for those sent (RFC 7692 section 6 and 7.2).
//!
//! Must not know frames. Both hold the negotiated window, and whether it is kept from message to message.

use super::negotiation::Agreed;
use crate::deflate::extension::{Deflate, Direction};
use crate::deflate::{Compress, Inflate, InflateError, Level, WindowBits};
use crate::error::ProtocolError;

/// Decompresses the messages a peer sends.
#[derive(Debug)]
pub(crate) struct Inflater {
    inflate: Inflate,
    takeover: bool,
}

impl Inflater {
    fn new(agreed: &Agreed) -> Inflater {
        let Direction { bits, takeover } = agreed.receive;
        // 7692-7.2.2-6, 7692-7.2.2-7, 7692-7.2.2-8, 7692-7.2.2-9: as negotiated; without a negotiated size, 32,768 bytes.
        Inflater { inflate: Inflate::new(bits), takeover }
    }

    /// Begins a compressed message.
    pub(crate) fn begin_message(&mut self) {
        // 7692-7.2.2-1, 7692-7.2.2-3: without context takeover, with an empty window.
        // 7692-7.2.2-2, 7692-7.2.2-4, 7692-7.2.2-5: otherwise with the window of the last compressed message.
        if !self.takeover {
            self.inflate.reset();
        }
    }

    /// Appends the decompressed bytes of the next part of the payload. `out` never exceeds `limit`.
    ///
    /// 7692-6.2-1: the payloads of all frames of a message are one stream. 7692-7.2.1-1, 7692-7.2.1-2, 7692-7.2.1-3: it has any
    /// number of blocks of any kind. 7692-7.2.3-s1: uncompressed messages never pass here.
    pub(crate) fn push(&mut self, payload: &[u8], out: &mut Vec<u8>, limit: u64) -> Result<(), ProtocolError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.inflate.push(payload, out, most).map_err(|kind| match kind {
            InflateError::TooLarge => ProtocolError::MessageTooBig { length: limit.saturating_add(1), limit },
            _ => ProtocolError::InvalidDeflate,
        })
    }

    /// Ends the message. 7692-7.2.2-s1: as if `00 00 ff ff` followed it.
    pub(crate) fn end_message(&mut self) -> Result<(), ProtocolError> {
        self.inflate.end_message().map_err(|_| ProtocolError::InvalidDeflate)
    }
}

/// Both directions of a connection, as negotiated.
pub(crate) fn codec(agreed: &Agreed, own: &Deflate) -> (Inflater, Deflater) {
    (Inflater::new(agreed), Deflater::new(agreed, own))
}

/// Compresses the messages this side sends.
#[derive(Debug)]
pub(crate) struct Deflater {
    compress: Compress,
    takeover: bool,
    params: CompressionParams,
    /// The payload of the last fragment; kept to reuse its memory.
    compressed: Vec<u8>,
}

/// The parameters that determine the output for a message compressed with an empty window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompressionParams {
    level: Level,
    bits: WindowBits,
    threshold: usize,
}

/// Maximum size of a buffer for compressed messages that is kept.
const MAX_RETAINED: usize = 64 << 10;

/// Number of bytes at the end of a sync flush that are not sent (7692-7.2.1-s1).
const FLUSH_TAIL: usize = 4;

impl Deflater {
    fn new(agreed: &Agreed, own: &Deflate) -> Deflater {
        let Direction { bits, takeover } = agreed.send;
        // 7692-7.2.1-8, 7692-7.2.1-11: the window is kept if that was negotiated.
        // 7692-7.2.1-6, 7692-7.2.1-12, 7692-7.2.1-14, 7692-7.2.2-10: never a larger window than negotiated.
        let params = CompressionParams { level: own.level, bits, threshold: own.threshold };
        Deflater { takeover, ..Deflater::no_context_takeover(params) }
    }

    /// Compresses each message with an empty window.
    pub(crate) fn no_context_takeover(params: CompressionParams) -> Deflater {
        Deflater { compress: Compress::new(params.level, params.bits), takeover: false, params, compressed: Vec::new() }
    }

    #[cfg(feature = "hub")]
    pub(crate) fn params(&self) -> CompressionParams {
        self.params
    }

    /// The next message begins with an empty window, which is valid for all negotiated parameters.
    #[cfg(feature = "hub")]
    pub(crate) fn reset_window(&mut self) {
        self.compress.reset();
    }

    /// Whether a message of this length is compressed.
    pub(crate) fn should_compress(&self, length: usize) -> bool {
        length >= self.params.threshold
    }

    /// Returns the payload of one frame; `fin` if it ends the message. 7692-7.2.1-5: only then the tail is removed.
    pub(crate) fn compress_fragment(&mut self, plain: &[u8], fin: bool) -> &[u8] {
        self.compressed.clear();
        self.compress.push(plain, &mut self.compressed);
        if fin {
            self.compressed.truncate(self.compressed.len().saturating_sub(FLUSH_TAIL));
            // 7692-7.2.1-7, 7692-7.2.1-10: the next message begins with an empty window if that was negotiated.
            if !self.takeover {
                self.compress.reset();
            }
        }
        &self.compressed
    }

    /// Frees a large buffer, after the fragment was copied.
    pub(crate) fn release_buffer(&mut self) {
        if self.compressed.capacity() > MAX_RETAINED {
            self.compressed = Vec::new();
        }
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.compressed = Vec::new();
    }
}

#[cfg(test)]
impl Deflater {
    pub(crate) fn held(&self) -> usize {
        self.compressed.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(bits: u8, takeover: bool) -> (Inflater, Deflater) {
        let direction = Direction { bits: WindowBits::new(bits).unwrap(), takeover };
        codec(&Agreed { send: direction, receive: direction }, &Deflate::default())
    }

    fn received(inflater: &mut Inflater, payload: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let mut plain = Vec::new();
        inflater.begin_message();
        inflater.push(payload, &mut plain, 1 << 20)?;
        inflater.end_message().map(|()| plain)
    }

    /// 7692-7.2.1-8, 7692-7.2.1-11, 7692-7.2.2-2, 7692-7.2.2-4: a repeated message refers to the first.
    /// 7692-7.2.1-7, 7692-7.2.1-10, 7692-7.2.2-1, 7692-7.2.2-3: without takeover it is compressed as the first, and a
    /// reference to the first is an error.
    #[test]
    fn the_window_is_kept_if_that_was_negotiated() {
        let text = b"Nothing in it repeats: 0123456789 abcdefghjklmoqsuvwxyz";
        let (mut keeping, mut sender) = pair(15, true);
        let first = sender.compress_fragment(text, true).to_vec();
        let again = sender.compress_fragment(text, true).to_vec();
        assert!(again.len() < first.len() / 4, "{} {}", first.len(), again.len());
        for payload in [&first, &again] {
            assert_eq!(received(&mut keeping, payload).as_deref(), Ok(&text[..]));
        }
        let (mut forgetting, mut sender) = pair(15, false);
        for _ in 0..2 {
            assert_eq!(sender.compress_fragment(text, true), first);
        }
        assert_eq!(received(&mut forgetting, &first).as_deref(), Ok(&text[..]));
        assert_eq!(received(&mut forgetting, &again), Err(ProtocolError::InvalidDeflate));
    }

    /// 7692-7.2.2-6, 7692-7.2.2-8: this side keeps the negotiated window and no more, so a longer distance is an error.
    /// 7692-7.2.1-12, 7692-7.2.1-14, 7692-7.2.2-10: and it sends no longer distance.
    #[test]
    fn the_window_has_the_negotiated_size() {
        let far = [vec![b'x'; 20], (0..=255).cycle().take(600).collect(), vec![b'x'; 20]].concat();
        // The start of the message again, as late as possible.
        let far = [&b"a beginning"[..], &far, b"a beginning"].concat();
        for bits in 8..=15 {
            let large = pair(15, true).1.compress_fragment(&far, true).to_vec();
            let expected = if bits >= 10 { Ok(&far[..]) } else { Err(&ProtocolError::InvalidDeflate) };
            assert_eq!(received(&mut pair(bits, true).0, &large).as_deref(), expected, "{bits}");
            let (mut inflater, mut deflater) = pair(bits, true);
            let fitting = deflater.compress_fragment(&far, true).to_vec();
            assert_eq!(received(&mut inflater, &fitting).as_deref(), Ok(&far[..]), "{bits}");
        }
    }

    #[test]
    fn an_idle_compressor_returns_its_buffer() {
        let (_, mut deflater) = pair(15, true);
        deflater.compress_fragment(&[7; 1000], true);
        assert!(deflater.held() > 0);
        deflater.shrink();
        assert_eq!(deflater.held(), 0);
    }

    #[test]
    fn a_buffer_of_more_than_64_kib_is_freed() {
        for (capacity, kept) in [(65_535, 65_535), (65_536, 65_536), (65_537, 0)] {
            let (_, mut deflater) = pair(15, true);
            deflater.compressed = Vec::with_capacity(capacity);
            deflater.release_buffer();
            assert_eq!(deflater.held(), kept);
        }
    }

    /// Without context takeover, and after a reset of the window, a message is compressed as the first one.
    #[cfg(feature = "hub")]
    #[test]
    fn a_message_with_an_empty_window_is_compressed_as_the_first() {
        let (_, mut keeping) = pair(15, true);
        let mut alone = Deflater::no_context_takeover(keeping.params());
        let first = alone.compress_fragment(b"all of this is repeated", true).to_vec();
        for _ in 0..2 {
            assert_eq!(alone.compress_fragment(b"all of this is repeated", true), first);
            keeping.reset_window();
            assert_eq!(keeping.compress_fragment(b"all of this is repeated", true), first);
        }
    }
}
