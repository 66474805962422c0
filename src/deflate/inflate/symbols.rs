//! Decoding of the symbols in a compressed block.
//!
//! There are two implementations. [`Tables::step`] is complete: it reads one literal, one match or the end, reports every
//! fault, and handles input that stops in the middle. [`Tables::run`] is fast: it runs while there is enough input and room,
//! and handles only the frequent cases. In any other case it stops *before* the symbol and leaves it to `step`.

use super::error::{InflateError, Stop};
use super::output::{Output, Target};
use crate::deflate::bits::BitReader;
use crate::deflate::format::{FIXED_DISTANCES, FIXED_LITERALS};
use crate::deflate::huffman::{
    all_bits, code_bits, distance_entry, fill, length_entry, literal_entry, value, Completeness, Entry, END, EXCEPTION,
    LITERAL, SUBTABLE,
};

/// Number of bits that index the first table of literals and lengths. More would save second look-ups but cost time in
/// every dynamic block.
const LITERAL_ROOT: u32 = 10;
/// Number of bits that index the first table of distances.
const DISTANCE_ROOT: u32 = 8;
/// Maximum length of a code for code lengths, so that these need no second table.
const LENGTH_ROOT: u32 = 7;

/// The tables of the block being read.
pub(crate) struct Tables {
    /// At most 1,334 entries are used, which any complete code of 288 symbols of at most 15 bits fits. The length is a power
    /// of two, so that a masked index needs no check.
    literals: [Entry; 2048],
    /// At most 402 entries are used, for 32 symbols. While the lengths of a dynamic block are read, it has their code.
    distances: [Entry; 512],
    /// Whether these are the tables of fixed blocks.
    fixed: bool,
}

impl Tables {
    pub(crate) fn new() -> Self {
        Tables { literals: [0; 2048], distances: [0; 512], fixed: false }
    }

    /// Builds the tables of a fixed block, unless they are present.
    pub(crate) fn set_fixed(&mut self) {
        if !self.fixed {
            fill(&mut self.literals, LITERAL_ROOT, &FIXED_LITERALS, literal_entry);
            fill(&mut self.distances, DISTANCE_ROOT, &FIXED_DISTANCES, distance_entry);
            self.fixed = true;
        }
    }

    /// Builds the table for the lengths of a dynamic block, in place of the one for distances.
    pub(crate) fn set_lengths(&mut self, lengths: &[u8]) -> Result<(), InflateError> {
        self.fixed = false;
        match fill(&mut self.distances, LENGTH_ROOT, lengths, length_entry) {
            Completeness::Complete => Ok(()),
            Completeness::Invalid | Completeness::Single | Completeness::Empty => Err(InflateError::LengthCode),
        }
    }

    /// Reads one symbol of the third code, and its extra bits.
    pub(crate) fn length(&self, bits: &mut BitReader) -> Result<(usize, usize), Stop> {
        let (entry, extra) = symbol(&self.distances, LENGTH_ROOT, bits)?;
        Ok((value(entry), extra))
    }

    /// Builds the tables of a dynamic block.
    pub(crate) fn set_dynamic(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), InflateError> {
        self.fixed = false;
        // The end of the block has a code, so this one is not empty.
        if fill(&mut self.literals, LITERAL_ROOT, literals, literal_entry) == Completeness::Invalid {
            return Err(InflateError::LiteralCode);
        }
        match fill(&mut self.distances, DISTANCE_ROOT, distances, distance_entry) {
            Completeness::Invalid => Err(InflateError::DistanceCode),
            // 1951-3.2.7-s6
            Completeness::Complete | Completeness::Single | Completeness::Empty => Ok(()),
        }
    }

