//! The opening handshake (RFC 6455 section 4), one file a role. Heads in, verdicts out.

pub(crate) mod client;
pub(crate) mod denial;
pub(crate) mod origin;
pub(crate) mod server;
