//! permessage-deflate (RFC 7692) through the public API: over handwritten streams in both roles, and end to end.
#![cfg(feature = "deflate")]

#[path = "support/deflate.rs"]
mod support;

use std::io::{self, Read, Write};
use std::time::Duration;

use stdws::deflate::{Compress, Inflate, Level, WindowBits};
use stdws::{Client, Deflate, Error, Limits, Message, MessageKind, ProtocolError, Server, SplitStream};
use support::*;

#[test]
fn the_examples_of_the_rfc() {
    // 6455-6.2-6, 7692-6.2-1, 7692-6.1-s1, 7692-7.2.1-1, 7692-7.2.1-2, 7692-7.2.1-3, 7692-7.2.2-2, 7692-7.2.2-4: one
    // block, the same with the window kept, a stored block, one marked as the last, two blocks, and an empty message.
    let payloads: [(&[u8], &str); 6] = [
        (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], "Hello"),
        (&[0xf2, 0x00, 0x11, 0x00, 0x00], "Hello"),
        (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], "Hello"),
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], "Hello"),
        (&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], "Hello"),
        (&[0x00], ""),
    ];
    for role in ROLES {
        let mut frames = Vec::new();
        for (payload, _) in payloads {
            frames.extend(frame(role, 0xC1, payload));
            // Split in two with a Ping between: control frames do not affect the message.
            let (first, last) = payload.split_at(payload.len() / 2);
            frames.extend(frame(role, 0x41, first));
            frames.extend(frame(role, 0x89, b"ping"));
            frames.extend(frame(role, 0x80, last));
        }
        let (mut ws, _) = side(role, EXTENSION, 5, &frames);
        for (_, plain) in payloads {
            assert_eq!(text(&mut ws), plain);
            assert_eq!(text(&mut ws), plain);
        }
    }
}

#[test]
fn uncompressed_messages_do_not_touch_the_window() {
    // 7692-6.2-2, 7692-7.2.3-s1
    for role in ROLES {
        let mut compress = Compress::new(Level::Default, WindowBits::MAX);
        let (first, again) = (packed(&mut compress, b"once and again"), packed(&mut compress, b"once and again"));
        assert!(again.len() < first.len());
        let frames = [
            frame(role, 0xC1, &first),
            frame(role, 0x81, b"something else"),
            // In two frames, which are not read in the same way.
            frame(role, 0x01, b"something "),
            frame(role, 0x80, b"more"),
            frame(role, 0xC1, &again),
        ];
        let (mut ws, _) = side(role, EXTENSION, 1 << 20, &frames.concat());
        for plain in ["once and again", "something else", "something more", "once and again"] {
            assert_eq!(text(&mut ws), plain);
        }
    }
}

/// Shows promise P21.
#[test]
fn the_message_limit_counts_decompressed_bytes() {
    for role in ROLES {
        for (size, fine) in [(100_000, true), (100_001, false), (10_000_000, false)] {
            let payload = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &vec![b'a'; size]);
            let (mut ws, _) = side(role, EXTENSION, 100_000, &frame(role, 0xC2, &payload));
            match fine {
                true => {
                    let Some(Message::Binary(plain)) = ws.recv().unwrap() else { panic!("a message") };
                    assert_eq!(plain.len(), size);
                    // A buffer that doubles would exceed the limit.
                    assert!(plain.capacity() < size + 1_000, "{}", plain.capacity());
                }
                false => {
                    assert_eq!(violation(&mut ws), ProtocolError::MessageTooBig { length: 100_001, limit: 100_000 });
                }
            }
        }
        // Incompressible data grows a little when compressed, and is accepted at the limit as well.
        let plain = noise(50_000);
        let payload = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &plain);
        assert!(payload.len() > plain.len());
        let (mut ws, _) = side(role, EXTENSION, 50_000, &frame(role, 0xC2, &payload));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(plain)));
    }
}

