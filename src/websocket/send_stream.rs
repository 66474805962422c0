//! One message sent in fragments, written like a file.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use super::link::Link;
use crate::error::{Error, Misuse, Result};
use crate::message::Kind;
use crate::primitives::utf8::Validator;
use crate::wire::frame::Opcode;

/// Bytes of the message that go into one fragment.
const FRAGMENT: usize = 16 << 10;

/// A message being sent: write to it, then [`finish`](SendStream::finish). RFC 6455 section 5.4.
///
/// Fragments of 16 KiB are sent as they fill up, and what there is on `flush`. Until it is finished, other messages of this
/// connection wait (at most [`Timeouts::write`](crate::Timeouts::write), then they fail with
/// [`Step::Turn`](crate::Step::Turn)); Pings, Pongs and Closes do not.
///
/// Dropped without `finish`, the connection is cut: the peer must not take a part for the whole.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = stdws::Server::bind("127.0.0.1:0")?.start(|mut ws| {
/// #     while let Some(message) = ws.recv()? { ws.send(&message)?; }
/// #     Ok(())
/// # })?;
/// # let url = format!("ws://{}", server.local_addr());
/// use std::io::Write;
/// let mut ws = stdws::connect(&url)?;
/// let mut stream = ws.send_stream(stdws::Kind::Text)?;
/// for line in 1..=3 {
///     writeln!(stream, "line {line}")?;
/// }
/// stream.finish()?;
/// assert_eq!(ws.recv()?.unwrap().as_text(), Some("line 1\nline 2\nline 3\n"));
/// # Ok(())
/// # }
/// ```
pub struct SendStream {
    link: Arc<Link>,
    buffer: Vec<u8>,
    /// What the next fragment is: the first has the kind, the others continue.
    next: Opcode,
    text: Option<Validator>,
    /// It was given bytes that are not text; there is no way to go on.
    broken: bool,
    finished: bool,
}

impl SendStream {
    pub(super) fn new(link: Arc<Link>, kind: Kind) -> Result<SendStream> {
        link.begin_stream()?;
        let text = match kind {
            Kind::Text => Some(Validator::default()),
            Kind::Binary => None,
        };
        Ok(SendStream { link, buffer: Vec::new(), next: Opcode::Data(kind), text, broken: false, finished: false })
    }

    /// Sends the rest, and with it the end of the message.
    ///
    /// # Errors
    /// [`Misuse::TextNotUtf8`] if the text ends inside a character, or `write` was given what is not text; the connection is then cut, as if it was not finished.
    pub fn finish(mut self) -> Result<()> {
        if self.broken || self.text.as_ref().is_some_and(|text| !text.is_complete()) {
            return Err(Misuse::TextNotUtf8.into());
        }
        // 6455-5.4-s2, 6455-6.1-7: the last frame says so.
        self.fragment(true)?;
        self.finished = true;
        self.link.end_stream();
        Ok(())
    }

    fn fragment(&mut self, fin: bool) -> Result<()> {
        // 6455-6.1-5, 6455-6.1-6, 6455-5.4-12
        let opcode = mem::replace(&mut self.next, Opcode::Continuation);
        self.link.stream_fragment(fin, opcode, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for SendStream {
    /// Takes all of `bytes`. For text they are checked first; a character may be split between two writes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(text) = &mut self.text {
            // 6455-5.6-1: never send what the peer must refuse.
            if self.broken || text.feed(bytes).is_err() {
                self.broken = true;
                return Err(Error::Misuse(Misuse::TextNotUtf8).into());
            }
        }
        for piece in bytes.chunks(FRAGMENT) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= FRAGMENT {
                self.fragment(false)?;
            }
        }
        Ok(bytes.len())
    }

    /// Sends what there is as a fragment.
    fn flush(&mut self) -> io::Result<()> {
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Ok(self.fragment(false)?),
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.finished {
            self.link.abort();
        }
    }
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream").field("buffered", &self.buffer.len()).finish()
    }
}
