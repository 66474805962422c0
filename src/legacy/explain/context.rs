//! Which draft a connection uses, and how its opening handshake differs from that of RFC 6455.
//!
//! Everything that differs between drafts comes from the table.

use std::fmt;
use std::sync::Arc;

use crate::codec::frame::Role;
use crate::explain::frame::{arrow, table_row, BYTES};
use crate::handshake::http::Head;
use crate::legacy::handshake::{proof, DEFLATE_STREAM};
use crate::legacy::parts::HandshakeProof;
use crate::legacy::table::DraftSpec;
use crate::legacy::Version;
use crate::primitives::lock::Lock;
use crate::primitives::sha1;

/// The draft in use, and the handshake values shared by both explainers of a connection.
#[derive(Clone)]
pub(crate) struct DraftContext {
    pub(crate) spec: &'static DraftSpec,
    keys: Arc<Lock<HandshakeKeys>>,
}

/// Values from the two heads that are needed to read the frames.
#[derive(Default)]
struct HandshakeKeys {
    key: Vec<u8>,
    nonce: Vec<u8>,
    /// `deflate-stream` is negotiated.
    deflate_stream: bool,
    /// The numbers encoded in the two keys of hybi-00 to -03.
    challenge_numbers: Option<(u32, u32)>,
}

impl DraftContext {
    pub(crate) fn new(version: Version) -> DraftContext {
        DraftContext { spec: DraftSpec::for_version(version), keys: Arc::default() }
    }

    /// Stores the values of a head that are needed later.
    pub(crate) fn record_head(&self, head: &Head) {
        let mut keys = self.keys.lock();
        if let Some(key) = head.get("Sec-WebSocket-Key") {
            keys.key = key.to_vec();
        }
        if let Some(nonce) = head.get("Sec-WebSocket-Nonce") {
            keys.nonce = nonce.to_vec();
        }
        let agreed = head.get("Sec-WebSocket-Extensions").filter(|_| head.status() == 101);
        keys.deflate_stream |= agreed.is_some_and(|list| list.trim_ascii() == DEFLATE_STREAM.as_bytes());
        let number = |name| head.get(name).and_then(proof::key_number);
        keys.challenge_numbers =
            number("Sec-WebSocket-Key1").zip(number("Sec-WebSocket-Key2")).or(keys.challenge_numbers);
    }

    /// The masking key of the connection. Meaningful in hybi-04 only.
    pub(crate) fn masking_key(&self) -> [u8; 20] {
        let keys = self.keys.lock();
        proof::masking_key(&keys.key, &keys.nonce)
    }

    /// Whether everything after the heads is compressed.
    pub(crate) fn uses_deflate_stream(&self) -> bool {
        self.keys.lock().deflate_stream
    }

    /// The key that masks a frame of hybi-04.
    pub(crate) fn frame_key(&self, nonce: [u8; 4]) -> [u8; 20] {
        sha1::digest(&[&nonce[..], &self.masking_key()].concat())
    }

    /// The expected response to these eight bytes, if the keys are known.
    fn challenge_response(&self, body: &[u8]) -> Option<[u8; 16]> {
        let keys = self.keys.lock();
        let ((first, second), body) = keys.challenge_numbers.zip(body.try_into().ok())?;
        Some(proof::challenge_response(first, second, body))
    }

    /// Number of bytes after a head that belong to the handshake.
    pub(crate) fn trailer_len(&self, from: Role) -> usize {
        match (self.spec.proof, from) {
            (HandshakeProof::Challenge, Role::Client) => 8,
            (HandshakeProof::Challenge, Role::Server) => 16,
            (HandshakeProof::None | HandshakeProof::Accept | HandshakeProof::AcceptAndNonce, _) => 0,
        }
    }

    /// The rows for the bytes after a head of hybi-00 to -03.
    pub(crate) fn render_trailer(&self, from: Role, trailer: &[u8], out: &mut String) {
        let client = from == Role::Client;
        let note = match client {
            true => "8 random bytes after the head",
            false => "MD5 of both numbers and the client's 8 bytes: proves that the server read all of them",
        };
        out.push_str(&format!("\n{}  {} bytes after the head\n", arrow(from), trailer.len()));
        let name = if client { "key 3" } else { "answer" };
        for (at, bytes) in trailer.chunks(BYTES).enumerate() {
            let (name, note) = if at == 0 { (name, note) } else { ("", "") };
            table_row(out, bytes, "", name, note);
        }
        if let Some(answer) = self.challenge_response(trailer).filter(|_| client) {
            for (at, bytes) in answer.chunks(BYTES).enumerate() {
                let note = if at == 0 { "the expected response of the server" } else { "" };
                table_row(out, bytes, "", if at == 0 { "MD5" } else { "" }, note);
            }
        }
    }

    /// The meaning of a header field that RFC 6455 does not define, or defines differently.
    pub(crate) fn note(&self, from: Role, name: &str, value: &[u8]) -> Option<String> {
        let spec = self.spec;
        let note = match (from, name) {
            (Role::Client, "sec-websocket-key1" | "sec-websocket-key2") => return Some(challenge_key_note(value)),
            (Role::Client, "sec-websocket-version") => format!("the version number of {}", spec.name),
            (Role::Client, "sec-websocket-draft") => "the version number, in the first draft that has one".into(),
            (Role::Client, "origin" | "sec-websocket-origin") => "the origin of the web page".into(),
            (Role::Client, "websocket-protocol") => "the subprotocol of the client".into(),
            (Role::Client, "sec-websocket-protocol") if !spec.subprotocols.allows_multiple() => {
                "the subprotocol of the client".into()
            }
            (Role::Server, "websocket-origin" | "sec-websocket-origin") => "the accepted origin, repeated".into(),
            (Role::Server, "websocket-location" | "sec-websocket-location") => {
                "the requested URL, repeated: the client compares it with its own".into()
            }
            (Role::Server, "websocket-protocol") => "the selected subprotocol".into(),
            (Role::Server, "sec-websocket-nonce") if spec.proof == HandshakeProof::AcceptAndNonce => {
                "16 random bytes in base64. SHA-1 of the client's key, this value and \
                 61AC5F19-FBBA-4540-B96F-6561F1AB40A8 is the masking key of the connection"
                    .into()
            }
            _ => return None,
        };
        Some(note)
    }
}

/// The note on a key of hybi-00 to -03.
fn challenge_key_note(value: &[u8]) -> String {
    let digits: String = value.iter().filter(|b| b.is_ascii_digit()).map(|&b| char::from(b)).collect();
    let spaces = value.iter().filter(|&&b| b == b' ').count();
    match proof::key_number(value) {
        Some(number) => {
            format!("the digits {digits} divided by the number of spaces, {spaces}: {number}")
        }
        None => "invalid: encodes no number".into(),
    }
}

/// Shows the version, and no keys.
impl fmt::Debug for DraftContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DraftContext").field("version", &self.spec.name).finish_non_exhaustive()
    }
}
