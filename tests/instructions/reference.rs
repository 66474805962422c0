//! The unit in which `run` counts instructions: the FNV-1a hash of 1,024 bytes, as many times as the argument says. It does not
//! use the library. The compiler turns it into the same few instructions for each byte.

use std::hint::black_box;

fn main() {
    let times = std::env::args().nth(1).and_then(|times| times.parse::<u32>().ok()).expect("usage: reference TIMES");
    let bytes: Vec<u8> = (0..1024_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let hash = |bytes: &[u8]| {
        bytes.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    };
    for _ in 0..times {
        black_box(hash(black_box(&bytes)));
    }
}
