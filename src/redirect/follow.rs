//! Redirects of the opening handshake (RFC 9110 section 15.4), if the caller enables them.
//!
//! | subject | rule |
//! |---|---|
//! | statuses | 301, 302, 303, 307, 308 |
//! | number | as enabled, at most [`MAX_REDIRECTS`] |
//! | to a URL visited before | an error |
//! | from `wss` to a URL without TLS | an error |
//! | to another scheme, host or port | `Authorization`, `Cookie`, `Proxy-Authorization`, URL credentials and subprotocols are dropped |
//!
//! One deadline covers all attempts. Must not know how an attempt connects, nor how a location is resolved.

use std::borrow::Cow;

use crate::client::builder::Client;
use crate::client::handshake::Target;
use crate::error::{
    Error, HandshakeError, HandshakeErrorKind, RedirectError, RedirectErrorKind, RedirectHop, ResponseErrorKind, Result,
};
use crate::handshake::uri::Uri;

/// Maximum number of redirects that can be enabled.
const MAX_REDIRECTS: u8 = 10;

/// Headers that are not sent to another origin.
const SENSITIVE_HEADERS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];

impl Client {
    /// Follows up to `limit` redirects, and at most 10. Default 0: a redirect is a rejection. Feature `proxy`.
    ///
    /// A redirect from `wss` to a URL without TLS is an error. When scheme, host or port changes, the headers
    /// `Authorization`, `Cookie` and `Proxy-Authorization` and the credentials of the URL are dropped. So are the
    /// subprotocols, because applications send tokens in them. Other headers are sent to the new server, so they must
    /// not contain secrets. The manual has the rules in its chapter [`proxies`](crate::manual::proxies).
    ///
    /// [`connect_over`](Client::connect_over) follows no redirects.
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

/// Whether a response with this status is a redirect.
fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Attempts `target`, and then the location of each redirect, up to `max` of them.
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
            Err(Error::Handshake(rejection)) if max > 0 && rejection.http_status().is_some_and(is_redirect) => {
                rejection
            }
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
                return Err(with_hops(
                    hops,
                    Error::Handshake(
                        rejection.with_kind(HandshakeErrorKind::Response(ResponseErrorKind::Redirect(kind))),
                    ),
                ))
            }
        };
        hops.push(RedirectHop { url: target.uri.redacted(), status: rejection.status().unwrap_or_default() });
        // 9110-15.4-2. Host and the rest of the request come from the new URL: 9110-15.4-3.
        if !target.uri.is_same_origin(&next) {
            let sensitive = |name: &str| SENSITIVE_HEADERS.iter().any(|sensitive| sensitive.eq_ignore_ascii_case(name));
            target.headers.to_mut().retain(|(name, _)| !sensitive(name));
            // Some carry a token: `base64url.bearer.authorization.k8s.io.…`.
            target.subprotocols = &[];
        }
        target.uri = Cow::Owned(next);
    }
}

/// The URL that a redirect refers to.
fn next_location(uri: &Uri, rejection: &HandshakeError) -> Result<Uri, RedirectErrorKind> {
    let mut locations = rejection.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Location"));
    match (locations.next(), locations.next()) {
        (Some((_, location)), None) => uri.resolve_redirect(location.as_bytes()),
        (_, Some(_)) | (None, None) => Err(RedirectErrorKind::MissingLocation),
    }
}

/// Adds the redirects that were followed, if any.
fn with_hops(hops: Vec<RedirectHop>, error: Error) -> Error {
    if hops.is_empty() {
        error
    } else {
        Error::Redirect(RedirectError::new(hops, error))
    }
}
