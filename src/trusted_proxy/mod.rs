//! The client's address behind reverse proxies: the PROXY protocol, `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! `proxy_protocol` and `forwarded` parse, `trust` decides which address is trusted, `server` has the settings. Only `server`
//! knows the server.

mod forwarded;
mod proxy_protocol;
mod server;
pub(crate) mod trust;
