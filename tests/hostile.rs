//! Randomly mutated input for the client and the server. It causes no panic, no hang, no memory beyond the limits and
//! no invalid output, and all later calls return the same error.
//!
//! A number determines each mutation. It is printed when a case fails, and `case(side, number)` repeats the case.

#[path = "support/wire.rs"]
mod wire;

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Mutex};

use stdws::{CloseCode, Error, Limits, Server, SplitStream, WebSocket};
use wire::*;

/// Number of cases for each role.
const CASES: u64 = 3000;
/// Maximum message size.
const LIMIT: usize = 2000;

/// splitmix64: one number determines a whole case.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Frames as a well-behaved peer of this end sends them.
fn frames(side: Side, random: &mut Random) -> Vec<u8> {
    let text = "h\u{e9}ll\u{f6} \u{20ac} \u{1d11e} ".repeat(20);
    let mut bytes = Vec::new();
    for _ in 0..random.below(8) {
        let length = *random.pick(&[0, 1, 5, 125, 126, 300, 1000, LIMIT]);
        bytes.extend(match random.below(7) {
            0 => side.frame(FIN | TEXT, text.as_bytes()),
            1 => side.frame(FIN | BINARY, &vec![0x80; length]),
            2 => {
                let cut = random.below(text.len());
                let between = side.frame(FIN | PING, b"between");
                let (first, rest) = text.as_bytes().split_at(cut);
                [side.frame(TEXT, first), between, side.frame(CONTINUATION, b""), side.frame(FIN | CONTINUATION, rest)]
                    .concat()
            }
            3 => side.frame(FIN | PING, &vec![b'p'; length.min(125)]),
            4 => side.frame(FIN | PONG, &vec![b'p'; length.min(125)]),
            5 => side.header(FIN | BINARY, random.next() >> random.below(64)),
            _ => side.frame(FIN | TEXT, b"short"),
        });
    }
    if random.below(2) == 0 {
        bytes.extend(side.frame(FIN | CLOSE, &close_body(1000 + random.below(16) as u16, "bye")));
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, from: usize, random: &mut Random) {
    let at = from + random.below(bytes.len().saturating_sub(from));
    let length = random.below(20).min(bytes.len().saturating_sub(at));
    let special = *random.pick(&[0, 1, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF, b'\r', b'\n', b':', b' ', b',', b'"']);
    match random.below(7) {
        _ if at >= bytes.len() => bytes.push(special),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = special,
        2 => bytes.insert(at, special),
        3 => drop(bytes.drain(at..at + length)),
        4 => {
            let again = bytes[at..at + length].to_vec();
            bytes.splice(at..at, again);
        }
        5 => bytes.truncate(at),
        _ => {
            let noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            bytes.splice(at..at, noise);
        }
    }
}

/// The bytes of the peer, including the handshake.
fn conversation(side: Side, random: &mut Random) -> Vec<u8> {
    let head = if side == Side::Server { REQUEST } else { RESPONSE };
    let mut bytes = [head.as_bytes(), &frames(side, random)].concat();
    // Most mutations are after the handshake, because few connections would pass it otherwise.
    let from = if random.below(4) == 0 { 0 } else { head.len() };
    for _ in 0..random.below(4) {
        damage(&mut bytes, from, random);
    }
    bytes
}

/// Returns its bytes in pieces of random size, then ends.
struct Pieces {
    bytes: Vec<u8>,
    given: usize,
    random: Random,
    _gone: mpsc::Sender<()>,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = *self.random.pick(&[1, 2, 7, 100, usize::MAX]);
        let count = most.min(to.len()).min(self.bytes.len() - self.given);
        to[..count].copy_from_slice(&self.bytes[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Records what is written.
struct Collect {
    bytes: Arc<Mutex<Vec<u8>>>,
    _gone: mpsc::Sender<()>,
}

impl Write for Collect {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn case(side: Side, number: u64) {
    let mut random = Random(number);
    let bytes = conversation(side, &mut random);
    let written = Arc::new(Mutex::new(Vec::new()));
    let (reading, read_gone) = mpsc::channel();
    let (writing, write_gone) = mpsc::channel();
    let reader = Pieces { bytes: bytes.clone(), given: 0, random: Random(number ^ 1), _gone: reading };
    let halves = SplitStream::new(reader, Collect { bytes: written.clone(), _gone: writing });
    let mut limits = Limits::with_max_message_size(LIMIT as u64);
    limits.max_fragments = 10;
    let opened = match side {
        Side::Server => Server::without_listener().limits(limits).accept_over(halves).map(Option::unwrap),
        Side::Client => client("ws://server.example.com/chat").limits(limits).connect_over(halves),
    };
    let open = opened.is_ok();
    match opened {
        Ok(ws) => use_up(ws, bytes.len(), &mut random),
        Err(Error::Handshake(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
    // Both threads of the halves have ended.
    read_gone.recv_timeout(LONG).unwrap_err();
    write_gone.recv_timeout(LONG).unwrap_err();
    judge(side, &written.lock().unwrap(), open, bytes.len());
}

/// Receives in every way and replies until the connection has ended.
fn use_up(mut ws: WebSocket, most: usize, random: &mut Random) {
    let mut end = None;
    // Every step except some Pings consumes at least one frame of the peer.
    for _ in 0..2 * most + 100 {
        let step = match random.below(12) {
            0 => ws.recv_stream().and_then(|stream| {
                let Some(mut stream) = stream else { return Ok(false) };
                let mut part = [0; 100];
                // Some streams are abandoned in the middle.
                for _ in 0..random.below(40) {
                    match stream.read(&mut part) {
                        Ok(0) => break,
                        Ok(_) => {}
                        Err(error) => {
                            let inner = error.into_inner().and_then(|inner| inner.downcast::<Error>().ok());
                            return inner.map_or(Ok(false), |error| Err(*error));
                        }
                    }
                }
                Ok(true)
            }),
            // Messages that arrived before the end, while waiting for a Pong, can still be received.
            1 => {
                drop(ws.ping());
                Ok(true)
            }
            2 => {
                ws.recv_ref().map(|message| message.map(|message| assert!(message.as_bytes().len() <= LIMIT)).is_some())
            }
            _ => ws.recv().map(|message| {
                let Some(message) = message else { return false };
                assert!(message.len() <= LIMIT);
                let _ = if random.below(2) == 0 { ws.send(&message) } else { ws.queue(&message) };
                true
            }),
        };
        match step {
            Ok(true) => {}
            Ok(false) => {
                end = Some(Ok(()));
                break;
            }
            Err(error) => {
                end = Some(Err(error));
                break;
            }
        }
    }
    let end = end.expect("it goes on after the last byte");
    assert!(ws.send("late").is_err(), "{end:?}");
    match random.below(3) {
        0 => drop(ws),
        1 => ws.abort(),
        _ => {
            let closed = ws.close(CloseCode::NORMAL, "");
            assert!(closed.is_ok() || closed.is_err_and(|error| !error.is_timeout()), "{end:?}");
            assert_eq!(ws.recv().map(|message| message.is_some()).ok(), end.is_ok().then_some(false), "{end:?}");
        }
    }
}

/// Checks that the output of this side is valid.
fn judge(side: Side, written: &[u8], open: bool, read: usize) {
    let end = written.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, rest) = written.split_at(end);
    let good = if side == Side::Server { "HTTP/1.1 101 " } else { "GET /chat HTTP/1.1\r\n" };
    match (side, open) {
        (Side::Server, false) => {
            assert!(head.starts_with(b"HTTP/1.1 4") || head.starts_with(b"HTTP/1.1 505"), "{}", written.escape_ascii());
        }
        (Side::Client, false) => assert_eq!(rest, b""),
        (_, true) => {
            assert!(head.starts_with(good.as_bytes()), "{}", written.escape_ascii());
            let frames = parse_all(rest);
            assert!(frames.iter().all(|frame| frame.key.is_some() == (side == Side::Client)));
            let close = frames.iter().position(|frame| frame.first == FIN | CLOSE);
            let after = close.map_or(0, |at| frames.len() - at - 1);
            assert_eq!(after, 0, "something after the Close: {frames:?}");
            // The output is bounded: a reply is about as long as its cause.
            assert!(rest.len() <= 4 * read + 1000, "{} bytes for {read}", rest.len());
        }
    }
}

/// Runs the cases, and prints the one that failed or hung.
fn run(side: Side, cases: impl Iterator<Item = u64> + Send + 'static, case: fn(Side, u64)) {
    let current = Arc::new(AtomicU64::new(0));
    let at = current.clone();
    let (ended, case_ended) = mpsc::channel();
    let worker = spawn(move || {
        for number in cases {
            at.store(number, Ordering::SeqCst);
            case(side, number);
            ended.send(()).unwrap();
        }
    });
    // The time is for one case, and not for all.
    while case_ended.recv_timeout(LONG).is_ok() {}
    if worker.try_join().is_none() {
        panic!("case({side:?}, {}) failed, or hangs", current.load(Ordering::SeqCst));
    }
}

/// Shows promises P3, P4.
#[test]
fn a_server_survives() {
    run(Side::Server, 0..CASES, case);
}

/// Shows promise P4.
#[test]
fn a_client_survives() {
    run(Side::Client, 0..CASES, case);
}

/// The same over TCP, against one server that serves all cases.
#[test]
fn a_server_survives_over_tcp() {
    run(Side::Server, 0..1, |side, _| {
        let handler = |mut ws: WebSocket| {
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        };
        let running = Server::bind("127.0.0.1:0").unwrap().max_message_size(LIMIT as u64).start(handler).unwrap();
        for number in CASES..CASES + 500 {
            let bytes = conversation(side, &mut Random(number));
            let mut stream = connect(running.local_addr().unwrap());
            // A server that has closed may reset the connection.
            let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                Ok(_) => assert!(answer.starts_with(b"HTTP/1.1 "), "case {number}: {}", answer.escape_ascii()),
                Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "case {number}: it hangs"),
            }
        }
        let mut stream = connect(running.local_addr().unwrap());
        stream.write_all(REQUEST.as_bytes()).unwrap();
        assert_eq!(read_head(&mut stream), RESPONSE);
    });
}
