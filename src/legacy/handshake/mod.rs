//! The opening handshakes of the drafts in both roles: pure functions over heads and bytes, controlled by the table.
//!
//! What a draft has in common with RFC 6455 (heads, origins, keys, lists) comes from `crate::handshake`.
//!
//! | file | subject |
//! |---|---|
//! | `client` | the request, and the check of the response |
//! | `server` | the check of the request, and the response |
//! | `challenge` | the keys and the eight bytes that a client of hybi-00 to -03 sends |
//! | `proof` | the proof of the server: MD5, SHA-1 |
//! | `lists` | lists of subprotocols and extensions |

#[cfg(feature = "client")]
pub(crate) mod challenge;
#[cfg(feature = "client")]
pub(crate) mod client;
mod lists;
pub(crate) mod proof;
#[cfg(feature = "server")]
pub(crate) mod server;

/// The only extension that the drafts define. It has no parameters.
pub(crate) const DEFLATE_STREAM: &str = "deflate-stream";

#[cfg(feature = "client")]
const KEY: &str = "Sec-WebSocket-Key";
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
#[cfg(feature = "client")]
const DRAFT: &str = "Sec-WebSocket-Draft";
#[cfg(feature = "client")]
const VERSION: &str = "Sec-WebSocket-Version";
#[cfg(feature = "server")]
const ACCEPT: &str = "Sec-WebSocket-Accept";
const NONCE: &str = "Sec-WebSocket-Nonce";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const UPGRADE: &str = "Upgrade";
const CONNECTION: &str = "Connection";
const ORIGIN: &str = "Origin";
const SEC_ORIGIN: &str = "Sec-WebSocket-Origin";

/// Result of the negotiation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NegotiatedDraft {
    /// The selected subprotocol.
    pub(crate) subprotocol: Option<String>,
    /// Whether everything after the handshake is compressed.
    pub(crate) deflate_stream: bool,
    /// The masking key of the connection, from which hybi-04 derives the keys of frames.
    pub(crate) masking_key: Option<[u8; 20]>,
}
