//! The page of `tour --page` and `ws inspect --page`, without a browser: its origin and host, its files, its events, the verdicts of
//! its composer. `tests/browser/page.rs` has the browser.

#[path = "../examples/page/mod.rs"]
mod page;

#[path = "browser/json.rs"]
#[allow(dead_code)]
mod json;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use json::Json;
use page::{Page, Peer, Secrets, MAX_MESSAGE};
use stdws::codec::decoder::Decoder;
use stdws::codec::frame::Role;
use stdws::{Client, Decision, Error, Limits, ProtocolError, Server, ServerHandle, WebSocket};

/// For what must merely happen.
const LONG: Duration = Duration::from_secs(60);

/// A page on a port of its own.
fn serve(page: &Page) -> (ServerHandle, SocketAddr) {
    let (live, files, serving) = (page.clone(), page.clone(), page.clone());
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .limits(Limits::with_max_message_size(MAX_MESSAGE))
        .http(move |request| files.respond(request, request.path()))
        .on_request(move |request| match request.is_websocket() {
            true => live.decide(request),
            false => Decision::accept(),
        })
        .start(move |ws| serving.serve(ws))
        .unwrap();
    let address = server.local_addr().unwrap();
    (server, address)
}

fn open(address: SocketAddr, origin: &str) -> stdws::Result<WebSocket> {
    Client::new(format!("ws://{address}/live"))?.origin(origin)?.connect()
}

/// The page itself, after its first event.
fn live(address: SocketAddr) -> WebSocket {
    let mut ws = open(address, &format!("http://{address}")).unwrap();
    assert_eq!(next(&mut ws).at(&["event"]).text(), "hello");
    ws
}

fn next(ws: &mut WebSocket) -> Json {
    Json::parse(ws.recv_timeout(LONG).unwrap().unwrap().as_text().unwrap())
}

fn status(result: stdws::Result<WebSocket>) -> Option<u16> {
    match result {
        Err(Error::Handshake(rejection)) => rejection.status(),
        other => panic!("{other:?}"),
    }
}

/// The response to a request that is written by hand.
fn response(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn no_foreign_site_reaches_the_live_connection() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    for origin in ["http://evil.example", "null", &format!("http://localhost:{}", address.port())] {
        assert_eq!(status(open(address, origin)), Some(403), "{origin}");
    }
    // No browser leaves the origin out.
    assert_eq!(status(Client::new(format!("ws://{address}/live")).unwrap().connect()), Some(403));
    // DNS rebinding: the name of the site leads here, and its origin is the host of the request.
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "evil.example:"] {
        let request = format!("GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{upgrade}\r\n");
        assert!(response(address, &request).starts_with("HTTP/1.1 403 "), "{host}");
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert!(response(address, &request).starts_with("HTTP/1.1 421 "), "{host}");
    }
    assert_eq!(
        status(
            Client::new(format!("ws://{address}/other"))
                .unwrap()
                .origin(&format!("http://{address}"))
                .unwrap()
                .connect()
        ),
        Some(404)
    );
    drop(live(address));
}

#[test]
fn the_files_are_served_with_a_strict_policy_and_have_no_inline_code() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    let get = |path: &str| response(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    for (path, content_type) in [
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/detail.js", "text/javascript"),
        ("/rules.js", "text/javascript"),
        ("/composer.js", "text/javascript"),
        ("/export.js", "text/javascript"),
    ] {
        let response = get(path);
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("Content-Type: {content_type}")), "{head}");
        assert!(head.contains("Content-Security-Policy: default-src 'none'; script-src 'self';"), "{head}");
        assert!(!head.contains("unsafe"), "{head}");
        for code in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " style=",
            " onclick=",
            "<style",
            "<script>",
        ] {
            assert!(!body.contains(code), "{path} has {code}");
        }
    }
    assert!(get("/mod.rs").starts_with("HTTP/1.1 404 "));
}

const REQUEST: &[u8] =
    b"GET /chat?token=s3cret HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Cookie: session=s3cret\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The fields of the events that do not depend on the time.
fn events(ws: &mut WebSocket, count: usize) -> Vec<Json> {
    let without_time = |event| match event {
        Json::Object(fields) => Json::Object(fields.into_iter().filter(|(name, _)| name != "at").collect()),
        other => other,
    };
    (0..count).map(|_| without_time(next(ws))).collect()
}

