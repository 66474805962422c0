//! Bits in and out of bytes, lowest bit first (RFC 1951 section 3.1.1). Knows nothing of blocks or codes.
//!
//! Both directions hold the next bits in a `u64`, the first of them lowest. Reading, the invariant is:
//! bits `0..count` of `bits` come before `rest`, and whatever stands above them is zero, or the beginning of
//! `rest`. So [`BitReader::refill`] may put eight bytes there at once and count only the whole ones: the others will be
//! put there again, and OR does not mind.

/// The unread bits of an input.
#[derive(Clone, Copy)]
pub(crate) struct BitReader<'a> {
    pub(crate) bits: u64,
    pub(crate) count: u32,
    pub(crate) rest: &'a [u8],
}

impl BitReader<'_> {
    /// Tops up to 56 bits or more: enough for any symbol with its extra bits. With less than that, the input has no
    /// more.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if self.refill_at_once() {
            return;
        }
        while self.count < 56 {
            let Some((first, rest)) = self.rest.split_first() else { break };
            self.bits |= u64::from(*first) << self.count;
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The same without a loop, where the input has eight bytes left. False, and nothing done, where it has not.
    #[inline(always)]
    pub(crate) fn refill_at_once(&mut self) -> bool {
        let Some(next) = self.rest.first_chunk::<8>() else { return false };
        self.bits |= u64::from_le_bytes(*next) << self.count;
        self.rest = &self.rest[((63 - self.count) / 8) as usize..];
        self.count |= 56;
        true
    }

    /// The next `n` bits, left where they are; zeros stand for what is not there. `n` is at most 31.
    #[inline(always)]
    pub(crate) fn peek(&self, n: u32) -> usize {
        (self.bits & ((1 << n) - 1)) as usize
    }

    /// Takes `n` bits that are known to be there.
    #[inline(always)]
    pub(crate) fn skip(&mut self, n: u32) {
        self.bits >>= n;
        self.count -= n;
    }

    /// Takes `n` bits, at most 31; `None`, and nothing done, if there are fewer.
    pub(crate) fn take(&mut self, n: u32) -> Option<usize> {
        let value = self.peek(n);
        self.count.checked_sub(n)?;
        self.skip(n);
        Some(value)
    }

    /// Skips to the next byte boundary: what is left are whole bytes.
    pub(crate) fn align(&mut self) {
        self.skip(self.count % 8);
    }
}

/// Appends bits to bytes. What is not yet a whole byte waits in the pen.
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    cursor: BitCursor,
}

/// Where writing goes on. By itself, so that a loop can keep a copy in registers: see [`BitWriter::reserve`].
#[derive(Clone, Copy)]
pub(crate) struct BitCursor {
    /// The index of the next byte.
    at: usize,
    /// Bits that wait for it: `count` of them, at most 7; those above are zero.
    bits: u64,
    count: u32,
}

impl BitCursor {
    /// Writes the lowest `n` bits of `value`, which has no others; `n` is at most 56. Eight bytes are stored every
    /// time, which is cheaper than finding out how many are needed; so `reserved` ends eight bytes later than what will be
    /// written.
    #[inline(always)]
    pub(crate) fn write_bits(&mut self, reserved: &mut [u8], value: u64, n: u32) {
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

    /// Room for `bits` more bits, and the pen to write them with; give it back with [`BitWriter::commit`].
    pub(crate) fn reserve(&mut self, bits: usize) -> (&mut [u8], BitCursor) {
        self.out.resize(self.cursor.at + bits / 8 + 16, 0);
        (self.out, self.cursor)
    }

    /// Takes back the pen, and the room that was not used.
    pub(crate) fn commit(&mut self, cursor: BitCursor) {
        self.cursor = cursor;
        self.out.truncate(cursor.at);
    }

    /// How many bits are in `out`, with those that wait.
    pub(crate) fn bits(&self) -> usize {
        8 * self.cursor.at + self.cursor.count as usize
    }

    /// How many bits of padding there would be after `n` more bits.
    pub(crate) fn padding_after(&self, n: u32) -> u32 {
        (self.cursor.count + n).wrapping_neg() % 8
    }

    /// Writes `n` bits, then zeros up to the next byte boundary.
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

    /// Fields of every width, written and read back, in one piece and from bytes that come one at a time.
    #[test]
    fn what_is_written_is_read() {
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

    /// At the end of the input all bytes are in the reader, whichever way they came there.
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
}
