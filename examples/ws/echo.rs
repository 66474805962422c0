//! `ws echo`: returns every message, with every setting of a server; a peer to try clients against.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use stdws::events::{Direction, Event, EventKind};
use stdws::Response;

use crate::args::{Args, Command, Flag, Group, Outcome};
use crate::server;

pub(crate) const COMMAND: Command = Command {
    name: "echo",
    operands: "",
    count: (0, 0),
    summary: "a server that returns every message",
    about: "The first line of the output is the address on which it listens.",
    groups: &[ECHO, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const ECHO: Group = Group {
    title: "Echo",
    flags: &[
        Flag("--metrics", "", "count what happens, and show it at /metrics for Prometheus"),
        Flag("--echo-subprotocol", "", "agree on the first subprotocol that a client offers"),
    ],
};

fn run(args: &Args) -> Outcome {
    args.exclude("--echo-subprotocol", &["--subprotocol"])?;
    let mut server = server::server(args)?;
    let log = server::log(args, "echo");
    if args.has("--metrics") {
        let counters = Arc::new(Counters::default());
        let shown = counters.clone();
        server = server.http(move |request| match request.path() {
            "/metrics" => Response::text(200, shown.page()),
            _ => Response::text(404, "there is /metrics\n"),
        });
        server = server.on_event(move |event| {
            log(event);
            counters.count(event);
        });
    } else {
        server = server.on_event(log);
    }
    if args.has("--echo-subprotocol") {
        server = server.on_request(|request| match request.subprotocols().next() {
            Some(name) => stdws::Accept::new().subprotocol(name).into(),
            None => stdws::Decision::accept(),
        });
    }
    server::run(args, server::WS, server, server::echo)
}

/// Numbers of events. Each event is one addition under a lock that is held briefly.
#[derive(Default)]
struct Counters(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    events: BTreeMap<&'static str, u64>,
    received: u64,
    sent: u64,
}

impl Counters {
    fn count(&self, event: &Event) {
        // A panic of another thread leaves the counts consistent.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.events.entry(event.name()).or_default() += 1;
        match event.kind() {
            EventKind::Frame(Direction::Received, frame) => counts.received += frame.payload_len(),
            EventKind::Frame(Direction::Sent, frame) => counts.sent += frame.payload_len(),
            _ => {}
        }
    }

    /// The counts in the text format of Prometheus.
    fn page(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |name| counts.events.get(name).copied().unwrap_or(0);
        let open = number("opened").saturating_sub(number("ended"));
        let mut page = format!(
            "# TYPE websocket_connections gauge\nwebsocket_connections {open}\n\
             # TYPE websocket_payload_bytes_total counter\n\
             websocket_payload_bytes_total{{direction=\"received\"}} {}\n\
             websocket_payload_bytes_total{{direction=\"sent\"}} {}\n\
             # TYPE websocket_events_total counter\n",
            counts.received, counts.sent
        );
        for (name, count) in &counts.events {
            page += &format!("websocket_events_total{{name=\"{name}\"}} {count}\n");
        }
        page
    }
}
