//! `ws inspect` between clients and servers: what passes, what is shown, and how it ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use stdws::{Client, Deflate, Error, ServerHandle, WebSocket};

use crate::cat::server;
use crate::json_line;
use crate::tool::{command, run, Folder, Lines, Tool, WATCHDOG};

pub(crate) const REQUEST: &[u8] =
    b"GET /feed?token=1234 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The tool before a server. It is killed when this is dropped.
pub(crate) struct Inspecting {
    tool: Tool,
    lines: Lines,
    address: String,
}

impl Inspecting {
    pub(crate) fn start(server: &str, more: &[&str]) -> Inspecting {
        let args = [&["inspect", "--listen=127.0.0.1:0", server, "--until-stdin-ends"], more].concat();
        Inspecting::start_command(command(args))
    }

    fn start_command(command: std::process::Command) -> Inspecting {
        let mut tool = Tool::start_command(command);
        let lines = tool.output();
        let first = lines.next();
        let (_, address) = first.split_once("://").unwrap_or_else(|| panic!("{first:?} is no address"));
        // With --json the first line is an object.
        let address = address.split('"').next().unwrap();
        Inspecting { tool, lines, address: address.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    /// The next event of this name, as JSON.
    pub(crate) fn event(&self, name: &str) -> Fields {
        Fields(json_line::object(&self.lines.until(&format!("\"event\":\"{name}\""))).unwrap())
    }

    /// Ends it, and returns the exit code and the error output.
    pub(crate) fn end(mut self) -> (i32, String) {
        drop(self.tool.stdin.take());
        (self.tool.wait(), self.tool.stderr())
    }
}

pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(known, _)| known == name);
        &field.unwrap_or_else(|| panic!("no {name} in {:?}", self.0)).1
    }
}

fn connect(address: &str) -> TcpStream {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    tcp.set_write_timeout(Some(WATCHDOG)).unwrap();
    tcp
}

/// A server of one connection, and its URL.
pub(crate) fn raw<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let tcp = listener.accept().unwrap().0;
        tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
        tcp.set_write_timeout(Some(WATCHDOG)).unwrap();
        serve(tcp)
    });
    (url, serving)
}

pub(crate) fn read_head(tcp: &mut TcpStream) -> Vec<u8> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    head
}

pub(crate) fn read_rest(tcp: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    tcp.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

pub(crate) fn echo_server() -> ServerHandle {
    stdws::Server::bind("127.0.0.1:0").unwrap().deflate(Deflate::default()).start(echo).unwrap()
}

/// Bytes of every value, which as frames break all kinds of rules.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    let next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn every_line_of_json_is_an_object() {
    let server = echo_server();
    let args = ["inspect", "--listen=127.0.0.1:0", "--json", "--page", "--until-stdin-ends", &server.url()];
    let mut tool = Tool::start(args);
    let lines = tool.output();
    let first = Fields(json_line::object(&lines.next()).unwrap());
    let host = first.get("url").strip_prefix("ws://").unwrap();
    assert_eq!((first.get("event"), first.get("page")), ("listening", &*format!("http://{host}/-ws-inspect/")));
    let mut client = stdws::connect(first.get("url")).unwrap();
    client.close(1000, "").unwrap();
    let ended = lines.until("\"event\":\"ended\"");
    assert!(json_line::object(&ended).is_ok(), "{ended}");
    drop(tool.stdin.take());
    assert_eq!(tool.wait(), 0);
}

#[test]
fn bytes_pass_unchanged_and_half_closed() {
    let (from_client, from_server) = (noise(300_000), noise(200_000));
    for head in [REQUEST, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01 no HTTP\n\n"] {
        let sent = [RESPONSE, &from_server].concat();
        let answer = sent.clone();
        // The server answers after the end of the client, which only a half-closed connection lets through.
        let (url, serving) = raw(move |mut tcp| {
            let received = read_rest(&mut tcp);
            tcp.write_all(&answer).unwrap();
            received
        });
        let inspecting = Inspecting::start(&url, &["--json"]);
        let mut tcp = inspecting.connect();
        let request = [head, &from_client].concat();
        tcp.write_all(&request).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        assert!(read_rest(&mut tcp) == sent);
        assert!(serving.join().unwrap() == request);
        assert_eq!(inspecting.event("ended").get("reason"), "both sides have ended");
        assert_eq!(inspecting.end(), (0, String::new()));
    }
}

