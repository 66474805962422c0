//! One proxy server: its URL, TCP to it, perhaps TLS, and the tunnel through it. Must not know which hosts it is for.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

use super::http_connect;
use super::io::ProxyIo;
use super::socks;
use crate::auth::basic;
use crate::auth::digest_session::{DigestAuth, Verdict, MAX_ATTEMPTS};
use crate::config::Limits;
use crate::error::{Error, ProxyError, ProxyErrorKind, Result, Step, UriErrorKind, UsageError};
use crate::handshake::uri::{Authority, Userinfo};
use crate::net::connect_guard::{AttemptState, ConnectGuard, ConnectTarget, Queueing};
use crate::net::deadline::Deadline;
use crate::net::deadline_io::DeadlineIo;
use crate::net::dial::{self as tcp, Endpoint};
use crate::net::stream::Stream;
#[cfg(feature = "native-tls")]
use crate::tls::connect::Connector;
#[cfg(not(feature = "native-tls"))]
use std::convert::Infallible as Connector;

/// One proxy server.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    /// The zone of an IPv6 address.
    pub(super) zone: Option<String>,
    pub(super) port: u16,
    pub(super) userinfo: Option<Userinfo>,
    /// Headers of the request CONNECT.
    pub(super) headers: Vec<(String, String)>,
    /// `None`: the default settings. Used for `https` only.
    #[cfg(feature = "native-tls")]
    pub(super) tls: Option<Connector>,
    /// Takes the place of `userinfo`.
    pub(super) digest: Option<DigestAuth>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    Socks5,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks5 => "socks5",
        }
    }
}

impl ProxyServer {
    pub(super) fn parse(url: &str) -> Result<ProxyServer, UriErrorKind> {
        let (name, rest) = url.split_once("://").unwrap_or(("http", url));
        let scheme = match name.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
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
            Scheme::Https => 443,
            Scheme::Socks5 => 1080,
        };
        Ok(ProxyServer {
            scheme,
            host,
            zone,
            port: port.unwrap_or(default),
            userinfo,
            headers: Vec::new(),
            #[cfg(feature = "native-tls")]
            tls: None,
            digest: None,
        })
    }

    /// Checks that the credentials can be sent, and that this build has TLS if the proxy needs it.
    pub(super) fn validated(self) -> Result<ProxyServer> {
        if self.scheme == Scheme::Https && cfg!(not(feature = "native-tls")) {
            return Err(UsageError::TlsNotEnabled.into());
        }
        let valid = match (&self.userinfo, self.scheme) {
            (None, _) => true,
            (Some(userinfo), Scheme::Http | Scheme::Https) => basic::userinfo_credentials(userinfo).is_ok(),
            (Some(userinfo), Scheme::Socks5) => socks::credentials(userinfo).is_some(),
        };
        valid.then_some(self).ok_or(UsageError::ProxyCredentials.into())
    }

    /// Connects to the proxy, and through it to the host (6455-4.1-10). The next byte of the stream is the
    /// server's.
    /// `nonce` draws random bytes.
    pub(crate) fn connect_to(
        &self,
        host: &str,
        port: u16,
        queueing: Queueing,
        (deadline, limits): (Deadline, Limits),
        nonce: impl Fn() -> Result<[u8; 16]>,
    ) -> Result<Tunnel> {
        // With settings that the system rejects, nothing is sent.
        #[cfg(feature = "native-tls")]
        let tls = (self.scheme == Scheme::Https).then(|| Connector::or_default(self.tls.as_ref())).transpose()?;
        #[cfg(not(feature = "native-tls"))]
        let tls = match self.scheme {
            Scheme::Https => return Err(UsageError::TlsNotEnabled.into()),
            Scheme::Http | Scheme::Socks5 => None,
        };
        let guard = match connect_target(host, port, queueing) {
            Some(target) => Some(
                ConnectGuard::acquire(target, deadline, &AttemptState::default())
                    .ok_or(Error::Timeout(Step::ConnectQueue))?,
            ),
            None => None,
        };
        let target = tcp::host_port(host, port);
        let mut attempts: u8 = 0;
        loop {
            attempts = attempts.saturating_add(1);
            let answer = self.digest.as_ref().and_then(|digest| digest.answer("CONNECT", &target));
            let answered = answer.is_some();
            match (self.open((host, port), tls.as_ref(), answer, (deadline, limits)), &self.digest) {
                (Err(Error::Proxy(error)), Some(digest)) if error.status() == Some(407) => {
                    let verdict = digest.learn(&error.challenges(), answered, &nonce)?;
                    if verdict == Verdict::Rejected || attempts == MAX_ATTEMPTS {
                        return Err(Error::Proxy(error));
                    }
                }
                (result, _) => return result.map(|opened| opened.guarded(guard)),
            }
        }
    }

    /// Opens a tunnel over a new connection to the proxy.
    fn open(
        &self,
        (host, port): (&str, u16),
        tls: Option<&Connector>,
        answer: Option<String>,
        (deadline, limits): (Deadline, Limits),
    ) -> Result<Opened> {
        let endpoint = Endpoint { host: &self.host, zone: self.zone.as_deref(), port: self.port };
        let socket = tcp::connect_to_proxy(endpoint, deadline)?;
        let (peer, local) = (socket.peer_addr().ok(), socket.local_addr().ok());
        let session = |io| ProxySession { io, server: self, target: tcp::host_port(host, port), answer, limits };
        let plain = |socket| Stream::from_socket(socket).map_err(|error| Error::io(Step::Proxy, error));
        let stream = match tls {
            #[cfg(not(feature = "native-tls"))]
            Some(never) => match *never {},
            #[cfg(feature = "native-tls")]
            Some(tls) => {
                let stream = tls.connect(&self.host, plain(socket)?, deadline)?;
                http_connect::negotiate(&session(ProxyIo::over_tls(&stream, deadline)))?;
                stream
            }
            None => {
                let session = session(ProxyIo::Socket(DeadlineIo::new(&socket, deadline)));
                match self.scheme {
                    Scheme::Http | Scheme::Https => http_connect::negotiate(&session)?,
                    Scheme::Socks5 => socks::negotiate(&session, host, port)?,
                }
                plain(socket)?
            }
        };
        Ok(Opened { stream, peer, local })
    }
}

