//! Tests of `dial`.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
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

fn endpoint(host: &str, port: u16) -> Endpoint<'_> {
    Endpoint { host, zone: None, port }
}

fn connect_to(host: &str, port: u16, deadline: Deadline) -> Result<Connected, Error> {
    connect(endpoint(host, port), &[], Queueing::OnePerPort, deadline)
}

fn attempts(result: Result<Connected, Error>) -> Vec<(SocketAddr, ErrorKind)> {
    match result {
        Err(Error::Connect(e)) => e.attempts().iter().map(|a| (a.address(), a.error().kind())).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connects_at_once_with_any_deadline() {
    let (listener, address) = listener();
    for limit in [LONG, Duration::MAX] {
        let (stream, _pending) = connect_to("127.0.0.1", address.port(), Deadline::after(limit)).unwrap();
        assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
    }
}

/// 6455-4.1-13: a connection that cannot be opened is an error with its cause.
#[test]
fn a_refused_port_is_reported_with_its_cause() {
    let (_held, address) = closed_port();
    let result = connect_to("127.0.0.1", address.port(), Deadline::after(LONG));
    let shown = result.as_ref().map(|_| ()).unwrap_err().to_string();
    // An address that is the host is shown once.
    assert!(shown.starts_with(&format!("no connection to {address}: ")), "{shown}");
    assert_eq!(shown.matches(&address.to_string()).count(), 1, "{shown}");
    assert_eq!(attempts(result), [(address, ErrorKind::ConnectionRefused)]);
}

/// The system gives a new socket one port after another, so that one of them is the one it connects to.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_is_connected_to_itself_is_refused() {
    let (_held, address) = closed_port();
    let itself = (0..500_000).find_map(|_| {
        let stream = TcpStream::connect(address).ok()?;
        (stream.local_addr().unwrap() == address).then_some(stream)
    });
    let Some(itself) = itself else {
        println!("not run: the system gave no socket its own port");
        return;
    };
    assert_eq!(refuse_itself(itself, address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[cfg(feature = "proxy")]
#[test]
fn a_proxy_needs_no_guard_and_is_named_as_one() {
    let (_listener, address) = listener();
    let _first = connect_to("127.0.0.1", address.port(), Deadline::after(LONG)).unwrap();
    connect_to_proxy(endpoint("127.0.0.1", address.port()), Deadline::after(LONG)).unwrap();
    let (_held, address) = closed_port();
    let error = connect_to_proxy(endpoint("127.0.0.1", address.port()), Deadline::after(LONG)).unwrap_err();
    assert!(matches!(&error, Error::Connect(e) if e.is_proxy()), "{error:?}");
    assert!(error.to_string().starts_with(&format!("no connection to the proxy {address}: ")), "{error}");
}

#[test]
fn ip_literals_need_no_resolver() {
    let past = Deadline::after(Duration::ZERO);
    assert_eq!(resolve(endpoint("127.0.0.1", 81), past).unwrap(), [SocketAddr::from(([127, 0, 0, 1], 81))]);
    assert_eq!(resolve(endpoint("::1", 82), past).unwrap(), ["[::1]:82".parse().unwrap()]);
    assert_eq!(resolve(endpoint("::ffff:127.0.0.1", 83), past).unwrap(), ["[::ffff:127.0.0.1]:83".parse().unwrap()]);
}

#[test]
fn names_are_resolved() {
    let found = within(60, || resolve(endpoint("localhost", 84), Deadline::after(LONG))).unwrap();
    assert!(!found.is_empty() && found.iter().all(|a| a.ip().is_loopback() && a.port() == 84), "{found:?}");
}

#[test]
fn a_name_that_does_not_exist_is_an_error_in_time() {
    let result = within(60, || connect_to("does-not-exist.invalid", 80, Deadline::after(Duration::from_secs(10))));
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

#[test]
fn the_second_address_is_attempted_after_the_first_refused() {
    let (_held, closed) = closed_port();
    // Another IP address, since the guard is for one.
    let listener = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.2:0")).unwrap();
    let good = listener.local_addr().unwrap();
    let begun = std::time::Instant::now();
    let (stream, guard) =
        connect(endpoint("h", 1), &[closed, good], Queueing::OnePerPort, Deadline::after(LONG)).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
    assert!(begun.elapsed() < LONG);
    assert!(guard.is_some());
}

/// 6455-4.1-5, 6455-4.1-6, 6455-4.1-7, hixie55-4.1-1, hybi06-5.1-1: an attempt waits for the one before it, in the drafts
/// on every port of the address.
#[test]
fn an_attempt_that_stays_queued_times_out() {
    let (first, second) = (TcpListener::bind("127.0.0.3:0"), TcpListener::bind("127.0.0.3:0"));
    let (Ok(first), Ok(second)) = (first, second) else {
        return println!("skipped: this system has no address 127.0.0.3");
    };
    let ports = [&first, &second].map(|listener| listener.local_addr().unwrap().port());
    let deadline = |milliseconds| Deadline::after(Duration::from_millis(milliseconds));
    let one_per = |queueing, port, deadline| connect(endpoint("127.0.0.3", port), &[], queueing, deadline);
    let (_stream, guard) = one_per(Queueing::OnePerPort, ports[0], Deadline::after(LONG)).unwrap();
    for (queueing, port, limit) in [
        (Queueing::OnePerPort, ports[0], 0),
        (Queueing::OnePerPort, ports[0], 30),
        (Queueing::OnePerAddress, ports[1], 30),
    ] {
        let queued = within(60, move || one_per(queueing, port, deadline(limit)));
        assert!(matches!(queued, Err(Error::Timeout(Step::ConnectQueue))), "{queued:?}");
    }
    // Since hybi-07, another port is another peer.
    assert!(one_per(Queueing::OnePerPort, ports[1], Deadline::after(LONG)).is_ok());
    // Without the queue, it does not wait.
    let free = one_per(Queueing::None, ports[0], Deadline::after(LONG));
    assert!(matches!(free, Ok((_, None))), "{free:?}");
    // The queue is free as soon as the guard is dropped, even if the connection stays open.
    drop(guard);
    assert!(one_per(Queueing::OnePerAddress, ports[1], Deadline::after(LONG)).is_ok());
}

#[test]
fn a_zone_becomes_the_scope_of_an_address() {
    let zone = |zone| Endpoint { host: "fe80::1", zone: Some(zone), port: 85 };
    let scope = |name: &'static str| within(60, move || resolve(zone(name), Deadline::after(LONG)));
    assert_eq!(scope("7").unwrap(), ["[fe80::1%7]:85".parse().unwrap()]);
    if cfg!(target_os = "linux") {
        let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let expected: SocketAddr = format!("[fe80::1%{}]:85", index.trim()).parse().unwrap();
        assert_eq!(scope("lo").unwrap(), [expected]);
    }
    let unknown = scope("no-such-interface");
    assert!(matches!(&unknown, Err(Error::Io(e)) if e.step() == Step::Resolve), "{unknown:?}");
    assert!(unknown.unwrap_err().to_string().contains("fe80::1%no-such-interface: "));
}

/// An attempt may get its thread after its time.
#[test]
fn without_time_nothing_is_opened() {
    let (_listener, address) = listener();
    assert_eq!(open(address, Deadline::now()).unwrap_err().to_string(), "no time was left for this address");
}
