//! Cookies (RFC 6265): the pairs of a request, and the `Set-Cookie` fields of a response. Independent of their content, and
//! without a store.
//!
//! Received cookies are parsed as section 5.2 requires of browsers, leniently. Sent cookies follow the strict grammar of
//! sections 4.1.1 and 4.2.1.

/// A cookie that a server sets: one `Set-Cookie` field. See [`Response::set_cookies`](crate::Response::set_cookies).
#[derive(Clone, Copy)]
pub struct SetCookie<'a> {
    name: &'a str,
    value: &'a str,
    attributes: &'a str,
}

impl<'a> SetCookie<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The value, with its quotes if it has quotes.
    pub fn value(&self) -> &'a str {
        self.value
    }

    /// The last attribute of this name, such as `Max-Age` or `Path`, compared without regard to case. An attribute without a
    /// value, such as `Secure`, is empty.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        let mut all = self.attributes.split(';').map(|part| part.split_once('=').unwrap_or((part, "")));
        all.rfind(|(n, _)| trim(n).eq_ignore_ascii_case(name)).map(|(_, value)| trim(value))
    }

    /// Parses a field. `None`: the name is missing, or the field is not UTF-8.
    pub(crate) fn parse(field: &'a [u8]) -> Option<SetCookie<'a>> {
        let field = std::str::from_utf8(field).ok()?;
        let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (trim(name), trim(value));
        (!name.is_empty()).then_some(SetCookie { name, value, attributes })
    }
}

/// Shows only the name, because a cookie may be as secret as a password.
impl std::fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetCookie").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The cookies of a request: names and values in order.
#[cfg(feature = "server")]
pub(crate) fn parse_pairs<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = fields.into_iter().filter_map(|field| std::str::from_utf8(field).ok());
    let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (trim(name), trim(value))).filter(|(name, _)| !name.is_empty())
}

/// Whether a cookie may be sent: the name is a token, and the value is visible ASCII without quotes, commas, semicolons and
/// backslashes, or such a value in quotes.
#[cfg(feature = "client")]
pub(crate) fn is_sendable(name: &str, value: &str) -> bool {
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let fine = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    crate::handshake::header::is_token(name.as_bytes()) && bare.bytes().all(fine)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_cookie_fields_are_parsed() {
        let rows: [(&str, Option<(&str, &str)>); 9] = [
            ("SID=31d4d96e407aad42", Some(("SID", "31d4d96e407aad42"))),
            ("SID=31; Path=/; Secure; HttpOnly", Some(("SID", "31"))),
            (" a = b=c ;", Some(("a", "b=c"))),
            ("a=", Some(("a", ""))),
            ("a=\"b c\"", Some(("a", "\"b c\""))),
            ("a", None),
            ("=b", None),
            ("; a=b", None),
            ("", None),
        ];
        for (field, want) in rows {
            let cookie = SetCookie::parse(field.as_bytes());
            assert_eq!(cookie.map(|cookie| (cookie.name(), cookie.value())), want, "{field}");
        }
        assert!(SetCookie::parse(b"a=\xFF").is_none());
        let cookie =
            SetCookie::parse(b"a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; path=/x;max-age = 5; Path=/;secure")
                .unwrap();
        assert_eq!(cookie.attribute("PATH"), Some("/"));
        assert_eq!(cookie.attribute("Max-Age"), Some("5"));
        assert_eq!(cookie.attribute("expires"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!((cookie.attribute("Secure"), cookie.attribute("HttpOnly")), (Some(""), None));
        assert_eq!(format!("{cookie:?}"), "SetCookie { name: \"a\", .. }");
    }

    #[cfg(feature = "server")]
    #[test]
    fn cookies_of_a_request_are_parsed() {
        let fields: [&[u8]; 3] = [b"SID=31d4; lang=en-US;;x; =y", b"\xFF=a", b"a=b=c;SID=2"];
        let want = [("SID", "31d4"), ("lang", "en-US"), ("a", "b=c"), ("SID", "2")];
        assert_eq!(parse_pairs(fields).collect::<Vec<_>>(), want);
    }

    #[cfg(feature = "client")]
    #[test]
    fn only_cookies_in_the_strict_grammar_may_be_sent() {
        for (name, value) in [("SID", "31d4"), ("a", ""), ("a", "\"b\""), ("a", "a=b&c!#"), ("__Host-a", "b")] {
            assert!(is_sendable(name, value), "{name}={value}");
        }
        let rows = [
            ("", "a"),
            ("a b", "c"),
            ("a=", "b"),
            ("a", "b;c"),
            ("a", "b,c"),
            ("a", "b c"),
            ("a", "\""),
            ("a", "b\r\n"),
        ];
        for (name, value) in rows {
            assert!(!is_sendable(name, value), "{name}={value}");
        }
        assert!(!is_sendable("a", "caf\u{e9}") && !is_sendable("a", "b\\c") && !is_sendable("a", "\"b\"c\""));
    }
}
