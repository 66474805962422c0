//! [`Server`] and [`serve`]: binding, starting, and the opening handshake on a caller-supplied stream.
//!
//! Its settings are in `settings`, `auth::server`, `trusted_proxy::server` and `legacy::server`.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use super::accept_loop::{AcceptLoop, RejectMode};
use super::admission::{Admission, AdmittedStream, Capacity};
use super::handle::ServerHandle;
use super::handshake;
use super::handshake_config::{Endpoints, HandshakeConfig, PendingHandshake};
use super::listener::{AcceptedSocket, Listener};
use super::registry::EntryId;
use super::serve_connection::serve_connection;
use super::shutdown::ShutdownHandle;
use super::system_limits::SystemLimits;
use crate::connection::websocket::WebSocket;
use crate::error::{Error, Result, Step, UsageError};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::net::deadline::Deadline;
use crate::net::split_stream::SplitStream;
use crate::net::stream::Stream;
use crate::primitives::lock::Lock;

/// A smaller stack overflows, which aborts the process.
const MIN_STACK: usize = 64 << 10;
/// `std` panics for sizes near the end of the address space.
const MAX_STACK: usize = 1 << 30;

/// Listens on `addr` and calls `handler` for every WebSocket connection, each on its own thread. Returns only if
/// listening fails. [`Server`] has settings. Feature `server`.
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
/// [`Io`](Error::Io) of [`Step::Listen`] if the server cannot listen on the address.
pub fn serve(
    addr: impl ToSocketAddrs,
    handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static,
) -> Result<()> {
    Server::bind(addr)?.run(handler)
}

/// A WebSocket server (RFC 6455): an address and settings, started by [`run`](Server::run) or [`start`](Server::start).
/// Feature `server`.
///
/// The server calls the handler for each open connection, on a thread of that connection. It closes the connection when
/// the handler returns, and with 1011 when the handler panics. An error that the handler returns is the event
/// `handler-failed`, unless it is the error with which the connection ended. `?` converts most errors of an
/// application, and [`Error::other`] all others.
///
/// Other requests get an HTTP response: 400, 403, 405, 414, 426, 429, 431, 500, 503 or 505, or the one from
/// [`http`](Server::http) or [`on_request`](Server::on_request).
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
    /// `None`: the default of `std`.
    pub(super) stack_size: Option<usize>,
    shutdown: ShutdownHandle,
    /// The streams of `accept_over`.
    admission: Arc<Lock<Admission>>,
}

impl Server {
    /// Listens on the first of these addresses that can be bound. Connections wait until [`run`](Server::run) or
    /// [`start`](Server::start) accepts them.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`].
    pub fn bind(addr: impl ToSocketAddrs) -> Result<Server> {
        let addrs: Vec<SocketAddr> = addr.to_socket_addrs().map_err(|error| Error::io(Step::Listen, error))?.collect();
        let listener = TcpListener::bind(&addrs[..]).map(Listener::bound).map_err(|error| {
            let names: Vec<String> = addrs.iter().map(SocketAddr::to_string).collect();
            Error::listen(names.join(" or "), error)
        })?;
        Ok(Server::with_listener(listener))
    }

    /// Listens on this socket, which is bound and listens already: one with options of your own (a backlog,
    /// `SO_REUSEPORT`), one from a service manager, or one that an earlier process handed over.
    ///
    /// Other handles to the same socket can accept as well, here or in another process. So a service restarts without
    /// refusing a client: the next process starts while this one runs, then this one [stops](ServerHandle::stop) or
    /// [shuts down](ServerHandle::shutdown). Neither shuts the shared socket down. Clients whose connections this process
    /// has accepted are still served; a shutdown then sends them Close 1001.
    ///
    /// The socket is made blocking, for its other handles too. A service manager (systemd with `Accept=no` and
    /// `StandardInput=socket`) passes it as the standard input:
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::TcpListener;
    /// use std::os::fd::AsFd;
    /// let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    /// stdws::Server::from_listener(listener)?.run(|mut ws| ws.send("welcome"))?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`] if it is not a TCP socket. One that does not listen fails when the server
    /// runs.
    #[doc(alias = "socket activation")]
    #[doc(alias = "SO_REUSEPORT")]
    #[doc(alias = "backlog")]
    pub fn from_listener(listener: TcpListener) -> Result<Server> {
        Listener::given(listener).map(Server::with_listener).map_err(|error| Error::io(Step::Listen, error))
    }

