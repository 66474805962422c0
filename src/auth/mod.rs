//! Authentication: Basic credentials (RFC 7617), Digest credentials of a client (RFC 7616), challenges (RFC 9110 section 11), comparison in constant time.

#[cfg(feature = "client")]
pub(crate) mod basic;
#[cfg(feature = "client")]
pub(crate) mod challenge;
#[cfg(feature = "client")]
pub(crate) mod client;
#[cfg(feature = "server")]
pub(crate) mod constant_time;
#[cfg(feature = "server")]
pub(crate) mod credentials;
#[cfg(feature = "client")]
mod digest;
#[cfg(feature = "client")]
pub(crate) mod digest_session;
#[cfg(feature = "server")]
pub(crate) mod server;
