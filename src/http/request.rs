//! The request of an opening handshake as an application sees it. Independent of the check of the request, and of the
//! connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::cookie;
use super::response::header_text;
use crate::auth::credentials::Credentials;
use crate::handshake::header;
use crate::handshake::http::Head;
use crate::handshake::server;
use crate::redact;

/// A request that a server received: the one that opened a connection (RFC 6455 section 4.1, see
/// [`WebSocket::request`](crate::WebSocket::request)), or the argument of a hook ([`Server::http`](crate::Server::http),
/// [`Server::on_request`](crate::Server::on_request)). Feature `server`.
///
/// The connection keeps it, in little more memory than its number of bytes. Its `Debug` shows neither the query nor
/// any header except `Host`, because the others may hold secrets.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// let bytes = b"GET /chat?room=7 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAccept-Language: de\r\n\r\n";
/// let halves = stdws::SplitStream::new(&bytes[..], std::io::sink());
/// let ws = stdws::Server::without_listener().accept_over(halves)?.unwrap();
/// let request = ws.request().unwrap();
/// assert_eq!((request.path(), request.query()), ("/chat", Some("room=7")));
/// assert_eq!(request.header("accept-language"), Some("de"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Request {
    head: Head,
    peer: Option<SocketAddr>,
    client: Option<IpAddr>,
    #[cfg(feature = "legacy")]
    pub(crate) draft: Option<Box<DraftFields>>,
}

/// What a draft states in other fields, or in another form, than RFC 6455.
#[cfg(feature = "legacy")]
#[derive(Clone)]
pub(crate) struct DraftFields {
    /// The name of the version.
    pub(crate) version: &'static str,
    /// The origin, if it does not stand in `Origin`.
    pub(crate) origin: Option<String>,
    /// The subprotocols offered.
    pub(crate) subprotocols: Vec<String>,
}

impl Request {
    /// The head of the request.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// A request with this head, from this peer, and with this address of the client.
    pub(crate) fn new(head: Head, peer: Option<SocketAddr>, client: Option<IpAddr>) -> Request {
        Request {
            head,
            peer,
            client,
            #[cfg(feature = "legacy")]
            draft: None,
        }
    }

    /// Whether the request asks for a WebSocket: `Upgrade` names `websocket`.
    pub fn is_websocket(&self) -> bool {
        server::is_websocket(&self.head)
    }

    /// The method: `GET` for a WebSocket.
    pub fn method(&self) -> &str {
        self.head.method()
    }

    /// The path, which begins with `/`. Percent-encoding is not decoded.
    pub fn path(&self) -> &str {
        match self.resource_name().split('?').next() {
            // An empty path of a URI means the root (RFC 9110 section 4.2.3).
            Some("") | None => "/",
            Some(path) => path,
        }
    }

    /// The query: the text after the first `?` of the target.
    pub fn query(&self) -> Option<&str> {
        self.resource_name().split_once('?').map(|(_, query)| query)
    }

    /// The request target as it was sent: path and query, or an absolute `http` or `https` URI.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// The host that the request is for, and the port if there is one: that of a target that is a URI, otherwise the value
    /// of `Host` (RFC 9112 section 3.2.2). Empty only in HTTP/1.0. The client chooses it;
    /// [`Server::allow_host`](crate::Server::allow_host) restricts it.
    pub fn host(&self) -> &str {
        self.absolute_target().map_or_else(|| self.header("Host").unwrap_or_default(), |(authority, _)| authority)
    }

    /// The origin of a browser's page (RFC 6455 section 10.2). Other clients send none, or any value.
    pub fn origin(&self) -> Option<&str> {
        #[cfg(feature = "legacy")]
        if let Some(origin) = self.draft.as_ref().and_then(|draft| draft.origin.as_deref()) {
            return Some(origin);
        }
        self.header("Origin")
    }

