//! A socket whose calls are bounded. What the calls promise stands in [`stream`](super::stream).
//!
//! Systems differ in what a call that waits promises, so there are two ways to wait:
//!
//! | | [`Waits::Kernel`]: Unix | [`Waits::Sliced`]: every other system |
//! |---|---|---|
//! | a write that times out | has written nothing | has written an unknown number of bytes |
//! | so a write | waits in the kernel, one [`WRITE_QUANTUM`] | never waits in the kernel: attempts [`RETRY_DELAY`] apart, for one quantum |
//! | a non-blocking write | takes what there is room for | may take any amount, so each is offered [`MAX_WRITE`] at most |
//! | a read that times out | has taken nothing | may have taken bytes and lost them |
//! | so a read | waits in the kernel | waits in `peek`, which takes nothing |
//! | `shutdown` | ends the calls that wait | may not, so they look at a flag |
//! | which is seen | at once | by a write after [`RETRY_DELAY`], by a read after one slice |
//!
//! The slices of a read begin at [`FIRST_SLICE`]. Each is as long as the read has waited so far, up to [`LONGEST_SLICE`]:
//! an idle connection wakes once a second. `Waits` is a value and not a `cfg`, so the tests run both on every system.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::deadline::{Deadline, WRITE_QUANTUM};
use super::socket::Socket;

/// The read timeout is not known, because the socket was used elsewhere before.
const UNKNOWN_TIMEOUT: u64 = u64::MAX;
/// First time after which a read looks whether the stream was shut down.
const FIRST_SLICE: Duration = Duration::from_millis(20);
/// Maximum time after which a read looks whether the stream was shut down.
const LONGEST_SLICE: Duration = Duration::from_secs(1);
/// Time between two attempts to write to a full network.
const RETRY_DELAY: Duration = Duration::from_millis(1);
/// Maximum number of bytes in one non-blocking write, where the system sets no limit. A usual queue of frames or piece of TLS
/// fits, so that it stays one system call.
const MAX_WRITE: usize = 128 << 10;

pub(crate) struct TimedSocket {
    socket: Socket,
    waits: Waits,
    /// The read timeout of the socket in nanoseconds; 0 for none, [`UNKNOWN_TIMEOUT`] before the first.
    read_timeout: AtomicU64,
    /// Number of calls under way that must not wait.
    nonblocking_calls: Mutex<u32>,
    /// Set when a thread first writes while another one reads, and never reset.
    shared_writes: AtomicBool,
    /// Both directions were shut down on this side, through this handle or another.
    is_shut_down: Arc<AtomicBool>,
    /// Number of times that the peer took a part of a long write.
    pub(crate) progress: AtomicU64,
}

/// How a call waits; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    Kernel,
    Sliced,
}

impl TimedSocket {
    pub(crate) fn new(socket: impl Into<Socket>) -> io::Result<TimedSocket> {
        TimedSocket::with_waits(socket, if cfg!(unix) && !cfg!(stdws_portable) { Waits::Kernel } else { Waits::Sliced })
    }

    pub(crate) fn with_waits(socket: impl Into<Socket>, waits: Waits) -> io::Result<TimedSocket> {
        let socket = socket.into();
        socket.set_nodelay()?;
        if waits == Waits::Kernel {
            socket.set_write_timeout(Some(WRITE_QUANTUM))?;
        }
        Ok(TimedSocket {
            socket,
            waits,
            read_timeout: AtomicU64::new(UNKNOWN_TIMEOUT),
            nonblocking_calls: Mutex::new(0),
            shared_writes: AtomicBool::new(false),
            is_shut_down: Arc::default(),
            progress: AtomicU64::new(0),
        })
    }

    /// Another handle to the socket for another stream over it, such as TLS. A shutdown of either ends the calls of both.
    #[cfg(all(feature = "native-tls", feature = "server"))]
    pub(crate) fn try_clone(&self) -> io::Result<TimedSocket> {
        let clone = TimedSocket::with_waits(self.socket.try_clone()?, self.waits)?;
        Ok(TimedSocket { is_shut_down: self.is_shut_down.clone(), ..clone })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Another handle to the socket, without timeouts.
    #[cfg(feature = "server")]
    pub(crate) fn try_clone_socket(&self) -> Option<Socket> {
        let socket = self.socket.try_clone().ok()?;
        socket.set_read_timeout(None).and_then(|()| socket.set_write_timeout(None)).ok().map(|()| socket)
    }

    #[inline]
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        if wait.is_zero() {
            return self.nonblocking(|mut socket| socket.read(to));
        }
        if self.waits == Waits::Sliced {
            return self.read_sliced(to, wait);
        }
        if let Err(error) = self.set_read_timeout(wait) {
            return self.read_without_timeout(to, error);
        }
        let since = self.shared_writes.load(Ordering::SeqCst).then(Instant::now);
        (&self.socket).read(to).map_err(|error| self.classify_would_block(timeout_as_would_block(error), since, wait))
    }

