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
//! | messages | `write`, `write_now` | that same call, and the calls with the same bytes that follow it |
//! | answers of the engine: key update, renegotiation | `read` | whoever writes next, before anything of its own; or the reader, which comes back with `Interrupted`, sees [`Tls::has_answers`], and writes with `write_now` when nobody else writes |
//! | an alert: what came was wrong | `read` that gives the error | the reader, in the same way, before it shuts the stream |
//! | `close_notify` | `finish` | `finish`, if nobody is in the middle of a write |
//! | the handshake, and its alert | `handshake` | `handshake` |
//!
//! **Bounds.** Plaintext goes in by pieces (see `sending`), and only when all ciphertext is out. The network's
//! progress with a piece is credited to the caller at once, its last byte when the whole piece is out: what has been
//! accepted has also been taken by the kernel, and a call that gave `WouldBlock` has to be made again with the same
//! bytes, to which others may have been appended. Answers that the peer does not take end the connection at [`ANSWERS`].
//!
//! **Locks.** Engine, then buffers; either for moments only. An engine that wants input in order to go on writing (TLS
//! 1.2, renegotiation) gives `WouldBlock`; the reader feeds it.

mod fault;
mod handshake;
mod sending;
mod wire;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use native_tls::TlsStream;

pub(crate) use fault::settings;
pub(crate) use handshake::{accept, connect};

use super::deadline::Deadline;
use super::plain::Plain;
use sending::Sending;
use wire::Wire;

/// OpenSSL takes no more from the network than the record that it gives. So when nothing has come behind that, and all of
/// it has been given, there is nothing to ask for. The others read ahead.
const READS_AHEAD: bool = cfg!(any(windows, target_vendor = "apple"));
/// So many bytes of answers may wait for a peer that does not read. A key update is 22 bytes long.
const ANSWERS: u64 = 64 << 10;
/// How soon an engine that waits for input is asked again.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct Tls {
    pub(super) plain: Plain,
    wire: Wire,
    engine: Mutex<Engine>,
    /// In the hands of who writes; `None` meanwhile.
    sending: Mutex<Option<Sending>>,
    /// The engine has written something by itself that may not be out yet.
    answers: AtomicBool,
}

struct Engine {
    tls: TlsStream<Wire>,
    /// It has said that it needs more, and nothing has come since.
    hungry: bool,
    /// So many bytes of answers have been given since all were out.
    answered: u64,
    /// Reading is over, by an error; kept when there were bytes to be given before.
    failed: Option<io::Error>,
}

/// How long a write may wait.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// Up to one [`SLICE`](super::deadline::SLICE).
    Slice,
    No,
}

impl Tls {
    fn new(plain: Plain, wire: Wire, tls: TlsStream<Wire>) -> Tls {
        let engine = Engine { tls, hungry: false, answered: 0, failed: None };
        let sending = Mutex::new(Some(Sending::default()));
        Tls { plain, wire, engine: Mutex::new(engine), sending, answers: AtomicBool::new(false) }
    }

    /// Gives plaintext, waiting up to `wait` for ciphertext. `Interrupted`: some came, but not enough of it; or the engine
    /// has an answer to be written.
    pub(super) fn read(&self, to: &mut [u8], wait: Duration) -> io::Result<usize> {
        let had_answers = self.has_answers();
        if let Some(result) = self.decrypt(to) {
            return result;
        }
        if !had_answers && self.has_answers() {
            return Err(ErrorKind::Interrupted.into());
        }
        let mut incoming = self.wire.take_incoming();
        let came = self.plain.read(incoming.space(), wait);
        if let Ok(count) = came {
            incoming.filled(count);
        }
        self.wire.put_back(incoming);
        if came? == 0 {
            self.wire.buffers().ended = true;
        }
        self.engine().hungry = false;
        self.decrypt(to).unwrap_or_else(|| {
            // Whoever sends a long record slowly is alive.
            self.plain.progress.fetch_add(1, Ordering::Relaxed);
            Err(ErrorKind::Interrupted.into())
        })
    }

