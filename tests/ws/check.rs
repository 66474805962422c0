//! `ws check` against servers that work, and against each kind of failure.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{mpsc, Mutex};
use std::thread;

use stdws::{Response, Server, ServerHandle, Timeouts, WebSocket};

use crate::cat::server;
use crate::tool::{run, Run, WATCHDOG};

fn drain(mut ws: WebSocket) -> stdws::Result<()> {
    while ws.recv()?.is_some() {}
    Ok(())
}

fn echo() -> ServerHandle {
    server(drain)
}

fn check(url: &str, more: &[&str], code: i32) -> Run {
    run(["check", url].iter().chain(more), "").expect(code)
}

/// Fails unless there is a row that begins and ends like this.
fn has_row(run: &Run, begin: &str, part: &str) {
    let found = run.lines().into_iter().any(|line| line.starts_with(begin) && line.contains(part));
    assert!(found, "{begin:?} {part:?}: {}", run.text());
}

/// An HTTP server that answers each request by this function of its head. Connections without a request are ignored.
fn http(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
            let Some(head) = head(&mut tcp) else { continue };
            // The client may have ended meanwhile.
            let _ = tcp.write_all(&answer(&head));
        }
    });
    url
}

fn head(tcp: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if tcp.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

fn fixed(response: &'static str) -> String {
    http(move |_| response.as_bytes().to_vec())
}

#[test]
fn each_step_of_a_connection_is_a_row() {
    let server = Server::bind("127.0.0.1:0").unwrap().subprotocols(["v2"]).deflate(stdws::Deflate::default());
    let server = server.start(drain).unwrap();
    let url = format!("{}/feed?token=1234", server.url());
    let run = check(&url, &["--subprotocol=v2", "--deflate"], 0);
    let rows: Vec<_> = run.lines().iter().map(|line| line.get(..17).unwrap_or(line).to_owned()).collect();
    let names =
        ["url", "name", "address", "http", "headers", "accept key", "subprotocol", "extensions", "ping", "close"];
    assert_eq!(rows, names.map(|name| format!("ok    {name:<11}")), "{}", run.text());
    has_row(&run, "ok    subprotocol", "v2");
    has_row(&run, "ok    extensions", "permessage-deflate");
    has_row(&run, "ok    close", "1000");
    // The query may be a token.
    assert!(!run.text().contains("1234"), "{}", run.text());
    assert!(check(&url, &["--show-secrets"], 0).text().contains("1234"));
    // Offered in vain: it works, and may surprise.
    let plain = echo();
    let run = check(&plain.url(), &["--subprotocol=v3", "--deflate"], 0);
    has_row(&run, "note  subprotocol", "none of those offered");
    has_row(&run, "note  extensions", "does not compress");
}

#[test]
fn one_object_for_each_check() {
    let url = fixed("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Token: 1234\r\nServer: \"x\"\r\n\r\n");
    let run = check(&url, &["--json"], 7);
    let lines = run.lines();
    assert_eq!(lines[0], format!(r#"{{"check":"url","verdict":"ok","detail":"{url}/","causes":[]}}"#),);
    let headers = r#""detail":"Content-Length: 0; X-Token: ...; Server: \"x\"","causes":[]}"#;
    assert!(lines.iter().any(|line| line.starts_with(r#"{"check":"headers""#) && line.ends_with(headers)), "{lines:?}");
    let last = lines.last().unwrap();
    assert!(
        last.starts_with(r#"{"check":"http","verdict":"fail","detail":""#) && last.contains(r#""causes":[""#),
        "{last}"
    );
}

#[test]
fn a_name_an_address_and_a_proxy_have_codes() {
    // RFC 6761: this name never exists.
    let run = check("ws://nothing.invalid", &[], 3);
    has_row(&run, "fail  name", "nothing.invalid");
    // Nobody listens there, and no other test gets this port.
    let free = "127.0.0.1:1";
    let run = check(&format!("ws://{free}"), &[], 4);
    has_row(&run, "fail  address", free);
    let server = echo();
    let run = check(&server.url(), &["--proxy", &format!("http://{free}")], 5);
    has_row(&run, "fail  proxy", free);
    has_row(&run, "note  name", "the proxy resolves the name");
    let forbidding = fixed("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let run = check(&server.url(), &["--proxy", &forbidding.replace("ws:", "http:")], 5);
    has_row(&run, " ", "-> the proxy needs --proxy-user");
}

#[test]
fn a_proxy_that_drops_upgrade_is_found() {
    let server = echo();
    let addr = server.local_addr().unwrap();
    let url = http(move |head| {
        let mut tcp = TcpStream::connect(addr).unwrap();
        tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
        let kept = head.split_inclusive("\r\n").filter(|line| !line.starts_with("Upgrade:"));
        let head = kept.collect::<String>().replace("Connection: Upgrade", "Connection: close");
        tcp.write_all(head.as_bytes()).unwrap();
        let mut response = Vec::new();
        tcp.read_to_end(&mut response).unwrap();
        response
    });
    let run = check(&url, &[], 7);
    has_row(&run, " ", "-> the server asks for `Upgrade`, which was sent: a proxy dropped it");
    // By the words of a server.
    let words = "HTTP/1.1 400 Bad Request\r\nContent-Length: 31\r\n\r\nCan \"Upgrade\" only to WebSocket\n";
    has_row(&check(&fixed(words), &[], 7), " ", "the server misses `Upgrade`");
    // By the same response to a request without it.
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    has_row(&check(&fixed(page), &[], 7), " ", "a request without `Upgrade` has the same response");
    let other = http(|head| match head.contains("Upgrade") {
        true => page.into(),
        false => b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    assert!(!check(&other, &[], 7).text().contains("`Upgrade`"));
    // A path that is none, where other requests have another response. An address as the host is a further cause only.
    let nowhere = http(|head| match head.contains("Upgrade") {
        true => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        false => page.into(),
    });
    let run = check(&nowhere, &[], 7);
    let causes: Vec<_> =
        run.lines().into_iter().filter_map(|line| line.split_once("-> ")).map(|(_, cause)| cause).collect();
    assert!(matches!(&causes[..], ["the path is wrong", host] if host.starts_with("a wrong Host")), "{causes:?}");
}

#[test]
fn rules_of_the_server_are_found() {
    let server = Server::bind("127.0.0.1:0").unwrap().allow_host("localhost").unwrap();
    let server = server.start(drain).unwrap();
    let run = check(&server.url(), &[], 7);
    has_row(&run, " ", &format!("-> a wrong Host: the server may not know \"{}\"", server.local_addr().unwrap()));
    check(&server.url(), &["--host-header=localhost"], 0);
    let origin = ["--origin=http://elsewhere.example"];
    let run = check(&echo().url(), &origin, 7);
    has_row(&run, " ", "-> an Origin rule: with --origin http://127.0.0.1:");
    let statuses: [(u16, &str); 5] = [
        (401, "requires credentials"),
        (403, "credentials are missing"),
        (404, "the path is wrong"),
        (429, "too many connections"),
        (503, "overloaded"),
    ];
    for (status, cause) in statuses {
        let server = Server::bind("127.0.0.1:0").unwrap();
        let answer = move |_: &_| Response::text(status, "first\nsecond").into();
        let server = server.on_request(answer).start(|_| Ok(())).unwrap();
        let run = check(&server.url(), &[], 7);
        has_row(&run, "fail  http", "first");
        has_row(&run, " ", cause);
    }
    let elsewhere = fixed("HTTP/1.1 302 Found\r\nLocation: ws://b.example/x?token=1234\r\nContent-Length: 0\r\n\r\n");
    let run = check(&elsewhere, &[], 7);
    has_row(&run, "fail  http", "Location: ws://b.example/x");
    assert!(!run.text().contains("1234"), "{}", run.text());
}

#[test]
fn responses_that_break_a_rule_are_found() {
    let opening = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let wrong = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    let cases = [
        (format!("{opening}{wrong}"), "fail  accept key", "a cache answered"),
        (format!("{opening}\r\n"), "fail  accept key", "a cache answered"),
        (opening.replace("Upgrade: websocket\r\n", "") + wrong, "fail  headers", "a proxy dropped or replaced"),
    ];
    for (response, row, cause) in cases {
        let url = http(move |_| response.clone().into_bytes());
        let run = check(&url, &[], 8);
        has_row(&run, row, "");
        has_row(&run, " ", cause);
    }
    // Not a web server, and one that ends every connection.
    has_row(&check(&fixed("220 mail.example ESMTP\r\n"), &[], 7), " ", "not one of a web server");
    has_row(&check(&fixed(""), &[], 7), " ", "ends connections");
}

#[test]
fn an_open_connection_can_fail_too() {
    let timeouts = Timeouts { close: WATCHDOG, ..Timeouts::default() };
    let closing = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts);
    let closing = closing.start(|mut ws| ws.close(1008, "no token").map(drop)).unwrap();
    let run = check(&closing.url(), &[], 9);
    has_row(&run, "fail  ping", "no token");
    has_row(&run, " ", "-> a rule of the server");
    // This server reads nothing, so it answers no Ping.
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let silent = server(move |ws| {
        let _ = released.lock().unwrap().recv();
        drop(ws);
        Ok(())
    });
    let run = check(&silent.url(), &["--ping=0.1"], 9);
    has_row(&run, "fail  ping", "timed out");
    drop(release);
}

#[test]
fn a_server_that_says_nothing_ends_the_report() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = check(&format!("ws://{}", listener.local_addr().unwrap()), &["--timeout=3"], 7);
    has_row(&run, "fail  http", "timed out in the opening handshake");
}

#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn tls_is_judged() {
    use crate::tls::certificates;
    use crate::tool::Folder;
    let (folder, made) = (Folder::new(), certificates());
    let ca = folder.file("authority.pem", made.file("authority.pem"));
    let cases = [
        ("right", 0, "ok    tls", "a trusted chain"),
        ("wrong_host", 6, " ", "-> host: "),
        ("expired", 6, " ", "-> dates: "),
        ("unknown_authority", 6, " ", "-> chain: "),
    ];
    for (name, code, row, text) in cases {
        let server = Server::bind("127.0.0.1:0").unwrap().tls(made.accept(name));
        let server = server.start(drain).unwrap();
        let run = check(&server.url(), &["--ca", &ca], code);
        has_row(&run, row, text);
        let plain = server.url().replace("wss:", "ws:");
        has_row(&check(&plain, &[], 7), " ", "wss://");
    }
    let run = check(&echo().url().replace("ws:", "wss:"), &[], 6);
    has_row(&run, " ", "-> the port does not have TLS");
}
