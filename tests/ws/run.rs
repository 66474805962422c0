//! `ws run` with real programs: those that every Unix has. The command itself is portable; its tests are not.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, CloseCode, Message, WebSocket};

use crate::echo::Listening;
use crate::tool::{command, run, Folder, Tool, WATCHDOG};

fn start(flags: &[&str], program: &[&str]) -> Listening {
    Listening::start_before(command(["run"].iter().chain(flags)), &[&["--"], program].concat())
}

fn connect(server: &Listening) -> WebSocket {
    stdws::connect(&server.url).unwrap()
}

/// All messages until the Close, and its code and reason.
fn rest(mut ws: WebSocket) -> (Vec<Message>, u16, String) {
    let mut messages = Vec::new();
    while let Some(message) = ws.recv().unwrap() {
        messages.push(message);
    }
    let info = ws.close_info().unwrap();
    (messages, info.code().as_u16(), info.reason().to_owned())
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < WATCHDOG, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is there, also as a zombie.
fn is_there(id: &str) -> bool {
    Command::new("sh").args(["-c", "kill -0 \"$0\" 2>/dev/null", id]).status().unwrap().success()
}

fn gone(id: &str) {
    until("the program, or its zombie, stays", || !is_there(id));
}

#[test]
fn each_line_is_a_message() {
    let server = start(&[], &["cat"]);
    let mut ws = connect(&server);
    for text in ["one", "", "two \u{e9}"] {
        ws.send(text).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), text);
    }
    // A line that has its line feed already is not followed by an empty one.
    ws.send("three\n").unwrap();
    ws.send("four").unwrap();
    assert_eq!([ws.recv().unwrap().unwrap(), ws.recv().unwrap().unwrap()], ["three", "four"].map(Message::from));
    // A line that is not text is not lost.
    ws.send(&[0xff, 0x00]).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), [0xff, 0x00]);
    // Each connection has a program of its own.
    let mut other = connect(&server);
    other.send("mine").unwrap();
    assert_eq!(other.recv().unwrap().unwrap(), "mine");
    ws.send("still here").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap(), "still here");
}

#[test]
fn bytes_pass_unchanged() {
    let server = start(&["--binary"], &["cat"]);
    let mut ws = connect(&server);
    let sent: Vec<u8> = (0..300_000_u32).map(|n| (n / 7) as u8).collect();
    let sender = ws.sender();
    let message = sent.clone();
    let sending = thread::spawn(move || sender.send(message));
    let mut received = Vec::new();
    while received.len() < sent.len() {
        let Message::Binary(bytes) = ws.recv().unwrap().unwrap() else { panic!("text") };
        received.extend(bytes);
    }
    sending.join().unwrap().unwrap();
    assert!(received == sent);
}

#[test]
fn the_status_of_the_program_is_the_close_code() {
    let printing = start(&[], &["printf", "a\\r\\nb"]);
    let (messages, code, _) = rest(connect(&printing));
    assert_eq!((&messages[..], code), (&["a".into(), "b".into()][..], 1000));
    let failing = start(&[], &["sh", "-c", "exit 3"]);
    let (messages, code, reason) = rest(connect(&failing));
    assert!(messages.is_empty() && code == 1011 && reason.contains("exit status: 3"), "{code} {reason}");
    let long = start(&["--max-message=10"], &["printf", "0123456789\\n0123456789a\\n"]);
    let (messages, code, reason) = rest(connect(&long));
    assert_eq!((messages.len(), code), (1, 1011));
    assert!(reason.contains("longer than 10 bytes"), "{reason}");
}

#[test]
fn a_program_that_cannot_be_started() {
    let folder = Folder::new();
    let text = folder.file("no-program", "text");
    let server = start(&[], &[&text]);
    assert_eq!(rest(connect(&server)).1, 1011);
    let missing = run(["run", "--addr=127.0.0.1:0", "--", "/missing/program"], "").expect(1);
    assert!(missing.stderr.contains("there is no such program"), "{}", missing.stderr);
    let named = run(["run", "--addr=127.0.0.1:0", "--", "no-such-program-anywhere"], "").expect(1);
    assert_eq!(named.stderr.lines().count(), 1);
    assert!(run(["run"], "").expect(2).stderr.contains("-- PROGRAM is missing"));
    assert!(run(["run", "cat"], "").expect(2).stderr.contains("\"cat\" stands before --: ws run [FLAG]... -- PROGRAM"));
}

