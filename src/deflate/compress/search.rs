//! The search for repetitions: earlier bytes that are equal to the next ones. See `matcher` for the index.

use super::tokens::Tokens;
use crate::deflate::format::MAX_MATCH;

/// Number of bytes that are hashed, and so the minimum length of a match that is found. Without matches of three bytes, text
/// is as small, machine code is three percent larger, and compression is faster.
const HASH_BYTES: usize = 4;

/// The effort of a level.
#[derive(Clone, Copy)]
pub(crate) struct SearchParams {
    /// Maximum number of candidates compared. With 1, there are no chains.
    pub(crate) max_chain: usize,
    /// Minimum length of a match that ends the search.
    pub(crate) nice_length: usize,
    /// After a match shorter than this, the next position is tried for a longer one.
    pub(crate) max_lazy: usize,
    /// Maximum number of candidates compared there. A quarter suffices, because only a longer match counts.
    pub(crate) lazy_chain: usize,
}

impl SearchParams {
    pub(crate) fn uses_chains(self) -> bool {
        self.max_chain > 1
    }
}

/// The parts of a `MatchFinder`, borrowed for one run: the compiler can hold slices in registers, but not vectors in a
/// structure.
pub(crate) struct Search<'a> {
    pub(crate) search_params: SearchParams,
    pub(crate) window: usize,
    pub(crate) bytes: &'a [u8],
    pub(crate) window_start: usize,
    pub(crate) base: u32,
    pub(crate) head: &'a mut [u32],
    pub(crate) prev: &'a mut [u16],
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

impl Search<'_> {
    /// Turns bytes from `at` on into tokens, until `end` (the last match may exceed it) or until the tokens are full.
    /// Returns the position reached.
    pub(crate) fn run(mut self, at: usize, end: usize, tokens: &mut Tokens) -> usize {
        if self.search_params.uses_chains() {
            self.run_lazy(at, end, tokens)
        } else {
            self.run_fast(at, end, tokens)
        }
    }

    /// Tries one candidate per position and takes any match. The steps grow while nothing matches.
    // `at` is below `end`, which is in `bytes`; a distance is at most `at`, and a match ends in `bytes`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn run_fast(&mut self, mut at: usize, end: usize, tokens: &mut Tokens) -> usize {
        let mut misses = 0;
        while at < end && !tokens.is_full() {
            let distance = self.insert_head(at);
            if distance == 0
                || distance > self.max_distance(at)
                || load_u32(self.bytes, at - distance) != load_u32(self.bytes, at)
            {
                misses += 1;
                let step = (1 + misses / 64).min(end - at);
                tokens.literals(&self.bytes[at..at + step]);
                at += step;
                continue;
            }
            misses = 0;
            let length = match_length(self.bytes, at - distance, at);
            tokens.repeat(length, distance);
            // Two of the positions inside are indexed: the second, and the last.
            self.insert_head(at + 1);
            at += length;
            self.insert_head(at - 1);
        }
        at
    }

    /// Tries the next position before it takes a match. If that has a longer match, the first byte becomes a literal.
    // `at` is below `end`, which is in `bytes`; a match ends in `bytes`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn run_lazy(&mut self, mut at: usize, end: usize, tokens: &mut Tokens) -> usize {
        while at < end && !tokens.is_full() {
            let Some(mut found) = self.longest_match(at, HASH_BYTES - 1, self.search_params.max_chain) else {
                tokens.literals(&self.bytes[at..at + 1]);
                at += 1;
                continue;
            };
            // The first position that is not yet indexed.
            let mut next = at + 1;
            while found.length < self.search_params.max_lazy {
                let better = self.longest_match(next, found.length, self.search_params.lazy_chain);
                next += 1;
                let Some(better) = better else { break };
                tokens.literals(&self.bytes[at..at + 1]);
                at += 1;
                found = better;
            }
            tokens.repeat(found.length, found.distance);
            at += found.length;
            for i in next..at {
                self.insert(i);
            }
        }
        at
    }

    /// Indexes position `i`, and finds the longest match there that is longer than `least`, which is 3 or more.
    // `i` is in `bytes`, a distance is at most `i`, and `slot` masks its index.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    #[inline(always)]
    fn longest_match(&mut self, i: usize, least: usize, max_chain: usize) -> Option<Match> {
        let mut distance = self.insert(i);
        let max_distance = self.max_distance(i);
        let most = (self.bytes.len() - i).min(MAX_MATCH);
        if distance == 0 || least >= most {
            return None;
        }
        let enough = self.search_params.nice_length.min(most);
        let (mut best, mut found) = (least, 0);
        // A longer match has these bytes in common, too. They are compared first, because most candidates differ there.
        let mut decisive = load_u32(self.bytes, i + best + 1 - HASH_BYTES);
        for _ in 0..max_chain {
            if distance > max_distance {
                break;
            }
            let from = i - distance;
            if load_u32(self.bytes, from + best + 1 - HASH_BYTES) == decisive {
                let length = match_length(self.bytes, from, i);
                if length > best {
                    (best, found) = (length, distance);
                    if length >= enough {
                        break;
                    }
                    decisive = load_u32(self.bytes, i + best + 1 - HASH_BYTES);
                }
            }
            distance += usize::from(self.prev[self.slot(from)]);
        }
        (found > 0).then_some(Match { length: best, distance: found })
    }

    /// Indexes position `i`. Returns the distance to the last position with the same hash, which may be stale. Zero if there
    /// are no four bytes, or if the entry is exactly four gigabytes old.
    // `slot` masks its index. The distance is cut to 16 bits first.
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
    #[inline(always)]
    fn insert(&mut self, i: usize) -> usize {
        let (slot, distance) = (self.slot(i), self.insert_head(i));
        // A distance beyond the window is out of reach whatever its value.
        self.prev[slot] = distance.min(0xffff) as u16;
        distance
    }

    /// As [`Search::insert`], without a chain.
    // `head` has a power of two of entries, and the mask is its length minus 1.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    #[inline(always)]
    fn insert_head(&mut self, i: usize) -> usize {
        if i + HASH_BYTES > self.bytes.len() {
            return 0;
        }
        let position = self.position(i);
        // The product spreads all bits upwards: its upper bits depend on all four bytes.
        let hash = load_u32(self.bytes, i).wrapping_mul(0x9e37_79b1) >> 16;
        let slot = hash as usize & (self.head.len() - 1);
        let last = std::mem::replace(&mut self.head[slot], position);
        position.wrapping_sub(last) as usize
    }

    // Positions wrap around.
    #[allow(clippy::cast_possible_truncation)]
    #[inline(always)]
    fn position(&self, i: usize) -> u32 {
        self.base.wrapping_add(i as u32)
    }

    /// The index in `prev` for the position of byte `i`.
    // With chains, `prev` is not empty.
    #[allow(clippy::arithmetic_side_effects)]
    #[inline(always)]
    fn slot(&self, i: usize) -> usize {
        self.position(i) as usize & (self.prev.len() - 1)
    }

    /// Maximum distance of a match at `i`.
    // `window_start` is at most the position that is searched.
    #[allow(clippy::arithmetic_side_effects)]
    #[inline(always)]
    fn max_distance(&self, i: usize) -> usize {
        self.window.min(i - self.window_start)
    }
}

