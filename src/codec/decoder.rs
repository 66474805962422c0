//! The receiving half of RFC 6455 sections 5 and 6: bytes in, events out (6455-6.2-1, 6455-10.7-1).
//!
//! The caller reads into [`Decoder::space`], reports the number of bytes with [`Decoder::filled`], and takes events with
//! [`Decoder::next_event`] until it returns `None`.
//!
//! ```
//! use stdws::codec::decoder::Decoder;
//! use stdws::codec::event::DecoderEvent;
//! use stdws::codec::frame::Role;
//! use stdws::{CloseCode, Limits, MessageKind, ProtocolError};
//!
//! let mut decoder = Decoder::new(Role::Client, Limits::client());
//! // A binary message of three bytes, and a Close 1000 that is cut off after its header.
//! for read in [&[0x82, 0x03, 1, 2, 3, 0x88, 0x02][..], &[0x03, 0xe8]] {
//!     decoder.space()[..read.len()].copy_from_slice(read);
//!     decoder.filled(read.len());
//!     while let Some(event) = decoder.next_event()? {
//!         match event {
//!             DecoderEvent::Message(MessageKind::Binary) => assert_eq!(decoder.payload(), [1, 2, 3]),
//!             DecoderEvent::Close(code) => assert_eq!(code, Some(CloseCode::NORMAL)),
//!             other => panic!("not sent: {other:?}"),
//!         }
//!     }
//! }
//!
//! // A server must not mask, so the second byte of this frame is an error.
//! let mut decoder = Decoder::new(Role::Client, Limits::client());
//! decoder.space()[..2].copy_from_slice(&[0x81, 0x85]);
//! decoder.filled(2);
//! assert_eq!(decoder.next_event(), Err(ProtocolError::MaskedFrame));
//! # Ok::<(), ProtocolError>(())
//! ```
//!
//! # Invariants
//!
//! * A decoder fails once. After a violation the state *is* the violation, and nothing more is parsed (6455-7.1.7-7).
//! * The message under assembly owns all of its state; a control frame never changes it.
//! * A frame passes the states `Header`, `Payload` until its last byte, then `Header` again. The header alone decides the
//!   destination of the payload:
//!
//! | destination | used for | the payload bytes |
//! |---|---|---|
//! | `InputBuffer` | control frames; a message in one frame that fits the read buffer | are unmasked and lent in the read buffer |
//! | `PayloadBuffer` | fragments, and frames that do not fit | are appended to the payload buffer; a long rest is read straight into it |
//! | `Stream` | a message being streamed | are unmasked and lent in the read buffer, piece by piece |
//! | `Skip` | the rest of a message whose stream was dropped | are validated and dropped |
//! | `Inflate` | compressed messages | are decompressed, see `inflating` |
//!
//! * Text is validated as its bytes arrive, for every destination.
//! * Buffers grow with the bytes that have arrived, never by an announced length.

use super::assembly::{self, unmask, MessageInProgress, ReceiveMode};
use super::buffers::{InputBuffer, PayloadBuffer};
use super::close;
use super::event::DecoderEvent;
use super::frame;
use super::frame::{Context, Header, Opcode, Role};
use super::mask;
use crate::config::Limits;
use crate::deflate::extension::Inflater;
use crate::error::ProtocolError;
use crate::message::MessageKind;

// Methods of `Decoder`: its input memory; the path of one frame; compressed messages; streamed messages.
mod feeding;
mod frames;
#[cfg(all(feature = "deflate", any(feature = "client", feature = "server")))]
mod inflating;
mod streaming;

#[derive(Debug)]
enum DecoderState {
    Header,
    Payload(FrameInProgress),
    Closed,
    Failed(ProtocolError),
}

/// A frame whose header has been accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameInProgress {
    fin: bool,
    opcode: Opcode,
    /// Rotated to the next byte to arrive.
    key: Option<[u8; 4]>,
    /// Number of payload bytes still to process.
    remaining: u64,
    destination: Destination,
}

impl FrameInProgress {
    /// The next `by` bytes are unmasked.
    fn rotate_key(&mut self, by: usize) {
        self.key = self.key.map(|key| mask::rotate_key(key, by));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// Number of unread bytes that are already processed.
    InputBuffer(usize),
    PayloadBuffer,
    Stream,
    Skip,
    Inflate,
}

/// The location of the last event's bytes.
#[derive(Debug, Clone, Copy)]
enum PayloadLocation {
    InputBuffer { from: usize, length: usize },
    PayloadBuffer,
}

/// The receiving half of a connection. See the [module](self).
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    limits: Limits,
    state: DecoderState,
    /// The mode for the next message.
    mode: ReceiveMode,
    message: Option<MessageInProgress>,
    input: InputBuffer,
    payload_buffer: PayloadBuffer,
    payload_location: PayloadLocation,
    /// Present when compression was negotiated.
    inflater: Option<Inflater>,
    /// Whether headers are reported as events.
    report_headers: bool,
    /// The header to report next.
    header: Option<Header>,
}

impl Decoder {
    /// A decoder for the frames that the peer of `role` sends.
    pub fn new(role: Role, limits: Limits) -> Decoder {
        Decoder::with_early(role, limits, &[])
    }

    /// As [`Decoder::new`]; `early` are bytes that were read together with the opening handshake.
    pub(crate) fn with_early(role: Role, limits: Limits, early: &[u8]) -> Decoder {
        Decoder {
            role,
            limits,
            state: DecoderState::Header,
            mode: ReceiveMode::Assemble,
            message: None,
            input: InputBuffer::new(early),
            payload_buffer: PayloadBuffer::default(),
            payload_location: PayloadLocation::InputBuffer { from: 0, length: 0 },
            inflater: None,
            report_headers: false,
            header: None,
        }
    }

    /// Reports each accepted header as an event of its own.
    pub fn report_headers(&mut self) {
        self.report_headers = true;
    }

    #[inline]
    fn context(&self) -> Context {
        Context { role: self.role, open: self.message.is_some(), compression: self.inflater.is_some() }
    }

    /// The next event, or `None` when more bytes are needed, or after a Close.
    ///
    /// # Errors
    ///
    /// The first violation of the protocol or of a limit. Every later call returns the same error.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<DecoderEvent>, ProtocolError> {
        if self.is_drained() {
            return Ok(None);
        }
        match self.arrived_message() {
            Some(kind) => Ok(Some(DecoderEvent::Message(kind))),
            None => {
                let result = self.step();
                if let Err(violation) = result {
                    self.state = DecoderState::Failed(violation);
                }
                result
            }
        }
    }

    /// Whether all bytes read are used up, and no frame has begun.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.input.is_empty() && matches!(self.state, DecoderState::Header)
    }

    /// Fast path for the most common input: a message in one frame that has arrived completely. `None` for anything else; then
    /// [`next_event`](Decoder::next_event) has the result. The result is a byte, because larger ones cost more than the call.
    pub(crate) fn arrived_message(&mut self) -> Option<MessageKind> {
        match self.whole_message() {
            Ok(arrived) => arrived,
            Err(violation) => {
                self.state = DecoderState::Failed(violation);
                None
            }
        }
    }

    /// `None`: nothing has changed, and `step` parses the header again, once per frame. Passing the parsed header on instead
    /// makes small messages half as slow again, because the header then has to be stored.
    #[inline(always)]
    fn whole_message(&mut self) -> Result<Option<MessageKind>, ProtocolError> {
        if self.report_headers
            || !matches!((&self.state, &self.message, self.mode), (DecoderState::Header, None, ReceiveMode::Assemble))
        {
            return Ok(None);
        }
        let unread = self.input.unread();
        let Some((kind, header)) = frame::parse_whole_message(unread, self.role) else { return Ok(None) };
        let Header { key, length, size, .. } = header;
        if length > unread.len().saturating_sub(size) as u64 || assembly::admit_whole(length, &self.limits).is_err() {
            return Ok(None);
        }
        let (from, bytes) = self.input.part(size, length);
        let length = bytes.len();
        match kind {
            MessageKind::Text => assembly::unmask_whole_text(bytes, key)?,
            MessageKind::Binary => unmask(bytes, key),
        }
        self.input.consume(size.saturating_add(length));
        self.payload_buffer.free_if_large();
        self.payload_location = PayloadLocation::InputBuffer { from, length };
        Ok(Some(kind))
    }

    /// Everything else, apart from [`whole_message`](Decoder::whole_message) to keep that small.
    #[inline(never)]
    fn step(&mut self) -> Result<Option<DecoderEvent>, ProtocolError> {
        loop {
            if let Some(header) = self.header.take() {
                return Ok(Some(DecoderEvent::FrameHeader(header)));
            }
            let event = match self.state {
                DecoderState::Failed(violation) => return Err(violation),
                // 6455-7.1.1-1: what comes after a Close is discarded.
                DecoderState::Closed => return Ok(None),
                DecoderState::Header => match self.header()? {
                    Some(event) => event,
                    None => return Ok(None),
                },
                DecoderState::Payload(frame) => match self.payload_part(frame)? {
                    Some(event) => event,
                    None => return Ok(None),
                },
            };
            if let Some(event) = event {
                return Ok(Some(event));
            }
        }
    }

    /// The bytes of the last event.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        match self.payload_location {
            PayloadLocation::InputBuffer { from, length } => self.input.at(from, length),
            PayloadLocation::PayloadBuffer => self.payload_buffer.contents(),
        }
    }

    /// The reason of the Close that was the last event; empty if it has none.
    pub fn reason(&self) -> &str {
        close::parse(self.payload()).ok().flatten().map_or("", |(_, reason)| reason)
    }

    /// The bytes of the last event as a vector. [`Decoder::payload`] must not be used after it.
    pub fn take_payload(&mut self) -> Vec<u8> {
        match self.payload_location {
            PayloadLocation::InputBuffer { from, length } => self.input.at(from, length).to_vec(),
            PayloadLocation::PayloadBuffer => self.payload_buffer.take(),
        }
    }

    /// Whether a frame or a message has begun and not ended.
    pub fn is_incomplete(&self) -> bool {
        match &self.state {
            DecoderState::Header => {
                !self.input.is_empty()
                    || self.message.as_ref().is_some_and(|message| message.mode == ReceiveMode::Assemble)
            }
            DecoderState::Payload(_) => true,
            DecoderState::Closed | DecoderState::Failed(_) => false,
        }
    }
}

