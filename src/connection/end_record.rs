//! How a connection ended, and when. The only place that stores it. It outlives the connection where
//! [`Reconnect`](crate::Reconnect) tracks one. Must not know the connection.
//!
//! | stored | set by | then |
//! |---|---|---|
//! | `failure` | the first failure or abort | nothing replaces it |
//! | `closed` | a completed closing handshake | it is the end, also after a failure: a failed write may come before the peer's Close |
//!
//! Both are set under the lock of the connection's state. They are read with it, or without it by `Reconnect`.

use std::sync::OnceLock;
#[cfg(feature = "reconnect")]
use std::time::Duration;
use std::time::Instant;

use crate::error::Error;
use crate::primitives::lock::UserDrop;

#[derive(Debug)]
pub(crate) struct EndRecord {
    opened: Instant,
    failure: OnceLock<End>,
    closed: OnceLock<End>,
}

#[derive(Debug)]
struct End {
    #[cfg(feature = "reconnect")]
    at: Instant,
    error: UserDrop<Error>,
}

impl End {
    fn now(error: Error) -> End {
        End {
            #[cfg(feature = "reconnect")]
            at: Instant::now(),
            error: UserDrop::new(error),
        }
    }
}

impl EndRecord {
    /// The record of a connection that opens now.
    pub(super) fn new() -> EndRecord {
        EndRecord { opened: Instant::now(), failure: OnceLock::new(), closed: OnceLock::new() }
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// A record without an end, of a connection that opened `time` earlier.
    #[cfg(test)]
    pub(super) fn older_by(&self, time: std::time::Duration) -> EndRecord {
        EndRecord { opened: self.opened.checked_sub(time).unwrap_or(self.opened), ..EndRecord::new() }
    }

    /// Stores a failure, unless the connection has ended. Returns the end.
    pub(super) fn record_failure(&self, error: Error) -> &Error {
        match self.closed.get() {
            Some(closed) => &closed.error,
            None => &self.failure.get_or_init(|| End::now(error)).error,
        }
    }

    /// Stores the end after a completed closing handshake, in place of a failure.
    pub(super) fn record_closed(&self, error: Error) {
        self.closed.get_or_init(|| End::now(error));
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.failure.get().is_some() || self.closed.get().is_some()
    }

    /// How the connection ended. `None`: it has not.
    #[inline]
    pub(crate) fn get(&self) -> Option<&Error> {
        self.end().map(|end| &*end.error)
    }

    #[inline]
    fn end(&self) -> Option<&End> {
        self.closed.get().or_else(|| self.failure.get())
    }

    /// How long the connection was open. Without an end, the time until now.
    #[cfg(feature = "reconnect")]
    pub(crate) fn uptime(&self) -> Duration {
        self.end().map_or_else(Instant::now, |end| end.at).saturating_duration_since(self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Step;

    #[test]
    fn the_first_failure_and_then_a_clean_close_is_the_end() {
        let record = EndRecord::new();
        assert!(record.get().is_none() && !record.is_set());
        assert!(matches!(record.record_failure(Error::Timeout(Step::Write)), Error::Timeout(Step::Write)));
        assert!(matches!(record.record_failure(Error::Closed(None)), Error::Timeout(Step::Write)));
        assert!(matches!(record.get(), Some(Error::Timeout(Step::Write))) && record.is_set());
        record.record_closed(Error::Closed(None));
        assert!(matches!(record.get(), Some(Error::Closed(None))));
        assert!(matches!(record.record_failure(Error::Timeout(Step::Write)), Error::Closed(None)));

        let record = EndRecord::new();
        record.record_closed(Error::Closed(None));
        assert!(record.is_set());
    }

    #[cfg(feature = "reconnect")]
    #[test]
    fn the_time_is_that_of_the_end() {
        let record = EndRecord::new();
        let passes = |time: Duration| while record.opened().elapsed() <= time {};
        let open_for = record.uptime();
        passes(open_for);
        assert!(record.uptime() > open_for, "without an end, until now");
        record.record_failure(Error::Closed(None));
        let uptime = record.uptime();
        passes(uptime);
        assert_eq!(record.uptime(), uptime);
    }
}
