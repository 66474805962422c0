//! Reconnecting to scripted servers: what is retried, when, and what ends the iteration. 6455-7.2.3-1

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{mpsc, Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stdws::{
    Backoff, Client, CloseCode, Disconnect, Error, HandshakeErrorKind, Reconnect, ResponseErrorKind, Retry, Step,
    Timeouts,
};

const NONCE: &[u8; 16] = b"the sample nonce";
const GOOD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const LONG: Duration = Duration::from_secs(240);

/// Fails the test instead of hanging.
fn with_watchdog<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(LONG).expect("no result in time, or a panic above")
}

/// A client whose random source returns the sample nonce for a key, and these bytes for a delay.
fn client(address: SocketAddr, delay: [u8; 8]) -> Client {
    Client::new(format!("ws://{address}/")).unwrap().random_source(move |out| {
        match out.len() {
            8 => out.copy_from_slice(&delay),
            _ => out.iter_mut().zip(NONCE.iter().cycle()).for_each(|(out, byte)| *out = *byte),
        }
        Ok(())
    })
}

fn quick() -> Backoff {
    Backoff::default().initial_delay(Duration::from_millis(2)).max_delay(Duration::from_millis(10))
}

fn request(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0; 1 << 12]);
    while !bytes.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the request ended early");
        bytes.extend_from_slice(&part[..count]);
    }
}

/// A server that sends each client one of these responses and ends the stream. Then it refuses connections.
fn server(answers: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<Instant>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let serve_one = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let at = Instant::now();
            request(&mut stream);
            stream.write_all(&answer).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // The rest from the client.
            let _ = stream.read_to_end(&mut Vec::new());
            at
        };
        answers.into_iter().map(serve_one).collect()
    });
    (address, thread)
}

/// An address without a listener. It is the near end of a connection, so nothing can listen there while the other value lives.
fn closed_port() -> (impl Drop, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near_end = stream.local_addr().unwrap();
    (vec![(listener, stream)], near_end)
}

fn and(frames: &[u8]) -> Vec<u8> {
    [GOOD, frames].concat()
}

/// Receives on each connection until its end; returns the messages and the last error.
fn run(connections: &mut Reconnect) -> (Vec<String>, Option<Error>) {
    let mut texts = Vec::new();
    for connection in connections {
        let mut ws = match connection {
            Ok(ws) => ws,
            Err(error) => return (texts, Some(error)),
        };
        texts.extend(ws.messages().map_while(Result::ok).map(|message| message.to_string()));
    }
    (texts, None)
}

