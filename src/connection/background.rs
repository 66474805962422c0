//! Threads that finish work for connections which were dropped before their end: at most [`MAX_THREADS`] in a process.
//!
//! Knows only closures; must not know a connection.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::net::threads;

/// Maximum number of threads of this process that finish such work. Each exists for
/// [`Timeouts::close`](crate::Timeouts::close) at most. A connection beyond them ends without waiting.
const MAX_THREADS: usize = 64;

static THREADS: ThreadCount = ThreadCount(AtomicUsize::new(0));

pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Runs the work in a new thread. `false`: there is none, and the work is dropped.
pub(super) fn spawn(work: Work) -> bool {
    THREADS.reserve().is_some_and(|reserved| {
        let run = move || {
            let _reserved = reserved;
            work();
        };
        threads::spawn("stdws-close", Some(threads::SMALL_STACK), run).is_ok()
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
