//! Settings of a client that replace what the URL determines: addresses, Host header, the name in the certificate, or the
//! socket.

use std::net::{SocketAddr, TcpStream};

use super::builder::Client;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
use crate::error::{Result, UsageError};
use crate::handshake::uri::{bracketed, Authority};
#[cfg(feature = "legacy")]
use crate::legacy::parts::ConnectQueue;
use crate::net::connect_guard::Queueing;
use crate::net::deadline::Deadline;

use super::dial::DialedStream;

/// The route to the host of the URL, as far as the caller set it.
#[derive(Clone, Default)]
pub(crate) struct Route {
    /// Instead of those of the resolver; empty: resolve the name.
    pub(super) addresses: Vec<SocketAddr>,
    /// Instead of the host of the URL.
    #[cfg(feature = "native-tls")]
    pub(super) server_name: Option<String>,
    pub(super) queue: Queue,
}

/// Whether attempts wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Queue {
    /// As the version requires.
    #[default]
    Serialized,
    /// They do not, at the request of the caller.
    Parallel,
}

impl Client {
    /// Connects to these addresses instead of resolving the host name, like `curl --resolve` and `--connect-to`.
    ///
    /// The URL stays as it is for everything else: the Host header, the TLS certificate, redirects. An address has its own
    /// port. Several addresses are attempted as in [`connect`](Client::connect); without any, the name is resolved again.
    /// Through a proxy, the proxy is asked for the first address. A redirect to another host or port resolves the name of
    /// that host.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// # let staging = server.local_addr().unwrap();
    /// let mut ws = stdws::Client::new("ws://chat.example.com/feed")?.resolve_to([staging]).connect()?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
    /// assert_eq!(ws.peer_addr(), Some(staging));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "connect_to")]
    pub fn resolve_to(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Client {
        self.route.addresses = addresses.into_iter().collect();
        self
    }

    /// Sends this `Host` header instead of the host and port of the URL: another virtual host of the same server.
    ///
    /// The value is a host, or `host:port`. Name resolution and TLS still use the host of the URL. A redirect to another
    /// host or port sends that host.
    ///
    /// # Errors
    /// [`UsageError::HeaderValue`] if it is neither.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
    /// #     let host = ws.request().unwrap().header("Host").unwrap().to_owned();
    /// #     ws.send(&host)
    /// # })?;
    /// # let url = server.url();
    /// let mut ws = stdws::Client::new(&url)?.host_header("tenant7.example.com")?.connect()?;
    /// # assert_eq!(ws.recv()?.unwrap().as_text(), Some("tenant7.example.com"));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "virtual host")]
    pub fn host_header(mut self, value: &str) -> Result<Client> {
        let invalid = || UsageError::HeaderValue("Host".to_owned());
        let Authority { host, zone, port, .. } = Authority::parse(value).map_err(|_| invalid())?;
        if zone.is_some() || value.contains('@') {
            return Err(invalid().into());
        }
        let host = bracketed(&host);
        self.uri.host_override = Some(port.map_or(host.clone(), |port| format!("{host}:{port}")));
        Ok(self)
    }

    /// Requires a certificate for this name, and sends this name to the server (SNI, RFC 6066 section 3), instead of the
    /// host of the URL. For `wss://` over a tunnel, or by IP address. Feature `native-tls`.
    ///
    /// The Host header stays that of the URL, see [`host_header`](Client::host_header). A redirect to another host or port
    /// uses the name of that host.
    ///
    /// # Errors
    /// [`UsageError::ServerName`] if it is not a host name or an IP address.
    ///
    /// ```no_run
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("wss://127.0.0.1:8443/feed")?;
    /// let mut ws = client.server_name("chat.example.com")?.host_header("chat.example.com")?.connect()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "native-tls")]
    #[doc(alias = "SNI")]
    pub fn server_name(mut self, name: &str) -> Result<Client> {
        use crate::error::UriErrorKind;
        // An IPv6 address stands here without brackets.
        let literal = name.parse::<std::net::Ipv6Addr>().map(|_| format!("[{name}]"));
        let text = literal.as_deref().unwrap_or(name);
        let Authority { host, zone, port, .. } = Authority::parse(text).map_err(UsageError::ServerName)?;
        if zone.is_some() || port.is_some() || text.contains('@') || text.ends_with(':') {
            return Err(UsageError::ServerName(UriErrorKind::InvalidHostCharacter).into());
        }
        self.route.server_name = Some(host);
        Ok(self)
    }

    /// Connects without waiting for other attempts to the same IP address and port. For load tests of a server of your own.
    ///
    /// **Danger**: RFC 6455 section 4.1 requires one attempt at a time to an IP address and port, so that clients cannot flood a
    /// server with handshakes. With this setting the number of attempts at a time is the number of threads that connect.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let client = stdws::Client::new(&server.url())?.dangerously_connect_in_parallel();
    /// let threads: Vec<_> = (0..4).map(|_| client.clone()).map(|c| std::thread::spawn(move || c.connect())).collect();
    /// for thread in threads {
    ///     thread.join().unwrap()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn dangerously_connect_in_parallel(mut self) -> Client {
        self.route.queue = Queue::Parallel;
        self
    }

