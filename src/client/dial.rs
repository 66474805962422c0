//! From a URL to an open stream for the opening handshake:
//!
//! ```text
//! without a proxy:  resolve -> guard -> TCP                       -> TLS for wss -> stream
//! with a proxy:     guard -> resolve the proxy -> TCP -> TLS for https -> its reply -> TLS for wss -> stream
//! connect_tcp:      the socket of the caller -> guard             -> TLS for wss -> stream
//! ```
//!
//! The guard allows one attempt at a time to a server (RFC 6455 section 4.1 item 2). One deadline covers all steps, and
//! each error names its step. Must not know HTTP.

use std::net::{SocketAddr, TcpStream};

use super::builder::Client;
use crate::connection::websocket::ConnectionInfo;
#[cfg(feature = "proxy")]
use crate::error::UriErrorKind;
#[cfg(any(feature = "proxy", not(feature = "native-tls")))]
use crate::error::UsageError;
use crate::error::{Error, Result, Step};
use crate::handshake::uri::Uri;
use crate::net::connect_guard::ConnectGuard;
use crate::net::deadline::Deadline;
use crate::net::dial::{self as tcp, Connected, Endpoint};
use crate::net::stream::Stream;
#[cfg(feature = "proxy")]
use crate::proxy::Tunnel;
#[cfg(feature = "native-tls")]
use crate::tls::connect::Connector;

/// An open stream.
pub(super) struct DialedStream {
    pub(super) stream: Stream,
    /// The addresses of both ends.
    pub(super) info: ConnectionInfo,
    /// 6455-4.1-5, 6455-4.1-6: is kept until the opening handshake has succeeded or failed.
    pub(super) guard: Option<ConnectGuard>,
}

impl Client {
    /// Opens a stream to the host of this URL.
    pub(super) fn dial(&self, uri: &Uri, deadline: Deadline) -> Result<DialedStream> {
        self.with_tls(uri, deadline, || self.dial_plain(uri, deadline))
    }

    /// Makes a stream of a connected socket.
    pub(super) fn adopt(&self, socket: TcpStream, deadline: Deadline) -> Result<DialedStream> {
        let failed = |error| Error::io(Step::Connect, error);
        let peer = socket.peer_addr().map_err(failed)?;
        socket.set_nonblocking(false).map_err(failed)?;
        self.with_tls(&self.uri, deadline, || plain((socket, tcp::guard_for(peer, self.queueing(), deadline)?)))
    }

    /// Performs the TLS handshake of a `wss` URL on the stream that `connect` returns.
    #[cfg_attr(not(feature = "native-tls"), allow(unused_variables))]
    fn with_tls(
        &self,
        uri: &Uri,
        deadline: Deadline,
        connect: impl FnOnce() -> Result<DialedStream>,
    ) -> Result<DialedStream> {
        // A wss URL that cannot be opened is refused before its host name is resolved.
        #[cfg(not(feature = "native-tls"))]
        if uri.is_secure() {
            return Err(UsageError::TlsNotEnabled.into());
        }
        #[cfg(feature = "native-tls")]
        let tls = uri.is_secure().then(|| Connector::or_default(self.tls.as_ref())).transpose()?;
        #[cfg(not(feature = "native-tls"))]
        return connect();
        #[cfg(feature = "native-tls")]
        {
            let mut dialed = connect()?;
            if let Some(tls) = tls {
                // 6455-4.1-14, 6455-4.1-15, 6455-4.1-16, 6455-10.6-1, hixie55-4.1-4
                dialed.stream = tls.connect(self.server_name_for(uri), dialed.stream, deadline)?;
            }
            Ok(dialed)
        }
    }

    /// Opens a stream without the TLS of the server. 6455-4.1-11, 6455-4.1-13
    fn dial_plain(&self, uri: &Uri, deadline: Deadline) -> Result<DialedStream> {
        let addresses = self.addresses_for(uri);
        #[cfg(feature = "proxy")]
        if let Some(server) = self.proxy.as_ref().and_then(|proxy| proxy.server_for(uri)) {
            let address = addresses.first().map(|address| (address.ip().to_string(), address.port()));
            // RFC 6874 section 1: a zone has a meaning on this machine only.
            if address.is_none() && uri.zone().is_some() {
                return Err(UsageError::Url(UriErrorKind::ProxyZone).into());
            }
            let (host, port) = address.unwrap_or_else(|| (uri.host().to_owned(), uri.port()));
            let Tunnel { stream, peer, local, guard } =
                server.connect_to(&host, port, self.queueing(), (deadline, self.limits), || self.draw_nonce())?;
            return Ok(DialedStream {
                stream,
                info: ConnectionInfo { peer, local, ..ConnectionInfo::default() },
                guard,
            });
        }
        let endpoint = Endpoint { host: uri.host(), zone: uri.zone(), port: uri.port() };
        tcp::connect(endpoint, addresses, self.queueing(), deadline).and_then(plain)
    }

    /// The addresses that the caller set for this URL.
    fn addresses_for(&self, uri: &Uri) -> &[SocketAddr] {
        if self.is_own_host(uri) {
            &self.route.addresses
        } else {
            &[]
        }
    }

    /// The name that the certificate of this URL has to be for.
    #[cfg(feature = "native-tls")]
    fn server_name_for<'a>(&'a self, uri: &'a Uri) -> &'a str {
        self.route.server_name.as_deref().filter(|_| self.is_own_host(uri)).unwrap_or(uri.host())
    }

    /// Whether host and port are those of the client's URL. A redirect to another host does not take the route along.
    fn is_own_host(&self, uri: &Uri) -> bool {
        (uri.host(), uri.port()) == (self.uri.host(), self.uri.port())
    }
}

/// The stream of a connected socket.
fn plain((socket, guard): Connected) -> Result<DialedStream> {
    let (peer, local) = (socket.peer_addr().ok(), socket.local_addr().ok());
    let stream = Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?;
    Ok(DialedStream { stream, info: ConnectionInfo { peer, local, ..ConnectionInfo::default() }, guard })
}
