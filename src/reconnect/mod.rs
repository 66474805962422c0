//! Reconnecting (RFC 6455 section 7.2.3): an iterator of connections with random delays and a retry policy.
//!
//! | file | subject |
//! |---|---|
//! | `attempts` | [`Client::reconnect`](crate::Client::reconnect), the iterator, its handle |
//! | `backoff` | the delay before an attempt |
//! | `disconnect` | whether there is another attempt |
//! | `tracked` | the connection that was returned last |

pub(crate) mod attempts;
pub(crate) mod backoff;
pub(crate) mod disconnect;
mod tracked;
