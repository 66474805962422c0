//! The settings of a server that bound how many are let in, and what each of them costs.

use super::builder::Server;

impl Server {
    /// Maximum number of connections at a time, including those in the opening handshake: as many as fit the system, and at
    /// most `count`. More are answered 503, with `Retry-After`. Default: 16,384.
    ///
    /// How many fit is computed when the server starts, also for a `count` given here. On Linux a connection needs a thread,
    /// a descriptor, and six memory mappings; some of each are reserved for the application. With the usual
    /// `vm.max_map_count` of 65,530 some 10,500 connections fit, and with 1,024 descriptors some 880. For more, raise the
    /// limits of the system; the chapter [`deploying`](crate::manual::deploying) lists them. At least 8 are served. On other
    /// systems only `count` holds.
    ///
    /// A connection counts until its handler returns. Threads that handlers start count too: where the process has as many
    /// as fit, connections are answered 503. If descriptors run out nevertheless, clients wait.
    pub fn max_connections(mut self, count: usize) -> Server {
        self.capacity.connections = count;
        self
    }

    /// So many opening handshakes at a time, plain HTTP requests included. More are answered 503, with `Retry-After`.
    /// Default: 4,096.
    ///
    /// It keeps peers that connect and say nothing from taking all places. How long they may say nothing, the deadline
    /// [`Timeouts::handshake`](crate::Timeouts::handshake) says.
    pub fn max_handshakes(mut self, count: usize) -> Server {
        self.capacity.handshakes = count;
        self
    }

    /// So many connections at a time from one address. More are answered 429, with `Retry-After`. Off unless given, because
    /// behind a proxy everybody comes from one address.
    ///
    /// What counts is [`Request::client_ip`](crate::Request::client_ip): proxies that are trusted
    /// ([`trust_proxy_protocol`](Server::trust_proxy_protocol), [`trust_forwarded`](Server::trust_forwarded)) do not count themselves, but
    /// those whom they name, and those only when their request is here. All others count when they connect. An IPv6 address
    /// counts with all of its network of 64 bits. A Unix socket has no addresses, and no such limit but for whom a proxy
    /// names.
    pub fn max_per_address(mut self, count: usize) -> Server {
        self.capacity.per_address = Some(count);
        self
    }

    /// The stack of each thread, in bytes. Default: what `std` takes, 2 MiB, or `RUST_MIN_STACK` of the environment.
    ///
    /// It is address space, not memory: a connection that waits has touched some 10 KiB of it, and more only if its handler
    /// did. Less is of use where address space is counted (32 bits, containers that forbid overcommitting); the server itself
    /// needs less than 64 KiB, the rest is for handlers and hooks. One that is too small ends the whole process.
    pub fn stack_size(mut self, bytes: usize) -> Server {
        self.stack_size = Some(bytes);
        self
    }
}
