//! The opening handshake of a server on one stream: reads a request and accepts, answers, rejects or hands it over
//! (RFC 6455 section 4.2).
//!
//! Knows the order of the steps and their deadline. The layer `handshake` knows what a request must contain. Each step
//! may end the handshake:
//!
//! | step | ends with |
//! |---|---|
//! | [`read_proxy_header`]: a trusted proxy names its client | the end of the stream, also at the deadline; 429 |
//! | [`HandshakeIo::read_head`]: bytes become a request | 400, 414, 431; the stream ends at the deadline |
//! | the client of a trusted proxy is counted | 429 |
//! | [`evaluate`]: the request is a valid WebSocket or HTTP request from an allowed origin, for an allowed host | 400, 403, 405, 421, 426, 505 |
//! | the credentials are checked, if the server requires some | 401 |
//! | the hook `on_request` decides | its response; the stream handed over; 500 if it panics |
//! | WebSocket: subprotocol and extensions are negotiated | 101 and an open connection |
//! | plain HTTP: the hook `http` responds | its response; 405, 426; 500 if it panics |

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use super::decision::{Accept, DecisionKind};
use super::handshake_config::{HandshakeConfig, PendingHandshake};
use super::handshake_end::{hand_over, invalid_answer, reject, respond};
use super::handshake_io::HandshakeIo;
use super::raw_stream::RawStream;
use crate::codec::encoder::Encoder;
use crate::codec::frame::Role;
use crate::config::{Limits, Timeouts};
use crate::connection::framing::Codec;
use crate::connection::values::Values;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
#[cfg(feature = "deflate")]
use crate::deflate::extension;
use crate::deflate::extension::{Deflater, Inflater};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, OverloadKind, Result, UsageError};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::handshake::server;
use crate::handshake::server::ClientOffer;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::net::stream::Stream;
use crate::trusted_proxy::trust;
use crate::trusted_proxy::trust::TracedClient;

