//! [`Sender`]: the cloneable handle that sends from any thread. Knows the shared connection.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::send_stream::SendStream;
use super::shared::Connection;
use super::websocket::WebSocket;
use crate::close::{CloseCode, CloseInfo};
use crate::error::{Error, Result, Step};
use crate::message::{MessageKind, Outgoing};
use crate::net::deadline::Deadline;
use crate::net::threads;

/// A handle that sends on a connection while another thread receives. It is cheap to clone, and any number of threads may send
/// at once.
///
/// The socket is shut down when the connection ends, but its descriptor is closed only with the last sender.
///
/// Every call is bounded by [`Timeouts`](crate::Timeouts). A connection fails once for all its handles: after an error other
/// than [`Error::Usage`] and [`Error::Timeout`] of
/// [`Step::SendLock`] or [`Step::Pong`], each further call returns the same error.
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
    /// Held by the senders of [`WebSocket::into_sender`](crate::WebSocket::into_sender): the last one sends a Close.
    _close_on_drop: Option<Arc<CloseOnDrop>>,
}

impl WebSocket {
    /// Returns a handle that sends on this connection from any thread.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// let sending = std::thread::spawn(move || sender.send("from another thread"));
    /// sending.join().unwrap()?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "split")]
    pub fn sender(&self) -> Sender {
        Sender::new(self.receiver.connection.clone())
    }

    /// Turns this into a sender. A background thread keeps receiving: it drops messages, answers Pings and handles the end.
    ///
    /// When the last clone of the sender is dropped, Close 1001 is sent.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Thread`] if the thread cannot be started.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let sender = stdws::connect(server.url())?.into_sender()?;
    /// sender.send("nothing is received here")?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn into_sender(mut self) -> Result<Sender> {
        let sender = Sender::with_close_on_drop(self.receiver.connection.clone());
        let work = move || self.drain_in_background();
        threads::spawn("stdws-receive", Some(threads::SMALL_STACK), work)
            .map_err(|error| Error::io(Step::Thread, error))?;
        Ok(sender)
    }

    /// Receives until the end. The last sender's drop does not wake this thread, so its waits are short enough to complete the
    /// closing handshake.
    fn drain_in_background(&mut self) {
        let poll_interval = self.connection().timeouts.close.max(Duration::from_secs(1));
        let mut next = || self.next_message(Some(Deadline::after(poll_interval)));
        while let Ok(Some(_)) | Err(Error::Timeout(Step::Receive)) = next() {}
        self.receiver.end_by(Deadline::never());
    }
}

impl Sender {
    fn new(connection: Arc<Connection>) -> Sender {
        Sender { connection, _close_on_drop: None }
    }

    fn with_close_on_drop(connection: Arc<Connection>) -> Sender {
        Sender { _close_on_drop: Some(Arc::new(CloseOnDrop(connection.clone()))), connection }
    }

    #[cfg(feature = "hub")]
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Sends a message in one frame. Returns when the kernel has it. See [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// sender.send("text")?;
    /// sender.send(vec![1, 2, 3])?; // binary
    /// assert_eq!(ws.recv()?.unwrap(), "text");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection.send_message(message.into())
    }

    /// Sends a message without compression. See [`WebSocket::send_uncompressed`](crate::WebSocket::send_uncompressed).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.sender().send_uncompressed("secret=1234&name=chosen by somebody else")?;
    /// assert!(ws.recv()?.is_some());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send_uncompressed<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection.send_uncompressed_message(message.into())
    }

    /// Queues a message, so that many messages need one write. See [`WebSocket::queue`](crate::WebSocket::queue).
    ///
    /// Outside the receiving thread, call [`flush`](Sender::flush) afterwards: a receiver that already waits does not write what
    /// is queued meanwhile.
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// sender.queue("one")?;
    /// sender.queue("two")?;
    /// sender.flush()?;
    /// assert_eq!(ws.recv()?.unwrap(), "one");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[inline]
    pub fn queue<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<()> {
        self.connection.queue_message(message.into())
    }

    /// Writes the queued messages.
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// sender.queue("one")?;
    /// sender.flush()?;
    /// assert_eq!(ws.recv()?.unwrap(), "one");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn flush(&self) -> Result<()> {
        self.connection.flush()
    }

    /// Begins a message that is sent in pieces: for one that is too large for memory (RFC 6455 section 5.4). See [`SendStream`].
    ///
    /// # Errors
    /// Those of [`send`](Sender::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// use std::io::Write;
    /// let mut ws = stdws::connect(server.url())?;
    /// let mut stream = ws.sender().send_stream(stdws::MessageKind::Text)?;
    /// write!(stream, "in {} pieces", 2)?;
    /// stream.finish()?;
    /// assert_eq!(ws.recv()?.unwrap(), "in 2 pieces");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send_stream(&self, kind: MessageKind) -> Result<SendStream> {
        SendStream::new(self.connection.clone(), kind)
    }

    /// Sends a Ping and waits for its Pong, at most [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) (RFC 6455 section 5.5.2).
    /// Returns the round-trip time.
    ///
    /// Another thread has to be receiving, which reads the Pong. With a single thread, use
    /// [`WebSocket::ping`](crate::WebSocket::ping).
    ///
    /// # Errors
    /// [`Timeout`](crate::Error::Timeout) of [`Step::Pong`], which leaves the connection usable, and
    /// those of [`send`](Sender::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let sender = stdws::connect(server.url())?.into_sender()?; // a thread receives
    /// println!("the peer answered in {:?}", sender.ping()?);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn ping(&self) -> Result<Duration> {
        let start = Instant::now();
        let number = self.connection.ping()?;
        self.connection.await_pong(number)?;
        Ok(start.elapsed())
    }

    /// Closes the connection cleanly: sends a Close and waits, at most [`Timeouts::close`](crate::Timeouts::close),
    /// until the receiving thread has the peer's (RFC 6455 section 7.1.2). Messages that arrive before it are still received.
    ///
    /// A reason of more than 123 bytes (RFC 6455 section 5.5) is cut at the end of a character.
    ///
    /// If no thread is receiving, the time runs out and the connection is aborted: use [`WebSocket::close`](crate::WebSocket::close).
    ///
    /// # Errors
    /// [`Usage`](crate::Error::Usage) for a code that must not be sent;
    /// [`Timeout`](crate::Error::Timeout) of [`Step::Close`] without an answer in time.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let sender = stdws::connect(server.url())?.into_sender()?; // a thread receives
    /// assert_eq!(sender.close(1000, "done")?.code(), stdws::CloseCode::NORMAL);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "disconnect")]
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<CloseInfo> {
        self.connection.start_close(code.into(), reason)?;
        self.connection.await_close()
    }

    /// Ends the connection at once, without a Close. Each blocked call on it, in any thread, returns.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// let aborting = std::thread::spawn(move || sender.abort());
    /// assert!(ws.recv().unwrap_err().is_closed()); // waits until then
    /// aborting.join().unwrap();
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn abort(&self) {
        self.connection.abort();
    }

    /// Whether messages can be sent: the connection has not failed, and no Close was sent or received.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let sender = ws.sender();
    /// assert!(sender.is_open());
    /// ws.close(1000, "")?;
    /// assert!(!sender.is_open());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("open", &self.is_open()).finish()
    }
}

