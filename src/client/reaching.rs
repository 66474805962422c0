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
use std::time::Duration;

use crate::error::{Error, Result, Step};
use crate::proxy::Proxy;
use crate::tls::Connector;
use crate::transport::connect as tcp;
use crate::transport::deadline::Deadline;
use crate::transport::pending::{Peer, Pending};
use crate::transport::stream::Stream;
use crate::websocket::About;
use crate::wire::uri::Uri;

/// What to get there with.
pub(super) struct Means<'a> {
    pub(super) proxy: Option<&'a Proxy>,
    /// `None`: as the system has it.
    pub(super) tls: Option<&'a Connector>,
    /// The longest that any write will be waited for.
    pub(super) write: Duration,
}

/// A stream that is open.
pub(super) struct Reached {
    pub(super) stream: Stream,
    /// The addresses of both ends.
    pub(super) about: About,
    /// 6455-4.1-5, 6455-4.1-6: has to be kept until the opening handshake is over, well or not.
    pub(super) pending: Pending,
}

/// Opens a stream to the host of this URL.
pub(super) fn reach(uri: &Uri, means: Means<'_>, deadline: Deadline) -> Result<Reached> {
    // Without TLS there is no connection to a wss URL, and nobody learns of the host, DNS neither.
    let tls = uri.secure().then(|| Connector::ready(means.tls)).transpose()?;
    let (socket, pending) = match means.proxy.and_then(|proxy| proxy.server(uri)) {
        Some(server) => {
            let pending = Pending::wait(peer(uri), deadline).ok_or(Error::Timeout(Step::Gate))?;
            (server.reach(uri.host(), uri.port(), deadline)?, pending)
        }
        // 6455-4.1-11, 6455-4.1-13
        None => tcp::connect(uri.host(), uri.port(), deadline)?,
    };
    let about = About { peer: socket.peer_addr().ok(), local: socket.local_addr().ok(), ..About::default() };
    let stream = match tls {
        // 6455-4.1-14, 6455-4.1-15, 6455-4.1-16
        Some(tls) => tls.connect(uri.host(), socket, means.write, deadline)?,
        None => Stream::plain(socket, means.write).map_err(|error| Error::io(Step::Connect, error))?,
    };
    Ok(Reached { stream, about, pending })
}

/// 6455-4.1-8: without an address, the name.
fn peer(uri: &Uri) -> Peer {
    match uri.host().parse() {
        Ok(ip) => Peer::Address(SocketAddr::new(ip, uri.port())),
        Err(_) => Peer::Name(uri.host().to_owned(), uri.port()),
    }
}
