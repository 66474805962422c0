//! A refused opening handshake: which part was wrong, and all the peer said about it.

use std::fmt;

use super::{ProxyHeaderFault, RedirectFault};

/// The opening handshake ended in a refusal.
///
/// For a client: what the server answered, with status, headers and up to 64 KiB of body. For a server
/// ([`Server::accept_over`](crate::Server::accept_over)): what was wrong with the request; `status` is what was answered.
#[derive(Clone)]
pub struct Refusal(Box<Parts>);

#[derive(Clone)]
struct Parts {
    fault: HandshakeFault,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Refusal {
    pub(crate) fn new(fault: HandshakeFault) -> Refusal {
        Refusal(Box::new(Parts { fault, status: None, headers: Vec::new(), body: Vec::new() }))
    }

    /// Of the same answer.
    pub(crate) fn with_fault(mut self, fault: HandshakeFault) -> Refusal {
        self.0.fault = fault;
        self
    }

    /// Keeps what the server answered.
    pub(crate) fn with_answer(mut self, status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Refusal {
        self.0.status = Some(status);
        self.0.headers = headers;
        self.0.body = body;
        self
    }

    /// What was wrong.
    pub fn fault(&self) -> &HandshakeFault {
        &self.0.fault
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
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("fault", &self.0.fault)
            .field("status", &self.0.status)
            .field("headers", &self.0.headers.len())
            .field("body", &self.0.body.len())
            .finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the opening handshake failed: {}", self.0.fault)
    }
}

impl std::error::Error for Refusal {}

/// What was wrong with a request or a response of the opening handshake (RFC 6455 sections 4.1 and 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// It is not HTTP this side understands.
    Head(HeadFault),
    /// The connection ended before the head was complete.
    Ended,
    /// Client: the server answered with this status instead of 101.
    Status(u16),
    /// Client: the server answered with a redirect that must not be followed, which was asked for by
    /// [`Client::redirects`](crate::Client::redirects).
    Redirect(RedirectFault),
    /// Not HTTP/1.1 or a later 1.x.
    HttpVersion,
    /// Server: the method is not GET.
    Method,
    /// Server: the request target is neither a path nor an `http`/`https` URI.
    Target,
    /// A header that has to be there is not. Its name.
    Missing(&'static str),
    /// A header that has to be single is there more than once. Its name.
    Repeated(&'static str),
    /// A header has a value that does not do. Its name.
    Wrong(&'static str),
    /// Server: `Sec-WebSocket-Version` names a version that is not spoken here.
    Version,
    /// Client: the first line of the response is not the one that this version of the protocol wants, letter by letter.
    StatusLine,
    /// Client: the server's answer to the challenge is wrong, so it has not read this handshake.
    Proof,
    /// Client: the server chose a subprotocol that was not offered.
    SubprotocolNotOffered,
    /// Client: the server chose an extension that was not offered.
    ExtensionNotOffered,
    /// Server: a trusted proxy did not begin with a header of the PROXY protocol. It gets no answer.
    ProxyHeader(ProxyHeaderFault),
    /// Server: the Origin is not allowed.
    OriginNotAllowed,
    /// Server: as many connections as allowed are open.
    Full,
    /// Server: as many opening handshakes as allowed are under way.
    TooManyHandshakes,
    /// Server: as many connections from one address as allowed are open.
    TooManyFromAddress,
    /// Server: a hook ([`http`](crate::Server::http), [`on_request`](crate::Server::on_request)) panicked.
    Hook,
    /// Server: no fault at all. A hook answered the request in HTTP.
    Answered,
    /// Server: no fault at all. A hook took the stream over ([`Decision::hand_over`](crate::Decision::hand_over)).
    HandedOver,
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeFault::Head(fault) => write!(f, "{fault}"),
            HandshakeFault::Ended => f.write_str("the connection ended before the head was complete"),
            HandshakeFault::Status(status) => write!(f, "the server answered {status} instead of 101"),
            HandshakeFault::Redirect(fault) => write!(f, "the redirect is not followed: {fault}"),
            HandshakeFault::HttpVersion => f.write_str("not HTTP/1.1"),
            HandshakeFault::Method => f.write_str("the method is not GET"),
            HandshakeFault::Target => f.write_str("the request target is not a path or an http(s) URI"),
            HandshakeFault::Missing(name) => write!(f, "no header {name}"),
            HandshakeFault::Repeated(name) => write!(f, "header {name} more than once"),
            HandshakeFault::Wrong(name) => write!(f, "header {name} has a value that does not do"),
            HandshakeFault::Version => f.write_str("Sec-WebSocket-Version is not 13"),
            HandshakeFault::StatusLine => f.write_str("the status line is not the one of this version of the protocol"),
            HandshakeFault::Proof => f.write_str("the answer to the challenge is wrong"),
            HandshakeFault::SubprotocolNotOffered => f.write_str("the server chose a subprotocol that was not offered"),
            HandshakeFault::ExtensionNotOffered => f.write_str("the server chose an extension that was not offered"),
            HandshakeFault::ProxyHeader(fault) => write!(f, "the PROXY header was refused: {fault}"),
            HandshakeFault::OriginNotAllowed => f.write_str("the Origin is not allowed; see Server::allow_origin"),
            HandshakeFault::Full => {
                f.write_str("as many connections as Server::max_connections allows or the system fits are open")
            }
            HandshakeFault::TooManyHandshakes => {
                f.write_str("as many opening handshakes as Server::max_handshakes allows are under way")
            }
            HandshakeFault::TooManyFromAddress => {
                f.write_str("as many connections from this address as Server::max_per_address allows are open")
            }
            HandshakeFault::Hook => f.write_str("a hook of the server panicked"),
            HandshakeFault::Answered => f.write_str("a hook of the server answered in HTTP"),
            HandshakeFault::HandedOver => f.write_str("a hook of the server took the stream over"),
        }
    }
}

/// Why bytes are not the head of an HTTP request or response this side takes (RFC 9112, and the limits of `wire::http`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadFault {
    /// A line longer than 8 KiB.
    LineTooLong,
    /// More than 100 fields.
    TooManyFields,
    /// A head of more than 64 KiB.
    HeadTooLong,
    /// A line that does not end in CR LF.
    LineEnd,
    /// A control character.
    ControlCharacter,
    /// A line that continues the one before it, which HTTP/1.1 no longer allows.
    Folded,
    /// A start line that is not "method target version" or "version status reason".
    StartLine,
    /// A field without a colon, with an empty name, or with a name that is not a token.
    FieldName,
    /// A `Content-Length` that is not one plain number.
    ContentLength,
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadFault::LineTooLong => "a line of the head is longer than 8 KiB",
            HeadFault::TooManyFields => "the head has more than 100 fields",
            HeadFault::HeadTooLong => "the head is longer than 64 KiB",
            HeadFault::LineEnd => "a line of the head does not end in CR LF",
            HeadFault::ControlCharacter => "the head has a control character",
            HeadFault::Folded => "the head has a folded line",
            HeadFault::StartLine => "the first line is not HTTP",
            HeadFault::FieldName => "a field of the head has no valid name",
            HeadFault::ContentLength => "Content-Length is not one plain number",
        })
    }
}
