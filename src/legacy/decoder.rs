//! The receiving half of a connection in a draft: bytes in, events out. It has the methods of
//! [`codec::decoder`](crate::codec::decoder), to which it translates frames:
//!
//! ```text
//! bytes ─ (deflate-stream) ─ framing ─ unmasked frames of RFC 6455 ─ codec::decoder ─ events
//!                            hixie, hybi                             assembly, limits, text, streaming
//! ```
//!
//! One frame is translated at a time, after the inner decoder has consumed the previous one. Therefore the data about
//! the current frame (text with replacement, body of a Close) belongs to the event that results from it, and an error
//! is reported only after all valid data before it.

use super::deflate_stream::StreamInflater;
use super::hixie;
use super::hixie::ClosingFrame;
use super::hybi;
use super::hybi::MaskingKey;
use super::parts::{CloseMethod, Framing, InvalidText};
use super::plain::TranslatedFrames;
use super::table::DraftSpec;
use super::text::LossyUtf8;
use crate::close::CloseCode;
use crate::codec::buffers::InputBuffer;
use crate::codec::decoder as rfc;
use crate::codec::event::DecoderEvent;
use crate::codec::frame::{Header, Opcode, Role};
use crate::config::Limits;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// Number of bytes replaced at a time, after which the limit is checked.
const REPLACEMENT_CHUNK: usize = 4 << 10;

#[derive(Debug)]
enum Reader {
    Sentinel(hixie::Reader),
    Length(hybi::Reader),
}

#[derive(Debug)]
enum State {
    Open,
    /// The stream has ended, in a version that closes so.
    Ended,
    /// A streamed text has ended inside a character. The replacement character was returned, the end of the message was
    /// not.
    Ending,
    Closed,
    Failed(ProtocolError),
}

/// The buffer with the payload of the last event.
#[derive(Debug, Clone, Copy)]
enum PayloadSource {
    Frames,
    Text,
}

/// The receiving half of a connection. See the module documentation.
#[derive(Debug)]
pub(crate) struct Decoder {
    spec: &'static DraftSpec,
    limit: u64,
    state: State,
    input: InputBuffer,
    inflater: Option<StreamInflater>,
    reader: Reader,
    translated: TranslatedFrames,
    frames: rfc::Decoder,
    lossy: LossyUtf8,
    /// Text after replacement.
    text: Vec<u8>,
    payload_source: PayloadSource,
}

impl Decoder {
    /// `early` is what was received after the opening handshake.
    pub(super) fn new(
        spec: &'static DraftSpec,
        role: Role,
        limits: Limits,
        early: &[u8],
        connection_key: MaskingKey,
        inflater: Option<StreamInflater>,
    ) -> Decoder {
        // hixie76-4.3-1
        let replaces = role == Role::Client && spec.invalid_text == InvalidText::Replace;
        let (reader, limits) = match spec.framing {
            // A frame is a message. It is translated to one fragment for each read.
            Framing::Sentinel => {
                let max = limits.max_frame_size.min(limits.max_message_size);
                let reader = hixie::Reader::new(ClosingFrame::of(spec), max);
                // hixie76-4.2-5: any number of fragments, with a limit for their sum.
                (Reader::Sentinel(reader), Limits { max_fragments: u32::MAX, ..Limits::with_max_message_size(max) })
            }
            Framing::Length(rules) => {
                (Reader::Length(hybi::Reader::new(role, rules, connection_key, limits.max_frame_size)), limits)
            }
        };
        Decoder {
            spec,
            limit: limits.max_message_size,
            state: State::Open,
            input: InputBuffer::new(early),
            inflater,
            reader,
            translated: TranslatedFrames::new(if replaces { MessageKind::Binary } else { MessageKind::Text }),
            // Translated frames are unmasked, like those of a server.
            frames: rfc::Decoder::new(Role::Client, limits),
            lossy: LossyUtf8::default(),
            text: Vec::new(),
            payload_source: PayloadSource::Frames,
        }
    }

    #[cfg(feature = "trace")]
    /// Also returns an event for each translated header.
    pub(crate) fn report_headers(&mut self) {
        self.frames.report_headers();
    }

    /// Number of bytes received and not processed.
    pub(crate) fn unread(&self) -> usize {
        self.input.unread().len()
    }

    /// The next event. `None` if more bytes are needed, or after a Close.
    pub(crate) fn next(&mut self) -> Result<Option<DecoderEvent>, ProtocolError> {
        let result = self.step();
        if let Err(violation) = result {
            self.state = State::Failed(violation);
        }
        result
    }

