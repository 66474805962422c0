//! TLS by the library of the system (feature `native-tls`): settings, and a stream that reads and writes at the same time.
//! Knows no WebSocket.
//!
//! | file | subject |
//! |---|---|
//! | `config` | `TlsConnect`, `TlsAccept`, `TlsIdentity` |
//! | `stream` | the TLS stream: an engine that works on memory, and a socket |
//! | `handshake` | the TLS handshake, with a deadline |
//! | `memory_transport` | the two buffers that replace the engine's network |
//! | `transport` | the network below: a socket, or TLS to a proxy |
//! | `records` | ciphertext to be written, and the size of the next piece to encrypt |
//! | `error` | errors of the library as `TlsError` |
//! | `no_config`, `no_stream` | stand-ins for builds without TLS |

#[cfg(feature = "native-tls")]
pub(crate) mod config;
#[cfg(feature = "native-tls")]
mod error;
#[cfg(feature = "native-tls")]
mod handshake;
#[cfg(feature = "native-tls")]
mod memory_transport;
#[cfg(feature = "native-tls")]
mod records;
#[cfg(feature = "native-tls")]
pub(crate) mod stream;
#[cfg(feature = "native-tls")]
mod transport;

// Stand-ins for a build without TLS.
#[cfg(not(feature = "native-tls"))]
#[path = "no_config.rs"]
pub(crate) mod config;
#[cfg(not(feature = "native-tls"))]
#[path = "no_stream.rs"]
pub(crate) mod stream;