    /// Reads on a system where a wait may lose bytes and `shutdown` may not end it.
    #[cold]
    fn read_sliced(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let since = Instant::now();
        loop {
            if self.is_shut_down.load(Ordering::SeqCst) {
                return Ok(0);
            }
            let elapsed = since.elapsed();
            let left = wait.saturating_sub(elapsed);
            if left.is_zero() {
                return Err(ErrorKind::WouldBlock.into());
            }
            if let Err(error) = self.set_read_timeout(left.min(next_slice(elapsed))) {
                return self.read_without_timeout(to, error);
            }
            match self.socket.peek(&mut [0]) {
                Ok(0) => return Ok(0),
                // Only one thread reads, so what was seen is still there, and this does not wait.
                Ok(_) => return (&self.socket).read(to).map_err(timeout_as_would_block),
                // A non-blocking write may cut a slice short, but not the wait.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads after the timeout could not be set. macOS refuses that with `InvalidInput` once both directions have ended;
    /// then all input has arrived, and no read waits.
    #[cold]
    fn read_without_timeout(&self, to: &mut [u8], error: io::Error) -> io::Result<usize> {
        if error.kind() != ErrorKind::InvalidInput {
            return Err(error);
        }
        match self.nonblocking(|mut socket| socket.read(to)) {
            Err(would_block) if would_block.kind() == ErrorKind::WouldBlock => Err(error),
            result => result,
        }
    }

    /// Writes, waiting up to one [`WRITE_QUANTUM`] for the network.
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.waits == Waits::Sliced {
            return self.write_sliced(bytes);
        }
        (&self.socket).write(bytes).map_err(as_would_block)
    }

    /// Writes on a system where a write that times out does not report the number of bytes written.
    #[cold]
    fn write_sliced(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = self.limited(bytes);
        let by = Deadline::after(WRITE_QUANTUM);
        loop {
            if self.is_shut_down.load(Ordering::SeqCst) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            match self.nonblocking(|mut socket| socket.write(bytes)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && !by.is_expired() => thread::sleep(RETRY_DELAY),
                result => return result,
            }
        }
    }

    /// Writes what there is room for now.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.nonblocking(|mut socket| socket.write(self.limited(bytes)))
    }

    /// The part that one non-blocking write may take.
    fn limited<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match self.waits {
            Waits::Kernel => bytes,
            Waits::Sliced => bytes.get(..MAX_WRITE).unwrap_or(bytes),
        }
    }

    /// From now on other threads write while one reads.
    pub(crate) fn enable_shared_writes(&self) {
        self.shared_writes.store(true, Ordering::SeqCst);
    }

    pub(crate) fn shutdown_write(&self) {
        drop(self.socket.shutdown(Shutdown::Write));
    }

    pub(crate) fn shutdown(&self) {
        self.set_shut_down();
        drop(self.socket.shutdown(Shutdown::Both));
    }

