//! Peers that send very slowly: what has a deadline ends at it, and what makes progress does not.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, Error, Server, Step, Timeouts};

use crate::live::{
    assert_took, both, close_body, connection, long_timeouts, ms, read_head, timed, watchdog, RawPeer, Watched, BINARY,
    CLOSE, CONTINUATION, PING, REQUEST, RESPONSE, TEXT,
};

/// 6455-7.2.2-1: a server that aborts an opening handshake closes the connection.
#[test]
fn a_request_that_drips_is_cut_at_the_deadline() {
    let _watchdog = watchdog();
    let mut timeouts = long_timeouts();
    timeouts.handshake = ms(300);
    let server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(timeouts);
    let server = server.start(|_| panic!("there was no handshake")).unwrap();
    let address = server.local_addr().unwrap();
    each([0, 1, 40, REQUEST.len() - 1], move |after| {
        let start = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        // The time may be over already.
        let _ = stream.write_all(&REQUEST[..after]);
        let mut peer = RawPeer::client_side(stream);
        // It continues with an endless header; one peer sends nothing more.
        let drip = (after != REQUEST.len() - 1).then(|| peer.repeat(b"x".to_vec(), ms(10)));
        peer.wait_for_end();
        assert_took(start.elapsed(), ms(300));
        drop(drip);
    });
}

#[test]
fn a_response_that_drips_is_cut_at_the_deadline() {
    let _watchdog = watchdog();
    // Long enough for the request to come.
    let limit = ms(2000);
    each([17, 40, RESPONSE.len() - 1], move |after| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let connecting = timed(move || Client::new(&url).unwrap().watched().connect_timeout(limit).connect());
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        stream.write_all(&RESPONSE[..after]).unwrap();
        let peer = RawPeer::client_side(stream);
        let drip = (after != RESPONSE.len() - 1).then(|| peer.repeat(b"x".to_vec(), ms(10)));
        let (end, took) = connecting.join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Handshake))), "{end:?}");
        assert_took(took, limit);
        drop(drip);
    });
}

/// All cases at once: most of the time they wait.
fn each<T: Send + 'static>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Clone + Send + 'static) {
    let run = |case| {
        let test = test.clone();
        thread::spawn(move || test(case))
    };
    let threads: Vec<_> = cases.into_iter().map(run).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn timeouts() -> Timeouts {
    let mut timeouts = long_timeouts();
    timeouts.message = ms(300);
    timeouts
}

/// The beginning of a message that never ends, and the bytes that follow slowly.
fn beginnings(peer: &RawPeer) -> [(Vec<u8>, Vec<u8>); 5] {
    let long = peer.frame(true, BINARY, &[0; 100_000]);
    [
        // One byte of a header, and nothing more.
        (long[..1].to_vec(), Vec::new()),
        // A header, and nothing more.
        (long[..10].to_vec(), Vec::new()),
        // A payload, byte by byte.
        (long[..20].to_vec(), vec![0]),
        // Fragments that are whole, empty or nearly so.
        (peer.frame(false, BINARY, b"begun"), peer.frame(false, CONTINUATION, b"")),
        // A message that has begun, and Pings in it, which are not a part of it.
        (peer.frame(false, BINARY, b"begun"), peer.frame(true, PING, b"x")),
    ]
}

#[test]
fn a_message_that_drips_is_cut_at_its_deadline() {
    both(|side| {
        each((0..5).flat_map(|which| [(which, false), (which, true)]), move |(which, polling)| {
            let (mut ws, mut peer) = connection(side, timeouts());
            let (begin, more) = beginnings(&peer)[which].clone();
            peer.stream.write_all(&begin).unwrap();
            let drip = (!more.is_empty()).then(|| peer.repeat(more, ms(10)));
            let (end, took) = timed(move || loop {
                match if polling { ws.recv_timeout(ms(25)) } else { ws.recv() } {
                    Err(Error::Timeout(Step::Receive)) => {}
                    end => break end,
                }
            })
            .join()
            .unwrap();
            assert!(matches!(end, Err(Error::Timeout(Step::Message))), "{end:?}");
            assert_took(took, ms(300));
            // Then 1008.
            let frames = peer.rest();
            let last = frames.last().unwrap();
            assert_eq!((last.opcode, &last.payload), (CLOSE, &close_body(1008, "")));
            drop(drip);
        });
    });
}

/// The timeout starts again for each 64 KiB.
#[test]
fn a_long_message_on_a_slow_line_is_not_cut() {
    both(|side| {
        // Forty times as long as a part takes, and shorter than the whole.
        let limit = ms(2400);
        let (mut ws, mut peer) = connection(side, Timeouts { message: limit, ..timeouts() });
        let payload = vec![7; 50 * (70 << 10)];
        let (start, frame) = (Instant::now(), peer.frame(true, BINARY, &payload));
        let writing = thread::spawn(move || {
            for part in frame.chunks(70 << 10) {
                peer.stream.write_all(part).unwrap();
                thread::sleep(ms(60));
            }
            peer
        });
        assert!(ws.recv_ref().unwrap().unwrap().as_bytes() == payload);
        assert!(start.elapsed() > limit, "the line was not slow: {:?}", start.elapsed());
        writing.join().unwrap();
    });
}

/// A pause of the caller inside a message does not count against the peer: the rest may have arrived already.
#[test]
fn a_caller_that_rarely_receives_gets_the_rest_of_the_message() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts());
        let frame = peer.frame(true, TEXT, b"a message in two parts");
        peer.stream.write_all(&frame[..12]).unwrap();
        assert!(matches!(ws.recv_timeout(ms(50)), Err(Error::Timeout(Step::Receive))));
        peer.stream.write_all(&frame[12..]).unwrap();
        thread::sleep(ms(320));
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("a message in two parts"));
    });
}

/// Between messages there is no such deadline.
#[test]
fn an_idle_peer_has_no_message_deadline() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, timeouts());
        peer.send(TEXT, b"one");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("one"));
        let start = Instant::now();
        assert!(matches!(ws.recv_timeout(ms(450)), Err(Error::Timeout(Step::Receive))));
        assert_took(start.elapsed(), ms(450));
        peer.send(TEXT, b"two");
        assert_eq!(ws.recv_timeout(Duration::MAX).unwrap().unwrap().as_text(), Some("two"));
    });
}
