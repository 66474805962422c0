//! The memory of a connection while a hook runs: before authentication, a head takes little more than its own bytes, which
//! `Limits::max_head_size` and 8 bytes for each of `Limits::max_head_fields` bound. A separate process, because the memory
//! of the whole process is measured.
#![cfg(all(target_os = "linux", feature = "server"))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::time::Duration;

use stdws::{Decision, Limits, Server, Timeouts};

const LONG: Duration = Duration::from_secs(240);

/// The resident memory of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn request(fields: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    )
}

/// The memory of each of these connections, with this request, while the hook of a server with these limits runs: that of the
/// process without the memory before.
fn memory_in_hook(limits: Limits, connections: usize, request: &str, before: usize) -> usize {
    let release = Arc::new((Mutex::new(false), Condvar::new()));
    let (sender, in_hook) = mpsc::channel();
    let of_hook = release.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts()).limits(limits).on_request(move |_| {
        sender.send(()).unwrap();
        let (open, changed) = &*of_hook;
        drop(changed.wait_timeout_while(open.lock().unwrap(), LONG, |open| !*open).unwrap());
        Decision::reject(403)
    });
    let server = server.start(|_| Ok(())).unwrap();
    let streams: Vec<TcpStream> = (0..connections).map(|_| connect(server.local_addr().unwrap(), request)).collect();
    (0..connections).for_each(|_| in_hook.recv_timeout(LONG).unwrap());
    let each = resident().saturating_sub(before) / connections;
    println!("{each} bytes for each connection with a head of {} bytes", request.len());
    *release.0.lock().unwrap() = true;
    release.1.notify_all();
    drop(streams);
    each
}

/// A slow machine needs its time for the heads.
fn timeouts() -> Timeouts {
    Timeouts { handshake: LONG, ..Timeouts::default() }
}

fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn line(name: &str, part: &str) -> String {
    format!("{name}: x{}\r\n", part.repeat(8000 / part.len()))
}

/// Lists with more elements than any client sends never reach the hook.
fn assert_long_lists_are_rejected() {
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts()).start(|_| Ok(())).unwrap();
    for fields in [line("Sec-WebSocket-Extensions", ";a").repeat(7), line("Sec-WebSocket-Protocol", ",a")] {
        let mut answer = [0; 12];
        connect(server.local_addr().unwrap(), &request(&fields)).read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
}

/// The thread of a connection, and what the allocator keeps of other connections.
const BESIDE_THE_HEAD: usize = 126 << 10;

/// Shows promise P6.
#[test]
fn a_head_takes_little_more_than_its_bytes_while_a_hook_runs() {
    assert_long_lists_are_rejected();
    // The longest lists that are allowed, and long heads of other kinds.
    let extensions = format!("Sec-WebSocket-Extensions: {}\r\n", "a;b=\"c\",".repeat(50));
    let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let subprotocols = format!("Sec-WebSocket-Protocol: {}\r\n", names.join(","));
    let others = line("Cookie", ";a=b").repeat(3) + &line("Forwarded", ";,").repeat(3);
    let lists = request(&(extensions + &subprotocols + &others));
    assert!(lists.len() > 44 << 10);

    // The worst heads: as many fields as are allowed, and one line that takes the rest.
    let worst = |limits: &Limits| {
        let fields = "X:\r\n".repeat(limits.max_head_fields as usize - 6);
        let rest = limits.max_head_size as usize - request(&fields).len() - "X: \r\n".len();
        let worst = request(&format!("{fields}X: {}\r\n", "x".repeat(rest)));
        assert_eq!(worst.len(), limits.max_head_size as usize);
        worst
    };
    let default = Limits::server();
    let small = Limits { max_head_size: 1000, max_head_fields: 20, ..default };
    let highest = Limits { max_head_size: 1 << 20, max_head_fields: 10_000, ..default };
    // The least first: what the allocator keeps after one of them counts for the next.
    let before = resident();
    for (limits, connections, request) in [
        (small, 64, worst(&small)),
        (default, 64, lists),
        (default, 64, worst(&default)),
        (highest, 24, worst(&highest)),
    ] {
        let head = limits.max_head_size as usize + 8 * limits.max_head_fields as usize;
        // Twice: an allocator can keep what the buffers had before they grew.
        let bound = 2 * head + BESIDE_THE_HEAD;
        let each = memory_in_hook(limits, connections, &request, before);
        assert!(each < bound, "{each} bytes, and the bound is {bound}");
    }
}
