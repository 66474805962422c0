//! How a [`WebSocket`] is closed or aborted. The closing handshake itself is in `close` and `ending`.

use super::websocket::WebSocket;
use crate::close::{CloseCode, CloseInfo};
use crate::error::{Error, Result};
use crate::net::deadline::Deadline;

impl WebSocket {
    /// Closes the connection cleanly (RFC 6455 section 7.1.2): sends a Close, waits for the peer's, ends the stream. This
    /// takes at most [`Timeouts::close`](crate::Timeouts::close). Messages that arrive meanwhile are dropped; to receive them, call
    /// [`start_close`](WebSocket::start_close) and continue to receive.
    ///
    /// A reason of more than 123 bytes (RFC 6455 section 5.5) is cut at the end of a character.
    ///
    /// On a connection that was closed before, it returns how. On one that has failed, it waits in the same limit until the peer
    /// has received the Close and ended its stream, and returns the same error again.
    ///
    /// # Errors
    /// [`Usage`](Error::Usage) for a code that must not be sent;
    /// [`Timeout`](Error::Timeout)`(`[`Step::Close`](crate::Step::Close)`)` if the peer does not answer. The connection has ended then, too.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// let info = ws.close(1000, "done")?;
    /// assert_eq!(info.code(), stdws::CloseCode::NORMAL);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "disconnect")]
    pub fn close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<CloseInfo> {
        let code = code.into();
        self.connection().protocol.check_close(code, reason)?;
        // After an earlier error: the remaining steps.
        self.receiver.end_by(Deadline::never());
        match self.connection().start_close(code, reason) {
            Ok(()) | Err(Error::Closed(Some(_))) => {}
            Err(error) => return Err(error),
        }
        while self.receiver.next(None)?.is_some() {}
        self.receiver.end_by(Deadline::never());
        Ok(self.connection().close_info())
    }

    /// Sends a Close and does not wait for the peer's, which has to arrive within [`Timeouts::close`](crate::Timeouts::close). Until then messages can be
    /// received, but not sent.
    ///
    /// # Errors
    /// Those of [`close`](WebSocket::close), except for a peer that does not answer.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.send("last")?;
    /// ws.start_close(1000, "")?;
    /// assert_eq!(ws.recv()?.unwrap(), "last"); // sent before the peer answered the Close
    /// assert!(ws.recv()?.is_none());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn start_close(&mut self, code: impl Into<CloseCode>, reason: &str) -> Result<()> {
        self.connection().start_close(code.into(), reason)
    }

    /// Ends the connection at once, without a Close. Each blocked call on it, in any thread, returns.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while ws.recv()?.is_some() {}))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// ws.abort();
    /// assert!(ws.send("late").unwrap_err().is_closed());
    /// # Ok::<(), stdws::Error>(())
    /// ```
    #[doc(alias = "disconnect")]
    #[doc(alias = "shutdown")]
    pub fn abort(&mut self) {
        self.connection().abort();
    }

    /// How the connection was closed. `None` while it is open, and after an end without a closing handshake.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.close(4001, "full").map(drop))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// assert!(ws.recv()?.is_none());
    /// let info = ws.close_info().unwrap();
    /// assert_eq!((info.code().as_u16(), info.reason()), (4001, "full"));
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.connection().known_close_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::Opcode;
    use crate::codec::frame::Role;
    use crate::config::Timeouts;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket, LONG, ROLES, TEXT};
    use crate::error::UsageError;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_close_is_returned_however_often_it_is_asked_for() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                assert!(ws.close_info().is_none());
                for code in [1005, 1006, 999] {
                    assert!(matches!(ws.close(code, ""), Err(Error::Usage(UsageError::CloseCode(_)))), "{code}");
                    assert!(matches!(ws.start_close(code, ""), Err(Error::Usage(UsageError::CloseCode(_)))), "{code}");
                }
                peer.send(true, TEXT, b"is dropped");
                peer.send(true, Opcode::Close, b"\x0F\xA1why");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                for (code, reason) in [(4000, "mine"), (4002, "")] {
                    let info = ws.close(code, reason).unwrap();
                    assert_eq!((info.code().as_u16(), info.reason()), (4001, "why"));
                    assert_eq!(ws.close_info().map(|info| info.code().as_u16()), Some(4001));
                    assert!(ws.start_close(code, reason).is_ok(), "it is closed");
                    assert!(ws.recv().unwrap().is_none());
                }
                assert_eq!(peer.frames(), [(true, Opcode::Close, b"\x0F\xA0mine".to_vec())]);
                let (mut ws, peer) = websocket(role, long_timeouts());
                drop(peer);
                assert!(ws.recv().is_err());
                assert!(matches!(ws.close(1000, ""), Err(Error::Closed(None))));
                assert!(ws.close_info().is_none(), "there was no closing handshake");
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                ws.abort();
                assert_eq!(peer.frames(), []);
                assert!(matches!(ws.recv(), Err(Error::Closed(None))));
            });
        }
    }

    #[test]
    fn a_wrong_code_has_no_effect_and_a_right_one_waits_for_the_end() {
        for role in ROLES {
            under_watchdog(move || {
                let short = Duration::from_millis(60);
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                peer.send(true, Opcode::Ping, &[0; 125]);
                peer.send(true, Opcode::Continuation, b"of nothing");
                assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
                // The peer has not ended its stream, and this does not wait for it.
                let start = Instant::now();
                assert!(matches!(ws.close(999, ""), Err(Error::Usage(UsageError::CloseCode(_)))));
                assert!(start.elapsed() < LONG / 2);
                let (mut ws, mut peer) = websocket(role, Timeouts { close: short, ..long_timeouts() });
                let start = Instant::now();
                peer.send(true, Opcode::Close, b"\x03\xE8");
                ws.close(1000, "").unwrap();
                // The client waits for the server to end the TCP connection, which it does not. 6455-7.1.1-6
                assert!(role == Role::Server || start.elapsed() >= short);
                assert_eq!(peer.frames().len(), 1);
            });
        }
    }

    /// The peer has to receive the Close that states the reason.
    #[test]
    fn a_close_after_a_failure_waits_until_the_peer_has_ended() {
        for role in ROLES {
            let (mut ws, mut peer) = websocket(role, long_timeouts());
            peer.send(true, Opcode::Continuation, b"of nothing");
            assert!(matches!(ws.recv(), Err(Error::Protocol(_))));
            let closing = thread::spawn(move || ws.close(1000, ""));
            assert_eq!(peer.frame().map(|frame| frame.1), Some(Opcode::Close));
            // A call that does not wait would have returned by then.
            thread::sleep(Duration::from_millis(30));
            assert!(!closing.is_finished());
            drop(peer);
            let result = under_watchdog(move || closing.join().unwrap());
            assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
        }
    }
}
