//! The encoder and the bytes that wait for the network: everything that a thread needs in order to write.
//!
//! Knows the codec and the write buffer; must not know the connection, its lock or its threads.

use std::io;

use super::framing::{Encoder, RemainingPayload};
#[cfg(feature = "trace")]
use super::report::FrameNote;
use crate::codec::frame::Opcode;
use crate::events::sink::Origin;
use crate::net::write_buffer::WriteBuffer;

/// The encoder of a connection and its write buffer. There is one; the thread that has it is the only one that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) encoder: Encoder,
    pub(super) buffer: WriteBuffer,
    /// Frames that were encoded and not reported yet. `None`: there is no event handler.
    #[cfg(feature = "trace")]
    pub(super) frame_notes: Option<Vec<FrameNote>>,
}

impl Writer {
    pub(super) fn new(encoder: Encoder) -> Writer {
        Writer {
            encoder,
            buffer: WriteBuffer::default(),
            #[cfg(feature = "trace")]
            frame_notes: None,
        }
    }

    /// Appends a whole frame that this thread sends.
    #[inline]
    pub(super) fn append_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.append_frame_from(Origin::current, fin, opcode, payload)
    }

    /// Appends a whole frame with the origin of the call that requested it.
    #[inline]
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    pub(super) fn append_frame_from(
        &mut self,
        origin: impl FnOnce() -> Origin,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> io::Result<()> {
        self.encoder.encode_frame(self.buffer.bytes(), fin, opcode, payload)?;
        #[cfg(feature = "trace")]
        if let Some(frame_notes) = self.frame_notes(origin) {
            frame_notes.push(FrameNote::of_payload(opcode, fin, payload));
        }
        Ok(())
    }

    /// Appends the header of a large frame, and returns how its payload is to be written.
    pub(super) fn begin_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> io::Result<RemainingPayload> {
        let rest = self.encoder.begin_frame(self.buffer.bytes(), fin, opcode, payload)?;
        #[cfg(feature = "trace")]
        if let Some(frame_notes) = self.frame_notes(Origin::current) {
            frame_notes.push(FrameNote::new(opcode, fin, false, payload.len() as u64));
        }
        Ok(rest)
    }

    /// Appends a frame of a compressed message.
    #[cfg(feature = "deflate")]
    #[cfg_attr(not(feature = "trace"), allow(unused_variables))]
    pub(super) fn append_compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> io::Result<()> {
        let size = self.encoder.encode_compressed(self.buffer.bytes(), fin, opcode, plain)?;
        #[cfg(feature = "trace")]
        if let Some(frame_notes) = self.frame_notes(Origin::current) {
            frame_notes.push(FrameNote::new(opcode, fin, opcode != Opcode::Continuation, size as u64));
        }
        Ok(())
    }

    /// The list for notes, if frames of this origin are reported.
    #[cfg(feature = "trace")]
    #[inline]
    pub(super) fn frame_notes(&mut self, origin: impl FnOnce() -> Origin) -> Option<&mut Vec<FrameNote>> {
        self.frame_notes.as_mut().filter(|_| origin() == Origin::Outside)
    }
}

#[cfg(test)]
#[cfg(all(feature = "trace", feature = "deflate"))]
mod tests {
    use super::*;
    use crate::codec::encoder;
    use crate::connection::testing::event_log;
    use crate::deflate::extension::negotiation::Agreed;
    use crate::deflate::extension::{codec, Deflate, Direction};
    use crate::deflate::WindowBits;
    use crate::message::MessageKind;

    /// The first frame of a compressed message alone has RSV1. 7692-6.1-1
    #[test]
    fn a_compressed_frame_is_noted_with_its_length_on_the_wire() {
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        let mut writer = Writer::new(Encoder::Rfc6455(encoder::Encoder::server().with_compression(Some(deflater))));
        writer.frame_notes = Some(Vec::new());
        let mut sizes = Vec::new();
        for (fin, opcode) in [(false, Opcode::Data(MessageKind::Text)), (true, Opcode::Continuation)] {
            let before = writer.buffer.len();
            writer.append_compressed(fin, opcode, b"some text, some text").unwrap();
            sizes.push(writer.buffer.len() - before - 2);
        }
        let (callback, events) = event_log();
        FrameNote::emit_sent(writer.frame_notes.unwrap(), &callback.for_connection());
        let first = format!("frame-sent: Text, {} bytes, compressed, not final", sizes[0]);
        assert_eq!(events(), [first, format!("frame-sent: Continuation, {} bytes", sizes[1])]);
    }
}
