//! Pings and Pongs that the caller requests, and the interval of the keepalive at run time. Knows the public handles.

use std::time::{Duration, Instant};

use super::receive::Received;
use super::sender::Sender;
use super::websocket::WebSocket;
use crate::codec::event::DecoderEvent;
use crate::codec::frame::Opcode;
#[cfg(doc)]
use crate::config::{Limits, Timeouts};
use crate::error::{Error, Result, Step};
use crate::message::Message;
use crate::net::deadline::Deadline;

impl WebSocket {
    /// Sends a Ping and waits for its Pong, at most [`Timeouts::pong_timeout`] (RFC 6455 section 5.5.2). Returns the
    /// round-trip time.
    ///
    /// Messages that arrive before the Pong are kept for later receive calls, up to [`Limits::max_message_size`] bytes in all.
    ///
    /// # Errors
    /// [`Timeout`](Error::Timeout)`(`[`Step::Pong`]`)` without a Pong in time or with more messages than that, which leaves the
    /// connection usable, and those of [`send`](WebSocket::send) and [`recv`](WebSocket::recv).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// println!("the peer answered in {:?}", ws.ping()?);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "keepalive")]
    #[doc(alias = "heartbeat")]
    pub fn ping(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let deadline = Deadline::after(self.connection().timeouts.pong_timeout);
        self.receiver.awaited_pong = Some(self.connection().ping()?);
        let result = self.receive_until_pong(deadline);
        self.receiver.awaited_pong = None;
        result.map(|()| start.elapsed())
    }

    fn receive_until_pong(&mut self, deadline: Deadline) -> Result<()> {
        let mut held: usize = self.buffered_messages.iter().map(Message::len).sum();
        loop {
            // An empty message takes memory too.
            if held.saturating_add(self.buffered_messages.len().saturating_mul(64)) as u64
                >= self.limits.max_message_size
            {
                return Err(Error::Timeout(Step::Pong));
            }
            match self.receiver.next(Some(deadline)) {
                Ok(Some(Received::Data(DecoderEvent::Message(kind)))) => {
                    let mut message = self.take(kind);
                    // Its buffer may have room for as much again.
                    match &mut message {
                        Message::Text(text) => text.shrink_to_fit(),
                        Message::Binary(bytes) => bytes.shrink_to_fit(),
                    }
                    held = held.saturating_add(message.len());
                    self.buffered_messages.push_back(message);
                }
                Ok(Some(Received::Data(_))) => {}
                Ok(Some(Received::Pong)) => return Ok(()),
                Ok(None) => return Err(Error::Closed(Some(self.connection().close_info()))),
                Err(Error::Timeout(Step::Receive)) => return Err(Error::Timeout(Step::Pong)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a Ping with this payload of up to 125 bytes, and does not wait for the Pong (RFC 6455 section 5.5.2). Its Pong is
    /// only a sign of life. [`ping`](WebSocket::ping) waits for one and measures the time.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let mut ws = stdws::connect(&server.url())?;
    /// ws.send_ping(b"are you there?")?;
    /// ws.send_pong(b"I am")?; // nobody asked: a heartbeat in one direction
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`UsageError::ControlPayloadTooLong`](crate::UsageError::ControlPayloadTooLong);
    /// [`UsageError::UnsupportedByVersion`](crate::UsageError::UnsupportedByVersion) in the drafts without Ping, and in those that
    /// forbid a Pong without a Ping; those of [`send`](WebSocket::send).
    pub fn send_ping(&mut self, payload: &[u8]) -> Result<()> {
        self.connection().send_control(Opcode::Ping, payload)
    }

    /// Sends a Pong that answers no Ping, with up to 125 bytes: a heartbeat in one direction (RFC 6455 section 5.5.3). Pings of
    /// the peer are answered without it.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send_pong(b"alive")?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`send_ping`](WebSocket::send_ping).
    pub fn send_pong(&mut self, payload: &[u8]) -> Result<()> {
        // 6455-5.5.3-2
        self.connection().send_control(Opcode::Pong, payload)
    }

    /// Changes [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) of this connection, from the next receive call on.
    /// `Duration::MAX` disables keepalive.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let mut ws = stdws::connect(&server.url())?;
    /// ws.set_ping_interval(std::time::Duration::from_secs(240))?; // on battery
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`UsageError::SettingTooSmall`](crate::UsageError::SettingTooSmall) below 10 ms;
    /// [`UsageError::UnsupportedByVersion`](crate::UsageError::UnsupportedByVersion) in the drafts without Ping.
    #[doc(alias = "ping_interval")]
    pub fn set_ping_interval(&mut self, interval: Duration) -> Result<()> {
        self.connection().set_ping_interval(interval)
    }
}

impl Sender {
    /// Sends a Ping with this payload. See [`WebSocket::send_ping`].
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// ws.sender().send_ping(b"are you there?")?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`WebSocket::send_ping`].
    pub fn send_ping(&self, payload: &[u8]) -> Result<()> {
        self.connection.send_control(Opcode::Ping, payload)
    }

    /// Sends a Pong that answers no Ping. See [`WebSocket::send_pong`].
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// ws.sender().send_pong(b"alive")?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`WebSocket::send_ping`].
    pub fn send_pong(&self, payload: &[u8]) -> Result<()> {
        // 6455-5.5.3-2
        self.connection.send_control(Opcode::Pong, payload)
    }

    /// Changes the interval of the keepalive. See [`WebSocket::set_ping_interval`].
    ///
    /// A receive call that already waits takes the new value when its wait ends: with the next bytes, or after the old interval. A
    /// Ping after the change brings bytes.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.recv().map(drop))?;
    /// let ws = stdws::connect(server.url())?;
    /// ws.sender().set_ping_interval(std::time::Duration::from_secs(240))?;
    /// # Ok::<(), stdws::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`WebSocket::set_ping_interval`].
    pub fn set_ping_interval(&self, interval: Duration) -> Result<()> {
        self.connection.set_ping_interval(interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing::{long_timeouts, websocket, LONG, ROLES, TEXT};
    use crate::error::{Error, UsageError};

    #[test]
    fn pings_and_pongs_carry_what_the_caller_gives() {
        // 6455-5.5-1, 6455-5.5.2-1, 6455-5.5.3-2, 6455-5.5.3-s2
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            let sender = ws.sender();
            for length in [126, 70_000] {
                let too_long = |result: Result<()>| {
                    assert!(matches!(result, Err(Error::Usage(UsageError::ControlPayloadTooLong(n))) if n == length));
                };
                too_long(ws.send_ping(&vec![0; length]));
                too_long(ws.send_pong(&vec![0; length]));
                too_long(sender.send_ping(&vec![0; length]));
                too_long(sender.send_pong(&vec![0; length]));
            }
            ws.send_ping(b"").unwrap();
            ws.send_pong(&[1; 125]).unwrap();
            sender.send_ping(&[2; 125]).unwrap();
            sender.send_pong(b"3").unwrap();
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, Vec::new())));
            assert_eq!(peer.frame(), Some((true, Opcode::Pong, vec![1; 125])));
            assert_eq!(peer.frame(), Some((true, Opcode::Ping, vec![2; 125])));
            assert_eq!(peer.frame(), Some((true, Opcode::Pong, b"3".to_vec())));
        }
    }

