//! The hooks of a server over real sockets: plain HTTP requests, and decisions about WebSocket requests.
//!
//! Every read of a client has a timeout, so a test that would hang fails instead.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant};

use stdws::{
    Accept, Client, Decision, Error, HandshakeErrorKind, HookErrorKind, Limits, Response, Server, ServerHandle,
    SplitStream, Timeouts, UsageError,
};

#[path = "support/serving.rs"]
mod serving;
use serving::{bind, connect, echo, WATCHDOG};

/// Sends these bytes and reads to the end of the stream.
fn ask(server: &ServerHandle, bytes: &[u8]) -> String {
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(bytes).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn get(server: &ServerHandle, path: &str) -> String {
    ask(server, format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
}

fn status(answer: &str) -> u16 {
    answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|line| line.get(..3))
        .unwrap_or_else(|| panic!("{answer}"))
        .parse()
        .unwrap()
}

fn websocket(path: &str, more: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}

fn client(server: &ServerHandle, path: &str) -> Client {
    Client::new(format!("{}{path}", server.url())).unwrap()
}

/// The rejection that a client gets.
fn refused(client: Client) -> stdws::HandshakeError {
    match client.connect() {
        Err(Error::Handshake(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

/// Shows the answer to eddy-2.
#[test]
fn http_requests_are_answered_on_the_same_port() {
    let server = bind().http(|request| match request.path() {
        "/" => Response::html(200, "<p>hello").with_header("Cache-Control", "no-store"),
        "/health" => Response::empty(204),
        "/method" => Response::text(200, request.method()),
        _ => Response::text(404, "not here"),
    });
    let server = server.start(echo).unwrap();
    assert_eq!(
        get(&server, "/"),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: 8\r\n\
        Connection: close\r\n\r\n<p>hello"
    );
    assert_eq!(get(&server, "/health"), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    assert!(get(&server, "/x").starts_with("HTTP/1.1 404 Not Found\r\n"));
    // HEAD gets the same head with the same length, and no body.
    let whole = get(&server, "/");
    let head = ask(&server, b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(format!("{head}<p>hello"), whole);
    assert!(get(&server, "/method").ends_with("\r\n\r\nGET"));
    // Old health checks use HTTP/1.0 without a Host.
    assert!(ask(&server, b"GET /health HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 204 "));
    // An Upgrade to another protocol is ignored (RFC 9110 section 7.8).
    let h2c = b"GET /health HTTP/1.1\r\nHost: here\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n";
    assert!(ask(&server, h2c).starts_with("HTTP/1.1 204 "));
    // WebSocket requests work as before.
    let mut ws = client(&server, "/").connect().unwrap();
    ws.send("x").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("x"));
}

#[test]
fn invalid_http_requests_do_not_reach_the_hook() {
    let server = bind().http(|_| Response::text(200, "asked")).start(echo).unwrap();
    let rows: [(&[u8], u16, &str); 9] = [
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 405, "Allow: GET, HEAD\r\n"),
        (b"DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "Allow: GET, HEAD\r\n"),
        // Every request needs exactly one Host.
        (b"GET / HTTP/1.1\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, ""),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, ""),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, ""),
        // An invalid WebSocket request is rejected without the hook.
        (b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", 400, ""),
    ];
    for (bytes, expected, field) in rows {
        let answer = ask(&server, bytes);
        assert_eq!(status(&answer), expected, "{}", bytes.escape_ascii());
        assert!(answer.contains(field) && !answer.contains("asked"), "{answer}");
    }
    // Without the hook.
    let server = bind().start(echo).unwrap();
    let answer = get(&server, "/");
    assert!(status(&answer) == 426 && answer.contains("\r\nUpgrade: websocket\r\n"), "{answer}");
    let server = bind().on_request(|_| Decision::accept()).start(echo).unwrap();
    let answer = get(&server, "/");
    assert!(status(&answer) == 426 && answer.contains("\r\nUpgrade: websocket\r\n"), "{answer}");
}

#[test]
fn a_request_body_is_discarded_and_the_response_arrives() {
    let server = bind().http(|_| Response::text(200, "ok")).start(echo).unwrap();
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n").unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).unwrap();
    // Closing a socket with unread bytes resets it.
    socket.write_all(&vec![b'x'; 300_000]).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).unwrap();
    assert!(start.ends_with(b"200") && rest.ends_with("\r\n\r\nok"), "{rest}");
}

#[test]
fn a_large_response_arrives_and_has_a_deadline() {
    // Enough for a peer that reads.
    let timeouts = Timeouts { handshake: Duration::from_secs(6), ..Timeouts::default() };
    let server = bind().timeouts(timeouts).max_connections(1).http(|_| Response::text(200, "x".repeat(24 << 20)));
    let server = server.start(echo).unwrap();
    let answer = get(&server, "/");
    assert!(answer.len() > 24 << 20 && answer.ends_with("xxx"));
    // The peer does not read: its connection ends at the deadline and makes room.
    let mut start = Instant::now();
    let (stuck_since, _stuck) = loop {
        let since = Instant::now();
        let mut socket = connect(server.local_addr().unwrap());
        socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        if answer.ends_with(b"200") {
            break (since, socket);
        }
        // The previous connection has not ended yet.
        assert!(answer.ends_with(b"503") && start.elapsed() < WATCHDOG);
    };
    start = Instant::now();
    loop {
        match client(&server, "/").connect() {
            Ok(_) => break,
            Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(503)),
            Err(error) => panic!("{error}"),
        }
        assert!(start.elapsed() < WATCHDOG);
    }
    assert!(stuck_since.elapsed() >= timeouts.handshake, "the page was given up early: {:?}", stuck_since.elapsed());
}

/// Shows the answers to opera-18, farrell-2, eddy-c1.
#[test]
fn a_hook_accepts_responds_and_redirects() {
    // 6455-4.2.2-s1, 6455-4.2.2-3, 6455-4.2.2-7, 6455-10.5-s1
    let server = bind().subprotocols(["v1"]).on_request(|request| match (request.path(), request.is_websocket()) {
        ("/", _) => Decision::accept(),
        ("/secret", _) if request.header("Authorization") == Some("Bearer 1234") => Accept::new()
            .subprotocol("v2")
            .with_header("Set-Cookie", "a=b")
            .limits(Limits::with_max_message_size(10))
            .into(),
        ("/secret", _) => Response::text(401, "no token").with_header("WWW-Authenticate", "Bearer").into(),
        ("/forbidden", _) => Decision::reject(403),
        ("/old", true) => Response::redirect(308, "/new").into(),
        ("/page", false) => Response::html(200, "page").into(),
        _ => Decision::reject(404),
    });
    let server = server
        .start(|mut ws| {
            let chosen = format!("{:?}", ws.subprotocol());
            ws.send(&chosen)?;
            echo(ws)
        })
        .unwrap();
    let secret = || client(&server, "/secret").subprotocol("v1").unwrap().subprotocol("v2").unwrap();
    let rejection = refused(secret());
    assert_eq!((rejection.status(), rejection.header("WWW-Authenticate")), (Some(401), Some("Bearer")));
    assert_eq!(rejection.body(), b"no token");
    let mut ws = secret().header("Authorization", "Bearer 1234").unwrap().connect().unwrap();
    assert_eq!((ws.subprotocol(), ws.response().unwrap().header("set-cookie")), (Some("v2"), Some("a=b")));
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("Some(\"v2\")"));
    // A limit of only this connection.
    ws.send("eleven bytes").unwrap();
    assert!(ws.recv().unwrap().is_none());
    assert_eq!(ws.close_info().unwrap().code(), stdws::CloseCode::TOO_BIG);
    let mut ws = client(&server, "/").subprotocol("v1").unwrap().connect().unwrap();
    assert_eq!((ws.subprotocol(), ws.response().unwrap().header("set-cookie")), (Some("v1"), None));
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("Some(\"v1\")"));
    ws.send("more than eleven bytes").unwrap();
    assert!(ws.recv().unwrap().is_some());
    let rejection = refused(client(&server, "/old"));
    assert_eq!((rejection.status(), rejection.header("Location")), (Some(308), Some("/new")));
    assert_eq!(refused(client(&server, "/elsewhere")).status(), Some(404));
    assert_eq!(refused(client(&server, "/forbidden")).status(), Some(403));
    assert!(get(&server, "/page").ends_with("\r\n\r\npage"));
    assert_eq!((status(&get(&server, "/old")), status(&get(&server, "/"))), (404, 426));
    // This hook is called for any method.
    let put = ask(&server, b"PUT /page HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    assert!(put.ends_with("\r\n\r\npage"), "{put}");
}

#[test]
fn invalid_requests_do_not_reach_the_hook() {
    let server = bind().on_request(|_| panic!("asked")).start(echo).unwrap();
    let rows = [
        (websocket("/", "Origin: http://evil.example\r\n"), 403),
        (websocket("/", "Sec-WebSocket-Protocol: a, a\r\n"), 400),
        (websocket("/", "Host: here\r\n"), 400),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 400),
    ];
    for (bytes, expected) in rows {
        assert_eq!(status(&ask(&server, &bytes)), expected, "{}", bytes.escape_ascii());
    }
}

/// The payload of a panic, which panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose: in the drop of a payload");
    }
}

/// Shows promise P12.
#[test]
fn a_hook_that_panics_or_returns_invalid_values_is_answered_500() {
    let server = bind()
        .http(|request| match request.path() {
            "/panic" => panic!("on purpose"),
            "/bomb" => std::panic::panic_any(Bomb),
            "/split" => Response::text(200, "ok").with_header("X", "a\r\nY: b"),
            "/101" => Response::empty(101),
            _ => Response::text(200, "fine"),
        })
        .on_request(|request| match request.query() {
            Some("panic") => panic!("on purpose"),
            Some("bomb") => std::panic::panic_any(Bomb),
            Some("split") => Accept::new().with_header("X", "a\r\nY: b").into(),
            Some("subprotocol") => Accept::new().subprotocol("v2").into(),
            _ => Decision::accept(),
        });
    let server = server.max_connections(1).start(echo).unwrap();
    let whole = |answer: &str| {
        assert_eq!(status(answer), 500);
        assert!(!answer.contains("Y: b") && answer.contains("Connection: close\r\n"), "{answer}");
    };
    // The previous connection may still count for a moment after its end has arrived here.
    let patiently = |ask: &dyn Fn() -> String| {
        let start = Instant::now();
        loop {
            let answer = ask();
            if status(&answer) != 503 {
                return answer;
            }
            assert!(start.elapsed() < WATCHDOG);
        }
    };
    for path in ["/panic", "/bomb", "/split", "/101", "/?panic", "/?bomb"] {
        whole(&patiently(&|| get(&server, path)));
    }
    for path in ["/?panic", "/?bomb", "/?split", "/?subprotocol"] {
        whole(&patiently(&|| ask(&server, &websocket(path, "Sec-WebSocket-Protocol: v1\r\n"))));
    }
    assert!(patiently(&|| get(&server, "/")).ends_with("fine"));
}

#[test]
fn a_stream_is_handed_over_with_the_bytes_already_read() {
    let (sender, receiver) = mpsc::channel();
    let server = bind().on_request(move |request| match request.path() {
        "/mine" => {
            let sender = sender.clone();
            Decision::hand_over(move |mut stream| {
                let mut body = [0; 10];
                stream.read_exact(&mut body).unwrap();
                sender.send((stream.head(), body, stream.request().path().to_owned())).unwrap();
                assert_eq!(stream.read(&mut []).unwrap(), 0);
                assert!(format!("{stream:?}").starts_with("RawStream { request: Request {"), "{stream:?}");
                stream.write_all(b"another ").unwrap();
                stream.flush().unwrap();
                stream.write_all(b"protocol").unwrap();
            })
        }
        "/tcp" => Decision::hand_over(|mut stream| {
            stream.read_exact(&mut [0; 2]).unwrap();
            #[cfg(unix)]
            let stream = *stream.into_unix().unwrap_err();
            let (mut socket, rest) = stream.into_tcp().unwrap();
            assert_eq!((socket.read_timeout().unwrap(), socket.write_timeout().unwrap()), (None, None));
            socket.write_all(&rest).unwrap();
        }),
        "/slow" => Decision::hand_over(|mut stream| {
            stream.set_timeouts(Duration::from_millis(50), WATCHDOG);
            let error = stream.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            stream.write_all(b"too slow").unwrap();
        }),
        "/panic" => Decision::hand_over(|_| panic!("on purpose")),
        _ => Decision::accept(),
    });
    let server = server.start(echo).unwrap();
    let head = b"PUT /mine HTTP/1.1\r\nHost: h\r\nX-Bytes: caf\xE9\r\nContent-Length: 10\r\n\r\n".to_vec();
    // A part of the body arrives with the head, the rest later.
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(&[&head, b"01234".as_slice()].concat()).unwrap();
    socket.write_all(b"56789").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "another protocol");
    let (seen, body, path) = receiver.recv_timeout(WATCHDOG).unwrap();
    assert_eq!((seen, &body, path.as_str()), (head, b"0123456789", "/mine"));
    assert_eq!(ask(&server, b"GET /tcp HTTP/1.1\r\nHost: h\r\n\r\nabcde"), "cde");
    assert_eq!(get(&server, "/slow"), "too slow");
    assert_eq!(get(&server, "/panic"), "");
    client(&server, "/").connect().unwrap();
}

#[test]
fn decisions_show_their_kind_and_their_first_error() {
    let invalid = Accept::new().with_header("X Y", "1").with_header("Set-Cookie", "a\r\nb");
    assert_eq!(invalid.error(), Some(&UsageError::HeaderName("X Y".to_owned())));
    assert_eq!(Accept::new().with_header("Set-Cookie", "a=b").error(), None);
    assert_eq!(format!("{:?}", Decision::hand_over(|_| {})), "HandOver(..)");
}

/// The server itself sends no Ping for an hour.
#[test]
fn a_hook_sets_the_timeouts_of_one_connection() {
    let hour = Duration::from_secs(3600);
    let server = bind().timeouts(Timeouts { ping_interval: hour, ..Timeouts::default() });
    let soon = Timeouts { ping_interval: Duration::from_millis(20), pong_timeout: hour, ..Timeouts::default() };
    let server = server.on_request(move |_| Accept::new().timeouts(soon).into()).start(echo).unwrap();
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(&websocket("/", "")).unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n\x89") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("a Ping after the head");
        received.extend(byte);
    }
}

