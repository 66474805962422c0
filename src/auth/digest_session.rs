//! Digest credentials of a client (RFC 7616) and the challenge that it answers, shared by its connections. Does no I/O.
//!
//! | a request | then |
//! |---|---|
//! | without a known challenge | is sent without credentials |
//! | with a known challenge | is sent with an answer to it; `nc` counts the answers to one nonce |
//! | is rejected, had no answer | the challenge is kept, and the request is repeated |
//! | is rejected, had an answer, with `stale=true` | the same: the password was right, and the nonce is too old |
//! | is rejected, had an answer | the challenge is discarded; the password is wrong |
//! | is rejected without a challenge that can be answered | the challenge is discarded |
//!
//! One call makes at most [`MAX_ATTEMPTS`] requests. Only Digest is ever sent, also if the peer offers Basic.

use std::sync::Arc;

use super::basic;
use super::challenge::Challenge;
use super::digest::{hex, DigestChallenge, Signed};
use crate::error::{Result, UsageError};
use crate::primitives::lock::Lock;

/// Maximum number of requests of one call: without credentials, with an answer, and with an answer to a newer nonce.
pub(crate) const MAX_ATTEMPTS: u8 = 3;

/// User name, password, and the challenge. All clones share the challenge. Has no `Debug`.
#[derive(Clone)]
pub(crate) struct DigestAuth {
    user: String,
    password: String,
    session: Arc<Lock<Option<Session>>>,
}

/// A challenge that was received.
struct Session {
    challenge: DigestChallenge,
    /// One for each challenge, because -sess takes that of the first answer.
    cnonce: String,
    /// Number of answers.
    count: u32,
}

/// What follows a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Repeat,
    Rejected,
}

impl DigestAuth {
    /// # Errors
    /// [`UsageError::Credentials`] for a user name with a colon, and for control characters.
    pub(crate) fn new(user: &str, password: &str) -> Result<DigestAuth, UsageError> {
        if user.contains(':') || basic::has_control(user.as_bytes()) || basic::has_control(password.as_bytes()) {
            return Err(UsageError::Credentials);
        }
        Ok(DigestAuth { user: user.to_owned(), password: password.to_owned(), session: Arc::default() })
    }

    /// The value of the Authorization or Proxy-Authorization field of the next request. `None`: no challenge is known.
    pub(crate) fn answer(&self, method: &str, uri: &str) -> Option<String> {
        let mut session = self.session.lock();
        let session = session.as_mut()?;
        // After the last number of a nonce the request has no answer, and the peer sends another nonce.
        let count = session.count.checked_add(1)?;
        session.count = count;
        let signed = Signed { method, uri, cnonce: &session.cnonce, count };
        Some(session.challenge.answer(&self.user, &self.password, &signed))
    }

    /// Takes the challenges of a rejection. `answered`: the request had an answer.
    pub(crate) fn learn(
        &self,
        challenges: &[Challenge],
        answered: bool,
        cnonce: impl FnOnce() -> Result<[u8; 16]>,
    ) -> Result<Verdict> {
        let challenge = DigestChallenge::select(challenges).filter(|challenge| !answered || challenge.stale);
        let Some(challenge) = challenge else {
            *self.session.lock() = None;
            return Ok(Verdict::Rejected);
        };
        // Drawn without the lock: the source is the user's code.
        let cnonce = hex(&cnonce()?);
        *self.session.lock() = Some(Session { challenge, cnonce, count: 0 });
        Ok(Verdict::Repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::challenge::parse;

    const FRESH: &str = "Digest realm=r, nonce=n1, qop=auth, algorithm=SHA-256";

    fn learn(auth: &DigestAuth, value: &str, answered: bool) -> Verdict {
        auth.learn(&parse([value.as_bytes()]), answered, || Ok([7; 16])).unwrap()
    }

    #[test]
    fn the_table_holds() {
        let auth = DigestAuth::new("ann", "secret").unwrap();
        assert_eq!(auth.answer("GET", "/"), None);
        assert_eq!(learn(&auth, FRESH, false), Verdict::Repeat);
        for count in 1..4 {
            // A clone counts on.
            let answer = auth.clone().answer("GET", "/").unwrap();
            assert!(answer.contains(&format!("nonce=\"n1\", nc=0000000{count}, cnonce=\"0707")), "{answer}");
        }
        assert_eq!(learn(&auth, &FRESH.replace("n1", "n2, stale=true"), true), Verdict::Repeat);
        assert!(auth.answer("GET", "/").unwrap().contains("nonce=\"n2\", nc=00000001, "));
        // The password is wrong.
        assert_eq!(learn(&auth, FRESH, true), Verdict::Rejected);
        assert_eq!(auth.answer("GET", "/"), None);
        for none in ["Basic realm=r", "", "Digest realm=r, nonce=n, qop=auth, algorithm=SHA-512-256"] {
            learn(&auth, FRESH, false);
            assert_eq!(learn(&auth, none, false), Verdict::Rejected);
            assert_eq!(auth.answer("GET", "/"), None);
        }
    }

    #[test]
    fn the_last_count_asks_for_another_nonce() {
        let auth = DigestAuth::new("ann", "secret").unwrap();
        learn(&auth, FRESH, false);
        auth.session.lock().as_mut().unwrap().count = u32::MAX - 1;
        assert!(auth.answer("GET", "/").unwrap().contains("nc=ffffffff"));
        assert_eq!(auth.answer("GET", "/"), None);
    }

    #[test]
    fn a_source_that_fails_keeps_nothing() {
        let auth = DigestAuth::new("ann", "secret").unwrap();
        let failed = auth.learn(&parse([FRESH.as_bytes()]), false, || Err(UsageError::Credentials.into()));
        assert!(failed.is_err() && auth.answer("GET", "/").is_none());
        for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "\0")] {
            assert_eq!(DigestAuth::new(user, password).err(), Some(UsageError::Credentials));
        }
    }
}
