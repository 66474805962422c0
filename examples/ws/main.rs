//! `ws`: one tool over the library. `ws --help` lists the commands, `ws COMMAND --help` the flags of one.
//!
//! | file | content |
//! |---|---|
//! | `main.rs` | the table of commands, help, exit codes |
//! | `args.rs` | arguments and the help of a command |
//! | `terminal.rs` | colour, escaping, times, JSON |
//! | `session.rs`, `json_line.rs` | recorded sessions |
//! | `client.rs`, `server.rs` | the flags that all clients and all servers have |
//! | `../page` | the page of `ws inspect --page` |
//! | all others | one command each |

mod args;
mod bench;
mod bridge;
mod cat;
mod chat;
mod check;
mod client;
mod conform;
mod echo;
mod explain;
mod hex;
mod inspect;
mod json_line;
mod metrics;
#[path = "../page/mod.rs"]
mod page;
mod pcapng;
mod record;
mod replay;
mod run;
mod secret;
mod serve;
mod server;
mod session;
mod terminal;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use args::{Args, Command, Failure, Outcome};

// One a line.
#[rustfmt::skip]
const COMMANDS: &[&Command] = &[
    &cat::COMMAND,
    &echo::COMMAND,
    &serve::COMMAND,
    &chat::COMMAND,
    &explain::COMMAND,
    &inspect::COMMAND,
    &run::COMMAND,
    &bridge::COMMAND,
    &check::COMMAND,
    &conform::COMMAND,
    &bench::COMMAND,
    &record::COMMAND,
    &replay::COMMAND,
];

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let (prefix, outcome) = match command(&name) {
        Some(command) => (format!("ws {}", command.name), run(command, arguments)),
        None => ("ws".to_owned(), overview(&name, arguments.next())),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let (line, code) = failure.parts();
            let way_out = if code == 2 { format!("; see: {prefix} --help") } else { String::new() };
            if !line.is_empty() {
                // Not `eprintln`, which panics when nobody reads.
                let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{prefix}: {line}{way_out}\n"));
            }
            ExitCode::from(code)
        }
    }
}

fn command(name: &OsString) -> Option<&'static Command> {
    COMMANDS.iter().copied().find(|command| name == command.name)
}

fn run(command: &Command, arguments: impl Iterator<Item = OsString>) -> Outcome {
    match Args::parse(command, arguments)? {
        Some(args) => (command.run)(&args),
        None => print(&args::help(command)),
    }
}

/// `ws --help`, `ws help COMMAND`, `ws --version`, and everything that is no command.
fn overview(name: &OsString, operand: Option<OsString>) -> Outcome {
    match (name.to_str(), operand.as_ref()) {
        (Some("--help" | "-h" | "help"), None) => print(&help()),
        (Some("--version"), None) => print(concat!("ws ", env!("CARGO_PKG_VERSION"), "\n")),
        (Some("--help" | "-h" | "help"), Some(operand)) => match command(operand) {
            Some(command) => print(&args::help(command)),
            None => Err(Failure::usage(format!("there is no command {operand:?}"))),
        },
        (Some(""), _) => Err(Failure::usage("a command is missing")),
        _ => Err(Failure::usage(format!("there is no command {name:?}"))),
    }
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map(|()| ExitCode::SUCCESS)
}

fn help() -> String {
    let mut text =
        String::from("ws: WebSocket (RFC 6455) in the terminal.\n\nusage: ws COMMAND [FLAG]... [OPERAND]...\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<10}{}\n", command.name, command.summary));
    }
    text.push_str("\nws COMMAND --help lists the flags of a command.\n\n");
    text.push_str("Exit codes: 0 done, 1 failed, 2 called wrongly; others are listed by the command.\n");
    text
}
