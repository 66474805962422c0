//! `ws inspect`: passes bytes on between any client and any server, and explains every byte of both directions.
//!
//! | file | content |
//! |---|---|
//! | here | the flags, listening, and the end |
//! | `event.rs` | what there is to tell, and who is told: the events and the trait of the sinks |
//! | `relay.rs` | the bytes of one connection, both ways |
//! | `track.rs`, `lane.rs`, `frames.rs` | bytes to events: heads, messages, frames |
//! | `sinks.rs`, `capture.rs` | explanations on the terminal, JSON, and pcapng |
//! | `page.rs` | the page of `examples/page`, on the same port |
//! | `rewrite.rs` | requests for the server of the URL |
//! | `fault.rs`, `corrupt.rs` | faults on purpose |

mod capture;
mod corrupt;
pub(crate) mod event;
mod fault;
mod frames;
mod lane;
mod page;
mod relay;
mod rewrite;
pub(crate) mod sinks;
pub(crate) mod track;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use stdws::handshake::uri::Uri;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::bridge::tcp::{self, Acceptor, Connector, Stream};
use crate::page::pair;
use crate::{client, terminal};
use event::Sink;
use page::{PageHost, PageSink, PLACE};
use relay::Relay;
use sinks::Sinks;
use track::Track;

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    operands: "URL",
    count: (1, 1),
    summary: "explains every byte between clients and a server",
    about:
        "Listens, connects each client to the host and port of the URL, passes the bytes of both directions on as they \
            are, and explains them. A server that serves several hosts, or checks Host or Origin, needs --rewrite.\n\
            Heads are shown without secrets, payloads as they are. After a fault, what the receiver gets is shown.\n\
            Exit codes: 0 ended by --until-stdin-ends; 1 failed; 2 called wrongly.",
    groups: &[INSPECT, CONNECTIONS, fault::FAULTS],
    run,
};

const INSPECT: Group = Group {
    title: "Inspect",
    flags: &[
        Flag("--listen", "ADDR:PORT", "where to listen (127.0.0.1:9001); port 0 takes a free one"),
        Flag("--addr", "ADDR:PORT", "the same: its name in the commands that are servers"),
        Flag(
            "--rewrite",
            "",
            "change the request of a client: the Host and the Origin become those of the URL, and the path /, too",
        ),
        Flag("--json", "", "print one JSON object for each event"),
        Flag(
            "--pcapng",
            "FILE",
            "also write the bytes of both directions, without TLS, to a capture for Wireshark; FILE must not exist, or - for \
             the standard output, which has nothing else then",
        ),
        Flag("--page", "", "also show the frames on a page for a browser, at the address that is printed"),
        Flag("--quiet", "", "print nothing but the address"),
        Flag("--plain", "", "no colour"),
        Flag("--show-secrets", "", "show credentials, cookies and queries in heads; do not publish that output"),
        Flag("--until-stdin-ends", "", "close all connections and end when the standard input ends"),
    ],
};

const CONNECTIONS: Group = Group {
    title: "Connections",
    flags: &[
        Flag("--tls", "FILE", "accept TLS with this PKCS#12 file, or this PEM certificate with --tls-key"),
        Flag("--tls-key", "FILE", "the private key for a PEM certificate (PKCS#8)"),
        Flag("--tls-password-file", "FILE", "the password of the PKCS#12 file; without it, WS_TLS_PASSWORD"),
        Flag("--ca", "FILE", "for wss:// also trust this authority or certificate (PEM or DER)"),
        Flag("--timeout", "S", "seconds for connecting, and for the first bytes of a client (30)"),
        Flag("--stall", "S", "seconds for a peer to take 16 KiB (60)"),
        Flag("--idle", "S", "seconds in which nothing passes, before a connection is closed (3600)"),
        Flag("--max-connections", "N", "connections at a time; more are closed at once (1024)"),
    ],
};

/// How long the connections may take to end.
const END: Duration = Duration::from_secs(5);
/// The time between attempts to accept while the system refuses.
const PAUSE: Duration = Duration::from_millis(20);

/// What all connections share.
struct Inspector {
    acceptor: Acceptor,
    connector: Connector,
    /// As the connector needs it.
    target: String,
    rewrite: Option<Uri>,
    timeout: Duration,
    stall: Duration,
    idle: Duration,
    delay: Duration,
    faults: fault::Settings,
    shows_secrets: bool,
    page: Option<PageHost>,
    sinks: Arc<Sinks>,
    /// Number of connections until now, and of those that are open.
    connections: AtomicU64,
    open: Mutex<usize>,
    /// A connection has ended.
    closed: Condvar,
    most: usize,
}

