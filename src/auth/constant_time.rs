//! Comparing secrets. Knows bytes; must not know what they protect.
//!
//! `==` stops at the first byte that differs, so its time tells how many bytes of a guess were right. Here each byte of what
//! was given is looked at, and the time depends on its length alone, which whoever gave it knows. `std` makes no promise
//! that a compiler keeps it so; `black_box` is the barrier it offers.

use std::hint::black_box;

/// Whether what was given is the secret. `tests/auth.rs` looks at the time it takes.
pub(crate) fn constant_time_eq(given: &[u8], secret: &[u8]) -> bool {
    let mut differs = u8::from(given.len() != secret.len());
    for (at, byte) in given.iter().enumerate() {
        // Past the end of the secret there is nothing to find out any more: the lengths differ already.
        let other = secret.get(at).copied().unwrap_or_default();
        differs = black_box(differs | (byte ^ other));
    }
    differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_is_the_secret() {
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
