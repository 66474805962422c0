//! The rules of all commands: errors, exit codes, an output that fails, secrets, progress. Each command that `ws --help` lists is
//! tried, so that a new one has to follow them too.

use std::collections::HashSet;
use std::process::Stdio;

use crate::frame::commands;
use crate::tool::{command, run, Tool};

/// The help of a command.
struct Help {
    command: String,
    text: String,
}

/// A flag of a help: its first name, all of its names, and the names of its values.
struct Flag {
    name: String,
    names: Vec<String>,
    values: Vec<String>,
}

impl Help {
    fn all() -> Vec<Help> {
        let help = |command: String| {
            let text = run([&*command, "--help"], "").expect(0).text().to_owned();
            Help { command, text }
        };
        commands().into_iter().map(help).collect()
    }

    /// What follows the name of the command in the line of its usage.
    fn operands(&self) -> &str {
        let usage = format!("usage: ws {}", self.command);
        self.text.lines().find_map(|line| line.strip_prefix(&*usage)).expect("a usage").trim()
    }

    fn flags(&self) -> Vec<Flag> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| line.starts_with("--")));
        lines
            .map(|line| {
                // The description begins after two spaces.
                let words = line.split("  ").next().unwrap().split(' ').map(|word| word.trim_end_matches(','));
                let (names, values): (Vec<_>, Vec<_>) =
                    words.map(str::to_owned).partition(|word| word.starts_with('-'));
                Flag { name: names[0].clone(), names, values }
            })
            .collect()
    }

    fn has(&self, flag: &str) -> bool {
        self.flags().iter().any(|known| known.names.iter().any(|name| name == flag))
    }
}

/// Fails unless this is wrong use, reported in one line with the way out.
fn expect_usage_error(command: &str, args: &[&str], reason: &str) {
    let run = run([command].iter().chain(args), "").expect(2);
    let (begin, end) = (format!("ws {command}: "), format!("; see: ws {command} --help\n"));
    let line = &run.stderr;
    assert!(line.starts_with(&begin) && line.ends_with(&end) && line.lines().count() == 1, "{args:?}: {line}");
    assert!(line.contains(reason) && run.stdout.is_empty(), "{command} {args:?}: {line}, {}", run.text());
}

#[test]
fn wrong_flags_are_one_line_and_print_no_help() {
    let mut tried = HashSet::new();
    for help in Help::all() {
        let command = &*help.command;
        expect_usage_error(command, &["--no-such-flag"], "there is no flag --no-such-flag");
        expect_usage_error(command, &["-x"], "there is no flag -x");
        for Flag { name, values, .. } in help.flags() {
            // Those that several commands share are tried once.
            if !tried.insert(name.clone()) {
                continue;
            }
            match values.first() {
                Some(value) => expect_usage_error(command, &[&name], &format!("{name} needs {value}")),
                None => expect_usage_error(command, &[&format!("{name}=1")], &format!("{name} takes no value")),
            }
        }
    }
}

#[test]
fn wrong_numbers_of_operands_are_one_line() {
    for help in Help::all() {
        let operands = help.operands().trim_start_matches("[FLAG]...").trim();
        if !operands.is_empty() && !operands.starts_with('[') {
            expect_usage_error(&help.command, &[], "is missing");
        }
        if !operands.contains("...") {
            expect_usage_error(&help.command, &["a", "b", "c"], "is one operand too many");
        }
    }
}

#[test]
fn exit_codes_are_documented() {
    for help in Help::all() {
        let (_, codes) = help.text.split_once("Exit codes: 0 ").unwrap_or_else(|| panic!("{}", help.text));
        for code in ["; 1 ", "; 2 called wrongly"] {
            // The help is wrapped.
            assert!(codes.replace('\n', " ").contains(code), "{}: {code}", help.command);
        }
    }
}

