//! What went wrong on the way from one URL to another.

use std::fmt;

use super::usage::UriErrorKind;

/// An answer that led on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHop {
    pub(crate) url: String,
    pub(crate) status: u16,
}

impl RedirectHop {
    /// The URL that answered, without user name, password and query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The status it answered: 301, 302, 303, 307 or 308.
    pub fn status(&self) -> u16 {
        self.status
    }
}

/// Why a redirect was not followed, although [`Client::max_redirects`](crate::Client::max_redirects) asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectErrorKind {
    /// As many were followed as may be.
    TooMany,
    /// It leads back to a URL that led on before.
    Loop,
    /// It leads from `wss` to a URL without TLS.
    Downgrade,
    /// It does not say where to: there is no `Location`, or more than one.
    MissingLocation,
    /// Its `Location` is not a URL this side can use.
    Location(UriErrorKind),
    /// Its `Location` has a user name or a password. Those of a client come from its user.
    Userinfo,
}

impl fmt::Display for RedirectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedirectErrorKind::TooMany => f.write_str("as many were followed as Client::max_redirects allows"),
            RedirectErrorKind::Loop => f.write_str("it leads back to a URL that led on before"),
            RedirectErrorKind::Downgrade => f.write_str("it leads from wss to a URL without TLS"),
            RedirectErrorKind::MissingLocation => f.write_str("it has no Location, or more than one"),
            RedirectErrorKind::Location(kind) => write!(f, "its Location cannot be used: {kind}"),
            RedirectErrorKind::Userinfo => f.write_str("its Location has a user name or a password"),
        }
    }
}
