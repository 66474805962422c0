//! One stream of bytes in both directions, shared by all threads of a connection: a socket, TLS over
//! one, or halves brought by the caller.
//!
//! Every call is bounded, and all work on `&self`: one thread may read while another writes. `WouldBlock` means that the
//! bound was reached, whatever the system calls it (Unix says `WouldBlock`, Windows `TimedOut`). `Interrupted`, which only
//! a read gives, means that something else came before that: a signal, a write beside it, part of a record of TLS. Neither
//! is tried again here: the system would begin to count anew,
//! and signals that come again and again would make the wait endless. The caller's clock decides.
//!
//! System calls cost more than anything else here, so a socket's timeouts are set when they change and not before each
//! call. For writing they never change: on Unix a write waits at most [`WRITE_QUANTUM`], and whoever has longer asks again. That
//! is also what makes a reader's write safe without switching the socket to non-blocking and back each time. On Windows a
//! send that has timed out leaves the socket undefined, so there the send timeout is the whole limit.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::deadline::WRITE_QUANTUM;
use super::pipe::Pipe;
use super::socket::Socket;
use super::tcp::{as_would_block, TimedSocket};
use crate::primitives::lock::{assert_unlocked, Lock};
use crate::tls::stream::Tls;

/// A stream made elsewhere, as two halves: TLS by another library, a pipe, a tunnel.
///
/// Each half is served by a thread of its own, so that waiting for it can be bounded however it blocks. `send` then
/// returns when the writer's thread has the bytes, 64 KiB ahead at most. A thread that hangs in a half when the
/// connection ends is left to it; [`SplitStream::on_end`] is the place to unblock it. [`Client::connect_over`](crate::Client::connect_over)
/// has an example.
pub struct SplitStream {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

impl SplitStream {
    /// Two halves of one stream. The writer is flushed after each write, and dropped when the connection ends.
    pub fn new(reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> SplitStream {
        SplitStream { reader: Box::new(reader), writer: Box::new(writer), on_end: None }
    }

    /// Called once when the connection has ended or is aborted, to unblock the halves: `move || tcp.shutdown(..)`. It must
    /// not block: whoever ends the connection waits for it.
    pub fn on_end(mut self, end: impl FnOnce() + Send + 'static) -> SplitStream {
        self.on_end = Some(Box::new(end));
        self
    }
}

impl fmt::Debug for SplitStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SplitStream")
    }
}

pub(crate) enum Stream {
    Plain(TimedSocket),
    // Without TLS in the build, none is ever made.
    #[cfg_attr(not(feature = "native-tls"), allow(dead_code))]
    Tls(Tls),
    Adapter(Adapter),
}

pub(crate) struct Adapter {
    input: Arc<Pipe>,
    output: Arc<Pipe>,
    on_end: Lock<Option<Box<dyn FnOnce() + Send>>>,
    progress: AtomicU64,
}

impl Stream {
    /// `limit` is the longest that any write will be waited for.
    pub(crate) fn from_socket(socket: impl Into<Socket>, limit: Duration) -> io::Result<Stream> {
        TimedSocket::new(socket, limit).map(Stream::Plain)
    }

    pub(crate) fn from_split(split: SplitStream) -> io::Result<Stream> {
        let SplitStream { reader, writer, on_end } = split;
        let adapter = Adapter {
            input: Arc::default(),
            output: Arc::default(),
            on_end: Lock::new(on_end),
            progress: AtomicU64::new(0),
        };
        let (input, output) = (adapter.input.clone(), adapter.output.clone());
        thread::Builder::new().name("stdws-read".into()).spawn(move || copy_from_reader(reader, &input))?;
        thread::Builder::new().name("stdws-write".into()).spawn(move || copy_to_writer(writer, &output))?;
        Ok(Stream::Adapter(adapter))
    }

