//! The drafts of the protocol that were deployed before RFC 6455, in both roles (feature `legacy`).
//!
//! Differences between versions are in one place, `table`: one row for each version, one column for each part of the
//! protocol. Handshakes and framing read the row. No other code compares versions. The modules for RFC 6455 do not
//! depend on this one; the files in the last group connect it to them.
//!
//! ```text
//! version          Version, Capability: names, numbers and capabilities (public)
//! parts            types of the columns: proof, framing, masking, closing, ...
//! table            DraftSpec: the parts of each version
//! detect           server: the versions that a request may mean
//! handshake        client: builds the request, checks the response; server: the reverse
//!
//! codec            creates decoder and encoder of a connection
//! decoder          bytes in, events out:   deflate_stream, then hixie or hybi, then plain, text and codec::decoder
//! encoder          messages in, bytes out: hixie or hybi, then deflate_stream
//! hixie            frames between 0x00 and 0xFF
//! hybi             frames with a length
//! closing          the Close frames of each version
//! rules            what may be sent, and when
//! frame_tracer     frames byte by byte, for the explainer
//!
//! connect, accept  the opening handshakes over a stream
//! options          the settings of a client for the drafts
//! server, request, websocket, explain   methods of the public types
//! chapter          test: the tables of the manual are those of `table`
//! ```
//!
//! Sources: the texts of hixie-55, hixie-75, hybi-00 to -07, -09 and -17; for the others the change notes and reviews
//! of the time. Where a text leaves something open, the row documents the choice.

#[cfg(feature = "server")]
pub(crate) mod accept;
#[cfg(test)]
mod chapter;
mod closing;
pub(crate) mod codec;
#[cfg(feature = "client")]
pub(crate) mod connect;
pub(crate) mod decoder;
mod deflate_stream;
#[cfg(feature = "server")]
pub(crate) mod detect;
pub(crate) mod encoder;
#[cfg(feature = "trace")]
pub(crate) mod explain;
#[cfg(feature = "trace")]
pub(crate) mod frame_tracer;
pub(crate) mod handshake;
mod hixie;
mod hybi;
#[cfg(feature = "client")]
pub(crate) mod options;
pub(crate) mod parts;
mod plain;
#[cfg(feature = "server")]
mod request;
mod rules;
#[cfg(feature = "server")]
pub(crate) mod server;
pub(crate) mod table;
mod text;
mod version;
pub(crate) mod websocket;

pub use version::{Capability, Version};
