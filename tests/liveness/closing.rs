//! `close` ends at `Timeouts::close`, whatever the peer does instead of answering.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Limits, Step, Timeouts};

use crate::live::{
    assert_soon, assert_took, both, close_body, connection, limited, long_timeouts, ms, timed, RawPeer, Side, BINARY,
    CLOSE, PING, SLACK, TEXT, TOO_MUCH,
};

fn timeouts() -> Timeouts {
    let mut timeouts = long_timeouts();
    timeouts.close = ms(400);
    timeouts
}

fn gives_up(side: Side, misbehave: impl Fn(&RawPeer) -> Box<dyn Send>) {
    for from_sender in [false, true] {
        let mut limits = Limits::with_max_message_size(64 << 20);
        limits.max_fragments = u32::MAX;
        let (mut ws, peer) = limited(side, timeouts(), limits);
        let _going_on = misbehave(&peer);
        let (end, took) = timed(move || match from_sender {
            false => ws.close(CloseCode::NORMAL, "bye"),
            true => {
                let sender = ws.sender();
                let receiving = thread::spawn(move || while let Ok(Some(_)) = ws.recv() {});
                let end = sender.close(CloseCode::NORMAL, "bye");
                receiving.join().unwrap();
                end
            }
        })
        .join()
        .unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
        assert_took(took, ms(400));
        drop(peer);
    }
}

/// Shows promise P5.
#[test]
fn a_peer_that_never_answers() {
    both(|side| gives_up(side, |_| Box::new(())));
}

#[test]
fn a_peer_that_floods_messages() {
    both(|side| {
        gives_up(side, |peer| Box::new(peer.repeat(peer.frame(true, BINARY, &[1; 1000]).repeat(50), ms(0))));
    });
}

#[test]
fn a_peer_that_floods_pings_and_reads_nothing() {
    both(|side| gives_up(side, |peer| Box::new(peer.repeat(peer.frame(true, PING, &[1; 125]).repeat(300), ms(0)))));
}

#[test]
fn a_peer_that_floods_empty_fragments() {
    both(|side| {
        gives_up(side, |peer| {
            let begin = peer.frame(false, TEXT, b"");
            let (mut writer, more) = (peer.second_handle(), peer.frame(false, 0x0, b"").repeat(1000));
            writer.stream.write_all(&begin).unwrap();
            Box::new(peer.repeat(more, ms(0)))
        });
    });
}

#[test]
fn a_peer_that_drips() {
    both(|side| {
        gives_up(side, |peer| {
            let frame = peer.frame(true, BINARY, &[7; 100_000]);
            let (mut writer, head) = (peer.second_handle(), frame[..20].to_vec());
            writer.stream.write_all(&head).unwrap();
            Box::new(peer.repeat(vec![7], ms(5)))
        });
    });
}

/// The Close cannot be written: another thread blocks in a send.
#[test]
fn a_peer_that_never_reads() {
    both(|side| {
        let (mut ws, peer) = connection(side, timeouts());
        let sender = ws.sender();
        let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
        let closing = ws.sender();
        // From the first byte on it has the write permit, and keeps it.
        peer.wait_for_bytes();
        let (end, took) = timed(move || closing.close(CloseCode::NORMAL, "")).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
        assert_took(took, ms(400));
        assert!(stuck.join().unwrap().0.is_err());
        assert!(ws.recv().is_err());
    });
}

/// Messages before the peer's Close are received, and the handshake completes.
#[test]
fn start_close_and_go_on_receiving() {
    // 6455-5.5.1-1, 6455-7.1.2-1, 6455-7.1.2-2, 6455-7.1.4-s1
    both(|side| {
        let mut timeouts = long_timeouts();
        if side == Side::Client {
            timeouts.close = ms(400);
        }
        let (mut ws, mut peer) = connection(side, timeouts);
        let start = Instant::now();
        ws.start_close(CloseCode::GOING_AWAY, "later").unwrap();
        let close = peer.read();
        assert_eq!((close.opcode, close.payload), (CLOSE, close_body(1001, "later")));
        // 6455-5.5.1-5
        assert!(matches!(ws.send("more"), Err(Error::Closed(_))));
        peer.send(TEXT, b"one more");
        peer.send(CLOSE, &close_body(1001, ""));
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("one more"));
        // 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5: the server ends the stream at once.
        // 6455-5.5.1-12, 6455-7.1.1-6: the client waits for the server to do so.
        // 6455-5.5.1-13, 6455-7.1.1-4: but not longer than its time.
        let (ended, _) = timed(move || (ws.recv().unwrap().is_none(), ws.close_info().unwrap())).join().unwrap();
        assert!(ended.0);
        assert_eq!((ended.1.code(), ended.1.sent_code()), (CloseCode::GOING_AWAY, Some(CloseCode::GOING_AWAY)));
        match side {
            Side::Client => assert_took(start.elapsed(), ms(400)),
            // A server does not wait.
            Side::Server => assert_soon(start.elapsed(), ms(0)),
        }
        peer.wait_for_end();
    });
}