    /// Reads one literal, match, or end of block. Returns true at the end of the block. With `Stop::NeedInput`, `bits` may
    /// have moved.
    // A value has 16 bits, and extra bits have at most 13. The value of a literal is a byte.
    #[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    pub(crate) fn step(&self, bits: &mut BitReader, output: &mut Output) -> Result<bool, Stop> {
        let (entry, extra) = symbol(&self.literals, LITERAL_ROOT, bits)?;
        if entry & LITERAL != 0 {
            output.literal(value(entry) as u8)?;
            return Ok(false);
        }
        if entry & EXCEPTION != 0 {
            return if value(entry) == value(END) { Ok(true) } else { Err(InflateError::LiteralSymbol.into()) };
        }
        let length = value(entry) + extra;
        let (entry, extra) = symbol(&self.distances, DISTANCE_ROOT, bits)?;
        // 1951-3.2.6-s2
        if entry & EXCEPTION != 0 {
            return Err(InflateError::DistanceSymbol.into());
        }
        output.repeat(value(entry) + extra, length)?;
        Ok(false)
    }

    /// Reads literals and matches while there are eight bytes of input and room for one more round.
    // `place` is an index of `out`. The value of a literal is a byte.
    #[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    pub(crate) fn run(&self, bits: &mut BitReader, output: &mut Output) {
        let Some(end) = output.last_round_start() else { return };
        // Copies, which the compiler can hold in registers.
        let (mut reader, mut place) = (*bits, output.at);
        let mut target = output.target();
        while place <= end && reader.refill_at_once() {
            let mut entry = at(&self.literals, reader.peek(LITERAL_ROOT));
            // Literals often follow one another. Three take at most 30 of 56 bits.
            for _ in 0..3 {
                if entry & LITERAL == 0 {
                    break;
                }
                reader.skip(all_bits(entry));
                target.literal(place, value(entry) as u8);
                place += 1;
                entry = at(&self.literals, reader.peek(LITERAL_ROOT));
            }
            if entry & LITERAL != 0 {
                continue;
            }
            if !reader.refill_at_once() {
                break;
            }
            let mut ahead = reader;
            let Some(length) = self.run_match(entry, &mut ahead, &mut target, place) else { break };
            reader = ahead;
            place += length;
        }
        *bits = reader;
        output.at = place;
    }

    /// Reads a match, or a literal with a long code. Returns the number of bytes written, or `None` without output in any
    /// other case. It takes at most 48 of 56 bits: 15 and 5 for the length, 15 and 13 for the distance.
    // A value has 16 bits, and extra bits have at most 13. The value of a literal is a byte.
    #[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    #[inline(always)]
    fn run_match(&self, mut entry: Entry, bits: &mut BitReader, target: &mut Target, place: usize) -> Option<usize> {
        if entry & EXCEPTION != 0 {
            entry = subtable_entry(&self.literals, LITERAL_ROOT, entry, bits)?;
            if entry & LITERAL != 0 {
                bits.skip(all_bits(entry));
                target.literal(place, value(entry) as u8);
                return Some(1);
            }
        }
        let length = value(entry) + extra(entry, bits);
        bits.skip(all_bits(entry));
        entry = at(&self.distances, bits.peek(DISTANCE_ROOT));
        if entry & EXCEPTION != 0 {
            entry = subtable_entry(&self.distances, DISTANCE_ROOT, entry, bits)?;
        }
        let distance = value(entry) + extra(entry, bits);
        bits.skip(all_bits(entry));
        target.repeat(place, distance, length).then_some(length)
    }
}

/// One look-up in a table of power-of-two length.
// The index is masked by the length minus 1, which is a power of two.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#[inline(always)]
fn at<const N: usize>(table: &[Entry; N], index: usize) -> Entry {
    table[index & (N - 1)]
}

/// The entry of a second table that `entry` points to. `None` at the end of the block and for bits without a meaning.
// A value has 16 bits, and the bits added at most 15.
#[allow(clippy::arithmetic_side_effects)]
#[inline(always)]
fn subtable_entry<const N: usize>(table: &[Entry; N], root: u32, entry: Entry, bits: &mut BitReader) -> Option<Entry> {
    if entry & SUBTABLE == 0 {
        return None;
    }
    bits.skip(root);
    let entry = at(table, value(entry) + bits.peek(code_bits(entry)));
    (entry & EXCEPTION == 0).then_some(entry)
}

/// The extra bits that follow the code of `entry`, which are next in `bits`.
#[inline(always)]
fn extra(entry: Entry, bits: &BitReader) -> usize {
    bits.peek(all_bits(entry)) >> code_bits(entry)
}

/// Takes one symbol with its extra bits.
// A value has 16 bits, and the bits added at most 15.
#[allow(clippy::arithmetic_side_effects)]
fn symbol<const N: usize>(table: &[Entry; N], root: u32, bits: &mut BitReader) -> Result<(Entry, usize), Stop> {
    let mut entry = at(table, bits.peek(root));
    if entry & SUBTABLE != 0 {
        bits.take(root).ok_or(Stop::NeedInput)?;
        entry = at(table, value(entry) + bits.peek(code_bits(entry)));
    }
    let extra = extra(entry, bits);
    bits.take(all_bits(entry)).ok_or(Stop::NeedInput)?;
    Ok((entry, extra))
}

#[cfg(test)]
mod tests {
    use super::super::window::Window;
    use super::*;
    use crate::deflate::format::{DISTANCES, LENGTHS};
    use crate::deflate::huffman::codes;

