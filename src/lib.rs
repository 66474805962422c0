//! WebSocket in nothing but Rust's `std`: a blocking RFC 6455 client and server without a dependency and without `unsafe`.
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//!     while let Some(message) = ws.recv()? {
//!         ws.send(&message)?;
//!     }
//!     Ok(())
//! })?;
//! let mut ws = stdws::connect(&format!("ws://{}/echo", server.local_addr()))?;
//! ws.send("hello")?;
//! assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
//! ws.close(stdws::CloseCode::NORMAL, "bye")?;
//! # Ok(())
//! # }
//! ```
//!
//! Start with [`connect`] or [`Client`], [`serve`] or [`Server`], and what both give: a [`WebSocket`]. The [`manual`] has
//! chapters on receiving, sending, closing, reconnecting and security.
//!
//! # How the source is laid out
//!
//! Floors; each folder is a lesson that can be read alone, from the bottom up. A floor names only itself, those below it,
//! and `error`; `tests/layers.rs` holds it to that.
//!
//! | floor | what is in it |
//! |---|---|
//! | directly in `src` | what users call, below |
//! | `transport` | blocking bytes with bounds: sockets, TLS, deadlines; no protocol |
//! | `protocol` | RFC 6455 and 7692 as state: no I/O, no clock, no randomness of its own |
//! | `legacy` | the drafts, beside `protocol`: a table with a row for each, two framings (feature `legacy`) |
//! | `wire` | values to bytes and back, no state |
//! | `primitives` | SHA-1, base64, UTF-8, DEFLATE, entropy; know nothing of WebSocket |
//!
//! | file | its folder has the parts |
//! |---|---|
//! | `client` | from a URL to an open connection: reaching, opening, redirects, reconnecting |
//! | `proxy` | HTTP CONNECT and SOCKS5, and what the environment says of them |
//! | `server` | who is let in, the threads at the door, shutting down |
//! | `upgrade` | one request at the door: accept, answer in HTTP, or hand over |
//! | `websocket` | an open connection: who may write, receiving, ending |
//! | `hub` | one message to many connections |
//! | `tls` | settings of TLS (feature `native-tls`; `no_tls` stands in for it) |
//! | `trace` | what goes on: events, and bytes explained |
//! | `message`, `close`, `config`, `error` | what all of them speak of |
//! | `manual` | documentation only |
//!
//! With RFC 6455 beside it: section 3 is `wire/uri`, 4 `protocol/handshake`, 5.2 `wire/frame`, 5.3 `wire/mask`, 5.4 and 6
//! `protocol/decoder` and `protocol/encoder`, 5.5.1 `wire/close`, 7 `protocol/closing`, 8 `primitives/utf8`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod auth;
mod client;
mod close;
mod codec;
mod config;
mod connection;
#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(not(feature = "deflate"))]
mod deflate {
    #[path = "no_extension.rs"]
    pub(crate) mod extension;
}
mod error;
pub mod events;
pub mod explain;
mod handshake;
mod http;
mod hub;
#[cfg(feature = "legacy")]
mod legacy;
pub mod manual;
mod message;
mod net;
mod primitives;
mod proxy;
mod reconnect;
mod redirect;
mod server;
mod tls;
mod trusted_proxy;

pub use auth::challenge::Challenge;
pub use auth::credentials::{constant_time_eq, Credentials};
pub use client::builder::{connect, Client};
pub use close::{CloseCode, CloseInfo};
pub use config::{Limits, Timeouts};
pub use connection::messages::Messages;
pub use connection::recv_stream::RecvStream;
pub use connection::send_stream::SendStream;
pub use connection::sender::Sender;
pub use connection::websocket::WebSocket;
#[cfg(feature = "deflate")]
pub use deflate::extension::Deflate;
pub use error::{
    ConnectAttempt, ConnectError, Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, IoError, ProtocolError,
    ProxyError, ProxyErrorKind, ProxyHeaderErrorKind, RedirectError, RedirectErrorKind, RedirectHop, Result, Step,
    TlsError, TlsErrorKind, UriErrorKind, UsageError,
};
pub use http::cookie::SetCookie;
pub use http::request::Request;
pub use http::response::Response;
pub use hub::{DeliveryStats, Hub, HubLimits, Member, OverflowPolicy, QueueOutcome};
#[cfg(feature = "legacy")]
pub use legacy::{Capability, Version};
pub use message::{Message, MessageKind, MessageRef};
pub use net::split_stream::SplitStream;
pub use proxy::Proxy;
pub use reconnect::attempts::{Reconnect, ReconnectHandle};
pub use reconnect::backoff::Backoff;
pub use reconnect::disconnect::{Disconnect, Retry};
pub use server::builder::{serve, Server};
pub use server::decision::{Accept, Decision, RawStreamHandler};
pub use server::handle::ServerHandle;
pub use server::raw_stream::RawStream;
pub use server::shutdown::{ShutdownHandle, ShutdownReport};
#[cfg(feature = "native-tls")]
pub use tls::config::{TlsAccept, TlsConnect, TlsIdentity};

/// The code in the README, compiled like all other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
