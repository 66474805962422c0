//! The receiver: the one thread that reads. It feeds the decoder, notes what has to be answered, and waits.
//!
//! **Waiting** is where everything timed lives. Each wait for input ends at the nearest of these, and then this happens:
//!
//! | what ends | counted from | then |
//! |---|---|---|
//! | the caller's own limit | the call | `Timeout(Receive)`; nothing is lost |
//! | [`Timeouts::ping`](crate::Timeouts::ping) | the last byte received | a Ping is owed |
//! | [`Timeouts::life`](crate::Timeouts::life) | that Ping | the connection is failed |
//! | [`Timeouts::message`](crate::Timeouts::message) | the start of what has begun, or its last 64 KiB | the connection is failed |
//! | [`Timeouts::close`](crate::Timeouts::close) | the first Close sent | the connection is failed |
//! | 20 ms | bytes the network would not take | they are tried again |
//!
//! A peer is given up only when the socket has nothing more from it: a caller that was away for long may find the sign of
//! life, or the rest of the message, there already. The closing handshake alone ends on time even so.
//!
//! The clock is asked only when one of these can matter: a read that brings a whole message at once costs none.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, Outlook};
use crate::close::CloseCode;
use crate::error::{Error, Result, Step};
use crate::protocol::decoder::{Decoder, Event};
use crate::transport::deadline::Deadline;
use crate::wire::frame::Role;

/// How soon bytes that the network would not take are tried again.
const AGAIN: Duration = Duration::from_millis(20);
/// Each further so many bytes of a message give it its time anew.
const PROGRESS: usize = 64 << 10;

/// Something for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// A whole message, or what belongs to one that is streamed; never Ping, Pong or Close.
    Data(Event),
    /// The Pong that was awaited has come.
    Pong,
}

/// How long to wait for input.
struct Wait {
    time: Duration,
    /// The peer is late with this: nothing is waited for any more, and if nothing is there the connection is failed.
    late: Option<Step>,
}

pub(crate) struct Receiver {
    pub(crate) link: Arc<Link>,
    pub(crate) decoder: Decoder,
    /// No byte has come since.
    silent: Option<Instant>,
    /// A Ping of the keepalive was owed then, and no byte has come since.
    pinged: Option<Instant>,
    /// A message has begun then, or had its last 64 KiB, and so many bytes have come since.
    begun: Option<(Instant, usize)>,
    /// The number of the Ping whose Pong is awaited.
    pub(crate) awaited: Option<u64>,
    /// Receiving is over: in good order, or with an error.
    over: Option<Option<Error>>,
}

impl Receiver {
    pub(crate) fn new(link: Arc<Link>, decoder: Decoder) -> Receiver {
        Receiver { link, decoder, silent: None, pinged: None, begun: None, awaited: None, over: None }
    }

    /// The next thing received; `None` after the peer's Close. A caller's limit that passes costs nothing else.
    #[inline]
    pub(crate) fn next(&mut self, limit: Option<Deadline>) -> Result<Option<Received>> {
        if let Some(over) = &self.over {
            return over.clone().map_or(Ok(None), Err);
        }
        let mut tried = false;
        loop {
            match self.decoder.next() {
                Ok(Some(event @ (Event::Message(_) | Event::Begin(_) | Event::Piece | Event::End))) => {
                    self.begun = None;
                    return Ok(Some(Received::Data(event)));
                }
                // 6455-5.5.2-3: answered at the latest before the next wait.
                Ok(Some(Event::Ping)) => self.link.answer_ping(self.decoder.payload()),
                Ok(Some(Event::Pong)) => {
                    let newest = self.link.pong(self.decoder.payload());
                    if self.awaited.is_some_and(|awaited| awaited <= newest) {
                        return Ok(Some(Received::Pong));
                    }
                }
                Ok(Some(Event::Close(code))) => {
                    self.close_received(code, self.decoder.reason().to_owned());
                    return Ok(None);
                }
                // Control frames without end, or a trickle, must not make a limited call endless.
                Ok(None) if tried && limit.is_some_and(|limit| limit.passed()) => {
                    return Err(Error::Timeout(Step::Receive));
                }
                Ok(None) => {
                    self.fill(limit)?;
                    tried = true;
                }
                // 6455-7.1.7-1, 6455-7.1.7-3, 6455-7.2.1-1
                Err(violation) => return Err(self.fail(Error::Violation(violation), Some(violation.close_code()))),
            }
        }
    }

    /// Waits for bytes. When it gives an error other than the caller's limit, the connection is over.
    fn fill(&mut self, limit: Option<Deadline>) -> Result<()> {
        let mut outlook = self.link.before_waiting();
        loop {
            let wait = self.bound(limit, &outlook)?;
            match self.link.stream.read(self.decoder.space(), wait.time) {
                Ok(0) => return Err(self.ended()),
                Ok(count) => {
                    self.heard(count);
                    self.decoder.filled(count);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Some(step) = wait.late {
                        let code = (step == Step::Message).then_some(CloseCode::POLICY);
                        return Err(self.fail(Error::Timeout(step), code));
                    }
                    if self.silent.is_none() {
                        let now = Instant::now();
                        self.silent = Some(now.checked_sub(wait.time).unwrap_or(now));
                    }
                    if limit.is_some_and(|limit| limit.passed()) {
                        return Err(Error::Timeout(Step::Receive));
                    }
                    outlook = self.link.before_waiting();
                }
                Err(error) => return Err(self.fail(Error::io(Step::Read, error), None)),
            }
        }
    }

