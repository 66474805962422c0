//! A stream that the caller supplied as two halves, each served by a thread, so that calls on it are bounded. Knows nothing of
//! sockets and TLS.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::pipe::{Pipe, NO_TIMEOUT};
use super::threads;
use crate::primitives::lock::{Lock, UserDrop};
use crate::primitives::panics;

/// A stream that is already open, as two halves: TLS by another library, a pipe, a tunnel.
///
/// Each half is served by a thread of its own, so waiting for it is bounded however it blocks. `send` then returns when the
/// writer's thread has the bytes, at most 64 KiB ahead. If a half still blocks when the connection ends, its thread stays
/// behind; [`SplitStream::on_end`] is the place to unblock it. If a half panics, both directions fail at once. An error of a
/// half is returned with its kind and its text.
/// [`Client::connect_over`](crate::Client::connect_over) has an example. [`SplitStream::pair`] needs no network.
///
/// `Read` and `Write` use the halves directly, for a test that plays the peer.
#[doc(alias = "split")]
pub struct SplitStream {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    on_end: Option<OnEnd>,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

/// A function of the caller that ends its stream.
type OnEnd = Box<dyn FnOnce() + Send>;

impl SplitStream {
    /// Combines two halves of one stream. The writer is flushed after each write, and dropped when the connection ends.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// let split = stdws::SplitStream::new(tcp.try_clone()?, tcp);
    /// let mut ws = stdws::Client::new(server.url())?.connect_over(split)?;
    /// assert_eq!(ws.recv()?.unwrap(), "welcome");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> SplitStream {
        SplitStream { reader: Box::new(reader), writer: Box::new(writer), on_end: None, peer: None, local: None }
    }

    /// Sets a function that unblocks the halves, such as `move || tcp.shutdown(..)`. It is called once, when the connection has
    /// ended or is aborted. Unless it is aborted, the writer's thread has up to [`Timeouts::close`](crate::Timeouts::close)
    /// before that to write what was sent. It must not block, because the thread that ends the connection waits for it.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// use std::net::{Shutdown, TcpStream};
    /// let tcp = TcpStream::connect(server.local_addr().unwrap())?;
    /// let end = tcp.try_clone()?;
    /// let split = stdws::SplitStream::new(tcp.try_clone()?, tcp).on_end(move || drop(end.shutdown(Shutdown::Both)));
    /// stdws::Client::new(server.url())?.connect_over(split)?.abort();
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_end(mut self, end: impl FnOnce() + Send + 'static) -> SplitStream {
        self.on_end = Some(Box::new(end));
        self
    }

    /// Sets the address of the peer. [`WebSocket::peer_addr`](crate::WebSocket::peer_addr) returns it. A server also uses it
    /// for [`Request::client_ip`](crate::Request::client_ip), for its trusted proxies, and for
    /// [`Server::max_per_address`](crate::Server::max_per_address). Default: none, as for a peer of a Unix socket.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// let (peer, local) = (tcp.peer_addr()?, tcp.local_addr()?);
    /// let split = stdws::SplitStream::new(tcp.try_clone()?, tcp).peer_addr(peer).local_addr(local);
    /// let ws = stdws::Client::new(server.url())?.connect_over(split)?;
    /// assert_eq!((ws.peer_addr(), ws.local_addr()), (Some(peer), Some(local)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_addr(mut self, addr: SocketAddr) -> SplitStream {
        self.peer = Some(addr);
        self
    }

    /// Sets the address of this side, for [`WebSocket::local_addr`](crate::WebSocket::local_addr). Default: none.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let tcp = std::net::TcpStream::connect(server.local_addr().unwrap())?;
    /// let (peer, local) = (tcp.peer_addr()?, tcp.local_addr()?);
    /// let split = stdws::SplitStream::new(tcp.try_clone()?, tcp).peer_addr(peer).local_addr(local);
    /// let ws = stdws::Client::new(server.url())?.connect_over(split)?;
    /// assert_eq!((ws.peer_addr(), ws.local_addr()), (Some(peer), Some(local)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(mut self, addr: SocketAddr) -> SplitStream {
        self.local = Some(addr);
        self
    }

    /// The addresses of the peer and of this side.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.peer, self.local)
    }
}