/// 6455-5.5.1-10, 6455-5.5.1-7: a received Close is answered before `recv` returns, and the connection is closed.
#[test]
fn a_close_received_is_answered_and_ends_the_stream() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        peer.send(CLOSE, &close_body(3000, "done"));
        let receiving = timed(move || (ws.recv().unwrap().is_none(), ws.close_info().unwrap()));
        let answer = peer.read();
        assert_eq!((answer.opcode, answer.payload), (CLOSE, close_body(3000, "")));
        if side == Side::Client {
            // 6455-5.5.1-12: it waits for the server, and not longer.
            peer.stream.shutdown(Shutdown::Write).unwrap();
        }
        let ((closed, info), took) = receiving.join().unwrap();
        assert!(closed);
        assert_eq!((info.code().as_u16(), info.reason()), (3000, "done"));
        assert_soon(took, ms(0));
        assert_eq!(peer.rest(), []);
    });
}

/// 6455-7.1.7-6: a violation is answered with a Close if the peer reads it, and ends the connection in time if not.
#[test]
fn a_violation_ends_in_time_although_the_peer_does_not_read() {
    both(|side| {
        let (mut ws, mut peer) = limited(side, timeouts(), Limits::with_max_message_size(1000));
        let sender = ws.sender();
        let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        peer.send(BINARY, &[0; 1001]);
        let (end, took) = timed(move || ws.recv()).join().unwrap();
        assert!(matches!(end, Err(Error::Protocol(_))), "{end:?}");
        assert_soon(took, ms(800));
        let (end, _) = stuck.join().unwrap();
        assert!(matches!(end, Err(Error::Protocol(_))), "{end:?}");
    });
}

/// 6455-7.1.7-5, 6455-7.1.7-7, 6455-10.7-3: the Close has the code of the violation, and later data is ignored. An endless
/// peer is disconnected at `Timeouts::close`, for which no call waits.
/// 6455-7.1.1-1: until then input is discarded, so that the Close arrives.
/// 6455-7.1.7-1, 6455-7.1.7-3, 6455-7.2.1-1: this ends the connection for both roles. 6455-7.1.7-2: the caller gets the error.
#[test]
fn a_violation_ends_in_time_although_the_peer_goes_on() {
    // An error does not wait: first with a time that nobody waits for here.
    for close in [long_timeouts().close, ms(400)] {
        both(move |side| goes_on_after_a_violation(side, close));
    }
}

fn goes_on_after_a_violation(side: Side, close: Duration) {
    let timeouts = Timeouts { close, ..long_timeouts() };
    let (mut ws, mut peer) = connection(side, timeouts);
    let bytes = [peer.frame(true, 0x3, b"what is this"), peer.frame(true, TEXT, b"not this")].concat();
    peer.stream.write_all(&bytes).unwrap();
    let mut writer = peer.second_handle();
    // Before the thread of the peer begins, so that its time is not too short.
    let start = Instant::now();
    let going_on = thread::spawn(move || {
        let more = writer.frame(true, TEXT, b"nor this");
        while writer.stream.write_all(&more).is_ok() {
            thread::sleep(ms(1));
        }
    });
    let (_, took) = timed(move || {
        for _ in 0..2 {
            let end = ws.recv();
            assert!(matches!(end, Err(Error::Protocol(stdws::ProtocolError::UnknownOpcode(3)))), "{end:?}");
        }
    })
    .join()
    .unwrap();
    assert_soon(took, ms(0));
    if close > SLACK {
        // A peer that reads it has the time for that.
        let frames = peer.rest();
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!((frames[0].opcode, &frames[0].payload[..2]), (CLOSE, &1002_u16.to_be_bytes()[..]));
        peer.stream.shutdown(Shutdown::Both).unwrap();
        going_on.join().unwrap();
    } else {
        going_on.join().unwrap();
        assert_took(start.elapsed(), close);
    }
}
