//! The bytes of one connection, both ways, unchanged unless a fault is asked for.
//!
//! Each direction has a thread, which reads a block, shows it to the sinks, and writes it. It reads no more before that is
//! done: a receiver that is slow slows its sender, and memory stays bounded.
//!
//! | event | what follows |
//! |---|---|
//! | a side ends its direction | so does the relay, toward the other side; the other direction goes on |
//! | both directions have ended | both connections are closed |
//! | a side fails | its direction has ended; what is sent to it is read and dropped for [`DRAIN`], because an unread rest would destroy what it has sent |
//! | a side takes nothing for `--stall` | both connections are closed |
//! | one direction has ended, and nothing passes for [`HALF_OPEN`] | both connections are closed |
//! | nothing passes for `--idle` | both connections are closed |
//! | a fault drops the connection, or the tool ends | both connections are closed |

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::event::{Event, What};
use super::fault::{Fault, Faults};
use super::lock;
use super::sinks::Sinks;
use super::track::Track;
use crate::bridge::tcp::Stream;
use crate::session::Side;

/// Number of bytes that are read at a time.
const BLOCK: usize = 16 << 10;
/// How often a thread that waits looks at the time.
const TICK: Duration = Duration::from_millis(250);
/// How long the bytes for a side that was lost are read.
const DRAIN: Duration = Duration::from_secs(5);
/// How long one direction may be silent after the other has ended.
const HALF_OPEN: Duration = Duration::from_secs(60);

pub(super) struct Relay {
    pub(super) sinks: Arc<Sinks>,
    pub(super) connection: u64,
    pub(super) idle: Duration,
    pub(super) delay: Duration,
    track: Mutex<Track>,
    /// One direction has ended.
    is_half_open: AtomicBool,
    /// Both connections are to be closed.
    is_closing: AtomicBool,
    /// Why the connection has ended.
    reason: Mutex<Option<String>>,
    start: Instant,
    /// Milliseconds from the start to the last bytes.
    last: AtomicU64,
}

