//! [`Server`]: binding, starting, and the opening handshake on a caller-supplied stream. [`serve`] for servers without settings.
//!
//! Its settings are in `settings`, `auth::server`, `trusted_proxy::server` and `legacy::server`.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use super::accept_loop::{AcceptLoop, RejectMode};
use super::handle::ServerHandle;
use super::handshake;
use super::handshake_config::{Endpoints, HandshakeConfig, PendingHandshake};
use super::listener::{AcceptedSocket, Listener};
use super::registry::{Capacity, EntryId};
use super::serve_connection::serve_connection;
use super::shutdown::ShutdownHandle;
use super::system_limits::SystemLimits;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::stream::{SplitStream, Stream};

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
///     .max_message_size(64 << 10)
///     .max_connections(1000)
///     .start(|mut ws| ws.send("welcome"))?;
/// println!("listening on {}", server.url());
/// server.stop();
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until `run` or `start`"]
pub struct Server {
    listener: Option<Listener>,
    pub(crate) config: HandshakeConfig,
    pub(super) capacity: Capacity,
    /// The stack of each thread, if it is not what `std` takes.
    pub(crate) stack_size: Option<usize>,
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
        Ok(Server { listener: Some(Listener::Tcp(listener)), ..Server::without_listener() })
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
        let listener = super::listener::unix::UnixPathListener::bind(path.as_ref())
            .map_err(|error| Error::io(Step::Listen, error))?;
        Ok(Server { listener: Some(Listener::Unix(listener)), ..Server::without_listener() })
    }

    /// A server without an address, for [`accept_over`](Server::accept_over) alone.
    pub fn without_listener() -> Server {
        Server {
            listener: None,
            config: HandshakeConfig::default(),
            capacity: Capacity::default(),
            stack_size: None,
            shutdown: ShutdownHandle::default(),
        }
    }

    // ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The address that is listened on, with the port the system chose if it was asked for port 0.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`]; also for a server that is [`without_listener`](Server::without_listener), or at a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let listener = self.listener.as_ref().ok_or_else(no_listener_error)?;
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
    pub fn start(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<ServerHandle> {
        let Server { listener, config, capacity, stack_size, shutdown } = self;
        let listener = listener.ok_or_else(no_listener_error)?;
        let addr = listener.local_addr().ok();
        // An answer in plain text is not what a client of TLS can read.
        let (reject_mode, scheme) = match &config.tls {
            Some(_) => (RejectMode::Silent, "wss"),
            None => (RejectMode::Respond, "ws"),
        };
        let events = config.events.clone();
        let config = Arc::new(config);
        let proxies = config.clone();
        let limit_key = Box::new(move |peer| if proxies.trusted_proxies.is_trusted(peer) { None } else { peer });
        let serve = move |accept_loop: &AcceptLoop, id: EntryId, accepted: AcceptedSocket| {
            serve_connection(accept_loop, id, accepted, addr, &config, &handler)
        };
        let system = SystemLimits::read(stack_size);
        let accept_loop = shutdown.start(|| {
            AcceptLoop::start(listener, (capacity, reject_mode, limit_key), (stack_size, system), events, serve)
        })?;
        Ok(ServerHandle::new((addr, scheme), accept_loop, shutdown))
    }

    /// Does the opening handshake on a stream made elsewhere, such as TLS by another library, with the settings of this server.
    ///
    /// Takes at most [`Timeouts::handshake`](crate::Timeouts::handshake), and a second more for a rejection to arrive. [`Server::max_connections`] does not
    /// count here: whoever made the stream has let it in.
    ///
    /// # Errors
    /// [`Handshake`](Error::Handshake) if the request was refused, with the status that was answered, and also if a hook
    /// answered it ([`Responded`](crate::HandshakeErrorKind::Responded)) or took the stream over
    /// ([`HandedOver`](crate::HandshakeErrorKind::HandedOver)); [`Usage`](Error::Usage) if a hook gave what cannot be sent;
    /// [`Timeout`](Error::Timeout) and [`Io`](Error::Io) of [`Step::Handshake`]; [`Io`](Error::Io) of [`Step::Thread`].
    pub fn accept_over(&self, split: SplitStream) -> Result<WebSocket> {
        let stream = Stream::from_split(split).map_err(|error| Error::io(Step::Thread, error))?;
        let deadline = Deadline::after(self.config.timeouts.handshake);
        let pending = PendingHandshake::new(stream, Endpoints::default(), deadline);
        handshake::with_events(&self.config, None, |events| {
            let proxied_client = handshake::read_proxy_header(&pending, &self.config)?;
            handshake::accept(&pending, proxied_client, &|_| Ok(()), (&self.config, events))
        })
    }
}

fn no_listener_error() -> Error {
    let text = "a server made with Server::without_listener has no address";
    Error::io(Step::Listen, io::Error::new(ErrorKind::NotConnected, text))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("terms", &self.config)
            .field("capacity", &self.capacity)
            .field("stack", &self.stack_size)
            .finish()
    }
}
