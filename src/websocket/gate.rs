//! What a connection's threads agree on: who has the token, what is owed, how far the closing handshake is, the end.
//! Plain state under one mutex; nothing here waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::codec::{Close, Dialect};
use super::fate::Fate;
use super::link::Writer;
use super::share::Parcel;
use crate::close::CloseInfo;
use crate::error::{Error, Result, Step};
use crate::protocol::closing::{Closing, Phase};
use crate::trace::Origin;
use crate::transport::deadline::Deadline;
use crate::wire::frame::Opcode;

/// While the outbox has less than this, each Ping is answered.
const PONGS: usize = 8 << 10;

pub(super) struct Gate {
    dialect: Dialect,
    /// The token; `None` while a thread writes.
    pub(super) writer: Option<Box<Writer>>,
    /// Threads that wait for a change.
    pub(super) waiting: usize,
    pub(super) owed: Owed,
    pub(super) closing: Closing,
    /// When the closing handshake has to be over; set by the first Close.
    close_by: Option<Deadline>,
    /// Why the connection is over. Set once, except that a good end replaces a write that failed after it.
    pub(super) end: Option<Error>,
    /// Where the end is written down for the one who made the connection.
    pub(super) fate: Option<Arc<Fate>>,
    /// A message is being sent as a stream: no other may begin.
    pub(super) streaming: bool,
    /// The numbers of the last Ping sent and of the last Pong received.
    pub(super) pings: u64,
    pub(super) pongs: u64,
}

/// Control frames to be sent by whoever writes next.
#[derive(Default)]
pub(super) struct Owed {
    /// Whether there is anything at all.
    pub(super) any: bool,
    /// The payload of the newest unanswered Ping; kept for its memory.
    pong: Vec<u8>,
    pong_due: bool,
    ping_due: bool,
    /// And where it was asked for.
    close: Option<(Close, Origin)>,
    /// A message for many, left here by a hub that found the token gone.
    pub(super) parcel: Option<Parcel>,
}

impl Gate {
    pub(super) fn new(dialect: Dialect, writer: Writer) -> Gate {
        Gate {
            dialect,
            writer: Some(Box::new(writer)),
            waiting: 0,
            owed: Owed::default(),
            closing: Closing::default(),
            close_by: None,
            end: None,
            fate: None,
            streaming: false,
            pings: 0,
            pongs: 0,
        }
    }

    /// Nothing more may be sent after the end or after a Close.
    pub(super) fn check_open(&self) -> Result<()> {
        match &self.end {
            Some(end) => Err(end.clone()),
            None if !self.is_open() => Err(Error::Closed(Some(self.info()))),
            None => Ok(()),
        }
    }

    /// 6455-5.5.1-5: a Close that is owed counts like one that was sent. Whoever settles it next must not put a message
    /// behind it.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && self.closing.may_send() && self.owed.close.is_none()
    }

    /// Ends the connection, unless it was over before. Gives the end that all will see.
    pub(super) fn ends(&mut self, error: Error) -> Error {
        if self.end.is_none() {
            self.ends_as(error);
        }
        self.end.clone().unwrap_or(Error::Closed(None))
    }

    /// Ends the connection in this way, whatever ended it before.
    pub(super) fn ends_as(&mut self, error: Error) {
        if let Some(fate) = &self.fate {
            fate.ended(&error);
        }
        self.end = Some(error);
    }

    /// Notes a Close to be sent; false when one has been sent or noted before.
    pub(super) fn owe_close(&mut self, close: Close) -> bool {
        let first = matches!(self.closing.phase(), Phase::Open | Phase::Answering) && self.owed.close.is_none();
        if first {
            self.owed.close = Some((close, Origin::current()));
            self.owed.any = true;
        }
        first
    }

    /// Notes a second Close, which a draft may want for an answer.
    pub(super) fn owe_another_close(&mut self, close: Close) {
        self.owed.close = Some((close, Origin::current()));
        self.owed.any = true;
    }

    /// 6455-5.5.2-2: answers a Ping. While there is room, with a frame in the outbox; 6455-5.5.3-1: of those that come
    /// when there is none, the newest is answered.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) -> io::Result<()> {
        if !self.closing.answers_pings() {
            return Ok(());
        }
        let held = self.holds_pings();
        if let Some(writer) = self.writer.as_deref_mut() {
            if !self.owed.any && !held && writer.outbox.len() < PONGS {
                // 6455-5.5.3-s1: the payload of the Ping, unchanged.
                return writer.frame_of(|| Origin::Outside, true, Opcode::Pong, payload);
            }
        }
        self.owed.pong.clear();
        self.owed.pong.extend_from_slice(payload);
        self.owed.pong_due = true;
        self.owed.any = true;
        Ok(())
    }

    /// False if the Ping would have to wait for the end of a message.
    pub(super) fn owe_ping(&mut self) -> bool {
        let held = self.holds_pings();
        if self.closing.may_send() && !held {
            self.owed.ping_due = true;
            self.owed.any = true;
        }
        !held
    }

    /// Whether Ping and Pong have to wait for the end of a message that is being sent as a stream. If a Close is to go,
    /// that message has no end any more.
    fn holds_pings(&self) -> bool {
        self.streaming && !self.dialect.interleaves() && self.owed.close.is_none()
    }

    /// The time by which the closing handshake has to be over, which runs from the first call.
    pub(super) fn close_by(&mut self, limit: Duration) -> Deadline {
        *self.close_by.get_or_insert_with(|| Deadline::after(limit))
    }

    pub(super) fn closes_by(&self) -> Option<Deadline> {
        self.close_by
    }

    /// Turns what is owed into frames, if the token is here. A Close is the last of all.
    ///
    /// The token stays in the gate meanwhile: a source of keys is the user's code, and if it panics, the token must not
    /// be lost with it.
    #[inline]
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.owed.any {
            return self.settle_owed().map_err(|error| Error::io(Step::Entropy, error));
        }
        Ok(())
    }

    #[cold]
    fn settle_owed(&mut self) -> io::Result<()> {
        let held = self.holds_pings();
        let Gate { writer: Some(writer), owed, closing, pings, streaming, .. } = self else { return Ok(()) };
        owed.any = held && owed.pong_due;
        // 6455-5.5.2-2: a Close that came after the Ping takes nothing back.
        if !held && std::mem::take(&mut owed.pong_due) {
            writer.frame_of(|| Origin::Outside, true, Opcode::Pong, &owed.pong)?;
        }
        if std::mem::take(&mut owed.ping_due) && closing.may_send() && !held {
            *pings = pings.wrapping_add(1);
            writer.frame_of(|| Origin::Outside, true, Opcode::Ping, &pings.to_be_bytes())?;
        }
        let message = closing.may_send() && !*streaming;
        if let Some(parcel) = owed.parcel.take_if(|_| message) {
            parcel.put(writer)?;
        }
        owed.any |= owed.parcel.is_some();
        if let Some((close, origin)) = owed.close.take() {
            closing.sent(close.code);
            writer.frame_of(|| origin, true, Opcode::Close, &close.body)?;
        }
        Ok(())
    }

    pub(super) fn info(&self) -> CloseInfo {
        CloseInfo { received: self.closing.received_close(), sent: self.closing.sent_code() }
    }
}
