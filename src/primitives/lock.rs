//! A mutex that checks in debug builds that no user code runs while it is held. Independent of what it protects.
//!
//! The rule: while a thread holds a lock, it emits no event, calls no user code, and drops nothing that does either.
//! Otherwise that code could call the library, and wait for the lock that its own thread holds. In debug builds each thread
//! keeps a list of the locks it holds, and a violation of the rule panics. In release builds this is a plain `Mutex`.
//! In tests, `interleaving` decides the order in which threads get their locks.
//!
//! | place | checks |
//! |---|---|
//! | [`Lock::lock`] | this thread does not hold the same lock already |
//! | [`assert_unlocked`] | this thread holds no lock |

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum time of a wait. Some systems fail for a longer time.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A mutex without poisoning: no code panics while it holds one, so the protected value is always consistent.
#[derive(Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    /// A lock that protects this value.
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    /// Waits for the lock and takes it.
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let held = held::Held::new(self);
        Locked { lock: self, guard: self.guard(), held }
    }

    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, which no other thread can use.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// RAII guard of a lock. The field `guard` is dropped before `held`.
pub(crate) struct Locked<'a, T> {
    /// For a wait of an `interleaving` test, which releases the lock.
    #[cfg_attr(not(all(test, debug_assertions)), allow(dead_code))]
    lock: &'a Lock<T>,
    guard: MutexGuard<'a, T>,
    held: held::Held,
}

impl<'a, T> Locked<'a, T> {
    /// Waits for `changed`, at most for `limit`, without the lock.
    pub(crate) fn wait(self, changed: &Condition, limit: Duration) -> Locked<'a, T> {
        let Locked { lock, guard, held } = self;
        #[cfg(all(test, debug_assertions))]
        if super::interleaving::is_scheduled() {
            drop(guard);
            super::interleaving::wait(address(changed), address(lock), limit);
            return Locked { lock, guard: lock.guard(), held };
        }
        let guard = changed.0.wait_timeout(guard, limit.min(FOREVER)).unwrap_or_else(PoisonError::into_inner).0;
        Locked { lock, guard, held }
    }

    /// Waits for `changed` until `condition` is false, at most for `limit`.
    #[cfg(any(feature = "server", feature = "hub"))]
    pub(crate) fn wait_while(
        self,
        changed: &Condition,
        limit: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> Locked<'a, T> {
        let Locked { lock, guard, held } = self;
        let waited = changed.0.wait_timeout_while(guard, limit.min(FOREVER), condition);
        Locked { lock, guard: waited.unwrap_or_else(PoisonError::into_inner).0, held }
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

/// A condition variable: threads that have a lock wait for a change of what it protects.
#[derive(Debug, Default)]
pub(crate) struct Condition(Condvar);

impl Condition {
    /// Wakes all threads that wait.
    #[inline]
    pub(crate) fn notify_all(&self) {
        #[cfg(all(test, debug_assertions))]
        super::interleaving::notify(address(self));
        self.0.notify_all();
    }

    /// Wakes one thread that waits.
    #[cfg(feature = "hub")]
    pub(crate) fn notify_one(&self) {
        #[cfg(all(test, debug_assertions))]
        super::interleaving::notify(address(self));
        self.0.notify_one();
    }
}

/// What distinguishes a lock or a condition while it exists.
#[cfg(debug_assertions)]
fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(value) as usize
}

/// Panics in debug builds if this thread holds a lock. Called before everything that may run user code.
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

    /// An entry in the list of this thread.
    pub(crate) struct Held(usize);

    impl Held {
        pub(crate) fn new<T>(lock: &T) -> Held {
            let lock = super::address(lock);
            // A thread that ends may drop values after its list.
            let again = HELD.try_with(|held| held.borrow().contains(&lock)).unwrap_or(false);
            assert!(!again, "this thread waits for a lock that it holds");
            let _ = HELD.try_with(|held| held.borrow_mut().push(lock));
            #[cfg(test)]
            crate::primitives::interleaving::acquire(lock);
            Held(lock)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = HELD.try_with(|held| held.borrow_mut().retain(|lock| *lock != self.0));
            #[cfg(test)]
            crate::primitives::interleaving::release(self.0);
        }
    }

    #[track_caller]
    pub(crate) fn assert_none() {
        let none = HELD.try_with(|held| held.borrow().is_empty()).unwrap_or(true);
        // A second panic would abort the process, and hide the first one.
        assert!(none || thread::panicking(), "user code may run here, and this thread holds a lock");
    }
}

#[cfg(not(debug_assertions))]
mod held {
    /// An empty entry.
    pub(crate) struct Held;

    impl Held {
        #[inline]
        pub(crate) fn new<T>(_: &T) -> Held {
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
    fn a_violation_of_the_rule_panics() {
        let (one, other) = (Lock::new(1), Lock::new(2));
        assert_unlocked();
        let held = one.lock();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(one.lock()))).is_err());
        assert!(catch_unwind(assert_unlocked).is_err());
        let both = other.lock();
        drop(held);
        assert!(catch_unwind(assert_unlocked).is_err());
        // Locks are released in any order, and during a wait.
        let both = both.wait(&Condition::default(), Duration::ZERO);
        assert_eq!(*both, 2);
        drop(both);
        assert_unlocked();
        assert_eq!(*one.lock(), 1);
    }
}
