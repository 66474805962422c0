//! `ws record`: stands between clients and a server, passes all messages on, and writes them to a file.
//!
//! | thread | does |
//! |---|---|
//! | that of the connection | connects to the server while the request is answered; passes on what the client sends |
//! | one more | passes on what the server sends |
//!
//! Each waits for the receiver of its messages, so memory stays bounded. A message is written to the file before it is passed
//! on, under a lock that is held for this write only.

mod file;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stdws::{Accept, Client, CloseCode, Decision, Error, Request, Response, Sender, ShutdownHandle, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::session::{Entry, Side, What};
use crate::{client, server, terminal};
use file::File;

pub(crate) const COMMAND: Command = Command {
    name: "record",
    operands: "URL",
    count: (1, 1),
    summary: "writes the messages between clients and a server to a file",
    about: "Listens, connects each client to the URL, passes all messages on, and writes them to the file of --output, one \
            JSON object a line: what ws replay plays. A FILE that ends in .pcapng is a capture for Wireshark instead, with a frame \
            for each message; ws inspect --pcapng captures the frames as they are. The subprotocols, the Origin, cookies and credentials of the client \
            are passed on, if no flag sets them.\n\
            The file holds all messages as they are: whatever secrets they have.",
    groups: &[RECORD, server::LISTENING, server::ADMISSION, server::LIMITS, client::CONNECTION],
    run,
};

const RECORD: Group =
    Group { title: "Record", flags: &[Flag("--output", "FILE", "the file to write, which must not exist yet")] };

/// What the client decides.
const PASSED_ON: [&str; 5] = ["--user", "--digest", "--subprotocol", "--version", "--legacy"];

/// The time in which the server accepts. It is a part of the opening handshake of the client.
const CONNECT: Duration = Duration::from_secs(5);
/// The time of a shutdown after a failure of the file.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The file, and what its writers share.
struct Recording {
    file: Mutex<File>,
    connections: AtomicU64,
    failure: Mutex<Option<Failure>>,
    shutdown: ShutdownHandle,
}

/// The connection to the server, until the handler takes it.
struct Upstream(Mutex<Option<WebSocket>>);

fn run(args: &Args) -> Outcome {
    if let Some(flag) = PASSED_ON.iter().find(|flag| args.has(flag)) {
        return Err(Failure::usage(format!("{flag} means nothing here: the client decides")));
    }
    let client = client::client(args, args.operand(0, "URL")?)?;
    let client = client.connect_timeout(client::connect_timeout(args)?.min(CONNECT));
    let path = args.path("--output").ok_or_else(|| Failure::usage("--output FILE is missing"))?;
    let server = server::server(args)?.on_event(server::log(args, "record"));
    let file = File::create(path)?;
    let recording = Arc::new(Recording {
        file: Mutex::new(file),
        connections: AtomicU64::new(0),
        failure: Mutex::default(),
        shutdown: server.shutdown_handle(),
    });
    let flags: Vec<_> = ["Origin", "Cookie", "Authorization"].into_iter().filter(|name| !is_set(args, name)).collect();
    let server = server.on_request(move |request| match request.is_websocket() {
        true => open(request, client.clone(), &flags).unwrap_or_else(|error| refuse(&error)),
        false => Decision::accept(),
    });
    let recorded = recording.clone();
    let code: ExitCode = server::run(args, server::WS, server, move |ws| {
        match ws.extension::<Upstream>().and_then(|upstream| lock(&upstream.0).take()) {
            Some(upstream) => relay(ws, upstream, &recorded),
            None => Ok(()),
        }
    })?;
    let failure = lock(&recording.failure).take();
    failure.map_or(Ok(code), Err)
}

/// Whether a flag sets this header. The content of `--header-file` is not known here, so it counts as all of them.
fn is_set(args: &Args, name: &str) -> bool {
    let is_name = |header: &&str| header.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
    name == "Origin" && args.has("--origin")
        || name != "Origin" && args.has("--header-file")
        || args.values("--header").is_ok_and(|headers| headers.iter().any(is_name))
}

/// Connects to the server with what the client has sent.
fn open(request: &Request, mut client: Client, headers: &[&str]) -> Result<Decision, Error> {
    for subprotocol in request.subprotocols() {
        client = client.subprotocol(subprotocol)?;
    }
    for name in headers {
        let Some(value) = request.header(name) else { continue };
        client = if *name == "Origin" { client.origin(value)? } else { client.header(name, value)? };
    }
    let upstream = client.connect()?;
    let accept = match upstream.subprotocol() {
        Some(chosen) => Accept::new().subprotocol(chosen),
        None => Accept::new(),
    };
    Ok(accept.with(Upstream(Mutex::new(Some(upstream)))).into())
}

/// The status of the server, if it has answered.
fn refuse(error: &Error) -> Decision {
    terminal::note("record", &error.to_string());
    let status = match error {
        Error::Handshake(rejection) => rejection.status().filter(|status| (400..=599).contains(status)),
        _ => None,
    };
    Response::text(status.unwrap_or(502), "the server did not open the connection\n").into()
}

fn relay(client: WebSocket, server: WebSocket, recording: &Arc<Recording>) -> stdws::Result<()> {
    let connection = recording.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let path = client.request().map_or("/", |request| request.path()).to_owned();
    let peers = [client.peer_addr(), server.peer_addr()];
    if !recording.change(|file| file.open(now(), connection, peers, &path)) {
        return Ok(());
    }
    let (to_client, to_server, recorded) = (client.sender(), server.sender(), recording.clone());
    let other = thread::Builder::new().spawn(move || pass(server, &to_client, Side::Server, connection, &recorded));
    let other = other.map_err(Error::other)?;
    pass(client, &to_server, Side::Client, connection, recording);
    let _ = other.join();
    recording.change(|file| file.end(now(), connection));
    Ok(())
}

/// Passes the messages of one side on until its end, which it passes on as well.
fn pass(mut from: WebSocket, to: &Sender, side: Side, connection: u64, recording: &Recording) {
    let entry = |what| Entry { at: now(), connection, side, what };
    loop {
        let message = match from.recv() {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(_) => {
                // The other side was lost, and this one aborted, if it is not open any more.
                if to.is_open() {
                    recording.write(&entry(What::Lost));
                }
                return to.abort();
            }
        };
        let entry = entry(What::Message(message));
        if !recording.write(&entry) {
            break;
        }
        if let What::Message(message) = &entry.what {
            // If the receiver has ended, the other thread ends this side too, with the code that it has.
            let _ = to.send(message);
        }
    }
    let Some(info) = from.close_info() else {
        let _ = to.close(CloseCode::GOING_AWAY, "");
        return;
    };
    if info.closed_by_peer() {
        recording.write(&entry(What::Closed(info.code().as_u16(), info.reason().to_owned())));
        let code = Some(info.code()).filter(|code| code.is_sendable()).unwrap_or(CloseCode::NORMAL);
        let _ = to.close(code, info.reason());
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Recording {
    /// Whether the entry is in the file. Without a file there is nothing left to do.
    fn write(&self, entry: &Entry) -> bool {
        self.change(|file| file.write(entry))
    }

    /// Whether the file could be written.
    fn change(&self, write: impl FnOnce(&mut File) -> io::Result<()>) -> bool {
        let written = write(&mut lock(&self.file));
        let Err(error) = written else { return true };
        let first =
            lock(&self.failure).replace(Failure::new(format!("the file could not be written: {error}"))).is_none();
        if first {
            let shutdown = self.shutdown.clone();
            // It waits for the threads that write.
            thread::spawn(move || shutdown.shutdown(SHUTDOWN));
        }
        false
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
