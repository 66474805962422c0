//! Broadcasting: one message to many connections, without waiting for any of them.
//!
//! A hub has one thread, the courier. Below this file: `member` (one member and its backlog), `roster` (who is a member,
//! and topics), `agenda` (for whom something waits), `courier` (the thread), `press` (encoding once), `member` and
//! `limits` (what users see). What is done to a connection is in `websocket/share`.
//!
//! # Who holds which lock, and who writes
//!
//! | lock | held by | for |
//! |---|---|---|
//! | press | who broadcasts | encoding one message, once for each kind of connection |
//! | roster | who broadcasts | putting one message into all backlogs, so that all members see the same order |
//! | roster | who adds, removes, subscribes; the courier, to forget a member | one change |
//! | inbox, one for each member | who broadcasts; the courier | putting in, taking out, noting what came of it |
//! | agenda | who broadcasts; the courier | putting in or taking out one member |
//! | gate of a connection | the courier | looking whether the token is there (see `websocket/link`) |
//!
//! They are taken in this order, none is held while anything is written, and no code of the user runs under any of
//! them. The courier alone writes, with the token of the connection in hand and the socket not blocking, so a member that
//! takes nothing costs it a few system calls, and others no time at all. The courier holds the roster only to forget a
//! member, so those who broadcast without a pause cannot keep it from writing.
//!
//! If the token is with another thread, a message is left in the gate and that thread writes it (`websocket/share`). The
//! part of a frame that the network does not take stays in the connection's outbox: the courier comes back for it, and any
//! other who writes on that connection writes it first. When the hub ends, such a part is left to them.
//!
//! # Compression
//!
//! Bytes can be shared only if they do not depend on what was sent before. So a shared message is compressed with an
//! empty window, which is good for any peer, also where context takeover was agreed on: that is a permission (7692-7.2.1-8,
//! 7692-7.2.1-11). The connection's own compressor then has to forget its window, because the peer's has moved on without it:
//! messages sent by other means do not refer to what was before a broadcast.

mod delivery;
mod frame_cache;
mod limits;
mod member;
mod member_state;
mod member_table;
mod ready_queue;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use limits::{HubLimits, OverflowPolicy};
pub use member::Member;
pub use member_state::{DeliveryStats, QueueOutcome};

use crate::codec::encoder::FrameFormat;
use crate::connection::sender::Sender;
use crate::error::{Error, Result, Step};
use crate::message::MessageRef;
use crate::net::deadline::Deadline;
use crate::primitives::lock::{Lock, Locked};
use delivery::DeliveryThread;
use frame_cache::{EncodedMessage, FrameCache};
use member_state::{MemberState, Membership, Scheduling, TotalStats};
use member_table::{MemberRef, MemberTable};
use ready_queue::ReadyQueue;

/// Sends messages to many connections, and waits for none of them. Cheap to clone; clones are the same hub.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// let hub = stdws::Hub::new()?;
/// let everyone = hub.clone();
/// let server = stdws::Server::bind("127.0.0.1:0")?.start(move |mut ws| {
///     let member = everyone.add(ws.sender());
///     while let Some(message) = ws.recv()? {
///         member.broadcast(&message); // to all others
///     }
///     Ok(()) // `member` is dropped: it has left
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
/// Each member gets what is broadcast in the same order. A member that does not read has a backlog of its own, bounded by
/// [`HubLimits`], and holds up nobody. A connection that has ended is removed by itself.
///
/// Messages sent otherwise ([`Sender::send`]) go between those of the hub, whole. While a message is sent as a stream
/// ([`SendStream`](crate::SendStream)), those of the hub wait for its end, in the backlog.
///
/// Members of any kind can be mixed. A server's connections share one copy of each message; so do those that compress
/// (for each window size one), and such a message does not refer to those before it. A client's frames are masked, so
/// each has its own copy, uncompressed, while it is being written.
///
/// When the last clone is dropped, the thread of the hub ends: what can be written without waiting still is, the rest is
/// lost. [`flush`](Hub::flush) waits for it. The connections go on.
#[derive(Clone)]
pub struct Hub {
    owner: Arc<Owner>,
}

/// Ends the courier with the last clone of the hub; members do not keep it going.
struct Owner {
    shared: Arc<SharedHub>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct SharedHub {
    limits: HubLimits,
    frame_cache: FrameCache,
    table: Lock<MemberTable>,
    ready_queue: ReadyQueue,
    total_stats: Arc<TotalStats>,
    ids: AtomicU64,
    /// How many members there are, for those who should not wait for the table.
    member_count: AtomicUsize,
}

impl Hub {
    /// A hub without members, with the default [`HubLimits`].
    ///
    /// # Errors
    /// [`Io`](Error::Io) of [`Step::Thread`] if its thread cannot be started.
    pub fn new() -> Result<Hub> {
        Hub::with_limits(HubLimits::default())
    }

