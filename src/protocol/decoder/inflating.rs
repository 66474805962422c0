//! Compressed messages (RFC 7692 section 6.2): payload bytes go through decompression into the store, whatever becomes of
//! the message then.
//!
//! | the message is | payload bytes taken at a time | what comes out |
//! |---|---|---|
//! | put together | all that are here | is appended to the store, up to the limit of a message |
//! | streamed | 64, which stand for 66 KiB at most | is lent in the store, and makes room for the next |
//! | given up | 64 | is dropped; the window has to be kept up |

use super::{Decoder, Event, Frame, Lent};
use crate::error::Violation;
use crate::protocol::assembly::{unmask, Mode};

/// Payload bytes decompressed at a time when nothing limits what they stand for.
const BITE: u64 = 64;

impl Decoder {
    /// Takes in payload bytes of a compressed message. The same two levels of `None` as for other payloads.
    pub(super) fn inflate_part(&mut self, frame: &mut Frame) -> Result<Option<Option<Event>>, Violation> {
        let (Some(message), Some(inflater)) = (&mut self.message, &mut self.inflater) else { return Ok(Some(None)) };
        let (bite, limit) = match message.mode {
            Mode::Assemble => (frame.left, self.limits.message),
            Mode::Stream | Mode::Skip => {
                self.store.clear();
                (frame.left.min(BITE), u64::MAX)
            }
        };
        let (_, bytes) = self.input.part(0, bite);
        if let Some(key) = &mut frame.key {
            unmask(bytes, key);
        }
        let here = bytes.len();
        frame.left = frame.left.saturating_sub(here as u64);
        // 7692-6.2-1, 6455-6.2-6
        let result = inflater.push(bytes, self.store.appender(), limit);
        let plain = self.store.appended();
        // 7692-6.1-s1: text is what comes out; and what came out well before a fault is judged before it.
        message.check(plain, false)?;
        result?;
        let produced = !plain.is_empty();
        self.input.consume(here);
        if message.mode == Mode::Stream && produced {
            self.lent = Lent::Store;
            return Ok(Some(Some(Event::Piece)));
        }
        Ok(match frame.left {
            0 => Some(None),
            _ if here > 0 => Some(None),
            _ => None,
        })
    }
}
