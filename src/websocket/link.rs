//! What the threads of a connection share: the stream, and the gate that says who may write.
//!
//! **The writer is a token.** There is one [`Writer`] a connection (the encoder, and the bytes on their way out). It is in
//! the gate, or in the hands of exactly one thread, which is then the only one that writes. The gate is a mutex held for
//! moments and never while anything waits for the network; whoever finds the token gone waits for it with a deadline.
//!
//! | who | takes the token | writes |
//! |---|---|---|
//! | a sender | waits up to [`Timeouts::write`] | until all is written, each 64 KiB within [`Timeouts::write`] |
//! | the receiver, before it waits for input | only if it is there | what goes without waiting |
//! | whoever closes or ends the connection (`linger`) | waits up to [`Timeouts::close`], or less | what goes without waiting, again and again until the rest and a Close are out |
//! | a hub (`share`) | only if it is there; if not, it leaves a message in the gate | what goes without waiting |
//! | anyone who queues | not at all: appends while holding the gate | from 64 KiB on, as a sender |
//!
//! **Answers** (Pong, Ping of the keepalive, Close) are noted in the gate by whoever owes them, and turned into frames by
//! whoever has the token next. Looking for answers and giving the token back are one step under the gate, so no answer is
//! left behind. A Pong goes straight into the outbox if that is in the gate and has room; of several Pings that come when it
//! is not, only the newest is answered (6455-5.5.3-1).
//!
//! **The end** is set once, in the gate, and is the same for everybody. [`Link::abort`] shuts the stream down, which
//! brings back every thread that waits in it; the others wait for the gate and see the end there.

use std::sync::{Arc, Condvar, OnceLock};
use std::time::Duration;

use super::codec::{Dialect, Encoder};
use super::gate::Gate;
use super::linger::Host;
use super::telling::Note;
use super::turn::Turn;
use crate::config::Timeouts;
use crate::error::{Error, Result, Step, Violation};
use crate::lock::{Lock, Locked};
use crate::protocol::encoder::Shape;
use crate::trace::Watch;
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::wire::frame::{Opcode, Role};

/// Queued bytes are written from this size on.
const QUEUE: usize = 64 << 10;

pub(crate) struct Link {
    pub(crate) stream: Arc<Stream>,
    pub(crate) timeouts: Timeouts,
    pub(crate) role: Role,
    pub(super) dialect: Dialect,
    /// What its frames look like.
    pub(crate) shape: Shape,
    pub(crate) watch: Watch,
    /// The thread of a server that stays until the connection has ended.
    pub(super) host: OnceLock<Arc<Host>>,
    gate: Lock<Gate>,
    /// The token came back, a Pong came, a stream ended, or everything did. Notified only while `waiting` is not 0.
    changed: Condvar,
}

/// The right to write, with all that is needed for it.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) encoder: Encoder,
    pub(crate) outbox: Outbox,
    /// Frames that were made and not told of. `None`: nobody listens.
    pub(super) notes: Option<Vec<Note>>,
}

/// What a thread wants the token for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// A new message: only while open, and never inside one that is sent as a stream.
    Message,
    /// A fragment of that stream, a Ping, what is queued: only while open.
    Frame,
}

/// What the receiver has to know before it waits for input.
pub(crate) struct Outlook {
    /// Bytes wait that the network does not take.
    pub(crate) congested: bool,
    /// A Close was sent: by then the peer's has to be here.
    pub(crate) close_by: Option<Deadline>,
}

impl Link {
    pub(crate) fn new(
        stream: impl Into<Arc<Stream>>,
        role: Role,
        dialect: Dialect,
        encoder: Encoder,
        timeouts: Timeouts,
    ) -> Link {
        // A socket takes zero for "no timeout", so there is no shorter wait than this.
        let least = Duration::from_millis(1);
        let ping = if dialect.check_ping().is_ok() { timeouts.ping.max(least) } else { Duration::MAX };
        let timeouts = Timeouts { ping, life: timeouts.life.max(least), ..timeouts };
        let shape = encoder.shape();
        let gate = Gate::new(dialect, Writer::new(encoder));
        Link {
            stream: stream.into(),
            timeouts,
            role,
            dialect,
            shape,
            watch: Watch::default(),
            host: OnceLock::new(),
            gate: Lock::new(gate),
            changed: Condvar::new(),
        }
    }