    /// Another handle to the socket, without time limits, if there is nothing over it. Whoever takes it is the only one
    /// that uses it from then on.
    pub(crate) fn try_clone_tcp(&self) -> Option<TcpStream> {
        let Stream::Plain(plain) = self else { return None };
        plain.try_clone_tcp()
    }

    /// As [`try_clone_tcp`](Stream::try_clone_tcp).
    #[cfg(unix)]
    pub(crate) fn try_clone_unix(&self) -> Option<UnixStream> {
        let Stream::Plain(plain) = self else { return None };
        plain.try_clone_unix()
    }

    /// Reads what is there, waiting up to `wait` for any. Only one thread at a time reads.
    #[inline]
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.read(to, wait),
            Stream::Tls(tls) => tls.read(to, wait),
            Stream::Adapter(adapter) => adapter.input.pull(to, wait),
        }
    }

    /// As [`read`](Stream::read), for a thread that is alone with the stream: what TLS has to answer goes out at once.
    pub(crate) fn read_exclusive(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let result = self.read(to, wait);
        if self.has_unsolicited_output() {
            // An error comes again with the next call.
            let _ = self.try_write(&[]);
        }
        result
    }

    /// Writes some of `first` and `second`, waiting up to [`WRITE_QUANTUM`] for room. Only one thread at a time writes.
    #[inline]
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        tests::WRITES.with(|writes| writes.set(writes.get() + 1));
        match self {
            Stream::Plain(plain) => plain.write(first, second),
            Stream::Tls(tls) => tls.write(first, second),
            Stream::Adapter(adapter) if first.is_empty() => adapter.output.push(second, WRITE_QUANTUM),
            Stream::Adapter(adapter) => adapter.output.push(first, WRITE_QUANTUM),
        }
    }

    /// Writes what there is room for now. Only one thread at a time writes. If another reads, it is to be
    /// [`Stream::try_write_shared`].
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.try_write(bytes),
            Stream::Tls(tls) => tls.try_write(bytes),
            Stream::Adapter(adapter) => adapter.output.push(bytes, Duration::ZERO),
        }
    }

    /// Writes what there is room for now, while another thread may be reading. Its waiting is not cut short; a wait that
    /// it begins in this moment is, and then it is told `Interrupted`.
    pub(crate) fn try_write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(plain) => plain.enable_shared_writes(),
            Stream::Tls(tls) => tls.plain.enable_shared_writes(),
            Stream::Adapter(_) => {}
        }
        self.try_write(bytes)
    }

    /// Whether TLS has something to say that nobody asked it to: the next write takes it along, an empty one too.
    #[inline]
    pub(crate) fn has_unsolicited_output(&self) -> bool {
        match self {
            Stream::Tls(tls) => tls.has_unsolicited_output(),
            Stream::Plain(_) | Stream::Adapter(_) => false,
        }
    }

    /// Notes that the peer took some bytes of a write that takes long. Only who writes does.
    pub(crate) fn note_progress(&self) {
        self.counter().fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was noted: while it grows, the peer is alive.
    pub(crate) fn progress(&self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }

    fn counter(&self) -> &AtomicU64 {
        match self {
            Stream::Plain(plain) => &plain.progress,
            Stream::Tls(tls) => &tls.plain.progress,
            Stream::Adapter(adapter) => &adapter.progress,
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        match self {
            Stream::Tls(tls) => tls.shrink(),
            Stream::Plain(_) | Stream::Adapter(_) => {}
        }
    }

    /// Says that nothing more will be written. What has been written still arrives; a thread of ours that has yet to
    /// hand it over gets up to `wait` for it. False: it has not done so yet, and may be waited for again.
    pub(crate) fn shutdown_write(&self, wait: Duration) -> bool {
        match self {
            Stream::Plain(plain) => plain.shutdown_write(),
            Stream::Tls(tls) => tls.shutdown_write(wait),
            Stream::Adapter(adapter) => {
                adapter.output.close(None);
                return adapter.output.wait_reader_closed(wait);
            }
        }
        true
    }

    /// Ends both directions at once. Every call that waits on this stream comes back. Takes no lock that is held while waiting.
    pub(crate) fn shutdown(&self) {
        match self {
            Stream::Plain(plain) => plain.shutdown(),
            Stream::Tls(tls) => tls.plain.shutdown(),
            Stream::Adapter(adapter) => {
                adapter.output.close(None);
                adapter.input.close(None);
                let end = adapter.on_end.lock().take();
                if let Some(end) = end {
                    call(end);
                }
            }
        }
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // Whoever drops a stream without shutting it must not leave its two threads waiting for each other.
        self.output.close(None);
        self.input.close(None);
        if let Some(end) = self.on_end.get_mut().take() {
            call(end);
        }
    }
}

/// Calls the closure of the user. It may be called where a value is dropped, so a panic ends here; the panic hook has
/// reported it. What it carried is not dropped: that could panic again.
fn call(end: Box<dyn FnOnce() + Send>) {
    assert_unlocked();
    panic::catch_unwind(AssertUnwindSafe(end)).unwrap_or_else(mem::forget);
}

/// Calls again after a signal, and gives a reached bound the one name.
#[inline]
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(as_would_block),
        }
    }
}

