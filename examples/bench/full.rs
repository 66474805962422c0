//! A server that is full: as many connections as fit this system, and what it does with more.
//!
//! The limit is the one that a server with default settings has computed. The server is in this process: if a thread
//! cannot be started in it, nothing is printed. The clients are in a child process, as in `server`.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use stdws::{Server, ServerHandle, Timeouts, WebSocket};

use super::server::{check_leaks, frame, send_upgrade, too_few_descriptors, wait_for, Clients, Usage};
use super::table::Table;
use super::Failure;

/// The default of `Server::max_connections`.
const MAXIMUM: usize = 16_384;
/// Number of connections beyond the limit, and of those that are closed and replaced.
const MORE: usize = 200;
/// Maximum number of rejected sockets that a server keeps open.
const KEPT: usize = 64;
/// Bytes of a fragment whose message never ends: enough to make the allocator map its buffer.
const FRAGMENT: usize = 140_000;
/// Number of connections that are opened at once: a listener's queue is short, and descriptors are scarce.
const BATCH: usize = 64;
/// Bytes of a message that is echoed.
pub(super) const ECHO: usize = 16;

/// The behaviour of the clients.
#[derive(PartialEq, Eq)]
pub(super) enum Load {
    Echo,
    /// Each of them also begins a large message.
    HalfSent,
}

/// All measurements, as a table.
pub(super) fn measure(load: Load) -> Result<(), Failure> {
    let mut table = Table::default();
    let running = start()?;
    let port = running.local_addr().ok_or("the server has no address")?.port().to_string();
    drop(Clients::run(&["fill", &port, "10"])?);
    wait_for("the first few have left", || running.connection_count() == 0)?;
    let before = Usage::now();
    let mut clients = Clients::run(&["fill", &port, "1000000"])?;
    let count = running.connection_count();
    table.note("connections, and then 503", count);
    table.row("at most what the default says", MAXIMUM, count, count > MORE && count <= MAXIMUM);
    let refused = clients.ask("more", MORE)?;
    table.row("more connections, answered 503", MORE, refused, refused == MORE);
    let echoed = clients.ask("echo", count)?;
    table.row("connections that echo", count, echoed, echoed == count);
    mappings("memory mappings of the full server", &mut table);
    if load == Load::HalfSent {
        let begun = clients.ask("begin", count)?;
        table.row("large messages begun", count, begun, begun == count);
        mappings("memory mappings of the full server then", &mut table);
    }
    let left = clients.ask("leave", MORE)?;
    wait_for("some have left, and their threads have ended", || {
        let threads = Usage::now().map_or(0, |now| now.threads);
        running.connection_count() + left == count && threads < count - left / 2
    })?;
    let entered = clients.ask("enter", MORE)?;
    table.row("replaced: left, and others were let in", MORE, entered, left == MORE && entered == MORE);
    mappings("... after that", &mut table);
    drop(clients);
    wait_for("all have left", || running.connection_count() == 0)?;
    check_leaks(before, KEPT, &mut table)?;
    running.stop();
    table.end()
}

fn start() -> Result<ServerHandle, Failure> {
    // The clients answer no Pings.
    let timeouts = Timeouts { ping_interval: Duration::from_secs(600), ..Timeouts::default() };
    Ok(Server::bind("127.0.0.1:0")?.timeouts(timeouts).start(|mut ws: WebSocket| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    })?)
}

fn mappings(what: &'static str, table: &mut Table) {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    // A large text would change what the allocator maps.
    let (Some(limit), Ok(maps)) = (limit, fs::File::open("/proc/self/maps")) else { return };
    let count = io::BufReader::new(maps).lines().count();
    table.row(what, limit, count, count < limit);
}

/// `bench fill PORT COUNT`: opens connections up to a number or until one is rejected, and then follows the commands on its
/// input. Each answer is a number of connections.
pub(super) fn run_fill(port: &str, count: &str) -> Result<(), Failure> {
    let (port, count): (u16, usize) = (port.parse()?, count.parse()?);
    let mut sockets = Vec::new();
    while sockets.len() < count {
        let batch = (count - sockets.len()).min(BATCH);
        if open(port, batch, &mut sockets)? < batch {
            break;
        }
    }
    println!("open");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (word, number) = line.split_once(' ').ok_or("what?")?;
        let number: usize = number.parse()?;
        let done = match word {
            "more" => number - open(port, number, &mut sockets)?,
            "enter" => open(port, number, &mut sockets)?,
            "leave" => sockets.drain(..number.min(sockets.len())).count(),
            "begin" => begin(&mut sockets)?,
            "echo" => echo(&mut sockets)?,
            "receive" => receive(&mut sockets, 0x82)?,
            _ => return Err("what?".into()),
        };
        println!("{word} {done}");
    }
    Ok(())
}

/// Opens connections, and returns how many were not refused.
fn open(port: u16, count: usize, sockets: &mut Vec<TcpStream>) -> Result<usize, Failure> {
    let before = sockets.len();
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let pending =
            (0..batch).map(|_| send_upgrade(port)).collect::<io::Result<Vec<_>>>().map_err(too_few_descriptors)?;
        for mut socket in pending {
            if is_accepted(&mut socket)? {
                sockets.push(socket);
            }
        }
        left -= batch;
    }
    Ok(sockets.len() - before)
}

/// Anything but 101 and 503 is a failure.
fn is_accepted(socket: &mut TcpStream) -> Result<bool, Failure> {
    let (mut head, mut part) = (Vec::new(), [0; 512]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut part)? {
            0 => return Err("the server closed a connection without an answer".into()),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    match head.get(9..12) {
        Some(b"101") => Ok(true),
        Some(b"503") => Ok(false),
        _ => Err(String::from_utf8_lossy(&head).lines().next().unwrap_or("nothing").into()),
    }
}

/// Sends the first fragment of a message on all connections. The Pongs show that they have arrived.
fn begin(sockets: &mut [TcpStream]) -> Result<usize, Failure> {
    let mut begun = vec![0x02, 0xFF];
    begun.extend_from_slice(&(FRAGMENT as u64).to_be_bytes());
    begun.resize(begun.len() + 4 + FRAGMENT, 0);
    begun.extend_from_slice(&frame(0x89, &[7; ECHO]));
    for socket in sockets.iter_mut() {
        socket.write_all(&begun)?;
    }
    receive(sockets, 0x8A)
}

fn echo(sockets: &mut [TcpStream]) -> Result<usize, Failure> {
    let request = frame(0x82, &[7; ECHO]);
    for socket in sockets.iter_mut() {
        socket.write_all(&request)?;
    }
    receive(sockets, 0x82)
}

/// Receives the echo on each connection, in a frame that begins with these bytes.
fn receive(sockets: &mut [TcpStream], first: u8) -> Result<usize, Failure> {
    let mut answer = [0; ECHO + 2];
    let mut received = 0;
    for socket in sockets.iter_mut() {
        socket.read_exact(&mut answer)?;
        received += usize::from(answer.starts_with(&[first, ECHO as u8]) && answer.ends_with(&[7; ECHO]));
    }
    Ok(received)
}
