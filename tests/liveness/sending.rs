//! A peer that stops reading: the write fails at `Timeouts::write`, and then the connection has ended for all threads.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use stdws::{Error, MessageKind, Step, Timeouts};

use crate::live::{assert_soon, assert_took, both, connection, long_timeouts, ms, timed, Side, TOO_MUCH};

fn timeouts() -> Timeouts {
    let mut timeouts = long_timeouts();
    timeouts.write = ms(400);
    timeouts
}

fn is_write_timeout<T>(result: &stdws::Result<T>) -> bool {
    matches!(result, Err(Error::Timeout(Step::Write)))
}

/// Shows promise P5.
#[test]
fn send_of_a_large_message_times_out() {
    both(|side| {
        let (mut ws, _peer) = connection(side, timeouts());
        let sender = ws.sender();
        let (ws, took) = timed(move || {
            let result = ws.send(vec![0; TOO_MUCH]);
            assert!(is_write_timeout(&result), "{result:?}");
            ws
        })
        .join()
        .unwrap();
        assert_took(took, ms(400));
        the_same_end_for_all(ws, sender);
    });
}

/// A connection fails once, and all calls return the same error.
fn the_same_end_for_all(mut ws: stdws::WebSocket, sender: stdws::Sender) {
    assert!(!sender.is_open());
    assert!(is_write_timeout(&ws.recv()));
    assert!(is_write_timeout(&ws.send("more")));
    assert!(is_write_timeout(&ws.try_recv()));
    assert!(is_write_timeout(&ws.close(stdws::CloseCode::NORMAL, "")));
    assert!(is_write_timeout(&sender.send("more")));
    assert!(is_write_timeout(&sender.queue("more")));
    assert!(is_write_timeout(&sender.flush()));
    assert!(is_write_timeout(&sender.ping()));
    assert!(is_write_timeout(&sender.send_stream(MessageKind::Text)));
    assert!(is_write_timeout(&sender.close(stdws::CloseCode::NORMAL, "")));
}

#[test]
fn small_messages_time_out_when_the_network_is_full() {
    both(|side| {
        let (ws, _peer) = connection(side, timeouts());
        let sender = ws.sender();
        let message = vec![0; 10 << 10];
        let start = Instant::now();
        let end = (0..TOO_MUCH / message.len()).find_map(|_| sender.send(&message).err());
        assert!(matches!(end, Some(Error::Timeout(Step::Write))), "{end:?}");
        assert_took(start.elapsed(), ms(400));
        the_same_end_for_all(ws, sender);
    });
}

#[test]
fn queueing_and_flushing_time_out() {
    both(|side| {
        let (mut ws, _peer) = connection(side, timeouts());
        let (end, took) = timed(move || {
            let message = vec![0; 10 << 10];
            (0..TOO_MUCH / message.len()).find_map(|_| ws.queue(&message).and_then(|()| ws.flush()).err())
        })
        .join()
        .unwrap();
        assert!(matches!(end, Some(Error::Timeout(Step::Write))), "{end:?}");
        assert_took(took, ms(400));

        // Queued messages are written from 128 KiB on, so memory is not the bound.
        let (ws, _peer) = connection(side, timeouts());
        let sender = ws.sender();
        let (end, took) =
            timed(move || (0..TOO_MUCH / 1000).find_map(|_| sender.queue(&[0; 1000]).err())).join().unwrap();
        assert!(matches!(end, Some(Error::Timeout(Step::Write))), "{end:?}");
        assert_took(took, ms(400));
    });
}

#[test]
fn a_stream_times_out() {
    both(|side| {
        for from_sender in [false, true] {
            let (mut ws, _peer) = connection(side, timeouts());
            let (end, took) = timed(move || {
                let sender = ws.sender();
                let mut stream = if from_sender {
                    sender.send_stream(MessageKind::Binary)
                } else {
                    ws.send_stream(MessageKind::Binary)
                }
                .unwrap();
                let end = stream.write_all(&vec![0; TOO_MUCH]).unwrap_err();
                drop(stream);
                assert!(is_write_timeout(&ws.recv()));
                end
            })
            .join()
            .unwrap();
            let cause = end.get_ref().and_then(|e| e.downcast_ref::<Error>());
            assert!(matches!(cause, Some(Error::Timeout(Step::Write))), "{end:?}");
            assert_took(took, ms(400));
        }
    });
}

