//! HTTP on a stream, by a deadline: reads one head, writes one answer, ends the stream so that the answer arrives.
//!
//! Knows bytes and time; must not know what a request is judged by.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::error::{Error, HandshakeFault, Refusal, Result, Step};
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::wire::http::{Head, HeadParser, Progress};

/// A request fits one read of this size, unless it has large cookies.
const PART: usize = 1 << 10;
/// How long, and for how many bytes, a peer that was answered is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// A stream, and the time by which all that is said on it has to be said.
pub(super) struct Talk<'a> {
    pub(super) stream: &'a Stream,
    pub(super) deadline: Deadline,
}

impl Talk<'_> {
    /// Reads one head, and what came with it. Its buffer is not on the stack: what the deepest call of a thread has touched
    /// stays resident for as long as the connection.
    #[inline(never)]
    pub(super) fn read_head(&self) -> Result<(Head, Vec<u8>)> {
        let refused = |fault| Error::Handshake(Refusal::new(fault));
        let mut parser = HeadParser::request();
        let mut part = vec![0; PART];
        loop {
            let count = match read(self.stream, &mut part, self.deadline)? {
                0 => return Err(refused(HandshakeFault::Ended)),
                count => count,
            };
            let bytes = part.get(..count).unwrap_or_default();
            match parser.feed(bytes).map_err(|fault| refused(HandshakeFault::Head(fault)))? {
                Progress::More => {}
                Progress::Done { consumed } => {
                    let early = bytes.get(consumed..).unwrap_or_default().to_vec();
                    let head = parser.finish().ok_or_else(|| refused(HandshakeFault::Ended))?;
                    return Ok((head, early));
                }
            }
        }
    }

    /// Reads until there are so many bytes.
    #[cfg(feature = "legacy")]
    #[inline(never)]
    pub(super) fn read_to(&self, bytes: &mut Vec<u8>, count: usize) -> Result<()> {
        let mut part = [0; PART];
        while bytes.len() < count {
            match read(self.stream, &mut part, self.deadline)? {
                0 => return Err(Error::Handshake(Refusal::new(HandshakeFault::Ended))),
                count => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            }
        }
        Ok(())
    }

    /// Writes a head, and a body behind it.
    pub(super) fn write(&self, head: Vec<u8>, body: &[u8]) -> Result<()> {
        let mut outbox = Outbox::default();
        *outbox.bytes() = head;
        outbox.write(self.stream, body, Limit::Whole(self.deadline)).map_err(failed)
    }

    /// Writes an answer, and ends the stream when it has arrived, or its time is over.
    pub(super) fn answer(&self, head: Vec<u8>, body: &[u8]) -> Result<()> {
        let written = self.write(head, body);
        if written.is_ok() {
            let deadline = Deadline::after(LINGER);
            self.stream.finish(deadline.left());
            linger(self.stream, deadline);
        }
        self.stream.shut();
        written
    }
}

/// Takes what the peer still sends. Closing a socket with unread bytes resets it, and the answer could be lost by that.
#[inline(never)]
fn linger(stream: &Stream, deadline: Deadline) {
    let mut part = [0; PART];
    let mut taken = 0_usize;
    while taken < LINGER_BYTES {
        match read(stream, &mut part, deadline) {
            Ok(0) | Err(_) => return,
            Ok(count) => taken = taken.saturating_add(count),
        }
    }
}

/// Reads some; 0 at the end.
fn read(stream: &Stream, to: &mut [u8], deadline: Deadline) -> Result<usize> {
    loop {
        // The deadline counts also for a peer that always has one more byte.
        let left = deadline.left();
        if left.is_zero() {
            return Err(Error::Timeout(Step::Handshake));
        }
        match stream.read_alone(to, left) {
            Ok(count) => return Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}
