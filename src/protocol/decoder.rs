//! Bytes in, events out: the receiving half of RFC 6455 sections 5 and 6.
//!
//! The caller reads into [`Decoder::space`], says how much came with [`Decoder::filled`], and takes events with
//! [`Decoder::next`] until there is none. What keeps it right:
//!
//! * It fails once. The state after a violation *is* the violation; nothing more is ever parsed (6455-7.1.7-7).
//! * The message under assembly owns everything that belongs to it; a control frame never touches it.
//! * A frame goes through `Header`, then `Payload` until nothing of it is left, then `Header` again. Where its payload
//!   goes is decided once, on the header:
//!
//! | place | for | what happens to the bytes |
//! |---|---|---|
//! | `Buffer` | control frames; a message in one frame that fits the read buffer | stay there, are unmasked and lent there |
//! | `Store` | fragments, and what does not fit | are appended to the store; a long rest is read straight into it |
//! | `Stream` | a message being streamed | are unmasked and lent in the read buffer, piece by piece |
//! | `Skip` | the rest of a message whose stream was given up | are checked and dropped |
//!
//! * Text is checked as its bytes come, in whichever place.
//! * Buffers grow with what has arrived, never by what was announced.

use crate::error::Violation;
use crate::primitives::utf8::Validator;
use crate::protocol::limits::Limits;
use crate::wire::close::{self, CloseCode};
use crate::wire::frame::{self, Context, Header, Kind, Opcode, Role};
use crate::wire::mask;

/// The read buffer of a connection that receives little.
const BUFFER: usize = 4 << 10;
/// The read buffer once reads have filled smaller ones: a frame of 64 KiB and its header fit one read.
const FULL_BUFFER: usize = 68 << 10;
/// The first step of the store; later ones double it.
const STORE: usize = 64 << 10;
/// A store larger than this is let go by the next message that does not need it.
const KEEP: usize = 1 << 20;
/// From this many bytes on, the rest of a payload is read straight into the store.
const DIRECT: u64 = 4 << 10;

/// What has been received. The bytes that go with it are in [`Decoder::payload`] until the decoder is used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A whole message.
    Message(Kind),
    /// Streaming: a message begins. No bytes yet.
    Begin(Kind),
    /// Streaming: some more of it.
    Piece,
    /// Streaming: it has ended.
    End,
    Ping,
    Pong,
    /// The last event of all.
    Close(Option<CloseCode>, String),
}

#[derive(Debug)]
enum State {
    Header,
    Payload(Frame),
    Closed,
    Failed(Violation),
}

/// A frame whose header has been accepted.
#[derive(Debug, Clone, Copy)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    /// Turned to the next byte that comes.
    key: Option<[u8; 4]>,
    /// Payload bytes not yet taken in.
    left: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// So many bytes behind `start` have been taken in.
    Buffer(usize),
    Store,
    Stream,
    Skip,
}

/// The message under assembly.
#[derive(Debug)]
struct Assembly {
    kind: Kind,
    text: Validator,
    fragments: u32,
    /// Payload bytes so far, in frames of which every byte has been taken in or counted on its header.
    size: u64,
    /// Bytes that have been checked: where a wrong byte stands.
    checked: u64,
}

impl Assembly {
    fn new(kind: Kind) -> Assembly {
        Assembly { kind, text: Validator::default(), fragments: 0, size: 0, checked: 0 }
    }

    /// Takes in bytes just unmasked; `ascii` when they are known to be nothing else.
    fn check(&mut self, bytes: &[u8], ascii: bool) -> Result<(), Violation> {
        if self.kind == Kind::Text && !(ascii && self.text.is_complete()) {
            // 6455-8.1-1: at the first wrong byte, which may stand in the middle of a frame.
            self.text
                .feed(bytes)
                .map_err(|at| Violation::TextNotUtf8 { offset: self.checked.saturating_add(at as u64) })?;
        }
        self.checked = self.checked.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// 6455-5.6-1: a message may not end inside a character; a frame may.
    fn finish(&self) -> Result<(), Violation> {
        match self.text.is_complete() {
            true => Ok(()),
            false => Err(Violation::TextNotUtf8 { offset: self.checked }),
        }
    }
}

/// Whether messages are put together or lent in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Assemble,
    Stream,
    Skip,
}

