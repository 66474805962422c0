//! The messages of a SOCKS5 client (RFC 1928), with user name and password (RFC 1929), to bytes and from bytes. Does no
//! I/O.
//!
//! | sender | function | bytes |
//! |---|---|---|
//! | client | [`greeting`] | `05`, number of methods, methods |
//! | proxy | [`selected_method`] | `05`, method |
//! | client, for method 02 | [`credentials`] | `01`, length, user name, length, password |
//! | proxy, after it | [`check_authentication`] | `01`, `00` for success |
//! | client | [`connect`] | `05`, `01`, `00`, address, port |
//! | proxy | [`check_reply`] | `05`, `00` for success |
//! |  | [`bound_address`] | `00`, type of the address |
//! |  |  | address, port: read to the last byte and ignored |
//!
//! An address is `01` and four bytes, `04` and sixteen bytes, or `03`, a length and a name.

use std::net::IpAddr;

use crate::error::ProxyErrorKind;

const VERSION: u8 = 5;
/// The version of the exchange of user name and password.
const AUTHENTICATION_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// None.
    NoAuthentication = 0x00,
    /// User name and password.
    UsernamePassword = 0x02,
}

/// The length of a bound address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoundAddress {
    /// This number of bytes.
    Bytes(u8),
    /// The next byte is the length.
    Name,
}

/// The first message of the client. 1928-3-1
pub(super) fn greeting(methods: &[Method]) -> Vec<u8> {
    let count = u8::try_from(methods.len()).unwrap_or(u8::MAX);
    [VERSION, count].into_iter().chain(methods.iter().take(usize::from(count)).map(|&method| method as u8)).collect()
}

/// The method that the proxy selected from those offered. 1928-3-2, 1928-3-3
pub(super) fn selected_method([version, chosen]: [u8; 2], offered: &[Method]) -> Result<Method, ProxyErrorKind> {
    check_version(version)?;
    if chosen == 0xFF {
        return Err(ProxyErrorKind::NoAcceptableMethod);
    }
    offered.iter().copied().find(|&method| method as u8 == chosen).ok_or(ProxyErrorKind::MethodNotOffered(chosen))
}

/// The message with user name and password. 1929-2-1: `None` unless each has 1 to 255 bytes.
pub(super) fn credentials(user: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![AUTHENTICATION_VERSION];
    for part in [user, password] {
        bytes.push(u8::try_from(part.len()).ok().filter(|&length| length > 0)?);
        bytes.extend_from_slice(part);
    }
    Some(bytes)
}

/// Checks the reply to user name and password. 1929-2-2
pub(super) fn check_authentication([version, status]: [u8; 2]) -> Result<(), ProxyErrorKind> {
    match (version, status) {
        (AUTHENTICATION_VERSION, 0) => Ok(()),
        (AUTHENTICATION_VERSION, _) => Err(ProxyErrorKind::AuthenticationFailed),
        (version, _) => Err(ProxyErrorKind::AuthenticationVersion(version)),
    }
}

/// The request to connect to a host: a name, or an IP address without brackets. `None`: the name is longer than 255
/// bytes.
pub(super) fn connect(host: &str, port: u16) -> Option<Vec<u8>> {
    // 1928-4-1, 1928-6-2
    let mut bytes = vec![VERSION, CONNECT, RESERVED];
    // 1928-5-1: four bytes, sixteen bytes, or a length and a name.
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            bytes.push(0x01);
            bytes.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            bytes.push(0x04);
            bytes.extend_from_slice(&address.octets());
        }
        Err(_) => {
            bytes.extend_from_slice(&[0x03, u8::try_from(host.len()).ok()?]);
            bytes.extend_from_slice(host.as_bytes());
        }
    }
    bytes.extend_from_slice(&port.to_be_bytes());
    Some(bytes)
}

/// Checks the first two bytes of a reply. 1928-6-1
pub(super) fn check_reply([version, reply]: [u8; 2]) -> Result<(), ProxyErrorKind> {
    check_version(version)?;
    match reply {
        0 => Ok(()),
        failure => Err(ProxyErrorKind::Reply(failure)),
    }
}

/// The length of the address that follows. The reserved byte is ignored.
pub(super) fn bound_address([_, kind]: [u8; 2]) -> Result<BoundAddress, ProxyErrorKind> {
    match kind {
        0x01 => Ok(BoundAddress::Bytes(4)),
        0x03 => Ok(BoundAddress::Name),
        0x04 => Ok(BoundAddress::Bytes(16)),
        unknown => Err(ProxyErrorKind::AddressType(unknown)),
    }
}

