//! The client: from a URL to an open connection.
//!
//! | file | subject |
//! |---|---|
//! | `builder` | [`Client`](crate::Client), its settings, and [`connect`](crate::connect()) |
//! | `connect` | the steps of connecting |
//! | `route` | other addresses and names than those of the URL, and sockets of the caller |
//! | `dial` | TCP, perhaps through a proxy, and TLS |
//! | `handshake` | the opening handshake over a stream |
//! | `unix` | Unix domain sockets |
//!
//! Redirects, proxies, drafts and credentials extend [`Client`](crate::Client) from their own folders.

pub(crate) mod builder;
mod connect;
mod dial;
pub(crate) mod handshake;
mod route;
#[cfg(unix)]
mod unix;
