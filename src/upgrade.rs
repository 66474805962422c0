//! One request at a server's door: read, judged, and accepted or refused (RFC 6455 section 4.2).
//!
//! Knows how a handshake goes on a stream and how long it may take; what a request must say, `protocol::handshake` knows.
//!
//! | what comes | what is done |
//! |---|---|
//! | a request that is in order and welcome | 101, and an open connection; bytes behind the request are its first |
//! | any other request, another protocol, an end too early | an answer in HTTP, and the stream is closed |
//! | nothing more before the deadline | the stream is closed (6455-7.2.2-1) |

mod heads;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

pub use heads::{Request, Response};

use crate::config::{Limits, Timeouts};
use crate::error::{Error, HandshakeFault, Refusal, Result, Step};
use crate::protocol::deflate::{self, Deflate, Deflater, Inflater};
use crate::protocol::encoder::Encoder;
use crate::protocol::handshake::origin::Origins;
use crate::protocol::handshake::{denial, server};
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use crate::wire::http::{Head, HeadParser, Progress};

/// A request fits one read of this size, unless it has large cookies.
const PART: usize = 1 << 10;
/// How long, and for how many bytes, a peer that was refused is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// What a server agrees to.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// Allowed besides the host that is asked. `None`: any.
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) deflate: Option<Deflate>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            limits: Limits::server(),
            timeouts: Timeouts::default(),
            origins: Some(Vec::new()),
            subprotocols: Vec::new(),
            deflate: None,
        }
    }
}

/// The addresses of a connection, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

/// Goes through the whole opening handshake. Takes at most [`Timeouts::handshake`], and a second more for a refusal to arrive.
pub(crate) fn accept(stream: Stream, ends: Ends, terms: &Terms) -> Result<WebSocket> {
    let deadline = Deadline::after(terms.timeouts.handshake);
    match agree(&stream, deadline, terms) {
        Ok(Agreement { head, subprotocol, codec, early }) => {
            let request = Some(Request::new(head, ends.peer));
            let about = About { peer: ends.peer, local: ends.local, subprotocol, request, response: None };
            // 6455-4.2.2-s8: open from here on.
            let settings = (terms.limits, terms.timeouts);
            let (inflater, deflater) = codec.unzip();
            let encoder = Encoder::server().with_compression(deflater);
            Ok(WebSocket::new(stream, Role::Server, (encoder, inflater), settings, &early, about))
        }
        Err(Error::Handshake(refusal)) => Err(Error::Handshake(refuse(&stream, refusal, deadline))),
        Err(error) => {
            stream.shut();
            Err(error)
        }
    }
}

struct Agreement {
    head: Head,
    subprotocol: Option<String>,
    codec: Option<(Inflater, Deflater)>,
    /// What came behind the request.
    early: Vec<u8>,
}

fn agree(stream: &Stream, deadline: Deadline, terms: &Terms) -> Result<Agreement> {
    let (head, early) = read_head(stream, deadline)?;
    let origins = terms.origins.as_deref().map_or(Origins::Any, Origins::SameHostAnd);
    // 6455-4.2.2-1
    let offer = server::check(&head, origins).map_err(refused)?;
    let chosen = server::choose(&offer.subprotocols, &terms.subprotocols);
    // 6455-9-2, 6455-9-3, 6455-4.2.2-10, 6455-4.2.2-11: of what was offered, and only if this server wants it.
    let own = terms.deflate.as_ref();
    let agreed = own.and_then(|own| deflate::accept(&offer.extensions, own));
    let extensions = agreed.as_ref().map(|(_, answer)| answer.as_str());
    let answer = server::response(&server::accept_key(offer.key), chosen, extensions, &[]);
    let codec = own.zip(agreed).map(|(own, (agreed, _))| deflate::codec(&agreed, own));
    write(stream, answer, deadline)?;
    let subprotocol = chosen.map(str::to_owned);
    Ok(Agreement { head, subprotocol, codec, early })
}

/// Reads one head, and what came with it. Not inlined: its buffer must not lie on the stack below a handler for hours.
#[inline(never)]
fn read_head(stream: &Stream, deadline: Deadline) -> Result<(Head, Vec<u8>)> {
    let mut parser = HeadParser::request();
    let mut part = [0; PART];
    loop {
        let count = match read(stream, &mut part, deadline)? {
            0 => return Err(refused(HandshakeFault::Ended)),
            count => count,
        };
        let bytes = part.get(..count).unwrap_or_default();
        match parser.feed(bytes).map_err(|fault| refused(HandshakeFault::Head(fault)))? {
            Progress::More => {}
            Progress::Done { consumed } => {
                let early = bytes.get(consumed..).unwrap_or_default().to_vec();
                let head = parser.finish().ok_or_else(|| refused(HandshakeFault::Ended))?;
                return Ok((head, early));
            }
        }
    }
}

fn refused(fault: HandshakeFault) -> Error {
    Error::Handshake(Refusal::new(fault))
}

/// 6455-4.2.1-1, 6455-10.7-4: says in HTTP what was wrong, and ends the stream.
fn refuse(stream: &Stream, refusal: Refusal, deadline: Deadline) -> Refusal {
    if write(stream, denial::response(refusal.fault()), deadline).is_ok() {
        let deadline = Deadline::after(LINGER);
        stream.finish(deadline.left());
        linger(stream, deadline);
    }
    stream.shut();
    let status = denial::status(refusal.fault());
    refusal.with_answer(status, Vec::new(), Vec::new())
}

/// Takes what the peer still sends. Closing a socket with unread bytes resets it, and the answer could be lost by that.
fn linger(stream: &Stream, deadline: Deadline) {
    let mut part = [0; PART];
    let mut taken = 0_usize;
    while taken < LINGER_BYTES {
        match read(stream, &mut part, deadline) {
            Ok(0) | Err(_) => return,
            Ok(count) => taken = taken.saturating_add(count),
        }
    }
}

/// Reads some; 0 at the end.
fn read(stream: &Stream, to: &mut [u8], deadline: Deadline) -> Result<usize> {
    loop {
        // The deadline counts also for a peer that always has one more byte.
        let left = deadline.left();
        if left.is_zero() {
            return Err(Error::Timeout(Step::Handshake));
        }
        match stream.read(to, left) {
            Ok(count) => return Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn write(stream: &Stream, answer: Vec<u8>, deadline: Deadline) -> Result<()> {
    let mut outbox = Outbox::default();
    *outbox.bytes() = answer;
    outbox.write(stream, &[], Limit::Whole(deadline)).map_err(failed)
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}