/// Sends a Close when the last sender of [`WebSocket::into_sender`] is dropped.
struct CloseOnDrop(Arc<Connection>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close_nonblocking(CloseCode::GOING_AWAY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket, BINARY, ROLES, TEXT};

    #[test]
    fn a_sender_does_what_a_connection_does() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let sender = ws.into_sender().unwrap();
                assert_eq!(format!("{sender:?}"), "Sender { open: true }");
                sender.queue("queued").unwrap();
                sender.flush().unwrap();
                assert_eq!(peer.frame(), Some((true, TEXT, b"queued".to_vec())));
                sender.send("sent").unwrap();
                assert_eq!(peer.frame(), Some((true, TEXT, b"sent".to_vec())));
                sender.send_uncompressed(b"plain").unwrap();
                assert_eq!(peer.frame(), Some((true, BINARY, b"plain".to_vec())));
                sender.send_stream(MessageKind::Text).unwrap().finish().unwrap();
                assert_eq!(peer.frame(), Some((true, TEXT, Vec::new())));
                let pinging = sender.clone();
                let (start, pinging) = (Instant::now(), std::thread::spawn(move || pinging.ping()));
                let (_, opcode, payload) = peer.frame().unwrap();
                let least = Instant::now();
                assert_eq!(opcode, Opcode::Ping);
                while least.elapsed() < Duration::from_millis(2) {}
                peer.send(true, TEXT, b"nobody receives this");
                peer.send(true, Opcode::Pong, &payload);
                let time = pinging.join().unwrap().unwrap();
                assert!(time >= Duration::from_millis(2) && time <= start.elapsed(), "{time:?}");
                let closing = sender.clone();
                let closing = std::thread::spawn(move || closing.close(4000, "done"));
                assert_eq!(peer.frame(), Some((true, Opcode::Close, b"\x0F\xA0done".to_vec())));
                peer.send(true, Opcode::Close, b"\x0F\xA1");
                drop(peer);
                assert_eq!(closing.join().unwrap().unwrap().code().as_u16(), 4001);
                assert!(!sender.is_open());
                assert_eq!(format!("{sender:?}"), "Sender { open: false }");
            });
        }
    }

    /// The thread that receives waits for longer than this test. It sees the answer all the same.
    #[test]
    fn the_last_sender_closes() {
        for role in ROLES {
            under_watchdog(move || {
                let (ws, mut peer) = websocket(role, long_timeouts());
                let connection = ws.shared_connection().clone();
                let sender = ws.into_sender().unwrap();
                drop(sender.clone());
                assert!(sender.is_open());
                drop(sender);
                assert_eq!(peer.frame(), Some((true, Opcode::Close, b"\x03\xE9".to_vec())));
                peer.send(true, Opcode::Close, b"\x03\xE9");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                assert_eq!(peer.frame(), None);
                assert_eq!(connection.await_close().unwrap().code(), CloseCode::GOING_AWAY);
                let (ws, mut peer) = websocket(role, long_timeouts());
                let sender = ws.into_sender().unwrap();
                sender.abort();
                assert_eq!(peer.frame(), None);
                assert!(sender.send("late").is_err());
            });
        }
    }
}
