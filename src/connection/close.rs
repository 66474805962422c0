//! How a connection ends: the closing handshake, failing, leaving, aborting (RFC 6455 sections 5.5.1 and 7).
//!
//! All of it is bounded by one deadline, set when the first Close is sent or received and kept in the gate: waiting for
//! the token, writing, and waiting for the peer share [`Timeouts::close`](crate::Timeouts::close). What the receiving side
//! still does when its result is known, and who waits for that, is in `linger`.

use std::io::ErrorKind;
use std::sync::Arc;

use super::framing::CloseFrame;
use super::shared::Connection;
use super::websocket::WebSocket;
use crate::close::{CloseCode, CloseInfo};
use crate::codec::closing::Phase;
use crate::error::{Error, Result, Step};
use crate::net::deadline::Deadline;
use crate::net::deadline::WRITE_QUANTUM;

impl Connection {
    /// Sends a Close unless one was sent. The time for the closing handshake runs from here. 6455-7.1.2-1.
    pub(crate) fn start_close(&self, code: CloseCode, reason: &str) -> Result<()> {
        self.protocol.check_close(code, reason)?;
        let deadline = {
            let mut state = self.lock_state();
            match state.closing.phase() {
                Phase::Open => {}
                Phase::Closing | Phase::Answering | Phase::Closed => return Ok(()),
            }
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            state.schedule_close(self.protocol.close(code, reason));
            state.start_close_deadline(self.timeouts.close)
        };
        self.await_written(deadline)?;
        self.finish_if_closed_by_eof();
        Ok(())
    }

