//! The check of `Origin`, which a browser sends, against the host of the request and a list of origins (RFC 6455 section
//! 10.2), and the check of that host. Independent of the rest of the handshake.
//!
//! Without the check of the Origin any page that a user visits could open a WebSocket to a server where the user is logged
//! in, with the user's cookies.
//!
//! Without the check of the host a page of another site can pass for one of this server (DNS rebinding): its name first
//! has the address of that site, and later the one of this server, such as 127.0.0.1. Then both the Origin and the host
//! of its requests are that name.
//!
//! ```
//! use stdws::handshake::origin::{HostPort, OriginPolicy};
//! let host = HostPort::parse("server.example.com").unwrap();
//! let allowed = ["https://app.example.com".to_owned()];
//! let policy = OriginPolicy::SameHostAnd(&allowed);
//! assert!(policy.allows(Some(b"https://server.example.com"), host));
//! assert!(policy.allows(Some(b"https://app.example.com"), host));
//! assert!(!policy.allows(Some(b"https://example.net"), host));
//! ```

use std::net::Ipv6Addr;

/// The origins that may connect.
#[derive(Debug, Clone, Copy)]
pub enum OriginPolicy<'a> {
    /// The host of the request, and these origins in the form that browsers send: `https://app.example.com`.
    SameHostAnd(&'a [String]),
    /// As [`SameHostAnd`](OriginPolicy::SameHostAnd) for a connection over TLS: a page of the host of the request must have
    /// come over TLS as well (`https`, `wss`). Others on the network could have changed a page that came without it.
    SecureSameHostAnd(&'a [String]),
    /// All pages of all sites.
    Any,
}

impl OriginPolicy<'_> {
    /// Whether a request with this `Origin` and this `Host` is allowed.
    pub fn allows(&self, origin: Option<&[u8]>, host: HostPort<'_>) -> bool {
        // 6455-4.2.1-2, 6455-10.1-s1: a client without an Origin is not a browser, so no page causes its request. Such a
        // client could send any Origin, so rejecting it has no benefit.
        let Some(origin) = origin else { return true };
        let (others, schemes): (_, &[&str]) = match self {
            OriginPolicy::Any => return true,
            OriginPolicy::SameHostAnd(others) => (others, &["http", "https", "ws", "wss"]),
            OriginPolicy::SecureSameHostAnd(others) => (others, &["https", "wss"]),
        };
        let Ok(text) = std::str::from_utf8(origin) else { return false };
        same_host(text, host, schemes) || others.iter().any(|other| same_origin(text, other))
    }
}

/// Whether a page comes from the host of the request by one of these schemes. The schemes differ: `http` pages use `ws`.
/// When Host has no port, the scheme of the Origin sets the port, because a server behind a proxy that ends TLS does not
/// know its own scheme.
fn same_host(origin: &str, host: HostPort<'_>, schemes: &[&str]) -> bool {
    parse(origin).is_some_and(|(scheme, from)| {
        schemes.iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed)) && host.same_as(from, scheme)
    })
}

/// Whether the host of a request is in this list. An entry without a port allows every port. Without an entry every host is
/// allowed.
#[cfg(any(feature = "server", test))]
pub(crate) fn allows_host(list: &[String], host: HostPort<'_>) -> bool {
    let is = |entry: &String| {
        HostPort::parse(entry).is_some_and(|entry| {
            entry.host.eq_ignore_ascii_case(host.host) && (entry.port.is_none() || entry.port == host.port)
        })
    };
    list.is_empty() || list.iter().any(is)
}

/// Whether two origins are the same. Values that are not URIs, such as `null`, are compared as text.
fn same_origin(origin: &str, other: &str) -> bool {
    let same = |((scheme, a), (other_scheme, b)): ((&str, HostPort<'_>), (&str, HostPort<'_>))| {
        scheme.eq_ignore_ascii_case(other_scheme) && a.same_as(b, scheme)
    };
    origin.eq_ignore_ascii_case(other) || parse(origin).zip(parse(other)).is_some_and(same)
}

/// Parses scheme "://" host \[ ":" port \] (RFC 6454 section 6.2), for the schemes that `default_port` has.
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

/// A host with an optional port, as in `Host` (RFC 9110 section 7.2). IPv6 addresses keep their brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPort<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Parses `host`, `host:port` or `host:`. The host is an address, or a name of letters, digits and `-._~`. The other
    /// characters that a URI allows occur in no host name. User name and password are not allowed.
    pub fn parse(text: &'a str) -> Option<HostPort<'a>> {
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

    /// Whether host and port are the same. Case does not matter, and a missing port is the default port of `scheme`.
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
        // CVE-2026-61666: a malformed Host is an ordinary error.
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

    /// Shows the answer to resnick-2.
    /// Shows promise P14.
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
            // An origin of another scheme is compared as text.
            (Some("app://x:"), "example.com", false, false),
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
            // Over TLS, a page of the same host that came without TLS is not allowed. The list is.
            let text = origin.map_or("https", |origin| std::str::from_utf8(origin).unwrap()).to_ascii_lowercase();
            let secure = text.starts_with("https") || text.starts_with("wss");
            assert_eq!(OriginPolicy::SecureSameHostAnd(&[]).allows(origin, host), plain && secure, "{origin:?}");
            let listed_only = listed && !plain;
            assert_eq!(
                OriginPolicy::SecureSameHostAnd(&allowed).allows(origin, host),
                listed_only || (plain && secure),
                "{origin:?}"
            );
        }
        let host = HostPort::parse("example.com").unwrap();
        assert!(!OriginPolicy::SameHostAnd(&[]).allows(Some(b"http://example.com\xFF"), host));
    }

    #[test]
    fn hosts_in_a_list() {
        let list = ["chat.example".to_owned(), "127.0.0.1:9001".to_owned(), "[::1]".to_owned()];
        let rows = [
            ("chat.example", true),
            ("CHAT.example:8080", true),
            ("127.0.0.1:9001", true),
            ("127.0.0.1", false),
            ("127.0.0.1:9002", false),
            ("[::1]:80", true),
            ("evil.example", false),
            ("chat.example.evil.example", false),
            ("x.chat.example", false),
            ("chat.example.", false),
            ("localhost", false),
        ];
        for (host, allowed) in rows {
            assert_eq!(allows_host(&list, HostPort::parse(host).unwrap()), allowed, "{host}");
            assert!(allows_host(&[], HostPort::parse(host).unwrap()));
        }
    }
}
