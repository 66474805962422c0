//! A second decoder of RFC 6455, written from the RFC alone: it shares no line and no idea with the crate's.
//!
//! It reads one byte at a time, so it knows the first byte at which a rule is broken. Limits are compared when a header has
//! come, and the body of a Close is checked when it has come, because the RFC does not say at which byte.
//! Extensions are not supported.

use stdws::Limits;

/// What a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code and the reason, if the frame has a payload.
    Close(Option<(u16, String)>),
}

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code of section 7.4.1 for it.
    pub code: u16,
    /// Number of bytes read, with the one that breaks the rule.
    pub at: usize,
}

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_PAYLOAD: u16 = 1007;
const TOO_BIG: u16 = 1009;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Which part of a frame the next byte belongs to.
#[derive(Clone, Copy)]
enum Part {
    First,
    Second,
    /// In 16 or 64 bits. A length below `least` needs fewer.
    Length {
        left: usize,
        least: u64,
    },
    Key {
        left: usize,
    },
    Payload,
}

/// A message that has begun.
struct Message {
    text: bool,
    frames: u32,
    bytes: Vec<u8>,
    /// Number of bytes that are whole characters.
    whole: usize,
}

/// The decoder, and where it is in a frame.
pub struct Decoder {
    masked: bool,
    limits: Limits,
    part: Part,
    fin: bool,
    opcode: u8,
    length: u64,
    key: Vec<u8>,
    /// Number of payload bytes of the frame that have come.
    read: u64,
    control: Vec<u8>,
    message: Option<Message>,
    /// Whether a Close has come.
    closed: bool,
}

impl Decoder {
    /// `masked` is what section 5.1 requires of the peer's frames.
    pub fn new(masked: bool, limits: &Limits) -> Decoder {
        Decoder {
            masked,
            limits: *limits,
            part: Part::First,
            fin: false,
            opcode: 0,
            length: 0,
            key: Vec::new(),
            read: 0,
            control: Vec::new(),
            message: None,
            closed: false,
        }
    }

    /// The events in `bytes`, and what ended them if a rule is broken. What follows a Close is not read.
    pub fn decode(mut self, bytes: &[u8]) -> (Vec<Event>, Option<Failure>) {
        let mut events = Vec::new();
        for (n, &byte) in bytes.iter().enumerate() {
            if self.closed {
                break;
            }
            match self.byte(byte) {
                Ok(event) => events.extend(event),
                Err(code) => return (events, Some(Failure { code, at: n + 1 })),
            }
        }
        (events, None)
    }

    fn byte(&mut self, byte: u8) -> Result<Option<Event>, u16> {
        match self.part {
            Part::First => self.first(byte).map(|()| None),
            Part::Second => self.second(byte),
            Part::Length { left, least } => self.long_length(byte, left, least),
            Part::Key { left } => {
                self.key.push(byte);
                self.part = Part::Key { left: left - 1 };
                if left > 1 {
                    return Ok(None);
                }
                self.begin_payload()
            }
            Part::Payload => self.payload(byte),
        }
    }

    /// Sections 5.2, 5.4 and 5.5: FIN, RSV and the opcode.
    fn first(&mut self, byte: u8) -> Result<(), u16> {
        self.fin = byte & 0x80 != 0;
        self.opcode = byte & 0x0f;
        let may_come = match self.opcode {
            CONTINUATION => self.message.is_some(),
            TEXT | BINARY => self.message.is_none(),
            CLOSE | PING | PONG => self.fin,
            _ => false,
        };
        if byte & 0x70 != 0 || !may_come {
            return Err(PROTOCOL_ERROR);
        }
        self.part = Part::Second;
        Ok(())
    }

    /// Section 5.2: MASK, and the length in 7 bits.
    fn second(&mut self, byte: u8) -> Result<Option<Event>, u16> {
        let length = byte & 0x7f;
        if (byte & 0x80 != 0) != self.masked {
            return Err(PROTOCOL_ERROR);
        }
        // Section 5.5: at most 125 bytes.
        if self.opcode >= CLOSE && length > 125 {
            return Err(PROTOCOL_ERROR);
        }
        self.length = 0;
        match length {
            126 => self.part = Part::Length { left: 2, least: 126 },
            127 => self.part = Part::Length { left: 8, least: 1 << 16 },
            _ => {
                self.length = u64::from(length);
                return self.header_without_key();
            }
        }
        Ok(None)
    }

