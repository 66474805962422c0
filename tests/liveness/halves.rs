//! The same bounds hold over caller-supplied halves, which may block forever.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Sender as Feed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use stdws::{CloseCode, Error, SplitStream, Step, Timeouts, WebSocket};

use crate::live::{
    assert_soon, assert_took, both, frame, long_timeouts, ms, open, pipe, timed, watchdog, Drain, Side, Source, CLOSE,
    PING, PONG, REQUEST, RESPONSE, TEXT, TOO_MUCH,
};

/// Number of bytes that exceeds what waits for a writer.
const MORE_THAN_QUEUED: usize = 1 << 20;

/// Accepts the opening handshake and then nothing more, until it is released.
struct Valve {
    taken: usize,
    to: Drain,
    released: Arc<(Mutex<bool>, Condvar)>,
}

impl Write for Valve {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.taken > 0 {
            let (released, changed) = &*self.released;
            drop(changed.wait_while(released.lock().unwrap(), |released| !*released).unwrap());
        }
        self.taken += bytes.len();
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn opening(side: Side) -> Vec<u8> {
    match side {
        Side::Client => RESPONSE.to_vec(),
        Side::Server => REQUEST.to_vec(),
    }
}

/// A connection over a reader that only its channel unblocks, and a writer that never blocks.
fn fed(side: Side, timeouts: Timeouts) -> (WebSocket, Feed<Vec<u8>>, Source) {
    let (feed, from) = pipe();
    let (to, written) = pipe();
    feed.0.send(opening(side)).unwrap();
    let mut written = written;
    let ws = open(side, timeouts, SplitStream::new(from, to)).unwrap();
    crate::live::read_head(&mut written);
    (ws, feed.0, written)
}

fn peer_frame(side: Side, opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(side == Side::Server, true, opcode, payload)
}

#[test]
fn both_roles_back_to_back() {
    let _watchdog = watchdog();
    let ((up, from_client), (down, from_server)) = (pipe(), pipe());
    let server = thread::spawn(move || {
        let mut ws = open(Side::Server, long_timeouts(), SplitStream::new(from_client, down)).unwrap();
        while let Some(message) = ws.recv().unwrap() {
            ws.send(&message).unwrap();
        }
        ws.close_info().unwrap()
    });
    let mut ws = open(Side::Client, long_timeouts(), SplitStream::new(from_server, up)).unwrap();
    for size in [0, 1, 125, 126, 65_536, 1_000_000] {
        ws.send(vec![7; size]).unwrap();
        assert!(ws.recv().unwrap().unwrap().as_bytes() == vec![7; size]);
    }
    ws.ping().unwrap();
    assert_eq!(ws.close(CloseCode::NORMAL, "bye").unwrap().code(), CloseCode::NORMAL);
    assert_eq!(server.join().unwrap().reason(), "bye");
}

#[test]
fn waiting_for_a_reader_that_blocks_is_bounded() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.pong_timeout = ms(200);
        let (mut ws, feed, _written) = fed(side, timeouts);
        for limit in [ms(0), ms(1), ms(150)] {
            let start = Instant::now();
            assert!(matches!(ws.recv_timeout(limit), Err(Error::Timeout(Step::Receive))));
            assert_took(start.elapsed(), limit);
        }
        let start = Instant::now();
        assert!(matches!(ws.ping(), Err(Error::Timeout(Step::Pong))));
        assert_took(start.elapsed(), ms(200));
        let bytes = peer_frame(side, TEXT, b"in two parts");
        feed.send(bytes[..7].to_vec()).unwrap();
        assert!(matches!(ws.recv_timeout(ms(20)), Err(Error::Timeout(Step::Receive))));
        feed.send(bytes[7..].to_vec()).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("in two parts"));
    });
}

