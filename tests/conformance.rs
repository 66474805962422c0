//! RFC 6455 sections 5 and 6 on the wire: a handwritten peer against the client and against the server. Violations are
//! in `conformance_violations.rs`, closing in `conformance_closing.rs`.

#[path = "support/wire.rs"]
mod wire;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;

use stdws::{CloseCode, Error, Message, MessageKind, Server};
use wire::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// "text 6869", as a message.
fn message(text: &str) -> Option<Message> {
    let (kind, bytes) = text.split_once(' ').unwrap_or((text, ""));
    match kind {
        "text" => Some(Message::Text(String::from_utf8(hex(bytes)).unwrap())),
        "binary" => Some(Message::Binary(hex(bytes))),
        _ => None,
    }
}

/// "pong 6869", as a frame.
fn answer(text: &str) -> Option<(u8, Vec<u8>)> {
    let (kind, bytes) = text.split_once(' ').unwrap_or((text, ""));
    match kind {
        "pong" => Some((FIN | PONG, hex(bytes))),
        "close" => Some((FIN | CLOSE, hex(bytes))),
        _ => None,
    }
}

fn echoed(message: &Message) -> (u8, Vec<u8>) {
    let opcode = if message.kind() == MessageKind::Text { TEXT } else { BINARY };
    (FIN | opcode, message.as_bytes().to_vec())
}

/// Every valid vector in both roles: whole, byte by byte, and followed by other frames.
///
/// 6455-6.2-1, 6455-6.2-3, 6455-6.2-7, 6455-5.2-1, 6455-5.4-1, 6455-5.4-5, 6455-5.5.2-2, 6455-5.5.3-s1, 6455-5.5.3-s2
/// Shows the answers to farrell-c3, farrell-c6, farrell-c9, resnick-6.
#[test]
fn vectors() {
    let behind = [0x81, 0x06, b'b', b'e', b'h', b'i', b'n', b'd', 0x89, 0x01, b'!'];
    for line in include_str!("data/frames.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [name, unmasked, masked, received, answered] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        for side in SIDES {
            let vector = hex(if side == Side::Client { unmasked } else { masked });
            let expected: Vec<_> = answer(answered).into_iter().chain(message(received).as_ref().map(echoed)).collect();
            let ends = answered.starts_with("close");
            let followed = [vector.clone(), side.frames(&behind)].concat();
            for (way, bytes) in [("whole", &vector), ("byte by byte", &vector), ("with bytes after it", &followed)] {
                let (mut peer, ws) = pair(side);
                let echo = echo(ws);
                match way {
                    "byte by byte" => peer.send_bytewise(bytes),
                    _ => peer.send(bytes),
                }
                if !ends {
                    peer.send_frame(FIN | CLOSE, b"");
                }
                let mut frames = peer.rest_and_end();
                let last = frames.pop();
                let mut got = echo.join().messages;
                let mut expected = expected.clone();
                if way == "with bytes after it" && !ends {
                    assert_eq!(got.pop(), Some(Message::from("behind")), "{name}");
                    expected.extend([(FIN | TEXT, b"behind".to_vec()), (FIN | PONG, b"!".to_vec())]);
                }
                if ends {
                    assert_eq!((frames, last), (vec![], answer(answered)), "{name}, {way}, {side:?}");
                } else {
                    assert_eq!((&frames, last), (&expected, Some((FIN | CLOSE, vec![]))), "{name}, {way}, {side:?}");
                }
                assert_eq!(got, Vec::from_iter(message(received)), "{name}, {way}, {side:?}");
            }
        }
    }
}

/// 6455-5.2-s3, 6455-5.2-6, 6455-5.4-s1, 6455-5.4-7, 6455-5.6-s1, 6455-6.1-1, 6455-6.1-4, 6455-6.1-6, 6455-6.1-9:
/// around every length at which the encoding of the length or the use of the buffers changes.
#[test]
fn messages_of_every_length_are_echoed() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        let lengths = [0, 1, 125, 126, 127, 4090, 4096, 16_384, 16_385, 65_535, 65_536, 69_632, 131_073, 300_001];
        for (opcode, byte) in [(TEXT, b'a'), (BINARY, 0xFF)] {
            for length in lengths {
                let payload: Vec<u8> =
                    (0..length).map(|i| if opcode == TEXT { b'a' + (i % 26) as u8 } else { byte ^ i as u8 }).collect();
                peer.send_frame(FIN | opcode, &payload);
                // `parse` also checks that the length is in its shortest form.
                assert!(peer.next() == (FIN | opcode, payload), "{side:?}, opcode {opcode}, {length}");
            }
        }
        peer.send_close(1000, "");
        peer.rest_and_end();
        assert_eq!(echo.join().messages.len(), 2 * lengths.len());
    }
}

