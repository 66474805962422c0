//! The settings of [`Server`]: limits, origins, capacity, hooks. Those of single features are beside their features.

use super::builder::Server;
use super::decision::Decision;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "deflate")]
use crate::deflate::extension::Deflate;
use crate::error::{Result, UsageError};
#[cfg(feature = "trace")]
use crate::events::event::Event;
#[cfg(feature = "trace")]
use crate::events::sink::EventCallback;
use crate::handshake::origin::HostPort;
use crate::http::request::Request;
use crate::http::response::Response;
#[cfg(feature = "native-tls")]
use crate::tls::accept::TlsAccept;

impl Server {
    /// Sets the limits for what each peer may send. Default: [`Limits::server`].
    pub fn limits(mut self, limits: Limits) -> Server {
        self.config.limits = limits;
        self
    }

    /// Limits each message and each frame that a client sends to this number of bytes. Default 1 MiB.
    ///
    /// Sets [`Limits::max_message_size`] and [`Limits::max_frame_size`]; the other limits keep their values.
    #[doc(alias = "max_payload_size")]
    #[doc(alias = "read limit")]
    pub fn max_message_size(mut self, bytes: u64) -> Server {
        self.config.limits.max_message_size = bytes;
        self.config.limits.max_frame_size = bytes;
        self
    }

    /// Accepts message compression (RFC 7692) from clients that offer it. Default: off. [`Deflate`] describes its cost
    /// and its risk for secrets. Feature `deflate`.
    #[cfg(feature = "deflate")]
    #[doc(alias = "permessage-deflate")]
    #[doc(alias = "compression")]
    pub fn deflate(mut self, deflate: Deflate) -> Server {
        self.config.deflate = Some(deflate);
        self
    }

