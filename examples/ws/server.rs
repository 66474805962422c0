//! The flags of a server, which all commands that listen have, and its run from the first line to the shutdown.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stdws::deflate::{Level, WindowBits};
use stdws::events::Event;
use stdws::{Deflate, Limits, Server, Timeouts, WebSocket};

use crate::args::{Args, Failure, Flag, Group, Outcome};
use crate::secret;
use crate::terminal::{self, Waiting};

/// The scheme of the address that is printed, without and with TLS.
pub(crate) type Schemes = (&'static str, &'static str);
pub(crate) const WS: Schemes = ("ws", "wss");
pub(crate) const HTTP: Schemes = ("http", "https");

/// The time of a shutdown.
pub(crate) const SHUTDOWN: Duration = Duration::from_secs(5);

pub(crate) const LISTENING: Group = Group {
    title: "Listening",
    flags: &[
        Flag("--addr", "ADDR:PORT", "where to listen (127.0.0.1:9001); port 0 takes a free one"),
        Flag("--unix", "PATH", "listen on this Unix socket instead"),
        Flag("--tls", "FILE", "TLS, wss://, with this PKCS#12 file, or this PEM certificate with --tls-key"),
        Flag("--tls-key", "FILE", "the private key for a PEM certificate (PKCS#8)"),
        Flag("--tls-password-file", "FILE", "the password of the PKCS#12 file; without it, WS_TLS_PASSWORD"),
        Flag("--trust-proxy", "ADDR", "connections from there name the client by the PROXY protocol; repeatable"),
        Flag("--trust-forwarded", "ADDR", "connections from there name the client by Forwarded (RFC 7239); repeatable"),
        Flag(
            "--trust-x-forwarded-for",
            "ADDR",
            "connections from there name the client by X-Forwarded-For; repeatable",
        ),
        Flag(
            "--until-stdin-ends",
            "",
            "shut down when the standard input ends: close all connections within 5 seconds",
        ),
        Flag("--verbose, -v", "", "log all events to the standard error output"),
    ],
};

pub(crate) const ADMISSION: Group = Group {
    title: "Admission",
    flags: &[
        Flag("--allow-origin", "O", "also let in pages from this origin, such as https://app.example.com; repeatable"),
        Flag("--danger-allow-any-origin", "", "let in every page of every site"),
        Flag(
            "--allow-host",
            "HOST",
            "the hosts that requests may be for; repeatable (on a loopback address: localhost and that address, else all)",
        ),
        Flag("--user", "NAME", "require Basic credentials, with the password of --password-file"),
        Flag("--password-file", "FILE", "the password; without it, WS_PASSWORD in the environment"),
        Flag("--subprotocol", "P", "a subprotocol to agree on; repeatable"),
        Flag("--deflate", "", "agree to compress messages (permessage-deflate)"),
        Flag("--deflate-level", "LEVEL", "fast, default or best; implies --deflate"),
        Flag("--deflate-threshold", "N", "compress messages from this number of bytes on (64); implies --deflate"),
        Flag("--deflate-window", "BITS", "at most this window for either side, 8 to 15 (15); implies --deflate"),
        Flag("--deflate-no-context", "", "begin each message with an empty window; implies --deflate"),
        Flag("--version", "NAME", "also accept this draft: hixie-55, hixie-75, hixie-76, hybi-00 to hybi-12; repeatable"),
        Flag("--legacy", "", "also accept all of them"),
    ],
};

