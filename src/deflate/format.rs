//! The numbers of the format: window sizes (RFC 7692), and the symbols, ranges and fixed codes of RFC 1951 section 3.2.
//! Must not know how anything is read or written.

/// The size of a window as RFC 7692 negotiates it: its base-2 logarithm, 8 (256 bytes) to 15 (32,768 bytes).
///
/// ```
/// use stdws::deflate::WindowBits;
/// assert_eq!(WindowBits::new(10).map(WindowBits::size), Some(1024));
/// assert_eq!(WindowBits::new(16), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes, the smallest window that RFC 7692 allows.
    pub const MIN: WindowBits = WindowBits(8);
    /// 32,768 bytes: the maximum distance, and the default when no size was negotiated.
    pub const MAX: WindowBits = WindowBits(15);

    /// `None` unless `bits` is 8 to 15.
    pub fn new(bits: u8) -> Option<WindowBits> {
        (WindowBits::MIN.0..=WindowBits::MAX.0).contains(&bits).then_some(WindowBits(bits))
    }

    /// The base-2 logarithm of the size: 8 to 15.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The size in bytes, which is the maximum distance: 256 to 32,768.
    pub fn size(self) -> usize {
        1 << self.0
    }
}

/// The symbol that ends a block. The literals are below it, the lengths above it.
pub(super) const END_OF_BLOCK: usize = 256;
/// Number of symbols for literals, the end of a block, and the 29 lengths (RFC 1951 section 3.2.5).
pub(super) const LITERAL_SYMBOLS: usize = 286;
/// Number of distance symbols (RFC 1951 section 3.2.5).
pub(super) const DISTANCE_SYMBOLS: usize = 30;
/// Maximum length of a code for literals, lengths and distances. A code for code lengths has at most 7 bits.
pub(super) const MAX_CODE_LENGTH: usize = 15;
/// Minimum length of a match.
pub(super) const MIN_MATCH: usize = 3;
/// Maximum length of a match.
pub(super) const MAX_MATCH: usize = 258;

/// For each symbol from 257 on: the minimum length of its range, and the number of extra bits.
// 1951-3.2.5-s1
pub(super) const LENGTHS: [(u16, u8); 29] = {
    let mut lengths = ranges(3, 8, 4);
    lengths[28] = (258, 0);
    lengths
};

/// The same for each distance symbol.
pub(super) const DISTANCES: [(u16, u8); DISTANCE_SYMBOLS] = ranges(1, 4, 2);

/// Symbols for ranges of growing width. The first `plain` symbols stand for one value each; then the number of extra bits
/// grows by one every `per` symbols. Both tables of RFC 1951 section 3.2.5 follow this rule, except for length 258.
// Evaluated by the compiler, which refuses any fault.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
const fn ranges<const N: usize>(first: u16, plain: usize, per: usize) -> [(u16, u8); N] {
    let (mut table, mut base, mut symbol) = ([(0, 0); N], first, 0);
    while symbol < N {
        let extra = if symbol < plain { 0 } else { (symbol - plain) / per + 1 };
        table[symbol] = (base, extra as u8);
        base = base.wrapping_add(1 << extra);
        symbol += 1;
    }
    table
}

/// Number of symbols in the code that a dynamic block sends its code lengths in: 0 to 15 are lengths, the others repeat.
pub(super) const LENGTH_SYMBOLS: usize = 19;
/// The symbol that repeats the last length.
pub(super) const REPEAT_LAST: usize = 16;
/// The symbol that repeats a zero 3 to 10 times.
pub(super) const REPEAT_ZERO: usize = 17;
/// The symbol that repeats a zero 11 to 138 times.
pub(super) const REPEAT_ZERO_LONG: usize = 18;
/// For the symbols 16, 17 and 18: the minimum number of repetitions, and the extra bits.
// 1951-3.2.7-s4
pub(super) const REPEATS: [(u8, u8); 3] = [(3, 2), (3, 3), (11, 7)];
/// The order in which the lengths of that third code are sent: the rarest last, so that the end can be omitted.
// 1951-3.2.7-s3
pub(super) const LENGTH_ORDER: [u8; LENGTH_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The lengths of the two codes of fixed blocks (RFC 1951 section 3.2.6). Each includes two symbols that must not
/// occur, because the codes would not be complete without them.
// Evaluated by the compiler, which refuses any fault.
#[allow(clippy::indexing_slicing)]
// 1951-3.2.6-s1
pub(super) const FIXED_LITERALS: [u8; 288] = {
    let mut lengths = [8; 288];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};
pub(super) const FIXED_DISTANCES: [u8; 32] = [5; 32];

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the tables in RFC 1951 section 3.2.5: symbol, extra bits, smallest and largest value. 1951-3.2.5-s1
    #[test]
    fn ranges_are_those_of_the_rfc() {
        let lengths = [
            (257, 0, 3, 3),
            (264, 0, 10, 10),
            (265, 1, 11, 12),
            (268, 1, 17, 18),
            (269, 2, 19, 22),
            (276, 3, 59, 66),
            (277, 4, 67, 82),
            (280, 4, 115, 130),
            (281, 5, 131, 162),
            (284, 5, 227, 258),
            (285, 0, 258, 258),
        ];
        // The compiler makes the tables; here the rule runs.
        assert_eq!((&ranges::<28>(3, 8, 4)[..], ranges(1, 4, 2)), (&LENGTHS[..28], DISTANCES));
        for (symbol, extra, least, most) in lengths {
            let (base, bits) = LENGTHS[symbol - 257];
            assert_eq!((bits, base, base + (1 << bits) - 1), (extra, least, most), "{symbol}");
        }
        let distances = [
            (0, 0, 1, 1),
            (3, 0, 4, 4),
            (4, 1, 5, 6),
            (9, 3, 25, 32),
            (15, 6, 193, 256),
            (22, 10, 2049, 3072),
            (28, 13, 16385, 24576),
            (29, 13, 24577, 32768),
        ];
        for (symbol, extra, least, most) in distances {
            let (base, bits) = DISTANCES[symbol];
            assert_eq!((bits, base, base + (1 << bits) - 1), (extra, least, most), "{symbol}");
        }
    }

    #[test]
    fn window_bits_are_8_to_15() {
        let good: Vec<u8> = (0..=255).filter(|bits| WindowBits::new(*bits).is_some()).collect();
        assert_eq!(good, [8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(WindowBits::MIN.size(), 256);
        assert_eq!(WindowBits::MAX.size(), 32_768);
        assert_eq!(WindowBits::new(9).map(WindowBits::bits), Some(9));
    }
}
