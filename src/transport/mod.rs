//! Blocking bytes: connecting, reading, writing, deadlines. Knows no protocol.

pub(crate) mod connect;
pub(crate) mod deadline;
pub(crate) mod exact;
pub(crate) mod outbox;
pub(crate) mod pending;
pub(crate) mod pipe;
pub(crate) mod socket;
pub(crate) mod stream;
