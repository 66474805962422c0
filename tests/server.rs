//! The server over real sockets, with clients that write raw bytes.
//!
//! Every read of a client and every wait for a channel has a timeout, so a test that would hang fails instead.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Error, Limits, Server, ServerHandle, SplitStream, Step, Timeouts, WebSocket};

#[path = "support/serving.rs"]
mod serving;
use serving::{bind, connect, echo, WATCHDOG};

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The example request of the RFC with another Host and additional headers.
fn request(more: &str) -> Vec<u8> {
    format!(
        "GET /chat?room=7 HTTP/1.1\r\nHost: here:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}

/// A final frame of a client with up to 125 bytes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Reads the number of expected bytes and compares them.
fn expect(socket: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    socket.read_exact(&mut got).unwrap();
    assert_eq!(got, bytes, "{}", got.escape_ascii());
}

fn open(addr: SocketAddr) -> TcpStream {
    let mut socket = connect(addr);
    socket.write_all(&request("")).unwrap();
    expect(&mut socket, format!("{ACCEPTED}\r\n").as_bytes());
    socket
}

/// Reads to the end of the stream. A reset is a failure.
fn rest(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Checks that this is a complete HTTP response that closes the connection. Returns its status.
fn status(answer: &str) -> u16 {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {answer:?}"));
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{head}"));
    assert_eq!(field("Content-Length: "), body.len().to_string());
    assert!(field("Connection: ").split(", ").any(|option| option == "close"), "{head}");
    head.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).unwrap().parse().unwrap()
}

fn ask(server: &ServerHandle, bytes: &[u8]) -> String {
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(bytes).unwrap();
    rest(&mut socket)
}

#[test]
fn a_connection_echoes_and_closes() {
    let server = bind().start(echo).unwrap();
    // 6455-4.2.2-12, 6455-4.2.2-s8: frames may arrive together with the request, here more than one read returns.
    let mut bytes = request("");
    for _ in 0..20 {
        bytes.extend(frame(1, &[b'a'; 100]));
    }
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(&bytes).unwrap();
    expect(&mut socket, format!("{ACCEPTED}\r\n").as_bytes());
    for _ in 0..20 {
        expect(&mut socket, &[&[0x81, 100], [b'a'; 100].as_slice()].concat());
    }
    socket.write_all(&frame(2, b"\x00\xFF")).unwrap();
    expect(&mut socket, b"\x82\x02\x00\xFF");
    socket.write_all(&frame(8, b"\x03\xE8bye")).unwrap();
    expect(&mut socket, b"\x88\x02\x03\xE8");
    assert_eq!(rest(&mut socket), "");
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = bind().start(echo).unwrap();
    let mut socket = connect(server.local_addr().unwrap());
    for byte in [request(""), frame(1, b"x")].concat() {
        socket.write_all(&[byte]).unwrap();
    }
    expect(&mut socket, format!("{ACCEPTED}\r\n").as_bytes());
    expect(&mut socket, b"\x81\x01x");
}

#[test]
fn rejected_requests_get_a_complete_response() {
    // 6455-4.2.1-1, 6455-10.7-4
    let server = bind().start(echo).unwrap();
    let good = String::from_utf8(request("")).unwrap();
    let without = |name: &str| {
        let lines: Vec<&str> = good.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect();
        lines.concat()
    };
    let long = format!("X: {}\r\n", "x".repeat(65_536));
    let rows = [
        // A TLS ClientHello, and invalid lines.
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{3f}".into(), 400, ""),
        ("\r\n".repeat(6), 400, ""),
        ("HELLO\r\n".into(), 400, ""),
        (without("Host"), 400, ""),
        (without("Connection"), 400, ""),
        (without("Sec-WebSocket-Key"), 400, ""),
        (without("Sec-WebSocket-Version"), 400, "\r\nSec-WebSocket-Version: 13\r\n"),
        (good.replace("GET /chat", "GET chat"), 400, ""),
        (good.replace("Upgrade: websocket", "Origin: http://evil.example\r\nUpgrade: websocket"), 403, ""),
        (good.replace("GET", "POST"), 405, "\r\nAllow: GET\r\n"),
        (without("Upgrade"), 426, "\r\nUpgrade: websocket\r\n"),
        // 6455-4.2.2-6, 6455-4.4-1
        (good.replace("Version: 13", "Version: 8"), 426, "\r\nSec-WebSocket-Version: 13\r\n"),
        (good.replace("Upgrade: websocket", &format!("{long}Upgrade: websocket")), 431, ""),
        // 9112-3-1
        (good.replace("/chat", &format!("/{}", "x".repeat(65_536))), 414, ""),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 505, ""),
    ];
    for (bytes, expected, field) in rows {
        let answer = ask(&server, bytes.as_bytes());
        assert_eq!(status(&answer), expected, "{bytes:?}");
        assert!(answer.contains(field), "{answer}");
    }
    // The stream ends within the head.
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(status(&rest(&mut socket)), 400);
    // The server still accepts connections.
    open(server.local_addr().unwrap());
}

#[test]
fn the_response_arrives_although_the_peer_still_sends() {
    // Closing a socket with unread bytes resets it.
    let server = bind().start(echo).unwrap();
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n").unwrap();
    let head = {
        let mut head = [0; 12];
        socket.read_exact(&mut head).unwrap();
        String::from_utf8(head.to_vec()).unwrap()
    };
    socket.write_all(&vec![b'x'; 300_000]).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(status(&(head + &rest(&mut socket))), 405);
}

/// Shows the answer to opera-26.
/// Shows promise P14.
#[test]
fn the_origin_is_checked() {
    // 6455-4.2.2-4, 6455-4.2.2-5, 6455-10.2-1, 6455-10.2-2, 6455-4.2.1-2
    let first = |server: &ServerHandle, more: &str| {
        let mut socket = connect(server.local_addr().unwrap());
        socket.write_all(&request(more)).unwrap();
        let mut start = [0; 12];
        socket.read_exact(&mut start).unwrap();
        String::from_utf8(start[9..].to_vec()).unwrap()
    };
    let (own, app, other) =
        ("Origin: http://here\r\n", "Origin: https://app.example\r\n", "Origin: https://o.example\r\n");
    let rows = [
        (bind(), ["101", "101", "403", "403"]),
        (bind().allow_origin("https://app.example"), ["101", "101", "101", "403"]),
        (bind().allow_origin("https://app.example").allow_origin("https://o.example"), ["101", "101", "101", "101"]),
        (bind().danger_allow_any_origin(), ["101", "101", "101", "101"]),
    ];
    for (server, expected) in rows {
        let server = server.start(echo).unwrap();
        assert_eq!(["", own, app, other].map(|more| first(&server, more)), expected);
    }
}

#[test]
fn the_first_common_subprotocol_is_selected() {
    // 6455-4.2.2-8, 6455-4.2.2-9
    let server = bind().subprotocols(["v1.feed", "v2.feed"]).start(|mut ws| {
        let chosen = format!("{:?}", ws.subprotocol());
        ws.send(&chosen)
    });
    let server = server.unwrap();
    let rows = [
        ("", "", "None"),
        ("Sec-WebSocket-Protocol: v3.feed, V1.FEED\r\n", "", "None"),
        ("Sec-WebSocket-Protocol: x, v2.feed, v1.feed\r\n", "Sec-WebSocket-Protocol: v2.feed\r\n", "Some(\"v2.feed\")"),
    ];
    for (offer, answer, sent) in rows {
        let mut socket = connect(server.local_addr().unwrap());
        socket.write_all(&request(offer)).unwrap();
        expect(&mut socket, format!("{ACCEPTED}{answer}\r\n").as_bytes());
        expect(&mut socket, &[&[0x81, sent.len() as u8], sent.as_bytes()].concat());
    }
}

#[test]
fn the_handler_sees_the_request_and_both_addresses() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let (sender, receiver) = mpsc::channel();
        let server = Server::bind(address).unwrap().start(move |ws| {
            let request = ws.request().unwrap();
            let about = (request.path().to_owned(), request.query().map(str::to_owned), request.host().to_owned());
            let agent = request.header("user-agent").map(str::to_owned);
            assert!(ws.response().is_none());
            sender.send((about, agent, request.peer_addr(), ws.peer_addr(), ws.local_addr())).unwrap();
            Ok(())
        });
        let server = server.unwrap();
        let mut socket = connect(([127, 0, 0, 1], server.local_addr().unwrap().port()).into());
        socket.write_all(&request("User-Agent: hand\r\n")).unwrap();
        let (about, agent, peer, same, local) = receiver.recv_timeout(WATCHDOG).unwrap();
        assert_eq!(about, ("/chat".to_owned(), Some("room=7".to_owned()), "here:80".to_owned()));
        assert_eq!(agent.as_deref(), Some("hand"));
        assert_eq!((peer, same), (socket.local_addr().ok(), socket.local_addr().ok()));
        assert_eq!(local, socket.peer_addr().ok());
    }
}

