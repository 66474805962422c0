//! The decompressor: reads DEFLATE with `blocks`, `symbols`, `output` and `window`.

mod blocks;
mod error;
mod output;
mod symbols;
mod window;

use std::fmt;

use crate::deflate::format::WindowBits;
use blocks::{Blocks, StopAtEnd};
pub use error::InflateError;
use output::Output;
use window::Window;

/// A decompressor for raw DEFLATE (RFC 1951) in pieces of any size, for messages or for single streams.
///
/// It keeps its window from message to message, until [`reset`](Inflate::reset).
///
/// **Memory**: nothing until the first input; then 11 KiB, and a window that grows with the output, to 8 KiB above its
/// size at most (51 KiB together for 32,768 bytes). No allocation depends on an announced length.
///
/// **Strictness** is that of zlib. A code of literals and lengths, or of distances, may consist of a single symbol of
/// one bit, and a block may do without distances; any other code that is incomplete is refused, and so is every code
/// that is over-subscribed. More than 286 literals and lengths, or 30 distances, are refused. Differences: a distance
/// beyond the window is refused even if the output still has the bytes, and [`push`](Inflate::push) continues
/// after a block that is marked as the last (RFC 7692 section 7.2.3.4).
///
/// After an error, every further call returns the same error, until [`reset`](Inflate::reset).
pub struct Inflate {
    blocks: Option<Box<Blocks>>,
    window: Window,
    failed: Option<InflateError>,
}

impl Inflate {
    /// A decompressor that accepts distances up to `window`.
    pub fn new(window: WindowBits) -> Inflate {
        Inflate { blocks: None, window: Window::new(window.size()), failed: None }
    }

    /// Decompresses all of `input` and appends the output to `out`, which never exceeds `limit` bytes.
    ///
    /// An incomplete symbol at the end of `input` is kept for the next call. `out` may be cleared or replaced between calls.
    /// After a block marked as the last, the next begins at the next byte (RFC 7692 section 7.2.3.4).
    ///
    /// # Errors
    /// The first fault in the stream; `out` has all output before it. [`InflateError::TooLarge`] if `out` would exceed
    /// `limit` bytes.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), InflateError> {
        self.read(input, out, limit, StopAtEnd::No).map(|_| ())
    }

    /// As [`push`](Inflate::push), for single streams: stops after the block that is marked as the last. Returns the number
    /// of bytes of `input` used, which is all of them unless it stopped; see [`at_end`](Inflate::at_end).
    ///
    /// ```
    /// use stdws::deflate::{Inflate, WindowBits};
    /// let stream = [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, b'!'];
    /// let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
    /// assert_eq!(inflate.push_to_end(&stream, &mut out, 100)?, 7);
    /// assert!(inflate.at_end());
    /// assert_eq!(out, b"hello");
    /// # Ok::<(), stdws::deflate::InflateError>(())
    /// ```
    ///
    /// # Errors
    /// As [`push`](Inflate::push).
    pub fn push_to_end(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, InflateError> {
        self.read(input, out, limit, StopAtEnd::Yes).map(|left| input.len().saturating_sub(left))
    }

    /// Whether the block read last is marked as the last of the stream, and nothing was read since.
    pub fn at_end(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.at_end())
    }

    /// Ends a message whose sender removed the last four bytes, `00 00 FF FF` (RFC 7692 section 7.2.1). Keeps the window.
    ///
    /// RFC 7692 section 7.2.2 appends the four bytes and reads on. They could then complete some other unit of the stream.
    /// This method instead checks that exactly the beginning of an empty stored block is left, which they would complete.
    ///
    /// # Errors
    /// [`InflateError::Unfinished`] if the message ends anywhere else; an empty one does too, since an empty message is
    /// sent as one byte (RFC 7692 section 7.2.3.6).
    pub fn end_message(&mut self) -> Result<(), InflateError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.blocks.as_mut().is_some_and(|blocks| blocks.take_truncated_block()) {
            self.failed = Some(InflateError::Unfinished);
            return Err(InflateError::Unfinished);
        }
        Ok(())
    }

    /// Resets to an empty window (no context takeover) and clears an error. Keeps the memory.
    pub fn reset(&mut self) {
        self.window.clear();
        self.failed = None;
        if let Some(blocks) = &mut self.blocks {
            blocks.restart();
        }
    }

    fn read(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize, end: StopAtEnd) -> Result<usize, InflateError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let blocks = self.blocks.get_or_insert_with(|| Box::new(Blocks::new()));
        let mut output = Output::new(out, limit, &self.window);
        let result = blocks.read(input, &mut output, end);
        let start = output.finish();
        match result {
            Ok(_) => self.window.append(out.get(start..).unwrap_or_default()),
            Err(error) => self.failed = Some(error),
        }
        result
    }
}

