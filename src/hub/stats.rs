//! Counters of messages, for one member and for a whole hub.
//!
//! Each message for a member is counted once as accepted, and later once as sent, dropped or lost. Those that are
//! accepted and not yet counted otherwise are waiting.

use std::sync::atomic::{AtomicU64, Ordering};

/// Message counters of one member ([`Member::stats`](crate::Member::stats)) or of all present and former members
/// of a hub ([`Hub::stats`](crate::Hub::stats)). Each message for a member is counted in one of the first four fields.
/// Feature `hub`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Number of messages that wait to be written.
    pub waiting: u64,
    /// Number of messages passed to the kernel.
    pub sent: u64,
    /// Number of messages dropped because the queue was full, or because the connection does not support binary
    /// messages.
    pub dropped: u64,
    /// Number of messages not sent because the connection ended or was closed, the member left, or the hub was dropped.
    pub lost: u64,
    /// Number of members closed because their queue was full.
    pub closed: u64,
}

/// Result of queueing a message for one member. Feature `hub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueOutcome {
    /// The message waits to be written.
    Queued,
    /// The queue was full, or the connection does not support binary messages.
    Dropped,
    /// The connection has ended or is closing, or the connection is no longer a member.
    Closed,
}

/// The counters behind a [`DeliveryStats`]. Those of a member are accessed under the lock of its queue; those of a hub
/// are shared by all members.
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    closed: AtomicU64,
}

/// The event that is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counter {
    Accepted,
    Sent,
    Dropped,
    Lost,
    Closed,
}

impl Counters {
    pub(super) fn add(&self, counter: Counter, count: usize) {
        let counter = match counter {
            Counter::Accepted => &self.accepted,
            Counter::Sent => &self.sent,
            Counter::Dropped => &self.dropped,
            Counter::Lost => &self.lost,
            Counter::Closed => &self.closed,
        };
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> DeliveryStats {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (sent, dropped, lost) = (load(&self.sent), load(&self.dropped), load(&self.lost));
        // `accepted` is read last, so that it is not smaller than the sum of the others.
        let done = sent.saturating_add(dropped).saturating_add(lost);
        let waiting = load(&self.accepted).saturating_sub(done);
        DeliveryStats { waiting, sent, dropped, lost, closed: load(&self.closed) }
    }
}
