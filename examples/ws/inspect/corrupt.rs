//! Frames that break one rule: what `--corrupt` makes of a valid frame.

use super::frames::RawHeader;
use crate::session::Side;

pub(super) const HELP: &str = "make a frame invalid. KIND is mask (masked or not, as it must not be), rsv (RSV3 is set), opcode (a \
    reserved one), length (not the shortest form), huge (a length of 2^63 or more), fin (a control frame that is a fragment), \
    continuation (of no message), utf8 (the first byte of a text), deflate (the first block of a compressed message), close \
    (the code 1005), accept (Sec-WebSocket-Accept), or payload (one bit, which breaks no rule)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mask,
    Rsv,
    Opcode,
    Length,
    Huge,
    Fin,
    Continuation,
    Utf8,
    Deflate,
    Close,
    Accept,
    Payload,
}

const NAMES: [(&str, Kind); 12] = [
    ("mask", Kind::Mask),
    ("rsv", Kind::Rsv),
    ("opcode", Kind::Opcode),
    ("length", Kind::Length),
    ("huge", Kind::Huge),
    ("fin", Kind::Fin),
    ("continuation", Kind::Continuation),
    ("utf8", Kind::Utf8),
    ("deflate", Kind::Deflate),
    ("close", Kind::Close),
    ("accept", Kind::Accept),
    ("payload", Kind::Payload),
];

/// The key that an unmasked frame gets.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A corrupted frame.
pub(super) struct Changed {
    pub(super) note: String,
    pub(super) header: Vec<u8>,
    /// Mask of the received payload, and of the one that is sent.
    from: [u8; 4],
    to: [u8; 4],
    /// The bytes at the beginning of the payload.
    begin: Vec<Byte>,
}

/// A new value, or bits that are inverted.
#[derive(Clone, Copy)]
enum Byte {
    Is(u8),
    Inverted(u8),
}

impl Kind {
    pub(super) fn from_name(name: &str) -> Option<Kind> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// `None`: a frame that this kind does not concern.
    pub(super) fn change(self, header: &RawHeader, from: Side) -> Option<Changed> {
        let (is_control, is_first) = (header.is_control(), matches!(header.opcode, 1 | 2));
        let has_payload = header.length > 0;
        let mut new = header.clone();
        let (mut bytes, mut begin) = (None, Vec::new());
        let note = match self {
            Kind::Mask => {
                new.key = if header.key.is_some() { None } else { Some(KEY) };
                match from {
                    Side::Client => "the frame is not masked (6455-5.1-2)",
                    Side::Server => "the frame is masked (6455-5.1-5)",
                }
            }
            Kind::Rsv => {
                new.rsv ^= 1;
                "RSV3 is set (6455-5.2-3)"
            }
            Kind::Opcode => {
                new.opcode |= 3;
                "the opcode is a reserved one (6455-5.2-4)"
            }
            Kind::Length if header.length <= 0xffff => {
                bytes = Some(with_length(header, header.length));
                "the length has not its shortest form (6455-5.2-6)"
            }
            Kind::Huge => {
                bytes = Some(with_length(header, 1 << 63 | header.length));
                "the length is 2^63 or more (6455-5.2-5)"
            }
            Kind::Fin if is_control => {
                new.fin = false;
                "the control frame is a fragment (6455-5.5-2)"
            }
            Kind::Continuation if is_first => {
                (new.opcode, new.rsv) = (0, 0);
                "the frame continues no message (6455-5.4-s2)"
            }
            Kind::Utf8 if header.opcode == 1 && header.rsv & 4 == 0 && has_payload => {
                begin.push(Byte::Is(0xff));
                "the text is not UTF-8 (6455-8.1-1)"
            }
            // The last block, of the reserved type 3 (RFC 1951 section 3.2.3).
            Kind::Deflate if is_first && header.rsv & 4 != 0 && has_payload => {
                begin.push(Byte::Is(0x07));
                "the first block has a reserved type (7692-6.2-1)"
            }
            Kind::Close if header.opcode == 8 && header.length >= 2 => {
                begin.extend(1005_u16.to_be_bytes().map(Byte::Is));
                "the code is 1005, which is never sent (6455-7.4.1-3)"
            }
            Kind::Payload if !is_control && has_payload => {
                begin.push(Byte::Inverted(1));
                "a bit of the payload is inverted, which breaks no rule"
            }
            Kind::Length
            | Kind::Fin
            | Kind::Continuation
            | Kind::Utf8
            | Kind::Deflate
            | Kind::Close
            | Kind::Accept
            | Kind::Payload => return None,
        };
        let (from, to) = (header.key.unwrap_or_default(), new.key.unwrap_or_default());
        Some(Changed { note: note.to_owned(), header: bytes.unwrap_or_else(|| new.encode()), from, to, begin })
    }
}

impl Changed {
    /// Adds the bytes of the payload that stand behind `before` others.
    pub(super) fn payload(&self, piece: &[u8], before: u64, out: &mut Vec<u8>) {
        for (at, &byte) in (before..).zip(piece) {
            let key = |key: [u8; 4]| key.get((at % 4) as usize).copied().unwrap_or_default();
            let plain = byte ^ key(self.from);
            let begin = usize::try_from(at).ok().and_then(|at| self.begin.get(at));
            let plain = match begin {
                Some(Byte::Is(value)) => *value,
                Some(Byte::Inverted(bits)) => plain ^ bits,
                None => plain,
            };
            out.push(plain ^ key(self.to));
        }
    }
}

/// The header with a length of 64 bits.
fn with_length(header: &RawHeader, length: u64) -> Vec<u8> {
    let mut bytes = vec![header.bytes.first().copied().unwrap_or_default()];
    bytes.push(u8::from(header.key.is_some()) << 7 | 127);
    bytes.extend(length.to_be_bytes());
    bytes.extend(header.key.iter().flatten());
    bytes
}

/// Changes the accept key in a response. Returns what was done.
pub(super) fn corrupt_accept(head: &mut [u8]) -> Option<String> {
    const NAME: &[u8] = b"\r\nsec-websocket-accept:";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let value = head.get_mut(at + NAME.len()..)?;
    let first = value.iter_mut().find(|byte| **byte != b' ')?;
    *first = if *first == b'A' { b'B' } else { b'A' };
    Some("Sec-WebSocket-Accept has another value (6455-4.1-44)".to_owned())
}
