//! Seeing what goes on: events for logs and counters, and the bytes explained.
//!
//! # Events
//!
//! A closure given to [`Client::on_event`](crate::Client::on_event) or [`Server::on_event`](crate::Server::on_event) is told
//! when a connection is let in, opened, refused, closed, when a peer breaks a rule or passes a limit, when time runs out,
//! when a handler panics, and of each frame. [`Event`](crate::events::event::Event) lists all of it. A log is one line:
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! use stdws::events::EventKind;
//! let server = stdws::Server::bind("127.0.0.1:0")?.on_event(|event| match event.kind() {
//!     EventKind::Frame(..) => {} // Too many for a log.
//!     _ => eprintln!("{event}"),
//! });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! [`WebSocket::connection_id`](crate::WebSocket::connection_id) is the number that events of a connection have, for lines of your own. No
//! event holds a payload, a header value or a credential.
//!
//! # Counters
//!
//! The [`name`](crate::events::event::Event::name) of an event never changes, so it can be the label of a counter. With
//! [`Server::http`](crate::Server::http) the counters are a page on the same port, for Prometheus or a look with a browser:
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
//!             return Response::text(404, "not here\n");
//!         }
//!         let counters = shown.lock().unwrap();
//!         let mut page = "# TYPE websocket_events_total counter\n".to_owned();
//!         for (code, count) in counters.iter() {
//!             let _ = writeln!(page, "websocket_events_total{{code=\"{code}\"}} {count}");
//!         }
//!         Response::text(200, page)
//!     });
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/echo_server --metrics` has such a page, with the connections that are open (`opened` minus `ended`) and the bytes
//! of both directions.
//!
//! # What it costs
//!
//! The closure runs on the thread where something happens, which waits for it: keep it short, and do not wait in it. When
//! nobody listens, each of these places costs a branch. If it panics, that event is lost and nothing else.
//!
//! # Bytes
//!
//! [`Explainer`](crate::explain::Explainer) explains what travels, byte by byte: `examples/tour`, and
//! `examples/client URL --trace` for a server of yours.
