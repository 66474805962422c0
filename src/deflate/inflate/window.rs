//! The window: the last output of earlier calls, as far back as a distance may reach.

pub(crate) struct Window {
    /// How far back a distance may reach.
    pub(crate) size: usize,
    /// At most `size + SPARE` bytes; all that a distance can reach is at the end.
    pub(crate) bytes: Vec<u8>,
}

/// Appending to a full window means moving it down. With this many bytes to spare that happens once in as many bytes.
const SPARE: usize = 8 * 1024;

impl Window {
    pub(crate) fn new(size: usize) -> Self {
        Window { size, bytes: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Remembers the end of `output`.
    pub(crate) fn append(&mut self, output: &[u8]) {
        let output = &output[output.len().saturating_sub(self.size)..];
        let length = self.bytes.len() + output.len();
        if length > self.size + SPARE {
            let surplus = length - self.size;
            self.bytes.copy_within(surplus.., 0);
            self.bytes.truncate(self.bytes.len() - surplus);
        } else if length > self.bytes.capacity() {
            // Grows by doubling, like any vector, but never above what is needed at most.
            let capacity = length.next_power_of_two().min(self.size + SPARE);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(output);
    }
}
