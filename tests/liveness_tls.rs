//! The scenarios of `liveness.rs` over TLS: every call returns within its bound there, too, and no two peers wait for each
//! other. Except the tests of caller-supplied halves, which do not use the TLS of this crate, and of signals.

#[path = "support/live.rs"]
mod live;

#[path = "liveness/aborting.rs"]
mod aborting;
#[path = "liveness/closing.rs"]
mod closing;
#[path = "liveness/cuts.rs"]
mod cuts;
#[path = "liveness/dripping.rs"]
mod dripping;
#[path = "liveness/dropping.rs"]
mod dropping;
#[path = "liveness/duplex.rs"]
mod duplex;
#[path = "liveness/keepalive.rs"]
mod keepalive;
#[path = "liveness/pinging.rs"]
mod pinging;
#[path = "liveness/prompt.rs"]
mod prompt;
#[path = "liveness/sending.rs"]
mod sending;
#[path = "liveness/streaming.rs"]
mod streaming;