#[test]
fn a_hand_over_is_reported_before_its_handler_runs() {
    let (sender, events) = mpsc::channel();
    let of_handler = sender.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().on_event(move |event| sender.send(event.name()).unwrap());
    let server = server.allow_host("here").unwrap().on_request(move |request| {
        let (sender, panics) = (of_handler.clone(), request.path() == "/panic");
        Decision::hand_over(move |_| {
            sender.send("handler").unwrap();
            assert!(!panics, "on purpose");
        })
    });
    let server = server.start(echo).unwrap();
    for (path, expected) in [("/", &["handler"][..]), ("/panic", &["handler", "handler-panicked"])] {
        assert_eq!(get(&server, path), "");
        for name in [&["accepted", "handed-over"], expected].concat() {
            assert_eq!(events.recv_timeout(WATCHDOG), Ok(name));
        }
    }
    server.shutdown(WATCHDOG);
    assert_eq!(events.try_iter().next(), None);
}

#[test]
fn hooks_run_on_caller_supplied_streams() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::without_listener()
        .http(|request| match request.path() {
            "/split" => Response::empty(200).with_header("X", "\n"),
            "/panic" => panic!("on purpose"),
            _ => Response::text(200, "ok"),
        })
        .on_request(|request| match request.path() {
            "/mine" => {
                Decision::hand_over(|stream| assert_eq!(stream.into_tcp().unwrap_err().request().path(), "/mine"))
            }
            _ => Decision::accept(),
        });
    let accept = |path: &str| {
        let mut socket = connect(listener.local_addr().unwrap());
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let (far, _) = listener.accept().unwrap();
        let result = server.accept_over(SplitStream::new(far.try_clone().unwrap(), far)).map(|ws| ws.is_none());
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        (result, answer)
    };
    let kind = |result: stdws::Result<bool>| match result {
        Err(Error::Handshake(rejection)) => (rejection.kind().clone(), rejection.status()),
        other => panic!("{other:?}"),
    };
    // What a hook does is no error.
    let (result, answer) = accept("/");
    assert!(result.unwrap() && status(&answer) == 200);
    let (result, answer) = accept("/mine");
    assert!(result.unwrap() && answer.is_empty());
    let (result, answer) = accept("/panic");
    assert_eq!((kind(result), status(&answer)), ((HandshakeErrorKind::Hook(HookErrorKind::Panicked), Some(500)), 500));
    let (result, answer) = accept("/split");
    let invalid = HookErrorKind::InvalidAnswer(UsageError::HeaderValue("X".into()));
    assert_eq!((kind(result), status(&answer)), ((HandshakeErrorKind::Hook(invalid), Some(500)), 500));
}

