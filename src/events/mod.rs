//! Events on connections and servers, for logs and counters. Feature `trace`.
//!
//! [`Client::on_event`](crate::Client::on_event) and [`Server::on_event`](crate::Server::on_event) take a closure that
//! receives each [`Event`].

// `event` defines the events, `sink` calls the handler. `disabled` replaces both in a build without the feature.
pub(crate) mod event;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod sink;

pub use event::{Direction, Event, EventKind, FrameInfo, FrameKind};
