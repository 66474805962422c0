//! Events of `on_event` in both roles, for every way in which a connection begins and ends.

#[path = "support/wire.rs"]
mod wire;

use std::io::Write;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use stdws::events::{Direction, Event, EventKind, FrameKind};
use stdws::{
    Client, CloseCode, Error, HandshakeErrorKind, Limits, MessageKind, ProtocolError, Response, Server, Step, Timeouts,
};
use wire::*;

/// The events that a closure received.
#[derive(Clone, Default)]
struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    fn closure(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let log = self.0.clone();
        move |event| log.lock().unwrap().push(event.clone())
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(Event::name).collect()
    }

    /// Waits until an event has occurred `times` times.
    fn wait(&self, name: &str, times: usize) -> Vec<Event> {
        let start = Instant::now();
        loop {
            let events = self.0.lock().unwrap().clone();
            if events.iter().filter(|event| event.name() == name).count() >= times {
                return events;
            }
            assert!(start.elapsed() < LONG, "no {name}: {:?}", self.names());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Every connection begins once, and ends once if it was opened.
    fn check_pairs(&self) {
        let events = self.0.lock().unwrap();
        let mut numbers: Vec<u64> = events.iter().filter_map(Event::connection_id).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let count = |names: &[&str]| {
                let of = |event: &&Event| event.connection_id() == Some(number) && names.contains(&event.name());
                events.iter().filter(of).count()
            };
            let begun = count(&["accepted", "connected"]);
            assert_eq!(
                begun,
                count(&["opened", "handshake-rejected", "responded", "handed-over", "failed"]),
                "{events:?}"
            );
            assert_eq!(count(&["opened"]), count(&["ended"]), "{events:?}");
        }
    }
}

fn echo(server: Server) -> stdws::ServerHandle {
    server
        .start(|mut ws| {
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        })
        .unwrap()
}

fn url(server: &stdws::ServerHandle) -> String {
    server.url()
}

/// Shows the answer to opera-3.
#[test]
fn all_events_of_a_connection_on_both_sides() {
    let (at_server, at_client) = (EventLog::default(), EventLog::default());
    let server = echo(Server::bind("127.0.0.1:0").unwrap().on_event(at_server.closure()));
    let client = Client::new(url(&server)).unwrap().on_event(at_client.closure());
    let mut ws = client.connect().unwrap();
    let number = ws.connection_id().unwrap();
    ws.send("hello").unwrap();
    ws.recv().unwrap();
    let mut stream = ws.send_stream(MessageKind::Binary).unwrap();
    stream.write_all(b"one").unwrap();
    stream.flush().unwrap();
    stream.write_all(b"three").unwrap();
    stream.finish().unwrap();
    ws.recv().unwrap();
    ws.queue("queued").unwrap();
    ws.recv().unwrap();
    ws.ping().unwrap();
    ws.close(CloseCode::NORMAL, "a private reason").unwrap();
    let there = [
        "accepted",
        "opened",
        "frame-received",
        "frame-sent", // hello
        "frame-received",
        "frame-received",
        "frame-sent", // the stream
        "frame-received",
        "frame-sent", // queued
        "frame-received",
        "frame-sent", // ping
        "frame-received",
        "close-received",
        "frame-sent",
        "close-sent",
        "ended",
    ];
    at_server.wait("ended", 1);
    assert_eq!(at_server.names(), [["host-not-checked"].as_slice(), &there].concat());
    let here: Vec<_> = at_client.names();
    assert_eq!(here.len(), there.len());
    assert_eq!([here[0], here[1], here[here.len() - 1]], ["connected", "opened", "ended"]);
    let events = at_client.wait("ended", 1);
    assert!(events.iter().all(|event| event.connection_id() == Some(number)));
    let frames: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind() {
            EventKind::Frame(Direction::Sent, frame) => {
                Some((frame.opcode(), frame.payload_len(), frame.is_message_end()))
            }
            _ => None,
        })
        .collect();
    let want = [
        (FrameKind::Text, 5, true),
        (FrameKind::Binary, 3, false),
        (FrameKind::Continuation, 5, true),
        (FrameKind::Text, 6, true),
        (FrameKind::Ping, 8, false),
        (FrameKind::Close, 18, false),
    ];
    assert_eq!(frames, want);
    let closes: Vec<_> = events
        .iter()
        .filter_map(|event| match event.kind() {
            EventKind::Close(direction, code) => Some((*direction, *code)),
            _ => None,
        })
        .collect();
    let normal = Some(CloseCode::NORMAL);
    assert_eq!(closes, [(Direction::Sent, normal), (Direction::Received, normal)]);
    assert!(matches!(events.last().map(Event::kind), Some(EventKind::Ended(Error::Closed(Some(_))))));
    assert_ne!(at_server.wait("ended", 1)[0].connection_id(), Some(number));
    at_server.check_pairs();
    at_client.check_pairs();
    assert!(stdws::connect(url(&server)).unwrap().connection_id().is_none(), "no event handler");
}