#[test]
fn keepalive_ends_recv() {
    both(|side| {
        let mut timeouts = long_timeouts();
        // Time enough to answer the first Ping.
        (timeouts.ping_interval, timeouts.pong_timeout) = (ms(100), ms(6000));
        // The silence may begin before the call does.
        let start = Instant::now();
        let (mut ws, feed, mut written) = fed(side, timeouts);
        let receiving = thread::spawn(move || ws.recv());
        let ping = crate::live::read_frame(&mut written).unwrap().unwrap();
        assert_eq!(ping.opcode, PING);
        feed.send(peer_frame(side, PONG, &ping.payload)).unwrap();
        let end = receiving.join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        assert_took(start.elapsed(), ms(6200));
    });
}

#[test]
fn abort_ends_what_waits_for_a_split_stream() {
    both(|side| {
        let (mut ws, _feed, _written) = fed(side, long_timeouts());
        let sender = ws.sender();
        let receiving = timed(move || ws.recv());
        thread::sleep(ms(50));
        sender.abort();
        let aborted = Instant::now();
        assert!(matches!(receiving.join().unwrap().0, Err(Error::Closed(None))));
        assert_soon(aborted.elapsed(), ms(0));

        let (ws, _peer) = stuck(side, long_timeouts());
        let (sender, sending) = (ws.sender(), ws.sender());
        let sending = timed(move || sending.send(vec![0; MORE_THAN_QUEUED]));
        thread::sleep(ms(50));
        sender.abort();
        let aborted = Instant::now();
        assert!(matches!(sending.join().unwrap().0, Err(Error::Closed(None))));
        assert_soon(aborted.elapsed(), ms(0));
    });
}

/// The peer of a connection over a writer that accepts no more than the opening handshake.
struct Stuck {
    feed: Feed<Vec<u8>>,
    written: Source,
    valve: Arc<(Mutex<bool>, Condvar)>,
}

fn stuck(side: Side, timeouts: Timeouts) -> (WebSocket, Stuck) {
    let ((feed, from), (to, mut written)) = (pipe(), pipe());
    feed.0.send(opening(side)).unwrap();
    let valve = Arc::default();
    let writer = Valve { taken: 0, to, released: Arc::clone(&valve) };
    let ws = open(side, timeouts, SplitStream::new(from, writer)).unwrap();
    crate::live::read_head(&mut written);
    (ws, Stuck { feed: feed.0, written, valve })
}

impl Stuck {
    fn release(&self) {
        *self.valve.0.lock().unwrap() = true;
        self.valve.1.notify_all();
    }
}

impl Drop for Stuck {
    /// Unblocks the thread of the writer.
    fn drop(&mut self) {
        self.release();
    }
}

/// Queues more than the writer accepts, and less than blocks the caller.
fn fill(ws: &mut WebSocket) {
    for _ in 0..2 {
        ws.queue(&[0; 60_000]).unwrap();
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
    }
}

/// A peer that reads nothing and sends Pings without end: answers that cannot be written do not accumulate.
/// 6455-5.5.3-1: the latest is answered, the others need not be.
#[test]
fn answers_to_pings_do_not_accumulate() {
    both(|side| {
        let (mut ws, mut peer) = stuck(side, long_timeouts());
        fill(&mut ws);
        // The next Ping is sent after the message of this one was received, so each is answered separately.
        for number in 0..1000_u32 {
            let ping = peer_frame(side, PING, &number.to_be_bytes());
            peer.feed.send([ping, peer_frame(side, TEXT, b"")].concat()).unwrap();
            ws.recv().unwrap();
        }
        assert!(matches!(ws.try_recv(), Err(Error::Timeout(Step::Receive))));
        peer.release();
        ws.send("the end").unwrap();
        drop(ws);
        let mut pongs = Vec::new();
        while let Some(frame) = crate::live::read_frame(&mut peer.written).unwrap() {
            if frame.opcode == PONG {
                pongs.push(u32::from_be_bytes(frame.payload.try_into().unwrap()));
            }
        }
        assert_eq!(pongs.last(), Some(&999));
        assert!(pongs.len() <= 2, "{} answers were kept", pongs.len());
    });
}

