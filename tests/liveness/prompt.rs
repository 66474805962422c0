//! Errors are returned at once, and the limits of calls hold, whatever steps remain to end the connection. In every test
//! `Timeouts::close` is ten minutes, and everything happens much earlier.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, Limits, ProtocolError, Server, SplitStream, Step, WebSocket};

use crate::live::{
    assert_soon, assert_took, both, close_body, connection, limited, long_timeouts, ms, of_server, open, pipe,
    read_frame, read_head, scheme, timed, watchdog, RawPeer, Side, Watched, BINARY, CLOSE, LONG, REQUEST, SLACK, TEXT,
    TOO_MUCH,
};

/// Time that a busy machine may add: much less than `Timeouts::close`.
const AT_ONCE: Duration = SLACK;

#[track_caller]
fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (result, took) = timed(work).join().unwrap();
    assert!(took < AT_ONCE, "took {took:?}");
    result
}

/// Each receive call, repeated while it times out.
type Call = fn(&mut WebSocket) -> Result<(), Error>;

const WAYS: [Call; 7] = [
    |ws| ws.recv().map(drop),
    |ws| ws.recv_ref().map(drop),
    |ws| ws.recv_stream().map(drop),
    |ws| ws.messages().next().unwrap_or(Err(Error::Closed(None))).map(drop),
    |ws| polled(|| ws.try_recv().map(drop)),
    |ws| polled(|| ws.recv_timeout(ms(100)).map(drop)),
    |ws| ws.ping().map(drop),
];

fn polled(mut receive: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    loop {
        match receive() {
            Err(Error::Timeout(Step::Receive)) => thread::yield_now(),
            result => return result,
        }
    }
}

fn is_violation(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Protocol(ProtocolError::UnknownOpcode(3))))
}

/// 6455-7.1.7-1, 6455-7.1.7-2
#[test]
fn a_violation_is_reported_at_once_although_the_peer_keeps_tcp_open() {
    both(|side| {
        for way in WAYS {
            let (mut ws, mut peer) = connection(side, long_timeouts());
            peer.send(0x3, b"");
            let mut ws = at_once(move || {
                let result = way(&mut ws);
                assert!(is_violation(&result), "{result:?}");
                ws
            });
            // Each further call returns the same error at once.
            for way in WAYS {
                ws = at_once(move || {
                    assert!(way(&mut ws).is_err());
                    let result = ws.try_recv().map(drop);
                    assert!(is_violation(&result), "{result:?}");
                    ws
                });
            }
            assert!(ws.close_info().is_none());
            at_once(move || drop(ws));
            let close = peer.rest().pop().unwrap();
            assert_eq!((close.opcode, &close.payload[..2]), (CLOSE, &1002_u16.to_be_bytes()[..]));
        }
    });
}

/// The Close cannot be written, and no call waits for that: neither `recv` nor a concurrent `close`.
#[test]
fn a_violation_is_reported_at_once_although_the_peer_does_not_read() {
    both(|side| {
        for way in WAYS.iter().take(6) {
            let (mut ws, mut peer) = connection(side, long_timeouts());
            let (sender, closing) = (ws.sender(), ws.sender());
            let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
            peer.wait_for_bytes();
            let closing = timed(move || closing.close(CloseCode::NORMAL, ""));
            peer.send(0x3, b"");
            let ws = at_once(move || {
                let result = way(&mut ws);
                assert!(is_violation(&result), "{result:?}");
                ws
            });
            let (end, took) = closing.join().unwrap();
            assert!(is_violation(&end.map(drop)) && took < AT_ONCE, "{took:?}");
            at_once(move || drop(ws));
            // The frame that was started is completed, and the Close follows.
            let frames = peer.rest();
            assert!(frames[0].payload.len() == TOO_MUCH);
            assert_eq!(frames[1].opcode, CLOSE);
            // Either may be the first that ends.
            assert!([close_body(1000, ""), close_body(1002, "6455-5.2-4")].contains(&frames[1].payload));
            assert!(stuck.join().unwrap().0.is_ok());
        }
    });
}

