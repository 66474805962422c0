//! The memory of a connection while a hook runs: before authentication, a head takes little more than its own bytes. A
//! separate process, because the memory of the whole process is measured.
#![cfg(all(target_os = "linux", feature = "server"))]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::time::Duration;

use stdws::{Decision, Server};

const CONNECTIONS: usize = 64;
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

#[test]
fn a_head_takes_little_more_than_its_bytes_while_a_hook_runs() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (sender, in_hook) = mpsc::channel();
    let of_hook = gate.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().on_request(move |_| {
        sender.send(()).unwrap();
        let (open, changed) = &*of_hook;
        drop(changed.wait_timeout_while(open.lock().unwrap(), LONG, |open| !*open).unwrap());
        Decision::reject(403)
    });
    let server = server.start(|_| Ok(())).unwrap();
    let connect = |request: &str| {
        let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    // Lists with more elements than any client sends never reach the hook.
    let line = |name: &str, part: &str| format!("{name}: x{}\r\n", part.repeat(8000 / part.len()));
    for fields in [line("Sec-WebSocket-Extensions", ";a").repeat(7), line("Sec-WebSocket-Protocol", ",a")] {
        let mut answer = [0; 12];
        connect(&request(&fields)).read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
    // The longest lists that are allowed, and long heads of other kinds.
    let extensions = format!("Sec-WebSocket-Extensions: {}\r\n", "a;b=\"c\",".repeat(50));
    let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let subprotocols = format!("Sec-WebSocket-Protocol: {}\r\n", names.join(","));
    let others = line("Cookie", ";a=b").repeat(3) + &line("Forwarded", ";,").repeat(3);
    let request = request(&(extensions + &subprotocols + &others));
    assert!(request.len() > 44 << 10);
    let before = resident();
    let streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(&request)).collect();
    (0..CONNECTIONS).for_each(|_| in_hook.recv_timeout(LONG).unwrap());
    let each = resident().saturating_sub(before) / CONNECTIONS;
    println!("{each} bytes for each connection with a head of {} bytes", request.len());
    // The thread, the head, and what the allocator keeps.
    assert!(each < 256 << 10, "{each} bytes");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    drop(streams);
}
