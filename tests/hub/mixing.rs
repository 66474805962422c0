//! Members of different kinds, and other senders on the connections of members.

use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::live::{
    both, connection, long_timeouts, ms, pipe, watchdog, Side, Watched, BINARY, CONTINUATION, LONG, SLACK, TEXT,
};
use crate::members::{add_member, final_total, receive, wait_until};
use stdws::{Client, Error, Hub, MessageKind, Server, SplitStream, Step};

#[test]
fn a_hub_and_continuous_senders_share_a_connection() {
    // 6455-5.4-1: messages are complete and never interleaved.
    both(|side| {
        let hub = Hub::new().unwrap();
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        let member = hub.add(ws.sender());
        let receiving = receive(ws);
        let flood = thread::spawn(move || while sender.send(&[7; 3000][..]).is_ok() {});
        let broadcast = thread::spawn(move || {
            for number in 0..50 {
                assert_eq!(hub.broadcast(format!("{number}")), 1);
                thread::sleep(ms(1));
            }
            hub
        });
        let mut next = 0;
        while next < 50 {
            let frame = peer.read();
            match frame.opcode {
                TEXT => {
                    assert_eq!(frame.payload, next.to_string().as_bytes());
                    next += 1;
                }
                _ => assert_eq!((frame.opcode, frame.payload), (BINARY, vec![7; 3000])),
            }
        }
        drop((peer, broadcast.join().unwrap()));
        flood.join().unwrap();
        assert!(receiving.join().unwrap().is_err());
        // The last messages may have been in flight when the connection ended.
        assert_eq!(final_total(member.stats()), 50);
    });
}

#[test]
fn broadcasts_do_not_interrupt_a_streamed_message() {
    // 6455-5.4-4
    both(|side| {
        let hub = Hub::new().unwrap();
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let member = hub.add(ws.sender());
        let mut stream = ws.send_stream(MessageKind::Binary).unwrap();
        stream.write_all(b"one").unwrap();
        stream.flush().unwrap();
        assert_eq!(hub.broadcast("between"), 1);
        assert_eq!(hub.flush(ms(50)), 1);
        stream.write_all(b"two").unwrap();
        stream.flush().unwrap();
        stream.finish().unwrap();
        assert_eq!(hub.flush(LONG), 0);
        let expected = [
            (BINARY, false, &b"one"[..]),
            (CONTINUATION, false, b"two"),
            (CONTINUATION, true, b""),
            (TEXT, true, b"between"),
        ];
        for (opcode, fin, payload) in expected {
            let frame = peer.read();
            assert_eq!((frame.opcode, frame.fin, &*frame.payload), (opcode, fin, payload));
        }
        assert_eq!(member.stats().sent, 1);
    });
}

#[test]
fn concurrent_streams_and_broadcasts() {
    both(|side| {
        let hub = Hub::new().unwrap();
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let _member = hub.add(ws.sender());
        let streaming = thread::spawn(move || {
            for _ in 0..200 {
                let mut stream = ws.send_stream(MessageKind::Binary).unwrap();
                for _ in 0..3 {
                    stream.write_all(b"part").unwrap();
                    stream.flush().unwrap();
                }
                stream.finish().unwrap();
            }
            ws
        });
        let broadcasting = thread::spawn(move || {
            for _ in 0..200 {
                assert_eq!(hub.broadcast("x"), 1);
                thread::sleep(Duration::from_micros(100));
            }
            hub
        });
        let (mut open, mut texts, mut streams) = (false, 0, 0);
        while texts < 200 || streams < 200 {
            let frame = peer.read();
            match frame.opcode {
                TEXT => texts += 1,
                BINARY => assert!(!std::mem::replace(&mut open, true)),
                _ => assert!(open),
            }
            assert!(!(open && frame.opcode == TEXT), "a message inside another");
            if open && frame.fin {
                (open, streams) = (false, streams + 1);
            }
        }
        let (_ws, hub) = (streaming.join().unwrap(), broadcasting.join().unwrap());
        assert_eq!(hub.flush(LONG), 0);
    });
}

