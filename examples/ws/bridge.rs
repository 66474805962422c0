//! `ws bridge`: WebSocket to TCP, and TCP to WebSocket.
//!
//! | file | content |
//! |---|---|
//! | here | the flags, and listening on either side |
//! | `target.rs` | the targets by name |
//! | `relay.rs` | the bytes of one connection, both ways |
//! | `tcp.rs`, `tls.rs` | the side without WebSocket, without and with TLS |

mod relay;
mod target;
pub(crate) mod tcp;
#[cfg(feature = "native-tls")]
mod tls;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use stdws::{Accept, Client, Decision, Request, Response, Server, Timeouts, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::server::Counts;
use crate::terminal::Waiting;
use crate::{client, server, terminal};
use relay::HALF_CLOSE;
use target::Targets;
use tcp::{Acceptor, Connector, Stream};

pub(crate) const COMMAND: Command = Command {
    name: "bridge",
    operands: "[URL]",
    count: (0, 1),
    summary: "WebSocket to TCP, and TCP to WebSocket",
    about: "Without a URL it accepts WebSockets, and connects each to the target that its path names: /NAME, or \
            ?token=NAME. Targets come from --to and --targets, never from the client. With a URL it accepts TCP \
            connections, and connects each to that WebSocket.\n\
            Bytes travel in binary messages. Two bridges keep half-closed connections half-closed.",
    groups: &[BRIDGE, server::LISTENING, server::ADMISSION, server::LIMITS, client::CONNECTION],
    run,
};

const BRIDGE: Group = Group {
    title: "Bridge",
    flags: &[
        Flag("--to", "[NAME=]HOST:PORT", "a target; without a name it is that of every path; repeatable"),
        Flag("--targets", "FILE", "targets, one NAME=HOST:PORT in a line; read again for each connection"),
        Flag("--stall", "S", "seconds for the TCP side to take 64 KiB (60)"),
    ],
};

/// The flags that concern WebSocket clients only.
const OF_WEBSOCKETS: [&str; 10] = [
    "--to",
    "--targets",
    "--unix",
    "--trust-proxy",
    "--trust-forwarded",
    "--trust-x-forwarded-for",
    "--allow-origin",
    "--danger-allow-any-origin",
    "--allow-host",
    "--until-stdin-ends",
];
/// The flags that concern the connection to a WebSocket server only.
const OF_URL: [&str; 5] = ["--header", "--header-file", "--origin", "--proxy", "--redirects"];

/// A peer that answers a Close may have much to send before, and the other side may be slow.
const CLOSE: Duration = Duration::from_secs(60);
/// The time in which a target accepts. It is a part of the opening handshake.
const CONNECT: Duration = Duration::from_secs(5);

fn run(args: &Args) -> Outcome {
    let stall = args.seconds("--stall")?.unwrap_or(Duration::from_secs(60));
    if stall.is_zero() {
        return Err(Failure::usage("--stall takes more than 0 seconds"));
    }
    let timeouts = server::timeouts(args)?;
    let close = if args.has("--close-timeout") { timeouts.close } else { CLOSE };
    let timeouts = Timeouts { close, ..timeouts };
    let (given, kind) = match args.operands.is_empty() {
        true => (OF_URL.iter().find(|flag| args.has(flag)), "without a URL"),
        false => (OF_WEBSOCKETS.iter().find(|flag| args.has(flag)), "with a URL"),
    };
    if let Some(flag) = given {
        return Err(Failure::usage(format!("{flag} means nothing {kind}")));
    }
    match args.operands.is_empty() {
        true => from_websocket(args, timeouts, stall),
        false => from_tcp(args, timeouts, stall),
    }
}

// ── WebSocket to TCP ────────────────────────────────────────────────────────────────────────────────────────────────

/// The open target of a connection, until its handler takes it.
struct Opened(Mutex<Option<Stream>>);

fn from_websocket(args: &Args, timeouts: Timeouts, stall: Duration) -> Outcome {
    let targets = Targets::new(args)?;
    let connector = Connector::new(args)?;
    let mut names = vec![HALF_CLOSE, "binary"];
    names.extend(args.values("--subprotocol")?);
    let server: Server = server::server(args)?.timeouts(timeouts).subprotocols(names);
    let server = server.on_event(server::log(args, "bridge"));
    let server = server.on_request(move |request| match request.is_websocket() {
        true => open(request, &targets, &connector, stall),
        false => Decision::accept(),
    });
    server::run(args, server::WS, server, |ws| {
        let opened = ws.extension::<Opened>().and_then(|opened| lock(&opened.0).take());
        match opened {
            Some(stream) => relay::run(ws, stream),
            None => Ok(()),
        }
    })
}

/// Connects to the target before the WebSocket is accepted, so that a failure has a status.
fn open(request: &Request, targets: &Targets, connector: &Connector, stall: Duration) -> Decision {
    let target = match targets.find(request.path(), request.query()) {
        Ok(Some(target)) => target,
        Ok(None) => return Response::text(404, "there is no such target\n").into(),
        Err(failure) => {
            terminal::note("bridge", &failure.parts().0);
            return Response::text(500, "the targets cannot be read\n").into();
        }
    };
    match connector.connect(&target, CONNECT, stall) {
        Ok(stream) => Accept::new().with(Opened(Mutex::new(Some(stream)))).into(),
        Err(error) => {
            // The client does not learn the address.
            terminal::note("bridge", &format!("{target}: {error}"));
            Response::text(502, "the target cannot be reached\n").into()
        }
    }
}

// ── TCP to WebSocket ────────────────────────────────────────────────────────────────────────────────────────────────

fn from_tcp(args: &Args, timeouts: Timeouts, stall: Duration) -> Outcome {
    let url = args.operand(0, "URL")?;
    let connect = client::connect_timeout(args)?;
    let client = client::client(args, url)?.timeouts(Timeouts { connect, ..timeouts }).subprotocol(HALF_CLOSE)?;
    let client = client.on_event(server::log(args, "bridge"));
    let acceptor = Arc::new(Acceptor::new(args)?);
    let addr = server::addr(args)?;
    let failure = |error| server::not_bound(addr, &error);
    let listener = TcpListener::bind(addr).map_err(failure)?;
    let most = args.number("--max-connections")?.unwrap_or(1024);
    let scheme = if args.has("--tls") { "tls" } else { "tcp" };
    terminal::print(format!("listening on {scheme}://{}\n", listener.local_addr().map_err(failure)?))?;
    accept_all(&listener, most, move |tcp| {
        let result = acceptor.accept(tcp, connect, stall).map_err(Failure::new).and_then(|tcp| serve(&client, tcp));
        if let Err(failure) = result {
            terminal::note("bridge", &failure.parts().0);
        }
    })
}

/// Accepts for ever. A connection beyond `most` is closed at once.
fn accept_all(
    listener: &TcpListener,
    most: usize,
    serve: impl Fn(std::net::TcpStream) + Clone + Send + 'static,
) -> Result<ExitCode, Failure> {
    let counts = Arc::new(Counts::default());
    let shown = counts.clone();
    let _waiting = Waiting::counting("bridge", move || shown.to_string());
    loop {
        let tcp = match listener.accept() {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                // No descriptors, or a client that has gone.
                terminal::note("bridge", &format!("accept: {error}"));
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if counts.open() >= most {
            terminal::note("bridge", "a connection was closed: there are as many as --max-connections allows");
            continue;
        }
        let (counted, serve) = (counts.count(), serve.clone());
        let spawned = thread::Builder::new().spawn(move || {
            serve(tcp);
            drop(counted);
        });
        if let Err(error) = spawned {
            terminal::note("bridge", &format!("a connection was closed: {error}"));
        }
    }
}

fn serve(client: &Client, stream: Stream) -> Result<(), Failure> {
    let ws: WebSocket = client.connect().map_err(client::failure)?;
    Ok(relay::run(ws, stream)?)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
