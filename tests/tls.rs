//! TLS in both roles, with certificates that the test makes: which certificates are trusted, the errors, and that no peer
//! over TLS delays another. `liveness_tls.rs` has the scenarios of `liveness.rs` over TLS.

#[path = "support/live.rs"]
mod live;
use live::tls as support;
#[cfg(target_os = "linux")]
#[path = "support/program.rs"]
mod program;
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
#[path = "tls/proxies_and_redirects.rs"]
mod proxies_and_redirects;
#[path = "tls/route.rs"]
mod route;
