//! `ws conform`: our own server and client pass, and each break of an endpoint that breaks one rule is found by its case.
//!
//! The cases are named here by their names, not by ids: what they cite is tested by this tool, not by this file.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use stdws::{Client, Deflate, Server, ServerHandle, WebSocket};

use crate::broken::{broken_client, broken_server, Break};
use crate::json_line;
use crate::tool::{run, Folder, Run, Tool};

/// Waiting ends with what is waited for, so it may be long.
pub(crate) const WAIT: &str = "--wait=60";

pub(crate) fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

pub(crate) fn server() -> ServerHandle {
    let server = Server::bind("127.0.0.1:0").unwrap().deflate(Deflate::default());
    server.start(echo).unwrap()
}

/// The names and verdicts of a run with `--json`.
fn verdicts(text: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let fields = json_line::object(line).unwrap();
        let find = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Some((find("name")?, find("verdict")?))
    };
    text.lines().filter_map(row).collect()
}

fn with_verdict(run: &Run, wanted: &str) -> BTreeSet<String> {
    let rows = verdicts(run.text()).into_iter();
    rows.filter(|(_, verdict)| verdict == wanted).map(|(name, _)| name).collect()
}

#[test]
fn our_server_passes_every_case() {
    let server = server();
    let run = run(["conform", &server.url(), "--json", WAIT], "").expect(0);
    let rows = verdicts(run.text());
    let others: Vec<_> = rows.iter().filter(|(_, verdict)| verdict != "pass").collect();
    assert!(others.is_empty() && rows.len() > 240, "{} rows, {others:?}", rows.len());
}

/// Connects until the tool has ended.
fn until_ended(tool: &mut Tool, mut connect: impl FnMut() + Send + 'static) -> i32 {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    let client = thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            connect();
        }
    });
    let code = tool.wait();
    ended.store(true, Ordering::Relaxed);
    client.join().unwrap();
    code
}

/// A run with `--listen`, its address, and its lines.
fn listening(more: &[&str]) -> (Tool, String, thread::JoinHandle<String>) {
    let args = ["conform", "--listen=127.0.0.1:0", "--json", WAIT, "--idle=60"];
    let mut tool = Tool::start(args.iter().chain(more));
    let mut stdout = tool.child.stdout.take().unwrap();
    let (mut first, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "the tool has ended");
        first.push(byte[0]);
    }
    let fields = json_line::object(std::str::from_utf8(&first).unwrap()).unwrap();
    let url = fields[0].1.clone();
    let rest = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    (tool, url, rest)
}

#[test]
fn our_client_passes_every_case() {
    let (mut tool, url, rest) = listening(&[]);
    let code = until_ended(&mut tool, move || {
        let client = Client::new(&url).unwrap().deflate(Deflate::default());
        // Many cases end in an error as intended.
        let _ = client.subprotocol("one").unwrap().subprotocol("two").unwrap().connect().and_then(echo);
    });
    let rows = verdicts(&rest.join().unwrap());
    let others: Vec<_> = rows.iter().filter(|(_, verdict)| verdict != "pass").collect();
    assert!(others.is_empty() && rows.len() > 220, "{} rows, {others:?}", rows.len());
    assert_eq!(code, 0);
}

