//! TLS over a socket: an engine of native-tls that works on memory, and the socket beside it. Knows no WebSocket.
//!
//! The engine never uses the socket. Ciphertext is read from the network without a lock, and then passed to the engine under its
//! lock. Output of the engine is taken under the lock, and written without it. So one thread waits for input while others
//! send, and every call is bounded, as over TCP.
//!
//! **Writing.** Only the thread that may write to the stream writes the engine's output. There is one such thread at a time (the
//! holder of the write permit, see `connection::write_permit`), which keeps records in order.
//!
//! | ciphertext | produced by | written by |
//! |---|---|---|
//! | messages | `write`, `try_write` | the same call, and the calls with the same bytes that follow it |
//! | answers of the engine: key update, renegotiation | `read` | the next write, before its own bytes; or the reader: `read` returns `Interrupted`, the reader sees [`Tls::has_unsolicited_output`], and calls `try_write` if no other thread writes |
//! | an alert about invalid input | a `read` that fails | the reader, in the same way, before it shuts the stream down |
//! | `close_notify` | `shutdown_write` | `shutdown_write`, if no write is under way |
//! | the handshake and its alert | `handshake` | `handshake` |
//!
//! **Bounds.** Plaintext is encrypted by pieces (see `records`), each only after all earlier ciphertext is written. The network's
//! progress with a piece is credited to the caller at once, except for its last byte: that is credited when the whole piece is
//! written. So bytes that are credited have been taken by the kernel. After `WouldBlock`, the call must be repeated with the same
//! bytes, to which others may have been appended. The connection fails when [`MAX_UNSOLICITED`] bytes of answers wait.
//!
//! **Locks.** First the engine, then the buffers; neither is held while waiting. An engine that needs input before it can write
//! (TLS 1.2, renegotiation) returns `WouldBlock`; the reader supplies the input.

use std::io::{self, ErrorKind, Read, Write};
use std::panic::UnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use native_tls::TlsStream;

use super::error::connection_error;
use super::memory_transport::MemoryTransport;
use super::records::RecordBuffer;
use super::transport::Transport;
use crate::net::deadline::{Deadline, WRITE_QUANTUM};
use crate::net::socket::{taken, Socket};
use crate::primitives::lock::{Lock, Locked};

/// Whether the engine takes more input than the record that it returns. OpenSSL does not: when a record is read and no bytes
/// follow it, another read returns nothing.
const READS_AHEAD: bool = cfg!(any(windows, target_vendor = "apple"));
/// Maximum number of bytes of answers that wait for a peer that does not read. A key update is 22 bytes long.
const MAX_UNSOLICITED: u64 = 64 << 10;
/// Time after which a write is retried while the engine needs input.
const RETRY_DELAY: Duration = Duration::from_millis(1);

pub(crate) struct Tls {
    transport: Transport,
    memory: MemoryTransport,
    engine: Lock<Engine>,
    /// Taken by the writing thread; `None` meanwhile.
    records: Lock<Option<RecordBuffer>>,
    /// The engine has produced answers that may not be written yet.
    unsolicited_output: AtomicBool,
}

struct Engine {
    tls: TlsStream<MemoryTransport>,
    /// The engine needs input, and none has come since.
    needs_input: bool,
    /// Number of bytes of answers since all output was last written.
    unsolicited_bytes: u64,
    /// The error that ends reading, kept for the next call because bytes came before it.
    failed: Option<io::Error>,
}

/// Whether a write may wait.
#[derive(Debug, Clone, Copy)]
enum WriteMode {
    /// Each system call up to one [`WRITE_QUANTUM`].
    Bounded,
    /// The whole write up to this deadline.
    Until(Deadline),
    NonBlocking,
}

impl Tls {
    pub(super) fn new(transport: Transport, memory: MemoryTransport, tls: TlsStream<MemoryTransport>) -> Tls {
        let engine = Engine { tls, needs_input: false, unsolicited_bytes: 0, failed: None };
        let records = Lock::new(Some(RecordBuffer::default()));
        Tls { transport, memory, engine: Lock::new(engine), records, unsolicited_output: AtomicBool::new(false) }
    }

