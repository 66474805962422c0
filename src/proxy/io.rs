//! The stream to a proxy until the tunnel is open, under one deadline: a socket, or TLS over one. Takes no byte that was not
//! asked for. Knows no protocol.

use std::io::{self, ErrorKind};
use std::time::Duration;

#[cfg(feature = "native-tls")]
use super::tls_io::TlsIo;
#[cfg(feature = "native-tls")]
use crate::net::deadline::Deadline;
use crate::net::deadline_io::DeadlineIo;

/// `TimedOut` means that the deadline has passed.
pub(super) enum ProxyIo<'a> {
    Socket(DeadlineIo<'a>),
    #[cfg(feature = "native-tls")]
    Tls(TlsIo<'a>),
}

impl<'a> ProxyIo<'a> {
    #[cfg(feature = "native-tls")]
    pub(super) fn over_tls(stream: &'a crate::net::stream::Stream, deadline: Deadline) -> ProxyIo<'a> {
        ProxyIo::Tls(TlsIo::new(stream, deadline))
    }

    /// The same stream with a deadline of at most `limit` from now.
    pub(super) fn within(&self, limit: Duration) -> ProxyIo<'a> {
        match self {
            ProxyIo::Socket(socket) => ProxyIo::Socket(socket.within(limit)),
            #[cfg(feature = "native-tls")]
            ProxyIo::Tls(tls) => ProxyIo::Tls(tls.within(limit)),
        }
    }

    /// Waits for bytes, copies them and leaves them on the stream. Returns 0 at its end.
    pub(super) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            ProxyIo::Socket(socket) => socket.peek(to),
            #[cfg(feature = "native-tls")]
            ProxyIo::Tls(tls) => tls.peek(to),
        }
    }

    /// Waits for bytes and takes them. Returns 0 at the end of the stream.
    pub(super) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            ProxyIo::Socket(socket) => socket.read(to),
            #[cfg(feature = "native-tls")]
            ProxyIo::Tls(tls) => tls.read(to),
        }
    }

    /// Fills `to`. Fails with `UnexpectedEof` when the stream ends before that.
    pub(super) fn read_exact(&self, mut to: &mut [u8]) -> io::Result<()> {
        while !to.is_empty() {
            let count = self.read(to)?;
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
            #[cfg(feature = "native-tls")]
            ProxyIo::Tls(tls) => tls.write_all(bytes),
        }
    }
}