/// Threads that wait for the write permit fail too: at their own limit, or with the thread that has it.
#[test]
fn threads_that_wait_behind_a_stuck_sender_time_out() {
    both(|side| {
        let (ws, _peer) = connection(side, timeouts());
        let stuck: Vec<_> = (0..4)
            .map(|_| {
                let sender = ws.sender();
                timed(move || sender.send(vec![0; TOO_MUCH]))
            })
            .collect();
        for stuck in stuck {
            let (end, took) = stuck.join().unwrap();
            assert!(matches!(end, Err(Error::Timeout(Step::Write | Step::SendLock))), "{end:?}");
            assert_soon(took, ms(800));
        }
        drop(ws);
    });
}

/// The timeout starts again for each 64 KiB, so a slow reader does not end the connection.
#[test]
fn a_peer_that_reads_slowly_gets_everything() {
    both(|side| {
        // Thirty times as long as a pause of the peer, and shorter than the whole.
        let limit = ms(2000);
        let (mut ws, mut peer) = connection(side, Timeouts { write: limit, ..long_timeouts() });
        // When the limit has passed, more is left than the buffers hold, so the sender has not ended by then.
        let payload = vec![7; Slow::READS_SLOWLY + TOO_MUCH];
        let expected = payload.clone();
        let sending = timed(move || (ws.send(&payload), ws));
        let reading = thread::spawn(move || {
            peer.stream.peek(&mut [0]).unwrap();
            let mut slow = Slow { from: &mut peer.stream, until: Instant::now() + limit, slowly: 0 };
            let frame = crate::live::read_frame(&mut slow).unwrap().unwrap();
            (frame, slow.slowly)
        });
        let ((sent, _ws), took) = sending.join().unwrap();
        sent.unwrap();
        let (frame, slowly) = reading.join().unwrap();
        assert!(frame.payload == expected, "{} bytes", frame.payload.len());
        assert!(slowly <= Slow::READS_SLOWLY && took > limit, "took {took:?}, {slowly} bytes of it slowly");
    });
}

/// Pauses before each read until a moment, so that the network fills up repeatedly.
struct Slow<'a> {
    from: &'a mut std::net::TcpStream,
    until: Instant,
    /// Number of bytes read before that moment.
    slowly: usize,
}

impl Slow<'_> {
    const PAUSE: Duration = ms(66);
    const PART: usize = 256 << 10;
    /// The most that it reads in two seconds, and the short reads of a header.
    const READS_SLOWLY: usize = 31 * Slow::PART + 14;
}

impl Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(Slow::PART);
        let slow = Instant::now() < self.until;
        if slow && to.len() > 14 {
            thread::sleep(Slow::PAUSE);
        }
        let count = self.from.read(&mut to[..most])?;
        self.slowly += if slow { count } else { 0 };
        Ok(count)
    }
}

/// 6455-6.1-3: a thread that waits to send when the state changes does not send.
#[test]
fn a_close_ends_the_wait_for_the_permit() {
    let _watchdog = crate::live::watchdog();
    let (mut ws, mut peer) = connection(Side::Server, long_timeouts());
    let stream = ws.sender().send_stream(MessageKind::Text).unwrap();
    let sender = ws.sender();
    let (starting, started) = std::sync::mpsc::channel();
    let waiting = timed(move || {
        starting.send(()).unwrap();
        sender.send("late")
    });
    started.recv().unwrap();
    peer.send(crate::live::CLOSE, &crate::live::close_body(1000, ""));
    assert!(ws.recv().unwrap().is_none());
    let (end, _) = waiting.join().unwrap();
    assert!(matches!(end, Err(Error::Closed(Some(_)))), "{end:?}");
    assert!(stream.finish().is_err());
    assert!(peer.rest().iter().all(|frame| frame.opcode == crate::live::CLOSE));
}