    /// A distance in a block without distances is an error as soon as its first bit is there, and not before.
    #[test]
    fn bits_without_a_code_are_an_error_at_their_first_bit() {
        let mut tables = Tables::new();
        let mut literals = [0; 258];
        (literals[256], literals[257]) = (1, 1);
        tables.set_dynamic(&literals, &[0]).unwrap();
        let window = Window::new(256);
        for (count, is_error) in [(1, false), (2, true)] {
            let (mut out, mut bits) = (Vec::new(), BitReader { bits: 1, count, rest: &[] });
            let mut output = Output::new(&mut out, 1000, &window);
            output.reserve_round(0);
            match tables.step(&mut bits, &mut output) {
                Err(Stop::NeedInput) => assert!(!is_error),
                Err(Stop::Error(error)) => assert!(is_error && error == InflateError::DistanceSymbol),
                Ok(_) => panic!("there is no distance"),
            }
        }
    }

    /// The third code has at most seven bits, and its symbols 16, 17 and 18 have extra bits.
    #[test]
    fn codes_of_lengths_have_up_to_seven_bits() {
        let mut lengths = [0; 19];
        for (length, symbol) in (1..).zip([3, 18, 9, 16, 5, 17]).chain([(7, 0), (7, 15)]) {
            lengths[symbol] = length;
        }
        let mut packed = [0; 19];
        codes(&lengths, &mut packed);
        let mut tables = Tables::new();
        tables.set_lengths(&lengths).unwrap();
        for (symbol, extra_bits) in [(3, 0), (18, 7), (9, 0), (16, 2), (5, 0), (17, 3), (0, 0), (15, 0)] {
            let (code, length) = (u64::from(packed[symbol] & 0xffff), packed[symbol] >> 16);
            for extra in [0, (1 << extra_bits) - 1] {
                // The bits after it do not matter.
                let bits = code | extra << length | u64::MAX << (length + extra_bits);
                let mut reader = BitReader { bits, count: 20, rest: &[] };
                assert_eq!(tables.length(&mut reader).ok(), Some((symbol, extra as usize)), "{symbol}");
                assert_eq!(reader.count, 20 - length - extra_bits, "{symbol}");
            }
        }
    }

    /// Codes of every length for literals, lengths and distances, read with the fast loop and without it.
    #[test]
    fn both_implementations_read_codes_of_every_length() {
        let literals = [97, 98, 99, 100, 101, 102, 103, 104, 256, 257, 264, 265, 272, 284, 285, 255];
        let distances = [0, 1, 2, 3, 4, 5, 8, 9, 12, 15, 18, 20, 22, 24, 26, 29];
        let earlier: Vec<u8> = (0..1_u32 << 15).map(|i| (i * i % 251) as u8).collect();
        for shift in 0..16 {
            let (mut literal_lengths, mut distance_lengths) = ([0; 286], [0; 30]);
            for at in 0..16 {
                let length = |at: usize| (at % 16 + 1).min(15) as u8;
                literal_lengths[literals[at]] = length(at + shift);
                distance_lengths[distances[at]] = length(at + 2 * shift + 5);
            }
            let (mut literal_codes, mut distance_codes) = ([0; 286], [0; 30]);
            codes(&literal_lengths, &mut literal_codes);
            codes(&distance_lengths, &mut distance_codes);
            let (mut bytes, mut count, mut want) = (Vec::new(), 0, earlier.clone());
            let mut put = |value, width| append(&mut bytes, &mut count, value, width);
            for round in 0..400 {
                let symbol = literals[round * 7 % 16];
                if symbol == 256 {
                    continue;
                }
                put(u64::from(literal_codes[symbol] & 0xffff), literal_codes[symbol] >> 16);
                if symbol < 256 {
                    want.push(symbol as u8);
                    continue;
                }
                let extra_of = |extra_bits: u8| round as u64 * 1001 % (1 << extra_bits);
                let (base, extra_bits) = LENGTHS[symbol - 257];
                put(extra_of(extra_bits), extra_bits.into());
                let length = usize::from(base) + extra_of(extra_bits) as usize;
                let symbol = distances[(round * 5 + round / 16) % 16];
                put(u64::from(distance_codes[symbol] & 0xffff), distance_codes[symbol] >> 16);
                let (base, extra_bits) = DISTANCES[symbol];
                put(extra_of(extra_bits), extra_bits.into());
                let distance = usize::from(base) + extra_of(extra_bits) as usize;
                for _ in 0..length {
                    want.push(want[want.len() - distance]);
                }
            }
            put(u64::from(literal_codes[256] & 0xffff), literal_codes[256] >> 16);
            bytes.extend([0; 16]);
            let mut window = Window::new(1 << 15);
            window.append(&earlier);
            let mut tables = Tables::new();
            tables.set_dynamic(&literal_lengths, &distance_lengths).unwrap();
            for is_fast in [true, false] {
                let want = (want[earlier.len()..].to_vec(), true);
                assert!(read(&tables, &bytes, is_fast, &window) == want, "{shift} {is_fast}");
            }
        }
    }

