//! What a proxy did instead of opening the way to the server.

use std::fmt;

use super::handshake::HeadErrorKind;

const AUTHENTICATE: &str = "Proxy-Authenticate";

/// A proxy was reached, and did not open the way to the server.
///
/// When the proxy itself cannot be reached, that is [`Error::Connect`](crate::Error::Connect), and when it takes too long
/// [`Error::Timeout`](crate::Error::Timeout) with [`Step::Proxy`](crate::Step::Proxy).
#[derive(Clone)]
pub struct ProxyError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ProxyErrorKind,
    proxy: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ProxyError {
    /// Both as `host:port`.
    pub(crate) fn new(kind: ProxyErrorKind, proxy: String, target: String) -> ProxyError {
        ProxyError(Box::new(Inner { kind, proxy, target, headers: Vec::new(), body: Vec::new() }))
    }

    /// Keeps what an HTTP proxy answered.
    pub(crate) fn with_response(mut self, headers: Vec<(String, String)>, body: Vec<u8>) -> ProxyError {
        self.0.headers = headers;
        self.0.body = body;
        self
    }

    /// What the proxy did.
    pub fn kind(&self) -> ProxyErrorKind {
        self.0.kind
    }

    /// The proxy, as `host:port`.
    pub fn proxy(&self) -> &str {
        &self.0.proxy
    }

    /// The server the proxy was asked for, as `host:port`.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The status of an HTTP proxy's answer, if that was the fault. 407: it wants credentials, or others; see
    /// [`challenges`](ProxyError::challenges).
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            ProxyErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// The fields of an HTTP proxy's answer, in the order they came, bytes outside ASCII as U+FFFD.
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.headers
    }

    /// The first field of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body of an HTTP proxy's answer, at most its first 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }
}

/// Of the answer only its size: fields and body may hold secrets.
impl fmt::Debug for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyError")
            .field("fault", &self.0.kind)
            .field("proxy", &self.0.proxy)
            .field("target", &self.0.target)
            .field("headers", &self.0.headers.len())
            .field("body", &self.0.body.len())
            .finish()
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, proxy, target, .. } = &*self.0;
        write!(f, "the proxy {proxy} did not connect to {target}: {kind}")?;
        match (kind, self.header(AUTHENTICATE)) {
            (ProxyErrorKind::Status(407), Some(challenge)) => {
                // A proxy could fill a log with it.
                let shown: String = challenge.chars().take(100).collect();
                write!(f, "; it asks for {shown}")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ProxyError {}

/// What a proxy did instead of opening the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// It ended the connection before its answer was complete.
    UnexpectedEof,
    /// HTTP: its answer is not HTTP this side understands.
    Head(HeadErrorKind),
    /// HTTP: its answer has a version other than HTTP/1.x.
    HttpVersion,
    /// HTTP: it answered CONNECT with this status, which is not one of 200 to 299.
    Status(u16),
    /// SOCKS: its answer begins with this version, not with 5.
    SocksVersion(u8),
    /// SOCKS: it takes none of the ways to authenticate that were offered: none at all, and, with credentials, user name and
    /// password.
    NoAcceptableMethod,
    /// SOCKS: it chose a way to authenticate that was not offered.
    MethodNotOffered(u8),
    /// SOCKS: its answer to user name and password has this version, not 1 (RFC 1929).
    AuthenticationVersion(u8),
    /// SOCKS: user name or password are wrong.
    AuthenticationFailed,
    /// SOCKS: it could not or would not connect; the reply is one of RFC 1928 section 6.
    Reply(u8),
    /// SOCKS: its reply has an address of an unknown type.
    AddressType(u8),
}

impl fmt::Display for ProxyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyErrorKind::UnexpectedEof => f.write_str("it ended the connection before its answer was complete"),
            ProxyErrorKind::Head(kind) => write!(f, "its answer to CONNECT cannot be read: {kind}"),
            ProxyErrorKind::HttpVersion => f.write_str("its answer to CONNECT is not HTTP/1.x"),
            ProxyErrorKind::Status(status) => write!(f, "it answered {status} to CONNECT"),
            // "HTTP/1.1 400 Bad Request"
            ProxyErrorKind::SocksVersion(b'H') => f.write_str("it answered in HTTP, not in SOCKS version 5"),
            ProxyErrorKind::SocksVersion(version) => write!(f, "it speaks SOCKS version {version}, not 5"),
            ProxyErrorKind::NoAcceptableMethod => f.write_str(
                "it takes none of the ways to authenticate that were offered (X'FF'); see Proxy::credentials",
            ),
            ProxyErrorKind::MethodNotOffered(method) => {
                write!(f, "it chose a way to authenticate that was not offered (X'{method:02X}')")
            }
            ProxyErrorKind::AuthenticationVersion(version) => {
                write!(f, "its answer to user name and password has version {version}, not 1")
            }
            ProxyErrorKind::AuthenticationFailed => f.write_str("it does not take this user name and password"),
            ProxyErrorKind::Reply(reply) => write!(f, "{} (SOCKS reply X'{reply:02X}')", reply_text(*reply)),
            ProxyErrorKind::AddressType(address_type) => {
                write!(f, "its reply has an address of unknown type X'{address_type:02X}'")
            }
        }
    }
}

/// The words of RFC 1928 section 6.
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
