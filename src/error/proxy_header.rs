//! The error for an invalid header of the PROXY protocol.

use std::fmt;

/// The reason why the first bytes of a trusted proxy are not a header of the PROXY protocol, version 1 or 2. The connection
/// is closed without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderErrorKind {
    /// The bytes begin like neither version. A trusted proxy has to send a header on each connection.
    Missing,
    /// The connection ended before the header was complete.
    UnexpectedEof,
    /// Version 1: a line that is not "PROXY", a protocol, two addresses and two ports, separated by one space each.
    MalformedLine,
    /// Version 1: a line of more than 107 bytes.
    LineTooLong,
    /// The signature of version 2 with another version. Holds the version.
    Version(u8),
    /// Version 2: neither LOCAL nor PROXY. Holds the command.
    Command(u8),
    /// Version 2: an address family or a transport that is not defined. Holds the byte of both.
    Family(u8),
    /// Version 2: too short for the addresses of its family. Holds the announced length.
    TooShort(u16),
    /// Version 2: more than 4 KiB after the fixed part. Holds the announced length.
    TooLong(u16),
}

impl fmt::Display for ProxyHeaderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyHeaderErrorKind::Missing => {
                f.write_str("there is none, and Server::trust_proxy_protocol requires one")
            }
            ProxyHeaderErrorKind::UnexpectedEof => f.write_str("the connection ended inside the header"),
            ProxyHeaderErrorKind::MalformedLine => f.write_str("the line does not follow the grammar of version 1"),
            ProxyHeaderErrorKind::LineTooLong => f.write_str("the line is longer than 107 bytes"),
            ProxyHeaderErrorKind::Version(n) => write!(f, "version {n} is not supported"),
            ProxyHeaderErrorKind::Command(n) => write!(f, "command {n} is not defined"),
            ProxyHeaderErrorKind::Family(n) => write!(f, "address family {n:#04x} is not defined"),
            ProxyHeaderErrorKind::TooShort(n) => write!(f, "{n} bytes are too short for its addresses"),
            ProxyHeaderErrorKind::TooLong(n) => write!(f, "{n} bytes exceed the maximum of 4096"),
        }
    }
}

impl std::error::Error for ProxyHeaderErrorKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_is_wrong_with_which_number() {
        let rows = [
            (ProxyHeaderErrorKind::Missing, "there is none, and Server::trust_proxy_protocol requires one"),
            (ProxyHeaderErrorKind::UnexpectedEof, "the connection ended inside the header"),
            (ProxyHeaderErrorKind::MalformedLine, "the line does not follow the grammar of version 1"),
            (ProxyHeaderErrorKind::LineTooLong, "the line is longer than 107 bytes"),
            (ProxyHeaderErrorKind::Version(3), "version 3 is not supported"),
            (ProxyHeaderErrorKind::Command(2), "command 2 is not defined"),
            (ProxyHeaderErrorKind::Family(0x0F), "address family 0x0f is not defined"),
            (ProxyHeaderErrorKind::TooShort(11), "11 bytes are too short for its addresses"),
            (ProxyHeaderErrorKind::TooLong(4097), "4097 bytes exceed the maximum of 4096"),
        ];
        for (kind, text) in rows {
            assert_eq!(kind.to_string(), text);
        }
    }
}
