//! Encodes a message once for each frame format.

use std::sync::Arc;

#[cfg(feature = "deflate")]
use crate::codec::encoder::Encoder;
use crate::codec::frame;
use crate::codec::frame::Opcode;
use crate::connection::shared_frame::{Encoding, FrameFormat, SharedFrame};
#[cfg(feature = "deflate")]
use crate::deflate::extension::CompressionParams as Compression;
use crate::events::sink::Origin;
use crate::message::{MessageKind, MessageRef};
use crate::primitives::lock::Lock;

/// Maximum capacity of the buffer between messages.
const MAX_KEPT_BUFFER: usize = 64 << 10;

/// The encoders of a hub. The lock is held while one thread encodes, and never while bytes are written.
#[derive(Default)]
pub(super) struct FrameCache(Lock<Encoders>);

#[derive(Default)]
struct Encoders {
    /// One for each set of compression parameters in use.
    #[cfg(feature = "deflate")]
    encoders: Vec<(Compression, Encoder)>,
    buffer: Vec<u8>,
}

/// One message in all frame formats that are in use.
pub(super) struct EncodedMessage {
    pub(super) kind: MessageKind,
    origin: Origin,
    /// The uncompressed, unmasked frame.
    plain: Arc<[u8]>,
    /// Length of its header.
    header_len: usize,
    #[cfg(feature = "deflate")]
    deflated: Vec<(Compression, Arc<[u8]>)>,
}

impl FrameCache {
    pub(super) fn encode(&self, message: MessageRef<'_>, frame_formats: &[FrameFormat]) -> EncodedMessage {
        let mut state = self.0.lock();
        #[cfg(not(feature = "deflate"))]
        let _ = frame_formats;
        let (kind, payload) = (message.kind(), message.as_bytes());
        let buffer = &mut state.buffer;
        buffer.clear();
        frame::emit(buffer, true, Opcode::Data(kind), payload.len() as u64, None);
        let header_len = buffer.len();
        buffer.extend_from_slice(payload);
        let encoded = EncodedMessage {
            kind,
            origin: Origin::current(),
            plain: Arc::from(buffer.as_slice()),
            header_len,
            #[cfg(feature = "deflate")]
            deflated: state.deflate(message, frame_formats),
        };
        if state.buffer.capacity() > MAX_KEPT_BUFFER {
            state.buffer = Vec::new();
        }
        encoded
    }
}

#[cfg(feature = "deflate")]
impl Encoders {
    /// The frames that are shorter than the uncompressed one, for the parameters in use.
    fn deflate(&mut self, message: MessageRef<'_>, frame_formats: &[FrameFormat]) -> Vec<(Compression, Arc<[u8]>)> {
        let Encoders { encoders, buffer } = self;
        let plain_len = buffer.len();
        encoders.retain(|(known, _)| frame_formats.contains(&FrameFormat::Deflated(*known)));
        let mut deflated = Vec::new();
        for frame_format in frame_formats {
            let FrameFormat::Deflated(compression) = *frame_format else { continue };
            if !encoders.iter().any(|(known, _)| *known == compression) {
                encoders.push((compression, Encoder::without_context(compression)));
            }
            let Some((_, encoder)) = encoders.iter_mut().find(|(known, _)| *known == compression) else { continue };
            if !encoder.should_compress(message.as_bytes().len()) {
                continue;
            }
            buffer.clear();
            let done = encoder.encode_compressed(buffer, true, Opcode::Data(message.kind()), message.as_bytes());
            // 7692-6.1-2: a message that does not get shorter is sent uncompressed.
            if done.is_ok() && buffer.len() < plain_len {
                deflated.push((compression, Arc::from(buffer.as_slice())));
            }
        }
        deflated
    }
}

impl EncodedMessage {
    /// The frame for a connection with this format. A connection with a format that was not in use during encoding gets
    /// the uncompressed frame, which every connection accepts.
    pub(super) fn frame_for(&self, frame_format: FrameFormat) -> SharedFrame {
        let plain = |encoding| SharedFrame { bytes: self.plain.clone(), encoding, origin: self.origin };
        match frame_format {
            FrameFormat::PerConnection => plain(Encoding::Payload(self.kind, self.header_len)),
            FrameFormat::Uncompressed => plain(Encoding::AsIs),
            #[cfg(feature = "deflate")]
            FrameFormat::Deflated(compression) => match self.deflated.iter().find(|(known, _)| *known == compression) {
                Some((_, frame)) => {
                    SharedFrame { bytes: frame.clone(), encoding: Encoding::Deflated, origin: self.origin }
                }
                None => plain(Encoding::AsIs),
            },
        }
    }
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use super::*;
    use crate::connection::testing::BINARY;
    use crate::deflate::extension::negotiation::Agreed;
    use crate::deflate::extension::{codec, Deflate, Direction, Inflater};
    use crate::deflate::WindowBits;
    use crate::primitives::random::RandomSource;

    /// The compression parameters of a connection with this window, and what decompresses its messages.
    fn compression(bits: WindowBits, threshold: usize) -> (Compression, Inflater) {
        let direction = Direction { bits, takeover: false };
        let agreed = Agreed { send: direction, receive: direction };
        let (inflater, deflater) = codec(&agreed, &Deflate::default().threshold(threshold));
        (deflater.params(), inflater)
    }

