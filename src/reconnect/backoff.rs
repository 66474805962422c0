//! The delay before the next attempt (RFC 6455 section 7.2.3): [`Backoff`] has the settings, [`BackoffState`] the
//! state. Must not know clock and randomness: uptime and random number are parameters.
//!
//! | event | `round` | `failures` |
//! |---|---|---|
//! | a connection ends after `reset_after` or later | 0 | 0 |
//! | a connection ends earlier, or an attempt fails | unchanged | +1 |
//! | ... and then a delay is returned | +1 | unchanged |
//!
//! The maximum of round r is `initial_delay` · 2ʳ, or `max_delay` if that is less. The delay is drawn from 0 to the
//! maximum in round 0, and from half the maximum to the maximum later. So no delay is shorter than one of an earlier
//! round, until `max_delay` is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::disconnect::{Disconnect, Retry};
use crate::config;
use crate::error::UsageError;
use crate::primitives::lock::assert_unlocked;

/// The delays and the retry policy of [`Client::reconnect`](crate::Client::reconnect). Feature `reconnect`.
///
/// The delays (RFC 6455 section 7.2.3), with the defaults:
///
/// | attempt | random delay |
/// |---|---|
/// | first | none |
/// | first retry | 0 to 5 s |
/// | second, third, fourth retry | 5 to 10 s, 10 to 20 s, 20 to 40 s |
/// | seventh retry and later | 150 to 300 s |
///
/// After a connection that was open for a minute, the delays start again at 0 to 5 s. A server can ask for a longer
/// delay: [`Retry::Between`]. The table at [`Disconnect::retry`], or a [`policy`](Backoff::policy), decides whether
/// there is another attempt.
///
/// ```
/// use std::time::Duration;
/// let backoff = stdws::Backoff::default().max_delay(Duration::from_secs(60)).max_attempts(10);
/// ```
#[derive(Clone)]
pub struct Backoff {
    initial_delay: Duration,
    max_delay: Duration,
    reset_after: Duration,
    max_attempts: Option<u32>,
    policy: Option<Arc<Policy>>,
}

type Policy = dyn Fn(&Disconnect) -> Retry + Send + Sync;

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            // 6455-7.2.3-2, 6455-7.2.3-3: the value that the RFC calls reasonable.
            initial_delay: Duration::from_secs(5),
            // After an outage of hours, each client reconnects within minutes, and makes one attempt in that time.
            max_delay: Duration::from_secs(300),
            // Longer than a server takes to accept a connection and then close it.
            reset_after: Duration::from_secs(60),
            max_attempts: None,
            policy: None,
        }
    }
}

impl Backoff {
    /// Maximum delay of the first retry; it doubles with each further one. Default 5 s. With less than 1 ms the
    /// iterator returns [`UsageError::SettingTooSmall`].
    pub fn initial_delay(mut self, limit: Duration) -> Backoff {
        self.initial_delay = limit;
        self
    }

    /// Maximum delay of all retries. Default 300 s, at least 1 ms as above. A server can ask for a longer delay.
    pub fn max_delay(mut self, limit: Duration) -> Backoff {
        self.max_delay = limit;
        self
    }

    /// Minimum time for which a connection is open before the delays start again. Default 60 s.
    pub fn reset_after(mut self, time: Duration) -> Backoff {
        self.reset_after = time;
        self
    }

    /// Maximum number of consecutive attempts without a connection that was open for
    /// [`reset_after`](Backoff::reset_after). Default unlimited, at least 1 as above.
    pub fn max_attempts(mut self, count: u32) -> Backoff {
        self.max_attempts = Some(count);
        self
    }

    /// Decides after each loss whether there is another attempt, in place of the table at [`Disconnect::retry`]. The
    /// closure can also write a log.
    ///
    /// ```
    /// use stdws::{Backoff, Disconnect, Retry};
    /// let backoff = Backoff::default().policy(|disconnect: &Disconnect| {
    ///     eprintln!("{disconnect}");
    ///     match disconnect.close_code().map(u16::from) {
    ///         Some(1000) => Retry::AfterBackoff, // this server sends 1000 before it restarts
    ///         Some(4001) => Retry::Stop,  // and 4001 when the account is deleted
    ///         _ => disconnect.retry(),
    ///     }
    /// });
    /// ```
    pub fn policy(mut self, policy: impl Fn(&Disconnect) -> Retry + Send + Sync + 'static) -> Backoff {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Checks the values against the table at [`Timeouts`](crate::Timeouts).
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let least = Duration::from_millis(1);
        config::at_least("Backoff::initial_delay", self.initial_delay, least)?;
        config::at_least("Backoff::max_delay", self.max_delay, least)?;
        config::count_at_least("Backoff::max_attempts", self.max_attempts.map_or(1, u64::from), 1)
    }

