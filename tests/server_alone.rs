//! A server in a build without the client, with a handwritten peer over TCP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use stdws::Server;

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[test]
fn it_echoes_a_message_and_answers_a_close() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let mut peer = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    peer.write_all(REQUEST.as_bytes()).unwrap();
    // "Hello" and Close 1000, masked as RFC 6455 section 5.7 shows.
    peer.write_all(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").unwrap();
    peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    let head = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let (head, frames) = received.split_at(head);
    let head = String::from_utf8(head.to_vec()).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    assert_eq!(frames, b"\x81\x05Hello\x88\x02\x03\xe8");
}
