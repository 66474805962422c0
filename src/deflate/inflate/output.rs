//! The output of decompression: the caller's vector, its limit, and the window that matches copy from.
//!
//! ```text
//!   window                  out
//!  [ earlier output ......][ caller's | start ..... at | room, undefined contents ]
//!                    ^ a match may begin here ...    ^ ... and continue here
//! ```
//!
//! The window has the output of earlier calls, whatever the caller has done to `out` since. Writing is cheap because there is
//! always room for a match of maximum length and one step more. Copying goes in steps of 16 bytes and may write past the end
//! of a match. The next bytes overwrite that, and [`Output::finish`] removes the rest.

use super::error::InflateError;
use super::window::Window;
use crate::deflate::format::MAX_MATCH;

/// Number of bytes in a step of copying, and maximum number of bytes written past the end of a match.
const COPY_STEP: usize = 16;
/// Maximum output of one round of the hot loop: three literals, a match, and the last step.
pub(crate) const MAX_ROUND_OUTPUT: usize = 3 + MAX_MATCH + COPY_STEP;

pub(crate) struct Output<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// The next byte goes here.
    pub(crate) at: usize,
    /// The position at which this call began to write.
    pub(crate) start: usize,
    /// Maximum value of `at`.
    limit: usize,
    window: &'a Window,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, limit: usize, window: &'a Window) -> Self {
        Output { at: out.len(), start: out.len(), limit, out, window }
    }

    /// The last position at which the hot loop may begin a round: its output stays within the room and the limit.
    pub(crate) fn last_round_start(&self) -> Option<usize> {
        self.out.len().min(self.limit).checked_sub(MAX_ROUND_OUTPUT)
    }

    /// Makes room for at least one round. The first size is an estimate from the length of `input`. Later steps double, so
    /// that growing costs no more than writing. The limit bounds both.
    // `start` is at most `at`, which is at most the length of `out`.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn reserve_round(&mut self, input: usize) {
        if self.out.len() - self.at < MAX_ROUND_OUTPUT {
            let wanted = (self.at - self.start).max(input.saturating_mul(4)).max(2 * MAX_ROUND_OUTPUT);
            let most = self.limit.saturating_sub(self.at).saturating_add(MAX_ROUND_OUTPUT);
            let length = self.at + wanted.min(most);
            if length > self.out.capacity() {
                // Plain doubling would allocate up to twice the limit, and half of that again during the copy.
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

    /// Writes one byte. The caller has made room.
    // The caller has made room: see `reserve_round`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    pub(crate) fn literal(&mut self, byte: u8) -> Result<(), InflateError> {
        self.check_limit(1)?;
        self.out[self.at] = byte;
        self.at += 1;
        Ok(())
    }

    /// Writes bytes of a stored block, up to the limit.
    // `allowed` is at most the length of `bytes`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    pub(crate) fn stored(&mut self, bytes: &[u8]) -> Result<(), InflateError> {
        let allowed = bytes.len().min(self.limit.saturating_sub(self.at));
        self.out.truncate(self.at);
        self.out.extend_from_slice(&bytes[..allowed]);
        self.at = self.out.len();
        self.check_limit(bytes.len() - allowed)
    }

    /// Repeats `length` bytes from `distance` back. The caller has made room.
    // The target has `length` bytes more than `at`.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn repeat(&mut self, distance: usize, length: usize) -> Result<(), InflateError> {
        self.check_limit(length)?;
        let at = self.at;
        // 1951-3.2.3-s3
        if !self.target().repeat(at, distance, length) {
            return Err(InflateError::DistanceTooFar);
        }
        self.at += length;
        Ok(())
    }

    /// The target of the hot loop. It checks only the window: see [`last_round_start`](Output::last_round_start).
    pub(crate) fn target(&mut self) -> Target<'_> {
        Target { out: self.out, start: self.start, window: self.window }
    }

    /// Removes the unused room. Returns the position at which this call began to write.
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
    // The caller has made room: `at` is below the last position of a round.
    #[allow(clippy::indexing_slicing)]
    #[inline(always)]
    pub(crate) fn literal(&mut self, at: usize, byte: u8) {
        self.out[at] = byte;
    }

    /// Writes the `length` bytes that are `distance` back to `out[at..]`, which has room for [`MAX_ROUND_OUTPUT`]. Returns
    /// false and does nothing if the window does not reach that far.
    // `start` is at most `at`.
    #[allow(clippy::arithmetic_side_effects)]
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

    /// Repeats a match that begins `back` bytes before the end of the window; it may continue in `out`.
    // `from` is at most the length of the window, `part` at most both lengths, and `out` has room for a round.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    #[inline(never)]
    fn repeat_from_window(&mut self, at: usize, distance: usize, back: usize, length: usize) -> bool {
        let Some(from) = self.window.bytes.len().checked_sub(back) else { return false };
        let source = &self.window.bytes[from..];
        let part = source.len().min(length);
        match (source.first_chunk::<32>(), self.out[at..].first_chunk_mut::<32>()) {
            // The most frequent case. Copying a fixed number of bytes is faster.
            (Some(source), Some(target)) if part <= 32 => *target = *source,
            _ => self.out[at..at + part].copy_from_slice(&source[..part]),
        }
        if part < length {
            copy(self.out, at + part, distance, length - part);
        }
        true
    }
}

/// Copies within `out`. The target may overlap the source, which then repeats, as if copied byte by byte.
// `distance` is at most `at`, and `out` has room for a match and one step more after `at`.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#[inline(always)]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    let (from, to) = (at - distance, at + length);
    if distance >= COPY_STEP {
        // A step never overlaps itself, and reads only bytes that are already written. Usually one step suffices.
        let area = &mut out[from..to + COPY_STEP];
        area.copy_within(..COPY_STEP, distance);
        let mut done = COPY_STEP;
        while done < length {
            area.copy_within(done..done + COPY_STEP, done + distance);
            done += COPY_STEP;
        }
    } else if distance == 1 {
        let byte = out[from];
        out[at..to].fill(byte);
    } else {
        // 1951-3.2.3-s4
        for place in at..to {
            out[place] = out[place - distance];
        }
    }
}
