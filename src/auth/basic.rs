//! Basic credentials and their challenge (RFC 7617), as text. Independent of which credentials are valid.
//!
//! ```text
//! challenge    Basic realm="foo", charset="UTF-8"
//! credentials  Basic base64( user ":" password )
//! ```

use crate::error::UsageError;
use crate::handshake::uri::{Uri, Userinfo};
use crate::primitives::base64;

/// The value of an Authorization field for a user name and a password.
pub(crate) fn credentials(user: &str, password: &str) -> Result<String, UsageError> {
    text_credentials(user.as_bytes(), password.as_bytes())
}

/// The value for a user name and a password in any character set.
fn text_credentials(user: &[u8], password: &[u8]) -> Result<String, UsageError> {
    // 7617-2-4: neither may have control characters.
    if has_control(user) || has_control(password) {
        return Err(UsageError::Credentials);
    }
    byte_credentials(user, password)
}

/// The value for any bytes except a colon in the user name. Some protocols send a key as the password.
pub(crate) fn byte_credentials(user: &[u8], password: &[u8]) -> Result<String, UsageError> {
    // 7617-2-s4: the first colon ends the user name.
    if user.contains(&b':') {
        return Err(UsageError::Credentials);
    }
    // 7617-2-s2
    Ok(format!("Basic {}", base64::encode(&[user, b":", password].concat())))
}

/// Whether these bytes have a control character of ASCII, which 7617-2-4 excludes from text.
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_control)
}

/// The value of an Authorization or Proxy-Authorization field for the userinfo of a URI, in any character set.
pub(crate) fn userinfo_credentials(userinfo: &Userinfo) -> Result<String, UsageError> {
    text_credentials(&userinfo.user, &userinfo.password)
}

/// The value of the Authorization field that the userinfo of a URI stands for. `None` when the URI has no userinfo, or when
/// the caller's headers already have an Authorization field.
pub(crate) fn authorization(headers: &[(String, String)], uri: &Uri) -> Result<Option<String>, UsageError> {
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Authorization")) {
        return Ok(None);
    }
    uri.userinfo.as_ref().map(userinfo_credentials).transpose()
}

/// User name and password of an Authorization field, as bytes. `None`: another scheme, or no base64 with a colon in it.
pub(crate) fn parse(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
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
    use super::*;

    /// A URI, and what a server decodes from its credentials (RFC 7617 section 2).
    type Credentials = (&'static str, Result<Option<&'static [u8]>, UsageError>);
    const CREDENTIALS: &[Credentials] = &[
        ("ws://h/", Ok(None)),
        ("ws://@h/", Ok(None)),
        ("ws://:@h/", Ok(None)),
        ("ws://Aladdin:open%20sesame@h/", Ok(Some(b"Aladdin:open sesame"))),
        ("ws://user@h/", Ok(Some(b"user:"))),
        ("ws://:pw@h/", Ok(Some(b":pw"))),
        ("ws://u:a:b@h/", Ok(Some(b"u:a:b"))),
        ("ws://u%40x:p%3A%2f@h/", Ok(Some(b"u@x:p:/"))),
        ("ws://u:%FF%C3%A9@h/", Ok(Some(b"u:\xff\xc3\xa9"))),
        ("ws://a%3Ab:c@h/", Err(UsageError::Credentials)),
        ("ws://a%0D%0Ab:c@h/", Err(UsageError::Credentials)),
        ("ws://a:%00@h/", Err(UsageError::Credentials)),
        ("ws://a:%7f@h/", Err(UsageError::Credentials)),
    ];

    #[test]
    fn userinfo_becomes_basic_credentials() {
        for (text, expected) in CREDENTIALS {
            let credentials = authorization(&[], &Uri::parse(text).unwrap());
            let expected = expected.clone().map(|pair| pair.map(|pair| format!("Basic {}", base64::encode(pair))));
            assert_eq!(credentials, expected, "{text}");
        }
        // The example of RFC 7617 section 2.
        let credentials = authorization(&[], &Uri::parse("ws://Aladdin:open%20sesame@h/").unwrap());
        assert_eq!(credentials.unwrap().as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    }

    #[test]
    fn a_given_authorization_header_replaces_the_userinfo() {
        let given = [("authorization".to_owned(), "Bearer x".to_owned())];
        assert_eq!(authorization(&given, &Uri::parse("ws://u:p@h/").unwrap()), Ok(None));
    }

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
            assert_eq!(credentials(user, password).unwrap(), value);
            let pair = Some((user.as_bytes().to_vec(), password.as_bytes().to_vec()));
            assert_eq!(parse(value.as_bytes()), pair);
            for scheme in ["basic ", "BASIC   "] {
                assert_eq!(parse(value.replace("Basic ", scheme).as_bytes()), pair);
            }
        }
    }

    #[test]
    fn invalid_credentials_are_rejected() {
        // 7617-2-4, 7617-2-s4
        for (user, password) in [("a:b", "c"), ("a\r\n", "c"), ("a", "\0"), ("a", "\x7F")] {
            assert_eq!(credentials(user, password), Err(UsageError::Credentials));
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
