//! Broadcasting: one message to many connections, without waiting for any of them.
//!
//! | file | subject |
//! |---|---|
//! | `shared` | state of a hub: broadcasting, adding and removing members |
//! | `member` | the public handle of a member |
//! | `member_state` | one member: its queue and its counters |
//! | `member_table` | members and topics |
//! | `ready_queue` | members with messages to write |
//! | `delivery` | the thread that writes |
//! | `frame_cache` | one encoded copy of a message for each frame format |
//! | `limits`, `stats` | settings and counters |
//!
//! Writing to a connection is in `connection/shared_frame`.
//!
//! # Locks
//!
//! | lock | held by | for |
//! |---|---|---|
//! | frame cache | a broadcasting thread | encoding one message, once for each frame format |
//! | member table | a broadcasting thread | queueing one message for all members, so that all members get the same order |
//! | member table | a thread that adds, removes or subscribes; the delivery thread that removes a member | one change |
//! | queue of a member | a broadcasting thread; the delivery thread | adding, removing, counting |
//! | ready queue | a broadcasting thread; the delivery thread | adding or removing one member |
//! | state of a connection | the delivery thread | acquiring the write permit |
//!
//! Locks are acquired in this order. None is held while bytes are written, and no user code runs under any of them.
//!
//! Only the delivery thread writes. It holds the write permit of the connection, and the socket is non-blocking.
//! Therefore a member that does not read costs the delivery thread a few system calls and delays no other member. The
//! delivery thread locks the member table only to remove a member, so continuous broadcasts cannot keep it from
//! writing.
//!
//! If another thread holds the write permit, a message is left in the state of the connection and that thread writes
//! it. The part of a frame that the network does not accept stays in the write buffer of the connection. The delivery
//! thread retries it, and any other thread that writes on the connection writes it first. When the hub ends, it is left
//! to those threads.
//!
//! # Compression
//!
//! Bytes can be shared only if they do not depend on earlier messages. So a shared message is compressed with an empty
//! window. This is valid for every peer, also with context takeover, which is a permission (7692-7.2.1-8,
//! 7692-7.2.1-11). The compressor of the connection then resets its own window, because the window of the peer has
//! advanced without it: messages sent by other means do not refer to data before a broadcast.

mod delivery;
mod frame_cache;
mod limits;
mod member;
mod member_state;
mod member_table;
mod ready_queue;
mod shared;
mod stats;

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use limits::{HubLimits, OverflowPolicy};
pub use member::Member;
pub use stats::{DeliveryStats, QueueOutcome};

use crate::connection::sender::Sender;
use crate::error::{Error, Result, Step};
use crate::message::Outgoing;
use crate::net::deadline::Deadline;
use crate::net::threads;
use delivery::DeliveryThread;
use shared::SharedHub;

/// Sends messages to many connections without waiting for any of them. Clones refer to the same hub. Feature `hub`.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// let hub = stdws::Hub::new()?;
/// let everyone = hub.clone();
/// let server = stdws::Server::bind("127.0.0.1:0")?.start(move |mut ws| {
///     let member = everyone.add(ws.sender());
///     while let Some(message) = ws.recv()? {
///         member.broadcast(&message); // to all other members
///     }
///     Ok(()) // dropping `member` removes it from the hub
/// })?;
/// let url = server.url();
/// let (mut ann, mut bob) = (stdws::connect(&url)?, stdws::connect(&url)?);
/// # while hub.members() < 2 { std::thread::yield_now(); }
/// ann.send("hello")?;
/// assert_eq!(bob.recv()?.unwrap().as_text(), Some("hello"));
/// hub.broadcast("news for all");
/// assert_eq!(ann.recv()?.unwrap().as_text(), Some("news for all"));
/// assert_eq!(bob.recv()?.unwrap().as_text(), Some("news for all"));
/// # Ok(())
/// # }
/// ```
///
/// All members get broadcast messages in the same order. A member that does not read has its own queue, bounded by
/// [`HubLimits`], and delays no other member. A connection that has ended is removed automatically.
///
/// Other messages on the connection ([`Sender::send`]) are sent between those of the hub. While a message is sent as a
/// stream ([`SendStream`](crate::SendStream)), the messages of the hub wait in the queue.
///
/// Clients and servers can be members of the same hub. Uncompressed server connections share one copy of each message.
/// Compressed ones share one copy for each window size, and such a message does not refer to earlier messages. The
/// frames of a client are masked, so each client has its own uncompressed copy while it is being written.
///
/// When the last clone is dropped, the thread of the hub ends. It writes what can be written without waiting and
/// discards the rest; call [`flush`](Hub::flush) before to wait for delivery. The connections stay open.
#[derive(Clone)]
pub struct Hub {
    owner: Arc<Owner>,
}

