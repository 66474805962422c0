//! TLS settings of a server (feature `native-tls`): its certificate. Knows no bytes of the network.

use std::fmt;

use native_tls::{Protocol, TlsAcceptor};

use super::error::settings_error;
use super::handshake;
use super::identity::TlsIdentity;
use crate::error::Result;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::tcp::TimedSocket;

/// TLS settings of a server: its certificate. For [`Server::tls`](crate::Server::tls). TLS 1.2 or newer.
/// Features `native-tls` and `server`.
///
/// An existing `native_tls::TlsAcceptor` can be used instead: `TlsAccept::from(acceptor)`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use stdws::{Server, TlsAccept, TlsIdentity};
/// let identity = TlsIdentity::from_pkcs12(&std::fs::read("identity.p12")?, "password")?;
/// Server::bind("0.0.0.0:443")?.tls(TlsAccept::new(identity)?).run(|mut ws| ws.send("welcome"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsAccept(TlsAcceptor);

impl TlsAccept {
    /// Creates the settings of a server with this certificate.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) with [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings).
    pub fn new(identity: TlsIdentity) -> Result<TlsAccept> {
        let mut builder = TlsAcceptor::builder(identity.0);
        // 6455-10.6-s1
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        builder.build().map(TlsAccept).map_err(settings_error)
    }

    /// Makes the TLS handshake of a server on this socket.
    pub(crate) fn accept(&self, socket: TimedSocket, deadline: Deadline) -> Result<Stream> {
        handshake::accept(&self.0, socket, deadline).map(Stream::Tls)
    }
}

impl From<TlsAcceptor> for TlsAccept {
    fn from(acceptor: TlsAcceptor) -> TlsAccept {
        TlsAccept(acceptor)
    }
}

impl fmt::Debug for TlsAccept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAccept").finish_non_exhaustive()
    }
}
