//! In every draft, every call returns within its bound, whatever the peer does. Compare `tests/liveness`.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use stdws::{CloseCode, Error, MessageKind, Step, Version};

use crate::live::{assert_soon, assert_took, long_timeouts, ms, timed, Side};
use crate::peer::{connection, each, each_at_once};
use crate::variants::ProtocolVariant;

/// More than the buffers of a loopback connection and the read buffer of the peer hold.
const TOO_MUCH: usize = 16 << 20;

#[test]
fn sending_to_a_stuck_peer_fails_at_the_write_timeout() {
    each(|variant, side| {
        if !represents_its_framing(variant) {
            return;
        }
        let mut timeouts = long_timeouts();
        timeouts.write = ms(300);
        let (ws, _peer, tap) = connection(variant, side, timeouts);
        let sender = ws.sender();
        let text = "too much".repeat(TOO_MUCH / 8);
        let (end, took) = timed(move || sender.send(&text)).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Write))), "{variant:?} {side:?}: {end:?}");
        assert_soon(took, ms(300) + ms(4_000));
        let (end, took) = timed({
            let mut ws = ws;
            move || ws.recv()
        })
        .join()
        .unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Write))), "{variant:?} {side:?}: {end:?}");
        assert_soon(took, ms(0));
        drop(tap);
    });
}

/// One version for each framing and masking, for slow tests.
fn represents_its_framing(variant: ProtocolVariant) -> bool {
    let few = [Version::Hixie75, Version::Hybi01, Version::Hybi06, Version::Hybi08];
    few.contains(&variant.version) && !variant.deflates()
}

#[test]
fn an_incomplete_message_times_out() {
    each_at_once(|variant, side| {
        let mut timeouts = long_timeouts();
        timeouts.message = ms(300);
        timeouts.close = ms(300);
        let (mut ws, mut peer, tap) = connection(variant, side, timeouts);
        tap.hold();
        peer.send("half of this").unwrap();
        let bytes = tap.finish(peer);
        tap.send(&bytes[..bytes.len() / 2]);
        // Half of a compressed frame may decompress to nothing. Then no message has begun.
        if variant.deflates() {
            assert!(ws.recv_timeout(ms(900)).is_err());
            return;
        }
        let (end, took) = timed(move || ws.recv()).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Message))), "{variant:?} {side:?}: {end:?}");
        assert_took(took, ms(300));
    });
}

#[test]
fn a_slow_message_arrives() {
    each(|variant, side| {
        let (mut ws, mut peer, tap) = connection(variant, side, long_timeouts());
        tap.hold();
        peer.send("drop by drop").unwrap();
        peer.send("").unwrap();
        if variant.has_fragments() {
            let mut stream = peer.send_stream(MessageKind::Text).unwrap();
            for part in ["and ", "once ", "more"] {
                stream.write_all(part.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
            stream.finish().unwrap();
        }
        let bytes = tap.finish(peer);
        let dripping = thread::spawn(move || {
            for byte in bytes {
                tap.send(&[byte]);
            }
        });
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("drop by drop"), "{variant:?} {side:?}");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(""));
        if variant.has_fragments() {
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("and once more"));
        }
        dripping.join().unwrap();
    });
}

#[test]
fn a_silent_peer_times_out_in_versions_with_ping() {
    each_at_once(|variant, side| {
        let mut timeouts = long_timeouts();
        (timeouts.ping_interval, timeouts.pong_timeout) = (ms(150), ms(150));
        let (mut ws, _peer, _tap) = connection(variant, side, timeouts);
        let sender = ws.sender();
        if !variant.has_ping() {
            // Without Ping, silence is not detected: a timeout of the call, or another thread, ends the wait.
            let end = ws.recv_timeout(ms(600));
            assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{variant:?} {side:?}: {end:?}");
            assert!(sender.is_open());
            let receiving = timed(move || ws.recv());
            thread::sleep(ms(50));
            sender.abort();
            let (end, took) = receiving.join().unwrap();
            assert!(matches!(end, Err(Error::Closed(None))), "{end:?}");
            return assert_soon(took, ms(50));
        }
        let (end, took) = timed(move || ws.recv()).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{variant:?} {side:?}: {end:?}");
        assert_took(took, ms(300));
    });
}