#[test]
fn handshakes_that_do_not_succeed() {
    let log = EventLog::default();
    // Enough for the requests that are whole.
    let timeouts = Timeouts { handshake: Duration::from_millis(1500), ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts).on_event(log.closure());
    let server = echo(server.http(|_| Response::text(404, "no")));
    let mut open = Vec::new();
    for request in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nX", "G"] {
        let mut stream = connect(server.local_addr().unwrap());
        stream.write_all(request.as_bytes()).unwrap();
        open.push(stream);
    }
    log.wait("failed", 1);
    log.wait("handshake-rejected", 1);
    let events = log.wait("responded", 1);
    let has = |test: &dyn Fn(&EventKind) -> bool| assert!(events.iter().any(|event| test(event.kind())), "{events:?}");
    has(&|what| matches!(what, EventKind::Accepted(Some(_))));
    has(&|what| matches!(what, EventKind::Responded(404)));
    has(&|what| matches!(what, EventKind::HandshakeRejected(HandshakeErrorKind::Head(_), Some(400))));
    has(&|what| matches!(what, EventKind::Timeout(Step::Handshake)));
    has(&|what| matches!(what, EventKind::Failed(Error::Timeout(Step::Handshake))));
    log.check_pairs();

    // A client: rejected by the server, and no server.
    let log = EventLog::default();
    let client = Client::new(url(&server)).unwrap().header("Sec-WebSocket-X", "y");
    assert!(client.is_err());
    let client = Client::new(format!("{}/?token=secret", url(&server))).unwrap().origin("http://elsewhere").unwrap();
    client.on_event(log.closure()).connect().unwrap_err();
    assert_eq!(log.names(), ["connected", "handshake-rejected"]);
    // The local end of a connection, where no socket can listen meanwhile.
    let (held, address) = listen();
    let near = connect(address);
    let gone = near.local_addr().unwrap();
    let log = EventLog::default();
    let client = Client::new(format!("ws://{gone}/")).unwrap().on_event(log.closure());
    client.connect().unwrap_err();
    assert_eq!(log.names(), ["failed"]);
    drop((held, near));
}

#[test]
fn rejected_connections() {
    let log = EventLog::default();
    let server = echo(Server::bind("127.0.0.1:0").unwrap().max_connections(1).on_event(log.closure()));
    let first = stdws::connect(url(&server)).unwrap();
    stdws::connect(url(&server)).unwrap_err();
    let events = log.wait("connection-rejected", 1);
    let rejected = events.iter().find(|event| event.name() == "connection-rejected").unwrap();
    assert_eq!(rejected.connection_id(), None);
    drop(first);
    log.wait("ended", 1);
    log.check_pairs();
}

