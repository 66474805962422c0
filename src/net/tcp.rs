//! A socket whose calls are bounded. What the calls promise stands in [`stream`](super::stream).
//!
//! Systems differ in what a call that waits promises, so there are two ways to wait:
//!
//! | | [`Waits::Kernel`]: Unix | [`Waits::Sliced`]: every other system |
//! |---|---|---|
//! | a write that times out | has written nothing | has written an unknown number of bytes |
//! | so a write | waits in the kernel | never waits in the kernel: attempts follow each other after growing delays |
//! | a non-blocking write | takes what there is room for | may take any amount, so each is offered [`MAX_WRITE`] at most |
//! | a read that times out | has taken nothing | may have taken bytes and lost them |
//! | so a read | waits in the kernel | waits in `peek`, which takes nothing |
//! | `shutdown` | ends the calls that wait | may not, so they look at a flag |
//! | which is seen | at once | by a write after [`LONGEST_RETRY`], by a read after one slice |
//!
//! The slices of a read begin at [`FIRST_SLICE`]. Each is as long as the read has waited so far, up to [`LONGEST_SLICE`]:
//! an idle connection wakes once a second. The delays of a write begin at [`FIRST_RETRY`]. Each is an eighth of the time that
//! the write has waited so far, up to [`LONGEST_RETRY`]. `Waits` is a value and not a `cfg`, so the tests run both on every
//! system.
//!
//! **Long waits for the network.** A write in the kernel does not return at the first bytes that the peer takes, but when all
//! bytes are taken or its timeout has passed. Some systems begin the timeout again with each byte that they take. So a write
//! that may wait longer than one [`WRITE_QUANTUM`] offers at most [`SINGLE_WAIT`] bytes. That is one wait on every system: it
//! ends with room for these bytes, at the timeout, or by `shutdown`.
//!
//! **Options.** Each timeout is a system call, so it is set only when it differs from the one that is set. A read may begin
//! with a shorter one that is set already, and waits the rest after it. The opening handshake leaves such a timeout behind, and
//! most connections receive something before it passes. Once one has passed, the timeouts of reads are exact. Accepted sockets
//! inherit options on Linux, so a server sets them on its listening socket ([`InheritedOptions`](super::socket::InheritedOptions)).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::deadline::WRITE_QUANTUM;
use super::socket::Socket;
use crate::primitives::lock::Lock;

/// The timeout is not known, because the socket was used elsewhere before.
const UNKNOWN_TIMEOUT: u64 = u64::MAX;
/// Maximum number of bytes of a write that may wait long. Systems wake it when there is room for at least 2 KiB.
const SINGLE_WAIT: usize = 1 << 10;
/// First time after which a read looks whether the stream was shut down.
const FIRST_SLICE: Duration = Duration::from_millis(20);
/// Maximum time after which a read looks whether the stream was shut down.
const LONGEST_SLICE: Duration = Duration::from_secs(1);
/// Minimum time between two attempts to write to a full network.
const FIRST_RETRY: Duration = Duration::from_millis(1);
/// Maximum time between two attempts to write to a full network.
const LONGEST_RETRY: Duration = Duration::from_millis(20);
/// Maximum number of bytes in one write where the system sets no limit: queued frames and the one that fills the queue.
const MAX_WRITE: usize = 160 << 10;

pub(crate) struct TimedSocket {
    socket: Socket,
    waits: Waits,
    /// The read timeout of the socket in nanoseconds; 0 for none, [`UNKNOWN_TIMEOUT`] before the first.
    read_timeout: AtomicU64,
    /// The wait of the last read, in the same form. The timeout that is set is this wait, or a shorter one to begin with.
    read_wait: AtomicU64,
    /// The timeout of the socket for writing.
    write_timeout: AtomicU64,
    /// A read that began with a shorter timeout has waited for all of it.
    exact_reads: AtomicBool,
    /// Number of calls under way that must not wait.
    nonblocking_calls: Lock<u32>,
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

impl Waits {
    /// How this system waits.
    pub(crate) const SYSTEM: Waits = if cfg!(unix) && !cfg!(stdws_portable) { Waits::Kernel } else { Waits::Sliced };
}

impl TimedSocket {
    pub(crate) fn new(socket: impl Into<Socket>) -> io::Result<TimedSocket> {
        TimedSocket::with_waits(socket, Waits::SYSTEM)
    }

    /// A socket that has inherited its options.
    #[cfg(feature = "server")]
    pub(crate) fn accepted(socket: Socket) -> TimedSocket {
        TimedSocket::prepared(socket, Waits::Kernel)
    }

