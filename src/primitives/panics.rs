//! Catches panics of closures and values that the application supplies.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

use super::lock::assert_unlocked;

/// Runs this. `None`: it panicked, and the panic hook has reported that. No state of the closure may be used afterwards.
///
/// The caller holds no lock.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    assert_unlocked();
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(payload) => {
            discard(payload);
            None
        }
    }
}

/// Drops the payload of a panic. That is code of the application, so the caller holds no lock. If it panics again, what it panics
/// with is leaked.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    /// A payload whose drop panics.
    pub(crate) struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose: in the drop of a payload");
        }
    }

    /// A payload whose drop panics with one of these.
    struct Again;

    impl Drop for Again {
        fn drop(&mut self) {
            panic::panic_any(Bomb);
        }
    }

    #[test]
    fn a_payload_that_panics_is_caught() {
        assert_eq!(catch(|| 7), Some(7));
        assert_eq!(catch(|| panic::panic_any(Bomb)), None::<()>);
        assert_eq!(catch(|| panic::panic_any(Again)), None::<()>);
    }

    /// A handler may panic for each connection, with what a peer sent.
    #[test]
    fn a_payload_is_not_kept() {
        let payload = Arc::new(());
        let thrown = payload.clone();
        assert_eq!(catch(|| panic::panic_any(thrown)), None::<()>);
        assert_eq!(Arc::strong_count(&payload), 1);
    }

    #[cfg(debug_assertions)]
    #[test]
    fn nothing_is_run_under_a_lock() {
        let lock = crate::primitives::lock::Lock::new(());
        let held = lock.lock();
        assert!(panic::catch_unwind(|| catch(|| 7)).is_err());
        drop(held);
        assert_eq!(catch(|| 7), Some(7));
    }
}