fn run(args: &Args) -> Outcome {
    args.exclude("--listen", &["--addr"])?;
    let (uri, target) = target(args)?;
    let positive = |name: &str, default: u64| match args.seconds(name)? {
        Some(Duration::ZERO) => Err(Failure::usage(format!("{name} takes more than 0 seconds"))),
        seconds => Ok(seconds.unwrap_or(Duration::from_secs(default))),
    };
    let (is_tls, shows_secrets) = (args.has("--tls"), args.has("--show-secrets"));
    let page = args.has("--page").then(|| PageHost::new(shows_secrets));
    let inspector = Arc::new(Inspector {
        acceptor: Acceptor::new(args)?,
        connector: Connector::new(args)?,
        target,
        rewrite: args.has("--rewrite").then_some(uri),
        timeout: client::connect_timeout(args)?.max(Duration::from_millis(1)),
        stall: positive("--stall", 60)?,
        idle: positive("--idle", 3600)?,
        delay: Duration::from_millis(args.number("--delay")?.unwrap_or(0)),
        faults: fault::Settings::new(args)?,
        shows_secrets,
        sinks: Arc::new(Sinks::new(sinks(args, page.as_ref())?)),
        page,
        connections: AtomicU64::new(0),
        open: Mutex::default(),
        closed: Condvar::new(),
        most: args.number("--max-connections")?.unwrap_or(1024),
    });
    let addr = args.value("--listen")?.or(args.value("--addr")?).unwrap_or("127.0.0.1:9001");
    let failure = |error| Failure::new(format!("{addr}: {error}"));
    let listener = TcpListener::bind(addr).map_err(failure)?;
    let local = listener.local_addr().map_err(failure)?;
    let (scheme, http) = if is_tls { ("wss", "https") } else { ("ws", "http") };
    let url = format!("{scheme}://{local}");
    let page = inspector.page.as_ref().map(|host| {
        host.listens_at(local, is_tls.then(|| around_tls(&inspector)));
        format!("{http}://{local}{PLACE}/")
    });
    match is_capture_printed(args) {
        true => place(&url, page.as_deref()).lines().for_each(|line| terminal::note("inspect", line)),
        // Whoever parses the output finds nothing but JSON.
        false if args.has("--json") => terminal::print(sinks::listening(&url, page.as_deref()))?,
        false => terminal::print(place(&url, page.as_deref()))?,
    }
    if args.has("--until-stdin-ends") {
        let inspector = inspector.clone();
        thread::spawn(move || {
            // The content of a line does not matter.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            inspector.sinks.end();
            if let Some(host) = &inspector.page {
                host.page.end();
            }
        });
    }
    let accepting = inspector.clone();
    thread::Builder::new().spawn(move || accepting.accept_all(&listener)).map_err(failure)?;
    inspector.sinks.wait_for_end();
    inspector.wait_for_connections();
    inspector.sinks.take_failure().map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The address for people, in lines.
fn place(url: &str, page: Option<&str>) -> String {
    let page = page.map(|page| format!("the page: {page}\n")).unwrap_or_default();
    format!("listening on {url}\n{page}")
}

/// A way for the composer of the page, which has no certificate to trust: a TCP connection within this process.
fn around_tls(inspector: &Arc<Inspector>) -> impl Fn() -> io::Result<TcpStream> + Send + Sync + 'static {
    let inspector = Arc::downgrade(inspector);
    move || {
        let inspector = inspector.upgrade().ok_or(io::ErrorKind::NotConnected)?;
        let (near, far) = pair()?;
        let stall = inspector.stall;
        inspector.start(move |_| Stream::plain(far, stall));
        Ok(near)
    }
}

/// Host and port of the URL, as the connector needs them.
fn target(args: &Args) -> Result<(Uri, String), Failure> {
    let uri = Uri::parse(args.operand(0, "URL")?).map_err(|problem| Failure::usage(format!("URL: {problem}")))?;
    if uri.userinfo().is_some() {
        return Err(Failure::usage("URL has no credentials: the client sends its own"));
    }
    if uri.resource() != "/" && !args.has("--rewrite") {
        return Err(Failure::usage("URL has a path, which only --rewrite sends"));
    }
    let target = tcp::target(&uri)?;
    Ok((uri, target))
}