#[test]
fn an_output_that_fails_ends_it_quietly_or_in_one_line() {
    for help in Help::all() {
        // As `head` does, before anything was written.
        let mut tool = Tool::start([&*help.command, "--help"]);
        drop(tool.child.stdout.take());
        assert_eq!((tool.wait(), &*tool.stderr()), (0, ""), "{}", help.command);
        // An error that nobody reads.
        let mut silent = command([&*help.command, "--no-such-flag"]);
        let mut silent = silent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(silent.stderr.take());
        assert_eq!(silent.wait().unwrap().code(), Some(2), "{}", help.command);
        #[cfg(target_os = "linux")]
        {
            let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let full = command([&*help.command, "--help"]).stdout(full).output().unwrap();
            let line = String::from_utf8(full.stderr).unwrap();
            assert_eq!(full.status.code(), Some(1), "{}: {line}", help.command);
            let begin = format!("ws {}: the output could not be written: ", help.command);
            assert!(line.starts_with(&begin) && line.lines().count() == 1, "{line}");
        }
    }
}

#[test]
fn no_secret_is_a_value_of_a_flag() {
    for help in Help::all() {
        for Flag { name, values, .. } in help.flags() {
            let about_secrets = ["password", "token", "secret", "key"].iter().any(|word| name.contains(word));
            if about_secrets && name != "--show-secrets" {
                assert_eq!(values, ["FILE"], "ws {} {name}", help.command);
            }
        }
        // A user has a password, and that is never a value.
        if help.has("--user") {
            assert!(help.has("--password-file"), "{}", help.command);
        }
    }
    let missing = "--password-file FILE, or WS_PASSWORD";
    for (name, operands) in [("cat", "ws://h"), ("check", "ws://h"), ("bench", "ws://h"), ("echo", ""), ("serve", ".")]
    {
        let operands: &[&str] = if operands.is_empty() { &[] } else { &[operands] };
        expect_usage_error(name, &[&["--user=ali"], operands].concat(), missing);
    }
    expect_usage_error("chat", &["--user=ali"], missing);
    expect_usage_error("run", &["--user=ali", "--", "cargo"], missing);
    expect_usage_error("cat", &["--proxy=http://h:1", "--proxy-user=ali", "ws://h"], "--proxy-password-file FILE, or");
}

#[test]
fn secrets_of_a_url_are_not_shown() {
    for help in Help::all() {
        // Those that listen connect only when somebody has connected to them.
        let listens = ["--addr", "--listen"].iter().any(|flag| help.has(flag));
        if help.operands() != "[FLAG]... URL" || listens {
            continue;
        }
        assert!(help.has("--show-secrets"), "{}", help.command);
        for url in ["ws://127.0.0.1:1/feed?token=hunter2", "ws://ali:hunter2@127.0.0.1:1/feed"] {
            let run = run([&*help.command, url], "");
            assert_ne!(run.code, 0, "{}", help.command);
            let shown = run.text().to_owned() + &run.stderr;
            assert!(!shown.contains("hunter2") && !shown.is_empty(), "{}: {shown}", help.command);
        }
    }
}

#[test]
fn the_commands_have_the_flags_that_users_know_from_elsewhere() {
    let known: [(&str, &str); 9] = [
        (
            "cat",
            "--plain --hex --binary --text-file --json --timestamps --ping --verbose --exit-after --once --preamble",
        ),
        ("cat", "--close --linger --reconnect --show-secrets"),
        ("run", "--shared --binary --max --grace --ping"),
        ("bridge", "--to --targets --tls --ca"),
        ("explain", "--client --server --version --deflate --handshake --file --show-secrets"),
        ("check", "--proxy --ca --host-header --origin --subprotocol --deflate --json --show-secrets"),
        ("bench", "--measure --connections --duration --count --size --json"),
        ("echo", "--metrics --deflate --tls --legacy --max-connections --allow-origin --until-stdin-ends"),
        ("chat", "--nats --addr --allow-origin --max-message --ping"),
    ];
    let all = Help::all();
    for (name, flags) in known {
        let help = all.iter().find(|help| help.command == name).unwrap();
        for flag in flags.split(' ') {
            assert!(help.has(flag), "ws {name} {flag}");
        }
    }
}
