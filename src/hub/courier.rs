//! The one thread of a hub: it takes members from the agenda, one after the other, and hands over what waits for them.
//! It never waits for any of them. When a visit has not settled a member, it depends on how the connection was found:
//!
//! | found | next visit |
//! |---|---|
//! | it takes more | after all others that are ready |
//! | the network is full | after 2 ms, doubled each time in which nothing moved, up to 64 ms |
//! | another thread writes | after 1 ms, doubled each time, up to 8 ms |
//! | a Close was written | after 2 ms, doubled each time, up to 64 ms, until the connection is over |
//! | over | none: it is no member any more |
//!
//! A connection that takes less than 64 KiB in [`Timeouts::write`](crate::Timeouts::write) while its network is full is
//! cut off, as by any other who sends. One that is being closed has [`Timeouts::close`](crate::Timeouts::close).
//! Every five seconds the courier looks for members whose connections are over, if nothing else told it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::agenda::Next;
use super::entry::{cost, Entry, Inbox, Place, Standing};
use super::limits::TOO_SLOW;
use super::Shared;
use crate::error::{Error, Step};
use crate::websocket::link::Link;
use crate::websocket::share::{Found, Handed, Parcel};

/// How soon a full network is tried again, at first and at last.
const FULL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(64));
/// How soon a connection is tried again on which another thread writes.
const BUSY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(8));
const SWEEP: Duration = Duration::from_secs(5);
/// A connection whose network is full must take so many bytes within the time for a write.
const PROGRESS: usize = 64 << 10;

pub(super) struct Courier {
    shared: Arc<Shared>,
    /// When to come back to whom. Only members that are on the agenda and not ready.
    later: BinaryHeap<Reverse<(Instant, u64)>>,
    put_off: HashMap<u64, Arc<Entry>>,
    /// Kept for its memory.
    hand: VecDeque<Parcel>,
    sweep: Instant,
}

/// What a visit leads to.
enum After {
    /// Nothing waits any more.
    Settled,
    /// There is more, and it can be done at once.
    Again,
    Later(Duration),
    /// It is no member any more, and may be forgotten.
    Over,
}

/// What a peer was too late with: its connection is cut off, and not under the inbox, because that may call code of the user.
struct Late(Step);

