//! The mutex of this crate. As far as types and checks can tell, no user code runs while it is held. Independent of what it
//! protects.
//!
//! The rule: while a thread holds a lock, it emits no event, calls no user code, and drops nothing that does either.
//! Otherwise that code could call the library, and wait for the lock that its own thread holds.
//!
//! | breach of the rule | what prevents it | when |
//! |---|---|---|
//! | a lock without these checks | `tests/layers.rs`: no other file of `src` names `Mutex`, `RwLock` or `Condvar` | in tests |
//! | a closure, a stream or an event handler that is part of a protected value and is dropped or replaced with it | [`Lock`]: such a value does not compile, except as a [`UserDrop`] | compiling |
//! | the drop of a [`UserDrop`] under a lock, also if another reference is left | [`UserDrop`] panics | debug builds |
//! | an event, or a call of user code | [`assert_unlocked`] panics | debug builds |
//! | a lock that the thread holds already | [`Lock::lock`] panics | debug builds |
//!
//! In debug builds each thread keeps a list of the locks it holds. In release builds a [`Lock`] is a plain `Mutex`, and a
//! [`UserDrop`] is its value. In tests, `interleaving` decides the order in which threads get their locks.
//!
//! What types do not prevent: a value from elsewhere can be dropped while a guard lives, and what is inside a [`UserDrop`] or inside
//! another lock counts as harmless. To prevent that too, each function down to the emission of an event would need a proof as an
//! argument that no lock is held, or each critical section would be a closure, which can still capture such a value. The checks
//! in debug builds find it in the suites, which run with event handlers that call the library.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(any(feature = "server", feature = "reconnect"))]
use std::sync::{Arc, Weak};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum time of a wait. Some systems fail for a longer time.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// A mutex without poisoning: no code panics while it holds one, so the protected value is always consistent.
///
/// The bound keeps user code out of the value. Closures, streams and event handlers of the application are trait objects, and
/// a trait object is not [`UnwindSafe`]; nor is a value that contains one or shares one.
#[derive(Default)]
pub(crate) struct Lock<T: UnwindSafe>(Mutex<T>);

impl<T: UnwindSafe> Lock<T> {
    /// A lock that protects this value.
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    /// Waits for the lock and takes it.
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let held = held::Held::new(&self.0);
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { mutex: &self.0, guard, held }
    }

    /// The value, which no other thread can use.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: UnwindSafe> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// RAII guard of a lock. The field `guard` is dropped before `held`.
pub(crate) struct Locked<'a, T> {
    /// For a wait of an `interleaving` test, which releases the lock.
    #[cfg_attr(not(all(test, debug_assertions)), allow(dead_code))]
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    held: held::Held,
}

impl<'a, T> Locked<'a, T> {
    /// Waits for `changed`, at most for `limit`, without the lock.
    pub(crate) fn wait(self, changed: &Condition, limit: Duration) -> Locked<'a, T> {
        let Locked { mutex, guard, held } = self;
        #[cfg(all(test, debug_assertions))]
        if super::interleaving::is_scheduled() {
            drop(guard);
            super::interleaving::wait(address(changed), address(mutex), limit);
            return Locked { mutex, guard: mutex.lock().unwrap_or_else(PoisonError::into_inner), held };
        }
        let guard = changed.0.wait_timeout(guard, limit.min(FOREVER)).unwrap_or_else(PoisonError::into_inner).0;
        Locked { mutex, guard, held }
    }

    /// Waits for `changed` until `condition` is false, at most for `limit`.
    pub(crate) fn wait_while(
        self,
        changed: &Condition,
        limit: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> Locked<'a, T> {
        let Locked { mutex, guard, held } = self;
        let waited = changed.0.wait_timeout_while(guard, limit.min(FOREVER), condition);
        Locked { mutex, guard: waited.unwrap_or_else(PoisonError::into_inner).0, held }
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
    pub(crate) const fn new() -> Condition {
        Condition(Condvar::new())
    }

    /// Wakes all threads that wait.
    #[inline]
    pub(crate) fn notify_all(&self) {
        #[cfg(all(test, debug_assertions))]
        super::interleaving::notify(address(self));
        self.0.notify_all();
    }

    /// Wakes one thread that waits.
    #[inline]
    pub(crate) fn notify_one(&self) {
        #[cfg(all(test, debug_assertions))]
        super::interleaving::notify_one(address(self));
        self.0.notify_one();
    }
}

/// What distinguishes a lock or a condition while it exists.
#[cfg(debug_assertions)]
fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(value) as usize
}

/// A value that may run user code when it is dropped: a closure, a stream, a connection. It leaves the lock that protects it
/// before it is dropped.
#[derive(Clone)]
pub(crate) struct UserDrop<T> {
    /// The first field, so that it is dropped first.
    check: held::DropCheck,
    value: T,
}

impl<T> UserDrop<T> {
    pub(crate) fn new(value: T) -> UserDrop<T> {
        UserDrop { check: held::DropCheck, value }
    }

    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn into_inner(self) -> T {
        let UserDrop { check, value } = self;
        std::mem::forget(check);
        value
    }
}

/// This is what a [`Lock`] asks for.
impl<T> UnwindSafe for UserDrop<T> {}
impl<T> RefUnwindSafe for UserDrop<T> {}

impl<T> Deref for UserDrop<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for UserDrop<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for UserDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// A weak reference to a value that may run user code when it is dropped. The strong reference that it returns may be the last
/// one at its drop, so that it leaves the lock too.
#[cfg(any(feature = "server", feature = "reconnect"))]
pub(crate) struct UserDropWeak<T>(Weak<T>);

