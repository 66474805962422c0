//! A server with many connections: the cost of each, the time of a broadcast to all, the resources left after their end, and the
//! effect of hostile connections on the others.
//!
//! The server is in this process, which is measured; its clients are sockets in a child process, whose frames are made by
//! hand, so that both have enough descriptors. Figures of memory are the kernel's (Linux; elsewhere they are not shown), and do not
//! contain what the kernel itself needs for sockets and threads.

use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Hub, Server, ServerHandle, Timeouts, WebSocket};

use super::table::Table;
use super::Failure;

/// Bytes of a broadcast message.
const MESSAGE: usize = 125;
/// Maximum number of resident bytes for each connection.
const MAX_RESIDENT_PER_CONNECTION: f64 = 20.0 * 1024.0;
const MAX_DELIVERY_TIME: Duration = Duration::from_secs(2);
/// Timeout of each step, which takes less unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// All measurements, as a table. A goal that is missed is a failure.
pub(super) fn measure(count: usize) -> Result<(), Failure> {
    let mut table = Table::default();
    println!("{count} connections; goals hold for 2 cores and 10,000 connections\n");
    crowd(count, &mut table)?;
    hostile(&mut table)?;
    table.end()
}

// ── many connections ─────────────────────────────────────────────────────────────────────────────────────────────────────────

fn server(
    count: usize,
    handler: impl Fn(WebSocket) -> stdws::Result<()> + Send + Sync + 'static,
) -> Result<ServerHandle, Failure> {
    // No Pings during the measurement.
    let timeouts = Timeouts { ping_interval: Duration::from_secs(600), ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0")?.timeouts(timeouts);
    Ok(server.max_connections(count).max_per_address(count).max_handshakes(count).start(handler)?)
}

fn crowd(count: usize, table: &mut Table) -> Result<(), Failure> {
    let hub = Hub::new()?;
    let all = hub.clone();
    let running = server(count + 100, move |mut ws| {
        let _member = all.add(ws.sender());
        while ws.recv_ref()?.is_some() {}
        Ok(())
    })?;
    let port = running.local_addr().ok_or("the server has no address")?.port();
    // One-time initialization is not counted.
    drop(Clients::start(port, 10)?);
    wait_for("the first few have left", || hub.members() == 0)?;
    let before = Usage::now();
    let start = Instant::now();
    let mut clients = Clients::start(port, count)?;
    wait_for("all are members", || hub.members() == count)?;
    table.note("opened, per second", format!("{:.0}", count as f64 / start.elapsed().as_secs_f64()));
    thread::sleep(Duration::from_millis(200));
    let held = Usage::now();
    if let (Some(before), Some(held)) = (before, held) {
        let each = held.resident.saturating_sub(before.resident) as f64 / count as f64;
        table.row(
            "idle connection, resident",
            "20 KiB",
            format!("{:.1} KiB", each / 1024.0),
            each <= MAX_RESIDENT_PER_CONNECTION,
        );
    }
    let mut worst = Duration::ZERO;
    for round in 0..5_u8 {
        clients.send_line(&format!("read {}", MESSAGE + 2))?;
        let start = Instant::now();
        let queued = hub.broadcast(&[round; MESSAGE]);
        let returned = start.elapsed();
        if queued != count {
            return Err(format!("queued for {queued} members of {count}").into());
        }
        clients.answer("read")?;
        worst = worst.max(start.elapsed());
        if round == 4 {
            table.note("broadcast returns after", format!("{:.1} ms", returned.as_secs_f64() * 1e3));
        }
    }
    let measured = format!("{:.0} ms", worst.as_secs_f64() * 1e3);
    table.row("broadcast of 125 bytes, read by all (worst of 5)", "2 s", measured, worst <= MAX_DELIVERY_TIME);
    hub.flush(TIMEOUT);
    let stats = hub.stats();
    let lost = stats.dropped + stats.lost;
    table.row("messages dropped or lost", 0, lost, lost == 0 && stats.sent >= 5 * count as u64);
    if let Some(held) = Usage::now() {
        table.note("resident after the broadcasts", format!("{:.0} MiB", held.resident as f64 / (1 << 20) as f64));
    }
    drop(clients);
    wait_for("all have left", || hub.members() == 0 && running.connection_count() == 0)?;
    check_leaks(before, 0, table)?;
    running.stop();
    Ok(())
}

/// Threads end a moment after their connections. `kept`: maximum number of descriptors that may be left.
pub(super) fn check_leaks(before: Option<Usage>, kept: usize, table: &mut Table) -> Result<(), Failure> {
    let Some(before) = before else { return Ok(()) };
    // Some threads wait for the next connections.
    let _ = wait_for("", || {
        Usage::now().is_some_and(|now| now.threads <= before.threads + 16 && now.files <= before.files + kept)
    });
    let Some(after) = Usage::now() else { return Ok(()) };
    let threads = after.threads.saturating_sub(before.threads);
    table.row("threads left (up to 16 wait for connections)", 16, threads, threads <= 16);
    let files = after.files.saturating_sub(before.files);
    table.row("descriptors left", kept, files, files <= kept);
    table.note("resident after all have left", format!("{:.0} MiB", after.resident as f64 / (1 << 20) as f64));
    Ok(())
}

pub(super) fn wait_for(what: &str, mut done: impl FnMut() -> bool) -> Result<(), Failure> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > TIMEOUT {
            return Err(format!("not within {TIMEOUT:?}: {what}").into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The resources that this process uses, where the system reports them.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    resident: u64,
    pub(super) threads: usize,
    files: usize,
}

impl Usage {
    pub(super) fn now() -> Option<Usage> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok())
        };
        let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Usage { resident: field("VmRSS:")? * 1024, threads: field("Threads:")? as usize, files })
    }
}

