//! How long a connection was open and how it ended. The state of a connection stores the end here, under its lock. Must
//! not know the connection.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::primitives::lock::Lock;

#[derive(Debug)]
pub(crate) struct EndRecord {
    opened: Instant,
    end: Lock<Option<(Instant, Error)>>,
}

impl EndRecord {
    /// Of a connection that is open since now.
    pub(super) fn new() -> EndRecord {
        EndRecord { opened: Instant::now(), end: Lock::new(None) }
    }

    /// Stores the end, in place of an earlier one: a clean end may follow a failed write.
    pub(crate) fn store(&self, error: &Error) {
        *self.end.lock() = Some((Instant::now(), error.clone()));
    }

    /// How long the connection was open, and how it ended. Without an end, the time until now.
    pub(super) fn read(&self) -> (Duration, Option<Error>) {
        match &*self.end.lock() {
            Some((at, error)) => (at.saturating_duration_since(self.opened), Some(error.clone())),
            None => (self.opened.elapsed(), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_end() {
        let record = EndRecord::new();
        let passes = |time: Duration| while record.opened.elapsed() <= time {};
        let (open_for, end) = record.read();
        assert!(end.is_none());
        passes(open_for);
        assert!(record.read().0 > open_for, "without an end, until now");
        record.store(&Error::Closed(None));
        let (uptime, end) = record.read();
        assert!(matches!(end, Some(Error::Closed(None))));
        passes(uptime);
        assert_eq!(record.read().0, uptime);
    }
}
