//! The client's side of the opening handshake (RFC 6455 section 4.1): the request as bytes, and the check of the response.
//! Independent of sockets, time and the source of random bytes.
//!
//! The fields of the request, in this order. Those in brackets are optional:
//!
//! ```text
//! GET resource-name HTTP/1.1
//! Host, Upgrade, Connection, Sec-WebSocket-Key, Sec-WebSocket-Version,
//! [Origin], [Sec-WebSocket-Protocol], [Sec-WebSocket-Extensions], [Authorization], [the caller's fields]
//! ```
//!
//! The response is checked in this order, and the first fault is the error: status, version, Upgrade, Connection,
//! Sec-WebSocket-Accept, extensions, subprotocol. The status comes first because a server may reject the request in any
//! version of HTTP, and its status is the reason.
//!
//! ```
//! use stdws::handshake::client::{encode_request, key_from_nonce, HandshakeRequest};
//! use stdws::handshake::uri::Uri;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let uri = Uri::parse("ws://server.example.com/chat")?;
//! let key = key_from_nonce(*b"the sample nonce");
//! let mut request = HandshakeRequest::new(&uri, &key);
//! request.origin = Some("http://example.com");
//! assert_eq!(
//!     String::from_utf8(encode_request(&request)?)?,
//!     "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n\r\n"
//! );
//! # Ok(())
//! # }
//! ```

use std::fmt;

use super::header;
use super::header::Extension;
use super::http::{write_head, Head};
use super::server;
use super::uri::Uri;
use crate::error::{HandshakeErrorKind, ResponseErrorKind, UsageError};
use crate::primitives::base64;
use crate::redact;

const KEY: &str = "Sec-WebSocket-Key";
const AUTHORIZATION: &str = "Authorization";
const ACCEPT: &str = "Sec-WebSocket-Accept";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The contents of a request. Has no `Debug`, because the fields may hold secrets. [`encode_request`] checks all of them.
#[non_exhaustive]
pub struct HandshakeRequest<'a> {
    /// The URI of the server.
    pub uri: &'a Uri,
    /// The key from [`key_from_nonce`], a new one for each connection.
    pub key: &'a str,
    /// Additional fields. The fields that the handshake writes must not be among them.
    pub headers: &'a [(String, String)],
    /// The value of Origin.
    pub origin: Option<&'a str>,
    /// The subprotocols, in order of preference.
    pub subprotocols: &'a [String],
    /// The value of Sec-WebSocket-Extensions, if the client offers any extension.
    pub extensions: Option<&'a str>,
    /// The value of Authorization, if it is not one of the additional fields.
    pub authorization: Option<&'a str>,
}

impl<'a> HandshakeRequest<'a> {
    /// A request with the mandatory fields only.
    pub fn new(uri: &'a Uri, key: &'a str) -> HandshakeRequest<'a> {
        let (headers, subprotocols) = (&[], &[]);
        HandshakeRequest { uri, key, headers, origin: None, subprotocols, extensions: None, authorization: None }
    }
}

/// What client and server agreed on. `None` and empty when the response does not have the field (6455-4.1-s3).
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub struct NegotiatedHandshake<'a> {
    /// The subprotocol in use.
    pub subprotocol: Option<String>,
    /// The extensions in use, in the server's order. Their parameters are not checked here.
    pub extensions: Vec<Extension<'a>>,
}

/// Shows the subprotocol only if it reads as a name.
impl fmt::Debug for NegotiatedHandshake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegotiatedHandshake")
            .field("subprotocol", &self.subprotocol.as_deref().map(redact::subprotocol))
            .field("extensions", &self.extensions)
            .finish()
    }
}

/// The value of Sec-WebSocket-Key for a nonce. The caller draws the nonce at random for each connection (6455-4.1-30).
pub fn key_from_nonce(nonce: [u8; 16]) -> String {
    // 6455-4.1-29
    base64::encode(&nonce)
}

/// Whether a subprotocol may be offered after those in `before`. 6455-4.1-36: a token; 6455-4.1-37: only once.
pub(crate) fn check_subprotocol(name: &str, before: &[String]) -> Result<(), UsageError> {
    if header::is_token(name.as_bytes()) && !before.iter().any(|other| other == name) {
        Ok(())
    } else {
        Err(UsageError::Subprotocol(name.to_owned()))
    }
}

