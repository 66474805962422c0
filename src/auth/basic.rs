//! Basic credentials as a client sends them (RFC 7617): `Basic base64( user ":" password )`.

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
pub(super) fn has_control(bytes: &[u8]) -> bool {
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
    fn invalid_credentials_are_rejected() {
        // 7617-2-4, 7617-2-s4
        for (user, password) in [("a:b", "c"), ("a\r\n", "c"), ("a", "\0"), ("a", "\x7F")] {
            assert_eq!(credentials(user, password), Err(UsageError::Credentials));
        }
    }
}
