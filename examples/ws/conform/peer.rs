//! A raw connection to the peer under test: sends frames that may be wrong, and reads frames leniently, noting each rule
//! that they break.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use stdws::codec::mask;
use stdws::deflate::{Inflate, WindowBits};

use super::case::{Form, Frame, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT};
use super::head::{self, Head, NoHead};
use super::watch::Watch;
use crate::terminal;

/// The side of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// What comes from the peer.
pub(super) enum Event {
    /// The opcode of the first frame, and the payload after decompression.
    Message(u8, Vec<u8>),
    Pong(Vec<u8>),
    /// The body.
    Close(Vec<u8>),
    End {
        reset: bool,
    },
    /// Nothing until the deadline.
    Quiet,
    /// Bytes after which nothing can be read.
    Broken(String),
}

/// Maximum number of bytes in a message of the peer.
const MAX_MESSAGE: usize = 32 << 20;

/// Maximum number of bytes that are shown of one frame.
const SHOWN: usize = 40;

/// Maximum number of frames that are shown of each direction.
const LINES: usize = 12;

pub(super) struct Peer {
    tcp: TcpStream,
    /// The side under test.
    pub(super) side: Side,
    pub(super) wait: Duration,
    pub(super) sent: Vec<String>,
    pub(super) seen: Vec<String>,
    pub(super) watch: Watch,
    /// The agreed parameters of permessage-deflate.
    pub(super) deflate: Option<String>,
    inflate: Option<Inflate>,
    /// Bytes that are not yet frames.
    bytes: Vec<u8>,
    message: Option<(u8, bool, Vec<u8>)>,
    last_key: Option<[u8; 4]>,
    pub(super) close_sent: bool,
    pub(super) close_received: bool,
    /// Whether the peer has ended the connection.
    pub(super) ended: bool,
    /// Whether what comes is frames.
    pub(super) opened: bool,
}

/// A header as it came.
struct Header {
    first: u8,
    key: Option<[u8; 4]>,
    length: u64,
    size: usize,
}

impl Peer {
    /// An open connection. `rest` came behind the head.
    pub(super) fn new(tcp: TcpStream, side: Side, wait: Duration, rest: Vec<u8>) -> Peer {
        let _ = tcp.set_nodelay(true);
        let _ = tcp.set_write_timeout(Some(wait));
        Peer {
            tcp,
            side,
            wait,
            sent: Vec::new(),
            seen: Vec::new(),
            watch: Watch::default(),
            deflate: None,
            inflate: None,
            bytes: rest,
            message: None,
            last_key: None,
            close_sent: false,
            close_received: false,
            ended: false,
            opened: true,
        }
    }

    /// Uses compression with these parameters.
    pub(super) fn compress(&mut self, agreed: &str) {
        let name = if self.side == Side::Server { "server_max_window_bits=" } else { "client_max_window_bits=" };
        let bits = agreed.split(';').find_map(|parameter| parameter.trim().strip_prefix(name));
        let bits = bits.and_then(|bits| bits.trim_matches('"').parse().ok()).and_then(WindowBits::new);
        self.inflate = Some(Inflate::new(bits.unwrap_or(WindowBits::MAX)));
        self.deflate = Some(agreed.to_owned());
    }

    /// Whether the agreed parameters have this one.
    pub(super) fn agreed(&self, name: &str) -> bool {
        let parameters = self.deflate.as_deref().unwrap_or_default().split(';').skip(1);
        parameters.map(|one| one.split('=').next().unwrap_or_default().trim()).any(|known| known == name)
    }

