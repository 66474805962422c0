//! The frames of one direction, as events: each with its payload, what it decompresses to, the rule that it breaks, and the
//! explanation.

use stdws::codec::frame::{self, Context, Opcode, Role};
use stdws::codec::mask;
use stdws::codec::utf8::Validator;
use stdws::codec::{close, frame::Header};
use stdws::deflate::{Inflate, WindowBits};
use stdws::explain::Explainer;
use stdws::MessageKind;

use super::event::{Broken, Frame, Inflated, What};
use super::frames::{Framer, Part, RawHeader};
use crate::session::Side;

/// Number of compressed bytes that are decompressed at a time, so that little memory is needed whatever they expand to.
const STEP: usize = 256;

pub(super) struct Lane {
    from: Side,
    /// Maximum number of payload bytes that an event holds.
    shown: usize,
    pub(super) explainer: Explainer,
    framer: Framer,
    number: u64,
    current: Option<Current>,
    message: Option<Message>,
    inflate: Option<Inflate>,
    /// A rule was broken, or a Close has come. What follows is shown, and not judged.
    is_over: bool,
}

/// The frame of which not all bytes have come.
struct Current {
    frame: Frame,
    is_data: bool,
}

/// The message of which not all frames have come.
struct Message {
    is_text: bool,
    is_compressed: bool,
    text: Validator,
}

impl Lane {
    pub(super) fn new(from: Side, explainer: Explainer, shown: usize) -> Lane {
        Lane {
            from,
            shown,
            explainer,
            framer: Framer::default(),
            number: 0,
            current: None,
            message: None,
            inflate: None,
            is_over: false,
        }
    }

    /// Both sides have agreed on permessage-deflate. The largest window decodes whatever they have agreed on.
    pub(super) fn set_compressed(&mut self) {
        self.inflate = Some(Inflate::new(WindowBits::MAX));
    }

    /// The rules are those of a draft, which only the explainer knows.
    pub(super) fn do_not_judge(&mut self) {
        self.is_over = true;
    }

    pub(super) fn has_frames(&self) -> bool {
        self.number > 0 || !self.framer.unfinished().is_empty()
    }

    pub(super) fn feed(&mut self, mut rest: &[u8], events: &mut Vec<What>) {
        while let Some(part) = self.framer.next(&mut rest) {
            match part {
                Part::Header(header) => self.begin(&header),
                Part::Payload(piece, before) => self.payload(piece, before),
                Part::End => self.end(events),
            }
        }
    }

    /// The direction has ended. A frame that is not complete is an event, too.
    pub(super) fn finish(&mut self, events: &mut Vec<What>) {
        let header = self.framer.unfinished();
        let mut text = String::new();
        if !header.is_empty() {
            text += &self.explainer.feed(header);
        }
        text += &self.explainer.finish();
        if let Some(mut current) = self.current.take() {
            current.frame.text += &text;
            events.push(What::Frame(Box::new(current.frame)));
        } else if !text.is_empty() {
            events.push(What::Bytes { from: self.from, length: header.len() as u64, text });
        }
    }

    fn begin(&mut self, header: &RawHeader) {
        self.number = self.number.saturating_add(1);
        let checked = if self.is_over { Ok(None) } else { frame::parse(&header.bytes, self.context()) };
        let mut frame = Frame {
            from: self.from,
            number: self.number,
            fin: header.fin,
            rsv: header.rsv,
            opcode: header.opcode,
            length: header.length,
            key: header.key,
            header: header.bytes.clone(),
            received: 0,
            wire: Vec::new(),
            payload: Vec::new(),
            inflated: None,
            broken: None,
            text: self.explainer.feed(&header.bytes),
        };
        let mut is_data = false;
        match checked {
            Ok(Some(header)) => {
                is_data = !header.opcode.is_control();
                self.begin_message(&header);
                let compressed = self.message.as_ref().is_some_and(|message| message.is_compressed);
                frame.inflated = (is_data && compressed).then(Inflated::default);
            }
            Ok(None) => {}
            Err(violation) => {
                frame.broken = Some(Broken { requirement: violation.requirement(), text: violation.to_string() });
                self.is_over = true;
            }
        }
        self.current = Some(Current { frame, is_data });
    }

