//! The framing of hybi-01 to version 8: a header with opcode and length. The differences between versions are in the
//! column `framing` of the table.
//!
//! ```text
//! hybi-01 to -03   [M|RSV|opcode] [R|length] …   M: MORE frames of this message follow
//! hybi-04          nonce(4), then as below, all of it XORed with SHA-1(nonce, masking key of the connection)
//! hybi-05, -06     key(4), then [F|RSV|opcode] [R|length] …, all of it XORed with the key
//! hybi-07, 8       [F|RSV|opcode] [M|length] … key(4), and the payload XORed with the key: as in RFC 6455
//! ```
//!
//! Only client frames are masked. No draft requires the shortest form of a length.

use super::parts::{ControlLength, FinalBit, LengthFraming, Masking, Opcodes};
use super::plain::{TranslatedFrames, MAX_CONTROL};
use crate::codec::frame;
use crate::codec::frame::{Opcode, Role};
use crate::codec::mask;
use crate::error::ProtocolError;
use crate::message::MessageKind;
use crate::primitives::sha1;

/// The masking key of a connection, from the handshake. Used in hybi-04 only.
pub(super) type MaskingKey = [u8; 20];

/// The bytes with which a frame is XORed cyclically, rotated to the position of its next byte.
#[derive(Debug, Clone, Copy)]
enum Mask {
    None,
    Four([u8; 4]),
    /// With the position of the next byte.
    Twenty([u8; 20], usize),
}

impl Mask {
    /// hybi04-4.2-2: derived from the four bytes before the frame and from the masking key of the connection.
    fn for_hybi04_frame(nonce: [u8; 4], connection_key: &MaskingKey) -> Mask {
        Mask::Twenty(sha1::digest(&[&nonce[..], connection_key].concat()), 0)
    }

    fn apply(&mut self, bytes: &mut [u8]) {
        match self {
            Mask::None => {}
            Mask::Four(key) => {
                mask::apply(bytes, *key);
                *key = mask::rotate_key(*key, bytes.len());
            }
            Mask::Twenty(key, at) => {
                for (byte, key) in bytes.iter_mut().zip(key.iter().cycle().skip(*at)) {
                    *byte ^= key;
                }
                *at = at.saturating_add(bytes.len()) % 20;
            }
        }
    }
}

impl Opcodes {
    pub(crate) fn parse(&self, number: u8) -> Option<Opcode> {
        let all = [
            Opcode::Continuation,
            Opcode::Data(MessageKind::Text),
            Opcode::Data(MessageKind::Binary),
            Opcode::Close,
            Opcode::Ping,
            Opcode::Pong,
        ];
        all.into_iter().find(|&opcode| self.number(opcode) == number)
    }

