//! Every member gets every message once, in the same order.

use std::collections::HashMap;
use std::thread;

use crate::live::{long_timeouts, ms, watchdog, Side, LONG};
use crate::members::{add_member, final_total, wait_until};
use stdws::{Hub, HubLimits, QueueOutcome};

fn roomy() -> HubLimits {
    HubLimits { max_queue_bytes: 64 << 20, ..HubLimits::default() }
}

#[test]
fn all_members_get_the_same_order() {
    const MEMBERS: usize = 6;
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let _watchdog = watchdog();
    let hub = Hub::with_limits(roomy()).unwrap();
    // Also client connections, whose frames are masked and not shared.
    let members: Vec<_> = (0..MEMBERS)
        .map(|i| add_member(&hub, if i % 5 == 4 { Side::Client } else { Side::Server }, long_timeouts()))
        .collect();
    let sizes = [0, 5, 125, 126, 5_000, 20_000, 70_000];
    let broadcasting: Vec<_> = (0..THREADS)
        .map(|thread| {
            let hub = hub.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    let mut text = format!("{thread} {number} ");
                    text.push_str(&"x".repeat(sizes[(number + thread) % sizes.len()]));
                    assert_eq!(hub.broadcast(&text), MEMBERS);
                }
            })
        })
        .collect();
    let mut orders = Vec::new();
    for mut test_member in members {
        let order: Vec<_> = (0..THREADS * EACH)
            .map(|_| {
                let text = String::from_utf8(test_member.peer.read().payload).unwrap();
                let words: Vec<_> = text.split(' ').collect();
                let (thread, number): (usize, usize) = (words[0].parse().unwrap(), words[1].parse().unwrap());
                assert_eq!(words[2].len(), sizes[(number + thread) % sizes.len()]);
                (thread, number)
            })
            .collect();
        wait_until("counted", LONG, || test_member.member.stats().waiting == 0);
        assert_eq!(test_member.member.stats().sent, (THREADS * EACH) as u64);
        orders.push(order);
    }
    broadcasting.into_iter().for_each(|thread| thread.join().unwrap());
    let mut next = HashMap::new();
    for (thread, number) in &orders[0] {
        let next: &mut usize = next.entry(*thread).or_default();
        assert_eq!(number, next, "messages of one thread keep their order");
        *next += 1;
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "all see the same order");
    wait_until("all counted", LONG, || hub.stats().waiting == 0);
    assert_eq!(hub.stats().sent, (MEMBERS * THREADS * EACH) as u64);
}

#[test]
fn a_message_can_be_sent_to_one_member() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let (mut one, mut two) =
        (add_member(&hub, Side::Server, long_timeouts()), add_member(&hub, Side::Server, long_timeouts()));
    assert_eq!(one.member.send("welcome, one"), QueueOutcome::Queued);
    assert_eq!(hub.broadcast(&b"all"[..]), 2);
    assert_eq!(one.member.broadcast("from one"), 1);
    for expected in ["welcome, one", "all"] {
        assert_eq!(one.peer.read().payload, expected.as_bytes());
    }
    for expected in ["all", "from one"] {
        assert_eq!(two.peer.read().payload, expected.as_bytes());
    }
    assert_eq!(hub.flush(LONG), 0);
    assert_eq!((final_total(one.member.stats()), final_total(two.member.stats())), (2, 2));
    assert_eq!(hub.stats().sent, 4);
    // A member that left gets no more messages, and stays connected.
    two.member.leave();
    assert_eq!((hub.members(), hub.broadcast("left?")), (1, 1));
    two.peer.send(super::live::PING, b"here");
    assert_eq!(two.peer.read().payload, b"here");
    // A broadcast detects the end of the connection.
    drop(one.peer);
    wait_until("removed", LONG, || {
        hub.broadcast("?");
        hub.members() == 0
    });
    assert!(!one.member.is_member());
    assert_eq!(one.member.send("gone?"), QueueOutcome::Closed);
    assert_eq!(hub.flush(LONG), 0);
    assert_eq!(one.member.stats().waiting, 0);
}

#[test]
fn flush_returns_the_number_of_waiting_messages() {
    let _watchdog = watchdog();
    let hub = Hub::with_limits(roomy()).unwrap();
    assert_eq!(hub.flush(LONG), 0, "an empty hub is calm");
    let stuck = add_member(&hub, Side::Server, long_timeouts());
    let sent = (0..30).map(|_| hub.broadcast(vec![7; 1 << 20])).sum::<usize>() as u64;
    let left = hub.flush(ms(200));
    assert!(left > 0 && left < sent, "{left} of {sent}");
    assert_eq!(stuck.member.stats().waiting, left);
    drop(stuck.peer);
    assert_eq!(hub.flush(LONG), 0);
    assert_eq!(final_total(hub.stats()), sent);
}
