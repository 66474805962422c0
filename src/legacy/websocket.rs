//! The version of an open connection.

use crate::connection::protocol::Protocol;
use crate::connection::sender::Sender;
use crate::connection::websocket::WebSocket;
use crate::legacy::Version;

impl WebSocket {
    /// The protocol version of this connection. Feature `legacy`.
    ///
    /// [`Version::supports`] shows its capabilities. A call that needs another one returns
    /// [`UsageError::UnsupportedByVersion`](crate::UsageError::UnsupportedByVersion) and sends nothing.
    pub fn version(&self) -> Version {
        self.connection().protocol.version()
    }
}

impl Sender {
    /// The protocol version of this connection, see [`WebSocket::version`]. Feature `legacy`.
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
