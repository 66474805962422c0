//! Receiving as iteration: the messages of a connection, until it ends.

use super::websocket::WebSocket;
use crate::error::Result;
use crate::message::Message;

/// The messages of a connection, one after the other. See [`WebSocket::messages`].
#[derive(Debug)]
pub struct Messages<'a> {
    /// `None` after the last one.
    ws: Option<&'a mut WebSocket>,
}

impl WebSocket {
    /// The messages to come, as an iterator that ends when the connection is closed in good order, or after an error.
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