/// The four bytes at `i`; zero if there are fewer.
// `i` is an index of a buffer of 40 KiB.
#[allow(clippy::arithmetic_side_effects)]
#[inline(always)]
fn load_u32(bytes: &[u8], i: usize) -> u32 {
    bytes.get(i..i + HASH_BYTES).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

/// Number of equal bytes from `a` and from `b` on, at most [`MAX_MATCH`]. `a` is below `b`.
// Both slices end in `bytes`, because `a` is below `b`; `length` stays below 258.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#[inline(always)]
fn match_length(bytes: &[u8], a: usize, b: usize) -> usize {
    let most = (bytes.len() - b).min(MAX_MATCH);
    let (first, second) = (&bytes[a..a + most], &bytes[b..b + most]);
    let mut length = 0;
    while let (Some(x), Some(y)) = (load_u64(first, length), load_u64(second, length)) {
        let differ = x ^ y;
        if differ != 0 {
            return length + (differ.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    while length < most && first[length] == second[length] {
        length += 1;
    }
    length
}

// `i` is an index of a buffer of 40 KiB.
#[allow(clippy::arithmetic_side_effects)]
#[inline(always)]
fn load_u64(bytes: &[u8], i: usize) -> Option<u64> {
    bytes.get(i..i + 8)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A candidate may have another first byte: its entry in the index is a hint.
    #[test]
    fn a_match_ends_before_the_first_byte_that_differs() {
        for equal in 0..=MAX_MATCH + 1 {
            let mut bytes = [0; 2 * (MAX_MATCH + 2)];
            let other = bytes.len() / 2;
            bytes[equal] = 1;
            assert_eq!(match_length(&bytes, 0, other), equal.min(MAX_MATCH));
        }
    }
}