/// Whether an origin can be sent (6455-4.1-32): visible ASCII, and not empty.
pub(crate) fn check_origin(origin: &str) -> Result<(), UsageError> {
    if !origin.is_empty() && origin.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(UsageError::Origin(origin.to_owned()))
    }
}

/// The value of a field that the handshake writes, if it can be sent.
fn checked_value<'a>(name: &str, value: &'a str) -> Result<&'a str, UsageError> {
    let fine = match name {
        KEY => server::is_key(value.as_bytes()),
        EXTENSIONS => header::is_field_value(value.as_bytes()) && header::extensions([value.as_bytes()]).is_ok(),
        _ => header::is_field_value(value.as_bytes()),
    };
    fine.then_some(value).ok_or(UsageError::HeaderValue(name.to_owned()))
}

/// The bytes of a request.
///
/// # Errors
/// The first value that cannot be sent, or must not be given.
pub fn encode_request(request: &HandshakeRequest<'_>) -> Result<Vec<u8>, UsageError> {
    for (index, name) in request.subprotocols.iter().enumerate() {
        check_subprotocol(name, request.subprotocols.get(..index).unwrap_or_default())?;
    }
    request.origin.map_or(Ok(()), check_origin)?;
    request.headers.iter().try_for_each(|(name, value)| header::check_field(name, value))?;
    let host = request.uri.host_header();
    let subprotocols = request.subprotocols.join(", ");
    let mut fields = vec![
        ("Host", host.as_str()),                 // 6455-4.1-23
        ("Upgrade", "websocket"),                // 6455-4.1-24, 6455-4.1-25
        ("Connection", "Upgrade"),               // 6455-4.1-26, 6455-4.1-27
        (KEY, checked_value(KEY, request.key)?), // 6455-4.1-28, 6455-11.3.1-1
        ("Sec-WebSocket-Version", "13"),         // 6455-4.1-33, 6455-4.1-34, 6455-11.3.5-2
    ];
    fields.extend(request.origin.map(|origin| ("Origin", origin)));
    // 6455-4.1-35: in order of preference, and only when the client offers any.
    if !subprotocols.is_empty() {
        fields.push((PROTOCOL, &subprotocols));
    }
    // 6455-4.1-38.
    if let Some(offer) = request.extensions {
        fields.push((EXTENSIONS, checked_value(EXTENSIONS, offer)?));
    }
    if let Some(value) = request.authorization {
        fields.push((AUTHORIZATION, checked_value(AUTHORIZATION, value)?));
    }
    fields.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // 6455-4.1-19, 6455-4.1-20, 6455-4.1-21, 6455-4.1-22: a valid request, GET, HTTP/1.1, the resource name as its target.
    Ok(write_head(&format!("GET {} HTTP/1.1", request.uri.resource()), fields))
}

/// Checks the response to a request that was sent (6455-4.1-41).
///
/// # Errors
/// The first fault, in the order of this page.
pub fn check_response<'a>(
    head: &'a Head,
    sent: &HandshakeRequest<'_>,
) -> Result<NegotiatedHandshake<'a>, HandshakeErrorKind> {
    Ok(NegotiatedHandshake { extensions: check_upgrade(head, sent)?, subprotocol: agreed_subprotocol(head, sent)? })
}

/// Checks everything but the subprotocol, and returns the extensions.
pub(crate) fn check_upgrade<'a>(
    head: &'a Head,
    sent: &HandshakeRequest<'_>,
) -> Result<Vec<Extension<'a>>, HandshakeErrorKind> {
    // 6455-4.1-s2: any status but 101 is an HTTP response, whatever its fields are.
    if head.status() != 101 {
        return Err(HandshakeErrorKind::Response(ResponseErrorKind::Status(head.status())));
    }
    if !head.version().supports_upgrade() {
        return Err(HandshakeErrorKind::HttpVersion);
    }
    // 6455-4.1-42: one value, not a list.
    let upgrade = head.single("Upgrade")?.ok_or(HandshakeErrorKind::MissingHeader("Upgrade"))?;
    if !upgrade.eq_ignore_ascii_case(b"websocket") {
        return Err(HandshakeErrorKind::InvalidHeader("Upgrade"));
    }
    // 6455-4.1-43: a list, which may have other elements.
    head.get("Connection").ok_or(HandshakeErrorKind::MissingHeader("Connection"))?;
    if !header::list_has(head.get_all("Connection"), "upgrade") {
        return Err(HandshakeErrorKind::InvalidHeader("Connection"));
    }
    // 6455-4.1-44, 6455-11.3.3-1. White space around a value is not part of the value.
    let accept = head.single(ACCEPT)?.ok_or(HandshakeErrorKind::MissingHeader(ACCEPT))?;
    if accept != server::accept_key(sent.key).as_bytes() {
        return Err(HandshakeErrorKind::InvalidHeader(ACCEPT));
    }
    agreed_extensions(head, sent)
}

