//! Resolves a `Location` (RFC 9110 section 10.2.2), absolute or relative, against a `ws` or `wss` URI (RFC 3986 section
//! 5). Does no I/O.
//!
//! | the location begins with | kept from the URI |
//! |---|---|
//! | `http://`, `ws://` | nothing; the scheme becomes `ws` |
//! | `https://`, `wss://` | nothing; the scheme becomes `wss` |
//! | `//` | the scheme |
//! | `/` | everything up to the port |
//! | `?` | everything up to the path |
//! | a segment | everything up to the last `/` of the path |
//!
//! User name and password are kept while scheme, host and port are the same, and are never taken from a location. While
//! host and port are the same, the zone of an IPv6 address and a Host header of the caller are kept too; a zone in a
//! location is an error, because it names an interface of the server. A fragment is ignored. An ambiguous location is an
//! error. What is not allowed in a URI is converted as in [`Uri::parse`].

use crate::error::{RedirectErrorKind, UriErrorKind};
use crate::handshake::uri::{bracketed, Uri};

impl Uri {
    /// The URI of this location, relative to this URI. 9110-10.2.2-1
    pub(crate) fn resolve_redirect(&self, location: &[u8]) -> Result<Uri, RedirectErrorKind> {
        let text = std::str::from_utf8(location)
            .map_err(|_| RedirectErrorKind::Location(UriErrorKind::InvalidPathCharacter))?;
        let text = text.split('#').next().unwrap_or_default();
        let (secure, rest) = match scheme(text) {
            Some((scheme, rest)) => (scheme_is_secure(scheme)?, rest),
            None => (self.secure, text),
        };
        if self.secure && !secure {
            return Err(RedirectErrorKind::Downgrade);
        }
        let (authority, resource) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(authority), resolve_path("/", rest))
            }
            None if rest.len() < text.len() => return Err(RedirectErrorKind::Location(UriErrorKind::MissingHost)),
            None => (None, resolve_path(&self.resource, rest)),
        };
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(RedirectErrorKind::Userinfo);
        }
        // The authority of this URI stands for a location without one; its zone is added below.
        let authority = authority.map_or_else(|| self.with_port(bracketed(&self.host)), str::to_owned);
        let mut next = Uri::parse(&format!("{}://{authority}{resource}", crate::handshake::uri::scheme(secure)))
            .map_err(RedirectErrorKind::Location)?;
        if next.zone.is_some() {
            return Err(RedirectErrorKind::Location(UriErrorKind::Zone));
        }
        if self.is_same_host(&next) {
            next.zone.clone_from(&self.zone);
            next.host_override.clone_from(&self.host_override);
        }
        if self.is_same_origin(&next) {
            next.userinfo.clone_from(&self.userinfo);
        }
        Ok(next)
    }

    /// Whether host and port are the same.
    fn is_same_host(&self, other: &Uri) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    /// Whether scheme, host and port are the same.
    pub(crate) fn is_same_origin(&self, other: &Uri) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }
}

fn scheme_is_secure(scheme: &str) -> Result<bool, RedirectErrorKind> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => Ok(false),
        "wss" | "https" => Ok(true),
        _ => Err(RedirectErrorKind::Location(UriErrorKind::Scheme)),
    }
}

/// The scheme, and the text after its colon.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(valid)).then_some((scheme, rest))
}

