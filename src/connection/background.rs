//! Threads that finish work for connections which were dropped before their end.
//!
//! The work runs in the thread of a server whose handler has returned ([`HostThread`]), or else in a thread of its own, at most
//! [`MAX_THREADS`] in a process. Knows only closures; must not know a connection.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Maximum number of threads of this process that finish such work. Each exists for
/// [`Timeouts::close`](crate::Timeouts::close) at most. A connection beyond them ends without waiting.
const MAX_THREADS: usize = 64;

static THREADS: ThreadCount = ThreadCount(AtomicUsize::new(0));

pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Runs the work in the host's thread or in a new thread. `false`: there is neither, and the work is dropped.
pub(super) fn spawn(host: Option<&Host>, work: Work) -> bool {
    let work = match host {
        Some(host) => match host.hand_over(work) {
            Ok(()) => return true,
            Err(work) => work,
        },
        None => work,
    };
    THREADS.reserve().is_some_and(|reserved| {
        let thread = thread::Builder::new().name("stdws-close".into()).stack_size(128 << 10);
        let run = move || {
            let _reserved = reserved;
            work();
        };
        thread.spawn(run).is_ok()
    })
}

/// The number of threads that exist.
struct ThreadCount(AtomicUsize);

impl ThreadCount {
    fn reserve(&self) -> Option<Reserved<'_>> {
        let more = |count: usize| (count < MAX_THREADS).then(|| count.saturating_add(1));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Reserved(self))
    }
}

/// One thread of the number.
struct Reserved<'a>(&'a ThreadCount);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Guard in the thread of a server that runs a handler. A drop, after the handler has returned, runs the work that was handed
/// over.
pub(crate) struct HostThread(Arc<Host>);

/// The state that a host thread and its connection share.
#[derive(Default)]
pub(super) struct Host(Mutex<HostState>);

#[derive(Default)]
enum HostState {
    /// The handler runs, and no work was handed over.
    #[default]
    Running,
    HandedOver(Work),
    /// The handler has returned, and the thread is no longer available.
    Finished,
}

impl HostThread {
    pub(super) fn new(host: Arc<Host>) -> HostThread {
        HostThread(host)
    }
}

impl Drop for HostThread {
    fn drop(&mut self) {
        let state = mem::replace(&mut *self.0.lock(), HostState::Finished);
        if let HostState::HandedOver(work) = state {
            work();
        }
    }
}

impl Host {
    /// Hands the work over, once. An error returns it: the thread has other work, or is not available.
    pub(super) fn hand_over(&self, work: Work) -> Result<(), Work> {
        let mut state = self.lock();
        match *state {
            HostState::Running => {
                *state = HostState::HandedOver(work);
                Ok(())
            }
            HostState::HandedOver(_) | HostState::Finished => Err(work),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HostState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_threads_is_limited() {
        let threads = ThreadCount(AtomicUsize::new(0));
        let mut reserved: Vec<_> = (0..MAX_THREADS).map(|_| threads.reserve().unwrap()).collect();
        assert!(threads.reserve().is_none());
        reserved.pop();
        reserved.push(threads.reserve().unwrap());
        assert!(threads.reserve().is_none());
    }
}
