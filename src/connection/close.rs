//! The closing handshake and failing a connection (RFC 6455 sections 5.5.1 and 7).
//!
//! One deadline bounds the whole handshake. It is set by the first Close, sent or received, and is part of the state. The wait for the
//! permit, the writes and the wait for the peer share [`Timeouts::close`](crate::Timeouts::close). The steps after the result
//! is known are in `ending`. Knows the permit and the state; must not know the receiver or the public handles.

use super::protocol::CloseFrame;
use super::shared::Connection;
use crate::close::{CloseCode, CloseInfo};
use crate::codec::closing::Phase;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::deadline::WRITE_QUANTUM;
use crate::net::write_buffer::WriteMode;

impl Connection {
    /// Sends a Close unless one was sent, and starts the time for the closing handshake. 6455-7.1.2-1.
    pub(super) fn start_close(&self, code: CloseCode, reason: &str) -> Result<()> {
        self.protocol.check_close(code, reason)?;
        let deadline = {
            let mut state = self.lock_state();
            match state.closing.phase() {
                Phase::Open => {}
                Phase::Closing | Phase::Answering | Phase::Closed => return Ok(()),
            }
            if let Some(end) = state.end.get() {
                return Err(end.clone());
            }
            state.schedule_close(self.protocol.close(code, reason));
            state.start_close_deadline(self.timeouts.close)
        };
        self.await_written(deadline)?;
        self.finish_if_closed_by_eof();
        Ok(())
    }

