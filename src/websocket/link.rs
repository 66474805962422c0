//! What the threads of a connection share: the stream, and the gate that says who may write.
//!
//! **The writer is a token.** There is one [`Writer`] a connection (the encoder, and the bytes on their way out). It is in
//! the gate, or in the hands of exactly one thread, which is then the only one that writes. The gate is a mutex held for
//! moments and never while anything waits for the network; whoever finds the token gone waits for it with a deadline.
//!
//! | who | takes the token | writes |
//! |---|---|---|
//! | a sender | waits up to [`Timeouts::write`] | until all is written, each 64 KiB within [`Timeouts::write`] |
//! | the receiver, before it waits for input | only if it is there | what goes without waiting |
//! | the receiver, at the end of the connection | waits up to [`Timeouts::close`] | the rest and a Close, within [`Timeouts::close`] |
//! | anyone who queues | not at all: appends while holding the gate | from 64 KiB on, as a sender |
//!
//! **Answers** (Pong, Ping of the keepalive, Close) are noted in the gate by whoever owes them, and turned into frames by
//! whoever has the token next. Looking for answers and giving the token back are one step under the gate, so no answer is
//! left behind. A Pong goes straight into the outbox if that is in the gate and has room; of several Pings that come when it
//! is not, only the newest is answered (6455-5.5.3-1).
//!
//! **The end** is set once, in the gate, and is the same for everybody. [`Link::abort`] shuts the stream down, which
//! brings back every thread that waits in it; the others wait for the gate and see the end there.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gate::Gate;
use crate::config::Timeouts;
use crate::error::{Error, Result, Step};
use crate::protocol::encoder::Encoder;
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::wire::frame::{Opcode, Role};
use crate::wire::mask;

/// Queued bytes are written from this size on.
const QUEUE: usize = 64 << 10;

pub(crate) struct Link {
    pub(crate) stream: Stream,
    pub(crate) timeouts: Timeouts,
    pub(crate) role: Role,
    gate: Mutex<Gate>,
    /// The token came back, a Pong came, a stream ended, or everything did. Notified only while `waiting` is not 0.
    changed: Condvar,
}

/// The right to write, with all that is needed for it.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) encoder: Encoder,
    pub(crate) outbox: Outbox,
}

/// What a thread wants the token for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// A new message: only while open, and never inside one that is sent as a stream.
    Message,
    /// A fragment of that stream, a Ping, what is queued: only while open.
    Frame,
    /// What is owed, whatever the state of the connection.
    LastWords,
}

/// What the receiver has to know before it waits for input.
pub(crate) struct Outlook {
    /// Bytes wait that the network does not take.
    pub(crate) congested: bool,
    /// A Close was sent: by then the peer's has to be here.
    pub(crate) close_by: Option<Deadline>,
}

impl Link {
    pub(crate) fn new(stream: Stream, role: Role, encoder: Encoder, timeouts: Timeouts) -> Link {
        // A socket takes zero for "no timeout", so there is no shorter wait than this.
        let least = Duration::from_millis(1);
        let timeouts = Timeouts { ping: timeouts.ping.max(least), life: timeouts.life.max(least), ..timeouts };
        let gate = Gate::new(Writer { encoder, outbox: Outbox::default() });
        Link { stream, timeouts, role, gate: Mutex::new(gate), changed: Condvar::new() }
    }

    // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a whole message; returns when the kernel has it. 6455-6.1-1, 6455-6.1-9.
    pub(crate) fn send(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.turn(Wants::Message, self.timeouts.write)?.frame(true, opcode, payload)
    }

    /// Appends a whole message to what goes out with the next write.
    #[inline]
    pub(crate) fn queue(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        {
            let gate = &mut *self.gate();
            if let Some(writer) = &mut gate.writer {
                let room = QUEUE.saturating_sub(writer.outbox.len());
                let ready = gate.end.is_none() && gate.closing.may_send() && !gate.streaming;
                // What is owed goes first, and by way of the token.
                if ready && payload.len() < room && !gate.owed.any {
                    let bytes = writer.outbox.bytes();
                    return writer.encoder.frame(bytes, true, opcode, payload).map_err(|e| Error::io(Step::Entropy, e));
                }
            }
        }
        self.send(opcode, payload)
    }

    /// Writes what was queued.
    pub(crate) fn flush(&self) -> Result<()> {
        self.turn(Wants::Frame, self.timeouts.write)?.finish(&[], Limit::Each(self.timeouts.write))
    }