/// Four libraries compared the limit with the compressed size. Here every frame of a message is far below the limit, and
/// so are all together, but not what they inflate to.
#[test]
fn cve_2026_134813_ghsa_x8v2_478q_2hvg_cve_2026_83599_wsa_2026_1_limit_before_inflating() {
    let payload = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &vec![b'a'; 1_000_001]);
    assert!(payload.len() < 10_000, "{}", payload.len());
    for role in ROLES {
        for opcode in [1, 2] {
            let whole = frame(role, 0xC0 | opcode, &payload);
            let mut pieces = frame(role, 0x40 | opcode, b"");
            payload.chunks(100).for_each(|piece| pieces.extend(frame(role, 0x00, piece)));
            pieces.extend(frame(role, 0x80, b""));
            for frames in [whole, pieces] {
                for (limit, fine) in [(1_000_001, true), (1_000_000, false), (10_000, false)] {
                    let (mut ws, _) = side(role, EXTENSION, limit, &frames);
                    match fine {
                        true => assert_eq!(ws.recv().unwrap().unwrap().as_bytes().len(), 1_000_001),
                        // One byte over the limit ends it: the rest is not inflated.
                        false => {
                            let error = ProtocolError::MessageTooBig { length: limit + 1, limit };
                            assert_eq!(violation(&mut ws), error);
                        }
                    }
                }
            }
        }
    }
}

/// A client of another library had no limit on inflated bytes. The limits that are set by default hold for them.
/// Shows promise P21.
#[test]
fn cve_2026_1526_no_limit_after_inflating() {
    for (role, limits) in ROLES.into_iter().zip([Limits::client(), Limits::server()]) {
        // A thousand times as large as its payload.
        let plain = usize::try_from(limits.max_message_size).unwrap() + 1;
        let payload = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &vec![0; plain]);
        let (mut ws, _) = limited(role, EXTENSION, limits, &frame(role, 0xC2, &payload));
        let limit = limits.max_message_size;
        assert_eq!(violation(&mut ws), ProtocolError::MessageTooBig { length: limit + 1, limit });
    }
}

#[test]
fn errors_in_compressed_messages_have_their_own_kind() {
    // 7692-6.1-s1: text is validated after decompression.
    let latin = packed(&mut Compress::new(Level::Default, WindowBits::MAX), b"caf\xE9 ole");
    for role in ROLES {
        for (extension, first, payload, want) in [
            (EXTENSION, 0xC1, latin.as_slice(), ProtocolError::TextNotUtf8 { offset: 4 }),
            (EXTENSION, 0xC1, &[0xFF, 0xFF], ProtocolError::InvalidDeflate),
            (EXTENSION, 0xC2, &[0xf2, 0x48], ProtocolError::InvalidDeflate), // ends in the middle of a block
            (EXTENSION, 0xC2, &[], ProtocolError::InvalidDeflate),
            (EXTENSION, 0xC9, b"", ProtocolError::ReservedBits(4)),
            (EXTENSION, 0xE1, b"", ProtocolError::ReservedBits(6)),
            ("", 0xC1, &[0x00], ProtocolError::ReservedBits(4)),
        ] {
            let (mut ws, written) = side(role, extension, 1 << 20, &frame(role, first, payload));
            assert_eq!(violation(&mut ws), want);
            drop(ws);
            let mut body = want.close_code().as_u16().to_be_bytes().to_vec();
            body.extend_from_slice(want.requirement().as_bytes());
            written.after_the_head(|frames| frames.ends_with(&body));
        }
    }
}

