//! Encoded frames that wait, in order, until the network takes them. Knows bytes and limits, but no frames.
//!
//! A buffer belongs to the thread that holds the write permit. [`WriteBuffer::write`] is the only call that empties it, in one
//! of these modes:
//!
//! | [`WriteMode`] | waits for the network | when it is full | used by |
//! |---|---|---|---|
//! | `PerChunk` | for each 64 KiB up to a limit | tries again; `TimedOut` after the limit | threads that send |
//! | `Until` | up to a deadline | tries again; `TimedOut` after the deadline | handshakes, proxies |
//! | `Brief` | one [`WRITE_QUANTUM`] at most, and only if the network was not full before | returns; the rest stays | the thread that receives |
//! | `Never` | no | returns; the rest stays | a hub or a shutdown, beside the thread that receives |
//!
//! A receiver must not wait until its peer reads, or it deadlocks with a peer that does the same.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::{Deadline, WRITE_QUANTUM};
use super::socket;
use super::stream::Stream;

/// Number of bytes after which the timeout of a write starts again.
const PROGRESS_UNIT: usize = 64 << 10;
/// Minimum time for which a call waits for the network.
const MIN_WAIT: Duration = Duration::from_millis(1);
/// Maximum time for which one call waits for a network that is full. Nothing depends on it: room, the end of the limit and the
/// end of the connection end the wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Maximum number of bytes to which a buffer is filled before it is written. An empty buffer keeps that capacity for the next
/// frames.
pub(crate) const MAX_BUFFERED: usize = 384 << 10;
/// Maximum length of a shared frame that is copied. Copying that much costs less than a write of its own.
#[cfg(feature = "hub")]
const COPY_LIMIT: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct WriteBuffer {
    bytes: Vec<u8>,
    /// Number of `bytes` that have been written.
    written: usize,
    /// A frame that other connections send too, and the number of its bytes that have been written. It follows `bytes`.
    shared: Option<(Arc<[u8]>, usize)>,
    /// The last write met a full network. The next one in the mode `Brief` does not wait at all.
    congested: bool,
    /// When the network last took bytes. The keepalive counts from it.
    last_write: Option<Instant>,
}

