//! Captures: what `ws inspect` and `ws record` write is explained and played again, and files of others are read or refused.

use stdws::{Client, Deflate, Message, WebSocket};

use crate::echo::Listening;
use crate::inspect::Inspecting;
use crate::tool::{run, Folder, Run};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

fn echo_server() -> stdws::ServerHandle {
    stdws::Server::bind("127.0.0.1:0").unwrap().deflate(Deflate::default()).start(echo).unwrap()
}

fn path(folder: &Folder) -> String {
    folder.0.join("session.pcapng").into_os_string().into_string().unwrap()
}

fn explain(file: &str, more: &[&str]) -> Run {
    run([&["explain", file], more].concat(), "")
}

/// A session of two messages, compressed, one of them larger than a segment.
fn session(url: &str) {
    let mut ws = Client::new(url).unwrap().deflate(Deflate::default()).connect().unwrap();
    for message in [Message::Text("Hello ".repeat(50)), Message::Binary((0..100_000_u32).map(|n| n as u8).collect())] {
        ws.send(&message).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), message);
    }
    ws.close(4000, "done").unwrap();
}

#[test]
fn what_was_inspected_is_explained_and_played_again() {
    let (server, folder) = (echo_server(), Folder::new());
    let file = path(&folder);
    let inspecting = Inspecting::start(&server.url(), &["--quiet", "--fragment=300", "--pcapng", &file]);
    session(&inspecting.url());
    session(&inspecting.url());
    assert_eq!(inspecting.end(), (0, String::new()));
    let explained = explain(&file, &["--connection=2"]).expect(0);
    let text = explained.text();
    assert!(text.contains("--- connection 2: 127.0.0.1:") && !text.contains("connection 1"), "{text}");
    for part in [
        "Opening handshake: the response",
        "Continuation frame",
        "4000: ",
        "Connection 2 is closed: both sides have ended.",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let json = explain(&file, &["--json"]).expect(0);
    assert_eq!(json.text().matches("\"event\":\"ended\"").count(), 2);
    for more in [&[][..], &["--connection=2", "--fast", "--deflate"]] {
        let played = run([&["replay", &*file, &*server.url()], more].concat(), "").expect(0);
        assert_eq!(played.text(), "2 sent, 2 received, 0 different\n");
    }
    let listening = Listening::start(&["replay", &file, "--until-stdin-ends", "--deflate"]);
    session(&listening.url);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_was_recorded_is_explained_and_played_again() {
    let (server, folder) = (echo_server(), Folder::new());
    let file = path(&folder);
    let mut recorder = Listening::start(&["record", &server.url(), "--output", &file, "--until-stdin-ends"]);
    session(&recorder.url);
    // A connection that is lost.
    let mut ws = stdws::connect(&recorder.url).unwrap();
    ws.send("Hello").unwrap();
    ws.recv().unwrap();
    ws.abort();
    drop(recorder.tool.stdin.take());
    assert_eq!(recorder.tool.wait(), 0);
    let text = explain(&file, &[]).expect(0);
    assert!(text.text().contains("\"Hello Hello") && text.text().contains("4000: "), "{}", text.text());
    for (more, line) in [
        (&["--connection=1"][..], "2 sent, 2 received, 0 different\n"),
        (&["--connection=2"], "1 sent, 1 received, 0 different\n"),
    ] {
        let played = run([&["replay", &*file, &*server.url(), "--fast"], more].concat(), "").expect(0);
        assert_eq!(played.text(), line);
    }
}

// ── Files of others ─────────────────────────────────────────────────────────────────────────────────────────────────

/// A file in either order of bytes.
#[derive(Clone)]
struct File {
    is_big: bool,
    bytes: Vec<u8>,
}

impl File {
    fn new(is_big: bool, link: u16) -> File {
        let mut file = File { is_big, bytes: Vec::new() };
        let section = [&file.long(0x1a2b_3c4d)[..], &file.short(1), &file.short(0), &[0xff; 8]].concat();
        file.block(0x0a0d_0d0a, &section);
        // Nanoseconds.
        let resolution = [&file.short(9)[..], &file.short(1), &[9, 0, 0, 0], &[0; 4]].concat();
        file.block(1, &[&file.short(link)[..], &[0; 2], &file.long(0), &resolution].concat());
        file
    }

    fn long(&self, number: u32) -> [u8; 4] {
        if self.is_big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn short(&self, number: u16) -> [u8; 2] {
        if self.is_big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = self.long(body.len() as u32 + 12);
        let block = [&self.long(kind)[..], &length, body, &length].concat();
        self.bytes.extend(block);
    }

    fn packet(&mut self, packet: &[u8], length: usize) {
        let numbers = [0, 0, 1_000, packet.len() as u32, length as u32].map(|number| self.long(number)).concat();
        let mut body = [&numbers, packet].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(6, &body);
    }
}

/// A segment over IPv4, from port 5 to port 80 or back.
fn segment(from_client: bool, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to) = if from_client { (5_u16, 80_u16) } else { (80, 5) };
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend(if from_client { [10, 0, 0, 1, 10, 0, 0, 2] } else { [10, 0, 0, 2, 10, 0, 0, 1] });
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    // With the tag of a VLAN, and padding.
    [&[2; 12][..], &[0x81, 0, 0, 7, 8, 0], packet, &[0; 6]].concat()
}

/// Segments that are lost, sent twice, too early, or overlap, over the end of the numbers.
#[test]
fn segments_are_put_in_order() {
    let first = u32::MAX - 20;
    let (client, server) = (|at: u32| first.wrapping_add(at), |at: u32| 7 + at);
    let (request, response) = (REQUEST.len() as u32, RESPONSE.len() as u32);
    let hello = b"\x81\x05Hello";
    let segments = [
        segment(true, first.wrapping_sub(1), SYN, b""),
        segment(false, 6, SYN | ACK, b""),
        segment(true, client(0), ACK, &REQUEST[..10]),
        segment(true, client(30), ACK, &REQUEST[30..]),
        segment(true, client(0), ACK, &REQUEST[..10]),
        segment(true, client(5), ACK, &REQUEST[5..30]),
        segment(true, client(30), ACK, &REQUEST[30..]),
        segment(false, server(response), FIN | ACK, hello),
        segment(false, server(0), ACK, RESPONSE),
        segment(true, client(request), FIN | ACK, b""),
        segment(true, client(request), FIN | ACK, b""),
    ];
    let folder = Folder::new();
    let mut texts = Vec::new();
    for (is_big, link) in [(false, 101), (true, 101), (false, 1), (true, 1), (false, 0)] {
        let mut file = File::new(is_big, link);
        // A block that nobody knows.
        file.block(0x0bad_0bad, &[0; 8]);
        for packet in &segments {
            let packet = match link {
                1 => ethernet(packet),
                0 => [&[2, 0, 0, 0], &packet[..]].concat(),
                _ => packet.clone(),
            };
            file.packet(&packet, packet.len());
        }
        let file = folder.file("file.pcapng", &file.bytes);
        texts.push(explain(&file, &[]).expect(0).text().to_owned());
    }
    let text = &texts[0];
    assert!(texts.iter().all(|other| other == text));
    let parts = [
        "--- connection 1: 10.0.0.1:5 -> 10.0.0.2:80",
        "end of the head; frames",
        "Opening handshake: the response",
        "text      \"Hello\"",
        "The server has ended its direction.",
        "The client has ended its direction.",
        "Connection 1 is closed: both sides have ended.",
    ];
    let mut rest = &text[..];
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part} in order in {text}"));
        rest = &rest[at..];
    }
}

