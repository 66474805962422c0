//! What changed for users, newest first.
//!
//! # 0.1.0 (not yet released)
//!
//! * Errors are given at once, and the limits of `try_recv` and `recv_timeout` hold for every call: ending a connection goes on
//!   as state. The chapter [`closing`](super::closing).
//! * RFC 6455 in both roles, blocking and full duplex: [`connect`](crate::connect), [`Client`](crate::Client),
//!   [`serve`](crate::serve), [`Server`](crate::Server), [`WebSocket`](crate::WebSocket), [`Sender`](crate::Sender).
//! * Streams made elsewhere: [`Client::connect_over`](crate::Client::connect_over),
//!   [`Server::accept_over`](crate::Server::accept_over), [`SplitStream`](crate::SplitStream).
//! * Limits and timeouts, all on by default: [`Limits`](crate::Limits), [`Timeouts`](crate::Timeouts).
//! * permessage-deflate (RFC 7692) on a DEFLATE of our own, off unless asked for: `Client::deflate`, `Server::deflate`,
//!   `send_uncompressed`, and the module `deflate` (feature `deflate`, on by default).
//! * One port for HTTP too: [`Server::http`](crate::Server::http) for pages and health checks,
//!   [`Server::on_request`](crate::Server::on_request) to accept with settings of its own, answer, refuse or hand over.
//! * Reconnecting (RFC 6455 section 7.2.3): [`Client::reconnect`](crate::Client::reconnect), [`Backoff`](crate::Backoff); chapter [`reconnecting`](super::reconnecting).
//! * Basic credentials (RFC 7617), challenges and cookies on both sides: [`Client::basic_auth`](crate::Client::basic_auth),
//!   [`Server::basic_auth`](crate::Server::basic_auth), [`HandshakeError::challenges`](crate::HandshakeError::challenges),
//!   [`Client::cookie`](crate::Client::cookie), [`Request::cookie`](crate::Request::cookie),
//!   [`Response::set_cookies`](crate::Response::set_cookies), [`constant_time_eq`](crate::constant_time_eq).
//! * Who is let in: `max_connections`, `max_handshakes`, `max_per_address` (also behind proxies), `stack_size`. Unix sockets: `Server::bind_unix`,
//!   `Client::connect_unix`.
//! * As many connections as fit the system: on Linux the default, and an explicit `max_connections`, are capped to what its limits on
//!   memory mappings, threads, address space and descriptors allow. Beyond them `std` would abort the process.
//! * Shutting down, bounded and with a report: [`ServerHandle::shutdown`](crate::ServerHandle::shutdown),
//!   [`ShutdownHandle`](crate::ShutdownHandle).
//! * [`Hub`](crate::Hub): one message to many connections, without waiting for any; bounded backlogs, topics, counts.
//! * The client's address behind proxies, from those that are trusted: [`Request::client_ip`](crate::Request::client_ip),
//!   [`Server::trust_proxy_protocol`](crate::Server::trust_proxy_protocol),
//!   [`Server::trust_forwarded`](crate::Server::trust_forwarded),
//!   [`Server::trust_x_forwarded_for`](crate::Server::trust_x_forwarded_for).
//! * Seeing what goes on: [`Client::on_event`](crate::Client::on_event), [`Server::on_event`](crate::Server::on_event); chapter
//!   [`observing`](super::observing). [`trace`](crate::explain): bytes on the wire, explained, compressed ones too.
//! * Proxies: HTTP CONNECT and SOCKS5, with credentials, and those the environment names: [`Proxy`](crate::Proxy),
//!   [`Client::proxy`](crate::Client::proxy).
//! * Redirects, off unless asked for: [`Client::max_redirects`](crate::Client::max_redirects).
//! * Every draft of the protocol before RFC 6455, in both roles (feature `legacy`, off by default): `Version`,
//!   `Client::version`, `Client::fallback_versions`, `Server::legacy_versions`, `deflate_stream` on both, `WebSocket::version`.
//! * TLS in both roles, by the TLS of the system: feature `native-tls`, off by default, `Client::tls`, `Server::tls`,
//!   [`Error::Tls`](crate::Error::Tls); the chapter [`tls`](super::tls).