/// No other thread sends, but queued messages fill the writer, and the Close waits behind them.
#[test]
fn a_close_behind_a_blocked_write_times_out() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.close = ms(300);
        let (mut ws, _peer) = stuck(side, timeouts);
        fill(&mut ws);
        let (end, took) = timed(move || ws.close(CloseCode::NORMAL, "")).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
        assert_took(took, ms(300));
    });
}

#[test]
fn a_writer_that_blocks_ends_send_and_close() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.write = ms(300);
        let (mut ws, _peer) = stuck(side, timeouts);
        let (end, took) = timed(move || ws.send(vec![0; MORE_THAN_QUEUED])).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Write))), "{end:?}");
        assert_took(took, ms(300));

        let mut timeouts = long_timeouts();
        timeouts.close = ms(300);
        let (ws, _peer) = stuck(side, timeouts);
        let (sender, closing) = (ws.sender(), ws.sender());
        let sending = timed(move || sender.send(vec![0; MORE_THAN_QUEUED]));
        thread::sleep(ms(50));
        let (end, took) = timed(move || closing.close(CloseCode::NORMAL, "")).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
        assert_took(took, ms(300));
        assert!(sending.join().unwrap().0.is_err());
        drop(ws);
    });
}

#[test]
fn a_peer_that_never_answers_a_close_is_disconnected() {
    both(|side| {
        let mut timeouts = long_timeouts();
        timeouts.close = ms(300);
        let (mut ws, _feed, mut written) = fed(side, timeouts);
        let (end, took) = timed(move || ws.close(CloseCode::NORMAL, "")).join().unwrap();
        assert!(matches!(end, Err(Error::Timeout(Step::Close))), "{end:?}");
        assert_took(took, ms(300));
        assert_eq!(crate::live::read_frame(&mut written).unwrap().unwrap().opcode, CLOSE);
        // The writer is dropped when the connection ends.
        assert!(crate::live::read_frame(&mut written).unwrap().is_none());
    });
}

#[test]
fn a_missing_opening_handshake_ends_at_its_deadline() {
    both(|side| {
        let mut timeouts = long_timeouts();
        (timeouts.connect, timeouts.handshake) = (ms(300), ms(300));
        let (feed, from) = pipe();
        let (to, _written) = pipe();
        let dripping = thread::spawn(move || {
            let bytes = opening(side);
            for byte in &bytes[..bytes.len() - 2] {
                if feed.0.send(vec![*byte]).is_err() {
                    return;
                }
                thread::sleep(ms(5));
            }
        });
        let start = Instant::now();
        let end = open(side, timeouts, SplitStream::new(from, to));
        assert!(matches!(end, Err(Error::Timeout(Step::Handshake))), "{end:?}");
        assert_took(start.elapsed(), ms(300));
        dripping.join().unwrap();
    });
}

#[test]
fn dropping_returns_at_once_and_the_end_is_reported_once() {
    both(|side| {
        let (feed, from) = pipe();
        feed.0.send(opening(side)).unwrap();
        let (to, _written) = pipe();
        let (ending, ended) = mpsc::channel();
        let ws =
            open(side, long_timeouts(), SplitStream::new(from, to).on_end(move || ending.send(()).unwrap())).unwrap();
        assert!(ended.try_recv().is_err());
        let start = Instant::now();
        ws.sender().abort();
        drop(ws);
        assert_soon(start.elapsed(), ms(0));
        ended.recv().unwrap();
        assert!(ended.recv().is_err(), "called twice");
    });
}