/// 6455-5.5.1-10, 6455-7.1.1-6
#[test]
fn a_close_is_reported_within_the_limit_although_the_peer_keeps_tcp_open() {
    both(|side| {
        for limit in [ms(0), ms(100)] {
            let (mut ws, mut peer) = connection(side, long_timeouts());
            peer.send(CLOSE, &close_body(3000, "done"));
            let mut ws = at_once(move || {
                polled(|| ws.recv_timeout(limit).map(|message| assert!(message.is_none()))).unwrap();
                ws
            });
            let info = ws.close_info().unwrap();
            assert_eq!(
                (info.code().as_u16(), info.reason(), info.sent_code()),
                (3000, "done", Some(CloseCode::new(3000)))
            );
            let answer = peer.read();
            assert_eq!((answer.opcode, answer.payload), (CLOSE, close_body(3000, "")));
            assert!(matches!(ws.send("late"), Err(Error::Closed(Some(_)))));
            assert!(matches!(ws.sender().close(CloseCode::NORMAL, ""), Ok(info) if info.code().as_u16() == 3000));
            let mut ws = at_once(move || {
                for _ in 0..3 {
                    assert!(ws.try_recv().unwrap().is_none());
                }
                assert!(matches!(ws.ping(), Err(Error::Closed(Some(_)))));
                ws
            });
            assert_eq!(ws.close_info().unwrap().code().as_u16(), 3000);
            // 6455-7.1.1-6: the remaining step is to wait for the server; a call without a limit does.
            match (side, limit.is_zero()) {
                (Side::Client, true) => {
                    let waiting = timed(move || (ws.recv().unwrap().is_none(), ws.close_info().unwrap()));
                    thread::sleep(ms(100));
                    assert!(!waiting.is_finished());
                    peer.stream.shutdown(Shutdown::Both).unwrap();
                    let ((over, info), took) = waiting.join().unwrap();
                    assert!(over && info.code().as_u16() == 3000);
                    assert_soon(took, ms(100));
                }
                _ => at_once(move || drop(ws)),
            }
        }
    });
}

/// Also when the answer cannot be written.
#[test]
fn a_close_is_reported_within_the_limit_although_the_peer_does_not_read() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        let stuck = timed(move || sender.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        peer.send(CLOSE, &close_body(3000, "done"));
        let ws = at_once(move || {
            polled(|| ws.try_recv().map(|message| assert!(message.is_none()))).unwrap();
            assert!(ws.recv_timeout(ms(50)).unwrap().is_none());
            ws
        });
        let info = ws.close_info().unwrap();
        assert_eq!((info.code().as_u16(), info.reason()), (3000, "done"));
        at_once(move || drop(ws));
        assert!(peer.read().payload.len() == TOO_MUCH);
        let answer = peer.read();
        assert_eq!((answer.opcode, answer.payload), (CLOSE, close_body(3000, "")));
        assert!(stuck.join().unwrap().0.is_ok());
    });
}

/// 6455-5.4-1: a Close in the middle of a message is an error for the reader of that message.
#[test]
fn a_close_inside_a_message_is_reported_at_once() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let begun = peer.frame(false, TEXT, b"begun");
        peer.stream.write_all(&begun).unwrap();
        peer.send(CLOSE, &close_body(1000, ""));
        at_once(move || {
            let mut text = String::new();
            let error = ws.recv_stream().unwrap().unwrap().read_to_string(&mut text).unwrap_err();
            assert_eq!((error.kind(), &*text), (std::io::ErrorKind::UnexpectedEof, "begun"));
            assert_eq!(ws.close_info().unwrap().code(), CloseCode::NORMAL);
        });
    });
}

#[test]
fn a_message_that_stops_fails_at_its_deadline() {
    both(|side| {
        for way in WAYS.iter().take(6) {
            let mut timeouts = long_timeouts();
            timeouts.message = ms(300);
            let (mut ws, mut peer) = connection(side, timeouts);
            let frame = peer.frame(true, BINARY, &[0; 100]);
            peer.stream.write_all(&frame[..1]).unwrap();
            let ws = at_once(move || {
                let result = way(&mut ws);
                assert!(matches!(result, Err(Error::Timeout(Step::Message))), "{result:?}");
                ws
            });
            at_once(move || drop(ws));
            assert_eq!((peer.read().payload, peer.rest()), (close_body(1008, ""), vec![]));
        }
    });
}

