//! What went wrong on the way from one URL to another.

use std::fmt;

use crate::error::{Error, UriErrorKind};

/// Redirects were followed, and then it went wrong: where they led, and what happened there.
///
/// A redirect that must not be followed is an [`Error::Handshake`] with
/// [`HandshakeErrorKind::Redirect`](crate::HandshakeErrorKind::Redirect); this error holds it when others were followed before it.
#[derive(Debug, Clone)]
pub struct RedirectError {
    hops: Vec<RedirectHop>,
    cause: Box<Error>,
}

/// An answer that led on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHop {
    pub(crate) url: String,
    pub(crate) status: u16,
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