pub(crate) const LIMITS: Group = Group {
    title: "Limits",
    flags: &[
        Flag("--max-message", "N", "bytes in a message (16777216)"),
        Flag("--max-fragments", "N", "fragments in a message (131072)"),
        Flag("--max-head", "N", "bytes in the head of a request (65536)"),
        Flag("--max-head-fields", "N", "fields in the head of a request (100)"),
        Flag("--max-connections", "N", "connections at a time, if the system has room; more are answered 503 (16384)"),
        Flag("--max-handshakes", "N", "opening handshakes at a time; more are answered 503 (4096)"),
        Flag("--max-per-address", "N", "connections from one address; more are answered 429 (no limit)"),
        Flag("--stack-size", "N", "bytes of stack for each connection (that of Rust, 2097152)"),
        Flag("--ping", "S", "seconds of silence before a Ping, and again for its answer (20); 0: no Pings"),
        Flag("--handshake-timeout", "S", "seconds for a request to arrive (10)"),
        Flag("--message-timeout", "S", "seconds for a message, or for each 64 KiB, to arrive (60)"),
        Flag("--write-timeout", "S", "seconds for a peer to receive 64 KiB (20)"),
        Flag("--close-timeout", "S", "seconds for a peer to answer a Close (5)"),
    ],
};

/// The server that the flags describe.
pub(crate) fn server(args: &Args) -> Result<Server, Failure> {
    let limits = limits(args, Limits::client().max_message_size)?;
    let mut server = bind(args)?.limits(limits).timeouts(timeouts(args)?);
    server = server.subprotocols(args.values("--subprotocol")?);
    if let Some(count) = args.number("--max-connections")? {
        server = server.max_connections(count);
    }
    if let Some(count) = args.number("--max-handshakes")? {
        server = server.max_handshakes(count);
    }
    if let Some(count) = args.number("--max-per-address")? {
        server = server.max_per_address(count);
    }
    if let Some(bytes) = args.number("--stack-size")? {
        server = server.stack_size(bytes);
    }
    if let Some(deflate) = deflate(args)? {
        server = server.deflate(deflate);
    }
    for origin in args.values("--allow-origin")? {
        server = server.allow_origin(origin);
    }
    if args.has("--danger-allow-any-origin") {
        server = server.danger_allow_any_origin();
    }
    let proxies = args.values("--trust-proxy")?;
    if !proxies.is_empty() {
        server = server.trust_proxy_protocol(proxies)?;
    }
    let forwarders = args.values("--trust-forwarded")?;
    if !forwarders.is_empty() {
        server = server.trust_forwarded(forwarders)?;
    }
    let forwarders = args.values("--trust-x-forwarded-for")?;
    if !forwarders.is_empty() {
        server = server.trust_x_forwarded_for(forwarders)?;
    }
    let server = with_credentials(with_hosts(server, args)?, args)?;
    with_versions(with_tls(server, args)?, args)
}

