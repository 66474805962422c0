//! Which version of the protocol a connection speaks (feature `legacy`).

use super::codec::Dialect;
use super::{Sender, WebSocket};
use crate::legacy::Version;

impl WebSocket {
    /// The version of the protocol that is spoken on this connection. [`Version::can`] tells what can be done with it; what
    /// cannot is [`Misuse::NotInVersion`](crate::Misuse::NotInVersion), and nothing is sent. Feature `legacy`.
    pub fn version(&self) -> Version {
        self.link().dialect.version()
    }
}

impl Sender {
    /// The version of the protocol that is spoken on this connection, see [`WebSocket::version`].
    pub fn version(&self) -> Version {
        self.link.dialect.version()
    }
}

impl Dialect {
    fn version(self) -> Version {
        match self {
            Dialect::Rfc => Version::Rfc6455,
            Dialect::Draft(row, _) => row.version,
        }
    }
}
