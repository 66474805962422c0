//! [`Mailbox`]: hands values from threads to the one that waits for them. A channel of `std` adds 12 KB to
//! a program that needs no more than this.

use super::deadline::Deadline;
use crate::primitives::lock::{Condition, Lock, UserDrop};

/// Values in the order of their arrival. `None` once it is closed: later values are dropped by the thread that has them.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    values: Lock<Option<Vec<UserDrop<T>>>>,
    arrived: Condition,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Mailbox<T> {
        Mailbox { values: Lock::new(Some(Vec::new())), arrived: Condition::new() }
    }

    /// Hands over a value.
    pub(crate) fn put(&self, value: T) {
        let value = UserDrop::new(value);
        let mut values = self.values.lock();
        let Some(open) = &mut *values else {
            drop(values);
            return drop(value);
        };
        open.push(value);
        drop(values);
        self.arrived.notify_all();
    }

    /// Waits for a value. `None`: none has arrived by the deadline.
    pub(crate) fn take(&self, deadline: Deadline) -> Option<T> {
        let is_empty = |values: &mut Option<Vec<UserDrop<T>>>| values.as_ref().is_some_and(Vec::is_empty);
        let mut values = self.values.lock().wait_while(&self.arrived, deadline.remaining(), is_empty);
        let first = values.as_mut().filter(|values| !values.is_empty()).map(|values| values.remove(0));
        drop(values);
        first.map(UserDrop::into_inner)
    }

    /// Drops the values that have arrived, and all that will.
    #[cfg(feature = "client")]
    pub(crate) fn close(&self) {
        let values = self.values.lock().take();
        drop(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    fn long() -> Deadline {
        Deadline::after(Duration::from_secs(120))
    }

    #[test]
    fn values_arrive_in_order() {
        let mailbox = Arc::new(Mailbox::new());
        assert_eq!(mailbox.take(Deadline::now()), None::<u32>);
        mailbox.put(1);
        mailbox.put(2);
        assert_eq!((mailbox.take(long()), mailbox.take(Deadline::now())), (Some(1), Some(2)));
        assert_eq!(mailbox.take(Deadline::after(Duration::from_millis(1))), None);
        let waiting = mailbox.clone();
        let waiting = thread::spawn(move || waiting.take(long()));
        mailbox.put(3);
        assert_eq!(waiting.join().unwrap(), Some(3));
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_closed_mailbox_keeps_nothing() {
        let (mailbox, value) = (Mailbox::new(), Arc::new(()));
        mailbox.put(value.clone());
        mailbox.close();
        mailbox.put(value.clone());
        assert_eq!((Arc::strong_count(&value), mailbox.take(Deadline::now())), (1, None));
    }
}
