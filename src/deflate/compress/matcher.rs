//! What the search for repetitions remembers: the window with the bytes to be compressed behind it, and where every
//! four bytes occurred.
//!
//! Every four bytes are hashed. `head` has, for each hash, the position where it occurred last; `prev` has, for each
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
//!  bytes:  [ ..... | window_start ............ | at ............. ]
//!            old     matches may begin    to be compressed
//! ```
//!
//! Memory with a window of 32 KiB: 40 KiB for bytes, 64 KiB each for `head` and `prev`. Smaller windows need less.

use super::search::{Search, SearchParams};
use super::tokens::Tokens;
use crate::deflate::format::{WindowBits, MAX_MATCH};

/// How much is taken in at a time. When there is no more room, the window moves down: at most 32 KiB moved for every 8
/// compressed, which is one or two percent of the work.
const INPUT_CHUNK: usize = 8 * 1024;

pub(crate) struct MatchFinder {
    search_params: SearchParams,
    /// The size of the window: no distance is greater.
    window: usize,
    bytes: Vec<u8>,
    at: usize,
    window_start: usize,
    /// The position of `bytes[0]`.
    base: u32,
    /// A power of two of entries; so has `prev`, one for each position in the window.
    head: Vec<u32>,
    prev: Vec<u16>,
}

impl MatchFinder {
    pub(crate) fn new(search_params: SearchParams, window: WindowBits) -> Self {
        // Half as many as positions is as good as more: fewer look-ups miss the processor's cache.
        let heads = (window.size() / 2).max(1024);
        MatchFinder {
            search_params,
            window: window.size(),
            bytes: Vec::with_capacity(window.size() + INPUT_CHUNK),
            at: 0,
            window_start: 0,
            // Entries that were never written say position 0: that is out of everybody's reach.
            base: 1 << 16,
            head: vec![0; heads],
            prev: vec![0; if search_params.uses_chains() { window.size() } else { 0 }],
        }
    }

    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + 4 * self.head.capacity() + 2 * self.prev.capacity()
    }

    #[cfg(test)]
    pub(crate) fn set_base(&mut self, base: u32) {
        self.base = base;
    }

    /// Matches reach no further back than here.
    pub(crate) fn reset(&mut self) {
        self.window_start = self.at;
    }

    /// Takes in as much of `data` as there is room for; gives how much. It is not zero as long as `find` gets on.
    pub(crate) fn append(&mut self, data: &[u8]) -> usize {
        if self.bytes.len() + data.len() > self.window + INPUT_CHUNK {
            let discarded = self.at.saturating_sub(self.window);
            if discarded >= INPUT_CHUNK / 2 {
                self.bytes.copy_within(discarded.., 0);
                self.bytes.truncate(self.bytes.len() - discarded);
                self.at -= discarded;
                self.window_start = self.window_start.saturating_sub(discarded);
                self.base = self.base.wrapping_add(discarded as u32);
            }
        }
        let taken = data.len().min(self.window + INPUT_CHUNK - self.bytes.len());
        self.bytes.extend_from_slice(&data[..taken]);
        taken
    }

    /// Turns what was taken in into tokens, until they are full or, if `more` is to come, a match could still get
    /// longer by it. True if there is nothing left to turn.
    pub(crate) fn find(&mut self, tokens: &mut Tokens, more: bool) -> bool {
        let end = self.bytes.len().saturating_sub(if more { MAX_MATCH } else { 0 });
        let search = Search {
            search_params: self.search_params,
            window: self.window,
            bytes: &self.bytes,
            window_start: self.window_start,
            base: self.base,
            head: &mut self.head,
            prev: &mut self.prev,
        };
        self.at = search.run(self.at, end, tokens);
        self.at >= end
    }
}
