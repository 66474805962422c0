//! `ws conform`: our own server and client pass, and each break of an endpoint that breaks one rule is found by its case.
//!
//! The cases are named here by their names, not by ids: what they cite is tested by this tool, not by this file.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use stdws::{Client, Deflate, Server, ServerHandle, WebSocket};

use crate::broken::{broken_client, broken_server, Break};
use crate::json_line;
use crate::tool::{run, Folder, Run, Tool};

/// Waiting ends with what is waited for, so it may be long.
const WAIT: &str = "--wait=60";

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

fn server() -> ServerHandle {
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
        (&["wss://127.0.0.1"], "frames that are wrong are sent without TLS"),
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

#[test]
fn the_stages_of_servers_judge() {
    let right = server();
    for stage in ["--stage=4", "--stage=5"] {
        let run = run(["conform", stage, &right.url(), WAIT], "").expect(0);
        assert!(run.text().contains("is done"), "{}", run.text());
        let run = run_stage(stage, &broken_server(Break::Closes1005));
        assert_eq!(run.code, if stage == "--stage=5" { 3 } else { 0 }, "{}", run.text());
    }
    let run = run_stage("--stage=4", &broken_server(Break::ReversesFragments)).expect(3);
    assert!(run.text().contains("five-fragments") && run.text().contains("is not done yet"), "{}", run.text());
}

fn run_stage(stage: &str, url: &str) -> Run {
    run(["conform", stage, url, WAIT], "")
}

#[test]
fn the_stage_of_broadcasting_judges() {
    // The lock makes the order the same for all.
    let members: Arc<std::sync::Mutex<Vec<stdws::Sender>>> = Arc::default();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.start(move |mut ws: WebSocket| {
        members.lock().unwrap().push(ws.sender());
        while let Some(message) = ws.recv()? {
            members.lock().unwrap().retain(|member| member.send(&message).is_ok());
        }
        Ok(())
    });
    let server = server.unwrap();
    let run = run_stage("--stage=6", &server.url()).expect(0);
    assert!(run.text().contains("stage 6 is done"), "{}", run.text());
    // Ends the connection where it should have sent the message to others.
    let first = AtomicBool::new(true);
    let wrong = Server::bind("127.0.0.1:0").unwrap().start(move |mut ws: WebSocket| {
        // The first connection asks whether the server works.
        if first.swap(false, Ordering::Relaxed) {
            return echo(ws);
        }
        let message = ws.recv()?;
        ws.send(message.unwrap())
    });
    let run = run_stage("--stage=6", &wrong.unwrap().url()).expect(3);
    assert!(run.text().contains("which was sent to all"), "{}", run.text());
}

/// Solutions in Python: right, wrong, and what the report says of the wrong one.
const SOLUTIONS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "--stage=1",
        "base64.b64encode(hashlib.sha1((line.strip() + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()",
        "line.strip()",
        "line",
        "the line feed behind the key was hashed too",
    ),
    ("--stage=1", "", "digest()).decode()", "hexdigest().encode()).decode()", "base64 of hexadecimal digits"),
    (
        "--stage=3",
        "bytes(b ^ bytes.fromhex(line.split()[0])[i % 4] for i, b in enumerate(bytes.fromhex(line.split()[1]))).hex()",
        "i % 4",
        "0",
        "payload byte 1 (9f) XOR key byte 1 mod 4 = 1 (fa)",
    ),
];

#[test]
fn the_stages_of_functions_judge() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no python3, in which the solutions are written");
        return;
    }
    let folder = Folder::new();
    let solve = |stage: &str, expression: &str| {
        let code =
            format!("import sys, base64, hashlib\nfor line in sys.stdin:\n    print({expression}, flush=True)\n");
        run(["conform", stage, WAIT, "--", "python3", &folder.file("solution.py", code)], "")
    };
    let mut right = "";
    for (stage, expression, from, to, text) in SOLUTIONS {
        right = if expression.is_empty() { right } else { expression };
        let run = solve(stage, right).expect(0);
        assert!(run.text().contains("is done"), "{}", run.text());
        let run = solve(stage, &right.replace(from, to)).expect(3);
        assert!(run.text().contains(text), "{stage} {to}: {}", run.text());
    }
    // A program that ends, and one that is not there.
    let run = solve("--stage=7", "exit(3)").expect(3);
    assert!(run.text().contains("the program ended") && run.text().contains("not asked"), "{}", run.text());
    let run = solve("--stage=2", "'1 0 1 0 5'").expect(3);
    assert!(run.text().contains("the answer has six numbers"), "{}", run.text());
    crate::tool::run(["conform", "--stage=2", "--", "/nowhere/program"], "").expect(1);
}
