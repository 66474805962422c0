//! Proxies: selects the proxy for a URL, if any, and connects through it.
//!
//! | file | subject |
//! |---|---|
//! | here | [`Proxy`], the server that it selects for a URL, TCP to that server |
//! | `http_connect` | HTTP CONNECT |
//! | `socks`, `socks_messages` | SOCKS5: the exchange on the stream, and its bytes |
//! | `environment` | the environment variables for proxies |
//! | `no_proxy` | hosts that are connected to directly |
//! | `client` | the setting of [`Client`](crate::Client) |
//!
//! Must not know TLS or the opening handshake: the proxy is read up to its last byte, and the next byte is the
//! server's.

mod client;
mod environment;
mod http_connect;
mod no_proxy;
mod socks;
mod socks_messages;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::auth::basic;
use crate::error::{Error, ProxyError, ProxyErrorKind, Result, Step, UriErrorKind, UsageError};
use crate::handshake::uri::{Authority, Uri, Userinfo};
use crate::net::connect_guard::{AttemptState, ConnectGuard, ConnectTarget, Queueing};
use crate::net::deadline::Deadline;
use crate::net::deadline_io::DeadlineIo;
use crate::net::dial::{self as tcp, Connected, Endpoint};
use no_proxy::NoProxy;

/// The proxy settings for [`Client::proxy`](crate::Client::proxy): HTTP CONNECT (RFC 9110 section 9.3.6) or SOCKS
/// version 5 (RFC 1928). Feature `proxy`.
///
/// Both carry `ws` and `wss`, and with both the proxy resolves the host name of the server. User name and password are
/// sent to the proxy only, unencrypted. `Debug` and errors never show them.
///
/// The manual has the rules in its chapter [`proxies`](crate::manual::proxies).
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use stdws::{Client, Proxy};
/// let proxy = Proxy::http("proxy.example:3128")?.credentials("me", "secret")?.no_proxy("localhost, .intern.example")?;
/// let client = Client::new("ws://example.com/feed")?.proxy(proxy);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Proxy {
    ws: Option<ProxyServer>,
    wss: Option<ProxyServer>,
    no_proxy: NoProxy,
}

/// One proxy server.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    scheme: Scheme,
    host: String,
    /// The zone of an IPv6 address.
    zone: Option<String>,
    port: u16,
    userinfo: Option<Userinfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Socks5,
}

impl Proxy {
    /// A proxy from its URL, such as `http://user:password@proxy.example:3128` or `socks5://proxy.example`.
    ///
    /// `socks5h` and `socks` mean `socks5`; no scheme means `http`. Default ports are 80 for HTTP and 1080 for SOCKS.
    /// Reserved characters in user name and password are percent-encoded.
    ///
    /// # Errors
    /// - [`UsageError::ProxyUrl`] if the URL is invalid or its scheme is not supported;
    /// - [`UsageError::ProxyCredentials`] as for [`credentials`](Proxy::credentials).
    pub fn new(url: &str) -> Result<Proxy> {
        ProxyServer::parse(url)
            .map_err(|kind| UsageError::ProxyUrl(kind, None))?
            .validated()
            .map(Proxy::for_both_schemes)
    }

    /// An HTTP proxy at `host` or `host:port`. Default port 80.
    ///
    /// # Errors
    /// [`UsageError::ProxyUrl`] if the address is neither.
    pub fn http(address: &str) -> Result<Proxy> {
        Proxy::new(&format!("http://{address}"))
    }

    /// A SOCKS5 proxy at `host` or `host:port`. Default port 1080.
    ///
    /// # Errors
    /// [`UsageError::ProxyUrl`] if the address is neither.
    pub fn socks5(address: &str) -> Result<Proxy> {
        Proxy::new(&format!("socks5://{address}"))
    }

    /// Sets user name and password for the proxy, in place of those in its URL.
    ///
    /// HTTP: Basic (RFC 7617), sent with the request. SOCKS5: RFC 1929, sent when the proxy selects this method.
    ///
    /// # Errors
    /// [`UsageError::ProxyCredentials`] for HTTP if the user name has a colon or either has a control character; for
    /// SOCKS5 if either is empty or longer than 255 bytes.
    pub fn credentials(mut self, user: &str, password: &str) -> Result<Proxy> {
        for server in [&mut self.ws, &mut self.wss].into_iter().flatten() {
            server.userinfo = Some(Userinfo { user: user.into(), password: password.into() });
            *server = server.clone().validated()?;
        }
        Ok(self)
    }

