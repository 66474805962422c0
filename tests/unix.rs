//! Unix sockets in both roles.

#![cfg(unix)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, CloseCode, Decision, Error, Response, Result, Server, Step, Timeouts, WebSocket};

#[path = "support/serving.rs"]
mod serving;
use serving::{echo, WATCHDOG};

/// A path without a file, which is removed when it is dropped.
struct TempPath(PathBuf);

impl TempPath {
    fn new() -> TempPath {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("stdws-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        TempPath(std::env::temp_dir().join(name))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn client() -> Client {
    Client::new("ws://localhost/chat").unwrap()
}

fn failed(result: Result<impl Sized>) -> (Step, ErrorKind) {
    match result {
        Err(Error::Io(error)) => (error.step(), error.kind()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it did not fail"),
    }
}

#[test]
fn client_and_server_work_on_a_unix_socket() {
    let path = TempPath::new();
    let server = Server::bind_unix(&path.0).unwrap();
    assert!(server.local_addr().is_err());
    let server = server.max_per_address(1).http(|_| Response::text(200, "ok"));
    let server = server
        .start(|ws| {
            assert_eq!((ws.peer_addr(), ws.local_addr(), ws.request().unwrap().peer_addr()), (None, None, None));
            echo(ws)
        })
        .unwrap();
    assert_eq!((server.local_addr(), server.url()), (None, "ws://localhost".to_owned()));
    let mut connections: Vec<WebSocket> = (0..20).map(|_| client().connect_unix(&path.0).unwrap()).collect();
    let large = vec![7; 900_000];
    for ws in &mut connections {
        assert_eq!((ws.peer_addr(), ws.local_addr()), (None, None));
        ws.send("x").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("x"));
        ws.send(&large).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_bytes(), large);
        assert!(ws.ping().unwrap() < WATCHDOG);
    }
    assert_eq!(connections[0].close(CloseCode::NORMAL, "bye").unwrap().code(), CloseCode::NORMAL);
    let mut plain = UnixStream::connect(&path.0).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let mut last = connections.pop().unwrap();
    drop(connections);
    // A stopped server removes its file, and open connections go on.
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < WATCHDOG / 2);
    assert!(!path.0.exists());
    last.send("x").unwrap();
    assert_eq!(last.recv().unwrap().unwrap().as_text(), Some("x"));
    assert_eq!(failed(client().connect_unix(&path.0)), (Step::Connect, ErrorKind::NotFound));
}

#[test]
fn a_shutdown_closes_connections_and_removes_the_file() {
    let path = TempPath::new();
    let server = Server::bind_unix(&path.0).unwrap().start(echo).unwrap();
    let mut ws = client().connect_unix(&path.0).unwrap();
    ws.send("x").unwrap();
    assert!(ws.recv().unwrap().is_some());
    let receiving = std::thread::spawn(move || ws.recv().map(|_| ws.close_info().unwrap().code()));
    let report = server.shutdown(WATCHDOG);
    assert_eq!((report.clean(), report.aborted(), report.timed_out(), report.threads_left()), (1, 0, 0, 0));
    assert_eq!(receiving.join().unwrap().unwrap(), CloseCode::GOING_AWAY);
    assert!(!path.0.exists());
}

#[test]
fn only_a_stale_socket_is_replaced() {
    let path = TempPath::new();
    // A process listens on the socket.
    let listener = UnixListener::bind(&path.0).unwrap();
    assert_eq!(failed(Server::bind_unix(&path.0)), (Step::Listen, ErrorKind::AddrInUse));
    // No process listens any more, as after a crash.
    drop(listener);
    assert!(path.0.exists());
    let server = Server::bind_unix(&path.0).unwrap().start(echo).unwrap();
    client().connect_unix(&path.0).unwrap();
    // Another file has replaced the socket. The server does not remove it.
    fs::remove_file(&path.0).unwrap();
    fs::write(&path.0, "other").unwrap();
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < WATCHDOG / 2);
    assert_eq!(fs::read(&path.0).unwrap(), b"other");
    // Neither a file nor the target of a link is replaced.
    assert_eq!(failed(Server::bind_unix(&path.0)), (Step::Listen, ErrorKind::AddrInUse));
    assert_eq!(failed(client().connect_unix(&path.0)), (Step::Connect, ErrorKind::ConnectionRefused));
    assert_eq!(fs::read(&path.0).unwrap(), b"other");
    // A socket of datagrams is none that a server has left.
    fs::remove_file(&path.0).unwrap();
    let _datagrams = UnixDatagram::bind(&path.0).unwrap();
    assert_eq!(failed(Server::bind_unix(&path.0)), (Step::Listen, ErrorKind::AddrInUse));
    assert!(path.0.exists());
}

