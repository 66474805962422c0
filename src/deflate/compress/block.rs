//! Writing of a block in the shortest of three forms: stored, with the fixed codes, or with its own codes.

use super::lengths::build_code_lengths;
use super::tokens::{distance_symbol, length_symbol, Token, Tokens};
use crate::deflate::bits::{BitCursor, BitWriter};
use crate::deflate::format::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, FIXED_DISTANCES, FIXED_LITERALS, LENGTHS, LENGTH_ORDER, LENGTH_SYMBOLS,
    LITERAL_SYMBOLS, MAX_CODE_LENGTH, REPEATS, REPEAT_LAST, REPEAT_ZERO, REPEAT_ZERO_LONG,
};
use crate::deflate::huffman::codes;

const STORED: u64 = 0b000;
const FIXED: u64 = 0b010;
const DYNAMIC: u64 = 0b100;
/// Maximum number of bytes in a stored block.
const MAX_STORED: usize = 0xffff;

/// The lengths of the two codes of a block.
struct CodeLengths {
    literals: [u8; 288],
    distances: [u8; 32],
}

impl CodeLengths {
    const FIXED: CodeLengths = CodeLengths { literals: FIXED_LITERALS, distances: FIXED_DISTANCES };

    fn chosen(tokens: &Tokens) -> CodeLengths {
        let mut lengths = CodeLengths { literals: [0; 288], distances: [0; 32] };
        build_code_lengths(&tokens.literals, MAX_CODE_LENGTH, &mut lengths.literals[..LITERAL_SYMBOLS]);
        build_code_lengths(&tokens.distances, MAX_CODE_LENGTH, &mut lengths.distances[..DISTANCE_SYMBOLS]);
        lengths
    }

    /// Number of bits that the codes of all symbols take, without extra bits.
    // At most 4,096 tokens of 15 bits, and the literals of as many steps: see `build_code_lengths`.
    #[allow(clippy::arithmetic_side_effects)]
    fn cost(&self, tokens: &Tokens) -> usize {
        let sum = |counts: &[u32], lengths: &[u8]| -> u32 {
            counts.iter().zip(lengths).map(|(count, length)| count * u32::from(*length)).sum()
        };
        sum(&tokens.literals, &self.literals) as usize + sum(&tokens.distances, &self.distances) as usize
    }
}

/// Writes a block with `tokens`, which stand for `raw`. It is never marked as the last.
// Sizes in bits of one block, whose tokens are bounded.
#[allow(clippy::arithmetic_side_effects)]
pub(crate) fn write(tokens: &Tokens, raw: &[u8], writer: &mut BitWriter) {
    let chosen = CodeLengths::chosen(tokens);
    let dynamic_header = DynamicHeader::new(&chosen);
    let extra = extra_bits(tokens);
    let dynamic = 3 + dynamic_header.cost() + chosen.cost(tokens) + extra;
    let fixed = 3 + CodeLengths::FIXED.cost(tokens) + extra;
    let stored = stored_cost(raw.len(), writer.padding_after(3));
    let end = writer.bits() + dynamic.min(fixed).min(stored);
    if stored <= dynamic.min(fixed) {
        write_stored(raw, writer);
    } else if fixed <= dynamic {
        let (reserved, mut cursor) = writer.reserve(fixed);
        cursor.write_bits(reserved, FIXED, 3);
        let cursor = write_tokens(tokens, &CodeLengths::FIXED, reserved, cursor);
        writer.commit(cursor);
    } else {
        let (reserved, mut cursor) = writer.reserve(dynamic);
        cursor.write_bits(reserved, DYNAMIC, 3);
        dynamic_header.write(reserved, &mut cursor);
        let cursor = write_tokens(tokens, &chosen, reserved, cursor);
        writer.commit(cursor);
    }
    debug_assert_eq!(writer.bits(), end, "the size written differs from the size computed");
}

/// Writes an empty stored block. The output then ends on a byte boundary, with the bytes `00 00 FF FF`.
pub(crate) fn write_sync(writer: &mut BitWriter) {
    write_stored(&[], writer);
}

