//! From a URL to an open stream of bytes, on which the opening handshake can begin:
//!
//! ```text
//! without a proxy:  name -> gate -> TCP                      -> (wss: TLS ->) a stream
//! through one:      gate -> the proxy's name -> TCP -> proxy -> (wss: TLS ->) a stream
//! ```
//!
//! The gate is for the server, RFC 6455 section 4.1 item 2; through a proxy its name is all that is known of it.
//!
//! One deadline covers all of it, and every step says which one it was when it fails. Knows no HTTP of the server's.

use std::net::SocketAddr;

use crate::connection::websocket::ConnectionInfo;
use crate::error::{Error, Result, Step};
use crate::handshake::uri::Uri;
use crate::net::connect_guard::{ConnectGuard, ConnectTarget};
use crate::net::deadline::Deadline;
use crate::net::dial as tcp;
use crate::net::stream::Stream;
use crate::proxy::Proxy;
use crate::tls::config::Connector;

/// What to get there with.
pub(super) struct DialOptions<'a> {
    pub(super) proxy: Option<&'a Proxy>,
    /// `None`: as the system has it.
    pub(super) tls: Option<&'a Connector>,
}

/// A stream that is open.
pub(super) struct DialedStream {
    pub(super) stream: Stream,
    /// The addresses of both ends.
    pub(super) info: ConnectionInfo,
    /// 6455-4.1-5, 6455-4.1-6: has to be kept until the opening handshake is over, well or not.
    pub(super) guard: ConnectGuard,
}

/// Opens a stream to the host of this URL.
pub(super) fn dial(uri: &Uri, options: DialOptions<'_>, deadline: Deadline) -> Result<DialedStream> {
    // Without TLS there is no connection to a wss URL, and nobody learns of the host, DNS neither.
    let tls = uri.is_secure().then(|| Connector::or_default(options.tls)).transpose()?;
    let (socket, guard) = match options.proxy.and_then(|proxy| proxy.server_for(uri)) {
        Some(server) => {
            let guard =
                ConnectGuard::acquire(connect_target(uri), deadline).ok_or(Error::Timeout(Step::ConnectQueue))?;
            (server.connect_to(uri.host(), uri.port(), deadline)?, guard)
        }
        // 6455-4.1-11, 6455-4.1-13
        None => tcp::connect(uri.host(), uri.port(), deadline)?,
    };
    let info =
        ConnectionInfo { peer: socket.peer_addr().ok(), local: socket.local_addr().ok(), ..ConnectionInfo::default() };
    let stream = match tls {
        // 6455-4.1-14, 6455-4.1-15, 6455-4.1-16
        Some(tls) => tls.connect(uri.host(), socket, deadline)?,
        None => Stream::from_socket(socket).map_err(|error| Error::io(Step::Connect, error))?,
    };
    Ok(DialedStream { stream, info, guard })
}

/// 6455-4.1-8: without an address, the name.
fn connect_target(uri: &Uri) -> ConnectTarget {
    match uri.host().parse() {
        Ok(ip) => ConnectTarget::Address(SocketAddr::new(ip, uri.port())),
        Err(_) => ConnectTarget::Name(uri.host().to_owned(), uri.port()),
    }
}
