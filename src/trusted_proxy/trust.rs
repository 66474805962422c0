//! The client's address of a request that came through proxies: which of their statements is trusted.
//!
//! Knows the proxies that the application trusts. `proxy_protocol` and `forwarded` know the syntax. A statement is
//! trusted only if its author's address is trusted, hop by hop:
//!
//! | the peer | and | the client |
//! |---|---|---|
//! | not trusted | | the peer, whatever the request contains |
//! | trusted for the PROXY protocol | a valid header | the address in it; unknown if it has none; the peer if it is LOCAL |
//! | | no valid header | none: the connection ends |
//! | trusted for a header, or a proxy named as above and trusted for it | the last entry | the address in it |
//! | | ... whose address is trusted as well | the address in the entry before it, and so on |
//! | | ... and there is no header, or no further entry | the last address that was found |
//! | | an entry without an address, or one that cannot be read | unknown |
//!
//! An unknown client has no address for the application: the address of a trusted proxy could have more rights than an
//! unknown client. It counts for [`Server::max_per_address`](crate::Server::max_per_address) under the last address
//! that was found, so that a header that cannot be read does not evade that limit.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::forwarded;
use super::forwarded::ForwardedFor;
use super::proxy_protocol;
use super::proxy_protocol::{Progress, Source};
use crate::error::{
    Error, HandshakeError, HandshakeErrorKind, ProxyHeaderErrorKind, RequestErrorKind, Result, Step, UsageError,
};
use crate::handshake::http::Head;
use crate::net::ip_network::IpNetwork;

/// The trusted proxies of a server, by what they are trusted for.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies {
    pub(crate) proxy_protocol: Option<TrustedAddresses>,
    pub(crate) header: Option<(ForwardedHeader, TrustedAddresses)>,
}

/// The header that the trusted proxies write. Never both: a proxy that writes one forwards the other unchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ForwardedHeader {
    Forwarded,
    XForwardedFor,
}

/// The client of a connection, as far as its peer and trusted proxies have named it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TracedClient {
    origin: ClientOrigin,
    /// The last address that was found.
    last_address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientOrigin {
    Address(IpAddr),
    /// A peer without an address: of a Unix socket, or on a caller-supplied stream.
    Unaddressed,
    /// A trusted proxy named no address, or none that can be read.
    Unknown,
}

impl TracedClient {
    /// The peer itself, before any proxy has named a client.
    pub(crate) fn peer(peer: Option<SocketAddr>) -> TracedClient {
        let address = peer.map(|peer| peer.ip().to_canonical());
        TracedClient { origin: address.map_or(ClientOrigin::Unaddressed, ClientOrigin::Address), last_address: address }
    }

    /// The client that a trusted proxy has named.
    fn named(self, address: Option<IpAddr>) -> TracedClient {
        match address.map(|address| address.to_canonical()) {
            Some(address) => TracedClient { origin: ClientOrigin::Address(address), last_address: Some(address) },
            None => TracedClient { origin: ClientOrigin::Unknown, ..self },
        }
    }

    /// The address, if it is known.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self.origin {
            ClientOrigin::Address(address) => Some(address),
            ClientOrigin::Unaddressed | ClientOrigin::Unknown => None,
        }
    }

    /// The address under which the client counts.
    pub(crate) fn limit_key(self) -> Option<IpAddr> {
        self.last_address
    }
}

/// A list of trusted addresses.
#[derive(Debug)]
pub(crate) struct TrustedAddresses {
    networks: Vec<IpNetwork>,
    /// Includes peers without an address.
    unix: bool,
}

impl TrustedAddresses {
    pub(crate) fn parse<S: AsRef<str>>(list: impl IntoIterator<Item = S>) -> Result<TrustedAddresses, UsageError> {
        let mut trusted = TrustedAddresses { networks: Vec::new(), unix: false };
        for entry in list {
            match entry.as_ref() {
                "unix" => trusted.unix = true,
                entry => {
                    trusted
                        .networks
                        .push(IpNetwork::parse(entry).ok_or_else(|| UsageError::TrustedProxy(entry.to_owned()))?);
                }
            }
        }
        Ok(trusted)
    }

    fn covers(&self, client: TracedClient) -> bool {
        match client.origin {
            ClientOrigin::Address(address) => self.networks.iter().any(|network| network.contains(address)),
            ClientOrigin::Unaddressed => self.unix,
            ClientOrigin::Unknown => false,
        }
    }
}

impl TrustedProxies {
    /// Whether this peer must send a PROXY protocol header.
    pub(crate) fn requires_proxy_header(&self, peer: Option<SocketAddr>) -> bool {
        self.proxy_protocol.as_ref().is_some_and(|trusted| trusted.covers(TracedClient::peer(peer)))
    }

