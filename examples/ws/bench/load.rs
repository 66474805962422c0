//! The work of `ws bench`: connections that send, receive and measure until the end.
//!
//! | thread | does |
//! |---|---|
//! | worker, one for each connection (`connections`: one for all) | connects, measures, sends its [`Part`] once |
//! | sender of a worker, for `throughput` | sends while less than `--window` messages are unanswered |
//! | main | shows the counter, and adds up the parts |
//!
//! The threads share [`Load`], which has only atomics. No thread waits for another without a bound: a worker waits at most
//! `--timeout` for an answer, and the sender ends when its worker drops the slots or aborts the connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Client, Error, Message, Step, WebSocket};

use super::histogram::Histogram;

/// How long `connections` waits between two looks at all connections.
const LOOK: Duration = Duration::from_millis(50);

/// Number of failures after which `connections` opens no more.
const FAILURES: u64 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    RoundTrips,
    Throughput,
    Handshakes,
    Connections,
}

pub(super) struct Load {
    pub(super) kind: Kind,
    pub(super) client: Client,
    pub(super) message: Message,
    pub(super) connections: u64,
    pub(super) window: usize,
    pub(super) timeout: Duration,
    pub(super) duration: Duration,
    /// Maximum number of messages or handshakes of all workers together.
    pub(super) most: u64,
    /// Where the workers wait until all connections are open.
    pub(super) gate: Barrier,
    /// Number of those begun.
    pub(super) begun: AtomicU64,
    /// Number of those finished, for the counter.
    pub(super) done: AtomicU64,
}

/// What one worker has measured.
#[derive(Default)]
pub(super) struct Part {
    /// Times for opening a connection.
    pub(super) opened: Histogram,
    /// Times for an answer to a message, or to a Ping.
    pub(super) answered: Histogram,
    pub(super) answers: u64,
    /// Answers that are not the message.
    pub(super) different: u64,
    /// How long it measured; for `connections`, how long it opened them.
    pub(super) took: Duration,
    /// Connections that failed or were lost.
    pub(super) failed: u64,
    pub(super) first_error: Option<Error>,
}

