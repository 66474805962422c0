//! One request at a server's door: read, judged, and accepted, answered, handed over or refused (RFC 6455 section 4.2).
//!
//! Knows how a handshake goes on a stream and how long it may take; what a request must say, `protocol::handshake` knows.
//! The steps, each of which may end it:
//!
//! | step | ends with |
//! |---|---|
//! | [`announced`]: a trusted proxy says who its client is | no answer; nothing, if the deadline passes |
//! | [`Talk::read_head`]: bytes become a request | 400, 431; nothing, if the deadline passes (6455-7.2.2-1) |
//! | the client is counted, if a proxy stood before it | 429 |
//! | [`judge`]: in order and welcome as what it asks for, WebSocket or plain HTTP | 400, 403, 405, 426, 505 |
//! | the credentials are checked, if any are asked for | 401 |
//! | the hook `on_request` decides | what it answers; the stream handed over; 500 if it panics |
//! | a WebSocket is agreed on | 101, and an open connection; bytes behind the request are its first |
//! | plain HTTP is answered by the hook `http` | what it answers; 405, 426; 500 if it panics |

mod credentials;
mod decision;
#[cfg(feature = "legacy")]
pub(crate) mod drafts;
mod handover;
mod request;
mod response;
mod talk;
mod terms;
mod vouching;

pub use credentials::{same_secret, Credentials};
pub use decision::{Accept, Decision, HandOver};
pub use handover::Handover;
pub use request::Request;
pub use response::Response;
pub(crate) use terms::{BasicAuth, Ends, Terms, Visit};
pub(crate) use vouching::{Header, Trusted};

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use crate::config::{Limits, Timeouts};
use crate::error::{Error, HandshakeFault, Misuse, Refusal, Result};
use crate::protocol::deflate::{self, Deflater, Inflater};
use crate::protocol::encoder::Encoder;
use crate::protocol::handshake::denial;
use crate::protocol::handshake::origin::Origins;
use crate::protocol::handshake::server::{self, Offer};
use crate::trace::{Watch, What};
use crate::websocket::codec::Codec;
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use talk::Talk;

