#![no_main]
//! The decoder finds the events of a decoder written from RFC 6455 alone, and fails at the same byte with the same close code.

use libfuzzer_sys::fuzz_target;
use stdws::codec::decoder::Decoder;
use stdws::codec::event::DecoderEvent;
use stdws::codec::frame::Role;
use stdws::{Limits, MessageKind, ProtocolError};
use stdws_fuzz::rfc6455::{self, Event, Failure};

/// The bit for streamed messages.
const STREAM: u8 = 2;

fuzz_target!(|input: &[u8]| {
    let Some(([bits, limit, size, small], bytes)) = stdws_fuzz::settings(input) else { return };
    let role = if bits & 1 != 0 { Role::Server } else { Role::Client };
    let mut limits = Limits::with_max_message_size([10, 126, 1 << 16, 1 << 20][usize::from(limit & 3)]);
    if limit & 4 != 0 {
        limits.max_frame_size = 127;
    }
    if limit & 8 != 0 {
        limits.max_fragments = 3;
    }
    // Limits apply to what is kept in memory, which a streamed message is not.
    let unlimited = Limits { max_fragments: u32::MAX, ..Limits::with_max_message_size(u64::MAX) };
    let applied = if bits & STREAM != 0 { unlimited } else { limits };
    let expected = rfc6455::Decoder::new(role == Role::Server, &applied).decode(bytes);
    for sizes in [&[][..], &[1], &[size, small % 5 + 1]] {
        let decoder = Decoder::new(role, limits);
        compare(&expected, Reading::new(decoder, bits).read(bytes, sizes));
    }
});

/// A failure at the byte where the rule is broken, or at the end of the piece that has this byte.
fn compare(expected: &(Vec<Event>, Option<Failure>), found: Found) {
    assert_eq!(expected.0, found.events, "{:?} {:?}", expected.1, found.error);
    let code = found.error.map(|error| u16::from(error.close_code()));
    assert_eq!(expected.1.map(|failure| failure.code), code, "{:?}", found.error);
    if let Some(failure) = expected.1 {
        let before = found.used - found.piece;
        assert!(before < failure.at && failure.at <= found.used, "{failure:?} {:?} {before}", found.error);
    }
}

/// What the decoder found.
struct Found {
    events: Vec<Event>,
    error: Option<ProtocolError>,
    /// Number of bytes that the decoder had, and how many of them were new.
    used: usize,
    piece: usize,
}

/// A decoder, and the message that is streamed.
struct Reading {
    decoder: Decoder,
    streamed: Option<(MessageKind, Vec<u8>)>,
    events: Vec<Event>,
}

impl Reading {
    fn new(mut decoder: Decoder, bits: u8) -> Reading {
        if bits & STREAM != 0 {
            decoder.start_streaming();
        }
        if bits & 4 != 0 {
            decoder.report_headers();
        }
        Reading { decoder, streamed: None, events: Vec::new() }
    }

    /// Reads in pieces of these sizes, in rotation; without sizes, as much at once as the decoder has space for.
    fn read(mut self, bytes: &[u8], sizes: &[u8]) -> Found {
        let mut sizes = sizes.iter().cycle();
        let (mut used, mut piece) = (0, 0);
        while used < bytes.len() && !matches!(self.events.last(), Some(Event::Close(_))) {
            let rest = &bytes[used..];
            let size = sizes.next().map_or(rest.len(), |&size| usize::from(size).max(1)).min(rest.len());
            let space = self.decoder.space();
            piece = size.min(space.len());
            space[..piece].copy_from_slice(&rest[..piece]);
            self.decoder.filled(piece);
            used += piece;
            if let Err(error) = self.take_events() {
                assert_eq!(self.decoder.next_event(), Err(error), "an error is final");
                return Found { events: self.events, error: Some(error), used, piece };
            }
        }
        Found { events: self.events, error: None, used, piece }
    }

    fn take_events(&mut self) -> Result<(), ProtocolError> {
        while let Some(event) = self.decoder.next_event()? {
            let bytes = self.decoder.payload().to_vec();
            let event = match event {
                DecoderEvent::Message(kind) => message(kind, bytes),
                DecoderEvent::MessageStart(kind) => {
                    assert_eq!(self.streamed.replace((kind, Vec::new())), None);
                    continue;
                }
                DecoderEvent::MessageChunk => {
                    self.streamed.as_mut().expect("a message has begun").1.extend(bytes);
                    continue;
                }
                DecoderEvent::MessageEnd => {
                    let (kind, bytes) = self.streamed.take().expect("a message has begun");
                    message(kind, bytes)
                }
                DecoderEvent::Ping => Event::Ping(bytes),
                DecoderEvent::Pong => Event::Pong(bytes),
                DecoderEvent::FrameHeader(_) => continue,
                DecoderEvent::Close(code) => {
                    Event::Close(code.map(|code| (u16::from(code), self.decoder.reason().to_string())))
                }
            };
            self.events.push(event);
        }
        Ok(())
    }
}

fn message(kind: MessageKind, bytes: Vec<u8>) -> Event {
    match kind {
        MessageKind::Text => Event::Text(String::from_utf8(bytes).expect("valid UTF-8")),
        MessageKind::Binary => Event::Binary(bytes),
    }
}