    /// The caller holds no lock: the policy is the user's code.
    pub(crate) fn retry_for(&self, disconnect: &Disconnect) -> Retry {
        assert_unlocked();
        match &self.policy {
            Some(policy) => policy(disconnect),
            None => disconnect.retry(),
        }
    }

    /// Minimum and maximum delay of this round.
    fn delay_bounds(&self, round: u32) -> (Duration, Duration) {
        let factor = 1_u32.checked_shl(round).unwrap_or(u32::MAX);
        let max = self.initial_delay.saturating_mul(factor).min(self.max_delay);
        // 6455-7.2.3-4
        (if round == 0 { Duration::ZERO } else { max.checked_div(2).unwrap_or_default() }, max)
    }
}

/// Without the closure.
impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff")
            .field("initial_delay", &self.initial_delay)
            .field("max_delay", &self.max_delay)
            .field("reset_after", &self.reset_after)
            .field("max_attempts", &self.max_attempts)
            .finish_non_exhaustive()
    }
}

/// The round and the number of failures.
#[derive(Debug, Default)]
pub(crate) struct BackoffState {
    round: u32,
    failures: u32,
}

impl BackoffState {
    /// The delay before the next attempt. `None`: there is none. `uptime` is the time that the lost connection was
    /// open, and `random` is uniformly distributed.
    pub(crate) fn next_delay(
        &mut self,
        backoff: &Backoff,
        uptime: Option<Duration>,
        retry: Retry,
        random: u64,
    ) -> Option<Duration> {
        if uptime.is_some_and(|uptime| uptime >= backoff.reset_after) {
            *self = BackoffState::default();
        } else {
            self.failures = self.failures.saturating_add(1);
        }
        if backoff.max_attempts.is_some_and(|max| self.failures >= max) {
            return None;
        }
        let (min, max) = backoff.delay_bounds(self.round);
        let usual = interpolate(min, max, random);
        let delay = match retry {
            Retry::Stop => return None,
            Retry::AfterBackoff => usual,
            // Never less than the usual delay: an overloaded server may ask for 0.
            Retry::Between(min, max) => interpolate(min, max, random).max(usual),
        };
        self.round = self.round.saturating_add(1);
        Some(delay)
    }
}

