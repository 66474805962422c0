//! The token in a thread's hands: what can be written while it is there, and how it goes back.

use super::codec::Rest;
use super::gate::Gate;
use super::link::{Link, Writer};
use crate::error::{Result, Step};
use crate::transport::outbox::Limit;
use crate::wire::frame::Opcode;
use crate::wire::mask;

/// The token in a thread's hands. Dropped, it goes back to the gate; what was not written waits for the next one.
pub(super) struct Turn<'a> {
    link: &'a Link,
    writer: Option<Box<Writer>>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(link: &'a Link, writer: Option<Box<Writer>>) -> Turn<'a> {
        Turn { link, writer }
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

    /// Gives the token back, to a gate that is held already.
    pub(super) fn back(mut self, gate: &mut Gate) {
        if let Some(writer) = self.writer.take() {
            self.link.give_back(gate, writer);
        }
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
            let mut gate = self.link.gate();
            gate.writer = self.writer.take();
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
        if let Some(writer) = self.writer.take() {
            self.link.give_back(&mut self.link.gate(), writer);
        }
        self.link.tell_sent();
    }
}