/// The usual case: clones of a socket, with a function that unblocks them.
#[test]
fn sockets_as_a_split_stream() {
    both(|side| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        near.write_all(&opening(side)).unwrap();
        let (writer, ended) = (far.try_clone().unwrap(), far.try_clone().unwrap());
        let halves = SplitStream::new(far, writer).on_end(move || drop(ended.shutdown(Shutdown::Both)));
        let mut ws = open(side, long_timeouts(), halves).unwrap();
        crate::live::read_head(&mut near);
        near.write_all(&peer_frame(side, TEXT, b"hello")).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hello"));
        let sender = ws.sender();
        let receiving = timed(move || ws.recv());
        let stuck = sender.clone();
        let stuck = timed(move || stuck.send(vec![0; TOO_MUCH]));
        thread::sleep(ms(50));
        sender.abort();
        let aborted = Instant::now();
        assert!(matches!(receiving.join().unwrap().0, Err(Error::Closed(None))));
        assert!(matches!(stuck.join().unwrap().0, Err(Error::Closed(None))));
        assert_soon(aborted.elapsed(), ms(0));
    });
}

#[test]
fn a_closure_for_the_end_that_panics_takes_nothing_with_it() {
    both(|side| {
        let (to_peer, from_us) = pipe();
        let (to_us, from_peer) = pipe();
        let (give, take) = mpsc::channel();
        let opening = thread::spawn(move || {
            let halves = SplitStream::new(from_peer, to_peer).on_end(move || {
                give.send(()).unwrap();
                // Without the output of the panic hook.
                std::panic::resume_unwind(Box::new("a planted panic"))
            });
            open(side, long_timeouts(), halves).unwrap()
        });
        let mut to_us = to_us;
        to_us.write_all(if side == Side::Client { RESPONSE } else { REQUEST }).unwrap();
        let ws = opening.join().unwrap();
        let sender = ws.sender();
        sender.abort();
        take.recv().unwrap();
        drop((ws, from_us));
        assert!(matches!(sender.send("late"), Err(Error::Closed(None))));
    });
}

/// The payload of a panic, which panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose: in the drop of a payload");
    }
}

/// A reader that panics after the opening handshake, at a signal of the test.
struct PanickingReader(Box<dyn Read + Send>, mpsc::Receiver<()>, usize);

impl Read for PanickingReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.2 == 0 {
            self.1.recv().unwrap();
            std::panic::panic_any(Bomb);
        }
        let count = self.0.read(to)?;
        self.2 -= count;
        Ok(count)
    }
}

/// A writer that panics after the opening handshake.
struct PanickingWriter(Box<dyn Write + Send>, bool);

impl Write for PanickingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 {
            std::panic::panic_any(Bomb);
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1 = true;
        Ok(())
    }
}

#[test]
fn a_half_that_panics_is_noticed_at_once() {
    both(|side| {
        let (feed, from) = pipe();
        let (to, _written) = pipe();
        feed.0.send(opening(side)).unwrap();
        let (panic, when) = mpsc::channel();
        let reader = PanickingReader(Box::new(from), when, opening(side).len());
        let mut ws = open(side, long_timeouts(), SplitStream::new(reader, to)).unwrap();
        let receiving = timed(move || (ws.recv(), ws.send("late")));
        panic.send(()).unwrap();
        let ((end, sent), took) = receiving.join().unwrap();
        assert!(matches!(&end, Err(Error::Io(error)) if error.step() == Step::Read), "{end:?}");
        assert!(end.unwrap_err().to_string().ends_with("a half of the stream panicked"));
        assert!(sent.is_err());
        assert_soon(took, ms(0));

        let (feed, from) = pipe();
        let (to, mut written) = pipe();
        feed.0.send(opening(side)).unwrap();
        let mut ws = open(side, long_timeouts(), SplitStream::new(from, PanickingWriter(Box::new(to), false))).unwrap();
        crate::live::read_head(&mut written);
        let sender = ws.sender();
        let receiving = timed(move || ws.recv());
        // The bytes are in the pipe. Its thread panics with them.
        let _ = sender.send("lost");
        let (end, took) = receiving.join().unwrap();
        assert!(matches!(end, Err(Error::Io(_))), "{end:?}");
        assert!(matches!(sender.send("late"), Err(Error::Io(_))));
        assert_soon(took, ms(0));
    });
}