/// Counts the values that exist.
struct Counted(&'static str, Arc<AtomicUsize>);

impl Counted {
    fn new(name: &'static str, count: &Arc<AtomicUsize>) -> Counted {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(name, count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

fn wait_for(count: &AtomicUsize, want: usize) {
    let start = Instant::now();
    while count.load(Ordering::SeqCst) != want {
        assert!(start.elapsed() < WATCHDOG, "{} values, not {want}", count.load(Ordering::SeqCst));
        std::thread::yield_now();
    }
}

#[test]
fn a_value_of_the_hook_is_dropped_with_the_connection() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = bind().on_request(move |request| {
        let accept = Accept::new().with(Counted::new("first", &counted)).with(7_u8);
        match request.path() {
            // A second value of the type replaces the first.
            "/second" => accept.with(Counted::new("second", &counted)).into(),
            "/invalid" => accept.with_header("X", "\n").into(),
            "/offered" => accept.subprotocol("not offered").into(),
            "/none" => Decision::accept(),
            _ => accept.into(),
        }
    });
    let server = server
        .start(|mut ws| {
            let name = ws.extension::<Counted>().map_or("none", |value| value.0);
            let number = ws.extension::<u8>().copied().unwrap_or_default();
            assert_eq!(ws.extension::<String>(), None);
            ws.send(format!("{name} {number}"))?;
            assert_ne!(ws.request().unwrap().path(), "/panic", "as the test wants");
            ws.recv().map(drop)
        })
        .unwrap();
    for (path, want) in [("/", "first 7"), ("/second", "second 7"), ("/none", "none 0")] {
        let mut ws = client(&server, path).connect().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(want));
        assert_eq!(ws.extension::<Counted>().map(|value| value.0), None, "a client has no value");
        assert_eq!(count.load(Ordering::SeqCst), usize::from(path != "/none"));
        drop(ws);
        wait_for(&count, 0);
    }
    // A handler that panics, connections that do not open, and a plain request.
    drop(client(&server, "/panic").connect().unwrap().recv());
    wait_for(&count, 0);
    assert_eq!(refused(client(&server, "/invalid")).status(), Some(500));
    assert_eq!(refused(client(&server, "/offered")).status(), Some(500));
    assert_eq!(status(&get(&server, "/")), 426);
    wait_for(&count, 0);
    let shown = format!("{:?}", Accept::new().with("S3CRET"));
    assert!(!shown.contains("S3CRET"), "{shown}");
}

#[test]
fn a_request_for_another_host_is_rejected_before_any_hook() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (by_page, by_request) = (seen.clone(), seen.clone());
    let server = bind().allow_host("chat.example").unwrap().allow_host("127.0.0.1:9001").unwrap();
    let server = server.http(move |request| {
        by_page.fetch_add(1, Ordering::SeqCst);
        Response::text(200, request.host())
    });
    let server = server.on_request(move |_| {
        by_request.fetch_add(1, Ordering::SeqCst);
        Decision::accept()
    });
    let server = server.start(echo).unwrap();
    // DNS rebinding: the page and the request have the same host, and it is not that of this server.
    let rows = [
        ("/", "chat.example", "http://chat.example", true),
        ("/", "CHAT.example:8080", "http://chat.example:8080", true),
        ("/", "127.0.0.1:9001", "http://127.0.0.1:9001", true),
        ("http://chat.example/", "evil.example", "http://chat.example", true),
        ("/", "127.0.0.1:9002", "http://127.0.0.1:9002", false),
        ("/", "evil.example", "http://evil.example", false),
        ("http://evil.example/", "chat.example", "http://evil.example", false),
    ];
    for (target, host, origin, allowed) in rows {
        seen.store(0, Ordering::SeqCst);
        let request = String::from_utf8(websocket(target, &format!("Origin: {origin}\r\n"))).unwrap();
        let request = request.replace("Host: here", &format!("Host: {host}"));
        let mut socket = connect(server.local_addr().unwrap());
        socket.write_all(request.as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(status(&answer), if allowed { 101 } else { 421 }, "{target} {host}");
        let page = ask(&server, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!(status(&page), if allowed { 200 } else { 421 }, "{target} {host}");
        assert_eq!(seen.load(Ordering::SeqCst), if allowed { 3 } else { 0 }, "{target} {host}");
    }
    // HTTP/1.0 without a host.
    assert_eq!(status(&ask(&server, b"GET / HTTP/1.0\r\n\r\n")), 421);
    for entry in ["", "http://h", "a b", "h:port", "::1", "*"] {
        match Server::without_listener().allow_host(entry) {
            Err(Error::Usage(UsageError::Host(shown))) => assert_eq!(shown, entry),
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 9112 section 2.2.
#[test]
fn empty_lines_before_a_request_are_ignored() {
    let server = bind().http(|request| Response::text(200, request.path())).start(echo).unwrap();
    for (lines, expected) in [("\r\n", 200), ("\r\n\r\n\r\n\r\n", 200), ("\r\n\r\n\r\n\r\n\r\n", 400), ("\n", 400)] {
        let answer = ask(&server, format!("{lines}GET / HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), expected, "{lines:?}");
    }
}
