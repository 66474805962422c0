//! `ws explain`: the forms of its input, the direction, and the exit code.

use crate::tool::{run, Folder, Run, Tool};

/// "Hello" from a client: the masked frame of RFC 6455 section 5.7.
const MASKED: &str = "81 85 37 fa 21 3d 7f 9f 4d 51 58";

const REQUEST: &str = "GET /feed?token=1234 HTTP/1.1\r\nHost: h\r\nCookie: 1234\r\n\r\n";

fn explain(args: &[&str], input: impl AsRef<[u8]>) -> Run {
    run(["explain"].iter().chain(args), input)
}

#[test]
fn all_forms_of_the_input_are_the_same() {
    let folder = Folder::new();
    let expected = explain(&[MASKED], "").expect(0);
    assert!(expected.text().contains("client -> server  Text frame with 5 bytes"), "{}", expected.text());
    assert!(expected.text().contains("\"Hello\""));
    let bytes = crate::hex::parse(MASKED).unwrap();
    let (text, raw) = (folder.file("text", MASKED), folder.file("raw", &bytes));
    let words: Vec<&str> = MASKED.split(' ').collect();
    assert_eq!(explain(&words, "").expect(0).text(), expected.text());
    assert_eq!(explain(&[], MASKED).expect(0).text(), expected.text());
    assert_eq!(explain(&["--raw"], &bytes).expect(0).text(), expected.text());
    assert_eq!(explain(&["--file", &text], "").expect(0).text(), expected.text());
    assert_eq!(explain(&["--raw", "--file", &raw], "").expect(0).text(), expected.text());
    let dump = "00000000: 8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX\n";
    assert_eq!(explain(&[], dump).expect(0).text(), expected.text());
}

#[test]
fn the_bytes_or_the_flags_decide_who_sends() {
    let plain = "810548656c6c6f";
    assert!(explain(&[plain], "").expect(0).text().contains("server -> client"));
    assert!(explain(&["--client", plain], "").expect(3).text().contains("BROKEN RULE"));
    assert!(explain(&["--server", MASKED], "").expect(3).text().contains("BROKEN RULE"));
    let request = explain(&["--raw"], REQUEST).expect(0);
    assert!(request.text().contains("client -> server  Opening handshake"), "{}", request.text());
    let response = explain(&["--raw"], "HTTP/1.1 101 Switching Protocols\r\n\r\n\u{1}\0").expect(3);
    assert!(response.text().contains("server -> client  Opening handshake"), "{}", response.text());
    // Without the flag these bytes are no head.
    assert!(explain(&["--raw", "--client", "--handshake"], "PUT / HTTP/1.1\r\n\r\n")
        .text()
        .contains("Opening handshake"));
    assert!(explain(&["--client", "--server", plain], "").expect(2).stderr.contains("exclude each other"));
}

#[test]
fn compressed_messages_and_drafts() {
    let compressed = "c1 07 f2 48 cd c9 c9 07 00";
    assert!(explain(&["--deflate", compressed], "").expect(0).text().contains("\"Hello\""));
    assert!(explain(&[compressed], "").expect(3).text().contains("BROKEN RULE"));
    let draft = explain(&["--version=hixie-75", "--server", "00 48 69 ff"], "");
    match cfg!(feature = "legacy") {
        true => assert!(draft.expect(0).text().contains("\"Hi\"")),
        false => assert!(draft.expect(2).stderr.contains("--features legacy")),
    }
}

#[test]
fn secrets_are_masked() {
    assert!(!explain(&["--raw"], REQUEST).expect(0).text().contains("1234"));
    let shown = explain(&["--raw", "--show-secrets"], REQUEST).expect(0);
    assert_eq!(shown.text().matches("1234").count(), 2, "{}", shown.text());
}

#[test]
fn an_incomplete_input_says_what_is_missing() {
    for (input, text) in [
        ("81", "inside the header of a frame, after 1 bytes: 81."),
        ("81 05 48", "after 1 of the 5 bytes of the payload."),
        ("01 01 48", "The frame with FIN is missing."),
    ] {
        let run = explain(&[input], "").expect(3);
        assert!(run.text().contains(text), "{}", run.text());
    }
    assert!(explain(&["--raw"], "GET / HTTP").expect(3).text().contains("before the end of line 1."));
}

#[test]
fn wrong_input_is_one_line() {
    let cases: [(&[&str], &[u8], i32, &str); 6] = [
        (&["8"], b"", 1, "odd number of digits"),
        (&["xy"], b"", 1, "'x' is no hexadecimal digit"),
        (&[], b"", 2, "there are no bytes"),
        (&[], b"\xff\xff", 1, "--raw explains it"),
        (&["--raw", "81"], b"", 2, "operands are hexadecimal"),
        (&["--file", "/missing/file"], b"", 1, "/missing/file: "),
    ];
    for (args, input, code, text) in cases {
        let run = explain(args, input).expect(code);
        assert!(run.stderr.contains(text) && run.stderr.lines().count() == 1, "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_reader_that_ends_ends_it_quietly() {
    let folder = Folder::new();
    let file = folder.file("frames", [0x89, 0x00].repeat(1_000_000));
    let mut tool = Tool::start(["explain", "--raw", "--file", &file]);
    let mut byte = [0];
    std::io::Read::read_exact(tool.child.stdout.as_mut().unwrap(), &mut byte).unwrap();
    drop(tool.child.stdout.take());
    assert_eq!(tool.wait(), 0);
    assert_eq!(tool.stderr(), "");
}
