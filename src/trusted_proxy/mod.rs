//! The client's address behind reverse proxies: the PROXY protocol, `X-Forwarded-For` and `Forwarded` (RFC 7239).

pub(crate) mod forwarded;
pub(crate) mod proxy_protocol;
pub(crate) mod server;
pub(crate) mod trust;