    /// Begins a message that is sent in fragments; no other message is sent until [`Link::end_stream`].
    pub(crate) fn begin_stream(&self) -> Result<()> {
        let turn = self.turn(Wants::Message, self.timeouts.write)?;
        self.gate().streaming = true;
        turn.finish(&[], Limit::Each(self.timeouts.write))
    }

    pub(crate) fn stream_fragment(&self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.turn(Wants::Frame, self.timeouts.write)?.frame(fin, opcode, payload)
    }

    pub(crate) fn end_stream(&self) {
        let mut gate = self.gate();
        gate.streaming = false;
        self.notify(&gate);
    }

    /// Sends a Ping of its own number (6455-5.5.2-1, 6455-5.5.2-4); [`Link::await_pong`] waits for the answer.
    pub(crate) fn ping(&self) -> Result<u64> {
        let turn = self.turn(Wants::Frame, self.timeouts.write)?;
        let number = {
            let mut gate = self.gate();
            gate.pings = gate.pings.wrapping_add(1);
            gate.pings
        };
        turn.frame(true, Opcode::Ping, &number.to_be_bytes())?;
        Ok(number)
    }

    /// Waits until another thread has received the Pong of this number.
    pub(crate) fn await_pong(&self, number: u64) -> Result<()> {
        let deadline = Deadline::after(self.timeouts.life);
        let mut gate = self.gate();
        loop {
            if gate.pongs >= number {
                return Ok(());
            }
            if let Some(end) = &gate.end {
                return Err(end.clone());
            }
            gate = self.wait(gate, deadline, Step::Pong)?;
        }
    }

    // ── the token ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes the token, and turns what is owed into bytes before anything else.
    pub(super) fn turn(&self, wants: Wants, limit: Duration) -> Result<Turn<'_>> {
        let mut gate = self.gate();
        let mut deadline = None;
        loop {
            if wants != Wants::LastWords {
                // 6455-6.1-2, 6455-6.1-3: a state that changes while we wait ends it.
                gate.check_open()?;
            }
            let blocked = gate.streaming && wants == Wants::Message;
            if !blocked {
                if let Some(mut writer) = gate.writer.take() {
                    let settled = gate.settle(&mut writer);
                    drop(gate);
                    let turn = Turn { link: self, writer: Some(writer) };
                    return settled.map(|()| turn);
                }
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(limit));
            gate = self.wait(gate, deadline, Step::Turn)?;
        }
    }

    pub(super) fn give_back(&self, gate: &mut Gate, writer: Box<Writer>) {
        gate.writer = Some(writer);
        self.notify(gate);
    }

    pub(super) fn notify(&self, gate: &Gate) {
        if gate.waiting > 0 {
            self.changed.notify_all();
        }
    }

    pub(super) fn wait<'a>(
        &'a self,
        mut gate: MutexGuard<'a, Gate>,
        deadline: Deadline,
        step: Step,
    ) -> Result<MutexGuard<'a, Gate>> {
        let left = deadline.left().min(Duration::from_secs(1 << 31));
        if left.is_zero() {
            return Err(Error::Timeout(step));
        }
        gate.waiting = gate.waiting.saturating_add(1);
        let mut gate = self.changed.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0;
        gate.waiting = gate.waiting.saturating_sub(1);
        Ok(gate)
    }

    /// No code of ours panics while it holds the gate; a poisoned one is still whole.
    #[inline]
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ── for the receiver ────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers a Ping, with the next write.
    pub(crate) fn answer_ping(&self, payload: &[u8]) {
        let mut gate = self.gate();
        if let Err(error) = gate.answer_ping(payload) {
            gate.end.get_or_insert(Error::io(Step::Entropy, error));
        }
    }

    /// Notes that a sign of life is wanted.
    pub(crate) fn owe_ping(&self) {
        self.gate().owe_ping();
    }

    /// Notes a Pong, and gives the highest number that has come back. 6455-5.5.3-s2: one that nobody waits for is no more
    /// than a sign of life.
    pub(crate) fn pong(&self, payload: &[u8]) -> u64 {
        let mut gate = self.gate();
        let number = <[u8; 8]>::try_from(payload).map_or(0, u64::from_be_bytes);
        if number <= gate.pings && number > gate.pongs {
            gate.pongs = number;
            self.notify(&gate);
        }
        gate.pongs
    }

    /// 6455-2.1-1: what was queued, and what is owed, goes out before the receiver waits; as far as it goes at once.
    #[inline]
    pub(crate) fn before_waiting(&self) -> Outlook {
        let mut gate = self.gate();
        let close_by = gate.closes_by();
        let idle = !gate.owed.any && gate.writer.as_ref().map_or(true, |writer| writer.outbox.is_empty());
        if idle || gate.end.is_some() {
            return Outlook { congested: false, close_by };
        }
        // Whoever has the token looks for answers once before giving it back. If some came after that look, the short
        // wait of a congested connection brings the receiver back here.
        let Some(mut writer) = gate.writer.take() else { return Outlook { congested: true, close_by } };
        let write = |error| Error::io(Step::Write, error);
        let mut result = Ok(());
        if writer.outbox.is_congested() {
            drop(gate);
            result = writer.outbox.write_now(&self.stream).map_err(write);
            gate = self.gate();
        }
        // 6455-5.5.3-1: what is owed stays owed while older bytes wait. Turned into frames, the answers to a peer that
        // sends Pings and reads nothing would pile up; owed, the newest replaces the others.
        if !writer.outbox.is_congested() {
            result = result.and_then(|()| gate.settle(&mut writer));
            drop(gate);
            result = result.and_then(|()| writer.outbox.write_now(&self.stream).map_err(write));
            gate = self.gate();
        }
        let congested = !writer.outbox.is_empty();
        if let Err(error) = result {
            // What the peer sent before it stopped listening can still be received.
            gate.end.get_or_insert(error);
        }
        let close_by = gate.closes_by();
        self.give_back(&mut gate, writer);
        Outlook { congested, close_by }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        if let Some(writer) = &mut self.gate().writer {
            writer.outbox.shrink();
        }
    }
}

