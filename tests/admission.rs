//! The limits of a server for connections, and its behaviour when descriptors or memory run out.
//!
//! A test that needs a process without resources starts this program again for itself, under limits that a shell sets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use stdws::{Decision, Error, HandshakeErrorKind, OverloadKind, Server, SplitStream};

#[path = "support/live.rs"]
mod live;
use live::{long_timeouts, read_head, watchdog, RawPeer, REQUEST, RESPONSE, TEXT};
#[cfg(target_os = "linux")]
#[path = "support/program.rs"]
mod program;
#[path = "support/serving.rs"]
mod serving;
use serving::{connect, echo};

const WATCHDOG: Duration = Duration::from_secs(120);

fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap().timeouts(long_timeouts())
}

/// Opens a connection that echoes, or returns the status of its rejection.
fn open(addr: SocketAddr) -> std::result::Result<RawPeer, u16> {
    let mut socket = connect(addr);
    // The server may have closed a rejected connection already.
    let _ = socket.write_all(REQUEST);
    let head = read_head(&mut socket);
    if head != RESPONSE {
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("\r\nRetry-After: 5\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
        return Err(head[9..12].parse().unwrap());
    }
    let mut peer = RawPeer::client_side(socket);
    peer.send(TEXT, b"x");
    assert_eq!(peer.read().payload, b"x");
    Ok(peer)
}

/// Tries until the server admits the connection.
fn open_soon(addr: SocketAddr) -> RawPeer {
    let start = Instant::now();
    loop {
        match open(addr) {
            Ok(peer) => return peer,
            Err(_) => assert!(start.elapsed() < WATCHDOG),
        }
    }
}

/// Shows promise P9.
#[test]
fn pending_handshakes_have_their_own_limit() {
    let _watchdog = watchdog();
    let server = bind().max_handshakes(2).start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    // Open connections do not count.
    let _open: Vec<RawPeer> = (0..5).map(|_| open_soon(addr)).collect();
    let silent: Vec<TcpStream> = (0..2).map(|_| connect(addr)).collect();
    // The limit is reached when both have been admitted.
    while server.connection_count() < 7 {}
    assert_eq!(open(addr).err(), Some(503));
    drop(silent);
    open_soon(addr);
}

#[test]
fn connections_from_one_address_have_a_limit() {
    let _watchdog = watchdog();
    let server = bind().max_per_address(2).start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let (first, _second) = (open(addr).unwrap(), open(addr).unwrap());
    assert_eq!(open(addr).err(), Some(429));
    drop(first);
    open_soon(addr);
}

#[test]
fn the_stack_size_applies_to_handlers() {
    let _watchdog = watchdog();
    // Deeper than any default stack allows.
    fn deep(levels: usize) -> usize {
        let room = std::hint::black_box([levels; 1024]);
        if levels == 0 {
            0
        } else {
            deep(levels - 1) + room[1023] / levels
        }
    }
    let server = bind().stack_size(64 << 20).start(|mut ws| {
        let depth = deep(3000);
        ws.send(depth.to_string())
    });
    let server = server.unwrap();
    let mut ws = stdws::connect(server.url()).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("3000"));
    // A stack smaller than the default.
    let server = bind().stack_size(128 << 10).http(|_| stdws::Response::text(200, "ok")).start(echo).unwrap();
    open(server.local_addr().unwrap()).unwrap();
    let mut socket = connect(server.local_addr().unwrap());
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("ok"));
}

/// Runs this test again in a process under the limit that a shell sets. True: this is that process.
#[cfg(target_os = "linux")]
fn alone(name: &str, limit: &str) -> bool {
    const ALONE: &str = "STDWS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let emulator = program::EMULATOR;
    let script =
        format!("ulimit {limit} || exit 77; exec {emulator} \"$0\" --exact {name} --nocapture --test-threads=1");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) {
        println!("not tried: this shell cannot set ulimit {limit}: {text}");
        return false;
    }
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

/// Shows promise P9.
#[test]
#[cfg(target_os = "linux")]
fn a_server_survives_running_out_of_descriptors() {
    if !alone("a_server_survives_running_out_of_descriptors", "-n 64") {
        return;
    }
    let _watchdog = watchdog();
    let server = bind().start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let mut first = open(addr).unwrap();
    // Until neither side can get another descriptor.
    let mut waiting = Vec::new();
    while let Ok(socket) = TcpStream::connect(addr) {
        waiting.push(socket);
    }
    assert!(waiting.len() > 20, "{}", waiting.len());
    // Open connections go on.
    first.send(TEXT, b"y");
    assert_eq!(first.read().payload, b"y");
    // When some connections end, others are admitted, also those that have waited.
    let mut last = waiting.pop().unwrap();
    waiting.truncate(5);
    last.set_read_timeout(Some(WATCHDOG)).unwrap();
    last.write_all(REQUEST).unwrap();
    assert_eq!(read_head(&mut last), RESPONSE);
    open_soon(addr);
    // A server can also be shut down without a free descriptor.
    while let Ok(socket) = TcpStream::connect(addr) {
        waiting.push(socket);
    }
    let start = Instant::now();
    server.shutdown(Duration::from_millis(200));
    assert!(start.elapsed() < WATCHDOG / 2, "{:?}", start.elapsed());
}