impl Relay {
    pub(super) fn new(sinks: Arc<Sinks>, connection: u64, track: Track, idle: Duration, delay: Duration) -> Relay {
        Relay {
            sinks,
            connection,
            idle,
            delay,
            track: Mutex::new(track),
            is_half_open: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            reason: Mutex::default(),
            start: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Relays until the connection has ended. `first` is what the client has sent already.
    pub(super) fn run(self, client: Stream, server: Stream, first: Vec<u8>, faults: [Faults; 2]) {
        let peers = client.socket().peer_addr().and_then(|client| Ok((client, server.socket().peer_addr()?)));
        let Ok((client_addr, server_addr)) = peers else { return };
        self.event(What::Opened { client: client_addr, server: server_addr });
        let [of_client, of_server] = faults;
        let (relay, client, server) = (Arc::new(self), Arc::new(client), Arc::new(server));
        let (other, near, far) = (relay.clone(), client.clone(), server.clone());
        let spawned =
            thread::Builder::new().spawn(move || other.direction(Side::Server, &far, &near, Vec::new(), of_server));
        match spawned {
            Ok(spawned) => {
                relay.direction(Side::Client, &client, &server, first, of_client);
                let _ = spawned.join();
            }
            Err(error) => relay.close(&client, &server, format!("no thread: {error}")),
        }
        let reason = lock(&relay.reason).take();
        relay.event(What::Ended { reason: reason.unwrap_or_else(|| "both sides have ended".to_owned()) });
        client.shutdown();
        server.shutdown();
    }

    fn direction(&self, side: Side, from: &Stream, to: &Stream, first: Vec<u8>, mut faults: Faults) {
        let _ = from.socket().set_read_timeout(Some(TICK));
        let mut block = vec![0; BLOCK];
        // Since when the receiver takes nothing any more.
        let mut lost: Option<Instant> = None;
        let mut ended = if first.is_empty() { Ok(()) } else { self.pass(side, &first, to, &mut faults, &mut lost) };
        while ended.is_ok() {
            let count = match from.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if is_timeout(&error) => {
                    ended = self.check(lost);
                    continue;
                }
                Err(error) => {
                    self.note(format!("the {} was lost: {error}", name(side)));
                    break;
                }
            };
            ended = self.pass(side, block.get(..count).unwrap_or_default(), to, &mut faults, &mut lost);
        }
        self.finish(side);
        match ended {
            Ok(()) => to.end(),
            Err(reason) => self.close(from, to, reason),
        }
    }

    /// Passes bytes on, after the faults and the sinks have seen them.
    fn pass(
        &self,
        side: Side,
        bytes: &[u8],
        to: &Stream,
        faults: &mut Faults,
        lost: &mut Option<Instant>,
    ) -> Result<(), String> {
        self.last.store(self.now(), Ordering::Relaxed);
        thread::sleep(self.delay);
        let mut out = Vec::new();
        let fault = faults.apply(bytes, &mut out);
        for text in faults.take_notes() {
            self.event(What::Fault { from: side, text });
        }
        self.show(side, &out);
        let written = if lost.is_none() { faults.pieces(&out).try_for_each(|piece| to.write(piece)) } else { Ok(()) };
        match written {
            Err(error) if is_timeout(&error) => return Err(format!("the {} takes nothing", name(other(side)))),
            Err(error) => {
                self.note(format!("the {} was lost: {error}", name(other(side))));
                *lost = Some(Instant::now());
            }
            Ok(()) => {}
        }
        match fault {
            Fault::None => self.check(*lost),
            Fault::Drop => Err("dropped on purpose".to_owned()),
        }
    }

    /// Fails when the connection is to end.
    fn check(&self, lost: Option<Instant>) -> Result<(), String> {
        if self.is_closing.load(Ordering::Relaxed) || lost.is_some_and(|since| since.elapsed() >= DRAIN) {
            return Err("the other side was lost".to_owned());
        }
        if self.sinks.is_ending() {
            return Err("ws inspect ends".to_owned());
        }
        let silent = Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)));
        match self.is_half_open.load(Ordering::Relaxed) {
            true if silent >= HALF_OPEN => Err("one side has ended, and the other is silent".to_owned()),
            false if silent >= self.idle => Err("nothing passed for the time of --idle".to_owned()),
            _ => Ok(()),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Keeps the first reason.
    fn note(&self, reason: String) {
        lock(&self.reason).get_or_insert(reason);
    }

    fn close(&self, one: &Stream, other: &Stream, reason: String) {
        self.note(reason);
        self.is_closing.store(true, Ordering::Relaxed);
        one.shutdown();
        other.shutdown();
    }

    /// The lock keeps the events of a connection in their order. The sinks have one of their own, which is taken inside.
    fn show(&self, side: Side, bytes: &[u8]) {
        let mut track = lock(&self.track);
        let at = since_1970();
        self.sinks.bytes(at, self.connection, side, bytes);
        let mut events = Vec::new();
        track.feed(side, bytes, &mut events);
        self.emit(at, events);
    }

    fn finish(&self, side: Side) {
        let mut track = lock(&self.track);
        let mut events = Vec::new();
        track.finish(side, &mut events);
        self.last.store(self.now(), Ordering::Relaxed);
        self.is_half_open.store(true, Ordering::Relaxed);
        self.emit(since_1970(), events);
    }

    fn event(&self, what: What) {
        self.emit(since_1970(), vec![what]);
    }

    fn emit(&self, at: Duration, events: Vec<What>) {
        for what in events {
            self.sinks.event(&Event { at, connection: self.connection, what });
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The first bytes of a client, which ask for something. `None`: it has ended, or it is silent for too long.
pub(super) fn first_bytes(client: &Stream, limit: Duration) -> Option<Vec<u8>> {
    client.socket().set_read_timeout(Some(limit)).ok()?;
    let mut block = vec![0; BLOCK];
    let count = client.read(&mut block).ok().filter(|count| *count > 0)?;
    block.truncate(count);
    Some(block)
}

pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(super) fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
