//! [`RecvStream`]: one message that is read in pieces. Knows the receiver; must not know how messages are sent.

use std::fmt;
use std::io::{self, Read};

use super::receive::{Received, Receiver};
use super::websocket::WebSocket;
use crate::codec::event::DecoderEvent;
use crate::error::{Error, Result};
use crate::message::{Message, MessageKind};
use crate::net::deadline::Deadline;

/// A message that is received in pieces (RFC 6455 section 5.4). `read` returns 0 at its end. After a drop, the next receive call
/// skips the rest.
///
/// The message is not stored, so [`Limits`](crate::Limits) do not apply: the reader decides how much to read. Text is validated
/// while it arrives. What `read` has returned is valid UTF-8, except that it may end inside a character.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// let mut ws = stdws::connect(&url)?;
/// ws.send("a long story")?;
/// if let Some(mut stream) = ws.recv_stream()? {
///     std::io::copy(&mut stream, &mut std::io::sink())?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct RecvStream<'a> {
    receiver: &'a mut Receiver,
    kind: MessageKind,
    /// The part that was assembled before, which is read first.
    prefix: Vec<u8>,
    delivered: usize,
    /// Number of bytes of the decoder's last piece that have been read.
    chunk_offset: Option<usize>,
    ended: bool,
}

impl WebSocket {
    /// Waits for the start of the next message, and returns it as a stream: for a message that is too large for memory. See
    /// [`RecvStream`].
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| ws.send("welcome"))?;
    /// let mut ws = stdws::connect(server.url())?;
    /// while let Some(mut stream) = ws.recv_stream()? {
    ///     let bytes = std::io::copy(&mut stream, &mut std::io::sink())?;
    ///     println!("{:?} of {bytes} bytes", stream.kind());
    /// }
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn recv_stream(&mut self) -> Result<Option<RecvStream<'_>>> {
        match self.buffered_messages.pop_front() {
            Some(Message::Text(text)) => {
                Ok(Some(RecvStream::from_message(&mut self.receiver, MessageKind::Text, text.into_bytes())))
            }
            Some(Message::Binary(bytes)) => {
                Ok(Some(RecvStream::from_message(&mut self.receiver, MessageKind::Binary, bytes)))
            }
            None => RecvStream::new(&mut self.receiver),
        }
    }
}

impl<'a> RecvStream<'a> {
    /// Waits for the start of the next message. `None`: the connection was closed. Either this or an error is its end.
    fn new(receiver: &'a mut Receiver) -> Result<Option<RecvStream<'a>>> {
        if let Some((kind, prefix)) = receiver.decoder.start_streaming() {
            return Ok(Some(RecvStream { receiver, kind, prefix, delivered: 0, chunk_offset: None, ended: false }));
        }
        loop {
            match receiver.next(None)? {
                Some(Received::Data(DecoderEvent::MessageStart(kind))) => {
                    return Ok(Some(RecvStream {
                        receiver,
                        kind,
                        prefix: Vec::new(),
                        delivered: 0,
                        chunk_offset: None,
                        ended: false,
                    }));
                }
                Some(Received::Data(_) | Received::Pong) => {}
                None => {
                    receiver.end_by(Deadline::never());
                    return Ok(None);
                }
            }
        }
    }

    /// A message that has been received whole before.
    fn from_message(receiver: &'a mut Receiver, kind: MessageKind, bytes: Vec<u8>) -> RecvStream<'a> {
        RecvStream { receiver, kind, prefix: bytes, delivered: 0, chunk_offset: None, ended: true }
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    fn copy_part(from: &[u8], to: &mut [u8]) -> usize {
        let count = from.len().min(to.len());
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
        count
    }
}

impl Read for RecvStream<'_> {
    /// Waits for more of the message.
    ///
    /// Errors contain an [`Error`], which `?` takes out again in a function that returns [`stdws::Result`](crate::Result). After
    /// a Close inside the message it is [`Error::Closed`], and its kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        let rest = self.prefix.get(self.delivered..).unwrap_or_default();
        if !rest.is_empty() {
            let count = Self::copy_part(rest, to);
            self.delivered = self.delivered.saturating_add(count);
            return Ok(count);
        }
        loop {
            if self.ended {
                return Ok(0);
            }
            if let Some(delivered) = self.chunk_offset {
                let rest = self.receiver.decoder.payload().get(delivered..).unwrap_or_default();
                if !rest.is_empty() {
                    let count = Self::copy_part(rest, to);
                    self.chunk_offset = Some(delivered.saturating_add(count));
                    return Ok(count);
                }
                self.chunk_offset = None;
            }
            match self.receiver.next(None)? {
                Some(Received::Data(DecoderEvent::MessageChunk)) => self.chunk_offset = Some(0),
                Some(Received::Data(_)) => self.ended = true,
                Some(Received::Pong) => {}
                // A Close inside a message: the rest does not come.
                None => {
                    let closed = Error::Closed(Some(self.receiver.connection.close_info()));
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed));
                }
            }
        }
    }
}

