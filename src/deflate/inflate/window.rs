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

#[cfg(test)]
mod tests {
    use super::*;

    /// The window keeps at least its size of the output, and grows to 8 KiB more. A full one moves down to its size.
    #[test]
    fn sizes_of_the_window() {
        let mut window = Window::new(1000);
        let mut all: Vec<u8> = Vec::new();
        // The length of the output, then the bytes and the capacity of the window.
        let rows = [
            (0, 0, 0),
            (3, 3, 4),
            (2, 5, 8),
            (3, 8, 8),
            (1, 9, 16),
            (1000, 1009, 1024),
            (1001, 2009, 2048),
            (5000, 3009, 4096),
            (1000, 4009, 4096),
            (1000, 5009, 8192),
            (1000, 6009, 8192),
            (1000, 7009, 8192),
            (1000, 8009, 8192),
            (1000, 9009, 9192),
            (183, 9192, 9192),
            (1, 1000, 9192),
        ];
        for (length, bytes, capacity) in rows {
            let output: Vec<u8> = (all.len()..all.len() + length).map(|i| (i % 251) as u8).collect();
            all.extend(&output);
            window.append(&output);
            assert_eq!((window.bytes.len(), window.capacity()), (bytes, capacity), "{}", all.len());
            assert!(all.ends_with(&window.bytes[window.bytes.len().saturating_sub(1000)..]));
        }
    }
}
