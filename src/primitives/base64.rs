//! Base64 (RFC 4648 section 4). Independent of what is encoded.
//!
//! Three bytes are 24 bits, which are four characters of six bits. One byte at the end becomes two characters and `==`, two
//! bytes at the end become three characters and `=`. The decoder is strict: no other character, no line break, no missing
//! padding, and nothing after the padding. It makes one exception. The last character before the padding has two or four
//! unused bits. RFC 4648 section 3.5 requires encoders to set them to zero, and allows decoders to ignore them. This
//! decoder ignores them, because the example key of RFC 6455 section 4.1, `AQIDBAUGBwgJCgsMDQ4PEC==`, has one of them set.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The base64 text of `data`, padded, without line breaks.
pub(crate) fn encode(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len().div_ceil(3).saturating_mul(4));
    for group in data.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(group.get(at).copied().unwrap_or(0));
        }
        // One byte takes two characters, two bytes take three: one character more than bytes.
        let digits = [bits >> 18, bits >> 12, bits >> 6, bits].into_iter().enumerate().map(|(at, bits)| {
            ALPHABET.get(bits as usize & 0x3f).filter(|_| at <= group.len()).map_or('=', |&digit| char::from(digit))
        });
        text.extend(digits);
    }
    text
}

/// The bytes of a base64 `text`. `None` if the text is not exactly base64 with its padding.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 4 != 0 {
        return None;
    }
    // Padding is allowed only at the end, so the rest consists of digits.
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut data = Vec::with_capacity(text.len().div_ceil(4).saturating_mul(3));
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &character in group {
            bits = bits << 6 | decode_digit(character)?;
        }
        // Shift the bits of a short last group to the position of a full group. Its unused bits are below the bytes taken.
        let [_, bytes @ ..] = match group.len() {
            2 => bits << 12,
            3 => bits << 6,
            _ => bits,
        }
        .to_be_bytes();
        data.extend(bytes.iter().take(group.len().saturating_sub(1)));
    }
    Some(data)
}

/// The six bits of a character.
fn decode_digit(character: u8) -> Option<u32> {
    let (first, value) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => (b'+', 62),
        b'/' => (b'/', 63),
        _ => return None,
    };
    u32::from(character).checked_sub(u32::from(first))?.checked_add(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        // RFC 4648 section 10, and two of section 9 that use the end of the alphabet.
        let table: [(&[u8], &str); 9] = [
            (b"", ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (b"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+"),
            (b"\x14\xfb\x9c\x03", "FPucAw=="),
        ];
        for (data, text) in table {
            assert_eq!(encode(data), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(data), "{text}");
        }
    }

    #[test]
    fn the_whole_alphabet_both_ways() {
        // The 64 values in order are these 48 bytes.
        let data = decode(ALPHABET).unwrap();
        assert_eq!(data.len(), 48);
        assert_eq!(&data[..6], b"\x00\x10\x83\x10\x51\x87");
        assert_eq!(&data[42..], b"\xe3\x9e\xbb\xf3\xdf\xbf");
        assert_eq!(encode(&data).as_bytes(), ALPHABET);
    }

    #[test]
    fn every_length_is_encoded_and_decoded() {
        let data: Vec<u8> = (0..=255).rev().collect();
        for length in 0..=data.len() {
            let text = encode(&data[..length]);
            assert_eq!(text.len(), length.div_ceil(3) * 4);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&data[..length]));
        }
    }

    #[test]
    fn padding_is_allowed_only_at_the_end() {
        // All combinations of '=' in eight characters: only none, the last, and the last two are valid.
        for places in 0..=0xffu32 {
            let text: Vec<u8> = (0..8).map(|at| if places >> at & 1 == 1 { b'=' } else { b'A' }).collect();
            let want = match places {
                0 => Some(6),
                0x80 => Some(5),
                0xc0 => Some(4),
                _ => None,
            };
            assert_eq!(decode(&text).map(|data| data.len()), want, "{}", String::from_utf8_lossy(&text));
        }
        for text in ["=", "==", "===", "====", "A===", "Zg==Zg==", "Zg==\n", "Zm8=Zm8=", "Zg=a", "Zg==="] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_length_is_a_multiple_of_four() {
        for length in 0..=16 {
            assert_eq!(decode(&vec![b'A'; length]).is_some(), length % 4 == 0, "{length}");
        }
        // Text without padding is invalid.
        assert_eq!(decode(b"Zg"), None);
        assert_eq!(decode(b"Zm8"), None);
        assert_eq!(decode(b"Zg="), None);
    }

    #[test]
    fn every_other_byte_is_rejected_at_every_position() {
        let mut known = 0;
        for byte in 0..=u8::MAX {
            if ALPHABET.contains(&byte) {
                known += 1;
                continue;
            }
            for at in 0..8 {
                let mut text = *b"Zm9vYmFy";
                text[at] = byte;
                // '=' is valid only at the end.
                let fine = byte == b'=' && at == 7;
                assert_eq!(decode(&text).is_some(), fine, "{byte:#04x} at {at}");
            }
            for (text, places) in [(*b"Zm8=", 0..3), (*b"Zg==", 0..2)] {
                for at in places {
                    // "Zm8=" with '=' as its third character is the valid text "Zm==".
                    if (byte, at) != (b'=', 2) {
                        let mut text = text;
                        text[at] = byte;
                        assert_eq!(decode(&text), None, "{byte:#04x} at {at}");
                    }
                }
            }
        }
        assert_eq!(known, 64);
    }

    #[test]
    fn unused_bits_are_ignored() {
        // The example key of RFC 6455 section 4.1 encodes the bytes 1 to 16.
        let key: Vec<u8> = (1..=16).collect();
        assert_eq!(decode(b"AQIDBAUGBwgJCgsMDQ4PEC=="), Some(key.clone()));
        assert_eq!(encode(&key), "AQIDBAUGBwgJCgsMDQ4PEA==");
        for &unused in &ALPHABET[..16] {
            assert_eq!(decode(&[b'A', unused, b'=', b'=']), Some(vec![0]));
        }
        for &unused in &ALPHABET[..4] {
            assert_eq!(decode(&[b'A', b'A', unused, b'=']), Some(vec![0, 0]));
        }
    }
}
