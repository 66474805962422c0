//! The stream to a proxy until the tunnel is open, under one deadline: a socket, or TLS over one. Takes no byte that was not
//! asked for. Knows no protocol.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::deadline_io::DeadlineIo;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteTimeout};

/// `TimedOut` means that the deadline has passed.
pub(super) enum ProxyIo<'a> {
    Socket(DeadlineIo<'a>),
    Tls(TlsIo<'a>),
}

/// TLS has no peek, so bytes are read one by one until the last one that was asked for. The engine has them in memory.
pub(super) struct TlsIo<'a> {
    stream: &'a Stream,
    deadline: Deadline,
    /// A byte that was read for a peek.
    peeked: Cell<Option<u8>>,
}

impl<'a> ProxyIo<'a> {
    pub(super) fn over_tls(stream: &'a Stream, deadline: Deadline) -> ProxyIo<'a> {
        ProxyIo::Tls(TlsIo { stream, deadline, peeked: Cell::new(None) })
    }

    /// The same stream with a deadline of at most `limit` from now.
    pub(super) fn within(&self, limit: Duration) -> ProxyIo<'a> {
        match self {
            ProxyIo::Socket(socket) => ProxyIo::Socket(socket.within(limit)),
            ProxyIo::Tls(TlsIo { stream, deadline, peeked }) => {
                let deadline = Deadline::after(deadline.remaining().min(limit));
                ProxyIo::Tls(TlsIo { stream, deadline, peeked: peeked.clone() })
            }
        }
    }

    /// Waits for bytes, copies them and leaves them on the stream. Returns 0 at its end.
    pub(super) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            ProxyIo::Socket(socket) => socket.peek(to),
            ProxyIo::Tls(tls) => tls.peek(to),
        }
    }

    /// Waits for bytes and takes them. Returns 0 at the end of the stream.
    pub(super) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            ProxyIo::Socket(socket) => socket.read(to),
            ProxyIo::Tls(tls) => tls.read(to),
        }
    }

    /// Fills `to`. Fails with `UnexpectedEof` when the stream ends before that.
    pub(super) fn read_exact(&self, mut to: &mut [u8]) -> io::Result<()> {
        let tls = match self {
            ProxyIo::Socket(socket) => return socket.read_exact(to),
            ProxyIo::Tls(tls) => tls,
        };
        while !to.is_empty() {
            let count = tls.read(to)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            to = to.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all bytes.
    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            ProxyIo::Socket(socket) => socket.write_all(bytes),
            ProxyIo::Tls(tls) => WriteBuffer::default().write(tls.stream, bytes, WriteTimeout::Until(tls.deadline)),
        }
    }
}

impl TlsIo<'_> {
    /// Copies one byte.
    fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        let Some(first) = to.first_mut() else { return Ok(0) };
        if self.peeked.get().is_none() {
            let mut byte = [0];
            if self.read_stream(&mut byte)? == 0 {
                return Ok(0);
            }
            let [byte] = byte;
            self.peeked.set(Some(byte));
        }
        *first = self.peeked.get().unwrap_or_default();
        Ok(1)
    }

    fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        match (self.peeked.take(), to.first_mut()) {
            (Some(byte), Some(first)) => {
                *first = byte;
                Ok(1)
            }
            (peeked, _) => {
                self.peeked.set(peeked);
                self.read_stream(to)
            }
        }
    }

    fn read_stream(&self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.deadline.remaining();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.stream.read_exclusive(to, left) {
                // A wait may end slightly early; the deadline decides.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return result,
            }
        }
    }
}
