//! A bounded queue of bytes between two threads. Both ends wait with a timeout, which bounds a stream that only blocks. Knows no
//! stream.
//!
//! Invariants: `bytes` holds at most `CAPACITY`, and has room for no more. Once `closed` is set, no bytes are added, and those in
//! the queue can still be taken. Every change notifies the threads that wait.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::primitives::lock::{Condition, Lock, Locked};

const CAPACITY: usize = 64 << 10;
/// Longer than any connection. The threads of a stream end when it ends.
pub(super) const NO_TIMEOUT: Duration = Duration::from_secs(1 << 31);

#[derive(Debug, Default)]
pub(super) struct Pipe {
    inner: Lock<Inner>,
    changed: Condition,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: VecDeque<u8>,
    /// The end of the stream, with the error that caused it.
    closed: Option<Option<StreamFailure>>,
    /// The thread that takes bytes has ended.
    reader_closed: bool,
}

/// What is kept of an error, for each call that returns it. The error itself may be a value of the caller, which must not be
/// dropped under the lock.
#[derive(Debug)]
struct StreamFailure {
    kind: ErrorKind,
    text: String,
}

impl StreamFailure {
    fn error(&self) -> io::Error {
        io::Error::new(self.kind, self.text.clone())
    }
}

impl Pipe {
    /// Adds the bytes for which there is room, waiting up to `wait` for any. `WouldBlock`: there was none.
    pub(super) fn push(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let room = |inner: &mut Inner| inner.closed.is_none() && inner.bytes.len() >= CAPACITY;
        let mut inner = self.wait(wait, room);
        match &inner.closed {
            Some(Some(failure)) => return Err(failure.error()),
            Some(None) => return Err(ErrorKind::BrokenPipe.into()),
            None => {}
        }
        let count = bytes.len().min(CAPACITY.saturating_sub(inner.bytes.len()));
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        // The room doubles up to `CAPACITY`, which is a power of two; `extend` would double it beyond that.
        let room = inner.bytes.len().saturating_add(count).next_power_of_two();
        let missing = room.saturating_sub(inner.bytes.len());
        inner.bytes.reserve_exact(missing);
        inner.bytes.extend(bytes.iter().take(count));
        self.changed.notify_all();
        Ok(count)
    }

    /// Takes the bytes that are there, waiting up to `wait` for any. `Ok(0)`: the end. `WouldBlock`: there were none.
    pub(super) fn pull(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let mut inner = self.wait(wait, |inner| inner.closed.is_none() && inner.bytes.is_empty());
        if inner.bytes.is_empty() {
            return match &inner.closed {
                Some(None) => Ok(0),
                Some(Some(failure)) => Err(failure.error()),
                None => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let count = to.len().min(inner.bytes.len());
        for (to, from) in to.iter_mut().zip(inner.bytes.drain(..count)) {
            *to = from;
        }
        self.changed.notify_all();
        Ok(count)
    }

    /// Sets the end, after which no bytes are added. Only the first call counts.
    pub(super) fn close(&self, error: Option<io::Error>) {
        let failure = error.map(|error| StreamFailure { kind: error.kind(), text: error.to_string() });
        self.lock().closed.get_or_insert(failure);
        self.changed.notify_all();
    }

    /// Called by the thread that takes bytes, after the last one.
    pub(super) fn close_reader(&self) {
        self.lock().reader_closed = true;
        self.changed.notify_all();
    }

    /// Waits up to `wait` until no thread takes bytes any more. False: one still does.
    pub(super) fn wait_reader_closed(&self, wait: Duration) -> bool {
        self.wait(wait, |inner| !inner.reader_closed).reader_closed
    }

    /// Whether the end has been set.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    fn wait(&self, wait: Duration, not_yet: impl FnMut(&mut Inner) -> bool) -> Locked<'_, Inner> {
        self.lock().wait_while(&self.changed, wait, not_yet)
    }

    fn lock(&self) -> Locked<'_, Inner> {
        self.inner.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn bytes_come_out_in_order_and_the_end_after_them() {
        let pipe = Arc::new(Pipe::default());
        let input: Vec<u8> = (0..200_000u32).map(|i| (i * 31) as u8).collect();
        let (feeder, all) = (pipe.clone(), input.clone());
        let pushing = thread::spawn(move || {
            let mut rest = &all[..];
            while !rest.is_empty() {
                rest = &rest[feeder.push(rest, LONG).unwrap()..];
            }
            feeder.close(None);
        });
        let (mut output, mut part) = (Vec::new(), [0; 1000]);
        loop {
            match pipe.pull(&mut part, LONG).unwrap() {
                0 => break,
                count => output.extend_from_slice(&part[..count]),
            }
        }
        pushing.join().unwrap();
        assert_eq!(output, input);
    }

    #[test]
    fn full_and_empty_time_out() {
        let pipe = Pipe::default();
        assert_eq!(pipe.pull(&mut [0; 8], Duration::ZERO).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(pipe.push(&[0; CAPACITY + 5], LONG).unwrap(), CAPACITY);
        assert_eq!(pipe.push(&[0], Duration::ZERO).unwrap_err().kind(), ErrorKind::WouldBlock);
        pipe.close(Some(ErrorKind::ConnectionReset.into()));
        assert_eq!(pipe.push(&[0], LONG).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(pipe.pull(&mut [0; CAPACITY], LONG).unwrap(), CAPACITY);
        assert_eq!(pipe.pull(&mut [0], LONG).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn the_last_byte_of_room_is_taken_without_a_wait() {
        let (pipe, start) = (Pipe::default(), Instant::now());
        assert_eq!(pipe.push(&[0; CAPACITY - 1], LONG * 2).unwrap(), CAPACITY - 1);
        assert_eq!(pipe.push(&[0; 2], LONG * 2).unwrap(), 1);
        assert!(start.elapsed() < LONG);
        assert!(!pipe.is_closed());
        pipe.close(None);
        assert!(pipe.is_closed());
    }

    /// The formula of the manual's chapter `bounds`: 64 KiB, however the bytes come.
    #[test]
    fn there_is_room_for_the_capacity_and_no_more() {
        for part in [1, 3000, (16 << 10) - 1, 40 << 10, CAPACITY - 1] {
            let pipe = Pipe::default();
            while pipe.push(&vec![0; part], Duration::ZERO).is_ok() {
                let inner = pipe.lock();
                let (length, room) = (inner.bytes.len(), inner.bytes.capacity());
                assert!(room <= CAPACITY && room < (2 * length).max(16), "{room} for {length} bytes");
            }
            assert_eq!(pipe.lock().bytes.capacity(), CAPACITY);
        }
    }

    #[test]
    fn no_bytes_are_pushed_at_once() {
        let pipe = Pipe::default();
        assert_eq!(pipe.push(&[0; CAPACITY], LONG).unwrap(), CAPACITY);
        assert_eq!(pipe.push(&[], LONG).unwrap(), 0, "although there is no room");
    }
}
