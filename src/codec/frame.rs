//! The frame header of RFC 6455 section 5.2: parsed, checked and written.
//!
//! ```text
//!  0                   1
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5     then, if the 7 bits say
//! +-+-+-+-+-------+-+-------------+    126: 16 bits of length
//! |F|R|R|R| opcode|M| length (7)  |    127: 64 bits of length, the top one 0
//! |I|S|S|S|  (4)  |A|             |
//! |N|V|V|V|       |S|             |    and, if MASK is set, 4 bytes of masking key
//! | |1|2|3|       |K|             |
//! +-+-+-+-+-------+-+-------------+    6455-5.2-s1: where figure and ABNF differ, the figure wins
//! ```
//!
//! Every rule that a header alone can break is one check below. The checks stand in the order of the bytes on the wire: RSV,
//! opcode, FIN, MASK, length. Each is made as soon as its byte has arrived, and the first that fails is the error.
//!
//! ```
//! use stdws::codec::frame::{parse, Context, Header, Opcode, Role};
//! use stdws::{MessageKind, ProtocolError};
//!
//! // The masked "Hello" of section 5.7: FIN and opcode 1, MASK and length 5, key, payload.
//! let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let context = Context::new(Role::Server);
//! let header = parse(&bytes, context)?.unwrap();
//! assert!(header.fin);
//! assert_eq!(header.opcode, Opcode::Data(MessageKind::Text));
//! assert_eq!((header.length, header.size), (5, 6));
//!
//! assert_eq!(parse(&bytes[..1], context), Ok(None));
//! assert_eq!(parse(&[0x81, 0x05], context), Err(ProtocolError::UnmaskedFrame));
//!
//! let mut written = Vec::new();
//! Header { key: Some([0x37, 0xfa, 0x21, 0x3d]), ..Header::new(header.opcode, 5) }.encode(&mut written);
//! assert_eq!(written, bytes[..6]);
//! # Ok::<(), ProtocolError>(())
//! ```

use crate::error::ProtocolError;
use crate::message::MessageKind;

/// Maximum length of the payload of a control frame (6455-5.5-1).
pub const MAX_CONTROL: usize = 125;

/// The side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that opened the connection. It masks its frames.
    Client,
    /// The side that accepted the connection.
    Server,
}

/// The opcode of a frame (RFC 6455 sections 5.2 and 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// 0: a fragment that is not the first of its message.
    Continuation,
    /// 1 or 2: a message or its first fragment, text or binary.
    Data(MessageKind),
    /// 8: the last frame that its sender sends.
    Close,
    /// 9: asks the receiver for a Pong.
    Ping,
    /// 10: the answer to a Ping, or unsolicited.
    Pong,
}

impl Opcode {
    /// 6455-5.2-s2: the table of opcodes.
    fn parse(nibble: u8) -> Option<Opcode> {
        match nibble {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Data(MessageKind::Text)),
            0x2 => Some(Opcode::Data(MessageKind::Binary)),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xA => Some(Opcode::Pong),
            _ => None,
        }
    }

    fn nibble(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Data(MessageKind::Text) => 0x1,
            Opcode::Data(MessageKind::Binary) => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
        }
    }

    /// 6455-5.5-s1: whether this is the opcode of a control frame, which has its top bit set.
    pub fn is_control(self) -> bool {
        self.nibble() & 0x8 != 0
    }
}

/// The state of the connection that the validity of a header depends on.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The side that receives the frame.
    pub role: Role,
    /// Whether a fragmented message has begun and not ended.
    pub open: bool,
    /// Whether compression was negotiated, so that RSV1 is allowed on the first frame of a message.
    pub compression: bool,
}

impl Context {
    /// Between messages, without compression.
    pub const fn new(role: Role) -> Context {
        Context { role, open: false, compression: false }
    }
}

/// RSV1 in the first byte: the message is compressed (7692-6.1-1).
pub(crate) const RSV1: u8 = 0x40;

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// FIN: the frame ends its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692).
    pub rsv1: bool,
    /// The opcode.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub key: Option<[u8; 4]>,
    /// The length of the payload in bytes.
    pub length: u64,
    /// The length of the parsed header in bytes. [`Header::encode`] ignores it.
    pub size: usize,
}

impl Header {
    /// The header of a frame that ends its message, neither masked nor compressed.
    pub const fn new(opcode: Opcode, length: u64) -> Header {
        let size = match length {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => 10,
        };
        Header { fin: true, rsv1: false, opcode, key: None, length, size }
    }