    /// What sliced calls see, on this handle and its clones.
    pub(crate) fn set_shut_down(&self) {
        self.is_shut_down.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        // A wait of centuries is set as no timeout, because systems may not understand it.
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(0);
        if self.read_timeout.load(Ordering::Relaxed) != nanos {
            self.socket.set_read_timeout((nanos != 0).then_some(wait))?;
            self.read_timeout.store(nanos, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes a call that does not wait. A thread that begins to read or write meanwhile may see `WouldBlock` early; it tries
    /// again, as after any wait. Several threads may be in here, because a Close is also sent by threads that do not read.
    /// The last one to leave lets the socket block again; an earlier one would let the calls of the others wait.
    pub(super) fn nonblocking<T>(&self, call: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
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

    /// Distinguishes a read that has waited its time from one that began during a non-blocking write.
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

/// Time until a read looks again, after it has waited `elapsed`.
fn next_slice(elapsed: Duration) -> Duration {
    elapsed.clamp(FIRST_SLICE, LONGEST_SLICE)
}

#[cold]
pub(super) fn timeout_as_would_block(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut => ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

/// Treats a signal as an expired wait, for callers that soon ask again.
#[cold]
pub(super) fn as_would_block(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::Interrupted => ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::{kind, sockets};
    use std::net::TcpStream;
    use std::sync::mpsc;

    const LONG: Duration = Duration::from_secs(120);

    /// Fails the test instead of hanging.
    fn watched(work: impl FnOnce() + Send + 'static) {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            work();
            sender.send(()).unwrap();
        });
        receiver.recv_timeout(LONG * 2).expect("no result in time, or a panic above");
    }

    /// The end that is tested, waiting in slices, and its peer.
    fn sliced() -> (TimedSocket, TcpStream) {
        let (near, far) = sockets();
        (TimedSocket::with_waits(near, Waits::Sliced).unwrap(), far)
    }

    /// Writes until the network is full.
    fn fill(near: &TimedSocket) {
        let bytes = [0; MAX_WRITE];
        while near.write(&bytes).is_ok() || near.try_write(&bytes).is_ok() {}
    }

    /// A write that waited in the kernel would hang here, because it has no timeout.
    #[test]
    fn a_sliced_write_never_waits_in_the_kernel() {
        watched(|| {
            let (near, _far) = sliced();
            fill(&near);
            assert_eq!(near.socket.as_tcp().unwrap().write_timeout().unwrap(), None);
            // The system may make room in a connection long after it was first full.
            let waited = loop {
                let start = Instant::now();
                if let Err(error) = near.write(&[0; MAX_WRITE]) {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break start.elapsed();
                }
            };
            assert!(waited >= WRITE_QUANTUM && waited < LONG / 4, "{waited:?}");
        });
    }

    #[test]
    fn a_sliced_write_offers_a_limited_number_of_bytes() {
        let bytes = vec![0; MAX_WRITE * 4];
        let (near, _far) = sliced();
        assert!(near.try_write(&bytes).unwrap() <= MAX_WRITE);
        assert!(near.write(&bytes).unwrap() <= MAX_WRITE);
    }

    /// The system wakes nothing here: only the flag is set, and the socket stays open.
    #[test]
    fn a_shutdown_that_wakes_no_system_call_ends_sliced_calls() {
        watched(|| {
            let (near, _far) = sliced();
            fill(&near);
            thread::scope(|scope| {
                let reading = scope.spawn(|| near.read(&mut [0; 8], Duration::MAX));
                let writing = scope.spawn(|| loop {
                    // A full network may still have room for a little.
                    match near.write(&[0; MAX_WRITE]) {
                        Err(error) if error.kind() != ErrorKind::WouldBlock => break Err(error),
                        _ => {}
                    }
                });
                thread::sleep(FIRST_SLICE * 3);
                let start = Instant::now();
                near.set_shut_down();
                assert_eq!(kind(writing.join().unwrap()), Err(ErrorKind::BrokenPipe));
                assert_eq!(kind(reading.join().unwrap()), Ok(0));
                assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
            });
        });
    }

    #[test]
    fn a_sliced_read_waits_for_its_timeout_and_takes_what_comes() {
        watched(|| {
            let (near, mut far) = sliced();
            let (wait, start) = (FIRST_SLICE * 4, Instant::now());
            assert_eq!(kind(near.read(&mut [0; 8], wait)), Err(ErrorKind::WouldBlock));
            assert!(start.elapsed() >= wait && start.elapsed() < LONG / 2, "{:?}", start.elapsed());
            let late = thread::spawn(move || {
                thread::sleep(FIRST_SLICE * 4);
                far.write_all(b"abc").unwrap();
            });
            let mut to = [0; 8];
            assert_eq!(kind(near.read(&mut to, Duration::MAX)), Ok(3));
            assert_eq!(&to[..3], b"abc");
            late.join().unwrap();
            assert_eq!(kind(near.read(&mut to, LONG)), Ok(0));
        });
    }

    #[test]
    fn an_idle_sliced_read_wakes_once_a_second() {
        let (mut elapsed, mut wakes) = (Duration::ZERO, 0);
        while elapsed < Duration::from_secs(60) {
            elapsed += next_slice(elapsed);
            wakes += 1;
        }
        assert!(wakes < 70, "{wakes}");
    }

    /// macOS refuses to set a timeout once both directions have ended. What came before can still be read.
    #[test]
    fn a_refused_timeout_is_no_error_after_the_end() {
        let invalid = || io::Error::from(ErrorKind::InvalidInput);
        let (near, mut far) = sliced();
        let mut to = [0; 8];
        assert_eq!(kind(near.read_without_timeout(&mut to, invalid())), Err(ErrorKind::InvalidInput));
        far.write_all(b"abc").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        near.shutdown_write();
        assert_eq!(kind(near.read(&mut to[..1], LONG)), Ok(1));
        let refused = ErrorKind::PermissionDenied;
        assert_eq!(kind(near.read_without_timeout(&mut to, refused.into())), Err(refused));
        assert_eq!(kind(near.read_without_timeout(&mut to, invalid())), Ok(2));
        while let Err(error) = near.read_without_timeout(&mut to, invalid()) {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(kind(near.read_without_timeout(&mut to, invalid())), Ok(0));
    }
}
