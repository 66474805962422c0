//! The write permit: exclusive write access to a connection, and the ways to acquire and to release it.
//!
//! | the permit ends with | under the lock | after the lock is released |
//! |---|---|---|
//! | [`WritePermit::release`] | the writer is put back, and the caller's `work` runs | events of sent frames are emitted |
//! | [`WritePermit::flush_and_release`] | the writer is put back unless frames are pending | the same |
//! | a drop | the writer is put back | the same |
//!
//! The end of a permit locks the state, and then calls the application's event handler. So a permit must not end while the
//! state is locked: no function takes both, and [`WritePermit::release`] passes only the state to `work`. A `Box<Writer>`,
//! which is put back under the lock, emits nothing. A debug build panics where this is broken (see `primitives/lock`).
//!
//! **Waiting senders.** Waking a thread costs more than writing a small message, so a release wakes one sender, and none while one
//! is on its way. Invariant: while the writer is available and senders wait for it, one of them has been woken and has not locked
//! the state since. That one acquires the permit, whose end wakes the next; if it may not send, it wakes the next at once. A
//! sender whose message has to wait for the end of a stream waits for that, as all other threads do, and not here.
//!
//! **Masking keys.** A source of keys is the user's code, which may use the same connection. So the thread that has the permit
//! calls it, without the lock. Invariant: a thread that encodes frames under the lock has locked with
//! [`Connection::lock_state_with_keys`], or has checked that the keys are not low, and encodes at most eight.

#[cfg(feature = "trace")]
use std::mem;
use std::time::Duration;

use super::framing::RemainingPayload;
#[cfg(feature = "trace")]
use super::report::FrameNote;
use super::shared::Connection;
use super::state::SharedState;
use super::writer::Writer;
use crate::codec::frame::Opcode;
use crate::codec::mask;
use crate::error::{Result, Step};
#[cfg(feature = "trace")]
use crate::events::sink::Origin;
use crate::net::deadline::Deadline;
use crate::net::write_buffer::{WriteMode, MAX_BUFFERED};
use crate::primitives::lock::{assert_unlocked, Locked};

/// Maximum number of payload bytes that are copied behind their header.
const COPY_LIMIT: usize = 16 << 10;

/// What the permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteIntent {
    /// A new message: only while open, and not while another message is sent as a stream.
    Message,
    /// A fragment of that stream, a Ping, or queued frames: only while open.
    Frame,
}

impl Connection {
    /// Waits for the permit, and encodes pending frames before anything else.
    pub(super) fn acquire_permit(&self, intent: WriteIntent, limit: Duration) -> Result<WritePermit<'_>> {
        let mut state = self.lock_state();
        let mut deadline = None;
        loop {
            // 6455-6.1-2, 6455-6.1-3: a change of the state ends the wait.
            if let Err(error) = state.check_open() {
                self.notify(&state);
                return Err(error);
            }
            let blocked = state.streaming && intent == WriteIntent::Message;
            if !blocked && state.is_low_on_keys() {
                drop(state);
                state = self.lock_state_with_keys()?;
                continue;
            }
            if !blocked && state.writer.is_some() {
                state.encode_pending()?;
                let writer = state.writer.take();
                return Ok(WritePermit::new(self, writer));
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(limit));
            state = match blocked {
                true => self.wait_for_stream(state, deadline)?,
                false => self.wait_to_send(state, deadline)?,
            };
        }
    }

    /// Waits for a change while another message is sent as a stream. This thread may be the sender that was woken.
    #[cold]
    fn wait_for_stream<'a>(
        &'a self,
        mut state: Locked<'a, SharedState>,
        deadline: Deadline,
    ) -> Result<Locked<'a, SharedState>> {
        if state.writer.is_some() {
            self.wake_sender(&mut state);
        }
        self.wait(state, deadline, Step::SendLock)
    }

    /// Locks the state, with enough masking keys for eight frames if the writer is available. If the source of keys panics,
    /// the permit is released.
    #[inline]
    pub(super) fn lock_state_with_keys(&self) -> Result<Locked<'_, SharedState>> {
        let mut state = self.lock_state();
        while state.is_low_on_keys() {
            let mut permit = WritePermit::new(self, state.writer.take());
            drop(state);
            let fetched = permit.writer().map_or(Ok(()), |writer| writer.encoder.prefetch_keys());
            drop(permit);
            fetched.map_err(|error| self.fail_without_key(error))?;
            state = self.lock_state();
        }
        Ok(state)
    }

    /// Waits for the writer, and locks the state with enough masking keys. `None`: the deadline has passed.
    pub(super) fn lock_state_with_writer(&self, by: Deadline) -> Result<Option<Locked<'_, SharedState>>> {
        loop {
            let state = self.lock_state_with_keys()?;
            if state.writer.is_some() {
                return Ok(Some(state));
            }
            if self.wait(state, by, Step::SendLock).is_err() {
                return Ok(None);
            }
        }
    }
}

