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
    /// Its queue overflowed. The connection is being closed with this code.
    Closing(CloseCode),
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
                    queue.membership = Membership::Closing(code);
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
        let frames = std::mem::take(&mut queue.frames);
        self.count(queue, Counter::Lost, frames.len());
        queue.cost = queue.cost.saturating_sub(batch_cost(&frames));
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

/// Number of bytes counted for these frames.
pub(super) fn batch_cost(frames: &VecDeque<SharedFrame>) -> usize {
    frames.iter().fold(0, |sum, frame| sum.saturating_add(queue_cost(frame)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::config::Timeouts;
    use crate::connection::nonblocking::ConnectionStatus;
    use crate::connection::shared_frame::Encoding;
    use crate::connection::testing::{long_timeouts, websocket, Peer};
    use crate::connection::websocket::WebSocket;
    use crate::events::sink::Origin;

    /// A member, its connection, and the peer.
    pub(in crate::hub) fn member(id: u64, timeouts: Timeouts) -> (Arc<MemberState>, WebSocket, Peer) {
        let (ws, peer) = websocket(Role::Server, timeouts);
        (Arc::new(MemberState::new(id, ws.sender(), Arc::default())), ws, peer)
    }

    pub(in crate::hub) fn frame(length: usize) -> SharedFrame {
        SharedFrame { bytes: vec![0; length].into(), encoding: Encoding::AsIs, origin: Origin::Outside }
    }

    fn limits(max_queue_bytes: usize, overflow_policy: OverflowPolicy) -> HubLimits {
        HubLimits { max_queue_bytes, overflow_policy, ..HubLimits::default() }
    }

    /// Messages waiting, sent, dropped and lost.
    fn counted(member: &MemberState) -> [u64; 4] {
        let stats = member.stats();
        [stats.waiting, stats.sent, stats.dropped, stats.lost]
    }

    /// What happens to frames of these lengths in a queue of 200 bytes, each with 64 bytes more.
    fn pushed(overflow_policy: OverflowPolicy, lengths: &[usize]) -> (Vec<QueueOutcome>, [u64; 4]) {
        let (member, _ws, _peer) = member(0, long_timeouts());
        let limits = limits(200, overflow_policy);
        let push = |&length: &usize| member.push(frame(length), MessageKind::Text, &limits).0;
        (lengths.iter().map(push).collect(), counted(&member))
    }

    #[test]
    fn each_policy_at_the_limit_of_the_queue() {
        use QueueOutcome::{Closed, Dropped, Queued};
        let newest = OverflowPolicy::DropNewest;
        assert_eq!(pushed(newest, &[36, 36, 36]), (vec![Queued, Queued, Dropped], [2, 0, 1, 0]));
        assert_eq!(pushed(newest, &[36, 37]), (vec![Queued, Dropped], [1, 0, 1, 0]));
        // A larger one is accepted by an empty queue.
        assert_eq!(pushed(newest, &[500, 0]), (vec![Queued, Dropped], [1, 0, 1, 0]));
        let oldest = OverflowPolicy::DropOldest;
        assert_eq!(pushed(oldest, &[36, 36, 36]), (vec![Queued; 3], [2, 0, 1, 0]));
        assert_eq!(pushed(oldest, &[36, 36, 136]), (vec![Queued; 3], [1, 0, 2, 0]));
        assert_eq!(pushed(oldest, &[36, 36, 500]), (vec![Queued; 3], [1, 0, 2, 0]));
        let close = OverflowPolicy::Close(CloseCode::POLICY);
        assert_eq!(pushed(close, &[36, 36, 36, 0]), (vec![Queued, Queued, Closed, Closed], [0, 0, 0, 3]));
    }

    #[test]
    fn a_member_is_scheduled_once_and_closed_once() {
        let (member, _ws, _peer) = member(0, long_timeouts());
        let limits = limits(200, OverflowPolicy::Close(CloseCode::POLICY));
        let wakes = [36, 36, 36, 0].map(|length| member.push(frame(length), MessageKind::Text, &limits).1);
        assert_eq!(wakes, [true, false, false, false]);
        assert_eq!((member.stats().closed, member.hub_counters.stats()), (1, member.stats()));
    }

    #[test]
    fn a_message_that_is_dropped_schedules_nothing() {
        let (member, _ws, _peer) = member(0, long_timeouts());
        let limits = limits(200, OverflowPolicy::DropNewest);
        let pushed = [36, 36, 36].map(|length| member.push(frame(length), MessageKind::Text, &limits));
        let expected = [(QueueOutcome::Queued, true), (QueueOutcome::Queued, false), (QueueOutcome::Dropped, false)];
        assert_eq!(pushed, expected);
    }

    #[test]
    fn a_batch_ends_with_the_message_that_fills_it() {
        let (member, _ws, _peer) = member(0, long_timeouts());
        for length in [65_535, 1, 1] {
            member.push(frame(length), MessageKind::Text, &limits(1 << 20, OverflowPolicy::DropNewest));
        }
        let mut batch = VecDeque::new();
        assert_eq!(batch_cost(&batch), 0);
        member.take_batch(&mut member.queue(), &mut batch);
        assert_eq!((batch.len(), batch_cost(&batch)), (2, 65_536 + 2 * 64));
    }

    #[test]
    fn a_queue_that_was_long_does_not_keep_its_memory() {
        let (member, _ws, _peer) = member(0, long_timeouts());
        for _ in 0..1_000 {
            member.push(frame(0), MessageKind::Text, &limits(1 << 20, OverflowPolicy::DropNewest));
        }
        let report = WriteReport { status: ConnectionStatus::Ready, bytes_written: 0, drained: true, in_flight: 0 };
        let (queue, mut batch) = (&mut *member.queue(), VecDeque::new());
        member.take_batch(queue, &mut batch);
        let taken = batch_cost(&std::mem::take(&mut batch));
        member.return_batch(queue, taken, &mut batch, report);
        assert!(queue.is_idle() && queue.frames.capacity() < 1_000, "{}", queue.frames.capacity());
    }

    #[test]
    fn a_batch_has_64_kib_and_what_is_not_accepted_goes_back() {
        let (member, _ws, _peer) = member(0, long_timeouts());
        let limits = limits(1 << 20, OverflowPolicy::DropNewest);
        for length in [32 << 10, 32 << 10, 100 << 10, 5] {
            member.push(frame(length), MessageKind::Text, &limits);
        }
        let lengths = |batch: &VecDeque<SharedFrame>| batch.iter().map(|frame| frame.bytes.len()).collect::<Vec<_>>();
        let report =
            |drained, in_flight| WriteReport { status: ConnectionStatus::Ready, bytes_written: 0, drained, in_flight };
        let (queue, mut batch) = (&mut *member.queue(), VecDeque::new());
        let counted = |queue: &MemberQueue| (queue.counters.stats().waiting, queue.counters.stats().sent);
        member.take_batch(queue, &mut batch);
        assert_eq!(lengths(&batch), [32 << 10, 32 << 10]);
        member.return_batch(queue, 0, &mut batch, report(false, 0));
        assert!(batch.is_empty() && counted(queue) == (4, 0));
        member.take_batch(queue, &mut batch);
        assert_eq!(lengths(&batch), [32 << 10, 32 << 10]);
        // The connection takes one, and the kernel not yet.
        let taken = queue_cost(&batch.pop_front().unwrap());
        member.return_batch(queue, taken, &mut batch, report(false, 1));
        assert!(counted(queue) == (4, 0) && queue.in_flight == 1 && queue.has_frames() && !queue.is_idle());
        member.take_batch(queue, &mut batch);
        assert_eq!(lengths(&batch), [32 << 10, 100 << 10]);
        // It takes both, and the kernel has all but the last one.
        let taken = batch_cost(&std::mem::take(&mut batch));
        member.return_batch(queue, taken, &mut batch, report(true, 1));
        assert!(counted(queue) == (2, 2) && queue.in_flight == 1);
        member.take_batch(queue, &mut batch);
        let taken = batch_cost(&std::mem::take(&mut batch));
        member.return_batch(queue, taken, &mut batch, report(false, 1));
        assert!(counted(queue) == (2, 2) && queue.in_flight == 2 && !queue.has_frames() && !queue.is_idle());
        member.count_in_flight_sent(queue);
        assert!(counted(queue) == (0, 4) && queue.is_idle() && queue.cost == 0);
    }

    #[test]
    fn what_is_queued_or_in_flight_at_the_end_is_lost() {
        let (member, ws, _peer) = member(0, long_timeouts());
        let limits = limits(1 << 20, OverflowPolicy::DropNewest);
        for _ in 0..3 {
            member.push(frame(70 << 10), MessageKind::Text, &limits);
        }
        let mut batch = VecDeque::new();
        member.take_batch(&mut member.queue(), &mut batch);
        let taken = batch_cost(&std::mem::take(&mut batch));
        let report = WriteReport { status: ConnectionStatus::Full, bytes_written: 9, drained: false, in_flight: 1 };
        member.return_batch(&mut member.queue(), taken, &mut batch, report);
        let sender = member.close(&mut member.queue());
        assert!(sender.is_some() && member.queue().sender.is_none());
        assert_eq!((counted(&member), member.queue().scheduling), ([0, 0, 0, 3], Scheduling::Idle));
        assert_eq!(member.push(frame(0), MessageKind::Text, &limits), (QueueOutcome::Closed, false));
        // A batch that comes back after the member has left is lost, too.
        let leaving = self::member(0, long_timeouts()).0;
        leaving.push(frame(0), MessageKind::Text, &limits);
        leaving.take_batch(&mut leaving.queue(), &mut batch);
        leaving.queue().membership = Membership::Leaving;
        leaving.return_batch(&mut leaving.queue(), 0, &mut batch, WriteReport { in_flight: 0, ..report });
        assert_eq!((counted(&leaving), leaving.queue().cost), ([0, 0, 0, 1], 0));
        drop(ws);
    }

    /// A version without binary messages gets none, and the counters of its member say so.
    #[cfg(feature = "legacy")]
    #[test]
    fn a_binary_message_is_dropped_for_a_version_that_has_none() {
        use crate::config::Limits;
        use crate::connection::framing::Codec;
        use crate::connection::websocket::ConnectionInfo;
        use crate::legacy::handshake::NegotiatedDraft;
        use crate::legacy::table::DraftSpec;
        use crate::legacy::Version;
        use crate::net::stream::tests::sockets;
        use crate::net::stream::Stream;
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
