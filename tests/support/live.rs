//! Helpers of the tests about time, faults and memory: a watchdog, peers that write handmade frames over TCP, and
//! connections of this crate to them in both roles.
#![allow(dead_code)] // Each test program uses a part of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, Limits, Server, SplitStream, Timeouts, WebSocket};

#[path = "events.rs"]
mod events;
pub(crate) use events::Watched;

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// Number of bytes that exceeds all socket buffers of a peer that does not read.
pub(crate) const TOO_MUCH: usize = 24 << 20;
/// Time that a busy machine may add to any limit.
pub(crate) const SLACK: Duration = Duration::from_secs(60);
/// The limit of a test, and of each of its reads. Longer than [`SLACK`], so that a late result fails with its own message.
const TEST_LIMIT: Duration = Duration::from_secs(300);
/// A timeout that must not expire in a test: longer than that of any watchdog.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// All timeouts `LONG`; a test shortens the one it is about.
pub(crate) fn long_timeouts() -> Timeouts {
    Timeouts {
        connect: LONG,
        handshake: LONG,
        write: LONG,
        message: LONG,
        ping_interval: LONG,
        pong_timeout: LONG,
        close: LONG,
    }
}

/// Ends the whole program, with the name of the test, if the test does not end before.
pub(crate) struct Watchdog {
    _running: mpsc::Sender<()>,
}

pub(crate) fn watchdog() -> Watchdog {
    watchdog_after(TEST_LIMIT)
}

/// A watchdog with this limit, for a long test.
pub(crate) fn watchdog_after(limit: Duration) -> Watchdog {
    let name = thread::current().name().unwrap_or("a thread without a name").to_owned();
    let (running, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Not `eprintln!`, whose output the test harness may capture.
            let _ = writeln!(io::stderr(), "\n{name} hangs");
            std::process::abort();
        }
    });
    Watchdog { _running: running }
}

/// The role of this crate in a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Runs a test as client and as server, both at once, under a watchdog.
pub(crate) fn both(test: impl Fn(Side) + Clone + Send + 'static) {
    let _watchdog = watchdog();
    let of_client = test.clone();
    let client = thread::spawn(move || of_client(Side::Client));
    test(Side::Server);
    client.join().expect("failed as client");
}

/// Runs this in another thread, and measures the time.
pub(crate) fn timed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<(T, Duration)> {
    thread::spawn(move || {
        let start = Instant::now();
        let result = work();
        (result, start.elapsed())
    })
}

/// Checks that it took at least the limit (a timer may expire slightly early), and not much more.
#[track_caller]
pub(crate) fn assert_took(took: Duration, limit: Duration) {
    assert!(took + ms(20) >= limit, "took {took:?}, less than the limit of {limit:?}");
    assert_soon(took, limit);
}

#[track_caller]
pub(crate) fn assert_soon(took: Duration, limit: Duration) {
    assert!(took <= limit + SLACK, "took {took:?}, and the limit was {limit:?}");
}

/// A peer whose reads and writes the test controls.
pub(crate) struct RawPeer {
    pub(crate) stream: TcpStream,
    masked: bool,
}

/// One frame as it was received, unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// A connection of this crate, and its peer.
pub(crate) fn connection(side: Side, timeouts: Timeouts) -> (WebSocket, RawPeer) {
    limited(side, timeouts, Limits::with_max_message_size(64 << 20))
}

pub(crate) fn limited(side: Side, timeouts: Timeouts, limits: Limits) -> (WebSocket, RawPeer) {
    match side {
        Side::Client => client(timeouts, limits),
        Side::Server => server(timeouts, limits),
    }
}

fn client(timeouts: Timeouts, limits: Limits) -> (WebSocket, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{}://{}", scheme(), listener.local_addr().unwrap());
    let client = of_client(sample_client(&url)).timeouts(timeouts).limits(limits);
    let connecting = thread::spawn(move || client.connect().unwrap());
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = facing_client(stream);
    read_head(&mut stream);
    stream.write_all(RESPONSE).unwrap();
    (connecting.join().unwrap(), RawPeer { stream, masked: false })
}

