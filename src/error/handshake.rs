//! A refused opening handshake: which part was wrong, and all the peer said about it.

use std::fmt;

use super::proxy_header::ProxyHeaderErrorKind;
use super::redirect::RedirectErrorKind;

/// The opening handshake ended in a rejection.
///
/// For a client: what the server answered, with status, headers and up to 64 KiB of body. For a server
/// ([`Server::accept_over`](crate::Server::accept_over)): what was wrong with the request; `status` is what was answered.
#[derive(Clone)]
pub struct HandshakeError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: HandshakeErrorKind,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl HandshakeError {
    pub(crate) fn new(kind: HandshakeErrorKind) -> HandshakeError {
        HandshakeError(Box::new(Inner { kind, status: None, headers: Vec::new(), body: Vec::new() }))
    }

    /// Of the same answer.
    pub(crate) fn with_kind(mut self, kind: HandshakeErrorKind) -> HandshakeError {
        self.0.kind = kind;
        self
    }

    /// Keeps what the server answered.
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

    /// What was wrong.
    pub fn kind(&self) -> &HandshakeErrorKind {
        &self.0.kind
    }

    /// The HTTP status that was received (client) or sent (server), if it came to that.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The fields of the server's answer, in the order they came, bytes outside ASCII as U+FFFD.
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.headers
    }

    /// The first field of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body of the server's answer, at most its first 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }
}

/// Shows the fault and the status. Header values and the body may hold secrets (`Set-Cookie`): only their number and size are shown.
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

/// What was wrong with a request or a response of the opening handshake (RFC 6455 sections 4.1 and 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeErrorKind {
    /// It is not HTTP this side understands.
    Head(HeadErrorKind),
    /// The connection ended before the head was complete.
    UnexpectedEof,
    /// Client: the server answered with this status instead of 101.
    Status(u16),
    /// Client: the server answered with a redirect that must not be followed, which was asked for by
    /// [`Client::max_redirects`](crate::Client::max_redirects).
    Redirect(RedirectErrorKind),
    /// Not HTTP/1.1 or a later 1.x.
    HttpVersion,
    /// Server: the method is not GET.
    Method,
    /// Server: the request target is neither a path nor an `http`/`https` URI.
    Target,
    /// A header that has to be there is not. Its name.
    MissingHeader(&'static str),
    /// A header that has to be single is there more than once. Its name.
    DuplicateHeader(&'static str),
    /// A header has a value that does not do. Its name.
    InvalidHeader(&'static str),
    /// Server: `Sec-WebSocket-Version` names a version that is not spoken here.
    UnsupportedVersion,
    /// Client: the first line of the response is not the one that this version of the protocol wants, letter by letter.
    StatusLine,
    /// Client: the server's answer to the challenge is wrong, so it has not read this handshake.
    InvalidProof,
    /// Client: the server chose a subprotocol that was not offered.
    SubprotocolNotOffered,
    /// Client: the server chose an extension that was not offered.
    ExtensionNotOffered,
    /// Server: a trusted proxy did not begin with a header of the PROXY protocol. It gets no answer.
    ProxyHeader(ProxyHeaderErrorKind),
    /// Server: the Origin is not allowed.
    OriginNotAllowed,
    /// Server: as many connections as allowed are open.
    TooManyConnections,
    /// Server: as many opening handshakes as allowed are under way.
    TooManyHandshakes,
    /// Server: as many connections from one address as allowed are open.
    TooManyConnectionsFromIp,
    /// Server: a hook ([`http`](crate::Server::http), [`on_request`](crate::Server::on_request)) panicked.
    HookPanicked,
    /// Server: no fault at all. A hook answered the request in HTTP.
    Responded,
    /// Server: no fault at all. A hook took the stream over ([`Decision::hand_over`](crate::Decision::hand_over)).
    HandedOver,
}

impl fmt::Display for HandshakeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeErrorKind::Head(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::UnexpectedEof => f.write_str("the connection ended before the head was complete"),
            HandshakeErrorKind::Status(status) => write!(f, "the server answered {status} instead of 101"),
            HandshakeErrorKind::Redirect(kind) => write!(f, "the redirect is not followed: {kind}"),
            HandshakeErrorKind::HttpVersion => f.write_str("not HTTP/1.1"),
            HandshakeErrorKind::Method => f.write_str("the method is not GET"),
            HandshakeErrorKind::Target => f.write_str("the request target is not a path or an http(s) URI"),
            HandshakeErrorKind::MissingHeader(name) => write!(f, "no header {name}"),
            HandshakeErrorKind::DuplicateHeader(name) => write!(f, "header {name} more than once"),
            HandshakeErrorKind::InvalidHeader(name) => write!(f, "header {name} has a value that does not do"),
            HandshakeErrorKind::UnsupportedVersion => f.write_str("Sec-WebSocket-Version is not 13"),
            HandshakeErrorKind::StatusLine => {
                f.write_str("the status line is not the one of this version of the protocol")
            }
            HandshakeErrorKind::InvalidProof => f.write_str("the answer to the challenge is wrong"),
            HandshakeErrorKind::SubprotocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            HandshakeErrorKind::ExtensionNotOffered => {
                f.write_str("the server chose an extension that was not offered")
            }
            HandshakeErrorKind::ProxyHeader(kind) => write!(f, "the PROXY header was refused: {kind}"),
            HandshakeErrorKind::OriginNotAllowed => f.write_str("the Origin is not allowed; see Server::allow_origin"),
            HandshakeErrorKind::TooManyConnections => {
                f.write_str("as many connections as Server::max_connections allows or the system fits are open")
            }
            HandshakeErrorKind::TooManyHandshakes => {
                f.write_str("as many opening handshakes as Server::max_handshakes allows are under way")
            }
            HandshakeErrorKind::TooManyConnectionsFromIp => {
                f.write_str("as many connections from this address as Server::max_per_address allows are open")
            }
            HandshakeErrorKind::HookPanicked => f.write_str("a hook of the server panicked"),
            HandshakeErrorKind::Responded => f.write_str("a hook of the server answered in HTTP"),
            HandshakeErrorKind::HandedOver => f.write_str("a hook of the server took the stream over"),
        }
    }
}

impl std::error::Error for HandshakeErrorKind {}

/// Why bytes are not the head of an HTTP request or response this side takes (RFC 9112, and the limits of `wire::http`).
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
    /// A line that continues the one before it, which HTTP/1.1 no longer allows.
    LineFolding,
    /// A start line that is not "method target version" or "version status reason".
    StartLine,
    /// A field without a colon, with an empty name, or with a name that is not a token.
    FieldName,
    /// A `Content-Length` that is not one plain number.
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
            HeadErrorKind::StartLine => "the first line is not HTTP",
            HeadErrorKind::FieldName => "a field of the head has no valid name",
            HeadErrorKind::ContentLength => "Content-Length is not one plain number",
        })
    }
}

impl std::error::Error for HeadErrorKind {}