/// 6455-5.1-4: the server masks nothing. 6455-6.2-7: the payload is unmasked.
#[test]
fn a_server_echoes_the_example_of_the_rfc() {
    let (mut peer, ws) = pair(Side::Server);
    let echo = echo(ws);
    peer.send(b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58\x88\x82\x37\xFA\x21\x3D\x34\x12");
    assert_eq!(read_all(&mut peer.stream), b"\x81\x05Hello\x88\x02\x03\xE8");
    assert_eq!(echo.join().info.unwrap().code(), CloseCode::NORMAL);
}

/// 6455-5.4-3, 6455-5.4-6, 6455-5.4-7, 6455-5.4-12, 6455-6.2-3, 6455-6.2-4, 6455-5.4-s2, 6455-5.4-s3
/// Shows the answer to sparks-1.
#[test]
fn fragments_are_assembled_in_order() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        for opcode in [TEXT, BINARY] {
            let pieces: [&[u8]; 7] = [b"", b"a", &[b'b'; 200], b"", &[b'c'; 70_000], b"d", b""];
            for (n, piece) in pieces.iter().enumerate() {
                let first = if n == 0 { opcode } else { CONTINUATION };
                peer.send_frame(first | if n == 6 { FIN } else { 0 }, piece);
            }
            assert!(peer.next() == (FIN | opcode, pieces.concat()), "{side:?}");
            // Another message of another kind follows.
            peer.send_frame(FIN | (TEXT + BINARY - opcode), b"next");
            assert_eq!(peer.next(), (FIN | (TEXT + BINARY - opcode), b"next".to_vec()));
        }
        peer.send_close(1000, "");
        peer.rest_and_end();
        assert_eq!(echo.join().messages.len(), 4);
    }
}

/// 6455-5.6-1, 6455-8.1-1: each frame of a text may end inside a character.
#[test]
fn characters_may_be_split_at_any_byte() {
    let text = "a\u{e9}\u{20ac}\u{1d11e}z".as_bytes();
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        for cut in 0..=text.len() {
            peer.send_frame(TEXT, &text[..cut]);
            peer.send_frame(FIN | PING, &[0xC3]);
            peer.send_frame(FIN | CONTINUATION, &text[cut..]);
            let (mut frames, echoed) = (vec![peer.next(), peer.next()], (FIN | TEXT, text.to_vec()));
            frames.retain(|frame| *frame != echoed);
            assert_eq!(frames, [(FIN | PONG, vec![0xC3])], "{side:?}, {cut}");
        }
        peer.send_close(1000, "");
        peer.rest_and_end();
        echo.join().end.unwrap();
    }
}

// ── control frames ──────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-5.4-1, 6455-5.4-5, 6455-6.2-2, 6455-5.5.2-2, 6455-5.5.2-3, 6455-5.5.3-s1: answered although the message is
/// incomplete, each with its own payload of up to 125 bytes.
/// Shows the answer to opera-14.
#[test]
fn pings_between_fragments_are_answered_immediately() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let echo = echo(ws);
        let mut whole = Vec::new();
        for length in [0, 1, 124, 125] {
            let payload: Vec<u8> = (0..length).map(|i| 255 - i).collect();
            peer.send_frame(if whole.is_empty() { BINARY } else { CONTINUATION }, b"piece");
            whole.extend(b"piece");
            peer.send_frame(FIN | PING, &payload);
            assert_eq!(peer.next(), (FIN | PONG, payload), "{side:?}");
            peer.send_frame(FIN | PONG, b"nobody asked");
        }
        peer.send_frame(FIN | CONTINUATION, b"");
        assert_eq!(peer.next(), (FIN | BINARY, whole), "{side:?}");
        peer.send_close(1000, "");
        // 6455-5.5.3-s2: Pongs are not answered.
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(1000, ""))]);
        assert_eq!(echo.join().messages.len(), 1);
    }
}

