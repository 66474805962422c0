//! A message that is sent in pieces: other messages wait for its end, control frames do not.

use std::io::Write;

use stdws::{CloseCode, Error, MessageKind, Step};

use crate::live::{
    assert_took, both, close_body, connection, long_timeouts, ms, timed, Frame, CLOSE, CONTINUATION, PING, PONG, TEXT,
};

#[test]
fn other_senders_wait_for_the_end_and_time_out() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.write = ms(300);
        let (mut ws, mut peer) = connection(side, timeouts);
        let mut stream = ws.send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"one").unwrap();
        let (sender, queueing, streaming) = (ws.sender(), ws.sender(), ws.sender());
        let waiting = [
            timed(move || sender.send("other")),
            timed(move || queueing.queue("other")),
            timed(move || streaming.send_stream(MessageKind::Text).map(drop)),
        ];
        for waiting in waiting {
            let (end, took) = waiting.join().unwrap();
            assert!(matches!(end, Err(Error::Timeout(Step::SendLock))), "{end:?}");
            assert_took(took, ms(300));
        }
        // Nothing is lost.
        stream.finish().unwrap();
        ws.send("two").unwrap();
        assert_eq!(peer.read().payload, b"one");
        assert_eq!(peer.read().payload, b"two");
    });
}

/// 6455-5.5.2-3, 6455-5.5.3-s1: a Ping is answered in the middle of a message that is sent, with its own payload.
/// 6455-6.1-5, 6455-6.1-6, 6455-6.1-7, 6455-5.4-12: the fragments of the message are valid.
#[test]
fn pings_and_pongs_pass_between_the_fragments() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut stream = ws.send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"one ").unwrap();
        stream.flush().unwrap();
        assert_eq!(peer.read(), Frame { fin: false, opcode: TEXT, payload: b"one ".to_vec() });
        peer.send(PING, b"there?");
        peer.send(TEXT, b"a message");
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("a message"));
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        assert_eq!(peer.read(), Frame { fin: true, opcode: PONG, payload: b"there?".to_vec() });
        let answering = std::thread::spawn(move || {
            let ping = peer.read();
            assert_eq!(ping.opcode, PING);
            peer.send(PONG, &ping.payload);
            peer
        });
        ws.ping().unwrap();
        let mut peer = answering.join().unwrap();
        stream.write_all(b"two").unwrap();
        stream.flush().unwrap();
        stream.finish().unwrap();
        assert_eq!(peer.read(), Frame { fin: false, opcode: CONTINUATION, payload: b"two".to_vec() });
        assert_eq!(peer.read(), Frame { fin: true, opcode: CONTINUATION, payload: Vec::new() });
    });
}

#[test]
fn a_close_passes_too() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut stream = ws.send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"one").unwrap();
        stream.flush().unwrap();
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        assert!(stream.finish().is_err_and(|error| error.is_closed()));
        assert_eq!(peer.read().payload, b"one");
        assert_eq!(peer.read(), Frame { fin: true, opcode: CLOSE, payload: close_body(1000, "") });
    });
}

/// The peer must not treat a part as the whole message.
#[test]
fn a_stream_that_is_dropped_cuts_the_connection() {
    both(|side| {
        let (mut ws, mut peer) = connection(side, long_timeouts());
        let mut stream = ws.send_stream(MessageKind::Text).unwrap();
        stream.write_all(b"half of").unwrap();
        stream.flush().unwrap();
        drop(stream);
        assert!(ws.recv().is_err_and(|error| error.is_closed()));
        assert!(ws.send("more").is_err_and(|error| error.is_closed()));
        assert_eq!(peer.rest(), [Frame { fin: false, opcode: TEXT, payload: b"half of".to_vec() }]);
    });
}
