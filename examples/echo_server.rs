//! Echoes every message. `echo_server --help` lists the settings.

#[path = "ws/metrics.rs"]
mod metrics;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use stdws::{Limits, Result, Server, Timeouts, WebSocket};

const HELP: &str = "\
Echoes every message of every WebSocket connection. Stops when it is interrupted.

usage: echo_server [--addr 127.0.0.1:9001] [--max-message N] [--max-connections N] [--allow-origin O]...
                   [--subprotocol P]... [--ping-interval S] [--write-timeout S] [--handshake-timeout S] [--deflate] [--metrics]
                   [--version NAME]... [--legacy] [--until-stdin-ends] [--tls identity.p12 --password P]

  --addr ADDR:PORT         where to listen; port 0 takes a free one
  --max-message N          bytes a message may have (16777216)
  --max-connections N      connections at a time, if as many fit the system; more are answered 503 (16384)
  --allow-origin O         also let in pages from this origin, such as https://app.example.com
  --subprotocol P          a subprotocol to agree on
  --ping-interval S        seconds of silence before a Ping (20); 0 for no Pings
  --write-timeout S        seconds a peer may take to receive 64 KiB (20)
  --handshake-timeout S    seconds a peer may take to send its request (10)
  --deflate                agree to compress messages (permessage-deflate)
  --metrics                count what happens, and show it at /metrics for Prometheus
  --tls FILE               use TLS, wss://, with the certificate and key in this PKCS#12 file
  --password P             the password of that file
  --version NAME           also accept this draft of the protocol: hixie-55, hixie-75, hixie-76, hybi-00 ... hybi-12
  --legacy                 also accept all of them
  --until-stdin-ends       shut down when the standard input ends: close all connections within 5 seconds
";

fn main() -> ExitCode {
    let settings = match Settings::parse(env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            // Not `print`, which panics when nobody reads.
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("echo_server: {problem}; see: echo_server --help");
            return ExitCode::from(2);
        }
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::bind(&*settings.addr)
        .map_err(|error| format!("{}: {error}", settings.addr))?
        .limits(Limits::with_max_message_size(settings.max_message_size))
        .timeouts(settings.timeouts)
        .subprotocols(settings.subprotocols.iter().cloned());
    if let Some(count) = settings.max_connections {
        server = server.max_connections(count);
    }
    if settings.deflate {
        server = with_deflate(server)?;
    }
    if settings.legacy || !settings.versions.is_empty() {
        server = with_versions(server, &settings)?;
    }
    let scheme = if settings.tls.is_some() { "wss" } else { "ws" };
    if let Some(file) = &settings.tls {
        server = with_tls(server, file, &settings.password)?;
    }
    if settings.metrics {
        server = metrics::with_metrics(server, |_| {});
    }
    for origin in settings.origins {
        server = server.allow_origin(origin);
    }
    let mut out = io::stdout();
    writeln!(out, "listening on {scheme}://{}", server.local_addr()?)?;
    out.flush()?;
    if settings.until_stdin_ends {
        let handle = server.shutdown_handle();
        thread::spawn(move || {
            // The content of a line does not matter.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            eprintln!("shutting down");
            eprintln!("{}", handle.shutdown(Duration::from_secs(5)));
        });
    }
    // Returns after the shutdown, if there is one.
    Ok(server.run(echo)?)
}

#[cfg(feature = "deflate")]
fn with_deflate(server: Server) -> std::result::Result<Server, String> {
    Ok(server.deflate(stdws::Deflate::default()))
}

#[cfg(not(feature = "deflate"))]
fn with_deflate(_: Server) -> std::result::Result<Server, String> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

#[cfg(feature = "native-tls")]
fn with_tls(server: Server, file: &str, password: &str) -> std::result::Result<Server, Box<dyn std::error::Error>> {
    use stdws::{TlsAccept, TlsIdentity};
    let identity = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let identity = TlsIdentity::from_pkcs12(&identity, password).map_err(|error| format!("{file}: {error}"))?;
    Ok(server.tls(TlsAccept::new(identity)?))
}

