//! Frames that the user of the page builds by hand: judged by a strict receiver, and sent to the real peer if there is one.
//!
//! A command of the page is one text message:
//!
//! | command | does |
//! |---|---|
//! | `judge SIDE HEX` | has a strict receiver judge these bytes of the client or the server |
//! | `send TARGET HEX` | the same as a client, and sends them over a connection of its own, whose request has this target |
//! | `fresh` | forgets what was judged, and ends that connection |
//!
//! The frames of one connection are judged together: a fragment is right or wrong by those before it.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use stdws::codec::frame::Role;

use super::event;
use super::lane::{Frame, Item, Lane, Pending};

/// The size of a message that the strict receiver accepts: that of a server without settings.
const LIMIT: u64 = 1 << 20;
/// Timeout of each step with the peer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of bytes of a command.
pub(crate) const MAX_COMMAND: u64 = 256 << 10;
/// Maximum number of bytes of the response to the handshake.
const MAX_HEAD: usize = 64 << 10;

/// Where frames are sent: to a listener in front of the peer, which shows what passes.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The path of the request, unless the user chooses another.
    pub(crate) target: String,
}

pub(crate) struct Composer {
    client: Lane,
    server: Lane,
    stream: Option<TcpStream>,
}

impl Composer {
    pub(crate) fn new() -> Composer {
        Composer {
            client: Lane::after_handshake(Role::Client, LIMIT),
            server: Lane::after_handshake(Role::Server, LIMIT),
            stream: None,
        }
    }

    /// The answer to a command, as an event.
    pub(crate) fn run(&mut self, command: &str, peer: Option<&Peer>) -> String {
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
            (Some("send"), Some(target), Some(hex), None) => match (bytes(hex), peer) {
                _ if !is_target(target) => failure("the path begins with a slash and has visible ASCII only"),
                (Some(bytes), Some(peer)) => {
                    let sent = self.send(&bytes, peer, target);
                    self.verdict("client", &bytes, Some(sent))
                }
                (None, _) => failure("the bytes are not hexadecimal"),
                (_, None) => failure("there is no peer to send to"),
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
            None => open(peer.address, target)?,
        };
        stream.write_all(bytes)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn end(&mut self) {
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
fn open(address: SocketAddr, target: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // The key of RFC 6455 section 1.3. It is no secret, and this is no cache to poison.
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(io::Error::other("the response to the handshake does not end"));
        }
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if head.get(8..12) != Some(b" 101") {
        return Err(io::Error::other("the peer refused the handshake"));
    }
    // The answers are rows of the page. They are read here so that the peer never waits.
    let mut answers = stream.try_clone()?;
    answers.set_read_timeout(None)?;
    thread::Builder::new().spawn(move || io::copy(&mut answers, &mut io::sink()))?;
    Ok(stream)
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
