//! Peers that break the rules, or do nothing. Whatever they do, the other side ends the connection.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use stdws::{Client, Error, Step, Timeouts};

use crate::ledger::{Choices, Ledger};

/// Within this time a connection ends because of what its peer did.
const LIMIT: Duration = Duration::from_secs(120);
/// Maximum number of connections that a hostile thread leaves open.
const MAX_HELD: usize = 8;

const REQUEST: &str = "GET /calm HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
const HIXIE_76: &str =
    "GET /calm HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: h\r\nOrigin: http://h\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:";

/// A frame of a client, with the masking key zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0xFE);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Frames after which the server has to end the connection.
fn violation(kind: u64) -> Vec<u8> {
    match kind {
        0 => frame(0x83, b"no such opcode"),
        1 => frame(0xC1, b"RSV1 without an extension"),
        2 => b"\x81\x05hello".to_vec(),
        3 => frame(0x81, b"\xFF\xFE not UTF-8"),
        4 => frame(0x09, b"a Ping in fragments"),
        5 => frame(0x80, b"nothing to continue"),
        6 => frame(0x88, b"\x03"),
        7 => frame(0x88, &1005_u16.to_be_bytes()),
        // 2^62 bytes announced.
        8 => vec![0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        9 => [frame(0x01, b"a"), frame(0x81, b"a second message inside the first")].concat(),
        10 => frame(0x89, &[0; 126]),
        // More fragments than any message has.
        _ => (0..80_000_u32).flat_map(|number| frame(u8::from(number == 0), b"")).collect(),
    }
}
const VIOLATIONS: u64 = 12;

/// Connects to one of these servers again and again, each time with another fault.
pub(crate) fn clients(servers: &[SocketAddr], seed: u64, ledger: &Ledger) {
    let (mut choices, mut held) = (Choices::new(seed), VecDeque::new());
    while !ledger.is_stopped() {
        let server = servers[choices.below(servers.len() as u64) as usize];
        let Ok(socket) = TcpStream::connect(server) else {
            return ledger.fault("a hostile client cannot connect");
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        // A peer that is stuck in a write is one that does not read.
        socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        ledger.hostile.add(1);
        if let Some(socket) = misbehave(socket, &mut choices, ledger) {
            held.push_back(socket);
        }
        if held.len() > MAX_HELD {
            let oldest = held.pop_front();
            // The server ends one that does nothing.
            if let Some(mut socket) = oldest.filter(|_| choices.below(4) == 0) {
                expect_end(&mut socket, "a peer that does nothing", ledger);
            }
        }
        ledger.pause(Duration::from_millis(choices.below(40)));
    }
}

/// Returns a connection that is to stay open.
fn misbehave(mut socket: TcpStream, choices: &mut Choices, ledger: &Ledger) -> Option<TcpStream> {
    // Each write may fail because the server was faster.
    let mut write = |bytes: &[u8]| drop(socket.write_all(bytes));
    match choices.below(12) {
        // Nothing, half a handshake, half of one of a draft, the begin of TLS: held, or gone.
        0 => {}
        1 => write(&REQUEST.as_bytes()[..choices.below(REQUEST.len() as u64) as usize]),
        2 => write(HIXIE_76.as_bytes()),
        3 => write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"),
        // No HTTP, and a head without end.
        4 | 5 => {
            write(if choices.below(2) == 0 { b"HELLO\r\n\r\n" } else { b"\0\0\0\0\0\0\0\0\n\n\r\n\r\n" });
            write(&b"X: y\r\n".repeat(20_000));
            expect_end(&mut socket, "no HTTP", ledger);
            return None;
        }
        // A handshake, and a violation.
        6..=8 => {
            let kind = choices.below(VIOLATIONS);
            write(format!("{REQUEST}\r\n").as_bytes());
            write(&violation(kind));
            expect_end(&mut socket, &format!("violation {kind}"), ledger);
            return None;
        }
        // Compressed messages that are none.
        9 => {
            write(format!("{REQUEST}{DEFLATE}\r\n").as_bytes());
            let noise: Vec<u8> = (0..2_000).map(|_| choices.below(256) as u8).collect();
            write(&frame(0xC2, &[&[0x06], noise.as_slice()].concat()));
            expect_end(&mut socket, "noise in place of DEFLATE", ledger);
            return None;
        }
        // Messages, or Pings, whose answers nobody reads: then it is held, or reset because there are unread bytes.
        10 => {
            write(format!("{REQUEST}\r\n").as_bytes());
            (0..choices.below(200)).for_each(|_| write(&frame(0x82, &[7; 60_000])));
        }
        _ => {
            write(format!("{REQUEST}\r\n").as_bytes());
            (0..choices.below(200)).for_each(|_| write(&frame(0x89, &[7; 125]).repeat(100)));
        }
    }
    (choices.below(2) == 0).then_some(socket)
}

/// Reads until the server ends the connection.
fn expect_end(socket: &mut TcpStream, what: &str, ledger: &Ledger) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return ledger.fault(format!("the server does not end a connection: {what}"));
            }
            Err(_) => return,
        }
    }
}

/// Clients that follow the rules, and a server that does not. Each call ends.
pub(crate) fn servers(seed: u64, ledger: &Ledger) {
    let (listener, mut choices) = (TcpListener::bind("127.0.0.1:0").unwrap(), Choices::new(seed));
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let short = Duration::from_secs(3);
    let timeouts = Timeouts { connect: short, write: short, message: short, close: short, ..Timeouts::default() };
    while !ledger.is_stopped() {
        let kind = choices.below(6);
        thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let (mut socket, _) = listener.accept().unwrap();
                let _ = socket.read(&mut [0; 100]);
                let mut write = |bytes: &[u8]| drop(socket.write_all(bytes));
                match kind {
                    0 => {}
                    1 => write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConn"),
                    2 => write(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
                    3 => write(&b"HTTP/1.1 200 OK\r\nX: y\r\n".repeat(10_000)),
                    4 => write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: eA==\r\n\r\n\x81\x05hello"),
                    // Silence, until the client gives up.
                    _ => drop(socket.read_to_end(&mut Vec::new())),
                }
                let _ = socket.shutdown(Shutdown::Both);
            });
            match Client::new(&url).and_then(|client| client.timeouts(timeouts).connect()) {
                Ok(_) => ledger.fault(format!("a connection with a server that follows no rule ({kind})")),
                Err(Error::Timeout(Step::Receive)) => ledger.fault(format!("the wrong step ({kind})")),
                Err(_) => ledger.hostile_servers.add(1),
            }
            serving.join().unwrap();
        });
        ledger.pause(Duration::from_millis(choices.below(100)));
    }
}
