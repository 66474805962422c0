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
    /// Number of threads that wait for a change, without those that wait to send.
    pub(crate) waiters: usize,
    pub(super) waiting_senders: WaitingSenders,
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

/// Threads that wait for the permit, to send. `write_permit` has the invariant.
#[derive(Default)]
pub(super) struct WaitingSenders {
    pub(super) count: usize,
    /// One of them was woken, and has not locked the state since.
    pub(super) is_one_woken: bool,
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
            waiting_senders: WaitingSenders::default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Role;
    use crate::connection::testing::{connection, long_timeouts, ROLES};

    /// 6455-5.5.2-2: each Ping is answered while the write buffer has less than 8 KiB. 6455-5.5.3-1: then the latest one is.
    #[test]
    fn each_ping_is_answered_while_there_is_room() {
        for role in ROLES {
            let header = if role == Role::Client { 6 } else { 2 };
            for (last, has_room) in [(63, true), (64, false)] {
                let (connection, mut peer) = connection(role, long_timeouts());
                for size in std::iter::repeat(64).take(127).chain([last]) {
                    connection.answer_ping(&vec![0; size - header]);
                }
                assert!(!connection.lock_state().has_pending());
                connection.answer_ping(b"first");
                assert_eq!(connection.lock_state().has_pending(), !has_room, "{role:?} {last}");
                connection.answer_ping(b"second");
                connection.answer_ping(b"third");
                while connection.flush_before_read().congested {}
                let pongs: Vec<_> = (0..if has_room { 130 } else { 129 }).map(|_| peer.frame().unwrap().2).collect();
                let newest = pongs.get(128..).unwrap();
                assert!(
                    if has_room { newest == [&b"first"[..], b"third"] } else { newest == [b"third"] },
                    "{newest:?}"
                );
            }
        }
    }

    /// 6455-5.3-3. The keys are never low there, so no connection shows it.
    #[test]
    fn a_control_frame_without_a_key_ends_the_connection() {
        for role in ROLES {
            let (connection, _peer) = connection(role, long_timeouts());
            let mut state = connection.lock_state();
            assert!(state.end_without_key(Ok(())).is_ok() && !state.end.is_set());
            let error = state.end_without_key(Err(io::ErrorKind::Other.into())).unwrap_err();
            assert!(matches!(&error, Error::Io(e) if e.step() == Step::RandomSource) && state.end.is_set(), "{error}");
        }
    }

    /// 6455-5.5.2-2: a Ping behind the Close of the peer is not answered.
    #[test]
    fn a_ping_behind_a_close_is_not_answered() {
        for role in ROLES {
            let (connection, _peer) = connection(role, long_timeouts());
            let answer = connection.protocol.close(CloseCode::NORMAL, "");
            connection.on_close_received(Some(CloseCode::NORMAL), String::new(), answer);
            connection.answer_ping(b"late");
            let state = connection.lock_state();
            assert!(state.writer.as_ref().is_some_and(|writer| writer.buffer.is_empty()));
            assert!(state.pending.as_ref().is_some_and(|pending| pending.pong.is_none() && pending.close.is_some()));
        }
    }

    #[test]
    fn the_side_whose_close_is_first_closes() {
        for role in ROLES {
            let closed_by_peer = |near_first, far| {
                let (connection, _peer) = connection(role, long_timeouts());
                let close = || connection.protocol.close(CloseCode::NORMAL, "");
                if near_first {
                    connection.lock_state().schedule_close(close());
                }
                if far {
                    connection.on_close_received(Some(CloseCode::NORMAL), String::new(), close());
                }
                let open = connection.lock_state().check_open();
                match open {
                    Err(Error::Closed(Some(info))) => info.closed_by_peer(),
                    result => panic!("{result:?}"),
                }
            };
            assert!(closed_by_peer(false, true) && !closed_by_peer(true, true) && !closed_by_peer(true, false));
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_close_of_the_hub_drops_its_frame_and_nothing_else() {
        use crate::connection::nonblocking::ConnectionStatus;
        use crate::connection::shared_frame::Encoding;
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let writer = connection.lock_state().writer.take();
            connection.answer_ping(b"ping");
            let frame = SharedFrame { bytes: [0x81, 0][..].into(), encoding: Encoding::AsIs, origin: Origin::Outside };
            connection.lock_state().schedule_shared_frame(frame);
            assert!(connection.begin_close(CloseCode::POLICY, "").is_some());
            connection.lock_state().writer = writer;
            assert_eq!(connection.poll_close(), ConnectionStatus::Ready);
            assert_eq!(peer.frame(), Some((true, Opcode::Pong, b"ping".to_vec())));
            assert_eq!(peer.frame(), Some((true, Opcode::Close, 1008_u16.to_be_bytes().to_vec())));
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_frame_of_the_hub_does_not_wait_behind_a_close() {
        use crate::connection::shared_frame::Encoding;
        for role in ROLES {
            let (connection, _peer) = connection(role, long_timeouts());
            let mut state = connection.lock_state_with_keys().unwrap();
            state.streaming = true;
            let bytes = [0x81, 0][..].into();
            state.schedule_shared_frame(SharedFrame { bytes, encoding: Encoding::AsIs, origin: Origin::Outside });
            state.encode_pending().unwrap();
            assert!(state.has_pending());
            state.schedule_close(connection.protocol.close(CloseCode::NORMAL, ""));
            state.encode_pending().unwrap();
            assert!(!state.has_pending());
        }
    }

    #[test]
    fn the_wait_to_a_ping_is_rounded_up_to_eighths() {
        let milliseconds = Duration::from_millis;
        for (passed, left) in [(0, 800), (1, 800), (99, 800), (100, 700), (101, 700), (799, 100), (800, 0), (900, 0)] {
            assert_eq!(round_up_to_eighths(milliseconds(passed), milliseconds(800)), milliseconds(left), "{passed}");
        }
        assert_eq!(round_up_to_eighths(Duration::ZERO, Duration::MAX), Duration::MAX);
    }
}
