//! TLS in both roles, with certificates that the test makes: who is trusted, what is said when it fails, and that a peer
//! over TLS can hold nobody up. `liveness_tls.rs` has the scenarios of `liveness.rs` over TLS.

#[path = "support/live.rs"]
mod live;
use live::tls as support;
#[path = "support/serving.rs"]
mod serving;
#[path = "support/tunnel.rs"]
mod tunnel;

#[path = "tls/bytes.rs"]
mod bytes;
#[path = "tls/handshake.rs"]
mod handshake;
#[path = "tls/hostile.rs"]
mod hostile;
#[path = "tls/https_proxy.rs"]
mod https_proxy;
#[path = "tls/route.rs"]
mod route;
#[path = "tls/ways.rs"]
mod ways;
