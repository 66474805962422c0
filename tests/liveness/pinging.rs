//! `ping` waits only for its Pong, and floods of control frames do not extend a call with a limit.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Error, Limits, Step, Timeouts};

use crate::live::{
    assert_soon, assert_took, both, connection, limited, long_timeouts, ms, timed, BINARY, CONTINUATION, PING, PONG,
    TEXT,
};

fn timeouts() -> Timeouts {
    let mut timeouts = long_timeouts();
    timeouts.pong_timeout = ms(300);
    timeouts
}

#[test]
fn a_ping_without_a_pong_times_out_and_nothing_else_fails() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts());
        let (ws2, took) = timed(move || {
            let end = ws.ping();
            assert!(matches!(end, Err(Error::Timeout(Step::Pong))), "{end:?}");
            ws
        })
        .join()
        .unwrap();
        assert_took(took, ms(300));
        ws = ws2;
        let sender = ws.sender();
        let (end, took) = timed(move || sender.ping()).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Pong))), "{end:?}");
        assert_took(took, ms(300));
        // A late Pong is accepted, and one for all Pings is sufficient: 6455-5.5.3-1.
        assert_eq!(peer.read().opcode, PING);
        let second = peer.read();
        peer.send(PONG, &second.payload);
        peer.send(TEXT, b"on we go");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("on we go"));
    });
}

/// 6455-5.5.3-s2: unsolicited Pongs do not answer a Ping, and are not answered.
#[test]
fn only_its_own_pong_answers_a_ping_and_messages_before_it_are_kept_in_order() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let start = Instant::now();
        let answering = thread::spawn(move || {
            let ping = peer.read();
            for number in 0..10 {
                peer.send(TEXT, format!("message {number}").as_bytes());
                peer.send(PONG, b"");
                peer.send(PONG, b"what?");
                peer.send(PONG, &u64::MAX.to_be_bytes());
            }
            thread::sleep(ms(20));
            peer.send(PONG, &ping.payload);
            peer.send(TEXT, b"message 10");
            peer
        });
        let time = ws.ping().unwrap();
        assert!(time >= ms(20) && time <= start.elapsed(), "{time:?}");
        let mut peer = answering.join().unwrap();
        for number in 0..=10 {
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(&*format!("message {number}")));
        }
        ws.abort();
        assert_eq!(peer.rest(), []);
    });
}

/// Nothing is lost if more than the limit arrives before the Pong.
#[test]
fn more_than_the_limit_before_the_pong_is_a_timeout_and_loses_nothing() {
    both(|side| {
        let (mut ws, mut peer) = limited(side, long_timeouts(), Limits::with_max_message_size(10_000));
        let feeding = thread::spawn(move || {
            let ping = peer.read();
            for number in 0..100_u8 {
                peer.send(BINARY, &[number; 1000]);
            }
            peer.send(PONG, &ping.payload);
            peer
        });
        let (ws, took) = timed(move || {
            let end = ws.ping();
            assert!(matches!(end, Err(Error::Timeout(Step::Pong))), "{end:?}");
            ws
        })
        .join()
        .unwrap();
        assert_soon(took, ms(0));
        let (mut ws, _peer) = (ws, feeding.join().unwrap());
        for number in 0..100_u8 {
            assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes(), [number; 1000]);
        }
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
    });
}

/// The limit of a call holds against a peer that sends without end.
#[test]
fn a_flood_does_not_keep_a_limited_call() {
    both(|side| {
        for (opcode, fin) in [(PING, true), (PONG, true), (CONTINUATION, false)] {
            let mut limits = Limits::with_max_message_size(1 << 20);
            limits.max_fragments = u32::MAX;
            let (mut ws, mut peer) = limited(side, timeouts(), limits);
            if opcode == CONTINUATION {
                let begin = peer.frame(false, TEXT, b"");
                peer.stream.write_all(&begin).unwrap();
            }
            let _going_on = peer.repeat(peer.frame(fin, opcode, b"").repeat(5000), ms(0));
            for limit in [ms(0), ms(1), ms(150)] {
                let (back, took) = timed(move || {
                    let end = if limit.is_zero() { ws.try_recv() } else { ws.recv_timeout(limit) };
                    assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{end:?}");
                    ws
                })
                .join()
                .unwrap();
                ws = back;
                assert_took(took, limit);
            }
            if opcode != CONTINUATION {
                let (end, took) = timed(move || ws.ping()).join().unwrap();
                assert!(matches!(end, Err(Error::Timeout(Step::Pong))), "{end:?}");
                assert_took(took, ms(300));
            }
        }
    });
}

#[test]
fn try_recv_does_not_wait() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        // The fastest of many: a busy machine makes some slow, and a wait makes all slow.
        let times = (0..1000).map(|_| {
            let start = Instant::now();
            assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
            start.elapsed()
        });
        let fastest = times.min().unwrap();
        assert!(fastest < ms(1), "{fastest:?}");
        peer.send(TEXT, b"there");
        let message = loop {
            match ws.try_recv() {
                Err(Error::Timeout(Step::Receive)) => {}
                message => break message,
            }
        };
        assert_eq!(message.unwrap().unwrap().as_text(), Some("there"));
    });
}

#[test]
fn recv_timeout_takes_as_long_as_it_says() {
    both(|side| {
        let (mut ws, _peer) = connection(side, long_timeouts());
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(300), ms(30), ms(200)] {
            let start = Instant::now();
            assert!(matches!(ws.recv_timeout(limit), Err(Error::Timeout(Step::Receive))));
            assert_took(start.elapsed(), limit);
        }
    });
}
