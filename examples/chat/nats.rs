//! Lines to and from the other processes, through a NATS server: its text protocol over a plain TcpStream, which is all
//! that is needed of it (<https://docs.nats.io/reference/reference-protocols/nats-protocol>).
//!
//! | who | when |
//! |---|---|
//! | `run`, one permanent thread | connects, waits after a loss (250 ms, doubling up to 8 s), connects again |
//! | `read`, one thread per connection | delivers received messages; ends after a minute without bytes |
//! | `write`, in the thread of `run` | writes published lines, a PING every 20 s, and a PONG for each PING that `read` has received |
//!
//! Up to [`MAX_QUEUED_LINES`] lines wait while there is no connection; further ones reach only this process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

const SUBJECT: &str = "stdws.chat";
const MAX_QUEUED_LINES: usize = 1024;
const MAX_LINE: u64 = 16 << 10;
const MAX_PAYLOAD: usize = 16 << 10;
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const PING_INTERVAL: Duration = Duration::from_secs(20);
const IO_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Nats {
    lines: SyncSender<String>,
}

impl Nats {
    /// Connects to the server, and reconnects. Calls `deliver` with each line of another process.
    pub(crate) fn start(address: String, deliver: impl Fn(&str) + Send + Sync + 'static) -> io::Result<Nats> {
        let (lines, waiting) = sync_channel(MAX_QUEUED_LINES);
        thread::Builder::new().name("nats".into()).spawn(move || run(&address, &waiting, &deliver))?;
        Ok(Nats { lines })
    }

    /// Publishes a line to the other processes. Never waits.
    pub(crate) fn publish(&self, line: String) {
        // Full: the server has been unreachable for long. The chat continues without the other processes.
        let _ = self.lines.try_send(line);
    }
}

fn run(address: &str, waiting: &Receiver<String>, deliver: &(impl Fn(&str) + Sync)) {
    let mut pause = Duration::from_millis(250);
    loop {
        let start = Instant::now();
        match session(address, waiting, deliver) {
            Ok(()) => return,
            // Not `eprintln`, which panics when nobody reads.
            Err(error) => {
                let _ = writeln!(io::stderr(), "chat: NATS at {address}: {error}; trying again in {pause:?}");
            }
        }
        if start.elapsed() > IO_TIMEOUT {
            pause = Duration::from_millis(250);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(8));
    }
}

/// One connection. `Ok`: the publisher has ended.
fn session(address: &str, waiting: &Receiver<String>, deliver: &(impl Fn(&str) + Sync)) -> io::Result<()> {
    let mut socket = connect(address)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    let info = line(&mut reader)?;
    if !info.starts_with("INFO ") {
        return Err(io::Error::other("this is not a NATS server"));
    }
    // `echo: false`: the server does not send lines back to the process that published them.
    write!(
        socket,
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"rust\",\"version\":\"1\"}}\r\n"
    )?;
    write!(socket, "SUB {SUBJECT} 1\r\nPING\r\n")?;
    let (pong_due, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let result = read(&mut reader, &pong_due, deliver);
            ended.store(true, Ordering::Release);
            result
        });
        let written = write(&mut socket, waiting, &pong_due, &ended);
        let _ = socket.shutdown(Shutdown::Both);
        // The reader has the reason of the end.
        match reading.join() {
            Ok(Err(error)) if ended.load(Ordering::Acquire) && written.as_ref().is_ok_and(|finished| !finished) => {
                Err(error)
            }
            _ => written.map(drop),
        }
    })
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, IO_TIMEOUT) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(READ_TIMEOUT))?;
                socket.set_write_timeout(Some(IO_TIMEOUT))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// True: the publisher has ended. False: the reader has ended.
fn write(
    socket: &mut TcpStream,
    waiting: &Receiver<String>,
    pong_due: &AtomicBool,
    ended: &AtomicBool,
) -> io::Result<bool> {
    let mut pinged = Instant::now();
    loop {
        match waiting.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                let mut message = format!("PUB {SUBJECT} {}\r\n{line}\r\n", line.len());
                // Waiting lines are sent in the same write.
                while message.len() < MAX_PAYLOAD {
                    let Ok(line) = waiting.try_recv() else { break };
                    message += &format!("PUB {SUBJECT} {}\r\n{line}\r\n", line.len());
                }
                socket.write_all(message.as_bytes())?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
        }
        if ended.load(Ordering::Acquire) {
            return Ok(false);
        }
        if pong_due.swap(false, Ordering::AcqRel) {
            socket.write_all(b"PONG\r\n")?;
        }
        if pinged.elapsed() >= PING_INTERVAL {
            pinged = Instant::now();
            socket.write_all(b"PING\r\n")?;
        }
    }
}

fn read(reader: &mut impl BufRead, pong_due: &AtomicBool, deliver: &impl Fn(&str)) -> io::Result<()> {
    let mut payload = Vec::new();
    loop {
        let line = line(reader)?;
        match line.split(' ').next() {
            Some("MSG") => {
                // MSG subject sid [reply-to] bytes
                let length = line.rsplit(' ').next().and_then(|length| length.parse::<usize>().ok());
                let length = length.filter(|length| *length <= MAX_PAYLOAD);
                let length = length.ok_or_else(|| io::Error::other("a message that is too long"))?;
                payload.resize(length + 2, 0);
                reader.read_exact(&mut payload)?;
                match payload.strip_suffix(b"\r\n").map(std::str::from_utf8) {
                    Some(Ok(text)) => deliver(text),
                    Some(Err(_)) => {}
                    None => return Err(io::Error::other("a message that does not end where it said")),
                }
            }
            Some("PING") => pong_due.store(true, Ordering::Release),
            Some("PONG" | "INFO" | "+OK") => {}
            _ => return Err(io::Error::other(format!("the server says {line:?}"))),
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None if line.is_empty() => Err(io::Error::other("the server ended the connection")),
        None => Err(io::Error::other("a line that does not end")),
    }
}
