//! [`SendStream`]: one message that is written in pieces. Knows the shared connection; must not know the receiver.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use super::shared::Connection;
use super::websocket::WebSocket;
use crate::codec::frame::Opcode;
use crate::codec::utf8::Validator;
use crate::error::{Error, Result, UsageError};
use crate::message::MessageKind;

/// Number of message bytes in one fragment.
const FRAGMENT: usize = 16 << 10;

/// A message that is sent in pieces and ends with [`finish`](SendStream::finish) (RFC 6455 section 5.4).
///
/// Each 16 KiB are sent as a fragment; `flush` sends what is left. Until the message is finished, other messages of this
/// connection wait, at most [`Timeouts::write`](crate::Timeouts::write), and then fail with
/// [`Step::SendLock`](crate::Step::SendLock). Pings, Pongs and Closes do not wait.
///
/// A drop without `finish` aborts the connection, so that the peer does not take a part for the whole message. A stream fails
/// once: after an error each further call returns the same error.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = server.url();
/// use std::io::Write;
/// let mut ws = stdws::connect(&url)?;
/// let mut stream = ws.send_stream(stdws::MessageKind::Text)?;
/// for line in 1..=3 {
///     writeln!(stream, "line {line}")?;
/// }
/// stream.finish()?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("line 1\nline 2\nline 3\n"));
/// # Ok(())
/// # }
/// ```
pub struct SendStream {
    connection: Arc<Connection>,
    buffer: Vec<u8>,
    /// The opcode of the next fragment: the kind for the first, a continuation for the others.
    next_opcode: Opcode,
    text: Option<Validator>,
    /// Invalid text was written, or a fragment was not sent. The number of bytes sent is unknown, so nothing can follow.
    failed: Option<Error>,
    finished: bool,
}

impl WebSocket {
    /// Begins a message that is sent in pieces: for one that is too large for memory. See [`SendStream`].
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    ///
    /// ```
    /// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| Ok(while let Some(m) = ws.recv()? { ws.send(m)? }))?;
    /// use std::io::Write;
    /// let mut ws = stdws::connect(server.url())?;
    /// let mut stream = ws.send_stream(stdws::MessageKind::Binary)?;
    /// std::io::copy(&mut &[7; 100_000][..], &mut stream)?;
    /// stream.finish()?;
    /// assert_eq!(ws.recv()?.unwrap().len(), 100_000);
    /// # Ok::<(), stdws::Error>(())
    /// ```
    pub fn send_stream(&mut self, kind: MessageKind) -> Result<SendStream> {
        SendStream::new(self.receiver.connection.clone(), kind)
    }
}

impl SendStream {
    pub(crate) fn new(connection: Arc<Connection>, kind: MessageKind) -> Result<SendStream> {
        connection.begin_stream(Opcode::Data(kind))?;
        let text = match kind {
            MessageKind::Text => Some(Validator::default()),
            MessageKind::Binary => None,
        };
        Ok(SendStream {
            connection,
            buffer: Vec::new(),
            next_opcode: Opcode::Data(kind),
            text,
            failed: None,
            finished: false,
        })
    }

    /// Sends the rest and the end of the message.
    ///
    /// # Errors
    /// [`UsageError::TextNotUtf8`] if the text ends inside a character; an earlier error of `write`; those of
    /// [`WebSocket::send`](crate::WebSocket::send). The connection is aborted then.
    pub fn finish(mut self) -> Result<()> {
        self.check_failed()?;
        if self.text.as_ref().is_some_and(|text| !text.is_complete()) {
            return Err(UsageError::TextNotUtf8.into());
        }
        // 6455-5.4-s2, 6455-6.1-7: the last frame has FIN.
        self.send_fragment(true)?;
        self.finished = true;
        self.connection.end_stream();
        Ok(())
    }

