//! `WebSocket::version`: the version of the protocol that an open connection uses.

use crate::connection::protocol::Protocol;
use crate::connection::sender::Sender;
use crate::connection::websocket::WebSocket;
use crate::legacy::Version;

impl WebSocket {
    /// The protocol version of this connection. Feature `legacy`.
    ///
    /// [`Version::supports`] shows its capabilities. A call that needs another one returns
    /// [`UsageError::UnsupportedByVersion`](crate::UsageError::UnsupportedByVersion) and sends nothing.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.version(), stdws::Version::Rfc6455);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn version(&self) -> Version {
        self.connection().protocol.version()
    }
}

impl Sender {
    /// The protocol version of this connection, see [`WebSocket::version`]. Feature `legacy`.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let ws = stdws::connect(server.url())?;
    /// assert_eq!(ws.sender().version(), stdws::Version::Rfc6455);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn version(&self) -> Version {
        self.connection.protocol.version()
    }
}

impl Protocol {
    fn version(self) -> Version {
        match self {
            Protocol::Rfc6455 => Version::Rfc6455,
            Protocol::Draft(spec, _) => spec.version,
        }
    }
}
