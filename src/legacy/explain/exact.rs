//! The exact output for frames and heads of the drafts.

use crate::codec::frame::Role;
use crate::explain::Explainer;
use crate::legacy::Version;

/// What one peer sends after its head, and its explanation.
type Row = (Version, Role, Vec<u8>, &'static str);

fn explain(version: Version, from: Role, bytes: &[u8]) -> String {
    let (client, server) = Explainer::pair(version);
    let mut explainer = if from == Role::Client { client } else { server }.after_handshake();
    explainer.feed(bytes)
}

/// A frame that is masked whole with four equal bytes.
fn masked_whole(frame: &[u8]) -> Vec<u8> {
    [1; 4].into_iter().chain(frame.iter().map(|byte| byte ^ 1)).collect()
}

/// A frame whose payload is masked with four equal bytes.
fn masked_payload(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, &[1; 4], &payload.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()].concat()
}

fn letters(count: u8) -> Vec<u8> {
    (0..count).map(|n| b'a' + n % 26).collect()
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Role::{Client, Server};
    use Version::{Hybi00, Hybi03, Hybi05, Hybi06, Hybi07};
    vec![
        (Hybi00, Server, [b"\0", &letters(40)[..], b"\xFF\x80\x03abc\x01abc\xFF"].concat(), LONG_TEXT),
        // A length of 128, and as many bytes, all of them 0.
        (Hybi00, Client, [b"\xFF\x81\0".as_slice(), &[0; 128], b"\xFF\0\0x\xFF"].concat(), CLOSING),
        (Hybi03, Server, [b"\x04\x7E\0\xC8".as_slice(), &letters(200), b"\x02\x01p"].concat(), LONG_FRAME),
        (Hybi03, Server, b"\x84\x01a\x80\x01b\x02\x01p\0\x01c\x01\x0Chello, world".to_vec(), FRAGMENTS),
        (Hybi05, Client, masked_whole(&[b"\x84\x21", &letters(33)[..]].concat()), WHOLE),
        (Hybi06, Client, masked_whole(b"\x81\x0A\x03\xE9going on"), WHOLE_CLOSE),
        (Hybi07, Client, masked_payload(b"\x81\xFE\0\xC8", &letters(200)), PAYLOAD),
        (Hybi07, Client, masked_payload(b"\x88\x8C", b"\x03\xE9going away"), PAYLOAD_CLOSE),
        (Hybi07, Server, [b"\x88\x2A\x03\xE9", &letters(40)[..]].concat(), REASON),
        (Hybi07, Server, b"\x88\x02\x03\xE8".to_vec(), NO_REASON),
        (Hybi07, Server, b"\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\0".to_vec(), BROKEN),
        (Hybi00, Server, vec![0x80; 20], BROKEN_LONG),
    ]
}

#[test]
fn frames() {
    for (version, from, bytes, want) in rows() {
        assert_eq!(explain(version, from, &bytes).trim_matches('\n'), want.trim_matches('\n'), "{version}");
    }
}