    /// The earlier error, if there is one.
    fn check_failed(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn send_fragment(&mut self, fin: bool) -> Result<()> {
        // 6455-6.1-5, 6455-6.1-6, 6455-5.4-12
        let opcode = mem::replace(&mut self.next_opcode, Opcode::Continuation);
        let result = self.connection.stream_fragment(fin, opcode, &self.buffer);
        self.failed = result.as_ref().err().cloned();
        self.buffer.clear();
        result
    }
}

impl Write for SendStream {
    /// Accepts all of `bytes`. Text is validated first. A character may be split between two writes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_failed()?;
        // 6455-5.6-1: a peer has to reject invalid text, so it is not sent.
        if self.text.as_mut().is_some_and(|text| text.feed(bytes).is_err()) {
            self.failed = Some(UsageError::TextNotUtf8.into());
            self.check_failed()?;
        }
        for piece in bytes.chunks(FRAGMENT) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= FRAGMENT {
                self.send_fragment(false)?;
            }
        }
        Ok(bytes.len())
    }

    /// Sends the buffered bytes as a fragment.
    fn flush(&mut self) -> io::Result<()> {
        self.check_failed()?;
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Ok(self.send_fragment(false)?),
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.finished {
            self.connection.abort();
        }
    }
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream").field("buffered", &self.buffer.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Timeouts;
    use crate::connection::testing::{connection, long_timeouts, BINARY, LONG, ROLES, TEXT};
    use crate::connection::write_permit::WriteIntent;
    use crate::error::Step;
    use std::time::Duration;

    #[test]
    fn a_fragment_without_a_permit_is_not_followed_by_others() {
        // 6455-5.4-s2: a message never begins with a continuation.
        for role in ROLES {
            for kind in [MessageKind::Text, MessageKind::Binary] {
                let (connection, mut peer) =
                    connection(role, Timeouts { write: Duration::from_millis(30), ..long_timeouts() });
                let mut stream = SendStream::new(connection.clone(), kind).unwrap();
                let permit = connection.acquire_permit(WriteIntent::Frame, LONG).unwrap();
                let no_permit = |error: io::Error| {
                    let error = error.into_inner().and_then(|error| error.downcast::<Error>().ok());
                    assert!(matches!(error.as_deref(), Some(Error::Timeout(Step::SendLock))), "{error:?}");
                };
                no_permit(stream.write(&[b'x'; FRAGMENT]).unwrap_err());
                drop(permit);
                // How much of that was sent is unknown, so nothing can follow.
                no_permit(stream.flush().unwrap_err());
                no_permit(stream.write(b"y").unwrap_err());
                assert!(matches!(stream.finish(), Err(Error::Timeout(Step::SendLock))));
                assert_eq!(peer.frame(), None);
            }
        }
    }

    /// 6455-5.6-1: a peer has to reject invalid text, so it is not sent.
    #[test]
    fn text_that_is_not_utf8_is_not_sent() {
        let is_not_utf8 = |error: &Error| matches!(error, Error::Usage(UsageError::TextNotUtf8));
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut stream = SendStream::new(connection, MessageKind::Text).unwrap();
            stream.flush().unwrap();
            assert!(is_not_utf8(&stream.write(b"a\xff").unwrap_err().into()));
            assert!(is_not_utf8(&stream.write(b"b").unwrap_err().into()), "and nothing after it");
            assert!(is_not_utf8(&stream.finish().unwrap_err()));
            assert_eq!(peer.frame(), None, "no fragment, and the connection is aborted");
        }
    }

    #[test]
    fn text_does_not_end_inside_a_character() {
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut stream = SendStream::new(connection, MessageKind::Text).unwrap();
            assert_eq!(stream.write(b"a\xc3").unwrap(), 2);
            assert!(matches!(stream.finish(), Err(Error::Usage(UsageError::TextNotUtf8))));
            assert_eq!(peer.frame(), None);
        }
    }

    #[test]
    fn each_16_kib_are_a_fragment_and_so_is_what_is_flushed() {
        // 6455-5.4-s2, 6455-6.1-5, 6455-6.1-6, 6455-6.1-7
        for role in ROLES {
            let (connection, mut peer) = connection(role, long_timeouts());
            let mut stream = SendStream::new(connection.clone(), MessageKind::Binary).unwrap();
            stream.flush().unwrap();
            assert_eq!(stream.write(b"one").unwrap(), 3);
            assert_eq!(format!("{stream:?}"), "SendStream { buffered: 3 }");
            stream.flush().unwrap();
            stream.flush().unwrap();
            assert_eq!(stream.write(&vec![2; FRAGMENT - 1]).unwrap(), FRAGMENT - 1);
            assert_eq!(format!("{stream:?}"), format!("SendStream {{ buffered: {} }}", FRAGMENT - 1));
            assert_eq!(stream.write(b"\x02").unwrap(), 1);
            assert_eq!(stream.write(&vec![3; 2 * FRAGMENT]).unwrap(), 2 * FRAGMENT);
            assert_eq!(stream.write(b"end").unwrap(), 3);
            stream.finish().unwrap();
            assert!(connection.is_open());
            connection.send(TEXT, b"next").unwrap();
            for (fin, opcode, payload) in [
                (false, BINARY, b"one".to_vec()),
                (false, Opcode::Continuation, vec![2; FRAGMENT]),
                (false, Opcode::Continuation, vec![3; FRAGMENT]),
                (false, Opcode::Continuation, vec![3; FRAGMENT]),
                (true, Opcode::Continuation, b"end".to_vec()),
                (true, TEXT, b"next".to_vec()),
            ] {
                assert!(peer.frame() == Some((fin, opcode, payload)), "{role:?} {opcode:?}");
            }
            drop(SendStream::new(connection.clone(), MessageKind::Text).unwrap());
            assert!(matches!(connection.end(), Some(Error::Closed(None))), "a part is not taken for the whole message");
        }
    }
}
