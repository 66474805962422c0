//! The frames in a stream of bytes, valid or not: only what decides where the next one begins is read (RFC 6455 section 5.2).

/// The header of a frame, with bits that may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawHeader {
    pub(crate) fin: bool,
    /// RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) length: u64,
    /// As it was on the wire.
    pub(crate) bytes: Vec<u8>,
}

impl RawHeader {
    /// `None`: more bytes are needed.
    fn parse(bytes: &[u8]) -> Option<RawHeader> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, at) = match second & 0x7f {
            126 => (bytes.get(2..4)?, 4),
            127 => (bytes.get(2..10)?, 10),
            _ => (&bytes[..0], 2),
        };
        let length = match length {
            [] => u64::from(second & 0x7f),
            digits => digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit)),
        };
        let key = match second & 0x80 {
            0 => None,
            _ => Some(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?),
        };
        let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0x0f);
        Some(RawHeader { fin, rsv, opcode, key, length, bytes: bytes.to_vec() })
    }

    /// The bytes of a header with these fields, and the shortest form of the length.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mask = u8::from(self.key.is_some()) << 7;
        let mut bytes = vec![u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | self.opcode & 0x0f];
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(length @ 0..=125), _) => bytes.push(mask | length),
            (_, Ok(length)) => {
                bytes.push(mask | 126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend(self.length.to_be_bytes());
            }
        }
        bytes.extend(self.key.iter().flatten());
        bytes
    }

    pub(crate) fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// A part of a frame. Each frame is a header, pieces of its payload, and an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Header(RawHeader),
    /// A piece, and the number of payload bytes before it.
    Payload(&'a [u8], u64),
    End,
}

/// | state | input | next state |
/// |---|---|---|
/// | `Header` | a byte of a header | `Header`; `Payload` |
/// | `Payload` | bytes of a payload | `Payload`, until none are left; then `Header` |
#[derive(Debug)]
pub(crate) enum Framer {
    Header(Vec<u8>),
    Payload { done: u64, left: u64 },
}

impl Default for Framer {
    fn default() -> Framer {
        Framer::Header(Vec::new())
    }
}

impl Framer {
    /// The next part, whose bytes are taken from `rest`. `None`: more bytes are needed.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Part<'a>> {
        match self {
            Framer::Header(bytes) => {
                while let Some((&byte, after)) = rest.split_first() {
                    *rest = after;
                    bytes.push(byte);
                    if let Some(header) = RawHeader::parse(bytes) {
                        *self = Framer::Payload { done: 0, left: header.length };
                        return Some(Part::Header(header));
                    }
                }
                None
            }
            Framer::Payload { left: 0, .. } => {
                *self = Framer::default();
                Some(Part::End)
            }
            Framer::Payload { done, left } => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let (piece, after) = rest.split_at(count);
                *rest = after;
                let before = *done;
                *done = done.saturating_add(count as u64);
                *left = left.saturating_sub(count as u64);
                (!piece.is_empty()).then_some(Part::Payload(piece, before))
            }
        }
    }

    /// The bytes of a header that is not complete.
    pub(crate) fn unfinished(&self) -> &[u8] {
        match self {
            Framer::Header(bytes) => bytes,
            Framer::Payload { .. } => &[],
        }
    }
}
