//! The name and each address: which of them accept a TCP connection. Each is closed again at once.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;

use super::cause::Check;
use super::report::{Report, Verdict};
use crate::args::Failure;
use crate::terminal::Waiting;

/// Maximum number of addresses that are tried.
const ADDRESSES: usize = 16;

/// The check that failed, if one did.
pub(super) fn check(uri: &Uri, limit: Duration, report: &Report) -> Result<Option<Check>, Failure> {
    let start = Instant::now();
    let waiting = Waiting::start("check", "resolving the name".to_owned());
    let found = resolve(uri, limit);
    drop(waiting);
    let addresses = match found {
        Ok(addresses) if !addresses.is_empty() => addresses,
        found => {
            let problem = found.err().map_or("it has no address".to_owned(), |error| error.to_string());
            let causes = ["the name is misspelt, or this machine has no resolver that knows it".to_owned()];
            report.row(Verdict::Fail, Check::Name.name(), &format!("{}: {problem}", uri.host()), &causes)?;
            return Ok(Some(Check::Name));
        }
    };
    if uri.host().parse::<IpAddr>().is_ok() {
        report.ok(Check::Name.name(), "none: the URL has an address")?;
    } else {
        let list = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
        report
            .ok(Check::Name.name(), &format!("{} is {list}, after {}", uri.host(), super::millis(start.elapsed())))?;
    }
    reach(&addresses, limit, report)
}

/// `std` cannot bound a lookup, so it has a thread of its own.
fn resolve(uri: &Uri, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = (uri.host().to_owned(), uri.port());
    if let (Ok(ip), None) = (host.parse::<IpAddr>(), uri.zone()) {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = uri.zone().map_or(host.clone(), |zone| format!("{host}%{zone}"));
    let (sender, found) = mpsc::channel();
    thread::spawn(move || sender.send((host.as_str(), port).to_socket_addrs().map(|found| found.collect::<Vec<_>>())));
    let mut addresses = found.recv_timeout(limit).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let mut seen = Vec::new();
    addresses.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    addresses.truncate(ADDRESSES);
    Ok(addresses)
}

/// Tries all addresses at the same time, and reports them in their order.
fn reach(addresses: &[SocketAddr], limit: Duration, report: &Report) -> Result<Option<Check>, Failure> {
    // `connect_timeout` panics for zero.
    let limit = limit.max(Duration::from_millis(1));
    let trying: Vec<_> = addresses
        .iter()
        .copied()
        .map(|address| {
            let attempt = move || {
                let start = Instant::now();
                TcpStream::connect_timeout(&address, limit).map(|_| start.elapsed())
            };
            (address, thread::spawn(attempt))
        })
        .collect();
    let waiting = Waiting::start("check", "connecting to each address".to_owned());
    let tried: Vec<_> = trying
        .into_iter()
        .map(|(address, attempt)| (address, attempt.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))))
        .collect();
    drop(waiting);
    let reached = tried.iter().any(|(_, attempt)| attempt.is_ok());
    let last = tried.len().saturating_sub(1);
    for (n, (address, attempt)) in tried.iter().enumerate() {
        match attempt {
            Ok(took) => {
                report.ok(Check::Address.name(), &format!("{address} accepted after {}", super::millis(*took)))?
            }
            Err(error) if reached => report.note(Check::Address.name(), &format!("{address}: {error}"))?,
            Err(error) => {
                let causes = if n == last { causes(error.kind()) } else { Vec::new() };
                report.row(Verdict::Fail, Check::Address.name(), &format!("{address}: {error}"), &causes)?;
            }
        }
    }
    Ok(if reached { None } else { Some(Check::Address) })
}

fn causes(kind: io::ErrorKind) -> Vec<String> {
    let first = match kind {
        io::ErrorKind::ConnectionRefused => "nothing listens at this port, or it listens at another address",
        io::ErrorKind::TimedOut => "a firewall drops the connection, or the machine is off",
        _ => "there is no route to this address, or a firewall refuses the connection",
    };
    vec![first.to_owned(), "if the network has a proxy, --proxy env or --proxy URL uses it".to_owned()]
}
