//! The latest events, for any number of readers. Bounded: the oldest go first, and a reader that was too slow learns how many it
//! missed. A writer never waits for a reader.
//!
//! Invariant: the event at the front of `events` has the number `first`; `bytes` is the sum of the lengths of `events`.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum number of bytes of all events.
const MAX_BYTES: usize = 16 << 20;
/// Maximum number of events that a reader takes at once.
const BATCH: usize = 64;

#[derive(Default)]
struct Events {
    events: VecDeque<Arc<str>>,
    first: u64,
    bytes: usize,
}

#[derive(Default)]
pub(crate) struct Log {
    events: Mutex<Events>,
    changed: Condvar,
}

/// The next events of a reader.
pub(crate) struct Batch {
    pub(crate) events: Vec<Arc<str>>,
    /// Number of events before them that are gone.
    pub(crate) missed: u64,
}

impl Log {
    pub(crate) fn push(&self, event: String) {
        let mut log = self.lock();
        log.bytes = log.bytes.saturating_add(event.len());
        log.events.push_back(event.into());
        while log.bytes > MAX_BYTES {
            let Some(oldest) = log.events.pop_front() else { break };
            log.bytes = log.bytes.saturating_sub(oldest.len());
            log.first = log.first.saturating_add(1);
        }
        drop(log);
        self.changed.notify_all();
    }

    /// The events from this number on, which is advanced. Waits for the first one for this time at most.
    pub(crate) fn take(&self, next: &mut u64, wait: Duration) -> Batch {
        let log = self.lock();
        let has_none = |log: &mut Events| log.first.saturating_add(log.events.len() as u64) <= *next;
        let (log, _) = self.changed.wait_timeout_while(log, wait, has_none).unwrap_or_else(PoisonError::into_inner);
        let missed = log.first.saturating_sub(*next);
        let skip = usize::try_from(next.saturating_sub(log.first)).unwrap_or(usize::MAX);
        let events: Vec<_> = log.events.iter().skip(skip).take(BATCH).cloned().collect();
        *next = next.saturating_add(missed).saturating_add(events.len() as u64);
        Batch { events, missed }
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
