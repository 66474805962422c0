//! How a connection ends: the closing handshake, failing, leaving, aborting (RFC 6455 sections 5.5.1 and 7).
//!
//! All of it is bounded by one deadline, set when the first Close is sent or received and kept in the gate: waiting for
//! the token, writing, and waiting for the peer share [`Timeouts::close`](crate::Timeouts::close). What the receiving side
//! still does when its result is known, and who waits for that, is in `linger`.

use std::io::ErrorKind;
use std::sync::Arc;

use super::codec::Close;
use super::link::Link;
use super::WebSocket;
use crate::close::{CloseCode, CloseInfo};
use crate::error::{Error, Result, Step};
use crate::protocol::closing::Phase;
use crate::transport::deadline::Deadline;
use crate::transport::deadline::SLICE;

impl Link {
    /// Sends a Close unless one was sent. The time for the closing handshake runs from here. 6455-7.1.2-1.
    pub(crate) fn start_close(&self, code: CloseCode, reason: &str) -> Result<()> {
        self.dialect.check_close(code, reason)?;
        let deadline = {
            let mut gate = self.gate();
            match gate.closing.phase() {
                Phase::Open => {}
                Phase::Closing | Phase::Answering | Phase::Closed => return Ok(()),
            }
            if let Some(end) = &gate.end {
                return Err(end.clone());
            }
            gate.owe_close(self.dialect.close(code, reason));
            gate.close_by(self.timeouts.close)
        };
        self.await_written(deadline)?;
        self.end_if_closed_by_that();
        Ok(())
    }

