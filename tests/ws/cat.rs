//! `ws cat` with servers that do what they should.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stdws::{CloseCode, Message, Server, ServerHandle, WebSocket};

use crate::tool::{run, Folder, Run};

pub(crate) fn server(handler: impl Fn(WebSocket) -> stdws::Result<()> + Send + Sync + 'static) -> ServerHandle {
    Server::bind("127.0.0.1:0").unwrap().start(handler).unwrap()
}

fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(())
}

/// Ends after this number of answers, and not because of the time.
fn cat(url: &str, answers: u32, more: &[&str], input: impl AsRef<[u8]>) -> Run {
    let count = answers.to_string();
    let args = ["cat", url, "--linger", "1000", "--exit-after", &count];
    run(args.iter().chain(more), input).expect(0)
}

#[test]
fn lines_go_both_ways() {
    let server = server(echo);
    let run = cat(&server.url(), 3, &[], "one\ntwo \u{e9}\r\n\nlast");
    assert_eq!((run.text(), &*run.stderr), ("one\ntwo \u{e9}\n\n", ""));
}

#[test]
fn marks_times_and_control_frames() {
    let server = server(|mut ws| {
        ws.send_ping(b"1234")?;
        echo(ws)
    });
    // The Ping precedes the echo, and its Pong follows it at once.
    let run = cat(&server.url(), 1, &["-v", "--timestamps"], "one\n");
    let mut marked = Vec::new();
    for line in run.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{line}");
        marked.push(rest);
    }
    for expected in ["< [ping: 4 bytes]", "> [pong: 4 bytes]", "> one", "< one", "> [close: 1000]", "< [close: 1000]"] {
        assert!(marked.contains(&expected), "{expected}: {marked:?}");
    }
    assert!(!run.text().contains('\x1b'));
    // Control frames of a plain output do not mix with the messages.
    let run = cat(&server.url(), 1, &["-v", "--plain"], "one\n");
    assert_eq!(run.text(), "one\n");
    assert!(run.stderr.contains("ws cat: > close: 1000"), "{}", run.stderr);
}

