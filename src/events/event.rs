//! [`Event`]: what [`Client::on_event`](crate::Client::on_event) and [`Server::on_event`](crate::Server::on_event)
//! receive.
//!
//! Defines the events, their names and their texts, and does not emit them: see `sink`.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::close::CloseCode;
use crate::error::{Error, HandshakeErrorKind, OverloadKind, ProtocolError, Step};

/// An event on a connection or a server, with the number of the connection.
///
/// The name of an event is its [`EventKind`] in kebab case. Names never change.
///
/// | name | event | role |
/// |---|---|---|
/// | `accepted` | a TCP connection was accepted, or a stream was passed to `accept_over` | server |
/// | `connected` | the stream to the server is open | client |
/// | `opened` | the opening handshake succeeded | both |
/// | `handshake-rejected` | the opening handshake was rejected, with the reason | both |
/// | `responded` | a hook answered the request with an HTTP response | server |
/// | `handed-over` | a hook took over the stream | server |
/// | `failed` | the opening handshake was not completed, or the server could not be reached | both |
/// | `frame-received`, `frame-sent` | a frame, with opcode and size | both |
/// | `close-received`, `close-sent` | a Close frame, with its code | both |
/// | `protocol-error` | the peer violated the protocol, with the rule and the position | both |
/// | `limit-exceeded` | the peer exceeded a limit, with the position | both |
/// | `timeout` | a timeout expired, with the step | both |
/// | `ended` | an open connection ended, with the reason | both |
/// | `handler-failed` | the handler of a connection returned an error other than that of `ended` | server |
/// | `handler-panicked` | the handler of a connection panicked | server |
/// | `connection-rejected` | a connection was rejected before its request was read, because of a limit or a missing thread | server |
/// | `thread-spawn-failed` | the system could not start a thread for a connection, which is rejected | server |
/// | `host-not-checked` | a server starts on a loopback address without [`allow_host`](crate::Server::allow_host), which prevents DNS rebinding | server |
/// | `accept-failed` | the system could not accept connections: no descriptors or no memory. Emitted once until `accept` succeeds again | server |
///
/// Each `accepted` and each `connected` is followed by exactly one of `opened`, `handshake-rejected`, `responded`,
/// `handed-over` and `failed`. Each `opened` is followed by exactly one `ended`. The number of open connections is
/// therefore `opened` minus `ended`.
///
/// An event contains no payload, no header values and no credentials, unless an error of the handler does. Its `Display` is
/// one line for a log.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use std::sync::mpsc::channel;
/// let (sender, receiver) = channel();
/// let server = stdws::Server::bind("127.0.0.1:0")?
///     .allow_host("127.0.0.1")?
///     .on_event(move |event| drop(sender.send(event.to_string())))
///     .start(|mut ws| ws.send("welcome"))?;
/// stdws::connect(&server.url())?.recv()?;
/// let lines: Vec<String> = (0..3).filter_map(|_| receiver.recv().ok()).collect();
/// assert!(lines[1].ends_with("opened") && lines[2].ends_with("frame-sent: Text, 7 bytes"), "{lines:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) connection_id: Option<u64>,
    pub(crate) kind: EventKind,
}

/// The kind of an event, with its data. See [`Event`] for when each is emitted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// `accepted`, with the address of the peer, if the stream has one.
    Accepted(Option<SocketAddr>),
    /// `connected`, with the address of the peer, if the stream has one.
    Connected(Option<SocketAddr>),
    /// `opened`.
    Opened,
    /// `handshake-rejected`, with the status that was sent or received, if any.
    HandshakeRejected(HandshakeErrorKind, Option<u16>),
    /// `responded`, with the status.
    Responded(u16),
    /// `handed-over`.
    HandedOver,
    /// `failed`, with the error.
    Failed(Error),
    /// `frame-received` and `frame-sent`. Received: the header has arrived, the payload may be incomplete. Sent: the
    /// frame is in the buffer that is written next.
    Frame(Direction, FrameInfo),
    /// `close-received` and `close-sent`, with the code, if any.
    Close(Direction, Option<CloseCode>),
    /// `protocol-error`, or `limit-exceeded` for an error with close code 1009. Its
    /// [`requirement`](ProtocolError::requirement) is the violated rule. The number is the position of the frame, or of
    /// the part of its payload: bytes received after the opening handshake.
    ProtocolError(ProtocolError, u64),
    /// `timeout`, with the step. The connection ends. A timeout passed to a single call emits no event.
    Timeout(Step),
    /// `ended`, with the error that every further call returns: [`Error::Closed`] after a clean close.
    Ended(Error),
    /// `handler-failed`, with the error.
    HandlerFailed(Error),
    /// `handler-panicked`.
    HandlerPanicked,
    /// `connection-rejected`, with the reason and the address of the peer, if any.
    ConnectionRejected(OverloadKind, Option<SocketAddr>),
    /// `thread-spawn-failed`.
    ThreadSpawnFailed(io::ErrorKind),
    /// `host-not-checked`, with the address on which the server listens.
    HostNotChecked(SocketAddr),
    /// `accept-failed`.
    AcceptFailed(io::ErrorKind),
}

