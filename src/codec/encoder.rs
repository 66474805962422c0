//! The sending half of RFC 6455 section 6.1: payloads in, frames out. Must not know what was received, nor the network.
//!
//! ```
//! use stdws::codec::encoder::Encoder;
//! use stdws::codec::frame::{Opcode, Role};
//! use stdws::MessageKind;
//!
//! // The fragmented "Hello" of RFC 6455 section 5.7, with a Ping between the fragments.
//! let mut out = Vec::new();
//! let mut server = Encoder::new(Role::Server);
//! server.encode_fragment(&mut out, Opcode::Data(MessageKind::Text), b"Hel")?;
//! server.encode(&mut out, Opcode::Ping, b"")?;
//! server.encode(&mut out, Opcode::Continuation, b"lo")?;
//! assert_eq!(out, b"\x01\x03Hel\x89\x00\x80\x02lo");
//!
//! // A client masks: the same payload takes four bytes more, and differs each time.
//! out.clear();
//! Encoder::new(Role::Client).encode(&mut out, Opcode::Data(MessageKind::Text), b"Hello")?;
//! assert_eq!((out.len(), &out[..2]), (11, &[0x81, 0x85][..]));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;

use super::frame;
use super::frame::{Opcode, Role};
use super::mask;
#[cfg(any(feature = "client", feature = "server"))]
use crate::deflate::extension::Deflater;
use crate::primitives::random::RandomSource;

#[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
mod deflating;

/// Writes frames. The encoder of a client has a source of masking keys; the encoder of a server has none.
#[derive(Debug)]
pub struct Encoder {
    pub(crate) keys: Option<RandomSource>,
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) deflater: Option<Deflater>,
}

impl Encoder {
    /// An encoder for one side. A client's masking keys are random bytes of the operating system.
    pub fn new(role: Role) -> Encoder {
        match role {
            Role::Client => Encoder::client(RandomSource::system()),
            Role::Server => Encoder::server(),
        }
    }

    /// 6455-5.1-1, 6455-5.3-1, 6455-6.1-8, 6455-5.5.1-s1: a client masks every frame, control frames too.
    pub(crate) fn client(keys: RandomSource) -> Encoder {
        Encoder {
            keys: Some(keys),
            #[cfg(any(feature = "client", feature = "server"))]
            deflater: None,
        }
    }

    /// 6455-5.1-4: a server never masks.
    pub(crate) fn server() -> Encoder {
        Encoder {
            keys: None,
            #[cfg(any(feature = "client", feature = "server"))]
            deflater: None,
        }
    }

    /// Appends a frame that ends its message: a whole message, the last fragment, or a control frame.
    ///
    /// # Errors
    ///
    /// No masking key could be had. `out` is unchanged then.
    pub fn encode(&mut self, out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.encode_frame(out, true, opcode, payload)
    }

    /// Appends a fragment that a [`Continuation`](Opcode::Continuation) follows.
    ///
    /// # Errors
    ///
    /// As [`Encoder::encode`].
    pub fn encode_fragment(&mut self, out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.encode_frame(out, false, opcode, payload)
    }

    /// Appends a frame. On an error, which only the source of keys can cause, `out` is unchanged.
    ///
    /// 6455-10.3-s1: the payload is copied here, so it cannot change once its frame has begun.
    #[inline]
    pub(crate) fn encode_frame(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        match self.encode_header(out, fin, opcode, payload.len())? {
            Some(key) => mask::append(out, payload, key),
            None => out.extend_from_slice(payload),
        }
        Ok(())
    }

    /// Appends a header alone. The caller sends the payload of `length` bytes, masked with the key returned.
    #[inline]
    pub(crate) fn encode_header(
        &mut self,
        out: &mut Vec<u8>,
        fin: bool,
        opcode: Opcode,
        length: usize,
    ) -> io::Result<Option<[u8; 4]>> {
        // 6455-5.3-2, 6455-10.3-1: a fresh key for every frame. Without a key nothing is written.
        let key = match &mut self.keys {
            Some(keys) => Some(keys.masking_key()?),
            None => None,
        };
        frame::emit(out, fin, opcode, length as u64, key);
        Ok(key)
    }
}

/// For connections.
#[cfg(any(feature = "client", feature = "server"))]
impl Encoder {
    /// Compresses messages above the threshold.
    pub(crate) fn with_compression(mut self, deflater: Option<Deflater>) -> Encoder {
        self.deflater = deflater;
        self
    }

