//! No thread, descriptor or memory is left after thousands of connections that end in different ways. The system counts
//! them for the whole process, so this program has one test.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Response, Server};

#[path = "support/live.rs"]
mod live;
use live::{read_head, watchdog_after, RawPeer, CLOSE, LONG, REQUEST, RESPONSE, TEXT};

const THREADS: usize = 4;
const ROUNDS: usize = 10_000;
/// Maximum difference between two measurements without a leak, in bytes. A leak of 64 bytes in each connection is larger.
const TOLERANCE: usize = 512 << 10;

/// Number of threads, of descriptors, and of bytes of memory in use.
fn counted() -> (usize, usize, usize) {
    let entries = |path: &str| fs::read_dir(path).unwrap().count();
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    (entries("/proc/self/task"), entries("/proc/self/fd"), pages * 4096)
}

/// Makes one connection that ends in the way with this number.
fn connect_once(addr: SocketAddr, kind: usize) {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(LONG / 4)).unwrap();
    match kind % 8 {
        // No byte, and an incomplete request.
        0 => {}
        1 => socket.write_all(b"GET / HTTP/1.1\r\nHo").unwrap(),
        // Plain HTTP, and an invalid request.
        2 | 3 => {
            let request = [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".as_slice(), b"HELLO\r\n\r\n"][kind % 2];
            socket.write_all(request).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        }
        // An open connection that ends at once, after a message, after a clean close, and after a violation.
        kind => {
            socket.write_all(REQUEST).unwrap();
            assert_eq!(read_head(&mut socket), RESPONSE);
            let mut peer = RawPeer::client_side(socket);
            match kind {
                4 => {}
                5 => {
                    peer.send(TEXT, &[b'x'; 3000]);
                    assert_eq!(peer.read().payload.len(), 3000);
                }
                6 => {
                    peer.send(CLOSE, &1000_u16.to_be_bytes());
                    assert_eq!(peer.read().opcode, CLOSE);
                    peer.wait_for_end();
                }
                _ => {
                    peer.send(0x3, b"no such opcode");
                    assert_eq!(peer.read().opcode, CLOSE);
                    peer.wait_for_end();
                }
            }
        }
    }
}

/// Connects more clients at once than worker threads are idle, so that threads start and end too.
fn connect_burst(addr: SocketAddr) {
    let sockets: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut socket = TcpStream::connect(addr).unwrap();
            socket.write_all(REQUEST).unwrap();
            socket
        })
        .collect();
    for mut socket in sockets {
        assert_eq!(read_head(&mut socket), RESPONSE);
    }
}

fn connect_many(addr: SocketAddr, count: usize) {
    let some = move || {
        for number in 0..count / THREADS {
            connect_once(addr, number);
            if number % 100 == 0 {
                connect_burst(addr);
            }
        }
    };
    let clients: Vec<_> = (0..THREADS).map(|_| thread::spawn(some)).collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
}

/// Shows promise P6.
#[test]
fn nothing_stays_allocated_after_connections_end() {
    let _watchdog = watchdog_after(LONG);
    let before = counted();
    let server = Server::bind("127.0.0.1:0").unwrap().http(|_| Response::text(200, "ok"));
    let server = server
        .start(|mut ws| {
            while let Some(message) = ws.recv()? {
                ws.send(&message)?;
            }
            Ok(())
        })
        .unwrap();
    let addr = server.local_addr().unwrap();
    // The first connections allocate what later ones reuse. The memory of each thread grows for a while.
    connect_many(addr, ROUNDS);
    let settled = |bound: (usize, usize, usize)| {
        let start = Instant::now();
        loop {
            let now = counted();
            let fine = server.connection_count() == 0 && now.0 <= bound.0 && now.1 <= bound.1 && now.2 <= bound.2;
            if fine || start.elapsed() > LONG / 6 {
                return (now, server.connection_count());
            }
            thread::sleep(Duration::from_millis(5));
        }
    };
    // Some worker threads stay idle.
    let max_threads = before.0 + 17;
    let (first, _) = settled((max_threads, usize::MAX, usize::MAX));
    connect_many(addr, ROUNDS);
    let ((threads, descriptors, bytes), open) = settled((max_threads, first.1, first.2 + TOLERANCE));
    println!(
        "threads, descriptors, bytes: {before:?} before, {first:?} warm, {:?} after",
        (threads, descriptors, bytes)
    );
    assert_eq!(open, 0);
    assert!(threads <= max_threads, "{threads} threads, {} before", before.0);
    assert!(descriptors <= first.1, "{descriptors} descriptors, {} before", first.1);
    assert!(bytes <= first.2 + TOLERANCE, "{bytes} bytes, {} before", first.2);
    // After the shutdown nothing is left.
    let report = server.shutdown(LONG / 6);
    assert_eq!((report.clean(), report.timed_out(), report.aborted(), report.threads_left()), (0, 0, 0, 0));
    // The system lists a thread for a moment after it was joined.
    let start = Instant::now();
    while counted().0 > before.0 && start.elapsed() < LONG / 6 {
        thread::sleep(Duration::from_millis(5));
    }
    let after = counted();
    assert_eq!((after.0, after.1), (before.0, before.1), "threads and descriptors");
}
