//! An open connection: [`WebSocket`] receives and can send; [`Sender`] is the half that sends from any thread.
//!
//! Below this file: `codec` (what is spoken), `connection` (who may write), `permit` (writing), `state` (what the threads agree on), `receive` (the one that reads and waits),
//! `ending` (closing, failing, leaving), `linger` (what is left to do when nothing more is received), `end_record` (telling of it), `share` (for a hub), `messages`, and the two streams.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::messages::Messages;
use super::recv_stream::RecvStream;
use super::send_stream::SendStream;
use super::sender::Sender;
use super::shared::Connection;

use super::framing::Codec;
use super::receive::{Received, Receiver};
use crate::close::{CloseCode, CloseInfo};
use crate::codec::event::DecoderEvent;
use crate::codec::frame::Opcode;
use crate::config::{Limits, Timeouts};
use crate::error::{Error, Result, Step};
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::message::{Message, MessageKind, MessageRef};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;

/// An open WebSocket connection (RFC 6455), made by [`connect`](crate::connect), [`Client`](crate::Client) or
/// [`Server`](crate::Server).
///
/// It receives, and it can send. To send from other threads, or while this one waits, take a [`sender`](WebSocket::sender).
/// Pings are answered, silence is probed and Closes are answered by themselves, while a call that receives is under way.
///
/// Every call is bounded by [`Timeouts`]. A connection fails once: after an error other than [`Error::Usage`] and the
/// timeouts that say so in [`Error`], each further call gives the same one.
///
/// Dropped without [`close`](WebSocket::close), it sends Close 1001 if that costs no waiting, and closes the socket. After a
/// failure the Close says what was wrong, and the socket stays open until the peer has read it: at most [`Timeouts::close`],
/// in the thread of the [`Server`](crate::Server) or in one of at most 64 threads of its own. Nobody waits for that.
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
    pub(crate) receiver: Receiver,
    /// Messages that came while a Pong was awaited.
    buffered_messages: VecDeque<Message>,
    /// The one of them that is lent.
    borrowed_message: Option<Message>,
    limits: Limits,
    pub(crate) info: Box<ConnectionInfo>,
}

/// What the opening handshake agreed on, and with whom.
#[derive(Debug, Default)]
pub(crate) struct ConnectionInfo {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) subprotocol: Option<String>,
    pub(crate) request: Option<Request>,
    pub(crate) response: Option<Response>,
    pub(crate) events: EventSink,
}

impl WebSocket {
    /// A connection whose opening handshake is over.
    pub(crate) fn new(
        stream: impl Into<Arc<Stream>>,
        codec: Codec,
        (limits, timeouts): (Limits, Timeouts),
        info: ConnectionInfo,
    ) -> WebSocket {
        let Codec { role, protocol, decoder, encoder } = codec;
        info.events.emit(|| EventKind::Opened);
        let connection = Connection::new(stream, role, protocol, encoder, timeouts).with_events(info.events.clone());
        let connection = Arc::new(connection);
        let receiver = Receiver::new(connection, decoder);
        WebSocket { receiver, buffered_messages: VecDeque::new(), borrowed_message: None, limits, info: Box::new(info) }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.receiver.connection
    }

    // ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Waits for the next message. `None`: the connection was closed in good order; [`close_info`](WebSocket::close_info)
    /// tells how.
    ///
    /// Bounded only by the peer being alive: silence is probed with a Ping after [`Timeouts::ping_interval`], and a message that has
    /// begun has to go on within [`Timeouts::message`]. What was queued is written before waiting.
    ///
    /// An error is given at once, `None` when the TCP connection has ended, at most [`Timeouts::close`] after the peer's Close.
    ///
    /// # Errors
    /// [`Protocol`](Error::Protocol) if the peer broke a rule or a limit, [`Timeout`](Error::Timeout),
    /// [`Closed`](Error::Closed) if the connection ended without a Close, [`Io`](Error::Io).
    pub fn recv(&mut self) -> Result<Option<Message>> {
        self.receive(None)
    }

    /// As [`recv`](WebSocket::recv), and gives up after `limit` with [`Timeout`](Error::Timeout)`(`[`Step::Receive`]`)`.
    /// Nothing is lost by that, also in the middle of a frame: the next call goes on where this one stopped.
    ///
    /// The limit holds for every call. After the peer's Close `None` is given at the limit at the latest, also if the TCP
    /// connection has not ended by then.
    ///
    /// # Errors
    /// That, and those of [`recv`](WebSocket::recv).
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message>> {
        self.receive(Some(Deadline::after(limit)))
    }

    /// As [`recv_timeout`](WebSocket::recv_timeout) with no time at all: gives a message if one is there. Takes some 10 ms if
    /// the network has just become full, and nothing else makes it wait.
    ///
    /// # Errors
    /// Those of [`recv_timeout`](WebSocket::recv_timeout).
    pub fn try_recv(&mut self) -> Result<Option<Message>> {
        self.receive(Some(Deadline::after(Duration::ZERO)))
    }

