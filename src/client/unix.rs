//! Connects to a Unix socket: a server on the same machine, or the local end of a proxy.

use std::path::Path;

use super::builder::Client;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::unix;

impl Client {
    /// Opens a connection over a Unix socket. Only on Unix.
    ///
    /// The URL is used for the request only: no name is resolved, no proxy is used, and there is no TLS, even for
    /// `wss://`. Takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    ///
    /// On Linux, a path that begins with a NUL byte is an abstract name, which has no file: `"\0chat"`.
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
        self.check_settings()?;
        let deadline = Deadline::after(self.timeouts.connect);
        let key = self.handshake_key()?;
        let address = unix::address(path.as_ref()).map_err(|error| Error::io(Step::Connect, error))?;
        let socket = unix::connect(address, deadline)?;
        let stream = Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?;
        self.handshake_over(stream, (None, None), key, deadline)
    }
}
