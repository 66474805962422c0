//! Catches panics of closures and values that the application supplies.

use std::mem;
use std::panic::{self, AssertUnwindSafe};

use super::lock::assert_unlocked;

/// Runs this. `None`: it panicked, and the panic hook has reported that. No state of the closure may be used afterwards.
///
/// The caller holds no lock. The payload of the panic is leaked, because its drop is code of the application and could panic again.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    assert_unlocked();
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(payload) => {
            mem::forget(payload);
            None
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A payload whose drop panics.
    pub(crate) struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose: in the drop of a payload");
        }
    }

    #[test]
    fn a_payload_that_panics_is_caught() {
        assert_eq!(catch(|| 7), Some(7));
        assert_eq!(catch(|| panic::panic_any(Bomb)), None::<()>);
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
