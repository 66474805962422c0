//! Helpers of the tests of compression: a connection in either role over a handwritten stream, and the bytes of its peer.
#![allow(dead_code)] // Not every test uses all of it.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use stdws::deflate::Compress;
use stdws::{Client, Deflate, Error, Limits, Message, ProtocolError, Server, SplitStream, WebSocket};

#[path = "events.rs"]
mod events;
pub(crate) use events::Watched;

/// The key of a client whose random numbers are all zero, and its accept value.
pub(crate) const ACCEPT: &str = "ICX+Yqv66kxgM0FcWaLWlFLwTAI=";
pub(crate) const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) const ROLES: [Side; 2] = [Side::Client, Side::Server];

/// The bytes that were written, shared with the test.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<u8>>>);

impl Collector {
    /// The bytes written after the head, once they are the expected ones. A thread forwards them.
    pub(crate) fn after_the_head(&self, complete: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let start = Instant::now();
        loop {
            let bytes = self.0.lock().unwrap().clone();
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            let frames = head.map_or(&[][..], |head| &bytes[head..]);
            if complete(frames) {
                return frames.to_vec();
            }
            assert!(start.elapsed() < Duration::from_secs(300), "never written: {frames:02x?}");
            thread::yield_now();
        }
    }
}

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection with or without compression, whose peer has sent these frames.
pub(crate) fn side(role: Side, extension: &str, limit: u64, frames: &[u8]) -> (WebSocket, Collector) {
    limited(role, extension, Limits::with_max_message_size(limit), frames)
}

pub(crate) fn limited(role: Side, extension: &str, limits: Limits, frames: &[u8]) -> (WebSocket, Collector) {
    let (head, written) = (head(role, extension), Collector::default());
    let input = io::Cursor::new([head.as_bytes(), frames].concat());
    (over(role, limits, input, written.clone()), written)
}

/// The bytes that the peer sends first.
pub(crate) fn head(role: Side, extension: &str) -> String {
    match role {
        Side::Server => format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{extension}\r\n"
        ),
        Side::Client => format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n{extension}\r\n"
        ),
    }
}

/// An open connection over the bytes of the peer and the bytes that it receives.
pub(crate) fn over(
    role: Side,
    limits: Limits,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> WebSocket {
    let (halves, deflate) = (SplitStream::new(input, output), Deflate::default().threshold(0));
    let ws = match role {
        Side::Server => {
            Server::without_listener().watched().limits(limits).deflate(deflate).accept_over(halves).map(Option::unwrap)
        }
        Side::Client => {
            let client = Client::new("ws://h/").unwrap().watched().limits(limits).deflate(deflate);
            let client = client.random_source(|out: &mut [u8]| {
                out.fill(0);
                Ok(())
            });
            client.connect_over(halves)
        }
    };
    ws.unwrap()
}

/// A frame of the peer; that of a client is masked with the key 0.
pub(crate) fn frame(to: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if to == Side::Server { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(mask | short as u8),
        medium => {
            frame.push(mask | 126);
            frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
    }
    if to == Side::Server {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

pub(crate) fn packed(compress: &mut Compress, plain: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    compress.push(plain, &mut payload);
    payload.truncate(payload.len() - 4);
    payload
}

/// Bytes that cannot be compressed, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut random = 1_u64;
    let next = |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as u8
    };
    (0..length).map(next).collect()
}

pub(crate) fn text(ws: &mut WebSocket) -> String {
    match ws.recv().unwrap() {
        Some(Message::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn violation(ws: &mut WebSocket) -> ProtocolError {
    match ws.recv() {
        Err(Error::Protocol(violation)) => violation,
        other => panic!("{:?}", other.map(|message| message.map(|message| message.len()))),
    }
}
