//! Reading DEFLATE: the public face of `blocks`, `symbols` and `output`, and every way a stream can be wrong.

mod blocks;
mod output;
mod symbols;

use std::fmt;

use super::WindowBits;
use blocks::{Blocks, StopAtEnd};
use output::{Output, Window};

/// Why reading stopped before the end of a unit.
enum Stop {
    /// The input ends here; more may follow.
    Input,
    Fault(InflateError),
}

impl From<InflateError> for Stop {
    fn from(fault: InflateError) -> Self {
        Stop::Fault(fault)
    }
}

/// A decompressor for raw DEFLATE (RFC 1951), fed in pieces of any size.
///
/// It keeps its window from message to message, until told otherwise by [`reset`](Inflate::reset).
///
/// **Memory**: nothing until the first input; then 11 KiB, and a window that grows with the output, to 8 KiB above its size
/// at most (51 KiB together for 32,768 bytes). Nothing is ever allocated because a stream announces it.
///
/// **Strictness** is that of zlib, with two differences: a distance beyond the window is refused even where the output at hand still has the
/// bytes, and a block marked as the last may be followed by others (RFC 7692 section 7.2.3.4). A code of literals and lengths, or of
/// distances, with a single symbol of one bit is accepted, and so is a block without a distance code; any other incomplete code is
/// refused.
///
/// After an error, every further call gives the same error, until [`reset`](Inflate::reset).
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

    /// Reads all of `input` and appends what it says to `out`, which never gets longer than `limit` bytes.
    ///
    /// What ends in the middle of a symbol waits for the next call. `out` may be emptied or replaced between calls. A block
    /// marked as the last is nothing special here: as RFC 7692 section 7.2.3.4 has it, the next begins at the next byte.
    ///
    /// # Errors
    /// The first fault in the stream; `out` has everything before it. [`InflateError::TooLarge`] if `out` would get longer
    /// than `limit`: exactly `limit` bytes are fine.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), InflateError> {
        self.read(input, out, limit, StopAtEnd::No).map(|_| ())
    }

    /// As [`push`](Inflate::push), for streams by themselves: stops after the block that is marked as the last. Gives how many bytes of `input` were
    /// used. When it did not stop, that is all of them; [`at_end`](Inflate::at_end) tells.
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
        self.read(input, out, limit, StopAtEnd::Yes).map(|left| input.len() - left)
    }

    /// True when the last block that was read is marked as the last of the stream, and nothing was read since.
    pub fn at_end(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.at_end())
    }

    /// Ends a message whose sender cut off the last four bytes, `00 00 FF FF` (RFC 7692 section 7.2.1). The window stays.
    ///
    /// It does not put the four bytes back and read on, as RFC 7692 section 7.2.2 words it: they could then become the missing end of
    /// something else. It checks that exactly the beginning of an empty stored block is left, which they would complete.
    ///
    /// # Errors
    /// [`InflateError::Unfinished`] if the message ends anywhere else; an empty one does too, since an empty message is sent as one byte (RFC 7692
    /// section 7.2.3.6).
    pub fn end_message(&mut self) -> Result<(), InflateError> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        if !self.blocks.as_mut().is_some_and(|blocks| blocks.take_cut_block()) {
            self.failed = Some(InflateError::Unfinished);
            return Err(InflateError::Unfinished);
        }
        Ok(())
    }

    /// Begins anew: with an empty window (no context takeover), and without the error if there was one. What is allocated stays.
    pub fn reset(&mut self) {
        self.window.forget();
        self.failed = None;
        if let Some(blocks) = &mut self.blocks {
            blocks.restart();
        }
    }

    fn read(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize, end: StopAtEnd) -> Result<usize, InflateError> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        let blocks = self.blocks.get_or_insert_with(|| Box::new(Blocks::new()));
        let mut output = Output::new(out, limit, &self.window);
        let result = blocks.read(input, &mut output, end);
        let start = output.finish();
        match result {
            Ok(_) => self.window.remember(&out[start..]),
            Err(fault) => self.failed = Some(fault),
        }
        result
    }
}

impl fmt::Debug for Inflate {
    /// Without the window: that is somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// What is wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// BTYPE is 11, which is reserved (RFC 1951 section 3.2.3).
    BlockType,
    /// The length of a stored block and its complement do not match (section 3.2.4).
    StoredLength,
    /// A dynamic block announces more than 286 literals and lengths, or more than 30 distances (section 3.2.7).
    TooManySymbols,
    /// The code in which lengths are sent is over-subscribed, incomplete or empty.
    LengthCode,
    /// The first length of all is said to repeat the one before.
    NothingToRepeat,
    /// A repetition goes beyond the number of lengths announced.
    TooManyLengths,
    /// The end of the block has no code, so the block could not end.
    NoEndOfBlock,
    /// The code of literals and lengths is over-subscribed, or incomplete with more than one symbol.
    LiteralCode,
    /// The code of distances is over-subscribed, or incomplete with more than one symbol.
    DistanceCode,
    /// Bits that are no code of a literal or length, or one of the two codes that must not occur (section 3.2.6).
    LiteralSymbol,
    /// Bits that are no code of a distance, or one of the two codes that must not occur (section 3.2.6).
    DistanceSymbol,
    /// A distance reaches beyond the window, or to before the first byte.
    DistanceTooFar,
    /// More output than the limit allows.
    TooLarge,
    /// A message does not end where a block ends, with three bits of an empty stored block after it (RFC 7692 section 7.2.1).
    Unfinished,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InflateError::BlockType => "a compressed block is of the reserved type 11",
            InflateError::StoredLength => "the length of a stored block does not match its complement",
            InflateError::TooManySymbols => "a compressed block announces more symbols than there are",
            InflateError::LengthCode => "the code in which code lengths are sent is not complete",
            InflateError::NothingToRepeat => "the first code length repeats nothing",
            InflateError::TooManyLengths => "more code lengths than announced",
            InflateError::NoEndOfBlock => "the end of the block has no code",
            InflateError::LiteralCode => "the literal and length code is not complete",
            InflateError::DistanceCode => "the distance code is not complete",
            InflateError::LiteralSymbol => "bits that mean no literal and no length",
            InflateError::DistanceSymbol => "bits that mean no distance",
            InflateError::DistanceTooFar => "a distance reaches beyond the window",
            InflateError::TooLarge => "the inflated data exceed the limit",
            InflateError::Unfinished => "a compressed message ends in the middle of a block",
        })
    }
}

impl std::error::Error for InflateError {}