impl fmt::Debug for Inflate {
    /// Without the window, which contains data of the peer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("failed", &self.failed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream from fields: value and width, lowest bit first. A negative width stands for a code, highest bit first.
    fn stream(fields: &[(u32, i32)]) -> Vec<u8> {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for &(value, width) in fields {
            for bit in 0..width.abs() {
                let from = if width < 0 { -width - 1 - bit } else { bit };
                if count % 8 == 0 {
                    bytes.push(0);
                }
                *bytes.last_mut().unwrap() |= ((value >> from & 1) as u8) << (count % 8);
                count += 1;
            }
        }
        bytes
    }

    fn inflate(input: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        let mut out = Vec::new();
        Inflate::new(WindowBits::MAX).push(input, &mut out, limit).map(|()| out)
    }

    /// A dynamic block up to its lengths: HLIT, HDIST, and the lengths of the third code in the order of the RFC.
    fn dynamic(literals: u32, distances: u32, lengths: &[u32]) -> Vec<(u32, i32)> {
        let mut fields = vec![(0b100, 3), (literals - 257, 5), (distances - 1, 5), (lengths.len() as u32 - 4, 4)];
        fields.extend(lengths.iter().map(|length| (*length, 3)));
        fields
    }

    /// The third code of 18 (0) and 1 (1), and with it: no literal, the end of the block with one bit.
    fn only_the_end(distances: u32) -> Vec<(u32, i32)> {
        let mut fields = dynamic(257, distances, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        fields.extend([(1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1)]);
        fields
    }

    fn join(parts: &[&[(u32, i32)]]) -> Vec<u8> {
        stream(&parts.concat())
    }

    /// Each fault with the shortest input that has it: without its last byte there is no error. 1951-3.2.3-s2, 1951-3.2.3-s3,
    /// 1951-3.2.4-s2, 1951-3.2.6-s2, 1951-3.2.7-s1
    #[test]
    fn shortest_errors() {
        let (zeros, eights) = ([0, 0, 1, 1], [0, 0, 1, 0, 1]);
        let rows = [
            (InflateError::BlockType, stream(&[(0b110, 3)])),
            (InflateError::StoredLength, vec![0, 0, 0, 0, 0]),
            (InflateError::TooManySymbols, stream(&[(0b100, 3), (287 - 257, 5), (0, 9)])),
            (InflateError::TooManySymbols, stream(&[(0b100, 3), (0, 5), (31 - 1, 5), (0, 4)])),
            (InflateError::LengthCode, stream(&dynamic(257, 1, &[0, 0, 0, 0]))),
            (InflateError::LengthCode, stream(&dynamic(257, 1, &[0, 0, 0, 1]))),
            (InflateError::LengthCode, stream(&dynamic(257, 1, &[2, 0, 1, 0]))),
            (InflateError::LengthCode, stream(&dynamic(257, 1, &[1, 1, 1, 0]))),
            (InflateError::NothingToRepeat, join(&[&dynamic(257, 1, &[1, 1, 0, 0]), &[(0, 1), (0, 2)]])),
            (InflateError::TooManyLengths, join(&[&dynamic(257, 1, &zeros), &[(1, 1), (127, 7), (1, 1), (127, 7)]])),
            (InflateError::NoEndOfBlock, join(&[&dynamic(257, 1, &zeros), &[(1, 1), (127, 7), (1, 1), (109, 7)]])),
            (
                InflateError::LiteralCode,
                join(&[&dynamic(257, 1, &eights), &[(1, 1), (127, 7), (1, 1), (107, 7), (0, 2)]]),
            ),
            (InflateError::DistanceCode, join(&[&only_the_end(3), &[(0b000, 3)]])),
            (InflateError::LiteralSymbol, stream(&[(0b010, 3), (0b1100_0110, -8)])),
            (InflateError::LiteralSymbol, stream(&[(0b010, 3), (0b1100_0111, -8)])),
            (InflateError::DistanceSymbol, stream(&[(0b010, 3), (0b000_0001, -7), (0b11110, -5)])),
            (InflateError::DistanceSymbol, stream(&[(0b010, 3), (0b000_0001, -7), (0b11111, -5)])),
            (InflateError::DistanceTooFar, stream(&[(0b010, 3), (0b000_0001, -7), (0b00000, -5)])),
        ];
        for (error, input) in rows {
            assert_eq!(inflate(&input, 1000), Err(error), "{input:02x?}");
            assert_eq!(inflate(&input[..input.len() - 1], 1000), Ok(vec![]), "{error:?}");
        }
        assert_eq!(inflate(&stream(&[(0b010, 3), (0b0011_0000, -8)]), 0), Err(InflateError::TooLarge));
        assert_eq!(Inflate::new(WindowBits::MAX).end_message(), Err(InflateError::Unfinished));
    }

    /// Unusual streams that are valid, as in zlib. 1951-3.2.7-s3, 1951-3.2.7-s4, 1951-3.2.7-s6
    #[test]
    fn codes_of_a_single_symbol() {
        // One distance code of one bit; its other half has no meaning. A literal would need a code, so there is only
        // the end.
        assert_eq!(inflate(&join(&[&only_the_end(1), &[(0, 1), (0, 1)]]), 10), Ok(vec![]));
        // This code cannot express sixteen zeros for the distances, but it can express an empty distance code: 257 + 11
        // lengths.
        let no_distances = join(&[&only_the_end(11), &[(1, 1), (0, 7), (0, 1)]]);
        assert_eq!(inflate(&no_distances, 10), Ok(vec![]));
        // The other half of the code of literals.
        let other_half = join(&[&only_the_end(11), &[(1, 1), (0, 7), (1, 1)]]);
        assert_eq!(inflate(&other_half, 10), Err(InflateError::LiteralSymbol));
    }

    /// 1951-3.2.7-s5: a repetition that begins among the lengths of literals ends among those of distances.
    #[test]
    fn repetitions_run_into_the_distances() {
        // The third code: 18 (0), 2 (10), 16 (11). Four literals and four distances of two bits; six of the eight lengths
        // are one repetition.
        let lengths = [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let all: &[(u32, i32)] =
            &[(0, -1), (138 - 11, 7), (0, -1), (115 - 11, 7), (0b10, -2), (0b11, -2), (3, 2), (0b10, -2)];
        // The literal 253, and the end.
        let input = join(&[&dynamic(257, 4, &lengths), all, &[(0b00, -2), (0b11, -2)]]);
        assert_eq!(inflate(&input, 10), Ok(vec![253]));
    }

    /// Lengths that a block does not send are zero, whatever the block before has left in their place: here the length of
    /// literal 15, in the place of the length of symbol 15 of the third code.
    #[test]
    fn lengths_that_are_not_sent_are_zero() {
        // The third code of 18 (1) and 1 (0). Literal 15 and the end have one bit, and one distance has.
        let mut block = dynamic(257, 1, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        block.extend([(1, 1), (15 - 11, 7), (0, 1), (1, 1), (138 - 11, 7), (1, 1), (102 - 11, 7), (0, 1), (0, 1)]);
        block.extend([(0, 1), (1, 1)]);
        assert_eq!(inflate(&join(&[&block, &block]), 10), Ok(vec![15, 15]));
    }

    /// 1951-3.2.3-s4: X, Y, and five bytes from two back.
    #[test]
    fn a_repeated_string_overlaps_itself() {
        let (x, y) = ((0b0011_0000 + u32::from(b'X'), -8), (0b0011_0000 + u32::from(b'Y'), -8));
        let input = join(&[&[(0b011, 3), x, y], &[(0b000_0011, -7), (0b00001, -5), (0, -7)]]);
        assert_eq!(inflate(&input, 10), Ok(b"XYXYXYX".to_vec()));
    }

    /// 284 with all extra bits set is 258, too.
    #[test]
    fn length_258_in_two_ways() {
        let a = (0b0011_0000 + u32::from(b'a'), -8);
        for length in [&[(0b1100_0101, -8)][..], &[(0b1100_0100, -8), (31, 5)]] {
            let input = join(&[&[(0b011, 3), a], length, &[(0, -5), (0, -7)]]);
            assert_eq!(inflate(&input, 259), Ok(vec![b'a'; 259]));
        }
    }

    /// The examples of RFC 7692 section 7.2.3, as payloads: the second needs the window of the first.
    const HELLO: [&[u8]; 5] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ];

    /// 7692-7.2.2-s1, 7692-7.2.2-3, 7692-7.2.1-4, 1951-3.2.4-s1: whole, byte by byte, one after the other; with one and the same
    /// window.
    #[test]
    fn examples_of_rfc_7692() {
        for size in [1, 2, 100] {
            let mut inflate = Inflate::new(WindowBits::MAX);
            for payload in HELLO {
                let mut out = Vec::new();
                for piece in payload.chunks(size) {
                    inflate.push(piece, &mut out, 5).unwrap();
                }
                assert_eq!((inflate.end_message(), &out[..]), (Ok(()), &b"Hello"[..]));
            }
            let mut out = Vec::new();
            inflate.push(&[0x00], &mut out, 0).unwrap();
            assert_eq!((inflate.end_message(), out.len()), (Ok(()), 0));
        }
    }

    /// 7692-7.2.2-1: after a reset nothing of earlier messages is left.
    #[test]
    fn reset_forgets_the_window() {
        let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
        inflate.push(HELLO[0], &mut out, 100).unwrap();
        inflate.end_message().unwrap();
        inflate.reset();
        assert_eq!(inflate.push(HELLO[1], &mut out, 100), Err(InflateError::DistanceTooFar));
        assert_eq!(inflate.push(HELLO[0], &mut out, 100), Err(InflateError::DistanceTooFar), "errors stay");
        assert_eq!(inflate.end_message(), Err(InflateError::DistanceTooFar));
        inflate.reset();
        assert_eq!(inflate.push(HELLO[0], &mut out, 100), Ok(()));
    }

    /// Tables of fixed blocks are built once; a dynamic block that fails half way must not leave its own in their place.
    #[test]
    fn reset_in_the_middle_of_a_block() {
        let good = stream(&[(0b010, 3), (0b0011_0000, -8), (0b000_0001, -7), (0b00000, -5), (0, -7)]);
        let lengths = stream(&dynamic(257, 1, &[1, 1, 0, 0]));
        let codes = join(&[&only_the_end(1), &[(0, 1)]]);
        for cut in [lengths, codes] {
            let mut inflate = Inflate::new(WindowBits::MAX);
            for _ in 0..2 {
                let mut out = Vec::new();
                assert_eq!((inflate.push(&good, &mut out, 4), out), (Ok(()), vec![0; 4]));
                inflate.reset();
                let _ = inflate.push(&cut, &mut Vec::new(), 4);
                inflate.reset();
            }
        }
    }

    /// A message that is cut off does not end, except between blocks; not even where four bytes `00 00 FF FF` would be
    /// taken for its end.
    #[test]
    fn a_message_ends_where_a_block_ends() {
        for (payload, good) in HELLO.into_iter().zip([None, None, Some(1), None, Some(4)]) {
            for length in 0..payload.len() {
                let mut inflate = Inflate::new(WindowBits::MAX);
                let _ = inflate.push(&payload[..length], &mut Vec::new(), 100);
                assert_eq!(inflate.end_message().is_ok(), Some(length) == good, "{length} of {payload:02x?}");
            }
        }
        // A stored block that lacks four bytes, the four bytes not cut off, and the beginning of a dynamic block.
        let whole = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff];
        for payload in [&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48][..], &whole, &[0x04]] {
            let mut inflate = Inflate::new(WindowBits::MAX);
            inflate.push(payload, &mut Vec::new(), 100).unwrap();
            assert_eq!(inflate.end_message(), Err(InflateError::Unfinished));
            assert_eq!(inflate.push(&whole, &mut Vec::new(), 100), Err(InflateError::Unfinished), "the error stays");
        }
    }

