//! A connected TCP or Unix socket, with the few calls that a stream needs. Each is one system call. Knows no limits.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Socket {
        Socket::Tcp(socket)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Socket {
    fn from(socket: UnixStream) -> Socket {
        Socket::Unix(socket)
    }
}

impl Socket {
    /// Another handle to the same socket.
    #[cfg(feature = "server")]
    pub(crate) fn try_clone(&self) -> io::Result<Socket> {
        Ok(match self {
            Socket::Tcp(socket) => Socket::Tcp(socket.try_clone()?),
            #[cfg(unix)]
            Socket::Unix(socket) => Socket::Unix(socket.try_clone()?),
        })
    }

    /// Sends each write at once. A message is one write, so waiting for more would only delay it. Only TCP waits.
    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_nodelay(true),
            #[cfg(unix)]
            Socket::Unix(_) => Ok(()),
        }
    }

    pub(super) fn as_tcp(&self) -> Option<&TcpStream> {
        match self {
            Socket::Tcp(socket) => Some(socket),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }

    /// Waits for bytes and leaves them there; 0 at the end. `std` has this only for TCP.
    pub(super) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        self.as_tcp().map_or_else(|| Err(ErrorKind::Unsupported.into()), |socket| socket.peek(to))
    }

    /// The address of this end; `None` for a Unix socket.
    #[cfg(feature = "server")]
    pub(crate) fn local_addr(&self) -> Option<std::net::SocketAddr> {
        match self {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }

    pub(super) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_read_timeout(limit),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_read_timeout(limit),
        }
    }

    pub(super) fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_write_timeout(limit),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_write_timeout(limit),
        }
    }

    /// Whether calls return at once instead of waiting.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_nonblocking(nonblocking),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_nonblocking(nonblocking),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.shutdown(how),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.shutdown(how),
        }
    }
}

impl Read for &Socket {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => { socket }.read(to),
            #[cfg(unix)]
            Socket::Unix(socket) => { socket }.read(to),
        }
    }
}

impl Write for &Socket {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => { socket }.write(bytes),
            #[cfg(unix)]
            Socket::Unix(socket) => { socket }.write(bytes),
        }
    }

    #[inline]
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => { socket }.write_vectored(parts),
            #[cfg(unix)]
            Socket::Unix(socket) => { socket }.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
