//! Connecting to a Unix socket: a server of the same machine, or what stands before it.

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
    /// Opens a connection over a Unix socket. The URL says what the request asks for; nothing is resolved, and no proxy is
    /// asked. Takes at most [`Timeouts::connect`](crate::Timeouts::connect). Only on Unix.
    ///
    /// A `wss://` URL is used as it is: nobody else listens to a Unix socket, so there is no TLS here.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Connect`] if nobody listens there, and those of [`connect`](Client::connect) from the handshake on.
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
        let (random_source, key) = self.handshake_key()?;
        let socket = connect(path.as_ref(), deadline)?;
        let stream = Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?;
        self.handshake_over(stream, (random_source, &key), deadline)
    }
}

/// While the queue of a server is full, the system waits without a limit. A missed deadline leaves that to a thread, which
/// ends when the server lets it in, or ends itself.
fn connect(path: &Path, deadline: Deadline) -> Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    let helper = thread::Builder::new().name("stdws-connect".into());
    // Nobody listens any more after a missed deadline, and that is all right.
    helper
        .spawn(move || drop(sender.send(UnixStream::connect(path))))
        .map_err(|error| Error::io(Step::Thread, error))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(connected) => connected.map_err(|error| Error::io(Step::Connect, error)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(Step::Connect)),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::io(Step::Connect, io::Error::other("the thread that connects gave no answer")))
        }
    }
}