#[test]
fn a_streamed_message_may_exceed_the_limit_and_be_abandoned() {
    // A message of 3 MB in 3 KB; the limit for whole messages is 1 KB. The rest of an abandoned message still updates
    // the window.
    for role in ROLES {
        let mut compress = Compress::new(Level::Default, WindowBits::MAX);
        let plain: Vec<u8> = b"abcdefghij".repeat(300_000);
        let (large, again, last) =
            (packed(&mut compress, &plain), packed(&mut compress, &plain), packed(&mut compress, b"abcdefghij"));
        let frames = [frame(role, 0xC2, &large), frame(role, 0xC2, &again), frame(role, 0xC1, &last)].concat();
        let (mut ws, _) = side(role, EXTENSION, 1 << 10, &frames);
        let mut stream = ws.recv_stream().unwrap().unwrap();
        assert_eq!(stream.kind(), MessageKind::Binary);
        let mut came = Vec::new();
        stream.read_to_end(&mut came).unwrap();
        assert!(came == plain);
        drop(stream);
        let mut stream = ws.recv_stream().unwrap().unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
        drop(stream);
        assert_eq!(text(&mut ws), "abcdefghij");
    }
}

#[test]
fn sent_messages_are_a_sync_flush_without_its_tail() {
    // 7692-7.2.1-s1, 7692-6.1-1, 7692-6.1-2
    for role in ROLES {
        let (mut ws, written) = side(role, EXTENSION, 1 << 20, &[]);
        ws.send("Hello").unwrap();
        ws.sender().send_uncompressed("plain").unwrap();
        let written = written.after_the_head(|frames| frames.ends_with(b"plain"));
        let key = if role == Side::Client { 4 } else { 0 };
        assert_eq!(written[0], 0xC1);
        let length = usize::from(written[1] & 0x7F);
        let payload = &written[2 + key..2 + key + length];
        assert!(!payload.ends_with(&[0x00, 0x00, 0xff, 0xff]));
        let (mut inflate, mut plain) = (Inflate::new(WindowBits::MAX), Vec::new());
        inflate.push(payload, &mut plain, 5).unwrap();
        inflate.end_message().unwrap();
        assert_eq!(plain, b"Hello");
        let next = &written[2 + key + length..];
        assert_eq!((next[0], &next[2 + key..2 + key + 5]), (0x81, b"plain".as_slice()));
    }
}

/// Shows promise P20.
#[test]
fn compression_needs_the_consent_of_both_sides() {
    // 6455-4.2.2-10, 6455-4.2.2-11, 6455-9-1, 6455-9-2, 6455-9-3, 6455-9-4
    for (of_server, of_client) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut server = Server::bind("127.0.0.1:0").unwrap().watched();
        if of_server {
            server = server.deflate(Deflate::default());
        }
        let server = server.start(|mut ws| ws.recv().map(drop)).unwrap();
        let mut client = Client::new(server.url()).unwrap().watched();
        if of_client {
            client = client.deflate(Deflate::default());
        }
        let ws = client.connect().unwrap();
        let answer = ws.response().unwrap().header("Sec-WebSocket-Extensions");
        assert_eq!(answer.is_some(), of_server && of_client);
    }
    // An unknown parameter and an invalid window (CVE-2026-2229) fail the handshake.
    for answer in [
        "permessage-deflate; x",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "x-webkit-deflate-frame",
    ] {
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Extensions: {answer}\r\n\r\n"
        );
        let client =
            Client::new("ws://h/").unwrap().watched().deflate(Deflate::default()).random_source(|out: &mut [u8]| {
                out.fill(0);
                Ok(())
            });
        let halves = SplitStream::new(io::Cursor::new(response.into_bytes()), io::sink());
        assert!(matches!(client.connect_over(halves), Err(Error::Handshake(_))), "{answer}");
    }
}

