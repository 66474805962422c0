//! A time limit, turned into a point in time once, and shared by every step of an operation.

use std::time::{Duration, Instant};

/// How long one write may wait.
pub(crate) const WRITE_QUANTUM: Duration = Duration::from_millis(10);

/// The point in time at which an operation gives up. `None` inside: never (a limit too large for the clock).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// This long from now.
    pub(crate) fn after(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    /// One that does not pass, for waits with another bound.
    pub(crate) fn never() -> Deadline {
        Deadline(None)
    }

    /// One that has passed: nothing is waited for.
    pub(crate) fn now() -> Deadline {
        Deadline::after(Duration::ZERO)
    }

    /// The one of both that passes first.
    pub(crate) fn earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Deadline(Some(one.min(other))),
            (one, other) => Deadline(one.or(other)),
        }
    }

    /// What is left; zero when it has passed.
    pub(crate) fn remaining(&self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether it has passed.
    pub(crate) fn is_expired(&self) -> bool {
        self.remaining().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_beyond_the_clock_never_passes() {
        assert_eq!(Deadline::after(Duration::MAX).remaining(), Duration::MAX);
        assert!(Deadline::after(Duration::ZERO).is_expired());
        assert!(Deadline::now().is_expired());
        assert!(!Deadline::after(Duration::from_secs(1000)).is_expired());
    }

    #[test]
    fn the_earlier_of_two() {
        let (never, later) = (Deadline::never(), Deadline::after(Duration::from_secs(1000)));
        assert_eq!(never.earlier(never).remaining(), Duration::MAX);
        for (one, other) in [(never, later), (later, never)] {
            assert!(one.earlier(other).remaining() <= Duration::from_secs(1000));
        }
        assert!(later.earlier(Deadline::now()).is_expired() && Deadline::now().earlier(never).is_expired());
    }
}
