//! The words for the drafts (feature `legacy`): which one is spoken, and what its opening handshake says beside that of
//! RFC 6455. What differs from draft to draft is read off the table.

#[cfg(feature = "legacy")]
pub(crate) mod frame;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::handshake::DEFLATE_STREAM;
use super::parts::HandshakeProof;
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::explain::frame::{arrow, table_row, BYTES};
use crate::explain::Explainer;
use crate::handshake::http::Head;
use crate::legacy::handshake::proof;
use crate::legacy::Version;
use crate::primitives::sha1;

/// Which draft is spoken, and what both explainers of a connection know.
#[derive(Clone)]
pub(crate) struct DraftContext {
    pub(crate) spec: &'static DraftSpec,
    keys: Arc<Mutex<HandshakeKeys>>,
}

/// What is needed of the heads to read what follows.
#[derive(Default)]
struct HandshakeKeys {
    key: Vec<u8>,
    nonce: Vec<u8>,
    /// The server agreed to compress all that follows.
    deflate_stream: bool,
    /// What hides in the keys of a challenge.
    challenge_numbers: Option<(u32, u32)>,
}

impl Explainer {
    /// Both explainers of a connection in this version, the client's first. Feature `legacy`.
    ///
    /// They belong together: in hybi-04 the key that masks what a client sends is made of what both sides said. So feed
    /// what passes in the order it passes. What `deflate-stream` compresses is not parsed, and text is not checked.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    /// use stdws::Version;
    ///
    /// let (client, _server) = Explainer::pair(Version::Hybi05);
    /// let frame = [0x37, 0xfa, 0x21, 0x3d, 0xb3, 0xff, 0x69, 0x58, 0x5b, 0x96, 0x4e];
    /// let text = client.after_handshake().feed(&frame);
    /// assert!(text.contains("key       random, and new for every frame"));
    /// assert!(text.contains(r#"text      "Hello""#));
    /// ```
    pub fn pair(version: Version) -> (Explainer, Explainer) {
        let (mut client, mut server) = (Explainer::client(), Explainer::server());
        if version != Version::Rfc6455 {
            let context = DraftContext { spec: DraftSpec::for_version(version), keys: Arc::default() };
            client.draft = Some(context.clone());
            server.draft = Some(context);
            client.state = client.initial_state();
            server.state = server.initial_state();
        }
        (client, server)
    }
}