/// Path and query of a reference without an authority (RFC 3986 section 5.2.2).
fn resolve_path(base: &str, reference: &str) -> String {
    let base_path = base.split('?').next().unwrap_or_default();
    let (path, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
    match (path, query) {
        ("", "") => base.to_owned(),
        ("", query) => format!("{base_path}{query}"),
        _ if path.starts_with('/') => remove_dot_segments(path) + query,
        _ => {
            let folder = base_path.rsplit_once('/').map_or("", |(folder, _)| folder);
            remove_dot_segments(&format!("{folder}/{path}")) + query
        }
    }
}

/// RFC 3986 section 5.2.4, for a path that begins with `/`.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // A path that ends in one of the two refers to a folder.
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(from: &str, location: &str) -> Result<String, RedirectErrorKind> {
        Uri::parse(from).unwrap().resolve_redirect(location.as_bytes()).map(|uri| uri.to_string())
    }

    /// 9110-10.2.2-1; the examples of RFC 3986 section 5.4, without fragments, and with `g:h` as an error.
    #[test]
    fn examples_of_rfc_3986() {
        let rows = [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x?y#s", "/b/c/g;x?y"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/../x", "/b/c/g?y/../x"),
        ];
        for (location, expected) in rows {
            assert_eq!(
                resolve("ws://a/b/c/d;p?q", location).as_deref(),
                Ok(&*format!("ws://a{expected}")),
                "{location:?}"
            );
        }
        assert_eq!(resolve("ws://a/b/c/d;p?q", "//g").as_deref(), Ok("ws://g/"));
        for other in ["g:h", "g+h:", "g-1.0://h/"] {
            assert_eq!(resolve("ws://a/b/c/d;p?q", other), Err(RedirectErrorKind::Location(UriErrorKind::Scheme)));
        }
        // A character that no scheme has makes it a path.
        for path in ["g_h:i", "1g:h"] {
            assert_eq!(resolve("ws://a/b/c/d;p?q", path), Ok(format!("ws://a/b/c/{path}")));
        }
    }

    #[test]
    fn locations_are_resolved_or_rejected() {
        let error = |error| Err(RedirectErrorKind::Location(error));
        let rows = [
            ("ws://a/x", "http://b/y?z", Ok("ws://b/y?z")),
            ("ws://a/x", "HTTPS://B:443", Ok("wss://b/")),
            ("ws://a/x", "ws://b:81", Ok("ws://b:81/")),
            ("ws://a/x", "wss://b/../y", Ok("wss://b/y")),
            ("ws://a:81/x", "//b/y", Ok("ws://b/y")),
            ("ws://a:81/x", "/y", Ok("ws://a:81/y")),
            ("ws://[::1]:81/x", "y", Ok("ws://[::1]:81/y")),
            ("ws://a/x", "http://b?q", Ok("ws://b/?q")),
            ("ws://a", "y", Ok("ws://a/y")),
            ("wss://a/x", "//b", Ok("wss://b/")),
            ("wss://a/x", "/y", Ok("wss://a/y")),
            ("wss://a/x", "https://b/", Ok("wss://b/")),
            ("wss://a/x", "http://a/x", Err(RedirectErrorKind::Downgrade)),
            ("wss://a/x", "ws://a:443/x", Err(RedirectErrorKind::Downgrade)),
            ("ws://a/x", "http://u:p@b/", Err(RedirectErrorKind::Userinfo)),
            ("ws://a/x", "http://@b/", Err(RedirectErrorKind::Userinfo)),
            ("ws://a/x", "//u@b/", Err(RedirectErrorKind::Userinfo)),
            ("ws://a/x", "/u@b", Ok("ws://a/u@b")),
            ("ws://a/x", "http://b/?u@c", Ok("ws://b/?u@c")),
            ("ws://a/x", "ftp://b/", error(UriErrorKind::Scheme)),
            ("ws://a/x", "javascript:alert(1)", error(UriErrorKind::Scheme)),
            ("ws://a/x", "b:81", error(UriErrorKind::Scheme)),
            ("ws://a/x", "http:/y", error(UriErrorKind::MissingHost)),
            ("ws://a/x", "http:y", error(UriErrorKind::MissingHost)),
            ("ws://a/x", "http:", error(UriErrorKind::MissingHost)),
            ("ws://a/x", "http://", error(UriErrorKind::MissingHost)),
            ("ws://a/x", "//", error(UriErrorKind::MissingHost)),
            ("ws://a/x", "http://b:0", error(UriErrorKind::Port)),
            ("ws://a/x", "/a b", Ok("ws://a/a%20b")),
            ("ws://a/x", "/\u{e9}", Ok("ws://a/%C3%A9")),
            ("ws://a/x", "/a\tb", error(UriErrorKind::InvalidPathCharacter)),
            ("ws://a/x", "/%", error(UriErrorKind::InvalidPathCharacter)),
            ("ws://a/x", "//B\u{fc}cher.example/", Ok("ws://xn--bcher-kva.example/")),
            ("ws://a/x", "//\u{2603}/", error(UriErrorKind::UnsupportedHost)),
            // The zone stays with its address, and only this side sets one.
            ("ws://[fe80::1%25eth0]/x", "/y", Ok("ws://[fe80::1%25eth0]/y")),
            ("ws://[fe80::1%25eth0]/x", "http://[fe80::1]/y", Ok("ws://[fe80::1%25eth0]/y")),
            ("ws://[fe80::1%25eth0]/x", "http://[fe80::2]/y", Ok("ws://[fe80::2]/y")),
            ("ws://[fe80::1%25eth0]/x", "http://[fe80::1%25eth0]/y", error(UriErrorKind::Zone)),
            ("ws://a/x", "1:2", Ok("ws://a/1:2")),
        ];
        for (from, location, expected) in rows {
            assert_eq!(resolve(from, location).as_deref().map_err(|error| *error), expected, "{from} {location:?}");
        }
        let uri = Uri::parse("ws://a").unwrap();
        assert_eq!(
            uri.resolve_redirect(b"/\xFF").err(),
            Some(RedirectErrorKind::Location(UriErrorKind::InvalidPathCharacter))
        );
        let long = format!("/{}", "x".repeat(9000));
        assert_eq!(
            uri.resolve_redirect(long.as_bytes()).err(),
            Some(RedirectErrorKind::Location(UriErrorKind::TooLong))
        );
    }

    #[test]
    fn a_host_header_is_kept_for_the_same_host_and_port_only() {
        let uri = Uri { host_override: Some("front".into()), ..Uri::parse("ws://a/").unwrap() };
        for (location, kept) in [("/x", true), ("https://a:80/x", true), ("//b/x", false), ("//a:81/x", false)] {
            let next = uri.resolve_redirect(location.as_bytes()).unwrap();
            assert_eq!(next.host_override.is_some(), kept, "{location}");
        }
    }

    #[test]
    fn credentials_are_kept_for_the_same_origin_only() {
        let uri = Uri::parse("ws://u:p@a/").unwrap();
        for (location, kept) in [
            ("/x", true),
            ("http://A:80/x", true),
            ("//a/x", true),
            ("//a:81/x", false),
            ("//b/x", false),
            ("https://a:80/x", false),
            ("https://a/x", false),
        ] {
            let next = uri.resolve_redirect(location.as_bytes()).unwrap();
            assert_eq!(next.userinfo.is_some(), kept, "{location}");
            assert_eq!(uri.is_same_origin(&next), kept);
        }
    }
}
