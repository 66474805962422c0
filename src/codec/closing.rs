//! The closing handshake (RFC 6455 section 7) as one table over the Close sent and the Close received. Client and server
//! share it.
//!
//! | Close sent | Close received | phase | may send data, Ping | answers a Ping | has to send a Close |
//! |---|---|---|---|---|---|
//! | no  | no  | `Open`      | yes | yes | no  |
//! | yes | no  | `Closing`   | no  | yes | no  |
//! | no  | yes | `Answering` | no  | no  | yes |
//! | yes | yes | `Closed`    | no  | no  | no  |
//!
//! 6455-7.1.3-s1: either Close leaves `Open` for good. 6455-5.5.1-s3: Closes that cross end in `Closed` like others.
//!
//! ```
//! use stdws::codec::closing::{ClosingHandshake, Phase};
//! use stdws::CloseCode;
//!
//! let mut closing = ClosingHandshake::default();
//! closing.record_received(Some(CloseCode::NORMAL), "bye".to_owned());
//! assert_eq!(closing.phase(), Phase::Answering);
//! assert!(!closing.may_send());
//! // The Close to send has the code that was received.
//! assert_eq!(closing.pending_close(), Some(Some(CloseCode::NORMAL)));
//! closing.record_sent(Some(CloseCode::NORMAL));
//! assert_eq!(closing.phase(), Phase::Closed);
//! ```

use crate::close::CloseCode;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No Close was sent or received.
    Open,
    /// A Close was sent.
    Closing,
    /// A Close was received and has to be answered.
    Answering,
    /// A Close was sent and a Close was received.
    Closed,
}

/// The first Close sent and the first Close received. A code of `None` is a Close without a body.
#[derive(Debug, Default)]
pub struct ClosingHandshake {
    sent: Option<Option<CloseCode>>,
    received: Option<(Option<CloseCode>, String)>,
}

impl ClosingHandshake {
    /// The row of the table that applies.
    pub fn phase(&self) -> Phase {
        match (&self.sent, &self.received) {
            (None, None) => Phase::Open,
            (Some(_), None) => Phase::Closing,
            (None, Some(_)) => Phase::Answering,
            (Some(_), Some(_)) => Phase::Closed,
        }
    }

    /// 6455-5.5.1-5, 6455-6.1-2, 6455-5.1-7, 6455-5.5.2-4: whether messages and Pings may be sent: only before the first Close.
    pub fn may_send(&self) -> bool {
        match self.phase() {
            Phase::Open => true,
            Phase::Closing | Phase::Answering | Phase::Closed => false,
        }
    }

    /// 6455-5.5.2-2: whether a Ping is answered: until a Close was received, also after one was sent.
    pub fn answers_pings(&self) -> bool {
        match self.phase() {
            Phase::Open | Phase::Closing => true,
            Phase::Answering | Phase::Closed => false,
        }
    }

    /// 6455-5.5.1-6: the Close that has to be sent, with the code received (6455-5.5.1-s2).
    pub fn pending_close(&self) -> Option<Option<CloseCode>> {
        match (&self.sent, &self.received) {
            (None, Some((code, _))) => Some(*code),
            (None, None) | (Some(_), _) => None,
        }
    }

    /// Records a Close that is sent. Only the first counts; no Close is sent twice.
    pub fn record_sent(&mut self, code: Option<CloseCode>) {
        self.sent.get_or_insert(code);
    }

    /// Records the Close of the peer. 6455-7.1.5-s1, 6455-7.1.6-s1: only the first counts.
    pub fn record_received(&mut self, code: Option<CloseCode>, reason: String) {
        self.received.get_or_insert((code, reason));
    }

    /// The code in the Close that was sent. `None` if no Close was sent, or one without a code.
    pub fn sent_code(&self) -> Option<CloseCode> {
        self.sent.flatten()
    }

    /// Code and reason of the Close that was received.
    pub fn received_close(&self) -> Option<(Option<CloseCode>, String)> {
        self.received.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the answer to opera-3.
    #[test]
    fn the_table() {
        // 6455-7.1.3-s1, 6455-5.5.1-5, 6455-6.1-2, 6455-5.1-7, 6455-5.5.2-4, 6455-5.5.2-2, 6455-5.5.1-6, 6455-5.5.1-s2
        let code = Some(CloseCode::GOING_AWAY);
        for (sent, received, phase, send, pong, pending_close) in [
            (false, false, Phase::Open, true, true, None),
            (true, false, Phase::Closing, false, true, None),
            (false, true, Phase::Answering, false, false, Some(code)),
            (true, true, Phase::Closed, false, false, None),
        ] {
            let mut closing = ClosingHandshake::default();
            if sent {
                closing.record_sent(Some(CloseCode::NORMAL));
            }
            if received {
                closing.record_received(code, "r".into());
            }
            assert_eq!(
                (closing.phase(), closing.may_send(), closing.answers_pings(), closing.pending_close()),
                (phase, send, pong, pending_close)
            );
        }
    }

    #[test]
    fn closes_may_cross_and_the_first_of_each_counts() {
        // 6455-5.5.1-s3, 6455-7.1.5-s1, 6455-7.1.6-s1
        for order in [[0, 1], [1, 0]] {
            let mut closing = ClosingHandshake::default();
            for event in order {
                match event {
                    0 => closing.record_sent(Some(CloseCode::NORMAL)),
                    _ => closing.record_received(None, String::new()),
                }
            }
            closing.record_received(Some(CloseCode::POLICY), "late".into());
            closing.record_sent(None);
            assert_eq!(closing.phase(), Phase::Closed);
            assert_eq!(closing.sent_code(), Some(CloseCode::NORMAL));
            assert_eq!(closing.received_close(), Some((None, String::new())));
        }
    }
}
