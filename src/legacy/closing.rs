//! How each version closes: the codes that may be sent, the bodies of Close frames, and their meaning. All data comes
//! from the column `close_method` of the table.
//!
//! | `close_method` | a caller may close with | body sent | body received |
//! |---|---|---|---|
//! | `EndOfStream` | 1000, no reason | no Close frame: the stream ends | |
//! | `Sentinel` | 1000, no reason | empty | |
//! | `EchoBody` | 1000, no reason | empty | any; the reply repeats it |
//! | `Initiator` | 1000, no reason | `C` from a client, `S` from a server | as `EchoBody` |
//! | `Codes` | the codes of the version, a reason | code and reason | code and reason, or empty |
//!
//! In versions without codes, 1000 stands for "no code", because it adds nothing to the Close itself. Codes that the
//! crate itself sends are mapped to the nearest code of the version.

use super::parts::{CloseCodeSet, CloseMethod};
use super::table::DraftSpec;
use crate::close::CloseCode;
use crate::codec::close;
use crate::codec::frame::Role;
use crate::error::{ProtocolError, UsageError};

impl DraftSpec {
    /// Checks whether a caller may close with this code and reason.
    pub(crate) fn check_close(&self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        let lacks = |feature| Err(UsageError::UnsupportedByVersion { version: self.name, feature });
        match self.close_method {
            CloseMethod::Codes(codes) => close::check_with(code, reason, |code| codes.is_sendable(code)),
            _ if code != CloseCode::NORMAL => lacks("close codes"),
            _ if !reason.is_empty() => lacks("reason for closing"),
            _ => Ok(()),
        }
    }

    /// The code and the body of a Close that this side initiates.
    pub(crate) fn close_frame(&self, role: Role, code: CloseCode, reason: &str) -> (Option<CloseCode>, Vec<u8>) {
        match (self.close_method, role) {
            (CloseMethod::Codes(codes), _) => {
                let code = Some(codes.nearest(code));
                (code, close::emit(code, reason))
            }
            // hybi05-4.5-1
            (CloseMethod::Initiator, Role::Client) => (None, b"C".to_vec()),
            (CloseMethod::Initiator, Role::Server) => (None, b"S".to_vec()),
            (CloseMethod::EndOfStream | CloseMethod::Sentinel | CloseMethod::EchoBody, _) => (None, Vec::new()),
        }
    }

    /// Whether a violation is answered with a Close. In versions without codes, the stream ends without one.
    pub(crate) fn sends_failure_close(&self) -> bool {
        matches!(self.close_method, CloseMethod::Codes(_))
    }

    /// Parses the body of a received Close.
    pub(super) fn parse_close<'a>(&self, body: &'a [u8]) -> Result<Option<(CloseCode, &'a str)>, ProtocolError> {
        match self.close_method {
            // hybi06-4.5-1, hybi06-7.4-1, hybi09-7.4-1, hybi06-7.4-2
            CloseMethod::Codes(_) => {
                close::parse_with(body, |code| matches!(code.as_u16(), 1000..=1004 | 1007..=1014 | 1016..=4999))
            }
            CloseMethod::EndOfStream | CloseMethod::Sentinel | CloseMethod::EchoBody | CloseMethod::Initiator => {
                Ok(None)
            }
        }
    }

    /// The body of the reply to a Close with this body.
    pub(super) fn reply_body(&self, body: &[u8]) -> Vec<u8> {
        match self.close_method {
            // The code without the reason.
            CloseMethod::Codes(_) => body.get(..2).unwrap_or_default().to_vec(),
            // hybi03-4.4-2
            CloseMethod::EchoBody | CloseMethod::Initiator => body.to_vec(),
            CloseMethod::EndOfStream | CloseMethod::Sentinel => Vec::new(),
        }
    }

    /// Whether a Close that crossed ours needs a reply of its own: from hybi-03 to -05, only a Close with the same body
    /// acknowledges it.
    pub(crate) fn needs_second_close(&self, role: Role, answer: &[u8]) -> bool {
        match self.close_method {
            CloseMethod::EchoBody | CloseMethod::Initiator => answer != self.close_frame(role, CloseCode::NORMAL, "").1,
            CloseMethod::EndOfStream | CloseMethod::Sentinel | CloseMethod::Codes(_) => false,
        }
    }

    /// Whether a connection is closed by ending the stream only.
    pub(crate) fn closes_by_eof(&self) -> bool {
        self.close_method == CloseMethod::EndOfStream
    }

    /// Whether a client waits for the server to close the TCP connection first.
    pub(crate) fn server_closes_tcp_first(&self) -> bool {
        matches!(self.close_method, CloseMethod::Codes(_))
    }
}

