//! Where a decoder is fed: the places that whoever reads from the network reads to.

use super::{take_in, Decoder, Frame, Place, State};

/// From this many bytes on, the rest of a payload is read straight into the store.
const DIRECT: u64 = 4 << 10;

impl Decoder {
    /// The payload bytes still to come, if they are read straight into the store.
    fn direct(&self) -> Option<u64> {
        match self.state {
            State::Payload(Frame { place: Place::Store, left: left @ DIRECT.., .. }) if self.input.is_empty() => {
                Some(left)
            }
            State::Payload(_) | State::Header | State::Closed | State::Failed(_) => None,
        }
    }

    /// Where to read to. Never empty. For a long payload this is the store itself, and ends with the frame.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        match self.direct() {
            Some(left) => self.store.space(left, self.limits.message),
            None => match self.state {
                State::Payload(Frame { place: Place::Input(_), left, .. }) => self.input.space_for(left),
                State::Payload(_) | State::Header | State::Closed | State::Failed(_) => self.input.space(),
            },
        }
    }

    /// Where to read what nobody wants any more, after the last event.
    pub(crate) fn scrap(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Says how many bytes were read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
        match (self.direct(), &mut self.state) {
            (Some(_), State::Payload(frame)) => {
                if let Err(violation) = take_in(&mut self.message, frame, self.store.filled(count)) {
                    self.state = State::Failed(violation);
                }
            }
            (Some(_) | None, _) => self.input.filled(count),
        }
    }
}
