//! A build without a feature contains none of its code: the test searches the bytes of its own program, which uses a client
//! and a server. Each searched text is found when the feature is on, so the search works.

use std::env;
use std::fs;

use stdws::{Client, Server};

/// Shows promise P24.
#[test]
fn without_legacy_there_is_neither_md5_nor_a_draft() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|mut ws| ws.send("here")).unwrap();
    let mut ws = Client::new(server.url()).unwrap().connect().unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("here"));

    let program = fs::read(env::current_exe().unwrap()).unwrap();
    let sines = [0xE8C7_B756_u32, 0xD76A_A478].map(|sine| sine.swap_bytes().to_ne_bytes()).concat();
    // Backwards, or they would be found here.
    let backwards: [(&str, &[u8]); 4] = [
        ("the status line of hixie-75", b"ekahsdnaH locotorP tekcoS beW"),
        ("the GUID of hybi-04", b"8A04BA1F1656-F69B-0454-ABBF-91F5CA16"),
        ("the extension of hybi-04", b"maerts-etalfed"),
        ("the first sines of MD5", &sines),
    ];
    for (what, bytes) in backwards {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        let found = program.windows(bytes.len()).any(|window| window == bytes);
        assert_eq!(found, cfg!(feature = "legacy"), "{what}");
    }
}