    fn step(&mut self) -> Result<Option<DecoderEvent>, ProtocolError> {
        loop {
            match self.state {
                State::Failed(violation) => return Err(violation),
                State::Closed => return Ok(None),
                State::Ending => {
                    self.state = State::Open;
                    return Ok(Some(DecoderEvent::MessageEnd));
                }
                State::Open | State::Ended => {}
            }
            if let Some(event) = self.frames.next_event()? {
                match self.event(event)? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if !self.translate()? {
                let ended = matches!(self.state, State::Ended);
                return Ok(ended.then(|| self.closed(None)));
            }
        }
    }

    /// Passes translated bytes to the inner decoder, or translates up to the end of a frame. Returns false if there is
    /// no input.
    fn translate(&mut self) -> Result<bool, ProtocolError> {
        let count = self.translated.read(self.frames.space());
        if count > 0 {
            self.frames.filled(count);
            return Ok(true);
        }
        let raw = match &mut self.inflater {
            Some(inflater) => inflater.unread(&mut self.input)?,
            None => self.input.part(0, u64::MAX).1,
        };
        if raw.is_empty() {
            return Ok(false);
        }
        let used = match &mut self.reader {
            Reader::Sentinel(reader) => reader.read(raw, &mut self.translated)?,
            Reader::Length(reader) => reader.read(raw, &mut self.translated)?,
        };
        match &mut self.inflater {
            Some(inflater) => inflater.consume(used),
            None => drop(self.input.consume(used)),
        }
        Ok(true)
    }

    /// Converts an event of the inner decoder. `None`: no event.
    fn event(&mut self, event: DecoderEvent) -> Result<Option<DecoderEvent>, ProtocolError> {
        self.payload_source = PayloadSource::Frames;
        match event {
            DecoderEvent::Ping | DecoderEvent::Pong => Ok(Some(event)),
            DecoderEvent::Close(_) => {
                let code = self.spec.parse_close(&self.translated.close)?.map(|(code, _)| code);
                Ok(Some(self.closed(code)))
            }
            DecoderEvent::Message(_) if self.translated.is_lossy_text() => self.replaced_message().map(Some),
            DecoderEvent::MessageStart(_) if self.translated.is_lossy_text() => {
                self.lossy = LossyUtf8::default();
                Ok(Some(DecoderEvent::MessageStart(MessageKind::Text)))
            }
            DecoderEvent::MessageChunk if self.translated.is_lossy_text() => {
                self.text.clear();
                self.lossy.push(self.frames.payload(), &mut self.text);
                self.payload_source = PayloadSource::Text;
                Ok((!self.text.is_empty()).then_some(DecoderEvent::MessageChunk))
            }
            DecoderEvent::MessageEnd if self.translated.is_lossy_text() => {
                self.text.clear();
                self.lossy.finish(&mut self.text);
                if self.text.is_empty() {
                    return Ok(Some(DecoderEvent::MessageEnd));
                }
                self.payload_source = PayloadSource::Text;
                self.state = State::Ending;
                Ok(Some(DecoderEvent::MessageChunk))
            }
            DecoderEvent::FrameHeader(header)
                if self.translated.is_lossy_text() && header.opcode == Opcode::Data(MessageKind::Binary) =>
            {
                Ok(Some(DecoderEvent::FrameHeader(Header { opcode: Opcode::Data(MessageKind::Text), ..header })))
            }
            DecoderEvent::Message(_)
            | DecoderEvent::MessageStart(_)
            | DecoderEvent::MessageChunk
            | DecoderEvent::MessageEnd
            | DecoderEvent::FrameHeader(_) => Ok(Some(event)),
        }
    }

    fn closed(&mut self, code: Option<CloseCode>) -> DecoderEvent {
        self.state = State::Closed;
        DecoderEvent::Close(code)
    }

    fn replaced_message(&mut self) -> Result<DecoderEvent, ProtocolError> {
        let bytes = self.frames.payload();
        self.text.clear();
        if std::str::from_utf8(bytes).is_err() {
            let mut lossy = LossyUtf8::default();
            for piece in bytes.chunks(REPLACEMENT_CHUNK) {
                lossy.push(piece, &mut self.text);
                check_length(&self.text, self.limit)?;
            }
            lossy.finish(&mut self.text);
            check_length(&self.text, self.limit)?;
            self.payload_source = PayloadSource::Text;
        }
        Ok(DecoderEvent::Message(MessageKind::Text))
    }

    /// The payload of the last event.
    pub(crate) fn payload(&self) -> &[u8] {
        match self.payload_source {
            PayloadSource::Frames => self.frames.payload(),
            PayloadSource::Text => &self.text,
        }
    }

    /// The payload of the last event, by value.
    pub(crate) fn take_payload(&mut self) -> Vec<u8> {
        match self.payload_source {
            PayloadSource::Frames => self.frames.take_payload(),
            PayloadSource::Text => std::mem::take(&mut self.text),
        }
    }

    /// The reason of the Close that was the last event.
    pub(crate) fn reason(&self) -> &str {
        self.spec.parse_close(&self.translated.close).ok().flatten().map_or("", |(_, reason)| reason)
    }

    /// The body of the reply to that Close.
    pub(crate) fn answer(&self) -> Vec<u8> {
        self.spec.reply_body(&self.translated.close)
    }

    /// Handles the end of the stream. Returns true if this version closes so and no message is incomplete.
    pub(crate) fn on_eof(&mut self) -> bool {
        let clean = matches!(self.state, State::Open)
            && self.spec.close_method == CloseMethod::EndOfStream
            && !self.is_incomplete();
        if clean {
            self.state = State::Ended;
        }
        clean
    }

    /// The buffer to read into. Never empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// The buffer to read into after the last event, when the bytes are discarded.
    pub(crate) fn discard_space(&mut self) -> &mut [u8] {
        self.input.clear();
        self.input.space()
    }

    /// Reports the number of bytes read into [`Decoder::space`].
    pub(crate) fn filled(&mut self, count: usize) {
        self.input.filled(count);
    }

    /// Whether a frame or a message is incomplete.
    pub(crate) fn is_incomplete(&self) -> bool {
        let begun = match &self.reader {
            Reader::Sentinel(reader) => reader.is_incomplete(),
            Reader::Length(reader) => reader.is_incomplete(),
        };
        match self.state {
            State::Open | State::Ending => begun || !self.input.is_empty() || self.frames.is_incomplete(),
            State::Ended | State::Closed | State::Failed(_) => false,
        }
    }

    /// Returns messages in chunks from now on; see [`rfc::Decoder::start_streaming`].
    pub(crate) fn start_streaming(&mut self) -> Option<(MessageKind, Vec<u8>)> {
        let (kind, begun) = self.frames.start_streaming()?;
        if !self.translated.is_lossy_text() {
            return Some((kind, begun));
        }
        self.lossy = LossyUtf8::default();
        let mut text = Vec::new();
        self.lossy.push(&begun, &mut text);
        Some((MessageKind::Text, text))
    }

    /// Returns complete messages again.
    pub(crate) fn stop_streaming(&mut self) {
        self.frames.stop_streaming();
        if let State::Ending = self.state {
            self.state = State::Open;
        }
    }

    /// Releases memory that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.input.shrink();
        self.translated.shrink();
        self.frames.shrink();
        self.text = Vec::new();
        if let Some(inflater) = &mut self.inflater {
            inflater.shrink();
        }
    }
}