/// The direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

/// The opcode of a frame (RFC 6455 section 5.2). A frame of hixie-55 to hybi-00, which has no length, is reported in
/// the parts in which it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A further frame of a fragmented message.
    Continuation,
    /// The first frame of a text message.
    Text,
    /// The first frame of a binary message.
    Binary,
    /// A Close frame.
    Close,
    /// A Ping frame.
    Ping,
    /// A Pong frame.
    Pong,
}

impl FrameKind {
    /// Whether the frame is part of a message.
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
    /// The opcode.
    pub fn opcode(&self) -> FrameKind {
        self.opcode
    }

    /// The payload length on the wire, in bytes.
    pub fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// Whether this is the last frame of a message.
    pub fn is_message_end(&self) -> bool {
        self.fin && self.opcode.is_data()
    }

    /// Whether this is the first frame of a compressed message (RFC 7692).
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }
}

impl Event {
    /// The number of the connection: the same in all its events, and unique in this process. `None` for
    /// `connection-rejected`, `thread-spawn-failed`, `host-not-checked` and `accept-failed`, which precede a
    /// connection.
    pub fn connection_id(&self) -> Option<u64> {
        self.connection_id
    }

    /// The kind of the event, with its data.
    pub fn kind(&self) -> &EventKind {
        &self.kind
    }

    /// The name of the event, which never changes. Suitable as the label of a counter. See the table above.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            EventKind::Accepted(_) => "accepted",
            EventKind::Connected(_) => "connected",
            EventKind::Opened => "opened",
            EventKind::HandshakeRejected(..) => "handshake-rejected",
            EventKind::Responded(_) => "responded",
            EventKind::HandedOver => "handed-over",
            EventKind::Failed(_) => "failed",
            EventKind::Frame(Direction::Received, _) => "frame-received",
            EventKind::Frame(Direction::Sent, _) => "frame-sent",
            EventKind::Close(Direction::Received, _) => "close-received",
            EventKind::Close(Direction::Sent, _) => "close-sent",
            EventKind::ProtocolError(violation, _) if violation.close_code() == CloseCode::TOO_BIG => "limit-exceeded",
            EventKind::ProtocolError(..) => "protocol-error",
            EventKind::Timeout(_) => "timeout",
            EventKind::Ended(_) => "ended",
            EventKind::HandlerFailed(_) => "handler-failed",
            EventKind::HandlerPanicked => "handler-panicked",
            EventKind::ConnectionRejected(..) => "connection-rejected",
            EventKind::ThreadSpawnFailed(_) => "thread-spawn-failed",
            EventKind::HostNotChecked(_) => "host-not-checked",
            EventKind::AcceptFailed(_) => "accept-failed",
        }
    }
}

