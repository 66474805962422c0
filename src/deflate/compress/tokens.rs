//! The contents of a block before it is written: literals and matches, and the frequency of each symbol.

use crate::deflate::format::{DISTANCE_SYMBOLS, END_OF_BLOCK, LENGTHS, LITERAL_SYMBOLS, MIN_MATCH};

/// Number of tokens in a block. With more, there are fewer descriptions of codes; with fewer, codes follow changes in the
/// data sooner.
pub(crate) const TOKENS_PER_BLOCK: usize = 4096;

/// For each length minus [`MIN_MATCH`]: its symbol minus 257.
// Evaluated by the compiler, which refuses any fault.
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
const LENGTH_SYMBOL: [u8; 256] = {
    let mut symbols = [0; 256];
    let (mut length, mut symbol) = (0, 0);
    while length < 256 {
        while symbol + 1 < LENGTHS.len() && LENGTHS[symbol + 1].0 as usize <= length + MIN_MATCH {
            symbol += 1;
        }
        symbols[length] = symbol as u8;
        length += 1;
    }
    symbols
};

/// A symbol that stands for a range, and the extra bits that select a value.
pub(crate) struct RangeSymbol {
    pub(crate) symbol: usize,
    pub(crate) extra_bits: u32,
    pub(crate) extra: u64,
}

/// `length` is 3 to 258. The symbol counts from 257.
// The index is masked, and the value of the table is an index of the other table whose base is at most `length`.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#[inline(always)]
pub(crate) fn length_symbol(length: usize) -> RangeSymbol {
    let symbol = usize::from(LENGTH_SYMBOL[(length - MIN_MATCH) & 255]);
    let (base, extra_bits) = LENGTHS[symbol];
    RangeSymbol { symbol, extra_bits: u32::from(extra_bits), extra: (length - usize::from(base)) as u64 }
}

/// `distance` is 1 to 32,768. After the first four, two symbols have each number of extra bits, so the two highest bits
/// of the distance minus 1 determine the symbol, and the others are the extra bits.
// A distance is 1 to 32,768.
#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#[inline(always)]
pub(crate) fn distance_symbol(distance: usize) -> RangeSymbol {
    let distance = distance as u32 - 1;
    if distance < 4 {
        return RangeSymbol { symbol: distance as usize, extra_bits: 0, extra: 0 };
    }
    let extra_bits = distance.ilog2() - 1;
    let symbol = (2 * extra_bits + (distance >> extra_bits)) as usize;
    RangeSymbol { symbol, extra_bits, extra: u64::from(distance & ((1 << extra_bits) - 1)) }
}

/// A literal, or a match.
#[derive(Clone, Copy)]
pub(crate) enum Token {
    Literal(u8),
    Match { length: usize, distance: usize },
}

pub(crate) struct Tokens {
    /// Literals unchanged; matches with the length in the upper half, the distance minus 1 in the lower.
    packed: Vec<u32>,
    /// Number of bytes that the tokens stand for.
    pub(crate) bytes: usize,
    pub(crate) literals: [u32; LITERAL_SYMBOLS],
    pub(crate) distances: [u32; DISTANCE_SYMBOLS],
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Tokens {
            packed: Vec::with_capacity(TOKENS_PER_BLOCK + 256),
            bytes: 0,
            literals: [0; LITERAL_SYMBOLS],
            distances: [0; DISTANCE_SYMBOLS],
        }
    }

    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        4 * self.packed.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.packed.clear();
        self.bytes = 0;
        self.literals.fill(0);
        self.distances.fill(0);
        self.literals[END_OF_BLOCK] = 1;
    }

    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.packed.len() >= TOKENS_PER_BLOCK
    }

    // A byte is an index of the table. Counts are cleared for each block.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    #[inline(always)]
    pub(crate) fn literals(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.packed.push(u32::from(byte));
            self.literals[usize::from(byte)] += 1;
        }
        self.bytes += bytes.len();
    }

    /// `length` is 3 to 258, `distance` 1 to 32,768.
    // Symbols come from tables, and fit the arrays. Counts are cleared for each block.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    #[inline(always)]
    pub(crate) fn repeat(&mut self, length: usize, distance: usize) {
        self.packed.push((length as u32) << 16 | (distance as u32 - 1));
        self.bytes += length;
        self.literals[END_OF_BLOCK + 1 + length_symbol(length).symbol] += 1;
        self.distances[distance_symbol(distance).symbol] += 1;
    }

    // The lowest eight bits are the literal.
    #[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Token> + '_ {
        self.packed.iter().map(|&packed| match packed >> 16 {
            0 => Token::Literal(packed as u8),
            length => Token::Match { length: length as usize, distance: (packed & 0xffff) as usize + 1 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::format::DISTANCES;

    #[test]
    fn every_length_and_distance_has_its_symbol() {
        for length in 3..=258 {
            let ranged = length_symbol(length);
            let (base, bits) = LENGTHS[ranged.symbol];
            assert_eq!((usize::from(base) + ranged.extra as usize, ranged.extra_bits), (length, u32::from(bits)));
            assert!(ranged.extra < 1 << bits);
        }
        assert_eq!(length_symbol(258).symbol, 28);
        for distance in 1..=32_768 {
            let ranged = distance_symbol(distance);
            let (base, bits) = DISTANCES[ranged.symbol];
            assert_eq!((usize::from(base) + ranged.extra as usize, ranged.extra_bits), (distance, u32::from(bits)));
            assert!(ranged.extra < 1 << bits);
        }
    }
}
