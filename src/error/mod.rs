//! The errors of this crate. Each variant says which side is at fault and what the caller can do.
//!
//! Every layer may name this module. An [`Error`] is small and `Clone`, because a connection fails once, and each thread
//! that uses it gets the same error. No error holds a secret: no header values of this side, no credentials, no payload.
//!
//! | file | subject |
//! |---|---|
//! | here | [`Error`], and [`RedirectError`], which holds one |
//! | `usage` | invalid arguments and calls |
//! | `io` | failures of the system, and the step of a connection |
//! | `connect` | no address of a host could be reached |
//! | `tls` | TLS |
//! | `proxy` | a proxy that did not connect to the server |
//! | `handshake`, `handshake_kinds`, `response` | a failed opening handshake, the causes of one role, the response of the peer |
//! | `head`, `proxy_header`, `redirect` | an invalid HTTP head, an invalid header of the PROXY protocol, a redirect that was not followed |
//! | `protocol` | violations after the opening handshake, with their close codes |
//! | `other` | errors of the application |

mod connect;
mod handshake;
mod handshake_kinds;
mod head;
mod io;
mod other;
mod protocol;
mod proxy;
mod proxy_header;
mod redirect;
mod response;
mod tls;
mod usage;

use std::fmt;
use std::sync::Arc;

pub use connect::{ConnectAttempt, ConnectError};
#[cfg(feature = "legacy")]
#[cfg(all(feature = "legacy", feature = "client"))]
pub(crate) use handshake::StatusSemantics;
pub use handshake::{HandshakeError, HandshakeErrorKind};
pub use handshake_kinds::{HookErrorKind, OverloadKind, RequestErrorKind, ResponseErrorKind};
pub use head::HeadErrorKind;
pub use io::{IoError, Step};
pub use protocol::ProtocolError;
pub use proxy::{ProxyError, ProxyErrorKind};
pub use proxy_header::ProxyHeaderErrorKind;
pub use redirect::{RedirectErrorKind, RedirectHop};
pub use tls::{TlsError, TlsErrorKind};
pub use usage::{UriErrorKind, UsageError};

use crate::close::{CloseCode, CloseInfo};

