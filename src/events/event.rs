//! What happens on connections and at a server's door, for logs and counters: [`Event`], given to
//! [`Client::on_event`](crate::Client::on_event) and [`Server::on_event`](crate::Server::on_event).
//!
//! Knows what can be told; must not know who tells it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::close::CloseCode;
use crate::error::{Error, HandshakeErrorKind, ProtocolError, Step};

/// Something that happened, with the number of the connection it happened on.
///
/// | code | what | role |
/// |---|---|---|
/// | `accepted` | a TCP connection was let in, or a stream was given to `accept_over` | server |
/// | `connected` | a stream to the server is there | client |
/// | `opened` | the opening handshake is over: a WebSocket | both |
/// | `refused` | the opening handshake failed, and why | both |
/// | `answered` | a hook answered the request in HTTP | server |
/// | `handed-over` | a hook took the stream over | server |
/// | `failed` | the opening handshake did not come to an end, or the server could not be reached | both |
/// | `frame-received`, `frame-sent` | a frame, with opcode and size | both |
/// | `close-received`, `close-sent` | a Close, with its code | both |
/// | `violation` | the peer broke a rule, and where | both |
/// | `limit` | the peer passed a limit, and where | both |
/// | `timeout` | time ran out, in which step | both |
/// | `ended` | a connection that was open is over, and how | both |
/// | `panicked` | the handler of a connection panicked | server |
/// | `turned-away` | a connection was answered at once, without a look at its request: there are too many | server |
/// | `no-thread` | the system could not start a thread for a connection, which is turned away | server |
/// | `accept-failed` | the system could not accept connections: no descriptors, no memory. Told once until it can again | server |
///
/// These codes never change. After each `accepted` and each `connected` comes exactly one of `opened`, `refused`,
/// `answered`, `handed-over`, `failed`; after each `opened` exactly one `ended`. So the connections that are open are
/// `opened` minus `ended`.
///
/// An event holds no payload, no header values, no credentials. Its `Display` is a line for a log.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use std::sync::mpsc::channel;
/// let (tell, told) = channel();
/// let server = stdws::Server::bind("127.0.0.1:0")?
///     .on_event(move |event| drop(tell.send(event.to_string())))
///     .start(|mut ws| ws.send("welcome"))?;
/// stdws::connect(&server.url())?.recv()?;
/// let lines: Vec<String> = (0..3).filter_map(|_| told.recv().ok()).collect();
/// assert!(lines[1].ends_with("opened") && lines[2].ends_with("frame-sent: Text, 7 bytes"), "{lines:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) connection_id: Option<u64>,
    pub(crate) kind: EventKind,
}

/// What happened. See [`Event`] for when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// `accepted`: from this address, if the stream has one.
    Accepted(Option<SocketAddr>),
    /// `connected`: to this address, if the stream has one.
    Connected(Option<SocketAddr>),
    /// `opened`.
    Opened,
    /// `refused`: with the status that was sent or received, if it came to that.
    HandshakeRejected(HandshakeErrorKind, Option<u16>),
    /// `answered`: with this status.
    Responded(u16),
    /// `handed-over`.
    HandedOver,
    /// `failed`: why there was no connection.
    Failed(Error),
    /// `frame-received` and `frame-sent`. Received: its header is here, the payload may still be on its way. Sent: it is in
    /// the buffer that is written next.
    Frame(Direction, FrameInfo),
    /// `close-received` and `close-sent`: with its code, if it has one.
    Close(Direction, Option<CloseCode>),
    /// `violation`, or `limit` for one that earns Close 1009. Its [`requirement`](ProtocolError::requirement) is the rule. The
    /// number is where: so many bytes behind the opening handshake begins the frame, or the part of its payload, that did.
    ProtocolError(ProtocolError, u64),
    /// `timeout`: in this step. The connection is over; a time limit that was given in a call is not told.
    Timeout(Step),
    /// `ended`: with the error that every further call gives, [`Error::Closed`] after a good end.
    Ended(Error),
    /// `panicked`.
    HandlerPanicked,
    /// `turned-away`: why, and from which address, if it has one.
    ConnectionRejected(HandshakeErrorKind, Option<SocketAddr>),
    /// `no-thread`.
    ThreadSpawnFailed(io::ErrorKind),
    /// `accept-failed`.
    AcceptFailed(io::ErrorKind),
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

/// What a frame is (RFC 6455 section 5.2). A frame of a draft that ends it with a byte is told in as many parts as it came
/// in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// More of a message that has begun.
    Continuation,
    /// The first frame of a text message.
    Text,
    /// The first frame of a binary message.
    Binary,
    /// The end of the connection.
    Close,
    /// A question for a sign of life.
    Ping,
    /// The answer to it.
    Pong,
}

