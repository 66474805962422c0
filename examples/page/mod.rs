//! The page of `tour --page` and `ws inspect --page`: both directions of each connection, frame by frame, in a browser.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the page for the server: its files, its live connection, the connections that it shows |
//! | `lane.rs`, `judge.rs` | one direction taken apart; the rules that it breaks |
//! | `event.rs`, `log.rs` | events as JSON; the latest of them |
//! | `composer.rs`, `serving.rs` | frames that the user builds by hand, and a client that gets them |
//! | `index.html`, `page.css` | the document |
//! | `page.js` | events, rows, filters |
//! | `detail.js`, `rules.js` | the chosen frame; the requirements |
//! | `composer.js`, `export.js` | the form that builds a frame; JSON and pcapng |
//!
//! The page is for its user alone. A foreign site can neither read nor command it: the live connection needs the origin of the page
//! itself, and the host has to be an address or `localhost`, since DNS rebinding needs a name. What peers sent is text in the page,
//! never markup, and the policy of the page allows no script but its own.

mod composer;
mod event;
mod judge;
mod lane;
mod log;
mod serving;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stdws::codec::frame::Role;
use stdws::{CloseCode, Decision, Error, Request, Response, Sender, WebSocket};

pub(crate) use composer::Peer;
use composer::{Composer, MAX_COMMAND};
pub(crate) use event::Secrets;
use lane::{Item, Lane};
use log::Log;
// The tour has no TLS to go around.
#[allow(unused_imports)]
pub(crate) use serving::pair;

/// Maximum size of a message from the page.
pub(crate) const MAX_MESSAGE: u64 = MAX_COMMAND;
/// Maximum number of pages at a time.
const MAX_PAGES: u64 = 16;
/// The time after which a thread without events looks for the end of its page.
const LOOK: Duration = Duration::from_millis(500);

/// The page. Its clones are the same page.
#[derive(Clone)]
pub(crate) struct Page(Arc<Shared>);

struct Shared {
    title: String,
    secrets: Secrets,
    /// Where the composer sends frames as a client. Without it they are judged only.
    peer: OnceLock<Peer>,
    start: Instant,
    log: Log,
    connections: AtomicU64,
    pages: AtomicU64,
    ended: AtomicBool,
}

impl Page {
    pub(crate) fn new(title: &str, secrets: Secrets) -> Page {
        Page(Arc::new(Shared {
            title: title.to_owned(),
            secrets,
            peer: OnceLock::new(),
            start: Instant::now(),
            log: Log::default(),
            connections: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        }))
    }

    /// Sets the peer of the composer. Only the first one counts.
    pub(crate) fn send_to(&self, peer: Peer) {
        let _ = self.0.peer.set(peer);
    }

    /// Shows a text that belongs to no connection.
    // `ws inspect` has none.
    #[allow(dead_code)]
    pub(crate) fn remark(&self, text: &str) {
        self.0.log.push(format!("{{\"event\":\"remark\",\"text\":{}}}", event::json(text)));
    }

    /// Closes all pages within [`LOOK`].
    // The pages of the tour end with its server.
    #[allow(dead_code)]
    pub(crate) fn end(&self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }

