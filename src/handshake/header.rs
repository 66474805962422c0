//! The grammar of field values: tokens, lists of tokens, and lists with parameters (RFC 9110 section 5.6, RFC 6455
//! section 9.1). Independent of the meaning of a field.
//!
//! Each function reads its input once, from left to right, so that its time is linear in the length of the value.
//! RFC 6455 uses the older grammar of RFC 2616: white space may stand between any two parts, and a list may have empty
//! elements if it also has others.
//!
//! ```
//! use stdws::handshake::header;
//! let value = b"permessage-deflate; client_max_window_bits, foo; bar=\"8\"".as_slice();
//! let list = header::extensions([value]).unwrap();
//! assert_eq!((list[0].name, list[1].name), ("permessage-deflate", "foo"));
//! assert_eq!(list[1].params[0].1.as_deref(), Some("8"));
//! assert!(header::list_has([b"keep-alive, Upgrade".as_slice()], "upgrade"));
//! ```

use std::borrow::Cow;
use std::fmt;

use crate::error::UsageError;
use crate::redact;

/// Maximum number of elements of a list in a handshake. The parameters of extensions count as well. Each element takes some
/// 50 bytes when it is parsed, and may have one byte on the wire. So without a maximum, a peer could make its head take 20
/// times as much memory before it is authenticated. Browsers send one element.
pub const MAX_ELEMENTS: usize = 100;

/// The error for a value that does not follow its grammar, or has more than [`MAX_ELEMENTS`] elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of the field does not follow its grammar (RFC 6455 section 9.1)")
    }
}

impl std::error::Error for Malformed {}

/// Whether the byte may stand in a token: visible ASCII that is not a separator.
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether the bytes are a token: at least one byte, and no separator.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Whether the byte may stand in a line as it is received: no control character, except HTAB, which is white space.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7E | 0x80..=0xFF)
}

/// White space inside a line: SP and HTAB.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether a value may be sent: visible ASCII and spaces. CR, LF, NUL, other control characters and bytes outside ASCII
/// are not allowed.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, 0x20..=0x7E))
}

/// Checks a field that a caller adds to a request or a response. 6455-4.1-39: any field that the handshake does not write.
///
/// # Errors
/// A name that is not a token, a name that the handshake writes, or a value that may not be sent.
pub fn check_field(name: &str, value: &str) -> Result<(), UsageError> {
    const RESERVED: [&str; 6] = ["Host", "Upgrade", "Connection", "Origin", "Content-Length", "Transfer-Encoding"];
    if !is_token(name.as_bytes()) {
        return Err(UsageError::HeaderName(name.to_owned()));
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
        || name.to_ascii_lowercase().starts_with("sec-websocket-")
    {
        return Err(UsageError::ReservedHeader(name.to_owned()));
    }
    // CVE-2020-35678, hixie55-4.1-11: a line break in a value would begin another field, or another request.
    if !is_field_value(value.as_bytes()) {
        return Err(UsageError::HeaderValue(name.to_owned()));
    }
    Ok(())
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, without the white space around them and without empty elements.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim).filter(|element| !element.is_empty())
}

/// The tokens of a comma-separated list, in order.
pub fn tokens(value: &[u8]) -> impl Iterator<Item = Result<&str, Malformed>> {
    elements(value).map(|element| match std::str::from_utf8(element) {
        Ok(text) if is_token(element) => Ok(text),
        Ok(_) | Err(_) => Err(Malformed),
    })
}

/// Whether one of the lists has this element, compared without regard to ASCII case. Elements that are not tokens, such
/// as `h2c/1`, never match.
pub fn list_has<'a>(values: impl IntoIterator<Item = &'a [u8]>, token: &str) -> bool {
    values.into_iter().flat_map(elements).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// One element of `Sec-WebSocket-Extensions`. Names keep the case they were sent in.
#[derive(Clone, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The name of the extension.
    pub name: &'a str,
    /// The parameters in order: a name, and a value unless the parameter has none.
    pub params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// Shows the values of parameters only if they read as names or numbers.
impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Cow<'_, str>| redact::subprotocol(value).into_owned();
        let params: Vec<_> = self.params.iter().map(|(name, value)| (name, value.as_ref().map(shown))).collect();
        f.debug_struct("Extension").field("name", &self.name).field("params", &params).finish()
    }
}

