//! The read buffer and the payload buffer of a decoder. Must not know frames.
//!
//! Both stay initialised, so that no byte is zeroed twice. Both grow with the bytes that have arrived, never by an announced
//! length.

use std::fmt;

/// Initial size of the read buffer, and its size while reads are small: a message of 1 KiB and a few small ones.
const MIN_INPUT_SIZE: usize = 1792;
/// Maximum size of the read buffer, reached when reads fill it: a frame of 64 KiB and its header fit one read.
const MAX_INPUT_SIZE: usize = 68 << 10;
/// Minimum growth of the payload buffer; later steps double it.
const MIN_GROWTH: usize = 64 << 10;
/// Maximum size of a payload buffer that is kept when a message does not need it.
const MAX_RETAINED: usize = 1 << 20;

/// The read buffer. Invariant: `start..end` was read from the network and is not used up.
pub(crate) struct InputBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled the buffer, so it grows before the next one.
    full: bool,
}

/// Shows the number of bytes and not the bytes, which are the content of messages.
impl fmt::Debug for InputBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InputBuffer({} bytes)", self.end.saturating_sub(self.start))
    }
}

impl InputBuffer {
    pub(crate) fn new(early: &[u8]) -> InputBuffer {
        let mut bytes = early.to_vec();
        bytes.resize(MIN_INPUT_SIZE.max(early.len()), 0);
        InputBuffer { bytes, start: 0, end: early.len(), full: false }
    }

    /// Maximum length of a payload that can be completed in this buffer.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Up to `max` unread bytes after the first `skip` ones, and their position.
    #[inline]
    pub(crate) fn part(&mut self, skip: usize, max: u64) -> (usize, &mut [u8]) {
        let from = self.start.saturating_add(skip);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let to = from.saturating_add(max).min(self.end);
        (from, self.bytes.get_mut(from..to).unwrap_or_default())
    }

    /// Marks the next `count` bytes as used up. Returns their position, which is valid until the next read.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) -> usize {
        let from = self.start;
        self.start = self.start.saturating_add(count).min(self.end);
        from
    }

    #[inline]
    pub(crate) fn at(&self, from: usize, length: usize) -> &[u8] {
        self.bytes.get(from..from.saturating_add(length)).unwrap_or_default()
    }

    /// Space for the next read. Never empty, because a frame that is completed here is no longer than the buffer.
    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.space_for(u64::MAX)
    }

    /// Space for the next read of a frame with `remaining` bytes to come. Unread bytes are moved to the front only if those
    /// do not fit behind them.
    #[inline]
    pub(crate) fn space_for(&mut self, remaining: u64) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.full {
            self.grow();
        }
        let room = self.bytes.len().saturating_sub(self.end);
        if self.start > 0 && room < self.bytes.len() / 2 && remaining > room as u64 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self) {
        self.full = false;
        if self.bytes.len() < MAX_INPUT_SIZE {
            self.bytes.resize(self.bytes.len().saturating_mul(8).min(MAX_INPUT_SIZE), 0);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.full = false;
    }

    #[inline]
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        self.full = self.end == self.bytes.len();
    }

    /// Frees memory if the buffer is empty.
    #[cfg(any(feature = "client", feature = "server", test))]
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > MIN_INPUT_SIZE {
            self.start = 0;
            self.end = 0;
            self.bytes.truncate(MIN_INPUT_SIZE);
            self.bytes.shrink_to_fit();
        }
    }
}

/// The buffer in which messages are assembled. Invariant: the first `length` bytes belong to the message.
#[derive(Default)]
pub(crate) struct PayloadBuffer {
    bytes: Vec<u8>,
    length: usize,
}

/// Shows the number of bytes and not the bytes.
impl fmt::Debug for PayloadBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadBuffer({} bytes)", self.length)
    }
}

impl PayloadBuffer {
    /// Begins another message. A large buffer is kept only while successive messages use half of it.
    pub(crate) fn clear(&mut self) {
        if self.length < self.bytes.capacity() / 2 {
            self.free_if_large();
        }
        self.length = 0;
    }

