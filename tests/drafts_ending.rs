//! The end of a connection in a version without Close frames.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use live::*;
use stdws::{Client, CloseCode, Error, Limits, Step, Timeouts, Version, WebSocket};

const RESPONSE: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n";

/// The socket of the peer after a handwritten opening handshake, and the client.
fn client(timeouts: Timeouts, limits: Limits) -> (WebSocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        read_head(&mut socket);
        let location = format!("WebSocket-Location: ws://{address}/\r\n");
        socket.write_all(format!("{RESPONSE}{location}\r\n").as_bytes()).unwrap();
        socket
    });
    let client = Client::new(format!("ws://{address}/")).unwrap().origin("http://example.com").unwrap();
    let ws = client.version(Version::Hixie75).timeouts(timeouts).limits(limits).connect().unwrap();
    (ws, peer.join().unwrap())
}

/// The version has no Close, so the stream ends. This side does not wait for the peer to end its half.
#[test]
fn a_violation_ends_the_stream_although_the_peer_keeps_tcp_open() {
    let _watchdog = watchdog();
    for limit in [None, Some(ms(0))] {
        let (mut ws, mut peer) = client(long_timeouts(), Limits::with_max_message_size(1000));
        let long = [&[0][..], &[b'a'; 2000], &[0xFF]].concat();
        peer.write_all(&long).unwrap();
        let start = Instant::now();
        let end = loop {
            match if let Some(limit) = limit { ws.recv_timeout(limit) } else { ws.recv() } {
                Err(Error::Timeout(Step::Receive)) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Err(Error::Protocol(_))), "{end:?}");
        drop(ws);
        assert_soon(start.elapsed(), ms(0));
        // No reset, although the peer continues.
        for _ in 0..32 {
            peer.write_all(&long).unwrap();
        }
        peer.set_read_timeout(Some(LONG / 3)).unwrap();
        assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    }
}

#[test]
fn a_half_open_peer_does_not_affect_a_clean_close() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let request = String::from_utf8(read_head(&mut socket)).unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n"), "{request}");
        let location = format!("WebSocket-Location: ws://{address}/\r\n");
        socket.write_all(format!("{RESPONSE}{location}\r\n").as_bytes()).unwrap();
        // All sent data arrives, and this side sends nothing.
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        (rest, socket)
    });
    let mut timeouts = long_timeouts();
    timeouts.close = ms(200);
    let client = Client::new(format!("ws://{address}/")).unwrap().watched().origin("http://example.com").unwrap();
    let mut ws = client.version(Version::Hixie75).timeouts(timeouts).connect().unwrap();
    ws.send("last words").unwrap();
    let start = Instant::now();
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_took(start.elapsed(), ms(200));
    let (rest, _socket) = peer.join().unwrap();
    assert_eq!(rest, b"\x00last words\xFF");
}
