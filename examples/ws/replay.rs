//! `ws replay`: plays a recorded session, as the client of a server or as a server.

mod capture;
mod play;

use std::ffi::OsStr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use stdws::Error;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::explain::capture::is_capture;
use crate::session::{Entry, Side};
use crate::terminal::Waiting;
use crate::{client, secret, server, terminal};
use play::{Played, Settings};

pub(crate) const COMMAND: Command = Command {
    name: "replay",
    operands: "FILE [URL]",
    count: (1, 2),
    summary: "plays a recorded session, as client or server",
    about: "FILE is from ws record, from ws cat --json, or a capture (FILE.pcapng). With a URL it connects, and sends what the client has sent. \
            Without a URL it listens, and sends to each connection what the server has sent. Before each message it waits \
            for those of the peer that were recorded before it, and compares them.\n\
            Exit codes: 0 all was as recorded; 1 failed; 2 called wrongly; 3 something was different.",
    groups: &[REPLAY, client::CONNECTION, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const REPLAY: Group = Group {
    title: "Replay",
    flags: &[
        Flag("--connection", "N", "the connection of the recording (the first of the file)"),
        Flag("--fast", "", "without the recorded pauses"),
        Flag("--any-content", "", "messages may have other contents than the recorded ones"),
    ],
};

/// The flags that concern a server only.
const OF_SERVER: [&str; 6] = ["--addr", "--unix", "--tls", "--allow-origin", "--allow-host", "--until-stdin-ends"];
/// The flags that concern the connection to a server only.
const OF_URL: [&str; 5] = ["--header", "--header-file", "--origin", "--proxy", "--redirects"];

fn run(args: &Args) -> Outcome {
    let (given, kind) = match args.operands.get(1) {
        Some(_) => (OF_SERVER.iter().find(|flag| args.has(flag)), "with a URL"),
        None => (OF_URL.iter().find(|flag| args.has(flag)), "without a URL"),
    };
    if let Some(flag) = given {
        return Err(Failure::usage(format!("{flag} means nothing {kind}")));
    }
    let entries = read(args.operands.first().map_or(OsStr::new(""), |file| file), args.number("--connection")?)?;
    let timeout = client::connect_timeout(args)?;
    let settings = Settings { fast: args.has("--fast"), any_content: args.has("--any-content"), timeout };
    match args.operands.get(1) {
        Some(_) => as_client(args, &entries, &settings),
        None => as_server(args, entries, settings),
    }
}

/// The entries of one connection.
fn read(file: &OsStr, connection: Option<u64>) -> Result<Vec<Entry>, Failure> {
    let entries = match is_capture(file) {
        true => capture::read(file, connection)?,
        false => read_lines(file, connection)?,
    };
    match entries.is_empty() {
        true => Err(Failure::new(format!("{}: there is no such connection", file.to_string_lossy()))),
        false => Ok(entries),
    }
}

fn read_lines(file: &OsStr, connection: Option<u64>) -> Result<Vec<Entry>, Failure> {
    let (text, name) = (secret::read_text(file.as_ref())?, file.to_string_lossy());
    let mut entries: Vec<Entry> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let entry = Entry::parse(line).map_err(|problem| Failure::new(format!("{name}, line {}: {problem}", n + 1)))?;
        let Some(entry) = entry else { continue };
        let wanted = connection.or(entries.first().map(|first| first.connection)).unwrap_or(entry.connection);
        if entry.connection == wanted {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn as_client(args: &Args, entries: &[Entry], settings: &Settings) -> Outcome {
    let mut ws = client::client(args, args.operand(1, "URL")?)?.connect().map_err(client::failure)?;
    let entries: Vec<_> = entries.iter().collect();
    let waiting = Waiting::start("replay", format!("playing {} messages", entries.len()));
    let played = play::play(&mut ws, Side::Client, &entries, settings)?;
    drop(waiting);
    report(&played)?;
    Ok(ExitCode::from(if played.differences.is_empty() { 0 } else { 3 }))
}

fn as_server(args: &Args, entries: Vec<Entry>, settings: Settings) -> Outcome {
    let server = server::server(args)?.on_event(server::log(args, "replay"));
    let different = Arc::new(AtomicBool::new(false));
    let seen = different.clone();
    let code = server::run(args, server::WS, server, move |mut ws| {
        let entries: Vec<_> = entries.iter().collect();
        let result = play::play(&mut ws, Side::Server, &entries, &settings);
        let failed = match result {
            Ok(played) => {
                report(&played).map_err(|failure| Error::other(failure.parts().0))?;
                !played.differences.is_empty()
            }
            Err(error) => {
                terminal::note("replay", &error.to_string());
                true
            }
        };
        seen.fetch_or(failed, Ordering::Relaxed);
        Ok(())
    })?;
    Ok(if different.load(Ordering::Relaxed) { ExitCode::from(3) } else { code })
}

fn report(played: &Played) -> Result<(), Failure> {
    for difference in &played.differences {
        terminal::note("replay", difference);
    }
    let (sent, received, different) = (played.sent, played.received, played.differences.len());
    terminal::print(format!("{sent} sent, {received} received, {different} different\n"))
}
