//! Algorithms without any knowledge of WebSocket, each in a file that can be read alone.
//!
//! | file | subject |
//! |---|---|
//! | `sha1`, `sha256`, `md5` | digests |
//! | `base64` | Base64 |
//! | `random` | random bytes of the system or of the caller |
//! | `lock` | the mutex of this crate, under which no user code runs |
//! | `interleaving` | for tests: the orders in which threads can take their locks, up to a number of preemptions |
//! | `panics` | catching panics of user code |

pub(crate) mod base64;
#[cfg(all(test, debug_assertions))]
pub(crate) mod interleaving;
#[cfg_attr(not(any(feature = "client", feature = "server")), allow(dead_code))]
pub(crate) mod lock;
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
pub(crate) mod md5;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod panics;
pub(crate) mod random;
pub(crate) mod sha1;
#[cfg(feature = "client")]
pub(crate) mod sha256;