#[test]
fn client_and_server_with_every_setting() {
    // 7692-7.2.1-5, 7692-7.2.1-7, 7692-7.2.1-8, 7692-7.2.1-10, 7692-7.2.1-11, 7692-7.2.1-12, 7692-7.2.1-14,
    // 7692-7.2.2-6, 7692-7.2.2-8, 7692-7.2.2-10: a wrong window or takeover at one side is an error of DEFLATE at the
    // other.
    let bits = |bits| WindowBits::new(bits).unwrap();
    let settings = [
        Deflate::default(),
        Deflate::default().level(Level::Fast).server_max_window_bits(bits(8)),
        Deflate::default().level(Level::Best).client_max_window_bits(bits(8)).server_max_window_bits(bits(10)),
        Deflate::default().server_no_context_takeover(),
        Deflate::default().client_no_context_takeover().threshold(0),
        Deflate::default().client_no_context_takeover().server_no_context_takeover().client_max_window_bits(bits(9)),
    ];
    for of_server in &settings {
        let server = Server::bind("127.0.0.1:0").unwrap().watched().deflate(of_server.clone());
        let server = server
            .start(|mut ws| {
                let sender = ws.sender();
                while let Some(message) = ws.recv_ref()? {
                    sender.queue(message)?;
                }
                Ok(())
            })
            .unwrap();
        for of_client in &settings {
            let client = Client::new(server.url()).unwrap().watched().deflate(of_client.clone());
            let mut ws = client.connect().unwrap();
            assert!(ws.response().unwrap().header("Sec-WebSocket-Extensions").is_some());
            for size in [0, 1, 63, 64, 300, 5_000, 70_000] {
                let plain = "Window and takeover, é and 漢, over and over. ".repeat(size / 40 + 1);
                let mut end = size;
                while !plain.is_char_boundary(end) {
                    end -= 1;
                }
                ws.send(&plain[..end]).unwrap();
                assert_eq!(text(&mut ws), &plain[..end]);
                ws.send_uncompressed(plain.as_bytes()).unwrap();
                assert_eq!(ws.recv().unwrap(), Some(Message::Binary(plain.into_bytes())));
            }
            let mut stream = ws.send_stream(MessageKind::Binary).unwrap();
            for part in 0..10_u8 {
                stream.write_all(&[part; 5_000]).unwrap();
                stream.flush().unwrap();
            }
            stream.finish().unwrap();
            assert_eq!(ws.recv_timeout(Duration::from_secs(300)).unwrap().map(|message| message.len()), Some(50_000));
        }
    }
}

#[test]
fn flush_overhead_of_fragments_does_not_count_towards_the_limit() {
    // A sender that streams a message flushes each fragment, which takes at least 5 bytes.
    for role in ROLES {
        let (plain, mut compress) = ([7; 5_000], Compress::new(Level::Fast, WindowBits::MAX));
        let mut frames = Vec::new();
        for (number, part) in plain.chunks(2).enumerate() {
            let mut payload = Vec::new();
            // As a sender without a window: no fragment gets shorter.
            payload.extend_from_slice(&[0x00, 0x02, 0x00, 0xfd, 0xff]);
            payload.extend_from_slice(part);
            compress.push(b"", &mut payload);
            let last = number == plain.len() / 2 - 1;
            let payload = if last { &payload[..payload.len() - 4] } else { &payload };
            let first = if number == 0 { 0x42 } else { 0x00 } | if last { 0x80 } else { 0 };
            frames.extend(frame(role, first, payload));
        }
        let (mut ws, _) = side(role, EXTENSION, 5_000, &frames);
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(plain.to_vec())), "{role:?}");
    }
}

#[test]
fn the_frame_limit_applies_to_compressed_frames() {
    let payload = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &noise(4_000));
    let mut limits = Limits::with_max_message_size(1 << 20);
    limits.max_frame_size = 2_000;
    let length = payload.len() as u64;
    for role in ROLES {
        let (mut ws, _) = limited(role, EXTENSION, limits, &frame(role, 0xC2, &payload));
        assert_eq!(violation(&mut ws), ProtocolError::FrameTooBig { length, limit: 2_000 });
        // The decompressed size of a small frame is subject to the message limit.
        let small = packed(&mut Compress::new(Level::Default, WindowBits::MAX), &[7; 100_000]);
        let (mut ws, _) = limited(role, EXTENSION, limits, &frame(role, 0xC2, &small));
        assert_eq!(ws.recv().unwrap().map(|message| message.len()), Some(100_000));
    }
}

