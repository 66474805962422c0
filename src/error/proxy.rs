//! The error for a proxy that did not connect to the server.

use std::fmt;

use super::head::HeadErrorKind;
use super::response::ErrorResponse;
use crate::redact;

const AUTHENTICATE: &str = "Proxy-Authenticate";

/// The error for a proxy that was reached, but did not connect to the server.
///
/// When the proxy cannot be reached, the error is [`Error::Connect`](crate::Error::Connect). When it takes too long, the error is
/// [`Error::Timeout`](crate::Error::Timeout) with [`Step::Proxy`](crate::Step::Proxy).
#[derive(Clone)]
pub struct ProxyError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ProxyErrorKind,
    proxy: String,
    target: String,
    response: ErrorResponse,
}

#[cfg(feature = "proxy")]
impl ProxyError {
    /// An error without a response. Proxy and target are `host:port`.
    pub(crate) fn new(kind: ProxyErrorKind, proxy: String, target: String) -> ProxyError {
        ProxyError(Box::new(Inner { kind, proxy, target, response: ErrorResponse::default() }))
    }

    /// Adds the response of an HTTP proxy.
    pub(crate) fn with_response(mut self, headers: Vec<(String, String)>, body: Vec<u8>) -> ProxyError {
        self.0.response = ErrorResponse { headers, body };
        self
    }
}

impl ProxyError {
    /// The error.
    pub fn kind(&self) -> ProxyErrorKind {
        self.0.kind
    }

    /// The proxy, as `host:port`.
    pub fn proxy(&self) -> &str {
        &self.0.proxy
    }

    /// The server in the request to the proxy, as `host:port`.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The status of an HTTP proxy's response, if the status is the error. With 407 the proxy requires credentials, or other
    /// ones; see [`challenges`](ProxyError::challenges).
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            ProxyErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// The fields of an HTTP proxy's response in its order, bytes outside ASCII as U+FFFD.
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.response.headers
    }

    /// The first field of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.response.header(name)
    }

    /// The body of an HTTP proxy's response, at most its first 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.0.response.body
    }
}

/// Shows only the size of the response, because fields and body may hold secrets.
impl fmt::Debug for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyError")
            .field("fault", &self.0.kind)
            .field("proxy", &self.0.proxy)
            .field("target", &self.0.target)
            .field("headers", &self.0.response.headers.len())
            .field("body", &self.0.response.body.len())
            .finish()
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, proxy, target, .. } = &*self.0;
        write!(f, "the proxy {proxy} did not connect to {target}: {kind}")?;
        match (kind, self.header(AUTHENTICATE)) {
            (ProxyErrorKind::Status(407), Some(challenge)) => {
                write!(f, "; it requires {}; see Proxy::credentials", redact::auth_scheme(challenge))
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ProxyError {}

/// The reason why a proxy did not connect to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// It ended the connection before its response was complete.
    UnexpectedEof,
    /// HTTP: its response is not valid HTTP/1.x, or exceeds a limit.
    Head(HeadErrorKind),
    /// HTTP: its response has a version other than HTTP/1.x.
    HttpVersion,
    /// HTTP: the status of its response to CONNECT, which is not one of 200 to 299.
    Status(u16),
    /// SOCKS: its response has this version, not 5.
    SocksVersion(u8),
    /// SOCKS: it accepts none of the authentication methods that were offered: no authentication and, with credentials, user
    /// name and password.
    NoAcceptableMethod,
    /// SOCKS: it chose an authentication method that was not offered.
    MethodNotOffered(u8),
    /// SOCKS: its response to user name and password has this version, not 1 (RFC 1929).
    AuthenticationVersion(u8),
    /// SOCKS: it rejected the user name and the password.
    AuthenticationFailed,
    /// SOCKS: it did not connect. Holds the reply code of RFC 1928 section 6.
    Reply(u8),
    /// SOCKS: its reply has an address of an unknown type.
    AddressType(u8),
}

impl fmt::Display for ProxyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyErrorKind::UnexpectedEof => f.write_str("it ended the connection before its response was complete"),
            ProxyErrorKind::Head(kind) => write!(f, "its response to CONNECT is invalid: {kind}"),
            ProxyErrorKind::HttpVersion => f.write_str("its response to CONNECT is not HTTP/1.x"),
            ProxyErrorKind::Status(status) => write!(f, "it responded to CONNECT with status {status}"),
            // "HTTP/1.1 400 Bad Request"
            ProxyErrorKind::SocksVersion(b'H') => {
                f.write_str("it is an HTTP proxy, not a SOCKS version 5 proxy; use an http:// URL")
            }
            ProxyErrorKind::SocksVersion(version) => write!(f, "its SOCKS version is {version}, not 5"),
            ProxyErrorKind::NoAcceptableMethod => f.write_str(
                "it accepts none of the authentication methods that were offered (X'FF'); see Proxy::credentials",
            ),
            ProxyErrorKind::MethodNotOffered(method) => {
                write!(f, "it chose an authentication method that was not offered (X'{method:02X}')")
            }
            ProxyErrorKind::AuthenticationVersion(version) => {
                write!(f, "its response to user name and password has version {version}, not 1")
            }
            ProxyErrorKind::AuthenticationFailed => {
                f.write_str("it rejected the user name and the password; see Proxy::credentials")
            }
            ProxyErrorKind::Reply(reply) => write!(f, "{} (SOCKS reply X'{reply:02X}')", reply_text(*reply)),
            ProxyErrorKind::AddressType(address_type) => {
                write!(f, "its reply has an address of unknown type X'{address_type:02X}'")
            }
        }
    }
}

