//! The server's side of the opening handshake (RFC 6455 section 4.2): the check of a request, and the response that
//! accepts it with the accept key ([`accept_key`]). Independent of sockets and of the application.
//!
//! The checks go from HTTP to WebSocket to the policy of the server, and the first one that fails is the error:
//! version, method, target, Host, no body, Upgrade, Connection, Sec-WebSocket-Version, Sec-WebSocket-Key,
//! Sec-WebSocket-Extensions, Sec-WebSocket-Protocol, Origin. The response to a rejected request is in
//! [`rejection`](super::rejection).
//!
//! Other fields are ignored (6455-4.2.1-s9), and the order of the fields does not matter (6455-4.2.1-s1).
//!
//! ```
//! use stdws::handshake::http::HeadParser;
//! use stdws::handshake::origin::OriginPolicy;
//! use stdws::handshake::server::{accept_key, check_request, encode_response};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut parser = HeadParser::request();
//! parser.feed(
//!     b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
//! )?;
//! let head = parser.finish().ok_or("the head is not complete")?;
//! let offer = check_request(&head, OriginPolicy::SameHostAnd(&[]))?;
//! assert_eq!(accept_key(offer.key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
//! assert!(encode_response(&offer, None, None, &[])?.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! # Ok(())
//! # }
//! ```

use std::fmt;

use super::header;
use super::header::Extension;
use super::http;
use super::http::Head;
use super::origin::{HostPort, OriginPolicy};
use crate::error::{HandshakeErrorKind, RequestErrorKind, UsageError};
use crate::primitives::{base64, sha1};
use crate::redact;

const HOST: &str = "Host";
pub(crate) const UPGRADE: &str = "Upgrade";
const CONNECTION: &str = "Connection";
const KEY: &str = "Sec-WebSocket-Key";
pub(crate) const VERSION: &str = "Sec-WebSocket-Version";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const ORIGIN: &str = "Origin";
const CONTENT_LENGTH: &str = "Content-Length";
const TRANSFER_ENCODING: &str = "Transfer-Encoding";

/// The offer of a client, from a valid request.
#[non_exhaustive]
pub struct ClientOffer<'a> {
    /// `Sec-WebSocket-Key` as it was sent, for [`accept_key`].
    pub key: &'a str,
    /// The subprotocols, all different, in the client's order of preference.
    pub subprotocols: Vec<&'a str>,
    /// The extensions, in the client's order of preference.
    pub extensions: Vec<Extension<'a>>,
}

/// Shows subprotocols only if they read as names.
impl fmt::Debug for ClientOffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subprotocols: Vec<_> = self.subprotocols.iter().map(|name| redact::subprotocol(name)).collect();
        f.debug_struct("ClientOffer")
            .field("key", &self.key)
            .field("subprotocols", &subprotocols)
            .field("extensions", &self.extensions)
            .finish()
    }
}

/// Checks a request for a WebSocket.
///
/// # Errors
/// The first fault, in the order of this page.
pub fn check_request<'a>(head: &'a Head, origins: OriginPolicy<'_>) -> Result<ClientOffer<'a>, HandshakeErrorKind> {
    // 6455-4.2.1-s2: a GET of HTTP/1.1 or later.
    if !head.version().supports_upgrade() {
        return Err(HandshakeErrorKind::HttpVersion);
    }
    if head.method() != "GET" {
        return Err(HandshakeErrorKind::Request(RequestErrorKind::Method));
    }
    let host = request_host(head)?.ok_or(HandshakeErrorKind::MissingHeader(HOST))?;
    check_no_body(head)?;
    check_upgrade(head)?;
    check_version(head)?;
    let offer = read_offer(head)?;
    // 6455-4.2.2-4, 6455-4.2.2-5, 6455-10.2-1: pages of other sites are rejected unless the policy allows them.
    if !origins.allows(head.single(ORIGIN)?, host) {
        return Err(HandshakeErrorKind::Request(RequestErrorKind::OriginNotAllowed));
    }
    Ok(offer)
}

/// The offer of a request. The lists are parsed each time, so that they are not kept while a hook of the application runs.
///
/// # Errors
/// The first of the three fields that is invalid: extensions, key, subprotocols.
pub(crate) fn read_offer(head: &Head) -> Result<ClientOffer<'_>, HandshakeErrorKind> {
    // 6455-9.1-1: a list that does not follow the grammar fails the handshake.
    let extensions =
        header::extensions(head.get_all(EXTENSIONS)).map_err(|_| HandshakeErrorKind::InvalidHeader(EXTENSIONS))?;
    Ok(ClientOffer { key: parse_key(head)?, subprotocols: parse_subprotocols(head)?, extensions })
}