/// The extensions of a message, whose `Sec-WebSocket-Extensions` fields are one list (6455-9.1-3, 6455-11.3.2-1):
///
/// ```text
/// extension-list  = 1#extension
/// extension       = token *( ";" extension-param )
/// extension-param = token [ "=" (token | quoted-string) ]
/// ```
///
/// No field means no extension.
///
/// # Errors
/// [`Malformed`] when a value does not follow the grammar, the fields have no extension, or they have more than
/// [`MAX_ELEMENTS`] extensions and parameters.
pub fn extensions<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Extension<'a>>, Malformed> {
    let mut list = Vec::new();
    let mut room = MAX_ELEMENTS;
    let mut present = false;
    for value in values {
        present = true;
        let mut cursor = Cursor { rest: value };
        loop {
            while cursor.consume(b',') {}
            if cursor.rest.is_empty() {
                break;
            }
            list.push(cursor.extension(&mut room)?);
            if !cursor.rest.is_empty() && !cursor.consume(b',') {
                return Err(Malformed);
            }
        }
    }
    if present && list.is_empty() {
        return Err(Malformed);
    }
    Ok(list)
}

/// A position in a value. Every method also skips the white space after what it reads.
pub(crate) struct Cursor<'a> {
    /// The bytes that have not been read.
    pub(crate) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// `room`: the number of elements that may follow.
    fn extension(&mut self, room: &mut usize) -> Result<Extension<'a>, Malformed> {
        *room = room.checked_sub(1).ok_or(Malformed)?;
        let name = self.token()?;
        let mut params = Vec::new();
        while self.consume(b';') {
            *room = room.checked_sub(1).ok_or(Malformed)?;
            let param = self.token()?;
            let value = if self.consume(b'=') { Some(self.value()?) } else { None };
            params.push((param, value));
        }
        Ok(Extension { name, params })
    }

    fn value(&mut self) -> Result<Cow<'a, str>, Malformed> {
        match self.rest.split_first() {
            Some((b'"', rest)) => {
                self.rest = rest;
                self.quoted().map(Cow::Owned)
            }
            Some(_) | None => self.token().map(Cow::Borrowed),
        }
    }

    /// The rest of a quoted-string, after its first quote. A backslash escapes the character after it.
    fn quoted(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        loop {
            let (byte, rest) = match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    break;
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
                [] => return Err(Malformed),
            };
            // 6455-4.3-1, 6455-9.1-2: the text without quotes and backslashes is a token.
            if !is_token_byte(byte) {
                return Err(Malformed);
            }
            text.push(char::from(byte));
            self.rest = rest;
        }
        self.skip_space();
        if text.is_empty() {
            Err(Malformed)
        } else {
            Ok(text)
        }
    }

    /// A token, or the text of a quoted-string, which may have any character.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        let Some((b'"', rest)) = self.rest.split_first() else { return self.token().map(str::to_owned) };
        self.rest = rest;
        let mut text = Vec::new();
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    self.skip_space();
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    text.push(*byte);
                    self.rest = rest;
                }
                [] => return Err(Malformed),
            }
        }
    }

    /// A token.
    pub(crate) fn token(&mut self) -> Result<&'a str, Malformed> {
        self.skip_space();
        let length = self.rest.iter().take_while(|&&b| is_token_byte(b)).count();
        let (token, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        self.skip_space();
        if token.is_empty() {
            return Err(Malformed);
        }
        std::str::from_utf8(token).map_err(|_| Malformed)
    }

    /// Whether the next byte is this one. If so, it is read.
    pub(crate) fn consume(&mut self, byte: u8) -> bool {
        self.skip_space();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                self.skip_space();
                true
            }
            Some(_) | None => false,
        }
    }

    /// Skips SP and HTAB.
    pub(crate) fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes() {
        let fine: Vec<u8> = (0..=255).filter(|&b| is_token(&[b])).collect();
        assert_eq!(fine, b"!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
        assert!(!is_token(b"") && is_token(b"v2.feed") && !is_token(b"v2 feed"));
    }

    #[test]
    fn field_values_that_may_be_sent() {
        // CVE-2020-35678: every byte that could begin another line is rejected.
        for byte in 0..=255 {
            assert_eq!(is_field_value(&[b'a', byte, b'a']), (32..127).contains(&byte), "{byte}");
        }
        assert!(is_field_value(b""));
    }

    /// Shows the answers to opera-29, turner-c1.
    #[test]
    fn fields_of_the_handshake_and_invalid_fields_are_rejected() {
        let owned = |name: &str| Err(UsageError::ReservedHeader(name.into()));
        let (name, value) =
            (|name: &str| Err(UsageError::HeaderName(name.into())), |n: &str| Err(UsageError::HeaderValue(n.into())));
        let rows: &[(&str, &str, Result<(), UsageError>)] = &[
            ("Cookie", "a=b; c=\"d\"", Ok(())),          // 6455-4.1-39
            ("Cookie", "a=b;\r\n c=d", value("Cookie")), // hixie55-4.1-11
            ("authorization", "Bearer a.b-c", Ok(())),
            ("X-Empty", "", Ok(())),
            ("X-WebSocket-Key", "a", Ok(())),
            ("Sec-WebSocket", "a", Ok(())),
            ("Host", "a", owned("Host")),
            ("hOST", "a", owned("hOST")),
            ("upgrade", "a", owned("upgrade")),
            ("CONNECTION", "a", owned("CONNECTION")),
            ("Origin", "a", owned("Origin")),
            ("Content-length", "1", owned("Content-length")),
            ("transfer-encoding", "chunked", owned("transfer-encoding")),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", owned("Sec-WebSocket-Key")),
            ("sec-websocket-version", "8", owned("sec-websocket-version")),
            ("SEC-WEBSOCKET-PROTOCOL", "a", owned("SEC-WEBSOCKET-PROTOCOL")),
            ("Sec-WebSocket-Extensions", "a", owned("Sec-WebSocket-Extensions")),
            ("Sec-WebSocket-Accept", "a", owned("Sec-WebSocket-Accept")),
            ("Sec-WebSocket-", "a", owned("Sec-WebSocket-")),
            ("", "a", name("")),
            ("Host ", "a", name("Host ")),
            ("X:", "a", name("X:")),
            ("X\r\nY", "a", name("X\r\nY")),
            ("X\u{e9}", "a", name("X\u{e9}")),
            // CVE-2020-35678.
            ("X", "a\r\nY: b", value("X")),
            ("X", "a\r", value("X")),
            ("X", "\na", value("X")),
            ("X", "a\0", value("X")),
            ("X", "a\tb", value("X")),
            ("X", "\x7f", value("X")),
            ("X", "\u{e9}", value("X")),
        ];
        for (name, value, checked) in rows {
            assert_eq!(&check_field(name, value), checked, "{name:?}: {value:?}");
        }
    }

    #[test]
    fn token_lists() {
        // Tokens in order, with a "?" for an element that is not a token.
        let rows: [(&[u8], &[&str]); 7] = [
            (b"chat", &["chat"]),
            (b"chat, superchat", &["chat", "superchat"]),
            (b" \tb ,,\t, a\t", &["b", "a"]),
            (b"", &[]),
            (b" , ", &[]),
            (b"a, b c, d", &["a", "?", "d"]),
            (b"caf\xC3\xA9, \xFF", &["?", "?"]),
        ];
        for (value, want) in rows {
            let shown: Vec<&str> = tokens(value).map(|token| token.unwrap_or("?")).collect();
            assert_eq!(shown, want, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn lists_are_searched_without_case() {
        let rows: [(&[&[u8]], bool); 8] = [
            (&[b"Upgrade"], true),
            (&[b"keep-alive, uPGRADE"], true),
            (&[b"close", b"a,\tupgrade ,b"], true),
            (&[b"upgraded"], false),
            (&[b"up grade"], false),
            (&[b"h2c/1; upgrade"], false),
            (&[b""], false),
            (&[], false),
        ];
        for (values, want) in rows {
            assert_eq!(list_has(values.iter().copied(), "upgrade"), want, "{values:?}");
        }
    }

    fn show(values: &[&[u8]]) -> Result<String, Malformed> {
        let list = extensions(values.iter().copied())?;
        let param = |(name, value): &(&str, Option<Cow<'_, str>>)| match value {
            Some(value) => format!("; {name}={value}"),
            None => format!("; {name}"),
        };
        let show = |e: &Extension<'_>| e.name.to_string() + &e.params.iter().map(param).collect::<String>();
        Ok(list.iter().map(show).collect::<Vec<_>>().join(", "))
    }

    /// Shows the answer to iana-4.
    #[test]
    fn extension_lists() {
        let rows: [(&[&[u8]], &str); 9] = [
            (&[], ""),
            (&[b"foo"], "foo"),
            (&[b"x-webkit-deflate-frame, foo"], "x-webkit-deflate-frame, foo"),
            (&[b"foo, bar; baz=2"], "foo, bar; baz=2"),
            (&[b"foo", b"bar; baz=2"], "foo, bar; baz=2"), // 6455-9.1-3, 6455-11.3.2-1
            (&[b" a\t;\tb = c ; d,, e ,"], "a; b=c; d, e"),
            (&[b"a; b=\"c\""], "a; b=c"),
            (&[b"a; b=\"\\c\\d\" ; e, f"], "a; b=cd; e, f"),
            (&[b"", b"a"], "a"),
        ];
        for (values, want) in rows {
            assert_eq!(show(values).as_deref(), Ok(want), "{values:?}");
        }
    }

    #[test]
    fn malformed_extension_lists_are_rejected() {
        // 6455-9.1-1 for the grammar; 6455-4.3-1 and 6455-9.1-2 for the quoted text.
        let rows: [&[u8]; 21] = [
            b"",
            b" ",
            b",",
            b"a b",
            b"a;",
            b"a;;b",
            b";a",
            b"a=b",
            b"a; =b",
            b"a; b=",
            b"a; b=c d",
            b"a; b=\"\"",
            b"a; b=\"c d\"",
            b"a; b=\"c,d\"",
            b"a; b=\"c\\\"\"",
            b"a; b=\"c\\\\d\"",
            b"a; b=\"c",
            b"a; b=\"c\\",
            b"a; b=\"c\"d",
            b"a\xC3\xA9",
            b"a; b=\"\xC3\xA9\"",
        ];
        for value in rows {
            assert_eq!(extensions([value]), Err(Malformed), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn the_number_of_elements_is_limited() {
        // An extension and its parameters count together, over all fields.
        let rows = [
            ("a,".repeat(100), Ok(100)),
            ("a,".repeat(101), Err(Malformed)),
            ("a".to_owned() + &";b".repeat(99), Ok(1)),
            ("a".to_owned() + &";b".repeat(100), Err(Malformed)),
            ("a;b,".repeat(50), Ok(50)),
            ("a;b,".repeat(50) + "c", Err(Malformed)),
            (",".repeat(60_000) + "a", Ok(1)),
        ];
        for (value, count) in rows {
            assert_eq!(extensions([value.as_bytes()]).map(|list| list.len()), count, "{value:.20}");
        }
        let fields = ["a,".repeat(60), "b,".repeat(41)];
        assert_eq!(extensions(fields.iter().map(String::as_bytes)), Err(Malformed));
    }

    #[test]
    fn a_quoted_string_without_end_is_read_once() {
        // CVE-2021-32640, CVE-2020-7662: such a value took quadratic or exponential time. A single pass over a million
        // bytes takes milliseconds; a new pass at each backslash takes hours.
        let value = [b"a; b=\"".as_slice(), &b"\\c".repeat(500_000)].concat();
        assert_eq!(extensions([value.as_slice()]), Err(Malformed));
        let spaces = [b"a".as_slice(), &b" ".repeat(1_000_000), b"b"].concat();
        assert_eq!(extensions([spaces.as_slice()]), Err(Malformed));
        assert!(!list_has([spaces.as_slice()], "b"));
    }

    #[test]
    fn debug_shows_values_only_if_they_read_as_names_or_numbers() {
        let params =
            vec![("bits", Some(Cow::Borrowed("15"))), ("on", None), ("key", Some(Cow::Borrowed("aB3$x9!Zq7")))];
        let extension = Extension { name: "x", params };
        let wanted = r#"Extension { name: "x", params: [("bits", Some("15")), ("on", None), ("key", Some("(not shown, 10 bytes)"))] }"#;
        assert_eq!(format!("{extension:?}"), wanted);
        assert!(Malformed.to_string().contains("does not follow its grammar"));
    }
}