    #[test]
    fn streams_end_with_their_last_block() {
        let twice = [&HELLO[3][..7], HELLO[3]].concat();
        let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
        for byte in &twice[..6] {
            assert_eq!(inflate.push_to_end(&[*byte], &mut out, 100), Ok(1));
            assert!(!inflate.at_end());
        }
        assert_eq!(inflate.push_to_end(&twice[6..], &mut out, 100), Ok(1));
        assert!(inflate.at_end());
        assert_eq!(out, b"Hello");
        // As a sequence of messages, the same bytes continue.
        let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
        inflate.push(&twice, &mut out, 100).unwrap();
        assert_eq!((inflate.end_message(), &out[..]), (Ok(()), &b"HelloHello"[..]));
    }

    #[test]
    fn at_end_is_true_between_the_last_block_and_the_next_byte() {
        let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
        assert!(!inflate.at_end());
        let pieces: [(&[u8], bool, &str); 5] = [
            (&[], false, "nothing was read"),
            (&[0x00, 1, 0, 0xfe, 0xff, b'x'], false, "a block that is not the last"),
            (&[0x01, 1, 0, 0xfe, 0xff], false, "in the last block"),
            (b"x", true, "the last block has ended"),
            (&[0x01], false, "another block has begun"),
        ];
        for (piece, want, what) in pieces {
            inflate.push(piece, &mut out, 10).unwrap();
            assert_eq!(inflate.at_end(), want, "{what}");
        }
    }

