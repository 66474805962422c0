//! A strict receiver of RFC 6455 for one direction: which rule a frame breaks, and what its message is.
//!
//! The header is judged by [`frame::parse`], text by the validator and a Close by the parser of the library, so the verdict is that
//! of its own connections. The first violation is final (6455-7.1.7-7).
//!
//! | state | input | verdict |
//! |---|---|---|
//! | open | header, payload, end of a frame | none, or the first violation |
//! | open | the end of a Close | none; the state is then closed |
//! | failed or closed | not called | |

use stdws::codec::close;
use stdws::codec::frame::{self, Context, Header, Opcode, Role};
use stdws::codec::utf8::Validator;
#[cfg(feature = "deflate")]
use stdws::deflate::{Inflate, InflateError, WindowBits};
use stdws::{MessageKind, ProtocolError};

/// Maximum number of payload bytes that are kept of a frame.
pub(crate) const KEPT: usize = 16 << 10;

/// Number of compressed bytes that are decompressed in one step. They become at most 1 KiB each.
#[cfg(feature = "deflate")]
const STEP: usize = 64;

/// A message of which not all frames have arrived.
struct Progress {
    kind: MessageKind,
    compressed: bool,
    text: Validator,
    /// Number of bytes, before decompression and after it.
    received: u64,
    plain: u64,
}

/// What one frame is, beyond its bytes.
#[derive(Default)]
pub(crate) struct Judgement {
    pub(crate) kind: Option<MessageKind>,
    pub(crate) compressed: bool,
    /// The first bytes after decompression, and the number of all.
    pub(crate) inflated: Vec<u8>,
    pub(crate) inflated_length: u64,
    pub(crate) violation: Option<ProtocolError>,
}

pub(crate) struct Judge {
    /// The side that receives.
    role: Role,
    /// Maximum size of a message, before and after decompression.
    limit: u64,
    compression: bool,
    #[cfg(feature = "deflate")]
    inflate: Option<Inflate>,
    message: Option<Progress>,
    header: Option<Header>,
    /// The payload of a control frame, unmasked.
    control: Vec<u8>,
}

impl Judge {
    pub(crate) fn new(role: Role, limit: u64) -> Judge {
        Judge {
            role,
            limit,
            compression: false,
            #[cfg(feature = "deflate")]
            inflate: None,
            message: None,
            header: None,
            control: Vec::new(),
        }
    }

    /// Messages may be compressed from now on.
    #[cfg(feature = "deflate")]
    pub(crate) fn compress(&mut self) {
        self.compression = true;
        // The largest window decodes what any smaller one was used for.
        self.inflate = Some(Inflate::new(WindowBits::MAX));
    }

    #[cfg(not(feature = "deflate"))]
    pub(crate) fn compress(&mut self) {
        self.compression = true;
    }

    /// Judges a header that is complete.
    pub(crate) fn header(&mut self, bytes: &[u8], judgement: &mut Judgement) {
        match frame::parse(bytes, self.context()) {
            Ok(Some(header)) => self.begin(header, judgement),
            Ok(None) => {}
            Err(violation) => judgement.violation = Some(violation),
        }
    }

    /// The rule that the beginning of a header breaks.
    pub(crate) fn violation(&self, bytes: &[u8]) -> Option<ProtocolError> {
        frame::parse(bytes, self.context()).err()
    }

    fn context(&self) -> Context {
        Context { role: self.role, open: self.message.is_some(), compression: self.compression }
    }

    fn begin(&mut self, header: Header, judgement: &mut Judgement) {
        self.header = Some(header);
        self.control.clear();
        if let Opcode::Data(kind) = header.opcode {
            let (text, compressed) = (Validator::default(), header.rsv1);
            self.message = Some(Progress { kind, compressed, text, received: 0, plain: 0 });
        }
        if header.opcode.is_control() {
            return;
        }
        let Some(message) = &mut self.message else { return };
        (judgement.kind, judgement.compressed) = (Some(message.kind), message.compressed);
        message.received = message.received.saturating_add(header.length);
        // 6455-10.4-1
        if message.received > self.limit {
            judgement.violation = Some(ProtocolError::MessageTooBig { length: message.received, limit: self.limit });
        }
    }