    /// Listens on a socket in the file system, for clients on this machine: a reverse proxy, or
    /// [`Client::connect_unix`](crate::Client::connect_unix). Only on Unix.
    ///
    /// A socket on which no process listens is replaced: this tries to connect to it, for at most one second. Any other
    /// existing file is an error. The permissions of the file, which the `umask` of the process determines, and of its
    /// directories restrict the clients. The file is removed when the server stops.
    ///
    /// On Linux, a path that begins with a NUL byte is an abstract name: `"\0chat"`. It has no file and no permissions:
    /// every process in the same network namespace can connect. The name is free when the server stops.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`].
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<std::path::Path>) -> Result<Server> {
        let path = path.as_ref();
        Listener::bind_unix(path).map(Server::with_listener).map_err(|error| Error::listen(path.display(), error))
    }

    /// Listens on this Unix socket, like [`from_listener`](Server::from_listener). Only on Unix. Its file is not removed
    /// when the server stops, because others may use it.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`] if it is not a Unix socket. One that does not listen fails when the server
    /// runs.
    #[cfg(unix)]
    pub fn from_unix_listener(listener: std::os::unix::net::UnixListener) -> Result<Server> {
        Listener::given_unix(listener).map(Server::with_listener).map_err(|error| Error::io(Step::Listen, error))
    }

    fn with_listener(listener: Listener) -> Server {
        Server { listener: Some(listener), ..Server::without_listener() }
    }

    /// Creates a server without an address, only for [`accept_over`](Server::accept_over).
    pub fn without_listener() -> Server {
        Server {
            listener: None,
            config: HandshakeConfig::default(),
            capacity: Capacity::default(),
            stack_size: None,
            shutdown: ShutdownHandle::default(),
            admission: Arc::default(),
        }
    }

    // ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The address on which the server listens. For port 0 it has the port that the system chose.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`], also [`without_listener`](Server::without_listener) and on a Unix socket.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let listener = self.listener.as_ref().ok_or_else(no_listener_error)?;
        listener.local_addr().map_err(|error| Error::io(Step::Listen, error))
    }

    /// A handle that shuts this server down from anywhere, see [`ShutdownHandle`].
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// Accepts connections until a [`ShutdownHandle`] has shut the server down; without one, for ever.
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Listen`], or of [`Step::Thread`] if no thread can be started at all. If
    /// descriptors, memory or threads run out later, the server continues: new clients wait, or are answered 503.
    pub fn run(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<()> {
        self.start(handler)?.join()
    }

    /// Accepts connections on background threads until the returned handle is dropped.
    ///
    /// The error that the handler returns is reported as an event. `?` converts errors of `std::io`, of parsing and boxed ones;
    /// [`Error::other`] takes any other. The type of the error is not generic, because Rust could then not infer what `?`
    /// converts to in a closure without a return type.
    ///
    /// ```
    /// # use stdws::{Error, Server};
    /// let server = Server::bind("127.0.0.1:0")?.start(|mut ws| {
    ///     let number: u32 = ws.recv()?.map_or(Ok(0), |message| message.to_string().parse())?;
    ///     let number = number.checked_add(1).ok_or(Error::other("too large"))?;
    ///     ws.send(number.to_string())
    /// })?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send("41")?;
    /// assert_eq!(ws.recv()?.expect("a number"), "42");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`run`](Server::run) at its start.
    pub fn start(self, handler: impl Fn(WebSocket) -> Result<()> + Send + Sync + 'static) -> Result<ServerHandle> {
        self.check_settings()?;
        let Server { listener, config, capacity, stack_size, shutdown, admission: _ } = self;
        let listener = listener.ok_or_else(no_listener_error)?;
        let addr = listener.local_addr().ok();
        // A TLS client cannot read a response in plain text.
        let (reject_mode, scheme) = match config.has_tls() {
            true => (RejectMode::Silent, "wss"),
            false => (RejectMode::Respond, "ws"),
        };
        let events = config.events.clone();
        #[cfg(feature = "trace")]
        if let Some(addr) =
            addr.filter(|addr| addr.ip().to_canonical().is_loopback() && config.allowed_hosts.is_empty())
        {
            events.emit(|| EventKind::HostNotChecked(addr));
        }
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

    /// Performs the opening handshake on a caller-supplied stream, such as TLS by another crate, with the settings of
    /// this server. `None`: there is no WebSocket, because a hook ([`http`](Server::http),
    /// [`on_request`](Server::on_request)) responded in HTTP or took over the stream.
    ///
    /// It takes at most [`Timeouts::handshake`](crate::Timeouts::handshake), plus one second for a rejection to arrive.
    ///
    /// [`max_connections`](Server::max_connections), [`max_handshakes`](Server::max_handshakes) and
    /// [`max_per_address`](Server::max_per_address) count the streams of this call. A connection counts until its
    /// [`WebSocket`] is dropped. The address of the peer is that of [`SplitStream::peer_addr`]. Without it the peer is
    /// treated as one of a Unix socket, which `unix` in a list of trusted proxies names. A header of the PROXY protocol
    /// has to be the first bytes of the stream.
    ///
    /// # Errors
    /// - [`Handshake`](Error::Handshake): the request was rejected, with the status of the response. Also for a hook that
    ///   panicked or returned what cannot be sent ([`HookErrorKind`](crate::HookErrorKind)).
    /// - [`Timeout`](Error::Timeout) and [`Io`](Error::Io) of [`Step::Handshake`]; [`Io`](Error::Io) of
    ///   [`Step::Thread`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use stdws::{Server, SplitStream};
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let url = format!("ws://{}", listener.local_addr()?);
    /// let client = std::thread::spawn(move || stdws::connect(&url)?.recv());
    /// let server = Server::without_listener().max_connections(100);
    /// let (tcp, peer) = listener.accept()?;
    /// // Here TLS of another library could wrap the stream.
    /// let split = SplitStream::new(tcp.try_clone()?, tcp).peer_addr(peer);
    /// if let Some(mut ws) = server.accept_over(split)? {
    ///     assert_eq!(ws.peer_addr(), Some(peer));
    ///     ws.send("welcome")?;
    /// }
    /// assert_eq!(client.join().unwrap()?.unwrap().as_text(), Some("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "accept")]
    pub fn accept_over(&self, split: SplitStream) -> Result<Option<WebSocket>> {
        self.check_settings()?;
        let (peer, local) = split.addresses();
        let stream = Stream::from_split(split).map_err(|error| Error::io(Step::Thread, error))?;
        let deadline = Deadline::after(self.config.timeouts.handshake);
        let pending = PendingHandshake::new(stream, Endpoints { peer, local }, deadline);
        let opened = handshake::with_events(&self.config, peer, |events| self.accept_pending(&pending, events))?;
        Ok(opened.map(|ws| *ws))
    }

    fn accept_pending(&self, pending: &PendingHandshake, events: &EventSink) -> Result<Option<Box<WebSocket>>> {
        let (config, peer) = (&self.config, pending.endpoints.peer);
        let is_trusted = config.trusted_proxies.is_trusted(peer);
        let address = peer.filter(|_| !is_trusted).map(|peer| peer.ip());
        let admitted = AdmittedStream::admit(&self.admission, self.capacity, address)
            .map_err(|kind| handshake::reject_overload(pending, kind, config))?;
        let admitted = RefCell::new(admitted);
        let admission_check = |client| match is_trusted {
            true => admitted.borrow_mut().count_client(client),
            false => Ok(()),
        };
        let client = handshake::read_proxy_header(pending, &admission_check, config)?;
        let mut opened = handshake::accept(pending, client, &admission_check, (config, events))?;
        if let Some(ws) = &mut opened {
            let mut admitted = admitted.into_inner();
            admitted.end_handshake();
            ws.info.values.insert(admitted);
        }
        Ok(opened)
    }
}

