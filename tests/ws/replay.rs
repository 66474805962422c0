//! `ws replay` as client and as server, of recordings by `ws cat`, by `ws record` and by hand.

use std::time::{Duration, Instant};

use stdws::{Message, WebSocket};

use crate::cat::server;
use crate::echo::Listening;
use crate::session::{Entry, Side, What};
use crate::tool::{run, Folder, Run};

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

fn entry(side: Side, what: What) -> Entry {
    Entry { at: Duration::from_millis(1_700_000_000_123), connection: 1, side, what }
}

fn message(side: Side, text: &str) -> String {
    entry(side, What::Message(text.into())).line()
}

fn closed(side: Side, code: u16) -> String {
    entry(side, What::Closed(code, String::new())).line()
}

/// A question, its answer, and a Close.
fn session() -> String {
    [message(Side::Client, "question"), message(Side::Server, "answer"), closed(Side::Client, 4001)].concat()
}

fn replay(recording: &str, more: &[&str], code: i32) -> Run {
    let folder = Folder::new();
    let file = folder.file("session.jsonl", recording);
    run(["replay", &*file].iter().chain(more), "").expect(code)
}

#[test]
fn a_client_sends_what_the_client_has_sent() {
    let (sender, closes) = std::sync::mpsc::channel();
    let server = server(move |mut ws| {
        while let Some(question) = ws.recv()? {
            assert_eq!(question.as_text(), Some("question"));
            ws.send("answer")?;
        }
        sender.send(ws.close_info().unwrap().code().as_u16()).unwrap();
        Ok(())
    });
    let run = replay(&session(), &[&server.url()], 0);
    assert_eq!((run.text(), &*run.stderr), ("1 sent, 1 received, 0 different\n", ""));
    assert_eq!(closes.recv().unwrap(), 4001);
    // Events that are not replayed, and those of other connections.
    let other = message(Side::Client, "other").replace("\"connection\":1", "\"connection\":2");
    let open = "{\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"open\",\"url\":\"ws://a/\"}\n\n";
    let run = replay(&[open, &session(), &other].concat(), &[&server.url()], 0);
    assert_eq!(run.text(), "1 sent, 1 received, 0 different\n");
}

#[test]
fn what_is_different_is_shown() {
    let server = server(|mut ws| {
        while ws.recv()?.is_some() {
            ws.send("something else")?;
        }
        Ok(())
    });
    let run = replay(&session(), &[&server.url()], 3);
    assert_eq!(run.text(), "1 sent, 1 received, 1 different\n");
    assert_eq!(run.stderr, "ws replay: message 1 is another one\n");
    replay(&session(), &["--any-content", &server.url()], 0);
    let binary = session().replace("\"text\",\"data\":\"answer\"", "\"binary\",\"hex\":\"00\"");
    replay(&binary, &["--any-content", &server.url()], 3);
    // A message instead of a Close, and the other way round.
    let early = [message(Side::Client, "question"), closed(Side::Server, 1000)].concat();
    let run = replay(&early, &[&server.url()], 3);
    assert!(run.stderr.contains("message 1 came, and not the end"), "{}", run.stderr);
    let closing = crate::cat::server(|mut ws| ws.close(4002, "").map(drop));
    let run = replay(&message(Side::Server, "answer"), &[&closing.url()], 3);
    assert!(run.stderr.contains("4002") && run.stderr.contains("came instead"), "{}", run.stderr);
    replay(&closed(Side::Server, 4002), &[&closing.url()], 0);
    let run = replay(&closed(Side::Server, 4003), &[&closing.url()], 3);
    assert!(run.stderr.contains("4002") && run.stderr.contains("not with 4003"), "{}", run.stderr);
    let silent = crate::cat::server(|mut ws| {
        while ws.recv()?.is_some() {}
        Ok(())
    });
    let run = replay(&session(), &["--timeout=3", &silent.url()], 3);
    assert!(run.stderr.contains("message 1: nothing came in time"), "{}", run.stderr);
}

#[test]
fn a_server_sends_what_the_server_has_sent() {
    let folder = Folder::new();
    let file = folder.file("session.jsonl", session());
    for (question, code) in [("question", 0), ("other", 3)] {
        let mut server = Listening::start(&["replay", &file, "--until-stdin-ends"]);
        let mut ws = stdws::connect(&server.url).unwrap();
        ws.send(question).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("answer"));
        ws.close(4001, "").unwrap();
        drop(server.tool.stdin.take());
        assert_eq!(server.tool.wait(), code, "{question}");
    }
}

#[test]
fn pauses_are_kept_unless_it_is_fast() {
    let late = |seconds| {
        let mut late = entry(Side::Client, What::Message("two".into()));
        late.at += Duration::from_secs(seconds);
        [message(Side::Client, "one"), late.line(), closed(Side::Client, 1000)].concat()
    };
    let (sender, closes) = std::sync::mpsc::channel();
    let server = server(move |mut ws| {
        while ws.recv()?.is_some() {}
        sender.send(ws.close_info().unwrap().code().as_u16()).unwrap();
        Ok(())
    });
    // The pause is measured here: it can be longer on a busy machine, and never shorter.
    let start = Instant::now();
    replay(&late(1), &[&server.url()], 0);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(closes.recv().unwrap(), 1000);
    // Without `--fast` this would take a day.
    replay(&late(86_400), &["--fast", &server.url()], 0);
}

