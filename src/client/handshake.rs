//! The opening handshake of a client over an open stream: sends the request, reads the response, and keeps the body of
//! a rejection. Must not know how a response is checked: that is in the layer `handshake`.
//!
//! | read, in this order | limit | then |
//! |---|---|---|
//! | interim responses, 1xx except 101 (RFC 9110 section 15.2) | four | skipped |
//! | the head of the response | those of `Limits` for heads | checked |
//! | after an accepted response: bytes after it | one read | the first bytes of the connection |
//! | after a rejection: its body | 64 KiB, 2 s and the deadline | kept in the error |
//!
//! A status that was read is the error, whatever follows it: a head that is not valid, the end of the stream, a
//! timeout. The head parser keeps the valid fields. A server may respond before it has read the request and close the
//! connection. So the response is read even if the request cannot be written.

use std::borrow::Cow;

use super::builder::Client;
use crate::config::Limits;
#[cfg(feature = "deflate")]
use crate::deflate::extension;
use crate::deflate::extension::{Deflate, Deflater, Inflater};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, ResponseErrorKind, Result, Step};
use crate::handshake::client::{self as handshake, HandshakeRequest};
use crate::handshake::http::status::skip_interim;
use crate::handshake::http::{Head, HeadParser, Progress};
use crate::handshake::uri::Uri;
use crate::http::body::{Body, BODY_TIMEOUT};
use crate::http::response::Response;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::write_buffer::{WriteBuffer, WriteMode};

/// Number of bytes of one read; a usual response fits.
const BUFFER_SIZE: usize = 4 << 10;

/// URL, headers and policy of one opening handshake.
pub(crate) struct Target<'a> {
    pub(crate) uri: Cow<'a, Uri>,
    /// The caller's headers.
    pub(crate) headers: Cow<'a, [(String, String)]>,
    /// An answer to a challenge, for the field Authorization.
    pub(crate) answer: Option<String>,
    /// The subprotocols to offer.
    pub(crate) subprotocols: &'a [String],
    /// The statuses of rejections whose body is not read.
    pub(crate) skip_body: fn(u16) -> bool,
}

