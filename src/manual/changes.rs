//! Changes for users, newest first.
//!
//! # 0.1.0 (not yet released)
//!
//! * Every public name is the standard term of networking, Rust or the RFCs: `ServerHandle`, `RawStream`, `SplitStream`,
//!   `ProtocolError`, `UsageError`, `HandshakeError`, `max_message_size`, `ping_interval`, `pong_timeout` and others. The module
//!   `trace` is now [`events`](crate::events) and [`explain`](crate::explain).
//! * [`codec`](crate::codec) and [`handshake`](crate::handshake) are public: RFC 6455 without I/O. Chapter [`reading`](super::reading).
//! * The [first page](crate) lists every item by subject.
//! * Cargo features for each part, so that a build contains only what it needs: see the table in the README.
//! * `Debug`, errors, events and explanations show of settings and requests only what identifies them: names of headers, host and
//!   path. [`Explainer::with_secrets`](crate::explain::Explainer::with_secrets) shows the values.
//! * Basic credentials of bytes: [`Client::basic_auth_bytes`](crate::Client::basic_auth_bytes),
//!   [`Credentials::password_bytes`](crate::Credentials::password_bytes). `Credentials::user` and `password` return an `Option`.
//! * [`Proxy::header`](crate::Proxy::header) adds headers to CONNECT. `https://` proxies (feature `native-tls`): `Proxy::tls`.
//! * Digest credentials (RFC 7616) of a client: [`Client::digest_auth`](crate::Client::digest_auth),
//!   [`Proxy::digest_credentials`](crate::Proxy::digest_credentials). SHA-256, and MD5 with the feature `legacy`.
//! * Errors are returned at once, and the limits of `try_recv` and `recv_timeout` hold for every call. Ending a connection continues
//!   as state: chapter [`closing`](super::closing).
//! * An event handler may use the library: send, broadcast, close, shut down. No event is emitted while a lock is held, and what a
//!   handler does is not reported again.
//! * The status of a rejection survives an invalid rest of its head (folded or invalid lines, bare LF, its end), and that
//!   rest and a body take at most 2 s each. A head without a status is worth another attempt for [`Client::reconnect`](crate::Client::reconnect).
//!   `ws://` to a server with TLS fails with [`HeadErrorKind::Tls`](crate::HeadErrorKind::Tls).
//! * Subprotocols, which may hold tokens, do not follow redirects to another origin.
//! * A client of its own for each attempt, with a fresh token or URL: [`Reconnect::client`](crate::Reconnect::client).
//! * An empty `Sec-WebSocket-Protocol` in a response is
//!   [`ResponseErrorKind::EmptySubprotocol`](crate::ResponseErrorKind::EmptySubprotocol).
//! * An unsolicited Pong in hybi-01 and -02, which forbid it, is an event `protocol-error` like every other violation.
//! * Drafts: a request with a field of a later version is never taken for one of hixie-75; subprotocols of any visible characters up
//!   to hybi-07, also as quoted strings from hybi-04 on; redirects only from hybi-07 on; close code 1015 fails the connection.
//! * [`Proxy::from_env`](crate::Proxy::from_env) prefers a SOCKS proxy of the variables that other programs read too.
//! * [`HandshakeErrorKind`](crate::HandshakeErrorKind) has one variant for each role's causes:
//!   [`Response`](crate::ResponseErrorKind) for a client; [`Request`](crate::RequestErrorKind), [`Overload`](crate::OverloadKind) and
//!   [`Hook`](crate::HookErrorKind) for a server. A hook that returned what cannot be sent is named as such.
//! * [`Server::accept_over`](crate::Server::accept_over) returns `None` if a hook responded or took over the stream.
//! * [`Request::client_ip`](crate::Request::client_ip) is `None`, and not the address of the proxy, if a trusted proxy named no client
//!   or none that can be read. `max_per_address` counts clients behind the PROXY protocol before their request arrives.
//! * [`Accept::with`](crate::Accept::with) passes a value from `on_request` to the handler
//!   ([`WebSocket::extension`](crate::WebSocket::extension)), which is dropped with the connection. So a hook can limit connections for
//!   each user, with [`Response::too_many_requests`](crate::Response::too_many_requests).
//! * [`Server::accept_over`](crate::Server::accept_over) counts for `max_connections`, `max_handshakes` and `max_per_address`.
//!   [`SplitStream::peer_addr`](crate::SplitStream::peer_addr) and `local_addr` give a stream its addresses, in both roles.
//! * Close 1009 carries the limit in its reason, and Close 1002 and 1007 the id of the requirement: [`ProtocolError::close_reason`](crate::ProtocolError::close_reason).
//!   A reason of more than 123 bytes is cut at the end of a character, where `close` failed before.
//! * An error of a caller-supplied stream keeps its text. A half that panics ends the connection at once; a hook whose panic has a payload that panics again is answered 500.
//! * Several calls of `shutdown` end at the earliest deadline of them.
//! * `Display` of messages and close reasons, and explanations, escape the characters that change the direction of text (U+202E and others).
//! * Zero and values that make no sense are refused by a usage error, for each duration and limit: the table at [`Timeouts`](crate::Timeouts).
//! * `send_ping`, `send_pong` and `set_ping_interval` on [`WebSocket`](crate::WebSocket) and [`Sender`](crate::Sender): a Ping with a payload, an unsolicited Pong, and
//!   the keepalive changed at run time.
//! * A whole connection as `Read` and `Write`: [`WebSocket::into_byte_stream`](crate::WebSocket::into_byte_stream), [`ByteStream`](crate::ByteStream).
//! * Waiting for several connections or other things in one thread: `WebSocket::as_fd` (Unix), `WebSocket::as_socket` (Windows) and
//!   [`WebSocket::poll_timeout`](crate::WebSocket::poll_timeout); chapter [`receiving`](super::receiving).
//! * A side that only receives pings too: a Ping is due after [`ping_interval`](crate::Timeouts::ping_interval) without a read or
//!   without a write.
//! * `reconnect` says how it ended: a connection that the peer closed for good is the last item, as
//!   [`Error::Closed`](crate::Error::Closed). [`CloseInfo::closed_by_peer`](crate::CloseInfo::closed_by_peer) and
//!   [`Disconnect::closed_by_peer`](crate::Disconnect::closed_by_peer) distinguish it from an end that this side requested.
//! * Chapter [`registries`](super::registries): versions, close codes, opcodes, names and fields, and the words of other specifications.
//! * For assessors: the chapters [`traceability`](super::traceability), [`bounds`](super::bounds),
//!   [`bill_of_materials`](super::bill_of_materials) and [`policies`](super::policies), a list of the public API that CI
//!   compares (`tests/api`), and `tests/dossier/export`, which writes the whole dossier to a folder.
//! * Chapter [`reviews`](super::reviews): each remark of the drafts' reviewers, its answer, and the test that shows it.
//! * Chapters for an assessment: [`data_sheet`](super::data_sheet), [`hazards`](super::hazards), [`anomalies`](super::anomalies),
//!   [`cryptography`](super::cryptography). Each promise in the README has an id, and the tests that show it cite the id.
//! * [`Server::allow_host`](crate::Server::allow_host) prevents DNS rebinding; the event `host-not-checked` names a server on a loopback
//!   address without it. A server with TLS no longer accepts pages of its own host that came without TLS.
//! * A request target that is a URI takes precedence over `Host` (RFC 9112 section 3.2.2), where a difference was an error.
//! * Lists in a handshake have at most 100 elements
//!   ([`MAX_ELEMENTS`](crate::handshake::header::MAX_ELEMENTS)), and none is kept while a hook runs.
//! * [`Limits::max_head_size`](crate::Limits::max_head_size) and [`max_head_fields`](crate::Limits::max_head_fields), the limits of the
//!   heads of requests and responses, can be set. One line may now take the whole head, 64 KiB, where 8 KiB were the limit.
//!   A longer request line is answered 414. `HeadErrorKind::LineTooLong` is now
//!   [`StartLineTooLong`](crate::HeadErrorKind::StartLineTooLong), and the kinds of these limits hold the limit.
//!   [`HeadParser::limits`](crate::handshake::http::HeadParser::limits) and
//!   [`Explainer::limits`](crate::explain::Explainer::limits) set them without a connection.
//! * Up to four empty lines before a request are ignored (RFC 9112 section 2.2).
//! * `ws inspect` (`examples/ws/README.md`) explains every byte between any client and any server, writes captures for Wireshark, and
//!   breaks rules on purpose. `ws explain`, `ws record` and `ws replay` read and write captures (pcapng).
//! * RFC 6455 in both roles, blocking and full duplex: [`connect`](crate::connect), [`Client`](crate::Client),
//!   [`serve`](crate::serve), [`Server`](crate::Server), [`WebSocket`](crate::WebSocket), [`Sender`](crate::Sender).
//! * Caller-supplied streams: [`Client::connect_over`](crate::Client::connect_over),
//!   [`Server::accept_over`](crate::Server::accept_over), [`SplitStream`](crate::SplitStream).
//! * Limits and timeouts, all on by default: [`Limits`](crate::Limits), [`Timeouts`](crate::Timeouts).
//! * permessage-deflate (RFC 7692) on a DEFLATE of our own, off by default: `Client::deflate`, `Server::deflate`,
//!   `send_uncompressed`, and the module `deflate` (feature `deflate`, on by default).
//! * HTTP on the same port: [`Server::http`](crate::Server::http) for pages and health checks,
//!   [`Server::on_request`](crate::Server::on_request) to accept with other settings, respond, reject, or take over the stream.
//! * Reconnecting (RFC 6455 section 7.2.3): [`Client::reconnect`](crate::Client::reconnect), [`Backoff`](crate::Backoff); chapter [`reconnecting`](super::reconnecting).
//! * Basic credentials (RFC 7617), challenges and cookies on both sides: [`Client::basic_auth`](crate::Client::basic_auth),
//!   [`Server::basic_auth`](crate::Server::basic_auth), [`HandshakeError::challenges`](crate::HandshakeError::challenges),
//!   [`Client::cookie`](crate::Client::cookie), [`Request::cookie`](crate::Request::cookie),
//!   [`Response::set_cookies`](crate::Response::set_cookies), [`constant_time_eq`](crate::constant_time_eq).
//! * Limits on connections: `max_connections`, `max_handshakes`, `max_per_address` (also behind proxies), `stack_size`. Unix sockets: `Server::bind_unix`,
//!   `Client::connect_unix`, with abstract names on Linux.
//! * A server over a socket that listens already: [`Server::from_listener`](crate::Server::from_listener), `Server::from_unix_listener`.
//!   Socket activation, and restarts that refuse no client: chapter [`deploying`](super::deploying).
//! * Nothing raises SIGPIPE, whatever the process does with that signal: a peer that has left ends a connection, not the process.
//! * As many connections as fit the system: on Linux the default and an explicit `max_connections` are capped to what the limits on
//!   memory mappings, threads, address space and descriptors allow; a size that exceeds all addresses is that of an emulator and does not
//!   count. Beyond these limits `std` would abort the process. All other threads of the
//!   library (of hubs, senders, attempts to connect, streams of the caller) are refused near these limits with an error of
//!   [`Step::Thread`](crate::Step::Thread).
//! * A bounded shutdown with a report: [`ServerHandle::shutdown`](crate::ServerHandle::shutdown),
//!   [`ShutdownHandle`](crate::ShutdownHandle). Requests of clients that have just connected get 250 ms to arrive, and after
//!   `stop` such clients are served. Systems that do not wake `accept` get a connection at once.
//! * [`Hub`](crate::Hub): one message to many connections without waiting for any; bounded queues, topics, delivery counts.
//! * The client's address behind trusted proxies: [`Request::client_ip`](crate::Request::client_ip),
//!   [`Server::trust_proxy_protocol`](crate::Server::trust_proxy_protocol),
//!   [`Server::trust_forwarded`](crate::Server::trust_forwarded),
//!   [`Server::trust_x_forwarded_for`](crate::Server::trust_x_forwarded_for).
//! * Events for logs and counters: [`Client::on_event`](crate::Client::on_event), [`Server::on_event`](crate::Server::on_event); chapter
//!   [`observing`](super::observing). [`explain`](crate::explain) explains the bytes on the wire, including compressed ones.
//! * [`Explainer::finish`](crate::explain::Explainer::finish): what is missing where an input ends.
//! * The example `ws`, one tool for the terminal: `cat`, `echo`, `serve`, `chat`, `explain`, `inspect`, `run`, `bridge`, `check`,
//!   `conform`, `bench`, `record` and `replay`. On a terminal all of them show how long something takes. `inspect` forwards between
//!   any client and any server and explains what passes, also as pcapng. `conform` judges servers and clients of others by each
//!   requirement that can be seen from outside, also within TLS. The chapter [`exercises`](super::exercises) has seven
//!   stages for those who build their own.
//! * A page for the browser shows the frames of the tour and of `ws inspect`, with the rule behind each field, and builds any frame by
//!   hand, as a client for the server and as a server for a client: `tour --page`, `ws inspect --page`.
//! * Proxies: HTTP CONNECT and SOCKS5, with credentials, or from the environment: [`Proxy`](crate::Proxy),
//!   [`Client::proxy`](crate::Client::proxy).
//! * The fastest of several addresses (RFC 8305): families in turn, the next after 250 ms. Chapter [`connecting`](super::connecting).
//! * Another route than that of the URL: [`Client::resolve_to`](crate::Client::resolve_to),
//!   [`Client::host_header`](crate::Client::host_header), `Client::server_name`, [`Client::connect_tcp`](crate::Client::connect_tcp),
//!   and for load tests [`Client::dangerously_connect_in_parallel`](crate::Client::dangerously_connect_in_parallel).
//! * URLs with characters that have to be converted are accepted: host names to Punycode, paths and queries to percent-encoded
//!   UTF-8. `UriErrorKind::HostNotAscii` is now [`UnsupportedHost`](crate::UriErrorKind::UnsupportedHost). IPv6 addresses may have a
//!   zone (RFC 6874).
//! * Attempts in versions up to hybi-06 wait for all attempts to the same IP address, on every port.
//! * Redirects, off by default: [`Client::max_redirects`](crate::Client::max_redirects).
//! * What belongs to one role needs the feature of that role. Feature `server`: [`Request`](crate::Request),
//!   [`WebSocket::request`](crate::WebSocket::request), [`Credentials`](crate::Credentials) and
//!   [`constant_time_eq`](crate::constant_time_eq). Feature `client`: [`Challenge`](crate::Challenge).
//! * [`Uri::userinfo`](crate::handshake::uri::Uri::userinfo): the user name and the password of a URL.
//! * `Accept::header` is now [`Accept::with_header`](crate::Accept::with_header), as in [`Response`](crate::Response): both keep the
//!   first error for [`error`](crate::Accept::error), because a hook returns no `Result`. The setters of
//!   [`Client`](crate::Client), [`Server`](crate::Server) and [`Proxy`](crate::Proxy) fail at once.
//! * Every draft of the protocol before RFC 6455, in both roles (feature `legacy`, off by default): `Version`,
//!   `Client::version`, `Client::fallback_versions`, `Server::legacy_versions`, `deflate_stream` on both, `WebSocket::version`.
//! * TLS in both roles by the library of the system: feature `native-tls`, off by default, `Client::tls`, `Server::tls`,
//!   [`Error::Tls`](crate::Error::Tls); the chapter [`tls`](super::tls).
//! * A handler uses `?` on its own errors: [`Error`](crate::Error) converts from `io::Error`, boxed errors, text and the common errors of
//!   `std`, and [`Error::other`](crate::Error::other) converts all others ([`Error::Other`](crate::Error::Other)). The event
//!   `handler-failed` reports what a handler returns. `Debug` of an error is its sentence with the causes.
//! * [`send`](crate::WebSocket::send) takes owned messages ([`Outgoing`](crate::Outgoing)), and a client masks large ones in place.
//!   It masks and writes a borrowed one in pieces of 384 KiB. [`queue`](crate::WebSocket::queue) writes at 128 KiB.
//!   [`Message`](crate::Message) compares with text and bytes, and has `into_text` and `into_bytes`. `close(1000, "")` and
//!   `connect(String)` are accepted.
//! * [`Timeouts`](crate::Timeouts), [`Limits`](crate::Limits) and [`HubLimits`](crate::HubLimits) can be written as literals:
//!   `Timeouts { close, ..Timeouts::default() }`.
//! * [`ServerHandle::join`](crate::ServerHandle::join). An error of a server that cannot listen names the address.
//! * [`Client::random_source`](crate::Client::random_source) takes a closure that several threads can call at the same time (`Fn`, `Sync`).
//!   No lock is held meanwhile, so it can use its own client.
//! * [`SplitStream::pair`](crate::SplitStream::pair): tests without a network; chapter [`testing`](super::testing).
//! * The drop of a connection over a caller-supplied stream loses nothing that was sent: the stream is ended when its writer has
//!   taken everything. [`SplitStream::on_end`](crate::SplitStream::on_end).
//! * [`Decision`](crate::Decision) has no public variants: an [`Accept`](crate::Accept) or a [`Response`](crate::Response) converts to one
//!   by `into()`.
//! * A server makes half as many system calls for an opening handshake, and no other thread wakes for one. A sender whose peer
//!   does not read waits in one call instead of waking every 10 ms (Unix; elsewhere after delays of up to 20 ms).
//! * [`Explainer::through_http_proxy`](crate::explain::Explainer::through_http_proxy) and
//!   [`through_socks5`](crate::explain::Explainer::through_socks5) explain the exchange with a proxy (feature `proxy`). The example
//!   `tour` has chapters on failures, proxies, TLS and drafts (`tour --list`), and colours on a terminal.
//! * The buffers of TLS keep their documented bound of 160 KiB for outgoing data: some sizes of messages took up to 257 KiB.
//! * Threads that wait to send on the same connection are woken one at a time, and none while one is on its way.
//! * A client whose socket is connected to itself, which can happen where nothing listens, is refused as if by another machine.
//! * The explanation of a proxy's status 101 says that the proxy has not connected, and no longer that it is an interim response.
//! * Messages that [`ping`](crate::WebSocket::ping) keeps, and the queues of a caller-supplied stream, keep the documented bounds: their
//!   buffers had room for up to twice as much.
//! * What a closure of yours panics with is dropped. Before, it was leaked: with a handler that panics, that could be what a peer sent.
//! * [`Server::bind_unix`](crate::Server::bind_unix) waits for at most one second for a process that has the path and does not accept.
//!   Before, it could wait for ever.
