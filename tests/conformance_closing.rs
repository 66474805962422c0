//! RFC 6455 sections 5.5.1 and 7 on the wire: the closing handshake started by either peer, in both roles, and the end
//! of the stream.

#[path = "support/wire.rs"]
mod wire;

use std::io::Read;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Limits, Message, Server, Step, Timeouts, UsageError};
use wire::*;

const MOMENT: Duration = Duration::from_millis(100);

fn timeouts(close: Duration) -> Timeouts {
    Timeouts { close, ..Timeouts::default() }
}

fn limits(side: Side) -> Limits {
    match side {
        Side::Client => Limits::client(),
        Side::Server => Limits::server(),
    }
}

/// 6455-5.5.1-1, 6455-5.5.1-3, 6455-5.5.1-6, 6455-5.5.1-s2, 6455-5.5.1-7, 6455-5.5.1-10, 6455-7.1.5-s1, 6455-7.1.6-s1,
/// 6455-7.1.4-s1: each allowed code is returned to the peer and to the caller; the reason is not sent back.
#[test]
fn a_reply_to_a_close_repeats_its_code() {
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

/// 6455-7.1.5-s1, 6455-5.5.1-1: a Close without a body gets a reply without a body, and means 1005, which is never
/// sent.
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

/// 6455-7.1.2-1, 6455-7.1.2-2, 6455-7.4-1, 6455-7.4.1-1, 6455-7.3-1: the given code and reason are sent; the
/// reply is returned unchanged, whatever its code.
#[test]
fn close_sends_code_and_reason_and_returns_the_reply() {
    for side in SIDES {
        for (answer, code) in [(close_body(1000, "bye"), 1000), (close_body(4001, ""), 4001), (vec![], 1005)] {
            let (mut peer, mut ws) = pair(side);
            let closing = spawn(move || {
                let info = ws.close(CloseCode::new(3001), "\u{e9} reason").unwrap();
                assert_eq!(ws.close_info().as_ref(), Some(&info));
                // 6455-6.1-2, 6455-5.5.1-5
                assert!(ws.send("late").unwrap_err().is_closed() && ws.recv().unwrap().is_none());
                // Closing again returns the same and sends nothing.
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

/// 6455-7.4.1-3, 6455-7.4.1-4, 6455-7.4.1-6, 6455-7.4.1-s1, 6455-7.4.2-s1, 6455-5.5-1: invalid codes and reasons are
/// rejected, and the connection is unchanged.
#[test]
fn invalid_close_codes_and_reasons_are_not_sent() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            let error = ws.close(CloseCode::new(code), "").unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::CloseCode(c)) if c == code), "{error:?}");
        }
        assert_eq!(ws.close_info(), None);
        ws.send("still open").unwrap();
        assert_eq!(peer.next(), (FIN | TEXT, b"still open".to_vec()));
        ws.start_close(CloseCode::NORMAL, &"x".repeat(123)).unwrap();
        assert_eq!(peer.next(), (FIN | CLOSE, close_body(1000, &"x".repeat(123))));
    }
}

/// 6455-5.5-1, 6455-5.5.1-3: a long reason is cut at the end of a character, and the code stays what the caller chose.
#[test]
fn a_long_reason_is_cut() {
    for side in SIDES {
        for (reason, length) in [("x", 123), ("é", 122), ("€", 123), ("🦀", 120)] {
            let long = reason.repeat(124);
            let want = (FIN | CLOSE, close_body(4001, &long[..length]));
            let (mut peer, mut ws) = pair(side);
            ws.start_close(CloseCode::new(4001), &long).unwrap();
            assert_eq!(peer.next(), want, "{side:?}");
            let (mut peer, ws) = pair(side);
            let sender = ws.sender();
            let closing = spawn(move || sender.close(CloseCode::new(4001), &long).map(drop));
            assert_eq!(peer.next(), want, "{side:?}");
            drop((peer, ws));
            let _ = closing.join();
        }
    }
}

/// 6455-5.5.1-s3: crossing Closes end cleanly, without a second Close from either peer.
#[test]
fn closes_that_cross() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        // The Close of the peer has arrived before ours is sent, but is not read.
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

// ── between the two Closes ──────────────────────────────────────────────────────────────────────────────────────────

