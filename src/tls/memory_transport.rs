//! Two buffers in memory that replace the network for the TLS engine. Knows no socket. A call never waits: where a socket would,
//! it returns `WouldBlock`, and so does the engine.
//!
//! The buffers are behind a shared handle. An engine whose handshake failed is dropped with its error, but the alert that it
//! wrote for the peer stays here.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::sync::Arc;

use crate::primitives::lock::{Lock, Locked};

/// Initial size of a read from the network.
const INITIAL_SIZE: usize = 8 << 10;
/// Maximum size of a read from the network: two records of little more than 16 KiB. More would not stay in the cache.
const MAX_SIZE: usize = 34 << 10;
/// Minimum number of bytes by which the buffer for the network grows, so that short answers do not move it each time.
const MIN_GROWTH: usize = 4 << 10;

/// A handle to the two buffers. All clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryTransport(Arc<Lock<Buffers>>);

#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Bytes from the network that the engine has not taken. The reading thread removes the buffer while it waits.
    pub(super) incoming: ReadBuffer,
    /// The peer has ended TCP, so nothing follows `incoming`.
    pub(super) ended: bool,
    /// Bytes from the engine for the network.
    pub(super) outgoing: Vec<u8>,
    /// Number of bytes that the engine has ever written.
    pub(super) produced: u64,
    /// What the engine writes with its next read.
    #[cfg(test)]
    pub(super) answer: Vec<u8>,
}

impl MemoryTransport {
    /// Locks the buffers, never while a thread waits.
    pub(super) fn lock_buffers(&self) -> Locked<'_, Buffers> {
        self.0.lock()
    }

    /// Takes the incoming buffer to read from the network. [`put_back`](MemoryTransport::put_back) returns it.
    pub(super) fn take_incoming(&self) -> ReadBuffer {
        mem::take(&mut self.lock_buffers().incoming)
    }

    pub(super) fn put_back(&self, incoming: ReadBuffer) {
        self.lock_buffers().incoming = incoming;
    }

    /// Frees memory that an idle connection does not need.
    pub(super) fn shrink(&self) {
        let mut buffers = self.lock_buffers();
        if buffers.outgoing.is_empty() {
            buffers.outgoing = Vec::new();
        }
        if buffers.incoming.is_empty() {
            buffers.incoming = ReadBuffer::default();
        }
    }
}

impl Read for MemoryTransport {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        #[cfg(test)]
        self.write_answer();
        let mut buffers = self.lock_buffers();
        match buffers.incoming.take(to) {
            0 if to.is_empty() || buffers.ended => Ok(0),
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for MemoryTransport {
    /// Takes everything. The size is bounded because no plaintext is encrypted before all output is written; see `stream`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffers = self.lock_buffers();
        if buffers.outgoing.capacity().saturating_sub(buffers.outgoing.len()) < bytes.len() {
            // Without doubling: a piece of plaintext makes up to five records, the last one short.
            buffers.outgoing.reserve_exact(bytes.len().max(MIN_GROWTH));
        }
        buffers.outgoing.extend_from_slice(bytes);
        buffers.produced = buffers.produced.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer with room for the next read. Its content is `bytes[from..to]`.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    /// The last read filled all the room, so the next one has more.
    was_filled: bool,
}

impl ReadBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Returns the room for one read from the network.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.from > 0 {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to.saturating_sub(self.from));
        }
        let size = match self.was_filled {
            true => self.bytes.len().saturating_mul(2).min(MAX_SIZE),
            false => self.bytes.len(),
        };
        self.was_filled = false;
        self.bytes.resize(size.max(self.to.saturating_add(INITIAL_SIZE)), 0);
        self.bytes.get_mut(self.to..).unwrap_or_default()
    }

    /// Records that `count` bytes were read into that room.
    pub(super) fn filled(&mut self, count: usize) {
        self.to = self.to.saturating_add(count).min(self.bytes.len());
        self.was_filled = self.to == self.bytes.len();
    }

    fn take(&mut self, to: &mut [u8]) -> usize {
        let mut rest = self.bytes.get(self.from..self.to).unwrap_or_default();
        let count = rest.read(to).unwrap_or_default();
        self.from = self.from.saturating_add(count);
        count
    }
}

