//! [`SplitStream::pair`]: two streams that are connected in memory. Each direction is one pipe with its bound of 64 KiB.
//!
//! | what happens at one end | the other end |
//! |---|---|
//! | its writer is dropped | reads what is in the pipe, then the end |
//! | its reader is dropped | a write fails with `BrokenPipe` |
//! | its connection ends, which calls `on_end` | both |

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::pipe::{Pipe, NO_TIMEOUT};
use super::split_stream::SplitStream;

impl SplitStream {
    /// Returns the two ends of a stream in memory: for tests without a network. Each direction holds at most 64 KiB; a write
    /// beyond that waits until the other end reads.
    ///
    /// The ends suit [`Client::connect_over`](crate::Client::connect_over) and
    /// [`Server::accept_over`](crate::Server::accept_over), whose connections keep all limits and timeouts. An end can also be
    /// read and written directly, to play a peer that breaks the protocol; then nothing limits the time. The chapter
    /// [`testing`](crate::manual::testing) has examples.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server, SplitStream};
    /// let (near, far) = SplitStream::pair();
    /// let server = std::thread::spawn(move || match Server::without_listener().accept_over(far)? {
    ///     Some(mut ws) => ws.send("welcome"),
    ///     None => Ok(()), // a hook has answered
    /// });
    /// let mut ws = Client::new("ws://localhost/")?.connect_over(near)?;
    /// assert_eq!(ws.recv()?.unwrap(), "welcome");
    /// server.join().unwrap()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair() -> (SplitStream, SplitStream) {
        let pipes: [Arc<Pipe>; 2] = Default::default();
        let [one, two] = &pipes;
        let end = |from: &Arc<Pipe>, to: &Arc<Pipe>| {
            let pipes = pipes.clone();
            let on_end = move || pipes.iter().for_each(|pipe| pipe.close(None));
            SplitStream::new(MemoryReader(from.clone()), MemoryWriter(to.clone())).on_end(on_end)
        };
        (end(one, two), end(two, one))
    }
}

struct MemoryReader(Arc<Pipe>);

impl Read for MemoryReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match to.is_empty() {
            true => Ok(0),
            false => self.0.pull(to, NO_TIMEOUT),
        }
    }
}

impl Drop for MemoryReader {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

struct MemoryWriter(Arc<Pipe>);

impl Write for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes, NO_TIMEOUT)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::thread;

    #[test]
    fn bytes_cross_in_both_directions_and_the_end_after_them() {
        let (mut near, mut far) = SplitStream::pair();
        let sent: Vec<u8> = (0..300_000u32).map(|i| (i * 31) as u8).collect();
        let expected = sent.clone();
        let echoing = thread::spawn(move || {
            let mut part = [0; 1000];
            while let Ok(count @ 1..) = far.read(&mut part) {
                far.write_all(&part[..count]).unwrap();
            }
        });
        let mut came = vec![0; sent.len()];
        for (sent, came) in sent.chunks(30_000).zip(came.chunks_mut(30_000)) {
            near.write_all(sent).unwrap();
            near.flush().unwrap();
            near.read_exact(came).unwrap();
        }
        assert!(came == expected);
        assert_eq!(near.read(&mut []).unwrap(), 0);
        drop(near);
        echoing.join().unwrap();
    }

    #[test]
    fn a_dropped_end_is_the_end_for_both_directions_of_the_other() {
        let (mut near, mut far) = SplitStream::pair();
        far.write_all(b"last").unwrap();
        drop(far);
        assert_eq!(near.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut came = Vec::new();
        near.read_to_end(&mut came).unwrap();
        assert_eq!(came, b"last");
    }
}