impl Drop for RecvStream<'_> {
    fn drop(&mut self) {
        self.receiver.decoder.stop_streaming();
    }
}

impl fmt::Debug for RecvStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").field("kind", &self.kind).field("ended", &self.ended).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame::{Opcode, Role};
    use crate::config::Timeouts;
    use crate::connection::testing::{long_timeouts, under_watchdog, wait_until, websocket, BINARY, ROLES, TEXT};
    use crate::error::Step;

    #[test]
    fn a_read_of_nothing_takes_nothing_and_debug_shows_no_contents() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                peer.send(false, TEXT, b"sec");
                let mut stream = ws.recv_stream().unwrap().unwrap();
                assert_eq!(format!("{stream:?}"), "RecvStream { kind: Text, ended: false }");
                assert_eq!(stream.read(&mut []).unwrap(), 0);
                let mut part = [0; 3];
                stream.read_exact(&mut part).unwrap();
                assert_eq!((part, stream.read(&mut []).unwrap()), (*b"sec", 0), "it does not wait for the rest");
                peer.send(true, Opcode::Continuation, b"ret");
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                assert_eq!(text, "ret");
            });
        }
    }

    /// Of either kind, in reads of any size: a message that was received whole before, one that has begun, and one that has not.
    #[test]
    fn a_stream_continues_where_the_message_is() {
        for (role, (opcode, kind)) in ROLES.into_iter().zip([(TEXT, MessageKind::Text), (BINARY, MessageKind::Binary)])
        {
            for size in [1, 3, 100] {
                under_watchdog(move || {
                    let (mut ws, mut peer) = websocket(role, long_timeouts());
                    ws.buffered_messages.push_back(match kind {
                        MessageKind::Text => Message::from("whole before"),
                        MessageKind::Binary => Message::from(&b"whole before"[..]),
                    });
                    peer.send(false, opcode, b"begun ");
                    wait_until(|| {
                        let result = ws.receiver.next(Some(Deadline::now()));
                        assert!(matches!(result, Err(Error::Timeout(Step::Receive))));
                        ws.receiver.decoder.is_incomplete()
                    });
                    peer.send(true, Opcode::Continuation, b"before");
                    peer.send(true, Opcode::Ping, b"");
                    peer.send(true, opcode, b"");
                    for end in [false, true] {
                        peer.send(end, if end { Opcode::Continuation } else { opcode }, b"in a stream ");
                    }
                    for text in ["whole before", "begun before", "", "in a stream in a stream "] {
                        let mut stream = ws.recv_stream().unwrap().unwrap();
                        assert_eq!(stream.kind(), kind);
                        let (mut all, mut part) = (Vec::new(), vec![0; size]);
                        loop {
                            match stream.read(&mut part).unwrap() {
                                0 => break,
                                count => all.extend_from_slice(&part[..count]),
                            }
                        }
                        assert_eq!(
                            (String::from_utf8(all).unwrap(), stream.read(&mut part).unwrap()),
                            (text.into(), 0)
                        );
                        assert_eq!(format!("{stream:?}"), format!("RecvStream {{ kind: {kind:?}, ended: true }}"));
                    }
                });
            }
        }
    }

    /// What is left of a message that is not read to its end is skipped, and the next one is whole again.
    #[test]
    fn the_rest_of_a_dropped_stream_is_skipped() {
        for role in ROLES {
            under_watchdog(move || {
                let (mut ws, mut peer) = websocket(role, long_timeouts());
                peer.send(false, TEXT, b"one");
                assert_eq!(ws.recv_stream().unwrap().unwrap().read(&mut [0; 2]).unwrap(), 2);
                peer.send(true, Opcode::Continuation, b"more");
                peer.send(true, TEXT, b"next");
                assert_eq!(ws.recv().unwrap(), Some(Message::from("next")));
                peer.send(false, TEXT, b"cut");
                let mut stream = ws.recv_stream().unwrap().unwrap();
                assert_eq!(stream.read(&mut [0; 8]).unwrap(), 3);
                peer.send(true, Opcode::Close, b"\x03\xE8");
                peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
                let error = stream.read(&mut [0; 8]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                assert!(matches!(Error::from(error), Error::Closed(Some(info)) if info.code().as_u16() == 1000));
                assert_eq!(peer.frame(), Some((true, Opcode::Close, b"\x03\xE8".to_vec())), "at once");
                drop(stream);
                assert!(ws.recv_stream().unwrap().is_none());
                let (mut ws, peer) = websocket(role, long_timeouts());
                drop(peer);
                assert!(matches!(ws.recv_stream(), Err(Error::Closed(None))));
            });
        }
    }

    /// 6455-7.1.1-6: the client waits for the server to end the TCP connection.
    #[test]
    fn the_end_of_the_connection_is_waited_for() {
        let close = std::time::Duration::from_millis(60);
        let (mut ws, mut peer) = websocket(Role::Client, Timeouts { close, ..long_timeouts() });
        let start = std::time::Instant::now();
        peer.send(true, Opcode::Close, b"");
        assert!(ws.recv_stream().unwrap().is_none());
        assert!(start.elapsed() >= close);
    }
}
