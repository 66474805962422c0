//! The compressor: writes DEFLATE with `matcher` and its inner loop `search`, `tokens`, `lengths` and `block`.
//!
//! Data pass three stages, a block at a time. The matcher turns bytes into tokens (literals and matches) and counts them.
//! The counts determine the codes. Then the tokens are written in those codes.

mod block;
mod lengths;
mod matcher;
mod search;
mod tokens;

use std::fmt;

use super::bits::BitWriter;
use crate::deflate::format::WindowBits;
use matcher::MatchFinder;
use search::SearchParams;
use tokens::Tokens;

/// The effort of a [`Compress`] in the search for repetitions.
///
/// Measured on JSON messages of 1 to 64 KiB, without a kept window, next to zlib:
///
/// | level | time | size |
/// |---|---|---|
/// | `Fast` | half of zlib 1 | 2 to 5 % below zlib 1 |
/// | `Default` | 0.55 to 0.65 of zlib 6 | 1 to 2 % below zlib 6 |
/// | `Best` | 0.5 to 0.9 of zlib 9 | 1 to 4 % below zlib 9 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Level {
    /// One candidate per position; the first match is taken.
    Fast,
    /// Some candidates, and the next position is tried before a match is taken.
    #[default]
    Default,
    /// Many candidates: for data that are compressed once and sent often.
    Best,
}

impl Level {
    fn search_params(self) -> SearchParams {
        match self {
            Level::Fast => SearchParams { max_chain: 1, nice_length: 0, max_lazy: 0, lazy_chain: 0 },
            Level::Default => SearchParams { max_chain: 32, nice_length: 128, max_lazy: 16, lazy_chain: 8 },
            Level::Best => SearchParams { max_chain: 256, nice_length: 258, max_lazy: 258, lazy_chain: 256 },
        }
    }
}

/// A compressor to raw DEFLATE (RFC 1951), for messages that share a window.
///
/// Each message ends with a sync flush, so that a reader can decompress all of it. Each block has the shortest of three
/// forms: stored, with the fixed codes, or with its own codes. Distances never exceed the window, even one of 256 bytes,
/// which zlib does not support.
///
/// **Memory**: nothing until the first message; then 186 KiB with a window of 32,768 bytes (122 KiB at
/// [`Level::Fast`]), less with smaller ones. After that only `out` grows.
///
/// **Secrets**: the length of the output reveals how much the data repeat themselves or earlier messages. An attacker that
/// chooses part of the data and sees lengths can find a secret beside it byte by byte (CRIME, BREACH). Leave such messages
/// uncompressed. [`reset`](Compress::reset) separates a message from earlier ones, but not a secret from the rest of its
/// message.
pub struct Compress {
    level: Level,
    window: WindowBits,
    parts: Option<Box<Parts>>,
}

struct Parts {
    matcher: MatchFinder,
    tokens: Tokens,
}

impl Compress {
    /// A compressor that uses distances up to `window`, even 256 bytes at 8 bits.
    pub fn new(level: Level, window: WindowBits) -> Compress {
        Compress { level, window, parts: None }
    }

    /// Compresses `data` and appends it to `out`, ended by a sync flush: the last four bytes are always `00 00 FF FF`.
    ///
    /// For RFC 7692, remove these four bytes at the end of a message, and keep them at the end of any earlier fragment.
    /// For empty `data`, only the flush is appended: five bytes.
    // `append` returns at most the length of its argument.
    #[allow(clippy::indexing_slicing)]
    pub fn push(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let (level, window) = (self.level, self.window);
        let parts = self.parts.get_or_insert_with(|| {
            Box::new(Parts { matcher: MatchFinder::new(level.search_params(), window), tokens: Tokens::new() })
        });
        let mut writer = BitWriter::new(out);
        parts.tokens.clear();
        let (mut raw, mut rest) = (data, data);
        while !raw.is_empty() {
            rest = &rest[parts.matcher.append(rest)..];
            parts.matcher.find(&mut parts.tokens, !rest.is_empty());
            if parts.tokens.is_full() || rest.is_empty() {
                let (block, after) = raw.split_at(parts.tokens.bytes);
                block::write(&parts.tokens, block, &mut writer);
                parts.tokens.clear();
                raw = after;
            }
        }
        block::write_sync(&mut writer);
    }