/// Logs each event, if that is asked for.
pub(crate) fn log(args: &Args, command: &'static str) -> impl Fn(&Event) + Send + Sync + 'static {
    let verbose = args.has("--verbose");
    move |event| {
        if verbose {
            terminal::note(command, &event.to_string());
        }
    }
}

/// Prints where the server listens, and serves until it is shut down.
pub(crate) fn run(
    args: &Args,
    schemes: Schemes,
    server: Server,
    handler: impl Fn(WebSocket) -> stdws::Result<()> + Send + Sync + 'static,
) -> Outcome {
    run_until(args, schemes, SHUTDOWN, server, handler)
}

/// The same, with this time for a shutdown.
pub(crate) fn run_until(
    args: &Args,
    schemes: Schemes,
    limit: Duration,
    server: Server,
    handler: impl Fn(WebSocket) -> stdws::Result<()> + Send + Sync + 'static,
) -> Outcome {
    let scheme = if args.has("--tls") { schemes.1 } else { schemes.0 };
    let place = match args.path("--unix") {
        Some(path) => format!("unix:{}", path.to_string_lossy()),
        None => format!("{scheme}://{}", server.local_addr()?),
    };
    let shutdown = server.shutdown_handle();
    let counts = Arc::new(Counts::default());
    let counting = counts.clone();
    let server = server.start(move |ws| {
        let _counted = counting.count();
        handler(ws)
    })?;
    // Only now, so that whoever reads the line can connect.
    terminal::print(format!("listening on {place}\n"))?;
    let shown = counts.clone();
    let _waiting = Waiting::counting(args.command, move || shown.to_string());
    if args.has("--until-stdin-ends") {
        thread::spawn(move || {
            // The content of a line does not matter.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            counts.is_ending.store(true, Ordering::Relaxed);
            shutdown.shutdown(limit);
        });
    }
    server.join()?;
    Ok(std::process::ExitCode::SUCCESS)
}

/// The connections of a server, as a terminal shows them while it runs.
#[derive(Default)]
pub(crate) struct Counts {
    open: AtomicUsize,
    all: AtomicUsize,
    is_ending: AtomicBool,
}

/// A connection, until it is dropped.
pub(crate) struct Counted(Arc<Counts>);

impl Counts {
    pub(crate) fn count(self: &Arc<Counts>) -> Counted {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_ending.load(Ordering::Relaxed) { ", shutting down" } else { "" };
        write!(f, "{} open connections, {} in all{end}", self.open(), self.all.load(Ordering::Relaxed))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns every message. Answers are queued, and written together as soon as there is nothing more to read.
pub(crate) fn echo(mut ws: WebSocket) -> stdws::Result<()> {
    let answers = ws.sender();
    while let Some(message) = ws.recv_ref()? {
        answers.queue(message)?;
    }
    Ok(())
}

fn bind(args: &Args) -> Result<Server, Failure> {
    args.exclude("--unix", &["--addr", "--tls"])?;
    match args.path("--unix") {
        Some(path) => bind_unix(path.as_ref()),
        None => {
            let addr = addr(args)?;
            Server::bind(addr).map_err(|error| not_bound(addr, &error))
        }
    }
}

/// Where to listen.
pub(crate) fn addr(args: &Args) -> Result<&str, Failure> {
    let addr = args.value("--addr")?.unwrap_or("127.0.0.1:9001");
    match addr.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        true => Ok(addr),
        false => Err(Failure::usage(format!("--addr takes ADDR:PORT, such as 127.0.0.1:9001, not {addr:?}"))),
    }
}

/// The failure for an address on which nobody can listen.
pub(crate) fn not_bound(addr: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let source = error.source().unwrap_or(error);
    let way_out = match source.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::AddrInUse) => "; --addr ADDR:0 takes a free port",
        _ => "",
    };
    Failure::new(format!("--addr {addr}: {source}{way_out}"))
}

#[cfg(unix)]
fn bind_unix(path: &std::path::Path) -> Result<Server, Failure> {
    Ok(Server::bind_unix(path)?)
}

#[cfg(not(unix))]
fn bind_unix(_: &std::path::Path) -> Result<Server, Failure> {
    Err(Failure::usage("--unix needs a Unix system"))
}

/// The limits of messages and heads, with this size of a message without `--max-message`.
pub(crate) fn limits(args: &Args, max_message_size: u64) -> Result<Limits, Failure> {
    let size = args.number("--max-message")?.unwrap_or(max_message_size);
    let mut limits = Limits::with_max_message_size(size);
    if let Some(count) = args.number("--max-fragments")? {
        limits.max_fragments = count;
    }
    if let Some(bytes) = args.number("--max-head")? {
        limits.max_head_size = bytes;
    }
    if let Some(count) = args.number("--max-head-fields")? {
        limits.max_head_fields = count;
    }
    Ok(limits)
}

pub(crate) fn timeouts(args: &Args) -> Result<Timeouts, Failure> {
    let mut timeouts = Timeouts::default();
    match args.seconds("--ping")? {
        None => {}
        Some(Duration::ZERO) => timeouts.ping_interval = Duration::MAX,
        Some(interval) => (timeouts.ping_interval, timeouts.pong_timeout) = (interval, interval),
    }
    timeouts.handshake = args.seconds("--handshake-timeout")?.unwrap_or(timeouts.handshake);
    timeouts.message = args.seconds("--message-timeout")?.unwrap_or(timeouts.message);
    timeouts.write = args.seconds("--write-timeout")?.unwrap_or(timeouts.write);
    timeouts.close = args.seconds("--close-timeout")?.unwrap_or(timeouts.close);
    Ok(timeouts)
}

