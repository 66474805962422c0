//! One thread serves four connections and another descriptor with poll(2). Every message arrives although each batch waits for
//! the answer to the one before, so a message that is left behind in a buffer ends in a timeout.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use stdws::{Client, Deflate, Error, Limits, Message, Server, ServerHandle, Step, Timeouts};
use stdws::{TlsAccept, TlsConnect, TlsIdentity, WebSocket};

type Result<T> = std::result::Result<T, Box<dyn StdError>>;

/// Around the sizes of the read buffers, of a record of TLS, and of a large frame. Zero is a message too.
const SIZES: [usize; 14] = [0, 1, 100, 1_700, 1_792, 1_800, 5_000, 16_300, 16_384, 20_000, 65_536, 70_000, 150_000, 3];
const FIRST_SIZES: [usize; 8] = [1_000, 1_900, 3_000, 5_000, 14_000, 16_000, 30_000, 100_000];
const BATCHES: usize = 40;
const SMALL: usize = 300;
/// A machine under load is slow, and no wait of these tests ends sooner.
const WATCHDOG: Duration = Duration::from_secs(240);

thread_local! {
    /// Number of calls of `poll`, also of those that must not wait.
    static WAKEUPS: Cell<usize> = const { Cell::new(0) };
}

/// Waits until one of the descriptors is readable, at most for `limit`.
fn wait(descriptors: &[BorrowedFd<'_>], limit: Duration) -> std::io::Result<()> {
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN)).collect();
    // A limit too large for the system is none.
    let limit = Timespec::try_from(limit).ok();
    match poll(&mut polled, limit.as_ref()) {
        // A signal: the caller asks again.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What a connection has to say.
#[derive(Debug)]
enum Event {
    Message(usize, Message),
    Ended(usize, stdws::Result<()>),
    /// The other descriptor is readable.
    Other,
}

struct Loop {
    connections: Vec<Option<WebSocket>>,
    other: UnixStream,
}

impl Loop {
    /// Waits for the next events, as the manual shows.
    fn next(&mut self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            for (number, place) in self.connections.iter_mut().enumerate() {
                // A few messages, so that no peer keeps the others waiting.
                for _ in 0..3 {
                    let Some(ws) = place else { break };
                    match ws.try_recv() {
                        Ok(Some(message)) => events.push(Event::Message(number, message)),
                        Err(Error::Timeout(Step::Receive)) => break,
                        end => {
                            events.push(Event::Ended(number, end.map(drop)));
                            *place = None;
                        }
                    }
                }
            }
            if (&self.other).read(&mut [0; 8]).is_ok() {
                events.push(Event::Other);
            }
            if !events.is_empty() {
                return Ok(events);
            }
            let open = || self.connections.iter().flatten();
            let limit = open().map(WebSocket::poll_timeout).min().unwrap_or(Duration::MAX);
            let sockets = open().filter_map(WebSocket::as_fd);
            let descriptors: Vec<_> = sockets.chain([self.other.as_fd()]).collect();
            WAKEUPS.set(WAKEUPS.get() + 1);
            wait(&descriptors, limit)?;
        }
    }

    fn send(&mut self, number: usize, message: &str) -> Result<()> {
        Ok(self.connections[number].as_mut().ok_or("it has ended")?.send(message)?)
    }
}

/// Sends what is asked for: `batch N`, all in one write or each in its own; one message of `size N`; or an echo.
fn serve(mut ws: WebSocket) -> stdws::Result<()> {
    while let Some(request) = ws.recv()? {
        let request = request.into_text().unwrap_or_default();
        match request.split_once(' ').map(|(what, number)| (what, number.parse().unwrap_or(0))) {
            Some(("batch", batch)) => {
                for size in SIZES {
                    let message = vec![batch as u8; size];
                    match batch % 2 {
                        0 => ws.queue(message)?,
                        _ => ws.send(message)?,
                    }
                }
                ws.flush()?;
            }
            Some(("size", size)) => ws.send(vec![7; size])?,
            _ => ws.send(request)?,
        }
    }
    Ok(())
}

