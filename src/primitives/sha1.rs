//! SHA-1 (FIPS 180-4 section 6.1, RFC 3174). Independent of what is hashed.
//!
//! The message is divided into blocks of 64 bytes. Five words of state start with fixed values, each block changes them in
//! 80 steps, and the state after the last block is the digest. The padding after the data is one bit 1, then zeros, then the
//! length in bits as eight bytes at the end of a block, so that no two messages have the same padded blocks. When these
//! nine bytes do not fit after the data, the padding takes another block.
//!
//! SHA-1 is not collision resistant. RFC 6455 uses it as the proof that a peer has read a key, which does not need that
//! property. It must not be used for anything else.

const BLOCK: usize = 64;

/// The state before the first block (FIPS 180-4 section 5.3.1).
const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// The SHA-1 digest of `data`.
// The rest of a block has at most 63 bytes, and the padding two blocks.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub(crate) fn digest(data: &[u8]) -> [u8; 20] {
    let mut state = START;
    let blocks = data.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    for block in blocks {
        compress(&mut state, block);
    }

    let mut padded = [0; 2 * BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let end = if rest.len() + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
    let bits = (data.len() as u64).wrapping_mul(8);
    padded[end - 8..end].copy_from_slice(&bits.to_be_bytes());
    for block in padded[..end].chunks_exact(BLOCK) {
        compress(&mut state, block);
    }

    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Updates the state with a block of 64 bytes (FIPS 180-4 section 6.1.2).
// A block has 64 bytes, a chunk four, and the schedule all indices of the loop.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn compress(state: &mut [u32; 5], block: &[u8]) {
    // The schedule: 16 words of the block, and 64 words that combine them, so that each bit of the block affects many steps.
    let mut schedule = [0u32; 80];
    for (word, bytes) in schedule.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for t in 16..80 {
        schedule[t] = (schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16]).rotate_left(1);
    }

    // Four rounds of 20 steps, each with a function of three words and a constant.
    let mut words = *state;
    let (choose, parity, majority) = (
        |b: u32, c: u32, d: u32| (b & c) | (!b & d), // c where b has a 1, else d
        |b: u32, c: u32, d: u32| b ^ c ^ d,
        |b: u32, c: u32, d: u32| (b & c) | (b & d) | (c & d),
    );
    round(&mut words, &schedule[..20], 0x5a82_7999, choose);
    round(&mut words, &schedule[20..40], 0x6ed9_eba1, parity);
    round(&mut words, &schedule[40..60], 0x8f1b_bcdc, majority);
    round(&mut words, &schedule[60..], 0xca62_c1d6, parity);

    // Adding the old state makes the function irreversible.
    for (word, change) in state.iter_mut().zip(words) {
        *word = word.wrapping_add(change);
    }
}

/// The steps of one round.
#[inline]
fn round(words: &mut [u32; 5], schedule: &[u32], constant: u32, function: impl Fn(u32, u32, u32) -> u32) {
    let [mut a, mut b, mut c, mut d, mut e] = *words;
    for word in schedule {
        let next = a.rotate_left(5).wrapping_add(function(b, c, d)).wrapping_add(e);
        (a, b, c, d, e) = (next.wrapping_add(constant).wrapping_add(*word), a, b.rotate_left(30), c, d);
    }
    *words = [a, b, c, d, e];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(data: &[u8]) -> String {
        digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn published_vectors() {
        // FIPS 180 and RFC 3174 section 7.3; the last but one is a million times "a".
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(
            hex(b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "a49b2446a02c645bf419f995b67091253a04a259"
        );
        assert_eq!(hex(&vec![b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
        assert_eq!(hex(&b"01234567".repeat(80)), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    }

    #[test]
    fn padding_at_the_edges_of_a_block() {
        // The bytes 0, 1, 2, … of each length.
        let table = [
            (1, "5ba93c9db0cff93f52b521d7420e43f6eda2784f"),
            (3, "0c7a623fd2bbc05b06423be359e4021d36e721ad"),
            (4, "a02a05b025b928c039cf1ae7e8ee04e7c190c0db"),
            (54, "cfae6d86a767b9c700b5081a54265fb2fe0f6fd9"),
            (55, "8ae2d46729cfe68ff927af5eec9c7d1b66d65ac2"),
            (56, "636e2ec698dac903498e648bd2f3af641d3c88cb"),
            (57, "7cb1330f35244b57437539253304ea78a6b7c443"),
            (63, "6d942da0c4392b123528f2905c713a3ce28364bd"),
            (64, "c6138d514ffa2135bfce0ed0b8fac65669917ec7"),
            (65, "69bd728ad6e13cd76ff19751fde427b00e395746"),
            (118, "2a81372da39c1df4251539a9922717b7cf5f0334"),
            (119, "41c89d06001bab4ab78736b44efe7ce18ce6ae08"),
            (120, "d3dbd653bd8597b7475321b60a36891278e6a04a"),
            (127, "89d7312a903f65cd2b3e34a975e55dbea9033353"),
            (128, "e6434bc401f98603d7eda504790c98c67385d535"),
            (129, "3352e41cc30b40ae80108970492b21014049e625"),
        ];
        for (length, want) in table {
            let data: Vec<u8> = (0..length).collect();
            assert_eq!(hex(&data), want, "{length} bytes");
        }
    }
}
