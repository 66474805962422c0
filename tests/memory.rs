//! Connections over `SplitStream::pair`: as over TCP, with the same limits and timeouts, and without a network.

#[path = "support/wire.rs"]
mod wire;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use stdws::{Client, CloseCode, Error, Server, SplitStream, Step, Timeouts, WebSocket};
use wire::*;

/// Both sides of a connection in memory: the client and the server.
fn both_sides(timeouts: Timeouts) -> (WebSocket, WebSocket) {
    let (near, far) = SplitStream::pair();
    let server = spawn(move || Server::without_listener().timeouts(timeouts).accept_over(far).unwrap().unwrap());
    let client = Client::new("ws://localhost/").unwrap().timeouts(timeouts).connect_over(near).unwrap();
    (client, server.join())
}

#[test]
fn messages_of_every_size_arrive_and_the_close_is_clean_in_both_roles() {
    for client_closes in [true, false] {
        let (client, server) = both_sides(Timeouts::default());
        let (mut near, mut far) = if client_closes { (client, server) } else { (server, client) };
        let echoing = spawn(move || {
            while let Some(message) = far.recv().unwrap() {
                far.send(message).unwrap();
            }
            far.close_info()
        });
        for length in [0, 1, 126, 65_536, 70_000, 1_000_000] {
            near.send(vec![7; length]).unwrap();
            assert_eq!(near.recv().unwrap().unwrap(), vec![7; length]);
            near.send("a".repeat(length)).unwrap();
            assert_eq!(near.recv().unwrap().unwrap(), "a".repeat(length));
        }
        let info = near.close(4000, "done").unwrap();
        assert_eq!(info.code(), CloseCode::new(4000));
        let info = echoing.join().unwrap();
        assert_eq!((info.code(), info.reason()), (CloseCode::new(4000), "done"));
    }
}

#[test]
fn every_wait_keeps_its_limit() {
    let limit = Duration::from_millis(100);
    let (mut client, server) = both_sides(Timeouts { write: limit, ..Timeouts::default() });
    let start = Instant::now();
    assert!(matches!(client.recv_timeout(limit), Err(Error::Timeout(Step::Receive))));
    // The server does not read, and the buffers hold much less than this.
    assert!(matches!(client.send(vec![0; 4 << 20]), Err(Error::Timeout(Step::Write))));
    assert!(start.elapsed() >= limit * 2 && start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    drop(server);
    let (near, _silent) = SplitStream::pair();
    let client = Client::new("ws://localhost/").unwrap().connect_timeout(limit);
    assert!(matches!(client.connect_over(near), Err(Error::Timeout(Step::Handshake))));
}

#[test]
fn an_end_that_is_read_and_written_directly_acts_as_the_peer() {
    let (near, mut far) = SplitStream::pair();
    let server = spawn(move || Server::without_listener().accept_over(near).unwrap().unwrap().recv());
    far.write_all(REQUEST.as_bytes()).unwrap();
    let mut response = [0; 12];
    far.read_exact(&mut response).unwrap();
    assert_eq!(&response, b"HTTP/1.1 101");
    // The end inside a frame.
    far.write_all(&[0x81, 0x85, 0]).unwrap();
    drop(far);
    assert!(matches!(server.join(), Err(Error::Closed(None))));

    // And the end of our side is the end of the peer's reads, after what was sent.
    let (near, mut far) = SplitStream::pair();
    let server = spawn(move || drop(Server::without_listener().accept_over(near).unwrap().unwrap()));
    far.write_all(REQUEST.as_bytes()).unwrap();
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).unwrap();
    server.join();
    assert!(rest.ends_with(&[0x88, 2, 3, 0xE9]), "{rest:?}");
}