impl Server {
    /// Checks the settings whose setters return no error.
    fn check_settings(&self) -> Result<()> {
        self.config.timeouts.check()?;
        self.config.limits.check()?;
        self.capacity.check()?;
        match self.stack_size {
            Some(bytes) if bytes < MIN_STACK => {
                Err(UsageError::SettingTooSmall { name: "Server::stack_size", least: "64 KiB".into() }.into())
            }
            Some(bytes) if bytes > MAX_STACK => {
                Err(UsageError::SettingTooLarge { name: "Server::stack_size", most: "1 GiB".into() }.into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn no_listener_error() -> Error {
    let text = "a server without a listener has no address; create it with Server::bind";
    Error::io(Step::Listen, io::Error::new(ErrorKind::NotConnected, text))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("config", &self.config)
            .field("capacity", &self.capacity)
            .field("stack_size", &self.stack_size)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_at_least_64_kib_and_at_most_1_gib() {
        assert!(Server::without_listener().check_settings().is_ok());
        for (bytes, fits) in [((64 << 10) - 1, false), (64 << 10, true), (1 << 30, true), ((1 << 30) + 1, false)] {
            assert_eq!(Server::without_listener().stack_size(bytes).check_settings().is_ok(), fits, "{bytes}");
        }
    }
}
