//! `ws bench`: measures a server: round trips, throughput, handshakes, or many connections.
//!
//! | file | content |
//! |---|---|
//! | `bench/load.rs` | the connections that measure |
//! | `bench/histogram.rs` | times and their percentiles |

mod histogram;
mod load;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;
use stdws::Message;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::client;
use crate::terminal::{self, Waiting};
use histogram::Histogram;
use load::{Kind, Load, Part};

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    operands: "URL",
    count: (1, 1),
    summary: "measures a server",
    about: "Measures one of four things. round-trips: each connection sends a message, and waits for its answer. \
            throughput: it keeps --window messages unanswered. Both need a server that answers each message with one, as \
            ws echo does. handshakes: each worker connects and closes. connections: opens all, holds them, and pings \
            each at the end.\n\
            Use it only against servers of your own.\n\
            Exit codes: 0 done; 1 nothing could be measured; 2 called wrongly; 3 some connections failed.",
    groups: &[MEASURE, OUTPUT, client::CONNECTION, client::SESSION],
    run,
};

const MEASURE: Group = Group {
    title: "Measurement",
    flags: &[
        Flag("--measure", "WHAT", "round-trips (without the flag), throughput, handshakes or connections"),
        Flag("--connections", "N", "connections at the same time (1; 100 for connections)"),
        Flag("--duration", "S", "seconds to measure, or to hold the connections (5)"),
        Flag("--count", "N", "ends after N messages or handshakes of all connections together"),
        Flag("--size", "N", "bytes in a message (32)"),
        Flag("--text", "", "send text messages instead of binary ones"),
        Flag("--window", "N", "throughput: messages of a connection that may be unanswered (64)"),
        Flag(
            "--parallel",
            "",
            "open connections at the same time, which RFC 6455 section 4.1 forbids to other clients than load tests",
        ),
    ],
};

const OUTPUT: Group = Group {
    title: "Output",
    flags: &[
        Flag("--json", "", "print the figures as one JSON object; times are in milliseconds"),
        Flag("--show-secrets", "", "show the query of the URL"),
    ],
};

/// Percentiles that are shown, in thousandths.
const PERCENTILES: [(&str, u64); 7] =
    [("min", 0), ("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p99.9", 999), ("max", 1000)];

/// Maximum number of bytes in a message.
const LARGEST: usize = 1 << 30;

/// Maximum duration, with which no time overflows.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

fn run(args: &Args) -> Outcome {
    let url = args.operand(0, "URL")?;
    let load = Arc::new(load(args, url)?);
    let uri = Uri::parse(url).map(|uri| if args.has("--show-secrets") { uri.to_string() } else { uri.redacted() });
    let mut part = measure(&load)?;
    if part.opened.count() == 0 {
        if let Some(error) = part.first_error.take() {
            return Err(client::failure(error));
        }
    }
    let name = name(load.kind);
    let text = match args.has("--json") {
        true => json(name, &uri.unwrap_or_default(), &load, &part),
        false => report(name, &uri.unwrap_or_default(), &load, &part),
    };
    terminal::print(text)?;
    match part.first_error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) if part.answers == 0 && load.kind != Kind::Handshakes => Err(client::failure(error)),
        Some(error) => {
            terminal::note("bench", &format!("the first failure: {}", client::failure(error).parts().0));
            Ok(ExitCode::from(3))
        }
    }
}

fn load(args: &Args, url: &str) -> Result<Load, Failure> {
    let kind = match args.value("--measure")? {
        None | Some("round-trips") => Kind::RoundTrips,
        Some("throughput") => Kind::Throughput,
        Some("handshakes") => Kind::Handshakes,
        Some("connections") => Kind::Connections,
        Some(other) => {
            let known = "round-trips, throughput, handshakes or connections";
            return Err(Failure::usage(format!("--measure takes {known}, not {other:?}")));
        }
    };
    let client = client::client(args, url)?;
    let connections = positive(args, "--connections", if kind == Kind::Connections { 100 } else { 1 })?;
    let window = positive(args, "--window", 64)?;
    let size: usize = args.number("--size")?.unwrap_or(32);
    if size > LARGEST {
        return Err(Failure::usage(format!("--size takes at most {LARGEST}")));
    }
    let bytes: Vec<u8> = pattern().take(size).collect();
    let message = if args.has("--text") {
        Message::Text(bytes.iter().map(|byte| char::from(*byte)).collect())
    } else {
        bytes.into()
    };
    let workers = if kind == Kind::Connections { 1 } else { connections };
    let too_many = || Failure::usage("--connections takes a number in its range");
    Ok(Load {
        kind,
        client: if args.has("--parallel") { client.dangerously_connect_in_parallel() } else { client },
        message,
        connections,
        window: usize::try_from(window).map_err(|_| Failure::usage("--window takes a number in its range"))?,
        timeout: client::connect_timeout(args)?.min(LONGEST),
        duration: args.seconds("--duration")?.unwrap_or(Duration::from_secs(5)).min(LONGEST),
        most: positive(args, "--count", u64::MAX)?,
        gate: Barrier::new(usize::try_from(workers).map_err(|_| too_many())?),
        begun: AtomicU64::new(0),
        done: AtomicU64::new(0),
    })
}

