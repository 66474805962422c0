//! Huffman codes as DEFLATE describes them (RFC 1951 section 3.2.2): from a list of lengths to codes, and to tables for
//! reading.
//!
//! A stream contains only the lengths. Symbols sorted by length, then by number, get codes that count upwards; when the
//! length grows, a zero is appended. So lengths 2, 1, 3, 3 for A to D define B 0, A 10, C 110, D 111.
//!
//! **Completeness.** Each code of length n uses 1/2ⁿ of all bit sequences. If the sum is above 1, two codes collide: the code
//! is *over-subscribed* and refused. Below 1, some sequences have no meaning: the code is *incomplete*. As in zlib, an
//! incomplete code is refused, with two exceptions. A code of literals and lengths, or of distances, may consist of a
//! single symbol of one bit (RFC 1951 section 3.2.7 requires that for distances). The distance code may be empty. A
//! sequence without a meaning is then an error where it occurs.
//!
//! **Reading** uses a table indexed by the next `root` bits. Every entry whose index *begins* (lowest bits) with a code
//! belongs to that code, so a short code has many entries. Codes longer than `root` share their first `root` bits with
//! others. Their entry points to a smaller table after the first, indexed by the bits that follow. An [`Entry`] has 32 bits:
//!
//! ```text
//! bits 16..32  value: literal, length or distance base, symbol, or start of the second table
//!      15      EXCEPTION: neither a literal nor a range
//!      14      SUBTABLE (with EXCEPTION): points to a second table, whose index has `code bits` bits
//!      13      LITERAL
//!       8..12  code bits: the length of the code, without those that led to a second table
//!       0..8   all bits: code bits and extra bits together
//! ```

use crate::deflate::format::{DISTANCES, END_OF_BLOCK, LENGTHS, MAX_CODE_LENGTH, REPEATS, REPEAT_LAST};

pub(crate) type Entry = u32;
pub(crate) const LITERAL: Entry = 1 << 13;
pub(crate) const SUBTABLE: Entry = 1 << 14;
pub(crate) const EXCEPTION: Entry = 1 << 15;
/// The entry of bits that no code has, and of symbols that must not occur.
pub(crate) const INVALID: Entry = EXCEPTION | 0xffff_0000;
/// The end of a block.
// Evaluated by the compiler; the symbol is 256.
#[allow(clippy::cast_possible_truncation)]
pub(crate) const END: Entry = EXCEPTION | (END_OF_BLOCK as u32) << 16;

#[inline(always)]
pub(crate) fn value(entry: Entry) -> usize {
    (entry >> 16) as usize
}

#[inline(always)]
pub(crate) fn all_bits(entry: Entry) -> u32 {
    entry & 0x3f
}

#[inline(always)]
pub(crate) fn code_bits(entry: Entry) -> u32 {
    entry >> 8 & 0xf
}

/// The kind of code that a list of lengths defines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    Complete,
    /// No symbol has a code.
    Empty,
    /// One symbol, of one bit.
    Single,
    /// Over-subscribed, or incomplete in any other way.
    Invalid,
}

/// Number of symbols of each length. Lengths are at most 15.
// The index is masked, and there are at most 320 lengths.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn count(lengths: &[u8]) -> [u16; MAX_CODE_LENGTH + 1] {
    let mut count = [0; MAX_CODE_LENGTH + 1];
    for length in lengths {
        count[usize::from(length & 15)] += 1;
    }
    count
}

/// The first code of each length.
// The indices are constant bounds of the arrays.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn first_codes(count: &[u16; MAX_CODE_LENGTH + 1]) -> [u16; MAX_CODE_LENGTH + 1] {
    let mut first = [0u16; MAX_CODE_LENGTH + 1];
    for length in 2..=MAX_CODE_LENGTH {
        // 1951-3.2.2-s1
        first[length] = (first[length - 1].wrapping_add(count[length - 1])) << 1;
    }
    first
}

