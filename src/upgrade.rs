//! One request at a server's door: read, judged, and accepted or refused (RFC 6455 section 4.2). And the two heads of an
//! opening handshake, as users see them.
//!
//! Knows how a handshake goes on a stream and how long it may take; what a request must say, `protocol::handshake` knows.
//!
//! | what comes | what is done |
//! |---|---|
//! | a request that is in order and welcome | 101, and an open connection; bytes behind the request are its first |
//! | any other request, another protocol, an end too early | an answer in HTTP, and the stream is closed |
//! | nothing more before the deadline | the stream is closed (6455-7.2.2-1) |

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::{Limits, Timeouts};
use crate::error::{Error, HandshakeFault, Refusal, Result, Step};
use crate::protocol::encoder::Encoder;
use crate::protocol::handshake::origin::Origins;
use crate::protocol::handshake::{denial, server};
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use crate::wire::header;
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
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            limits: Limits::server(),
            timeouts: Timeouts::default(),
            origins: Some(Vec::new()),
            subprotocols: Vec::new(),
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
        Ok(Agreement { head, subprotocol, early }) => {
            let request = Some(Request { head, peer: ends.peer });
            let about = About { peer: ends.peer, local: ends.local, subprotocol, request, response: None };
            // 6455-4.2.2-s8: open from here on.
            let settings = (terms.limits, terms.timeouts);
            Ok(WebSocket::new(stream, Role::Server, Encoder::server(), settings, &early, about))
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
    /// What came behind the request.
    early: Vec<u8>,
}

fn agree(stream: &Stream, deadline: Deadline, terms: &Terms) -> Result<Agreement> {
    let (head, early) = read_head(stream, deadline)?;
    let origins = terms.origins.as_deref().map_or(Origins::Any, Origins::SameHostAnd);
    // 6455-4.2.2-1
    let offer = server::check(&head, origins).map_err(refused)?;
    let chosen = server::choose(&offer.subprotocols, &terms.subprotocols);
    let answer = server::response(&server::accept_key(offer.key), chosen, None, &[]);
    write(stream, &answer, deadline)?;
    let subprotocol = chosen.map(str::to_owned);
    Ok(Agreement { head, subprotocol, early })
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
    let answer = denial::response(refusal.fault());
    if write(stream, &answer, deadline).is_ok() {
        stream.finish(LINGER);
        linger(stream);
    }
    stream.shut();
    let status = denial::status(refusal.fault());
    refusal.with_answer(status, Vec::new(), Vec::new())
}

/// Takes what the peer still sends. Closing a socket with unread bytes resets it, and the answer could be lost by that.
fn linger(stream: &Stream) {
    let deadline = Deadline::after(LINGER);
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
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn write(stream: &Stream, bytes: &[u8], deadline: Deadline) -> Result<()> {
    Outbox::default().write(stream, bytes, Limit::Whole(deadline.left())).map_err(failed)
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::Timeout(Step::Handshake),
        _ => Error::io(Step::Handshake, error),
    }
}

/// The request that opened a connection (RFC 6455 section 4.1), as a server got it. See
/// [`WebSocket::request`](crate::WebSocket::request).
///
/// It is kept as long as the connection, in little more memory than it had bytes. Its `Debug` shows neither the query nor
/// any header but `Host`, because the others may hold secrets.
///
/// ```
/// # fn main() -> stdws::Result<()> {
/// let bytes = b"GET /chat?room=7 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAccept-Language: de\r\n\r\n";
/// let halves = stdws::Halves::new(&bytes[..], std::io::sink());
/// let ws = stdws::Server::unbound().accept_over(halves)?;
/// let request = ws.request().unwrap();
/// assert_eq!((request.path(), request.query()), ("/chat", Some("room=7")));
/// assert_eq!(request.header("accept-language"), Some("de"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Request {
    head: Head,
    peer: Option<SocketAddr>,
}

impl Request {
    /// The path, which begins with `/`. Percent-encoding is left as it came.
    pub fn path(&self) -> &str {
        match self.resource().split('?').next() {
            // An empty path of a URI stands for the root (RFC 9110 section 4.2.3).
            Some("") | None => "/",
            Some(path) => path,
        }
    }

    /// What follows the first `?` of the target, if there is one.
    pub fn query(&self) -> Option<&str> {
        self.resource().split_once('?').map(|(_, query)| query)
    }

    /// The request target as it was sent: path and query, or an absolute `http` or `https` URI.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// The host that was asked, with the port if one was given.
    pub fn host(&self) -> &str {
        self.header("Host").unwrap_or_default()
    }

    /// From where a browser's page comes (RFC 6455 section 10.2). Clients that are no browsers send none, or any.
    pub fn origin(&self) -> Option<&str> {
        self.header("Origin")
    }

    /// The value of the first header of this name, compared without regard to case; `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        text(&self.head, name)
    }

    /// All headers in the order they came. Values are visible characters, spaces and tabs, and may have bytes outside ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.fields()
    }

    /// The subprotocols offered, in the client's order of preference. [`WebSocket::subprotocol`](crate::WebSocket::subprotocol)
    /// is the one agreed on.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.head.get_all("Sec-WebSocket-Protocol").flat_map(header::tokens).filter_map(|token| token.ok())
    }

    /// The address of the peer, which may be a proxy; `None` over a stream made elsewhere.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Path and query, without what a URI has before them.
    fn resource(&self) -> &str {
        let target = self.target();
        match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') => {
                rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default()
            }
            Some(_) | None => target,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        f.debug_struct("Request")
            .field("path", &self.path())
            .field("host", &host)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The response that opened a connection (RFC 6455 section 4.2.2), as a client got it. See
/// [`WebSocket::response`](crate::WebSocket::response).
///
/// Its `Debug` shows no header, because some hold secrets.
#[derive(Clone)]
pub struct Response {
    head: Head,
}

impl Response {
    pub(crate) fn new(head: Head) -> Response {
        Response { head }
    }

    /// The HTTP status: 101.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The value of the first header of this name, compared without regard to case; `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        text(&self.head, name)
    }

    /// All headers in the order they came. Values are visible characters, spaces and tabs, and may have bytes outside ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.fields()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}

fn text<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    let (_, value) = head.fields().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}
