//! What each draft can do, it does; what it cannot, is refused before anything is sent; limits are those that were set.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{
    Ability, Client, CloseCode, CloseInfo, Error, Kind, Limits, Message, Misuse, Result, Server, Violation, WebSocket,
};

use crate::live::{assert_soon, ms, patient, Ours, Watched};
use crate::peer::{connection, each, limited};
use crate::spoken::Spoken;

fn echo(mut ws: WebSocket) -> Result<CloseInfo> {
    while let Some(message) = ws.recv()? {
        ws.send(&message)?;
    }
    Ok(ws.close_info().unwrap())
}

/// Whether this was refused; right only if the version cannot do it.
#[track_caller]
fn refused<T>(result: Result<T>, spoken: Spoken, ability: Ability) -> bool {
    match result {
        Ok(_) => {
            assert!(spoken.version.can(ability), "{spoken:?} did {ability:?}");
            false
        }
        Err(Error::Misuse(Misuse::NotInVersion { version, .. })) => {
            assert_eq!(version, spoken.version.name());
            assert!(!spoken.version.can(ability), "{spoken:?} refused {ability:?}");
            true
        }
        Err(error) => panic!("{spoken:?} {ability:?}: {error:?}"),
    }
}

#[test]
fn messages_of_both_kinds_whole_and_in_pieces_pings_and_a_good_end() {
    each(|spoken, ours| {
        let (mut ws, peer, _) = connection(spoken, ours, patient());
        assert_eq!(ws.version(), spoken.version);
        assert_eq!(ws.sender().version(), spoken.version);
        assert_eq!(peer.version(), spoken.version);
        let echo = thread::spawn(move || echo(peer));
        for length in [0, 1, 125, 126, 65_536] {
            let text = "€ ".repeat(length / 4) + &"x".repeat(length % 4);
            ws.send(&text).unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(&*text), "{spoken:?} {ours:?}");
        }
        for number in 0..100 {
            ws.queue(&format!("queued {number}")).unwrap();
        }
        for number in 0..100 {
            assert_eq!(ws.recv_ref().unwrap().unwrap().as_text(), Some(&*format!("queued {number}")));
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(7_000).collect();
        for result in [ws.send(&bytes), ws.queue(&bytes), ws.sender().send(&bytes)] {
            if !refused(result, spoken, Ability::Binary) {
                assert_eq!(ws.recv().unwrap(), Some(Message::from(bytes.clone())));
            }
        }
        for kind in [Kind::Text, Kind::Binary] {
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
                Err(error) => assert!(refused(Err::<(), _>(error), spoken, Ability::Fragments)),
            }
        }
        refused(ws.ping(), spoken, Ability::Ping);
        if !spoken.has_ping() {
            refused(ws.sender().ping(), spoken, Ability::Ping);
        }
        // A code, or a reason, is refused where there are none, and the connection is as it was.
        let (code, reason) = if spoken.has_codes() { (CloseCode::new(4242), "why") } else { (CloseCode::NORMAL, "") };
        if !spoken.has_codes() {
            refused(ws.close(CloseCode::GOING_AWAY, ""), spoken, Ability::CloseCodes);
            refused(ws.start_close(CloseCode::NORMAL, "why"), spoken, Ability::CloseCodes);
            refused(ws.sender().close(CloseCode::NORMAL, "why"), spoken, Ability::CloseCodes);
            ws.send("still here").unwrap();
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still here"));
        }
        let info = ws.close(code, reason).unwrap();
        let theirs = echo.join().unwrap().unwrap();
        let expected = if spoken.has_codes() { code } else { CloseCode::NO_STATUS };
        assert_eq!((info.code(), theirs.code(), theirs.reason()), (expected, expected, reason), "{spoken:?} {ours:?}");
        assert!(matches!(ws.send("late"), Err(Error::Closed(Some(_)))));
    });
}

