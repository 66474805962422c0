//! Frames that the user of the page builds by hand: judged by a strict receiver, and sent to the real server if there is one, or to a
//! client of this library.
//!
//! A command of the page is one text message:
//!
//! | command | does |
//! |---|---|
//! | `judge SIDE HEX` | has a strict receiver judge these bytes of the client or the server |
//! | `send TARGET HEX` | the same as a client, and sends them over a connection of its own, whose request has this target |
//! | `serve HEX` | the same as a server, and sends them to a client of this library, which connects for it |
//! | `fresh` | forgets what was judged, and ends these connections |
//!
//! The frames of one connection are judged together: a fragment is right or wrong by those before it.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use stdws::codec::frame::Role;

use super::lane::{Frame, Item, Lane, Pending};
use super::serving::Serving;
use super::{event, Page};

/// The size of a message that the strict receiver accepts: that of a server without settings.
pub(super) const LIMIT: u64 = 1 << 20;
/// Timeout of each step with the peer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of bytes of a command.
pub(crate) const MAX_COMMAND: u64 = 256 << 10;
/// Maximum number of bytes of a head of the handshake.
const MAX_HEAD: usize = 64 << 10;

/// Opens a TCP connection for frames.
type Connect = Box<dyn Fn() -> io::Result<TcpStream> + Send + Sync>;

/// Where frames are sent as a client: to what is in front of the server, and shows what passes.
pub(crate) struct Peer {
    connect: Connect,
    /// The Host of the request.
    host: String,
    /// The path of the request, unless the user chooses another.
    pub(super) target: String,
}

impl Peer {
    /// A listener.
    pub(crate) fn at(address: SocketAddr, target: &str) -> Peer {
        Peer::by(address, target, move || TcpStream::connect_timeout(&address, TIMEOUT))
    }

    /// What is at this address, reached in this way.
    pub(crate) fn by(
        address: SocketAddr,
        target: &str,
        connect: impl Fn() -> io::Result<TcpStream> + Send + Sync + 'static,
    ) -> Peer {
        Peer { connect: Box::new(connect), host: address.to_string(), target: target.to_owned() }
    }
}

pub(crate) struct Composer {
    client: Lane,
    server: Lane,
    stream: Option<TcpStream>,
    serving: Option<Serving>,
}

impl Composer {
    pub(crate) fn new() -> Composer {
        Composer {
            client: Lane::after_handshake(Role::Client, LIMIT),
            server: Lane::after_handshake(Role::Server, LIMIT),
            stream: None,
            serving: None,
        }
    }

