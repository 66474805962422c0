//! Bytes on their way out: encoded frames that wait for the network to take them, in order.
//!
//! An outbox belongs to whoever may write. It is emptied in one of two ways: [`Outbox::write`] waits for the network,
//! with a limit, and is for those who send; [`Outbox::write_now`] takes what goes without waiting, and is for the one who
//! receives, because a receiver that waits for its peer to read deadlocks with a peer that does the same.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::stream::{Stream, SLICE};

/// Each further so many bytes get the time limit anew.
const PROGRESS: usize = 64 << 10;
/// Room kept for the next frames; more is given back when the outbox is empty.
const KEEP: usize = 128 << 10;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// So many of them have been written.
    written: usize,
    /// The last attempt not to wait was stopped by a full network: the next ones are made without blocking at all.
    congested: bool,
}

impl Outbox {
    /// Where the next frame goes. Bytes may only be appended.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether bytes wait because the network did not take them.
    pub(crate) fn is_congested(&self) -> bool {
        self.congested
    }

    /// Writes everything, and `tail` behind it without copying it. `TimedOut` when that takes longer than `limit`.
    pub(crate) fn write(&mut self, stream: &Stream, mut tail: &[u8], limit: Limit) -> io::Result<()> {
        let mut patience = Patience { limit, since: None, progress: 0 };
        while !self.is_empty() || !tail.is_empty() {
            let first = self.bytes.get(self.written..).unwrap_or_default();
            let first_length = first.len();
            match stream.write(first, tail) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written = self.written.saturating_add(count.min(first_length));
                    tail = tail.get(count.saturating_sub(first_length)..).unwrap_or_default();
                    if !self.is_empty() || !tail.is_empty() {
                        patience.moved(count)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => patience.moved(0)?,
                Err(error) => return Err(error),
            }
        }
        self.emptied();
        Ok(())
    }

    /// Writes what goes without waiting (at most one [`SLICE`], and that only when the network has just become full).
    pub(crate) fn write_now(&mut self, stream: &Stream) -> io::Result<()> {
        while !self.is_empty() {
            let bytes = self.bytes.get(self.written..).unwrap_or_default();
            let result = match self.congested || !cfg!(unix) {
                true => stream.write_now(bytes),
                false => stream.write(bytes, &[]),
            };
            match result {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written = self.written.saturating_add(count);
                    // A write that was cut short has waited for its slice.
                    self.congested = !self.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.congested = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.emptied();
        Ok(())
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }

    fn emptied(&mut self) {
        self.written = 0;
        self.congested = false;
        self.bytes.clear();
        if self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        }
    }
}

/// How long a write may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// So long for each 64 KiB, and for the rest.
    Each(Duration),
    /// So long for all of it.
    Whole(Duration),
}

/// Counts waiting time from the first stop on, so that a write that does not stop never asks the clock.
struct Patience {
    limit: Limit,
    since: Option<Instant>,
    progress: usize,
}

impl Patience {
    /// Called when the network took so many bytes but not all.
    fn moved(&mut self, count: usize) -> io::Result<()> {
        let now = Instant::now();
        self.progress = self.progress.saturating_add(count);
        let limit = match self.limit {
            Limit::Each(limit) => {
                if self.progress >= PROGRESS {
                    self.progress = 0;
                    self.since = Some(now);
                }
                limit
            }
            Limit::Whole(limit) => limit,
        };
        // The first stop comes after one slice at the latest.
        let since = *self.since.get_or_insert(now.checked_sub(SLICE).unwrap_or(now));
        match now.saturating_duration_since(since) >= limit {
            true => Err(ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    }
}
