//! Many connections, and a hub with many members. The server is in this process, which is measured; the clients are sockets
//! in a child process, as in `full`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Hub, Server, ServerHandle, Timeouts, WebSocket};

use super::{sizes, Extent, Line, Work};
use crate::full::ECHO;
use crate::server::{frame, open_connection, Clients, Usage};
use crate::Failure;

/// Number of connections that are measured where as many fit.
const MOST: usize = 10_000;
/// Descriptors of a process beside those of connections.
const RESERVED: usize = 200;
/// Number of threads when all connections have been closed: a server keeps up to 16 that accept.
const MAX_KEPT_THREADS: usize = 40;
/// Longer than anything here takes, unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) fn lines(extent: Extent) -> Result<Vec<Line>, Failure> {
    let (factor, most) = (if extent == Extent::Full { 4 } else { 10 }, number_that_fits()?);
    let counts = sizes(1, factor, most);
    // Up to 16 connections get threads that the server has kept, and cost half as much as those for which it starts one.
    let beyond_kept_threads = sizes(64, factor, most);
    Ok(vec![
        Line::new("connections of a hub, opened and closed", beyond_kept_threads, coming_and_going),
        Line::new("connections, a round trip on each", counts.clone(), active),
        Line::reference("... on plain threads and sockets", counts.clone(), plain_active),
        Line::new("connections, idle beside a busy one", counts.clone(), idle),
        Line::new("members of a hub, a broadcast to all", counts.clone(), broadcast),
        Line::reference("... of plain sockets, a write to each", counts.clone(), plain_broadcast),
        Line::new("members of a hub, beside the only subscriber", counts, publish),
    ])
}

/// What the limits of descriptors, memory mappings and threads allow. If that is not [`MOST`], the output says so.
fn number_that_fits() -> Result<usize, Failure> {
    // One side of the connections is here, and the other in the child.
    let wanted = MOST.min(descriptors().unwrap_or(MOST).saturating_sub(RESERVED));
    let crowd = Crowd::open(wanted)?;
    let fit = crowd.server.connection_count();
    if fit < MOST {
        println!("!!! NOT ALL SIZES ARE MEASURED: {fit} connections fit, and not {MOST}.");
        println!(
            "!!! Raise the limits before: ulimit -n 12000; sysctl vm.max_map_count=65530 kernel.threads-max=12000\n"
        );
    }
    match fit {
        0 => Err("no connection could be opened".into()),
        fit => Ok(fit),
    }
}

/// The soft limit of open files.
fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn threads() -> usize {
    Usage::now().map_or(0, |now| now.threads)
}

/// A server whose connections are members of a hub and echo, and its clients. All have left when it is dropped.
struct Crowd {
    server: ServerHandle,
    hub: Hub,
    clients: Option<Clients>,
    /// A connection of this process.
    socket: Option<TcpStream>,
}

impl Crowd {
    fn open(count: usize) -> Result<Crowd, Failure> {
        // The clients answer no Pings.
        let timeouts = Timeouts { ping_interval: Duration::from_secs(600), ..Timeouts::default() };
        let hub = Hub::new()?;
        let all = hub.clone();
        let server = Server::bind("127.0.0.1:0")?.timeouts(timeouts).start(move |mut ws: WebSocket| {
            let (sender, member) = (ws.sender(), all.add(ws.sender()));
            while let Some(message) = ws.recv_ref()? {
                match message.as_text() {
                    Some(topic) => member.subscribe(topic)?,
                    None => sender.send(message)?,
                }
            }
            Ok(())
        })?;
        let mut crowd = Crowd { server, hub, clients: None, socket: None };
        let clients = Clients::run(&["fill", &crowd.port()?.to_string(), &count.to_string()])?;
        crowd.clients = Some(clients);
        // Those that were refused do not matter here.
        if crowd.server.connection_count() == count {
            wait(|| crowd.hub.members() == count)?;
        }
        Ok(crowd)
    }

    fn port(&self) -> Result<u16, Failure> {
        Ok(self.server.local_addr().ok_or("the server has no address")?.port())
    }

    /// Has the clients do something, which all of them have to achieve.
    fn ask(&mut self, word: &str, count: usize) -> Result<(), Failure> {
        let clients = self.clients.as_mut().ok_or("there are no clients")?;
        match clients.ask(word, count)? {
            done if done == count => Ok(()),
            done => Err(format!("{word}: {done} of {count} connections").into()),
        }
    }

    /// Opens the connection of this process.
    fn connect(&mut self) -> Result<(), Failure> {
        self.socket = Some(open_connection(self.port()?)?);
        Ok(())
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        Ok(self.socket.as_mut().ok_or("there is no connection")?.write_all(frame)?)
    }

    fn receive(&mut self) -> Result<(), Failure> {
        Ok(self.socket.as_mut().ok_or("there is no connection")?.read_exact(&mut [0; ECHO + 2])?)
    }

