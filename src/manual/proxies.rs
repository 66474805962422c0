//! Proxies, exceptions from them, and redirects.
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
//! let by_environment = Client::new("ws://example.com")?.proxy(Proxy::from_env()?);
//! # Ok(())
//! # }
//! ```
//!
//! | | HTTP | SOCKS5 |
//! |---|---|---|
//! | request | CONNECT (RFC 9110 section 9.3.6), also for `ws` (RFC 6455 section 4.1) | CONNECT of RFC 1928 |
//! | added headers | [`Proxy::header`](crate::Proxy::header) | |
//! | TLS to the proxy | `https://` (feature `native-tls`), with `Proxy::tls`; `wss` is then TLS inside TLS | |
//! | user name and password | Basic (RFC 7617), sent with the request; Digest (RFC 7616), with [`Proxy::digest_credentials`](crate::Proxy::digest_credentials) | RFC 1929, sent if the proxy requests it |
//! | name resolution | by the proxy | by the proxy; IP addresses in a URL are sent as addresses |
//! | default port | 80, `https` 443 | 1080 |
//! | not supported | NTLM, Kerberos, automatic configuration (PAC) | GSSAPI, version 4 |
//!
//! Many HTTP proxies allow CONNECT only to port 443. Such a proxy usually rejects `ws` with 403 and accepts `wss`.
//!
//! [`Timeouts::connect`](crate::Timeouts::connect) is one limit for all steps. The error says which step failed:
//!
//! | error | meaning |
//! |---|---|
//! | [`Error::Connect`](crate::Error::Connect), [`is_proxy`](crate::ConnectError::is_proxy) | the proxy is unreachable; the error lists each address with its cause |
//! | [`Error::Proxy`](crate::Error::Proxy) | the proxy did not open the tunnel: [`ProxyErrorKind`](crate::ProxyErrorKind), for HTTP with status, headers and body; 407 has its [`challenges`](crate::ProxyError::challenges) |
//! | [`Error::Tls`](crate::Error::Tls) with the host of the proxy in its text | TLS with an `https` proxy failed |
//! | [`Error::Timeout`](crate::Error::Timeout) with [`Step::Proxy`](crate::Step::Proxy) | the proxy did not answer in time |
//! | [`Error::Handshake`](crate::Error::Handshake) and the others | the tunnel was open; the server is the cause |
//!
//! After the proxy's response, all bytes come from and go to the server, including the headers of
//! [`Client::header`](crate::Client::header). Credentials for the proxy belong to the [`Proxy`](crate::Proxy).
//!
//! Connection attempts to one host name and port wait for each other, as RFC 6455 section 4.1 requires for one address. Attempts to at
//! most 16 names run through proxies at the same time. The addresses of a proxy are attempted as those of a server: chapter
//! [`connecting`](super::connecting).
//!
//! [`Proxy::from_env`](crate::Proxy::from_env) reads `ws_proxy` and `wss_proxy` first. Of the variables that other programs read
//! too, a SOCKS proxy is preferred, then `https_proxy`, then `http_proxy`: the order of RFC 6455 section 4.1.
//!
//! # Exceptions
//!
//! [`Proxy::no_proxy`](crate::Proxy::no_proxy) and the variable `no_proxy` take a list, separated by commas or white space:
//!
//! | entry | covers |
//! |---|---|
//! | `example.com`, `.example.com`, `*.example.com` | `example.com` and every name that ends in `.example.com` |
//! | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address |
//! | `192.0.2.0/24`, `2001:db8::/32` | every address of this network |
//! | `example.com:81`, `192.0.2.1:81`, `[2001:db8::1]:81` | the same, on this port alone |
//! | `*` | everything |
//! | anything else | nothing; `Proxy::no_proxy` returns an error |
//!
//! No name is resolved for this. `localhost` is a name like any other: add it to the list to bypass the proxy.
//!
//! # Redirects
//!
//! Redirects are followed only if [`Client::max_redirects`](crate::Client::max_redirects) allows them.
//!
//! | subject | rule |
//! |---|---|
//! | statuses | 301, 302, 303, 307, 308; the body is not read |
//! | number | as configured, at most 10 |
//! | `Location` | absolute or relative (RFC 3986 section 5); `http` means `ws`, and `https` means `wss` |
//! | from `wss` to `ws` | rejected |
//! | with a user name or password | rejected |
//! | to an earlier URL of the chain | rejected |
//! | to another scheme, host or port | `Authorization`, `Cookie`, `Proxy-Authorization`, the credentials of the URL and the subprotocols are removed for the rest of the chain |
//! | proxy | chosen again for each URL |
//! | time | one limit for the whole chain |
//!
//! A rejected redirect is [`Error::Handshake`](crate::Error::Handshake) with
//! [`ResponseErrorKind::Redirect`](crate::ResponseErrorKind::Redirect). Every failure after a followed redirect is
//! [`Error::Redirect`](crate::Error::Redirect), which lists the URLs of the chain and holds the cause.
