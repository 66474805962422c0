//! Compressed messages (RFC 7692 section 6.1): payloads are compressed into the frames that carry them.

use std::io;

use crate::codec::encoder::Encoder;
use crate::codec::frame;
use crate::codec::frame::Opcode;
use crate::codec::mask;

impl Encoder {
    /// Whether a message of this length is compressed.
    #[inline]
    pub(crate) fn should_compress(&self, length: usize) -> bool {
        self.deflater.as_ref().is_some_and(|deflater| deflater.should_compress(length))
    }

    /// Appends a frame of a compressed message, without compression if none was negotiated.
    /// Returns the length of the payload.
    pub(crate) fn encode_compressed(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        plain: &[u8],
    ) -> io::Result<usize> {
        let Some(deflater) = &mut self.deflater else {
            self.encode_frame(out, fin, opcode, plain)?;
            return Ok(plain.len());
        };
        // Before compression: a message that was compressed and not sent would be missing in the peer's window.
        let key = match &mut self.keys {
            Some(keys) => Some(keys.masking_key()?),
            None => None,
        };
        let packed = deflater.compress_fragment(plain, fin);
        let at = out.len();
        frame::emit(out, fin, opcode, packed.len() as u64, key);
        if let (Opcode::Data(_), Some(first)) = (opcode, out.get_mut(at)) {
            // 7692-6.1-1, 7692-6.1-3: on the first frame of the message.
            *first |= frame::RSV1;
        }
        match key {
            Some(key) => mask::append(out, packed, key),
            None => out.extend_from_slice(packed),
        }
        let length = packed.len();
        deflater.release_buffer();
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::extension::negotiation::Agreed;
    use crate::deflate::extension::{codec, Deflate, Direction};
    use crate::deflate::WindowBits;
    use crate::message::MessageKind;

    fn encoder() -> Encoder {
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        Encoder::server().with_compression(Some(deflater))
    }

    /// 7692-6.1-1, 7692-6.1-3, 7692-7.2.1-5: the first frame of a message has RSV1, no other frame has it; only the last
    /// omits the tail of the flush. 7692-6.1-2: an uncompressed message is as it was, without RSV1.
    #[test]
    fn the_first_frame_alone_has_rsv1() {
        let mut encoder = encoder();
        let data = Opcode::Data(MessageKind::Text);
        for (fin, opcode, first) in [
            (false, data, 0x41),
            (false, Opcode::Continuation, 0x00),
            (true, Opcode::Continuation, 0x80),
            (true, data, 0xC1),
            (true, Opcode::Data(MessageKind::Binary), 0xC2),
        ] {
            let mut out = Vec::new();
            encoder.encode_compressed(&mut out, fin, opcode, b"part").unwrap();
            assert_eq!(out[0], first, "{opcode:?}");
            assert_eq!(out.ends_with(&[0x00, 0x00, 0xff, 0xff]), !fin, "{opcode:?} {out:02x?}");
        }
        let mut out = Vec::new();
        encoder.encode_frame(&mut out, true, data, b"part").unwrap();
        assert_eq!(out, b"\x81\x04part");
    }

    #[test]
    fn a_huge_compressed_message_leaves_no_huge_buffer() {
        let mut encoder = encoder();
        let mut random = 1_u32;
        let noise: Vec<u8> = (0..1 << 20)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            })
            .collect();
        let mut out = Vec::new();
        encoder.encode_compressed(&mut out, true, Opcode::Data(MessageKind::Binary), &noise).unwrap();
        assert!(out.len() > noise.len());
        assert!(encoder.deflater.is_some_and(|deflater| deflater.held() <= 64 << 10));
    }

    /// 7692-6.1-2: without the extension, messages go out as they are.
    #[test]
    fn without_a_compressor_a_message_is_not_compressed() {
        let mut out = Vec::new();
        let length = Encoder::server().encode_compressed(&mut out, true, Opcode::Data(MessageKind::Text), b"plain");
        assert_eq!((length.unwrap(), &out[..]), (5, &b"\x81\x05plain"[..]));
    }

    #[test]
    fn an_idle_encoder_returns_the_buffer_of_its_compressor() {
        let mut encoder = encoder();
        encoder.deflater.as_mut().unwrap().compress_fragment(b"buffered", true);
        assert!(encoder.deflater.as_ref().unwrap().held() > 0);
        encoder.shrink();
        assert_eq!(encoder.deflater.unwrap().held(), 0);
    }

    #[test]
    fn messages_from_the_threshold_on_are_compressed() {
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let own = Deflate::default().threshold(100);
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &own);
        let encoder = Encoder::server().with_compression(Some(deflater));
        assert_eq!([99, 100, 101].map(|length| encoder.should_compress(length)), [false, true, true]);
        assert!(!Encoder::server().should_compress(usize::MAX));
    }
}
