//! Proxies: which one a URL goes through, if any, and having it open the way.
//!
//! ```text
//! Proxy        which of its servers for this URL (ws, wss, exceptions)
//! Server       TCP to it, then connect (HTTP) or socks: what it says up to the last byte before the server's first
//! environment  the variables that name proxies
//! bypass       the hosts that need none
//! ```

mod bypass;
mod connect;
mod environment;
mod socks;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::TcpStream;

use crate::error::{Error, Misuse, ProxyError, ProxyFault, Result, Step, UriFault};
use crate::transport::connect as tcp;
use crate::transport::deadline::Deadline;
use crate::transport::exact::Exact;
use crate::wire::uri::{Authority, Uri, Userinfo};
use bypass::Bypass;

/// A proxy, or several, for [`Client::proxy`](crate::Client::proxy): HTTP with CONNECT (RFC 9110 section 9.3.6), or SOCKS
/// version 5 (RFC 1928).
///
/// Both carry `ws` and `wss`, and with both it is the proxy that resolves the server's name. User name and password go to
/// the proxy alone; over TCP, so whoever listens between here and there can read them. `Debug` and errors never show them.
///
/// The chapter [`proxies`](crate::manual::proxies) of the manual has the rules.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// use stdws::{Client, Proxy};
/// let proxy = Proxy::http("proxy.example:3128")?.credentials("me", "secret")?.except("localhost, .intern.example");
/// let client = Client::new("ws://example.com/feed")?.proxy(proxy);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Proxy {
    ws: Option<Server>,
    wss: Option<Server>,
    except: Bypass,
}

/// One proxy.
#[derive(Clone)]
pub(crate) struct Server {
    kind: Kind,
    host: String,
    port: u16,
    userinfo: Option<Userinfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// From a URL: `http://user:password@proxy.example:3128` or `socks5://proxy.example`. `socks5h` and `socks` mean
    /// `socks5`, and no scheme means `http`. Without a port it is 80 for HTTP and 1080 for SOCKS. What is not plain in user
    /// name and password is percent-encoded.
    ///
    /// # Errors
    /// [`Misuse::Proxy`] for a URL that cannot be used, [`Misuse::ProxyCredentials`] for a user name or password that cannot
    /// be sent.
    pub fn new(url: &str) -> Result<Proxy> {
        Server::parse(url).map_err(|fault| Misuse::Proxy(fault, None))?.checked().map(Proxy::always)
    }

    /// An HTTP proxy at `host` or `host:port`. Default port 80.
    ///
    /// # Errors
    /// [`Misuse::Proxy`] if it is not that.
    pub fn http(address: &str) -> Result<Proxy> {
        Proxy::new(&format!("http://{address}"))
    }

    /// A SOCKS5 proxy at `host` or `host:port`. Default port 1080.
    ///
    /// # Errors
    /// [`Misuse::Proxy`] if it is not that.
    pub fn socks5(address: &str) -> Result<Proxy> {
        Proxy::new(&format!("socks5://{address}"))
    }

    /// A user name and a password for the proxy, in place of any in its URL. HTTP: Basic (RFC 7617), sent with the request.
    /// SOCKS5: RFC 1929, sent when the proxy asks for it.
    ///
    /// # Errors
    /// [`Misuse::ProxyCredentials`] for what cannot be sent: for HTTP a colon in the name and control characters, for
    /// SOCKS5 an empty part or one of more than 255 bytes.
    pub fn credentials(mut self, user: &str, password: &str) -> Result<Proxy> {
        for server in [&mut self.ws, &mut self.wss].into_iter().flatten() {
            server.userinfo = Some(Userinfo { user: user.into(), password: password.into() });
            *server = server.clone().checked()?;
        }
        Ok(self)
    }

    /// Hosts that are connected to without the proxy, in addition to those given before: a list as in the variable
    /// `no_proxy`, whose rules are in the chapter [`proxies`](crate::manual::proxies) of the manual.
    pub fn except(mut self, hosts: &str) -> Proxy {
        self.except.add(hosts);
        self
    }

    fn always(server: Server) -> Proxy {
        Proxy { ws: Some(server.clone()), wss: Some(server), except: Bypass::default() }
    }

    /// The server for this URL. `None`: no proxy.
    pub(crate) fn server(&self, uri: &Uri) -> Option<&Server> {
        let server = if uri.secure() { &self.wss } else { &self.ws };
        server.as_ref().filter(|_| !self.except.covers(uri.host(), uri.port()))
    }
}

/// Shows no credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("ws", &self.ws).field("wss", &self.wss).field("except", &self.except).finish()
    }
}