    pub(crate) fn contents(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends bytes, first over the rest of an earlier message. `max` as for [`PayloadBuffer::grow`].
    pub(crate) fn append(&mut self, more: &[u8], max: u64) {
        let over = self.bytes.get_mut(self.length..).unwrap_or_default();
        let rest = more.get(over.len()..).unwrap_or_default();
        over.iter_mut().zip(more).for_each(|(to, byte)| *to = *byte);
        self.grow(rest.len(), max);
        self.bytes.extend_from_slice(rest);
        self.length = self.length.saturating_add(more.len());
    }

    /// Space for the next read of a payload that has `remaining` bytes to come: the space left, or else the buffer doubles.
    /// `max` as for [`PayloadBuffer::grow`].
    pub(crate) fn space(&mut self, remaining: u64, max: u64) -> &mut [u8] {
        let remaining = usize::try_from(remaining).unwrap_or(usize::MAX);
        if self.bytes.len() == self.length {
            let more = self.length.max(MIN_GROWTH).min(remaining);
            self.grow(more, max);
            self.bytes.resize(self.length.saturating_add(more), 0);
        }
        let to = self.bytes.len().min(self.length.saturating_add(remaining));
        self.bytes.get_mut(self.length..to).unwrap_or_default()
    }

    /// Makes room for `more` bytes. Doubles the capacity, but not beyond `max`, the limit of a message. The old and the new
    /// allocation, which both exist during the copy, then take at most twice `max`.
    fn grow(&mut self, more: usize, max: u64) {
        let needed = self.bytes.len().saturating_add(more);
        if needed > self.bytes.capacity() {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            let wanted = self.bytes.capacity().saturating_mul(2).min(max).max(needed);
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
    }

    /// Adds `count` bytes that were read into [`PayloadBuffer::space`], and returns them.
    pub(crate) fn filled(&mut self, count: usize) -> &mut [u8] {
        let from = self.length;
        self.length = from.saturating_add(count).min(self.bytes.len());
        self.bytes.get_mut(from..self.length).unwrap_or_default()
    }

    /// The contents as a vector. A buffer of more than twice their length is kept here and the contents are copied.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        if self.bytes.capacity() / 2 > self.length {
            return self.contents().to_vec();
        }
        let mut taken = std::mem::take(&mut self.bytes);
        taken.truncate(self.length);
        self.length = 0;
        taken
    }

    /// Frees a large buffer, after a message that did not need it.
    #[inline]
    pub(crate) fn free_if_large(&mut self) {
        if self.bytes.capacity() > MAX_RETAINED {
            self.free();
        }
    }

    pub(crate) fn free(&mut self) {
        *self = PayloadBuffer::default();
    }
}

/// For decompression.
#[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
impl PayloadBuffer {
    /// The vector that decompression appends to. [`PayloadBuffer::appended`] adds the output.
    pub(crate) fn appender(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(self.length);
        &mut self.bytes
    }

    /// Adds the appended bytes, and returns them.
    pub(crate) fn appended(&mut self) -> &[u8] {
        let from = self.length;
        self.length = self.bytes.len();
        self.bytes.get(from..).unwrap_or_default()
    }
}