impl Part {
    pub(super) fn merge(&mut self, other: Part) {
        self.opened.merge(&other.opened);
        self.answered.merge(&other.answered);
        self.answers += other.answers;
        self.different += other.different;
        self.took = self.took.max(other.took);
        self.failed += other.failed;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    fn fail(&mut self, error: Error) {
        self.failed += 1;
        self.first_error.get_or_insert(error);
    }

    fn answer(&mut self, answer: &Message, load: &Load) {
        self.answers += 1;
        self.different += u64::from(*answer != load.message);
        load.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Load {
    /// Number of threads that [`Load::work`] is for.
    pub(super) fn workers(&self) -> u64 {
        if self.kind == Kind::Connections {
            1
        } else {
            self.connections
        }
    }

    pub(super) fn work(self: &Arc<Load>) -> Part {
        let mut part = Part::default();
        let result = match self.kind {
            Kind::RoundTrips => self.opened(&mut part, Load::round_trips),
            Kind::Throughput => self.opened(&mut part, Load::throughput),
            Kind::Handshakes => {
                self.handshakes(&mut part);
                Ok(())
            }
            Kind::Connections => {
                self.hold(&mut part);
                Ok(())
            }
        };
        if let Err(error) = result {
            part.fail(error);
        }
        part
    }

    /// Opens a connection, waits until those of all workers are open, and measures.
    fn opened(
        self: &Arc<Load>,
        part: &mut Part,
        measure: fn(&Arc<Load>, &mut WebSocket, Instant, &mut Part) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ws = self.open(part);
        // Also after a failure, because the others wait for all.
        self.gate.wait();
        let (mut ws, start) = (ws?, Instant::now());
        let result = measure(self, &mut ws, start + self.duration, part);
        part.took = start.elapsed();
        if result.is_err() {
            ws.abort();
        }
        result.and_then(|()| ws.close(1000, "").map(drop))
    }

    /// Whether there is time for one more, within the number of all.
    fn take(&self, end: Instant) -> bool {
        Instant::now() < end && self.begun.fetch_add(1, Ordering::Relaxed) < self.most
    }

    fn open(&self, part: &mut Part) -> Result<WebSocket, Error> {
        let start = Instant::now();
        let ws = self.client.connect()?;
        part.opened.add(start.elapsed());
        Ok(ws)
    }

    fn round_trips(self: &Arc<Load>, ws: &mut WebSocket, end: Instant, part: &mut Part) -> Result<(), Error> {
        while self.take(end) {
            let start = Instant::now();
            ws.send(&self.message)?;
            let answer = ws.recv_timeout(self.timeout)?.ok_or(Error::Closed(ws.close_info()))?;
            part.answered.add(start.elapsed());
            part.answer(&answer, self);
        }
        Ok(())
    }

    fn throughput(self: &Arc<Load>, ws: &mut WebSocket, end: Instant, part: &mut Part) -> Result<(), Error> {
        // The worker holds one more slot while it waits for the answer.
        let (slots, taken) = mpsc::sync_channel::<()>(self.window - 1);
        let (sender, load) = (ws.sender(), self.clone());
        let sending = thread::spawn(move || {
            while load.take(end) && slots.send(()).is_ok() {
                sender.send(&load.message)?;
            }
            Ok(())
        });
        let result = self.receive(ws, &taken, part);
        drop(taken);
        if result.is_err() {
            ws.abort();
        }
        let sent = sending.join().unwrap_or(Ok(()));
        result.and(sent)
    }

    fn receive(&self, ws: &mut WebSocket, taken: &mpsc::Receiver<()>, part: &mut Part) -> Result<(), Error> {
        // Ends when the sender has ended, and each of its messages is answered.
        while taken.recv().is_ok() {
            let answer = ws.recv_timeout(self.timeout)?.ok_or(Error::Closed(ws.close_info()))?;
            part.answer(&answer, self);
        }
        Ok(())
    }

    fn handshakes(&self, part: &mut Part) {
        let start = Instant::now();
        let end = start + self.duration;
        while self.take(end) {
            match self.open(part).and_then(|mut ws| ws.close(1000, "")) {
                Ok(_) => drop(self.done.fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    part.fail(error);
                    // A server that is not there would be asked millions of times.
                    thread::sleep(LOOK);
                }
            }
        }
        part.took = start.elapsed();
    }

    /// Opens all connections, holds them, pings each, and closes them.
    fn hold(&self, part: &mut Part) {
        let start = Instant::now();
        let mut open = self.open_all(part);
        part.took = start.elapsed();
        let end = Instant::now() + self.duration;
        while Instant::now() < end && !open.is_empty() {
            look(&mut open, part);
            thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
        }
        // Each waits for itself, and all together for this long.
        let end = Instant::now() + self.timeout;
        for ws in &mut open {
            let ping = if Instant::now() < end { ws.ping() } else { Err(Error::Timeout(Step::Pong)) };
            match ping {
                Ok(took) => {
                    part.answered.add(took);
                    part.answers += 1;
                }
                Err(error) => part.fail(error),
            }
        }
        // All Closes are sent before the first answer is awaited.
        open.retain_mut(|ws| ws.start_close(1000, "").is_ok());
        for mut ws in open {
            match Instant::now() < end {
                true => drop(ws.close(1000, "")),
                false => ws.abort(),
            }
        }
    }

    fn open_all(&self, part: &mut Part) -> Vec<WebSocket> {
        let (mut open, mut looked) = (Vec::new(), Instant::now());
        for _ in 0..self.connections {
            match self.open(part) {
                Ok(ws) => open.push(ws),
                Err(error) => {
                    let stop = error.is_timeout() || part.failed + 1 >= FAILURES;
                    part.fail(error);
                    if stop {
                        break;
                    }
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            // Pings of the server are answered meanwhile.
            if looked.elapsed() > Duration::from_secs(1) {
                look(&mut open, part);
                looked = Instant::now();
            }
        }
        open
    }
}

/// Receives what has come, and drops the connections that have ended.
fn look(open: &mut Vec<WebSocket>, part: &mut Part) {
    open.retain_mut(|ws| match ws.try_recv() {
        Ok(Some(_)) => true,
        Err(error) if error.is_timeout() => true,
        Ok(None) => {
            part.fail(Error::Closed(ws.close_info()));
            false
        }
        Err(error) => {
            part.fail(error);
            false
        }
    });
}