/// A tunnel before it has its guard.
struct Opened {
    stream: Stream,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

impl Opened {
    fn guarded(self, guard: Option<ConnectGuard>) -> Tunnel {
        Tunnel { stream: self.stream, peer: self.peer, local: self.local, guard }
    }
}

/// An open stream to a server, through a proxy.
pub(crate) struct Tunnel {
    pub(crate) stream: Stream,
    /// The address of the proxy.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) guard: Option<ConnectGuard>,
}

/// 6455-4.1-8: the name stands for the server, whose address only the proxy knows.
fn connect_target(host: &str, port: u16, queueing: Queueing) -> Option<ConnectTarget> {
    match host.parse() {
        Ok(ip) => ConnectTarget::address(SocketAddr::new(ip, port), queueing),
        Err(_) => ConnectTarget::name(host, port, queueing),
    }
}

/// Without credentials, and with the names of headers only.
impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), tcp::host_port(&self.host, self.port))?;
        for (at, (name, _)) in self.headers.iter().enumerate() {
            write!(f, "{}{name}", if at == 0 { " with " } else { ", " })?;
        }
        Ok(())
    }
}

/// An open connection to a proxy, before it connects to the server.
pub(super) struct ProxySession<'a> {
    pub(super) io: ProxyIo<'a>,
    pub(super) server: &'a ProxyServer,
    /// `host:port`
    pub(super) target: String,
    /// An answer to a Digest challenge.
    pub(super) answer: Option<String>,
    pub(super) limits: Limits,
}

impl ProxySession<'_> {
    /// 6455-4.1-13
    pub(super) fn proxy_error(&self, kind: ProxyErrorKind) -> ProxyError {
        ProxyError::new(kind, tcp::host_port(&self.server.host, self.server.port), self.target.clone())
    }

    pub(super) fn io_error(&self, error: std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => Error::Proxy(self.proxy_error(ProxyErrorKind::UnexpectedEof)),
            _ => Error::io_by_deadline(Step::Proxy, error),
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
            ("https://p", Ok("https://p:443")),
            ("HTTPS://u:w@p:1", Ok("https://p:1")),
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
    fn debug_shows_the_names_of_headers() {
        let mut server = ProxyServer::parse("http://u:w@p").unwrap();
        server.headers = ["A", "B"].map(|name| (name.to_owned(), "secret".to_owned())).to_vec();
        assert_eq!(format!("{server:?}"), "http://p:80 with A, B");
    }
}
