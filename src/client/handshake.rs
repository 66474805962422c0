//! The opening handshake of a client over an open stream: sends the request, reads the response, and keeps the body of
//! a rejection. Must not know how a response is checked: that is in the layer `handshake`.
//!
//! | read, in this order | limit | then |
//! |---|---|---|
//! | interim responses, 1xx except 101 (RFC 9110 section 15.2) | four | skipped |
//! | the head of the response | the limits of the head parser | checked |
//! | after an accepted response: bytes after it | one read | the first bytes of the connection |
//! | after a rejection: its body | 64 KiB, and the deadline | kept in the error |

use std::borrow::Cow;
use std::io::ErrorKind;

#[cfg(feature = "deflate")]
use crate::deflate::extension;
use crate::deflate::extension::{Deflate, Deflater, Inflater};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result, Step};
use crate::handshake::client::{self as handshake, HandshakeRequest};
use crate::handshake::http::{Head, HeadParser, Progress};
use crate::handshake::uri::Uri;
use crate::http::body::Body;
use crate::http::response::Response;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteTimeout};

/// Maximum number of interim responses that are skipped. Servers send one or two, 100 and 103.
const MAX_INTERIM_RESPONSES: usize = 4;
/// Number of bytes of one read; a usual response fits.
const BUFFER_SIZE: usize = 4 << 10;

/// URL, headers and policy of one opening handshake.
pub(crate) struct Target<'a> {
    pub(crate) uri: Cow<'a, Uri>,
    /// The caller's headers.
    pub(crate) headers: Cow<'a, [(String, String)]>,
    /// The statuses of rejections whose body is not read.
    pub(crate) skip_body: fn(u16) -> bool,
}

impl<'a> Target<'a> {
    /// With this URL and these headers; reads the body of every rejection.
    pub(super) fn new(uri: &'a Uri, headers: &'a [(String, String)]) -> Target<'a> {
        Target { uri: Cow::Borrowed(uri), headers: Cow::Borrowed(headers), skip_body: |_| false }
    }
}

/// The result of an accepted response.
pub(super) struct Opened {
    pub(super) response: Response,
    pub(super) subprotocol: Option<String>,
    pub(super) compression: Option<(Inflater, Deflater)>,
    /// Bytes received after the response.
    pub(super) leftover: Vec<u8>,
}

/// Performs the opening handshake. Does not read the body of a rejection whose status `skip_body` selects.
pub(super) fn open(
    stream: &Stream,
    request: &HandshakeRequest<'_>,
    offer: Option<&Deflate>,
    skip_body: fn(u16) -> bool,
    deadline: Deadline,
) -> Result<Opened> {
    // 6455-4.1-18. 6455-4.1-40: nothing else is written before the response is accepted.
    let bytes = handshake::encode_request(request)?;
    WriteBuffer::default().write(stream, &bytes, WriteTimeout::Until(deadline)).map_err(io_error)?;
    let mut reader = HandshakeReader::new(stream, deadline);
    let head = reader.read_response()?;
    // 6455-4.1-41
    match check_response(&head, request, offer) {
        Ok((subprotocol, compression)) => Ok(Opened {
            response: Response::from_head(head),
            subprotocol,
            compression,
            leftover: reader.buffered().to_vec(),
        }),
        Err(kind) => {
            let body = if skip_body(head.status()) { Vec::new() } else { reader.read_body(&head) };
            Err(Error::Handshake(HandshakeError::new(kind).with_response(head.status(), head.display_fields(), body)))
        }
    }
}

/// Checks the response and returns the subprotocol and the compression that the server selected.
#[allow(clippy::type_complexity)] // Each part has one use.
fn check_response(
    head: &Head,
    request: &HandshakeRequest<'_>,
    offer: Option<&Deflate>,
) -> Result<(Option<String>, Option<(Inflater, Deflater)>), HandshakeErrorKind> {
    let agreed = handshake::check_response(head, request)?;
    let codec = match offer {
        #[cfg(feature = "deflate")]
        Some(offer) => extension::check(&agreed.extensions, offer)?.map(|agreed| extension::codec(&agreed, offer)),
        #[cfg(not(feature = "deflate"))]
        Some(never) => match *never {},
        None => None,
    };
    Ok((agreed.subprotocol, codec))
}

/// Reads a response. `buffer[start..end]` has been read and not yet consumed.
pub(crate) struct HandshakeReader<'a> {
    stream: &'a Stream,
    deadline: Deadline,
    buffer: [u8; BUFFER_SIZE],
    start: usize,
    end: usize,
}

impl<'a> HandshakeReader<'a> {
    pub(crate) fn new(stream: &'a Stream, deadline: Deadline) -> HandshakeReader<'a> {
        HandshakeReader { stream, deadline, buffer: [0; BUFFER_SIZE], start: 0, end: 0 }
    }

    /// The head of the first response that is not interim.
    fn read_response(&mut self) -> Result<Head> {
        let mut skipped = 0;
        loop {
            let head = self.read_head()?;
            let interim = matches!(head.status(), 100 | 102..=199);
            if !interim || skipped == MAX_INTERIM_RESPONSES {
                return Ok(head);
            }
            skipped += 1;
        }
    }

    fn read_head(&mut self) -> Result<Head> {
        let rejection = |kind| Error::Handshake(HandshakeError::new(kind));
        let mut parser = HeadParser::response();
        loop {
            match parser.feed(self.buffered()) {
                Ok(Progress::Done { consumed }) => {
                    self.consume(consumed);
                    return parser.finish().ok_or(rejection(HandshakeErrorKind::UnexpectedEof));
                }
                Ok(Progress::More) if self.fill()? == 0 => return Err(rejection(HandshakeErrorKind::UnexpectedEof)),
                Ok(Progress::More) => {}
                Err(kind) => return Err(rejection(HandshakeErrorKind::Head(kind))),
            }
        }
    }

    /// The body of a rejection. If reading fails or reaches the deadline, the part read so far.
    pub(crate) fn read_body(&mut self, head: &Head) -> Vec<u8> {
        let mut body = Body::for_response(head);
        body.feed(self.buffered());
        while body.needs_more() && self.fill().is_ok_and(|count| count > 0) {
            body.feed(self.buffered());
        }
        body.finish()
    }

    pub(crate) fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Marks this number of buffered bytes as processed.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Replaces the buffer, which has to be consumed, by the next read. 0: the stream has ended.
    pub(crate) fn fill(&mut self) -> Result<usize> {
        loop {
            let left = self.deadline.remaining();
            if left.is_zero() {
                return Err(Error::Timeout(Step::Handshake));
            }
            match self.stream.read_exclusive(&mut self.buffer, left) {
                Ok(count) => {
                    (self.start, self.end) = (0, count);
                    return Ok(count);
                }
                // A wait may end slightly early; the deadline above decides.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(io_error(error)),
            }
        }
    }
}

pub(crate) fn io_error(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}
