//! The header of the PROXY protocol, versions 1 and 2, in which a proxy names its client before anything else
//! (HAProxy's `proxy-protocol.txt`, sections 2.1 and 2.2).
//!
//! Knows its syntax. It does not know whether its sender is trusted.
//!
//! ```text
//! version 1    PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 CR LF          at most 107 bytes
//!              PROXY UNKNOWN ... CR LF
//! version 2    CR LF CR LF NUL CR LF "QUIT" LF                            12 bytes
//!              0x2, command: 0 LOCAL, 1 PROXY                             1 byte
//!              family: 0 none, 1 IPv4, 2 IPv6, 3 Unix; transport: 0 none, 1 stream, 2 datagram
//!              length of the rest                                         2 bytes
//!              source and destination, their ports; extensions            that many, at most 4,096 here
//! ```
//!
//! No byte behind the header may be read from the network, because it belongs to the next protocol. So the caller reads
//! only the number of bytes in [`Progress::More`], which certainly belong to the header. A header of either version has at
//! least 15 bytes, one of version 2 at least 16. After its first 15 bytes a line is read byte by byte.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::ProxyHeaderErrorKind;

const LINE_PREFIX: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Minimum length of a header: `PROXY UNKNOWN` CR LF.
const MIN_HEADER: usize = 15;
/// Maximum length of a line, with its CR LF.
const MAX_LINE: usize = 107;
/// Length of the fixed part of version 2.
const FIXED_PART: usize = 16;
/// Maximum length behind the fixed part. Addresses take up to 216 bytes; extensions are short and are skipped.
const MAX_PAYLOAD: u16 = 4096;

/// The result of parsing the bytes read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Minimum number of bytes that are missing.
    More(usize),
    /// The header is complete.
    Done(Source),
}

/// Whom a header names as the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The proxy itself, which checks whether the server works: LOCAL.
    Proxy,
    /// A client without an address of IPv4 or IPv6: UNKNOWN, a Unix socket, or no transport.
    Unknown,
    /// A client with this address and port.
    Address(IpAddr, u16),
}

/// Parses the bytes read so far. The caller reads no more bytes than the last call asked for.
pub(super) fn parse(bytes: &[u8]) -> Result<Progress, ProxyHeaderErrorKind> {
    if matches_prefix(bytes, LINE_PREFIX) {
        return line(bytes);
    }
    if matches_prefix(bytes, SIGNATURE) {
        return binary(bytes);
    }
    Err(ProxyHeaderErrorKind::Missing)
}

/// Whether the bytes match the prefix, as far as both go.
fn matches_prefix(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(a, b)| a == b)
}

fn bytes_missing(bytes: &[u8], want: usize) -> Option<Progress> {
    want.checked_sub(bytes.len()).filter(|&count| count > 0).map(Progress::More)
}

// ── version 1 ───────────────────────────────────────────────────────────────────────────────────────────────────────

fn line(bytes: &[u8]) -> Result<Progress, ProxyHeaderErrorKind> {
    if let Some(more) = bytes_missing(bytes, MIN_HEADER) {
        return Ok(more);
    }
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        // Control characters are allowed only at the end of the line.
        let body = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        return match bytes.len() < MAX_LINE {
            _ if body.iter().any(u8::is_ascii_control) => Err(ProxyHeaderErrorKind::MalformedLine),
            true => Ok(Progress::More(1)),
            false => Err(ProxyHeaderErrorKind::LineTooLong),
        };
    };
    let text = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix("PROXY "))
        .ok_or(ProxyHeaderErrorKind::MalformedLine)?;
    let parts: Vec<&str> = text.split(' ').collect();
    match parts.as_slice() {
        // The rest of the line is ignored.
        ["UNKNOWN", ..] => Ok(Progress::Done(Source::Unknown)),
        &["TCP4", from, to, from_port, to_port] => tcp_line::<Ipv4Addr>(from, to, from_port, to_port),
        &["TCP6", from, to, from_port, to_port] => tcp_line::<Ipv6Addr>(from, to, from_port, to_port),
        _ => Err(ProxyHeaderErrorKind::MalformedLine),
    }
}

fn tcp_line<A>(from: &str, to: &str, from_port: &str, to_port: &str) -> Result<Progress, ProxyHeaderErrorKind>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let address = |text: &str| text.parse::<A>().map_err(|_| ProxyHeaderErrorKind::MalformedLine);
    let (from, _to) = (address(from)?, address(to)?);
    let (from_port, _to_port) = (port(from_port)?, port(to_port)?);
    Ok(Progress::Done(Source::Address(from.into(), from_port)))
}

/// Parses a port: digits without leading zeros.
fn port(text: &str) -> Result<u16, ProxyHeaderErrorKind> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(ProxyHeaderErrorKind::MalformedLine)
}

