//! State of a hub, shared by its handles, its members and its thread.
//!
//! Queues messages; only the thread in `delivery` writes to connections.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

use super::frame_cache::{EncodedMessage, FrameCache};
use super::limits::HubLimits;
use super::member_state::{MemberState, Membership, Scheduling};
use super::member_table::{MemberRef, MemberTable};
use super::ready_queue::ReadyQueue;
use super::stats::{Counters, QueueOutcome};
use crate::connection::sender::Sender;
use crate::connection::shared_frame::FrameFormat;
use crate::message::MessageRef;
use crate::primitives::lock::{Lock, Locked};

pub(super) struct SharedHub {
    pub(super) limits: HubLimits,
    pub(super) frame_cache: FrameCache,
    table: Lock<MemberTable>,
    pub(super) ready_queue: ReadyQueue,
    pub(super) counters: Arc<Counters>,
    next_id: AtomicU64,
    /// Copy of the length of `table`, so that readers need not wait for its lock. Written under that lock.
    member_count: AtomicUsize,
}

impl SharedHub {
    pub(super) fn new(limits: HubLimits) -> SharedHub {
        SharedHub {
            limits,
            frame_cache: FrameCache::default(),
            table: Lock::default(),
            ready_queue: ReadyQueue::default(),
            counters: Arc::default(),
            next_id: AtomicU64::new(0),
            member_count: AtomicUsize::new(0),
        }
    }

    pub(super) fn add(&self, sender: Sender) -> Arc<MemberState> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let member = Arc::new(MemberState::new(id, sender.clone(), self.counters.clone()));
        let first = {
            let mut table = self.lock_table();
            table.add(member.clone(), &sender);
            self.member_count.swap(table.len(), Ordering::SeqCst) == 0
        };
        if first {
            // The delivery thread looks for ended connections only while there are members.
            self.ready_queue.wake();
        }
        member
    }

    /// Queues a message for all members, or for the subscribers of a topic, and returns the number of members it is
    /// queued for.
    pub(super) fn broadcast(&self, message: MessageRef<'_>, topic: Option<&str>, except: Option<u64>) -> usize {
        let frame_formats = self.lock_table().frame_formats();
        let encoded = self.frame_cache.encode(message, &frame_formats);
        let table = self.lock_table();
        let enqueued = |member_ref: &&MemberRef| {
            Some(member_ref.state.id) != except
                && self.enqueue(&member_ref.state, member_ref.frame_format, &encoded) == QueueOutcome::Queued
        };
        match topic {
            None => table.iter().filter(enqueued).count(),
            Some(topic) => table.subscribers(topic).filter(enqueued).count(),
        }
    }

    pub(super) fn enqueue(
        &self,
        member: &Arc<MemberState>,
        frame_format: FrameFormat,
        encoded: &EncodedMessage,
    ) -> QueueOutcome {
        let (outcome, wake) = member.push(encoded.frame_for(frame_format), encoded.kind, &self.limits);
        if wake {
            self.ready_queue.push(member.clone());
        }
        outcome
    }

    /// Removes a member on request. The delivery thread completes a frame that is partly written.
    pub(super) fn leave(&self, member: &Arc<MemberState>) {
        self.remove_member(member.id);
        let mut queue = member.queue();
        if matches!(queue.membership, Membership::Active) {
            queue.membership = Membership::Leaving;
        }
        let sender = match queue.scheduling {
            Scheduling::Idle => member.close(&mut queue),
            Scheduling::Scheduled => {
                member.discard_queued(&mut queue);
                None
            }
        };
        drop(queue);
        // Dropping the last sender of a connection sends a Close, which must not happen under a lock.
        drop(sender);
    }

    /// Removes a member, and discards what is queued for it.
    pub(super) fn end_member(&self, member: &MemberState) {
        self.remove_member(member.id);
        let sender = member.close(&mut member.queue());
        drop(sender);
    }

    fn remove_member(&self, id: u64) {
        let mut table = self.lock_table();
        table.remove(id);
        self.member_count.store(table.len(), Ordering::SeqCst);
    }

    pub(super) fn member_count(&self) -> usize {
        self.member_count.load(Ordering::SeqCst)
    }

    pub(super) fn lock_table(&self) -> Locked<'_, MemberTable> {
        self.table.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::frame::Role;
    use crate::connection::testing::{long_timeouts, websocket};
    use crate::message::MessageKind;

    #[test]
    fn a_member_that_leaves_loses_its_queue_and_is_still_closed() {
        let shared = SharedHub::new(HubLimits::default());
        assert_eq!(shared.member_count(), 0);
        let (ws, _peer) = websocket(Role::Server, long_timeouts());
        let (leaving, closing) = (shared.add(ws.sender()), shared.add(ws.sender()));
        assert_eq!(shared.broadcast(MessageRef::from_validated(MessageKind::Text, b"news"), None, None), 2);
        assert_eq!(leaving.stats().waiting, 1);
        shared.leave(&leaving);
        assert!(matches!(leaving.queue().membership, Membership::Leaving));
        assert_eq!((leaving.stats().lost, shared.member_count()), (1, 1));
        closing.queue().membership = Membership::Closing(CloseCode::POLICY);
        shared.leave(&closing);
        assert!(matches!(closing.queue().membership, Membership::Closing(CloseCode::POLICY)));
    }
}
