//! What tests of the wire share: frames put together by hand, a peer by hand for either role, and a watchdog.
//!
//! Nothing here asks the crate what is right: frames are read and written by the figure in RFC 6455 section 5.2.
#![allow(dead_code)] // Each file of tests that includes this one uses a part of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stdws::{Client, CloseInfo, Error, Limits, Message, Server, Timeouts, WebSocket};

#[path = "events.rs"]
mod events;
use events::Watched;

/// No test takes so long, whatever else the machine does.
pub(crate) const LONG: Duration = Duration::from_secs(300);
/// The masking key of the examples in RFC 6455 section 5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The nonce of RFC 6455 section 1.3, with which all handshakes here are made.
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

/// Which end of the connection is the crate. The other is made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) const SIDES: [Side; 2] = [Side::Client, Side::Server];

impl Side {
    /// A frame as the peer of this end sends it: masked for a server, and not for a client.
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

    /// Turns frames as a server sends them, right or wrong, into what the peer of this end would send.
    pub(crate) fn frames(self, unmasked: &[u8]) -> Vec<u8> {
        self.frames_with_cut(unmasked, unmasked.len()).0
    }

    /// Also says where a place in the one lies in the other. The end of a header lies before its key,
    /// unless it is the end of all.
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

/// How many bytes of length follow the second byte of a header.
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

/// A frame that was sent by the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

/// Reads one frame of the crate's from the start of these bytes, and tells its size; `None` if it is not complete.
/// What never may be sent fails the test here: reserved bits, longer forms than needed, wrong control frames.
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

/// All frames in these bytes, which end with the last of them.
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

/// Ends the process if it is not dropped in time: a test that hangs would keep all others from telling their results.
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

/// Work on a thread of its own, whose result has to come in time.
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

    /// Whether it has not come to an end.
    pub(crate) fn is_running(&self) -> bool {
        self.0.try_recv().is_err_and(|error| error == mpsc::TryRecvError::Empty)
    }
}

/// The end that is made by hand, once the opening handshake is over.
pub(crate) struct Peer {
    pub(crate) side: Side,
    pub(crate) stream: TcpStream,
    /// Bytes that were read and do not make a frame yet.
    buffer: Vec<u8>,
    _watchdog: Watchdog,
}

/// An open connection between a peer made by hand and the crate, over TCP.
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

/// A client whose handshake has the key that all handshakes here have; its masking keys are all different.
pub(crate) fn client(url: &str) -> Client {
    let mut count = 0_u64;
    Client::new(url).unwrap().watched().random_source(move |out| {
        for piece in out.chunks_mut(16) {
            let number = u128::from(count).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let bytes = if count == 0 { *NONCE } else { number.to_be_bytes() };
            piece.iter_mut().zip(bytes).for_each(|(out, byte)| *out = byte);
            count += 1;
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

/// Reads a head of HTTP, byte by byte, so that nothing behind it is taken.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the head ended early: {}", bytes.escape_ascii());
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// All that comes until the end of the stream.
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

    /// All frames until the end of the stream. Towards a client this end is the server, which ends the stream when both
    /// Closes are through.
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

    /// Whether nothing came, and the stream did not end, for so long.
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

/// What became of a connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    pub(crate) end: Result<(), Error>,
    pub(crate) info: Option<CloseInfo>,
}

impl Outcome {
    /// The rule that the peer broke, and the code of the Close that says so.
    pub(crate) fn protocol_error(&self) -> (&'static str, u16) {
        match &self.end {
            Err(Error::Protocol(violation)) => (violation.requirement(), violation.close_code().as_u16()),
            other => panic!("no violation: {other:?}"),
        }
    }
}

/// Sends back what comes, until the connection is over. From then on every call has to say the same: 6455-7.1.7-7.
pub(crate) fn echo(mut ws: WebSocket) -> Worker<Outcome> {
    spawn(move || {
        let mut messages = Vec::new();
        let end = loop {
            match ws.recv() {
                Ok(Some(message)) => {
                    // A peer that is gone shows in what is received, and that is where it counts.
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