fn server(timeouts: Timeouts, limits: Limits) -> (WebSocket, RawPeer) {
    let (connections, opened) = mpsc::channel();
    let server = of_server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(timeouts).limits(limits);
    // The handler passes its connection to the test and returns at once.
    let running = server
        .start(move |ws| {
            let _ = connections.send(ws);
            Ok(())
        })
        .unwrap();
    let stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = facing_server(stream);
    stream.write_all(REQUEST).unwrap();
    read_head(&mut stream);
    (opened.recv().unwrap(), RawPeer { stream, masked: true })
}

// ── the same over TLS ───────────────────────────────────────────────────────────────────────────────────────────────
//
// `liveness_tls.rs` and `hub_tls.rs` are `liveness.rs` and `hub.rs` with a relay before each peer. The peer writes the same
// handmade frames, and they arrive over TLS.

#[cfg(feature = "native-tls")]
#[path = "tls.rs"]
pub(crate) mod tls;

/// Whether all connections of this program use TLS.
fn over_tls() -> bool {
    cfg!(feature = "native-tls") && env!("CARGO_CRATE_NAME").ends_with("_tls")
}

/// Number of connections for a test with many: fewer where each has a relay that polls.
pub(crate) fn many_connections() -> usize {
    if over_tls() {
        20
    } else {
        100
    }
}

pub(crate) fn scheme() -> &'static str {
    if over_tls() {
        "wss"
    } else {
        "ws"
    }
}

#[cfg(feature = "native-tls")]
pub(crate) fn of_client(client: Client) -> Client {
    if over_tls() {
        client.tls(tls::certificates().connect()).unwrap()
    } else {
        client
    }
}

#[cfg(feature = "native-tls")]
pub(crate) fn of_server(server: Server) -> Server {
    if over_tls() {
        server.tls(tls::certificates().accept("right"))
    } else {
        server
    }
}

#[cfg(feature = "native-tls")]
fn facing_client(stream: TcpStream) -> TcpStream {
    if over_tls() {
        tls::relay(stream, tls::Facing::Client)
    } else {
        stream
    }
}

#[cfg(feature = "native-tls")]
pub(crate) fn facing_server(stream: TcpStream) -> TcpStream {
    if over_tls() {
        tls::relay(stream, tls::Facing::Server)
    } else {
        stream
    }
}

#[cfg(not(feature = "native-tls"))]
pub(crate) fn of_client(client: Client) -> Client {
    client
}

#[cfg(not(feature = "native-tls"))]
pub(crate) fn of_server(server: Server) -> Server {
    server
}

#[cfg(not(feature = "native-tls"))]
fn facing_client(stream: TcpStream) -> TcpStream {
    stream
}

#[cfg(not(feature = "native-tls"))]
pub(crate) fn facing_server(stream: TcpStream) -> TcpStream {
    stream
}

/// The handshake of RFC 6455 section 1.3.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A client with the key of that handshake.
pub(crate) fn sample_client(url: &str) -> Client {
    Client::new(url).unwrap().watched().random_source(|out| {
        out.iter_mut().zip(b"the sample nonce".iter().cycle()).for_each(|(out, byte)| *out = *byte);
        Ok(())
    })
}

/// Reads up to the empty line, byte by byte, so that no byte behind it is consumed.
pub(crate) fn read_head(stream: &mut impl Read) -> Vec<u8> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    head
}

