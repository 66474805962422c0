//! RFC 6455 sections 5.5.1 and 7 as they show on the wire: the closing handshake started by either end, in both roles, and
//! who ends the stream when.

#[path = "support/wire.rs"]
mod wire;

use std::io::Read;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Limits, Server, Step, Timeouts, UsageError};
use wire::*;

const MOMENT: Duration = Duration::from_millis(100);

fn timeouts(close: Duration) -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.close = close;
    timeouts
}

fn limits(side: Side) -> Limits {
    match side {
        Side::Client => Limits::client(),
        Side::Server => Limits::server(),
    }
}

/// 6455-5.5.1-1, 6455-5.5.1-3, 6455-5.5.1-6, 6455-5.5.1-s2, 6455-5.5.1-7, 6455-5.5.1-10, 6455-7.1.5-s1, 6455-7.1.6-s1,
/// 6455-7.1.4-s1: each code that may travel comes back as it is, and is told as it is; the reason does not come back.
#[test]
fn a_close_is_answered_with_its_code() {
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    let longest = "\u{e9}".repeat(61) + "!";
    for side in SIDES {
        for code in codes {
            for reason in ["", "bye", &longest] {
                let (mut peer, ws) = pair(side);
                let echo = echo(ws);
                peer.send_close(code, reason);
                assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(code, ""))], "{side:?}");
                let info = echo.join().info.unwrap();
                assert_eq!((info.code().as_u16(), info.reason()), (code, reason));
                assert_eq!(info.sent_code().map(CloseCode::as_u16), Some(code));
            }
        }
    }
}

/// 6455-7.1.5-s1, 6455-5.5.1-1: a Close without a body is answered with one, and stands for 1005, which is never sent.
#[test]
fn a_close_without_a_code() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        peer.send_frame(FIN | CLOSE, b"");
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, vec![])]);
        let outcome = echo.join();
        outcome.end.unwrap();
        let info = outcome.info.unwrap();
        assert_eq!((info.code(), info.reason(), info.sent_code()), (CloseCode::NO_STATUS, "", None));
    }
}

/// 6455-7.1.2-1, 6455-7.1.2-2, 6455-7.4-1, 6455-7.4.1-1, 6455-7.3-1: the code and the reason that were given; and the
/// answer, whatever code it has, is told as it came.
#[test]
fn closing_sends_code_and_reason_and_returns_the_answer() {
    for side in SIDES {
        for (answer, code) in [(close_body(1000, "bye"), 1000), (close_body(4001, ""), 4001), (vec![], 1005)] {
            let (mut peer, mut ws) = pair(side);
            let closing = spawn(move || {
                let info = ws.close(CloseCode::new(3001), "\u{e9} reason").unwrap();
                assert_eq!(ws.close_info().as_ref(), Some(&info));
                // 6455-6.1-2, 6455-5.5.1-5
                assert!(ws.send("late").unwrap_err().is_closed() && ws.recv().unwrap().is_none());
                // Closing again tells the same and sends nothing.
                assert_eq!(ws.close(CloseCode::NORMAL, "").unwrap(), info);
                info
            });
            assert_eq!(peer.next(), (FIN | CLOSE, close_body(3001, "\u{e9} reason")), "{side:?}");
            peer.send_frame(FIN | CLOSE, &answer);
            if side == Side::Client {
                peer.end();
            }
            assert_eq!(peer.rest(), [], "{side:?}");
            let info = closing.join();
            assert_eq!((info.code().as_u16(), info.sent_code()), (code, Some(CloseCode::new(3001))));
            assert_eq!(info.reason(), if code == 1000 { "bye" } else { "" });
        }
    }
}

/// 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6, 6455-7.4.1-s1, 6455-7.4.2-s1, 6455-5.5-1: what must not travel is refused, and
/// the connection is as before.
#[test]
fn what_must_not_be_sent_in_a_close_is_not() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            let error = ws.close(CloseCode::new(code), "").unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::CloseCode(c)) if c == code), "{error:?}");
        }
        let error = ws.close(CloseCode::NORMAL, &"x".repeat(124)).unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::CloseReasonTooLong(124))), "{error:?}");
        assert_eq!(ws.close_info(), None);
        ws.send("still open").unwrap();
        assert_eq!(peer.next(), (FIN | TEXT, b"still open".to_vec()));
        ws.start_close(CloseCode::NORMAL, &"x".repeat(123)).unwrap();
        assert_eq!(peer.next(), (FIN | CLOSE, close_body(1000, &"x".repeat(123))));
    }
}

