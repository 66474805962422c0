//! A time limit, turned into a point in time once, and shared by every step of an operation.

use std::time::{Duration, Instant};

/// How long one write may wait.
pub(crate) const SLICE: Duration = Duration::from_millis(10);

/// The point in time at which an operation gives up. `None` inside: never (a limit too large for the clock).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// This long from now.
    pub(crate) fn after(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    /// What is left; zero when it has passed.
    pub(crate) fn left(&self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether it has passed.
    pub(crate) fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_beyond_the_clock_never_passes() {
        assert_eq!(Deadline::after(Duration::MAX).left(), Duration::MAX);
        assert!(Deadline::after(Duration::ZERO).passed());
        assert!(!Deadline::after(Duration::from_secs(1000)).passed());
    }
}