#[test]
fn one_thread_polls_many_such_peers() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.message = ms(200);
        let mut pairs: Vec<_> = (0..4).map(|_| connection(side, timeouts)).collect();
        for (index, (_, peer)) in pairs.iter_mut().enumerate() {
            match index {
                0 => peer.send(0x3, b""),
                1 => peer.send(CLOSE, &close_body(1000, "")),
                2 => peer.send(TEXT, b"\xFF"),
                _ => {
                    let begun = peer.frame(false, TEXT, b"begun");
                    peer.stream.write_all(&begun).unwrap();
                }
            }
        }
        let (mut connections, peers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        at_once(move || {
            let mut ended = [false; 4];
            while ended.contains(&false) {
                for (ws, ended) in connections.iter_mut().zip(&mut ended) {
                    *ended = !matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive)));
                }
            }
            drop(connections);
        });
        drop(peers);
    });
}

/// Reads a Close and the end of the stream, without a reset or anything else.
fn expect_close_and_end(peer: &mut RawPeer, code: u16) {
    peer.stream.set_read_timeout(Some(LONG / 3)).unwrap();
    let close = read_frame(&mut peer.stream).unwrap().unwrap();
    assert_eq!((close.opcode, &close.payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
    assert_eq!(read_frame(&mut peer.stream).unwrap(), None);
}

/// 6455-7.1.1-1, 6455-7.1.7-5, 6455-7.1.7-7: a peer that continues to send gets no reset before it has read the Close.
#[test]
fn the_close_arrives_although_the_connection_was_dropped() {
    both(|side| {
        let long = vec![0; 1001];
        for (opcode, payload, code) in [(0x3, &[][..], 1002), (TEXT, b"\xFF", 1007), (BINARY, &long, 1009)] {
            let (mut ws, mut peer) = limited(side, long_timeouts(), Limits::with_max_message_size(1000));
            peer.send(opcode, payload);
            at_once(move || assert!(ws.recv().is_err()));
            let more = peer.frame(true, BINARY, &vec![0; 1 << 16]);
            for _ in 0..64 {
                peer.stream.write_all(&more).unwrap();
            }
            expect_close_and_end(&mut peer, code);
            // 6455-7.1.1-1: after the end of the peer nothing is left.
            drop(peer);
        }
    });
}

/// A server's thread stays until the Close has arrived, and its connection counts until then.
#[test]
fn the_close_arrives_although_the_handler_has_returned() {
    let _watchdog = watchdog();
    for panics in [false, true] {
        let (give, took) = mpsc::channel();
        let server = of_server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(long_timeouts());
        let running = server
            .start(move |mut ws| {
                let start = Instant::now();
                let end = ws.recv();
                give.send(start.elapsed()).unwrap();
                if panics {
                    std::panic::resume_unwind(Box::new("on purpose, without a message"));
                }
                end.map(drop)
            })
            .unwrap();
        let mut peer = by_hand(&running);
        peer.send(0x3, b"");
        assert!(took.recv().unwrap() < AT_ONCE);
        let more = peer.frame(true, BINARY, &vec![0; 1 << 16]);
        for _ in 0..64 {
            peer.stream.write_all(&more).unwrap();
        }
        assert_eq!(running.connection_count(), 1);
        expect_close_and_end(&mut peer, 1002);
        peer.stream.shutdown(Shutdown::Both).unwrap();
        let start = Instant::now();
        while running.connection_count() > 0 {
            assert!(start.elapsed() < AT_ONCE);
            thread::yield_now();
        }
    }
}

fn by_hand(running: &stdws::ServerHandle) -> RawPeer {
    assert!(scheme().starts_with("ws"));
    let stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = crate::live::facing_server(stream);
    stream.write_all(REQUEST).unwrap();
    read_head(&mut stream);
    RawPeer::client_side(stream)
}

/// A thread that stays for the Close does not keep the server from being shut down.
#[test]
fn shutting_down_aborts_the_connections_that_remain() {
    let _watchdog = watchdog();
    let (give, ended) = mpsc::channel();
    let server = of_server(Server::bind("127.0.0.1:0").unwrap().watched()).timeouts(long_timeouts());
    let running = server.start(move |mut ws| {
        let end = ws.recv();
        give.send(()).unwrap();
        end.map(drop)
    });
    let running = running.unwrap();
    let mut peer = by_hand(&running);
    peer.send(0x3, b"");
    ended.recv().unwrap();
    let (report, took) = timed(move || running.shutdown(ms(200))).join().unwrap();
    assert!(took < AT_ONCE, "{took:?}");
    // On a busy machine a thread may need more time than the shutdown has for it.
    assert!(report.threads_left() == 0 || took >= ms(600), "{report} after {took:?}");
    drop(peer);
}

/// 6455-7.1.1-1: `close` waits until it has arrived, up to its timeout.
#[test]
fn close_waits_for_what_is_left() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.close = ms(400);
        let (mut ws, mut peer) = connection(side, timeouts);
        peer.send(0x3, b"");
        let (ws, took) = timed(move || {
            assert!(ws.recv().is_err());
            let result = ws.close(CloseCode::NORMAL, "").map(drop);
            assert!(is_violation(&result), "{result:?}");
            ws
        })
        .join()
        .unwrap();
        assert_took(took, ms(400));
        drop(ws);
        // Not longer than the peer.
        let (mut ws, mut peer) = connection(side, long_timeouts());
        peer.send(0x3, b"");
        let mut ws = at_once(move || {
            assert!(ws.recv().is_err());
            ws
        });
        let closing = timed(move || is_violation(&ws.close(CloseCode::NORMAL, "").map(drop)));
        expect_close_and_end(&mut peer, 1002);
        peer.stream.shutdown(Shutdown::Both).unwrap();
        let (same, took) = closing.join().unwrap();
        assert!(same && took < AT_ONCE, "{took:?}");
    });
}

