//! `ws conform`: judges the server or the client of others by RFC 6455 and RFC 7692, and the first programs of those who
//! build their own.
//!
//! | file | content |
//! |---|---|
//! | `conform/case.rs` | what a case is, and what it finds |
//! | `conform/opening.rs`, `frames.rs`, `fragmentation.rs`, `utf8.rs`, `control.rs`, `deflate.rs` | the cases |
//! | `conform/watch.rs` | the rules that hold in all cases |
//! | `conform/head.rs`, `peer.rs` | requests, responses and frames that may be wrong |
//! | `conform/judge.rs`, `expect.rs` | carries out a case |
//! | `conform/listen.rs` | connections of a client |
//! | `conform/report.rs` | the results |
//! | `conform/stage.rs`, `stage/` | the stages |

mod case;
mod control;
mod deflate;
mod expect;
mod fragmentation;
mod frames;
mod head;
mod judge;
mod listen;
mod opening;
mod peer;
mod report;
mod stage;
mod utf8;
mod watch;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use stdws::handshake::uri::Uri;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::terminal;
use case::{Case, Finding, Verdict};
use judge::Target;
use peer::Side;
use report::Row;
use watch::{Watch, RULES};

pub(crate) const COMMAND: Command = Command {
    name: "conform",
    operands: "[URL] [-- PROGRAM [ARG]...]",
    count: (0, 1),
    summary: "judges the server or client of others by the RFCs",
    about:
        "With a URL: judges that server, which must return each message as it came. With --listen: judges a client, \
            which connects again and again to this address, returns each message, and ends when it is refused; the \
            clients of the Autobahn TestSuite do. The first line of the output is the address. Each case is one connection, and shows what was sent, expected and \
            seen, by the id of the requirement: RFC, section, number.\n\
            With --stage N: judges a program of those who build their own: stages 4 to 6 a server at a URL, the others \
            a program that answers lines; see the manual's chapter exercises.\n\
            Exit codes: 0 nothing failed; 1 there was nothing to judge; 2 called wrongly; 3 a case failed.",
    groups: &[CASES, REPORT],
    run,
};

const CASES: Group = Group {
    title: "Cases",
    flags: &[
        Flag("--listen", "ADDR", "judge clients that connect to this address"),
        Flag("--stage", "N", "judge the exercise of this number, 1 to 7"),
        Flag("--only", "WHAT", "cases with this id, name or area, or of this section, such as 6455-5.4; repeatable"),
        Flag("--list", "", "list the cases instead of running them"),
        Flag("--wait", "S", "seconds to wait for what must come (5)"),
        Flag("--idle", "S", "with --listen: seconds without a client until the run ends (30)"),
        Flag("--parallel", "N", "connections to a server at the same time (8)"),
        Flag("--header", "NAME:VALUE", "a header of the requests to a server; repeatable"),
    ],
};

const REPORT: Group = Group {
    title: "Report",
    flags: &[
        Flag("--verbose, -v", "", "also show the cases that passed, and what was sent, expected and seen"),
        Flag("--json", "", "print one JSON object for each case"),
        Flag("--junit", "FILE", "also write the results as JUnit"),
        Flag("--plain", "", "no colour"),
    ],
};

/// A case and its area.
struct Listed {
    area: &'static str,
    case: Case,
}