/// Guard for exclusive write access. A drop puts the writer back; unwritten bytes are left for the next permit.
pub(super) struct WritePermit<'a> {
    connection: &'a Connection,
    writer: Option<Box<Writer>>,
    #[cfg(feature = "trace")]
    /// Frames whose events are emitted after the writer is back and the lock is released.
    frame_notes: Vec<FrameNote>,
}

impl<'a> WritePermit<'a> {
    pub(super) fn new(connection: &'a Connection, writer: Option<Box<Writer>>) -> WritePermit<'a> {
        WritePermit {
            connection,
            writer,
            #[cfg(feature = "trace")]
            frame_notes: Vec::new(),
        }
    }

    pub(super) fn writer(&mut self) -> Option<&mut Writer> {
        self.writer.as_deref_mut()
    }

    /// Writes a frame, with its header in the same write (6455-6.1-4). A small payload is copied behind the header. A large
    /// one of a server is not copied. A large one of a client is masked in pieces, because masking copies and memory is bounded.
    pub(super) fn write_frame(mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let fail_without_key = |error| self.connection.fail_without_key(error);
        if payload.len() <= COPY_LIMIT {
            writer.append_frame(fin, opcode, payload).map_err(fail_without_key)?;
            return self.flush_and_release(&[]);
        }
        match writer.begin_frame(fin, opcode, payload).map_err(fail_without_key)? {
            RemainingPayload::Unmasked => self.flush_and_release(payload),
            #[cfg(feature = "legacy")]
            RemainingPayload::Complete => self.flush_and_release(&[]),
            RemainingPayload::Masked(key) => {
                let mut rest = self.append_masked(payload, key);
                while !rest.is_empty() {
                    self.write(&[])?;
                    rest = self.append_masked(rest, key);
                }
                self.flush_and_release(&[])
            }
        }
    }

    /// As [`write_frame`](WritePermit::write_frame), for the payload of a whole message that belongs to this side. A large one is
    /// not copied in either role: a client masks it in place, before any byte of it is written (6455-10.3-s1).
    pub(super) fn write_owned_frame(mut self, opcode: Opcode, mut payload: Vec<u8>) -> Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|_| payload.len() > COPY_LIMIT) else {
            return self.write_frame(true, opcode, &payload);
        };
        match writer.begin_frame(true, opcode, &payload).map_err(|error| self.connection.fail_without_key(error))? {
            RemainingPayload::Unmasked => {}
            #[cfg(feature = "legacy")]
            RemainingPayload::Complete => payload.clear(),
            RemainingPayload::Masked(key) => mask::apply(&mut payload, key),
        }
        self.flush_and_release(&payload)
    }

    /// Appends as much of the payload as the write buffer may hold, masked, and returns the rest. What is appended is a multiple
    /// of four bytes if a rest follows, which then begins with the first byte of the key.
    fn append_masked<'p>(&mut self, payload: &'p [u8], key: [u8; 4]) -> &'p [u8] {
        let Some(writer) = &mut self.writer else { return &[] };
        let bytes = writer.buffer.bytes();
        let room = MAX_BUFFERED.saturating_sub(bytes.len()).max(COPY_LIMIT) & !3;
        let (piece, rest) = payload.split_at_checked(room).unwrap_or((payload, &[]));
        match bytes.capacity() <= MAX_BUFFERED / 2 {
            true => bytes.reserve(piece.len()),
            // Growth by doubling would exceed the maximum.
            false => bytes.reserve_exact(room),
        }
        mask::append(bytes, piece, key);
        rest
    }

    /// Puts the writer back and runs `work`, both in one step under the lock. Then emits the events of sent frames.
    #[cfg(any(feature = "server", feature = "hub"))]
    pub(super) fn release<R>(mut self, work: impl FnOnce(&mut SharedState) -> R) -> R {
        let writer = self.take_writer();
        let mut state = self.connection.lock_state();
        if let Some(writer) = writer {
            self.connection.put_back(&mut state, writer);
        }
        let result = work(&mut state);
        // `self` is dropped after this; also if `work` panics, because parameters outlive local variables.
        drop(state);
        result
    }

    /// Writes the buffer and `tail`, then frames that were scheduled meanwhile, and releases the permit. It looks for such
    /// frames once: a peer that sends Pings without end must not keep a sender writing Pongs.
    pub(super) fn flush_and_release(mut self, tail: &[u8]) -> Result<()> {
        self.write(tail)?;
        let encoded = loop {
            let writer = self.take_writer();
            let mut state = self.connection.lock_state();
            state.writer = writer;
            if !state.has_pending() || state.end.is_set() {
                self.connection.notify_of_writer(&mut state);
                return Ok(());
            }
            let is_low = state.is_low_on_keys();
            let encoded = if is_low { Ok(()) } else { state.encode_pending() };
            self.writer = state.writer.take();
            drop(state);
            match &mut self.writer {
                // A source of keys is the user's code, so it is called without the lock.
                Some(writer) if is_low => {
                    writer.encoder.prefetch_keys().map_err(|error| self.connection.fail_without_key(error))?;
                }
                Some(_) | None => break encoded,
            }
        };
        encoded?;
        self.write(&[])
    }

    /// Writes the buffer and `tail`. A failed write may leave a part of a frame, so the end is set before the permit is
    /// released: nothing can be sent after it.
    fn write(&mut self, tail: &[u8]) -> Result<()> {
        let Connection { stream, timeouts, .. } = self.connection;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = writer.buffer.write(stream, tail, WriteMode::PerChunk(timeouts.write));
        written.map_err(|error| self.connection.fail_write(Step::Write, error))
    }

    /// The writer, to be put back. Its notes stay here.
    fn take_writer(&mut self) -> Option<Box<Writer>> {
        #[cfg(feature = "trace")]
        self.take_notes();
        self.writer.take()
    }

    /// Takes the notes from the writer. Inside an event handler no events are emitted.
    #[cfg(feature = "trace")]
    #[inline]
    fn take_notes(&mut self) {
        if let Some(notes) = self.writer.as_mut().and_then(|writer| writer.frame_notes.as_mut()) {
            add_notes(&mut self.frame_notes, notes);
        }
    }

    /// Puts the writer back at the end of a permit that was not released.
    #[cold]
    fn put_back(&mut self) {
        if let Some(writer) = self.take_writer() {
            self.connection.put_back(&mut self.connection.lock_state(), writer);
        }
    }
}