#[test]
fn abort_ends_what_is_left() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        peer.send(0x3, b"");
        at_once(move || assert!(ws.recv().is_err()));
        sender.abort();
        assert!(peer.wait_for_end() < AT_ONCE);
        // Both directions have ended: data that is sent now is answered by a reset.
        let start = Instant::now();
        while peer.stream.write_all(&[0; 1 << 10]).is_ok() {
            assert!(start.elapsed() < AT_ONCE);
            thread::sleep(ms(1));
        }
    });
}

/// The thread of `into_sender` ends the connection in the same way.
#[test]
fn a_sender_gets_a_violation_at_once() {
    both(|side| {
        let (ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.into_sender().unwrap();
        let closing = timed({
            let sender = sender.clone();
            move || is_violation(&sender.close(CloseCode::NORMAL, "").map(drop))
        });
        assert_eq!(peer.read().payload, close_body(1000, ""));
        peer.send(0x3, b"");
        let (closed, took) = closing.join().unwrap();
        assert!(closed && took < AT_ONCE, "{took:?}");
    });
}

/// A caller-supplied stream whose writer blocks.
#[test]
fn blocked_halves_do_not_delay_an_error() {
    both(|side| {
        struct Hangs(mpsc::Receiver<()>, Option<mpsc::Sender<Vec<u8>>>);
        impl Write for Hangs {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                if let Some(handshake) = &self.1 {
                    handshake.send(bytes.to_vec()).unwrap();
                    if bytes.ends_with(b"\r\n\r\n") {
                        self.1 = None;
                    }
                    return Ok(bytes.len());
                }
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (go_on, hangs) = mpsc::channel();
        let (handshake, _said) = mpsc::channel();
        let (mut feed, source) = pipe();
        let head = if side == Side::Client { crate::live::RESPONSE } else { REQUEST };
        feed.write_all(head).unwrap();
        let mut ws = open(side, long_timeouts(), SplitStream::new(source, Hangs(hangs, Some(handshake)))).unwrap();
        feed.write_all(&crate::live::frame(side == Side::Server, true, 0x3, b"")).unwrap();
        at_once(move || {
            let result = ws.recv().map(drop);
            assert!(is_violation(&result), "{result:?}");
        });
        drop((go_on, feed));
    });
}
