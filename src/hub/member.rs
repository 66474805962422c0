//! A member of a hub, in the hands of whoever added it.

use std::fmt;
use std::sync::Arc;

use super::member_state::{DeliveryStats, MemberState, Membership, QueueOutcome};
use crate::error::Result;
use crate::hub::SharedHub;
use crate::message::MessageRef;

/// A connection that is a member of a [`Hub`](crate::Hub). It is until this is dropped, or until the connection ends.
///
/// Everything here returns at once, whatever the peers do.
#[must_use = "dropped, the connection is no member any more; `stay` keeps it"]
pub struct Member {
    shared: Arc<SharedHub>,
    state: Arc<MemberState>,
    /// When this is dropped.
    on_drop: OnDrop,
}

enum OnDrop {
    Leave,
    Stay,
}

impl Member {
    pub(super) fn new(shared: Arc<SharedHub>, state: Arc<MemberState>) -> Member {
        Member { shared, state, on_drop: OnDrop::Leave }
    }

    /// Puts a message behind what waits for this member: a welcome, an answer, what it missed. It stays in order with what
    /// is broadcast, and with nothing else: `WebSocket::send` does not wait for the backlog.
    pub fn send<'a>(&self, message: impl Into<MessageRef<'a>>) -> QueueOutcome {
        let frame_format = self.shared.lock_table().get(self.state.id).map(|member_ref| member_ref.frame_format);
        let Some(frame_format) = frame_format else { return QueueOutcome::Closed };
        let encoded = self.shared.frame_cache.encode(message.into(), &[frame_format]);
        self.shared.enqueue(&self.state, frame_format, &encoded)
    }

    /// Broadcasts a message to all members but this one. Gives the number of those it was queued for.
    pub fn broadcast<'a>(&self, message: impl Into<MessageRef<'a>>) -> usize {
        self.shared.broadcast(message.into(), None, Some(self.state.id))
    }

    /// Broadcasts a message to all who subscribed to a topic, but not to this one. Gives the number of those it was queued for.
    pub fn publish<'a>(&self, topic: &str, message: impl Into<MessageRef<'a>>) -> usize {
        self.shared.broadcast(message.into(), Some(topic), Some(self.state.id))
    }

    /// From now on this member gets what is published on a topic, which is any text. Twice is as good as once.
    ///
    /// # Errors
    /// [`UsageError::TopicNameTooLong`](crate::UsageError::TopicNameTooLong) and [`UsageError::TooManyTopics`](crate::UsageError::TooManyTopics), see
    /// [`HubLimits`](crate::HubLimits); [`Closed`](crate::Error::Closed) if this is no member any more.
    pub fn subscribe(&self, topic: &str) -> Result<()> {
        self.shared.lock_table().subscribe(self.state.id, topic, &self.shared.limits)
    }

    /// From now on it does not. What was published before still comes.
    pub fn unsubscribe(&self, topic: &str) {
        self.shared.lock_table().unsubscribe(self.state.id, topic);
    }

    /// What became of the messages meant for this member.
    pub fn stats(&self) -> DeliveryStats {
        self.state.stats()
    }

    /// Whether messages are still queued for it. A connection that has ended is noticed with the next message, or within
    /// five seconds.
    pub fn is_member(&self) -> bool {
        let queue = self.state.queue();
        matches!((queue.membership, &queue.sender), (Membership::Active, Some(_)))
    }

    /// Leaves the hub; the connection goes on. What waits is lost, what is being written is not.
    pub fn leave(self) {}

    /// Lets the connection be a member as long as it lives.
    pub fn stay(mut self) {
        self.on_drop = OnDrop::Stay;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        match self.on_drop {
            OnDrop::Leave => self.shared.leave(&self.state),
            OnDrop::Stay => {}
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("counts", &self.stats()).finish_non_exhaustive()
    }
}
