//! The opening handshakes of the drafts, both roles: pure functions over heads and bytes, steered by the table.
//!
//! What a draft has in common with RFC 6455 (heads, origins, keys, lists), it takes from `protocol::handshake`.

pub(crate) mod client;
pub(crate) mod proof;
pub(crate) mod server;

/// The one extension that the drafts ever defined. It has no parameters.
pub(crate) const DEFLATE_STREAM: &str = "deflate-stream";

const KEY: &str = "Sec-WebSocket-Key";
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
const DRAFT: &str = "Sec-WebSocket-Draft";
const VERSION: &str = "Sec-WebSocket-Version";
const ACCEPT: &str = "Sec-WebSocket-Accept";
const NONCE: &str = "Sec-WebSocket-Nonce";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const UPGRADE: &str = "Upgrade";
const CONNECTION: &str = "Connection";
const ORIGIN: &str = "Origin";
const SEC_ORIGIN: &str = "Sec-WebSocket-Origin";

/// What both sides agree on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NegotiatedDraft {
    /// The subprotocol in use.
    pub(crate) subprotocol: Option<String>,
    /// Everything after the handshake goes through DEFLATE.
    pub(crate) deflate_stream: bool,
    /// From which the keys of frames are made, in hybi-04.
    pub(crate) masking_key: Option<[u8; 20]>,
}
