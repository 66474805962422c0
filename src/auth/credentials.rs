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
/// [`Request::basic_auth`](crate::Request::basic_auth). Feature `server`.
///
/// Both are what was sent, not normalized. RFC 7617 defines text. Some protocols send keys: OCPP, for example, sends a key of raw
/// bytes as the password. Therefore both are also there as bytes. `Debug` shows neither. There is no `==`, whose time would show
/// how much of a guess is right.
#[derive(Clone)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    /// The credentials of an Authorization field.
    pub(crate) fn from_header(value: &[u8]) -> Option<Credentials> {
        parse(value).map(|(user, password)| Credentials { user, password })
    }

    /// Whether user name and password are these. The time depends only on the length of the values that the client sent.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server};
    /// let key = [0x00, 0xC7, 0x3A, 0xFF];
    /// let server = Server::bind("127.0.0.1:0")?.basic_auth("stations", move |station| station.matches("CP-7", key))?;
    /// let server = server.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = Client::new(&server.url())?.basic_auth_bytes(b"CP-7", &key)?.connect()?;
    /// # assert_eq!(ws.recv()?.unwrap().as_text(), Some("welcome"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn matches(&self, user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> bool {
        // Not `&&`, which would skip the second comparison when the first one fails.
        constant_time_eq(&self.user, user) & constant_time_eq(&self.password, password)
    }

    /// The user name. `None` if it is not text of RFC 7617: UTF-8 without control characters.
    pub fn user(&self) -> Option<&str> {
        text(&self.user)
    }

    /// The password, to compare it with a hash or to send it to another service. To compare it with a password, use
    /// [`matches`](Credentials::matches) or [`constant_time_eq`]. `None` if it is not text of RFC 7617: UTF-8 without control
    /// characters.
    pub fn password(&self) -> Option<&str> {
        text(&self.password)
    }

    /// The bytes of the user name.
    pub fn user_bytes(&self) -> &[u8] {
        &self.user
    }

    /// The bytes of the password.
    pub fn password_bytes(&self) -> &[u8] {
        &self.password
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    // 7617-2-4. 7617-2.1-1, 7617-2.1-2: UTF-8, as the challenge requires. No other encoding is tried.
    std::str::from_utf8(bytes).ok().filter(|_| !bytes.iter().any(u8::is_ascii_control))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Whether the given value is the secret: a password, a token, the value of a cookie. Feature `server`.
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

/// User name and password of an Authorization field, as bytes. `None`: another scheme, or no base64 with a colon in it.
fn parse(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked("Basic".len())?;
    // 7617-2-s1
    if !scheme.eq_ignore_ascii_case(b"Basic") || rest.first() != Some(&b' ') {
        return None;
    }
    let pair = base64::decode(rest.trim_ascii_start())?;
    // 7617-2-s4: the first colon. The password may have more.
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let (user, password) = pair.split_at_checked(colon)?;
    Some((user.to_vec(), password.get(1..).unwrap_or_default().to_vec()))
}

/// The value of a WWW-Authenticate field. The realm has to be visible ASCII and spaces, which the caller checks.
pub(crate) fn challenge(realm: &str) -> String {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    // 7617-2-1, 7617-2-2, 7617-2.1-s1
    format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    #[cfg(feature = "client")]
    use crate::auth::basic;

    /// A wrong user name takes as long as a wrong password.
    /// Shows promise P17.
    #[test]
    fn the_password_is_compared_after_a_wrong_user_name() {
        let password = vec![b's'; 1 << 18];
        let wrong = [b"x", &password[1..]].concat();
        let credentials = Credentials { user: b"ann".to_vec(), password };
        let time = |user: &str| {
            let start = Instant::now();
            assert!(!credentials.matches(user, &wrong));
            start.elapsed()
        };
        // The minimum of many runs, because the machine may be loaded.
        let (mut right_user, mut wrong_user) = (Duration::MAX, Duration::MAX);
        for _ in 0..30 {
            right_user = right_user.min(time("ann"));
            wrong_user = wrong_user.min(time("bob"));
        }
        assert!(wrong_user > right_user / 4, "{wrong_user:?} {right_user:?}");
    }

    #[test]
    #[allow(clippy::type_complexity)] // A table.
    fn text_is_utf_8_without_control_characters() {
        // 7617-2-4, 7617-2.1-1, 7617-2.1-2: user name and password, as text and as bytes.
        type Row = (&'static str, Option<&'static str>, Option<&'static str>, &'static [u8], &'static [u8]);
        let rows: [Row; 6] = [
            ("Basic YTpi", Some("a"), Some("b"), b"a", b"b"),
            ("Basic YToA", Some("a"), None, b"a", b"\0"),
            ("Basic YQo6Yg==", None, Some("b"), b"a\n", b"b"),
            ("Basic w6k6wqM=", Some("\u{E9}"), Some("\u{A3}"), b"\xC3\xA9", b"\xC2\xA3"),
            ("Basic YTr/", Some("a"), None, b"a", b"\xFF"),
            ("Basic YTr/Ov8=", Some("a"), None, b"a", b"\xFF:\xFF"),
        ];
        for (value, user, password, user_bytes, password_bytes) in rows {
            let credentials = Credentials::from_header(value.as_bytes()).unwrap();
            assert_eq!((credentials.user(), credentials.password()), (user, password), "{value}");
            assert_eq!(
                (credentials.user_bytes(), credentials.password_bytes()),
                (user_bytes, password_bytes),
                "{value}"
            );
            assert!(credentials.matches(user_bytes, password_bytes) && !credentials.matches(user_bytes, b"c"));
        }
    }

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
            let pair = Some((user.as_bytes().to_vec(), password.as_bytes().to_vec()));
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
            "Basic YQ==", // a
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