    /// The value of the first header of this name, compared without regard to case; `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.head, name)
    }

    /// User name and password, if the request has Basic credentials (RFC 7617). `None` also if they are not in the form of its
    /// section 2, or there twice.
    ///
    /// They are not checked. [`Server::basic_auth`](crate::Server::basic_auth) checks them; otherwise compare them with
    /// [`Credentials::matches`].
    pub fn basic_auth(&self) -> Option<Credentials> {
        Credentials::from_header(self.head.single("Authorization").ok()??)
    }

    /// The token of `Authorization: Bearer` (RFC 6750 section 2.1). Compare it with
    /// [`constant_time_eq`](crate::constant_time_eq).
    pub fn bearer_token(&self) -> Option<&str> {
        let value = std::str::from_utf8(self.head.single("Authorization").ok()??).ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' ')).filter(|token| !token.is_empty())
    }

    /// The value of the first cookie of this name (RFC 6265 section 4.2).
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Names and values of all cookies in order, without those that are not UTF-8.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        cookie::parse_pairs(self.head.get_all("Cookie"))
    }

    /// All headers in order. Values are visible characters, spaces and tabs, and may have bytes outside ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.fields()
    }

    /// The subprotocols offered, in the client's order of preference. [`WebSocket::subprotocol`](crate::WebSocket::subprotocol)
    /// is the one in use.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let fields = self.head.get_all("Sec-WebSocket-Protocol");
        let names = fields.flat_map(header::tokens).filter_map(|token| token.ok());
        #[cfg(feature = "legacy")]
        let names = {
            let draft = self.draft.as_ref();
            let of_draft = draft.into_iter().flat_map(|draft| draft.subprotocols.iter().map(String::as_str));
            of_draft.chain(names.filter(move |_| draft.is_none()))
        };
        names
    }

    /// The address of the peer, which may be a proxy. `None` over a caller-supplied stream.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The address of the client, also behind trusted proxies. See
    /// [`Server::trust_proxy_protocol`](crate::Server::trust_proxy_protocol),
    /// [`trust_forwarded`](crate::Server::trust_forwarded) and
    /// [`trust_x_forwarded_for`](crate::Server::trust_x_forwarded_for). Without them it is the address of the peer.
    ///
    /// `None` for a peer without an address, and if a trusted proxy named no client, or none that can be read. It is never
    /// the address of a proxy in place of its client's.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client
    }

    /// Path and query, without scheme and authority.
    fn resource_name(&self) -> &str {
        self.absolute_target().map_or(self.target(), |(_, resource)| resource)
    }

    /// Authority and resource name of a target that is a URI.
    fn absolute_target(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.target().split_once("://").filter(|(scheme, _)| !scheme.starts_with('/'))?;
        rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = redact::host(self.host());
        f.debug_struct("Request")
            .field("path", &self.path())
            .field("host", &host)
            .field("peer", &self.peer)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    fn head(bytes: &[u8]) -> Head {
        let mut parser = HeadParser::request();
        parser.feed(bytes).unwrap();
        parser.finish().unwrap()
    }

    fn request(lines: &str) -> Request {
        Request::new(head(format!("GET {lines}\r\n\r\n").as_bytes()), None, None)
    }

    #[test]
    fn path_and_query_of_every_form_of_target() {
        let rows = [
            ("/", "/", None),
            ("/a%2Fb?c=d?e", "/a%2Fb", Some("c=d?e")),
            ("/?", "/", Some("")),
            ("/a?to=http://x/y", "/a", Some("to=http://x/y")),
            ("/http://x/y", "/http://x/y", None),
            ("http://h:80/a/b?c", "/a/b", Some("c")),
            ("HTTPS://h?c", "/", Some("c")),
            ("http://h", "/", None),
        ];
        for (target, path, query) in rows {
            let request = request(&format!("{target} HTTP/1.1\r\nHost: other"));
            assert_eq!((request.target(), request.path(), request.query()), (target, path, query));
            let host = if target.starts_with('/') {
                "other"
            } else {
                target.split("://").nth(1).unwrap().split(['/', '?']).next().unwrap()
            };
            assert_eq!(request.host(), host, "{target}");
        }
    }

    #[test]
    fn headers_are_found_without_regard_to_case() {
        let bytes =
            b"GET / HTTP/1.1\r\nHost: h:1\r\nOrigin: http://h:1\r\nSec-WebSocket-Protocol: b, a\r\nX: caf\xE9\r\n\
            sec-websocket-protocol: c\r\nx: second\r\n\r\n";
        let request = Request::new(head(bytes), None, None);
        assert_eq!((request.host(), request.origin()), ("h:1", Some("http://h:1")));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!((request.header("hOST"), request.header("X"), request.header("Y")), (Some("h:1"), None, None));
        assert_eq!(request.headers().nth(3), Some(("X", b"caf\xE9".as_slice())));
        assert_eq!(request.headers().count(), 6);
    }

    #[test]
    fn credentials_cookies_and_addresses_of_a_request() {
        let parts = |method: &str, lines: &str| {
            let head = head(format!("{method} / HTTP/1.1\r\n{lines}\r\n").as_bytes());
            Request::new(head, Some("192.0.2.1:80".parse().unwrap()), Some("192.0.2.7".parse().unwrap()))
        };
        let request = parts("PUT", "Cookie: a=1; b=2; a=3\r\nAuthorization: bEARER  t\r\nUpgrade: websocket\r\n");
        assert_eq!((request.method(), request.is_websocket()), ("PUT", true));
        assert_eq!((request.cookie("a"), request.cookie("b"), request.cookie("c")), (Some("1"), Some("2"), None));
        assert_eq!((request.bearer_token(), request.basic_auth().is_some()), (Some("t"), false));
        assert_eq!(request.peer_addr(), Some("192.0.2.1:80".parse().unwrap()));
        assert_eq!(request.client_ip(), Some("192.0.2.7".parse().unwrap()));
        // The user name and the password of RFC 7617 section 2.
        let request = parts("GET", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
        assert!(request.basic_auth().is_some_and(|credentials| credentials.matches("Aladdin", "open sesame")));
        assert_eq!((request.is_websocket(), request.bearer_token(), request.cookie("a")), (false, None, None));
        assert_eq!(parts("GET", "Authorization: Bearer   \r\n").bearer_token(), None);
        let twice = parts("GET", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n");
        assert_eq!((twice.bearer_token(), twice.basic_auth().is_some()), (None, false));
    }

    #[cfg(feature = "legacy")]
    #[test]
    fn the_origin_and_the_names_of_a_draft_replace_those_of_rfc_6455() {
        let mut request = request("/ HTTP/1.1\r\nOrigin: http://a\r\nSec-WebSocket-Protocol: b");
        let draft = |origin: Option<&str>| {
            let (origin, subprotocols) = (origin.map(str::to_owned), vec!["c".to_owned()]);
            Some(Box::new(DraftFields { version: "hybi-08", origin, subprotocols }))
        };
        for (fields, origin, name) in
            [(None, "http://a", "b"), (draft(None), "http://a", "c"), (draft(Some("http://d")), "http://d", "c")]
        {
            request.draft = fields;
            assert_eq!((request.origin(), request.subprotocols().collect::<Vec<_>>()), (Some(origin), vec![name]));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let bytes = "/path?token=S3CRET HTTP/1.1\r\nHost: h\r\nCookie: S3CRET\r\nSec-WebSocket-Protocol: S3CRET\r\nX-Key: S3CRET";
        let shown = format!("{:?}", request(bytes));
        assert!(shown.contains("/path") && !shown.contains("S3CRET"), "{shown}");
    }
}