#[test]
fn errors_of_the_program_are_logged() {
    let mut server = start(&["--until-stdin-ends"], &["sh", "-c", "printf 'bad\\033[2J\\n' >&2; echo done; cat"]);
    let mut ws = connect(&server);
    assert_eq!(ws.recv().unwrap().unwrap(), "done");
    drop(server.tool.stdin.take());
    assert_eq!(rest(ws).1, 1001);
    assert_eq!(server.tool.wait(), 0);
    let log = server.tool.stderr();
    assert!(log.contains("ws run: program ") && log.contains(": bad\\u{1b}[2J"), "{log:?}");
}

#[test]
fn the_variables_describe_the_request() {
    let folder = Folder::new();
    let password = folder.file("password", "open sesame");
    let mut tool = command(["run", "--user=ali", "--password-file", &*password]);
    // None of these is inherited.
    tool.envs([("HTTP_PROXY", "http://evil"), ("HTTP_COOKIE", "inherited"), ("WS_PASSWORD", "secret")]);
    tool.env("OF_THE_SERVER", "inherited");
    let server = Listening::start_before(tool, &["--", "env"]);
    let url = format!("{}/a%20b/c?q=%20&r=1", server.url);
    let client = Client::new(url).unwrap().basic_auth("ali", "open sesame").unwrap();
    let client =
        client.header("X-One", "1").unwrap().header("X-One", "2").unwrap().header("Proxy", "http://evil").unwrap();
    let client = client.header("X_Two", "3").unwrap().header("X.Three", "4").unwrap().cookie("id", "7").unwrap();
    let (messages, code, _) =
        rest(client.origin(&format!("http://{}", server.authority())).unwrap().connect().unwrap());
    assert_eq!(code, 1000);
    let lines: Vec<&str> = messages.iter().filter_map(Message::as_text).collect();
    let port = server.url.rsplit(':').next().unwrap();
    let origin = format!("HTTP_ORIGIN=http://{}", server.authority());
    for expected in [
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/a%20b/c?q=%20&r=1",
        "PATH_INFO=/a b/c",
        "QUERY_STRING=q=%20&r=1",
        "SERVER_NAME=127.0.0.1",
        &*format!("SERVER_PORT={port}"),
        "REMOTE_ADDR=127.0.0.1",
        "AUTH_TYPE=Basic",
        "REMOTE_USER=ali",
        "HTTP_X_ONE=1, 2",
        "HTTP_COOKIE=id=7",
        &*origin,
        "OF_THE_SERVER=inherited",
    ] {
        assert!(lines.contains(&expected), "{expected}: {lines:?}");
    }
    for hidden in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_X_TWO", "HTTP_X.THREE", "HTTP_X_THREE", "WS_PASSWORD"] {
        assert!(!lines.iter().any(|line| line.starts_with(hidden)), "{hidden}: {lines:?}");
    }
}

#[test]
fn not_more_programs_than_allowed() {
    let server = start(&["--max=1"], &["cat"]);
    let ws = connect(&server);
    let refused = stdws::connect(&server.url).unwrap_err().to_string();
    assert!(refused.contains("503"), "{refused}");
    drop(ws);
    until("the place of the first is free", || stdws::connect(&server.url).is_ok());
}

#[test]
fn the_program_reads_the_end_of_its_input() {
    let folder = Folder::new();
    let file = folder.0.join("ended");
    let script = format!("cat; echo ended > '{}'", file.display());
    let server = start(&[], &["sh", "-c", &script]);
    let mut ws = connect(&server);
    ws.send("a").unwrap();
    ws.recv().unwrap().unwrap();
    ws.close(1000, "").unwrap();
    ended(&file);
}

fn ended(file: &Path) {
    until("the program was not told", || std::fs::read_to_string(file).is_ok_and(|text| text == "ended\n"));
}

#[test]
fn a_dead_peer_ends_its_program() {
    let folder = Folder::new();
    let file = folder.0.join("ended");
    let script = format!("cat; echo ended > '{}'", file.display());
    let server = start(&["--ping=0.1"], &["sh", "-c", &script]);
    let mut tcp = TcpStream::connect(server.authority()).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(request.as_bytes()).unwrap();
    // The socket stays open, and no Ping is answered.
    ended(&file);
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    let end = tcp.read_to_end(&mut Vec::new());
    assert!(!end.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)));
}