    /// Waits until the Close is written, or the connection has ended.
    fn await_written(&self, deadline: Deadline) -> Result<()> {
        loop {
            let soon = deadline.earlier(Deadline::after(WRITE_QUANTUM));
            if self.flush_and_close(soon)? {
                return Ok(());
            }
            let state = self.lock_state();
            match state.end.get() {
                // The receiver has written it.
                Some(Error::Closed(Some(_))) => return Ok(()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            if deadline.is_expired() {
                drop(state);
                return Err(self.abort_with(Error::Timeout(Step::Close)));
            }
            // The wait ends at once if the connection does.
            drop(self.wait(state, soon, Step::Close));
        }
    }

    /// Waits until another thread has received the peer's Close. Aborts the connection at the deadline.
    pub(super) fn await_close(&self) -> Result<CloseInfo> {
        let mut state = self.lock_state();
        let deadline = state.start_close_deadline(self.timeouts.close);
        loop {
            match state.end.get() {
                Some(Error::Closed(Some(info))) => return Ok(info.clone()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            let both = matches!(state.closing.phase(), Phase::Closed).then(|| state.close_info());
            state = match (self.wait(state, deadline, Step::Close), both) {
                (Ok(state), _) => state,
                // Only the end of the TCP connection is missing. The receiver waits for it until the same deadline.
                (Err(_), Some(info)) => return Ok(info),
                (Err(error), None) => return Err(self.abort_with(error)),
            };
        }
    }

    /// Records the peer's Close, and schedules the answer if no Close was sent. Returns the deadline of the closing handshake.
    pub(super) fn on_close_received(&self, code: Option<CloseCode>, reason: String, answer: CloseFrame) -> Deadline {
        let mut state = self.lock_state();
        state.record_received_close(code, reason);
        // 6455-5.5.1-6, 6455-5.5.1-7, 6455-5.5.1-s2
        if state.closing.pending_close().is_some() {
            state.schedule_close(answer);
        } else if self.protocol.needs_second_close(&answer) {
            state.schedule_second_close(answer);
        }
        state.start_close_deadline(self.timeouts.close)
    }

    /// Records the clean end, after the closing handshake. 6455-7.1.2-2, 6455-7.1.4-s1: only a connection that comes here was
    /// closed cleanly.
    pub(crate) fn mark_closed(&self) {
        let mut state = self.lock_state();
        state.record_closed();
        self.notify(&state);
    }

    /// Ends the connection for all threads, and schedules a Close if there is a code. Returns the end that all threads see,
    /// which is the first one, and the deadline of the closing handshake.
    pub(super) fn fail(&self, error: Error, code: Option<CloseCode>) -> (Error, Deadline) {
        let reason = match &error {
            Error::Protocol(violation) => violation.close_reason(),
            _ => String::new(),
        };
        let mut state = self.lock_state();
        if let Some(close) = code.and_then(|code| self.protocol.failure_close(code, &reason)) {
            state.schedule_close(close);
        }
        let end = state.record_end(error);
        self.notify(&state);
        (end, state.start_close_deadline(self.timeouts.close))
    }

    /// Writes queued and pending frames in any state of the connection, as far as the network takes them without waiting.
    /// Waits for the permit until `by`. `false`: something is left.
    ///
    /// 6455-7.1.7-5, 6455-10.7-3: queued frames are written too, and then the Close. Also if the Close was sent before: a Pong
    /// may be pending for a Ping before the peer's Close (6455-5.5.2-2), and another thread may be writing our Close.
    pub(super) fn flush_and_close(&self, by: Deadline) -> Result<bool> {
        let Some(mut state) = self.lock_state_with_writer(by)? else { return Ok(false) };
        state.encode_pending()?;
        let Some(mut writer) = state.writer.take() else { return Ok(false) };
        drop(state);
        // Another thread may be reading.
        let written = writer.buffer.write(&self.stream, &[], WriteMode::Never);
        let left = !writer.buffer.is_empty();
        self.put_back(&mut self.lock_state(), writer);
        self.emit_sent();
        match written {
            Ok(()) => Ok(!left),
            Err(error) => Err(self.fail_write(Step::Close, error)),
        }
    }

    /// Sends a Close if that needs no waiting, for a handle that is dropped without `close`. Also one that another thread has
    /// scheduled and not written yet, such as a shutdown or a hub.
    pub(crate) fn close_nonblocking(&self, code: CloseCode) {
        let mut state = self.lock_state();
        state.start_close_deadline(self.timeouts.close);
        if state.end.is_set() {
            return;
        }
        state.schedule_close(self.protocol.close(code, ""));
        drop(state);
        // A hub has the permit only for a moment. While a sender waits for the network, no Close can be sent.
        let by = Deadline::after(WRITE_QUANTUM);
        let Ok(Some(mut state)) = self.lock_state_with_writer(by) else { return };
        // An error changes nothing: the connection ends here.
        let _ = state.encode_pending();
        let Some(mut writer) = state.writer.take() else { return };
        drop(state);
        // The dropped handle may be the last sender, while another thread reads.
        let _ = writer.buffer.write(&self.stream, &[], WriteMode::Never);
        let flushed = writer.buffer.is_empty();
        self.put_back(&mut self.lock_state(), writer);
        self.emit_sent();
        if flushed {
            self.finish_if_closed_by_eof();
        }
    }

    /// Ends this side's direction of the stream, if the protocol has no other Close. Called after everything is written.
    pub(super) fn finish_if_closed_by_eof(&self) {
        if self.protocol.closes_by_eof() && !self.lock_state().closing.may_send() {
            self.stream.shutdown_write(WRITE_QUANTUM);
        }
    }

    /// Sends the alert that TLS has for the peer after invalid input, if that needs no waiting.
    pub(super) fn send_alert(&self) {
        if !self.stream.has_unsolicited_output() {
            return;
        }
        let mut state = self.lock_state();
        // Another thread that has the permit sends the alert with its own bytes.
        let Some(writer) = state.writer.take() else { return };
        drop(state);
        // An error changes nothing: the connection ends here.
        let _ = self.stream.try_write(&[]);
        self.put_back(&mut self.lock_state(), writer);
    }

    /// Whether a Close was sent, and one received.
    #[cfg(feature = "server")]
    pub(crate) fn both_closes_exchanged(&self) -> bool {
        matches!(self.lock_state().closing.phase(), Phase::Closed)
    }

    /// Whether the deadline of the closing handshake has passed.
    #[cfg(feature = "server")]
    pub(crate) fn is_close_overdue(&self) -> bool {
        self.lock_state().close_deadline().is_some_and(|deadline| deadline.is_expired())
    }

    /// Whether messages can still be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.lock_state().check_open().is_ok()
    }

    pub(super) fn close_info(&self) -> CloseInfo {
        self.lock_state().close_info()
    }

    /// How the connection was closed. It is known from the peer's Close on, also before the answer is sent.
    pub(super) fn known_close_info(&self) -> Option<CloseInfo> {
        let state = self.lock_state();
        match state.end.get() {
            Some(Error::Closed(info)) => info.clone(),
            Some(_) => None,
            None => state.closing.received_close().map(|_| state.close_info()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::config::Timeouts;
    use crate::connection::testing::{connection, long_timeouts, under_watchdog, wait_until, Peer, ROLES};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    fn closing_within(role: Role, close: Duration) -> (Arc<Connection>, Peer) {
        connection(role, Timeouts { close, pong_timeout: close, ..long_timeouts() })
    }

    fn receive_close(connection: &Connection) {
        let answer = connection.protocol.close(CloseCode::NORMAL, "");
        connection.on_close_received(Some(CloseCode::NORMAL), String::new(), answer);
    }

    #[test]
    fn no_close_is_sent_after_the_end() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            assert!(connection.is_open());
            connection.fail(Error::Closed(None), None);
            assert!(matches!(connection.start_close(CloseCode::NORMAL, ""), Err(Error::Closed(None))));
            connection.close_nonblocking(CloseCode::NORMAL);
            assert!(!connection.is_open());
            connection.abort();
            assert_eq!(peer.frames(), []);
        }
    }

    #[test]
    fn only_a_peer_that_has_sent_its_close_may_keep_its_stream_until_the_deadline() {
        for role in ROLES {
            let (connection, _peer) = closing_within(role, Duration::ZERO);
            connection.lock_state().schedule_close(connection.protocol.close(CloseCode::NORMAL, ""));
            connection.flush_before_read();
            receive_close(&connection);
            assert!(connection.await_close().is_ok_and(|info| info.code() == CloseCode::NORMAL));
            let (connection, _peer) = closing_within(role, Duration::ZERO);
            connection.lock_state().schedule_close(connection.protocol.close(CloseCode::NORMAL, ""));
            assert!(matches!(connection.await_close(), Err(Error::Timeout(Step::Close))));
            assert!(matches!(connection.end(), Some(Error::Timeout(Step::Close))));
        }
    }

    #[test]
    fn threads_that_wait_notice_the_end() {
        for role in ROLES {
            under_watchdog(move || {
                for clean in [true, false] {
                    let (connection, _peer) = closing_within(role, Duration::MAX);
                    let waiting = connection.clone();
                    let thread = match clean {
                        true => thread::spawn(move || waiting.await_close().is_ok()),
                        false => thread::spawn(move || waiting.await_pong(1).is_err()),
                    };
                    wait_until(|| connection.lock_state().waiters == 1);
                    match clean {
                        true => connection.mark_closed(),
                        false => drop(connection.fail(Error::Closed(None), None)),
                    }
                    assert!(thread.join().unwrap());
                }
            });
        }
    }

    #[test]
    fn the_time_to_close_begins_with_the_first_close() {
        for role in ROLES {
            let (connection, mut peer) = closing_within(role, Duration::MAX);
            assert!(connection.lock_state().close_deadline().is_none());
            connection.close_nonblocking(CloseCode::GOING_AWAY);
            assert!(connection.lock_state().close_deadline().is_some());
            assert_eq!(peer.frame().map(|frame| frame.2), Some(1001_u16.to_be_bytes().to_vec()));
        }
    }

    #[cfg(feature = "server")]
    #[test]
    fn what_a_shutdown_asks() {
        for (close, is_overdue) in [(Duration::ZERO, true), (Duration::MAX, false)] {
            let (connection, _peer) = closing_within(Role::Server, close);
            assert!(!connection.is_close_overdue() && !connection.both_closes_exchanged());
            connection.close_nonblocking(CloseCode::GOING_AWAY);
            assert!(connection.is_close_overdue() == is_overdue && !connection.both_closes_exchanged());
            receive_close(&connection);
            assert!(connection.both_closes_exchanged());
        }
    }

    /// The peer learns from it why the connection has ended.
    #[cfg(all(target_os = "linux", feature = "native-tls", feature = "client", feature = "server"))]
    #[test]
    fn input_that_is_no_tls_is_answered_with_an_alert() {
        use crate::connection::testing::websocket_over;
        use std::io::{Read, Write};
        let (stream, far) = crate::tls::tests::pair();
        let mut ws = websocket_over(stream, Role::Client, long_timeouts());
        far.get_ref().write_all(&[[23, 3, 3, 0, 20].as_slice(), &[7; 20]].concat()).unwrap();
        assert!(ws.recv().is_err());
        assert!(ws.connection().lock_state().writer.is_some());
        let mut alert = [0; 5];
        far.get_ref().read_exact(&mut alert).unwrap();
        assert_eq!(alert[1..4], [3, 3, 0], "a short record");
    }
}
