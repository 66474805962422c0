//! A WebSocket for the terminal. `client --help` lists the settings.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use stdws::explain::Explainer;
use stdws::{Backoff, Client, CloseCode, Disconnect, Message, Proxy, Sender, SplitStream, WebSocket};

const HELP: &str = "\
Talks to a WebSocket server: each line of the input is a message, and messages that come are printed as they come.
At the end of the input the connection is closed, and what the server still sends before it agrees is printed too.

usage: client URL [--header 'NAME: VALUE']... [--origin O] [--subprotocol P]... [--once TEXT] [--binary] [--trace]
                  [--max-message N] [--timeout S] [--deflate] [--proxy URL|env] [--redirects N] [--reconnect] [--ca FILE]
                  [--digest USER:PASSWORD] [--proxy-digest USER:PASSWORD]
                  [--version NAME] [--legacy]

  --header 'NAME: VALUE'   a header for the request
  --origin O               the origin of the request, such as https://app.example.com
  --subprotocol P          a subprotocol to offer; the first is preferred
  --once TEXT              send this, print one answer, and close
  --binary                 send bytes instead of text
  --ca FILE                also trust this authority, or this certificate of a wss:// server itself (PEM or DER)
  --deflate                offer to compress messages (permessage-deflate)
  --digest USER:PASSWORD   answer Digest challenges of the server
  --proxy-digest USER:PASSWORD   answer Digest challenges of the proxy
  --proxy URL              through http://USER:PASSWORD@HOST:PORT, https:// or socks5://...; env: the one that http_proxy and the
                           like name in the environment
  --reconnect              connect again after a loss, with growing delays; lines are kept until there is a connection
  --redirects N            follow at most N redirects (0; maximum 10)
  --version NAME           use a draft of the protocol: hixie-55, hixie-75, hixie-76, hybi-00 ... hybi-12
  --legacy                 if the server lists other versions, use the newest of them
  --trace                  explain every byte that passes, on the standard error output
  --max-message N          bytes a message may have that comes (16777216)
  --timeout S              seconds for connecting, and with --once for the answer (30)

Exits with 0 after a connection that was closed cleanly, 1 if there was none or it failed, 2 if it was called wrongly.
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
            eprintln!("client: {problem}; see: client --help");
            return ExitCode::from(2);
        }
    };
    let client = match settings.client() {
        Ok(client) => client,
        Err(problem) => {
            eprintln!("client: {problem}");
            return ExitCode::from(2);
        }
    };
    let result = if settings.reconnect { run_reconnecting(&client, settings.binary) } else { run(&client, &settings) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}{}", response_body(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(client: &Client, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut ws = if settings.trace { connect_traced(client, settings)? } else { client.connect()? };
    match &settings.once {
        Some(text) => once(&mut ws, text, settings),
        None => {
            let (sender, binary) = (ws.sender(), settings.binary);
            thread::spawn(move || send_lines(&sender, binary));
            while let Some(message) = ws.recv()? {
                writeln!(io::stdout(), "{}", shown(&message))?;
            }
            let ending = ws.close_info().map(|info| info.to_string());
            eprintln!("client: closed: {}", ending.unwrap_or_default());
            Ok(())
        }
    }
}

/// Sends one message, prints one, closes.
fn once(ws: &mut WebSocket, text: &str, settings: &Settings) -> Result<(), Box<dyn Error>> {
    if settings.binary {
        ws.send(text.as_bytes())?;
    } else {
        ws.send(text)?;
    }
    let Some(message) = ws.recv_timeout(settings.timeout)? else {
        let ending = ws.close_info().map(|info| info.to_string());
        return Err(format!("the server closed without an answer: {}", ending.unwrap_or_default()).into());
    };
    writeln!(io::stdout(), "{}", shown(&message))?;
    ws.close(CloseCode::NORMAL, "")?;
    Ok(())
}

/// Sends the lines of the input, and closes the connection at its end. An error here also ends the receiving thread, which
/// reports it.
fn send_lines(sender: &Sender, binary: bool) {
    for line in lines() {
        if send_line(sender, &line, binary).is_err() {
            return;
        }
    }
    // Messages before the server's Close are received and printed meanwhile.
    let _ = sender.close(CloseCode::NORMAL, "");
}

