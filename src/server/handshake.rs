//! One request at a server's door: read, judged, and accepted, answered, handed over or refused (RFC 6455 section 4.2).
//!
//! Knows how a handshake goes on a stream and how long it may take; what a request must say, `protocol::handshake` knows.
//! The steps, each of which may end it:
//!
//! | step | ends with |
//! |---|---|
//! | [`read_proxy_header`]: a trusted proxy says who its client is | no answer; nothing, if the deadline passes |
//! | [`HandshakeIo::read_head`]: bytes become a request | 400, 431; nothing, if the deadline passes (6455-7.2.2-1) |
//! | the client is counted, if a proxy stood before it | 429 |
//! | [`evaluate`]: in order and welcome as what it asks for, WebSocket or plain HTTP | 400, 403, 405, 426, 505 |
//! | the credentials are checked, if any are asked for | 401 |
//! | the hook `on_request` decides | what it answers; the stream handed over; 500 if it panics |
//! | a WebSocket is agreed on | 101, and an open connection; bytes behind the request are its first |
//! | plain HTTP is answered by the hook `http` | what it answers; 405, 426; 500 if it panics |

use super::decision::{Accept, Decision};
use super::handshake_config::{HandshakeConfig, PendingHandshake};
use super::raw_stream::RawStream;
use crate::http::request::Request;
use crate::http::response::Response;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use super::handshake_io::HandshakeIo;
use crate::codec::encoder::Encoder;
use crate::codec::frame::Role;
use crate::config::{Limits, Timeouts};
use crate::connection::framing::Codec;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
use crate::deflate::extension;
use crate::deflate::extension::{Deflater, Inflater};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result, UsageError};
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::handshake::origin::OriginPolicy;
use crate::handshake::rejection;
use crate::handshake::server;
use crate::handshake::server::ClientOffer;