// ── the clients, in a process of their own ──────────────────────────────────────────────────────────────────────────

pub(super) struct Clients {
    process: Child,
    input: Option<ChildStdin>,
    output: io::BufReader<ChildStdout>,
}

impl Clients {
    fn start(port: u16, count: usize) -> Result<Clients, Failure> {
        Clients::run(&["crowd", &port.to_string(), &count.to_string()])
    }

    /// Starts them, and waits until they are connected.
    pub(super) fn run(args: &[&str]) -> Result<Clients, Failure> {
        let mut process =
            Command::new(std::env::current_exe()?).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take();
        let output = io::BufReader::new(process.stdout.take().ok_or("no output of the clients")?);
        let mut clients = Clients { process, input, output };
        clients.answer("open")?;
        Ok(clients)
    }

    fn send_line(&mut self, line: &str) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), |input| writeln!(input, "{line}"))
    }

    /// Sends a command for a number of connections, and waits for the number of connections that carried it out.
    pub(super) fn ask(&mut self, word: &str, number: usize) -> Result<usize, Failure> {
        self.send_line(&format!("{word} {number}"))?;
        Ok(self.answer(word)?.parse()?)
    }

    /// Waits for an answer that begins with this word, and returns the rest.
    fn answer(&mut self, word: &str) -> Result<String, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let rest = line.trim_end().strip_prefix(word).ok_or("the clients failed; their message is above")?;
        Ok(rest.trim().to_owned())
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // They end when their input does; a failure to wait for them changes no figure.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// `bench crowd PORT COUNT`: opens connections, and reads from all of them on command.
pub(super) fn run_crowd(port: &str, count: &str) -> Result<(), Failure> {
    let (port, count): (u16, usize) = (port.parse()?, count.parse()?);
    let mut sockets = Vec::with_capacity(count);
    // A listener's queue is short.
    while sockets.len() < count {
        let first = sockets.len();
        for _ in 0..(count - first).min(64) {
            sockets.push(send_upgrade(port).map_err(too_few_descriptors)?);
        }
        for socket in sockets.iter_mut().skip(first) {
            read_upgrade_response(socket)?;
        }
    }
    println!("open");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some(size) = line.strip_prefix("read ") else { return Err("what?".into()) };
        let mut buffer = vec![0; size.parse()?];
        for socket in &mut sockets {
            socket.read_exact(&mut buffer)?;
        }
        println!("read");
    }
    Ok(())
}

pub(super) fn too_few_descriptors(error: io::Error) -> Failure {
    // EMFILE, on most systems.
    match error.raw_os_error() {
        Some(24) => "not enough descriptors: raise the limit before, with ulimit -n 20000".into(),
        _ => error.into(),
    }
}

pub(super) fn send_upgrade(port: u16) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.write_all(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )?;
    Ok(socket)
}

fn read_upgrade_response(socket: &mut TcpStream) -> Result<(), Failure> {
    // No bytes follow the head yet.
    let (mut head, mut part) = (Vec::new(), [0; 512]);
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut part)? {
            0 => {
                return Err("the server closed the connection; is its descriptor limit (ulimit -n) high enough?".into())
            }
            count => head.extend_from_slice(&part[..count]),
        }
    }
    match head.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&head).lines().next().unwrap_or("nothing").into()),
    }
}