    pub(crate) fn with_waits(socket: impl Into<Socket>, waits: Waits) -> io::Result<TimedSocket> {
        let socket = socket.into();
        socket.set_nodelay()?;
        if waits == Waits::Kernel {
            socket.set_write_timeout(Some(WRITE_QUANTUM))?;
        }
        Ok(TimedSocket::prepared(socket, waits))
    }

    /// A socket whose options are set already: it sends each write at once, and a write waits one [`WRITE_QUANTUM`].
    fn prepared(socket: Socket, waits: Waits) -> TimedSocket {
        TimedSocket {
            socket,
            waits,
            read_timeout: AtomicU64::new(UNKNOWN_TIMEOUT),
            read_wait: AtomicU64::new(UNKNOWN_TIMEOUT),
            write_timeout: AtomicU64::new(to_nanos(WRITE_QUANTUM)),
            exact_reads: AtomicBool::new(false),
            nonblocking_calls: Lock::new(0),
            shared_writes: AtomicBool::new(false),
            is_shut_down: Arc::default(),
            progress: AtomicU64::new(0),
        }
    }

    /// Another handle to the socket for another stream over it, such as TLS. A shutdown of either ends the calls of both.
    #[cfg(all(feature = "native-tls", feature = "server"))]
    pub(crate) fn try_clone(&self) -> io::Result<TimedSocket> {
        let clone = TimedSocket::prepared(self.socket.try_clone()?, self.waits);
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
        if self.read_wait.load(Ordering::Relaxed) != to_nanos(wait) {
            if let Err(error) = self.begin_wait(wait) {
                return self.read_without_timeout(to, error);
            }
        }
        let since = self.start_of_read();
        (&self.socket).read(to).or_else(|error| self.read_rest(to, wait, error, since))
    }

    /// When a read begins, if another thread may let it end early.
    #[inline]
    fn start_of_read(&self) -> Option<Instant> {
        self.shared_writes.load(Ordering::SeqCst).then(Instant::now)
    }

    /// Continues after a read that has failed: one that began with a shorter timeout waits the rest of `wait`.
    #[cold]
    fn read_rest(&self, to: &mut [u8], wait: Duration, error: io::Error, since: Option<Instant>) -> io::Result<usize> {
        let set = self.read_timeout.load(Ordering::Relaxed);
        let set = if set == to_nanos(wait) { wait } else { Duration::from_nanos(set) };
        let error = self.classify_would_block(timeout_as_would_block(error), since, set);
        if set >= wait || error.kind() != ErrorKind::WouldBlock {
            return Err(error);
        }
        self.exact_reads.store(true, Ordering::Relaxed);
        let rest = wait.saturating_sub(set);
        if let Err(error) = self.set_read_timeout(rest) {
            return self.read_without_timeout(to, error);
        }
        let since = self.start_of_read();
        let read = (&self.socket).read(to);
        read.map_err(|error| self.classify_would_block(timeout_as_would_block(error), since, rest))
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

    /// Writes, waiting up to `wait` for the network. Only one thread at a time writes.
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        if self.waits == Waits::Sliced {
            return self.write_sliced(bytes, wait);
        }
        if self.write_timeout.load(Ordering::Relaxed) != to_nanos(wait) {
            if let Err(error) = self.set_write_timeout(wait) {
                return self.write_without_timeout(bytes, error);
            }
        }
        let offered = if wait > WRITE_QUANTUM { bytes.get(..SINGLE_WAIT).unwrap_or(bytes) } else { bytes };
        (&self.socket).write(offered).map_err(as_would_block)
    }