    /// Judges the next bytes of the payload, unmasked.
    pub(crate) fn payload(&mut self, plain: &[u8], judgement: &mut Judgement) {
        let is_control = self.header.is_some_and(|header| header.opcode.is_control());
        match &mut self.message {
            _ if judgement.violation.is_some() => {}
            _ if is_control => self.control.extend_from_slice(plain),
            Some(message) if !message.compressed => judgement.violation = message.validate(plain),
            #[cfg(feature = "deflate")]
            Some(message) => {
                if let Some(inflate) = &mut self.inflate {
                    message.inflate(inflate, plain, judgement, self.limit);
                }
            }
            _ => {}
        }
    }

    /// Judges what only the end of a frame shows.
    pub(crate) fn end(&mut self, judgement: &mut Judgement) {
        let Some(header) = self.header.take().filter(|_| judgement.violation.is_none()) else { return };
        match header.opcode {
            // 6455-5.5.1-2, 6455-7.4.2-s1, 6455-8.1-1
            Opcode::Close => judgement.violation = close::parse(&self.control).err(),
            Opcode::Ping | Opcode::Pong => {}
            Opcode::Data(_) | Opcode::Continuation if header.fin => {
                let Some(message) = self.message.take() else { return };
                #[cfg(feature = "deflate")]
                if let Some(inflate) = self.inflate.as_mut().filter(|_| message.compressed) {
                    judgement.violation = inflate.end_message().err().map(|_| ProtocolError::InvalidDeflate);
                }
                // 6455-5.6-1: the whole message is UTF-8; a frame may end inside a character.
                if message.kind == MessageKind::Text && !message.text.is_complete() {
                    judgement.violation.get_or_insert(ProtocolError::TextNotUtf8 { offset: message.plain });
                }
            }
            Opcode::Data(_) | Opcode::Continuation => {}
        }
    }

    /// The code and the reason of the Close that was judged last.
    pub(crate) fn close_text(&self) -> String {
        match close::parse(&self.control) {
            Ok(Some((code, reason))) => format!("{code} {reason}").trim_end().to_owned(),
            Ok(None) | Err(_) => "without a code".to_owned(),
        }
    }
}

impl Progress {
    /// The next bytes of the message itself.
    fn validate(&mut self, plain: &[u8]) -> Option<ProtocolError> {
        let invalid = match self.kind {
            MessageKind::Text => self.text.feed(plain).err(),
            MessageKind::Binary => None,
        };
        let offset = invalid.map(|at| self.plain.saturating_add(at as u64));
        self.plain = self.plain.saturating_add(plain.len() as u64);
        offset.map(|offset| ProtocolError::TextNotUtf8 { offset })
    }

    /// 7692-6.2-1: the next bytes of a compressed message.
    #[cfg(feature = "deflate")]
    fn inflate(&mut self, inflate: &mut Inflate, packed: &[u8], judgement: &mut Judgement, limit: u64) {
        for step in packed.chunks(STEP) {
            let mut plain = Vec::new();
            let result = inflate.push(step, &mut plain, usize::MAX);
            let room = KEPT.saturating_sub(judgement.inflated.len());
            judgement.inflated.extend_from_slice(plain.get(..room).unwrap_or(&plain));
            judgement.inflated_length = judgement.inflated_length.saturating_add(plain.len() as u64);
            judgement.violation = self.validate(&plain);
            if self.plain > limit {
                judgement.violation = Some(ProtocolError::MessageTooBig { length: self.plain, limit });
            }
            if let Err(error) = result {
                debug_assert!(!matches!(error, InflateError::TooLarge));
                judgement.violation.get_or_insert(ProtocolError::InvalidDeflate);
            }
            if judgement.violation.is_some() {
                return;
            }
        }
    }
}
