//! From a URL to an open stream for the opening handshake:
//!
//! ```text
//! without a proxy:  resolve -> guard -> TCP                       -> TLS for wss -> stream
//! with a proxy:     guard -> resolve the proxy -> TCP -> its reply -> TLS for wss -> stream
//! ```
//!
//! The guard allows one attempt at a time to a server (RFC 6455 section 4.1 item 2). One deadline covers all steps, and
//! each error names its step. Must not know HTTP.

use std::net::TcpStream;

use super::builder::Client;
use crate::connection::websocket::ConnectionInfo;
use crate::error::{Error, Result, Step};
use crate::handshake::uri::Uri;
use crate::net::connect_guard::ConnectGuard;
use crate::net::deadline::Deadline;
use crate::net::dial as tcp;
use crate::net::stream::Stream;
#[cfg(feature = "native-tls")]
use crate::tls::connect::Connector;

/// An open stream.
pub(super) struct DialedStream {
    pub(super) stream: Stream,
    /// The addresses of both ends.
    pub(super) info: ConnectionInfo,
    /// 6455-4.1-5, 6455-4.1-6: is kept until the opening handshake has succeeded or failed.
    pub(super) guard: ConnectGuard,
}

impl Client {
    /// Opens a stream to the host of this URL.
    pub(super) fn dial(&self, uri: &Uri, deadline: Deadline) -> Result<DialedStream> {
        // A wss URL that cannot be opened is refused before its host name is resolved.
        #[cfg(not(feature = "native-tls"))]
        if uri.is_secure() {
            return Err(crate::error::UsageError::TlsNotEnabled.into());
        }
        #[cfg(feature = "native-tls")]
        let tls = uri.is_secure().then(|| Connector::or_default(self.tls.as_ref())).transpose()?;
        let (socket, guard) = self.connect_tcp(uri, deadline)?;
        let (peer, local) = (socket.peer_addr().ok(), socket.local_addr().ok());
        let plain = |socket: TcpStream| Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error));
        #[cfg(not(feature = "native-tls"))]
        let stream = plain(socket)?;
        #[cfg(feature = "native-tls")]
        let stream = match tls {
            // 6455-4.1-14, 6455-4.1-15, 6455-4.1-16
            Some(tls) => tls.connect(uri.host(), socket, deadline)?,
            None => plain(socket)?,
        };
        Ok(DialedStream { stream, info: ConnectionInfo { peer, local, ..ConnectionInfo::default() }, guard })
    }

    /// 6455-4.1-11, 6455-4.1-13
    fn connect_tcp(&self, uri: &Uri, deadline: Deadline) -> Result<(TcpStream, ConnectGuard)> {
        #[cfg(feature = "proxy")]
        if let Some(server) = self.proxy.as_ref().and_then(|proxy| proxy.server_for(uri)) {
            return server.connect_to(uri, deadline);
        }
        tcp::connect(uri.host(), uri.port(), deadline)
    }
}
