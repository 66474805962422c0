//! The closing handshake (RFC 6455 section 7) as one table over what was sent and what was received. Nothing else decides
//! about closing, and it does not ask which side we are.
//!
//! | Close sent | Close received | phase | may send data, Ping | answers a Ping | owes a Close |
//! |---|---|---|---|---|---|
//! | no  | no  | `Open`      | yes | yes | no  |
//! | yes | no  | `Closing`   | no  | yes | no  |
//! | no  | yes | `Answering` | no  | no  | yes |
//! | yes | yes | `Closed`    | no  | no  | no  |
//!
//! 6455-7.1.3-s1: either Close leaves `Open` for good. 6455-5.5.1-s3: Closes that cross end in `Closed` like others.

use crate::close::CloseCode;

/// Where the closing handshake stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closing,
    Answering,
    Closed,
}

/// What was sent and what was received. A code of `None` is a Close without a body.
#[derive(Debug, Default)]
pub(crate) struct ClosingHandshake {
    sent: Option<Option<CloseCode>>,
    received: Option<(Option<CloseCode>, String)>,
}

impl ClosingHandshake {
    pub(crate) fn phase(&self) -> Phase {
        match (&self.sent, &self.received) {
            (None, None) => Phase::Open,
            (Some(_), None) => Phase::Closing,
            (None, Some(_)) => Phase::Answering,
            (Some(_), Some(_)) => Phase::Closed,
        }
    }

    /// 6455-5.5.1-5, 6455-6.1-2, 6455-5.1-7, 6455-5.5.2-4: messages and Pings only while nothing was closed.
    pub(crate) fn may_send(&self) -> bool {
        match self.phase() {
            Phase::Open => true,
            Phase::Closing | Phase::Answering | Phase::Closed => false,
        }
    }

    /// 6455-5.5.2-2: a Ping is answered until a Close was received, also after ours was sent.
    pub(crate) fn answers_pings(&self) -> bool {
        match self.phase() {
            Phase::Open | Phase::Closing => true,
            Phase::Answering | Phase::Closed => false,
        }
    }

    /// 6455-5.5.1-6: the Close that is owed, with the code that came (6455-5.5.1-s2).
    pub(crate) fn pending_close(&self) -> Option<Option<CloseCode>> {
        match (&self.sent, &self.received) {
            (None, Some((code, _))) => Some(*code),
            (None, None) | (Some(_), _) => None,
        }
    }

    /// Notes that a Close is on its way. Only the first counts; none is sent twice.
    pub(crate) fn record_sent(&mut self, code: Option<CloseCode>) {
        self.sent.get_or_insert(code);
    }

    /// Notes the peer's Close. 6455-7.1.5-s1, 6455-7.1.6-s1: the first one is the one that counts.
    pub(crate) fn record_received(&mut self, code: Option<CloseCode>, reason: String) {
        self.received.get_or_insert((code, reason));
    }

    /// The code in the Close that was sent, if one was sent and had one.
    pub(crate) fn sent_code(&self) -> Option<CloseCode> {
        self.sent.flatten()
    }

    /// Code and reason of the Close that was received.
    pub(crate) fn received_close(&self) -> Option<(Option<CloseCode>, String)> {
        self.received.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            for who in order {
                match who {
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