    /// Reads plaintext, waiting up to `wait` for ciphertext. `Interrupted`: a part of a record came, or the engine has an answer
    /// to be written.
    pub(crate) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let had_unsolicited = self.has_unsolicited_output();
        if let Some(result) = self.decrypt(to) {
            return result;
        }
        if !had_unsolicited && self.has_unsolicited_output() {
            return Err(ErrorKind::Interrupted.into());
        }
        let mut incoming = self.memory.take_incoming();
        let came = self.transport.read(incoming.space(), wait);
        if let Ok(count) = came {
            incoming.filled(count);
        }
        self.memory.put_back(incoming);
        if came? == 0 {
            self.memory.lock_buffers().ended = true;
        }
        self.lock_engine().needs_input = false;
        self.decrypt(to).unwrap_or_else(|| {
            // A peer that sends a long record slowly is alive.
            self.progress().fetch_add(1, Ordering::Relaxed);
            Err(ErrorKind::Interrupted.into())
        })
    }

    /// Reads the plaintext for which there is room. `None`: more ciphertext is needed.
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
            // An end of TCP without `close_notify` is an end. Whether the connection ended cleanly depends on the closing
            // handshake alone.
            _ if ended && (end.is_some() || engine.needs_input) => Some(Ok(())),
            Some(Err(error)) => Some(Err(connection_error(error))),
            end => end,
        };
        match (count, end) {
            (0, None) => None,
            (0, Some(end)) => Some(end.map(|()| 0)),
            (count, Some(Err(error))) => {
                engine.failed = Some(error);
                Some(Ok(count))
            }
            // An end is repeated by the next call.
            (count, Some(Ok(())) | None) => Some(Ok(count)),
        }
    }

    /// Counts the answers of the engine.
    fn record_unsolicited(&self, engine: &mut Engine, unsolicited_bytes: u64) -> io::Result<()> {
        if unsolicited_bytes == 0 {
            return Ok(());
        }
        let waiting = self.unsolicited_output.swap(true, Ordering::AcqRel);
        engine.unsolicited_bytes =
            if waiting { engine.unsolicited_bytes.saturating_add(unsolicited_bytes) } else { unsolicited_bytes };
        match engine.unsolicited_bytes > MAX_UNSOLICITED {
            true => Err(io::Error::new(ErrorKind::InvalidData, "the peer requests TLS answers and does not read them")),
            false => Ok(()),
        }
    }

    /// Whether the engine has answers to send that a `read` caused. The next write sends them first.
    #[inline]
    pub(crate) fn has_unsolicited_output(&self) -> bool {
        self.unsolicited_output.load(Ordering::Acquire) || self.transport.has_unsolicited_output()
    }

    /// The socket below, which reports no bytes that an engine has taken.
    pub(crate) fn socket(&self) -> &Socket {
        self.transport.socket()
    }

    /// From now on other threads write while one reads.
    pub(crate) fn enable_shared_writes(&self) {
        self.transport.enable_shared_writes();
    }

    /// The number of times that progress was counted.
    pub(crate) fn progress(&self) -> &AtomicU64 {
        self.transport.progress()
    }

    /// Ends both directions at once. Takes no lock that is held while waiting.
    pub(crate) fn shutdown(&self) {
        self.transport.shutdown();
    }

    /// Writes a part of `first` and `second`, waiting up to `wait` for the network. Only one thread at a time writes.
    pub(crate) fn write(&self, first: &[u8], second: &[u8], wait: Duration) -> io::Result<usize> {
        let mode = if wait > WRITE_QUANTUM { WriteMode::Until(Deadline::after(wait)) } else { WriteMode::Bounded };
        self.send(first, second, mode)
    }

    /// Writes what the network has room for now. Without bytes, it writes only the answers of the engine.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes, &[], WriteMode::NonBlocking)
    }

    fn send(&self, first: &[u8], second: &[u8], mode: WriteMode) -> io::Result<usize> {
        // Taken for good by `shutdown_write`; after that nothing is written.
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
                    // The engine may need its output written, and then input, before it continues.
                    self.drain(records, mode)?;
                    if error.kind() == ErrorKind::WouldBlock && !matches!(mode, WriteMode::NonBlocking) {
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

    /// Passes plaintext to the engine, which produces all the ciphertext at once. `WouldBlock`: the engine needs input first.
    fn encrypt(&self, mut part: &[u8]) -> io::Result<usize> {
        let mut engine = self.lock_engine();
        let mut done = 0_usize;
        while !part.is_empty() {
            match engine.tls.write(part).and_then(taken) {
                Ok(count) => {
                    done = done.saturating_add(count);
                    part = part.get(count..).unwrap_or_default();
                }
                Err(_) if done > 0 => return Ok(done),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) => return Err(connection_error(error)),
            }
        }
        Ok(done)
    }

    /// Writes until all ciphertext is written. `WouldBlock`: the network did not take all.
    fn drain(&self, records: &mut RecordBuffer, mode: WriteMode) -> io::Result<()> {
        loop {
            if records.is_empty() && !self.take_output(records) {
                return self.flush_transport();
            }
            let rest = records.unwritten();
            let count = match mode {
                WriteMode::Bounded => self.transport.write(rest, WRITE_QUANTUM),
                WriteMode::Until(deadline) => self.transport.write(rest, deadline.remaining().max(WRITE_QUANTUM)),
                WriteMode::NonBlocking => self.transport.try_write(rest),
            };
            records.advance(taken(count?)?);
            if !records.is_empty() {
                // A short write has waited, or has written a large part; the caller's deadline counts in both cases.
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Takes what the engine has written. `false`: nothing, so no answer waits.
    fn take_output(&self, records: &mut RecordBuffer) -> bool {
        let mut buffers = self.memory.lock_buffers();
        records.refill(&mut buffers.outgoing);
        if records.is_empty() {
            self.unsolicited_output.store(false, Ordering::Release);
        }
        !records.is_empty()
    }

    /// Writes the answers of an engine below, which no bytes of this one precede: all of them are credited.
    fn flush_transport(&self) -> io::Result<()> {
        if !self.transport.has_unsolicited_output() {
            return Ok(());
        }
        match self.transport.try_write(&[]) {
            // They wait for the next write, and for the reader.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            result => result.map(drop),
        }
    }

    /// Sends `close_notify`, and then ends the direction of writing in TCP. Ciphertext that waits has up to `wait`.
    pub(crate) fn shutdown_write(&self, wait: Duration) {
        let deadline = Deadline::after(wait);
        let records = self.lock_records().take();
        // A write under way fails, as it would over TCP.
        if let Some(mut records) = records {
            // The peer's `close_notify` does not matter after the closing handshake.
            let _ = self.lock_engine().tls.shutdown();
            while self.drain(&mut records, WriteMode::Bounded).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            {
                if deadline.is_expired() {
                    break;
                }
            }
        }
        self.transport.shutdown_write(deadline.remaining());
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        self.transport.shrink();
        self.memory.shrink();
        if let Some(records) = self.lock_records().as_mut() {
            records.shrink();
        }
    }

    fn lock_engine(&self) -> Locked<'_, Engine> {
        self.engine.lock()
    }

    fn lock_records(&self) -> Locked<'_, Option<RecordBuffer>> {
        self.records.lock()
    }
}

/// For a `Lock`: the engine runs on memory, so its drop runs no user code. Its error is one of the TLS library.
impl UnwindSafe for Engine {}

impl Engine {
    /// Reads until there is no room, no input, or an end, which is `Ok` after `close_notify`.
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

    /// Whether another read would certainly return nothing. This saves a call of the engine for each message.
    fn is_drained(&self) -> bool {
        if READS_AHEAD || !matches!(self.tls.buffered_read_size(), Ok(0)) {
            return false;
        }
        let buffers = self.tls.get_ref().lock_buffers();
        buffers.incoming.is_empty() && !buffers.ended
    }
}

#[cfg(all(test, target_os = "linux", feature = "client", feature = "server"))]
impl Tls {
    /// Capacity of the buffer for bytes of the engine.
    pub(crate) fn held(&self) -> usize {
        self.memory.lock_buffers().outgoing.capacity()
    }

    /// Lets the engine write these bytes with its next read, as an answer to the peer.
    pub(crate) fn answer_next_read(&self, answer: &[u8]) {
        self.memory.lock_buffers().answer = answer.to_vec();
    }

    /// The engine below, of TLS to a proxy.
    pub(super) fn below(&self) -> Option<&Tls> {
        match &self.transport {
            Transport::Socket(_) => None,
            Transport::Tls(tls) => Some(tls),
        }
    }
}

#[cfg(all(test, target_os = "linux", feature = "client", feature = "server"))]
mod tests;