    /// The answer to a command, as an event.
    pub(crate) fn run(&mut self, command: &str, page: &Page) -> String {
        let mut words = command.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("fresh"), None, ..) => {
                self.end();
                *self = Composer::new();
                "{\"event\":\"fresh\"}".to_owned()
            }
            (Some("judge"), Some(side @ ("client" | "server")), Some(hex), None) => match bytes(hex) {
                Some(bytes) => self.verdict(side, &bytes, None),
                None => failure("the bytes are not hexadecimal"),
            },
            (Some("send"), Some(target), Some(hex), None) => match (bytes(hex), page.0.peer.get()) {
                _ if !is_target(target) => failure("the path begins with a slash and has visible ASCII only"),
                (Some(bytes), Some(peer)) => {
                    let sent = self.send(&bytes, peer, target);
                    self.verdict("client", &bytes, Some(sent))
                }
                (None, _) => failure("the bytes are not hexadecimal"),
                (_, None) => failure("there is no peer to send to"),
            },
            (Some("serve"), Some(hex), None, None) => match bytes(hex) {
                Some(bytes) => {
                    let sent = self.serve(&bytes, page);
                    self.verdict("server", &bytes, Some(sent))
                }
                None => failure("the bytes are not hexadecimal"),
            },
            _ => failure("there is no such command"),
        }
    }

    fn verdict(&mut self, side: &str, bytes: &[u8], sent: Option<io::Result<()>>) -> String {
        let lane = if side == "client" { &mut self.client } else { &mut self.server };
        let (was_stopped, mut rest, mut violation) = (lane.is_stopped(), bytes, None);
        let mut said = Vec::new();
        while !rest.is_empty() {
            if let Some(Item::Frame(frame)) = lane.next(&mut rest) {
                violation = violation.or(frame.judgement.violation);
                said.extend(frame.judgement.violation.is_none().then(|| accepted(&frame, lane)));
            }
        }
        if was_stopped {
            said.push("The connection has ended before these bytes: a strict peer ignores them.".to_owned());
        }
        let violation = violation.or(lane.violation());
        said.extend(match lane.pending().filter(|_| violation.is_none()) {
            Some(Pending::Payload(missing)) => Some(format!("It waits for {missing} more bytes of the payload.")),
            Some(Pending::Header(count)) => Some(format!("It waits for the rest of the header, after {count} bytes.")),
            None => None,
        });
        let mut out = format!("{{\"event\":\"verdict\",\"side\":\"{side}\",\"said\":{}", event::json(&said.join(" ")));
        event::violation(&mut out, violation.as_ref());
        let sent = match sent {
            None => "null".to_owned(),
            Some(Ok(())) => "\"\"".to_owned(),
            Some(Err(error)) => event::json(&error.to_string()),
        };
        let _ = write!(out, ",\"sent\":{sent}}}");
        out
    }

    /// Sends bytes over the connection, which is opened first if there is none.
    fn send(&mut self, bytes: &[u8], peer: &Peer, target: &str) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => open(peer, target)?,
        };
        stream.write_all(bytes)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends bytes to a client, which connects first if there is none.
    fn serve(&mut self, bytes: &[u8], page: &Page) -> io::Result<()> {
        let mut serving = match self.serving.take() {
            Some(serving) => serving,
            None => Serving::start(page)?,
        };
        let sent = serving.send(bytes);
        self.serving = Some(serving);
        sent
    }

    fn end(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.end();
        }
        if let Some(stream) = self.stream.take() {
            // The peer may have ended it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Composer {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a strict peer does with a frame that breaks no rule.
fn accepted(frame: &Frame, lane: &Lane) -> String {
    let (fin, length) = (frame.header.first().is_some_and(|first| first & 0x80 != 0), frame.length);
    match (frame.opcode(), fin) {
        (8, _) => format!("Accepted: a Close, {}. It is answered by a Close.", lane.judge.close_text()),
        (9, _) => format!("Accepted: a Ping. It is answered by a Pong with the same {length} bytes."),
        (10, _) => "Accepted: a Pong. It is not answered.".to_owned(),
        (_, true) => format!("Accepted: {length} bytes, which end a message."),
        (_, false) => format!("Accepted: {length} bytes of a message, of which more frames follow."),
    }
}

/// Opens a connection by hand, because a client of the library sends no invalid frame.
fn open(peer: &Peer, target: &str) -> io::Result<TcpStream> {
    let mut stream = (peer.connect)()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // The key of RFC 6455 section 1.3. It is no secret, and this is no cache to poison.
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        peer.host
    );
    stream.write_all(request.as_bytes())?;
    let head = read_head(&mut stream)?;
    if head.get(8..12) != Some(b" 101") {
        return Err(io::Error::other("the peer refused the handshake"));
    }
    // The answers are rows of the page. They are read here so that the peer never waits.
    let mut answers = stream.try_clone()?;
    answers.set_read_timeout(None)?;
    thread::Builder::new().spawn(move || io::copy(&mut answers, &mut io::sink()))?;
    Ok(stream)
}

/// The bytes up to the empty line that ends a head.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(io::Error::other("the head of the handshake does not end"));
        }
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(head)
}

fn failure(text: &str) -> String {
    format!("{{\"event\":\"failure\",\"text\":{}}}", event::json(text))
}

fn is_target(target: &str) -> bool {
    target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte << 4 | digit)).ok()).collect()
}
