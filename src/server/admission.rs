//! The settings of a server that bound how many are let in, and what each of them costs.

use super::Server;

impl Server {
    /// So many connections at a time, those whose opening handshake is not over included. More are answered 503, with
    /// `Retry-After`. Default: 16,384.
    ///
    /// A connection counts until its handler returns. Each takes a descriptor and a thread; when the system has none to give,
    /// those who knock wait, or are answered 503.
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
        self.stack = Some(bytes);
        self
    }
}
