//! Incremental validation of UTF-8 (RFC 3629; RFC 6455 section 8.1) by comparisons on whole blocks. Must not know messages.
//!
//! ```
//! use stdws::codec::utf8::Validator;
//!
//! let mut validator = Validator::default();
//! // "é" cut in half: the text may go on, but may not end here.
//! assert_eq!(validator.feed(b"caf\xc3"), Ok(()));
//! assert!(!validator.is_complete());
//! assert_eq!(validator.feed(b"\xa9"), Ok(()));
//! assert!(validator.is_complete());
//! assert_eq!(validator.feed(b"ok\xff"), Err(2));
//! ```
//!
//! # UTF-8
//!
//! A byte below 80 is a character. Any other character is a lead byte, which determines the number of bytes that follow,
//! and continuation bytes 80..BF. Four leads narrow the range of the byte after them. This excludes overlong forms,
//! surrogates and values beyond U+10FFFF. C0, C1 and F5..FF are never leads.
//!
//! ```text
//! C2..DF  80..BF                     F0      90..BF  80..BF  80..BF
//! E0      A0..BF  80..BF             F1..F3  80..BF  80..BF  80..BF
//! E1..EC  80..BF  80..BF             F4      80..8F  80..BF  80..BF
//! ED      80..9F  80..BF
//! EE..EF  80..BF  80..BF
//! ```
//!
//! # Method
//!
//! The usual method goes from character to character, and each step depends on the one before. But no rule in the table
//! reaches further than three bytes, so each byte can be checked given only the three bytes before it:
//!
//! * A continuation byte is *due* exactly if the byte before is C0 or more (any lead), or the one before that E0 or
//!   more (a lead of three or four), or the one before that F0 or more (a lead of four). A byte is wrong if it is a
//!   continuation and none is due, or if it is not and one is due.
//! * It is wrong if it is one of C0, C1, F5..FF.
//! * It is wrong if it follows E0, ED, F0 or F4 outside of the narrower range.
//!
//! These checks have no state and no branch, so the compiler turns the loop over a block into vector instructions that
//! check 16 bytes or more at once, on any processor. The first wrong byte is also the first after which the input cannot
//! become UTF-8, because the bytes before it are the start of valid text.
//!
//! Invariant between calls: `incomplete` ends with the bytes of an incomplete character and has zeros before them. A zero is
//! a complete character, so these three can stand for the bytes before the next ones.

/// Number of bytes that are checked at once.
const BLOCK: usize = 64;
/// A block and the three bytes before it.
const WINDOW: usize = BLOCK + 3;

/// Validates text that arrives in pieces, which may be cut inside a character.
#[derive(Default, Clone, Debug)]
pub struct Validator {
    incomplete: [u8; 3],
}

impl Validator {
    /// Validates the next bytes of the text. The validator must not be used after an error.
    ///
    /// # Errors
    ///
    /// The offset in `bytes` of the first byte after which the input cannot become UTF-8.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), usize> {
        match bytes.last_chunk() {
            Some(last) => self.feed_long(bytes, last),
            None => self.feed_short(bytes),
        }
    }

    /// Whether the text may end here, which is not inside a character.
    pub fn is_complete(&self) -> bool {
        self.incomplete == [0; 3]
    }

    /// Validates at least a window; `last` is the end of `bytes`.
    // `bytes` has a window, which is longer than three bytes, and the loop ends at `bytes.len()`.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn feed_long(&mut self, bytes: &[u8], last: &[u8; WINDOW]) -> Result<(), usize> {
        let mut at = 0;
        if self.is_complete() {
            at = BLOCK * bytes.chunks_exact(BLOCK).take_while(|block| is_ascii(block)).count();
        }
        if at == 0 {
            // The bytes before the first three are not in `bytes`, or not all of them.
            self.feed_each(&bytes[..3])?;
            at = 3;
        }
        while let Some(window) = bytes[at - 3..].first_chunk() {
            check(window).map_err(|offset| at + offset)?;
            at += BLOCK;
        }
        if at < bytes.len() {
            // Less than a block is left. Checking some earlier bytes again costs less than going byte by byte.
            check(last).map_err(|offset| bytes.len() - BLOCK + offset)?;
        }
        let [.., a, b, c] = *last;
        self.incomplete = unfinished([a, b, c]);
        Ok(())
    }

    /// Validates less than a window. A block would cost more than `std`, which accepts only whole characters.
    // `at` is at most `bytes.len()`, and so is what `valid_up_to` adds.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    fn feed_short(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < bytes.len() && !self.is_complete() {
            self.feed_each(&bytes[at..=at]).map_err(|_| at)?;
            at += 1;
        }
        let whole = match std::str::from_utf8(&bytes[at..]) {
            Ok(_) => return Ok(()),
            Err(error) => at + error.valid_up_to(),
        };
        self.feed_each(&bytes[whole..]).map_err(|offset| whole + offset)
    }

    /// Validates any number of bytes, one by one.
    fn feed_each(&mut self, bytes: &[u8]) -> Result<(), usize> {
        for (offset, &byte) in bytes.iter().enumerate() {
            let [a, b, c] = self.incomplete;
            if check_byte(a, b, c, byte) >= 0x80 {
                return Err(offset);
            }
            self.incomplete = unfinished([b, c, byte]);
        }
        Ok(())
    }
}

