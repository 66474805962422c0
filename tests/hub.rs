//! A hub gets every message to every member once and in order, or its counts say why not; and no member can make it, or
//! the others, wait.

#[path = "support/live.rs"]
mod live;

#[path = "hub/ending.rs"]
mod ending;
#[path = "hub/mixing.rs"]
mod mixing;
#[path = "hub/order.rs"]
mod order;
#[path = "hub/slow.rs"]
mod slow;
#[path = "hub/topics.rs"]
mod topics;

use std::thread;
use std::time::{Duration, Instant};

use live::{connection, Ours, Raw};
use stdws::{Counts, Hub, Member, Timeouts, WebSocket};

/// A connection of ours in a thread that receives until the end, its membership, and its peer.
struct Seat {
    member: Member,
    peer: Raw,
    receiving: thread::JoinHandle<stdws::Result<Option<stdws::Message>>>,
}

fn seat(hub: &Hub, ours: Ours, timeouts: Timeouts) -> Seat {
    let (ws, peer) = connection(ours, timeouts);
    let member = hub.add(ws.sender());
    Seat { member, peer, receiving: receive(ws) }
}

/// Receives until the end, and says what that was.
fn receive(mut ws: WebSocket) -> thread::JoinHandle<stdws::Result<Option<stdws::Message>>> {
    thread::spawn(move || loop {
        match ws.recv() {
            Ok(Some(_)) => {}
            end => return end,
        }
    })
}

/// Waits for something that happens without being waited for.
#[track_caller]
fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn settled(counts: Counts) -> u64 {
    assert_eq!(counts.waiting, 0, "{counts:?}");
    counts.sent + counts.dropped + counts.lost
}
