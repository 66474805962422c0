//! Compressed messages (RFC 7692 section 6.2): payload bytes are decompressed into the payload buffer.
//!
//! | the message is | payload bytes per step | the output |
//! |---|---|---|
//! | assembled | all that have arrived | is appended to the payload buffer, up to the limit of a message |
//! | streamed | 64, which expand to at most 66 KiB | is lent in the payload buffer and replaced in the next step |
//! | skipped | 64 | is dropped; it still has to enter the window |

use crate::codec::assembly::{unmask, ReceiveMode};
use crate::codec::decoder::{Decoder, DecoderState, FrameInProgress, PayloadLocation};
use crate::codec::event::DecoderEvent;
use crate::error::ProtocolError;

/// Number of payload bytes per step when no limit applies to the output.
const INFLATE_STEP: u64 = 64;

impl Decoder {
    /// Begins a message, which may be compressed.
    pub(super) fn begin_inflating(&mut self, compressed: bool) {
        if let (true, Some(inflater)) = (compressed, &mut self.inflater) {
            inflater.begin_message();
        }
    }

    /// Ends a message, which may be compressed.
    pub(super) fn end_inflating(&mut self, compressed: bool) -> Result<(), ProtocolError> {
        match (compressed, &mut self.inflater) {
            (true, Some(inflater)) => inflater.end_message(),
            _ => Ok(()),
        }
    }

    /// Processes payload bytes of a compressed message, and the end of the frame. Returns as `payload_part`.
    pub(super) fn inflated_part(
        &mut self,
        mut frame: FrameInProgress,
    ) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        let progress = self.inflate_part(&mut frame)?;
        self.state = DecoderState::Payload(frame);
        match progress {
            Some(None) if frame.remaining == 0 => {
                self.state = DecoderState::Header;
                self.end_of_frame(frame).map(Some)
            }
            progress => Ok(progress),
        }
    }

    fn inflate_part(&mut self, frame: &mut FrameInProgress) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        // The check of the header prevents both errors. A result that reports progress would be repeated for ever.
        let message = self.message.as_mut().ok_or(ProtocolError::UnexpectedContinuation)?;
        let inflater = self.inflater.as_mut().ok_or(ProtocolError::ReservedBits(4))?;
        let (step, limit) = match message.mode {
            ReceiveMode::Assemble => (frame.remaining, self.limits.max_message_size),
            ReceiveMode::Stream | ReceiveMode::Skip => {
                self.payload_buffer.clear();
                (frame.remaining.min(INFLATE_STEP), u64::MAX)
            }
        };
        let (_, bytes) = self.input.part(0, step);
        unmask(bytes, frame.key);
        let here = bytes.len();
        frame.rotate_key(here);
        frame.remaining = frame.remaining.saturating_sub(here as u64);
        // 7692-6.2-1, 6455-6.2-6
        let result = inflater.push(bytes, self.payload_buffer.appender(), limit);
        let plain = self.payload_buffer.appended();
        // 7692-6.1-s1: the output is validated as text. Output before a fault is checked before the fault.
        message.validate(plain, false)?;
        result?;
        let produced = !plain.is_empty();
        self.input.consume(here);
        if message.mode == ReceiveMode::Stream && produced {
            self.payload_location = PayloadLocation::PayloadBuffer;
            return Ok(Some(Some(DecoderEvent::MessageChunk)));
        }
        Ok(match frame.remaining {
            0 => Some(None),
            _ if here > 0 => Some(None),
            _ => None,
        })
    }
}