/// What this returns, if it does so in time.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(WATCHDOG).expect("in time")
}

/// Connecting to a process that listens and never accepts takes for ever once its queue is full.
#[test]
fn a_socket_whose_process_does_not_accept_is_not_replaced() {
    let path = TempPath::new();
    let listener = UnixListener::bind(&path.0).unwrap();
    let (connected, count) = mpsc::channel();
    let target = path.0.clone();
    // What is closed stays in the queue, so the other tests keep their descriptors.
    let fill = thread::spawn(move || {
        (0..100_000).take_while(|_| UnixStream::connect(&target).is_ok()).for_each(|_| connected.send(()).unwrap());
    });
    // Until a connection has to wait.
    let end = loop {
        if let Err(end) = count.recv_timeout(Duration::from_secs(1)) {
            break end;
        }
    };
    if end == mpsc::RecvTimeoutError::Disconnected {
        return println!("skipped: no connection to a full queue waits on this system");
    }
    let target = path.0.clone();
    let bound = within(move || failed(Server::bind_unix(target)));
    assert_eq!(bound, (Step::Listen, ErrorKind::AddrInUse));
    assert!(path.0.exists());
    drop(listener);
    within(move || fill.join().unwrap());
}

#[test]
fn a_silent_server_times_out() {
    let path = TempPath::new();
    let _listener = UnixListener::bind(&path.0).unwrap();
    // Enough to connect.
    let (limit, start) = (Duration::from_millis(1500), Instant::now());
    let result = client().connect_timeout(limit).connect_unix(&path.0);
    assert!(matches!(result, Err(Error::Timeout(Step::Handshake))), "{result:?}");
    assert!(start.elapsed() >= limit && start.elapsed() < WATCHDOG / 2);
}

#[test]
fn a_silent_client_times_out() {
    let path = TempPath::new();
    let timeouts = Timeouts { handshake: Duration::from_millis(100), ..Timeouts::default() };
    let _server = Server::bind_unix(&path.0).unwrap().timeouts(timeouts).start(echo).unwrap();
    let mut silent = UnixStream::connect(&path.0).unwrap();
    silent.set_read_timeout(Some(WATCHDOG)).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_unix_socket_is_handed_over() {
    let path = TempPath::new();
    let server = Server::bind_unix(&path.0).unwrap().on_request(|_| {
        Decision::hand_over(|stream| {
            let stream = *stream.into_tcp().unwrap_err();
            let (mut socket, rest) = stream.into_unix().unwrap();
            socket.write_all(&rest).unwrap();
        })
    });
    let _server = server.start(echo).unwrap();
    let mut socket = UnixStream::connect(&path.0).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nabc").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "abc");
}

/// So the user of the peer can be asked for, which `std` has no stable call for.
#[test]
fn the_descriptor_of_a_connection_is_that_of_its_socket() {
    let path = TempPath::new();
    let listener = UnixListener::bind(&path.0).unwrap();
    let server = Server::from_unix_listener(listener).unwrap();
    let expected = path.0.clone();
    let server = server
        .start(move |mut ws| {
            let socket = UnixStream::from(ws.as_fd().expect("a descriptor").try_clone_to_owned()?);
            let address = socket.local_addr()?;
            ws.send(if address.as_pathname() == Some(&*expected) { "the same" } else { "another" })
        })
        .unwrap();
    let mut ws = client().connect_unix(&path.0).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap(), "the same");
    let socket = UnixStream::from(ws.as_fd().unwrap().try_clone_to_owned().unwrap());
    assert_eq!(socket.peer_addr().unwrap().as_pathname(), Some(&*path.0));
    drop(server);
}
