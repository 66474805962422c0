//! A failed opening handshake: the error, and the response of the peer.

use std::fmt;

use super::proxy_header::ProxyHeaderErrorKind;
use super::redirect::RedirectErrorKind;

/// The error of an opening handshake that failed.
///
/// A client gets the response of the server: status, headers and up to 64 KiB of body. A server
/// ([`Server::accept_over`](crate::Server::accept_over)) gets the error in the request, and the status that it sent.
#[derive(Clone)]
pub struct HandshakeError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: HandshakeErrorKind,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[cfg(any(feature = "client", feature = "server"))]
impl HandshakeError {
    /// An error without a response.
    pub(crate) fn new(kind: HandshakeErrorKind) -> HandshakeError {
        HandshakeError(Box::new(Inner { kind, status: None, headers: Vec::new(), body: Vec::new() }))
    }

    /// The same response with another error.
    #[cfg(feature = "proxy")]
    pub(crate) fn with_kind(mut self, kind: HandshakeErrorKind) -> HandshakeError {
        self.0.kind = kind;
        self
    }

    /// Adds the response of the server.
    pub(crate) fn with_response(
        mut self,
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> HandshakeError {
        self.0.status = Some(status);
        self.0.headers = headers;
        self.0.body = body;
        self
    }
}

impl HandshakeError {
    /// The error.
    pub fn kind(&self) -> &HandshakeErrorKind {
        &self.0.kind
    }

    /// The HTTP status that was received (client) or sent (server), if any.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The fields of the server's response in its order, bytes outside ASCII as U+FFFD.
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.headers
    }

    /// The first field of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body of the server's response, at most its first 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }
}

/// Shows the error and the status. Header values and the body may hold secrets (`Set-Cookie`), so only their number and size
/// are shown.
impl fmt::Debug for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeError")
            .field("fault", &self.0.kind)
            .field("status", &self.0.status)
            .field("headers", &self.0.headers.len())
            .field("body", &self.0.body.len())
            .finish()
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the opening handshake failed: {}", self.0.kind)
    }
}

impl std::error::Error for HandshakeError {}

