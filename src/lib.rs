//! A blocking WebSocket (RFC 6455) client and server built only on Rust's `std`: no dependency, no `unsafe`.
//!
//! ```
//! # fn main() -> stdws::Result<()> {
//! let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
//!     while let Some(message) = ws.recv()? {
//!         ws.send(&message)?;
//!     }
//!     Ok(())
//! })?;
//! let mut ws = stdws::connect(&format!("{}/echo", server.url()))?;
//! ws.send("hello")?;
//! assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
//! ws.close(stdws::CloseCode::NORMAL, "bye")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//!
//! | to | use |
//! |---|---|
//! | connect | [`connect`], or [`Client`] for settings; the chapter [`connecting`](manual::connecting) |
//! | serve | [`serve`], or [`Server`] for settings; [`ServerHandle`] runs in the background |
//! | receive and send | [`WebSocket`]; [`Sender`] sends from other threads |
//! | send one message to many connections | [`Hub`], [`Member`] |
//! | reconnect | [`Client::reconnect`], [`Backoff`] |
//! | stream a message too large for memory | [`WebSocket::recv_stream`], [`WebSocket::send_stream`] |
//! | run another protocol over a connection, as `Read` and `Write` | [`ByteStream`] |
//! | wait for many connections in one thread | [`WebSocket::poll_timeout`]; the chapter [`receiving`](manual::receiving) |
//! | accept HTTP on the same port, authenticate | [`Server::http`], [`Server::on_request`], [`Request`], [`Response`] |
//! | use a stream of your own: TLS, a tunnel, a pipe | [`Client::connect_over`], [`Server::accept_over`], [`SplitStream`] |
//! | see what happens | [`Client::on_event`], [`Server::on_event`], [`events`], [`explain`] |
//! | shut down | [`ServerHandle::shutdown`], [`ShutdownHandle`] |
//! | test without a network | [`SplitStream::pair`], the chapter [`testing`](manual::testing) |
//! | handle errors | [`Error`]; [`Error::other`] for errors of your own |
//! | use the protocol without I/O | [`codec`], [`handshake`] |
//!
//! # All items by subject
//!
//! | subject | items |
//! |---|---|
//! | a connection | [`WebSocket`], [`Sender`], [`Messages`], [`RecvStream`], [`SendStream`], [`ByteStream`], [`ByteWriter`] |
//! | messages and the end of a connection | [`Message`], [`MessageRef`], [`MessageKind`], [`Outgoing`], [`CloseCode`], [`CloseInfo`] |
//! | settings of both roles | [`Limits`], [`Timeouts`], [`Deflate`], [`SplitStream`]; `TlsIdentity` |
//! | a client | [`connect`], [`Client`], [`Proxy`], [`Challenge`]; `TlsConnect` |
//! | reconnecting | [`Reconnect`], [`ReconnectHandle`], [`Backoff`], [`Disconnect`], [`Retry`] |
//! | a server | [`serve`], [`Server`], [`ServerHandle`], [`ShutdownHandle`], [`ShutdownReport`]; `TlsAccept` |
//! | the answer of a server to a request | [`Decision`], [`Accept`], [`RawStream`], [`Credentials`], [`constant_time_eq`] |
//! | HTTP | [`Request`], [`Response`], [`SetCookie`] |
//! | many connections | [`Hub`], [`Member`], [`HubLimits`], [`OverflowPolicy`], [`QueueOutcome`], [`DeliveryStats`] |
//! | errors | [`Error`], [`Result`], [`UsageError`], [`IoError`], [`Step`], [`ProtocolError`], [`TlsError`], [`TlsErrorKind`] |
//! | errors of an opening handshake | [`HandshakeError`], [`HandshakeErrorKind`], [`RequestErrorKind`], [`ResponseErrorKind`], [`HeadErrorKind`], [`UriErrorKind`], [`HookErrorKind`], [`OverloadKind`] |
//! | errors of connecting, proxies and redirects | [`ConnectError`], [`ConnectAttempt`], [`ProxyError`], [`ProxyErrorKind`], [`ProxyHeaderErrorKind`], [`RedirectError`], [`RedirectErrorKind`], [`RedirectHop`] |
//! | the drafts | `Version`, `Capability` |
//! | modules | [`handshake`], [`codec`], [`deflate`], [`events`], [`explain`], [`manual`] |
//!
//! An item without a link needs a feature that is off by default: see [Features](#features).
//!
//! # Limits and timeouts
//!
//! All are on by default. Every call ends within a time that these settings determine, whatever the peer does.
//!
//! | setting | default |
//! |---|---|
//! | [`Limits::max_message_size`], [`Limits::max_frame_size`] | client 16 MiB, server 1 MiB |
//! | [`Limits::max_fragments`] | 131,072 |
//! | [`Limits::max_head_size`], [`Limits::max_head_fields`] | 64 KiB and 100 fields for the head of a request or a response |
//! | [`Timeouts::connect`], [`Timeouts::handshake`] | 30 s for a client, 10 s for a server |
//! | [`Timeouts::write`], [`Timeouts::message`] | 20 s, 60 s; for each 64 KiB |
//! | [`Timeouts::ping_interval`], [`Timeouts::pong_timeout`] | 20 s each |
//! | [`Timeouts::close`] | 5 s |
//! | [`Server::max_connections`], [`Server::max_handshakes`] | 16,384, or what the system allows; 4,096 |
//! | [`HubLimits`] | 1 MiB for each member |
//!
//! [`Client::limits`], [`Client::timeouts`], [`Server::limits`] and [`Server::timeouts`] set them; [`Accept`] sets them for one
//! connection.
//!
//! # Examples
//!
//! | program | shows |
//! |---|---|
//! | `cargo run --example tour` | a client and a server, with each byte explained: start here; `--list` names chapters on failures |
//! | `cargo run --example echo_server` | a server with metrics, limits, TLS and a graceful shutdown |
//! | `cargo run --example client` | a client for a terminal, with reconnecting and proxies |
//! | `cargo run --example chat` | a chat with a page for the browser, on one port |
//! | `cargo run --example ws -- --help` | one tool for the terminal: client, servers, bridge, explanations |
//!
//! The file `examples/README.md` lists all, with configurations for nginx and HAProxy. Most items of this documentation have an
//! example of their own.
//!
//! # Manual
//!
//! [`reading`](manual::reading), [`exercises`](manual::exercises), [`connecting`](manual::connecting),
//! [`receiving`](manual::receiving), [`sending`](manual::sending), [`broadcasting`](manual::broadcasting),
//! [`closing`](manual::closing), [`reconnecting`](manual::reconnecting), [`proxies`](manual::proxies), [`tls`](manual::tls),
//! [`deploying`](manual::deploying), [`costs`](manual::costs), [`observing`](manual::observing), [`testing`](manual::testing),
//! [`security`](manual::security), [`history`](manual::history), [`registries`](manual::registries),
//! [`reviews`](manual::reviews), [`data_sheet`](manual::data_sheet), [`hazards`](manual::hazards),
//! [`anomalies`](manual::anomalies), [`cryptography`](manual::cryptography), [`traceability`](manual::traceability),
//! [`bounds`](manual::bounds), [`bill_of_materials`](manual::bill_of_materials), [`policies`](manual::policies),
//! [`changes`](manual::changes). The [`manual`] says what each chapter is for.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `client`, `server` | on | the two roles; each builds without the other |
//! | `deflate` | on | the module `deflate` (RFC 1951), and permessage-deflate (RFC 7692) |
//! | `proxy` | on | proxies of a client, and redirects |
//! | `reconnect` | on | [`Client::reconnect`] |
//! | `hub` | on | [`Hub`] |
//! | `trace` | on | [`events`] and [`explain`], `on_event` |
//! | `legacy` | off | the drafts before RFC 6455 |
//! | `native-tls` | off | `wss://` and TLS servers; the one dependency |
//!
//! # How the source is laid out
//!
//! Each folder is a layer, or one subject beside the layers (the row of `deflate`). A layer imports no layer below it in this
//! table, and no cycle of imports crosses folders. Every folder may import the vocabulary (`error`, `close`, `message`, `config`,
//! `redact`). `tests/layers/layout.rs` lists the other imports of each, and `cargo test --test layers` checks them.
//!
//! | folder | contents |
//! |---|---|
//! | `primitives` | SHA-1, SHA-256, base64, random bytes, the lock |
//! | `handshake` | RFC 6455 sections 3, 4, 9 and 11 without I/O: URIs, HTTP heads, the opening handshake |
//! | `codec` | RFC 6455 sections 5 to 8 without I/O: frames, masking, messages, the closing handshake |
//! | `net` | blocking I/O with deadlines: sockets, streams, connecting |
//! | `http` | requests and responses as an application sees them |
//! | `connection` | an open WebSocket, shared by threads |
//! | `client`, `server` | the two roles |
//! | `deflate`, `events`, `explain`, `hub`, `reconnect`, `redirect`, `proxy`, `trusted_proxy`, `auth`, `tls`, `legacy` | one subject each |
//! | `manual` | documentation only |
//!
//! To read the protocol with RFC 6455 beside it, start with the manual's first chapter, [`reading`](manual::reading). It lists
//! the files of `handshake` and `codec` in the order of the RFC.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The bytes of a peer reach most of this crate, so nothing in it may panic. An exception is one function, whose comment says
// why its values stay within bounds.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// First, because rustdoc lists the methods of a type in the order of these lines.
#[cfg(feature = "client")]
mod client;
#[cfg(any(feature = "client", feature = "server"))]
mod connection;
#[cfg(feature = "server")]
mod server;

