//! `ws echo`, and with it the flags that all servers have.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use stdws::{Client, CloseCode, Deflate, Error};

use crate::tool::{command, run, Folder, Lines, Tool, WATCHDOG};

/// A server on a free port. It is killed when this is dropped.
pub(crate) struct Listening {
    pub(crate) tool: Tool,
    _output: Lines,
    pub(crate) url: String,
}

impl Listening {
    pub(crate) fn start(args: &[&str]) -> Listening {
        Listening::start_before(command(args), &[])
    }

    /// `rest` stands behind the address.
    pub(crate) fn start_before(mut command: std::process::Command, rest: &[&str]) -> Listening {
        command.args(["--addr", "127.0.0.1:0"]).args(rest);
        let mut tool = Tool::start_command(command);
        let output = tool.output();
        let url = output.next().strip_prefix("listening on ").expect("the address").to_owned();
        Listening { tool, _output: output, url }
    }

    pub(crate) fn authority(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// The response to a request, whose head this is without the line of Host.
    pub(crate) fn http(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(self.authority()).unwrap();
        tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        tcp.read_to_end(&mut response).unwrap();
        String::from_utf8_lossy(&response).into_owned()
    }

    fn client(&self) -> Client {
        Client::new(&self.url).unwrap()
    }

    /// The status with which a client is rejected.
    fn status(&self, client: Client) -> Option<u16> {
        match client.connect() {
            Ok(_) => None,
            Err(Error::Handshake(rejection)) => rejection.status(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_message_comes_back() {
    let mut server = Listening::start(&["echo", "--until-stdin-ends", "--deflate"]);
    let mut ws = server.client().deflate(Deflate::default()).connect().unwrap();
    assert!(ws.response().unwrap().header("Sec-WebSocket-Extensions").is_some());
    let large = "x".repeat(1 << 20);
    for text in ["", "one", &large] {
        ws.send(text).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text));
    }
    ws.send(&[0, 255]).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), [0, 255]);
    // The end of its input shuts it down cleanly.
    drop(server.tool.stdin.take());
    assert!(ws.recv().unwrap().is_none());
    assert_eq!(ws.close_info().unwrap().code(), CloseCode::GOING_AWAY);
    assert_eq!(server.tool.wait(), 0);
}

#[test]
fn requests_are_checked() {
    let folder = Folder::new();
    let password = folder.file("password", "open sesame\n");
    let args = ["echo", "--allow-origin=https://app.example", "--user=ali", "--password-file", &password];
    let server = Listening::start(&args);
    let right = || server.client().basic_auth("ali", "open sesame").unwrap();
    assert_eq!(server.status(right()), None);
    assert_eq!(server.status(server.client()), Some(401));
    assert_eq!(server.status(server.client().basic_auth("ali", "open").unwrap()), Some(401));
    assert_eq!(server.status(right().origin("https://app.example").unwrap()), None);
    assert_eq!(server.status(right().origin("https://evil.example").unwrap()), Some(403));
    // DNS rebinding: a page of another site under the address of this server.
    assert_eq!(server.status(right().host_header("evil.example").unwrap()), Some(421));
    let port = server.url.rsplit(':').next().unwrap();
    assert_eq!(server.status(right().host_header(&format!("localhost:{port}")).unwrap()), None);

    let server = Listening::start(&["echo", "--allow-host=other.example", "--danger-allow-any-origin"]);
    assert_eq!(server.status(server.client()), Some(421));
    let other = server.client().host_header("other.example").unwrap();
    assert_eq!(server.status(other.origin("https://evil.example").unwrap()), None);
}

#[test]
fn limits_hold() {
    let server =
        Listening::start(&["echo", "--max-message=10", "--max-fragments=2", "--max-head=512", "--max-connections=1"]);
    let mut ws = server.client().connect().unwrap();
    assert_eq!(server.status(server.client()), Some(503));
    ws.send("0123456789").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap(), "0123456789");
    ws.send("0123456789a").unwrap();
    assert!(ws.recv().unwrap().is_none());
    assert_eq!(ws.close_info().unwrap().code(), CloseCode::TOO_BIG);

