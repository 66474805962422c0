//! Compressed input split at every byte, truncated at every byte, and randomly mutated. It causes no panic, no hang, no
//! message beyond the limit and no message that was not sent, and all later calls return the same error.
//!
//! A number determines each mutation. It is printed when a case fails.
#![cfg(feature = "deflate")]

#[path = "support/deflate.rs"]
mod support;

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::Duration;

use stdws::deflate::{Compress, Level, WindowBits};
use stdws::{Error, Limits, Message, WebSocket};
use support::*;

/// Number of mutated cases for each role.
const CASES: u64 = 600;
/// Maximum message size.
const LIMIT: u64 = 3_000;
/// Ten times the duration of the slowest test here.
const LONG: Duration = Duration::from_secs(600);

/// Frames of every kind that a peer may send with compression, and their messages.
fn conversation(role: Side) -> (Vec<u8>, Vec<Message>) {
    let mut compress = Compress::new(Level::Default, WindowBits::MAX);
    let long = "caf\u{e9} and \u{6f22}, over and over; ".repeat(20);
    let (mut frames, mut messages) = (Vec::new(), Vec::new());
    for text in ["Hello", "", &long, "over and over"] {
        frames.extend(frame(role, 0xC1, &packed(&mut compress, text.as_bytes())));
        messages.push(Message::Text(text.to_owned()));
    }
    frames.extend(frame(role, 0x81, b"as it is"));
    messages.push(Message::Text("as it is".to_owned()));
    // In fragments, with a control frame between them and an empty frame at the end.
    let payload = packed(&mut compress, long.as_bytes());
    for (number, part) in payload.chunks(7).enumerate() {
        frames.extend(frame(role, if number == 0 { 0x41 } else { 0x00 }, part));
    }
    frames.extend(frame(role, 0x89, b"ping"));
    frames.extend(frame(role, 0x80, b""));
    messages.push(Message::Text(long));
    // A stored block, and a block with the final bit.
    for payload in [
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00][..],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
    ] {
        frames.extend(frame(role, 0xC2, payload));
        messages.push(Message::Binary(b"Hello".to_vec()));
    }
    frames.extend(frame(role, 0x88, &1000_u16.to_be_bytes()));
    (frames, messages)
}

/// Returns one of these pieces with each read, then ends.
struct Pieces {
    pieces: Vec<Vec<u8>>,
    _gone: mpsc::Sender<()>,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.first_mut() else { return Ok(0) };
        let count = piece.len().min(to.len());
        to[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.remove(0);
        }
        Ok(count)
    }
}

/// How messages are received.
#[derive(Debug, Clone, Copy)]
enum Way {
    Whole,
    Streamed,
    InTurn,
}

const WAYS: [Way; 3] = [Way::Whole, Way::Streamed, Way::InTurn];

