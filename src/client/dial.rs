//! From a URL to an open stream for the opening handshake:
//!
//! ```text
//! without a proxy:  resolve -> guard -> TCP                       -> TLS for wss -> stream
//! with a proxy:     guard -> resolve the proxy -> TCP -> TLS for https -> its reply -> TLS for wss -> stream
//! ```
//!
//! The guard allows one attempt at a time to a server (RFC 6455 section 4.1 item 2). One deadline covers all steps, and
//! each error names its step. Must not know HTTP.

use super::builder::Client;
use crate::connection::websocket::ConnectionInfo;
use crate::error::{Error, Result, Step};
use crate::handshake::uri::Uri;
use crate::net::connect_guard::ConnectGuard;
use crate::net::deadline::Deadline;
use crate::net::dial as tcp;
use crate::net::stream::Stream;
#[cfg(feature = "proxy")]
use crate::proxy::Tunnel;
use crate::tls::config::Connector;

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
        // In a build without TLS, a wss URL is refused before its host name is resolved.
        let tls = uri.is_secure().then(|| Connector::or_default(self.tls.as_ref())).transpose()?;
        let mut dialed = self.dial_plain(uri, deadline)?;
        if let Some(tls) = tls {
            // 6455-4.1-14, 6455-4.1-15, 6455-4.1-16
            dialed.stream = tls.connect(uri.host(), dialed.stream, deadline)?;
        }
        Ok(dialed)
    }

    /// Opens a stream without the TLS of the server. 6455-4.1-11, 6455-4.1-13
    fn dial_plain(&self, uri: &Uri, deadline: Deadline) -> Result<DialedStream> {
        #[cfg(feature = "proxy")]
        if let Some(server) = self.proxy.as_ref().and_then(|proxy| proxy.server_for(uri)) {
            let Tunnel { stream, peer, local, guard } = server.connect_to(uri, deadline, || self.draw_nonce())?;
            return Ok(DialedStream {
                stream,
                info: ConnectionInfo { peer, local, ..ConnectionInfo::default() },
                guard,
            });
        }
        let (socket, guard) = tcp::connect(uri.host(), uri.port(), deadline)?;
        let (peer, local) = (socket.peer_addr().ok(), socket.local_addr().ok());
        let stream = Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?;
        Ok(DialedStream { stream, info: ConnectionInfo { peer, local, ..ConnectionInfo::default() }, guard })
    }
}