/// A text, a Close, and the end of both sides, in pieces of this size.
fn show(page: &Page, piece: usize) {
    let connection = page.connection("a test");
    let pass = |from, bytes: &[u8]| bytes.chunks(piece).for_each(|part| connection.bytes(from, part, Instant::now()));
    pass(Role::Client, REQUEST);
    pass(Role::Server, RESPONSE);
    pass(Role::Client, &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    pass(Role::Client, &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    // Nothing is read after a Close.
    pass(Role::Client, &[0x81, 0x80, 0]);
    pass(Role::Server, &[0x88, 0x02, 0x03, 0xe8]);
    connection.end(Role::Server, Instant::now());
    connection.end(Role::Client, Instant::now());
}

#[test]
fn events_say_what_passed_however_the_bytes_were_split() {
    let mut all = Vec::new();
    for piece in [1, 2, 3, 7, 1000] {
        let page = Page::new("test", Secrets::Hidden);
        let (_server, address) = serve(&page);
        show(&page, piece);
        // A page that comes later sees them too.
        all.push(events(&mut live(address), 8));
    }
    let first = all.first().unwrap();
    for other in &all {
        assert_eq!(first, other);
    }
    let names: Vec<_> = first.iter().map(|event| event.at(&["event"]).text().to_owned()).collect();
    assert_eq!(names, ["open", "head", "head", "frame", "frame", "frame", "end", "end"]);
    let text = &first[3];
    assert_eq!(text.at(&["header"]).text(), "818537fa213d");
    assert_eq!((text.at(&["length"]).text(), text.at(&["wire"]).text()), ("5", "7f9f4d5158"));
    assert_eq!((text.at(&["side"]).text(), text.at(&["message"]).text()), ("client", "text"));
    assert_eq!(*text.at(&["violation"]), Json::Null);
    assert_eq!(*first[6].at(&["unparsed"]), Json::Number(0.0));
    assert_eq!(*first[7].at(&["unparsed"]), Json::Number(3.0));
    let phases: Vec<_> = first.iter().skip(3).map(|event| event.at(&["closing"]).text()).collect();
    assert_eq!(phases, ["open", "client", "closed", "closed", "closed"]);
}

#[test]
fn a_remark_belongs_to_no_connection() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    page.remark("not \"here\"");
    let event = next(&mut live(address));
    assert_eq!((event.at(&["event"]).text(), event.at(&["text"]).text()), ("remark", "not \"here\""));
}

#[test]
fn secrets_of_a_head_are_in_no_event_unless_they_are_asked_for() {
    let secret: String = b"s3cret".iter().map(|byte| format!("{byte:02x}")).collect();
    for (secrets, shown) in [(Secrets::Hidden, false), (Secrets::Shown, true)] {
        let page = Page::new("test", secrets);
        let (_server, address) = serve(&page);
        show(&page, 1000);
        let events = format!("{:?}", events(&mut live(address), 8));
        assert_eq!(events.contains("s3cret"), shown);
        assert_eq!(events.contains(&secret), shown);
        // The names of the fields, and what is public, stay where they are.
        let public: String = b"Cookie: ".iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(events.contains(&public) && events.contains("dGhlIHNhbXBsZSBub25jZQ=="));
    }
}

#[test]
fn a_page_that_is_late_learns_how_much_it_missed() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    let connection = page.connection("a test");
    connection.bytes(Role::Client, REQUEST, Instant::now());
    connection.bytes(Role::Server, RESPONSE, Instant::now());
    let mut frame = vec![0x82, 126, 0x40, 0x00];
    frame.resize(4 + 0x4000, 7);
    for _ in 0..600 {
        connection.bytes(Role::Server, &frame, Instant::now());
    }
    connection.end(Role::Server, Instant::now());
    let mut ws = live(address);
    let missed = next(&mut ws);
    assert_eq!(missed.at(&["event"]).text(), "missed");
    let Json::Number(missed) = missed.at(&["count"]) else { panic!("{missed:?}") };
    let mut seen = 0.0;
    loop {
        seen += 1.0;
        let message = ws.recv_timeout(LONG).unwrap().unwrap();
        if message.as_text().unwrap().starts_with("{\"event\":\"end\"") {
            break;
        }
    }
    // One that opens, two heads, the frames, and the end. The pages that read can not lose more than the oldest.
    assert_eq!(missed + seen, 604.0);
    assert!(*missed > 0.0 && seen > 400.0, "{missed} missed, {seen} seen");
}

