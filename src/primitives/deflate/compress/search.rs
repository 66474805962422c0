//! Finding repetitions: which earlier bytes are the same as those that come next? See `matcher` for what is remembered
//! and how.

use super::super::LONGEST_MATCH;
use super::tokens::Tokens;

/// Bytes that are hashed, and so the shortest match that can be found. Matches of three hardly ever pay: without them
/// text is as small, machine code three percent larger, and everything faster.
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
    /// How many candidates are compared there. A quarter is enough: the match to beat is known by then.
    pub(super) then: usize,
}

impl Effort {
    pub(super) fn chains(self) -> bool {
        self.candidates > 1
    }
}

/// The parts of a `Matcher`, borrowed for one run: the compiler can hold slices in registers, but not vectors in a
/// structure.
pub(super) struct Search<'a> {
    pub(super) effort: Effort,
    pub(super) window: usize,
    pub(super) bytes: &'a [u8],
    pub(super) floor: usize,
    pub(super) base: u32,
    pub(super) head: &'a mut [u32],
    pub(super) before: &'a mut [u16],
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

impl Search<'_> {
    /// Turns bytes from `at` on into tokens, until `end` (the last match may go beyond) or until they are full; gives
    /// where that was.
    pub(super) fn run(mut self, at: usize, end: usize, tokens: &mut Tokens) -> usize {
        if self.effort.chains() {
            self.run_lazily(at, end, tokens)
        } else {
            self.run_fast(at, end, tokens)
        }
    }

    /// One candidate per position, taken if it matches at all. The longer nothing matches, the greater the steps.
    fn run_fast(&mut self, mut at: usize, end: usize, tokens: &mut Tokens) -> usize {
        let mut misses = 0;
        while at < end && !tokens.is_full() {
            let distance = self.remember_head(at);
            if distance == 0 || distance > self.reach(at) || word(self.bytes, at - distance) != word(self.bytes, at) {
                misses += 1;
                let step = (1 + misses / 64).min(end - at);
                tokens.literals(&self.bytes[at..at + step]);
                at += step;
                continue;
            }
            misses = 0;
            let length = same(self.bytes, at - distance, at);
            tokens.repeat(length, distance);
            // Two of the positions inside are remembered: the second, and the last.
            self.remember_head(at + 1);
            at += length;
            self.remember_head(at - 1);
        }
        at
    }

    /// Before a match is taken, the next position is tried: if it has a better one, the first byte is a literal
    /// instead.
    fn run_lazily(&mut self, mut at: usize, end: usize, tokens: &mut Tokens) -> usize {
        while at < end && !tokens.is_full() {
            let Some(mut found) = self.longest(at, HASHED - 1, self.effort.candidates) else {
                tokens.literals(&self.bytes[at..at + 1]);
                at += 1;
                continue;
            };
            // The first position that is not yet remembered.
            let mut next = at + 1;
            while found.length < self.effort.lazy {
                let better = self.longest(next, found.length, self.effort.then);
                next += 1;
                let Some(better) = better else { break };
                tokens.literals(&self.bytes[at..at + 1]);
                at += 1;
                found = better;
            }
            tokens.repeat(found.length, found.distance);
            at += found.length;
            for i in next..at {
                self.remember(i);
            }
        }
        at
    }

    /// Remembers position `i`, and finds the longest match there that is longer than `least`, which is 3 or more.
    #[inline(always)]
    fn longest(&mut self, i: usize, least: usize, candidates: usize) -> Option<Match> {
        let mut distance = self.remember(i);
        let reach = self.reach(i);
        let most = (self.bytes.len() - i).min(LONGEST_MATCH);
        if distance == 0 || least >= most {
            return None;
        }
        let enough = self.effort.good.min(most);
        let (mut best, mut found) = (least, 0);
        // A longer match has these bytes in common, too. They are looked at first: most candidates fail there.
        let mut decisive = word(self.bytes, i + best + 1 - HASHED);
        for _ in 0..candidates {
            if distance > reach {
                break;
            }
            let from = i - distance;
            if word(self.bytes, from + best + 1 - HASHED) == decisive {
                let length = same(self.bytes, from, i);
                if length > best {
                    (best, found) = (length, distance);
                    if length >= enough {
                        break;
                    }
                    decisive = word(self.bytes, i + best + 1 - HASHED);
                }
            }
            distance += usize::from(self.before[self.place(from)]);
        }
        (found > 0).then_some(Match { length: best, distance: found })
    }

    /// Remembers position `i`; gives the distance to the last position with the same hash, if it may be believed. Zero
    /// if there are no four bytes, and if the entry is four gigabytes old to the byte.
    #[inline(always)]
    fn remember(&mut self, i: usize) -> usize {
        let (place, distance) = (self.place(i), self.remember_head(i));
        // Whatever is further away than the window is as good as nothing.
        self.before[place] = distance.min(0xffff) as u16;
        distance
    }

    /// The same without a chain.
    #[inline(always)]
    fn remember_head(&mut self, i: usize) -> usize {
        if i + HASHED > self.bytes.len() {
            return 0;
        }
        let position = self.position(i);
        // Multiplying spreads all bits upwards: the upper ones depend on all four bytes.
        let hash = word(self.bytes, i).wrapping_mul(0x9e37_79b1) >> 16;
        let slot = hash as usize & (self.head.len() - 1);
        let last = std::mem::replace(&mut self.head[slot], position);
        position.wrapping_sub(last) as usize
    }

    #[inline(always)]
    fn position(&self, i: usize) -> u32 {
        self.base.wrapping_add(i as u32)
    }

    /// Where `before` has the position of byte `i`.
    #[inline(always)]
    fn place(&self, i: usize) -> usize {
        self.position(i) as usize & (self.before.len() - 1)
    }

    /// How far back a match at `i` may reach.
    #[inline(always)]
    fn reach(&self, i: usize) -> usize {
        self.window.min(i - self.floor)
    }
}

/// The four bytes at `i`; zero if there are fewer.
#[inline(always)]
fn word(bytes: &[u8], i: usize) -> u32 {
    bytes.get(i..i + HASHED).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_le_bytes(*word))
}

/// How many bytes from `a` and from `b` on are the same; a longest match at most. `a` is below `b`.
#[inline(always)]
fn same(bytes: &[u8], a: usize, b: usize) -> usize {
    let most = (bytes.len() - b).min(LONGEST_MATCH);
    let (first, second) = (&bytes[a..a + most], &bytes[b..b + most]);
    let mut length = 0;
    while let (Some(x), Some(y)) = (eight(first, length), eight(second, length)) {
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

#[inline(always)]
fn eight(bytes: &[u8], i: usize) -> Option<u64> {
    bytes.get(i..i + 8)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}
