//! The exact output for heads, frames and the exchange with a proxy: `exact.md`, with a heading before each.

use super::Explainer;

/// A name, the explainer, what it reads.
type Row = (String, fn() -> Explainer, Vec<u8>);

const EXPECTED: &str = include_str!("exact.md");

const CLIENT: fn() -> Explainer = Explainer::client;
const SERVER: fn() -> Explainer = Explainer::server;
const CLIENT_ALL: fn() -> Explainer = || Explainer::client().with_secrets();
const SERVER_ALL: fn() -> Explainer = || Explainer::server().with_secrets();
const FROM_CLIENT: fn() -> Explainer = || Explainer::client().after_handshake();
const FROM_SERVER: fn() -> Explainer = || Explainer::server().after_handshake();
const PACKED: fn() -> Explainer = || FROM_SERVER().compressed();
const PACKED_CLIENT: fn() -> Explainer = || FROM_CLIENT().compressed();
const HTTP_CLIENT: fn() -> Explainer = || Explainer::client().through_http_proxy();
const HTTP_PROXY: fn() -> Explainer = || Explainer::server().through_http_proxy();
const HTTP_CLIENT_ALL: fn() -> Explainer = || HTTP_CLIENT().with_secrets();
const HTTP_PROXY_ALL: fn() -> Explainer = || HTTP_PROXY().with_secrets();
const SOCKS_CLIENT: fn() -> Explainer = || Explainer::client().through_socks5();
const SOCKS_PROXY: fn() -> Explainer = || Explainer::server().through_socks5();
const SOCKS_CLIENT_ALL: fn() -> Explainer = || SOCKS_CLIENT().with_secrets();

/// A head from lines that end here with a line feed alone.
fn head(lines: &str) -> Vec<u8> {
    lines.replace('\n', "\r\n").into_bytes()
}

fn letters(count: u8) -> Vec<u8> {
    (0..count).map(|n| b'a' + n % 26).collect()
}

/// A frame of a server with a short length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// A frame of a client.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let bytes = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    [first, 0x80 | u8::try_from(payload.len()).unwrap()].into_iter().chain(key).chain(bytes).collect()
}

/// "Hello", compressed (RFC 7692 section 7.2.3.1).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// Letters in a block without compression.
fn stored(count: u8) -> Vec<u8> {
    [&[0, count, 0, !count, 255], &letters(count)[..], &[0]].concat()
}

fn heads() -> Vec<Row> {
    let request = "GET /chat?token=1 HTTP/1.1\nHost: example.com\nUpgrade: websocket\nConnection: Upgrade\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version:13\nOrigin: http://example.com\n\
        Sec-WebSocket-Protocol: chat, superchat\nSec-WebSocket-Extensions: permessage-deflate\nCookie: a=b\n\
        X-Odd: caf\u{e9}\t\"\nDate:x\n\n";
    let response = "HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\
        Connection: Upgrade\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\nSec-WebSocket-Protocol: chat\n\
        Sec-WebSocket-Extensions: permessage-deflate\nSet-Cookie: a=b\nServer: x\n\n";
    let other = "31d4d96e /a?b HTTP/1.1\nSec-WebSocket-Key: aGlkZGVu\nSec-WebSocket-Version: 8\n\
        Sec-WebSocket-Extensions: foo\nAuthorization: Basic S3cret\n\n";
    let rejection = "HTTP/1.1 426 31d4d96e\nSec-WebSocket-Version: 13\nSec-WebSocket-Extensions: foo\nSet-Cookie: a\n\
        \x20b\n\tc\nd\n\nbody";
    vec![
        ("a request".into(), CLIENT, [head(request), masked(0xC1, &HELLO)].concat()),
        ("a request with secrets".into(), CLIENT_ALL, head(request)),
        ("a request of something else".into(), CLIENT, [head(other), masked(0xC1, &HELLO)].concat()),
        ("a response".into(), SERVER, [head(response), frame(0xC1, &HELLO)].concat()),
        ("a response with secrets".into(), SERVER_ALL, head(response)),
        ("a rejection".into(), SERVER, head(rejection)),
        ("a rejection with secrets".into(), SERVER_ALL, head(rejection)),
        ("responses without a reason".into(), SERVER, head("HTTP/1.1 199\n\nHTTP/1.1 101 \n\n")),
        ("a response that is none".into(), SERVER, head("HTTP/1.1 200 OK\n\nHTTP/1.1 101 S\n\n")),
        ("a first line that is invalid".into(), CLIENT, head("\nGET\n\n")),
        ("a third line that is invalid".into(), CLIENT, head("GET / HTTP/1.1\nA: b\nsecret\n\n")),
        ("a response that is invalid".into(), SERVER, head("SSH-2.0\n\n")),
        ("the first line of a request, incomplete".into(), CLIENT, b"G".to_vec()),
        ("the second line of a request, incomplete".into(), CLIENT, head("GET / HTTP/1.1\n")),
        ("no byte of a response".into(), SERVER, Vec::new()),
    ]
}