/// 6455-5.5.1-s3: Closes that cross end in good order, and neither is answered with a second one.
#[test]
fn closes_that_cross() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        // The peer's is here before ours is sent, but has not been read.
        peer.send_close(4000, "theirs");
        let closing = spawn(move || ws.close(CloseCode::new(4001), "ours").unwrap());
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(4001, "ours"))], "{side:?}");
        let info = closing.join();
        assert_eq!(
            (info.code().as_u16(), info.reason(), info.sent_code()),
            (4000, "theirs", Some(CloseCode::new(4001)))
        );
    }
}

// ── what may come, and go, in between ───────────────────────────────────────────────────────────────────────────────

/// 6455-5.5.2-2, 6455-5.5.1-5, 6455-7.1.3-s1: after our Close messages still arrive and Pings are still answered, but no
/// data is sent.
#[test]
fn between_our_close_and_the_peers() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        ws.start_close(CloseCode::GOING_AWAY, "").unwrap();
        assert!(ws.send("late").unwrap_err().is_closed());
        assert!(ws.queue("late").unwrap_err().is_closed());
        assert!(ws.ping().unwrap_err().is_closed());
        let echo = echo(ws);
        peer.send_frame(FIN | TEXT, b"one");
        peer.send_frame(BINARY, b"tw");
        peer.send_frame(FIN | PING, b"?");
        peer.send_frame(FIN | CONTINUATION, b"o");
        assert_eq!(peer.next(), (FIN | CLOSE, close_body(1001, "")));
        assert_eq!(peer.next(), (FIN | PONG, b"?".to_vec()), "{side:?}");
        peer.send_close(1001, "");
        if side == Side::Client {
            peer.end();
        }
        assert_eq!(peer.rest(), []);
        assert_eq!(echo.join().messages, ["one".into(), b"two"[..].into()]);
    }
}

/// 6455-5.5.2-2: a Ping that came before the Close is answered, before the Close is; one that came after it is not.
/// 6455-7.1.1-1: all that follows a Close is discarded: messages, wrong frames, a second Close.
#[test]
fn nothing_after_the_peers_close_counts() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let mut bytes = side.frame(FIN | PING, b"before");
        bytes.extend(side.frame(FIN | CLOSE, &close_body(1000, "first")));
        bytes.extend(side.frame(FIN | PING, b"after"));
        bytes.extend(side.frame(FIN | TEXT, b"after"));
        bytes.extend(side.frame(FIN | CLOSE, &close_body(1001, "second")));
        bytes.extend([0xFF; 100]);
        peer.send(&bytes);
        let echo = echo(ws);
        let expected = [(FIN | PONG, b"before".to_vec()), (FIN | CLOSE, close_body(1000, ""))];
        assert_eq!(peer.rest_and_end(), expected, "{side:?}");
        let outcome = echo.join();
        outcome.end.unwrap();
        assert_eq!(outcome.messages, []);
        let info = outcome.info.unwrap();
        assert_eq!((info.code(), info.reason()), (CloseCode::NORMAL, "first"));
    }
}

/// 6455-5.4-1, 6455-7.1.5-s1: a Close may come in the middle of a message, which then never arrives.
#[test]
fn a_close_inside_a_message() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        peer.send_frame(TEXT, b"begun");
        peer.send_close(1000, "");
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(1000, ""))]);
        let outcome = echo.join();
        outcome.end.unwrap();
        assert_eq!(outcome.messages, [], "{side:?}");
    }
}

/// 6455-7.2.1-1, 6455-7.1.7-5: a rule broken in answer to our Close: no second Close, and no good end.
#[test]
fn a_violation_instead_of_the_answer() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        let closing = spawn(move || (ws.close(CloseCode::NORMAL, "").unwrap_err(), ws.close_info()));
        assert_eq!(peer.next(), (FIN | CLOSE, close_body(1000, "")));
        peer.send_frame(FIN | 0x3, b"");
        assert_eq!(peer.rest(), [], "{side:?}");
        drop(peer);
        let (error, info) = closing.join();
        assert!(matches!(error, Error::Protocol(_)) && info.is_none(), "{error:?}, {info:?}");
    }
}

