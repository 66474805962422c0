//! `ws record` between clients and servers of this library.

use std::fs;

use stdws::{Client, CloseCode, Error, Message, Response, Server, ServerHandle, WebSocket};

use crate::cat::server;
use crate::echo::Listening;
use crate::session::{Entry, Side, What};
use crate::tool::{run, Folder, WATCHDOG};

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

fn path(folder: &Folder) -> String {
    folder.0.join("session.jsonl").into_os_string().into_string().unwrap()
}

fn record(server: &ServerHandle, folder: &Folder, more: &[&str]) -> Listening {
    record_url(&server.url(), folder, more)
}

fn record_url(url: &str, folder: &Folder, more: &[&str]) -> Listening {
    let file = path(folder);
    Listening::start(&[&["record", url, "--output", &file, "--until-stdin-ends"], more].concat())
}

/// The entries, without times.
fn entries(folder: &Folder) -> Vec<(u64, Side, What)> {
    let text = fs::read_to_string(path(folder)).unwrap();
    let parsed = text.lines().map(|line| Entry::parse(line).unwrap().unwrap());
    parsed.map(|entry| (entry.connection, entry.side, entry.what)).collect()
}

/// Shuts the recorder down.
fn end(mut recorder: Listening, code: i32) -> String {
    drop(recorder.tool.stdin.take());
    assert_eq!(recorder.tool.wait(), code);
    recorder.tool.stderr()
}

#[test]
fn messages_and_closes_of_both_sides_are_recorded() {
    let (server, folder) = (server(echo), Folder::new());
    let recorder = record(&server, &folder, &[]);
    let mut ws = stdws::connect(&recorder.url).unwrap();
    let messages = [Message::Text("say \"é\"\n".into()), Message::Binary(vec![0, 255])];
    for message in &messages {
        ws.send(message).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), *message);
    }
    let info = ws.close(4001, "done").unwrap();
    assert_eq!(info.code().as_u16(), 4001);
    end(recorder, 0);
    let mut expected = Vec::new();
    for message in messages {
        expected.push((1, Side::Client, What::Message(message.clone())));
        expected.push((1, Side::Server, What::Message(message)));
    }
    expected.push((1, Side::Client, What::Closed(4001, "done".into())));
    assert_eq!(entries(&folder), expected);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path(&folder)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_close_and_a_loss_of_the_server_pass() {
    let (server, folder) = (
        server(|mut ws| match ws.recv()?.unwrap().as_text() {
            Some("close") => ws.close(4002, "enough").map(drop),
            _ => {
                ws.abort();
                Ok(())
            }
        }),
        Folder::new(),
    );
    let recorder = record(&server, &folder, &[]);
    let mut ws = stdws::connect(&recorder.url).unwrap();
    ws.send("close").unwrap();
    assert!(ws.recv().unwrap().is_none());
    let info = ws.close_info().unwrap();
    assert_eq!((info.code().as_u16(), info.reason()), (4002, "enough"));
    let mut ws = stdws::connect(&recorder.url).unwrap();
    ws.send("abort").unwrap();
    assert!(ws.recv().is_err());
    end(recorder, 0);
    assert_eq!(
        entries(&folder),
        [
            (1, Side::Client, What::Message("close".into())),
            (1, Side::Server, What::Closed(4002, "enough".into())),
            (2, Side::Client, What::Message("abort".into())),
            (2, Side::Server, What::Lost),
        ]
    );
}