/// The text of a reply code (RFC 1928 section 6).
fn reply_text(reply: u8) -> &'static str {
    match reply {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "it could not connect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of RFC 1928 section 6, in its order.
    #[test]
    fn each_reply_of_socks_has_the_text_of_the_rfc_and_its_number() {
        let texts = [
            "it could not connect (SOCKS reply X'00')",
            "general SOCKS server failure (SOCKS reply X'01')",
            "connection not allowed by its rules (SOCKS reply X'02')",
            "network unreachable (SOCKS reply X'03')",
            "host unreachable (SOCKS reply X'04')",
            "connection refused (SOCKS reply X'05')",
            "TTL expired (SOCKS reply X'06')",
            "command not supported (SOCKS reply X'07')",
            "address type not supported (SOCKS reply X'08')",
            "it could not connect (SOCKS reply X'09')",
        ];
        for (reply, text) in (0..).zip(texts) {
            assert_eq!(ProxyErrorKind::Reply(reply).to_string(), text);
        }
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn an_error_has_both_addresses_and_the_response() {
        let error = |kind| ProxyError::new(kind, "p.example:3128".into(), "a.example:80".into());
        let headers =
            vec![("Via".to_owned(), "1.1 p".to_owned()), ("proxy-authenticate".to_owned(), "Basic x".to_owned())];
        let rejected = error(ProxyErrorKind::Status(407)).with_response(headers.clone(), b"body".to_vec());
        assert_eq!(
            (rejected.proxy(), rejected.target(), rejected.status()),
            ("p.example:3128", "a.example:80", Some(407))
        );
        assert_eq!((rejected.headers(), rejected.body()), (&headers[..], &b"body"[..]));
        assert_eq!((rejected.header("VIA"), rejected.header("Date")), (Some("1.1 p"), None));
        assert!(rejected.to_string().ends_with("status 407; it requires Basic; see Proxy::credentials"));
        let other = error(ProxyErrorKind::Status(403)).with_response(headers, Vec::new());
        assert!(other.to_string().ends_with("status 403"));
        assert_eq!(error(ProxyErrorKind::HttpVersion).status(), None);
    }
}
