//! One member: what waits for it, and what became of the messages meant for it.
//!
//! Plain state under one mutex, which is held for moments and never while anything is written.
//!
//! Each message meant for a member is counted once, in exactly one of these: waiting, sent, dropped, lost. Waiting are
//! those in `parcels`, those in the courier's hands, and those on their way in the connection (`flying`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::{HubLimits, WhenFull};
use crate::close::CloseCode;
use crate::lock::{Lock, Locked};
use crate::message::Kind;
use crate::transport::deadline::Deadline;
use crate::websocket::share::{Handed, Parcel};
use crate::websocket::Sender;

/// What a message costs beside its frame.
const EACH: usize = 64;
/// The courier takes so many bytes at a time, and one message at least.
const BATCH: usize = 64 << 10;

pub(super) struct Entry {
    pub(super) id: u64,
    inbox: Lock<Inbox>,
    totals: Arc<Totals>,
}

pub(super) struct Inbox {
    /// `None`: it has left, or the connection is over.
    pub(super) sender: Option<Sender>,
    pub(super) standing: Standing,
    pub(super) place: Place,
    parcels: VecDeque<Parcel>,
    /// What they cost, and those in the courier's hands.
    cost: usize,
    /// So many are on their way in the connection, and not known to be with the kernel.
    flying: usize,
    in_hand: usize,
    counts: Counts,
    pub(super) pace: Pace,
}

/// Whether it is a member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing {
    In,
    /// It was too slow: it is being closed, and has to be gone by then.
    Closing(CloseCode, Option<Deadline>),
    /// It left; what was on its way then is seen through.
    Leaving,
}

/// Where the courier will find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing waits for it.
    Idle,
    /// On the agenda, or with the courier, now or later.
    Agenda,
}

/// For the courier: when to come back.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) wait: Duration,
    /// The network is full since then, or since the last 64 KiB went, and so many have gone since.
    pub(super) full: Option<(Instant, usize)>,
}

/// What became of messages, for one member ([`Member::counts`](crate::Member::counts)) or for all that a hub ever had
/// ([`Hub::counts`](crate::Hub::counts)). Each message meant for a member is in one of the first four.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
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
pub(super) struct Totals {
    meant: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    closed: AtomicU64,
}

impl Totals {
    pub(super) fn counts(&self) -> Counts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (sent, dropped, lost) = (get(&self.sent), get(&self.dropped), get(&self.lost));
        // Read last, so that it is not behind the others.
        let done = sent.saturating_add(dropped).saturating_add(lost);
        let waiting = get(&self.meant).saturating_sub(done);
        Counts { waiting, sent, dropped, lost, closed: get(&self.closed) }
    }
}

fn add(one: &mut u64, all: &AtomicU64, count: usize) {
    *one = one.saturating_add(count as u64);
    all.fetch_add(count as u64, Ordering::Relaxed);
}

/// What became of a message that was handed to a hub for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It waits to be written.
    Queued,
    /// The backlog was full, or the connection cannot carry such a message.
    Dropped,
    /// The connection is over or being closed, or this is no member any more.
    Gone,
}

impl Entry {
    pub(super) fn new(id: u64, sender: Sender, totals: Arc<Totals>) -> Entry {
        let inbox = Inbox {
            sender: Some(sender),
            standing: Standing::In,
            place: Place::Idle,
            parcels: VecDeque::new(),
            cost: 0,
            flying: 0,
            in_hand: 0,
            counts: Counts::default(),
            pace: Pace::default(),
        };
        Entry { id, inbox: Lock::new(inbox), totals }
    }

