//! Encoders and decoders of every version: published and own vectors, each version against itself in both roles,
//! limits, errors, and random bytes.

use crate::close::CloseCode;
use crate::codec::event::DecoderEvent;
use crate::codec::frame::Opcode;
use crate::error::ProtocolError;
use crate::legacy::codec::*;
use crate::legacy::handshake::proof::masking_key;
use crate::legacy::parts::{ExtensionSyntax, Framing, InvalidText};
use crate::legacy::table::SPECS;
use crate::legacy::version::Version;
use crate::message::MessageKind;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
const ROLES: [Role; 2] = [Role::Client, Role::Server];
const TEXT: Opcode = Opcode::Data(MessageKind::Text);
const BINARY: Opcode = Opcode::Data(MessageKind::Binary);
use Version::{Hixie55, Hixie75, Hybi00, Hybi01, Hybi02, Hybi03, Hybi04, Hybi05, Hybi06, Hybi07, Hybi08};

/// An event with its payload, or the error that ended decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Message(MessageKind, Vec<u8>),
    Begin(MessageKind),
    Piece(Vec<u8>),
    End,
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Failed(ProtocolError),
}

fn text(text: &str) -> Seen {
    Seen::Message(MessageKind::Text, text.as_bytes().to_vec())
}

fn binary(bytes: &[u8]) -> Seen {
    Seen::Message(MessageKind::Binary, bytes.to_vec())
}

fn drafts() -> impl Iterator<Item = &'static DraftSpec> {
    SPECS.into_iter().filter(|spec| spec.version != Version::Rfc6455)
}

fn hybis() -> impl Iterator<Item = &'static DraftSpec> {
    drafts().filter(|spec| matches!(spec.framing, Framing::Length(_)))
}

