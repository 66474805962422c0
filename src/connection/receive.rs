//! The receiver: the part of a connection that reads, decodes, schedules answers, waits for input, and notices the end of the
//! stream.
//!
//! Knows the shared connection and the decoder; must not know the public handles.
//!
//! **Waiting.** Each wait for input ends at the nearest of these times:
//!
//! | limit | counted from | effect |
//! |---|---|---|
//! | the caller's own limit | the call | `Timeout(Receive)`; no data is lost |
//! | [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) | the last byte received | a Ping is scheduled |
//! | the same | the last byte sent, also while data arrives | a Ping is scheduled, unless one is unanswered |
//! | [`Timeouts::pong_timeout`](crate::Timeouts::pong_timeout) | that Ping, or the peer's progress in reading a long message | the connection fails |
//! | [`Timeouts::message`](crate::Timeouts::message) | the start of a frame or message, or its last 64 KiB | the connection fails |
//! | [`Timeouts::close`](crate::Timeouts::close) | the first Close | the connection fails |
//! | 20 ms | bytes that the network did not take | they are tried again |
//!
//! A connection fails only after the socket has no more input: a caller that was away for long may find the sign of life, the
//! rest of the message or the Close there. A peer can send without end, so there is a maximum of `MAX_OVERDUE_READS` reads and
//! of `MAX_OVERDUE_TIME`: an event handler is called for each frame.
//!
//! The clock is read only when one of these limits can matter. A read that brings a whole message at once does not need it.
//!
//! **The end.** A result is returned as soon as it is known. The remaining steps are in `ending`.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ending::{whole_millis, Ending, Outcome, CONGESTION_RETRY, MAX_DRAIN_READS};
use super::framing::Decoder;
use super::keepalive::{Keepalive, OverdueReads};
use super::protocol::CloseFrame;
#[cfg(feature = "trace")]
use super::report;
use super::send::WriteStatus;
use super::shared::Connection;
use crate::close::CloseCode;
use crate::codec::event::DecoderEvent;
use crate::error::{Error, ProtocolError, Result, Step};
#[cfg(feature = "trace")]
use crate::events::event::{Direction, EventKind};
use crate::message::MessageKind;
use crate::net::deadline::Deadline;
use crate::net::deadline::WRITE_QUANTUM;

/// Number of bytes after which the time for a message starts again.
const PROGRESS_UNIT: usize = 64 << 10;

/// An item for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// A whole message, or a part of a streamed one; never Ping, Pong or Close.
    Data(DecoderEvent),
    /// The awaited Pong.
    Pong,
}

/// The time to wait for input.
struct ReadWait {
    time: Duration,
    /// The limit that has passed: `time` is zero, and without input the connection fails.
    overdue: Option<Step>,
    /// The end of this wait without the caller's own limit. `None`: the clock was not needed.
    due: Option<Deadline>,
}

pub(super) struct Receiver {
    pub(super) connection: Arc<Connection>,
    pub(super) decoder: Decoder,
    keepalive: Keepalive,
    /// The time at which a message began or had its last 64 KiB, and the number of bytes since.
    message_started: Option<(Instant, usize)>,
    /// The number of the Ping whose Pong the application awaits.
    pub(super) awaited_pong: Option<u64>,
    overdue: OverdueReads,
    /// When a call is due without input; known while neither the stream nor the decoder has any. See `polling`.
    pub(super) idle_until: Option<Deadline>,
    /// The result of each further call: `None` after the peer's Close, or the error that is in the state.
    pub(super) outcome: Option<Outcome>,
    /// The remaining steps after that.
    ending: Option<Ending>,
    /// Number of bytes after the opening handshake.
    bytes_received: u64,
}

impl Receiver {
    pub(super) fn new(connection: Arc<Connection>, decoder: Decoder) -> Receiver {
        let bytes_received = decoder.unread() as u64;
        Receiver {
            connection,
            decoder,
            keepalive: Keepalive::default(),
            message_started: None,
            awaited_pong: None,
            overdue: OverdueReads::default(),
            idle_until: None,
            outcome: None,
            ending: None,
            bytes_received,
        }
    }

    /// A whole message that has arrived or arrives with the next read: the most common result of [`next`](Receiver::next), which
    /// has the result if this is `None`.
    #[inline]
    pub(super) fn next_whole_message(&mut self, limit: Option<Deadline>) -> Result<Option<MessageKind>> {
        if self.outcome.is_some() {
            return Ok(None);
        }
        if self.decoder.is_drained() {
            if limit.is_some() {
                return Ok(None);
            }
            self.fill(None)?;
        }
        let arrived = self.decoder.arrived_message();
        if arrived.is_some() {
            self.message_started = None;
        }
        Ok(arrived)
    }

    /// Waits for the next item; `None` after the peer's Close. A limit that passes has no other effect. This does not wait for
    /// the steps after the last item: see [`Receiver::end_by`].
    #[inline]
    pub(super) fn next(&mut self, limit: Option<Deadline>) -> Result<Option<Received>> {
        if self.outcome.is_some() {
            return self.next_after_last();
        }
        let mut tried = false;
        loop {
            match self.decoder.next() {
                Ok(Some(
                    event @ (DecoderEvent::Message(_)
                    | DecoderEvent::MessageStart(_)
                    | DecoderEvent::MessageChunk
                    | DecoderEvent::MessageEnd),
                )) => {
                    self.message_started = None;
                    return Ok(Some(Received::Data(event)));
                }
                // Endless control frames, or single bytes, must not extend a limited call.
                Ok(None) if tried && limit.is_some_and(|limit| limit.is_expired()) => {
                    return Err(Error::Timeout(Step::Receive));
                }
                Ok(None) => {
                    self.fill(limit)?;
                    tried = true;
                }
                other => {
                    if let Some(result) = self.on_other_event(other) {
                        return result;
                    }
                }
            }
        }
    }

