//! The list of worker threads, for counting and joining them.
//!
//! Does not know what the threads do. While the server runs, a thread that ends is removed and detached. From
//! [`WorkerThreads::keep_ended`] on, ended threads stay in the list to be joined.
//!
//! No thread is started under the lock of this list, because a new thread takes that lock first and would block at
//! once. So a thread may end before its handle is stored. Both orders are handled.

use std::collections::HashMap;
use std::panic::UnwindSafe;
use std::thread::JoinHandle;

#[derive(Default)]
pub(super) struct WorkerThreads {
    next: u64,
    /// Number of threads that are reserved or alive.
    count: usize,
    /// By number. `None`: ended before its handle was stored.
    alive: HashMap<u64, Option<JoinHandle<()>>>,
    ended: Vec<JoinHandle<()>>,
    keeps_ended: bool,
}

/// For a `Lock`: a handle keeps the payload of a panic, but no thread of this list ends with one of user code.
impl UnwindSafe for WorkerThreads {}

impl WorkerThreads {
    /// Counts a thread that will be started. Returns its number.
    pub(super) fn reserve(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.count = self.count.saturating_add(1);
        self.next
    }

    /// A reserved thread could not be started.
    pub(super) fn cancel(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Stores the handle of a started thread.
    pub(super) fn set_started(&mut self, number: u64, handle: JoinHandle<()>) {
        match self.alive.remove(&number) {
            Some(_) => self.keep_handle(handle),
            None => drop(self.alive.insert(number, Some(handle))),
        }
    }

    /// The last call of a thread.
    pub(super) fn set_ended(&mut self, number: u64) {
        self.count = self.count.saturating_sub(1);
        match self.alive.remove(&number) {
            Some(Some(handle)) => self.keep_handle(handle),
            Some(None) | None => drop(self.alive.insert(number, None)),
        }
    }

    fn keep_handle(&mut self, handle: JoinHandle<()>) {
        if self.keeps_ended {
            self.ended.push(handle);
        }
    }

    /// Keeps the handles of threads that end from now on.
    pub(super) fn keep_ended(&mut self) {
        self.keeps_ended = true;
    }

    pub(super) fn alive_count(&self) -> usize {
        self.count
    }

    /// The handles of ended threads, to be joined outside the lock.
    pub(super) fn take_ended(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_may_end_before_its_handle_is_stored() {
        let mut threads = WorkerThreads::default();
        let (one, two) = (threads.reserve(), threads.reserve());
        assert_eq!((threads.alive_count(), one == two), (2, false));
        threads.set_started(one, thread::spawn(|| ()));
        threads.set_ended(one);
        threads.set_ended(two);
        threads.set_started(two, thread::spawn(|| ()));
        assert!(threads.alive_count() == 0 && threads.alive.is_empty() && threads.take_ended().is_empty());
        threads.keep_ended();
        let (one, two) = (threads.reserve(), threads.reserve());
        threads.set_ended(one);
        threads.set_started(one, thread::spawn(|| ()));
        threads.set_started(two, thread::spawn(|| ()));
        threads.set_ended(two);
        assert!(threads.alive_count() == 0 && threads.alive.is_empty());
        assert_eq!(threads.take_ended().len(), 2);
        threads.reserve();
        threads.reserve();
        for left in [1, 0] {
            threads.cancel();
            assert_eq!(threads.alive_count(), left);
        }
    }
}