/// Moves the notes of the writer to those of a permit.
#[cfg(feature = "trace")]
#[cold]
fn add_notes(to: &mut Vec<FrameNote>, notes: &mut Vec<FrameNote>) {
    match (Origin::current(), to.is_empty()) {
        (Origin::Outside, true) => mem::swap(notes, to),
        (Origin::Outside, false) => to.append(notes),
        (Origin::Handler, _) => {}
    }
}

#[cfg(feature = "deflate")]
impl WritePermit<'_> {
    /// Number of bytes that wait to be written.
    pub(super) fn buffered_len(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.buffer.len())
    }

    pub(super) fn should_compress(&self, length: usize) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.encoder.should_compress(length))
    }

    pub(super) fn write_compressed(mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        self.append_compressed(fin, opcode, plain)?;
        self.flush_and_release(&[])
    }

    pub(super) fn append_compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.append_compressed(fin, opcode, plain).map_err(|error| self.connection.fail_without_key(error))
    }
}

impl Drop for WritePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.put_back();
        }
        assert_unlocked();
        #[cfg(feature = "trace")]
        if !self.frame_notes.is_empty() {
            FrameNote::emit_sent(mem::take(&mut self.frame_notes), &self.connection.events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing::{connection, long_timeouts, LONG, ROLES};

    /// The message of the caller is written. What ends the connection meanwhile is no failure of it, and no further frame follows.
    #[test]
    fn frames_that_are_due_at_the_end_of_the_connection_are_not_written() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            connection.answer_ping(b"ping");
            connection.abort();
            permit.flush_and_release(&[]).unwrap();
            assert!(connection.lock_state().has_pending());
            assert_eq!(peer.frames(), []);
        }
    }

    /// A call reports the frames that it writes: its own, and those that were due.
    #[cfg(feature = "trace")]
    #[test]
    fn frames_are_reported_by_the_call_that_sends_them() {
        use crate::close::CloseCode;
        use crate::connection::testing::{observed_websocket, wait_until, BINARY, TEXT};
        for role in ROLES {
            let (ws, mut peer, events) = observed_websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            assert_eq!(events(), ["opened"]);
            connection.send(TEXT, b"text").unwrap();
            assert_eq!(events(), ["frame-sent: Text, 4 bytes"]);
            let mut permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            permit.writer().unwrap().append_frame(false, BINARY, b"").unwrap();
            connection.answer_ping(b"p");
            connection.schedule_ping();
            permit.flush_and_release(&[]).unwrap();
            let pending = ["frame-sent: Pong, 1 byte", "frame-sent: Ping, 8 bytes"];
            assert_eq!(events(), [&["frame-sent: Binary, 0 bytes, not final"][..], &pending].concat());
            // What the end of a permit has left is reported with the next write.
            connection.acquire_permit(WriteIntent::Frame, LONG).unwrap().flush_and_release(&[]).unwrap();
            assert_eq!(events(), [""; 0]);
            let reading = std::thread::spawn(move || while peer.frame().is_some() {});
            connection.stream_fragment(true, Opcode::Continuation, &[0; 70_000]).unwrap();
            assert_eq!(events(), ["frame-sent: Continuation, 70000 bytes"]);
            connection.queue(TEXT, b"queued").unwrap();
            assert_eq!(events(), ["frame-sent: Text, 6 bytes"]);
            connection.schedule_ping();
            wait_until(|| !connection.flush_before_read().congested);
            assert_eq!(events(), ["frame-sent: Ping, 8 bytes"]);
            connection.start_close(CloseCode::NORMAL, "").unwrap();
            let close = ["frame-sent: Close, 2 bytes", "close-sent: 1000"];
            assert_eq!(events(), close);
            connection.abort();
            reading.join().unwrap();
            let (ws, _peer, events) = observed_websocket(role, long_timeouts());
            ws.connection().close_nonblocking(CloseCode::NORMAL);
            assert_eq!(events(), [&["opened"][..], &close].concat());
        }
    }
}
