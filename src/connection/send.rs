//! Sending: messages, streams and Pings of the caller, and what is written before the receiver waits.
//!
//! Knows the permit and the state; must not know the receiver or the public handles.

use std::time::Duration;

use super::shared::Connection;
use super::state::SharedState;
use super::write_permit::WriteIntent;
use super::writer::Writer;
use crate::codec::frame::Opcode;
use crate::config::check_ping_interval;
use crate::error::{Error, ProtocolError, Result, Step};
use crate::message::Outgoing;
use crate::net::deadline::Deadline;
use crate::net::write_buffer::WriteMode;
use crate::primitives::lock::Locked;

/// Threshold in bytes from which queued frames are written.
const QUEUE_FLUSH_SIZE: usize = 128 << 10;

/// What the receiver has to know before it waits for input.
pub(super) struct WriteStatus {
    /// Bytes wait that the network does not take.
    pub(super) congested: bool,
    /// The closing handshake has begun, so the peer's Close has a deadline.
    pub(super) closing: bool,
    /// The wait until a Ping is due because nothing was written. Zero: it is due.
    pub(super) ping_wait: Duration,
}

impl WriteStatus {
    #[inline]
    fn new(state: &SharedState, congested: bool) -> WriteStatus {
        WriteStatus { congested, closing: state.close_deadline().is_some(), ping_wait: state.wait_to_ping() }
    }

    /// The status after everything was written at this moment, which needs no clock.
    #[inline]
    fn after_write(state: &SharedState) -> WriteStatus {
        WriteStatus { congested: false, closing: state.close_deadline().is_some(), ping_wait: state.ping_interval() }
    }
}

impl Connection {
    // ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a message of the caller: an owned one without a copy.
    pub(super) fn send_message(&self, message: Outgoing<'_>) -> Result<()> {
        match message {
            Outgoing::Borrowed(message) => self.send(Opcode::Data(message.kind()), message.as_bytes()),
            Outgoing::Owned(message) => self.send_owned(Opcode::Data(message.kind()), message.into_bytes()),
        }
    }

    /// As [`send_message`](Connection::send_message), without compression. 7692-6.1-2
    pub(super) fn send_uncompressed_message(&self, message: Outgoing<'_>) -> Result<()> {
        let opcode = Opcode::Data(message.as_message_ref().kind());
        self.protocol.check_message(opcode)?;
        let permit = self.acquire_permit(WriteIntent::Message, self.timeouts.write)?;
        match message {
            Outgoing::Borrowed(message) => permit.write_frame(true, opcode, message.as_bytes()),
            Outgoing::Owned(message) => permit.write_owned_frame(opcode, message.into_bytes()),
        }
    }

    /// Appends a message of the caller to the write buffer. A message too large for the queue is sent.
    #[inline]
    pub(super) fn queue_message(&self, message: Outgoing<'_>) -> Result<()> {
        match message {
            Outgoing::Borrowed(message) => self.queue(Opcode::Data(message.kind()), message.as_bytes()),
            Outgoing::Owned(message) if message.len() >= QUEUE_FLUSH_SIZE => self.send_message(message.into()),
            Outgoing::Owned(message) => self.queue(Opcode::Data(message.kind()), message.as_bytes()),
        }
    }

    fn send_owned(&self, opcode: Opcode, payload: Vec<u8>) -> Result<()> {
        self.protocol.check_message(opcode)?;
        let permit = self.acquire_permit(WriteIntent::Message, self.timeouts.write)?;
        #[cfg(feature = "deflate")]
        if permit.should_compress(payload.len()) {
            return permit.write_compressed(true, opcode, &payload);
        }
        permit.write_owned_frame(opcode, payload)
    }

    /// Sends a whole message. Returns when the kernel has it. 6455-6.1-1, 6455-6.1-9.
    pub(super) fn send(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.protocol.check_message(opcode)?;
        let permit = self.acquire_permit(WriteIntent::Message, self.timeouts.write)?;
        #[cfg(feature = "deflate")]
        if permit.should_compress(payload.len()) {
            return permit.write_compressed(true, opcode, payload);
        }
        permit.write_frame(true, opcode, payload)
    }

    /// Appends a whole message to the write buffer, for the next write.
    #[inline]
    pub(super) fn queue(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.protocol.check_message(opcode)?;
        let mut state = self.lock_state();
        // Pending frames are sent first, and with the permit. Keys are fetched with it too.
        let ready = !state.has_pending() && !state.streaming && state.is_open();
        if let Some(writer) = state.writer.as_deref_mut().filter(|_| ready) {
            #[cfg(feature = "deflate")]
            if writer.encoder.should_compress(payload.len()) {
                drop(state);
                return self.queue_compressed(opcode, payload);
            }
            let room = QUEUE_FLUSH_SIZE.saturating_sub(writer.buffer.len());
            if payload.len() < room && !writer.encoder.is_low_on_keys() {
                let queued = writer.append_frame(true, opcode, payload);
                drop(state);
                self.emit_sent();
                return queued.map_err(|error| self.fail_without_key(error));
            }
            if payload.len() < room {
                drop(state);
                return self.queue_with_keys(opcode, payload);
            }
        }
        drop(state);
        self.send(opcode, payload)
    }

    /// Fetches masking keys, and queues the message then.
    #[cold]
    fn queue_with_keys(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        drop(self.lock_state_with_keys()?);
        self.queue(opcode, payload)
    }

    /// Queues a message that is to be compressed, which takes too long to do it under the lock.
    #[cfg(feature = "deflate")]
    fn queue_compressed(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let mut permit = self.acquire_permit(WriteIntent::Message, self.timeouts.write)?;
        permit.append_compressed(true, opcode, payload)?;
        match permit.buffered_len() < QUEUE_FLUSH_SIZE {
            true => Ok(()),
            false => permit.flush_and_release(&[]),
        }
    }