#[test]
fn recordings_of_cat_and_of_record_are_played() {
    let (server, folder) = (server(echo), Folder::new());
    let url = server.url();
    let recorded = run(["cat", "--json", "--linger=1000", "--exit-after=2", &*url], "one\ntwo\n").expect(0);
    let run_of_cat = replay(recorded.text(), &["--fast", &url], 0);
    assert_eq!(run_of_cat.text(), "2 sent, 2 received, 0 different\n");
    let file = folder.0.join("session.jsonl").into_os_string().into_string().unwrap();
    let mut recorder = Listening::start(&["record", &url, "--output", &file, "--until-stdin-ends"]);
    let mut ws = stdws::connect(&recorder.url).unwrap();
    for message in [Message::Text("a".into()), Message::Binary(vec![1; 100_000])] {
        ws.send(&message).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), message);
    }
    ws.close(1000, "").unwrap();
    drop(recorder.tool.stdin.take());
    assert_eq!(recorder.tool.wait(), 0);
    // The tool as the server of the tool.
    let replaying = Listening::start(&["replay", &file]);
    let run = run(["replay", &*file, &replaying.url], "").expect(0);
    assert_eq!(run.text(), "2 sent, 2 received, 0 different\n");
}

#[test]
fn entries_are_read_as_they_are_written() {
    let whats = [
        What::Message(Message::Text("\"\\\n\0\u{7f}\u{2028}\u{1f600}é".into())),
        What::Message(Message::Binary(vec![])),
        What::Message(Message::Binary(vec![0, 255])),
        What::Closed(4001, "a \"reason\"".into()),
        What::Lost,
    ];
    for what in whats {
        for at in [0, 951_782_399_999, 951_782_400_000, 951_868_800_001, 4_107_542_400_000] {
            for side in [Side::Client, Side::Server] {
                let what = match &what {
                    What::Message(message) => What::Message(message.clone()),
                    What::Closed(code, reason) => What::Closed(*code, reason.clone()),
                    What::Lost => What::Lost,
                };
                let entry = Entry { at: Duration::from_millis(at), connection: 7, side, what };
                let read = Entry::parse(&entry.line()).unwrap().unwrap();
                // A fraction of a second passes through a floating point number.
                let apart = read.at.max(entry.at) - read.at.min(entry.at);
                assert!(apart < Duration::from_micros(1), "{read:?}");
                assert_eq!(Entry { at: entry.at, ..read }, entry);
            }
        }
    }
    // As other programs write the same.
    let line = r#" { "event" : "message", "time":"2026-11-27T00:00:00Z", "direction":"sent","type":"text",
        "data":"\ud83d\ude00\/\u00e9", "more": -1.5e3, "none": null } "#;
    let read = Entry::parse(line).unwrap().unwrap();
    assert_eq!(read.what, What::Message("\u{1f600}/é".into()));
}

#[test]
fn wrong_recordings_name_the_line() {
    let good = session();
    let time = "\"time\":\"2026-11-27T00:00:00Z\"";
    let cases = [
        ("[]".to_owned(), "a '{' is missing"),
        ("{\"event\":\"message\"".to_owned(), "a ',' or '}' is missing"),
        ("{\"event\":\"message\"} x".to_owned(), "'x' stands behind the object"),
        ("{\"event\":{}}".to_owned(), "a value is an object or a list"),
        ("{\"event\":\"a\\u12\"}".to_owned(), "invalid escape"),
        ("{\"event\":\"\\ud83d x\"}".to_owned(), "invalid escape"),
        ("{\"event\":\"a".to_owned(), "a string does not end"),
        ("{}".to_owned(), "\"event\" is missing"),
        (format!("{{{time},\"event\":\"message\",\"type\":\"text\"}}"), "\"data\" is missing"),
        (format!("{{{time},\"event\":\"closed\",\"code\":65536,\"by\":\"client\"}}"), "the code is no number"),
        (good.lines().next().unwrap().replace("2023-11", "2023-13"), "the time has not the form"),
        (good.lines().next().unwrap().replace("sent", "up"), "neither"),
    ];
    for (line, problem) in cases {
        let run = replay(&format!("{good}{line}\n"), &["ws://127.0.0.1:1"], 1);
        assert!(run.stderr.contains("line 4: ") && run.stderr.contains(problem), "{line}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
    }
    assert!(replay(&good, &["--addr=127.0.0.1:0", "ws://127.0.0.1:1"], 2).stderr.contains("nothing with a URL"));
    assert!(replay(&good, &["--origin=http://a"], 2).stderr.contains("nothing without a URL"));
    assert!(replay("", &[], 1).stderr.contains("no such connection"));
    assert!(replay(&good, &["--connection=9"], 1).stderr.contains("no such connection"));
    assert!(run(["replay", "missing.jsonl"], "").expect(1).stderr.contains("missing.jsonl: "));
}
