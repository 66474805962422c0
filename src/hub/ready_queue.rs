//! Queue of members with messages to write, in the order in which they became ready. Connects broadcasting threads with
//! the delivery thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::member_state::MemberState;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Condition, Lock, Locked};

#[derive(Default)]
pub(super) struct ReadyQueue {
    state: Lock<ReadyState>,
    /// Signals that a member is ready or that the hub ends. Notified only while the delivery thread waits.
    work: Condition,
    /// Signals that no member has messages to write.
    idle: Condition,
}

#[derive(Default)]
struct ReadyState {
    ready: VecDeque<Arc<MemberState>>,
    /// Number of members that are not idle: those in `ready`, the one that is being written to, and those that are
    /// delayed.
    active: usize,
    consumer_waits: bool,
    ended: bool,
}

/// The next task of the delivery thread.
pub(super) enum Work {
    Deliver(Arc<MemberState>),
    /// No member is ready, and the given time has come.
    TimerDue,
    Shutdown,
}

impl ReadyQueue {
    /// Adds a member that was idle.
    pub(super) fn push(&self, member: Arc<MemberState>) {
        let mut state = self.lock();
        state.ready.push_back(member);
        state.active = state.active.saturating_add(1);
        self.notify(&mut state);
    }

    /// Adds the member that was written to again, behind all others.
    pub(super) fn requeue(&self, member: Arc<MemberState>) {
        self.lock().ready.push_back(member);
    }

    /// Marks one member as idle.
    pub(super) fn finish_one(&self) {
        let mut state = self.lock();
        state.active = state.active.saturating_sub(1);
        if state.active == 0 {
            self.idle.notify_all();
        }
    }

    /// Wakes the delivery thread, so that it computes its next deadline again.
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

    /// Waits for the next task, at most until `until`.
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

    /// Removes and returns all ready members.
    pub(super) fn drain(&self) -> VecDeque<Arc<MemberState>> {
        std::mem::take(&mut self.lock().ready)
    }

    /// Removes all members and wakes the threads in [`wait_idle`](ReadyQueue::wait_idle).
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        let ready = std::mem::take(&mut state.ready);
        state.active = 0;
        self.idle.notify_all();
        drop(state);
        // A member may hold the last sender of a connection, which sends a Close when it is dropped. Not under the
        // lock.
        drop(ready);
    }

    /// Waits until no member has messages to write, at most until the deadline.
    pub(super) fn wait_idle(&self, limit: Deadline) {
        drop(self.lock().wait_while(&self.idle, limit.remaining(), |state| state.active > 0));
    }

    fn lock(&self) -> Locked<'_, ReadyState> {
        self.state.lock()
    }
}
