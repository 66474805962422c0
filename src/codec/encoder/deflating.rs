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
    use crate::message::MessageKind;

    #[test]
    fn a_huge_compressed_message_leaves_no_huge_buffer() {
        use crate::deflate::extension::codec;
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{Deflate, Direction};
        let free = Direction { bits: crate::deflate::WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        let mut encoder = Encoder::server().with_compression(Some(deflater));
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
}