/// The code of this end, and whether the peer closed.
fn closed(end: Option<Error>) -> Option<(CloseCode, bool)> {
    match end? {
        Error::Closed(info) => info.map(|info| (info.code(), info.closed_by_peer())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_end_that_this_side_asked_for_is_no_error() {
    with_watchdog(|| {
        // Both end with 1000. The second server only answers.
        let server = stdws::Server::bind("127.0.0.1:0").unwrap();
        let server = server.start(|mut ws| {
            while ws.recv()?.is_some() {}
            Ok(())
        });
        let server = server.unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let backoff = quick().policy(move |disconnect| {
            seen.lock().unwrap().push((disconnect.close_code(), disconnect.closed_by_peer()));
            disconnect.retry()
        });
        let mut connections = client(server.local_addr().unwrap(), [0; 8]).reconnect(backoff.clone());
        let mut ws = connections.next().unwrap().unwrap();
        assert!(!ws.close(CloseCode::NORMAL, "").unwrap().closed_by_peer());
        assert!(connections.next().is_none());
        let (address, server) = self::server(vec![and(b"\x88\x02\x03\xE8")]);
        let mut connections = client(address, [0; 8]).reconnect(backoff);
        assert_eq!(closed(run(&mut connections).1), Some((CloseCode::NORMAL, true)));
        server.join().unwrap();
        let normal = Some(CloseCode::NORMAL);
        assert_eq!(*asked.lock().unwrap(), [(normal, false), (normal, true)]);
    });
}

#[test]
fn reconnects_until_close_1000() {
    with_watchdog(|| {
        let (address, server) = server(vec![
            and(b"\x81\x01a"),                          // then the end of the stream
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n".into(), // a gateway without its server
            b"".into(),                                 // no response
            and(b"\x81\x01b\x88\x02\x03\xE9"),          // 1001
            and(b"\x81\x01c\x91\x00"),                  // a protocol violation
            and(b"\x81\x01d\x88\x00"),                  // 1005
            and(b"\x81\x01e\x88\x02\x03\xE8"),          // 1000
        ]);
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = log.clone();
        let backoff = quick().policy(move |disconnect| {
            seen.lock().unwrap().push(disconnect.error().map(Error::to_string).unwrap_or_default());
            disconnect.retry()
        });
        let mut connections = client(address, [0x80; 8]).reconnect(backoff);
        let (texts, error) = run(&mut connections);
        assert_eq!(texts, ["a", "b", "c", "d", "e"]);
        // This side did not request that.
        assert_eq!(closed(error), Some((CloseCode::NORMAL, true)));
        // It stays finished.
        assert!(connections.next().is_none());
        assert_eq!(connections.last_disconnect().and_then(Disconnect::close_code), Some(CloseCode::NORMAL));
        assert_eq!(server.join().unwrap().len(), 7);
        let want = [
            "the connection ended without a closing handshake (1006)",
            "the opening handshake failed: the server responded with status 502 instead of 101",
            "the opening handshake failed: the connection ended before the head was complete",
            "the connection is closed: 1001",
            "the peer broke the protocol: reserved bits 001 are set without an extension (6455-5.2-3)",
            "the connection is closed: 1005",
            "the connection is closed: 1000",
        ];
        assert_eq!(*log.lock().unwrap(), want);
    });
}

/// The status of a refusal is judged, whatever the rest of its head is, and a head without a status is worth another try.
#[test]
fn odd_heads_do_not_end_the_iteration() {
    with_watchdog(|| {
        let (address, server) = server(vec![
            b"HTTP/1.1 503 Busy\r\nA: b\r\n c\r\n\r\n".into(),
            b"HTTP/1.1 503 Busy\nA: b\n\n".into(),
            format!("HTTP/1.1 503 Busy\r\nSet-Cookie: {}\r\n\r\n", "x".repeat(9000)).into(),
            b"HTTP/1.1 503 Busy\r\nA B: c\r\n\r\n".into(),
            b"HTTP/1.1 503 Busy\r\nA: b".into(),
            b"HTTP/1.1\r\n\r\n".into(),
            b"nonsense\x01".into(),
            [b"HTTP/1.1 101 Switching Protocols\nX: 1\n\n".as_slice()].concat(),
            and(b"\x81\x01a"),
            b"HTTP/1.1 403 No\r\nA: b\r\n c\r\n\r\n".into(),
        ]);
        let mut connections = client(address, [0; 8]).reconnect(quick());
        let (texts, error) = run(&mut connections);
        assert_eq!(texts, ["a"]);
        assert!(matches!(error, Some(Error::Handshake(rejection)) if rejection.status() == Some(403)));
        assert_eq!(server.join().unwrap().len(), 10);
    });
}

/// Shows promise P22.
#[test]
fn a_permanent_error_is_the_last_item() {
    with_watchdog(|| {
        let (address, server) = server(vec![and(b"\x81\x01a"), FORBIDDEN.into()]);
        let mut connections = client(address, [0; 8]).reconnect(quick());
        let (texts, error) = run(&mut connections);
        assert_eq!(texts, ["a"]);
        match error {
            Some(Error::Handshake(rejection)) => {
                assert_eq!(*rejection.kind(), HandshakeErrorKind::Response(ResponseErrorKind::Status(403)))
            }
            other => panic!("{other:?}"),
        }
        assert!(connections.next().is_none());
        assert!(matches!(connections.last_disconnect(), Some(Disconnect::AttemptFailed(Error::Handshake(_)))));
        assert_eq!(server.join().unwrap().len(), 2);
    });
}

#[test]
fn the_policy_overrides_the_table() {
    with_watchdog(|| {
        let (address, server) = server(vec![FORBIDDEN.into(), and(b"\x88\x02\x03\xE8"), and(b"\x88\x02\x03\xE9")]);
        let backoff = quick().policy(|disconnect| match disconnect.close_code() {
            Some(CloseCode::GOING_AWAY) => Retry::Stop,
            _ => Retry::AfterBackoff,
        });
        let mut connections = client(address, [0; 8]).reconnect(backoff);
        assert_eq!(closed(run(&mut connections).1), Some((CloseCode::GOING_AWAY, true)));
        assert_eq!(connections.last_disconnect().and_then(Disconnect::close_code), Some(CloseCode::GOING_AWAY));
        assert_eq!(server.join().unwrap().len(), 3);
    });
}

/// Shows the answer to eddy-1.
#[test]
fn only_the_first_attempt_has_no_delay() {
    // 6455-7.2.3-2: the smallest random number is no delay, the largest the maximum.
    with_watchdog(|| {
        let (address, server) = server(vec![and(b""), and(b""), and(b"\x88\x02\x03\xE8")]);
        let start = Instant::now();
        let wait = Duration::from_millis(200);
        let mut connections = client(address, [0xFF; 8]).reconnect(Backoff::default().initial_delay(wait));
        assert_eq!(closed(run(&mut connections).1), Some((CloseCode::NORMAL, true)));
        let accepted_at = server.join().unwrap();
        assert!(accepted_at[0] - start < LONG);
        assert!(accepted_at[1] - accepted_at[0] >= wait - Duration::from_millis(1), "{accepted_at:?}");
        assert!(accepted_at[2] - accepted_at[1] >= 2 * wait - Duration::from_millis(1), "{accepted_at:?}");
    });
}

/// Shows promise P22.
#[test]
fn retry_after_is_waited_for() {
    with_watchdog(|| {
        let (address, server) = server(vec![BUSY.into(), and(b"\x88\x02\x03\xE8")]);
        let end = run(&mut client(address, [0; 8]).reconnect(quick())).1;
        assert_eq!(closed(end), Some((CloseCode::NORMAL, true)));
        let accepted_at = server.join().unwrap();
        let waited = accepted_at[1] - accepted_at[0];
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    });
}

/// Each attempt has a client of its own: another URL, another token. Its error is that of the attempt.
#[test]
fn a_client_for_each_attempt() {
    with_watchdog(|| {
        let (first, one) = server(vec![and(b"\x81\x01a")]);
        let (second, two) = server(vec![b"HTTP/1.1 503 Busy\r\n\r\n".into(), and(b"\x81\x01b")]);
        let calls = Arc::new(Mutex::new(0));
        let counted = calls.clone();
        let connections = client(first, [0; 8]).header("X-Kind", "kept").unwrap().reconnect(quick());
        let mut connections = connections.client(move |base| {
            let call = {
                let mut calls = counted.lock().unwrap();
                *calls += 1;
                *calls
            };
            match call {
                1 => base.clone().header("X-Token", "1"),
                2 => Err(Error::Timeout(Step::Resolve)),
                3 | 4 => Ok(client(second, [0; 8])),
                _ => Err(Client::new("http://wrong").unwrap_err()),
            }
        });
        let (texts, error) = run(&mut connections);
        assert_eq!(texts, ["a", "b"]);
        assert!(matches!(error, Some(Error::Usage(_))), "{error:?}");
        assert_eq!(*calls.lock().unwrap(), 5);
        assert_eq!((one.join().unwrap().len(), two.join().unwrap().len()), (1, 2));
    });
}

/// A stop ends `next` while the closure of the application still runs, and a panic of it continues in `next`.
#[test]
fn a_client_that_blocks_or_panics() {
    with_watchdog(|| {
        let (address, _server) = server(Vec::new());
        let (entered, has_entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let left = Mutex::new(left);
        let mut connections = client(address, [0; 8]).reconnect(quick()).client(move |client| {
            entered.send(()).unwrap();
            let _ = left.lock().unwrap().recv();
            Ok(client.clone())
        });
        let handle = connections.handle();
        let stopper = thread::spawn(move || {
            has_entered.recv().unwrap();
            handle.stop();
        });
        assert!(connections.next().is_none());
        stopper.join().unwrap();
        drop(leave);
        let mut connections = client(address, [0; 8]).reconnect(quick()).client(|_| panic!("no token"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| connections.next())).unwrap_err();
        assert_eq!(panicked.downcast_ref::<&str>(), Some(&"no token"));
    });
}

/// The payload of a panic that no call can report any more is dropped, and may panic again.
#[test]
fn an_abandoned_attempt_may_panic() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("on purpose: in the drop of what the drop of a payload panics with");
        }
    }
    struct Payload(mpsc::Sender<()>);
    impl Drop for Payload {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            std::panic::panic_any(Again);
        }
    }
    struct AtThreadEnd(mpsc::Sender<()>);
    impl Drop for AtThreadEnd {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    thread_local!(static END: std::cell::RefCell<Option<AtThreadEnd>> = const { std::cell::RefCell::new(None) });
    with_watchdog(|| {
        let (entered, has_entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let (dropped, is_dropped) = mpsc::channel();
        let ends = Mutex::new((left, ended, dropped));
        let client = Client::new("ws://127.0.0.1:1/").unwrap();
        let mut connections = client.reconnect(quick()).client(move |_| {
            let (left, ended, dropped) = &*ends.lock().unwrap();
            END.with(|end| *end.borrow_mut() = Some(AtThreadEnd(ended.clone())));
            entered.send(()).unwrap();
            left.recv().unwrap();
            std::panic::panic_any(Payload(dropped.clone()))
        });
        let handle = connections.handle();
        let next = thread::spawn(move || connections.next().is_none());
        has_entered.recv().unwrap();
        handle.stop();
        assert!(next.join().unwrap());
        leave.send(()).unwrap();
        has_ended.recv().unwrap();
        is_dropped.try_recv().expect("a payload is not leaked");
    });
}

#[test]
fn gives_up_after_max_attempts() {
    with_watchdog(|| {
        let (_held, address) = closed_port();
        let mut connections = client(address, [0; 8]).reconnect(quick().max_attempts(3));
        assert!(matches!(connections.next(), Some(Err(Error::Connect(_)))));
        assert!(connections.next().is_none());
        // A connection that is closed at once counts as a failure.
        let (address, server) = server(vec![and(b""), and(b"")]);
        let mut connections = client(address, [0; 8]).reconnect(quick().max_attempts(2));
        assert!(matches!(run(&mut connections).1, Some(Error::Closed(None))));
        assert!(matches!(
            connections.last_disconnect(),
            Some(Disconnect::ConnectionEnded { error: Some(Error::Closed(None)), .. })
        ));
        assert_eq!(server.join().unwrap().len(), 2);
    });
}

#[test]
fn stops_while_it_waits() {
    with_watchdog(|| {
        let (_held, address) = closed_port();
        let (failed, failures) = mpsc::channel();
        let backoff = Backoff::default().initial_delay(LONG * 60).max_delay(LONG * 60).policy(move |disconnect| {
            failed.send(()).unwrap();
            disconnect.retry()
        });
        let mut connections = client(address, [0xFF; 8]).reconnect(backoff);
        let handle = connections.handle();
        let thread = thread::spawn(move || connections.next().is_none());
        failures.recv().unwrap();
        handle.stop();
        handle.clone().stop();
        assert!(thread.join().unwrap());
    });
}

#[test]
fn a_stop_before_the_first_attempt_prevents_it() {
    with_watchdog(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut connections = client(listener.local_addr().unwrap(), [0; 8]).reconnect(quick());
        connections.handle().stop();
        assert!(connections.next().is_none());
        assert!(listener.accept().is_err());
    });
}

#[test]
fn stops_while_a_connection_is_open() {
    with_watchdog(|| {
        let server = stdws::Server::bind("127.0.0.1:0").unwrap();
        let server = server.start(|mut ws| {
            ws.send("open")?;
            while ws.recv()?.is_some() {}
            Ok(())
        });
        let server = server.unwrap();
        let mut connections = client(server.local_addr().unwrap(), [0; 8]).reconnect(quick());
        let handle = connections.handle();
        let mut ws = connections.next().unwrap().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("open"));
        let thread = thread::spawn(move || (ws.recv(), ws.close_info().map(|info| info.code())));
        handle.stop();
        let (end, code) = thread.join().unwrap();
        assert!(end.unwrap().is_none());
        assert_eq!(code, Some(CloseCode::GOING_AWAY));
        assert!(connections.next().is_none());
    });
}

