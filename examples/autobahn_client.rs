//! Runs every case of the Autobahn TestSuite's fuzzing server, and has it write its report.

use std::env;
use std::process::ExitCode;

use stdws::{Client, WebSocket};

const HELP: &str = "\
Runs every case of a fuzzing server of the Autobahn TestSuite, and asks it for the report at the end.

usage: autobahn_client [--deflate] [--ca FILE] URL        such as ws://127.0.0.1:9001

  --ca FILE    trust this authority of a wss:// server (PEM or DER)
  --deflate    offer to compress messages (permessage-deflate)

Exits with 0 when all cases were run, whatever their results (see the report), 1 if the server cannot be reached,
2 if it was called wrongly.
";
/// The name of this client in the report.
const AGENT: &str = "stdws";
/// The largest messages of the suite have 16 MiB.
const MAX_MESSAGE: u64 = 64 << 20;

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let deflate = args.iter().any(|arg| arg == "--deflate");
    args.retain(|arg| arg != "--deflate");
    let ca = args.iter().position(|arg| arg == "--ca").filter(|at| at + 1 < args.len());
    let ca = ca.map(|at| args.drain(at..at + 2).nth(1).unwrap_or_default());
    let url = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [url] if !url.starts_with('-') => url.trim_end_matches('/'),
        _ => {
            eprint!("autobahn_client: one URL is needed\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = Client::new(url) {
        eprintln!("autobahn_client: {error}");
        return ExitCode::from(2);
    }
    match run(url, deflate, ca.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str, deflate: bool, ca: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let connect = |url: &str| connect(url, deflate, ca);
    // Another server does not answer this request.
    let count = case_count(&mut connect(&format!("{url}/getCaseCount"))?)?
        .ok_or("the server does not send its number of cases")?;
    for case in 1..=count {
        let mut ws = connect(&format!("{url}/runCase?case={case}&agent={AGENT}"))?;
        // Many cases end in an error as intended. The server judges the result.
        let _ = echo(&mut ws);
        if case % 50 == 0 || case == count {
            println!("{case} of {count} cases");
        }
    }
    let mut ws = connect(&format!("{url}/updateReports?agent={AGENT}"))?;
    while ws.recv()?.is_some() {}
    Ok(())
}

fn connect(url: &str, deflate: bool, ca: Option<&str>) -> Result<WebSocket, Box<dyn std::error::Error>> {
    let client = Client::new(url)?.max_message_size(MAX_MESSAGE);
    let client = if deflate { with_deflate(client)? } else { client };
    let client = if let Some(file) = ca { with_authority(client, file)? } else { client };
    Ok(client.connect()?)
}

#[cfg(feature = "native-tls")]
fn with_authority(client: Client, file: &str) -> Result<Client, Box<dyn std::error::Error>> {
    Ok(client.tls(stdws::TlsConnect::new().add_root(&std::fs::read(file)?)?)?)
}

#[cfg(not(feature = "native-tls"))]
fn with_authority(_: Client, _: &str) -> Result<Client, Box<dyn std::error::Error>> {
    Err("--ca needs the feature native-tls: cargo run --features native-tls --example autobahn_client".into())
}

#[cfg(feature = "deflate")]
fn with_deflate(client: Client) -> std::result::Result<Client, String> {
    Ok(client.deflate(stdws::Deflate::default()))
}

#[cfg(not(feature = "deflate"))]
fn with_deflate(_: Client) -> std::result::Result<Client, String> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}

/// The server sends the number as text, and closes.
fn case_count(ws: &mut WebSocket) -> stdws::Result<Option<u32>> {
    let mut count = None;
    while let Some(message) = ws.recv()? {
        count = message.as_text().and_then(|text| text.parse().ok()).or(count);
    }
    Ok(count)
}

fn echo(ws: &mut WebSocket) -> stdws::Result<()> {
    let answers = ws.sender();
    while let Some(message) = ws.recv_ref()? {
        answers.queue(message)?;
    }
    Ok(())
}
