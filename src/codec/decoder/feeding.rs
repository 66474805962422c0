//! Where a decoder is fed: the places that whoever reads from the network reads to.

use crate::codec::decoder::{unmask_and_validate, Decoder, DecoderState, Destination, FrameInProgress};

/// From this many bytes on, the rest of a payload is read straight into the store.
const MIN_DIRECT_READ: u64 = 4 << 10;

impl Decoder {
    /// The payload bytes still to come, if they are read straight into the store.
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

    /// Where to read to. Never empty. For a long payload this is the store itself, and ends with the frame.
    pub(crate) fn space(&mut self) -> &mut [u8] {
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

    /// Where to read what nobody wants any more, after the last event.
    pub(crate) fn discard_space(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Says how many bytes were read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
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
