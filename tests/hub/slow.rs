//! The queue of a member that does not read fills up; other members are not affected.

use std::time::{Duration, Instant};

use crate::live::{long_timeouts, many_connections, ms, timed, watchdog, Side, Watchdog, CLOSE, LONG, SLACK, TOO_MUCH};
use crate::members::{add_member, final_total, wait_until, TestMember};
use stdws::{CloseCode, Error, Hub, HubLimits, OverflowPolicy, Step};

fn limits(overflow_policy: OverflowPolicy) -> HubLimits {
    HubLimits { overflow_policy, ..HubLimits::default() }
}

const PART: usize = 64 << 10;

/// The numbered messages that were broadcast.
struct Broadcast {
    count: u32,
    /// Those that were queued. The system may enlarge a socket buffer long after it was first full, so that a message is
    /// queued after others were dropped.
    queued: Vec<u32>,
}

/// Broadcasts numbered messages until the queue of this member, the first, is full, and a few more.
fn overfill(hub: &Hub, slow: &TestMember, is_full: impl Fn(&TestMember) -> bool) -> Broadcast {
    let (mut number, mut queued) = (0_u32, Vec::new());
    while !is_full(slow) {
        assert!((number as usize) * PART < 2 * TOO_MUCH, "never full");
        let mut bytes = vec![0; PART];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        if hub.broadcast(&bytes) > 0 {
            queued.push(number);
        }
        number += 1;
        // Until the kernel has the message, or the socket buffer is full.
        hub.flush(ms(5));
    }
    Broadcast { count: number, queued }
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

fn read_all(slow: &mut TestMember, count: u64) -> Vec<u32> {
    (0..count).map(|_| number(&slow.peer.read().payload)).collect()
}

/// Shows promise P10.
#[test]
fn a_stuck_member_delays_no_other() {
    let _watchdog = watchdog();
    for others in [1, many_connections()] {
        let hub = Hub::with_limits(limits(OverflowPolicy::DropNewest)).unwrap();
        let stuck: Vec<_> = (0..others.min(20)).map(|_| add_member(&hub, Side::Server, long_timeouts())).collect();
        overfill(&hub, &stuck[0], |stuck| stuck.member.stats().dropped > 0);
        // All of them are full now, in the middle of a frame.
        wait_until("all are full", LONG, || {
            hub.broadcast(vec![0; PART]);
            stuck.iter().all(|stuck| stuck.member.stats().dropped > 0)
        });
        let mut good: Vec<_> = (0..others).map(|_| add_member(&hub, Side::Server, long_timeouts())).collect();
        let mut longest = Duration::ZERO;
        for round in 0..20 {
            let start = Instant::now();
            let text = format!("round {round}");
            // A stuck member gets only what was in its queue.
            assert!(hub.broadcast(&text) >= others);
            assert!(start.elapsed() < SLACK, "broadcasting waits");
            for good in &mut good {
                assert_eq!(good.peer.read().payload, text.as_bytes());
            }
            longest = longest.max(start.elapsed());
        }
        assert!(longest < SLACK, "{longest:?}");
        println!("{others} others: {longest:?} at the longest");
    }
}

#[test]
fn drop_newest_drops_new_messages() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(OverflowPolicy::DropNewest)).unwrap();
    let mut slow = add_member(&hub, Side::Server, long_timeouts());
    let Broadcast { count, queued } = overfill(&hub, &slow, |slow| slow.member.stats().dropped >= 10);
    let stats = slow.member.stats();
    assert_eq!(stats.waiting + stats.sent + stats.dropped, u64::from(count), "{stats:?}");
    // The bound: 1 MiB in the queue, and the part that is being written.
    assert!(stats.waiting <= ((1 << 20) / PART as u64) + 2, "{stats:?}");
    // Exactly the messages that were queued, then the next that fits.
    let came = read_all(&mut slow, stats.waiting + stats.sent);
    assert_eq!(came, queued);
    assert_eq!(hub.flush(LONG), 0);
    hub.broadcast(&u32::MAX.to_be_bytes());
    assert_eq!(number(&slow.peer.read().payload), u32::MAX);
    wait_until("counted", LONG, || slow.member.stats().waiting == 0);
    assert_eq!(final_total(slow.member.stats()), u64::from(count) + 1);
}

#[test]
fn drop_oldest_drops_old_messages() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(OverflowPolicy::DropOldest)).unwrap();
    let mut slow = add_member(&hub, Side::Server, long_timeouts());
    let Broadcast { count, .. } = overfill(&hub, &slow, |slow| slow.member.stats().dropped >= 10);
    let stats = slow.member.stats();
    assert_eq!(stats.waiting + stats.sent + stats.dropped, u64::from(count), "{stats:?}");
    let came = read_all(&mut slow, stats.waiting + stats.sent);
    assert!(came.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    assert_eq!((came[0], *came.last().unwrap()), (0, count - 1), "the newest is there");
    let missing: u32 = came.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
    assert_eq!(u64::from(missing), stats.dropped);
    wait_until("counted", LONG, || slow.member.stats().waiting == 0);
    assert_eq!(final_total(hub.stats()), u64::from(count));
}

