//! What can go wrong, one variant per question: whose fault is it, and what can I do about it?
//!
//! Every floor may name this module. An [`Error`] is small and `Clone`, because a connection fails once and for
//! everybody: each thread that uses it gets the same error. Nothing here ever holds a secret: no header values of ours,
//! no credentials, no payload.

mod connect;
mod handshake;
mod io;
mod protocol;
mod proxy;
mod proxy_header;
mod redirect;
mod tls;
mod usage;

use std::fmt;
use std::sync::Arc;

pub(crate) use connect::HostRole;
pub use connect::{ConnectAttempt, ConnectError};
pub use handshake::{HandshakeError, HandshakeErrorKind, HeadErrorKind};
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

/// Why a call did not do what it was asked to.
///
/// | variant | whose doing | the connection afterwards |
/// |---|---|---|
/// | `Io` | the system or the network | over |
/// | `Connect` | nobody answered | there was none |
/// | `Proxy` | the proxy: it did not open the way | there was none |
/// | `Redirect` | the cause it holds, after redirects had been followed | there was none |
/// | `Tls` | TLS with the peer: [`TlsErrorKind`] says what; plain text is never tried instead | there was none, or it is over |
/// | `Timeout` | time; [`Step`] says of what | over, except after [`Step::Receive`], [`Step::SendLock`] and [`Step::Pong`] |
/// | `Handshake` | the peer: its part of the opening handshake was refused | there was none |
/// | `Protocol` | the peer: it broke a rule, or passed a limit | over; a Close with the fitting code was sent |
/// | `Closed` | nobody: it had ended before | over |
/// | `Usage` | the caller | as before the call: nothing was sent |
///
/// ```
/// use stdws::{Client, Error};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let url = format!("ws://{}", listener.local_addr().unwrap());
/// # drop(listener);
/// match Client::new(&url).and_then(|client| client.connect()) {
///     Ok(ws) => println!("connected to {:?}", ws.peer_addr()),
///     Err(Error::Handshake(rejection)) if rejection.status() == Some(401) => println!("who are you?"),
///     Err(Error::Connect(error)) => println!("is {} running?", error.host()),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The operating system reported a failure.
    Io(IoError),
    /// No address of the host could be reached; every attempt is kept with its cause.
    Connect(ConnectError),
    /// A proxy was reached, and did not open the way to the server.
    Proxy(ProxyError),
    /// Redirects were followed, and then it went wrong.
    Redirect(RedirectError),
    /// TLS failed: the peer could not prove who it is, or the two found no way to talk. Only in builds with `native-tls`.
    Tls(TlsError),
    /// A deadline of [`Timeouts`](crate::Timeouts), or one given by the caller, passed during this step.
    Timeout(Step),
    /// The peer's side of the opening handshake was not acceptable (RFC 6455 sections 4.1 and 4.2).
    Handshake(HandshakeError),
    /// The peer broke a rule of the protocol, or one of the limits this side has set.
    Protocol(ProtocolError),
    /// The connection is over. `None`: it ended without a closing handshake (RFC 6455 section 7.1.5, code 1006).
    Closed(Option<CloseInfo>),
    /// The call asked for something that must not be done. Nothing was sent; the connection is as it was.
    Usage(UsageError),
}

impl Error {
    /// True when time ran out: [`Error::Timeout`], or a failure one of whose causes was the clock. It does not tell whether
    /// the connection is over; to wait on after [`recv_timeout`](crate::WebSocket::recv_timeout), match on [`Step::Receive`].
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
            | Error::Usage(_) => false,
        }
    }

    /// True when the connection had already ended, in good order or not.
    pub fn is_closed(&self) -> bool {
        matches!(self, Error::Closed(_))
    }

    /// The nearest that `std` has.
    fn kind(&self) -> std::io::ErrorKind {
        match self {
            Error::Io(e) => e.source.kind(),
            Error::Connect(_) | Error::Proxy(_) => std::io::ErrorKind::ConnectionRefused,
            Error::Redirect(e) => e.cause().kind(),
            Error::Timeout(_) => std::io::ErrorKind::TimedOut,
            Error::Tls(_) | Error::Handshake(_) | Error::Protocol(_) => std::io::ErrorKind::InvalidData,
            Error::Closed(_) => std::io::ErrorKind::ConnectionAborted,
            Error::Usage(_) => std::io::ErrorKind::InvalidInput,
        }
    }

    pub(crate) fn io(step: Step, error: std::io::Error) -> Error {
        // From below, a failure of TLS comes as one of the stream.
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
            return Error::Tls(error.clone());
        }
        Error::Io(IoError { step, source: Arc::new(error) })
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
            Error::Timeout(step) => write!(f, "time ran out {}; {}", step.description(), step.limiting_setting()),
            Error::Handshake(e) => write!(f, "{e}"),
            // A message may be larger than this side takes, and in order all the same.
            Error::Protocol(e) if e.close_code() == CloseCode::TOO_BIG => write!(f, "the peer sent too much: {e}"),
            Error::Protocol(e) => write!(f, "the peer broke the protocol: {e}"),
            Error::Closed(None) => f.write_str("the connection ended without a closing handshake (1006)"),
            Error::Closed(Some(info)) => write!(f, "the connection is closed: {info}"),
            Error::Usage(e) => write!(f, "{e}"),
        }
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

/// For `Read` and `Write` over a message: the error goes along as the source.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> std::io::Error {
        std::io::Error::new(error.kind(), error)
    }
}

/// Redirects were followed, and then it went wrong: where they led, and what happened there.
///
/// A redirect that must not be followed is an [`Error::Handshake`] with
/// [`HandshakeErrorKind::Redirect`]; this error holds it when others were followed before it.
#[derive(Debug, Clone)]
pub struct RedirectError {
    hops: Vec<RedirectHop>,
    cause: Box<Error>,
}

impl RedirectError {
    /// The cause of nothing but the last step: it is not one of these itself.
    pub(crate) fn new(hops: Vec<RedirectHop>, cause: Error) -> RedirectError {
        RedirectError { hops, cause: Box::new(cause) }
    }

    /// The answers that led on, in order. The first is that of the URL that was given.
    pub fn hops(&self) -> &[RedirectHop] {
        &self.hops
    }

    /// What went wrong after the last of them.
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
