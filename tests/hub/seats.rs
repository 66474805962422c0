//! Members of a hub, and their peers.

use std::thread;
use std::time::{Duration, Instant};

use crate::live::{connection, Ours, Raw};
use stdws::{Counts, Hub, Member, Timeouts, WebSocket};

/// A connection of ours in a thread that receives until the end, its membership, and its peer.
pub(crate) struct Seat {
    pub(crate) member: Member,
    pub(crate) peer: Raw,
    pub(crate) receiving: thread::JoinHandle<stdws::Result<Option<stdws::Message>>>,
}

pub(crate) fn seat(hub: &Hub, ours: Ours, timeouts: Timeouts) -> Seat {
    let (ws, peer) = connection(ours, timeouts);
    let member = hub.add(ws.sender());
    Seat { member, peer, receiving: receive(ws) }
}

/// Receives until the end, and says what that was.
pub(crate) fn receive(mut ws: WebSocket) -> thread::JoinHandle<stdws::Result<Option<stdws::Message>>> {
    thread::spawn(move || loop {
        match ws.recv() {
            Ok(Some(_)) => {}
            end => return end,
        }
    })
}

/// Waits for something that happens without being waited for.
#[track_caller]
pub(crate) fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn settled(counts: Counts) -> u64 {
    assert_eq!(counts.waiting, 0, "{counts:?}");
    counts.sent + counts.dropped + counts.lost
}