/// Whether a request asks for a WebSocket: `Upgrade` names `websocket`. The request may still be invalid.
pub fn is_websocket(head: &Head) -> bool {
    header::list_has(head.get_all(UPGRADE), "websocket")
}

/// Checks a request that does not ask for a WebSocket: it has to be valid HTTP/1.x (RFC 9112). Any method is allowed.
/// Only HTTP/1.0 allows a request without a Host (RFC 9110 section 7.2).
#[cfg(feature = "server")]
pub(crate) fn check_http_request(head: &Head) -> Result<(), HandshakeErrorKind> {
    if head.version().major != 1 {
        return Err(HandshakeErrorKind::HttpVersion);
    }
    request_host(head)?;
    // A body has one length: Content-Length and Transfer-Encoding exclude each other (RFC 9112 section 6.3).
    match http::content_length(head).map_err(HandshakeErrorKind::Head)? {
        Some(_) if head.get(TRANSFER_ENCODING).is_some() => Err(HandshakeErrorKind::InvalidHeader(TRANSFER_ENCODING)),
        Some(_) | None => Ok(()),
    }
}

/// The host that a request is for. One that stands in the target takes precedence over Host, which is ignored then (RFC 9112
/// section 3.2.2). `None`: HTTP/1.0 allows a request without either.
///
/// # Errors
/// An invalid target; more than one Host, an invalid one, or none in HTTP/1.1 (6455-4.2.1-s3).
pub(crate) fn request_host(head: &Head) -> Result<Option<HostPort<'_>>, HandshakeErrorKind> {
    let authority = target_authority(head.target()).ok_or(HandshakeErrorKind::Request(RequestErrorKind::Target))?;
    let host = match head.single(HOST)? {
        None if head.version().supports_upgrade() => return Err(HandshakeErrorKind::MissingHeader(HOST)),
        None => None,
        Some(host) => Some(parse_host(host)?),
    };
    Ok(authority.or(host))
}

/// Checks the host of a request that is valid otherwise against a list. Without an entry every host is allowed. A request
/// without a host (HTTP/1.0) is not allowed by a list.
#[cfg(feature = "server")]
pub(crate) fn check_allowed_host(head: &Head, list: &[String]) -> Result<(), HandshakeErrorKind> {
    match request_host(head)? {
        None if list.is_empty() => Ok(()),
        Some(host) if super::origin::allows_host(list, host) => Ok(()),
        Some(_) | None => Err(HandshakeErrorKind::Request(RequestErrorKind::HostNotAllowed)),
    }
}

/// The value of Host as a host and a port.
pub(crate) fn parse_host(host: &[u8]) -> Result<HostPort<'_>, HandshakeErrorKind> {
    std::str::from_utf8(host).ok().and_then(HostPort::parse).ok_or(HandshakeErrorKind::InvalidHeader(HOST))
}

/// The authority of a request target. The target is a resource name, which has none, or an absolute `http` or `https` URI
/// (6455-4.2.1-s2). `None`: it is invalid, or has a fragment.
pub(crate) fn target_authority(text: &str) -> Option<Option<HostPort<'_>>> {
    if text.contains('#') {
        return None;
    }
    let (authority, resource) = match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|s| s.eq_ignore_ascii_case(scheme)) => {
            let (authority, resource) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))?;
            (Some(HostPort::parse(authority)?), resource)
        }
        Some(_) | None => (None, text),
    };
    // An empty path of a URI stands for the root (RFC 9110 section 4.2.3).
    let rooted =
        resource.starts_with('/') || (authority.is_some() && matches!(resource.chars().next(), None | Some('?')));
    rooted.then_some(authority)
}

/// The value of a field that has to be there once.
pub(crate) fn required_header<'a>(head: &'a Head, name: &'static str) -> Result<&'a [u8], HandshakeErrorKind> {
    head.single(name)?.ok_or(HandshakeErrorKind::MissingHeader(name))
}

/// Rejects a request with a body, whose bytes would be read as frames.
pub(crate) fn check_no_body(head: &Head) -> Result<(), HandshakeErrorKind> {
    if head.get(TRANSFER_ENCODING).is_some() {
        return Err(HandshakeErrorKind::InvalidHeader(TRANSFER_ENCODING));
    }
    match http::content_length(head) {
        Ok(None | Some(0)) => Ok(()),
        Ok(Some(_)) => Err(HandshakeErrorKind::InvalidHeader(CONTENT_LENGTH)),
        Err(kind) => Err(HandshakeErrorKind::Head(kind)),
    }
}

