//! `ws conform --stage N`: a right solution of each exercise is done, and the report says what a wrong one does wrong.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use stdws::{Server, WebSocket};

use crate::broken::{broken_server, Break};
use crate::conform::{echo, server, WAIT};
use crate::tool::{run, Folder, Run};

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

/// A mistake in a solution of `solutions/`: the stage, the file, the right text, the wrong one, what the report says.
const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    ("1", "accept", "line.strip()", "line", "the line feed behind the key was hashed too"),
    ("1", "accept", "b64encode(digest)", "b64encode(digest.hex().encode())", "this is base64 of hexadecimal digits"),
    ("1", "accept", "b64encode(", "urlsafe_b64encode(", "this is base64url"),
    ("2", "header", "{mask} ", "", "the answer has six numbers"),
    ("2", "header", "\"big\"", "\"little\"", "LENGTH is wrong: the low seven bits of byte 1"),
    ("2", "header", " + 4 * mask", "", "SIZE is wrong: the bytes before the payload"),
    ("2", "header", "len(data) < size", "False", "are not the whole header: the answer is the word more"),
    ("3", "mask", "i % 4", "0", "payload byte 1 (9f) XOR key byte 1 mod 4 = 1 (fa)"),
    ("3", "mask", ".hex()", ".hex(\" \")", "two digits for each byte, without spaces"),
    ("7", "inflate", "bytes.fromhex(\"0000ffff\")", "b\"\"", "the program ended"),
    ("7", "inflate", "del window[:-32768]", "window.clear()", "the program ended"),
    ("7", "inflate", "before:].hex()", "before:-1].hex()", "4 bytes instead of 5; the first 4 are right"),
    (
        "7",
        "inflate",
        "        bits.align()  #",
        "        pass  #",
        "section 7.2.3.4: the next block begins with the next byte",
    ),
    ("7", "inflate_zlib", "data = engine.unused_data", "data = b\"\"", "pass what it leaves (unused_data)"),
    ("7", "inflate_zlib", ", zdict=(window + message)[-32768:]", "", "the program ended"),
];

/// Whether there is a python3, in which the solutions are written.
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: there is no python3, in which the solutions are written");
    }
    found
}

fn solution(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/ws/solutions/{name}.py", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn judge(stage: &str, code: impl AsRef<[u8]>) -> Run {
    let folder = Folder::new();
    run(["conform", "--stage", stage, WAIT, "--", "python3", &folder.file("solution.py", code)], "")
}

#[test]
fn the_right_solutions_of_functions_are_done() {
    if !has_python() {
        return;
    }
    for (stage, name) in [("1", "accept"), ("2", "header"), ("3", "mask"), ("7", "inflate"), ("7", "inflate_zlib")] {
        let run = judge(stage, solution(name)).expect(0);
        assert!(run.text().contains(&format!("stage {stage} is done")), "{name}: {}", run.text());
        assert!(run.text().contains(" 0 fail, 0 not applicable, 0 not seen"), "{name}: {}", run.text());
    }
}

#[test]
fn the_mistakes_of_functions_are_explained() {
    if !has_python() {
        return;
    }
    for (stage, name, right, wrong, text) in MISTAKES {
        let code = solution(name);
        assert!(code.contains(right), "{name}: {right}");
        let run = judge(stage, code.replace(right, wrong)).expect(3);
        assert!(run.text().contains(text) && run.text().contains("is not done yet"), "{name} {wrong}: {}", run.text());
    }
    let run = judge("7", "").expect(3);
    assert!(run.text().contains("the program ended") && run.text().contains("not asked"), "{}", run.text());
}

#[test]
fn a_program_that_is_not_there_is_one_line() {
    let run = run(["conform", "--stage=2", "--", "/nowhere/program"], "").expect(1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}