#[test]
fn every_frame_is_an_event_with_its_bits() {
    let server = echo_server();
    let inspecting = Inspecting::start(&server.url(), &["--json"]);
    let client = Client::new(format!("{}/?token=1234", inspecting.url())).unwrap();
    let mut ws = client.deflate(Deflate::default()).connect().unwrap();
    let text = "all and all and all and all and all and all and all and all and all and all and all and all";
    ws.send(text).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text));
    ws.send_ping(b"?").unwrap();
    ws.close(4000, "done").unwrap();

    assert_eq!(inspecting.event("opened").get("connection"), "1");
    let (request, response) = (inspecting.event("head"), inspecting.event("head"));
    assert_eq!((request.get("from"), request.get("line")), ("client", "GET /?(not shown) HTTP/1.1"));
    assert!(!request.get("text").contains("1234"), "{}", request.get("text"));
    assert_eq!((response.get("from"), response.get("opens")), ("server", "compressed"));
    for from in ["client", "server"] {
        let frame = inspecting.event("frame");
        let seen = ["from", "number", "name", "fin", "rsv"].map(|name| frame.get(name));
        assert_eq!(seen, [from, "1", "text", "true", "4"]);
        assert_eq!(crate::hex::parse(frame.get("inflated")).unwrap(), text.as_bytes());
        assert_eq!(frame.get("inflated_length"), text.len().to_string());
        assert_eq!(frame.get("length"), frame.get("received"));
        let payload = crate::hex::parse(frame.get("payload")).unwrap();
        assert_eq!(payload.len().to_string(), frame.get("length"));
        if from == "client" {
            let (wire, key) = (crate::hex::parse(frame.get("wire")), crate::hex::parse(frame.get("key")).unwrap());
            let unmasked = wire.unwrap().into_iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
            assert_eq!(unmasked.collect::<Vec<_>>(), payload);
        }
        assert!(frame.get("text").contains("RSV1"), "{}", frame.get("text"));
    }
    let names: Vec<_> = (0..4).map(|_| inspecting.event("frame").get("name").to_owned()).collect();
    // The Pong and the Close of the client may cross.
    assert!(["ping", "pong", "close", "close"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    assert_eq!(inspecting.event("ended").get("reason"), "both sides have ended");
}

#[test]
fn the_terminal_has_the_explanation() {
    let server = server(echo);
    let inspecting = Inspecting::start(&server.url(), &["--show-secrets"]);
    let mut ws = stdws::connect(format!("{}/?token=1234", inspecting.url())).unwrap();
    ws.send("Hello").unwrap();
    ws.recv().unwrap();
    inspecting.lines.until("--- connection 1: 127.0.0.1:");
    inspecting.lines.until("GET /?token=1234 HTTP/1.1");
    inspecting.lines.until("server -> client  Opening handshake: the response");
    inspecting.lines.until("client -> server  Text frame with 5 bytes, a complete message");
    inspecting.lines.until("masked    the payload on the wire");
    inspecting.lines.until("text      \"Hello\"");
    inspecting.lines.until("server -> client  Text frame with 5 bytes, a complete message");
    ws.close(1000, "").unwrap();
    inspecting.lines.until("1000: normal closure");
    inspecting.lines.until("Connection 1 is closed: both sides have ended.");
}

#[test]
fn http_before_the_handshake_is_explained_as_http() {
    let (url, serving) = raw(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nbody").unwrap();
        read_head(&mut tcp);
        tcp.write_all(&[RESPONSE, b"\x81\x02Hi"].concat()).unwrap();
    });
    let inspecting = Inspecting::start(&url, &["--json"]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    let mut rejection = vec![0; 52];
    tcp.read_exact(&mut rejection).unwrap();
    assert!(rejection.ends_with(b"body"));
    tcp.write_all(REQUEST).unwrap();
    assert!(read_rest(&mut tcp).ends_with(b"\x81\x02Hi"));
    drop(tcp);
    serving.join().unwrap();
    let heads: Vec<_> = (0..4).map(|_| inspecting.event("head")).collect();
    let lines: Vec<_> = heads.iter().map(|head| head.get("line")).collect();
    let request = "GET /feed?(not shown) HTTP/1.1";
    assert_eq!(lines, [request, "HTTP/1.1 401 Unauthorized", request, "HTTP/1.1 101 Switching Protocols"]);
    assert_eq!(inspecting.event("frame").get("payload"), "4869");
}

#[cfg(feature = "legacy")]
#[test]
fn drafts_pass_and_are_explained() {
    use stdws::{Server, Version};
    for version in Version::ALL {
        let server = Server::bind("127.0.0.1:0").unwrap().legacy_versions([version]).start(echo).unwrap();
        let inspecting = Inspecting::start(&server.url(), &["--json"]);
        let mut ws = Client::new(inspecting.url()).unwrap().version(version).connect().unwrap();
        ws.send("Hello").unwrap();
        let answer = ws.recv().unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(answer.unwrap().as_text(), Some("Hello"), "{version}");
        if version == Version::Hybi01 {
            // Its request is that of hybi-00, and its frames are not: they pass, and are counted only.
            continue;
        }
        let shown = |from: &str| loop {
            let line = inspecting.lines.next();
            if line.contains(&format!("\"from\":\"{from}\"")) && line.contains("\\\"Hello\\\"") {
                assert!(!line.contains("BROKEN"), "{version}: {line}");
                return;
            }
        };
        shown("client");
        shown("server");
    }
}

#[test]
fn a_request_is_rewritten_on_demand() {
    let request = b"GET / HTTP/1.1\r\nhost: localhost:1\r\nORIGIN: http://localhost:1\r\nX-Host: a\r\n\r\n\x81";
    for (path, first) in [("/feed?a=b", "GET /feed?a=b HTTP/1.1"), ("/", "GET / HTTP/1.1")] {
        let (url, serving) = raw(|mut tcp| read_rest(&mut tcp));
        let authority = url.strip_prefix("ws://").unwrap().to_owned();
        let inspecting = Inspecting::start(&format!("{url}{path}"), &["--rewrite", "--quiet"]);
        let mut tcp = inspecting.connect();
        // The head comes in pieces.
        request.chunks(7).for_each(|piece| tcp.write_all(piece).unwrap());
        tcp.shutdown(Shutdown::Write).unwrap();
        let received = String::from_utf8_lossy(&serving.join().unwrap()).into_owned();
        let expected =
            format!("{first}\r\nHost: {authority}\r\nOrigin: http://{authority}\r\nX-Host: a\r\n\r\n\u{fffd}");
        assert_eq!(received, expected);
    }
}

// ── Peers and ends ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_server_that_is_away_or_lost_is_told() {
    // Nobody listens there, and no other test gets this port.
    let inspecting = Inspecting::start("ws://127.0.0.1:1", &[]);
    let Err(Error::Handshake(rejection)) = stdws::connect(inspecting.url()) else { panic!("connected") };
    assert_eq!(rejection.status(), Some(502));
    let (code, log) = inspecting.end();
    assert!(code == 0 && log.starts_with("ws inspect: no connection to 127.0.0.1:1"), "{log}");

    let (url, serving) = raw(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(RESPONSE).unwrap();
    });
    let inspecting = Inspecting::start(&url, &["--json"]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    assert!(read_rest(&mut tcp) == RESPONSE);
    serving.join().unwrap();
    drop(tcp);
    inspecting.event("ended");
}