#[cfg(any(feature = "client", feature = "server"))]
mod auth;
mod close;
pub mod codec;
mod config;
#[cfg(feature = "deflate")]
pub mod deflate;
// Without compression, types that have no values.
#[cfg(not(feature = "deflate"))]
mod deflate {
    pub(crate) mod extension {
        #[cfg(feature = "client")]
        pub(crate) use std::convert::Infallible as Deflate;
        #[cfg(any(feature = "client", feature = "server"))]
        pub(crate) use std::convert::Infallible as Deflater;
        pub(crate) use std::convert::Infallible as Inflater;
    }
}
mod error;
#[cfg(feature = "trace")]
pub mod events;
// Without events, types that have no size.
#[cfg(all(not(feature = "trace"), any(feature = "client", feature = "server")))]
mod events {
    #[path = "disabled.rs"]
    pub(crate) mod sink;
}
#[cfg(feature = "trace")]
pub mod explain;
pub mod handshake;
#[cfg(any(feature = "client", feature = "server"))]
mod http;
#[cfg(all(feature = "hub", any(feature = "client", feature = "server")))]
mod hub;
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
mod legacy;
pub mod manual;
mod message;
#[cfg(any(feature = "client", feature = "server"))]
mod net;
mod primitives;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(feature = "reconnect")]
mod reconnect;
mod redact;
#[cfg(feature = "proxy")]
mod redirect;
#[cfg(all(feature = "native-tls", any(feature = "client", feature = "server")))]
mod tls;
#[cfg(feature = "server")]
mod trusted_proxy;

