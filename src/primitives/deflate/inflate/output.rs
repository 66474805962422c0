//! Where inflated bytes go and where matches copy from: the caller's vector, the window, and the limit.
//!
//! ```text
//!   window                  out
//!  [ earlier output ......][ not ours | start ..... at | room, zeros or scribbles ]
//!                    ^ a match may begin here ...    ^ ... and go on here
//! ```
//!
//! The window has what was put out before this call, whatever the caller has done to `out` since. Writing is
//! cheap because there is always room for a longest match and a little more: copying goes in steps of 16 bytes, so it may scribble
//! past the end of a match. Nobody sees that: the next bytes go over it, and [`Output::finish`] cuts off the rest.

use super::super::LONGEST_MATCH;
use super::InflateError;

/// A match is copied in steps of this many bytes, and may write past its end by as many.
const STEP: usize = 16;
/// What one turn of the hot loop may write: three literals, a longest match, and the last step.
pub(super) const ROOM: usize = 3 + LONGEST_MATCH + STEP;

pub(super) struct Output<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The next byte goes here.
    pub(super) at: usize,
    /// Where this call began to write.
    pub(super) start: usize,
    /// `at` never goes beyond.
    limit: usize,
    window: &'a Window,
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize, window: &'a Window) -> Self {
        Output { at: out.len(), start: out.len(), limit, out, window }
    }

    /// The last position from which the hot loop may go on: whatever one turn writes stays within the room and the limit.
    pub(super) fn hot_end(&self) -> Option<usize> {
        self.out.len().min(self.limit).checked_sub(ROOM)
    }

    /// Makes room for one turn at least. It doubles, so that growing costs no more than writing; it begins with a guess from
    /// the length of the input at hand; and it stops at the limit.
    pub(super) fn make_room(&mut self, input: usize) {
        if self.out.len() - self.at < ROOM {
            let wanted = (self.at - self.start).max(input.saturating_mul(4)).max(2 * ROOM);
            let most = self.limit.saturating_sub(self.at).saturating_add(ROOM);
            self.out.resize(self.at + wanted.min(most), 0);
        }
    }

    fn check_limit(&self, length: usize) -> Result<(), InflateError> {
        if length > self.limit.saturating_sub(self.at) {
            return Err(InflateError::TooLarge);
        }
        Ok(())
    }

    /// Puts out one byte. Room has been made.
    pub(super) fn literal(&mut self, byte: u8) -> Result<(), InflateError> {
        self.check_limit(1)?;
        self.out[self.at] = byte;
        self.at += 1;
        Ok(())
    }

    /// Puts out bytes of a stored block: as many as the limit allows.
    pub(super) fn stored(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        let allowed = bytes.len().min(self.limit.saturating_sub(self.at));
        self.out.truncate(self.at);
        self.out.extend_from_slice(&bytes[..allowed]);
        self.at = self.out.len();
        self.check_limit(bytes.len() - allowed)
    }

    /// Repeats `length` bytes from `distance` back. Room has been made.
    pub(super) fn repeat(&mut self, distance: usize, length: usize) -> Result<(), InflateError> {
        self.check_limit(length)?;
        if !self.window.repeat(self.out, self.start, self.at, distance, length) {
            return Err(InflateError::DistanceTooFar);
        }
        self.at += length;
        Ok(())
    }

    /// What the hot loop needs: the vector as a slice, and the window.
    pub(super) fn parts(&mut self) -> (&mut [u8], &'a Window) {
        (self.out, self.window)
    }

    /// Cuts off the room. The vector is what the caller gets to see.
    pub(super) fn finish(self) -> usize {
        self.out.truncate(self.at);
        self.start
    }
}

/// The last output of earlier calls, as far back as a distance may reach.
pub(super) struct Window {
    /// How far back a distance may reach.
    size: usize,
    /// At most `size + SPARE` bytes; all that a distance can reach is at the end.
    bytes: Vec<u8>,
}

/// Appending to a full window means moving it down. With this many bytes to spare that happens once in as many bytes.
const SPARE: usize = 8 * 1024;

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Window { size, bytes: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// Remembers the end of `output`.
    pub(super) fn remember(&mut self, output: &[u8]) {
        let output = &output[output.len().saturating_sub(self.size)..];
        let length = self.bytes.len() + output.len();
        if length > self.size + SPARE {
            let surplus = length - self.size;
            self.bytes.copy_within(surplus.., 0);
            self.bytes.truncate(self.bytes.len() - surplus);
        } else if length > self.bytes.capacity() {
            // Grows by doubling, like any vector, but never above what is needed at most.
            let capacity = length.next_power_of_two().min(self.size + SPARE);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(output);
    }

    /// Writes to `out[at..]` the `length` bytes that are `distance` back, where `out[start..at]` follows the window.
    /// False if there are not as many; then nothing is done. `out` must have [`ROOM`] after `at`.
    #[inline(always)]
    pub(super) fn repeat(&self, out: &mut [u8], start: usize, at: usize, distance: usize, length: usize) -> bool {
        if distance > self.size {
            return false;
        }
        match distance.checked_sub(at - start) {
            None | Some(0) => {
                copy(out, at, distance, length);
                true
            }
            Some(back) => self.repeat_from_window(out, at, distance, back, length),
        }
    }

    /// The match begins `back` bytes before the end of the window; it may go on in `out`.
    #[inline(never)]
    fn repeat_from_window(&self, out: &mut [u8], at: usize, distance: usize, back: usize, length: usize) -> bool {
        let Some(from) = self.bytes.len().checked_sub(back) else { return false };
        let source = &self.bytes[from..];
        let part = source.len().min(length);
        match (source.first_chunk::<32>(), out[at..].first_chunk_mut::<32>()) {
            (Some(source), Some(out)) if part <= 32 => *out = *source,
            _ => out[at..at + part].copy_from_slice(&source[..part]),
        }
        if part < length {
            copy(out, at + part, distance, length - part);
        }
        true
    }
}

/// Copies within `out`. The target may overlap the source, which means repetition: byte by byte is the definition.
#[inline(always)]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    let (from, to) = (at - distance, at + length);
    if distance >= STEP {
        // Steps do not overlap themselves; what a step reads, an earlier one has written.
        let area = &mut out[from..to + STEP];
        let mut done = 0;
        while done < length {
            let Some(step) = area.get(done..done + STEP).and_then(|s| s.first_chunk::<STEP>()).copied() else { return };
            let Some(target) = area.get_mut(done + distance..done + distance + STEP) else { return };
            target.copy_from_slice(&step);
            done += STEP;
        }
    } else if distance == 1 {
        let byte = out[from];
        out[at..to].fill(byte);
    } else {
        for place in at..to {
            out[place] = out[place - distance];
        }
    }
}