    let server = Listening::start(&["echo", "--max-head=512", "--max-per-address=1"]);
    assert_eq!(server.status(server.client().header("X-Long", &"x".repeat(600)).unwrap()), Some(431));
    let _first = server.client().connect();
    let second = server.client().connect();
    assert!(_first.is_err() || second.is_err(), "two connections from one address");
}

#[test]
fn compression_has_its_parameters() {
    let extensions = |args: &[&str]| {
        let server = Listening::start(&[&["echo"], args].concat());
        let ws = server.client().deflate(Deflate::default()).connect().unwrap();
        ws.response().unwrap().header("Sec-WebSocket-Extensions").map(str::to_owned)
    };
    assert_eq!(extensions(&[]), None);
    assert_eq!(extensions(&["--deflate-level=best", "--deflate-threshold=1"]).as_deref(), Some("permessage-deflate"));
    let all = extensions(&["--deflate-window=10", "--deflate-no-context", "--stack-size=1000000"]).unwrap();
    for parameter in ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=10"] {
        assert!(all.contains(parameter), "{all}");
    }
}

#[test]
fn a_trusted_proxy_names_the_client() {
    for (flag, header, value) in [
        ("--trust-forwarded", "Forwarded", "for=192.0.2.7"),
        ("--trust-x-forwarded-for", "X-Forwarded-For", "192.0.2.7"),
    ] {
        let server = Listening::start(&["echo", flag, "127.0.0.1", "--max-per-address=1"]);
        let client = |value: &str| server.client().header(header, value).unwrap();
        let first = client(value).connect().unwrap();
        // The second connection of the same client, and the first one of another.
        assert_eq!(server.status(client(value)), Some(429), "{flag}");
        assert_eq!(server.status(client(&value.replace('7', "8"))), None, "{flag}");
        drop(first);
    }
}

#[test]
fn subprotocols_are_agreed_on() {
    let server = Listening::start(&["echo", "--subprotocol=b", "--subprotocol=c"]);
    let offer = |server: &Listening| {
        let client = server.client().subprotocol("a").unwrap().subprotocol("b").unwrap();
        client.connect().unwrap().subprotocol().map(str::to_owned)
    };
    assert_eq!(offer(&server).as_deref(), Some("b"));
    assert_eq!(offer(&Listening::start(&["echo", "--echo-subprotocol"])).as_deref(), Some("a"));
    assert_eq!(offer(&Listening::start(&["echo"])), None);
}

#[test]
fn events_are_counted_and_logged() {
    let mut server = Listening::start(&["echo", "--metrics", "-v", "--until-stdin-ends"]);
    let mut ws = server.client().connect().unwrap();
    ws.send("hello").unwrap();
    ws.recv().unwrap().unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority());
    // The events of a frame that was sent follow its arrival.
    let (mut page, start) = (String::new(), Instant::now());
    while !page.contains("direction=\"sent\"} 5\n") {
        assert!(start.elapsed() < WATCHDOG, "{page}");
        page = server.http(&request);
    }
    for line in [
        "websocket_connections 1\n",
        "websocket_payload_bytes_total{direction=\"received\"} 5\n",
        "websocket_payload_bytes_total{direction=\"sent\"} 5\n",
        "websocket_events_total{name=\"opened\"} 1\n",
    ] {
        assert!(page.contains(line), "{page}");
    }
    assert!(server.http(&request.replace("metrics", "other")).starts_with("HTTP/1.1 404 "));
    drop(server.tool.stdin.take());
    let _ = ws.recv();
    assert_eq!(server.tool.wait(), 0);
    let log = server.tool.stderr();
    assert!(log.contains("ws echo: connection 1: opened") && log.contains("frame-received: Text, 5 bytes"), "{log}");
}

