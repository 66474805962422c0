//! A socket with bounded calls, and nothing over it. What the calls promise, [`Stream`](super::stream::Stream) says.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::deadline::WRITE_QUANTUM;
use super::socket::Socket;

/// Whoever had the socket before may have set any read timeout.
const UNKNOWN_TIMEOUT: u64 = u64::MAX;

pub(crate) struct TimedSocket {
    socket: Socket,
    /// The read timeout the socket has, in nanoseconds; 0 for none, [`UNKNOWN_TIMEOUT`] before the first.
    read_timeout: AtomicU64,
    /// How many calls are under way that must not wait.
    nonblocking_calls: Mutex<u32>,
    /// Set for good when a thread writes beside the one that reads for the first time.
    shared_writes: AtomicBool,
    /// How often a peer took some of what was long to write.
    pub(crate) progress: AtomicU64,
}

impl TimedSocket {
    /// `limit` is the longest that any write will be waited for.
    pub(crate) fn new(socket: impl Into<Socket>, limit: Duration) -> io::Result<TimedSocket> {
        let socket = socket.into();
        socket.set_nodelay()?;
        // Zero would mean no timeout at all.
        let timeout = if cfg!(unix) { WRITE_QUANTUM } else { limit.max(WRITE_QUANTUM) };
        socket.set_write_timeout(Some(timeout))?;
        Ok(TimedSocket {
            socket,
            read_timeout: AtomicU64::new(UNKNOWN_TIMEOUT),
            nonblocking_calls: Mutex::new(0),
            shared_writes: AtomicBool::new(false),
            progress: AtomicU64::new(0),
        })
    }

    pub(crate) fn try_clone_tcp(&self) -> Option<TcpStream> {
        let Socket::Tcp(socket) = &self.socket else { return None };
        let socket = socket.try_clone().ok()?;
        socket.set_read_timeout(None).and_then(|()| socket.set_write_timeout(None)).ok().map(|()| socket)
    }

    #[cfg(unix)]
    pub(crate) fn try_clone_unix(&self) -> Option<UnixStream> {
        let Socket::Unix(socket) = &self.socket else { return None };
        let socket = socket.try_clone().ok()?;
        socket.set_read_timeout(None).and_then(|()| socket.set_write_timeout(None)).ok().map(|()| socket)
    }

    #[inline]
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        if wait.is_zero() {
            return self.nonblocking(|mut socket| socket.read(to));
        }
        self.set_read_timeout(wait)?;
        let since = self.shared_writes.load(Ordering::SeqCst).then(Instant::now);
        (&self.socket).read(to).map_err(|error| self.classify_would_block(timeout_as_would_block(error), since, wait))
    }

    #[inline]
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match second.is_empty() {
            true => (&self.socket).write(first).map_err(as_would_block),
            false => {
                (&self.socket).write_vectored(&[IoSlice::new(first), IoSlice::new(second)]).map_err(as_would_block)
            }
        }
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.nonblocking(|mut socket| socket.write(bytes))
    }

    /// From now on other threads write while one reads.
    pub(crate) fn enable_shared_writes(&self) {
        self.shared_writes.store(true, Ordering::SeqCst);
    }

    pub(crate) fn shutdown_write(&self) {
        drop(self.socket.shutdown(Shutdown::Write));
    }

    pub(crate) fn shutdown(&self) {
        drop(self.socket.shutdown(Shutdown::Both));
    }

    pub(crate) fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        // Longer than a century is as good as no timeout, and no system has to understand it.
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(0);
        if self.read_timeout.load(Ordering::Relaxed) != nanos {
            self.socket.set_read_timeout((nanos != 0).then_some(wait))?;
            self.read_timeout.store(nanos, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A thread that reads or writes meanwhile may see `WouldBlock` early; it tries again, as after any slice. Several
    /// threads may be in here, because a Close is also sent by those who do not read: the last one to leave lets the socket
    /// block again, or else a call that must not wait could.
    pub(crate) fn nonblocking<T>(&self, call: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        {
            let mut inside = self.nonblocking_calls.lock().unwrap_or_else(PoisonError::into_inner);
            if *inside == 0 {
                self.socket.set_nonblocking(true)?;
            }
            *inside = inside.saturating_add(1);
        }
        let result = call(&self.socket);
        let mut inside = self.nonblocking_calls.lock().unwrap_or_else(PoisonError::into_inner);
        *inside = inside.saturating_sub(1);
        if *inside == 0 {
            self.socket.set_nonblocking(false)?;
        }
        result.map_err(as_would_block)
    }

    /// Whether a read that found nothing has really waited, or met the moment of a write beside it.
    #[cold]
    fn classify_would_block(&self, error: io::Error, since: Option<Instant>, wait: Duration) -> io::Error {
        if error.kind() != ErrorKind::WouldBlock || !self.shared_writes.load(Ordering::SeqCst) {
            return error;
        }
        // A timer may be a little early.
        match since.is_some_and(|since| since.elapsed().saturating_add(WRITE_QUANTUM) >= wait) {
            true => error,
            false => ErrorKind::Interrupted.into(),
        }
    }
}

#[cold]
fn timeout_as_would_block(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut => ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

/// For those who ask again soon anyway, a signal is no more than that.
#[cold]
pub(crate) fn as_would_block(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::Interrupted => ErrorKind::WouldBlock.into(),
        _ => error,
    }
}