#[cfg(feature = "client")]
pub use auth::challenge::Challenge;
#[cfg(feature = "server")]
pub use auth::credentials::{constant_time_eq, Credentials};
#[cfg(feature = "client")]
pub use client::builder::{connect, Client};
pub use close::{CloseCode, CloseInfo};
pub use config::{Limits, Timeouts};
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::byte_stream::{ByteStream, ByteWriter};
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::messages::Messages;
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::recv_stream::RecvStream;
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::send_stream::SendStream;
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::sender::Sender;
#[cfg(any(feature = "client", feature = "server"))]
pub use connection::websocket::WebSocket;
#[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
pub use deflate::extension::Deflate;
pub use error::{
    ConnectAttempt, ConnectError, Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, HookErrorKind, IoError,
    OverloadKind, ProtocolError, ProxyError, ProxyErrorKind, ProxyHeaderErrorKind, RedirectError, RedirectErrorKind,
    RedirectHop, RequestErrorKind, ResponseErrorKind, Result, Step, TlsError, TlsErrorKind, UriErrorKind, UsageError,
};
#[cfg(any(feature = "client", feature = "server"))]
pub use http::cookie::SetCookie;
#[cfg(feature = "server")]
pub use http::request::Request;
#[cfg(any(feature = "client", feature = "server"))]
pub use http::response::Response;
#[cfg(all(feature = "hub", any(feature = "client", feature = "server")))]
pub use hub::{DeliveryStats, Hub, HubLimits, Member, OverflowPolicy, QueueOutcome};
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
pub use legacy::{Capability, Version};
pub use message::{Message, MessageKind, MessageRef, Outgoing};
#[cfg(any(feature = "client", feature = "server"))]
pub use net::split_stream::SplitStream;
#[cfg(feature = "proxy")]
pub use proxy::Proxy;
#[cfg(feature = "reconnect")]
pub use reconnect::attempts::{Reconnect, ReconnectHandle};
#[cfg(feature = "reconnect")]
pub use reconnect::backoff::Backoff;
#[cfg(feature = "reconnect")]
pub use reconnect::disconnect::{Disconnect, Retry};
#[cfg(feature = "server")]
pub use server::builder::{serve, Server};
#[cfg(feature = "server")]
pub use server::decision::{Accept, Decision};
#[cfg(feature = "server")]
pub use server::handle::ServerHandle;
#[cfg(feature = "server")]
pub use server::raw_stream::RawStream;
#[cfg(feature = "server")]
pub use server::shutdown::ShutdownHandle;
#[cfg(feature = "server")]
pub use server::shutdown_report::ShutdownReport;
#[cfg(all(feature = "native-tls", feature = "server"))]
pub use tls::accept::TlsAccept;
#[cfg(all(feature = "native-tls", feature = "client"))]
pub use tls::connect::TlsConnect;
#[cfg(all(feature = "native-tls", any(feature = "client", feature = "server")))]
pub use tls::identity::TlsIdentity;

/// The code in the README, compiled like all other examples.
#[cfg(all(doctest, feature = "client", feature = "server", feature = "hub", feature = "reconnect"))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
