//! Observing connections: events for logs and counters, and explanations of the bytes.
//!
//! # Events
//!
//! The closure passed to [`Client::on_event`](crate::Client::on_event) or [`Server::on_event`](crate::Server::on_event)
//! is called for each frame, when a connection is accepted, opened, rejected or ended, when a peer violates the
//! protocol or exceeds a limit, when a timeout expires, and when a handler panics. [`Event`](crate::events::Event)
//! lists all events. The text of an event is one line for a log:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use stdws::events::EventKind;
//! let server = stdws::Server::bind("127.0.0.1:0")?.on_event(|event| match event.kind() {
//!     EventKind::Frame(..) => {} // Too frequent for a log.
//!     _ => eprintln!("{event}"),
//! });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! [`WebSocket::connection_id`](crate::WebSocket::connection_id) is the number in the events of a connection, for your
//! own log lines. No event contains a payload, a header value or a credential.
//!
//! # Counters
//!
//! The [`name`](crate::events::Event::name) of an event never changes, so it can be the label of a counter. With
//! [`Server::http`](crate::Server::http), a page on the same port shows the counters to Prometheus or to a browser:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use std::collections::BTreeMap;
//! use std::fmt::Write;
//! use std::sync::{Arc, Mutex};
//! use stdws::{Response, Server};
//!
//! let counters: Arc<Mutex<BTreeMap<&str, u64>>> = Arc::default();
//! let shown = counters.clone();
//! let server = Server::bind("127.0.0.1:0")?
//!     .on_event(move |event| *counters.lock().unwrap().entry(event.name()).or_default() += 1)
//!     .http(move |request| {
//!         if request.path() != "/metrics" {
//!             return Response::text(404, "not found\n");
//!         }
//!         let counters = shown.lock().unwrap();
//!         let mut page = "# TYPE websocket_events_total counter\n".to_owned();
//!         for (name, count) in counters.iter() {
//!             let _ = writeln!(page, "websocket_events_total{{name=\"{name}\"}} {count}");
//!         }
//!         Response::text(200, page)
//!     });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/echo_server --metrics` has such a page, with the number of open connections (`opened` minus `ended`) and
//! the number of bytes in both directions.
//!
//! # Cost
//!
//! The closure runs on the thread where the event occurs and delays that thread. Keep it short, and do not block in it.
//! If it panics, only that event is lost. Without a closure, each place that emits events costs one branch.
//!
//! # Bytes
//!
//! [`Explainer`](crate::explain::Explainer) explains the bytes of a connection. `examples/tour` shows it, and
//! `examples/client URL --trace` applies it to your server. `examples/tour --list` names chapters about connections that fail: a
//! refused version, a wrong proof, a foreign origin, a broken rule, a proxy that refuses, and what TLS hides. For a capture
//! between a client and its proxy, the explainer starts with
//! [`through_http_proxy`](crate::explain::Explainer::through_http_proxy) or
//! [`through_socks5`](crate::explain::Explainer::through_socks5). What could be a secret in a head is not shown, unless
//! [`with_secrets`](crate::explain::Explainer::with_secrets) asks for it: queries, passwords, subprotocols that may be tokens,
//! and the values of all headers that the handshake does not define.