#[test]
fn a_dead_peer_is_noticed() {
    let server = Listening::start(&["echo", "--ping", "0.1"]);
    let mut tcp = TcpStream::connect(server.authority()).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(request.as_bytes()).unwrap();
    // This peer answers no Ping.
    let mut received = Vec::new();
    let _ = tcp.read_to_end(&mut received);
    assert!(received.contains(&0x89), "a Ping");
}

#[test]
fn a_silent_peer_is_dropped() {
    let server = Listening::start(&["echo", "--handshake-timeout", "0.1"]);
    let mut tcp = TcpStream::connect(server.authority()).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut received = Vec::new();
    let end = tcp.read_to_end(&mut received);
    let timed_out = end.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!timed_out, "the connection stays open");
}

#[test]
fn wrong_settings_are_one_line() {
    let used = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = used.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--deflate-level=9"], 2, "fast, default or best"),
        (&["--deflate-window=7"], 2, "8 to 15"),
        (&["--addr", &addr], 1, &addr),
        (&["--addr", "nowhere"], 2, "--addr takes ADDR:PORT"),
        (&["--max-head", "1"], 2, "Limits::max_head_size"),
        (&["--allow-host", "a b"], 2, "is not a host"),
        (&["--user", "ali"], 2, "WS_PASSWORD"),
        (&["--echo-subprotocol", "--subprotocol=a"], 2, "exclude each other"),
    ];
    for (args, code, text) in cases {
        let run = run(["echo", "--addr=127.0.0.1:0"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_place_to_listen() {
    // The path of a socket is short, and a folder of the build need not be.
    let path = std::env::temp_dir().join(format!("ws-echo-{}.sock", std::process::id()));
    let mut tool = Tool::start(["echo", "--unix", path.to_str().unwrap(), "--until-stdin-ends"]);
    assert_eq!(tool.output().next(), format!("listening on unix:{}", path.display()));
    let mut ws = Client::new("ws://localhost/").unwrap().connect_unix(&path).unwrap();
    ws.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap(), "hello");
    ws.close(1000, "").unwrap();
    drop(tool.stdin.take());
    assert_eq!(tool.wait(), 0);
}

#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn tls_by_both_kinds_of_files() {
    use crate::tls::{certificates, PASSWORD};
    let (folder, made) = (Folder::new(), certificates());
    let file = |name: &str| folder.file(name, made.file(name));
    let (pem, key, p12, ca) = (file("right.pem"), file("right.key"), file("right.p12"), file("authority.pem"));
    let password = folder.file("password", PASSWORD);
    for args in
        [&["echo", "--tls", &pem, "--tls-key", &key], &["echo", "--tls", &p12, "--tls-password-file", &password]]
    {
        let server = Listening::start(args);
        assert!(server.url.starts_with("wss://127.0.0.1:"), "{}", server.url);
        let cat = ["cat", &*server.url, "--linger=1000", "--exit-after=1"];
        assert_eq!(run(cat.iter().chain(&["--ca", &ca]), "secret\n").expect(0).text(), "secret\n");
        assert!(run(cat, "").expect(1).stderr.contains("TLS"));
    }
    let wrong = run(["echo", "--addr=127.0.0.1:0", "--tls", &p12], "").expect(1);
    assert_eq!(wrong.stderr.lines().count(), 1, "{}", wrong.stderr);
}

#[cfg(feature = "legacy")]
#[test]
fn drafts_are_spoken_if_they_are_asked_for() {
    for (args, version, code) in [
        (&["echo", "--legacy"][..], "hixie-76", 0),
        (&["echo", "--version=hybi-07"], "hybi-07", 0),
        (&["echo", "--version=hybi-07"], "hixie-76", 1),
        (&["echo"], "hybi-07", 1),
    ] {
        let server = Listening::start(args);
        let cat = ["cat", &*server.url, "--version", version, "--linger=1000", "--exit-after=1"];
        let run = run(cat, "old\n").expect(code);
        assert_eq!(run.text(), if code == 0 { "old\n" } else { "" });
    }
}