impl DraftContext {
    /// Keeps what a head says that is needed later.
    pub(crate) fn record_head(&self, head: &Head) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, place) in [("Sec-WebSocket-Key", 0), ("Sec-WebSocket-Nonce", 1)] {
            if let Some(value) = head.get(name) {
                match place {
                    0 => keys.key = value.to_vec(),
                    _ => keys.nonce = value.to_vec(),
                }
            }
        }
        let agreed = head.get("Sec-WebSocket-Extensions").filter(|_| head.status() == 101);
        keys.deflate_stream |= agreed.is_some_and(|list| list.trim_ascii() == DEFLATE_STREAM.as_bytes());
        let number = |name| head.get(name).and_then(proof::key_number);
        keys.challenge_numbers =
            number("Sec-WebSocket-Key1").zip(number("Sec-WebSocket-Key2")).or(keys.challenge_numbers);
    }

    /// The key of the whole connection, in hybi-04; nothing to others.
    pub(crate) fn masking_key(&self) -> [u8; 20] {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        proof::masking_key(&keys.key, &keys.nonce)
    }

    /// Whether all that follows the heads is compressed.
    pub(crate) fn uses_deflate_stream(&self) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).deflate_stream
    }

    /// What a frame of hybi-04 is masked with.
    pub(crate) fn frame_key(&self, nonce: [u8; 4]) -> [u8; 20] {
        sha1::digest(&[&nonce[..], &self.masking_key()].concat())
    }

    /// What the server has to answer to these eight bytes, if the keys are known.
    fn answer(&self, body: &[u8]) -> Option<[u8; 16]> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let ((first, second), body) = keys.challenge_numbers.zip(body.try_into().ok())?;
        Some(proof::challenge_response(first, second, body))
    }

    /// How many bytes stand behind a head.
    pub(crate) fn trailer_len(&self, from: Role) -> usize {
        match (self.spec.proof, from) {
            (HandshakeProof::Challenge, Role::Client) => 8,
            (HandshakeProof::Challenge, Role::Server) => 16,
            (HandshakeProof::None | HandshakeProof::Accept | HandshakeProof::AcceptAndNonce, _) => 0,
        }
    }

    /// The bytes behind a head of hybi-00 to -03.
    pub(crate) fn render_trailer(&self, from: Role, trailer: &[u8], out: &mut String) {
        let client = from == Role::Client;
        let (title, note) = match client {
            true => ("behind the head", "8 random bytes, where no proxy looks for any"),
            false => {
                ("behind the head", "MD5 of both numbers and the client's 8 bytes: only who read them all says this")
            }
        };
        out.push_str(&format!("\n{}  {} bytes {title}\n", arrow(from), trailer.len()));
        for (at, bytes) in trailer.chunks(BYTES).enumerate() {
            table_row(
                out,
                bytes,
                "",
                if at > 0 {
                    ""
                } else if client {
                    "key 3"
                } else {
                    "answer"
                },
                if at == 0 { note } else { "" },
            );
        }
        if let Some(answer) = self.answer(trailer).filter(|_| client) {
            for (at, bytes) in answer.chunks(BYTES).enumerate() {
                let note = if at == 0 { "what the server has to answer" } else { "" };
                table_row(out, bytes, "", if at == 0 { "MD5" } else { "" }, note);
            }
        }
    }

    /// What a field is for, where RFC 6455 does not know it, or knows it otherwise.
    pub(crate) fn note(&self, from: Role, name: &str, value: &[u8]) -> Option<String> {
        let spec = self.spec;
        let note = match (from, name) {
            (Role::Client, "sec-websocket-key1" | "sec-websocket-key2") => return Some(challenge_key_note(value)),
            (Role::Client, "sec-websocket-version") => format!("{}, which has this number", spec.name),
            (Role::Client, "sec-websocket-draft") => "the first version with a number of its own".into(),
            (Role::Client, "origin" | "sec-websocket-origin") => "the site that connects".into(),
            (Role::Client, "websocket-protocol") => "the subprotocol it speaks".into(),
            (Role::Client, "sec-websocket-protocol") if !spec.subprotocols.allows_multiple() => {
                "the subprotocol it speaks".into()
            }
            (Role::Server, "websocket-origin" | "sec-websocket-origin") => {
                "the site that may connect, told back".into()
            }
            (Role::Server, "websocket-location" | "sec-websocket-location") => {
                "what was asked for, told back: the client compares it with its URL".into()
            }
            (Role::Server, "websocket-protocol") => "the subprotocol chosen".into(),
            (Role::Server, "sec-websocket-nonce") if spec.proof == HandshakeProof::AcceptAndNonce => {
                "16 random bytes in base64. SHA-1 of the client's key, these letters and \
                 61AC5F19-FBBA-4540-B96F-6561F1AB40A8 is the masking key of the connection"
                    .into()
            }
            _ => return None,
        };
        Some(note)
    }
}

/// The number in a key of hybi-00 to -03.
fn challenge_key_note(value: &[u8]) -> String {
    let digits: String = value.iter().filter(|b| b.is_ascii_digit()).map(|&b| char::from(b)).collect();
    let spaces = value.iter().filter(|&&b| b == b' ').count();
    match proof::key_number(value) {
        Some(number) => {
            format!("a number in hiding: the digits, {digits}, divided by the spaces, {spaces}, are {number}")
        }
        None => "wrong: no number hides in it".into(),
    }
}