    fn encode(kind: MessageKind, payload: &[u8], frame_format: FrameFormat) -> SharedFrame {
        FrameCache::default().encode(MessageRef::from_validated(kind, payload), &[frame_format]).frame_for(frame_format)
    }

    /// 7692-6.1-2: a message that does not get shorter is sent uncompressed.
    #[test]
    fn a_message_is_compressed_for_all_only_if_it_gets_shorter() {
        let format = FrameFormat::Deflated(compression(WindowBits::MAX, 64).0);
        let mut noise = vec![0; 4 << 10];
        RandomSource::system().fill(&mut noise).unwrap();
        for (payload, encoding) in [(vec![7; 4 << 10], Encoding::Deflated), (noise, Encoding::AsIs)] {
            let frame = encode(MessageKind::Binary, &payload, format);
            assert_eq!(frame.encoding, encoding);
            assert_eq!(frame.bytes.ends_with(&payload), encoding == Encoding::AsIs);
        }
    }

    /// 7692-6.1-2: also one whose compressed frame has the same length.
    #[test]
    fn a_message_that_stays_as_long_is_not_compressed() {
        let compression = compression(WindowBits::MAX, 0).0;
        let mut as_long = 0;
        for repeats in 0..32 {
            let payload: Vec<u8> = (b' '..b'`').chain([b'a'; 32].into_iter().take(repeats)).collect();
            let mut packed = Vec::new();
            Encoder::without_context(compression).encode_compressed(&mut packed, true, BINARY, &payload).unwrap();
            let frame = encode(MessageKind::Binary, &payload, FrameFormat::Deflated(compression));
            let plain_len = payload.len() + 2;
            assert_eq!(frame.encoding == Encoding::Deflated, packed.len() < plain_len, "{repeats}");
            as_long += usize::from(packed.len() == plain_len);
        }
        assert!(as_long > 0);
    }

    #[test]
    fn a_message_below_the_threshold_is_not_compressed() {
        let format = FrameFormat::Deflated(compression(WindowBits::MAX, 64).0);
        for (length, encoding) in [(63, Encoding::AsIs), (64, Encoding::Deflated)] {
            assert_eq!(encode(MessageKind::Text, &vec![b'a'; length], format).encoding, encoding, "{length}");
        }
    }

    #[test]
    fn each_message_has_one_frame_for_each_format() {
        let [mut narrow, mut wide] = [WindowBits::MIN, WindowBits::MAX].map(|bits| compression(bits, 64));
        let [narrow_format, wide_format] = [narrow.0, wide.0].map(FrameFormat::Deflated);
        let formats = [FrameFormat::PerConnection, FrameFormat::Uncompressed, narrow_format, wide_format];
        let cache = FrameCache::default();
        let mut random = 1_u32;
        for _ in 0..2 {
            let mut digit = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'0' + (random >> 24) as u8 % 10
            };
            // The second half repeats the first, which only the wider window reaches.
            let payload = std::array::from_fn::<_, 300, _>(|_| digit()).repeat(2);
            let encoded = cache.encode(MessageRef::from_validated(MessageKind::Text, &payload), &formats);
            let [own, plain, small, large] = formats.map(|frame_format| encoded.frame_for(frame_format));
            assert_eq!((own.encoding, plain.encoding), (Encoding::Payload(MessageKind::Text, 4), Encoding::AsIs));
            assert_eq!(plain.bytes[..], [&[0x81, 126, 2, 88][..], &payload].concat());
            assert_eq!(own.bytes, plain.bytes);
            assert!(large.bytes.len() < small.bytes.len() && small.bytes.len() < plain.bytes.len());
            for (frame, inflater) in [(&small, &mut narrow.1), (&large, &mut wide.1)] {
                assert_eq!((frame.encoding, &frame.bytes[..2]), (Encoding::Deflated, &[0xC1, 126][..]));
                let mut out = Vec::new();
                inflater.begin_message();
                inflater.push(&frame.bytes[4..], &mut out, 1_000).unwrap();
                inflater.end_message().unwrap();
                assert_eq!(out, payload);
            }
            assert_eq!(cache.0.lock().encoders.len(), 2);
        }
        // A format that is no longer in use keeps no encoder.
        let encoded = cache.encode(MessageRef::from_validated(MessageKind::Text, &[b'a'; 64]), &[wide_format]);
        assert_eq!(encoded.frame_for(wide_format).encoding, Encoding::Deflated);
        assert_eq!(encoded.frame_for(narrow_format).encoding, Encoding::AsIs);
        assert_eq!(cache.0.lock().encoders.len(), 1);
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        for (capacity, is_kept) in [(MAX_KEPT_BUFFER, true), (MAX_KEPT_BUFFER + 1, false)] {
            let cache = FrameCache::default();
            cache.0.lock().buffer = Vec::with_capacity(capacity);
            assert_eq!(cache.0.lock().buffer.capacity(), capacity);
            cache.encode(MessageRef::from_validated(MessageKind::Text, b"news"), &[]);
            assert_eq!(cache.0.lock().buffer.capacity() > 0, is_kept, "{capacity}");
        }
    }
}
