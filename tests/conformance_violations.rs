//! Each violation that a peer can commit after the opening handshake, against the client and against the server (RFC
//! 6455 sections 5, 7.1.7, 8.1, 10.4): the code of the Close, the end of the stream, and the error.

#[path = "support/wire.rs"]
mod wire;

use std::io::ErrorKind;

use stdws::{Error, Limits, Message, ProtocolError, Timeouts};
use wire::*;

struct Row {
    name: &'static str,
    frames: Vec<u8>,
    /// Number of bytes after which the violation is detected.
    cut: usize,
    code: u16,
    rule: &'static str,
    /// The frames that an echoing peer sends before the Close.
    before: Vec<(u8, Vec<u8>)>,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("data/violations.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, frames, cut, code, rule] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let byte = |i| u8::from_str_radix(&frames[2 * i..2 * i + 2], 16).unwrap();
            let frames = (0..frames.len() / 2).map(byte).collect();
            let before = match name {
                "continuation after a whole message" => vec![(FIN | TEXT, b"a".to_vec())],
                "continuation after the last fragment" => vec![(FIN | TEXT, b"ab".to_vec())],
                _ => vec![],
            };
            Row { name, frames, cut: cut.parse().unwrap(), code: code.parse().unwrap(), rule, before }
        })
        .collect()
}

/// Checks that the reply is these frames and a Close with this code and this reason. Returns the result of the call.
fn fails(
    mut peer: Peer,
    echo: Worker<Outcome>,
    before: &[(u8, Vec<u8>)],
    (code, reason): (u16, &str),
    what: &str,
) -> Outcome {
    let expected = [before, &[(FIN | CLOSE, close_body(code, reason))]].concat();
    // 6455-7.1.7-1, 6455-7.1.7-3: then the stream ends, although the peer has not ended it.
    assert_eq!(peer.rest(), expected, "{what}");
    drop(peer);
    echo.join()
}

/// 6455-7.1.7-5, 6455-10.7-3, 6455-7.1.7-2, 6455-7.2.1-1, and each rule in `data/violations.tsv`: the bytes
/// up to the first invalid one are sufficient.
/// Shows the answers to opera-6, opera-7, opera-8, farrell-7.
#[test]
fn every_violation_is_detected_at_its_first_invalid_byte() {
    for side in SIDES {
        for Row { name, frames, cut, code, rule, before } in rows() {
            let (bytes, cut) = side.frames_with_cut(&frames, cut);
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send(&bytes[..cut]);
            let outcome = fails(peer, echo, &before, (code, rule), name);
            assert_eq!(outcome.protocol_error(), (rule, code), "{name}, {side:?}");
            // 6455-7.1.4-s1, 6455-7.1.5-s1: not closed cleanly.
            assert_eq!(outcome.info, None, "{name}, {side:?}");
        }
    }
}

/// 6455-7.1.7-7, 6455-7.1.1-1: data after a violation is ignored: no message, no Pong, no second Close.
/// Shows the answer to opera-31.
/// Shows promise P3.
#[test]
fn nothing_is_processed_after_a_violation() {
    for side in SIDES {
        for Row { name, frames, code, rule, before, .. } in rows() {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            let mut bytes = side.frames(&frames);
            bytes.extend(side.frame(FIN | CONTINUATION, b"rest"));
            bytes.extend(side.frame(FIN | TEXT, b"late"));
            bytes.extend(side.frame(FIN | PING, b"late"));
            bytes.extend(side.frame(FIN | CLOSE, &close_body(1000, "late")));
            peer.send(&bytes);
            let outcome = fails(peer, echo, &before, (code, rule), name);
            assert_eq!(outcome.protocol_error(), (rule, code), "{name}, {side:?}");
            assert_eq!((outcome.messages.len(), outcome.info), (before.len(), None), "{name}, {side:?}");
        }
    }
}

#[test]
fn every_violation_is_detected_byte_by_byte() {
    for side in SIDES {
        for Row { name, frames, code, rule, before, .. } in rows() {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send_bytewise(&side.frames(&frames));
            let outcome = fails(peer, echo, &before, (code, rule), name);
            assert_eq!(outcome.protocol_error(), (rule, code), "{name}, {side:?}");
        }
    }
}

