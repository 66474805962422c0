//! Servers: an address, settings, and a handler that is called for each connection, in a thread of its own.
//!
//! | file | knows |
//! |---|---|
//! | `settings`, `hooks`, `auth`, `admission` | what can be set |
//! | `listener` | what is listened on |
//! | `door`, `threads` | who waits there, and the threads that serve |
//! | `guests` | who is let in |
//! | `system_limits` | how many connections and threads fit the operating system |
//! | `running`, `shutdown` | how it ends |
//! | `report` | what nobody else is told |
//!
//! What is said to a visitor, `upgrade` knows.

mod admission;
mod auth;
mod door;
#[cfg(feature = "legacy")]
mod drafts;
mod guests;
mod hooks;
mod listener;
mod running;
mod settings;
mod shutdown;
mod system_limits;
mod threads;
mod vouching;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

pub use running::Running;
pub use shutdown::{ShutdownHandle, ShutdownReport};

use crate::close::CloseCode;
use crate::error::{Error, Result, Step};
use crate::trace::Watch;
use crate::transport::deadline::Deadline;
use crate::transport::socket::Socket;
use crate::transport::stream::{Halves, Stream};
use crate::upgrade::{self, Ends, Terms, Visit};
use crate::websocket::linger::HostThread;
use crate::websocket::WebSocket;
use door::{Door, Turning};
use guests::{Capacity, Id};
use listener::{Listener, Visitor};
use system_limits::SystemLimits;

/// Listens on `addr` and calls `handler` for every WebSocket connection, each in a thread of its own. Returns only if
/// listening fails. [`Server`] has settings.
///
/// ```no_run
/// stdws::serve("127.0.0.1:9001", |mut ws| {
///     while let Some(message) = ws.recv()? {
///         ws.send(&message)?;
///     }
///     Ok(())
/// })?;
/// # Ok::<(), stdws::Error>(())
/// ```
///
/// # Errors
/// [`Io`](Error::Io) of [`Step::Listen`] if the address cannot be listened on.
pub fn serve(
    addr: impl ToSocketAddrs,
    handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static,
) -> Result<()> {
    Server::bind(addr)?.run(handler)
}

/// A server for WebSocket connections (RFC 6455): an address, settings, and then [`run`](Server::run) or
/// [`start`](Server::start).
///
/// The handler is called once a connection is open, in a thread that is its own. When it returns, the connection is
/// closed; so it is, with 1011, when it panics, which the server survives. What it returns does not matter to the server:
/// an error is how most connections end.
///
/// What is no WebSocket request, or not a welcome one, is answered in HTTP: 400, 403, 405, 426, 429, 431, 500, 503 or 505, or as
/// [`http`](Server::http) and [`on_request`](Server::on_request) say.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// let server = stdws::Server::bind("127.0.0.1:0")?
///     .allow_origin("https://app.example.com")
///     .subprotocols(["v2.feed"])
///     .max_message(64 << 10)
///     .max_connections(1000)
///     .start(|mut ws| ws.send("welcome"))?;
/// println!("listening on ws://{}", server.local_addr());
/// server.stop();
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until `run` or `start`"]
pub struct Server {
    listener: Option<Listener>,
    terms: Terms,
    capacity: Capacity,
    /// The stack of each thread, if it is not what `std` takes.
    stack: Option<usize>,
    shutdown: ShutdownHandle,
}

impl Server {
    /// Listens on the first of these addresses that can be had. Connections are let in from [`run`](Server::run) or
    /// [`start`](Server::start) on; until then they wait.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`].
    pub fn bind(addr: impl ToSocketAddrs) -> Result<Server> {
        let listener = TcpListener::bind(addr).map_err(|error| Error::io(Step::Listen, error))?;
        Ok(Server { listener: Some(Listener::Tcp(listener)), ..Server::unbound() })
    }