#[test]
fn a_stop_does_not_wait_for_the_running_attempt() {
    with_watchdog(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connections = client(listener.local_addr().unwrap(), [0; 8]).reconnect(quick());
        let handle = connections.handle();
        let thread = thread::spawn(move || (connections.next().is_none(), connections.next().is_none()));
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream);
        handle.stop();
        // The server has not answered yet, and the deadline of the attempt is far.
        assert_eq!(thread.join().unwrap(), (true, true));
        stream.write_all(GOOD).unwrap();
        // The abandoned attempt closes its connection: a Close 1001, masked.
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!((bytes.len(), bytes[0]), (8, 0x88));
    });
}

/// A panic in a closure of the application reaches the caller of `next`, whatever the thread.
#[test]
fn a_panic_in_an_attempt_propagates_from_next() {
    with_watchdog(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = client(listener.local_addr().unwrap(), [0; 8]).random_source(|_| panic!("on purpose: no entropy"));
        let mut connections = client.reconnect(quick());
        let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| connections.next().is_none()));
        assert_eq!(next.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose: no entropy"));
    });
}

#[test]
fn a_dropped_connection_is_closed_while_the_iterator_lives() {
    with_watchdog(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connections = client(listener.local_addr().unwrap(), [0; 8]).reconnect(quick());
        for _ in 0..2 {
            let (back, stream) = mpsc::channel();
            let listening = listener.try_clone().unwrap();
            thread::spawn(move || {
                let (mut stream, _) = listening.accept().unwrap();
                request(&mut stream);
                stream.write_all(GOOD).unwrap();
                back.send(stream).unwrap();
            });
            drop(connections.next().unwrap().unwrap());
            // The connection ends before the next attempt.
            let mut bytes = Vec::new();
            stream.recv().unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len(), 8);
        }
        connections.handle().stop();
        assert!(connections.next().is_none());
        // No Close came, though one was sent.
        assert_eq!(connections.last_disconnect().and_then(Disconnect::close_code), Some(CloseCode::ABNORMAL));
    });
}

