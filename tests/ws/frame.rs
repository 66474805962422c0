//! What all commands share: help, wrong use, the parser of arguments, times and bytes as text.

use std::time::Duration;

use crate::args::{Args, Command, Flag, Group};
use crate::tool::run;
use crate::{args, hex, terminal};

/// The commands that `ws --help` lists.
pub(crate) fn commands() -> Vec<String> {
    let help = run(["--help"], "").expect(0);
    let listed = help.text().lines().filter_map(|line| line.strip_prefix("  "));
    let commands: Vec<_> = listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(commands.contains(&"cat".to_owned()), "{commands:?}");
    commands
}

#[test]
fn every_help_fits_a_terminal_and_its_flags_are_in_the_readme() {
    let readme = include_str!("../../examples/ws/README.md");
    for command in commands() {
        let help = run([&*command, "--help"], "").expect(0);
        for other in ["help", "--help"] {
            assert_eq!(run([other, &*command], "").expect(0).text(), help.text());
        }
        let section = readme.split("\n## ").find(|section| section.starts_with(&format!("`ws {command}")));
        let section = section.unwrap_or_else(|| panic!("README.md has no section for {command}"));
        // Flags that several commands have stand in a section of their own.
        let shared = readme.split("\n## ").filter(|section| section.starts_with("Flags of ")).collect::<String>();
        for line in help.lines() {
            assert!(line.chars().count() <= args::WIDTH, "{command}: {line:?}");
            let flag = line
                .strip_prefix("  ")
                .filter(|line| line.starts_with("--"))
                .and_then(|line| line.split([' ', ',']).next());
            let Some(flag) = flag else { continue };
            let named = format!("`{flag}");
            assert!(section.contains(&named) || shared.contains(&named), "README.md: ws {command} {flag} is missing");
        }
    }
}

#[test]
fn wrong_use_is_one_line_with_the_way_out() {
    let cases: [(&[&str], &str); 11] = [
        (&[], "ws: a command is missing; see: ws --help"),
        (&["bogus"], "ws: there is no command \"bogus\"; see: ws --help"),
        (&["help", "bogus"], "ws: there is no command \"bogus\"; see: ws --help"),
        (&["cat"], "ws cat: URL is missing; see: ws cat --help"),
        (&["replay"], "ws replay: FILE is missing; see: ws replay --help"),
        (
            &["echo", "--addr=9001"],
            "ws echo: --addr takes ADDR:PORT, such as 127.0.0.1:9001, not \"9001\"; see: ws echo --help",
        ),
        (&["cat", "ws://a", "ws://b"], "ws cat: \"ws://b\" is one operand too many; see: ws cat --help"),
        (&["cat", "--jso", "ws://a"], "ws cat: there is no flag --jso, did you mean --json?; see: ws cat --help"),
        (&["cat", "--json=yes", "ws://a"], "ws cat: --json takes no value; see: ws cat --help"),
        (&["cat", "ws://a", "--close", "1000"], "ws cat: --close needs REASON; see: ws cat --help"),
        (
            &["cat", "ws://a", "--ping=soon"],
            "ws cat: --ping takes seconds, such as 1.5, not \"soon\"; see: ws cat --help",
        ),
    ];
    for (args, line) in cases {
        let run = run(args, "").expect(2);
        assert_eq!((run.text(), run.stderr.trim_end()), ("", line), "{args:?}");
        assert_eq!(run.stderr.lines().count(), 1);
    }
}

#[test]
fn an_address_that_is_taken_names_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for args in [&["echo"][..], &["bridge", "ws://127.0.0.1:1"]] {
        let run = run(args.iter().chain(&["--addr", &*addr]), "").expect(1);
        let begin = format!("ws {}: --addr {addr}: ", args[0]);
        assert!(run.stderr.starts_with(&begin) && run.stderr.lines().count() == 1, "{}", run.stderr);
        // Other systems may report another error.
        let way_out = run.stderr.trim_end().ends_with("; --addr ADDR:0 takes a free port");
        assert!(way_out || cfg!(not(unix)), "{}", run.stderr);
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(run(["--version"], "").expect(0).text(), concat!("ws ", env!("CARGO_PKG_VERSION"), "\n"));
}