    /// Adds hosts that are connected to directly. The list has the syntax of the variable `no_proxy`, which the chapter
    /// [`proxies`](crate::manual::proxies) describes.
    ///
    /// # Errors
    /// [`UsageError::NoProxy`] with the first invalid entry.
    pub fn no_proxy(mut self, hosts: &str) -> Result<Proxy> {
        self.no_proxy.add(hosts).map_err(UsageError::NoProxy)?;
        Ok(self)
    }

    fn for_both_schemes(server: ProxyServer) -> Proxy {
        Proxy { ws: Some(server.clone()), wss: Some(server), no_proxy: NoProxy::default() }
    }

    /// The proxy for this URL. `None`: a direct connection.
    pub(crate) fn server_for(&self, uri: &Uri) -> Option<&ProxyServer> {
        let server = if uri.is_secure() { &self.wss } else { &self.ws };
        server.as_ref().filter(|_| !self.no_proxy.matches(uri.host(), uri.port()))
    }
}

/// Without credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("ws", &self.ws).field("wss", &self.wss).field("no_proxy", &self.no_proxy).finish()
    }
}

impl ProxyServer {
    fn parse(url: &str) -> Result<ProxyServer, UriErrorKind> {
        let (name, rest) = url.split_once("://").unwrap_or(("http", url));
        let scheme = match name.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "socks5" | "socks5h" | "socks" => Scheme::Socks5,
            _ => return Err(UriErrorKind::ProxyScheme),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(rest, "" | "/") {
            return Err(UriErrorKind::ProxyPath);
        }
        let Authority { host, zone, port, userinfo } = Authority::parse(authority)?;
        let default = match scheme {
            Scheme::Http => 80,
            Scheme::Socks5 => 1080,
        };
        Ok(ProxyServer { scheme, host, zone, port: port.unwrap_or(default), userinfo })
    }

    /// Checks that the credentials can be sent.
    fn validated(self) -> Result<ProxyServer> {
        let valid = match (&self.userinfo, self.scheme) {
            (None, _) => true,
            (Some(userinfo), Scheme::Http) => basic::userinfo_credentials(userinfo).is_ok(),
            (Some(userinfo), Scheme::Socks5) => socks::credentials(userinfo).is_some(),
        };
        valid.then_some(self).ok_or(UsageError::ProxyCredentials.into())
    }

    /// Connects to the proxy, and through it to this host (6455-4.1-10). The next byte of the socket is the server's.
    pub(crate) fn connect_to(
        &self,
        host: &str,
        port: u16,
        queueing: Queueing,
        deadline: Deadline,
    ) -> Result<Connected> {
        let guard = match connect_target(host, port, queueing) {
            Some(target) => Some(
                ConnectGuard::acquire(target, deadline, &AttemptState::default())
                    .ok_or(Error::Timeout(Step::ConnectQueue))?,
            ),
            None => None,
        };
        let endpoint = Endpoint { host: &self.host, zone: self.zone.as_deref(), port: self.port };
        let socket = tcp::connect_to_proxy(endpoint, deadline)?;
        let session =
            ProxySession { io: DeadlineIo::new(&socket, deadline), server: self, target: tcp::host_port(host, port) };
        match self.scheme {
            Scheme::Http => http_connect::negotiate(&session)?,
            Scheme::Socks5 => socks::negotiate(&session, host, port)?,
        }
        Ok((socket, guard))
    }
}

/// 6455-4.1-8: the name stands for the server, whose address only the proxy knows.
fn connect_target(host: &str, port: u16, queueing: Queueing) -> Option<ConnectTarget> {
    match host.parse() {
        Ok(ip) => ConnectTarget::address(SocketAddr::new(ip, port), queueing),
        Err(_) => ConnectTarget::name(host, port, queueing),
    }
}

/// Without credentials.
impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", tcp::host_port(&self.host, self.port))
    }
}

/// An open connection to a proxy, before it connects to the server.
struct ProxySession<'a> {
    io: DeadlineIo<'a>,
    server: &'a ProxyServer,
    /// `host:port`
    target: String,
}

