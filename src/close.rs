//! How a connection ended: the code and reason of each side (RFC 6455 section 7).

use std::fmt;

pub use crate::wire::close::CloseCode;

/// How a connection ended, as RFC 6455 sections 7.1.4 to 7.1.6 define it. A received code is never rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseInfo {
    pub(crate) received: Option<(Option<CloseCode>, String)>,
    pub(crate) sent: Option<CloseCode>,
}

impl CloseInfo {
    /// The close code of the connection: the one in the Close received, 1005 if that had none, 1006 if none came.
    pub fn code(&self) -> CloseCode {
        // 6455-7.1.5-s1: three cases, and nothing else decides.
        match &self.received {
            Some((Some(code), _)) => *code,
            Some((None, _)) => CloseCode::NO_STATUS,
            None => CloseCode::ABNORMAL,
        }
    }

    /// The reason in the Close received, empty if there was none. Not meant for end users (RFC 6455 section 5.5.1).
    pub fn reason(&self) -> &str {
        // 6455-7.1.6-s1
        self.received.as_ref().map_or("", |(_, reason)| reason)
    }

    /// The code in the Close this side sent, if it sent one with a code.
    pub fn sent(&self) -> Option<CloseCode> {
        self.sent
    }
}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())?;
        if !self.reason().is_empty() {
            // The reason is the peer's: escaped, so that it cannot write control sequences into a log or terminal.
            write!(f, " \"{}\"", self.reason().escape_debug())?;
        }
        Ok(())
    }
}