/// Lines that just fit, and those that are one byte longer.
fn long_lines() -> Vec<Row> {
    let mut rows = Vec::new();
    for length in [96, 97] {
        let filled = |start: &str, fill: &str, end: &str| {
            format!("{start}{}{end}", fill.repeat((length - start.len() - end.len()).div_ceil(fill.len())))
        };
        let hidden = filled("X-", "y", ": (not shown)").replace("(not shown)", "S3cret");
        let field = format!("{}\n{hidden}\n\n", filled("Server: ", "x", ""));
        let request = format!("{}\n{field}", filled("GET /", "x", " HTTP/1.1"));
        let response = format!("{}\n{field}", filled("HTTP/1.1 101 A", " ", "Z"));
        let connect = format!("{}\n{field}", filled("CONNECT ", "h", ":80 HTTP/1.1"));
        for (name, explainer, lines) in [
            ("a request", CLIENT, &request),
            ("a request with secrets", CLIENT_ALL, &request),
            ("a response", SERVER, &response),
            ("a response with secrets", SERVER_ALL, &response),
            ("CONNECT", HTTP_CLIENT, &connect),
            ("CONNECT with secrets", HTTP_CLIENT_ALL, &connect),
            ("a response to CONNECT", HTTP_PROXY, &response),
            ("a response to CONNECT with secrets", HTTP_PROXY_ALL, &response),
        ] {
            rows.push((format!("{name}, lines of {length} bytes"), explainer, head(lines)));
        }
    }
    rows
}

fn frames() -> Vec<Row> {
    let server = [
        frame(0x81, b"Hello"),
        frame(0x01, &letters(33)),
        frame(0x89, b""),
        frame(0x00, b"lo"),
        frame(0x8A, &letters(40)),
        frame(0x80, b"\xC3\xA9"),
        frame(0x02, b"a"),
        frame(0x80, &letters(2)),
        [b"\x82\x7E\x01\0".to_vec(), vec![7; 256]].concat(),
        [b"\x82\x7F\0\0\0\0\0\x01\0\0".to_vec(), vec![7; 65536]].concat(),
        frame(0x81, b"\x1B[2J\r\n\"\\\xE2\x80\xAE\xF0\x9F\x9A\x80\x01\x02\x03\x04\x05\x06\x07\x08"),
        // Eight characters of six columns, which just fit.
        frame(0x81, b"\x1B\x1B\x1B\x1B\x1B\x1B\x1B\x1Ba"),
        frame(0x88, b"\x03\xE8bye"),
        b"\x81\0".to_vec(),
    ];
    let client = [
        masked(0x81, b"Hello"),
        masked(0x82, &letters(33)),
        masked(0x89, b"p"),
        masked(0x88, &[b"\x0F\xA0".as_slice(), &letters(33)].concat()),
    ];
    let mut rows = vec![
        ("frames of a server".into(), FROM_SERVER, server.concat()),
        ("frames of a client".into(), FROM_CLIENT, client.concat()),
        ("a Close without a body".into(), FROM_SERVER, frame(0x88, b"")),
        ("a Close without a reason".into(), FROM_SERVER, frame(0x88, b"\x03\xE9")),
        (
            "a Close with a long reason".into(),
            FROM_SERVER,
            frame(0x88, &[b"\x03\xE9".as_slice(), &letters(33)].concat()),
        ),
        ("a Close of a client without a body".into(), FROM_CLIENT, masked(0x88, b"")),
        ("a Close with half a code".into(), FROM_SERVER, frame(0x88, b"\x03")),
        ("a Close with a code that is never sent".into(), FROM_CLIENT, masked(0x88, b"\x03\xED")),
        ("a masked frame of a server".into(), FROM_SERVER, vec![0x81, 0x85]),
        ("a frame of a client that is not masked".into(), FROM_CLIENT, vec![0x81, 0x05]),
        ("a long form of a short length".into(), FROM_SERVER, b"\x82\x7E\0\x05".to_vec()),
        ("a length with the top bit".into(), FROM_SERVER, b"\x82\x7F\x80".to_vec()),
        ("a continuation of nothing".into(), FROM_SERVER, vec![0x80]),
        ("a new message in another one".into(), FROM_SERVER, b"\x01\0\x01".to_vec()),
        (
            "text with an invalid byte".into(),
            FROM_SERVER,
            [frame(0x01, b"ab\xC3"), frame(0x80, b"\xA9c\xFFde")].concat(),
        ),
        ("text that ends inside a character".into(), FROM_SERVER, [frame(0x01, b"a"), frame(0x80, b"b\xC3")].concat()),
        ("a header, incomplete".into(), FROM_SERVER, b"\x82\x7E\x01".to_vec()),
        ("a payload, incomplete".into(), FROM_CLIENT, masked(0x82, b"abc")[..8].to_vec()),
        ("a message, incomplete".into(), FROM_SERVER, frame(0x01, b"a")),
    ];
    for first in [0xC1, 0x92, 0xA0, 0x83, 0x87, 0x8B, 0x8F, 0x09] {
        rows.push((format!("the first byte {first:02x}"), FROM_SERVER, vec![first]));
    }
    rows
}