#[test]
fn one_object_for_each_event() {
    let server = server(|mut ws| {
        ws.send(&[0, 255])?;
        echo(ws)
    });
    let url = format!("{}/feed?token=1234", server.url());
    let run = cat(&url, 2, &["--json", "-v", "--close", "4001", "by \"me\""], "say \"hi\"\n");
    let objects: Vec<String> = run.lines().iter().map(|line| without_time(line)).collect();
    assert_eq!(objects[0], format!("\"event\":\"open\",\"url\":\"{}/feed\"}}", server.url()));
    for expected in [
        r#""event":"message","direction":"received","type":"binary","hex":"00ff"}"#,
        r#""event":"message","direction":"sent","type":"text","data":"say \"hi\""}"#,
        r#""event":"message","direction":"received","type":"text","data":"say \"hi\""}"#,
        r#""event":"close","direction":"sent","detail":"4001"}"#,
    ] {
        assert!(objects.iter().any(|object| object == expected), "{expected}: {objects:?}");
    }
    let last = objects.last().unwrap();
    assert!(last.starts_with(r#""event":"closed","code":4001,"#) && last.ends_with(r#""by":"client"}"#), "{last}");
    // The query may be a token.
    let run = cat(&url, 1, &["--json", "--show-secrets"], "");
    assert!(run.text().contains("/feed?token=1234"));
}

fn without_time(line: &str) -> String {
    let rest = line.strip_prefix("{\"time\":\"").unwrap();
    assert_eq!(&rest[23..26], "Z\",", "{line}");
    rest[26..].to_owned()
}

#[test]
fn hexadecimal_both_ways() {
    let server = server(echo);
    let run = cat(&server.url(), 2, &["--hex"], "00 ff\n0x0a,0x0d\n");
    assert_eq!(run.text(), "00 ff\n0a 0d\n");
    let run = cat(&server.url(), 1, &["--preamble", "no digits"], "");
    assert_eq!(run.text(), "no digits\n");
}

#[test]
fn bytes_pass_unchanged() {
    const LENGTH: usize = 300_000;
    let bytes: Vec<u8> = (0..LENGTH as u64).map(|n| (n * n / 7) as u8).collect();
    let server = server(|mut ws| {
        let mut total = 0;
        while total < LENGTH {
            let Some(Message::Binary(bytes)) = ws.recv()? else { panic!("a binary message") };
            total += bytes.len();
            ws.send(&bytes)?;
        }
        ws.close(1000, "").map(drop)
    });
    let run = run(["cat", "--binary", "--linger=1000", server.url().as_str()], &bytes).expect(0);
    assert!(run.stdout == bytes, "{} bytes", run.stdout.len());
}

#[test]
fn binary_messages_are_summarised_in_lines() {
    let server = server(|mut ws| {
        ws.send(&[7; 40])?;
        ws.send(&[][..])?;
        echo(ws)
    });
    let run = cat(&server.url(), 2, &[], "");
    assert_eq!(run.text(), format!("[40 bytes]{} ...\n[0 bytes]\n", " 07".repeat(32)));
}

#[test]
fn a_file_is_one_message() {
    let (server, folder) = (server(echo), Folder::new());
    let file = folder.file("message.json", "{\n  \"a\": 1\n}\n");
    let run = cat(&server.url(), 1, &["--json", "--text-file", &file], "not read\n");
    assert!(run.text().contains(r#""received","type":"text","data":"{\n  \"a\": 1\n}\n""#), "{}", run.text());
    let run = cat(&server.url(), 1, &["--text-file=-"], "two\nlines");
    assert_eq!(run.text(), "two\nlines\n");
}

#[test]
fn one_question_and_its_answer() {
    let (sender, closes) = mpsc::channel();
    let server = server(move |mut ws| {
        let question = ws.recv()?.unwrap();
        ws.send(format!("{question}!"))?;
        ws.send("a second answer")?;
        while ws.recv()?.is_some() {}
        sender.send(ws.close_info().unwrap()).unwrap();
        Ok(())
    });
    let run = run(["cat", &*server.url(), "--once", "hello", "--close", "4002", "done"], "not read\n").expect(0);
    assert_eq!((run.text(), &*run.stderr), ("hello!\n", ""));
    let info = closes.recv().unwrap();
    assert_eq!((info.code().as_u16(), info.reason()), (4002, "done"));
}

#[test]
fn no_echo_is_lost_at_the_end_of_the_input() {
    const COUNT: u32 = 20_000;
    // As many servers do, this one answers a Close at once, and drops the answers that are still in its queue.
    let server = server(|mut ws| {
        let (queue, queued) = mpsc::channel::<Message>();
        let sender = ws.sender();
        let answering = thread::spawn(move || queued.iter().try_for_each(|message| sender.send(&message)));
        while let Some(message) = ws.recv()? {
            queue.send(message).unwrap();
        }
        drop(queue);
        let _ = answering.join().unwrap();
        Ok(())
    });
    let input: String = (0..COUNT).map(|n| format!("{n}\n")).collect();
    let run = cat(&server.url(), COUNT, &[], &input);
    assert!(run.text() == input, "{} lines", run.lines().len());
}

#[test]
fn it_waits_for_an_answer_that_is_late() {
    let server = server(|mut ws| {
        let question = ws.recv()?.unwrap();
        // The input has ended meanwhile. Without the waiting there would be a Close.
        let waiting = ws.recv_timeout(Duration::from_millis(300));
        assert!(waiting.is_err_and(|error| error.is_timeout()), "closed");
        ws.send(&question)?;
        ws.close(CloseCode::NORMAL, "").map(drop)
    });
    let run = run(["cat", &*server.url(), "--linger", "1000"], "late\n").expect(0);
    assert_eq!(run.text(), "late\n");
}

#[test]
fn it_closes_after_the_quiet_time() {
    let (sender, closes) = mpsc::channel();
    let server = server(move |mut ws| {
        while ws.recv()?.is_some() {}
        sender.send(ws.close_info().unwrap()).unwrap();
        Ok(())
    });
    for linger in [&["--linger=0"][..], &["--linger", "0.1"], &[]] {
        run(["cat", &*server.url(), "--close=1008", "quiet"].iter().chain(linger), "ignored\n").expect(0);
        let info = closes.recv().unwrap();
        assert_eq!((info.code().as_u16(), info.reason()), (1008, "quiet"));
    }
}

#[test]
fn settings_of_the_request_arrive() {
    let server = Server::bind("127.0.0.1:0").unwrap().subprotocols(["v2.feed"]);
    let server = server.start(|mut ws| {
        let request = ws.request().unwrap();
        let credentials = request.basic_auth().map(|c| format!("{c:?}"));
        let headers = ["Authorization", "X-One", "X-Two"].map(|name| request.header(name).map(str::to_owned));
        ws.send(format!("{headers:?} {:?} {}", ws.subprotocol(), credentials.is_some()))
    });
    let (server, folder) = (server.unwrap(), Folder::new());
    let (headers, password) = (folder.file("headers", "X-Two: 2\n\n"), folder.file("password", "open sesame\n"));
    let more = ["--header=X-One: 1", "--header-file", &headers, "--subprotocol", "v2.feed"];
    let auth = ["--user", "ali", "--password-file", &password];
    let run = cat(&server.url(), 1, &[&more[..], &auth].concat(), "");
    let expected = r#"[Some("Basic YWxpOm9wZW4gc2VzYW1l"), Some("1"), Some("2")] Some("v2.feed") true"#;
    assert_eq!(run.text().trim_end(), expected);
}