/// Each break of a server, the cases that are run, and the one that must fail.
const SERVER_BREAKS: &[(Break, &str, &str)] = &[
    (Break::TakesUnmasked, "not-masked-text", "not-masked-text"),
    (Break::TakesUnmasked, "not-masked-fragment", "not-masked-fragment"),
    (Break::EchoesBadUtf8, "utf8-latin-1", "utf8-latin-1"),
    (Break::EchoesBadUtf8, "utf8-cut-3", "sends-utf8"),
    (Break::WrongAccept, "opens", "accept-key"),
    (Break::IgnoresReservedBits, "rsv1-text", "rsv1-text"),
    (Break::IgnoresReservedBits, "rsv3-ping", "rsv3-ping"),
    (Break::IgnoresOpcode, "opcode-3", "opcode-3"),
    (Break::TakesFragmentedPing, "ping-fragment", "ping-fragment"),
    (Break::TakesLongPing, "ping-126", "ping-126"),
    (Break::EndsWithoutClose, "close-1000", "close-1000"),
    (Break::Closes1005, "close-1000", "no-1005"),
    (Break::ClosesOneByte, "close-1000", "close-begins-with-a-code"),
    (Break::SendsAfterClose, "close-1000", "nothing-after-close"),
    (Break::EndsAtPing, "control", "ping-empty"),
    (Break::OtherPong, "control", "ping-125"),
    (Break::OtherMask, "text-1", "never-masked"),
    (Break::LongLength, "text-1", "shortest-length"),
    (Break::SetsReservedBit, "text-1", "reserved-bits-are-zero"),
    (Break::FragmentsPong, "ping-empty", "whole-control-frames"),
    (Break::Interleaves, "text-between", "text-between"),
    (Break::TakesLoneContinuation, "continuation-first", "continuation-first"),
    (Break::ReversesFragments, "five-fragments", "five-fragments"),
    (Break::UnaskedExtension, "opens", "no-extension-unasked"),
    (Break::UnaskedSubprotocol, "opens", "no-subprotocol-unasked"),
    (Break::AnyVersion, "version-99", "version-99"),
    (Break::NamesNoVersion, "names-its-versions", "names-its-versions"),
    (Break::NeedsNoUpgrade, "without-upgrade", "without-upgrade"),
    (Break::AgreesToAnyOffer, "offer-unknown", "offer-unknown"),
];

#[test]
fn every_break_of_a_server_is_found_by_its_case() {
    let right = broken_server(Break::Nothing);
    let only: Vec<String> = SERVER_BREAKS.iter().map(|(_, only, _)| format!("--only={only}")).collect();
    let args = ["conform", &right, "--json", WAIT].into_iter().map(str::to_owned).chain(only);
    let passed = with_verdict(&run(args, "").expect(0), "pass");
    for (breaks, only, case) in SERVER_BREAKS {
        let is_area = *only == "control";
        assert!(passed.contains(if is_area { *case } else { *only }), "{only}: {passed:?}");
        let run = run(["conform", &broken_server(*breaks), "--json", WAIT, "--only", only], "").expect(3);
        let failed = with_verdict(&run, "fail");
        assert!(failed.contains(*case), "{breaks:?} is not found by {case}: {failed:?}");
    }
}

#[test]
fn breaks_of_a_client_are_found() {
    let rows = [
        (Break::Nothing, "two-fragments", "fresh-nonce"),
        (Break::WrongAccept, "response-wrong-accept", "response-wrong-accept"),
        (Break::TakesUnmasked, "masked-text", "masked-text"),
        (Break::OtherMask, "text-1", "always-masked"),
        (Break::SameKey, "three-in-one", "fresh-key"),
        (Break::EchoesBadUtf8, "utf8-latin-1", "utf8-latin-1"),
        (Break::EndsWithoutClose, "close-1000", "close-1000"),
    ];
    for (breaks, only, case) in rows {
        // A second case, so that a key can come twice.
        let (mut tool, url, rest) = listening(&["--only", only, "--only=text-125"]);
        let code = until_ended(&mut tool, move || drop(broken_client(url.trim_start_matches("ws://"), breaks)));
        let rows = verdicts(&rest.join().unwrap());
        assert!(rows.contains(&(case.to_owned(), "fail".to_owned())), "{breaks:?} is not found by {case}: {rows:?}");
        assert_eq!(code, 3);
    }
}

#[test]
fn every_id_is_one_of_the_requirements_and_every_name_is_unique() {
    let lists = [include_str!("../requirements/rfc6455.tsv"), include_str!("../requirements/rfc7692.tsv")].concat();
    let known: BTreeSet<&str> = lists.lines().filter_map(|line| line.split('\t').next()).collect();
    let list = run(["conform", "--list"], "").expect(0);
    let mut names = BTreeSet::new();
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (id, name) = (words.next().unwrap(), words.next().unwrap());
        assert!(known.contains(id), "{id} is no requirement: {line}");
        assert!(names.insert(name), "{name} is there twice");
    }
    assert!(names.len() > 300, "{}", names.len());
    assert_eq!(run(["conform", "--list", "--only", "masking", "--json"], "").expect(0).lines().len(), 13);
}

