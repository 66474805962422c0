//! MD5 (RFC 1321), for the handshakes of hybi-00 to -03, and for Digest credentials of servers without SHA-256.
//! Only in builds with the feature `legacy`.
//!
//! The structure is that of SHA-1: blocks of 64 bytes update a state of four words in 64 steps. The data is followed by
//! one bit 1, zeros, and its length in bits. There are two differences. All numbers are little-endian. A step uses one
//! word of the block, in a different order in each round, instead of a message schedule.
//!
//! MD5 is broken: anyone can create two messages with the same digest. hybi-00 uses it as a proof that a server has
//! read the handshake. Digest hashes secrets with it, which needs no resistance to collisions.

const BLOCK: usize = 64;

/// The state before the first block (RFC 1321 section 3.3).
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The constant added in each step: the first 32 fractional bits of |sin(i)|, i from 1 to 64 (section 3.4).
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// The rotation of the steps of each round.
const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The MD5 digest of `data`.
// The rest of a block has at most 63 bytes, and the padding two blocks.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub(crate) fn digest(data: &[u8]) -> [u8; 16] {
    let mut state = START;
    let blocks = data.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    for block in blocks {
        update(&mut state, block);
    }

    let mut padded = [0; 2 * BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let end = if rest.len() + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
    let bits = (data.len() as u64).wrapping_mul(8);
    padded[end - 8..end].copy_from_slice(&bits.to_le_bytes());
    for block in padded[..end].chunks_exact(BLOCK) {
        update(&mut state, block);
    }

    let mut digest = [0; 16];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// Updates the state with one block of 64 bytes (RFC 1321 section 3.4).
// A block has 64 bytes, and the indices are computed modulo 16 and 4.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn update(state: &mut [u32; 4], block: &[u8]) {
    let mut words = [0u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }

    let [mut a, mut b, mut c, mut d] = *state;
    for (t, sine) in SINES.into_iter().enumerate() {
        // Four rounds of 16 steps, each with its own function and word order.
        let (f, word) = match t {
            0..=15 => ((b & c) | (!b & d), t),                 // choose c where b is 1, else d
            16..=31 => ((b & d) | (c & !d), (5 * t + 1) % 16), // choose by d
            32..=47 => (b ^ c ^ d, (3 * t + 5) % 16),          // parity
            _ => (c ^ (b | !d), (7 * t) % 16),
        };
        let sum = a.wrapping_add(f).wrapping_add(words[word]).wrapping_add(sine);
        let next = b.wrapping_add(sum.rotate_left(SHIFTS[t / 16][t % 4]));
        (a, b, c, d) = (d, next, b, c);
    }

    for (word, change) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(data: &[u8]) -> String {
        digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_test_suite_of_the_rfc() {
        // RFC 1321 appendix A.5, and a million times "a".
        let alphabet = "abcdefghijklmnopqrstuvwxyz";
        let letters = format!("{}{alphabet}0123456789", alphabet.to_uppercase());
        assert_eq!(hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(b"a"), "0cc175b9c0f1b6a831c399e269772661");
        assert_eq!(hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hex(alphabet.as_bytes()), "c3fcd3d76192e4007dfb496cca67e13b");
        assert_eq!(hex(letters.as_bytes()), "d174ab98d277d9f5a5611c2c9f419d9f");
        assert_eq!(hex("1234567890".repeat(8).as_bytes()), "57edf4a22be3c955ac49da2e2107b67a");
        assert_eq!(hex(&vec![b'a'; 1_000_000]), "7707d6ae4e027c70eea2a935c2296f21");
    }

    #[test]
    fn padding_at_the_edges_of_a_block() {
        // The bytes 0, 1, 2, … of each length.
        let table = [
            (1, "93b885adfe0da089cdf634904fd59f71"),
            (3, "b95f67f61ebb03619622d798f45fc2d3"),
            (4, "37b59afd592725f9305e484a5d7f5168"),
            (55, "6912ee65fff2d9f9ce2508cddf8bcda0"),
            (56, "51fdd1acda72405dfdfa03fcb85896d7"),
            (57, "5320ef4c17ef34a0cf2db763338d25eb"),
            (63, "48a6295221902e8e0938f773a7185e72"),
            (64, "b2d3f56bc197fd985d5965079b5e7148"),
            (65, "8bd7053801c768420faf816fadba971c"),
            (119, "1c772251899a7ff007400b888d6b2042"),
            (120, "b7ba1efc6022e9ed272f00b8831e26e6"),
            (121, "b0b2d719a838db877b6d6571a39a1cdc"),
            (128, "37eff01866ba3f538421b30b7cbefcac"),
            (129, "46f986692847558fc38b0cece591c20f"),
        ];
        for (length, want) in table {
            let data: Vec<u8> = (0..length).collect();
            assert_eq!(hex(&data), want, "{length} bytes");
        }
    }

    #[test]
    fn the_sines() {
        for (i, sine) in (1..).zip(SINES) {
            assert_eq!(sine, (f64::from(i).sin().abs() * 4_294_967_296.0) as u32, "step {i}");
        }
    }
}
