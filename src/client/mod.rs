//! The client: from a URL to an open connection.
//!
//! | file | subject |
//! |---|---|
//! | `builder` | [`Client`](crate::Client), its settings, and [`connect`](crate::connect()) |
//! | `connect` | the steps of connecting |
//! | `dial` | TCP, perhaps through a proxy, and TLS |
//! | `handshake` | the opening handshake over a stream |
//! | `unix` | Unix domain sockets |
//!
//! Redirects, proxies, drafts and credentials extend [`Client`](crate::Client) from their own folders.

pub(crate) mod builder;
mod connect;
mod dial;
pub(crate) mod handshake;
#[cfg(unix)]
mod unix;