#[test]
fn silent_peers_end() {
    // A client that asks for nothing, for which no server is needed.
    let inspecting = Inspecting::start("ws://127.0.0.1:1", &["--timeout=0.3"]);
    assert!(read_rest(&mut inspecting.connect()).is_empty());
    assert_eq!(inspecting.end(), (0, String::new()));

    let (url, serving) = raw(|mut tcp| tcp.read_to_end(&mut Vec::new()).unwrap());
    let inspecting = Inspecting::start(&url, &["--json", "--idle=0.3"]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    assert!(read_rest(&mut tcp).is_empty());
    assert_eq!(inspecting.event("ended").get("reason"), "nothing passed for the time of --idle");
    assert_eq!(serving.join().unwrap(), REQUEST.len());
}

#[test]
fn a_slow_reader_slows_the_sender_and_takes_no_memory() {
    const LENGTH: usize = 64 << 20;
    let header = [&[0x82, 127][..], &(LENGTH as u64).to_be_bytes()].concat();
    let expected = RESPONSE.len() + header.len() + LENGTH;
    let (url, serving) = raw(move |mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(&[RESPONSE, &header].concat()).unwrap();
        let block = vec![7; 1 << 20];
        (0..LENGTH >> 20).for_each(|_| tcp.write_all(&block).unwrap());
    });
    let inspecting = Inspecting::start(&url, &["--json"]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    let (mut count, mut block) = (0, vec![0; 1 << 16]);
    while count < expected {
        // The sender is always faster.
        thread::yield_now();
        count += match tcp.read(&mut block).unwrap() {
            0 => panic!("{count} of {expected} bytes"),
            more => more,
        };
    }
    serving.join().unwrap();
    let frame = inspecting.event("frame");
    assert_eq!(frame.get("received"), LENGTH.to_string());
    assert_eq!(frame.get("payload").len(), 2 * (16 << 10));
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", inspecting.tool.child.id())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let most: usize = most.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(most < 40 << 10, "{most} KiB");
    }
}

