//! The part of a connection that all of its threads share: the stream, the state under a lock, and the wait for a change.
//!
//! **One writer.** A connection has one [`Writer`]: the encoder, and the bytes that wait for the network. It is in the state,
//! or in a [`WritePermit`](super::write_permit::WritePermit) of one thread, which is then the only one that writes. The lock
//! is never held during I/O, and a thread that needs the permit waits for it with a deadline.
//!
//! | thread | acquires the permit | writes |
//! |---|---|---|
//! | sender (`send`) | waits up to [`Timeouts::write`] | everything, each 64 KiB within [`Timeouts::write`] |
//! | receiver, before it waits for input (`send`) | only if it is available | what needs no waiting |
//! | closing thread (`close`, `ending`) | waits up to [`Timeouts::close`], or less | what needs no waiting, repeated until the rest and a Close are written |
//! | hub (`nonblocking`) | only if it is available; if not, it leaves one frame in the state | what needs no waiting |
//! | a call that queues (`send`) | no: it appends under the lock | from 128 KiB on, as a sender |
//!
//! **Pending frames.** A Pong, a keepalive Ping and a Close are scheduled in the state, and encoded by the next thread that
//! has the permit. It looks for them and releases the permit in one step under the lock, so none is left behind. A Pong goes
//! directly to the write buffer if that is available and has room; otherwise only the latest Ping is answered (6455-5.5.3-1).
//!
//! **The end** is set once, in the state, and is the same for all threads. [`Connection::abort`] shuts down the stream, which
//! wakes each thread blocked in it; the other threads wait for a change of the state and see the end there.
//!
//! This file must not know how frames are sent, received or closed. Those are `impl` blocks in the files above it.

use std::io::{self, ErrorKind};
#[cfg(feature = "trace")]
use std::mem;
use std::sync::Arc;
#[cfg(feature = "server")]
use std::sync::OnceLock;
use std::time::Duration;

use super::framing::Encoder;
#[cfg(feature = "server")]
use super::host_thread::{Host, HostThread};
use super::protocol::Protocol;
#[cfg(feature = "trace")]
use super::report::FrameNote;
#[cfg(feature = "hub")]
use super::shared_frame::FrameFormat;
use super::state::{SharedState, WaitingSenders};
use super::writer::Writer;
use crate::codec::frame::Role;
use crate::config::Timeouts;
use crate::error::{Error, Result, Step};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
#[cfg(feature = "trace")]
use crate::events::sink::{EventSink, Origin};
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::primitives::lock::{assert_unlocked, Condition, Lock, Locked};

pub(crate) struct Connection {
    pub(crate) stream: Arc<Stream>,
    pub(crate) timeouts: Timeouts,
    pub(crate) role: Role,
    pub(crate) protocol: Protocol,
    /// The form of this side's frames.
    #[cfg(feature = "hub")]
    pub(crate) frame_format: FrameFormat,
    #[cfg(feature = "trace")]
    pub(super) events: EventSink,
    /// A server's thread that stays until the connection has ended.
    #[cfg(feature = "server")]
    host: OnceLock<Arc<Host>>,
    state: Lock<SharedState>,
    /// Notified when the writer is back, a Pong has come, a stream has ended, or the connection has. Only while `waiters` is
    /// not 0.
    changed: Condition,
    /// Notified for one of the waiting senders when the writer is back, and for all at every other change.
    writer_is_back: Condition,
}

impl Connection {
    #[inline(never)]
    pub(super) fn new(
        stream: impl Into<Arc<Stream>>,
        role: Role,
        protocol: Protocol,
        encoder: Encoder,
        timeouts: Timeouts,
    ) -> Arc<Connection> {
        let ping_interval = if protocol.check_ping().is_ok() { timeouts.ping_interval } else { Duration::MAX };
        #[cfg(feature = "hub")]
        let frame_format = FrameFormat::of(&encoder);
        let state = SharedState::new(protocol, Writer::new(encoder), ping_interval);
        Arc::new(Connection {
            stream: stream.into(),
            timeouts,
            role,
            protocol,
            #[cfg(feature = "hub")]
            frame_format,
            #[cfg(feature = "trace")]
            events: EventSink::default(),
            #[cfg(feature = "server")]
            host: OnceLock::new(),
            state: Lock::new(state),
            changed: Condition::new(),
            writer_is_back: Condition::new(),
        })
    }