    #[test]
    fn a_message_that_did_not_end_remains_an_error() {
        let mut inflate = Inflate::new(WindowBits::MAX);
        assert_eq!(inflate.end_message(), Err(InflateError::Unfinished));
        let block = [0x00, 0, 0, 0xff, 0xff];
        assert_eq!(inflate.push(&block, &mut Vec::new(), 10), Err(InflateError::Unfinished));
    }

    /// For every window: a distance of exactly its size, and one more; within a call, and across calls with another
    /// vector.
    #[test]
    fn distances_end_at_the_window() {
        for bits in 8..=15 {
            let size = 1usize << bits;
            let data: Vec<u8> = (0..size + 1).map(|i| (i * 7 + i / 256) as u8).collect();
            for (distance, expected) in [(size, Ok(())), (size + 1, Err(InflateError::DistanceTooFar))] {
                if distance > 32_768 {
                    continue;
                }
                let mut input = vec![0];
                input.extend((data.len() as u16).to_le_bytes());
                input.extend((!(data.len() as u16)).to_le_bytes());
                input.extend(&data);
                let symbol = crate::deflate::format::DISTANCES
                    .iter()
                    .rposition(|range| usize::from(range.0) <= distance)
                    .unwrap();
                let (base, extra) = crate::deflate::format::DISTANCES[symbol];
                let rest = (distance - usize::from(base)) as u32;
                let tail = stream(&[(0b010, 3), (1, -7), (symbol as u32, -5), (rest, i32::from(extra)), (0, -7)]);
                for split in [true, false] {
                    let mut inflate = Inflate::new(WindowBits::new(bits).unwrap());
                    let mut out = Vec::new();
                    if split {
                        inflate.push(&input, &mut out, usize::MAX).unwrap();
                        out.clear();
                        assert_eq!(inflate.push(&tail, &mut out, usize::MAX), expected);
                    } else {
                        let input = [&input[..], &tail].concat();
                        assert_eq!(inflate.push(&input, &mut out, usize::MAX), expected);
                        out.drain(..data.len());
                    }
                    if expected.is_ok() {
                        assert_eq!(out, data[data.len() - size..][..3], "{bits}");
                    }
                }
            }
        }
    }

