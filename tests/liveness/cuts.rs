//! A timeout at any byte of any vector loses nothing.
//!
//! 6455-5.4-1, 6455-5.4-5, 6455-6.2-2: Pings and Pongs between the fragments of a message do not disturb it.
//! 6455-5.4-3, 6455-5.4-7, 6455-6.2-4: fragments come in order, and what follows the last is another message.
//! 6455-5.2-1, 6455-5.4-6, 6455-6.2-3: one fragment or many, empty or not; the first says text or binary.
//! 6455-6.2-1, 6455-6.2-7: bytes become frames wherever they are cut, unmasked in the same way.

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use stdws::{CloseCode, Error, Message, Step, WebSocket};

use crate::live::{
    both, close_body, connection, frame, long_timeouts, ms, RawPeer, Side, BINARY, CLOSE, CONTINUATION, PING, PONG,
    TEXT,
};

/// The bytes to write, and the messages in them.
fn vectors(peer: &RawPeer) -> Vec<(Vec<u8>, Vec<Message>)> {
    let frame = |fin, opcode, payload: &[u8]| peer.frame(fin, opcode, payload);
    let text = |text: &str| Message::from(text);
    vec![
        (frame(true, TEXT, b""), vec![text("")]),
        (frame(true, TEXT, "κόσμε".as_bytes()), vec![text("κόσμε")]),
        (frame(true, BINARY, &[0xFF; 130]), vec![Message::from(vec![0xFF; 130])]),
        (
            [frame(true, TEXT, b"one"), frame(true, BINARY, b"two")].concat(),
            vec![text("one"), Message::from(&b"two"[..])],
        ),
        (
            [frame(false, TEXT, b"\xE2\x82"), frame(false, CONTINUATION, b""), frame(true, CONTINUATION, b"\xAC!")]
                .concat(),
            vec![text("€!")],
        ),
        (
            [
                frame(true, PING, b"a"),
                frame(false, BINARY, b"first "),
                frame(true, PING, b"bc"),
                frame(true, PONG, b"nobody asked"),
                frame(true, CONTINUATION, b"last"),
                frame(true, PING, b""),
            ]
            .concat(),
            vec![Message::from(&b"first last"[..])],
        ),
    ]
}

/// Every message that can be received without waiting.
fn poll(ws: &mut WebSocket, waiting: bool, messages: &mut Vec<Message>) {
    loop {
        match if waiting { ws.recv_timeout(ms(1)) } else { ws.try_recv() } {
            Ok(message) => messages.push(message.expect("there was no Close")),
            Err(Error::Timeout(Step::Receive)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits for the rest of the messages.
fn finish(ws: &mut WebSocket, messages: &mut Vec<Message>, expected: &[Message], what: &dyn std::fmt::Debug) {
    while messages.len() < expected.len() {
        messages.push(ws.recv().unwrap().expect("there was no Close"));
    }
    assert_eq!(messages, expected, "{what:?}");
    messages.clear();
}

#[test]
fn in_two_parts_at_every_byte() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut messages = Vec::new();
        for waiting in [true, false] {
            for (n, (bytes, expected)) in vectors(&peer).into_iter().enumerate() {
                for cut in 0..=bytes.len() {
                    peer.stream.write_all(&bytes[..cut]).unwrap();
                    poll(&mut ws, waiting, &mut messages);
                    peer.stream.write_all(&bytes[cut..]).unwrap();
                    finish(&mut ws, &mut messages, &expected, &(n, cut));
                }
            }
        }
    });
}

#[test]
fn byte_by_byte() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut messages = Vec::new();
        for waiting in [true, false] {
            for (n, (bytes, expected)) in vectors(&peer).into_iter().enumerate() {
                for byte in bytes {
                    peer.stream.write_all(&[byte]).unwrap();
                    poll(&mut ws, waiting, &mut messages);
                }
                finish(&mut ws, &mut messages, &expected, &n);
            }
        }
    });
}

/// A payload larger than the read buffer is read directly: cut around its header, and around the sizes of buffers.
#[test]
fn large_ones() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut messages = Vec::new();
        for size in [4090, 5000, 65_535, 65_536, 300_000] {
            let payload: Vec<u8> = (0..size).map(|i: u32| (i * 7) as u8).collect();
            let bytes = [peer.frame(false, BINARY, &payload), peer.frame(true, CONTINUATION, b"end")].concat();
            let expected = [Message::from([&payload[..], b"end"].concat())];
            for cut in (0..20).chain([4095, 4096, 4097, 4110, 65_536, 68 << 10, bytes.len() - 9, bytes.len() - 1]) {
                let (first, second) = bytes.split_at(cut.min(bytes.len()));
                peer.stream.write_all(first).unwrap();
                poll(&mut ws, true, &mut messages);
                peer.stream.write_all(second).unwrap();
                finish(&mut ws, &mut messages, &expected, &(size, cut));
            }
        }
    });
}

/// A Close with a reason, behind a message, cut everywhere: neither code nor reason is lost.
#[test]
fn a_close() {
    both(|side| {
        let frame = |opcode, payload: &[u8]| frame(side == Side::Server, true, opcode, payload);
        let bytes = [frame(TEXT, b"one"), frame(CLOSE, &close_body(4001, "farewell"))].concat();
        for cut in 0..bytes.len() {
            let (mut ws, mut peer) = connection(side, long_timeouts());
            peer.stream.write_all(&bytes[..cut]).unwrap();
            let mut messages = Vec::new();
            poll(&mut ws, true, &mut messages);
            let rest = bytes[cut..].to_vec();
            let peer = thread::spawn(move || {
                peer.stream.write_all(&rest).unwrap();
                let _ = peer.stream.shutdown(Shutdown::Write);
                peer.rest()
            });
            while let Some(message) = ws.recv().unwrap() {
                messages.push(message);
            }
            assert_eq!(messages, [Message::from("one")], "{cut}");
            let info = ws.close_info().unwrap();
            assert_eq!((info.code(), info.reason()), (CloseCode::new(4001), "farewell"), "{cut}");
            let frames = peer.join().unwrap();
            assert_eq!(frames.len(), 1, "{cut}: {frames:?}");
            assert_eq!(frames[0].payload, close_body(4001, ""));
        }
    });
}
