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
//! Floors, from the bottom up: `primitives` (SHA-1, base64, UTF-8, entropy; know nothing of WebSocket), `wire` (values to
//! bytes and back, no state), `protocol` (state, but no I/O, no clock, no randomness of its own), `transport` (blocking
//! bytes, no protocol), and on top, directly in `src`, what users call. A floor names only itself, those below it, and
//! `error`; `tests/layers.rs` holds it to that.
//!
//! With RFC 6455 beside it: section 3 is `wire/uri`, 4 `protocol/handshake`, 5.2 `wire/frame`, 5.3 `wire/mask`, 5.4 and 6
//! `protocol/decoder` and `protocol/encoder`, 5.5.1 `wire/close`, 7 `protocol/closing`, 8 `primitives/utf8`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod client;
mod close;
mod config;
mod error;
mod hub;
#[cfg(feature = "legacy")]
mod legacy;
pub mod manual;
mod message;
mod primitives;
mod protocol;
mod proxy;
mod server;
#[cfg(feature = "native-tls")]
mod tls;
#[cfg(not(feature = "native-tls"))]
#[path = "no_tls.rs"]
mod tls;
pub mod trace;
mod transport;
mod upgrade;
mod websocket;
mod wire;

pub use client::{connect, Backoff, Client, Lost, Reconnect, Retry, Stopper};
pub use close::{CloseCode, CloseInfo};
pub use config::{Limits, Timeouts};
pub use error::{
    Attempt, ConnectError, Error, HandshakeFault, HeadFault, Hop, IoError, Misuse, ProxyError, ProxyFault,
    ProxyHeaderFault, RedirectError, RedirectFault, Refusal, Result, Step, TlsError, TlsFault, UriFault, Violation,
};
pub use hub::{Counts, Hub, HubLimits, Member, Placed, WhenFull};
#[cfg(feature = "legacy")]
pub use legacy::{Ability, Version};
pub use message::{Kind, Message, MessageRef};
#[cfg(feature = "deflate")]
pub use primitives::deflate;
#[cfg(feature = "deflate")]
pub use protocol::deflate::Deflate;
pub use proxy::Proxy;
pub use server::{serve, Running, Server, ShutdownHandle, ShutdownReport};
#[cfg(feature = "native-tls")]
pub use tls::{TlsAccept, TlsConnect, TlsIdentity};
pub use transport::stream::Halves;
pub use upgrade::{same_secret, Accept, Credentials, Decision, HandOver, Handover, Request, Response};
pub use websocket::{Messages, RecvStream, SendStream, Sender, WebSocket};
pub use wire::challenge::Challenge;
pub use wire::cookie::SetCookie;

/// The code in the README, compiled like all other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