#[test]
fn members_over_split_streams() {
    both(|side| {
        let hub = Hub::new().unwrap();
        let (to_us, our_input) = pipe();
        let (our_output, mut from_us) = pipe();
        let (mut to_us, head) =
            (to_us, if side == Side::Client { super::live::RESPONSE } else { super::live::REQUEST });
        to_us.write_all(head).unwrap();
        let ws = super::live::open(side, long_timeouts(), SplitStream::new(our_input, our_output)).unwrap();
        super::live::read_head(&mut from_us);
        let _member = hub.add(ws.sender());
        // More than the pipes between the threads hold.
        for number in 0..40_u8 {
            assert_eq!(hub.broadcast(vec![number; 10_000]), 1);
        }
        for number in 0..40_u8 {
            let frame = super::live::read_frame(&mut from_us).unwrap().unwrap();
            assert_eq!(frame.payload, vec![number; 10_000]);
        }
        drop(to_us);
    });
}

/// A concurrent write neither shortens nor extends the timeout of a receive call.
#[test]
fn broadcasts_do_not_change_receive_timeouts() {
    both(|side| {
        let hub = Hub::new().unwrap();
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let _member = hub.add(ws.sender());
        let drain = peer.second_handle();
        let draining = thread::spawn(move || drain_all(drain));
        let busy = hub.clone();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let broadcasting = thread::spawn(move || {
            while stopped.try_recv().is_err() {
                busy.broadcast("x");
                busy.flush(LONG);
            }
        });
        for _ in 0..20 {
            let start = Instant::now();
            let end = ws.recv_timeout(ms(50)).map(drop);
            assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{end:?}");
            assert!(start.elapsed() >= ms(45) && start.elapsed() < ms(50) + SLACK, "{:?}", start.elapsed());
        }
        // The fastest of many: a busy machine makes some slow, and a wait makes all slow.
        let mut fastest = Duration::MAX;
        for _ in 0..2000 {
            let start = Instant::now();
            let end = ws.try_recv().map(drop);
            fastest = fastest.min(start.elapsed());
            assert!(matches!(end, Err(Error::Timeout(Step::Receive))), "{end:?}");
        }
        assert!(fastest < ms(5), "{fastest:?}");
        stop.send(()).unwrap();
        broadcasting.join().unwrap();
        peer.send(TEXT, b"still there");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("still there"));
        drop((ws, peer, hub));
        draining.join().unwrap();
    });
}

fn drain_all(mut peer: super::live::RawPeer) {
    peer.wait_for_end();
}

/// A concurrent write does not cause an early Ping.
#[test]
fn a_broadcast_causes_no_early_ping() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let mut test_member = add_member(&hub, Side::Server, long_timeouts());
    for _ in 0..3000 {
        hub.broadcast("x");
        hub.flush(LONG);
        assert_eq!(test_member.peer.read().opcode, TEXT);
        // The receiver waits again at some moment of the next broadcast.
        test_member.peer.send(TEXT, b"y");
    }
}

#[test]
fn a_panicking_random_source_fails_only_its_connection() {
    let _watchdog = watchdog();
    let hub = Hub::new().unwrap();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .watched()
        .timeouts(long_timeouts())
        .start(|mut ws| {
            // A handler that returned earlier would end the connection, and no key would be drawn.
            while ws.recv()?.is_some() {}
            Ok(())
        })
        .unwrap();
    let fills = Arc::new(AtomicU8::new(0));
    let counted = fills.clone();
    let url = server.url();
    let bad = Client::new(&url).unwrap().watched().random_source(move |out| {
        let fill = counted.fetch_add(1, Ordering::SeqCst) + 1;
        // The handshake key and the first masking keys use the first one or two fills.
        assert!(fill < 4, "as planned");
        out.fill(fill);
        Ok(())
    });
    let client = bad.clone();
    let bad = bad.connect().unwrap();
    let member = hub.add(bad.sender());
    let mut good = add_member(&hub, Side::Server, long_timeouts());
    wait_until("the keys have run out", LONG, || {
        hub.broadcast("x");
        hub.flush(LONG);
        !member.is_member()
    });
    assert!(!bad.sender().is_open());
    // A source that has panicked is not called again, nor by the clones of the client.
    match client.connect() {
        Err(Error::Io(error)) => assert_eq!(error.step(), Step::RandomSource),
        other => panic!("{other:?}"),
    }
    assert_eq!(fills.load(Ordering::SeqCst), 4);
    hub.broadcast("the end");
    while good.peer.read().payload != b"the end" {}
}

