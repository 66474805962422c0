//! The side of a bridge without WebSocket: a TCP connection, on request with TLS. One thread reads while another writes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;

use crate::args::{Args, Failure};

#[cfg(feature = "native-tls")]
use super::tls;

pub(crate) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "native-tls")]
    Tls(Box<tls::Tls>),
}

impl Stream {
    /// A connection without TLS.
    pub(crate) fn plain(tcp: TcpStream, stall: Duration) -> io::Result<Stream> {
        prepare(&tcp, stall)?;
        Ok(Stream::Plain(tcp))
    }

    /// Returns 0 at the end.
    pub(crate) fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Stream::Plain(tcp) => (&mut &*tcp).read(to),
                #[cfg(feature = "native-tls")]
                Stream::Tls(tls) => tls.read(to),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writes all of it. Each system call has the time of `--stall`.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => (&mut &*tcp).write_all(bytes),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    /// Ends the direction to the peer. A peer that has gone has ended both.
    pub(crate) fn end(&self) {
        match self {
            Stream::Plain(tcp) => drop(tcp.shutdown(Shutdown::Write)),
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => tls.end(),
        }
    }

    /// The socket, for its addresses and timeouts.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            #[cfg(feature = "native-tls")]
            Stream::Tls(tls) => &tls.tcp,
        }
    }

    /// Ends both directions. A read that waits returns.
    pub(crate) fn shutdown(&self) {
        let _ = self.socket().shutdown(Shutdown::Both);
    }
}

/// Connects to targets.
pub(crate) struct Connector {
    #[cfg(feature = "native-tls")]
    tls: native_tls::TlsConnector,
}

impl Connector {
    #[cfg(feature = "native-tls")]
    pub(crate) fn new(args: &Args) -> Result<Connector, Failure> {
        Ok(Connector { tls: tls::connector(args)? })
    }

    #[cfg(not(feature = "native-tls"))]
    pub(crate) fn new(_: &Args) -> Result<Connector, Failure> {
        Ok(Connector {})
    }

    /// Connects within `limit`.
    pub(crate) fn connect(&self, target: &str, limit: Duration, stall: Duration) -> io::Result<Stream> {
        let (is_tls, address) = target.strip_prefix("tls://").map_or((false, target), |address| (true, address));
        let start = Instant::now();
        let mut error = io::Error::other("the name has no address");
        for addr in address.to_socket_addrs()? {
            let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&addr, left) {
                Ok(tcp) => return self.prepare(tcp, address, is_tls, (left, stall)),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    fn prepare(
        &self,
        tcp: TcpStream,
        address: &str,
        is_tls: bool,
        (limit, stall): (Duration, Duration),
    ) -> io::Result<Stream> {
        prepare(&tcp, stall)?;
        if !is_tls {
            return Ok(Stream::Plain(tcp));
        }
        #[cfg(feature = "native-tls")]
        {
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
            tls::Tls::connect(tcp, limit, &self.tls, host).map(|tls| Stream::Tls(Box::new(tls)))
        }
        #[cfg(not(feature = "native-tls"))]
        {
            let _ = (address, limit);
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// The target that a URL names, as [`Connector::connect`] needs it.
pub(crate) fn target(uri: &Uri) -> Result<String, Failure> {
    let host = match (uri.host().contains(':'), uri.zone()) {
        (true, Some(zone)) => format!("[{}%{zone}]", uri.host()),
        (true, None) => format!("[{}]", uri.host()),
        (false, _) => uri.host().to_owned(),
    };
    let address = format!("{host}:{}", uri.port());
    match uri.is_secure() {
        true if cfg!(not(feature = "native-tls")) => {
            Err(Failure::usage("wss:// needs a build with --features native-tls"))
        }
        true => Ok(format!("tls://{address}")),
        false => Ok(address),
    }
}

/// Accepts TCP connections, with TLS if there is a certificate.
pub(crate) struct Acceptor {
    #[cfg(feature = "native-tls")]
    tls: Option<native_tls::TlsAcceptor>,
}

impl Acceptor {
    #[cfg(feature = "native-tls")]
    pub(crate) fn new(args: &Args) -> Result<Acceptor, Failure> {
        Ok(Acceptor { tls: tls::acceptor(args)? })
    }

    #[cfg(not(feature = "native-tls"))]
    pub(crate) fn new(args: &Args) -> Result<Acceptor, Failure> {
        match args.has("--tls") {
            true => Err(Failure::usage("--tls needs a build with --features native-tls")),
            false => Ok(Acceptor {}),
        }
    }

    pub(crate) fn accept(&self, tcp: TcpStream, limit: Duration, stall: Duration) -> io::Result<Stream> {
        prepare(&tcp, stall)?;
        #[cfg(feature = "native-tls")]
        if let Some(acceptor) = &self.tls {
            return tls::Tls::accept(tcp, limit, acceptor).map(|tls| Stream::Tls(Box::new(tls)));
        }
        let _ = limit;
        Ok(Stream::Plain(tcp))
    }
}

fn prepare(tcp: &TcpStream, stall: Duration) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_write_timeout(Some(stall))
}
