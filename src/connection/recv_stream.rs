//! One message received piece by piece, read like a file.

use std::fmt;
use std::io::{self, Read};

use super::receive::{Received, Receiver};
use crate::codec::event::DecoderEvent;
use crate::error::Result;
use crate::message::MessageKind;
use crate::net::deadline::Deadline;

/// A message being received: read it to its end (`read` gives 0), or drop it, and the rest is skipped by the next call
/// that receives. RFC 6455 section 5.4.
///
/// Nothing of it is kept, so [`Limits`](crate::Limits) do not apply: the one who reads decides how much. Text is checked
/// as it comes; what `read` has given is valid so far, but may end inside a character.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    /// What had been put together before, and is to be given first.
    prefix: Vec<u8>,
    delivered: usize,
    /// Bytes of the decoder's last piece that have been given.
    chunk_offset: Option<usize>,
    ended: bool,
}

impl<'a> RecvStream<'a> {
    /// Waits for the next message to begin. `None`: the connection was closed.
    pub(crate) fn new(receiver: &'a mut Receiver) -> Result<Option<RecvStream<'a>>> {
        if let Some((kind, prefix)) = receiver.decoder.start_streaming() {
            return Ok(Some(RecvStream { receiver, kind, prefix, delivered: 0, chunk_offset: None, ended: false }));
        }
        loop {
            match receiver.next(None) {
                Ok(Some(Received::Data(DecoderEvent::MessageStart(kind)))) => {
                    return Ok(Some(RecvStream {
                        receiver,
                        kind,
                        prefix: Vec::new(),
                        delivered: 0,
                        chunk_offset: None,
                        ended: false,
                    }));
                }
                Ok(Some(Received::Data(_) | Received::Pong)) => {}
                Ok(None) => {
                    receiver.end_by(Deadline::never());
                    return Ok(None);
                }
                Err(error) => {
                    receiver.decoder.stop_streaming();
                    return Err(error);
                }
            }
        }
    }

    /// A message that has been received whole before.
    pub(crate) fn from_message(receiver: &'a mut Receiver, kind: MessageKind, bytes: Vec<u8>) -> RecvStream<'a> {
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
    /// Waits for some more of the message. Errors carry a [`crate::Error`].
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
                // A Close in the middle of a message: the rest will never come.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
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