    /// At the limit passes, one more does not; whether literals, matches or stored bytes reach it, and whatever was in
    /// the vector before.
    #[test]
    fn limit_is_exact() {
        let a = (0b0011_0000 + u32::from(b'a'), -8);
        let mut long = vec![(0b011, 3), a];
        for _ in 0..50 {
            long.extend([(0b1100_0101, -8), (0, -5), a, a, a, a]);
        }
        long.push((0, -7));
        let long = stream(&long);
        let stored = [&[1, 0x88, 0x13, 0x77, 0xec][..], &[7; 5000]].concat();
        for (input, length) in [(long, 1 + 50 * 262), (stored, 5000)] {
            for before in [0, 3, 400] {
                for (limit, expected) in
                    [(0, Ok(())), (1, Err(InflateError::TooLarge)), (2, Err(InflateError::TooLarge))]
                {
                    let mut out = vec![1; before];
                    let limit = before + length - limit;
                    assert_eq!(Inflate::new(WindowBits::MAX).push(&input, &mut out, limit), expected);
                    assert!(out.len() <= limit);
                    assert_eq!(expected.is_ok(), out.len() == before + length);
                }
            }
            for limit in 0..length {
                assert_eq!(inflate(&input, limit), Err(InflateError::TooLarge));
            }
            // Nothing is appended to a vector that already exceeds the limit.
            assert_eq!(Inflate::new(WindowBits::MAX).push(&input, &mut vec![0; 9], 8), Err(InflateError::TooLarge));
        }
    }