fn lines() -> impl Iterator<Item = Vec<u8>> {
    io::stdin().lock().split(b'\n').map_while(Result::ok).map(|mut line| {
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        line
    })
}

fn send_line(sender: &Sender, line: &[u8], binary: bool) -> stdws::Result<()> {
    match std::str::from_utf8(line) {
        _ if binary => sender.send(line),
        Ok(text) => sender.send(text),
        Err(_) => {
            eprintln!("client: a line that is not UTF-8 was not sent; --binary sends it");
            Ok(())
        }
    }
}

// ── reconnecting ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Uses one connection after another, until the input ends or the server closes cleanly.
fn run_reconnecting(client: &Client, binary: bool) -> Result<(), Box<dyn Error>> {
    let backoff = Backoff::default().policy(|disconnect| {
        eprintln!("client: {disconnect}");
        disconnect.retry()
    });
    let mut connections = client.reconnect(backoff);
    let (current, handle) = (Arc::new(CurrentConnection::default()), connections.handle());
    let sender_side = current.clone();
    thread::spawn(move || {
        for line in lines() {
            // A line that could not be sent is sent on the next connection. A line that was sent may be lost as well.
            while send_line(&sender_side.wait_for_sender(), &line, binary).is_err() {}
        }
        if let Some(sender) = sender_side.open_sender() {
            let _ = sender.close(CloseCode::NORMAL, "");
        }
        handle.stop();
    });
    for connection in &mut connections {
        let mut ws = match connection {
            Ok(ws) => ws,
            // The server has finished.
            Err(stdws::Error::Closed(Some(info))) if info.code() == CloseCode::NORMAL => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        eprintln!("client: connected");
        current.set(ws.sender());
        for message in ws.messages().map_while(Result::ok) {
            writeln!(io::stdout(), "{}", shown(&message))?;
        }
    }
    match connections.last_disconnect().map(Disconnect::close_code) {
        None | Some(None | Some(CloseCode::NORMAL)) => Ok(()),
        Some(Some(code)) => Err(format!("the server closed with {code}").into()),
    }
}

/// The present connection, if there is one.
#[derive(Default)]
struct CurrentConnection {
    sender: Mutex<Option<Sender>>,
    changed: Condvar,
}

impl CurrentConnection {
    fn set(&self, sender: Sender) {
        *self.sender.lock().unwrap() = Some(sender);
        self.changed.notify_all();
    }

    fn open_sender(&self) -> Option<Sender> {
        self.sender.lock().unwrap().clone().filter(Sender::is_open)
    }

    /// Waits for an open connection.
    fn wait_for_sender(&self) -> Sender {
        let closed = |sender: &mut Option<Sender>| !sender.as_ref().is_some_and(Sender::is_open);
        let sender = self.changed.wait_while(self.sender.lock().unwrap(), closed).unwrap();
        sender.clone().expect("an open one was waited for")
    }
}

/// A message for the terminal, which must not interpret control characters of the server.
fn shown(message: &Message) -> String {
    match message {
        // Escapes control characters.
        Message::Text(_) => message.to_string(),
        Message::Binary(bytes) => {
            let mut text = format!("[{} bytes]", bytes.len());
            for byte in bytes.iter().take(32) {
                let _ = write!(text, " {byte:02x}");
            }
            if bytes.len() > 32 {
                text.push_str(" ...");
            }
            text
        }
    }
}

/// The response of the server or the proxy that rejected the connection, after the error.
fn response_body(error: &(dyn Error + 'static)) -> String {
    let body = match error.downcast_ref() {
        Some(stdws::Error::Handshake(rejection)) => rejection.body(),
        Some(stdws::Error::Proxy(rejection)) => rejection.body(),
        Some(stdws::Error::Redirect(after)) => return response_body(after.cause()),
        _ => return String::new(),
    };
    let body = String::from_utf8_lossy(body.get(..1000).unwrap_or(body));
    match body.trim() {
        "" => String::new(),
        body => format!("\n{}", Message::from(body)),
    }
}

// ── trace ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Connects over a stream that records the bytes on it.
fn connect_traced(client: &Client, settings: &Settings) -> Result<WebSocket, Box<dyn Error>> {
    // Bytes on TLS are not shown. Without TLS in the build, the error names the feature.
    let Some(address) = address(&settings.url) else { return Ok(client.connect()?) };
    let tcp = open(&address, settings.timeout)?;
    tcp.set_nodelay(true)?;
    let (reader, writer) = (tcp.try_clone()?, tcp.try_clone()?);
    let (client_side, server_side) = explainers(settings);
    let reader = TracedStream { tcp: reader, explainer: server_side };
    let writer = TracedStream { tcp: writer, explainer: client_side };
    let halves = SplitStream::new(reader, writer).on_end(move || drop(tcp.shutdown(Shutdown::Both)));
    Ok(client.connect_over(halves)?)
}

/// The bytes that the client sends, and those that the server sends.
fn explainers(settings: &Settings) -> (Explainer, Explainer) {
    #[cfg(feature = "legacy")]
    if let Some(version) = settings.version.as_deref().and_then(stdws::Version::from_name) {
        return Explainer::pair(version);
    }
    let _ = settings;
    (Explainer::client(), Explainer::server())
}

fn open(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let start = Instant::now();
    let mut error = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(tcp) => return Ok(tcp),
            Err(failed) => error = failed,
        }
    }
    Err(io::Error::new(error.kind(), format!("no connection to {address}: {error}")))
}