#[test]
fn protocol_errors_with_their_position() {
    for side in [Side::Client, Side::Server] {
        let good = side.frame(FIN | TEXT, b"good");
        let rows = [
            (vec![0xC1, 0x80], "protocol-error", ProtocolError::ReservedBits(4), good.len()),
            (
                side.header(FIN | BINARY, 5000),
                "limit-exceeded",
                ProtocolError::FrameTooBig { length: 5000, limit: 1000 },
                good.len(),
            ),
        ];
        for (bad, name, violation, at) in rows {
            let log = EventLog::default();
            let mut limits = Limits::with_max_message_size(1 << 20);
            limits.max_frame_size = 1000;
            let bytes = [if side == Side::Server { REQUEST } else { RESPONSE }.as_bytes(), &good, &bad].concat();
            let halves = stdws::SplitStream::new(std::io::Cursor::new(bytes), std::io::sink());
            let mut ws = match side {
                Side::Server => Server::without_listener()
                    .limits(limits)
                    .on_event(log.closure())
                    .accept_over(halves)
                    .map(Option::unwrap),
                Side::Client => {
                    client("ws://server.example.com/chat").limits(limits).on_event(log.closure()).connect_over(halves)
                }
            }
            .unwrap();
            ws.recv().unwrap();
            ws.recv().unwrap_err();
            // The error is returned before the connection has ended; `ended` follows later.
            drop(ws);
            let events = log.wait("ended", 1);
            let found = events.iter().find_map(|event| match event.kind() {
                EventKind::ProtocolError(violation, at) => Some((event.name(), *violation, *at)),
                _ => None,
            });
            assert_eq!(found, Some((name, violation, at as u64)), "{side:?}");
            let line = events.iter().find(|event| event.name() == name).unwrap().to_string();
            assert!(line.ends_with(&format!("({})", violation.requirement())), "{line}");
            assert_eq!(log.names().iter().filter(|seen| **seen == "close-sent").count(), 1);
            log.check_pairs();
        }
    }
}

#[test]
fn a_silent_peer_and_an_aborted_connection() {
    let log = EventLog::default();
    let mut timeouts = Timeouts::default();
    (timeouts.ping_interval, timeouts.pong_timeout) = (Duration::from_millis(20), Duration::from_millis(20));
    let server = echo(Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts).on_event(log.closure()));
    let mut silent = connect(server.local_addr().unwrap());
    silent.write_all(REQUEST.as_bytes()).unwrap();
    read_head(&mut silent);
    let events = log.wait("ended", 1);
    assert!(events.iter().any(|event| matches!(event.kind(), EventKind::Timeout(Step::Keepalive))), "{events:?}");
    let mut cut = connect(server.local_addr().unwrap());
    cut.write_all(REQUEST.as_bytes()).unwrap();
    read_head(&mut cut);
    drop(cut);
    let events = log.wait("ended", 2);
    assert!(matches!(events.last().map(Event::kind), Some(EventKind::Ended(_))), "{events:?}");
    log.check_pairs();
}

#[test]
fn a_handler_that_panics() {
    let log = EventLog::default();
    let server = Server::bind("127.0.0.1:0").unwrap().on_event(log.closure());
    let server = server.start(|_ws| panic::resume_unwind(Box::new("a planted panic"))).unwrap();
    let mut ws = stdws::connect(url(&server)).unwrap();
    ws.recv().unwrap();
    assert_eq!(ws.close_info().map(|info| info.code()), Some(CloseCode::INTERNAL));
    let events = log.wait("handler-panicked", 1);
    assert!(events.last().is_some_and(|event| event.connection_id().is_some()));
    log.check_pairs();
}

