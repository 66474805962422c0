//! Connects to a Unix socket: a server on the same machine, or the local end of a proxy.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::{io, thread};

use super::builder::Client;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;

impl Client {
    /// Opens a connection over a Unix socket. Only on Unix.
    ///
    /// The URL is used for the request only: no name is resolved, no proxy is used, and there is no TLS, even for
    /// `wss://`. Takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Connect`] if no server listens there, and those of the opening handshake in
    /// [`connect`](Client::connect).
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server};
    /// let path = std::env::temp_dir().join(format!("stdws-{}.sock", std::process::id()));
    /// let server = Server::bind_unix(&path)?.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = Client::new("ws://localhost/chat")?.connect_unix(&path)?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_unix(&self, path: impl AsRef<Path>) -> Result<WebSocket> {
        let deadline = Deadline::after(self.timeouts.connect);
        let key = self.handshake_key()?;
        let socket = connect(path.as_ref(), deadline)?;
        let stream = Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?;
        self.handshake_over(stream, (None, None), key, deadline)
    }
}

/// Connects within a deadline. The system waits without a limit while the accept queue of the server is full, so a
/// thread does it. After a missed deadline that thread ends when the server accepts or exits.
fn connect(path: &Path, deadline: Deadline) -> Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    let thread = thread::Builder::new().name("stdws-connect".into());
    // After a missed deadline the receiver is gone, and the send fails without effect.
    thread
        .spawn(move || drop(sender.send(UnixStream::connect(path))))
        .map_err(|error| Error::io(Step::Thread, error))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(connected) => connected.map_err(|error| Error::io(Step::Connect, error)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(Step::Connect)),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::io(Step::Connect, io::Error::other("the connecting thread ended without a result")))
        }
    }
}