#[test]
fn the_report_says_what_was_sent_expected_and_seen() {
    let url = broken_server(Break::EchoesBadUtf8);
    let folder = Folder::new();
    let file = folder.file("results.xml", "");
    let run = run(["conform", &url, WAIT, "--only=utf8-lone-start", "--only=ping", "--junit", &file], "").expect(3);
    let text = run.text();
    assert!(text.lines().next().unwrap().starts_with("fail "), "{text}");
    for part in
        ["RFC 6455 section 8.1", "sent      81 83 ", "best after Close 1007", "sent a message -- 81 03 61 c3 62"]
    {
        assert!(text.contains(part), "{part:?}: {text}");
    }
    assert!(!text.contains("ping-empty"), "{text}");
    let junit = std::fs::read_to_string(file).unwrap();
    for part in ["failures=\"2\"", "utf8-lone-start", "6455-5.5.2-2 ping: a Ping", "<failure message="] {
        assert!(junit.contains(part), "{part:?}: {junit}");
    }
    assert_eq!(junit.matches("<testcase").count(), junit.matches("classname").count());
}

#[test]
fn there_must_be_something_to_judge() {
    let closing = Server::bind("127.0.0.1:0").unwrap().start(|_| Ok(())).unwrap();
    for url in [closing.url(), "ws://127.0.0.1:1".to_owned()] {
        let run = run(["conform", &url, WAIT], "").expect(1);
        assert!(run.stderr.contains("there is no server that returns messages"), "{}", run.stderr);
    }
    let run = run(["conform", "--listen=127.0.0.1:0", "--idle=0.1"], "").expect(1);
    assert!(run.stderr.contains("no client has run a case"), "{}", run.stderr);
}

#[test]
fn wrong_use_is_found() {
    let cases: [(&[&str], &str); 7] = [
        (&[], "URL is missing"),
        (&["--tls=identity.p12", "ws://127.0.0.1"], "--tls needs --listen"),
        (&["ws://127.0.0.1", "--only=nothing"], "no case for this side has the id, name or area \"nothing\""),
        (&["--stage=8", "ws://127.0.0.1"], "--stage takes 1 to 7"),
        (&["--stage=1"], "stage 1 needs a program"),
        (&["--stage=4", "--", "true"], "stage 4 needs a server"),
        (&["--listen=127.0.0.1:0", "ws://127.0.0.1"], "--listen and URL exclude each other"),
    ];
    for (args, text) in cases {
        let run = run(["conform"].iter().chain(args), "").expect(2);
        assert!(run.stderr.contains(text), "{args:?}: {}", run.stderr);
    }
}

#[cfg(not(feature = "native-tls"))]
#[test]
fn tls_needs_its_feature() {
    for args in [&["wss://127.0.0.1"][..], &["--listen=127.0.0.1:0", "--tls=identity.p12"]] {
        let run = run(["conform"].iter().chain(args), "").expect(2);
        assert!(run.stderr.contains("needs a build with --features native-tls"), "{args:?}: {}", run.stderr);
    }
}

#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn a_server_and_a_client_are_judged_within_tls() {
    let (folder, made) = (Folder::new(), crate::tls::certificates());
    let file = |name: &str| folder.file(name, made.file(name));
    let (pem, key, ca) = (file("right.pem"), file("right.key"), file("authority.pem"));
    let server = Server::bind("127.0.0.1:0").unwrap().tls(made.accept("right")).deflate(Deflate::default());
    let server = server.start(echo).unwrap();
    let right = run(["conform", &server.url(), "--ca", &ca, "--json", WAIT], "").expect(0);
    let rows = verdicts(right.text());
    assert!(rows.len() > 240 && rows.iter().all(|(_, verdict)| verdict == "pass"), "{rows:?}");
    let stranger = run(["conform", &server.url(), WAIT], "").expect(1);
    assert!(stranger.stderr.contains("no connection: "), "{}", stranger.stderr);

    let (mut tool, url, rest) = listening(&["--tls", &pem, "--tls-key", &key]);
    assert!(url.starts_with("wss://"), "{url}");
    // Made once: it reads the authorities of the system.
    let client = Client::new(&url).unwrap().tls(made.connect()).unwrap().deflate(Deflate::default());
    let client = client.subprotocol("one").unwrap().subprotocol("two").unwrap();
    let code = until_ended(&mut tool, move || drop(client.connect().and_then(echo)));
    let rows = verdicts(&rest.join().unwrap());
    assert!(rows.len() > 220 && rows.iter().all(|(_, verdict)| verdict == "pass"), "{rows:?}");
    assert_eq!(code, 0);
}

