//! A failed opening handshake: the error, and the response of the peer.

use std::fmt;

use super::handshake_kinds::{HookErrorKind, OverloadKind, RequestErrorKind, ResponseErrorKind};
use super::head::HeadErrorKind;
use super::response::ErrorResponse;

/// The error of an opening handshake that failed.
///
/// A client gets the response of the server: status, headers and up to 64 KiB of body. A server
/// ([`Server::accept_over`](crate::Server::accept_over)) gets the error in the request, and the status that it sent.
/// [`kind`](HandshakeError::kind) distinguishes them.
#[derive(Clone)]
pub struct HandshakeError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: HandshakeErrorKind,
    status: Option<u16>,
    response: ErrorResponse,
    #[cfg(all(feature = "legacy", feature = "proxy"))]
    semantics: StatusSemantics,
}

/// The meaning of the status of a response.
#[cfg(all(feature = "legacy", feature = "client"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusSemantics {
    /// That of HTTP, as in RFC 6455.
    Http,
    /// A failure, whatever the status is, as in early drafts.
    Failure,
}

#[cfg(any(feature = "client", feature = "server"))]
impl HandshakeError {
    /// An error without a response.
    pub(crate) fn new(kind: HandshakeErrorKind) -> HandshakeError {
        HandshakeError(Box::new(Inner {
            kind,
            status: None,
            response: ErrorResponse::default(),
            #[cfg(all(feature = "legacy", feature = "proxy"))]
            semantics: StatusSemantics::Http,
        }))
    }

    /// The same error with another meaning of the status.
    #[cfg(all(feature = "legacy", feature = "proxy"))]
    pub(crate) fn with_semantics(mut self, semantics: StatusSemantics) -> HandshakeError {
        self.0.semantics = semantics;
        self
    }

    /// The status of a rejection if it has the meaning of HTTP.
    #[cfg(feature = "proxy")]
    pub(crate) fn http_status(&self) -> Option<u16> {
        #[cfg(feature = "legacy")]
        if self.0.semantics == StatusSemantics::Failure {
            return None;
        }
        self.0.status
    }

    /// The same response with another error.
    #[cfg(feature = "proxy")]
    pub(crate) fn with_kind(mut self, kind: HandshakeErrorKind) -> HandshakeError {
        self.0.kind = kind;
        self
    }

    /// Adds the status that was sent or received.
    pub(crate) fn with_status(mut self, status: u16) -> HandshakeError {
        self.0.status = Some(status);
        self
    }

    /// Adds the response of the server.
    #[cfg(feature = "client")]
    pub(crate) fn with_response(self, status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> HandshakeError {
        let mut error = self.with_status(status);
        error.0.response = ErrorResponse { headers, body };
        error
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
        &self.0.response.headers
    }

    /// The first field of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.response.header(name)
    }

    /// The body of the server's response, at most its first 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.0.response.body
    }
}

/// Shows the error and the status. Header values and the body may hold secrets (`Set-Cookie`), so only their number and size
/// are shown.
impl fmt::Debug for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeError")
            .field("fault", &self.0.kind)
            .field("status", &self.0.status)
            .field("headers", &self.0.response.headers.len())
            .field("body", &self.0.response.body.len())
            .finish()
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the opening handshake failed: {}", self.0.kind)
    }
}

impl std::error::Error for HandshakeError {}

