//! What is defended against, and what is your duty.
//!
//! | danger | what is done |
//! |---|---|
//! | a peer decides how much memory is used | limits, on before anyone is authenticated; buffers grow with what has arrived |
//! | a silent or slow peer holds a thread | every wait for it has a bound: [`Timeouts`](crate::Timeouts) |
//! | peers that are alive hold all threads | [`Server::max_connections`](crate::Server::max_connections), [`max_per_address`](crate::Server::max_per_address) |
//! | peers bring the process to a thread that cannot start | the number of connections is capped to what fits the limits of the system |
//! | peers that say nothing hold all threads | [`Server::max_handshakes`](crate::Server::max_handshakes), [`Timeouts::handshake`](crate::Timeouts::handshake) |
//! | members of a [`Hub`](crate::Hub) that do not read | a bounded backlog each; others are not delayed |
//! | Pings without end | each is answered until 8 KiB of answers wait; beyond that only the newest |
//! | a page of another site opens a connection with the user's cookies | same-host Origin unless allowed; `danger_allow_any_origin` has its name for a reason |
//! | a small message that stands for a huge one | limits count what comes out of decompression, while it comes out |
//! | lengths that tell secrets (CRIME, BREACH) | compression is off unless asked for; `send_uncompressed` for single messages |
//! | masking keys that can be guessed | a fresh one for each frame, from the system's random source (outside Unix, from a secret of its, see [`Client::random_source`](crate::Client::random_source)); without it nothing is sent |
//! | headers with line breaks | CR, LF, NUL, control characters and what is not ASCII are refused before anything is sent |
//! | request smuggling by lenient parsing | CRLF only, no folding, no control characters, single fields once |
//! | drafts of the protocol that do not mask, or prove nothing | RFC 6455 alone is spoken, unless others are named (feature `legacy`) |
//! | control sequences for the terminal | `Display` of messages and reasons escapes them |
//! | a redirect that takes credentials elsewhere, or TLS away | none is followed unless asked for; then credentials stay behind, and `wss` stays `wss` |
//! | a client of a CGI program that sets its proxy (httpoxy) | the environment is read only by [`Proxy::from_env`](crate::Proxy::from_env), and there `HTTP_PROXY` is not |
//! | secrets in logs | Authorization, Cookie and the passwords of URLs and proxies never appear in `Debug`, errors or traces |
//! | passwords and tokens guessed byte by byte, by time | [`Credentials::matches`](crate::Credentials::matches), [`constant_time_eq`](crate::constant_time_eq) |
//! | clients that claim another address, by headers of proxies | none is believed unless the proxy's own address is trusted, and only as far as it is |
//!
//! Your duty: authenticate; check what messages say; keep Close reasons from end users (RFC 6455 section 5.5.1); use TLS where the
//! network is not yours. A client that is not a browser can send any Origin it likes (RFC 6455 section 10.1): the check protects
//! browsers' users, not the server.
//!
//! # Who may come in
//!
//! | by | client | server |
//! |---|---|---|
//! | user name and password (RFC 7617) | [`Client::basic_auth`](crate::Client::basic_auth), or in the URL | [`Server::basic_auth`](crate::Server::basic_auth) |
//! | a token (RFC 6750) | [`Client::header`](crate::Client::header) `Authorization: Bearer ...` | [`Request::bearer_token`](crate::Request::bearer_token) |
//! | a cookie (RFC 6265) | [`Client::cookie`](crate::Client::cookie) | [`Request::cookie`](crate::Request::cookie) |
//!
//! Basic for the whole server is one line. Everything else is decided in [`Server::on_request`](crate::Server::on_request), before the
//! connection is open:
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
//! A client that is refused finds in the error what is asked for: [`HandshakeError::challenges`](crate::HandshakeError::challenges). Pages in a
//! browser cannot send headers with a WebSocket, but they send the site's cookies, which is why a server that looks at cookies
//! must look at the Origin too. Without TLS all of this can be read on the way.
//!
//! # Behind proxies
//!
//! There every connection comes from the proxy. [`Request::client_ip`](crate::Request::client_ip) tells the client's address once
//! the server knows whom to believe:
//!
//! | the proxy says it by | the server |
//! |---|---|
//! | the PROXY protocol (HAProxy `send-proxy-v2`, load balancers) | [`Server::trust_proxy_protocol`](crate::Server::trust_proxy_protocol) |
//! | `X-Forwarded-For` (nginx, most others) | [`Server::trust_x_forwarded_for`](crate::Server::trust_x_forwarded_for) |
//! | `Forwarded` (RFC 7239) | [`Server::trust_forwarded`](crate::Server::trust_forwarded) |
//!
//! Trust only what your proxy writes itself: a proxy that writes `X-Forwarded-For` passes on a `Forwarded` of the client's, and the other
//! way round. A proxy should replace what comes from outside. `examples/deploy` has configurations for nginx and HAProxy.