#[test]
fn fragments_of_compressed_messages_are_counted() {
    let limits = Limits { max_fragments: 10, ..Limits::with_max_message_size(1 << 20) };
    for role in ROLES {
        for (count, accepted) in [(10, true), (11, false), (12, false)] {
            let mut frames = Vec::new();
            for number in 0..count {
                let (first, last) = (number == 0, number == count - 1);
                let head = if first { 0x42 } else { 0 } | if last { 0x80 } else { 0 };
                // Empty stored blocks; the last one is without its tail.
                frames.extend(frame(role, head, if last { &[0] } else { &[0, 0, 0, 0xff, 0xff] }));
            }
            let (mut ws, _) = limited(role, EXTENSION, limits, &frames);
            match accepted {
                true => assert_eq!(ws.recv().unwrap(), Some(Message::Binary(Vec::new())), "{role:?}"),
                false => assert_eq!(violation(&mut ws), ProtocolError::TooManyFragments { limit: 10 }, "{role:?}"),
            }
        }
    }
}

#[test]
fn blocks_without_output_count_towards_the_limit() {
    for role in ROLES {
        // 40 fragments of 1,000 bytes without output.
        let fragment = |number| frame(role, if number == 0 { 0x42 } else { 0 }, &[0, 0, 0, 0xff, 0xff].repeat(200));
        let frames: Vec<u8> = (0..40).flat_map(fragment).collect();
        let (mut ws, _) = side(role, EXTENSION, 8_000, &frames);
        assert!(matches!(violation(&mut ws), ProtocolError::MessageTooBig { limit: 8_000, .. }), "{role:?}");
    }
}

#[test]
fn input_may_be_an_eighth_longer_than_the_limit() {
    // A block with the fixed codes, in which each of these bytes has 9 bits; then three bits of an empty stored block.
    let plain = vec![0xEE; 40_000];
    let code = 0b1_1001_0000 + (0xEE - 144);
    let mut bits = vec![0, 1, 0];
    for _ in &plain {
        bits.extend((0..9).rev().map(|bit| (code >> bit & 1) as u8));
    }
    bits.extend([0; 7 + 3]);
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    let payload: Vec<u8> = bits.chunks(8).map(byte).collect();
    assert!(payload.len() > 45_000);
    for role in ROLES {
        let (mut ws, _) = side(role, EXTENSION, 40_000, &frame(role, 0xC2, &payload));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(plain.clone())), "{role:?}");
    }
}

#[test]
fn without_context_takeover_the_window_is_empty() {
    // 7692-7.2.2-3: the second message refers to the first, which is then not DEFLATE.
    let mut compress = Compress::new(Level::Default, WindowBits::MAX);
    let frames: Vec<u8> =
        (0..2).flat_map(|_| frame(Side::Client, 0xC1, &packed(&mut compress, b"so much in common"))).collect();
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let (mut ws, _) = side(Side::Client, extension, 1000, &frames);
    assert_eq!(text(&mut ws), "so much in common");
    assert_eq!(violation(&mut ws), ProtocolError::InvalidDeflate);
}

#[test]
fn messages_below_the_threshold_are_not_compressed() {
    let written = Collector::default();
    let input = std::io::Cursor::new(head(Side::Server, EXTENSION).into_bytes());
    let server = Server::without_listener().deflate(Deflate::default());
    let mut ws = server.accept_over(SplitStream::new(input, written.clone())).unwrap().unwrap();
    ws.send("a".repeat(63)).unwrap();
    ws.send("a".repeat(64)).unwrap();
    let frames = written.after_the_head(|bytes| bytes.len() > 66 || bytes.first().is_some_and(|&first| first != 0x81));
    assert_eq!(frames[..2], [0x81, 63]);
    assert_eq!(frames[65], 0xC1);
}