/// The crate's `Result`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a call failed.
///
/// | variant | cause | the connection afterwards |
/// |---|---|---|
/// | `Io` | the system or the network | closed |
/// | `Connect` | no address of the host accepted a connection | was never open |
/// | `Proxy` | the proxy did not connect to the server | was never open |
/// | `Redirect` | the error it holds, after at least one redirect | was never open |
/// | `Tls` | TLS with the peer, see [`TlsErrorKind`]; there is no fallback to plain text | was never open, or is closed |
/// | `Timeout` | a deadline passed during a [`Step`] | closed, except after [`Step::Receive`], [`Step::SendLock`] and [`Step::Pong`] |
/// | `Handshake` | the peer's side of the opening handshake was rejected | was never open |
/// | `Protocol` | the peer broke a rule, or exceeded a limit | closed; a Close with the code for this error was sent |
/// | `Closed` | the connection was closed before the call | closed |
/// | `Usage` | the caller | unchanged: nothing was sent |
/// | `Other` | the application: an error that a handler or a closure returns, see [`Error::other`] | unchanged |
///
/// `Debug` is the text of `Display`, with the causes that it does not contain. So `fn main() -> stdws::Result<()>` ends with a
/// sentence.
///
/// ```
/// use stdws::{Client, Error};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let url = format!("ws://{}", listener.local_addr().unwrap());
/// # drop(listener);
/// match Client::new(&url).and_then(|client| client.connect()) {
///     Ok(ws) => println!("connected to {:?}", ws.peer_addr()),
///     Err(Error::Handshake(rejection)) if rejection.status() == Some(401) => println!("credentials needed"),
///     Err(Error::Connect(error)) => println!("is {} running?", error.host()),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// A failure of the operating system.
    Io(IoError),
    /// No address of the host could be reached. Holds each attempt and its cause.
    Connect(ConnectError),
    /// A proxy was reached, but did not connect to the server.
    Proxy(ProxyError),
    /// An error after at least one redirect was followed.
    Redirect(RedirectError),
    /// TLS failed: the certificate was not accepted, or both sides have no common parameters. Only in builds with `native-tls`.
    Tls(TlsError),
    /// A deadline of [`Timeouts`](crate::Timeouts), or one of the call, passed during this step.
    Timeout(Step),
    /// The peer's side of the opening handshake was rejected (RFC 6455 sections 4.1 and 4.2).
    Handshake(HandshakeError),
    /// The peer broke a rule of the protocol, or exceeded a limit of this side.
    Protocol(ProtocolError),
    /// The connection is closed. `None`: it ended without a closing handshake (RFC 6455 section 7.1.5, code 1006).
    Closed(Option<CloseInfo>),
    /// An invalid argument or call. Nothing was sent; the connection is unchanged.
    Usage(UsageError),
    /// An error of the application, made by `?` or [`Error::other`]. This crate makes none itself.
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the error is [`Error::Timeout`], or has a timeout among its causes. The connection may still be open: after
    /// [`recv_timeout`](crate::WebSocket::recv_timeout), match on [`Step::Receive`] to receive again.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Timeout(_) => true,
            Error::Connect(e) => e.attempts.iter().any(|a| a.error.kind() == std::io::ErrorKind::TimedOut),
            Error::Io(e) => e.source.kind() == std::io::ErrorKind::TimedOut,
            Error::Redirect(e) => e.cause().is_timeout(),
            Error::Proxy(_)
            | Error::Tls(_)
            | Error::Handshake(_)
            | Error::Protocol(_)
            | Error::Closed(_)
            | Error::Usage(_)
            | Error::Other(_) => false,
        }
    }

    /// Whether the connection was closed before the call, with or without a closing handshake.
    pub fn is_closed(&self) -> bool {
        matches!(self, Error::Closed(_))
    }

    /// The nearest [`std::io::ErrorKind`].
    fn kind(&self) -> std::io::ErrorKind {
        match self {
            Error::Io(e) => e.source.kind(),
            Error::Connect(_) | Error::Proxy(_) => std::io::ErrorKind::ConnectionRefused,
            Error::Redirect(e) => e.cause().kind(),
            Error::Timeout(_) => std::io::ErrorKind::TimedOut,
            Error::Tls(_) | Error::Handshake(_) | Error::Protocol(_) => std::io::ErrorKind::InvalidData,
            Error::Closed(_) => std::io::ErrorKind::ConnectionAborted,
            Error::Usage(_) => std::io::ErrorKind::InvalidInput,
            Error::Other(e) => e.downcast_ref().map_or(std::io::ErrorKind::Other, std::io::Error::kind),
        }
    }

    /// An error for a failure of the operating system in this step.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn io(step: Step, error: std::io::Error) -> Error {
        // The stream reports a failure of TLS as an `io::Error`.
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
            return Error::Tls(error.clone());
        }
        Error::Io(IoError { step, address: None, source: error.into() })
    }

    /// As [`io`](Error::io), for an operation with a deadline: `TimedOut` means that the deadline has passed.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn io_by_deadline(step: Step, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Error::Timeout(step),
            _ => Error::io(step, error),
        }
    }

    /// An error for a server that could not listen on this address.
    #[cfg(any(feature = "server", test))]
    pub(crate) fn listen(address: impl fmt::Display, error: std::io::Error) -> Error {
        Error::Io(IoError { step: Step::Listen, address: Some(address.to_string().into()), source: error.into() })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(e) => write!(f, "{e}"),
            Error::Connect(e) => write!(f, "{e}"),
            Error::Proxy(e) => write!(f, "{e}"),
            Error::Redirect(e) => write!(f, "{e}"),
            Error::Tls(e) => write!(f, "TLS: {e}"),
            Error::Timeout(step) => write!(f, "timed out {}; {}", step.description(), step.limiting_setting()),
            Error::Handshake(e) => write!(f, "{e}"),
            // A message that exceeds a limit may still follow the protocol.
            Error::Protocol(e) if e.close_code() == CloseCode::TOO_BIG => write!(f, "the peer exceeded a limit: {e}"),
            Error::Protocol(e) => write!(f, "the peer broke the protocol: {e}"),
            Error::Closed(None) => f.write_str("the connection ended without a closing handshake (1006)"),
            Error::Closed(Some(info)) => write!(f, "the connection is closed: {info}"),
            Error::Usage(e) => write!(f, "{e}"),
            Error::Other(e) => write!(f, "{e}"),
        }
    }
}

/// The text of `Display`, and the causes whose text it does not contain.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !shown.contains(&text) {
                shown.push_str(": ");
                shown.push_str(&text);
            }
            cause = error.source();
        }
        f.write_str(&shown)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(e) => Some(&*e.source),
            Error::Connect(e) => e.attempts.last().map(|a| &*a.error as _),
            Error::Proxy(e) => Some(e),
            Error::Redirect(e) => Some(e.cause()),
            Error::Tls(e) => std::error::Error::source(e),
            Error::Handshake(e) => Some(e),
            Error::Protocol(e) => Some(e),
            Error::Usage(e) => Some(e),
            Error::Other(e) => Some(&**e),
            Error::Timeout(_) | Error::Closed(_) => None,
        }
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Error {
        Error::Usage(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Error {
        Error::Protocol(error)
    }
}

/// For `Read` and `Write` over a message. The `io::Error` holds the [`Error`].
impl From<Error> for std::io::Error {
    fn from(error: Error) -> std::io::Error {
        std::io::Error::new(error.kind(), error)
    }
}

/// An error after at least one redirect was followed: the redirects, and the error at the last URL.
///
/// A redirect that must not be followed is an [`Error::Handshake`] with [`ResponseErrorKind::Redirect`]. When other redirects
/// were followed before it, this error holds it.
#[derive(Debug, Clone)]
pub struct RedirectError {
    hops: Vec<RedirectHop>,
    cause: Box<Error>,
}

impl RedirectError {
    /// The cause must not be a [`RedirectError`] itself.
    #[cfg(feature = "proxy")]
    pub(crate) fn new(hops: Vec<RedirectHop>, cause: Error) -> RedirectError {
        RedirectError { hops, cause: Box::new(cause) }
    }

    /// The redirects that were followed, in order. The first one is the response of the URL of the client.
    pub fn hops(&self) -> &[RedirectHop] {
        &self.hops
    }

    /// The error after the last redirect.
    pub fn cause(&self) -> &Error {
        &self.cause
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redirected by ")?;
        for (i, hop) in self.hops.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({})", hop.url, hop.status)?;
        }
        write!(f, ": {}", self.cause)
    }
}

