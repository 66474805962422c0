//! What the commands show on a terminal while they take their time.

use std::io::Read;
use std::process::Command;
use std::time::Instant;

use crate::cat::server;
use crate::tool::{command, in_a_shell, run_command, Tool, WATCHDOG};

/// Waits until the tool shows this on a terminal, and kills it. Returns all that was shown.
fn shows(call: &str, expected: &str) -> String {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{} {call}", in_a_shell()), "/dev/null"]);
    let mut tool = Tool::start_command(script);
    let (mut shown, mut byte) = (Vec::new(), [0]);
    let end = Instant::now() + WATCHDOG;
    while !String::from_utf8_lossy(&shown).contains(expected) {
        let count = tool.child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
        assert!(count == 1 && Instant::now() < end, "{expected}: {}", String::from_utf8_lossy(&shown));
        shown.push(byte[0]);
    }
    String::from_utf8(shown).unwrap()
}

#[test]
fn progress_is_shown_on_a_terminal_only() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("not tested: `script` of util-linux is not installed");
        return;
    }
    let silent = server(|mut ws| {
        while ws.recv()?.is_some() {}
        Ok(())
    });
    let url = silent.url();
    let none = "0 open connections, 0 in all ... ";
    // Each line replaces the one before.
    let echo = shows("echo --addr 127.0.0.1:0", &format!("ws echo: {none}2 s"));
    assert!(echo.contains(&format!("ws echo: {none}1 s\r\x1b[Kws echo: {none}2 s")), "{echo:?}");
    shows("run --addr 127.0.0.1:0 -- cat", &format!("ws run: {none}1 s"));
    shows(&format!("bridge --addr 127.0.0.1:0 {url}"), &format!("ws bridge: {none}1 s"));
    let bench = format!("bench --timeout 1000 --duration 1000 {url}");
    shows(&bench, "ws bench: [....................] 0 messages ... 1 s");
    // What it writes otherwise begins in a line of its own.
    let bench = shows(&format!("bench --timeout 3 --duration 3 {url}"), "timed out");
    let (_, after) = bench.rsplit_once(" s\r\x1b[K").unwrap();
    assert!(!after.contains(" ... "), "{bench:?}");
    // In a pipe nothing is shown, however long it takes.
    let quiet = run_command(command(["cat", &*url, "--linger=2.5"]), "").expect(0);
    assert_eq!((quiet.text(), &*quiet.stderr), ("", ""));
}
