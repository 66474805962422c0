//! Memory and time: the formula of a connection's memory, and the worst-case blocking of each public call.
//!
//! # Memory of a connection
//!
//! The sum of these parts is the maximum that a peer can cause, and does not depend on what it announces:
//!
//! | part | bytes | while |
//! |---|---|---|
//! | head of the request or the response | [`max_head_size`](crate::Limits::max_head_size) + 8 × [`max_head_fields`](crate::Limits::max_head_fields); twice that while it is read | the connection exists |
//! | message that is assembled | 2 × [`max_message_size`](crate::Limits::max_message_size) | a message is incomplete, is borrowed, or is the last that `ping` kept |
//! | read buffer | 2 KiB; up to 68 KiB under load | the connection exists |
//! | answers to control frames | 8 KiB | the peer does not read |
//! | queued outgoing messages | 128 KiB | `queue` was called |
//! | copy of the message that is sent | 384 KiB in a client, 64 KiB in a server | a send call waits |
//! | messages kept by `ping` | `max_message_size` | `ping` waits for its Pong, and until they are received |
//! | caller-supplied stream | for each direction 64 KiB, 96 KiB while that grows, and 16 KiB for its thread | the stream is open |
//! | compression | 64 KiB for receiving, 192 KiB for sending | from the first compressed message on |
//! | TLS | 64 KiB for received data, 160 KiB for outgoing data, and the memory of the TLS library | the connection exists |
//!
//! Stacks of threads and memory of the kernel are additional: chapter [`costs`](super::costs). A member of a hub has a queue:
//! [`HubLimits`](crate::HubLimits) has the formula.
//!
//! For each part a test measures the worst case, and asserts that the formula holds. The method is one of three:
//!
//! * *allocator*: a counting allocator has the maximum number of bytes in use.
//! * *resident*: the memory of a process that does nothing else, as Linux reports it.
//! * *capacities*: the capacities of the buffers are added up.
//!
//! <!-- measured -->
//! | part | worst case | method | test |
//! |---|---|---|---|
//! | head of the request or the response | as large as the limits permit, while a hook of a server runs | resident | `tests/head_memory.rs`: `a_head_takes_little_more_than_its_bytes_while_a_hook_runs` |
//! | message that is assembled | fragments of every size | allocator | `tests/allocations/tests/allocations.rs`: `a_message_takes_at_most_twice_its_limit` |
//! | message that is assembled | a frame that is announced and does not arrive | allocator | `tests/allocations/tests/allocations.rs`: `an_announced_frame_allocates_nothing` |
//! | message that is assembled | fragments without bytes | allocator | `tests/allocations/tests/allocations.rs`: `fragments_without_bytes_take_no_memory` |
//! | message that is assembled, read buffer, answers to control frames, queued outgoing messages, copy of the message that is sent | all at the same time, without TLS and compression | allocator | `tests/allocations/tests/allocations.rs`: `a_connection_at_its_worst_keeps_the_formula` |
//! | answers to control frames | Pings without end | allocator | `tests/allocations/tests/allocations.rs`: `pings_without_end_take_no_memory` |
//! | messages kept by `ping` | large, half of their buffers unused, and empty ones | allocator | `tests/allocations/tests/allocations.rs`: `messages_that_ping_keeps_take_their_limit` |
//! | caller-supplied stream | neither side reads | allocator | `tests/allocations/tests/allocations.rs`: `a_callers_stream_takes_what_its_queues_may` |
//! | compression | text until both windows are full | allocator | `tests/allocations/tests/allocations.rs`: `compression_takes_what_its_documentation_says` |
//! | TLS | data to send, in pieces and records of every size, and answers that wait | capacities | `src/tls/records.rs`: `outgoing_data_keeps_the_formula` |
//! | TLS | received data that the engine takes late | capacities | `src/tls/memory_transport.rs`: `received_data_keeps_the_formula` |
//! | queues of a hub | members that do not read | allocator | `tests/allocations/tests/allocations.rs`: `what_waits_for_many_members_is_kept_once` |
//! <!-- end -->
//!
//! The memory of the TLS library is not measured.
//!
//! `tests/dossier/export` writes what the tests with the allocator measured to `memory.txt`.
//!
//! # Blocking of each call
//!
//! The names are those of [`Timeouts`](crate::Timeouts). **W** stands for the wait of a call that sends: at most `write` until other threads
//! have sent, then `write` for the first 64 KiB and for each further 64 KiB. What was queued before counts too.
//!
//! Not included are the time of the processor, the scheduler of the system, and your own code: handlers, hooks, closures and
//! caller-supplied streams. `tests/bounds.rs` fails when a public method has no row, and when a number of this chapter differs from
//! the constant in the sources.
//!
//! <!-- blocking -->
//! | call | returns after at most |
//! |---|---|
//! | `connect`, `Client::connect`, `Client::connect_over`, `Client::connect_tcp`, `Client::connect_unix` | `connect`, in all |
//! | `Reconnect::next` | the delay of the [`Backoff`](crate::Backoff) and `connect`, for each attempt. The number of attempts is [`Backoff::max_attempts`](crate::Backoff::max_attempts), by default unlimited. `ReconnectHandle::stop` ends it at once |
//! | `Server::bind` | the resolution of a name by the system, which has no bound here. An address needs none |
//! | `Server::bind_unix` | 1 s if another process has the path and does not accept; else it does not wait |
//! | `Server::start` | 0.5 s if its `ShutdownHandle` was used before; else it does not wait |
//! | `Server::run`, `serve`, `ServerHandle::join` | no bound: it returns after a shutdown |
//! | `Server::accept_over` | `handshake`, and 1 s for a rejection to arrive |
//! | `WebSocket::recv`, `WebSocket::recv_ref`, `WebSocket::recv_stream`, `Messages::next`, `ByteStream::read` | no bound while the peer is responsive. A silent peer: 1 1/8 × `ping_interval` + `pong_timeout`. A message that has begun: `message` for each 64 KiB. After the peer's Close: `close` |
//! | `RecvStream::read` | the same; `message` does not run between the fragments |
//! | `WebSocket::recv_timeout` | its argument, and 10 ms if the network is full |
//! | `WebSocket::drop` | 10 ms while another thread sends, and 10 ms for a caller-supplied stream or a draft without a Close over TLS; else it does not wait |
//! | `WebSocket::try_recv` | 10 ms if the network has just become full; else it does not wait |
//! | `WebSocket::ping`, `Sender::ping` | W + `pong_timeout` |
//! | `WebSocket::send`, `WebSocket::send_uncompressed`, `Sender::send`, `Sender::send_uncompressed` | W |
//! | `WebSocket::queue`, `Sender::queue`, `WebSocket::flush`, `Sender::flush` | W; `queue` waits only from 128 KiB on, or while another thread sends |
//! | `WebSocket::send_ping`, `WebSocket::send_pong`, `Sender::send_ping`, `Sender::send_pong` | W |
//! | `WebSocket::send_stream`, `Sender::send_stream` | W |
//! | `SendStream::write`, `SendStream::flush`, `SendStream::finish` | W for each fragment of 16 KiB |
//! | `ByteStream::write`, `ByteWriter::write` | W |
//! | `ByteStream::flush`, `ByteWriter::flush` | W |
//! | `WebSocket::close`, `Sender::close`, `ByteStream::close`, `WebSocket::start_close` | `close` |
//! | `ServerHandle::shutdown`, `ServerHandle::shutdown_spread`, `ShutdownHandle::shutdown`, `ShutdownHandle::shutdown_spread` | the argument `timeout`, and 0.5 s |
//! | `ServerHandle::stop`, `ServerHandle::drop` | 1 s |
//! | `RawStream::read` | `message`, or the argument of `set_timeouts` |
//! | `RawStream::write` | `write` for each 64 KiB, or the argument of `set_timeouts` |
//! | `RawStream::drop` | 1 s |
//! | `Hub::flush` | its argument |
//! | `SplitStream::read`, `SplitStream::write`, `SplitStream::flush` | as the half that you supplied. A connection over the stream keeps the bounds above |
//! <!-- end -->
//!
//! These wait for no peer. They make a bounded number of system calls, start a thread, or take a lock that is held for a
//! bounded amount of work:
//!
//! <!-- not blocking -->
//! | type | calls |
//! |---|---|
//! | `Client` | `new`, `reconnect` |
//! | `Server` | `from_listener`, `from_unix_listener`, `without_listener`, `local_addr`, `shutdown_handle` |
//! | `ServerHandle` | `connection_count`, `local_addr`, `shutdown_handle`, `url` |
//! | `WebSocket` | `abort`, `as_fd`, `close_info`, `connection_id`, `extension`, `into_byte_stream`, `into_sender`, `local_addr`, `messages`, `peer_addr`, `poll_timeout`, `request`, `response`, `sender`, `set_ping_interval`, `subprotocol`, `version` |
//! | `Sender` | `abort`, `is_open`, `set_ping_interval`, `version` |
//! | `RecvStream` | `kind`, `drop` |
//! | `SendStream` | `drop` |
//! | `ByteStream` | `into_websocket`, `writer` |
//! | `SplitStream` | `new`, `pair` |
//! | `RawStream` | `flush`, `head`, `into_tcp`, `into_unix`, `request`, `set_timeouts` |
//! | `Hub` | `new`, `with_limits`, `add`, `broadcast`, `publish`, `members`, `subscribers`, `stats` |
//! | `Member` | `send`, `broadcast`, `publish`, `subscribe`, `unsubscribe`, `stats`, `is_member`, `leave`, `stay`, `drop` |
//! | `Reconnect` | `handle`, `last_disconnect` |
//! | `ReconnectHandle` | `stop` |
//! <!-- end -->
//!
//! The methods of these types only compute. `TlsConnect`, `TlsAccept` and `TlsIdentity` do so in the TLS library of the system:
//!
//! <!-- values -->
//! | values |
//! |---|
//! | `Accept`, `Backoff`, `Challenge`, `CloseInfo`, `ConnectAttempt`, `Credentials`, `Decision`, `Deflate`, `Disconnect`, `Message`, `MessageRef`, `Proxy`, `RedirectHop`, `Request`, `Response`, `SetCookie`, `ShutdownReport`, `Version` |
//! | `ConnectError`, `Error`, `HandshakeError`, `IoError`, `ProtocolError`, `ProxyError`, `RedirectError`, `TlsError` |
//! | `TlsAccept`, `TlsConnect`, `TlsIdentity` |
//! <!-- end -->
//!
//! The drop of the last clone of a [`Hub`](crate::Hub) joins its thread, which writes only what can be written without waiting.
