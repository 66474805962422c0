//! Events: what happens on connections and servers, for logs and counters.
//!
//! [`Client::on_event`](crate::Client::on_event) and [`Server::on_event`](crate::Server::on_event) take a closure that
//! receives each [`Event`].

pub(crate) mod event;
pub(crate) mod sink;

#[cfg(feature = "trace")]
pub use event::{Direction, Event, EventKind, FrameInfo, FrameKind};
