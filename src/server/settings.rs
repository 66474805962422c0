//! The settings of a server: how much, how long, and with whom.

use super::builder::Server;
use super::decision::Decision;
use crate::config::{Limits, Timeouts};
#[cfg(feature = "deflate")]
use crate::deflate::extension::Deflate;
#[cfg(feature = "trace")]
use crate::events::event::Event;
use crate::events::sink::EventCallback;
use crate::http::request::Request;
use crate::http::response::Response;
#[cfg(feature = "native-tls")]
use crate::tls::config::TlsAccept;

impl Server {
    /// How much each peer may send. Default: [`Limits::server`].
    pub fn limits(mut self, limits: Limits) -> Server {
        self.config.limits = limits;
        self
    }

    /// Limits each message and each frame that a client sends to this number of bytes. Default 1 MiB.
    ///
    /// Sets [`Limits::max_message_size`] and [`Limits::max_frame_size`]; the other limits keep their values.
    pub fn max_message_size(mut self, bytes: u64) -> Server {
        self.config.limits.max_message_size = bytes;
        self.config.limits.max_frame_size = bytes;
        self
    }

    /// Agrees to compress messages (RFC 7692) with clients that offer it. Off unless given; see [`Deflate`] for what it
    /// costs and what it gives away.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, deflate: Deflate) -> Server {
        self.config.deflate = Some(deflate);
        self
    }

    /// How long anything may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.config.timeouts = timeouts;
        self
    }

    /// Tells this closure what happens on this server's connections and at its door: for logs and counters. See [`Event`]
    /// for what it is told. A second closure takes the place of the first.
    ///
    /// It is called on the thread on which something happens, which waits for it; nothing of ours is locked meanwhile. If it
    /// panics, that event is lost and nothing else: the panic ends there. If it uses connections itself, the
    /// frames that it sends are not told, also those that a [`Hub`](crate::Hub) delivers later. What peers do then is told.
    #[cfg(feature = "trace")]
    pub fn on_event(mut self, closure: impl Fn(&Event) + Send + Sync + 'static) -> Server {
        self.config.events = EventCallback::new(closure);
        self
    }

    /// Also lets in pages from this origin, written as browsers write it: `https://app.example.com`, with the port if it
    /// is not the usual one, and without a slash at the end. Can be called several times.
    ///
    /// Pages from the host that is asked are always let in, and so are clients that send no `Origin`, because those are no
    /// browsers (RFC 6455 section 10.2). All others are answered 403.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Server {
        if let Some(origins) = &mut self.config.origins {
            origins.push(origin.into());
        }
        self
    }

    /// Speaks TLS with everyone who connects: the URL is `wss://`. Who does not speak TLS gets no answer. The handshake
    /// counts against [`Timeouts::handshake`]. [`accept_over`](Server::accept_over) is not concerned: its stream is the
    /// caller's.
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsAccept) -> Server {
        self.config.tls = Some(tls);
        self
    }

    /// Lets in pages from everywhere.
    ///
    /// **Danger**: any page that a user visits can then open a connection with that user's cookies, and read and write
    /// as that user. Fit only for servers that do not look at cookies, nor at the address a connection comes from.
    pub fn danger_allow_any_origin(mut self) -> Server {
        self.config.origins = None;
        self
    }

    /// The subprotocols spoken here (RFC 6455 section 1.9). Of those that a client offers, the first that is among them is
    /// agreed on; if there is none, the connection is open without one, see [`WebSocket::subprotocol`](crate::WebSocket::subprotocol).
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Server {
        self.config.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    // ── capacity ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Maximum number of connections at a time, including those in the opening handshake: as many as fit the system, and at
    /// most `count`. More are answered 503, with `Retry-After`. Default: 16,384.
    ///
    /// How many fit is computed when the server starts, also for a `count` given here. On Linux a connection needs a thread,
    /// a descriptor, and six memory mappings; some of each are reserved for the application. With the usual
    /// `vm.max_map_count` of 65,530 some 10,500 connections fit, and with 1,024 descriptors some 880. For more, raise the
    /// limits of the system; the chapter [`deploying`](crate::manual::deploying) lists them. At least 8 are served. On other
    /// systems only `count` holds.
    ///
    /// A connection counts until its handler returns. Threads that handlers start count too: where the process has as many
    /// as fit, connections are answered 503. If descriptors run out nevertheless, clients wait.
    pub fn max_connections(mut self, count: usize) -> Server {
        self.capacity.connections = count;
        self
    }

    /// So many opening handshakes at a time, plain HTTP requests included. More are answered 503, with `Retry-After`.
    /// Default: 4,096.
    ///
    /// It keeps peers that connect and say nothing from taking all places. How long they may say nothing, the deadline
    /// [`Timeouts::handshake`](crate::Timeouts::handshake) says.
    pub fn max_handshakes(mut self, count: usize) -> Server {
        self.capacity.handshakes = count;
        self
    }

    /// So many connections at a time from one address. More are answered 429, with `Retry-After`. Off unless given, because
    /// behind a proxy everybody comes from one address.
    ///
    /// What counts is [`Request::client_ip`](crate::Request::client_ip): proxies that are trusted
    /// ([`trust_proxy_protocol`](Server::trust_proxy_protocol), [`trust_forwarded`](Server::trust_forwarded)) do not count themselves, but
    /// those whom they name, and those only when their request is here. All others count when they connect. An IPv6 address
    /// counts with all of its network of 64 bits. A Unix socket has no addresses, and no such limit but for whom a proxy
    /// names.
    pub fn max_per_address(mut self, count: usize) -> Server {
        self.capacity.per_address = Some(count);
        self
    }

    /// The stack of each thread, in bytes. Default: what `std` takes, 2 MiB, or `RUST_MIN_STACK` of the environment.
    ///
    /// It is address space, not memory: a connection that waits has touched some 10 KiB of it, and more only if its handler
    /// did. Less is of use where address space is counted (32 bits, containers that forbid overcommitting); the server itself
    /// needs less than 64 KiB, the rest is for handlers and hooks. One that is too small ends the whole process.
    pub fn stack_size(mut self, bytes: usize) -> Server {
        self.stack_size = Some(bytes);
        self
    }

    // ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers what does not ask for a WebSocket: pages, health checks, on the same port. Without this it is answered 426.
    ///
    /// The hook is asked about GET and HEAD, over HTTP/1.0 too; other methods are answered 405. It is called in the thread of
    /// the connection, and sees the head of the request alone: a body is never given to it, and up to 1 MiB of one is dropped
    /// after the answer. After each answer the connection is closed. All of it, with the time the hook takes, has to be over
    /// within [`Timeouts::handshake`](crate::Timeouts::handshake). A hook that panics is answered 500.
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
        self.config.hooks.http = Some(Box::new(hook));
        self
    }

    /// Decides about each request before it is answered: accepts it with settings of its own, answers it in HTTP (401, a
    /// redirect, 404; RFC 6455 section 4.2.2), or hands the stream over. See [`Decision`].
    ///
    /// The hook is asked about WebSocket requests that are in order and whose Origin is allowed, and about everything else that is
    /// a request of HTTP/1.x, of any method; [`Request::is_websocket`] tells them apart. It is called in the thread of the
    /// connection, and its time counts towards [`Timeouts::handshake`](crate::Timeouts::handshake). A hook that panics is answered 500.
    pub fn on_request(mut self, hook: impl Fn(&Request) -> Decision + Send + Sync + 'static) -> Server {
        self.config.hooks.on_request = Some(Box::new(hook));
        self
    }
}
