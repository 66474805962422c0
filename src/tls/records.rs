//! The buffer of the writing thread: ciphertext for the network, and the size of the next piece of plaintext to encrypt. Knows no
//! engine and no socket.
//!
//! **Pieces.** Plaintext is encrypted piece by piece, and each piece is written before the next is made. The first piece of a
//! write is one record: the peer can decrypt it while the rest is encrypted. Each further piece is twice as large, up to
//! [`MAX_PIECE_SIZE`], because every write costs a system call and perhaps a switch to the peer. A rest of up to [`MIN_TAIL`]
//! is added to the last piece: it needs a record of its own, but no write.

use std::io::{self, ErrorKind};
use std::mem;

/// Maximum size of the plaintext of one record.
const RECORD_SIZE: usize = 16 << 10;
/// Maximum size of a piece without its tail.
const MAX_PIECE_SIZE: usize = 64 << 10;
/// Maximum size of a rest that is not worth a piece of its own.
const MIN_TAIL: usize = 1 << 10;

// No `Debug`, because this can contain plaintext; see `next_piece`.
#[derive(Default)]
pub(super) struct RecordBuffer {
    /// Ciphertext.
    bytes: Vec<u8>,
    /// Number of `bytes` that have been written.
    written: usize,
    /// Number of bytes of plaintext that have been encrypted and not yet credited to the caller.
    pub(super) uncredited: usize,
    /// Number of bytes that the network has taken since the last credit.
    accepted: usize,
    /// Length of the last piece.
    last_piece: usize,
    /// Number of bytes of plaintext that followed the last piece.
    remaining: usize,
}

impl RecordBuffer {
    /// Whether all ciphertext has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.written >= self.bytes.len()
    }

    /// Ciphertext that has not been written.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Records that `count` bytes of the ciphertext have been written.
    pub(super) fn advance(&mut self, count: usize) {
        self.written = self.written.saturating_add(count);
        if !self.is_empty() {
            self.accepted = self.accepted.saturating_add(count);
        }
    }

    /// Takes the ciphertext in `from`. Called only when all has been written. The empty buffer goes back to `from`, so the same
    /// memory is filled the next time and is still in the cache.
    pub(super) fn refill(&mut self, from: &mut Vec<u8>) {
        self.bytes.clear();
        self.written = 0;
        mem::swap(from, &mut self.bytes);
    }

    /// Returns the next piece of `first` followed by `second`. Called only when all has been written. Both are copied to one
    /// piece, because a separate record for the header of a frame would cost more than copying.
    pub(super) fn next_piece<'a>(&'a mut self, first: &'a [u8], second: &'a [u8]) -> &'a [u8] {
        let length = first.len().saturating_add(second.len());
        let continues = self.remaining == length;
        let most = if continues { self.last_piece.saturating_mul(2).min(MAX_PIECE_SIZE) } else { RECORD_SIZE };
        self.last_piece = if length <= most.saturating_add(MIN_TAIL) { length } else { most };
        self.remaining = length.saturating_sub(self.last_piece);
        let first = first.get(..first.len().min(self.last_piece)).unwrap_or_default();
        let second = second.get(..self.last_piece.saturating_sub(first.len())).unwrap_or_default();
        match (first, second) {
            (first, []) => first,
            ([], second) => second,
            (first, second) => {
                self.bytes.clear();
                self.bytes.reserve_exact(self.last_piece);
                self.bytes.extend_from_slice(first);
                self.bytes.extend_from_slice(second);
                // This is plaintext, so it must not be written.
                self.written = self.bytes.len();
                &self.bytes
            }
        }
    }

    /// Returns the number of bytes that the network has taken, except for the last byte of a piece. `WouldBlock`: none.
    pub(super) fn take_credit(&mut self) -> io::Result<usize> {
        let count = mem::take(&mut self.accepted).min(self.uncredited.saturating_sub(1));
        self.uncredited = self.uncredited.saturating_sub(count);
        match count {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    /// Frees memory that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() && self.uncredited == 0 {
            *self = RecordBuffer::default();
        }
    }
}

#[cfg(all(test, target_os = "linux", feature = "client", feature = "server"))]
impl RecordBuffer {
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::memory_transport::MemoryTransport;
    use super::*;

    /// Lengths of the pieces of a header of `header` bytes and a payload of `length`.
    fn pieces(sending: &mut RecordBuffer, header: usize, length: usize) -> Vec<usize> {
        let all: Vec<u8> = (0..header + length).map(|at| at as u8).collect();
        let (mut done, mut lengths) = (0, Vec::new());
        while done < all.len() {
            let (first, second) = all.split_at(header.max(done));
            let piece = sending.next_piece(&first[done..], second);
            assert!(!piece.is_empty() && all[done..].starts_with(piece), "at {done}");
            lengths.push(piece.len());
            done += piece.len();
            assert!(sending.is_empty() && sending.unwritten().is_empty(), "plaintext is never written");
        }
        lengths
    }