// ── version 2 ───────────────────────────────────────────────────────────────────────────────────────────────────────

fn binary(bytes: &[u8]) -> Result<Progress, ProxyHeaderErrorKind> {
    // An invalid version or command is rejected as soon as it has arrived.
    if let Some(&byte) = bytes.get(12) {
        match (byte >> 4, byte & 0x0F) {
            (2, 0 | 1) => {}
            (2, command) => return Err(ProxyHeaderErrorKind::Command(command)),
            (version, _) => return Err(ProxyHeaderErrorKind::Version(version)),
        }
    }
    if let Some(&byte) = bytes.get(13).filter(|&&byte| byte >> 4 > 3 || byte & 0x0F > 2) {
        return Err(ProxyHeaderErrorKind::Family(byte));
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_PART>() else {
        return Ok(Progress::More(FIXED_PART.saturating_sub(bytes.len())));
    };
    let &[.., command, family, high, low] = fixed;
    let length = u16::from_be_bytes([high, low]);
    if length > MAX_PAYLOAD {
        return Err(ProxyHeaderErrorKind::TooLong(length));
    }
    let proxied = command & 0x0F == 1;
    // LOCAL: the proxy names no client, and the rest is ignored.
    let addresses = match family >> 4 {
        1 if proxied => 12,
        2 if proxied => 36,
        3 if proxied => 216,
        _ => 0,
    };
    if length < addresses {
        return Err(ProxyHeaderErrorKind::TooShort(length));
    }
    if let Some(more) = bytes_missing(rest, usize::from(length)) {
        return Ok(more);
    }
    if !proxied {
        return Ok(Progress::Done(Source::Proxy));
    }
    // Without a transport the addresses are ignored as well.
    let has_source = family & 0x0F != 0;
    let named = match family >> 4 {
        1 if has_source => source(rest.first_chunk::<4>().map(|&address| address.into()), rest.get(8..10)),
        2 if has_source => source(rest.first_chunk::<16>().map(|&address| address.into()), rest.get(32..34)),
        _ => None,
    };
    Ok(Progress::Done(named.unwrap_or(Source::Unknown)))
}

fn source(address: Option<IpAddr>, port: Option<&[u8]>) -> Option<Source> {
    Some(Source::Address(address?, u16::from_be_bytes(port?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str, port: u16) -> Source {
        Source::Address(address.parse().unwrap(), port)
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    /// Reads as many bytes as asked for, in pieces of at most this size. Returns the number of bytes read, too.
    fn read(bytes: &[u8], piece: usize) -> (usize, Result<Source, ProxyHeaderErrorKind>) {
        let mut taken = 0;
        loop {
            match parse(&bytes[..taken]) {
                Ok(Progress::More(0)) => panic!("no progress"),
                Ok(Progress::More(_)) if taken == bytes.len() => {
                    return (taken, Err(ProxyHeaderErrorKind::UnexpectedEof))
                }
                Ok(Progress::More(count)) => taken = (taken + count.min(piece)).min(bytes.len()),
                Ok(Progress::Done(client)) => return (taken, Ok(client)),
                Err(error) => return (taken, Err(error)),
            }
        }
    }

    fn good() -> Vec<(Vec<u8>, Source)> {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0x01, 0xBB];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..34].copy_from_slice(&[0x12, 0x34]);
        let with_extensions = [v4.as_slice(), &[0x04, 0, 3, 1, 2, 3], &[0x20, 0, 0]].concat();
        let mut list = vec![
            // The example of section 2.1, and the longest of each kind that it names.
            (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n".to_vec(), client("192.168.0.1", 56324)),
            (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".to_vec(), client("255.255.255.255", 65535)),
            (
                b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"
                    .to_vec(),
                client("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
            ),
            (b"PROXY TCP6 ::1 2001:DB8::1 0 443\r\n".to_vec(), client("::1", 0)),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Unknown),
            (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec(), Source::Unknown),
            (v2(0x21, 0x11, &v4), client("192.0.2.1", 56324)),
            (v2(0x21, 0x12, &v4), client("192.0.2.1", 56324)),
            (v2(0x21, 0x11, &with_extensions), client("192.0.2.1", 56324)),
            (v2(0x21, 0x21, &v6), client("2001:db8::1", 0x1234)),
            (v2(0x21, 0x31, &[7; 216]), Source::Unknown),
            (v2(0x21, 0x00, b""), Source::Unknown),
            (v2(0x21, 0x10, &v4), Source::Unknown),
            (v2(0x21, 0x01, &[1; 5]), Source::Unknown),
            (v2(0x20, 0x00, b""), Source::Proxy),
            // The payload of LOCAL is ignored.
            (v2(0x20, 0x11, &v4), Source::Proxy),
            (v2(0x20, 0x11, b"x"), Source::Proxy),
            (v2(0x20, 0x21, &v6), Source::Proxy),
            (v2(0x20, 0x21, b""), Source::Proxy),
            (v2(0x20, 0x31, b""), Source::Proxy),
            // Without a transport, the addresses have no meaning.
            (v2(0x21, 0x20, &v6), Source::Unknown),
            (v2(0x21, 0x11, &[v4.as_slice(), &[0; 4084]].concat()), client("192.0.2.1", 56324)),
        ];
        let line = b"PROXY UNKNOWN ".to_vec();
        list.push(([line.as_slice(), &vec![b'x'; 107 - 2 - line.len()], b"\r\n"].concat(), Source::Unknown));
        list
    }

    #[test]
    fn headers_parse_in_pieces_and_leave_the_bytes_after_them() {
        for (bytes, want) in good() {
            for after in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"PROXY UNKNOWN\r\n"] {
                let all = [bytes.as_slice(), after].concat();
                for piece in [1, 2, 7, usize::MAX] {
                    assert_eq!(read(&all, piece), (bytes.len(), Ok(want)), "{}", bytes.escape_ascii());
                }
            }
            // A header cut at any byte is incomplete.
            for end in 0..bytes.len().min(300) {
                assert_eq!(
                    read(&bytes[..end], 1),
                    (end, Err(ProxyHeaderErrorKind::UnexpectedEof)),
                    "{}",
                    bytes.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn the_minimum_length_is_read_at_once() {
        assert_eq!((parse(b""), parse(b"PROXY T")), (Ok(Progress::More(15)), Ok(Progress::More(8))));
        assert_eq!((parse(b"\r"), parse(b"\r\n\r\n\0")), (Ok(Progress::More(15)), Ok(Progress::More(11))));
    }

    #[test]
    fn malformed_lines_are_rejected() {
        let rows = [
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r ",
            "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 ::1 1 2\r\n",
            "PROXY TCP6 [::1] ::1 1 2\r\n",
            "PROXY TCP6 ::1%eth0 ::1 1 2\r\n",
            "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP4 h\u{e9} 192.0.2.2 1 2\r\n",
            "PROXY UNKNOWN\0 a\r\n",
            "PROXY         \r\n",
        ];
        for text in rows {
            for piece in [1, usize::MAX] {
                assert_eq!(read(text.as_bytes(), piece).1, Err(ProxyHeaderErrorKind::MalformedLine), "{text:?}");
            }
        }
    }

    #[test]
    fn invalid_headers_are_rejected() {
        let v4 = [0; 12];
        let rows: Vec<(Vec<u8>, ProxyHeaderErrorKind)> = vec![
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ProxyHeaderErrorKind::Missing),
            (b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(), ProxyHeaderErrorKind::Missing),
            (b"PROXYTCP4".to_vec(), ProxyHeaderErrorKind::Missing),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00".to_vec(), ProxyHeaderErrorKind::Missing),
            (b"\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0C".to_vec(), ProxyHeaderErrorKind::Missing),
            (v2(0x11, 0x11, &v4), ProxyHeaderErrorKind::Version(1)),
            (v2(0x31, 0x11, &v4), ProxyHeaderErrorKind::Version(3)),
            (v2(0x22, 0x11, &v4), ProxyHeaderErrorKind::Command(2)),
            (v2(0x2F, 0x11, &v4), ProxyHeaderErrorKind::Command(15)),
            (v2(0x21, 0x41, &v4), ProxyHeaderErrorKind::Family(0x41)),
            (v2(0x21, 0x13, &v4), ProxyHeaderErrorKind::Family(0x13)),
            (v2(0x20, 0xFF, &v4), ProxyHeaderErrorKind::Family(0xFF)),
            (v2(0x21, 0x11, &v4[..11]), ProxyHeaderErrorKind::TooShort(11)),
            (v2(0x21, 0x21, &[0; 35]), ProxyHeaderErrorKind::TooShort(35)),
            (v2(0x21, 0x31, &[0; 215]), ProxyHeaderErrorKind::TooShort(215)),
            (v2(0x21, 0x11, b""), ProxyHeaderErrorKind::TooShort(0)),
            // An excessive length is rejected before its payload.
            (v2(0x21, 0x11, &[0; 4097]), ProxyHeaderErrorKind::TooLong(4097)),
            ([SIGNATURE, b"\x20\x00\xFF\xFF"].concat(), ProxyHeaderErrorKind::TooLong(65535)),
            ([b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(), ProxyHeaderErrorKind::LineTooLong),
            ([b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(), ProxyHeaderErrorKind::LineTooLong),
        ];
        for (bytes, error) in rows {
            for piece in [1, usize::MAX] {
                let (taken, result) = read(&bytes, piece);
                assert_eq!(result, Err(error), "{}", bytes.escape_ascii());
                assert!(taken <= 107, "{taken}");
            }
        }
    }
}