#[test]
fn what_is_missing_is_named() {
    let folder = Folder::new();
    let begin = |segments: &[Vec<u8>]| {
        let mut file = File::new(false, 101);
        file.packet(&segment(true, 0, SYN, b""), 40);
        file.packet(&segment(true, 1, ACK, REQUEST), 40 + REQUEST.len());
        segments.iter().for_each(|packet| file.packet(packet, packet.len()));
        file
    };
    let end = 1 + REQUEST.len() as u32;
    let mut cut = begin(&[]);
    cut.packet(&segment(true, end, ACK, b"\x81\x85"), 1000);
    let cases = [
        (begin(&[]), 0, "Connection 1 is closed: the file ends."),
        (begin(&[segment(true, end + 1, ACK, b"x")]), 3, "Connection 1 is closed: bytes are missing in the file."),
        (begin(&[segment(true, end, RST, b"")]), 0, "Connection 1 is closed: it was reset."),
        (begin(&[segment(true, end, ACK, b"\x81\x85key!")]), 3, "INCOMPLETE"),
        (begin(&[segment(true, 9, SYN, b"")]), 0, "closed: another one with the same ports follows."),
        (cut, 3, "bytes are missing: a packet was captured without its end."),
    ];
    for (file, code, text) in cases {
        let file = folder.file("file.pcapng", file.bytes);
        let run = explain(&file, &[]).expect(code);
        assert!(run.text().contains(text), "no {text} in {}", run.text());
        assert!(code == 0 || run_replay(&file).expect(1).stderr.lines().count() == 1);
    }
}

fn run_replay(file: &str) -> Run {
    run(["replay", file, "ws://127.0.0.1:1"], "")
}