    /// Section 5.2: the most significant bit of 64 is 0, and the minimal number of bytes is used.
    fn long_length(&mut self, byte: u8, left: usize, least: u64) -> Result<Option<Event>, u16> {
        if left == 8 && byte & 0x80 != 0 {
            return Err(PROTOCOL_ERROR);
        }
        self.length = self.length << 8 | u64::from(byte);
        self.part = Part::Length { left: left - 1, least };
        if left > 1 {
            return Ok(None);
        }
        if self.length < least {
            return Err(PROTOCOL_ERROR);
        }
        self.header_without_key()
    }

    /// All but the masking key has come.
    fn header_without_key(&mut self) -> Result<Option<Event>, u16> {
        self.key.clear();
        if self.masked {
            self.part = Part::Key { left: 4 };
            return Ok(None);
        }
        self.begin_payload()
    }

    /// The header has come. Section 10.4: limits on frames and messages.
    fn begin_payload(&mut self) -> Result<Option<Event>, u16> {
        if self.opcode < CLOSE {
            let (bytes, frames) = self.message.as_ref().map_or((0, 0), |m| (m.bytes.len() as u64, m.frames));
            if self.length > self.limits.max_frame_size
                || bytes.saturating_add(self.length) > self.limits.max_message_size
                || frames == self.limits.max_fragments
            {
                return Err(TOO_BIG);
            }
        }
        self.part = Part::Payload;
        self.read = 0;
        self.control.clear();
        if self.opcode == TEXT || self.opcode == BINARY {
            self.message = Some(Message { text: self.opcode == TEXT, frames: 0, bytes: Vec::new(), whole: 0 });
        }
        if let Some(message) = self.message.as_mut().filter(|_| self.opcode < CLOSE) {
            message.frames += 1;
        }
        if self.length == 0 {
            return self.end_of_frame();
        }
        Ok(None)
    }

    fn payload(&mut self, byte: u8) -> Result<Option<Event>, u16> {
        // Section 5.3: the octet at i is exclusive or of that at i modulo 4 in the key.
        let byte = if self.masked { byte ^ self.key[(self.read % 4) as usize] } else { byte };
        self.read += 1;
        if self.opcode >= CLOSE {
            self.control.push(byte);
        } else if let Some(message) = &mut self.message {
            message.bytes.push(byte);
            if message.text && !message.may_be_text() {
                return Err(INVALID_PAYLOAD);
            }
        }
        if self.read == self.length {
            return self.end_of_frame();
        }
        Ok(None)
    }

    fn end_of_frame(&mut self) -> Result<Option<Event>, u16> {
        self.part = Part::First;
        match self.opcode {
            CLOSE => self.close().map(Some),
            PING => Ok(Some(Event::Ping(self.control.clone()))),
            PONG => Ok(Some(Event::Pong(self.control.clone()))),
            _ if !self.fin => Ok(None),
            _ => match self.message.take() {
                None => Ok(None),
                Some(message) if !message.text => Ok(Some(Event::Binary(message.bytes))),
                // Section 8.1: a message that ends within a character.
                Some(message) => {
                    String::from_utf8(message.bytes).map(|t| Some(Event::Text(t))).or(Err(INVALID_PAYLOAD))
                }
            },
        }
    }

    /// Section 5.5.1 and 7.4: a code that may be sent, and a reason in UTF-8.
    fn close(&mut self) -> Result<Event, u16> {
        self.closed = true;
        if self.control.is_empty() {
            return Ok(Event::Close(None));
        }
        // A body begins with two bytes of code.
        let Some((&code, reason)) = self.control.split_first_chunk() else { return Err(PROTOCOL_ERROR) };
        let code = u16::from_be_bytes(code);
        // Section 7.4.1 with IANA's registry (1012 to 1014), and the ranges of section 7.4.2 that are for use.
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(PROTOCOL_ERROR);
        }
        match String::from_utf8(reason.to_vec()) {
            Ok(reason) => Ok(Event::Close(Some((code, reason)))),
            Err(_) => Err(INVALID_PAYLOAD),
        }
    }
}

impl Message {
    /// Whether what has come can be the beginning of a text.
    fn may_be_text(&mut self) -> bool {
        match std::str::from_utf8(&self.bytes[self.whole..]) {
            Ok(_) => {
                self.whole = self.bytes.len();
                true
            }
            Err(error) => error.error_len().is_none(),
        }
    }
}