impl CloseCodeSet {
    fn is_sendable(self, code: CloseCode) -> bool {
        match code.as_u16() {
            1005 | 1006 => false,
            own @ 1000..=1999 => own <= self.max_code,
            other => matches!(other, 3000..=4999),
        }
    }

    /// The equivalent in this version of a code of RFC 6455, or 1001.
    fn nearest(self, code: CloseCode) -> CloseCode {
        match code {
            CloseCode::TOO_BIG => CloseCode::new(self.too_big),
            CloseCode::INVALID_PAYLOAD => CloseCode::new(self.invalid_text),
            code if self.is_sendable(code) => code,
            _ => CloseCode::GOING_AWAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::table::SPECS;
    use crate::legacy::Version;

    /// Of each version: what a caller may close with, and what it does with the Close of the peer.
    #[test]
    fn closing_without_codes_and_with_them() {
        for spec in SPECS {
            let (version, codes) = (spec.version, spec.version >= Version::Hybi06);
            let echoes = (Version::Hybi01..=Version::Hybi05).contains(&version);
            let lacks = |feature| Err(UsageError::UnsupportedByVersion { version: spec.name, feature });
            for (code, reason, refused) in [
                (CloseCode::NORMAL, "", None),
                (CloseCode::NORMAL, "bye", Some("reason for closing")),
                (CloseCode::GOING_AWAY, "", Some("close codes")),
                (CloseCode::GOING_AWAY, "bye", Some("close codes")),
            ] {
                let want = refused.filter(|_| !codes).map_or(Ok(()), lacks);
                assert_eq!(spec.check_close(code, reason), want, "{version} {code} {reason}");
            }
            assert_eq!((spec.sends_failure_close(), spec.server_closes_tcp_first()), (codes, codes), "{version}");
            assert_eq!(spec.closes_by_eof(), version <= Version::Hixie75, "{version}");
            // hybi03-4.4-2
            let body = b"\x03\xE8bye";
            let reply = if codes { &body[..2] } else { &body[..if echoes { body.len() } else { 0 }] };
            assert_eq!(spec.reply_body(body), reply, "{version}");
            for role in [Role::Client, Role::Server] {
                let (_, own) = spec.close_frame(role, CloseCode::NORMAL, "");
                assert!(!spec.needs_second_close(role, &own), "{version}");
                assert_eq!(spec.needs_second_close(role, b"X"), echoes, "{version}");
            }
        }
    }

    /// hybi06-7.4-1, hybi09-7.4-1: too big is 1004 in the drafts, and text that is not UTF-8 has a code since version 8.
    #[test]
    fn codes_of_rfc_6455_become_those_of_the_version() {
        for (version, too_big, invalid) in [
            (Version::Hybi06, 1004, 1002),
            (Version::Hybi07, 1004, 1002),
            (Version::Hybi08, 1004, 1007),
            (Version::Rfc6455, 1009, 1007),
        ] {
            let sent =
                |code| DraftSpec::for_version(version).close_frame(Role::Server, code, "").0.map(CloseCode::as_u16);
            assert_eq!((sent(CloseCode::TOO_BIG), sent(CloseCode::INVALID_PAYLOAD)), (Some(too_big), Some(invalid)));
            assert_eq!((sent(CloseCode::NORMAL), sent(CloseCode::new(2000))), (Some(1000), Some(1001)), "{version}");
        }
    }

    /// Every code of two bytes, in every version with codes.
    #[test]
    fn ranges_of_codes() {
        // hybi06-7.4-1, hybi06-7.4-2, hybi09-7.4-1
        for spec in SPECS.into_iter().filter(|spec| (Version::Hybi06..=Version::Hybi08).contains(&spec.version)) {
            let max = if spec.version == Version::Hybi08 { 1007 } else { 1004 };
            for code in 0..=u16::MAX {
                let sent = spec.check_close(CloseCode::new(code), "").is_ok();
                let may_send = matches!(code, 1000..=1004 | 3000..=4999) || (code == 1007 && max == 1007);
                assert_eq!(sent, may_send, "{} sends {code}", spec.name);
                let bytes = code.to_be_bytes();
                let received = spec.parse_close(&bytes);
                let may_receive = matches!(code, 1000..=4999) && !matches!(code, 1005 | 1006 | 1015);
                match may_receive {
                    true => assert_eq!(received, Ok(Some((CloseCode::new(code), ""))), "{}", spec.name),
                    false => assert_eq!(received, Err(ProtocolError::InvalidCloseCode(code)), "{}", spec.name),
                }
                // Codes of this crate's own are sent as ones of the version.
                let (own, _) = spec.close_frame(Role::Client, CloseCode::new(code), "");
                assert!(spec.check_close(own.unwrap(), "").is_ok(), "{} sends {own:?} for {code}", spec.name);
            }
        }
    }
}
