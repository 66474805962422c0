//! Captures, explained as `ws inspect` explains what it passes on.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use crate::args::{Args, Failure, Outcome};
use crate::inspect::event::{Event, Sink, What, SHOWN};
use crate::inspect::sinks::{Json, Terminal};
use crate::inspect::track::Track;
use crate::pcapng::streams::{Item, Streams, What as Captured};

/// Whether a file is to be read as a capture. The older formats are refused with what to do.
pub(crate) fn is_capture(path: &OsStr) -> bool {
    let extension = Path::new(path).extension().unwrap_or_default();
    ["pcapng", "pcap", "cap"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The flags that say what bytes without a connection are.
const OF_BYTES: [&str; 6] = ["--raw", "--client", "--server", "--handshake", "--deflate", "--version"];

pub(super) fn explain(args: &Args, path: &OsStr) -> Outcome {
    if let Some(flag) = OF_BYTES.iter().find(|flag| args.has(flag)) {
        return Err(Failure::usage(format!("{flag} means nothing for a capture, which says it")));
    }
    let wanted: Option<u64> = args.number("--connection")?;
    let mut sink: Box<dyn Sink> = match args.has("--json") {
        true => Box::new(Json),
        false => Box::new(Terminal::new(false)),
    };
    let (mut is_empty, mut failed) = (true, false);
    each_event(path, args.has("--show-secrets"), SHOWN, |event| {
        if wanted.is_some_and(|wanted| wanted != event.connection) {
            return Ok(());
        }
        is_empty = false;
        failed |= is_failure(&event.what);
        sink.event(&event)
    })?;
    match (is_empty, wanted) {
        (false, _) => Ok(ExitCode::from(if failed { 3 } else { 0 })),
        (true, Some(number)) => {
            Err(Failure::new(format!("{}: there is no connection {number}", path.to_string_lossy())))
        }
        (true, None) => {
            Err(Failure::new(format!("{}: no connection begins with a GET request", path.to_string_lossy())))
        }
    }
}

/// Whether a rule is broken, or an end is missing.
fn is_failure(what: &What) -> bool {
    let is_bad = |text: &str| text.contains("\n    BROKEN RULE") || text.contains("    INCOMPLETE");
    match what {
        What::Frame(frame) => frame.broken.is_some() || is_bad(&frame.text),
        What::Head(head) => is_bad(&head.text),
        What::Bytes { text, .. } => is_bad(text),
        What::Ended { reason } => reason.contains("missing"),
        What::Opened { .. } | What::Fault { .. } | What::HalfClosed { .. } => false,
    }
}

/// Calls `take` with the events of all connections of a capture, in the order of its packets.
pub(crate) fn each_event(
    path: &OsStr,
    shows_secrets: bool,
    shown: usize,
    mut take: impl FnMut(Event) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let name = path.to_string_lossy();
    let failure = |problem: String| Failure::new(format!("{name}: {problem}"));
    let file = File::open(path).map_err(|error| failure(error.to_string()))?;
    let mut streams = Streams::new(BufReader::new(file));
    let mut tracks: HashMap<u64, Track> = HashMap::new();
    while let Some(Item { at, connection, what }) = streams.next().map_err(failure)? {
        let mut events = Vec::new();
        match what {
            Captured::Opened { client, server } => {
                tracks.insert(connection, Track::new(shows_secrets, shown));
                events.push(What::Opened { client, server });
            }
            Captured::Bytes(from, bytes) => {
                if let Some(track) = tracks.get_mut(&connection) {
                    track.feed(from, &bytes, &mut events);
                }
            }
            Captured::HalfClosed(from) => {
                if let Some(track) = tracks.get_mut(&connection) {
                    track.finish(from, &mut events);
                }
            }
            Captured::Closed(reason) => {
                if let Some(mut track) = tracks.remove(&connection) {
                    track.end(&mut events);
                }
                events.push(What::Ended { reason: reason.to_owned() });
            }
        }
        for what in events {
            take(Event { at, connection, what })?;
        }
    }
    Ok(())
}
