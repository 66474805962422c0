//! The proofs of the drafts, which show that a server has read this handshake, and not a cache or a proxy.
//!
//! *hybi-00 to -03.* The request has two keys. Each encodes a number: the number is multiplied by the number of spaces
//! in the key, written in decimal, and mixed with other characters. Eight bytes follow after the head, where an HTTP
//! server expects none. The response is MD5 of the two numbers and the eight bytes.
//!
//! *hybi-04.* The nonce of the server and the key of the client are combined to a masking key, which third parties do
//! not know. The proof itself is that of RFC 6455.

use crate::primitives::md5;
use crate::primitives::sha1;

/// The number that a key encodes. hixie76-5.2-1: `None` if there is no space or no digit, if the digits are not
/// divisible by the number of spaces, or if the result exceeds 32 bits (hybi-00 section 5.2 steps 4 to 7).
#[cfg(any(feature = "server", feature = "trace"))]
pub(crate) fn key_number(key: &[u8]) -> Option<u32> {
    let spaces = key.iter().filter(|&&b| b == b' ').count();
    let digits = || key.iter().filter(|b| b.is_ascii_digit());
    digits().next()?;
    let product = digits().try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(digit & 0x0F)))?;
    let spaces = u64::try_from(spaces).ok()?;
    match product.checked_rem(spaces)? {
        0 => u32::try_from(product.checked_div(spaces)?).ok(),
        _ => None,
    }
}

/// Number of bytes behind the head of a request of hybi-00 to -03: the body of the challenge.
pub(crate) const CHALLENGE_LEN: usize = 8;

/// The response to a challenge.
pub(crate) fn challenge_response(first: u32, second: u32, body: &[u8; CHALLENGE_LEN]) -> [u8; 16] {
    md5::digest(&[&first.to_be_bytes()[..], &second.to_be_bytes(), body].concat())
}

/// The masking key of a connection (hybi-04 section 4.2), from the key and the nonce as they are in the headers.
pub(crate) fn masking_key(key: &[u8], nonce: &[u8]) -> [u8; 20] {
    // hybi04-4.2-1
    sha1::digest(&[key, nonce, b"61AC5F19-FBBA-4540-B96F-6561F1AB40A8"].concat())
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    /// Shows the answer to turner-3.
    #[test]
    #[allow(clippy::type_complexity)] // A table.
    fn the_challenges_of_the_drafts() {
        let rows: [(&str, &str, &[u8; CHALLENGE_LEN], u32, u32, &[u8; 16]); 4] = [
            ("4 @1  46546xW%0l 1 5", "12998 5 Y3 1  .P00", b"^n:ds[4U", 829_309_203, 259_970_620, b"8jKS'y:G*Co,Wxa-"),
            (
                "18x 6]8vM;54 *(5:  {   U1]8  z [  8",
                "1_ tx7X d  <  nw  334J702) 7]o}` 0",
                b"Tm[K T2u",
                155_712_099,
                173_347_027,
                b"fQJ,fN/4F4!~K~MH",
            ),
            (
                "P388 O503D&ul7 {K%gX( %7  15",
                "1 N ?|k UT0or 3o  4 I97N 5-S3O 31",
                b"G0\"-Z?GX",
                777_007_543,
                114_997_259,
                b"0st3Rl&q-2ZU^weu",
            ),
            (
                "3e6b263  4 17 80",
                "17  9 G`ZD9   2 2b 7X 3 /r90",
                b"WjN}|M(6",
                906_585_445,
                179_922_739,
                b"n`9eBk9z$R8pOtVb",
            ),
        ];
        for (first, second, body, one, two, want) in rows {
            assert_eq!((key_number(first.as_bytes()), key_number(second.as_bytes())), (Some(one), Some(two)));
            assert_eq!(&challenge_response(one, two, body), want);
        }
    }

    #[test]
    fn keys_without_a_number() {
        // hixie76-5.2-1
        let rows: [(&str, Option<u32>); 13] = [
            ("1 2", Some(12)),
            ("1 2 4", Some(62)),
            ("a 0", Some(0)),
            (" 12 ", Some(6)),
            ("4294967295 x", Some(u32::MAX)),
            ("8 589934590 x", Some(u32::MAX)),
            ("12", None),                     // no space
            ("a b", None),                    // no digit
            ("1 2 3", None),                  // does not divide
            ("4294967296 x", None),           // not 32 bits
            ("99999999999999999999 x", None), // not 64 bits
            ("", None),
            ("1\t2", None), // only 0x20 is a space
        ];
        for (key, want) in rows {
            assert_eq!(key_number(key.as_bytes()), want, "{key:?}");
        }
    }

    #[test]
    fn the_masking_keys_of_hybi_04() {
        let hex = |key: [u8; 20]| key.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert_eq!(hex(masking_key(key, b"AQIDBAUGBwgJCgsMDQ4PEC==")), "41e14f78311e4c34283e6d8b363b8848d58591a7");
        assert_eq!(hex(masking_key(key, b"H+cNj5elaybfGIQv1esl2w==")), "6322a2adc02bc433e3896d34410b74bb7739f960");
    }
}
