//! The thread of a hub: takes members from the ready queue, one at a time, and writes their messages without blocking.
//!
//! When a member still has messages after that, the status of the connection decides about the next attempt:
//!
//! | status | next attempt |
//! |---|---|
//! | the connection accepts more | after all other ready members |
//! | the socket buffer is full | after 2 ms, doubled each time nothing was written, up to 64 ms |
//! | another thread writes | after 1 ms, doubled each time, up to 8 ms |
//! | a Close was written | after 2 ms, doubled each time, up to 64 ms, until the connection has ended |
//! | the connection has ended | none: the member is removed |
//!
//! A connection with a full socket buffer that accepts less than 64 KiB within
//! [`Timeouts::write`](crate::Timeouts::write) is aborted, as for any other sender. A closing connection is aborted
//! after [`Timeouts::close`](crate::Timeouts::close). Every five seconds the thread looks for members whose connections
//! ended without notice.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::OVERFLOW_REASON;
use super::member_state::{batch_cost, MemberQueue, MemberState, Membership, Scheduling};
use super::ready_queue::Work;
use super::shared::SharedHub;
use crate::connection::nonblocking::{ConnectionStatus, WriteReport};
use crate::connection::shared::Connection;
use crate::connection::shared_frame::SharedFrame;
use crate::error::{Error, Step};
use crate::primitives::panics;

/// First and longest delay before a retry with a full socket buffer.
const FULL_BACKOFF: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(64));
/// First and longest delay before a retry while another thread writes.
const BUSY_BACKOFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(8));
/// Interval of the search for ended connections.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum number of bytes that a connection with a full socket buffer must accept within the write timeout.
const MIN_PROGRESS: usize = 64 << 10;

pub(super) struct DeliveryThread {
    shared: Arc<SharedHub>,
    /// Time of the next attempt and id of each member in `delayed`.
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Members that are scheduled but not ready.
    delayed: HashMap<u64, Arc<MemberState>>,
    /// Reused, to keep its allocation.
    batch: VecDeque<SharedFrame>,
    last_sweep: Instant,
}

/// Result of one attempt.
enum Outcome {
    /// The queue is empty.
    Idle,
    /// More can be written immediately.
    Ready,
    RetryIn(Duration),
    /// The member has to be removed.
    Ended,
}

/// The step in which the peer missed a deadline. The caller aborts the connection after the queue is unlocked, because
/// aborting may call user code.
struct TimedOut(Step);

