//! Opens a TCP connection under one deadline: resolves the name, then attempts its addresses. Knows no protocol.
//!
//! ```text
//! for each address:   ConnectGuard::acquire -> TCP -> [caller: TLS, opening handshake] -> ConnectGuard dropped
//! to a proxy:                                  TCP
//! ```
//!
//! A proxy is not the peer whose connection attempts are limited, so connecting to it needs no guard. The order of the
//! attempts is in `attempts`.

mod attempts;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;

use super::connect_guard::{AttemptState, ConnectGuard, ConnectTarget, Queueing};
use super::deadline::Deadline;
use super::mailbox::Mailbox;
use super::threads;
use crate::error::{Error, Step};
use crate::primitives::panics;
use attempts::{connect_any, DialTarget};

/// An open TCP connection, and the guard of its address, if one was acquired.
pub(crate) type Connected = (TcpStream, Option<ConnectGuard>);

/// The host and the port of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// A name, or an IP address without brackets.
    pub(crate) host: &'a str,
    /// The zone of an IPv6 address.
    pub(crate) zone: Option<&'a str>,
    pub(crate) port: u16,
}

/// Opens a TCP connection to the first address of the host that answers. The caller keeps the guard until the opening
/// handshake has ended. `addresses` replace those of the resolver, unless there are none.
///
/// When no address answers, the error contains the cause for each. It is `Timeout(Step::ConnectQueue)` if no attempt began.
pub(crate) fn connect(
    endpoint: Endpoint<'_>,
    addresses: &[SocketAddr],
    queueing: Queueing,
    deadline: Deadline,
) -> Result<Connected, Error> {
    let addresses = if addresses.is_empty() { resolve(endpoint, deadline)? } else { addresses.to_vec() };
    connect_any(DialTarget::server(endpoint), addresses, deadline, move |address, deadline, state| {
        let pending = "another attempt to connect to this address was still pending at the deadline";
        let guard = acquire_guard(address, queueing, deadline, state)
            .ok_or_else(|| io::Error::new(ErrorKind::TimedOut, pending))?;
        state.begin();
        Ok((open(address, deadline)?, guard))
    })
}

/// Opens a TCP connection to a proxy, without a guard. An error names the host as a proxy.
#[cfg(feature = "proxy")]
pub(crate) fn connect_to_proxy(endpoint: Endpoint<'_>, deadline: Deadline) -> Result<TcpStream, Error> {
    let addresses = resolve(endpoint, deadline)?;
    connect_any(DialTarget::proxy(endpoint), addresses, deadline, |address, deadline, state| {
        state.begin();
        Ok((open(address, deadline)?, None))
    })
    .map(|(stream, _)| stream)
}

/// Formats `host:port`, with an IPv6 address in brackets.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Waits for the guard of an address that is connected already.
pub(crate) fn guard_for(
    address: SocketAddr,
    queueing: Queueing,
    deadline: Deadline,
) -> Result<Option<ConnectGuard>, Error> {
    acquire_guard(address, queueing, deadline, &AttemptState::default()).ok_or(Error::Timeout(Step::ConnectQueue))
}

/// 6455-4.1-5, 6455-4.1-6, 6455-4.1-7. `None` at the deadline, or when the attempt was cancelled.
fn acquire_guard(
    address: SocketAddr,
    queueing: Queueing,
    deadline: Deadline,
    state: &AttemptState,
) -> Option<Option<ConnectGuard>> {
    match ConnectTarget::address(address, queueing) {
        Some(target) => ConnectGuard::acquire(target, deadline, state).map(Some),
        None => Some(None),
    }
}

/// Turns a host into addresses.
pub(crate) fn resolve(endpoint: Endpoint<'_>, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let Endpoint { host, zone, port } = endpoint;
    if let (Ok(ip), None) = (host.parse::<IpAddr>(), zone) {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    // The resolver of each system turns the name or the number of an interface into a scope id (RFC 4007 section 11).
    let host = zone.map_or_else(|| host.to_owned(), |zone| format!("{host}%{zone}"));
    resolve_on_thread(deadline, move || match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        // The error of the system lacks the name, and there may be two: the server's and the proxy's.
        Err(error) => Err(io::Error::new(error.kind(), format!("{host}: {error}"))),
    })
}

/// Runs a lookup on a thread, because `std` cannot bound it. After a missed deadline the thread stays until the system's
/// resolver returns.
fn resolve_on_thread(
    deadline: Deadline,
    lookup: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> Result<Vec<SocketAddr>, Error> {
    if deadline.is_expired() {
        return Err(Error::Timeout(Step::Resolve));
    }
    let mailbox = Arc::new(Mailbox::new());
    let result = Arc::clone(&mailbox);
    let work = move || {
        let panicked = || Err(io::Error::other("the thread of the resolver ended without a result"));
        result.put(panics::catch(lookup).unwrap_or_else(panicked));
    };
    threads::spawn("stdws-resolve", None, work).map_err(|error| Error::io(Step::Thread, error))?;
    let resolved = mailbox.take(deadline).ok_or(Error::Timeout(Step::Resolve))?;
    resolved.map_err(|error| Error::io(Step::Resolve, error))
}

/// Makes one attempt at one address.
fn open(address: SocketAddr, deadline: Deadline) -> io::Result<TcpStream> {
    // `connect_timeout` rejects a timeout of zero as an invalid argument. It goes on after a signal.
    let left = deadline.remaining();
    if left.is_zero() {
        return Err(io::Error::new(ErrorKind::TimedOut, "no time was left for this address"));
    }
    refuse_itself(TcpStream::connect_timeout(&address, left)?, address)
}

/// Where nothing listens at a port of this machine, a socket may get that port as its own, and is then connected to itself. That
/// also keeps the server that should be there from its port.
fn refuse_itself(stream: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    match stream.local_addr() {
        Ok(own) if own == address => Err(ErrorKind::ConnectionRefused.into()),
        _ => Ok(stream),
    }
}

#[cfg(test)]
mod tests;
