//! Decoding of one frame: its header, its payload in parts, and its end.

use crate::codec::assembly::{MessageInProgress, ReceiveMode};
use crate::codec::close;
use crate::codec::decoder::{
    unmask_and_validate, Decoder, DecoderState, Destination, FrameInProgress, PayloadLocation,
};
use crate::codec::event::DecoderEvent;
use crate::codec::frame;
use crate::codec::frame::{Header, Opcode};
use crate::error::ProtocolError;

impl Decoder {
    /// Outer `None`: more bytes are needed. Inner `None`: no event yet, continue.
    pub(super) fn header(&mut self) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        let Some(header) = frame::parse(self.input.unread(), self.context())? else { return Ok(None) };
        let Header { fin, opcode, key, length, .. } = header;
        let begins = match opcode {
            Opcode::Data(kind) => {
                // 6455-6.2-3, 6455-5.4-12: the first frame has the kind of the whole message.
                self.message = Some(MessageInProgress::new(kind, self.mode, header.rsv1));
                self.payload_buffer.clear();
                #[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
                self.begin_inflating(header.rsv1);
                (self.mode == ReceiveMode::Stream).then_some(DecoderEvent::MessageStart(kind))
            }
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
        };
        if let (Some(message), false) = (&mut self.message, opcode.is_control()) {
            message.admit_frame(length, &self.limits)?;
        }
        self.header = self.report_headers.then_some(header);
        self.input.consume(header.size);
        self.state = DecoderState::Payload(FrameInProgress {
            fin,
            opcode,
            key,
            remaining: length,
            destination: self.choose_destination(&header),
        });
        Ok(Some(begins))
    }

    fn choose_destination(&self, header: &Header) -> Destination {
        let fits = header.length <= self.input.capacity() as u64;
        match (header.opcode, &self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) | (_, None) => Destination::InputBuffer(0),
            // 7692-6.2-2: RSV1 of the first frame applies to the whole message.
            (Opcode::Data(_) | Opcode::Continuation, Some(message)) if message.compressed => Destination::Inflate,
            (Opcode::Data(_) | Opcode::Continuation, Some(message)) => match message.mode {
                ReceiveMode::Assemble if header.fin && fits && header.opcode != Opcode::Continuation => {
                    Destination::InputBuffer(0)
                }
                ReceiveMode::Assemble => Destination::PayloadBuffer,
                ReceiveMode::Stream => Destination::Stream,
                ReceiveMode::Skip => Destination::Skip,
            },
        }
    }

    /// Processes the payload bytes in the read buffer. Returns as [`Decoder::header`].
    pub(super) fn payload_part(
        &mut self,
        mut frame: FrameInProgress,
    ) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        let done = match frame.destination {
            Destination::InputBuffer(done) => done,
            #[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
            Destination::Inflate => return self.inflated_part(frame),
            _ => 0,
        };
        let (from, bytes) = self.input.part(done, frame.remaining);
        let here = bytes.len();
        unmask_and_validate(&mut self.message, &mut frame, bytes)?;
        match frame.destination {
            Destination::InputBuffer(done) => frame.destination = Destination::InputBuffer(done.saturating_add(here)),
            Destination::PayloadBuffer => {
                self.payload_buffer.append(bytes, self.limits.max_message_size);
                self.input.consume(here);
            }
            Destination::Stream | Destination::Skip | Destination::Inflate => drop(self.input.consume(here)),
        }
        self.state = DecoderState::Payload(frame);
        if frame.destination == Destination::Stream && here > 0 {
            self.payload_location = PayloadLocation::InputBuffer { from, length: here };
            return Ok(Some(Some(DecoderEvent::MessageChunk)));
        }
        if frame.remaining > 0 {
            return Ok(None);
        }
        self.state = DecoderState::Header;
        self.end_of_frame(frame).map(Some)
    }

    pub(super) fn end_of_frame(&mut self, frame: FrameInProgress) -> Result<Option<DecoderEvent>, ProtocolError> {
        if let Destination::InputBuffer(length) = frame.destination {
            self.payload_location = PayloadLocation::InputBuffer { from: self.input.consume(length), length };
        }
        match frame.opcode {
            // 6455-6.2-2, 6455-5.4-1, 6455-5.4-5: at any place, without an effect on the message under assembly.
            Opcode::Ping => Ok(Some(DecoderEvent::Ping)),
            Opcode::Pong => Ok(Some(DecoderEvent::Pong)),
            Opcode::Close => {
                let code = close::parse(self.payload())?.map(|(code, _)| code);
                self.state = DecoderState::Closed;
                Ok(Some(DecoderEvent::Close(code)))
            }
            Opcode::Data(_) | Opcode::Continuation if !frame.fin => Ok(None),
            Opcode::Data(_) | Opcode::Continuation => self.end_of_message(frame.destination),
        }
    }

    /// 6455-5.2-1, 6455-5.4-6, 6455-5.4-s3: one frame or many, of any size, empty ones too.
    /// 6455-6.2-4, 6455-5.4-3, 6455-5.4-7: all fragments in the order received; the next data frame begins another message.
    fn end_of_message(&mut self, destination: Destination) -> Result<Option<DecoderEvent>, ProtocolError> {
        let message = self.message.take().ok_or(ProtocolError::UnexpectedContinuation)?;
        #[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
        self.end_inflating(message.compressed)?;
        message.finish()?;
        match destination {
            Destination::Inflate if message.mode == ReceiveMode::Stream => Ok(Some(DecoderEvent::MessageEnd)),
            Destination::Inflate if message.mode == ReceiveMode::Skip => Ok(None),
            Destination::InputBuffer(_) => {
                self.payload_buffer.free_if_large();
                Ok(Some(DecoderEvent::Message(message.kind)))
            }
            Destination::PayloadBuffer | Destination::Inflate => {
                self.payload_location = PayloadLocation::PayloadBuffer;
                Ok(Some(DecoderEvent::Message(message.kind)))
            }
            Destination::Stream => Ok(Some(DecoderEvent::MessageEnd)),
            Destination::Skip => Ok(None),
        }
    }
}
