//! Bytes in, events out: the receiving half of RFC 6455 sections 5 and 6 (6455-6.2-1, 6455-10.7-1).
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
//! | `Input` | control frames; a message in one frame that fits the read buffer | stay there, are unmasked and lent there |
//! | `Store` | fragments, and what does not fit | are appended to the store; a long rest is read straight into it |
//! | `Stream` | a message being streamed | are unmasked and lent in the read buffer, piece by piece |
//! | `Skip` | the rest of a message whose stream was given up | are checked and dropped |
//!
//! * Text is checked as its bytes come, in whichever place.
//! * Buffers grow with what has arrived, never by what was announced.

use super::assembly::{unmask, Assembly, Mode};
use super::buffers::{Input, Store};
pub(crate) use super::event::Event;
use crate::error::Violation;
use crate::protocol::limits::Limits;
use crate::wire::close;
use crate::wire::frame::{self, Context, Header, Kind, Opcode, Role};

/// From this many bytes on, the rest of a payload is read straight into the store.
const DIRECT: u64 = 4 << 10;

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
    /// So many of the unread bytes have been taken in.
    Input(usize),
    Store,
    Stream,
    Skip,
}

/// Where the bytes of the last event are.
#[derive(Debug, Clone, Copy)]
enum Lent {
    Input { from: usize, length: usize },
    Store,
}

/// The receiving half of a connection. See the module.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    limits: Limits,
    state: State,
    /// How the next message is to be received.
    mode: Mode,
    message: Option<Assembly>,
    input: Input,
    store: Store,
    lent: Lent,
}

impl Decoder {
    /// `early` has been read behind the opening handshake.
    pub(crate) fn new(role: Role, limits: Limits, early: &[u8]) -> Decoder {
        Decoder {
            role,
            limits,
            state: State::Header,
            mode: Mode::Assemble,
            message: None,
            input: Input::new(early),
            store: Store::default(),
            lent: Lent::Input { from: 0, length: 0 },
        }
    }

