//! What can go wrong, one variant per question: whose fault is it, and what can I do about it?
//!
//! Every floor may name this module. An [`Error`] is small and `Clone`, because a connection fails once and for
//! everybody: each thread that uses it gets the same error. Nothing here ever holds a secret: no header values of ours,
//! no credentials, no payload.

mod handshake;
mod protocol;
mod proxy;
mod proxy_header;
mod redirect;
mod tls;
mod usage;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub use handshake::{HandshakeError, HandshakeErrorKind, HeadErrorKind};
pub use protocol::ProtocolError;
pub use proxy::{ProxyError, ProxyErrorKind};
pub use proxy_header::ProxyHeaderErrorKind;
pub use redirect::{RedirectError, RedirectErrorKind, RedirectHop};
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
            Error::Connect(e) => e.attempts.iter().any(|a| a.error.kind() == io::ErrorKind::TimedOut),
            Error::Io(e) => e.source.kind() == io::ErrorKind::TimedOut,
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
    fn kind(&self) -> io::ErrorKind {
        match self {
            Error::Io(e) => e.source.kind(),
            Error::Connect(_) | Error::Proxy(_) => io::ErrorKind::ConnectionRefused,
            Error::Redirect(e) => e.cause().kind(),
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            Error::Tls(_) | Error::Handshake(_) | Error::Protocol(_) => io::ErrorKind::InvalidData,
            Error::Closed(_) => io::ErrorKind::ConnectionAborted,
            Error::Usage(_) => io::ErrorKind::InvalidInput,
        }
    }

    pub(crate) fn io(step: Step, error: io::Error) -> Error {
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
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// A failure of the operating system, with what was being done.
#[derive(Debug, Clone)]
pub struct IoError {
    pub(crate) step: Step,
    pub(crate) source: Arc<io::Error>,
}

impl IoError {
    /// What was being done.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The kind `std` gives the failure.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed {}: {}", self.step.description(), self.source)
    }
}

/// What a connection was doing when time ran out or the system failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Turning the host name into addresses.
    Resolve,
    /// Waiting for other connection attempts of this process to the same address, or through a proxy to the same name
    /// (RFC 6455 section 4.1).
    ConnectQueue,
    /// Opening the TCP connection.
    Connect,
    /// Having the proxy open the way to the server.
    Proxy,
    /// Binding or listening.
    Listen,
    /// The handshake of TLS.
    Tls,
    /// The opening handshake.
    Handshake,
    /// Waiting for a message, with a time limit given in the call.
    Receive,
    /// Reading from the network.
    Read,
    /// A message that has begun, but does not go on.
    Message,
    /// Writing to the network.
    Write,
    /// Waiting for another thread to finish sending.
    SendLock,
    /// No sign of life from the peer, although a Ping was sent.
    Keepalive,
    /// Waiting for the Pong that answers a Ping.
    Pong,
    /// The closing handshake.
    Close,
    /// Drawing random numbers for masking keys.
    RandomSource,
    /// Starting a thread.
    Thread,
}

impl Step {
    fn description(self) -> &'static str {
        match self {
            Step::Resolve => "resolving the host name",
            Step::ConnectQueue => "waiting for an earlier connection attempt to the same address",
            Step::Connect => "connecting",
            Step::Proxy => "waiting for the proxy to connect",
            Step::Listen => "listening",
            Step::Tls => "in the handshake of TLS",
            Step::Handshake => "in the opening handshake",
            Step::Receive => "waiting for a message",
            Step::Read => "reading from the network",
            Step::Message => "waiting for the rest of a message",
            Step::Write => "writing to the network",
            Step::SendLock => "waiting for another thread to finish sending",
            Step::Keepalive => "waiting for a sign of life from the peer",
            Step::Pong => "waiting for a Pong",
            Step::Close => "in the closing handshake",
            Step::RandomSource => "drawing random numbers",
            Step::Thread => "starting a thread",
        }
    }

    /// The setting that bounds the step, for the one who reads the error.
    fn limiting_setting(self) -> &'static str {
        match self {
            Step::Resolve | Step::ConnectQueue | Step::Connect | Step::Proxy => "see Timeouts::connect",
            Step::Tls | Step::Handshake => "see Timeouts::handshake (server) and Timeouts::connect (client)",
            Step::Receive => "the limit was given in the call",
            Step::Message => "see Timeouts::message",
            Step::Write | Step::SendLock => "see Timeouts::write",
            Step::Keepalive | Step::Pong => "see Timeouts::pong_timeout",
            Step::Close => "see Timeouts::close",
            Step::Listen | Step::Read | Step::RandomSource | Step::Thread => "the system set the limit",
        }
    }
}

/// No address of a host could be reached. Keeps every attempt, in the order they were made.
#[derive(Debug, Clone)]
pub struct ConnectError {
    pub(crate) host: String,
    pub(crate) role: HostRole,
    pub(crate) attempts: Vec<ConnectAttempt>,
}

/// What a host that could not be reached would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostRole {
    Server,
    Proxy,
}

impl ConnectError {
    /// Whether it is the proxy that could not be reached.
    pub fn is_proxy(&self) -> bool {
        self.role == HostRole::Proxy
    }

    /// The host, without userinfo, and the port, as `host:port`. The proxy's, if [`is_proxy`](ConnectError::is_proxy).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The attempts, in order. Empty when the name has no address.
    pub fn attempts(&self) -> &[ConnectAttempt] {
        &self.attempts
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.is_proxy() { "the proxy " } else { "" };
        write!(f, "no connection to {role}{}: ", self.host)?;
        if self.attempts.is_empty() {
            return f.write_str("the name has no address");
        }
        for (i, attempt) in self.attempts.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", attempt.address, attempt.error)?;
        }
        Ok(())
    }
}

/// One address that was tried, and why it did not become a connection.
#[derive(Debug, Clone)]
pub struct ConnectAttempt {
    pub(crate) address: SocketAddr,
    pub(crate) error: Arc<io::Error>,
}

impl ConnectAttempt {
    /// The address that was tried.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why it failed. An address that was not reached before the deadline has `TimedOut`.
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}