/// The token in a thread's hands. Dropped, it goes back to the gate; what was not written waits for the next one.
pub(super) struct Turn<'a> {
    link: &'a Link,
    writer: Option<Box<Writer>>,
}

impl Turn<'_> {
    /// Writes a frame (6455-6.1-4): with its header in one write. Small ones are copied behind the header; a server's large ones are
    /// not copied at all; a client's are masked in pieces, because masking needs a copy and memory is bounded.
    fn frame(mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        const COPY: usize = 16 << 10;
        // With its header it is no more than the outbox keeps room for, or each piece would be allocated anew.
        const PIECE: usize = (128 << 10) - 64;
        let limit = Limit::Each(self.link.timeouts.write);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let entropy = |error| Error::io(Step::Entropy, error);
        if payload.len() <= COPY {
            writer.encoder.frame(writer.outbox.bytes(), fin, opcode, payload).map_err(entropy)?;
            return self.finish(&[], limit);
        }
        match writer.encoder.header(writer.outbox.bytes(), fin, opcode, payload.len()).map_err(entropy)? {
            None => self.finish(payload, limit),
            Some(key) => {
                // A piece is a multiple of four bytes long, so each begins with the first byte of the key.
                let mut pieces = payload.chunks(PIECE);
                let last = pieces.next_back().unwrap_or_default();
                for piece in pieces {
                    if let Some(writer) = &mut self.writer {
                        mask::append(writer.outbox.bytes(), piece, key);
                    }
                    self.write(&[], limit)?;
                }
                if let Some(writer) = &mut self.writer {
                    mask::append(writer.outbox.bytes(), last, key);
                }
                self.finish(&[], limit)
            }
        }
    }

    /// Writes all there is and `tail`, then once what others came to owe meanwhile, and gives the token back. Once: a
    /// peer that sends Pings without end must not keep a sender writing Pongs.
    pub(super) fn finish(mut self, tail: &[u8], limit: Limit) -> Result<()> {
        self.write(tail, limit)?;
        let settled = {
            let mut gate = self.link.gate();
            match &mut self.writer {
                Some(writer) if gate.owed.any && gate.end.is_none() => gate.settle(writer),
                Some(_) | None => {
                    self.give_back(&mut gate);
                    return Ok(());
                }
            }
        };
        settled?;
        self.write(&[], limit)
    }

    /// Writes all there is and `tail`. A write that failed half way leaves a broken frame behind it, so the end is set
    /// before the token goes back: nobody may send after it.
    fn write(&mut self, tail: &[u8], limit: Limit) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.outbox.write(&self.link.stream, tail, limit).map_err(|error| self.link.write_failed(error, limit))
    }

    fn give_back(&mut self, gate: &mut Gate) {
        if let Some(writer) = self.writer.take() {
            self.link.give_back(gate, writer);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.writer.is_some() {
            let link = self.link;
            self.give_back(&mut link.gate());
        }
    }
}