#[test]
fn a_program_that_does_not_end_is_killed_and_reaped() {
    let server = start(&["--grace=0.1"], &["sh", "-c", "echo $$; exec sleep 1000"]);
    let mut ws = connect(&server);
    let id = ws.recv().unwrap().unwrap().into_text().unwrap();
    assert!(is_there(&id));
    ws.close(1000, "").unwrap();
    gone(&id);
    // One that writes for ever to a client that has gone.
    let server = start(&["--grace=0.1"], &["sh", "-c", "echo $$; exec yes"]);
    let mut ws = connect(&server);
    let id = ws.recv().unwrap().unwrap().into_text().unwrap();
    ws.abort();
    gone(&id);
}

#[test]
fn no_zombie_stays_after_a_program_that_ends() {
    let server = start(&[], &["sh", "-c", "echo $$"]);
    for _ in 0..3 {
        let (messages, code, _) = rest(connect(&server));
        assert_eq!(code, 1000);
        gone(messages[0].as_text().unwrap());
    }
}

#[test]
fn a_program_that_reads_nothing_stops_its_client() {
    let server = start(&["--stall=0.1", "--grace=0.1"], &["sh", "-c", "echo $$; exec sleep 1000"]);
    let mut ws = connect(&server);
    let id = ws.recv().unwrap().unwrap().into_text().unwrap();
    let (sender, block) = (ws.sender(), vec![0; 64 << 10]);
    // The pipe, the queue and the network are full before the limit.
    let sending = thread::spawn(move || (0..10_000).try_for_each(|_| sender.send(&block)));
    assert!(ws.recv().unwrap().is_none());
    assert!(sending.join().unwrap().is_err());
    assert_eq!(ws.close_info().unwrap().code(), CloseCode::TRY_LATER);
    gone(&id);
}

#[test]
fn many_lines_arrive_in_their_order() {
    const COUNT: usize = 200_000;
    let script = format!("i=0; while [ $i -lt 200 ]; do seq {}; i=$((i+1)); done", COUNT / 200);
    let server = start(&[], &["sh", "-c", &script]);
    let (messages, code, _) = rest(connect(&server));
    assert_eq!((messages.len(), code), (COUNT, 1000));
    assert!(messages.iter().enumerate().all(|(n, message)| *message == *(n % 1000 + 1).to_string()));
}

#[test]
fn one_program_for_all() {
    let mut server = start(&["--shared", "--until-stdin-ends", "--grace=0.1"], &["cat"]);
    let (mut ann, mut bob) = (connect(&server), connect(&server));
    // Both are members as soon as each has received what the other sends.
    let meet = |from: &mut WebSocket, to: &mut WebSocket| loop {
        from.send("hello").unwrap();
        match to.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => break assert_eq!(message.unwrap(), "hello"),
            Err(error) => assert!(error.is_timeout(), "{error}"),
        }
    };
    meet(&mut ann, &mut bob);
    meet(&mut bob, &mut ann);
    ann.send("to all").unwrap();
    for ws in [&mut ann, &mut bob] {
        while ws.recv().unwrap().unwrap() != *"to all" {}
    }
    // The end of one client does not end the program.
    ann.close(1000, "").unwrap();
    bob.send("alone").unwrap();
    while bob.recv().unwrap().unwrap() != *"alone" {}
    drop(server.tool.stdin.take());
    assert_eq!(rest(bob).1, 1001);
    assert_eq!(server.tool.wait(), 0);
}

#[test]
fn the_end_of_the_shared_program_ends_the_server() {
    for (script, code, text) in
        [("read line; echo $line", 0, ""), ("read line; echo $line; exit 7", 1, "exit status: 7")]
    {
        let mut server = start(&["--shared"], &["sh", "-c", script]);
        let mut ws = connect(&server);
        ws.send("last").unwrap();
        let (messages, close, _) = rest(ws);
        assert_eq!((&messages[..], close), (&["last".into()][..], 1001));
        assert_eq!(server.tool.wait(), code);
        assert!(server.tool.stderr().contains(text));
    }
    let mut missing = Tool::start(["run", "--shared", "--addr=127.0.0.1:0", "--", "/missing"]);
    assert_eq!(missing.wait(), 1);
}
