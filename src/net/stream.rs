//! A stream of bytes in both directions, shared by all threads of a connection: a socket, TLS over one, or two halves that
//! the caller supplied. Knows no protocol.
//!
//! Every call is bounded and takes `&self`: one thread may read while another writes.
//!
//! | error | meaning |
//! |---|---|
//! | `WouldBlock` | the bound was reached. Unix calls that `WouldBlock`, Windows `TimedOut` |
//! | `Interrupted`, only from a read | something came before the bound: a signal, a write beside the read, a part of a TLS record |
//!
//! Neither is retried here, except by [`Stream::read_by`], which has a deadline. Each retry starts a new wait, so repeated signals
//! could make it endless.
//!
//! System calls cost more than anything else here. A socket's timeouts are therefore set when they change and not before each
//! call. A write begins with a wait of one [`WRITE_QUANTUM`], and only a thread that sends may wait longer after that. This also
//! lets the thread that reads write without switching the socket to non-blocking and back each time.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::deadline::Deadline;
#[cfg(doc)]
use super::deadline::WRITE_QUANTUM;
use super::socket::Socket;
use super::split_stream::{Adapter, SplitStream};
use super::tcp::TimedSocket;
#[cfg(feature = "native-tls")]
use crate::tls::stream::Tls;

/// Maximum number of payload bytes that are copied behind a header. Copying more costs as much as another write.
const GATHER_LIMIT: usize = 64 << 10;

// A connection has one, in an `Arc`. How large TLS is depends on the system.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Stream {
    Plain(TimedSocket),
    #[cfg(feature = "native-tls")]
    Tls(Tls),
    Adapter(Adapter),
}

impl Stream {
    pub(crate) fn from_socket(socket: impl Into<Socket>) -> io::Result<Stream> {
        TimedSocket::new(socket).map(Stream::Plain)
    }

    /// A stream over an accepted socket that has inherited its options.
    #[cfg(feature = "server")]
    pub(crate) fn from_accepted(socket: Socket) -> Stream {
        Stream::Plain(TimedSocket::accepted(socket))
    }

    pub(crate) fn from_split(split: SplitStream) -> io::Result<Stream> {
        Adapter::new(split).map(Stream::Adapter)
    }

