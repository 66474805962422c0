//! What became of each message and connection. The first fault ends the run.
//!
//! A message whose `send` returned `Ok` is either echoed, once and in order, or its connection reports an end to `recv`. Only
//! connections that somebody disturbs may end before the last echo.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Maximum number of faults that are kept.
const MAX_FAULTS: usize = 20;

#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages whose `send` returned `Ok`.
    pub(crate) sent: Count,
    pub(crate) echoed: Count,
    /// Messages that were sent on connections that ended before their echo.
    pub(crate) ended: Count,
    /// Connections of clients that nobody disturbs, and of those that a handler ends early.
    pub(crate) calm: Count,
    pub(crate) disturbed: Count,
    /// Connections of peers that break the rules, and attempts to connect to servers that do.
    pub(crate) hostile: Count,
    pub(crate) hostile_servers: Count,
    /// Messages of the hub, and those that its members checked.
    pub(crate) published: Count,
    pub(crate) received: Count,
    /// Reads of a plain socket that a signal interrupted.
    pub(crate) interrupted: Count,
    stopped: AtomicBool,
    faults: Mutex<Vec<String>>,
}

impl Ledger {
    /// Records a fault, and ends the run.
    pub(crate) fn fault(&self, what: impl Into<String>) {
        let (what, mut faults) = (what.into(), self.faults.lock().unwrap());
        eprintln!("soak: FAULT: {what}");
        if faults.len() < MAX_FAULTS {
            faults.push(what);
        }
        self.stop();
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.faults.lock().unwrap().is_empty()
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Waits for so long, or until the run ends.
    pub(crate) fn pause(&self, time: Duration) {
        let start = Instant::now();
        while !self.is_stopped() && start.elapsed() < time {
            std::thread::sleep(Duration::from_millis(50).min(time));
        }
    }

    /// Records what became of the messages of one connection.
    pub(crate) fn settle(&self, sent: u64, echoed: u64) {
        // The last `send` may fail after the peer has the message.
        let sent = sent.max(echoed);
        self.sent.add(sent);
        self.echoed.add(echoed);
        self.ended.add(sent - echoed);
    }
}

/// Pseudo-random numbers (xorshift), so that the choices of a thread are the same in each run.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Choices {
        Choices(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
