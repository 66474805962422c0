//! The state of the search for repetitions: the window, the bytes to be compressed, and an index of earlier positions.
//!
//! Every four bytes are hashed. `head` has, for each hash, the position of its last occurrence. `prev` has, for each
//! position in the window, the distance to the previous occurrence of the same hash. From `head` on, these form a *chain*
//! of candidates, nearest first.
//!
//! **Nothing is ever cleared**, so the cost of a short message depends on its length only. Positions count on from message
//! to message and wrap around after four gigabytes. An entry may be stale: overwritten, or from before a reset or the wrap.
//! That is harmless, because an entry is only a hint. A candidate counts only if it lies within the window, not before the
//! last reset, and if its bytes are equal. Every search ends after at most the number of candidates of the level.
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

/// Maximum number of bytes accepted at a time. When the buffer is full, the window moves down: at most 32 KiB are moved for
/// every 8 KiB compressed, which is one or two percent of the work.
const INPUT_CHUNK: usize = 8 * 1024;

pub(crate) struct MatchFinder {
    search_params: SearchParams,
    /// The size of the window, which is the maximum distance.
    window: usize,
    bytes: Vec<u8>,
    at: usize,
    window_start: usize,
    /// The position of `bytes[0]`.
    base: u32,
    /// Its length is a power of two, as that of `prev`, which has an entry for each position in the window.
    head: Vec<u32>,
    prev: Vec<u16>,
}

impl MatchFinder {
    // Windows have at most 32 KiB.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn new(search_params: SearchParams, window: WindowBits) -> Self {
        // Half the number of positions compresses as well as more, and fewer look-ups miss the processor's cache.
        let heads = (window.size() / 2).max(1024);
        MatchFinder {
            search_params,
            window: window.size(),
            bytes: Vec::with_capacity(window.size() + INPUT_CHUNK),
            at: 0,
            window_start: 0,
            // Entries that were never written have position 0, which is out of reach from here.
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

    /// Excludes matches that begin before this position.
    pub(crate) fn reset(&mut self) {
        self.window_start = self.at;
    }

    /// Appends as much of `data` as there is room for, and returns the number of bytes. Not zero if `find` has advanced.
    // `bytes` never exceeds its capacity, `window + INPUT_CHUNK`, and both cuts are at most the length.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
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

    /// Turns the appended bytes into tokens, until the tokens are full. If `more` is to come, it stops where a match could
    /// become longer with it.
    pub(crate) fn find(&mut self, tokens: &mut Tokens, more: bool) {
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
    }
}
