#![no_main]
//! Messages that stdws compresses are what stdws and miniz_oxide decompress, and never much longer than the messages.

use libfuzzer_sys::fuzz_target;
use stdws::deflate::{Compress, Inflate, Level, WindowBits};

fuzz_target!(|input: &[u8]| {
    let Some(([bits, level, repeat], mut rest)) = stdws_fuzz::settings(input) else { return };
    let window = WindowBits::new(8 + bits % 8).expect("8 to 15");
    let level = [Level::Fast, Level::Default, Level::Best][usize::from(level % 3)];
    let repeat = 1 + usize::from(repeat & 15) * 40;
    let (mut compress, mut inflate) = (Compress::new(level, window), Inflate::new(window));
    let (mut stream, mut all) = (Vec::new(), Vec::new());
    while let Some((&control, after)) = rest.split_first() {
        let (bytes, after) = after.split_at(after.len().min(usize::from(control) * 4));
        rest = after;
        let message = if control & 3 == 3 { bytes.repeat(repeat) } else { bytes.to_vec() };
        if control & 7 == 5 {
            compress.reset();
            inflate.reset();
        }
        let mut compressed = Vec::new();
        compress.push(&message, &mut compressed);
        let limit = message.len() + 5 * (message.len() / 16_000 + 2);
        assert!(compressed.len() <= limit, "{} bytes from {}", compressed.len(), message.len());
        stream.extend_from_slice(&compressed);
        all.extend_from_slice(&message);
        assert!(decompress(&mut inflate, &compressed, usize::from(control) + 1, message.len()) == message);
    }
    compress.finish(&mut stream);
    assert!(miniz_oxide::inflate::decompress_to_vec(&stream).expect("valid") == all);
});

/// As a receiver of permessage-deflate: in pieces, without the last four bytes.
fn decompress(inflate: &mut Inflate, compressed: &[u8], size: usize, limit: usize) -> Vec<u8> {
    let payload = compressed.strip_suffix(&[0, 0, 0xff, 0xff]).expect("a sync flush");
    let mut out = Vec::new();
    for piece in payload.chunks(size) {
        inflate.push(piece, &mut out, limit).expect("valid");
    }
    inflate.end_message().expect("whole");
    out
}
