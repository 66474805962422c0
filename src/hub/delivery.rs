//! The one thread of a hub: it takes members from the agenda, one after the other, and hands over what waits for them.
//! It never waits for any of them. When a visit has not settled a member, it depends on how the connection was found:
//!
//! | found | next visit |
//! |---|---|
//! | it takes more | after all others that are ready |
//! | the network is full | after 2 ms, doubled each time in which nothing moved, up to 64 ms |
//! | another thread writes | after 1 ms, doubled each time, up to 8 ms |
//! | a Close was written | after 2 ms, doubled each time, up to 64 ms, until the connection is over |
//! | over | none: it is no member any more |
//!
//! A connection that takes less than 64 KiB in [`Timeouts::write`](crate::Timeouts::write) while its network is full is
//! cut off, as by any other who sends. One that is being closed has [`Timeouts::close`](crate::Timeouts::close).
//! Every five seconds the courier looks for members whose connections are over, if nothing else told it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::OVERFLOW_REASON;
use super::member_state::{batch_cost, MemberQueue, MemberState, Membership, Scheduling};
use super::ready_queue::Work;
use crate::connection::nonblocking::{ConnectionStatus, WriteReport};
use crate::connection::shared::Connection;
use crate::connection::shared_frame::SharedFrame;
use crate::error::{Error, Step};
use crate::hub::SharedHub;

/// How soon a full network is tried again, at first and at last.
const FULL_BACKOFF: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(64));
/// How soon a connection is tried again on which another thread writes.
const BUSY_BACKOFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(8));
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// A connection whose network is full must take so many bytes within the time for a write.
const MIN_PROGRESS: usize = 64 << 10;

pub(super) struct DeliveryThread {
    shared: Arc<SharedHub>,
    /// When to come back to whom. Only members that are on the agenda and not ready.
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    delayed: HashMap<u64, Arc<MemberState>>,
    /// Kept for its memory.
    batch: VecDeque<SharedFrame>,
    last_sweep: Instant,
}

/// What a visit leads to.
enum Outcome {
    /// Nothing waits any more.
    Idle,
    /// There is more, and it can be done at once.
    Ready,
    RetryIn(Duration),
    /// It is no member any more, and may be forgotten.
    Ended,
}

/// What a peer was too late with: its connection is cut off, and not under the inbox, because that may call code of the user.
struct Late(Step);

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
            // In turns: neither those who are late nor those who are ready keep the others waiting.
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

    /// The next one that was put off until now.
    fn pop_due(&mut self) -> Option<Arc<MemberState>> {
        let Reverse((at, id)) = *self.timers.peek()?;
        if at > Instant::now() {
            return None;
        }
        self.timers.pop();
        self.delayed.remove(&id)
    }

    /// When to stop waiting for something to do.
    fn wake_time(&self) -> Option<Instant> {
        let later = self.timers.peek().map(|Reverse((at, _))| *at);
        let sweep = (self.shared.member_count.load(Ordering::SeqCst) > 0)
            .then(|| self.last_sweep.checked_add(SWEEP_INTERVAL))
            .flatten();
        later.into_iter().chain(sweep).min()
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

    /// Hands over what goes without waiting.
    fn deliver(&mut self, member: &MemberState) -> Outcome {
        let connection = {
            let queue = member.queue();
            let Some(sender) = &queue.sender else { return Outcome::Ended };
            sender.connection().clone()
        };
        self.go_on(member, &connection).unwrap_or_else(|Late(step)| {
            connection.abort_with(Error::Timeout(step));
            Outcome::Ended
        })
    }

    fn go_on(&mut self, member: &MemberState, connection: &Connection) -> Result<Outcome, Late> {
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
        // A source of masking keys is the user's code, and may panic.
        let report =
            panic::catch_unwind(AssertUnwindSafe(|| connection.write_shared(batch))).unwrap_or_else(|payload| {
                // Dropping it could panic again.
                mem::forget(payload);
                connection.abort();
                WriteReport { status: ConnectionStatus::Closed, bytes_written: 0, drained: false, in_flight: 0 }
            });
        let taken = before.saturating_sub(batch_cost(&self.batch));
        let mut queue = member.queue();
        member.return_batch(&mut queue, taken, &mut self.batch, report);
        outcome_of(&mut queue, connection, report)
    }

    /// Members whose connections are over, and to whom nothing was sent since.
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

    /// One last visit to each for whom something waits, and then the members are let go.
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

/// The table above.
fn outcome_of(queue: &mut MemberQueue, connection: &Connection, report: WriteReport) -> Result<Outcome, Late> {
    match report.status {
        ConnectionStatus::Closed => return Ok(Outcome::Ended),
        ConnectionStatus::Full if is_write_overdue(queue, connection, report.bytes_written) => {
            return Err(Late(Step::Write));
        }
        ConnectionStatus::Full | ConnectionStatus::Ready | ConnectionStatus::Busy => {}
    }
    if report.status != ConnectionStatus::Full {
        queue.retry_timer.full_since = None;
    }
    match queue.membership {
        // That happened meanwhile.
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

/// Twice as long as the last time, within these bounds.
fn retry_later(queue: &mut MemberQueue, (min, max): (Duration, Duration)) -> Outcome {
    queue.retry_timer.delay = queue.retry_timer.delay.saturating_mul(2).clamp(min, max);
    Outcome::RetryIn(queue.retry_timer.delay)
}

/// Whether a full network stays full for too long.
fn is_write_overdue(queue: &mut MemberQueue, connection: &Connection, bytes_written: usize) -> bool {
    let now = Instant::now();
    let (since, progress) = queue.retry_timer.full_since.get_or_insert((now, 0));
    *progress = progress.saturating_add(bytes_written);
    if *progress >= MIN_PROGRESS {
        (*since, *progress) = (now, 0);
    }
    now.saturating_duration_since(*since) >= connection.timeouts.write
}

/// For a member that was too slow: a Close, as soon as there is room, and the end in time.
fn drive_close(member: &MemberState, connection: &Connection) -> Result<Outcome, Late> {
    let mut queue = member.queue();
    let Membership::Closing(code, by) = queue.membership else { return Ok(Outcome::Ready) };
    let Some(by) = by.or_else(|| connection.begin_close(code, OVERFLOW_REASON)) else { return Ok(Outcome::Ended) };
    queue.membership = Membership::Closing(code, Some(by));
    drop(queue);
    let status = connection.poll_close();
    let mut queue = member.queue();
    match status {
        ConnectionStatus::Ready => member.count_in_flight_sent(&mut queue),
        ConnectionStatus::Full | ConnectionStatus::Busy => {}
        ConnectionStatus::Closed => return Ok(Outcome::Ended),
    }
    match by.is_expired() {
        true => Err(Late(Step::Close)),
        false => Ok(retry_later(&mut queue, FULL_BACKOFF)),
    }
}
