//! Blocking bytes: connecting, reading, writing, deadlines. Knows no protocol.

pub(crate) mod connect;
pub(crate) mod deadline;
pub(crate) mod exact;
pub(crate) mod outbox;
pub(crate) mod pending;
pub(crate) mod pipe;
mod plain;
pub(crate) mod socket;
pub(crate) mod stream;
#[cfg(feature = "native-tls")]
pub(crate) mod tls;
#[cfg(not(feature = "native-tls"))]
#[path = "no_tls.rs"]
pub(crate) mod tls;
