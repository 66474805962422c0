//! The client's address of a request that came through proxies: which of their statements is trusted.
//!
//! Knows the proxies that the application trusts. `proxy_protocol` and `forwarded` know the syntax. A statement is
//! trusted only if its author's address is trusted, hop by hop:
//!
//! | the peer | and | the client |
//! |---|---|---|
//! | not trusted | | the peer, whatever the request contains |
//! | trusted for the PROXY protocol | a valid header | the address in it; the peer if it has none |
//! | | no valid header | none: the connection ends |
//! | trusted for a header, or a proxy named as above and trusted for it | the last entry | the address in it |
//! | | ... whose address is trusted as well | the address in the entry before it, and so on |
//! | | an entry without an address, or no further entry | the last address that was found |

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::forwarded;
use super::proxy_protocol;
use super::proxy_protocol::Progress;
use crate::error::{
    Error, HandshakeError, HandshakeErrorKind, ProxyHeaderErrorKind, RequestErrorKind, Result, Step, UsageError,
};
use crate::handshake::http::Head;
use crate::net::deadline::Deadline;
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

    fn covers(&self, address: Option<IpAddr>) -> bool {
        match address {
            // A dual-stack listener sees IPv4 peers as mapped IPv6 addresses.
            Some(address) => self.networks.iter().any(|network| network.contains(address.to_canonical())),
            None => self.unix,
        }
    }
}

impl TrustedProxies {
    /// Whether this peer must send a PROXY protocol header.
    pub(crate) fn requires_proxy_header(&self, peer: Option<SocketAddr>) -> bool {
        self.proxy_protocol.as_ref().is_some_and(|trusted| trusted.covers(peer.map(|peer| peer.ip())))
    }

    /// Whether this peer may name another address as the client.
    pub(crate) fn is_trusted(&self, peer: Option<SocketAddr>) -> bool {
        let by_header = self.header.as_ref().is_some_and(|(_, trusted)| trusted.covers(peer.map(|peer| peer.ip())));
        by_header || self.requires_proxy_header(peer)
    }

    /// The client of a request. `from`: the address of the peer, or the one in its PROXY protocol header.
    pub(crate) fn client_ip(&self, from: Option<IpAddr>, head: &Head) -> Option<IpAddr> {
        let mut client = from.map(|address| address.to_canonical());
        let Some((header, trusted)) = &self.header else { return client };
        let hops = match header {
            ForwardedHeader::Forwarded => forwarded::forwarded(head.get_all("Forwarded")),
            ForwardedHeader::XForwardedFor => forwarded::x_forwarded_for(head.get_all("X-Forwarded-For")),
        };
        for hop in hops.into_iter().rev() {
            match hop {
                Some(address) if trusted.covers(client) => client = Some(address.to_canonical()),
                Some(_) | None => break,
            }
        }
        client
    }
}

/// Reads a PROXY protocol header, and no byte behind it. `read` returns some bytes, or `WouldBlock` after the given
/// time.
pub(crate) fn read_proxy_header(
    deadline: Deadline,
    mut read: impl FnMut(&mut [u8], Duration) -> io::Result<usize>,
) -> Result<Option<IpAddr>> {
    let rejected =
        |kind| Error::Handshake(HandshakeError::new(HandshakeErrorKind::Request(RequestErrorKind::ProxyHeader(kind))));
    let mut bytes = Vec::new();
    loop {
        let wanted = match proxy_protocol::parse(&bytes).map_err(rejected)? {
            Progress::Done(client) => return Ok(client.map(|(address, _)| address)),
            Progress::More(count) => count,
        };
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Error::Timeout(Step::Handshake));
        }
        // A line is read byte by byte. The longest header has 4 KiB.
        let mut part = [0; 256];
        let part = part.get_mut(..wanted.min(256)).unwrap_or_default();
        match read(part, left) {
            Ok(0) => return Err(rejected(ProxyHeaderErrorKind::UnexpectedEof)),
            Ok(count) => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            // A wait may end early. The deadline above decides.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(Error::io(Step::Handshake, error)),
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

    fn head(lines: &str) -> Head {
        let mut parser = HeadParser::request();
        parser.feed(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
        parser.finish().unwrap()
    }

    #[test]
    fn the_chain_is_followed_through_trusted_proxies_only() {
        let (x, f) = (ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded);
        // Trusted header, trusted addresses, address of the peer, header lines, expected client.
        let rows: [(ForwardedHeader, &[&str], &str, &str, &str); 19] = [
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
            (x, &["10.0.0.0/8"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2\r\n", "10.0.0.2"),
            (x, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1, x\r\n", "10.0.0.1"),
            // Only one of the headers is trusted.
            (x, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=192.0.2.1\r\n", "10.0.0.1"),
            (f, &["10.0.0.1"], "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=198.51.100.7, For=\"[2001:db8::1]:4\"\r\n", "2001:db8::1"),
            (f, &["10.0.0.1"], "10.0.0.1", "Forwarded: for=192.0.2.1, for=_hidden\r\n", "10.0.0.1"),
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
            assert_eq!(trusted_proxies.client_ip(ip(from), &head(lines)), ip(want), "{trusted:?} {from} {lines}");
        }
        assert_eq!(TrustedProxies::default().client_ip(ip("::1"), &head("X-Forwarded-For: 192.0.2.1\r\n")), ip("::1"));
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
        for entry in ["", "localhost", "10.0.0.0/33", "10.0.0.1:80", "[::1]", "Unix"] {
            assert_eq!(TrustedAddresses::parse([entry]).unwrap_err(), UsageError::TrustedProxy(entry.to_owned()));
        }
    }

    #[test]
    fn no_byte_behind_the_header_is_read() {
        let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
        let mut input = &[header.as_slice(), b"GET"].concat()[..];
        let deadline = Deadline::after(Duration::from_secs(60));
        let client = read_proxy_header(deadline, |to, _| io::Read::read(&mut input, to)).unwrap();
        assert_eq!((client, input), (ip("192.0.2.1"), b"GET".as_slice()));
        // The end of the stream, an error, and a timeout.
        let ended = read_proxy_header(deadline, |_, _| Ok(0)).unwrap_err();
        assert_eq!(
            ended.to_string(),
            "the opening handshake failed: the header of the PROXY protocol is invalid: the connection ended inside the header"
        );
        let failed = read_proxy_header(deadline, |_, _| Err(ErrorKind::ConnectionReset.into())).unwrap_err();
        assert!(matches!(failed, Error::Io(error) if error.step() == Step::Handshake));
        let late =
            read_proxy_header(Deadline::after(Duration::from_millis(5)), |_, _| Err(ErrorKind::WouldBlock.into()));
        assert!(matches!(late, Err(Error::Timeout(Step::Handshake))));
    }
}
