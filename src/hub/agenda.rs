//! What there is to do: members for whom something waits, in the order in which that began. Between those who broadcast
//! and the courier; its lock is held for moments.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant};

use super::entry::Entry;
use crate::lock::{Lock, Locked};
use crate::transport::deadline::Deadline;

#[derive(Default)]
pub(super) struct Agenda {
    state: Lock<State>,
    /// There is something to do, or the hub ends. Notified only while the courier waits.
    more: Condvar,
    /// Nothing waits for anyone any more.
    calm: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Entry>>,
    /// Members that are not idle: those in `ready`, the one with the courier, and those it will come back to.
    unsettled: usize,
    courier_waits: bool,
    ended: bool,
}

/// What the courier does next.
pub(super) enum Next {
    Visit(Arc<Entry>),
    /// Nothing is ready, and it is time for what was put off.
    Later,
    End,
}

impl Agenda {
    /// A member is not idle any more.
    pub(super) fn add(&self, entry: Arc<Entry>) {
        let mut state = self.lock();
        state.ready.push_back(entry);
        state.unsettled = state.unsettled.saturating_add(1);
        self.wake(&mut state);
    }

    /// More is to be done for the member that the courier has, after all others had their turn.
    pub(super) fn again(&self, entry: Arc<Entry>) {
        self.lock().ready.push_back(entry);
    }

    /// A member is idle again.
    pub(super) fn settled(&self) {
        let mut state = self.lock();
        state.unsettled = state.unsettled.saturating_sub(1);
        if state.unsettled == 0 {
            self.calm.notify_all();
        }
    }

    /// Lets the courier look what there is to do.
    pub(super) fn nudge(&self) {
        self.wake(&mut self.lock());
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.wake(&mut state);
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.courier_waits) {
            self.more.notify_one();
        }
    }

    /// Waits for something to do, until then at most.
    pub(super) fn next(&self, until: Option<Instant>) -> Next {
        let mut state = self.lock();
        loop {
            if state.ended {
                return Next::End;
            }
            if let Some(entry) = state.ready.pop_front() {
                return Next::Visit(entry);
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Next::Later;
            }
            state.courier_waits = true;
            state = state.wait(&self.more, left);
            if !std::mem::take(&mut state.courier_waits) && state.ready.is_empty() && !state.ended {
                return Next::Later;
            }
        }
    }

    /// What is still ready when the hub ends.
    pub(super) fn rest(&self) -> VecDeque<Arc<Entry>> {
        std::mem::take(&mut self.lock().ready)
    }

    /// Nothing will be done any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let ready = std::mem::take(&mut state.ready);
        state.unsettled = 0;
        self.calm.notify_all();
        drop(state);
        // A member may have the last sender of a connection, which says goodbye; not under the lock.
        drop(ready);
    }

    /// Waits until nothing waits for anyone, or the time is over.
    pub(super) fn wait_calm(&self, limit: Deadline) {
        drop(self.lock().wait_while(&self.calm, limit.left(), |state| state.unsettled > 0));
    }

    fn lock(&self) -> Locked<'_, State> {
        self.state.lock()
    }
}
