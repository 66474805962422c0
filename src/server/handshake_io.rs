//! HTTP on a stream with a deadline: reads one head, writes one response, and ends the stream so that the response
//! arrives.
//!
//! Knows bytes and time. It does not know how a request is checked.

use std::time::Duration;

use crate::config::Limits;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result, Step};
use crate::handshake::http::{Head, HeadParser, Progress};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteMode};

/// Size of a read. Most requests without large cookies fit into one. Freed blocks of up to 1,032 bytes would stay with the
/// thread in glibc, for as long as the connection lasts.
const READ_CHUNK: usize = 2 << 10;
/// Maximum time to read from a peer after the response.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// The same for a peer that exceeds a limit: it must not keep the place of another one for long.
pub(crate) const SHORT_LINGER_TIMEOUT: Duration = Duration::from_millis(250);
/// Maximum number of bytes to read from a peer after the response.
const MAX_LINGER_BYTES: usize = 1 << 20;

/// A stream and the deadline of its handshake.
pub(crate) struct HandshakeIo<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) deadline: Deadline,
}

impl HandshakeIo<'_> {
    /// Reads one head. Returns it with the bytes behind it. The buffer is on the heap, because stack pages that a
    /// thread has touched stay resident as long as the connection.
    #[inline(never)]
    pub(crate) fn read_head(&self, limits: Limits) -> Result<(Head, Vec<u8>)> {
        let rejected = |kind| Error::Handshake(HandshakeError::new(kind));
        let mut parser = HeadParser::request().limits(limits);
        let mut chunk = vec![0; READ_CHUNK];
        loop {
            let count = match read_some(self.stream, &mut chunk, self.deadline)? {
                0 => return Err(rejected(HandshakeErrorKind::UnexpectedEof)),
                count => count,
            };
            let bytes = chunk.get(..count).unwrap_or_default();
            match parser.feed(bytes).map_err(|kind| rejected(HandshakeErrorKind::Head(kind)))? {
                Progress::More => {}
                Progress::Done { consumed } => {
                    let early = bytes.get(consumed..).unwrap_or_default().to_vec();
                    let head = parser.finish().ok_or_else(|| rejected(HandshakeErrorKind::UnexpectedEof))?;
                    return Ok((head, early));
                }
            }
        }
    }

    /// Reads until `bytes` has at least `count` bytes.
    #[cfg(feature = "legacy")]
    #[inline(never)]
    pub(crate) fn read_until_len(&self, bytes: &mut Vec<u8>, count: usize) -> Result<()> {
        let mut chunk = [0; READ_CHUNK];
        while bytes.len() < count {
            match read_some(self.stream, &mut chunk, self.deadline)? {
                0 => return Err(Error::Handshake(HandshakeError::new(HandshakeErrorKind::UnexpectedEof))),
                count => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            }
        }
        Ok(())
    }

    /// Writes a head and a body.
    pub(crate) fn write(&self, head: Vec<u8>, body: &[u8]) -> Result<()> {
        let mut buffer = WriteBuffer::default();
        *buffer.bytes() = head;
        buffer
            .write(self.stream, body, WriteMode::Until(self.deadline))
            .map_err(|error| Error::io_by_deadline(Step::Handshake, error))
    }

    /// Writes a response, and ends the stream when the peer has closed it or after `linger_timeout`.
    pub(crate) fn respond(&self, head: Vec<u8>, body: &[u8], linger_timeout: Duration) -> Result<()> {
        let written = self.write(head, body);
        if written.is_ok() {
            let deadline = Deadline::after(linger_timeout);
            self.stream.shutdown_write(deadline.remaining());
            linger(self.stream, deadline);
        }
        self.stream.shutdown();
        written
    }
}

/// Discards bytes from the peer. Closing a socket with unread bytes resets it, and the response could be lost.
#[inline(never)]
fn linger(stream: &Stream, deadline: Deadline) {
    discard(|to| read_some(stream, to, deadline));
}

