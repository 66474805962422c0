//! A member of a hub, in the hands of whoever added it.

use std::fmt;
use std::sync::Arc;

use super::entry::{Counts, Entry, Placed, Standing};
use super::Shared;
use crate::error::Result;
use crate::message::MessageRef;

/// A connection that is a member of a [`Hub`](crate::Hub). It is until this is dropped, or until the connection ends.
///
/// Everything here returns at once, whatever the peers do.
#[must_use = "dropped, the connection is no member any more; `stay` keeps it"]
pub struct Member {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    /// When this is dropped.
    then: Then,
}

enum Then {
    Leave,
    Stay,
}

impl Member {
    pub(super) fn new(shared: Arc<Shared>, entry: Arc<Entry>) -> Member {
        Member { shared, entry, then: Then::Leave }
    }

    /// Puts a message behind what waits for this member: a welcome, an answer, what it missed. It stays in order with what
    /// is broadcast, and with nothing else: `WebSocket::send` does not wait for the backlog.
    pub fn send<'a>(&self, message: impl Into<MessageRef<'a>>) -> Placed {
        let shape = self.shared.roster().card(self.entry.id).map(|card| card.shape);
        let Some(shape) = shape else { return Placed::Gone };
        let print = self.shared.press.print(message.into(), &[shape]);
        self.shared.put(&self.entry, shape, &print)
    }

    /// Broadcasts a message to all members but this one. Gives the number of those it was queued for.
    pub fn broadcast<'a>(&self, message: impl Into<MessageRef<'a>>) -> usize {
        self.shared.broadcast(message.into(), None, Some(self.entry.id))
    }

    /// Broadcasts a message to all who subscribed to a topic, but not to this one. Gives the number of those it was queued for.
    pub fn publish<'a>(&self, topic: &str, message: impl Into<MessageRef<'a>>) -> usize {
        self.shared.broadcast(message.into(), Some(topic), Some(self.entry.id))
    }

    /// From now on this member gets what is published on a topic, which is any text. Twice is as good as once.
    ///
    /// # Errors
    /// [`Misuse::TopicName`](crate::Misuse::TopicName) and [`Misuse::TooManyTopics`](crate::Misuse::TooManyTopics), see
    /// [`HubLimits`](crate::HubLimits); [`Closed`](crate::Error::Closed) if this is no member any more.
    pub fn subscribe(&self, topic: &str) -> Result<()> {
        self.shared.roster().subscribe(self.entry.id, topic, &self.shared.limits)
    }

    /// From now on it does not. What was published before still comes.
    pub fn unsubscribe(&self, topic: &str) {
        self.shared.roster().unsubscribe(self.entry.id, topic);
    }

    /// What became of the messages meant for this member.
    pub fn counts(&self) -> Counts {
        self.entry.counts()
    }

    /// Whether messages are still queued for it. A connection that has ended is noticed with the next message, or within
    /// five seconds.
    pub fn is_member(&self) -> bool {
        let inbox = self.entry.inbox();
        matches!((inbox.standing, &inbox.sender), (Standing::In, Some(_)))
    }

    /// Leaves the hub; the connection goes on. What waits is lost, what is being written is not.
    pub fn leave(self) {}

    /// Lets the connection be a member as long as it lives.
    pub fn stay(mut self) {
        self.then = Then::Stay;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        match self.then {
            Then::Leave => self.shared.leave(&self.entry),
            Then::Stay => {}
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