    /// Waits until the Close is written, or the connection is over.
    fn await_written(&self, deadline: Deadline) -> Result<()> {
        loop {
            let soon = deadline.earlier(Deadline::after(SLICE));
            if self.last_words(soon)? {
                return Ok(());
            }
            let gate = self.gate();
            match &gate.end {
                // The receiver was quicker to write it.
                Some(Error::Closed(Some(_))) => return Ok(()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            if deadline.passed() {
                drop(gate);
                return Err(self.abort_with(Error::Timeout(Step::Close)));
            }
            // An end that comes meanwhile is told at once.
            drop(self.wait(gate, soon, Step::Close));
        }
    }

    /// Waits until another thread has received the peer's Close; gives up the connection when its time is over.
    pub(crate) fn await_close(&self) -> Result<CloseInfo> {
        let mut gate = self.gate();
        let deadline = gate.close_by(self.timeouts.close);
        loop {
            match &gate.end {
                Some(Error::Closed(Some(info))) => return Ok(info.clone()),
                Some(end) => return Err(end.clone()),
                None => {}
            }
            let both = matches!(gate.closing.phase(), Phase::Closed).then(|| gate.info());
            gate = match (self.wait(gate, deadline, Step::Close), both) {
                (Ok(gate), _) => gate,
                // Only the end of the TCP connection is missing, for which the receiver waits as long.
                (Err(_), Some(info)) => return Ok(info),
                (Err(error), None) => return Err(self.abort_with(error)),
            };
        }
    }

    /// The peer's Close: notes it, and that it is to be answered if none was sent. Gives the time by which all has to be over.
    pub(crate) fn received_close(&self, code: Option<CloseCode>, reason: String, answer: Close) -> Deadline {
        let mut gate = self.gate();
        gate.closing.received(code, reason);
        // 6455-5.5.1-6, 6455-5.5.1-7, 6455-5.5.1-s2
        if gate.closing.owed().is_some() {
            gate.owe_close(answer);
        } else if self.dialect.answers_again(&answer) {
            gate.owe_another_close(answer);
        }
        gate.close_by(self.timeouts.close)
    }

    /// The closing handshake is over: notes the good end for all who come later. 6455-7.1.2-2, 6455-7.1.4-s1: clean is
    /// what came to this, and nothing else.
    pub(crate) fn closed(&self) -> CloseInfo {
        let mut gate = self.gate();
        let info = gate.info();
        gate.ends_as(Error::Closed(Some(info.clone())));
        self.notify(&gate);
        info
    }

    /// Ends the connection for everybody, with a Close owed if one is given. Gives the error that all will see, the first
    /// one, and the time by which all has to be over.
    pub(crate) fn fail(&self, error: Error, code: Option<CloseCode>) -> (Error, Deadline) {
        let mut gate = self.gate();
        if let Some(close) = code.and_then(|code| self.dialect.complaint(code)) {
            gate.owe_close(close);
        }
        let end = gate.ends(error);
        self.notify(&gate);
        (end, gate.close_by(self.timeouts.close))
    }

    /// Writes what is queued and owed, whatever the state of the connection, as far as it goes without waiting for the
    /// network. Waits for the token until `by`. False: something is left.
    ///
    /// 6455-7.1.7-5, 6455-10.7-3: what was queued before goes out too, and then the Close. Also when that was sent before: a
    /// Pong may wait for a Ping that came before the peer's Close (6455-5.5.2-2), and another thread may be in the middle of
    /// writing our Close.
    pub(super) fn last_words(&self, by: Deadline) -> Result<bool> {
        let mut gate = self.gate();
        while gate.writer.is_none() {
            gate = match self.wait(gate, by, Step::Turn) {
                Ok(gate) => gate,
                Err(_) => return Ok(false),
            };
        }
        if let Err(error) = gate.settle() {
            drop(gate);
            return Err(self.abort_with(error));
        }
        let Some(mut writer) = gate.writer.take() else { return Ok(false) };
        drop(gate);
        // Not `write_now`: another thread may be reading.
        let written = writer.outbox.write_beside(&self.stream);
        let left = !writer.outbox.is_empty();
        if left && written.as_ref().is_ok_and(|count| *count > 0) {
            self.stream.note_progress();
        }
        self.give_back(&mut self.gate(), writer);
        self.tell_sent();
        match written {
            Ok(_) => Ok(!left),
            Err(error) => Err(self.write_failed(Step::Close, error)),
        }
    }

    /// A Close that costs no waiting, for the one who leaves without a word.
    pub(crate) fn leave(&self, code: CloseCode) {
        let mut gate = self.gate();
        gate.close_by(self.timeouts.close);
        if gate.end.is_some() || !gate.owe_close(self.dialect.close(code, "")) {
            return;
        }
        // A hub has the token for a moment only. With a sender that waits for the network, there is nothing to be said.
        let by = Deadline::after(SLICE);
        while gate.writer.is_none() {
            gate = match self.wait(gate, by, Step::Turn) {
                Ok(gate) => gate,
                Err(_) => return,
            };
        }
        let settled = gate.settle();
        let Some(mut writer) = gate.writer.take() else { return };
        drop(gate);
        if settled.is_ok() {
            // An error is no news to a connection that ends here.
            // Not `write_now`: the last sender may be the one who leaves, while another thread reads.
            let _ = writer.outbox.write_beside(&self.stream);
        }
        let through = writer.outbox.is_empty();
        self.give_back(&mut self.gate(), writer);
        self.tell_sent();
        if through {
            self.end_if_closed_by_that();
        }
    }

    /// Where closing is nothing but ending the stream, this is the Close: called when all that was sent before is written.
    pub(super) fn end_if_closed_by_that(&self) {
        if self.dialect.closes_by_end() && !self.gate().closing.may_send() {
            self.stream.finish(SLICE);
        }
    }

    /// TLS could not make anything of what came. It has an alert for the peer, which costs no waiting.
    pub(crate) fn send_alert(&self) {
        if !self.stream.has_answers() {
            return;
        }
        let mut gate = self.gate();
        // Who has the token takes the alert along.
        let Some(writer) = gate.writer.take() else { return };
        drop(gate);
        // An error is no news to a connection that ends here.
        let _ = self.stream.write_now(&[]);
        self.give_back(&mut self.gate(), writer);
    }

    /// Ends everything at once, without a Close (6455-7.1.1-2, 6455-10.7-2). Every blocked call of every thread comes back.
    pub(crate) fn abort(&self) {
        self.abort_with(Error::Closed(None));
    }

    pub(crate) fn abort_with(&self, error: Error) -> Error {
        let mut gate = self.gate();
        let end = gate.ends(error);
        self.notify(&gate);
        drop(gate);
        self.stream.shut();
        end
    }

    /// A write that failed half way leaves a broken frame behind it: nothing can be sent after it. A timeout ends
    /// receiving too; after other failures what the peer sent before can still be received.
    pub(crate) fn write_failed(&self, step: Step, error: std::io::Error) -> Error {
        if error.kind() == ErrorKind::TimedOut {
            return self.abort_with(Error::Timeout(step));
        }
        let mut gate = self.gate();
        let end = gate.ends(Error::io(step, error));
        self.notify(&gate);
        end
    }

    /// Without a masking key nothing can be sent any more, not even a Close.
    #[cold]
    pub(crate) fn no_key(&self, error: std::io::Error) -> Error {
        self.abort_with(Error::io(Step::Entropy, error))
    }

    /// Why the connection is over, if it is.
    pub(crate) fn end(&self) -> Option<Error> {
        self.gate().end.clone()
    }

    /// Whether a Close was sent, and one received.
    pub(crate) fn closed_by_both(&self) -> bool {
        matches!(self.gate().closing.phase(), Phase::Closed)
    }

    /// Whether the time for the closing handshake is over.
    pub(crate) fn close_is_late(&self) -> bool {
        self.gate().closes_by().is_some_and(|deadline| deadline.passed())
    }

    /// Whether messages can still be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.gate().check_open().is_ok()
    }

    pub(crate) fn info(&self) -> CloseInfo {
        self.gate().info()
    }

    /// How the connection was closed: known from the peer's Close on, although the answer may not be out.
    pub(crate) fn close_info(&self) -> Option<CloseInfo> {
        let gate = self.gate();
        match &gate.end {
            Some(Error::Closed(info)) => info.clone(),
            Some(_) => None,
            None => gate.closing.received_close().map(|_| gate.info()),
        }
    }
}

impl WebSocket {
    /// What the server's door knows a connection by.
    pub(crate) fn shared_link(&self) -> &Arc<Link> {
        &self.receiver.link
    }
}
