//! User name and password of a request, and their challenge (RFC 7617), with a comparison in constant time.
//!
//! ```text
//! challenge    Basic realm="foo", charset="UTF-8"
//! credentials  Basic base64( user ":" password )
//! ```

use std::fmt;

use super::constant_time;
use crate::primitives::base64;

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
        parse(value).map(|(user, password)| Credentials { user, password })
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

/// User name and password of an Authorization field. `None`: another scheme, or not in the form of RFC 7617 section 2.
fn parse(value: &[u8]) -> Option<(String, String)> {
    let (scheme, rest) = value.split_at_checked("Basic".len())?;
    // 7617-2-s1
    if !scheme.eq_ignore_ascii_case(b"Basic") || rest.first() != Some(&b' ') {
        return None;
    }
    let pair = base64::decode(rest.trim_ascii_start())?;
    // 7617-2.1-1, 7617-2.1-2: UTF-8, as the challenge requires. No other encoding is tried.
    let pair = String::from_utf8(pair).ok()?;
    // 7617-2-s4: the first colon. The password may have more.
    let (user, password) = pair.split_once(':')?;
    // 7617-2-4
    let fine = !pair.bytes().any(|byte| byte.is_ascii_control());
    fine.then(|| (user.to_owned(), password.to_owned()))
}

/// The value of a WWW-Authenticate field. The realm has to be visible ASCII and spaces, which the caller checks.
pub(crate) fn challenge(realm: &str) -> String {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    // 7617-2-1, 7617-2-2, 7617-2.1-s1
    format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "client")]
    use crate::auth::basic;

    #[cfg(feature = "client")]
    #[test]
    fn credentials_are_encoded_and_parsed() {
        // 7617-2-s2, 7617-2-s1, 7617-2.1-1, 7617-2.1-2: the examples of sections 2 and 2.1, and some of our own.
        let rows = [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test", "123\u{A3}", "Basic dGVzdDoxMjPCow=="),
            ("", "", "Basic Og=="),
            ("a", "b:c:", "Basic YTpiOmM6"),
            ("\u{1F600}\u{FB01}", "\u{3000} ", "Basic 8J+YgO+sgTrjgIAg"),
        ];
        for (user, password, value) in rows {
            assert_eq!(basic::credentials(user, password).unwrap(), value);
            let pair = Some((user.to_owned(), password.to_owned()));
            assert_eq!(parse(value.as_bytes()), pair);
            for scheme in ["basic ", "BASIC   "] {
                assert_eq!(parse(value.replace("Basic ", scheme).as_bytes()), pair);
            }
        }
    }

    #[test]
    fn invalid_authorization_fields_are_ignored() {
        // 7617-2-4, 7617-2-s4
        let rows = [
            "",
            "Basic",
            "Basic ",
            "BasicOg==",
            "Basic\tOg==",
            "Basi Og==",
            "Bearer Og==",
            "Basic Og==,",
            "Basic Og",
            "Basic Og== Og==",
            "Basic YQ==",     // a
            "Basic YToA",     // a:\0
            "Basic YQo6Yg==", // a\n:b
            "Basic YTr/",     // a:\xFF
        ];
        for value in rows {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
        assert_eq!(parse(b"Basic \xFF\xFF=="), None);
    }

    #[test]
    fn challenges_quote_the_realm() {
        // 7617-2-1, 7617-2-2, 7617-2.1-s1
        assert_eq!(challenge("foo"), "Basic realm=\"foo\", charset=\"UTF-8\"");
        assert_eq!(challenge("a \"b\\"), "Basic realm=\"a \\\"b\\\\\", charset=\"UTF-8\"");
    }
}