impl ProxySession<'_> {
    /// 6455-4.1-13
    fn proxy_error(&self, kind: ProxyErrorKind) -> ProxyError {
        ProxyError::new(kind, tcp::host_port(&self.server.host, self.server.port), self.target.clone())
    }

    fn io_error(&self, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => Error::Proxy(self.proxy_error(ProxyErrorKind::UnexpectedEof)),
            ErrorKind::TimedOut => Error::Timeout(Step::Proxy),
            _ => Error::io(Step::Proxy, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_urls() {
        let rows = [
            ("http://p", Ok("http://p:80")),
            ("http://p:3128/", Ok("http://p:3128")),
            ("HTTP://P.Example:1", Ok("http://p.example:1")),
            ("p:3128", Ok("http://p:3128")),
            ("p", Ok("http://p:80")),
            ("u:w@p:1", Ok("http://p:1")),
            ("http://[2001:db8::1]:3128", Ok("http://[2001:db8::1]:3128")),
            ("[::1]", Ok("http://[::1]:80")),
            ("socks5://p", Ok("socks5://p:1080")),
            ("socks5h://u:w@p:9050", Ok("socks5://p:9050")),
            ("socks://p/", Ok("socks5://p:1080")),
            ("https://p", Err(UriErrorKind::ProxyScheme)),
            ("socks4://p", Err(UriErrorKind::ProxyScheme)),
            ("ws://p", Err(UriErrorKind::ProxyScheme)),
            ("://p", Err(UriErrorKind::ProxyScheme)),
            ("http://p/path", Err(UriErrorKind::ProxyPath)),
            ("http://p?q", Err(UriErrorKind::ProxyPath)),
            ("http://p#f", Err(UriErrorKind::ProxyPath)),
            ("", Err(UriErrorKind::MissingHost)),
            ("http://", Err(UriErrorKind::MissingHost)),
            ("http://:80", Err(UriErrorKind::MissingHost)),
            ("http://p:0", Err(UriErrorKind::Port)),
            ("http://p:http", Err(UriErrorKind::Port)),
            ("http://a b", Err(UriErrorKind::InvalidHostCharacter)),
            ("http://p\r\n", Err(UriErrorKind::InvalidHostCharacter)),
            ("http://u%zz@p", Err(UriErrorKind::Userinfo)),
        ];
        for (url, expected) in rows {
            let server = ProxyServer::parse(url).map(|server| format!("{server:?}"));
            assert_eq!(server.as_deref().map_err(|kind| *kind), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_checked_at_once_and_never_shown() {
        let proxy = Proxy::new("http://somebody:S3CRET@p:1").unwrap();
        assert!(!format!("{proxy:?}").contains("S3CRET") && !format!("{proxy:?}").contains("somebody"));
        let shown = format!("{:?}", Proxy::socks5("p").unwrap().credentials("somebody", "S3CRET").unwrap());
        assert!(!shown.contains("S3CRET") && !shown.contains("somebody"), "{shown}");

        let wrong = |result: Result<Proxy>| matches!(result, Err(Error::Usage(UsageError::ProxyCredentials)));
        // 7617-2-s4, 7617-2-4
        for (user, password) in [("a:b", "c"), ("a\r\n", "c"), ("a", "\0")] {
            assert!(wrong(Proxy::http("p").unwrap().credentials(user, password)), "{user:?}");
        }
        assert!(wrong(Proxy::new("http://a%3Ab:c@p")));
        // 1929-2-1
        for (user, password) in [("", "c"), ("a", ""), (&"x".repeat(256), "c")] {
            assert!(wrong(Proxy::socks5("p").unwrap().credentials(user, password)), "{user:?}");
        }
        assert!(wrong(Proxy::new("socks5://a@p")));
        assert!(Proxy::socks5("p").unwrap().credentials("a:b", "\0").is_ok());
    }

    #[test]
    fn each_scheme_has_its_proxy_and_no_proxy_hosts_have_none() {
        let vars = [("ws_proxy", "one"), ("wss_proxy", "socks5://two"), ("no_proxy", "near.example")];
        let lookup = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        let proxy = Proxy::from_vars(lookup).unwrap().no_proxy("also.example:81").unwrap();
        let chosen = |url: &str| proxy.server_for(&Uri::parse(url).unwrap()).map(|server| format!("{server:?}"));
        let error = proxy.clone().no_proxy("h, 10.0.0.0/33").unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::NoProxy(entry)) if entry == "10.0.0.0/33"), "{error:?}");
        assert_eq!(chosen("ws://h").as_deref(), Some("http://one:80"));
        assert_eq!(chosen("wss://h").as_deref(), Some("socks5://two:1080"));
        assert_eq!(chosen("ws://near.example"), None);
        assert_eq!(chosen("wss://a.near.example:1"), None);
        assert_eq!(chosen("ws://also.example:81"), None);
        assert!(chosen("ws://also.example").is_some());
    }
}
