//! Capabilities of each draft work, missing ones are rejected before anything is sent, and configured limits apply.

use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

use stdws::{
    Capability, Client, CloseCode, CloseInfo, Error, Limits, Message, MessageKind, ProtocolError, Result, Server,
    UsageError, WebSocket,
};

use crate::live::{assert_soon, long_timeouts, ms, Side, Watched, LONG};
use crate::peer::{connection, each, limited};
use crate::variants::ProtocolVariant;

fn echo(mut ws: WebSocket) -> Result<CloseInfo> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(ws.close_info().unwrap())
}

/// Whether the call was rejected. Checks that the version then lacks the capability.
#[track_caller]
fn refused<T>(result: Result<T>, variant: ProtocolVariant, capability: Capability) -> bool {
    match result {
        Ok(_) => {
            assert!(variant.version.supports(capability), "{variant:?} did {capability:?}");
            false
        }
        Err(Error::Usage(UsageError::UnsupportedByVersion { version, .. })) => {
            assert_eq!(version, variant.version.name());
            assert!(!variant.version.supports(capability), "{variant:?} refused {capability:?}");
            true
        }
        Err(error) => panic!("{variant:?} {capability:?}: {error:?}"),
    }
}

#[test]
fn messages_streams_pings_and_a_clean_close() {
    each(|variant, side| {
        let (mut ws, peer, _) = connection(variant, side, long_timeouts());
        assert_eq!(ws.version(), variant.version);
        assert_eq!(ws.sender().version(), variant.version);
        assert_eq!(peer.version(), variant.version);
        let echo = thread::spawn(move || echo(peer));
        for length in [0, 1, 125, 126, 65_536] {
            let text = "€ ".repeat(length / 4) + &"x".repeat(length % 4);
            ws.send(&text).unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(&*text), "{variant:?} {side:?}");
        }
        for number in 0..100 {
            ws.queue(format!("queued {number}")).unwrap();
        }
        for number in 0..100 {
            assert_eq!(ws.recv_ref().unwrap().unwrap().as_text(), Some(&*format!("queued {number}")));
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(7_000).collect();
        for result in [ws.send(&bytes), ws.queue(&bytes), ws.sender().send(&bytes)] {
            if !refused(result, variant, Capability::BinaryMessages) {
                assert_eq!(ws.recv().unwrap(), Some(Message::from(bytes.clone())));
            }
        }
        for kind in [MessageKind::Text, MessageKind::Binary] {
            match ws.send_stream(kind) {
                Ok(mut stream) => {
                    for part in 0..1_000 {
                        write!(stream, "part {part}, ").unwrap();
                        if part % 100 == 0 {
                            stream.flush().unwrap();
                        }
                    }
                    stream.finish().unwrap();
                    let mut whole = String::new();
                    let mut received = ws.recv_stream().unwrap().unwrap();
                    assert_eq!(received.kind(), kind);
                    received.read_to_string(&mut whole).unwrap();
                    assert!(whole.starts_with("part 0, part 1, ") && whole.ends_with("part 999, "));
                }
                Err(error) => assert!(refused(Err::<(), _>(error), variant, Capability::Fragmentation)),
            }
        }
        refused(ws.ping(), variant, Capability::Ping);
        if !variant.has_ping() {
            refused(ws.sender().ping(), variant, Capability::Ping);
        }
        // A code or a reason is rejected in versions without them, and the connection is unchanged.
        let (code, reason) = if variant.has_codes() { (CloseCode::new(4242), "why") } else { (CloseCode::NORMAL, "") };
        if !variant.has_codes() {
            refused(ws.close(CloseCode::GOING_AWAY, ""), variant, Capability::CloseCodes);
            refused(ws.start_close(CloseCode::NORMAL, "why"), variant, Capability::CloseCodes);
            refused(ws.sender().close(CloseCode::NORMAL, "why"), variant, Capability::CloseCodes);
            ws.send("still here").unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still here"));
        }
        let info = ws.close(code, reason).unwrap();
        let theirs = echo.join().unwrap().unwrap();
        let expected = if variant.has_codes() { code } else { CloseCode::NO_STATUS };
        assert_eq!((info.code(), theirs.code(), theirs.reason()), (expected, expected, reason), "{variant:?} {side:?}");
        assert!(matches!(ws.send("late"), Err(Error::Closed(Some(_)))));
    });
}