/// Ends the delivery thread when the last clone of the hub is dropped. Members do not keep it running.
struct Owner {
    shared: Arc<SharedHub>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Creates a hub with the default [`HubLimits`] and without members.
    ///
    /// # Errors
    /// [`Io`](Error::Io) with [`Step::Thread`] if its thread cannot be started.
    pub fn new() -> Result<Hub> {
        Hub::with_limits(HubLimits::default())
    }

    /// Creates a hub without members.
    ///
    /// # Errors
    /// The errors of [`new`](Hub::new), and [`UsageError::CloseCode`](crate::UsageError::CloseCode) if the code of
    /// [`OverflowPolicy::Close`] must not be sent, and [`UsageError::SettingTooSmall`](crate::UsageError::SettingTooSmall).
    pub fn with_limits(limits: HubLimits) -> Result<Hub> {
        limits.check()?;
        let shared = Arc::new(SharedHub::new(limits));
        let delivery = DeliveryThread::new(shared.clone());
        let spawned = threads::spawn("stdws-hub", Some(256 << 10), move || delivery.run());
        let thread = spawned.map_err(|error| Error::io(Step::Thread, error))?;
        Ok(Hub { owner: Arc::new(Owner { shared, thread: Some(thread) }) })
    }

    /// Adds a connection, which gets all later broadcasts. A connection that is added twice gets each message twice.
    ///
    /// The hub does not read. Another thread has to receive on the connection, because only that detects its end
    /// (see [`WebSocket::into_sender`](crate::WebSocket::into_sender)).
    #[doc(alias = "join")]
    pub fn add(&self, sender: Sender) -> Member {
        let shared = &self.owner.shared;
        Member::new(shared.clone(), shared.add(sender))
    }

    /// Queues a message for all members and returns the number of members it is queued for. Never blocks on a
    /// connection. [`stats`](Hub::stats) shows what is delivered.
    pub fn broadcast<'a>(&self, message: impl Into<Outgoing<'a>>) -> usize {
        self.owner.shared.broadcast(message.into().as_message_ref(), None, None)
    }

    /// Queues a message for all members that [subscribed](Member::subscribe) to a topic. Otherwise like
    /// [`broadcast`](Hub::broadcast).
    #[doc(alias = "room")]
    #[doc(alias = "channel")]
    pub fn publish<'a>(&self, topic: &str, message: impl Into<Outgoing<'a>>) -> usize {
        self.owner.shared.broadcast(message.into().as_message_ref(), Some(topic), None)
    }

    /// Waits until no message is queued for any member, at most for `limit`. Returns the number of messages still
    /// queued.
    pub fn flush(&self, limit: Duration) -> u64 {
        self.owner.shared.ready_queue.wait_idle(Deadline::after(limit));
        self.stats().waiting
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.owner.shared.member_count()
    }

    /// The number of members that subscribed to a topic.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.owner.shared.lock_table().subscriber_count(topic)
    }

    /// The counters of all messages, for all present and former members. While other threads broadcast, the numbers may
    /// differ from each other by a few messages.
    pub fn stats(&self) -> DeliveryStats {
        self.owner.shared.counters.stats()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.ready_queue.shut_down();
        let handle = self.thread.take();
        // A hub can be dropped on its own thread, for example by a source of masking keys. That thread must not join
        // itself.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            let _ = handle.join();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("members", &self.members()).field("stats", &self.stats()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{client_with_keys, long_timeouts, under_watchdog, websocket, LONG};
    use crate::primitives::random::RandomSource;
    use std::hint::black_box;

    #[test]
    fn the_thread_has_ended_after_the_last_hub() {
        under_watchdog(|| {
            let hub = Hub::new().unwrap();
            let shared = hub.owner.shared.clone();
            let (ws, _peer) = websocket(Role::Server, long_timeouts());
            hub.add(ws.sender()).stay();
            assert_eq!(hub.members(), 1);
            drop(hub);
            assert_eq!((Arc::strong_count(&shared), shared.member_count()), (1, 0));
        });
    }

    /// A source of masking keys is called by the thread of the hub.
    #[test]
    fn a_source_of_keys_has_a_stack_of_160_kib() {
        fn use_kib(number: u8) {
            let bytes = [number; 1 << 10];
            if number > 0 {
                use_kib(number - 1);
            }
            black_box(&bytes);
        }
        let keys = RandomSource::from_fn(Box::new(|out| {
            use_kib(160);
            out.fill(7);
            Ok(())
        }));
        let (ws, _peer) = client_with_keys(keys);
        let hub = Hub::new().unwrap();
        hub.add(ws.sender()).stay();
        hub.broadcast("news");
        assert_eq!((hub.flush(LONG), hub.stats().sent), (0, 1));
    }
}