/// 6455-7.1.7-5: valid messages and Pings before it in the same packet are processed first.
#[test]
fn frames_before_a_violation_are_processed() {
    for side in SIDES {
        for Row { name, frames, code, rule, .. } in rows() {
            let (mut peer, ws) = pair(side);
            let mut bytes = side.frame(FIN | TEXT, b"good");
            bytes.extend(side.frames(&[0x02, 0x01, 0xC3, 0x89, 0x01, 0x70, 0x80, 0x01, 0x28]));
            bytes.extend(side.frames(&frames));
            peer.send(&bytes);
            let echo = echo(ws);
            let mut sent = peer.rest();
            assert_eq!(sent.pop(), Some((FIN | CLOSE, close_body(code, rule))), "{name}, {side:?}");
            for frame in [(FIN | TEXT, b"good".to_vec()), (FIN | PONG, b"p".to_vec()), (FIN | BINARY, vec![0xC3, 0x28])]
            {
                assert!(sent.contains(&frame), "{name}, {side:?}: {frame:?} is not among {sent:?}");
            }
            drop(peer);
            let outcome = echo.join();
            assert_eq!(outcome.messages[..2], [Message::from("good"), Message::from(vec![0xC3, 0x28])]);
            assert_eq!(outcome.protocol_error(), (rule, code), "{name}, {side:?}");
        }
    }
}

/// 6455-5.1-2, 6455-5.1-3: an unmasked frame from a client; 6455-5.1-5, 6455-5.1-6: a masked one from a server. The
/// second byte decides, for every opcode.
#[test]
fn frames_with_the_wrong_masking() {
    for side in SIDES {
        let (wrong, rule) = match side {
            Side::Client => (Side::Server, "6455-5.1-5"),
            Side::Server => (Side::Client, "6455-5.1-2"),
        };
        for (opcode, payload) in [(TEXT, &b"Hello"[..]), (BINARY, b""), (PING, b"x"), (PONG, b""), (CLOSE, b"\x03\xE8")]
        {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send(&wrong.frame(FIN | opcode, payload)[..2]);
            let outcome = fails(peer, echo, &[], (1002, rule), "masked the wrong way");
            assert_eq!(outcome.protocol_error(), (rule, 1002), "{side:?}, {opcode}");
        }
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        peer.send_frame(TEXT, b"right");
        peer.send(&wrong.frame(FIN | CONTINUATION, b"wrong"));
        assert_eq!(fails(peer, echo, &[], (1002, rule), "masked the wrong way").protocol_error(), (rule, 1002));
    }
}

/// 6455-8.1-1: inside an incomplete frame of any length, whichever buffer it uses.
/// Shows the answer to opera-35.
#[test]
fn text_fails_at_the_first_invalid_byte_of_an_incomplete_frame() {
    for side in SIDES {
        for (length, good) in [(100_u64, 10_usize), (5_000, 4_990), (60_000, 0), (1 << 20, 0), (1 << 20, 100_000)] {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            let whole = side.frame(FIN | TEXT, &[vec![b'a'; good], vec![0xFF; length as usize - good]].concat());
            let header = side.header(FIN | TEXT, length).len();
            peer.send(&whole[..header + good + 1]);
            let outcome = fails(peer, echo, &[], (1007, "6455-8.1-1"), "text");
            let Err(Error::Protocol(ProtocolError::TextNotUtf8 { offset })) = outcome.end else {
                panic!("{outcome:?}")
            };
            assert_eq!(offset, good as u64, "{side:?}");
        }
    }
}

// ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-10.4-1, 6455-10.4-2, 6455-10.7-3: rejected after the header, without waiting for payload.
/// Shows the answer to housley-1.
#[test]
fn frames_above_a_limit_are_rejected_at_the_header() {
    for side in SIDES {
        let mut limits = Limits::with_max_message_size(1000);
        limits.max_frame_size = 600;
        limits.max_fragments = 4;
        let part = side.frame(BINARY, &[1; 600]);
        let tiny = [side.frame(TEXT, b""), side.frame(CONTINUATION, b""), side.frame(CONTINUATION, b"a")].concat();
        let tiny = [tiny, side.frame(CONTINUATION, b"")].concat();
        let (frame, message) = ("at most 600 bytes in a frame", "at most 1000 bytes in a message");
        let rows: [(Vec<u8>, ProtocolError, &str); 6] = [
            (side.header(FIN | TEXT, 601), ProtocolError::FrameTooBig { length: 601, limit: 600 }, frame),
            (side.header(BINARY, 601), ProtocolError::FrameTooBig { length: 601, limit: 600 }, frame),
            (side.header(FIN | BINARY, 1001), ProtocolError::MessageTooBig { length: 1001, limit: 1000 }, message),
            (
                [part.clone(), side.header(FIN | CONTINUATION, 401)].concat(),
                ProtocolError::MessageTooBig { length: 1001, limit: 1000 },
                message,
            ),
            // The sum must not wrap around.
            (
                [part, side.header(CONTINUATION, i64::MAX as u64)].concat(),
                ProtocolError::MessageTooBig { length: i64::MAX as u64 + 600, limit: 1000 },
                message,
            ),
            (
                [tiny, side.header(FIN | CONTINUATION, 0)].concat(),
                ProtocolError::TooManyFragments { limit: 4 },
                "at most 4 fragments in a message",
            ),
        ];
        for (bytes, violation, reason) in rows {
            let (mut peer, ws) = pair_with(side, limits, Timeouts::default());
            let echo = echo(ws);
            peer.send(&bytes);
            let outcome = fails(peer, echo, &[], (1009, reason), "too big");
            assert!(matches!(&outcome.end, Err(Error::Protocol(v)) if *v == violation), "{outcome:?}");
        }
    }
}

/// 6455-10.4-1: a frame or message of exactly the limit is accepted.
#[test]
fn frames_at_a_limit_are_accepted() {
    for side in SIDES {
        let mut limits = Limits::with_max_message_size(1000);
        limits.max_frame_size = 600;
        limits.max_fragments = 4;
        let (mut peer, ws) = pair_with(side, limits, Timeouts::default());
        let echo = echo(ws);
        for pieces in [&[600, 400][..], &[600], &[0, 600, 400, 0], &[1, 1, 1, 1]] {
            for (n, length) in pieces.iter().enumerate() {
                let first = if n == 0 { BINARY } else { CONTINUATION };
                peer.send_frame(first | if n + 1 == pieces.len() { FIN } else { 0 }, &vec![7; *length]);
            }
            assert_eq!(peer.next(), (FIN | BINARY, vec![7; pieces.iter().sum()]), "{side:?}");
        }
        peer.send_close(1000, "");
        peer.rest_and_end();
        echo.join().end.unwrap();
    }
}

/// 6455-10.4-1: the default limits apply before authentication.
#[test]
fn the_default_limits_apply() {
    for (side, limit) in [(Side::Client, 16 << 20), (Side::Server, 1 << 20)] {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        peer.send(&side.header(FIN | BINARY, limit + 1));
        let reason = format!("at most {limit} bytes in a message");
        let outcome = fails(peer, echo, &[], (1009, &reason), "too big");
        let Err(Error::Protocol(violation)) = outcome.end else { panic!("{outcome:?}") };
        assert_eq!(violation, ProtocolError::MessageTooBig { length: limit + 1, limit });
    }
}

/// 6455-7.1.7-6, 6455-7.2.1-2: a stream that ends without a Close fails the connection, in the middle of a frame or
/// not.
#[test]
fn the_end_of_the_stream_without_a_close_is_an_error() {
    for side in SIDES {
        for bytes in [vec![], side.frame(TEXT, b"begun"), side.frame(FIN | BINARY, b"cut off")[..4].to_vec()] {
            let (mut peer, ws) = pair(side);
            let echo = echo(ws);
            peer.send(&bytes);
            peer.end();
            let outcome = echo.join();
            assert!(matches!(outcome.end, Err(Error::Closed(None))), "{outcome:?}");
            assert_eq!(outcome.info, None);
            // Nothing is sent to a peer that has disconnected.
            let mut rest = [0; 16];
            let rest = std::io::Read::read(&mut peer.stream, &mut rest);
            assert!(matches!(&rest, Ok(0)) || rest.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
        }
    }
}
