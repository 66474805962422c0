//! Authentication (RFC 9110 section 11): what a client sends, and what a server checks.
//!
//! | file | subject |
//! |---|---|
//! | `client` | the credentials and cookies of a [`Client`](crate::Client) |
//! | `basic` | Basic credentials (RFC 7617) as a client sends them |
//! | `challenge` | the challenges in a response 401 or 407 |
//! | `digest`, `digest_session` | Digest credentials (RFC 7616): one answer, and the challenge that connections share |
//! | `server` | [`Server::basic_auth`](crate::Server::basic_auth) |
//! | `credentials` | the Basic credentials of a request |
//! | `constant_time` | comparison in constant time |

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