    /// Opens connections and closes them.
    fn come_and_go(&mut self, count: usize) -> Result<(), Failure> {
        self.ask("enter", count)?;
        wait(|| self.hub.members() == count)?;
        self.ask("leave", count)?;
        wait(|| self.hub.members() == 0 && self.server.connection_count() == 0)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop((self.clients.take(), self.socket.take()));
        // The memory of threads that still end would count against the limits of the next server. If they do not end, the
        // next measurement shows it.
        let _ = wait(|| self.server.connection_count() == 0 && threads() <= MAX_KEPT_THREADS);
    }
}

// ── the same without WebSocket ──────────────────────────────────────────────────────────────────────────────────────

/// As many threads that answer each request of the clients, without looking at it. They end with the clients.
struct PlainCrowd {
    sockets: Arc<Mutex<Vec<Arc<TcpStream>>>>,
    clients: Option<Clients>,
}

impl PlainCrowd {
    fn open(count: usize) -> Result<PlainCrowd, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let accepted = sockets.clone();
        let accepting = thread::spawn(move || -> io::Result<()> {
            for stream in listener.incoming().take(count) {
                let stream = Arc::new(stream?);
                let served = stream.clone();
                thread::Builder::new().stack_size(64 << 10).spawn(move || plain_echo(&served))?;
                if let Ok(mut accepted) = accepted.lock() {
                    accepted.push(stream);
                }
            }
            Ok(())
        });
        let clients = Clients::run(&["fill", &port.to_string(), &count.to_string()])?;
        accepting.join().map_err(|_| "the accepting thread panicked")??;
        Ok(PlainCrowd { sockets, clients: Some(clients) })
    }

    fn ask(&mut self, word: &str, count: usize) -> Result<(), Failure> {
        self.clients.as_mut().ok_or("there are no clients")?.ask(word, count).map(drop)
    }
}

impl Drop for PlainCrowd {
    fn drop(&mut self) {
        drop(self.clients.take());
        let _ = wait(|| threads() <= MAX_KEPT_THREADS);
    }
}

fn plain_echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut part, mut head) = ([0; 512], Vec::new());
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
    let answer = plain_message();
    while stream.read(&mut part)? > 0 {
        stream.write_all(&answer)?;
    }
    Ok(())
}

/// A server's frame.
fn plain_message() -> [u8; ECHO + 2] {
    let mut message = [7; ECHO + 2];
    message[..2].copy_from_slice(&[0x82, ECHO as u8]);
    message
}

fn plain_active(count: usize) -> Result<Work, Failure> {
    let mut crowd = PlainCrowd::open(count)?;
    Ok(Box::new(move || crowd.ask("echo", count)))
}

fn plain_broadcast(count: usize) -> Result<Work, Failure> {
    let mut crowd = PlainCrowd::open(count)?;
    let message = plain_message();
    Ok(Box::new(move || {
        for socket in crowd.sockets.lock().map_err(|_| "a thread panicked")?.iter() {
            (&mut &**socket).write_all(&message)?;
        }
        crowd.ask("receive", count)
    }))
}

/// Polls seldom enough that this costs little CPU.
fn wait(mut done: impl FnMut() -> bool) -> Result<(), Failure> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > TIMEOUT {
            return Err("a connection that was opened or closed is not seen by the server".into());
        }
        thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}

fn coming_and_going(count: usize) -> Result<Work, Failure> {
    let mut crowd = Crowd::open(0)?;
    Ok(Box::new(move || crowd.come_and_go(count)))
}

fn active(count: usize) -> Result<Work, Failure> {
    let mut crowd = Crowd::open(count)?;
    Ok(Box::new(move || crowd.ask("echo", count)))
}

fn idle(count: usize) -> Result<Work, Failure> {
    let mut crowd = Crowd::open(count)?;
    crowd.connect()?;
    let request = frame(0x82, &[7; ECHO]);
    Ok(Box::new(move || {
        crowd.send(&request)?;
        crowd.receive()
    }))
}

fn broadcast(count: usize) -> Result<Work, Failure> {
    let mut crowd = Crowd::open(count)?;
    Ok(Box::new(move || match crowd.hub.broadcast(&[7; ECHO]) {
        queued if queued == count => crowd.ask("receive", count),
        queued => Err(format!("queued for {queued} members of {count}").into()),
    }))
}

fn publish(count: usize) -> Result<Work, Failure> {
    let mut crowd = Crowd::open(count)?;
    crowd.connect()?;
    crowd.send(&frame(0x81, b"topic"))?;
    wait(|| crowd.hub.subscribers("topic") == 1)?;
    Ok(Box::new(move || {
        crowd.hub.publish("topic", &[7; ECHO]);
        crowd.receive()
    }))
}
