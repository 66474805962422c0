//! Helpers of the tests of the wire: handmade frames, a handwritten peer for either role, and a watchdog.
//!
//! Nothing here uses the crate's codec: frames are read and written by the figure in RFC 6455 section 5.2.
#![allow(dead_code)] // Each file of tests that includes this one uses a part of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stdws::{Client, CloseInfo, Error, Limits, Message, Server, Timeouts, WebSocket};

#[path = "events.rs"]
mod events;
use events::Watched;

/// Timeout of the watchdog: longer than any test takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(300);
/// The masking key of the examples in RFC 6455 section 5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The nonce of RFC 6455 section 1.3, which all handshakes here use.
pub(crate) const NONCE: &[u8; 16] = b"the sample nonce";
pub(crate) const REQUEST: &str =
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
pub(crate) const FIN: u8 = 0x80;

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The role of this crate in a connection. The peer is handwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) const SIDES: [Side; 2] = [Side::Client, Side::Server];

impl Side {
    /// A frame as the peer of this side sends it: masked to a server, and not to a client.
    pub(crate) fn frame(self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = self.header(first, payload.len() as u64);
        match self {
            Side::Client => bytes.extend_from_slice(payload),
            Side::Server => bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key)),
        }
        bytes
    }

    /// The header of such a frame, and its masking key.
    pub(crate) fn header(self, first: u8, length: u64) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(length as u8),
            126..=0xFFFF => {
                bytes.push(126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self == Side::Server {
            bytes[1] |= 0x80;
            bytes.extend(KEY);
        }
        bytes
    }

    /// Converts frames of a server, valid or not, to those that the peer of this side sends.
    pub(crate) fn frames(self, unmasked: &[u8]) -> Vec<u8> {
        self.frames_with_cut(unmasked, unmasked.len()).0
    }

    /// Also maps offsets. The end of a header maps to the place before its key, unless nothing follows it.
    pub(crate) fn frames_with_cut(self, unmasked: &[u8], cut: usize) -> (Vec<u8>, usize) {
        if self == Side::Client {
            return (unmasked.to_vec(), cut);
        }
        let (mut out, mut place, mut start) = (Vec::new(), None, 0);
        while start < unmasked.len() {
            let code = unmasked[start + 1] & 0x7F;
            let size = 2 + extra(code);
            let length = if extra(code) == 0 { u64::from(code) } else { number(&unmasked[start + 2..start + size]) };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let end = (start + size).saturating_add(length).min(unmasked.len());
            for (n, &byte) in unmasked[start..end].iter().enumerate() {
                if start + n == cut {
                    place = Some(out.len());
                }
                if n == size {
                    out.extend(KEY);
                }
                out.push(match n {
                    1 => byte | 0x80,
                    n if n < size => byte,
                    n => byte ^ KEY[(n - size) % 4],
                });
            }
            if end == start + size {
                out.extend(KEY);
            }
            start = end;
        }
        let place = place.unwrap_or(out.len());
        (out, place)
    }
}

/// Number of bytes of length after the second byte of a header.
fn extra(code: u8) -> usize {
    match code {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The body of a Close.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A frame that the crate has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

/// Reads one frame of the crate at the start of these bytes. Returns it with its size; `None` if it is not complete.
/// Fails the test for what must never be sent: reserved bits, a length that is not minimal, invalid control frames.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let code = second & 0x7F;
    let size = 2 + extra(code);
    let length = match extra(code) {
        0 => u64::from(code),
        _ => number(bytes.get(2..size)?),
    };
    assert_eq!(first & 0x70, 0, "reserved bits");
    match code {
        126 => assert!(length > 125, "a length in too long a form"),
        127 => assert!(length > 0xFFFF, "a length in too long a form"),
        _ => {}
    }
    if first & 0x08 != 0 {
        assert!(first & FIN != 0 && code <= 125, "a control frame that is fragmented or too long");
    }
    assert!(matches!(first & 0xF, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG), "an unknown opcode");
    let (key, size) = match second & 0x80 {
        0 => (None, size),
        _ => (Some(<[u8; 4]>::try_from(bytes.get(size..size + 4)?).unwrap()), size + 4),
    };
    let end = size + usize::try_from(length).unwrap();
    let mut payload = bytes.get(size..end)?.to_vec();
    if let Some(key) = key {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    Some((Frame { first, key, payload }, end))
}

/// All frames in these bytes. No bytes follow the last one.
pub(crate) fn parse_all(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, size) = parse(bytes).unwrap_or_else(|| panic!("a broken frame: {}", bytes.escape_ascii()));
        frames.push(frame);
        bytes = &bytes[size..];
    }
    frames
}

// ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Ends the process if it is not dropped in time: a test that hangs would suppress the results of all others.
pub(crate) struct Watchdog(#[allow(dead_code)] mpsc::Sender<()>);

pub(crate) fn watchdog() -> Watchdog {
    let (alive, waiting) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if waiting.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln!`, which the test harness may keep to itself.
            let _ = writeln!(io::stderr(), "\n{name} hangs");
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// Work on another thread, with a limit for its time.
pub(crate) struct Worker<T>(mpsc::Receiver<T>);

pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Worker<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    Worker(receiver)
}

impl<T> Worker<T> {
    pub(crate) fn join(self) -> T {
        self.0.recv_timeout(LONG).expect("no result in time, or a panic above")
    }

    /// `None`: it panicked, or hangs.
    pub(crate) fn try_join(self) -> Option<T> {
        self.0.recv_timeout(LONG).ok()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.0.try_recv().is_err_and(|error| error == mpsc::TryRecvError::Empty)
    }
}

/// The handwritten peer after the opening handshake.
pub(crate) struct Peer {
    pub(crate) side: Side,
    pub(crate) stream: TcpStream,
    /// Bytes of an incomplete frame.
    buffer: Vec<u8>,
    _watchdog: Watchdog,
}

/// An open connection over TCP between a handwritten peer and the crate.
pub(crate) fn pair(side: Side) -> (Peer, WebSocket) {
    let limits = match side {
        Side::Client => Limits::client(),
        Side::Server => Limits::server(),
    };
    pair_with(side, limits, Timeouts::default())
}

pub(crate) fn pair_with(side: Side, limits: Limits, timeouts: Timeouts) -> (Peer, WebSocket) {
    let watchdog = watchdog();
    let (stream, ws) = match side {
        Side::Client => {
            let (listener, address) = listen();
            let client = client(&format!("ws://{address}/chat")).limits(limits).timeouts(timeouts);
            let connecting = spawn(move || client.connect().unwrap());
            let mut stream = accept(&listener);
            read_head(&mut stream);
            stream.write_all(RESPONSE.as_bytes()).unwrap();
            (stream, connecting.join())
        }
        Side::Server => {
            let server = Server::bind("127.0.0.1:0").unwrap().watched().limits(limits).timeouts(timeouts);
            let (sender, receiver) = mpsc::channel();
            let running = server
                .start(move |ws| {
                    drop(sender.send(ws));
                    Ok(())
                })
                .unwrap();
            let mut stream = connect(running.local_addr().unwrap());
            stream.write_all(REQUEST.as_bytes()).unwrap();
            assert_eq!(read_head(&mut stream), RESPONSE);
            (stream, receiver.recv_timeout(LONG).unwrap())
        }
    };
    (Peer { side, stream, buffer: Vec::new(), _watchdog: watchdog }, ws)
}

/// A client with the key of all handshakes here. Its masking keys are all different.
pub(crate) fn client(url: &str) -> Client {
    let count = AtomicU64::new(0);
    Client::new(url).unwrap().watched().random_source(move |out| {
        for piece in out.chunks_mut(16) {
            let count = count.fetch_add(1, Ordering::SeqCst);
            let number = u128::from(count).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let bytes = if count == 0 { *NONCE } else { number.to_be_bytes() };
            piece.iter_mut().zip(bytes).for_each(|(out, byte)| *out = byte);
        }
        Ok(())
    })
}

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    prepared(listener.accept().unwrap().0)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    prepared(TcpStream::connect(address).unwrap())
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads an HTTP head, byte by byte, so that no byte behind it is consumed.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the head ended early: {}", bytes.escape_ascii());
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// All bytes until the end of the stream.
pub(crate) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

impl Peer {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// One byte in each packet.
    pub(crate) fn send_bytewise(&mut self, bytes: &[u8]) {
        bytes.chunks(1).for_each(|byte| self.send(byte));
    }

    pub(crate) fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&self.side.frame(first, payload));
    }

    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        self.send_frame(FIN | CLOSE, &close_body(code, reason));
    }

    /// The next frame: its first byte, and its payload unmasked.
    pub(crate) fn next(&mut self) -> (u8, Vec<u8>) {
        self.try_next().expect("a frame, not the end of the stream")
    }

    /// The next frame, or `None` at the end of the stream.
    pub(crate) fn try_next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((frame, size)) = parse(&self.buffer) {
                self.buffer.drain(..size);
                // 6455-5.1-1, 6455-5.1-4: masked by a client, and never by a server.
                assert_eq!(frame.key.is_some(), self.side == Side::Client, "{frame:?}");
                return Some((frame.first, frame.payload));
            }
            let mut part = [0; 16 << 10];
            match self.stream.read(&mut part).unwrap() {
                0 => {
                    assert!(self.buffer.is_empty(), "half a frame: {}", self.buffer.escape_ascii());
                    return None;
                }
                count => self.buffer.extend_from_slice(&part[..count]),
            }
        }
    }

    /// All frames until the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        std::iter::from_fn(|| self.try_next()).collect()
    }

    /// All frames until the end of the stream. The peer of a client is the server, which ends the stream after both Closes.
    pub(crate) fn rest_and_end(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Some(frame) = self.try_next() {
            let closed = frame.0 == FIN | CLOSE;
            frames.push(frame);
            if closed && self.side == Side::Client {
                self.end();
            }
        }
        frames
    }

    /// Whether for this time no byte arrived and the stream did not end.
    pub(crate) fn is_silent(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let result = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(LONG)).unwrap();
        self.buffer.is_empty()
            && result.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Sends no more.
    pub(crate) fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// The result of a connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    pub(crate) end: Result<(), Error>,
    pub(crate) info: Option<CloseInfo>,
}

impl Outcome {
    /// The violation of the peer, and the code of the Close for it.
    pub(crate) fn protocol_error(&self) -> (&'static str, u16) {
        match &self.end {
            Err(Error::Protocol(violation)) => (violation.requirement(), violation.close_code().as_u16()),
            other => panic!("no violation: {other:?}"),
        }
    }
}

/// Echoes until the connection has ended. From then on every call returns the same: 6455-7.1.7-7.
pub(crate) fn echo(mut ws: WebSocket) -> Worker<Outcome> {
    spawn(move || {
        let mut messages = Vec::new();
        let end = loop {
            match ws.recv() {
                Ok(Some(message)) => {
                    // The end of the peer is seen by the receive call, whose result counts.
                    let _ = ws.send(&message);
                    messages.push(message);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        for _ in 0..2 {
            let again = ws.recv().map(|message| assert_eq!(message, None));
            assert_eq!(format!("{again:?}"), format!("{end:?}"));
            let refused = ws.send("late").unwrap_err();
            match &end {
                Ok(()) => assert!(refused.is_closed(), "{refused:?}"),
                Err(error) => assert_eq!(format!("{refused:?}"), format!("{error:?}")),
            }
        }
        Outcome { messages, end, info: ws.close_info() }
    })
}
