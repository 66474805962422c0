//! The half of a connection that sends. It can be cloned and moved to any thread.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::Link;
use super::send_stream::SendStream;
use crate::close::{CloseCode, CloseInfo};
use crate::error::Result;
use crate::message::{Kind, MessageRef};
use crate::wire::frame::Opcode;

/// Sends on a connection while another thread receives. Cheap to clone; any number of threads may send at once.
///
/// The socket is shut down when the connection ends, but its descriptor is given back only with the last sender.
///
/// Every call is bounded by [`Timeouts`](crate::Timeouts). A connection fails once and for everybody: after an error other
/// than [`Error::Misuse`](crate::Error::Misuse) and [`Error::Timeout`](crate::Error::Timeout) of
/// [`Step::Turn`](crate::Step::Turn) or [`Step::Pong`](crate::Step::Pong), each further call gives the same one.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = format!("ws://{}", server.local_addr());
/// let mut ws = stdws::connect(&url)?;
/// let sender = ws.sender();
/// std::thread::spawn(move || sender.send("from another thread"));
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("from another thread"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sender {
    pub(super) link: Arc<Link>,
    /// Held by the senders of [`WebSocket::into_sender`](crate::WebSocket::into_sender): the last one says goodbye.
    _farewell: Option<Arc<Farewell>>,
}

impl Sender {
    pub(super) fn new(link: Arc<Link>) -> Sender {
        Sender { link, _farewell: None }
    }

    pub(super) fn last_to_leave(link: Arc<Link>) -> Sender {
        Sender { _farewell: Some(Arc::new(Farewell(link.clone()))), link }
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Sends a message in one frame. Returns when the kernel has all of it. See [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub fn send<'a>(&self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.link.send(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Sends a message as it is. See [`WebSocket::send_uncompressed`](crate::WebSocket::send_uncompressed).
    pub fn send_uncompressed<'a>(&self, message: impl Into<MessageRef<'a>>) -> Result<()> {
        let message = message.into();
        self.link.send_uncompressed(Opcode::Data(message.kind()), message.as_bytes())
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
        self.link.queue(Opcode::Data(message.kind()), message.as_bytes())
    }

    /// Writes what was queued.
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    pub fn flush(&self) -> Result<()> {
        self.link.flush()
    }

    /// Sends one message in pieces, for what is too large to hold (RFC 6455 section 5.4). See [`SendStream`].
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    pub fn send_stream(&self, kind: Kind) -> Result<SendStream> {
        SendStream::new(self.link.clone(), kind)
    }

    /// Sends a Ping and waits for its Pong, at most [`Timeouts::life`](crate::Timeouts::life) (RFC 6455 section 5.5.2).
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
        let number = self.link.ping()?;
        self.link.await_pong(number)?;
        Ok(start.elapsed())
    }

    /// Closes the connection in good order: sends a Close and waits, at most [`Timeouts::close`](crate::Timeouts::close),
    /// until the thread that receives has the peer's (RFC 6455 section 7.1.2). Messages that arrive before it are still received.
    ///
    /// If no thread is receiving, the time runs out and the connection is cut: use [`WebSocket::close`](crate::WebSocket::close).
    ///
    /// # Errors
    /// [`Misuse`](crate::Error::Misuse) for a code that must not be sent or a reason of more than 123 bytes;
    /// [`Timeout`](crate::Error::Timeout) of [`Step::Close`](crate::Step::Close) if no answer came in time.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<CloseInfo> {
        self.link.start_close(code, reason)?;
        self.link.await_close()
    }

    /// Ends the connection at once, without a Close. Every blocked call on it, in every thread, returns.
    pub fn abort(&self) {
        self.link.abort();
    }

    /// Whether messages can still be sent: nothing failed, and no Close was sent or received.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("open", &self.is_open()).finish()
    }
}

/// Says goodbye when the last sender of a connection that only sends is dropped.
struct Farewell(Arc<Link>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.leave(CloseCode::GOING_AWAY);
    }
}