#[test]
fn limits_and_timeouts_apply() {
    let timeouts = Timeouts { ping_interval: Duration::from_millis(20), ..Timeouts::default() };
    let server = bind().timeouts(timeouts).max_message_size(10).start(echo).unwrap();
    let mut socket = open(server.local_addr().unwrap());
    expect(&mut socket, b"\x89");
    let server = bind().limits(Limits::with_max_message_size(10)).start(echo).unwrap();
    let mut socket = open(server.local_addr().unwrap());
    socket.write_all(&frame(1, &[b'x'; 11])).unwrap();
    expect(&mut socket, b"\x88\x1F\x03\xF1at most 10 bytes in a message");
}

/// 6455-10.4-1
#[test]
fn max_message_size_sets_two_limits_and_keeps_the_others() {
    let mut limits = Limits::with_max_message_size(1);
    limits.max_fragments = 2;
    let server = bind().limits(limits).max_message_size(10).start(echo).unwrap();
    let mut socket = open(server.local_addr().unwrap());
    socket.write_all(&frame(1, &[b'x'; 10])).unwrap();
    expect(&mut socket, b"\x81\x0Axxxxxxxxxx");
    socket.write_all(&frame(1, &[b'x'; 11])).unwrap();
    expect(&mut socket, b"\x88\x1F\x03\xF1at most 10 bytes in a message");
    let mut socket = open(server.local_addr().unwrap());
    // Text without FIN, then two continuations.
    for opcode in [1, 0, 0] {
        let mut fragment = frame(opcode, b"x");
        fragment[0] &= 0x7F;
        socket.write_all(&fragment).unwrap();
    }
    expect(&mut socket, b"\x88\x22\x03\xF1at most 2 fragments in a message");
}

