//! `ws cat` with losses, dead peers, wrong input, readers that end, and a terminal.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use stdws::CloseCode;

use crate::cat::server;
use crate::tool::{run, Folder, Tool, WATCHDOG};

#[test]
fn the_preamble_is_sent_again_after_a_loss() {
    let connections = AtomicU32::new(0);
    let server = server(move |mut ws| {
        let first = ws.recv()?.unwrap();
        let number = connections.fetch_add(1, Ordering::Relaxed);
        ws.send(format!("{number} {first}"))?;
        match number {
            0 => ws.close(CloseCode::GOING_AWAY, "").map(drop),
            _ => ws.close(CloseCode::NORMAL, "").map(drop),
        }
    });
    let mut tool = Tool::start(["cat", &*server.url(), "--reconnect", "--preamble", "subscribe"]);
    let lines = tool.output();
    assert_eq!([lines.next(), lines.next()], ["0 subscribe", "1 subscribe"]);
    assert_eq!(tool.wait(), 0);
    assert!(tool.stderr().contains("1001"));
}

#[test]
fn lines_wait_for_the_next_connection() {
    let connections = AtomicU32::new(0);
    let server = server(move |mut ws| match connections.fetch_add(1, Ordering::Relaxed) {
        0 => ws.close(CloseCode::GOING_AWAY, "").map(drop).or(Ok(())),
        _ => {
            let line = ws.recv()?.unwrap();
            ws.send(&line)?;
            ws.close(CloseCode::NORMAL, "").map(drop)
        }
    });
    let mut tool = Tool::start(["cat", &*server.url(), "--reconnect", "--linger", "1000", "--json"]);
    let lines = tool.output();
    lines.until("\"event\":\"closed\"");
    std::io::Write::write_all(tool.stdin.as_mut().unwrap(), b"kept\n").unwrap();
    lines.until(r#""received","type":"text","data":"kept""#);
    assert_eq!(tool.wait(), 0);
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let closes = |code: u16| server(move |mut ws| ws.close(code, "no\x1b[2J").map(drop));
    for (code, exit) in [(1000, 0), (1001, 0), (4000, 3), (1008, 3), (1011, 3)] {
        let server = closes(code);
        run(["cat", &*server.url(), "--linger=1000", "-v"], "").expect(exit);
    }
    // The reason of the peer cannot control the terminal.
    let server = closes(4000);
    let shown = run(["cat", &*server.url(), "--linger=1000", "-v"], "").expect(3);
    assert!(shown.stderr.contains("the server closed: 4000 \"no\\u{1b}[2J\""), "{}", shown.stderr);
    let lost = super::cat::server(|mut ws| {
        ws.abort();
        Ok(())
    });
    let run_lost = run(["cat", &*lost.url(), "--linger=1000"], "").expect(1);
    assert_eq!(run_lost.stderr.lines().count(), 1, "{}", run_lost.stderr);
}

#[test]
fn no_connection_is_one_line() {
    // Nobody listens there, and no other test gets this port.
    let refused = run(["cat", "ws://127.0.0.1:1"], "").expect(1);
    assert!(refused.stderr.starts_with("ws cat: ") && refused.stderr.lines().count() == 1, "{}", refused.stderr);
    // The body of a rejection explains it.
    let server = stdws::Server::bind("127.0.0.1:0").unwrap();
    let server = server.on_request(|_| stdws::Response::text(403, "members\nonly\n").into()).start(|_| Ok(())).unwrap();
    let rejected = run(["cat", &*server.url()], "").expect(1);
    assert!(rejected.stderr.contains("403") && rejected.stderr.contains("\"members\""), "{}", rejected.stderr);
    assert_eq!(rejected.stderr.lines().count(), 1);
}

#[test]
fn wrong_values_are_found_before_anything_is_sent() {
    let folder = Folder::new();
    let (headers, missing) = (folder.file("headers", "no colon 1234\n"), format!("{}/missing", folder.0.display()));
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--close", "1005", ""], 2, "--close takes a code that may be sent"),
        (&["--close", "x", ""], 2, "--close takes a code that may be sent"),
        (&["--exit-after", "0"], 2, "--exit-after takes a number from 1"),
        (&["--hex", "--binary"], 2, "--hex and --binary exclude each other"),
        (&["--once", "a", "--reconnect"], 2, "--once and --reconnect exclude each other"),
        (&["--user", "ali"], 2, "--password-file FILE, or WS_PASSWORD"),
        (&["--digest"], 2, "--digest needs --user"),
        (&["--proxy-user", "ali"], 2, "--proxy-user needs --proxy"),
        (&["--header", "Cookie 1234"], 2, "--header has the form NAME: VALUE"),
        (&["--header-file", &headers], 2, "a line of --header-file has the form"),
        (&["--text-file", &missing], 1, "missing: "),
        (&["--preamble", "zz", "--hex"], 1, "'z' is no hexadecimal digit"),
    ];
    for (args, code, line) in cases {
        let run = run(["cat", "ws://127.0.0.1:1"].iter().chain(args), "").expect(code);
        assert!(run.stderr.contains(line) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("1234"), "{}", run.stderr);
    }
    assert!(run(["cat", "http://a b"], "").expect(2).stderr.starts_with("ws cat: "));
}