    /// As much plaintext as there is and as there is room for. `None`: there is none before more ciphertext comes.
    fn decrypt(&self, to: &mut [u8]) -> Option<io::Result<usize>> {
        let mut locked = self.engine();
        let engine = &mut *locked;
        if let Some(error) = engine.failed.take() {
            return Some(Err(error));
        }
        if engine.hungry {
            return None;
        }
        let (ended, before) = {
            let buffers = self.wire.buffers();
            (buffers.ended, buffers.produced)
        };
        let (count, end) = engine.read(to);
        let answered = self.wire.buffers().produced.saturating_sub(before);
        let end = self.note_answers(engine, answered).map_or_else(|error| Some(Err(error)), |()| end);
        let end = match end {
            // An end of TCP without `close_notify` is an end like any other: whether it is a good one, only the closing
            // handshake tells.
            _ if ended && (end.is_some() || engine.hungry) => Some(Ok(())),
            Some(Err(error)) => Some(Err(fault::broken(error))),
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
    fn note_answers(&self, engine: &mut Engine, answered: u64) -> io::Result<()> {
        if answered == 0 {
            return Ok(());
        }
        let waiting = self.answers.swap(true, Ordering::AcqRel);
        engine.answered = if waiting { engine.answered.saturating_add(answered) } else { answered };
        match engine.answered > ANSWERS {
            true => Err(io::Error::new(ErrorKind::InvalidData, "the peer asks for answers and does not take them")),
            false => Ok(()),
        }
    }

    /// Whether the engine has something to say that `read` was the cause of. The next write takes it along.
    #[inline]
    pub(super) fn has_answers(&self) -> bool {
        self.answers.load(Ordering::Acquire)
    }

    /// Takes some of `first` and `second`, waiting up to a slice for the network. Only one thread at a time writes.
    pub(super) fn write(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        self.send(first, second, Wait::Slice)
    }

    /// Takes what the network has room for now. With nothing to write, what the engine has to say goes out.
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes, &[], Wait::No)
    }

    fn send(&self, first: &[u8], second: &[u8], wait: Wait) -> io::Result<usize> {
        // It is gone when another thread is finishing the stream: then nothing more is written.
        let Some(mut sending) = self.sending().take() else { return Err(ErrorKind::BrokenPipe.into()) };
        let result = self.send_piece(&mut sending, first, second, wait);
        *self.sending() = Some(sending);
        result
    }

    fn send_piece(&self, sending: &mut Sending, first: &[u8], second: &[u8], wait: Wait) -> io::Result<usize> {
        if sending.owed == 0 {
            self.drain(sending, wait)?;
            match self.encrypt(sending.piece(first, second)) {
                Ok(count) => sending.owed = count,
                Err(error) => {
                    // What the engine wants to say, and then perhaps to hear, before it goes on.
                    self.drain(sending, wait)?;
                    if error.kind() == ErrorKind::WouldBlock && matches!(wait, Wait::Slice) {
                        thread::sleep(PAUSE);
                    }
                    return Err(error);
                }
            }
        }
        self.drain(sending, wait).map(|()| std::mem::take(&mut sending.owed)).or_else(|error| match error.kind() {
            ErrorKind::WouldBlock => sending.credit(),
            _ => Err(error),
        })
    }

    /// Feeds the engine, which gives all the ciphertext at once. `WouldBlock`: it wants input before it takes any.
    fn encrypt(&self, mut part: &[u8]) -> io::Result<usize> {
        let mut engine = self.engine();
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
                Err(error) => return Err(fault::broken(error)),
            }
        }
        Ok(taken)
    }

    /// Writes until all ciphertext is out. `WouldBlock`: the network did not take all of it.
    fn drain(&self, sending: &mut Sending, wait: Wait) -> io::Result<()> {
        loop {
            if sending.is_empty() {
                let mut buffers = self.wire.buffers();
                sending.load(&mut buffers.outgoing);
                if sending.is_empty() {
                    self.answers.store(false, Ordering::Release);
                    return Ok(());
                }
            }
            let rest = sending.rest();
            let count = match wait {
                Wait::Slice => self.plain.write(rest, &[])?,
                Wait::No => self.plain.write_now(rest)?,
            };
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            sending.wrote(count);
            if !sending.is_empty() {
                // A write that was cut short has waited.
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Says `close_notify` and then, in TCP, that nothing more will be written. What is on its way gets up to `wait`.
    pub(super) fn finish(&self, wait: Duration) {
        let by = Deadline::after(wait);
        let sending = self.sending().take();
        // A thread in the middle of a write loses its stream, as it would over TCP.
        if let Some(mut sending) = sending {
            // What it says of the peer's `close_notify` does not matter: the closing handshake is over.
            let _ = self.engine().tls.shutdown();
            while self.drain(&mut sending, Wait::Slice).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                if by.passed() {
                    break;
                }
            }
        }
        self.plain.finish();
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn shrink(&self) {
        self.wire.shrink();
        if let Some(sending) = self.sending().as_mut() {
            sending.shrink();
        }
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sending(&self) -> MutexGuard<'_, Option<Sending>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
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
                    if self.is_emptied() {
                        self.hungry = true;
                        return (count, None);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.hungry = true;
                    return (count, None);
                }
                Err(error) => return (count, Some(Err(error))),
            }
        }
    }

    /// Whether it is plain that another read would give nothing: a question less for each message.
    fn is_emptied(&self) -> bool {
        if READS_AHEAD || !matches!(self.tls.buffered_read_size(), Ok(0)) {
            return false;
        }
        let buffers = self.tls.get_ref().buffers();
        buffers.incoming.is_empty() && !buffers.ended
    }
}
