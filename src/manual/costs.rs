//! What it costs: connections, messages, handshakes and threads, and how to size a server.
//!
//! All figures are from 2026-11-27 and 28 and one virtual machine: 2 cores of an AMD EPYC, Linux 6.18. Time is CPU time, user and
//! system, over the loopback interface. Other machines differ by a factor; measure yours with the programs in the tables:
//!
//! | program | measures |
//! |---|---|
//! | `cargo run --release --example bench` | messages, next to raw TCP |
//! | `cargo run --release --example bench -- --server` | 10,000 connections: memory, a broadcast, what remains |
//! | `cargo run --release --example bench -- --growth` | CPU time of everything below, against its size |
//! | `tests/syscalls/run` | system calls of a message; CI asserts them |
//! | `tests/instructions/run` | instructions in user space of a message and a handshake; CI asserts them |
//! | `tests/allocations` | allocations of a message; CI asserts them |
//!
//! # A connection
//!
//! | idle connection of a server | cost | measured with |
//! |---|---|---|
//! | memory of the process | 20 KiB | `bench --server`, which fails above 20 KiB |
//! | memory of the kernel: stack of the thread 16 KiB, page tables 4 KiB, socket 9 KiB | 29 KiB | `/proc/meminfo` at 1,000 connections |
//! | thread, descriptor, memory mappings | 1, 1, 6 | chapter [`deploying`](super::deploying) |
//! | opening and closing it, with the start of its thread | 130 µs | `bench --growth connections` |
//! | ... where a thread waits for it, which up to 16 do | 80 µs | the same |
//! | keepalive: a Ping and a Pong every 20 s | 1 µs per second | computed from a round trip |
//! | effect on another connection that is busy | none up to 10,000 | `bench --growth connections` |
//! | a sender that waits for a peer which does not read: 10,000 of them | 0.3 % of a core, no wake-up in 30 s | `bench stuck 10000 30` |
//!
//! A connection that was busy keeps more: a read buffer of up to 68 KiB and a message. The README's section *How it behaves* has
//! the formula, and buffers shrink again. For the 10,000 waiting senders, `tcp_rmem` and `tcp_wmem` were 32 KiB: with the default,
//! their full socket buffers take gigabytes of the kernel's memory.
//!
//! # A message
//!
//! | one message | system calls | CPU time |
//! |---|--:|--:|
//! | 125 bytes there and back, server | 2 | 6.5 µs if both sides share a core; 10 to 20 µs among busy connections |
//! | ... instructions in user space (callgrind) | | 980 |
//! | 16 bytes of many in flight, echoed by a server that queues its answers | 0.02 | 0.13 µs |
//! | a fragment of 16 bytes, received | 0 | 0.04 µs |
//! | a fragment of 16 bytes, sent with `flush`, both sides | 1 | 1.5 µs |
//! | 16 bytes sent, one thread on a connection, both sides | 1 | 3 µs |
//! | ... 2 to 64 threads on one connection | 1 | 4 to 6 µs |
//! | a message of a hub for each member, up to 10,000 members | 1 | 4 to 9 µs |
//! | ... a loop of plain writes to as many sockets | 1 | 4 to 8 µs |
//!
//! Both sides of an echo together, on one core (`taskset -c 0 bench --growth bytes`). On two cores that are idle otherwise, each
//! echo takes 20 to 30 µs more, to wake the other core:
//!
//! | bytes of the message | 16 | 4 KiB | 64 KiB | 1 MiB | 16 MiB |
//! |---|--:|--:|--:|--:|--:|
//! | binary | 13 µs | 13 µs | 34 µs | 0.6 ms | 10 ms |
//! | text of several bytes a character | 13 µs | 15 µs | 49 µs | 0.6 ms | 13 ms |
//! | JSON, compressed | 13 µs | 54 µs | 1.0 ms | 16 ms | 240 ms |
//!
//! Up to 16 KiB the system calls cost more than the bytes. [`queue`](crate::WebSocket::queue) for answers to many messages saves
//! most of them. A compressed byte costs 7 ns from sender to receiver, 20 times as much as an uncompressed one. Compression
//! helps where the network is slower than 1 Gbit/s or costs money.
//!
//! # A handshake
//!
//! Reading and checking a request takes 1 µs for 512 bytes and 24 µs for the largest head, 64 KiB. Sent in single bytes, these
//! take 4 µs and 0.3 ms. The thread and the socket take most of the 80 to 150 µs above, so a core opens some 7,000 connections a
//! second. Lists of the maximum length (extensions, subprotocols) add at most 20 µs, 4,096 cookies 0.1 ms.
//!
//! # Where a thread per connection ends
//!
//! An echo of 125 bytes, one message in flight on each connection, all connections busy. The server has one core, the load
//! generator the other. CPU time for each message, the lower of two runs:
//!
//! | busy connections | stdws | threads, raw TCP | threads, tungstenite 0.30 | one thread, tokio-tungstenite 0.30 |
//! |--:|--:|--:|--:|--:|
//! | 1 | 26 µs | 27 µs | 28 µs | 37 µs |
//! | 64 | 17 µs | 18 µs | 25 µs | 17 µs |
//! | 1,024 | 21 µs | 24 µs | 30 µs | 19 µs |
//! | 4,096 | 24 µs | 25 µs | 37 µs | 21 µs |
//!
//! On the same machine without other work, 64 busy connections take 10.4 µs with stdws, 9.8 µs with raw TCP on threads, and
//! 6.5 µs with asynchronous servers on one thread: they read many sockets for one wake-up. With messages that come several at a
//! time the order is the opposite, because a thread that has data does not wait.
//!
//! | limit | where |
//! |---|---|
//! | memory | 50 KiB for each idle connection, kernel included: 10,000 take 0.5 GB |
//! | mappings, threads, descriptors | some 10,000 connections with the default of Linux; the server computes it and answers 503 beyond |
//! | CPU | none in the number of connections: each costs what its messages cost |
//! | switching | up to 60 % more CPU time for each message than an asynchronous server, if most connections are busy at once with single messages |
//!
//! So a thread for each connection ends at some 10,000 connections in a process, or where memory ends. Several processes on one
//! port, behind a proxy, are the next step. For 100,000 mostly idle connections on a machine, an asynchronous library fits.
//!
//! # How to size a server
//!
//! | resource | formula |
//! |---|---|
//! | memory | 50 KiB × connections + (2 × largest message + 260 KiB) × connections that are busy with one |
//! | ... with compression | + 256 KiB × connections that have sent and received a compressed message |
//! | ... with a hub | + up to 1 MiB × members that are slow ([`HubLimits`](crate::HubLimits)) |
//! | cores | 20 µs × messages a second + 9 µs × broadcasts a second × members + 150 µs × new connections a second |
//!
//! 5,000 connections of a chat, each of which sends one message a minute to 50 others: 83 messages a second and 4,200 deliveries
//! make 40 ms of CPU time a second, 4 % of a core, and 250 MB. A burst of all 5,000 that reconnect takes 0.8 s of a core.
//!
//! # What to set
//!
//! | for | set |
//! |---|---|
//! | more than 880 connections | `ulimit -n`, `LimitNOFILE=` |
//! | more than 10,000 | `vm.max_map_count`, and [`max_connections`](crate::Server::max_connections); table in [`deploying`](super::deploying) |
//! | little memory | [`Limits::max_message_size`](crate::Limits::max_message_size) to what the application needs; [`max_connections`](crate::Server::max_connections) |
//! | containers without overcommit, 32 bits | [`stack_size`](crate::Server::stack_size) |
//! | many answers at a time | [`queue`](crate::WebSocket::queue) in place of `send` |
//! | the same message to many | [`Hub`](crate::Hub), which makes one frame for all |
//! | very many idle connections | a longer [`ping_interval`](crate::Timeouts::ping_interval), as far as routers keep connections |
//! | clients that all come back at once | [`shutdown_spread`](crate::ServerHandle::shutdown_spread); [`Backoff`](crate::Backoff) in the clients |
//!
//! # What grows, and how
//!
//! `bench --growth` measures each of these against its size: bytes and fragments of a message, messages queued together, senders
//! on one connection, reconnects, bytes and fields of a head, extensions, subprotocols, cookies, `Forwarded` and
//! `X-Forwarded-For`, connections, and members of a hub. CPU time grows with an exponent of at most 1.1: in proportion, or less.
//! CI fails above it.
//! From 100 connections on, a message takes more time because sockets and stacks leave the caches. Lines of plain threads and
//! sockets beside show the same growth.