    /// The peer decides how many messages precede its Pong. Each counts as its length and 64 bytes.
    #[test]
    fn messages_before_a_pong_are_kept_up_to_the_limit() {
        let rows = [(1024, 0, 15, true), (1024, 0, 16, false), (961, 0, 15, true), (961, 0, 16, false)];
        let rows = rows.into_iter().chain([(1000, 935, 1, true), (1000, 936, 1, false)]);
        for (role, (limit, length, count, is_kept)) in rows.flat_map(|row| ROLES.map(|role| (role, row))) {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            ws.limits.max_message_size = limit;
            (0..count).for_each(|_| peer.send(true, TEXT, &vec![b'm'; length]));
            peer.send(true, Opcode::Pong, &1_u64.to_be_bytes());
            match ws.ping() {
                Ok(_) => assert!(is_kept, "{role:?} {limit} {length} {count}"),
                Err(Error::Timeout(Step::Pong)) => assert!(!is_kept, "{role:?} {limit} {length} {count}"),
                Err(error) => panic!("{error:?}"),
            }
            assert_eq!((ws.receiver.awaited_pong, ws.buffered_messages.len()), (None, count));
        }
    }

    #[test]
    fn the_interval_of_the_keepalive_changes() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            for interval in [Duration::ZERO, Duration::from_millis(9)] {
                assert!(matches!(
                    ws.set_ping_interval(interval),
                    Err(Error::Usage(UsageError::SettingTooSmall { .. }))
                ));
                assert!(ws.sender().set_ping_interval(interval).is_err());
            }
            let sender = ws.sender();
            sender.set_ping_interval(Duration::from_millis(20)).unwrap();
            // A call whose limit passes while the machine is busy leaves the Ping to the next one.
            for _ in 0..2 {
                assert!(ws.recv_timeout(Duration::from_millis(100)).is_err());
            }
            assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Ping));
            // Off again: nothing but the message comes.
            ws.set_ping_interval(Duration::MAX).unwrap();
            peer.send(true, Opcode::Pong, b"");
            assert!(ws.recv_timeout(Duration::from_millis(100)).is_err());
            ws.set_ping_interval(LONG).unwrap();
            sender.send("last").unwrap();
            assert_eq!(peer.frame().map(|frame| frame.2), Some(b"last".to_vec()));
        }
    }
}