impl Server {
    fn parse(url: &str) -> Result<Server, UriFault> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" | "socks5h" | "socks" => Kind::Socks5,
            _ => return Err(UriFault::ProxyScheme),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(rest, "" | "/") {
            return Err(UriFault::ProxyPath);
        }
        let Authority { host, port, userinfo } = Authority::parse(authority)?;
        let default = match kind {
            Kind::Http => 80,
            Kind::Socks5 => 1080,
        };
        Ok(Server { kind, host, port: port.unwrap_or(default), userinfo })
    }

    /// Whether its credentials can be sent.
    fn checked(self) -> Result<Server> {
        let fine = match (&self.userinfo, self.kind) {
            (None, _) => true,
            (Some(userinfo), Kind::Http) => userinfo.basic().is_ok(),
            (Some(userinfo), Kind::Socks5) => socks::credentials(userinfo).is_some(),
        };
        fine.then_some(self).ok_or(Misuse::ProxyCredentials.into())
    }

    /// Connects to the proxy and has it open the way. 6455-4.1-10. What the socket gives next is the server's.
    pub(crate) fn reach(&self, host: &str, port: u16, deadline: Deadline) -> Result<TcpStream> {
        let socket = tcp::connect_to_proxy(&self.host, self.port, deadline)?;
        let asked = Asked { exact: Exact::new(&socket, deadline), server: self, target: tcp::shown(host, port) };
        match self.kind {
            Kind::Http => connect::ask(&asked)?,
            Kind::Socks5 => socks::ask(&asked, host, port)?,
        }
        Ok(socket)
    }
}

/// Without user name and password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", tcp::shown(&self.host, self.port))
    }
}

/// A proxy that is connected and being asked for a server.
struct Asked<'a> {
    exact: Exact<'a>,
    server: &'a Server,
    /// `host:port`
    target: String,
}

impl Asked<'_> {
    /// 6455-4.1-13
    fn refused(&self, fault: ProxyFault) -> ProxyError {
        ProxyError::new(fault, tcp::shown(&self.server.host, self.server.port), self.target.clone())
    }

    fn failed(&self, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => Error::Proxy(self.refused(ProxyFault::Ended)),
            ErrorKind::TimedOut => Error::Timeout(Step::Proxy),
            _ => Error::io(Step::Proxy, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies() {
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
            ("https://p", Err(UriFault::ProxyScheme)),
            ("socks4://p", Err(UriFault::ProxyScheme)),
            ("ws://p", Err(UriFault::ProxyScheme)),
            ("://p", Err(UriFault::ProxyScheme)),
            ("http://p/path", Err(UriFault::ProxyPath)),
            ("http://p?q", Err(UriFault::ProxyPath)),
            ("http://p#f", Err(UriFault::ProxyPath)),
            ("", Err(UriFault::NoHost)),
            ("http://", Err(UriFault::NoHost)),
            ("http://:80", Err(UriFault::NoHost)),
            ("http://p:0", Err(UriFault::Port)),
            ("http://p:http", Err(UriFault::Port)),
            ("http://a b", Err(UriFault::HostCharacter)),
            ("http://p\r\n", Err(UriFault::HostCharacter)),
            ("http://u%zz@p", Err(UriFault::Userinfo)),
        ];
        for (url, expected) in rows {
            let server = Server::parse(url).map(|server| format!("{server:?}"));
            assert_eq!(server.as_deref().map_err(|fault| *fault), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_checked_where_they_are_given_and_never_shown() {
        let proxy = Proxy::new("http://somebody:S3CRET@p:1").unwrap();
        assert!(!format!("{proxy:?}").contains("S3CRET") && !format!("{proxy:?}").contains("somebody"));
        let shown = format!("{:?}", Proxy::socks5("p").unwrap().credentials("somebody", "S3CRET").unwrap());
        assert!(!shown.contains("S3CRET") && !shown.contains("somebody"), "{shown}");

        let wrong = |result: Result<Proxy>| matches!(result, Err(Error::Misuse(Misuse::ProxyCredentials)));
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
    fn each_scheme_has_its_proxy_and_exceptions_have_none() {
        let vars = [("ws_proxy", "one"), ("wss_proxy", "socks5://two"), ("no_proxy", "near.example")];
        let lookup = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        let proxy = Proxy::from_vars(lookup).unwrap().except("also.example:81");
        let chosen = |url: &str| proxy.server(&Uri::parse(url).unwrap()).map(|server| format!("{server:?}"));
        assert_eq!(chosen("ws://h").as_deref(), Some("http://one:80"));
        assert_eq!(chosen("wss://h").as_deref(), Some("socks5://two:1080"));
        assert_eq!(chosen("ws://near.example"), None);
        assert_eq!(chosen("wss://a.near.example:1"), None);
        assert_eq!(chosen("ws://also.example:81"), None);
        assert!(chosen("ws://also.example").is_some());
    }
}
