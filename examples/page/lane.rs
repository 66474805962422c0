//! One direction of a connection, taken apart: the heads of the opening handshake, then frames.
//!
//! | state | input | next state |
//! |---|---|---|
//! | `Head` | a byte of a head | `Head`; `Header` after a request or a 101; `Head` after another 1xx; `Stopped` after another status |
//! | `Header` | a byte of a frame header | `Header`; `Payload` |
//! | `Payload` | bytes of a payload | `Payload`; `Header`; `Stopped` after a violation or a Close |
//! | `Stopped` | all further bytes, which are counted | `Stopped` |
//!
//! The bytes of a frame are kept up to [`KEPT`], the bytes of a head up to [`MAX_HEAD`], so a peer determines no memory.

use stdws::codec::frame::Role;
use stdws::codec::mask;
use stdws::ProtocolError;

use super::judge::{Judge, Judgement, KEPT};

/// Maximum number of bytes of a head.
const MAX_HEAD: usize = 64 << 10;

/// A frame, as far as it has arrived.
pub(crate) struct Frame {
    pub(crate) header: Vec<u8>,
    pub(crate) length: u64,
    pub(crate) received: u64,
    /// The first bytes of the payload as they are on the wire.
    pub(crate) wire: Vec<u8>,
    pub(crate) judgement: Judgement,
}

impl Frame {
    /// The low four bits of the first byte.
    pub(crate) fn opcode(&self) -> u8 {
        self.header.first().map_or(0, |first| first & 0x0F)
    }

    fn key(&self) -> Option<[u8; 4]> {
        let is_masked = self.header.get(1).is_some_and(|second| second & 0x80 != 0);
        self.header.last_chunk::<4>().copied().filter(|_| is_masked)
    }
}

/// What one direction consists of.
pub(crate) enum Item {
    Head(Vec<u8>),
    Frame(Box<Frame>),
}

enum State {
    Head(Vec<u8>),
    Header(Vec<u8>),
    Payload(Box<Frame>),
    Stopped,
}

pub(crate) struct Lane {
    from: Role,
    state: State,
    pub(crate) judge: Judge,
    /// Number of bytes that were not parsed.
    pub(crate) unparsed: u64,
}