/// Shows promise P9.
#[test]
#[cfg(target_os = "linux")]
fn a_server_survives_running_out_of_memory_for_threads() {
    // Stacks use address space.
    if !alone("a_server_survives_running_out_of_memory_for_threads", "-v 3000000") {
        return;
    }
    let _watchdog = watchdog();
    let server = bind().stack_size(256 << 20).start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let mut peers = Vec::new();
    loop {
        match open(addr) {
            Ok(peer) => peers.push(peer),
            Err(status) => {
                assert_eq!(status, 503);
                break;
            }
        }
        assert!(peers.len() < 20, "{} threads fit", peers.len());
    }
    assert!(peers.len() > 3, "{}", peers.len());
    for peer in &mut peers {
        peer.send(TEXT, b"y");
        assert_eq!(peer.read().payload, b"y");
    }
    // A connection that ends makes room for another.
    drop(peers.pop());
    open_soon(addr);
}

/// A caller-supplied stream from this address, with these bytes, and what the server wrote to it.
fn accept_over(server: &Server, peer: Option<&str>, bytes: &[u8]) -> stdws::Result<Option<stdws::WebSocket>> {
    // The stream stays open after the bytes.
    let (near, mut far) = tcp_pair();
    far.write_all(bytes).unwrap();
    let (reader, ended) = (near.try_clone().unwrap(), near.try_clone().unwrap());
    let split = SplitStream::new(reader, near).on_end(move || drop((ended.shutdown(Shutdown::Both), far)));
    server.accept_over(match peer {
        Some(peer) => split.peer_addr(peer.parse().unwrap()).local_addr("192.0.2.200:443".parse().unwrap()),
        None => split,
    })
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn overload(result: stdws::Result<Option<stdws::WebSocket>>) -> (OverloadKind, Option<u16>) {
    match result {
        Err(Error::Handshake(rejection)) => match rejection.kind() {
            HandshakeErrorKind::Overload(kind) => (*kind, rejection.status()),
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn caller_supplied_streams_count() {
    let _watchdog = watchdog();
    let server = Server::without_listener().max_connections(2).on_request(|request| match request.path() {
        "/" => Decision::accept(),
        _ => Decision::reject(404),
    });
    let open = || accept_over(&server, None, REQUEST);
    let (first, _second) = (open().unwrap().unwrap(), open().unwrap().unwrap());
    assert_eq!(overload(open()), (OverloadKind::Connections, Some(503)));
    // A connection counts until it is dropped.
    drop(first);
    let third = open().unwrap().unwrap();
    assert_eq!(overload(open()), (OverloadKind::Connections, Some(503)));
    drop(third);
    // A request that a hook answers, one that is invalid, and one that never comes, count no longer.
    let other = String::from_utf8(REQUEST.to_vec()).unwrap().replace("GET / ", "GET /other ");
    for bytes in [other.as_bytes(), b"x\r\n\r\n"] {
        let _ = accept_over(&server, None, bytes);
    }
    drop(open().unwrap().unwrap());
    // Opening handshakes have a limit of their own.
    let (entered, in_hook) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let left = std::sync::Mutex::new(left);
    let server = Server::without_listener().max_handshakes(1).on_request(move |_| {
        entered.send(()).unwrap();
        let _ = left.lock().unwrap().recv();
        Decision::accept()
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| accept_over(&server, None, REQUEST));
        in_hook.recv().unwrap();
        assert_eq!(overload(accept_over(&server, None, REQUEST)), (OverloadKind::Handshakes, Some(503)));
        drop(leave);
        let _open = first.join().unwrap().unwrap().unwrap();
        // An open connection is none.
        assert!(accept_over(&server, None, REQUEST).unwrap().is_some());
    });
}

#[test]
fn caller_supplied_streams_have_the_address_that_the_caller_gives() {
    let _watchdog = watchdog();
    let (one, other) = ("192.0.2.1:7", "192.0.2.2:7");
    let server = Server::without_listener().max_per_address(1);
    let ws = accept_over(&server, Some(one), REQUEST).unwrap().unwrap();
    assert_eq!(ws.peer_addr(), Some(one.parse().unwrap()));
    assert_eq!(ws.local_addr(), Some("192.0.2.200:443".parse().unwrap()));
    assert_eq!(ws.request().unwrap().peer_addr(), ws.peer_addr());
    assert_eq!(ws.request().unwrap().client_ip(), Some("192.0.2.1".parse().unwrap()));
    assert_eq!(overload(accept_over(&server, Some(one), REQUEST)), (OverloadKind::Address, Some(429)));
    let _other = accept_over(&server, Some(other), REQUEST).unwrap().unwrap();
    drop(ws);
    drop(accept_over(&server, Some(one), REQUEST).unwrap().unwrap());
    // Behind a trusted proxy its clients count.
    let server = Server::without_listener().max_per_address(1).trust_proxy_protocol(["192.0.2.1"]).unwrap();
    let proxied = |client: &str| {
        let header = format!("PROXY TCP4 {client} 198.51.100.7 56324 443\r\n");
        accept_over(&server, Some(one), &[header.as_bytes(), REQUEST].concat())
    };
    let ws = proxied("203.0.113.1").unwrap().unwrap();
    assert_eq!(ws.request().unwrap().client_ip(), Some("203.0.113.1".parse().unwrap()));
    assert_eq!(overload(proxied("203.0.113.1")), (OverloadKind::Address, Some(429)));
    assert!(proxied("203.0.113.2").unwrap().is_some());
}

#[test]
fn a_client_over_a_stream_has_the_addresses_that_the_caller_gives() {
    let _watchdog = watchdog();
    let server = bind().start(echo).unwrap();
    let tcp = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let split = SplitStream::new(tcp.try_clone().unwrap(), tcp);
    let (peer, local) = ("192.0.2.1:443".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
    let client = stdws::Client::new(server.url()).unwrap();
    let ws = client.connect_over(split.peer_addr(peer).local_addr(local)).unwrap();
    assert_eq!((ws.peer_addr(), ws.local_addr()), (Some(peer), Some(local)));
}