    /// Appends the header. 6455-5.2-5: a length of 2^63 or more is not allowed.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let at = out.len();
        emit(out, self.fin, self.opcode, self.length, self.key);
        if let (true, Some(first)) = (self.rsv1, out.get_mut(at)) {
            *first |= RSV1;
        }
    }
}

/// Reads a header from the start of `bytes`. `None` when more bytes are needed and the bytes so far break no rule.
///
/// # Errors
///
/// The first rule that the bytes break, in the order of the bytes.
pub fn parse(bytes: &[u8], context: Context) -> Result<Option<Header>, ProtocolError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let (fin, opcode) = check_first(first, context)?;
    let rsv1 = first & RSV1 != 0;
    let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
    let masked = second & 0x80 != 0;
    match (context.role, masked) {
        // 6455-5.1-2: a server closes on an unmasked frame.
        (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
        // 6455-5.1-5: a client closes on a masked frame.
        (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
        (Role::Server, true) | (Role::Client, false) => {}
    }
    let code = second & 0x7F;
    // 6455-5.5-1: at most 125 bytes, so the two longer forms never begin a control frame.
    if opcode.is_control() && usize::from(code) > MAX_CONTROL {
        return Err(ProtocolError::ControlFrameTooBig);
    }
    let Some((length, length_size)) = parse_length(code, rest)? else { return Ok(None) };
    if !masked {
        return Ok(Some(Header { fin, rsv1, opcode, key: None, length, size: length_size.saturating_add(2) }));
    }
    // 6455-5.2-s4: the key stands after the length, exactly when MASK is 1.
    let key = rest.get(length_size..).and_then(|rest| rest.first_chunk::<4>());
    Ok(key.map(|key| Header { fin, rsv1, opcode, key: Some(*key), length, size: length_size.saturating_add(6) }))
}

/// As [`parse`], for the header that is the most common between messages: that of a whole message without RSV1. `None` for any
/// other, also for a wrong or an incomplete one.
#[inline(always)]
pub(super) fn parse_whole_message(bytes: &[u8], role: Role) -> Option<(MessageKind, Header)> {
    let [first, second, rest @ ..] = bytes else { return None };
    let kind = match first {
        0x81 => MessageKind::Text,
        0x82 => MessageKind::Binary,
        _ => return None,
    };
    let masked = second & 0x80 != 0;
    if masked != (role == Role::Server) {
        return None;
    }
    let (length, length_size) = parse_length(second & 0x7F, rest).ok().flatten()?;
    let key = match masked {
        true => Some(*rest.get(length_size..)?.first_chunk()?),
        false => None,
    };
    let size = length_size.saturating_add(if masked { 6 } else { 2 });
    Some((kind, Header { fin: true, rsv1: false, opcode: Opcode::Data(kind), key, length, size }))
}

#[inline(always)]
fn check_first(first: u8, context: Context) -> Result<(bool, Opcode), ProtocolError> {
    let reserved = (first >> 4) & 0x7;
    // 7692-6.1-3, 7692-6.1-4: RSV1 is defined on the first frame of a message, and on no other.
    let defined = if context.compression && matches!(first & 0xF, 0x1 | 0x2) { 0x4 } else { 0x0 };
    if reserved & !defined != 0 {
        // 6455-5.2-2, 6455-5.2-3, 6455-5.2-9, 6455-5.2-10, 6455-5.2-11: no extension defines them.
        return Err(ProtocolError::ReservedBits(reserved));
    }
    // 6455-5.2-4
    let opcode = Opcode::parse(first & 0xF).ok_or(ProtocolError::UnknownOpcode(first & 0xF))?;
    let fin = first & 0x80 != 0;
    match opcode {
        // 6455-5.4-2, 6455-5.5-2: a control frame is never fragmented.
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => Err(ProtocolError::FragmentedControlFrame),
        // 6455-5.4-s1, 6455-5.4-s2: a message begins with a data opcode ...
        Opcode::Continuation if !context.open => Err(ProtocolError::UnexpectedContinuation),
        // 6455-5.4-4: ... and the next one begins after its end.
        Opcode::Data(_) if context.open => Err(ProtocolError::ExpectedContinuation),
        Opcode::Continuation | Opcode::Data(_) | Opcode::Close | Opcode::Ping | Opcode::Pong => Ok((fin, opcode)),
    }
}

/// The payload length, and the number of bytes after the second that hold it.
#[inline(always)]
fn parse_length(code: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let Some((length, size)) = parse_any_length(code, rest)? else { return Ok(None) };
    let least = match size {
        0 => 0,
        2 => 126,
        _ => 0x1_0000,
    };
    // 6455-5.2-6: the shortest form is the only one.
    if length < least {
        return Err(ProtocolError::LengthNotMinimal);
    }
    Ok(Some((length, size)))
}

/// As `parse_length`, and accepts a form that is not the shortest. 6455-5.2-s3: network byte order.
#[inline(always)]
pub(crate) fn parse_any_length(code: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    match code {
        126 => Ok(rest.first_chunk::<2>().map(|bytes| (u64::from(u16::from_be_bytes(*bytes)), 2))),
        127 => {
            // 6455-5.2-5: the top bit is 0; the first of the eight bytes has it.
            if rest.first().is_some_and(|top| top & 0x80 != 0) {
                return Err(ProtocolError::LengthMostSignificantBit);
            }
            Ok(rest.first_chunk::<8>().map(|bytes| (u64::from_be_bytes(*bytes), 8)))
        }
        code => Ok(Some((u64::from(code), 0))),
    }
}

/// Appends a header. 6455-5.2-6: the shortest form. 6455-5.2-9 to 6455-5.2-11: the reserved bits are 0.
#[inline]
pub(crate) fn emit(out: &mut Vec<u8>, fin: bool, opcode: Opcode, length: u64, key: Option<[u8; 4]>) {
    emit_with_first(out, if fin { 0x80 } else { 0 } | opcode.nibble(), length, key);
}

/// As [`emit`], with this first byte.
#[inline]
pub(crate) fn emit_with_first(out: &mut Vec<u8>, first: u8, length: u64, key: Option<[u8; 4]>) {
    let mask = if key.is_some() { 0x80 } else { 0 };
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.extend_from_slice(&[first, mask | short]),
        (_, Ok(medium)) => {
            let [high, low] = medium.to_be_bytes();
            out.extend_from_slice(&[first, mask | 126, high, low]);
        }
        (_, Err(_)) => {
            out.extend_from_slice(&[first, mask | 127]);
            // 6455-5.2-5: no length in memory reaches the top bit.
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Context = Context { role: Role::Server, open: false, compression: false };
    const CLIENT: Context = Context { role: Role::Client, open: false, compression: false };
    const ALL: [Opcode; 6] = [
        Opcode::Continuation,
        Opcode::Data(MessageKind::Text),
        Opcode::Data(MessageKind::Binary),
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ];

    /// The verdict on the whole, having checked that every shorter part is `None` or already the same verdict.
    fn verdict(bytes: &[u8], context: Context) -> Result<Option<Header>, ProtocolError> {
        let whole = parse(bytes, context);
        for cut in 0..bytes.len() {
            let part = parse(&bytes[..cut], context);
            assert!(part == Ok(None) || part == whole, "{bytes:02x?} cut at {cut}: {part:?}, whole: {whole:?}");
        }
        if let Ok(Some(_)) = whole {
            let mut longer = bytes.to_vec();
            longer.extend_from_slice(&[0xFF; 20]);
            assert_eq!(parse(&longer, context), whole);
        }
        whole
    }

    /// 7692-6.1-1: no other bit changes.
    #[test]
    fn rsv1_is_added_to_the_first_byte() {
        for (kind, first) in [(MessageKind::Text, 0xC1), (MessageKind::Binary, 0xC2)] {
            let mut out = vec![7];
            Header { rsv1: true, ..Header::new(Opcode::Data(kind), 0) }.encode(&mut out);
            assert_eq!(out, [7, first, 0]);
        }
    }

    #[test]
    fn a_header_that_is_encoded_is_parsed_to_the_same() {
        // 7692-6.1-1, 6455-5.2-s4, 6455-5.2-6
        for (fin, rsv1) in [(true, true), (true, false), (false, true), (false, false)] {
            for length in [0, 125, 126, 0xFFFF, 0x1_0000] {
                let plain = Header { fin, rsv1, ..Header::new(Opcode::Data(MessageKind::Text), length) };
                let masked = Header { key: Some([1, 2, 3, 4]), size: plain.size + 4, ..plain };
                for (header, role) in [(plain, Role::Client), (masked, Role::Server)] {
                    let mut out = vec![7];
                    header.encode(&mut out);
                    let context = Context { compression: true, ..Context::new(role) };
                    assert_eq!(parse(&out[1..], context), Ok(Some(header)));
                    assert_eq!(out.len(), 1 + header.size);
                }
            }
        }
    }

    /// Shows the answers to farrell-6, sparks-3.
    #[test]
    fn every_length_at_every_boundary_comes_back() {
        // 6455-5.2-6, 6455-5.2-s3, 6455-5.2-s4: each power of two and its neighbours, masked and not.
        let mut lengths = vec![0u64];
        for bit in 0..63 {
            lengths.extend([(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        }
        lengths.push((1 << 63) - 1);
        for length in lengths {
            for (key, context, extra) in [(None, CLIENT, 0), (Some([1, 2, 3, 4]), SERVER, 4)] {
                let mut out = Vec::new();
                emit(&mut out, true, Opcode::Data(MessageKind::Binary), length, key);
                let size = extra
                    + if length < 126 {
                        2
                    } else if length < 65536 {
                        4
                    } else {
                        10
                    };
                assert_eq!(out.len(), size, "{length}");
                let header =
                    Header { fin: true, rsv1: false, opcode: Opcode::Data(MessageKind::Binary), key, length, size };
                assert_eq!(verdict(&out, context), Ok(Some(header)));
            }
        }
    }

    /// Shows the answers to farrell-c4, turner-c2.
    #[test]
    fn every_opcode_comes_back_with_fin_and_without() {
        // 6455-5.2-s2, 6455-5.4-s1, 6455-5.4-s2, 6455-5.5-s1
        for opcode in ALL {
            for fin in [true, false] {
                let open = opcode == Opcode::Continuation;
                let mut out = Vec::new();
                emit(&mut out, fin, opcode, 5, None);
                let want = if opcode.is_control() && !fin {
                    Err(ProtocolError::FragmentedControlFrame) // 6455-5.4-2, 6455-5.5-2
                } else {
                    Ok(Some(Header { fin, rsv1: false, opcode, key: None, length: 5, size: 2 }))
                };
                assert_eq!(verdict(&out, Context { role: Role::Client, open, compression: false }), want);
            }
        }
    }

    /// Every first byte, with every form of length at its boundaries, complete and cut.
    #[test]
    fn the_header_of_a_whole_message_is_parsed_as_any_other() {
        const LENGTHS: [[u8; 8]; 6] = [
            [0; 8],
            125u64.to_be_bytes(),
            [0, 126, 0, 0, 0, 0, 0xFF, 0xFF],
            [0, 0, 0, 0, 0, 1, 0, 0],
            i64::MAX.to_be_bytes(),
            [0x80, 0, 0, 0, 0, 0, 0, 0],
        ];
        for role in [Role::Client, Role::Server] {
            let seconds = [0, 1, 125, 126, 127].into_iter().flat_map(|code| [code, 0x80 | code]);
            for (second, length) in seconds.flat_map(|second| LENGTHS.map(|length| (second, length))) {
                for first in 0..=u8::MAX {
                    let bytes = [&[first, second][..], &length, &[1, 2, 3, 4]].concat();
                    for bytes in (0..=bytes.len()).map(|cut| &bytes[..cut]) {
                        let context = Context { role, open: false, compression: true };
                        let header = parse(bytes, context).ok().flatten().filter(|header| header.fin && !header.rsv1);
                        let whole = header.and_then(|header| match header.opcode {
                            Opcode::Data(kind) => Some((kind, header)),
                            _ => None,
                        });
                        assert_eq!(parse_whole_message(bytes, role), whole, "{role:?} {bytes:02x?}");
                    }
                }
            }
        }
    }

    /// Shows the answers to opera-5, opera-9, farrell-6, farrell-8, farrell-c5, farrell-c8, turner-4, sparks-3.
    #[test]
    fn each_rule_fails_on_the_byte_that_breaks_it() {
        let open = |role| Context { role, open: true, compression: false };
        for (bytes, context, violation, at) in [
            (&[0xC1, 0x80][..], SERVER, ProtocolError::ReservedBits(4), 1), // 6455-5.2-3, 6455-5.2-2, 6455-5.2-9
            (&[0xA1, 0x80], SERVER, ProtocolError::ReservedBits(2), 1),     // 6455-5.2-10
            (&[0x91, 0x00], CLIENT, ProtocolError::ReservedBits(1), 1),     // 6455-5.2-11
            (&[0x83, 0x80], SERVER, ProtocolError::UnknownOpcode(3), 1),    // 6455-5.2-4
            (&[0x8B, 0x00], CLIENT, ProtocolError::UnknownOpcode(11), 1),   // 6455-5.2-4
            (&[0x09, 0x80], SERVER, ProtocolError::FragmentedControlFrame, 1), // 6455-5.5-2
            (&[0x08, 0x80], SERVER, ProtocolError::FragmentedControlFrame, 1),
            (&[0x0A, 0x00], CLIENT, ProtocolError::FragmentedControlFrame, 1),
            (&[0x0B, 0x00], CLIENT, ProtocolError::UnknownOpcode(11), 1),
            (&[0x80, 0x80], SERVER, ProtocolError::UnexpectedContinuation, 1), // 6455-5.4-s2
            (&[0x00, 0x00], CLIENT, ProtocolError::UnexpectedContinuation, 1),
            (&[0x81, 0x80], open(Role::Server), ProtocolError::ExpectedContinuation, 1), // 6455-5.4-4
            (&[0x01, 0x00], open(Role::Client), ProtocolError::ExpectedContinuation, 1),
            (&[0x81, 0x05], SERVER, ProtocolError::UnmaskedFrame, 2), // 6455-5.1-2
            (&[0x89, 0x00], SERVER, ProtocolError::UnmaskedFrame, 2),
            (&[0x81, 0x85], CLIENT, ProtocolError::MaskedFrame, 2), // 6455-5.1-5
            (&[0x8A, 0x80], CLIENT, ProtocolError::MaskedFrame, 2),
            (&[0x89, 0xFE], SERVER, ProtocolError::ControlFrameTooBig, 2), // 6455-5.5-1
            (&[0x88, 0x7F], CLIENT, ProtocolError::ControlFrameTooBig, 2),
            (&[0x82, 0x7F, 0x80], CLIENT, ProtocolError::LengthMostSignificantBit, 3), // 6455-5.2-5
            (&[0x82, 0x7E, 0x00, 0x7D], CLIENT, ProtocolError::LengthNotMinimal, 4),   // 6455-5.2-6
            (&[0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], CLIENT, ProtocolError::LengthNotMinimal, 10),
        ] {
            assert_eq!(verdict(bytes, context), Err(violation), "{bytes:02x?}");
            assert_eq!(parse(&bytes[..at], context), Err(violation), "{bytes:02x?} fails at byte {at}");
            assert_eq!(parse(&bytes[..at - 1], context), Ok(None), "{bytes:02x?} does not fail before byte {at}");
        }
    }

    /// Shows the answer to opera-10.
    #[test]
    fn of_several_broken_rules_the_first_on_the_wire_wins() {
        assert_eq!(parse(&[0xFF, 0xFF, 0xFF], CLIENT), Err(ProtocolError::ReservedBits(7)));
        assert_eq!(parse(&[0x0F, 0xFF, 0xFF], CLIENT), Err(ProtocolError::UnknownOpcode(15)));
        assert_eq!(parse(&[0x09, 0xFF, 0xFF], CLIENT), Err(ProtocolError::FragmentedControlFrame));
        assert_eq!(parse(&[0x89, 0xFF, 0xFF], CLIENT), Err(ProtocolError::MaskedFrame));
    }

    /// Shows the answer to turner-4.
    #[test]
    fn with_compression_rsv1_may_stand_on_the_first_frame_of_a_message_alone() {
        // 7692-6.1-1, 7692-6.1-2, 7692-6.1-3, 7692-6.1-4
        let agreed = |open| Context { role: Role::Client, open, compression: true };
        for (first, open, fine) in [
            (0xC1, false, true),
            (0x42, false, true),
            (0x81, false, true),
            (0xC0, true, false),
            (0xC9, false, false),
            (0xC8, true, false),
            (0xE1, false, false),
            (0x91, false, false),
        ] {
            match verdict(&[first, 0x00], agreed(open)) {
                Ok(header) => assert!(fine && header.is_some_and(|h| h.rsv1 == (first & RSV1 != 0)), "{first:02x}"),
                Err(violation) => {
                    assert!(!fine, "{first:02x}");
                    assert_eq!(violation, ProtocolError::ReservedBits(first >> 4 & 7));
                }
            }
        }
    }
}