#[cfg(any(feature = "server", feature = "reconnect"))]
impl<T> UserDropWeak<T> {
    pub(crate) fn new(to: &Arc<T>) -> UserDropWeak<T> {
        UserDropWeak(Arc::downgrade(to))
    }

    pub(crate) fn upgrade(&self) -> Option<UserDrop<Arc<T>>> {
        self.0.upgrade().map(UserDrop::new)
    }

    #[cfg(any(feature = "server", test))]
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

#[cfg(any(feature = "server", feature = "reconnect"))]
impl<T> Clone for UserDropWeak<T> {
    fn clone(&self) -> UserDropWeak<T> {
        UserDropWeak(self.0.clone())
    }
}

#[cfg(any(feature = "server", feature = "reconnect"))]
impl<T> fmt::Debug for UserDropWeak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserDropWeak")
    }
}

/// The drop of a weak reference drops no value.
#[cfg(any(feature = "server", feature = "reconnect"))]
impl<T> UnwindSafe for UserDropWeak<T> {}
#[cfg(any(feature = "server", feature = "reconnect"))]
impl<T> RefUnwindSafe for UserDropWeak<T> {}

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

    /// Asserts at its drop that this thread holds no lock.
    #[derive(Clone)]
    pub(crate) struct DropCheck;

    impl Drop for DropCheck {
        fn drop(&mut self) {
            assert_none();
        }
    }

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

    /// Checks nothing.
    #[derive(Clone)]
    pub(crate) struct DropCheck;

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
    use std::thread;
    #[cfg(feature = "hub")]
    use std::time::Instant;

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

    #[cfg(any(feature = "server", feature = "reconnect"))]
    #[test]
    fn a_value_that_runs_user_code_is_dropped_without_a_lock() {
        let lock = Lock::new(Some(UserDrop::new(Arc::new(7))));
        let other = UserDropWeak::new(lock.lock().as_ref().unwrap());
        // Also where it is not the last reference.
        assert!(catch_unwind(AssertUnwindSafe(|| *lock.lock() = None)).is_err());
        assert!(other.is_gone());
        *lock.lock() = Some(UserDrop::new(Arc::new(8)));
        let weak = UserDropWeak::new(lock.lock().as_ref().unwrap());
        let held = lock.lock();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(weak.upgrade()))).is_err());
        let strong = weak.upgrade();
        drop(held);
        assert_eq!(strong.as_deref().map(|value| **value), Some(8));
        let taken = lock.lock().take();
        assert_eq!(*taken.unwrap().into_inner(), 8);
    }

    /// A value that leaves its wrapper is not dropped.
    #[cfg(any(feature = "client", feature = "server"))]
    #[test]
    fn a_value_is_taken_out_of_its_wrapper_under_a_lock() {
        let lock = Lock::new(UserDrop::new(7));
        let held = lock.lock();
        assert_eq!(held.clone().into_inner(), 7);
    }

    /// A value of a thread may be dropped after the list of the locks that the thread holds.
    #[test]
    fn a_lock_is_taken_at_the_end_of_a_thread() {
        static LOCK: Lock<u32> = Lock::new(0);
        struct AtTheEnd;
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                drop(UserDrop::new(()));
                *LOCK.lock() += 1;
            }
        }
        thread_local! {
            static VALUE: AtTheEnd = const { AtTheEnd };
        }
        let first_the_value_then_the_list = || {
            VALUE.with(|_| ());
            drop(LOCK.lock());
        };
        thread::spawn(first_the_value_then_the_list).join().unwrap();
        assert_eq!(*LOCK.lock(), 1);
    }

    /// Waits until a thread waits, and wakes it.
    #[cfg(feature = "hub")]
    #[test]
    fn one_thread_is_woken() {
        const LIMIT: Duration = Duration::from_secs(60);
        let (lock, changed) = (Lock::new("new"), Condition::new());
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let since = Instant::now();
                let mut state = lock.lock();
                *state = "waits";
                let state = state.wait_while(&changed, LIMIT, |state| *state == "waits");
                (*state, since.elapsed() < LIMIT)
            });
            // The thread has the lock from this state on until it waits.
            while *lock.lock() != "waits" {
                thread::yield_now();
            }
            *lock.lock() = "woken";
            changed.notify_one();
            assert_eq!(waits.join().unwrap(), ("woken", true));
        });
    }

    #[test]
    fn debug_shows_no_value_behind_a_lock() {
        assert_eq!(format!("{:?}", Lock::new("secret")), "Lock");
        assert_eq!(format!("{:?}", UserDrop::new("shown")), "\"shown\"");
        #[cfg(any(feature = "server", feature = "reconnect"))]
        assert_eq!(format!("{:?}", UserDropWeak::new(&Arc::new("secret"))), "UserDropWeak");
    }

    /// A second panic would abort the process.
    #[test]
    fn a_violation_during_a_panic_does_not_hide_it() {
        struct Unlocked;
        impl Drop for Unlocked {
            fn drop(&mut self) {
                assert_unlocked();
            }
        }
        let lock = Lock::new(());
        let first = catch_unwind(AssertUnwindSafe(|| {
            let _held = lock.lock();
            let _at_the_end = Unlocked;
            panic!("the first panic");
        }));
        assert_eq!(first.unwrap_err().downcast_ref(), Some(&"the first panic"));
    }
}
