//! Events counted, and the counts as a page for Prometheus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use stdws::events::{Direction, Event, EventKind};
use stdws::{Response, Server};

/// Numbers of events. Each event is one addition under a lock that is held briefly.
#[derive(Default)]
struct Counters(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    events: BTreeMap<&'static str, u64>,
    received: u64,
    sent: u64,
}

/// Counts all events of a server, and shows the counts at `/metrics`. `also` is called with each event.
pub(crate) fn with_metrics(server: Server, also: impl Fn(&Event) + Send + Sync + 'static) -> Server {
    let counters = Arc::new(Counters::default());
    let shown = counters.clone();
    let server = server.http(move |request| match request.path() {
        "/metrics" => Response::text(200, shown.page()),
        _ => Response::text(404, "there is /metrics\n"),
    });
    server.on_event(move |event| {
        also(event);
        counters.count(event);
    })
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
