//! Why bytes are no PROXY header.

use std::fmt;

/// Why what a trusted proxy sent first is no header of the PROXY protocol, version 1 or 2. The connection is ended without an
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderErrorKind {
    /// It begins like neither version. A proxy that is trusted has to send one on each connection.
    Missing,
    /// The connection ended before the header was complete.
    UnexpectedEof,
    /// Version 1: a line that is not "PROXY", a protocol, two addresses of it and two ports, with one space between each.
    MalformedLine,
    /// Version 1: a line of more than 107 bytes.
    LineTooLong,
    /// The second version's signature, but another version. The number.
    Version(u8),
    /// Version 2: neither LOCAL nor PROXY. The number.
    Command(u8),
    /// Version 2: an address family or a transport that is not defined. The byte that has both.
    Family(u8),
    /// Version 2: too short for the addresses of its family. The length it announces.
    TooShort(u16),
    /// Version 2: more than 4 KiB behind the fixed part. The length it announces.
    TooLong(u16),
}

impl fmt::Display for ProxyHeaderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyHeaderErrorKind::Missing => f.write_str("there is none; see Server::trust_proxy_protocol"),
            ProxyHeaderErrorKind::UnexpectedEof => f.write_str("the connection ended inside of it"),
            ProxyHeaderErrorKind::MalformedLine => f.write_str("the line is not as version 1 has it"),
            ProxyHeaderErrorKind::LineTooLong => f.write_str("the line is longer than 107 bytes"),
            ProxyHeaderErrorKind::Version(n) => write!(f, "version {n} is not known"),
            ProxyHeaderErrorKind::Command(n) => write!(f, "command {n} is not known"),
            ProxyHeaderErrorKind::Family(n) => write!(f, "address family {n:#04x} is not known"),
            ProxyHeaderErrorKind::TooShort(n) => write!(f, "{n} bytes are too few for its addresses"),
            ProxyHeaderErrorKind::TooLong(n) => write!(f, "{n} bytes, and 4096 are taken"),
        }
    }
}

impl std::error::Error for ProxyHeaderErrorKind {}
