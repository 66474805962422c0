//! One who does not read has a full backlog; the others notice nothing.

use std::time::{Duration, Instant};

use crate::live::{crowd, ms, patient, timed, watchdog, Ours, Watchdog, CLOSE, LONG, SLACK, TOO_MUCH};
use crate::seats::{seat, settled, until, Seat};
use stdws::{CloseCode, Error, Hub, HubLimits, Step, WhenFull};

fn limits(when_full: WhenFull) -> HubLimits {
    let mut limits = HubLimits::default();
    limits.when_full = when_full;
    limits
}

const PART: usize = 64 << 10;

/// Numbers its messages; broadcasts until this member is full, and a little more. Gives how many there were.
fn overfill(hub: &Hub, slow: &Seat, over: impl Fn(&Seat) -> bool) -> u32 {
    let mut number = 0_u32;
    while !over(slow) {
        assert!((number as usize) * PART < 2 * TOO_MUCH, "never full");
        let mut bytes = vec![0; PART];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        hub.broadcast(&bytes);
        number += 1;
        // Until it is with the kernel, or the network is full.
        hub.flush(ms(5));
    }
    number
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

fn read_all(slow: &mut Seat, count: u64) -> Vec<u32> {
    (0..count).map(|_| number(&slow.peer.read().payload)).collect()
}

#[test]
fn a_stuck_member_delays_nobody() {
    let _watchdog = watchdog();
    for others in [1, crowd()] {
        let hub = Hub::with_limits(limits(WhenFull::DropNewest)).unwrap();
        let stuck: Vec<_> = (0..others.min(20)).map(|_| seat(&hub, Ours::Server, patient())).collect();
        overfill(&hub, &stuck[0], |stuck| stuck.member.counts().dropped > 0);
        // All of them are full, in the middle of a frame, by now.
        until("all are full", LONG, || {
            hub.broadcast(&vec![0; PART]);
            stuck.iter().all(|stuck| stuck.member.counts().dropped > 0)
        });
        let mut good: Vec<_> = (0..others).map(|_| seat(&hub, Ours::Server, patient())).collect();
        let mut longest = Duration::ZERO;
        for round in 0..20 {
            let start = Instant::now();
            let text = format!("round {round}");
            // A stuck member gets no more than its backlog.
            assert!(hub.broadcast(&text) >= others);
            assert!(start.elapsed() < ms(500), "broadcasting waits");
            for good in &mut good {
                assert_eq!(good.peer.read().payload, text.as_bytes());
            }
            longest = longest.max(start.elapsed());
        }
        assert!(longest < Duration::from_secs(2), "{longest:?}");
        println!("{others} others: {longest:?} at the longest");
    }
}

#[test]
fn the_newest_are_dropped() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(WhenFull::DropNewest)).unwrap();
    let mut slow = seat(&hub, Ours::Server, patient());
    let count = overfill(&hub, &slow, |slow| slow.member.counts().dropped == 10);
    let counts = slow.member.counts();
    assert_eq!(counts.waiting + counts.sent + counts.dropped, u64::from(count), "{counts:?}");
    // The bound: 1 MiB waits, and a part that is being written.
    assert!(counts.waiting <= ((1 << 20) / PART as u64) + 2, "{counts:?}");
    // Everything up to the first that did not fit, and after that the next that does.
    let came = read_all(&mut slow, counts.waiting + counts.sent);
    assert_eq!(came, (0..count - 10).collect::<Vec<_>>());
    assert_eq!(hub.flush(LONG), 0);
    hub.broadcast(&u32::MAX.to_be_bytes());
    assert_eq!(number(&slow.peer.read().payload), u32::MAX);
    until("counted", LONG, || slow.member.counts().waiting == 0);
    assert_eq!(settled(slow.member.counts()), u64::from(count) + 1);
}