    /// Whether this peer may name another address as the client.
    pub(crate) fn is_trusted(&self, peer: Option<SocketAddr>) -> bool {
        self.trusts_header_of(TracedClient::peer(peer)) || self.requires_proxy_header(peer)
    }

    /// Whether the header of a request can name another client than this one.
    pub(crate) fn trusts_header_of(&self, client: TracedClient) -> bool {
        self.header.as_ref().is_some_and(|(_, trusted)| trusted.covers(client))
    }

    /// The client of a request. `client`: the peer, or the one in its PROXY protocol header.
    pub(crate) fn trace(&self, client: TracedClient, head: &Head) -> TracedClient {
        match &self.header {
            None => client,
            Some((ForwardedHeader::Forwarded, trusted)) => {
                trusted.follow(client, forwarded::forwarded(head.get_all("Forwarded")))
            }
            Some((ForwardedHeader::XForwardedFor, trusted)) => {
                trusted.follow(client, forwarded::x_forwarded_for(head.get_all("X-Forwarded-For")))
            }
        }
    }
}

impl TrustedAddresses {
    /// Goes from the last entry of a header to the first, as long as the client found so far is trusted.
    fn follow(&self, mut client: TracedClient, entries: impl Iterator<Item = ForwardedFor>) -> TracedClient {
        for entry in entries {
            if !self.covers(client) {
                break;
            }
            client = client.named(entry);
        }
        client
    }
}