    /// Handles an event that brings no data, apart from [`next`](Receiver::next) to keep that small. `None`: receiving goes on.
    #[inline(never)]
    fn on_other_event(
        &mut self,
        event: Result<Option<DecoderEvent>, ProtocolError>,
    ) -> Option<Result<Option<Received>>> {
        match event {
            // 6455-5.5.2-3: answered at the latest before the next wait.
            Ok(Some(DecoderEvent::Ping)) => self.connection.answer_ping(self.decoder.payload()),
            Ok(Some(DecoderEvent::Pong)) => {
                let newest = match self.connection.on_pong(self.decoder.payload()) {
                    Ok(newest) => newest,
                    Err(violation) => return Some(Err(self.fail_protocol(violation))),
                };
                if self.awaited_pong.is_some_and(|awaited_pong| awaited_pong <= newest) {
                    return Some(Ok(Some(Received::Pong)));
                }
            }
            #[cfg(feature = "trace")]
            Ok(Some(DecoderEvent::FrameHeader(header))) => {
                self.connection.events.emit(|| report::frame_received(&header))
            }
            Ok(Some(DecoderEvent::Close(code))) => {
                #[cfg(feature = "trace")]
                self.connection.events.emit(|| EventKind::Close(Direction::Received, code));
                self.close_received(code, self.decoder.reason().to_owned(), self.decoder.answer(code));
                return Some(Ok(None));
            }
            Ok(_) => {}
            Err(violation) => return Some(Err(self.fail_protocol(violation))),
        }
        None
    }

    #[cold]
    fn next_after_last(&mut self) -> Result<Option<Received>> {
        self.end_by(Deadline::now());
        match self.outcome {
            Some(Outcome::Failed) => Err(self.connection.end().unwrap_or(Error::Closed(None))),
            Some(Outcome::Clean) | None => Ok(None),
        }
    }

    /// Waits for bytes. After an error other than the caller's limit, the connection has ended.
    #[inline(never)]
    fn fill(&mut self, limit: Option<Deadline>) -> Result<()> {
        self.idle_until = None;
        let mut status = self.keepalive.flush(&self.connection);
        loop {
            let wait = self.read_wait(limit, &status);
            match wait.overdue {
                None => self.overdue = OverdueReads::default(),
                Some(step) if self.overdue.is_last() => return Err(self.fail_timeout(step)),
                Some(_) => {}
            }
            match self.connection.stream.read(self.decoder.space(), wait.time) {
                // Only if this side has not ended the stream.
                Ok(0) if self.connection.end().is_none() && self.decoder.on_eof() => return Ok(()),
                Ok(0) => return Err(self.fail_eof()),
                Ok(count) => {
                    self.on_bytes(count);
                    self.decoder.filled(count);
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    if let Some(step) = wait.overdue {
                        // In a version without Close, the end of this side's stream was one. Not all peers answer it.
                        if step == Step::Close && self.connection.protocol.closes_by_eof() && self.decoder.on_eof() {
                            return Ok(());
                        }
                        return Err(self.fail_timeout(step));
                    }
                    // A signal can interrupt the wait at any time.
                    let waited = if error.kind() == ErrorKind::Interrupted { Duration::ZERO } else { wait.time };
                    self.keepalive.on_silence(waited);
                    self.idle_until = wait.due.filter(|_| error.kind() == ErrorKind::WouldBlock);
                    if limit.is_some_and(|limit| limit.is_expired()) {
                        return Err(Error::Timeout(Step::Receive));
                    }
                    status = self.keepalive.flush(&self.connection);
                }
                Err(error) => {
                    self.connection.send_alert();
                    return Err(self.fail(Error::io(Step::Read, error), None));
                }
            }
        }
    }

    /// The maximum wait: the table above.
    #[inline]
    fn read_wait(&mut self, limit: Option<Deadline>, status: &WriteStatus) -> ReadWait {
        let idle = self.keepalive.is_idle() && limit.is_none() && !status.closing && !status.congested;
        if idle && !status.ping_wait.is_zero() && !self.decoder.is_incomplete() {
            self.message_started = None;
            return ReadWait { time: status.ping_wait, overdue: None, due: None };
        }
        self.nearest_deadline(limit, status)
    }

    #[cold]
    fn nearest_deadline(&mut self, limit: Option<Deadline>, status: &WriteStatus) -> ReadWait {
        let now = Instant::now();
        let timeouts = self.connection.timeouts;
        let left = |since: Instant, time: Duration| time.saturating_sub(now.saturating_duration_since(since));
        let (ping_interval, close_deadline) = {
            let state = self.connection.lock_state();
            (state.ping_interval(), state.close_deadline())
        };
        let mut wait = self.keepalive.time_left(now, (&self.connection, &mut self.decoder), ping_interval);
        let mut overdue = wait.is_zero().then_some(Step::Keepalive);
        self.message_started = match (self.decoder.is_incomplete(), self.message_started) {
            (false, _) => None,
            (true, None) => Some((now, 0)),
            (true, Some((_, count))) if count >= PROGRESS_UNIT => Some((now, 0)),
            (true, message_started) => message_started,
        };
        if let Some((since, _)) = self.message_started {
            let left = left(since, timeouts.message);
            if left.is_zero() {
                overdue = overdue.or(Some(Step::Message));
            }
            wait = wait.min(left);
        }
        if let Some(close_deadline) = close_deadline {
            if close_deadline.is_expired() {
                overdue = overdue.or(Some(Step::Close));
            }
            wait = wait.min(close_deadline.remaining());
        }
        if overdue.is_some() {
            return ReadWait { time: Duration::ZERO, overdue, due: None };
        }
        if status.congested {
            wait = wait.min(CONGESTION_RETRY);
        }
        // After the caller's limit, input that has arrived still counts: the socket is read without waiting.
        // Zero: the Ping has to wait, or there is none while the peer is silent or the connection is closing.
        wait = wait.min(if status.ping_wait.is_zero() { ping_interval } else { status.ping_wait });
        let time = whole_millis(limit.map_or(wait, |limit| wait.min(limit.remaining())));
        ReadWait { time, overdue: None, due: Some(Deadline::after(wait)) }
    }

    /// Any byte shows that the peer is alive.
    #[inline]
    fn on_bytes(&mut self, count: usize) {
        self.bytes_received = self.bytes_received.saturating_add(count as u64);
        self.keepalive.on_bytes();
        if let Some((_, since)) = &mut self.message_started {
            *since = since.saturating_add(count);
        }
    }

    /// 6455-5.5.1-10: after both Closes the TCP connection ends.
    fn close_received(&mut self, code: Option<CloseCode>, reason: String, answer: CloseFrame) {
        let deadline = self.connection.on_close_received(code, reason, answer);
        self.outcome = Some(Outcome::Clean);
        self.ending = Some(Ending::clean(&self.connection, deadline));
        self.end_by(Deadline::now());
    }

    /// Continues with the steps after the result, until the limit.
    pub(super) fn end_by(&mut self, limit: Deadline) {
        if let Some(mut ending) = self.ending.take() {
            if !ending.go_on(&self.connection, self.decoder.discard_space(), limit) {
                self.ending = Some(ending);
            }
        }
    }

