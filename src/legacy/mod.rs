//! The drafts: every version of the protocol that was ever deployed before RFC 6455, in both roles (feature `legacy`).
//!
//! Stands beside `protocol`, which never hears of it. The one place where versions differ is the table in `table`: one row
//! per version, whose columns are the parts it is made of. Handshakes and framing read the row; nothing else asks "which
//! version is this?".
//!
//! ```text
//! version     Version: the names and numbers, and what each version can do        (public)
//! parts       what a version is made of: proof, framing, masking, closing …
//! table       DraftSpec: the parts of each version                                        read by all below
//! detect      server: which versions may a request mean?
//! handshake   client: the request, and the verdict on the response; server: the other way round
//!
//! codec       both directions of a connection
//! decoder     bytes in, events out:   deflate_stream, then hixie or hybi, then plain, text, and protocol's decoder
//! encoder     messages in, bytes out: hixie or hybi, then deflate_stream
//! hixie       frames between 0x00 and 0xFF
//! hybi        frames with a length
//! closing     which Closes there are, and what they say
//! rules       what else may be sent, and when
//! speller     frames byte by byte, for those who explain them
//! ```
//!
//! Sources: the texts of the drafts where they exist (hixie-55, hixie-75, hybi-00 to -07, -09, -17), for the others the
//! change notes and reviews of the time. Where the texts are open, the row says what is done here.

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
pub(crate) mod detect;
pub(crate) mod encoder;
#[cfg(feature = "trace")]
pub(crate) mod explain;
pub(crate) mod frame_tracer;
pub(crate) mod handshake;
mod hixie;
mod hybi;
pub(crate) mod md5;
pub(crate) mod options;
pub(crate) mod parts;
mod plain;
#[cfg(any(feature = "client", feature = "server"))]
mod request;
mod rules;
#[cfg(feature = "server")]
pub(crate) mod server;
pub(crate) mod table;
mod text;
mod version;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod websocket;

pub use version::{Capability, Version};
