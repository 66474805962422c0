//! A connected TCP or Unix socket, with the few calls that a stream needs. Each is one system call. Knows no limits.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroUsize;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
#[cfg(feature = "server")]
use std::sync::OnceLock;
use std::time::Duration;

/// A connected socket. A Unix socket is held as a `TcpStream` too, because every call below needs only the descriptor, and
/// because no [`write`](Write::write) may raise SIGPIPE: that of `TcpStream` sets `MSG_NOSIGNAL`, that of `UnixStream` does so
/// only in newer versions of `std`. `write_vectored` never does, so nothing here uses it.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(TcpStream),
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Socket {
        Socket::Tcp(socket)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Socket {
    fn from(socket: UnixStream) -> Socket {
        Socket::Unix(OwnedFd::from(socket).into())
    }
}

impl Socket {
    /// The descriptor, whatever the family.
    #[inline]
    pub(super) fn handle(&self) -> &TcpStream {
        match self {
            Socket::Tcp(socket) => socket,
            #[cfg(unix)]
            Socket::Unix(socket) => socket,
        }
    }

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
        self.as_tcp().map_or(Ok(()), |socket| socket.set_nodelay(true))
    }

    /// Whether each write is sent at once. A Unix socket does so.
    #[cfg(feature = "server")]
    fn is_nodelay(&self) -> io::Result<bool> {
        self.as_tcp().map_or(Ok(true), TcpStream::nodelay)
    }

    #[cfg(feature = "server")]
    fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.handle().write_timeout()
    }

    /// The descriptor, for a caller that waits for input elsewhere.
    #[cfg(unix)]
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle().as_fd()
    }

    /// The socket, for a caller that waits for input elsewhere.
    #[cfg(windows)]
    pub(crate) fn as_socket(&self) -> BorrowedSocket<'_> {
        self.handle().as_socket()
    }

    pub(super) fn as_tcp(&self) -> Option<&TcpStream> {
        match self {
            Socket::Tcp(socket) => Some(socket),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }

    /// Waits for bytes and leaves them there; 0 at the end.
    pub(crate) fn peek(&self, to: &mut [u8]) -> io::Result<usize> {
        self.handle().peek(to)
    }

    /// The address of this end; `None` for a Unix socket.
    #[cfg(feature = "server")]
    pub(crate) fn local_addr(&self) -> Option<std::net::SocketAddr> {
        self.as_tcp().and_then(|socket| socket.local_addr().ok())
    }

    pub(crate) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        #[cfg(test)]
        tests::meet_timeout(limit)?;
        self.handle().set_read_timeout(limit)
    }

    pub(super) fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        #[cfg(test)]
        tests::meet_timeout(limit)?;
        self.handle().set_write_timeout(limit)
    }

    /// Whether calls return at once instead of waiting.
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.handle().set_nonblocking(nonblocking)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.handle().shutdown(how)
    }
}

/// The options of a listening socket that its streams need. Linux passes them on to accepted sockets. No standard says so, hence
/// the first accepted socket is examined.
#[cfg(feature = "server")]
#[derive(Debug)]
pub(crate) struct InheritedOptions {
    /// As the system has rounded it.
    write_timeout: Option<Duration>,
    /// Whether the first accepted socket has inherited them.
    inherited: OnceLock<bool>,
}

#[cfg(feature = "server")]
impl InheritedOptions {
    /// Sets the options on a listening socket. No other process may accept its connections.
    pub(crate) fn set(listener: &Socket, write_timeout: Duration) -> io::Result<InheritedOptions> {
        listener.set_nodelay()?;
        listener.set_write_timeout(Some(write_timeout))?;
        Ok(InheritedOptions { write_timeout: listener.write_timeout()?, inherited: OnceLock::new() })
    }

    /// Whether an accepted socket has the options.
    pub(crate) fn have_passed_to(&self, accepted: &Socket) -> bool {
        let has_timeout = || accepted.write_timeout().is_ok_and(|timeout| timeout == self.write_timeout);
        *self.inherited.get_or_init(|| has_timeout() && accepted.is_nodelay().unwrap_or(false))
    }
}

impl Read for &Socket {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.handle().read(to)
    }
}

impl Write for &Socket {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handle().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The number of bytes that a write has taken. No system takes none of some bytes; whoever repeats such a write has no end.
#[inline]
pub(crate) fn taken(count: usize) -> io::Result<usize> {
    NonZeroUsize::new(count).map(NonZeroUsize::get).ok_or_else(|| io::ErrorKind::WriteZero.into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::net::stream::tests::sockets;
    use std::cell::Cell;

    thread_local! {
        /// The error of each timeout that this thread sets, as on a system that refuses them.
        pub(crate) static REFUSES_TIMEOUTS: Cell<Option<io::ErrorKind>> = const { Cell::new(None) };
        /// The timeout that this thread has set last.
        pub(crate) static LAST_TIMEOUT: Cell<Option<Duration>> = const { Cell::new(None) };
    }

    pub(super) fn meet_timeout(limit: Option<Duration>) -> io::Result<()> {
        LAST_TIMEOUT.set(limit);
        REFUSES_TIMEOUTS.get().map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Each option alone is not enough.
    #[cfg(feature = "server")]
    #[test]
    fn options_that_were_not_passed_on_are_noticed() {
        let timeout = Some(Duration::from_secs(7));
        for (set, nodelay, passed) in [(None, true, false), (timeout, false, false), (timeout, true, true)] {
            let (listening, accepted) = sockets();
            let options = InheritedOptions::set(&listening.into(), Duration::from_secs(7)).unwrap();
            accepted.set_write_timeout(set).unwrap();
            accepted.set_nodelay(nodelay).unwrap();
            assert_eq!(options.have_passed_to(&accepted.into()), passed, "{set:?} {nodelay}");
        }
    }

    /// A Unix socket has no option for it, and needs none.
    #[cfg(all(unix, feature = "server"))]
    #[test]
    fn an_option_that_cannot_be_read_was_not_passed_on() {
        let timeout = Duration::from_secs(7);
        for (is_unix, passed) in [(true, true), (false, false)] {
            let (listening, accepted) = UnixStream::pair().unwrap();
            let options = InheritedOptions::set(&listening.into(), timeout).unwrap();
            accepted.set_write_timeout(Some(timeout)).unwrap();
            let socket = if is_unix { accepted.into() } else { Socket::Tcp(OwnedFd::from(accepted).into()) };
            assert_eq!(options.have_passed_to(&socket), passed);
            assert_eq!(socket.local_addr(), None);
        }
        let (near, _far) = sockets();
        let address = near.local_addr().unwrap();
        assert_eq!(Socket::from(near).local_addr(), Some(address));
    }

    #[test]
    fn a_write_of_nothing_is_an_error() {
        assert_eq!((taken(0).map_err(|error| error.kind()), taken(3).unwrap()), (Err(io::ErrorKind::WriteZero), 3));
    }

    #[test]
    fn a_flush_has_nothing_to_do() {
        let (near, _far) = sockets();
        let socket = Socket::from(near);
        (&socket).flush().unwrap();
    }
}
