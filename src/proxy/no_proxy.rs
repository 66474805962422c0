//! Hosts that are connected to directly: the list of the variable `no_proxy` and of
//! [`Proxy::no_proxy`](super::Proxy::no_proxy). Resolves no name.
//!
//! Entries are separated by commas or white space:
//!
//! | entry | matches |
//! |---|---|
//! | `example.com`, `.example.com`, `*.example.com` | `example.com` and every name that ends in `.example.com` |
//! | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | this address |
//! | `192.0.2.0/24`, `2001:db8::/32` | every address of this network |
//! | `example.com:81`, `192.0.2.1:81`, `[2001:db8::1]:81` | the same, on this port only |
//! | `*` | every host |
//! | anything else | nothing |
//!
//! Case and a dot at the end of a name are ignored. An address matches only URLs that contain this address. `localhost`
//! is a name like any other.

use std::fmt;
use std::net::IpAddr;

use crate::net::ip_network::IpNetwork;

/// The valid entries.
#[derive(Clone, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    host: HostPattern,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    All,
    /// Lower case, without a dot at either end.
    Name(String),
    Network(IpNetwork),
}

impl NoProxy {
    /// Adds the valid entries of this list. An error is the first invalid entry.
    pub(super) fn add(&mut self, list: &str) -> Result<(), String> {
        let mut invalid = None;
        for text in list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty()) {
            match Entry::parse(&text.to_ascii_lowercase()) {
                Some(entry) => self.0.push(entry),
                None => invalid = invalid.or(Some(text.to_owned())),
            }
        }
        invalid.map_or(Ok(()), Err)
    }

    /// `host` is in lower case; an IPv6 address has no brackets.
    pub(super) fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address: Option<IpAddr> = host.parse().ok();
        self.0.iter().any(|entry| !entry.port.is_some_and(|only| only != port) && entry.host.matches(host, address))
    }
}

impl fmt::Debug for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.0.len())
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Entry> {
        if text.contains('/') {
            return Some(Entry { host: HostPattern::address(text)?, port: None });
        }
        if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            let port = match rest {
                "" => None,
                rest => Some(parse_port(rest.strip_prefix(':')?)?),
            };
            return Some(Entry { host: HostPattern::address(address)?, port });
        }
        if let Some(host) = HostPattern::address(text) {
            return Some(Entry { host, port: None });
        }
        match text.rsplit_once(':') {
            Some((host, port)) => Some(Entry { host: HostPattern::parse(host)?, port: Some(parse_port(port)?) }),
            None => Some(Entry { host: HostPattern::parse(text)?, port: None }),
        }
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<HostPattern> {
        if text == "*" {
            return Some(HostPattern::All);
        }
        let name = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name);
        HostPattern::address(name).or((!name.is_empty()).then(|| HostPattern::Name(name.to_owned())))
    }

    fn address(text: &str) -> Option<HostPattern> {
        IpNetwork::parse(text).map(HostPattern::Network)
    }

    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (HostPattern::All, _) => true,
            (HostPattern::Name(name), None) => {
                host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (HostPattern::Network(network), Some(address)) => network.contains(address),
            (HostPattern::Name(_), Some(_)) | (HostPattern::Network(..), None) => false,
        }
    }
}

/// `parse` alone accepts a plus sign.
fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list; hosts that it matches on port 80; hosts that it does not match.
    const ROWS: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &["h", "1.2.3.4", "::1"]),
        (
            "example.com",
            &["example.com", "example.com.", "a.example.com", "a.b.example.com."],
            &["notexample.com", "com"],
        ),
        (".example.com", &["example.com", "a.example.com"], &["notexample.com", "example.org"]),
        ("*.example.com.", &["example.com", "a.example.com"], &["notexample.com"]),
        ("EXAMPLE.com", &["example.com"], &[]),
        ("localhost", &["localhost", "a.localhost"], &["127.0.0.1", "::1"]),
        ("192.0.2.1", &["192.0.2.1"], &["192.0.2.10", "1192.0.2.1", "a.192.0.2.1", "::c000:201"]),
        ("2001:DB8::1", &["2001:db8::1", "2001:db8:0::0:1"], &["2001:db8::2"]),
        ("[2001:db8::1]", &["2001:db8::1"], &["2001:db8::2"]),
        ("192.0.2.0/24", &["192.0.2.0", "192.0.2.255"], &["192.0.3.0", "192.0.1.255", "a.192.0.2.0"]),
        ("10.0.0.1/8", &["10.255.0.0"], &["11.0.0.0"]),
        ("192.0.2.1/32", &["192.0.2.1"], &["192.0.2.0"]),
        ("0.0.0.0/0", &["1.2.3.4"], &["::1", "h"]),
        ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
        ("::/0", &["::1"], &["1.2.3.4", "h"]),
        ("*", &["h", "1.2.3.4", "::1"], &[]),
        ("h:80", &["h", "a.h"], &[]),
        ("h:81", &[], &["h"]),
        ("*:80", &["h"], &[]),
        ("*:81", &[], &["h"]),
        ("192.0.2.1:80", &["192.0.2.1"], &["192.0.2.2"]),
        ("[::1]:80", &["::1"], &["::2"]),
        ("[::1]:81", &[], &["::1"]),
        ("a,b c;d", &["a", "b"], &["c", "d"]),
        (" a ,, b\t", &["a", "b"], &["c"]),
        // Invalid entries.
        ("192.0.2.0/33 ::/129 192.0.2.0/+8 192.0.2.0/ h/8", &[], &["192.0.2.0", "::", "h"]),
        ("h:x h:+80 h:99999 h: [::1 [::1]x [h] . *. :80", &[], &["h", "::1", "80"]),
    ];

    #[test]
    fn hosts_that_match() {
        for (list, matching, others) in ROWS {
            let mut no_proxy = NoProxy::default();
            let _ = no_proxy.add(list);
            for host in *matching {
                assert!(no_proxy.matches(host, 80), "{list:?} matches {host}");
            }
            for host in *others {
                assert!(!no_proxy.matches(host, 80), "{list:?} does not match {host}");
            }
        }
    }

    #[test]
    fn the_first_invalid_entry_is_reported_and_the_valid_ones_are_added() {
        for (list, want) in [
            ("", Ok(())),
            (" a ,*, ::1\t10.0.0.0/8", Ok(())),
            ("a,B/8,h:x", Err("B/8")),
            ("h:99999", Err("h:99999")),
            (":80", Err(":80")),
        ] {
            assert_eq!(NoProxy::default().add(list), want.map_err(str::to_owned), "{list:?}");
        }
        let mut no_proxy = NoProxy::default();
        no_proxy.add("a/8 b").unwrap_err();
        assert!(no_proxy.matches("b", 80));
    }

    #[test]
    fn a_port_restricts_the_entry() {
        let mut no_proxy = NoProxy::default();
        no_proxy.add("a:81,b").unwrap();
        assert!(no_proxy.matches("a", 81) && !no_proxy.matches("a", 80));
        assert!(no_proxy.matches("b", 81) && no_proxy.matches("b", 80));
    }
}