/// All messages of a connection, and what ended it.
fn take_all(ws: &mut WebSocket, way: Way) -> (Vec<Message>, Option<Error>) {
    let mut messages = Vec::new();
    loop {
        let streamed = match way {
            Way::Whole => false,
            Way::Streamed => true,
            Way::InTurn => messages.len() % 2 == 1,
        };
        let message = if streamed { streamed_message(ws) } else { ws.recv() };
        match message {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

fn streamed_message(ws: &mut WebSocket) -> Result<Option<Message>, Error> {
    let Some(mut stream) = ws.recv_stream()? else { return Ok(None) };
    let (kind, mut bytes) = (stream.kind(), Vec::new());
    stream.by_ref().take(1 << 20).read_to_end(&mut bytes).map_err(|error| {
        *error.into_inner().and_then(|error| error.downcast::<Error>().ok()).expect("an error of ours")
    })?;
    Ok(Some(match kind {
        stdws::MessageKind::Text => Message::Text(String::from_utf8(bytes).expect("checked text")),
        stdws::MessageKind::Binary => Message::Binary(bytes),
    }))
}

/// The connection over these pieces. The head is a piece of its own. Both threads have ended when the channel
/// disconnects.
fn over_pieces(role: Side, pieces: Vec<Vec<u8>>) -> (WebSocket, mpsc::Receiver<()>) {
    let (gone, wait) = mpsc::channel();
    let mut limits = Limits::with_max_message_size(LIMIT);
    limits.max_fragments = 100;
    let head = head(role, EXTENSION).into_bytes();
    let pieces = std::iter::once(head).chain(pieces).filter(|piece| !piece.is_empty()).collect();
    (over(role, limits, Pieces { pieces, _gone: gone }, io::sink()), wait)
}

/// Runs something that could hang.
fn watched(what: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let worker = thread::spawn(move || {
        what();
        let _ = done.send(());
    });
    if wait.recv_timeout(LONG) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    if let Err(panic) = worker.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn messages_do_not_depend_on_how_the_stream_is_split() {
    watched(|| {
        for role in ROLES {
            let (frames, want) = conversation(role);
            for way in WAYS {
                let bytewise = frames.iter().map(|byte| vec![*byte]).collect();
                let cuts = (0..frames.len()).map(|cut| vec![frames[..cut].to_vec(), frames[cut..].to_vec()]);
                for (number, pieces) in cuts.chain([bytewise]).enumerate() {
                    let (mut ws, _) = over_pieces(role, pieces);
                    let (messages, end) = take_all(&mut ws, way);
                    assert_eq!(
                        (messages, end.map(|end| end.to_string())),
                        (want.clone(), None),
                        "{role:?} {way:?} {number}"
                    );
                }
            }
        }
    });
}

#[test]
fn complete_messages_arrive_when_the_stream_is_truncated() {
    watched(|| {
        for role in ROLES {
            let (frames, want) = conversation(role);
            for (length, way) in (0..frames.len()).flat_map(|length| WAYS.map(|way| (length, way))) {
                let (mut ws, _) = over_pieces(role, vec![frames[..length].to_vec()]);
                let (messages, end) = take_all(&mut ws, way);
                assert!(matches!(end, Some(Error::Closed(None))), "{role:?} {length} {way:?}: {end:?}");
                assert_eq!(messages, want[..messages.len()], "{role:?} {length} {way:?}");
            }
        }
    });
}

/// splitmix64: one number determines a whole case.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// Valid messages, messages that exceed the limit when decompressed, and messages with mutated payload or frames.
fn damaged(role: Side, random: &mut Random) -> Vec<u8> {
    let mut compress = Compress::new([Level::Fast, Level::Default, Level::Best][random.below(3)], WindowBits::MAX);
    let mut frames = Vec::new();
    for _ in 0..1 + random.below(5) {
        let length = [0, 5, 300, LIMIT as usize, LIMIT as usize + 1, 20_000][random.below(6)];
        let plain = match random.below(3) {
            0 => vec![b'x'; length],
            1 => noise(length),
            _ => b"some text, much like other text. ".iter().copied().cycle().take(length).collect(),
        };
        let mut payload = packed(&mut compress, &plain);
        if random.below(3) == 0 && !payload.is_empty() {
            let at = random.below(payload.len());
            payload[at] ^= 1 << random.below(8);
        }
        let cut = random.below(payload.len().min(60_000));
        let (first, rest) = payload.split_at(cut);
        for (first, part) in [(0x42, first), (0x00, &[][..])] {
            frames.extend(frame(role, first, part));
        }
        let parts = rest.chunks(60_000).count();
        for (number, part) in rest.chunks(60_000).enumerate() {
            frames.extend(frame(role, if number + 1 == parts { 0x80 } else { 0 }, part));
        }
    }
    for _ in 0..random.below(3) {
        let at = random.below(frames.len());
        match random.below(4) {
            _ if frames.is_empty() => {}
            0 => frames[at] ^= 1 << random.below(8),
            1 => frames.truncate(at),
            2 => drop(frames.drain(at..frames.len().min(at + random.below(20)))),
            _ => frames.insert(at, random.below(256) as u8),
        }
    }
    frames
}

fn survive(role: Side) {
    let current = Arc::new(AtomicU64::new(0));
    let at = current.clone();
    watched(move || {
        for number in 0..CASES {
            at.store(number, Ordering::SeqCst);
            let mut random = Random(number);
            let frames = damaged(role, &mut random);
            let size = [1, 7, 1_000, usize::MAX][random.below(4)];
            let pieces = frames.chunks(size.min(frames.len().max(1))).map(<[u8]>::to_vec);
            // Byte by byte only for short input, because it would take minutes otherwise.
            let pieces = if frames.len() > 5_000 { vec![frames.clone()] } else { pieces.collect() };
            let (mut ws, gone) = over_pieces(role, pieces);
            let way = WAYS[random.below(3)];
            let (messages, end) = take_all(&mut ws, way);
            for (number, message) in messages.iter().enumerate() {
                let limited = matches!((way, number % 2), (Way::Whole, _) | (Way::InTurn, 0));
                assert!(!limited || message.len() as u64 <= LIMIT, "case {number}: {} bytes", message.len());
            }
            let again = ws.recv().map(|message| message.map(|message| message.len()));
            match end {
                Some(end) => assert_eq!(again.unwrap_err().to_string(), end.to_string(), "case {number}"),
                None => assert_eq!(again.unwrap(), None, "case {number}"),
            }
            drop(ws);
            // The reading thread has ended.
            assert_eq!(gone.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected), "case {number}");
        }
    });
    assert_eq!(current.load(Ordering::SeqCst), CASES - 1);
}

/// Shows promise P4.
#[test]
fn a_server_survives_mutated_input() {
    survive(Side::Server);
}

#[test]
fn a_client_survives_mutated_input() {
    survive(Side::Client);
}
