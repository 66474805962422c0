//! The token in a thread's hands: what can be written while it is there, and how it goes back.
//!
//! | the token goes back by | under the gate | after the gate is unlocked |
//! |---|---|---|
//! | [`WritePermit::release`] | the writer is put back, and the caller's `work` is done | the frames are told of |
//! | [`WritePermit::flush_and_release`] | the writer is put back unless something is owed | the same |
//! | dropping the turn | the writer is put back | the same |
//!
//! A `WritePermit` locks the gate when it ends, and then calls the application's event handler. So it must not end under the
//! gate. No function takes a `WritePermit` and a locked gate: [`WritePermit::release`] locks the gate, and lends `work` the state alone.
//! What is put back under the gate, a `Box<Writer>`, emits nothing when it is dropped. A debug build panics where this
//! is broken (see `lock`).

use std::mem;

use super::framing::RemainingPayload;
use super::report::FrameNote;
use super::shared::{Connection, Writer};
use super::state::SharedState;
use crate::codec::frame::Opcode;
use crate::codec::mask;
use crate::error::{Result, Step};
use crate::events::sink::Origin;
use crate::net::write_buffer::WriteTimeout;

/// The token in a thread's hands. Dropped, it goes back to the gate; what was not written waits for the next one.
pub(crate) struct WritePermit<'a> {
    connection: &'a Connection,
    writer: Option<Box<Writer>>,
    /// Frames to be told of when the token is back and the gate is unlocked.
    frame_notes: Vec<FrameNote>,
}

impl<'a> WritePermit<'a> {
    pub(crate) fn new(connection: &'a Connection, writer: Option<Box<Writer>>) -> WritePermit<'a> {
        WritePermit { connection, writer, frame_notes: Vec::new() }
    }

    /// Writes a frame (6455-6.1-4): with its header in one write. Small ones are copied behind the header; a server's large ones are
    /// not copied at all; a client's are masked in pieces, because masking needs a copy and memory is bounded.
    pub(crate) fn write_frame(mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        const COPY_LIMIT: usize = 16 << 10;
        // With its header it is no more than the outbox keeps room for, or each piece would be allocated anew.
        const MASK_CHUNK: usize = (128 << 10) - 64;
        let limit = WriteTimeout::PerChunk(self.connection.timeouts.write);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let fail_without_key = |error| self.connection.fail_without_key(error);
        if payload.len() <= COPY_LIMIT {
            writer.append_frame(fin, opcode, payload).map_err(fail_without_key)?;
            return self.flush_and_release(&[], limit);
        }
        match writer.begin_frame(fin, opcode, payload).map_err(fail_without_key)? {
            RemainingPayload::Unmasked => self.flush_and_release(payload, limit),
            #[cfg(feature = "legacy")]
            RemainingPayload::Complete => self.flush_and_release(&[], limit),
            RemainingPayload::Masked(key) => {
                // A piece is a multiple of four bytes long, so each begins with the first byte of the key.
                let mut pieces = payload.chunks(MASK_CHUNK);
                let last = pieces.next_back().unwrap_or_default();
                for piece in pieces {
                    if let Some(writer) = &mut self.writer {
                        mask::append(writer.buffer.bytes(), piece, key);
                    }
                    self.write(&[], limit)?;
                }
                if let Some(writer) = &mut self.writer {
                    mask::append(writer.buffer.bytes(), last, key);
                }
                self.flush_and_release(&[], limit)
            }
        }
    }

    pub(crate) fn writer(&mut self) -> Option<&mut Writer> {
        self.writer.as_deref_mut()
    }

    /// Gives the token back and does `work`, both in one step under the gate. What was sent is told of after that.
    pub(crate) fn release<R>(mut self, work: impl FnOnce(&mut SharedState) -> R) -> R {
        let writer = self.take_writer();
        let mut state = self.connection.lock_state();
        if let Some(writer) = writer {
            self.connection.release(&mut state, writer);
        }
        let result = work(&mut state);
        // `self` is dropped after this; also if `work` panics, because parameters outlive local variables.
        drop(state);
        result
    }

    /// The writer on its way back. Its notes stay here.
    fn take_writer(&mut self) -> Option<Box<Writer>> {
        let mut writer = self.writer.take()?;
        // Whoever is in an event handler tells of nothing.
        if let Some(frame_notes) = writer.frame_notes.as_mut().filter(|_| Origin::current() == Origin::Outside) {
            match self.frame_notes.is_empty() {
                true => mem::swap(frame_notes, &mut self.frame_notes),
                false => self.frame_notes.append(frame_notes),
            }
        }
        Some(writer)
    }

    pub(crate) fn should_compress(&self, length: usize) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.encoder.should_compress(length))
    }

    /// Bytes that wait to be written.
    pub(crate) fn buffered_len(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.buffer.len())
    }

    pub(crate) fn write_compressed(mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        self.append_compressed(fin, opcode, plain)?;
        let limit = WriteTimeout::PerChunk(self.connection.timeouts.write);
        self.flush_and_release(&[], limit)
    }

    pub(crate) fn append_compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.append_compressed(fin, opcode, plain).map_err(|error| self.connection.fail_without_key(error))
    }

    /// Writes all there is and `tail`, then once what others came to owe meanwhile, and gives the token back. Once: a
    /// peer that sends Pings without end must not keep a sender writing Pongs.
    pub(crate) fn flush_and_release(mut self, tail: &[u8], limit: WriteTimeout) -> Result<()> {
        self.write(tail, limit)?;
        let encoded = loop {
            let writer = self.take_writer();
            let mut state = self.connection.lock_state();
            state.writer = writer;
            if !state.pending.any || state.end.is_some() {
                self.connection.notify(&state);
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
        encoded.map_err(|error| self.connection.abort_with(error))?;
        self.write(&[], limit)
    }

    /// Writes all there is and `tail`. A write that failed half way leaves a broken frame behind it, so the end is set
    /// before the token goes back: nobody may send after it.
    fn write(&mut self, tail: &[u8], limit: WriteTimeout) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let step = match limit {
            WriteTimeout::PerChunk(_) => Step::Write,
            WriteTimeout::Until(_) => Step::Close,
        };
        writer
            .buffer
            .write(&self.connection.stream, tail, limit)
            .map_err(|error| self.connection.fail_write(step, error))
    }
}

impl Drop for WritePermit<'_> {
    fn drop(&mut self) {
        if let Some(writer) = self.take_writer() {
            self.connection.release(&mut self.connection.lock_state(), writer);
        }
        self.connection.tell(mem::take(&mut self.frame_notes));
    }
}