#[cfg(test)]
impl MemoryTransport {
    /// The sizes of the buffers from and to the engine.
    pub(super) fn capacities(&self) -> [usize; 2] {
        let buffers = self.lock_buffers();
        [buffers.incoming.bytes.capacity(), buffers.outgoing.capacity()]
    }

    fn write_answer(&mut self) {
        let answer = mem::take(&mut self.lock_buffers().answer);
        self.write_all(&answer).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula of the manual's chapter `bounds`: 64 KiB for received data.
    ///
    /// Shows promise P6.
    #[test]
    fn received_data_keeps_the_formula() {
        let (memory, mut most) = (MemoryTransport::default(), 0);
        for round in 0..100_usize {
            let mut incoming = memory.take_incoming();
            let room = incoming.space().len();
            incoming.filled(room);
            most = most.max(incoming.bytes.capacity());
            memory.put_back(incoming);
            // An engine takes all. One that reads record by record leaves up to one.
            let left = if round % 2 == 0 { 0 } else { (16 << 10) + 261 };
            let buffers = memory.lock_buffers();
            let length = buffers.incoming.to - buffers.incoming.from;
            drop(buffers);
            memory.clone().read_exact(&mut vec![0; length.saturating_sub(left)]).unwrap();
        }
        println!("memory of TLS for received data: {most} bytes, by the formula at most {}", 64 << 10);
        assert!((34 << 10..=64 << 10).contains(&most), "{most} bytes");
    }

    #[test]
    fn a_read_of_nothing_and_a_read_without_bytes_differ() {
        let mut memory = MemoryTransport::default();
        assert_eq!(memory.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(memory.read(&mut []).unwrap(), 0);
        memory.lock_buffers().ended = true;
        assert_eq!(memory.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn memory_is_returned_only_when_it_holds_nothing() {
        let mut memory = MemoryTransport::default();
        memory.write_all(b"out").unwrap();
        let mut incoming = memory.take_incoming();
        incoming.space()[..2].copy_from_slice(b"in");
        incoming.filled(2);
        memory.put_back(incoming);
        memory.shrink();
        assert_eq!(memory.lock_buffers().outgoing, b"out");
        let mut part = [0; 2];
        memory.read_exact(&mut part).unwrap();
        assert_eq!(&part, b"in");
        memory.lock_buffers().outgoing.clear();
        memory.shrink();
        assert_eq!(memory.capacities(), [0, 0]);
    }

    /// The room for a read doubles after a read that filled it, from 8 KiB to 34 KiB. Behind unread bytes it has at least 8 KiB.
    #[test]
    fn sizes_of_reads() {
        // Bytes that are read, bytes of them that the engine takes, and the room for the next read.
        let rows = [
            (8191, 8191, 8192),
            (100, 1, 8192),
            (0, 99, 8291),
            (8291, 8291, 16_582),
            (16_582, 16_582, 33_164),
            (33_164, 33_164, 34_816),
            (34_816, 34_816, 34_816),
            (34_816, 34_716, 34_716),
            (0, 100, 34_816),
            (34_816, 4816, 8192),
        ];
        let (mut buffer, mut next, mut expected) = (ReadBuffer::default(), 0_u8, 0_u8);
        assert_eq!(buffer.space().len(), 8192);
        for (count, taken, room) in rows {
            for byte in &mut buffer.space()[..count] {
                *byte = next;
                next = next.wrapping_add(1);
            }
            buffer.filled(count);
            let mut part = vec![0; taken];
            assert_eq!(buffer.take(&mut part), taken);
            for byte in part {
                assert_eq!(byte, expected);
                expected = expected.wrapping_add(1);
            }
            // Asking again changes nothing.
            assert_eq!([buffer.space().len(), buffer.space().len()], [room; 2], "{count} {taken}");
        }
    }

    #[test]
    fn the_buffer_for_the_network_grows_by_4_kib_or_by_what_is_written() {
        let (mut memory, mut all) = (MemoryTransport::default(), 0);
        for (length, capacity) in [(1, 4096), (4095, 4096), (1, 8192), (5000, 9097), (0, 9097)] {
            memory.write_all(&vec![7; length]).unwrap();
            all += length;
            let buffers = memory.lock_buffers();
            assert_eq!((buffers.outgoing.len(), buffers.outgoing.capacity()), (all, capacity));
            assert_eq!(buffers.produced, all as u64);
        }
    }
}
