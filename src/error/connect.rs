//! The failure to open a TCP connection to any address of a host.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

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