    /// Waits until the Close is written, or the connection is over.
    fn await_written(&self, deadline: Deadline) -> Result<()> {
        loop {
            let soon = deadline.earlier(Deadline::after(WRITE_QUANTUM));
            if self.flush_and_close(soon)? {
                return Ok(());
            }
            let state = self.lock_state();
            match &state.end {
                // The receiver was quicker to write it.
                Some(Error::Closed(Some(_))) => return Ok(()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            if deadline.is_expired() {
                drop(state);
                return Err(self.abort_with(Error::Timeout(Step::Close)));
            }
            // An end that comes meanwhile is told at once.
            drop(self.wait(state, soon, Step::Close));
        }
    }

    /// Waits until another thread has received the peer's Close; gives up the connection when its time is over.
    pub(crate) fn await_close(&self) -> Result<CloseInfo> {
        let mut state = self.lock_state();
        let deadline = state.start_close_deadline(self.timeouts.close);
        loop {
            match &state.end {
                Some(Error::Closed(Some(info))) => return Ok(info.clone()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            let both = matches!(state.closing.phase(), Phase::Closed).then(|| state.close_info());
            state = match (self.wait(state, deadline, Step::Close), both) {
                (Ok(state), _) => state,
                // Only the end of the TCP connection is missing, for which the receiver waits as long.
                (Err(_), Some(info)) => return Ok(info),
                (Err(error), None) => return Err(self.abort_with(error)),
            };
        }
    }

    /// The peer's Close: notes it, and that it is to be answered if none was sent. Gives the time by which all has to be over.
    pub(crate) fn on_close_received(&self, code: Option<CloseCode>, reason: String, answer: CloseFrame) -> Deadline {
        let mut state = self.lock_state();
        state.closing.record_received(code, reason);
        // 6455-5.5.1-6, 6455-5.5.1-7, 6455-5.5.1-s2
        if state.closing.pending_close().is_some() {
            state.schedule_close(answer);
        } else if self.protocol.needs_second_close(&answer) {
            state.schedule_second_close(answer);
        }
        state.start_close_deadline(self.timeouts.close)
    }

    /// The closing handshake is over: notes the good end for all who come later. 6455-7.1.2-2, 6455-7.1.4-s1: clean is
    /// what came to this, and nothing else.
    pub(crate) fn mark_closed(&self) -> CloseInfo {
        let mut state = self.lock_state();
        let info = state.close_info();
        state.replace_end(Error::Closed(Some(info.clone())));
        self.notify(&state);
        info
    }

    /// Ends the connection for everybody, with a Close owed if one is given. Gives the error that all will see, the first
    /// one, and the time by which all has to be over.
    pub(crate) fn fail(&self, error: Error, code: Option<CloseCode>) -> (Error, Deadline) {
        let mut state = self.lock_state();
        if let Some(close) = code.and_then(|code| self.protocol.failure_close(code)) {
            state.schedule_close(close);
        }
        let end = state.record_end(error);
        self.notify(&state);
        (end, state.start_close_deadline(self.timeouts.close))
    }

    /// Writes what is queued and owed, whatever the state of the connection, as far as it goes without waiting for the
    /// network. Waits for the token until `by`. False: something is left.
    ///
    /// 6455-7.1.7-5, 6455-10.7-3: what was queued before goes out too, and then the Close. Also when that was sent before: a
    /// Pong may wait for a Ping that came before the peer's Close (6455-5.5.2-2), and another thread may be in the middle of
    /// writing our Close.
    pub(crate) fn flush_and_close(&self, by: Deadline) -> Result<bool> {
        let Some(mut state) = self.lock_state_with_writer(by)? else { return Ok(false) };
        if let Err(error) = state.encode_pending() {
            drop(state);
            return Err(self.abort_with(error));
        }
        let Some(mut writer) = state.writer.take() else { return Ok(false) };
        drop(state);
        // Not `try_write`: another thread may be reading.
        let written = writer.buffer.try_write_shared(&self.stream);
        let left = !writer.buffer.is_empty();
        if left && written.as_ref().is_ok_and(|count| *count > 0) {
            self.stream.note_progress();
        }
        self.release(&mut self.lock_state(), writer);
        self.emit_sent();
        match written {
            Ok(_) => Ok(!left),
            Err(error) => Err(self.fail_write(Step::Close, error)),
        }
    }

    /// A Close that costs no waiting, for the one who leaves without a word.
    pub(crate) fn close_nonblocking(&self, code: CloseCode) {
        let mut state = self.lock_state();
        state.start_close_deadline(self.timeouts.close);
        if state.end.is_some() || !state.schedule_close(self.protocol.close(code, "")) {
            return;
        }
        drop(state);
        // A hub has the permit for a moment only. While a sender waits for the network, no Close can be sent.
        let by = Deadline::after(WRITE_QUANTUM);
        let Ok(Some(mut state)) = self.lock_state_with_writer(by) else { return };
        let encoded = state.encode_pending();
        let Some(mut writer) = state.writer.take() else { return };
        drop(state);
        if encoded.is_ok() {
            // An error is no news to a connection that ends here.
            // Not `try_write`: the last sender may be the one who leaves, while another thread reads.
            let _ = writer.buffer.try_write_shared(&self.stream);
        }
        let flushed = writer.buffer.is_empty();
        self.release(&mut self.lock_state(), writer);
        self.emit_sent();
        if flushed {
            self.finish_if_closed_by_eof();
        }
    }

    /// Where closing is nothing but ending the stream, this is the Close: called when all that was sent before is written.
    pub(crate) fn finish_if_closed_by_eof(&self) {
        if self.protocol.closes_by_eof() && !self.lock_state().closing.may_send() {
            self.stream.shutdown_write(WRITE_QUANTUM);
        }
    }

    /// TLS could not make anything of what came. It has an alert for the peer, which costs no waiting.
    pub(crate) fn send_alert(&self) {
        if !self.stream.has_unsolicited_output() {
            return;
        }
        let mut state = self.lock_state();
        // Who has the token takes the alert along.
        let Some(writer) = state.writer.take() else { return };
        drop(state);
        // An error is no news to a connection that ends here.
        let _ = self.stream.try_write(&[]);
        self.release(&mut self.lock_state(), writer);
    }

    /// Ends everything at once, without a Close (6455-7.1.1-2, 6455-10.7-2). Every blocked call of every thread comes back.
    pub(crate) fn abort(&self) {
        self.abort_with(Error::Closed(None));
    }

    pub(crate) fn abort_with(&self, error: Error) -> Error {
        let mut state = self.lock_state();
        let end = state.record_end(error);
        self.notify(&state);
        drop(state);
        self.stream.shutdown();
        end
    }

    /// A write that failed half way leaves a broken frame behind it: nothing can be sent after it. A timeout ends
    /// receiving too; after other failures what the peer sent before can still be received.
    pub(crate) fn fail_write(&self, step: Step, error: std::io::Error) -> Error {
        if error.kind() == ErrorKind::TimedOut {
            return self.abort_with(Error::Timeout(step));
        }
        let mut state = self.lock_state();
        let end = state.record_end(Error::io(step, error));
        self.notify(&state);
        end
    }

    /// Without a masking key nothing can be sent any more, not even a Close.
    #[cold]
    pub(crate) fn fail_without_key(&self, error: std::io::Error) -> Error {
        self.abort_with(Error::io(Step::RandomSource, error))
    }

    /// Why the connection is over, if it is.
    pub(crate) fn end(&self) -> Option<Error> {
        self.lock_state().end.clone()
    }

    /// Whether a Close was sent, and one received.
    pub(crate) fn both_closes_exchanged(&self) -> bool {
        matches!(self.lock_state().closing.phase(), Phase::Closed)
    }

    /// Whether the time for the closing handshake is over.
    pub(crate) fn is_close_overdue(&self) -> bool {
        self.lock_state().close_deadline().is_some_and(|deadline| deadline.is_expired())
    }

    /// Whether messages can still be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.lock_state().check_open().is_ok()
    }

    pub(crate) fn close_info(&self) -> CloseInfo {
        self.lock_state().close_info()
    }

    /// How the connection was closed: known from the peer's Close on, although the answer may not be out.
    pub(crate) fn known_close_info(&self) -> Option<CloseInfo> {
        let state = self.lock_state();
        match &state.end {
            Some(Error::Closed(info)) => info.clone(),
            Some(_) => None,
            None => state.closing.received_close().map(|_| state.close_info()),
        }
    }
}

impl WebSocket {
    /// What the server's door knows a connection by.
    pub(crate) fn shared_connection(&self) -> &Arc<Connection> {
        &self.receiver.connection
    }
}