    /// Writes what was queued.
    pub(super) fn flush(&self) -> Result<()> {
        self.acquire_permit(WriteIntent::Frame, self.timeouts.write)?.flush_and_release(&[])
    }

    // ── a message in fragments ──────────────────────────────────────────────────────────────────────────────────────

    /// Begins a message that is sent in fragments. No other message is sent until [`Connection::end_stream`].
    pub(super) fn begin_stream(&self, opcode: Opcode) -> Result<()> {
        self.protocol.check_stream()?;
        self.protocol.check_message(opcode)?;
        let permit = self.acquire_permit(WriteIntent::Message, self.timeouts.write)?;
        self.lock_state().streaming = true;
        permit.flush_and_release(&[])
    }

    /// Sends a fragment of that message. All fragments are compressed if compression was negotiated.
    pub(super) fn stream_fragment(&self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let permit = self.acquire_permit(WriteIntent::Frame, self.timeouts.write)?;
        #[cfg(feature = "deflate")]
        if permit.should_compress(usize::MAX) {
            return permit.write_compressed(fin, opcode, payload);
        }
        permit.write_frame(fin, opcode, payload)
    }

    pub(super) fn end_stream(&self) {
        let mut state = self.lock_state();
        state.streaming = false;
        self.notify(&state);
    }

    // ── Ping and Pong ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Sends a Ping with a new number (6455-5.5.2-1, 6455-5.5.2-4). [`Connection::await_pong`] waits for the answer.
    pub(super) fn ping(&self) -> Result<u64> {
        self.protocol.check_ping()?;
        let intent = if self.protocol.interleaves_control_frames() { WriteIntent::Frame } else { WriteIntent::Message };
        let permit = self.acquire_permit(intent, self.timeouts.write)?;
        let number = {
            let mut state = self.lock_state();
            state.last_ping_sent = state.last_ping_sent.wrapping_add(1);
            state.last_ping_sent
        };
        permit.write_frame(true, Opcode::Ping, &number.to_be_bytes())?;
        Ok(number)
    }

    /// Sends a Ping or a Pong with this payload, and waits for nothing.
    pub(super) fn send_control(&self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.protocol.check_control_payload(payload)?;
        let intent = if self.protocol.interleaves_control_frames() { WriteIntent::Frame } else { WriteIntent::Message };
        self.acquire_permit(intent, self.timeouts.write)?.write_frame(true, opcode, payload)
    }

    /// Changes the interval of the keepalive.
    pub(super) fn set_ping_interval(&self, interval: Duration) -> Result<()> {
        check_ping_interval(interval)?;
        self.protocol.check_ping()?;
        self.lock_state().set_ping_interval(interval);
        Ok(())
    }

    /// Waits until another thread has received the Pong with this number.
    pub(super) fn await_pong(&self, number: u64) -> Result<()> {
        let deadline = Deadline::after(self.timeouts.pong_timeout);
        let mut state = self.lock_state();
        loop {
            if state.last_pong_received >= number {
                return Ok(());
            }
            if let Some(end) = state.end.get() {
                return Err(end.clone());
            }
            state = self.wait(state, deadline, Step::Pong)?;
        }
    }

    /// Answers a Ping, with the next write.
    pub(super) fn answer_ping(&self, payload: &[u8]) {
        // An error is the end of the connection.
        let _ = self.lock_state_with_keys().and_then(|mut state| state.answer_ping(payload));
    }

    /// Schedules a keepalive Ping; `false` if it cannot be sent now.
    pub(super) fn schedule_ping(&self) -> bool {
        self.lock_state().schedule_ping()
    }

    /// Records a Pong, and returns the highest number received. 6455-5.5.3-s2: a Pong without a Ping only shows that the peer
    /// is alive, except in drafts that forbid it.
    pub(super) fn on_pong(&self, payload: &[u8]) -> Result<u64, ProtocolError> {
        let mut state = self.lock_state();
        let number = <[u8; 8]>::try_from(payload).map_or(0, u64::from_be_bytes);
        let requested = (1..=state.last_ping_sent).contains(&number);
        if requested && number > state.last_pong_received {
            state.last_pong_received = number;
            self.notify(&state);
        }
        match requested || !self.protocol.rejects_unsolicited_pongs() {
            true => Ok(state.last_pong_received),
            false => Err(ProtocolError::UnsolicitedPong),
        }
    }

    // ── before a read ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Writes queued and pending frames, as far as that needs no waiting. 6455-2.1-1: the receiver calls this before it waits.
    #[inline]
    pub(super) fn flush_before_read(&self) -> WriteStatus {
        let mut state = self.lock_state();
        let waiting = state.writer.as_ref().is_some_and(|writer| !writer.buffer.is_empty());
        let idle = !waiting && !state.has_pending() && !self.stream.has_unsolicited_output();
        if idle || state.end.is_set() {
            return WriteStatus::new(&state, false);
        }
        if state.has_pending() {
            match self.encode_before_read(state) {
                Ok(encoded) => state = encoded,
                Err(status) => return status,
            }
        }
        // The thread that has the permit looks for pending frames once before it releases it. For frames scheduled after that
        // look, the short wait of a congested connection brings the receiver back here.
        let Some(mut writer) = state.writer.take() else { return WriteStatus::new(&state, true) };
        drop(state);
        let written = writer.buffer.write(&self.stream, &[], WriteMode::Brief);
        let mut state = self.lock_state();
        if let Err(error) = written {
            // What the peer sent before can still be received.
            state.record_end(Error::io(Step::Write, error));
        }
        let congested = !writer.buffer.is_empty() || state.has_pending() || self.stream.has_unsolicited_output();
        self.put_back(&mut state, writer);
        let status = match congested {
            true => WriteStatus::new(&state, true),
            false => WriteStatus::after_write(&state),
        };
        drop(state);
        self.emit_sent();
        status
    }

