//! One member: its queue and its counters.
//!
//! The state is behind one lock, which is never held while bytes are written.
//!
//! Waiting messages are those in `frames`, those in the batch of the delivery thread (`in_batch`), and those that the
//! connection has accepted but not yet passed to the kernel (`in_flight`). Each is later counted as sent, dropped or
//! lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::{HubLimits, OverflowPolicy};
use super::stats::{Counter, Counters, DeliveryStats, QueueOutcome};
use crate::close::CloseCode;
use crate::connection::nonblocking::WriteReport;
use crate::connection::sender::Sender;
use crate::connection::shared_frame::SharedFrame;
use crate::message::MessageKind;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Lock, Locked, UserDrop};

/// Number of bytes counted for each message in addition to its frame.
const MESSAGE_OVERHEAD: usize = 64;
/// Maximum number of bytes in a batch, except that a batch has at least one message.
const MAX_BATCH_BYTES: usize = 64 << 10;

pub(super) struct MemberState {
    pub(super) id: u64,
    queue: Lock<MemberQueue>,
    hub_counters: Arc<Counters>,
}

pub(super) struct MemberQueue {
    /// `None` if the member has left or the connection has ended.
    pub(super) sender: Option<UserDrop<Sender>>,
    pub(super) membership: Membership,
    pub(super) scheduling: Scheduling,
    frames: VecDeque<SharedFrame>,
    /// Number of bytes counted for `frames` and for the batch.
    cost: usize,
    /// Number of messages that the connection has accepted and not yet passed to the kernel.
    in_flight: usize,
    /// Number of messages in the batch of the delivery thread.
    in_batch: usize,
    counters: Counters,
    pub(super) retry_timer: RetryTimer,
}

/// Whether the connection is a member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Membership {
    Active,
    /// Its queue overflowed. The connection is being closed and has to end by this deadline, which is set with the
    /// Close.
    Closing(CloseCode, Option<Deadline>),
    /// It left. Messages in flight are still written.
    Leaving,
}

/// Whether the delivery thread will process the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheduling {
    /// It has nothing to write.
    Idle,
    /// It is in the ready queue, delayed, or being processed.
    Scheduled,
}

/// Retry state of the delivery thread.
#[derive(Debug, Default)]
pub(super) struct RetryTimer {
    pub(super) delay: Duration,
    /// Since when the socket buffer is full, or since the last 64 KiB, and the number of bytes written since then.
    pub(super) full_since: Option<(Instant, usize)>,
}

impl MemberState {
    pub(super) fn new(id: u64, sender: Sender, hub_counters: Arc<Counters>) -> MemberState {
        let queue = MemberQueue {
            sender: Some(UserDrop::new(sender)),
            membership: Membership::Active,
            scheduling: Scheduling::Idle,
            frames: VecDeque::new(),
            cost: 0,
            in_flight: 0,
            in_batch: 0,
            counters: Counters::default(),
            retry_timer: RetryTimer::default(),
        };
        MemberState { id, queue: Lock::new(queue), hub_counters }
    }