/// Ends the TCP connection after a Close, without a Close and without close_notify.
#[cfg(all(unix, feature = "native-tls"))]
#[test]
fn the_end_without_close_notify_is_no_reset() {
    use std::io::Write;
    let (folder, made) = (Folder::new(), crate::tls::certificates());
    let ca = folder.file("authority.pem", made.file("authority.pem"));
    let (listener, acceptor) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), made.native_acceptor("right"));
    let url = format!("wss://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, tcp) in listener.incoming().enumerate() {
            let tcp = tcp.unwrap();
            let mut tls = acceptor.accept(tcp.try_clone().unwrap()).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                tls.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            let accept = stdws::handshake::server::accept_key(key);
            let fields = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}");
            write!(tls, "HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n").unwrap();
            // The first connection asks whether messages are returned: a text of five bytes, then masked.
            let mut frame = [0; 11];
            if number == 0 {
                tls.read_exact(&mut frame).unwrap();
                tls.write_all(b"\x81\x05probe").unwrap();
            }
            // A Close with a code.
            tls.read_exact(&mut frame[..8]).unwrap();
            tcp.shutdown(std::net::Shutdown::Both).unwrap();
        }
    });
    let run = run(["conform", &url, "--ca", &ca, "--json", "--only=close-1000", WAIT], "").expect(3);
    assert!(run.text().contains("the connection ended without a Close in answer"), "{}", run.text());
}

/// A client without compression has nothing to refuse in an answer about it. One that offers it may use a wrong answer:
/// the case is broken, but no other rule. What its offer asks of the server is in the answer.
#[test]
fn answers_to_a_client_suit_its_offer() {
    let asked = "server_no_context_takeover; server_max_window_bits=10; client_max_window_bits";
    let offer = format!("Sec-WebSocket-Extensions: permessage-deflate; {asked}\r\n");
    let rows = [("", "not applicable", false), (&*offer, "fail", true)];
    for (offer, verdict, compresses) in rows {
        let (mut tool, url, rest) = listening(&["--only=answer-window-16", "--only=compressed-text"]);
        let (offer, answers) = (offer.to_owned(), Arc::new(std::sync::Mutex::new(Vec::new())));
        let seen = answers.clone();
        let address = url.trim_start_matches("ws://").to_owned();
        until_ended(&mut tool, move || drop(offering_client(&address, &offer, &seen)));
        let rows = verdicts(&rest.join().unwrap());
        assert!(rows.contains(&("answer-window-16".to_owned(), verdict.to_owned())), "{rows:?}");
        let failed: Vec<_> = rows.iter().filter(|(_, verdict)| verdict == "fail").collect();
        assert_eq!(failed.len(), usize::from(compresses), "{failed:?}");
        // A connection after the last case has an answer without extensions.
        let answers = answers.lock().unwrap();
        let agreed: Vec<&String> = answers.iter().filter(|answer| answer.contains("permessage-deflate")).collect();
        assert_eq!(agreed.len(), if compresses { 2 } else { 0 }, "{answers:?}");
        for answer in agreed {
            assert!(answer.contains("; server_no_context_takeover"), "{answer}");
            assert!(answer.contains("; server_max_window_bits="), "{answer}");
            assert!(!answer.contains("client_max_window_bits"), "{answer}");
        }
    }
}

/// Accepts each answer, and sends a compressed text if it has offered to. Then it ends at the end of the stream.
fn offering_client(address: &str, offer: &str, answers: &std::sync::Mutex<Vec<String>>) -> std::io::Result<()> {
    use std::io::Write;
    let mut tcp = std::net::TcpStream::connect(address)?;
    // "Hello" of RFC 7692 section 7.2.3.1, masked with a key of zeros.
    let hello = b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0";
    // A key that no connection before has had.
    let nonce = (answers.lock().unwrap().len() as u128).to_be_bytes();
    let key = stdws::handshake::client::key_from_nonce(nonce);
    let fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{fields}{offer}Sec-WebSocket-Key: {key}\r\n\r\n");
    tcp.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    answers.lock().unwrap().push(String::from_utf8(head).unwrap());
    if !offer.is_empty() {
        tcp.write_all(hello)?;
    }
    tcp.read_to_end(&mut Vec::new()).map(drop)
}