#[test]
fn a_handler_that_fails() {
    #[derive(Debug)]
    struct OwnError;
    impl std::fmt::Display for OwnError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("own error")
        }
    }
    impl std::error::Error for OwnError {}
    impl From<OwnError> for Error {
        fn from(error: OwnError) -> Error {
            Error::other(error)
        }
    }
    fn own(fails: bool) -> Result<(), OwnError> {
        if fails {
            Err(OwnError)
        } else {
            Ok(())
        }
    }

    let log = EventLog::default();
    let server = Server::bind("127.0.0.1:0").unwrap().on_event(log.closure());
    let server = server
        .start(|mut ws| {
            let path = ws.request().map(|request| request.path().to_owned()).unwrap_or_default();
            own(path == "/own")?;
            match &path[1..] {
                "text" => return Err("no\nroom".into()),
                "io" => drop(std::fs::read("/nonexistent/file")?),
                "boxed" => Err(Box::<dyn std::error::Error + Send + Sync>::from(OwnError))?,
                "passed" => Err(std::io::Error::from(Error::Usage(stdws::UsageError::CloseCode(1))))?,
                _ => {
                    // The error with which the connection ends, passed through `io::copy`.
                    let Some(mut stream) = ws.recv_stream()? else { return Ok(()) };
                    std::io::copy(&mut stream, &mut std::io::sink())?;
                    drop(stream);
                    ws.send("after the end")?;
                }
            }
            Ok(())
        })
        .unwrap();
    let connect = |path: &str| stdws::connect(format!("{}/{path}", server.url())).unwrap();
    for (path, text) in [
        ("own", "own error"),
        ("text", "no\\nroom"),
        ("io", &std::fs::read("/nonexistent/file").unwrap_err().to_string()),
        ("boxed", "own error"),
        ("passed", "close code 1 "),
    ] {
        log.0.lock().unwrap().clear();
        let mut ws = connect(path);
        assert!(ws.recv().is_ok());
        let events = log.wait("handler-failed", 1);
        let failed = events.iter().find(|event| event.name() == "handler-failed").unwrap();
        assert!(failed.connection_id().is_some());
        let line = failed.to_string();
        assert!(line.contains(&format!("handler-failed: {text}")), "{line}");
    }
    log.wait("ended", 1);
    // Not reported twice: a violation inside a message, a Close inside a message, and one between messages.
    log.0.lock().unwrap().clear();
    let wires = [
        &[0x01, 0x81, 0, 0, 0, 0, b'x', 0x81, 0x80, 0, 0, 0, 0][..],
        &[0x01, 0x80, 0, 0, 0, 0, 0x88, 0x80, 0, 0, 0, 0],
    ];
    for (before, wire) in wires.into_iter().enumerate() {
        let mut peer = wire::connect(server.local_addr().unwrap());
        peer.write_all(REQUEST.as_bytes()).unwrap();
        read_head(&mut peer);
        peer.write_all(wire).unwrap();
        drop(peer);
        log.wait("ended", before + 1);
    }
    let mut closed = connect("closed");
    closed.close(CloseCode::NORMAL, "").unwrap();
    log.wait("ended", 3);
    server.shutdown(LONG);
    assert!(!log.names().contains(&"handler-failed"), "{:?}", log.0.lock().unwrap());
}

/// Shows promise P12.
#[test]
fn a_panicking_closure_does_not_affect_the_connection() {
    let count = Arc::new(Mutex::new(0));
    let counted = count.clone();
    let closure = move |_: &Event| {
        *counted.lock().unwrap() += 1;
        // Without the output of the panic hook.
        panic::resume_unwind(Box::new("a planted panic"));
    };
    let server = echo(Server::bind("127.0.0.1:0").unwrap().on_event(closure.clone()));
    let mut ws = Client::new(url(&server)).unwrap().on_event(closure.clone()).connect().unwrap();
    for text in ["one", "two"] {
        ws.send(text).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text));
    }
    ws.close(CloseCode::NORMAL, "").unwrap();
    // Later events are still emitted.
    assert!(*count.lock().unwrap() > 10);
    // Also while the panic of a handler unwinds.
    let server = Server::bind("127.0.0.1:0").unwrap().on_event(closure);
    let server = server.start(|_ws| panic::resume_unwind(Box::new("a planted panic"))).unwrap();
    for _ in 0..3 {
        stdws::connect(url(&server)).unwrap().recv().unwrap();
    }
}