/// Uncompressed, and also compressed if the version can negotiate it.
fn streams(spec: &DraftSpec) -> &'static [DeflateStream] {
    match spec.extensions {
        ExtensionSyntax::None => &[DeflateStream::No],
        ExtensionSyntax::Names | ExtensionSyntax::QuotedParameters | ExtensionSyntax::Parameters => {
            &[DeflateStream::No, DeflateStream::Yes]
        }
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Whether deflate-stream is negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeflateStream {
    Yes,
    No,
}

fn agreed(deflate_stream: DeflateStream) -> NegotiatedDraft {
    // hybi04-4.2-1
    let masking_key = Some(masking_key(b"dGhlIHNhbXBsZSBub25jZQ==", b"AQIDBAUGBwgJCgsMDQ4PEC=="));
    NegotiatedDraft { subprotocol: None, masking_key, deflate_stream: deflate_stream == DeflateStream::Yes }
}

/// A source that always returns the key of the examples.
fn same_keys() -> RandomSource {
    RandomSource::from_fn(Box::new(|out: &mut [u8]| {
        for (byte, key) in out.iter_mut().zip(KEY.into_iter().cycle()) {
            *byte = key;
        }
        Ok(())
    }))
}

fn side(version: Version, role: Role, limits: Limits, deflate: DeflateStream) -> (Decoder, Encoder) {
    let keys = (role == Role::Client).then(same_keys);
    codec(DraftSpec::for_version(version), &agreed(deflate), role, limits, &[], keys)
}

fn decoder(version: Version, role: Role, limits: Limits) -> Decoder {
    side(version, role, limits, DeflateStream::No).0
}

fn roomy() -> Limits {
    Limits { max_fragments: u32::MAX, ..Limits::with_max_message_size(1 << 30) }
}

/// The encoded frames of one side.
fn written(version: Version, role: Role, deflate: DeflateStream, frames: &[(bool, Opcode, Vec<u8>)]) -> Vec<u8> {
    let (_, mut encoder) = side(version, role, roomy(), deflate);
    let mut out = Vec::new();
    for (fin, opcode, payload) in frames {
        encoder.encode_frame(&mut out, *fin, *opcode, payload).unwrap();
    }
    out
}

fn next(decoder: &mut Decoder) -> Option<Seen> {
    let payload = |decoder: &Decoder| decoder.payload().to_vec();
    Some(match decoder.next() {
        Ok(None) => return None,
        Ok(Some(DecoderEvent::Message(kind))) => {
            let borrowed = payload(decoder);
            let taken = decoder.take_payload();
            assert_eq!(borrowed, taken);
            Seen::Message(kind, taken)
        }
        Ok(Some(DecoderEvent::MessageStart(kind))) => Seen::Begin(kind),
        Ok(Some(DecoderEvent::MessageChunk)) => Seen::Piece(payload(decoder)),
        Ok(Some(DecoderEvent::MessageEnd)) => Seen::End,
        Ok(Some(DecoderEvent::Ping)) => Seen::Ping(payload(decoder)),
        Ok(Some(DecoderEvent::Pong)) => Seen::Pong(payload(decoder)),
        Ok(Some(DecoderEvent::FrameHeader(header))) => panic!("headers are not reported: {header:?}"),
        Ok(Some(DecoderEvent::Close(code))) => Seen::Close(code.map(CloseCode::as_u16), decoder.reason().to_owned()),
        Err(violation) => Seen::Failed(violation),
    })
}

/// All events from these bytes, fed `step` at a time. After an error, the decoder repeats that error.
fn seen(decoder: &mut Decoder, bytes: &[u8], step: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for mut part in bytes.chunks(step.max(1)) {
        while !part.is_empty() {
            let space = decoder.space();
            let count = space.len().min(part.len());
            assert!(count > 0);
            space[..count].copy_from_slice(&part[..count]);
            decoder.filled(count);
            part = &part[count..];
            while let Some(event) = next(decoder) {
                let failed = matches!(event, Seen::Failed(_));
                seen.push(event);
                if failed {
                    assert_eq!(next(decoder).as_ref(), seen.last());
                    return seen;
                }
            }
        }
    }
    seen
}

/// The events from these bytes. Checks that they do not depend on how the bytes are split.
fn all_ways(version: Version, role: Role, limits: Limits, deflate: DeflateStream, bytes: &[u8]) -> Vec<Seen> {
    let fresh = || side(version, role, limits, deflate).0;
    let whole = seen(&mut fresh(), bytes, usize::MAX);
    for step in [1, 2, 7, 1000] {
        assert_eq!(seen(&mut fresh(), bytes, step), whole, "{version}, {role:?}, {step} bytes at a time");
    }
    whole
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn decoders_match_the_vectors() {
    let hello = || text("Hello");
    let ping = || Seen::Ping(b"Hello".to_vec());
    let pong = || Seen::Pong(b"Hello".to_vec());
    let closed = |code| Seen::Close(code, String::new());
    let hybi03 = [Hybi01, Hybi02, Hybi03].as_slice();
    let hybi05 = [Hybi04, Hybi05, Hybi06].as_slice();
    let hybi07 = [Hybi07, Hybi08].as_slice();
    let both = ROLES.as_slice();
    let client = [Role::Client].as_slice();
    let server = [Role::Server].as_slice();
    // Versions, roles of the receiver, bytes, events.
    let vectors = [
        ([Hixie55, Hixie75, Hybi00].as_slice(), both, "0048656c6c6fff", vec![hello()]),
        (&[Hybi00], both, "ff00", vec![closed(None)]),
        (hybi03, both, "040548656c6c6f", vec![hello()]),
        (hybi03, both, "840348656c00026c6f", vec![hello()]),
        (hybi03, both, "020548656c6c6f", vec![ping()]),
        (hybi03, both, "030548656c6c6f", vec![pong()]),
        (hybi03, both, "0100", vec![closed(None)]),
        (hybi05, client, "840548656c6c6f", vec![hello()]),
        (hybi05, client, "040348656c80026c6f", vec![hello()]),
        (hybi05, client, "820548656c6c6f", vec![ping()]),
        (hybi05, client, "830548656c6c6f", vec![pong()]),
        (&[Hybi04], server, "37fa213d06457dc9392a52", vec![hello()]),
        (&[Hybi05, Hybi06], server, "37fa213db3ff69585b964e", vec![hello()]),
        (&[Hybi05], client, "810153", vec![closed(None)]),
        (&[Hybi05], server, "37fa213db6fb62", vec![closed(None)]),
        (&[Hybi06], client, "810203e8", vec![closed(Some(1000))]),
        (hybi07, client, "810548656c6c6f", vec![hello()]),
        (hybi07, server, "818537fa213d7f9f4d5158", vec![hello()]),
        (hybi07, client, "010348656c80026c6f", vec![hello()]),
        (hybi07, client, "890548656c6c6f", vec![ping()]),
        (hybi07, client, "8a0548656c6c6f", vec![pong()]),
        (hybi07, server, "8a8537fa213d7f9f4d5158", vec![pong()]),
        (hybi07, client, "880203e8", vec![closed(Some(1000))]),
        (hybi07, server, "888237fa213d3412", vec![closed(Some(1000))]),
        (hybi07, client, "8800", vec![closed(None)]),
    ];
    for (versions, roles, bytes, want) in vectors {
        for (&version, &role) in versions.iter().flat_map(|version| roles.iter().map(move |role| (version, role))) {
            let bytes = hex(bytes);
            assert_eq!(all_ways(version, role, roomy(), DeflateStream::No, &bytes), want, "{version}, {role:?}");
            // Twice in a row: after a Close nothing more, otherwise the same events again.
            let twice = [bytes.clone(), bytes.clone()].concat();
            let closes = matches!(want.last(), Some(Seen::Close(..)));
            let expected = if closes { want.clone() } else { [want.clone(), want.clone()].concat() };
            assert_eq!(all_ways(version, role, roomy(), DeflateStream::No, &twice), expected, "{version}, {role:?}");
        }
    }
}

#[test]
fn encoders_match_the_vectors() {
    // hixie76-4.2-6, hixie76-4.2-8, hybi01-4.2-1, hybi04-4.2-1, hybi04-4.2-2, hybi04-4.3-1, hybi05-4.2-1, hybi05-4.5-1
    let hello = || b"Hello".to_vec();
    let one = |opcode, payload| vec![(true, opcode, payload)];
    let two = || vec![(false, TEXT, b"Hel".to_vec()), (true, Opcode::Continuation, b"lo".to_vec())];
    let vectors = [
        (Hixie75, Role::Client, one(TEXT, hello()), "0048656c6c6fff"),
        (Hybi00, Role::Server, one(TEXT, hello()), "0048656c6c6fff"),
        (Hybi00, Role::Server, one(Opcode::Close, vec![]), "ff00"),
        (Hixie75, Role::Server, one(Opcode::Close, vec![]), ""),
        (Hybi01, Role::Client, one(TEXT, hello()), "040548656c6c6f"),
        (Hybi02, Role::Server, two(), "840348656c00026c6f"),
        (Hybi03, Role::Client, one(Opcode::Ping, hello()), "020548656c6c6f"),
        (Hybi03, Role::Client, one(Opcode::Pong, hello()), "030548656c6c6f"),
        (Hybi03, Role::Client, one(Opcode::Close, vec![]), "0100"),
        (Hybi04, Role::Client, one(TEXT, hello()), "37fa213d06457dc9392a52"),
        (Hybi04, Role::Server, two(), "040348656c80026c6f"),
        (Hybi05, Role::Client, one(TEXT, hello()), "37fa213db3ff69585b964e"),
        (Hybi05, Role::Server, one(Opcode::Close, b"S".to_vec()), "810153"),
        (Hybi05, Role::Client, one(Opcode::Close, b"C".to_vec()), "37fa213db6fb62"),
        (Hybi06, Role::Server, one(Opcode::Close, vec![3, 0xE8]), "810203e8"),
        (Hybi06, Role::Server, one(BINARY, hello()), "850548656c6c6f"),
        (Hybi07, Role::Client, one(TEXT, hello()), "818537fa213d7f9f4d5158"),
        (Hybi08, Role::Server, one(Opcode::Ping, hello()), "890548656c6c6f"),
        (Hybi08, Role::Client, one(Opcode::Close, vec![3, 0xE8]), "888237fa213d3412"),
    ];
    for (version, role, frames, bytes) in vectors {
        assert_eq!(written(version, role, DeflateStream::No, &frames), hex(bytes), "{version}, {role:?}");
    }
    for (role, letter) in [(Role::Client, b"C"), (Role::Server, b"S")] {
        let close = DraftSpec::for_version(Hybi05).close_frame(role, CloseCode::NORMAL, "a reason");
        assert_eq!(close, (None, letter.to_vec()));
    }
    // hybi09-9.2.1-1: raw DEFLATE of the masked frame, with a flush after it.
    let packed = hex("6a6c35ffa5685b3fdf373002000000ffff");
    let mut from_vector = side(Hybi08, Role::Server, roomy(), DeflateStream::Yes).0;
    assert_eq!(seen(&mut from_vector, &packed, 1), [text("Hello")]);
    let ours = written(Hybi08, Role::Client, DeflateStream::Yes, &one(TEXT, hello()));
    assert!(ours.ends_with(&[0, 0, 0xFF, 0xFF]));
    assert_eq!(all_ways(Hybi08, Role::Server, roomy(), DeflateStream::Yes, &ours), [text("Hello")]);
}

#[test]
fn every_version_decodes_its_own_frames() {
    let long: String = ("zwölf €uro 😀 ").repeat(4_000);
    let bytes: Vec<u8> = (0..=255).cycle().take(66_000).collect();
    for spec in drafts() {
        for role in ROLES {
            for &deflate in streams(spec) {
                let mut frames = Vec::new();
                let mut want = Vec::new();
                let lengths = [0, 1, 125, 126, 127, 128, 4_096, long.len()];
                for length in lengths {
                    let cut = (0..=length).rev().find(|&at| long.is_char_boundary(at)).unwrap();
                    frames.push((true, TEXT, long.as_bytes()[..cut].to_vec()));
                    want.push(text(&long[..cut]));
                }
                if matches!(spec.framing, Framing::Length(_)) {
                    for length in [0, 1, 126, 65_535, 65_536] {
                        frames.push((true, BINARY, bytes[..length].to_vec()));
                        want.push(binary(&bytes[..length]));
                    }
                    // Fragments with a Ping between them. One ends inside a character.
                    let whole = "fünf".as_bytes();
                    frames.push((false, TEXT, whole[..2].to_vec()));
                    frames.push((true, Opcode::Ping, b"are you".to_vec()));
                    frames.push((false, Opcode::Continuation, Vec::new()));
                    frames.push((true, Opcode::Pong, b"I am".to_vec()));
                    frames.push((true, Opcode::Continuation, whole[2..].to_vec()));
                    want.push(Seen::Ping(b"are you".to_vec()));
                    want.push(Seen::Pong(b"I am".to_vec()));
                    want.push(text("fünf"));
                }
                let (code, body) = spec.close_frame(role, CloseCode::GOING_AWAY, "");
                frames.push((true, Opcode::Close, body.clone()));
                let mut written = written(spec.version, role, deflate, &frames);
                if !spec.closes_by_eof() {
                    want.push(Seen::Close(code.map(CloseCode::as_u16), String::new()));
                    written.extend_from_slice(b"\x00never\xFF");
                }
                let (mut receiver, _) = side(spec.version, other(role), roomy(), deflate);
                for step in [usize::MAX, 4_000, 1_000 + 7] {
                    receiver = side(spec.version, other(role), roomy(), deflate).0;
                    assert!(!receiver.is_incomplete());
                    let got = seen(&mut receiver, &written, step);
                    let kinds = |all: &[Seen]| {
                        all.iter().map(|one| format!("{one:?}").chars().take(40).collect()).collect::<Vec<String>>()
                    };
                    assert_eq!(kinds(&got), kinds(&want), "{} from {role:?}, {deflate:?}", spec.name);
                    assert!(got == want, "{} from {role:?}, {step} at a time", spec.name);
                    assert!(!receiver.is_incomplete());
                }
                // hybi03-4.4-2
                assert_eq!(receiver.answer(), spec.reply_body(&body), "{}", spec.name);
            }
        }
    }
}

#[test]
fn limits_are_exact() {
    let limits = Limits { max_frame_size: 100, max_message_size: 150, max_fragments: 3, ..roomy() };
    let frames = |lengths: &[usize]| -> Vec<(bool, Opcode, Vec<u8>)> {
        let last = lengths.len() - 1;
        let opcode = |n| if n == 0 { TEXT } else { Opcode::Continuation };
        lengths.iter().enumerate().map(|(n, &length)| (n == last, opcode(n), vec![b'x'; length])).collect()
    };
    for spec in drafts() {
        for role in ROLES {
            for &deflate in streams(spec) {
                let got = |lengths: &[usize]| {
                    let bytes = written(spec.version, other(role), deflate, &frames(lengths));
                    let seen = all_ways(spec.version, role, limits, deflate, &bytes);
                    assert_eq!(seen.len(), 1, "{} as {role:?}", spec.name);
                    seen.into_iter().next().unwrap()
                };
                assert!(matches!(got(&[100]), Seen::Message(..)));
                let Framing::Length(_) = spec.framing else {
                    // A frame is a message.
                    let fault = ProtocolError::MessageTooBig { length: 101, limit: 100 };
                    assert!(
                        matches!(got(&[101]), Seen::Failed(ProtocolError::MessageTooBig { limit: 100, .. })),
                        "{fault}"
                    );
                    continue;
                };
                assert_eq!(got(&[101]), Seen::Failed(ProtocolError::FrameTooBig { length: 101, limit: 100 }));
                assert!(matches!(got(&[100, 50]), Seen::Message(..)));
                let fault = ProtocolError::MessageTooBig { length: 151, limit: 150 };
                assert_eq!(got(&[100, 51]), Seen::Failed(fault));
                assert!(matches!(got(&[0, 0, 1]), Seen::Message(..)));
                assert_eq!(got(&[0, 0, 0, 0]), Seen::Failed(ProtocolError::TooManyFragments { limit: 3 }));
            }
        }
    }
}

#[test]
fn an_endless_text_fails_at_the_limit() {
    // hixie76-4.2-5
    for version in [Hixie75, Hybi00] {
        for role in ROLES {
            let mut decoder = decoder(version, role, Limits::with_max_message_size(1_000));
            let mut sent = 0;
            decoder.space()[0] = 0;
            decoder.filled(1);
            let fault = loop {
                decoder.space()[0] = b'x';
                decoder.filled(1);
                match decoder.next() {
                    Ok(event) => assert_eq!(event, None),
                    Err(fault) => break fault,
                }
                sent += 1;
            };
            assert_eq!(fault, ProtocolError::MessageTooBig { length: 1_001, limit: 1_000 });
            assert_eq!(sent, 1_000);
        }
    }
}

#[test]
fn unknown_hixie_frames_are_ignored_up_to_the_limit() {
    // hixie76-4.2-1, hixie76-4.2-2, hixie76-4.2-3, hixie76-4.2-4
    let limits = Limits::with_max_message_size(1_000);
    let hello = [0, b'h', b'i', END];
    const END: u8 = 0xFF;
    let frame = |first: u8, length: &[u8], payload: usize, end: &[u8]| {
        let mut bytes = vec![first];
        bytes.extend_from_slice(length);
        bytes.extend(std::iter::repeat(0u8).take(payload));
        bytes.extend_from_slice(end);
        bytes
    };
    let too_big = |length| Seen::Failed(ProtocolError::FrameTooBig { length, limit: 1_000 });
    for version in [Hixie55, Hixie75, Hybi00] {
        for role in ROLES {
            let got =
                |frame: Vec<u8>| all_ways(version, role, limits, DeflateStream::No, &[frame, hello.to_vec()].concat());
            for skipped in [
                frame(0x01, &[], 0, &[END]),
                frame(0x7F, &[], 1_000, &[END]),
                frame(0x80, &[0], 0, &[]),
                frame(0x80, &[0x87, 0x68], 1_000, &[]),
                // Lengths need not be minimal.
                frame(0xFE, &[0x80, 0x80, 0x80, 5], 5, &[]),
                frame(0xFF, &[5], 5, &[]),
                frame(0x80, &[0x80; 9], 0, &[0]),
            ] {
                assert_eq!(got(skipped.clone()), [text("hi")], "{version} {skipped:x?}");
            }
            assert!(matches!(
                got(frame(0x01, &[], 1_001, &[END]))[..],
                [Seen::Failed(ProtocolError::FrameTooBig { .. })]
            ));
            assert_eq!(got(frame(0x80, &[0x87, 0x69], 1_001, &[])), [too_big(1_001)]);
            assert_eq!(got(frame(0x80, &[0x80; 10], 0, &[0])), [too_big(u64::MAX)]);
            assert!(matches!(
                got(frame(0x80, &[0xFF; 9], 0, &[0x7F]))[..],
                [Seen::Failed(ProtocolError::FrameTooBig { .. })]
            ));
            // The closing frame, also with a length that is not minimal.
            for close in [&[END, 0][..], &[END, 0x80, 0]] {
                let want = match version {
                    Hybi00 => Seen::Close(None, String::new()),
                    _ => text("hi"),
                };
                assert_eq!(got(close.to_vec()), [want], "{version}");
            }
        }
    }
}

#[test]
fn the_end_of_the_stream_closes_hixie_75_only_between_frames() {
    for spec in drafts() {
        for role in ROLES {
            let by_end = matches!(spec.version, Hixie55 | Hixie75);
            let mut decoder = decoder(spec.version, role, roomy());
            assert_eq!(decoder.on_eof(), by_end, "{}", spec.name);
            assert_eq!(next(&mut decoder), by_end.then(|| Seen::Close(None, String::new())));
            assert_eq!(next(&mut decoder), None);
            assert!(!decoder.on_eof());
        }
    }
    for begun in [&[0][..], &[0, b'x'], &[0x80], &[0x80, 1], &[0x01]] {
        let mut decoder = decoder(Hixie75, Role::Server, roomy());
        assert_eq!(seen(&mut decoder, begun, 1), []);
        assert!(decoder.is_incomplete());
        assert!(!decoder.on_eof());
    }
}

#[test]
fn protocol_errors_are_detected() {
    let reserved = ProtocolError::ReservedBits;
    let long_ping = |first: &str| format!("{first}7e007e{}", "00".repeat(126));
    let early = [Hybi01, Hybi02, Hybi03, Hybi04, Hybi05, Hybi06].as_slice();
    let more = [Hybi01, Hybi02, Hybi03].as_slice();
    let fin = [Hybi04, Hybi05, Hybi06].as_slice();
    let late = [Hybi07, Hybi08].as_slice();
    // Unmasked frames, read by a client.
    let faults = [
        (early, "4400".into(), reserved(4)),
        (early, "1400".into(), reserved(1)),
        (early, "0480".into(), reserved(8)),
        (early, "0600".into(), ProtocolError::UnknownOpcode(6)),
        (early, "0f00".into(), ProtocolError::UnknownOpcode(15)),
        (late, "8300".into(), ProtocolError::UnknownOpcode(3)),
        (late, "8b00".into(), ProtocolError::UnknownOpcode(11)),
        (late, "c100".into(), reserved(4)),
        (late, "818537fa213d7f9f4d5158".into(), ProtocolError::MaskedFrame), // hybi07-4.3-1
        (&[Hybi03], long_ping("02"), ProtocolError::ControlFrameTooBig),     // hybi03-4.4-1
        (fin, long_ping("82"), ProtocolError::ControlFrameTooBig),
        (late, long_ping("89"), ProtocolError::ControlFrameTooBig),
        (more, "8200".into(), ProtocolError::FragmentedControlFrame), // hybi03-4.4-1
        (more, "8100".into(), ProtocolError::FragmentedControlFrame),
        (fin, "0200".into(), ProtocolError::FragmentedControlFrame),
        (late, "0800".into(), ProtocolError::FragmentedControlFrame),
        (more, "0000".into(), ProtocolError::UnexpectedContinuation),
        (fin, "8000".into(), ProtocolError::UnexpectedContinuation),
        (more, "84000400".into(), ProtocolError::ExpectedContinuation),
        (fin, "04008400".into(), ProtocolError::ExpectedContinuation),
        (late, "01008100".into(), ProtocolError::ExpectedContinuation),
        (early, "057f8000000000000000".into(), ProtocolError::LengthMostSignificantBit),
        (&[Hybi06], "810103".into(), ProtocolError::CloseBodyTooShort), // hybi06-4.5-1
        (&[Hybi06], "810203e7".into(), ProtocolError::InvalidCloseCode(999)), // hybi06-7.4-1
        (late, "880203e7".into(), ProtocolError::InvalidCloseCode(999)),
        (late, "880203ed".into(), ProtocolError::InvalidCloseCode(1005)), // hybi09-7.4-1
        (late, "880203ee".into(), ProtocolError::InvalidCloseCode(1006)), // hybi09-7.4-1
        (late, "880203f7".into(), ProtocolError::InvalidCloseCode(1015)), // hybi06-7.4-2
        (&[Hybi06], "810203f7".into(), ProtocolError::InvalidCloseCode(1015)), // hybi06-7.4-2
        (late, "88021388".into(), ProtocolError::InvalidCloseCode(5000)),
        (late, "880303e8ff".into(), ProtocolError::CloseReasonNotUtf8),
    ];
    for (versions, bytes, fault) in faults {
        for &version in versions {
            let bytes = hex(&bytes);
            let got = all_ways(version, Role::Client, roomy(), DeflateStream::No, &bytes);
            assert_eq!(got, [Seen::Failed(fault)], "{version} {bytes:x?}");
        }
    }
    // hybi07-4.3-1
    for version in [Hybi07, Hybi08] {
        let got = all_ways(version, Role::Server, roomy(), DeflateStream::No, &hex("810548656c6c6f"));
        assert_eq!(got, [Seen::Failed(ProtocolError::UnmaskedFrame)]);
    }
    let not_deflate = side(Hybi08, Role::Client, roomy(), DeflateStream::Yes).0;
    assert_eq!(seen(&mut { not_deflate }, &[0xFF; 8], 1), [Seen::Failed(ProtocolError::InvalidDeflate)]);
}

/// Shows the answer to farrell-6.
#[test]
fn lengths_need_not_be_minimal_before_rfc_6455() {
    for spec in hybis() {
        let unmasked = |opcode: &[u8]| [opcode, &[126, 0, 2, b'h', b'i']].concat();
        let Framing::Length(rules) = spec.framing else { continue };
        let first = if written(spec.version, Role::Server, DeflateStream::No, &[(true, TEXT, vec![])])[0] & 0x80 != 0 {
            0x80 | rules.opcodes.text
        } else {
            rules.opcodes.text
        };
        let got = all_ways(spec.version, Role::Client, roomy(), DeflateStream::No, &unmasked(&[first]));
        assert_eq!(got, [text("hi")], "{}", spec.name);
    }
}

#[test]
fn long_control_frames_of_hybi_01_are_truncated() {
    // hybi01-4.4-2
    let body: Vec<u8> = (0..200).collect();
    for version in [Hybi01, Hybi02] {
        let bytes = [&[0x02, 126, 0, 200][..], &body, &[0x01, 126, 0, 200], &body].concat();
        let want = [Seen::Ping(body[..125].to_vec()), Seen::Close(None, String::new())];
        let limits = Limits { max_frame_size: 200, ..roomy() };
        assert_eq!(all_ways(version, Role::Server, limits, DeflateStream::No, &bytes), want);
        let limits = Limits { max_frame_size: 199, ..roomy() };
        let got = all_ways(version, Role::Server, limits, DeflateStream::No, &bytes);
        assert_eq!(got, [Seen::Failed(ProtocolError::FrameTooBig { length: 200, limit: 199 })]);
    }
}

#[test]
fn control_frames_of_125_bytes_are_accepted() {
    for spec in hybis() {
        let ping = Opcode::Ping;
        let bytes = written(spec.version, Role::Client, DeflateStream::No, &[(true, ping, vec![b'x'; 125])]);
        let got = all_ways(spec.version, Role::Server, roomy(), DeflateStream::No, &bytes);
        assert_eq!(got, [Seen::Ping(vec![b'x'; 125])], "{}", spec.name);
    }
}

/// Shows the answer to opera-35.
#[test]
fn invalid_utf_8_is_replaced_or_fails() {
    // hixie76-4.3-1
    let bad = b"a\xC3b\xE2\x82".to_vec();
    for spec in drafts() {
        for role in ROLES {
            // Clients replace in the versions that define it. Other clients, and all servers, fail.
            let bytes = written(spec.version, other(role), DeflateStream::No, &[(true, TEXT, bad.clone())]);
            let got = all_ways(spec.version, role, roomy(), DeflateStream::No, &bytes);
            match (role, spec.invalid_text) {
                (Role::Client, InvalidText::Replace) => assert_eq!(got, [text("a\u{FFFD}b\u{FFFD}")], "{}", spec.name),
                _ => assert!(
                    matches!(got[..], [Seen::Failed(ProtocolError::TextNotUtf8 { .. })]),
                    "{}: {got:?}",
                    spec.name
                ),
            }
        }
        assert_eq!(spec.invalid_text == InvalidText::Replace, spec.version < Hybi08);
    }
    // Replacement characters count towards the limit.
    let limits = Limits::with_max_message_size(3 * 4_096 + 2);
    for (count, fits) in [(4_096, true), (4_097, false)] {
        let bytes = written(Hybi03, Role::Server, DeflateStream::No, &[(true, TEXT, vec![0x80; count])]);
        let got = all_ways(Hybi03, Role::Client, limits, DeflateStream::No, &bytes);
        assert_eq!(matches!(got[..], [Seen::Message(..)]), fits, "{count}");
        assert_eq!(matches!(got[..], [Seen::Failed(ProtocolError::MessageTooBig { .. })]), !fits, "{count}");
    }
    // They are counted after each piece of 4 KiB, and after the last character, which is incomplete.
    let incomplete = b"\x80\x80\xE2".to_vec();
    let bytes = written(Hybi03, Role::Server, DeflateStream::No, &[(true, TEXT, incomplete.clone())]);
    let got = all_ways(Hybi03, Role::Client, Limits::with_max_message_size(9), DeflateStream::No, &bytes);
    assert_eq!(got, [text("\u{FFFD}\u{FFFD}\u{FFFD}")]);
    for (sent, limit, length) in [(vec![0x80; 20_000], 20_000, 24_576), (incomplete, 8, 9)] {
        let bytes = written(Hybi03, Role::Server, DeflateStream::No, &[(true, TEXT, sent)]);
        let got = all_ways(Hybi03, Role::Client, Limits::with_max_message_size(limit), DeflateStream::No, &bytes);
        assert_eq!(got, [Seen::Failed(ProtocolError::MessageTooBig { length, limit })]);
    }
}

#[test]
fn messages_are_streamed_in_chunks() {
    let bad = b"one \xC3 two \xE2\x82".to_vec();
    for spec in drafts() {
        for role in ROLES {
            for &deflate in streams(spec) {
                let replaced = role == Role::Client && spec.invalid_text == InvalidText::Replace;
                let (sent, want) = match replaced {
                    true => (bad.clone(), String::from_utf8_lossy(&bad).into_owned()),
                    false => ("fünf".repeat(100).into_bytes(), "fünf".repeat(100)),
                };
                let frames = [(true, TEXT, sent), (true, TEXT, b"next".to_vec())];
                let bytes = written(spec.version, other(role), deflate, &frames);
                for step in [1, 3, 1_000] {
                    // From the start, and from the middle of the message.
                    for before in [0, bytes.len() / 3] {
                        let (first, rest) = bytes.split_at(before);
                        let mut decoder = side(spec.version, role, roomy(), deflate).0;
                        let mut got = seen(&mut decoder, first, step);
                        let begun = decoder.start_streaming();
                        let mut so_far = begun.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
                        if let Some((kind, _)) = begun {
                            assert_eq!(kind, MessageKind::Text);
                            got.push(Seen::Begin(kind));
                        }
                        got.extend(seen(&mut decoder, rest, step));
                        let mut texts = Vec::new();
                        for event in got {
                            match event {
                                Seen::Begin(kind) => assert_eq!(kind, MessageKind::Text),
                                Seen::Piece(piece) => {
                                    assert!(!piece.is_empty());
                                    so_far.extend(piece);
                                }
                                Seen::End => texts.push(String::from_utf8(std::mem::take(&mut so_far)).unwrap()),
                                Seen::Message(_, whole) => texts.push(String::from_utf8(whole).unwrap()),
                                other => panic!("{} {other:?}", spec.name),
                            }
                        }
                        assert_eq!(texts, [want.clone(), "next".into()], "{} as {role:?}, {step}, {before}", spec.name);
                    }
                }
            }
        }
    }
}

#[test]
fn binary_messages_are_streamed_as_they_are() {
    for spec in hybis() {
        for role in ROLES {
            let bytes = written(spec.version, other(role), DeflateStream::No, &[(true, BINARY, vec![0xC3, 0xFF])]);
            let mut decoder = decoder(spec.version, role, roomy());
            assert_eq!(decoder.start_streaming(), None);
            let want = [Seen::Begin(MessageKind::Binary), Seen::Piece(vec![0xC3, 0xFF]), Seen::End];
            assert_eq!(seen(&mut decoder, &bytes, usize::MAX), want, "{} as {role:?}", spec.name);
        }
    }
}

/// What an event borrows is that of this event, also if nothing took what the event before borrowed.
#[test]
fn a_replaced_text_does_not_stay() {
    let frames = [(true, TEXT, b"a\xFF".to_vec()), (true, TEXT, b"b\xFF".to_vec())];
    let bytes = written(Hybi03, Role::Server, DeflateStream::No, &frames);
    let (mut decoder, _) =
        codec(DraftSpec::for_version(Hybi03), &agreed(DeflateStream::No), Role::Client, roomy(), &bytes, None);
    assert_eq!(decoder.unread(), bytes.len());
    for text in ["a\u{FFFD}", "b\u{FFFD}"] {
        assert!(matches!(decoder.next(), Ok(Some(DecoderEvent::Message(MessageKind::Text)))));
        assert_eq!(decoder.payload(), text.as_bytes());
    }
    assert_eq!(decoder.unread(), 0);
}

/// A text that was abandoned inside a character leaves nothing to what is streamed next.
#[test]
fn an_abandoned_text_does_not_stay() {
    let text = written(Hybi03, Role::Server, DeflateStream::No, &[(true, TEXT, "ab\u{20AC}cd".into())]);
    for (opcode, kind) in [(BINARY, MessageKind::Binary), (TEXT, MessageKind::Text)] {
        let bytes = written(Hybi03, Role::Server, DeflateStream::No, &[(true, opcode, b"xyz".to_vec())]);
        // Streamed from the start, and from the middle.
        for begun in [0, 4] {
            let mut decoder = decoder(Hybi03, Role::Client, roomy());
            assert_eq!(decoder.start_streaming(), None);
            let seen_first = seen(&mut decoder, &text[..5], usize::MAX);
            assert_eq!(seen_first, [Seen::Begin(MessageKind::Text), Seen::Piece(b"ab".to_vec())]);
            decoder.stop_streaming();
            assert_eq!(seen(&mut decoder, &text[5..], usize::MAX), []);
            assert_eq!(seen(&mut decoder, &bytes[..begun], usize::MAX), []);
            let (got, rest) = (decoder.start_streaming(), seen(&mut decoder, &bytes[begun..], usize::MAX));
            if begun == 0 {
                assert_eq!(got, None);
                assert_eq!(rest, [Seen::Begin(kind), Seen::Piece(b"xyz".to_vec()), Seen::End], "{kind:?}");
            } else {
                assert_eq!(got, Some((kind, b"xy".to_vec())));
                assert_eq!(rest, [Seen::Piece(b"z".to_vec()), Seen::End], "{kind:?}");
            }
        }
    }
}

#[test]
fn discarded_bytes_do_not_stay() {
    let mut decoder = decoder(Hybi03, Role::Client, roomy());
    for _ in 0..3 {
        let count = decoder.discard_space().len();
        decoder.filled(count);
        assert_eq!(decoder.unread(), count);
    }
}

/// hybi06-4.5-1
#[test]
fn a_close_has_its_reason() {
    for spec in hybis() {
        for role in ROLES {
            let (code, body) = spec.close_frame(other(role), CloseCode::GOING_AWAY, "bye");
            let bytes = written(spec.version, other(role), DeflateStream::No, &[(true, Opcode::Close, body)]);
            let reason = if code.is_some() { "bye" } else { "" };
            let want = [Seen::Close(code.map(CloseCode::as_u16), reason.to_owned())];
            assert_eq!(all_ways(spec.version, role, roomy(), DeflateStream::No, &bytes), want, "{}", spec.name);
        }
    }
}

/// The headers have the opcodes that the peer sent, also where the text is translated to binary.
#[cfg(feature = "trace")]
#[test]
fn headers_are_reported_as_sent() {
    for spec in hybis() {
        for role in ROLES {
            let opcodes =
                [(true, TEXT), (true, BINARY), (false, TEXT), (true, Opcode::Continuation), (true, Opcode::Ping)];
            let frames = opcodes.map(|(fin, opcode)| (fin, opcode, b"x".to_vec()));
            let bytes = written(spec.version, other(role), DeflateStream::No, &frames);
            let (mut decoder, _) = codec(spec, &agreed(DeflateStream::No), role, roomy(), &bytes, None);
            decoder.report_headers();
            let mut headers = Vec::new();
            while let Some(event) = decoder.next().unwrap() {
                if let DecoderEvent::FrameHeader(header) = event {
                    headers.push((header.fin, header.opcode));
                }
            }
            assert_eq!(headers, opcodes, "{} as {role:?}", spec.name);
        }
    }
}

#[test]
fn the_rest_of_an_abandoned_stream_is_skipped() {
    for spec in drafts() {
        for role in ROLES {
            let frames = [(true, TEXT, vec![b'x'; 300]), (true, TEXT, b"next".to_vec())];
            let bytes = written(spec.version, other(role), DeflateStream::No, &frames);
            let mut decoder = decoder(spec.version, role, roomy());
            assert_eq!(decoder.start_streaming(), None);
            let begun = seen(&mut decoder, &bytes[..100], 10);
            assert_eq!(begun.first(), Some(&Seen::Begin(MessageKind::Text)), "{}", spec.name);
            decoder.stop_streaming();
            assert_eq!(seen(&mut decoder, &bytes[100..], 10), [text("next")], "{}", spec.name);
        }
    }
}

/// The text ends inside a character: its stream is dropped after the replacement, before the end of the message.
#[test]
fn an_abandoned_replacement_ends_its_message() {
    for spec in drafts().filter(|spec| spec.invalid_text == InvalidText::Replace) {
        let mut decoder = decoder(spec.version, Role::Client, roomy());
        decoder.start_streaming();
        assert!(!decoder.is_incomplete());
        let frames = [(true, TEXT, b"\xC3".to_vec()), (true, TEXT, b"next".to_vec())];
        let bytes = written(spec.version, Role::Server, DeflateStream::No, &frames);
        decoder.space()[..bytes.len()].copy_from_slice(&bytes);
        decoder.filled(bytes.len());
        assert!(decoder.is_incomplete(), "bytes wait");
        let mut piece = || next(&mut decoder);
        assert_eq!(piece(), Some(Seen::Begin(MessageKind::Text)), "{}", spec.name);
        assert_eq!(piece(), Some(Seen::Piece("\u{FFFD}".into())), "{}", spec.name);
        decoder.stop_streaming();
        assert_eq!(next(&mut decoder), Some(text("next")), "{}", spec.name);
        assert!(!decoder.is_incomplete());
    }
}

/// Idle memory is freed; bytes that wait are not.
#[test]
fn decompressed_bytes_that_wait_survive_a_shrink() {
    let frames = [(true, BINARY, vec![1; 100]), (true, BINARY, vec![2; 100])];
    let bytes = written(Hybi07, Role::Server, DeflateStream::Yes, &frames);
    let mut decoder = side(Hybi07, Role::Client, roomy(), DeflateStream::Yes).0;
    decoder.space()[..bytes.len()].copy_from_slice(&bytes);
    decoder.filled(bytes.len());
    assert_eq!(next(&mut decoder), Some(binary(&[1; 100])));
    decoder.shrink();
    assert_eq!(next(&mut decoder), Some(binary(&[2; 100])));
}

#[test]
fn decompression_stops_at_the_limit() {
    // A message of 4 MiB in some 4 KiB.
    let mut frames = vec![(false, BINARY, vec![0; 1 << 20])];
    frames.extend((0..3).map(|n| (n == 2, Opcode::Continuation, vec![0; 1 << 20])));
    let bytes = written(Hybi07, Role::Server, DeflateStream::Yes, &frames);
    assert!(bytes.len() < 10 << 10);
    let mut decoder = side(Hybi07, Role::Client, Limits::with_max_message_size(2 << 20), DeflateStream::Yes).0;
    let got = seen(&mut decoder, &bytes, 4_096);
    assert_eq!(got, [Seen::Failed(ProtocolError::MessageTooBig { length: 3 << 20, limit: 2 << 20 })]);
}

#[test]
fn mutated_input_causes_no_panic_and_exceeds_no_limit() {
    let limits = Limits { max_frame_size: 3_000, max_message_size: 5_000, max_fragments: 20, ..roomy() };
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for spec in drafts() {
        for role in ROLES {
            for &deflate in streams(spec) {
                let mut frames = vec![(true, TEXT, "fünf".repeat(200).into_bytes()), (true, TEXT, b"x".to_vec())];
                if matches!(spec.framing, Framing::Length(_)) {
                    frames.extend([
                        (false, TEXT, b"begin".to_vec()),
                        (true, Opcode::Ping, b"ping".to_vec()),
                        (true, Opcode::Continuation, b"end".to_vec()),
                        (true, BINARY, vec![7; 2_000]),
                    ]);
                }
                frames.push((true, Opcode::Close, spec.close_frame(other(role), CloseCode::NORMAL, "").1));
                let good = written(spec.version, other(role), deflate, &frames);
                for _ in 0..100 {
                    let mut bytes = good.clone();
                    for _ in 0..=random(4) {
                        let at = random(bytes.len());
                        match random(4) {
                            0 => bytes[at] ^= 1 << random(8),
                            1 => bytes[at] = [0, 0xFF, 0x7F, 0x80, 126, 127][random(6)],
                            2 => drop(bytes.remove(at)),
                            _ => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                        }
                    }
                    let mut decoder = side(spec.version, role, limits, deflate).0;
                    if random(3) == 0 {
                        decoder.start_streaming();
                    }
                    for event in seen(&mut decoder, &bytes, 1 + random(2_000)) {
                        if let Seen::Message(kind, bytes) = event {
                            assert!(bytes.len() <= 5_000);
                            assert!(kind == MessageKind::Binary || std::str::from_utf8(&bytes).is_ok());
                        }
                    }
                }
            }
        }
    }
}
