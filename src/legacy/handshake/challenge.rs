//! The challenge that a client of hybi-00 to -03 makes. See [`proof`] for the response.

use std::io;

use super::proof;
use crate::primitives::random::RandomSource;

/// Number of random bytes in a key: spaces, number, count of other characters, each with its position, positions of
/// spaces.
const RANDOM_BYTES_PER_KEY: usize = 1 + 8 + 1 + 12 * 2 + 12;

/// The challenge of a client of hybi-00 to -03.
pub(crate) struct KeyChallenge {
    pub(crate) keys: [ChallengeKey; 2],
    /// Sent after the head.
    pub(crate) body: [u8; proof::CHALLENGE_LEN],
    /// Random bytes that determine the order of the header fields.
    pub(crate) order: [u8; 32],
}

impl KeyChallenge {
    /// Generates a challenge for one connection.
    pub(crate) fn generate(random_source: &mut RandomSource) -> io::Result<KeyChallenge> {
        let (mut first, mut second, mut body, mut order) =
            ([0; RANDOM_BYTES_PER_KEY], [0; RANDOM_BYTES_PER_KEY], [0; proof::CHALLENGE_LEN], [0; 32]);
        for bytes in [&mut first[..], &mut second, &mut body, &mut order] {
            random_source.fill(bytes)?;
        }
        Ok(KeyChallenge { keys: [challenge_key(&first), challenge_key(&second)], body, order })
    }

    /// The expected response of the server.
    pub(crate) fn response(&self) -> [u8; 16] {
        let [first, second] = &self.keys;
        proof::challenge_response(first.number, second.number, &self.body)
    }
}

/// A key, and the number that it encodes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChallengeKey {
    pub(crate) text: String,
    pub(crate) number: u32,
}

/// hixie76-4.1-1: steps 16 to 22 of that section.
fn challenge_key(random: &[u8; RANDOM_BYTES_PER_KEY]) -> ChallengeKey {
    let mut random = random.iter().copied();
    let mut next = |below: usize| usize::from(random.next().unwrap_or(0)).checked_rem(below).unwrap_or(0);
    let spaces = u32::try_from(next(12)).unwrap_or(0).saturating_add(1);
    let max = u32::MAX.checked_div(spaces).unwrap_or(0);
    let random_u64 = (0..8).fold(0_u64, |random_u64, _| random_u64 << 8 | next(256) as u64);
    let number =
        random_u64.checked_rem(u64::from(max).saturating_add(1)).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let mut text = number.saturating_mul(spaces).to_string();
    for _ in 0..next(12).saturating_add(1) {
        let at = next(text.len().saturating_add(1));
        text.insert(at, non_digit(next(84)));
    }
    // Not at the ends, where parsers of header fields strip them. The text has at least two characters.
    for _ in 0..spaces {
        let at = next(text.len().saturating_sub(1)).saturating_add(1);
        text.insert(at, ' ');
    }
    ChallengeKey { text, number }
}

/// One of the 84 printable characters that are not digits: 0x21 to 0x2F, 0x3A to 0x7E.
fn non_digit(which: usize) -> char {
    (0x21..=0x2F_u8).chain(0x3A..=0x7E).nth(which).map_or('!', char::from)
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::proof::key_number;
    use super::*;

    /// Keys of these bytes, made by a program of its own from steps 16 to 22.
    #[test]
    fn the_bytes_of_the_source_make_the_key() {
        // hixie76-4.1-1
        let rows: [(u8, u8, &str, u32); 5] = [
            (0, 0, "! 0", 0),
            (255, 0, "4 2$$ $9496 $729 2", 1_073_741_823),
            (3, 37, "4 085520m-E q5Y56 g w#O", 1_021_380_139),
            (251, 251, "1)  G    28=  8 00 2  12", 10_733_351),
            (11, 91, "13 7 09 -   9 6   # 460 w", 114_249_705),
        ];
        for (first, step, text, number) in rows {
            let random = std::array::from_fn(|at| first.wrapping_add(step.wrapping_mul(at as u8)));
            assert_eq!(challenge_key(&random), ChallengeKey { text: text.into(), number });
        }
        let others: String = (0..84).map(non_digit).collect();
        assert_eq!(others, ('!'..='~').filter(|c| !c.is_ascii_digit()).collect::<String>());
    }

    #[test]
    fn challenge_keys_contain_their_number() {
        // hixie76-4.1-1
        let mut seed = 1_u32;
        let mut byte = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let mut extremes = vec![[0; RANDOM_BYTES_PER_KEY], [255; RANDOM_BYTES_PER_KEY]];
        let mut large = 0;
        extremes.extend((0..2000).map(|_| std::array::from_fn(|_| byte())));
        for random in extremes {
            let ChallengeKey { text, number } = challenge_key(&random);
            assert_eq!(key_number(text.as_bytes()), Some(number), "{text}");
            large += u32::from(number > 0xFFFF);
            let spaces = text.bytes().filter(|&b| b == b' ').count();
            let others = text.bytes().filter(|b| !b.is_ascii_digit() && *b != b' ').count();
            assert!((1..=12).contains(&spaces) && (1..=12).contains(&others), "{text}");
            assert!(text.bytes().all(|b| matches!(b, 0x20..=0x7E)) && text.trim() == text, "{text}");
        }
        assert!(large > 1900, "all bits of a number are random: {large}");
    }
}