    /// Three literals of ten bits and a match of 48 take more bits than the reader holds at a time. The input ends anywhere.
    #[test]
    fn the_fast_loop_reads_no_more_bits_than_there_are() {
        let (mut literal_lengths, mut distance_lengths) = ([0; 286], [0; 30]);
        let literals = [256, 1, 2, 3, 4, 5, 6, 7, 8, 97, 9, 10, 11, 12, 284, 285];
        let distances = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 29];
        for (length, (literal, distance)) in (1..16).chain([15]).zip(literals.into_iter().zip(distances)) {
            (literal_lengths[literal], distance_lengths[distance]) = (length, length);
        }
        let (mut literal_codes, mut distance_codes) = ([0; 286], [0; 30]);
        codes(&literal_lengths, &mut literal_codes);
        codes(&distance_lengths, &mut distance_codes);
        let (mut bytes, mut count) = (Vec::new(), 0);
        for round in 0..8 {
            let fields = [(literal_codes[97], 0, 0); 3];
            let a_match = [(literal_codes[284], 5, 20 + round), (distance_codes[29], 13, 1000 * round + 77)];
            for (code, extra_bits, extra) in fields.into_iter().chain(a_match) {
                append(&mut bytes, &mut count, u64::from(code & 0xffff), code >> 16);
                append(&mut bytes, &mut count, extra, extra_bits);
            }
        }
        let mut tables = Tables::new();
        tables.set_dynamic(&literal_lengths, &distance_lengths).unwrap();
        let mut window = Window::new(1 << 15);
        window.append(&(0..1_u32 << 15).map(|i| (i * i % 251) as u8).collect::<Vec<u8>>());
        for end in 0..=bytes.len() {
            let [fast, slow] = [true, false].map(|is_fast| read(&tables, &bytes[..end], is_fast, &window));
            assert!(fast == slow, "{end}");
        }
    }

    /// A round has room for three literals, a match of maximum length, and one step of copying. It writes no more.
    #[test]
    fn a_round_stays_within_its_room() {
        let (mut literal_codes, mut distance_codes) = ([0; 288], [0; 32]);
        codes(&FIXED_LITERALS, &mut literal_codes);
        codes(&FIXED_DISTANCES, &mut distance_codes);
        let mut window = Window::new(256);
        window.append(&[7; 24]);
        let mut tables = Tables::new();
        tables.set_fixed();
        // The fourth literal begins another round, for which there is no room.
        for (literals, written) in [(3, 261), (4, 3)] {
            let (mut bytes, mut count) = (Vec::new(), 0);
            // 24 bytes back, which begins in the window.
            let a_match = [(literal_codes[285], 0), (distance_codes[8], 3)];
            for (code, extra_bits) in vec![(literal_codes[97], 0); literals].into_iter().chain(a_match) {
                append(&mut bytes, &mut count, u64::from(code & 0xffff), code >> 16);
                append(&mut bytes, &mut count, (24 - 17) * u64::from(extra_bits > 0), extra_bits);
            }
            bytes.extend([0; 16]);
            let (mut out, mut bits) = (Vec::new(), BitReader { bits: 0, count: 0, rest: &bytes });
            let mut output = Output::new(&mut out, 1 << 20, &window);
            output.out.resize(3 + 258 + 16, 0);
            tables.run(&mut bits, &mut output);
            assert_eq!(output.at, written, "{literals}");
        }
    }

    /// Appends a field, lowest bit first, after `count` bits.
    fn append(bytes: &mut Vec<u8>, count: &mut usize, value: u64, width: u32) {
        for bit in 0..width {
            if *count % 8 == 0 {
                bytes.push(0);
            }
            *bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (*count % 8);
            *count += 1;
        }
    }

    /// The output of a block, or of its beginning, and whether it has ended.
    fn read(tables: &Tables, bytes: &[u8], is_fast: bool, window: &Window) -> (Vec<u8>, bool) {
        let (mut out, mut bits) = (Vec::new(), BitReader { bits: 0, count: 0, rest: bytes });
        let mut output = Output::new(&mut out, 1 << 20, window);
        let is_ended = loop {
            if is_fast {
                tables.run(&mut bits, &mut output);
            }
            bits.refill();
            output.reserve_round(bits.rest.len());
            match tables.step(&mut bits, &mut output) {
                Ok(false) => {}
                Ok(true) => break true,
                Err(Stop::NeedInput) => break false,
                Err(Stop::Error(error)) => panic!("{error}"),
            }
        };
        output.finish();
        (out, is_ended)
    }
}
