//! The body of a Close frame, and which codes may travel in one (RFC 6455 sections 5.5.1 and 7.4).

use std::fmt;

use crate::error::{Misuse, Violation};

/// The longest reason: a control frame carries 125 bytes, two of them are the code.
pub(crate) const MAX_REASON: usize = 123;

/// A close code (RFC 6455 section 7.4): why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// 1001: a server goes down, a program or a page goes away.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// 1003: a kind of message this side does not take.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// 1005: no code was received. Never sent.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// 1006: no Close was received. Never sent.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// 1007: a payload that is not what its message says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// 1008: against the policy of this side.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// 1010: a client missed an extension.
    pub const EXTENSION_MISSING: CloseCode = CloseCode(1010);
    /// 1011: the server met something unexpected.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// 1012: the service restarts (registered with IANA after the RFC).
    pub const RESTART: CloseCode = CloseCode(1012);
    /// 1013: try again later (registered with IANA after the RFC).
    pub const TRY_LATER: CloseCode = CloseCode(1013);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS: CloseCode = CloseCode(1015);

    /// The code with this number. Whether it may be sent, [`CloseCode::may_be_sent`] tells.
    pub const fn new(code: u16) -> CloseCode {
        CloseCode(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a Close frame (RFC 6455 section 7.4): 1000 to 1003, 1007 to 1014, 3000 to 4999.
    pub const fn may_be_sent(self) -> bool {
        // 6455-7.4.1-s1: 1004 is reserved. 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6: 1005, 1006 and 1015 never travel.
        // 6455-7.4.2-s1: nothing below 1000; 1016 to 2999 are not defined; 3000 to 4999 are free to use.
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

/// Reads the body of a received Close. `None`: it is empty, which stands for 1005.
pub(crate) fn parse(body: &[u8]) -> Result<Option<(CloseCode, &str)>, Violation> {
    parse_with(body, CloseCode::may_be_sent)
}

/// As [`parse`], with another opinion of which codes may travel.
pub(crate) fn parse_with(
    body: &[u8],
    allowed: impl Fn(CloseCode) -> bool,
) -> Result<Option<(CloseCode, &str)>, Violation> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        // 6455-5.5.1-2: a body begins with two bytes of code, so one byte is none.
        return if body.is_empty() { Ok(None) } else { Err(Violation::CloseBodyOfOneByte) };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !allowed(code) {
        return Err(Violation::CloseCodeNotAllowed(code.0));
    }
    // 6455-5.5.1-3, 6455-8.1-1: the reason is UTF-8. The code comes first on the wire, so it is judged first.
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
    Ok(Some((code, reason)))
}

/// Checks what a caller wants to put into a Close.
pub(crate) fn check(code: CloseCode, reason: &str) -> Result<(), Misuse> {
    check_with(code, reason, CloseCode::may_be_sent)
}

/// As [`check`], with another opinion of which codes may be sent.
pub(crate) fn check_with(code: CloseCode, reason: &str, allowed: impl Fn(CloseCode) -> bool) -> Result<(), Misuse> {
    if !allowed(code) {
        return Err(Misuse::CloseCode(code.0));
    }
    if reason.len() > MAX_REASON {
        return Err(Misuse::ReasonTooLong(reason.len()));
    }
    Ok(())
}

/// Writes the body of a Close; nothing at all without a code. 6455-5.5.1-1, 6455-7.4-1, 6455-7.4.1-1 What does not pass [`check`] must not come here.
pub(crate) fn emit(code: Option<CloseCode>, reason: &str) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(code) = code {
        body.extend_from_slice(&code.0.to_be_bytes());
        body.extend_from_slice(reason.as_bytes());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_verdict_of_the_table() {
        // 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6, 6455-7.4.1-s1, 6455-7.4.2-s1
        for code in 0..=u16::MAX {
            let fine = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
                || (3000..5000).contains(&code);
            assert_eq!(CloseCode(code).may_be_sent(), fine, "{code}");
            let body = code.to_be_bytes();
            let want = if fine { Ok(Some((CloseCode(code), ""))) } else { Err(Violation::CloseCodeNotAllowed(code)) };
            assert_eq!(parse(&body), want);
            assert_eq!(check(CloseCode(code), "").is_ok(), fine);
        }
    }

    #[test]
    fn bodies() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(Violation::CloseBodyOfOneByte)); // 6455-5.5.1-2
        assert_eq!(parse(b"\x03\xe8"), Ok(Some((CloseCode::NORMAL, ""))));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some((CloseCode::NORMAL, "bye"))));
        assert_eq!(parse(b"\x03\xe8\xce"), Err(Violation::CloseReasonNotUtf8)); // 6455-5.5.1-3
        assert_eq!(parse(b"\x03\xed\xff"), Err(Violation::CloseCodeNotAllowed(1005)));
        assert_eq!(emit(None, "lost"), b"");
        assert_eq!(emit(Some(CloseCode::GOING_AWAY), "x"), b"\x03\xe9x");
    }

    #[test]
    fn a_reason_has_room_for_123_bytes() {
        assert_eq!(check(CloseCode::NORMAL, &"x".repeat(123)), Ok(()));
        assert_eq!(check(CloseCode::NORMAL, &"x".repeat(124)), Err(Misuse::ReasonTooLong(124)));
    }
}
