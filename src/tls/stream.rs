//! TLS (6455-10.6-1) over TCP, by the TLS of the system (native-tls): an engine that works on memory, and a socket beside it.
//!
//! The engine never sees the socket. Ciphertext is read from the network with no lock held, and then fed to the engine
//! under its lock; what the engine gives for the network is taken out under the lock, and written outside it. So one
//! thread waits for input while others send, and the promises of TCP hold for TLS: every call is bounded.
//!
//! **Who writes what the engine gives:** whoever may write to the stream, and nobody else. There is one such thread at a
//! time (the holder of the token, see `websocket::link`), which is what keeps records in order.
//!
//! | ciphertext | comes of | is written by |
//! |---|---|---|
//! | messages | `write`, `try_write` | that same call, and the calls with the same bytes that follow it |
//! | answers of the engine: key update, renegotiation | `read` | whoever writes next, before anything of its own; or the reader, which comes back with `Interrupted`, sees [`Tls::has_unsolicited_output`], and writes with `try_write` when nobody else writes |
//! | an alert: what came was wrong | `read` that gives the error | the reader, in the same way, before it shuts the stream |
//! | `close_notify` | `finish` | `finish`, if nobody is in the middle of a write |
//! | the handshake, and its alert | `handshake` | `handshake` |
//!
//! **Bounds.** Plaintext goes in by pieces (see `records`), and only when all ciphertext is out. The network's
//! progress with a piece is credited to the caller at once, its last byte when the whole piece is out: what has been
//! accepted has also been taken by the kernel, and a call that gave `WouldBlock` has to be made again with the same
//! bytes, to which others may have been appended. Answers that the peer does not take end the connection at [`MAX_UNSOLICITED`].
//!
//! **Locks.** Engine, then buffers; either for moments only. An engine that wants input in order to go on writing (TLS
//! 1.2, renegotiation) gives `WouldBlock`; the reader feeds it.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use native_tls::TlsStream;

pub(crate) use super::error::settings_error;
pub(crate) use super::handshake::{accept, connect};

use super::memory_transport::MemoryTransport;
use super::records::RecordBuffer;
use crate::net::deadline::Deadline;
use crate::net::tcp::TimedSocket;

/// OpenSSL takes no more from the network than the record that it gives. So when nothing has come behind that, and all of
/// it has been given, there is nothing to ask for. The others read ahead.
const READS_AHEAD: bool = cfg!(any(windows, target_vendor = "apple"));
/// So many bytes of answers may wait for a peer that does not read. A key update is 22 bytes long.
const MAX_UNSOLICITED: u64 = 64 << 10;
/// How soon an engine that waits for input is asked again.
const RETRY_DELAY: Duration = Duration::from_millis(1);

pub(crate) struct Tls {
    pub(crate) plain: TimedSocket,
    memory: MemoryTransport,
    engine: Mutex<Engine>,
    /// In the hands of who writes; `None` meanwhile.
    records: Mutex<Option<RecordBuffer>>,
    /// The engine has written something by itself that may not be out yet.
    unsolicited_output: AtomicBool,
}

struct Engine {
    tls: TlsStream<MemoryTransport>,
    /// It has said that it needs more, and nothing has come since.
    needs_input: bool,
    /// So many bytes of answers have been given since all were out.
    unsolicited_bytes: u64,
    /// Reading is over, by an error; kept when there were bytes to be given before.
    failed: Option<io::Error>,
}

/// How long a write may wait.
#[derive(Debug, Clone, Copy)]
enum WriteMode {
    /// Up to one [`WRITE_QUANTUM`](crate::net::deadline::WRITE_QUANTUM).
    Bounded,
    NonBlocking,
}

impl Tls {
    pub(crate) fn new(plain: TimedSocket, memory: MemoryTransport, tls: TlsStream<MemoryTransport>) -> Tls {
        let engine = Engine { tls, needs_input: false, unsolicited_bytes: 0, failed: None };
        let records = Mutex::new(Some(RecordBuffer::default()));
        Tls { plain, memory, engine: Mutex::new(engine), records, unsolicited_output: AtomicBool::new(false) }
    }