    /// Sets the receiver of events, before there are any.
    #[cfg(feature = "trace")]
    pub(super) fn set_events(&mut self, events: EventSink) {
        if let (true, Some(writer)) = (events.is_enabled(), &mut self.lock_state().writer) {
            writer.frame_notes = Some(Vec::new());
        }
        self.events = events;
    }

    // ── the state ───────────────────────────────────────────────────────────────────────────────────────────────────

    #[inline]
    pub(crate) fn lock_state(&self) -> Locked<'_, SharedState> {
        self.state.lock()
    }

    /// Puts the writer back, so that the next thread can have the permit.
    pub(super) fn put_back(&self, state: &mut SharedState, writer: Box<Writer>) {
        state.writer = Some(writer);
        self.notify_of_writer(state);
    }

    /// Wakes all threads that wait.
    pub(super) fn notify(&self, state: &SharedState) {
        if state.waiters > 0 {
            self.changed.notify_all();
        }
        if state.waiting_senders.count > 0 {
            self.writer_is_back.notify_all();
        }
    }

    /// Wakes one sender, and the threads that wait for other changes too.
    #[inline]
    pub(super) fn notify_of_writer(&self, state: &mut SharedState) {
        if state.waiters > 0 {
            self.changed.notify_all();
        }
        self.wake_sender(state);
    }

    /// Wakes one sender, unless one is on its way.
    #[inline]
    pub(super) fn wake_sender(&self, state: &mut SharedState) {
        let senders = &mut state.waiting_senders;
        if senders.count > 0 && !senders.is_one_woken {
            senders.is_one_woken = true;
            self.writer_is_back.notify_one();
        }
    }

    /// Waits for a change of the state. The deadline's error names the step.
    pub(super) fn wait<'a>(
        &'a self,
        mut state: Locked<'a, SharedState>,
        deadline: Deadline,
        step: Step,
    ) -> Result<Locked<'a, SharedState>> {
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Error::Timeout(step));
        }
        state.waiters = state.waiters.saturating_add(1);
        let mut state = state.wait(&self.changed, left);
        state.waiters = state.waiters.saturating_sub(1);
        Ok(state)
    }

    /// As [`wait`](Connection::wait), of a thread that has to send, until the writer is back or the connection has ended.
    pub(super) fn wait_to_send<'a>(
        &'a self,
        mut state: Locked<'a, SharedState>,
        deadline: Deadline,
    ) -> Result<Locked<'a, SharedState>> {
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(Error::Timeout(Step::SendLock));
        }
        state.waiting_senders.count = state.waiting_senders.count.saturating_add(1);
        let mut state = state.wait(&self.writer_is_back, left);
        let count = state.waiting_senders.count.saturating_sub(1);
        state.waiting_senders = WaitingSenders { count, is_one_woken: false };
        Ok(state)
    }

    // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// How the connection ended, if it has.
    pub(crate) fn end(&self) -> Option<Error> {
        self.lock_state().end.get().cloned()
    }

    /// Ends everything at once, without a Close (6455-7.1.1-2, 6455-10.7-2). Each blocked call of each thread returns.
    pub(crate) fn abort(&self) {
        self.abort_with(Error::Closed(None));
    }

    /// As [`abort`](Connection::abort), with this error. Returns the end that all threads see.
    pub(crate) fn abort_with(&self, error: Error) -> Error {
        let end = self.record_end(error);
        self.stream.shutdown();
        end
    }

    /// A failed write may leave a part of a frame, so nothing can be sent after it. A timeout ends receiving too; after other
    /// failures, what the peer sent before can still be received.
    pub(crate) fn fail_write(&self, step: Step, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::TimedOut => self.abort_with(Error::Timeout(step)),
            _ => self.record_end(Error::io(step, error)),
        }
    }

    /// Without a masking key nothing can be sent, not even a Close.
    #[cold]
    pub(super) fn fail_without_key(&self, error: io::Error) -> Error {
        self.abort_with(Error::io(Step::RandomSource, error))
    }

    fn record_end(&self, error: Error) -> Error {
        let mut state = self.lock_state();
        let end = state.record_end(error);
        self.notify(&state);
        end
    }

    // ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Emits the events of frames that were encoded. The caller holds neither the lock nor the permit. While another thread
    /// has the permit, that thread emits them.
    #[inline]
    pub(super) fn emit_sent(&self) {
        assert_unlocked();
        #[cfg(feature = "trace")]
        if self.events.is_enabled() && Origin::current() == Origin::Outside {
            self.emit_frame_notes();
        }
    }

    #[cfg(feature = "trace")]
    #[cold]
    fn emit_frame_notes(&self) {
        let frame_notes =
            self.lock_state().writer.as_mut().and_then(|writer| writer.frame_notes.as_mut().map(mem::take));
        FrameNote::emit_sent(frame_notes.unwrap_or_default(), &self.events);
    }

    /// Emits the end of the connection, once.
    pub(super) fn emit_end(&self) {
        #[cfg(feature = "trace")]
        self.emit_end_once();
    }

    #[cfg(feature = "trace")]
    fn emit_end_once(&self) {
        if !self.events.claim_end() {
            return;
        }
        self.emit_sent();
        let end = self.end().unwrap_or(Error::Closed(None));
        if let Error::Timeout(step) = end {
            self.events.emit(|| EventKind::Timeout(step));
        }
        self.events.emit(|| EventKind::Ended(end));
    }

    /// Frees memory that an idle connection does not need.
    pub(super) fn shrink(&self) {
        if let Some(writer) = &mut self.lock_state().writer {
            writer.buffer.shrink();
            self.stream.shrink();
            writer.encoder.shrink();
        }
    }
}

