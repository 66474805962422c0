//! [`Messages`]: an iterator over the messages of a connection.

use super::websocket::WebSocket;
use crate::error::Result;
use crate::message::Message;

/// An iterator over received messages. See [`WebSocket::messages`].
#[derive(Debug)]
pub struct Messages<'a> {
    /// `None` after the last one.
    ws: Option<&'a mut WebSocket>,
}

impl WebSocket {
    /// Returns an iterator over the received messages. It ends after a clean close, or after an error.
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// for message in ws.messages() {
    ///     println!("{}", message?);
    /// }
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn messages(&mut self) -> Messages<'_> {
        Messages { ws: Some(self) }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        let result = self.ws.as_mut()?.recv();
        if !matches!(result, Ok(Some(_))) {
            self.ws = None;
        }
        result.transpose()
    }
}

impl<'a> IntoIterator for &'a mut WebSocket {
    type Item = Result<Message>;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages()
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::frame::Opcode;
    use crate::connection::testing::{long_timeouts, under_watchdog, websocket, ROLES, TEXT};

    #[test]
    fn a_loop_over_a_connection_ends_with_it() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                for text in [&b"one"[..], b"two"] {
                    peer.send(true, TEXT, text);
                }
                peer.send(true, Opcode::Close, b"\x03\xE8");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                let mut received = Vec::new();
                for message in &mut ws {
                    received.push(message.unwrap().to_string());
                }
                assert_eq!(received, ["one", "two"]);
            });
        }
    }

    #[test]
    fn a_loop_over_a_connection_ends_after_an_error() {
        for role in ROLES {
            let (mut ws, peer) = websocket(role, long_timeouts());
            drop(peer);
            let mut messages = ws.messages();
            assert!(messages.next().unwrap().is_err());
            assert!(messages.next().is_none());
        }
    }
}