/// What is to be done with a request.
enum HandshakeOutcome {
    Open(Box<AcceptedHandshake>),
    /// It is for `drafts`, which judges by the rules of that version.
    #[cfg(feature = "legacy")]
    Draft(&'static crate::legacy::table::DraftSpec),
    Respond(Response),
    HandOver(Box<dyn FnOnce(RawStream) + Send>),
}

/// A connection that has been agreed on.
struct AcceptedHandshake {
    /// The head that says so.
    response_head: Vec<u8>,
    subprotocol: Option<String>,
    codec: Option<(Inflater, Deflater)>,
    limits: Limits,
    timeouts: Timeouts,
}

/// Whom a proxy names before anything else, before TLS too, if the peer is one that does.
pub(crate) fn read_proxy_header(pending: &PendingHandshake, config: &HandshakeConfig) -> Result<Option<IpAddr>> {
    let PendingHandshake { stream, endpoints, deadline, .. } = pending;
    match config.trusted_proxies.requires_proxy_header(endpoints.peer) {
        true => crate::trusted_proxy::trust::read_proxy_header(*deadline, |to, wait| stream.read(to, wait))
            .inspect_err(|_| stream.shutdown()),
        false => Ok(None),
    }
}

/// Tells that someone is let in, and what became of it if that is no connection.
pub(crate) fn with_events(
    config: &HandshakeConfig,
    peer: Option<SocketAddr>,
    go: impl FnOnce(&EventSink) -> Result<WebSocket>,
) -> Result<WebSocket> {
    let events = config.events.for_connection();
    events.emit(|| EventKind::Accepted(peer));
    go(&events).inspect_err(|error| match error {
        // That was told before it was handed over.
        Error::Handshake(rejection) if *rejection.kind() == HandshakeErrorKind::HandedOver => {}
        error => events.emit_failed_handshake(error),
    })
}

/// A request, what came behind it, and what is to be done.
struct EvaluatedRequest {
    request: Request,
    early: Vec<u8>,
    outcome: HandshakeOutcome,
}

/// Asked whether one more of this client may come in, when it is known who that is.
type AdmissionCheck<'a> = &'a dyn Fn(Option<IpAddr>) -> Result<(), HandshakeErrorKind>;

/// Goes through the whole opening handshake. Takes until the deadline of the visit, a second more for an answer in HTTP to
/// arrive, and as long as the hooks take.
///
/// In parts that are not inlined: what any of them has touched of the stack lies there below a handler for hours.
pub(crate) fn accept(
    pending: &PendingHandshake,
    proxied_client: Option<IpAddr>,
    admission_check: AdmissionCheck<'_>,
    (config, events): (&HandshakeConfig, &EventSink),
) -> Result<WebSocket> {
    let io = HandshakeIo { stream: &pending.stream, deadline: pending.deadline };
    let evaluated =
        read_request(pending, proxied_client, admission_check, config).map_err(|error| reject(&io, error, config))?;
    let EvaluatedRequest { request, early, outcome } = *evaluated;
    match outcome {
        HandshakeOutcome::Open(accepted) => open_connection(pending, (request, early), *accepted, events),
        #[cfg(feature = "legacy")]
        HandshakeOutcome::Draft(spec) => crate::legacy::accept::accept(
            &io,
            (&pending.stream, pending.endpoints),
            request.with_version(spec.version),
            early,
            (spec, config, events),
        ),
        HandshakeOutcome::Respond(response) => Err(respond(&io, &request, &response, config)),
        HandshakeOutcome::HandOver(handler) => Err(hand_over(handler, pending, (request, early), (config, events))),
    }
}

/// Reads the request and judges it.
#[inline(never)]
fn read_request(
    pending: &PendingHandshake,
    proxied_client: Option<IpAddr>,
    admission_check: AdmissionCheck<'_>,
    config: &HandshakeConfig,
) -> Result<Box<EvaluatedRequest>> {
    let PendingHandshake { stream, endpoints, deadline, request_read } = pending;
    let (head, early) = HandshakeIo { stream, deadline: *deadline }.read_head()?;
    request_read.store(true, Ordering::Relaxed);
    let from = proxied_client.or(endpoints.peer.map(|peer| peer.ip()));
    let client = config.trusted_proxies.client_ip(from, &head);
    admission_check(client).map_err(|kind| Error::Handshake(HandshakeError::new(kind)))?;
    let request = Request::new(head, endpoints.peer, client);
    #[cfg(feature = "legacy")]
    if let Some(spec) = crate::legacy::accept::requested_draft(request.head(), config)? {
        return Ok(Box::new(EvaluatedRequest { request, early, outcome: HandshakeOutcome::Draft(spec) }));
    }
    let outcome = evaluate(&request, config)?;
    Ok(Box::new(EvaluatedRequest { request, early, outcome }))
}

/// Says yes. 6455-4.2.2-s8: open from then on.
#[inline(never)]
fn open_connection(
    pending: &PendingHandshake,
    (request, early): (Request, Vec<u8>),
    accepted: AcceptedHandshake,
    events: &EventSink,
) -> Result<WebSocket> {
    let PendingHandshake { stream, endpoints, deadline, .. } = pending;
    let AcceptedHandshake { response_head, subprotocol, codec, limits, timeouts } = accepted;
    HandshakeIo { stream, deadline: *deadline }.write(response_head, &[]).inspect_err(|_| stream.shutdown())?;
    let (peer, local, events) = (endpoints.peer, endpoints.local, events.clone());
    let info = ConnectionInfo { peer, local, subprotocol, request: Some(request), response: None, events };
    let (inflater, deflater) = codec.unzip();
    let codec = (Encoder::server().with_compression(deflater), inflater);
    let codec = Codec::rfc6455(Role::Server, limits, &early, codec);
    Ok(WebSocket::new(stream.clone(), codec, (limits, timeouts), info))
}

/// Gives the stream away, and what was read of it.
#[inline(never)]
fn hand_over(
    handler: Box<dyn FnOnce(RawStream) + Send>,
    pending: &PendingHandshake,
    (request, early): (Request, Vec<u8>),
    (config, events): (&HandshakeConfig, &EventSink),
) -> Error {
    events.emit(|| EventKind::HandedOver);
    let _guard = events.panic_guard();
    handler(RawStream::new(pending.stream.clone(), request, early, &config.timeouts));
    Error::Handshake(HandshakeError::new(HandshakeErrorKind::HandedOver))
}

/// 6455-4.2.2-1: carries out the steps, and stops at the first that fails. 6455-4.2.2-s1, 6455-4.2.2-3, 6455-4.2.2-7,
/// 6455-10.5-s1: the hook may ask for credentials, redirect, and refuse what is not there.
fn evaluate(request: &Request, config: &HandshakeConfig) -> Result<HandshakeOutcome> {
    let head = request.head();
    let origins = config.origins.as_deref().map_or(OriginPolicy::Any, OriginPolicy::SameHostAnd);
    let rejected = |kind| Error::Handshake(HandshakeError::new(kind));
    // A hook never sees a WebSocket request that is not in order, or from a page that is not welcome.
    let offer = match request.is_websocket() || !config.hooks.is_any_set() {
        true => Some(server::check_request(head, origins).map_err(rejected)?),
        false => server::check_http_request(head).map_err(rejected).map(|()| None)?,
    };
    match (decide(request, config)?, offer) {
        (Decision::Respond(response), _) => Ok(HandshakeOutcome::Respond(response)),
        (Decision::HandOver(handler), _) => Ok(HandshakeOutcome::HandOver(handler)),
        (Decision::Accept(accept), Some(offer)) => {
            Ok(HandshakeOutcome::Open(Box::new(negotiate(&offer, accept, config)?)))
        }
        (Decision::Accept(_), None) => http_response(request, config).map(HandshakeOutcome::Respond),
    }
}

/// What the application says to a request that is in order and welcome, in whatever version.
pub(crate) fn decide(request: &Request, config: &HandshakeConfig) -> Result<Decision> {
    match config.hooks.require_auth(request)? {
        Some(challenge) => Ok(Decision::Respond(challenge)),
        None => config.hooks.decide(request),
    }
}

/// What both sides speak.
fn negotiate(offer: &ClientOffer<'_>, accept: Accept, config: &HandshakeConfig) -> Result<AcceptedHandshake> {
    if let Some(kind) = accept.error {
        return Err(kind.into());
    }
    let subprotocol = match accept.subprotocol {
        // 6455-4.2.2-8
        Some(name) if !offer.subprotocols.contains(&name.as_str()) => {
            return Err(UsageError::SubprotocolNotOffered(name).into());
        }
        Some(name) => Some(name),
        None => server::select_subprotocol(&offer.subprotocols, &config.subprotocols).map(str::to_owned),
    };
    // 6455-9-2, 6455-9-3, 6455-4.2.2-10, 6455-4.2.2-11: of what was offered, and only if this server wants it.
    let own = config.deflate.as_ref();
    let agreed = own.and_then(|own| extension::accept(&offer.extensions, own));
    let extensions = agreed.as_ref().map(|(_, extensions)| extensions.as_str());
    let key = server::accept_key(offer.key);
    let response_head = server::encode_response(&key, subprotocol.as_deref(), extensions, &accept.headers);
    let codec = own.zip(agreed).map(|(own, (agreed, _))| extension::codec(&agreed, own));
    let limits = accept.limits.unwrap_or(config.limits);
    let timeouts = accept.timeouts.unwrap_or(config.timeouts);
    Ok(AcceptedHandshake { response_head, subprotocol, codec, limits, timeouts })
}

/// The answer to a request that does not ask for a WebSocket. A body it may have is nobody's business: it is not read but
/// to let the answer arrive.
fn http_response(request: &Request, config: &HandshakeConfig) -> Result<Response> {
    if config.hooks.http.is_some() && !matches!(request.method(), "GET" | "HEAD") {
        return Ok(Response::text(405, "only GET and HEAD\n").with_header("Allow", "GET, HEAD"));
    }
    let no_handler = || Err(Error::Handshake(HandshakeError::new(HandshakeErrorKind::MissingHeader("Upgrade"))));
    config.hooks.http_response(request).unwrap_or_else(no_handler)
}

/// Sends an answer of the application.
#[cold]
#[inline(never)]
pub(crate) fn respond(io: &HandshakeIo<'_>, request: &Request, response: &Response, config: &HandshakeConfig) -> Error {
    if let Some(kind) = response.error() {
        return reject(io, kind.clone().into(), config);
    }
    let (head, body) = response.encode(request.method());
    match io.respond(head, body) {
        Ok(()) => {
            let rejection = HandshakeError::new(HandshakeErrorKind::Responded);
            Error::Handshake(rejection.with_response(response.status(), Vec::new(), Vec::new()))
        }
        Err(error) => error,
    }
}

/// 6455-4.2.1-1, 6455-10.7-4: says in HTTP what was wrong, as far as it is the peer's business, and ends the stream.
#[cold]
#[inline(never)]
pub(crate) fn reject(io: &HandshakeIo<'_>, error: Error, config: &HandshakeConfig) -> Error {
    let kind = match &error {
        Error::Handshake(rejection) => rejection.kind().clone(),
        // What a hook gave cannot be sent.
        Error::Usage(_) => HandshakeErrorKind::HookPanicked,
        Error::Io(_)
        | Error::Connect(_)
        | Error::Proxy(_)
        | Error::Redirect(_)
        | Error::Tls(_)
        | Error::Timeout(_)
        | Error::Protocol(_)
        | Error::Closed(_) => {
            io.stream.shutdown();
            return error;
        }
    };
    // One that does not arrive makes the rejection no less.
    let _ = io.respond(rejection::response(&kind, &config.versions()), &[]);
    match error {
        Error::Handshake(rejection) => {
            Error::Handshake(rejection.with_response(rejection::status(&kind), Vec::new(), Vec::new()))
        }
        error => error,
    }
}
