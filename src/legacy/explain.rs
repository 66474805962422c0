//! Explanations of connections in the drafts: [`Explainer::pair`].
//!
//! | file | subject |
//! |---|---|
//! | `context` | the draft in use, and its opening handshake |
//! | `frame` | the rows for frames, and for the bytes between a head and the first frame |
//! | `exact` | tests: what is printed, character by character |

pub(crate) mod context;
#[cfg(test)]
mod exact;
pub(crate) mod frame;

use crate::explain::Explainer;
use crate::legacy::Version;
use context::DraftContext;

impl Explainer {
    /// Returns the explainers for the client and for the server of a connection in this version. Feature `legacy`.
    ///
    /// In hybi-04 the masking key depends on the handshake of both peers. Therefore feed both explainers in the order
    /// in which the bytes pass. Data compressed by `deflate-stream` is not parsed, and text is not validated.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    /// use stdws::Version;
    ///
    /// let (client, _server) = Explainer::pair(Version::Hybi05);
    /// let frame = [0x37, 0xfa, 0x21, 0x3d, 0xb3, 0xff, 0x69, 0x58, 0x5b, 0x96, 0x4e];
    /// let text = client.after_handshake().feed(&frame);
    /// assert!(text.contains("key       random, different for every frame"));
    /// assert!(text.contains(r#"text      "Hello""#));
    /// ```
    pub fn pair(version: Version) -> (Explainer, Explainer) {
        let (client, server) = (Explainer::client(), Explainer::server());
        if version == Version::Rfc6455 {
            return (client, server);
        }
        let context = DraftContext::new(version);
        (client.with_draft(context.clone()), server.with_draft(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;

    /// The output for both directions in this order. Checks that it does not depend on how the bytes are split, and
    /// that it fits the width.
    fn explain(version: Version, parts: &[(Role, &[u8])]) -> String {
        let run = |max: usize| {
            let (mut client, mut server) = Explainer::pair(version);
            let mut text = String::new();
            for (from, bytes) in parts {
                for piece in bytes.chunks(max) {
                    text += &match from {
                        Role::Client => client.feed(piece),
                        Role::Server => server.feed(piece),
                    };
                }
            }
            text
        };
        let whole = run(usize::MAX);
        for max in [1, 2, 3, 7] {
            assert_eq!(run(max), whole, "{version} in pieces of {max}");
        }
        for line in whole.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert!(!line.chars().any(char::is_control) && line.trim_end() == line, "{line:?}");
        }
        whole
    }

    #[track_caller]
    fn has(text: &str, lines: &[&str]) {
        let mut rest = text;
        for line in lines {
            let at = rest.find(line).unwrap_or_else(|| panic!("no {line:?} in order in {text}"));
            rest = &rest[at + line.len()..];
        }
    }

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 101 S\r\nSec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n";

    #[test]
    fn hybi_00_from_the_challenge_to_the_closing_frame() {
        let request = b"GET /demo HTTP/1.1\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
            Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nOrigin: http://h\r\n\r\n^n:ds[4U";
        let response = b"HTTP/1.1 101 W\r\nSec-WebSocket-Location: ws://h/demo\r\n\r\n8jKS'y:G*Co,Wxa-";
        let frames = b"\x00Hello\xFF\x81\x03abc\x01abc\xFF\xFF\x00";
        let text = explain(
            Version::HIXIE76,
            &[(Role::Client, request), (Role::Server, response), (Role::Client, frames), (Role::Server, frames)],
        );
        has(
            &text,
            &[
                "the digits 4146546015",
                "of spaces, 5: 829309203",
                "client -> server  8 bytes after the head",
                "    5e 6e 3a 64 73 5b 34 55             key 3 ",
                "    38 6a 4b 53 27 79 3a 47             MD5       the expected response of the server",
                "compares it with its own",
                "server -> client  16 bytes after the head",
                "    38 6a 4b 53 27 79 3a 47             answer ",
                "client -> server  Text frame with 5 bytes, a complete message",
                "    00                                  type      00: text up to the next ff",
                "    48 65 6c 6c 6f                      payload",
                "text      \"Hello\"",
                "    ff                                  end ",
                "Ignored frame, 5 bytes in total",
                "Ignored frame, 5 bytes in total",
                "client -> server  Closing frame",
                "server -> client  Closing frame",
            ],
        );
    }

    #[test]
    fn frames_of_hybi_00_are_explained_without_the_handshake() {
        let (client, server) = Explainer::pair(Version::HIXIE76);
        for explainer in [client, server] {
            let text = explainer.after_handshake().feed(b"\x00Hello\xFF");
            has(&text, &["Text frame with 5 bytes", "    00  ", "\"Hello\""]);
        }
    }

    #[test]
    fn hybi_04_is_unmasked_with_a_key_from_both_heads() {
        let client = [0x37, 0xfa, 0x21, 0x3d, 0x06, 0x45, 0x7d, 0xc9, 0x39, 0x2a, 0x52];
        let text = explain(Version::Hybi04, &[(Role::Client, HEAD), (Role::Server, ANSWER), (Role::Client, &client)]);
        has(
            &text,
            &[
                "masking key of the connection",
                "client -> server  Text frame with 5 bytes, a complete message",
                "    37 fa 21 3d                         nonce ",
                "    06 45                               masked    the header on the wire",
                "    84                       1... ....  FIN       1: the message ends with this frame",
                ".... 0100  opcode    4: text, in UTF-8",
                "    05                       0... ....  RSV4 ",
                "    7d c9 39 2a 52                      masked    the payload on the wire",
                "    48 65 6c 6c 6f                      payload",
                "text      \"Hello\"",
            ],
        );
    }

    #[test]
    fn frames_by_the_columns_of_the_table() {
        let more = b"\x84\x03Hel\x02\x01?\x00\x02lo\x01\x00";
        let text = explain(Version::Hybi01, &[(Role::Server, ANSWER), (Role::Server, &[0; 16]), (Role::Server, more)]);
        has(
            &text,
            &[
                "Text frame with 3 bytes, the first frame of a message",
                "MORE      1: more frames of this message follow",
                "Ping frame with 1 byte, between the frames of a message",
                "Continuation frame with 2 bytes, the last frame of the message",
                "MORE      0: the message ends with this frame",
                "message   complete: text, 5 bytes in 2 frames",
                "Close frame with 0 bytes",
                "no body",
            ],
        );
        let closes = [(Version::Hybi05, &b"\x81\x01S"[..], "S: the server closes first")];
        let codes = [
            (Version::Hybi06, &b"\x81\x05\x03\xECbig"[..], "1004: message too big"),
            (Version::Hybi07, b"\x88\x02\x03\xE8", "1000: normal closure"),
            (Version::Hybi08, b"\x88\x00", "no code and no reason"),
        ];
        for (version, frame, meaning) in closes.into_iter().chain(codes) {
            has(&explain(version, &[(Role::Server, ANSWER), (Role::Server, frame)]), &["Close frame", meaning]);
        }
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let text = explain(Version::Hybi07, &[(Role::Client, HEAD), (Role::Client, &masked)]);
        has(&text, &["MASK      1: a client masks every frame", "XOR key", "text      \"Hello\""]);
    }

    #[test]
    fn deflate_stream_is_not_parsed() {
        let answer = b"HTTP/1.1 101 S\r\nSec-WebSocket-Extensions: deflate-stream\r\n\r\n";
        let (client, server) = ([0x6a, 0x6c, 0x35], [0x6a, 0x6c]);
        let text = explain(
            Version::Hybi08,
            &[(Role::Client, HEAD), (Role::Server, answer), (Role::Client, &client), (Role::Server, &server)],
        );
        assert_eq!(text.matches("deflate-stream: all").count(), 2, "{text}");
        assert!(!text.contains("BROKEN"), "{text}");
    }

    #[test]
    fn a_violation_is_named_and_stops_the_explainer() {
        let text = explain(Version::Hybi07, &[(Role::Client, HEAD), (Role::Client, b"\x81\x05Hello\x81\x05Hello")]);
        has(&text, &["Invalid frame", "BROKEN RULE  a frame from a client is not masked"]);
        assert_eq!(text.matches("Invalid frame").count(), 1);
        let text = explain(Version::Hybi05, &[(Role::Server, ANSWER), (Role::Server, b"\x84\x85")]);
        has(&text, &["reserved bits 1000 are set"]);
    }

    #[test]
    fn random_bytes_do_not_panic() {
        let mut seed = 1_u32;
        for version in Version::ALL.into_iter().cycle().take(12 * 40) {
            let noise = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8 & if seed & 3 == 0 { 0x0F } else { 0xFF }
            });
            let noise: Vec<u8> = noise.take(300).collect();
            let (mut client, mut server) = Explainer::pair(version);
            client.feed(HEAD);
            server.feed(ANSWER);
            client.feed(&noise);
            server.feed(&noise);
        }
    }

