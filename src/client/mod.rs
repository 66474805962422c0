//! The client: from a URL to an open connection.
//!
//! | file | subject |
//! |---|---|
//! | `builder` | [`Client`](crate::Client) and [`connect`](crate::connect()) |
//! | `options` | settings of the builder |
//! | `connect` | the steps of connecting, redirects included |
//! | `dial` | TCP, the proxy and TLS |
//! | `handshake` | the opening handshake over a stream |
//! | `unix` | Unix domain sockets |

pub(crate) mod builder;
pub(crate) mod connect;
pub(crate) mod dial;
pub(crate) mod handshake;
pub(crate) mod options;
#[cfg(unix)]
pub(crate) mod unix;
