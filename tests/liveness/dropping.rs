//! Dropping a connection, and `into_sender` for a thread that only sends.

use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Timeouts};

use crate::live::{
    assert_soon, assert_took, both, close_body, connection, long_timeouts, ms, timed, Frame, CLOSE, PING, PONG, TEXT,
    TOO_MUCH,
};

fn goodbye() -> Vec<Frame> {
    vec![Frame { fin: true, opcode: CLOSE, payload: close_body(1001, "") }]
}

#[test]
fn a_dropped_connection_sends_1001_and_ends() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let (sender, start) = (ws.sender(), Instant::now());
        drop(ws);
        assert_soon(start.elapsed(), ms(0));
        assert_eq!(peer.rest(), goodbye());
        assert!(matches!(sender.send("late"), Err(Error::Closed(Some(_)))));
    });
}

/// 6455-2.1-1: sending may be delayed, but queued messages are written before the Close.
#[test]
fn queued_messages_are_written() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        ws.queue("last words").unwrap();
        drop(ws);
        let frames = peer.rest();
        assert_eq!(frames[0].payload, b"last words");
        assert_eq!(frames[1..], goodbye());
    });
}

#[test]
fn dropping_does_not_wait_for_a_peer_that_does_not_read() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        let start = Instant::now();
        drop(ws);
        assert_soon(start.elapsed(), ms(0));
        assert!(stuck.join().unwrap().0.is_err());
        peer.wait_for_end();
    });
}

#[test]
fn dropping_does_not_wait_for_a_peer_that_floods() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let going_on = peer.repeat(peer.frame(true, TEXT, &[b'a'; 1000]).repeat(20), ms(0));
        ws.recv().unwrap();
        let start = Instant::now();
        drop(ws);
        assert_soon(start.elapsed(), ms(0));
        peer.wait_for_end();
        drop(going_on);
    });
}

/// A thread that panics while it owns a connection sends 1011.
#[test]
fn a_panic_sends_1011() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let panicked = std::thread::spawn(move || {
            let _ws = ws;
            std::panic::resume_unwind(Box::new("on purpose, without a message"));
        });
        assert!(panicked.join().is_err());
        let frames = peer.rest();
        assert_eq!(
            frames.iter().map(|f| (f.opcode, f.payload.clone())).collect::<Vec<_>>(),
            [(CLOSE, close_body(1011, ""))]
        );
    });
}

// ── into_sender ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn into_sender_answers_pings_and_drops_messages() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.into_sender().unwrap();
        for round in 0..3_u8 {
            peer.send(TEXT, b"nobody wants this");
            peer.send(PING, &[round]);
            assert_eq!(peer.read(), Frame { fin: true, opcode: PONG, payload: vec![round] });
        }
        sender.send("news").unwrap();
        assert_eq!(peer.read().payload, b"news");
        // The background thread receives, so the sender can wait for Pongs.
        let answering = std::thread::spawn(move || {
            let ping = peer.read();
            peer.send(PONG, &ping.payload);
            let close = peer.read();
            peer.send(CLOSE, &close.payload);
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            close
        });
        assert!(sender.ping().unwrap() > Duration::ZERO);
        assert_eq!(sender.close(CloseCode::NORMAL, "enough").unwrap().code(), CloseCode::NORMAL);
        assert_eq!(answering.join().unwrap().payload, close_body(1000, "enough"));
    });
}

#[test]
fn into_sender_notices_the_end() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.into_sender().unwrap();
        assert!(sender.is_open());
        peer.send(CLOSE, &close_body(1000, ""));
        assert_eq!(peer.read().opcode, CLOSE);
        assert!(matches!(sender.send("late"), Err(Error::Closed(Some(_)))));

        let mut timeouts = long_timeouts();
        timeouts.ping_interval = ms(100);
        timeouts.pong_timeout = ms(100);
        let (ws, mut peer) = connection(side, timeouts);
        let sender = ws.into_sender().unwrap();
        assert_eq!(peer.read().opcode, PING);
        peer.wait_for_end();
        assert!(sender.send("late").is_err_and(|error| error.is_timeout()));
    });
}

#[test]
fn the_last_sender_sends_a_close() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.into_sender().unwrap();
        let clone = sender.clone();
        drop(sender);
        clone.send("still here").unwrap();
        assert_eq!(peer.read().payload, b"still here");
        drop(clone);
        assert_eq!([peer.read()][..], goodbye());
        peer.send(CLOSE, &close_body(1001, ""));
        let _ = peer.stream.shutdown(std::net::Shutdown::Write);
        assert_eq!(peer.rest(), []);
    });
}

/// No thread waits for the peer's Close, so only `Timeouts::close` ends the connection.
#[test]
fn after_the_close_the_peer_has_the_close_timeout_and_no_more() {
    both(|side| {
        let mut timeouts: Timeouts = long_timeouts();
        timeouts.close = ms(400);
        timeouts.ping_interval = Duration::MAX;
        let (ws, mut peer) = connection(side, timeouts);
        let start = Instant::now();
        drop(ws.into_sender().unwrap());
        assert_eq!([peer.read()][..], goodbye());
        peer.wait_for_end();
        assert_took(start.elapsed(), ms(400));
    });
}