/// A handmade frame.
pub(crate) fn frame(masked: bool, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![if fin { 0x80 } else { 0 } | opcode];
    match payload.len() {
        length @ 0..=125 => bytes.push(mask | length as u8),
        length @ 126..=0xFFFF => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if masked {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        bytes.extend_from_slice(&key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// The payload of a Close.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Reads one frame; `None` at the end of the stream.
pub(crate) fn read_frame(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut head = [0; 2];
    match from.read(&mut head[..1])? {
        0 => return Ok(None),
        _ => from.read_exact(&mut head[1..])?,
    }
    let length = match head[1] & 0x7F {
        126 => {
            let mut bytes = [0; 2];
            from.read_exact(&mut bytes)?;
            u16::from_be_bytes(bytes) as usize
        }
        127 => {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            u64::from_be_bytes(bytes) as usize
        }
        short => usize::from(short),
    };
    let mut key = [0; 4];
    if head[1] & 0x80 != 0 {
        from.read_exact(&mut key)?;
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Ok(Some(Frame { fin: head[0] & 0x80 != 0, opcode: head[0] & 0xF, payload }))
}

impl RawPeer {
    /// The peer of a server of this crate.
    pub(crate) fn client_side(stream: TcpStream) -> RawPeer {
        RawPeer { stream, masked: true }
    }

    /// A frame in this peer's role, not sent yet.
    pub(crate) fn frame(&self, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        frame(self.masked, fin, opcode, payload)
    }

    pub(crate) fn send(&mut self, opcode: u8, payload: &[u8]) {
        let bytes = self.frame(true, opcode, payload);
        self.stream.write_all(&bytes).unwrap();
    }

    #[track_caller]
    pub(crate) fn read(&mut self) -> Frame {
        self.stream.set_read_timeout(Some(TEST_LIMIT)).unwrap();
        read_frame(&mut self.stream).unwrap().expect("the stream has ended")
    }

    /// All frames up to the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<Frame> {
        self.stream.set_read_timeout(Some(TEST_LIMIT)).unwrap();
        let mut frames = Vec::new();
        let mut buffered = io::BufReader::with_capacity(1 << 20, &self.stream);
        loop {
            match read_frame(&mut buffered) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return frames,
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => return frames,
                Err(error) => panic!("{error}: the stream did not end"),
            }
        }
    }

    /// Reads and discards until the stream ends. Returns the time of its end.
    pub(crate) fn wait_for_end(&mut self) -> Duration {
        let start = Instant::now();
        self.stream.set_read_timeout(Some(TEST_LIMIT)).unwrap();
        let mut part = [0; 4 << 10];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return start.elapsed(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return start.elapsed(),
                Err(error) => panic!("{error}: the stream did not end"),
            }
        }
    }

    /// Waits until there is something to read, and does not consume it.
    pub(crate) fn wait_for_bytes(&self) {
        self.stream.set_read_timeout(Some(TEST_LIMIT)).unwrap();
        assert_eq!(self.stream.peek(&mut [0]).unwrap(), 1, "the stream has ended");
    }

    /// A second handle, to write while another thread reads.
    pub(crate) fn second_handle(&self) -> RawPeer {
        RawPeer { stream: self.stream.try_clone().unwrap(), masked: self.masked }
    }

    /// A thread that writes these bytes repeatedly, with pauses, until a write fails.
    pub(crate) fn repeat(&self, bytes: Vec<u8>, pause: Duration) -> BackgroundWriter {
        let stream = self.stream.try_clone().unwrap();
        let mut writer = self.stream.try_clone().unwrap();
        thread::spawn(move || {
            while writer.write_all(&bytes).is_ok() {
                if !pause.is_zero() {
                    thread::sleep(pause);
                }
            }
        });
        BackgroundWriter { stream }
    }
}

/// A reader of the bytes in a channel. Only a byte or the drop of the sender unblocks it.
pub(crate) struct Source {
    feed: mpsc::Receiver<Vec<u8>>,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for Source {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.rest.read(to)? {
                0 => match self.feed.recv() {
                    Ok(bytes) => self.rest = io::Cursor::new(bytes),
                    Err(_) => return Ok(0),
                },
                count => return Ok(count),
            }
        }
    }
}

/// A writer that sends its bytes to a channel.
pub(crate) struct Drain(pub(crate) mpsc::Sender<Vec<u8>>);

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn pipe() -> (Drain, Source) {
    let (feed, from) = mpsc::channel();
    (Drain(feed), Source { feed: from, rest: io::Cursor::default() })
}

/// A connection over halves.
pub(crate) fn open(side: Side, timeouts: Timeouts, halves: SplitStream) -> stdws::Result<WebSocket> {
    match side {
        Side::Client => sample_client("ws://127.0.0.1").timeouts(timeouts).connect_over(halves),
        Side::Server => Server::without_listener().watched().timeouts(timeouts).accept_over(halves).map(Option::unwrap),
    }
}

/// Ends this side of the connection when dropped, and with it the thread that writes on it. On Windows a write that waits ends only
/// with the other side, so nothing waits for the thread.
pub(crate) struct BackgroundWriter {
    stream: TcpStream,
}

impl Drop for BackgroundWriter {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Pseudorandom numbers, the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
