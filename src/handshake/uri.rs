//! `ws` and `wss` URIs (RFC 6455 section 3, RFC 3986) taken apart into what a connection needs. Knows no network: a
//! name is not resolved here.
//!
//! ```text
//! scheme :// [ user [ : password ] @ ] host [ : port ] [ / path ] [ ? query ]
//! ```
//!
//! Strict: what RFC 3986 does not allow in a place is refused, never repaired, because the server might repair it another
//! way. Three things are allowed there and still refused: a fragment (6455-3-2), percent-encoding in the host, and
//! bracketed addresses of kinds other than IPv6. An empty port (`ws://h:/`) is the default one (RFC 3986 section 3.2.3).
//! Path and query are passed on as they came, dot segments included.

mod authority;

use std::fmt;

use crate::error::{UriErrorKind, UsageError};
use authority::percent_decode;
pub(crate) use authority::{bracketed, Authority, Userinfo};

/// The longest URI taken: with what else stands in a request line, its path and query still fit into 8 KiB.
const MAX_LENGTH: usize = 8 * 1024 - "GET  HTTP/1.1".len();

/// A valid `ws` or `wss` URI. User name and password go nowhere but into [`Uri::basic_credentials`].
#[derive(Clone)]
pub(crate) struct Uri {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) resource: String,
    pub(crate) userinfo: Option<Userinfo>,
}

impl Uri {
    /// Takes a URI apart. 6455-4.1-3, 6455-4.1-4: what is not valid never becomes a connection.
    pub(crate) fn parse(text: &str) -> Result<Uri, UriErrorKind> {
        if text.len() > MAX_LENGTH {
            return Err(UriErrorKind::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UriErrorKind::Scheme)?;
        // 6455-3-s1: the secure flag is the scheme, compared without regard to case.
        let secure = scheme.eq_ignore_ascii_case("wss");
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UriErrorKind::Scheme);
        }
        // 6455-3-2, 6455-3-3: a `#` can begin nothing but a fragment; a literal one is written %23.
        if rest.contains('#') {
            return Err(UriErrorKind::Fragment);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(authority_end);
        let Authority { host, port, userinfo } = Authority::parse(authority)?;
        // 6455-3-1: 80 for ws, 443 for wss.
        let port = port.unwrap_or(default_port(secure));
        Ok(Uri { secure, host, port, resource: parse_resource(resource)?, userinfo })
    }

    /// True for `wss`.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case, an IPv6 address without its brackets: what name resolution and TLS want.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port, the default one if none was given.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as the request line has them; begins with `/`.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    /// The value of the Host header. 6455-4.1-23: the port only when it is not the default.
    pub(crate) fn host_header(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == default_port(self.secure) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// For logs: without user name, password and query.
    pub(crate) fn redacted(&self) -> String {
        let (scheme, path) = (scheme(self.secure), self.resource.split('?').next().unwrap_or_default());
        format!("{scheme}://{}{path}", self.host_header())
    }

    /// User name and password as Basic credentials (RFC 7617), without the word `Basic`. `None` when the URI has neither.
    pub(crate) fn basic_credentials(&self) -> Result<Option<String>, UsageError> {
        self.userinfo.as_ref().map(Userinfo::basic).transpose()
    }
}

/// Without user name and password.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", scheme(self.secure), self.host_header(), self.resource)
    }
}

/// Without user name and password.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

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

/// 6455-3-s2: the path, or "/" when it is empty, and the query with its "?".
fn parse_resource(text: &str) -> Result<String, UriErrorKind> {
    // 6455-11.1.1-2, 6455-11.1.2-2: other characters are percent-encoded. By the caller, who alone knows what is encoded already.
    percent_decode(text, b":@/?").ok_or(UriErrorKind::InvalidPathCharacter)?;
    let slash = if text.starts_with('/') { "" } else { "/" };
    Ok(format!("{slash}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::base64;

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
        ("ws://user:secret@h:81/", false, "h", 81, "/", "h:81"),
        ("ws://user@[::1]:81/", false, "::1", 81, "/", "[::1]:81"),
    ];

    #[test]
    fn good_uris_come_apart() {
        for &(text, secure, host, port, resource, header) in GOOD {
            let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let parts = (uri.is_secure(), uri.host(), uri.port(), uri.resource(), &*uri.host_header());
            assert_eq!(parts, (secure, host, port, resource, header), "{text}");
            // What is printed names the same place.
            let again = Uri::parse(&uri.to_string()).unwrap();
            let parts = (again.is_secure(), again.host(), again.port(), again.resource(), &*again.host_header());
            assert_eq!(parts, (secure, host, port, resource, header), "{uri}");
        }
    }

    /// 6455-4.1-3, 6455-4.1-4: each row is refused, and for this reason.
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
        ("ws://b\u{fc}cher.example/", UriErrorKind::HostNotAscii),
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
        ("ws://[fe80::1%25eth0]/", UriErrorKind::Ipv6Address),
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
        ("ws://h/a b", UriErrorKind::InvalidPathCharacter),
        ("ws://h/a ", UriErrorKind::InvalidPathCharacter),
        ("ws://h/a\r\nX: y", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\0", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\x7f", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\u{e9}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/?\u{e9}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\"", UriErrorKind::InvalidPathCharacter),
        ("ws://h/<a>", UriErrorKind::InvalidPathCharacter),
        ("ws://h/\\", UriErrorKind::InvalidPathCharacter),
        ("ws://h/^", UriErrorKind::InvalidPathCharacter),
        ("ws://h/`", UriErrorKind::InvalidPathCharacter),
        ("ws://h/{a}", UriErrorKind::InvalidPathCharacter),
        ("ws://h/|", UriErrorKind::InvalidPathCharacter),
        ("ws://h/?a[]=1", UriErrorKind::InvalidPathCharacter),
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

    #[test]
    fn bad_uris_are_refused() {
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
    }

    /// URI, and what the server decodes: RFC 7617 section 2.
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
            let credentials = Uri::parse(text).unwrap().basic_credentials();
            let expected = expected.clone().map(|pair| pair.map(base64::encode));
            assert_eq!(credentials, expected, "{text}");
        }
        // RFC 7617 section 2 has this one in full.
        let credentials = Uri::parse("ws://Aladdin:open%20sesame@h/").unwrap().basic_credentials();
        assert_eq!(credentials.unwrap().as_deref(), Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    }

    #[test]
    fn user_and_password_are_never_shown() {
        let uri = Uri::parse("wss://somebody:secret@Host:81/p?q").unwrap();
        assert_eq!(uri.to_string(), "wss://host:81/p?q");
        assert_eq!(format!("{uri:?}"), "Uri(wss://host:81/p?q)");
        assert_eq!(uri.redacted(), "wss://host:81/p");
    }
}