    /// Tells this one what happens. Before anything does.
    pub(super) fn watched(mut self, watch: Watch) -> Link {
        if let (true, Some(writer)) = (watch.listens(), &mut self.gate().writer) {
            writer.notes = Some(Vec::new());
        }
        self.watch = watch;
        self
    }

    // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a whole message; returns when the kernel has it. 6455-6.1-1, 6455-6.1-9.
    pub(crate) fn send(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.dialect.check_message(opcode)?;
        let turn = self.turn(Wants::Message, self.timeouts.write)?;
        match turn.compresses(payload.len()) {
            true => turn.compressed(true, opcode, payload),
            false => turn.frame(true, opcode, payload),
        }
    }

    /// Sends a whole message as it is. 7692-6.1-2
    pub(crate) fn send_uncompressed(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.dialect.check_message(opcode)?;
        self.turn(Wants::Message, self.timeouts.write)?.frame(true, opcode, payload)
    }

    /// Queues a message that is to be compressed, which is too much work to do under the gate.
    fn queue_compressed(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let mut turn = self.turn(Wants::Message, self.timeouts.write)?;
        turn.append_compressed(true, opcode, payload)?;
        match turn.waiting() < QUEUE {
            true => Ok(()),
            false => turn.finish(&[], Limit::Each(self.timeouts.write)),
        }
    }

    /// Appends a whole message to what goes out with the next write.
    #[inline]
    pub(crate) fn queue(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.dialect.check_message(opcode)?;
        let mut queued = None;
        {
            let mut locked = self.gate();
            let gate = &mut *locked;
            // What is owed goes first, and by way of the token.
            let ready = gate.is_open() && !gate.streaming && !gate.owed.any;
            if let Some(writer) = gate.writer.as_mut().filter(|_| ready) {
                if writer.encoder.compresses(payload.len()) {
                    drop(locked);
                    return self.queue_compressed(opcode, payload);
                }
                let room = QUEUE.saturating_sub(writer.outbox.len());
                if payload.len() < room {
                    queued = Some(writer.frame(true, opcode, payload));
                }
            }
        }
        if let Some(queued) = queued {
            self.tell_sent();
            return queued.map_err(|error| self.no_key(error));
        }
        self.send(opcode, payload)
    }

    /// Writes what was queued.
    pub(crate) fn flush(&self) -> Result<()> {
        self.turn(Wants::Frame, self.timeouts.write)?.finish(&[], Limit::Each(self.timeouts.write))
    }

    /// Begins a message that is sent in fragments; no other message is sent until [`Link::end_stream`].
    pub(crate) fn begin_stream(&self, opcode: Opcode) -> Result<()> {
        self.dialect.check_stream()?;
        self.dialect.check_message(opcode)?;
        let turn = self.turn(Wants::Message, self.timeouts.write)?;
        self.gate().streaming = true;
        turn.finish(&[], Limit::Each(self.timeouts.write))
    }

    /// A fragment of that message. All of it is compressed if compression was agreed on.
    pub(crate) fn stream_fragment(&self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let turn = self.turn(Wants::Frame, self.timeouts.write)?;
        match turn.compresses(usize::MAX) {
            true => turn.compressed(fin, opcode, payload),
            false => turn.frame(fin, opcode, payload),
        }
    }

    pub(crate) fn end_stream(&self) {
        let mut gate = self.gate();
        gate.streaming = false;
        self.notify(&gate);
    }

    /// Sends a Ping of its own number (6455-5.5.2-1, 6455-5.5.2-4); [`Link::await_pong`] waits for the answer.
    pub(crate) fn ping(&self) -> Result<u64> {
        self.dialect.check_ping()?;
        let wants = if self.dialect.interleaves() { Wants::Frame } else { Wants::Message };
        let turn = self.turn(wants, self.timeouts.write)?;
        let number = {
            let mut gate = self.gate();
            gate.pings = gate.pings.wrapping_add(1);
            gate.pings
        };
        turn.frame(true, Opcode::Ping, &number.to_be_bytes())?;
        Ok(number)
    }