// ── who ends the stream ─────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5, 6455-5.5.1-10: the server ends it as soon as both Closes are through,
/// whoever began, and does not wait for the client.
#[test]
fn a_server_ends_the_stream_at_once() {
    for server_begins in [true, false] {
        let (mut peer, mut ws) = pair_with(Side::Server, Limits::server(), timeouts(2 * LONG));
        let ended = spawn(move || match server_begins {
            true => ws.close(CloseCode::NORMAL, "").map(drop),
            false => ws.recv().map(|message| assert_eq!(message, None)),
        });
        if server_begins {
            peer.next();
        }
        peer.send_close(1000, "");
        assert_eq!(peer.rest().len(), usize::from(!server_begins));
        ended.join().unwrap();
    }
}

/// 6455-5.5.1-12, 6455-7.1.1-6, 6455-7.1.1-3: the client waits for the server to end it, whoever began.
#[test]
fn a_client_waits_for_the_server_to_end_the_stream() {
    for client_begins in [true, false] {
        let (mut peer, mut ws) = pair_with(Side::Client, Limits::client(), timeouts(2 * LONG));
        let ended = spawn(move || match client_begins {
            true => ws.close(CloseCode::NORMAL, "").map(drop),
            false => ws.recv().map(|message| assert_eq!(message, None)),
        });
        if client_begins {
            peer.next();
            peer.send_close(1000, "");
        } else {
            peer.send_close(1000, "");
            peer.next();
        }
        assert!(peer.is_silent(MOMENT), "the client ended the stream first");
        assert!(ended.is_running());
        peer.end();
        assert_eq!(peer.rest(), []);
        ended.join().unwrap();
    }
}

/// 6455-5.5.1-13, 6455-7.1.1-4: a server that does not end it has its time, and then the client does. The end is a good
/// one: both Closes were through.
#[test]
fn a_client_does_not_wait_for_ever() {
    let (mut peer, mut ws) = pair_with(Side::Client, Limits::client(), timeouts(MOMENT));
    let start = Instant::now();
    let closing = spawn(move || ws.close(CloseCode::NORMAL, ""));
    peer.next();
    peer.send_close(1000, "");
    assert_eq!(peer.rest(), []);
    assert!(start.elapsed() >= MOMENT);
    assert_eq!(closing.join().unwrap().code(), CloseCode::NORMAL);
}

/// A peer that does not answer a Close has its time too: 6455-7.1.4-s1, that is no good end.
#[test]
fn a_close_that_is_not_answered() {
    for side in SIDES {
        let (mut peer, mut ws) = pair_with(side, limits(side), timeouts(MOMENT));
        let closing = spawn(move || (ws.close(CloseCode::NORMAL, "").unwrap_err(), ws.close_info()));
        assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1000, ""))]);
        let (error, info) = closing.join();
        assert!(matches!(error, Error::Timeout(Step::Close)) && info.is_none(), "{error:?}, {info:?}");
    }
}

/// 6455-7.1.1-2, 6455-10.7-2: without a Close, in the middle of whatever there is.
#[test]
fn abort_ends_the_stream_without_a_close() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        ws.send("last").unwrap();
        ws.abort();
        assert_eq!(peer.rest(), [(FIN | TEXT, b"last".to_vec())], "{side:?}");
        assert!(matches!(ws.recv(), Err(Error::Closed(None))));
        assert!(matches!(ws.send("late"), Err(Error::Closed(None))));
    }
}

/// Who drops a connection says 1001, or 1011 in a panic, and does not wait.
#[test]
fn dropping_sends_a_close() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        drop(ws);
        assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1001, ""))], "{side:?}");
    }
    let running = Server::bind("127.0.0.1:0").unwrap().start(|_ws| panic!("on purpose")).unwrap();
    let mut stream = connect(running.local_addr().unwrap());
    std::io::Write::write_all(&mut stream, REQUEST.as_bytes()).unwrap();
    read_head(&mut stream);
    assert_eq!(read_all(&mut stream), b"\x88\x02\x03\xF3");
}

/// 6455-7.2.2-1: a server aborts an opening handshake by closing, with no more words: nobody has asked anything yet.
#[test]
fn a_request_that_does_not_come_is_not_answered() {
    let mut timeouts = Timeouts::default();
    timeouts.handshake = MOMENT;
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts).start(|_| Ok(())).unwrap();
    for part in ["", &REQUEST[..REQUEST.len() - 2]] {
        let mut stream = connect(server.local_addr().unwrap());
        std::io::Write::write_all(&mut stream, part.as_bytes()).unwrap();
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    }
}
