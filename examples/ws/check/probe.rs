//! Further requests after a rejection. Each differs from the first in one thing, and so shows whether that is the cause.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;
use stdws::{Client, Error};

use super::cause::Probes;
use crate::args::Args;

/// Maximum number of bytes read of the response to a request without `Upgrade`.
const STATUS_LINE: usize = 1024;

pub(super) fn probe(error: &Error, client: &Client, uri: &Uri, limit: Duration, args: &Args) -> Probes {
    let sent_host = args.value("--host-header").ok().flatten().map_or_else(|| uri.host_header(), str::to_owned);
    let mut probes = Probes { sent_origin: args.has("--origin"), sent_host, ..Probes::default() };
    let Error::Handshake(rejection) = error else { return probes };
    // Neither credentials, nor other URLs, nor servers that are overloaded: those say themselves what is wrong.
    if !matches!(rejection.status(), Some(200 | 400 | 403 | 404 | 405 | 421 | 426)) {
        return probes;
    }
    let origin = format!("{}://{}", if uri.is_secure() { "https" } else { "http" }, uri.host_header());
    if let Ok(Ok(mut ws)) = client.clone().origin(&origin).map(|client| client.connect()) {
        let _ = ws.close(1000, "");
        probes.opens_with_origin = Some(origin);
        return probes;
    }
    // With TLS or a proxy the library would be needed, which always sends `Upgrade`.
    if !uri.is_secure() && !args.has("--proxy") {
        probes.plain_status =
            plain_status(uri, &probes.sent_host, Instant::now() + limit.min(Duration::from_secs(3600)));
    }
    probes
}

/// The status of a request that asks for no WebSocket. It has no credentials and no other headers of the flags.
fn plain_status(uri: &Uri, host: &str, deadline: Instant) -> Option<u16> {
    let left = || deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    let name = uri.zone().map_or(uri.host().to_owned(), |zone| format!("{}%{zone}", uri.host()));
    let mut addresses = (name.as_str(), uri.port()).to_socket_addrs().ok()?;
    let mut tcp = addresses.find_map(|address| TcpStream::connect_timeout(&address, left()?).ok())?;
    tcp.set_write_timeout(Some(left()?)).ok()?;
    let resource = uri.resource();
    tcp.write_all(format!("GET {resource} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut head = Vec::new();
    while head.len() < STATUS_LINE && !head.contains(&b'\n') {
        tcp.set_read_timeout(Some(left()?)).ok()?;
        let mut block = [0; 256];
        match tcp.read(&mut block).ok()? {
            0 => break,
            count => head.extend_from_slice(block.get(..count)?),
        }
    }
    let line = String::from_utf8_lossy(&head);
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()
}