    /// Ends the stream, for uses other than messages: appends an empty block marked as the last, and resets the window.
    ///
    /// ```
    /// use stdws::deflate::{Compress, Level, WindowBits};
    /// let (mut compress, mut stream) = (Compress::new(Level::Best, WindowBits::MAX), Vec::new());
    /// compress.push(b"all of the data", &mut stream);
    /// compress.finish(&mut stream);
    /// assert!(stream.ends_with(&[0x00, 0x00, 0xff, 0xff, 0x03, 0x00]));
    /// ```
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        // BFINAL, fixed codes, and seven zeros for the end of the block. The output before ends on a byte boundary.
        // 1951-3.2.3-s1
        out.extend_from_slice(&[0x03, 0x00]);
        self.reset();
    }

    /// Forgets the window (no context takeover). Keeps the memory.
    pub fn reset(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.matcher.reset();
        }
    }
}

impl fmt::Debug for Compress {
    /// Without the window, which contains data of the application.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compress").field("level", &self.level).field("window", &self.window).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::{Inflate, InflateError};

    const LEVELS: [Level; 3] = [Level::Fast, Level::Default, Level::Best];

    /// Pseudo-random numbers, the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end.max(1)
        }
    }

    /// `length` bytes of one kind of data.
    fn data(kind: usize, length: usize, numbers: &mut Numbers) -> Vec<u8> {
        let words = ["alpha", "bravo", "{\"id\":", "true,", "null", "\n", "Köln", "0.5", "aaaaaaaaaaaaaaaaaa"];
        let mut data = Vec::new();
        while data.len() < length {
            match kind {
                // No repetitions.
                0 => data.push(numbers.below(256) as u8),
                // A single byte value; then few values.
                1 => data.push(b'x'),
                2 => data.push(b'a' + numbers.below(3) as u8),
                // Text.
                3 => data.extend(words[numbers.below(9) as usize].bytes()),
                // A long period, so that matches are far away.
                4 => data.push((data.len() % 1009 * 37 % 251) as u8),
                // Records with a counter.
                5 => data.extend((data.len() as u32 / 8).to_le_bytes().into_iter().chain([0, 1, 2, 3])),
                // Random in places, repeated in others.
                _ if numbers.below(4) > 0 || data.is_empty() => data.push(numbers.below(256) as u8),
                _ => {
                    let from = numbers.below(data.len() as u64) as usize;
                    data.extend_from_within(from..(from + numbers.below(400) as usize).min(data.len()));
                }
            }
        }
        data.truncate(length);
        data
    }

    const KINDS: usize = 7;

    /// See `output_is_that_of_the_table`.
    const KNOWN: [(usize, u32); 12] = [
        (34144, 0x68f1_fd6b),
        (28826, 0x226b_c233),
        (26925, 0xcf6a_bd55),
        (26631, 0x3589_3d7d),
        (26963, 0xd0ed_4bf1),
        (26226, 0x91b3_8c23),
        (25026, 0xcc30_8ee3),
        (24764, 0x77bf_e0c9),
        (26942, 0xb023_63cc),
        (26159, 0xd22b_3864),
        (24789, 0xc2b5_ef84),
        (24545, 0xeaa3_b8d1),
    ];

    fn windows() -> impl Iterator<Item = (Level, WindowBits)> {
        LEVELS.into_iter().flat_map(|level| (8..=15).filter_map(WindowBits::new).map(move |window| (level, window)))
    }

    /// Compresses one message and removes the end of the sync flush.
    fn payload(compress: &mut Compress, data: &[u8]) -> Vec<u8> {
        let mut payload = vec![7];
        compress.push(data, &mut payload);
        assert_eq!(payload.remove(0), 7, "what was there stays");
        assert_eq!(payload.split_off(payload.len() - 4), [0x00, 0x00, 0xff, 0xff]);
        payload
    }

    fn inflated(inflate: &mut Inflate, payload: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        let mut out = Vec::new();
        inflate.push(payload, &mut out, limit)?;
        inflate.end_message()?;
        Ok(out)
    }

    /// Every kind, window and level, messages of many lengths one after the other, with the window kept and without.
    /// The reader accepts no distance beyond the window, so this shows 7692-7.2.1-12 and 7692-7.2.1-14, too.
    /// 1951-3.1-s1: the lengths of stored blocks too.
    #[test]
    fn round_trips() {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for (level, window) in windows() {
            let (mut kept, mut fresh) = (Compress::new(level, window), Compress::new(level, window));
            let (mut reader, mut fresh_reader) = (Inflate::new(window), Inflate::new(window));
            for kind in 0..KINDS {
                for length in [0, 1, 2, 3, 4, 5, 10, 100, 257, 258, 259, 260, 700, 5000, 20_000] {
                    let data = data(kind, length, &mut numbers);
                    let context = format!("{level:?} {window:?} {kind} {length}");
                    let sent = payload(&mut kept, &data);
                    assert!(inflated(&mut reader, &sent, length).as_ref() == Ok(&data), "{context}");
                    fresh.reset();
                    fresh_reader.reset();
                    let sent = payload(&mut fresh, &data);
                    assert!(inflated(&mut fresh_reader, &sent, length).as_ref() == Ok(&data), "{context}, fresh");
                    // Never much more than the data: five bytes for each stored block, one for the sync flush.
                    assert!(sent.len() <= length + 5 * (length / 4000 + 1) + 1, "{context}: {}", sent.len());
                }
            }
        }
    }

    /// The window and the intake are as long as the room of the matcher, so that one byte more has to move the window.
    #[test]
    fn lengths_around_the_intake() {
        let mut numbers = Numbers(11);
        for (level, window) in windows().filter(|(_, window)| [8, 15].contains(&window.bits())) {
            for length in window.size() + 8192 - 2..=window.size() + 8192 + 2 {
                let data = data(0, length, &mut numbers);
                let sent = payload(&mut Compress::new(level, window), &data);
                assert!(inflated(&mut Inflate::new(window), &sent, length).as_ref() == Ok(&data), "{level:?} {length}");
            }
        }
    }

    /// Larger than an input chunk, than a block, than a stored block.
    #[test]
    fn large_messages() {
        let mut numbers = Numbers(3);
        for kind in 0..KINDS {
            for (level, length) in [(Level::Fast, 300_000), (Level::Default, 200_000), (Level::Best, 70_000)] {
                let data = data(kind, length, &mut numbers);
                let mut compress = Compress::new(level, WindowBits::MAX);
                let mut reader = Inflate::new(WindowBits::MAX);
                for _ in 0..2 {
                    let sent = payload(&mut compress, &data);
                    assert!(inflated(&mut reader, &sent, length).as_ref() == Ok(&data), "{level:?} {kind}");
                }
            }
        }
    }

    /// Positions have 32 bits and wrap around.
    #[test]
    fn positions_wrap() {
        let mut compress = Compress::new(Level::Default, WindowBits::MAX);
        let mut reader = Inflate::new(WindowBits::MAX);
        payload(&mut compress, b"");
        if let Some(parts) = &mut compress.parts {
            parts.matcher.set_base(u32::MAX - 50_000);
        }
        let mut numbers = Numbers(5);
        for _ in 0..20 {
            let data = data(3, 5000, &mut numbers);
            let sent = payload(&mut compress, &data);
            assert!(sent.len() < 2000, "{}", sent.len());
            assert!(inflated(&mut reader, &sent, 5000).as_ref() == Ok(&data));
        }
    }

    /// After exactly four gigabytes a position has the same number; it must not match itself.
    #[test]
    fn positions_that_come_again() {
        let data = data(3, 1000, &mut Numbers(7));
        for level in LEVELS {
            let (mut compress, mut reader) = (Compress::new(level, WindowBits::MAX), Inflate::new(WindowBits::MAX));
            for start in [70_000, 69_000, 68_000] {
                payload(&mut compress, b"");
                if let Some(parts) = &mut compress.parts {
                    // The first byte of each message has position 70,000.
                    parts.matcher.set_base(start);
                }
                let sent = payload(&mut compress, &data);
                assert!(inflated(&mut reader, &sent, 1000).as_ref() == Ok(&data), "{level:?}");
            }
        }
    }

    /// A match continues across input chunks: 300,000 equal bytes are little more than 1,162 times the
    /// longest match, of one bit for its length and one for its distance.
    #[test]
    fn matches_continue_across_input_chunks() {
        for level in LEVELS {
            let sent = payload(&mut Compress::new(level, WindowBits::MAX), &vec![b'x'; 300_000]);
            assert!(sent.len() <= 330, "{level:?}: {}", sent.len());
        }
    }

    /// Each kind of block where it is the shortest: BTYPE of the first block.
    #[test]
    fn shortest_kind_of_block() {
        let mut numbers = Numbers(11);
        // Sixty-four different bytes above 0x90: nine bits each in the fixed code, eight stored, little more than six
        // otherwise.
        let high = (0..3000).map(|_| 0x90 + numbers.below(64) as u8).collect();
        let rows = [
            (b"hi".to_vec(), 0b01),
            (data(0, 1000, &mut numbers), 0b00),
            (data(2, 1000, &mut numbers), 0b10),
            (high, 0b10),
        ];
        for (data, kind) in rows {
            for level in LEVELS {
                let sent = payload(&mut Compress::new(level, WindowBits::MAX), &data);
                assert_eq!(sent[0] >> 1 & 0b11, kind, "{level:?} {}", data.len());
            }
        }
        // The empty message is one byte (RFC 7692 section 7.2.3.6).
        assert_eq!(payload(&mut Compress::new(Level::Default, WindowBits::MAX), b""), [0x00]);
    }

    /// Known answers: the same data compress to the same bytes as before, for each level and window, with the window kept
    /// from message to message and without. A change that compresses better on purpose changes the table, whose first
    /// number is the size.
    #[test]
    fn output_is_that_of_the_table() {
        let mut found = Vec::new();
        for (level, window) in windows().filter(|(_, window)| [8, 9, 13, 15].contains(&window.bits())) {
            let (mut numbers, mut compress, mut all) = (Numbers(31), Compress::new(level, window), Vec::new());
            for length in [12_000, 1, 2000, 300, 64, 7] {
                for kind in 0..KINDS {
                    compress.push(&data(kind, length, &mut numbers), &mut all);
                }
                if length == 300 {
                    compress.reset();
                }
            }
            // FNV-1a.
            let digest = all.iter().fold(0x811c_9dc5_u32, |sum, b| (sum ^ u32::from(*b)).wrapping_mul(0x0100_0193));
            found.push((all.len(), digest));
        }
        assert_eq!(found, KNOWN);
    }

    /// 7692-7.2.1-8: a repeated message takes few bytes, unless the window is reset
    /// (7692-7.2.1-7, 7692-7.2.1-10).
    #[test]
    fn window_is_kept_until_reset() {
        let mut numbers = Numbers(13);
        for (level, window) in windows() {
            let data = data(0, window.size(), &mut numbers);
            let mut compress = Compress::new(level, window);
            let first = payload(&mut compress, &data);
            let second = payload(&mut compress, &data).len();
            // Found at the far end of the window, to the byte: 258 bytes for each match.
            assert!(second < window.size() / 32 + 40, "{level:?} {window:?}: {second}");
            compress.reset();
            assert_eq!(payload(&mut compress, &data), first);
        }
    }

    /// 1951-3.2.3-s1
    #[test]
    fn finish_ends_the_stream() {
        let (mut compress, mut out) = (Compress::new(Level::Best, WindowBits::MAX), Vec::new());
        compress.push(b"one, ", &mut out);
        compress.push(b"two", &mut out);
        compress.finish(&mut out);
        let length = out.len();
        out.extend(b"after");
        let (mut inflate, mut text) = (Inflate::new(WindowBits::MAX), Vec::new());
        assert_eq!(inflate.push_to_end(&out, &mut text, 100), Ok(length));
        assert!(inflate.at_end());
        assert_eq!(text, b"one, two");
    }

    #[test]
    fn after_finish_another_stream_begins() {
        let (mut compress, mut first, mut second) =
            (Compress::new(Level::Default, WindowBits::MAX), Vec::new(), Vec::new());
        compress.push(b"so much in common", &mut first);
        compress.finish(&mut first);
        compress.push(b"so much in common", &mut second);
        let mut out = Vec::new();
        Inflate::new(WindowBits::MAX).push(&second, &mut out, 100).unwrap();
        assert_eq!(out, b"so much in common");
    }

    #[test]
    fn lengths_around_one_input_chunk() {
        let mut numbers = Numbers(29);
        for (level, window) in windows() {
            let full = window.size() + (8 << 10);
            for length in full - 2..=full + 2 {
                let data = data(0, length, &mut numbers);
                let packed = payload(&mut Compress::new(level, window), &data);
                assert_eq!(inflated(&mut Inflate::new(window), &packed, length), Ok(data), "{level:?} {window:?}");
            }
        }
    }

    #[test]
    fn levels_differ_in_size() {
        let item = |n: u32| {
            let (id, user, tag) = (n * 7919 % 1000, n * 31 % 97, n % 13);
            format!("{{\"id\":{id},\"name\":\"user{user}\",\"tags\":[\"a{tag}\",\"b\"]}},")
        };
        let text: String = (0..3000).map(item).collect();
        let size = |level| payload(&mut Compress::new(level, WindowBits::MAX), text.as_bytes()).len();
        let (fast, usual, best) = (size(Level::Fast), size(Level::Default), size(Level::Best));
        assert!(best <= usual && usual < fast / 100 * 97, "{fast} {usual} {best}");
    }

    impl Compress {
        fn memory(&self) -> usize {
            let parts = self.parts.as_ref().unwrap();
            std::mem::size_of::<Parts>() + parts.matcher.memory() + parts.tokens.memory()
        }
    }

    /// After a first message memory does not grow, and stays below 192 KiB.
    #[test]
    fn memory_is_bounded() {
        let mut numbers = Numbers(17);
        for level in LEVELS {
            let mut compress = Compress::new(level, WindowBits::MAX);
            assert!(compress.parts.is_none());
            let mut out = Vec::with_capacity(300_000);
            compress.push(b"first", &mut out);
            let first = compress.memory();
            assert!(first <= 192 * 1024, "{level:?}: {first}");
            for kind in 0..KINDS {
                out.clear();
                compress.push(&data(kind, 100_000, &mut numbers), &mut out);
                assert_eq!(compress.memory(), first);
            }
            assert_eq!(out.capacity(), 300_000);
        }
    }

    /// For every cut, the output is a prefix of the data without an error, and the rest completes it.
    #[test]
    fn cut_at_every_byte() {
        let mut numbers = Numbers(19);
        for kind in 0..KINDS {
            let data = data(kind, 400, &mut numbers);
            for level in LEVELS {
                let sent = payload(&mut Compress::new(level, WindowBits::MAX), &data);
                for cut in 0..=sent.len() {
                    let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
                    inflate.push(&sent[..cut], &mut out, 400).unwrap();
                    assert!(data.starts_with(&out));
                    // Another vector: the window has what is needed.
                    let before = std::mem::take(&mut out);
                    inflate.push(&sent[cut..], &mut out, 400).unwrap();
                    inflate.end_message().unwrap();
                    assert!([before, out].concat() == data, "{kind} {level:?} {cut}");
                }
                let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
                for byte in &sent {
                    inflate.push(&[*byte], &mut out, 400).unwrap();
                }
                assert_eq!((inflate.end_message(), out == data), (Ok(()), true));
            }
        }
    }

    /// Damaged streams: an error or other data, but no panic, never more than the limit, and the same result in pieces.
    #[test]
    fn mutations() {
        let mut numbers = Numbers(23);
        let mut seen = std::collections::HashSet::new();
        for round in 0..6000 {
            let length = 1 + numbers.below(600) as usize;
            let data = data(round % KINDS, length, &mut numbers);
            let window = WindowBits::new(8 + (round % 8) as u8).unwrap();
            let mut sent = payload(&mut Compress::new(LEVELS[round % 3], window), &data);
            for _ in 0..1 + numbers.below(4) {
                let at = numbers.below(sent.len() as u64) as usize;
                match numbers.below(4) {
                    0 => sent[at] = numbers.below(256) as u8,
                    1 => drop(sent.remove(at)),
                    2 => sent.insert(at, numbers.below(256) as u8),
                    _ => sent[at] ^= 1 << numbers.below(8),
                }
                sent.push(0);
            }
            let limit = numbers.below(2000) as usize;
            let (mut whole, mut out) = (Inflate::new(window), Vec::new());
            let result = whole.push(&sent, &mut out, limit);
            assert!(out.len() <= limit);
            let (mut pieces, mut other) = (Inflate::new(window), Vec::new());
            let size = 1 + numbers.below(20) as usize;
            let other_result = sent.chunks(size).try_for_each(|piece| pieces.push(piece, &mut other, limit));
            assert_eq!((result, out), (other_result, other), "round {round}, pieces of {size}: {sent:02x?}");
            let end = whole.end_message();
            assert_eq!(end, pieces.end_message());
            seen.insert(format!("{end:?}"));
        }
        // Every kind of fault, and no fault, has occurred.
        assert_eq!(seen.len(), 14 + 1, "{seen:?}");
    }

    /// Work is bounded by input and output: blocks without output, and matches of maximum length.
    #[test]
    fn hostile_streams_take_bounded_time() {
        // This layer has no clock. If work grew faster than input and output, this test would not end.
        let n = 500_000;
        // Empty stored blocks; empty last blocks with fixed codes.
        for input in [[0, 0, 0, 0xff, 0xff].repeat(n), [0x03, 0x00].repeat(n)] {
            let mut out = Vec::new();
            assert_eq!(Inflate::new(WindowBits::MAX).push(&input, &mut out, 0), Ok(()));
            assert!(out.is_empty());
        }
        let mut bomb = Vec::new();
        Compress::new(Level::Fast, WindowBits::MAX).push(&vec![0; 1 << 20], &mut bomb);
        let bomb = bomb.repeat(200);
        let mut out = Vec::new();
        assert_eq!(Inflate::new(WindowBits::MAX).push(&bomb, &mut out, 1 << 22), Err(InflateError::TooLarge));
        assert!(out.len() == 1 << 22 && out.capacity() < 3 << 22, "{}", out.capacity());
    }

    #[test]
    fn debug_shows_no_data() {
        let mut compress = Compress::new(Level::Fast, WindowBits::MIN);
        compress.push(b"secret", &mut Vec::new());
        assert_eq!(format!("{compress:?}"), "Compress { level: Fast, window: WindowBits(8), .. }");
    }
}