impl EventKind {
    /// The event for an opening handshake that did not succeed.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn from_handshake_error(error: &Error) -> EventKind {
        match error {
            Error::Handshake(rejection) => EventKind::HandshakeRejected(rejection.kind().clone(), rejection.status()),
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
            EventKind::HandlerFailed(error) => {
                // With the causes, which an application's error commonly leaves to `source`. Its text may have line breaks.
                let text = format!(": {error:?}");
                text.chars().try_for_each(|c| match c.is_control() {
                    true => write!(f, "{}", c.escape_default()),
                    false => write!(f, "{c}"),
                })
            }
            EventKind::Frame(_, frame) => write!(f, ": {frame}"),
            EventKind::Close(_, Some(code)) => write!(f, ": {code}"),
            EventKind::Close(_, None) => f.write_str(" without a code"),
            EventKind::ProtocolError(violation, at) => write!(f, " at byte {at}: {violation}"),
            EventKind::Timeout(step) => write!(f, ": {step:?}"),
            EventKind::ConnectionRejected(kind, Some(peer)) => write!(f, " from {peer}: {kind}"),
            EventKind::ConnectionRejected(kind, None) => write!(f, ": {kind}"),
            EventKind::ThreadSpawnFailed(kind) | EventKind::AcceptFailed(kind) => write!(f, ": {kind}"),
            EventKind::HostNotChecked(addr) => {
                write!(f, ": listens on {addr} for every host; see Server::allow_host")
            }
        }
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.payload_len == 1 { "" } else { "s" };
        let unfinished = if self.fin { "" } else { ", not final" };
        let compressed = if self.compressed { ", compressed" } else { "" };
        write!(f, "{:?}, {} byte{plural}{compressed}{unfinished}", self.opcode, self.payload_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RequestErrorKind;

    #[test]
    fn names_and_texts() {
        let frame = FrameInfo { opcode: FrameKind::Text, fin: false, compressed: true, payload_len: 1 };
        let peer: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let limit = ProtocolError::FrameTooBig { length: 5, limit: 4 };
        let rows = [
            (EventKind::Accepted(Some(peer)), "accepted from 192.0.2.1:80"),
            (EventKind::Connected(Some(peer)), "connected to 192.0.2.1:80"),
            (EventKind::Opened, "opened"),
            (
                EventKind::HandshakeRejected(HandshakeErrorKind::Request(RequestErrorKind::Method), Some(405)),
                "handshake-rejected with status 405: ",
            ),
            (
                EventKind::HandshakeRejected(HandshakeErrorKind::Request(RequestErrorKind::Method), None),
                "handshake-rejected: ",
            ),
            (EventKind::Responded(404), "responded with status 404"),
            (EventKind::HandedOver, "handed-over"),
            (EventKind::Failed(Error::Closed(None)), "failed: "),
            (EventKind::Frame(Direction::Received, frame), "frame-received: Text, 1 byte, compressed, not final"),
            (EventKind::Frame(Direction::Sent, frame), "frame-sent: Text, 1 byte, compressed, not final"),
            (EventKind::Close(Direction::Received, Some(CloseCode::NORMAL)), "close-received: 1000"),
            (EventKind::Close(Direction::Sent, None), "close-sent without a code"),
            (EventKind::ProtocolError(ProtocolError::ReservedBits(4), 7), "protocol-error at byte 7: "),
            (EventKind::ProtocolError(limit, 7), "limit-exceeded at byte 7: "),
            (EventKind::Timeout(Step::Write), "timeout: Write"),
            (EventKind::Ended(Error::Closed(None)), "ended: "),
            (EventKind::HandlerFailed(Error::from("one\ntwo")), "handler-failed: one\\ntwo"),
            (EventKind::HandlerPanicked, "handler-panicked"),
            (
                EventKind::ConnectionRejected(OverloadKind::Connections, Some(peer)),
                "connection-rejected from 192.0.2.1:80: ",
            ),
            (EventKind::ConnectionRejected(OverloadKind::Connections, None), "connection-rejected: "),
            (EventKind::ThreadSpawnFailed(io::ErrorKind::OutOfMemory), "thread-spawn-failed: "),
            (EventKind::AcceptFailed(io::ErrorKind::OutOfMemory), "accept-failed: "),
            (
                EventKind::HostNotChecked(peer),
                "host-not-checked: listens on 192.0.2.1:80 for every host; see Server::allow_host",
            ),
        ];
        let documented = include_str!("event.rs");
        for (kind, text) in rows {
            let event = Event { connection_id: Some(3), kind };
            let line = event.to_string();
            assert!(line.starts_with(&format!("connection 3: {text}")), "{line}");
            // The rule of a violation is there once.
            assert!(line.matches("(6455-").count() <= 1, "{line}");
            assert_eq!(line.len() == "connection 3: ".len() + text.len(), !text.ends_with(": "), "{line}");
            let row = format!("`{}`", event.name());
            assert!(documented.lines().any(|line| line.starts_with("/// | ") && line.contains(&row)), "{row}");
        }
    }

    #[test]
    fn what_a_frame_and_an_event_are() {
        let opcodes = [
            (FrameKind::Continuation, true),
            (FrameKind::Text, true),
            (FrameKind::Binary, true),
            (FrameKind::Close, false),
            (FrameKind::Ping, false),
            (FrameKind::Pong, false),
        ];
        for (opcode, is_data) in opcodes {
            assert_eq!(opcode.is_data(), is_data);
            for flag in [false, true] {
                let frame = FrameInfo { opcode, fin: flag, compressed: !flag, payload_len: 7 };
                let shown = (frame.opcode(), frame.is_message_end(), frame.is_compressed(), frame.payload_len());
                assert_eq!(shown, (opcode, is_data && flag, !flag, 7));
            }
        }
        for connection_id in [None, Some(5)] {
            let event = Event { connection_id, kind: EventKind::Opened };
            assert_eq!(event.connection_id(), connection_id);
        }
    }

    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn a_rejection_is_an_event_of_its_own() {
        let rejected = Error::Handshake(crate::HandshakeError::new(HandshakeErrorKind::HttpVersion).with_status(505));
        assert!(matches!(
            EventKind::from_handshake_error(&rejected),
            EventKind::HandshakeRejected(HandshakeErrorKind::HttpVersion, Some(505))
        ));
        assert!(matches!(
            EventKind::from_handshake_error(&Error::Closed(None)),
            EventKind::Failed(Error::Closed(None))
        ));
    }
}
