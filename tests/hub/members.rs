//! Members of a hub, and their peers.

use std::thread;
use std::time::{Duration, Instant};

use crate::live::{connection, RawPeer, Side};
use stdws::{DeliveryStats, Hub, Member, Timeouts, WebSocket};

/// A connection whose thread receives until the end, its membership, and its peer.
pub(crate) struct TestMember {
    pub(crate) member: Member,
    pub(crate) peer: RawPeer,
    pub(crate) receiving: thread::JoinHandle<stdws::Result<Option<stdws::Message>>>,
}

pub(crate) fn add_member(hub: &Hub, side: Side, timeouts: Timeouts) -> TestMember {
    let (ws, peer) = connection(side, timeouts);
    let member = hub.add(ws.sender());
    TestMember { member, peer, receiving: receive(ws) }
}

/// Receives until the end and returns the last result.
pub(crate) fn receive(mut ws: WebSocket) -> thread::JoinHandle<stdws::Result<Option<stdws::Message>>> {
    thread::spawn(move || loop {
        match ws.recv() {
            Ok(Some(_)) => {}
            end => return end,
        }
    })
}

/// Waits for a condition by polling.
#[track_caller]
pub(crate) fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn final_total(stats: DeliveryStats) -> u64 {
    assert_eq!(stats.waiting, 0, "{stats:?}");
    stats.sent + stats.dropped + stats.lost
}
