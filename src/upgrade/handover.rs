//! A stream given away with what has been read of it. Knows the stream; must not know why it was given away.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::request::Request;
use crate::config::Timeouts;
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;

/// How long what was written over halves brought by the caller may take to be handed on.
const FAREWELL: Duration = Duration::from_secs(1);

/// A stream that was given away before anything was answered on it, see [`Decision::hand_over`](crate::Decision::hand_over).
///
/// Reading gives the bytes that came behind the head of the request, and then what the peer sends; a body of the request
/// is among them. Dropped, it closes the stream.
///
/// Both directions are bounded: a read that gets nothing within [`Timeouts::message`], and a write of which 64 KiB take longer
/// than [`Timeouts::write`], fail with `TimedOut`. [`set_limits`](Handover::set_limits) sets others.
pub struct Handover {
    stream: Arc<Stream>,
    /// Somebody else has the socket now.
    released: bool,
    request: Request,
    /// Came behind the request; the first `taken` of it have been read.
    early: Vec<u8>,
    taken: usize,
    read_limit: Duration,
    write_limit: Duration,
}

impl Handover {
    pub(super) fn new(stream: Arc<Stream>, request: Request, early: Vec<u8>, timeouts: &Timeouts) -> Handover {
        let (read_limit, write_limit) = (timeouts.message, timeouts.write);
        Handover { stream, released: false, request, early, taken: 0, read_limit, write_limit }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The head of the request as bytes, the empty line included, for those who parse it themselves. Fields stand in the
    /// order they came, without the white space around their values.
    pub fn head(&self) -> Vec<u8> {
        let head = self.request.head();
        let version = head.version();
        let mut bytes =
            format!("{} {} HTTP/{}.{}\r\n", head.method(), head.target(), version.major, version.minor).into_bytes();
        for (name, value) in head.fields() {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// How long a read may wait for a byte, and how long each 64 KiB of a write may take.
    pub fn set_limits(&mut self, read: Duration, write: Duration) {
        (self.read_limit, self.write_limit) = (read, write);
    }

    /// Takes the TCP stream out, without any time limit, and the bytes behind the request that have not been read. From then
    /// on the server knows nothing of it; shutting down leaves it alone.
    ///
    /// # Errors
    /// Gives itself back if there is no plain TCP stream, or if the system has no descriptor for it.
    pub fn into_tcp(mut self) -> Result<(TcpStream, Vec<u8>), Box<Handover>> {
        match self.stream.tcp() {
            Some(socket) => Ok((socket, self.release())),
            None => Err(Box::new(self)),
        }
    }

    /// As [`into_tcp`](Handover::into_tcp), for a Unix socket. Only on Unix.
    ///
    /// # Errors
    /// Gives itself back if there is no plain Unix socket, or if the system has no descriptor for it.
    #[cfg(unix)]
    pub fn into_unix(mut self) -> Result<(UnixStream, Vec<u8>), Box<Handover>> {
        match self.stream.unix() {
            Some(socket) => Ok((socket, self.release())),
            None => Err(Box::new(self)),
        }
    }

    fn release(&mut self) -> Vec<u8> {
        self.released = true;
        self.early.split_off(self.taken.min(self.early.len()))
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if !self.released {
            self.stream.finish(FAREWELL);
            self.stream.shut();
        }
    }
}

impl Read for Handover {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut waiting = self.early.get(self.taken..).unwrap_or_default();
        if !waiting.is_empty() {
            let count = waiting.read(to)?;
            self.taken = self.taken.saturating_add(count);
            return Ok(count);
        }
        if to.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(self.read_limit);
        loop {
            let left = deadline.left();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.stream.read_alone(to, left) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return result,
            }
        }
    }
}

impl Write for Handover {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Outbox::default().write(&self.stream, bytes, Limit::Each(self.write_limit))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").field("request", &self.request).finish_non_exhaustive()
    }
}