fn discard(mut read: impl FnMut(&mut [u8]) -> Result<usize>) {
    let mut chunk = [0; READ_CHUNK];
    let mut discarded = 0_usize;
    while discarded < MAX_LINGER_BYTES {
        match read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => discarded = discarded.saturating_add(count),
        }
    }
}

/// Reads some bytes. 0: the end of the stream.
fn read_some(stream: &Stream, to: &mut [u8], deadline: Deadline) -> Result<usize> {
    stream.read_by(to, deadline).map_err(|error| Error::io_by_deadline(Step::Handshake, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::sockets;
    use std::io::{Read, Write};
    use std::thread;

    const LONG: Duration = Duration::from_secs(120);

    /// A peer that sends without end does not keep the thread that has rejected it.
    #[test]
    fn a_limited_number_of_bytes_is_discarded() {
        let (near, mut far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        let sending = thread::spawn(move || (0..4096).take_while(|_| far.write_all(&[0; 64 << 10]).is_ok()).count());
        linger(&stream, Deadline::after(LONG));
        drop(stream);
        assert!(sending.join().unwrap() < 4096, "less than 256 MiB with all that the system buffers");
    }

    #[test]
    fn after_a_response_the_stream_ends_in_both_directions() {
        let (near, mut far) = sockets();
        far.set_read_timeout(Some(LONG)).unwrap();
        let stream = Stream::from_socket(near).unwrap();
        let io = HandshakeIo { stream: &stream, deadline: Deadline::never() };
        thread::scope(|scope| {
            let responding = scope.spawn(|| io.respond(b"head and ".to_vec(), b"body", LONG * 2));
            let mut response = String::new();
            // It ends although the peer has not ended its own direction.
            far.read_to_string(&mut response).unwrap();
            assert_eq!(response, "head and body");
            assert!(!responding.is_finished());
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(responding.join().unwrap().is_ok());
        });
        // Without patience, the peer is not awaited.
        let (near, _far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        HandshakeIo { stream: &stream, ..io }.respond(Vec::new(), b"body", Duration::ZERO).unwrap();
        assert_eq!(stream.read(&mut [0], LONG).unwrap(), 0);
    }

    #[test]
    #[cfg(feature = "legacy")]
    fn bytes_are_read_until_there_are_enough_or_the_stream_ends() {
        for (before, sent, enough) in
            [("", "12345678", true), ("123", "45678", true), ("12345678", "", true), ("123", "4567", false)]
        {
            let (near, mut far) = sockets();
            far.write_all(sent.as_bytes()).unwrap();
            if !enough {
                far.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let stream = Stream::from_socket(near).unwrap();
            let mut bytes = before.as_bytes().to_vec();
            let io = HandshakeIo { stream: &stream, deadline: Deadline::after(LONG) };
            match (io.read_until_len(&mut bytes, 8), enough) {
                (Ok(()), true) => assert_eq!(bytes, b"12345678"),
                (Err(Error::Handshake(error)), false) => assert_eq!(*error.kind(), HandshakeErrorKind::UnexpectedEof),
                (result, _) => panic!("{result:?}"),
            }
        }
    }

    #[test]
    fn no_read_follows_the_last_byte_that_is_discarded() {
        for (first, expected) in [(READ_CHUNK, MAX_LINGER_BYTES), (READ_CHUNK - 1, MAX_LINGER_BYTES - 1 + READ_CHUNK)] {
            let (mut next, mut discarded) = (first, 0);
            discard(|to| {
                assert_eq!(to.len(), READ_CHUNK);
                discarded += next;
                Ok(std::mem::replace(&mut next, READ_CHUNK))
            });
            assert_eq!(discarded, expected);
        }
        // Nor does one follow the end of the stream, or an error.
        for end in [0, 1] {
            let mut reads = 0;
            discard(|_| {
                reads += 1;
                if end == 0 {
                    Ok(0)
                } else {
                    Err(Error::Timeout(Step::Handshake))
                }
            });
            assert_eq!(reads, 1);
        }
    }
}