    /// The maximum time until the receiver has to be called because of what is to be written. Counts what changes between two
    /// receive calls: queued messages, a Close of this side, the interval of the keepalive.
    pub(super) fn time_to_flush(&self) -> Duration {
        let state = self.lock_state();
        let queued = |writer: &Writer| !writer.buffer.is_empty() && !writer.buffer.is_congested();
        if !state.end.is_set() && state.writer.as_deref().is_some_and(queued) {
            return Duration::ZERO;
        }
        state.close_deadline().map_or(state.ping_interval(), |deadline| deadline.remaining().min(state.ping_interval()))
    }

    /// Encodes pending frames if the writer is available. While the network is full they are not encoded: there is at most one
    /// of each kind. An error has the status if the connection has ended by this.
    #[cold]
    fn encode_before_read<'a>(
        &'a self,
        mut state: Locked<'a, SharedState>,
    ) -> Result<Locked<'a, SharedState>, WriteStatus> {
        if state.is_low_on_keys() {
            drop(state);
            state = match self.lock_state_with_keys() {
                Ok(state) => state,
                Err(_) => return Err(WriteStatus::new(&self.lock_state(), false)),
            };
        }
        if state.writer.as_ref().is_some_and(|writer| writer.buffer.is_congested()) {
            return Ok(state);
        }
        let encoded = state.encode_pending();
        encoded.map_err(|_| WriteStatus::new(&state, false)).map(|()| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::codec::encoder;
    use crate::codec::frame::Role;
    use crate::config::Timeouts;
    use crate::connection::framing::Encoder;
    use crate::connection::protocol::Protocol;
    use crate::connection::testing::{
        connection, long_timeouts, under_watchdog, wait_until, websocket, Peer, BINARY, LARGE, LONG, ROLES, TEXT,
    };
    use crate::message::MessageKind;
    use crate::net::deadline::WRITE_QUANTUM;
    use crate::net::stream::tests::{sockets, WRITES};
    use crate::net::stream::Stream;
    use crate::net::write_buffer::MAX_BUFFERED;
    use crate::primitives::random::RandomSource;
    use std::io::{self, Write};
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    fn step(result: Result<impl Sized>) -> Option<Step> {
        match result {
            Err(Error::Timeout(step)) => Some(step),
            Err(Error::Io(error)) => Some(error.step()),
            Err(_) | Ok(_) => None,
        }
    }

    /// A thread that has the permit until the peer has read a large message.
    fn stuck(connection: &Arc<Connection>) -> thread::JoinHandle<Result<()>> {
        // The writer is also absent while keys are fetched.
        drop(connection.lock_state_with_keys().unwrap());
        let sending = connection.clone();
        let thread = thread::spawn(move || sending.send(BINARY, &vec![7; LARGE]));
        wait_until(|| connection.lock_state().writer.is_none());
        thread
    }

    fn expect_much(peer: &mut Peer) {
        let (fin, opcode, payload) = peer.frame().unwrap();
        assert!(fin && opcode == BINARY && payload.len() == LARGE && payload.iter().all(|byte| *byte == 7));
    }

    /// Shows the answer to farrell-10.
    #[test]
    fn a_frame_is_one_write_and_so_is_all_that_was_queued() {
        // 6455-2.1-1, 6455-6.1-1, 6455-6.1-4, 6455-6.1-9
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            for length in [0, 125, 126, 16 << 10, 60_000] {
                let payload = vec![3; length];
                let before = WRITES.get();
                connection.send(BINARY, &payload).unwrap();
                assert_eq!(WRITES.get() - before, 1, "{length}");
                assert!(peer.frame() == Some((true, BINARY, payload)));
            }
            let before = WRITES.get();
            connection.queue(TEXT, b"one").unwrap();
            connection.queue(TEXT, b"two").unwrap();
            connection.answer_ping(b"ping");
            assert_eq!(WRITES.get(), before, "queued is not written");
            connection.send(TEXT, b"three").unwrap();
            assert_eq!(WRITES.get() - before, 1);
            let payloads: Vec<_> = (0..4).map(|_| peer.frame().unwrap().2).collect();
            assert_eq!(payloads, [&b"one"[..], b"two", b"ping", b"three"]);
            connection.queue(TEXT, b"four").unwrap();
            connection.flush().unwrap();
            assert_eq!(peer.frame().unwrap().2, b"four");
            // From 128 KiB on, queued frames are written without a flush.
            let before = WRITES.get();
            for _ in 0..129 {
                connection.queue(BINARY, &[1; 1 << 10]).unwrap();
            }
            assert_eq!(WRITES.get() - before, 1);
            connection.flush().unwrap();
            let frames: Vec<_> = (0..129).map(|_| peer.frame().unwrap()).collect();
            assert!(frames.iter().all(|frame| *frame == (true, BINARY, vec![1; 1 << 10])));
        }
    }

    #[test]
    fn an_owned_message_is_one_write_and_arrives_unchanged() {
        // 6455-5.3-2, 6455-6.1-8, 6455-10.3-s1
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            for length in [0, 125, 16 << 10, (16 << 10) + 1, 60_000] {
                let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
                let owned = || Outgoing::from(payload.clone());
                type Send<'a> = &'a dyn Fn(Outgoing<'_>) -> Result<()>;
                let sends: [Send<'_>; 3] = [
                    &|message| connection.send_message(message),
                    &|message| connection.send_uncompressed_message(message),
                    &|message| connection.queue_message(message).and_then(|()| connection.flush()),
                ];
                for send in sends {
                    let before = WRITES.get();
                    send(owned()).unwrap();
                    assert_eq!(WRITES.get() - before, 1, "{length}");
                    assert!(peer.frame() == Some((true, BINARY, payload.clone())), "{role:?} {length}");
                }
            }
            // Larger than a piece of a borrowed message.
            let payload: Vec<u8> = (0..500_001).map(|i| (i % 251) as u8).collect();
            for queue in [false, true] {
                let (sending, owned) = (connection.clone(), Outgoing::from(payload.clone()));
                let thread = thread::spawn(move || match queue {
                    true => sending.queue_message(owned),
                    false => sending.send_message(owned),
                });
                assert!(peer.frame() == Some((true, BINARY, payload.clone())));
                thread.join().unwrap().unwrap();
            }
        }
    }

    #[test]
    fn a_borrowed_message_behind_queued_ones_stays_within_the_buffer() {
        for (role, length) in ROLES.into_iter().flat_map(|role| [(role, 260_000), (role, 1_000_001)]) {
            let message: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            // An odd length, so that a piece may end at any byte of the masking key.
            for queued in [0, 1, 20, 35] {
                let (connection, mut peer) = connection(role, long_timeouts());
                (0..queued).for_each(|_| connection.queue(BINARY, &[1; 3201]).unwrap());
                let (sending, sent) = (connection.clone(), message.clone());
                let thread = thread::spawn(move || sending.send(BINARY, &sent));
                (0..queued).for_each(|_| assert!(peer.frame() == Some((true, BINARY, vec![1; 3201]))));
                assert!(peer.frame() == Some((true, BINARY, message.clone())), "{role:?} {queued}");
                thread.join().unwrap().unwrap();
                // A buffer that was larger is freed.
                let capacity = connection.lock_state().writer.as_mut().unwrap().buffer.bytes().capacity();
                assert!((1..=MAX_BUFFERED).contains(&capacity), "{role:?} {length} {queued} {capacity}");
            }
        }
    }

    #[test]
    fn frames_of_many_threads_never_mix() {
        const THREADS: usize = 6;
        const EACH: usize = 60;
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let sending: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let connection = connection.clone();
                    thread::spawn(move || {
                        for number in 0..EACH {
                            // Small, copied, not copied, in several pieces.
                            let length = [5, 1000, 20_000, 400_000][(number + thread) % 4];
                            let mut payload = vec![thread as u8; length];
                            payload[1] = number as u8;
                            match number % 3 {
                                0 => connection.queue(BINARY, &payload).and_then(|()| connection.flush()),
                                1 => connection.send(BINARY, &payload),
                                _ => {
                                    let _ = connection.begin_stream(TEXT);
                                    let (first, rest) = payload.split_at(length / 2);
                                    connection.stream_fragment(false, BINARY, first).unwrap();
                                    let sent = connection.stream_fragment(true, Opcode::Continuation, rest);
                                    connection.end_stream();
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
    fn control_frames_due_meanwhile_are_sent_before_the_permit_is_released() {
        // 6455-5.5.2-2, 6455-5.5.2-3, 6455-5.5.3-1, 6455-5.5.3-s1: of several Pings, the latest is answered.
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let sending = stuck(&connection);
            for payload in [&b"old"[..], b"older than the next", b"newest"] {
                connection.answer_ping(payload);
            }
            expect_much(&mut peer);
            assert_eq!(peer.frame(), Some((true, Opcode::Pong, b"newest".to_vec())));
            sending.join().unwrap().unwrap();
            connection.send(TEXT, b"next").unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, b"next".to_vec())), "and no other");
        }
    }

    #[test]
    fn waiting_for_the_permit_times_out() {
        let (connection, mut peer) =
            connection(Role::Server, Timeouts { write: Duration::from_millis(50), ..long_timeouts() });
        let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
        let start = Instant::now();
        assert_eq!(step(connection.send(TEXT, b"a")), Some(Step::SendLock));
        assert_eq!(step(connection.queue(TEXT, b"b")), Some(Step::SendLock));
        assert_eq!(step(connection.flush()), Some(Step::SendLock));
        assert_eq!(step(connection.ping()), Some(Step::SendLock));
        assert!(start.elapsed() >= Duration::from_millis(200) && start.elapsed() < LONG);
        drop(permit);
        connection.send(TEXT, b"c").unwrap();
        assert_eq!(peer.frame().unwrap().2, b"c", "nothing of the others was sent");
    }

    #[test]
    fn a_stream_blocks_only_messages() {
        // 6455-5.4-4, 6455-5.4-1
        let (connection, mut peer) =
            connection(Role::Client, Timeouts { write: Duration::from_millis(50), ..long_timeouts() });
        connection.begin_stream(TEXT).unwrap();
        connection.stream_fragment(false, TEXT, b"one").unwrap();
        assert_eq!(step(connection.send(TEXT, b"no")), Some(Step::SendLock));
        assert_eq!(step(connection.queue(TEXT, b"no")), Some(Step::SendLock));
        assert_eq!(step(connection.begin_stream(TEXT)), Some(Step::SendLock));
        let number = connection.ping().unwrap();
        connection.send_control(Opcode::Pong, b"unasked").unwrap();
        connection.answer_ping(b"ping");
        connection.stream_fragment(true, Opcode::Continuation, b"two").unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| connection.acquire_permit(WriteIntent::Message, LONG).map(drop));
            wait_until(|| connection.lock_state().waiters > 0);
            let start = Instant::now();
            connection.end_stream();
            waits.join().unwrap().unwrap();
            assert!(start.elapsed() < LONG / 2, "the end wakes the thread; it does not wait for the deadline");
        });
        for want in [
            (false, TEXT, b"one".to_vec()),
            (true, Opcode::Ping, number.to_be_bytes().to_vec()),
            (true, Opcode::Pong, b"unasked".to_vec()),
            (true, Opcode::Pong, b"ping".to_vec()),
            (true, Opcode::Continuation, b"two".to_vec()),
        ] {
            assert_eq!(peer.frame(), Some(want));
        }
    }

    #[test]
    fn nothing_is_sent_between_a_pending_close_and_its_frame() {
        // 6455-5.5.1-5: the thread that encodes the Close must not append a message to it.
        for role in ROLES {
            for attempt in 0..5 {
                let (connection, mut peer) = connection(role, long_timeouts());
                connection.lock_state().schedule_close(Protocol::Rfc6455.close(CloseCode::NORMAL, ""));
                let result = match attempt {
                    0 => connection.send(TEXT, b"late"),
                    1 => connection.queue(TEXT, b"late"),
                    2 => connection.ping().map(drop),
                    3 => connection.begin_stream(TEXT).and_then(|()| connection.stream_fragment(true, TEXT, b"late")),
                    _ => connection.stream_fragment(true, Opcode::Continuation, b"late"),
                };
                assert!(matches!(result, Err(Error::Closed(_))), "{result:?}");
                assert!(!connection.is_open());
                connection.start_close(CloseCode::NORMAL, "").unwrap();
                assert_eq!(peer.frame(), Some((true, Opcode::Close, vec![3, 232])));
                connection.abort();
                assert_eq!(peer.frame(), None);
            }
        }
    }

    #[test]
    fn a_close_is_the_last_frame_however_many_threads_are_sending() {
        // 6455-5.5.1-5, 6455-6.1-2, 6455-6.1-3, 6455-5.1-7, 6455-7.1.2-1
        for round in 0..60 {
            let (connection, mut peer) = connection(ROLES[round % 2], long_timeouts());
            let sent = AtomicUsize::new(0);
            thread::scope(|scope| {
                for thread in 0..4 {
                    let (connection, sent) = (&connection, &sent);
                    scope.spawn(move || loop {
                        let result = match thread {
                            0 => connection.send(TEXT, b"sent"),
                            1 => connection.queue(TEXT, b"queued").and_then(|()| connection.flush()),
                            2 => connection.ping().map(drop),
                            _ => connection.send(BINARY, &[0; 40_000]),
                        };
                        if let Err(error) = result {
                            assert!(matches!(error, Error::Closed(Some(_))), "{error:?}");
                            return;
                        }
                        sent.fetch_add(1, Ordering::Relaxed);
                    });
                }
                let closing = scope.spawn(|| {
                    wait_until(|| sent.load(Ordering::Relaxed) > round);
                    connection.start_close(CloseCode::GOING_AWAY, "bye").unwrap();
                    assert!(matches!(connection.send(TEXT, b"late"), Err(Error::Closed(_))));
                    connection.stream.shutdown_write(LONG);
                });
                let frames = peer.frames();
                closing.join().unwrap();
                let closes = frames.iter().filter(|(_, opcode, _)| *opcode == Opcode::Close).count();
                assert_eq!((closes, frames.last().map(|frame| frame.1)), (1, Some(Opcode::Close)), "round {round}");
            });
        }
    }

    /// Shows the answer to opera-16.
    #[test]
    fn pongs_do_not_accumulate_while_the_peer_does_not_read() {
        // 6455-5.5.3-1: a peer that pings and never reads must not make us keep a Pong for each.
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let frames = filler(role);
            connection.lock_state().writer.as_mut().unwrap().buffer.bytes().extend(frames);
            while !connection.flush_before_read().congested {}
            let before = connection.lock_state().writer.as_ref().unwrap().buffer.len();
            for number in 0..2000u32 {
                let mut payload = [0; 125];
                payload[..4].copy_from_slice(&number.to_be_bytes());
                connection.answer_ping(&payload);
                connection.flush_before_read();
            }
            let after = connection.lock_state().writer.as_ref().unwrap().buffer.len();
            assert!(after <= before + (16 << 10), "{} bytes of answers wait", after - before);
            // After it reads, it receives the latest one.
            let reading = thread::spawn(move || loop {
                let (_, opcode, payload) = peer.frame().unwrap();
                if opcode == Opcode::Pong && payload[..4] == 1999u32.to_be_bytes() {
                    return;
                }
            });
            wait_until(|| {
                let status = connection.flush_before_read();
                !status.congested
            });
            reading.join().unwrap();
        }
    }

    /// Frames that are together larger than what the network buffers.
    fn filler(role: Role) -> Vec<u8> {
        let mut frames = Vec::new();
        let mut encoder = crate::connection::testing::encoder(role);
        for _ in 0..LARGE >> 16 {
            encoder.encode_frame(&mut frames, true, BINARY, &[0; 1 << 16]).unwrap();
        }
        frames
    }

    #[test]
    fn flush_before_read_never_waits_for_long() {
        let (connection, _peer) = connection(Role::Server, long_timeouts());
        connection.lock_state().writer.as_mut().unwrap().buffer.bytes().extend(filler(Role::Server));
        // The fastest of many: a busy machine makes some slow, and a wait makes all slow.
        let times = (0..200).map(|_| {
            let start = Instant::now();
            connection.flush_before_read();
            start.elapsed()
        });
        let fastest = times.skip(100).min().unwrap();
        assert!(fastest < WRITE_QUANTUM / 2, "{fastest:?}");
        assert!(connection.flush_before_read().congested, "the network holds less");
        // Nor while another thread has the permit. It is called again soon if a frame is pending.
        let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
        assert!(!connection.flush_before_read().congested);
        connection.schedule_ping();
        assert!(connection.flush_before_read().congested);
        drop(permit);
    }

    #[test]
    fn abort_wakes_every_thread() {
        for role in ROLES {
            let (mut ws, peer) = websocket(role, long_timeouts());
            let connection = ws.receiver.connection.clone();
            let sending = stuck(&connection);
            let mut threads = vec![sending];
            for what in 0..4 {
                let connection = connection.clone();
                threads.push(thread::spawn(move || match what {
                    0 => connection.send(TEXT, b"waits for the permit"),
                    1 => connection.flush(),
                    2 => connection.await_pong(1),
                    _ => connection.await_close().map(drop),
                }));
            }
            threads.push(thread::spawn(move || ws.recv().map(drop)));
            wait_until(|| {
                let state = connection.lock_state();
                (state.waiters, state.waiting_senders.count) == (2, 2)
            });
            let start = Instant::now();
            connection.abort();
            for thread in threads {
                let result = under_watchdog(|| thread.join().unwrap());
                assert!(matches!(result, Err(Error::Closed(None))), "{result:?}");
            }
            assert!(start.elapsed() < LONG / 2);
            // Later calls have the same result.
            assert!(matches!(connection.send(TEXT, b""), Err(Error::Closed(None))));
            assert!(matches!(connection.queue(TEXT, b""), Err(Error::Closed(None))));
            assert!(matches!(connection.start_close(CloseCode::NORMAL, ""), Err(Error::Closed(None))));
            drop(peer);
        }
    }

    #[test]
    fn abort_wakes_a_thread_that_waits_for_a_pong() {
        let (connection, _peer) = connection(Role::Client, long_timeouts());
        let waiting = connection.clone();
        let waiting = thread::spawn(move || waiting.await_pong(1));
        wait_until(|| connection.lock_state().waiters == 1);
        let start = Instant::now();
        connection.abort();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed(None))));
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_failed_write_ends_the_connection_for_all_threads() {
        for role in ROLES {
            let timeouts = Timeouts { write: Duration::from_millis(60), ..long_timeouts() };
            let (connection, peer) = connection(role, timeouts);
            let start = Instant::now();
            let result = connection.send(BINARY, &vec![0; LARGE]);
            assert!(matches!(result, Err(Error::Timeout(Step::Write))), "{result:?}");
            assert!(connection.stream.read(&mut [0], LONG).is_ok_and(|count| count == 0), "receiving has ended too");
            assert!(start.elapsed() >= Duration::from_millis(50) && start.elapsed() < LONG / 2);
            assert_eq!(step(connection.send(TEXT, b"x")), Some(Step::Write));
            assert_eq!(step(connection.flush()), Some(Step::Write));
            assert_eq!(step(connection.ping()), Some(Step::Write));
            drop(peer);
        }
    }

    /// A client whose source of keys fails after `good` fills.
    fn running_dry(good: usize, dry: fn() -> io::Error) -> (Arc<Connection>, Peer) {
        let mut left = good;
        let source = RandomSource::from_fn(Box::new(move |out: &mut [u8]| {
            out.fill(0x5A);
            left = left.checked_sub(1).ok_or_else(dry)?;
            Ok(())
        }));
        let (connection, peer) = connection(Role::Client, long_timeouts());
        let mut encoder = Encoder::Rfc6455(encoder::Encoder::client(source));
        // The encoder before is dropped without the lock, because that has a source of keys too.
        std::mem::swap(&mut connection.lock_state().writer.as_mut().unwrap().encoder, &mut encoder);
        (connection, peer)
    }

    #[test]
    fn without_keys_the_connection_ends() {
        // 6455-5.3-3: nothing is sent unmasked, nor with a key that is not random.
        for what in 0..8 {
            let (connection, mut peer) = running_dry(0, || io::ErrorKind::Other.into());
            let result = match what {
                0 => connection.send(TEXT, b"x"),
                1 => connection.send(BINARY, &[0; 100_000]),
                2 => connection.queue(TEXT, b"x"),
                3 => connection.ping().map(drop),
                4 => {
                    connection.schedule_ping();
                    connection.flush()
                }
                5 => {
                    connection.schedule_ping();
                    assert!(!connection.flush_before_read().congested);
                    connection.flush()
                }
                6 => {
                    connection.answer_ping(b"");
                    connection.flush()
                }
                _ => connection.start_close(CloseCode::NORMAL, ""),
            };
            assert_eq!(step(result), Some(Step::RandomSource), "{what}");
            assert_eq!(step(connection.send(TEXT, b"y")), Some(Step::RandomSource), "{what}");
            assert_eq!(step(connection.flush()), Some(Step::RandomSource), "{what}");
            assert_eq!(peer.frame(), None);
        }
    }

    #[test]
    fn without_a_key_for_pending_control_frames_the_connection_ends() {
        // 6455-5.3-3: one fill is 128 keys. After the large message fewer are left than pending frames may need.
        let (connection, mut peer) = running_dry(1, || io::ErrorKind::Other.into());
        for _ in 0..120 {
            connection.send(TEXT, b"x").unwrap();
            peer.frame().unwrap();
        }
        let sending = stuck(&connection);
        connection.schedule_ping();
        expect_much(&mut peer);
        assert_eq!(step(sending.join().unwrap()), Some(Step::RandomSource));
        assert!(connection.end().is_some(), "before anyone tries again");
        assert_eq!(step(connection.send(TEXT, b"y")), Some(Step::RandomSource));
        assert_eq!(peer.frame(), None);
    }

    /// 6455-5.3-3: the frames of a hub take more keys than are fetched ahead. Then none of them is sent.
    #[cfg(feature = "hub")]
    #[test]
    fn without_keys_for_shared_frames_the_connection_ends() {
        use crate::connection::nonblocking::ConnectionStatus;
        use crate::connection::shared_frame::{Encoding, SharedFrame};
        use crate::events::sink::Origin;
        use crate::message::MessageKind;
        let (connection, mut peer) = running_dry(1, || io::ErrorKind::Other.into());
        let encoding = Encoding::Payload(MessageKind::Text, 0);
        let frame = SharedFrame { bytes: b"text"[..].into(), encoding, origin: Origin::Outside };
        let mut frames = vec![frame; 130].into();
        assert_eq!(connection.write_shared(&mut frames).status, ConnectionStatus::Closed);
        assert_eq!(frames.len(), 1, "one fill is 128 keys");
        assert!(connection.end().is_some(), "before anyone tries again");
        assert_eq!(step(connection.send(TEXT, b"y")), Some(Step::RandomSource));
        assert_eq!(peer.frame(), None);
        // Nor a Close.
        let (connection, mut peer) = running_dry(0, || io::ErrorKind::Other.into());
        assert!(connection.begin_close(CloseCode::POLICY, "").is_some());
        assert_eq!(connection.poll_close(), ConnectionStatus::Closed);
        assert_eq!(step(connection.send(TEXT, b"y")), Some(Step::RandomSource));
        assert_eq!(peer.frame(), None);
    }

    /// As [`a_frame_is_one_write_and_so_is_all_that_was_queued`], for messages that are compressed with the permit.
    #[cfg(feature = "deflate")]
    #[test]
    fn queued_messages_are_written_from_a_threshold_on_though_compressed() {
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{codec, Deflate, Direction};
        use crate::deflate::WindowBits;
        let (connection, mut peer) = connection(Role::Server, long_timeouts());
        let free = Direction { bits: WindowBits::MAX, takeover: true };
        let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
        let encoder = Encoder::Rfc6455(encoder::Encoder::server().with_compression(Some(deflater)));
        connection.lock_state().writer.as_mut().unwrap().encoder = encoder;
        let mut noise = vec![0; 60 << 10];
        RandomSource::system().fill(&mut noise).unwrap();
        let waiting = || connection.lock_state().writer.as_ref().unwrap().buffer.len();
        for messages in 1..3 {
            connection.queue(BINARY, &noise).unwrap();
            assert!(waiting() >= messages * noise.len());
        }
        let reading = thread::spawn(move || io::copy(&mut peer.socket, &mut io::sink()).unwrap());
        connection.queue(BINARY, &noise).unwrap();
        assert_eq!(waiting(), 0);
        connection.stream.shutdown_write(LONG);
        assert!(reading.join().unwrap() >= 3 * noise.len() as u64);
    }

    #[test]
    fn a_source_of_keys_that_panics_leaves_the_writer_in_place() {
        for what in 0..3 {
            let (connection, _peer) = running_dry(0, || panic!("as planned"));
            let result = catch_unwind(AssertUnwindSafe(|| match what {
                0 => connection.send(TEXT, b"x"),
                1 => connection.queue(TEXT, b"x"),
                _ => {
                    connection.schedule_ping();
                    connection.flush()
                }
            }));
            assert!(result.is_err());
            assert!(connection.lock_state().writer.is_some(), "{what}");
        }
    }

    #[test]
    fn a_thread_that_panics_releases_the_permit() {
        let (connection, mut peer) = connection(Role::Server, long_timeouts());
        let held = connection.clone();
        let result = thread::spawn(move || {
            let _permit = held.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            panic!("as planned");
        })
        .join();
        assert!(result.is_err());
        connection.send(TEXT, b"x").unwrap();
        assert_eq!(peer.frame().unwrap().2, b"x");
    }

    #[test]
    fn pongs_are_matched_by_number() {
        // 6455-5.5.3-s2, 6455-5.5.2-4
        let (connection, mut peer) = connection(Role::Client, long_timeouts());
        assert_eq!(connection.ping().unwrap(), 1);
        assert_eq!(connection.ping().unwrap(), 2);
        for (payload, newest) in
            [(&b""[..], 0), (b"unasked", 0), (&[0, 0, 0, 0, 0, 0, 0, 3], 0), (&[0, 0, 0, 0, 0, 0, 0, 2], 2)]
        {
            assert_eq!(connection.on_pong(payload), Ok(newest));
        }
        assert_eq!(connection.on_pong(&[0, 0, 0, 0, 0, 0, 0, 1]), Ok(2));
        connection.await_pong(2).unwrap();
        connection.await_pong(1).unwrap();
        for number in 1..=2u64 {
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, number.to_be_bytes().to_vec())));
        }
        // Sent before the thread waits, because the end of a send wakes it.
        connection.ping().unwrap();
        let waiting = connection.clone();
        let third = thread::spawn(move || waiting.await_pong(3));
        wait_until(|| connection.lock_state().waiters == 1);
        let start = Instant::now();
        assert_eq!(connection.on_pong(&3u64.to_be_bytes()), Ok(3));
        third.join().unwrap().unwrap();
        assert!(start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_split_stream_behaves_the_same() {
        let (near, mut far) = sockets();
        let stream = Stream::from_split(crate::SplitStream::new(near.try_clone().unwrap(), near)).unwrap();
        let encoder = Encoder::Rfc6455(encoder::Encoder::server());
        let connection = Connection::new(stream, Role::Server, Protocol::Rfc6455, encoder, long_timeouts());
        connection.queue(Opcode::Data(MessageKind::Text), b"a").unwrap();
        connection.send(TEXT, b"b").unwrap();
        let mut came = [0; 6];
        io::Read::read_exact(&mut far, &mut came).unwrap();
        assert_eq!(came, [0x81, 1, b'a', 0x81, 1, b'b']);
        far.write_all(b"?").unwrap();
        assert_eq!(connection.stream.read(&mut came, LONG).unwrap(), 1);
        connection.abort();
        assert!(connection.send(TEXT, b"c").is_err());
    }

    #[test]
    fn a_message_is_queued_up_to_128_kib() {
        for (role, (length, is_queued)) in
            ROLES.into_iter().flat_map(|role| [(role, (131_071, true)), (role, (131_072, false))])
        {
            for (before, is_owned) in [(0, false), (0, true), (1000, false), (1000, true)] {
                let (connection, mut peer) = connection(role, long_timeouts());
                let reading = thread::spawn(move || io::copy(&mut peer.socket, &mut io::sink()).is_ok());
                let waiting = || connection.lock_state().writer.as_ref().unwrap().buffer.len();
                if before > 0 {
                    connection.queue(TEXT, &vec![b'a'; before]).unwrap();
                }
                let bytes = vec![0; length - waiting()];
                match is_owned {
                    true => connection.queue_message(bytes.into()).unwrap(),
                    false => connection.queue_message(bytes.as_slice().into()).unwrap(),
                }
                assert_eq!(waiting() > 0, is_queued, "{role:?} {length} {before} {is_owned}");
                connection.abort();
                reading.join().unwrap();
            }
        }
    }

    /// It may come without a byte for the receiver, which would wait then.
    #[cfg(all(target_os = "linux", feature = "native-tls", feature = "client", feature = "server"))]
    #[test]
    fn an_answer_of_tls_is_written_before_the_receiver_waits() {
        use crate::connection::testing::websocket_over;
        use std::io::Read;
        let (stream, mut far) = crate::tls::tests::pair();
        let ws = websocket_over(stream, Role::Client, long_timeouts());
        let connection = ws.connection();
        let Stream::Tls(tls) = &*connection.stream else { panic!("no TLS") };
        let mut answer_with = |answer: &[u8]| {
            tls.answer_next_read(answer);
            far.write_all(b"c").unwrap();
            wait_until(|| connection.stream.read(&mut [0; 8], LONG).is_ok());
            assert!(connection.stream.has_unsolicited_output());
        };
        answer_with(b"answer");
        assert!(!connection.flush_before_read().congested);
        assert!(!connection.stream.has_unsolicited_output());
        // The peer does not read, so the network is full some time.
        let mut congested = false;
        while !congested {
            answer_with(&[1; 60 << 10]);
            congested = connection.flush_before_read().congested;
            assert_eq!(connection.stream.has_unsolicited_output(), congested);
        }
        let mut arrived = [0; 6];
        far.get_ref().read_exact(&mut arrived).unwrap();
        assert_eq!(arrived, *b"answer");
    }

    /// What the peer sent before can still be received.
    #[test]
    fn a_failed_write_before_a_read_ends_sending() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            connection.queue(TEXT, b"queued").unwrap();
            connection.stream.shutdown_write(LONG);
            connection.flush_before_read();
            assert!(matches!(connection.end(), Some(Error::Io(error)) if error.step() == Step::Write));
            assert_eq!(step(connection.send(TEXT, b"late")), Some(Step::Write));
            peer.send(true, TEXT, b"before");
            assert!(connection.stream.read(&mut [0; 8], LONG).is_ok_and(|count| count > 0));
        }
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn compressed_messages_are_queued_up_to_128_kib() {
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{codec, Deflate, Direction};
        use crate::deflate::WindowBits;
        let (connection, mut peer) = connection(Role::Server, long_timeouts());
        let each_alone = Direction { bits: WindowBits::MAX, takeover: false };
        let (_, deflater) = codec(&Agreed { send: each_alone, receive: each_alone }, &Deflate::default());
        let encoder = Encoder::Rfc6455(encoder::Encoder::server().with_compression(Some(deflater)));
        connection.lock_state().writer.as_mut().unwrap().encoder = encoder;
        let waiting = || connection.lock_state().writer.as_ref().unwrap().buffer.len();
        let reading = thread::spawn(move || io::copy(&mut peer.socket, &mut io::sink()).is_ok());
        connection.queue(TEXT, &[b'a'; 5000]).unwrap();
        let length = waiting();
        assert!((1..1000).contains(&length));
        for (before, left) in [(131_071 - length, 131_071), (131_072 - length, 0)] {
            connection.flush().unwrap();
            connection.lock_state().writer.as_mut().unwrap().buffer.bytes().extend(vec![0; before]);
            connection.queue(TEXT, &[b'a'; 5000]).unwrap();
            assert_eq!(waiting(), left);
        }
        connection.abort();
        reading.join().unwrap();
    }

    /// 7692-6.1-1, 7692-6.1-2: of a compressed message the first frame has RSV1. A caller can do without compression.
    #[cfg(feature = "deflate")]
    #[test]
    fn messages_are_compressed_however_they_are_sent() {
        use crate::deflate::extension::negotiation::Agreed;
        use crate::deflate::extension::{codec, Deflate, Direction};
        use crate::deflate::WindowBits;
        type Send = fn(&Connection) -> Result<()>;
        let rows: [(Send, u8, bool); 8] = [
            (|connection| connection.send(TEXT, &[b'a'; 5000]), 0xC1, true),
            (|connection| connection.send_message(vec![0; 5000].into()), 0xC2, true),
            (|connection| connection.send_message("a".repeat(5000).as_str().into()), 0xC1, true),
            (|connection| connection.queue(TEXT, &[b'a'; 5000]).and_then(|()| connection.flush()), 0xC1, true),
            (|connection| connection.stream_fragment(false, TEXT, &[b'a'; 5000]), 0x41, true),
            (|connection| connection.send_uncompressed_message(vec![0; 5000].into()), 0x82, false),
            (|connection| connection.send_uncompressed_message("a".repeat(5000).as_str().into()), 0x81, false),
            (|connection| connection.send(TEXT, b"short"), 0x81, true),
        ];
        for (number, (send, first, is_short)) in rows.into_iter().enumerate() {
            let (connection, mut peer) = connection(Role::Server, long_timeouts());
            let free = Direction { bits: WindowBits::MAX, takeover: true };
            let (_, deflater) = codec(&Agreed { send: free, receive: free }, &Deflate::default());
            let encoder = Encoder::Rfc6455(encoder::Encoder::server().with_compression(Some(deflater)));
            connection.lock_state().writer.as_mut().unwrap().encoder = encoder;
            send(&connection).unwrap();
            let mut head = [0; 2];
            io::Read::read_exact(&mut peer.socket, &mut head).unwrap();
            assert_eq!((head[0], head[1] < 126), (first, is_short), "{number}");
            assert!(connection.lock_state().writer.as_ref().unwrap().buffer.is_empty());
        }
    }

    /// Though the thread that has the permit does not return it.
    #[test]
    fn abort_wakes_a_sender_that_waits_alone() {
        for role in ROLES {
            let (connection, _peer) = connection(role, long_timeouts());
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            let sending = connection.clone();
            let sending = thread::spawn(move || sending.send(TEXT, b"waits"));
            wait_until(|| connection.lock_state().waiting_senders.count == 1);
            connection.abort();
            let result = under_watchdog(move || sending.join().unwrap());
            assert!(matches!(result, Err(Error::Closed(None))), "{result:?}");
            drop(permit);
        }
    }
}
