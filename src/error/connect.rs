//! The error for a host to which no TCP connection could be opened, with the cause for each address.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// The error for a host of which no address could be reached. Holds every attempt in order.
#[derive(Debug, Clone)]
pub struct ConnectError {
    pub(crate) host: String,
    pub(crate) is_proxy: bool,
    pub(crate) attempts: Vec<ConnectAttempt>,
}

impl ConnectError {
    /// Whether the host is the proxy.
    pub fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// The host as `host:port`, without user name and password. It is the proxy if [`is_proxy`](ConnectError::is_proxy).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The attempts, in order. Empty when the host name resolved to no address.
    pub fn attempts(&self) -> &[ConnectAttempt] {
        &self.attempts
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.is_proxy() { "the proxy " } else { "" };
        write!(f, "no connection to {role}{}: ", self.host)?;
        if self.attempts.is_empty() {
            return f.write_str("the host name resolved to no address");
        }
        // A URL with an IP address has one attempt, to the host that is shown already.
        if let [attempt] = &self.attempts[..] {
            if attempt.address.to_string() == self.host {
                return write!(f, "{}", attempt.error);
            }
        }
        for (i, attempt) in self.attempts.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", attempt.address, attempt.error)?;
        }
        Ok(())
    }
}

/// One address that was tried, and the cause of the failure.
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

    /// The cause. It is `TimedOut` for an address that did not answer before the deadline.
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_is_shown_with_its_address_unless_the_host_is_that_address() {
        let error = |host: &str, addresses: &[&str]| {
            let attempt = |address: &&str| ConnectAttempt {
                address: address.parse().unwrap(),
                error: Arc::new(io::Error::new(io::ErrorKind::ConnectionRefused, "refused")),
            };
            let attempts = addresses.iter().map(attempt).collect();
            ConnectError { host: host.to_owned(), is_proxy: false, attempts }.to_string()
        };
        assert_eq!(error("a.example:80", &[]), "no connection to a.example:80: the host name resolved to no address");
        assert_eq!(error("192.0.2.1:80", &["192.0.2.1:80"]), "no connection to 192.0.2.1:80: refused");
        let one = "no connection to a.example:80: 192.0.2.1:80: refused";
        assert_eq!(error("a.example:80", &["192.0.2.1:80"]), one);
        let both = error("a.example:80", &["192.0.2.1:80", "[2001:db8::1]:80"]);
        assert_eq!(both, format!("{one}, [2001:db8::1]:80: refused"));
    }
}
