//! What a connection's threads agree on: who has the token, what is owed, how far the closing handshake is, the end.
//! Plain state under one mutex; nothing here waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::framing::{CloseFrame, Protocol};
use super::shared::Writer;
use super::shared_frame::SharedFrame;
use crate::close::CloseInfo;
use crate::codec::closing::{ClosingHandshake, Phase};
use crate::codec::frame::Opcode;
use crate::error::{Error, Result, Step};
use crate::events::sink::Origin;
use crate::net::deadline::Deadline;
#[cfg(feature = "reconnect")]
use crate::reconnect::end_record::EndRecord;

/// While the outbox has less than this, each Ping is answered.
const PONG_BUFFER_LIMIT: usize = 8 << 10;

pub(crate) struct SharedState {
    protocol: Protocol,
    /// The token; `None` while a thread writes.
    pub(crate) writer: Option<Box<Writer>>,
    /// Threads that wait for a change.
    pub(crate) waiters: usize,
    pub(crate) pending: PendingControl,
    pub(crate) closing: ClosingHandshake,
    /// When the closing handshake has to be over; set by the first Close.
    close_deadline: Option<Deadline>,
    /// Why the connection is over. Set once, except that a good end replaces a write that failed after it.
    pub(crate) end: Option<Error>,
    /// Where the end is written down for the one who made the connection.
    #[cfg(feature = "reconnect")]
    pub(crate) end_record: Option<Arc<EndRecord>>,
    /// A message is being sent as a stream: no other may begin.
    pub(crate) streaming: bool,
    /// The numbers of the last Ping sent and of the last Pong received.
    pub(crate) last_ping_sent: u64,
    pub(crate) last_pong_received: u64,
}

/// Control frames to be sent by whoever writes next.
#[derive(Default)]
pub(crate) struct PendingControl {
    /// Whether there is anything at all.
    pub(crate) any: bool,
    /// The payload of the newest unanswered Ping; kept for its memory.
    pong: Vec<u8>,
    pong_due: bool,
    ping_due: bool,
    /// And where it was asked for.
    close: Option<(CloseFrame, Origin)>,
    /// A message for many, left here by a hub that found the token gone.
    pub(crate) shared_frame: Option<SharedFrame>,
}

impl SharedState {
    pub(crate) fn new(protocol: Protocol, writer: Writer) -> SharedState {
        SharedState {
            protocol,
            writer: Some(Box::new(writer)),
            waiters: 0,
            pending: PendingControl::default(),
            closing: ClosingHandshake::default(),
            close_deadline: None,
            end: None,
            #[cfg(feature = "reconnect")]
            end_record: None,
            streaming: false,
            last_ping_sent: 0,
            last_pong_received: 0,
        }
    }

    /// Nothing more may be sent after the end or after a Close.
    pub(crate) fn check_open(&self) -> Result<()> {
        match &self.end {
            Some(end) => Err(end.clone()),
            None if !self.is_open() => Err(Error::Closed(Some(self.close_info()))),
            None => Ok(()),
        }
    }

