//! The threads of a server: counted, and joined when the server is shut down.
//!
//! Knows threads; must not know what they do. While the server runs, a thread that ends strikes itself out, and the
//! system takes it back. From [`WorkerThreads::keep_ended`] on, those that end stay on the list, to be joined.
//!
//! No thread is started under the lock that guards this: a new thread commonly takes the processor of the one that started
//! it, and the first thing it wants is that lock. So a thread may end before its handle comes, and both orders are right.

use std::collections::HashMap;
use std::thread::JoinHandle;

#[derive(Default)]
pub(super) struct WorkerThreads {
    next: u64,
    /// Those that are to be started, or have not ended.
    count: usize,
    /// `None`: ended before its handle came.
    alive: HashMap<u64, Option<JoinHandle<()>>>,
    ended: Vec<JoinHandle<()>>,
    keeps_ended: bool,
}

impl WorkerThreads {
    /// Counts a thread that is to be started, and gives it its number.
    pub(super) fn reserve(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.count = self.count.saturating_add(1);
        self.next
    }

    /// It could not be started.
    pub(super) fn cancel(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// It has been started.
    pub(super) fn set_started(&mut self, number: u64, handle: JoinHandle<()>) {
        match self.alive.remove(&number) {
            Some(_) => self.keep_handle(handle),
            None => drop(self.alive.insert(number, Some(handle))),
        }
    }

    /// The last thing a thread does.
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

    /// From now on threads that end are kept.
    pub(super) fn keep_ended(&mut self) {
        self.keeps_ended = true;
    }

    pub(super) fn alive_count(&self) -> usize {
        self.count
    }

    /// Those that have ended, to be joined without the lock.
    pub(super) fn take_ended(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_may_end_before_it_is_known() {
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
        threads.cancel();
        assert_eq!(threads.alive_count(), 0);
    }
}
