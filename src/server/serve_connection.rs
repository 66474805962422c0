//! One accepted connection from its socket to the end of its handler, on a worker thread.
//!
//! Connects the opening handshake with the registry. It knows neither how sockets are accepted nor how a request is
//! checked.

use std::net::SocketAddr;
use std::sync::Arc;

use super::accept_loop::AcceptLoop;
use super::handshake;
use super::handshake_config::{Endpoints, HandshakeConfig, PendingHandshake};
use super::listener::AcceptedSocket;
use super::registry::EntryId;
use crate::close::CloseCode;
#[cfg(feature = "trace")]
use crate::connection::shared::Connection;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::net::deadline::Deadline;
use crate::net::socket::Socket;
use crate::net::stream::Stream;

/// Performs the opening handshake and calls the handler.
pub(super) fn serve_connection(
    accept_loop: &AcceptLoop,
    id: EntryId,
    accepted: AcceptedSocket,
    bound_addr: Option<SocketAddr>,
    config: &HandshakeConfig,
    handler: &impl Fn(WebSocket) -> Result<()>,
) {
    let peer = accepted.peer;
    match handshake::with_events(config, peer, |events| {
        open_connection(accept_loop, id, accepted, bound_addr, (config, events))
    }) {
        // A hook responded, or the stream was handed over.
        Ok(None) => {}
        Ok(Some(ws)) if accept_loop.lock().registry.mark_open(id, ws.shared_connection()) => run_handler(ws, handler),
        // The server was shut down meanwhile.
        Ok(Some(mut ws)) => drop(ws.close(CloseCode::GOING_AWAY, "")),
        // An event has reported the failure.
        Err(_) => {}
    }
}

/// Not inlined: the handshake runs without the stack that this uses.
#[inline(never)]
fn run_handler(ws: Box<WebSocket>, handler: &impl Fn(WebSocket) -> Result<()>) {
    let connection = ws.shared_connection().clone();
    let _host = connection.host_thread();
    #[cfg(feature = "trace")]
    let events = ws.events().clone();
    #[cfg(feature = "trace")]
    let _guard = events.panic_guard();
    let result = handler(*ws);
    #[cfg(feature = "trace")]
    if let Err(error) = result {
        emit_handler_failed(&events, &connection, error);
    }
    #[cfg(not(feature = "trace"))]
    drop(result);
}

/// Reports an error of the handler. Most handlers pass on the error that ended the connection, which `ended` reports.
#[cfg(feature = "trace")]
fn emit_handler_failed(events: &EventSink, connection: &Connection, error: Error) {
    let is_end = || error.is_closed() || connection.end().is_some_and(|end| end.to_string() == error.to_string());
    if events.is_enabled() && !is_end() {
        events.emit(|| EventKind::HandlerFailed(error));
    }
}

/// Not inlined: the stack of the handshake must not stay in use below a handler that runs for hours.
#[inline(never)]
fn open_connection(
    accept_loop: &AcceptLoop,
    id: EntryId,
    accepted: AcceptedSocket,
    bound_addr: Option<SocketAddr>,
    (config, events): (&HandshakeConfig, &EventSink),
) -> Result<Option<Box<WebSocket>>> {
    let AcceptedSocket { socket, peer, has_options } = accepted;
    // A server bound to one address needs no system call to learn it.
    let local = bound_addr.and_then(|bound_addr| match bound_addr.ip().is_unspecified() {
        true => socket.local_addr(),
        false => Some(bound_addr),
    });
    let deadline = Deadline::after(config.timeouts.handshake);
    let endpoints = Endpoints { peer, local };
    let stream = stream_over(socket, has_options)?;
    #[cfg(feature = "native-tls")]
    let tls_socket = config.tls.as_ref().and_then(|tls| Some(stream.try_clone_plain()?.map(|socket| (tls, socket))));
    #[cfg(feature = "native-tls")]
    let tls_socket = tls_socket.transpose().map_err(|error| Error::io(Step::Tls, error))?;
    // A shutdown during the TLS handshake ends the plain stream, and with it the other handle to its socket.
    let pending = register_handshake(accept_loop, id, PendingHandshake::new(stream, endpoints, deadline))?;
    // The accept loop has counted the clients of all other peers.
    let admission_check = |client| match config.trusted_proxies.is_trusted(peer) {
        true => accept_loop.lock().registry.count_client(id, client),
        false => Ok(()),
    };
    let client = handshake::read_proxy_header(&pending, &admission_check, config)?;
    #[cfg(feature = "native-tls")]
    let pending = match tls_socket {
        // 6455-4.2.2-2, 6455-10.6-1
        Some((tls, socket)) => {
            let stream = tls.accept(socket, deadline)?;
            register_handshake(accept_loop, id, PendingHandshake::new(stream, endpoints, deadline))?
        }
        None => pending,
    };
    handshake::accept(&pending, client, &admission_check, (config, events))
}

fn register_handshake(
    accept_loop: &AcceptLoop,
    id: EntryId,
    pending: PendingHandshake,
) -> Result<Arc<PendingHandshake>> {
    let pending = Arc::new(pending);
    match accept_loop.lock().registry.begin_handshake(id, &pending) {
        true => Ok(pending),
        false => Err(Error::Closed(None)),
    }
}

/// `has_options`: the socket has inherited the options that a stream needs.
fn stream_over(socket: Socket, has_options: bool) -> Result<Stream> {
    match has_options {
        true => Ok(Stream::from_accepted(socket)),
        false => Stream::from_socket(socket).map_err(|error| Error::io(Step::Handshake, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::sink::EventCallback;
    use crate::net::stream::tests::sockets;
    use crate::server::accept_loop::RejectMode;
    use crate::server::admission::Capacity;
    use crate::server::listener::Listener;
    use crate::server::system_limits::SystemLimits;
    use std::net::TcpListener;
    use std::time::Duration;

    #[test]
    fn no_handshake_begins_after_a_shutdown_has_collected_the_connections() {
        let listener = Listener::bound(TcpListener::bind("127.0.0.1:0").unwrap());
        let capacity =
            (Capacity { connections: 1, ..Capacity::default() }, RejectMode::Respond, Box::new(|peer| peer) as _);
        let system = SystemLimits { connections: usize::MAX, threads: usize::MAX };
        let events = EventCallback::default();
        let accept_loop = AcceptLoop::start(listener, capacity, (None, system), events, |_, _, _| ()).unwrap();
        let id = accept_loop.lock().registry.try_insert(None).unwrap();
        let begin = || {
            let stream = stream_over(sockets().0.into(), false).unwrap();
            let pending = PendingHandshake::new(stream, Endpoints { peer: None, local: None }, Deadline::now());
            register_handshake(&accept_loop, id, pending)
        };
        assert!(begin().is_ok());
        drop(accept_loop.lock().registry.close());
        assert!(matches!(begin(), Err(Error::Closed(None))));
        accept_loop.stop_listening(Deadline::after(Duration::from_secs(60)));
    }

    /// A socket of a listener that was handed over, or of another system, has none.
    #[test]
    fn options_are_set_on_a_socket_that_has_inherited_none() {
        for has_options in [true, false] {
            let (near, _far) = sockets();
            let stream = stream_over(near.into(), has_options).unwrap();
            let Some(Socket::Tcp(socket)) = stream.socket() else { panic!("a TCP socket") };
            assert_eq!(socket.nodelay().unwrap(), !has_options);
        }
    }
}