#[test]
fn files_that_are_malformed_are_refused_with_the_place() {
    let folder = Folder::new();
    let file = File::new(false, 101);
    let with = |bytes: &[u8]| [&file.bytes[..], bytes].concat();
    let block = |kind: u32, body: &[u8]| {
        let mut file = file.clone();
        file.block(kind, body);
        file.bytes
    };
    // 28 bytes of the section, and 32 of the interface.
    assert_eq!(file.bytes.len(), 60);
    let mut other_end = block(5, &[0; 4]);
    let last = other_end.len() - 4;
    other_end[last] ^= 4;
    let cases: [(Vec<u8>, &str); 14] = [
        (Vec::new(), "byte 0: the file is empty"),
        (b"GET / HTTP/1.1\r\n".to_vec(), "byte 0: this is not pcapng"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0".to_vec(),
            "byte 0: this is the older format pcap; editcap -F pcapng converts it",
        ),
        (file.bytes[..5].to_vec(), "byte 0: the file ends 5 bytes after the begin of a block"),
        (file.bytes[..20].to_vec(), "byte 0: the file ends inside a block, after 12 of 16 bytes"),
        ([&file.bytes[..8], &[1; 20]].concat(), "byte 0: the section has no valid byte-order magic"),
        (with(b"\x06\0\0\0\x07\0\0\0"), "byte 60: a block has the length 7;"),
        (with(b"\x06\0\0\0\xfc\xff\xff\xff"), "byte 60: a block has the length 4294967292;"),
        (with(b"\x06\0\0\0\x08\0\0\0"), "byte 60: a block has the length 8;"),
        (other_end, "byte 60: a block has the length 16 at its begin and 20 at its end"),
        (block(6, &[9; 20]), "byte 60: a packet is of the interface 151587081, which is missing"),
        (
            block(6, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]),
            "byte 60: a packet has 9 bytes, and its block has not",
        ),
        (block(1, &[0; 4]), "byte 60: an interface is cut"),
        (file.bytes.clone(), "no connection begins with a GET request"),
    ];
    for (bytes, problem) in cases {
        let file = folder.file("file.pcapng", &bytes);
        let run = explain(&file, &[]).expect(1);
        assert!(run.stderr.starts_with(&format!("ws explain: {file}: {problem}")), "{problem}: {}", run.stderr);
        assert_eq!((run.text(), run.stderr.lines().count()), ("", 1));
        let replayed = run_replay(&file).expect(1);
        assert_eq!(replayed.stderr.lines().count(), 1, "{}", replayed.stderr);
    }
}

/// Any bytes behind a valid begin are read or refused, and nothing else.
#[test]
fn random_files_do_no_harm() {
    let folder = Folder::new();
    let mut whole = File::new(false, 1);
    whole.packet(&ethernet(&segment(true, 0, SYN, b"")), 64);
    whole.packet(&ethernet(&segment(true, 1, ACK, REQUEST)), 64 + REQUEST.len());
    let mut seed = 1_u32;
    for _ in 0..60 {
        let mut bytes = whole.bytes.clone();
        for _ in 0..4 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = 60 + (seed >> 8) as usize % (bytes.len() - 60);
            bytes[at] = (seed >> 24) as u8;
        }
        let run = explain(&folder.file("file.pcapng", &bytes), &[]);
        assert!([0, 1, 3].contains(&run.code), "{}: {}", run.code, run.stderr);
        assert!(run.stderr.lines().count() <= 1, "{}", run.stderr);
    }
}

#[test]
fn flags_of_captures_and_of_bytes_do_not_mix() {
    let cases: [(&[&str], i32, &str); 6] = [
        (&["a.pcapng", "--client"], 2, "--client means nothing for a capture"),
        (&["a.pcapng", "81"], 2, "a capture is the only operand"),
        (&["--json", "8100"], 2, "--json needs a capture"),
        (&["--connection=1", "8100"], 2, "--connection needs a capture"),
        (&["/missing/a.pcapng"], 1, "/missing/a.pcapng: "),
        (&["--file", "/missing/a.pcap"], 1, "/missing/a.pcap: "),
    ];
    for (args, code, text) in cases {
        let run = run(["explain"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_tool() {
    let server = crate::cat::server(echo);
    let run = run(["inspect", "--listen=127.0.0.1:0", &*server.url(), "--pcapng=/dev/full"], "").expect(1);
    assert!(run.stderr.starts_with("ws inspect: the file could not be written: "), "{}", run.stderr);
    // A limit of the system on the size of files, which is reached later.
    let folder = Folder::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {} \"$@\"", crate::tool::in_a_shell()), "sh"]);
    command.args(["inspect", "--quiet", &server.url(), "--pcapng", &path(&folder)]);
    let mut inspecting = Listening::start_before(command, &[]);
    // It may be reached by the handshake.
    if let Ok(mut ws) = stdws::connect(&inspecting.url) {
        let _ = ws.send("x".repeat(100_000));
        while let Ok(Some(_)) = ws.recv() {}
    }
    assert_eq!(inspecting.tool.wait(), 1);
    assert!(inspecting.tool.stderr().contains("ws inspect: the file could not be written"));
}
