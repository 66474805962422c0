//! The state that a connection's threads share: the writer, pending control frames, close progress, the final error.
//!
//! Plain data behind one lock; nothing here waits or calls the user's code. Knows the writer and the protocol; must not know
//! the connection.
//!
//! | field | invariant |
//! |---|---|
//! | `writer` | `None` exactly while one thread has the write permit |
//! | `pending` | `None` exactly while no frame is due: one check on the path of each message. One frame of each kind at most |
//! | `end` | set once; only a completed closing handshake replaces an earlier failure |

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::end_record::EndRecord;
use super::protocol::{CloseFrame, Protocol};
#[cfg(feature = "hub")]
use super::shared_frame::SharedFrame;
use super::writer::Writer;
use crate::close::{CloseCode, CloseInfo};
use crate::codec::closing::{ClosingHandshake, Phase};
use crate::codec::frame::Opcode;
use crate::error::{Error, Result, Step};
use crate::events::sink::Origin;
use crate::net::deadline::Deadline;

/// Maximum number of bytes in the write buffer while each Ping is answered. Beyond it only the latest one is.
const PONG_BUFFER_LIMIT: usize = 8 << 10;

pub(crate) struct SharedState {
    protocol: Protocol,
    pub(crate) writer: Option<Box<Writer>>,
    /// Number of threads that wait for a change.
    pub(crate) waiters: usize,
    pending: Option<Box<PendingFrames>>,
    pub(crate) closing: ClosingHandshake,
    /// The peer's Close came before any of this side was sent or scheduled.
    closed_by_peer: bool,
    /// The deadline of the closing handshake, set by the first Close.
    close_deadline: Option<Deadline>,
    /// How the connection ended. Shared with the iterator that made the connection, which outlives it.
    pub(crate) end: Arc<EndRecord>,
    /// A message is being sent as a stream: no other message may begin.
    pub(crate) streaming: bool,
    /// The numbers of the last Ping sent and of the last Pong received.
    pub(super) last_ping_sent: u64,
    pub(super) last_pong_received: u64,
    /// The time without a read, or without a write, after which a Ping is due. It can change.
    ping_interval: Duration,
    /// An eighth of it: a write that is not older needs no other wait.
    ping_interval_eighth: Duration,
}

/// Frames to be encoded by the next thread that writes. At least one is due.
#[derive(Default)]
struct PendingFrames {
    /// The payload of the latest unanswered Ping.
    pong: Option<Vec<u8>>,
    ping: bool,
    /// With the origin of the call that requested it.
    close: Option<(CloseFrame, Origin)>,
    /// A frame that a hub left because the writer was not available.
    #[cfg(feature = "hub")]
    shared_frame: Option<SharedFrame>,
}

impl PendingFrames {
    fn is_empty(&self) -> bool {
        #[cfg(feature = "hub")]
        let shared = self.shared_frame.is_some();
        #[cfg(not(feature = "hub"))]
        let shared = false;
        self.pong.is_none() && !self.ping && self.close.is_none() && !shared
    }
}

impl SharedState {
    pub(super) fn new(protocol: Protocol, writer: Writer, ping_interval: Duration) -> SharedState {
        SharedState {
            protocol,
            writer: Some(Box::new(writer)),
            waiters: 0,
            pending: None,
            closing: ClosingHandshake::default(),
            closed_by_peer: false,
            close_deadline: None,
            end: Arc::new(EndRecord::new()),
            streaming: false,
            last_ping_sent: 0,
            last_pong_received: 0,
            ping_interval,
            ping_interval_eighth: eighth(ping_interval),
        }
    }

    /// Returns an error after the end of the connection and after a Close: nothing may be sent then.
    #[inline]
    pub(super) fn check_open(&self) -> Result<()> {
        match self.is_open() {
            true => Ok(()),
            false => Err(self.reason_not_open()),
        }
    }

    #[cold]
    fn reason_not_open(&self) -> Error {
        self.end.get().cloned().unwrap_or_else(|| Error::Closed(Some(self.close_info())))
    }

