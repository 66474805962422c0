//! Reading and writing of bits, lowest bit first (RFC 1951 section 3.1.1). Must not know blocks or codes.
//!
//! Both directions hold the next bits in a `u64`, the first bit lowest. Invariant of the reader: bits `0..count` of `bits`
//! come before `rest`, and the bits above are zero or the beginning of `rest`. So [`BitReader::refill`] may OR eight bytes in
//! at once and count only the whole ones. The next refill ORs the same bits in again, which changes nothing.

/// The unread bits of an input.
#[derive(Clone, Copy)]
pub(crate) struct BitReader<'a> {
    pub(crate) bits: u64,
    pub(crate) count: u32,
    pub(crate) rest: &'a [u8],
}

impl BitReader<'_> {
    /// Number of whole bytes that the reader holds.
    pub(crate) fn whole_bytes(&self) -> usize {
        self.count as usize / 8
    }

    /// Fills up to 56 bits or more, which is enough for any symbol with its extra bits. Fewer only at the end of the input.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if self.refill_at_once() {
            return;
        }
        while self.count < 56 {
            let Some((first, rest)) = self.rest.split_first() else { break };
            self.bits |= u64::from(*first) << self.count;
            self.count = self.count.wrapping_add(8);
            self.rest = rest;
        }
    }

    /// As [`BitReader::refill`], without a loop, if the input has eight bytes left. Otherwise returns false and does nothing.
    #[inline(always)]
    // `count` is at most 63, so that the index is at most 7, and `rest` has eight bytes.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    pub(crate) fn refill_at_once(&mut self) -> bool {
        let Some(next) = self.rest.first_chunk::<8>() else { return false };
        self.bits |= u64::from_le_bytes(*next) << self.count;
        self.rest = &self.rest[((63 - self.count) / 8) as usize..];
        self.count |= 56;
        true
    }

    /// The next `n` bits without taking them; zeros after the end of the input. `n` is at most 31.
    #[inline(always)]
    // At most 31 bits fit a `usize` of 32, and the shifted one is at least 1.
    #[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
    pub(crate) fn peek(&self, n: u32) -> usize {
        (self.bits & ((1 << n) - 1)) as usize
    }

    /// Takes `n` bits. The caller knows that they are available.
    #[inline(always)]
    pub(crate) fn skip(&mut self, n: u32) {
        self.bits >>= n;
        self.count = self.count.wrapping_sub(n);
    }

    /// Takes `n` bits, at most 31. Returns `None` and does nothing if there are fewer.
    pub(crate) fn take(&mut self, n: u32) -> Option<usize> {
        let value = self.peek(n);
        self.count.checked_sub(n)?;
        self.skip(n);
        Some(value)
    }

    /// Skips to the next byte boundary.
    pub(crate) fn align(&mut self) {
        self.skip(self.count % 8);
    }
}

/// Appends bits to bytes. The cursor holds the bits of an incomplete byte.
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    cursor: BitCursor,
}

/// The position of a writer. A separate type, so that a loop can hold a copy in registers: see [`BitWriter::reserve`].
#[derive(Clone, Copy)]
pub(crate) struct BitCursor {
    /// The index of the next byte.
    at: usize,
    /// The bits of an incomplete byte: `count` bits, at most 7. The bits above are zero.
    bits: u64,
    count: u32,
}

