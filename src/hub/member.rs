//! [`Member`]: the handle of one connection in a hub, which sends, subscribes and removes it.

use std::fmt;
use std::sync::Arc;

use super::member_state::{MemberState, Membership};
use super::shared::SharedHub;
use super::stats::{DeliveryStats, QueueOutcome};
use crate::error::Result;
use crate::message::Outgoing;

/// Membership of a connection in a [`Hub`](crate::Hub). It ends when this is dropped or when the connection ends.
/// Feature `hub`.
///
/// No method blocks on a connection.
#[must_use = "dropping a Member removes it from the hub; `stay` keeps it until the connection ends"]
pub struct Member {
    shared: Arc<SharedHub>,
    state: Arc<MemberState>,
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

    /// Queues a message for this member only, in order with broadcast messages. `WebSocket::send` does not wait for the
    /// queue and can overtake it.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// member.send("only for this one");
    /// assert_eq!(ws.recv()?.unwrap(), "only for this one"); // the server echoes
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send<'a>(&self, message: impl Into<Outgoing<'a>>) -> QueueOutcome {
        let frame_format = self.shared.lock_table().get(self.state.id).map(|member_ref| member_ref.frame_format);
        let Some(frame_format) = frame_format else { return QueueOutcome::Closed };
        let encoded = self.shared.frame_cache.encode(message.into().as_message_ref(), &[frame_format]);
        self.shared.enqueue(&self.state, frame_format, &encoded)
    }

    /// Queues a message for all members except this one. Returns the number of members it is queued for.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// let other = hub.add(ws.sender());
    /// assert_eq!(member.broadcast("for the other one"), 1);
    /// assert_eq!(ws.recv()?.unwrap(), "for the other one");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn broadcast<'a>(&self, message: impl Into<Outgoing<'a>>) -> usize {
        self.shared.broadcast(message.into().as_message_ref(), None, Some(self.state.id))
    }

    /// Queues a message for all subscribers of a topic except this one. Returns the number of members it is queued for.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// let other = hub.add(ws.sender());
    /// other.subscribe("news")?;
    /// assert_eq!(member.publish("news", "for subscribers"), 1);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn publish<'a>(&self, topic: &str, message: impl Into<Outgoing<'a>>) -> usize {
        self.shared.broadcast(message.into().as_message_ref(), Some(topic), Some(self.state.id))
    }

    /// Subscribes to a topic, which can be any text. Subscribing again has no effect.
    ///
    /// # Errors
    /// [`UsageError::TopicNameTooLong`](crate::UsageError::TopicNameTooLong) and
    /// [`UsageError::TooManyTopics`](crate::UsageError::TooManyTopics), see [`HubLimits`](crate::HubLimits);
    /// [`Closed`](crate::Error::Closed) if the connection is no longer a member.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// member.subscribe("news")?;
    /// assert_eq!(hub.publish("news", "for subscribers"), 1);
    /// assert_eq!(ws.recv()?.unwrap(), "for subscribers");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn subscribe(&self, topic: &str) -> Result<()> {
        self.shared.lock_table().subscribe(self.state.id, topic, &self.shared.limits)
    }

    /// Unsubscribes from a topic. Messages that are already queued are still delivered.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// member.subscribe("news")?;
    /// member.unsubscribe("news");
    /// assert_eq!(hub.publish("news", "for subscribers"), 0);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn unsubscribe(&self, topic: &str) {
        self.shared.lock_table().unsubscribe(self.state.id, topic);
    }

    /// The counters of the messages for this member.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// hub.broadcast("for all");
    /// assert_eq!(hub.flush(std::time::Duration::from_secs(5)), 0);
    /// assert_eq!(member.stats().waiting, 0);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn stats(&self) -> DeliveryStats {
        self.state.stats()
    }

    /// Whether the connection is still a member. The end of a connection is detected with the next message, or within
    /// five seconds.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// assert!(member.is_member());
    /// ws.close(1000, "")?;
    /// hub.broadcast("detects the end");
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn is_member(&self) -> bool {
        let queue = self.state.queue();
        matches!((queue.membership, &queue.sender), (Membership::Active, Some(_)))
    }

    /// Leaves the hub and keeps the connection open. The queue is discarded; a frame that is partly written is
    /// completed.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// member.leave();
    /// assert_eq!(hub.broadcast("for nobody"), 0);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn leave(self) {}

    /// Keeps the connection in the hub until the connection ends.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let hub = stdws::Hub::new()?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let member = hub.add(ws.sender());
    /// member.stay();
    /// assert_eq!(hub.broadcast("for all"), 1);
    /// # Ok::<(), stdws::Error>(())
    /// ```
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
        f.debug_struct("Member").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