/// Reads a PROXY protocol header of `peer`, and no byte behind it. `read` returns some bytes, or `TimedOut` at its deadline.
pub(crate) fn read_proxy_header(
    peer: TracedClient,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> Result<TracedClient> {
    let rejected =
        |kind| Error::Handshake(HandshakeError::new(HandshakeErrorKind::Request(RequestErrorKind::ProxyHeader(kind))));
    let mut bytes = Vec::new();
    loop {
        let wanted = match proxy_protocol::parse(&bytes).map_err(rejected)? {
            Progress::Done(Source::Proxy) => return Ok(peer),
            Progress::Done(Source::Unknown) => return Ok(peer.named(None)),
            Progress::Done(Source::Address(address, _)) => return Ok(peer.named(Some(address))),
            Progress::More(count) => count,
        };
        // A line is read byte by byte. The longest header has 4 KiB.
        let mut part = [0; 256];
        let count = wanted.min(part.len());
        let part = part.get_mut(..count).unwrap_or_default();
        match read(part).map_err(|error| Error::io_by_deadline(Step::Handshake, error))? {
            0 => return Err(rejected(ProxyHeaderErrorKind::UnexpectedEof)),
            count => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    fn ip(text: &str) -> Option<IpAddr> {
        (text != "-").then(|| text.parse().unwrap())
    }

    fn peer(text: &str) -> TracedClient {
        TracedClient::peer(ip(text).map(|ip| SocketAddr::new(ip, 80)))
    }

    fn head(lines: &str) -> Head {
        let mut parser = HeadParser::request();
        parser.feed(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
        parser.finish().unwrap()
    }

    #[test]
    fn the_chain_is_followed_through_trusted_proxies_only() {
        let (x, f) = (ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded);
        // Trusted header, trusted addresses, address of the peer, header lines, expected client.
        let rows: [(ForwardedHeader, &[&str], &str, &str, &str); 25] = [
            (x, &[], "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1"),
            (x, &["10.0.0.2"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1"),
            (x, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            (x, &["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"),
            // The client can forge entries further left.
            (x, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n", "192.0.2.1"),
            (x, &["10.0.0.0/8"], "10.0.0.1", "X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.9.9.9\r\n", "192.0.2.1"),
            (
                x,
                &["10.0.0.0/8"],
                "10.0.0.1",
                "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 192.0.2.1\r\n",
                "192.0.2.1",
            ),
            (x, &["10.0.0.0/8"], "10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
            (x, &["10.0.0.0/8"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2\r\n", "-"),
            (x, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1, x\r\n", "-"),
            (x, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For:\r\n", "-"),
            // Only one of the headers is trusted.
            (x, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=192.0.2.1\r\n", "10.0.0.1"),
            (f, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=198.51.100.7, For=\"[2001:db8::1]:4\"\r\n", "2001:db8::1"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=192.0.2.1, for=_hidden\r\n", "-"),
            // A client sends the first part, and a proxy appends to it.
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=\"\r\n", "-"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=\", for=192.0.2.1\r\n", "-"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=\"\r\nForwarded: for=192.0.2.1\r\n", "192.0.2.1"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded:\r\n", "-"),
            // An unknown client is not a peer of a Unix socket.
            (f, &["unix"], "-", "Forwarded: for=192.0.2.1, for=unknown\r\n", "-"),
            (f, &["10.0.0.1", "::1"], "::1", "Forwarded: for=192.0.2.1;by=x, for=10.0.0.1\r\n", "192.0.2.1"),
            // IPv4 peers of a dual-stack listener.
            (x, &["10.0.0.1"], "::ffff:10.0.0.1", "X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1"),
            (x, &["10.0.0.1"], "::ffff:10.0.0.2", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.2"),
            // A peer without an address.
            (x, &["unix"], "-", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            (x, &["0.0.0.0/0", "::/0"], "-", "X-Forwarded-For: 192.0.2.1\r\n", "-"),
        ];
        for (header, trusted, from, lines, want) in rows {
            let header = Some((header, TrustedAddresses::parse(trusted).unwrap()));
            let trusted_proxies = TrustedProxies { header, ..TrustedProxies::default() };
            let client = trusted_proxies.trace(peer(from), &head(lines));
            assert_eq!(client.ip(), ip(want), "{trusted:?} {from} {lines}");
            // It counts in any case, unless nobody has an address.
            assert_eq!(client.limit_key().is_none(), from == "-" && want == "-", "{trusted:?} {from} {lines}");
        }
        let client = TrustedProxies::default().trace(peer("::1"), &head("X-Forwarded-For: 192.0.2.1\r\n"));
        assert_eq!(client.ip(), ip("::1"));
    }

    #[test]
    fn trusted_peers_must_send_the_proxy_header() {
        let trusted_proxies = |list: &[&str]| TrustedProxies {
            proxy_protocol: Some(TrustedAddresses::parse(list).unwrap()),
            ..TrustedProxies::default()
        };
        let peer = Some("[::ffff:10.0.0.1]:80".parse().unwrap());
        assert!(
            trusted_proxies(&["10.0.0.0/8"]).requires_proxy_header(peer)
                && !trusted_proxies(&["10.0.0.2"]).requires_proxy_header(peer)
        );
        assert!(
            trusted_proxies(&["unix"]).requires_proxy_header(None)
                && !trusted_proxies(&["unix"]).requires_proxy_header(peer)
        );
        assert!(
            !TrustedProxies::default().requires_proxy_header(peer)
                && !TrustedProxies::default().requires_proxy_header(None)
        );
        let untrusted = Some("192.0.2.1:80".parse().unwrap());
        for (header, proxy_protocol, trusted) in
            [(None, None, false), (Some("10.0.0.0/8"), None, true), (None, Some("10.0.0.0/8"), true)]
        {
            let list = |entry: &str| TrustedAddresses::parse([entry]).unwrap();
            let header = header.map(|entry| (ForwardedHeader::Forwarded, list(entry)));
            let proxies = TrustedProxies { header, proxy_protocol: proxy_protocol.map(list) };
            assert_eq!((proxies.is_trusted(peer), proxies.is_trusted(untrusted)), (trusted, false));
            let by_header = [peer, untrusted].map(|peer| proxies.trusts_header_of(TracedClient::peer(peer)));
            assert_eq!(by_header, [trusted && proxies.header.is_some(), false]);
        }
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.1:80", "[::1]", "Unix"] {
            assert_eq!(TrustedAddresses::parse([entry]).unwrap_err(), UsageError::TrustedProxy(entry.to_owned()));
        }
    }

    #[test]
    fn no_byte_behind_the_header_is_read() {
        let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
        let mut input = &[header.as_slice(), b"GET"].concat()[..];
        let from = peer("10.0.0.1");
        let client = read_proxy_header(from, |to| io::Read::read(&mut input, to)).unwrap();
        assert_eq!((client.ip(), input), (ip("192.0.2.1"), b"GET".as_slice()));
        // One of version 2 with extensions is read in pieces.
        let long = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x02\x58\xC0\0\x02\x01".as_slice(), &[0; 596], b"GET"].concat();
        let mut input = long.as_slice();
        let client = read_proxy_header(from, |to| io::Read::read(&mut input, to)).unwrap();
        assert_eq!((client.ip(), input), (ip("192.0.2.1"), b"GET".as_slice()));
        // The end of the stream, an error, and a timeout.
        let ended = read_proxy_header(from, |_| Ok(0)).unwrap_err();
        assert_eq!(
            ended.to_string(),
            "the opening handshake failed: the header of the PROXY protocol is invalid: the connection ended inside the header"
        );
        let failed = read_proxy_header(from, |_| Err(io::ErrorKind::ConnectionReset.into())).unwrap_err();
        assert!(matches!(failed, Error::Io(error) if error.step() == Step::Handshake));
        let late = read_proxy_header(from, |_| Err(io::ErrorKind::TimedOut.into()));
        assert!(matches!(late, Err(Error::Timeout(Step::Handshake))));
    }
}