    #[test]
    fn pieces_begin_with_a_record_and_grow() {
        let kib = |count: usize| count << 10;
        for header in [0, 4, 14] {
            let mut sending = RecordBuffer::default();
            assert_eq!(pieces(&mut sending, header, 100), [header + 100]);
            assert_eq!(pieces(&mut sending, header, kib(16)), [kib(16) + header], "a small rest is added");
            assert_eq!(pieces(&mut sending, header, kib(18)), [kib(16), kib(2) + header]);
            assert_eq!(pieces(&mut sending, header, kib(64)), [kib(16), kib(32), kib(16) + header]);
            let long = [kib(16), kib(32), kib(64), kib(64), kib(24) + header];
            assert_eq!(pieces(&mut sending, header, kib(200)), long);
            assert_eq!(pieces(&mut sending, header, kib(200)), long, "and the next write begins again with one record");
        }
    }

    /// The formula of the manual's chapter `bounds`: 160 KiB for outgoing data, of which 64 KiB may be answers of the engine.
    ///
    /// Shows promise P6.
    #[test]
    fn outgoing_data_keeps_the_formula() {
        let memory = MemoryTransport::default();
        let (mut sending, mut most) = (RecordBuffer::default(), 0);
        let mut write = |header: usize, length: usize| {
            let (header, payload) = (vec![1; header], vec![2; length]);
            let mut done = 0;
            while done < header.len() + payload.len() {
                let second = payload.get(done.saturating_sub(header.len())..).unwrap();
                let piece = sending.next_piece(header.get(done..).unwrap_or_default(), second);
                done += piece.len();
                // An engine writes each record separately, with at most this overhead: TLS 1.2 with CBC.
                for record in piece.chunks(RECORD_SIZE) {
                    memory.clone().write_all(&vec![3; record.len() + 93]).unwrap();
                }
                sending.refill(&mut memory.lock_buffers().outgoing);
                most = most.max(sending.bytes.capacity() + memory.lock_buffers().outgoing.capacity());
                sending.advance(sending.bytes.len());
            }
        };
        for length in [100, 16 << 10, 48 << 10, 64 << 10, 200 << 10, 177 << 10, (16 + 32 + 64 + 65) << 10, 1 << 20] {
            for header in [0, 2, 14, 16 << 10, 64 << 10, 128 << 10] {
                (0..3).for_each(|_| write(header, length));
            }
        }
        println!("memory of TLS for outgoing data: {most} bytes, by the formula at most {}", 160 << 10);
        assert!((128 << 10..=160 << 10).contains(&most), "{most} bytes");
        // What waits while the peer reads nothing: a piece, and answers one by one.
        let mut outgoing = 0;
        for _ in 0..(64 << 10) / 22 {
            memory.clone().write_all(&[0; 22]).unwrap();
            outgoing = memory.lock_buffers().outgoing.capacity();
        }
        assert!(sending.bytes.capacity() + outgoing <= 160 << 10, "{outgoing} bytes");
    }

    #[test]
    fn progress_is_credited_but_for_the_last_byte() {
        let mut sending = RecordBuffer::default();
        sending.uncredited = sending.next_piece(&[1; 100], &[]).len();
        sending.refill(&mut vec![2; 120]);
        assert_eq!(sending.take_credit().map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        sending.advance(30);
        assert_eq!((sending.take_credit().unwrap(), sending.uncredited), (30, 70));
        sending.advance(89);
        assert_eq!(
            (sending.take_credit().unwrap(), sending.uncredited),
            (69, 1),
            "ciphertext is longer than what was encrypted"
        );
        assert_eq!(sending.unwritten(), [2]);
        sending.advance(1);
        assert!(sending.is_empty());
    }

    #[test]
    fn memory_is_returned_only_when_nothing_waits() {
        let mut sending = RecordBuffer::default();
        sending.refill(&mut vec![2; 120]);
        sending.shrink();
        assert_eq!(sending.unwritten().len(), 120, "ciphertext waits");
        sending.advance(120);
        sending.uncredited = 1;
        sending.shrink();
        assert!(sending.bytes.capacity() >= 120, "a call waits for its credit");
        sending.uncredited = 0;
        sending.shrink();
        assert_eq!(sending.bytes.capacity(), 0);
    }

    /// A rest of up to 1 KiB is added. Only a write of exactly the rest continues the pieces of the one before.
    #[test]
    fn the_first_piece_is_a_record_and_a_small_rest() {
        const KIB: usize = 1 << 10;
        let all = vec![1; 200 * KIB];
        let mut sending = RecordBuffer::default();
        let mut piece = |length: usize| sending.next_piece(&all[..length], &[]).len();
        assert_eq!([piece(17 * KIB), piece(17 * KIB + 1), piece(KIB + 1)], [17 * KIB, 16 * KIB, KIB + 1]);
        assert_eq!([piece(200 * KIB), piece(100 * KIB), piece(84 * KIB)], [16 * KIB, 16 * KIB, 32 * KIB]);
        // Both parts of a piece take as much memory as the piece.
        let mut sending = RecordBuffer::default();
        sending.next_piece(&all[..10 * KIB], &all[..6 * KIB]);
        assert_eq!(sending.bytes.capacity(), 16 * KIB);
    }

    #[test]
    fn the_next_ciphertext_is_written_from_its_first_byte() {
        let mut sending = RecordBuffer::default();
        for length in [120, 50] {
            let mut ciphertext = vec![2; length];
            sending.refill(&mut ciphertext);
            assert!(ciphertext.is_empty());
            assert_eq!(sending.unwritten().len(), length);
            sending.advance(length);
        }
    }
}