    pub(super) fn queue(&self) -> Locked<'_, MemberQueue> {
        self.queue.lock()
    }

    pub(super) fn stats(&self) -> DeliveryStats {
        self.queue().counters.stats()
    }

    /// Counts for this member and for the hub.
    fn count(&self, queue: &MemberQueue, counter: Counter, count: usize) {
        queue.counters.add(counter, count);
        self.hub_counters.add(counter, count);
    }

    /// Queues a message. Returns true if the member has to be added to the ready queue.
    pub(super) fn push(&self, frame: SharedFrame, kind: MessageKind, limits: &HubLimits) -> (QueueOutcome, bool) {
        let queue = &mut *self.queue();
        let (Membership::Active, Some(sender)) = (queue.membership, &queue.sender) else {
            return (QueueOutcome::Closed, false);
        };
        let supported = sender.connection().supports(kind);
        self.count(queue, Counter::Accepted, 1);
        if !supported {
            self.count(queue, Counter::Dropped, 1);
            return (QueueOutcome::Dropped, false);
        }
        let cost = queue_cost(&frame);
        if queue.cost > 0 && queue.cost.saturating_add(cost) > limits.max_queue_bytes {
            match limits.overflow_policy {
                OverflowPolicy::DropNewest => {
                    self.count(queue, Counter::Dropped, 1);
                    return (QueueOutcome::Dropped, false);
                }
                OverflowPolicy::DropOldest => self.drop_oldest(queue, cost, limits.max_queue_bytes),
                OverflowPolicy::Close(code) => {
                    self.count(queue, Counter::Lost, 1);
                    self.discard_queued(queue);
                    queue.membership = Membership::Closing(code, None);
                    self.count(queue, Counter::Closed, 1);
                    return (QueueOutcome::Closed, queue.schedule());
                }
            }
        }
        queue.cost = queue.cost.saturating_add(cost);
        queue.frames.push_back(frame);
        (QueueOutcome::Queued, queue.schedule())
    }

    /// Drops the oldest messages until the new one fits. The batch of the delivery thread cannot be dropped.
    fn drop_oldest(&self, queue: &mut MemberQueue, cost: usize, max_queue_bytes: usize) {
        while queue.cost.saturating_add(cost) > max_queue_bytes {
            let Some(oldest) = queue.frames.pop_front() else { return };
            queue.cost = queue.cost.saturating_sub(queue_cost(&oldest));
            self.count(queue, Counter::Dropped, 1);
        }
    }

    /// Discards the queue. The batch and messages in flight are not affected.
    pub(super) fn discard_queued(&self, queue: &mut MemberQueue) {
        self.count(queue, Counter::Lost, queue.frames.len());
        for frame in queue.frames.drain(..) {
            queue.cost = queue.cost.saturating_sub(queue_cost(&frame));
        }
        queue.frames.shrink_to(4);
    }

    /// Moves messages from the queue to an empty batch.
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

    /// Puts back the messages that the connection did not accept, and counts the others.
    pub(super) fn return_batch(
        &self,
        queue: &mut MemberQueue,
        taken: usize,
        batch: &mut VecDeque<SharedFrame>,
        report: WriteReport,
    ) {
        let accepted = queue.in_batch.saturating_sub(batch.len());
        queue.in_batch = 0;
        let before = queue.in_flight;
        queue.in_flight = if report.drained { report.in_flight } else { before.saturating_add(accepted) };
        self.count(queue, Counter::Sent, before.saturating_add(accepted).saturating_sub(queue.in_flight));
        queue.cost = queue.cost.saturating_sub(taken);
        while let Some(frame) = batch.pop_back() {
            queue.frames.push_front(frame);
        }
        if !matches!(queue.membership, Membership::Active) {
            self.discard_queued(queue);
        } else if queue.frames.is_empty() {
            // The queue may have been long.
            queue.frames.shrink_to(64);
        }
    }

    /// Counts all messages in flight as sent: the kernel has them.
    pub(super) fn count_in_flight_sent(&self, queue: &mut MemberQueue) {
        let in_flight = std::mem::take(&mut queue.in_flight);
        self.count(queue, Counter::Sent, in_flight);
    }

    /// Ends delivery to this member. The caller drops the returned sender after it has released all locks.
    pub(super) fn close(&self, queue: &mut MemberQueue) -> Option<UserDrop<Sender>> {
        self.discard_queued(queue);
        let in_flight = std::mem::take(&mut queue.in_flight);
        self.count(queue, Counter::Lost, in_flight);
        queue.scheduling = Scheduling::Idle;
        queue.sender.take()
    }
}

impl MemberQueue {
    /// Whether nothing is left to write.
    pub(super) fn is_idle(&self) -> bool {
        self.frames.is_empty() && self.in_flight == 0
    }

    pub(super) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Returns true if the member was idle.
    pub(super) fn schedule(&mut self) -> bool {
        let idle = self.scheduling == Scheduling::Idle;
        self.scheduling = Scheduling::Scheduled;
        idle
    }
}

/// Number of bytes counted for a frame.
fn queue_cost(frame: &SharedFrame) -> usize {
    frame.bytes.len().saturating_add(MESSAGE_OVERHEAD)
}

/// Number of bytes counted for a batch.
pub(super) fn batch_cost(frames: &VecDeque<SharedFrame>) -> usize {
    frames.iter().fold(0, |sum, frame| sum.saturating_add(queue_cost(frame)))
}

#[cfg(all(test, feature = "legacy"))]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::config::{Limits, Timeouts};
    use crate::connection::framing::Codec;
    use crate::connection::shared_frame::Encoding;
    use crate::connection::websocket::{ConnectionInfo, WebSocket};
    use crate::events::sink::Origin;
    use crate::legacy::handshake::NegotiatedDraft;
    use crate::legacy::table::DraftSpec;
    use crate::legacy::Version;
    use crate::net::stream::tests::sockets;
    use crate::net::stream::Stream;

    /// A version without binary messages gets none, and the counters of its member say so.
    #[test]
    fn a_binary_message_is_dropped_for_a_version_that_has_none() {
        let agreed = NegotiatedDraft { subprotocol: None, masking_key: None, deflate_stream: false };
        let spec = DraftSpec::for_version(Version::Hixie75);
        let codec = Codec::draft(Role::Server, (spec, &agreed), Limits::server(), &[], None);
        let (near, _far) = sockets();
        let settings = (Limits::server(), Timeouts::default());
        let ws = WebSocket::new(Stream::from_socket(near).unwrap(), codec, settings, ConnectionInfo::default());
        let member = MemberState::new(1, ws.sender(), Arc::default());
        let queued = |kind| {
            let frame = SharedFrame { bytes: b"\x81\0"[..].into(), encoding: Encoding::AsIs, origin: Origin::Outside };
            member.push(frame, kind, &HubLimits::default())
        };
        assert_eq!(queued(MessageKind::Binary), (QueueOutcome::Dropped, false));
        assert_eq!(queued(MessageKind::Text), (QueueOutcome::Queued, true));
        assert_eq!(member.stats().dropped, 1);
    }
}
