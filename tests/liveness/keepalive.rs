//! An idle peer is probed, and one that does not answer ends the connection, also while another thread blocks in a send.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Error, Step, Timeouts};

use crate::live::{assert_took, both, connection, long_timeouts, ms, timed, BINARY, LONG, PING, PONG, TEXT, TOO_MUCH};

fn timeouts(ping_interval: Duration, pong_timeout: Duration) -> Timeouts {
    let mut timeouts = long_timeouts();
    timeouts.ping_interval = ping_interval;
    timeouts.pong_timeout = pong_timeout;
    timeouts
}

/// Shows promise P5.
#[test]
fn a_peer_that_neither_reads_nor_writes_ends_recv_and_a_stuck_send() {
    both(|side| {
        let (mut ws, peer) = connection(side, timeouts(ms(200), ms(300)));
        let sender = ws.sender();
        let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        let (end, took) = timed(move || ws.recv()).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        assert_took(took, ms(500));
        let (end, took) = stuck.join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        assert_took(took, ms(500));
    });
}

#[test]
fn a_silent_peer_gets_one_ping_and_is_disconnected() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts(ms(100), ms(200)));
        let (end, took) = timed(move || ws.recv()).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        assert_took(took, ms(300));
        assert_eq!(peer.rest().iter().map(|frame| frame.opcode).collect::<Vec<_>>(), [PING]);
    });
}

/// 6455-5.5.2-1, 6455-5.5.2-4: a peer that only answers Pings stays connected.
#[test]
fn a_peer_that_only_answers_pings_stays() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts(ms(20), LONG));
        let answered = Arc::new(AtomicUsize::new(0));
        let count = answered.clone();
        let answering = thread::spawn(move || {
            while count.load(Ordering::SeqCst) < 10 {
                let ping = peer.read();
                assert_eq!(ping.opcode, PING);
                peer.send(PONG, &ping.payload);
                count.fetch_add(1, Ordering::SeqCst);
            }
            peer.send(TEXT, b"alive");
            peer
        });
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("alive"));
        assert_eq!(answered.load(Ordering::SeqCst), 10);
        answering.join().unwrap();
    });
}

/// Any received byte counts, also one of an incomplete frame: no Ping is sent while bytes arrive and this side sends.
/// Shows the answer to farrell-10.
#[test]
fn bytes_that_come_in_time_need_no_ping() {
    both(|side| {
        // Forty times as long as the pauses, and shorter than the whole. After a pause of the machine that is as long, a Ping is due.
        let interval = ms(2000);
        let (mut ws, mut peer) = connection(side, timeouts(interval, ms(60_000)));
        let sender = ws.sender();
        let bytes = peer.frame(true, BINARY, &[7; 60]);
        let writing = thread::spawn(move || {
            let mut before = Instant::now();
            for byte in bytes {
                peer.stream.write_all(&[byte]).unwrap();
                sender.send("here").unwrap();
                let mut frame = peer.read();
                while frame.opcode == PING && before.elapsed() >= interval {
                    frame = peer.read();
                }
                assert_eq!(frame.payload, b"here");
                before = Instant::now();
                thread::sleep(ms(50));
            }
            (peer, before)
        });
        assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), [7; 60]);
        let (mut peer, before) = writing.join().unwrap();
        ws.abort();
        assert!(peer.rest().is_empty() || before.elapsed() >= interval);
    });
}

/// A caller that rarely receives has a keepalive too ...
#[test]
fn polling_detects_an_unresponsive_peer() {
    both(|side| {
        let (mut ws, _peer) = connection(side, timeouts(ms(100), ms(200)));
        let start = Instant::now();
        let end = loop {
            match ws.recv_timeout(ms(7)) {
                Err(Error::Timeout(Step::Receive)) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        assert_took(start.elapsed(), ms(300));
    });
}

/// ... and the peer is not blamed for that: its answer may have arrived already.
#[test]
fn a_caller_that_rarely_receives_keeps_a_peer_that_answered() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts(ms(50), ms(50)));
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        thread::sleep(ms(60));
        // This call detects the idle peer and sends the Ping.
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        let ping = peer.read();
        assert_eq!(ping.opcode, PING);
        peer.send(PONG, &ping.payload);
        thread::sleep(ms(60));
        let result = ws.try_recv();
        assert!(matches!(result, Err(Error::Timeout(Step::Receive))), "{result:?}");
        peer.send(TEXT, b"still here");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still here"));
    });
}

/// The largest limits work: nothing overflows.
#[test]
fn endless_and_tiny_timeouts_are_accepted() {
    both(|side| {
        let mut endless = long_timeouts();
        for limit in [
            &mut endless.write,
            &mut endless.message,
            &mut endless.ping_interval,
            &mut endless.pong_timeout,
            &mut endless.close,
        ] {
            *limit = Duration::MAX;
        }
        let (mut ws, mut peer) = connection(side, endless);
        peer.send(TEXT, b"one");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("one"));
        peer.send(TEXT, b"two");
        assert_eq!(ws.recv_timeout(Duration::MAX).unwrap().unwrap().as_text(), Some("two"));
        ws.send("three").unwrap();
        assert_eq!(peer.read().payload, b"three");

        let mut none = long_timeouts();
        for limit in [&mut none.write, &mut none.message, &mut none.pong_timeout, &mut none.close] {
            *limit = ms(1);
        }
        none.ping_interval = ms(10);
        let (mut ws, _peer) = connection(side, none);
        let end = ws.recv();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        let (ws, _peer) = connection(side, none);
        assert!(ws.sender().send(vec![0; TOO_MUCH]).is_err_and(|e| e.is_timeout()));
        let (mut ws, _peer) = connection(side, none);
        assert!(ws.close(stdws::CloseCode::NORMAL, "").is_err_and(|e| e.is_timeout()));
    });
}
