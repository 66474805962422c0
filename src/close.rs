//! Close codes, and the code and the reason with which a connection was closed (RFC 6455 section 7).

use std::fmt;

use crate::redact::{self, Within};

/// A close code (RFC 6455 section 7.4): the reason for a Close as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// 1001: the server shuts down, or the program or page ends.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// 1003: a kind of message that this side does not accept.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// 1005: no code was received. Never sent.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// 1006: no Close was received. Never sent.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// 1007: a payload that does not match its message type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// 1008: the message violates the policy of this side.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// 1009: the message is too big to process.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// 1010: the server did not accept an extension that the client requires.
    pub const EXTENSION_MISSING: CloseCode = CloseCode(1010);
    /// 1011: an unexpected condition on the server.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// 1012: service restart (registered with IANA after the RFC).
    pub const RESTART: CloseCode = CloseCode(1012);
    /// 1013: the client should try again later (registered with IANA after the RFC).
    pub const TRY_LATER: CloseCode = CloseCode(1013);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS: CloseCode = CloseCode(1015);

    /// The code with this number, which may be one that must not be sent ([`CloseCode::is_sendable`]).
    pub const fn new(code: u16) -> CloseCode {
        CloseCode(code)
    }

    /// The number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a Close frame (RFC 6455 section 7.4): 1000 to 1003, 1007 to 1014, 3000 to 4999.
    pub const fn is_sendable(self) -> bool {
        // 6455-7.4.1-s1: 1004 is reserved. 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6: 1005, 1006 and 1015 are never sent.
        // 6455-7.4.2-s1: nothing below 1000; 1016 to 2999 are not defined; 3000 to 4999 are for applications.
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// For [`close`](crate::WebSocket::close)`(1000, "")`. Like [`CloseCode::new`], it accepts every number.
impl From<u16> for CloseCode {
    fn from(code: u16) -> CloseCode {
        CloseCode(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

/// The code and the reason of a closed connection (RFC 6455 sections 7.1.4 to 7.1.6). A received code is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseInfo {
    pub(crate) received: Option<(Option<CloseCode>, String)>,
    pub(crate) sent: Option<CloseCode>,
    pub(crate) by_peer: bool,
}

impl CloseInfo {
    /// The close code of the connection: the code in the received Close, 1005 for a Close without a code, 1006 without a Close.
    pub fn code(&self) -> CloseCode {
        // 6455-7.1.5-s1: exactly these three cases.
        match &self.received {
            Some((Some(code), _)) => *code,
            Some((None, _)) => CloseCode::NO_STATUS,
            None => CloseCode::ABNORMAL,
        }
    }

    /// The reason in the received Close, or the empty string. It is not meant for end users (RFC 6455 section 5.5.1).
    pub fn reason(&self) -> &str {
        // 6455-7.1.6-s1
        self.received.as_ref().map_or("", |(_, reason)| reason)
    }

    /// The code in the Close that this side sent, if it sent one with a code.
    pub fn sent_code(&self) -> Option<CloseCode> {
        self.sent
    }

    /// Whether the peer started the closing handshake: its Close arrived before this side had sent one or a call had requested one.
    ///
    /// A Close 1000 that this side did not request often means that a proxy or a server counts the connection as idle.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.close(stdws::CloseCode::NORMAL, "").map(drop))?;
    /// let mut ws = stdws::connect(&server.url())?;
    /// assert!(ws.recv()?.is_none());
    /// assert!(ws.close_info().unwrap().closed_by_peer());
    /// # Ok(())
    /// # }
    /// ```
    pub fn closed_by_peer(&self) -> bool {
        self.by_peer
    }
}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())?;
        if !self.reason().is_empty() {
            // The peer wrote the reason. It is escaped, so that it cannot send control sequences to a log or a terminal.
            f.write_str(" \"")?;
            redact::escape(f, self.reason(), Within::Quotes)?;
            f.write_str("\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_who_closed_are_reported_as_they_are() {
        for by_peer in [true, false] {
            let received = Some((Some(CloseCode::new(4001)), "bye".to_owned()));
            let info = CloseInfo { received, sent: Some(CloseCode::GOING_AWAY), by_peer };
            assert_eq!((u16::from(info.code()), info.reason(), info.closed_by_peer()), (4001, "bye", by_peer));
            assert_eq!(info.sent_code(), Some(CloseCode::GOING_AWAY));
        }
    }

    #[test]
    fn a_reason_cannot_change_the_line_it_is_shown_in() {
        let received = Some((Some(CloseCode::NORMAL), "a\u{202E}\u{9B}2J\" it's\r\n".to_owned()));
        let info = CloseInfo { received, sent: None, by_peer: true };
        assert_eq!(info.to_string(), "1000 \"a\\u{202e}\\u{9b}2J\\\" it's\\r\\n\"");
    }

    #[test]
    fn what_closed_the_connection_is_returned() {
        let rows = [
            (Some((Some(CloseCode::TLS), "bye".to_owned())), 1015, "bye", "1015 \"bye\""),
            (Some((None, String::new())), 1005, "", "1005"),
            (None, 1006, "", "1006"),
        ];
        for (received, code, reason, shown) in rows {
            for (sent, by_peer) in [(None, true), (Some(CloseCode::NORMAL), false)] {
                let info = CloseInfo { received: received.clone(), sent, by_peer };
                assert_eq!((u16::from(info.code()), info.reason(), info.to_string().as_str()), (code, reason, shown));
                assert_eq!((info.sent_code(), info.closed_by_peer()), (sent, by_peer));
            }
        }
    }
}