/// For connections.
#[cfg(any(feature = "client", feature = "server", test))]
impl Decoder {
    /// Accepts compressed messages as well.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn with_compression(mut self, inflater: Option<Inflater>) -> Decoder {
        self.inflater = inflater;
        self
    }

    /// Number of bytes that were read and are not used up.
    pub(crate) fn unread(&self) -> usize {
        self.input.unread().len()
    }

    /// Frees memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        // A frame that is being completed in the read buffer relies on the size of the buffer.
        if !matches!(
            self.state,
            DecoderState::Payload(FrameInProgress { destination: Destination::InputBuffer(_), .. })
        ) {
            self.input.shrink();
        }
        if self.message.is_none() {
            self.payload_buffer.free();
        }
    }
}

/// Unmasks and validates the next bytes of a frame, and subtracts them from the remaining ones.
#[inline]
fn unmask_and_validate(
    message: &mut Option<MessageInProgress>,
    frame: &mut FrameInProgress,
    bytes: &mut [u8],
) -> Result<(), ProtocolError> {
    frame.remaining = frame.remaining.saturating_sub(bytes.len() as u64);
    match (frame.opcode, message) {
        (Opcode::Data(_) | Opcode::Continuation, Some(message)) => message.unmask_and_validate(bytes, frame.key)?,
        // 6455-5.4-5: a control frame does not belong to the message around it.
        _ => unmask(bytes, frame.key),
    }
    frame.rotate_key(bytes.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::message::MessageKind;

    const TEXT: MessageKind = MessageKind::Text;
    const BINARY: MessageKind = MessageKind::Binary;
    const ROLES: [Role; 2] = [Role::Client, Role::Server];
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    /// The constants of `buffers`: sizes of the read buffer, growth and retained size of the payload buffer.
    const MIN_INPUT_SIZE: usize = 1792;
    const MAX_INPUT_SIZE: usize = 68 << 10;
    const MIN_GROWTH: usize = 64 << 10;
    const MAX_RETAINED: usize = 1 << 20;
    const ROOMY: Limits = Limits { max_fragments: u32::MAX, ..Limits::with_max_message_size(u64::MAX) };

    /// An event with its bytes, or the violation that ended decoding.
    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Seen {
        Message(MessageKind, Vec<u8>),
        Frame(Opcode, u64),
        Begin(MessageKind),
        Piece(Vec<u8>),
        End,
        Ping(Vec<u8>),
        Pong(Vec<u8>),
        Close(Option<u16>, String),
        Failed(ProtocolError),
    }

    fn message(kind: MessageKind, bytes: impl AsRef<[u8]>) -> Seen {
        Seen::Message(kind, bytes.as_ref().to_vec())
    }

    /// The next event; checks that a violation or a Close is the last event.
    fn next(decoder: &mut Decoder) -> Option<Seen> {
        let seen = match decoder.next_event() {
            Err(violation) => {
                assert_eq!(decoder.next_event(), Err(violation));
                return Some(Seen::Failed(violation));
            }
            Ok(event) => event?,
        };
        let payload = decoder.payload().to_vec();
        Some(match seen {
            DecoderEvent::Message(kind) => Seen::Message(kind, payload),
            DecoderEvent::MessageStart(kind) => Seen::Begin(kind),
            DecoderEvent::MessageChunk => Seen::Piece(payload),
            DecoderEvent::MessageEnd => Seen::End,
            DecoderEvent::Ping => Seen::Ping(payload),
            DecoderEvent::Pong => Seen::Pong(payload),
            DecoderEvent::FrameHeader(header) => Seen::Frame(header.opcode, header.length),
            DecoderEvent::Close(code) => {
                let reason = decoder.reason().to_owned();
                assert_eq!(decoder.next_event(), Ok(None));
                Seen::Close(code.map(CloseCode::as_u16), reason)
            }
        })
    }

    /// Takes all available events.
    fn drain(decoder: &mut Decoder, seen: &mut Vec<Seen>) {
        while let Some(event) = next(decoder) {
            let failed = matches!(event, Seen::Failed(_));
            if !failed || seen.last() != Some(&event) {
                seen.push(event);
            }
            if failed {
                return;
            }
        }
    }

    /// Reads `bytes` in steps of the size of the space, until all are read.
    fn feed(decoder: &mut Decoder, mut bytes: &[u8], seen: &mut Vec<Seen>) {
        while !bytes.is_empty() {
            let space = match seen.last() {
                Some(Seen::Close(..) | Seen::Failed(_)) => decoder.discard_space(),
                Some(_) | None => decoder.space(),
            };
            let count = space.len().min(bytes.len());
            assert!(count > 0, "there is always space");
            space[..count].copy_from_slice(&bytes[..count]);
            decoder.filled(count);
            bytes = &bytes[count..];
            drain(decoder, seen);
        }
    }

    fn run<'a>(role: Role, limits: Limits, reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
        let (mut decoder, mut seen) = (Decoder::new(role, limits), Vec::new());
        for read in reads {
            feed(&mut decoder, read, &mut seen);
        }
        seen
    }

    /// The same events for bytes read whole, with the handshake, byte by byte, and cut in two at every place.
    fn any_cut(role: Role, limits: Limits, bytes: &[u8]) -> Vec<Seen> {
        let whole = run(role, limits, [bytes]);
        assert_eq!(run(role, limits, bytes.chunks(1)), whole, "{role:?}, byte by byte: {bytes:02x?}");
        for cut in 1..bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(run(role, limits, [a, b]), whole, "{role:?}, cut at {cut}: {bytes:02x?}");
        }
        let (mut early, mut seen) = (Decoder::with_early(role, limits, bytes), Vec::new());
        drain(&mut early, &mut seen);
        assert_eq!(seen, whole, "{role:?}, early: {bytes:02x?}");
        whole
    }

    /// One frame as the peer of `role` sends it.
    fn frame(role: Role, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let key = (role == Role::Server).then_some(KEY);
        let mut out = Vec::new();
        frame::emit(&mut out, fin, opcode, payload.len() as u64, key);
        let key = key.unwrap_or_default();
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
        out
    }

    fn text(role: Role, fin: bool, payload: impl AsRef<[u8]>) -> Vec<u8> {
        frame(role, fin, Opcode::Data(TEXT), payload.as_ref())
    }

    fn binary(role: Role, fin: bool, payload: impl AsRef<[u8]>) -> Vec<u8> {
        frame(role, fin, Opcode::Data(BINARY), payload.as_ref())
    }

    fn more(role: Role, fin: bool, payload: impl AsRef<[u8]>) -> Vec<u8> {
        frame(role, fin, Opcode::Continuation, payload.as_ref())
    }

    fn ping(role: Role, payload: &str) -> Vec<u8> {
        frame(role, true, Opcode::Ping, payload.as_bytes())
    }

    /// A header that announces a payload that never arrives.
    fn announced(role: Role, fin: bool, opcode: Opcode, length: u64) -> Vec<u8> {
        let mut out = Vec::new();
        frame::emit(&mut out, fin, opcode, length, (role == Role::Server).then_some(KEY));
        out
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Frames of a server as a client would send them: MASK set, a key after each length, payloads masked.
    fn masked(mut frames: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let [first, second, ..] = frames {
            let size = [2, 4, 10][usize::from(*second).saturating_sub(125).min(2)];
            let length = match &frames[2..size] {
                [] => usize::from(*second),
                length => length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            };
            out.extend([*first, second | 0x80]);
            out.extend(&frames[2..size]);
            out.extend(KEY);
            let payload = &frames[size..frames.len().min(size.saturating_add(length))];
            out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
            frames = &frames[size + payload.len()..];
        }
        out
    }

    /// Frames of the peer of `role`, from the frames of a server.
    fn from_peer(role: Role, frames: &[u8]) -> Vec<u8> {
        match role {
            Role::Client => frames.to_vec(),
            Role::Server => masked(frames),
        }
    }

    /// Shows the answer to resnick-7.
    #[test]
    fn the_examples_of_the_rfc() {
        // 6455-6.2-1, 6455-6.2-7, 6455-5.3-s1, 6455-5.4-7, 6455-5.2-1: section 5.7, and closes.
        for (hex, want) in [
            ("810548656c6c6f", message(TEXT, "Hello")),
            ("010348656c80026c6f", message(TEXT, "Hello")),
            ("890548656c6c6f", Seen::Ping(b"Hello".to_vec())),
            ("8a0548656c6c6f", Seen::Pong(b"Hello".to_vec())),
            ("880203e8", Seen::Close(Some(1000), String::new())),
            ("8800", Seen::Close(None, String::new())), // 6455-5.5.1-1
        ] {
            for role in ROLES {
                let sent = from_peer(role, &bytes(hex));
                assert_eq!(any_cut(role, ROOMY, &sent), std::slice::from_ref(&want));
                // 6455-6.2-4: the next frame is another message. 6455-7.1.1-1: after a Close it is ignored.
                let longer = [sent, ping(role, "next")].concat();
                let seen = any_cut(role, ROOMY, &longer);
                match want {
                    Seen::Close(..) => assert_eq!(seen, std::slice::from_ref(&want)),
                    _ => assert_eq!(seen, [want.clone(), Seen::Ping(b"next".to_vec())]),
                }
            }
        }
        for (hex, want) in [
            ("818537fa213d7f9f4d5158", message(TEXT, "Hello")),
            ("8a8537fa213d7f9f4d5158", Seen::Pong(b"Hello".to_vec())),
            ("888237fa213d3412", Seen::Close(Some(1000), String::new())),
        ] {
            assert_eq!(any_cut(Role::Server, ROOMY, &bytes(hex)), [want]);
            assert_eq!(any_cut(Role::Client, ROOMY, &bytes(hex)), [Seen::Failed(ProtocolError::MaskedFrame)]);
        }
        assert_eq!(
            any_cut(Role::Server, ROOMY, &bytes("810548656c6c6f")),
            [Seen::Failed(ProtocolError::UnmaskedFrame)] // 6455-5.1-2
        );
    }

    /// Shows promise P3.
    #[test]
    fn what_breaks_a_rule_fails_the_connection() {
        // 6455-7.2.1-1, 6455-10.7-1: every rule, as client and as server, with all cuts.
        let long_ping = format!("897e007e{}", "00".repeat(126));
        let not_utf8 = ProtocolError::TextNotUtf8 { offset: 0 };
        for (hex, violation, code) in [
            ("c10548656c6c6f", ProtocolError::ReservedBits(4), 1002), // 6455-5.2-2, 6455-5.2-3, 6455-5.2-9, 6455-5.8-1
            ("a10548656c6c6f", ProtocolError::ReservedBits(2), 1002), // 6455-5.2-10
            ("910548656c6c6f", ProtocolError::ReservedBits(1), 1002), // 6455-5.2-11
            ("830178", ProtocolError::UnknownOpcode(3), 1002),        // 6455-5.2-4
            ("8b00", ProtocolError::UnknownOpcode(11), 1002),
            (&long_ping, ProtocolError::ControlFrameTooBig, 1002), // 6455-5.5-1
            ("0900", ProtocolError::FragmentedControlFrame, 1002), // 6455-5.5-2, 6455-5.4-2
            ("0800", ProtocolError::FragmentedControlFrame, 1002),
            ("800178", ProtocolError::UnexpectedContinuation, 1002), // 6455-5.4-s1, 6455-5.4-s2
            ("000178", ProtocolError::UnexpectedContinuation, 1002),
            ("010161810162", ProtocolError::ExpectedContinuation, 1002), // 6455-5.4-4
            ("020161020162", ProtocolError::ExpectedContinuation, 1002),
            ("817e000548656c6c6f", ProtocolError::LengthNotMinimal, 1002), // 6455-5.2-6
            ("817f000000000000000548656c6c6f", ProtocolError::LengthNotMinimal, 1002),
            ("827f8000000000000000", ProtocolError::LengthMostSignificantBit, 1002), // 6455-5.2-5
            ("880103", ProtocolError::CloseBodyTooShort, 1002),                      // 6455-5.5.1-2
            ("880203ed", ProtocolError::InvalidCloseCode(1005), 1002),               // 6455-7.4.1-3
            ("880203ee", ProtocolError::InvalidCloseCode(1006), 1002),               // 6455-7.4.1-4
            ("880203f7", ProtocolError::InvalidCloseCode(1015), 1002),               // 6455-7.4.1-6
            ("880203e7", ProtocolError::InvalidCloseCode(999), 1002),                // 6455-7.4.2-s1
            ("88021388", ProtocolError::InvalidCloseCode(5000), 1002),
            ("881003e8cebae1bdb9cf83cebcceb5eda080", ProtocolError::CloseReasonNotUtf8, 1007), // 6455-8.1-1
            ("8101ff", not_utf8, 1007),
            ("8101c3", ProtocolError::TextNotUtf8 { offset: 1 }, 1007), // 6455-5.6-1
        ] {
            for role in ROLES {
                let sent = from_peer(role, &bytes(hex));
                assert_eq!(any_cut(role, ROOMY, &sent), [Seen::Failed(violation)], "{hex}");
                assert_eq!(violation.close_code().as_u16(), code);
                // 6455-7.1.7-7: nothing after it is parsed.
                let longer = [sent, text(role, true, "next"), bytes("ffffff")].concat();
                assert_eq!(any_cut(role, ROOMY, &longer), [Seen::Failed(violation)], "{hex} and more");
                // Messages before it are delivered.
                if violation != ProtocolError::ExpectedContinuation {
                    let before = [text(role, true, "ok"), from_peer(role, &bytes(hex))].concat();
                    assert_eq!(any_cut(role, ROOMY, &before), [message(TEXT, "ok"), Seen::Failed(violation)]);
                }
            }
        }
    }

    #[test]
    fn closes_carry_a_code_and_a_reason() {
        // 6455-5.5.1-2, 6455-5.5.1-3, and the received values are not rewritten (6455-7.1.5-s1, 6455-7.1.6-s1).
        for role in ROLES {
            let body = [&[0x0F, 0xA1][..], "κόσμε".as_bytes()].concat();
            let sent = frame(role, true, Opcode::Close, &body);
            assert_eq!(any_cut(role, ROOMY, &sent), [Seen::Close(Some(4001), "κόσμε".into())]);
        }
    }

    #[test]
    fn the_header_of_a_refused_frame_is_not_reported() {
        // 6455-7.1.7-7: an error is final, also for a decoder that reports headers.
        let limits = Limits::with_max_message_size(10);
        for role in ROLES {
            let mut decoder = Decoder::with_early(role, limits, &announced(role, true, Opcode::Data(BINARY), 11));
            decoder.report_headers();
            let too_big = ProtocolError::MessageTooBig { length: 11, limit: 10 };
            for _ in 0..3 {
                assert_eq!(decoder.next_event(), Err(too_big), "{role:?}");
            }
        }
    }

    #[test]
    fn reporting_headers_changes_no_other_event() {
        for role in ROLES {
            for streamed in [false, true] {
                let mut watching = Decoder::new(role, ROOMY);
                let mut usual = Decoder::new(role, ROOMY);
                watching.report_headers();
                let bytes = [
                    frame(role, false, Opcode::Data(TEXT), b"He"),
                    frame(role, true, Opcode::Ping, b"?"),
                    frame(role, false, Opcode::Continuation, b""),
                    frame(role, true, Opcode::Continuation, b"llo"),
                    frame(role, true, Opcode::Data(BINARY), &[7; 5000]),
                    frame(role, true, Opcode::Data(BINARY), b""),
                ]
                .concat();
                if streamed {
                    watching.start_streaming();
                    usual.start_streaming();
                }
                let (mut headers, mut seen, mut want) = (Vec::new(), Vec::new(), Vec::new());
                for byte in bytes {
                    for (decoder, events) in [(&mut watching, &mut seen), (&mut usual, &mut want)] {
                        decoder.space()[0] = byte;
                        decoder.filled(1);
                        drain(decoder, events);
                    }
                }
                seen.retain(|event| match event {
                    Seen::Frame(opcode, length) => {
                        headers.push((*opcode, *length));
                        false
                    }
                    _ => true,
                });
                assert_eq!(seen, want);
                let (text, binary, more) = (Opcode::Data(TEXT), Opcode::Data(BINARY), Opcode::Continuation);
                assert_eq!(headers, [(text, 2), (Opcode::Ping, 1), (more, 0), (more, 3), (binary, 5000), (binary, 0)]);
            }
        }
    }

    #[test]
    fn control_frames_between_fragments_change_nothing() {
        // 6455-5.4-1, 6455-5.4-5, 6455-5.4-3, 6455-5.4-6, 6455-5.4-12, 6455-6.2-2, 6455-6.2-3
        for role in ROLES {
            let sent = [
                text(role, false, "κ".as_bytes()),
                ping(role, "one"),
                more(role, false, ""),
                more(role, false, &"ό".as_bytes()[..1]), // 6455-5.6-1: a frame may end inside a character.
                // Not the rest of that character, nor a byte of any other.
                frame(role, true, Opcode::Pong, b"\xFF"),
                ping(role, ""),
                more(role, false, &"ό".as_bytes()[1..]),
                more(role, true, ""),
                binary(role, false, ""),
                more(role, true, [0xFF]),
                text(role, true, ""),
            ]
            .concat();
            let want = [
                Seen::Ping(b"one".to_vec()),
                Seen::Pong(vec![0xFF]),
                Seen::Ping(Vec::new()),
                message(TEXT, "κό"),
                message(BINARY, [0xFF]),
                message(TEXT, ""),
            ];
            assert_eq!(any_cut(role, ROOMY, &sent), want);
            let with_close = [text(role, false, "x"), frame(role, true, Opcode::Close, b""), more(role, true, "y")];
            assert_eq!(any_cut(role, ROOMY, &with_close.concat()), [Seen::Close(None, String::new())]);
        }
    }

    #[test]
    fn invalid_text_fails_at_its_first_invalid_byte() {
        // 6455-8.1-1: in the middle of a frame, for every destination of a payload.
        for role in ROLES {
            for (length, first, wrong) in [
                (100, 0, 37),
                (100, 0, 0),
                (3000, 0, 2999),
                (9000, 0, 5000),
                (300_000, 0, 0),
                (300_000, 0, 200_000),
                (9000, 20, 70),
            ] {
                let mut payload = vec![b'a'; length];
                payload[wrong] = 0xC0;
                let mut sent = match first {
                    0 => text(role, true, &payload),
                    _ => [text(role, false, &payload[..first]), more(role, true, &payload[first..])].concat(),
                };
                let heads = sent.len() - length;
                let violation = ProtocolError::TextNotUtf8 { offset: wrong as u64 };
                sent.truncate(heads + wrong + 1);
                let (last, before) = sent.split_last().unwrap();
                assert_eq!(run(role, ROOMY, [before]), [], "{length} {wrong}");
                assert_eq!(run(role, ROOMY, [before, &[*last]]), [Seen::Failed(violation)]);
                assert_eq!(run(role, ROOMY, sent.chunks(1)), [Seen::Failed(violation)]);

                let mut decoder = Decoder::new(role, ROOMY);
                decoder.start_streaming();
                let mut seen = Vec::new();
                feed(&mut decoder, before, &mut seen);
                decoder.stop_streaming();
                feed(&mut decoder, &[*last], &mut seen);
                assert_eq!(seen.last(), Some(&Seen::Failed(violation)), "skipped and validated");
            }
            let cut_short = [text(role, false, "ab"), more(role, true, [0xE2, 0x82])].concat();
            let violation = ProtocolError::TextNotUtf8 { offset: 4 };
            assert_eq!(any_cut(role, ROOMY, &cut_short), [Seen::Failed(violation)]); // 6455-5.6-1
                                                                                     // Binary is not validated.
            assert_eq!(any_cut(role, ROOMY, &binary(role, true, [0xC0, 0xFF])), [message(BINARY, [0xC0, 0xFF])]);
        }
    }

    #[test]
    fn limits_pass_at_the_limit_and_fail_on_the_header_beyond() {
        // 6455-10.4-1, 6455-10.4-2
        for role in ROLES {
            for limit in [0, 1, 125, 126, 5000, 65_535, 65_536, 100_000] {
                let limits = Limits { max_message_size: limit as u64, max_fragments: 10, ..ROOMY };
                let fits = vec![7; limit];
                assert_eq!(run(role, limits, [&binary(role, true, &fits)[..]]), [message(BINARY, &fits)]);
                let (a, b) = fits.split_at(limit / 3);
                let parts = [binary(role, false, a), ping(role, "p"), more(role, true, b)].concat();
                assert_eq!(run(role, limits, [&parts[..]]), [Seen::Ping(b"p".to_vec()), message(BINARY, &fits)]);

                let too_big = ProtocolError::MessageTooBig { length: limit as u64 + 1, limit: limit as u64 };
                assert_eq!(too_big.close_code().as_u16(), 1009);
                let header = announced(role, true, Opcode::Data(BINARY), limit as u64 + 1);
                assert_eq!(any_cut(role, limits, &header), [Seen::Failed(too_big)]);
                let second = [binary(role, false, a), announced(role, false, Opcode::Continuation, b.len() as u64 + 1)];
                assert_eq!(run(role, limits, [&second.concat()[..]]), [Seen::Failed(too_big)]);
                let empty_then = [binary(role, false, &fits), more(role, false, ""), more(role, false, "x")].concat();
                assert_eq!(run(role, limits, [&empty_then[..]]), [Seen::Failed(too_big)]);
            }
            let limits = Limits { max_frame_size: 10, max_message_size: 25, max_fragments: 10, ..ROOMY };
            let three = [binary(role, false, [1; 10]), more(role, false, [2; 10]), more(role, true, [3; 5])].concat();
            assert_eq!(run(role, limits, [&three[..]]).len(), 1);
            let frame_too_big = ProtocolError::FrameTooBig { length: 11, limit: 10 };
            assert_eq!(frame_too_big.close_code().as_u16(), 1009);
            let header = announced(role, false, Opcode::Data(BINARY), 11);
            assert_eq!(any_cut(role, limits, &header), [Seen::Failed(frame_too_big)]);
        }
    }

    #[test]
    fn fragments_are_counted_empty_ones_too() {
        // 6455-10.4-1: control frames are not counted.
        for role in ROLES {
            let limits = Limits { max_fragments: 3, ..ROOMY };
            let three = [text(role, false, ""), more(role, false, ""), ping(role, ""), more(role, true, "")].concat();
            let fine = [Seen::Ping(Vec::new()), message(TEXT, "")];
            assert_eq!(any_cut(role, limits, &three), fine);
            assert_eq!(any_cut(role, limits, &[&three[..], &three].concat()), [fine.clone(), fine].concat());
            let four = [text(role, false, ""), more(role, false, ""), more(role, false, ""), more(role, true, "")];
            let violation = ProtocolError::TooManyFragments { limit: 3 };
            assert_eq!(violation.close_code().as_u16(), 1009);
            assert_eq!(any_cut(role, limits, &four.concat()), [Seen::Failed(violation)]);
        }
    }

    #[test]
    fn lengths_at_every_power_of_two_are_accepted() {
        // 6455-5.2-5, 6455-5.2-6: not truncated to 32 bits, not negative, not allocated.
        for role in ROLES {
            for bit in 0..63 {
                for length in [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1] {
                    let header = announced(role, true, Opcode::Data(BINARY), length);
                    let mut decoder = Decoder::with_early(role, ROOMY, &header);
                    let done = decoder.next_event().unwrap();
                    assert_eq!(done.is_some(), length == 0, "{length}");
                    assert_eq!(decoder.is_incomplete(), length > 0);
                    assert!(!decoder.space().is_empty());
                    assert!(
                        decoder.input.capacity_held() + decoder.payload_buffer.capacity_held()
                            <= MIN_INPUT_SIZE + MIN_GROWTH
                    );
                    if length > 1000 {
                        let limits = Limits { max_message_size: 1000, ..ROOMY };
                        let violation = ProtocolError::MessageTooBig { length, limit: 1000 };
                        assert_eq!(any_cut(role, limits, &header), [Seen::Failed(violation)]);
                    }
                }
            }
            // The sum does not wrap.
            let most = (1 << 63) - 1;
            let limits = Limits { max_message_size: most, ..ROOMY };
            let two = [binary(role, false, "ab"), announced(role, true, Opcode::Continuation, most)].concat();
            let violation = ProtocolError::MessageTooBig { length: most + 2, limit: most };
            assert_eq!(run(role, limits, [&two[..]]), [Seen::Failed(violation)]);
            // The first of the eight bytes has the top bit.
            let header = [0x82, if role == Role::Server { 0xFF } else { 0x7F }, 0x80];
            assert_eq!(any_cut(role, ROOMY, &header), [Seen::Failed(ProtocolError::LengthMostSignificantBit)]);
        }
    }

    /// Shows promise P6.
    #[test]
    fn memory_follows_received_bytes_not_announced_lengths() {
        for role in ROLES {
            for (opcode, fin) in [(Opcode::Data(BINARY), true), (Opcode::Data(TEXT), false)] {
                let mut decoder = Decoder::new(role, Limits::client());
                let mut seen = Vec::new();
                feed(&mut decoder, &announced(role, fin, opcode, 16 << 20), &mut seen);
                for read in [1, 1000, 4096, 16 << 10, 64 << 10] {
                    for _ in 0..20 {
                        let at = (16 << 20) - remaining(&decoder) as usize;
                        let space = decoder.space();
                        let count = space.len().min(read);
                        for (i, byte) in space[..count].iter_mut().enumerate() {
                            *byte = if role == Role::Server { b'a' ^ KEY[(at + i) % 4] } else { b'a' };
                        }
                        decoder.filled(count);
                        drain(&mut decoder, &mut seen);
                        let came = (16 << 20) - remaining(&decoder) as usize;
                        let held = decoder.input.capacity_held() + decoder.payload_buffer.capacity_held();
                        assert!(held <= 2 * came + MAX_INPUT_SIZE + MIN_GROWTH, "{held} held after {came}");
                    }
                }
                assert_eq!(seen, []);
            }
        }
    }

    fn remaining(decoder: &Decoder) -> u64 {
        match decoder.state {
            DecoderState::Payload(frame) => frame.remaining,
            DecoderState::Header | DecoderState::Closed | DecoderState::Failed(_) => panic!("not in a payload"),
        }
    }

    #[test]
    fn memory_of_a_large_message_is_freed() {
        let huge = vec![b'a'; 3 << 20];
        for role in ROLES {
            let small = [text(role, false, "sm"), more(role, true, "all")].concat();
            for after in [text(role, true, "small"), small] {
                let mut decoder = Decoder::new(role, ROOMY);
                let mut seen = Vec::new();
                feed(&mut decoder, &text(role, true, &huge), &mut seen);
                assert!(decoder.payload_buffer.capacity_held() >= huge.len());
                feed(&mut decoder, &after, &mut seen);
                feed(&mut decoder, &after, &mut seen);
                assert_eq!(seen[1..], [message(TEXT, "small"), message(TEXT, "small")]);
                assert!(
                    decoder.payload_buffer.capacity_held() <= MAX_RETAINED,
                    "{} bytes are still held",
                    decoder.payload_buffer.capacity_held()
                );
            }
            // One small message that arrives in parts.
            let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
            feed(&mut decoder, &text(role, true, &huge), &mut seen);
            for part in text(role, true, "small").chunks(7) {
                feed(&mut decoder, part, &mut seen);
            }
            assert_eq!((seen.len(), decoder.payload_buffer.capacity_held()), (2, 0));
            // Taking a small message does not take the large buffer.
            let mut decoder = Decoder::new(role, ROOMY);
            feed(&mut decoder, &text(role, true, &huge), &mut Vec::new());
            let small = [text(role, false, "sm"), more(role, true, "all")].concat();
            decoder.space()[..small.len()].copy_from_slice(&small);
            decoder.filled(small.len());
            assert_eq!(decoder.next_event(), Ok(Some(DecoderEvent::Message(TEXT))));
            let taken = decoder.take_payload();
            assert_eq!(taken, b"small");
            assert!(taken.capacity() < 100);
            // After the application took a large message, no memory of it is held.
            let mut decoder = Decoder::new(role, ROOMY);
            let mut bytes = &binary(role, true, &huge)[..];
            while decoder.next_event() == Ok(None) {
                let space = decoder.space();
                let count = space.len().min(bytes.len());
                space[..count].copy_from_slice(&bytes[..count]);
                decoder.filled(count);
                bytes = &bytes[count..];
            }
            assert_eq!(decoder.take_payload(), huge);
            assert_eq!(decoder.payload(), b"");
            assert_eq!(decoder.payload_buffer.capacity_held(), 0);
        }
    }

    #[test]
    fn the_read_buffer_grows_when_reads_fill_it_and_shrinks_on_request() {
        for role in ROLES {
            let mut decoder = Decoder::new(role, ROOMY);
            let one = text(role, true, "hello");
            let mut seen = Vec::new();
            for _ in 0..5000 {
                feed(&mut decoder, &one, &mut seen);
            }
            assert_eq!(decoder.input.capacity_held(), MIN_INPUT_SIZE, "small reads need no more");
            let many = one.repeat(100_000 / one.len());
            feed(&mut decoder, &many, &mut seen);
            assert_eq!(decoder.input.capacity_held(), MAX_INPUT_SIZE, "and never more than this");
            feed(&mut decoder, &many.repeat(3), &mut seen);
            assert_eq!(decoder.input.capacity_held(), MAX_INPUT_SIZE);
            // Nothing is lost in the middle of a header.
            feed(&mut decoder, &one[..1], &mut seen);
            decoder.shrink();
            feed(&mut decoder, &one[1..], &mut seen);
            decoder.shrink();
            assert_eq!((decoder.input.capacity_held(), decoder.payload_buffer.capacity_held()), (MIN_INPUT_SIZE, 0));
            assert!(seen.iter().all(|seen| *seen == message(TEXT, "hello")));
            // Nor of a payload in the read buffer, nor of a message in the payload buffer.
            for sent in [text(role, true, "hello"), [text(role, false, "hel"), more(role, true, "lo")].concat()] {
                for cut in 0..sent.len() {
                    let mut seen = Vec::new();
                    for part in [&sent[..cut], &sent[cut..]] {
                        feed(&mut decoder, part, &mut seen);
                        decoder.shrink();
                    }
                    assert_eq!(seen, [message(TEXT, "hello")], "cut at {cut}");
                }
            }
        }
    }

    /// A message in one frame that fits the read buffer takes no other memory. The end of a long payload is read straight
    /// into the payload buffer, from 4 KiB on.
    #[test]
    fn places_of_payloads() {
        for role in ROLES {
            let small = |length| binary(role, true, vec![7; length]);
            let fragments = [binary(role, false, "a"), more(role, true, "b")].concat();
            for (sent, in_read_buffer) in [(small(1792), true), (small(1793), false), (fragments, false)] {
                let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                for part in sent.chunks(1000) {
                    feed(&mut decoder, part, &mut seen);
                }
                assert_eq!((seen.len(), decoder.payload_buffer.capacity_held() == 0), (1, in_read_buffer));
            }
            for remaining in [4095, 4096, 1 << 20] {
                let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                let sent = binary(role, false, vec![7; 100_000 + remaining]);
                for part in sent[..sent.len() - remaining].chunks(1000) {
                    feed(&mut decoder, part, &mut seen);
                }
                let space = decoder.space().len();
                match remaining {
                    4095 => assert!(space == MIN_INPUT_SIZE, "{space}"),
                    _ => assert!(space >= 4096 && space <= remaining && space != MIN_INPUT_SIZE, "{space}"),
                }
                // A stream takes what there is, and then needs no payload buffer.
                assert_eq!(decoder.start_streaming().unwrap().1.len(), 100_000);
                assert_eq!(decoder.payload_buffer.capacity_held(), 0);
            }
        }
    }

    #[test]
    fn before_the_first_event_there_are_no_bytes() {
        assert_eq!(Decoder::new(Role::Client, ROOMY).payload(), b"");
        assert_eq!(Decoder::with_early(Role::Client, ROOMY, b"early").take_payload(), b"");
    }

    #[test]
    fn a_read_before_all_events_are_taken_keeps_the_order() {
        for role in ROLES {
            let payload: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
            let sent = [binary(role, false, &payload), more(role, true, "")].concat();
            let mut decoder = Decoder::new(role, ROOMY);
            decoder.report_headers();
            let (mut seen, mut parts) = (Vec::new(), sent.chunks(300));
            let mut read = |decoder: &mut Decoder| {
                let part = parts.next()?;
                decoder.space()[..part.len()].copy_from_slice(part);
                decoder.filled(part.len());
                Some(())
            };
            read(&mut decoder);
            assert!(matches!(decoder.next_event(), Ok(Some(DecoderEvent::FrameHeader(_)))));
            while read(&mut decoder).is_some() {
                drain(&mut decoder, &mut seen);
            }
            assert!(seen.last() == Some(&message(BINARY, &payload)), "{}", seen.len());
        }
    }

    /// With a maximum of zero fragments, no message is accepted, however it arrives.
    #[test]
    fn zero_fragments_are_no_message() {
        for role in ROLES {
            let limits = Limits { max_fragments: 0, ..ROOMY };
            let want = [Seen::Failed(ProtocolError::TooManyFragments { limit: 0 })];
            assert_eq!(any_cut(role, limits, &text(role, true, "hello")), want);
        }
    }

    #[test]
    fn a_count_beyond_the_space_is_cut() {
        for role in ROLES {
            // In the read buffer, and in a payload that is read straight into the payload buffer.
            let mut decoder = Decoder::new(role, ROOMY);
            decoder.filled(usize::MAX);
            assert_eq!(decoder.unread(), MIN_INPUT_SIZE);
            let header = frame(role, true, Opcode::Data(BINARY), &[0; 100 << 10]);
            let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
            feed(&mut decoder, &header[..20 << 10], &mut seen);
            let space = decoder.space().len();
            decoder.filled(usize::MAX);
            drain(&mut decoder, &mut seen);
            assert!(seen.is_empty() && space < 100 << 10, "{space}");
        }
    }

    #[test]
    fn there_is_space_after_the_end_too() {
        // 6455-7.1.1-1, 6455-7.1.7-7: later bytes are read and dropped, even if the buffer is full.
        for role in ROLES {
            for last in [frame(role, true, Opcode::Close, b""), vec![0xFF; 2]] {
                for size in [MIN_INPUT_SIZE, MAX_INPUT_SIZE] {
                    let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                    if size > MIN_INPUT_SIZE {
                        feed(&mut decoder, &ping(role, "").repeat(size), &mut seen);
                    }
                    let mut flood = last.clone();
                    flood.resize(size, 0xFF);
                    feed(&mut decoder, &flood, &mut seen);
                    let end = seen.last().cloned();
                    for _ in 0..3 {
                        assert!(
                            decoder.discard_space().len() >= size,
                            "{} bytes of space",
                            decoder.discard_space().len()
                        );
                        decoder.filled(size);
                        drain(&mut decoder, &mut seen);
                        assert_eq!(seen.last(), end.as_ref());
                    }
                }
            }
        }
    }

    #[test]
    fn frames_that_just_fit_the_buffer_are_read_whatever_the_reads() {
        for role in ROLES {
            for size in [MIN_INPUT_SIZE, MAX_INPUT_SIZE] {
                for length in size - 30..size + 10 {
                    for shift in [0, 1, 9] {
                        let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
                        let sent = [binary(role, true, vec![1; shift]), binary(role, true, &payload)].concat();
                        let want = [message(BINARY, vec![1; shift]), message(BINARY, &payload)];
                        assert!(run(role, ROOMY, [&sent[..]]) == want, "{length} after {shift}");
                        // Reads that always leave one byte of room, so that the buffer never grows.
                        let (mut decoder, mut seen, mut rest) = (Decoder::new(role, ROOMY), Vec::new(), &sent[..]);
                        while !rest.is_empty() {
                            let space = decoder.space();
                            let count = space.len().div_ceil(2).min(rest.len());
                            assert!(count > 0);
                            space[..count].copy_from_slice(&rest[..count]);
                            decoder.filled(count);
                            rest = &rest[count..];
                            drain(&mut decoder, &mut seen);
                        }
                        assert!(seen == want, "{length} after {shift}, half reads");
                    }
                }
            }
            // Bytes read with the handshake as well, which fill their buffer exactly.
            for early in [MIN_INPUT_SIZE, MIN_INPUT_SIZE + 1, 9000] {
                let sent = [binary(role, true, [5; 100]), binary(role, true, vec![6; early - 110])].concat();
                let (mut decoder, mut seen) =
                    (Decoder::with_early(role, ROOMY, &sent[..early.min(sent.len())]), Vec::new());
                drain(&mut decoder, &mut seen);
                feed(&mut decoder, &sent[early.min(sent.len())..], &mut seen);
                assert_eq!(seen, [message(BINARY, [5; 100]), message(BINARY, vec![6; early - 110])]);
            }
        }
    }

    #[test]
    fn a_message_is_incomplete_from_its_first_byte_to_its_end() {
        for role in ROLES {
            let sent = [text(role, false, "a"), ping(role, "b"), more(role, true, "c")].concat();
            let mut decoder = Decoder::new(role, ROOMY);
            for (at, byte) in sent.iter().enumerate() {
                assert_eq!(decoder.is_incomplete(), at > 0, "before byte {at}");
                feed(&mut decoder, &[*byte], &mut Vec::new());
            }
            assert!(!decoder.is_incomplete());
            // While streaming, a message is not incomplete between its fragments.
            decoder.start_streaming();
            let ends = [text(role, false, "a").len(), sent.len() - more(role, true, "c").len(), sent.len()];
            for (at, byte) in sent.iter().enumerate() {
                feed(&mut decoder, &[*byte], &mut Vec::new());
                assert_eq!(decoder.is_incomplete(), !ends.contains(&(at + 1)), "after byte {at}");
            }
            feed(&mut decoder, &frame(role, true, Opcode::Close, b""), &mut Vec::new());
            feed(&mut decoder, b"more", &mut Vec::new());
            assert!(!decoder.is_incomplete());
        }
    }

    #[test]
    fn a_stream_lends_the_message_in_pieces_without_a_limit() {
        let limits = Limits { max_frame_size: 5, max_message_size: 5, max_fragments: 2, ..ROOMY };
        for role in ROLES {
            let (mut decoder, mut seen) = (Decoder::new(role, limits), Vec::new());
            assert_eq!(decoder.start_streaming(), None);
            let sent = [
                text(role, false, "one"),
                ping(role, "p"),
                more(role, false, ""),
                more(role, false, "and a long one"),
                more(role, true, ""),
                binary(role, true, ""),
            ]
            .concat();
            feed(&mut decoder, &sent, &mut seen);
            let want = [
                Seen::Begin(TEXT),
                Seen::Piece(b"one".to_vec()),
                Seen::Ping(b"p".to_vec()),
                Seen::Piece(b"and a long one".to_vec()),
                Seen::End,
                Seen::Begin(BINARY),
                Seen::End,
            ];
            assert_eq!(seen, want);
            // Whole messages again, and their limits.
            decoder.stop_streaming();
            seen.clear();
            feed(&mut decoder, &text(role, true, "12345"), &mut seen);
            feed(&mut decoder, &announced(role, true, Opcode::Data(TEXT), 6), &mut seen);
            let too_big = ProtocolError::MessageTooBig { length: 6, limit: 5 };
            assert_eq!(seen, [message(TEXT, "12345"), Seen::Failed(too_big)]);
        }
    }

    #[test]
    fn a_skipped_message_is_never_taken_for_the_next_one() {
        for role in ROLES {
            let first = [text(role, false, "given"), ping(role, "p"), more(role, true, "up")].concat();
            let second = text(role, true, "next");
            for cut in 0..=first.len() {
                for again in [false, true] {
                    let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                    decoder.start_streaming();
                    feed(&mut decoder, &first[..cut], &mut seen);
                    let ended = seen.last() == Some(&Seen::End);
                    let begun = seen.first() == Some(&Seen::Begin(TEXT)) && !ended;
                    decoder.stop_streaming();
                    if again {
                        assert_eq!(decoder.start_streaming(), None, "a skipped message is not streamed again");
                    }
                    seen.retain(|seen| matches!(seen, Seen::Ping(_)));
                    feed(&mut decoder, &first[cut..], &mut seen);
                    feed(&mut decoder, &second, &mut seen);
                    let whole = |parts: &[&str]| match again {
                        false => vec![message(TEXT, parts.concat())],
                        true => {
                            let mut all = vec![Seen::Begin(TEXT)];
                            all.extend(parts.iter().map(|part| Seen::Piece(part.as_bytes().to_vec())));
                            all.push(Seen::End);
                            all
                        }
                    };
                    let mut want = Vec::new();
                    if !begun && !ended {
                        want.extend(whole(&["given", "up"]));
                    }
                    want.extend(whole(&["next"]));
                    assert!(seen.contains(&Seen::Ping(b"p".to_vec())));
                    seen.retain(|seen| !matches!(seen, Seen::Ping(_)));
                    assert_eq!(seen, want, "skipped after {cut} bytes, streaming again: {again}");
                }
            }
        }
    }

    #[test]
    fn stopping_a_stream_keeps_a_message_that_is_not_streamed() {
        for role in ROLES {
            let sent = [text(role, false, "who"), ping(role, "p"), more(role, true, "le"), text(role, true, "next")];
            let sent = sent.concat();
            for cut in 0..sent.len() {
                let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                feed(&mut decoder, &sent[..cut], &mut seen);
                decoder.stop_streaming();
                feed(&mut decoder, &sent[cut..], &mut seen);
                assert_eq!(seen, [Seen::Ping(b"p".to_vec()), message(TEXT, "whole"), message(TEXT, "next")], "{cut}");
            }
        }
    }

    #[test]
    fn a_stream_begun_in_the_middle_has_all_of_the_message() {
        let long: String = "long κόσμε ".repeat(3000);
        for role in ROLES {
            for (sent, whole) in [
                (text(role, true, "κόσμε"), "κόσμε"),
                ([text(role, false, "κ"), ping(role, "p"), more(role, true, "όσμε")].concat(), "κόσμε"),
                (text(role, true, &long), &long[..]),
                (
                    [text(role, false, "a"), more(role, false, &long), more(role, true, "b")].concat(),
                    &format!("a{long}b"),
                ),
            ] {
                for cut in (1..sent.len()).step_by(1 + sent.len() / 50) {
                    let (mut decoder, mut seen) = (Decoder::new(role, ROOMY), Vec::new());
                    feed(&mut decoder, &sent[..cut], &mut seen);
                    let begun = decoder.start_streaming();
                    let mut all = match &begun {
                        Some((TEXT, begun)) => begun.clone(),
                        Some((BINARY, _)) => panic!("it is text"),
                        None => Vec::new(),
                    };
                    let before = seen.len();
                    feed(&mut decoder, &sent[cut..], &mut seen);
                    assert_eq!(
                        begun.is_none(),
                        seen.get(before) == Some(&Seen::Begin(TEXT)),
                        "begun once, cut at {cut}"
                    );
                    for seen in &seen {
                        match seen {
                            Seen::Piece(piece) => all.extend(piece),
                            Seen::Begin(_) | Seen::End | Seen::Ping(_) => {}
                            Seen::Message(..) | Seen::Pong(_) | Seen::Close(..) | Seen::Failed(_) | Seen::Frame(..) => {
                                panic!("{seen:?}")
                            }
                        }
                    }
                    assert_eq!(seen.last(), Some(&Seen::End));
                    assert_eq!(all, whole.as_bytes(), "cut at {cut}");
                }
            }
        }
    }

    // ── a simple reference decoder ──────────────────────────────────────────────────────────

    /// Takes one byte at a time and decodes the frame from its start each time.
    struct Model {
        role: Role,
        limits: Limits,
        frame: Vec<u8>,
        message: Option<(MessageKind, Vec<u8>, u32)>,
        /// Number of bytes of the message that are whole characters.
        valid: usize,
        over: bool,
    }

    impl Model {
        fn new(role: Role, limits: Limits) -> Model {
            Model { role, limits, frame: Vec::new(), message: None, valid: 0, over: false }
        }

        fn push(&mut self, byte: u8) -> Option<Seen> {
            if self.over {
                return None;
            }
            self.frame.push(byte);
            let seen = self.decode().unwrap_or_else(|violation| Some(Seen::Failed(violation)));
            self.over = matches!(seen, Some(Seen::Failed(_) | Seen::Close(..)));
            seen
        }

        fn decode(&mut self) -> Result<Option<Seen>, ProtocolError> {
            let frame = &self.frame;
            let (fin, opcode) = (frame[0] >= 0x80, frame[0] & 0x0F);
            if frame[0] & 0x70 != 0 {
                return Err(ProtocolError::ReservedBits(frame[0] >> 4 & 7));
            }
            match (opcode, fin, self.message.is_some()) {
                // Only the check of the first byte depends on the message before it.
                _ if frame.len() > 1 => {}
                (3..=7 | 11..=15, ..) => return Err(ProtocolError::UnknownOpcode(opcode)),
                (8.., false, _) => return Err(ProtocolError::FragmentedControlFrame),
                (0, _, false) => return Err(ProtocolError::UnexpectedContinuation),
                (1 | 2, _, true) => return Err(ProtocolError::ExpectedContinuation),
                _ => {}
            }
            let Some(second) = frame.get(1) else { return Ok(None) };
            let masked = match (self.role, second >= &0x80) {
                (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
                (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
                (_, masked) => masked,
            };
            let (short, size) = (second & 0x7F, [2, 4, 10][usize::from(second & 0x7F).saturating_sub(125).min(2)]);
            if opcode >= 8 && short > 125 {
                return Err(ProtocolError::ControlFrameTooBig);
            }
            if short == 127 && frame.get(2).is_some_and(|byte| *byte >= 0x80) {
                return Err(ProtocolError::LengthMostSignificantBit);
            }
            let Some(digits) = frame.get(2..size) else { return Ok(None) };
            let length = match size {
                2 => u64::from(short),
                _ => digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            };
            if length < [0, 0, 0, 0, 126, 0, 0, 0, 0, 0, 65536][size] {
                return Err(ProtocolError::LengthNotMinimal);
            }
            let head = size + if masked { 4 } else { 0 };
            if frame.len() < head {
                return Ok(None);
            }
            let key = if masked { [frame[size], frame[size + 1], frame[size + 2], frame[size + 3]] } else { [0; 4] };
            let payload = &frame[head..];
            let came = payload.len() as u64;
            if opcode < 8 && came == 0 {
                if opcode > 0 {
                    self.message = Some((if opcode == 1 { TEXT } else { BINARY }, Vec::new(), 0));
                    self.valid = 0;
                }
                let (_, data, fragments) = self.message.as_mut().unwrap();
                *fragments += 1;
                let total = data.len() as u64 + length;
                if total > self.limits.max_message_size {
                    return Err(ProtocolError::MessageTooBig { length: total, limit: self.limits.max_message_size });
                }
                if length > self.limits.max_frame_size {
                    return Err(ProtocolError::FrameTooBig { length, limit: self.limits.max_frame_size });
                }
                if *fragments > self.limits.max_fragments {
                    return Err(ProtocolError::TooManyFragments { limit: self.limits.max_fragments });
                }
            }
            if let (Some(byte), true) = (payload.last(), opcode < 8) {
                let (kind, data, _) = self.message.as_mut().unwrap();
                data.push(byte ^ key[(payload.len() - 1) % 4]);
                let offset = data.len() as u64 - 1;
                if *kind == TEXT {
                    match std::str::from_utf8(&data[self.valid..]) {
                        Ok(_) => self.valid = data.len(),
                        Err(error) if error.error_len().is_some() => return Err(ProtocolError::TextNotUtf8 { offset }),
                        Err(_) => {}
                    }
                }
            }
            if came < length {
                return Ok(None);
            }
            let control: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            self.frame.clear();
            Ok(match opcode {
                8 => Some(Self::close(&control)?),
                9 => Some(Seen::Ping(control)),
                10 => Some(Seen::Pong(control)),
                _ if !fin => None,
                _ => {
                    let (kind, data, _) = self.message.take().unwrap();
                    if kind == TEXT && std::str::from_utf8(&data).is_err() {
                        return Err(ProtocolError::TextNotUtf8 { offset: data.len() as u64 });
                    }
                    Some(Seen::Message(kind, data))
                }
            })
        }

        fn close(body: &[u8]) -> Result<Seen, ProtocolError> {
            if let [a, b, reason @ ..] = body {
                let code = u16::from(*a) << 8 | u16::from(*b);
                if !(1000..5000).contains(&code) || (1004..1007).contains(&code) || (1015..3000).contains(&code) {
                    return Err(ProtocolError::InvalidCloseCode(code));
                }
                let reason = String::from_utf8(reason.to_vec()).map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
                return Ok(Seen::Close(Some(code), reason));
            }
            if body.is_empty() {
                Ok(Seen::Close(None, String::new()))
            } else {
                Err(ProtocolError::CloseBodyTooShort)
            }
        }
    }

    /// A xorshift generator: the same bytes in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % bound
        }

        fn one_in(&mut self, bound: usize) -> bool {
            self.below(bound) == 0
        }

        /// Mostly short, sometimes around the sizes where something changes.
        fn length(&mut self, long: bool) -> usize {
            match (self.below(8), long) {
                (0, _) => 0,
                (1, _) => 120 + self.below(12),
                (2, _) => self.below(400),
                (3, true) => [MIN_INPUT_SIZE, 65_536, MAX_INPUT_SIZE][self.below(3)] - 20 + self.below(40),
                (4, true) => self.below(150_000),
                _ => self.below(30),
            }
        }

        fn text(&mut self, length: usize) -> Vec<u8> {
            let mut text = String::new();
            while text.len() < length {
                match self.below(12) {
                    0 => text.push_str(&"ascii ".repeat(self.below(30))),
                    _ => text.push(['a', 'é', '漢', '😀', '\u{7ff}', '\u{10ffff}'][self.below(6)]),
                }
            }
            text.into_bytes()
        }

        /// One message with its frames, and control frames before each.
        fn message(&mut self, role: Role, long: bool, out: &mut Vec<u8>) -> (MessageKind, Vec<u8>) {
            let length = self.length(long);
            let (kind, whole) = match self.one_in(2) {
                true => (TEXT, self.text(length)),
                false => (BINARY, (0..length).map(|_| self.below(256) as u8).collect()),
            };
            let (mut rest, mut opcode) = (&whole[..], Opcode::Data(kind));
            loop {
                if self.one_in(4) {
                    let payload = vec![b'c'; self.below(126)];
                    let opcode = if self.one_in(2) { Opcode::Ping } else { Opcode::Pong };
                    out.extend(frame(role, true, opcode, &payload));
                }
                let last = self.one_in(2);
                let (part, behind) = rest.split_at(if last { rest.len() } else { self.below(rest.len() + 1) });
                out.extend(frame(role, last, opcode, part));
                (rest, opcode) = (behind, Opcode::Continuation);
                if last {
                    return (kind, whole);
                }
            }
        }

        /// `bytes` in reads of all sizes.
        fn reads<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
            let mut reads = Vec::new();
            let most = [1, 3, 40, 5000, 100_000][self.below(5)];
            while !bytes.is_empty() {
                let (read, rest) = bytes.split_at((1 + self.below(most)).min(bytes.len()));
                reads.push(read);
                bytes = rest;
            }
            reads
        }
    }

    #[test]
    fn a_simple_reference_decoder_returns_the_same_events() {
        // 6455-6.2-1, 6455-10.7-1
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let small = Limits { max_frame_size: 300, max_message_size: 350, max_fragments: 4, ..ROOMY };
        let (mut failed, mut passed) = (0, 0);
        for round in 0..4000 {
            let role = ROLES[round % 2];
            let long = round % 50 == 0;
            let limits = if long { ROOMY } else { small };
            let mut sent = Vec::new();
            for _ in 0..1 + random.below(6) {
                random.message(role, long, &mut sent);
            }
            if random.one_in(3) {
                sent.extend(frame(role, true, Opcode::Close, &[3, random.below(256) as u8, b'r']));
                sent.extend(ping(role, "after"));
            }
            for _ in 0..random.below(3) {
                // Near a header more often than not.
                let at = match random.one_in(2) {
                    true => random.below(sent.len()),
                    false => random.below(sent.len().min(8)),
                };
                match random.below(4) {
                    0 => sent[at] = random.below(256) as u8,
                    1 => sent[at] ^= 1 << random.below(8),
                    2 => drop(sent.remove(at)),
                    _ => sent.insert(at, random.below(256) as u8),
                }
            }
            let mut model = Model::new(role, limits);
            let want: Vec<Seen> = sent.iter().filter_map(|byte| model.push(*byte)).collect();
            let seen = run(role, limits, random.reads(&sent));
            assert!(seen == want, "round {round}: {:?}, {:?}", seen.last(), want.last());
            match want.last() {
                Some(Seen::Failed(_)) => failed += 1,
                _ => passed += 1,
            }
        }
        assert!(failed > 500 && passed > 500, "{failed} failed and {passed} passed: both must occur");
    }

    #[test]
    fn any_change_between_whole_and_streamed_loses_nothing() {
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        for round in 0..1500 {
            let role = ROLES[round % 2];
            let mut sent = Vec::new();
            let messages: Vec<_> = (0..8).map(|_| random.message(role, round % 40 == 0, &mut sent)).collect();
            let mut decoder = Decoder::new(role, ROOMY);
            let (mut expected, mut streaming) = (messages.iter().peekable(), false);
            let mut lent: Option<(MessageKind, Vec<u8>)> = None;
            for mut read in random.reads(&sent) {
                while !read.is_empty() {
                    let space = decoder.space();
                    let count = space.len().min(read.len());
                    space[..count].copy_from_slice(&read[..count]);
                    decoder.filled(count);
                    read = &read[count..];
                    loop {
                        if random.one_in(6) {
                            streaming = !streaming;
                            if streaming {
                                lent = decoder.start_streaming();
                            } else {
                                decoder.stop_streaming();
                                if let Some((kind, begun)) = lent.take() {
                                    let (expected, whole) = expected.next().unwrap();
                                    assert!(kind == *expected && whole.starts_with(&begun), "round {round}");
                                }
                            }
                        }
                        match next(&mut decoder) {
                            None => break,
                            Some(Seen::Message(kind, bytes)) => {
                                assert!(!streaming && Some(&(kind, bytes)) == expected.next(), "round {round}");
                            }
                            Some(Seen::Begin(kind)) => {
                                assert!(streaming && lent.is_none());
                                lent = Some((kind, Vec::new()));
                            }
                            Some(Seen::Piece(bytes)) => lent.as_mut().unwrap().1.extend(bytes),
                            Some(Seen::End) => assert!(lent.take().as_ref() == expected.next(), "round {round}"),
                            Some(Seen::Ping(bytes) | Seen::Pong(bytes)) => assert!(bytes.iter().all(|b| *b == b'c')),
                            Some(seen @ (Seen::Close(..) | Seen::Failed(_) | Seen::Frame(..))) => {
                                panic!("round {round}: {seen:?}")
                            }
                        }
                    }
                }
            }
            assert_eq!(expected.next(), None, "round {round}");
        }
    }

    /// A caller may read before it has taken all events: here after the one of the header, before the payload behind it.
    #[test]
    fn bytes_read_between_events_stay_in_order() {
        let payload: Vec<u8> = (0..10_000).map(|i| (i % 251) as u8).collect();
        for role in ROLES {
            let mut decoder = Decoder::new(role, ROOMY);
            decoder.report_headers();
            let whole = [binary(role, false, &payload), frame(role, true, Opcode::Continuation, b"")].concat();
            let mut seen = Vec::new();
            let (first, rest) = whole.split_at(20);
            decoder.space()[..20].copy_from_slice(first);
            decoder.filled(20);
            seen.extend(next(&mut decoder));
            assert_eq!(seen, [Seen::Frame(Opcode::Data(BINARY), 10_000)]);
            decoder.space()[..30].copy_from_slice(&rest[..30]);
            decoder.filled(30);
            drain(&mut decoder, &mut seen);
            feed(&mut decoder, &rest[30..], &mut seen);
            assert_eq!(seen[1..], [Seen::Frame(Opcode::Continuation, 0), message(BINARY, &payload)], "{role:?}");
        }
    }
}