#[cfg(feature = "deflate")]
mod compression {
    use super::*;
    use stdws::deflate::{Level, WindowBits};
    use stdws::Deflate;

    #[test]
    fn compressed_and_uncompressed_members() {
        // 7692-7.2.1-10, 7692-7.2.1-11, 7692-6.1-1, 7692-6.1-2: a shared message is valid for every window, and so are
        // later messages of the connection itself.
        let _watchdog = watchdog();
        let hub = Hub::new().unwrap();
        let usual = Deflate::default();
        let kinds = [
            None,
            Some(usual.clone()),
            Some(usual.clone().server_no_context_takeover()),
            Some(usual.clone().level(Level::Fast).server_max_window_bits(WindowBits::MIN)),
            Some(usual.threshold(2000)),
        ];
        let mut clients = Vec::new();
        let mut servers = Vec::new();
        for kind in &kinds {
            let (give, take) = std::sync::mpsc::channel();
            let mut server = Server::bind("127.0.0.1:0").unwrap().watched().timeouts(long_timeouts());
            if let Some(deflate) = kind {
                server = server.deflate(deflate.clone());
            }
            let server = server
                .start(move |ws| {
                    let _ = give.send(ws);
                    Ok(())
                })
                .unwrap();
            let url = server.url();
            let mut client = Client::new(&url).unwrap().watched();
            if kind.is_some() {
                client = client.deflate(Deflate::default());
            }
            let client = client.connect().unwrap();
            let ws = take.recv().unwrap();
            let member = hub.add(ws.sender());
            clients.push(client);
            servers.push((ws, member));
        }
        for round in 0..30 {
            let common = "the same words again and again, ".repeat(50);
            let own = format!("{common} {round} for one");
            let shared = format!("{common} {round} for all, {common}");
            let short = format!("short {round}");
            for (ws, _) in &mut servers {
                ws.send(&own).unwrap();
            }
            assert_eq!(hub.broadcast(&shared), kinds.len());
            assert_eq!(hub.broadcast(&short), kinds.len());
            assert_eq!(hub.flush(LONG), 0);
            for (ws, _) in &mut servers {
                ws.send(&own).unwrap();
                ws.send(&shared).unwrap();
            }
            for client in &mut clients {
                for expected in [&own, &shared, &short, &own, &shared] {
                    assert_eq!(client.recv().unwrap().unwrap().as_text(), Some(expected.as_str()));
                }
            }
        }
        // Also as a stream, whose window spans its fragments.
        for (ws, _) in &mut servers {
            let mut stream = ws.send_stream(MessageKind::Text).unwrap();
            for _ in 0..5 {
                stream.write_all(b"again and again and again").unwrap();
                stream.flush().unwrap();
                hub.broadcast("between");
            }
            stream.finish().unwrap();
        }
        for client in &mut clients {
            let (mut streams, mut others) = (0, 0);
            while streams < 1 || others < 25 {
                match client.recv().unwrap().unwrap().as_text() {
                    Some("between") => others += 1,
                    Some(text) => {
                        assert_eq!(text, "again and again and again".repeat(5));
                        streams += 1;
                    }
                    None => panic!("not text"),
                }
            }
        }
    }
}
