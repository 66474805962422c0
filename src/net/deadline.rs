//! A timeout, converted once to a point in time that every step of an operation shares.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Maximum time that one write waits.
pub(crate) const WRITE_QUANTUM: Duration = Duration::from_millis(10);

/// The point in time at which an operation fails with a timeout. `None` inside: never, for a timeout too large for the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// A deadline `limit` from now.
    pub(crate) fn after(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    /// A deadline that never passes, for waits with another bound.
    pub(crate) fn never() -> Deadline {
        Deadline(None)
    }

    /// A deadline that has passed, for calls that must not wait.
    pub(crate) fn now() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    /// The earlier of two deadlines.
    pub(crate) fn earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Deadline(Some(one.min(other))),
            (one, other) => Deadline(one.or(other)),
        }
    }

    /// The time that is left; zero once the deadline has passed.
    pub(crate) fn remaining(&self) -> Duration {
        #[cfg(all(test, debug_assertions))]
        if crate::primitives::interleaving::is_scheduled() {
            // In an interleaving test no time passes, so that each run has the same choices.
            return self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()).max(WRITE_QUANTUM));
        }
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_expired(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Calls `read` with the time that is left, again after a wait that ended early. `TimedOut` once the deadline has passed,
    /// even if bytes are there: a peer may always have one more.
    pub(crate) fn read(self, mut read: impl FnMut(Duration) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            let left = self.remaining();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            match read(left) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_too_large_for_the_clock_never_expires() {
        assert_eq!(Deadline::after(Duration::MAX).remaining(), Duration::MAX);
        assert!(Deadline::after(Duration::ZERO).is_expired());
        assert!(Deadline::now().is_expired());
        assert!(!Deadline::after(Duration::from_secs(1000)).is_expired());
    }

    #[test]
    fn the_earlier_deadline_is_chosen() {
        let (never, later) = (Deadline::never(), Deadline::after(Duration::from_secs(1000)));
        assert_eq!(never.earlier(never).remaining(), Duration::MAX);
        for (one, other) in [(never, later), (later, never)] {
            assert!(one.earlier(other).remaining() <= Duration::from_secs(1000));
        }
        assert!(later.earlier(Deadline::now()).is_expired() && Deadline::now().earlier(never).is_expired());
    }

    #[test]
    fn a_read_is_repeated_until_the_deadline() {
        let kinds = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
        let mut results = kinds.into_iter();
        let read = Deadline::never().read(|_| results.next().map_or(Ok(7), |kind| Err(kind.into())));
        assert_eq!(read.map_err(|error| error.kind()), Ok(7));
        for kind in [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset] {
            let read = Deadline::never().read(|_| Err(kind.into()));
            assert_eq!(read.map_err(|error| error.kind()), Err(kind));
        }
        let late = Deadline::after(Duration::from_millis(5)).read(|_| Err(ErrorKind::WouldBlock.into()));
        assert_eq!(late.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
        let late = Deadline::now().read(|_| Ok(1));
        assert_eq!(late.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
    }
}