    fn context(&self) -> Context {
        let role = match self.from {
            Side::Client => Role::Server,
            Side::Server => Role::Client,
        };
        Context { role, open: self.message.is_some(), compression: self.inflate.is_some() }
    }

    fn begin_message(&mut self, header: &Header) {
        if let Opcode::Data(kind) = header.opcode {
            let (is_text, is_compressed) = (kind == MessageKind::Text, header.rsv1);
            self.message = Some(Message { is_text, is_compressed, text: Validator::default() });
        }
    }

    fn payload(&mut self, piece: &[u8], before: u64) {
        let Some(current) = &mut self.current else { return };
        let frame = &mut current.frame;
        frame.text += &self.explainer.feed(piece);
        frame.received = frame.received.saturating_add(piece.len() as u64);
        let mut plain = piece.to_vec();
        if let Some(key) = frame.key {
            mask::apply(&mut plain, mask::rotate_key(key, (before % 4) as usize));
        }
        keep(&mut frame.wire, piece, self.shown);
        keep(&mut frame.payload, &plain, self.shown);
        if self.is_over || !current.is_data {
            return;
        }
        let Some(message) = &mut self.message else { return };
        let broken = match (&mut self.inflate, &mut frame.inflated) {
            (Some(inflate), Some(inflated)) => decompress(inflate, message, &plain, inflated, self.shown),
            _ => message.check(&plain),
        };
        self.is_over |= broken.is_some();
        frame.broken = broken;
    }

    fn end(&mut self, events: &mut Vec<What>) {
        let Some(mut current) = self.current.take() else { return };
        let frame = &mut current.frame;
        if !self.is_over {
            frame.broken = match (current.is_data, frame.fin, frame.opcode) {
                (true, true, _) => self.end_message(),
                (false, _, 8) => close::parse(&frame.payload)
                    .err()
                    .map(|violation| Broken { requirement: violation.requirement(), text: violation.to_string() }),
                _ => None,
            };
            self.is_over = frame.broken.is_some() || frame.opcode == 8;
        }
        events.push(What::Frame(Box::new(current.frame)));
    }

    fn end_message(&mut self) -> Option<Broken> {
        let message = self.message.take()?;
        let inflate = self.inflate.as_mut().filter(|_| message.is_compressed);
        match inflate.map(Inflate::end_message) {
            Some(Err(_)) => Some(invalid_deflate()),
            _ if message.is_text && !message.text.is_complete() => Some(not_utf8()),
            _ => None,
        }
    }
}

impl Message {
    fn check(&mut self, plain: &[u8]) -> Option<Broken> {
        (self.is_text && self.text.feed(plain).is_err()).then(not_utf8)
    }
}

fn decompress(
    inflate: &mut Inflate,
    message: &mut Message,
    bytes: &[u8],
    to: &mut Inflated,
    shown: usize,
) -> Option<Broken> {
    let mut plain = Vec::new();
    for step in bytes.chunks(STEP) {
        plain.clear();
        let result = inflate.push(step, &mut plain, usize::MAX);
        to.length = to.length.saturating_add(plain.len() as u64);
        keep(&mut to.bytes, &plain, shown);
        let broken = message.check(&plain).or_else(|| result.is_err().then(invalid_deflate));
        if broken.is_some() {
            return broken;
        }
    }
    None
}

fn not_utf8() -> Broken {
    Broken { requirement: "6455-8.1-1", text: "a text message is not UTF-8".to_owned() }
}

fn invalid_deflate() -> Broken {
    Broken { requirement: "7692-6.2-1", text: "a compressed message cannot be decompressed".to_owned() }
}

/// Keeps the first bytes, up to this number.
fn keep(to: &mut Vec<u8>, bytes: &[u8], shown: usize) {
    let room = shown.saturating_sub(to.len()).min(bytes.len());
    to.extend_from_slice(bytes.get(..room).unwrap_or_default());
}