fn is_capture_printed(args: &Args) -> bool {
    args.path("--pcapng").is_some_and(|path| path == "-")
}

/// Who is told. A further sink is added here.
fn sinks(args: &Args, page: Option<&PageHost>) -> Result<Vec<Box<dyn Sink>>, Failure> {
    args.exclude("--quiet", &["--json"])?;
    let mut all: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = args.path("--pcapng") {
        all.push(Box::new(capture::File::create(path)?));
    }
    let is_quiet = args.has("--quiet") || is_capture_printed(args);
    match (args.has("--json"), is_quiet) {
        (true, true) => return Err(Failure::usage("--json and --pcapng - exclude each other")),
        (true, _) => all.push(Box::new(sinks::Json)),
        (_, true) => {}
        _ => all.push(Box::new(sinks::Terminal::new(args.has("--plain")))),
    }
    if let Some(host) = page {
        all.push(Box::new(PageSink::new(host.page.clone())));
    }
    Ok(all)
}

impl Inspector {
    /// Accepts until the process ends. `std` cannot interrupt this, so it has a thread of its own that nobody waits for.
    fn accept_all(self: &Arc<Inspector>, listener: &TcpListener) {
        while !self.sinks.is_ending() {
            match listener.accept() {
                Ok((tcp, _)) => {
                    self.start(|inspector| inspector.acceptor.accept(tcp, inspector.timeout, inspector.stall))
                }
                Err(error) => {
                    // No descriptors, or a client that has gone.
                    terminal::note("inspect", &format!("accept: {error}"));
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Waits until all connections have ended, but no longer than [`END`].
    fn wait_for_connections(&self) {
        let open = lock(&self.open);
        // After the time, the end of the process ends the others.
        drop(self.closed.wait_timeout_while(open, END, |open| *open > 0));
    }

    /// Serves a connection on a thread. `accept` makes it one of this side, and can take its time.
    fn start(self: &Arc<Inspector>, accept: impl FnOnce(&Inspector) -> io::Result<Stream> + Send + 'static) {
        if !self.count_in() {
            return;
        }
        let inspector = self.clone();
        let spawned = thread::Builder::new().spawn(move || {
            if let Err(problem) = inspector.serve(accept(&inspector)) {
                terminal::note("inspect", &problem);
            }
            inspector.count_out();
        });
        if let Err(error) = spawned {
            self.count_out();
            terminal::note("inspect", &format!("a connection was closed: {error}"));
        }
    }

    /// Whether there is room for a connection, which then counts as open.
    fn count_in(&self) -> bool {
        if self.sinks.is_ending() {
            return false;
        }
        let mut open = lock(&self.open);
        if *open >= self.most {
            drop(open);
            terminal::note("inspect", "a connection was closed: there are as many as --max-connections allows");
            return false;
        }
        *open += 1;
        true
    }

    fn count_out(&self) {
        *lock(&self.open) -= 1;
        self.closed.notify_all();
    }

    fn serve(&self, client: io::Result<Stream>) -> Result<(), String> {
        let client = client.map_err(|error| format!("a client was not accepted: {error}"))?;
        // A client that asks for nothing needs no server.
        let Some(first) = relay::first_bytes(&client, self.timeout) else { return Ok(()) };
        if let Some(host) = self.page.as_ref().filter(|_| PageHost::is_for_page(&first)) {
            return host.serve(client, first);
        }
        let first = match &self.rewrite {
            Some(uri) => rewrite::rewrite(&client, first, uri, self.timeout),
            None => first,
        };
        let server = match self.connector.connect(&self.target, self.timeout, self.stall) {
            Ok(server) => server,
            Err(error) => {
                refuse(&client);
                return Err(format!("no connection to {}: {error}", self.target));
            }
        };
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let track = Track::new(self.shows_secrets, event::SHOWN);
        let relay = Relay::new(self.sinks.clone(), number, track, self.idle, self.delay);
        relay.run(client, server, first, self.faults.faults());
        Ok(())
    }
}

/// What a proxy answers when its server is away.
fn refuse(client: &Stream) {
    let text = "the server cannot be reached\n";
    let length = text.len();
    let response = format!("HTTP/1.1 502 Bad Gateway\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    // A client that has gone needs no answer.
    let _ = client.write(response.as_bytes());
    client.end();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
