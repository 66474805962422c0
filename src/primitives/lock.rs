//! A mutex that knows, in debug builds, that no code of the user runs while it is held.
//!
//! The rule: no event is emitted, no code of the user is called, and nothing that does either is dropped, while a thread
//! holds a lock. Otherwise that code could use the library, and wait for the lock that its own thread holds. In debug
//! builds each thread keeps a list of the locks it holds, and panics where the rule is broken. In release builds this is
//! a plain `Mutex`.
//!
//! | place | checks |
//! |---|---|
//! | [`Lock::lock`] | this thread does not hold the same lock already |
//! | [`assert_unlocked`] | this thread holds no lock |

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than anyone waits. Some systems cannot wait for a time that is too far away.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A mutex whose poison does not count: no code panics while it holds one, so what it guards is whole.
#[derive(Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let held = held::Held::new(std::ptr::from_ref(self).cast());
        Locked { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), held }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// A lock that is held. `guard` is dropped first.
pub(crate) struct Locked<'a, T> {
    guard: MutexGuard<'a, T>,
    held: held::Held,
}

impl<'a, T> Locked<'a, T> {
    /// Waits for `changed`, at most this long. The lock is not held meanwhile.
    pub(crate) fn wait(self, changed: &Condvar, limit: Duration) -> Locked<'a, T> {
        let Locked { guard, held } = self;
        let guard = changed.wait_timeout(guard, limit.min(FOREVER)).unwrap_or_else(PoisonError::into_inner).0;
        Locked { guard, held }
    }

    /// Waits for `changed` as long as this is so, at most this long.
    pub(crate) fn wait_while(
        self,
        changed: &Condvar,
        limit: Duration,
        so: impl FnMut(&mut T) -> bool,
    ) -> Locked<'a, T> {
        let Locked { guard, held } = self;
        let waited = changed.wait_timeout_while(guard, limit.min(FOREVER), so);
        Locked { guard: waited.unwrap_or_else(PoisonError::into_inner).0, held }
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Panics in debug builds if this thread holds a lock. Stands before everything that may run code of the user.
#[inline]
#[track_caller]
pub(crate) fn assert_unlocked() {
    held::assert_none();
}

#[cfg(debug_assertions)]
mod held {
    use std::cell::RefCell;
    use std::thread;

    thread_local! {
        static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    }

    /// One lock on the list of this thread.
    pub(crate) struct Held(usize);

    impl Held {
        pub(crate) fn new(lock: *const ()) -> Held {
            let lock = lock as usize;
            // A thread that ends may still drop what it has, without its list.
            let again = HELD.try_with(|held| held.borrow().contains(&lock)).unwrap_or(false);
            assert!(!again, "this thread waits for a lock that it holds");
            let _ = HELD.try_with(|held| held.borrow_mut().push(lock));
            Held(lock)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = HELD.try_with(|held| held.borrow_mut().retain(|lock| *lock != self.0));
        }
    }

    #[track_caller]
    pub(crate) fn assert_none() {
        let none = HELD.try_with(|held| held.borrow().is_empty()).unwrap_or(true);
        // A second panic would end the process, and the first one says more.
        assert!(none || thread::panicking(), "code of the user may run here, and this thread holds a lock");
    }
}

#[cfg(not(debug_assertions))]
mod held {
    /// Nothing.
    pub(crate) struct Held;

    impl Held {
        #[inline]
        pub(crate) fn new(_: *const ()) -> Held {
            Held
        }
    }

    #[inline]
    pub(crate) fn assert_none() {}
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn what_breaks_the_rule_panics() {
        let (one, other) = (Lock::new(1), Lock::new(2));
        assert_unlocked();
        let held = one.lock();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(one.lock()))).is_err());
        assert!(catch_unwind(assert_unlocked).is_err());
        let both = other.lock();
        drop(held);
        assert!(catch_unwind(assert_unlocked).is_err());
        // Released in any order, and while waiting.
        let both = both.wait(&Condvar::new(), Duration::ZERO);
        assert_eq!(*both, 2);
        drop(both);
        assert_unlocked();
        assert_eq!(*one.lock(), 1);
    }
}
