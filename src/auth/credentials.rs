//! User name and password of a request, with a comparison in constant time.

use std::fmt;

use super::basic;
use super::constant_time;

/// User name and password of a request (RFC 7617). See [`Server::basic_auth`](crate::Server::basic_auth) and
/// [`Request::basic_auth`](crate::Request::basic_auth).
///
/// Both are the text that was sent, not normalized. `Debug` shows neither. There is no `==`, whose time would show how much of a
/// guess is right.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// The credentials of an Authorization field.
    pub(crate) fn from_header(value: &[u8]) -> Option<Credentials> {
        basic::parse(value).map(|(user, password)| Credentials { user, password })
    }

    /// Whether user name and password are these. The time depends only on the length of the values that the client sent.
    pub fn matches(&self, user: &str, password: &str) -> bool {
        // Not `&&`, which would skip the second comparison when the first one fails.
        constant_time_eq(&self.user, user) & constant_time_eq(&self.password, password)
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, to compare it with a hash or to send it to another service. To compare it with a password, use
    /// [`matches`](Credentials::matches) or [`constant_time_eq`].
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Whether the given value is the secret: a password, a token, the value of a cookie.
///
/// `==` stops at the first different byte, so its time shows a peer how much of a guess is right. The time of this function
/// depends only on the length of the given value, as far as `std` can guarantee that.
///
/// ```
/// # let request = |_: &str| Some("2YotnFZFEjr1zCsicMWpAA");
/// # let token = "2YotnFZFEjr1zCsicMWpAA".to_owned();
/// let known = request("bearer token").is_some_and(|given| stdws::constant_time_eq(given, &token));
/// assert!(known);
/// ```
pub fn constant_time_eq(given: impl AsRef<[u8]>, secret: impl AsRef<[u8]>) -> bool {
    constant_time::constant_time_eq(given.as_ref(), secret.as_ref())
}
