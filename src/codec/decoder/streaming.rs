//! Switching between whole messages and streamed messages, also in the middle of a message.

use crate::codec::assembly::ReceiveMode;
use crate::codec::decoder::{Decoder, DecoderState, Destination};
use crate::message::MessageKind;

impl Decoder {
    /// Streams messages from now on. Returns the kind and the bytes so far of the message in progress, which is streamed from
    /// here. The rest of a message whose stream was stopped is skipped.
    pub fn start_streaming(&mut self) -> Option<(MessageKind, Vec<u8>)> {
        self.mode = ReceiveMode::Stream;
        let message = self.message.as_mut().filter(|message| message.mode != ReceiveMode::Skip)?;
        message.mode = ReceiveMode::Stream;
        let mut prefix = self.payload_buffer.contents().to_vec();
        self.payload_buffer.free();
        if let DecoderState::Payload(frame) = &mut self.state {
            match frame.destination {
                Destination::InputBuffer(done) if !frame.opcode.is_control() => {
                    let from = self.input.consume(done);
                    prefix.extend_from_slice(self.input.at(from, done));
                    frame.destination = Destination::Stream;
                }
                Destination::PayloadBuffer => frame.destination = Destination::Stream,
                Destination::InputBuffer(_) | Destination::Stream | Destination::Skip | Destination::Inflate => {}
            }
        }
        Some((message.kind, prefix))
    }

    /// Returns whole messages from now on. The rest of a message that is being streamed is skipped.
    pub fn stop_streaming(&mut self) {
        self.mode = ReceiveMode::Assemble;
        if let Some(message) = self.message.as_mut().filter(|message| message.mode == ReceiveMode::Stream) {
            message.mode = ReceiveMode::Skip;
        }
        if let DecoderState::Payload(frame) = &mut self.state {
            if frame.destination == Destination::Stream {
                frame.destination = Destination::Skip;
            }
        }
    }
}
