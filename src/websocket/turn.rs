//! The token in a thread's hands: what can be written while it is there, and how it goes back.
//!
//! | the token goes back by | under the gate | after the gate is unlocked |
//! |---|---|---|
//! | [`Turn::release`] | the writer is put back, and the caller's `work` is done | the frames are told of |
//! | [`Turn::finish`] | the writer is put back unless something is owed | the same |
//! | dropping the turn | the writer is put back | the same |
//!
//! A `Turn` locks the gate when it ends, and then calls the application's event handler. So it must not end under the
//! gate. No function takes a `Turn` and a locked gate: [`Turn::release`] locks the gate, and lends `work` the state alone.
//! What is put back under the gate, a `Box<Writer>`, emits nothing when it is dropped. A debug build panics where this
//! is broken (see `lock`).

use std::mem;

use super::codec::Rest;
use super::gate::Gate;
use super::link::{Link, Writer};
use super::telling::Note;
use crate::error::{Result, Step};
use crate::trace::Origin;
use crate::transport::outbox::Limit;
use crate::wire::frame::Opcode;
use crate::wire::mask;

/// The token in a thread's hands. Dropped, it goes back to the gate; what was not written waits for the next one.
pub(super) struct Turn<'a> {
    link: &'a Link,
    writer: Option<Box<Writer>>,
    /// Frames to be told of when the token is back and the gate is unlocked.
    notes: Vec<Note>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(link: &'a Link, writer: Option<Box<Writer>>) -> Turn<'a> {
        Turn { link, writer, notes: Vec::new() }
    }

    /// Writes a frame (6455-6.1-4): with its header in one write. Small ones are copied behind the header; a server's large ones are
    /// not copied at all; a client's are masked in pieces, because masking needs a copy and memory is bounded.
    pub(super) fn frame(mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        const COPY: usize = 16 << 10;
        // With its header it is no more than the outbox keeps room for, or each piece would be allocated anew.
        const PIECE: usize = (128 << 10) - 64;
        let limit = Limit::Each(self.link.timeouts.write);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let no_key = |error| self.link.no_key(error);
        if payload.len() <= COPY {
            writer.frame(fin, opcode, payload).map_err(no_key)?;
            return self.finish(&[], limit);
        }
        match writer.begin(fin, opcode, payload).map_err(no_key)? {
            Rest::Plain => self.finish(payload, limit),
            #[cfg(feature = "legacy")]
            Rest::Nothing => self.finish(&[], limit),
            Rest::Masked(key) => {
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

    pub(super) fn writer(&mut self) -> Option<&mut Writer> {
        self.writer.as_deref_mut()
    }

    /// Gives the token back and does `work`, both in one step under the gate. What was sent is told of after that.
    pub(super) fn release<R>(mut self, work: impl FnOnce(&mut Gate) -> R) -> R {
        let writer = self.take_writer();
        let mut gate = self.link.gate();
        if let Some(writer) = writer {
            self.link.give_back(&mut gate, writer);
        }
        let result = work(&mut gate);
        // `self` is dropped after this; also if `work` panics, because parameters outlive local variables.
        drop(gate);
        result
    }

    /// The writer on its way back. Its notes stay here.
    fn take_writer(&mut self) -> Option<Box<Writer>> {
        let mut writer = self.writer.take()?;
        // Whoever is in an event handler tells of nothing.
        if let Some(notes) = writer.notes.as_mut().filter(|_| Origin::current() == Origin::Outside) {
            match self.notes.is_empty() {
                true => mem::swap(notes, &mut self.notes),
                false => self.notes.append(notes),
            }
        }
        Some(writer)
    }

    pub(super) fn compresses(&self, length: usize) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.encoder.compresses(length))
    }

    /// Bytes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.outbox.len())
    }

    pub(super) fn compressed(mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        self.append_compressed(fin, opcode, plain)?;
        let limit = Limit::Each(self.link.timeouts.write);
        self.finish(&[], limit)
    }

    pub(super) fn append_compressed(&mut self, fin: bool, opcode: Opcode, plain: &[u8]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.compressed(fin, opcode, plain).map_err(|error| self.link.no_key(error))
    }

    /// Writes all there is and `tail`, then once what others came to owe meanwhile, and gives the token back. Once: a
    /// peer that sends Pings without end must not keep a sender writing Pongs.
    pub(super) fn finish(mut self, tail: &[u8], limit: Limit) -> Result<()> {
        self.write(tail, limit)?;
        let settled = {
            let writer = self.take_writer();
            let mut gate = self.link.gate();
            gate.writer = writer;
            if !gate.owed.any || gate.end.is_some() {
                self.link.notify(&gate);
                return Ok(());
            }
            let settled = gate.settle();
            self.writer = gate.writer.take();
            settled
        };
        settled.map_err(|error| self.link.abort_with(error))?;
        self.write(&[], limit)
    }

    /// Writes all there is and `tail`. A write that failed half way leaves a broken frame behind it, so the end is set
    /// before the token goes back: nobody may send after it.
    fn write(&mut self, tail: &[u8], limit: Limit) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let step = match limit {
            Limit::Each(_) => Step::Write,
            Limit::Whole(_) => Step::Close,
        };
        writer.outbox.write(&self.link.stream, tail, limit).map_err(|error| self.link.write_failed(step, error))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(writer) = self.take_writer() {
            self.link.give_back(&mut self.link.gate(), writer);
        }
        self.link.tell(mem::take(&mut self.notes));
    }
}
