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

impl<'a> Messages<'a> {
    pub(crate) fn new(ws: &'a mut WebSocket) -> Messages<'a> {
        Messages { ws: Some(ws) }
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
