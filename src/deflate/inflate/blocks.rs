//! Reading of blocks, one unit after the other, from input that may stop anywhere.
//!
//! A *unit* is read whole or not at all: the opening bits of a block, one length of a code, one literal, or one match. No
//! unit is longer than 48 bits, and the reader holds 56 if the input has them. If a unit is cut off, the reader goes back to
//! its start. The bits it holds there are all that is left of the input; `bits` and `count` keep them for the next piece.
//!
//! | state | the next unit is | then |
//! |---|---|---|
//! | `Header` | BFINAL, BTYPE, and depending on the kind LEN and NLEN, or the three counts | any state |
//! | `Stored` | all bytes that have arrived | `Header` after the last |
//! | `CodeLengths` | three bits: a length of the code in which lengths are sent | `Lengths` after the last |
//! | `Lengths` | one symbol of that code | `Symbols` after the last |
//! | `Symbols` | a literal, a match, or the end of the block | `Header` after the end |

use std::cmp::Ordering;

use super::error::{InflateError, Stop};
use super::output::Output;
use super::symbols::Tables;
use crate::deflate::bits::BitReader;
use crate::deflate::format::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, LENGTH_ORDER, LENGTH_SYMBOLS, LITERAL_SYMBOLS, REPEATS, REPEAT_LAST,
};

#[derive(Clone, Copy)]
enum State {
    Header,
    Stored { left: usize },
    CodeLengths { counts: Counts, read: usize },
    Lengths { counts: Counts, read: usize },
    Symbols,
}

/// Number of lengths that a dynamic block sends of each of its codes.
#[derive(Clone, Copy)]
struct Counts {
    literals: usize,
    distances: usize,
    lengths: usize,
}

/// The state between pieces of input, except the window.
pub(crate) struct Blocks {
    state: State,
    /// Whether the block being read, or the one read last, is marked as the last of the stream.
    last: bool,
    /// Bits of an incomplete unit.
    bits: u64,
    count: u32,
    tables: Tables,
    /// Lengths of a dynamic block in the order sent: first those of the third code, then both others in one sequence.
    lengths: [u8; LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Blocks {
            state: State::Header,
            last: false,
            bits: 0,
            count: 0,
            tables: Tables::new(),
            lengths: [0; LITERAL_SYMBOLS + DISTANCE_SYMBOLS],
        }
    }

    /// Forgets the block in progress. Keeps the tables, so that those of fixed blocks are not built again.
    pub(crate) fn restart(&mut self) {
        (self.state, self.last, self.bits, self.count) = (State::Header, false, 0, 0);
    }

    /// Whether a block marked as the last has ended, and nothing was read since.
    pub(crate) fn at_end(&self) -> bool {
        matches!(self.state, State::Header) && self.last && self.count == 0
    }

    /// Whether exactly the beginning of an empty stored block is left: three bits (the second and third zero) and padding up
    /// to a byte. Removes it if so.
    pub(crate) fn take_truncated_block(&mut self) -> bool {
        let cut = matches!(self.state, State::Header) && (3..3 + 8).contains(&self.count) && self.bits & 0b110 == 0;
        if cut {
            self.restart();
        }
        cut
    }

