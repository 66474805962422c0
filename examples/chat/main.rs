//! A chat: rooms, a page for it on the same port, and several processes joined by NATS. `chat --help` lists the settings.
//!
//! | file | content |
//! |---|---|
//! | `main.rs` | settings, the pages, one client from its handshake to its end |
//! | `chat.rs` | state shared by the clients: rooms, the hub that sends lines to them, the connection to other processes |
//! | `rooms.rs` | the participants and the latest messages of each room |
//! | `nats.rs` | a NATS client in 150 lines |
//! | `page.html`, `chat.js`, `chat.css` | the page, and its messages |

mod chat;
mod nats;
mod rooms;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat::Chat;
use stdws::{CloseCode, Decision, Limits, Message, Request, Response, Result, Server, Timeouts, WebSocket};

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
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("chat: {problem}\n\n{HELP}");
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

fn serve(settings: Settings) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::bind(&*settings.addr)
        .map_err(|error| format!("{}: {error}", settings.addr))?
        .limits(Limits::with_max_message_size(8 << 10))
        .timeouts(settings.timeouts)
        .http(page)
        .on_request(|request| match request.path() {
            "/chat" => Decision::accept(),
            _ if request.is_websocket() => Response::text(404, "the chat is at /chat\n").into(),
            _ => Decision::accept(),
        });
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
    Ok(server.run(move |ws| handle_connection(ws, &chat))?)
}

/// The response to a plain HTTP request.
fn page(request: &Request) -> Response {
    const PAGE: &str = include_str!("page.html");
    const SCRIPT: &str = include_str!("chat.js");
    const STYLE: &str = include_str!("chat.css");
    let response = match request.path() {
        "/" => Response::html(200, PAGE),
        "/chat.js" => Response::bytes(200, "text/javascript; charset=utf-8", SCRIPT),
        "/chat.css" => Response::bytes(200, "text/css; charset=utf-8", STYLE),
        "/health" => Response::text(200, "ok\n"),
        // The address of the client as this server sees it, to check the settings of a proxy.
        "/address" => Response::text(200, request.client_ip().map_or_else(String::new, |ip| format!("{ip}\n"))),
        _ => Response::text(404, "not here\n"),
    };
    // No foreign script, style or image is loaded, whatever a message contains.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response
        .with_header("Content-Security-Policy", POLICY)
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Referrer-Policy", "no-referrer")
        .with_header("Cache-Control", "no-cache")
}

/// One client, from its handshake to its end.
fn handle_connection(mut ws: WebSocket, chat: &Arc<Chat>) -> Result<()> {
    const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
    let first = match ws.recv_timeout(JOIN_TIMEOUT) {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(()),
        Err(error) if error.is_timeout() => return ws.close(CloseCode::POLICY, "Nobody joined.").map(drop),
        Err(error) => return Err(error),
    };
    let participant = match parse_join(&first).and_then(|(room, name)| chat.join(&ws, room, name)) {
        Ok(participant) => participant,
        Err(reason) => return ws.close(CloseCode::POLICY, &reason).map(drop),
    };
    let mut rate_limiter = RateLimiter::new();
    while let Some(message) = ws.recv()? {
        match message.as_text().and_then(|text| text.strip_prefix("say ")) {
            None => return ws.close(CloseCode::POLICY, "That is not a message of this chat.").map(drop),
            Some(_) if !rate_limiter.try_acquire() => ws.send("wait You write faster than others read. Not sent.")?,
            Some(text) => match parse_text(text) {
                Some(text) => participant.say(&text),
                None => ws.send("wait A message has 1 to 1000 characters. Not sent.")?,
            },
        }
    }
    Ok(())
}

fn parse_join(message: &Message) -> std::result::Result<(&str, &str), String> {
    let words = message.as_text().and_then(|text| text.strip_prefix("join ")?.split_once(' '));
    let (room, name) = words.ok_or("The first message has to be: join ROOM NAME")?;
    rooms::check_name("room", room, 32)?;
    rooms::check_name("name", name, 24)?;
    Ok((room, name))
}

/// The text of a message, with a space for each control character. `None`: it is empty or too long.
fn parse_text(text: &str) -> Option<String> {
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (1..=1000).contains(&text.chars().count()).then_some(text)
}

/// Ten messages at once, then two a second.
struct RateLimiter {
    tokens: f64,
    updated: Instant,
}

impl RateLimiter {
    fn new() -> RateLimiter {
        RateLimiter { tokens: 10.0, updated: Instant::now() }
    }

    fn try_acquire(&mut self) -> bool {
        self.tokens = (self.tokens + 2.0 * self.updated.elapsed().as_secs_f64()).min(10.0);
        self.updated = Instant::now();
        let allowed = self.tokens >= 1.0;
        self.tokens -= f64::from(allowed);
        allowed
    }
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
    fn parse(mut args: impl Iterator<Item = String>) -> std::result::Result<Option<Settings>, String> {
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

fn number<T: std::str::FromStr>(name: &str, text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
}
