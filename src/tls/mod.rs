//! TLS by the library of the system (feature `native-tls`): settings, and a stream that reads and writes at the same time.
//! Knows no WebSocket.
//!
//! | file | subject |
//! |---|---|
//! | `connect`, `accept`, `identity` | `TlsConnect`, `TlsAccept`, `TlsIdentity` |
//! | `stream` | the TLS stream: an engine that works on memory, and a socket |
//! | `handshake` | the TLS handshake, with a deadline |
//! | `memory_transport` | the two buffers that replace the engine's network |
//! | `transport` | the network below: a socket, or TLS to a proxy |
//! | `records` | ciphertext to be written, and the size of the next piece to encrypt |
//! | `error` | errors of the library as `TlsError` |

#[cfg(feature = "server")]
pub(crate) mod accept;
#[cfg(feature = "client")]
pub(crate) mod connect;
mod error;
mod handshake;
pub(crate) mod identity;
mod memory_transport;
mod records;
pub(crate) mod stream;
#[cfg(all(test, target_os = "linux", feature = "client", feature = "server"))]
pub(crate) mod tests;
mod transport;
