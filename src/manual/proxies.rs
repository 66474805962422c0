//! The way to the server: proxies, exceptions, redirects.
//!
//! # Proxies
//!
//! No proxy is used unless [`Client::proxy`](crate::Client::proxy) is given one.
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use stdws::{Client, Proxy};
//! let by_http = Client::new("ws://example.com")?.proxy(Proxy::http("proxy.example:3128")?);
//! let by_socks = Client::new("ws://example.com")?.proxy(Proxy::new("socks5://me:secret@proxy.example")?);
//! let as_the_system_has_it = Client::new("ws://example.com")?.proxy(Proxy::from_env()?);
//! # Ok(())
//! # }
//! ```
//!
//! | what | HTTP | SOCKS5 |
//! |---|---|---|
//! | how | CONNECT (RFC 9110 section 9.3.6), for `ws` too, as RFC 6455 section 4.1 has it | CONNECT of RFC 1928 |
//! | user name and password | Basic (RFC 7617), sent with the request | RFC 1929, sent if the proxy asks |
//! | who resolves the server's name | the proxy | the proxy; IP addresses in a URL are sent as addresses |
//! | default port | 80 | 1080 |
//! | not there | TLS to the proxy, Digest, NTLM, automatic configuration (PAC) | GSSAPI, version 4 |
//!
//! Many HTTP proxies let CONNECT through to port 443 alone. Such a one refuses `ws`, with 403 as a rule, and takes `wss`.
//!
//! [`Timeouts::connect`](crate::Timeouts::connect) is one limit for all of it. What goes wrong says where:
//!
//! | error | what it means |
//! |---|---|
//! | [`Error::Connect`](crate::Error::Connect), [`is_proxy`](crate::ConnectError::is_proxy) | the proxy cannot be reached; each of its addresses with its cause |
//! | [`Error::Proxy`](crate::Error::Proxy) | it did not open the way: [`ProxyErrorKind`](crate::ProxyErrorKind), for HTTP with status, headers and body; 407 has its [`challenges`](crate::ProxyError::challenges) |
//! | [`Error::Timeout`](crate::Error::Timeout) with [`Step::Proxy`](crate::Step::Proxy) | it took too long |
//! | [`Error::Handshake`](crate::Error::Handshake) and the others | the way was open, and the server is the cause |
//!
//! From the last byte of the proxy's answer on, all that comes is the server's. What goes there is the server's as well, the
//! headers of [`Client::header`](crate::Client::header) among it: credentials for the proxy belong to the [`Proxy`](crate::Proxy).
//!
//! Connections being opened to one name wait for each other, as RFC 6455 section 4.1 wants it for one address, and at most 16
//! names at a time are connected to through proxies.
//!
//! # Without the proxy
//!
//! [`Proxy::no_proxy`](crate::Proxy::no_proxy) and the variable `no_proxy` take a list; commas or white space stand between its
//! entries:
//!
//! | entry | covers |
//! |---|---|
//! | `example.com`, `.example.com`, `*.example.com` | `example.com` and every name that ends in `.example.com` |
//! | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address |
//! | `192.0.2.0/24`, `2001:db8::/32` | every address of this network |
//! | `example.com:81`, `192.0.2.1:81`, `[2001:db8::1]:81` | the same, on this port alone |
//! | `*` | everything |
//! | anything else | nothing |
//!
//! No name is resolved for this, and `localhost` is a name like any other: who wants it without the proxy says so.
//!
//! # Redirects
//!
//! None is followed unless [`Client::max_redirects`](crate::Client::max_redirects) allows it.
//!
//! | what | rule |
//! |---|---|
//! | statuses | 301, 302, 303, 307, 308; the body is not read |
//! | how many | as many as asked for, at most 10 |
//! | `Location` | absolute or relative (RFC 3986 section 5); `http` means `ws`, and `https` means `wss` |
//! | from `wss` to one without TLS | refused |
//! | with a user name or password in it | refused |
//! | back to a URL that led on | refused |
//! | to another scheme, host or port | `Authorization`, `Cookie`, `Proxy-Authorization` and the URL's credentials stay behind, and do not come back |
//! | proxy | chosen anew for each URL |
//! | time | one limit for all of it |
//!
//! A redirect that is refused is [`Error::Handshake`](crate::Error::Handshake) with
//! [`HandshakeErrorKind::Redirect`](crate::HandshakeErrorKind::Redirect). Whatever goes wrong after one was followed is
//! [`Error::Redirect`](crate::Error::Redirect): it names each URL on the way and holds the cause.