    /// How long to wait at most: the table above.
    #[inline]
    fn bound(&mut self, limit: Option<Deadline>, outlook: &Outlook) -> Result<Wait> {
        let quiet = self.silent.is_none() && limit.is_none() && outlook.close_by.is_none() && !outlook.congested;
        if quiet && !self.decoder.is_midway() {
            self.begun = None;
            return Ok(Wait { time: self.link.timeouts.ping, late: None });
        }
        self.nearest(limit, outlook)
    }

    #[cold]
    fn nearest(&mut self, limit: Option<Deadline>, outlook: &Outlook) -> Result<Wait> {
        let now = Instant::now();
        let timeouts = self.link.timeouts;
        let left = |since: Instant, time: Duration| time.saturating_sub(now.saturating_duration_since(since));
        let mut wait = self.keepalive(now);
        let mut late = wait.is_zero().then_some(Step::Keepalive);
        self.begun = match (self.decoder.is_midway(), self.begun) {
            (false, _) => None,
            (true, None) => Some((now, 0)),
            (true, Some((_, count))) if count >= PROGRESS => Some((now, 0)),
            (true, begun) => begun,
        };
        if let Some((since, _)) = self.begun {
            let left = left(since, timeouts.message);
            if left.is_zero() {
                late = late.or(Some(Step::Message));
            }
            wait = wait.min(left);
        }
        if let Some(close_by) = outlook.close_by {
            if close_by.passed() {
                return Err(self.fail(Error::Timeout(Step::Close), None));
            }
            wait = wait.min(close_by.left());
        }
        if late.is_some() {
            return Ok(Wait { time: Duration::ZERO, late });
        }
        if outlook.congested {
            wait = wait.min(AGAIN);
        }
        // When nothing is left of the caller's limit, what is there already still counts: the socket is asked without waiting.
        let time = whole_millis(limit.map_or(wait, |limit| wait.min(limit.left())));
        Ok(Wait { time, late: None })
    }

    /// The rows of the table that are about silence. Owes a Ping when it is due. Zero: the peer is late with its answer.
    fn keepalive(&mut self, now: Instant) -> Duration {
        let timeouts = self.link.timeouts;
        if let Some(pinged) = self.pinged {
            return timeouts.life.saturating_sub(now.saturating_duration_since(pinged));
        }
        let Some(silent) = self.silent else { return timeouts.ping };
        let left = timeouts.ping.saturating_sub(now.saturating_duration_since(silent));
        if !left.is_zero() {
            return left;
        }
        self.pinged = Some(now);
        self.link.owe_ping();
        self.link.before_waiting();
        // A connection that has been silent for so long does not need its buffers.
        self.link.shrink();
        self.decoder.shrink();
        timeouts.life
    }

    /// Any byte is a sign of life.
    #[inline]
    fn heard(&mut self, count: usize) {
        self.silent = None;
        self.pinged = None;
        if let Some((_, since)) = &mut self.begun {
            *since = since.saturating_add(count);
        }
    }

    /// 6455-5.5.1-10: both Closes are through, so the TCP connection ends.
    fn close_received(&mut self, code: Option<CloseCode>, reason: String) {
        let deadline = self.link.received_close(code, reason);
        self.over = Some(None);
        match self.link.role {
            // 6455-5.5.1-11, 6455-7.1.1-3, 6455-7.1.1-5: the server at once.
            Role::Server => {
                self.link.stream.finish(deadline.left());
                self.discard();
            }
            // 6455-5.5.1-12, 6455-7.1.1-6, 6455-5.5.1-13, 6455-7.1.1-4: the client waits for the server, within its time.
            // Whoever ends first is left with TIME_WAIT, so not even the direction of the client ends before.
            Role::Client => {
                self.drain(deadline);
                self.link.stream.finish(deadline.left());
            }
        }
        self.link.stream.shut();
        self.link.closed();
    }

    /// The stream has ended without a Close. 6455-7.2.1-2
    fn ended(&mut self) -> Error {
        self.fail(Error::Closed(None), None)
    }

    /// Fails the connection (6455-7.1.7-1, 6455-7.1.7-3): says so if there is something to say, and lets it arrive.
    fn fail(&mut self, error: Error, code: Option<CloseCode>) -> Error {
        let (end, deadline) = self.link.fail(error, code);
        self.over = Some(Some(end.clone()));
        if code.is_some() {
            // Closing a socket with unread bytes would reset it, and the Close could be lost on its way.
            self.link.stream.finish(deadline.left());
            self.drain(deadline);
        }
        self.link.stream.shut();
        end
    }

    /// Reads and discards until the peer ends the stream (6455-7.1.1-1, 6455-7.1.7-7), or the time is over.
    fn drain(&mut self, deadline: Deadline) {
        loop {
            let left = deadline.left();
            if left.is_zero() {
                return;
            }
            match self.link.stream.read(self.decoder.scrap(), left) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Takes what is here already, for the reason given in `fail`; a few reads, because a flood has no end.
    fn discard(&mut self) {
        for _ in 0..16 {
            match self.link.stream.read(self.decoder.scrap(), Duration::ZERO) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Leaves without waiting: a Close if it can be written at once, and the end of the stream.
    pub(crate) fn leave(&mut self, code: CloseCode) {
        if self.over.is_some() {
            return;
        }
        self.over = Some(Some(Error::Closed(None)));
        self.link.leave(code);
        self.link.stream.finish(Duration::ZERO);
        self.discard();
        let info = self.link.info();
        self.link.abort_with(Error::Closed(Some(info)));
    }
}

/// Rounds up: the same limit in the next call is then the same timeout for the socket, which need not be set again.
fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}