#[test]
fn a_closure_may_use_connections() {
    // No lock is held while it runs, and its own actions emit no events, because that would recurse without end.
    let (events, log) = mpsc::channel();
    let sender: Arc<Mutex<Option<stdws::Sender>>> = Arc::default();
    let (at, first) = (sender.clone(), AtomicBool::new(true));
    let closure = move |event: &Event| {
        let Some(sender) = at.lock().unwrap().clone() else { return };
        if event.name() == "frame-received" && first.swap(false, Ordering::SeqCst) {
            sender.send("from the closure").unwrap();
            sender.queue("and again").unwrap();
            sender.flush().unwrap();
        }
        events.send(event.name()).unwrap();
    };
    let server = echo(Server::bind("127.0.0.1:0").unwrap());
    let mut ws = Client::new(url(&server)).unwrap().on_event(closure).connect().unwrap();
    *sender.lock().unwrap() = Some(ws.sender());
    ws.send("first").unwrap();
    for want in ["first", "from the closure", "and again"] {
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(want));
    }
    drop(sender);
    let names: Vec<_> = log.try_iter().collect();
    assert_eq!(names[..2], ["frame-sent", "frame-received"]);
}

#[test]
fn events_show_no_secrets() {
    let log = EventLog::default();
    let server = Server::bind("127.0.0.1:0").unwrap().on_event(log.closure());
    let server = echo(server.on_request(|request| match request.header("X-Open") {
        Some(_) => stdws::Decision::accept(),
        None => Response::text(401, "hidden").into(),
    }));
    for open in [false, true] {
        let address = server.local_addr().unwrap();
        let mut client = Client::new(format!("ws://user:hidden@{address}/hidden?hidden")).unwrap();
        if open {
            client = client.header("X-Open", "hidden").unwrap();
        }
        let client = client.header("Cookie", "hidden").unwrap().on_event(log.closure());
        if let Ok(mut ws) = client.connect() {
            ws.send("hidden").unwrap();
            ws.recv().unwrap();
        }
    }
    log.wait("responded", 1);
    for event in log.wait("ended", 2) {
        let text = format!("{event} {event:?}");
        assert!(!text.contains("hidden"), "{text}");
    }
    log.check_pairs();
}

#[cfg(feature = "deflate")]
#[test]
fn sizes_are_those_on_the_wire() {
    let log = EventLog::default();
    let server = echo(Server::bind("127.0.0.1:0").unwrap().deflate(stdws::Deflate::default()));
    let client = Client::new(url(&server)).unwrap().deflate(stdws::Deflate::default()).on_event(log.closure());
    let mut ws = client.connect().unwrap();
    let text = "the same again and again, ".repeat(100);
    ws.send(&text).unwrap();
    ws.recv().unwrap();
    let sizes: Vec<_> = log
        .wait("frame-received", 1)
        .iter()
        .filter_map(|event| match event.kind() {
            EventKind::Frame(_, frame) => Some((frame.is_compressed(), frame.payload_len())),
            _ => None,
        })
        .collect();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|(compressed, size)| *compressed && *size < 100), "{sizes:?}");
}

#[test]
fn a_server_on_a_loopback_address_without_allowed_hosts_is_reported() {
    let names = |configure: fn(Server) -> Server, addr: &str| {
        let log = EventLog::default();
        drop(configure(Server::bind(addr).unwrap().on_event(log.closure())).start(|_| Ok(())).unwrap());
        log.names()
    };
    assert_eq!(names(|server| server, "127.0.0.1:0"), ["host-not-checked"]);
    assert!(names(|server| server.allow_host("localhost").unwrap(), "127.0.0.1:0").is_empty());
    assert!(names(|server| server, "0.0.0.0:0").is_empty());
}