/// Shows promise P5.
#[test]
fn an_opening_handshake_has_a_deadline() {
    // 6455-7.2.2-1, 6455-7.1.1-4
    // Long enough for the last connection here, and much shorter than without the setting.
    let timeouts = Timeouts { handshake: Duration::from_secs(2), ..Timeouts::default() };
    let server = bind().timeouts(timeouts).start(echo).unwrap();
    let start = Instant::now();
    let mut silent = connect(server.local_addr().unwrap());
    let mut dripping = connect(server.local_addr().unwrap());
    let mut writer = dripping.try_clone().unwrap();
    // An endless stream of single bytes: no single wait is long.
    let drip = thread::spawn(move || {
        let mut bytes = b"GET /".iter().chain(std::iter::repeat(&b'x'));
        while start.elapsed() < WATCHDOG && writer.write_all(&[*bytes.next().unwrap()]).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(rest(&mut silent), "");
    // The stream may end with a reset, because bytes arrive after the end.
    let mut answer = Vec::new();
    let _ = dripping.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    let took = start.elapsed();
    assert!(took >= timeouts.handshake && took < Timeouts::default().handshake, "{took:?}");
    drip.join().unwrap();
    open(server.local_addr().unwrap());
}

/// Shows the answer to opera-21.
/// Shows promise P9.
#[test]
fn a_connection_above_the_limit_gets_503_at_once() {
    let server = bind().max_connections(2).start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let (first, mut second) = (open(addr), open(addr));
    // Silent clients, more than the number of rejected sockets that stay open.
    let mut many: Vec<TcpStream> = (0..100).map(|_| connect(addr)).collect();
    for socket in &mut many {
        let answer = rest(socket);
        assert_eq!(status(&answer), 503);
        assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    }
    // A late request does not reset the connection; on some systems a reset discards the response. Two writes, because
    // the first would only cause the reset.
    let mut late = connect(addr);
    assert_eq!(status(&rest(&mut late)), 503);
    late.write_all(&request("")).unwrap();
    late.write_all(&frame(1, b"x")).unwrap();
    // Admitted connections go on, and a connection that ends makes room for another.
    second.write_all(&frame(1, b"x")).unwrap();
    expect(&mut second, b"\x81\x01x");
    drop(first);
    let start = Instant::now();
    loop {
        let mut socket = connect(addr);
        socket.write_all(&request("")).unwrap();
        let mut start_line = [0; 12];
        socket.read_exact(&mut start_line).unwrap();
        if start_line.ends_with(b"101") {
            break;
        }
        assert!(start.elapsed() < WATCHDOG);
    }
}

/// Shows promise P12.
#[test]
fn a_panic_in_a_handler_ends_only_its_connection() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("while the panic payload is dropped");
        }
    }
    let handler = |mut ws: WebSocket| match ws.recv()?.unwrap().as_text() {
        Some("panic") => panic!("on purpose"),
        Some("twice") => std::panic::panic_any(Bomb),
        _ => ws.send("fine"),
    };
    // With a maximum of one, this also shows that a connection whose handler panicked no longer counts.
    let server = bind().max_connections(1).start(handler).unwrap();
    let mut order = ["panic", "twice", "panic", "twice", "calm"].into_iter().peekable();
    let start = Instant::now();
    while let Some(word) = order.peek() {
        assert!(start.elapsed() < WATCHDOG);
        let mut socket = connect(server.local_addr().unwrap());
        socket.write_all(&[request(""), frame(1, word.as_bytes())].concat()).unwrap();
        let mut start_line = [0; 12];
        socket.read_exact(&mut start_line).unwrap();
        if start_line.ends_with(b"503") {
            // The thread of the previous connection still unwinds.
            continue;
        }
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let expected =
            if *word == "calm" { b"\x81\x04fine\x88\x02\x03\xE9".as_slice() } else { b"\r\n\x88\x02\x03\xF3" };
        assert!(bytes.ends_with(expected), "{word}: {}", bytes.escape_ascii());
        order.next();
    }
}

