//! Comparison of a secret in constant time. Independent of what the secret protects.
//!
//! `==` stops at the first different byte, so its time shows how many bytes of a guess are right. This comparison reads
//! every byte of the given value. Its time depends only on the length of that value, which the peer knows. `std` does not
//! guarantee that a compiler keeps this property; `black_box` is the barrier that it offers.

use std::hint::black_box;

/// Whether the given value is the secret. `tests/auth.rs` measures the time.
pub(crate) fn constant_time_eq(given: &[u8], secret: &[u8]) -> bool {
    let mut differs = u8::from(given.len() != secret.len());
    for (at, byte) in given.iter().enumerate() {
        // After the end of the secret the result is known: the lengths differ.
        let other = secret.get(at).copied().unwrap_or_default();
        differs = black_box(differs | (byte ^ other));
    }
    differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_values_compare_equal() {
        let rows: [(&[u8], &[u8]); 9] = [
            (b"secret", b"Secret"),
            (b"secret", b"secreT"),
            (b"secre", b"secret"),
            (b"secrets", b"secret"),
            (b"secret\0", b"secret"),
            (b"", b"secret"),
            (b"", b"\0"),
            (b"\0", b""),
            (b"\x80", b"\0"),
        ];
        for (given, secret) in rows {
            assert!(!constant_time_eq(given, secret), "{given:?} {secret:?}");
            assert!(constant_time_eq(given, given) && constant_time_eq(secret, secret));
        }
        // Every single bit counts.
        for bit in 0..48 {
            let mut other = *b"secret";
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!constant_time_eq(&other, b"secret"), "{bit}");
        }
    }
}