fn servers(folder: &Path) -> Result<[ServerHandle; 2]> {
    let bind = || Server::bind("127.0.0.1:0").map(|server| server.deflate(Deflate::default()));
    let identity = TlsIdentity::from_pkcs12(&fs::read(folder.join("right.p12"))?, "secret")?;
    Ok([bind()?.start(serve)?, bind()?.tls(TlsAccept::new(identity)?).start(serve)?])
}

/// TCP and TLS, without and with compression.
fn connect(servers: &[ServerHandle; 2], folder: &Path) -> Result<Vec<Option<WebSocket>>> {
    let port = |server: &ServerHandle| server.local_addr().map(|addr| addr.port()).ok_or("no port");
    let tls = TlsConnect::new().add_root(&fs::read(folder.join("authority.pem"))?)?;
    let mut connections = Vec::new();
    for compressed in [false, true] {
        let plain = Client::new(format!("ws://127.0.0.1:{}", port(&servers[0])?))?;
        let secure = Client::new(format!("wss://localhost:{}", port(&servers[1])?))?.tls(tls.clone())?;
        for client in [plain, secure] {
            let client = if compressed { client.deflate(Deflate::default()) } else { client };
            connections.push(Some(client.limits(Limits::client()).connect()?));
        }
    }
    Ok(connections)
}

fn report(what: &str, count: usize, most: usize) -> Result<()> {
    let wakeups = WAKEUPS.take();
    println!("poll: {what}: {count} messages, {wakeups} wakeups, at most {most}");
    if wakeups > most {
        return Err(format!("{what}: {wakeups} wakeups, and {most} are enough").into());
    }
    Ok(())
}

/// The first message of each connection is longer than the read buffer, and no byte follows it. Over TLS the rest is in memory.
fn first_messages(poll: &mut Loop, again: impl Fn() -> Result<Vec<Option<WebSocket>>>) -> Result<()> {
    let mut bytes = 0;
    for size in FIRST_SIZES {
        poll.connections = again()?;
        let mut left = poll.connections.len();
        for number in 0..left {
            poll.send(number, &format!("size {size}"))?;
        }
        while left > 0 {
            for event in poll.next()? {
                match event {
                    Event::Message(_, message) if message.as_bytes() == vec![7; size] => left -= 1,
                    other => return Err(format!("not {size} bytes: {other:?}").into()),
                }
            }
        }
        bytes += size * poll.connections.len();
    }
    let total = FIRST_SIZES.len() * poll.connections.len();
    // The first reads are short.
    report("first messages", total, 3 * total + bytes / 1024)
}

/// Each batch is asked for when the one before is complete: then nothing arrives that would wake a lost message.
fn batches(poll: &mut Loop) -> Result<()> {
    let total = poll.connections.len() * BATCHES * SIZES.len();
    let mut received = vec![0; poll.connections.len()];
    for number in 0..received.len() {
        poll.send(number, "batch 0")?;
    }
    while received.iter().sum::<usize>() < total {
        for event in poll.next()? {
            let Event::Message(number, message) = event else { return Err("no message".into()) };
            let (batch, size) = (received[number] / SIZES.len(), SIZES[received[number] % SIZES.len()]);
            if message.as_bytes() != vec![batch as u8; size] {
                return Err(format!("connection {number}, batch {batch}: {size} bytes expected").into());
            }
            received[number] += 1;
            if size == SIZES[SIZES.len() - 1] && batch + 1 < BATCHES {
                poll.send(number, &format!("batch {}", batch + 1))?;
            }
        }
    }
    // A long message may arrive in parts: records of TLS have 16 KiB.
    let bytes: usize = SIZES.iter().sum::<usize>() * BATCHES * poll.connections.len();
    report("batches", total, total + bytes / (16 << 10))
}

