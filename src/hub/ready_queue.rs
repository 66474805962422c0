//! What there is to do: members for whom something waits, in the order in which that began. Between those who broadcast
//! and the courier; its lock is held for moments.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant};

use super::member_state::MemberState;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Lock, Locked};

#[derive(Default)]
pub(super) struct ReadyQueue {
    state: Lock<ReadyState>,
    /// There is something to do, or the hub ends. Notified only while the courier waits.
    work: Condvar,
    /// Nothing waits for anyone any more.
    idle: Condvar,
}

#[derive(Default)]
struct ReadyState {
    ready: VecDeque<Arc<MemberState>>,
    /// Members that are not idle: those in `ready`, the one with the courier, and those it will come back to.
    active: usize,
    consumer_waits: bool,
    ended: bool,
}

/// What the courier does next.
pub(super) enum Work {
    Deliver(Arc<MemberState>),
    /// Nothing is ready, and it is time for what was put off.
    TimerDue,
    Shutdown,
}

impl ReadyQueue {
    /// A member is not idle any more.
    pub(super) fn push(&self, member: Arc<MemberState>) {
        let mut state = self.lock();
        state.ready.push_back(member);
        state.active = state.active.saturating_add(1);
        self.notify(&mut state);
    }

    /// More is to be done for the member that the courier has, after all others had their turn.
    pub(super) fn requeue(&self, member: Arc<MemberState>) {
        self.lock().ready.push_back(member);
    }

    /// A member is idle again.
    pub(super) fn finish_one(&self) {
        let mut state = self.lock();
        state.active = state.active.saturating_sub(1);
        if state.active == 0 {
            self.idle.notify_all();
        }
    }

    /// Lets the courier look what there is to do.
    pub(super) fn wake(&self) {
        self.notify(&mut self.lock());
    }

    pub(super) fn shut_down(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.notify(&mut state);
    }

    fn notify(&self, state: &mut ReadyState) {
        if std::mem::take(&mut state.consumer_waits) {
            self.work.notify_one();
        }
    }

    /// Waits for something to do, until then at most.
    pub(super) fn next(&self, until: Option<Instant>) -> Work {
        let mut state = self.lock();
        loop {
            if state.ended {
                return Work::Shutdown;
            }
            if let Some(member) = state.ready.pop_front() {
                return Work::Deliver(member);
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Work::TimerDue;
            }
            state.consumer_waits = true;
            state = state.wait(&self.work, left);
            if !std::mem::take(&mut state.consumer_waits) && state.ready.is_empty() && !state.ended {
                return Work::TimerDue;
            }
        }
    }

    /// What is still ready when the hub ends.
    pub(super) fn drain(&self) -> VecDeque<Arc<MemberState>> {
        std::mem::take(&mut self.lock().ready)
    }

    /// Nothing will be done any more.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        let ready = std::mem::take(&mut state.ready);
        state.active = 0;
        self.idle.notify_all();
        drop(state);
        // A member may have the last sender of a connection, which says goodbye; not under the lock.
        drop(ready);
    }

    /// Waits until nothing waits for anyone, or the time is over.
    pub(super) fn wait_idle(&self, limit: Deadline) {
        drop(self.lock().wait_while(&self.idle, limit.remaining(), |state| state.active > 0));
    }

    fn lock(&self) -> Locked<'_, ReadyState> {
        self.state.lock()
    }
}