    /// Listens on a socket in the file system, for clients of the same machine: a reverse proxy, or
    /// [`Client::connect_unix`](crate::Client::connect_unix). Only on Unix.
    ///
    /// A socket that nobody listens on any more is replaced; any other file is left alone, and is an error. Who may connect is
    /// decided by the permissions of the file, which are what the `umask` of the process leaves, and of its folders. The file is
    /// removed when the server has stopped.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`].
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<std::path::Path>) -> Result<Server> {
        let listener = listener::unix::AtPath::bind(path.as_ref()).map_err(|error| Error::io(Step::Listen, error))?;
        Ok(Server { listener: Some(Listener::Unix(listener)), ..Server::unbound() })
    }

    /// A server without an address, for [`accept_over`](Server::accept_over) alone.
    pub fn unbound() -> Server {
        Server {
            listener: None,
            terms: Terms::default(),
            capacity: Capacity::default(),
            stack: None,
            shutdown: ShutdownHandle::default(),
        }
    }

    // ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The address that is listened on, with the port the system chose if it was asked for port 0.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`]; also for a server that is [`unbound`](Server::unbound), or at a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let listener = self.listener.as_ref().ok_or_else(no_address)?;
        listener.local_addr().map_err(|error| Error::io(Step::Listen, error))
    }

    /// A handle that shuts this server down from another thread, see [`ShutdownHandle`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// Lets connections in, and waits until a [`ShutdownHandle`] has shut the server down; without one, for ever.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`], or of [`Step::Thread`] if no thread can be started at all. A system that runs out
    /// of descriptors, memory or threads later is no error: those who knock meanwhile wait, or are answered 503.
    pub fn run(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<()> {
        self.start(handler)?.wait()
    }

    /// Lets connections in, as long as the handle lives that this returns.
    ///
    /// # Errors
    /// As [`run`](Server::run), when it starts.
    pub fn start(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<Running> {
        let Server { listener, terms, capacity, stack, shutdown } = self;
        let listener = listener.ok_or_else(no_address)?;
        let addr = listener.local_addr().ok();
        // An answer in plain text is not what a client of TLS can read.
        let turning = if terms.tls.is_some() { Turning::Silent } else { Turning::Answered };
        let events = terms.events.clone();
        let terms = Arc::new(terms);
        let proxies = terms.clone();
        let counts = Box::new(move |peer| if proxies.vouching.speaks_for_others(peer) { None } else { peer });
        let host = move |door: &Door, id: Id, visitor: Visitor| receive(door, id, visitor, addr, &terms, &handler);
        let system = SystemLimits::read(stack);
        let door =
            shutdown.start(|| Door::open(listener, (capacity, turning, counts), (stack, system), events, host))?;
        Ok(Running::new(addr, door, shutdown))
    }

    /// Does the opening handshake on a stream made elsewhere, such as TLS by another library, with the settings of this server.
    ///
    /// Takes at most [`Timeouts::handshake`](crate::Timeouts::handshake), and a second more for a refusal to arrive. [`Server::max_connections`] does not
    /// count here: whoever made the stream has let it in.
    ///
    /// # Errors
    /// [`Handshake`](Error::Handshake) if the request was refused, with the status that was answered, and also if a hook
    /// answered it ([`Answered`](crate::HandshakeFault::Answered)) or took the stream over
    /// ([`HandedOver`](crate::HandshakeFault::HandedOver)); [`Misuse`](Error::Misuse) if a hook gave what cannot be sent;
    /// [`Timeout`](Error::Timeout) and [`Io`](Error::Io) of [`Step::Handshake`]; [`Io`](Error::Io) of [`Step::Thread`].
    pub fn accept_over(&self, halves: Halves) -> Result<WebSocket> {
        let stream = Stream::over(halves).map_err(|error| Error::io(Step::Thread, error))?;
        let deadline = Deadline::after(self.terms.timeouts.handshake);
        let visit = Visit::new(stream, Ends::default(), deadline);
        upgrade::told(&self.terms, None, |watch| {
            let announced = upgrade::announced(&visit, &self.terms)?;
            upgrade::accept(&visit, announced, &|_| Ok(()), (&self.terms, watch))
        })
    }
}

fn no_address() -> Error {
    let text = "a server made with Server::unbound has no address";
    Error::io(Step::Listen, io::Error::new(ErrorKind::NotConnected, text))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("terms", &self.terms)
            .field("capacity", &self.capacity)
            .field("stack", &self.stack)
            .finish()
    }
}

/// All that is done with a visitor, in its thread.
fn receive(
    door: &Door,
    id: Id,
    visitor: Visitor,
    bound: Option<SocketAddr>,
    terms: &Terms,
    handler: &impl Fn(WebSocket) -> Result<()>,
) {
    let peer = visitor.peer;
    match upgrade::told(terms, peer, |watch| open(door, id, visitor, bound, (terms, watch))) {
        Ok(ws) if door.lock().guests.opens(id, ws.shared_link()) => {
            let _host = HostThread::of(ws.shared_link());
            let watch = ws.watch().clone();
            let _guard = watch.guard();
            drop(handler(ws));
        }
        // The server was shut down meanwhile.
        Ok(mut ws) => drop(ws.close(CloseCode::GOING_AWAY, "")),
        // What went wrong has been told, if anyone listens.
        Err(_) => {}
    }
}

/// From the socket to the open connection. Not inlined: what it needs of the stack must not lie there below a handler for
/// hours.
#[inline(never)]
fn open(
    door: &Door,
    id: Id,
    visitor: Visitor,
    bound: Option<SocketAddr>,
    (terms, watch): (&Terms, &Watch),
) -> Result<WebSocket> {
    let Visitor { socket, peer } = visitor;
    // Who listens on one address need not ask the system which it is.
    let local = bound.and_then(|bound| match bound.ip().is_unspecified() {
        true => socket.local_addr(),
        false => Some(bound),
    });
    let deadline = Deadline::after(terms.timeouts.handshake);
    let ends = Ends { peer, local };
    let again = terms.tls.as_ref().map(|tls| Ok((tls, socket.try_clone()?)));
    let again = again.transpose().map_err(|error| Error::io(Step::Tls, error))?;
    // Whoever closes the house has to find the stream while there is no TLS on it yet.
    let visit = arrive(door, id, Visit::new(plain(socket, terms)?, ends, deadline))?;
    let announced = upgrade::announced(&visit, terms)?;
    let visit = match again {
        // 6455-4.2.2-2
        Some((tls, socket)) => {
            let stream = tls.accept(socket, terms.timeouts.write, deadline)?;
            arrive(door, id, Visit::new(stream, ends, deadline))?
        }
        None => visit,
    };
    // All others were counted at the door.
    let admit = |client| match terms.vouching.speaks_for_others(peer) {
        true => door.lock().guests.names(id, client),
        false => Ok(()),
    };
    upgrade::accept(&visit, announced, &admit, (terms, watch))
}

fn arrive(door: &Door, id: Id, visit: Visit) -> Result<Arc<Visit>> {
    let visit = Arc::new(visit);
    match door.lock().guests.arrives(id, &visit) {
        true => Ok(visit),
        false => Err(Error::Closed(None)),
    }
}

fn plain(socket: Socket, terms: &Terms) -> Result<Stream> {
    Stream::plain(socket, terms.timeouts.write).map_err(|error| Error::io(Step::Handshake, error))
}
