//! Redirects of an opening handshake: a redirect that was followed, and the reason why one was not.

use std::fmt;

use super::usage::UriErrorKind;

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHop {
    pub(crate) url: String,
    pub(crate) status: u16,
}

impl RedirectHop {
    /// The URL that sent the redirect, without user name, password and query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The status of the response: 301, 302, 303, 307 or 308.
    pub fn status(&self) -> u16 {
        self.status
    }
}

/// The reason why a redirect was not followed, although [`Client::max_redirects`](crate::Client::max_redirects) allows redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectErrorKind {
    /// The maximum number of redirects was followed before.
    TooMany,
    /// Its `Location` is a URL that was visited before.
    Loop,
    /// It redirects from `wss` to a URL without TLS.
    Downgrade,
    /// It has no `Location`, or more than one.
    MissingLocation,
    /// Its `Location` is not a valid WebSocket URL.
    Location(UriErrorKind),
    /// Its `Location` has a user name or a password. Only the caller may set them.
    Userinfo,
}

impl fmt::Display for RedirectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedirectErrorKind::TooMany => {
                f.write_str("the maximum number of redirects is reached; see Client::max_redirects")
            }
            RedirectErrorKind::Loop => f.write_str("its Location was visited before"),
            RedirectErrorKind::Downgrade => f.write_str("it redirects from wss to a URL without TLS"),
            RedirectErrorKind::MissingLocation => f.write_str("it has no Location, or more than one"),
            RedirectErrorKind::Location(kind) => write!(f, "its Location is invalid: {kind}"),
            RedirectErrorKind::Userinfo => f.write_str("its Location has a user name or a password"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_has_its_url_and_its_status() {
        let hop = RedirectHop { url: "ws://a.example/".to_owned(), status: 307 };
        assert_eq!((hop.url(), hop.status()), ("ws://a.example/", 307));
    }
}
