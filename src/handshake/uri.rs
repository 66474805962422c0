//! `ws` and `wss` URIs (RFC 6455 section 3, RFC 3986), parsed into what a connection needs. Resolves no name.
//!
//! ```text
//! scheme :// [ user [ : password ] @ ] host [ : port ] [ / path ] [ ? query ]
//! ```
//!
//! | part | what RFC 3986 does not allow there |
//! |---|---|
//! | host | letters outside ASCII become Punycode, if [UTS 46](crate::UriErrorKind::UnsupportedHost) maps them to their lower case; the rest is rejected |
//! | path, query | is percent-encoded as UTF-8: `é` becomes `%C3%A9`, a blank `%20`, and `[` becomes `%5B` |
//! | path, query | control characters, and a `%` without two hexadecimal digits, are rejected |
//! | user name, password, port | is rejected |
//!
//! A percent-encoding stays as it is, in either case, also of a character that needs none. A `%` alone is rejected because
//! its meaning is not certain: a literal `%`, or an encoding that was cut. A literal `%` is written `%25`.
//!
//! The parser also rejects three things that RFC 3986 allows: a fragment (6455-3-2), percent-encoding in the host, and
//! bracketed addresses other than IPv6. An empty port (`ws://h:/`) means the default port (RFC 3986 section 3.2.3).
//! Dot segments stay. An IPv6 address may have a zone, `[fe80::1%25eth0]` (RFC 6874).
//!
//! ```
//! use stdws::handshake::uri::Uri;
//! # fn main() -> Result<(), stdws::UriErrorKind> {
//! let uri = Uri::parse("wss://Example.com/chat?room=7")?;
//! assert_eq!((uri.is_secure(), uri.host(), uri.port(), uri.resource()), (true, "example.com", 443, "/chat?room=7"));
//! assert_eq!(uri.host_header(), "example.com");
//! let uri = Uri::parse("ws://b\u{fc}cher.example/caf\u{e9}?q=a b")?;
//! assert_eq!((uri.host(), uri.resource()), ("xn--bcher-kva.example", "/caf%C3%A9?q=a%20b"));
//! # Ok(())
//! # }
//! ```

mod authority;
mod idna;

use std::fmt;

use crate::error::UriErrorKind;
pub(crate) use authority::{bracketed, Authority, Userinfo};
use authority::{encode_zone, percent_encode};

/// Maximum length of a URI in bytes. Many servers reject a request line of more than 8 KiB.
const MAX_LENGTH: usize = 8 * 1024 - "GET  HTTP/1.1".len();

/// A valid `ws` or `wss` URI. `Display` leaves out user name and password, and `Debug` the query too.
#[derive(Clone)]
pub struct Uri {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) resource: String,
    pub(crate) userinfo: Option<Userinfo>,
    /// The zone of an IPv6 address. Not sent: RFC 6874 section 4.
    pub(crate) zone: Option<String>,
    /// The value of the Host header, if the caller replaced it.
    pub(crate) host_override: Option<String>,
}

impl Uri {
    /// Parses a URI.
    ///
    /// # Errors
    /// What is wrong with it. The error never holds the URI, which may have a password.
    pub fn parse(text: &str) -> Result<Uri, UriErrorKind> {
        // 6455-4.1-3, 6455-4.1-4: an invalid URI never becomes a connection.
        if text.len() > MAX_LENGTH {
            return Err(UriErrorKind::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UriErrorKind::Scheme)?;
        // 6455-3-s1, hixie55-3.1-4: the scheme sets the secure flag. Its case does not matter.
        let secure = scheme.eq_ignore_ascii_case("wss");
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UriErrorKind::Scheme);
        }
        // 6455-3-2, 6455-3-3, hixie75-3.1-6: a `#` always begins a fragment; a literal `#` is written %23.
        if rest.contains('#') {
            return Err(UriErrorKind::Fragment);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(authority_end);
        let Authority { host, zone, port, userinfo } = Authority::parse(authority)?;
        // 6455-3-1, hixie55-3.1-5: 80 for ws, 443 for wss.
        let port = port.unwrap_or(default_port(secure));
        let uri = Uri { secure, host, port, resource: parse_resource(resource)?, userinfo, zone, host_override: None };
        // Percent-encoding makes a URI longer.
        if uri.to_string().len() > MAX_LENGTH {
            return Err(UriErrorKind::TooLong);
        }
        Ok(uri)
    }