#[test]
fn a_peer_that_answers_pings_stays_connected() {
    each_at_once(|variant, side| {
        let mut timeouts = long_timeouts();
        timeouts.ping_interval = ms(50);
        let (mut ws, mut peer, _tap) = connection(variant, side, timeouts);
        let sender = peer.sender();
        let answering = thread::spawn(move || peer.recv());
        let end = ws.recv_timeout(ms(600));
        assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{variant:?} {side:?}: {end:?}");
        sender.send("still here").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still here"));
        ws.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(answering.join().unwrap().unwrap(), None);
    });
}

/// hixie76-4.2-9
#[test]
fn a_close_without_a_reply_times_out() {
    each_at_once(|variant, side| {
        let mut timeouts = long_timeouts();
        timeouts.close = ms(300);
        let (mut ws, _peer, _tap) = connection(variant, side, timeouts);
        let (end, took) = timed(move || ws.close(CloseCode::NORMAL, "")).join().unwrap();
        // In versions without Close, the end of the stream needs no reply.
        assert_eq!(end.is_ok(), !variant.has_close(), "{variant:?} {side:?}: {end:?}");
        assert!(matches!(end, Ok(_) | Err(Error::Timeout(Step::Close))), "{variant:?} {side:?}: {end:?}");
        assert_took(took, ms(300));
    });
}

#[test]
fn the_end_of_the_stream_inside_a_message_is_an_error() {
    each(|variant, side| {
        for at in 1.. {
            let (mut ws, mut peer, tap) = connection(variant, side, long_timeouts());
            tap.hold();
            peer.send("cut").unwrap();
            let bytes = tap.finish(peer);
            let Some(part) = bytes.get(..at).filter(|part| part.len() < bytes.len()) else { return };
            tap.send(part);
            tap.stream.shutdown(Shutdown::Write).unwrap();
            match ws.recv() {
                Err(Error::Closed(None)) => {}
                // The last bytes of a flush contain no data.
                Ok(Some(message)) => assert_eq!(message.as_text(), Some("cut")),
                other => panic!("{variant:?} {side:?} at {at}: {other:?}"),
            }
        }
    });
}

#[test]
fn two_peers_that_send_before_reading_do_not_deadlock() {
    each(|variant, side| {
        if side == Side::Client || !represents_its_framing(variant) {
            return;
        }
        let (ws, peer, _tap) = connection(variant, side, long_timeouts());
        let large = "too much".repeat(1 << 19);
        let both = [ws, peer].map(|mut ws| {
            let large = large.clone();
            thread::spawn(move || {
                let sender = ws.sender();
                let sending = thread::spawn(move || sender.send(&large).unwrap());
                let length = ws.recv().unwrap().unwrap().len();
                sending.join().unwrap();
                (length, ws)
            })
        });
        for thread in both {
            assert_eq!(thread.join().unwrap().0, 4 << 20, "{variant:?}");
        }
    });
}

#[test]
fn a_flood_of_pings_blocks_nothing() {
    each(|variant, side| {
        if !variant.has_ping() {
            return;
        }
        let (mut ws, mut peer, tap) = connection(variant, side, long_timeouts());
        // Endless Pings from a peer that does not read the Pongs: the bytes of one Ping, repeated.
        tap.hold();
        let sender = peer.sender();
        let pinging = thread::spawn(move || sender.ping());
        let one = tap.first_bytes();
        peer.send("behind it").unwrap();
        let all = tap.finish(peer);
        assert!(pinging.join().unwrap().is_err());
        // A compressed Ping cannot be repeated.
        let count = if variant.deflates() { 1 } else { 5_000 };
        let mut flood = one.repeat(count);
        flood.extend_from_slice(&all[one.len()..]);
        let flooding = thread::spawn(move || {
            tap.send(&flood);
            tap
        });
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("behind it"), "{variant:?} {side:?}");
        flooding.join().unwrap();
    });
}

#[test]
fn a_stuck_stream_does_not_block_a_close() {
    each_at_once(|variant, side| {
        if !variant.has_fragments() {
            return;
        }
        let (ws, mut peer, _tap) = connection(variant, side, long_timeouts());
        let mut stream = ws.sender().send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"never finished").unwrap();
        stream.flush().unwrap();
        let mut ws = ws;
        let peer = thread::spawn(move || {
            let mut received = Vec::new();
            let result = peer.recv_stream().map(|stream| stream.map(|mut stream| stream.read_to_end(&mut received)));
            (received, result.is_ok())
        });
        let (end, took) = timed(move || ws.close(CloseCode::NORMAL, "")).join().unwrap();
        assert!(end.is_ok(), "{variant:?} {side:?}: {end:?}");
        assert_soon(took, ms(0));
        assert_eq!(peer.join().unwrap().0, b"never finished");
        drop(stream);
    });
}
