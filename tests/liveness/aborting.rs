//! `abort` ends every blocked call of every thread at once. 6455-7.1.1-2, 6455-10.7-2: without a Close.

use std::io::Write;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stdws::{CloseCode, Error, MessageKind, Result, Sender, WebSocket};

use crate::live::{assert_soon, both, connection, long_timeouts, ms, timed, Side, PING, TOO_MUCH};

/// Aborts the call of `work` that blocks, and expects this error.
fn ends(side: Side, work: impl FnOnce(WebSocket) -> Result<()> + Send + 'static) {
    let (ws, mut peer) = connection(side, long_timeouts());
    let sender = ws.sender();
    let (starting, started) = mpsc::channel();
    let blocked: JoinHandle<(Result<()>, Duration)> = timed(move || {
        starting.send(()).unwrap();
        work(ws)
    });
    started.recv().unwrap();
    // Time for the other thread to block. If it does not yet, the call ends as well.
    std::thread::sleep(ms(50));
    sender.abort();
    let aborted = Instant::now();
    let (end, _) = blocked.join().unwrap();
    assert_soon(aborted.elapsed(), ms(0));
    assert!(matches!(end, Err(Error::Closed(None))), "{end:?}");
    assert!(!sender.is_open());
    peer.wait_for_end();
}

#[test]
fn receiving() {
    both(|side| {
        ends(side, |mut ws| ws.recv().map(drop));
        ends(side, |mut ws| ws.recv_ref().map(drop));
        ends(side, |mut ws| ws.recv_timeout(Duration::MAX).map(drop));
        ends(side, |mut ws| ws.recv_stream().map(drop));
    });
}

#[test]
fn pinging_and_closing() {
    both(|side| {
        ends(side, |mut ws| ws.ping().map(drop));
        ends(side, |mut ws| ws.close(CloseCode::NORMAL, "").map(drop));
    });
}

#[test]
fn a_stuck_send() {
    both(|side| {
        ends(side, |mut ws| ws.send(vec![0; TOO_MUCH]));
        ends(side, |mut ws| {
            let mut stream = ws.send_stream(MessageKind::Binary)?;
            let error = stream.write_all(&vec![0; TOO_MUCH]).unwrap_err();
            Err(error.get_ref().and_then(|e| e.downcast_ref::<Error>()).expect("another error").clone())
        });
    });
}

/// One thread receives, one blocks in a send, and others wait for these two.
#[test]
fn all_at_once() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let sender = ws.sender();
        let mut blocked = Vec::new();
        let mut block = |work: fn(&Sender) -> Result<()>| {
            let sender = sender.clone();
            blocked.push(timed(move || work(&sender)));
        };
        block(|sender| sender.ping().map(drop));
        // Its Ping is written, so it waits for the Pong and not for the write permit.
        assert_eq!(peer.read().opcode, PING);
        block(|sender| sender.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        block(|sender| sender.send("waits for its turn"));
        block(|sender| sender.queue("waits for its turn"));
        block(|sender| sender.flush());
        block(|sender| sender.ping().map(drop));
        block(|sender| sender.send_stream(MessageKind::Text).map(drop));
        blocked.push(timed(move || ws.recv().map(drop)));
        std::thread::sleep(ms(50));
        sender.abort();
        let aborted = Instant::now();
        for blocked in blocked {
            let (end, _) = blocked.join().unwrap();
            assert!(matches!(end, Err(Error::Closed(None))), "{end:?}");
        }
        assert_soon(aborted.elapsed(), ms(0));
    });
}

#[test]
fn a_close_that_waits_for_the_permit_and_one_that_waits_for_the_peer() {
    both(|side| {
        let (ws, peer) = connection(side, long_timeouts());
        let (sender, stuck, closing) = (ws.sender(), ws.sender(), ws.sender());
        let stuck = timed(move || stuck.send(vec![0; TOO_MUCH]));
        peer.wait_for_bytes();
        let closing = timed(move || closing.close(CloseCode::NORMAL, ""));
        std::thread::sleep(ms(50));
        sender.abort();
        let aborted = Instant::now();
        assert!(matches!(stuck.join().unwrap().0, Err(Error::Closed(None))));
        assert!(closing.join().unwrap().0.is_err());
        assert_soon(aborted.elapsed(), ms(0));

        let (ws, mut peer) = connection(side, long_timeouts());
        let (sender, closing) = (ws.sender(), ws.sender());
        let closing = timed(move || closing.close(CloseCode::NORMAL, ""));
        assert_eq!(peer.read().opcode, crate::live::CLOSE);
        sender.abort();
        let aborted = Instant::now();
        assert!(matches!(closing.join().unwrap().0, Err(Error::Closed(None))));
        assert_soon(aborted.elapsed(), ms(0));
        drop(ws);
    });
}

/// A sender that waits for the end of a message that is sent as a stream.
#[test]
fn waiting_behind_a_stream() {
    both(|side| {
        let (ws, _peer) = connection(side, long_timeouts());
        let stream = ws.sender().send_stream(MessageKind::Text).unwrap();
        let sender = ws.sender();
        let waiting = timed(move || sender.send("late"));
        std::thread::sleep(ms(50));
        ws.sender().abort();
        let aborted = Instant::now();
        assert!(matches!(waiting.join().unwrap().0, Err(Error::Closed(None))));
        assert_soon(aborted.elapsed(), ms(0));
        assert!(stream.finish().is_err());
    });
}