const COMMAND: Command = Command {
    name: "test",
    operands: "A [B]",
    count: (1, 2),
    summary: "",
    about: "",
    groups: &[
        Group {
            title: "One",
            flags: &[Flag("--number", "N", ""), Flag("--switch, -s", "", ""), Flag("--two", "A B", "")],
        },
        Group { title: "Two", flags: &[Flag("--many", "X", "")] },
    ],
    run: |_| unreachable!(),
};

fn parse(args: &[&str]) -> Result<Option<Args>, String> {
    Args::parse(&COMMAND, args.iter().map(Into::into)).map_err(|failure| failure.parts().0)
}

#[test]
fn both_forms_of_a_value_and_the_end_of_the_flags() {
    let args = parse(&["--number=7", "a", "-s", "--two=x", "y", "--many", "1", "--many=", "-", "--", "--number", "-x"]);
    let args = args.unwrap().unwrap();
    assert_eq!(args.number::<u8>("--number").unwrap(), Some(7));
    assert!(args.has("--switch") && !args.has("-s"));
    assert_eq!(args.all("--two").unwrap(), ["x", "y"]);
    assert_eq!(args.values("--many").unwrap(), ["1", ""]);
    assert_eq!((args.operands, args.rest), (vec!["a".into(), "-".into()], vec!["--number".into(), "-x".into()]));
    // Behind the end of the flags, a request for help is the program's.
    assert!(parse(&["a", "--", "--help"]).unwrap().is_some());
    assert!(parse(&["a", "-h"]).unwrap().is_none());
}

#[test]
fn the_last_value_counts_and_wrong_values_are_found() {
    let args = parse(&["a", "--number", "7", "--number", "300"]).unwrap().unwrap();
    assert_eq!(args.number::<u16>("--number").unwrap(), Some(300));
    assert_eq!(args.number::<u8>("--number").unwrap_err().parts().1, 2);
    assert_eq!(parse(&["a", "--two", "x"]).unwrap_err(), "--two needs B");
    assert_eq!(parse(&["a", "--number"]).unwrap_err(), "--number needs N");
    assert_eq!(parse(&["a", "-s=1"]).unwrap_err(), "-s takes no value");
    for text in ["-1", "x", "1e400", "NaN"] {
        let args = parse(&["a", "--number", text]).unwrap().unwrap();
        assert!(args.seconds("--number").is_err(), "{text}");
    }
}

#[test]
fn times_are_those_of_the_calendar() {
    // By date -u -d @N +%FT%TZ.
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399, "2000-02-28T23:59:59.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (951_868_800, "2000-03-01T00:00:00.000Z"),
        (1_709_251_199, "2024-02-29T23:59:59.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(terminal::utc(Duration::from_secs(seconds)), text);
    }
    assert_eq!(terminal::utc(Duration::from_millis(1_001)), "1970-01-01T00:00:01.001Z");
}

#[test]
fn bytes_are_read_as_people_paste_them() {
    let hello = b"\x81\x05Hello";
    for text in [
        "810548656c6c6f",
        "81 05 48 65 6C 6C 6F",
        "0x81, 0x05, 0x48,0x65,0x6c,0x6c,0x6f",
        "\\x81\\x05\\x48\\x65\\x6c\\x6c\\x6f",
        "81:05:48:65:6c:6c:6f\n",
        "8105\r\n4865\n\n6c6c6f",
        "00000000: 8105 4865 6c6c 6f                        ..Hello\n",
        "00000000  81 05 48 65 6c 6c 6f                              |..Hello|\n",
    ] {
        assert_eq!(hex::parse(text).unwrap(), hello, "{text:?}");
    }
    for text in ["8", "81 5", "8g", "é", "\"81\""] {
        assert!(hex::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(terminal::hex(hello), "81 05 48 65 6c 6c 6f");
}

#[test]
fn strings_in_json_have_no_control_characters() {
    assert_eq!(terminal::json("a\"\\\n\0\u{7f}\u{2028}\u{1f600}"), "\"a\\\"\\\\\\n\\u0000\\u007f\\u2028\u{1f600}\"");
}