/// What is to be done with a request.
enum Verdict {
    Open(Box<Opening>),
    /// It is for `drafts`, which judges by the rules of that version.
    #[cfg(feature = "legacy")]
    Draft(&'static crate::legacy::table::Row),
    Answer(Response),
    HandOver(HandOver),
}

/// A connection that has been agreed on.
struct Opening {
    /// The head that says so.
    answer: Vec<u8>,
    subprotocol: Option<String>,
    codec: Option<(Inflater, Deflater)>,
    limits: Limits,
    timeouts: Timeouts,
}

/// Whom a proxy names before anything else, before TLS too, if the peer is one that does.
pub(crate) fn announced(visit: &Visit, terms: &Terms) -> Result<Option<IpAddr>> {
    let Visit { stream, ends, deadline, .. } = visit;
    match terms.vouching.announces(ends.peer) {
        true => vouching::announced(*deadline, |to, wait| stream.read(to, wait)).inspect_err(|_| stream.shut()),
        false => Ok(None),
    }
}

/// Tells that someone is let in, and what became of it if that is no connection.
pub(crate) fn told(
    terms: &Terms,
    peer: Option<SocketAddr>,
    go: impl FnOnce(&Watch) -> Result<WebSocket>,
) -> Result<WebSocket> {
    let watch = terms.events.watch();
    watch.tell(|| What::Accepted(peer));
    go(&watch).inspect_err(|error| match error {
        // That was told before it was handed over.
        Error::Handshake(refusal) if *refusal.fault() == HandshakeFault::HandedOver => {}
        error => watch.tell_opening(error),
    })
}

/// A request, what came behind it, and what is to be done.
struct Judged {
    request: Request,
    early: Vec<u8>,
    verdict: Verdict,
}

/// Asked whether one more of this client may come in, when it is known who that is.
type Admit<'a> = &'a dyn Fn(Option<IpAddr>) -> Result<(), HandshakeFault>;

/// Goes through the whole opening handshake. Takes until the deadline of the visit, a second more for an answer in HTTP to
/// arrive, and as long as the hooks take.
///
/// In parts that are not inlined: what any of them has touched of the stack lies there below a handler for hours.
pub(crate) fn accept(
    visit: &Visit,
    announced: Option<IpAddr>,
    admit: Admit<'_>,
    (terms, watch): (&Terms, &Watch),
) -> Result<WebSocket> {
    let talk = Talk { stream: &visit.stream, deadline: visit.deadline };
    let judged = hear(visit, announced, admit, terms).map_err(|error| refuse(&talk, error, terms))?;
    let Judged { request, early, verdict } = *judged;
    match verdict {
        Verdict::Open(opening) => open(visit, (request, early), *opening, watch),
        #[cfg(feature = "legacy")]
        Verdict::Draft(row) => {
            drafts::accept(&talk, (&visit.stream, visit.ends), request.of(row.version), early, (row, terms, watch))
        }
        Verdict::Answer(response) => Err(answer(&talk, &request, &response, terms)),
        Verdict::HandOver(take) => Err(hand_over(take, visit, (request, early), (terms, watch))),
    }
}

/// Reads the request and judges it.
#[inline(never)]
fn hear(visit: &Visit, announced: Option<IpAddr>, admit: Admit<'_>, terms: &Terms) -> Result<Box<Judged>> {
    let Visit { stream, ends, deadline, heard } = visit;
    let (head, early) = Talk { stream, deadline: *deadline }.read_head()?;
    heard.store(true, Ordering::Relaxed);
    let from = announced.or(ends.peer.map(|peer| peer.ip()));
    let client = terms.vouching.client(from, &head);
    admit(client).map_err(|fault| Error::Handshake(Refusal::new(fault)))?;
    let request = Request::new(head, ends.peer, client);
    #[cfg(feature = "legacy")]
    if let Some(row) = drafts::meant(request.head(), terms)? {
        return Ok(Box::new(Judged { request, early, verdict: Verdict::Draft(row) }));
    }
    let verdict = judge(&request, terms)?;
    Ok(Box::new(Judged { request, early, verdict }))
}

/// Says yes. 6455-4.2.2-s8: open from then on.
#[inline(never)]
fn open(visit: &Visit, (request, early): (Request, Vec<u8>), opening: Opening, watch: &Watch) -> Result<WebSocket> {
    let Visit { stream, ends, deadline, .. } = visit;
    let Opening { answer, subprotocol, codec, limits, timeouts } = opening;
    Talk { stream, deadline: *deadline }.write(answer, &[]).inspect_err(|_| stream.shut())?;
    let (peer, local, watch) = (ends.peer, ends.local, watch.clone());
    let about = About { peer, local, subprotocol, request: Some(request), response: None, watch };
    let (inflater, deflater) = codec.unzip();
    let codec = (Encoder::server().with_compression(deflater), inflater);
    let codec = Codec::rfc(Role::Server, limits, &early, codec);
    Ok(WebSocket::new(stream.clone(), codec, (limits, timeouts), about))
}

/// Gives the stream away, and what was read of it.
#[inline(never)]
fn hand_over(
    take: HandOver,
    visit: &Visit,
    (request, early): (Request, Vec<u8>),
    (terms, watch): (&Terms, &Watch),
) -> Error {
    watch.tell(|| What::HandedOver);
    let _guard = watch.guard();
    (take.0)(Handover::new(visit.stream.clone(), request, early, &terms.timeouts));
    Error::Handshake(Refusal::new(HandshakeFault::HandedOver))
}

/// 6455-4.2.2-1: carries out the steps, and stops at the first that fails. 6455-4.2.2-s1, 6455-4.2.2-3, 6455-4.2.2-7,
/// 6455-10.5-s1: the hook may ask for credentials, redirect, and refuse what is not there.
fn judge(request: &Request, terms: &Terms) -> Result<Verdict> {
    let head = request.head();
    let origins = terms.origins.as_deref().map_or(Origins::Any, Origins::SameHostAnd);
    let refused = |fault| Error::Handshake(Refusal::new(fault));
    // A hook never sees a WebSocket request that is not in order, or from a page that is not welcome.
    let offer = match request.is_websocket() || !terms.hooks.any() {
        true => Some(server::check(head, origins).map_err(refused)?),
        false => server::check_http(head).map_err(refused).map(|()| None)?,
    };
    match (decide(request, terms)?, offer) {
        (Decision::Respond(response), _) => Ok(Verdict::Answer(response)),
        (Decision::HandOver(take), _) => Ok(Verdict::HandOver(take)),
        (Decision::Accept(accept), Some(offer)) => Ok(Verdict::Open(Box::new(agree(&offer, accept, terms)?))),
        (Decision::Accept(_), None) => plain(request, terms).map(Verdict::Answer),
    }
}

/// What the application says to a request that is in order and welcome, in whatever version.
fn decide(request: &Request, terms: &Terms) -> Result<Decision> {
    match terms.hooks.stranger(request)? {
        Some(challenge) => Ok(Decision::Respond(challenge)),
        None => terms.hooks.decide(request),
    }
}

/// What both sides speak.
fn agree(offer: &Offer<'_>, accept: Accept, terms: &Terms) -> Result<Opening> {
    if let Some(fault) = accept.fault {
        return Err(fault.into());
    }
    let subprotocol = match accept.subprotocol {
        // 6455-4.2.2-8
        Some(name) if !offer.subprotocols.contains(&name.as_str()) => {
            return Err(Misuse::SubprotocolNotOffered(name).into());
        }
        Some(name) => Some(name),
        None => server::choose(&offer.subprotocols, &terms.subprotocols).map(str::to_owned),
    };
    // 6455-9-2, 6455-9-3, 6455-4.2.2-10, 6455-4.2.2-11: of what was offered, and only if this server wants it.
    let own = terms.deflate.as_ref();
    let agreed = own.and_then(|own| deflate::accept(&offer.extensions, own));
    let extensions = agreed.as_ref().map(|(_, answer)| answer.as_str());
    let key = server::accept_key(offer.key);
    let answer = server::response(&key, subprotocol.as_deref(), extensions, &accept.headers);
    let codec = own.zip(agreed).map(|(own, (agreed, _))| deflate::codec(&agreed, own));
    let limits = accept.limits.unwrap_or(terms.limits);
    let timeouts = accept.timeouts.unwrap_or(terms.timeouts);
    Ok(Opening { answer, subprotocol, codec, limits, timeouts })
}

/// The answer to a request that does not ask for a WebSocket. A body it may have is nobody's business: it is not read but
/// to let the answer arrive.
fn plain(request: &Request, terms: &Terms) -> Result<Response> {
    if terms.hooks.http.is_some() && !matches!(request.method(), "GET" | "HEAD") {
        return Ok(Response::text(405, "only GET and HEAD\n").with_header("Allow", "GET, HEAD"));
    }
    let unasked = || Err(Error::Handshake(Refusal::new(HandshakeFault::Missing("Upgrade"))));
    terms.hooks.answer(request).unwrap_or_else(unasked)
}

/// Sends an answer of the application.
#[cold]
#[inline(never)]
fn answer(talk: &Talk<'_>, request: &Request, response: &Response, terms: &Terms) -> Error {
    if let Some(fault) = response.misuse() {
        return refuse(talk, fault.clone().into(), terms);
    }
    let (head, body) = response.emit(request.method());
    match talk.answer(head, body) {
        Ok(()) => {
            let refusal = Refusal::new(HandshakeFault::Answered);
            Error::Handshake(refusal.with_answer(response.status(), Vec::new(), Vec::new()))
        }
        Err(error) => error,
    }
}

/// 6455-4.2.1-1, 6455-10.7-4: says in HTTP what was wrong, as far as it is the peer's business, and ends the stream.
#[cold]
#[inline(never)]
fn refuse(talk: &Talk<'_>, error: Error, terms: &Terms) -> Error {
    let fault = match &error {
        Error::Handshake(refusal) => refusal.fault().clone(),
        // What a hook gave cannot be sent.
        Error::Misuse(_) => HandshakeFault::Hook,
        Error::Io(_)
        | Error::Connect(_)
        | Error::Proxy(_)
        | Error::Redirect(_)
        | Error::Tls(_)
        | Error::Timeout(_)
        | Error::Violation(_)
        | Error::Closed(_) => {
            talk.stream.shut();
            return error;
        }
    };
    // One that does not arrive makes the refusal no less.
    let _ = talk.answer(denial::response(&fault, &terms.versions()), &[]);
    match error {
        Error::Handshake(refusal) => {
            Error::Handshake(refusal.with_answer(denial::status(&fault), Vec::new(), Vec::new()))
        }
        error => error,
    }
}
