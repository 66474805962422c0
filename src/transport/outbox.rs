//! Bytes on their way out: encoded frames that wait for the network to take them, in order.
//!
//! An outbox belongs to whoever may write. It is emptied in one of three ways: [`Outbox::write`] waits for the network,
//! with a limit, and is for those who send; [`Outbox::write_now`] takes what goes without waiting, and is for the one who
//! receives, because a receiver that waits for its peer to read deadlocks with a peer that does the same.
//! [`Outbox::write_beside`] never waits, and is for a hub, which serves many.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::deadline::SLICE;
use super::stream::Stream;

/// Each further so many bytes get the time limit anew.
const PROGRESS: usize = 64 << 10;
/// Room kept for the next frames; more is given back when the outbox is empty.
const KEEP: usize = 128 << 10;
/// Copying so much costs less than a write of its own.
const SMALL: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// So many of them have been written.
    written: usize,
    /// A frame that others send too, and how much of it has been written. It comes behind `bytes`.
    shared: Option<(Arc<[u8]>, usize)>,
    /// The last attempt not to wait was stopped by a full network: the next ones are made without blocking at all.
    congested: bool,
}

impl Outbox {
    /// Where the next frame goes. Bytes may only be appended.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        if self.shared.is_some() {
            self.unshare();
        }
        &mut self.bytes
    }

    /// Puts a frame behind all that waits. It is copied only if it is small and others wait too, so that they go out
    /// together. What comes behind it then copies what is left of it.
    pub(crate) fn share(&mut self, frame: Arc<[u8]>) {
        self.unshare();
        match !self.is_empty() && frame.len() <= SMALL {
            true => self.bytes.extend_from_slice(&frame),
            false => self.shared = Some((frame, 0)),
        }
    }

    fn unshare(&mut self) {
        if let Some((frame, written)) = self.shared.take() {
            self.bytes.extend_from_slice(frame.get(written..).unwrap_or_default());
        }
    }

    /// How many bytes wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |(frame, written)| frame.len().saturating_sub(*written));
        self.bytes.len().saturating_sub(self.written).saturating_add(shared)
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
        self.unshare();
        while !self.is_empty() || !tail.is_empty() {
            let first = self.bytes.get(self.written..).unwrap_or_default();
            let first_length = first.len();
            match stream.write(first, tail) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written = self.written.saturating_add(count.min(first_length));
                    tail = tail.get(count.saturating_sub(first_length)..).unwrap_or_default();
                    if !self.is_empty() || !tail.is_empty() {
                        // Without this a keepalive would take the silence of a peer that is busy taking bytes for death.
                        stream.note_progress();
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

    /// Writes what goes without waiting (at most one [`SLICE`], and that only when the network has just become full). For
    /// the thread that reads.
    pub(crate) fn write_now(&mut self, stream: &Stream) -> io::Result<()> {
        if self.is_empty() && stream.has_answers() {
            match stream.write_now(&[]) {
                Ok(_) => self.emptied(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.congested = true,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
        self.empty(|bytes, congested| match congested || !cfg!(unix) {
            true => stream.write_now(bytes),
            false => stream.write(bytes, &[]),
        })
    }

    /// Writes what goes without waiting at all, for a thread that serves many. Gives the number of bytes.
    pub(crate) fn write_beside(&mut self, stream: &Stream) -> io::Result<usize> {
        let before = self.len();
        self.empty(|bytes, _| stream.write_beside(bytes))?;
        Ok(before.saturating_sub(self.len()))
    }

    /// Writes until nothing is left, or nothing goes.
    fn empty(&mut self, write: impl Fn(&[u8], bool) -> io::Result<usize>) -> io::Result<()> {
        while !self.is_empty() {
            let bytes = self.first();
            let length = bytes.len();
            match write(bytes, self.congested) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.advance(count);
                    // A write that was cut short has met a full network.
                    self.congested = count < length;
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

    /// What is to be written next.
    fn first(&self) -> &[u8] {
        match (self.bytes.get(self.written..).unwrap_or_default(), &self.shared) {
            ([], Some((frame, written))) => frame.get(*written..).unwrap_or_default(),
            (bytes, _) => bytes,
        }
    }

    /// So much of it has been written.
    fn advance(&mut self, count: usize) {
        match &mut self.shared {
            Some((_, written)) if self.written >= self.bytes.len() => *written = written.saturating_add(count),
            _ => self.written = self.written.saturating_add(count),
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }

    fn emptied(&mut self) {
        self.shared = None;
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
    /// All of it by then.
    Whole(Deadline),
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
        let over = match self.limit {
            Limit::Whole(by) => by.passed(),
            Limit::Each(limit) => {
                let now = Instant::now();
                self.progress = self.progress.saturating_add(count);
                if self.progress >= PROGRESS {
                    self.progress = 0;
                    self.since = Some(now);
                }
                // The first stop comes after one slice at the latest.
                let since = *self.since.get_or_insert(now.checked_sub(SLICE).unwrap_or(now));
                now.saturating_duration_since(since) >= limit
            }
        };
        match over {
            true => Err(ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::tests::{sockets, WRITES};
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;
    use std::sync::mpsc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);
    /// More than a loopback connection holds by itself.
    const MUCH: usize = 24 << 20;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn outbox(bytes: &[u8]) -> Outbox {
        let mut outbox = Outbox::default();
        outbox.bytes().extend_from_slice(bytes);
        outbox
    }

    fn stream() -> (Stream, TcpStream) {
        let (near, far) = sockets();
        (Stream::plain(near, LONG).unwrap(), far)
    }

    fn full(stream: &Stream) -> usize {
        let part = [0; 1 << 16];
        (0..).map_while(|_| stream.write(&part, &[]).ok()).sum()
    }

    #[test]
    fn shared_frames_keep_their_place() {
        // Small and large ones, between others, written in each of the three ways at each place.
        let sizes = [10, SMALL, SMALL + 1, 100_000, 1];
        for ways in 0..243_u32 {
            let (stream, mut far) = stream();
            let (mut outbox, mut expected) = (Outbox::default(), Vec::new());
            let mut way = ways;
            for (number, size) in sizes.into_iter().enumerate() {
                let frame: Arc<[u8]> = vec![number as u8; size].into();
                outbox.share(frame.clone());
                expected.extend_from_slice(&frame);
                match way % 3 {
                    0 => outbox.write_now(&stream).unwrap(),
                    1 => assert!(outbox.write_beside(&stream).unwrap() > 0),
                    _ => {
                        outbox.bytes().extend_from_slice(b"between");
                        expected.extend_from_slice(b"between");
                    }
                }
                way /= 3;
            }
            outbox.write(&stream, b"tail", Limit::Each(LONG)).unwrap();
            expected.extend_from_slice(b"tail");
            assert!(outbox.is_empty());
            let mut came = vec![0; expected.len()];
            far.read_exact(&mut came).unwrap();
            assert!(came == expected, "{ways}");
        }
    }

    #[test]
    fn what_is_left_of_a_shared_frame_is_written_before_anything_else() {
        for copied in [false, true] {
            let (stream, mut far) = stream();
            let frame: Arc<[u8]> = pattern(MUCH).into();
            let mut outbox = outbox(b"first");
            outbox.share(frame.clone());
            let start = Instant::now();
            let written = outbox.write_beside(&stream).unwrap();
            assert!(outbox.is_congested() && written > 5 && written < MUCH);
            assert_eq!(outbox.len(), MUCH + 5 - written);
            assert_eq!(Arc::strong_count(&frame), 2, "it was not copied");
            assert_eq!(outbox.write_beside(&stream).unwrap(), 0);
            // A SLICE for each of some dozen writes would be more.
            assert!(start.elapsed() < LONG / 4);
            if copied {
                outbox.bytes().extend_from_slice(b"behind");
                assert_eq!(Arc::strong_count(&frame), 1);
            }
            let reading = thread::spawn(move || {
                let mut came = Vec::new();
                far.read_to_end(&mut came).unwrap();
                came
            });
            outbox.write(&stream, b"tail", Limit::Each(LONG)).unwrap();
            drop((outbox, stream));
            let came = reading.join().unwrap();
            let behind: &[u8] = if copied { b"behindtail" } else { b"tail" };
            assert!(came == [b"first", &frame[..], behind].concat());
        }
    }

    #[test]
    fn everything_arrives_in_order_at_a_reader_that_is_slow() {
        let (stream, mut far) = stream();
        let bytes = pattern(MUCH);
        let reading = thread::spawn(move || {
            // Longer than some slices: the network is full by then.
            thread::sleep(SLICE * 5);
            let mut came = Vec::new();
            far.read_to_end(&mut came).unwrap();
            came
        });
        let (first, tail) = bytes.split_at(MUCH / 3);
        let mut outbox = outbox(first);
        outbox.write(&stream, tail, Limit::Each(LONG)).unwrap();
        assert!(outbox.is_empty());
        assert!(outbox.bytes.capacity() <= KEEP);
        stream.finish(LONG);
        assert!(reading.join().unwrap() == bytes);
    }

    #[test]
    fn a_reader_that_stops_ends_it() {
        let time = Duration::from_millis(100);
        let bytes = pattern(MUCH);
        for limit in [|time| Limit::Each(time), |time| Limit::Whole(Deadline::after(time))] {
            let (stream, far) = stream();
            let start = Instant::now();
            let error = outbox(b"head").write(&stream, &bytes, limit(time)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(start.elapsed() >= SLICE * 9 && start.elapsed() < LONG / 2, "{:?}", start.elapsed());
            drop(far);
        }
    }

    #[test]
    fn a_reader_that_trickles_ends_the_whole_and_not_each() {
        let bytes = pattern(MUCH);
        for whole in [true, false] {
            let (stream, mut far) = stream();
            full(&stream);
            let (stop, stopped) = mpsc::channel::<()>();
            let reading = thread::spawn(move || {
                let mut part = vec![0; 1 << 20];
                while stopped.recv_timeout(Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if matches!(far.read(&mut part), Ok(0) | Err(_)) {
                        break;
                    }
                }
            });
            let start = Instant::now();
            let limit = match whole {
                true => Limit::Whole(Deadline::after(Duration::from_millis(200))),
                false => Limit::Each(Duration::from_millis(200)),
            };
            let result = outbox(&[]).write(&stream, &bytes, limit).map_err(|error| error.kind());
            match whole {
                true => assert_eq!(result, Err(ErrorKind::TimedOut)),
                false => assert_eq!(result, Ok(())),
            }
            assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
            // What was to be read may have been read already; the reader must not wait for more.
            stream.shut();
            drop(stop);
            reading.join().unwrap();
        }
    }

    #[test]
    fn what_has_to_be_over_by_a_time_that_has_passed_is_not_given_more() {
        let (stream, far) = stream();
        let by = Limit::Whole(Deadline::after(Duration::ZERO));
        let start = Instant::now();
        let error = outbox(&[]).write(&stream, &pattern(MUCH), by).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < LONG / 2);
        drop(far);
    }

    #[test]
    fn writing_now_never_waits_and_keeps_the_order() {
        let (stream, mut far) = stream();
        let sent = pattern(MUCH + 700);
        let (first, more) = sent.split_at(MUCH);
        let mut outbox = outbox(first);
        let start = Instant::now();
        outbox.write_now(&stream).unwrap();
        assert!(!outbox.is_empty(), "the network takes less than that");
        for few in more.chunks(7) {
            outbox.bytes().extend_from_slice(few);
            outbox.write_now(&stream).unwrap();
        }
        // If each had waited for a slice it would be a second. One may, and copying much takes its time.
        assert!(start.elapsed() < SLICE * 90, "{:?}", start.elapsed());
        let total = sent.len();
        let reading = thread::spawn(move || {
            let mut came = vec![0; total];
            far.read_exact(&mut came).unwrap();
            came
        });
        let start = Instant::now();
        while !outbox.is_empty() {
            assert!(start.elapsed() < LONG);
            outbox.write_now(&stream).unwrap();
        }
        assert!(reading.join().unwrap() == sent);
        assert_eq!((outbox.written, outbox.congested), (0, false));
    }

    #[test]
    fn what_was_begun_now_is_finished_by_who_waits() {
        let (stream, mut far) = stream();
        let bytes = pattern(MUCH);
        let (first, tail) = bytes.split_at(MUCH - 100_000);
        let mut outbox = outbox(first);
        outbox.write_now(&stream).unwrap();
        assert!(!outbox.is_empty());
        let reading = thread::spawn(move || {
            let mut came = Vec::new();
            far.read_to_end(&mut came).unwrap();
            came
        });
        outbox.write(&stream, tail, Limit::Each(LONG)).unwrap();
        stream.finish(LONG);
        assert!(reading.join().unwrap() == bytes);
    }

    #[test]
    fn header_and_payload_are_one_write() {
        let (stream, _far) = stream();
        for (first, tail) in [(&b"header, and the payload behind it"[..], &[][..]), (b"header", b"and the payload")] {
            let before = WRITES.get();
            outbox(first).write(&stream, tail, Limit::Each(LONG)).unwrap();
            assert_eq!(WRITES.get() - before, 1);
            let before = WRITES.get();
            outbox(first).write_now(&stream).unwrap();
            assert_eq!(WRITES.get() - before, 1);
        }
        // Nothing to write is none.
        let before = WRITES.get();
        outbox(b"").write(&stream, b"", Limit::Each(LONG)).unwrap();
        outbox(b"").write_now(&stream).unwrap();
        assert_eq!(WRITES.get() - before, 0);
    }
}
