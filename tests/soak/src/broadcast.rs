//! The hub: publishers, members that read everything, members that come and go, and members that do not read.
//!
//! A message is the name of its publisher, a number, and padding. A member sees the numbers of each publisher without a gap, from
//! the first one it sees. A member that was there before the first sees all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use stdws::{Error, Hub, Step, WebSocket};

use crate::clients::Route;
use crate::ledger::{Choices, Ledger};
use crate::servers::TOPIC;

pub(crate) const PUBLISHERS: usize = 2;
pub(crate) const READERS: usize = 2;
pub(crate) const END: &str = "end";
/// Maximum number of messages of a publisher that a reader has not seen: less than a queue holds.
const AHEAD: u64 = 10;
const LIMIT: Duration = Duration::from_secs(120);

/// What publishers and readers know of each other.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) readers: AtomicU64,
    /// Number of messages that each reader has seen of each publisher.
    seen: [[AtomicU64; PUBLISHERS]; READERS],
    published: [AtomicU64; PUBLISHERS],
}

impl Progress {
    fn slowest(&self, publisher: usize) -> u64 {
        self.seen.iter().map(|seen| seen[publisher].load(Relaxed)).min().unwrap_or(0)
    }
}

/// Publishes until the run ends. Returns the number of queued copies.
pub(crate) fn publish(hub: &Hub, publisher: usize, progress: &Progress, ledger: &Ledger) -> u64 {
    let (mut choices, mut copies) = (Choices::new(publisher as u64 + 1), 0);
    while !ledger.is_stopped() && progress.readers.load(Relaxed) < READERS as u64 {
        ledger.pause(Duration::from_millis(5));
    }
    let mut number = 0;
    while !ledger.is_stopped() {
        if number >= progress.slowest(publisher) + AHEAD {
            ledger.pause(Duration::from_millis(1));
            continue;
        }
        let text = format!("{publisher} {number} {}", "x".repeat(choices.below(8_000) as usize));
        copies += hub.publish(TOPIC, &text) as u64;
        number += 1;
        progress.published[publisher].store(number, Relaxed);
        ledger.published.add(1);
        ledger.pause(Duration::from_millis(choices.below(4)));
    }
    copies
}

enum Seen {
    Message { publisher: usize, number: u64 },
    Other(String),
    Ended(Option<Error>),
}

/// Waits for the next message, unless another thread has found a fault.
fn next(ws: &mut WebSocket, ledger: &Ledger) -> Seen {
    let start = Instant::now();
    let text = loop {
        match ws.recv_timeout(Duration::from_secs(1)) {
            Ok(Some(message)) => break message.into_text().unwrap_or_default(),
            Ok(None) => return Seen::Ended(None),
            Err(Error::Timeout(Step::Receive)) if start.elapsed() < LIMIT && !ledger.has_failed() => {}
            Err(error) => return Seen::Ended(Some(error)),
        }
    };
    let mut words = text.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    match (number(), number()) {
        (Some(publisher), Some(number)) => Seen::Message { publisher: publisher as usize, number },
        _ => Seen::Other(text),
    }
}

/// Is a member from before the first message to after the last, and has to see all.
pub(crate) fn read_all(route: &Route, reader: usize, progress: &Progress, ledger: &Ledger) {
    let name = format!("reader {reader} over {}", route.name);
    let mut ws = match (route.client)("/hub").and_then(|client| client.connect()) {
        Ok(ws) => ws,
        Err(error) => return ledger.fault(format!("{name}: {error}")),
    };
    loop {
        match next(&mut ws, ledger) {
            Seen::Other(text) if text == "welcome" => drop(progress.readers.fetch_add(1, Relaxed)),
            Seen::Other(text) if text == END => break,
            Seen::Message { publisher, number } => {
                let due = progress.seen[reader][publisher].fetch_add(1, Relaxed);
                if number != due {
                    return ledger
                        .fault(format!("{name}: message {due} of publisher {publisher} was due, not {number}"));
                }
                ledger.received.add(1);
            }
            Seen::Other(text) => return ledger.fault(format!("{name}: {text:?}")),
            Seen::Ended(_) if ledger.has_failed() => return,
            Seen::Ended(error) => return ledger.fault(format!("{name}: the connection has ended: {error:?}")),
        }
    }
    for publisher in 0..PUBLISHERS {
        let (seen, published) = (&progress.seen[reader][publisher], &progress.published[publisher]);
        if seen.load(Relaxed) != published.load(Relaxed) {
            ledger.fault(format!("{name}: {seen:?} of {published:?} messages of publisher {publisher} came"));
        }
    }
    drop(ws.close(1000, ""));
}

/// Comes and goes. Each third time it does not read for a while.
pub(crate) fn come_and_go(route: &Route, ledger: &Ledger) {
    let mut choices = Choices::new(99);
    for turn in 0_u64.. {
        if ledger.is_stopped() {
            return;
        }
        let mut ws = match (route.client)("/hub").and_then(|client| client.connect()) {
            Ok(ws) => ws,
            Err(error) => return ledger.fault(format!("a member: {error}")),
        };
        if turn % 3 == 2 {
            ledger.pause(Duration::from_secs(choices.below(12)));
        }
        let mut due = HashMap::new();
        for _ in 0..choices.below(300) {
            match next(&mut ws, ledger) {
                Seen::Message { publisher, number } => {
                    let due = due.entry(publisher).or_insert(number);
                    if *due != number {
                        return ledger.fault(format!("a member: message {due} of {publisher} was due, not {number}"));
                    }
                    *due += 1;
                    ledger.received.add(1);
                }
                Seen::Other(text) if text == "welcome" => {}
                // Its queue was full, or the run has ended.
                Seen::Other(text) if text == END => break,
                Seen::Other(text) => return ledger.fault(format!("a member: {text:?}")),
                Seen::Ended(Some(Error::Timeout(Step::Receive))) => {
                    if !ledger.is_stopped() {
                        ledger.fault("a member gets nothing");
                    }
                    break;
                }
                Seen::Ended(_) => break,
            }
            if ledger.is_stopped() {
                break;
            }
        }
        match turn % 2 {
            0 => drop(ws.close(1000, "")),
            _ => ws.abort(),
        }
    }
}
