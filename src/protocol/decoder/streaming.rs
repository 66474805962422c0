//! Changing between whole messages and messages lent in pieces, also in the middle of one.

use super::{Decoder, Place, State};
use crate::message::Kind;
use crate::protocol::assembly::Mode;

impl Decoder {
    /// From here on messages are lent in pieces. What has been put together of an open one is given as the first piece;
    /// the rest of one that was given up is skipped.
    pub(crate) fn stream(&mut self) -> Option<(Kind, Vec<u8>)> {
        self.mode = Mode::Stream;
        let message = self.message.as_mut().filter(|message| message.mode != Mode::Skip)?;
        message.mode = Mode::Stream;
        let mut begun = self.store.contents().to_vec();
        self.store.release();
        if let State::Payload(frame) = &mut self.state {
            match frame.place {
                Place::Input(done) if !frame.opcode.is_control() => {
                    let from = self.input.consume(done);
                    begun.extend_from_slice(self.input.at(from, done));
                    frame.place = Place::Stream;
                }
                Place::Store => frame.place = Place::Stream,
                Place::Input(_) | Place::Stream | Place::Skip | Place::Inflate => {}
            }
        }
        Some((message.kind, begun))
    }

    /// Back to whole messages. The rest of one that is being streamed is skipped.
    pub(crate) fn assemble(&mut self) {
        self.mode = Mode::Assemble;
        if let Some(message) = self.message.as_mut().filter(|message| message.mode == Mode::Stream) {
            message.mode = Mode::Skip;
        }
        if let State::Payload(frame) = &mut self.state {
            if frame.place == Place::Stream {
                frame.place = Place::Skip;
            }
        }
    }
}