#[test]
fn the_oldest_are_dropped() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(WhenFull::DropOldest)).unwrap();
    let mut slow = seat(&hub, Ours::Server, patient());
    let count = overfill(&hub, &slow, |slow| slow.member.counts().dropped >= 10);
    let counts = slow.member.counts();
    assert_eq!(counts.waiting + counts.sent + counts.dropped, u64::from(count), "{counts:?}");
    let came = read_all(&mut slow, counts.waiting + counts.sent);
    assert!(came.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    assert_eq!((came[0], *came.last().unwrap()), (0, count - 1), "the newest is there");
    let missing: u32 = came.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
    assert_eq!(u64::from(missing), counts.dropped);
    until("counted", LONG, || slow.member.counts().waiting == 0);
    assert_eq!(settled(hub.counts()), u64::from(count));
}

#[test]
fn who_is_too_slow_is_closed_with_the_code_that_was_set() {
    // 6455-7.4-1, 6455-5.5.1-1
    let _watchdog = watchdog();
    for (code, set) in [(1013, None), (1008, Some(CloseCode::POLICY)), (4000, Some(CloseCode::new(4000)))] {
        let limits = set.map_or(HubLimits::default(), |code| limits(WhenFull::Close(code)));
        let hub = Hub::with_limits(limits).unwrap();
        let mut slow = seat(&hub, Ours::Server, patient());
        let mut other = seat(&hub, Ours::Server, patient());
        let reading = std::thread::spawn(move || {
            let frames = std::iter::from_fn(|| Some(other.peer.read())).map(|frame| frame.payload);
            frames.take_while(|payload| payload != b"the end").count()
        });
        let count = overfill(&hub, &slow, |slow| !slow.member.is_member());
        hub.broadcast("the end");
        assert_eq!(reading.join().unwrap(), count as usize);
        assert_eq!(slow.member.counts().closed, 1);
        // What was on its way comes whole and in order, and then the Close.
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
        until("removed", LONG, || hub.members() == 1);
        assert_eq!(hub.flush(LONG), 0);
        let counts = slow.member.counts();
        assert_eq!((settled(counts), counts.sent), (u64::from(count), came.len() as u64), "{counts:?}");
    }
}

/// A server that waits for its peer no longer than this when closing.
fn impatient(close: u64, write: u64, when_full: WhenFull) -> (Watchdog, Hub, Seat) {
    let mut timeouts = patient();
    (timeouts.close, timeouts.write) = (ms(close), ms(write));
    let hub = Hub::with_limits(limits(when_full)).unwrap();
    let seat = seat(&hub, Ours::Server, timeouts);
    (watchdog(), hub, seat)
}

#[test]
fn who_does_not_read_its_close_is_cut_off_in_time() {
    let (_watchdog, hub, slow) = impatient(300, 600_000, WhenFull::Close(CloseCode::TRY_LATER));
    overfill(&hub, &slow, |slow| !slow.member.is_member());
    let (end, took) = timed(move || slow.receiving.join().unwrap()).join().unwrap();
    assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
    assert!(took < ms(300) + SLACK, "{took:?}");
    until("removed", LONG, || hub.members() == 0);
}

#[test]
fn who_takes_nothing_for_too_long_is_cut_off() {
    let (_watchdog, hub, slow) = impatient(600_000, 300, WhenFull::DropNewest);
    let full = Instant::now();
    // The system may give a connection more room long after it was full first.
    until("cut off", LONG, || {
        hub.broadcast(&vec![0; PART]);
        hub.flush(ms(5));
        slow.receiving.is_finished()
    });
    assert!(full.elapsed() > ms(300));
    let end = slow.receiving.join().unwrap();
    assert!(matches!(end, Err(Error::Timeout(Step::Write))), "{end:?}");
    until("removed", LONG, || hub.members() == 0);
    assert_eq!(hub.flush(LONG), 0);
    assert!(hub.counts().lost > 0);
}

#[test]
fn a_message_larger_than_the_backlog_is_taken_when_no_other_waits() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(limits(WhenFull::DropNewest)).unwrap();
    let mut slow = seat(&hub, Ours::Server, patient());
    assert_eq!(hub.broadcast(&vec![1; TOO_MUCH]), 1);
    until("the network is full", LONG, || {
        hub.broadcast(&vec![2; 2 << 20]);
        hub.counts().dropped > 0
    });
    assert_eq!(slow.peer.read().payload.len(), TOO_MUCH);
}