    /// The next event, or `None` when more bytes are needed, or after a Close.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Violation> {
        if self.input.is_empty() && matches!(self.state, State::Header) {
            return Ok(None);
        }
        let result = match self.whole_message() {
            Ok(None) => self.step(),
            result => result,
        };
        if let Err(violation) = result {
            self.state = State::Failed(violation);
        }
        result
    }

    /// The short way for what comes most often: a message in one frame, all of which is here. It says `None` to anything
    /// else and has then changed nothing.
    #[inline]
    fn whole_message(&mut self) -> Result<Option<Event>, Violation> {
        if !matches!((&self.state, &self.message, self.mode), (State::Header, None, Mode::Assemble)) {
            return Ok(None);
        }
        let unread = self.input.unread();
        let Some(header) = frame::parse(unread, Context { role: self.role, open: false })? else { return Ok(None) };
        let Header { fin: true, opcode: Opcode::Data(kind), mut key, length, size } = header else { return Ok(None) };
        if length > unread.len().saturating_sub(size) as u64 {
            return Ok(None);
        }
        let mut message = Assembly::new(kind, Mode::Assemble);
        message.admit(length, &self.limits)?;
        let (from, bytes) = self.input.part(size, length);
        let length = bytes.len();
        message.take_in(bytes, &mut key)?;
        message.finish()?;
        self.input.consume(size.saturating_add(length));
        self.store.unused();
        self.lent = Lent::Input { from, length };
        Ok(Some(Event::Message(kind)))
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
        let Some(header) = frame::parse(self.input.unread(), context)? else { return Ok(None) };
        self.input.consume(header.size);
        let Header { fin, opcode, key, length, .. } = header;
        let begins = match opcode {
            Opcode::Data(kind) => {
                // 6455-6.2-3, 6455-5.4-12: the first frame says what the whole message is.
                self.message = Some(Assembly::new(kind, self.mode));
                self.store.clear();
                (self.mode == Mode::Stream).then_some(Event::Begin(kind))
            }
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
        };
        if let (Some(message), false) = (&mut self.message, opcode.is_control()) {
            message.admit(length, &self.limits)?;
        }
        self.state = State::Payload(Frame { fin, opcode, key, left: length, place: self.place(&header) });
        Ok(Some(begins))
    }

    fn place(&self, header: &Header) -> Place {
        let fits = header.length <= self.input.capacity() as u64;
        match (header.opcode, &self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) | (_, None) => Place::Input(0),
            (Opcode::Data(_) | Opcode::Continuation, Some(message)) => match message.mode {
                Mode::Assemble if header.fin && fits && header.opcode != Opcode::Continuation => Place::Input(0),
                Mode::Assemble => Place::Store,
                Mode::Stream => Place::Stream,
                Mode::Skip => Place::Skip,
            },
        }
    }

    /// Takes in what is in the read buffer. Outer `None`: needs bytes. Inner `None`: go on.
    fn payload_part(&mut self, mut frame: Frame) -> Result<Option<Option<Event>>, Violation> {
        let done = match frame.place {
            Place::Input(done) => done,
            Place::Store | Place::Stream | Place::Skip => 0,
        };
        let (from, bytes) = self.input.part(done, frame.left);
        let here = bytes.len();
        take_in(&mut self.message, &mut frame, bytes)?;
        match frame.place {
            Place::Input(done) => frame.place = Place::Input(done.saturating_add(here)),
            Place::Store => {
                self.store.append(bytes, self.limits.message);
                self.input.consume(here);
            }
            Place::Stream | Place::Skip => drop(self.input.consume(here)),
        }
        self.state = State::Payload(frame);
        if frame.place == Place::Stream && here > 0 {
            self.lent = Lent::Input { from, length: here };
            return Ok(Some(Some(Event::Piece)));
        }
        if frame.left > 0 {
            return Ok(None);
        }
        self.state = State::Header;
        self.end_of_frame(frame).map(Some)
    }

    fn end_of_frame(&mut self, frame: Frame) -> Result<Option<Event>, Violation> {
        if let Place::Input(length) = frame.place {
            self.lent = Lent::Input { from: self.input.consume(length), length };
        }
        match frame.opcode {
            // 6455-6.2-2, 6455-5.4-1, 6455-5.4-5: wherever they come, the message under assembly does not notice.
            Opcode::Ping => Ok(Some(Event::Ping)),
            Opcode::Pong => Ok(Some(Event::Pong)),
            Opcode::Close => {
                let code = close::parse(self.payload())?.map(|(code, _)| code);
                self.state = State::Closed;
                Ok(Some(Event::Close(code)))
            }
            Opcode::Data(_) | Opcode::Continuation if !frame.fin => Ok(None),
            Opcode::Data(_) | Opcode::Continuation => self.end_of_message(frame.place),
        }
    }

    /// 6455-5.2-1, 6455-5.4-6: one frame or many, of any size, empty ones too.
    /// 6455-6.2-4, 6455-5.4-3, 6455-5.4-7: all fragments, in the order they came, and what follows is another message.
    fn end_of_message(&mut self, place: Place) -> Result<Option<Event>, Violation> {
        let Some(message) = self.message.take() else { return Ok(None) };
        message.finish()?;
        match place {
            Place::Input(_) => {
                self.store.unused();
                Ok(Some(Event::Message(message.kind)))
            }
            Place::Store => {
                self.lent = Lent::Store;
                Ok(Some(Event::Message(message.kind)))
            }
            Place::Stream => Ok(Some(Event::End)),
            Place::Skip => Ok(None),
        }
    }

    /// The bytes of the last event.
    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        match self.lent {
            Lent::Input { from, length } => self.input.at(from, length),
            Lent::Store => self.store.contents(),
        }
    }

    /// The reason in the Close that was the last event.
    pub(crate) fn reason(&self) -> &str {
        close::parse(self.payload()).ok().flatten().map_or("", |(_, reason)| reason)
    }

    /// The bytes of the last event, to keep.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        match self.lent {
            Lent::Input { from, length } => self.input.at(from, length).to_vec(),
            Lent::Store => self.store.take(),
        }
    }

    /// The payload bytes still to come, if they are read straight into the store.
    fn direct(&self) -> Option<u64> {
        match self.state {
            State::Payload(Frame { place: Place::Store, left: left @ DIRECT.., .. }) if self.input.is_empty() => {
                Some(left)
            }
            State::Payload(_) | State::Header | State::Closed | State::Failed(_) => None,
        }
    }

    /// Where to read to. Never empty. For a long payload this is the store itself, and ends with the frame.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        match self.direct() {
            Some(left) => self.store.space(left, self.limits.message),
            None => self.input.space(),
        }
    }

    /// Where to read what nobody wants any more, after the last event.
    pub(crate) fn scrap(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Says how many bytes were read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
        match (self.direct(), &mut self.state) {
            (Some(_), State::Payload(frame)) => {
                if let Err(violation) = take_in(&mut self.message, frame, self.store.filled(count)) {
                    self.state = State::Failed(violation);
                }
            }
            (Some(_) | None, _) => self.input.filled(count),
        }
    }

    /// Whether a frame or a message has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        match &self.state {
            State::Header => {
                !self.input.is_empty() || self.message.as_ref().is_some_and(|message| message.mode == Mode::Assemble)
            }
            State::Payload(_) => true,
            State::Closed | State::Failed(_) => false,
        }
    }

    /// From here on messages are lent in pieces. What has been put together of an open one is given as the first piece;
    /// the rest of one that was given up is skipped.
    pub(crate) fn stream(&mut self) -> Option<(Kind, Vec<u8>)> {
        self.mode = Mode::Stream;
        let message = self.message.as_mut().filter(|message| message.mode != Mode::Skip)?;
        message.mode = Mode::Stream;
        let mut begun = self.store.contents().to_vec();
        self.store.release();
        if let State::Payload(frame) = &mut self.state {
            match frame.place {
                Place::Input(done) if !frame.opcode.is_control() => {
                    let from = self.input.consume(done);
                    begun.extend_from_slice(self.input.at(from, done));
                    frame.place = Place::Stream;
                }
                Place::Store => frame.place = Place::Stream,
                Place::Input(_) | Place::Stream | Place::Skip => {}
            }
        }
        Some((message.kind, begun))
    }

    /// Back to whole messages. The rest of one that is being streamed is skipped.
    pub(crate) fn assemble(&mut self) {
        self.mode = Mode::Assemble;
        if let Some(message) = self.message.as_mut().filter(|message| message.mode == Mode::Stream) {
            message.mode = Mode::Skip;
        }
        if let State::Payload(frame) = &mut self.state {
            if frame.place == Place::Stream {
                frame.place = Place::Skip;
            }
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        // A frame that is being completed in the read buffer was promised its size.
        if !matches!(self.state, State::Payload(Frame { place: Place::Input(_), .. })) {
            self.input.shrink();
        }
        if self.message.is_none() {
            self.store.release();
        }
    }
}

/// Unmasks and checks the next bytes of a frame, and counts them off.
#[inline]
fn take_in(message: &mut Option<Assembly>, frame: &mut Frame, bytes: &mut [u8]) -> Result<(), Violation> {
    frame.left = frame.left.saturating_sub(bytes.len() as u64);
    match (frame.opcode, message, &mut frame.key) {
        (Opcode::Data(_) | Opcode::Continuation, Some(message), key) => message.take_in(bytes, key)?,
        // 6455-5.4-5: a control frame has nothing to do with the message it comes in between of.
        (_, _, Some(key)) => unmask(bytes, key),
        (_, _, None) => {}
    }
    Ok(())
}
