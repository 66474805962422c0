//! Where inflated bytes go and where matches copy from: the caller's vector, the window, and the limit.
//!
//! ```text
//!   window                  out
//!  [ earlier output ......][ not ours | start ..... at | room, zeros or scribbles ]
//!                    ^ a match may begin here ...    ^ ... and go on here
//! ```
//!
//! The window has what was put out before this call, whatever the caller has done to `out` since. Writing is
//! cheap because there is always room for a longest match and a little more: copying goes in steps of 16 bytes, so it
//! may scribble past the end of a match. Nobody sees that: the next bytes go over it, and [`Output::finish`] cuts off
//! the rest.

use super::error::InflateError;
use super::window::Window;
use crate::deflate::format::MAX_MATCH;

/// A match is copied in steps of this many bytes, and may write past its end by as many.
const COPY_STEP: usize = 16;
/// What one turn of the hot loop may write: three literals, a longest match, and the last step.
pub(crate) const MAX_ROUND_OUTPUT: usize = 3 + MAX_MATCH + COPY_STEP;

pub(crate) struct Output<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// The next byte goes here.
    pub(crate) at: usize,
    /// Where this call began to write.
    pub(crate) start: usize,
    /// `at` never goes beyond.
    limit: usize,
    window: &'a Window,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, limit: usize, window: &'a Window) -> Self {
        Output { at: out.len(), start: out.len(), limit, out, window }
    }

    /// The last position from which the hot loop may go on: whatever one turn writes stays within the room and the
    /// limit.
    pub(crate) fn last_round_start(&self) -> Option<usize> {
        self.out.len().min(self.limit).checked_sub(MAX_ROUND_OUTPUT)
    }

    /// Makes room for one turn at least. It doubles, so that growing costs no more than writing; it begins with a guess
    /// from the length of the input at hand; and it stops at the limit.
    pub(crate) fn reserve_round(&mut self, input: usize) {
        if self.out.len() - self.at < MAX_ROUND_OUTPUT {
            let wanted = (self.at - self.start).max(input.saturating_mul(4)).max(2 * MAX_ROUND_OUTPUT);
            let most = self.limit.saturating_sub(self.at).saturating_add(MAX_ROUND_OUTPUT);
            let length = self.at + wanted.min(most);
            if length > self.out.capacity() {
                // Doubling alone would take room for up to twice the limit, and half as much again while copying.
                let capacity =
                    self.out.capacity().saturating_mul(2).min(self.limit.saturating_add(MAX_ROUND_OUTPUT)).max(length);
                self.out.reserve_exact(capacity - self.out.len());
            }
            self.out.resize(length, 0);
        }
    }

    fn check_limit(&self, length: usize) -> Result<(), InflateError> {
        if length > self.limit.saturating_sub(self.at) {
            return Err(InflateError::TooLarge);
        }
        Ok(())
    }

    /// Puts out one byte. Room has been made.
    pub(crate) fn literal(&mut self, byte: u8) -> Result<(), InflateError> {
        self.check_limit(1)?;
        self.out[self.at] = byte;
        self.at += 1;
        Ok(())
    }

    /// Puts out bytes of a stored block: as many as the limit allows.
    pub(crate) fn stored(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        let allowed = bytes.len().min(self.limit.saturating_sub(self.at));
        self.out.truncate(self.at);
        self.out.extend_from_slice(&bytes[..allowed]);
        self.at = self.out.len();
        self.check_limit(bytes.len() - allowed)
    }

    /// Repeats `length` bytes from `distance` back. Room has been made.
    pub(crate) fn repeat(&mut self, distance: usize, length: usize) -> Result<(), InflateError> {
        self.check_limit(length)?;
        let at = self.at;
        if !self.target().repeat(at, distance, length) {
            return Err(InflateError::DistanceTooFar);
        }
        self.at += length;
        Ok(())
    }

    /// What the hot loop writes to. It checks nothing but the window: see [`last_round_start`](Output::last_round_start).
    pub(crate) fn target(&mut self) -> Target<'_> {
        Target { out: self.out, start: self.start, window: self.window }
    }

    /// Cuts off the room. The vector is what the caller gets to see.
    pub(crate) fn finish(self) -> usize {
        self.out.truncate(self.at);
        self.start
    }
}

/// The parts of an [`Output`] as slices, for loops.
pub(crate) struct Target<'a> {
    out: &'a mut [u8],
    start: usize,
    window: &'a Window,
}

impl Target<'_> {
    #[inline(always)]
    pub(crate) fn literal(&mut self, at: usize, byte: u8) {
        self.out[at] = byte;
    }

    /// Writes to `out[at..]` the `length` bytes that are `distance` back: there must be [`MAX_ROUND_OUTPUT`]. False, and nothing
    /// done, if the window does not reach as far.
    #[inline(always)]
    pub(crate) fn repeat(&mut self, at: usize, distance: usize, length: usize) -> bool {
        if distance > self.window.size {
            return false;
        }
        match distance.checked_sub(at - self.start) {
            None | Some(0) => {
                copy(self.out, at, distance, length);
                true
            }
            Some(back) => self.repeat_from_window(at, distance, back, length),
        }
    }

    /// The match begins `back` bytes before the end of the window; it may go on in `out`.
    #[inline(never)]
    fn repeat_from_window(&mut self, at: usize, distance: usize, back: usize, length: usize) -> bool {
        let Some(from) = self.window.bytes.len().checked_sub(back) else { return false };
        let source = &self.window.bytes[from..];
        let part = source.len().min(length);
        match (source.first_chunk::<32>(), self.out[at..].first_chunk_mut::<32>()) {
            // Nearly always; and copying a fixed number of bytes is faster.
            (Some(source), Some(target)) if part <= 32 => *target = *source,
            _ => self.out[at..at + part].copy_from_slice(&source[..part]),
        }
        if part < length {
            copy(self.out, at + part, distance, length - part);
        }
        true
    }
}

/// Copies within `out`. The target may overlap the source, which means repetition: byte by byte is the definition.
#[inline(always)]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    let (from, to) = (at - distance, at + length);
    if distance >= COPY_STEP {
        // Steps do not overlap themselves; what a step reads, an earlier one has written. Mostly the first is the only
        // one.
        let area = &mut out[from..to + COPY_STEP];
        let (source, target) = area.split_at_mut(distance);
        if let (Some(source), Some(target)) = (source.first_chunk::<COPY_STEP>(), target.first_chunk_mut::<COPY_STEP>())
        {
            *target = *source;
        }
        let mut done = COPY_STEP;
        while done < length {
            area.copy_within(done..done + COPY_STEP, done + distance);
            done += COPY_STEP;
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
