//! Algorithms without any knowledge of WebSocket, each in a file that can be read alone.

pub(crate) mod base64;
pub(crate) mod lock;
#[cfg(feature = "legacy")]
pub(crate) mod md5;
pub(crate) mod panics;
pub(crate) mod random;
pub(crate) mod sha1;
pub(crate) mod sha256;