    /// 6455-5.5.1-5: a Close that is owed counts like one that was sent. Whoever settles it next must not put a message
    /// behind it.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.end.is_none() && self.closing.may_send() && self.pending.close.is_none()
    }

    /// Ends the connection, unless it was over before. Gives the end that all will see.
    pub(crate) fn record_end(&mut self, error: Error) -> Error {
        if self.end.is_none() {
            self.replace_end(error);
        }
        self.end.clone().unwrap_or(Error::Closed(None))
    }

    /// Ends the connection in this way, whatever ended it before.
    pub(crate) fn replace_end(&mut self, error: Error) {
        #[cfg(feature = "reconnect")]
        if let Some(end_record) = &self.end_record {
            end_record.store(&error);
        }
        self.end = Some(error);
    }

    /// Notes a Close to be sent; false when one has been sent or noted before.
    pub(crate) fn schedule_close(&mut self, close: CloseFrame) -> bool {
        let first = matches!(self.closing.phase(), Phase::Open | Phase::Answering) && self.pending.close.is_none();
        if first {
            self.pending.close = Some((close, Origin::current()));
            self.pending.any = true;
        }
        first
    }

    /// Notes a second Close, which a draft may want for an answer.
    pub(crate) fn schedule_second_close(&mut self, close: CloseFrame) {
        self.pending.close = Some((close, Origin::current()));
        self.pending.any = true;
    }

    /// 6455-5.5.2-2: answers a Ping. While there is room, with a frame in the outbox; 6455-5.5.3-1: of those that come
    /// when there is none, the newest is answered.
    pub(crate) fn answer_ping(&mut self, payload: &[u8]) -> io::Result<()> {
        if !self.closing.answers_pings() {
            return Ok(());
        }
        let held = self.defers_pings();
        if let Some(writer) = self.writer.as_deref_mut() {
            if !self.pending.any && !held && writer.buffer.len() < PONG_BUFFER_LIMIT {
                // 6455-5.5.3-s1: the payload of the Ping, unchanged.
                return writer.frame_of(|| Origin::Outside, true, Opcode::Pong, payload);
            }
        }
        self.pending.pong.clear();
        self.pending.pong.extend_from_slice(payload);
        self.pending.pong_due = true;
        self.pending.any = true;
        Ok(())
    }

    /// False if the Ping would have to wait for the end of a message.
    pub(crate) fn schedule_ping(&mut self) -> bool {
        let held = self.defers_pings();
        if self.closing.may_send() && !held {
            self.pending.ping_due = true;
            self.pending.any = true;
        }
        !held
    }

    /// Whether Ping and Pong have to wait for the end of a message that is being sent as a stream. If a Close is to go,
    /// that message has no end any more.
    fn defers_pings(&self) -> bool {
        self.streaming && !self.protocol.interleaves_control_frames() && self.pending.close.is_none()
    }

    /// The time by which the closing handshake has to be over, which runs from the first call.
    pub(crate) fn start_close_deadline(&mut self, limit: Duration) -> Deadline {
        *self.close_deadline.get_or_insert_with(|| Deadline::after(limit))
    }

    pub(crate) fn close_deadline(&self) -> Option<Deadline> {
        self.close_deadline
    }

    /// Whether the writer is available and encoding a few frames may call the source of keys.
    #[inline]
    pub(crate) fn is_low_on_keys(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.encoder.is_low_on_keys())
    }

    /// Encodes the pending frames, at most four, if the writer is available. A Close is the last one.
    ///
    /// The caller has locked the state with [`Connection::lock_state_with_keys`](super::shared::Connection::lock_state_with_keys),
    /// so no source of keys is called meanwhile.
    #[inline]
    pub(crate) fn encode_pending(&mut self) -> Result<()> {
        if self.pending.any {
            return self.encode_pending_frames().map_err(|error| Error::io(Step::RandomSource, error));
        }
        Ok(())
    }

    #[cold]
    fn encode_pending_frames(&mut self) -> io::Result<()> {
        let held = self.defers_pings();
        let SharedState { writer: Some(writer), pending, closing, last_ping_sent, streaming, .. } = self else {
            return Ok(());
        };
        pending.any = held && pending.pong_due;
        // 6455-5.5.2-2: a Close that came after the Ping takes nothing back.
        if !held && std::mem::take(&mut pending.pong_due) {
            writer.frame_of(|| Origin::Outside, true, Opcode::Pong, &pending.pong)?;
        }
        if std::mem::take(&mut pending.ping_due) && closing.may_send() && !held {
            *last_ping_sent = last_ping_sent.wrapping_add(1);
            writer.frame_of(|| Origin::Outside, true, Opcode::Ping, &last_ping_sent.to_be_bytes())?;
        }
        let message = closing.may_send() && !*streaming;
        if let Some(shared_frame) = pending.shared_frame.take_if(|_| message) {
            shared_frame.append_to(writer)?;
        }
        pending.any |= pending.shared_frame.is_some();
        if let Some((close, origin)) = pending.close.take() {
            closing.record_sent(close.code);
            writer.frame_of(|| origin, true, Opcode::Close, &close.body)?;
        }
        Ok(())
    }

    pub(crate) fn close_info(&self) -> CloseInfo {
        CloseInfo { received: self.closing.received_close(), sent: self.closing.sent_code() }
    }
}
