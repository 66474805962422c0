//! The tour, `examples/tour.rs`: each chapter runs as a process of its own under a watchdog, shows the facts that it is about,
//! cites requirements that exist, and is plain text.
//!
//! The process is this program again, with the tour in it: `cargo test --test tour` does not build the examples.

#[cfg(feature = "native-tls")]
#[path = "support/tls.rs"]
mod certificates;
#[path = "support/program.rs"]
mod program;
#[allow(dead_code)] // Its `main` has no use here.
#[path = "../examples/tour.rs"]
mod tour;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The arguments of the tour, one a line, in the environment of the child.
const ARGUMENTS: &str = "STDWS_TOUR_ARGUMENTS";
/// The line after which the output of the tour begins.
const BEGIN: &str = "the tour begins";
/// Limit of a child.
const LONG: Duration = Duration::from_secs(300);

/// The tour itself, in a child.
#[test]
fn child() {
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    println!("{BEGIN}");
    std::process::exit(i32::from(tour::run(arguments.lines().map(str::to_owned))));
}

struct Ran {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// Starts the tour, and returns its output behind the line [`BEGIN`].
fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = program::command(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=2"])
        .env(ARGUMENTS, arguments.join("\n"))
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with(&format!("{BEGIN}\n")) {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child does not begin");
    }
    (child, out)
}

/// Runs the tour, and ends it when it takes too long.
fn run(arguments: &[&str]) -> Ran {
    let (child, mut stdout) = start(arguments);
    finish(child, arguments, move || {
        let mut out = String::new();
        stdout.read_to_string(&mut out).unwrap();
        out
    })
}

/// Waits for the end of the child, and for its output that `read` returns.
fn finish(mut child: Child, arguments: &[&str], read: impl FnOnce() -> String + Send + 'static) -> Ran {
    let mut stderr = child.stderr.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (out, mut errors) = (read(), String::new());
        stderr.read_to_string(&mut errors).unwrap();
        let _ = sender.send((out, errors));
    });
    let Ok((out, errors)) = receiver.recv_timeout(LONG) else {
        let _ = child.kill();
        panic!("{arguments:?} does not end");
    };
    Ran { code: child.wait().unwrap().code(), out, errors }
}

/// Ids of all requirements.
fn requirements() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let ids = |text: String| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').next().unwrap().into()).collect()
    };
    files.flat_map(ids).collect()
}

/// Runs this chapter, and checks what holds for all. Returns the output.
#[track_caller]
fn chapter(arguments: &[&str]) -> String {
    let Ran { code, out, errors } = run(arguments);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?}\n{out}");
    plain(&out);
    let behind: String = out.split("Behind it: ").skip(1).collect();
    let words = behind.split([' ', '\n', ':', ';', ',']).map(|word| word.trim_end_matches('.'));
    let is_id = |word: &&str| word.split('-').count() == 3 && word.contains(|c: char| c.is_ascii_digit());
    let cited: Vec<&str> = words.filter(is_id).collect();
    assert!(!cited.is_empty(), "{arguments:?} cites no requirement: {out}");
    let known = requirements();
    for id in cited {
        assert!(known.contains(id), "{arguments:?} cites {id}, which does not exist");
    }
    out
}