impl Read for SplitStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.reader.read(to)
    }
}

impl Write for SplitStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for SplitStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SplitStream")
    }
}

/// The side of a [`SplitStream`] that the connection uses: a pipe for each half.
pub(crate) struct Adapter {
    input: Arc<Pipe>,
    output: Arc<Pipe>,
    on_end: Lock<Option<UserDrop<OnEnd>>>,
    /// Number of times that the peer took a part of a long write.
    pub(super) progress: AtomicU64,
}

impl Adapter {
    pub(super) fn new(split: SplitStream) -> io::Result<Adapter> {
        let SplitStream { reader, writer, on_end, .. } = split;
        let adapter = Adapter {
            input: Arc::default(),
            output: Arc::default(),
            on_end: Lock::new(on_end.map(UserDrop::new)),
            progress: AtomicU64::new(0),
        };
        let (input, output) = (adapter.input.clone(), adapter.output.clone());
        let (writer_input, writer_output) = (input.clone(), output.clone());
        let read = move || serve_half(|| copy_from_reader(reader, &input), (&input, &output));
        threads::spawn("stdws-read", None, read)?;
        let write = move || {
            serve_half(|| copy_to_writer(writer, &writer_output), (&writer_input, &writer_output));
            writer_output.close_reader();
        };
        threads::spawn("stdws-write", None, write)?;
        Ok(adapter)
    }

    pub(super) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.input.pull(to, wait)
    }

    pub(super) fn write(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        self.output.push(bytes, wait)
    }

    /// Ends the direction of writing. False: after `wait`, the writer's thread still has bytes to write.
    pub(super) fn shutdown_write(&self, wait: Duration) -> bool {
        self.output.close(None);
        self.output.wait_reader_closed(wait)
    }

    pub(super) fn shutdown(&self) {
        self.close();
        let end = self.on_end.lock().take();
        if let Some(end) = end {
            call(end.into_inner());
        }
    }

    fn close(&self) {
        self.output.close(None);
        self.input.close(None);
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // Without this, both threads would wait for ever when the stream was not shut down.
        self.close();
        if let Some(end) = self.on_end.get_mut().take() {
            call(end.into_inner());
        }
    }
}

/// Calls the closure of the user. This may happen where a value is dropped, so a panic ends here; the panic hook has
/// reported it.
fn call(end: OnEnd) {
    let _ = panics::catch(end);
}

/// Runs the thread of a half. If the half panics, both directions end at once, with an error: the other half is no longer
/// usable, and no call waits for the first.
fn serve_half(work: impl FnOnce(), (input, output): (&Pipe, &Pipe)) {
    if panics::catch(work).is_none() {
        for pipe in [input, output] {
            pipe.close(Some(io::Error::other("a half of the stream panicked")));
        }
    }
}

/// Time between two attempts on a half that does not block, or has a timeout of its own.
const RETRY_DELAY: Duration = Duration::from_millis(1);
/// Maximum number of attempts for the last bytes of a connection that has ended: about a second.
const ATTEMPTS_AFTER_CLOSE: u32 = 1000;

