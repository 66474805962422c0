//! One member: what waits for it, and what became of the messages meant for it.
//!
//! Plain state under one mutex, which is held for moments and never while anything is written.
//!
//! Each message meant for a member is counted once, in exactly one of these: waiting, sent, dropped, lost. Waiting are
//! those in `frames`, those in the courier's hands, and those on their way in the connection (`flying`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::{HubLimits, OverflowPolicy};
use crate::close::CloseCode;
use crate::connection::nonblocking::WriteReport;
use crate::connection::sender::Sender;
use crate::connection::shared_frame::SharedFrame;
use crate::message::MessageKind;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Lock, Locked};

/// What a message costs beside its frame.
const MESSAGE_OVERHEAD: usize = 64;
/// The courier takes so many bytes at a time, and one message at least.
const MAX_BATCH_BYTES: usize = 64 << 10;

pub(super) struct MemberState {
    pub(super) id: u64,
    queue: Lock<MemberQueue>,
    total_stats: Arc<TotalStats>,
}

pub(super) struct MemberQueue {
    /// `None`: it has left, or the connection is over.
    pub(super) sender: Option<Sender>,
    pub(super) membership: Membership,
    pub(super) scheduling: Scheduling,
    frames: VecDeque<SharedFrame>,
    /// What they cost, and those in the courier's hands.
    cost: usize,
    /// So many are on their way in the connection, and not known to be with the kernel.
    in_flight: usize,
    in_batch: usize,
    stats: DeliveryStats,
    pub(super) retry_timer: RetryTimer,
}

/// Whether it is a member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Membership {
    Active,
    /// It was too slow: it is being closed, and has to be gone by then.
    Closing(CloseCode, Option<Deadline>),
    /// It left; what was on its way then is seen through.
    Leaving,
}

/// Where the courier will find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheduling {
    /// Nothing waits for it.
    Idle,
    /// On the agenda, or with the courier, now or later.
    Scheduled,
}

/// For the courier: when to come back.
#[derive(Debug, Default)]
pub(super) struct RetryTimer {
    pub(super) delay: Duration,
    /// The network is full since then, or since the last 64 KiB went, and so many have gone since.
    pub(super) full_since: Option<(Instant, usize)>,
}

/// What became of messages, for one member ([`Member::stats`](crate::Member::stats)) or for all that a hub ever had
/// ([`Hub::stats`](crate::Hub::stats)). Each message meant for a member is in one of the first four.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Waiting to be written.
    pub waiting: u64,
    /// Written: the kernel has them.
    pub sent: u64,
    /// Dropped because the backlog was full, or because the connection cannot carry such a message.
    pub dropped: u64,
    /// Not sent because the connection ended or was closed, because the member left, or because the hub ended.
    pub lost: u64,
    /// Members closed because their backlog was full.
    pub closed: u64,
}

/// The counts of a hub.
#[derive(Debug, Default)]
pub(super) struct TotalStats {
    accepted: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    closed: AtomicU64,
}

impl TotalStats {
    pub(super) fn stats(&self) -> DeliveryStats {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (sent, dropped, lost) = (load(&self.sent), load(&self.dropped), load(&self.lost));
        // Read last, so that it is not behind the others.
        let done = sent.saturating_add(dropped).saturating_add(lost);
        let waiting = load(&self.accepted).saturating_sub(done);
        DeliveryStats { waiting, sent, dropped, lost, closed: load(&self.closed) }
    }
}

fn add_to(one: &mut u64, all: &AtomicU64, count: usize) {
    *one = one.saturating_add(count as u64);
    all.fetch_add(count as u64, Ordering::Relaxed);
}

/// What became of a message that was handed to a hub for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueOutcome {
    /// It waits to be written.
    Queued,
    /// The backlog was full, or the connection cannot carry such a message.
    Dropped,
    /// The connection is over or being closed, or this is no member any more.
    Closed,
}

impl MemberState {
    pub(super) fn new(id: u64, sender: Sender, total_stats: Arc<TotalStats>) -> MemberState {
        let queue = MemberQueue {
            sender: Some(sender),
            membership: Membership::Active,
            scheduling: Scheduling::Idle,
            frames: VecDeque::new(),
            cost: 0,
            in_flight: 0,
            in_batch: 0,
            stats: DeliveryStats::default(),
            retry_timer: RetryTimer::default(),
        };
        MemberState { id, queue: Lock::new(queue), total_stats }
    }