/// Longer than anyone waits; the threads of a stream end when it ends.
const NO_TIMEOUT: Duration = Duration::from_secs(1 << 31);

fn copy_from_reader(mut reader: Box<dyn Read + Send>, input: &Pipe) {
    let mut part = vec![0; 16 << 10];
    loop {
        let count = match reader.read(&mut part) {
            Ok(0) => return input.close(None),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // A half with a timeout of its own, or one that does not block, is asked again.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if input.is_closed() {
                    return;
                }
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            Err(error) => return input.close(Some(error.kind())),
        };
        let mut rest = part.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match input.push(rest, NO_TIMEOUT) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(_) => return,
            }
        }
    }
}

fn fail_writer(writer: Box<dyn Write + Send>, output: &Pipe, kind: ErrorKind) {
    output.close(Some(kind));
    drop(writer);
    output.close_reader();
}

fn copy_to_writer(mut writer: Box<dyn Write + Send>, output: &Pipe) {
    let mut part = vec![0; 16 << 10];
    // A second or so for the last bytes of a connection that has ended.
    let mut attempts_after_close = 1000_u32;
    while let Ok(count @ 1..) = output.pull(&mut part, NO_TIMEOUT) {
        let mut rest = part.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match retry(|| writer.write(rest)) {
                Ok(0) => return fail_writer(writer, output, ErrorKind::WriteZero),
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                // A half with a timeout of its own, or one that does not block, is asked again.
                Err(error) if error.kind() == ErrorKind::WouldBlock && attempts_after_close > 0 => {
                    attempts_after_close = attempts_after_close.saturating_sub(u32::from(output.is_closed()));
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return fail_writer(writer, output, error.kind()),
            }
        }
        if let Err(error) = retry(|| writer.flush()) {
            return fail_writer(writer, output, error.kind());
        }
    }
    drop(writer);
    output.close_reader();
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;
    use std::net::TcpListener;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(20);

    thread_local! {
        /// Calls of this thread that were passed on to write something.
        pub(crate) static WRITES: Cell<usize> = const { Cell::new(0) };
    }

    /// Both ends of a connection over the loopback interface.
    pub(crate) fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn kind(result: io::Result<usize>) -> Result<usize, ErrorKind> {
        result.map_err(|error| error.kind())
    }

    #[test]
    fn a_read_waits_for_its_timeout_and_no_longer() {
        let (near, mut far) = sockets();
        let stream = Stream::from_socket(near, LONG).unwrap();
        let mut to = [0; 8];
        for wait in [0, 30, 1, 60] {
            let (wait, start) = (Duration::from_millis(wait), Instant::now());
            assert_eq!(kind(stream.read(&mut to, wait)), Err(ErrorKind::WouldBlock));
            assert!(start.elapsed() >= wait.saturating_sub(Duration::from_millis(1)));
            assert!(start.elapsed() < wait + Duration::from_secs(5));
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
    fn a_timeout_that_someone_else_left_on_the_socket_does_not_count() {
        let (near, mut far) = sockets();
        near.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let stream = Stream::from_socket(near, LONG).unwrap();
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            far.write_all(b"x").unwrap();
        });
        assert_eq!(kind(stream.read(&mut [0; 8], Duration::MAX)), Ok(1));
        late.join().unwrap();
    }

    #[test]
    fn a_call_that_must_not_wait_does_not_because_another_one_ends() {
        let (near, _far) = sockets();
        let Ok(Stream::Plain(plain)) = Stream::from_socket(near, LONG) else { panic!("a socket") };
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
        let stream = Stream::from_socket(near, LONG).unwrap();
        let bytes = vec![0; 1 << 20];
        // The system gives a connection more room while it is being filled, so it is full when both say so.
        loop {
            let start = Instant::now();
            let waited = stream.write(&bytes, &bytes);
            let elapsed = start.elapsed();
            if waited.is_err() && stream.try_write(&bytes).is_err() {
                assert_eq!(kind(waited), Err(ErrorKind::WouldBlock));
                assert!(elapsed >= WRITE_QUANTUM / 2);
                break;
            }
        }
        assert_eq!(kind(stream.try_write(&bytes)), Err(ErrorKind::WouldBlock));
        drop(far);
    }

    #[test]
    fn a_concurrent_write_changes_nothing_for_a_read() {
        let (near, far) = sockets();
        let stream = Stream::from_socket(near, LONG).unwrap();
        let bytes = vec![0; 1 << 20];
        thread::scope(|scope| {
            // Until nothing goes any more, and then again and again.
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
                    // A wait that began in the moment of a write is told apart from one that was waited out.
                    Err(ErrorKind::Interrupted) => cut += 1,
                    Err(ErrorKind::WouldBlock) => {
                        assert!(start.elapsed() + WRITE_QUANTUM >= limit, "{:?}", start.elapsed());
                        whole += 1;
                    }
                    other => panic!("{other:?}"),
                }
                // The other way round: a read without a wait does not get one.
                let start = Instant::now();
                assert_eq!(kind(stream.read(&mut [0; 8], Duration::ZERO)), Err(ErrorKind::WouldBlock));
                assert!(start.elapsed() < LONG / 4);
            }
            stop.store(true, Ordering::SeqCst);
            let longest = writing.join().unwrap();
            println!("{cut} waits were cut short, the longest write took {longest:?}");
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
            [(Stream::from_socket(near, LONG).unwrap(), Some(far)), (Stream::from_split(stuck().0).unwrap(), None)]
        {
            thread::scope(|scope| {
                let reading = scope.spawn(|| stream.read(&mut [0; 8], Duration::MAX));
                stream.shutdown();
                assert_eq!(reading.join().unwrap().unwrap(), 0);
            });
            // What a socket says to a write after the end differs; that it says it at once does not.
            let ended = (0..100).map(|_| stream.write(&[0; 1 << 16], &[])).find(Result::is_err);
            assert_ne!(ended.unwrap().unwrap_err().kind(), ErrorKind::WouldBlock);
            drop(far);
        }
    }

    /// A stream whose halves block until their end is called, how often that was, and what is said when they are dropped.
    fn stuck() -> (SplitStream, Arc<AtomicU64>, mpsc::Receiver<()>) {
        struct Stuck(Arc<Pipe>, mpsc::Sender<()>);
        impl Read for Stuck {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                self.0.pull(to, LONG)
            }
        }
        impl Write for Stuck {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.pull(&mut [0], LONG)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Drop for Stuck {
            fn drop(&mut self) {
                let _ = self.1.send(());
            }
        }
        let (pipe, ends, (dropped, all)) = (Arc::new(Pipe::default()), Arc::new(AtomicU64::new(0)), mpsc::channel());
        let split = SplitStream::new(Stuck(pipe.clone(), dropped.clone()), Stuck(pipe.clone(), dropped));
        let counted = ends.clone();
        let split = split.on_end(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            pipe.close(None);
        });
        (split, ends, all)
    }

    #[test]
    fn the_end_is_called_once_and_both_halves_are_dropped() {
        for shut in [0, 1, 2] {
            let (split, ends, dropped) = stuck();
            let stream = Stream::from_split(split).unwrap();
            stream.write(b"the writer hangs in this", &[]).unwrap();
            for _ in 0..shut {
                stream.shutdown();
            }
            drop(stream);
            for _ in 0..2 {
                dropped.recv_timeout(LONG).expect("a half is still held");
            }
            assert_eq!(ends.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn without_an_end_to_call_only_the_threads_of_the_halves_stay() {
        let (mut split, _, dropped) = stuck();
        let end = split.on_end.take().unwrap();
        let stream = Stream::from_split(split).unwrap();
        let start = Instant::now();
        thread::scope(|scope| {
            let reading = scope.spawn(|| stream.read(&mut [0; 8], Duration::MAX));
            stream.shutdown();
            assert_eq!(reading.join().unwrap().unwrap(), 0);
        });
        drop(stream);
        assert!(start.elapsed() < LONG / 2);
        // They end with the call they hang in.
        end();
        for _ in 0..2 {
            dropped.recv_timeout(LONG).expect("a half is still held");
        }
    }

    #[test]
    fn finish_delivers_everything_and_waits_no_longer_than_it_may() {
        let (near, mut far) = sockets();
        let stream = Stream::from_split(SplitStream::new(io::empty(), near)).unwrap();
        let bytes: Vec<u8> = (0..60_000u32).map(|i| (i * 7) as u8).collect();
        assert_eq!(stream.write(&[], &bytes).unwrap(), bytes.len());
        stream.shutdown_write(LONG);
        let mut came = Vec::new();
        far.read_to_end(&mut came).unwrap();
        assert_eq!(came, bytes);
        assert_eq!(kind(stream.write(b"more", &[])), Err(ErrorKind::BrokenPipe));

        let (split, ..) = stuck();
        let stream = Stream::from_split(split).unwrap();
        stream.write(b"never", &[]).unwrap();
        let start = Instant::now();
        stream.shutdown_write(Duration::from_millis(50));
        assert!(start.elapsed() >= Duration::from_millis(50) && start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_half_that_does_not_block_is_asked_again_and_one_that_fails_is_believed() {
        let mut turns = 0;
        let (asked, answer) = mpsc::channel();
        struct Half<F>(F);
        impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for Half<F> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                (self.0)(to)
            }
        }
        let reader = Half(move |to: &mut [u8]| {
            turns += 1;
            asked.send(turns).unwrap();
            match turns {
                1 => Err(ErrorKind::Interrupted.into()),
                2 => Err(ErrorKind::WouldBlock.into()),
                3 => Err(ErrorKind::TimedOut.into()),
                4 => {
                    to[0] = 7;
                    Ok(1)
                }
                _ => Err(ErrorKind::ConnectionReset.into()),
            }
        });
        let stream = Stream::from_split(SplitStream::new(reader, io::sink())).unwrap();
        let mut to = [0; 4];
        assert_eq!(stream.read(&mut to, LONG).unwrap(), 1);
        assert_eq!(to[0], 7);
        assert_eq!(kind(stream.read(&mut to, LONG)), Err(ErrorKind::ConnectionReset));
        assert_eq!(answer.try_iter().last(), Some(5));
    }
}
