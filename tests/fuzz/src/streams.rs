//! Streams for [`SplitStream::new`](stdws::SplitStream::new): bytes that arrive in pieces, and pipes that keep a copy.

use std::io::{self, Read, Write};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};

/// Reads `bytes` in pieces, then the end of the stream.
pub struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    /// Number of bytes that arrive at once, before all others.
    together: usize,
    /// Sizes of the pieces after those, in rotation. Without any, everything arrives at once.
    sizes: Vec<usize>,
    count: usize,
}

impl Pieces {
    pub fn new(bytes: Vec<u8>, together: usize, sizes: &[u8]) -> Pieces {
        let sizes = sizes.iter().map(|&size| usize::from(size).max(1)).collect();
        Pieces { bytes, at: 0, together, sizes, count: 0 }
    }

    fn next_size(&mut self) -> usize {
        if self.at < self.together {
            return self.together - self.at;
        }
        if self.sizes.is_empty() {
            return usize::MAX;
        }
        self.count += 1;
        self.sizes[self.count % self.sizes.len()]
    }
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let size = self.next_size().min(to.len());
        let read = (&self.bytes[self.at..]).read(&mut to[..size])?;
        self.at += read;
        Ok(read)
    }
}

/// The reading end of a pipe between two threads.
pub struct PipeReader {
    receiver: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

/// The writing end of a pipe. It copies what it writes.
pub struct PipeWriter {
    sender: Sender<Vec<u8>>,
    written: Arc<Mutex<Vec<u8>>>,
}

/// A pipe, and the copy of everything written to it.
pub fn pipe() -> (PipeReader, PipeWriter, Arc<Mutex<Vec<u8>>>) {
    let (sender, receiver) = channel();
    let written = Arc::default();
    (PipeReader { receiver, rest: Vec::new() }, PipeWriter { sender, written: Arc::clone(&written) }, written)
}

impl Read for PipeReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.receiver.recv().unwrap_or_default();
        }
        let read = self.rest.as_slice().read(to)?;
        self.rest.drain(..read);
        Ok(read)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().expect("not poisoned").extend_from_slice(bytes);
        self.sender.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