/// Feature `server`: the thread that ends the connection.
#[cfg(feature = "server")]
impl Connection {
    /// Makes the current thread the one that ends this connection, if it is dropped before its end.
    pub(crate) fn host_thread(&self) -> HostThread {
        HostThread::new(self.host.get_or_init(Arc::default).clone())
    }

    pub(super) fn host(&self) -> Option<&Host> {
        self.host.get().map(Arc::as_ref)
    }
}

#[cfg(test)]
#[cfg(feature = "trace")]
mod tests {
    use super::*;
    use crate::connection::testing::{long_timeouts, observed_websocket, websocket_with, ROLES};
    use crate::connection::websocket::ConnectionInfo;
    use crate::events::sink::EventCallback;
    use crate::net::stream::tests::sockets;
    use std::sync::mpsc;

    /// Frames of other threads are reported by the next call outside the handler.
    #[test]
    fn a_handler_leaves_the_events_of_others() {
        for role in ROLES {
            let (sender, log) = (Arc::new(std::sync::OnceLock::<crate::Sender>::new()), mpsc::channel());
            let (in_handler, names) = (sender.clone(), std::sync::Mutex::new(log.0));
            let callback = EventCallback::new(move |event| {
                let _ = names.lock().unwrap().send(event.name());
                if let EventKind::Timeout(_) = event.kind() {
                    in_handler.get().unwrap().queue("from the handler").unwrap();
                }
            });
            let (near, _far) = sockets();
            let info = ConnectionInfo { events: callback.for_connection(), ..ConnectionInfo::default() };
            let ws = websocket_with(info, Stream::from_socket(near).unwrap(), role, long_timeouts());
            assert!(sender.set(ws.sender()).is_ok());
            let connection = ws.connection();
            connection.answer_ping(b"noted");
            connection.events.emit(|| EventKind::Timeout(Step::Pong));
            connection.emit_sent();
            assert_eq!(log.1.try_iter().collect::<Vec<_>>(), ["opened", "timeout", "frame-sent"]);
        }
    }

    #[test]
    fn the_end_is_reported_once_and_last() {
        for role in ROLES {
            let (ws, _peer, events) = observed_websocket(role, long_timeouts());
            let connection = ws.connection();
            connection.answer_ping(b"noted");
            connection.abort_with(Error::Timeout(Step::Write));
            connection.emit_end();
            connection.emit_end();
            let all = events();
            assert_eq!(all[..3], ["opened", "frame-sent: Pong, 5 bytes", "timeout: Write"]);
            assert!(all.len() == 4 && all[3].starts_with("ended: "), "{all:?}");
        }
    }
}
