//! Servers on inherited sockets: from a service manager, or from an earlier process.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, CloseCode, Error, Result, Server, WebSocket};

#[path = "support/serving.rs"]
mod serving;
use serving::{echo, WATCHDOG};

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn server(listener: &TcpListener) -> Server {
    Server::from_listener(listener.try_clone().unwrap()).unwrap()
}

fn echoes(ws: &mut WebSocket) {
    ws.send("x").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("x"));
}

/// The time for which a server that shuts down waits for the requests of clients that have connected. On a busy machine a
/// client may take longer, and its connection is then ended.
const REQUEST_GRACE: Duration = Duration::from_millis(250);

#[test]
fn a_server_leaves_a_listener_to_its_other_users() {
    let (listener, url) = listener();
    // Some runtimes pass on sockets that do not block.
    listener.set_nonblocking(true).unwrap();
    let first = server(&listener).start(echo).unwrap();
    assert_eq!((first.local_addr(), first.url()), (Some(listener.local_addr().unwrap()), url.clone()));
    let mut early = stdws::connect(&url).unwrap();
    echoes(&mut early);
    let start = Instant::now();
    first.stop();
    assert!(start.elapsed() < WATCHDOG / 2, "{:?}", start.elapsed());
    // The socket still listens. This client waits for the next server, because no thread of the first accepts any more.
    let waiting = {
        let url = url.clone();
        thread::spawn(move || stdws::connect(&url).map(|mut ws| ws.recv()))
    };
    let second = server(&listener).start(|mut ws| ws.send("second").and_then(|()| echo(ws))).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap().unwrap().unwrap().as_text(), Some("second"));
    echoes(&mut early);
    let start = Instant::now();
    drop(early);
    let report = second.shutdown(WATCHDOG);
    assert!(start.elapsed() < WATCHDOG / 2, "{:?}", start.elapsed());
    assert_eq!((report.timed_out(), report.threads_left()), (0, 0));
    // With the last handle, the address is free.
    let addr = listener.local_addr().unwrap();
    drop(listener);
    assert!(TcpListener::bind(addr).is_ok());
}

/// Number of times that a server replaces another while clients connect.
const GENERATIONS: usize = 15;

/// Connects until `stop`, and counts the results. A server that shuts down may close a connection, but it refuses and resets
/// none whose request arrives in time.
fn connect_until(stop: &AtomicBool, connect: &dyn Fn() -> Result<WebSocket>, served: &AtomicUsize) {
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let mut ws = match connect() {
            Ok(ws) => ws,
            Err(error) => {
                assert!(begun.elapsed() >= REQUEST_GRACE, "{error}");
                println!("a client was too slow: {:?}, {error}", begun.elapsed());
                continue;
            }
        };
        let answer = ws.send("x").and_then(|()| ws.recv());
        match answer {
            Ok(Some(message)) => assert_eq!(message.as_text(), Some("x")),
            Ok(None) | Err(Error::Closed(_)) => {
                assert_eq!(ws.close_info().unwrap().code(), CloseCode::GOING_AWAY);
            }
            Err(error) => panic!("{error}"),
        }
        served.fetch_add(1, Ordering::SeqCst);
    }
}

/// Replaces servers while clients connect; each server is made by `next`.
fn restart_drops_no_client(next: impl Fn() -> Server, connect: impl Fn() -> Result<WebSocket> + Send + Sync) {
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| connect_until(&stop, &connect, &served))).collect();
        let mut running = next().start(echo).unwrap();
        for generation in 0..GENERATIONS {
            let before = served.load(Ordering::SeqCst);
            let started = next().start(echo).unwrap();
            let closing = std::mem::replace(&mut running, started);
            match generation % 2 {
                0 => closing.stop(),
                _ => assert_eq!(closing.shutdown(WATCHDOG).threads_left(), 0),
            }
            while served.load(Ordering::SeqCst) < before + 20 && clients.iter().all(|client| !client.is_finished()) {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::SeqCst);
        clients.into_iter().for_each(|client| client.join().unwrap());
        running.stop();
    });
    println!("{} connections, {GENERATIONS} restarts", served.load(Ordering::SeqCst));
}

#[test]
fn a_restart_over_a_shared_listener_drops_no_client() {
    let (listener, url) = listener();
    restart_drops_no_client(|| server(&listener), || stdws::connect(&url));
}