fn is_would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn copy_from_reader(mut reader: Box<dyn Read + Send>, input: &Pipe) {
    let mut part = vec![0; 16 << 10];
    loop {
        let count = match reader.read(&mut part) {
            Ok(0) => return input.close(None),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if is_would_block(&error) => {
                if input.is_closed() {
                    return;
                }
                thread::sleep(RETRY_DELAY);
                continue;
            }
            Err(error) => return input.close(Some(error)),
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

fn copy_to_writer(mut writer: Box<dyn Write + Send>, output: &Pipe) {
    if let Err(error) = write_all(&mut *writer, output) {
        output.close(Some(error));
    }
}

/// Writes until the pipe is closed and empty.
fn write_all(writer: &mut dyn Write, output: &Pipe) -> io::Result<()> {
    let mut part = vec![0; 16 << 10];
    let mut attempts_left = ATTEMPTS_AFTER_CLOSE;
    while let Ok(count @ 1..) = output.pull(&mut part, NO_TIMEOUT) {
        let mut rest = part.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match retry(output, &mut attempts_left, || writer.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                taken => rest = rest.get(taken..).unwrap_or_default(),
            }
        }
        retry(output, &mut attempts_left, || writer.flush())?;
    }
    Ok(())
}

/// Repeats a call that a signal interrupted or that would block. Once the connection has ended, attempts are counted.
fn retry<T>(output: &Pipe, attempts_left: &mut u32, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_would_block(&error) && *attempts_left > 0 => {
                *attempts_left = attempts_left.saturating_sub(u32::from(output.is_closed()));
                thread::sleep(RETRY_DELAY);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::net::deadline::WRITE_QUANTUM;
    use crate::net::stream::tests::{kind, sockets};
    use crate::net::stream::Stream;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(120);

    /// The connection has ended, and the half of the caller would still block.
    #[test]
    fn a_half_that_would_block_is_left_after_the_end() {
        struct Blocking;
        impl Read for Blocking {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
        }
        let pipe = Arc::new(Pipe::default());
        pipe.close(None);
        let (done, result) = mpsc::channel();
        let input = pipe.clone();
        thread::spawn(move || {
            copy_from_reader(Box::new(Blocking), &input);
            done.send(())
        });
        result.recv_timeout(LONG).expect("it reads on");
        let mut calls = 0;
        let call = || {
            calls += 1;
            Err::<(), _>(ErrorKind::WouldBlock.into())
        };
        assert_eq!(retry(&pipe, &mut 3, call).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(calls, 4);
    }

    #[test]
    fn a_call_that_would_block_is_repeated() {
        use ErrorKind::{ConnectionReset, Interrupted, TimedOut, WouldBlock};
        // The errors of the call before it succeeds; whether the connection has ended; the attempts left before and after.
        type Row = (&'static [ErrorKind], bool, [u32; 2], Result<(), ErrorKind>);
        let rows: [Row; 7] = [
            (&[Interrupted, WouldBlock, TimedOut], false, [1, 1], Ok(())),
            (&[Interrupted, Interrupted], true, [0, 0], Ok(())),
            (&[WouldBlock, TimedOut], true, [2, 0], Ok(())),
            (&[WouldBlock, TimedOut], true, [1, 0], Err(TimedOut)),
            (&[WouldBlock], true, [0, 0], Err(WouldBlock)),
            (&[WouldBlock], false, [0, 0], Err(WouldBlock)),
            (&[ConnectionReset], false, [1, 1], Err(ConnectionReset)),
        ];
        for (errors, has_ended, [mut left, left_after], expected) in rows {
            let (pipe, mut rest) = (Pipe::default(), errors.iter());
            if has_ended {
                pipe.close(None);
            }
            let result = retry(&pipe, &mut left, || rest.next().map_or(Ok(()), |kind| Err((*kind).into())));
            let result = result.map_err(|error| error.kind());
            assert_eq!((result, left, rest.len()), (expected, left_after, 0), "{errors:?} {has_ended}");
        }
    }

    /// Neither a half that never has room after the end nor one that has no bytes is asked without a pause.
    #[test]
    fn attempts_are_few_and_far_between() {
        struct Blocks(u32);
        impl Write for Blocks {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Err(ErrorKind::WouldBlock.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Read for Blocks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 50 {
                    return Ok(0);
                }
                Err(ErrorKind::WouldBlock.into())
            }
        }
        let (pipe, mut half, start) = (Pipe::default(), Blocks(0), Instant::now());
        assert_eq!(pipe.push(b"last", LONG).unwrap(), 4);
        pipe.close(None);
        assert_eq!(write_all(&mut half, &pipe).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(half.0, ATTEMPTS_AFTER_CLOSE + 1);
        assert!(start.elapsed() >= RETRY_DELAY * ATTEMPTS_AFTER_CLOSE);
        let start = Instant::now();
        copy_from_reader(Box::new(Blocks(0)), &Pipe::default());
        assert!(start.elapsed() >= RETRY_DELAY * 50);
    }

    struct Failing;
    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(ErrorKind::ConnectionReset, "the tunnel has collapsed"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::NotConnected.into())
        }
    }

    /// The error of a write, which comes soon after its cause.
    fn write_error(stream: &Stream) -> io::Error {
        let start = Instant::now();
        while start.elapsed() < LONG {
            if let Err(error) = stream.write(&[0; 1 << 16], &[], LONG) {
                return error;
            }
        }
        panic!("no write fails");
    }

    #[test]
    fn an_error_of_the_writer_is_that_of_later_writes() {
        let stream = Stream::from_split(SplitStream::new(io::empty(), Failing)).unwrap();
        for error in [write_error(&stream), write_error(&stream)] {
            assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::ConnectionReset, "the tunnel has collapsed"));
        }
    }

    #[test]
    fn the_caller_sees_its_own_flush_and_addresses() {
        let [peer, local] = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        let mut split = SplitStream::new(io::empty(), Failing).peer_addr(peer).local_addr(local);
        assert_eq!(split.addresses(), (Some(peer), Some(local)));
        assert_eq!(split.flush().unwrap_err().kind(), ErrorKind::NotConnected);
    }

    #[test]
    fn a_half_that_panics_ends_both_directions() {
        struct Panics;
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("on purpose: in a reader")
            }
        }
        impl Write for Panics {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                panic!("on purpose: in a writer")
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        struct Waits(mpsc::Receiver<()>);
        impl Read for Waits {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(0)
            }
        }
        for reads in [true, false] {
            let (release, wait) = mpsc::channel();
            let split = match reads {
                true => SplitStream::new(Panics, io::sink()),
                false => SplitStream::new(Waits(wait), Panics),
            };
            let stream = Stream::from_split(split).unwrap();
            let errors = match reads {
                true => [stream.read(&mut [0], LONG).unwrap_err(), write_error(&stream)],
                false => [write_error(&stream), stream.read(&mut [0], LONG).unwrap_err()],
            };
            for error in errors {
                assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Other, "a half of the stream panicked"));
            }
            drop(release);
        }
    }

    #[test]
    fn a_stream_that_is_dropped_ends_the_thread_of_its_writer() {
        struct Idle(#[allow(dead_code)] mpsc::Sender<()>);
        impl Write for Idle {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (held, dropped) = mpsc::channel();
        drop(Stream::from_split(SplitStream::new(io::empty(), Idle(held))).unwrap());
        assert_eq!(dropped.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    }

    /// A stream whose halves block until `on_end` is called, the number of those calls, and a message for each dropped half.
    pub(in crate::net) fn stuck() -> (SplitStream, Arc<AtomicU64>, mpsc::Receiver<()>) {
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
    fn on_end_is_called_once_and_both_halves_are_dropped() {
        for shut in [0, 1, 2] {
            let (split, ends, dropped) = stuck();
            let stream = Stream::from_split(split).unwrap();
            stream.write(b"the writer hangs in this", &[], WRITE_QUANTUM).unwrap();
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
    fn without_on_end_only_the_threads_of_the_halves_stay() {
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
        // They end with the call that blocks them.
        end();
        for _ in 0..2 {
            dropped.recv_timeout(LONG).expect("a half is still held");
        }
    }

    #[test]
    fn shutdown_write_delivers_everything_and_waits_no_longer_than_its_timeout() {
        let (near, mut far) = sockets();
        let stream = Stream::from_split(SplitStream::new(io::empty(), near)).unwrap();
        let bytes: Vec<u8> = (0..60_000u32).map(|i| (i * 7) as u8).collect();
        assert_eq!(stream.write(&[], &bytes, WRITE_QUANTUM).unwrap(), bytes.len());
        stream.shutdown_write(LONG);
        let mut came = Vec::new();
        far.read_to_end(&mut came).unwrap();
        assert_eq!(came, bytes);
        assert_eq!(kind(stream.write(b"more", &[], WRITE_QUANTUM)), Err(ErrorKind::BrokenPipe));

        let (split, ..) = stuck();
        let stream = Stream::from_split(split).unwrap();
        stream.write(b"never", &[], WRITE_QUANTUM).unwrap();
        let start = Instant::now();
        stream.shutdown_write(Duration::from_millis(50));
        assert!(start.elapsed() >= Duration::from_millis(50) && start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_reader_that_would_block_is_repeated_and_its_error_is_reported() {
        let mut calls = 0;
        let (called, all_calls) = mpsc::channel();
        struct Half<F>(F);
        impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for Half<F> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                (self.0)(to)
            }
        }
        let reader = Half(move |to: &mut [u8]| {
            calls += 1;
            called.send(calls).unwrap();
            match calls {
                1 => Err(ErrorKind::Interrupted.into()),
                2 => Err(ErrorKind::WouldBlock.into()),
                3 => Err(ErrorKind::TimedOut.into()),
                4 => {
                    to[0] = 7;
                    Ok(1)
                }
                _ => Err(io::Error::new(ErrorKind::ConnectionReset, "the tunnel has collapsed")),
            }
        });
        let stream = Stream::from_split(SplitStream::new(reader, io::sink())).unwrap();
        let mut to = [0; 4];
        assert_eq!(stream.read(&mut to, LONG).unwrap(), 1);
        assert_eq!(to[0], 7);
        for _ in 0..2 {
            let error = stream.read(&mut to, LONG).unwrap_err();
            assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::ConnectionReset, "the tunnel has collapsed"));
        }
        assert_eq!(all_calls.try_iter().last(), Some(5));
    }

    #[test]
    fn a_flush_that_would_block_is_repeated() {
        struct Flushed(u32, mpsc::Sender<u32>);
        impl Write for Flushed {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0 += 1;
                self.1.send(self.0).unwrap();
                let kinds = [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::TimedOut];
                kinds.get(self.0 as usize - 1).map_or(Ok(()), |kind| Err((*kind).into()))
            }
        }
        let (flushed, calls) = mpsc::channel();
        let stream = Stream::from_split(SplitStream::new(io::empty(), Flushed(0, flushed))).unwrap();
        assert_eq!(kind(stream.write(b"x", &[], WRITE_QUANTUM)), Ok(1));
        assert!(stream.shutdown_write(LONG));
        assert_eq!(calls.try_iter().last(), Some(4));
    }

    /// After the end of the connection, halves that would block are not asked for ever.
    #[test]
    fn after_the_end_no_half_is_asked_again() {
        struct Blocks;
        impl Read for Blocks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
        }
        let (done, all_done) = mpsc::channel();
        thread::spawn(move || {
            let ended = Pipe::default();
            ended.close(None);
            copy_from_reader(Box::new(Blocks), &ended);
            let (mut left, mut calls) = (2, 0);
            let blocks = retry(&ended, &mut left, || {
                calls += 1;
                Err::<(), _>(ErrorKind::WouldBlock.into())
            });
            done.send((blocks.map_err(|error| error.kind()), left, calls)).unwrap();
        });
        assert_eq!(all_done.recv_timeout(LONG).expect("a half is still asked"), (Err(ErrorKind::WouldBlock), 0, 3));
    }
}