/// 6455-5.5.2-2, 6455-5.5.3-s1: while there is room, each Ping of a packet is answered in order, before the message
/// that follows it.
/// Shows the answer to opera-16.
#[test]
fn pings_in_one_packet_are_answered_in_order() {
    for side in SIDES {
        let (mut peer, ws) = pair(side);
        let mut bytes: Vec<u8> = (1..=9).flat_map(|n| side.frame(FIN | PING, &[n; 9])).collect();
        bytes.extend(side.frame(FIN | TEXT, b"behind"));
        // All bytes have arrived before the first read.
        peer.send(&bytes);
        let echo = echo(ws);
        for n in 1..=9 {
            assert_eq!(peer.next(), (FIN | PONG, vec![n; 9]), "{side:?}");
        }
        assert_eq!(peer.next(), (FIN | TEXT, b"behind".to_vec()));
        peer.send_close(1000, "");
        assert_eq!(peer.rest_and_end(), [(FIN | CLOSE, close_body(1000, ""))]);
        echo.join().end.unwrap();
    }
}

/// 6455-5.5.2-1, 6455-5.5.2-4: a Ping has a payload, and only a Pong with the same payload answers it.
/// Shows the answer to farrell-8.
#[test]
fn ping_waits_for_the_matching_pong() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        let pinging = spawn(move || {
            let took = ws.ping();
            (took, ws)
        });
        let (first, payload) = peer.next();
        assert_eq!((first, payload.is_empty()), (FIN | PING, false));
        peer.send_frame(FIN | PONG, b"");
        peer.send_frame(FIN | PONG, &vec![0; payload.len()]);
        peer.send_frame(FIN | TEXT, b"between");
        peer.send_frame(FIN | PING, b"yours");
        assert_eq!(peer.next(), (FIN | PONG, b"yours".to_vec()));
        peer.send_frame(FIN | PONG, &payload);
        let (took, mut ws) = pinging.join();
        took.unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("between"));
    }
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// 6455-6.1-5, 6455-6.1-6, 6455-6.1-7, 6455-5.4-s2, 6455-5.4-2: a stream is one fragmented message, and a Pong is
/// sent between fragments.
#[test]
fn a_stream_is_sent_as_fragments() {
    for side in SIDES {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let (mut peer, mut ws) = pair(side);
            let mut stream = ws.send_stream(kind).unwrap();
            stream.write_all(b"one").unwrap();
            stream.flush().unwrap();
            let opcode = if kind == MessageKind::Text { TEXT } else { BINARY };
            assert_eq!(peer.next(), (opcode, b"one".to_vec()));
            peer.send_frame(FIN | PING, b"?");
            peer.send_frame(FIN | TEXT, b"!");
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("!"));
            stream.write_all(&[b'x'; 40_000]).unwrap();
            stream.finish().unwrap();
            ws.send("after").unwrap();
            let mut frames = Vec::new();
            while frames.last().map_or(true, |(_, payload): &(u8, Vec<u8>)| payload != b"after") {
                frames.push(peer.next());
            }
            let last = frames.pop();
            assert_eq!(last, Some((FIN | TEXT, b"after".to_vec())));
            let pong = frames.iter().position(|frame| frame.0 == FIN | PONG).unwrap();
            assert_eq!(frames.remove(pong).1, b"?");
            let (end, middle) = frames.split_last().unwrap();
            assert!(!middle.is_empty() && middle.iter().all(|frame| frame.0 == CONTINUATION), "{side:?}");
            assert_eq!(end.0, FIN | CONTINUATION);
            let whole: Vec<u8> = frames.into_iter().flat_map(|frame| frame.1).collect();
            assert!(whole == [b'x'; 40_000], "{side:?}");
        }
    }
}

/// 6455-2.1-1: queued messages are written by a flush or by a receive call.
#[test]
fn queued_messages_are_written_together() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        for flush in [true, false] {
            ws.queue("one").unwrap();
            ws.queue(b"two").unwrap();
            peer.stream.set_nonblocking(true).unwrap();
            assert_eq!(peer.stream.peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            peer.stream.set_nonblocking(false).unwrap();
            match flush {
                true => ws.flush().unwrap(),
                false => assert!(ws.try_recv().unwrap_err().is_timeout()),
            }
            assert_eq!(peer.next(), (FIN | TEXT, b"one".to_vec()));
            assert_eq!(peer.next(), (FIN | BINARY, b"two".to_vec()));
        }
    }
}