/// The bytes of an incomplete character at the end of these three, which are valid so far.
fn unfinished(last: [u8; 3]) -> [u8; 3] {
    match last {
        [.., c] if c >= 0xc0 => [0, 0, c],
        [_, b, c] if b >= 0xe0 => [0, b, c],
        [a, ..] if a >= 0xf0 => last,
        _ => [0; 3],
    }
}

/// Not std's, which is slower on short blocks and stops early.
#[inline(always)]
fn is_ascii(block: &[u8]) -> bool {
    block.iter().fold(0, |all, byte| all | byte) < 0x80
}

/// Checks the block in a window whose first three bytes are valid. `Err` has the offset in the block of the first wrong
/// byte.
// The indices are constant bounds of the array; a window of `windows(4)` has four bytes.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn check(window: &[u8; WINDOW]) -> Result<(), usize> {
    // An ASCII block is valid if nothing is due, and nothing is due after an ASCII byte.
    if window[2] < 0x80 && is_ascii(&window[3..]) {
        return Ok(());
    }
    // The loop has no early exit, so that it becomes vector instructions. The wrong byte is searched only if there is one.
    let mut verdict = 0;
    for at in 3..WINDOW {
        verdict |= check_byte(window[at - 3], window[at - 2], window[at - 1], window[at]);
    }
    if verdict < 0x80 {
        return Ok(());
    }
    let wrong = window.windows(4).position(|w| check_byte(w[0], w[1], w[2], w[3]) >= 0x80);
    wrong.map_or(Ok(()), Err)
}

/// Sets the top bit if `byte` is wrong after the three bytes before it, oldest first. The other bits have no meaning.
#[inline(always)]
fn check_byte(third: u8, second: u8, before: u8, byte: u8) -> u8 {
    // A subtraction that stops at zero leaves the top bit set from 80 plus the subtrahend on: from C0, E0, F0, and F5.
    let due = before.saturating_sub(0x40) | second.saturating_sub(0x60) | third.saturating_sub(0x70);
    let misplaced = is_continuation_below(byte, 0xc0) ^ due;
    let never = byte.saturating_sub(0x75) | is_equal(byte & 0xfe, 0xc0);
    // E0 and ED need opposite sides of the same bound: E0 a byte of A0 or more, ED a byte below A0. XOR with 0D turns
    // either into the other. Applied for bytes below the bound, it results in ED exactly if the byte is on the wrong
    // side. F0 and F4 share the bound 90 in the same way. Bytes that are no continuation are misplaced after any of the
    // four.
    let after_e = is_equal(before ^ (is_continuation_below(byte, 0xa0) & 0x0d), 0xed);
    let after_f = is_equal(before ^ (is_continuation_below(byte, 0x90) & 0x04), 0xf4);
    misplaced | never | after_e | after_f
}

/// All bits set if the bytes are equal, none if not, like the result of a vector comparison.
#[inline(always)]
fn is_equal(a: u8, b: u8) -> u8 {
    if a == b {
        0xff
    } else {
        0
    }
}

