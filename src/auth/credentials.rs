//! Who is asking: user name and password of a request, to be compared without telling how well they were guessed.

use std::fmt;

use super::basic;
use super::constant_time;

/// User name and password of a request (RFC 7617). See [`Server::basic_auth`](crate::Server::basic_auth) and
/// [`Request::basic_auth`](crate::Request::basic_auth).
///
/// Both are text as it came, neither normalized nor changed in case. `Debug` shows neither, and there is no `==`, which would tell
/// by its time how much of a guess was right.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    pub(crate) fn from_header(value: &[u8]) -> Option<Credentials> {
        basic::parse(value).map(|(user, password)| Credentials { user, password })
    }

    /// Whether they are these two. The time it takes depends on the length of what the client sent, and on nothing else.
    pub fn matches(&self, user: &str, password: &str) -> bool {
        // Not `&&`, which would leave out the second when the first is wrong.
        constant_time_eq(&self.user, user) & constant_time_eq(&self.password, password)
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, for one who compares it with a hash, or asks another service. To compare it with a password, use
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

/// Whether what a peer gave is the secret: a password, a token, the value of a cookie.
///
/// `==` stops at the first byte that differs, and its time tells a patient peer how far it got. Here the time depends on the
/// length of what was given alone, as far as `std` can see to that.
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
