//! The window: the end of the output of earlier calls, up to the maximum distance. Must not know how it is read.

/// The end of earlier output.
pub(crate) struct Window {
    /// Maximum distance of a match.
    pub(crate) size: usize,
    /// At most `size + SPARE` bytes; the last `size` are in reach of a distance.
    pub(crate) bytes: Vec<u8>,
}

/// Number of bytes above the size. A full window is moved down, and with this spare room only once in as many bytes.
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

    /// Appends the end of `output`.
    pub(crate) fn append(&mut self, output: &[u8]) {
        let output = output.get(output.len().saturating_sub(self.size)..).unwrap_or_default();
        let (length, maximum) = (self.bytes.len().saturating_add(output.len()), self.size.saturating_add(SPARE));
        if length > maximum {
            self.bytes.drain(..length.saturating_sub(self.size).min(self.bytes.len()));
        } else if length > self.bytes.capacity() {
            // Doubles like any vector, but not above the maximum size.
            let capacity = length.next_power_of_two().min(maximum);
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(output);
    }
}