impl Lane {
    /// From the first byte of the opening handshake on.
    pub(crate) fn new(from: Role, limit: u64) -> Lane {
        let to = match from {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        Lane { from, state: State::Head(Vec::new()), judge: Judge::new(to, limit), unparsed: 0 }
    }

    /// From the first frame on.
    pub(crate) fn after_handshake(from: Role, limit: u64) -> Lane {
        Lane { state: State::Header(Vec::new()), ..Lane::new(from, limit) }
    }

    /// What follows is not a WebSocket.
    pub(crate) fn stop(&mut self) {
        self.state = State::Stopped;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Takes bytes up to the end of one item, or all. Called until `bytes` is empty.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Option<Item> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Head(head) => {
                    *bytes = rest;
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") || head.len() >= MAX_HEAD {
                        return Some(Item::Head(self.end_of_head()));
                    }
                }
                State::Header(header) => {
                    *bytes = rest;
                    header.push(byte);
                    if let Some(item) = self.end_of_header() {
                        return Some(item);
                    }
                }
                State::Payload(_) => {
                    if let Some(item) = self.payload(bytes) {
                        return Some(item);
                    }
                }
                State::Stopped => {
                    self.unparsed = self.unparsed.saturating_add(bytes.len() as u64);
                    *bytes = &[];
                }
            }
        }
        None
    }

    fn end_of_head(&mut self) -> Vec<u8> {
        let State::Head(head) = std::mem::replace(&mut self.state, State::Stopped) else { return Vec::new() };
        let status = head.get(8..12).unwrap_or_default();
        self.state = match (self.from, status) {
            _ if !head.ends_with(b"\r\n\r\n") => State::Stopped,
            (Role::Client, _) | (Role::Server, b" 101") => State::Header(Vec::new()),
            (Role::Server, [b' ', b'1', ..]) => State::Head(Vec::new()),
            (Role::Server, _) => State::Stopped,
        };
        head
    }

    /// 6455-5.2-6: the header is complete when the bytes that its second byte announces have arrived.
    fn end_of_header(&mut self) -> Option<Item> {
        let State::Header(header) = &mut self.state else { return None };
        let second = *header.get(1)?;
        let (size, short) = match second & 0x7F {
            126 => (4, None),
            127 => (10, None),
            short => (2, Some(u64::from(short))),
        };
        let length = header.get(2..size)?.iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let size = size + if second & 0x80 == 0 { 0 } else { 4 };
        if header.len() < size {
            return None;
        }
        let (header, length) = (std::mem::take(header), short.unwrap_or(length));
        let mut judgement = Judgement::default();
        self.judge.header(&header, &mut judgement);
        let frame = Box::new(Frame { header, length, received: 0, wire: Vec::new(), judgement });
        // The payload of a broken frame is shown, unless it is long.
        let ends = length == 0 || (frame.judgement.violation.is_some() && length > KEPT as u64);
        self.state = State::Payload(frame);
        if ends {
            self.end_of_frame()
        } else {
            None
        }
    }

    fn payload(&mut self, bytes: &mut &[u8]) -> Option<Item> {
        let State::Payload(frame) = &mut self.state else { return None };
        let left = usize::try_from(frame.length.saturating_sub(frame.received)).unwrap_or(usize::MAX);
        let (piece, rest) = bytes.split_at_checked(left).unwrap_or((bytes, &[]));
        *bytes = rest;
        let room = KEPT.saturating_sub(frame.wire.len());
        frame.wire.extend_from_slice(piece.get(..room).unwrap_or(piece));
        let mut plain = piece.to_vec();
        if let Some(key) = frame.key() {
            mask::apply(&mut plain, mask::rotate_key(key, (frame.received % 4) as usize));
        }
        frame.received = frame.received.saturating_add(piece.len() as u64);
        let was_valid = frame.judgement.violation.is_none();
        self.judge.payload(&plain, &mut frame.judgement);
        let is_broken = was_valid && frame.judgement.violation.is_some();
        if frame.received == frame.length || is_broken {
            self.end_of_frame()
        } else {
            None
        }
    }

    fn end_of_frame(&mut self) -> Option<Item> {
        let State::Payload(mut frame) = std::mem::replace(&mut self.state, State::Stopped) else { return None };
        if frame.received == frame.length {
            self.judge.end(&mut frame.judgement);
        }
        // 6455-7.1.7-7, 6455-5.5.1-5: nothing is read after a violation, and nothing comes after a Close.
        if frame.judgement.violation.is_none() && frame.opcode() != 8 {
            self.state = State::Header(Vec::new());
        }
        Some(Item::Frame(frame))
    }

    /// The rule that a frame breaks of which not all has arrived.
    pub(crate) fn violation(&self) -> Option<ProtocolError> {
        match &self.state {
            State::Payload(frame) => frame.judgement.violation,
            State::Header(header) => self.judge.violation(header),
            State::Head(_) | State::Stopped => None,
        }
    }

    /// What is missing of a frame that is not complete.
    pub(crate) fn pending(&self) -> Option<Pending> {
        match &self.state {
            State::Payload(frame) => Some(Pending::Payload(frame.length.saturating_sub(frame.received))),
            State::Header(header) if !header.is_empty() => Some(Pending::Header(header.len())),
            State::Head(_) | State::Header(_) | State::Stopped => None,
        }
    }

    /// Ends the direction. Returns the frame that was cut off.
    pub(crate) fn end(&mut self) -> Option<Item> {
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Payload(frame) => Some(Item::Frame(frame)),
            State::Head(_) | State::Header(_) | State::Stopped => None,
        }
    }
}

/// Number of bytes that an incomplete header has, or that a payload lacks.
pub(crate) enum Pending {
    Header(usize),
    Payload(u64),
}