    pub(super) fn inbox(&self) -> Locked<'_, Inbox> {
        self.inbox.lock()
    }

    pub(super) fn counts(&self) -> Counts {
        let inbox = self.inbox();
        let waiting = inbox.parcels.len().saturating_add(inbox.in_hand).saturating_add(inbox.flying);
        Counts { waiting: waiting as u64, ..inbox.counts }
    }

    /// Puts a message behind those that wait. True if the courier has to be told.
    pub(super) fn push(&self, parcel: Parcel, kind: Kind, limits: &HubLimits) -> (Placed, bool) {
        let inbox = &mut *self.inbox();
        let (Standing::In, Some(sender)) = (inbox.standing, &inbox.sender) else { return (Placed::Gone, false) };
        self.totals.meant.fetch_add(1, Ordering::Relaxed);
        if !sender.link().carries(kind) {
            self.drop_some(inbox, 1);
            return (Placed::Dropped, false);
        }
        let cost = price(&parcel);
        if inbox.cost > 0 && inbox.cost.saturating_add(cost) > limits.backlog {
            match limits.when_full {
                WhenFull::DropNewest => {
                    self.drop_some(inbox, 1);
                    return (Placed::Dropped, false);
                }
                WhenFull::DropOldest => self.make_room(inbox, cost, limits.backlog),
                WhenFull::Close(code) => {
                    self.lose(inbox, 1);
                    self.lose_waiting(inbox);
                    inbox.standing = Standing::Closing(code, None);
                    add(&mut inbox.counts.closed, &self.totals.closed, 1);
                    return (Placed::Gone, inbox.put_on_agenda());
                }
            }
        }
        inbox.cost = inbox.cost.saturating_add(cost);
        inbox.parcels.push_back(parcel);
        (Placed::Queued, inbox.put_on_agenda())
    }

    /// What the courier has in hand cannot be dropped any more.
    fn make_room(&self, inbox: &mut Inbox, cost: usize, backlog: usize) {
        while inbox.cost.saturating_add(cost) > backlog {
            let Some(oldest) = inbox.parcels.pop_front() else { return };
            inbox.cost = inbox.cost.saturating_sub(price(&oldest));
            self.drop_some(inbox, 1);
        }
    }

    fn drop_some(&self, inbox: &mut Inbox, count: usize) {
        add(&mut inbox.counts.dropped, &self.totals.dropped, count);
    }

    fn lose(&self, inbox: &mut Inbox, count: usize) {
        add(&mut inbox.counts.lost, &self.totals.lost, count);
    }

    fn sent(&self, inbox: &mut Inbox, count: usize) {
        add(&mut inbox.counts.sent, &self.totals.sent, count);
    }

    /// What waits is lost; what is on its way is not, yet.
    pub(super) fn lose_waiting(&self, inbox: &mut Inbox) {
        self.lose(inbox, inbox.parcels.len());
        for parcel in inbox.parcels.drain(..) {
            inbox.cost = inbox.cost.saturating_sub(price(&parcel));
        }
        inbox.parcels.shrink_to(4);
    }

    /// Gives the courier some of what waits.
    pub(super) fn take(&self, inbox: &mut Inbox, hand: &mut VecDeque<Parcel>) {
        let mut bytes = 0_usize;
        while let Some(parcel) = inbox.parcels.pop_front() {
            bytes = bytes.saturating_add(parcel.frame.len());
            hand.push_back(parcel);
            if bytes >= BATCH {
                break;
            }
        }
        inbox.in_hand = hand.len();
    }

    /// Takes back what the courier could not hand over, and notes what became of the rest.
    pub(super) fn put_back(&self, inbox: &mut Inbox, taken: usize, hand: &mut VecDeque<Parcel>, handed: Handed) {
        let over = inbox.in_hand.saturating_sub(hand.len());
        inbox.in_hand = 0;
        let before = inbox.flying;
        inbox.flying = if handed.clear { handed.flying } else { before.saturating_add(over) };
        self.sent(inbox, before.saturating_add(over).saturating_sub(inbox.flying));
        inbox.cost = inbox.cost.saturating_sub(taken);
        while let Some(parcel) = hand.pop_back() {
            inbox.parcels.push_front(parcel);
        }
        if !matches!(inbox.standing, Standing::In) {
            self.lose_waiting(inbox);
        } else if inbox.parcels.is_empty() {
            // After a long backlog.
            inbox.parcels.shrink_to(64);
        }
    }

    /// All that was on its way is with the kernel.
    pub(super) fn arrived(&self, inbox: &mut Inbox) {
        let flying = std::mem::take(&mut inbox.flying);
        self.sent(inbox, flying);
    }

    /// Nothing more goes to this member. Gives what has to be dropped without holding any lock.
    pub(super) fn end(&self, inbox: &mut Inbox) -> Option<Sender> {
        self.lose_waiting(inbox);
        let flying = std::mem::take(&mut inbox.flying);
        self.lose(inbox, flying);
        inbox.place = Place::Idle;
        inbox.sender.take()
    }
}

impl Inbox {
    /// Whether there is nothing more to do for it.
    pub(super) fn is_settled(&self) -> bool {
        self.parcels.is_empty() && self.flying == 0
    }

    pub(super) fn has_parcels(&self) -> bool {
        !self.parcels.is_empty()
    }

    /// True if it was not there.
    pub(super) fn put_on_agenda(&mut self) -> bool {
        let idle = self.place == Place::Idle;
        self.place = Place::Agenda;
        idle
    }
}

/// What a parcel costs a backlog.
fn price(parcel: &Parcel) -> usize {
    parcel.frame.len().saturating_add(EACH)
}

/// What some parcels cost a backlog.
pub(super) fn cost(parcels: &VecDeque<Parcel>) -> usize {
    parcels.iter().fold(0, |sum, parcel| sum.saturating_add(price(parcel)))
}
