//! The settings of a [`Server`] for trusted proxies.

use super::trust::{ForwardedHeader, TrustedAddresses};
use crate::error::Result;
use crate::server::builder::Server;

impl Server {
    /// Reads the client's address from the PROXY protocol header, version 1 or 2, that these proxies send before
    /// anything else: HAProxy with `send-proxy` or `send-proxy-v2`, and many load balancers. Default: none.
    ///
    /// The list has addresses (`192.0.2.1`), networks (`10.0.0.0/8`, `2001:db8::/32`), and `unix` for the peers of a
    /// Unix socket, which have no address. These peers must send a valid header within
    /// [`Timeouts::handshake`](crate::Timeouts::handshake); otherwise the connection ends without a response. From all
    /// other peers no header is accepted.
    ///
    /// [`Request::client_ip`](crate::Request::client_ip) returns the address. It is `None` if the header names no IPv4 or
    /// IPv6 address (`UNKNOWN`), and that of the proxy if the proxy itself is the client (`LOCAL`, for health checks).
    /// [`max_per_address`](Server::max_per_address) counts the client when the header has arrived, before TLS and the
    /// request.
    ///
    /// **List only addresses that no other program uses**: any program that connects from there can claim any address.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is neither an address nor a
    /// network.
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
    /// let mut response = String::new();
    /// proxy.read_to_string(&mut response).unwrap();
    /// assert!(response.ends_with("Some(192.0.2.1)"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn trust_proxy_protocol<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Server> {
        self.config.trusted_proxies.proxy_protocol = Some(TrustedAddresses::parse(proxies)?);
        Ok(self)
    }

    /// Reads the client's address from the header `Forwarded` (RFC 7239) that these proxies write. Default: none.
    ///
    /// The list has the form of [`trust_proxy_protocol`](Server::trust_proxy_protocol). The header is read from its
    /// end, where the nearest proxy writes, and only as long as each address is in the list: clients can forge the
    /// entries further left. If an entry of a trusted proxy has no address (`unknown`, `_hidden`) or the header cannot be
    /// read, the client is unknown: [`Request::client_ip`](crate::Request::client_ip) is `None`, and never the address of
    /// the proxy. Without a header it is the address of the peer.
    ///
    /// A proxy that writes one header forwards the other unchanged from the client. So this and
    /// [`trust_x_forwarded_for`](Server::trust_x_forwarded_for) exclude each other: the last call applies.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is neither an address nor a
    /// network.
    pub fn trust_forwarded<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Server> {
        self.config.trusted_proxies.header = Some((ForwardedHeader::Forwarded, TrustedAddresses::parse(proxies)?));
        Ok(self)
    }

    /// Reads the client's address from the older header `X-Forwarded-For`, like
    /// [`trust_forwarded`](Server::trust_forwarded). Each proxy appends the address of its peer to it; nginx with
    /// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for`.
    ///
    /// # Errors
    /// [`UsageError::TrustedProxy`](crate::UsageError::TrustedProxy) for an entry that is neither an address nor a
    /// network.
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