/// Shows promise P10.
#[test]
fn a_slow_member_is_closed_with_the_configured_code() {
    // 6455-7.4-1, 6455-5.5.1-1
    let _watchdog = watchdog();
    for (code, set) in [(1013, None), (1008, Some(CloseCode::POLICY)), (4000, Some(CloseCode::new(4000)))] {
        let limits = set.map_or(HubLimits::default(), |code| limits(OverflowPolicy::Close(code)));
        let hub = Hub::with_limits(limits).unwrap();
        let mut slow = add_member(&hub, Side::Server, long_timeouts());
        let TestMember { member: other, mut peer, .. } = add_member(&hub, Side::Server, long_timeouts());
        let reading = std::thread::spawn(move || {
            let frames = std::iter::from_fn(|| Some(peer.read())).map(|frame| frame.payload);
            let count = frames.take_while(|payload| payload != b"the end").count();
            // Its connection stays, and with it a member.
            (count, peer)
        });
        let Broadcast { count, .. } = overfill(&hub, &slow, |slow| {
            // It reads, but the machine may be too busy for it to keep up.
            wait_until("read", LONG, || other.stats().waiting == 0);
            !slow.member.is_member()
        });
        hub.broadcast("the end");
        let (read, _peer) = reading.join().unwrap();
        assert_eq!(read, count as usize);
        assert_eq!(slow.member.stats().closed, 1);
        // Messages in flight arrive complete and in order, then the Close.
        let mut came = Vec::new();
        let close = loop {
            let frame = slow.peer.read();
            match frame.opcode {
                CLOSE => break frame.payload,
                _ => came.push(number(&frame.payload)),
            }
        };
        assert_eq!(close[..2], u16::to_be_bytes(code));
        assert!(!close[2..].is_empty());
        assert_eq!(came, (0..came.len() as u32).collect::<Vec<_>>());
        slow.peer.send(CLOSE, &close[..2]);
        assert!(matches!(slow.receiving.join().unwrap(), Ok(None)));
        wait_until("removed", LONG, || hub.members() == 1);
        assert_eq!(hub.flush(LONG), 0);
        let stats = slow.member.stats();
        assert_eq!((final_total(stats), stats.sent), (u64::from(count), came.len() as u64), "{stats:?}");
    }
}

/// A member with these timeouts for closing and writing.
fn with_timeouts(close: u64, write: u64, overflow_policy: OverflowPolicy) -> (Watchdog, Hub, TestMember) {
    let mut timeouts = long_timeouts();
    (timeouts.close, timeouts.write) = (ms(close), ms(write));
    let hub = Hub::with_limits(limits(overflow_policy)).unwrap();
    let test_member = add_member(&hub, Side::Server, timeouts);
    (watchdog(), hub, test_member)
}

#[test]
fn a_member_that_does_not_read_its_close_is_aborted() {
    let (_watchdog, hub, slow) = with_timeouts(300, 600_000, OverflowPolicy::Close(CloseCode::TRY_LATER));
    overfill(&hub, &slow, |slow| !slow.member.is_member());
    let (end, took) = timed(move || slow.receiving.join().unwrap()).join().unwrap();
    assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
    assert!(took < ms(300) + SLACK, "{took:?}");
    wait_until("removed", LONG, || hub.members() == 0);
}

#[test]
fn a_member_that_reads_nothing_is_aborted() {
    let (_watchdog, hub, slow) = with_timeouts(600_000, 300, OverflowPolicy::DropNewest);
    let full = Instant::now();
    // The system may enlarge a socket buffer long after it was first full.
    wait_until("cut off", LONG, || {
        hub.broadcast(vec![0; PART]);
        hub.flush(ms(5));
        slow.receiving.is_finished()
    });
    assert!(full.elapsed() > ms(300));
    let end = slow.receiving.join().unwrap();
    assert!(matches!(end, Err(Error::Timeout(Step::Write))), "{end:?}");
    wait_until("removed", LONG, || hub.members() == 0);
    assert_eq!(hub.flush(LONG), 0);
    assert!(hub.stats().lost > 0);
}

#[test]
fn a_message_larger_than_the_queue_is_accepted_if_it_is_empty() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(OverflowPolicy::DropNewest)).unwrap();
    let mut slow = add_member(&hub, Side::Server, long_timeouts());
    assert_eq!(hub.broadcast(vec![1; TOO_MUCH]), 1);
    wait_until("the network is full", LONG, || {
        hub.broadcast(vec![2; 2 << 20]);
        hub.stats().dropped > 0
    });
    assert_eq!(slow.peer.read().payload.len(), TOO_MUCH);
}