#[test]
fn a_line_that_is_not_text_ends_it() {
    let server = server(|mut ws| {
        while ws.recv()?.is_some() {}
        Ok(())
    });
    let bad = run(["cat", &*server.url(), "--linger=1000"], b"\xff\n").expect(1);
    assert!(bad.stderr.contains("--binary or --hex sends it"), "{}", bad.stderr);
    assert!(run(["cat", &*server.url(), "--hex"], b"0\n").expect(1).stderr.contains("odd number"));
}

#[test]
fn a_dead_peer_ends_it() {
    // This server reads nothing, so it answers no Ping.
    let server = server(|ws| {
        thread::park_timeout(WATCHDOG);
        drop(ws);
        Ok(())
    });
    let mut tool = Tool::start(["cat", &*server.url(), "--ping", "0.1"]);
    assert_eq!(tool.wait(), 1);
    assert!(tool.stderr().contains("timed out"));
    let mut tool = Tool::start(["cat", &*server.url(), "--once", "hello", "--timeout", "5"]);
    assert_eq!(tool.wait(), 1);
}

#[test]
fn a_reader_that_ends_ends_it_quietly() {
    let server = server(|mut ws| loop {
        ws.send("line")?;
    });
    for more in [&[][..], &["--json"], &["--binary"]] {
        let mut tool = Tool::start(["cat", &*server.url()].iter().chain(more));
        // As `head` does.
        let mut byte = [0];
        std::io::Read::read_exact(tool.child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        drop(tool.child.stdout.take());
        assert_eq!(tool.wait(), 0);
        assert_eq!(tool.stderr(), "");
    }
}

#[test]
fn a_slow_reader_loses_nothing() {
    const COUNT: u32 = 2_000;
    let server = server(|mut ws| {
        for n in 0..COUNT {
            ws.send(format!("{n:01000}"))?;
        }
        ws.close(1000, "").map(drop)
    });
    let mut tool = Tool::start(["cat", &*server.url(), "--linger=1000"]);
    // The input has ended, and the output is full.
    drop(tool.stdin.take());
    let mut first = [0; 10];
    std::io::Read::read_exact(tool.child.stdout.as_mut().unwrap(), &mut first).unwrap();
    let lines = tool.output();
    for n in 0..COUNT {
        let line = lines.next();
        assert_eq!(line.trim_start_matches('0').parse().unwrap_or(0), n);
    }
    assert_eq!(tool.wait(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn colour_on_a_terminal_only() {
    let server = server(|mut ws| {
        ws.send("red\x1b[31m")?;
        ws.close(1000, "").map(drop)
    });
    use crate::tool::{in_a_shell, run_command};
    let on_terminal = |more: &str, no_color: Option<&str>| {
        let call = format!("{} cat {} --linger 1000 {more}", in_a_shell(), server.url());
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &call, "/dev/null"]).env_remove("NO_COLOR");
        no_color.map(|value| script.env("NO_COLOR", value));
        run_command(script, "").expect(0).text().to_owned()
    };
    if std::process::Command::new("script").arg("--version").output().is_err() {
        println!("not tested: `script` of util-linux is not installed");
        return;
    }
    let coloured = on_terminal("", None);
    assert!(coloured.contains("\x1b[32m< red\\u{1b}[31m\x1b[0m"), "{coloured:?}");
    for (more, no_color) in [("", Some("1")), ("--plain", None)] {
        let shown = on_terminal(more, no_color);
        assert!(shown.contains("red\\u{1b}[31m") && !shown.contains("\x1b[32m"), "{shown:?}");
    }
    assert!(on_terminal("", Some("")).contains("\x1b[32m"), "an empty NO_COLOR does not count");
    // In a pipe the text is as it came.
    let piped = run(["cat", &*server.url(), "--linger=1000"], "").expect(0);
    assert_eq!(piped.text(), "red\x1b[31m\n");
}

#[cfg(target_os = "linux")]
#[test]
fn waiting_is_shown_on_a_terminal() {
    if std::process::Command::new("script").arg("--version").output().is_err() {
        println!("not tested: `script` of util-linux is not installed");
        return;
    }
    // Nobody accepts, so no response comes.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/feed?token=1234", listener.local_addr().unwrap());
    let call = format!("{} cat '{url}' --timeout 1000", crate::tool::in_a_shell());
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &call, "/dev/null"]);
    let mut tool = Tool::start_command(script);
    let (mut shown, mut byte) = (Vec::new(), [0]);
    let expected = format!("connecting to {} ... 2 s", url.split('?').next().unwrap());
    let end = std::time::Instant::now() + WATCHDOG;
    while !String::from_utf8_lossy(&shown).contains(&expected) {
        assert!(std::time::Instant::now() < end, "{shown:?}");
        std::io::Read::read_exact(tool.child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        shown.push(byte[0]);
    }
    assert!(!String::from_utf8_lossy(&shown).contains("1234"));
}