    /// Gives plaintext, waiting up to `wait` for ciphertext. `Interrupted`: some came, but not enough of it; or the engine
    /// has an answer to be written.
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let had_unsolicited = self.has_unsolicited_output();
        if let Some(result) = self.decrypt(to) {
            return result;
        }
        if !had_unsolicited && self.has_unsolicited_output() {
            return Err(ErrorKind::Interrupted.into());
        }
        let mut incoming = self.memory.take_incoming();
        let came = self.plain.read(incoming.space(), wait);
        if let Ok(count) = came {
            incoming.filled(count);
        }
        self.memory.put_back(incoming);
        if came? == 0 {
            self.memory.lock_buffers().ended = true;
        }
        self.lock_engine().needs_input = false;
        self.decrypt(to).unwrap_or_else(|| {
            // Whoever sends a long record slowly is alive.
            self.plain.progress.fetch_add(1, Ordering::Relaxed);
            Err(ErrorKind::Interrupted.into())
        })
    }

    /// As much plaintext as there is and as there is room for. `None`: there is none before more ciphertext comes.
    fn decrypt(&self, to: &mut [u8]) -> Option<io::Result<usize>> {
        let mut locked = self.lock_engine();
        let engine = &mut *locked;
        if let Some(error) = engine.failed.take() {
            return Some(Err(error));
        }
        if engine.needs_input {
            return None;
        }
        let (ended, before) = {
            let buffers = self.memory.lock_buffers();
            (buffers.ended, buffers.produced)
        };
        let (count, end) = engine.read(to);
        let unsolicited_bytes = self.memory.lock_buffers().produced.saturating_sub(before);
        let end = self.record_unsolicited(engine, unsolicited_bytes).map_or_else(|error| Some(Err(error)), |()| end);
        let end = match end {
            // An end of TCP without `close_notify` is an end like any other: whether it is a good one, only the closing
            // handshake tells.
            _ if ended && (end.is_some() || engine.needs_input) => Some(Ok(())),
            Some(Err(error)) => Some(Err(super::error::connection_error(error))),
            end => end,
        };
        match (count, end) {
            (0, None) => None,
            (0, Some(end)) => Some(end.map(|()| 0)),
            (count, Some(Err(error))) => {
                engine.failed = Some(error);
                Some(Ok(count))
            }
            // An end comes again with the next call.
            (count, Some(Ok(())) | None) => Some(Ok(count)),
        }
    }

    /// Notes what the engine has written by itself.
    fn record_unsolicited(&self, engine: &mut Engine, unsolicited_bytes: u64) -> io::Result<()> {
        if unsolicited_bytes == 0 {
            return Ok(());
        }
        let waiting = self.unsolicited_output.swap(true, Ordering::AcqRel);
        engine.unsolicited_bytes =
            if waiting { engine.unsolicited_bytes.saturating_add(unsolicited_bytes) } else { unsolicited_bytes };
        match engine.unsolicited_bytes > MAX_UNSOLICITED {
            true => Err(io::Error::new(ErrorKind::InvalidData, "the peer asks for answers and does not take them")),
            false => Ok(()),
        }
    }

    /// Whether the engine has something to say that `read` was the cause of. The next write takes it along.
    #[inline]
    pub(crate) fn has_unsolicited_output(&self) -> bool {
        self.unsolicited_output.load(Ordering::Acquire)
    }

    /// Takes some of `first` and `second`, waiting up to a slice for the network. Only one thread at a time writes.
    pub(crate) fn write(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        self.send(first, second, WriteMode::Bounded)
    }

    /// Takes what the network has room for now. With nothing to write, what the engine has to say goes out.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes, &[], WriteMode::NonBlocking)
    }

    fn send(&self, first: &[u8], second: &[u8], mode: WriteMode) -> io::Result<usize> {
        // It is gone when another thread is finishing the stream: then nothing more is written.
        let Some(mut records) = self.lock_records().take() else { return Err(ErrorKind::BrokenPipe.into()) };
        let result = self.send_piece(&mut records, first, second, mode);
        *self.lock_records() = Some(records);
        result
    }

    fn send_piece(
        &self,
        records: &mut RecordBuffer,
        first: &[u8],
        second: &[u8],
        mode: WriteMode,
    ) -> io::Result<usize> {
        if records.uncredited == 0 {
            self.drain(records, mode)?;
            match self.encrypt(records.next_piece(first, second)) {
                Ok(count) => records.uncredited = count,
                Err(error) => {
                    // What the engine wants to say, and then perhaps to hear, before it goes on.
                    self.drain(records, mode)?;
                    if error.kind() == ErrorKind::WouldBlock && matches!(mode, WriteMode::Bounded) {
                        thread::sleep(RETRY_DELAY);
                    }
                    return Err(error);
                }
            }
        }
        self.drain(records, mode).map(|()| std::mem::take(&mut records.uncredited)).or_else(|error| {
            match error.kind() {
                ErrorKind::WouldBlock => records.take_credit(),
                _ => Err(error),
            }
        })
    }

    /// Feeds the engine, which gives all the ciphertext at once. `WouldBlock`: it wants input before it takes any.
    fn encrypt(&self, mut part: &[u8]) -> io::Result<usize> {
        let mut engine = self.lock_engine();
        let mut taken = 0_usize;
        while !part.is_empty() {
            match engine.tls.write(part) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    taken = taken.saturating_add(count);
                    part = part.get(count..).unwrap_or_default();
                }
                Err(_) if taken > 0 => return Ok(taken),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) => return Err(super::error::connection_error(error)),
            }
        }
        Ok(taken)
    }

    /// Writes until all ciphertext is out. `WouldBlock`: the network did not take all of it.
    fn drain(&self, records: &mut RecordBuffer, mode: WriteMode) -> io::Result<()> {
        loop {
            if records.is_empty() {
                let mut buffers = self.memory.lock_buffers();
                records.refill(&mut buffers.outgoing);
                if records.is_empty() {
                    self.unsolicited_output.store(false, Ordering::Release);
                    return Ok(());
                }
            }
            let rest = records.unwritten();
            let count = match mode {
                WriteMode::Bounded => self.plain.write(rest, &[])?,
                WriteMode::NonBlocking => self.plain.try_write(rest)?,
            };
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            records.advance(count);
            if !records.is_empty() {
                // A write that was cut short has waited.
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Says `close_notify` and then, in TCP, that nothing more will be written. What is on its way gets up to `wait`.
    pub(crate) fn shutdown_write(&self, wait: Duration) {
        let by = Deadline::after(wait);
        let records = self.lock_records().take();
        // A thread in the middle of a write loses its stream, as it would over TCP.
        if let Some(mut records) = records {
            // What it says of the peer's `close_notify` does not matter: the closing handshake is over.
            let _ = self.lock_engine().tls.shutdown();
            while self.drain(&mut records, WriteMode::Bounded).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            {
                if by.is_expired() {
                    break;
                }
            }
        }
        self.plain.shutdown_write();
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        self.memory.shrink();
        if let Some(records) = self.lock_records().as_mut() {
            records.shrink();
        }
    }

    fn lock_engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_records(&self) -> MutexGuard<'_, Option<RecordBuffer>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Reads until there is no room, no more, or an end: `Ok` in good order.
    fn read(&mut self, to: &mut [u8]) -> (usize, Option<io::Result<()>>) {
        let mut count = 0;
        loop {
            let space = to.get_mut(count..).unwrap_or_default();
            if space.is_empty() {
                return (count, None);
            }
            match self.tls.read(space) {
                Ok(0) => return (count, Some(Ok(()))),
                Ok(more) => {
                    count = count.saturating_add(more);
                    if self.is_drained() {
                        self.needs_input = true;
                        return (count, None);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.needs_input = true;
                    return (count, None);
                }
                Err(error) => return (count, Some(Err(error))),
            }
        }
    }

    /// Whether it is plain that another read would give nothing: a question less for each message.
    fn is_drained(&self) -> bool {
        if READS_AHEAD || !matches!(self.tls.buffered_read_size(), Ok(0)) {
            return false;
        }
        let buffers = self.tls.get_ref().lock_buffers();
        buffers.incoming.is_empty() && !buffers.ended
    }
}