    /// Fails the connection after a limit without input. Only an incomplete message is answered with a Close.
    fn fail_timeout(&mut self, step: Step) -> Error {
        let code = (step == Step::Message).then_some(CloseCode::POLICY);
        self.fail(Error::Timeout(step), code)
    }

    /// Fails the connection after a violation: 6455-7.1.7-1, 6455-7.1.7-3, 6455-7.2.1-1.
    #[cold]
    fn fail_protocol(&mut self, violation: ProtocolError) -> Error {
        #[cfg(feature = "trace")]
        let at = self.bytes_received.saturating_sub(self.decoder.unread() as u64);
        #[cfg(feature = "trace")]
        self.connection.events.emit(|| EventKind::ProtocolError(violation, at));
        self.fail(Error::Protocol(violation), Some(violation.close_code()))
    }

    /// Fails the connection after the end of the stream without a Close. 6455-7.2.1-2
    fn fail_eof(&mut self) -> Error {
        self.fail(Error::Closed(None), None)
    }

    /// Fails the connection (6455-7.1.7-1, 6455-7.1.7-3), with a Close if there is a code. It does not wait until the Close is
    /// received, because the error is returned at once.
    fn fail(&mut self, error: Error, code: Option<CloseCode>) -> Error {
        let (end, deadline) = self.connection.fail(error, code);
        self.outcome = Some(Outcome::Failed);
        self.ending = Some(match code {
            Some(_) => Ending::failed(deadline),
            None => Ending::silent_since(deadline),
        });
        self.end_by(Deadline::now());
        end
    }