#[cfg(test)]
impl InputBuffer {
    pub(crate) fn capacity_held(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
impl PayloadBuffer {
    pub(crate) fn capacity_held(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer at its full size, with `count` bytes in it, of which `used` are used up.
    fn input_at_full_size(count: usize, used: usize) -> InputBuffer {
        let mut input = InputBuffer::new(&vec![7; MAX_INPUT_SIZE]);
        input.clear();
        input.filled(count);
        input.consume(used);
        input
    }

    #[test]
    fn unread_bytes_are_moved_only_when_the_rest_does_not_fit_behind_them() {
        let (here, used) = (50 << 10, 8);
        let room = MAX_INPUT_SIZE - here;
        assert_eq!(input_at_full_size(here, used).space_for(room as u64).len(), room, "the rest fits");
        assert_eq!(
            input_at_full_size(here, used).space_for(room as u64 + 1).len(),
            room + used,
            "the rest does not fit"
        );
        assert_eq!(input_at_full_size(here, used).space().len(), room + used, "the rest is unknown");
        assert_eq!(input_at_full_size(here, here).space_for(1).len(), MAX_INPUT_SIZE, "the buffer is empty");
        let mut moved = input_at_full_size(here, used);
        moved.space();
        assert_eq!(moved.unread().len(), here - used);
    }

    #[test]
    fn sizes_of_the_read_buffer() {
        for (early, size) in [(0, 1792), (1, 1792), (1792, 1792), (1793, 1793)] {
            let input = InputBuffer::new(&vec![7; early]);
            assert_eq!((input.capacity(), input.unread().len()), (size, early));
        }
        let mut input = InputBuffer::new(&[]);
        for size in [1792, 14_336, 69_632, 69_632] {
            // A read that leaves one byte of space does not make it grow.
            for count in [size - 1, size] {
                assert_eq!(input.space().len(), size);
                input.filled(count);
                input.consume(count - 1);
                input.shrink();
                assert_eq!(input.capacity_held(), size, "the last byte is not used up");
                input.consume(1);
            }
        }
        // A read that brought nothing.
        input.space();
        input.filled(0);
        input.shrink();
        assert_eq!((input.capacity_held(), input.space().len()), (1792, 1792));
        // What is discarded neither makes it grow nor is part of what is read next.
        let mut input = InputBuffer::new(&[]);
        input.filled(1792);
        input.consume(5);
        input.clear();
        assert_eq!(input.space().len(), 1792);
        input.filled(3);
        assert_eq!(input.unread().len(), 3);
        // With half of the buffer free, unread bytes are not moved.
        let half = MAX_INPUT_SIZE / 2;
        for (count, room) in [(half, half), (half + 1, half)] {
            let mut input = input_at_full_size(count, 1);
            assert_eq!(input.space().len(), room, "{count}");
        }
    }

    /// A payload buffer of this capacity, with `length` bytes in it.
    fn payload(capacity: usize, length: usize) -> PayloadBuffer {
        let mut payload = PayloadBuffer { bytes: Vec::with_capacity(capacity), length: 0 };
        payload.append(&vec![7; length], u64::MAX);
        payload
    }

    #[test]
    fn sizes_of_the_payload_buffer() {
        // Another message begins: the capacity, the length of the message before, the capacity that is kept.
        const LARGE: usize = 1 << 20;
        let rows = [
            (LARGE, 0, LARGE),
            (LARGE + 2, 0, 0),
            (LARGE + 2, LARGE / 2, 0),
            (LARGE + 2, LARGE / 2 + 1, LARGE + 2),
            (0, 0, 0),
        ];
        for (capacity, length, kept) in rows {
            let mut payload = payload(capacity, length);
            payload.clear();
            assert_eq!((payload.capacity_held(), payload.contents().len()), (kept, 0), "{capacity} {length}");
        }
        // A message is taken: the capacity that is left.
        for (capacity, length, left) in [(100, 49, 100), (100, 50, 0), (100, 51, 0), (101, 49, 101)] {
            let mut payload = payload(capacity, length);
            assert_eq!(payload.take(), vec![7; length]);
            assert_eq!(payload.capacity_held(), left, "{capacity} {length}");
        }
        // The rest of a longer message is not part of the next one, nor is a message that was taken.
        let mut payload_buffer = payload(100, 100);
        payload_buffer.clear();
        payload_buffer.append(&[9; 60], 100);
        assert_eq!(payload_buffer.take(), [9; 60]);
        payload_buffer.append(&[9; 5], 100);
        assert_eq!(payload_buffer.contents(), [9; 5]);
        // Bytes are appended to 100 of capacity 100: their number, the limit of a message, the capacity.
        for (more, max, capacity) in
            [(0, 1, 100), (1, 1000, 200), (100, 1000, 200), (101, 1000, 201), (1, 150, 150), (1, 50, 101)]
        {
            let mut payload = payload(100, 100);
            payload.append(&vec![8; more], max);
            assert_eq!((payload.capacity_held(), payload.contents().len()), (capacity, 100 + more), "{more} {max}");
        }
        // A long payload is read: the space.
        let mut long = PayloadBuffer::default();
        for size in [64 << 10, 64 << 10, 128 << 10, 256 << 10] {
            assert_eq!(long.space(1 << 40, u64::MAX).len(), size);
            assert_eq!(long.space(100, u64::MAX).len(), 100, "no more than the payload");
            assert_eq!(long.filled(size).len(), size);
        }
        let mut bounded = payload(200_000, 200_000);
        assert_eq!((bounded.space(1000, 250_000).len(), bounded.capacity_held()), (1000, 250_000));
        assert_eq!(long.space(1000, u64::MAX).len(), 1000);
        assert_eq!(long.filled(999).len(), 999);
        assert_eq!(long.space(1, u64::MAX).len(), 1);
        assert_eq!(long.filled(2).len(), 1, "a count beyond the space is cut");
    }

    #[test]
    fn debug_shows_sizes_and_no_contents() {
        let mut payload = PayloadBuffer::default();
        payload.append(b"secret", 100);
        assert_eq!(
            format!("{:?} {payload:?}", input_at_full_size(9, 2)),
            "InputBuffer(7 bytes) PayloadBuffer(6 bytes)"
        );
    }
}