// The indices are constant bounds of the array; 320 lengths add up to less than 2^24.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn completeness(count: &[u16; MAX_CODE_LENGTH + 1]) -> Completeness {
    // In units of the longest code, of which a complete code has 2^15.
    let used: u32 = (1..=MAX_CODE_LENGTH).map(|length| u32::from(count[length]) << (MAX_CODE_LENGTH - length)).sum();
    let symbols: u16 = count[1..].iter().sum();
    match (used, symbols) {
        (0x8000, _) => Completeness::Complete,
        (0, _) => Completeness::Empty,
        (0x4000, 1) => Completeness::Single,
        _ => Completeness::Invalid,
    }
}

/// Computes the codes for `lengths`, ready for writing: reversed, so that the first bit is lowest, with the length in the
/// upper half.
/// `codes` is as long as `lengths`.
// The index is masked. A code counts the symbols of its length, at most 288.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub(crate) fn codes(lengths: &[u8], codes: &mut [u32]) {
    let mut next = first_codes(&count(lengths));
    for (code, &length) in codes.iter_mut().zip(lengths) {
        // 1951-3.2.2-s2
        if length > 0 {
            // 1951-3.1.1-s2
            *code = u32::from(length) << 16 | u32::from(reversed(next[usize::from(length & 15)], length));
            next[usize::from(length & 15)] += 1;
        }
    }
}

// Lengths are 1 to 15.
#[allow(clippy::arithmetic_side_effects)]
fn reversed(code: u16, length: u8) -> u16 {
    code.reverse_bits() >> (16 - length)
}

/// Fills `table` for reading `lengths` with `root` bits at a time. `entry` returns value, flags and extra bits of a symbol.
///
/// `Invalid` leaves the table unchanged. The length of `table` is a power of two and large enough for the second tables
/// that lengths of its kind can need: see `Tables`.
// Places are sums of at most 320 counts. An over-subscribed code has ended before; so a code of n bits is below 2^n,
// and `table` has 2^root entries or more.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
pub(crate) fn fill(table: &mut [Entry], root: u32, lengths: &[u8], entry: impl Fn(usize) -> Entry) -> Completeness {
    let (root, count) = (root as usize, count(lengths));
    let completeness = completeness(&count);
    if completeness == Completeness::Invalid {
        return completeness;
    }
    // Symbols in the order of their codes.
    let mut sorted = [0u16; 288 + 32];
    let mut place = [0u16; MAX_CODE_LENGTH + 2];
    for length in 1..=MAX_CODE_LENGTH {
        place[length + 1] = place[length] + count[length];
    }
    for (symbol, &length) in lengths.iter().enumerate() {
        if length > 0 {
            let place = &mut place[usize::from(length & 15)];
            sorted[usize::from(*place)] = symbol as u16;
            *place += 1;
        }
    }
    let mut symbols = sorted.iter().map(|&symbol| usize::from(symbol));
    let mut code = 0u16;
    // For each further bit the table doubles: the entries so far hold whether the new bit is 0 or 1.
    table[0] = INVALID | 1;
    for (length, &symbols_of_length) in count.iter().enumerate().take(root + 1).skip(1) {
        let half = 1 << (length - 1);
        table.copy_within(..half, half);
        code <<= 1;
        for symbol in symbols.by_ref().take(usize::from(symbols_of_length)) {
            let index = usize::from(reversed(code, length as u8));
            table[index] = entry(symbol) + (length << 8 | length) as u32;
            code += 1;
        }
    }
    if count[root + 1..].iter().any(|&n| n > 0) {
        fill_subtables(table, root, &count, code, symbols, entry);
    }
    completeness
}

