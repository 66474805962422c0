//! A process near the limit on its address space: each call that starts a thread fails, and the process lives.
//!
//! `std` maps a stack and a signal stack for a thread. If there is room for the first alone, it panics in the new thread, and
//! the process is aborted. So the test leaves every amount of room in which that can happen.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{self, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[path = "support/program.rs"]
mod program;

use stdws::{Backoff, Client, Error, Hub, Server, SplitStream, Step, WebSocket};

const KIB: usize = 1 << 10;
/// Of the address space.
const LIMIT: usize = 1 << 30;

/// Number of pages of room beside the stack, from none to more than enough.
const STEPS: usize = 50;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The name of a call, the stack of the thread that it starts, and whether the call has ended as it should.
type Call = (&'static str, usize, Box<dyn FnMut() -> bool>);

/// Runs this test again in a process under the limit. True: this is that process.
fn alone(name: &str) -> bool {
    const ALONE: &str = "STDWS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    // One arena: those of other threads would take the room that the test leaves.
    let (limit, emulator) = (LIMIT / KIB, program::EMULATOR);
    let script =
        format!("ulimit -v {limit} || exit 77; exec {emulator} \"$0\" --exact {name} --nocapture --test-threads=1");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .envs([(ALONE, "1"), ("MALLOC_ARENA_MAX", "1")])
        .env_remove("RUST_MIN_STACK")
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) {
        println!("not tried: this shell cannot set ulimit -v: {text}");
        return false;
    }
    assert!(output.status.success() && text.contains("1 passed"), "{:?}\n{text}", output.status);
    false
}

/// Number of bytes of address space in use.
fn used() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    size.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * KIB
}

/// Memory that is never touched, so that this much address space is left.
fn leave(room: usize) -> Vec<u8> {
    // The allocator adds a page.
    Vec::with_capacity((LIMIT - used()).checked_sub(room + 4 * KIB).unwrap())
}

fn refused<T>(result: stdws::Result<T>) -> bool {
    match result {
        Err(Error::Io(error)) => error.kind() == io::ErrorKind::WouldBlock && error.step() == Step::Thread,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

/// A client that breaks a rule and stays.
fn violating(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream.write_all(&[0xff, 0x80, 0, 0, 0, 0]).unwrap();
    stream
}

#[test]
fn a_thread_without_room_is_an_error_and_no_abort() {
    if !alone("a_thread_without_room_is_an_error_and_no_abort") {
        return;
    }
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(300));
        eprintln!("it hangs");
        process::exit(1);
    });
    let (accepted, accepting) = mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.start(move |ws| accepted.send(ws).map_err(|_| Error::other("the test is over"))).unwrap();
    let (url, addr) = (server.url(), server.local_addr().unwrap());
    // What the calls need is there before: connections, and memory for what is small.
    let mut open: Vec<WebSocket> = (0..STEPS).map(|_| stdws::connect(&url).unwrap()).collect();
    let peers: Vec<WebSocket> = accepting.iter().take(STEPS).collect();
    let raw: Vec<TcpStream> = (0..STEPS).map(|_| violating(addr)).collect();
    let mut failed: Vec<WebSocket> = accepting.iter().take(STEPS).collect();
    for ws in &mut failed {
        assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
    }
    // The handlers have returned. Threads that wait in `accept` remain.
    while fs::read_dir("/proc/self/task").unwrap().count() > 3 + 16 {
        thread::yield_now();
    }
    let small: Vec<Vec<u8>> = (0..8192).map(|_| vec![1; KIB]).collect();
    let last = vec![1; KIB];
    drop(small);
    let by_name = format!("ws://localhost:{}", addr.port());
    let client = |url: &str| Client::new(url).unwrap();
    let calls: [Call; 7] = [
        ("into_sender", 128 * KIB, Box::new(move || refused(open.pop().unwrap().into_sender()))),
        ("Hub::new", 256 * KIB, Box::new(|| refused(Hub::new()))),
        ("connect, to a name", 2048 * KIB, Box::new(move || refused(client(&by_name).connect()))),
        ("connect_unix", 2048 * KIB, Box::new(move || refused(client("ws://h").connect_unix("/nowhere")))),
        ("connect_over", 2048 * KIB, Box::new(move || refused(client("ws://h").connect_over(SplitStream::pair().0)))),
        (
            "reconnect",
            2048 * KIB,
            Box::new(move || refused(client(&url).reconnect(Backoff::default().max_attempts(1)).next().unwrap())),
        ),
        // Another thread would wait until the peer has read the Close.
        ("drop", 128 * KIB, Box::new(move || failed.pop().map(drop).is_some())),
    ];
    for (name, stack, mut call) in calls {
        // From no room for the stack to room for all.
        for beside in (0..STEPS).map(|pages| pages * 4 * KIB) {
            let filled = leave(stack + beside);
            assert!(call(), "{name}, with room for the stack and {beside} bytes");
            drop(filled);
        }
    }
    drop((last, raw, peers));
    // With room, threads start again.
    stdws::connect(format!("ws://{addr}")).unwrap().into_sender().unwrap();
}
