//! The threads of a server: counted, and joined when the server is shut down.
//!
//! Knows threads; must not know what they do. While the server runs, a thread that ends strikes itself out, and the
//! system takes it back. From [`Threads::keep`] on, those that end stay on the list, to be joined.
//!
//! No thread is started under the lock that guards this: a new thread commonly takes the processor of the one that started
//! it, and the first thing it wants is that lock. So a thread may end before its handle comes, and both orders are right.

use std::collections::HashMap;
use std::thread::JoinHandle;

#[derive(Default)]
pub(super) struct Threads {
    next: u64,
    /// Those that are to be started, or have not ended.
    count: usize,
    /// `None`: ended before its handle came.
    alive: HashMap<u64, Option<JoinHandle<()>>>,
    ended: Vec<JoinHandle<()>>,
    keeps: bool,
}

impl Threads {
    /// Counts a thread that is to be started, and gives it its number.
    pub(super) fn announce(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.count = self.count.saturating_add(1);
        self.next
    }

    /// It could not be started.
    pub(super) fn withdraw(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// It has been started.
    pub(super) fn starts(&mut self, number: u64, handle: JoinHandle<()>) {
        match self.alive.remove(&number) {
            Some(_) => self.is_over(handle),
            None => drop(self.alive.insert(number, Some(handle))),
        }
    }

    /// The last thing a thread does.
    pub(super) fn ends(&mut self, number: u64) {
        self.count = self.count.saturating_sub(1);
        match self.alive.remove(&number) {
            Some(Some(handle)) => self.is_over(handle),
            Some(None) | None => drop(self.alive.insert(number, None)),
        }
    }

    fn is_over(&mut self, handle: JoinHandle<()>) {
        if self.keeps {
            self.ended.push(handle);
        }
    }

    /// From now on threads that end are kept.
    pub(super) fn keep(&mut self) {
        self.keeps = true;
    }

    pub(super) fn alive(&self) -> usize {
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
        let mut threads = Threads::default();
        let (one, two) = (threads.announce(), threads.announce());
        assert_eq!((threads.alive(), one == two), (2, false));
        threads.starts(one, thread::spawn(|| ()));
        threads.ends(one);
        threads.ends(two);
        threads.starts(two, thread::spawn(|| ()));
        assert!(threads.alive() == 0 && threads.alive.is_empty() && threads.take_ended().is_empty());
        threads.keep();
        let (one, two) = (threads.announce(), threads.announce());
        threads.ends(one);
        threads.starts(one, thread::spawn(|| ()));
        threads.starts(two, thread::spawn(|| ()));
        threads.ends(two);
        assert!(threads.alive() == 0 && threads.alive.is_empty());
        assert_eq!(threads.take_ended().len(), 2);
        threads.announce();
        threads.withdraw();
        assert_eq!(threads.alive(), 0);
    }
}
