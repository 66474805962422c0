//! Finding repetitions: which earlier bytes are the same as those that come next?
//!
//! Every four bytes are hashed. `head` has, for each hash, the position where it occurred last; `before` has, for each position in
//! the window, the position where the same hash occurred before that. Following them from `head` gives a *chain* of candidates, nearest
//! first.
//!
//! **Nothing is ever cleared.** Positions count on from message to message, in 16 bits, and wrap around. So an entry may be stale in
//! any way: overwritten, from before a reset, 65,536 bytes old. It does not matter: an entry is a hint. A candidate counts only if
//! it lies within reach (the window, and not before the last reset), and if its bytes, compared one by one, are the same.
//! A chain that does not lead further back has ended; so every walk ends.
//!
//! ```text
//!  bytes:  [ ..... | floor ............ | at ............. ]
//!            old     matches may begin    to be compressed
//! ```

use super::super::{WindowBits, LONGEST_MATCH};
use super::tokens::Tokens;

/// How much is taken in at a time. When there is no more room, the window moves down: 32 KiB moved for every 8 compressed.
const INTAKE: usize = 8 * 1024;
/// Bytes that are hashed, and so the shortest match that can be found. Matches of three hardly ever pay.
const HASHED: usize = 4;

/// How hard to look.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// How many candidates are compared at most. With 1, there are no chains.
    pub(super) candidates: usize,
    /// A match this long is good enough to stop comparing.
    pub(super) good: usize,
    /// After a match shorter than this, see whether the next position has a longer one.
    pub(super) lazy: usize,
}

pub(super) struct Matcher {
    effort: Effort,
    /// The size of the window: no distance is greater.
    window: usize,
    bytes: Vec<u8>,
    at: usize,
    floor: usize,
    /// The position of `bytes[0]`, wrapping.
    base: u16,
    head: Vec<u16>,
    before: Vec<u16>,
    hash_bits: u32,
}