impl FrameKind {
    /// Whether it carries bytes of a message.
    pub fn is_data(self) -> bool {
        match self {
            FrameKind::Continuation | FrameKind::Text | FrameKind::Binary => true,
            FrameKind::Close | FrameKind::Ping | FrameKind::Pong => false,
        }
    }
}

/// A frame, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameInfo {
    pub(crate) opcode: FrameKind,
    pub(crate) fin: bool,
    pub(crate) compressed: bool,
    pub(crate) payload_len: u64,
}

impl FrameInfo {
    /// What it is.
    pub fn opcode(&self) -> FrameKind {
        self.opcode
    }

    /// The bytes of its payload, as they travel.
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Whether a message ends with it.
    pub fn is_message_end(&self) -> bool {
        self.fin && self.opcode.is_data()
    }

    /// Whether a compressed message begins with it (RFC 7692).
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }
}

impl Event {
    /// The number of the connection, the same in all its events, and no other's in this process. `None` for what
    /// happens before there is one: `turned-away`, `no-thread` and `accept-failed`.
    pub fn connection_id(&self) -> Option<u64> {
        self.connection_id
    }

    /// What happened.
    pub fn kind(&self) -> &EventKind {
        &self.kind
    }

    /// What happened, in a word that never changes: a label for counters. See the table above.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            EventKind::Accepted(_) => "accepted",
            EventKind::Connected(_) => "connected",
            EventKind::Opened => "opened",
            EventKind::HandshakeRejected(..) => "refused",
            EventKind::Responded(_) => "answered",
            EventKind::HandedOver => "handed-over",
            EventKind::Failed(_) => "failed",
            EventKind::Frame(Direction::Received, _) => "frame-received",
            EventKind::Frame(Direction::Sent, _) => "frame-sent",
            EventKind::Close(Direction::Received, _) => "close-received",
            EventKind::Close(Direction::Sent, _) => "close-sent",
            EventKind::ProtocolError(violation, _) if violation.close_code() == CloseCode::TOO_BIG => "limit",
            EventKind::ProtocolError(..) => "violation",
            EventKind::Timeout(_) => "timeout",
            EventKind::Ended(_) => "ended",
            EventKind::HandlerPanicked => "panicked",
            EventKind::ConnectionRejected(..) => "turned-away",
            EventKind::ThreadSpawnFailed(_) => "no-thread",
            EventKind::AcceptFailed(_) => "accept-failed",
        }
    }
}

impl EventKind {
    /// What became of an opening handshake that led to no connection.
    pub(crate) fn from_handshake_error(error: &Error) -> EventKind {
        match error {
            Error::Handshake(rejection) => match (rejection.kind(), rejection.status()) {
                (HandshakeErrorKind::Responded, status) => EventKind::Responded(status.unwrap_or(0)),
                (HandshakeErrorKind::HandedOver, _) => EventKind::HandedOver,
                (kind, status) => EventKind::HandshakeRejected(kind.clone(), status),
            },
            error => EventKind::Failed(error.clone()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connection_id {
            Some(connection) => write!(f, "connection {connection}: {}", self.name())?,
            None => write!(f, "{}", self.name())?,
        }
        match &self.kind {
            EventKind::Accepted(Some(peer)) => write!(f, " from {peer}"),
            EventKind::Connected(Some(peer)) => write!(f, " to {peer}"),
            EventKind::Accepted(None)
            | EventKind::Connected(None)
            | EventKind::Opened
            | EventKind::HandedOver
            | EventKind::HandlerPanicked => Ok(()),
            EventKind::HandshakeRejected(kind, Some(status)) => write!(f, " with status {status}: {kind}"),
            EventKind::HandshakeRejected(kind, None) => write!(f, ": {kind}"),
            EventKind::Responded(status) => write!(f, " with status {status}"),
            EventKind::Failed(error) | EventKind::Ended(error) => write!(f, ": {error}"),
            EventKind::Frame(_, frame) => write!(f, ": {frame}"),
            EventKind::Close(_, Some(code)) => write!(f, ": {code}"),
            EventKind::Close(_, None) => f.write_str(" without a code"),
            EventKind::ProtocolError(violation, at) => {
                write!(f, " at byte {at}: {violation} ({})", violation.requirement())
            }
            EventKind::Timeout(step) => write!(f, ": {step:?}"),
            EventKind::ConnectionRejected(kind, Some(peer)) => write!(f, " {peer}: {kind}"),
            EventKind::ConnectionRejected(kind, None) => write!(f, ": {kind}"),
            EventKind::ThreadSpawnFailed(kind) | EventKind::AcceptFailed(kind) => write!(f, ": {kind}"),
        }
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.payload_len == 1 { "" } else { "s" };
        let more = if self.fin { "" } else { ", and the message goes on" };
        let packed = if self.compressed { ", compressed" } else { "" };
        write!(f, "{:?}, {} byte{plural}{packed}{more}", self.opcode, self.payload_len)
    }
}