/// All bits set if the byte is in `0x80..bound`, none if not. As signed numbers, which old vector units compare best,
/// these are the lowest values.
// The wrap is the point of the comparison.
#[allow(clippy::cast_possible_wrap)]
#[inline(always)]
fn is_continuation_below(byte: u8, bound: u8) -> u8 {
    if (byte as i8) < (bound as i8) {
        0xff
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides of every line in the table.
    const EDGES: [u8; 25] = [
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
        0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ];

    /// What std says: whether the text is complete, or its first wrong byte. Std reports where the wrong character
    /// begins; the wrong byte follows the bytes that could still become a character.
    fn reference(bytes: &[u8]) -> Result<bool, usize> {
        let Err(error) = std::str::from_utf8(bytes) else { return Ok(true) };
        if error.error_len().is_none() {
            return Ok(false);
        }
        let wrong = &bytes[error.valid_up_to()..];
        let could_go_on = |n: &usize| std::str::from_utf8(&wrong[..*n]).is_err_and(|e| e.error_len().is_none());
        Err(error.valid_up_to() + (1..wrong.len()).take_while(could_go_on).count())
    }

    /// The verdict on pieces, with offsets counted from the first of them.
    fn verdict<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<bool, usize> {
        let mut validator = Validator::default();
        let mut fed = 0;
        for piece in pieces {
            validator.feed(piece).map_err(|offset| fed + offset)?;
            fed += piece.len();
        }
        Ok(validator.is_complete())
    }

    /// A xorshift generator: the same texts in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % bound
        }

        /// Text of all lengths of characters, with runs of ASCII longer than a block.
        fn text(&mut self, length: usize) -> Vec<u8> {
            let parts = ["a", "é", "漢", "😀", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{10000}", "\u{10ffff}"];
            let mut text = String::new();
            while text.len() < length {
                match self.below(40) {
                    0 => text.push_str(&"ascii ".repeat(self.below(30))),
                    _ => text.push_str(parts[self.below(parts.len())]),
                }
            }
            text.into_bytes()
        }
    }

    #[test]
    fn first_wrong_bytes_by_hand() {
        let table: [(&[u8], Result<bool, usize>); 20] = [
            (b"", Ok(true)),
            (b"plain", Ok(true)),
            ("aé漢😀".as_bytes(), Ok(true)),
            (b"\x80", Err(0)),
            (b"\xc0\x80", Err(0)),
            (b"\xc1", Err(0)),
            (b"\xc2", Ok(false)),
            (b"\xc3a", Err(1)),
            (b"\xc3\xa9\x80", Err(2)),
            (b"\xe0\x80", Err(1)),
            (b"\xe0\x9f\xbf", Err(1)),
            (b"\xe2\x82", Ok(false)),
            (b"\xe2\x82a", Err(2)),
            (b"\xed\xa0\x80", Err(1)),
            (b"\xf0\x8f", Err(1)),
            (b"\xf0\x9f\x98", Ok(false)),
            (b"\xf0\x9f\x98\xc3", Err(3)),
            (b"\xf4\x8f\xbf\xbf", Ok(true)),
            (b"\xf4\x90", Err(1)),
            (b"ok\xf5", Err(2)),
        ];
        for (bytes, want) in table {
            assert_eq!(verdict([bytes]), want, "{bytes:x?}");
            assert_eq!(verdict(bytes.chunks(1)), want, "{bytes:x?} byte by byte");
            assert_eq!(reference(bytes), want, "{bytes:x?} by std");
        }
    }

    /// F5 at the end of a block, after bytes that set no bit of the verdict: it has its top bit and no other.
    #[test]
    fn a_verdict_of_one_bit() {
        for length in 1..=300 {
            let mut text = vec![b'0'; length];
            text[length - 1] = 0xf5;
            assert_eq!(verdict([&text[..]]), Err(length - 1));
        }
    }

    /// Compares with std: whole, byte by byte, and cut into two or three at every place.
    fn compare_at_every_cut(bytes: &[u8]) {
        let want = reference(bytes);
        assert_eq!(verdict([bytes]), want, "{bytes:x?}");
        assert_eq!(verdict(bytes.chunks(1)), want, "{bytes:x?} byte by byte");
        for cut in 0..=bytes.len() {
            let (a, rest) = bytes.split_at(cut);
            assert_eq!(verdict([a, rest]), want, "{bytes:x?} cut at {cut}");
            for second in 0..=rest.len() {
                let (b, c) = rest.split_at(second);
                assert_eq!(verdict([a, b, c]), want, "{bytes:x?} cut at {cut} and {second} bytes later");
            }
        }
    }

    #[test]
    fn short_sequences_of_edges_at_every_cut() {
        for a in EDGES {
            compare_at_every_cut(&[a]);
            for b in EDGES {
                compare_at_every_cut(&[a, b]);
                for c in EDGES {
                    compare_at_every_cut(&[a, b, c]);
                }
            }
        }
        let leads = [0x41, 0x80, 0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4, 0xf5];
        for a in leads {
            for b in EDGES {
                for c in EDGES {
                    for d in [0x00, 0x80, 0xbf, 0xc0, 0xc2, 0xff] {
                        compare_at_every_cut(&[a, b, c, d]);
                    }
                }
            }
        }
    }

    /// All bytes of a block are checked together. In these, only the top bit of the result is set.
    #[test]
    fn one_wrong_byte_in_a_block() {
        for at in 0..BLOCK {
            let mut bytes = [0; BLOCK + 10];
            bytes[at] = 0x80;
            assert_eq!(verdict([&bytes[..]]), Err(at), "80 among 00");
            let mut bytes = [b' '; BLOCK + 10];
            bytes[at] = 0xf5;
            assert_eq!(verdict([&bytes[..]]), Err(at), "f5 among 20");
        }
    }

    #[test]
    fn every_pair_of_bytes_in_a_block() {
        let mut bytes = [b'a'; WINDOW + 10];
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                (bytes[40], bytes[41]) = (a, b);
                assert_eq!(verdict([&bytes[..]]), reference(&bytes), "{a:02x} {b:02x}");
            }
        }
    }

    #[test]
    fn edges_across_block_boundaries() {
        // Behind ASCII and behind other text, which begin their blocks at different places.
        for filler in ["a", "é"] {
            for length in [WINDOW, 2 * WINDOW + 1] {
                let plain = filler.repeat(length).into_bytes();
                for at in (0..8).chain(58..74).chain(124..134) {
                    let at = at.min(length - 4) / filler.len() * filler.len();
                    for a in EDGES {
                        for b in EDGES {
                            let mut bytes = plain[..length / 2 * 2].to_vec();
                            bytes.splice(at..at, [a, b, 0x80]);
                            assert_eq!(
                                verdict([&bytes[..]]),
                                reference(&bytes),
                                "{a:02x} {b:02x} 80 at {at} in {filler}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn one_changed_byte_anywhere_in_a_long_text() {
        let mut random = Random(0x5eed);
        for round in 0..12 {
            let text = random.text(70 + 40 * round);
            assert_eq!(verdict([&text[..]]), Ok(true));
            for at in 0..text.len() {
                let mut bytes = text.clone();
                bytes[at] ^= 1 << random.below(8);
                if random.below(2) == 0 {
                    bytes[at] = EDGES[random.below(EDGES.len())];
                }
                let want = reference(&bytes);
                let (first, second) = bytes.split_at(random.below(bytes.len()));
                let size = 1 + random.below(bytes.len());
                assert_eq!(verdict([&bytes[..]]), want, "{bytes:x?}");
                assert_eq!(verdict([first, second]), want, "{bytes:x?} cut at {}", first.len());
                assert_eq!(verdict(bytes.chunks(size)), want, "{bytes:x?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_long_text_in_pieces_and_cut_short() {
        // 6455-5.6-1: a piece may end inside a character, the whole may not.
        let text = Random(0xcafe).text(400);
        for n in 1..text.len() {
            assert_eq!(verdict(text.chunks(n)), Ok(true), "pieces of {n}");
            assert_eq!(verdict([&text[..n]]), reference(&text[..n]), "the first {n}");
        }
    }

    #[test]
    fn ascii_does_not_hide_an_incomplete_character() {
        let ascii = [b'a'; 3 * BLOCK];
        for incomplete in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98"] {
            for length in 1..ascii.len() {
                assert_eq!(
                    verdict([incomplete, &ascii[..length]]),
                    Err(incomplete.len()),
                    "{incomplete:x?} and {length} bytes"
                );
                assert_eq!(verdict([&ascii[..length], incomplete, &ascii]), Err(length + incomplete.len()));
            }
        }
    }

    #[test]
    fn an_empty_piece_changes_nothing() {
        assert_eq!(verdict([&b"\xe2\x82"[..], b"", b"\xac", b""]), Ok(true));
        assert_eq!(verdict([&b"\xe2\x82"[..], b""]), Ok(false));
    }
}