impl Courier {
    pub(super) fn new(shared: Arc<Shared>) -> Courier {
        Courier {
            shared,
            later: BinaryHeap::new(),
            put_off: HashMap::new(),
            hand: VecDeque::new(),
            sweep: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        loop {
            // In turns: neither those who are late nor those who are ready keep the others waiting.
            if let Some(entry) = self.due() {
                self.serve(entry);
            }
            match self.shared.agenda.next(self.wakes()) {
                Next::Visit(entry) => self.serve(entry),
                Next::Later => {}
                Next::End => return self.end(),
            }
            self.sweep();
        }
    }

    /// The next one that was put off until now.
    fn due(&mut self) -> Option<Arc<Entry>> {
        let Reverse((at, id)) = *self.later.peek()?;
        if at > Instant::now() {
            return None;
        }
        self.later.pop();
        self.put_off.remove(&id)
    }

    /// When to stop waiting for something to do.
    fn wakes(&self) -> Option<Instant> {
        let later = self.later.peek().map(|Reverse((at, _))| *at);
        let sweep = (self.shared.members.load(Ordering::SeqCst) > 0).then(|| self.sweep.checked_add(SWEEP)).flatten();
        later.into_iter().chain(sweep).min()
    }

    fn serve(&mut self, entry: Arc<Entry>) {
        match self.visit(&entry) {
            After::Settled => self.shared.agenda.settled(),
            After::Again => self.shared.agenda.again(entry),
            After::Later(wait) => {
                let now = Instant::now();
                self.later.push(Reverse((now.checked_add(wait).unwrap_or(now), entry.id)));
                self.put_off.insert(entry.id, entry);
            }
            After::Over => {
                self.shared.forget(&entry);
                self.shared.agenda.settled();
            }
        }
    }

    /// Hands over what goes without waiting.
    fn visit(&mut self, entry: &Entry) -> After {
        let link = {
            let inbox = entry.inbox();
            let Some(sender) = &inbox.sender else { return After::Over };
            sender.link().clone()
        };
        self.go_on(entry, &link).unwrap_or_else(|Late(step)| {
            link.abort_with(Error::Timeout(step));
            After::Over
        })
    }

    fn go_on(&mut self, entry: &Entry, link: &Link) -> Result<After, Late> {
        let closing = {
            let mut inbox = entry.inbox();
            let closing = matches!(inbox.standing, Standing::Closing(..));
            if !closing {
                entry.take(&mut inbox, &mut self.hand);
            }
            closing
        };
        if closing {
            return close(entry, link);
        }
        let hand = &mut self.hand;
        let before = cost(hand);
        // A source of masking keys is the user's code, and may panic.
        let handed = panic::catch_unwind(AssertUnwindSafe(|| link.hand_over(hand))).unwrap_or_else(|payload| {
            // Dropping it could panic again.
            mem::forget(payload);
            link.abort();
            Handed { found: Found::Over, moved: 0, clear: false, flying: 0 }
        });
        let taken = before.saturating_sub(cost(&self.hand));
        let mut inbox = entry.inbox();
        entry.put_back(&mut inbox, taken, &mut self.hand, handed);
        after(&mut inbox, link, handed)
    }

    /// Members whose connections are over, and to whom nothing was sent since.
    fn sweep(&mut self) {
        if self.sweep.elapsed() < SWEEP {
            return;
        }
        self.sweep = Instant::now();
        for card in self.shared.roster().all() {
            let mut inbox = card.entry.inbox();
            let over = inbox.sender.as_ref().is_some_and(|sender| !sender.is_open());
            if over && inbox.put_on_agenda() {
                self.shared.agenda.add(card.entry.clone());
            }
        }
    }

    /// One last visit to each for whom something waits, and then the members are let go.
    fn end(mut self) {
        let rest = self.shared.agenda.rest();
        let put_off = mem::take(&mut self.put_off).into_values();
        for entry in rest.into_iter().chain(put_off) {
            let _ = self.visit(&entry);
            self.shared.forget(&entry);
        }
        let members: Vec<_> = self.shared.roster().all().map(|card| card.entry.clone()).collect();
        for entry in members {
            self.shared.forget(&entry);
        }
        self.shared.agenda.close();
    }
}

/// The table above.
fn after(inbox: &mut Inbox, link: &Link, handed: Handed) -> Result<After, Late> {
    match handed.found {
        Found::Over => return Ok(After::Over),
        Found::Full if is_late(inbox, link, handed.moved) => {
            return Err(Late(Step::Write));
        }
        Found::Full | Found::Ready | Found::Busy => {}
    }
    if handed.found != Found::Full {
        inbox.pace.full = None;
    }
    match inbox.standing {
        // That happened meanwhile.
        Standing::Closing(..) => return Ok(After::Again),
        Standing::In | Standing::Leaving => {}
    }
    if inbox.is_settled() {
        inbox.pace.wait = Duration::ZERO;
        return Ok(match inbox.standing {
            Standing::In => {
                inbox.place = Place::Idle;
                After::Settled
            }
            Standing::Closing(..) | Standing::Leaving => After::Over,
        });
    }
    Ok(match handed.found {
        Found::Ready if inbox.has_parcels() => After::Again,
        Found::Full if handed.moved > 0 => put_off(inbox, (FULL.0, FULL.0)),
        Found::Full => put_off(inbox, FULL),
        Found::Ready | Found::Busy | Found::Over => put_off(inbox, BUSY),
    })
}

/// Twice as long as the last time, within these bounds.
fn put_off(inbox: &mut Inbox, (least, most): (Duration, Duration)) -> After {
    inbox.pace.wait = inbox.pace.wait.saturating_mul(2).clamp(least, most);
    After::Later(inbox.pace.wait)
}

/// Whether a full network stays full for too long.
fn is_late(inbox: &mut Inbox, link: &Link, moved: usize) -> bool {
    let now = Instant::now();
    let (since, progress) = inbox.pace.full.get_or_insert((now, 0));
    *progress = progress.saturating_add(moved);
    if *progress >= PROGRESS {
        (*since, *progress) = (now, 0);
    }
    now.saturating_duration_since(*since) >= link.timeouts.write
}

/// For a member that was too slow: a Close, as soon as there is room, and the end in time.
fn close(entry: &Entry, link: &Link) -> Result<After, Late> {
    let mut inbox = entry.inbox();
    let Standing::Closing(code, by) = inbox.standing else { return Ok(After::Again) };
    let Some(by) = by.or_else(|| link.close_beside(code, TOO_SLOW)) else { return Ok(After::Over) };
    inbox.standing = Standing::Closing(code, Some(by));
    drop(inbox);
    let found = link.see_off();
    let mut inbox = entry.inbox();
    match found {
        Found::Ready => entry.arrived(&mut inbox),
        Found::Full | Found::Busy => {}
        Found::Over => return Ok(After::Over),
    }
    match by.passed() {
        true => Err(Late(Step::Close)),
        false => Ok(put_off(&mut inbox, FULL)),
    }
}
