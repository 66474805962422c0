//! Which version of the protocol a connection speaks (feature `legacy`).

use crate::connection::protocol::Protocol;
use crate::connection::sender::Sender;
use crate::connection::websocket::WebSocket;
use crate::legacy::Version;

impl WebSocket {
    /// The version of the protocol that is spoken on this connection. [`Version::supports`] tells what can be done with it; what
    /// cannot is [`UsageError::UnsupportedByVersion`](crate::UsageError::UnsupportedByVersion), and nothing is sent. Feature `legacy`.
    pub fn version(&self) -> Version {
        self.connection().protocol.version()
    }
}

impl Sender {
    /// The version of the protocol that is spoken on this connection, see [`WebSocket::version`].
    pub fn version(&self) -> Version {
        self.connection.protocol.version()
    }
}

impl Protocol {
    fn version(self) -> Version {
        match self {
            Protocol::Rfc6455 => Version::Rfc6455,
            Protocol::Draft(row, _) => row.version,
        }
    }
}