/// The size in bits. The first piece needs padding; each further one begins on a byte boundary and takes 40 bits besides
/// its bytes.
// `bytes` is what one block of tokens stands for, a megabyte and some literals.
#[allow(clippy::arithmetic_side_effects)]
fn stored_cost(bytes: usize, padding: u32) -> usize {
    let more = bytes.saturating_sub(1) / MAX_STORED;
    3 + padding as usize + 32 + 40 * more + 8 * bytes
}

// A piece has at most `MAX_STORED` bytes.
#[allow(clippy::cast_possible_truncation)]
fn write_stored(raw: &[u8], writer: &mut BitWriter) {
    let mut rest = raw;
    loop {
        let (piece, after) = rest.split_at(rest.len().min(MAX_STORED));
        let length = piece.len() as u16;
        writer.write_bits_and_pad(STORED, 3);
        // 1951-3.1-s1
        writer.bytes(&length.to_le_bytes());
        writer.bytes(&(!length).to_le_bytes());
        writer.bytes(piece);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

// Constant bounds; a block has some 4,096 matches of at most 18 extra bits.
#[allow(clippy::arithmetic_side_effects)]
fn extra_bits(tokens: &Tokens) -> usize {
    let lengths =
        tokens.literals[END_OF_BLOCK + 1..].iter().zip(LENGTHS).map(|(count, (_, bits))| count * u32::from(bits));
    let distances = tokens
        .distances
        .iter()
        .zip(crate::deflate::format::DISTANCES)
        .map(|(count, (_, bits))| count * u32::from(bits));
    (lengths.sum::<u32>() + distances.sum::<u32>()) as usize
}

// The symbols come from tables, whose values are below 288 and 32. No shift exceeds 48.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn write_tokens(tokens: &Tokens, lengths: &CodeLengths, reserved: &mut [u8], mut cursor: BitCursor) -> BitCursor {
    let (mut literals, mut distances) = ([0; 288], [0; 32]);
    codes(&lengths.literals, &mut literals);
    codes(&lengths.distances, &mut distances);
    for token in tokens.iter() {
        match token {
            Token::Literal(byte) => {
                let (code, bits) = split(literals[usize::from(byte)]);
                cursor.write_bits(reserved, code, bits);
            }
            Token::Match { length, distance } => {
                let length = length_symbol(length);
                let (code, bits) = split(literals[END_OF_BLOCK + 1 + length.symbol]);
                let (value, bits) = (code | length.extra << bits, bits + length.extra_bits);
                let distance = distance_symbol(distance);
                let (code, more) = split(distances[distance.symbol]);
                // 48 bits at most: 15 and 5 for the length, 15 and 13 for the distance.
                cursor.write_bits(
                    reserved,
                    value | (code | distance.extra << more) << bits,
                    bits + more + distance.extra_bits,
                );
            }
        }
    }
    let (code, bits) = split(literals[END_OF_BLOCK]);
    cursor.write_bits(reserved, code, bits);
    cursor
}

/// A code and its length.
#[inline(always)]
fn split(packed: u32) -> (u64, u32) {
    (u64::from(packed & 0xffff), packed >> 16)
}

/// The description of the codes in a dynamic block: the lengths of both in one sequence, with repetitions, in a third code.
struct DynamicHeader {
    literals: usize,
    distances: usize,
    /// Symbols of the third code with their extra bits.
    symbols: [(u8, u8); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
    used: usize,
    frequencies: [u32; LENGTH_SYMBOLS],
    /// The lengths of the third code, of which the first `sent` are sent.
    lengths: [u8; LENGTH_SYMBOLS],
    sent: usize,
}

impl DynamicHeader {
    // The two counts are at most 286 and 30, the lengths of the codes that were chosen.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn new(codes: &CodeLengths) -> DynamicHeader {
        let used = |lengths: &[u8], least: usize| {
            lengths.iter().rposition(|&l| l > 0).map_or(least, |last| least.max(last + 1))
        };
        let (literals, distances) = (used(&codes.literals, END_OF_BLOCK + 1), used(&codes.distances, 1));
        let mut all = [0; 288 + 32];
        all[..literals].copy_from_slice(&codes.literals[..literals]);
        all[literals..literals + distances].copy_from_slice(&codes.distances[..distances]);
        let mut dynamic_header = DynamicHeader {
            literals,
            distances,
            symbols: [(0, 0); LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
            used: 0,
            frequencies: [0; LENGTH_SYMBOLS],
            lengths: [0; LENGTH_SYMBOLS],
            sent: 0,
        };
        dynamic_header.take(&all[..literals + distances]);
        build_code_lengths(&dynamic_header.frequencies, 7, &mut dynamic_header.lengths);
        let last = LENGTH_ORDER.iter().rposition(|&symbol| dynamic_header.lengths[usize::from(symbol)] > 0);
        // At least five: one length is not zero, and only 16, 17, 18 and 0 come before all of those.
        dynamic_header.sent = last.map_or(LENGTH_SYMBOLS, |last| last + 1);
        dynamic_header
    }

    // One call for each length at most, of which there are 316; both numbers are below 256.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    fn push(&mut self, symbol: usize, extra: usize) {
        self.symbols[self.used] = (symbol as u8, extra as u8);
        self.used += 1;
        self.frequencies[symbol] += 1;
    }

    // The arms of the match hold the subtractions above zero, and `taken` is at most `run`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn take(&mut self, all: &[u8]) {
        let mut rest = all;
        while let Some(&length) = rest.first() {
            let run = rest.iter().take_while(|&&other| other == length).count();
            let taken = match (length, run) {
                (0, 11..) => {
                    self.push(REPEAT_ZERO_LONG, run.min(138) - 11);
                    run.min(138)
                }
                (0, 3..) => {
                    self.push(REPEAT_ZERO, run - 3);
                    run
                }
                (1.., 4..) => {
                    let repeated = (run - 1).min(6);
                    self.push(usize::from(length), 0);
                    self.push(REPEAT_LAST, repeated - 3);
                    repeated + 1
                }
                (_, _) => {
                    self.push(usize::from(length), 0);
                    1
                }
            };
            rest = &rest[taken..];
        }
    }

    // At most 316 symbols of at most 14 bits.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn cost(&self) -> usize {
        let bits = |(symbol, count): (usize, &u32)| {
            *count as usize * (usize::from(self.lengths[symbol]) + extra_of(symbol) as usize)
        };
        14 + 3 * self.sent + self.frequencies.iter().enumerate().map(bits).sum::<usize>()
    }

    // The counts are at least 257, 1 and 4: see `new`. Symbols are below 19.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn write(&self, reserved: &mut [u8], cursor: &mut BitCursor) {
        cursor.write_bits(reserved, (self.literals - 257) as u64, 5);
        cursor.write_bits(reserved, (self.distances - 1) as u64, 5);
        cursor.write_bits(reserved, (self.sent - 4) as u64, 4);
        for &symbol in &LENGTH_ORDER[..self.sent] {
            cursor.write_bits(reserved, u64::from(self.lengths[usize::from(symbol)]), 3);
        }
        let mut third = [0; LENGTH_SYMBOLS];
        codes(&self.lengths, &mut third);
        for &(symbol, extra) in &self.symbols[..self.used] {
            let (code, bits) = split(third[usize::from(symbol)]);
            cursor.write_bits(reserved, code | u64::from(extra) << bits, bits + extra_of(usize::from(symbol)));
        }
    }
}