    /// Sets the timeouts of all connections. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.config.timeouts = timeouts;
        self
    }

    /// Calls this event handler for each [`Event`] of the server and its connections, for logs and counters. A second
    /// event handler replaces the first. Feature `trace`.
    ///
    /// It is called on the thread on which the event occurs, which waits for it and holds no lock of this crate. If it
    /// panics, only that event is lost. Frames that it sends itself cause no events, also if a [`Hub`](crate::Hub)
    /// delivers them later.
    #[cfg(feature = "trace")]
    pub fn on_event(mut self, closure: impl Fn(&Event) + Send + Sync + 'static) -> Server {
        self.config.events = EventCallback::new(closure);
        self
    }

    /// Allows pages from this origin, in the form that browsers send: `https://app.example.com`, with the port if it is
    /// not the default one, and without a slash at the end. Can be called several times.
    ///
    /// Pages from the host of the request are always allowed; with TLS (`Server::tls`) only those that came over TLS
    /// (`https`) as well. So are clients without an `Origin`, because they are not browsers (RFC 6455 section 10.2). All
    /// others are answered 403. [`allow_host`](Server::allow_host) states which hosts a request may be for.
    #[doc(alias = "CORS")]
    #[doc(alias = "check_origin")]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Server {
        if let Some(origins) = &mut self.config.origins {
            origins.push(origin.into());
        }
        self
    }

    /// Allows requests for this host: `chat.example.com` with any port, or `127.0.0.1:9001` with this one. IPv6 addresses
    /// stand in brackets. Can be called several times. Default: every host. With a list, a WebSocket or plain HTTP request
    /// for another host is answered 421, before any hook.
    ///
    /// The host of a request is that of `Host`, or of a target that is a URI (RFC 9112 section 3.2.2).
    ///
    /// **Set it on a server that browsers reach on a private address**, such as a tool on `127.0.0.1`. The check of
    /// the origin ([`allow_origin`](Server::allow_origin)) compares the origin of a page with the host of the request, and
    /// DNS rebinding makes both `evil.example`: the page's host name first has the address of its own server, and later
    /// `127.0.0.1`. The event `host-not-checked` is emitted when a server without a list starts on a loopback address.
    ///
    /// # Errors
    /// [`UsageError::Host`] for an entry that is not a host with an optional port.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let server = stdws::Server::bind("127.0.0.1:0")?.allow_host("localhost")?.allow_host("127.0.0.1")?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "DNS rebinding")]
    #[doc(alias = "virtual host")]
    pub fn allow_host(mut self, host: impl Into<String>) -> Result<Server> {
        let host = host.into();
        if HostPort::parse(&host).is_none() {
            return Err(UsageError::Host(host).into());
        }
        self.config.allowed_hosts.push(host);
        Ok(self)
    }

    /// Uses TLS on all accepted connections: the URL is `wss://`. Clients without TLS get no response. The TLS
    /// handshake counts towards [`Timeouts::handshake`]. It does not apply to [`accept_over`](Server::accept_over).
    /// Feature `native-tls`.
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsAccept) -> Server {
        self.config.tls = Some(tls);
        self
    }

    /// Allows pages from all origins.
    ///
    /// **Danger**: any page that a user visits can then open a connection with that user's cookies, and read and write
    /// as that user. Use it only if neither cookies nor the client's address matter to the server.
    pub fn danger_allow_any_origin(mut self) -> Server {
        self.config.origins = None;
        self
    }

    /// Sets the supported subprotocols (RFC 6455 section 1.9). The server selects the first of the client's offer that
    /// it supports. If there is none, the connection opens without one, see
    /// [`WebSocket::subprotocol`](crate::WebSocket::subprotocol).
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Server {
        self.config.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    // ── capacity ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sets the maximum number of simultaneous connections, including opening handshakes: as many as fit the system, at most
    /// `count`. More are answered 503, with `Retry-After`. Default: 16,384.
    ///
    /// The limits of the system can lower it when the server starts. On Linux a connection needs a thread, a
    /// descriptor, and six memory mappings; some of each are reserved for the application. With the usual
    /// `vm.max_map_count` of 65,530 about 10,500 connections fit, and with 1,024 descriptors about 880. For more, raise
    /// the limits of the system, which the chapter [`deploying`](crate::manual::deploying) lists. At least 8
    /// connections are served. On other systems only `count` applies.
    ///
    /// A connection counts until its handler returns. Threads that handlers start count as well: if the process cannot
    /// have another thread, connections are answered 503. If descriptors run out nevertheless, clients wait.
    pub fn max_connections(mut self, count: usize) -> Server {
        self.capacity.connections = count;
        self
    }

    /// Sets the maximum number of simultaneous opening handshakes, including plain HTTP requests. More are answered
    /// 503, with `Retry-After`. Default: 4,096. Where the system fits fewer connections than `max_connections`, at most a
    /// quarter of those.
    ///
    /// It keeps silent peers from using up all connections. [`Timeouts::handshake`] limits how long they may be silent.
    pub fn max_handshakes(mut self, count: usize) -> Server {
        self.capacity.handshakes = count;
        self
    }

    /// Sets the maximum number of simultaneous connections from one address. More are answered 429, with `Retry-After`.
    /// Default: off, because behind a proxy all clients have the same address.
    ///
    /// A peer counts under its address when it connects. Instead of a trusted proxy, the client that it names counts as
    /// soon as it is known: when the header of the PROXY protocol has arrived
    /// ([`trust_proxy_protocol`](Server::trust_proxy_protocol)), or the head of the request
    /// ([`trust_forwarded`](Server::trust_forwarded)). If the proxy names no address, the proxy counts; see
    /// [`Request::client_ip`]. All IPv6 addresses of a /64 network count as one. Peers of a Unix socket have no address and
    /// count only if a proxy names them.
    pub fn max_per_address(mut self, count: usize) -> Server {
        self.capacity.per_address = Some(count);
        self
    }

    /// Sets the stack size of each thread, in bytes. Default: that of `std`, 2 MiB or the environment variable
    /// `RUST_MIN_STACK`.
    ///
    /// A stack is address space, not memory: an idle connection has touched about 10 KiB of it. A smaller stack helps
    /// where address space is limited (32 bits, containers without overcommit). The server needs less than 64 KiB; the
    /// rest is for handlers and hooks. A stack that is too small aborts the process.
    pub fn stack_size(mut self, bytes: usize) -> Server {
        self.stack_size = Some(bytes);
        self
    }

    // ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers plain HTTP requests on the same port, such as pages and health checks. Without this hook they are
    /// answered 426.
    ///
    /// The hook is called for GET and HEAD, also in HTTP/1.0; other methods are answered 405. It runs on the thread of
    /// the connection and sees only the head of the request. Up to 1 MiB of a body is discarded after the response.
    /// Each response closes the connection. Request, hook and response must complete within [`Timeouts::handshake`]. If
    /// the hook panics, the request is answered 500.
    ///
    /// [`allow_origin`](Server::allow_origin) does not apply here: headers of the response control which pages may read
    /// it.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Response, Server};
    /// let server = Server::bind("127.0.0.1:0")?.http(|request| match request.path() {
    ///     "/" => Response::html(200, "<!doctype html><title>Chat</title>"),
    ///     "/health" => Response::text(200, "ok"),
    ///     _ => Response::text(404, "not found"),
    /// });
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(mut self, hook: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        self.config.hooks.http = Some(Box::new(hook));
        self
    }

    /// Decides about each request before the response: accepts it with its own settings, answers it in HTTP (401, 404,
    /// a redirect; RFC 6455 section 4.2.2), or hands the stream over. See [`Decision`].
    ///
    /// The hook is called for valid WebSocket requests from allowed origins, and for plain HTTP/1.x requests of any
    /// method; [`Request::is_websocket`] distinguishes them. It runs on the thread of the connection, and its time
    /// counts towards [`Timeouts::handshake`]. If it panics, the request is answered 500.
    #[doc(alias = "upgrade")]
    #[doc(alias = "router")]
    pub fn on_request(mut self, hook: impl Fn(&Request) -> Decision + Send + Sync + 'static) -> Server {
        self.config.hooks.on_request = Some(Box::new(hook));
        self
    }
}
