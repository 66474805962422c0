//! How a connection ends in a version that has no Close.
#![cfg(feature = "legacy")]

#[path = "support/live.rs"]
mod live;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use live::*;
use stdws::{Client, CloseCode, Version};

const RESPONSE: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n";

#[test]
fn a_peer_that_keeps_its_half_open_does_not_spoil_the_end() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let request = String::from_utf8(read_head(&mut socket)).unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n"), "{request}");
        let location = format!("WebSocket-Location: ws://{address}/\r\n");
        socket.write_all(format!("{RESPONSE}{location}\r\n").as_bytes()).unwrap();
        // All that was sent arrives; and this side says nothing.
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        (rest, socket)
    });
    let mut timeouts = patient();
    timeouts.close = ms(200);
    let client = Client::new(&format!("ws://{address}/")).unwrap().watched().origin("http://example.com").unwrap();
    let mut ws = client.version(Version::Hixie75).timeouts(timeouts).connect().unwrap();
    ws.send("last words").unwrap();
    let start = Instant::now();
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_took(start.elapsed(), ms(200));
    let (rest, _socket) = peer.join().unwrap();
    assert_eq!(rest, b"\x00last words\xFF");
}