fn compressed() -> Vec<Row> {
    let server = [
        frame(0xC1, &HELLO),
        frame(0x42, &HELLO[..3]),
        frame(0x89, b"p"),
        frame(0x80, &HELLO[3..]),
        frame(0xC1, &stored(40)),
        frame(0xC2, &stored(33)),
        frame(0x02, b"a"),
        frame(0x80, b"b"),
        frame(0xC1, b"\0"),
        frame(0xC2, b"\0"),
    ];
    vec![
        ("compressed frames of a server".into(), PACKED, server.concat()),
        (
            "compressed frames of a client".into(),
            PACKED_CLIENT,
            [masked(0xC1, &stored(40)), masked(0x82, b"a")].concat(),
        ),
        // "caf\xE9" is no UTF-8.
        ("compressed text with an invalid byte".into(), PACKED, frame(0xC1, &[0x4a, 0x4e, 0x4c, 0x7b, 0x09, 0x00])),
        (
            "compressed text with an invalid byte in the second frame".into(),
            PACKED,
            [frame(0x41, &[0, 3, 0, 252, 255, b'a', b'b']), frame(0x80, &[0xE9, 0, 1, 0, 254, 255, b'x', 0])].concat(),
        ),
        (
            "compressed text that ends inside a character".into(),
            PACKED,
            frame(0xC1, &[0, 2, 0, 253, 255, b'a', 0xC3, 0]),
        ),
        // The last byte of a character is repeated, all by one byte of the input.
        (
            "compressed text with an invalid byte before others".into(),
            PACKED,
            frame(0xC1, &[0x4a, 0x3c, 0xbc, 0x12, 0x0e, 0x92, 0x00, 0x00]),
        ),
        ("compressed bytes that are invalid".into(), PACKED, frame(0xC2, &[0xFF, 0xFF])),
        ("compressed bytes that are incomplete".into(), PACKED, frame(0xC2, &[0xF2, 0x48])),
        ("a compressed payload, incomplete".into(), PACKED, frame(0xC2, &HELLO)[..6].to_vec()),
        ("the first byte c0 with compression".into(), PACKED, [frame(0x41, b"\0"), vec![0xC0]].concat()),
        ("the first byte c3 with compression".into(), PACKED, vec![0xC3]),
        ("the first byte e2 with compression".into(), PACKED, vec![0xE2]),
        ("the first byte c9 with compression".into(), PACKED, vec![0xC9]),
    ]
}