    /// True for `wss`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case and in ASCII, an IPv6 address without its brackets and zone, as name resolution and TLS need
    /// it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: the one in the URI, or the default port of the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The zone of an IPv6 address: the name or the number of a network interface of this machine (RFC 6874). It is not
    /// sent.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Path and query as they stand in the request line. Begins with `/`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// User name and password, percent-decoded. `None` when both are empty. They are bytes, because a URI does not state their
    /// character set.
    ///
    /// ```
    /// use stdws::handshake::uri::Uri;
    /// let uri = Uri::parse("ws://ann:caf%E9@127.0.0.1/feed").unwrap();
    /// assert_eq!(uri.userinfo(), Some((b"ann".as_slice(), b"caf\xE9".as_slice())));
    /// ```
    pub fn userinfo(&self) -> Option<(&[u8], &[u8])> {
        self.userinfo.as_ref().map(|Userinfo { user, password }| (user.as_slice(), password.as_slice()))
    }

    /// The value of the Host header: the host, and the port unless it is the default port.
    pub fn host_header(&self) -> String {
        // 6455-4.1-23, hixie55-4.1-5. RFC 6874 section 4: without the zone.
        self.host_override.clone().unwrap_or_else(|| self.with_port(bracketed(&self.host)))
    }

    /// The host as it stands in this URI: in brackets and with its zone where it has them, and with a port other than the
    /// default port.
    pub(crate) fn authority(&self) -> String {
        let host = bracketed(&self.host);
        self.with_port(match &self.zone {
            Some(zone) => host.replace(']', &format!("{}]", encode_zone(zone))),
            None => host,
        })
    }

    pub(crate) fn with_port(&self, host: String) -> String {
        if self.port == default_port(self.secure) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The URI without user name, password and query, for logs.
    pub fn redacted(&self) -> String {
        let (scheme, path) = (scheme(self.secure), self.resource.split('?').next().unwrap_or_default());
        format!("{scheme}://{}{path}", self.authority())
    }
}

/// Without user name and password.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", scheme(self.secure), self.authority(), self.resource)
    }
}

/// Without user name, password and query.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.redacted())
    }
}

/// The scheme of a URI with this secure flag.
pub(crate) fn scheme(secure: bool) -> &'static str {
    if secure {
        "wss"
    } else {
        "ws"
    }
}

fn default_port(secure: bool) -> u16 {
    if secure {
        443
    } else {
        80
    }
}