    /// Whether encoding a few frames may call the source of keys, see [`RandomSource::is_low`].
    #[inline]
    pub(crate) fn is_low_on_keys(&self) -> bool {
        self.keys.as_ref().is_some_and(RandomSource::is_low)
    }

    /// Fetches masking keys ahead of time, see [`RandomSource::prefetch`].
    pub(crate) fn prefetch_keys(&mut self) -> io::Result<()> {
        self.keys.as_mut().map_or(Ok(()), RandomSource::prefetch)
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        #[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
        if let Some(deflater) = &mut self.deflater {
            deflater.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageKind;

    fn fixed(keys: &'static [[u8; 4]]) -> RandomSource {
        // Returns the keys in turn, then bytes EE.
        let mut left = keys.concat().into_iter();
        RandomSource::from_fn(Box::new(move |out: &mut [u8]| {
            for byte in out {
                *byte = left.next().unwrap_or(0xEE);
            }
            Ok(())
        }))
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // 6455-5.1-1, 6455-5.3-1, 6455-6.1-8, 6455-5.1-4, 6455-5.3-s1: section 5.7.
        let mut out = Vec::new();
        let text = Opcode::Data(MessageKind::Text);
        Encoder::server().encode_frame(&mut out, true, text, b"Hello").unwrap();
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        out.clear();
        let mut client = Encoder::client(fixed(&[[0x37, 0xfa, 0x21, 0x3d]]));
        client.encode_frame(&mut out, true, text, b"Hello").unwrap();
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        out.clear();
        Encoder::server().encode_frame(&mut out, false, text, b"Hel").unwrap();
        Encoder::server().encode_frame(&mut out, true, Opcode::Continuation, b"lo").unwrap();
        assert_eq!(out, [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]);
        out.clear();
        Encoder::server().encode_frame(&mut out, true, Opcode::Data(MessageKind::Binary), &[0; 256]).unwrap();
        assert_eq!(out[..4], [0x82, 0x7E, 0x01, 0x00]);
        out.clear();
        Encoder::server().encode_frame(&mut out, true, Opcode::Data(MessageKind::Binary), &[0; 65536]).unwrap();
        assert_eq!(out[..10], [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_role_decides_on_masking_and_the_call_on_fin() {
        // 6455-5.1-1, 6455-5.1-4
        for (role, mask) in [(Role::Client, 0x80), (Role::Server, 0)] {
            let (mut encoder, mut out) = (Encoder::new(role), Vec::new());
            encoder.encode_fragment(&mut out, Opcode::Data(MessageKind::Text), b"").unwrap();
            let next = out.len();
            encoder.encode(&mut out, Opcode::Continuation, b"").unwrap();
            assert_eq!((&out[..2], &out[next..next + 2]), (&[0x01, mask][..], &[0x80, mask][..]));
        }
    }

    #[test]
    fn every_frame_has_a_key_of_its_own() {
        // 6455-5.3-2, 6455-10.3-1, and control frames are masked like others (6455-5.5.1-s1).
        let mut client = Encoder::client(fixed(&[[1, 2, 3, 4], [5, 6, 7, 8]]));
        let mut out = Vec::new();
        client.encode_frame(&mut out, true, Opcode::Close, b"").unwrap();
        client.encode_frame(&mut out, true, Opcode::Ping, b"").unwrap();
        assert_eq!(out, [0x88, 0x80, 1, 2, 3, 4, 0x89, 0x80, 5, 6, 7, 8]);
    }

    #[test]
    fn without_a_key_nothing_is_written() {
        // 6455-5.3-3
        let mut client =
            Encoder::client(RandomSource::from_fn(Box::new(|_: &mut [u8]| Err(io::ErrorKind::Other.into()))));
        let mut out = vec![7];
        assert!(client.encode_frame(&mut out, true, Opcode::Ping, b"x").is_err());
        assert_eq!(out, [7]);
    }

    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn keys_are_fetched_ahead_of_time() {
        let mut client = Encoder::client(fixed(&[]));
        assert!(client.is_low_on_keys());
        client.prefetch_keys().unwrap();
        assert!(!client.is_low_on_keys());
        let mut server = Encoder::server();
        assert!(!server.is_low_on_keys());
        server.prefetch_keys().unwrap();
    }
}
