//! Every way a DEFLATE stream can be wrong.

use std::fmt;

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
    /// A message does not end where a block ends, with three bits of an empty stored block after it (RFC 7692 section
    /// 7.2.1).
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

/// Why reading stopped before the end of a unit.
pub(super) enum Stop {
    /// The input ends here; more may follow.
    NeedInput,
    Error(InflateError),
}

impl From<InflateError> for Stop {
    fn from(error: InflateError) -> Self {
        Stop::Error(error)
    }
}