fn check_length(text: &[u8], limit: u64) -> Result<(), ProtocolError> {
    let length = text.len() as u64;
    match length <= limit {
        true => Ok(()),
        false => Err(ProtocolError::MessageTooBig { length, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::deflate_stream::StreamDeflater;
    use crate::legacy::encoder::Encoder;
    use crate::legacy::Version;

    #[test]
    fn shrinking_releases_what_a_large_message_needed() {
        let spec = DraftSpec::for_version(Version::Hybi07);
        for compressed in [false, true] {
            let mut encoder = Encoder::new(spec, None, [0; 20], compressed.then(StreamDeflater::new));
            let (mut wire, message) = (Vec::new(), [b'x'; 200_000]);
            encoder.encode_frame(&mut wire, true, Opcode::Data(MessageKind::Binary), &message).unwrap();
            let inflater = compressed.then(StreamInflater::new);
            let limits = Limits::with_max_message_size(1 << 20);
            let mut decoder = Decoder::new(spec, Role::Client, limits, &[], [0; 20], inflater);
            let mut rest = wire.as_slice();
            while decoder.next().unwrap().is_none() {
                let space = decoder.space();
                let (now, later) = rest.split_at(space.len().min(rest.len()));
                space[..now.len()].copy_from_slice(now);
                decoder.filled(now.len());
                rest = later;
            }
            assert_eq!(decoder.payload(), message);
            assert_eq!(decoder.next(), Ok(None));
            decoder.text = vec![0; 100];
            let sizes = |decoder: &mut Decoder| {
                let inflated = decoder.inflater.as_ref().map_or(0, StreamInflater::capacity);
                let translated = decoder.translated.capacity();
                (decoder.input.capacity(), inflated, translated, decoder.frames.space().len(), decoder.text.capacity())
            };
            let small = InputBuffer::new(&[]).capacity();
            let (input, inflated, translated, frames, _) = sizes(&mut decoder);
            assert_eq!(
                (input > small, inflated > 0, translated > 0, frames > small),
                (!compressed, compressed, true, true)
            );
            decoder.shrink();
            assert_eq!(sizes(&mut decoder), (small, 0, 0, small, 0));
        }
    }
}