/// The extra bits of a symbol of the third code.
// Symbols are below 19, and three of them are repetitions.
#[allow(clippy::indexing_slicing)]
fn extra_of(symbol: usize) -> u32 {
    symbol.checked_sub(REPEAT_LAST).map_or(0, |repeat| u32::from(REPEATS[repeat].1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::{Inflate, WindowBits};

    /// Codes with these lengths, by symbol.
    fn code_lengths(literals: &[(usize, u8)], distances: &[(usize, u8)]) -> CodeLengths {
        let mut lengths = CodeLengths { literals: [0; 288], distances: [0; 32] };
        literals.iter().for_each(|&(symbol, length)| lengths.literals[symbol] = length);
        distances.iter().for_each(|&(symbol, length)| lengths.distances[symbol] = length);
        lengths
    }

    /// The description has no length after the last one of each code, and the longest repetitions. 1951-3.2.7-s4
    #[test]
    fn descriptions_of_codes_are_short() {
        type Row<'a> = (CodeLengths, (usize, usize, usize), &'a [(u8, u8)]);
        let rows: [Row; 4] = [
            // 65, 190 and no zeros. The third code has 1 as its last symbol, with one bit.
            (
                code_lengths(&[(65, 1), (256, 1)], &[(0, 1), (1, 1)]),
                (257, 2, 18),
                &[(18, 54), (1, 0), (18, 127), (18, 41), (1, 0), (1, 0), (1, 0)],
            ),
            // Two, three, ten and eleven zeros.
            (
                code_lengths(&[(2, 2), (6, 2), (17, 2), (256, 2)], &[(11, 1), (12, 1)]),
                (257, 13, 18),
                &[
                    (0, 0),
                    (0, 0),
                    (2, 0),
                    (17, 0),
                    (2, 0),
                    (17, 7),
                    (2, 0),
                    (18, 127),
                    (18, 89),
                    (2, 0),
                    (18, 0),
                    (1, 0),
                    (1, 0),
                ],
            ),
            // Three, four, seven and eight equal lengths, the last of which are distances.
            (
                code_lengths(
                    &[0, 1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 254, 255, 256].map(|symbol| (symbol, 5)),
                    &[0, 1, 2, 3, 4].map(|symbol| (symbol, 5)),
                ),
                (257, 5, 10),
                &[
                    (5, 0),
                    (5, 0),
                    (5, 0),
                    (0, 0),
                    (5, 0),
                    (16, 0),
                    (0, 0),
                    (5, 0),
                    (16, 3),
                    (18, 127),
                    (18, 89),
                    (5, 0),
                    (16, 3),
                    (5, 0),
                ],
            ),
            // The last symbols.
            (
                code_lengths(&[(256, 15), (285, 8)], &[(29, 8)]),
                (286, 30, 19),
                &[(18, 127), (18, 107), (15, 0), (18, 17), (8, 0), (18, 18), (8, 0)],
            ),
        ];
        for (codes, counts, symbols) in rows {
            let header = DynamicHeader::new(&codes);
            assert_eq!((header.literals, header.distances, header.sent), counts, "{symbols:?}");
            assert_eq!(&header.symbols[..header.used], symbols);
        }
    }

    /// The rarest symbols get 15 bits where that is shortest.
    #[test]
    fn chosen_codes_have_up_to_15_bits() {
        let mut tokens = Tokens::new();
        let (mut next, mut after) = (1, 1);
        for symbol in 0..17 {
            (tokens.literals[symbol], tokens.distances[symbol]) = (next, next);
            (next, after) = (after, next + after);
        }
        let lengths = CodeLengths::chosen(&tokens);
        assert_eq!((lengths.literals.iter().max(), lengths.distances.iter().max()), (Some(&15), Some(&15)));
    }

    /// A stored block of 65,536 bytes or more is split. 1951-3.2.4-s2
    #[test]
    fn long_stored_blocks_are_split() {
        for (length, pieces) in [(MAX_STORED, 1), (MAX_STORED + 1, 2), (3 * MAX_STORED, 3)] {
            let raw: Vec<u8> = (0..length).map(|i| (i % 253) as u8).collect();
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            let cost = stored_cost(raw.len(), writer.padding_after(3));
            write_stored(&raw, &mut writer);
            assert_eq!((out.len(), 8 * out.len()), (length + 5 * pieces, cost));
            let mut back = Vec::new();
            Inflate::new(WindowBits::MAX).push(&out, &mut back, length).unwrap();
            assert!(back == raw, "{length}");
        }
    }
}
