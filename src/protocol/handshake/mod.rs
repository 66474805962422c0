//! The opening handshake (RFC 6455 section 4), one file a role. Heads in, verdicts out.

pub(crate) mod client;
pub(crate) mod server;