/// Host and port of a ws URL that `Client` has accepted.
fn address(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?.trim_end_matches(':');
    // The colons of an IPv6 address are before its closing bracket.
    let has_port = host.rsplit(']').next()?.contains(':');
    scheme.eq_ignore_ascii_case("ws").then(|| if has_port { host.to_owned() } else { format!("{host}:80") })
}

/// One direction of a connection, and its explainer.
struct TracedStream {
    tcp: TcpStream,
    explainer: Explainer,
}

impl Read for TracedStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.tcp.read(to)?;
        eprint!("{}", self.explainer.feed(&to[..count]));
        Ok(count)
    }
}

impl Write for TracedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before its answer can arrive.
        eprint!("{}", self.explainer.feed(bytes));
        self.tcp.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

// ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct Settings {
    url: String,
    headers: Vec<String>,
    origin: Option<String>,
    subprotocols: Vec<String>,
    once: Option<String>,
    binary: bool,
    trace: bool,
    deflate: bool,
    ca: Option<String>,
    version: Option<String>,
    legacy: bool,
    max_message_size: Option<u64>,
    proxy: Option<String>,
    digest: Option<String>,
    proxy_digest: Option<String>,
    max_redirects: u8,
    reconnect: bool,
    timeout: Duration,
}

impl Settings {
    /// `None`: `--help` was given.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
        let mut settings = Settings { timeout: Duration::from_secs(30), ..Settings::default() };
        let mut url = None;
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--header" => settings.headers.push(value()?),
                "--origin" => settings.origin = Some(value()?),
                "--subprotocol" => settings.subprotocols.push(value()?),
                "--once" => settings.once = Some(value()?),
                "--binary" => settings.binary = true,
                "--trace" => settings.trace = true,
                "--deflate" => settings.deflate = true,
                "--ca" => settings.ca = Some(value()?),
                "--version" => settings.version = Some(value()?),
                "--legacy" => settings.legacy = true,
                "--max-message" => {
                    let text = value()?;
                    let number = text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))?;
                    settings.max_message_size = Some(number);
                }
                "--proxy" => settings.proxy = Some(value()?),
                "--digest" => settings.digest = Some(value()?),
                "--proxy-digest" => settings.proxy_digest = Some(value()?),
                "--reconnect" => settings.reconnect = true,
                "--redirects" => {
                    let text = value()?;
                    settings.max_redirects =
                        text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))?;
                }
                "--timeout" => {
                    let text = value()?;
                    let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                    settings.timeout = seconds.ok_or(format!("{name} takes seconds, not {text:?}"))?;
                }
                option if option.starts_with('-') => return Err(format!("there is no setting {option}")),
                _ if url.is_some() => return Err("there can be but one URL".into()),
                _ => url = Some(name),
            }
        }
        if settings.trace && (settings.proxy.is_some() || settings.max_redirects > 0) {
            return Err("--trace connects by itself: without a proxy, and following no redirect".into());
        }
        if settings.reconnect && (settings.trace || settings.once.is_some()) {
            return Err("--reconnect goes neither with --trace nor with --once".into());
        }
        settings.url = url.ok_or("a URL is needed")?;
        Ok(Some(settings))
    }

    fn client(&self) -> Result<Client, Box<dyn Error>> {
        let mut client = Client::new(&self.url)?.connect_timeout(self.timeout).max_redirects(self.max_redirects);
        for header in &self.headers {
            // The header is not shown: it may hold a secret.
            let (name, value) = header.split_once(':').ok_or("--header takes 'NAME: VALUE'")?;
            client = client.header(name, value.trim())?;
        }
        if let Some(file) = &self.ca {
            client = with_authority(client, file)?;
        }
        if self.deflate {
            client = with_deflate(client)?;
        }
        if self.legacy || self.version.is_some() {
            client = self.with_versions(client)?;
        }
        if let Some(origin) = &self.origin {
            client = client.origin(origin)?;
        }
        for subprotocol in &self.subprotocols {
            client = client.subprotocol(subprotocol)?;
        }
        if let Some((user, password)) = self.digest.as_deref().map(user_and_password).transpose()? {
            client = client.digest_auth(user, password)?;
        }
        let proxy = match self.proxy.as_deref() {
            None => None,
            Some("env") => Some(Proxy::from_env()?),
            Some(url) => Some(Proxy::new(url)?),
        };
        if let Some(mut proxy) = proxy {
            if let Some((user, password)) = self.proxy_digest.as_deref().map(user_and_password).transpose()? {
                proxy = proxy.digest_credentials(user, password)?;
            }
            client = client.proxy(self.with_proxy_authority(proxy)?.header("User-Agent", "stdws-client")?);
        }
        if let Some(bytes) = self.max_message_size {
            client = client.max_message_size(bytes);
        }
        Ok(client)
    }

    /// The authority of the server may be that of an https:// proxy, too.
    #[cfg(feature = "native-tls")]
    fn with_proxy_authority(&self, proxy: Proxy) -> Result<Proxy, Box<dyn Error>> {
        let Some(file) = &self.ca else { return Ok(proxy) };
        let certificate = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        Ok(proxy.tls(stdws::TlsConnect::new().add_root(&certificate)?)?)
    }

    #[cfg(not(feature = "native-tls"))]
    fn with_proxy_authority(&self, proxy: Proxy) -> Result<Proxy, Box<dyn Error>> {
        Ok(proxy)
    }

    #[cfg(feature = "legacy")]
    fn with_versions(&self, mut client: Client) -> Result<Client, String> {
        if let Some(name) = &self.version {
            client = client.version(stdws::Version::from_name(name).ok_or(format!("there is no version {name:?}"))?);
        }
        Ok(if self.legacy { client.fallback_versions(stdws::Version::ALL) } else { client })
    }

    #[cfg(not(feature = "legacy"))]
    fn with_versions(&self, _: Client) -> Result<Client, String> {
        Err("--version and --legacy need the feature legacy, which this build leaves out".into())
    }
}

fn user_and_password(text: &str) -> Result<(&str, &str), String> {
    text.split_once(':').ok_or("USER:PASSWORD needs a colon".to_owned())
}

#[cfg(feature = "native-tls")]
fn with_authority(client: Client, file: &str) -> Result<Client, Box<dyn Error>> {
    let certificate = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let tls = stdws::TlsConnect::new().add_root(&certificate).map_err(|error| format!("{file}: {error}"))?;
    Ok(client.tls(tls)?)
}

#[cfg(not(feature = "native-tls"))]
fn with_authority(_: Client, _: &str) -> Result<Client, Box<dyn Error>> {
    Err("--ca needs the feature native-tls: cargo run --features native-tls --example client".into())
}

#[cfg(feature = "deflate")]
fn with_deflate(client: Client) -> std::result::Result<Client, String> {
    Ok(client.deflate(stdws::Deflate::default()))
}

#[cfg(not(feature = "deflate"))]
fn with_deflate(_: Client) -> std::result::Result<Client, String> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}