    /// Reads all of `input`, or with `stop_at_end` up to the end of a block marked as the last. Returns the number of unread
    /// bytes.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        output: &mut Output,
        stop_at_end: StopAtEnd,
    ) -> Result<usize, InflateError> {
        let mut bits = BitReader { bits: self.bits, count: self.count, rest: input };
        loop {
            if let State::Symbols = self.state {
                self.tables.run(&mut bits, output);
            }
            bits.refill();
            let unit = (bits.bits, bits.count);
            match self.unit(&mut bits, output) {
                Ok(()) => {}
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::NeedInput) => {
                    (self.bits, self.count) = unit;
                    return Ok(0);
                }
            }
            // 1951-3.2.3-s1
            if let (State::Header, true, StopAtEnd::Yes) = (self.state, self.last, stop_at_end) {
                // Whole bytes in the reader belong to this input, because the bits kept before were shorter than a unit.
                let left = bits.rest.len().saturating_add(bits.whole_bytes());
                (self.bits, self.count) = (0, 0);
                return Ok(left);
            }
        }
    }

    /// Reads one unit. With `Stop::NeedInput`, `bits` may have moved, but nothing else has.
    fn unit(&mut self, bits: &mut BitReader, output: &mut Output) -> Result<(), Stop> {
        match self.state {
            State::Header => self.header(bits),
            State::Stored { left } => self.stored(left, bits, output),
            State::CodeLengths { counts, read } => self.code_length(counts, read, bits),
            State::Lengths { counts, read } => self.length(counts, read, bits),
            State::Symbols => {
                output.reserve_round(bits.rest.len());
                if self.tables.step(bits, output)? {
                    self.end_block(bits);
                }
                Ok(())
            }
        }
    }

    fn header(&mut self, bits: &mut BitReader) -> Result<(), Stop> {
        let take = |bits: &mut BitReader, n| bits.take(n).ok_or(Stop::NeedInput);
        let last = take(bits, 1)? == 1;
        let state = match take(bits, 2)? {
            0b00 => {
                // 1951-3.2.4-s1
                bits.align();
                let (length, complement) = (take(bits, 16)?, take(bits, 16)?);
                // 1951-3.2.4-s2
                if length != complement ^ 0xffff {
                    return Err(InflateError::StoredLength.into());
                }
                State::Stored { left: length }
            }
            0b01 => {
                self.tables.set_fixed();
                State::Symbols
            }
            0b10 => {
                let mut count = |n, least: usize| take(bits, n).map(|value| value.saturating_add(least));
                let (literals, distances, lengths) = (count(5, 257)?, count(5, 1)?, count(4, 4)?);
                // 1951-3.2.7-s1
                if literals > LITERAL_SYMBOLS || distances > DISTANCE_SYMBOLS {
                    return Err(InflateError::TooManySymbols.into());
                }
                self.lengths.fill(0);
                State::CodeLengths { counts: Counts { literals, distances, lengths }, read: 0 }
            }
            // 1951-3.2.3-s2
            _ => return Err(InflateError::BlockType.into()),
        };
        (self.state, self.last) = (state, last);
        Ok(())
    }

    /// Ends a block. The next one follows; after the last block, data outside the stream follow on a byte boundary.
    fn end_block(&mut self, bits: &mut BitReader) {
        self.state = State::Header;
        if self.last {
            // 7692-7.2.1-4: padded to a byte; another block may follow.
            bits.align();
        }
    }

    /// Copies the bytes of a stored block that have arrived: first whole bytes in the reader, then the others as one slice.
    fn stored(&mut self, left: usize, bits: &mut BitReader, output: &mut Output) -> Result<(), Stop> {
        let held = left.min(bits.whole_bytes());
        output.stored(bits.bits.to_le_bytes().get(..held).unwrap_or_default())?;
        let left = left.saturating_sub(held);
        let mut more = 0;
        if left > 0 {
            more = left.min(bits.rest.len());
            let (now, rest) = bits.rest.split_at_checked(more).unwrap_or_default();
            output.stored(now)?;
            // The reader is empty now. The bits above `count` may belong to bytes that are already copied.
            *bits = BitReader { bits: 0, count: 0, rest };
        } else {
            for _ in 0..held {
                bits.skip(8);
            }
        }
        match left.saturating_sub(more) {
            0 => self.end_block(bits),
            left if (held, more) != (0, 0) => self.state = State::Stored { left },
            _ => return Err(Stop::NeedInput),
        }
        Ok(())
    }

    fn code_length(&mut self, counts: Counts, read: usize, bits: &mut BitReader) -> Result<(), Stop> {
        let length = bits.take(3).ok_or(Stop::NeedInput)?;
        let place = LENGTH_ORDER.get(read).and_then(|&symbol| self.lengths.get_mut(usize::from(symbol)));
        // 19 are sent at most, of three bits.
        *place.ok_or(InflateError::TooManyLengths)? = u8::try_from(length).unwrap_or_default();
        let read = read.saturating_add(1);
        self.state = State::CodeLengths { counts, read };
        if read == counts.lengths {
            self.tables.set_lengths(self.lengths.get(..LENGTH_SYMBOLS).unwrap_or_default())?;
            self.state = State::Lengths { counts, read: 0 };
        }
        Ok(())
    }

    /// Reads one length or repetition. Repetitions run across the end of the first code into the second.
    // 1951-3.2.7-s5
    fn length(&mut self, counts: Counts, read: usize, bits: &mut BitReader) -> Result<(), Stop> {
        let all = counts.literals.saturating_add(counts.distances);
        let (symbol, extra) = self.tables.length(bits)?;
        let times = match symbol.checked_sub(REPEAT_LAST).map(|kind| REPEATS.get(kind)) {
            None => 1,
            Some(range) => range.map_or(0, |range| usize::from(range.0).saturating_add(extra)),
        };
        let length = match symbol.cmp(&REPEAT_LAST) {
            // Below 16.
            Ordering::Less => u8::try_from(symbol).unwrap_or(0),
            Ordering::Equal => {
                let last = read.checked_sub(1).and_then(|last| self.lengths.get(last));
                *last.ok_or(InflateError::NothingToRepeat)?
            }
            Ordering::Greater => 0,
        };
        let read_now = read.saturating_add(times);
        match self.lengths.get_mut(read..read_now) {
            Some(lengths) if read_now <= all => lengths.fill(length),
            _ => return Err(InflateError::TooManyLengths.into()),
        }
        self.state = State::Lengths { counts, read: read_now };
        if read_now == all {
            if self.lengths.get(END_OF_BLOCK) == Some(&0) {
                return Err(InflateError::NoEndOfBlock.into());
            }
            let both = self.lengths.get(..all).and_then(|both| both.split_at_checked(counts.literals));
            let (literals, distances) = both.unwrap_or_default();
            self.tables.set_dynamic(literals, distances)?;
            self.state = State::Symbols;
        }
        Ok(())
    }
}

/// Whether reading stops after a block marked as the last.
#[derive(Clone, Copy)]
pub(crate) enum StopAtEnd {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three bits of which the second and third are zero, and up to seven bits of padding.
    #[test]
    fn the_beginning_of_an_empty_stored_block() {
        for count in 0..=16 {
            for bits in 0..8 {
                let mut blocks = Blocks { count, bits, ..Blocks::new() };
                let is_cut = (3..=10).contains(&count) && (bits == 0 || bits == 1);
                assert_eq!(blocks.take_truncated_block(), is_cut, "{count} {bits:03b}");
                assert_eq!(blocks.count, if is_cut { 0 } else { count });
            }
        }
        let mut blocks = Blocks { state: State::Symbols, count: 3, ..Blocks::new() };
        assert!(!blocks.take_truncated_block());
    }
}