/// Fills the tables of the codes that are longer than `root`. `code` is the next code after those of `root` bits.
// Places are masked, and a prefix is below 2^root. A code has at most 15 bits, so no shift exceeds that.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
fn fill_subtables(
    table: &mut [Entry],
    root: usize,
    count: &[u16; MAX_CODE_LENGTH + 1],
    mut code: u16,
    mut symbols: impl Iterator<Item = usize>,
    entry: impl Fn(usize) -> Entry,
) {
    let mask = table.len() - 1;
    let (mut begin, mut end, mut prefix) = (0, 1 << root, usize::MAX);
    for length in root + 1..=MAX_CODE_LENGTH {
        code <<= 1;
        for done in 0..count[length] {
            let index = usize::from(reversed(code, length as u8));
            if index & ((1 << root) - 1) != prefix {
                // A new prefix: its table must be wide enough for the longest code in it. The width grows until the table
                // is full.
                prefix = index & ((1 << root) - 1);
                let mut width = length - root;
                let mut taken = usize::from(count[length] - done);
                while taken < 1 << width && root + width < MAX_CODE_LENGTH {
                    width += 1;
                    taken = (taken << 1) + usize::from(count[root + width]);
                }
                (begin, end) = (end, end + (1 << width));
                table[prefix] = EXCEPTION | SUBTABLE | (begin as u32) << 16 | (width << 8 | root) as u32;
            }
            let Some(symbol) = symbols.next() else { return };
            let own = length - root;
            let filled = entry(symbol) + (own << 8 | own) as u32;
            for place in (begin + (index >> root)..end).step_by(1 << own) {
                table[place & mask] = filled;
            }
            code = code.wrapping_add(1);
        }
    }
}

/// The entry of a literal or length symbol, without the bits of its code.
// The third arm is above 256; symbols are below 320.
#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
pub(crate) fn literal_entry(symbol: usize) -> Entry {
    match symbol {
        0..END_OF_BLOCK => LITERAL | (symbol as u32) << 16,
        END_OF_BLOCK => END,
        _ => LENGTHS.get(symbol - END_OF_BLOCK - 1).map_or(INVALID, |range| range_entry(*range)),
    }
}

/// The entry of a distance symbol, without the bits of its code.
pub(crate) fn distance_entry(symbol: usize) -> Entry {
    DISTANCES.get(symbol).map_or(INVALID, |range| range_entry(*range))
}

/// The entry of a symbol of the third code, without the bits of its code: the value is the symbol itself.
// Symbols are below 19, and three of them are repetitions.
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub(crate) fn length_entry(symbol: usize) -> Entry {
    let extra = symbol.checked_sub(REPEAT_LAST).map_or(0, |repeat| REPEATS[repeat].1);
    (symbol as u32) << 16 | u32::from(extra)
}