impl Matcher {
    pub(super) fn new(effort: Effort, window: WindowBits) -> Self {
        let chains = effort.candidates > 1;
        let hash_bits = u32::from(window.bits()).max(10);
        Matcher {
            effort,
            window: window.size(),
            bytes: Vec::with_capacity(window.size() + INTAKE),
            at: 0,
            floor: 0,
            base: 0,
            head: vec![0; 1 << hash_bits],
            before: vec![0; if chains { window.size() } else { 0 }],
            hash_bits,
        }
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
                self.base = self.base.wrapping_add(gone as u16);
            }
        }
        let taken = data.len().min(self.window + INTAKE - self.bytes.len());
        self.bytes.extend_from_slice(&data[..taken]);
        taken
    }

    /// Turns what was taken in into tokens, until they are full or, if `more` is to come, a match could still get longer by it.
    /// True if there is nothing left to turn.
    pub(super) fn find(&mut self, tokens: &mut Tokens, more: bool) -> bool {
        let end = self.bytes.len().saturating_sub(if more { LONGEST_MATCH } else { 0 });
        if self.effort.candidates > 1 {
            self.find_lazily(tokens, end);
        } else {
            self.find_fast(tokens, end);
        }
        self.at >= end
    }

    /// The four bytes at `i`, and their hash.
    #[inline(always)]
    fn word(&self, i: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(i..)?.first_chunk::<HASHED>()?))
    }

    #[inline(always)]
    fn position(&self, i: usize) -> u16 {
        self.base.wrapping_add(i as u16)
    }

    /// Multiplying spreads all bits upwards; the upper ones depend on all four bytes.
    #[inline(always)]
    fn hash(&self, word: u32) -> usize {
        (word.wrapping_mul(0x9e37_79b1) >> (32 - self.hash_bits)) as usize
    }

    /// How far back a match at `i` may reach.
    #[inline(always)]
    fn reach(&self, i: usize) -> usize {
        self.window.min(i - self.floor)
    }

    fn literals(&mut self, tokens: &mut Tokens, end: usize) {
        for &byte in &self.bytes[self.at..end] {
            tokens.literal(byte);
        }
        self.at = end;
    }

    /// One candidate per position, taken if it matches at all. The longer nothing matches, the greater the steps.
    fn find_fast(&mut self, tokens: &mut Tokens, end: usize) {
        let mut misses = 0;
        while self.at < end && !tokens.is_full() {
            let at = self.at;
            let Some(word) = self.word(at) else {
                self.literals(tokens, end);
                return;
            };
            let slot = self.hash(word);
            let distance = usize::from(self.position(at).wrapping_sub(self.head[slot]));
            self.head[slot] = self.position(at);
            if distance == 0 || distance > self.reach(at) || self.word(at - distance) != Some(word) {
                misses += 1;
                self.literals(tokens, (at + 1 + misses / 64).min(end));
                continue;
            }
            misses = 0;
            let length = same(&self.bytes, at - distance, at, HASHED);
            tokens.repeat(length, distance);
            self.at += length;
            // Two of the positions inside are remembered: the second, and the last.
            for inside in [at + 1, self.at - 1] {
                if let Some(word) = self.word(inside) {
                    let slot = self.hash(word);
                    self.head[slot] = self.position(inside);
                }
            }
        }
    }

    /// Remembers position `i`; gives the distance to the last position with the same hash, if it may be believed.
    #[inline(always)]
    fn remember(&mut self, i: usize) -> u16 {
        let Some(word) = self.word(i) else { return 0 };
        let (slot, position) = (self.hash(word), self.position(i));
        let last = std::mem::replace(&mut self.head[slot], position);
        let mask = self.before.len() - 1;
        self.before[usize::from(position) & mask] = last;
        position.wrapping_sub(last)
    }

    /// Remembers position `i`, and finds the longest match there that is longer than `least`, 3 or more: length and distance.
    #[inline(always)]
    fn longest(&mut self, i: usize, least: usize) -> Option<(usize, usize)> {
        let mut distance = self.remember(i);
        let (position, reach) = (self.position(i), self.reach(i));
        let (mask, most) = (self.before.len() - 1, (self.bytes.len() - i).min(LONGEST_MATCH));
        if distance == 0 || least >= most {
            return None;
        }
        let (mut best, mut found) = (least, None);
        // A longer match has these bytes in common, too. They are looked at first: most candidates fail there.
        let mut decisive = self.word(i + best + 1 - HASHED);
        for _ in 0..self.effort.candidates {
            if usize::from(distance) > reach {
                break;
            }
            let from = i - usize::from(distance);
            if self.word(from + best + 1 - HASHED) == decisive {
                let length = same(&self.bytes, from, i, 0);
                if length > best {
                    (best, found) = (length, Some((length, usize::from(distance))));
                    if length >= self.effort.good.min(most) {
                        break;
                    }
                    decisive = self.word(i + best + 1 - HASHED);
                }
            }
            let further = position.wrapping_sub(self.before[usize::from(position.wrapping_sub(distance)) & mask]);
            if further <= distance {
                break;
            }
            distance = further;
        }
        found
    }

    /// Before a match is taken, the next position is tried: if it has a better one, the first byte is a literal instead.
    fn find_lazily(&mut self, tokens: &mut Tokens, end: usize) {
        while self.at < end && !tokens.is_full() {
            let Some((mut length, mut distance)) = self.longest(self.at, HASHED - 1) else {
                self.literals(tokens, self.at + 1);
                continue;
            };
            // The first position that is not yet remembered.
            let mut next = self.at + 1;
            while length < self.effort.lazy {
                let better = self.longest(next, length);
                next += 1;
                let Some((longer, its_distance)) = better else { break };
                self.literals(tokens, self.at + 1);
                (length, distance) = (longer, its_distance);
            }
            tokens.repeat(length, distance);
            self.at += length;
            for i in next..self.at {
                self.remember(i);
            }
        }
    }
}

/// How many bytes from `a` and from `b` on are the same, where `known` are known to be; a longest match at most. `a` is below `b`.
#[inline(always)]
fn same(bytes: &[u8], a: usize, b: usize, known: usize) -> usize {
    let most = (bytes.len() - b).min(LONGEST_MATCH);
    let (first, second) = (&bytes[a + known..a + most], &bytes[b + known..b + most]);
    let mut length = known;
    for (x, y) in first.chunks_exact(8).zip(second.chunks_exact(8)) {
        let (Some(x), Some(y)) = (x.first_chunk(), y.first_chunk()) else { break };
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return length + (differ.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length + first[length - known..].iter().zip(&second[length - known..]).take_while(|(x, y)| x == y).count()
}
