//! Every call returns within a bound that its caller has set, whatever the peer does, and no two peers wait for each
//! other. Everything here runs over real sockets, as client and as server wherever that may matter, and each test
//! shortens only the timeout it is about: the others are longer than the watchdog is patient.

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
#[path = "liveness/duplex.rs"]
mod duplex;
#[path = "liveness/halves.rs"]
mod halves;
#[path = "liveness/keepalive.rs"]
mod keepalive;
#[path = "liveness/leaving.rs"]
mod leaving;
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
