//! How each version closes: which Closes may be sent, what their bodies are, and what a received body says. Everything
//! comes from the column `closing` of the table.
//!
//! | `closing` | a caller may close with | body sent | body received |
//! |---|---|---|---|
//! | `EndOfStream` | 1000, no reason | there is no Close: the stream ends | |
//! | `Sentinel` | 1000, no reason | nothing | |
//! | `SameBody` | 1000, no reason | nothing | anything; the answer has the same |
//! | `Initiator` | 1000, no reason | `C` of a client, `S` of a server | as `SameBody` |
//! | `Codes` | the codes of the version, a reason | code and reason | code and reason, or nothing |
//!
//! 1000 says no more than closing itself does, so it stands for "no code" where there are none. What this crate closes with
//! of its own accord is put into the nearest code there is.

use super::parts::{Closing, Codes};
use super::table::Row;
use crate::close::CloseCode;
use crate::error::{Misuse, Violation};
use crate::wire::close;
use crate::wire::frame::Role;

impl Row {
    /// Whether a caller may close like this.
    pub(crate) fn check_close(&self, code: CloseCode, reason: &str) -> Result<(), Misuse> {
        let lacks = |what| Err(Misuse::NotInVersion { version: self.name, what });
        match self.closing {
            Closing::Codes(codes) => close::check_with(code, reason, |code| codes.may_be_sent(code)),
            _ if code != CloseCode::NORMAL => lacks("close codes"),
            _ if !reason.is_empty() => lacks("reason for closing"),
            _ => Ok(()),
        }
    }

    /// The Close this side sends of its own accord: its code, and its body.
    pub(crate) fn close(&self, role: Role, code: CloseCode, reason: &str) -> (Option<CloseCode>, Vec<u8>) {
        match (self.closing, role) {
            (Closing::Codes(codes), _) => {
                let code = Some(codes.nearest(code));
                (code, close::emit(code, reason))
            }
            // hybi05-4.5-1
            (Closing::Initiator, Role::Client) => (None, b"C".to_vec()),
            (Closing::Initiator, Role::Server) => (None, b"S".to_vec()),
            (Closing::EndOfStream | Closing::Sentinel | Closing::SameBody, _) => (None, Vec::new()),
        }
    }

    /// Whether a peer that broke a rule is told so by a Close. Where there are no codes, the stream just ends.
    pub(crate) fn complains(&self) -> bool {
        matches!(self.closing, Closing::Codes(_))
    }

    /// What the body of a received Close says.
    pub(super) fn read_close<'a>(&self, body: &'a [u8]) -> Result<Option<(CloseCode, &'a str)>, Violation> {
        match self.closing {
            // hybi06-4.5-1, hybi06-7.4-1, hybi09-7.4-1
            Closing::Codes(_) => close::parse_with(body, |code| matches!(code.get(), 1000..=1004 | 1007..=4999)),
            Closing::EndOfStream | Closing::Sentinel | Closing::SameBody | Closing::Initiator => Ok(None),
        }
    }

    /// The body that answers a Close with this one.
    pub(super) fn answer(&self, body: &[u8]) -> Vec<u8> {
        match self.closing {
            // The code, without the reason.
            Closing::Codes(_) => body.get(..2).unwrap_or_default().to_vec(),
            // hybi03-4.4-2
            Closing::SameBody | Closing::Initiator => body.to_vec(),
            Closing::EndOfStream | Closing::Sentinel => Vec::new(),
        }
    }

    /// Whether a Close of the peer that crossed ours wants an answer all the same: from hybi-03 to -05 only the same body is
    /// an acknowledgement.
    pub(crate) fn wants_own_answer(&self, role: Role, answer: &[u8]) -> bool {
        match self.closing {
            Closing::SameBody | Closing::Initiator => answer != self.close(role, CloseCode::NORMAL, "").1,
            Closing::EndOfStream | Closing::Sentinel | Closing::Codes(_) => false,
        }
    }

    /// Whether closing is nothing but ending the stream.
    pub(crate) fn closes_by_end(&self) -> bool {
        self.closing == Closing::EndOfStream
    }

    /// Whether a client waits for the server to end the stream first.
    pub(crate) fn server_ends_first(&self) -> bool {
        matches!(self.closing, Closing::Codes(_))
    }
}

impl Codes {
    fn may_be_sent(self, code: CloseCode) -> bool {
        match code.get() {
            1005 | 1006 => false,
            own @ 1000..=1999 => own <= self.highest,
            other => matches!(other, 3000..=4999),
        }
    }

    /// The code of this version that says the same as one of RFC 6455, or that this side goes away.
    fn nearest(self, code: CloseCode) -> CloseCode {
        match code {
            CloseCode::TOO_BIG => CloseCode::new(self.too_big),
            CloseCode::INVALID_PAYLOAD => CloseCode::new(self.bad_text),
            code if self.may_be_sent(code) => code,
            _ => CloseCode::GOING_AWAY,
        }
    }
}