    pub(super) fn encode(&self, frame: &Frame) -> Vec<u8> {
        let masks = (self.side == Side::Server) != matches!(frame.form, Form::WrongMask);
        let bit = if masks { 0x80 } else { 0 };
        let (length, mut bytes) = (frame.payload.len(), vec![frame.first]);
        match (frame.form, u8::try_from(length), u16::try_from(length)) {
            (Form::Announced(length), ..) => {
                bytes.push(bit | 127);
                bytes.extend(length.to_be_bytes());
            }
            (_, Ok(length @ 0..=125), _) => bytes.push(bit | length),
            (_, _, Ok(length)) => {
                bytes.push(bit | 126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        let at = bytes.len();
        if masks {
            let [a, b, c, d, ..] = head::random().to_le_bytes();
            let key = if let Form::Key(key) = frame.form { key } else { [a, b, c, d] };
            bytes.extend(key);
            bytes.extend(&frame.payload);
            if let Some(payload) = bytes.get_mut(at + 4..) {
                mask::apply(payload, key);
            }
        } else {
            bytes.extend(&frame.payload);
        }
        bytes
    }

    /// Sends frames. The peer may have ended: the events say so.
    pub(super) fn send(&mut self, frames: &[Frame], slowly: bool) {
        let mut bytes = Vec::new();
        for frame in frames {
            let encoded = self.encode(frame);
            note(&mut self.sent, &encoded);
            bytes.extend(encoded);
            self.close_sent |= frame.first & 0x0f == CLOSE;
        }
        let _ = match slowly {
            true => bytes.iter().try_for_each(|byte| self.tcp.write_all(&[*byte])),
            false => self.tcp.write_all(&bytes),
        };
    }

    /// Reads the head of a response.
    pub(super) fn read_head(&mut self) -> Result<(Head, Vec<u8>), NoHead> {
        let read = Head::read(&mut self.tcp, self.wait);
        if matches!(read, Err(NoHead::End)) {
            self.seen.push("the end of the TCP connection".into());
            self.ended = true;
        }
        read
    }

    /// Bytes that came behind a head.
    pub(super) fn received(&mut self, rest: Vec<u8>) {
        self.bytes = rest;
    }

    /// Sends a head.
    pub(super) fn raw(&mut self, head: &Head) {
        self.sent.push(head.line());
        let _ = head.write(&mut self.tcp);
    }

    /// Ends this direction of the TCP connection.
    pub(super) fn shutdown(&self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    /// The next event within the wait of this connection.
    pub(super) fn next(&mut self) -> Event {
        self.next_within(self.wait)
    }

    /// The next event. A Ping is answered.
    pub(super) fn next_within(&mut self, wait: Duration) -> Event {
        let (deadline, mut block) = (Instant::now() + wait, vec![0; 64 << 10]);
        loop {
            match self.take_frame() {
                Ok(Some(event)) => return event,
                Ok(None) => {}
                Err(text) => return Event::Broken(text),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Event::Quiet;
            }
            let _ = self.tcp.set_read_timeout(Some(left));
            match self.tcp.read(&mut block) {
                Ok(0) => return self.end(false),
                Ok(count) => self.bytes.extend_from_slice(block.get(..count).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Event::Quiet,
                    ErrorKind::Interrupted => {}
                    _ => return self.end(true),
                },
            }
        }
    }

    fn end(&mut self, reset: bool) -> Event {
        self.ended = true;
        self.seen.push(if reset { "the connection was reset".into() } else { "the end of the TCP connection".into() });
        Event::End { reset }
    }

    fn take_frame(&mut self) -> Result<Option<Event>, String> {
        while let Some(header) = header(&self.bytes) {
            let all = usize::try_from(header.length).ok().and_then(|length| length.checked_add(header.size));
            let Some(all) = all.filter(|all| *all <= MAX_MESSAGE) else {
                return Err(format!("a frame announces {} bytes", header.length));
            };
            let Some(frame) = self.bytes.get(..all) else { return Ok(None) };
            note(&mut self.seen, frame);
            let mut payload = frame.get(header.size..).unwrap_or_default().to_vec();
            self.bytes.drain(..all);
            self.check_header(&header);
            if let Some(key) = header.key {
                mask::apply(&mut payload, key);
            }
            if let Some(event) = self.take(header.first, payload)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn check_header(&mut self, header: &Header) {
        let shown = || format!("a frame beginning with {:02x}, {} bytes", header.first, header.length);
        let masked = header.key.is_some();
        match self.side {
            Side::Server => self.watch.check("never-masked", !masked, shown),
            Side::Client => self.watch.check("always-masked", masked, shown),
        }
        if let (Some(key), Side::Client) = (header.key, self.side) {
            self.watch.check("fresh-key", self.last_key != Some(key), || format!("{} twice", terminal::hex(&key)));
            self.last_key = Some(key);
        }
        let (opcode, is_fin) = (header.first & 0x0f, header.first & FIN != 0);
        let reserved = if self.inflate.is_some() { header.first & 0x30 } else { header.first & 0x70 };
        self.watch.check("reserved-bits-are-zero", reserved == 0, shown);
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        self.watch.check("known-opcodes", known, shown);
        let shortest = match header.length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        } + if masked { 4 } else { 0 };
        self.watch.check("shortest-length", header.size == shortest, shown);
        if opcode >= CLOSE {
            self.watch.check("whole-control-frames", is_fin, shown);
            self.watch.check("short-control-frames", header.length <= 125, shown);
        } else {
            let continues = opcode == CONTINUATION;
            self.watch.check("fragments-in-sequence", continues == self.message.is_some(), shown);
            self.watch.check("nothing-after-close", !self.close_received, shown);
        }
        if self.inflate.is_some() {
            let may = matches!(opcode, TEXT | BINARY);
            self.watch.check("rsv1-on-first-fragments-only", may || header.first & RSV1 == 0, shown);
        }
    }

    fn take(&mut self, first: u8, payload: Vec<u8>) -> Result<Option<Event>, String> {
        match first & 0x0f {
            PING => {
                if !self.close_sent {
                    self.send(&[super::case::frame(FIN | PONG, payload)], false);
                }
                Ok(None)
            }
            PONG => Ok(Some(Event::Pong(payload))),
            CLOSE => {
                self.check_close(&payload);
                self.close_received = true;
                Ok(Some(Event::Close(payload)))
            }
            opcode => {
                let (opcode, compressed, mut all) =
                    self.message.take().unwrap_or((opcode, first & RSV1 != 0 && self.inflate.is_some(), Vec::new()));
                all.extend(payload);
                if first & FIN == 0 {
                    let length = all.len();
                    self.message = Some((opcode, compressed, all));
                    return if length > MAX_MESSAGE { Err("a message does not end".to_owned()) } else { Ok(None) };
                }
                let all = if compressed { self.decompress(&all)? } else { all };
                if opcode == TEXT {
                    let text = std::str::from_utf8(&all);
                    self.watch.check("sends-utf8", text.is_ok(), || terminal::hex(all.get(..SHOWN).unwrap_or(&all)));
                }
                Ok(Some(Event::Message(opcode, all)))
            }
        }
    }

    fn decompress(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        let name = if self.side == Side::Server { "server_no_context_takeover" } else { "client_no_context_takeover" };
        let fresh = self.agreed(name);
        let Some(inflate) = &mut self.inflate else { return Ok(payload.to_vec()) };
        if fresh {
            inflate.reset();
        }
        let mut out = Vec::new();
        // RFC 7692 section 7.2.2: the four bytes that the sender removed.
        let read = inflate.push(payload, &mut out, MAX_MESSAGE);
        let read = read.and_then(|()| inflate.push(&[0, 0, 0xff, 0xff], &mut out, MAX_MESSAGE));
        let fault = read.err().map(|error| format!("the compressed message cannot be read: {error}"));
        self.watch.check("compressed-data-can-be-read", fault.is_none(), || fault.clone().unwrap_or_default());
        fault.map_or(Ok(out), Err)
    }

    fn check_close(&mut self, body: &[u8]) {
        let shown = || format!("Close with the body {}", terminal::hex(body));
        self.watch.check("close-begins-with-a-code", body.len() != 1, shown);
        let code = code(body);
        for (rule, wrong) in [("no-1005", 1005), ("no-1006", 1006), ("no-1015", 1015)] {
            self.watch.check(rule, code != Some(wrong), shown);
        }
        self.watch.check("no-code-below-1000", code.unwrap_or(1000) >= 1000, shown);
        let reason = body.get(2..).unwrap_or_default();
        self.watch.check("reason-is-utf8", std::str::from_utf8(reason).is_ok(), shown);
    }
}

/// The code in the body of a Close.
pub(super) fn code(body: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*body.first()?, *body.get(1)?]))
}

/// Reads a header without judging it.
fn header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, size) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    if second & 0x80 == 0 {
        return Some(Header { first, key: None, length, size });
    }
    let key = bytes.get(size..size + 4)?.try_into().ok()?;
    Some(Header { first, key: Some(key), length, size: size + 4 })
}

/// Keeps the first bytes of the first frames.
fn note(to: &mut Vec<String>, frame: &[u8]) {
    if to.len() == LINES {
        to.push("...".to_owned());
    }
    if to.len() < LINES {
        to.push(match frame.get(..SHOWN) {
            Some(begin) if frame.len() > SHOWN => format!("{} ... ({} bytes)", terminal::hex(begin), frame.len()),
            _ => terminal::hex(frame),
        });
    }
}