fn deflate(args: &Args) -> Result<Option<Deflate>, Failure> {
    const MORE: [&str; 4] = ["--deflate-level", "--deflate-threshold", "--deflate-window", "--deflate-no-context"];
    if !args.has("--deflate") && !MORE.iter().any(|flag| args.has(flag)) {
        return Ok(None);
    }
    let level = match args.value("--deflate-level")? {
        None | Some("default") => Level::Default,
        Some("fast") => Level::Fast,
        Some("best") => Level::Best,
        Some(other) => {
            return Err(Failure::usage(format!("--deflate-level takes fast, default or best, not {other:?}")))
        }
    };
    let mut deflate = Deflate::default().level(level);
    if let Some(bytes) = args.number("--deflate-threshold")? {
        deflate = deflate.threshold(bytes);
    }
    if let Some(bits) = args.number("--deflate-window")? {
        let window = WindowBits::new(bits).ok_or_else(|| Failure::usage("--deflate-window takes 8 to 15"))?;
        deflate = deflate.server_max_window_bits(window).client_max_window_bits(window);
    }
    if args.has("--deflate-no-context") {
        deflate = deflate.server_no_context_takeover().client_no_context_takeover();
    }
    Ok(Some(deflate))
}

/// On a loopback address only requests for it are served: otherwise DNS rebinding lets pages of any site in.
fn with_hosts(mut server: Server, args: &Args) -> Result<Server, Failure> {
    let hosts = args.values("--allow-host")?;
    for host in &hosts {
        server = server.allow_host(*host)?;
    }
    let ip = server.local_addr().ok().map(|addr| addr.ip()).filter(|ip| ip.is_loopback());
    let Some(ip) = ip.filter(|_| hosts.is_empty()) else { return Ok(server) };
    let address = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    Ok(server.allow_host("localhost")?.allow_host(address)?)
}

fn with_credentials(server: Server, args: &Args) -> Result<Server, Failure> {
    let Some(user) = args.value("--user")?.map(str::to_owned) else { return Ok(server) };
    let password = secret::required(args, "--user", "--password-file", "WS_PASSWORD")?;
    Ok(server.basic_auth("ws", move |credentials| credentials.matches(&user, &password))?)
}

#[cfg(feature = "native-tls")]
fn with_tls(server: Server, args: &Args) -> Result<Server, Failure> {
    use stdws::{TlsAccept, TlsIdentity};
    let Some(file) = args.path("--tls") else { return Ok(server) };
    let certificate = secret::read(file.as_ref())?;
    let identity = match args.path("--tls-key") {
        Some(key) => TlsIdentity::from_pem(&certificate, &secret::read(key.as_ref())?),
        None => {
            let password = secret::password(args, "--tls-password-file", "WS_TLS_PASSWORD")?.unwrap_or_default();
            TlsIdentity::from_pkcs12(&certificate, &password)
        }
    };
    let identity = identity.map_err(|error| Failure::new(format!("{}: {error}", file.to_string_lossy())))?;
    Ok(server.tls(TlsAccept::new(identity)?))
}

#[cfg(not(feature = "native-tls"))]
fn with_tls(server: Server, args: &Args) -> Result<Server, Failure> {
    match args.has("--tls") {
        true => Err(Failure::usage("--tls needs a build with --features native-tls")),
        false => Ok(server),
    }
}

#[cfg(feature = "legacy")]
fn with_versions(server: Server, args: &Args) -> Result<Server, Failure> {
    use stdws::Version;
    if args.has("--legacy") {
        return Ok(server.legacy_versions(Version::ALL));
    }
    let known =
        |name: &str| Version::from_name(name).ok_or_else(|| Failure::usage(format!("there is no version {name:?}")));
    let versions = args.values("--version")?.into_iter().map(known).collect::<Result<Vec<_>, _>>()?;
    Ok(if versions.is_empty() { server } else { server.legacy_versions(versions) })
}

#[cfg(not(feature = "legacy"))]
fn with_versions(server: Server, args: &Args) -> Result<Server, Failure> {
    match args.has("--version") || args.has("--legacy") {
        true => Err(Failure::usage("--version and --legacy need a build with --features legacy")),
        false => Ok(server),
    }
}
