//! [`WebSocket`]: the handle of an open connection that receives, sends and closes.
//!
//! Knows the receiver and the shared connection; must not know the other public handles. Their constructors, such as
//! [`WebSocket::sender`], are beside the handles.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::framing::Codec;
use super::receive::{Received, Receiver};
use super::shared::Connection;
use super::values::Values;
use crate::close::CloseCode;
use crate::codec::event::DecoderEvent;
use crate::config::{Limits, Timeouts};
use crate::error::Result;
#[cfg(doc)]
use crate::error::{Error, Step};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
#[cfg(feature = "server")]
use crate::http::request::Request;
use crate::http::response::Response;
use crate::message::{Message, MessageKind, MessageRef, Outgoing};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::redact;

/// An open WebSocket connection (RFC 6455), made by [`connect`](crate::connect), [`Client`](crate::Client) or
/// [`Server`](crate::Server).
///
/// It receives and sends. A [`sender`](WebSocket::sender) sends from other threads, or while this one waits. During any
/// receive call, Pings and Closes are answered and an idle peer is probed.
///
/// Every call is bounded by [`Timeouts`]. A connection fails once: after an error other than [`Error::Usage`] and the
/// timeouts documented at [`Error`], each further call returns the same error.
///
/// A drop without [`close`](WebSocket::close) sends Close 1001 if that needs no waiting, and closes the socket. After a
/// failure the Close states the reason, and the socket stays open until the peer has read it, for at most
/// [`Timeouts::close`]. The drop does not wait for that: the thread of the [`Server`](crate::Server) does, or one of at most
/// 64 background threads.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// let mut ws = stdws::connect(&url)?;
/// ws.send("hello")?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
/// let info = ws.close(stdws::CloseCode::NORMAL, "bye")?;
/// assert_eq!(info.code(), stdws::CloseCode::NORMAL);
/// # Ok(())
/// # }
/// ```
pub struct WebSocket {
    pub(super) receiver: Receiver,
    /// Messages received during [`WebSocket::ping`], for the next receive calls.
    pub(super) buffered_messages: VecDeque<Message>,
    /// The one of them that [`WebSocket::recv_ref`] returned last.
    borrowed_message: Option<Message>,
    pub(super) limits: Limits,
    pub(crate) info: Box<ConnectionInfo>,
}

/// The result of the opening handshake, and the addresses of both sides.
#[derive(Default)]
pub(crate) struct ConnectionInfo {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) subprotocol: Option<String>,
    #[cfg(feature = "server")]
    pub(crate) request: Option<Request>,
    pub(crate) response: Option<Response>,
    pub(crate) events: EventSink,
    pub(crate) values: Values,
}

impl WebSocket {
    /// A connection after its opening handshake.
    pub(crate) fn new(
        stream: impl Into<Arc<Stream>>,
        codec: Codec,
        (limits, timeouts): (Limits, Timeouts),
        info: ConnectionInfo,
    ) -> WebSocket {
        #[cfg(feature = "trace")]
        let mut codec = codec;
        #[cfg(feature = "trace")]
        codec.set_events(&info.events);
        let Codec { role, protocol, decoder, encoder } = codec;
        #[cfg(feature = "trace")]
        info.events.emit(|| EventKind::Opened);
        #[cfg_attr(not(feature = "trace"), allow(unused_mut))]
        let mut connection = Connection::new(stream, role, protocol, encoder, timeouts);
        #[cfg(feature = "trace")]
        if let Some(connection) = Arc::get_mut(&mut connection) {
            connection.set_events(info.events.clone());
        }
        let receiver = Receiver::new(connection, decoder);
        WebSocket { receiver, buffered_messages: VecDeque::new(), borrowed_message: None, limits, info: Box::new(info) }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.receiver.connection
    }

    /// The part that all threads share. A server's registry keeps it.
    #[cfg(any(feature = "server", feature = "reconnect", test))]
    pub(crate) fn shared_connection(&self) -> &Arc<Connection> {
        &self.receiver.connection
    }

    #[cfg(all(feature = "server", feature = "trace"))]
    pub(crate) fn events(&self) -> &EventSink {
        &self.info.events
    }

    // ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Waits for the next message. `None`: the connection was closed cleanly, as [`close_info`](WebSocket::close_info) states.
    ///
    /// It blocks for as long as the peer stays responsive: an idle peer is probed with a Ping after
    /// [`Timeouts::ping_interval`], and a message that has begun has to continue within [`Timeouts::message`]. Queued messages
    /// are written before it waits.
    ///
    /// An error is returned at once. `None` is returned after the TCP connection has ended, at most [`Timeouts::close`] after
    /// the peer's Close.
    ///
    /// # Errors
    /// [`Protocol`](Error::Protocol) if the peer broke a rule or a limit, [`Timeout`](Error::Timeout),
    /// [`Closed`](Error::Closed) if the connection ended without a Close, [`Io`](Error::Io).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap(), "hello");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "read")]
    #[doc(alias = "receive")]
    pub fn recv(&mut self) -> Result<Option<Message>> {
        self.receive(None)
    }

    /// Like [`recv`](WebSocket::recv), but waits at most for `limit`. No data is lost at a timeout, even inside a frame: the next
    /// call continues.
    ///
    /// After the peer's Close it returns `None` at the limit at the latest, even if the TCP connection has not ended by then.
    ///
    /// # Errors
    /// [`Timeout`](Error::Timeout)`(`[`Step::Receive`]`)` after the limit, and those of [`recv`](WebSocket::recv).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// use std::time::Duration;
    /// let mut ws = stdws::connect(server.url())?;
    /// match ws.recv_timeout(Duration::from_millis(10)) {
    ///     Ok(Some(message)) => println!("{message}"),
    ///     Ok(None) => println!("closed"),
    ///     Err(stdws::Error::Timeout(stdws::Step::Receive)) => println!("nothing yet"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "set_read_timeout")]
    #[doc(alias = "read_timeout")]
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message>> {
        self.receive(Some(Deadline::after(limit)))
    }

    /// Returns the next message if it has arrived, like [`recv_timeout`](WebSocket::recv_timeout) with a limit of zero. It reads
    /// once: a long message needs several calls. It waits for about 10 ms if the network has just become full, else never.
    ///
    /// # Errors
    /// Those of [`recv_timeout`](WebSocket::recv_timeout).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let nothing_yet = ws.try_recv().unwrap_err();
    /// assert!(matches!(nothing_yet, stdws::Error::Timeout(stdws::Step::Receive)));
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<Message>> {
        self.receive(Some(Deadline::after(Duration::ZERO)))
    }

    /// Like [`recv`](WebSocket::recv), but returns a borrowed message, without an allocation.
    ///
    /// The message borrows the connection. To send meanwhile, use a [`sender`](WebSocket::sender).
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// while let Some(message) = ws.recv_ref()? {
    ///     assert_eq!(message.as_bytes(), b"welcome");
    /// }
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[inline]
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>> {
        if !self.buffered_messages.is_empty() {
            self.borrowed_message = self.buffered_messages.pop_front();
            return Ok(self.borrowed_message.as_ref().map(MessageRef::from));
        }
        let Some(kind) = self.next_message(None)? else { return Ok(None) };
        Ok(Some(MessageRef::from_validated(kind, self.receiver.decoder.payload())))
    }

    fn receive(&mut self, limit: Option<Deadline>) -> Result<Option<Message>> {
        if let Some(message) = self.buffered_messages.pop_front() {
            return Ok(Some(message));
        }
        Ok(self.next_message(limit)?.map(|kind| self.take(kind)))
    }

    #[inline]
    pub(super) fn next_message(&mut self, limit: Option<Deadline>) -> Result<Option<MessageKind>> {
        if let Some(kind) = self.receiver.next_whole_message(limit)? {
            return Ok(Some(kind));
        }
        loop {
            match self.receiver.next(limit)? {
                Some(Received::Data(DecoderEvent::Message(kind))) => return Ok(Some(kind)),
                Some(Received::Data(_) | Received::Pong) => {}
                None => {
                    self.receiver.end_by(limit.unwrap_or(Deadline::never()));
                    return Ok(None);
                }
            }
        }
    }

    pub(super) fn take(&mut self, kind: MessageKind) -> Message {
        let bytes = self.receiver.decoder.take_payload();
        match kind {
            // The decoder has validated it, so the default is never used.
            MessageKind::Text => Message::Text(String::from_utf8(bytes).unwrap_or_default()),
            MessageKind::Binary => Message::Binary(bytes),
        }
    }

    // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a message in one frame. Returns when the kernel has it and all messages queued before.
    ///
    /// Accepts text, bytes and [`Message`], borrowed or owned: [`Outgoing`] lists the types. A client sends an owned large message
    /// faster, because it masks it in place. Waits for the network at most [`Timeouts::write`] for each 64 KiB; beyond that the
    /// connection fails.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once a Close was sent or received; [`Timeout`](Error::Timeout) of [`Step::Write`]; of
    /// [`Step::SendLock`] if another thread was sending all the time, which leaves the connection usable; [`Io`](Error::Io).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send("text")?;
    /// ws.send(&[1, 2, 3])?; // binary
    /// ws.send(vec![0; 1 << 20])?; // owned
    /// assert_eq!(ws.recv()?.unwrap(), "text");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "backpressure")]
    #[doc(alias = "write")]
    pub fn send<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection().send_message(message.into())
    }

    /// Sends a message without compression, like [`send`](WebSocket::send) otherwise. For data that is compressed already, and for
    /// a secret beside data chosen by others: the compressed length would reveal the secret.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send_uncompressed("secret=1234&name=chosen by somebody else")?;
    /// assert!(ws.recv()?.is_some());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send_uncompressed<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection().send_uncompressed_message(message.into())
    }

    /// Queues a message, so that many small messages need one write.
    ///
    /// Queued messages are written when a receive call finds no further message in its buffer, at 128 KiB, by
    /// [`flush`](WebSocket::flush), or with the next message that is sent.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// for number in 0..1000 {
    ///     ws.queue(number.to_string())?;
    /// }
    /// assert_eq!(ws.recv()?.unwrap(), "0"); // this call has written them
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[inline]
    pub fn queue<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection().queue_message(message.into())
    }

    /// Writes the queued messages.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.queue("one")?;
    /// ws.queue("two")?;
    /// ws.flush()?;
    /// assert_eq!(ws.recv()?.unwrap(), "one");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn flush(&mut self) -> Result<()> {
        self.connection().flush()
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.receiver.close_nonblocking(match thread::panicking() {
            true => CloseCode::INTERNAL,
            false => CloseCode::GOING_AWAY,
        });
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.connection().role)
            .field("peer", &self.info.peer)
            .field("subprotocol", &self.info.subprotocol.as_deref().map(redact::subprotocol))
            .field("open", &self.connection().is_open())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket, BINARY, ROLES, TEXT};
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn messages_that_came_before_are_received_first() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                ws.buffered_messages.extend(["one", "two"].map(Message::from));
                peer.send(true, TEXT, b"three");
                peer.send(true, BINARY, b"four");
                peer.send(true, TEXT, b"five");
                assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), b"one");
                assert_eq!(ws.recv().unwrap(), Some(Message::from("two")));
                for (kind, text) in [(MessageKind::Text, "three"), (MessageKind::Binary, "four")] {
                    let message = ws.recv_ref().unwrap().unwrap();
                    assert_eq!((message.kind(), message.as_bytes()), (kind, text.as_bytes()));
                }
                assert_eq!(ws.recv().unwrap(), Some(Message::from("five")));
                peer.send(true, Opcode::Close, b"");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                assert!(ws.recv_ref().unwrap().is_none());
            });
        }
    }

    #[test]
    fn debug_shows_who_and_no_contents() {
        for (role, name) in ROLES.into_iter().zip(["Client", "Server"]) {
            let (mut ws, _peer) = websocket(role, long_timeouts());
            ws.info.subprotocol = Some("chat".to_owned());
            let text = |open| {
                format!("WebSocket {{ role: {name}, peer: None, subprotocol: Some(\"chat\"), open: {open}, .. }}")
            };
            assert_eq!(format!("{ws:?}"), text(true));
            ws.abort();
            assert_eq!(format!("{ws:?}"), text(false));
        }
    }

    /// 1001 for an end that is regular, 1011 for one that is not: 6455-7.4.1-1
    #[test]
    fn a_drop_closes_with_its_cause() {
        for role in ROLES {
            for (panics, code) in [(false, CloseCode::GOING_AWAY), (true, CloseCode::INTERNAL)] {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let result = catch_unwind(AssertUnwindSafe(|| {
                    let _ws = ws;
                    assert!(!panics, "as planned");
                }));
                assert_eq!(result.is_err(), panics);
                let close = (true, Opcode::Close, code.as_u16().to_be_bytes().to_vec());
                assert_eq!(peer.frames(), [close]);
            }
        }
    }

    #[test]
    fn a_flush_writes_what_was_queued() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            ws.queue("queued").unwrap();
            ws.flush().unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, b"queued".to_vec())));
            ws.abort();
            assert!(ws.flush().is_err());
        }
    }
}
