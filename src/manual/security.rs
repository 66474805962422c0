//! Security: which attacks are prevented, and what remains your task.
//!
//! | danger | defence |
//! |---|---|
//! | a peer causes large allocations | limits apply before authentication, to heads too ([`Limits`](crate::Limits)); buffers grow only with received bytes |
//! | a silent or slow peer holds a thread | every wait for a peer is bounded: [`Timeouts`](crate::Timeouts) |
//! | responsive peers occupy all threads | [`Server::max_connections`](crate::Server::max_connections), [`max_per_address`](crate::Server::max_per_address) |
//! | so many threads that the system aborts the process | the number of connections is at most what the limits of the system allow |
//! | silent peers occupy all threads | [`Server::max_handshakes`](crate::Server::max_handshakes), [`Timeouts::handshake`](crate::Timeouts::handshake) |
//! | members of a [`Hub`](crate::Hub) that do not read | a bounded queue for each; other members are not delayed |
//! | endless Pings | up to 8 KiB of answers are queued; beyond that only the latest Ping is answered |
//! | a page of another site opens a connection with the user's cookies | only same-host origins are accepted unless others are allowed, and over TLS only pages that came over TLS; `danger_allow_any_origin` removes the check |
//! | DNS rebinding: a page of another site whose host name becomes an address of yours | [`Server::allow_host`](crate::Server::allow_host): other hosts are answered 421. **Off by default**; the event `host-not-checked` names a server on a loopback address without it |
//! | decompression bombs | limits apply to the decompressed size, during decompression |
//! | compressed lengths that reveal secrets (CRIME, BREACH) | compression is off by default; `send_uncompressed` exempts single messages |
//! | predictable masking keys | a new key for each frame from the system's random source (outside Unix, from a secret of the system, see [`Client::random_source`](crate::Client::random_source)); if the source fails, nothing is sent |
//! | header injection | values with CR, LF, NUL, control or non-ASCII characters are rejected before anything is sent |
//! | request smuggling by lenient parsing | only CRLF ends a line; no folded fields, no control characters, no repeated single fields |
//! | drafts of the protocol without masking or without proof | only RFC 6455 is accepted unless other versions are named (feature `legacy`) |
//! | terminal control sequences | `Display` of messages and reasons escapes them |
//! | redirects that forward credentials or remove TLS | redirects are followed only when enabled; credentials are not sent to another origin, and `wss` never becomes `ws` |
//! | a CGI request that sets the proxy (httpoxy) | only [`Proxy::from_env`](crate::Proxy::from_env) reads the environment, and it ignores `HTTP_PROXY` |
//! | secrets in logs | header values, queries, passwords of URLs and proxies, and subprotocols that may be tokens do not appear in `Debug`, errors, events or explanations |
//! | timing attacks on passwords and tokens | [`Credentials::matches`](crate::Credentials::matches), [`constant_time_eq`](crate::constant_time_eq) |
//! | clients that forge the headers of proxies | a header is used only if it comes from the address of a trusted proxy; if it cannot be read, the client is unknown |
//!
//! Your tasks: authenticate peers, validate the content of messages, do not show Close reasons to end users (RFC 6455 section
//! 5.5.1), and use TLS on networks that are not yours. A client that is not a browser can send any Origin (RFC 6455 section 10.1).
//! The check of the Origin protects the users of browsers, not the server.
//!
//! # Authentication
//!
//! | with | client | server |
//! |---|---|---|
//! | user name and password (RFC 7617) | [`Client::basic_auth`](crate::Client::basic_auth), [`basic_auth_bytes`](crate::Client::basic_auth_bytes), or in the URL | [`Server::basic_auth`](crate::Server::basic_auth) |
//! | the same, without sending the password (Digest, RFC 7616) | [`Client::digest_auth`](crate::Client::digest_auth) | not offered |
//! | a token (RFC 6750) | [`Client::header`](crate::Client::header) `Authorization: Bearer ...` | [`Request::bearer_token`](crate::Request::bearer_token) |
//! | a cookie (RFC 6265) | [`Client::cookie`](crate::Client::cookie) | [`Request::cookie`](crate::Request::cookie) |
//!
//! [`Server::basic_auth`](crate::Server::basic_auth) protects the whole server. For everything else,
//! [`Server::on_request`](crate::Server::on_request) decides before the connection opens:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! # let token = "2YotnFZFEjr1zCsicMWpAA";
//! use stdws::{constant_time_eq, Client, Decision, Response, Server};
//! let server = Server::bind("127.0.0.1:0")?.on_request(move |request| {
//!     match request.bearer_token().is_some_and(|given| constant_time_eq(given, token)) {
//!         true => Decision::accept(),
//!         false => Response::empty(401).with_header("WWW-Authenticate", "Bearer").into(),
//!     }
//! });
//! let server = server.start(|mut ws| ws.send("welcome"))?;
//! let client = Client::new(&server.url())?;
//! assert!(client.connect().is_err());
//! client.header("Authorization", &format!("Bearer {token}"))?.connect()?;
//! # Ok(())
//! # }
//! ```
//!
//! A rejected client reads the requested schemes from [`HandshakeError::challenges`](crate::HandshakeError::challenges). Pages in a browser
//! cannot set headers of a WebSocket request, but browsers send the site's cookies. A server that authenticates by cookies must
//! therefore check the Origin. Without TLS, anyone on the network path can read credentials.
//!
//! # Behind proxies
//!
//! Behind a proxy every connection comes from the proxy. [`Request::client_ip`](crate::Request::client_ip) returns the client's address
//! once the server trusts the proxy:
//!
//! | the proxy sends | setting of the server |
//! |---|---|
//! | the PROXY protocol (HAProxy `send-proxy-v2`, load balancers) | [`Server::trust_proxy_protocol`](crate::Server::trust_proxy_protocol) |
//! | `X-Forwarded-For` (nginx, most others) | [`Server::trust_x_forwarded_for`](crate::Server::trust_x_forwarded_for) |
//! | `Forwarded` (RFC 7239) | [`Server::trust_forwarded`](crate::Server::trust_forwarded) |
//!
//! Trust only the header that your proxy writes itself. A proxy that writes `X-Forwarded-For` forwards a `Forwarded` header of the
//! client, and vice versa. A proxy should replace such headers. `examples/deploy` has configurations for nginx and HAProxy.