#[test]
fn limits_hold_to_the_byte() {
    each(|spoken, ours| {
        let limits = Limits::message(10_000);
        let (mut ws, mut peer, _) = limited(spoken, ours, patient(), limits);
        peer.send(&"x".repeat(10_000)).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().len(), 10_000);
        peer.send(&"x".repeat(10_001)).unwrap();
        let end = thread::spawn(move || ws.recv().unwrap_err());
        // Who sent too much is told, where there are codes; 1004 is what 1009 was then.
        match peer.recv() {
            Ok(None) => {
                assert!(spoken.has_codes() || !spoken.has_close(), "{spoken:?}");
                let code = if spoken.has_codes() { CloseCode::new(1004) } else { CloseCode::NO_STATUS };
                assert_eq!(peer.close_info().unwrap().code(), code, "{spoken:?}");
            }
            Err(Error::Closed(None) | Error::Io(_)) => assert!(!spoken.has_codes(), "{spoken:?}"),
            other => panic!("{spoken:?}: {other:?}"),
        }
        drop(peer);
        let end = end.join().unwrap();
        let too_big = matches!(end, Error::Violation(Violation::FrameTooBig { .. } | Violation::MessageTooBig { .. }));
        assert!(too_big, "{spoken:?} {ours:?}: {end:?}");
    });
}

#[test]
fn whoever_closes_first_both_sides_end_well() {
    each(|spoken, ours| {
        // One after the other, and both at once.
        for at_once in [false, true] {
            let (mut ws, mut peer, _) = connection(spoken, ours, patient());
            peer.send("last words").unwrap();
            if at_once {
                peer.start_close(CloseCode::NORMAL, "").unwrap();
            }
            let peer = thread::spawn(move || peer.recv().map(|message| (message, peer.close_info())));
            ws.start_close(CloseCode::NORMAL, "").unwrap();
            assert!(matches!(ws.send("late"), Err(Error::Closed(_))));
            assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("last words"), "{spoken:?} {ours:?}");
            assert_eq!(ws.recv().unwrap(), None, "{spoken:?} {ours:?}");
            assert!(ws.close_info().is_some());
            let (message, info) = peer.join().unwrap().unwrap();
            assert_eq!(message, None, "{spoken:?} {ours:?}");
            assert!(info.is_some());
        }
    });
}

#[test]
fn who_leaves_without_a_word_says_goodbye_where_there_is_a_way() {
    each(|spoken, ours| {
        let (ws, mut peer, _) = connection(spoken, ours, patient());
        drop(ws);
        assert_eq!(peer.recv().unwrap(), None, "{spoken:?} {ours:?}");
        let code = if spoken.has_codes() { CloseCode::GOING_AWAY } else { CloseCode::NO_STATUS };
        assert_eq!(peer.close_info().unwrap().code(), code, "{spoken:?} {ours:?}");
    });
}

#[test]
fn a_sender_that_is_left_and_a_server_that_goes_down_say_so_too() {
    each(|spoken, ours| {
        let mut timeouts = patient();
        timeouts.close = ms(2_000);
        let (ws, mut peer, _) = connection(spoken, ours, timeouts);
        let sender = ws.into_sender().unwrap();
        sender.send("on its own").unwrap();
        assert_eq!(peer.recv().unwrap().unwrap().as_text(), Some("on its own"));
        drop(sender);
        assert_eq!(peer.recv().unwrap(), None, "{spoken:?} {ours:?}");
        if ours == Ours::Client {
            return;
        }
        let server = spoken.server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(patient());
        let running = server.start(|ws| echo(ws).map(drop)).unwrap();
        let mut client =
            spoken.client(Client::new(&format!("ws://{}", running.local_addr())).unwrap().watched()).connect().unwrap();
        client.send("is there anybody?").unwrap();
        assert!(client.recv().unwrap().is_some());
        let receiving = thread::spawn(move || client.recv());
        let start = Instant::now();
        running.shutdown(Duration::from_secs(30));
        assert_soon(start.elapsed(), ms(0));
        assert_eq!(receiving.join().unwrap().unwrap(), None, "{spoken:?}");
    });
}