impl DeliveryThread {
    pub(super) fn new(shared: Arc<SharedHub>) -> DeliveryThread {
        DeliveryThread {
            shared,
            timers: BinaryHeap::new(),
            delayed: HashMap::new(),
            batch: VecDeque::new(),
            last_sweep: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        loop {
            // Delayed and ready members alternate, so that neither group starves the other.
            if let Some(member) = self.pop_due() {
                self.process(member);
            }
            match self.shared.ready_queue.next(self.wake_time()) {
                Work::Deliver(member) => self.process(member),
                Work::TimerDue => {}
                Work::Shutdown => return self.shut_down(),
            }
            self.sweep();
        }
    }

    /// The next delayed member whose time has come.
    fn pop_due(&mut self) -> Option<Arc<MemberState>> {
        let Reverse((at, id)) = *self.timers.peek()?;
        if at > Instant::now() {
            return None;
        }
        self.timers.pop();
        self.delayed.remove(&id)
    }

    /// The latest time at which to stop waiting for ready members.
    fn wake_time(&self) -> Option<Instant> {
        let retry = self.timers.peek().map(|Reverse((at, _))| *at);
        let sweep = (self.shared.member_count() > 0).then(|| self.last_sweep.checked_add(SWEEP_INTERVAL)).flatten();
        retry.into_iter().chain(sweep).min()
    }

    fn process(&mut self, member: Arc<MemberState>) {
        match self.deliver(&member) {
            Outcome::Idle => self.shared.ready_queue.finish_one(),
            Outcome::Ready => self.shared.ready_queue.requeue(member),
            Outcome::RetryIn(wait) => {
                let now = Instant::now();
                self.timers.push(Reverse((now.checked_add(wait).unwrap_or(now), member.id)));
                self.delayed.insert(member.id, member);
            }
            Outcome::Ended => {
                self.shared.end_member(&member);
                self.shared.ready_queue.finish_one();
            }
        }
    }

    /// Writes what can be written without blocking.
    fn deliver(&mut self, member: &MemberState) -> Outcome {
        let connection = {
            let queue = member.queue();
            let Some(sender) = &queue.sender else { return Outcome::Ended };
            sender.connection().clone()
        };
        self.write_batch(member, &connection).unwrap_or_else(|TimedOut(step)| {
            connection.abort_with(Error::Timeout(step));
            Outcome::Ended
        })
    }

    fn write_batch(&mut self, member: &MemberState, connection: &Connection) -> Result<Outcome, TimedOut> {
        let closing = {
            let mut queue = member.queue();
            let closing = matches!(queue.membership, Membership::Closing(..));
            if !closing {
                member.take_batch(&mut queue, &mut self.batch);
            }
            closing
        };
        if closing {
            return drive_close(member, connection);
        }
        let batch = &mut self.batch;
        let before = batch_cost(batch);
        // A source of masking keys is user code and may panic.
        let report = panics::catch(|| connection.write_shared(batch)).unwrap_or_else(|| {
            connection.abort();
            WriteReport { status: ConnectionStatus::Closed, bytes_written: 0, drained: false, in_flight: 0 }
        });
        let taken = before.saturating_sub(batch_cost(&self.batch));
        let mut queue = member.queue();
        member.return_batch(&mut queue, taken, &mut self.batch, report);
        outcome_of(&mut queue, connection, report)
    }

    /// Schedules members whose connections have ended, so that they are removed.
    fn sweep(&mut self) {
        if self.last_sweep.elapsed() < SWEEP_INTERVAL {
            return;
        }
        self.last_sweep = Instant::now();
        for member_ref in self.shared.lock_table().iter() {
            let mut queue = member_ref.state.queue();
            let ended = queue.sender.as_ref().is_some_and(|sender| !sender.is_open());
            if ended && queue.schedule() {
                self.shared.ready_queue.push(member_ref.state.clone());
            }
        }
    }

    /// Makes one last attempt for each scheduled member, then removes all members.
    fn shut_down(mut self) {
        let rest = self.shared.ready_queue.drain();
        let delayed = mem::take(&mut self.delayed).into_values();
        for member in rest.into_iter().chain(delayed) {
            let _ = self.deliver(&member);
            self.shared.end_member(&member);
        }
        let members: Vec<_> = self.shared.lock_table().iter().map(|member_ref| member_ref.state.clone()).collect();
        for member in members {
            self.shared.end_member(&member);
        }
        self.shared.ready_queue.clear();
    }
}

/// Evaluates the table above.
fn outcome_of(queue: &mut MemberQueue, connection: &Connection, report: WriteReport) -> Result<Outcome, TimedOut> {
    match report.status {
        ConnectionStatus::Closed => return Ok(Outcome::Ended),
        ConnectionStatus::Full if is_write_overdue(queue, connection, report.bytes_written) => {
            return Err(TimedOut(Step::Write));
        }
        ConnectionStatus::Full | ConnectionStatus::Ready | ConnectionStatus::Busy => {}
    }
    if report.status != ConnectionStatus::Full {
        queue.retry_timer.full_since = None;
    }
    match queue.membership {
        // Another thread filled the queue in the meantime.
        Membership::Closing(..) => return Ok(Outcome::Ready),
        Membership::Active | Membership::Leaving => {}
    }
    if queue.is_idle() {
        queue.retry_timer.delay = Duration::ZERO;
        return Ok(match queue.membership {
            Membership::Active => {
                queue.scheduling = Scheduling::Idle;
                Outcome::Idle
            }
            Membership::Closing(..) | Membership::Leaving => Outcome::Ended,
        });
    }
    Ok(match report.status {
        ConnectionStatus::Ready if queue.has_frames() => Outcome::Ready,
        ConnectionStatus::Full if report.bytes_written > 0 => retry_later(queue, (FULL_BACKOFF.0, FULL_BACKOFF.0)),
        ConnectionStatus::Full => retry_later(queue, FULL_BACKOFF),
        ConnectionStatus::Ready | ConnectionStatus::Busy | ConnectionStatus::Closed => retry_later(queue, BUSY_BACKOFF),
    })
}

/// Doubles the last delay, within these bounds.
fn retry_later(queue: &mut MemberQueue, (min, max): (Duration, Duration)) -> Outcome {
    queue.retry_timer.delay = queue.retry_timer.delay.saturating_mul(2).clamp(min, max);
    Outcome::RetryIn(queue.retry_timer.delay)
}

/// Whether a full socket buffer has accepted too little within the write timeout.
fn is_write_overdue(queue: &mut MemberQueue, connection: &Connection, bytes_written: usize) -> bool {
    let now = Instant::now();
    let (since, progress) = queue.retry_timer.full_since.get_or_insert((now, 0));
    *progress = progress.saturating_add(bytes_written);
    if *progress >= MIN_PROGRESS {
        (*since, *progress) = (now, 0);
    }
    now.saturating_duration_since(*since) >= connection.timeouts.write
}

/// Closes a member whose queue overflowed: writes the Close as soon as there is room, and enforces the deadline.
fn drive_close(member: &MemberState, connection: &Connection) -> Result<Outcome, TimedOut> {
    let mut queue = member.queue();
    let Membership::Closing(code, deadline) = queue.membership else { return Ok(Outcome::Ready) };
    let Some(deadline) = deadline.or_else(|| connection.begin_close(code, OVERFLOW_REASON)) else {
        return Ok(Outcome::Ended);
    };
    queue.membership = Membership::Closing(code, Some(deadline));
    drop(queue);
    let status = connection.poll_close();
    let mut queue = member.queue();
    match status {
        ConnectionStatus::Ready => member.count_in_flight_sent(&mut queue),
        ConnectionStatus::Full | ConnectionStatus::Busy => {}
        ConnectionStatus::Closed => return Ok(Outcome::Ended),
    }
    match deadline.is_expired() {
        true => Err(TimedOut(Step::Close)),
        false => Ok(retry_later(&mut queue, FULL_BACKOFF)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame::Role;
    use crate::connection::shared_frame::Encoding;
    use crate::connection::testing::{long_timeouts, websocket, Peer};
    use crate::connection::websocket::WebSocket;
    use crate::events::sink::Origin;
    use crate::hub::limits::HubLimits;
    use crate::message::MessageKind;
    use crate::net::deadline::Deadline;

    /// A hub whose thread is the one of the test, with one member.
    struct Fixture {
        thread: DeliveryThread,
        member: Arc<MemberState>,
        ws: WebSocket,
        _peer: Peer,
    }

    fn fixture() -> Fixture {
        let shared = Arc::new(SharedHub::new(HubLimits::default()));
        let (ws, peer) = websocket(Role::Server, long_timeouts());
        let member = shared.add(ws.sender());
        Fixture { thread: DeliveryThread::new(shared), member, ws, _peer: peer }
    }

    impl Fixture {
        /// What an attempt decides after the connection has reported this.
        fn outcome(&self, status: ConnectionStatus) -> &'static str {
            let report = WriteReport { status, bytes_written: 0, drained: false, in_flight: 0 };
            let outcome = outcome_of(&mut self.member.queue(), self.ws.shared_connection(), report);
            name(outcome)
        }

        fn drive_close(&self) -> &'static str {
            name(drive_close(&self.member, self.ws.shared_connection()))
        }
    }

    fn name(outcome: Result<Outcome, TimedOut>) -> &'static str {
        match outcome {
            Ok(Outcome::Idle) => "idle",
            Ok(Outcome::Ready) => "ready",
            Ok(Outcome::RetryIn(_)) => "retry",
            Ok(Outcome::Ended) => "ended",
            Err(TimedOut(_)) => "timed out",
        }
    }