    /// Waits until another thread has received the Pong of this number.
    pub(crate) fn await_pong(&self, number: u64) -> Result<()> {
        let deadline = Deadline::after(self.timeouts.life);
        let mut gate = self.gate();
        loop {
            if gate.pongs >= number {
                return Ok(());
            }
            if let Some(end) = &gate.end {
                return Err(end.clone());
            }
            gate = self.wait(gate, deadline, Step::Pong)?;
        }
    }

    // ── the token ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes the token, and turns what is owed into bytes before anything else.
    pub(super) fn turn(&self, wants: Wants, limit: Duration) -> Result<Turn<'_>> {
        let mut gate = self.gate();
        let mut deadline = None;
        loop {
            // 6455-6.1-2, 6455-6.1-3: a state that changes while we wait ends it.
            gate.check_open()?;
            let blocked = gate.streaming && wants == Wants::Message;
            if !blocked && gate.writer.is_some() {
                if let Err(error) = gate.settle() {
                    drop(gate);
                    return Err(self.abort_with(error));
                }
                let writer = gate.writer.take();
                return Ok(Turn::new(self, writer));
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(limit));
            gate = self.wait(gate, deadline, Step::Turn)?;
        }
    }

    pub(super) fn give_back(&self, gate: &mut Gate, writer: Box<Writer>) {
        gate.writer = Some(writer);
        self.notify(gate);
    }

    pub(super) fn notify(&self, gate: &Gate) {
        if gate.waiting > 0 {
            self.changed.notify_all();
        }
    }

    pub(super) fn wait<'a>(
        &'a self,
        mut gate: Locked<'a, Gate>,
        deadline: Deadline,
        step: Step,
    ) -> Result<Locked<'a, Gate>> {
        let left = deadline.left();
        if left.is_zero() {
            return Err(Error::Timeout(step));
        }
        gate.waiting = gate.waiting.saturating_add(1);
        let mut gate = gate.wait(&self.changed, left);
        gate.waiting = gate.waiting.saturating_sub(1);
        Ok(gate)
    }

    #[inline]
    pub(super) fn gate(&self) -> Locked<'_, Gate> {
        self.gate.lock()
    }

    // ── for the receiver ────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers a Ping, with the next write.
    pub(crate) fn answer_ping(&self, payload: &[u8]) {
        let mut gate = self.gate();
        if let Err(error) = gate.answer_ping(payload) {
            drop(gate);
            self.no_key(error);
        }
    }

    /// Notes that a sign of life is wanted; false if it cannot be asked for now.
    pub(crate) fn owe_ping(&self) -> bool {
        self.gate().owe_ping()
    }

    /// Notes a Pong, and gives the highest number that has come back. 6455-5.5.3-s2: one that nobody waits for is no more
    /// than a sign of life, but for the drafts that say otherwise.
    pub(crate) fn pong(&self, payload: &[u8]) -> Result<u64, Violation> {
        let mut gate = self.gate();
        let number = <[u8; 8]>::try_from(payload).map_or(0, u64::from_be_bytes);
        let asked = (1..=gate.pings).contains(&number);
        if asked && number > gate.pongs {
            gate.pongs = number;
            self.notify(&gate);
        }
        match asked || !self.dialect.wants_pongs_asked() {
            true => Ok(gate.pongs),
            false => Err(Violation::UnaskedPong),
        }
    }

    /// 6455-2.1-1: what was queued, and what is owed, goes out before the receiver waits; as far as it goes at once.
    #[inline]
    pub(crate) fn before_waiting(&self) -> Outlook {
        let mut gate = self.gate();
        let close_by = gate.closes_by();
        let empty = gate.writer.as_ref().map_or(true, |writer| writer.outbox.is_empty());
        let idle = empty && !gate.owed.any && !self.stream.has_answers();
        if idle || gate.end.is_some() {
            return Outlook { congested: false, close_by };
        }
        // Whoever has the token looks for answers once before giving it back. If some came after that look, the short
        // wait of a congested connection brings the receiver back here.
        let Some(writer) = &gate.writer else { return Outlook { congested: true, close_by } };
        // While the network is full, answers stay notes: there is one of each, however many Pings come.
        let settled = if writer.outbox.is_congested() { Ok(()) } else { gate.settle() };
        if let Err(error) = settled {
            drop(gate);
            self.abort_with(error);
            return Outlook { congested: false, close_by };
        }
        let Some(mut writer) = gate.writer.take() else { return Outlook { congested: true, close_by } };
        drop(gate);
        let written = writer.outbox.write_now(&self.stream);
        let mut gate = self.gate();
        if let Err(error) = written {
            // What the peer sent before it stopped listening can still be received.
            gate.ends(Error::io(Step::Write, error));
        }
        let congested = !writer.outbox.is_empty() || gate.owed.any || self.stream.has_answers();
        let close_by = gate.closes_by();
        self.give_back(&mut gate, writer);
        drop(gate);
        self.tell_sent();
        Outlook { congested, close_by }
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&self) {
        if let Some(writer) = &mut self.gate().writer {
            writer.outbox.shrink();
            self.stream.shrink();
            writer.encoder.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ends, link, patient, until, websocket, Peer, BINARY, LONG, MUCH, ROLES, TEXT};
    use super::*;
    use crate::close::CloseCode;
    use crate::message::Kind;
    use crate::primitives::entropy::Entropy;
    use crate::protocol::encoder;
    use crate::transport::stream::tests::{sockets, WRITES};
    use std::io::{self, Write};
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Instant;

    fn step(result: Result<impl Sized>) -> Option<Step> {
        match result {
            Err(Error::Timeout(step)) => Some(step),
            Err(Error::Io(error)) => Some(error.step()),
            Err(_) | Ok(_) => None,
        }
    }

    /// A thread that has the token, and will not let it go before the peer has read all of it.
    fn stuck(link: &Arc<Link>) -> thread::JoinHandle<Result<()>> {
        let sending = link.clone();
        let thread = thread::spawn(move || sending.send(BINARY, &vec![7; MUCH]));
        until(|| link.gate().writer.is_none());
        thread
    }

    fn expect_much(peer: &mut Peer) {
        let (fin, opcode, payload) = peer.frame().unwrap();
        assert!(fin && opcode == BINARY && payload.len() == MUCH && payload.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_frame_is_one_write_and_so_is_all_that_was_queued() {
        // 6455-2.1-1, 6455-6.1-1, 6455-6.1-4, 6455-6.1-9
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            for length in [0, 125, 126, 16 << 10, 60_000] {
                let payload = vec![3; length];
                let before = WRITES.get();
                link.send(BINARY, &payload).unwrap();
                assert_eq!(WRITES.get() - before, 1, "{length}");
                assert!(peer.frame() == Some((true, BINARY, payload)));
            }
            let before = WRITES.get();
            link.queue(TEXT, b"one").unwrap();
            link.queue(TEXT, b"two").unwrap();
            link.answer_ping(b"ping");
            assert_eq!(WRITES.get(), before, "queued is not written");
            link.send(TEXT, b"three").unwrap();
            assert_eq!(WRITES.get() - before, 1);
            let payloads: Vec<_> = (0..4).map(|_| peer.frame().unwrap().2).collect();
            assert_eq!(payloads, [&b"one"[..], b"two", b"ping", b"three"]);
            link.queue(TEXT, b"four").unwrap();
            link.flush().unwrap();
            assert_eq!(peer.frame().unwrap().2, b"four");
            // From 64 KiB on it is written without being asked.
            let before = WRITES.get();
            for _ in 0..65 {
                link.queue(BINARY, &[1; 1 << 10]).unwrap();
            }
            assert_eq!(WRITES.get() - before, 1);
            link.flush().unwrap();
            let frames: Vec<_> = (0..65).map(|_| peer.frame().unwrap()).collect();
            assert!(frames.iter().all(|frame| *frame == (true, BINARY, vec![1; 1 << 10])));
        }
    }

    #[test]
    fn frames_of_many_threads_never_mix() {
        const THREADS: usize = 6;
        const EACH: usize = 60;
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let sending: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let link = link.clone();
                    thread::spawn(move || {
                        for number in 0..EACH {
                            // Small, copied, not copied, in several pieces.
                            let length = [5, 1000, 20_000, 300_000][(number + thread) % 4];
                            let mut payload = vec![thread as u8; length];
                            payload[1] = number as u8;
                            match number % 3 {
                                0 => link.queue(BINARY, &payload).and_then(|()| link.flush()),
                                1 => link.send(BINARY, &payload),
                                _ => {
                                    let _ = link.begin_stream(TEXT);
                                    let (first, rest) = payload.split_at(length / 2);
                                    link.stream_fragment(false, BINARY, first).unwrap();
                                    let sent = link.stream_fragment(true, Opcode::Continuation, rest);
                                    link.end_stream();
                                    sent
                                }
                            }
                            .unwrap();
                        }
                    })
                })
                .collect();
            let (mut counts, mut open) = ([0; THREADS], None);
            while counts.iter().sum::<usize>() < THREADS * EACH {
                let (fin, _, payload) = peer.frame().unwrap();
                let (thread, number) = (payload[0], payload[1]);
                assert!(payload[2..].iter().all(|byte| *byte == thread));
                match open.take() {
                    // The second half of a message has no number.
                    Some(begun) => assert!(begun == thread && fin),
                    None => assert_eq!(usize::from(number), counts[usize::from(thread)]),
                }
                match fin {
                    true => counts[usize::from(thread)] += 1,
                    false => open = Some(thread),
                }
            }
            sending.into_iter().for_each(|thread| thread.join().unwrap());
        }
    }

    #[test]
    fn what_is_owed_meanwhile_is_sent_before_the_token_comes_back() {
        // 6455-5.5.2-2, 6455-5.5.2-3, 6455-5.5.3-1, 6455-5.5.3-s1: and of several Pings the newest is answered.
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            let sending = stuck(&link);
            for payload in [&b"old"[..], b"older than the next", b"newest"] {
                link.answer_ping(payload);
            }
            expect_much(&mut peer);
            assert_eq!(peer.frame(), Some((true, Opcode::Pong, b"newest".to_vec())));
            sending.join().unwrap().unwrap();
            link.send(TEXT, b"next").unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, b"next".to_vec())), "and no other");
        }
    }

    #[test]
    fn waiting_for_the_token_has_an_end() {
        let (link, mut peer) = link(Role::Server, Timeouts { write: Duration::from_millis(50), ..patient() });
        let turn = link.turn(Wants::Frame, LONG).unwrap();
        let start = Instant::now();
        assert_eq!(step(link.send(TEXT, b"a")), Some(Step::Turn));
        assert_eq!(step(link.queue(TEXT, b"b")), Some(Step::Turn));
        assert_eq!(step(link.flush()), Some(Step::Turn));
        assert_eq!(step(link.ping()), Some(Step::Turn));
        assert!(start.elapsed() >= Duration::from_millis(200) && start.elapsed() < LONG);
        drop(turn);
        link.send(TEXT, b"c").unwrap();
        assert_eq!(peer.frame().unwrap().2, b"c", "nothing of the others was sent");
    }

    #[test]
    fn a_message_sent_as_a_stream_keeps_messages_out_and_nothing_else() {
        // 6455-5.4-4, 6455-5.4-1
        let (link, mut peer) = link(Role::Client, Timeouts { write: Duration::from_millis(50), ..patient() });
        link.begin_stream(TEXT).unwrap();
        link.stream_fragment(false, TEXT, b"one").unwrap();
        assert_eq!(step(link.send(TEXT, b"no")), Some(Step::Turn));
        assert_eq!(step(link.queue(TEXT, b"no")), Some(Step::Turn));
        assert_eq!(step(link.begin_stream(TEXT)), Some(Step::Turn));
        let number = link.ping().unwrap();
        link.answer_ping(b"ping");
        link.stream_fragment(true, Opcode::Continuation, b"two").unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| link.turn(Wants::Message, LONG).map(drop));
            until(|| link.gate().waiting > 0);
            let start = Instant::now();
            link.end_stream();
            waits.join().unwrap().unwrap();
            assert!(start.elapsed() < LONG / 2, "it is told, and does not find out");
        });
        for want in [
            (false, TEXT, b"one".to_vec()),
            (true, Opcode::Ping, number.to_be_bytes().to_vec()),
            (true, Opcode::Pong, b"ping".to_vec()),
            (true, Opcode::Continuation, b"two".to_vec()),
        ] {
            assert_eq!(peer.frame(), Some(want));
        }
    }

    #[test]
    fn nothing_is_sent_between_deciding_to_close_and_the_close() {
        // 6455-5.5.1-5: whoever turns the Close into a frame must not put a message behind it.
        for role in ROLES {
            for attempt in 0..5 {
                let (link, mut peer) = link(role, patient());
                link.gate().owe_close(Dialect::Rfc.close(CloseCode::NORMAL, ""));
                let result = match attempt {
                    0 => link.send(TEXT, b"late"),
                    1 => link.queue(TEXT, b"late"),
                    2 => link.ping().map(drop),
                    3 => link.begin_stream(TEXT).and_then(|()| link.stream_fragment(true, TEXT, b"late")),
                    _ => link.stream_fragment(true, Opcode::Continuation, b"late"),
                };
                assert!(matches!(result, Err(Error::Closed(_))), "{result:?}");
                assert!(!link.is_open());
                link.start_close(CloseCode::NORMAL, "").unwrap();
                assert_eq!(peer.frame(), Some((true, Opcode::Close, vec![3, 232])));
                link.abort();
                assert_eq!(peer.frame(), None);
            }
        }
    }

    #[test]
    fn a_close_is_the_last_frame_however_many_threads_are_sending() {
        // 6455-5.5.1-5, 6455-6.1-2, 6455-6.1-3, 6455-5.1-7, 6455-7.1.2-1
        for round in 0..60 {
            let (link, mut peer) = link(ROLES[round % 2], patient());
            let sent = AtomicUsize::new(0);
            thread::scope(|scope| {
                for thread in 0..4 {
                    let (link, sent) = (&link, &sent);
                    scope.spawn(move || loop {
                        let result = match thread {
                            0 => link.send(TEXT, b"sent"),
                            1 => link.queue(TEXT, b"queued").and_then(|()| link.flush()),
                            2 => link.ping().map(drop),
                            _ => link.send(BINARY, &[0; 40_000]),
                        };
                        if let Err(error) = result {
                            assert!(matches!(error, Error::Closed(Some(_))), "{error:?}");
                            return;
                        }
                        sent.fetch_add(1, Ordering::Relaxed);
                    });
                }
                let closing = scope.spawn(|| {
                    until(|| sent.load(Ordering::Relaxed) > round);
                    link.start_close(CloseCode::GOING_AWAY, "bye").unwrap();
                    assert!(matches!(link.send(TEXT, b"late"), Err(Error::Closed(_))));
                    link.stream.finish(LONG);
                });
                let frames = peer.frames();
                closing.join().unwrap();
                let closes = frames.iter().filter(|(_, opcode, _)| *opcode == Opcode::Close).count();
                assert_eq!((closes, frames.last().map(|frame| frame.1)), (1, Some(Opcode::Close)), "round {round}");
            });
        }
    }

    #[test]
    fn answers_do_not_pile_up_while_the_peer_does_not_read() {
        // 6455-5.5.3-1: a peer that pings and never reads must not make us keep a Pong for each.
        for role in ROLES {
            let (link, mut peer) = link(role, patient());
            link.gate().writer.as_mut().unwrap().outbox.bytes().extend(filler(role));
            while !link.before_waiting().congested {}
            let before = link.gate().writer.as_ref().unwrap().outbox.len();
            for number in 0..2000u32 {
                let mut payload = [0; 125];
                payload[..4].copy_from_slice(&number.to_be_bytes());
                link.answer_ping(&payload);
                link.before_waiting();
            }
            let after = link.gate().writer.as_ref().unwrap().outbox.len();
            assert!(after <= before + (16 << 10), "{} bytes of answers wait", after - before);
            // Once it reads, it gets the newest.
            let reading = thread::spawn(move || loop {
                let (_, opcode, payload) = peer.frame().unwrap();
                if opcode == Opcode::Pong && payload[..4] == 1999u32.to_be_bytes() {
                    return;
                }
            });
            until(|| {
                let outlook = link.before_waiting();
                !outlook.congested
            });
            reading.join().unwrap();
        }
    }

    /// Many frames, together more than the network takes.
    fn filler(role: Role) -> Vec<u8> {
        let mut frames = Vec::new();
        let mut encoder = super::super::testing::encoder(role);
        for _ in 0..MUCH >> 16 {
            encoder.frame(&mut frames, true, BINARY, &[0; 1 << 16]).unwrap();
        }
        frames
    }

    #[test]
    fn before_waiting_never_waits_for_long() {
        let (link, _peer) = link(Role::Server, patient());
        link.gate().writer.as_mut().unwrap().outbox.bytes().extend(filler(Role::Server));
        let start = Instant::now();
        for _ in 0..200 {
            link.before_waiting();
        }
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
        // Nor when someone else has the token; it comes back soon if something is owed.
        let turn = link.turn(Wants::Frame, LONG).unwrap();
        assert!(!link.before_waiting().congested);
        link.owe_ping();
        assert!(link.before_waiting().congested);
        drop(turn);
    }

    #[test]
    fn abort_brings_everyone_back() {
        for role in ROLES {
            let (mut ws, peer) = websocket(role, patient());
            let link = ws.receiver.link.clone();
            let sending = stuck(&link);
            let mut threads = vec![sending];
            for what in 0..4 {
                let link = link.clone();
                threads.push(thread::spawn(move || match what {
                    0 => link.send(TEXT, b"waits for the token"),
                    1 => link.flush(),
                    2 => link.await_pong(1),
                    _ => link.await_close().map(drop),
                }));
            }
            threads.push(thread::spawn(move || ws.recv().map(drop)));
            until(|| link.gate().waiting == 4);
            let start = Instant::now();
            link.abort();
            for thread in threads {
                let result = ends(|| thread.join().unwrap());
                assert!(matches!(result, Err(Error::Closed(None))), "{result:?}");
            }
            assert!(start.elapsed() < LONG / 2);
            // And it is the same for all who come later.
            assert!(matches!(link.send(TEXT, b""), Err(Error::Closed(None))));
            assert!(matches!(link.queue(TEXT, b""), Err(Error::Closed(None))));
            assert!(matches!(link.start_close(CloseCode::NORMAL, ""), Err(Error::Closed(None))));
            drop(peer);
        }
    }

    #[test]
    fn abort_brings_back_who_waits_for_the_peer_alone() {
        let (link, _peer) = link(Role::Client, patient());
        let waiting = link.clone();
        let waiting = thread::spawn(move || waiting.await_pong(1));
        until(|| link.gate().waiting == 1);
        let start = Instant::now();
        link.abort();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed(None))));
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_write_that_fails_is_the_end_for_everyone() {
        for role in ROLES {
            let timeouts = Timeouts { write: Duration::from_millis(60), ..patient() };
            let (link, peer) = link(role, timeouts);
            let start = Instant::now();
            assert_eq!(step(link.send(BINARY, &vec![0; MUCH])), Some(Step::Write));
            assert!(start.elapsed() >= Duration::from_millis(50) && start.elapsed() < LONG / 2);
            assert_eq!(step(link.send(TEXT, b"x")), Some(Step::Write));
            assert_eq!(step(link.flush()), Some(Step::Write));
            assert_eq!(step(link.ping()), Some(Step::Write));
            drop(peer);
        }
    }

    /// A client whose source of keys has `good` fills in it.
    fn running_dry(good: usize, dry: fn() -> io::Error) -> (Arc<Link>, Peer) {
        let mut left = good;
        let source = Entropy::from_source(Box::new(move |out: &mut [u8]| {
            out.fill(0x5A);
            left = left.checked_sub(1).ok_or_else(dry)?;
            Ok(())
        }));
        let (link, peer) = link(Role::Client, patient());
        link.gate().writer.as_mut().unwrap().encoder = Encoder::Rfc(encoder::Encoder::client(source));
        (link, peer)
    }

    #[test]
    fn without_keys_the_connection_is_over() {
        // 6455-5.3-3: nothing is sent unmasked, nor with a key that is not random.
        for what in 0..8 {
            let (link, mut peer) = running_dry(0, || io::ErrorKind::Other.into());
            let result = match what {
                0 => link.send(TEXT, b"x"),
                1 => link.send(BINARY, &[0; 100_000]),
                2 => link.queue(TEXT, b"x"),
                3 => link.ping().map(drop),
                4 => {
                    link.owe_ping();
                    link.flush()
                }
                5 => {
                    link.owe_ping();
                    link.before_waiting();
                    link.flush()
                }
                6 => {
                    link.answer_ping(b"");
                    link.flush()
                }
                _ => link.start_close(CloseCode::NORMAL, ""),
            };
            assert_eq!(step(result), Some(Step::Entropy), "{what}");
            assert_eq!(step(link.send(TEXT, b"y")), Some(Step::Entropy), "{what}");
            assert_eq!(step(link.flush()), Some(Step::Entropy), "{what}");
            assert_eq!(peer.frame(), None);
        }
    }

    #[test]
    fn without_a_key_for_what_is_owed_it_is_over_too() {
        // 6455-5.3-3: one fill is 128 keys; the last of them is for the large message.
        let (link, mut peer) = running_dry(1, || io::ErrorKind::Other.into());
        for _ in 0..127 {
            link.send(TEXT, b"x").unwrap();
            peer.frame().unwrap();
        }
        let sending = stuck(&link);
        link.owe_ping();
        expect_much(&mut peer);
        assert_eq!(step(sending.join().unwrap()), Some(Step::Entropy));
        assert!(link.end().is_some(), "before anyone tries again");
        assert_eq!(step(link.send(TEXT, b"y")), Some(Step::Entropy));
        assert_eq!(peer.frame(), None);
    }

    #[test]
    fn a_source_of_keys_that_panics_does_not_take_the_token_with_it() {
        for what in 0..3 {
            let (link, _peer) = running_dry(0, || panic!("as planned"));
            let result = catch_unwind(AssertUnwindSafe(|| match what {
                0 => link.send(TEXT, b"x"),
                1 => link.queue(TEXT, b"x"),
                _ => {
                    link.owe_ping();
                    link.flush()
                }
            }));
            assert!(result.is_err());
            assert!(link.gate().writer.is_some(), "{what}");
        }
    }

    #[test]
    fn a_thread_that_panics_gives_the_token_back() {
        let (link, mut peer) = link(Role::Server, patient());
        let held = link.clone();
        let result = thread::spawn(move || {
            let _turn = held.turn(Wants::Frame, LONG).unwrap();
            panic!("as planned");
        })
        .join();
        assert!(result.is_err());
        link.send(TEXT, b"x").unwrap();
        assert_eq!(peer.frame().unwrap().2, b"x");
    }

    #[test]
    fn pongs_are_told_apart_by_number() {
        // 6455-5.5.3-s2, 6455-5.5.2-4
        let (link, mut peer) = link(Role::Client, patient());
        assert_eq!(link.ping().unwrap(), 1);
        assert_eq!(link.ping().unwrap(), 2);
        for (payload, newest) in
            [(&b""[..], 0), (b"unasked", 0), (&[0, 0, 0, 0, 0, 0, 0, 3], 0), (&[0, 0, 0, 0, 0, 0, 0, 2], 2)]
        {
            assert_eq!(link.pong(payload), Ok(newest));
        }
        assert_eq!(link.pong(&[0, 0, 0, 0, 0, 0, 0, 1]), Ok(2));
        link.await_pong(2).unwrap();
        link.await_pong(1).unwrap();
        for number in 1..=2u64 {
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, number.to_be_bytes().to_vec())));
        }
        // Sent before anyone waits, because sending wakes those who do.
        link.ping().unwrap();
        let waiting = link.clone();
        let third = thread::spawn(move || waiting.await_pong(3));
        until(|| link.gate().waiting == 1);
        let start = Instant::now();
        assert_eq!(link.pong(&3u64.to_be_bytes()), Ok(3));
        third.join().unwrap().unwrap();
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn over_halves_it_is_the_same() {
        let (near, mut far) = sockets();
        let stream = Stream::over(crate::Halves::new(near.try_clone().unwrap(), near)).unwrap();
        let encoder = Encoder::Rfc(encoder::Encoder::server());
        let link = Link::new(stream, Role::Server, Dialect::Rfc, encoder, patient());
        link.queue(Opcode::Data(Kind::Text), b"a").unwrap();
        link.send(TEXT, b"b").unwrap();
        let mut came = [0; 6];
        io::Read::read_exact(&mut far, &mut came).unwrap();
        assert_eq!(came, [0x81, 1, b'a', 0x81, 1, b'b']);
        far.write_all(b"?").unwrap();
        assert_eq!(link.stream.read(&mut came, LONG).unwrap(), 1);
        link.abort();
        assert!(link.send(TEXT, b"c").is_err());
    }
}
