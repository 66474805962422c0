//! The half of a connection that sends. It can be cloned and moved to any thread.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::send_stream::SendStream;
use super::shared::Connection;
use crate::close::{CloseCode, CloseInfo};
use crate::codec::frame::Opcode;
use crate::error::Result;
use crate::message::{MessageKind, MessageRef};

/// Sends on a connection while another thread receives. Cheap to clone; any number of threads may send at once.
///
/// The socket is shut down when the connection ends, but its descriptor is given back only with the last sender.
///
/// Every call is bounded by [`Timeouts`](crate::Timeouts). A connection fails once and for everybody: after an error other
/// than [`Error::Usage`](crate::Error::Usage) and [`Error::Timeout`](crate::Error::Timeout) of
/// [`Step::SendLock`](crate::Step::SendLock) or [`Step::Pong`](crate::Step::Pong), each further call gives the same one.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// let mut ws = stdws::connect(&url)?;
/// let sender = ws.sender();
/// std::thread::spawn(move || sender.send("from another thread"));
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("from another thread"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sender {
    pub(crate) connection: Arc<Connection>,
    /// Held by the senders of [`WebSocket::into_sender`](crate::WebSocket::into_sender): the last one says goodbye.
    _close_on_drop: Option<Arc<CloseOnDrop>>,
}

impl Sender {
    pub(crate) fn new(connection: Arc<Connection>) -> Sender {
        Sender { connection, _close_on_drop: None }
    }

    pub(crate) fn with_close_on_drop(connection: Arc<Connection>) -> Sender {
        Sender { _close_on_drop: Some(Arc::new(CloseOnDrop(connection.clone()))), connection }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Sends a message in one frame. Returns when the kernel has all of it. See [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub fn send<'a>(&self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection.send(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Sends a message as it is. See [`WebSocket::send_uncompressed`](crate::WebSocket::send_uncompressed).
    pub fn send_uncompressed<'a>(&self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection.send_uncompressed(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Queues a message, to go out together with others. See [`WebSocket::queue`](crate::WebSocket::queue).
    ///
    /// From another thread than the one that receives, call [`flush`](Sender::flush): a receiver that is waiting already
    /// does not know of what is queued meanwhile.
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    #[inline]
    pub fn queue<'a>(&self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.connection.queue(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Writes what was queued.
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    pub fn flush(&self) -> Result<()> {
        self.connection.flush()
    }

    /// Sends one message in pieces, for what is too large to hold (RFC 6455 section 5.4). See [`SendStream`].
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    pub fn send_stream(&self, kind: MessageKind) -> Result<SendStream> {
        SendStream::new(self.connection.clone(), kind)
    }

    /// Sends a Ping and waits for its Pong, at most [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) (RFC 6455 section 5.5.2).
    /// Gives the time it took.
    ///
    /// Another thread has to be receiving; it is the one that sees the Pong. [`WebSocket::ping`](crate::WebSocket::ping)
    /// is for those who have but one.
    ///
    /// # Errors
    /// [`Timeout`](crate::Error::Timeout) of [`Step::Pong`](crate::Step::Pong), after which the connection is as it was, and
    /// those of [`send`](Sender::send).
    pub fn ping(&self) -> Result<Duration> {
        let start = Instant::now();
        let number = self.connection.ping()?;
        self.connection.await_pong(number)?;
        Ok(start.elapsed())
    }

    /// Closes the connection in good order: sends a Close and waits, at most [`Timeouts::close`](crate::Timeouts::close),
    /// until the thread that receives has the peer's (RFC 6455 section 7.1.2). Messages that arrive before it are still received.
    ///
    /// If no thread is receiving, the time runs out and the connection is cut: use [`WebSocket::close`](crate::WebSocket::close).
    ///
    /// # Errors
    /// [`Usage`](crate::Error::Usage) for a code that must not be sent or a reason of more than 123 bytes;
    /// [`Timeout`](crate::Error::Timeout) of [`Step::Close`](crate::Step::Close) if no answer came in time.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<CloseInfo> {
        self.connection.start_close(code, reason)?;
        self.connection.await_close()
    }

    /// Ends the connection at once, without a Close. Every blocked call on it, in every thread, returns.
    pub fn abort(&self) {
        self.connection.abort();
    }

    /// Whether messages can still be sent: nothing failed, and no Close was sent or received.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("open", &self.is_open()).finish()
    }
}

/// Says goodbye when the last sender of a connection that only sends is dropped.
struct CloseOnDrop(Arc<Connection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close_nonblocking(CloseCode::GOING_AWAY);
    }
}
