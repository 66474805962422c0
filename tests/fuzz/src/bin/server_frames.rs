#![no_main]
//! What a server of any version receives after a valid opening handshake does not depend on how the bytes are cut.

use libfuzzer_sys::fuzz_target;
use stdws::{SplitStream, Version};
use stdws_fuzz::endpoints::{handshake, server, Compression};
use stdws_fuzz::messages::{comparable, receive_all, Received};
use stdws_fuzz::streams::Pieces;

fuzz_target!(|input: &[u8]| {
    let Some(([version, bits, size, small], frames)) = stdws_fuzz::settings(input) else { return };
    let version = stdws_fuzz::version(version);
    let whole = receive(version, bits, frames, &[]);
    let pieces = receive(version, bits, frames, &[size, small % 5 + 1]);
    // The server's nonce of hybi-04 is random, and with it what the same bytes mean.
    if version != Version::Hybi04 {
        assert_eq!(comparable(version, whole), comparable(version, pieces));
    }
});

fn receive(version: Version, bits: u8, frames: &[u8], sizes: &[u8]) -> Vec<Received> {
    let compression = Compression::from_bit(bits, 16);
    let max_message_size = [125, 4096, 1 << 16, 1 << 20][usize::from(bits >> 5 & 3)];
    let request = &handshake(version, compression).request;
    let bytes = Pieces::new([request, frames].concat(), request.len(), sizes);
    let stream = SplitStream::new(bytes, std::io::sink());
    let accepted = server([version], compression, max_message_size).accept_over(stream);
    let ws = accepted.expect("a valid request").expect("no hook");
    receive_all(ws, bits & 15)
}
