//! `ws explain`: bytes that were pasted, or that are in a file, explained one by one.

pub(crate) mod capture;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;

use stdws::explain::Explainer;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::{hex, terminal};

pub(crate) const COMMAND: Command = Command {
    name: "explain",
    operands: "[HEX | FILE.pcapng]...",
    count: (0, usize::MAX),
    summary: "explains bytes of a connection",
    about:
        "The bytes of one direction are hexadecimal: the operands, or else a file or the standard input. Dumps of xxd \
            and hexdump -C are read too. Without --client and --server, the bytes decide: a request or a masked frame \
            comes from a client. Captures of Wireshark, tcpdump and ws inspect (pcapng) are explained connection by connection.\n\
            Exit codes: 0 explained; 1 the input cannot be read; 2 called wrongly; 3 the bytes break a rule, or end \
            inside a head, a frame or a message.",
    groups: &[EXPLAIN],
    run,
};

const EXPLAIN: Group = Group {
    title: "Explain",
    flags: &[
        Flag("--file", "FILE", "read this file instead of the standard input"),
        Flag("--raw", "", "the file or the standard input is the bytes themselves"),
        Flag("--client", "", "a client sends these bytes"),
        Flag("--server", "", "a server sends these bytes"),
        Flag("--handshake", "", "the bytes begin with the HTTP head of the opening handshake"),
        Flag("--deflate", "", "permessage-deflate was negotiated; with a head, the head decides"),
        Flag("--version", "NAME", "a draft: hixie-55, hixie-75, hixie-76, hybi-00 to hybi-12"),
        Flag("--connection", "N", "only this connection of a capture"),
        Flag("--json", "", "one JSON object for each event of a capture, as ws inspect prints them"),
        Flag("--show-secrets", "", "show credentials, cookies and queries in heads; do not publish that output"),
    ],
};

/// Number of bytes that are read at a time.
const BLOCK: usize = 64 << 10;

fn run(args: &Args) -> Outcome {
    args.exclude("--client", &["--server"])?;
    if let Some(path) = capture(args)? {
        return capture::explain(args, path);
    }
    if let Some(flag) = ["--connection", "--json"].iter().find(|flag| args.has(flag)) {
        return Err(Failure::usage(format!("{flag} needs a capture, FILE.pcapng")));
    }
    let (mut input, name) = input(args)?;
    let failure = |error: io::Error| Failure::new(format!("{name}: {error}"));
    let (mut block, mut explaining) = (vec![0; BLOCK], None);
    loop {
        let count = match input.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failure(error)),
        };
        let bytes = block.get(..count).unwrap_or_default();
        let (explainer, failed) = match &mut explaining {
            Some(explaining) => explaining,
            none => none.insert((explainer(args, bytes)?, false)),
        };
        let text = explainer.feed(bytes);
        *failed |= text.contains("\n    BROKEN RULE");
        terminal::print(text)?;
    }
    let Some((mut explainer, failed)) = explaining else { return Err(Failure::usage("there are no bytes")) };
    let text = explainer.finish();
    terminal::print(&text)?;
    Ok(ExitCode::from(if failed || !text.is_empty() { 3 } else { 0 }))
}

/// The capture that is to be explained, if it is one.
fn capture(args: &Args) -> Result<Option<&OsStr>, Failure> {
    let is_capture = |path: &&OsStr| capture::is_capture(path);
    let operand = args.operands.iter().map(|operand| operand.as_os_str()).find(is_capture);
    match operand.or(args.path("--file").filter(is_capture)) {
        Some(_) if args.operands.len() > 1 => Err(Failure::usage("a capture is the only operand")),
        path => Ok(path),
    }
}

/// The bytes, and where they come from.
fn input(args: &Args) -> Result<(Box<dyn Read>, String), Failure> {
    let operands = args.operands.iter().map(|operand| operand.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let (mut source, name): (Box<dyn Read>, String) = match args.path("--file") {
        Some(_) if !operands.is_empty() => return Err(Failure::usage("--file and operands exclude each other")),
        _ if !operands.is_empty() && args.has("--raw") => {
            return Err(Failure::usage("operands are hexadecimal, not --raw"))
        }
        _ if !operands.is_empty() => return Ok((bytes(&operands, "the operands")?, "the operands".into())),
        Some(path) => {
            let name = path.to_string_lossy().into_owned();
            (Box::new(File::open(path).map_err(|error| Failure::new(format!("{name}: {error}")))?), name)
        }
        None => (Box::new(io::stdin()), "the input".into()),
    };
    if args.has("--raw") {
        return Ok((source, name));
    }
    let mut text = Vec::new();
    source.read_to_end(&mut text).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let text = String::from_utf8(text);
    let text = text.map_err(|_| Failure::new(format!("{name} is not text; --raw explains it as it is")))?;
    Ok((bytes(&text, &name)?, name))
}

fn bytes(text: &str, name: &str) -> Result<Box<dyn Read>, Failure> {
    let bytes = hex::parse(text).map_err(|problem| Failure::new(format!("{name}: {problem}")))?;
    Ok(Box::new(io::Cursor::new(bytes)))
}

/// The explainer that the flags name, or the first bytes.
fn explainer(args: &Args, first: &[u8]) -> Result<Explainer, Failure> {
    let (is_request, is_response) = (begins_like(first, b"GET "), begins_like(first, b"HTTP/"));
    let is_masked = first.get(1).is_some_and(|byte| byte & 0x80 != 0);
    let is_client = args.has("--client") || !args.has("--server") && (is_request || !is_response && is_masked);
    let explainer = with_version(args, is_client)?;
    let explainer = if args.has("--show-secrets") { explainer.with_secrets() } else { explainer };
    if args.has("--handshake") || is_request || is_response {
        return Ok(explainer);
    }
    let explainer = explainer.after_handshake();
    Ok(if args.has("--deflate") { explainer.compressed() } else { explainer })
}

/// Also for an input that is shorter.
fn begins_like(bytes: &[u8], begin: &[u8]) -> bool {
    let length = bytes.len().min(begin.len());
    length > 1 && bytes.get(..length) == begin.get(..length)
}

#[cfg(feature = "legacy")]
fn with_version(args: &Args, is_client: bool) -> Result<Explainer, Failure> {
    let Some(name) = args.value("--version")? else { return Ok(of_role(is_client)) };
    let version = stdws::Version::from_name(name);
    let (client, server) =
        Explainer::pair(version.ok_or_else(|| Failure::usage(format!("there is no version {name:?}")))?);
    Ok(if is_client { client } else { server })
}

#[cfg(not(feature = "legacy"))]
fn with_version(args: &Args, is_client: bool) -> Result<Explainer, Failure> {
    match args.has("--version") {
        true => Err(Failure::usage("--version needs a build with --features legacy")),
        false => Ok(of_role(is_client)),
    }
}

fn of_role(is_client: bool) -> Explainer {
    match is_client {
        true => Explainer::client(),
        false => Explainer::server(),
    }
}
