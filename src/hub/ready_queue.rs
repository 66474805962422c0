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

#[cfg(test)]
pub(super) mod tests {
    use super::super::member_state::tests::member;
    use super::*;
    use crate::connection::testing::{long_timeouts, under_watchdog, wait_until, LONG};
    use std::sync::mpsc;
    use std::thread;

    /// Number of members that are not idle.
    pub(in crate::hub) fn active(queue: &ReadyQueue) -> usize {
        queue.lock().active
    }

    /// The id of the next member, without waiting.
    fn next_id(queue: &ReadyQueue) -> Option<u64> {
        match queue.next(Some(Instant::now())) {
            Work::Deliver(member) => Some(member.id),
            Work::TimerDue | Work::Shutdown => None,
        }
    }

    #[test]
    fn members_come_in_their_order_and_are_active_until_they_are_idle() {
        let queue = ReadyQueue::default();
        let (one, two) = (member(1, long_timeouts()), member(2, long_timeouts()));
        queue.push(one.0.clone());
        queue.push(two.0.clone());
        assert_eq!((next_id(&queue), active(&queue)), (Some(1), 2));
        queue.requeue(one.0.clone());
        assert_eq!(([(); 3].map(|()| next_id(&queue)), active(&queue)), ([Some(2), Some(1), None], 2));
        let finished = [(); 3].map(|()| {
            queue.finish_one();
            active(&queue)
        });
        assert_eq!(finished, [1, 0, 0]);
        queue.push(one.0.clone());
        assert_eq!((queue.drain().len(), next_id(&queue), active(&queue)), (1, None, 1));
        // It holds the last sender, which must not be dropped under the lock.
        let (last, _ws, _peer) = two;
        queue.push(last);
        queue.clear();
        assert_eq!((next_id(&queue), active(&queue)), (None, 0));
        queue.push(one.0.clone());
        queue.shut_down();
        assert!(matches!(queue.next(None), Work::Shutdown));
    }

    /// What a thread that waits for work gets after this.
    fn woken_by(queue: &Arc<ReadyQueue>, wakes: impl FnOnce(&ReadyQueue)) -> Work {
        let waiting = queue.clone();
        let thread = thread::spawn(move || waiting.next(None));
        wait_until(|| queue.lock().consumer_waits);
        wakes(queue);
        assert!(!queue.lock().consumer_waits);
        thread.join().unwrap()
    }

    #[test]
    fn a_thread_that_waits_for_work_is_woken() {
        under_watchdog(|| {
            let (queue, member) = (Arc::new(ReadyQueue::default()), member(1, long_timeouts()));
            assert!(matches!(woken_by(&queue, |queue| queue.push(member.0.clone())), Work::Deliver(_)));
            assert!(matches!(woken_by(&queue, ReadyQueue::wake), Work::TimerDue));
            assert!(matches!(woken_by(&queue, ReadyQueue::shut_down), Work::Shutdown));
        });
    }

    #[test]
    fn a_wait_ends_when_no_member_is_active_or_at_its_limit() {
        under_watchdog(|| {
            let (queue, member) = (Arc::new(ReadyQueue::default()), member(1, long_timeouts()));
            let (start, limit) = (Instant::now(), Duration::from_millis(20));
            queue.wait_idle(Deadline::after(LONG));
            assert!(start.elapsed() < LONG);
            queue.push(member.0.clone());
            let start = Instant::now();
            queue.wait_idle(Deadline::after(limit));
            assert!(start.elapsed() >= limit);
            for end in [ReadyQueue::finish_one, ReadyQueue::clear] {
                queue.clear();
                queue.push(member.0.clone());
                let (waiting, (has_lock, locked)) = (queue.clone(), mpsc::channel());
                let thread = thread::spawn(move || {
                    let (start, state) = (Instant::now(), waiting.lock());
                    has_lock.send(()).unwrap();
                    drop(state.wait_while(&waiting.idle, LONG, |state| state.active > 0));
                    start.elapsed() < LONG
                });
                locked.recv().unwrap();
                // The thread has the lock until it waits.
                end(&queue);
                assert!(thread.join().unwrap());
            }
        });
    }
}