/// The result of the checks and of the hook.
enum HandshakeOutcome {
    Open(Box<AcceptedHandshake>),
    /// The request of a draft, which the rules of that version check.
    #[cfg(feature = "legacy")]
    Draft(&'static crate::legacy::table::DraftSpec),
    Respond(Response),
    HandOver(Box<dyn FnOnce(RawStream) + Send>),
}

/// The parameters of an accepted connection.
struct AcceptedHandshake {
    /// The head of the response 101.
    response_head: Vec<u8>,
    subprotocol: Option<String>,
    codec: Option<(Inflater, Deflater)>,
    limits: Limits,
    timeouts: Timeouts,
    values: Values,
}

/// Reads the header of the PROXY protocol, which precedes everything else, TLS too, if this peer must send one. Counts
/// the client as soon as it is known, so that clients count which then send nothing.
#[inline(never)]
pub(super) fn read_proxy_header(
    pending: &PendingHandshake,
    admission_check: AdmissionCheck<'_>,
    config: &HandshakeConfig,
) -> Result<TracedClient> {
    let PendingHandshake { stream, endpoints, deadline, .. } = pending;
    let peer = TracedClient::peer(endpoints.peer);
    if !config.trusted_proxies.requires_proxy_header(endpoints.peer) {
        return Ok(peer);
    }
    let client =
        trust::read_proxy_header(peer, |to| stream.read_by(to, *deadline)).inspect_err(|_| stream.shutdown())?;
    if config.trusted_proxies.trusts_header_of(client) {
        // A header of the request can name another client.
        return Ok(client);
    }
    match admission_check(client.limit_key()) {
        Ok(()) => Ok(client),
        // A TLS client cannot read a response in plain text.
        Err(kind) if config.has_tls() && matches!(**stream, Stream::Plain(_)) => {
            stream.shutdown();
            Err(Error::Handshake(HandshakeError::new(kind.into())))
        }
        Err(kind) => Err(reject_overload(pending, kind, config)),
    }
}

/// Rejects a connection that exceeds a limit.
pub(super) fn reject_overload(pending: &PendingHandshake, kind: OverloadKind, config: &HandshakeConfig) -> Error {
    let io = HandshakeIo { stream: &pending.stream, deadline: pending.deadline };
    reject(&io, Error::Handshake(HandshakeError::new(kind.into())), config)
}

/// Emits `Accepted`, runs the handshake, and emits its failure. The parts of the handshake emit its other ends.
#[cfg_attr(not(feature = "trace"), allow(unused_variables))]
pub(super) fn with_events(
    config: &HandshakeConfig,
    peer: Option<SocketAddr>,
    handshake: impl FnOnce(&EventSink) -> Result<Option<Box<WebSocket>>>,
) -> Result<Option<Box<WebSocket>>> {
    let events = config.events.for_connection();
    #[cfg(feature = "trace")]
    events.emit(|| EventKind::Accepted(peer));
    handshake(&events).inspect_err(|error| events.emit_failed_handshake(error))
}

/// A request, the bytes behind its head, and the result of its checks.
struct EvaluatedRequest {
    request: Request,
    early: Vec<u8>,
    outcome: HandshakeOutcome,
}

/// Counts the client of a request, and returns the limit that it exceeds.
pub(super) type AdmissionCheck<'a> = &'a dyn Fn(Option<IpAddr>) -> Result<(), OverloadKind>;

/// Performs the whole opening handshake. It lasts at most until the deadline of `pending`, plus one second for a
/// response to arrive, plus the time of the hooks. `None`: a hook responded, or took over the stream.
///
/// Its parts are not inlined, and return the large result in a box: stack pages that they touch stay resident below a handler
/// that runs for hours.
pub(super) fn accept(
    pending: &PendingHandshake,
    client: TracedClient,
    admission_check: AdmissionCheck<'_>,
    (config, events): (&HandshakeConfig, &EventSink),
) -> Result<Option<Box<WebSocket>>> {
    let io = HandshakeIo { stream: &pending.stream, deadline: pending.deadline };
    let evaluated =
        read_request(pending, client, admission_check, config).map_err(|error| reject(&io, error, config))?;
    let EvaluatedRequest { request, early, outcome } = *evaluated;
    match outcome {
        HandshakeOutcome::Open(accepted) => open_connection(pending, (request, early), accepted, events).map(Some),
        #[cfg(feature = "legacy")]
        HandshakeOutcome::Draft(spec) => crate::legacy::accept::accept(
            &io,
            (&pending.stream, pending.endpoints),
            request,
            early,
            (spec, config, events),
        ),
        HandshakeOutcome::Respond(response) => respond(&io, &request, &response, (config, events)).map(|()| None),
        HandshakeOutcome::HandOver(handler) => {
            let stream = RawStream::new(pending.stream.clone(), request, early, &config.timeouts);
            hand_over(handler, stream, events);
            Ok(None)
        }
    }
}

/// Reads the request and evaluates it.
#[inline(never)]
fn read_request(
    pending: &PendingHandshake,
    client: TracedClient,
    admission_check: AdmissionCheck<'_>,
    config: &HandshakeConfig,
) -> Result<Box<EvaluatedRequest>> {
    let PendingHandshake { stream, endpoints, deadline, request_read } = pending;
    let (head, early) = HandshakeIo { stream, deadline: *deadline }.read_head(config.limits)?;
    request_read.store(true, Ordering::Relaxed);
    let client = config.trusted_proxies.trace(client, &head);
    admission_check(client.limit_key()).map_err(|kind| Error::Handshake(HandshakeError::new(kind.into())))?;
    let request = Request::new(head, endpoints.peer, client.ip());
    #[cfg(feature = "legacy")]
    if let Some(spec) = config.drafts.requested(request.head())? {
        return Ok(Box::new(EvaluatedRequest { request, early, outcome: HandshakeOutcome::Draft(spec) }));
    }
    let outcome = evaluate(&request, stream, config)?;
    Ok(Box::new(EvaluatedRequest { request, early, outcome }))
}

/// Sends the response 101. 6455-4.2.2-s8: the connection is open from then on.
#[inline(never)]
fn open_connection(
    pending: &PendingHandshake,
    (request, early): (Request, Vec<u8>),
    accepted: Box<AcceptedHandshake>,
    events: &EventSink,
) -> Result<Box<WebSocket>> {
    let PendingHandshake { stream, endpoints, deadline, .. } = pending;
    let AcceptedHandshake { response_head, subprotocol, codec, limits, timeouts, values } = *accepted;
    HandshakeIo { stream, deadline: *deadline }.write(response_head, &[]).inspect_err(|_| stream.shutdown())?;
    let (peer, local, events) = (endpoints.peer, endpoints.local, events.clone());
    let info = ConnectionInfo { peer, local, subprotocol, request: Some(request), response: None, events, values };
    let (inflater, deflater) = codec.unzip();
    let codec = (Encoder::server().with_compression(deflater), inflater);
    let codec = Codec::rfc6455(Role::Server, limits, &early, codec);
    Ok(Box::new(WebSocket::new(stream.clone(), codec, (limits, timeouts), info)))
}

/// 6455-4.2.2-1: performs the checks in order and stops at the first that fails. 6455-4.2.2-s1, 6455-4.2.2-3,
/// 6455-4.2.2-7, 6455-10.5-s1: the hook may require credentials, redirect, and reject unknown resources.
fn evaluate(request: &Request, stream: &Stream, config: &HandshakeConfig) -> Result<HandshakeOutcome> {
    let head = request.head();
    let rejected = |kind| Error::Handshake(HandshakeError::new(kind));
    // Hooks never see a WebSocket request that is invalid or comes from an origin that is not allowed.
    let asks_for_websocket = request.is_websocket() || !config.hooks.is_any_set();
    match asks_for_websocket {
        true => server::check_request(head, config.origin_policy(stream)).map(drop).map_err(rejected)?,
        false => server::check_http_request(head).map_err(rejected)?,
    }
    server::check_allowed_host(head, &config.allowed_hosts).map_err(rejected)?;
    match (config.hooks.decide(request)?.0, asks_for_websocket) {
        (DecisionKind::Respond(response), _) => Ok(HandshakeOutcome::Respond(response)),
        (DecisionKind::HandOver(handler), _) => Ok(HandshakeOutcome::HandOver(handler)),
        (DecisionKind::Accept(accept), true) => {
            let offer = server::read_offer(head).map_err(rejected)?;
            negotiate(&offer, accept, config).map(HandshakeOutcome::Open)
        }
        (DecisionKind::Accept(_), false) => http_response(request, config).map(HandshakeOutcome::Respond),
    }
}

/// Chooses subprotocol, extensions and settings from the offer and the decision.
#[inline(never)]
fn negotiate(offer: &ClientOffer<'_>, accept: Accept, config: &HandshakeConfig) -> Result<Box<AcceptedHandshake>> {
    if let Some(error) = accept.error {
        return Err(invalid_answer(error));
    }
    let subprotocol = match accept.subprotocol {
        // 6455-4.2.2-8
        Some(name) if !offer.subprotocols.contains(&name.as_str()) => {
            return Err(invalid_answer(UsageError::SubprotocolNotOffered(name)));
        }
        Some(name) => Some(name),
        None => server::select_subprotocol(&offer.subprotocols, &config.subprotocols).map(str::to_owned),
    };
    // 6455-9-2, 6455-9-3, 6455-4.2.2-10, 6455-4.2.2-11: only what the client offered and this server enabled.
    #[cfg(feature = "deflate")]
    let agreed = config.deflate.as_ref().and_then(|own| {
        let (agreed, extensions) = extension::accept(&offer.extensions, own)?;
        Some((extensions, extension::codec(&agreed, own)))
    });
    #[cfg(not(feature = "deflate"))]
    let agreed: Option<(String, _)> = None;
    let (extensions, codec) = agreed.unzip();
    let key = server::accept_key(offer.key);
    let response_head = server::write_response(&key, subprotocol.as_deref(), extensions.as_deref(), &accept.headers);
    let limits = accept.limits.unwrap_or(config.limits);
    let timeouts = accept.timeouts.unwrap_or(config.timeouts);
    Ok(Box::new(AcceptedHandshake { response_head, subprotocol, codec, limits, timeouts, values: accept.values }))
}

/// The response to a plain HTTP request. A body of the request is discarded, so that the response arrives.
fn http_response(request: &Request, config: &HandshakeConfig) -> Result<Response> {
    if config.hooks.http.is_some() && !matches!(request.method(), "GET" | "HEAD") {
        return Ok(Response::text(405, "only GET and HEAD\n").with_header("Allow", "GET, HEAD"));
    }
    let no_handler = || Err(Error::Handshake(HandshakeError::new(HandshakeErrorKind::MissingHeader("Upgrade"))));
    config.hooks.http_response(request).unwrap_or_else(no_handler)
}