    /// Whether a WebSocket request for the live connection is one of the page itself.
    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let is_own = request
            .origin()
            .is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) == Some(request.host()));
        if !is_local(request.host()) || !is_own {
            return Response::text(403, "this connection is for the page of this address only\n").into();
        }
        match request.path().ends_with("/live") {
            true => Decision::accept(),
            false => Response::text(404, "the live connection is at live\n").into(),
        }
    }

    /// A file of the page. `path` begins behind the place where the page is.
    pub(crate) fn respond(&self, request: &Request, path: &str) -> Response {
        const SCRIPT: &str = "text/javascript; charset=utf-8";
        // The page connects to its own host only, loads nothing from others, and is in no frame of others.
        const POLICY: &str =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                              base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        let response = match path {
            _ if !is_local(request.host()) => Response::text(421, "this page is at an address, not at this name\n"),
            "/" => Response::html(200, include_str!("index.html")),
            "/page.css" => Response::bytes(200, "text/css; charset=utf-8", include_str!("page.css")),
            "/page.js" => Response::bytes(200, SCRIPT, include_str!("page.js")),
            "/detail.js" => Response::bytes(200, SCRIPT, include_str!("detail.js")),
            "/rules.js" => Response::bytes(200, SCRIPT, include_str!("rules.js")),
            "/composer.js" => Response::bytes(200, SCRIPT, include_str!("composer.js")),
            "/export.js" => Response::bytes(200, SCRIPT, include_str!("export.js")),
            _ => Response::text(404, "not here\n"),
        };
        response
            .with_header("Content-Security-Policy", POLICY)
            .with_header("X-Content-Type-Options", "nosniff")
            .with_header("Referrer-Policy", "no-referrer")
            .with_header("Cross-Origin-Resource-Policy", "same-origin")
            .with_header("Cache-Control", "no-cache")
    }

    /// One page, until it ends: sends the events, and runs the commands of the composer.
    pub(crate) fn serve(&self, mut ws: WebSocket) -> stdws::Result<()> {
        let shared = &self.0;
        if shared.pages.fetch_add(1, Ordering::SeqCst) >= MAX_PAGES {
            shared.pages.fetch_sub(1, Ordering::SeqCst);
            return ws.close(1013, "too many pages are open").map(drop);
        }
        let (sender, ended) = (ws.sender(), Arc::new(AtomicBool::new(false)));
        let (other, end) = (shared.clone(), ended.clone());
        let events = thread::Builder::new().spawn(move || other.send_events(&sender, &end)).map_err(Error::other);
        let result = match &events {
            Ok(_) => self.run_commands(&mut ws),
            Err(_) => Ok(()),
        };
        ended.store(true, Ordering::SeqCst);
        drop(ws);
        let joined = events.map(|events| drop(events.join()));
        shared.pages.fetch_sub(1, Ordering::SeqCst);
        joined.and(result)
    }

    fn run_commands(&self, ws: &mut WebSocket) -> stdws::Result<()> {
        let mut composer = Composer::new();
        while let Some(message) = ws.recv()? {
            let answer = composer.run(message.as_text().unwrap_or_default(), self);
            ws.send(answer)?;
        }
        Ok(())
    }

    /// Begins to show a connection. The text says where it is from.
    pub(crate) fn connection(&self, text: &str) -> Connection {
        let id = self.0.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let text = Some(text.to_owned());
        let lanes = Lanes {
            client: Lane::new(Role::Client, u64::MAX),
            server: Lane::new(Role::Server, u64::MAX),
            text,
            closed: None,
        };
        Connection(Arc::new(ConnectionState { id, page: self.0.clone(), lanes: Mutex::new(lanes) }))
    }
}

impl Shared {
    fn hello(&self) -> String {
        let (title, target) = (event::json(&self.title), self.peer.get().map(|peer| event::json(&peer.target)));
        format!("{{\"event\":\"hello\",\"title\":{title},\"target\":{}}}", target.unwrap_or("null".to_owned()))
    }

    /// A page that is slow loses the oldest events, and learns how many.
    fn send_events(&self, sender: &Sender, ended: &AtomicBool) {
        let mut next = 0;
        let mut result = sender.send(self.hello());
        while result.is_ok() && !ended.load(Ordering::SeqCst) {
            if self.ended.load(Ordering::SeqCst) {
                // The page may have gone meanwhile.
                let _ = sender.close(CloseCode::GOING_AWAY, "");
                return;
            }
            let batch = self.log.take(&mut next, LOOK);
            if batch.missed > 0 {
                result = sender.send(format!("{{\"event\":\"missed\",\"count\":{}}}", batch.missed));
            }
            for event in batch.events {
                result = result.and_then(|()| sender.send(&*event));
            }
        }
    }
}

/// Whether a host is an address or `localhost`, with or without a port.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok()
}

/// A connection that the page shows. Its clones are the same connection, for the threads of both directions.
#[derive(Clone)]
pub(crate) struct Connection(Arc<ConnectionState>);

struct ConnectionState {
    id: u64,
    page: Arc<Shared>,
    lanes: Mutex<Lanes>,
}

