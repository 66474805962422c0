//! Redirects (RFC 9110 section 15.4), where they are asked for: again and again from one URL to the next.
//!
//! | what | rule |
//! |---|---|
//! | statuses | 301, 302, 303, 307, 308 |
//! | how many | as many as asked for, at most [`MOST`] |
//! | back to a URL that led on | an error |
//! | from `wss` to one without TLS | an error |
//! | to another scheme, host or port | `Authorization`, `Cookie`, `Proxy-Authorization` and the URL's credentials stay behind, for good |
//!
//! Where a location leads is told by `wire::uri`. The time is one for all of it.

use std::borrow::Cow;

use crate::error::{Error, HandshakeFault, Hop, RedirectError, RedirectFault, Refusal, Result};
use crate::wire::uri::Uri;

/// More is a loop, or a way to hold the caller.
pub(super) const MOST: u8 = 10;

/// What must not follow to another place.
const SECRET: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];

/// One opening handshake is asked of this URL with these headers.
pub(super) struct Target<'a> {
    pub(super) uri: Cow<'a, Uri>,
    pub(super) headers: Cow<'a, [(String, String)]>,
}

/// Whether the answer is one that leads on.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Tries `target`, and where it leads, up to `most` times further.
pub(super) fn follow<T>(
    most: u8,
    mut target: Target<'_>,
    mut attempt: impl FnMut(&Target<'_>) -> Result<T>,
) -> Result<T> {
    let (mut hops, mut led_on) = (Vec::new(), Vec::new());
    loop {
        let refusal = match attempt(&target) {
            Err(Error::Handshake(refusal)) if most > 0 && refusal.status().is_some_and(is_redirect) => refusal,
            result => return result.map_err(|error| after(hops, error)),
        };
        led_on.push(target.uri.to_string());
        let next = match next(&target.uri, &refusal) {
            Ok(_) if hops.len() >= usize::from(most) => Err(RedirectFault::TooMany),
            // 9110-15.4-1
            Ok(uri) if led_on.contains(&uri.to_string()) => Err(RedirectFault::Loop),
            next => next,
        };
        let next = match next {
            Ok(uri) => uri,
            Err(fault) => {
                return Err(after(hops, Error::Handshake(refusal.with_fault(HandshakeFault::Redirect(fault)))))
            }
        };
        hops.push(Hop { url: target.uri.shown(), status: refusal.status().unwrap_or_default() });
        // 9110-15.4-2. Host and the rest of the handshake are made of the URL: 9110-15.4-3.
        if !target.uri.same_place(&next) {
            let secret = |name: &str| SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name));
            target.headers.to_mut().retain(|(name, _)| !secret(name));
        }
        target.uri = Cow::Owned(next);
    }
}

/// Where the answer leads.
fn next(uri: &Uri, refusal: &Refusal) -> Result<Uri, RedirectFault> {
    let mut locations = refusal.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Location"));
    match (locations.next(), locations.next()) {
        (Some((_, location)), None) => uri.redirected(location.as_bytes()),
        (_, Some(_)) | (None, None) => Err(RedirectFault::NoLocation),
    }
}

/// Says where it came from, if from elsewhere.
fn after(hops: Vec<Hop>, error: Error) -> Error {
    if hops.is_empty() {
        error
    } else {
        Error::Redirect(RedirectError::new(hops, error))
    }
}
