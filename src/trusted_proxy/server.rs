//! Whom a [`Server`] believes when it is told who the client is.

use super::trust::{ForwardedHeader, TrustedAddresses};
use crate::error::Result;
use crate::server::builder::Server;

impl Server {
    /// Learns the client's address from a header of the PROXY protocol, version 1 or 2, which these proxies send before
    /// anything else: HAProxy with `send-proxy` or `send-proxy-v2`, and many load balancers. Nobody unless given.
    ///
    /// The list has addresses (`192.0.2.1`), networks (`10.0.0.0/8`, `2001:db8::/32`), and `unix` for the peers of a Unix socket,
    /// which have no address. From these a header is required: without one, or with a broken one, the connection is ended
    /// without an answer. From all others none is taken: they are served as who they are. The header is part of what has to
    /// come within [`Timeouts::handshake`](crate::Timeouts::handshake).
    ///
    /// [`Request::client_ip`](crate::Request::client_ip) tells the address. [`max_per_address`](Server::max_per_address) counts
    /// that one, when its request has come.
    ///
    /// **Only proxies that stand alone at these addresses**: whoever else can connect from there can claim any address.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is no address and no network.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use std::io::{Read, Write};
    /// let server = stdws::Server::bind("127.0.0.1:0")?
    ///     .trust_proxy_protocol(["127.0.0.1"])?
    ///     .http(|request| stdws::Response::text(200, format!("{:?}", request.client_ip())))
    ///     .start(|_| Ok(()))?;
    /// let mut proxy = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    /// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    /// let mut answer = String::new();
    /// proxy.read_to_string(&mut answer).unwrap();
    /// assert!(answer.ends_with("Some(192.0.2.1)"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn trust_proxy_protocol<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Server> {
        self.config.trusted_proxies.proxy_protocol = Some(TrustedAddresses::parse(proxies)?);
        Ok(self)
    }

    /// Learns the client's address from the header `Forwarded` (RFC 7239), which these proxies write. Nobody unless given.
    ///
    /// The list is as in [`trust_proxy_protocol`](Server::trust_proxy_protocol). The header is read from its end, where the
    /// nearest proxy wrote, and only as far as each address is one of these: what stands further to the left, anybody may have
    /// written. An entry that is no address (`unknown`, `_hidden`) ends it, too.
    ///
    /// Which header a proxy writes has to be known, because it passes the other on as the client sent it. So this and
    /// [`trust_x_forwarded_for`](Server::trust_x_forwarded_for) exclude each other; the last call counts.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is no address and no network.
    pub fn trust_forwarded<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Server> {
        self.config.trusted_proxies.header = Some((ForwardedHeader::Forwarded, TrustedAddresses::parse(proxies)?));
        Ok(self)
    }

    /// As [`trust_forwarded`](Server::trust_forwarded), from the older header `X-Forwarded-For`: a list of addresses, to which each
    /// proxy adds the one it was connected from. nginx writes it by
    /// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for`.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is no address and no network.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let server = stdws::Server::bind("127.0.0.1:0")?.trust_x_forwarded_for(["127.0.0.1", "10.0.0.0/8"])?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn trust_x_forwarded_for<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Server> {
        self.config.trusted_proxies.header = Some((ForwardedHeader::XForwardedFor, TrustedAddresses::parse(proxies)?));
        Ok(self)
    }
}
