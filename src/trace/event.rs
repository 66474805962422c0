//! What happens on connections and at a server's door, for logs and counters: [`Event`], given to
//! [`Client::on_event`](crate::Client::on_event) and [`Server::on_event`](crate::Server::on_event).
//!
//! Knows what can be told; must not know who tells it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::close::CloseCode;
use crate::error::{Error, HandshakeFault, Step, Violation};

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
/// stdws::connect(&format!("ws://{}", server.local_addr()))?.recv()?;
/// let lines: Vec<String> = (0..3).filter_map(|_| told.recv().ok()).collect();
/// assert!(lines[1].ends_with("opened") && lines[2].ends_with("frame-sent: Text, 7 bytes"), "{lines:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) connection: Option<u64>,
    pub(super) what: What,
}

/// What happened. See [`Event`] for when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum What {
    /// `accepted`: from this address, if the stream has one.
    Accepted(Option<SocketAddr>),
    /// `connected`: to this address, if the stream has one.
    Connected(Option<SocketAddr>),
    /// `opened`.
    Opened,
    /// `refused`: with the status that was sent or received, if it came to that.
    Refused(HandshakeFault, Option<u16>),
    /// `answered`: with this status.
    Answered(u16),
    /// `handed-over`.
    HandedOver,
    /// `failed`: why there was no connection.
    Failed(Error),
    /// `frame-received` and `frame-sent`. Received: its header is here, the payload may still be on its way. Sent: it is in
    /// the buffer that is written next.
    Frame(Direction, Frame),
    /// `close-received` and `close-sent`: with its code, if it has one.
    Close(Direction, Option<CloseCode>),
    /// `violation`, or `limit` for one that earns Close 1009. Its [`requirement`](Violation::requirement) is the rule. The
    /// number is where: so many bytes behind the opening handshake begins the frame, or the part of its payload, that did.
    Violation(Violation, u64),
    /// `timeout`: in this step. The connection is over; a time limit that was given in a call is not told.
    Timeout(Step),
    /// `ended`: with the error that every further call gives, [`Error::Closed`] after a good end.
    Ended(Error),
    /// `panicked`.
    Panicked,
    /// `turned-away`: why, and from which address, if it has one.
    TurnedAway(HandshakeFault, Option<SocketAddr>),
    /// `no-thread`.
    NoThread(io::ErrorKind),
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
pub struct Frame {
    pub(crate) opcode: FrameKind,
    pub(crate) fin: bool,
    pub(crate) compressed: bool,
    pub(crate) size: u64,
}

impl Frame {
    /// What it is.
    pub fn opcode(&self) -> FrameKind {
        self.opcode
    }

    /// The bytes of its payload, as they travel.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether a message ends with it.
    pub fn ends_message(&self) -> bool {
        self.fin && self.opcode.is_data()
    }

    /// Whether a compressed message begins with it (RFC 7692).
    pub fn begins_compressed(&self) -> bool {
        self.compressed
    }
}

impl Event {
    /// The number of the connection, the same in all its events, and no other's in this process. `None` for what
    /// happens before there is one: `turned-away`, `no-thread` and `accept-failed`.
    pub fn connection(&self) -> Option<u64> {
        self.connection
    }

    /// What happened.
    pub fn what(&self) -> &What {
        &self.what
    }

    /// What happened, in a word that never changes: a label for counters. See the table above.
    pub fn code(&self) -> &'static str {
        match &self.what {
            What::Accepted(_) => "accepted",
            What::Connected(_) => "connected",
            What::Opened => "opened",
            What::Refused(..) => "refused",
            What::Answered(_) => "answered",
            What::HandedOver => "handed-over",
            What::Failed(_) => "failed",
            What::Frame(Direction::Received, _) => "frame-received",
            What::Frame(Direction::Sent, _) => "frame-sent",
            What::Close(Direction::Received, _) => "close-received",
            What::Close(Direction::Sent, _) => "close-sent",
            What::Violation(violation, _) if violation.close_code() == CloseCode::TOO_BIG => "limit",
            What::Violation(..) => "violation",
            What::Timeout(_) => "timeout",
            What::Ended(_) => "ended",
            What::Panicked => "panicked",
            What::TurnedAway(..) => "turned-away",
            What::NoThread(_) => "no-thread",
            What::AcceptFailed(_) => "accept-failed",
        }
    }
}

impl What {
    /// What became of an opening handshake that led to no connection.
    pub(crate) fn of_opening(error: &Error) -> What {
        match error {
            Error::Handshake(refusal) => match (refusal.fault(), refusal.status()) {
                (HandshakeFault::Answered, status) => What::Answered(status.unwrap_or(0)),
                (HandshakeFault::HandedOver, _) => What::HandedOver,
                (fault, status) => What::Refused(fault.clone(), status),
            },
            error => What::Failed(error.clone()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connection {
            Some(connection) => write!(f, "connection {connection}: {}", self.code())?,
            None => write!(f, "{}", self.code())?,
        }
        match &self.what {
            What::Accepted(Some(peer)) => write!(f, " from {peer}"),
            What::Connected(Some(peer)) => write!(f, " to {peer}"),
            What::Accepted(None) | What::Connected(None) | What::Opened | What::HandedOver | What::Panicked => Ok(()),
            What::Refused(fault, Some(status)) => write!(f, " with status {status}: {fault}"),
            What::Refused(fault, None) => write!(f, ": {fault}"),
            What::Answered(status) => write!(f, " with status {status}"),
            What::Failed(error) | What::Ended(error) => write!(f, ": {error}"),
            What::Frame(_, frame) => write!(f, ": {frame}"),
            What::Close(_, Some(code)) => write!(f, ": {code}"),
            What::Close(_, None) => f.write_str(" without a code"),
            What::Violation(violation, at) => {
                write!(f, " at byte {at}: {violation} ({})", violation.requirement())
            }
            What::Timeout(step) => write!(f, ": {step:?}"),
            What::TurnedAway(fault, Some(peer)) => write!(f, " {peer}: {fault}"),
            What::TurnedAway(fault, None) => write!(f, ": {fault}"),
            What::NoThread(kind) | What::AcceptFailed(kind) => write!(f, ": {kind}"),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.size == 1 { "" } else { "s" };
        let more = if self.fin { "" } else { ", and the message goes on" };
        let packed = if self.compressed { ", compressed" } else { "" };
        write!(f, "{:?}, {} byte{plural}{packed}{more}", self.opcode, self.size)
    }
}