    fn number(&self, opcode: Opcode) -> u8 {
        match opcode {
            Opcode::Continuation => self.continuation,
            Opcode::Data(MessageKind::Text) => self.text,
            Opcode::Data(MessageKind::Binary) => self.binary,
            Opcode::Close => self.close,
            Opcode::Ping => self.ping,
            Opcode::Pong => self.pong,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The four bytes before a frame that is masked including its header.
    Nonce,
    Header,
    /// The payload: number of bytes left, and maximum number of bytes still to translate.
    Payload {
        opcode: Opcode,
        fin: bool,
        left: u64,
        pass_limit: u64,
    },
}

/// A complete header.
struct Header {
    fin: bool,
    opcode: Opcode,
    length: u64,
    key: Option<[u8; 4]>,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Reader {
    role: Role,
    rules: LengthFraming,
    /// How the peer masks its frames.
    masking: Masking,
    connection_key: MaskingKey,
    /// Maximum payload length.
    limit: u64,
    state: State,
    /// The received bytes of the nonce or of the unmasked header: at most 14.
    head: Vec<u8>,
    mask: Mask,
}

impl Reader {
    pub(super) fn new(role: Role, rules: LengthFraming, connection_key: MaskingKey, limit: u64) -> Reader {
        let masking = match role {
            Role::Server => rules.masking,
            Role::Client => Masking::None,
        };
        let mut reader = Reader {
            role,
            rules,
            masking,
            connection_key,
            limit,
            state: State::Header,
            head: Vec::new(),
            mask: Mask::None,
        };
        reader.start_frame();
        reader
    }

    pub(super) fn is_incomplete(&self) -> bool {
        !self.head.is_empty()
            || matches!(self.state, State::Payload { .. })
            || (self.is_masked_whole() && matches!(self.state, State::Header))
    }

    fn is_masked_whole(&self) -> bool {
        matches!(self.masking, Masking::FrameBy20 | Masking::FrameBy4)
    }

    fn start_frame(&mut self) {
        self.head.clear();
        self.mask = Mask::None;
        self.state = if self.is_masked_whole() { State::Nonce } else { State::Header };
    }

    /// Reads up to the end of a frame, or all input. Returns the number of bytes read: at least one, unless there are
    /// none.
    pub(super) fn read(&mut self, raw: &mut [u8], out: &mut TranslatedFrames) -> Result<usize, ProtocolError> {
        let mut used: usize = 0;
        loop {
            let rest = raw.get_mut(used..).unwrap_or_default();
            if let State::Payload { opcode, fin, left, pass_limit } = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let (part, _) = rest.split_at_mut_checked(here).unwrap_or((&mut [], &mut []));
                self.mask.apply(part);
                let translated = usize::try_from(pass_limit).unwrap_or(usize::MAX).min(here);
                let part = part.get(..translated).unwrap_or_default();
                match opcode {
                    Opcode::Close => out.close.extend_from_slice(part),
                    Opcode::Data(_) | Opcode::Continuation | Opcode::Ping | Opcode::Pong => out.push(part),
                }
                used = used.saturating_add(here);
                let left = left.saturating_sub(here as u64);
                if left > 0 {
                    self.state =
                        State::Payload { opcode, fin, left, pass_limit: pass_limit.saturating_sub(translated as u64) };
                    return Ok(used);
                }
                if opcode == Opcode::Close {
                    out.begin(fin, opcode, 0);
                }
                self.start_frame();
                return Ok(used);
            }
            let Some(byte) = rest.first_mut() else { return Ok(used) };
            self.mask.apply(std::slice::from_mut(byte));
            self.head.push(*byte);
            used = used.saturating_add(1);
            self.on_header_byte(out)?;
        }
    }

    /// Processes the nonce or the header as far as it has arrived.
    fn on_header_byte(&mut self, out: &mut TranslatedFrames) -> Result<(), ProtocolError> {
        if let State::Nonce = self.state {
            if let Some(nonce) = self.head.first_chunk::<4>() {
                self.mask = match self.masking {
                    Masking::FrameBy20 => Mask::for_hybi04_frame(*nonce, &self.connection_key),
                    // hybi05-4.2-1
                    Masking::FrameBy4 | Masking::None | Masking::Payload => Mask::Four(*nonce),
                };
                self.head.clear();
                self.state = State::Header;
            }
            return Ok(());
        }
        let Some(Header { fin, opcode, length, key }) = self.parse()? else { return Ok(()) };
        if let Some(key) = key {
            self.mask = Mask::Four(key);
        }
        let pass_limit = match opcode {
            Opcode::Data(_) | Opcode::Continuation => length,
            Opcode::Close | Opcode::Ping | Opcode::Pong => self.check_control_length(length)?,
        };
        if opcode != Opcode::Close {
            out.begin(fin, opcode, pass_limit);
        }
        self.state = State::Payload { opcode, fin, left: length, pass_limit };
        Ok(())
    }

    /// Checks the length of a control frame, and returns the number of payload bytes to translate.
    fn check_control_length(&self, length: u64) -> Result<u64, ProtocolError> {
        let max = MAX_CONTROL as u64;
        match self.rules.control.length {
            // hybi03-4.4-1
            ControlLength::UpTo125 if length > max => Err(ProtocolError::ControlFrameTooBig),
            ControlLength::FrameLimit if length > self.limit => {
                Err(ProtocolError::FrameTooBig { length, limit: self.limit })
            }
            // hybi01-4.4-2: a Pong repeats a part of a longer Ping.
            ControlLength::UpTo125 | ControlLength::FrameLimit => Ok(length.min(max)),
        }
    }

    /// Parses the header. `None` if it is incomplete. An error is returned as early as possible.
    fn parse(&self) -> Result<Option<Header>, ProtocolError> {
        let Some((&first, rest)) = self.head.split_first() else { return Ok(None) };
        let reserved = (first >> 4) & 0x7;
        if reserved != 0 {
            return Err(ProtocolError::ReservedBits(reserved));
        }
        let opcode = self.rules.opcodes.parse(first & 0xF).ok_or(ProtocolError::UnknownOpcode(first & 0xF))?;
        // hybi01-4.2-1, hybi04-4.3-1: MORE or FIN.
        let fin = (first & 0x80 != 0) == (self.rules.final_bit == FinalBit::Fin);
        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        let masked = self.check_mask_bit(second & 0x80 != 0)?;
        let Some((length, size)) = frame::parse_any_length(second & 0x7F, rest)? else { return Ok(None) };
        if !masked {
            return Ok(Some(Header { fin, opcode, length, key: None }));
        }
        let key = rest.get(size..).and_then(|rest| rest.first_chunk::<4>()).copied();
        Ok(key.map(|key| Header { fin, opcode, length, key: Some(key) }))
    }

    /// Checks the most significant bit of the second byte, which is MASK or reserved. Returns whether a key follows.
    fn check_mask_bit(&self, top: bool) -> Result<bool, ProtocolError> {
        match (self.rules.masking, self.role, top) {
            // hybi07-4.3-1
            (Masking::Payload, Role::Server, false) => Err(ProtocolError::UnmaskedFrame),
            (Masking::Payload, Role::Client, true) => Err(ProtocolError::MaskedFrame),
            (Masking::Payload, Role::Server, true) => Ok(true),
            (Masking::None | Masking::FrameBy20 | Masking::FrameBy4, _, true) => Err(ProtocolError::ReservedBits(8)),
            (_, _, false) => Ok(false),
        }
    }
}

/// Appends a frame. `key` is present if this side masks.
pub(super) fn write(
    out: &mut Vec<u8>,
    rules: &LengthFraming,
    (key, connection_key): (Option<[u8; 4]>, &MaskingKey),
    (fin, opcode): (bool, Opcode),
    payload: &[u8],
) {
    let (whole, inside) = match (rules.masking, key) {
        (Masking::None, _) | (_, None) => (None, None),
        (Masking::Payload, Some(key)) => (None, Some(key)),
        (Masking::FrameBy4, Some(key)) => (Some((key, Mask::Four(key))), None),
        (Masking::FrameBy20, Some(key)) => (Some((key, Mask::for_hybi04_frame(key, connection_key))), None),
    };
    if let Some((nonce, _)) = whole {
        out.extend_from_slice(&nonce);
    }
    let at = out.len();
    let top = if fin == (rules.final_bit == FinalBit::Fin) { 0x80 } else { 0 };
    frame::emit_with_first(out, top | rules.opcodes.number(opcode), payload.len() as u64, inside);
    let payload_at = out.len();
    out.extend_from_slice(payload);
    if let Some((_, mut mask)) = whole {
        mask.apply(out.get_mut(at..).unwrap_or_default());
    }
    if let Some(key) = inside {
        Mask::Four(key).apply(out.get_mut(payload_at..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::parts::Framing;
    use crate::legacy::table::DraftSpec;
    use crate::legacy::Version;

    #[test]
    fn a_header_without_bytes_is_incomplete() {
        let Framing::Length(rules) = DraftSpec::for_version(Version::Hybi08).framing else { panic!("a length") };
        let reader = Reader::new(Role::Client, rules, MaskingKey::default(), 10);
        assert!(reader.parse().unwrap().is_none());
    }
}
