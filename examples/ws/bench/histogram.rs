//! Times in a fixed amount of memory, however many there are: percentiles are exact to 1/32 of their value.
//!
//! Bucket `n` below 64 is the time of `n` units. Above that, each power of two has 32 buckets of equal width. A unit is
//! 100 nanoseconds.

use std::time::Duration;

const UNIT: u128 = 100;
/// Buckets of a power of two, and its logarithm.
const STEPS: u64 = 32;
const LOG: u32 = 5;
/// For all times below 2^40 units, which are 30 hours. Longer ones count as this.
const BUCKETS: usize = (40 - LOG as usize + 1) * STEPS as usize;

pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    least: Duration,
    most: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: vec![0; BUCKETS], count: 0, least: Duration::MAX, most: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, time: Duration) {
        if let Some(bucket) = self.buckets.get_mut(bucket(time)) {
            *bucket += 1;
        }
        self.count += 1;
        self.least = self.least.min(time);
        self.most = self.most.max(time);
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *to += from;
        }
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The time that this part of all times does not exceed, in thousandths: 990 is the 99th percentile. 0 is the shortest
    /// time, 1000 the longest.
    pub(crate) fn percentile(&self, thousandths: u64) -> Duration {
        match thousandths {
            _ if self.count == 0 => return Duration::ZERO,
            0 => return self.least,
            1000.. => return self.most,
            _ => {}
        }
        let rank = (u128::from(self.count) * u128::from(thousandths)).div_ceil(1000);
        let mut seen = 0;
        for (n, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return upper(n as u64).clamp(self.least, self.most);
            }
        }
        self.most
    }
}

fn bucket(time: Duration) -> usize {
    let units = u64::try_from(time.as_nanos() / UNIT).unwrap_or(u64::MAX);
    if units < STEPS {
        return units as usize;
    }
    let power = units.ilog2() - LOG;
    let bucket = u64::from(power + 1) * STEPS + (units >> power) - STEPS;
    (bucket as usize).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn upper(bucket: u64) -> Duration {
    let units = match bucket / STEPS {
        0 => bucket,
        power => ((bucket % STEPS + STEPS + 1) << (power - 1)) - 1,
    };
    Duration::from_nanos(units.saturating_mul(UNIT as u64))
}
