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

#[cfg(test)]
mod tests {
    use super::*;

    /// A round of the hot loop has 277 bytes. The first size is four times the input, later steps double, and no size exceeds
    /// the limit and a round.
    #[test]
    fn sizes_of_the_output() {
        const NO_LIMIT: usize = 1 << 30;
        // The length before this call, the bytes written by it, the room left, and the spare capacity; then the limit
        // and the length of the input; then length and capacity.
        let rows = [
            ((0, 0, 0, 0), (NO_LIMIT, 0), (554, 554)),
            ((0, 0, 0, 0), (NO_LIMIT, 138), (554, 554)),
            ((0, 0, 0, 0), (NO_LIMIT, 139), (556, 556)),
            ((0, 0, 0, 0), (NO_LIMIT, 1000), (4000, 4000)),
            ((0, 0, 0, 0), (100, 1000), (377, 377)),
            ((0, 5000, 0, 0), (NO_LIMIT, 0), (10_000, 10_000)),
            ((0, 5000, 0, 0), (6000, 0), (6277, 6277)),
            ((0, 5000, 277, 0), (NO_LIMIT, 9000), (5277, 5277)),
            ((0, 5000, 276, 0), (NO_LIMIT, 0), (10_000, 10_552)),
            ((5000, 0, 0, 0), (NO_LIMIT, 0), (5554, 10_000)),
            ((5000, 600, 0, 0), (NO_LIMIT, 0), (6200, 11_200)),
            ((5000, 0, 0, 0), (5300, 0), (5554, 5577)),
            ((5000, 0, 0, 554), (NO_LIMIT, 0), (5554, 5554)),
            ((5000, 0, 0, 553), (NO_LIMIT, 0), (5554, 11_106)),
        ];
        let window = Window::new(256);
        for ((before, written, room, spare), (limit, input), want) in rows {
            let mut out = Vec::with_capacity(before + written + room + spare);
            out.resize(before, 1);
            let mut output = Output::new(&mut out, limit, &window);
            output.out.resize(before + written + room, 2);
            output.at += written;
            output.reserve_round(input);
            let after = (output.out.len(), output.out.capacity());
            assert_eq!(after, want, "{before} {written} {room} {spare}, {limit} {input}");
        }
    }

    /// A round begins where 277 bytes are left of the room, and of the limit.
    #[test]
    fn the_last_round_stays_within_room_and_limit() {
        let window = Window::new(256);
        for (room, limit, last) in [(276, 1000, None), (277, 1000, Some(0)), (1000, 300, Some(23)), (1000, 276, None)] {
            let mut out = Vec::new();
            let output = Output::new(&mut out, limit, &window);
            output.out.resize(room, 0);
            assert_eq!(output.last_round_start(), last, "{room} {limit}");
        }
    }

    /// Every distance and length around the steps, from this output, from the window, and across both.
    #[test]
    fn matches_repeat_what_was_written() {
        let earlier: Vec<u8> = (0..80).collect();
        let mut window = Window::new(256);
        window.append(&earlier);
        for here in [0, 1, 5, 17, 40] {
            let now: Vec<u8> = (100..100 + here as u8).collect();
            for distance in 1..=earlier.len() + here {
                for length in [3, 4, 15, 16, 17, 31, 32, 33, 48, 49, 257, 258] {
                    let mut want = [&earlier[..], &now].concat();
                    for _ in 0..length {
                        want.push(want[want.len() - distance]);
                    }
                    let mut out = vec![9; 3];
                    let mut output = Output::new(&mut out, 1000, &window);
                    output.stored(&now).unwrap();
                    output.reserve_round(0);
                    output.repeat(distance, length).unwrap();
                    output.finish();
                    assert!(out[3..] == want[earlier.len()..], "{here} {distance} {length}");
                }
            }
            let mut out = Vec::new();
            let mut output = Output::new(&mut out, 1000, &window);
            output.stored(&now).unwrap();
            output.reserve_round(0);
            let far = earlier.len() + here + 1;
            assert!(matches!(output.repeat(far, 3), Err(InflateError::DistanceTooFar)));
        }
    }
}