struct Lanes {
    /// Where the connection is from, until its first event.
    text: Option<String>,
    client: Lane,
    server: Lane,
    /// The side whose Close came first, and whether the other one has answered.
    closed: Option<(Role, bool)>,
}

impl Connection {
    /// The next bytes from one side.
    pub(crate) fn bytes(&self, from: Role, mut bytes: &[u8], at: Instant) {
        let mut lanes = self.lanes(at);
        while !bytes.is_empty() {
            if let Some(item) = lanes.lane(from).next(&mut bytes) {
                self.show(&mut lanes, from, &item, at);
            }
        }
    }

    /// Whether no frame follows: both sides have sent a Close, or one has broken a rule.
    fn is_closed(&self) -> bool {
        let lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.client.is_stopped() && lanes.server.is_stopped()
    }

    /// One side has ended its direction.
    pub(crate) fn end(&self, from: Role, at: Instant) {
        let mut lanes = self.lanes(at);
        let cut = lanes.lane(from).end();
        if let Some(item) = cut {
            self.show(&mut lanes, from, &item, at);
        }
        let (unparsed, phase) = (lanes.lane(from).unparsed, lanes.phase());
        let mut event = self.start("end", at);
        let side = event::side(from);
        let _ = write!(event, ",\"side\":\"{side}\",\"unparsed\":{unparsed},\"closing\":\"{phase}\"}}");
        self.0.page.log.push(event);
    }

    /// Shows a remark on one direction.
    // The tour has none.
    #[allow(dead_code)]
    pub(crate) fn note(&self, from: Role, text: &str, at: Instant) {
        drop(self.lanes(at));
        let mut event = self.start("note", at);
        let _ = write!(event, ",\"side\":\"{}\",\"text\":{}}}", event::side(from), event::json(text));
        self.0.page.log.push(event);
    }

    /// The state. The first call shows that the connection has begun.
    fn lanes(&self, at: Instant) -> MutexGuard<'_, Lanes> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = lanes.text.take() {
            let event = self.start("open", at) + &format!(",\"text\":{}}}", event::json(&text));
            self.0.page.log.push(event);
        }
        lanes
    }

    fn start(&self, event: &str, at: Instant) -> String {
        event::start(event, self.0.id, at.saturating_duration_since(self.0.page.start))
    }

    fn show(&self, lanes: &mut Lanes, from: Role, item: &Item, at: Instant) {
        let event = match item {
            Item::Head(head) => {
                lanes.record_head(from, head);
                let mut event = self.start("head", at);
                event::head(&mut event, from, head, self.0.page.secrets);
                event
            }
            Item::Frame(frame) => {
                // A Close that was cut off or that breaks a rule does not close.
                if frame.opcode() == 8 && frame.received == frame.length && frame.judgement.violation.is_none() {
                    lanes.record_close(from);
                }
                let mut event = self.start("frame", at);
                event::frame(&mut event, from, frame, lanes.phase());
                event
            }
        };
        self.0.page.log.push(event + "}");
    }
}

impl Lanes {
    fn lane(&mut self, from: Role) -> &mut Lane {
        match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    fn record_head(&mut self, from: Role, head: &[u8]) {
        if from == Role::Client {
            return;
        }
        if self.server.is_stopped() {
            // 6455-4.1-s2: only 101 opens a connection.
            self.client.stop();
        }
        // 7692-4-2: the server's response decides.
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        if text.lines().any(|line| line.starts_with("sec-websocket-extensions:") && line.contains("permessage-deflate"))
        {
            self.client.judge.compress();
            self.server.judge.compress();
        }
    }

    fn record_close(&mut self, from: Role) {
        self.closed = match self.closed {
            None => Some((from, false)),
            Some((first, answered)) => Some((first, answered || first != from)),
        };
    }

    /// The phase of the closing handshake, as `detail.js` names it.
    fn phase(&self) -> &'static str {
        match self.closed {
            None => "open",
            Some((Role::Client, false)) => "client",
            Some((Role::Server, false)) => "server",
            Some((_, true)) => "closed",
        }
    }
}
