//! Opens a TCP connection under one deadline: resolves the name, then tries its addresses in order. Knows no protocol.
//!
//! ```text
//! for each address:   ConnectGuard::acquire -> TCP -> [caller: TLS, opening handshake] -> ConnectGuard dropped
//! to a proxy:                                  TCP
//! ```
//!
//! A proxy is not the peer whose connection attempts are limited, so connecting to it needs no guard.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::thread;

use super::connect_guard::{ConnectGuard, ConnectTarget};
use super::deadline::Deadline;
use crate::error::{ConnectAttempt, ConnectError, Error, Step};

/// Opens a TCP connection to the first address of the host that answers. The caller keeps the guard until the opening
/// handshake has ended.
///
/// Addresses are tried in the order of the resolver. Each has an equal share of the time that is left. When none answers, the
/// error contains the cause for each. It is `Timeout(Step::ConnectQueue)` if no attempt began.
pub(crate) fn connect(host: &str, port: u16, deadline: Deadline) -> Result<(TcpStream, ConnectGuard), Error> {
    let addresses = resolve(host, port, deadline)?;
    let host = DialTarget { host_port: host_port(host, port), is_proxy: false };
    connect_any(host, &addresses, deadline, acquire_guard, open)
}

/// Opens a TCP connection to a proxy, without a guard. An error names the host as a proxy.
#[cfg(feature = "proxy")]
pub(crate) fn connect_to_proxy(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream, Error> {
    let addresses = resolve(host, port, deadline)?;
    let host = DialTarget { host_port: host_port(host, port), is_proxy: true };
    connect_any(host, &addresses, deadline, |_, _| Some(()), open).map(|(stream, ())| stream)
}

/// Formats `host:port`, with an IPv6 address in brackets.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// 6455-4.1-5, 6455-4.1-6, 6455-4.1-7
fn acquire_guard(address: SocketAddr, deadline: Deadline) -> Option<ConnectGuard> {
    ConnectGuard::acquire(ConnectTarget::Address(address), deadline)
}

/// The host of a connection attempt, for its error.
struct DialTarget {
    host_port: String,
    is_proxy: bool,
}

/// Turns a host name, or an IP address without brackets, into addresses.
pub(crate) fn resolve(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = host.to_owned();
    resolve_on_thread(deadline, move || match (host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        // The error of the system lacks the name, and there may be two: the server's and the proxy's.
        Err(error) => Err(io::Error::new(error.kind(), format!("{host}: {error}"))),
    })
}

/// Runs a lookup on a thread, because `std` cannot bound it. After a missed deadline the thread stays until the system's
/// resolver returns.
fn resolve_on_thread(
    deadline: Deadline,
    lookup: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> Result<Vec<SocketAddr>, Error> {
    if deadline.is_expired() {
        return Err(Error::Timeout(Step::Resolve));
    }
    let (sender, receiver) = mpsc::channel();
    let helper = thread::Builder::new().name("stdws-resolve".into());
    // After a missed deadline nothing receives the result.
    helper.spawn(move || drop(sender.send(lookup()))).map_err(|e| Error::io(Step::Thread, e))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(Error::io(Step::Resolve, error)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(Step::Resolve)),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::io(Step::Resolve, io::Error::other("the thread of the resolver ended without a result")))
        }
    }
}

/// Tries the addresses in order. `open` makes the system calls, so that tests can replace it.
fn connect_any<G>(
    host: DialTarget,
    addresses: &[SocketAddr],
    deadline: Deadline,
    acquire_guard: impl Fn(SocketAddr, Deadline) -> Option<G>,
    mut open: impl FnMut(SocketAddr, Deadline) -> io::Result<TcpStream>,
) -> Result<(TcpStream, G), Error> {
    let mut attempts = Vec::new();
    let mut attempted = false;
    for (&address, attempts_left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = Deadline::after(deadline.remaining() / u32::try_from(attempts_left).unwrap_or(u32::MAX));
        let result = match acquire_guard(address, share) {
            Some(guard) => {
                attempted = true;
                open(address, share).map(|stream| (stream, guard))
            }
            None => Err(io::Error::new(
                ErrorKind::TimedOut,
                "another attempt to connect to this address was still pending at the deadline",
            )),
        };
        match result {
            Ok(connected) => return Ok(connected),
            Err(error) => attempts.push(ConnectAttempt { address, error: Arc::new(error) }),
        }
    }
    if !attempted && !attempts.is_empty() {
        return Err(Error::Timeout(Step::ConnectQueue));
    }
    Err(Error::Connect(ConnectError { host: host.host_port, is_proxy: host.is_proxy, attempts }))
}

