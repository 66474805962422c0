//! A frame that many connections send, encoded once.
//!
//! Knows the writer; must not know a connection or the hub.

use std::io;
use std::sync::Arc;

use super::framing;
#[cfg(feature = "trace")]
use super::report::FrameNote;
use super::writer::Writer;
use crate::codec::encoder::Encoder;
use crate::codec::frame::Opcode;
#[cfg(feature = "trace")]
use crate::codec::frame::{parse, Context, Role};
#[cfg(feature = "deflate")]
use crate::deflate::extension::{CompressionParams, Deflater};
use crate::events::sink::Origin;
use crate::message::MessageKind;

/// Maximum number of bytes of a frame that is masked under the state lock.
const MAX_LOCKED_COPY: usize = 16 << 10;

/// What determines the bytes of a frame besides its message: encoders of equal format produce equal frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameFormat {
    /// Frames that no other connection can send: those of a client, which are masked, and those of a draft.
    PerConnection,
    /// The message without compression.
    Uncompressed,
    /// Messages above the threshold are compressed, starting with an empty window.
    #[cfg(feature = "deflate")]
    Deflated(CompressionParams),
}

impl FrameFormat {
    /// The format of an encoder's frames.
    pub(super) fn of(encoder: &framing::Encoder) -> FrameFormat {
        match encoder {
            framing::Encoder::Rfc6455(Encoder { keys: Some(_), .. }) => FrameFormat::PerConnection,
            #[cfg(feature = "deflate")]
            framing::Encoder::Rfc6455(Encoder { deflater: Some(deflater), .. }) => {
                FrameFormat::Deflated(deflater.params())
            }
            framing::Encoder::Rfc6455(_) => FrameFormat::Uncompressed,
            #[cfg(feature = "legacy")]
            framing::Encoder::Draft(_) => FrameFormat::PerConnection,
        }
    }
}

#[cfg(feature = "deflate")]
impl Encoder {
    /// An encoder whose frames every connection with these parameters can send. It compresses each message with an empty window.
    pub(crate) fn without_context(params: CompressionParams) -> Encoder {
        Encoder { keys: None, deflater: Some(Deflater::no_context_takeover(params)) }
    }
}

/// A frame for many connections. A clone shares its bytes.
#[derive(Debug, Clone)]
pub(crate) struct SharedFrame {
    /// The frame as a server sends it.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) encoding: Encoding,
    /// Where the message was passed to the hub.
    pub(crate) origin: Origin,
}

/// How a shared frame becomes bytes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The bytes are sent unchanged.
    AsIs,
    /// The bytes are sent unchanged. The message is compressed without reference to another one.
    #[cfg(feature = "deflate")]
    Deflated,
    /// The connection encodes its own uncompressed frame. The payload is all bytes from this index on.
    Payload(MessageKind, usize),
}

impl SharedFrame {
    /// Appends the frame to one connection's output. It is copied only for [`Encoding::Payload`].
    ///
    /// 6455-5.1-1: a client's frame is masked, so each client encodes its own. A draft does so too.
    pub(super) fn append_to(self, writer: &mut Writer) -> io::Result<()> {
        match self.encoding {
            Encoding::Payload(kind, from) => {
                let payload = self.bytes.get(from..).unwrap_or_default();
                return writer.append_frame_from(|| self.origin, true, Opcode::Data(kind), payload);
            }
            // The peer has this message in its window and the connection's encoder does not, so the next message must not refer to
            // earlier ones.
            #[cfg(feature = "deflate")]
            Encoding::Deflated => {
                if let framing::Encoder::Rfc6455(Encoder { deflater: Some(deflater), .. }) = &mut writer.encoder {
                    deflater.reset_window();
                }
            }
            Encoding::AsIs => {}
        }
        writer.append_shared(self.bytes, self.origin);
        Ok(())
    }