#[cfg(not(feature = "native-tls"))]
fn with_tls(_: Server, _: &str, _: &str) -> std::result::Result<Server, Box<dyn std::error::Error>> {
    Err("--tls needs the feature native-tls: cargo run --features native-tls --example echo_server".into())
}

#[cfg(feature = "legacy")]
fn with_versions(server: Server, settings: &Settings) -> std::result::Result<Server, String> {
    use stdws::Version;
    let known = |name: &String| Version::from_name(name).ok_or(format!("there is no version {name:?}"));
    match settings.legacy {
        true => Ok(server.legacy_versions(Version::ALL)),
        false => {
            Ok(server.legacy_versions(settings.versions.iter().map(known).collect::<std::result::Result<Vec<_>, _>>()?))
        }
    }
}

#[cfg(not(feature = "legacy"))]
fn with_versions(_: Server, _: &Settings) -> std::result::Result<Server, String> {
    Err("--version and --legacy need the feature legacy, which this build leaves out".into())
}

/// Answers are queued, and written together as soon as there is nothing more to read.
fn echo(mut ws: WebSocket) -> Result<()> {
    let answers = ws.sender();
    while let Some(message) = ws.recv_ref()? {
        answers.queue(message)?;
    }
    Ok(())
}

struct Settings {
    addr: String,
    max_message_size: u64,
    max_connections: Option<usize>,
    origins: Vec<String>,
    subprotocols: Vec<String>,
    timeouts: Timeouts,
    deflate: bool,
    metrics: bool,
    tls: Option<String>,
    password: String,
    versions: Vec<String>,
    legacy: bool,
    until_stdin_ends: bool,
}

impl Settings {
    /// `None`: `--help` was given.
    fn parse(mut args: impl Iterator<Item = String>) -> std::result::Result<Option<Settings>, String> {
        let mut settings = Settings {
            addr: "127.0.0.1:9001".into(),
            max_message_size: Limits::client().max_message_size,
            max_connections: None,
            origins: Vec::new(),
            subprotocols: Vec::new(),
            timeouts: Timeouts::default(),
            deflate: false,
            metrics: false,
            tls: None,
            password: String::new(),
            versions: Vec::new(),
            legacy: false,
            until_stdin_ends: false,
        };
        while let Some(name) = args.next() {
            if name == "--help" || name == "-h" {
                return Ok(None);
            }
            if name == "--deflate" {
                settings.deflate = true;
                continue;
            }
            if name == "--metrics" {
                settings.metrics = true;
                continue;
            }
            if name == "--legacy" {
                settings.legacy = true;
                continue;
            }
            if name == "--until-stdin-ends" {
                settings.until_stdin_ends = true;
                continue;
            }
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--addr" => settings.addr = value()?,
                "--max-message" => settings.max_message_size = number(&name, &value()?)?,
                "--max-connections" => settings.max_connections = Some(number(&name, &value()?)?),
                "--allow-origin" => settings.origins.push(value()?),
                "--tls" => settings.tls = Some(value()?),
                "--password" => settings.password = value()?,
                "--version" => settings.versions.push(value()?),
                "--subprotocol" => settings.subprotocols.push(value()?),
                "--ping-interval" => {
                    let interval = seconds(&name, &value()?)?;
                    settings.timeouts.ping_interval = if interval.is_zero() { Duration::MAX } else { interval };
                }
                "--write-timeout" => settings.timeouts.write = seconds(&name, &value()?)?,
                "--handshake-timeout" => settings.timeouts.handshake = seconds(&name, &value()?)?,
                _ => return Err(format!("there is no setting {name}")),
            }
        }
        Ok(Some(settings))
    }
}

fn number<T: FromStr>(name: &str, text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
}

fn seconds(name: &str, text: &str) -> std::result::Result<Duration, String> {
    let seconds = number(name, text)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{name} takes seconds, not {text:?}"))
}
