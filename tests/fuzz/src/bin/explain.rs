#![no_main]
//! The explanation of any bytes does not depend on how they are cut.

use libfuzzer_sys::fuzz_target;
use stdws::explain::Explainer;

fuzz_target!(|input: &[u8]| {
    let Some(([version, bits, size], bytes)) = stdws_fuzz::settings(input) else { return };
    let whole = explainer(version, bits).feed(bytes);
    let mut explainer = explainer(version, bits);
    let pieces: String = bytes.chunks(usize::from(size % 16) + 1).map(|piece| explainer.feed(piece)).collect();
    assert_eq!(whole, pieces);
});

fn explainer(version: u8, bits: u8) -> Explainer {
    let (client, server) = Explainer::pair(stdws_fuzz::version(version));
    let mut explainer = if bits & 1 != 0 { client } else { server };
    if bits & 2 != 0 {
        explainer = explainer.after_handshake();
    }
    if bits & 4 != 0 {
        explainer = explainer.compressed();
    }
    if bits & 8 != 0 {
        explainer = explainer.with_secrets();
    }
    explainer
}