fn positive(args: &Args, flag: &str, default: u64) -> Result<u64, Failure> {
    match args.number(flag)?.unwrap_or(default) {
        0 => Err(Failure::usage(format!("{flag} takes a number from 1"))),
        number => Ok(number),
    }
}

/// Letters that compress as badly as letters can.
fn pattern() -> impl Iterator<Item = u8> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        // Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 33) as u8 % 26
    })
}

/// Runs the workers, with a bar on a terminal.
fn measure(load: &Arc<Load>) -> Result<Part, Failure> {
    let (sender, parts) = mpsc::channel();
    for _ in 0..load.workers() {
        let (load, sender) = (load.clone(), sender.clone());
        let worker = thread::Builder::new().spawn(move || drop(sender.send(load.work())));
        // Returning ends the program, and so the workers that wait for all.
        worker.map_err(|error| Failure::new(format!("the system starts no more threads: {error}")))?;
    }
    drop(sender);
    let (shown, start) = (load.clone(), Instant::now());
    let waiting = Waiting::counting("bench", move || progress(&shown, start.elapsed()));
    let mut all = Part::default();
    for part in parts {
        all.merge(part);
    }
    drop(waiting);
    Ok(all)
}

/// How far it is: by the number, or by the time, whichever ends it first.
fn progress(load: &Load, elapsed: Duration) -> String {
    let done = load.done.load(Ordering::Relaxed);
    let most = if load.kind == Kind::Connections { load.connections } else { load.most };
    let by_number = done as f64 / most as f64;
    let by_time = elapsed.as_secs_f64() / load.duration.as_secs_f64().max(1e-9);
    // Connections are held when all are open.
    let fraction = if load.kind == Kind::Connections { by_number } else { by_number.max(by_time) };
    format!("{} {done} {}", terminal::bar(fraction), unit(load.kind))
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::RoundTrips => "round-trips",
        Kind::Throughput => "throughput",
        Kind::Handshakes => "handshakes",
        Kind::Connections => "connections",
    }
}

fn unit(kind: Kind) -> &'static str {
    match kind {
        Kind::RoundTrips | Kind::Throughput => "messages",
        Kind::Handshakes => "handshakes",
        Kind::Connections => "connections",
    }
}

/// The number that the rate is made of.
fn counted(load: &Load, part: &Part) -> u64 {
    match load.kind {
        Kind::RoundTrips | Kind::Throughput => part.answers,
        Kind::Handshakes | Kind::Connections => part.opened.count(),
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

fn report(name: &str, url: &str, load: &Load, part: &Part) -> String {
    let (count, seconds) = (counted(load, part), part.took.as_secs_f64());
    let rate = rate(count, part.took);
    let mut text = format!("{name} of {url}: {} at the same time\n", load.connections);
    let _ = writeln!(text, "  {:<11} {count} in {seconds:.2} s, {rate:.1} a second", unit(load.kind));
    if unit(load.kind) == "messages" {
        let size = load.message.len();
        let _ = writeln!(text, "  bytes       {size} a message, {:.2} MB/s each way", rate * size as f64 / 1e6);
    }
    times(&mut text, "opening", &part.opened);
    times(&mut text, if load.kind == Kind::Connections { "ping" } else { "answer" }, &part.answered);
    if part.different > 0 {
        let _ =
            writeln!(text, "  different   {} answers are not the message: this server does not echo", part.different);
    }
    let _ = writeln!(text, "  failed      {}", part.failed);
    text
}

fn times(text: &mut String, what: &str, times: &Histogram) {
    if times.count() > 0 {
        let shown = PERCENTILES.map(|(name, at)| format!("{name} {:.3}", millis(times.percentile(at))));
        let _ = writeln!(text, "  {what:<11} {} ms", shown.join("  "));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn json(name: &str, url: &str, load: &Load, part: &Part) -> String {
    let times = |times: &Histogram| {
        let shown = PERCENTILES.map(|(name, at)| format!("\"{name}\":{:.4}", millis(times.percentile(at))));
        format!("{{\"count\":{},{}}}", times.count(), shown.join(","))
    };
    let (count, size) = (counted(load, part), load.message.len());
    format!(
        "{{\"measure\":\"{name}\",\"url\":{},\"connections\":{},\"size\":{size},\"count\":{count},\"seconds\":{:.6},\
         \"rate\":{:.3},\"opening\":{},\"answer\":{},\"different\":{},\"failed\":{}}}\n",
        terminal::json(url),
        load.connections,
        part.took.as_secs_f64(),
        rate(count, part.took),
        times(&part.opened),
        times(&part.answered),
        part.different,
        part.failed,
    )
}
