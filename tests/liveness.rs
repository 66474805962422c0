//! Every call returns within a bound that its caller has set, whatever the peer does, and no two peers wait for each
//! other. All tests run over sockets, in both roles where they differ. Each test shortens only the timeout it is about;
//! the others are longer than that of the watchdog.

#[path = "support/live.rs"]
mod live;
#[cfg(target_os = "linux")]
#[path = "support/program.rs"]
mod program;

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
#[path = "liveness/halves.rs"]
mod halves;
#[path = "liveness/keepalive.rs"]
mod keepalive;
#[path = "liveness/pinging.rs"]
mod pinging;
#[path = "liveness/prompt.rs"]
mod prompt;
#[path = "liveness/sending.rs"]
mod sending;
#[cfg(target_os = "linux")]
#[path = "liveness/signals.rs"]
mod signals;
#[path = "liveness/streaming.rs"]
mod streaming;