/// Bytes of frames, what breaks them if anything, and whether the sender is a client.
fn cases() -> Vec<(Role, Vec<u8>)> {
    let client = |first: u8, plain: &[u8]| [&[first, 0x80 | plain.len() as u8, 0, 0, 0, 0], plain].concat();
    let frames = vec![
        client(0x81, b"right"),
        client(0x91, b"rsv3"),
        client(0xC1, b"rsv1"),
        client(0x83, b"opcode"),
        client(0x8F, b"opcode"),
        client(0x09, b"fragmented ping"),
        client(0x80, b"continuation of nothing"),
        [client(0x01, b"begun"), client(0x81, b"new")].concat(),
        [client(0x01, b"begun"), client(0x89, b"ping"), client(0x80, b"ended")].concat(),
        [client(0x01, &[0xE2, 0x82]), client(0x80, &[0xAC])].concat(),
        [client(0x01, &[0xE2, 0x82]), client(0x80, b"a")].concat(),
        client(0x81, &[b'a', 0xFF]),
        client(0x81, &[b'a', 0xC3]),
        client(0x82, &[b'a', 0xFF]),
        vec![0x82, 0xFE, 0x00],
        vec![0x8F],
        vec![0x81, 0x05],
        client(0x88, &[]),
        client(0x88, &[3]),
        client(0x88, &[0x03, 0xED]),
        client(0x88, &[0x03, 0xE8, 0xFF]),
        client(0x88, &[0x03, 0xE8, b'b', b'y', b'e']),
        vec![0x89, 0xFE, 0x00, 0x7E, 0, 0, 0, 0],
        vec![0x81, 0xFE, 0x00, 0x05, 0, 0, 0, 0, b'H', b'e', b'l', b'l', b'o'],
        vec![0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0],
    ];
    let mut cases: Vec<_> = frames.into_iter().map(|bytes| (Role::Client, bytes)).collect();
    cases.push((Role::Client, b"\x81\x05Hello".to_vec()));
    cases.push((Role::Server, b"\x81\x05Hello".to_vec()));
    cases.push((Role::Server, client(0x81, b"masked")));
    cases
}

/// What a connection of the library says.
fn library(from: Role, bytes: &[u8]) -> Option<ProtocolError> {
    let to = if from == Role::Client { Role::Server } else { Role::Client };
    let mut decoder = Decoder::new(to, Limits::with_max_message_size(1 << 20));
    decoder.space()[..bytes.len()].copy_from_slice(bytes);
    decoder.filled(bytes.len());
    loop {
        match decoder.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(violation) => return Some(violation),
        }
    }
}

#[test]
fn the_strict_peer_of_the_composer_says_what_the_library_says() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    let mut ws = live(address);
    let mut broken = 0;
    for (from, bytes) in cases() {
        ws.send("fresh").unwrap();
        assert_eq!(next(&mut ws).at(&["event"]).text(), "fresh");
        let side = if from == Role::Client { "client" } else { "server" };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        ws.send(format!("judge {side} {hex}")).unwrap();
        let verdict = next(&mut ws);
        assert_eq!(*verdict.at(&["sent"]), Json::Null);
        match library(from, &bytes) {
            None => {
                assert_eq!(*verdict.at(&["violation"]), Json::Null, "{hex}");
                let said = verdict.at(&["said"]).text();
                assert!(said.contains("Accepted: ") || said.contains("It waits for"), "{hex}: {verdict:?}");
            }
            Some(violation) => {
                broken += 1;
                assert_eq!(verdict.at(&["violation", "text"]).text(), violation.to_string(), "{hex}");
                assert_eq!(verdict.at(&["violation", "rule"]).text(), violation.requirement(), "{hex}");
                let code = f64::from(violation.close_code().as_u16());
                assert_eq!(*verdict.at(&["violation", "code"]), Json::Number(code), "{hex}");
            }
        }
    }
    assert!(broken >= 20, "{broken}");
}

#[test]
fn commands_that_are_none_are_refused_and_the_page_goes_on() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    let mut ws = live(address);
    for command in [
        "",
        "judge",
        "judge client",
        "judge peer 00",
        "judge client 0",
        "judge client zz",
        "judge client \u{e9}\u{e9}",
        "send / 8100",
        "serve",
        "serve 0",
        "serve 00 00",
        "launch",
    ] {
        ws.send(command).unwrap();
        assert_eq!(next(&mut ws).at(&["event"]).text(), "failure", "{command:?}");
    }
    ws.send("judge client 81").unwrap();
    assert!(next(&mut ws).at(&["said"]).text().contains("the rest of the header"));
}

#[test]
fn frames_are_sent_to_the_peer_over_one_connection() {
    let (sender, received) = std::sync::mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |mut ws| {
        while let Some(message) = ws.recv()? {
            let _ = sender.send(message);
        }
        Ok(())
    });
    let server = server.unwrap();
    let peer = Peer::at(server.local_addr().unwrap(), "/");
    let page = Page::new("test", Secrets::Hidden);
    page.send_to(peer);
    let (_server, address) = serve(&page);
    let mut ws = live(address);
    // Two frames of one message, over one connection.
    for frame in ["0185000000004f6e652c20", "808400000000", "74776f2e"] {
        ws.send(format!("send /chat {frame}")).unwrap();
        assert_eq!(next(&mut ws).at(&["sent"]).text(), "", "{frame}");
    }
    assert_eq!(received.recv_timeout(LONG).unwrap().as_text(), Some("One, two."));
    ws.send("send /a%20b\u{e9} 8100").unwrap();
    assert_eq!(next(&mut ws).at(&["event"]).text(), "failure");
}

