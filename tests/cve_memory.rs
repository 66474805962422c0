//! A popular library keeps a buffer of 200 MiB after one message of that size. A separate process, because the memory
//! of the whole process is measured.
#![cfg(target_os = "linux")]

#[path = "support/wire.rs"]
mod wire;

use stdws::{Limits, Timeouts};
use wire::*;

const SIZE: usize = 96 << 20;

/// The resident memory of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn complaint_a_large_message_leaves_a_large_buffer() {
    let (mut peer, mut ws) = pair_with(Side::Client, Limits::with_max_message_size(SIZE as u64), Timeouts::default());
    let before = resident();
    let sending = spawn(move || {
        peer.send(&Side::Client.header(FIN | BINARY, SIZE as u64));
        (0..SIZE >> 20).for_each(|_| peer.send(&[7; 1 << 20]));
        peer.send_frame(FIN | TEXT, b"small");
        peer
    });
    assert_eq!(ws.recv_ref().unwrap().unwrap().as_bytes().len(), SIZE);
    let during = resident();
    assert!(during > before + SIZE / 2, "the measure does not see the message");
    assert_eq!(ws.recv_ref().unwrap().unwrap().as_text(), Some("small"));
    let after = resident();
    assert!(after < before + SIZE / 8, "{before} bytes before, {during} during, {after} after");
    drop(sending.join());
}