    /// Drafts allow the long form of a short length.
    #[test]
    fn frames_with_a_length_of_eight_bytes() {
        let plain = b"\x04\x7f\0\0\0\0\0\0\0\x05Hello";
        let text = explain(Version::Hybi05, &[(Role::Server, ANSWER), (Role::Server, plain)]);
        has(&text, &["Text frame with 5 bytes", "127: the next 8 bytes", "\"Hello\""]);
        let masked: Vec<u8> = [1; 4].into_iter().chain(plain.iter().map(|byte| byte ^ 1)).collect();
        let heads = [(Role::Client, HEAD), (Role::Server, ANSWER)];
        let text = explain(Version::Hybi05, &[heads[0], heads[1], (Role::Client, &masked)]);
        has(
            &text,
            &[
                "Text frame with 5 bytes",
                "    05 7e 01 01 01 01 01 01             masked    the header on the wire",
                "    01 04                               masked\n",
                "\"Hello\"",
            ],
        );
    }

    #[test]
    fn what_has_no_meaning_is_named() {
        let text = explain(Version::HIXIE76, &[(Role::Client, b"GET / HTTP/1.1\r\nSec-WebSocket-Key1: 12345\r\n\r\n")]);
        has(&text, &["Sec-WebSocket-Key1", "invalid: encodes no number"]);
        // A length that is not 0 is not the closing frame.
        for frame in [&b"\xFF\x03abc"[..], b"\xFF\x02a\0"] {
            let (_, server) = Explainer::pair(Version::HIXIE76);
            let text = server.after_handshake().feed(frame);
            has(&text, &["Ignored frame"]);
            assert!(!text.contains("Closing frame"), "{text}");
        }
        let text = explain(Version::Hybi05, &[(Role::Server, ANSWER), (Role::Server, b"\x84\x00\x81\x01C")]);
        has(&text, &["Text frame with 0 bytes, a complete message", "Close frame", "C: the client closes first"]);
        assert!(!text.contains("text      "), "no text is shown for no bytes: {text}");
        let text = explain(Version::Hybi05, &[(Role::Server, ANSWER), (Role::Server, b"\x05\x01a\x80\x01b")]);
        has(&text, &["Binary frame", "complete: binary, 2 bytes in 2 frames"]);
    }

    #[test]
    fn debug_shows_the_version_and_no_keys() {
        let (mut client, _) = Explainer::pair(Version::Hybi04);
        client.feed(HEAD);
        let shown = format!("{:?}", context::DraftContext::new(Version::Hybi04));
        assert_eq!(shown, "DraftContext { version: \"hybi-04\", .. }");
        assert!(!format!("{client:?}").contains("dGhl"));
    }

    /// A version with one subprotocol has its own note, a later one that of RFC 6455.
    #[test]
    fn the_note_of_a_subprotocol_depends_on_the_version() {
        for (version, own) in [(Version::Hybi00, true), (Version::Hybi08, false)] {
            let note = context::DraftContext::new(version).note(Role::Client, "sec-websocket-protocol", b"a");
            assert_eq!(note.as_deref(), own.then_some("the subprotocol of the client"), "{version}");
        }
    }
}
