//! Bits in and out of bytes, lowest bit first (RFC 1951 section 3.1.1). Knows nothing of blocks or codes.
//!
//! Both directions hold the next bits in a `u64`, the first of them lowest. Reading, the invariant is:
//! bits `0..count` of `bits` come before `rest`, and whatever stands above them is either zero or the beginning of `rest`.
//! So [`BitReader::refill`] may put eight bytes there at once and count only the whole ones: the others will be put there
//! again, and OR does not mind.

/// The unread bits of an input.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    pub(super) bits: u64,
    pub(super) count: u32,
    pub(super) rest: &'a [u8],
}

impl BitReader<'_> {
    /// Tops up to 56 bits or more: enough for any symbol with its extra bits. With less than that, the input has no more.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
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
    pub(super) fn refill_at_once(&mut self) -> bool {
        let Some(next) = self.rest.first_chunk::<8>() else { return false };
        self.bits |= u64::from_le_bytes(*next) << self.count;
        self.rest = &self.rest[((63 - self.count) / 8) as usize..];
        self.count |= 56;
        true
    }

    /// The next `n` bits, left where they are; zeros stand for what is not there. `n` is at most 15.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.bits & ((1 << n) - 1)) as usize
    }

    /// Takes `n` bits that are known to be there.
    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        self.bits >>= n;
        self.count -= n;
    }

    /// Takes `n` bits, at most 15; `None`, and nothing done, if there are fewer.
    pub(super) fn take(&mut self, n: u32) -> Option<usize> {
        let value = self.peek(n);
        self.count.checked_sub(n)?;
        self.skip(n);
        Some(value)
    }

    /// Skips to the next byte boundary: what is left are whole bytes.
    pub(super) fn align(&mut self) {
        self.skip(self.count % 8);
    }
}

/// Appends bits to bytes.
///
/// The room for what will be written is made beforehand, so that writing is a plain store: see [`BitWriter::reserve`].
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// How much of `out` is written; the rest is room.
    at: usize,
    bits: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        BitWriter { at: out.len(), out, bits: 0, count: 0 }
    }

    /// Makes room for `bits` more bits. Whoever writes more than was reserved loses it, so sizes are computed exactly.
    pub(super) fn reserve(&mut self, bits: usize) {
        self.out.resize(self.at + bits / 8 + 16, 0);
    }

    /// Writes the lowest `n` bits of `value`, which has no others; `n` is at most 31 + 1.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u64, n: u32) {
        self.bits |= value << self.count;
        self.count += n;
        if self.count >= 32 {
            if let Some(room) = self.out.get_mut(self.at..self.at + 4) {
                room.copy_from_slice(&(self.bits as u32).to_le_bytes());
            }
            self.at += 4;
            self.bits >>= 32;
            self.count -= 32;
        }
    }

    /// How many bits of padding there would be after `n` more bits.
    pub(super) fn bits_to_boundary(&self, n: u32) -> u32 {
        (self.count + n).wrapping_neg() % 8
    }

    /// Fills up with zeros to the next byte boundary.
    pub(super) fn align(&mut self) {
        self.put(0, self.count.wrapping_neg() % 8);
        // Fewer than four bytes are waiting; they are now whole.
        self.out.truncate(self.at);
        self.out.extend_from_slice(&(self.bits as u32).to_le_bytes()[..self.count as usize / 8]);
        self.at = self.out.len();
        (self.bits, self.count) = (0, 0);
    }

    /// Appends bytes; the position must be a byte boundary.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.align();
        self.out.extend_from_slice(bytes);
        self.at = self.out.len();
    }
}