/// One message at a time on each connection.
fn echoes(poll: &mut Loop) -> Result<()> {
    let total = poll.connections.len() * SMALL;
    for number in 0..poll.connections.len() {
        poll.send(number, "hello 0")?;
    }
    let mut received = vec![0; poll.connections.len()];
    while received.iter().sum::<usize>() < total {
        for event in poll.next()? {
            let Event::Message(number, message) = event else { return Err("no message".into()) };
            if message != format!("hello {}", received[number]).as_str() {
                return Err(format!("connection {number}: {message}").into());
            }
            received[number] += 1;
            if received[number] < SMALL {
                poll.send(number, &format!("hello {}", received[number]))?;
            }
        }
    }
    report("small messages", total, 2 * total)
}

/// Nothing happens, and then the other descriptor is readable.
fn idle(poll: &mut Loop, mut wake: UnixStream) -> Result<UnixStream> {
    let waking = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        // The end of the stream would be an event too.
        wake.write_all(b"x").map(|()| wake)
    });
    let events = poll.next()?;
    let wake = waking.join().map_err(|_| "the other thread panicked")??;
    if !matches!(events[..], [Event::Other]) {
        return Err("something else came".into());
    }
    report("idle", 0, 10)?;
    Ok(wake)
}

/// The thread that polls sends Pings in time, and gives a silent peer up.
fn keepalive(poll: &mut Loop) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let timeouts = Timeouts {
        ping_interval: Duration::from_millis(200),
        pong_timeout: Duration::from_millis(200),
        ..Timeouts::default()
    };
    let client = Client::new(format!("ws://{}", listener.local_addr()?))?.timeouts(timeouts);
    let silent = thread::spawn(move || -> std::io::Result<Vec<u8>> {
        let (mut socket, _) = listener.accept()?;
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            received.extend(byte);
        }
        let head = String::from_utf8_lossy(&received).into_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = stdws::handshake::server::accept_key(key);
        let response = "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        socket.write_all(format!("{response}{accept}\r\n\r\n").as_bytes())?;
        let mut frames = Vec::new();
        // The end may be a reset.
        let _ = socket.read_to_end(&mut frames);
        Ok(frames)
    });
    let number = poll.connections.len();
    poll.connections.push(Some(client.connect()?));
    match &poll.next()?[..] {
        [Event::Ended(at, Err(Error::Timeout(Step::Keepalive)))] if *at == number => {}
        other => return Err(format!("the silent peer was not given up: {other:?}").into()),
    }
    poll.connections.pop();
    // A masked Ping begins with these bytes.
    if silent.join().map_err(|_| "the silent peer panicked")??.first() != Some(&0x89) {
        return Err("no Ping was sent".into());
    }
    report("a silent peer", 0, 20)
}

/// Each connection ends with the closing handshake.
fn close(poll: &mut Loop) -> Result<()> {
    let mut open = poll.connections.len();
    for ws in poll.connections.iter_mut().flatten() {
        ws.start_close(1000, "done")?;
    }
    while open > 0 {
        for event in poll.next()? {
            match event {
                Event::Ended(_, Ok(())) => open -= 1,
                Event::Ended(_, Err(error)) => return Err(error.into()),
                _ => return Err("something else came".into()),
            }
        }
    }
    report("closing", 0, 20)
}

fn main() -> Result<()> {
    thread::spawn(|| {
        thread::sleep(WATCHDOG);
        eprintln!("poll: it hangs: a message was left behind");
        std::process::exit(1);
    });
    let folder = std::env::args_os().nth(1).ok_or("usage: stdws-poll FOLDER_OF_CERTIFICATES")?;
    let servers = servers(folder.as_ref())?;
    let (other, wake) = UnixStream::pair()?;
    other.set_nonblocking(true)?;
    let mut poll = Loop { connections: Vec::new(), other };
    first_messages(&mut poll, || connect(&servers, folder.as_ref()))?;
    batches(&mut poll)?;
    echoes(&mut poll)?;
    let _wake = idle(&mut poll, wake)?;
    keepalive(&mut poll)?;
    close(&mut poll)?;
    println!("poll: one thread received every message of 4 connections over TCP and TLS");
    Ok(())
}