/// Checks Upgrade and Connection (6455-4.2.1-s4, 6455-4.2.1-s5). Both lists may have other elements, and several fields.
fn check_upgrade(head: &Head) -> Result<(), HandshakeErrorKind> {
    for (name, token) in [(UPGRADE, "websocket"), (CONNECTION, "upgrade")] {
        if head.get(name).is_none() {
            return Err(HandshakeErrorKind::MissingHeader(name));
        }
        if !header::list_has(head.get_all(name), token) {
            return Err(HandshakeErrorKind::InvalidHeader(name));
        }
    }
    Ok(())
}

/// Checks Sec-WebSocket-Version (6455-4.2.1-s7, 6455-4.2.2-6, 6455-11.3.5-2). A value that is not a number is unsupported.
fn check_version(head: &Head) -> Result<(), HandshakeErrorKind> {
    match required_header(head, VERSION)? {
        b"13" => Ok(()),
        _ => Err(HandshakeErrorKind::Request(RequestErrorKind::UnsupportedVersion)),
    }
}

/// The value of Sec-WebSocket-Key (6455-4.2.1-s6, 6455-4.3-s1, 6455-11.3.1-1).
pub(crate) fn parse_key(head: &Head) -> Result<&str, HandshakeErrorKind> {
    let key = required_header(head, KEY)?;
    std::str::from_utf8(key).ok().filter(|_| is_key(key)).ok_or(HandshakeErrorKind::InvalidHeader(KEY))
}

/// Whether a value is a key: base64 of 16 bytes.
pub(crate) fn is_key(value: &[u8]) -> bool {
    base64::decode(value).is_some_and(|nonce| nonce.len() == 16)
}

/// The subprotocols: one list in any number of fields (6455-4.2.1-s8, 6455-11.3.4-1). The elements are tokens, all
/// different, and a field without an element is invalid (6455-4.1-36, 6455-4.1-37). At most [`header::MAX_ELEMENTS`].
pub(crate) fn parse_subprotocols(head: &Head) -> Result<Vec<&str>, HandshakeErrorKind> {
    let wrong = HandshakeErrorKind::InvalidHeader(PROTOCOL);
    let mut list = Vec::new();
    for name in head.get_all(PROTOCOL).flat_map(header::tokens) {
        match name {
            Ok(name) if list.len() < header::MAX_ELEMENTS && !list.contains(&name) => list.push(name),
            Ok(_) | Err(_) => return Err(wrong),
        }
    }
    if list.is_empty() && head.get(PROTOCOL).is_some() {
        return Err(wrong);
    }
    Ok(list)
}

/// The value of `Sec-WebSocket-Accept` for a key.
///
/// ```
/// use stdws::handshake::server::accept_key;
/// assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &str) -> String {
    // 6455-4.2.2-s6. 6455-4.2.2-s2: the text of the key is hashed, not the bytes it encodes.
    let proof = [key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    base64::encode(&sha1::digest(proof.as_bytes()))
}

/// The subprotocol to use: the first one of the client's list, which is in its order of preference (6455-4.1-35), that the
/// server supports.
pub fn select_subprotocol<'a>(offered: &[&'a str], supported: &[String]) -> Option<&'a str> {
    // 6455-4.2.2-8: one of the client's. Case matters.
    offered.iter().copied().find(|name| supported.iter().any(|s| s == name))
}

/// The bytes of the response that accepts an offer (6455-4.2.2-12), with the subprotocol and the extensions in use.
///
/// # Errors
/// A subprotocol or an extension that was not offered, and an additional field that cannot be sent or must not be given.
pub fn encode_response(
    offer: &ClientOffer<'_>,
    subprotocol: Option<&str>,
    extensions: Option<&str>,
    headers: &[(String, String)],
) -> Result<Vec<u8>, UsageError> {
    // 6455-4.2.2-8
    if let Some(name) = subprotocol.filter(|name| !offer.subprotocols.contains(name)) {
        return Err(UsageError::SubprotocolNotOffered(name.to_owned()));
    }
    // 6455-4.2.2-10, 6455-4.2.2-11
    let accepted = header::extensions(extensions.map(str::as_bytes));
    let is_offered = |name| offer.extensions.iter().any(|offered| offered.name == name);
    if !accepted.is_ok_and(|accepted| accepted.iter().all(|extension| is_offered(extension.name))) {
        return Err(UsageError::HeaderValue(EXTENSIONS.to_owned()));
    }
    headers.iter().try_for_each(|(name, value)| header::check_field(name, value))?;
    Ok(write_response(&accept_key(offer.key), subprotocol, extensions, headers))
}

