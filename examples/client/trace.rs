//! `--trace`: a connection over a stream that explains the bytes on it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use stdws::explain::Explainer;
use stdws::{Client, SplitStream, WebSocket};

use super::settings::Settings;

/// Connects over a stream that records the bytes on it.
pub(super) fn connect(client: &Client, settings: &Settings) -> Result<WebSocket, Box<dyn Error>> {
    // Bytes on TLS are not shown. Without TLS in the build, the error names the feature.
    let Some(address) = address(&settings.url) else { return Ok(client.connect()?) };
    let tcp = open(&address, settings.timeout)?;
    tcp.set_nodelay(true)?;
    let (reader, writer) = (tcp.try_clone()?, tcp.try_clone()?);
    let (client_side, server_side) = explainers(settings);
    let reader = TracedStream { tcp: reader, explainer: server_side };
    let writer = TracedStream { tcp: writer, explainer: client_side };
    let halves = SplitStream::new(reader, writer).on_end(move || drop(tcp.shutdown(Shutdown::Both)));
    Ok(client.connect_over(halves)?)
}

/// The bytes that the client sends, and those that the server sends.
fn explainers(settings: &Settings) -> (Explainer, Explainer) {
    #[cfg(feature = "legacy")]
    if let Some(version) = settings.version.as_deref().and_then(stdws::Version::from_name) {
        return Explainer::pair(version);
    }
    let _ = settings;
    (Explainer::client(), Explainer::server())
}

fn open(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let start = Instant::now();
    let mut error = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(tcp) => return Ok(tcp),
            Err(failed) => error = failed,
        }
    }
    Err(io::Error::new(error.kind(), format!("no connection to {address}: {error}")))
}

/// Host and port of a ws URL that `Client` has accepted.
fn address(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?.trim_end_matches(':');
    // The colons of an IPv6 address are before its closing bracket.
    let has_port = host.rsplit(']').next()?.contains(':');
    scheme.eq_ignore_ascii_case("ws").then(|| if has_port { host.to_owned() } else { format!("{host}:80") })
}

/// One direction of a connection, and its explainer.
struct TracedStream {
    tcp: TcpStream,
    explainer: Explainer,
}

impl Read for TracedStream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.tcp.read(to)?;
        eprint!("{}", self.explainer.feed(&to[..count]));
        Ok(count)
    }
}

impl Write for TracedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before its answer can arrive.
        eprint!("{}", self.explainer.feed(bytes));
        self.tcp.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