/// Forwards bytes from one socket to the other, and records them.
fn tap(mut from: TcpStream, mut to: TcpStream) -> Arc<Mutex<Vec<u8>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut part) {
            keep.lock().unwrap().extend_from_slice(&part[..count]);
            if to.write_all(&part[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    kept
}

/// The bytes between client and server, recorded: the handshakes and frames of both.
fn recorded(conversation: impl FnOnce(SocketAddr)) -> [(String, Vec<Frame>); 2] {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let running = server.start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    let running = running.unwrap();
    let (listener, address) = listen();
    let inside = running.local_addr().unwrap();
    let (sender, taps) = mpsc::channel();
    thread::spawn(move || {
        let (client, server) = (accept(&listener), connect(inside));
        let up = tap(client.try_clone().unwrap(), server.try_clone().unwrap());
        sender.send([up, tap(server, client)]).unwrap();
    });
    conversation(address);
    let taps = taps.recv_timeout(LONG).unwrap();
    taps.map(|bytes| {
        let bytes = bytes.lock().unwrap();
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(bytes[..end].to_vec()).unwrap(), parse_all(&bytes[end..]))
    })
}

/// 6455-5.1-1, 6455-5.3-1, 6455-5.3-2, 6455-5.3-4, 6455-6.1-8, 6455-5.5.1-s1, 6455-10.3-1: every frame of a client is
/// masked with its own key from the random source of the system; 6455-5.1-4: no frame of a server.
/// Shows the answers to farrell-8, farrell-9.
/// Shows promise P19.
#[test]
fn clients_use_a_new_masking_key_for_every_frame_and_servers_none() {
    let _watchdog = watchdog();
    const COUNT: usize = 300;
    let [(_, up), (_, down)] = recorded(|address| {
        let mut ws = stdws::connect(format!("ws://{address}")).unwrap();
        for n in 0..COUNT {
            ws.send("the same every time").unwrap();
            ws.recv().unwrap().unwrap();
            if n % 100 == 0 {
                ws.ping().unwrap();
            }
        }
        let mut stream = ws.send_stream(MessageKind::Binary).unwrap();
        stream.write_all(&[0; 100_000]).unwrap();
        stream.finish().unwrap();
        ws.recv().unwrap().unwrap();
        ws.close(CloseCode::NORMAL, "").unwrap();
    });
    let mut keys: Vec<[u8; 4]> = up.iter().map(|frame| frame.key.expect("a frame without a key")).collect();
    let count = keys.len();
    assert!(count > COUNT + 3 + 6, "{count}");
    // No two consecutive keys differ in few bytes.
    let related = keys.windows(2).filter(|pair| pair[0].iter().zip(pair[1]).filter(|(a, b)| **a == *b).count() > 1);
    assert!(related.count() < 3, "keys that are alike follow each other");
    // Nor by the same number as others.
    let step = |pair: &[[u8; 4]]| u32::from_be_bytes(pair[1]).wrapping_sub(u32::from_be_bytes(pair[0]));
    let steps: BTreeSet<u32> = keys.windows(2).map(step).collect();
    assert!(steps.len() >= count - 2, "{} different steps between {count} keys", steps.len());
    keys.sort_unstable();
    keys.dedup();
    // Two of 310 random keys are equal once in 90,000 runs.
    assert!(keys.len() >= count - 1, "{} different keys in {count} frames", keys.len());
    assert!(down.len() > COUNT && down.iter().all(|frame| frame.key.is_none()));
}

/// 6455-6.1-2, 6455-6.1-3: a sender that waits for the write permit fails when the connection closes.
#[test]
fn a_waiting_send_fails_when_the_connection_closes() {
    for side in SIDES {
        let (mut peer, mut ws) = pair(side);
        let mut stream = ws.send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"begun").unwrap();
        stream.flush().unwrap();
        let sender = ws.sender();
        let (starting, started) = mpsc::channel();
        let waiting = spawn(move || {
            starting.send(()).unwrap();
            sender.send("too late")
        });
        started.recv_timeout(LONG).unwrap();
        // The test is valid whether or not the thread already waits; the delay makes it stricter.
        thread::sleep(Duration::from_millis(20));
        peer.send_close(1001, "");
        if side == Side::Client {
            peer.end();
        }
        assert_eq!(ws.recv().unwrap(), None);
        assert!(waiting.join().unwrap_err().is_closed());
        let error = stream.finish().unwrap_err();
        assert!(matches!(error, Error::Closed(_)), "{error:?}");
        assert_eq!(peer.rest(), [(TEXT, b"begun".to_vec()), (FIN | CLOSE, close_body(1001, ""))]);
    }
}