/// As [`encode_response`], for arguments that were checked. Kept apart, because the stack of a handshake stays in use below a
/// handler that runs for hours.
pub(crate) fn write_response(
    accept: &str,
    subprotocol: Option<&str>,
    extensions: Option<&str>,
    headers: &[(String, String)],
) -> Vec<u8> {
    // 6455-4.2.2-s4, 6455-4.2.2-s5, 6455-11.3.3-1
    let fields = [(UPGRADE, "websocket"), (CONNECTION, "Upgrade"), ("Sec-WebSocket-Accept", accept)];
    // 6455-4.2.2-s7: what is in use. 6455-4.2.2-9: nothing in use, no field. 6455-11.3.2-2, 6455-11.3.4-2: at most one field.
    let chosen = subprotocol.map(|name| (PROTOCOL, name)).into_iter().chain(extensions.map(|list| (EXTENSIONS, list)));
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // 6455-4.2.2-s3
    http::write_head("HTTP/1.1 101 Switching Protocols", fields.into_iter().chain(chosen).chain(headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::{HeadParser, Progress};
    use crate::handshake::rejection;

    const GOOD: [&str; 7] = [
        "GET /chat HTTP/1.1",
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Origin: http://server.example.com",
    ];

    fn head(lines: &[&str]) -> Head {
        let text = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>() + "\r\n";
        let mut parser = HeadParser::request();
        assert_eq!(parser.feed(text.as_bytes()), Ok(Progress::Done { consumed: text.len() }), "{text}");
        parser.finish().unwrap()
    }

    /// The valid request with changes. A change replaces the line with the same name, or is added when there is none.
    /// "Name:-" removes a line, and "+" adds a line in any case.
    fn changed(changes: &[&str]) -> Head {
        let mut lines = GOOD.to_vec();
        for change in changes {
            let (name, rest) = change.split_once([':', ' ']).unwrap_or((change, ""));
            let name = name.trim_start_matches('+');
            let index = lines.iter().position(|line| line.starts_with(name)).filter(|_| !change.starts_with('+'));
            match index {
                Some(index) if rest == "-" => drop(lines.remove(index)),
                Some(index) => lines[index] = change,
                None => lines.push(change.trim_start_matches('+')),
            }
        }
        head(&lines)
    }

    #[cfg(feature = "server")]
    #[test]
    fn the_hosts_of_a_list_are_allowed() {
        let list = ["server.example.com".to_owned()];
        let wrong = Err(HandshakeErrorKind::Request(RequestErrorKind::HostNotAllowed));
        let rows = [
            (&["GET / HTTP/1.1", "Host: server.example.com:81"][..], Ok(()), Ok(())),
            (&["GET / HTTP/1.1", "Host: other.example"], wrong.clone(), Ok(())),
            // The host of the target counts.
            (&["GET http://other.example/ HTTP/1.1", "Host: server.example.com"], wrong.clone(), Ok(())),
            (&["GET / HTTP/1.0"], wrong, Ok(())),
            (
                &["GET / HTTP/1.1"],
                Err(HandshakeErrorKind::MissingHeader(HOST)),
                Err(HandshakeErrorKind::MissingHeader(HOST)),
            ),
        ];
        for (lines, listed, unlisted) in rows {
            assert_eq!(check_allowed_host(&head(lines), &list), listed, "{lines:?}");
            assert_eq!(check_allowed_host(&head(lines), &[]), unlisted, "{lines:?}");
        }
    }

    /// This number of different names.
    fn many(count: usize) -> String {
        (0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",")
    }

    fn checked(changes: &[&str]) -> Result<(), HandshakeErrorKind> {
        check_request(&changed(changes), OriginPolicy::SameHostAnd(&[])).map(|_| ())
    }

    /// Shows the answers to farrell-1, farrell-3, resnick-5.
    #[test]
    fn valid_requests_are_accepted() {
        let rows: [&[&str]; 29] = [
            &[],
            &["GET / HTTP/1.2"],
            &["GET http://server.example.com HTTP/1.1"],
            &["GET HTTP://Server.Example.Com:80/x HTTP/1.1"],
            &["GET https://server.example.com:443/x HTTP/1.1", "Origin: https://server.example.com"],
            &["GET /?to=http://elsewhere/ HTTP/1.1"],
            // RFC 9112 section 3.2.2: Host is ignored.
            &["GET https://server.example.com:80/ HTTP/1.1"],
            &["GET http://server.example.com/x HTTP/1.1", "Host: elsewhere"],
            &["GET http://elsewhere:81 HTTP/1.1", "Origin: http://elsewhere:81"],
            &["Host: server.example.com:80"],
            &["Host: [::1]:9001", "Origin:-"],
            &["Upgrade: WebSocket"], // 6455-4.2.1-s4
            &["Upgrade: h2c/1, websocket"],
            &["Connection: keep-alive, UPGRADE"], // 6455-4.2.1-s5
            &["Connection: keep-alive", "+Connection: upgrade"],
            &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="], // Unused bits of the last letter are set.
            &["Sec-WebSocket-Version:   13  "],
            &["Origin:-"], // 6455-4.2.1-2
            &["Sec-WebSocket-Protocol: chat, superchat"],
            &["+Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: superchat"], // 6455-11.3.4-1
            &["+Sec-WebSocket-Protocol: chat, Chat"],
            &["+Sec-WebSocket-Extensions: a; b=\"c\"", "+Sec-WebSocket-Extensions: d"], // 6455-11.3.2-1
            &["Content-Length: 0"],
            &["X-Unknown: caf\u{e9}"],                // 6455-4.2.1-s9
            &["+X-Unknown: a", "+X-Unknown: b"],      // 6455-4.2.1-s9
            &["Host:-", "+host: server.example.com"], // 6455-4.2.1-s1
            &["Upgrade:-", "+UPGRADE: websocket"],    // 6455-4.2.1-s1
            &["Sec-WebSocket-Accept: nothing a server reads"],
            &["Origin: https://server.example.com"],
        ];
        for changes in rows {
            assert_eq!(checked(changes), Ok(()), "{changes:?}");
        }
        let most = [
            format!("+Sec-WebSocket-Protocol: {}", many(100)),
            format!("+Sec-WebSocket-Extensions: a{}", ";b".repeat(99)),
        ];
        assert_eq!(checked(&most.each_ref().map(String::as_str)), Ok(()));
    }

    /// Shows the answer to resnick-5.
    #[test]
    fn invalid_requests_are_rejected() {
        use HandshakeErrorKind::*;
        let rows: [(&[&str], HandshakeErrorKind, u16); 73] = [
            // 6455-4.2.1-s2
            (&["GET / HTTP/1.0"], HttpVersion, 505),
            (&["GET / HTTP/0.9"], HttpVersion, 505),
            (&["GET / HTTP/2.0"], HttpVersion, 505),
            (&["GET * HTTP/1.0"], HttpVersion, 505),
            (&["GET * HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET chat HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET ?x HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET /chat#x HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET ws://server.example.com/ HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET ftp://server.example.com/ HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET http:// HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET http:///chat HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET http://user:pass@server.example.com/ HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET http://server.example.com:x/ HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            (&["GET server.example.com:80 HTTP/1.1"], Request(RequestErrorKind::Target), 400),
            // RFC 9112 section 3.2.2: the Origin is compared with the host of the target, and Host has to be valid.
            (&["GET http://elsewhere/ HTTP/1.1"], Request(RequestErrorKind::OriginNotAllowed), 403),
            (&["GET http://server.example.com:81/ HTTP/1.1"], Request(RequestErrorKind::OriginNotAllowed), 403),
            (&["GET http://server.example.com/ HTTP/1.1", "Host:-"], MissingHeader("Host"), 400),
            (&["GET http://server.example.com/ HTTP/1.1", "Host: a b"], InvalidHeader("Host"), 400),
            // 6455-4.2.1-s3, CVE-2026-61666
            (&["Host:-"], MissingHeader("Host"), 400),
            (&["Host:"], InvalidHeader("Host"), 400),
            (&["+Host: server.example.com"], DuplicateHeader("Host"), 400),
            (&["Host: a b"], InvalidHeader("Host"), 400),
            (&["Host: a,b"], InvalidHeader("Host"), 400),
            (&["Host: a:99999"], InvalidHeader("Host"), 400),
            (&["Host: [::1"], InvalidHeader("Host"), 400),
            (&["Host: user@server.example.com"], InvalidHeader("Host"), 400),
            (&["Host: http://server.example.com"], InvalidHeader("Host"), 400),
            (&["Host: caf\u{e9}"], InvalidHeader("Host"), 400),
            // A body.
            (&["Content-Length: 1"], InvalidHeader("Content-Length"), 400),
            (&["Content-Length: +0"], Head(crate::error::HeadErrorKind::ContentLength), 400),
            (&["Transfer-Encoding: chunked"], InvalidHeader("Transfer-Encoding"), 400),
            // 6455-4.2.1-s4
            (&["Upgrade:-"], MissingHeader("Upgrade"), 426),
            (&["Upgrade:"], InvalidHeader("Upgrade"), 426),
            (&["Upgrade: h2c"], InvalidHeader("Upgrade"), 426),
            (&["Upgrade: websocket2"], InvalidHeader("Upgrade"), 426),
            (&["Upgrade: websocket/13"], InvalidHeader("Upgrade"), 426),
            // 6455-4.2.1-s5
            (&["Connection:-"], MissingHeader("Connection"), 400),
            (&["Connection: keep-alive"], InvalidHeader("Connection"), 400),
            (&["Connection: upgrades"], InvalidHeader("Connection"), 400),
            (&["Connection: keep-alive upgrade"], InvalidHeader("Connection"), 400),
            // 6455-4.2.1-s7, 6455-4.2.2-6, 6455-11.3.5-2
            (&["Sec-WebSocket-Version:-"], MissingHeader("Sec-WebSocket-Version"), 400),
            (&["Sec-WebSocket-Version: 8"], Request(RequestErrorKind::UnsupportedVersion), 426),
            (&["Sec-WebSocket-Version: 14"], Request(RequestErrorKind::UnsupportedVersion), 426),
            (&["Sec-WebSocket-Version: 013"], Request(RequestErrorKind::UnsupportedVersion), 426),
            (&["Sec-WebSocket-Version: 13, 8"], Request(RequestErrorKind::UnsupportedVersion), 426),
            (&["Sec-WebSocket-Version:"], Request(RequestErrorKind::UnsupportedVersion), 426),
            (&["+Sec-WebSocket-Version: 13"], DuplicateHeader("Sec-WebSocket-Version"), 400),
            // 6455-4.2.1-s6, 6455-4.3-s1, 6455-11.3.1-1
            (&["Sec-WebSocket-Key:-"], MissingHeader("Sec-WebSocket-Key"), 400),
            (&["Sec-WebSocket-Key:"], InvalidHeader("Sec-WebSocket-Key"), 400),
            (&["+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], DuplicateHeader("Sec-WebSocket-Key"), 400),
            (&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"], InvalidHeader("Sec-WebSocket-Key"), 400),
            (&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"], InvalidHeader("Sec-WebSocket-Key"), 400),
            (&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="], InvalidHeader("Sec-WebSocket-Key"), 400),
            (&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25-ZQ=="], InvalidHeader("Sec-WebSocket-Key"), 400),
            // 6455-9.1-1, 6455-9.1-2
            (&["+Sec-WebSocket-Extensions: a b"], InvalidHeader("Sec-WebSocket-Extensions"), 400),
            (&["+Sec-WebSocket-Extensions: a; b=\"c d\""], InvalidHeader("Sec-WebSocket-Extensions"), 400),
            (
                &["+Sec-WebSocket-Extensions: a", "+Sec-WebSocket-Extensions: b;"],
                InvalidHeader("Sec-WebSocket-Extensions"),
                400,
            ),
            (&["+Sec-WebSocket-Extensions:"], InvalidHeader("Sec-WebSocket-Extensions"), 400),
            // 6455-4.1-36, 6455-4.1-37
            (&["+Sec-WebSocket-Protocol:"], InvalidHeader("Sec-WebSocket-Protocol"), 400),
            (&["+Sec-WebSocket-Protocol: ,"], InvalidHeader("Sec-WebSocket-Protocol"), 400),
            (&["+Sec-WebSocket-Protocol: a/b"], InvalidHeader("Sec-WebSocket-Protocol"), 400),
            (&["+Sec-WebSocket-Protocol: a, b, a"], InvalidHeader("Sec-WebSocket-Protocol"), 400),
            (
                &["+Sec-WebSocket-Protocol: a", "+Sec-WebSocket-Protocol: a"],
                InvalidHeader("Sec-WebSocket-Protocol"),
                400,
            ),
            // Longer lists take more memory than the head.
            (
                &[&format!("+Sec-WebSocket-Extensions: a{}", ";b".repeat(100))],
                InvalidHeader("Sec-WebSocket-Extensions"),
                400,
            ),
            (&[&format!("+Sec-WebSocket-Protocol: {}", many(101))], InvalidHeader("Sec-WebSocket-Protocol"), 400),
            // 6455-4.2.2-5, 6455-10.2-2
            (&["Origin: http://elsewhere"], Request(RequestErrorKind::OriginNotAllowed), 403),
            (&["Origin: null"], Request(RequestErrorKind::OriginNotAllowed), 403),
            (&["Origin: http://server.example.com:81"], Request(RequestErrorKind::OriginNotAllowed), 403),
            (&["+Origin: http://server.example.com"], DuplicateHeader("Origin"), 400),
            // The order of the checks: HTTP, then WebSocket, then the policy.
            (&["GET * HTTP/1.1", "Host:-"], Request(RequestErrorKind::Target), 400),
            (&["Upgrade:-", "Sec-WebSocket-Version: 8", "Origin: http://elsewhere"], MissingHeader("Upgrade"), 426),
            (&["Sec-WebSocket-Version: 8", "Sec-WebSocket-Key:-"], Request(RequestErrorKind::UnsupportedVersion), 426),
        ];
        for (changes, kind, status) in rows {
            assert_eq!(checked(changes), Err(kind.clone()), "{changes:?}");
            assert_eq!(rejection::status(&kind), status, "{changes:?}");
        }
        for method in ["POST", "HEAD", "get", "OPTIONS"] {
            let mut lines = GOOD;
            let start = format!("{method} /chat HTTP/1.1");
            lines[0] = &start;
            let head = head(&lines);
            assert_eq!(check_request(&head, OriginPolicy::Any).map(|_| ()), Err(Request(RequestErrorKind::Method)));
        }
    }

    #[cfg(feature = "server")]
    #[test]
    fn requests_without_an_upgrade_to_websocket() {
        use HandshakeErrorKind::*;
        let rows: [(&[&str], Result<(), HandshakeErrorKind>); 26] = [
            (&["GET / HTTP/1.1", "Host: h"], Ok(())),
            (&["POST /?x HTTP/1.1", "Host: h:80", "Content-Length: 5"], Ok(())),
            (&["PUT http://h/x HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"], Ok(())),
            (&["GET / HTTP/1.0"], Ok(())),
            (&["GET / HTTP/1.0", "Host: h"], Ok(())),
            (&["GET http://h/ HTTP/1.0"], Ok(())),
            (&["GET / HTTP/1.1", "Host: h", "Upgrade: h2c", "Connection: Upgrade"], Ok(())),
            (&["GET / HTTP/1.1", "Host: h", "Origin: http://elsewhere"], Ok(())),
            (&["GET / HTTP/2.0", "Host: h"], Err(HttpVersion)),
            (&["GET / HTTP/0.9", "Host: h"], Err(HttpVersion)),
            (&["OPTIONS * HTTP/1.1", "Host: h"], Err(Request(RequestErrorKind::Target))),
            (&["CONNECT h:80 HTTP/1.1", "Host: h:80"], Err(Request(RequestErrorKind::Target))),
            (&["GET /#x HTTP/1.1", "Host: h"], Err(Request(RequestErrorKind::Target))),
            (&["GET http://elsewhere/ HTTP/1.1", "Host: h"], Ok(())),
            (&["GET / HTTP/1.1"], Err(MissingHeader("Host"))),
            (&["GET / HTTP/1.1", "Host:"], Err(InvalidHeader("Host"))),
            (&["GET / HTTP/1.0", "Host:"], Err(InvalidHeader("Host"))),
            (&["GET / HTTP/1.1", "Host: a b"], Err(InvalidHeader("Host"))),
            (&["GET / HTTP/1.1", "Host: h", "Host: h"], Err(DuplicateHeader("Host"))),
            (&["GET / HTTP/1.0", "Host: h", "Host: i"], Err(DuplicateHeader("Host"))),
            (&["GET / HTTP/1.1", "Host: user@h"], Err(InvalidHeader("Host"))),
            (
                &["POST / HTTP/1.1", "Host: h", "Content-Length: -1"],
                Err(Head(crate::error::HeadErrorKind::ContentLength)),
            ),
            (
                &["POST / HTTP/1.1", "Host: h", "Content-Length: 1, 1"],
                Err(Head(crate::error::HeadErrorKind::ContentLength)),
            ),
            (
                &["POST / HTTP/1.1", "Host: h", "Content-Length: 1", "Content-Length: 2"],
                Err(Head(crate::error::HeadErrorKind::ContentLength)),
            ),
            (
                &["POST / HTTP/1.1", "Host: h", "Content-Length: 1", "Transfer-Encoding: chunked"],
                Err(InvalidHeader("Transfer-Encoding")),
            ),
            (&["GET / HTTP/1.0", "Content-Length: 0", "Transfer-Encoding: x"], Err(InvalidHeader("Transfer-Encoding"))),
        ];
        for (lines, expected) in rows {
            let head = head(lines);
            assert!(!is_websocket(&head));
            assert_eq!(check_http_request(&head), expected, "{lines:?}");
        }
        for (upgrade, asks) in [("websocket", true), ("h2c, WebSocket", true), ("websocket2", false), ("", false)] {
            assert_eq!(is_websocket(&changed(&[&format!("Upgrade: {upgrade}")])), asks, "{upgrade}");
        }
    }

    #[test]
    fn a_rejection_does_not_echo_the_request() {
        for changes in [["Host: <script>"], ["Upgrade: <script>"], ["Origin: http://<script>"]] {
            let answer = rejection::response(&checked(&changes).unwrap_err(), "13");
            assert!(!String::from_utf8(answer).unwrap().contains("script"));
        }
    }

    #[test]
    fn an_offer_has_key_subprotocols_and_extensions() {
        let head = changed(&[
            "GET /a%20b/?x=1?y HTTP/1.1",
            "Sec-WebSocket-Protocol: superchat,, chat",
            "+Sec-WebSocket-Protocol: v3",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x; y=\"8\"",
        ]);
        let offer = check_request(&head, OriginPolicy::SameHostAnd(&[])).unwrap();
        assert_eq!(offer.key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(offer.subprotocols, ["superchat", "chat", "v3"]);
        for target in ["/", "/?", "//p", "http://server.example.com", "http://server.example.com?q"] {
            assert!(
                check_request(&changed(&[&format!("GET {target} HTTP/1.1")]), OriginPolicy::Any).is_ok(),
                "{target}"
            );
        }
    }

    #[test]
    fn allowed_origins_are_accepted() {
        let head = changed(&["Origin: https://app.example.com"]);
        assert!(check_request(&head, OriginPolicy::SameHostAnd(&["https://app.example.com".into()])).is_ok());
        assert!(check_request(&head, OriginPolicy::Any).is_ok());
    }

    /// Shows the answer to turner-3.
    #[test]
    fn the_key_of_the_rfc() {
        // 6455-4.2.2-s6
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        // 6455-4.2.2-s2: another text of the same nonce has another value.
        assert_ne!(accept_key("dGhlIHNhbXBsZSBub25jZR=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_clients_order_of_preference_decides() {
        let supported = ["b".to_string(), "a".to_string()];
        assert_eq!(select_subprotocol(&["c", "a", "b"], &supported), Some("a")); // 6455-4.1-35
        assert_eq!(select_subprotocol(&["A", "c"], &supported), None); // 6455-4.2.2-8
        assert_eq!(select_subprotocol(&["a"], &[]), None);
        assert_eq!(select_subprotocol(&[], &supported), None);
    }

    #[test]
    fn a_response_has_what_is_in_use() {
        // 6455-4.2.2-12, 6455-4.2.2-s3, 6455-4.2.2-s4, 6455-4.2.2-s5, 6455-4.2.2-9
        let plain = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        let head = changed(&["+Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Extensions: permessage-deflate"]);
        let offer = check_request(&head, OriginPolicy::Any).unwrap();
        assert_eq!(encode_response(&offer, None, None, &[]).unwrap(), format!("{plain}\r\n").as_bytes());
        let headers = [("Server".to_string(), "x".to_string())];
        let full = encode_response(&offer, Some("chat"), Some("permessage-deflate"), &headers).unwrap();
        let more = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nServer: x\r\n";
        assert_eq!(full, format!("{plain}{more}\r\n").as_bytes());
    }

    #[test]
    fn a_response_rejects_what_was_not_offered_or_cannot_be_sent() {
        let head = changed(&["+Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Extensions: a"]);
        let offer = check_request(&head, OriginPolicy::Any).unwrap();
        let extensions = UsageError::HeaderValue(EXTENSIONS.into());
        // 6455-4.2.2-8, 6455-4.2.2-10, 6455-4.2.2-11
        for (subprotocol, list, error) in [
            (Some("Chat"), None, UsageError::SubprotocolNotOffered("Chat".into())),
            (None, Some("b"), extensions.clone()),
            (None, Some("a, b"), extensions.clone()),
            (None, Some("a;"), extensions.clone()),
            (None, Some("a\r\nX: y"), extensions.clone()),
        ] {
            assert_eq!(encode_response(&offer, subprotocol, list, &[]), Err(error), "{subprotocol:?} {list:?}");
        }
        let header = |name: &str, value: &str| [(name.to_string(), value.to_string())];
        let line_break = encode_response(&offer, None, None, &header("X", "a\r\nEvil: b"));
        assert_eq!(line_break, Err(UsageError::HeaderValue("X".into()))); // CVE-2020-35678
        let reserved = encode_response(&offer, None, None, &header("Upgrade", "h2c"));
        assert_eq!(reserved, Err(UsageError::ReservedHeader("Upgrade".into())));
    }

    #[test]
    fn debug_shows_subprotocols_only_if_they_read_as_names() {
        let offer = ClientOffer { key: "a key", subprotocols: vec!["chat", "aB3$x9!Zq7"], extensions: Vec::new() };
        let wanted = r#"ClientOffer { key: "a key", subprotocols: ["chat", "(not shown, 10 bytes)"], extensions: [] }"#;
        assert_eq!(format!("{offer:?}"), wanted);
    }
}