    fn frame() -> SharedFrame {
        SharedFrame { bytes: b"\x81\0"[..].into(), encoding: Encoding::AsIs, origin: Origin::Outside }
    }

    /// Other threads change the member between the attempt and its evaluation.
    #[test]
    fn an_attempt_heeds_what_has_changed_meanwhile() {
        let hub = fixture();
        assert_eq!(hub.outcome(ConnectionStatus::Ready), "idle");
        assert_eq!(hub.outcome(ConnectionStatus::Closed), "ended");
        hub.member.queue().membership = Membership::Leaving;
        assert_eq!(hub.outcome(ConnectionStatus::Ready), "ended", "it has left, and nothing is in flight");
        hub.member.queue().membership = Membership::Closing(CloseCode::POLICY, None);
        assert_eq!(hub.outcome(ConnectionStatus::Ready), "ready", "its queue has overflowed");
        // A connection that accepts more, although a message is in flight with another thread.
        hub.member.queue().membership = Membership::Active;
        let (mut batch, report) = (VecDeque::new(), |in_flight| WriteReport {
            status: ConnectionStatus::Ready,
            bytes_written: 0,
            drained: true,
            in_flight,
        });
        hub.member.return_batch(&mut hub.member.queue(), 0, &mut batch, report(1));
        assert_eq!(hub.outcome(ConnectionStatus::Ready), "retry");
        hub.member.push(frame(), MessageKind::Text, &HubLimits::default());
        assert_eq!(hub.outcome(ConnectionStatus::Ready), "ready");
    }

    #[test]
    fn closing_a_member_ends_with_its_connection() {
        let hub = fixture();
        assert_eq!(hub.drive_close(), "ready", "it is not closing");
        hub.member.queue().membership = Membership::Closing(CloseCode::POLICY, None);
        assert_eq!(hub.drive_close(), "retry", "until the peer has answered");
        hub.member.queue().membership = Membership::Closing(CloseCode::POLICY, Some(Deadline::now()));
        assert_eq!(hub.drive_close(), "timed out");
        hub.ws.shared_connection().abort();
        assert_eq!(hub.drive_close(), "ended");
        hub.member.queue().membership = Membership::Closing(CloseCode::POLICY, None);
        assert_eq!(hub.drive_close(), "ended", "before the Close is scheduled");
    }

    #[test]
    fn a_member_that_has_left_before_its_attempt_is_ended() {
        let mut hub = fixture();
        hub.thread.shared.leave(&hub.member);
        assert_eq!(name(Ok(hub.thread.deliver(&hub.member))), "ended");
    }

    #[test]
    fn the_search_for_ended_connections_schedules_each_member_once() {
        let mut hub = fixture();
        let mut sweep = || {
            hub.thread.last_sweep -= SWEEP_INTERVAL;
            hub.thread.sweep();
            hub.thread.shared.ready_queue.drain().len()
        };
        assert_eq!(sweep(), 0, "the connection is open");
        hub.ws.shared_connection().abort();
        assert_eq!((sweep(), sweep()), (1, 0));
    }
}
