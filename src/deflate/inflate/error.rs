//! The errors of a DEFLATE stream: each rule of RFC 1951 that it can break.

use std::fmt;

/// A fault in a DEFLATE stream.
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
    /// The first length is a repetition of the one before.
    NothingToRepeat,
    /// A repetition exceeds the announced number of lengths.
    TooManyLengths,
    /// The end of the block has no code, so the block could not end.
    NoEndOfBlock,
    /// The code of literals and lengths is over-subscribed, or incomplete with more than one symbol.
    LiteralCode,
    /// The code of distances is over-subscribed, or incomplete with more than one symbol.
    DistanceCode,
    /// Bits that are not a code of a literal or length, or one of the two codes that must not occur (section 3.2.6).
    LiteralSymbol,
    /// Bits that are not a code of a distance, or one of the two codes that must not occur (section 3.2.6).
    DistanceSymbol,
    /// A distance reaches beyond the window, or to before the first byte.
    DistanceTooFar,
    /// The output exceeds the limit.
    TooLarge,
    /// A message does not end where a block ends, with three bits of an empty stored block after it (RFC 7692 section
    /// 7.2.1).
    Unfinished,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InflateError::BlockType => "a compressed block has the reserved type 11",
            InflateError::StoredLength => "the length of a stored block does not match its complement",
            InflateError::TooManySymbols => "a compressed block announces too many symbols",
            InflateError::LengthCode => "the code for code lengths is not complete",
            InflateError::NothingToRepeat => "the first code length is a repetition",
            InflateError::TooManyLengths => "a repetition exceeds the announced number of code lengths",
            InflateError::NoEndOfBlock => "the end of the block has no code",
            InflateError::LiteralCode => "the literal and length code is not complete",
            InflateError::DistanceCode => "the distance code is not complete",
            InflateError::LiteralSymbol => "bits are not the code of a literal or length",
            InflateError::DistanceSymbol => "bits are not the code of a distance",
            InflateError::DistanceTooFar => "a distance reaches beyond the window",
            InflateError::TooLarge => "the decompressed data exceed the limit",
            InflateError::Unfinished => "a compressed message ends in the middle of a block",
        })
    }
}

impl std::error::Error for InflateError {}

/// The reason for stopping before the end of a unit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_names_the_rule() {
        let rows = [
            (InflateError::BlockType, "a compressed block has the reserved type 11"),
            (InflateError::StoredLength, "the length of a stored block does not match its complement"),
            (InflateError::TooManySymbols, "a compressed block announces too many symbols"),
            (InflateError::LengthCode, "the code for code lengths is not complete"),
            (InflateError::NothingToRepeat, "the first code length is a repetition"),
            (InflateError::TooManyLengths, "a repetition exceeds the announced number of code lengths"),
            (InflateError::NoEndOfBlock, "the end of the block has no code"),
            (InflateError::LiteralCode, "the literal and length code is not complete"),
            (InflateError::DistanceCode, "the distance code is not complete"),
            (InflateError::LiteralSymbol, "bits are not the code of a literal or length"),
            (InflateError::DistanceSymbol, "bits are not the code of a distance"),
            (InflateError::DistanceTooFar, "a distance reaches beyond the window"),
            (InflateError::TooLarge, "the decompressed data exceed the limit"),
            (InflateError::Unfinished, "a compressed message ends in the middle of a block"),
        ];
        for (error, text) in rows {
            assert_eq!(error.to_string(), text);
        }
    }
}
