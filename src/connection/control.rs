//! Pings and Pongs of the caller's choice, and the interval of the keepalive at run time. Knows the public handles.

use std::time::Duration;

use super::sender::Sender;
use super::websocket::WebSocket;
use crate::codec::frame::Opcode;
use crate::error::Result;

impl WebSocket {
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
    use crate::connection::testing::{long_timeouts, websocket, LONG, ROLES};
    use crate::error::{Error, UsageError};

    #[test]
    fn pings_and_pongs_carry_what_the_caller_gives() {
        // 6455-5.5-1, 6455-5.5.2-1, 6455-5.5.3-s2
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
