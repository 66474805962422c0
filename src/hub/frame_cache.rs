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
    use crate::deflate::extension::negotiation::Agreed;
    use crate::deflate::extension::{codec, Deflate, Direction};
    use crate::deflate::WindowBits;
    use crate::primitives::random::RandomSource;

    /// 7692-6.1-2: a message that does not get shorter is sent uncompressed.
    #[test]
    fn a_message_is_compressed_for_all_only_if_it_gets_shorter() {
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        let format = FrameFormat::Deflated(deflater.params());
        let mut noise = vec![0; 4 << 10];
        RandomSource::system().fill(&mut noise).unwrap();
        for (payload, encoding) in [(vec![7; 4 << 10], Encoding::Deflated), (noise, Encoding::AsIs)] {
            let frame = FrameCache::default()
                .encode(MessageRef::from_validated(MessageKind::Binary, &payload), &[format])
                .frame_for(format);
            assert_eq!(frame.encoding, encoding);
            assert_eq!(frame.bytes.ends_with(&payload), encoding == Encoding::AsIs);
        }
    }
}
