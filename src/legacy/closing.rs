//! How each version closes: which Closes may be sent, what their bodies are, and what a received body says. Everything
//! comes from the column `close_method` of the table.
//!
//! | `close_method` | a caller may close with | body sent | body received |
//! |---|---|---|---|
//! | `EndOfStream` | 1000, no reason | there is no Close: the stream ends | |
//! | `Sentinel` | 1000, no reason | nothing | |
//! | `EchoBody` | 1000, no reason | nothing | anything; the answer has the same |
//! | `Initiator` | 1000, no reason | `C` of a client, `S` of a server | as `EchoBody` |
//! | `Codes` | the codes of the version, a reason | code and reason | code and reason, or nothing |
//!
//! 1000 says no more than closing itself does, so it stands for "no code" where there are none. What this crate closes with
//! of its own accord is put into the nearest code there is.

use super::parts::{CloseCodeSet, CloseMethod};
use super::table::DraftSpec;
use crate::close::CloseCode;
use crate::codec::close;
use crate::codec::frame::Role;
use crate::error::{ProtocolError, UsageError};

impl DraftSpec {
    /// Whether a caller may close like this.
    pub(crate) fn check_close(&self, code: CloseCode, reason: &str) -> Result<(), UsageError> {
        let lacks = |feature| Err(UsageError::UnsupportedByVersion { version: self.name, feature });
        match self.close_method {
            CloseMethod::Codes(codes) => close::check_with(code, reason, |code| codes.is_sendable(code)),
            _ if code != CloseCode::NORMAL => lacks("close codes"),
            _ if !reason.is_empty() => lacks("reason for closing"),
            _ => Ok(()),
        }
    }

    /// The Close this side sends of its own accord: its code, and its body.
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

    /// Whether a peer that broke a rule is told so by a Close. Where there are no codes, the stream just ends.
    pub(crate) fn sends_failure_close(&self) -> bool {
        matches!(self.close_method, CloseMethod::Codes(_))
    }

    /// What the body of a received Close says.
    pub(super) fn parse_close<'a>(&self, body: &'a [u8]) -> Result<Option<(CloseCode, &'a str)>, ProtocolError> {
        match self.close_method {
            // hybi06-4.5-1, hybi06-7.4-1, hybi09-7.4-1
            CloseMethod::Codes(_) => close::parse_with(body, |code| matches!(code.as_u16(), 1000..=1004 | 1007..=4999)),
            CloseMethod::EndOfStream | CloseMethod::Sentinel | CloseMethod::EchoBody | CloseMethod::Initiator => {
                Ok(None)
            }
        }
    }

    /// The body that answers a Close with this one.
    pub(super) fn reply_body(&self, body: &[u8]) -> Vec<u8> {
        match self.close_method {
            // The code, without the reason.
            CloseMethod::Codes(_) => body.get(..2).unwrap_or_default().to_vec(),
            // hybi03-4.4-2
            CloseMethod::EchoBody | CloseMethod::Initiator => body.to_vec(),
            CloseMethod::EndOfStream | CloseMethod::Sentinel => Vec::new(),
        }
    }

    /// Whether a Close of the peer that crossed ours wants an answer all the same: from hybi-03 to -05 only the same body is
    /// an acknowledgement.
    pub(crate) fn needs_second_close(&self, role: Role, answer: &[u8]) -> bool {
        match self.close_method {
            CloseMethod::EchoBody | CloseMethod::Initiator => answer != self.close_frame(role, CloseCode::NORMAL, "").1,
            CloseMethod::EndOfStream | CloseMethod::Sentinel | CloseMethod::Codes(_) => false,
        }
    }

    /// Whether closing is nothing but ending the stream.
    pub(crate) fn closes_by_eof(&self) -> bool {
        self.close_method == CloseMethod::EndOfStream
    }

    /// Whether a client waits for the server to end the stream first.
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

    /// The code of this version that says the same as one of RFC 6455, or that this side goes away.
    fn nearest(self, code: CloseCode) -> CloseCode {
        match code {
            CloseCode::TOO_BIG => CloseCode::new(self.too_big),
            CloseCode::INVALID_PAYLOAD => CloseCode::new(self.invalid_text),
            code if self.is_sendable(code) => code,
            _ => CloseCode::GOING_AWAY,
        }
    }
}