pub(super) fn open_connection(port: u16) -> Result<TcpStream, Failure> {
    let mut socket = send_upgrade(port)?;
    read_upgrade_response(&mut socket)?;
    Ok(socket)
}

// ── hostile connections ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Number of good and of hostile connections.
const SIDES: usize = 100;
/// Pause of each hostile connection between its actions. The result then shows their effect through the server, and not that of a
/// hundred threads that use all cores.
const PAUSE: Duration = Duration::from_millis(20);

fn hostile(table: &mut Table) -> Result<(), Failure> {
    let running = server(4 * SIDES, |mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    })?;
    let port = running.local_addr().ok_or("the server has no address")?.port();
    let mut good = (0..SIDES).map(|_| open_connection(port)).collect::<Result<Vec<_>, _>>()?;
    let alone = best(&mut good)?;
    let before = Usage::now();
    let hostile = Clients::run(&["hostile", &port.to_string()])?;
    thread::sleep(Duration::from_millis(500));
    let beside = best(&mut good)?;
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    let measured = format!("{:.2} ({:.0} / {:.0} us)", ratio, beside.as_secs_f64() * 1e6, alone.as_secs_f64() * 1e6);
    table.row("median round trip, 100 hostile beside 100 good", "2.00", measured, ratio <= 2.0);
    if let (Some(before), Some(now)) = (before, Usage::now()) {
        // A message of 1 MiB put together in a buffer that grows, 68 KiB to read, 128 KiB to write, and its thread.
        let formula = 2 * (1 << 20) + (68 + 128 + 20) * 1024;
        let each = now.resident.saturating_sub(before.resident) / SIDES as u64;
        let goal = format!("{} KiB", formula / 1024);
        table.row("hostile connection, resident", goal, format!("{} KiB", each / 1024), each <= formula);
    }
    drop(hostile);
    drop(good);
    running.stop();
    Ok(())
}

/// The smallest of several medians, because other load on the machine should not count.
fn best(sockets: &mut [TcpStream]) -> Result<Duration, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..8 {
        best = best.min(round_trips(sockets)?);
    }
    Ok(best)
}

/// The median round trip of 125 bytes, on these connections one after another.
fn round_trips(sockets: &mut [TcpStream]) -> Result<Duration, Failure> {
    let request = frame(0x82, &[7; MESSAGE]);
    let mut answer = [0; MESSAGE + 2];
    let mut times = Vec::new();
    for _ in 0..10 {
        for socket in sockets.iter_mut() {
            let start = Instant::now();
            socket.write_all(&request)?;
            socket.read_exact(&mut answer)?;
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

/// A client's frame of up to 125 bytes, with the masking key 0.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// `bench hostile PORT`: a hundred connections of five kinds, until the input ends.
pub(super) fn run_hostile(port: &str) -> Result<(), Failure> {
    let port: u16 = port.parse()?;
    let mut sockets = Vec::new();
    for number in 0..SIDES {
        let kind = number % 5;
        let mut socket = if kind == 4 { TcpStream::connect(("127.0.0.1", port))? } else { open_connection(port)? };
        socket.set_write_timeout(Some(PAUSE))?;
        sockets.push(socket.try_clone()?);
        thread::spawn(move || {
            let bytes = match kind {
                // Sends, and never reads the echo.
                0 => frame(0x82, &[7; MESSAGE]).repeat(16),
                // Pings without end, and never reads a Pong.
                1 => frame(0x89, &[7; MESSAGE]).repeat(64),
                // A message that never ends, in fragments without bytes.
                2 => frame(0x00, b"").repeat(64),
                // A large frame, byte by byte.
                3 => vec![7],
                // A header that never ends.
                _ => b"x".to_vec(),
            };
            let begun = match kind {
                2 => socket.write_all(&frame(0x01, b"")),
                3 => socket.write_all(&[0x82, 0xFF, 0, 0, 0, 0, 0, 0x0F, 0, 0, 0, 0, 0, 0]),
                4 => socket.write_all(b"GET / HTTP/1.1\r\nX: "),
                _ => Ok(()),
            };
            // Continues when the network is full.
            while begun.is_ok() {
                let _ = socket.write(&bytes);
                thread::sleep(PAUSE);
            }
        });
    }
    println!("open");
    io::stdin().read_to_end(&mut Vec::new())?;
    for socket in sockets {
        let _ = socket.shutdown(Shutdown::Both);
    }
    Ok(())
}