    /// Output memory follows the output, not what the stream could become.
    #[test]
    fn memory_follows_the_output() {
        let mut out = Vec::new();
        let mut inflate = Inflate::new(WindowBits::MAX);
        // A stored block announces 65,535 bytes, and the limit of usize::MAX allows them.
        inflate.push(&[0x00, 0xff, 0xff, 0x00, 0x00, 1, 2, 3], &mut out, usize::MAX).unwrap();
        assert!(out.capacity() < 1024, "{}", out.capacity());
        assert!(std::mem::size_of::<Blocks>() <= 11 * 1024, "{}", std::mem::size_of::<Blocks>());
        for _ in 0..20_000 {
            inflate.push(&[9; 7], &mut out, usize::MAX).unwrap_or(());
            out.clear();
        }
        assert!(inflate.window.capacity() <= 40 * 1024, "{}", inflate.window.capacity());
    }

    #[test]
    fn debug_shows_no_data() {
        let mut inflate = Inflate::new(WindowBits::MAX);
        inflate.push(b"\0\x06\0\xf9\xffsecret", &mut Vec::new(), 64).unwrap();
        let failed = inflate.push(b"\x07", &mut Vec::new(), 64);
        assert_eq!(failed, Err(InflateError::BlockType));
        assert_eq!(format!("{inflate:?}"), "Inflate { failed: Some(BlockType), .. }");
    }

    #[test]
    fn after_a_reset_no_stream_has_ended() {
        let mut inflate = Inflate::new(WindowBits::MAX);
        assert!(!inflate.at_end());
        inflate.push(&[0x03, 0x00], &mut Vec::new(), 100).unwrap();
        assert!(inflate.at_end());
        inflate.reset();
        assert!(!inflate.at_end());
    }

    /// A last block, and another stream of two blocks after it: the first of them is not the last.
    #[test]
    fn a_stream_after_the_end_of_another_is_read_to_its_own_end() {
        let mut inflate = Inflate::new(WindowBits::MAX);
        let (first, second) = ([0x03_u8, 0x00], [0x00, 1, 0, !1, 0xff, b'x', 0x03, 0x00]);
        let mut out = Vec::new();
        assert_eq!(inflate.push_to_end(&first, &mut out, 100), Ok(2));
        assert_eq!(inflate.push_to_end(&second, &mut out, 100), Ok(8));
        assert_eq!((inflate.at_end(), out), (true, b"x".to_vec()));
    }

    /// Some literals and a match of maximum length from afar, which begin and end at every place of the room for output. Empty
    /// stored blocks after them let the fast loop run to the end.
    #[test]
    fn rounds_of_the_fast_loop_stay_within_the_room() {
        for literals in 17..600 {
            let mut fields = vec![(0b010, 3)];
            fields.extend((0..literals).map(|i| (0b0011_0000 + i % 100, -8)));
            fields.extend([(0b1100_0101, -8), (0b01000, -5), (0, 3), (0, -7), (0, 3)]);
            let input = [stream(&fields), vec![0, 0, 0xff, 0xff], [0, 0, 0, 0xff, 0xff].repeat(3)].concat();
            let mut want: Vec<u8> = (0..literals).map(|i| (i % 100) as u8).collect();
            for _ in 0..258 {
                want.push(want[want.len() - 17]);
            }
            assert!(inflate(&input, want.len()) == Ok(want), "{literals}");
        }
    }
}