fn agreed_extensions<'a>(
    head: &'a Head,
    sent: &HandshakeRequest<'_>,
) -> Result<Vec<Extension<'a>>, HandshakeErrorKind> {
    // 6455-11.3.2-2: a request may have several such fields, a response only one. 6455-4.1-47: more than one is a failure.
    let value = head.single(EXTENSIONS)?;
    // 6455-9.1-1: the value has to follow the grammar.
    let accepted = header::extensions(value).map_err(|_| HandshakeErrorKind::InvalidHeader(EXTENSIONS))?;
    // A sent value that does not follow the grammar offers nothing.
    let offered = header::extensions(sent.extensions.map(str::as_bytes)).unwrap_or_default();
    // 6455-4.1-45: with nothing offered, nothing can be accepted.
    if accepted.iter().any(|extension| !offered.iter().any(|offer| offer.name == extension.name)) {
        return Err(HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered));
    }
    Ok(accepted)
}

/// The selected subprotocol.
pub(crate) fn agreed_subprotocol(
    head: &Head,
    sent: &HandshakeRequest<'_>,
) -> Result<Option<String>, HandshakeErrorKind> {
    // 6455-11.3.4-2: one field, even when both would have the same value.
    let Some(chosen) = head.single(PROTOCOL)? else { return Ok(None) };
    // 6455-4.1-46. Case matters: `Chat` and `chat` are two subprotocols.
    match sent.subprotocols.iter().find(|offer| offer.as_bytes() == chosen) {
        Some(offer) => Ok(Some(offer.clone())),
        None => Err(subprotocol_error(chosen)),
    }
}