/// Sends a command, and returns the events up to its verdict, which is the last.
fn until_verdict(ws: &mut WebSocket, command: &str) -> Vec<Json> {
    ws.send(command).unwrap();
    let mut events = Vec::new();
    loop {
        let event = next(ws);
        let is_verdict = event.at(&["event"]).text() == "verdict";
        events.push(event);
        if is_verdict {
            return events;
        }
    }
}

/// Waits for an event with these values.
fn until_event(events: &mut Vec<Json>, ws: &mut WebSocket, wanted: &[(&str, &str)]) {
    let fits = |event: &Json| {
        let Json::Object(fields) = event else { return false };
        wanted.iter().all(|(name, value)| {
            fields.iter().any(|(known, text)| known == name && *text == Json::Text((*value).into()))
        })
    };
    while !events.iter().any(fits) {
        events.push(next(ws));
    }
}

#[test]
fn a_client_of_the_library_gets_the_frames_of_a_composed_server() {
    let page = Page::new("test", Secrets::Hidden);
    let (_server, address) = serve(&page);
    let mut ws = live(address);
    // A Ping, in two pieces over one connection: the client answers it with a masked Pong.
    let mut events = until_verdict(&mut ws, "serve 8903");
    events.extend(until_verdict(&mut ws, "serve 616263"));
    let verdicts: Vec<_> = events.iter().filter(|event| event.at(&["event"]).text() == "verdict").collect();
    for verdict in &verdicts {
        assert_eq!((verdict.at(&["sent"]).text(), verdict.at(&["side"]).text()), ("", "server"), "{verdict:?}");
    }
    assert!(verdicts[1].at(&["said"]).text().starts_with("Accepted: a Ping."), "{verdicts:?}");
    until_event(
        &mut events,
        &mut ws,
        &[("event", "frame"), ("side", "server"), ("header", "8903"), ("wire", "616263")],
    );
    until_event(&mut events, &mut ws, &[("event", "frame"), ("side", "client"), ("length", "3")]);
    // The events and the verdicts come in any order, but the events among themselves in theirs.
    assert_eq!(events.iter().filter(|event| event.at(&["event"]).text() == "open").count(), 1);
    // A masked frame of a server: the client fails the connection with a Close, and both sides end.
    let mut events = until_verdict(&mut ws, "serve 818100000000aa");
    let rule = events.last().unwrap().at(&["violation", "rule"]).text().to_owned();
    assert_eq!(rule, "6455-5.1-5");
    until_event(&mut events, &mut ws, &[("event", "frame"), ("side", "client"), ("closing", "client")]);
    for side in ["client", "server"] {
        until_event(&mut events, &mut ws, &[("event", "end"), ("side", side)]);
    }
    // After a new begin there is a new client.
    ws.send("fresh").unwrap();
    let mut events = until_verdict(&mut ws, "serve 880203e8");
    until_event(&mut events, &mut ws, &[("event", "open")]);
    until_event(&mut events, &mut ws, &[("event", "frame"), ("side", "client"), ("closing", "closed")]);
}

#[test]
fn a_peer_that_opens_no_websocket_is_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let page = Page::new("test", Secrets::Hidden);
    page.send_to(Peer::at(listener.local_addr().unwrap(), "/"));
    let (_server, address) = serve(&page);
    let mut ws = live(address);
    for response in ["", "HTTP/1.1 404 Not Found\r\n\r\n"] {
        ws.send("send /chat 818000000000").unwrap();
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(LONG)).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(response.as_bytes()).unwrap();
        drop(stream);
        let verdict = next(&mut ws);
        assert!(!verdict.at(&["sent"]).text().is_empty(), "{verdict:?}");
        // It is judged as well.
        assert!(verdict.at(&["said"]).text().contains("Accepted: "), "{verdict:?}");
    }
}

#[test]
fn the_rules_of_the_page_are_requirements_and_have_all_that_can_be_broken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let quoted = |text: &str, quote: char| -> Vec<String> {
        let words = text.split(quote).map(str::to_owned);
        words.filter(|word| (word.starts_with("6455-") || word.starts_with("7692-")) && !word.contains(' ')).collect()
    };
    let rules = quoted(&read("examples/page/rules.js"), '\'');
    assert!(rules.len() > 40);
    let requirements = read("tests/requirements/rfc6455.tsv") + &read("tests/requirements/rfc7692.tsv");
    for rule in &rules {
        assert!(requirements.lines().any(|line| line.split('\t').next() == Some(rule)), "{rule} is no requirement");
    }
    for used in quoted(&read("examples/page/detail.js"), '\'') {
        assert!(rules.contains(&used), "{used} has no text");
    }
    for broken in quoted(&read("src/error/protocol.rs"), '"') {
        assert!(rules.contains(&broken), "{broken} has no text");
    }
}