    /// Drops input that has arrived: a socket that is closed with unread bytes resets the connection.
    fn drain_available(&mut self) {
        for _ in 0..MAX_DRAIN_READS {
            match self.connection.stream.read(self.decoder.discard_space(), Duration::ZERO) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Ends the connection without waiting: sends a Close if that is possible at once, and ends the stream.
    pub(super) fn close_nonblocking(&mut self, code: CloseCode) {
        if self.outcome.is_some() {
            if let Some(ending) = self.ending.take() {
                ending.leave_behind(&self.connection, self.decoder.discard_space());
            }
            return;
        }
        self.outcome = Some(Outcome::Failed);
        let was_open = self.connection.end().is_none();
        self.connection.close_nonblocking(code);
        let passed_on = self.connection.stream.shutdown_write(WRITE_QUANTUM);
        let end = Error::Closed(Some(self.connection.close_info()));
        if was_open && !passed_on {
            let (_, by) = self.connection.fail(end, None);
            return Ending::passing_on(by).leave_behind(&self.connection, self.decoder.discard_space());
        }
        self.drain_available();
        self.connection.abort_with(end);
        self.connection.emit_end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::{Opcode, Role};
    use crate::config::Timeouts;
    use crate::connection::testing::{
        encoder, long_timeouts, pair, under_watchdog, wait_until, websocket, websocket_over, BINARY, LARGE, LONG,
        ROLES, TEXT,
    };
    use crate::message::Message;
    use crate::net::split_stream::SplitStream;
    use crate::net::stream::Stream;
    use std::io::{self, Read, Write};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{mpsc, Mutex};
    use std::thread;

    const SHORT: Duration = Duration::from_millis(60);

    /// Otherwise a message that begins with the bytes of the one before would have less time.
    #[test]
    fn the_time_for_a_message_ends_with_the_message() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            let mut frame = Vec::new();
            let mut encoder = encoder(if role == Role::Client { Role::Server } else { Role::Client });
            encoder.encode_frame(&mut frame, true, TEXT, b"message").unwrap();
            for limited in [true, false] {
                peer.socket.write_all(&frame[..1]).unwrap();
                wait_until(|| {
                    assert!(ws.recv_timeout(Duration::from_millis(1)).is_err());
                    ws.receiver.message_started.is_some()
                });
                peer.socket.write_all(&frame[1..]).unwrap();
                let received = if limited { ws.recv_timeout(LONG) } else { ws.recv() };
                assert_eq!(received.unwrap().unwrap(), "message");
                assert!(ws.receiver.message_started.is_none());
            }
        }
    }

    /// After both Closes nothing answers a Ping, and no Ping is due. 6455-5.5.1-5
    #[test]
    fn a_connection_that_closes_keeps_no_ping() {
        for role in ROLES {
            let (ws, mut peer) = websocket(role, long_timeouts());
            let connection = ws.shared_connection();
            connection.start_close(CloseCode::NORMAL, "").unwrap();
            connection.lock_state().pass(LONG * 2);
            assert!(Keepalive::default().flush(connection).ping_wait.is_zero());
            assert!(connection.schedule_ping() && !connection.lock_state().has_pending());
            let answer = connection.protocol.close(CloseCode::NORMAL, "");
            connection.on_close_received(Some(CloseCode::NORMAL), String::new(), answer);
            connection.answer_ping(b"late");
            connection.flush_before_read();
            connection.abort();
            assert_eq!(peer.frames().len(), 1, "the Close");
        }
    }

    /// What a hub has left is dropped with a Close. What else is due stays.
    #[cfg(feature = "hub")]
    #[test]
    fn a_close_leaves_pending_control_frames() {
        use crate::connection::shared_frame::{Encoding, SharedFrame};
        use crate::connection::write_permit::WriteIntent;
        use crate::events::sink::Origin;
        for ping in [false, true] {
            let (ws, mut peer) = websocket(Role::Server, long_timeouts());
            let connection = ws.shared_connection();
            let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
            let frame = SharedFrame { bytes: b"\x81\0"[..].into(), encoding: Encoding::AsIs, origin: Origin::Outside };
            connection.write_shared(&mut [frame].into());
            if ping {
                connection.schedule_ping();
            }
            assert!((0..2).all(|_| connection.begin_close(CloseCode::POLICY, "").is_some()));
            permit.flush_and_release(&[]).unwrap();
            connection.abort();
            let sent: Vec<_> = peer.frames().into_iter().map(|(_, opcode, _)| opcode).collect();
            let wanted = [(ping, Opcode::Ping), (true, Opcode::Close)];
            assert_eq!(sent, wanted.into_iter().filter(|(due, _)| *due).map(|(_, opcode)| opcode).collect::<Vec<_>>());
        }
    }

    /// While another thread has the permit, the receiver may write the Close and complete the handshake.
    #[test]
    fn a_close_that_another_thread_writes_counts() {
        use crate::connection::write_permit::WriteIntent;
        let (ws, peer) = websocket(Role::Server, long_timeouts());
        let connection = ws.shared_connection().clone();
        let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
        let closing = connection.clone();
        let closing = thread::spawn(move || closing.start_close(CloseCode::NORMAL, ""));
        wait_until(|| connection.lock_state().has_pending());
        connection.mark_closed();
        under_watchdog(move || closing.join().unwrap()).unwrap();
        drop((permit, peer));
    }

    /// 6455-7.1.1-6: the end of TCP is waited for until the deadline, and does not change the result.
    #[test]
    fn after_both_closes_the_deadline_is_no_failure() {
        let (ws, _peer) = websocket(Role::Client, Timeouts { close: SHORT, ..long_timeouts() });
        let connection = ws.shared_connection();
        connection.start_close(CloseCode::NORMAL, "").unwrap();
        let answer = connection.protocol.close(CloseCode::NORMAL, "");
        connection.on_close_received(Some(CloseCode::GOING_AWAY), String::new(), answer);
        let waiting = connection.clone();
        let info = under_watchdog(move || waiting.await_close()).unwrap();
        assert_eq!(info.code(), CloseCode::GOING_AWAY);
    }

    /// A Ping that is due because nothing was written waits for a message of this side. Input is still waited for.
    #[test]
    fn a_wait_without_a_ping_ends_with_the_interval() {
        let (mut ws, _peer) = websocket(Role::Client, long_timeouts());
        let interval = ws.connection().lock_state().ping_interval();
        for (ping_wait, time) in [(Duration::ZERO, interval), (SHORT, SHORT)] {
            let wait = ws.receiver.read_wait(None, &WriteStatus { congested: false, closing: false, ping_wait });
            assert_eq!((wait.time, wait.overdue), (time, None));
            ws.receiver.message_started = Some((Instant::now(), 1));
            ws.receiver.read_wait(None, &WriteStatus { congested: false, closing: false, ping_wait });
            assert!(ws.receiver.message_started.is_none(), "no message is incomplete");
        }
    }

    #[test]
    fn bytes_of_an_ended_connection_are_not_due() {
        let (ws, _peer) = websocket(Role::Server, long_timeouts());
        let connection = ws.shared_connection();
        connection.queue(TEXT, b"queued").unwrap();
        assert_eq!(connection.time_to_flush(), Duration::ZERO);
        connection.abort();
        assert_eq!(connection.time_to_flush(), connection.lock_state().ping_interval());
    }

    /// A shutdown schedules a Close and writes it later. The handler may drop the connection between the two.
    #[cfg(any(feature = "server", feature = "hub"))]
    #[test]
    fn a_dropped_connection_sends_the_close_that_another_thread_has_scheduled() {
        for role in ROLES {
            let (ws, mut peer) = websocket(role, long_timeouts());
            let connection = ws.receiver.connection.clone();
            connection.begin_close(CloseCode::TRY_LATER, "").unwrap();
            drop(ws);
            let (_, opcode, payload) = peer.frame().unwrap();
            assert_eq!((opcode, &payload[..]), (Opcode::Close, &1013_u16.to_be_bytes()[..]), "{role:?}");
        }
    }

    /// A writer that takes nothing until it is told to, and then until the end.
    struct Late {
        start: mpsc::Receiver<()>,
        ended: Arc<AtomicBool>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Late {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.start.recv();
            if self.ended.load(Ordering::SeqCst) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.taken.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The function of the caller ends the stream. Before that, the thread of the writer passes on what was sent, however
    /// late it runs; but it has no more time than the closing handshake.
    #[test]
    fn a_dropped_connection_passes_on_what_was_sent_before_its_stream_is_ended() {
        for close in [LONG, SHORT] {
            let (start, ended, taken) = (mpsc::channel(), Arc::new(AtomicBool::new(false)), Arc::default());
            let late = Late { start: start.1, ended: ended.clone(), taken: Arc::clone(&taken) };
            let is_ended = ended.clone();
            let split = SplitStream::new(io::empty(), late).on_end(move || is_ended.store(true, Ordering::SeqCst));
            let stream = Stream::from_split(split).unwrap();
            let mut ws = websocket_over(stream, Role::Server, Timeouts { close, ..long_timeouts() });
            ws.send("last words").unwrap();
            let begun = Instant::now();
            drop(ws);
            assert!(begun.elapsed() < LONG / 2);
            if close == LONG {
                assert!(!ended.load(Ordering::SeqCst));
                drop(start.0);
                wait_until(|| ended.load(Ordering::SeqCst));
                assert_eq!(*taken.lock().unwrap(), b"\x81\x0Alast words\x88\x02\x03\xE9");
            } else {
                // It is never told to.
                wait_until(|| ended.load(Ordering::SeqCst));
                assert!(begun.elapsed() >= SHORT);
            }
        }
    }

    fn step(result: Result<impl Sized>) -> Option<Step> {
        match result {
            Err(Error::Timeout(step)) => Some(step),
            Err(_) | Ok(_) => None,
        }
    }

    /// The application is busy for longer than any limit of the test.
    fn be_busy() {
        thread::sleep(SHORT * 3);
    }

    #[test]
    fn an_idle_peer_is_probed_and_then_the_connection_fails() {
        for role in ROLES {
            let (mut ws, mut peer) =
                websocket(role, Timeouts { ping_interval: SHORT, pong_timeout: SHORT * 2, ..long_timeouts() });
            let start = Instant::now();
            assert_eq!(step(ws.recv()), Some(Step::Keepalive));
            assert!(start.elapsed() >= SHORT * 3 - Duration::from_millis(5) && start.elapsed() < LONG);
            assert_eq!(step(ws.recv()), Some(Step::Keepalive));
            let frames = peer.frames();
            assert_eq!(frames, [(true, Opcode::Ping, 1u64.to_be_bytes().to_vec())]);
        }
    }

    /// Nothing was written for the interval before the call, and nothing comes during it.
    #[test]
    fn an_idle_peer_gets_one_ping_however_late_the_first_call_is() {
        for role in ROLES {
            let (mut ws, mut peer) =
                websocket(role, Timeouts { ping_interval: SHORT, pong_timeout: SHORT * 2, ..long_timeouts() });
            ws.receiver.connection.lock_state().pass(SHORT * 2);
            assert_eq!(step(ws.recv()), Some(Step::Keepalive));
            assert_eq!(peer.frames(), [(true, Opcode::Ping, 1u64.to_be_bytes().to_vec())]);
        }
    }

    #[test]
    fn a_peer_that_reads_a_long_message_slowly_is_alive() {
        // The Ping waits for the end of that message, which may take longer than both limits together.
        let (mut ws, _peer) = websocket(Role::Server, long_timeouts());
        let receiver = &mut ws.receiver;
        let (now, pong_timeout) = (Instant::now(), receiver.connection.timeouts.pong_timeout);
        receiver.keepalive.await_answer(now, receiver.connection.stream.progress());
        let mut time_left =
            |now| receiver.keepalive.time_left(now, (&receiver.connection, &mut receiver.decoder), LONG);
        assert_eq!(time_left(now + pong_timeout * 2), Duration::ZERO, "nothing was taken");
        receiver.connection.stream.note_progress();
        assert_eq!(time_left(now + pong_timeout * 2), pong_timeout);
        assert_eq!(time_left(now + pong_timeout * 3), Duration::ZERO, "nothing more was taken");
    }

    #[test]
    fn any_byte_resets_the_keepalive() {
        let (mut ws, mut peer) = websocket(Role::Server, Timeouts { ping_interval: SHORT, ..long_timeouts() });
        let receiving = thread::spawn(move || ws.recv().map(|message| (message, ws)));
        for number in 1..=3u64 {
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, number.to_be_bytes().to_vec())));
            peer.send(true, Opcode::Pong, b"whatever");
        }
        peer.send(true, TEXT, b"there");
        let (message, _ws) = receiving.join().unwrap().unwrap();
        assert_eq!(message, Some(Message::from("there")));
    }