/// 6455-5.5.2-2, 6455-5.5.1-5, 6455-7.1.3-s1: after our Close, messages still arrive and Pings are still answered, but
/// no data is sent.
/// Shows the answers to opera-4, opera-15.
#[test]
fn messages_between_the_two_closes() {
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
        assert_eq!(echo.join().messages, [Message::from("one"), b"two"[..].into()]);
    }
}

/// 6455-5.5.2-2: a Ping before the Close is answered before the reply to the Close; a Ping after it is not answered.
/// 6455-7.1.1-1: everything after a Close is discarded: messages, invalid frames, a second Close.
/// Shows the answers to opera-15, sparks-2.
#[test]
fn frames_after_a_received_close_are_discarded() {
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
        assert_eq!(outcome.messages, [""; 0]);
        let info = outcome.info.unwrap();
        assert_eq!((info.code(), info.reason()), (CloseCode::NORMAL, "first"));
    }
}

/// 6455-5.4-1, 6455-7.1.5-s1: a Close may arrive inside a message, which is then never completed.
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
        assert_eq!(outcome.messages, [""; 0], "{side:?}");
    }
}

/// 6455-7.2.1-1, 6455-7.1.7-5: a violation instead of a reply to our Close: no second Close, and no clean end.
#[test]
fn a_violation_instead_of_the_close_reply() {
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

// ── the end of the stream ───────────────────────────────────────────────────────────────────────────────────────────

/// 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5, 6455-5.5.1-10: the server ends it as soon as both Closes are sent,
/// whichever peer closed first, and does not wait for the client.
/// Shows the answer to opera-37.
#[test]
fn a_server_ends_the_stream_immediately() {
    for server_begins in [true, false] {
        let (mut peer, mut ws) = pair_with(Side::Server, Limits::server(), timeouts(2 * LONG));
        let ended = spawn(move || {
            let result = match server_begins {
                true => ws.close(CloseCode::NORMAL, "").map(drop),
                false => ws.recv().map(|message| assert_eq!(message, None)),
            };
            // A drop would end the stream as well.
            (result, ws)
        });
        if server_begins {
            peer.next();
        }
        peer.send_close(1000, "");
        peer.stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(peer.rest().len(), usize::from(!server_begins));
        let (result, _ws) = ended.join();
        result.unwrap();
    }
}

/// 6455-5.5.1-12, 6455-7.1.1-6, 6455-7.1.1-3: the client waits for the server to end it, whichever peer closed first.
/// Shows the answer to opera-36.
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

/// 6455-5.5.1-13, 6455-7.1.1-4: the client waits for a timeout, then ends it. The close is
/// clean, because both Closes were sent.
#[test]
fn a_client_ends_the_stream_after_a_timeout() {
    let (mut peer, mut ws) = pair_with(Side::Client, Limits::client(), timeouts(MOMENT));
    let start = Instant::now();
    // The reply is there before the timeout begins, however slow this thread is.
    peer.send_close(1000, "");
    let closing = spawn(move || ws.close(CloseCode::NORMAL, ""));
    assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1000, ""))]);
    assert!(start.elapsed() >= MOMENT);
    assert_eq!(closing.join().unwrap().code(), CloseCode::NORMAL);
}

/// A missing reply to a Close times out: 6455-7.1.4-s1, the close is not clean.
#[test]
fn a_close_without_a_reply() {
    for side in SIDES {
        let (mut peer, mut ws) = pair_with(side, limits(side), timeouts(MOMENT));
        let closing = spawn(move || (ws.close(CloseCode::NORMAL, "").unwrap_err(), ws.close_info()));
        assert_eq!(peer.rest(), [(FIN | CLOSE, close_body(1000, ""))]);
        let (error, info) = closing.join();
        assert!(matches!(error, Error::Timeout(Step::Close)) && info.is_none(), "{error:?}, {info:?}");
    }
}

/// 6455-7.1.1-2, 6455-10.7-2: without a Close, in every state.
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

/// Dropping a connection sends 1001, or 1011 during a panic, and does not wait.
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

/// 6455-7.2.2-1: a server aborts an opening handshake without a request by ending the stream, without a response.
#[test]
fn a_missing_request_gets_no_response() {
    // Enough to send the part.
    let timeouts = Timeouts { handshake: MOMENT * 15, ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts).start(|_| Ok(())).unwrap();
    for part in ["", &REQUEST[..REQUEST.len() - 2]] {
        let mut stream = connect(server.local_addr().unwrap());
        std::io::Write::write_all(&mut stream, part.as_bytes()).unwrap();
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    }
}