    pub(super) fn queue(&self) -> Locked<'_, MemberQueue> {
        self.queue.lock()
    }

    pub(super) fn stats(&self) -> DeliveryStats {
        let queue = self.queue();
        let waiting = queue.frames.len().saturating_add(queue.in_batch).saturating_add(queue.in_flight);
        DeliveryStats { waiting: waiting as u64, ..queue.stats }
    }

    /// Puts a message behind those that wait. True if the courier has to be told.
    pub(super) fn push(&self, frame: SharedFrame, kind: MessageKind, limits: &HubLimits) -> (QueueOutcome, bool) {
        let queue = &mut *self.queue();
        let (Membership::Active, Some(sender)) = (queue.membership, &queue.sender) else {
            return (QueueOutcome::Closed, false);
        };
        self.total_stats.accepted.fetch_add(1, Ordering::Relaxed);
        if !sender.connection().supports(kind) {
            self.count_dropped(queue, 1);
            return (QueueOutcome::Dropped, false);
        }
        let cost = queue_cost(&frame);
        if queue.cost > 0 && queue.cost.saturating_add(cost) > limits.max_queue_bytes {
            match limits.overflow_policy {
                OverflowPolicy::DropNewest => {
                    self.count_dropped(queue, 1);
                    return (QueueOutcome::Dropped, false);
                }
                OverflowPolicy::DropOldest => self.drop_oldest(queue, cost, limits.max_queue_bytes),
                OverflowPolicy::Close(code) => {
                    self.count_lost(queue, 1);
                    self.discard_queued(queue);
                    queue.membership = Membership::Closing(code, None);
                    add_to(&mut queue.stats.closed, &self.total_stats.closed, 1);
                    return (QueueOutcome::Closed, queue.schedule());
                }
            }
        }
        queue.cost = queue.cost.saturating_add(cost);
        queue.frames.push_back(frame);
        (QueueOutcome::Queued, queue.schedule())
    }

    /// What the courier has in hand cannot be dropped any more.
    fn drop_oldest(&self, queue: &mut MemberQueue, cost: usize, max_queue_bytes: usize) {
        while queue.cost.saturating_add(cost) > max_queue_bytes {
            let Some(oldest) = queue.frames.pop_front() else { return };
            queue.cost = queue.cost.saturating_sub(queue_cost(&oldest));
            self.count_dropped(queue, 1);
        }
    }

    fn count_dropped(&self, queue: &mut MemberQueue, count: usize) {
        add_to(&mut queue.stats.dropped, &self.total_stats.dropped, count);
    }

    fn count_lost(&self, queue: &mut MemberQueue, count: usize) {
        add_to(&mut queue.stats.lost, &self.total_stats.lost, count);
    }

    fn count_sent(&self, queue: &mut MemberQueue, count: usize) {
        add_to(&mut queue.stats.sent, &self.total_stats.sent, count);
    }

    /// What waits is lost; what is on its way is not, yet.
    pub(super) fn discard_queued(&self, queue: &mut MemberQueue) {
        self.count_lost(queue, queue.frames.len());
        for frame in queue.frames.drain(..) {
            queue.cost = queue.cost.saturating_sub(queue_cost(&frame));
        }
        queue.frames.shrink_to(4);
    }

    /// Gives the courier some of what waits.
    pub(super) fn take_batch(&self, queue: &mut MemberQueue, batch: &mut VecDeque<SharedFrame>) {
        let mut bytes = 0_usize;
        while let Some(frame) = queue.frames.pop_front() {
            bytes = bytes.saturating_add(frame.bytes.len());
            batch.push_back(frame);
            if bytes >= MAX_BATCH_BYTES {
                break;
            }
        }
        queue.in_batch = batch.len();
    }

    /// Takes back what the courier could not hand over, and notes what became of the rest.
    pub(super) fn return_batch(
        &self,
        queue: &mut MemberQueue,
        taken: usize,
        batch: &mut VecDeque<SharedFrame>,
        report: WriteReport,
    ) {
        let handed_over = queue.in_batch.saturating_sub(batch.len());
        queue.in_batch = 0;
        let before = queue.in_flight;
        queue.in_flight = if report.drained { report.in_flight } else { before.saturating_add(handed_over) };
        self.count_sent(queue, before.saturating_add(handed_over).saturating_sub(queue.in_flight));
        queue.cost = queue.cost.saturating_sub(taken);
        while let Some(frame) = batch.pop_back() {
            queue.frames.push_front(frame);
        }
        if !matches!(queue.membership, Membership::Active) {
            self.discard_queued(queue);
        } else if queue.frames.is_empty() {
            // After a long backlog.
            queue.frames.shrink_to(64);
        }
    }

    /// All that was on its way is with the kernel.
    pub(super) fn count_in_flight_sent(&self, queue: &mut MemberQueue) {
        let in_flight = std::mem::take(&mut queue.in_flight);
        self.count_sent(queue, in_flight);
    }

    /// Nothing more goes to this member. Gives what has to be dropped without holding any lock.
    pub(super) fn close(&self, queue: &mut MemberQueue) -> Option<Sender> {
        self.discard_queued(queue);
        let in_flight = std::mem::take(&mut queue.in_flight);
        self.count_lost(queue, in_flight);
        queue.scheduling = Scheduling::Idle;
        queue.sender.take()
    }
}

impl MemberQueue {
    /// Whether there is nothing more to do for it.
    pub(super) fn is_idle(&self) -> bool {
        self.frames.is_empty() && self.in_flight == 0
    }

    pub(super) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// True if it was not there.
    pub(super) fn schedule(&mut self) -> bool {
        let idle = self.scheduling == Scheduling::Idle;
        self.scheduling = Scheduling::Scheduled;
        idle
    }
}

/// What a frame costs a backlog.
fn queue_cost(frame: &SharedFrame) -> usize {
    frame.bytes.len().saturating_add(MESSAGE_OVERHEAD)
}

/// What some parcels cost a backlog.
pub(super) fn batch_cost(frames: &VecDeque<SharedFrame>) -> usize {
    frames.iter().fold(0, |sum, frame| sum.saturating_add(queue_cost(frame)))
}