/// The point between `min` and `max` at the fraction `random` / 2⁶⁴.
fn interpolate(min: Duration, max: Duration, random: u64) -> Duration {
    let span = max.saturating_sub(min).as_nanos();
    // Saturates only beyond 2⁶⁴ ns, 584 years.
    let part = u128::from(random).saturating_mul(span) >> 64;
    let seconds = u64::try_from(part / 1_000_000_000).unwrap_or(u64::MAX);
    let nanos = u32::try_from(part % 1_000_000_000).unwrap_or_default();
    min.saturating_add(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u64 = 1 << 63;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_value_is_checked_against_the_table() {
        let nano = Duration::from_nanos(1);
        let rows: [(Backoff, bool); 7] = [
            (Backoff::default().max_attempts(1), true),
            (Backoff::default().max_attempts(0), false),
            (Backoff::default().initial_delay(ms(1)).max_delay(ms(1)), true),
            (Backoff::default().initial_delay(ms(1) - nano), false),
            (Backoff::default().max_delay(ms(1) - nano), false),
            (Backoff::default().initial_delay(Duration::MAX).max_delay(Duration::MAX), true),
            (Backoff::default().reset_after(Duration::ZERO), true),
        ];
        for (backoff, fits) in rows {
            assert_eq!(backoff.check().is_ok(), fits, "{backoff:?}");
        }
        assert_eq!(Backoff::default().reset_after(secs(7)).reset_after, secs(7));
    }

    /// Shows promise P22.
    #[test]
    fn delays_by_default() {
        // 6455-7.2.3-2, 6455-7.2.3-4: round, and the delay at the smallest, the middle and the largest random number.
        let rows = [
            (0, 2_500, 5_000),
            (5_000, 7_500, 10_000),
            (10_000, 15_000, 20_000),
            (20_000, 30_000, 40_000),
            (40_000, 60_000, 80_000),
            (80_000, 120_000, 160_000),
            (150_000, 225_000, 300_000),
            (150_000, 225_000, 300_000),
        ];
        for (random, column) in [(0, 0), (HALF, 1), (u64::MAX, 2)] {
            let (mut state, backoff) = (BackoffState::default(), Backoff::default());
            for row in rows {
                let want = ms([row.0, row.1, row.2][column]);
                let delay = state.next_delay(&backoff, None, Retry::AfterBackoff, random).unwrap();
                assert!(delay <= want && want - delay < ms(1), "{delay:?} is not {want:?}");
            }
            // And no round overflows.
            for _ in 0..100 {
                assert!(state.next_delay(&backoff, None, Retry::AfterBackoff, random).unwrap() <= secs(300));
            }
        }
    }

    #[test]
    fn delay_bounds_of_all_settings() {
        // 6455-7.2.3-3: initial delay, maximum delay, round; minimum, maximum.
        let rows = [
            (ms(10), secs(1), 0, ms(0), ms(10)),
            (ms(10), secs(1), 3, ms(40), ms(80)),
            (ms(10), secs(1), 40, ms(500), secs(1)),
            (secs(8), secs(2), 0, ms(0), secs(2)),
            (secs(8), secs(2), 1, secs(1), secs(2)),
            (Duration::MAX, Duration::MAX, 0, ms(0), Duration::MAX),
            (Duration::MAX, Duration::MAX, 9, Duration::MAX / 2, Duration::MAX),
        ];
        for (initial_delay, max_delay, round, min, max) in rows {
            let backoff = Backoff::default().initial_delay(initial_delay).max_delay(max_delay);
            assert_eq!(backoff.delay_bounds(round), (min, max), "{initial_delay:?} {max_delay:?} {round}");
            assert_eq!(interpolate(min, max, 0), min);
            assert!(interpolate(min, max, u64::MAX) <= max);
        }
    }

    #[test]
    fn resets_and_gives_up() {
        use Retry::{AfterBackoff, Stop};
        type Case = (Option<u64>, Retry);
        type Row = (&'static str, Option<u32>, &'static [Case], &'static [Option<u64>]);
        // The losses (uptime of a connection, or a failed attempt; the policy); the maximum delay after each.
        let rows: [Row; 8] = [
            (
                "attempts",
                None,
                &[(None, AfterBackoff), (None, AfterBackoff), (None, AfterBackoff)],
                &[Some(5), Some(10), Some(20)],
            ),
            // 6455-7.2.3-1: a connection that is closed soon counts as a failure.
            ("short connections", None, &[(Some(0), AfterBackoff), (Some(59), AfterBackoff)], &[Some(5), Some(10)]),
            (
                "a lasting one",
                None,
                &[(None, AfterBackoff), (None, AfterBackoff), (Some(60), AfterBackoff)],
                &[Some(5), Some(10), Some(5)],
            ),
            (
                "and after it",
                None,
                &[(None, AfterBackoff), (Some(60), AfterBackoff), (None, AfterBackoff)],
                &[Some(5), Some(5), Some(10)],
            ),
            ("stop", None, &[(None, Stop)], &[None]),
            (
                "three attempts",
                Some(3),
                &[(None, AfterBackoff), (Some(1), AfterBackoff), (None, AfterBackoff)],
                &[Some(5), Some(10), None],
            ),
            (
                "three after one that lasted",
                Some(3),
                &[
                    (None, AfterBackoff),
                    (Some(99), AfterBackoff),
                    (None, AfterBackoff),
                    (None, AfterBackoff),
                    (None, AfterBackoff),
                ],
                &[Some(5), Some(5), Some(10), Some(20), None],
            ),
            ("one", Some(1), &[(None, AfterBackoff)], &[None]),
        ];
        for (name, max_attempts, cases, want) in rows {
            let mut state = BackoffState::default();
            let backoff = Backoff { max_attempts, ..Backoff::default() };
            let delays: Vec<_> = cases
                .iter()
                .map(|&(uptime, retry)| state.next_delay(&backoff, uptime.map(secs), retry, u64::MAX))
                .map(|delay| delay.map(|delay| delay.as_secs() + 1))
                .collect();
            assert_eq!(delays, want, "{name}");
        }
    }

    #[test]
    fn the_delay_is_at_least_what_the_server_asks_for() {
        // Minimum, maximum, random; the delay in round 0 and in round 1.
        let rows = [
            (secs(30), secs(35), 0, secs(30), secs(30)),
            (secs(30), secs(34), HALF, secs(32), secs(32)),
            (secs(0), secs(0), HALF, ms(2_500), ms(7_500)),
            (secs(4), secs(6), HALF, secs(5), ms(7_500)),
            (secs(9), secs(3), HALF, secs(9), secs(9)),
            (Duration::MAX, Duration::MAX, HALF, Duration::MAX, Duration::MAX),
        ];
        for (min, max, random, round_0, round_1) in rows {
            let mut state = BackoffState::default();
            for want in [round_0, round_1] {
                let delay = state.next_delay(&Backoff::default(), None, Retry::Between(min, max), random);
                assert_eq!(delay, Some(want), "{min:?} {max:?}");
            }
        }
    }

    #[test]
    fn debug_shows_the_settings() {
        let shown = format!("{:?}", Backoff::default().max_attempts(1).policy(|_| Retry::Stop));
        assert_eq!(
            shown,
            "Backoff { initial_delay: 5s, max_delay: 300s, reset_after: 60s, max_attempts: Some(1), .. }"
        );
    }
}
