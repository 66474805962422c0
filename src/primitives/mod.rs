//! Algorithms that know nothing of WebSocket, each in one file that can be read alone.

pub(crate) mod base64;
#[cfg(feature = "deflate")]
pub mod deflate;
pub(crate) mod entropy;
#[cfg(feature = "legacy")]
pub(crate) mod md5;
pub(crate) mod secret;
pub(crate) mod sha1;
pub(crate) mod utf8;