/// Makes one attempt at one address.
fn open(address: SocketAddr, deadline: Deadline) -> io::Result<TcpStream> {
    loop {
        // `connect_timeout` rejects a timeout of zero as an invalid argument.
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "no time was left for this address"));
        }
        match TcpStream::connect_timeout(&address, left) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(900);

    /// Fails the test instead of hanging.
    fn within<T: Send + 'static>(seconds: u64, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || drop(sender.send(work())));
        receiver.recv_timeout(Duration::from_secs(seconds)).expect("no result in time, or a panic above")
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address without a listener. It is the near end of a connection, so nothing can listen there while the other returned
    /// value lives.
    fn closed_port() -> (impl Drop, SocketAddr) {
        let (listener, address) = listener();
        let stream = TcpStream::connect(address).unwrap();
        let near_end = stream.local_addr().unwrap();
        (vec![(listener, stream)], near_end)
    }

    fn server() -> DialTarget {
        DialTarget { host_port: "h:1".into(), is_proxy: false }
    }

    fn attempts(result: Result<(TcpStream, ConnectGuard), Error>) -> Vec<(SocketAddr, ErrorKind)> {
        match result {
            Err(Error::Connect(e)) => e.attempts().iter().map(|a| (a.address(), a.error().kind())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn connects_at_once_with_any_deadline() {
        let (listener, address) = listener();
        for limit in [LONG, Duration::MAX] {
            let (stream, _pending) = connect("127.0.0.1", address.port(), Deadline::after(limit)).unwrap();
            assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
        }
    }

    /// 6455-4.1-13: a connection that cannot be opened is an error with its cause.
    #[test]
    fn a_refused_port_is_reported_with_its_cause() {
        let (_held, address) = closed_port();
        let result = connect("127.0.0.1", address.port(), Deadline::after(LONG));
        let shown = result.as_ref().map(|_| ()).unwrap_err().to_string();
        assert!(shown.starts_with(&format!("no connection to {address}: {address}: ")), "{shown}");
        assert_eq!(attempts(result), [(address, ErrorKind::ConnectionRefused)]);
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn a_proxy_needs_no_guard_and_is_named_as_one() {
        let (_listener, address) = listener();
        let _first = connect("127.0.0.1", address.port(), Deadline::after(LONG)).unwrap();
        connect_to_proxy("127.0.0.1", address.port(), Deadline::after(LONG)).unwrap();
        let (_held, address) = closed_port();
        let error = connect_to_proxy("127.0.0.1", address.port(), Deadline::after(LONG)).unwrap_err();
        assert!(matches!(&error, Error::Connect(e) if e.is_proxy()), "{error:?}");
        assert!(
            error.to_string().starts_with(&format!("no connection to the proxy {address}: {address}: ")),
            "{error}"
        );
    }

    #[test]
    fn the_second_address_is_tried_after_the_first_refused() {
        let (_held, closed) = closed_port();
        let (_listener, good) = listener();
        let (stream, guard) =
            connect_any(server(), &[closed, good], Deadline::after(LONG), acquire_guard, open).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(acquire_guard(good, Deadline::after(Duration::ZERO)).is_none(), "the guard is not held");
        // The guard of the one that failed is released.
        assert!(acquire_guard(closed, Deadline::after(Duration::ZERO)).is_some());
        drop(guard);
    }

    #[test]
    fn each_address_has_an_equal_share_of_the_time_left_and_each_cause_is_kept() {
        let addresses: Vec<SocketAddr> = (1..=3).map(|i| SocketAddr::from(([192, 0, 2, i], 1))).collect();
        let mut shares = Vec::new();
        let result = connect_any(server(), &addresses, Deadline::after(LONG), acquire_guard, |address, share| {
            shares.push(share.remaining().as_secs_f64() / LONG.as_secs_f64());
            let kinds = [ErrorKind::ConnectionRefused, ErrorKind::PermissionDenied, ErrorKind::AddrNotAvailable];
            Err(kinds[addresses.iter().position(|a| *a == address).unwrap()].into())
        });
        for (share, expected) in shares.into_iter().zip([1.0 / 3.0, 1.0 / 2.0, 1.0]) {
            assert!((expected - 0.05..=expected).contains(&share), "{share} instead of {expected}");
        }
        assert_eq!(
            attempts(result),
            [
                (addresses[0], ErrorKind::ConnectionRefused),
                (addresses[1], ErrorKind::PermissionDenied),
                (addresses[2], ErrorKind::AddrNotAvailable)
            ]
        );
    }

    #[test]
    fn after_the_deadline_each_address_is_listed_as_timed_out() {
        let (listener, address) = listener();
        let addresses = [address, SocketAddr::from(([192, 0, 2, 9], 1))];
        let result = connect_any(server(), &addresses, Deadline::after(Duration::ZERO), acquire_guard, open);
        assert!(result.as_ref().is_err_and(Error::is_timeout));
        assert_eq!(attempts(result), addresses.map(|a| (a, ErrorKind::TimedOut)));
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "an attempt was made");
    }

    #[test]
    fn a_name_without_addresses_is_an_error_without_attempts() {
        assert_eq!(attempts(connect_any(server(), &[], Deadline::after(LONG), acquire_guard, open)), []);
    }

    /// 6455-4.1-5: an attempt waits for the one before it.
    #[test]
    fn an_attempt_that_stays_queued_times_out() {
        let (_listener, address) = listener();
        let deadline = |milliseconds| Deadline::after(Duration::from_millis(milliseconds));
        let first = connect("127.0.0.1", address.port(), Deadline::after(LONG)).unwrap();
        for limit in [0, 30] {
            let second = within(60, move || connect("127.0.0.1", address.port(), deadline(limit)));
            assert!(matches!(second, Err(Error::Timeout(Step::ConnectQueue))), "{second:?}");
        }
        // Another port is another peer; and one address that was tried is a cause to report.
        let (_held, closed) = closed_port();
        let both = connect_any(server(), &[address, closed], deadline(4000), acquire_guard, open);
        assert_eq!(attempts(both), [(address, ErrorKind::TimedOut), (closed, ErrorKind::ConnectionRefused)]);
        // The queue is free as soon as the guard is dropped, even if the connection stays open.
        let (_stream, guard) = first;
        drop(guard);
        assert!(connect("127.0.0.1", address.port(), Deadline::after(LONG)).is_ok());
    }

    /// 6455-4.1-6, 6455-4.1-7: one after another, and every attempt is made.
    #[test]
    fn attempts_to_one_address_are_made_one_after_another() {
        let (listener, real) = listener();
        let address = SocketAddr::from(([192, 0, 2, 77], 1));
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let inside = Arc::clone(&inside);
                thread::spawn(move || {
                    let enter = |_, _| {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two attempts at a time");
                        TcpStream::connect(real)
                    };
                    let opened = connect_any(
                        server(),
                        &[address],
                        Deadline::after(Duration::from_secs(30)),
                        acquire_guard,
                        enter,
                    );
                    // Lets the other threads run.
                    (0..1000).for_each(|_| thread::yield_now());
                    inside.fetch_sub(1, Ordering::SeqCst);
                    opened.map(|(_, guard)| drop(guard))
                })
            })
            .collect();
        within(60, move || threads.into_iter().for_each(|t| t.join().unwrap().unwrap()));
        drop(listener);
    }

    #[test]
    fn ip_literals_need_no_resolver() {
        let past = Deadline::after(Duration::ZERO);
        assert_eq!(resolve("127.0.0.1", 81, past).unwrap(), [SocketAddr::from(([127, 0, 0, 1], 81))]);
        assert_eq!(resolve("::1", 82, past).unwrap(), ["[::1]:82".parse().unwrap()]);
        assert_eq!(resolve("::ffff:127.0.0.1", 83, past).unwrap(), ["[::ffff:127.0.0.1]:83".parse().unwrap()]);
    }

    #[test]
    fn names_are_resolved() {
        let found = within(60, || resolve("localhost", 84, Deadline::after(LONG))).unwrap();
        assert!(!found.is_empty() && found.iter().all(|a| a.ip().is_loopback() && a.port() == 84), "{found:?}");
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_error_in_time() {
        let result = within(60, || connect("does-not-exist.invalid", 80, Deadline::after(Duration::from_secs(10))));
        match result {
            Err(Error::Io(e)) => {
                assert_eq!(e.step(), Step::Resolve);
                assert!(e.to_string().contains("does-not-exist.invalid: "), "{e}");
            }
            Err(Error::Connect(e)) => assert!(e.attempts().is_empty()),
            // Without a network, the resolver may take longer than the deadline.
            Err(Error::Timeout(step)) => assert_eq!(step, Step::Resolve),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_resolver_that_hangs_does_not_delay_the_caller() {
        let (release, hang) = mpsc::channel::<()>();
        let lookup = move || {
            let _ = hang.recv();
            Ok(Vec::new())
        };
        let result = within(60, || resolve_on_thread(Deadline::after(Duration::from_millis(20)), lookup));
        assert!(matches!(result, Err(Error::Timeout(Step::Resolve))), "{result:?}");
        drop(release);
        let result = resolve_on_thread(Deadline::after(LONG), || panic!("on purpose"));
        assert!(matches!(&result, Err(Error::Io(e)) if e.step() == Step::Resolve), "{result:?}");
        let (ran, has_run) = mpsc::channel();
        let lookup = move || ran.send(()).map(|()| Vec::new()).map_err(io::Error::other);
        let result = resolve_on_thread(Deadline::after(Duration::ZERO), lookup);
        assert!(matches!(result, Err(Error::Timeout(Step::Resolve))), "{result:?}");
        assert!(has_run.recv().is_err(), "a lookup was started although no time was left");
    }
}
