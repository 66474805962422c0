//! The client: from a URL to an open connection.
//!
//! | file | subject |
//! |---|---|
//! | `builder` | [`Client`](crate::Client) and [`connect`](crate::connect()) |
//! | `connect` | the steps of connecting, redirects included |
//! | `dial` | TCP, the proxy and TLS |
//! | `handshake` | the opening handshake over a stream |
//! | `unix` | Unix domain sockets |

pub(crate) mod builder;
mod connect;
mod dial;
pub(crate) mod handshake;
#[cfg(unix)]
mod unix;