/// The error in a request or a response of the opening handshake (RFC 6455 sections 4.1 and 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeErrorKind {
    /// The head is not valid HTTP/1.x, or exceeds a limit.
    Head(HeadErrorKind),
    /// The connection ended before the head was complete.
    UnexpectedEof,
    /// Client: the server responded with this status instead of 101.
    Status(u16),
    /// Client: [`Client::max_redirects`](crate::Client::max_redirects) allows redirects, but this one must not be followed.
    Redirect(RedirectErrorKind),
    /// Not HTTP/1.1 or a later 1.x.
    HttpVersion,
    /// Server: the method is not GET.
    Method,
    /// Server: the request target is neither a path nor an `http`/`https` URI.
    Target,
    /// A required header is missing. Holds its name.
    MissingHeader(&'static str),
    /// A header that may be sent once is there more than once. Holds its name.
    DuplicateHeader(&'static str),
    /// A header has an invalid value. Holds its name.
    InvalidHeader(&'static str),
    /// Server: `Sec-WebSocket-Version` has a version that this server does not support.
    UnsupportedVersion,
    /// Client: the first line of the response is not exactly the one that this version of the protocol requires.
    StatusLine,
    /// Client: the server's response to the challenge is wrong, so it did not read this handshake.
    InvalidProof,
    /// Client: the server chose a subprotocol that was not offered.
    SubprotocolNotOffered,
    /// Client: the server chose an extension that was not offered.
    ExtensionNotOffered,
    /// Server: a trusted proxy did not send a valid header of the PROXY protocol first. There is no response.
    ProxyHeader(ProxyHeaderErrorKind),
    /// Server: the Origin is not allowed.
    OriginNotAllowed,
    /// Server: the maximum number of open connections is reached.
    TooManyConnections,
    /// Server: the maximum number of concurrent opening handshakes is reached.
    TooManyHandshakes,
    /// Server: the maximum number of open connections from one address is reached.
    TooManyConnectionsFromIp,
    /// Server: a hook ([`http`](crate::Server::http), [`on_request`](crate::Server::on_request)) panicked.
    HookPanicked,
    /// Server: not a failure. A hook responded to the request in HTTP.
    Responded,
    /// Server: not a failure. A hook took over the stream ([`Decision::hand_over`](crate::Decision::hand_over)).
    HandedOver,
}

impl fmt::Display for HandshakeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeErrorKind::Head(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::UnexpectedEof => f.write_str("the connection ended before the head was complete"),
            HandshakeErrorKind::Status(status) => write!(f, "the server responded with status {status} instead of 101"),
            HandshakeErrorKind::Redirect(kind) => write!(f, "the redirect is not followed: {kind}"),
            HandshakeErrorKind::HttpVersion => f.write_str("the HTTP version is not 1.1"),
            HandshakeErrorKind::Method => f.write_str("the method is not GET"),
            HandshakeErrorKind::Target => f.write_str("the request target is not a path or an http(s) URI"),
            HandshakeErrorKind::MissingHeader(name) => write!(f, "header {name} is missing"),
            HandshakeErrorKind::DuplicateHeader(name) => write!(f, "header {name} is there more than once"),
            HandshakeErrorKind::InvalidHeader(name) => write!(f, "header {name} has an invalid value"),
            HandshakeErrorKind::UnsupportedVersion => f.write_str("Sec-WebSocket-Version is not 13"),
            HandshakeErrorKind::StatusLine => {
                f.write_str("the status line is not the one that this version of the protocol requires")
            }
            HandshakeErrorKind::InvalidProof => f.write_str("the response to the challenge is wrong"),
            HandshakeErrorKind::SubprotocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            HandshakeErrorKind::ExtensionNotOffered => {
                f.write_str("the server chose an extension that was not offered")
            }
            HandshakeErrorKind::ProxyHeader(kind) => write!(f, "the header of the PROXY protocol is invalid: {kind}"),
            HandshakeErrorKind::OriginNotAllowed => f.write_str("the Origin is not allowed; see Server::allow_origin"),
            HandshakeErrorKind::TooManyConnections => {
                f.write_str("the maximum number of connections is reached; see Server::max_connections and the limits of the system")
            }
            HandshakeErrorKind::TooManyHandshakes => {
                f.write_str("the maximum number of concurrent opening handshakes is reached; see Server::max_handshakes")
            }
            HandshakeErrorKind::TooManyConnectionsFromIp => {
                f.write_str("the maximum number of connections from this address is reached; see Server::max_per_address")
            }
            HandshakeErrorKind::HookPanicked => f.write_str("a hook of the server panicked"),
            HandshakeErrorKind::Responded => f.write_str("a hook of the server responded in HTTP"),
            HandshakeErrorKind::HandedOver => f.write_str("a hook of the server took over the stream"),
        }
    }
}

impl std::error::Error for HandshakeErrorKind {}

/// The reason why bytes are not the head of an HTTP request or response (RFC 9112), or exceed a limit of
/// [`handshake::http`](crate::handshake::http).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadErrorKind {
    /// A line longer than 8 KiB.
    LineTooLong,
    /// More than 100 fields.
    TooManyFields,
    /// A head of more than 64 KiB.
    HeadTooLong,
    /// A line that does not end in CR LF.
    LineEnding,
    /// A control character.
    ControlCharacter,
    /// A line that continues the line before it, which HTTP/1.1 does not allow.
    LineFolding,
    /// A start line that is not "method target version" or "version status reason".
    StartLine,
    /// A field without a colon, with an empty name, or with a name that is not a token.
    FieldName,
    /// A `Content-Length` that is not one decimal number.
    ContentLength,
}

impl fmt::Display for HeadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadErrorKind::LineTooLong => "a line of the head is longer than 8 KiB",
            HeadErrorKind::TooManyFields => "the head has more than 100 fields",
            HeadErrorKind::HeadTooLong => "the head is longer than 64 KiB",
            HeadErrorKind::LineEnding => "a line of the head does not end in CR LF",
            HeadErrorKind::ControlCharacter => "the head has a control character",
            HeadErrorKind::LineFolding => "the head has a folded line",
            HeadErrorKind::StartLine => "the first line is not a valid HTTP start line",
            HeadErrorKind::FieldName => "a field of the head has an invalid name",
            HeadErrorKind::ContentLength => "Content-Length is not one decimal number",
        })
    }
}

impl std::error::Error for HeadErrorKind {}