#[test]
fn a_client_that_connected_just_before_a_shutdown_is_answered() {
    for shared in [true, false] {
        // On a busy machine a client may be too slow, which is another case.
        let tries = (0..200).take_while(|_| !is_answered_during_a_shutdown(shared)).count();
        assert!(tries < 200, "no client was fast enough");
    }
}

/// False: its request came too late.
fn is_answered_during_a_shutdown(shared: bool) -> bool {
    let (listener, url) = listener();
    let server = match shared {
        true => server(&listener),
        false => {
            let addr = listener.local_addr().unwrap();
            drop(listener);
            Server::bind(addr).unwrap()
        }
    };
    let server = server.start(echo).unwrap();
    let socket = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    while server.connection_count() == 0 {
        thread::yield_now();
    }
    let begun = Instant::now();
    let late = thread::spawn(move || {
        // After the shutdown has begun.
        thread::sleep(Duration::from_millis(50));
        let end = socket.try_clone().unwrap();
        let split = stdws::SplitStream::new(socket.try_clone().unwrap(), socket)
            .on_end(move || drop(end.shutdown(std::net::Shutdown::Both)));
        let mut ws = Client::new(&url).unwrap().connect_over(split).map_err(|error| (begun.elapsed(), error))?;
        assert!(ws.recv().unwrap().is_none());
        Ok(ws.close_info().unwrap().code())
    });
    let report = server.shutdown(WATCHDOG);
    match late.join().unwrap() {
        Err((took, error)) => {
            assert!(took >= REQUEST_GRACE, "{took:?} {error}");
            false
        }
        Ok(code) => {
            assert_eq!(code, CloseCode::GOING_AWAY);
            assert_eq!((report.clean(), report.timed_out(), report.aborted(), report.threads_left()), (1, 0, 0, 0));
            true
        }
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use stdws::Step;

    fn listen_error(result: Result<impl Sized>) -> bool {
        matches!(result, Err(Error::Io(error)) if error.step() == Step::Listen)
    }

    fn path(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("stdws-{}-{name}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_restart_over_a_shared_unix_listener_drops_no_client_and_keeps_the_file() {
        let path = path("shared");
        let listener = UnixListener::bind(&path).unwrap();
        let client = Client::new("ws://localhost").unwrap();
        restart_drops_no_client(
            || Server::from_unix_listener(listener.try_clone().unwrap()).unwrap(),
            || client.connect_unix(&path),
        );
        assert!(path.exists());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn only_a_socket_of_the_right_kind_is_taken() {
        let path = path("kind");
        let (tcp, _) = listener();
        let unix = UnixListener::bind(&path).unwrap();
        let as_tcp = TcpListener::from(OwnedFd::from(unix.try_clone().unwrap()));
        assert!(listen_error(Server::from_listener(as_tcp)));
        assert!(listen_error(Server::from_unix_listener(OwnedFd::from(tcp).into())));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(listen_error(Server::from_listener(OwnedFd::from(file).into())));
        // A socket that does not listen fails when the server runs.
        let (connected, _peer) = UnixStream::pair().unwrap();
        let server = Server::from_unix_listener(OwnedFd::from(connected).into()).unwrap();
        assert!(listen_error(server.run(echo)));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn abstract_names_work_in_both_roles() {
        let name = format!("\0stdws-{}", std::process::id());
        let client = Client::new("ws://localhost/chat").unwrap();
        for _ in 0..2 {
            let server = Server::bind_unix(&name).unwrap().start(echo).unwrap();
            let mut ws = client.connect_unix(&name).unwrap();
            echoes(&mut ws);
            assert!(listen_error(Server::bind_unix(&name)), "the name is in use");
            // It is free when the server stops, although a connection is open.
            server.stop();
            assert!(matches!(client.connect_unix(&name), Err(Error::Io(error)) if error.step() == Step::Connect));
            echoes(&mut ws);
        }
        let listener = UnixListener::bind_addr(
            &<std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name[1..])
                .unwrap(),
        );
        let server = Server::from_unix_listener(listener.unwrap()).unwrap().start(echo).unwrap();
        echoes(&mut client.connect_unix(&name).unwrap());
        let start = Instant::now();
        server.stop();
        assert!(start.elapsed() < WATCHDOG / 2, "{:?}", start.elapsed());
        // The name is free, because no thread accepts any more.
        assert!(matches!(client.connect_unix(&name), Err(Error::Io(error)) if error.step() == Step::Connect));
    }
}