/// Shows the answer to iana-2.
#[test]
fn limits_are_exact_to_the_byte() {
    each(|variant, side| {
        let limits = Limits::with_max_message_size(10_000);
        let (mut ws, mut peer, _) = limited(variant, side, long_timeouts(), limits);
        peer.send("x".repeat(10_000)).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().len(), 10_000);
        peer.send("x".repeat(10_001)).unwrap();
        let end = thread::spawn(move || ws.recv().unwrap_err());
        // Versions with codes send a Close. Their 1004 is the 1009 of RFC 6455.
        match peer.recv() {
            Ok(None) => {
                assert!(variant.has_codes() || !variant.has_close(), "{variant:?}");
                let code = if variant.has_codes() { CloseCode::new(1004) } else { CloseCode::NO_STATUS };
                assert_eq!(peer.close_info().unwrap().code(), code, "{variant:?}");
            }
            Err(Error::Closed(None) | Error::Io(_)) => assert!(!variant.has_codes(), "{variant:?}"),
            other => panic!("{variant:?}: {other:?}"),
        }
        drop(peer);
        let end = end.join().unwrap();
        let too_big =
            matches!(end, Error::Protocol(ProtocolError::FrameTooBig { .. } | ProtocolError::MessageTooBig { .. }));
        assert!(too_big, "{variant:?} {side:?}: {end:?}");
    });
}

#[test]
fn both_sides_close_cleanly_in_every_order() {
    each(|variant, side| {
        // One after the other, and both at the same time.
        for at_once in [false, true] {
            let (mut ws, mut peer, _) = connection(variant, side, long_timeouts());
            peer.send("last words").unwrap();
            if at_once {
                peer.start_close(CloseCode::NORMAL, "").unwrap();
            }
            let peer = thread::spawn(move || peer.recv().map(|message| (message, peer.close_info())));
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            assert!(matches!(ws.send("late"), Err(Error::Closed(_))));
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("last words"), "{variant:?} {side:?}");
            assert_eq!(ws.recv().unwrap(), None, "{variant:?} {side:?}");
            assert!(ws.close_info().is_some());
            let (message, info) = peer.join().unwrap().unwrap();
            assert_eq!(message, None, "{variant:?} {side:?}");
            assert!(info.is_some());
        }
    });
}

#[test]
fn dropping_sends_a_close_if_the_version_has_one() {
    each(|variant, side| {
        let (ws, mut peer, _) = connection(variant, side, long_timeouts());
        drop(ws);
        assert_eq!(peer.recv().unwrap(), None, "{variant:?} {side:?}");
        let code = if variant.has_codes() { CloseCode::GOING_AWAY } else { CloseCode::NO_STATUS };
        assert_eq!(peer.close_info().unwrap().code(), code, "{variant:?} {side:?}");
    });
}

#[test]
fn the_last_sender_and_a_shutdown_send_a_close_too() {
    each(|variant, side| {
        let mut timeouts = long_timeouts();
        timeouts.close = ms(2_000);
        let (ws, mut peer, _) = connection(variant, side, timeouts);
        let sender = ws.into_sender().unwrap();
        sender.send("on its own").unwrap();
        assert_eq!(peer.recv().unwrap().unwrap().as_text(), Some("on its own"));
        drop(sender);
        assert_eq!(peer.recv().unwrap(), None, "{variant:?} {side:?}");
        if side == Side::Client {
            return;
        }
        let server = variant.server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(long_timeouts());
        let running = server.start(|ws| echo(ws).map(drop)).unwrap();
        let mut client = variant.client(Client::new(running.url()).unwrap().watched()).connect().unwrap();
        client.send("is there anybody?").unwrap();
        assert!(client.recv().unwrap().is_some());
        let receiving = thread::spawn(move || client.recv());
        let start = Instant::now();
        running.shutdown(LONG);
        assert_soon(start.elapsed(), ms(0));
        assert_eq!(receiving.join().unwrap().unwrap(), None, "{variant:?}");
    });
}
