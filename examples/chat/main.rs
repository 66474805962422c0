//! A chat: rooms, a page for it on the same port, and several processes joined by NATS. `chat --help` lists the settings.
//!
//! | file | content |
//! |---|---|
//! | `main.rs` | settings |
//! | `service.rs` | the pages, one client from its handshake to its end |
//! | `shared.rs` | state shared by the clients: rooms, the hub that sends lines to them, the connection to other processes |
//! | `rooms.rs` | the participants and the latest messages of each room |
//! | `nats.rs` | a NATS client in 150 lines |
//! | `page.html`, `chat.js`, `chat.css` | the page, and its messages |
//!
//! `ws chat` is the same with the flags of all servers of that tool.

mod nats;
mod rooms;
mod service;
mod shared;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use shared::Chat;
use stdws::{Limits, Server, Timeouts};

const HELP: &str = "\
A chat with rooms, and a page for it: open the address it prints in a browser. Stops when it is interrupted.

usage: chat [--addr 127.0.0.1:8080] [--allow-origin O]... [--max-connections N] [--ping-interval S] [--nats HOST:PORT]
            [--trust-proxy ADDR | --trust-forwarded ADDR]...

  --addr ADDR:PORT         where to listen; port 0 takes a free one
  --allow-origin O         also let in pages from this origin, such as https://chat.example.com
  --max-connections N      connections at a time, if as many fit the system; more are answered 503 (16384)
  --ping-interval S        seconds of silence before a Ping (20); less than any proxy in front waits
  --nats HOST:PORT         share the rooms with other processes through this NATS server
  --trust-proxy ADDR       connections from there say by the PROXY protocol who the client is
  --trust-forwarded ADDR   connections from there say so by X-Forwarded-For
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
            eprintln!("chat: {problem}; see: chat --help");
            return ExitCode::from(2);
        }
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::bind(&*settings.addr)
        .map_err(|error| format!("{}: {error}", settings.addr))?
        .limits(Limits::with_max_message_size(service::MAX_MESSAGE))
        .timeouts(settings.timeouts);
    server = service::with_pages(server);
    if let Some(count) = settings.max_connections {
        server = server.max_connections(count);
    }
    for origin in settings.origins {
        server = server.allow_origin(origin);
    }
    if !settings.proxies.is_empty() {
        server = server.trust_proxy_protocol(settings.proxies)?;
    }
    if !settings.forwarders.is_empty() {
        server = server.trust_x_forwarded_for(settings.forwarders)?;
    }
    let chat = Chat::start(settings.nats)?;
    let mut out = io::stdout();
    writeln!(out, "listening on http://{}", server.local_addr()?)?;
    out.flush()?;
    Ok(server.run(move |ws| service::handle_connection(ws, &chat))?)
}

struct Settings {
    addr: String,
    origins: Vec<String>,
    max_connections: Option<usize>,
    timeouts: Timeouts,
    nats: Option<String>,
    proxies: Vec<String>,
    forwarders: Vec<String>,
}

impl Settings {
    /// `None`: `--help` was given.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
        let mut settings = Settings {
            addr: "127.0.0.1:8080".into(),
            origins: Vec::new(),
            max_connections: None,
            timeouts: Timeouts::default(),
            nats: None,
            proxies: Vec::new(),
            forwarders: Vec::new(),
        };
        while let Some(name) = args.next() {
            if name == "--help" || name == "-h" {
                return Ok(None);
            }
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--addr" => settings.addr = value()?,
                "--allow-origin" => settings.origins.push(value()?),
                "--max-connections" => settings.max_connections = Some(number(&name, &value()?)?),
                "--ping-interval" => settings.timeouts.ping_interval = Duration::from_secs(number(&name, &value()?)?),
                "--nats" => settings.nats = Some(value()?),
                "--trust-proxy" => settings.proxies.push(value()?),
                "--trust-forwarded" => settings.forwarders.push(value()?),
                _ => return Err(format!("there is no setting {name}")),
            }
        }
        Ok(Some(settings))
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
}