#[test]
fn a_kept_connection_stays_open() {
    with_watchdog(|| {
        let server = stdws::Server::bind("127.0.0.1:0").unwrap();
        let server = server.start(|mut ws| {
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        });
        let server = server.unwrap();
        let mut connections = client(server.local_addr().unwrap(), [0; 8]).reconnect(quick());
        let mut first = connections.next().unwrap().unwrap();
        let mut second = connections.next().unwrap().unwrap();
        assert!(matches!(connections.last_disconnect(), Some(Disconnect::ConnectionEnded { error: None, .. })));
        for ws in [&mut first, &mut second] {
            ws.send("still here").unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still here"));
        }
    });
}

#[test]
fn the_end_of_a_send_only_connection_is_seen() {
    with_watchdog(|| {
        let (address, server) = server(vec![and(b"\x88\x02\x03\xE8")]);
        let mut connections = client(address, [0; 8]).reconnect(quick());
        let sender = connections.next().unwrap().unwrap().into_sender().unwrap();
        while sender.is_open() {
            thread::yield_now();
        }
        server.join().unwrap();
        // The closing handshake may take a moment.
        assert!(matches!(sender.close(CloseCode::NORMAL, ""), Ok(_) | Err(Error::Closed(Some(_)))));
        assert_eq!(closed(connections.next().and_then(Result::err)), Some((CloseCode::NORMAL, true)));
        assert!(connections.next().is_none());
        assert_eq!(connections.last_disconnect().and_then(Disconnect::close_code), Some(CloseCode::NORMAL));
    });
}