/// All cases.
fn all() -> Vec<Listed> {
    let areas: [(&'static str, Vec<Case>); 9] = [
        ("opening", opening::cases()),
        ("frames", frames::cases()),
        ("masking", frames::masking()),
        ("fragmentation", fragmentation::cases()),
        ("utf8", utf8::cases()),
        ("control", control::cases()),
        ("closing", control::closing()),
        ("limits", frames::limits()),
        ("deflate", deflate::cases()),
    ];
    let listed = |(area, cases): (&'static str, Vec<Case>)| cases.into_iter().map(move |case| Listed { area, case });
    areas.into_iter().flat_map(listed).collect()
}

fn run(args: &Args) -> Outcome {
    args.exclude("--json", &["--plain"])?;
    args.exclude("--listen", &["--stage", "--header", "--parallel"])?;
    args.exclude("--list", &["--listen", "--stage", "--junit"])?;
    if args.has("--list") {
        return list(args);
    }
    if let Some(number) = args.number::<u8>("--stage")? {
        return stage::run(args, number);
    }
    if !args.rest.is_empty() {
        return Err(Failure::usage("a program needs --stage"));
    }
    let (rows, watch, side) = match args.value("--listen")? {
        Some(_) if !args.operands.is_empty() => return Err(Failure::usage("--listen and URL exclude each other")),
        Some(address) => {
            let cases = chosen(args, Side::Client)?;
            let (rows, watch) = listening(args, address, &cases)?;
            (rows, watch, Side::Client)
        }
        None => {
            let (target, cases) = (target(args)?, chosen(args, Side::Server)?);
            let (rows, watch) = server(&target, &cases, args)?;
            (rows, watch, Side::Server)
        }
    };
    finish(rows, &watch, side, args)
}

/// Adds the rules that hold in all cases, and prints the report.
fn finish(mut rows: Vec<Row>, watch: &Watch, side: Side, args: &Args) -> Outcome {
    let only = args.values("--only")?;
    // With --only, a rule that was not asked for is reported if it was broken.
    let wanted = |row: &Row| {
        only.is_empty()
            || row.finding.verdict == Verdict::Fail
            || only.iter().any(|only| begins(row.id, &row.name, "always", only))
    };
    rows.extend(report::rules(watch, side).into_iter().filter(wanted));
    report::print(&rows, args)?;
    Ok(ExitCode::from(if report::count(&rows, Verdict::Fail) > 0 { 3 } else { 0 }))
}

fn begins(id: &str, name: &str, area: &str, only: &str) -> bool {
    name == only || area == only || id == only || id.starts_with(&format!("{only}-"))
}

/// The cases for this side that the flags choose.
fn chosen(args: &Args, side: Side) -> Result<Vec<Listed>, Failure> {
    let only = args.values("--only")?;
    let mut cases = all();
    cases.retain(|listed| listed.case.side.unwrap_or(side) == side);
    // The clients of the Autobahn TestSuite end when a connection is not opened.
    cases.sort_by_key(|listed| !listed.case.opens());
    if let Some(unknown) = only.iter().find(|only| !is_known(&cases, only)) {
        return Err(Failure::usage(format!("no case for this side has the id, name or area {unknown:?}")));
    }
    // A rule is seen in all cases.
    let rules = only.iter().any(|only| RULES.iter().any(|rule| begins(rule.0, rule.1, "always", only)));
    cases.retain(|Listed { area, case }| {
        only.is_empty() || rules || only.iter().any(|only| begins(case.id, &case.name, area, only))
    });
    Ok(cases)
}

fn is_known(cases: &[Listed], only: &str) -> bool {
    cases.iter().any(|Listed { area, case }| begins(case.id, &case.name, area, only))
        || RULES.iter().any(|rule| begins(rule.0, rule.1, "always", only))
}

fn list(args: &Args) -> Outcome {
    let only = args.values("--only")?;
    let mut text = String::new();
    let side = |side: Option<Side>| match side {
        Some(Side::Server) => "server",
        Some(Side::Client) => "client",
        None => "both",
    };
    let cases = all();
    let cases = cases.iter().map(|Listed { area, case }| (case.id, &*case.name, case.side, *area, &*case.title));
    let rules = RULES.iter().map(|rule| (rule.0, rule.1, rule.2, "always", rule.3));
    for (id, name, of, area, title) in cases.chain(rules) {
        if !only.is_empty() && !only.iter().any(|only| begins(id, name, area, only)) {
            continue;
        }
        text.push_str(&match args.has("--json") {
            true => format!(
                "{{\"id\":\"{id}\",\"name\":\"{name}\",\"side\":\"{}\",\"area\":\"{area}\",\"title\":{}}}\n",
                side(of),
                terminal::json(title)
            ),
            false => format!("{id:<17} {name:<28} {:<6} {area:<13} {title}\n", side(of)),
        });
    }
    terminal::print(text).map(|()| ExitCode::SUCCESS)
}

/// The server under test.
fn target(args: &Args) -> Result<Target, Failure> {
    let uri = Uri::parse(args.operand(0, "URL")?).map_err(Failure::usage)?;
    if uri.is_secure() {
        let way = "put ws bridge or another proxy that ends TLS between";
        return Err(Failure::usage(format!("frames that are wrong are sent without TLS: the URL is ws://; {way}")));
    }
    let mut headers = Vec::new();
    for header in args.values("--header")? {
        let pair = header.split_once(':').ok_or_else(|| Failure::usage("--header has the form NAME: VALUE"))?;
        stdws::handshake::header::check_field(pair.0, pair.1.trim()).map_err(Failure::usage)?;
        headers.push((pair.0.to_owned(), pair.1.trim().to_owned()));
    }
    Ok(Target { uri, headers, wait: wait(args)? })
}

fn wait(args: &Args) -> Result<Duration, Failure> {
    match args.seconds("--wait")? {
        None => Ok(Duration::from_secs(5)),
        Some(wait) if (Duration::from_millis(10)..=Duration::from_secs(3_600)).contains(&wait) => Ok(wait),
        Some(_) => Err(Failure::usage("--wait takes 0.01 to 3600 seconds")),
    }
}

/// Runs cases against a server, several at the same time.
fn server(target: &Target, cases: &[Listed], args: &Args) -> Result<(Vec<Row>, Watch), Failure> {
    probe(target)?;
    let parallel = args.number("--parallel")?.unwrap_or(8_usize).clamp(1, 64);
    let waiting = terminal::Waiting::start("conform", format!("{} cases", cases.len()));
    let (next, watch) = (AtomicUsize::new(0), Mutex::new(Watch::default()));
    let found: Mutex<Vec<Option<Finding>>> = Mutex::new(cases.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(Listed { case, .. }) = cases.get(number) else { return };
                let judged = judge::server(case, target);
                watch.lock().unwrap_or_else(PoisonError::into_inner).merge(&case.name, judged.watch);
                if let Some(place) = found.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
                    *place = Some(judged.finding);
                }
            });
        }
    });
    drop(waiting);
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let rows = cases.iter().zip(found);
    let rows = rows.filter_map(|(listed, finding)| Some(Row::new(listed.area, &listed.case, finding?)));
    Ok((rows.collect(), watch.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// Fails unless there is a server that returns messages. All cases would fail against another one.
fn probe(target: &Target) -> Result<(), Failure> {
    let case = case::case("6455-4.2.2-s8", "probe", "", vec![case::send(case::text("probe")), case::echo("probe")]);
    let finding = judge::server(&case, target).finding;
    match finding.verdict {
        Verdict::Pass => Ok(()),
        _ => Err(Failure::new(format!("there is no server that returns messages: {}", finding.seen))),
    }
}

fn listening(args: &Args, address: &str, cases: &[Listed]) -> Result<(Vec<Row>, Watch), Failure> {
    let idle = args.seconds("--idle")?.unwrap_or(Duration::from_secs(30));
    let failure = |error| Failure::new(format!("{address}: {error}"));
    let listener = TcpListener::bind(address).map_err(failure)?;
    let local = listener.local_addr().map_err(failure)?;
    terminal::print(match args.has("--json") {
        true => format!("{{\"listening\":\"ws://{local}\",\"cases\":{}}}\n", cases.len()),
        false => format!("listening on ws://{local}, {} cases\n", cases.len()),
    })?;
    let (rows, watch) = listen::run(&listener, cases, wait(args)?, idle);
    match report::count(&rows, Verdict::Unseen) == rows.len() {
        true => Err(Failure::new("no client has run a case")),
        false => Ok((rows, watch)),
    }
}
