//! From where a request comes: the `Origin` a browser states, compared with the `Host` it asks (RFC 6455 section 10.2).
//!
//! Knows hosts, ports and schemes; must not know the rest of the handshake. Without this check any page a user visits
//! could open a WebSocket to a server the user is logged in at, with the user's cookies.

use std::net::Ipv6Addr;

/// Which origins may connect.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OriginPolicy<'a> {
    /// The host that is asked, and these, written as browsers write them: `https://app.example.com`.
    SameHostAnd(&'a [String]),
    /// Every page of every site.
    Any,
}

impl OriginPolicy<'_> {
    /// Whether a request with this `Origin` for this host may go on.
    pub(crate) fn allows(&self, origin: Option<&[u8]>, host: HostPort<'_>) -> bool {
        // 6455-4.2.1-2, 6455-10.1-s1: who sends no Origin is no browser, so no page can be behind it. Such a client
        // could send any Origin it likes; there is nothing to gain from refusing it.
        let Some(origin) = origin else { return true };
        match self {
            OriginPolicy::Any => true,
            OriginPolicy::SameHostAnd(others) => {
                let Ok(text) = std::str::from_utf8(origin) else { return false };
                same_host(text, host) || others.iter().any(|other| same_origin(text, other))
            }
        }
    }
}

/// The page comes from the host it asks. Its scheme may differ: `ws` to the same host is what `http` pages use. Where
/// the Host has no port, the port is the one that the scheme of the Origin stands for, because behind a proxy that ends
/// TLS a server cannot know its own.
fn same_host(origin: &str, host: HostPort<'_>) -> bool {
    parse(origin).is_some_and(|(scheme, from)| host.same_as(from, scheme))
}

fn same_origin(origin: &str, other: &str) -> bool {
    // What is no URI, such as `null`, can be allowed by writing it down.
    let same = |((scheme, a), (other_scheme, b)): ((&str, HostPort<'_>), (&str, HostPort<'_>))| {
        scheme.eq_ignore_ascii_case(other_scheme) && a.same_as(b, scheme)
    };
    origin.eq_ignore_ascii_case(other) || parse(origin).zip(parse(other)).is_some_and(same)
}

/// scheme "://" host \[ ":" port \], for the schemes that have a default port here (RFC 6454 section 6.2).
fn parse(origin: &str) -> Option<(&str, HostPort<'_>)> {
    let (scheme, authority) = origin.split_once("://")?;
    default_port(scheme)?;
    Some((scheme, HostPort::parse(authority)?))
}

fn default_port(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}

/// A host and perhaps a port, as `Host` has them (RFC 9110 section 7.2). IPv6 addresses keep their brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPort<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Reads `host`, `host:port` or `host:`. The host is an address or a name of letters, digits and `-._~`: what else
    /// a URI could hold, no name in use has, and user and password have no place here.
    pub(crate) fn parse(text: &'a str) -> Option<HostPort<'a>> {
        let host_end = match text.split_once(']') {
            Some((address, _)) => {
                address.strip_prefix('[')?.parse::<Ipv6Addr>().ok()?;
                address.len().checked_add(1)?
            }
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at_checked(host_end)?;
        let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if host.is_empty() || !(named || host.starts_with('[')) {
            return None;
        }
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            Some("") => None,
            None => return None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(HostPort { host, port })
    }

    /// The same host without regard to case, and the same port; this scheme says which port is meant by none.
    pub(crate) fn same_as(self, other: HostPort<'_>, scheme: &str) -> bool {
        let port = |authority: HostPort<'_>| authority.port.or(default_port(scheme));
        self.host.eq_ignore_ascii_case(other.host) && port(self) == port(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        // CVE-2026-61666: a malformed Host is a verdict like any other.
        let rows = [
            ("example.com", Some(("example.com", None))),
            ("Example.com:8080", Some(("Example.com", Some(8080)))),
            ("127.0.0.1:0", Some(("127.0.0.1", Some(0)))),
            ("host_name~1:", Some(("host_name~1", None))),
            ("[::1]", Some(("[::1]", None))),
            ("[::ffff:1.2.3.4]:65535", Some(("[::ffff:1.2.3.4]", Some(65535)))),
            ("", None),
            (":80", None),
            ("a:65536", None),
            ("a:+80", None),
            ("a:8 0", None),
            ("a:80:80", None),
            ("a b", None),
            ("a,b", None),
            ("a/b", None),
            ("user@a", None),
            ("a%20b", None),
            ("caf\u{e9}", None),
            ("[]", None),
            ("[::1", None),
            ("::1", None),
            ("::1]", None),
            ("[::1]80", None),
            ("[::1]:x", None),
            ("[::g]", None),
            ("a[::1]", None),
            ("[::1]]", None),
            ("[fe80::1%25eth0]", None),
        ];
        for (text, want) in rows {
            assert_eq!(HostPort::parse(text).map(|a| (a.host, a.port)), want, "{text}");
        }
    }

    #[test]
    fn same_host_unless_allowed() {
        // 6455-4.2.2-4, 6455-10.2-1
        let allowed = ["https://app.example.com".to_string(), "null".to_string(), "app://x".to_string()];
        let rows = [
            // Origin, Host, allowed without a list, allowed with it.
            (None, "example.com", true, true),
            (Some("http://example.com"), "example.com", true, true),
            (Some("https://example.com"), "example.com", true, true),
            (Some("HTTPS://EXAMPLE.com"), "example.COM", true, true),
            (Some("http://example.com:80"), "example.com", true, true),
            (Some("http://example.com"), "example.com:80", true, true),
            (Some("https://example.com"), "example.com:443", true, true),
            (Some("wss://example.com"), "example.com:443", true, true),
            (Some("ws://example.com:9001"), "example.com:9001", true, true),
            (Some("http://[::1]:9001"), "[::1]:9001", true, true),
            (Some("https://example.com"), "example.com:80", false, false),
            (Some("http://example.com"), "example.com:443", false, false),
            (Some("http://example.com:9002"), "example.com:9001", false, false),
            (Some("http://example.com"), "example.com:9001", false, false),
            (Some("http://evil.com"), "example.com", false, false),
            (Some("http://example.com.evil.com"), "example.com", false, false),
            (Some("http://evil-example.com"), "example.com", false, false),
            (Some("http://example.com@evil.com"), "example.com", false, false),
            (Some("http://example.com/"), "example.com", false, false),
            (Some("http://example.com http://evil.com"), "example.com", false, false),
            (Some("example.com"), "example.com", false, false),
            (Some("file://example.com"), "example.com", false, false),
            (Some(""), "example.com", false, false),
            (Some("null"), "null", false, true),
            (Some("app://x"), "example.com", false, true),
            (Some("https://app.example.com"), "example.com", false, true),
            (Some("https://APP.example.com:443"), "example.com", false, true),
            (Some("http://app.example.com"), "example.com", false, false),
            (Some("https://app.example.com:444"), "example.com", false, false),
        ];
        for (origin, host, plain, listed) in rows {
            let host = HostPort::parse(host).unwrap();
            let origin = origin.map(str::as_bytes);
            assert_eq!(OriginPolicy::SameHostAnd(&[]).allows(origin, host), plain, "{origin:?} {host:?}");
            assert_eq!(OriginPolicy::SameHostAnd(&allowed).allows(origin, host), listed, "{origin:?} {host:?}");
            assert!(OriginPolicy::Any.allows(origin, host));
        }
        let host = HostPort::parse("example.com").unwrap();
        assert!(!OriginPolicy::SameHostAnd(&[]).allows(Some(b"http://example.com\xFF"), host));
    }
}