/// Where the bytes of the last event are.
#[derive(Debug, Clone, Copy)]
enum Lent {
    Buffer { from: usize, length: usize },
    Store,
}

/// The receiving half of a connection. See the module.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    limits: Limits,
    state: State,
    mode: Mode,
    message: Option<Assembly>,
    /// Kept initialised, so that no byte is zeroed twice; `start..end` has been read and not been used up.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read left no room: the next one may have more.
    full: bool,
    /// Kept initialised too; the first `stored` bytes belong to the message.
    store: Vec<u8>,
    stored: usize,
    lent: Lent,
}

impl Decoder {
    /// `early` has been read behind the opening handshake.
    pub(crate) fn new(role: Role, limits: Limits, early: &[u8]) -> Decoder {
        let mut buffer = vec![0; BUFFER.max(early.len())];
        for (to, from) in buffer.iter_mut().zip(early) {
            *to = *from;
        }
        Decoder {
            role,
            limits,
            state: State::Header,
            mode: Mode::Assemble,
            message: None,
            buffer,
            start: 0,
            end: early.len(),
            full: false,
            store: Vec::new(),
            stored: 0,
            lent: Lent::Buffer { from: 0, length: 0 },
        }
    }

    /// The next event, or `None` when more bytes are needed, or after a Close.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Violation> {
        let result = self.step();
        if let Err(violation) = result {
            self.state = State::Failed(violation);
        }
        result
    }

    fn step(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            let event = match self.state {
                State::Failed(violation) => return Err(violation),
                // 6455-7.1.1-1: what comes after a Close is discarded.
                State::Closed => return Ok(None),
                State::Header => match self.header()? {
                    Some(event) => event,
                    None => return Ok(None),
                },
                State::Payload(frame) => match self.payload_part(frame)? {
                    Some(event) => event,
                    None => return Ok(None),
                },
            };
            if let Some(event) = event {
                return Ok(Some(event));
            }
        }
    }

    /// Outer `None`: needs bytes. Inner `None`: go on.
    fn header(&mut self) -> Result<Option<Option<Event>>, Violation> {
        let context = Context { role: self.role, open: self.message.is_some() };
        let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some(header) = frame::parse(bytes, context)? else { return Ok(None) };
        self.start = self.start.saturating_add(header.size);
        let begins = match header.opcode {
            Opcode::Data(kind) => {
                // 6455-6.2-3, 6455-5.4-12: the first frame says what the whole message is.
                self.message = Some(Assembly::new(kind));
                self.stored = 0;
                (self.mode == Mode::Stream).then_some(Event::Begin(kind))
            }
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
        };
        if !header.opcode.is_control() {
            self.admit(&header)?;
        }
        let Header { fin, opcode, key, length, .. } = header;
        self.state = State::Payload(Frame { fin, opcode, key, left: length, place: self.place(&header) });
        Ok(Some(begins))
    }

    /// 6455-10.4-1, 6455-10.4-2: sizes are compared as announced, before a byte of the payload is taken. Streams hold nothing.
    fn admit(&mut self, header: &Header) -> Result<(), Violation> {
        let Some(message) = &mut self.message else { return Ok(()) };
        message.fragments = message.fragments.saturating_add(1);
        message.size = message.size.saturating_add(header.length);
        if self.mode != Mode::Assemble {
            return Ok(());
        }
        let Limits { frame, message: size, fragments } = self.limits;
        // A limit of the message that is broken by one frame is told as what it is.
        if message.size > size {
            return Err(Violation::MessageTooBig { length: message.size, limit: size });
        }
        if header.length > frame {
            return Err(Violation::FrameTooBig { length: header.length, limit: frame });
        }
        if message.fragments > fragments {
            return Err(Violation::TooManyFragments { limit: fragments });
        }
        Ok(())
    }

    fn place(&self, header: &Header) -> Place {
        let fits = header.length <= self.buffer.len() as u64;
        match (header.opcode, self.mode) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Place::Buffer(0),
            (Opcode::Data(_), Mode::Assemble) if header.fin && fits => Place::Buffer(0),
            (Opcode::Data(_) | Opcode::Continuation, Mode::Assemble) => Place::Store,
            (Opcode::Data(_) | Opcode::Continuation, Mode::Stream) => Place::Stream,
            (Opcode::Data(_) | Opcode::Continuation, Mode::Skip) => Place::Skip,
        }
    }

    /// Takes in what is in the read buffer. Outer `None`: needs bytes. Inner `None`: go on.
    fn payload_part(&mut self, mut frame: Frame) -> Result<Option<Option<Event>>, Violation> {
        let done = match frame.place {
            Place::Buffer(done) => done,
            Place::Store | Place::Stream | Place::Skip => 0,
        };
        let from = self.start.saturating_add(done);
        let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(self.end.saturating_sub(from));
        let to = from.saturating_add(here);
        let bytes = self.buffer.get_mut(from..to).unwrap_or_default();
        take_in(&mut self.message, &mut frame, bytes)?;
        match frame.place {
            Place::Buffer(done) => frame.place = Place::Buffer(done.saturating_add(here)),
            Place::Store => {
                append(&mut self.store, self.stored, bytes);
                self.stored = self.stored.saturating_add(here);
                self.start = to;
            }
            Place::Stream | Place::Skip => self.start = to,
        }
        self.state = State::Payload(frame);
        if frame.place == Place::Stream && here > 0 {
            self.lent = Lent::Buffer { from, length: here };
            return Ok(Some(Some(Event::Piece)));
        }
        if frame.left > 0 {
            return Ok(None);
        }
        self.state = State::Header;
        self.end_of_frame(frame).map(Some)
    }

    fn end_of_frame(&mut self, frame: Frame) -> Result<Option<Event>, Violation> {
        if let Place::Buffer(length) = frame.place {
            self.lent = Lent::Buffer { from: self.start, length };
            self.start = self.start.saturating_add(length);
        }
        match frame.opcode {
            // 6455-5.4-1, 6455-5.4-5: wherever they come, the message under assembly does not notice.
            Opcode::Ping => Ok(Some(Event::Ping)),
            Opcode::Pong => Ok(Some(Event::Pong)),
            Opcode::Close => {
                let parsed = close::parse(self.payload())?;
                let event = match parsed {
                    Some((code, reason)) => Event::Close(Some(code), reason.to_owned()),
                    None => Event::Close(None, String::new()),
                };
                self.state = State::Closed;
                Ok(Some(event))
            }
            Opcode::Data(_) | Opcode::Continuation if !frame.fin => Ok(None),
            Opcode::Data(_) | Opcode::Continuation => self.end_of_message(frame.place),
        }
    }

    /// 6455-6.2-4, 6455-5.4-3, 6455-5.4-7: all fragments, in the order they came, and what follows is another message.
    fn end_of_message(&mut self, place: Place) -> Result<Option<Event>, Violation> {
        let Some(message) = self.message.take() else { return Ok(None) };
        message.finish()?;
        match place {
            Place::Buffer(_) => {
                if self.store.len() > KEEP {
                    self.store = Vec::new();
                }
                Ok(Some(Event::Message(message.kind)))
            }
            Place::Store => {
                self.lent = Lent::Store;
                Ok(Some(Event::Message(message.kind)))
            }
            Place::Stream => Ok(Some(Event::End)),
            Place::Skip => {
                self.mode = Mode::Assemble;
                Ok(None)
            }
        }
    }

    /// The bytes of the last event.
    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        match self.lent {
            Lent::Buffer { from, length } => self.buffer.get(from..from.saturating_add(length)),
            Lent::Store => self.store.get(..self.stored),
        }
        .unwrap_or_default()
    }

    /// The bytes of the last event, to keep.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        match self.lent {
            // A store much larger than this message is worth more here than there.
            Lent::Store if self.store.len() / 2 <= self.stored => {
                let mut taken = std::mem::take(&mut self.store);
                taken.truncate(self.stored);
                self.stored = 0;
                taken
            }
            Lent::Store | Lent::Buffer { .. } => self.payload().to_vec(),
        }
    }

    /// Where to read to. Never empty. For a long payload this is the store itself, and ends with the frame.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if let State::Payload(Frame { place: Place::Store, left, .. }) = self.state {
            if left >= DIRECT && self.start == self.end {
                return self.store_space(left);
            }
        }
        self.make_room();
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Says how many bytes were read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
        if let State::Payload(mut frame) = self.state {
            if frame.place == Place::Store && frame.left >= DIRECT && self.start == self.end {
                let to = self.stored.saturating_add(count);
                let bytes = self.store.get_mut(self.stored..to).unwrap_or_default();
                self.state = match take_in(&mut self.message, &mut frame, bytes) {
                    Ok(()) => State::Payload(frame),
                    Err(violation) => State::Failed(violation),
                };
                self.stored = to;
                return;
            }
        }
        self.end = self.end.saturating_add(count).min(self.buffer.len());
        self.full = self.end == self.buffer.len();
    }

    /// The rest of the store, grown to twice what it holds at most.
    fn store_space(&mut self, left: u64) -> &mut [u8] {
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if self.store.len() == self.stored {
            let more = self.stored.max(STORE).min(left);
            self.store.resize(self.stored.saturating_add(more), 0);
        }
        let to = self.store.len().min(self.stored.saturating_add(left));
        self.store.get_mut(self.stored..to).unwrap_or_default()
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.full && self.buffer.len() < FULL_BUFFER {
            let larger = self.buffer.len().saturating_mul(8).min(FULL_BUFFER);
            self.buffer.resize(larger, 0);
        }
        self.full = false;
        if self.start > 0 && self.end > self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
    }

    /// Whether a frame or a message has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        match &self.state {
            State::Header => self.start < self.end || (self.message.is_some() && self.mode == Mode::Assemble),
            State::Payload(_) => true,
            State::Closed | State::Failed(_) => false,
        }
    }

    /// From here on messages are lent in pieces. What has been put together of an open one is the first piece.
    pub(crate) fn stream(&mut self) -> Option<(Kind, Vec<u8>)> {
        self.mode = Mode::Stream;
        let kind = self.message.as_ref()?.kind;
        let mut begun = Vec::new();
        if let State::Payload(frame) = &mut self.state {
            match frame.place {
                Place::Buffer(done) if !frame.opcode.is_control() => {
                    let to = self.start.saturating_add(done);
                    begun.extend_from_slice(self.buffer.get(self.start..to).unwrap_or_default());
                    self.start = to;
                    frame.place = Place::Stream;
                }
                Place::Store | Place::Skip => frame.place = Place::Stream,
                Place::Buffer(_) | Place::Stream => {}
            }
        }
        begun.extend_from_slice(self.store.get(..self.stored).unwrap_or_default());
        self.stored = 0;
        Some((kind, begun))
    }

    /// Back to whole messages. The rest of one that is being streamed will be dropped.
    pub(crate) fn assemble(&mut self) {
        self.mode = match self.message {
            Some(_) => Mode::Skip,
            None => Mode::Assemble,
        };
        if let State::Payload(frame) = &mut self.state {
            if frame.place == Place::Stream {
                frame.place = Place::Skip;
            }
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && !matches!(self.state, State::Payload(Frame { place: Place::Buffer(_), .. })) {
            self.start = 0;
            self.end = 0;
            self.buffer.truncate(BUFFER);
            self.buffer.shrink_to_fit();
        }
        if self.message.is_none() {
            self.store = Vec::new();
            self.stored = 0;
        }
    }
}

