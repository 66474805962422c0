//! The input side of a decoder: the memory that received bytes are read into.

use crate::codec::decoder::{unmask_and_validate, Decoder, DecoderState, Destination, FrameInProgress};

/// Minimum rest of a payload that is read straight into the payload buffer.
const MIN_DIRECT_READ: u64 = 4 << 10;

impl Decoder {
    /// Number of payload bytes still to arrive, if they are read straight into the payload buffer.
    fn direct_remaining(&self) -> Option<u64> {
        match self.state {
            DecoderState::Payload(FrameInProgress {
                destination: Destination::PayloadBuffer,
                remaining: remaining @ MIN_DIRECT_READ..,
                ..
            }) if self.input.is_empty() => Some(remaining),
            DecoderState::Payload(_) | DecoderState::Header | DecoderState::Closed | DecoderState::Failed(_) => None,
        }
    }

    /// The memory to read the next bytes into. Never empty, if all events before it were taken and none was the last. For a
    /// long payload this is the payload buffer, up to the end of the frame.
    pub fn space(&mut self) -> &mut [u8] {
        match self.direct_remaining() {
            Some(remaining) => self.payload_buffer.space(remaining, self.limits.max_message_size),
            None => match self.state {
                DecoderState::Payload(FrameInProgress {
                    destination: Destination::InputBuffer(_), remaining, ..
                }) => self.input.space_for(remaining),
                DecoderState::Payload(_) | DecoderState::Header | DecoderState::Closed | DecoderState::Failed(_) => {
                    self.input.space()
                }
            },
        }
    }

    /// The memory to read bytes into after the last event, which are discarded. Never empty.
    pub fn discard_space(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Reports that `count` bytes were read into the start of the last [`Decoder::space`]. A larger count is cut to the buffer.
    pub fn filled(&mut self, count: usize) {
        match (self.direct_remaining(), &mut self.state) {
            (Some(_), DecoderState::Payload(frame)) => {
                if let Err(violation) = unmask_and_validate(&mut self.message, frame, self.payload_buffer.filled(count))
                {
                    self.state = DecoderState::Failed(violation);
                }
            }
            (Some(_) | None, _) => self.input.filled(count),
        }
    }
}