/// Text for a file or a pager: no escape codes, and lines that fit.
#[track_caller]
fn plain(out: &str) {
    for line in out.lines() {
        assert!(line.len() <= 100 && line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    }
}

#[track_caller]
fn has(out: &str, facts: &[&str]) {
    let mut rest = out;
    for fact in facts {
        let at = rest.find(fact).unwrap_or_else(|| panic!("no {fact:?} in order in {out}"));
        rest = &rest[at + fact.len()..];
    }
}

/// Runs a chapter that needs a feature, or sees it refused in a build without it.
#[track_caller]
fn optional(name: &str, feature: &str, is_on: bool, facts: &[&str]) {
    if is_on {
        return has(&chapter(&[name]), facts);
    }
    let Ran { code, out, errors } = run(&[name]);
    let line = format!(
        "tour: the chapter {name} needs the feature {feature}: cargo run --features {feature} --example tour -- {name}\n"
    );
    assert_eq!((code, out.as_str(), errors), (Some(2), "", line));
}

/// 6455-4.1-44, 6455-5.1-1, 6455-5.4-5, 6455-5.5.1-6, 7692-6.1-1
#[test]
fn one_connection_from_its_handshake_to_its_end() {
    let out = chapter(&[]);
    has(
        &out,
        &[
            "==== 1. The opening handshake (RFC 6455 section 4) ====",
            "client -> server  Opening handshake: the request",
            "HTTP/1.1 101 Switching Protocols",
            "==== 2. A text, and its echo",
            "text      \"Hello!\"",
            "==== 3. A binary message",
            "==== 4. A message in fragments, with a Ping",
            "client -> server  Ping frame with",
            "server -> client  Pong frame with",
            "==== 5. The closing handshake",
            "code      1000: normal closure",
            "Both sides have ended the TCP connection.",
            "Two HTTP heads, 6 frames from the client and 5 from the server",
        ],
    );
    assert_eq!(chapter(&["connection"]).matches("====").count(), out.matches("====").count());
    let compressed = ["RSV1 is 1: the message is compressed", "==== 4 1/2. ", "7 frames from the client and 6"];
    optional("compression", "deflate", cfg!(feature = "deflate"), &compressed);
    let deflated = run(&["--deflate"]);
    if cfg!(feature = "deflate") {
        has(&deflated.out, &compressed);
    }
    assert_eq!(deflated.code, Some(if cfg!(feature = "deflate") { 0 } else { 1 }));
}

/// 6455-4.1-44, 6455-4.2.2-5, 6455-4.2.2-6, 6455-4.4-1, 6455-10.2-2
#[test]
fn handshakes_that_fail() {
    has(
        &chapter(&["version"]),
        &[
            "Sec-WebSocket-Version: 14",
            "HTTP/1.1 426 ",
            "Sec-WebSocket-Version: 13 ",
            "==> The list has 13",
            "HTTP/1.1 101 ",
            "6455-4.2.2-6",
            "6455-4.4-1",
        ],
    );
    has(
        &chapter(&["accept"]),
        &["HTTP/1.1 101 ", "==> connect() of the client fails:", "Sec-WebSocket-Accept", "6455-4.1-44"],
    );
    has(
        &chapter(&["origin"]),
        &["Origin: http://evil.example", "HTTP/1.1 403 ", "==> connect() of the client fails:", "6455-10.2-2"],
    );
}

/// 6455-5.1-2, 6455-8.1-1, 6455-10.4-2, 6455-7.4.1-s1
#[test]
fn connections_that_fail() {
    has(
        &chapter(&["violation"]),
        &[
            "BROKEN RULE  a frame from a client is not masked (6455-5.1-2)",
            "server -> client  Close frame",
            "1002: protocol error",
            "==> recv() of the server fails:",
            "6455-5.1-3",
        ],
    );
    has(
        &chapter(&["utf-8"]),
        &["text      \"caf\\xe9\"", "BROKEN RULE", "Close frame", "1007: invalid payload", "6455-8.1-1: anything"],
    );
    has(
        &chapter(&["too-big"]),
        &["Binary frame with 200 bytes", "1009: message too big", "close_info() has the code 1009", "6455-10.4-2"],
    );
}

/// 6455-4.1-10, 6455-4.1-13, 9110-9.3.6-1, 9110-9.3.6-3, 1928-3-3, 1928-4-1, 1929-2-1
#[test]
fn connections_through_proxies() {
    let on = cfg!(feature = "proxy");
    optional(
        "connect",
        "proxy",
        on,
        &[
            "client -> proxy  The request for a tunnel",
            "HTTP/1.1 407 ",
            "==> connect() of the client fails:",
            "Proxy-Authorization: (not shown)",
            "2xx: the proxy has connected to the server",
            "client -> server  Opening handshake: the request",
            "\"Hello!\"",
            "9110-9.3.6-3",
        ],
    );
    optional(
        "socks",
        "proxy",
        on,
        &[
            "ff: none of the methods is acceptable",
            "==> connect() of the client fails:",
            "password  (not shown)",
            "address   localhost",
            "0: the proxy has connected to the server",
            "client -> server  Opening handshake: the request",
            "\"Hello!\"",
            "1928-3-3",
        ],
    );
}

/// 6455-4.4-s1, hixie55-4.1-13, hixie75-3.1-4, hixie55-4.1-10, hybi09-9.2.1-1, hixie76-4.2-1, hixie76-4.2-4, hixie76-4.3-1
#[test]
fn drafts() {
    let rows: [(&str, &[&str]); 6] = [
        ("draft-fallback", &["Version: 13", "426", "Sec-WebSocket-Version: 8 ", "Version: 8 ", "101", "6455-4.4-s1"]),
        ("draft-subprotocol", &["WebSocket-Protocol: chat/2", "WebSocket-Protocol: chat/2", "hixie75-3.1-4"]),
        ("draft-cookie", &["Cookie: visits=1", "Set-Cookie: visits=2", "==> response()", "hixie55-4.1-10"]),
        ("draft-extension", &["Extensions: deflate-stream", "Extensions: deflate-stream", "hybi09-9.2.1-1"]),
        (
            "draft-skipped",
            &[
                "Ignored frame, 5 bytes",
                "Ignored frame, 5 bytes",
                "server -> client  Text frame with 6",
                "hixie76-4.2-1",
            ],
        ),
        (
            "draft-utf-8",
            &["\"caf\\xe9!\"", "==> recv() of the client returns the text \"caf\\u{fffd}!\"", "hixie76-4.3-1"],
        ),
    ];
    for (name, facts) in rows {
        optional(name, "legacy", cfg!(feature = "legacy"), facts);
    }
    let Ran { code, out, errors } = run(&["--version", "hixie-76", "--version", "hybi-04"]);
    if cfg!(feature = "legacy") {
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        plain(&out);
        has(&out, &["==== hybi-00: the opening handshake", "Closing frame", "==== hybi-04: ", "Close frame"]);
    } else {
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(errors.contains("need the feature legacy"), "{errors}");
    }
}

/// 6455-4.1-14, 6455-4.1-16, 6455-4.2.2-2, 6455-4.1-18
#[test]
fn what_tls_hides() {
    let Ran { code, out, errors } = run(&["tls"]);
    assert_eq!((code, out.as_str(), errors.lines().count()), (Some(2), "", 1));
    #[cfg(not(feature = "native-tls"))]
    assert!(errors.contains("needs the feature native-tls: cargo run --features native-tls"), "{errors}");
    #[cfg(all(feature = "native-tls", feature = "proxy"))]
    {
        assert!(errors.contains("--tls FILE --password-file FILE"), "{errors}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = |name: &str, content: &[u8]| {
            let path = folder.join(format!("tour-{}-{name}", std::process::id()));
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let identity = file("identity.p12", &certificates::certificates().file("right.p12"));
        let authority = file("authority.pem", &certificates::certificates().file("authority.pem"));
        let password = file("password", format!("{}\n", certificates::PASSWORD).as_bytes());
        let files = ["tls", "--tls", &identity, "--password-file", &password, "--authority", &authority];
        let out = chapter(&files);
        has(
            &out,
            &[
                "CONNECT localhost:",
                "HTTP/1.1 200 ",
                "ClientHello",
                "readable in it: the name localhost",
                "application data, encrypted",
                "==> The client sends the text \"Hello!\"",
                "application data, encrypted",
                "==> The proxy has seen when",
                "6455-4.1-14",
            ],
        );
        assert!(!out.contains("/secret-path") && !out.contains("GET "), "{out}");
        // Without the authority the client does not trust the server, and says so in one line.
        let Ran { code, errors, .. } = run(&files[..5]);
        assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
    }
}

#[test]
fn the_list_has_every_chapter_and_what_it_needs() {
    let Ran { code, out, errors } = run(&["--list"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    plain(&out);
    let names: Vec<&str> = out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let own = ["connection", "version", "accept", "origin", "violation", "utf-8", "too-big"];
    let proxied = ["connect", "socks"];
    let drafts =
        ["fallback", "subprotocol", "cookie", "extension", "skipped", "utf-8"].map(|name| format!("draft-{name}"));
    let all =
        own.iter().chain(&proxied).chain(&["compression", "tls"]).copied().chain(drafts.iter().map(String::as_str));
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), all.collect(), "{out}");
    assert_eq!(names.len(), 17, "a line for each: {out}");
    for line in out.lines() {
        let name = line.split(' ').next().unwrap();
        let feature = match name {
            "compression" => "[feature deflate]",
            "connect" | "socks" => "[feature proxy]",
            "tls" => "[feature native-tls]",
            draft if draft.starts_with("draft-") => "[feature legacy]",
            _ => "",
        };
        assert!(line.ends_with(feature) && line.contains('[') != feature.is_empty(), "{line}");
    }
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_in_one_line() {
    let rows: [(&[&str], &str); 7] = [
        (&["nonsense"], "there is no chapter \"nonsense\"; tour --list shows all"),
        (&["accept", "nonsense"], "there is no chapter \"nonsense\""),
        (&["--nonsense"], "there is no setting \"--nonsense\"; see tour --help"),
        (&["--version"], "--version needs a value"),
        (&["--page", "--list"], "--page shows connections of RFC 6455"),
        (&["accept", "--legacy"], "a chapter has no settings"),
        (&["accept", "--tls", "x"], "--tls FILE and --password-file FILE belong together"),
    ];
    for (arguments, problem) in rows {
        let Ran { code, out, errors } = run(arguments);
        // Nothing runs before all names are known.
        assert_eq!((code, out.as_str(), errors.lines().count()), (Some(2), "", 1), "{arguments:?}: {errors}");
        assert!(errors.starts_with(&format!("tour: {problem}")), "{errors}");
    }
    let help = run(&["--help"]);
    assert_eq!((help.code, help.errors.as_str()), (Some(0), ""));
    plain(&help.out);
    has(&help.out, &["--page", "--list", "--tls FILE", "NO_COLOR"]);
}

#[test]
fn chapters_run_one_after_another() {
    has(&chapter(&["origin", "accept"]), &["==== origin: ", "HTTP/1.1 403", "==== accept: ", "HTTP/1.1 101"]);
}

/// What the page shows is tested in `tests/page.rs` and, in a browser, in `tests/browser/page.rs`.
#[test]
fn the_page_stays_until_the_input_ends() {
    // The input of a child has ended from the start.
    let out = chapter(&["--page", "violation"]);
    has(&out, &["The page: http://127.0.0.1:", "==== violation: ", "The page stays until you press Enter."]);
    assert!(!out.contains("not on the page"));
    #[cfg(feature = "proxy")]
    has(&chapter(&["--page", "connect"]), &["==== connect: ", "This chapter is not on the page: proxies, "]);
}

/// As `tour | head` does.
#[test]
fn a_reader_that_ends_early_is_no_failure() {
    let (child, mut out) = start(&["origin", "accept", "violation"]);
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let ran = finish(child, &["head"], String::new);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
}

#[test]
fn colours_need_a_terminal_that_has_them_and_no_wish_against_them() {
    use tour::output::Output;
    type Row = (bool, &'static [(&'static str, &'static str)], Output);
    let rows: [Row; 8] = [
        (true, &[("TERM", "xterm")], Output::Coloured),
        (false, &[("TERM", "xterm")], Output::Plain),
        (true, &[("TERM", "xterm"), ("NO_COLOR", "1")], Output::Plain),
        (true, &[("TERM", "xterm"), ("NO_COLOR", "")], Output::Coloured),
        (true, &[("TERM", "dumb")], Output::Plain),
        (true, &[], Output::Plain),
        (true, &[("WT_SESSION", "x")], Output::Coloured),
        (true, &[("WT_SESSION", "x"), ("NO_COLOR", "0")], Output::Plain),
    ];
    for (is_terminal, variables, expected) in rows {
        let value = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        assert_eq!(Output::choose(is_terminal, value), expected, "{is_terminal} {variables:?}");
    }
}
