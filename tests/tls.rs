//! TLS in both roles, with certificates that the test makes: who is trusted, what is said when it fails, and that a peer
//! over TLS can hold nobody up. `tests/liveness_tls.rs` has the scenarios of `tests/liveness` over TLS.

#[path = "support/live.rs"]
mod live;
#[path = "support/tls.rs"]
mod support;

#[path = "tls/bytes.rs"]
mod bytes;
#[path = "tls/handshake.rs"]
mod handshake;
#[path = "tls/hostile.rs"]
mod hostile;
#[path = "tls/ways.rs"]
mod ways;