#[test]
fn what_the_client_asks_for_is_passed_on() {
    let server = Server::bind("127.0.0.1:0").unwrap().subprotocols(["v2"]).allow_origin("https://app.example");
    let server = server.on_request(|request| match request.bearer_token() {
        Some("1234") => stdws::Decision::accept(),
        _ => Response::text(401, "").into(),
    });
    let server = server.start(|mut ws| {
        let request = ws.request().unwrap();
        let text = format!("{:?} {:?}", request.origin(), request.cookie("a"));
        ws.send(&text)?;
        echo(ws)
    });
    let (server, folder) = (server.unwrap(), Folder::new());
    let recorder = record(&server, &folder, &["--allow-origin=https://app.example"]);
    let client = |token: &str| {
        let client = Client::new(&recorder.url).unwrap().subprotocol("v1").unwrap().subprotocol("v2").unwrap();
        client.header("Authorization", token).unwrap().header("Cookie", "a=b").unwrap()
    };
    let mut ws = client("Bearer 1234").origin("https://app.example").unwrap().connect().unwrap();
    assert_eq!(ws.subprotocol(), Some("v2"));
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(r#"Some("https://app.example") Some("b")"#));
    ws.close(CloseCode::NORMAL, "").unwrap();
    // The status of the server.
    match client("Bearer 5678").connect() {
        Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(401)),
        other => panic!("{other:?}"),
    }
    let log = end(recorder, 0);
    assert!(!log.contains("1234") && !log.contains("5678"), "{log}");
}

/// A limit of the system on the size of files, as a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_ends_it() {
    let (server, folder) = (server(echo), Folder::new());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {} \"$@\"", crate::tool::in_a_shell()), "sh"]);
    command.args(["record", &server.url(), "--output", &path(&folder)]);
    let mut recorder = Listening::start_before(command, &[]);
    let mut ws = stdws::connect(&recorder.url).unwrap();
    ws.send("x".repeat(100_000)).unwrap();
    // It is not passed on, so nothing comes back.
    assert!(ws.recv().map_or(true, |message| message.is_none()));
    assert_eq!(recorder.tool.wait(), 1);
    assert!(recorder.tool.stderr().contains("ws record: the file could not be written"));
}

#[test]
fn wrong_use_is_one_line_and_nothing_is_overwritten() {
    let folder = Folder::new();
    let file = folder.file("session.jsonl", "kept");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["ws://127.0.0.1:1"], 2, "--output FILE is missing"),
        (&["ws://127.0.0.1:1", "--output", &file], 1, "session.jsonl: "),
        (&["ws://127.0.0.1:1", "--user=a"], 2, "--user means nothing here"),
        (&["http://a b"], 2, "ws record: "),
    ];
    for (args, code, text) in cases {
        let run = run(["record", "--addr=127.0.0.1:0"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "kept");
}

#[test]
fn a_server_that_is_away_is_a_status() {
    let folder = Folder::new();
    // Nobody listens there, and no other test gets this port.
    let recorder = record_url("ws://127.0.0.1:1", &folder, &[]);
    match stdws::connect(&recorder.url) {
        Err(Error::Handshake(rejection)) => assert_eq!(rejection.status(), Some(502)),
        other => panic!("{other:?}"),
    }
    let log = end(recorder, 0);
    assert!(log.contains("ws record: no connection to 127.0.0.1:1"), "{log}");
}

#[test]
fn many_messages_pass_in_order() {
    const COUNT: usize = 5_000;
    let (server, folder) = (server(echo), Folder::new());
    let recorder = record(&server, &folder, &[]);
    let mut ws = stdws::connect(&recorder.url).unwrap();
    let sender = ws.sender();
    let sending = std::thread::spawn(move || (0..COUNT).try_for_each(|n| sender.send(&*n.to_string())));
    for n in 0..COUNT {
        assert_eq!(ws.recv_timeout(WATCHDOG).unwrap().unwrap().as_text(), Some(&*n.to_string()));
    }
    sending.join().unwrap().unwrap();
    ws.close(1000, "").unwrap();
    end(recorder, 0);
    let entries = entries(&folder);
    for side in [Side::Client, Side::Server] {
        let sent = entries.iter().filter(|(_, from, what)| *from == side && matches!(what, What::Message(_)));
        assert!(sent.enumerate().all(|(n, (.., what))| *what == What::Message(n.to_string().into())));
    }
    assert_eq!(entries.len(), 2 * COUNT + 1);
}