#[test]
fn no_connection_is_lost_in_a_burst() {
    let server = bind().start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    // All at once: on a busy machine all of them wait before the first is served. With 32 bits some 190 handshakes may ...
    let mut sockets: Vec<TcpStream> = (0..150).map(|_| connect(addr)).collect();
    for socket in &mut sockets {
        socket.write_all(&[request(""), frame(1, b"x")].concat()).unwrap();
    }
    for mut socket in sockets {
        expect(&mut socket, format!("{ACCEPTED}\r\n").as_bytes());
        expect(&mut socket, b"\x81\x01x");
    }
    // ... and one after the other from several clients, while threads start and end. On a busy machine they end late, and the
    // addresses of 32 bits have room for some hundred.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    while server.connection_count() > 100 {
                        thread::yield_now();
                    }
                    let mut socket = open(addr);
                    socket.write_all(&frame(1, b"x")).unwrap();
                    expect(&mut socket, b"\x81\x01x");
                }
            });
        }
    });
}

#[test]
fn threads_serve_further_connections() {
    let (sender, receiver) = mpsc::channel();
    let server = bind().start(move |_| {
        sender.send(thread::current().id()).unwrap();
        Ok(())
    });
    let server = server.unwrap();
    let mut threads = HashSet::new();
    for _ in 0..100 {
        let mut socket = open(server.local_addr().unwrap());
        expect(&mut socket, b"\x88\x02\x03\xE9");
        assert_eq!(rest(&mut socket), "");
        threads.insert(receiver.recv_timeout(WATCHDOG).unwrap());
    }
    assert!(threads.len() <= 20, "{} threads for 100 connections, one at a time", threads.len());
}

#[test]
fn the_url_of_a_server_reaches_it_from_this_machine() {
    for (address, host) in [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "[::1]")] {
        let server = match Server::bind(address) {
            Ok(server) => server.start(echo).unwrap(),
            Err(error) => {
                eprintln!("skipped {address}: {error}");
                continue;
            }
        };
        assert_eq!(server.url(), format!("ws://{host}:{}", server.local_addr().unwrap().port()));
        let mut ws = stdws::connect(server.url()).unwrap();
        ws.send("x").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("x"));
    }
}

#[test]
fn stopping_frees_the_address_and_keeps_open_connections() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = Server::bind(address).unwrap().start(echo).unwrap();
        let addr: SocketAddr = ([127, 0, 0, 1], server.local_addr().unwrap().port()).into();
        // Enough connections for several threads in `accept`.
        let mut sockets: Vec<TcpStream> = (0..20).map(|_| open(addr)).collect();
        let mut last = sockets.pop().unwrap();
        drop(sockets);
        let start = Instant::now();
        server.stop();
        assert!(start.elapsed() < WATCHDOG / 2);
        assert!(TcpStream::connect(addr).is_err());
        last.write_all(&frame(1, b"x")).unwrap();
        expect(&mut last, b"\x81\x01x");
    }
    let server = bind().start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    drop(server);
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn a_handshake_runs_on_a_caller_supplied_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let accept = |server: &Server| {
        let (socket, _) = listener.accept().unwrap();
        server.accept_over(SplitStream::new(socket.try_clone().unwrap(), socket)).map(Option::unwrap)
    };
    let server = Server::without_listener().subprotocols(["v2.feed"]);
    let mut socket = connect(addr);
    socket.write_all(&[request("Sec-WebSocket-Protocol: v2.feed\r\n"), frame(1, b"x")].concat()).unwrap();
    let mut ws = accept(&server).unwrap();
    expect(&mut socket, format!("{ACCEPTED}Sec-WebSocket-Protocol: v2.feed\r\n\r\n").as_bytes());
    assert_eq!((ws.subprotocol(), ws.peer_addr(), ws.local_addr()), (Some("v2.feed"), None, None));
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("x"));

    let mut socket = connect(addr);
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    match accept(&server) {
        Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(426)),
        other => panic!("{other:?}"),
    }
    assert_eq!(status(&rest(&mut socket)), 426);

    match Server::without_listener().run(echo) {
        Err(Error::Io(error)) => assert_eq!(error.step(), Step::Listen),
        other => panic!("{other:?}"),
    }
}

#[test]
fn serve_returns_if_it_cannot_listen() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = stdws::serve(taken.local_addr().unwrap(), |_| Ok(())).unwrap_err();
    assert!(matches!(&error, Error::Io(error) if error.step() == Step::Listen), "{error}");
}
