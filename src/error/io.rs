//! A failure of the operating system, and the step of a connection in which it or a timeout happened.

use std::fmt;
use std::io;
use std::sync::Arc;

/// A failure of the operating system, with the step in which it happened.
#[derive(Debug, Clone)]
pub struct IoError {
    pub(crate) step: Step,
    /// The address or the path of a server that could not listen.
    pub(crate) address: Option<Arc<str>>,
    pub(crate) source: Arc<io::Error>,
}

impl IoError {
    /// The step in which it happened.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The kind of the failure.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "failed {} on {address}: {}", self.step.description(), self.source),
            None => write!(f, "failed {}: {}", self.step.description(), self.source),
        }
    }
}

/// The step of a connection in which a timeout or a failure of the system happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Resolving the host name.
    Resolve,
    /// Waiting for other connection attempts of this process to the same address, or through a proxy to the same name
    /// (RFC 6455 section 4.1).
    ConnectQueue,
    /// Opening the TCP connection.
    Connect,
    /// Connecting to the server through the proxy.
    Proxy,
    /// Binding or listening.
    Listen,
    /// The TLS handshake.
    Tls,
    /// The opening handshake.
    Handshake,
    /// Waiting for a message, with a timeout of the call.
    Receive,
    /// Reading from the network.
    Read,
    /// Waiting for the rest of a message.
    Message,
    /// Writing to the network.
    Write,
    /// Waiting for another thread to finish sending.
    SendLock,
    /// Waiting for any byte from the peer after a Ping (keepalive).
    Keepalive,
    /// Waiting for the Pong to a Ping of the caller.
    Pong,
    /// The closing handshake.
    Close,
    /// Drawing random numbers for masking keys.
    RandomSource,
    /// Starting a thread. On Linux a thread is refused near the limits on memory mappings and address space, where its start could
    /// abort the process.
    Thread,
}

impl Step {
    /// The step as a phrase for "failed …" and "timed out …".
    pub(super) fn description(self) -> &'static str {
        match self {
            Step::Resolve => "resolving the host name",
            Step::ConnectQueue => "waiting for an earlier connection attempt to the same address",
            Step::Connect => "connecting",
            Step::Proxy => "waiting for the proxy to connect",
            Step::Listen => "listening",
            Step::Tls => "in the TLS handshake",
            Step::Handshake => "in the opening handshake",
            Step::Receive => "waiting for a message",
            Step::Read => "reading from the network",
            Step::Message => "waiting for the rest of a message",
            Step::Write => "writing to the network",
            Step::SendLock => "waiting for another thread to finish sending",
            Step::Keepalive => "waiting for any byte from the peer after a Ping",
            Step::Pong => "waiting for a Pong",
            Step::Close => "in the closing handshake",
            Step::RandomSource => "drawing random numbers",
            Step::Thread => "starting a thread",
        }
    }

    /// The setting that limits the step, as a clause.
    pub(super) fn limiting_setting(self) -> &'static str {
        match self {
            Step::Resolve | Step::ConnectQueue | Step::Connect | Step::Proxy => "see Timeouts::connect",
            Step::Tls | Step::Handshake => "see Timeouts::handshake (server) and Timeouts::connect (client)",
            Step::Receive => "the timeout was given in the call",
            Step::Message => "see Timeouts::message",
            Step::Write | Step::SendLock => "see Timeouts::write",
            Step::Keepalive | Step::Pong => "see Timeouts::pong_timeout",
            Step::Close => "see Timeouts::close",
            Step::Listen | Step::Read | Step::RandomSource | Step::Thread => "the system set the timeout",
        }
    }
}
