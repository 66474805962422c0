//! A stream given away with what has been read of it. Knows the stream; must not know why it was given away.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Timeouts;
use crate::http::request::Request;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteTimeout};

/// How long what was written over halves brought by the caller may take to be handed on.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// A stream that was given away before anything was answered on it, see [`Decision::hand_over`](crate::Decision::hand_over).
///
/// Reading gives the bytes that came behind the head of the request, and then what the peer sends; a body of the request
/// is among them. Dropped, it closes the stream.
///
/// Both directions are bounded: a read that gets nothing within [`Timeouts::message`], and a write of which 64 KiB take longer
/// than [`Timeouts::write`], fail with `TimedOut`. [`set_timeouts`](RawStream::set_timeouts) sets others.
pub struct RawStream {
    stream: Arc<Stream>,
    /// Somebody else has the socket now.
    detached: bool,
    request: Request,
    /// Came behind the request; the first `consumed` of it have been read.
    early: Vec<u8>,
    consumed: usize,
    read_timeout: Duration,
    write_timeout: Duration,
}

impl RawStream {
    pub(crate) fn new(stream: Arc<Stream>, request: Request, early: Vec<u8>, timeouts: &Timeouts) -> RawStream {
        let (read_timeout, write_timeout) = (timeouts.message, timeouts.write);
        RawStream { stream, detached: false, request, early, consumed: 0, read_timeout, write_timeout }
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
    pub fn set_timeouts(&mut self, read: Duration, write: Duration) {
        (self.read_timeout, self.write_timeout) = (read, write);
    }

    /// Takes the TCP stream out, without any time limit, and the bytes behind the request that have not been read. From then
    /// on the server knows nothing of it; shutting down leaves it alone.
    ///
    /// # Errors
    /// Gives itself back if there is no plain TCP stream, or if the system has no descriptor for it.
    pub fn into_tcp(mut self) -> Result<(TcpStream, Vec<u8>), Box<RawStream>> {
        match self.stream.try_clone_tcp() {
            Some(socket) => Ok((socket, self.detach())),
            None => Err(Box::new(self)),
        }
    }

    /// As [`into_tcp`](RawStream::into_tcp), for a Unix socket. Only on Unix.
    ///
    /// # Errors
    /// Gives itself back if there is no plain Unix socket, or if the system has no descriptor for it.
    #[cfg(unix)]
    pub fn into_unix(mut self) -> Result<(UnixStream, Vec<u8>), Box<RawStream>> {
        match self.stream.try_clone_unix() {
            Some(socket) => Ok((socket, self.detach())),
            None => Err(Box::new(self)),
        }
    }

    fn detach(&mut self) -> Vec<u8> {
        self.detached = true;
        self.early.split_off(self.consumed.min(self.early.len()))
    }
}

impl Drop for RawStream {
    fn drop(&mut self) {
        if !self.detached {
            self.stream.shutdown_write(FINISH_TIMEOUT);
            self.stream.shutdown();
        }
    }
}

impl Read for RawStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut buffered = self.early.get(self.consumed..).unwrap_or_default();
        if !buffered.is_empty() {
            let count = buffered.read(to)?;
            self.consumed = self.consumed.saturating_add(count);
            return Ok(count);
        }
        if to.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(self.read_timeout);
        loop {
            let left = deadline.remaining();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.stream.read_exclusive(to, left) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return result,
            }
        }
    }
}

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WriteBuffer::default().write(&self.stream, bytes, WriteTimeout::PerChunk(self.write_timeout))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").field("request", &self.request).finish_non_exhaustive()
    }
}
