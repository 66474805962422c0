//! The report of a shutdown, and the rule that a server is shut down once.
//!
//! Does not know how a shutdown proceeds.

use std::fmt;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::connection::shared::Connection;
use crate::error::Error;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Condition, Lock};

/// The result of a shutdown, see [`ServerHandle::shutdown`](crate::ServerHandle::shutdown). Feature `server`.
///
/// It counts the connections that were open when the shutdown began, and the requests that it aborted. Requests that
/// were answered meanwhile do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownReport {
    clean: usize,
    timed_out: usize,
    aborted: usize,
    pub(super) threads_left: usize,
}

impl ShutdownReport {
    /// Number of connections whose peer answered the Close.
    pub fn clean(&self) -> usize {
        self.clean
    }

    /// Number of connections that were aborted because their peer did not answer the Close in time.
    pub fn timed_out(&self) -> usize {
        self.timed_out
    }

    /// Number of connections that ended in any other way without a Close from the peer, and of aborted requests.
    pub fn aborted(&self) -> usize {
        self.aborted
    }

    /// Number of threads that did not end with their connection, because a handler waits for something else. All others
    /// were joined.
    pub fn threads_left(&self) -> usize {
        self.threads_left
    }

    /// Counts a connection that has ended.
    pub(super) fn record(&mut self, connection: &Connection) {
        let kind = match connection.end() {
            _ if connection.both_closes_exchanged() => &mut self.clean,
            Some(Error::Timeout(_)) => &mut self.timed_out,
            Some(_) | None => &mut self.aborted,
        };
        *kind = kind.saturating_add(1);
    }

    /// Counts requests that were aborted.
    pub(super) fn record_aborted(&mut self, count: usize) {
        self.aborted = self.aborted.saturating_add(count);
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownReport { clean, timed_out, aborted, threads_left } = self;
        write!(f, "{clean} closed, {timed_out} timed out, {aborted} aborted, {threads_left} threads left")
    }
}

/// Runs the shutdown of a server once. No lock is held while it runs, because it emits events.
#[derive(Default)]
pub(super) struct Once {
    state: Lock<Progress>,
    changed: Condition,
}

#[derive(Default, Clone, Copy)]
enum Progress {
    #[default]
    NotStarted,
    /// On this thread, until the earliest deadline of all calls.
    Running(ThreadId, Deadline),
    Done(ShutdownReport),
}

impl Once {
    /// Runs `work`, or waits for another thread that runs it, whose deadline becomes this one if this is earlier. `None`: this
    /// thread runs it already, and calls again from an event handler.
    pub(super) fn call(&self, deadline: Deadline, work: impl FnOnce() -> ShutdownReport) -> Option<ShutdownReport> {
        let me = thread::current().id();
        let mut state = self.state.lock();
        loop {
            match &mut *state {
                Progress::NotStarted => break,
                Progress::Running(by, earliest) => {
                    *earliest = earliest.earlier(deadline);
                    if *by == me {
                        return None;
                    }
                    state = state.wait(&self.changed, Duration::MAX);
                }
                Progress::Done(report) => return Some(*report),
            }
        }
        *state = Progress::Running(me, deadline);
        drop(state);
        let mut completion = CompletionGuard { once: self, report: ShutdownReport::default() };
        completion.report = work();
        Some(completion.report)
    }

    /// The deadline of the work that runs.
    pub(super) fn deadline(&self) -> Deadline {
        match &*self.state.lock() {
            Progress::Running(_, deadline) => *deadline,
            Progress::NotStarted | Progress::Done(_) => Deadline::now(),
        }
    }

    /// Waits until `work` has completed, if it has started.
    pub(super) fn wait(&self) {
        let mut state = self.state.lock();
        while matches!(*state, Progress::Running(..)) {
            state = state.wait(&self.changed, Duration::MAX);
        }
    }
}

/// Wakes the waiting threads, also if the work panicked.
struct CompletionGuard<'a> {
    once: &'a Once,
    report: ShutdownReport,
}

impl Drop for CompletionGuard<'_> {
    fn drop(&mut self) {
        *self.once.state.lock() = Progress::Done(self.report);
        self.once.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn only_a_shutdown_that_runs_has_a_deadline() {
        let once = Once::default();
        assert!(once.deadline().is_expired());
        let report = once.call(Deadline::never(), || {
            assert!(!once.deadline().is_expired());
            ShutdownReport { clean: 7, ..ShutdownReport::default() }
        });
        assert_eq!(report.unwrap().clean(), 7);
        assert!(once.deadline().is_expired());
        assert_eq!(once.call(Deadline::never(), ShutdownReport::default), report);
    }

    #[test]
    fn other_threads_wait_for_the_report_and_the_thread_of_the_work_does_not() {
        let once = Once::default();
        // Nothing has begun.
        once.wait();
        let (begun, begins) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let worker = &once;
            let working = scope.spawn(move || {
                let once = worker;
                once.call(Deadline::never(), || {
                    assert_eq!(once.call(Deadline::never(), || panic!("it runs already")), None);
                    begun.send(()).unwrap();
                    may_end.recv().unwrap();
                    ShutdownReport { clean: 7, ..ShutdownReport::default() }
                })
            });
            begins.recv().unwrap();
            let (waited, waits) = mpsc::channel();
            let waiting = [(); 2].map(|()| waited.clone());
            for (turn, waited) in waiting.into_iter().enumerate() {
                let once = &once;
                scope.spawn(move || {
                    match turn {
                        0 => once.wait(),
                        _ => assert!(once.call(Deadline::never(), || panic!("it runs already")).is_some()),
                    }
                    waited.send(turn).unwrap();
                });
            }
            assert!(waits.recv_timeout(Duration::from_millis(100)).is_err(), "the work has not ended");
            go_on.send(()).unwrap();
            assert_eq!(working.join().unwrap().unwrap().clean(), 7);
            assert_eq!(waits.iter().take(2).sum::<usize>(), 1);
        });
    }
}
