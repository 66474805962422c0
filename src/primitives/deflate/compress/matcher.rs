//! What the search for repetitions remembers: the window with the bytes to be compressed behind it, and where every
//! four bytes occurred.
//!
//! Every four bytes are hashed. `head` has, for each hash, the position where it occurred last; `before` has, for each
//! position in the window, how far before it the same hash occurred. Following these from `head` gives a *chain* of
//! candidates, nearest first.
//!
//! **Nothing is ever cleared**, so a short message costs what it is long. Positions count on from message to message,
//! and wrap around after four gigabytes. An entry may be stale in any way: overwritten, from before a reset, from
//! before the wrap. It does not matter, because an entry is only a hint: a candidate counts if it lies within reach
//! (the window, and not before the last reset), and if its bytes, compared one by one, are the same. And every walk
//! ends, at the latest after as many candidates as the level allows.
//!
//! ```text
//!  bytes:  [ ..... | floor ............ | at ............. ]
//!            old     matches may begin    to be compressed
//! ```
//!
//! Memory with a window of 32 KiB: 40 KiB for bytes, 64 KiB each for `head` and `before`. Smaller windows need less.

use super::super::{WindowBits, LONGEST_MATCH};
use super::search::{Effort, Search};
use super::tokens::Tokens;

/// How much is taken in at a time. When there is no more room, the window moves down: at most 32 KiB moved for every 8
/// compressed, which is one or two percent of the work.
const INTAKE: usize = 8 * 1024;

pub(super) struct Matcher {
    effort: Effort,
    /// The size of the window: no distance is greater.
    window: usize,
    bytes: Vec<u8>,
    at: usize,
    floor: usize,
    /// The position of `bytes[0]`.
    base: u32,
    /// A power of two of entries; so has `before`, one for each position in the window.
    head: Vec<u32>,
    before: Vec<u16>,
}

impl Matcher {
    pub(super) fn new(effort: Effort, window: WindowBits) -> Self {
        // Half as many as positions is as good as more: fewer look-ups miss the processor's cache.
        let heads = (window.size() / 2).max(1024);
        Matcher {
            effort,
            window: window.size(),
            bytes: Vec::with_capacity(window.size() + INTAKE),
            at: 0,
            floor: 0,
            // Entries that were never written say position 0: that is out of everybody's reach.
            base: 1 << 16,
            head: vec![0; heads],
            before: vec![0; if effort.chains() { window.size() } else { 0 }],
        }
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + 4 * self.head.capacity() + 2 * self.before.capacity()
    }

    #[cfg(test)]
    pub(super) fn set_base(&mut self, base: u32) {
        self.base = base;
    }

    /// Matches reach no further back than here.
    pub(super) fn forget(&mut self) {
        self.floor = self.at;
    }

    /// Takes in as much of `data` as there is room for; gives how much. It is not zero as long as `find` gets on.
    pub(super) fn take(&mut self, data: &[u8]) -> usize {
        if self.bytes.len() + data.len() > self.window + INTAKE {
            let gone = self.at.saturating_sub(self.window);
            if gone >= INTAKE / 2 {
                self.bytes.copy_within(gone.., 0);
                self.bytes.truncate(self.bytes.len() - gone);
                self.at -= gone;
                self.floor = self.floor.saturating_sub(gone);
                self.base = self.base.wrapping_add(gone as u32);
            }
        }
        let taken = data.len().min(self.window + INTAKE - self.bytes.len());
        self.bytes.extend_from_slice(&data[..taken]);
        taken
    }

    /// Turns what was taken in into tokens, until they are full or, if `more` is to come, a match could still get
    /// longer by it. True if there is nothing left to turn.
    pub(super) fn find(&mut self, tokens: &mut Tokens, more: bool) -> bool {
        let end = self.bytes.len().saturating_sub(if more { LONGEST_MATCH } else { 0 });
        let search = Search {
            effort: self.effort,
            window: self.window,
            bytes: &self.bytes,
            floor: self.floor,
            base: self.base,
            head: &mut self.head,
            before: &mut self.before,
        };
        self.at = search.run(self.at, end, tokens);
        self.at >= end
    }
}