    /// As [`recv`](WebSocket::recv), but lends the message instead of giving it: nothing is allocated for it.
    ///
    /// The connection is borrowed as long as the message is; to answer meanwhile, use a [`sender`](WebSocket::sender).
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    #[inline]
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>> {
        if !self.buffered_messages.is_empty() {
            self.borrowed_message = self.buffered_messages.pop_front();
            return Ok(self.borrowed_message.as_ref().map(MessageRef::from));
        }
        let Some(kind) = self.next_message(None)? else { return Ok(None) };
        Ok(Some(MessageRef::from_validated(kind, self.receiver.decoder.payload())))
    }

    /// Waits for the next message to begin, and lends it as a stream, for what is too large to hold. See [`RecvStream`].
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    pub fn recv_stream(&mut self) -> Result<Option<RecvStream<'_>>> {
        match self.buffered_messages.pop_front() {
            Some(Message::Text(text)) => {
                Ok(Some(RecvStream::from_message(&mut self.receiver, MessageKind::Text, text.into_bytes())))
            }
            Some(Message::Binary(bytes)) => {
                Ok(Some(RecvStream::from_message(&mut self.receiver, MessageKind::Binary, bytes)))
            }
            None => RecvStream::new(&mut self.receiver),
        }
    }

    /// The messages to come, as an iterator that ends when the connection is closed in good order, or after an error.
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    fn receive(&mut self, limit: Option<Deadline>) -> Result<Option<Message>> {
        if let Some(message) = self.buffered_messages.pop_front() {
            return Ok(Some(message));
        }
        Ok(self.next_message(limit)?.map(|kind| self.take(kind)))
    }

    #[inline]
    fn next_message(&mut self, limit: Option<Deadline>) -> Result<Option<MessageKind>> {
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

    fn take(&mut self, kind: MessageKind) -> Message {
        let bytes = self.receiver.decoder.take_payload();
        match kind {
            // The decoder has checked it, and `std` checks again; the empty string never comes of it.
            MessageKind::Text => Message::Text(String::from_utf8(bytes).unwrap_or_default()),
            MessageKind::Binary => Message::Binary(bytes),
        }
    }

    // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a message in one frame. Returns when the kernel has all of it, and of everything queued before.
    ///
    /// Takes `&str`, `&String`, `&[u8]`, `&Vec<u8>`, byte arrays, `&`[`Message`] and [`MessageRef`]. Waits for the network at
    /// most [`Timeouts::write`] for each 64 KiB; a peer that takes longer ends the connection.
    ///
    /// # Errors
    /// [`Closed`](Error::Closed) once a Close was sent or received; [`Timeout`](Error::Timeout) of [`Step::Write`], or of
    /// [`Step::SendLock`] if another thread was sending all the time, after which the connection is as it was; [`Io`](Error::Io).
    pub fn send<'a>(&mut self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection().send(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Sends a message as it is, although compression was agreed on: one that is compressed already, or one with a secret
    /// next to what others chose, whose length must not tell of it. Otherwise as [`send`](WebSocket::send).
    pub fn send_uncompressed<'a>(&mut self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection().send_uncompressed(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Queues a message, to go out together with others: many small answers cost one write.
    ///
    /// What is queued is written when a call that receives finds no further message in its buffer, at 64 KiB, on
    /// [`flush`](WebSocket::flush), or with the next message that is sent.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    #[inline]
    pub fn queue<'a>(&mut self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection().queue(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Writes what was queued.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    pub fn flush(&mut self) -> Result<()> {
        self.connection().flush()
    }

    /// Sends one message in pieces, for what is too large to hold. See [`SendStream`].
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<SendStream> {
        SendStream::new(self.receiver.connection.clone(), kind)
    }

    /// Sends a Ping and waits for its Pong, at most [`Timeouts::pong_timeout`] (RFC 6455 section 5.5.2). Gives the time it took.
    ///
    /// Messages that come before the Pong are kept for the calls that receive, up to [`Limits::max_message_size`] bytes in all; if
    /// there are more, this gives [`Timeout`](Error::Timeout)`(`[`Step::Pong`]`)`, as it does when time runs out. Either leaves
    /// the connection as it is.
    ///
    /// # Errors
    /// That, and those of [`send`](WebSocket::send) and [`recv`](WebSocket::recv).
    pub fn ping(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let deadline = Deadline::after(self.connection().timeouts.pong_timeout);
        self.receiver.awaited_pong = Some(self.connection().ping()?);
        let result = self.receive_until_pong(deadline);
        self.receiver.awaited_pong = None;
        result.map(|()| start.elapsed())
    }

    fn receive_until_pong(&mut self, deadline: Deadline) -> Result<()> {
        let mut held: usize = self.buffered_messages.iter().map(Message::len).sum();
        loop {
            // An empty message takes memory too.
            if held.saturating_add(self.buffered_messages.len().saturating_mul(64)) as u64
                >= self.limits.max_message_size
            {
                return Err(Error::Timeout(Step::Pong));
            }
            match self.receiver.next(Some(deadline)) {
                Ok(Some(Received::Data(DecoderEvent::Message(kind)))) => {
                    let message = self.take(kind);
                    held = held.saturating_add(message.len());
                    self.buffered_messages.push_back(message);
                }
                Ok(Some(Received::Data(_))) => {}
                Ok(Some(Received::Pong)) => return Ok(()),
                Ok(None) => return Err(Error::Closed(Some(self.connection().close_info()))),
                Err(Error::Timeout(Step::Receive)) => return Err(Error::Timeout(Step::Pong)),
                Err(error) => return Err(error),
            }
        }
    }

    /// A handle that sends on this connection from anywhere.
    pub fn sender(&self) -> Sender {
        Sender::new(self.receiver.connection.clone())
    }

    /// For those who only send: a small thread goes on receiving, drops what comes, answers Pings and notices the end.
    ///
    /// When the last clone of the sender is dropped, Close 1001 is sent.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Thread`] if the thread cannot be started.
    pub fn into_sender(mut self) -> Result<Sender> {
        let sender = Sender::with_close_on_drop(self.receiver.connection.clone());
        let thread = thread::Builder::new().name("stdws-receive".into()).stack_size(128 << 10);
        thread.spawn(move || self.drain_in_background()).map_err(|error| Error::io(Step::Thread, error))?;
        Ok(sender)
    }

    /// Receives until the end. The last sender says goodbye without telling this thread, which therefore looks up in time
    /// to end the closing handshake.
    fn drain_in_background(&mut self) {
        let poll_interval = self.connection().timeouts.close.max(Duration::from_secs(1));
        let mut next = || self.next_message(Some(Deadline::after(poll_interval)));
        while let Ok(Some(_)) | Err(Error::Timeout(Step::Receive)) = next() {}
        self.receiver.end_by(Deadline::never());
    }

    // ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Closes the connection in good order (RFC 6455 section 7.1.2): sends a Close, waits for the peer's, ends the stream.
    /// All of it takes at most [`Timeouts::close`]. Messages that arrive meanwhile are dropped; to receive them, use
    /// [`start_close`](WebSocket::start_close) and go on receiving.
    ///
    /// Closing a connection that was closed already gives how that ended. On one that has failed, this waits until the peer has
    /// received the Close and ended its stream, in the same time, and gives the same error again.
    ///
    /// # Errors
    /// [`Usage`](Error::Usage) for a code that must not be sent or a reason of more than 123 bytes;
    /// [`Timeout`](Error::Timeout)`(`[`Step::Close`]`)` if the peer does not answer. The connection is then over all the same.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<CloseInfo> {
        self.connection().protocol.check_close(code, reason)?;
        // After an error that was given before: what is left to do.
        self.receiver.end_by(Deadline::never());
        match self.connection().start_close(code, reason) {
            Ok(()) | Err(Error::Closed(Some(_))) => {}
            Err(error) => return Err(error),
        }
        while self.receiver.next(None)?.is_some() {}
        self.receiver.end_by(Deadline::never());
        Ok(self.connection().close_info())
    }

    /// Sends a Close and does not wait. Messages can still be received until the peer's Close, for which it has
    /// [`Timeouts::close`]; none can be sent any more.
    ///
    /// # Errors
    /// Those of [`close`](WebSocket::close), but for a peer that does not answer.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        self.connection().start_close(code, reason)
    }

    /// Ends the connection at once, without a Close. Every blocked call on it, in every thread, returns.
    pub fn abort(&mut self) {
        self.connection().abort();
    }

    /// How the connection was closed; `None` while it is open, and after it ended without a closing handshake.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.connection().known_close_info()
    }

    // ── about ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The subprotocol agreed on (RFC 6455 section 1.9).
    pub fn subprotocol(&self) -> Option<&str> {
        self.info.subprotocol.as_deref()
    }

    /// For a server: the request that opened the connection. A client has none.
    pub fn request(&self) -> Option<&Request> {
        self.info.request.as_ref()
    }

    /// For a client: the server's response. A server has none.
    pub fn response(&self) -> Option<&Response> {
        self.info.response.as_ref()
    }

    /// The peer's address, or that of the proxy on the way to it; `None` over a stream made elsewhere.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.info.peer
    }

    /// The address of this side; `None` over a stream made elsewhere.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.info.local
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
            .field("subprotocol", &self.info.subprotocol)
            .field("open", &self.connection().is_open())
            .finish_non_exhaustive()
    }
}