impl<'a> Target<'a> {
    /// With the settings of the client; reads the body of every rejection.
    pub(super) fn new(client: &'a Client) -> Target<'a> {
        Target {
            uri: Cow::Borrowed(&client.uri),
            headers: Cow::Borrowed(&client.headers),
            subprotocols: &client.subprotocols,
            answer: None,
            skip_body: |_| false,
        }
    }

    /// The same, with this answer to a challenge.
    pub(crate) fn with_answer(&'a self, answer: Option<String>) -> Target<'a> {
        let (uri, headers) = (Cow::Borrowed(&*self.uri), Cow::Borrowed(&*self.headers));
        Target { uri, headers, subprotocols: self.subprotocols, answer, skip_body: self.skip_body }
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

/// Performs the opening handshake within a deadline and limits. Does not read the body of a rejection whose status `skip_body` selects.
pub(super) fn open(
    stream: &Stream,
    request: &HandshakeRequest<'_>,
    offer: Option<&Deflate>,
    skip_body: fn(u16) -> bool,
    (deadline, limits): (Deadline, Limits),
) -> Result<Opened> {
    // 6455-4.1-18. 6455-4.1-40: nothing else is written before the response is accepted.
    let bytes = handshake::encode_request(request)?;
    let mut reader = HandshakeReader::new(stream, deadline, limits);
    let head = match write_request(stream, &bytes, deadline) {
        Ok(()) => reader.read_response()?,
        Err(error) => reader.read_early_rejection().ok_or(error)?,
    };
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

pub(crate) fn write_request(stream: &Stream, bytes: &[u8], deadline: Deadline) -> Result<()> {
    WriteBuffer::default().write(stream, bytes, WriteMode::Until(deadline)).map_err(io_error)
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
    limits: Limits,
    buffer: [u8; BUFFER_SIZE],
    start: usize,
    end: usize,
}

impl<'a> HandshakeReader<'a> {
    pub(crate) fn new(stream: &'a Stream, deadline: Deadline, limits: Limits) -> HandshakeReader<'a> {
        HandshakeReader { stream, deadline, limits, buffer: [0; BUFFER_SIZE], start: 0, end: 0 }
    }

    /// The head of the first response that is not interim.
    fn read_response(&mut self) -> Result<Head> {
        skip_interim(|| self.read_head(|_| ()))
    }

    /// Reads a head, and passes its bytes to `raw`.
    pub(crate) fn read_head(&mut self, mut raw: impl FnMut(&[u8])) -> Result<Head> {
        let rejection = |kind| Error::Handshake(HandshakeError::new(kind));
        let mut parser = HeadParser::response().limits(self.limits);
        loop {
            let error = match parser.feed(self.buffered()) {
                Ok(Progress::Done { consumed }) => {
                    raw(self.buffered().get(..consumed).unwrap_or_default());
                    self.consume(consumed);
                    return parser.finish().ok_or(rejection(HandshakeErrorKind::UnexpectedEof));
                }
                Ok(Progress::More) => {
                    raw(self.buffered());
                    if parser.status() >= 200 {
                        // The rest of a rejection has the same time as its body: the status is known. The earliest
                        // deadline stays.
                        self.deadline = self.deadline.earlier(Deadline::after(BODY_TIMEOUT));
                    }
                    match self.fill() {
                        Ok(1..) => continue,
                        Ok(0) => rejection(HandshakeErrorKind::UnexpectedEof),
                        Err(error) => error,
                    }
                }
                Err(kind) => rejection(HandshakeErrorKind::Head(kind)),
            };
            return Err(with_status(error, parser));
        }
    }

    /// The rejection of a server that did not take the whole request. `None`: it sent none.
    pub(crate) fn read_early_rejection(&mut self) -> Option<Head> {
        self.deadline = self.deadline.earlier(Deadline::after(BODY_TIMEOUT));
        self.read_response().ok().filter(|head| head.status() != 101)
    }

    /// The body of a rejection. If reading fails or takes too long, the part read so far.
    pub(crate) fn read_body(&mut self, head: &Head) -> Vec<u8> {
        self.deadline = self.deadline.earlier(Deadline::after(BODY_TIMEOUT));
        let mut body = Body::for_response(head);
        body.feed(self.buffered());
        while body.needs_more() && matches!(self.fill(), Ok(1..)) {
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
        let count = self.stream.read_by(&mut self.buffer, self.deadline).map_err(io_error)?;
        (self.start, self.end) = (0, count);
        Ok(count)
    }
}

/// The error of a head that was not read completely, with the status and the fields before the fault. The status of a
/// rejection is the error.
fn with_status(error: Error, parser: HeadParser) -> Error {
    let Some(head) = parser.into_incomplete() else { return error };
    let kind = match (head.status(), &error) {
        (101, Error::Handshake(rejection)) => rejection.kind().clone(),
        (100..=199, _) => return error,
        (status, _) => HandshakeErrorKind::Response(ResponseErrorKind::Status(status)),
    };
    Error::Handshake(HandshakeError::new(kind).with_response(head.status(), head.display_fields(), Vec::new()))
}

pub(crate) fn io_error(error: std::io::Error) -> Error {
    Error::io_by_deadline(Step::Handshake, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::split_stream::SplitStream;
    use std::io;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(10_000);

    /// What `read` returns for a stream of these bytes, and whether two seconds at most are left after it.
    fn after<T>(received: &'static str, read: impl FnOnce(&mut HandshakeReader<'_>) -> T) -> (T, bool) {
        let stream = Stream::from_split(SplitStream::new(received.as_bytes(), io::sink())).unwrap();
        let mut reader = HandshakeReader::new(&stream, Deadline::after(LONG), Limits::client());
        let result = read(&mut reader);
        let left = reader.deadline.remaining();
        assert!(left <= BODY_TIMEOUT || left > LONG / 2, "{left:?}");
        (result, left <= BODY_TIMEOUT)
    }

    /// From the status of a rejection on, its head and its body have two seconds. A response that may still be accepted has
    /// the time of the attempt.
    #[test]
    fn a_rejection_has_two_seconds() {
        let head = |reader: &mut HandshakeReader<'_>| reader.read_response().map(|head| head.status()).ok();
        let rows = [
            ("", false),
            ("HTTP/1.1 50", false),
            ("HTTP/1.1 101 Switching\r\nX:", false),
            ("HTTP/1.1 199 Early\r\nX:", false),
            ("HTTP/1.1 200 OK\r\nX:", true),
            ("HTTP/1.1 503 Busy\r\nX:", true),
        ];
        for (received, is_short) in rows {
            assert_eq!(after(received, head), (None, is_short), "{received:?}");
        }
        assert_eq!(after("HTTP/1.1 101 Switching\r\n\r\n", head), (Some(101), false));
        let body = |reader: &mut HandshakeReader<'_>| {
            let mut parser = HeadParser::response();
            parser.feed(b"HTTP/1.1 403 No\r\n\r\n").unwrap();
            reader.read_body(&parser.finish().unwrap())
        };
        assert_eq!(after("denied", body), (b"denied".to_vec(), true));
    }

    /// After a request that was not written, 101 is no rejection, and no response is waited for longer than a rejection.
    #[test]
    fn an_early_rejection_has_two_seconds() {
        let status = |reader: &mut HandshakeReader<'_>| reader.read_early_rejection().map(|head| head.status());
        let rows = [
            ("", None),
            ("HTTP/1.1 101 Switching\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", Some(503)),
        ];
        for (received, expected) in rows {
            assert_eq!(after(received, status), (expected, true), "{received:?}");
        }
    }
}
