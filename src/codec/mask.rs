//! Masking (RFC 6455 section 5.3): byte i of the payload is combined by XOR with byte i mod 4 of the key. `encoder` draws the
//! key of each frame.
//!
//! The loops run over whole blocks and words, without an index. The compiler turns this form into vector instructions on
//! every target. A frame that arrives in parts is unmasked in parts, with [`rotate_key`] between them.
//!
//! ```
//! use stdws::codec::mask;
//!
//! // The masked "Hello" of RFC 6455 section 5.7.
//! let key = [0x37, 0xfa, 0x21, 0x3d];
//! let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let (first, rest) = payload.split_at_mut(2);
//! mask::apply(first, key);
//! mask::apply(rest, mask::rotate_key(key, 2));
//! assert_eq!(&payload, b"Hello");
//! ```

/// Minimum length of a payload that is masked in blocks of 64 bytes.
const MIN_BLOCK_LEN: usize = 256;

/// 6455-5.3-s1: masks or unmasks in place. The first byte of `key` applies to the first byte of `bytes`.
#[inline(always)]
pub fn apply(bytes: &mut [u8], key: [u8; 4]) {
    match bytes.len() < MIN_BLOCK_LEN {
        true => drop(apply_words(bytes, key)),
        false => apply_blocks(bytes, key),
    }
}

#[inline(never)]
fn apply_blocks(bytes: &mut [u8], key: [u8; 4]) {
    let block_key = block(key);
    let mut blocks = bytes.chunks_exact_mut(64);
    for block in &mut blocks {
        for (byte, key) in block.iter_mut().zip(&block_key) {
            *byte ^= key;
        }
    }
    apply_words(blocks.into_remainder(), key);
}

/// As [`apply`]; returns whether every resulting byte is ASCII, so that such text is read only once.
#[inline]
pub(crate) fn apply_ascii(bytes: &mut [u8], key: [u8; 4]) -> bool {
    if bytes.len() < MIN_BLOCK_LEN {
        return apply_words(bytes, key);
    }
    let block_key = block(key);
    let mut seen = [0u8; 64];
    let mut blocks = bytes.chunks_exact_mut(64);
    for block in &mut blocks {
        for ((byte, key), seen) in block.iter_mut().zip(&block_key).zip(&mut seen) {
            *byte ^= key;
            *seen |= *byte;
        }
    }
    apply_words(blocks.into_remainder(), key) && seen.is_ascii()
}

/// The key for the bytes that follow the next `by` bytes.
#[inline]
pub fn rotate_key(key: [u8; 4], by: usize) -> [u8; 4] {
    // Little-endian on every machine: a rotation to the right then moves the next byte to the front.
    let bits = match by & 3 {
        0 => 0,
        1 => 8,
        2 => 16,
        _ => 24,
    };
    u32::from_le_bytes(key).rotate_right(bits).to_le_bytes()
}

/// Appends `payload`, masked.
pub(crate) fn append(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    if payload.len() >= MIN_BLOCK_LEN {
        return append_blocks(out, payload, key);
    }
    let at = out.len();
    out.extend_from_slice(payload);
    apply_words(out.get_mut(at..).unwrap_or_default(), key);
}

/// Copies and masks pieces that fit the first-level cache, because it passes over each twice.
#[inline(never)]
fn append_blocks(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    for piece in payload.chunks(4096) {
        let at = out.len();
        out.extend_from_slice(piece);
        apply(out.get_mut(at..).unwrap_or_default(), key);
    }
}

/// Returns whether every resulting byte is ASCII.
#[inline(always)]
fn apply_words(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let four = u32::from_ne_bytes(key);
    let eight = u64::from(four) << 32 | u64::from(four);
    let sixteen = u128::from(eight) << 64 | u128::from(eight);
    let mut seen = 0;
    // Lengths are cut by their bits, so that each part needs no check of its own.
    let (mut words, rest) = bytes.split_at_mut(bytes.len() & !15);
    while let Some((word, after)) = words.split_first_chunk_mut::<16>() {
        let plain = u128::from_ne_bytes(*word) ^ sixteen;
        *word = plain.to_ne_bytes();
        seen |= plain;
        words = after;
    }
    let (word, rest) = rest.split_at_mut(rest.len() & 8);
    if let Some(word) = word.first_chunk_mut::<8>() {
        let plain = u64::from_ne_bytes(*word) ^ eight;
        *word = plain.to_ne_bytes();
        seen |= u128::from(plain);
    }
    let (word, rest) = rest.split_at_mut(rest.len() & 4);
    if let Some(word) = word.first_chunk_mut::<4>() {
        let plain = u32::from_ne_bytes(*word) ^ four;
        *word = plain.to_ne_bytes();
        seen |= u128::from(plain);
    }
    let mut tail = 0;
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
        tail |= *byte;
    }
    (seen & u128::from_ne_bytes([0x80; 16])) == 0 && tail.is_ascii()
}

#[inline]
fn block(key: [u8; 4]) -> [u8; 64] {
    let mut block = [0; 64];
    for four in block.chunks_exact_mut(4) {
        four.copy_from_slice(&key);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

    fn plain(payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]).collect()
    }

    #[test]
    fn every_length_from_every_offset_agrees_with_the_definition() {
        // 6455-5.3-s1
        for length in 0..600 {
            let payload: Vec<u8> = (0..length).map(|i| (i * 7 + 3) as u8).collect();
            let want = plain(&payload);
            let mut bytes = payload.clone();
            apply(&mut bytes, KEY);
            assert_eq!(bytes, want);
            let mut bytes = payload.clone();
            assert_eq!(apply_ascii(&mut bytes, KEY), want.is_ascii());
            assert_eq!(bytes, want);
            let mut out = vec![9];
            append(&mut out, &payload, KEY);
            assert_eq!(out[1..], want);
            for cut in 0..length.min(70) {
                let mut bytes = payload.clone();
                let (a, b) = bytes.split_at_mut(cut);
                apply(a, KEY);
                apply(b, rotate_key(KEY, cut));
                assert_eq!(bytes, want, "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn one_byte_outside_ascii_is_seen_wherever_it_stands() {
        for length in 1..400 {
            for at in 0..length {
                let mut text = vec![b'a'; length];
                assert!(apply_ascii(&mut plain(&text), KEY));
                text[at] = 0xC3;
                assert!(!apply_ascii(&mut plain(&text), KEY), "{length} {at}");
            }
        }
    }

    #[test]
    fn append_beyond_one_piece() {
        let payload: Vec<u8> = (0..10_000).map(|i| i as u8).collect();
        let mut out = Vec::new();
        append(&mut out, &payload, KEY);
        assert_eq!(out, plain(&payload));
    }
}