    /// Whether [`append_to`](SharedFrame::append_to) is cheap enough to run under the state lock.
    pub(super) fn is_cheap(&self) -> bool {
        match self.encoding {
            Encoding::Payload(..) => self.bytes.len() <= MAX_LOCKED_COPY,
            _ => true,
        }
    }
}

impl Writer {
    /// Appends an encoded frame that other connections send too.
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    fn append_shared(&mut self, bytes: Arc<[u8]>, origin: Origin) {
        #[cfg(feature = "trace")]
        if let Some(frame_notes) = self.frame_notes(|| origin) {
            // It is a valid frame of a server: unmasked.
            let context = Context { role: Role::Client, open: false, compression: true };
            if let Ok(Some(header)) = parse(&bytes, context) {
                frame_notes.push(FrameNote::of_header(&header));
            }
        }
        self.buffer.append_shared(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "trace")]
    use crate::connection::testing;

    /// A long message is masked by the thread that has the permit, without the lock.
    #[test]
    fn only_a_short_frame_is_encoded_under_the_lock() {
        let frame = |encoding, length| SharedFrame { bytes: vec![0; length].into(), encoding, origin: Origin::Outside };
        let payload = Encoding::Payload(MessageKind::Binary, 4);
        assert!(frame(payload, MAX_LOCKED_COPY).is_cheap() && !frame(payload, MAX_LOCKED_COPY + 1).is_cheap());
        assert!(frame(Encoding::AsIs, MAX_LOCKED_COPY + 1).is_cheap());
    }

    #[cfg(feature = "trace")]
    #[test]
    fn a_shared_frame_is_noted_as_it_is_sent() {
        let rows = [
            (Role::Server, Encoding::AsIs, &b"\xC1\x01a"[..], "Text, 1 byte, compressed"),
            (Role::Server, Encoding::AsIs, b"\x82\x03abc", "Binary, 3 bytes"),
            (Role::Client, Encoding::Payload(MessageKind::Text, 2), b"\x81\x02ab", "Text, 2 bytes"),
        ];
        for (role, encoding, bytes, text) in rows {
            for (origin, is_noted) in [(Origin::Outside, true), (Origin::Handler, false)] {
                let mut writer = Writer::new(framing::Encoder::Rfc6455(testing::encoder(role)));
                writer.frame_notes = Some(Vec::new());
                SharedFrame { bytes: bytes.into(), encoding, origin }.append_to(&mut writer).unwrap();
                let (callback, events) = testing::event_log();
                FrameNote::emit_sent(writer.frame_notes.unwrap(), &callback.for_connection());
                assert_eq!(events(), if is_noted { vec![format!("frame-sent: {text}")] } else { Vec::new() });
            }
        }
    }

    /// The peer has the shared message in its window, and this side has not: the next one must not refer to an earlier one.
    #[cfg(feature = "deflate")]
    #[test]
    fn after_a_shared_compressed_frame_the_window_is_empty() {
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{codec, Deflate, Direction};
        use crate::deflate::WindowBits;
        for (encoding, is_reset) in [(Encoding::Deflated, true), (Encoding::AsIs, false)] {
            let free = Direction { bits: WindowBits::MAX, takeover: true };
            let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
            let mut writer = Writer::new(framing::Encoder::Rfc6455(Encoder::server().with_compression(Some(deflater))));
            let length = |writer: &mut Writer| {
                let before = writer.buffer.len();
                let text = b"Nothing in it repeats: 0123456789 abcdefghjklmoqsuvwxyz";
                writer.append_compressed(true, Opcode::Data(MessageKind::Text), text).unwrap();
                writer.buffer.len() - before
            };
            let first = length(&mut writer);
            let frame = SharedFrame { bytes: b"\xC1\x01a"[..].into(), encoding, origin: Origin::Outside };
            frame.append_to(&mut writer).unwrap();
            assert_eq!(length(&mut writer) == first, is_reset);
        }
    }
}
