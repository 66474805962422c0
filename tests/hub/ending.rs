//! Members that join and leave, connections that end, and the end of the hub.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::live::{connection, long_timeouts, ms, watchdog, Random, Side, Watched, CLOSE, LONG, SLACK, TOO_MUCH};
use crate::members::{add_member, final_total, receive, wait_until};
use stdws::{Hub, HubLimits, Server};

#[test]
fn members_join_and_leave_during_broadcasts() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let (done, queued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let broadcasting: Vec<_> = (0..3)
        .map(|_| {
            let (hub, done, queued) = (hub.clone(), done.clone(), queued.clone());
            thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let count = hub.broadcast("news") + hub.publish("topic", &b"more"[..]);
                    queued.fetch_add(count, Ordering::SeqCst);
                    thread::sleep(Duration::from_micros(200));
                }
            })
        })
        .collect();
    let joining: Vec<_> = (0..4)
        .map(|thread| {
            let hub = hub.clone();
            thread::spawn(move || {
                let mut random = Random::seeded(thread);
                for _ in 0..40 {
                    let side = if random.next() % 3 == 0 { Side::Client } else { Side::Server };
                    let (ws, mut peer) = connection(side, long_timeouts());
                    let member = hub.add(ws.sender());
                    member.subscribe("topic").unwrap();
                    for _ in 0..random.next() % 4 {
                        peer.read();
                    }
                    match random.next() % 6 {
                        // The peer disconnects without a Close.
                        0 => {
                            let receiving = receive(ws);
                            drop(peer);
                            let _ = receiving.join().unwrap();
                            drop(member);
                        }
                        1 => drop((member, ws, peer)),
                        2 => drop((ws, member, peer)),
                        3 => {
                            member.leave();
                            let start = Instant::now();
                            drop(ws);
                            // A drop waits this long for the thread of the hub, and then cannot send a Close.
                            let gives_up = start.elapsed() >= Duration::from_millis(10);
                            let last = peer.rest().last().map(|frame| frame.opcode);
                            assert!(last == Some(CLOSE) || gives_up, "{last:?}");
                        }
                        4 => {
                            let mut ws = ws;
                            ws.abort();
                            wait_until("noticed", LONG, || !member.is_member());
                        }
                        _ => {
                            member.stay();
                            drop((ws, peer));
                        }
                    }
                }
            })
        })
        .collect();
    joining.into_iter().for_each(|thread| thread.join().unwrap());
    wait_until("all are forgotten", LONG, || hub.members() == 0);
    done.store(true, Ordering::SeqCst);
    broadcasting.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(hub.flush(LONG), 0);
    assert_eq!(final_total(hub.stats()), queued.load(Ordering::SeqCst) as u64);
}

#[test]
fn dropping_the_hub_is_bounded_and_keeps_connections_open() {
    let _watchdog = watchdog();
    let limits = HubLimits { max_queue_bytes: 2 * TOO_MUCH, ..HubLimits::default() };
    let hub = Hub::with_limits(limits).unwrap();
    let stuck: Vec<_> = (0..10).map(|_| add_member(&hub, Side::Server, long_timeouts())).collect();
    for _ in 0..TOO_MUCH >> 19 {
        assert_eq!(hub.broadcast(vec![0; 512 << 10]), 10);
    }
    assert!(hub.flush(ms(100)) > 0);
    let (ws, mut peer) = connection(Side::Server, long_timeouts());
    let (sender, member) = (ws.sender(), hub.add(ws.sender()));
    hub.broadcast("the last");
    let start = Instant::now();
    drop(hub);
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    // Messages that could be written without waiting were written.
    assert_eq!(peer.read().payload, b"the last");
    sender.send("by myself").unwrap();
    assert_eq!(peer.read().payload, b"by myself");
    assert!(!member.is_member());
    assert_eq!((member.broadcast("anyone?"), final_total(member.stats())), (0, 1));
    for mut stuck in stuck {
        assert!(stuck.member.stats().lost > 0);
        final_total(stuck.member.stats());
        // The rest of a partly written frame arrives as well.
        let (sent, payload) = (stuck.member.stats().sent, vec![0; 512 << 10]);
        for _ in 0..sent.min(2) {
            assert!(stuck.peer.read().payload == payload);
        }
    }
}

#[test]
fn an_unused_hub_ends() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let clone = hub.clone();
    drop(hub);
    assert_eq!(clone.broadcast("nobody"), 0);
    drop(clone);
}

#[test]
fn an_ended_connection_is_removed_without_a_broadcast() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let running = hub.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().watched();
    let server = server
        .start(move |mut ws| {
            running.add(ws.sender()).stay();
            ws.recv().map(drop)
        })
        .unwrap();
    let client = stdws::connect(server.url()).unwrap();
    wait_until("added", LONG, || hub.members() == 1);
    drop(client);
    wait_until("forgotten", Duration::from_secs(5) + SLACK, || hub.members() == 0);
}

#[test]
fn a_send_only_connection_sends_close_when_removed() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let (ws, mut peer) = connection(Side::Server, long_timeouts());
    let member = hub.add(ws.into_sender().unwrap());
    hub.broadcast("hello");
    assert_eq!(peer.read().payload, b"hello");
    assert_eq!(hub.flush(LONG), 0);
    drop(member);
    let frame = peer.read();
    assert_eq!((frame.opcode, &frame.payload[..]), (CLOSE, &1001_u16.to_be_bytes()[..]));
}