    /// 6455-5.5.1-5: a pending Close counts like one that was sent, because no message may follow it.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.end.is_set() && self.closing.may_send() && !self.has_pending_close()
    }

    /// Whether a frame is due.
    #[inline]
    pub(super) fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    fn has_pending_close(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.close.is_some())
    }

    /// Ends the connection unless it has ended. Returns the end that all threads see.
    pub(super) fn record_end(&mut self, error: Error) -> Error {
        self.end.record_failure(error).clone()
    }

    /// Records the completed closing handshake, which is the end also after a failure.
    pub(super) fn record_closed(&mut self) {
        self.end.record_closed(Error::Closed(Some(self.close_info())));
    }

    /// Records the peer's Close.
    pub(super) fn record_received_close(&mut self, code: Option<CloseCode>, reason: String) {
        self.closed_by_peer = self.is_open();
        self.closing.record_received(code, reason);
    }

    /// Schedules a Close; `false` if one has been sent or scheduled before.
    pub(super) fn schedule_close(&mut self, close: CloseFrame) -> bool {
        let first = matches!(self.closing.phase(), Phase::Open | Phase::Answering) && !self.has_pending_close();
        if first {
            self.schedule_second_close(close);
        }
        first
    }

    /// Schedules a second Close, which some drafts require as the answer.
    pub(super) fn schedule_second_close(&mut self, close: CloseFrame) {
        self.pending.get_or_insert_with(Box::default).close = Some((close, Origin::current()));
    }

    /// 6455-5.5.2-2: answers a Ping with a frame in the write buffer while there is room. 6455-5.5.3-1: beyond that only
    /// the latest Ping is answered.
    ///
    /// The keys are not low, as for [`encode_pending`](SharedState::encode_pending).
    pub(super) fn answer_ping(&mut self, payload: &[u8]) -> Result<()> {
        debug_assert!(!self.is_low_on_keys(), "a source of keys is called under the lock");
        if !self.closing.answers_pings() {
            return Ok(());
        }
        let deferred = self.defers_pings();
        if let Some(writer) = self.writer.as_deref_mut() {
            if self.pending.is_none() && !deferred && writer.buffer.len() < PONG_BUFFER_LIMIT {
                // 6455-5.5.3-s1: the payload of the Ping, unchanged.
                let answered = writer.append_frame_from(|| Origin::Outside, true, Opcode::Pong, payload);
                return self.end_without_key(answered);
            }
        }
        let pong = self.pending.get_or_insert_with(Box::default).pong.get_or_insert_with(Vec::new);
        pong.clear();
        pong.extend_from_slice(payload);
        Ok(())
    }

    /// Schedules a Ping; `false` if it has to wait for the end of a message.
    pub(super) fn schedule_ping(&mut self) -> bool {
        let deferred = self.defers_pings();
        if self.closing.may_send() && !deferred {
            self.pending.get_or_insert_with(Box::default).ping = true;
        }
        !deferred
    }

    /// The wait until a Ping is due because nothing was written, rounded up to eighths of the interval: equal waits need no
    /// system call. Zero: it is due. A thread that has the writer is about to write.
    pub(super) fn wait_to_ping(&self) -> Duration {
        let Some(writer) = &self.writer else { return self.ping_interval };
        let last_write = writer.buffer.last_write().unwrap_or(self.end.opened());
        let now = Instant::now();
        match last_write.checked_add(self.ping_interval_eighth).is_some_and(|recent| recent <= now) {
            false => self.ping_interval,
            true => round_up_to_eighths(now.saturating_duration_since(last_write), self.ping_interval),
        }
    }

    /// The time without a read, or without a write, after which a Ping is due.
    #[inline]
    pub(super) fn ping_interval(&self) -> Duration {
        self.ping_interval
    }

    pub(super) fn set_ping_interval(&mut self, interval: Duration) {
        (self.ping_interval, self.ping_interval_eighth) = (interval, eighth(interval));
    }

    /// Makes the last write and the opening this much older, as if so much time had passed.
    #[cfg(test)]
    pub(super) fn pass(&mut self, time: Duration) {
        self.end = Arc::new(self.end.older_by(time));
        if let Some(writer) = &mut self.writer {
            writer.buffer.pass(time);
        }
    }

    /// Whether Ping and Pong have to wait for the end of a message that is sent as a stream. Once a Close is pending, that
    /// message no longer ends.
    fn defers_pings(&self) -> bool {
        self.streaming && !self.protocol.interleaves_control_frames() && !self.has_pending_close()
    }

    /// The deadline of the closing handshake. Its time runs from the first call. hixie76-4.2-9: in every version.
    pub(super) fn start_close_deadline(&mut self, limit: Duration) -> Deadline {
        *self.close_deadline.get_or_insert_with(|| Deadline::after(limit))
    }

    pub(super) fn close_deadline(&self) -> Option<Deadline> {
        self.close_deadline
    }

    /// Whether the writer is available and encoding a few frames may call the source of keys.
    #[inline]
    pub(super) fn is_low_on_keys(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.encoder.is_low_on_keys())
    }

    /// Encodes the pending frames, at most four, if the writer is available. A Close is the last one.
    ///
    /// The caller has checked [`is_low_on_keys`](SharedState::is_low_on_keys) under the same lock, so no source of keys is
    /// called meanwhile, and there is no error. One would be the end of the connection.
    #[inline]
    pub(super) fn encode_pending(&mut self) -> Result<()> {
        match self.pending {
            None => Ok(()),
            Some(_) => self.encode_pending_frames(),
        }
    }

    #[cold]
    fn encode_pending_frames(&mut self) -> Result<()> {
        debug_assert!(!self.is_low_on_keys(), "a source of keys is called under the lock");
        let encoded = self.append_pending_frames();
        self.end_without_key(encoded)
    }

    /// Without a masking key nothing can be sent, not even a Close.
    fn end_without_key(&mut self, encoded: io::Result<()>) -> Result<()> {
        encoded.map_err(|error| self.record_end(Error::io(Step::RandomSource, error)))
    }

    fn append_pending_frames(&mut self) -> io::Result<()> {
        let deferred = self.defers_pings();
        let SharedState { writer: Some(writer), pending, closing, last_ping_sent, .. } = self else {
            return Ok(());
        };
        let mut due = pending.take().unwrap_or_default();
        // 6455-5.5.2-2: a Ping that came before a Close is answered all the same.
        if let Some(pong) = due.pong.take_if(|_| !deferred) {
            writer.append_frame_from(|| Origin::Outside, true, Opcode::Pong, &pong)?;
        }
        if mem::take(&mut due.ping) && closing.may_send() && !deferred {
            *last_ping_sent = last_ping_sent.wrapping_add(1);
            writer.append_frame_from(|| Origin::Outside, true, Opcode::Ping, &last_ping_sent.to_be_bytes())?;
        }
        #[cfg(feature = "hub")]
        if let Some(shared_frame) = due.shared_frame.take_if(|_| closing.may_send() && !self.streaming) {
            shared_frame.append_to(writer)?;
        }
        if let Some((close, origin)) = due.close.take() {
            closing.record_sent(close.code);
            writer.append_frame_from(|| origin, true, Opcode::Close, &close.body)?;
            // 6455-5.5.1-5: a frame of a hub that waited for the end of a stream is not sent any more.
            #[cfg(feature = "hub")]
            drop(due.shared_frame.take());
        }
        *pending = Some(due).filter(|due| !due.is_empty());
        Ok(())
    }

    pub(super) fn close_info(&self) -> CloseInfo {
        CloseInfo {
            received: self.closing.received_close(),
            sent: self.closing.sent_code(),
            by_peer: self.closed_by_peer,
        }
    }
}

fn eighth(interval: Duration) -> Duration {
    interval.checked_div(8).unwrap_or_default()
}

/// The part of the interval that is left after `passed`, rounded up.
#[cold]
fn round_up_to_eighths(passed: Duration, interval: Duration) -> Duration {
    let (left, unit) = (interval.saturating_sub(passed), eighth(interval));
    let units = left.as_nanos().div_ceil(unit.as_nanos().max(1));
    unit.saturating_mul(u32::try_from(units).unwrap_or(8)).min(interval)
}

/// Feature `hub`: a frame that the hub leaves for the thread that has the writer.
#[cfg(feature = "hub")]
impl SharedState {
    pub(super) fn pending_shared_frame(&self) -> Option<&SharedFrame> {
        self.pending.as_ref()?.shared_frame.as_ref()
    }

    pub(super) fn schedule_shared_frame(&mut self, frame: SharedFrame) {
        self.pending.get_or_insert_with(Box::default).shared_frame = Some(frame);
    }

    pub(super) fn drop_shared_frame(&mut self) {
        if let Some(mut pending) = self.pending.take() {
            pending.shared_frame = None;
            self.pending = Some(pending).filter(|pending| !pending.is_empty());
        }
    }
}