    #[cold]
    fn set_write_timeout(&self, wait: Duration) -> io::Result<()> {
        let nanos = to_nanos(wait);
        self.socket.set_write_timeout((nanos != 0).then_some(wait))?;
        self.write_timeout.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// Writes after the timeout could not be set, as [`read_without_timeout`](TimedSocket::read_without_timeout) reads.
    #[cold]
    fn write_without_timeout(&self, bytes: &[u8], error: io::Error) -> io::Result<usize> {
        match error.kind() {
            ErrorKind::InvalidInput => self.try_write(bytes),
            _ => Err(error),
        }
    }

    /// Writes on a system where a write that times out does not report the number of bytes written.
    #[cold]
    fn write_sliced(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        let bytes = self.limited(bytes);
        let since = Instant::now();
        loop {
            if self.is_shut_down.load(Ordering::SeqCst) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let elapsed = since.elapsed();
            match self.nonblocking(|mut socket| socket.write(bytes)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && elapsed < wait => {
                    thread::sleep(next_retry(elapsed).min(wait.saturating_sub(elapsed)));
                }
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

    /// Sets the timeout of a read that may wait for `wait`, or keeps a shorter one to begin with. Much shorter ones are not
    /// worth the second call that may follow.
    #[cold]
    fn begin_wait(&self, wait: Duration) -> io::Result<()> {
        let set = self.read_timeout.load(Ordering::Relaxed);
        let begins = LONGEST_SLICE..wait;
        if set == UNKNOWN_TIMEOUT
            || self.exact_reads.load(Ordering::Relaxed)
            || !begins.contains(&Duration::from_nanos(set))
        {
            return self.set_read_timeout(wait);
        }
        self.read_wait.store(to_nanos(wait), Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        let nanos = to_nanos(wait);
        if self.read_timeout.load(Ordering::Relaxed) != nanos {
            self.socket.set_read_timeout((nanos != 0).then_some(wait))?;
            self.read_timeout.store(nanos, Ordering::Relaxed);
        }
        self.read_wait.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a call that does not wait. A thread that begins to read or write meanwhile may see `WouldBlock` early; it tries
    /// again, as after any wait. Several threads may be in here, because a Close is also sent by threads that do not read.
    /// The last one to leave lets the socket block again; an earlier one would let the calls of the others wait.
    pub(super) fn nonblocking<T>(&self, call: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        {
            let mut inside = self.nonblocking_calls.lock();
            if *inside == 0 {
                self.socket.set_nonblocking(true)?;
            }
            *inside = inside.saturating_add(1);
        }
        let result = call(&self.socket);
        let mut inside = self.nonblocking_calls.lock();
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

/// Time until a write tries again, after it has waited `elapsed`.
fn next_retry(elapsed: Duration) -> Duration {
    elapsed.checked_div(8).unwrap_or_default().clamp(FIRST_RETRY, LONGEST_RETRY)
}

/// A timeout as it is kept. A wait of centuries is set as no timeout, because systems may not understand it.
#[inline]
fn to_nanos(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap_or(0)
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
    use crate::net::socket::tests::{LAST_TIMEOUT, REFUSES_TIMEOUTS};
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
        while near.write(&bytes, WRITE_QUANTUM).is_ok() || near.try_write(&bytes).is_ok() {}
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
                if let Err(error) = near.write(&[0; MAX_WRITE], WRITE_QUANTUM) {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break start.elapsed();
                }
            };
            assert!(waited >= WRITE_QUANTUM && waited < LONG / 4, "{waited:?}");
        });
    }

    /// A thread that does not wait leaves its processor only when the system takes it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_sliced_write_sleeps_between_its_attempts() {
        use crate::net::threads::{field, read};
        watched(|| {
            let waits = || field(&read("/proc/thread-self/status"), "voluntary_ctxt_switches:");
            let (near, _far) = sliced();
            let Some(before) = waits() else { return println!("not run: this system does not count waits") };
            while near.write(&[0; MAX_WRITE], WRITE_QUANTUM * 100).is_ok() {}
            assert!(waits() > Some(before));
        });
    }

    #[test]
    fn a_sliced_write_offers_a_limited_number_of_bytes() {
        let bytes = vec![0; MAX_WRITE * 4];
        let (near, _far) = sliced();
        assert!(near.try_write(&bytes).unwrap() <= MAX_WRITE);
        assert!(near.write(&bytes, WRITE_QUANTUM).unwrap() <= MAX_WRITE);
    }

    /// One that waits in the kernel, and its peer: over TCP, and over a Unix socket.
    #[cfg(all(unix, not(stdws_portable)))]
    fn in_kernel() -> [(TimedSocket, TcpStream); 2] {
        let (tcp, tcp_peer) = sockets();
        let (unix, unix_peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = TcpStream::from(std::os::fd::OwnedFd::from(unix_peer));
        [(TimedSocket::new(tcp).unwrap(), tcp_peer), (TimedSocket::new(unix).unwrap(), peer)]
    }

    /// A loop of short waits would count many calls here.
    #[cfg(all(unix, not(stdws_portable)))]
    #[test]
    fn a_long_write_ends_with_room_and_takes_the_beginning() {
        for (near, mut far) in in_kernel() {
            watched(move || {
                fill(&near);
                let start = Instant::now();
                thread::scope(|scope| {
                    let writing = scope.spawn(|| near.write(&[7; MAX_WRITE], LONG * 2));
                    thread::sleep(WRITE_QUANTUM * 5);
                    // The last bytes may have been read before the writing thread has ended.
                    far.set_read_timeout(Some(WRITE_QUANTUM)).unwrap();
                    while !writing.is_finished() {
                        assert_ne!(far.read(&mut [0; MAX_WRITE]).ok(), Some(0));
                    }
                    assert_eq!(kind(writing.join().unwrap()), Ok(SINGLE_WAIT));
                });
                assert!(start.elapsed() < LONG);
                // The next short wait has its own timeout again.
                near.write(b"x", WRITE_QUANTUM).unwrap();
                assert!(near.socket.handle().write_timeout().unwrap().unwrap() < LONG);
            });
        }
    }

    #[cfg(all(unix, not(stdws_portable)))]
    #[test]
    fn a_long_write_ends_at_its_timeout_and_by_a_shutdown() {
        for (near, _far) in in_kernel() {
            watched(move || {
                fill(&near);
                // A full network may still have room for a little.
                let until_it_fails = |wait| loop {
                    let start = Instant::now();
                    if let Err(error) = near.write(b"x", wait) {
                        break (error.kind(), start.elapsed());
                    }
                };
                let wait = WRITE_QUANTUM * 20;
                let (kind, elapsed) = until_it_fails(wait);
                assert!(
                    kind == ErrorKind::WouldBlock && elapsed >= wait - WRITE_QUANTUM && elapsed < LONG,
                    "{kind} {elapsed:?}"
                );
                thread::scope(|scope| {
                    let writing = scope.spawn(|| until_it_fails(LONG * 2));
                    thread::sleep(WRITE_QUANTUM * 5);
                    near.shutdown();
                    let (kind, elapsed) = writing.join().unwrap();
                    assert!(kind == ErrorKind::BrokenPipe && elapsed < LONG, "{kind} {elapsed:?}");
                });
            });
        }
    }

    #[cfg(all(unix, not(stdws_portable)))]
    #[test]
    fn a_read_begins_with_a_shorter_timeout_and_waits_the_rest() {
        for (near, mut far) in in_kernel() {
            let set = || near.socket.handle().read_timeout().unwrap();
            far.write_all(b"ab").unwrap();
            assert_eq!(near.read(&mut [0], LONG).unwrap(), 1);
            assert_eq!(near.read(&mut [0], LONG * 2).unwrap(), 1);
            assert_eq!(set(), Some(LONG), "the shorter timeout is kept");
            far.write_all(b"a").unwrap();
            assert_eq!(near.read(&mut [0], LONGEST_SLICE).unwrap(), 1);
            assert_eq!(set(), Some(LONGEST_SLICE), "a longer one is not");
            let (wait, start) = (LONGEST_SLICE + FIRST_SLICE * 5, Instant::now());
            assert_eq!(kind(near.read(&mut [0], wait)), Err(ErrorKind::WouldBlock));
            assert!(start.elapsed() >= wait - Duration::from_millis(1), "{:?}", start.elapsed());
            for wait in [wait, LONG] {
                far.write_all(b"a").unwrap();
                assert_eq!(near.read(&mut [0], wait).unwrap(), 1);
                assert_eq!(set(), Some(wait), "after one has passed, timeouts are exact");
            }
        }
    }

    #[test]
    fn the_delays_of_a_sliced_write_grow() {
        let delay = |millis| next_retry(Duration::from_millis(millis));
        assert_eq!(
            (delay(0), delay(7), delay(80), delay(100_000)),
            (FIRST_RETRY, FIRST_RETRY, FIRST_RETRY * 10, LONGEST_RETRY)
        );
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
                    match near.write(&[0; MAX_WRITE], LONG) {
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

    /// Also of what has arrived before.
    #[test]
    fn after_a_shutdown_sliced_calls_have_ended() {
        watched(|| {
            let (near, mut far) = sliced();
            far.write_all(b"abc").unwrap();
            assert_eq!(near.socket.peek(&mut [0]).unwrap(), 1);
            near.shutdown();
            assert_eq!(kind(near.read(&mut [0; 8], LONG)), Ok(0));
            assert_eq!(kind(near.write(b"x", LONG)), Err(ErrorKind::BrokenPipe));
        });
    }

    #[test]
    fn each_write_is_sent_at_once() {
        for waits in [Waits::Kernel, Waits::Sliced] {
            let near = TimedSocket::with_waits(sockets().0, waits).unwrap();
            assert!(near.socket.as_tcp().unwrap().nodelay().unwrap(), "{waits:?}");
        }
    }

    /// Systems may not understand it as a timeout.
    #[test]
    fn a_wait_of_centuries_is_no_timeout() {
        let near = TimedSocket::new(sockets().0).unwrap();
        for (wait, expected) in [(Duration::MAX, None), (LONG, Some(LONG)), (WRITE_QUANTUM, Some(WRITE_QUANTUM))] {
            for set in [TimedSocket::set_read_timeout, TimedSocket::set_write_timeout] {
                LAST_TIMEOUT.set(Some(Duration::ZERO));
                set(&near, wait).unwrap();
                assert_eq!(LAST_TIMEOUT.get(), expected);
            }
        }
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

    #[test]
    fn expired_waits_have_one_kind() {
        let kinds = [ErrorKind::TimedOut, ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::ConnectionReset];
        let timeouts = kinds.map(|kind| timeout_as_would_block(kind.into()).kind());
        assert_eq!(timeouts, [ErrorKind::WouldBlock, kinds[1], kinds[2], kinds[3]]);
        let waits = kinds.map(|kind| as_would_block(kind.into()).kind());
        assert_eq!(waits, [ErrorKind::WouldBlock, ErrorKind::WouldBlock, kinds[2], kinds[3]]);
    }

    /// The result of a call of this system that refuses timeouts with such an error.
    fn refused<T>(error: ErrorKind, call: impl FnOnce() -> T) -> T {
        REFUSES_TIMEOUTS.set(Some(error));
        let result = call();
        REFUSES_TIMEOUTS.set(None);
        result
    }

    /// As macOS does once both directions have ended: what has arrived is still read, and no call waits.
    #[test]
    fn without_timeouts_calls_do_not_wait() {
        const REFUSED: ErrorKind = ErrorKind::InvalidInput;
        for waits in [Waits::Kernel, Waits::Sliced] {
            watched(move || {
                let (near, mut far) = sockets();
                let near = TimedSocket::with_waits(near, waits).unwrap();
                let mut to = [0; 1];
                assert_eq!(kind(refused(REFUSED, || near.read(&mut to, LONG))), Err(REFUSED), "nothing is there");
                let other = ErrorKind::PermissionDenied;
                assert_eq!(kind(refused(other, || near.read(&mut to, LONG))), Err(other));
                far.write_all(b"ab").unwrap();
                while near.socket.peek(&mut [0; 2]).unwrap() < 2 {}
                assert_eq!(kind(refused(REFUSED, || near.read(&mut to, LONG))), Ok(1));
                // One that has waited a part of its time.
                near.set_read_timeout(LONGEST_SLICE).unwrap();
                let rest = || near.read_rest(&mut to, LONG, ErrorKind::WouldBlock.into(), None);
                assert_eq!(kind(refused(REFUSED, rest)), Ok(1));
                let rest = || near.read_rest(&mut to, LONG, ErrorKind::WouldBlock.into(), None);
                assert_eq!(kind(refused(REFUSED, rest)), Err(REFUSED), "nothing is there any more");
                let wait = WRITE_QUANTUM * 2;
                assert_eq!(kind(refused(REFUSED, || near.write(b"x", wait))), Ok(1));
                let written = kind(refused(other, || near.write(b"y", wait)));
                // In slices, no timeout is set for a write.
                assert_eq!(written, if waits == Waits::Kernel { Err(other) } else { Ok(1) });
                // The far end resets the connection, because it did not read.
                drop(far);
                let reset = loop {
                    match kind(refused(REFUSED, || near.read(&mut to, LONG))) {
                        Err(REFUSED) => thread::yield_now(),
                        result => break result,
                    }
                };
                assert!(reset.is_err(), "{reset:?}");
            });
        }
    }

    /// Which error a system has for it differs.
    #[test]
    fn a_reset_ends_calls_in_slices() {
        watched(|| {
            for reads in [true, false] {
                let (near, far) = sliced();
                near.try_write(b"x").unwrap();
                while far.peek(&mut [0]).unwrap() == 0 {}
                drop(far);
                let error = loop {
                    let result = if reads { near.read(&mut [0], LONG) } else { near.write(b"x", LONG) };
                    if let Err(error) = result {
                        break error.kind();
                    }
                };
                assert!(!matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
            }
        });
    }
}