#[test]
fn without_random_numbers_there_is_no_delay_and_no_attempt() {
    with_watchdog(|| {
        let (address, server) = server(vec![and(b"")]);
        let client = Client::new(format!("ws://{address}/")).unwrap().random_source(|out| {
            if out.len() == 8 {
                return Err(std::io::Error::other("no entropy today"));
            }
            out.iter_mut().zip(NONCE.iter().cycle()).for_each(|(out, byte)| *out = *byte);
            Ok(())
        });
        let mut connections = client.reconnect(quick());
        match run(&mut connections).1 {
            Some(Error::Io(error)) => assert_eq!(error.step(), Step::RandomSource),
            other => panic!("{other:?}"),
        }
        assert!(connections.next().is_none());
        server.join().unwrap();
        // Nor after an attempt that failed.
        let (_keep, address) = closed_port();
        let client = Client::new(format!("ws://{address}/")).unwrap().random_source(|out| match out.len() {
            8 => Err(std::io::Error::other("no entropy today")),
            _ => {
                out.fill(7);
                Ok(())
            }
        });
        let mut connections = client.reconnect(quick());
        match connections.next() {
            Some(Err(Error::Io(error))) => assert_eq!(error.step(), Step::RandomSource),
            other => panic!("{other:?}"),
        }
        assert!(connections.next().is_none());
        // A policy that stops needs none.
        let last = client.reconnect(quick().policy(|_| Retry::Stop)).next();
        assert!(matches!(last, Some(Err(Error::Connect(_)))), "{last:?}");
    });
}

#[test]
fn debug_shows_no_secrets() {
    let client = Client::new("ws://me:S3CRET@h/?S3CRET").unwrap().header("Cookie", "S3CRET").unwrap();
    let connections = client.timeouts(Timeouts::default()).reconnect(Backoff::default());
    let shown = format!("{connections:?} {:?}", connections.handle());
    assert!(shown.contains("Backoff") && !shown.contains("S3CRET"), "{shown}");
}