impl WriteBuffer {
    /// The vector to which the next frame is appended. Callers must only append.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        if self.shared.is_some() {
            self.copy_shared();
        }
        &mut self.bytes
    }

    /// Appends a frame. It is copied only if it is small and other bytes wait, so that one write sends both. Otherwise the
    /// next append copies the part that is not written.
    #[cfg(feature = "hub")]
    pub(crate) fn append_shared(&mut self, frame: Arc<[u8]>) {
        self.copy_shared();
        match !self.is_empty() && frame.len() <= COPY_LIMIT {
            true => self.bytes.extend_from_slice(&frame),
            false => self.shared = Some((frame, 0)),
        }
    }

    fn copy_shared(&mut self) {
        if let Some((frame, written)) = self.shared.take() {
            self.bytes.extend_from_slice(frame.get(written..).unwrap_or_default());
        }
    }

    /// Number of bytes that wait.
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

    /// When the network last took bytes from this buffer.
    pub(crate) fn last_write(&self) -> Option<Instant> {
        self.last_write
    }

    /// Makes the last write this much older, as if so much time had passed.
    #[cfg(test)]
    pub(crate) fn pass(&mut self, time: Duration) {
        self.last_write = self.last_write.and_then(|at| at.checked_sub(time).or(Some(at)));
    }

    /// Writes the buffer and then `tail`, of which the beginning is copied at most. The modes that wait write everything or fail.
    /// The others leave in the buffer what the network does not take, and are called without `tail`.
    pub(crate) fn write(&mut self, stream: &Stream, tail: &[u8], mode: WriteMode) -> io::Result<()> {
        let tail = self.gather(stream, tail);
        let left = self.len().saturating_add(tail.len());
        if left == 0 {
            return self.write_unsolicited(stream, mode);
        }
        match self.write_once(stream, tail, mode, WRITE_QUANTUM) {
            // The most common result: the network takes everything at once.
            Ok(count) if count >= left => {
                self.last_write = Some(Instant::now());
                self.reset();
                Ok(())
            }
            taken => self.write_rest(stream, tail, mode, taken),
        }
    }

    #[inline(always)]
    fn write_once(&self, stream: &Stream, tail: &[u8], mode: WriteMode, wait: Duration) -> io::Result<usize> {
        let chunk = self.next_chunk();
        match mode {
            WriteMode::Never => stream.try_write_shared(chunk),
            WriteMode::Brief if self.congested => stream.try_write(chunk),
            WriteMode::Brief | WriteMode::PerChunk(_) | WriteMode::Until(_) => stream.write(chunk, tail, wait),
        }
    }

    /// Continues after a first write that did not take everything.
    #[cold]
    fn write_rest(
        &mut self,
        stream: &Stream,
        mut tail: &[u8],
        mode: WriteMode,
        mut taken: io::Result<usize>,
    ) -> io::Result<()> {
        let mut stall_timer = StallTimer::default();
        loop {
            let count = match taken {
                Ok(count) => socket::taken(count)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            if count > 0 {
                self.last_write = Some(Instant::now());
            }
            if count >= self.len().saturating_add(tail.len()) {
                self.reset();
                return Ok(());
            }
            let chunk_length = self.next_chunk().len();
            self.advance(count.min(chunk_length));
            tail = tail.get(count.saturating_sub(chunk_length)..).unwrap_or_default();
            // A short write has met a full network. The next one corrects this if it was short for another reason.
            self.congested = count < chunk_length;
            if !mode.continues(count) {
                return Ok(());
            }
            if count > 0 && !matches!(mode, WriteMode::Brief) {
                // A peer that takes bytes is alive, although it may be silent. The keepalive counts this.
                stream.note_progress();
            }
            let wait = stall_timer.on_stop(mode, count)?;
            taken = self.write_once(stream, tail, mode, wait);
        }
    }

    /// Copies the beginning of `tail` behind other bytes, so that one write takes both. Returns the rest.
    #[inline]
    fn gather<'a>(&mut self, stream: &Stream, tail: &'a [u8]) -> &'a [u8] {
        if tail.is_empty() {
            return tail;
        }
        self.copy_shared();
        if self.is_empty() {
            return tail;
        }
        let (beginning, rest) = tail.split_at_checked(stream.gather_limit()).unwrap_or((tail, &[]));
        self.bytes.extend_from_slice(beginning);
        rest
    }

    /// Lets a TLS engine write what no frame has caused. Only the thread that reads does this.
    #[cold]
    fn write_unsolicited(&mut self, stream: &Stream, mode: WriteMode) -> io::Result<()> {
        if !matches!(mode, WriteMode::Brief) || !stream.has_unsolicited_output() {
            return Ok(());
        }
        match stream.try_write(&[]) {
            Ok(_) => self.reset(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.congested = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The bytes to write next.
    fn next_chunk(&self) -> &[u8] {
        match (self.bytes.get(self.written..).unwrap_or_default(), &self.shared) {
            ([], Some((frame, written))) => frame.get(*written..).unwrap_or_default(),
            (bytes, _) => bytes,
        }
    }

    /// Records that `count` bytes of the next chunk have been written.
    fn advance(&mut self, count: usize) {
        match &mut self.shared {
            Some((_, written)) if self.written >= self.bytes.len() => *written = written.saturating_add(count),
            _ => self.written = self.written.saturating_add(count),
        }
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.bytes = Vec::new();
        }
    }

    fn reset(&mut self) {
        self.shared = None;
        self.written = 0;
        self.congested = false;
        self.bytes.clear();
        if self.bytes.capacity() > MAX_BUFFERED {
            self.bytes = Vec::new();
        }
    }
}

/// How long a write waits for the network: the table in the [module](self).
#[derive(Debug, Clone, Copy)]
pub(crate) enum WriteMode {
    /// This time for each 64 KiB, and for the rest.
    PerChunk(Duration),
    /// All bytes by this deadline.
    Until(Deadline),
    /// Only when the network has just become full.
    Brief,
    /// Not at all, while another thread may be reading.
    Never,
}

impl WriteMode {
    /// Whether to try again after a write that took `count` bytes and not all.
    fn continues(self, count: usize) -> bool {
        count > 0 || matches!(self, WriteMode::PerChunk(_) | WriteMode::Until(_))
    }
}

/// Measures the time of a write from its first stop on. A write that does not stop needs no clock for it.
#[derive(Default)]
struct StallTimer {
    since: Option<Instant>,
    progress: usize,
}

impl StallTimer {
    /// Called when the network took `count` bytes but not all. Returns the time for which the next call may wait. Fails with
    /// `TimedOut` when the limit is exceeded.
    #[cold]
    fn on_stop(&mut self, mode: WriteMode, count: usize) -> io::Result<Duration> {
        let left = match mode {
            WriteMode::Brief | WriteMode::Never => WRITE_QUANTUM,
            WriteMode::Until(deadline) => deadline.remaining(),
            WriteMode::PerChunk(limit) => {
                let now = Instant::now();
                self.progress = self.progress.saturating_add(count);
                if self.progress >= PROGRESS_UNIT {
                    self.progress = 0;
                    self.since = Some(now);
                }
                // The first stop comes after one quantum at the latest.
                let since = *self.since.get_or_insert(now.checked_sub(WRITE_QUANTUM).unwrap_or(now));
                limit.saturating_sub(now.saturating_duration_since(since))
            }
        };
        match left.is_zero() {
            true => Err(ErrorKind::TimedOut.into()),
            // The whole limit is waited for in one call, but only after a short wait without room.
            false if count > 0 => Ok(WRITE_QUANTUM),
            // For a socket, zero means "no timeout".
            false => Ok(left.clamp(MIN_WAIT, MAX_WAIT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::split_stream::SplitStream;
    use crate::net::stream::tests::{sockets, WRITES};
    use crate::net::tcp::{TimedSocket, Waits};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::mpsc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(120);
    /// More than a loopback connection holds.
    const LARGE: usize = 24 << 20;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn buffer(bytes: &[u8]) -> WriteBuffer {
        let mut buffer = WriteBuffer::default();
        buffer.bytes().extend_from_slice(bytes);
        buffer
    }

    /// Number of bytes that were written without waiting.
    #[cfg(feature = "hub")]
    fn write_now(buffer: &mut WriteBuffer, stream: &Stream) -> usize {
        let before = buffer.len();
        buffer.write(stream, &[], WriteMode::Never).unwrap();
        before - buffer.len()
    }

    fn stream() -> (Stream, TcpStream) {
        let (near, far) = sockets();
        (Stream::from_socket(near).unwrap(), far)
    }

    /// One that waits as this system does, and one that waits in slices.
    fn streams() -> [(Stream, TcpStream); 2] {
        let (near, far) = sockets();
        [stream(), (Stream::Plain(TimedSocket::with_waits(near, Waits::Sliced).unwrap()), far)]
    }

    fn full(stream: &Stream) -> usize {
        let part = [0; 1 << 16];
        (0..).map_while(|_| stream.write(&part, &[], WRITE_QUANTUM).ok()).sum()
    }

    #[test]
    fn memory_is_returned_only_when_no_bytes_wait() {
        let (stream, _far) = stream();
        let mut buffer = buffer(b"waits");
        buffer.shrink();
        assert_eq!(buffer.len(), 5);
        buffer.write(&stream, &[], WriteMode::Brief).unwrap();
        assert!(buffer.bytes.capacity() > 0);
        buffer.shrink();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[cfg(feature = "hub")]
    #[test]
    fn shared_frames_keep_their_place() {
        // Small and large ones, between others, written in each of the three ways at each position.
        let sizes = [10, COPY_LIMIT, COPY_LIMIT + 1, 100_000, 1];
        for ways in 0..243_u32 {
            let (stream, mut far) = stream();
            let (mut buffer, mut expected) = (WriteBuffer::default(), Vec::new());
            let mut way = ways;
            for (number, size) in sizes.into_iter().enumerate() {
                let frame: Arc<[u8]> = vec![number as u8; size].into();
                buffer.append_shared(frame.clone());
                expected.extend_from_slice(&frame);
                match way % 3 {
                    0 => buffer.write(&stream, &[], WriteMode::Brief).unwrap(),
                    1 => assert!(write_now(&mut buffer, &stream) > 0),
                    _ => {
                        buffer.bytes().extend_from_slice(b"between");
                        expected.extend_from_slice(b"between");
                    }
                }
                way /= 3;
            }
            buffer.write(&stream, b"tail", WriteMode::PerChunk(LONG)).unwrap();
            expected.extend_from_slice(b"tail");
            assert!(buffer.is_empty());
            let mut came = vec![0; expected.len()];
            far.read_exact(&mut came).unwrap();
            assert!(came == expected, "{ways}");
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn the_rest_of_a_shared_frame_is_written_before_anything_else() {
        for copied in [false, true] {
            let (stream, mut far) = stream();
            let frame: Arc<[u8]> = pattern(LARGE).into();
            let mut buffer = buffer(b"first");
            buffer.append_shared(frame.clone());
            let start = Instant::now();
            let written = write_now(&mut buffer, &stream);
            assert!(buffer.is_congested() && written > 5 && written < LARGE);
            assert_eq!(buffer.len(), LARGE + 5 - written);
            assert_eq!(Arc::strong_count(&frame), 2, "it was not copied");
            assert_eq!(write_now(&mut buffer, &stream), 0);
            // A WRITE_QUANTUM for each of some dozen writes would be more.
            assert!(start.elapsed() < LONG / 4);
            if copied {
                buffer.bytes().extend_from_slice(b"behind");
                assert_eq!(Arc::strong_count(&frame), 1);
            }
            let reading = thread::spawn(move || {
                let mut came = Vec::new();
                far.read_to_end(&mut came).unwrap();
                came
            });
            buffer.write(&stream, b"tail", WriteMode::PerChunk(LONG)).unwrap();
            drop((buffer, stream));
            let came = reading.join().unwrap();
            let behind: &[u8] = if copied { b"behindtail" } else { b"tail" };
            assert!(came == [b"first", &frame[..], behind].concat());
        }
    }

    #[test]
    fn everything_arrives_in_order_at_a_reader_that_is_slow() {
        for (stream, mut far) in streams() {
            let bytes = pattern(LARGE);
            let reading = thread::spawn(move || {
                // Longer than some quanta: the network is full by then.
                thread::sleep(WRITE_QUANTUM * 5);
                let mut came = Vec::new();
                far.read_to_end(&mut came).unwrap();
                came
            });
            let (first, tail) = bytes.split_at(LARGE / 3);
            let mut buffer = buffer(first);
            buffer.write(&stream, tail, WriteMode::PerChunk(LONG)).unwrap();
            assert!(buffer.is_empty());
            assert!(buffer.bytes.capacity() <= MAX_BUFFERED);
            stream.shutdown_write(LONG);
            assert!(reading.join().unwrap() == bytes);
        }
    }

    /// A write that looked again every quantum would make a hundred calls.
    #[test]
    fn a_write_waits_for_a_full_network_in_few_calls() {
        let (stream, _far) = stream();
        full(&stream);
        for limit in [|time| WriteMode::PerChunk(time), |time| WriteMode::Until(Deadline::after(time))] {
            // The system may make room in a connection long after it was first full. Such an attempt does not count.
            let calls_without_room = || {
                let before = WRITES.get();
                let result = buffer(&[0; 1 << 20]).write(&stream, &[], limit(WRITE_QUANTUM * 100));
                let is_full = result.is_err_and(|error| error.kind() == ErrorKind::TimedOut);
                is_full.then(|| WRITES.get() - before)
            };
            let fewest = (0..30).filter_map(|_| calls_without_room()).find(|&calls| calls <= 20);
            assert!(fewest.is_some());
        }
    }

    #[test]
    fn a_reader_that_stops_fails_the_write_in_time() {
        let time = Duration::from_millis(100);
        let bytes = pattern(LARGE);
        for limit in [|time| WriteMode::PerChunk(time), |time| WriteMode::Until(Deadline::after(time))] {
            for (stream, far) in streams() {
                let start = Instant::now();
                let error = buffer(b"head").write(&stream, &bytes, limit(time)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                assert!(start.elapsed() >= WRITE_QUANTUM * 9 && start.elapsed() < LONG / 2, "{:?}", start.elapsed());
                drop(far);
            }
        }
    }

    #[test]
    fn a_slow_reader_misses_a_total_deadline_and_not_one_per_chunk() {
        let bytes = pattern(LARGE);
        // The reader takes a tenth of it for a chunk, and much more for the whole.
        let (limit, pause) = (Duration::from_secs(2), Duration::from_millis(150));
        for whole in [true, false] {
            let (stream, mut far) = stream();
            full(&stream);
            let (stop, stopped) = mpsc::channel::<()>();
            let reading = thread::spawn(move || {
                let mut part = vec![0; 1 << 20];
                while stopped.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if matches!(far.read(&mut part), Ok(0) | Err(_)) {
                        break;
                    }
                }
            });
            let start = Instant::now();
            let write_timeout = match whole {
                true => WriteMode::Until(Deadline::after(limit)),
                false => WriteMode::PerChunk(limit),
            };
            let result = buffer(&[]).write(&stream, &bytes, write_timeout).map_err(|error| error.kind());
            match whole {
                true => assert_eq!(result, Err(ErrorKind::TimedOut)),
                false => assert_eq!(result, Ok(())),
            }
            assert!(start.elapsed() + WRITE_QUANTUM >= limit, "{:?}", start.elapsed());
            // The reader may have read everything already; it must not wait for more.
            stream.shutdown();
            drop(stop);
            reading.join().unwrap();
        }
    }

    /// A stream that takes this number of bytes, and no more until it is released.
    fn stream_with_room(room: usize) -> (Stream, mpsc::Sender<()>) {
        struct Held(mpsc::Sender<()>, mpsc::Receiver<()>);
        impl Write for Held {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(());
                let _ = self.1.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let ((entered, has_entered), (release, hold)) = (mpsc::channel(), mpsc::channel());
        let stream = Stream::from_split(SplitStream::new(io::empty(), Held(entered, hold))).unwrap();
        assert_eq!(stream.write(b"x", &[], LONG).unwrap(), 1);
        has_entered.recv_timeout(LONG).expect("nothing is written");
        // Now the writer has that byte, and its pipe, of 64 KiB, is empty.
        let bytes = vec![0; (64 << 10) - room];
        assert_eq!(stream.write(&bytes, &[], LONG).unwrap(), bytes.len());
        (stream, release)
    }

    /// A receiver writes without waiting: what its peer takes is no progress of a long write.
    #[test]
    fn what_the_peer_takes_of_a_long_write_is_progress() {
        const TIME: Duration = Duration::from_millis(50);
        type Row = (fn() -> WriteMode, bool, Result<(), ErrorKind>);
        let rows: [Row; 4] = [
            (|| WriteMode::Brief, false, Ok(())),
            (|| WriteMode::Never, true, Ok(())),
            (|| WriteMode::PerChunk(TIME), true, Err(ErrorKind::TimedOut)),
            (|| WriteMode::Until(Deadline::after(TIME)), true, Err(ErrorKind::TimedOut)),
        ];
        for (mode, is_counted, expected) in rows {
            for room in [0, 1, 10] {
                let (stream, _release) = stream_with_room(room);
                let mut buffer = buffer(&[0; 100]);
                let result = buffer.write(&stream, &[], mode());
                let case = format!("{:?} {room}", mode());
                assert_eq!(result.map_err(|error| error.kind()), expected, "{case}");
                assert_eq!((buffer.len(), buffer.is_congested()), (100 - room, true), "{case}");
                assert_eq!(stream.progress(), u64::from(is_counted && room > 0), "{case}");
                assert_eq!(buffer.last_write().is_some(), room > 0, "{case}");
            }
        }
        assert!(WriteMode::Brief.continues(1) && !WriteMode::Brief.continues(0));
    }

    #[test]
    fn an_expired_deadline_fails_a_write_at_once() {
        for (stream, far) in streams() {
            let bytes = pattern(LARGE);
            let deadline = WriteMode::Until(Deadline::after(Duration::ZERO));
            let start = Instant::now();
            let error = buffer(&[]).write(&stream, &bytes, deadline).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(start.elapsed() < LONG / 2);
            drop(far);
        }
    }

    #[test]
    fn a_brief_write_never_waits_and_keeps_the_order() {
        for (stream, mut far) in streams() {
            let sent = pattern(LARGE + 700);
            let (first, more) = sent.split_at(LARGE);
            let mut buffer = buffer(first);
            buffer.write(&stream, &[], WriteMode::Brief).unwrap();
            assert!(!buffer.is_empty(), "the network holds less");
            // The fastest of many: a busy machine makes some slow, and a wait makes all slow.
            let mut fastest = Duration::MAX;
            for few in more.chunks(7) {
                buffer.bytes().extend_from_slice(few);
                let start = Instant::now();
                buffer.write(&stream, &[], WriteMode::Brief).unwrap();
                fastest = fastest.min(start.elapsed());
            }
            assert!(fastest < WRITE_QUANTUM / 2, "{fastest:?}");
            let total = sent.len();
            let reading = thread::spawn(move || {
                let mut came = vec![0; total];
                far.read_exact(&mut came).unwrap();
                came
            });
            let start = Instant::now();
            while !buffer.is_empty() {
                assert!(start.elapsed() < LONG);
                buffer.write(&stream, &[], WriteMode::Brief).unwrap();
            }
            assert!(reading.join().unwrap() == sent);
            assert_eq!((buffer.written, buffer.congested), (0, false));
        }
    }

    #[test]
    fn a_blocking_write_finishes_what_a_brief_one_began() {
        for (stream, mut far) in streams() {
            let bytes = pattern(LARGE);
            let (first, tail) = bytes.split_at(LARGE - 100_000);
            let mut buffer = buffer(first);
            buffer.write(&stream, &[], WriteMode::Brief).unwrap();
            assert!(!buffer.is_empty());
            let reading = thread::spawn(move || {
                let mut came = Vec::new();
                far.read_to_end(&mut came).unwrap();
                came
            });
            buffer.write(&stream, tail, WriteMode::PerChunk(LONG)).unwrap();
            stream.shutdown_write(LONG);
            assert!(reading.join().unwrap() == bytes);
        }
    }

    #[test]
    fn header_and_payload_are_one_write() {
        let (stream, _far) = stream();
        for (first, tail) in [(&b"header, and the payload behind it"[..], &[][..]), (b"header", b"and the payload")] {
            let before = WRITES.get();
            buffer(first).write(&stream, tail, WriteMode::PerChunk(LONG)).unwrap();
            assert_eq!(WRITES.get() - before, 1);
            let before = WRITES.get();
            buffer(first).write(&stream, &[], WriteMode::Brief).unwrap();
            assert_eq!(WRITES.get() - before, 1);
        }
        // Without bytes there is no write.
        let before = WRITES.get();
        buffer(b"").write(&stream, b"", WriteMode::PerChunk(LONG)).unwrap();
        buffer(b"").write(&stream, &[], WriteMode::Brief).unwrap();
        assert_eq!(WRITES.get() - before, 0);
    }

    #[test]
    fn bytes_that_wait_survive_a_shrink() {
        let mut buffer = buffer(b"abc");
        buffer.shrink();
        assert_eq!(buffer.bytes(), b"abc");
        buffer.reset();
        buffer.shrink();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn the_limit_of_a_write_begins_again_with_each_64_kib() {
        let limit = Duration::from_secs(20);
        let long_ago = Instant::now().checked_sub(limit).unwrap();
        for (before, count, in_time) in
            [(0, 65_535, false), (0, 65_536, true), (65_000, 535, false), (65_000, 536, true)]
        {
            let mut timer = StallTimer { since: Some(long_ago), progress: before };
            assert_eq!(timer.on_stop(WriteMode::PerChunk(limit), count).is_ok(), in_time, "{before} {count}");
            assert!(!in_time || timer.progress == 0 && timer.since > Some(long_ago));
        }
        let endless = StallTimer::default().on_stop(WriteMode::PerChunk(Duration::MAX), 0).unwrap();
        assert_eq!(endless, MAX_WAIT);
        let after_a_byte = StallTimer::default().on_stop(WriteMode::PerChunk(Duration::MAX), 1).unwrap();
        assert_eq!(after_a_byte, WRITE_QUANTUM);
    }
}
