//! The errors of an opening handshake that only one role gets, by what caused them.

use std::fmt;

use super::proxy_header::ProxyHeaderErrorKind;
use super::redirect::RedirectErrorKind;
use super::usage::UsageError;

/// Client: the reason why a response does not open a WebSocket (RFC 6455 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseErrorKind {
    /// The server responded with this status instead of 101.
    Status(u16),
    /// [`Client::max_redirects`](crate::Client::max_redirects) allows redirects, but this one must not be followed.
    Redirect(RedirectErrorKind),
    /// The first line of the response is not exactly the one that this version of the protocol requires.
    StatusLine,
    /// The server's response to the challenge is wrong, so it did not read this handshake.
    InvalidProof,
    /// The server chose a subprotocol that was not offered.
    SubprotocolNotOffered,
    /// The server sent an empty subprotocol. A server that chooses none leaves the header out.
    EmptySubprotocol,
    /// The server chose an extension that was not offered.
    ExtensionNotOffered,
}

/// Server: the reason why a request is rejected (RFC 6455 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// The method is not GET.
    Method,
    /// The request target is neither a path nor an `http`/`https` URI.
    Target,
    /// `Sec-WebSocket-Version` has a version that this server does not support.
    UnsupportedVersion,
    /// The Origin is not allowed.
    OriginNotAllowed,
    /// The host of the request is not in the list of [`Server::allow_host`](crate::Server::allow_host).
    HostNotAllowed,
    /// A trusted proxy did not send a valid header of the PROXY protocol first. There is no response.
    ProxyHeader(ProxyHeaderErrorKind),
}

/// Server: the limit that a connection exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverloadKind {
    /// The maximum number of open connections: [`Server::max_connections`](crate::Server::max_connections), or the limits
    /// of the system.
    Connections,
    /// The maximum number of concurrent opening handshakes: [`Server::max_handshakes`](crate::Server::max_handshakes).
    Handshakes,
    /// The maximum number of open connections from one address:
    /// [`Server::max_per_address`](crate::Server::max_per_address).
    Address,
}

/// Server: the failure of a hook ([`http`](crate::Server::http), [`on_request`](crate::Server::on_request),
/// `basic_auth`). The request is answered 500.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookErrorKind {
    /// It panicked.
    Panicked,
    /// It returned a response or settings that cannot be sent.
    InvalidAnswer(UsageError),
}

impl fmt::Display for ResponseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseErrorKind::Status(status) => write!(f, "the server responded with status {status} instead of 101"),
            ResponseErrorKind::Redirect(kind) => write!(f, "the redirect is not followed: {kind}"),
            ResponseErrorKind::StatusLine => {
                f.write_str("the status line is not the one that this version of the protocol requires")
            }
            ResponseErrorKind::InvalidProof => f.write_str("the response to the challenge is wrong"),
            ResponseErrorKind::SubprotocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            ResponseErrorKind::EmptySubprotocol => f.write_str(
                "the server sent an empty Sec-WebSocket-Protocol; to choose none, it has to leave the header out",
            ),
            ResponseErrorKind::ExtensionNotOffered => f.write_str("the server chose an extension that was not offered"),
        }
    }
}

impl fmt::Display for RequestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestErrorKind::Method => f.write_str("the method is not GET"),
            RequestErrorKind::Target => f.write_str("the request target is not a path or an http(s) URI"),
            RequestErrorKind::UnsupportedVersion => {
                f.write_str("the server does not support the Sec-WebSocket-Version of the request")
            }
            RequestErrorKind::OriginNotAllowed => f.write_str("the Origin is not allowed; see Server::allow_origin"),
            RequestErrorKind::HostNotAllowed => f.write_str("the host is not allowed; see Server::allow_host"),
            RequestErrorKind::ProxyHeader(kind) => write!(f, "the header of the PROXY protocol is invalid: {kind}"),
        }
    }
}

impl fmt::Display for OverloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OverloadKind::Connections => {
                "the maximum number of connections is reached; see Server::max_connections and the limits of the system"
            }
            OverloadKind::Handshakes => {
                "the maximum number of concurrent opening handshakes is reached; see Server::max_handshakes"
            }
            OverloadKind::Address => {
                "the maximum number of connections from this address is reached; see Server::max_per_address"
            }
        })
    }
}

impl fmt::Display for HookErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HookErrorKind::Panicked => f.write_str("a hook of the server panicked"),
            HookErrorKind::InvalidAnswer(error) => {
                write!(f, "a hook of the server returned an answer that cannot be sent: {error}")
            }
        }
    }
}

impl std::error::Error for ResponseErrorKind {}
impl std::error::Error for RequestErrorKind {}
impl std::error::Error for OverloadKind {}
impl std::error::Error for HookErrorKind {}
