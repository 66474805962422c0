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
            WriteReport { status: ConnectionStatus::Closed, ..WriteReport::empty() }
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
    let Membership::Closing(code) = member.queue().membership else { return Ok(Outcome::Ready) };
    // The first call schedules the Close, and sets the deadline that each call returns.
    let Some(deadline) = connection.begin_close(code, OVERFLOW_REASON) else { return Ok(Outcome::Ended) };
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
    use super::super::limits::HubLimits;
    use super::super::member_state::tests::{frame, member};
    use super::super::member_state::RetryTimer;
    use super::super::ready_queue::tests::active;
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame::{Opcode, Role};
    use crate::config::Timeouts;
    use crate::connection::testing::{
        client_with_keys, long_timeouts, under_watchdog, wait_until, websocket, Peer, LARGE, LONG,
    };
    use crate::connection::websocket::WebSocket;
    use crate::message::{MessageKind, MessageRef};
    use crate::net::deadline::Deadline;
    use crate::primitives::random::RandomSource;
    use std::thread;

    fn report(status: ConnectionStatus, bytes_written: usize) -> WriteReport {
        WriteReport { status, bytes_written, drained: false, in_flight: 0 }
    }

    fn retries_in(outcome: Result<Outcome, TimedOut>, milliseconds: u64) -> bool {
        matches!(outcome, Ok(Outcome::RetryIn(wait)) if wait == Duration::from_millis(milliseconds))
    }

    #[test]
    fn delays_are_doubled_up_to_the_longest() {
        for (status, written, delays) in [
            (ConnectionStatus::Full, 0, &[2, 4, 8, 16, 32, 64, 64][..]),
            (ConnectionStatus::Full, 1, &[2, 2, 2]),
            (ConnectionStatus::Busy, 0, &[1, 2, 4, 8, 8]),
        ] {
            let (member, ws, _peer) = member(0, long_timeouts());
            member.push(frame(1), MessageKind::Text, &HubLimits::default());
            for &delay in delays {
                let outcome = outcome_of(&mut member.queue(), ws.shared_connection(), report(status, written));
                assert!(retries_in(outcome, delay), "{status:?} {delay}");
            }
        }
    }

    #[test]
    fn the_next_attempt_is_that_of_the_table() {
        let (member, ws, _peer) = member(0, long_timeouts());
        let after = |status| outcome_of(&mut member.queue(), ws.shared_connection(), report(status, 0));
        let set = |membership| member.queue().membership = membership;
        member.queue().schedule();
        member.queue().retry_timer = RetryTimer { delay: FULL_BACKOFF.1, full_since: Some((Instant::now(), 0)) };
        assert!(matches!(after(ConnectionStatus::Ready), Ok(Outcome::Idle)));
        assert_eq!(member.queue().scheduling, Scheduling::Idle);
        assert!(member.queue().retry_timer.delay.is_zero() && member.queue().retry_timer.full_since.is_none());
        assert!(matches!(after(ConnectionStatus::Closed), Ok(Outcome::Ended)));
        set(Membership::Leaving);
        assert!(matches!(after(ConnectionStatus::Ready), Ok(Outcome::Ended)));
        set(Membership::Closing(CloseCode::POLICY));
        assert!(matches!(after(ConnectionStatus::Ready), Ok(Outcome::Ready)));
        set(Membership::Active);
        // The connection has taken a frame, and the kernel has not.
        let in_flight = WriteReport { drained: true, in_flight: 1, ..report(ConnectionStatus::Ready, 0) };
        member.return_batch(&mut member.queue(), 0, &mut VecDeque::new(), in_flight);
        assert!(retries_in(after(ConnectionStatus::Ready), 1));
        member.push(frame(1), MessageKind::Text, &HubLimits::default());
        assert!(matches!(after(ConnectionStatus::Ready), Ok(Outcome::Ready)));
    }

    #[test]
    fn a_full_connection_has_to_accept_64_kib_within_the_write_timeout() {
        let timeouts = Timeouts { write: Duration::from_secs(30), ..long_timeouts() };
        let (member, ws, _peer) = member(0, timeouts);
        member.push(frame(1), MessageKind::Text, &HubLimits::default());
        let after = |status, written| outcome_of(&mut member.queue(), ws.shared_connection(), report(status, written));
        let full = ConnectionStatus::Full;
        let since = Instant::now().checked_sub(timeouts.write).unwrap();
        for (before, written, overdue) in [(0, 0, true), (0, 65_535, true), (0, 65_536, false), (65_000, 536, false)] {
            member.queue().retry_timer.full_since = Some((since, before));
            let timed_out = matches!(after(full, written), Err(TimedOut(Step::Write)));
            assert_eq!(timed_out, overdue, "{before} {written}");
            let restarted = member.queue().retry_timer.full_since.is_some_and(|(at, count)| at > since && count == 0);
            assert_eq!(restarted, !overdue, "{before} {written}");
        }
        // The time begins with the first full buffer, and ends when it is no longer full.
        member.queue().retry_timer.full_since = None;
        assert!(after(full, 7).is_ok() && member.queue().retry_timer.full_since.is_some_and(|(_, count)| count == 7));
        assert!(after(ConnectionStatus::Busy, 0).is_ok() && member.queue().retry_timer.full_since.is_none());
    }

    #[test]
    fn a_member_that_overflowed_is_closed_by_a_deadline() {
        let (member, mut ws, mut peer) = member(0, long_timeouts());
        let connection = ws.shared_connection().clone();
        member.queue().membership = Membership::Closing(CloseCode::POLICY);
        for delay in [2, 4, 8, 16, 32, 64, 64] {
            assert!(retries_in(drive_close(&member, &connection), delay), "{delay}");
        }
        let body = [&1008_u16.to_be_bytes()[..], OVERFLOW_REASON.as_bytes()].concat();
        assert_eq!(peer.frame(), Some((true, Opcode::Close, body)));
        ws.abort();
        assert!(matches!(drive_close(&member, &connection), Ok(Outcome::Ended)));
        member.queue().membership = Membership::Active;
        assert!(matches!(drive_close(&member, &connection), Ok(Outcome::Ready)));
        let (late, ws, _peer) = self::member(0, Timeouts { close: Duration::ZERO, ..long_timeouts() });
        late.queue().membership = Membership::Closing(CloseCode::POLICY);
        assert!(matches!(drive_close(&late, ws.shared_connection()), Err(TimedOut(Step::Close))));
    }

    /// A hub whose thread is the one of the test, with one member.
    fn hub_of_one() -> (DeliveryThread, Arc<MemberState>, WebSocket, Peer) {
        let shared = Arc::new(SharedHub::new(HubLimits::default()));
        let (ws, peer) = websocket(Role::Server, long_timeouts());
        let member = shared.add(ws.sender());
        (DeliveryThread::new(shared), member, ws, peer)
    }

    #[test]
    fn a_member_that_has_left_before_its_attempt_is_ended() {
        let (mut thread, member, _ws, _peer) = hub_of_one();
        thread.shared.leave(&member);
        assert!(matches!(thread.deliver(&member), Outcome::Ended));
    }

    fn message() -> MessageRef<'static> {
        MessageRef::from_validated(MessageKind::Text, b"news")
    }

    fn news() -> Option<(bool, Opcode, Vec<u8>)> {
        Some((true, Opcode::Data(MessageKind::Text), b"news".to_vec()))
    }

    /// Queues a message, and takes its only recipient from the ready queue.
    fn scheduled(thread: &DeliveryThread, message: MessageRef<'_>, except: Option<u64>) -> Arc<MemberState> {
        assert_eq!(thread.shared.broadcast(message, None, except), 1);
        match thread.shared.ready_queue.next(None) {
            Work::Deliver(member) => member,
            Work::TimerDue | Work::Shutdown => panic!("no member is ready"),
        }
    }

    /// Numbers of active members, of timers, of delayed members, and of members.
    fn counts(thread: &DeliveryThread) -> (usize, usize, usize, usize) {
        let shared = &thread.shared;
        (active(&shared.ready_queue), thread.timers.len(), thread.delayed.len(), shared.member_count())
    }

    /// Shows promise P10.
    #[test]
    fn a_member_is_idle_or_delayed_or_removed_after_an_attempt() {
        let (mut thread, member, ws, mut peer) = hub_of_one();
        let ready = scheduled(&thread, message(), None);
        thread.process(ready);
        assert_eq!((counts(&thread), member.stats().sent), ((0, 0, 0, 1), 1));
        assert_eq!(peer.frame(), news());
        let ready = scheduled(&thread, message(), None);
        member.queue().membership = Membership::Closing(CloseCode::POLICY);
        thread.process(ready);
        assert_eq!(counts(&thread), (1, 1, 1, 1));
        assert!(matches!(peer.frame(), Some((true, Opcode::Close, _))));
        let [later, now] = [LONG, Duration::ZERO].map(|wait| Reverse((Instant::now() + wait, member.id)));
        thread.timers = BinaryHeap::from([later]);
        assert!(thread.pop_due().is_none());
        thread.timers = BinaryHeap::from([now]);
        let due = thread.pop_due().unwrap();
        assert_eq!(counts(&thread), (1, 0, 0, 1));
        ws.shared_connection().abort();
        thread.process(due);
        assert_eq!((counts(&thread), member.stats().lost), ((0, 0, 0, 0), 1));
    }

    #[test]
    fn a_connection_that_missed_a_deadline_is_aborted() {
        let (mut thread, _member, ..) = hub_of_one();
        let (mut late, _peer) = websocket(Role::Server, Timeouts { close: Duration::ZERO, ..long_timeouts() });
        let member = thread.shared.add(late.sender());
        member.queue().membership = Membership::Closing(CloseCode::POLICY);
        assert!(matches!(thread.deliver(&member), Outcome::Ended));
        assert!(late.shared_connection().begin_close(CloseCode::POLICY, "").is_none(), "it has not ended");
        assert!(matches!(late.recv(), Err(Error::Timeout(Step::Close))));
    }

    #[test]
    fn a_connection_whose_source_of_keys_panics_is_aborted() {
        let (mut thread, ..) = hub_of_one();
        let (ws, _peer) = client_with_keys(RandomSource::from_fn(Box::new(|_| panic!("on purpose"))));
        let member = thread.shared.add(ws.sender());
        member.push(frame(1), MessageKind::Text, &HubLimits::default());
        assert!(matches!(thread.deliver(&member), Outcome::Ended));
        assert!(!ws.sender().is_open());
    }

    #[test]
    fn the_thread_wakes_for_the_next_attempt_and_for_the_search() {
        let (mut thread, member, ..) = hub_of_one();
        let search = thread.last_sweep + SWEEP_INTERVAL;
        assert_eq!(thread.wake_time(), Some(search));
        let attempt = search - Duration::from_secs(1);
        thread.timers.push(Reverse((attempt, member.id)));
        assert_eq!(thread.wake_time(), Some(attempt));
        // Without members there is nothing to search for.
        thread.timers.clear();
        thread.shared.leave(&member);
        assert_eq!(thread.wake_time(), None);
    }

    #[test]
    fn ready_and_delayed_members_are_served_and_ended_ones_are_removed() {
        under_watchdog(|| {
            let (mut thread, member, _ws, mut peer) = hub_of_one();
            let (ended, _other) = websocket(Role::Server, long_timeouts());
            let shared = thread.shared.clone();
            let ended_id = shared.add(ended.sender()).id;
            ended.shared_connection().abort();
            let delayed = scheduled(&thread, message(), Some(ended_id));
            thread.timers.push(Reverse((Instant::now(), member.id)));
            thread.delayed.insert(member.id, delayed);
            thread.last_sweep -= SWEEP_INTERVAL;
            let running = thread::spawn(move || thread.run());
            assert_eq!(peer.frame(), news());
            wait_until(|| shared.member_count() == 1);
            shared.ready_queue.wait_idle(Deadline::after(LONG));
            assert_eq!(shared.broadcast(message(), None, None), 1);
            assert_eq!(peer.frame(), news());
            shared.ready_queue.shut_down();
            running.join().unwrap();
            assert_eq!((shared.member_count(), active(&shared.ready_queue)), (0, 0));
        });
    }

    #[test]
    fn at_the_end_what_needs_no_waiting_is_written_and_the_rest_is_lost() {
        let (mut thread, member, _ws, mut peer) = hub_of_one();
        let shared = thread.shared.clone();
        let (full, _full_peer) = websocket(Role::Server, long_timeouts());
        let leaving = shared.add(full.sender());
        let large = vec![0; LARGE];
        let message_for_one = MessageRef::from_validated(MessageKind::Binary, &large);
        let ready = scheduled(&thread, message_for_one, Some(member.id));
        thread.process(ready);
        shared.leave(&leaving);
        assert_eq!((counts(&thread), leaving.stats().waiting), ((1, 1, 1, 1), 1));
        assert_eq!(shared.broadcast(message(), None, None), 1);
        let (idle, _idle_peer) = websocket(Role::Server, long_timeouts());
        let idle = shared.add(idle.sender());
        thread.shut_down();
        assert_eq!(peer.frame(), news());
        assert!([&member, &leaving, &idle].iter().all(|member| member.queue().sender.is_none()));
        assert_eq!((shared.member_count(), active(&shared.ready_queue)), (0, 0));
        let stats = shared.counters.stats();
        assert_eq!((stats.waiting, stats.sent, stats.lost), (0, 1, 1));
    }

    #[test]
    fn the_search_for_ended_connections_schedules_each_member_once() {
        let begin = Instant::now();
        let long_ago = begin - SWEEP_INTERVAL;
        let (mut thread, _member, ws, _peer) = hub_of_one();
        let mut sweep_after = |last_sweep| {
            thread.last_sweep = last_sweep;
            thread.sweep();
            assert!(thread.last_sweep >= begin, "the time of the search is kept");
            thread.shared.ready_queue.drain().len()
        };
        assert_eq!(sweep_after(long_ago), 0, "the connection is open");
        ws.shared_connection().abort();
        assert_eq!(sweep_after(begin + LONG), 0, "it is too early");
        assert_eq!((sweep_after(long_ago), sweep_after(long_ago)), (1, 0));
    }
}
