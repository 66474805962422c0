//! The inside of a compressed block: symbols until the end of the block.
//!
//! Told twice. [`Tables::step`] is the whole truth: one literal, one match or the end, whatever is wrong with it, and
//! input that may stop in the middle. [`Tables::run`] is for speed: it goes on while there is plenty of input and plenty of room, and knows
//! only what is frequent. At anything else it stops *before* the symbol and leaves it to `step`.

use super::super::bits::BitReader;
use super::super::huffman::{
    all_bits, code_bits, distance_entry, fill, literal_entry, value, Entry, Shape, END, EXCEPTION, LITERAL, SECOND,
};
use super::super::{FIXED_DISTANCES, FIXED_LITERALS};
use super::output::Output;
use super::{InflateError, Stop};

/// Bits that index the first table of literals and lengths. More would save second look-ups but cost time in every dynamic block.
const LITERAL_ROOT: usize = 10;
const DISTANCE_ROOT: usize = 8;

/// The tables of the block being read.
pub(super) struct Tables {
    /// 1,334 entries at most are in use: the most that any complete code of 288 symbols of at most 15 bits needs.
    /// A power of two, so that a masked index needs no check.
    pub(super) literals: [Entry; 2048],
    /// 402 at most, for 32 symbols. Before that, it has the code in which a dynamic block sends its lengths.
    pub(super) distances: [Entry; 512],
    /// These are the tables of fixed blocks already.
    pub(super) fixed: bool,
}

/// One look-up in a table of power-of-two length.
#[inline(always)]
fn at<const N: usize>(table: &[Entry; N], index: usize) -> Entry {
    table[index & (N - 1)]
}

impl Tables {
    pub(super) fn new() -> Self {
        Tables { literals: [0; 2048], distances: [0; 512], fixed: false }
    }

    /// Makes the tables of a fixed block, unless they are there.
    pub(super) fn set_fixed(&mut self) {
        if !self.fixed {
            fill(&mut self.literals, LITERAL_ROOT, &FIXED_LITERALS, literal_entry);
            fill(&mut self.distances, DISTANCE_ROOT, &FIXED_DISTANCES, distance_entry);
            self.fixed = true;
        }
    }

    /// Makes the tables of a dynamic block.
    pub(super) fn set_dynamic(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), InflateError> {
        self.fixed = false;
        // The end of the block has a code, so this one is not empty.
        if fill(&mut self.literals, LITERAL_ROOT, literals, literal_entry) == Shape::Wrong {
            return Err(InflateError::LiteralCode);
        }
        match fill(&mut self.distances, DISTANCE_ROOT, distances, distance_entry) {
            Shape::Wrong => Err(InflateError::DistanceCode),
            Shape::Complete | Shape::Single | Shape::Empty => Ok(()),
        }
    }

    /// Reads one literal, match, or end of block; true at the end of the block. With `Stop::Input`, `bits` may have moved.
    pub(super) fn step(&self, bits: &mut BitReader, output: &mut Output) -> Result<bool, Stop> {
        let (entry, extra) = symbol(&self.literals, LITERAL_ROOT, bits)?;
        if entry & LITERAL != 0 {
            output.literal(value(entry) as u8)?;
            return Ok(false);
        }
        if entry & EXCEPTION != 0 {
            return if value(entry) == value(END) { Ok(true) } else { Err(InflateError::LiteralSymbol.into()) };
        }
        let length = value(entry) + extra;
        let (entry, extra) = symbol(&self.distances, DISTANCE_ROOT, bits)?;
        if entry & EXCEPTION != 0 {
            return Err(InflateError::DistanceSymbol.into());
        }
        output.repeat(value(entry) + extra, length)?;
        Ok(false)
    }

    /// Reads literals and matches as long as that is easy.
    pub(super) fn run(&self, bits: &mut BitReader, output: &mut Output) {
        let Some(end) = output.hot_end() else { return };
        let (mut at_, start) = (output.at, output.start);
        let mut reader = *bits;
        let (out, window) = output.parts();
        while at_ <= end {
            if !reader.refill_at_once() {
                break;
            }
            let mut entry = at(&self.literals, reader.peek(LITERAL_ROOT as u32));
            if entry & LITERAL != 0 {
                // Three literals take at most 30 of 56 bits.
                reader.skip(all_bits(entry));
                out[at_] = value(entry) as u8;
                at_ += 1;
                entry = at(&self.literals, reader.peek(LITERAL_ROOT as u32));
                if entry & LITERAL != 0 {
                    reader.skip(all_bits(entry));
                    out[at_] = value(entry) as u8;
                    at_ += 1;
                    entry = at(&self.literals, reader.peek(LITERAL_ROOT as u32));
                    if entry & LITERAL != 0 {
                        reader.skip(all_bits(entry));
                        out[at_] = value(entry) as u8;
                        at_ += 1;
                        continue;
                    }
                }
                if !reader.refill_at_once() {
                    break;
                }
            }
            // A match takes at most 48 of 56 bits: 15 and 5 for the length, 15 and 13 for the distance.
            let before = (reader.bits, reader.count);
            if entry & EXCEPTION != 0 {
                if entry & SECOND == 0 {
                    break;
                }
                reader.skip(LITERAL_ROOT as u32);
                entry = at(&self.literals, value(entry) + reader.peek(code_bits(entry)));
                if entry & LITERAL != 0 {
                    reader.skip(all_bits(entry));
                    out[at_] = value(entry) as u8;
                    at_ += 1;
                    continue;
                }
                if entry & EXCEPTION != 0 {
                    (reader.bits, reader.count) = before;
                    break;
                }
            }
            let length = value(entry) + extra(entry, &reader);
            reader.skip(all_bits(entry));
            let mut entry = at(&self.distances, reader.peek(DISTANCE_ROOT as u32));
            if entry & EXCEPTION != 0 {
                if entry & SECOND == 0 {
                    (reader.bits, reader.count) = before;
                    break;
                }
                reader.skip(DISTANCE_ROOT as u32);
                entry = at(&self.distances, value(entry) + reader.peek(code_bits(entry)));
                if entry & EXCEPTION != 0 {
                    (reader.bits, reader.count) = before;
                    break;
                }
            }
            let distance = value(entry) + extra(entry, &reader);
            reader.skip(all_bits(entry));
            if !window.repeat(out, start, at_, distance, length) {
                (reader.bits, reader.count) = before;
                break;
            }
            at_ += length;
        }
        *bits = reader;
        output.at = at_;
    }
}

/// The extra bits that follow the code of `entry`, which are next in `bits`.
#[inline(always)]
fn extra(entry: Entry, bits: &BitReader) -> usize {
    bits.peek(all_bits(entry)) >> code_bits(entry)
}

/// Takes one symbol with its extra bits.
fn symbol<const N: usize>(table: &[Entry; N], root: usize, bits: &mut BitReader) -> Result<(Entry, usize), Stop> {
    let mut entry = at(table, bits.peek(root as u32));
    if entry & SECOND != 0 {
        bits.take(root as u32).ok_or(Stop::Input)?;
        entry = at(table, value(entry) + bits.peek(code_bits(entry)));
    }
    let extra = extra(entry, bits);
    bits.take(all_bits(entry)).ok_or(Stop::Input)?;
    Ok((entry, extra))
}