/// The path, or "/" when it is empty, and the query with its "?" (6455-3-s2, hybi06-3.3-1).
fn parse_resource(text: &str) -> Result<String, UriErrorKind> {
    let text = percent_encode(text).ok_or(UriErrorKind::InvalidPathCharacter)?;
    let slash = if text.starts_with('/') { "" } else { "/" };
    Ok(format!("{slash}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6455-3-s1, 6455-3-1, 6455-3-s2, 6455-4.1-23: URI; secure, host, port, resource name; Host header.
    type Good = (&'static str, bool, &'static str, u16, &'static str, &'static str);
    const GOOD: &[Good] = &[
        ("ws://h", false, "h", 80, "/", "h"),
        ("wss://h", true, "h", 443, "/", "h"),
        ("WS://h/", false, "h", 80, "/", "h"),
        ("wSS://h/", true, "h", 443, "/", "h"),
        ("ws://Example.COM/Path", false, "example.com", 80, "/Path", "example.com"),
        ("ws://example.com./", false, "example.com.", 80, "/", "example.com."),
        ("ws://xn--bcher-kva.example/", false, "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example"),
        ("ws://a_b~c!$&'()*+,;=/", false, "a_b~c!$&'()*+,;=", 80, "/", "a_b~c!$&'()*+,;="),
        ("ws://127.0.0.1:9001/chat", false, "127.0.0.1", 9001, "/chat", "127.0.0.1:9001"),
        ("ws://[::1]/", false, "::1", 80, "/", "[::1]"),
        ("ws://[::1]", false, "::1", 80, "/", "[::1]"),
        ("wss://[2001:DB8::1]:8443/x", true, "2001:db8::1", 8443, "/x", "[2001:db8::1]:8443"),
        ("ws://[::ffff:192.0.2.1]:80/", false, "::ffff:192.0.2.1", 80, "/", "[::ffff:192.0.2.1]"),
        ("ws://[::1]:/", false, "::1", 80, "/", "[::1]"),
        ("ws://h:/", false, "h", 80, "/", "h"),
        ("wss://h:", true, "h", 443, "/", "h"),
        ("ws://h:80/", false, "h", 80, "/", "h"),
        ("ws://h:443/", false, "h", 443, "/", "h:443"),
        ("wss://h:80/", true, "h", 80, "/", "h:80"),
        ("ws://h:0080/", false, "h", 80, "/", "h"),
        ("ws://h:1/", false, "h", 1, "/", "h:1"),
        ("ws://h:65535/", false, "h", 65535, "/", "h:65535"),
        ("ws://h?x=1", false, "h", 80, "/?x=1", "h"),
        ("ws://h:81?x=1", false, "h", 81, "/?x=1", "h:81"),
        ("ws://h/?", false, "h", 80, "/?", "h"),
        ("ws://h?", false, "h", 80, "/?", "h"),
        ("ws://h/a?b/c?d", false, "h", 80, "/a?b/c?d", "h"),
        ("ws://h?u=a@b:1", false, "h", 80, "/?u=a@b:1", "h"),
        ("ws://h//a/../b/", false, "h", 80, "//a/../b/", "h"),
        ("ws://h/%2f%E2%82%ac%23", false, "h", 80, "/%2f%E2%82%ac%23", "h"),
        ("ws://h/aZ9-._~!$&'()*+,;=:@", false, "h", 80, "/aZ9-._~!$&'()*+,;=:@", "h"),
        ("ws://h/ws://i", false, "h", 80, "/ws://i", "h"),
        // 6455-11.1.1-1, 6455-11.1.2-1, 6455-11.1.1-2, 6455-11.1.2-2, hixie55-3.1-1
        ("wss://B\u{dc}cher.example:1/", true, "xn--bcher-kva.example", 1, "/", "xn--bcher-kva.example:1"),
        ("ws://h/caf\u{e9}/a b?\u{20ac}=[1]", false, "h", 80, "/caf%C3%A9/a%20b?%E2%82%AC=%5B1%5D", "h"),
        ("ws://h?\u{1f600}", false, "h", 80, "/?%F0%9F%98%80", "h"),
        ("ws://h/\"<>\\^`{|}", false, "h", 80, "/%22%3C%3E%5C%5E%60%7B%7C%7D", "h"),
        ("ws://h/%c3%A9%41\u{e9}", false, "h", 80, "/%c3%A9%41%C3%A9", "h"),
        ("ws://[fe80::1%25eth0]:81/", false, "fe80::1", 81, "/", "[fe80::1]:81"),
        ("ws://[FE80::1%25Eth0%2E1]/", false, "fe80::1", 80, "/", "[fe80::1]"),
        ("ws://user:secret@h:81/", false, "h", 81, "/", "h:81"),
        ("ws://user@[::1]:81/", false, "::1", 81, "/", "[::1]:81"),
    ];

    /// Shows the answers to opera-12, opera-17.
    /// hixie55-3.1-4, hixie55-3.1-5, hixie55-4.1-5
    #[test]
    fn valid_uris_are_parsed() {
        for &(text, secure, host, port, resource, header) in GOOD {
            let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let parts = (uri.is_secure(), uri.host(), uri.port(), uri.resource(), &*uri.host_header());
            assert_eq!(parts, (secure, host, port, resource, header), "{text}");
            // The printed URI parses to the same parts.
            let again = Uri::parse(&uri.to_string()).unwrap();
            let parts = (again.is_secure(), again.host(), again.port(), again.resource(), &*again.host_header());
            assert_eq!(parts, (secure, host, port, resource, header), "{uri}");
        }
    }

    #[test]
    fn userinfo_is_percent_decoded() {
        let rows: [(&str, &[u8], &[u8]); 4] = [
            ("ws://ann@h/", b"ann", b""),
            ("ws://:x@h/", b"", b"x"),
            ("ws://ann:a:b@h/", b"ann", b"a:b"),
            ("ws://%3A%ff:a%40b@h/", b":\xFF", b"a@b"),
        ];
        for (text, user, password) in rows {
            assert_eq!(Uri::parse(text).unwrap().userinfo(), Some((user, password)), "{text}");
        }
        for text in ["ws://h/", "ws://:@h/"] {
            assert_eq!(Uri::parse(text).unwrap().userinfo(), None, "{text}");
        }
        for text in ["ws://%4g@h/", "ws://%G4@h/", "ws://%4@h/", "ws://a:%@h/"] {
            assert_eq!(Uri::parse(text).err(), Some(UriErrorKind::Userinfo), "{text}");
        }
    }

    /// 6455-4.1-3, 6455-4.1-4: each row is rejected with this error.
    const BAD: &[(&str, UriErrorKind)] = &[
        ("", UriErrorKind::Scheme),
        ("h", UriErrorKind::Scheme),
        ("/path", UriErrorKind::Scheme),
        ("ws:h", UriErrorKind::Scheme),
        ("ws:/h", UriErrorKind::Scheme),
        ("://h", UriErrorKind::Scheme),
        ("http://h", UriErrorKind::Scheme),
        ("wsx://h", UriErrorKind::Scheme),
        (" ws://h", UriErrorKind::Scheme),
        ("w\u{17f}s://h", UriErrorKind::Scheme),
        ("ws://", UriErrorKind::MissingHost),
        ("ws:///path", UriErrorKind::MissingHost),
        ("ws://?x", UriErrorKind::MissingHost),
        ("ws://:80/", UriErrorKind::MissingHost),
        ("ws://user@/", UriErrorKind::MissingHost),
        ("ws://user@:80/", UriErrorKind::MissingHost),
        ("ws://e\u{301}.example/", UriErrorKind::UnsupportedHost),
        ("ws://b\u{fc}cher.example:x/", UriErrorKind::Port),
        ("ws://a b/", UriErrorKind::InvalidHostCharacter),
        ("ws://h\t/", UriErrorKind::InvalidHostCharacter),
        ("ws://h\r\nX: y/", UriErrorKind::InvalidHostCharacter),
        ("ws://h\0/", UriErrorKind::InvalidHostCharacter),
        ("ws://h\\i/", UriErrorKind::InvalidHostCharacter),
        ("ws://a%2Db/", UriErrorKind::InvalidHostCharacter),
        ("ws://<h>/", UriErrorKind::InvalidHostCharacter),
        ("ws://::1/", UriErrorKind::InvalidHostCharacter),
        ("ws://a:b:1/", UriErrorKind::InvalidHostCharacter),
        ("ws://[::1]x/", UriErrorKind::InvalidHostCharacter),
        ("ws://[::1]]/", UriErrorKind::InvalidHostCharacter),
        ("ws://a[::1]/", UriErrorKind::InvalidHostCharacter),
        ("ws://a[b]/", UriErrorKind::InvalidHostCharacter),
        ("ws://]/", UriErrorKind::InvalidHostCharacter),
        ("ws://[]/", UriErrorKind::Ipv6Address),
        ("ws://[::1/", UriErrorKind::Ipv6Address),
        ("ws://[/", UriErrorKind::Ipv6Address),
        ("ws://[[::1]/", UriErrorKind::Ipv6Address),
        ("ws://[127.0.0.1]/", UriErrorKind::Ipv6Address),
        ("ws://[1::2::3]/", UriErrorKind::Ipv6Address),
        ("ws://[127.0.0.1%251]/", UriErrorKind::Ipv6Address),
        ("ws://[fe80::1%25]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25..]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25a%2Fb]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25a%00b]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25a%0D%0Ab]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25a%]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25%FF]/", UriErrorKind::Zone),
        ("ws://[fe80::1%25a:b]/", UriErrorKind::Zone),
        ("ws://[fe80::1%1]/", UriErrorKind::Ipv6Address),
        ("ws://[v1.x]/", UriErrorKind::Ipv6Address),
        ("ws://[::\u{661}]/", UriErrorKind::Ipv6Address),
        ("ws://h:0/", UriErrorKind::Port),
        ("ws://h:65536/", UriErrorKind::Port),
        ("ws://h:99999999999999999999/", UriErrorKind::Port),
        ("ws://h:+80/", UriErrorKind::Port),
        ("ws://h:-1/", UriErrorKind::Port),
        ("ws://h: 80/", UriErrorKind::Port),
        ("ws://h:8o/", UriErrorKind::Port),
        ("ws://h:\u{664}/", UriErrorKind::Port),
        ("ws://[::1]:x/", UriErrorKind::Port),
        ("ws://h/a\r\nX: y", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\0", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\x7f", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\u{85}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/a\t", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%\u{e9}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%C\u{e9}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%2", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%2?", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%g0", UriErrorKind::InvalidPathCharacter),
        ("ws://h/%+1", UriErrorKind::InvalidPathCharacter),
        ("ws://h/?%zz", UriErrorKind::InvalidPathCharacter),
        ("ws://h#", UriErrorKind::Fragment),
        ("ws://h/#", UriErrorKind::Fragment),
        ("ws://h/?a#b", UriErrorKind::Fragment),
        ("ws://u#p@h/", UriErrorKind::Fragment),
        ("ws://%zz@h/", UriErrorKind::Userinfo),
        ("ws://u:%4@h/", UriErrorKind::Userinfo),
        ("ws://u:p@q@h/", UriErrorKind::Userinfo),
        ("ws://u s@h/", UriErrorKind::Userinfo),
        ("ws://\u{fc}@h/", UriErrorKind::Userinfo),
    ];

    /// hixie55-3.1-4, hixie75-3.1-6, hybi06-3.3-1
    /// Shows the answers to opera-13, opera-19.
    #[test]
    fn invalid_uris_are_rejected() {
        for &(text, error) in BAD {
            assert_eq!(Uri::parse(text).err(), Some(error), "{text:?}");
        }
    }

    #[test]
    fn the_request_line_of_the_longest_uri_fits_into_8_kib() {
        let longest = format!("ws://h/{}", "a".repeat(MAX_LENGTH - "ws://h/".len()));
        let uri = Uri::parse(&longest).unwrap();
        assert!(format!("GET {} HTTP/1.1", uri.resource()).len() <= 8192);
        assert_eq!(Uri::parse(&format!("{longest}a")).err(), Some(UriErrorKind::TooLong));
        // User name and password count too, although they are not sent in the URI.
        let with_user = |count| format!("ws://{}@h/", "u".repeat(count));
        assert!(Uri::parse(&with_user(MAX_LENGTH - "ws://@h/".len())).is_ok());
        assert_eq!(Uri::parse(&with_user(MAX_LENGTH - "ws://@h/".len() + 1)).err(), Some(UriErrorKind::TooLong));
        // Percent-encoding adds four bytes to two.
        assert!(Uri::parse(&format!("{}\u{e9}", &longest[..MAX_LENGTH - 6])).is_ok());
        assert_eq!(Uri::parse(&format!("{}\u{e9}", &longest[..MAX_LENGTH - 5])).err(), Some(UriErrorKind::TooLong));
        // As many characters, each of them two bytes as UTF-8 and six after percent-encoding.
        let encoded = |count| format!("ws://h/{}", "\u{e9}".repeat(count));
        assert!(Uri::parse(&encoded((MAX_LENGTH - "ws://h/".len()) / 6)).is_ok());
        assert_eq!(Uri::parse(&encoded((MAX_LENGTH - "ws://h/".len()) / 6 + 1)).err(), Some(UriErrorKind::TooLong));
    }

    #[test]
    fn a_zone_is_in_the_uri_and_not_in_the_host() {
        for (text, zone, shown) in [
            ("ws://[fe80::1%25eth0]/", Some("eth0"), "ws://[fe80::1%25eth0]/"),
            ("ws://[fe80::1%252]:81/", Some("2"), "ws://[fe80::1%252]:81/"),
            ("ws://[fe80::1%25br%2Dlan%20%C3%A9]/", Some("br-lan \u{e9}"), "ws://[fe80::1%25br-lan%20%C3%A9]/"),
            ("ws://[fe80::1]/", None, "ws://[fe80::1]/"),
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!((uri.zone(), &*uri.to_string(), &*uri.redacted()), (zone, shown, shown));
            assert!(uri.host_header().starts_with("[fe80::1]"), "{}", uri.host_header());
        }
    }

    #[test]
    fn user_and_password_are_never_shown() {
        let uri = Uri::parse("wss://somebody:secret@Host:81/p?q").unwrap();
        assert_eq!(uri.to_string(), "wss://host:81/p?q");
        assert_eq!(format!("{uri:?}"), "Uri(wss://host:81/p)");
        assert_eq!(uri.redacted(), "wss://host:81/p");
    }
}