#[cfg(all(test, any(feature = "client", feature = "server")))]
mod tests {
    use super::*;
    use std::io;

    fn io_error(kind: io::ErrorKind) -> Error {
        Error::io(Step::Read, kind.into())
    }

    #[test]
    fn timeouts_and_closed_connections() {
        let attempt = |kind: io::ErrorKind| ConnectAttempt {
            address: "192.0.2.1:80".parse().unwrap(),
            error: Arc::new(kind.into()),
        };
        let connect = |kinds: &[io::ErrorKind]| {
            let attempts = kinds.iter().map(|kind| attempt(*kind)).collect();
            Error::Connect(ConnectError { host: "a.example:80".into(), is_proxy: false, attempts })
        };
        // The error, whether it is a timeout, and whether the connection was closed before.
        let rows = [
            (Error::Timeout(Step::Read), true, false),
            (io_error(io::ErrorKind::TimedOut), true, false),
            (io_error(io::ErrorKind::WouldBlock), false, false),
            (connect(&[io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut]), true, false),
            (connect(&[io::ErrorKind::ConnectionRefused]), false, false),
            (Error::Protocol(ProtocolError::MaskedFrame), false, false),
            (Error::from("of the application"), false, false),
            (Error::Closed(None), false, true),
        ];
        for (error, is_timeout, is_closed) in rows {
            assert_eq!((error.is_timeout(), error.is_closed()), (is_timeout, is_closed), "{error}");
        }
        assert!(matches!(connect(&[]), Error::Connect(error) if error.host() == "a.example:80" && !error.is_proxy()));
    }

    #[test]
    fn a_deadline_of_an_operation_is_a_timeout() {
        let by_deadline = |kind: io::ErrorKind| Error::io_by_deadline(Step::Write, kind.into());
        assert!(matches!(by_deadline(io::ErrorKind::TimedOut), Error::Timeout(Step::Write)));
        assert!(matches!(by_deadline(io::ErrorKind::BrokenPipe), Error::Io(_)));
    }

    #[test]
    fn texts() {
        let rows = [
            (
                Error::Protocol(ProtocolError::FrameTooBig { length: 9, limit: 5 }),
                "the peer exceeded a limit: a frame has 9",
            ),
            (
                Error::Protocol(ProtocolError::MaskedFrame),
                "the peer broke the protocol: a frame from a server is masked",
            ),
            (Error::Timeout(Step::Connect), "timed out connecting; see Timeouts::connect"),
            (
                Error::Timeout(Step::Handshake),
                "timed out in the opening handshake; see Timeouts::handshake (server) and",
            ),
            (Error::Timeout(Step::Receive), "timed out waiting for a message; the timeout was given in the call"),
            (Error::Timeout(Step::Message), "timed out waiting for the rest of a message; see Timeouts::message"),
            (Error::Timeout(Step::Write), "timed out writing to the network; see Timeouts::write"),
            (Error::Timeout(Step::Pong), "timed out waiting for a Pong; see Timeouts::pong_timeout"),
            (Error::Timeout(Step::Close), "timed out in the closing handshake; see Timeouts::close"),
            (Error::Timeout(Step::Read), "timed out reading from the network; the system set the timeout"),
        ];
        for (error, text) in rows {
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn redirects_are_shown_in_order_before_the_cause() {
        let hop = |url: &str| RedirectHop { url: url.to_owned(), status: 307 };
        let error = |hops| RedirectError::new(hops, Error::Timeout(Step::Tls));
        let one = error(vec![hop("ws://a/")]);
        assert!(one.to_string().starts_with("redirected by ws://a/ (307): timed out"), "{one}");
        let two = error(vec![hop("ws://a/"), hop("ws://b/")]);
        assert!(two.to_string().starts_with("redirected by ws://a/ (307), ws://b/ (307): timed out"), "{two}");
        assert!(Error::Redirect(two).is_timeout());
    }
}