fn range_entry((base, extra): (u16, u8)) -> Entry {
    u32::from(base) << 16 | u32::from(extra)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::bits::BitReader;
    use crate::deflate::format::{FIXED_DISTANCES, FIXED_LITERALS};

    fn plain(symbol: usize) -> Entry {
        (symbol as u32) << 16
    }

    /// The symbol that the table has for `bits`, and the length of its code.
    fn look_up(table: &[Entry], root: u32, bits: u64) -> (usize, u32) {
        let mut reader = BitReader { bits, count: 64, rest: &[] };
        let mut entry = table[reader.peek(root)];
        let mut length = 0;
        if entry & SUBTABLE != 0 {
            reader.skip(root);
            length = root;
            entry = table[value(entry) + reader.peek(code_bits(entry))];
        }
        (value(entry), length + code_bits(entry))
    }

    /// The example of RFC 1951 section 3.2.2: A to H have lengths 3, 3, 3, 3, 3, 2, 4, 4. 1951-3.1.1-s2, 1951-3.2.2-s1
    #[test]
    fn codes_of_the_rfc() {
        let lengths = [3, 3, 3, 3, 3, 2, 4, 4];
        let mut packed = [0; 8];
        codes(&lengths, &mut packed);
        let printed: Vec<u16> = packed.iter().map(|c| (*c as u16).reverse_bits() >> (16 - (c >> 16))).collect();
        assert_eq!(printed, [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]);
        // The first bit of a code is the lowest.
        assert_eq!(packed[6] & 0xffff, 0b0111);
    }

    /// 1951-3.2.2-s2
    #[test]
    fn symbols_without_a_length_have_no_code() {
        let mut packed = [7; 4];
        codes(&[0, 1, 0, 1], &mut packed);
        assert_eq!(packed, [7, 1 << 16, 7, 1 << 16 | 1]);
    }

    /// The ranges printed in RFC 1951 section 3.2.6. 1951-3.2.6-s1
    #[test]
    fn fixed_codes_of_the_rfc() {
        let mut packed = [0; 288];
        codes(&FIXED_LITERALS, &mut packed);
        let printed = |symbol: usize| (packed[symbol] as u16).reverse_bits() >> (16 - (packed[symbol] >> 16));
        let rows = [
            (0, 0b00110000, 8),
            (143, 0b10111111, 8),
            (144, 0b110010000, 9),
            (255, 0b111111111, 9),
            (256, 0, 7),
            (279, 0b0010111, 7),
            (280, 0b11000000, 8),
            (287, 0b11000111, 8),
        ];
        for (symbol, code, length) in rows {
            assert_eq!((printed(symbol), packed[symbol] >> 16), (code, length), "{symbol}");
        }
        assert_eq!(FIXED_DISTANCES, [5; 32]);
    }

    /// Every code of a list, followed by ones or zeros, is found in the table; with roots that need second tables and
    /// roots that do not.
    #[test]
    fn tables_find_every_code() {
        let mut long: Vec<u8> = (1..=15).collect();
        long.push(15);
        // Two symbols each of 2, 3 bits ... do not fill up: what is left goes to the deepest.
        let mut bushy = vec![2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14];
        bushy.extend([15, 15, 15, 15]);
        for lengths in [&FIXED_LITERALS[..], &FIXED_DISTANCES, &long, &bushy, &[1, 1], &[2, 1, 3, 3]] {
            for root in [7, 8, 10] {
                let mut table = vec![0; 2048];
                assert_eq!(fill(&mut table, root, lengths, plain), Completeness::Complete);
                let mut packed = vec![0; lengths.len()];
                codes(lengths, &mut packed);
                for (symbol, packed) in packed.iter().enumerate() {
                    let (code, length) = (u64::from(packed & 0xffff), packed >> 16);
                    for after in [0, u64::MAX, 0x5555_5555_5555_5555] {
                        assert_eq!(look_up(&table, root, code | after << length), (symbol, length));
                    }
                }
            }
        }
    }

    #[test]
    fn completeness_of_lists_of_lengths() {
        let rows: [(&[u8], Completeness); 10] = [
            (&[], Completeness::Empty),
            (&[0, 0], Completeness::Empty),
            (&[0, 1], Completeness::Single),
            (&[2], Completeness::Invalid),
            (&[1, 1], Completeness::Complete),
            (&[1, 2], Completeness::Invalid),
            (&[1, 2, 2], Completeness::Complete),
            (&[1, 1, 1], Completeness::Invalid),
            (&[1, 1, 15], Completeness::Invalid),
            (&[15; 288], Completeness::Invalid),
        ];
        for (lengths, completeness) in rows {
            assert_eq!(fill(&mut [0; 2048], 10, lengths, plain), completeness, "{lengths:?}");
        }
    }

    /// Bits that begin no code are an error.
    #[test]
    fn bits_without_a_code_are_invalid() {
        let mut table = [0; 512];
        fill(&mut table, 8, &[0, 0, 1], distance_entry);
        assert_eq!((value(table[0]), value(table[2]), code_bits(table[0])), (3, 3, 1));
        assert!(table[..256].iter().skip(1).step_by(2).all(|entry| entry & INVALID == INVALID));
        fill(&mut table, 8, &[0, 0, 0], distance_entry);
        assert!(table[..256].iter().all(|entry| entry & INVALID == INVALID));
    }

    /// A second table for counts that are no code: as wide as the longest code needs, and without symbols. `fill` refuses such
    /// counts before.
    #[test]
    fn counts_that_are_no_code_exceed_no_table() {
        let (mut table, mut count) = (vec![7; 2048], [0; MAX_CODE_LENGTH + 1]);
        count[12] = 1;
        fill_subtables(&mut table, 10, &count, 0, [].into_iter(), plain);
        assert_eq!(table[0], EXCEPTION | SUBTABLE | 1024 << 16 | (5 << 8 | 10));
        assert!(table[1..].iter().all(|&entry| entry == 7));
    }

    /// Complete codes of every shape, with roots that need second tables of every width. Each second table is as wide as its
    /// longest code needs, and no entry behind the last one is written.
    #[test]
    fn second_tables_have_the_width_of_their_longest_code() {
        const UNUSED: Entry = 77;
        let mut random = 1_u32;
        let mut below = |end: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % end
        };
        for round in 0..100 {
            // A code of one bit, of which a leaf becomes two again and again: any of them, or one of the longest.
            let mut lengths = vec![1_u8, 1];
            while lengths.len() < 2 + 2 * round {
                let longest = *lengths.iter().max().unwrap();
                let leaf = below(lengths.len());
                if (1..15).contains(&lengths[leaf]) && (round % 3 > 0 || longest == 15 || lengths[leaf] == longest) {
                    lengths[leaf] += 1;
                    lengths.insert(below(lengths.len()), lengths[leaf]);
                }
                // Symbols without a code, before and between the others.
                if below(20) == 0 && lengths.len() < 1 + 2 * round {
                    lengths.insert(0, 0);
                }
                if lengths.iter().filter(|length| **length > 0).all(|length| *length == 15) {
                    break;
                }
            }
            let mut packed = vec![0; lengths.len()];
            codes(&lengths, &mut packed);
            for root in [1, 4, 7, 8, 10] {
                let mut widths = std::collections::BTreeMap::new();
                for packed in packed.iter().filter(|packed| **packed >> 16 > root) {
                    let width = widths.entry(packed & ((1 << root) - 1)).or_insert(0);
                    *width = (*width).max((packed >> 16) - root);
                }
                let used = (1 << root) + widths.values().map(|width| 1 << width).sum::<usize>();
                let mut table = vec![UNUSED; (used + 1).next_power_of_two()];
                assert_eq!(fill(&mut table, root, &lengths, plain), Completeness::Complete);
                assert!(table[used..].iter().all(|entry| *entry == UNUSED), "{root} {lengths:?}");
                for (symbol, packed) in packed.iter().enumerate().filter(|(_, packed)| **packed > 0) {
                    let (code, length) = (u64::from(packed & 0xffff), packed >> 16);
                    for after in [0, u64::MAX] {
                        assert_eq!(
                            look_up(&table, root, code | after << length),
                            (symbol, length),
                            "{root} {lengths:?}"
                        );
                    }
                }
            }
        }
    }

    /// Any number of symbols without a code, with the longest code of ones.
    #[test]
    fn symbols_without_a_code_do_not_count() {
        let long: Vec<u8> = (1..=15).chain([15]).collect();
        let mut expected = vec![0; 16];
        codes(&long, &mut expected);
        for absent in 1..4 {
            let mut packed = vec![0; 16 + absent];
            codes(&[&vec![0; absent][..], &long].concat(), &mut packed);
            assert_eq!(packed[absent..], expected);
        }
    }

    #[test]
    fn an_invalid_list_leaves_the_table() {
        for lengths in [&[1, 1, 1][..], &[2], &[15; 288]] {
            let mut table = [7; 2048];
            assert_eq!(fill(&mut table, 10, lengths, plain), Completeness::Invalid);
            assert_eq!(table, [7; 2048]);
        }
    }
}