fn check_version(version: u8) -> Result<(), ProxyErrorKind> {
    match version {
        VERSION => Ok(()),
        other => Err(ProxyErrorKind::SocksVersion(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Method] = &[Method::NoAuthentication, Method::UsernamePassword];

    #[test]
    fn greetings_and_selected_methods() {
        // 1928-3-1, 1928-3-2, 1928-3-3
        assert_eq!(greeting(&BOTH[..1]), [5, 1, 0]);
        assert_eq!(greeting(BOTH), [5, 2, 0, 2]);
        let rows = [
            ([5, 0], BOTH, Ok(Method::NoAuthentication)),
            ([5, 2], BOTH, Ok(Method::UsernamePassword)),
            ([5, 0], &BOTH[..1], Ok(Method::NoAuthentication)),
            ([5, 2], &BOTH[..1], Err(ProxyErrorKind::MethodNotOffered(2))),
            ([5, 1], BOTH, Err(ProxyErrorKind::MethodNotOffered(1))),
            ([5, 0xFE], BOTH, Err(ProxyErrorKind::MethodNotOffered(0xFE))),
            ([5, 0xFF], BOTH, Err(ProxyErrorKind::NoAcceptableMethod)),
            ([4, 0], BOTH, Err(ProxyErrorKind::SocksVersion(4))),
            ([0, 0x5A], BOTH, Err(ProxyErrorKind::SocksVersion(0))),
            ([b'H', b'T'], BOTH, Err(ProxyErrorKind::SocksVersion(b'H'))),
        ];
        for (bytes, offered, expected) in rows {
            assert_eq!(selected_method(bytes, offered), expected, "{bytes:?}");
        }
    }

    #[test]
    fn user_names_and_passwords() {
        // 1929-2-1, 1929-2-2
        assert_eq!(credentials(b"me", b"key").unwrap(), b"\x01\x02me\x03key");
        let longest = [b'x'; 255];
        let bytes = credentials(&longest, &longest).unwrap();
        assert_eq!((bytes.len(), bytes[1], bytes[257]), (513, 255, 255));
        for (user, password) in [(&b""[..], &b"p"[..]), (b"u", b""), (&[b'x'; 256], b"p"), (b"u", &[b'x'; 256])] {
            assert_eq!(credentials(user, password), None);
        }
        let rows = [
            ([1, 0], Ok(())),
            ([1, 1], Err(ProxyErrorKind::AuthenticationFailed)),
            ([1, 255], Err(ProxyErrorKind::AuthenticationFailed)),
            ([5, 0], Err(ProxyErrorKind::AuthenticationVersion(5))),
            ([0, 0], Err(ProxyErrorKind::AuthenticationVersion(0))),
        ];
        for (bytes, expected) in rows {
            assert_eq!(check_authentication(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn requests() {
        // 1928-4-1, 1928-5-1, 1928-6-2
        let longest = "h".repeat(255);
        let rows: &[(&str, u16, Vec<u8>)] = &[
            ("h.example", 80, b"\x05\x01\x00\x03\x09h.example\x00\x50".to_vec()),
            ("192.0.2.1", 443, b"\x05\x01\x00\x01\xC0\x00\x02\x01\x01\xBB".to_vec()),
            (
                "2001:db8::1",
                65535,
                [b"\x05\x01\x00\x04\x20\x01\x0d\xb8".as_slice(), &[0; 11], b"\x01\xFF\xFF"].concat(),
            ),
            // Not an address: it ends in a dot.
            ("192.0.2.1.", 1, b"\x05\x01\x00\x03\x0A192.0.2.1.\x00\x01".to_vec()),
            (&longest, 1, [b"\x05\x01\x00\x03\xFF", longest.as_bytes(), b"\x00\x01"].concat()),
        ];
        for (host, port, bytes) in rows {
            assert_eq!(connect(host, *port).as_ref(), Some(bytes), "{host}");
        }
        assert_eq!(connect(&format!("{longest}h"), 1), None);
    }

    #[test]
    fn replies() {
        // 1928-6-1
        assert_eq!(check_reply([5, 0]), Ok(()));
        for failure in 1..=255 {
            assert_eq!(check_reply([5, failure]), Err(ProxyErrorKind::Reply(failure)));
        }
        assert_eq!(check_reply([4, 0]), Err(ProxyErrorKind::SocksVersion(4)));
        let kinds = [
            (1, Ok(BoundAddress::Bytes(4))),
            (3, Ok(BoundAddress::Name)),
            (4, Ok(BoundAddress::Bytes(16))),
            (0, Err(ProxyErrorKind::AddressType(0))),
            (2, Err(ProxyErrorKind::AddressType(2))),
            (5, Err(ProxyErrorKind::AddressType(5))),
        ];
        for (kind, expected) in kinds {
            for reserved in [0, 7] {
                assert_eq!(bound_address([reserved, kind]), expected, "{kind}");
            }
        }
    }
}
