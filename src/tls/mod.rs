//! TLS by the system's library (feature `native-tls`): settings, and a stream that reads and writes at the same time.
//!
//! | file | subject |
//! |---|---|
//! | `config` | `TlsConnect`, `TlsAccept`, `TlsIdentity` |
//! | `stream` | a stream over an engine that works on memory |
//! | `handshake` | the TLS handshake, with a deadline |
//! | `memory_transport` | the two buffers of the engine |
//! | `records` | the size of what is encrypted at a time |
//! | `error` | the library's errors as `TlsError` |

#[cfg(feature = "native-tls")]
pub(crate) mod config;
#[cfg(feature = "native-tls")]
pub(crate) mod error;
#[cfg(feature = "native-tls")]
pub(crate) mod handshake;
#[cfg(feature = "native-tls")]
pub(crate) mod memory_transport;
#[cfg(feature = "native-tls")]
pub(crate) mod records;
#[cfg(feature = "native-tls")]
pub(crate) mod stream;

// What stands in their place in a build without TLS.
#[cfg(not(feature = "native-tls"))]
#[path = "no_config.rs"]
pub(crate) mod config;
#[cfg(not(feature = "native-tls"))]
#[path = "no_stream.rs"]
pub(crate) mod stream;
