//! Servers: an address, settings, and a handler that is called for each connection, in a thread of its own.
//!
//! Below this file: `auth` (who is let in), `door` (the threads). What is said to a visitor, `upgrade` knows.

mod auth;
mod door;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Limits, Timeouts};
use crate::error::{Error, Result, Step};
#[cfg(feature = "deflate")]
use crate::protocol::deflate::Deflate;
use crate::transport::deadline::Deadline;
use crate::transport::stream::{Halves, Stream};
use crate::upgrade::{self, Decision, Ends, Request, Response, Terms};
use crate::websocket::WebSocket;
use door::{Door, Visitor};

/// Connections at a time by default. With the default limits 16,384 of them can hold 16 GiB of half-sent messages at
/// worst, and need 200 to 400 MiB when they are idle.
const MAX_CONNECTIONS: usize = 16_384;
/// How long stopping may take.
const STOP: Duration = Duration::from_secs(1);

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
/// What is no WebSocket request, or not a welcome one, is answered in HTTP: 400, 403, 405, 426, 431, 500, 503 or 505, or as
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
    listener: Option<TcpListener>,
    terms: Terms,
    max_connections: usize,
}

impl Server {
    /// Listens on the first of these addresses that can be had. Connections are let in from [`run`](Server::run) or
    /// [`start`](Server::start) on; until then they wait.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`].
    pub fn bind(addr: impl ToSocketAddrs) -> Result<Server> {
        let listener = TcpListener::bind(addr).map_err(|error| Error::io(Step::Listen, error))?;
        Ok(Server { listener: Some(listener), ..Server::unbound() })
    }

    /// A server without an address, for [`accept_over`](Server::accept_over) alone.
    pub fn unbound() -> Server {
        Server { listener: None, terms: Terms::default(), max_connections: MAX_CONNECTIONS }
    }

    // ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// How much each peer may send. Default: [`Limits::server`].
    pub fn limits(mut self, limits: Limits) -> Server {
        self.terms.limits = limits;
        self
    }

    /// Messages, and frames, of up to so many bytes. Short for [`limits`](Server::limits)`(`[`Limits::message`]`(bytes))`.
    /// Default: 1 MiB.
    pub fn max_message(self, bytes: u64) -> Server {
        self.limits(Limits::message(bytes))
    }

