//! The opening handshake of a client on a stream that is open: sends the request, reads the response, keeps what the
//! server says when it refuses. Knows the stream and the time; the verdict is `protocol::handshake::client`'s.
//!
//! What is read, in this order:
//!
//! | what | how much of it | then |
//! |---|---|---|
//! | interim responses, 1xx but 101 (RFC 9110 section 15.2) | up to four | skipped |
//! | the head of the response | the limits of `wire::http` | judged |
//! | after a good one: bytes behind it | what the last read brought | the first bytes of the connection |
//! | after a refusal: its body | 64 KiB, or as much as comes by the deadline | kept in the error |

use std::io::ErrorKind;

use crate::error::{Error, HandshakeFault, Refusal, Result, Step};
use crate::protocol::deflate::{self, Deflate, Deflater, Inflater};
use crate::protocol::handshake::client::{self as handshake, Request};
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::upgrade::Response;
use crate::wire::body::Body;
use crate::wire::http::{Head, HeadParser, Progress};

/// Interim responses that are skipped. Servers send one or two, 100 and 103; more would be a way to hold the caller.
const INTERIM: usize = 4;
/// Room for a whole response of usual size.
const PART: usize = 4 << 10;

/// What came of a good response.
pub(super) struct Opened {
    pub(super) response: Response,
    pub(super) subprotocol: Option<String>,
    pub(super) codec: Option<(Inflater, Deflater)>,
    /// Bytes that came behind the response.
    pub(super) early: Vec<u8>,
}

/// Makes the opening handshake. The body of a refusal with an `unread` status is not waited for.
pub(super) fn open(
    stream: &Stream,
    request: &Request<'_>,
    own: Option<&Deflate>,
    unread: fn(u16) -> bool,
    deadline: Deadline,
) -> Result<Opened> {
    // 6455-4.1-18. 6455-4.1-40: nothing but this is written before the response is here and good.
    let bytes = handshake::request(request)?;
    Outbox::default().write(stream, &bytes, Limit::Whole(deadline)).map_err(failed)?;
    let mut input = Input::new(stream, deadline);
    let head = input.response()?;
    // 6455-4.1-41
    match agree(&head, request, own) {
        Ok((subprotocol, codec)) => {
            Ok(Opened { response: Response::new(head), subprotocol, codec, early: input.bytes().to_vec() })
        }
        Err(fault) => {
            let body = if unread(head.status()) { Vec::new() } else { input.body(&head) };
            Err(Error::Handshake(Refusal::new(fault).with_answer(head.status(), head.shown_fields(), body)))
        }
    }
}

/// What the response says, if it says what it may.
#[allow(clippy::type_complexity)] // Each part has one use.
fn agree(
    head: &Head,
    request: &Request<'_>,
    own: Option<&Deflate>,
) -> Result<(Option<String>, Option<(Inflater, Deflater)>), HandshakeFault> {
    let agreed = handshake::check(head, request)?;
    let codec = match own {
        Some(own) => deflate::check(&agreed.extensions, own)?.map(|agreed| deflate::codec(&agreed, own)),
        None => None,
    };
    Ok((agreed.subprotocol, codec))
}

/// What has been read and not been looked at is `part[from..to]`.
pub(super) struct Input<'a> {
    stream: &'a Stream,
    deadline: Deadline,
    part: [u8; PART],
    from: usize,
    to: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(stream: &'a Stream, deadline: Deadline) -> Input<'a> {
        Input { stream, deadline, part: [0; PART], from: 0, to: 0 }
    }

    /// The head of the first response that is not an interim one.
    fn response(&mut self) -> Result<Head> {
        let mut skipped = 0;
        loop {
            let head = self.head()?;
            let interim = matches!(head.status(), 100 | 102..=199);
            if !interim || skipped == INTERIM {
                return Ok(head);
            }
            skipped += 1;
        }
    }

    fn head(&mut self) -> Result<Head> {
        let refused = |fault| Error::Handshake(Refusal::new(fault));
        let mut parser = HeadParser::response();
        loop {
            match parser.feed(self.bytes()) {
                Ok(Progress::Done { consumed }) => {
                    self.take(consumed);
                    return parser.finish().ok_or(refused(HandshakeFault::Ended));
                }
                Ok(Progress::More) if self.fill()? == 0 => return Err(refused(HandshakeFault::Ended)),
                Ok(Progress::More) => {}
                Err(fault) => return Err(refused(HandshakeFault::Head(fault))),
            }
        }
    }

    /// The body of a refusal. What came of it counts, whatever ends it.
    pub(super) fn body(&mut self, head: &Head) -> Vec<u8> {
        let mut body = Body::of(head);
        body.feed(self.bytes());
        while body.wants_more() && self.fill().is_ok_and(|count| count > 0) {
            body.feed(self.bytes());
        }
        body.finish()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.part.get(self.from..self.to).unwrap_or_default()
    }

    /// So many of the bytes have been looked at.
    pub(super) fn take(&mut self, count: usize) {
        self.from = self.from.saturating_add(count).min(self.to);
    }

    /// Replaces what has been looked at by what comes next. 0: the stream has ended.
    pub(super) fn fill(&mut self) -> Result<usize> {
        loop {
            let left = self.deadline.left();
            if left.is_zero() {
                return Err(Error::Timeout(Step::Handshake));
            }
            match self.stream.read_alone(&mut self.part, left) {
                Ok(count) => {
                    (self.from, self.to) = (0, count);
                    return Ok(count);
                }
                // A wait may end a little early; the clock above decides.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

pub(super) fn failed(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}
