//! Proxies: selects the proxy for a URL, if any, and connects through it.
//!
//! | file | subject |
//! |---|---|
//! | here | [`Proxy`], and the server that it selects for a URL |
//! | `server` | one proxy server: its URL, TCP and TLS to it |
//! | `io`, `tls_io` | the stream to the proxy: a socket, or TLS |
//! | `http_connect` | HTTP CONNECT |
//! | `socks`, `socks_messages` | SOCKS5: the exchange on the stream, and its bytes |
//! | `environment` | the environment variables for proxies |
//! | `no_proxy` | hosts that are connected to directly |
//! | `client` | the setting of [`Client`](crate::Client) |
//!
//! Must not know the opening handshake: the proxy is read up to its last byte, and the next byte is the
//! server's.

mod client;
mod environment;
mod http_connect;
mod io;
mod no_proxy;
mod server;
mod socks;
mod socks_messages;
#[cfg(feature = "native-tls")]
mod tls_io;

use std::fmt;

use crate::auth::digest_session::DigestAuth;
use crate::error::{Result, UsageError};
use crate::handshake::header::check_field;
use crate::handshake::uri::{Uri, Userinfo};
#[cfg(feature = "native-tls")]
use crate::tls::connect::TlsConnect;
use http_connect::AUTHORIZATION;
use no_proxy::NoProxy;
pub(crate) use server::Tunnel;
use server::{ProxyServer, Scheme};

/// The proxy settings for [`Client::proxy`](crate::Client::proxy): HTTP CONNECT (RFC 9110 section 9.3.6) or SOCKS
/// version 5 (RFC 1928). Feature `proxy`.
///
/// Both carry `ws` and `wss`, and with both the proxy resolves the host name of the server. User name and password are
/// sent to the proxy only, unencrypted unless the proxy is an `https://` one (feature `native-tls`). `Debug` and errors never show them.
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

impl Proxy {
    /// A proxy from its URL, such as `http://user:password@proxy.example:3128` or `socks5://proxy.example`.
    ///
    /// `socks5h` and `socks` mean `socks5`; no scheme means `http`. `https` means TLS to the proxy, and needs the feature
    /// `native-tls`. Default ports are 80 for `http`, 443 for `https` and 1080 for SOCKS.
    /// Reserved characters in user name and password are percent-encoded.
    ///
    /// # Errors
    /// - [`UsageError::ProxyUrl`] if the URL is invalid or its scheme is not supported;
    /// - [`UsageError::TlsNotEnabled`] for `https` in a build without TLS;
    /// - [`UsageError::ProxyCredentials`] as for [`credentials`](Proxy::credentials).
    pub fn new(url: impl AsRef<str>) -> Result<Proxy> {
        let url = url.as_ref();
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
        Proxy::new(format!("http://{address}"))
    }

    /// A SOCKS5 proxy at `host` or `host:port`. Default port 1080.
    ///
    /// # Errors
    /// [`UsageError::ProxyUrl`] if the address is neither.
    pub fn socks5(address: &str) -> Result<Proxy> {
        Proxy::new(format!("socks5://{address}"))
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
            server.digest = None;
            *server = server.clone().validated()?;
        }
        Ok(self)
    }

    /// Answers the Digest challenges of an HTTP proxy (RFC 7616) with this user name and password, in place of those in its URL.
    ///
    /// The password is not sent, and Basic credentials never are, also if the proxy offers them. The rules are those of
    /// [`Client::digest_auth`](crate::Client::digest_auth): the first request is repeated with an answer, over another connection
    /// to the proxy; later ones have an answer at once.
    ///
    /// # Errors
    /// [`UsageError::ProxyCredentials`] if the user name has a colon or either has a control character, and for a SOCKS5 proxy.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Proxy};
    /// let proxy = Proxy::http("proxy.example:3128")?.digest_credentials("me", "secret")?;
    /// let client = Client::new("ws://example.com/feed")?.proxy(proxy);
    /// # Ok(())
    /// # }
    /// ```
    pub fn digest_credentials(mut self, user: &str, password: &str) -> Result<Proxy> {
        for server in [&mut self.ws, &mut self.wss].into_iter().flatten() {
            if server.scheme == Scheme::Socks5 {
                return Err(UsageError::ProxyCredentials.into());
            }
            server.digest = Some(DigestAuth::new(user, password).map_err(|_| UsageError::ProxyCredentials)?);
            server.userinfo = None;
        }
        Ok(self)
    }

    /// Adds a header to the request CONNECT to an HTTP proxy, such as `User-Agent`. The same name may be added again. SOCKS5
    /// has no headers: a proxy of the environment may be of either kind, so the header is left out there.
    ///
    /// # Errors
    /// - [`UsageError::HeaderName`] and [`UsageError::HeaderValue`] as for [`Client::header`](crate::Client::header);
    /// - [`UsageError::ReservedHeader`] for the names that are reserved there, and for `Proxy-Authorization`, which
    ///   [`credentials`](Proxy::credentials) sets.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Proxy};
    /// let proxy = Proxy::http("proxy.example:3128")?.header("User-Agent", "station/7")?;
    /// let client = Client::new("ws://example.com/feed")?.proxy(proxy);
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(mut self, name: &str, value: &str) -> Result<Proxy> {
        if name.eq_ignore_ascii_case(AUTHORIZATION) {
            return Err(UsageError::ReservedHeader(name.to_owned()).into());
        }
        check_field(name, value)?;
        for server in [&mut self.ws, &mut self.wss].into_iter().flatten() {
            server.headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(self)
    }

    /// Sets the TLS settings for `https://` proxies. Default [`TlsConnect::new`]: the certificate must be for the host of the
    /// proxy. [`Client::tls`](crate::Client::tls) applies to the server only. Feature `native-tls`.
    ///
    /// # Errors
    /// [`Error::Tls`](crate::Error::Tls) of kind [`TlsErrorKind::InvalidSettings`](crate::TlsErrorKind::InvalidSettings) if the TLS of the system
    /// rejects these settings.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use stdws::{Client, Proxy, TlsConnect};
    /// let tls = TlsConnect::new().add_root(&std::fs::read("proxy-ca.pem")?)?;
    /// let mut ws = Client::new("wss://example.com/feed")?.proxy(Proxy::new("https://proxy.example")?.tls(tls)?).connect()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "native-tls")]
    pub fn tls(mut self, tls: TlsConnect) -> Result<Proxy> {
        let connector = tls.build()?;
        for server in [&mut self.ws, &mut self.wss].into_iter().flatten() {
            server.tls = Some(connector.clone());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

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

    /// Those of the last call are sent alone.
    #[test]
    fn credentials_of_one_kind_replace_those_of_the_other() {
        let kinds = |proxy: Proxy| {
            [&proxy.ws, &proxy.wss].map(|server| {
                let server = server.as_ref().unwrap();
                (server.userinfo.is_some(), server.digest.is_some())
            })
        };
        let proxy = Proxy::new("http://a:b@p").unwrap();
        assert_eq!(kinds(proxy.clone()), [(true, false); 2]);
        let digest = proxy.digest_credentials("a", "b").unwrap();
        assert_eq!(kinds(digest.clone()), [(false, true); 2]);
        assert_eq!(kinds(digest.credentials("a", "b").unwrap()), [(true, false); 2]);
        let socks = Proxy::socks5("p").unwrap().digest_credentials("a", "b");
        assert!(matches!(socks, Err(Error::Usage(UsageError::ProxyCredentials))));
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
