//! Compressed messages (RFC 7692 section 6.2): payload bytes go through decompression into the store, whatever becomes of
//! the message then.
//!
//! | the message is | payload bytes taken at a time | what comes out |
//! |---|---|---|
//! | put together | all that are here | is appended to the store, up to the limit of a message |
//! | streamed | 64, which stand for 66 KiB at most | is lent in the store, and makes room for the next |
//! | given up | 64 | is dropped; the window has to be kept up |

use crate::codec::assembly::{unmask, ReceiveMode};
use crate::codec::decoder::{Decoder, FrameInProgress, PayloadLocation};
use crate::codec::event::DecoderEvent;
use crate::error::ProtocolError;

/// Payload bytes decompressed at a time when nothing limits what they stand for.
const INFLATE_STEP: u64 = 64;

impl Decoder {
    /// Takes in payload bytes of a compressed message. The same two levels of `None` as for other payloads.
    pub(crate) fn inflate_part(
        &mut self,
        frame: &mut FrameInProgress,
    ) -> Result<Option<Option<DecoderEvent>>, ProtocolError> {
        let (Some(message), Some(inflater)) = (&mut self.message, &mut self.inflater) else { return Ok(Some(None)) };
        let (step, limit) = match message.mode {
            ReceiveMode::Assemble => (frame.remaining, self.limits.max_message_size),
            ReceiveMode::Stream | ReceiveMode::Skip => {
                self.payload_buffer.clear();
                (frame.remaining.min(INFLATE_STEP), u64::MAX)
            }
        };
        let (_, bytes) = self.input.part(0, step);
        if let Some(key) = &mut frame.key {
            unmask(bytes, key);
        }
        let here = bytes.len();
        frame.remaining = frame.remaining.saturating_sub(here as u64);
        // 7692-6.2-1, 6455-6.2-6
        let result = inflater.push(bytes, self.payload_buffer.appender(), limit);
        let plain = self.payload_buffer.appended();
        // 7692-6.1-s1: text is what comes out; and what came out well before a fault is judged before it.
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
