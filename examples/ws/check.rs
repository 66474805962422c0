//! `ws check`: why a connection does not work. Each step is a row, from the name to the closing handshake; the first that
//! fails ends the report, with likely causes and an exit code of its own.
//!
//! | file | content |
//! |---|---|
//! | `check/reach.rs` | the name and each address, before the library connects |
//! | `check/cause.rs` | the check that an error belongs to, and its likely causes |
//! | `check/probe.rs` | further requests after a rejection, which show the cause |
//! | `check/report.rs` | the rows |

mod cause;
mod probe;
mod reach;
mod report;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;
use stdws::{Client, Error, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::client;
use crate::terminal::Waiting;
use cause::Check;
use report::{Report, Verdict};

pub(crate) const COMMAND: Command = Command {
    name: "check",
    operands: "URL",
    count: (1, 1),
    summary: "says why a connection does not work",
    about: "Checks one step after the other: the name, each address, the proxy, TLS, the response, its headers, the \
            accept key, the subprotocol, the extensions, a Ping, the closing handshake. After a failure it names likely \
            causes. To find them it sends up to two further requests to the same server.\n\
            Exit codes: 0 all is well; 1 another failure; 2 called wrongly; 3 the name; 4 the address; 5 the proxy; 6 TLS; \
            7 the response is not 101, or none came; 8 the response breaks a rule; 9 Ping or Close.",
    groups: &[REPORT, REQUEST, client::CONNECTION, client::SESSION],
    run,
};

const REPORT: Group = Group {
    title: "Report",
    flags: &[
        Flag("--json", "", "print one JSON object for each check"),
        Flag("--plain", "", "no colour"),
        Flag("--show-secrets", "", "show the query of the URL, and all headers of the response"),
    ],
};

const REQUEST: Group =
    Group { title: "Request", flags: &[Flag("--host-header", "HOST", "send this Host instead of that of the URL")] };

fn run(args: &Args) -> Outcome {
    args.exclude("--json", &["--plain"])?;
    let url = args.operand(0, "URL")?;
    let mut client = client::client(args, url)?;
    if let Some(host) = args.value("--host-header")? {
        client = client.host_header(host)?;
    }
    let uri = Uri::parse(url).map_err(Failure::usage)?;
    let (report, timeout) = (Report::new(args), client::connect_timeout(args)?);
    report.ok("url", &if args.has("--show-secrets") { uri.to_string() } else { uri.redacted() })?;
    if args.has("--proxy") {
        report.note("name", "not checked: the proxy resolves the name, and connects")?;
    } else if let Some(failed) = reach::check(&uri, timeout, &report)? {
        return Ok(ExitCode::from(failed.code()));
    }
    let start = Instant::now();
    let waiting = Waiting::start("check", "connecting".to_owned());
    let connected = client.connect();
    drop(waiting);
    match connected {
        Ok(ws) => session(ws, &uri, start.elapsed(), args, &report),
        Err(error @ Error::Usage(_)) => Err(error.into()),
        Err(error) => rejected(&error, &client, &uri, timeout, args, &report),
    }
}

/// Reports why the library did not connect.
fn rejected(error: &Error, client: &Client, uri: &Uri, limit: Duration, args: &Args, report: &Report) -> Outcome {
    let cause = match error {
        Error::Redirect(redirect) => {
            for hop in redirect.hops() {
                report.note("redirect", &format!("{} from {}", hop.status(), hop.url()))?;
            }
            redirect.cause()
        }
        _ => error,
    };
    let check = Check::of(cause);
    if matches!(check, Check::Http | Check::Response(_)) && uri.is_secure() {
        tls(uri, report)?;
    }
    let mut detail = cause.to_string();
    if let Error::Handshake(response) = cause {
        if !response.headers().is_empty() {
            report.headers(response.headers().iter().map(|(name, value)| (&**name, &**value)))?;
        }
        let body = String::from_utf8_lossy(response.body().get(..200).unwrap_or(response.body()));
        if let Some(line) = body.lines().map(str::trim).find(|line| !line.is_empty()) {
            detail.push_str(&format!(": {line}"));
        }
        if let Some(location) = response.header("Location") {
            detail.push_str(&format!("; Location: {}", location.split('?').next().unwrap_or_default()));
        }
    }
    let waiting = Waiting::start("check", "asking in other ways".to_owned());
    // A redirect has led to another server.
    let probes = match std::ptr::eq(cause, error) {
        true => probe::probe(cause, client, uri, limit, args),
        false => cause::Probes::default(),
    };
    drop(waiting);
    report.row(Verdict::Fail, check.name(), &detail, &cause::causes(cause, uri, &probes))?;
    Ok(ExitCode::from(check.code()))
}

fn tls(uri: &Uri, report: &Report) -> Result<(), Failure> {
    let host = uri.host();
    report.ok("tls", &format!("a trusted chain, valid dates, the name {host}, and a common version, says the system"))
}

/// The checks of an open connection.
fn session(mut ws: WebSocket, uri: &Uri, took: Duration, args: &Args, report: &Report) -> Outcome {
    if uri.is_secure() {
        tls(uri, report)?;
    }
    let peer = ws.peer_addr().map_or_else(String::new, |peer| format!(" from {peer}"));
    report.ok("http", &format!("status 101{peer} after {}", millis(took)))?;
    negotiated(&ws, args, report)?;
    let waiting = Waiting::start("check", "waiting for a Pong".to_owned());
    let pong = ws.ping();
    drop(waiting);
    let step = match pong {
        Ok(took) => {
            report.ok("ping", &format!("answered after {}", millis(took)))?;
            let start = Instant::now();
            let waiting = Waiting::start("check", "waiting for the answer to a Close".to_owned());
            let closed = ws.close(1000, "");
            drop(waiting);
            closed.map(|info| (info, start.elapsed())).map_err(|error| ("close", error))
        }
        Err(error) => Err(("ping", error)),
    };
    match step {
        Ok((info, took)) => {
            report.ok("close", &format!("answered with {} after {}", info.code(), millis(took)))?;
            Ok(ExitCode::SUCCESS)
        }
        Err((name, error)) => {
            let check = Check::Session(name);
            let causes = session_causes(&error, name);
            report.row(Verdict::Fail, check.name(), &error.to_string(), &causes)?;
            Ok(ExitCode::from(check.code()))
        }
    }
}

/// The response: its headers, and what it agrees to.
fn negotiated(ws: &WebSocket, args: &Args, report: &Report) -> Result<(), Failure> {
    let text = |value| String::from_utf8_lossy(value).into_owned();
    let headers: Vec<(String, String)> = ws
        .response()
        .map(|response| response.headers().map(|(name, value)| (name.to_owned(), text(value))).collect())
        .unwrap_or_default();
    report.headers(headers.iter().map(|(name, value)| (&**name, &**value)))?;
    let header = |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    // The drafts before hybi-06 have other challenges.
    let proof =
        if header("Sec-WebSocket-Accept").is_some() { "the one of this handshake" } else { "of a draft, right" };
    report.ok("accept key", proof)?;
    match (ws.subprotocol(), args.has("--subprotocol")) {
        (Some(chosen), _) => report.ok("subprotocol", chosen)?,
        (None, true) => report.note("subprotocol", "the server chose none of those offered")?,
        (None, false) => report.ok("subprotocol", "none offered, none chosen")?,
    }
    match (header("Sec-WebSocket-Extensions"), args.has("--deflate")) {
        (Some((_, chosen)), _) => report.ok("extensions", chosen),
        (None, true) => report.note("extensions", "the server does not compress (permessage-deflate)"),
        (None, false) => report.ok("extensions", "none offered, none chosen"),
    }
}

fn session_causes(error: &Error, step: &str) -> Vec<String> {
    let text = match error {
        Error::Closed(Some(info)) => match info.code().as_u16() {
            1008 => "a rule of the server: credentials, an Origin, or a first message that it expects",
            1011 => "the server failed: its log says why",
            1012 | 1013 => "the server restarts or is overloaded: try later",
            _ => "the application ended it: it may expect credentials or a subprotocol",
        },
        Error::Closed(None) | Error::Io(_) => "a proxy that does not pass WebSockets on, or a server that failed",
        Error::Timeout(_) if step == "ping" => "a proxy holds the bytes back, or the server answers no Ping",
        Error::Timeout(_) => "the server does not answer a Close (RFC 6455 section 5.5.1)",
        Error::Protocol(_) => "the peer breaks the protocol: ws cat -v, or ws explain, shows the bytes",
        _ => return Vec::new(),
    };
    vec![text.to_owned()]
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