    /// Which attempts wait for each other.
    pub(super) fn queueing(&self) -> Queueing {
        if self.route.queue == Queue::Parallel {
            return Queueing::None;
        }
        #[cfg(feature = "legacy")]
        if self.draft_spec().is_some_and(|spec| spec.connect_queue == ConnectQueue::PerAddress) {
            return Queueing::OnePerAddress;
        }
        Queueing::OnePerPort
    }

    /// Performs the TLS handshake of a `wss://` URL and the opening handshake over a TCP connection of the caller: a
    /// socket with options or a local address of its own, or the local end of a tunnel.
    ///
    /// The connection then works as one of [`connect`](Client::connect), including timeouts, `abort`, `split` and
    /// [`peer_addr`](WebSocket::peer_addr). The URL is used for the request and for the name in the certificate. No name
    /// is resolved, no proxy is used and no redirect is followed. Waits for other attempts to the address of the peer (RFC 6455
    /// section 4.1). Takes at most [`Timeouts::connect`](crate::Timeouts::connect).
    ///
    /// The socket is made blocking, `TCP_NODELAY` is set, and its timeouts are replaced. On Unix a clone of it shares
    /// these settings, so do not use a clone at the same time.
    ///
    /// # A local address
    ///
    /// `std` cannot bind the local end of a [`TcpStream`]: `connect` and `connect_timeout` create the socket and connect it
    /// in one call, no type of `std` is a TCP socket that is not connected yet, and making one needs `unsafe`. So this crate
    /// has no `bind_to`. The crate `socket2` binds a socket, which becomes a `TcpStream`:
    ///
    /// ```text
    /// let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.bind(&SocketAddr::from(([192, 0, 2, 7], 0)).into())?;
    /// socket.connect_timeout(&server.into(), Duration::from_secs(10))?;
    /// let ws = client.connect_tcp(socket.into())?;
    /// ```
    ///
    /// # Errors
    /// Those of TLS and of the opening handshake in [`connect`](Client::connect), and [`Io`](crate::Error::Io) of
    /// [`Step::Connect`](crate::Step::Connect) if the socket is not connected.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// # let tunnel = server.local_addr().unwrap();
    /// let socket = std::net::TcpStream::connect(tunnel)?;
    /// socket.set_ttl(16)?;
    /// let mut ws = stdws::Client::new("ws://chat.example.com/feed")?.connect_tcp(socket)?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "bind_to")]
    #[doc(alias = "local_address")]
    #[doc(alias = "socket options")]
    pub fn connect_tcp(&self, socket: TcpStream) -> Result<WebSocket> {
        self.check_settings()?;
        let deadline = Deadline::after(self.timeouts.connect);
        let key = self.handshake_key()?;
        let events = self.events.for_connection();
        // 6455-4.1-6: the guard is held until the handshake has ended.
        let DialedStream { stream, info, guard: _guard } =
            self.adopt(socket, deadline).inspect_err(|error| events.emit_failed_handshake(error))?;
        self.handshake_once(stream, ConnectionInfo { events, ..info }, key, deadline)
    }
}