    /// Agrees to compress messages (RFC 7692) with clients that offer it. Off unless given; see [`Deflate`] for what it
    /// costs and what it gives away.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, deflate: Deflate) -> Server {
        self.terms.deflate = Some(deflate);
        self
    }

    /// How long anything may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.terms.timeouts = timeouts;
        self
    }

    /// Also lets in pages from this origin, written as browsers write it: `https://app.example.com`, with the port if it
    /// is not the usual one, and without a slash at the end. Can be called several times.
    ///
    /// Pages from the host that is asked are always let in, and so are clients that send no `Origin`, because those are no
    /// browsers (RFC 6455 section 10.2). All others are answered 403.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Server {
        if let Some(origins) = &mut self.terms.origins {
            origins.push(origin.into());
        }
        self
    }

    /// Lets in pages from everywhere.
    ///
    /// **Danger**: any page that a user visits can then open a connection with that user's cookies, and read and write
    /// as that user. Fit only for servers that do not look at cookies, nor at the address a connection comes from.
    pub fn danger_any_origin(mut self) -> Server {
        self.terms.origins = None;
        self
    }

    /// The subprotocols spoken here (RFC 6455 section 1.9). Of those that a client offers, the first that is among them is
    /// agreed on; if there is none, the connection is open without one, see [`WebSocket::subprotocol`].
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Server {
        self.terms.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// So many connections at a time, those whose opening handshake is not over included. More are answered 503. Default: 16,384.
    pub fn max_connections(mut self, count: usize) -> Server {
        self.max_connections = count;
        self
    }

    // ── what is not a WebSocket, or not for everyone ────────────────────────────────────────────────────────────────

    /// Answers what does not ask for a WebSocket: pages, health checks, on the same port. Without this it is answered 426.
    ///
    /// The hook is asked about GET and HEAD, over HTTP/1.0 too; other methods are answered 405. It is called in the thread of
    /// the connection, and sees the head of the request alone: a body is never given to it, and up to 1 MiB of one is dropped
    /// after the answer. After each answer the connection is closed. All of it, with the time the hook takes, has to be over
    /// within [`Timeouts::handshake`]. A hook that panics is answered 500.
    ///
    /// Which pages may read the answer is decided by headers of its own; [`allow_origin`](Server::allow_origin) is about
    /// WebSockets.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Response, Server};
    /// let server = Server::bind("127.0.0.1:0")?.http(|request| match request.path() {
    ///     "/" => Response::html(200, "<!doctype html><title>Chat</title>"),
    ///     "/health" => Response::text(200, "ok"),
    ///     _ => Response::text(404, "not here"),
    /// });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(mut self, hook: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        self.terms.hooks.http = Some(Box::new(hook));
        self
    }

    /// Decides about each request before it is answered: accepts it with settings of its own, answers it in HTTP (401, a
    /// redirect, 404; RFC 6455 section 4.2.2), or hands the stream over. See [`Decision`].
    ///
    /// The hook is asked about WebSocket requests that are in order and whose Origin is allowed, and about everything else that is
    /// a request of HTTP/1.x, of any method; [`Request::is_websocket`] tells them apart. It is called in the thread of the
    /// connection, and its time counts towards [`Timeouts::handshake`]. A hook that panics is answered 500.
    pub fn on_request(mut self, hook: impl Fn(&Request) -> Decision + Send + Sync + 'static) -> Server {
        self.terms.hooks.on_request = Some(Box::new(hook));
        self
    }

    // ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The address that is listened on, with the port the system chose if it was asked for port 0.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`]; also for a server that is [`unbound`](Server::unbound).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let listener = self.listener.as_ref().ok_or_else(no_address)?;
        listener.local_addr().map_err(|error| Error::io(Step::Listen, error))
    }

    /// Lets connections in, and waits for ever. Returns only if listening fails.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`], or of [`Step::Thread`] if no thread can be started at all. A system that runs out
    /// of descriptors, memory or threads later is no error: those who knock meanwhile wait, or are answered 503.
    pub fn run(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<()> {
        self.open(handler)?.door.wait_closed().map_err(|error| Error::io(Step::Listen, error))
    }

    /// Lets connections in, as long as the handle lives that this returns.
    ///
    /// # Errors
    /// As [`run`](Server::run), when it starts.
    pub fn start(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<Running> {
        self.open(handler)
    }

    /// Does the opening handshake on a stream made elsewhere, such as TLS by another library, with the settings of this server.
    ///
    /// Takes at most [`Timeouts::handshake`], and a second more for a refusal to arrive. [`Server::max_connections`] does not
    /// count here: whoever made the stream has let it in.
    ///
    /// # Errors
    /// [`Handshake`](Error::Handshake) if the request was refused, with the status that was answered, and also if a hook
    /// answered it ([`Answered`](crate::HandshakeFault::Answered)) or took the stream over
    /// ([`HandedOver`](crate::HandshakeFault::HandedOver)); [`Misuse`](Error::Misuse) if a hook gave what cannot be sent;
    /// [`Timeout`](Error::Timeout) and [`Io`](Error::Io) of [`Step::Handshake`]; [`Io`](Error::Io) of [`Step::Thread`].
    pub fn accept_over(&self, halves: Halves) -> Result<WebSocket> {
        let stream = Stream::over(halves).map_err(|error| Error::io(Step::Thread, error))?;
        upgrade::accept(&Arc::new(stream), Ends::default(), &self.terms)
    }

    fn open(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<Running> {
        let addr = self.local_addr()?;
        let Server { listener, terms, max_connections } = self;
        let door = Door::open(listener.ok_or_else(no_address)?, max_connections, move |visitor| {
            // An error has no one to tell: it is how most connections end.
            let _ = open(visitor, addr, &terms).and_then(&handler);
        });
        Ok(Running { addr, door: door.map_err(|error| Error::io(Step::Thread, error))? })
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
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

/// From the socket to the open connection.
fn open((socket, peer): Visitor, bound: SocketAddr, terms: &Terms) -> Result<WebSocket> {
    // Who listens on one address need not ask the system which it is.
    let local = match bound.ip().is_unspecified() {
        true => socket.local_addr().ok(),
        false => Some(bound),
    };
    let stream = Stream::plain(socket, terms.timeouts.write).map_err(|error| Error::io(Step::Handshake, error))?;
    upgrade::accept(&Arc::new(stream), Ends { peer: Some(peer), local }, terms)
}

/// A server that runs on threads of its own. Dropped, it stops as by [`stop`](Running::stop).
#[must_use = "a server stops when its handle is dropped"]
pub struct Running {
    addr: SocketAddr,
    door: Arc<Door>,
}

impl Running {
    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening. Connections that are open go on until their handlers return.
    ///
    /// The threads that wait for connections are woken by connections from here, because nothing in `std` ends their
    /// waiting otherwise. This returns when the address is free again, or after a second at most: if no connection from
    /// here can be made (no descriptors, a packet filter), the address becomes free by the next ones from elsewhere, which
    /// are answered 503.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.door.close();
        let deadline = Deadline::after(STOP);
        loop {
            let waiting = self.door.at_door();
            if waiting == 0 || deadline.passed() {
                return;
            }
            // One that fails may have come after a visitor who did as well.
            let _ = TcpStream::connect_timeout(&from_here(self.addr), STOP / 10);
            self.door.wait_fewer(waiting, STOP / 10);
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("local_addr", &self.addr).finish_non_exhaustive()
    }
}

/// Where to reach, from this machine, what listens on this address.
fn from_here(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
