//! HTTP on a stream, by a deadline: reads one head, writes one answer, ends the stream so that the answer arrives.
//!
//! Knows bytes and time; must not know what a request is judged by.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result, Step};
use crate::handshake::http::{Head, HeadParser, Progress};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteTimeout};

/// A request fits one read of this size, unless it has large cookies.
const READ_CHUNK: usize = 1 << 10;
/// How long, and for how many bytes, a peer that was answered is listened to.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_LINGER_BYTES: usize = 1 << 20;

/// A stream, and the time by which all that is said on it has to be said.
pub(crate) struct HandshakeIo<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) deadline: Deadline,
}

impl HandshakeIo<'_> {
    /// Reads one head, and what came with it. Its buffer is not on the stack: what the deepest call of a thread has touched
    /// stays resident for as long as the connection.
    #[inline(never)]
    pub(crate) fn read_head(&self) -> Result<(Head, Vec<u8>)> {
        let rejected = |kind| Error::Handshake(HandshakeError::new(kind));
        let mut parser = HeadParser::request();
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

    /// Reads until there are so many bytes.
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

    /// Writes a head, and a body behind it.
    pub(crate) fn write(&self, head: Vec<u8>, body: &[u8]) -> Result<()> {
        let mut buffer = WriteBuffer::default();
        *buffer.bytes() = head;
        buffer.write(self.stream, body, WriteTimeout::Until(self.deadline)).map_err(io_error)
    }

    /// Writes an answer, and ends the stream when it has arrived, or its time is over.
    pub(crate) fn respond(&self, head: Vec<u8>, body: &[u8]) -> Result<()> {
        let written = self.write(head, body);
        if written.is_ok() {
            let deadline = Deadline::after(LINGER_TIMEOUT);
            self.stream.shutdown_write(deadline.remaining());
            linger(self.stream, deadline);
        }
        self.stream.shutdown();
        written
    }
}

/// Takes what the peer still sends. Closing a socket with unread bytes resets it, and the answer could be lost by that.
#[inline(never)]
fn linger(stream: &Stream, deadline: Deadline) {
    let mut chunk = [0; READ_CHUNK];
    let mut discarded = 0_usize;
    while discarded < MAX_LINGER_BYTES {
        match read_some(stream, &mut chunk, deadline) {
            Ok(0) | Err(_) => return,
            Ok(count) => discarded = discarded.saturating_add(count),
        }
    }
}

/// Reads some; 0 at the end.
fn read_some(stream: &Stream, to: &mut [u8], deadline: Deadline) -> Result<usize> {
    loop {
        // The deadline counts also for a peer that always has one more byte.
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Error::Timeout(Step::Handshake));
        }
        match stream.read_exclusive(to, left) {
            Ok(count) => return Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(io_error(error)),
        }
    }
}

fn io_error(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}
