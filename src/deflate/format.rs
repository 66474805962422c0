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
    /// 256 bytes, the smallest window RFC 7692 can agree on.
    pub const MIN: WindowBits = WindowBits(8);
    /// 32,768 bytes: as far as a distance can say, and what holds when nothing was agreed.
    pub const MAX: WindowBits = WindowBits(15);

    /// `None` unless `bits` is 8 to 15.
    pub fn new(bits: u8) -> Option<WindowBits> {
        (WindowBits::MIN.0..=WindowBits::MAX.0).contains(&bits).then_some(WindowBits(bits))
    }

    /// The number that was given: 8 to 15.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// How many bytes back a distance may reach: 256 to 32,768.
    pub fn size(self) -> usize {
        1 << self.0
    }
}

/// The symbol that ends a block; below it are the literals, above it the lengths.
pub(super) const END_OF_BLOCK: usize = 256;
/// Literals, the end of a block, and the 29 lengths (RFC 1951 section 3.2.5).
pub(super) const LITERAL_SYMBOLS: usize = 286;
/// The distances (RFC 1951 section 3.2.5).
pub(super) const DISTANCE_SYMBOLS: usize = 30;
/// The longest code of literals, lengths and distances; that of the lengths of codes has at most 7 bits.
pub(super) const MAX_CODE_LENGTH: usize = 15;
/// The shortest and the longest match that can be said.
pub(super) const MIN_MATCH: usize = 3;
pub(super) const MAX_MATCH: usize = 258;

/// For each symbol from 257 on: the shortest length it stands for, and how many extra bits say how much more.
pub(super) const LENGTHS: [(u16, u8); 29] = {
    let mut lengths = ranges(3, 8, 4);
    lengths[28] = (258, 0);
    lengths
};

/// The same for each distance symbol.
pub(super) const DISTANCES: [(u16, u8); DISTANCE_SYMBOLS] = ranges(1, 4, 2);

/// Symbols for ranges that get wider: the first `plain` stand for one value each, then every `per` symbols there is one
/// extra bit more. That is how both tables of RFC 1951 section 3.2.5 are made, but for length 258.
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

/// A dynamic block sends the lengths of its codes in a code of 19 symbols: 0 to 15 are lengths, the others repeat.
pub(super) const REPEAT_LAST: usize = 16;
pub(super) const REPEAT_ZERO: usize = 17;
pub(super) const REPEAT_ZERO_LONG: usize = 18;
pub(super) const LENGTH_SYMBOLS: usize = 19;
/// For the symbols 16, 17 and 18: the fewest repetitions, and the extra bits.
pub(super) const REPEATS: [(u8, u8); 3] = [(3, 2), (3, 3), (11, 7)];
/// The order in which the lengths of that third code are sent: rarest last, so that the end can be left out.
pub(super) const LENGTH_ORDER: [u8; LENGTH_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The lengths of the two codes of fixed blocks (RFC 1951 section 3.2.6). They count two symbols each that must not
/// occur: without them the codes would not be complete.
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

    /// Rows of the tables in RFC 1951 section 3.2.5: symbol, extra bits, smallest and largest value.
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