impl BitCursor {
    /// Writes the lowest `n` bits of `value`, which has no others; `n` is at most 56. Each call stores eight bytes, which is
    /// cheaper than computing the number needed. So `reserved` is eight bytes longer than the output.
    // `count` stays below 64, and `at` below the length of a vector.
    #[allow(clippy::arithmetic_side_effects)]
    #[inline(always)]
    pub(crate) fn write_bits(&mut self, reserved: &mut [u8], value: u64, n: u32) {
        // 1951-3.1.1-s1: the first element has the lowest bits.
        self.bits |= value << self.count;
        self.count += n;
        if let Some(eight) = reserved.get_mut(self.at..self.at + 8) {
            eight.copy_from_slice(&self.bits.to_le_bytes());
        }
        self.at += (self.count / 8) as usize;
        self.bits >>= self.count & !7;
        self.count %= 8;
    }
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let cursor = BitCursor { at: out.len(), bits: 0, count: 0 };
        BitWriter { out, cursor }
    }

    /// Reserves room for `bits` more bits. Returns it with a cursor, which [`BitWriter::commit`] takes back.
    // The caller computes `bits` from a block, which is at most a few megabytes.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn reserve(&mut self, bits: usize) -> (&mut [u8], BitCursor) {
        self.out.resize(self.cursor.at + bits / 8 + 16, 0);
        (self.out, self.cursor)
    }

    /// Ends writing at `cursor`, and removes the room that was not used.
    pub(crate) fn commit(&mut self, cursor: BitCursor) {
        self.cursor = cursor;
        self.out.truncate(cursor.at);
    }

    /// Number of bits written, including those of an incomplete byte.
    // Blocks are written to a vector, which an eighth of the address space does not hold.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn bits(&self) -> usize {
        8 * self.cursor.at + self.cursor.count as usize
    }

    /// Number of bits of padding after `n` more bits.
    // Both are below 64.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn padding_after(&self, n: u32) -> u32 {
        (self.cursor.count + n).wrapping_neg() % 8
    }

    /// Writes `n` bits, then zeros up to the next byte boundary.
    // Both are below 64.
    #[allow(clippy::arithmetic_side_effects)]
    pub(crate) fn write_bits_and_pad(&mut self, value: u64, n: u32) {
        let padding = self.padding_after(n);
        let (reserved, mut cursor) = self.reserve(64);
        cursor.write_bits(reserved, value, n + padding);
        self.commit(cursor);
    }

    /// Appends bytes; the position must be a byte boundary.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.cursor.at = self.out.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of every width, written and read back, in one piece and from bytes that come one at a time. 1951-3.1.1-s1
    #[test]
    fn written_fields_are_read_back() {
        let fields: Vec<(u64, u32)> =
            (0..200u64).map(|i| ((i * 0x9e37) & ((1 << (i % 16)) - 1), (i % 16) as u32)).collect();
        let mut bytes = vec![0xaa];
        let mut writer = BitWriter::new(&mut bytes);
        let (reserved, mut cursor) = writer.reserve(fields.iter().map(|field| field.1 as usize).sum());
        for &(value, n) in &fields {
            cursor.write_bits(reserved, value, n);
        }
        writer.commit(cursor);
        writer.write_bits_and_pad(0b101, 3);
        writer.bytes(b"end");
        assert_eq!(bytes[0], 0xaa);
        // The first fields, of 0, 1, 2, 3 and 4 bits, from the lowest bit up.
        assert_eq!(u64::from(bytes[1]), (fields[1].0 | fields[2].0 << 1 | fields[3].0 << 3 | fields[4].0 << 6) & 0xff);

        let mut reader = BitReader { bits: 0, count: 0, rest: &bytes[1..] };
        for &(value, n) in &fields {
            reader.refill();
            assert_eq!(reader.take(n), Some(value as usize));
        }
        reader.refill();
        assert_eq!(reader.take(3), Some(0b101));
        reader.align();
        reader.refill();
        assert_eq!([reader.take(8), reader.take(8), reader.take(8)], [b'e', b'n', b'd'].map(|b| Some(usize::from(b))));
        assert_eq!((reader.take(1), reader.count), (None, 0));
    }

    /// At the end of the input the reader holds all bytes, however they were read.
    #[test]
    fn refilling_takes_everything() {
        let bytes = [1u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        for length in 0..=bytes.len() {
            for skip in 0..15 {
                let mut reader = BitReader { bits: 0, count: 0, rest: &bytes[..length] };
                reader.refill();
                let skip = skip.min(reader.count);
                reader.skip(skip);
                reader.refill();
                let held = reader.count as usize + 8 * reader.rest.len();
                assert_eq!(held + skip as usize, 8 * length);
                assert!(reader.count >= 56 || reader.rest.is_empty());
            }
        }
    }

    /// Besides the bits there are 16 bytes: for the bits of an incomplete byte, and for the eight that one call stores.
    #[test]
    fn the_room_that_is_reserved() {
        for (bits, room) in [(0, 1 + 16), (7, 1 + 16), (8, 1 + 1 + 16), (80_000, 1 + 10_000 + 16)] {
            assert_eq!(BitWriter::new(&mut vec![0xaa]).reserve(bits).0.len(), room, "{bits}");
        }
    }

    /// `reserve` always makes room. Without it, nothing is written outside.
    #[test]
    fn room_that_is_too_small_is_left_alone() {
        let (mut room, mut cursor) = ([0xaa; 7], BitCursor { at: 0, bits: 0, count: 0 });
        cursor.write_bits(&mut room, 0b1, 1);
        assert_eq!(room, [0xaa; 7]);
    }
}
