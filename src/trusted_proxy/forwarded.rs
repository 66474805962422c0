//! The headers in which HTTP proxies name their client: `Forwarded` (RFC 7239), and the older `X-Forwarded-For`, which
//! has no standard.
//!
//! Knows their syntax. It does not know which entries are trusted.
//!
//! ```text
//! Forwarded        = 1#( [ pair ] *( ";" [ pair ] ) )       for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"
//! pair             = token "=" ( token / quoted-string )
//! X-Forwarded-For  = 1#address                             192.0.2.1, 2001:db8::1
//! ```
//!
//! Each proxy appends an entry, so the last entry is that of the nearest proxy. Both readers return the entries from the
//! last to the first, one at a time. The caller stops at the first entry that is not trusted: clients can forge the
//! entries further left, and their number.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::handshake::header::{Cursor, Malformed};

/// The client that one proxy names. `None`: no client, no address, or an invalid entry.
pub(super) type ForwardedFor = Option<IpAddr>;

/// Maximum number of entries of one `Forwarded` field that are kept, from its end. The entry before them becomes one
/// without an address.
const MAX_ENTRIES: usize = 64;

/// The `Forwarded` headers of a request as one list, from its end. A header with invalid syntax, or without an entry,
/// becomes one entry without an address.
pub(super) fn forwarded<'a>(fields: impl Iterator<Item = &'a [u8]> + 'a) -> impl Iterator<Item = ForwardedFor> + 'a {
    from_the_end(fields).flat_map(|field| {
        let entries = elements(&mut Cursor { rest: field }).ok().filter(|entries| !entries.is_empty());
        entries.unwrap_or_else(|| VecDeque::from([None])).into_iter().rev()
    })
}

fn from_the_end<'a>(fields: impl Iterator<Item = &'a [u8]>) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    fields.collect::<Vec<_>>().into_iter().rev()
}

/// The last entries of a field, all of which must be valid: a quoted string that has no end hides those after it.
fn elements(cursor: &mut Cursor<'_>) -> Result<VecDeque<ForwardedFor>, Malformed> {
    let mut entries = VecDeque::new();
    loop {
        while cursor.consume(b',') {}
        if cursor.rest.is_empty() {
            return Ok(entries);
        }
        entries.push_back(element(cursor)?);
        if entries.len() > MAX_ENTRIES {
            entries.pop_front();
            if let Some(first) = entries.front_mut() {
                *first = None;
            }
        }
        if !cursor.rest.is_empty() && !cursor.consume(b',') {
            return Err(Malformed);
        }
    }
}

fn element(cursor: &mut Cursor<'_>) -> Result<ForwardedFor, Malformed> {
    let mut node = None;
    loop {
        // A pair may be empty.
        if !matches!(cursor.rest.first(), None | Some(b',' | b';')) {
            let name = cursor.token()?;
            if !cursor.consume(b'=') {
                return Err(Malformed);
            }
            let value = cursor.text()?;
            // RFC 7239 section 4: a parameter must not occur twice in an element.
            if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
                return Err(Malformed);
            }
        }
        if !cursor.consume(b';') {
            return Ok(node.and_then(|node| address(&node)));
        }
    }
}

/// The `X-Forwarded-For` headers of a request as one list, from its end.
pub(super) fn x_forwarded_for<'a>(
    fields: impl Iterator<Item = &'a [u8]> + 'a,
) -> impl Iterator<Item = ForwardedFor> + 'a {
    let entries = from_the_end(fields).flat_map(|field| field.rsplit(|&byte| byte == b','));
    entries.map(|entry| std::str::from_utf8(entry).ok().and_then(|entry| address(entry.trim_matches([' ', '\t']))))
}

/// Parses an address with or without a port. IPv6 is in brackets; in `X-Forwarded-For`, IPv6 without a port may be
/// bare.
fn address(node: &str) -> Option<IpAddr> {
    if let Some(rest) = node.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| fine).map(IpAddr::V6);
    }
    match node.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::V4)
        }
        Some(_) | None => node.parse().ok(),
    }
}