    /// The socket below. `None`: the caller supplied the stream.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            Stream::Plain(plain) => Some(plain.socket()),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => Some(tls.socket()),
            Stream::Adapter(_) => None,
        }
    }

    /// Another handle to the socket of a plain stream, without timeouts. From then on the caller alone uses the socket.
    #[cfg(feature = "server")]
    pub(crate) fn try_clone_socket(&self) -> Option<Socket> {
        let Stream::Plain(plain) = self else { return None };
        plain.try_clone_socket()
    }

    /// Reads the bytes that are there, waiting up to `wait` for any. Only one thread at a time reads.
    #[inline]
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.read(to, wait),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.read(to, wait),
            Stream::Adapter(adapter) => adapter.read(to, wait),
        }
    }

    /// Reads the bytes that are there, waiting for any until the deadline, and then fails with `TimedOut`. For a thread that is
    /// alone with the stream: answers of the TLS engine are sent at once.
    pub(crate) fn read_by(&self, to: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        deadline.read(|left| {
            let result = self.read(to, left);
            if self.has_unsolicited_output() {
                // An error is repeated by the next call.
                let _ = self.try_write(&[]);
            }
            result
        })
    }

    /// Writes `first` and then `second`, or a part of that, waiting up to `wait` for room. Only one thread at a time writes.
    ///
    /// After a wait longer than [`WRITE_QUANTUM`] it may have written only the beginning, although there is room for more: such a
    /// wait ends with the first bytes that are taken.
    #[inline]
    pub(crate) fn write(&self, first: &[u8], second: &[u8], wait: Duration) -> io::Result<usize> {
        #[cfg(test)]
        tests::WRITES.with(|writes| writes.set(writes.get() + 1));
        match self {
            Stream::Plain(plain) => plain.write(if first.is_empty() { second } else { first }, wait),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.write(first, second, wait),
            Stream::Adapter(adapter) => adapter.write(if first.is_empty() { second } else { first }, wait),
        }
    }

    /// Number of bytes of `second` that belong into `first` for one write to take both. `std` writes two slices to a socket
    /// only with a call that may raise SIGPIPE. TLS gathers them itself.
    #[inline]
    pub(crate) fn gather_limit(&self) -> usize {
        match self {
            Stream::Plain(_) => GATHER_LIMIT,
            _ => 0,
        }
    }

    /// Another handle to the socket below this stream, for TLS. `None`: it has none of its own.
    #[cfg(all(feature = "native-tls", feature = "server"))]
    pub(crate) fn try_clone_plain(&self) -> Option<io::Result<TimedSocket>> {
        let Stream::Plain(plain) = self else { return None };
        Some(plain.try_clone())
    }

    /// Writes what there is room for now. Only one thread at a time writes. If another thread reads, use
    /// [`Stream::try_write_shared`].
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.try_write(bytes),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.try_write(bytes),
            Stream::Adapter(adapter) => adapter.write(bytes, Duration::ZERO),
        }
    }

    /// Writes what there is room for now, while another thread may be reading. A read under way is not disturbed. A read that
    /// begins at this moment returns `Interrupted`.
    pub(crate) fn try_write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.enable_shared_writes(),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.enable_shared_writes(),
            Stream::Adapter(_) => {}
        }
        self.try_write(bytes)
    }

    /// Whether the TLS engine has bytes to send that no write caused. The next write sends them, even an empty one.
    #[inline]
    pub(crate) fn has_unsolicited_output(&self) -> bool {
        match self {
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.has_unsolicited_output(),
            _ => false,
        }
    }

    /// Counts that the peer took a part of a long write. Only the writing thread calls this.
    pub(crate) fn note_progress(&self) {
        self.counter().fetch_add(1, Ordering::Relaxed);
    }

    /// Number of times that progress was counted. While it grows, the peer is alive.
    pub(crate) fn progress(&self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }

    fn counter(&self) -> &AtomicU64 {
        match self {
            Stream::Plain(plain) => &plain.progress,
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.progress(),
            Stream::Adapter(adapter) => &adapter.progress,
        }
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        match self {
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.shrink(),
            _ => {}
        }
    }

    /// Ends the direction of writing. What has been written still arrives. TLS and the writer's thread of a supplied stream
    /// get up to `wait` to pass it on. False: the thread has not done so yet, and this can be called again.
    pub(crate) fn shutdown_write(&self, wait: Duration) -> bool {
        match self {
            Stream::Plain(plain) => plain.shutdown_write(),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.shutdown_write(wait),
            Stream::Adapter(adapter) => return adapter.shutdown_write(wait),
        }
        true
    }

    /// Ends both directions at once. Every call that waits on this stream returns: at once on Unix, within a second on
    /// other systems. Takes no lock that is held while waiting.
    pub(crate) fn shutdown(&self) {
        match self {
            Stream::Plain(plain) => plain.shutdown(),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.shutdown(),
            Stream::Adapter(adapter) => adapter.shutdown(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::net::deadline::WRITE_QUANTUM;
    use crate::net::split_stream::tests::stuck;
    use std::cell::Cell;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::AtomicBool;
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(120);

    thread_local! {
        /// Number of writes by this thread.
        pub(crate) static WRITES: Cell<usize> = const { Cell::new(0) };
    }

    /// Both ends of a connection over the loopback interface.
    pub(crate) fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    pub(crate) fn kind(result: io::Result<usize>) -> Result<usize, ErrorKind> {
        result.map_err(|error| error.kind())
    }

    #[test]
    fn a_read_waits_for_its_timeout_and_no_longer() {
        let (near, mut far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        let mut to = [0; 8];
        for wait in [0, 30, 1, 60] {
            let (wait, start) = (Duration::from_millis(wait), Instant::now());
            assert_eq!(kind(stream.read(&mut to, wait)), Err(ErrorKind::WouldBlock));
            assert!(start.elapsed() >= wait.saturating_sub(Duration::from_millis(1)));
            assert!(start.elapsed() < wait + LONG / 4);
        }
        far.write_all(b"abc").unwrap();
        assert_eq!(stream.read(&mut to, LONG).unwrap(), 3);
        far.write_all(b"de").unwrap();
        while kind(stream.read(&mut to[..1], Duration::ZERO)) == Err(ErrorKind::WouldBlock) {}
        assert_eq!(stream.read(&mut to, Duration::ZERO).unwrap(), 1);
        drop(far);
        assert_eq!(stream.read(&mut to, LONG).unwrap(), 0);
    }

    #[test]
    fn a_flush_of_a_socket_has_nothing_to_write() {
        let (near, _far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        stream.socket().unwrap().flush().unwrap();
    }

    #[test]
    fn a_timeout_set_before_does_not_count() {
        let (near, mut far) = sockets();
        near.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let stream = Stream::from_socket(near).unwrap();
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            far.write_all(b"x").unwrap();
        });
        assert_eq!(kind(stream.read(&mut [0; 8], Duration::MAX)), Ok(1));
        late.join().unwrap();
    }

    #[test]
    fn a_nonblocking_call_stays_nonblocking_when_another_ends() {
        let (near, _far) = sockets();
        let Ok(Stream::Plain(plain)) = Stream::from_socket(near) else { panic!("a socket") };
        plain.set_read_timeout(LONG).unwrap();
        let start = Instant::now();
        let result = plain.nonblocking(|mut socket| {
            plain.nonblocking(|mut socket| socket.write(b"x")).unwrap();
            socket.read(&mut [0])
        });
        assert_eq!(kind(result), Err(ErrorKind::WouldBlock));
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_full_network_is_reported_after_one_quantum_or_at_once() {
        let (near, far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        let bytes = vec![0; 1 << 20];
        // The system adds room to a connection while it is being filled, so it is full when both report it. It may add
        // more later.
        loop {
            let start = Instant::now();
            let waited = stream.write(&bytes, &bytes, WRITE_QUANTUM);
            let elapsed = start.elapsed();
            let at_once = stream.try_write(&bytes);
            if waited.is_err() && at_once.is_err() {
                assert_eq!((kind(waited), kind(at_once)), (Err(ErrorKind::WouldBlock), Err(ErrorKind::WouldBlock)));
                assert!(elapsed >= WRITE_QUANTUM / 2);
                break;
            }
        }
        drop(far);
    }

    #[test]
    fn a_concurrent_write_changes_nothing_for_a_read() {
        let (near, far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        let bytes = vec![0; 1 << 20];
        thread::scope(|scope| {
            // Until the network is full, and then again and again.
            let stop = Arc::new(AtomicBool::new(false));
            let (stopped, writes) = (stop.clone(), &stream);
            let writing = scope.spawn(move || {
                let mut longest = Duration::ZERO;
                while !stopped.load(Ordering::SeqCst) {
                    let start = Instant::now();
                    let result = writes.try_write_shared(&bytes);
                    if result.is_err() {
                        assert_eq!(kind(result), Err(ErrorKind::WouldBlock));
                        longest = longest.max(start.elapsed());
                    }
                }
                longest
            });
            let limit = Duration::from_millis(40);
            let (mut whole, mut cut) = (0, 0);
            while whole < 10 {
                let start = Instant::now();
                match kind(stream.read(&mut [0; 8], limit)) {
                    // A read that began during a write differs from one that waited its whole time.
                    Err(ErrorKind::Interrupted) => cut += 1,
                    Err(ErrorKind::WouldBlock) => {
                        assert!(start.elapsed() + WRITE_QUANTUM >= limit, "{:?}", start.elapsed());
                        whole += 1;
                    }
                    other => panic!("{other:?}"),
                }
                // Conversely, a read without a wait does not wait.
                let start = Instant::now();
                assert_eq!(kind(stream.read(&mut [0; 8], Duration::ZERO)), Err(ErrorKind::WouldBlock));
                assert!(start.elapsed() < LONG / 4);
            }
            stop.store(true, Ordering::SeqCst);
            let longest = writing.join().unwrap();
            println!("{cut} reads were cut short, the longest write took {longest:?}");
        });
        // And it blocks again.
        let start = Instant::now();
        assert_eq!(kind(stream.read(&mut [0; 8], WRITE_QUANTUM * 5)), Err(ErrorKind::WouldBlock));
        assert!(start.elapsed() >= WRITE_QUANTUM * 4);
        drop(far);
    }

    #[test]
    fn shutdown_wakes_waiting_calls() {
        let (near, far) = sockets();
        for (stream, far) in
            [(Stream::from_socket(near).unwrap(), Some(far)), (Stream::from_split(stuck().0).unwrap(), None)]
        {
            thread::scope(|scope| {
                let reading = scope.spawn(|| stream.read(&mut [0; 8], Duration::MAX));
                stream.shutdown();
                assert_eq!(reading.join().unwrap().unwrap(), 0);
            });
            // The error of a write after the end differs between systems. It always comes at once.
            let ended = (0..100).map(|_| stream.write(&[0; 1 << 16], &[], WRITE_QUANTUM)).find(Result::is_err);
            assert_ne!(ended.unwrap().unwrap_err().kind(), ErrorKind::WouldBlock);
            drop(far);
        }
    }

    #[cfg(feature = "server")]
    #[test]
    fn a_socket_has_other_handles_and_a_stream_of_the_caller_has_none() {
        let split = Stream::from_split(stuck().0).unwrap();
        assert!(split.try_clone_socket().is_none());
        let (near, mut far) = sockets();
        let stream = Stream::from_socket(near).unwrap();
        let socket = stream.try_clone_socket().unwrap();
        (&socket).write_all(b"a").unwrap();
        far.read_exact(&mut [0]).unwrap();
        #[cfg(feature = "native-tls")]
        {
            assert!(split.try_clone_plain().is_none());
            let clone = stream.try_clone_plain().unwrap().unwrap();
            clone.write(b"b", WRITE_QUANTUM).unwrap();
            far.read_exact(&mut [0]).unwrap();
        }
    }
}