/// The error for a subprotocol that was not offered. Some servers send an empty one to choose none.
pub(crate) fn subprotocol_error(chosen: &[u8]) -> HandshakeErrorKind {
    HandshakeErrorKind::Response(match chosen {
        [] => ResponseErrorKind::EmptySubprotocol,
        _ => ResponseErrorKind::SubprotocolNotOffered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    /// The key of RFC 6455 section 1.3.
    const SAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    struct RequestSpec {
        url: &'static str,
        headers: &'static [(&'static str, &'static str)],
        origin: Option<&'static str>,
        subprotocols: &'static [&'static str],
        extensions: Option<&'static str>,
        authorization: Option<&'static str>,
    }

    const PLAIN: RequestSpec = RequestSpec {
        url: "ws://h/",
        headers: &[],
        origin: None,
        subprotocols: &[],
        extensions: None,
        authorization: None,
    };

    fn with<T>(spec: &RequestSpec, work: impl FnOnce(&HandshakeRequest<'_>) -> T) -> T {
        let uri = Uri::parse(spec.url).unwrap();
        let headers: Vec<_> = spec.headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let subprotocols: Vec<_> = spec.subprotocols.iter().map(|s| s.to_string()).collect();
        let (origin, extensions) = (spec.origin, spec.extensions);
        work(&HandshakeRequest {
            uri: &uri,
            key: SAMPLE_KEY,
            headers: &headers,
            origin,
            subprotocols: &subprotocols,
            extensions,
            authorization: spec.authorization,
        })
    }

    fn encoded(spec: &RequestSpec) -> Result<String, UsageError> {
        with(spec, encode_request).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// Shows the answer to opera-24.
    #[test]
    fn a_plain_request() {
        // 6455-4.1-19, 6455-4.1-20, 6455-4.1-21, 6455-4.1-24, 6455-4.1-25, 6455-4.1-26, 6455-4.1-27, 6455-4.1-28,
        // 6455-4.1-33, 6455-4.1-34; 6455-11.3.1-1, 6455-11.3.5-2: once each; 6455-4.1-40: and nothing after it.
        let expected = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        assert_eq!(encoded(&PLAIN).as_deref(), Ok(expected));
    }

    #[test]
    fn a_request_with_everything() {
        let spec = RequestSpec {
            url: "wss://[::1]:81?q=%20",
            authorization: Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            headers: &[("Cookie", "a=b"), ("X-Empty", ""), ("Cookie", "c")],
            origin: Some("https://app.example"),
            subprotocols: &["v2.feed", "v1.feed"],
            extensions: Some("permessage-deflate"),
        };
        // 6455-4.1-22, 6455-4.1-23, 6455-4.1-32, 6455-4.1-35, 6455-4.1-38, 6455-4.1-39.
        let expected = "GET /?q=%20 HTTP/1.1\r\nHost: [::1]:81\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://app.example\r\n\
            Sec-WebSocket-Protocol: v2.feed, v1.feed\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
            Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nCookie: a=b\r\nX-Empty: \r\nCookie: c\r\n\r\n";
        assert_eq!(encoded(&spec).as_deref(), Ok(expected));
    }

    #[test]
    fn values_that_cannot_be_sent_are_rejected() {
        // CVE-2020-35678: none of them reaches the bytes of the request.
        let value = |name: &str| Err(UsageError::HeaderValue(name.into()));
        let rows: [(RequestSpec, Result<String, UsageError>); 7] = [
            (RequestSpec { headers: &[("X", "a\r\nY: b")], ..PLAIN }, value("X")),
            (RequestSpec { headers: &[("Host", "a")], ..PLAIN }, Err(UsageError::ReservedHeader("Host".into()))),
            (RequestSpec { origin: Some("a\r\nY: b"), ..PLAIN }, Err(UsageError::Origin("a\r\nY: b".into()))),
            (RequestSpec { subprotocols: &["a", "a"], ..PLAIN }, Err(UsageError::Subprotocol("a".into()))),
            (RequestSpec { extensions: Some("a\r\nY: b"), ..PLAIN }, value(EXTENSIONS)),
            (RequestSpec { extensions: Some("a;"), ..PLAIN }, value(EXTENSIONS)),
            (RequestSpec { authorization: Some("Basic a\r\nY: b"), ..PLAIN }, value(AUTHORIZATION)),
        ];
        for (spec, expected) in rows {
            assert_eq!(encoded(&spec), expected);
        }
        let uri = Uri::parse("ws://h/").unwrap();
        for key in ["", "a\r\nY: b", "dGhlIHNhbXBsZSBub25j"] {
            assert_eq!(encode_request(&HandshakeRequest::new(&uri, key)), Err(UsageError::HeaderValue(KEY.into())));
        }
    }

    #[test]
    fn the_key_is_base64_of_sixteen_bytes() {
        // 6455-4.1-29, with the nonce of RFC 6455 section 1.3.
        assert_eq!(key_from_nonce(*b"the sample nonce"), SAMPLE_KEY);
    }

    /// Shows the answer to opera-27.
    #[test]
    fn subprotocols_and_origins_that_may_be_given() {
        let before = ["v1.feed".to_owned()];
        // 6455-4.1-36, 6455-4.1-37.
        for (name, fine) in [
            ("v2.feed", true),
            ("V1.feed", true),
            ("v1.feed", false),
            ("", false),
            ("a b", false),
            ("a,b", false),
            ("a\r\n", false),
            ("\u{e9}", false),
        ] {
            let checked = if fine { Ok(()) } else { Err(UsageError::Subprotocol(name.into())) };
            assert_eq!(check_subprotocol(name, &before), checked, "{name:?}");
        }
        // 6455-4.1-32.
        for (origin, fine) in [
            ("https://app.example:8443", true),
            ("null", true),
            ("", false),
            ("a b", false),
            ("a\r\nX: y", false),
            ("https://\u{e9}", false),
        ] {
            let checked = if fine { Ok(()) } else { Err(UsageError::Origin(origin.into())) };
            assert_eq!(check_origin(origin), checked, "{origin:?}");
        }
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn checked(spec: &RequestSpec, response: &str) -> Result<(Option<String>, String), HandshakeErrorKind> {
        let mut parser = HeadParser::response();
        parser.feed(response.as_bytes()).unwrap();
        let head = parser.finish().unwrap_or_else(|| panic!("not a head: {response}"));
        with(spec, |sent| {
            let agreed = check_response(&head, sent)?;
            let names: Vec<_> = agreed.extensions.iter().map(|e| format!("{}/{}", e.name, e.params.len())).collect();
            Ok((agreed.subprotocol, names.join(" ")))
        })
    }

    #[test]
    fn a_response_with_one_thing_changed() {
        use HandshakeErrorKind::*;
        let version = "HTTP/1.1 101 Switching Protocols";
        let (upgrade, connection) = ("Upgrade: websocket\r\n", "Connection: Upgrade\r\n");
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        // What is replaced, by what, and the verdict.
        let rows: &[(&str, &str, Result<(), HandshakeErrorKind>)] = &[
            ("", "", Ok(())),
            (version, "HTTP/1.1 101", Ok(())),
            (version, "HTTP/1.2 101 Later", Ok(())),
            // 6455-4.1-s2: the status is looked at before the version, and before everything else.
            (version, "HTTP/1.0 503 Busy", Err(Response(ResponseErrorKind::Status(503)))),
            (version, "HTTP/1.1 200 OK", Err(Response(ResponseErrorKind::Status(200)))),
            (version, "HTTP/1.1 301 Moved", Err(Response(ResponseErrorKind::Status(301)))),
            (version, "HTTP/1.1 401 Who", Err(Response(ResponseErrorKind::Status(401)))),
            (version, "HTTP/1.1 100 Continue", Err(Response(ResponseErrorKind::Status(100)))),
            (version, "HTTP/1.1 426 Upgrade Required", Err(Response(ResponseErrorKind::Status(426)))),
            (version, "HTTP/1.0 101 Old", Err(HttpVersion)),
            (version, "HTTP/2.0 101 New", Err(HttpVersion)),
            // 6455-4.1-42
            (upgrade, "", Err(MissingHeader("Upgrade"))),
            (upgrade, "upgrade:\tWebSocket\t \r\n", Ok(())),
            (upgrade, "Upgrade: websocket, h2c\r\n", Err(InvalidHeader("Upgrade"))),
            (upgrade, "Upgrade: h2c\r\n", Err(InvalidHeader("Upgrade"))),
            (upgrade, "Upgrade: websockets\r\n", Err(InvalidHeader("Upgrade"))),
            (upgrade, "Upgrade:\r\n", Err(InvalidHeader("Upgrade"))),
            (upgrade, "Upgrade: websocket\r\nUpgrade: websocket\r\n", Err(DuplicateHeader("Upgrade"))),
            // 6455-4.1-43
            (connection, "", Err(MissingHeader("Connection"))),
            (connection, "Connection: keep-alive, Upgrade\r\n", Ok(())),
            (connection, "Connection: uPGRADE ,x\r\n", Ok(())),
            (connection, "Connection: keep-alive\r\nCONNECTION: upgrade\r\n", Ok(())),
            (connection, "Connection: close\r\n", Err(InvalidHeader("Connection"))),
            (connection, "Connection: Upgraded\r\n", Err(InvalidHeader("Connection"))),
            (connection, "Connection: keep-alive Upgrade\r\n", Err(InvalidHeader("Connection"))),
            (connection, "Connection:\r\n", Err(InvalidHeader("Connection"))),
            // 6455-4.1-44, 6455-11.3.3-1
            (accept, "", Err(MissingHeader(ACCEPT))),
            (accept, "sec-websocket-accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t\r\n", Ok(())),
            (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, x\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, "Sec-WebSocket-Accept:\r\n", Err(InvalidHeader(ACCEPT))),
            (accept, &[accept, accept].concat(), Err(DuplicateHeader(ACCEPT))),
            // 6455-4.1-45, 6455-4.1-46: nothing was offered here.
            (
                accept,
                &[accept, "Sec-WebSocket-Extensions: foo\r\n"].concat(),
                Err(Response(ResponseErrorKind::ExtensionNotOffered)),
            ),
            (accept, &[accept, "Sec-WebSocket-Extensions:\r\n"].concat(), Err(InvalidHeader(EXTENSIONS))),
            (
                accept,
                &[accept, "Sec-WebSocket-Protocol: chat\r\n"].concat(),
                Err(Response(ResponseErrorKind::SubprotocolNotOffered)),
            ),
            (
                accept,
                &[accept, "Sec-WebSocket-Protocol:\r\n"].concat(),
                Err(Response(ResponseErrorKind::EmptySubprotocol)),
            ),
            // Fields without a meaning here are ignored.
            (accept, &[accept, "Content-Length: x\r\nServer: caf\u{e9}\r\n"].concat(), Ok(())),
        ];
        for (old, new, expected) in rows {
            let response = GOOD.replacen(old, new, 1);
            assert_eq!(checked(&PLAIN, &response).map(|_| ()), *expected, "{response}");
        }
    }

    /// The fields a server adds, and the subprotocol and the extensions (name/number of parameters) that are then in use.
    type ResponseCase = (&'static str, Result<(Option<&'static str>, &'static str), HandshakeErrorKind>);

    #[test]
    fn what_was_offered_can_be_agreed_on() {
        use HandshakeErrorKind::*;
        let spec = RequestSpec { subprotocols: &["a", "b"], extensions: Some("foo; x=1, bar, foo"), ..PLAIN };
        let rows: &[ResponseCase] = &[
            ("", Ok((None, ""))), // 6455-4.1-s3
            ("Sec-WebSocket-Protocol: b\r\n", Ok((Some("b"), ""))),
            ("Sec-WebSocket-Extensions: foo\r\n", Ok((None, "foo/0"))),
            ("Sec-WebSocket-Extensions: bar; y; z=\"1\" , foo\r\n", Ok((None, "bar/2 foo/0"))),
            ("Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Protocol: a\r\n", Ok((Some("a"), "foo/0"))),
            // 6455-4.1-45
            ("Sec-WebSocket-Extensions: baz\r\n", Err(Response(ResponseErrorKind::ExtensionNotOffered))),
            ("Sec-WebSocket-Extensions: foo, baz\r\n", Err(Response(ResponseErrorKind::ExtensionNotOffered))),
            ("Sec-WebSocket-Extensions: x\r\n", Err(Response(ResponseErrorKind::ExtensionNotOffered))),
            // 6455-9.1-1
            ("Sec-WebSocket-Extensions: foo; x=\r\n", Err(InvalidHeader(EXTENSIONS))),
            ("Sec-WebSocket-Extensions: foo bar\r\n", Err(InvalidHeader(EXTENSIONS))),
            ("Sec-WebSocket-Extensions: baz;\r\n", Err(InvalidHeader(EXTENSIONS))),
            // 6455-11.3.2-2, 6455-4.1-47
            ("Sec-WebSocket-Extensions: foo\r\nsec-websocket-extensions: bar\r\n", Err(DuplicateHeader(EXTENSIONS))),
            // 6455-4.1-46
            ("Sec-WebSocket-Protocol: c\r\n", Err(Response(ResponseErrorKind::SubprotocolNotOffered))),
            ("Sec-WebSocket-Protocol: A\r\n", Err(Response(ResponseErrorKind::SubprotocolNotOffered))),
            ("Sec-WebSocket-Protocol: a, b\r\n", Err(Response(ResponseErrorKind::SubprotocolNotOffered))),
            ("Sec-WebSocket-Protocol: \t\r\n", Err(Response(ResponseErrorKind::EmptySubprotocol))),
            ("Sec-WebSocket-Protocol: caf\u{e9}\r\n", Err(Response(ResponseErrorKind::SubprotocolNotOffered))),
            // 6455-11.3.4-2
            ("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", Err(DuplicateHeader(PROTOCOL))),
        ];
        for (fields, expected) in rows {
            let response = GOOD.replacen("\r\n\r\n", &["\r\n", fields, "\r\n"].concat(), 1);
            let expected = expected.clone().map(|(s, e)| (s.map(str::to_owned), e.to_owned()));
            assert_eq!(checked(&spec, &response), expected, "{fields}");
        }
    }

    #[test]
    fn debug_shows_a_subprotocol_only_if_it_reads_as_a_name() {
        let show = |subprotocol: &str| {
            format!("{:?}", NegotiatedHandshake { subprotocol: Some(subprotocol.to_owned()), extensions: Vec::new() })
        };
        assert_eq!(show("chat"), r#"NegotiatedHandshake { subprotocol: Some("chat"), extensions: [] }"#);
        assert!(!show("aB3$x9!Zq7").contains("x9"));
    }
}