/// port = 1*5DIGIT; obfport = "_" 1*(ALPHA / DIGIT / "." / "_" / "-")
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of the headers.
    fn show(hops: impl Iterator<Item = ForwardedFor>) -> Vec<String> {
        let mut shown: Vec<_> = hops.map(|hop| hop.map_or("-".to_owned(), |address| address.to_string())).collect();
        shown.reverse();
        shown
    }

    fn fields<'a>(values: &'a [&'a str]) -> impl Iterator<Item = &'a [u8]> {
        values.iter().map(|value| value.as_bytes())
    }

    #[test]
    fn forwarded_lists() {
        let rows: [(&[&str], &[&str]); 31] = [
            (&[], &[]),
            (&["for=192.0.2.43"], &["192.0.2.43"]),
            // The examples of RFC 7239 section 4, and of section 6.
            (&["for=\"_gazonk\""], &["-"]),
            (&["For=\"[2001:db8:cafe::17]:4711\""], &["2001:db8:cafe::17"]),
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"], &["192.0.2.60"]),
            (&["for=192.0.2.43, for=198.51.100.17"], &["192.0.2.43", "198.51.100.17"]),
            (&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"], &["192.0.2.43", "2001:db8:cafe::17", "-"]),
            (&["for=_hidden, for=_SEVKISEK"], &["-", "-"]),
            (&["for=\"192.0.2.43:47011\""], &["192.0.2.43"]),
            (&["for=\"192.0.2.43:_port\""], &["192.0.2.43"]),
            (&["for=\"[2001:db8::1]:_p.o-r\""], &["2001:db8::1"]),
            (&["for=\"192.0.2.43:_a\""], &["192.0.2.43"]),
            (&["for=\"192.0.2.43:_\""], &["-"]),
            (&["for=\"192.0.2.43:_!\""], &["-"]),
            // 7.1: several fields are one list.
            (&["for=192.0.2.43", "FOR=\"[::1]\";x=y"], &["192.0.2.43", "::1"]),
            (&["by=a;FOR = 192.0.2.1 ; ;proto=\"a,b\""], &["192.0.2.1"]),
            (&["for=\"\\1\\92.0.2.1\""], &["192.0.2.1"]),
            (&[",, for=192.0.2.1,"], &["192.0.2.1"]),
            (&["proto=https"], &["-"]),
            (&[";"], &["-"]),
            (&["for=\"2001:db8::1\""], &["2001:db8::1"]),
            (&["for=\"[192.0.2.1]\""], &["-"]),
            // An invalid entry invalidates its header.
            (&["for=192.0.2.1, for"], &["-"]),
            (&["for=192.0.2.1 for=192.0.2.2"], &["-"]),
            (&["for 192.0.2.1"], &["-"]),
            (&["for=192.0.2.1, for=\"x"], &["-"]),
            (&["for=192.0.2.1;for=192.0.2.2"], &["-"]),
            (&["for=192.0.2.1:80"], &["-"]),
            (&["for=\", for=192.0.2.1"], &["-"]),
            (&["", "for=192.0.2.1", ","], &["-", "192.0.2.1", "-"]),
            (&["for=192.0.2.1", "for==", "for=192.0.2.3"], &["192.0.2.1", "-", "192.0.2.3"]),
        ];
        for (values, want) in rows {
            assert_eq!(show(forwarded(fields(values))), want, "{values:?}");
        }
    }

    #[test]
    fn x_forwarded_for_lists() {
        let rows: [(&[&str], &[&str]); 12] = [
            (&[], &[]),
            (&["192.0.2.1"], &["192.0.2.1"]),
            (&["192.0.2.1, 2001:db8::1 ,\t198.51.100.7"], &["192.0.2.1", "2001:db8::1", "198.51.100.7"]),
            (&["192.0.2.1", "192.0.2.2"], &["192.0.2.1", "192.0.2.2"]),
            (&["192.0.2.1:4711,[2001:db8::1]:4711,[::1]"], &["192.0.2.1", "2001:db8::1", "::1"]),
            (&["unknown, 192.0.2.1"], &["-", "192.0.2.1"]),
            (&["192.0.2.1, , 192.0.2.2"], &["192.0.2.1", "-", "192.0.2.2"]),
            (&[""], &["-"]),
            (&["192.0.2.1;192.0.2.2"], &["-"]),
            (&["192.0.2.01", "192.0.2.1:", "192.0.2.1:123456", "[::1", "[::1]x"], &["-", "-", "-", "-", "-"]),
            (&["::1%eth0", "\"192.0.2.1\"", "192.0.2.1 192.0.2.2"], &["-", "-", "-"]),
            (&["caf\u{e9}"], &["-"]),
        ];
        for (values, want) in rows {
            assert_eq!(show(x_forwarded_for(fields(values))), want, "{values:?}");
        }
        assert_eq!(x_forwarded_for([b"\xFF, 192.0.2.1".as_slice()].into_iter()).count(), 2);
    }

    #[test]
    fn the_last_entries_of_a_long_header_are_kept() {
        let long = [";,".repeat(30_000), "for=192.0.2.1,".repeat(63), "for=192.0.2.2".to_owned()].concat();
        let hops = show(forwarded(fields(&[&long])));
        assert_eq!((hops.len(), hops[0].as_str(), hops[1].as_str()), (64, "-", "192.0.2.1"));
        assert_eq!(hops[63], "192.0.2.2");
    }
}