    /// A hub without members.
    ///
    /// # Errors
    /// As [`new`](Hub::new); [`UsageError::CloseCode`](crate::UsageError::CloseCode) for a [`OverflowPolicy::Close`] that must not be sent.
    pub fn with_limits(limits: HubLimits) -> Result<Hub> {
        limits.check()?;
        let shared = Arc::new(SharedHub {
            limits,
            frame_cache: FrameCache::default(),
            table: Lock::default(),
            ready_queue: ReadyQueue::default(),
            total_stats: Arc::default(),
            ids: AtomicU64::new(0),
            member_count: AtomicUsize::new(0),
        });
        let delivery = DeliveryThread::new(shared.clone());
        let spawned =
            thread::Builder::new().name("stdws-hub".into()).stack_size(256 << 10).spawn(move || delivery.run());
        let thread = spawned.map_err(|error| Error::io(Step::Thread, error))?;
        Ok(Hub { owner: Arc::new(Owner { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Makes a connection a member, from the next broadcast on. Added twice, it gets everything twice.
    ///
    /// The hub does not read: somebody has to receive on the connection, or nothing notices its end
    /// (see [`WebSocket::into_sender`](crate::WebSocket::into_sender)).
    pub fn add(&self, sender: Sender) -> Member {
        let shared = &self.owner.shared;
        let id = shared.ids.fetch_add(1, Ordering::Relaxed);
        let member = Arc::new(MemberState::new(id, sender.clone(), shared.total_stats.clone()));
        let first = {
            let mut table = shared.lock_table();
            table.add(member.clone(), &sender);
            shared.member_count.swap(table.len(), Ordering::SeqCst) == 0
        };
        if first {
            shared.ready_queue.wake();
        }
        Member::new(shared.clone(), member)
    }

    /// Queues a message for all members. Gives the number of those it was queued for; [`stats`](Hub::stats) tells what
    /// becomes of it. Returns at once, whatever the members do.
    pub fn broadcast<'a>(&self, message: impl Into<MessageRef<'a>>) -> usize {
        self.owner.shared.broadcast(message.into(), None, None)
    }

    /// Queues a message for all who have [subscribed](Member::subscribe) to a topic. Otherwise as [`broadcast`](Hub::broadcast).
    pub fn publish<'a>(&self, topic: &str, message: impl Into<MessageRef<'a>>) -> usize {
        self.owner.shared.broadcast(message.into(), Some(topic), None)
    }

    /// Waits until nothing waits for any member, at most this long. Gives the number of messages that still do.
    pub fn flush(&self, limit: Duration) -> u64 {
        self.owner.shared.ready_queue.wait_idle(Deadline::after(limit));
        self.stats().waiting
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.owner.shared.member_count.load(Ordering::SeqCst)
    }

    /// The number of members that have subscribed to a topic.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.owner.shared.lock_table().subscriber_count(topic)
    }

    /// What became of all messages so far, for all who are or were members. While others broadcast, the numbers may be a
    /// few messages apart.
    pub fn stats(&self) -> DeliveryStats {
        self.owner.shared.total_stats.stats()
    }
}

impl SharedHub {
    fn broadcast(&self, message: MessageRef<'_>, topic: Option<&str>, except: Option<u64>) -> usize {
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

    fn enqueue(&self, member: &Arc<MemberState>, frame_format: FrameFormat, encoded: &EncodedMessage) -> QueueOutcome {
        let (outcome, wake) = member.push(encoded.frame_for(frame_format), encoded.kind, &self.limits);
        if wake {
            self.ready_queue.push(member.clone());
        }
        outcome
    }

    /// The member's wish. What is on its way is seen through by the courier.
    fn leave(&self, member: &Arc<MemberState>) {
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
        // The last sender of a connection says goodbye; not under a lock.
        drop(sender);
    }

    fn remove_member(&self, id: u64) {
        let mut table = self.lock_table();
        table.remove(id);
        self.member_count.store(table.len(), Ordering::SeqCst);
    }

    /// Nothing more goes to this member.
    fn end_member(&self, member: &MemberState) {
        self.remove_member(member.id);
        let sender = member.close(&mut member.queue());
        drop(sender);
    }

    fn lock_table(&self) -> Locked<'_, MemberTable> {
        self.table.lock()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.ready_queue.shut_down();
        let handle = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Whoever drops the hub in its own thread (in a source of masking keys, say) must not wait for itself.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            let _ = handle.join();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("members", &self.members()).field("counts", &self.stats()).finish()
    }
}