/// The error in the opening handshake (RFC 6455 sections 4.1 and 4.2).
///
/// | variant | a client gets it | a server gets it |
/// |---|---|---|
/// | [`Head`](HandshakeErrorKind::Head) to [`InvalidHeader`](HandshakeErrorKind::InvalidHeader) | about the response | about the request |
/// | [`Response`](HandshakeErrorKind::Response) | yes | no |
/// | [`Request`](HandshakeErrorKind::Request), [`Overload`](HandshakeErrorKind::Overload), [`Hook`](HandshakeErrorKind::Hook) | no | yes |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeErrorKind {
    /// The head is not valid HTTP/1.x, or exceeds a limit.
    Head(HeadErrorKind),
    /// The connection ended before the head was complete.
    UnexpectedEof,
    /// Not HTTP/1.1 or a later 1.x.
    HttpVersion,
    /// A required header is missing. Holds its name.
    MissingHeader(&'static str),
    /// A header that may be sent once is there more than once. Holds its name.
    DuplicateHeader(&'static str),
    /// A header has an invalid value. Holds its name.
    InvalidHeader(&'static str),
    /// Client: the response does not open a WebSocket.
    Response(ResponseErrorKind),
    /// Server: the request is rejected.
    Request(RequestErrorKind),
    /// Server: a limit of the server is reached.
    Overload(OverloadKind),
    /// Server: a hook of the application failed.
    Hook(HookErrorKind),
}

impl fmt::Display for HandshakeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeErrorKind::Head(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::UnexpectedEof => f.write_str("the connection ended before the head was complete"),
            HandshakeErrorKind::HttpVersion => f.write_str("the HTTP version is not 1.1"),
            HandshakeErrorKind::MissingHeader(name) => write!(f, "header {name} is missing"),
            HandshakeErrorKind::DuplicateHeader(name) => write!(f, "header {name} is there more than once"),
            HandshakeErrorKind::InvalidHeader(name) => write!(f, "header {name} has an invalid value"),
            HandshakeErrorKind::Response(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::Request(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::Overload(kind) => write!(f, "{kind}"),
            HandshakeErrorKind::Hook(kind) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for HandshakeErrorKind {}

impl From<HeadErrorKind> for HandshakeErrorKind {
    fn from(kind: HeadErrorKind) -> HandshakeErrorKind {
        HandshakeErrorKind::Head(kind)
    }
}

impl From<ResponseErrorKind> for HandshakeErrorKind {
    fn from(kind: ResponseErrorKind) -> HandshakeErrorKind {
        HandshakeErrorKind::Response(kind)
    }
}

impl From<RequestErrorKind> for HandshakeErrorKind {
    fn from(kind: RequestErrorKind) -> HandshakeErrorKind {
        HandshakeErrorKind::Request(kind)
    }
}

impl From<OverloadKind> for HandshakeErrorKind {
    fn from(kind: OverloadKind) -> HandshakeErrorKind {
        HandshakeErrorKind::Overload(kind)
    }
}

impl From<HookErrorKind> for HandshakeErrorKind {
    fn from(kind: HookErrorKind) -> HandshakeErrorKind {
        HandshakeErrorKind::Hook(kind)
    }
}

#[cfg(all(test, any(feature = "client", feature = "server")))]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_status_that_was_added() {
        let error = HandshakeError::new(HandshakeErrorKind::HttpVersion);
        assert_eq!((error.status(), error.headers().len(), error.body().len()), (None, 0, 0));
        assert_eq!(error.with_status(505).status(), Some(505));
    }

    #[cfg(feature = "client")]
    #[test]
    fn an_error_has_the_response() {
        let headers = vec![("Retry-After".to_owned(), "1".to_owned())];
        let error = HandshakeError::new(HandshakeErrorKind::HttpVersion).with_response(503, headers.clone(), vec![7]);
        assert_eq!((error.status(), error.headers(), error.body()), (Some(503), &headers[..], &[7][..]));
        assert_eq!((error.header("retry-after"), error.header("Date")), (Some("1"), None));
        assert!(error.to_string().ends_with("the HTTP version is not 1.1"));
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn a_status_has_the_meaning_of_http_unless_a_draft_says_otherwise() {
        let error = HandshakeError::new(HandshakeErrorKind::HttpVersion).with_status(302);
        assert_eq!(error.http_status(), Some(302));
        let other = error.clone().with_kind(HandshakeErrorKind::UnexpectedEof);
        assert_eq!((other.kind(), other.status()), (&HandshakeErrorKind::UnexpectedEof, Some(302)));
        #[cfg(feature = "legacy")]
        for (semantics, status) in [(StatusSemantics::Http, Some(302)), (StatusSemantics::Failure, None)] {
            assert_eq!(error.clone().with_semantics(semantics).http_status(), status);
        }
    }
}
