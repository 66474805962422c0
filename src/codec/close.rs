//! The body of a Close frame (RFC 6455 section 5.5.1): empty, or a two-byte code (section 7.4) and a reason in UTF-8.
//!
//! ```
//! use stdws::codec::close;
//! use stdws::{CloseCode, ProtocolError};
//!
//! assert_eq!(close::parse(b"\x03\xe8bye"), Ok(Some((CloseCode::NORMAL, "bye"))));
//! assert_eq!(close::parse(b""), Ok(None));
//! assert_eq!(close::parse(b"\x03\xee"), Err(ProtocolError::InvalidCloseCode(1006)));
//! assert_eq!(close::emit(Some(CloseCode::GOING_AWAY), "restart"), b"\x03\xe9restart");
//! ```

use crate::close::CloseCode;
use crate::error::{ProtocolError, UsageError};

/// Maximum number of bytes in a reason: a control frame carries 125, of which the code takes two.
pub const MAX_REASON: usize = 123;

/// Reads the body of a received Close. `None` for an empty body, which stands for 1005.
///
/// # Errors
///
/// A body of one byte, a code that must not be sent, or a reason that is not UTF-8.
pub fn parse(body: &[u8]) -> Result<Option<(CloseCode, &str)>, ProtocolError> {
    parse_with(body, CloseCode::is_sendable)
}

/// As [`parse`], with another rule for the codes that may be received.
pub(crate) fn parse_with(
    body: &[u8],
    allowed: impl Fn(CloseCode) -> bool,
) -> Result<Option<(CloseCode, &str)>, ProtocolError> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        // 6455-5.5.1-2: a body begins with two bytes of code, so a body of one byte is invalid.
        return if body.is_empty() { Ok(None) } else { Err(ProtocolError::CloseBodyTooShort) };
    };
    let code = CloseCode::new(u16::from_be_bytes(*code));
    if !allowed(code) {
        return Err(ProtocolError::InvalidCloseCode(code.as_u16()));
    }
    // 6455-5.5.1-3, 6455-8.1-1: the reason is UTF-8. The code comes first on the wire, so it is checked first.
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
    Ok(Some((code, reason)))
}

/// Checks the code and the reason of a Close before it is sent.
///
/// # Errors
///
/// A code that must not be sent, or a reason of more than [`MAX_REASON`] bytes.
pub fn check(code: CloseCode, reason: &str) -> Result<(), UsageError> {
    check_with(code, reason, CloseCode::is_sendable)
}

/// As [`check`], with another rule for the codes that may be sent.
pub(crate) fn check_with(code: CloseCode, reason: &str, allowed: impl Fn(CloseCode) -> bool) -> Result<(), UsageError> {
    if !allowed(code) {
        return Err(UsageError::CloseCode(code.as_u16()));
    }
    if reason.len() > MAX_REASON {
        return Err(UsageError::CloseReasonTooLong(reason.len()));
    }
    Ok(())
}

/// The first 123 bytes of a reason, or less: it is cut at the end of a character. 6455-5.5-1, 6455-5.5.1-3
pub fn truncate(reason: &str) -> &str {
    let ends = (0..=MAX_REASON).rev();
    ends.into_iter().find_map(|end| reason.get(..end)).filter(|_| reason.len() > MAX_REASON).unwrap_or(reason)
}

/// Returns the body of a Close; empty without a code. The caller has passed both to [`check`].
///
/// 6455-5.5.1-1, 6455-7.4-1, 6455-7.4.1-1
pub fn emit(code: Option<CloseCode>, reason: &str) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(code) = code {
        body.extend_from_slice(&code.as_u16().to_be_bytes());
        body.extend_from_slice(reason.as_bytes());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the answer to iana-2.
    #[test]
    fn every_code_is_checked_as_the_table_says() {
        // 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6, 6455-7.4.1-s1, 6455-7.4.2-s1
        for code in 0..=u16::MAX {
            let fine = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
                || (3000..5000).contains(&code);
            assert_eq!(CloseCode::new(code).is_sendable(), fine, "{code}");
            let body = code.to_be_bytes();
            let want =
                if fine { Ok(Some((CloseCode::new(code), ""))) } else { Err(ProtocolError::InvalidCloseCode(code)) };
            assert_eq!(parse(&body), want);
            assert_eq!(check(CloseCode::new(code), "").is_ok(), fine);
        }
    }

    #[test]
    fn bodies() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(ProtocolError::CloseBodyTooShort)); // 6455-5.5.1-2
        assert_eq!(parse(b"\x03\xe8"), Ok(Some((CloseCode::NORMAL, ""))));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some((CloseCode::NORMAL, "bye"))));
        assert_eq!(parse(b"\x03\xe8\xce"), Err(ProtocolError::CloseReasonNotUtf8)); // 6455-5.5.1-3
        assert_eq!(parse(b"\x03\xed\xff"), Err(ProtocolError::InvalidCloseCode(1005)));
        assert_eq!(emit(None, "lost"), b"");
        // 6455-7.4-1, 6455-7.4.1-1
        assert_eq!(emit(Some(CloseCode::GOING_AWAY), "x"), b"\x03\xe9x");
    }

    #[test]
    fn a_reason_has_at_most_123_bytes() {
        assert_eq!(check(CloseCode::NORMAL, &"x".repeat(123)), Ok(()));
        assert_eq!(check(CloseCode::NORMAL, &"x".repeat(124)), Err(UsageError::CloseReasonTooLong(124)));
        // 6455-5.5.1-3: what is left of a longer one is UTF-8.
        for (reason, length) in [("x", 123), ("é", 122), ("€", 123), ("🦀", 120)] {
            let long = reason.repeat(200);
            assert_eq!(truncate(&long), reason.repeat(length / reason.len()));
            assert_eq!(truncate(reason), reason);
        }
        for length in [0, 122, 123, 124] {
            assert_eq!(truncate(&"x".repeat(length)).len(), length.min(123));
        }
    }
}