#[test]
fn a_frame_of_hybi_04() {
    let (mut client, mut server) = Explainer::pair(Version::Hybi04);
    client.feed(b"GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    server.feed(b"HTTP/1.1 101 S\r\nSec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n");
    let text = client.feed(&[0x37, 0xfa, 0x21, 0x3d, 0x06, 0x45, 0x7d, 0xc9, 0x39, 0x2a, 0x52]);
    assert_eq!(text.trim_matches('\n'), HYBI04.trim_matches('\n'));
}

#[test]
fn heads() {
    let request = b"GET / HTTP/1.1\r\nOrigin: http://h\r\nSec-WebSocket-Origin: http://h\r\nWebSocket-Protocol: a\r\n\
        Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Draft: 2\r\nSec-WebSocket-Version: 8\r\n\r\n";
    let response = b"HTTP/1.1 101 S\r\nWebSocket-Origin: http://h\r\nSec-WebSocket-Origin: http://h\r\n\
        WebSocket-Location: ws://h/\r\nWebSocket-Protocol: a\r\nSec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n";
    for (version, want) in [(Version::Hybi02, HEADS_HYBI02), (Version::Hybi08, HEADS_HYBI08)] {
        let (mut client, mut server) = Explainer::pair(version);
        let text = client.feed(request) + &server.feed(response);
        assert_eq!(text.trim_matches('\n'), want.trim_matches('\n'), "{version}");
    }
}

#[test]
fn rfc_6455_is_explained_as_without_a_version() {
    let frame = masked_payload(b"\x88\x82", b"\x03\xEC");
    let text = Explainer::client().after_handshake().feed(&frame);
    assert_eq!(explain(Version::Rfc6455, Role::Client, &frame), text);
    assert_ne!(explain(Version::Hybi08, Role::Client, &frame), text);
}

const LONG_TEXT: &str = r#"
server -> client  Text frame with 40 bytes, a complete message
    00                                  type      00: text up to the next ff
    61 62 63 64 65 66 67 68             payload
    69 6a 6b 6c 6d 6e 6f 70
    71 72 73 74 75 76 77 78
    79 7a 61 62 63 64 65 66
                                        ...       8 bytes more
                                        text      "abcdefghijklmnopqrstuvwxyzabcdef"
    ff                                  end       ff, a byte that never occurs in UTF-8

server -> client  Ignored frame, 5 bytes in total
    80                                  type      undefined; followed by a length and as many bytes

server -> client  Ignored frame, 5 bytes in total
    01                                  type      undefined; ends with the next ff
"#;

const CLOSING: &str = r#"
client -> server  Ignored frame, 131 bytes in total
    ff                                  type      undefined; followed by a length and as many bytes

client -> server  Closing frame
    ff                                  type      ff
    00                                  length    0: nothing is sent after this frame
"#;

const LONG_FRAME: &str = r#"
server -> client  Text frame with 200 bytes, a complete message
    04                       0... ....  MORE      0: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0100  opcode    4: text, in UTF-8
    7e                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .111 1110  length    126: the next 2 bytes are the length
    00 c8                               length    200 bytes, most significant byte first
    61 62 63 64 65 66 67 68             payload
    69 6a 6b 6c 6d 6e 6f 70
    71 72 73 74 75 76 77 78
    79 7a 61 62 63 64 65 66
                                        ...       168 bytes more
                                        text      "abcdefghijklmnopqrstuvwxyzabcdef"

server -> client  Ping frame with 1 byte
    02                       0... ....  MORE      0: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0010  opcode    2: Ping, a control frame; the peer answers with a
                                                  Pong
    01                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0001  length    1 byte, which fits in these 7 bits
    70                                  payload
"#;

const FRAGMENTS: &str = r#"
server -> client  Text frame with 1 byte, the first frame of a message
    84                       1... ....  MORE      1: more frames of this message follow
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0100  opcode    4: text, in UTF-8
    01                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0001  length    1 byte, which fits in these 7 bits
    61                                  payload
                                        text      "a"

server -> client  Continuation frame with 1 byte, more frames follow
    80                       1... ....  MORE      1: more frames of this message follow
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0000  opcode    0: continuation of the message
    01                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0001  length    1 byte, which fits in these 7 bits
    62                                  payload
                                        text      "b"

server -> client  Ping frame with 1 byte, between the frames of a message
    02                       0... ....  MORE      0: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0010  opcode    2: Ping, a control frame; the peer answers with a
                                                  Pong
    01                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0001  length    1 byte, which fits in these 7 bits
    70                                  payload

server -> client  Continuation frame with 1 byte, the last frame of the message
    00                       0... ....  MORE      0: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0000  opcode    0: continuation of the message
    01                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0001  length    1 byte, which fits in these 7 bits
    63                                  payload
                                        text      "c"
                                        message   complete: text, 3 bytes in 3 frames

server -> client  Close frame with 12 bytes
    01                       0... ....  MORE      0: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0001  opcode    1: Close, a control frame
    0c                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 1100  length    12 bytes, which fits in these 7 bits
    68 65 6c 6c 6f 2c 20 77             body      no meaning; the reply repeats it
"#;

const WHOLE: &str = r#"
client -> server  Text frame with 33 bytes, a complete message
    01 01 01 01                         key       random, different for every frame
    85 20                               masked    the header on the wire, XORed with the key like
                                                  the whole frame
    84                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0100  opcode    4: text, in UTF-8
    21                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .010 0001  length    33 bytes, which fits in these 7 bits
    60 63 62 65 64 67 66 69             masked    the payload on the wire
    68 6b 6a 6d 6c 6f 6e 71             masked
    70 73 72 75 74 77 76 79             masked
    78 7b 60 63 62 65 64 67             masked
    61 62 63 64 65 66 67 68             payload
    69 6a 6b 6c 6d 6e 6f 70
    71 72 73 74 75 76 77 78
    79 7a 61 62 63 64 65 66
                                        ...       1 byte more
                                        text      "abcdefghijklmnopqrstuvwxyzabcdef"
"#;

const WHOLE_CLOSE: &str = r#"
client -> server  Close frame with 10 bytes
    01 01 01 01                         key       random, different for every frame
    80 0b                               masked    the header on the wire, XORed with the key like
                                                  the whole frame
    81                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0001  opcode    1: Close, a control frame
    0a                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 1010  length    10 bytes, which fits in these 7 bits
    02 e8 66 6e 68 6f 66 21             masked    the payload on the wire
    6e 6f                               masked
    03 e9 67 6f 69 6e 67 20             payload
    6f 6e
                                        code      1001: going away
                                        reason    "going on"
"#;

const PAYLOAD: &str = r#"
client -> server  Text frame with 200 bytes, a complete message
    81                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0001  opcode    1: text, in UTF-8
    fe                       1... ....  MASK      1: a client masks every frame
                             .111 1110  length    126: the next 2 bytes are the length
    00 c8                               length    200 bytes, most significant byte first
    01 01 01 01                         key       random, different for every frame
    60 63 62 65 64 67 66 69             masked    the payload on the wire
    01 01 01 01 01 01 01 01             XOR key   the key, repeated
    61 62 63 64 65 66 67 68             payload   unmasked
    68 6b 6a 6d 6c 6f 6e 71             masked
    01 01 01 01 01 01 01 01             XOR key
    69 6a 6b 6c 6d 6e 6f 70             payload
    70 73 72 75 74 77 76 79             masked
    01 01 01 01 01 01 01 01             XOR key
    71 72 73 74 75 76 77 78             payload
    78 7b 60 63 62 65 64 67             masked
    01 01 01 01 01 01 01 01             XOR key
    79 7a 61 62 63 64 65 66             payload
                                        ...       168 bytes more
                                        text      "abcdefghijklmnopqrstuvwxyzabcdef"
"#;

const PAYLOAD_CLOSE: &str = r#"
client -> server  Close frame with 12 bytes
    88                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 1000  opcode    8: Close, a control frame
    8c                       1... ....  MASK      1: a client masks every frame
                             .000 1100  length    12 bytes, which fits in these 7 bits
    01 01 01 01                         key       random, different for every frame
    02 e8 66 6e 68 6f 66 21             masked    the payload on the wire
    01 01 01 01 01 01 01 01             XOR key   the key, repeated
    03 e9 67 6f 69 6e 67 20             payload   unmasked
    60 76 60 78                         masked
    01 01 01 01                         XOR key
    61 77 61 79                         payload
                                        code      1001: going away
                                        reason    "going away"
"#;

const REASON: &str = r#"
server -> client  Close frame with 42 bytes
    88                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 1000  opcode    8: Close, a control frame
    2a                       0... ....  MASK      0: a server masks no frame
                             .010 1010  length    42 bytes, which fits in these 7 bits
    03 e9                               code      1001: going away
    61 62 63 64 65 66 67 68             reason    "abcdefghijklmnopqrstuvwxyzabcdef"
    69 6a 6b 6c 6d 6e 6f 70
    71 72 73 74 75 76 77 78
    79 7a 61 62 63 64 65 66
"#;

const NO_REASON: &str = r#"
server -> client  Close frame with 2 bytes
    88                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 1000  opcode    8: Close, a control frame
    02                       0... ....  MASK      0: a server masks no frame
                             .000 0010  length    2 bytes, which fits in these 7 bits
    03 e8                               code      1000: normal closure
"#;

const BROKEN: &str = r#"
server -> client  Invalid frame
    81 7f ff
    BROKEN RULE  the top bit of a 64-bit length is set (6455-5.2-5).
                 What follows is not parsed.
"#;

const BROKEN_LONG: &str = r#"
server -> client  Invalid frame
    80 80 80 80 80 80 80 80
    80 80 80
    BROKEN RULE  a frame has 18446744073709551615 bytes; Limits::max_frame_size is
                 18446744073709551615 (6455-10.4-2).
                 What follows is not parsed.
"#;

const HYBI04: &str = r#"
client -> server  Text frame with 5 bytes, a complete message
    37 fa 21 3d                         nonce     random, different for every frame
    82 40 35 ac 55 46 3d a6             key       SHA-1 of that and of the connection's masking key
    22 57 d6 fb 16 7d 1c dc
    73 da 0f 8e
    06 45                               masked    the header on the wire, XORed with the key like
                                                  the whole frame
    84                       1... ....  FIN       1: the message ends with this frame
                             .000 ....  RSV1-3    0: no extension is in use
                             .... 0100  opcode    4: text, in UTF-8
    05                       0... ....  RSV4      0: reserved; the MASK bit was added in hybi-07
                             .000 0101  length    5 bytes, which fits in these 7 bits
    7d c9 39 2a 52                      masked    the payload on the wire
    48 65 6c 6c 6f                      payload
                                        text      "Hello"
"#;

const HEADS_HYBI02: &str = r#"
client -> server  Opening handshake: the request
    GET / HTTP/1.1                                      the path and query name the resource
    Origin: http://h                                    the origin of the web page
    Sec-WebSocket-Origin: http://h                      the origin of the web page
    WebSocket-Protocol: a                               the subprotocol of the client
    Sec-WebSocket-Protocol: a                           the subprotocol of the client
    Sec-WebSocket-Draft: 2                              the version number, in the first draft that
                                                        has one
    Sec-WebSocket-Version: 8                            the version number of hybi-02
    (empty line)                                        end of the head; frames follow after the
                                                        response

server -> client  Opening handshake: the response
    HTTP/1.1 101 S                                      accepted: WebSocket frames follow
    WebSocket-Origin: http://h                          the accepted origin, repeated
    Sec-WebSocket-Origin: http://h                      the accepted origin, repeated
    WebSocket-Location: ws://h/                         the requested URL, repeated: the client
                                                        compares it with its own
    WebSocket-Protocol: a                               the selected subprotocol
    Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==
    (empty line)                                        end of the head
"#;

const HEADS_HYBI08: &str = r#"
client -> server  Opening handshake: the request
    GET / HTTP/1.1                                      the path and query name the resource
    Origin: http://h                                    the origin of the web page
    Sec-WebSocket-Origin: http://h                      the origin of the web page
    WebSocket-Protocol: a                               the subprotocol of the client
    Sec-WebSocket-Protocol: a                           subprotocols of the client, in order of
                                                        preference
    Sec-WebSocket-Draft: 2                              the version number, in the first draft that
                                                        has one
    Sec-WebSocket-Version: 8                            the version number of hybi-08
    (empty line)                                        end of the head; frames follow after the
                                                        response

server -> client  Opening handshake: the response
    HTTP/1.1 101 S                                      accepted: WebSocket frames follow
    WebSocket-Origin: http://h                          the accepted origin, repeated
    Sec-WebSocket-Origin: http://h                      the accepted origin, repeated
    WebSocket-Location: ws://h/                         the requested URL, repeated: the client
                                                        compares it with its own
    WebSocket-Protocol: a                               the selected subprotocol
    Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==
    (empty line)                                        end of the head
"#;