    #[test]
    fn a_side_that_only_receives_pings_too() {
        // Proxies and servers count the silence of each direction.
        for role in ROLES {
            let start = Instant::now();
            let (mut ws, mut peer) = websocket(role, Timeouts { ping_interval: SHORT, ..long_timeouts() });
            let mut source = peer.socket.try_clone().unwrap();
            let mut message = Vec::new();
            let peer_role = if role == Role::Client { Role::Server } else { Role::Client };
            crate::connection::testing::encoder(peer_role).encode_frame(&mut message, true, TEXT, b"data").unwrap();
            let sending = thread::spawn(move || {
                while source.write_all(&message).is_ok() {
                    thread::sleep(SHORT / 20);
                }
            });
            let receiving = thread::spawn(move || while let Ok(Some(_)) = ws.recv() {});
            for number in 1..=3u32 {
                assert_eq!(peer.frame(), Some((true, Opcode::Ping, u64::from(number).to_be_bytes().to_vec())));
                // From the start, because this thread may see a Ping late, and the next one in time.
                assert!(start.elapsed() + Duration::from_millis(5) >= SHORT * number, "{:?}", start.elapsed());
            }
            peer.socket.shutdown(std::net::Shutdown::Both).unwrap();
            sending.join().unwrap();
            receiving.join().unwrap();
        }
    }