#[test]
fn a_reader_that_takes_nothing_ends_the_connection() {
    let (url, serving) = raw(|mut tcp| {
        read_head(&mut tcp);
        let block = [0x82, 0x00].repeat(1 << 15);
        while tcp.write_all(&block).is_ok() {}
    });
    let inspecting = Inspecting::start(&url, &["--quiet", "--stall=0.5", "--pcapng", &null()]);
    let mut tcp = inspecting.connect();
    tcp.write_all(REQUEST).unwrap();
    // The server ends because the tool has closed its connection.
    serving.join().unwrap();
    drop(tcp);
    assert_eq!(inspecting.end().0, 0);
}

/// A file that takes everything.
fn null() -> String {
    if cfg!(windows) { "NUL" } else { "/dev/null" }.to_owned()
}

#[test]
fn the_end_of_the_input_closes_the_connections() {
    let server = server(echo);
    let inspecting = Inspecting::start(&server.url(), &["--json"]);
    let mut ws = stdws::connect(inspecting.url()).unwrap();
    ws.send("x").unwrap();
    ws.recv().unwrap();
    assert_eq!(inspecting.end(), (0, String::new()));
    assert!(ws.recv().is_err());
}

#[test]
fn a_reader_that_ends_ends_it_quietly() {
    let server = server(echo);
    let mut inspecting = Tool::start(["inspect", "--listen=127.0.0.1:0", &*server.url()]);
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        inspecting.child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    drop(inspecting.child.stdout.take());
    let line = String::from_utf8(line).unwrap();
    // It is noticed when there is something to tell.
    let mut tcp = connect(line.trim_end().split_once("://").unwrap().1);
    let _ = tcp.write_all(REQUEST);
    assert_eq!(inspecting.wait(), 0);
    assert_eq!(inspecting.stderr(), "");
}

#[test]
fn wrong_use_is_one_line() {
    let folder = Folder::new();
    let file = folder.file("session.pcapng", "kept");
    let cases: [(&[&str], i32, &str); 12] = [
        (&["http://h"], 2, "URL: "),
        (&["ws://h/path"], 2, "URL has a path, which only --rewrite sends"),
        (&["ws://user:S3cret@h"], 2, "URL has no credentials"),
        (&["ws://h", "--corrupt=crc"], 2, "there is no KIND \"crc\""),
        (&["ws://h", "--at=1"], 2, "--at needs --corrupt KIND"),
        (&["ws://h", "--from=me"], 2, "--from takes client or server, not \"me\""),
        (&["ws://h", "--fragment=0"], 2, "take 1 or more"),
        (&["ws://h", "--idle=0"], 2, "--idle takes more than 0 seconds"),
        (&["ws://h", "--json", "--pcapng=-"], 2, "--json and --pcapng - exclude each other"),
        (&["ws://h", "--quiet", "--json"], 2, "--quiet and --json exclude each other"),
        (&["ws://h", "--pcapng", &file], 1, "session.pcapng: "),
        (&["ws://h", "--listen=999.0.0.1:0"], 1, "999.0.0.1:0: "),
    ];
    for (args, code, text) in cases {
        let run = run(["inspect", "--listen=127.0.0.1:0"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("S3cret"), "{}", run.stderr);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}

#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn tls_ends_on_both_sides() {
    let (folder, made) = (Folder::new(), crate::tls::certificates());
    let file = |name: &str| folder.file(name, made.file(name));
    let (pem, key, ca) = (file("right.pem"), file("right.key"), file("authority.pem"));
    let server = stdws::Server::bind("127.0.0.1:0").unwrap().tls(made.accept("right")).start(echo).unwrap();
    assert!(server.url().starts_with("wss://"));
    let more = ["--tls", &*pem, "--tls-key", &*key, "--ca", &*ca, "--json"];
    let inspecting = Inspecting::start(&server.url(), &more);
    let client = Client::new(format!("wss://{}", inspecting.address)).unwrap().tls(made.connect()).unwrap();
    let mut ws = client.connect().unwrap();
    let text = "x".repeat(300_000);
    ws.send(&text).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(&*text));
    ws.close(1000, "").unwrap();
    for _ in 0..2 {
        let frame = inspecting.event("frame");
        assert_eq!((frame.get("name"), frame.get("received")), ("text", "300000"));
    }
}