/// Unmasks and checks the next bytes of a frame, and counts them off.
#[inline]
fn take_in(message: &mut Option<Assembly>, frame: &mut Frame, bytes: &mut [u8]) -> Result<(), Violation> {
    let message = match frame.opcode {
        Opcode::Data(_) | Opcode::Continuation => message.as_mut(),
        Opcode::Close | Opcode::Ping | Opcode::Pong => None,
    };
    let text = message.as_ref().is_some_and(|message| message.kind == Kind::Text);
    let mut ascii = false;
    // 6455-6.2-7, 6455-5.3-s1
    if let Some(key) = &mut frame.key {
        match text {
            true => ascii = mask::apply_ascii(bytes, *key),
            false => mask::apply(bytes, *key),
        }
        *key = mask::turn(*key, bytes.len());
    }
    frame.left = frame.left.saturating_sub(bytes.len() as u64);
    match message {
        Some(message) => message.check(bytes, ascii),
        None => Ok(()),
    }
}

/// Puts bytes at `at`, over what an earlier message left there, growing by as much as there is to put.
fn append(store: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let over = store.len().saturating_sub(at).min(bytes.len());
    let (first, rest) = bytes.split_at_checked(over).unwrap_or((bytes, &[]));
    if let Some(to) = store.get_mut(at..at.saturating_add(over)) {
        to.copy_from_slice(first);
    }
    store.extend_from_slice(rest);
}