/// Shows no keys.
impl fmt::Debug for DraftContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spoken").field("version", &self.spec.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both directions of a connection say, in this order, and that it is the same however it is cut, and fits the page.
    fn explain(version: Version, parts: &[(Role, &[u8])]) -> String {
        let run = |most: usize| {
            let (mut client, mut server) = Explainer::pair(version);
            let mut text = String::new();
            for (from, bytes) in parts {
                for piece in bytes.chunks(most) {
                    text += &match from {
                        Role::Client => client.feed(piece),
                        Role::Server => server.feed(piece),
                    };
                }
            }
            text
        };
        let whole = run(usize::MAX);
        for most in [1, 2, 3, 7] {
            assert_eq!(run(most), whole, "{version} in pieces of {most}");
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
                "the digits, 4146546015,",
                "divided by the spaces, 5, are 829309203",
                "client -> server  8 bytes behind the head",
                "    5e 6e 3a 64 73 5b 34 55             key 3 ",
                "    38 6a 4b 53 27 79 3a 47             MD5       what the server has to answer",
                "compares it with its URL",
                "server -> client  16 bytes behind the head",
                "    38 6a 4b 53 27 79 3a 47             answer ",
                "client -> server  Text frame with 5 bytes, a whole message",
                "    00                                  type      00: text follows, up to the next ff",
                "    48 65 6c 6c 6f                      payload",
                "text      \"Hello\"",
                "    ff                                  end ",
                "A frame that is skipped, 5 bytes in all",
                "A frame that is skipped, 5 bytes in all",
                "client -> server  The closing frame",
                "server -> client  The closing frame",
            ],
        );
    }

    #[test]
    fn hybi_04_is_unmasked_by_what_both_heads_say() {
        let client = [0x37, 0xfa, 0x21, 0x3d, 0x06, 0x45, 0x7d, 0xc9, 0x39, 0x2a, 0x52];
        let text = explain(Version::Hybi04, &[(Role::Client, HEAD), (Role::Server, ANSWER), (Role::Client, &client)]);
        has(
            &text,
            &[
                "masking key of the connection",
                "client -> server  Text frame with 5 bytes, a whole message",
                "    37 fa 21 3d                         nonce ",
                "    06 45                               masked    the header as it travels",
                "    84                       1... ....  FIN       1: the message ends with this frame",
                ".... 0100  opcode    4: text, in UTF-8",
                "    05                       0... ....  RSV4 ",
                "    7d c9 39 2a 52                      masked    the payload as it travels",
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
                "without a body",
            ],
        );
        let closes = [(Version::Hybi05, &b"\x81\x01S"[..], "S: the server closes first")];
        let codes = [
            (Version::Hybi06, &b"\x81\x05\x03\xECbig"[..], "1004: a message too large"),
            (Version::Hybi07, b"\x88\x02\x03\xE8", "1000: normal, all is done"),
            (Version::Hybi08, b"\x88\x00", "no code and no reason"),
        ];
        for (version, frame, says) in closes.into_iter().chain(codes) {
            has(&explain(version, &[(Role::Server, ANSWER), (Role::Server, frame)]), &["Close frame", says]);
        }
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let text = explain(Version::Hybi07, &[(Role::Client, HEAD), (Role::Client, &masked)]);
        has(&text, &["MASK      1: a client masks every frame", "XOR key", "text      \"Hello\""]);
    }

    #[test]
    fn what_is_compressed_as_a_whole_is_not_parsed() {
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
    fn a_broken_rule_is_named_and_ends_it() {
        let text = explain(Version::Hybi07, &[(Role::Client, HEAD), (Role::Client, b"\x81\x05Hello\x81\x05Hello")]);
        has(&text, &["A frame that breaks a rule", "BROKEN RULE  a frame from a client is not masked"]);
        assert_eq!(text.matches("A frame").count(), 1);
        let text = explain(Version::Hybi05, &[(Role::Server, ANSWER), (Role::Server, b"\x84\x85")]);
        has(&text, &["reserved bits 1000 are set"]);
    }

    #[test]
    fn whatever_comes_is_survived() {
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
}