fn tunnels() -> Vec<Row> {
    let connect =
        head("CONNECT h:80 HTTP/1.1\nHost: h:80\nProxy-Authorization: Basic S3cret\nX-A: b\n\nGET / HTTP/1.1\n");
    let open = "HTTP/1.1 102 Processing\n\nHTTP/1.1 200 31d4d96e\nContent-Length: 1\nTransfer-Encoding: x\n\nHTTP/1.1 101 S\n\n";
    let refused = "HTTP/1.1 407 Login\nProxy-Authenticate: Basic realm=x\nServer: x\n\nbody";
    let login = b"\x05\x03\x00\x01\x02\x01\x05alice\x06S3cret\x05\x01\x00\x03\x0Bexample.com\x00\x50GET";
    let reply = |rest: &[u8]| [b"\x05\0", rest, b"HTTP"].concat();
    let to_name = |length: u8| [b"\x05\x01\0\x05\x01\0\x03".as_slice(), &[length], &letters(length), &[1, 2]].concat();
    vec![
        ("CONNECT".into(), HTTP_CLIENT, connect.clone()),
        ("CONNECT with secrets".into(), HTTP_CLIENT_ALL, connect),
        ("CONNECT to something with a password".into(), HTTP_CLIENT, head("CONNECT 31d4d96e:S3cret@h:80 HTTP/1.1\n\n")),
        ("CONNECT with an unusual method".into(), HTTP_CLIENT, head("31d4d96e h HTTP/1.1\n\n")),
        ("responses to CONNECT".into(), HTTP_PROXY, head(open)),
        ("responses to CONNECT with secrets".into(), HTTP_PROXY_ALL, head(open)),
        ("a refusal of CONNECT".into(), HTTP_PROXY, head(refused)),
        ("a status 101 of a proxy".into(), HTTP_PROXY, head("HTTP/1.1 101 S\n\n\n")),
        ("a status 300 of a proxy".into(), HTTP_PROXY, head("HTTP/1.1 300 S\n\n\n")),
        ("a status 299 of a proxy".into(), HTTP_PROXY, head("HTTP/1.1 299 S\n\nHTTP")),
        ("a first line of a proxy that is invalid".into(), HTTP_PROXY, head("SSH-2.0\n\n")),
        ("a second line of CONNECT that is invalid".into(), HTTP_CLIENT, head("CONNECT h:80 HTTP/1.1\n b\n\n")),
        ("CONNECT, incomplete".into(), HTTP_CLIENT, b"C".to_vec()),
        ("no byte of a proxy".into(), HTTP_PROXY, Vec::new()),
        ("SOCKS5 with a password".into(), SOCKS_CLIENT, login.to_vec()),
        ("SOCKS5 with a password that is shown".into(), SOCKS_CLIENT_ALL, login.to_vec()),
        (
            "SOCKS5 with an empty password".into(),
            SOCKS_CLIENT_ALL,
            b"\x05\x01\x02\x01\0\0\x05\x01\x00\x03\0\0\x50".to_vec(),
        ),
        (
            "SOCKS5 with a user name of 48 bytes and a password of 49".into(),
            SOCKS_CLIENT_ALL,
            [b"\x05\x01\x02\x01\x30".as_slice(), &letters(48), &[49], &letters(49)].concat(),
        ),
        (
            "SOCKS5 to an IPv4 address".into(),
            SOCKS_CLIENT,
            b"\x05\x01\0\x05\x01\x00\x01\x7F\0\0\x01\x01\x02GET".to_vec(),
        ),
        (
            "SOCKS5 to another command".into(),
            SOCKS_CLIENT,
            b"\x05\x01\xFF\x05\x02\x07\x01\x7F\0\0\x01\x01\x02G".to_vec(),
        ),
        ("SOCKS5 to a name of 48 bytes".into(), SOCKS_CLIENT, to_name(48)),
        ("SOCKS5 to a name of 49 bytes".into(), SOCKS_CLIENT, to_name(49)),
        (
            "a reply with an IPv6 address".into(),
            SOCKS_PROXY,
            reply(&[b"\x05\0\0\x04\x20\x01\x0D\xB8".as_slice(), &[0; 11], b"\x01\x1F\x90"].concat()),
        ),
        ("a reply with a name".into(), SOCKS_PROXY, reply(b"\x05\0\0\x03\x01h\0\x50")),
        ("a reply that refuses".into(), SOCKS_PROXY, reply(b"\x05\x05\0\x01\0\0\0\0\0\0")),
        ("a password that is accepted".into(), SOCKS_PROXY, b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0".to_vec()),
        ("a password that is refused".into(), SOCKS_PROXY, b"\x05\x02\x01\x01\x05".to_vec()),
        ("no method that is acceptable".into(), SOCKS_PROXY, b"\x05\xFF\x05".to_vec()),
        ("a method that stdws does not use".into(), SOCKS_PROXY, b"\x05\x07\x05".to_vec()),
        ("another version".into(), SOCKS_PROXY, b"\x04\0".to_vec()),
        ("another version of a request".into(), SOCKS_CLIENT, b"\x05\0\x04".to_vec()),
        ("another version of a password".into(), SOCKS_PROXY, b"\x05\x02\x05".to_vec()),
        ("another type of address".into(), SOCKS_PROXY, b"\x05\0\x05\0\0\x02\0".to_vec()),
        ("the methods, incomplete".into(), SOCKS_CLIENT, b"\x05\x02\0".to_vec()),
        ("the request of SOCKS5 that is missing".into(), SOCKS_CLIENT, b"\x05\x01\0".to_vec()),
    ]
}

#[test]
fn what_is_printed() {
    let expected: Vec<&str> = EXPECTED.split("\n# ").collect();
    let rows: Vec<Row> = [heads(), long_lines(), frames(), compressed(), tunnels()].into_iter().flatten().collect();
    for (at, (name, new, bytes)) in rows.iter().enumerate() {
        let mut explainer = new();
        let text = explainer.feed(bytes) + &explainer.finish();
        assert_eq!(explainer.feed(b"\x81\0"), "", "{name}: input after the end");
        let want = expected.get(at.saturating_add(1)).copied().unwrap_or_default();
        let text = format!("{name}\n{text}");
        assert!(text.trim_end() == want.trim_end(), "{text}\n=== instead of ===\n{want}");
        if bytes.len() < 1000 {
            let mut explainer = new();
            let pieces: String = bytes.iter().map(|&byte| explainer.feed(&[byte])).collect();
            assert_eq!(format!("{name}\n{pieces}{}", explainer.finish()), text, "byte by byte");
        }
    }
    assert_eq!(expected.len(), rows.len() + 1);
}
