//! The two buffers of a decoder. Both are kept initialised, so that no byte is zeroed twice, and both grow with what has
//! arrived, never by what was announced.

/// The read buffer of a connection that receives little.
const MIN_INPUT_SIZE: usize = 2 << 10;
/// The read buffer once reads have filled smaller ones: a frame of 64 KiB and its header fit one read.
const MAX_INPUT_SIZE: usize = 68 << 10;
/// The first step of the store; later ones double it.
const MIN_GROWTH: usize = 64 << 10;
/// A store larger than this is let go by the next message that does not need it.
const MAX_RETAINED: usize = 1 << 20;

/// The read buffer: `start..end` has been read and not been used up.
#[derive(Debug)]
pub(crate) struct InputBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read left no room: the next one may have more.
    full: bool,
}

impl InputBuffer {
    pub(crate) fn new(early: &[u8]) -> InputBuffer {
        let mut bytes = early.to_vec();
        bytes.resize(MIN_INPUT_SIZE.max(early.len()), 0);
        InputBuffer { bytes, start: 0, end: early.len(), full: false }
    }

    /// How much a frame may have to be completed in here.
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

    /// Up to `max` unread bytes behind the first `skip` ones, and where they stand.
    #[inline]
    pub(crate) fn part(&mut self, skip: usize, max: u64) -> (usize, &mut [u8]) {
        let from = self.start.saturating_add(skip);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let to = from.saturating_add(max).min(self.end);
        (from, self.bytes.get_mut(from..to).unwrap_or_default())
    }

    /// Uses up the next `count` bytes; gives where they stand until the next read.
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

    /// Room for the next read. Never empty: a frame that is completed in here is no longer than the buffer.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.space_for(u64::MAX)
    }

    /// The same when `remaining` bytes of that frame are to come: what is here is moved only if they do not fit behind it.
    pub(crate) fn space_for(&mut self, remaining: u64) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.full && self.bytes.len() < MAX_INPUT_SIZE {
            self.bytes.resize(self.bytes.len().saturating_mul(8).min(MAX_INPUT_SIZE), 0);
        }
        self.full = false;
        let room = self.bytes.len().saturating_sub(self.end);
        if self.start > 0 && room < self.bytes.len() / 2 && remaining > room as u64 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.full = false;
    }

    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        self.full = self.end == self.bytes.len();
    }

    /// Gives memory back; only while nothing is in here.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > MIN_INPUT_SIZE {
            self.start = 0;
            self.end = 0;
            self.bytes.truncate(MIN_INPUT_SIZE);
            self.bytes.shrink_to_fit();
        }
    }
}

/// Where messages are put together: the first `length` bytes belong to the message.
#[derive(Debug, Default)]
pub(crate) struct PayloadBuffer {
    bytes: Vec<u8>,
    length: usize,
}

impl PayloadBuffer {
    /// Begins another message. A huge store is kept only while messages follow one another that need half of it.
    pub(crate) fn clear(&mut self) {
        if self.length < self.bytes.capacity() / 2 {
            self.free_if_large();
        }
        self.length = 0;
    }

    pub(crate) fn contents(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Puts bytes behind the others: over what an earlier message left there, and further. `max` as for [`PayloadBuffer::grow`].
    pub(crate) fn append(&mut self, more: &[u8], max: u64) {
        let over = self.bytes.len().saturating_sub(self.length).min(more.len());
        let (first, rest) = more.split_at_checked(over).unwrap_or((more, &[]));
        if let Some(to) = self.bytes.get_mut(self.length..self.length.saturating_add(over)) {
            to.copy_from_slice(first);
        }
        self.grow(rest.len(), max);
        self.bytes.extend_from_slice(rest);
        self.length = self.length.saturating_add(more.len());
    }

    /// Room for the next read of a payload that has `remaining` bytes to come: as much as is there, or as much again. `max` as
    /// for [`PayloadBuffer::grow`].
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

    /// Makes room for `more` bytes. Doubles what there is, but not beyond the `max` a message may have: old and new room
    /// together, which it takes while one is copied into the other, are then at most twice that.
    fn grow(&mut self, more: usize, max: u64) {
        let needed = self.bytes.len().saturating_add(more);
        if needed > self.bytes.capacity() {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            let wanted = self.bytes.capacity().saturating_mul(2).min(max).max(needed);
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
    }

    /// Counts the bytes read into [`PayloadBuffer::space`] in, and gives them.
    pub(crate) fn filled(&mut self, count: usize) -> &mut [u8] {
        let from = self.length;
        self.length = from.saturating_add(count).min(self.bytes.len());
        self.bytes.get_mut(from..self.length).unwrap_or_default()
    }

    /// Where decompression appends; [`PayloadBuffer::appended`] counts in what it did.
    pub(crate) fn appender(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(self.length);
        &mut self.bytes
    }

    /// Counts in what was appended, and gives it.
    pub(crate) fn appended(&mut self) -> &[u8] {
        let from = self.length;
        self.length = self.bytes.len();
        self.bytes.get(from..).unwrap_or_default()
    }

    /// The contents, to keep. A store much larger than they are is worth more here than there.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        if self.bytes.capacity() / 2 > self.length {
            return self.contents().to_vec();
        }
        let mut taken = std::mem::take(&mut self.bytes);
        taken.truncate(self.length);
        self.length = 0;
        taken
    }

    /// A message came that did not need the store: a huge one is not kept for the next.
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

    /// A buffer at its full size, with `count` bytes in it, `used` of which are used up.
    fn input(count: usize, used: usize) -> InputBuffer {
        let mut input = InputBuffer::new(&vec![7; MAX_INPUT_SIZE]);
        input.clear();
        input.filled(count);
        input.consume(used);
        input
    }

    #[test]
    fn what_is_here_is_moved_only_when_the_rest_does_not_fit_behind_it() {
        let (here, used) = (50 << 10, 8);
        let room = MAX_INPUT_SIZE - here;
        assert_eq!(input(here, used).space_for(room as u64).len(), room, "it fits");
        assert_eq!(input(here, used).space_for(room as u64 + 1).len(), room + used, "it does not");
        assert_eq!(input(here, used).space().len(), room + used, "nobody knows");
        assert_eq!(input(here, here).space_for(1).len(), MAX_INPUT_SIZE, "nothing is here");
        let mut moved = input(here, used);
        moved.space();
        assert_eq!(moved.unread().len(), here - used);
    }
}
