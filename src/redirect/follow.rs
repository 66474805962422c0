//! Redirects (RFC 9110 section 15.4), where they are asked for: again and again from one URL to the next.
//!
//! | what | rule |
//! |---|---|
//! | statuses | 301, 302, 303, 307, 308 |
//! | how many | as many as asked for, at most [`MAX_REDIRECTS`] |
//! | back to a URL that led on | an error |
//! | from `wss` to one without TLS | an error |
//! | to another scheme, host or port | `Authorization`, `Cookie`, `Proxy-Authorization` and the URL's credentials stay behind, for good |
//!
//! Where a location leads is told by `wire::uri`. The time is one for all of it.

use std::borrow::Cow;

use crate::client::builder::Client;
use crate::client::handshake::Target;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, RedirectError, RedirectErrorKind, RedirectHop, Result};
use crate::handshake::uri::Uri;

/// More is a loop, or a way to hold the caller.
const MAX_REDIRECTS: u8 = 10;

/// What must not follow to another place.
const SENSITIVE_HEADERS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];

impl Client {
    /// Follows up to `limit` redirects, but never more than 10. Default 0: a redirect is a rejection.
    ///
    /// Never from `wss` to a URL without TLS. When scheme, host or port changes, the headers `Authorization`, `Cookie` and
    /// `Proxy-Authorization` and the credentials of the URL are left behind; other headers go along, so put no secret into them.
    /// The chapter [`proxies`](crate::manual::proxies) of the manual has the rules.
    ///
    /// [`connect_over`](Client::connect_over) follows none: its stream leads to one place.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://example.com/feed")?.max_redirects(3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_redirects(mut self, limit: u8) -> Client {
        self.max_redirects = limit.min(MAX_REDIRECTS);
        self
    }
}

/// Whether the answer is one that leads on.
fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Tries `target`, and where it leads, up to `max` times further.
pub(crate) fn follow<T>(
    max: u8,
    mut target: Target<'_>,
    mut attempt: impl FnMut(&Target<'_>) -> Result<T>,
) -> Result<T> {
    if max > 0 {
        target.skip_body = is_redirect;
    }
    let (mut hops, mut visited) = (Vec::new(), Vec::new());
    loop {
        let rejection = match attempt(&target) {
            Err(Error::Handshake(rejection)) if max > 0 && rejection.status().is_some_and(is_redirect) => rejection,
            result => return result.map_err(|error| with_hops(hops, error)),
        };
        visited.push(target.uri.to_string());
        let next = match next_location(&target.uri, &rejection) {
            Ok(_) if hops.len() >= usize::from(max) => Err(RedirectErrorKind::TooMany),
            // 9110-15.4-1
            Ok(uri) if visited.contains(&uri.to_string()) => Err(RedirectErrorKind::Loop),
            next => next,
        };
        let next = match next {
            Ok(uri) => uri,
            Err(kind) => {
                return Err(with_hops(hops, Error::Handshake(rejection.with_kind(HandshakeErrorKind::Redirect(kind)))))
            }
        };
        hops.push(RedirectHop { url: target.uri.redacted(), status: rejection.status().unwrap_or_default() });
        // 9110-15.4-2. Host and the rest of the handshake are made of the URL: 9110-15.4-3.
        if !target.uri.is_same_origin(&next) {
            let sensitive = |name: &str| SENSITIVE_HEADERS.iter().any(|sensitive| sensitive.eq_ignore_ascii_case(name));
            target.headers.to_mut().retain(|(name, _)| !sensitive(name));
        }
        target.uri = Cow::Owned(next);
    }
}

/// Where the answer leads.
fn next_location(uri: &Uri, rejection: &HandshakeError) -> Result<Uri, RedirectErrorKind> {
    let mut locations = rejection.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Location"));
    match (locations.next(), locations.next()) {
        (Some((_, location)), None) => uri.resolve_redirect(location.as_bytes()),
        (_, Some(_)) | (None, None) => Err(RedirectErrorKind::MissingLocation),
    }
}

/// Says where it came from, if from elsewhere.
fn with_hops(hops: Vec<RedirectHop>, error: Error) -> Error {
    if hops.is_empty() {
        error
    } else {
        Error::Redirect(RedirectError::new(hops, error))
    }
}