    #[test]
    fn a_message_sent_in_time_replaces_the_ping() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, Timeouts { ping_interval: LONG, ..long_timeouts() });
            let (sender, connection) = (ws.sender(), ws.receiver.connection.clone());
            for number in 0..6u8 {
                peer.send(true, TEXT, b"data");
                assert!(ws.recv().unwrap().is_some());
                sender.send(&[number]).unwrap();
                connection.lock_state().pass(LONG / 3);
                assert_eq!(peer.frame(), Some((true, BINARY, vec![number])));
            }
            // Without a message there is one.
            connection.lock_state().pass(LONG);
            peer.send(true, TEXT, b"data");
            assert!(ws.recv().unwrap().is_some());
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, 1u64.to_be_bytes().to_vec())));
        }
    }

    /// Only a write that the network takes is one.
    #[test]
    fn an_empty_flush_does_not_replace_the_ping() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, Timeouts { ping_interval: LONG, ..long_timeouts() });
            ws.send("last").unwrap();
            assert_eq!(peer.frame(), Some((true, TEXT, b"last".to_vec())));
            ws.receiver.connection.lock_state().pass(LONG);
            ws.flush().unwrap();
            peer.send(true, TEXT, b"data");
            assert!(ws.recv().unwrap().is_some());
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, 1u64.to_be_bytes().to_vec())));
        }
    }

    #[test]
    fn input_that_arrived_in_time_counts_if_it_is_read_late() {
        // A connection must not fail only because the application receives rarely.
        let timeouts = Timeouts { ping_interval: SHORT, pong_timeout: SHORT, ..long_timeouts() };
        let (mut ws, mut peer) = websocket(Role::Client, timeouts);
        assert_eq!(step(ws.try_recv()), Some(Step::Receive));
        be_busy();
        assert_eq!(step(ws.try_recv()), Some(Step::Receive), "the Ping goes out");
        assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Ping));
        peer.send(true, Opcode::Pong, b"");
        peer.send(true, TEXT, b"alive");
        be_busy();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("alive")));
        // Without input it fails.
        assert_eq!(step(ws.try_recv()), Some(Step::Receive));
        be_busy();
        assert_eq!(step(ws.try_recv()), Some(Step::Receive));
        be_busy();
        assert_eq!(step(ws.try_recv()), Some(Step::Keepalive));

        let (mut ws, mut peer) = websocket(Role::Server, Timeouts { message: SHORT, close: SHORT, ..long_timeouts() });
        peer.send(false, BINARY, b"begun");
        assert_eq!(step(ws.recv_timeout(SHORT / 2)), Some(Step::Receive));
        peer.send(true, Opcode::Continuation, b" and done");
        be_busy();
        assert_eq!(ws.recv().unwrap(), Some(Message::from(&b"begun and done"[..])));
        peer.send(false, TEXT, b"never");
        assert_eq!(step(ws.recv_timeout(SHORT / 2)), Some(Step::Receive));
        be_busy();
        assert_eq!(step(ws.recv()), Some(Step::Message));

        let (mut ws, mut peer) = websocket(Role::Server, Timeouts { close: SHORT, ..long_timeouts() });
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
        peer.send(true, TEXT, b"last");
        peer.send(true, Opcode::Close, &1000u16.to_be_bytes());
        be_busy();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("last")));
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().unwrap().code(), CloseCode::NORMAL);
    }

    #[test]
    fn endless_input_does_not_extend_a_limited_call() {
        for (payload, opcode) in [(&b"ping"[..], Opcode::Ping), (b"pong", Opcode::Pong), (&[7; 1000], BINARY)] {
            let (mut ws, mut peer) = websocket(Role::Server, Timeouts { close: SHORT, ..long_timeouts() });
            let mut reader = peer.socket.try_clone().unwrap();
            let reading = thread::spawn(move || {
                let mut part = vec![0; 1 << 16];
                while !matches!(reader.read(&mut part), Ok(0) | Err(_)) {}
            });
            let flooding = thread::spawn(move || {
                let mut frames = Vec::new();
                let mut encoder = crate::connection::testing::encoder(Role::Client);
                for _ in 0..1000 {
                    encoder.encode_frame(&mut frames, true, opcode, payload).unwrap();
                }
                while peer.socket.write_all(&frames).is_ok() {}
            });
            let start = Instant::now();
            if opcode.is_control() {
                for _ in 0..10 {
                    assert_eq!(step(ws.try_recv()), Some(Step::Receive));
                }
                assert_eq!(step(ws.recv_timeout(SHORT)), Some(Step::Receive));
            }
            assert_eq!(step(ws.close(CloseCode::NORMAL, "")), Some(Step::Close));
            assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
            drop(ws);
            flooding.join().unwrap();
            reading.join().unwrap();
        }
    }

    #[test]
    fn a_close_that_another_thread_is_writing_is_waited_for() {
        // 6455-5.5.1-6, 6455-5.5.1-s3, 6455-6.1-9: the peer's Close arrives while a large message and our Close are being written.
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            let connection = ws.receiver.connection.clone();
            let (sending, closing) = (connection.clone(), connection.clone());
            // The writer is also absent while keys are fetched.
            drop(connection.lock_state_with_keys().unwrap());
            let sending = thread::spawn(move || sending.send(BINARY, &vec![7; LARGE]));
            wait_until(|| connection.lock_state().writer.is_none());
            let closing = thread::spawn(move || closing.start_close(CloseCode::GOING_AWAY, ""));
            wait_until(|| connection.lock_state().waiters == 1);
            peer.send(true, Opcode::Close, &1000u16.to_be_bytes());
            let receiving = thread::spawn(move || ws.recv().map(|message| (message, ws.close_info())));
            wait_until(|| connection.lock_state().closing.received_close().is_some());
            // The receiver is where it could end the stream while the other threads write.
            wait_until(|| connection.lock_state().waiters == 2 || receiving.is_finished());
            assert!(peer.frame() == Some((true, BINARY, vec![7; LARGE])));
            assert_eq!(peer.frame(), Some((true, Opcode::Close, 1001u16.to_be_bytes().to_vec())));
            drop(peer);
            sending.join().unwrap().unwrap();
            closing.join().unwrap().unwrap();
            let (message, info) = receiving.join().unwrap().unwrap();
            assert_eq!((message, info.map(|info| info.code())), (None, Some(CloseCode::NORMAL)));
        }
    }

    #[test]
    fn a_server_that_keeps_tcp_open_does_not_fail_a_clean_close() {
        // 6455-5.5.1-12, 6455-5.5.1-13, 6455-7.1.1-6
        let (mut ws, mut peer) = websocket(Role::Client, Timeouts { close: SHORT, ..long_timeouts() });
        let sender = ws.sender();
        let start = Instant::now();
        ws.start_close(CloseCode::NORMAL, "bye").unwrap();
        assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
        // However late it is read, it has arrived.
        peer.send(true, Opcode::Close, &1000u16.to_be_bytes());
        assert_eq!(ws.recv().unwrap(), None);
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG / 2, "{:?}", start.elapsed());
        assert_eq!(sender.close(CloseCode::NORMAL, "").unwrap().code(), CloseCode::NORMAL);
        assert_eq!(peer.frame(), None);
    }

    #[test]
    fn a_close_that_cannot_be_written_is_a_timeout_of_closing() {
        let (mut ws, _peer) = websocket(Role::Server, Timeouts { close: SHORT, ..long_timeouts() });
        while !ws.connection().flush_before_read().congested {
            ws.connection().lock_state().writer.as_mut().unwrap().buffer.bytes().extend(vec![0; LARGE]);
        }
        let start = Instant::now();
        assert_eq!(step(ws.close(CloseCode::NORMAL, "")), Some(Step::Close));
        assert!(start.elapsed() >= SHORT && start.elapsed() < LONG / 2);
    }

    #[test]
    fn a_buffered_message_read_as_a_stream_loses_no_other() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            peer.send(true, TEXT, b"kept");
            peer.send(false, TEXT, b"who");
            let answering = thread::spawn(move || {
                let (_, opcode, payload) = peer.frame().unwrap();
                assert_eq!(opcode, Opcode::Ping);
                peer.send(true, Opcode::Pong, &payload);
                peer
            });
            ws.ping().unwrap();
            let mut peer = answering.join().unwrap();
            let mut kept = String::new();
            ws.recv_stream().unwrap().unwrap().read_to_string(&mut kept).unwrap();
            assert_eq!(kept, "kept");
            peer.send(true, Opcode::Continuation, b"le");
            peer.send(true, TEXT, b"next");
            assert_eq!(ws.recv().unwrap(), Some(Message::from("whole")));
            assert_eq!(ws.recv().unwrap(), Some(Message::from("next")));
        }
    }

    #[test]
    fn both_sides_send_from_many_threads_and_receive_everything() {
        const THREADS: usize = 3;
        const EACH: usize = 40;
        let (client, server) = pair(long_timeouts());
        let sides: Vec<_> = [client, server]
            .into_iter()
            .map(|mut ws| {
                let sending: Vec<_> = (0..THREADS)
                    .map(|thread| {
                        let sender = ws.sender();
                        thread::spawn(move || {
                            for number in 0..EACH {
                                let mut payload =
                                    vec![thread as u8; 2 + [0, 900, 70_000, 400_000][(thread + number) % 4]];
                                payload[1] = number as u8;
                                sender.send(&payload).unwrap();
                                if number % 10 == 0 {
                                    sender.ping().unwrap();
                                }
                            }
                        })
                    })
                    .collect();
                thread::spawn(move || {
                    let mut counts = [0; THREADS];
                    while counts.iter().sum::<usize>() < THREADS * EACH {
                        let message = ws.recv().unwrap().unwrap();
                        let bytes = message.as_bytes();
                        let thread = usize::from(bytes[0]);
                        assert_eq!(usize::from(bytes[1]), counts[thread], "in the order each thread sent them");
                        assert!(bytes[2..].iter().all(|byte| *byte == bytes[0]));
                        counts[thread] += 1;
                    }
                    // A receiver has to read the last Pongs.
                    let closing = ws.sender();
                    let last = thread::spawn(move || {
                        sending.into_iter().for_each(|thread| thread.join().unwrap());
                        closing.close(CloseCode::NORMAL, "").unwrap();
                    });
                    while ws.recv().unwrap().is_some() {}
                    last.join().unwrap();
                })
            })
            .collect();
        sides.into_iter().for_each(|side| side.join().unwrap());
    }

    #[test]
    fn keepalive_ends_receiving_while_another_thread_is_stuck_in_a_write() {
        let (mut ws, _peer) =
            websocket(Role::Client, Timeouts { ping_interval: SHORT, pong_timeout: SHORT, ..long_timeouts() });
        let sender = ws.sender();
        let sending = thread::spawn(move || sender.send(vec![0; LARGE]));
        wait_until(|| ws.connection().lock_state().writer.is_none());
        assert_eq!(step(ws.recv()), Some(Step::Keepalive));
        assert_eq!(step(sending.join().unwrap()), Some(Step::Keepalive));
    }

    /// The time for a message starts again with each 64 KiB.
    #[test]
    fn a_long_message_has_time_for_each_64_kib() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            peer.socket.write_all(&[0x82]).unwrap();
            wait_until(|| ws.try_recv().is_err() && ws.receiver.decoder.is_incomplete());
            let (receiver, status) =
                (&mut ws.receiver, WriteStatus { congested: false, closing: false, ping_wait: LONG });
            receiver.message_started = None;
            receiver.nearest_deadline(None, &status);
            assert_eq!(receiver.message_started.map(|(_, count)| count), Some(0));
            for (count, starts_again) in [(0, false), (65_535, false), (65_536, true), (65_537, true)] {
                let begun = Instant::now();
                while Instant::now() == begun {}
                receiver.message_started = Some((begun, count));
                receiver.nearest_deadline(None, &status);
                let (since, left) = receiver.message_started.unwrap();
                assert_eq!((since > begun, left), (starts_again, if starts_again { 0 } else { count }));
            }
            receiver.message_started = Some((Instant::now(), 7));
            receiver.on_bytes(3);
            assert_eq!(receiver.message_started.map(|(_, count)| count), Some(10));
        }
    }

    /// A socket that is closed with unread bytes resets the connection, and the Close can be lost.
    #[test]
    fn a_dropped_connection_drops_input_that_has_arrived() {
        for role in ROLES {
            let (ws, mut peer) = websocket(role, long_timeouts());
            (0..4).for_each(|_| peer.send(true, BINARY, &[0; 1000]));
            let wanted = if role == Role::Client { 4 * 1004 } else { 4 * 1008 };
            let socket = ws.connection().stream.socket().unwrap();
            wait_until(|| socket.peek(&mut [0; 8192]).is_ok_and(|count| count == wanted));
            drop(ws);
            assert_eq!(peer.frame(), Some((true, Opcode::Close, b"\x03\xE9".to_vec())));
            assert_eq!(peer.socket.read(&mut [0; 8]).map_err(|error| error.kind()), Ok(0));
            assert!(peer.socket.take_error().unwrap().is_none(), "no reset");
        }
    }

    /// Of the limits, only that for a message is reported to the peer.
    #[test]
    fn a_message_that_stops_is_answered_with_a_close() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, Timeouts { message: SHORT, ..long_timeouts() });
            peer.socket.write_all(&[0x82]).unwrap();
            assert_eq!(step(ws.recv()), Some(Step::Message));
            assert_eq!(peer.frames(), [(true, Opcode::Close, b"\x03\xF0".to_vec())]);
        }
    }

    /// A position counts the bytes that came with the opening handshake.
    #[test]
    fn early_bytes_count() {
        use crate::config::Limits;
        use crate::connection::framing::Codec;
        for role in ROLES {
            let codec = Codec::rfc6455(role, Limits::server(), b"abc", (encoder(role), None));
            let connection = crate::connection::testing::connection(role, long_timeouts()).0;
            assert_eq!(Receiver::new(connection, codec.decoder).bytes_received, 3);
        }
    }

    #[cfg(feature = "trace")]
    #[test]
    fn what_is_received_and_the_end_are_reported() {
        use crate::connection::testing::observed_websocket;
        for role in ROLES {
            under_watchdog(move || {
                let ended = "ended: ";
                let (mut ws, mut peer, events) = observed_websocket(role, long_timeouts());
                peer.send(true, TEXT, b"text");
                assert_eq!(ws.recv().unwrap().unwrap(), "text");
                assert_eq!(events(), ["opened", "frame-received: Text, 4 bytes"]);
                peer.send(true, Opcode::Ping, b"");
                peer.socket.write_all(&[0x83, if role == Role::Client { 0 } else { 0x80 }]).unwrap();
                assert!(matches!(ws.recv(), Err(Error::Protocol(ProtocolError::UnknownOpcode(3)))));
                let at = if role == Role::Client { 6 + 2 } else { 10 + 6 };
                let all = events();
                assert_eq!(all[0], "frame-received: Ping, 0 bytes");
                assert!(all[1].starts_with(&format!("protocol-error at byte {at}: ")), "{all:?}");
                assert_eq!(all[2..], ["frame-sent: Pong, 0 bytes", "frame-sent: Close, 12 bytes", "close-sent: 1002"]);
                drop(peer);
                assert!(ws.close(1000, "").is_err());
                assert!(matches!(&events()[..], [end] if end.starts_with(ended)));
                drop(ws);
                assert_eq!(events(), [""; 0], "the end is reported once");

                let (mut ws, mut peer, events) = observed_websocket(role, long_timeouts());
                peer.send(true, Opcode::Close, b"\x03\xE8");
                peer.send(true, TEXT, b"late");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                (0..3).for_each(|_| assert!(ws.recv().unwrap().is_none()));
                let all = events();
                let closes = ["frame-received: Close, 2 bytes", "close-received: 1000"];
                assert_eq!(all[1..3], closes);
                assert_eq!(all[3..5], ["frame-sent: Close, 2 bytes", "close-sent: 1000"]);
                assert!(all.len() == 6 && all[5].starts_with(ended), "{all:?}");

                let (ws, _peer, events) = observed_websocket(role, long_timeouts());
                drop(ws);
                let all = events();
                assert_eq!(all[1..3], ["frame-sent: Close, 2 bytes", "close-sent: 1001"]);
                assert!(all.len() == 4 && all[3].starts_with(ended), "{all:?}");

                let timeouts = Timeouts { message: SHORT, ..long_timeouts() };
                let (mut ws, mut peer, events) = observed_websocket(role, timeouts);
                peer.socket.write_all(&[0x82]).unwrap();
                assert_eq!(step(ws.recv()), Some(Step::Message));
                drop(peer);
                assert_eq!(step(ws.close(1000, "")), Some(Step::Message));
                let all = events();
                assert_eq!(all[1..4], ["frame-sent: Close, 2 bytes", "close-sent: 1008", "timeout: Message"]);
                assert!(all.len() == 5 && all[4].starts_with(ended), "{all:?}");
            });
        }
    }

    /// The table at the beginning. Times are in seconds: for an answer, for a message, for the closing handshake.
    #[test]
    fn a_wait_ends_at_the_nearest_limit() {
        let seconds = Duration::from_secs;
        let rows = [
            ([500, 1000, 1000], None, Ok(500)),
            ([1000, 500, 1000], None, Ok(500)),
            ([1000, 1000, 500], None, Ok(500)),
            ([1000, 1000, 1000], Some(500), Ok(500)),
            ([1000, 1000, 1000], Some(0), Ok(0)),
            ([0, 1000, 1000], Some(500), Err(Step::Keepalive)),
            ([1000, 0, 1000], None, Err(Step::Message)),
            ([1000, 1000, 0], None, Err(Step::Close)),
            ([0, 0, 0], None, Err(Step::Keepalive)),
            ([1000, 0, 0], None, Err(Step::Message)),
        ];
        for (role, (limits, own, wanted)) in rows.into_iter().flat_map(|row| ROLES.map(|role| (role, row))) {
            let [pong_timeout, message, close] = limits.map(seconds);
            let timeouts = Timeouts { pong_timeout, message, close, ping_interval: seconds(1000), ..long_timeouts() };
            let (mut ws, _peer) = websocket(role, timeouts);
            let receiver = &mut ws.receiver;
            receiver.decoder.space()[0] = 0x82;
            receiver.decoder.filled(1);
            assert!(receiver.decoder.next().unwrap().is_none() && receiver.decoder.is_incomplete());
            receiver.keepalive.await_answer(Instant::now(), receiver.connection.stream.progress());
            receiver.connection.lock_state().start_close_deadline(close);
            for (congested, ping_wait) in [(false, seconds(1000)), (true, seconds(1000)), (false, seconds(300))] {
                let status = WriteStatus { congested, closing: true, ping_wait };
                let limit = own.map(|own| Deadline::after(seconds(own)));
                let wait = receiver.nearest_deadline(limit, &status);
                let nearest = if congested { CONGESTION_RETRY } else { ping_wait };
                let is_about = |time: Duration, most| time <= most && time + seconds(100) > most;
                match wanted {
                    Ok(wanted) => {
                        assert!(is_about(wait.time, seconds(wanted).min(nearest)), "{limits:?} {:?}", wait.time);
                        let without_own = limits.into_iter().min().map_or(nearest, seconds).min(nearest);
                        assert!(is_about(wait.due.unwrap().remaining(), without_own), "{limits:?} {:?}", wait.due);
                        assert_eq!(wait.overdue, None);
                    }
                    Err(step) => {
                        assert_eq!((wait.time, wait.overdue), (Duration::ZERO, Some(step)), "{limits:?}");
                        assert!(wait.due.is_none());
                    }
                }
            }
        }
    }

    /// The silence of the peer began with the wait, and not with its end.
    #[test]
    fn a_wait_counts_as_silence() {
        for role in ROLES {
            let (mut ws, _peer) = websocket(role, long_timeouts());
            assert_eq!(step(ws.recv_timeout(SHORT)), Some(Step::Receive));
            let status = WriteStatus { congested: false, closing: false, ping_wait: LONG * 2 };
            let wait = ws.receiver.nearest_deadline(None, &status);
            assert!(wait.time <= LONG - SHORT * 3 / 4, "{:?}", wait.time);
        }
    }

    /// A later call goes on with what is left, and returns the same.
    #[test]
    fn each_call_after_the_end_continues_the_last_steps() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            peer.send(true, Opcode::Continuation, b"of nothing");
            assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
            assert!(ws.receiver.ending.is_some());
            drop(peer);
            wait_until(|| {
                assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
                ws.receiver.ending.is_none()
            });
        }
    }

    /// The peer sends nothing before it has all of them.
    #[test]
    fn what_the_network_did_not_take_is_written_during_one_wait() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                let (mut frames, mut encoder) = (Vec::new(), encoder(role));
                (0..LARGE >> 16).for_each(|_| encoder.encode_frame(&mut frames, true, BINARY, &[0; 1 << 16]).unwrap());
                ws.connection().lock_state().writer.as_mut().unwrap().buffer.bytes().extend(frames);
                let reading = thread::spawn(move || {
                    (0..LARGE >> 16).for_each(|_| assert_eq!(peer.frame().unwrap().1, BINARY));
                    peer.send(true, TEXT, b"all");
                    peer
                });
                assert_eq!(ws.recv().unwrap().unwrap(), "all");
                drop(reading.join().unwrap());
            });
        }
    }

    /// Any error but the end of a wait.
    #[test]
    fn an_error_of_the_stream_is_returned() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::ConnectionReset.into())
            }
        }
        for role in ROLES {
            let stream = Stream::from_split(SplitStream::new(Broken, io::sink())).unwrap();
            let mut ws = websocket_over(stream, role, long_timeouts());
            let result = under_watchdog(move || ws.recv());
            assert!(matches!(result, Err(Error::Io(error)) if error.step() == Step::Read));
        }
    }

    /// Another thread keeps the socket open until the peer has received the Close and ended its stream. A socket that is closed
    /// would answer what the peer sends meanwhile with a reset.
    #[test]
    fn a_failed_connection_that_is_dropped_is_kept_until_the_peer_ends() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            peer.send(true, Opcode::Continuation, b"of nothing");
            assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
            drop(ws);
            peer.send(true, TEXT, b"meanwhile");
            let frames = peer.frames();
            assert!(frames.len() == 1 && frames[0].1 == Opcode::Close, "{frames:?}");
            assert!(peer.socket.take_error().unwrap().is_none(), "no reset");
        }
    }
}
