//! The server side of the drafts over a stream: the opening handshake.
//!
//! Performs I/O and calls hooks; `legacy::handshake::server` checks the request and builds the response.
//!
//! | step | on failure |
//! |---|---|
//! | [`DraftConfig::requested`](super::detect::DraftConfig::requested): the version is enabled | `None`: the handshake of RFC 6455 handles the request, and rejects it |
//! | the request is valid and its origin is allowed | the rejection of the version: an HTTP response, or the end of the stream |
//! | the hook `on_request` decides | its HTTP response; or the stream is handed over |
//! | hybi-00 to -03: read eight bytes after the head | the end of the stream |
//! | negotiate, then write the 101 response | the rejection of the version |

use std::sync::Arc;

use super::handshake::NegotiatedDraft;
use super::parts::{HandshakeProof, RejectionMode};
use super::table::DraftSpec;
use crate::codec::frame::Role;
use crate::connection::framing::Codec;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result, Step, UsageError};
use crate::events::sink::EventSink;
use crate::handshake::client::key_from_nonce;
use crate::handshake::server::check_allowed_host;
use crate::http::request::Request;
use crate::legacy::handshake::proof::CHALLENGE_LEN;
use crate::legacy::handshake::server;
use crate::legacy::handshake::server::{Offer, ResponseParams};
use crate::net::stream::Stream;
use crate::primitives::random::fill_from_system;
use crate::server::decision::{Accept, DecisionKind};
use crate::server::handshake_config::{Endpoints, HandshakeConfig};
use crate::server::handshake_end::{hand_over, invalid_answer, reject, respond};
use crate::server::handshake_io::HandshakeIo;
use crate::server::raw_stream::RawStream;

/// Continues the opening handshake of a draft.
pub(crate) fn accept(
    io: &HandshakeIo<'_>,
    (stream, endpoints): (&Arc<Stream>, Endpoints),
    request: Request,
    mut early: Vec<u8>,
    (spec, config, events): (&'static DraftSpec, &HandshakeConfig, &EventSink),
) -> Result<Option<Box<WebSocket>>> {
    let request = request.with_draft(spec);
    let rejected = |error| reject_draft(spec, io, error, config);
    let kind = |kind| rejected(Error::Handshake(HandshakeError::new(kind)));
    let offer = server::check(spec, request.head(), config.origin_policy(stream)).map_err(kind)?;
    check_allowed_host(request.head(), &config.allowed_hosts).map_err(kind)?;
    let accept = match config.hooks.decide(&request).map_err(rejected)?.0 {
        DecisionKind::Accept(accept) => accept,
        DecisionKind::Respond(response) => {
            return respond(io, &request, &response, (config, events)).map(|()| None);
        }
        DecisionKind::HandOver(handler) => {
            drop(offer);
            let stream = RawStream::new(stream.clone(), request, early, &config.timeouts);
            hand_over(handler, stream, events);
            return Ok(None);
        }
    };
    let body = match spec.proof {
        HandshakeProof::Challenge => read_challenge(io, &mut early).map_err(rejected)?,
        HandshakeProof::None | HandshakeProof::Accept | HandshakeProof::AcceptAndNonce => [0; CHALLENGE_LEN],
    };
    let nonce = nonce(spec).map_err(rejected)?;
    let agreed = negotiate(&offer, &accept, &nonce, config).map_err(rejected)?;
    let scheme = scheme(stream, &request);
    let bytes =
        offer.response(&ResponseParams { agreed: &agreed, scheme, body, nonce: &nonce, extra: &accept.headers });
    drop(offer);
    io.write(bytes, &[]).inspect_err(|_| stream.shutdown())?;
    let info = ConnectionInfo {
        peer: endpoints.peer,
        local: endpoints.local,
        subprotocol: agreed.subprotocol.clone(),
        request: Some(request),
        response: None,
        events: events.clone(),
        values: accept.values,
    };
    let limits = accept.limits.unwrap_or(config.limits);
    let timeouts = accept.timeouts.unwrap_or(config.timeouts);
    let codec = Codec::draft(Role::Server, (spec, &agreed), limits, &early, None);
    Ok(Some(Box::new(WebSocket::new(stream.clone(), codec, (limits, timeouts), info))))
}

/// Selects subprotocol, extension and masking key.
fn negotiate(offer: &Offer<'_>, accept: &Accept, nonce: &str, config: &HandshakeConfig) -> Result<NegotiatedDraft> {
    if let Some(error) = &accept.error {
        return Err(invalid_answer(error.clone()));
    }
    let subprotocol = match &accept.subprotocol {
        Some(name) if !offer.subprotocols.iter().any(|offered| offered == name) => {
            return Err(invalid_answer(UsageError::SubprotocolNotOffered(name.clone())));
        }
        Some(name) => Some(name.clone()),
        None => offer.choose(&config.subprotocols).map_err(|kind| Error::Handshake(HandshakeError::new(kind)))?,
    };
    let deflate_stream = offer.deflate_stream && config.drafts.deflate_stream;
    Ok(NegotiatedDraft { subprotocol, deflate_stream, masking_key: offer.masking_key(nonce) })
}

/// Reads the eight bytes after the head. They may arrive with the head or later. What follows them belongs to the
/// connection.
fn read_challenge(io: &HandshakeIo<'_>, early: &mut Vec<u8>) -> Result<[u8; CHALLENGE_LEN]> {
    io.read_until_len(early, CHALLENGE_LEN)?;
    let frames = early.split_off(CHALLENGE_LEN.min(early.len()));
    let body = std::mem::replace(early, frames);
    body.try_into().map_err(|_| Error::Handshake(HandshakeError::new(HandshakeErrorKind::UnexpectedEof)))
}

/// A new nonce for each connection, in the version that has one; otherwise empty.
fn nonce(spec: &DraftSpec) -> Result<String> {
    if spec.proof != HandshakeProof::AcceptAndNonce {
        return Ok(String::new());
    }
    let mut nonce = [0; 16];
    fill_from_system(&mut nonce).map_err(|error| Error::io(Step::RandomSource, error))?;
    Ok(key_from_nonce(nonce))
}

/// The scheme that the client used. Behind a proxy that terminates TLS, only the proxy knows it. Trusting its header is
/// safe: a client that receives a different scheme than its own closes the connection.
fn scheme(stream: &Stream, request: &Request) -> &'static str {
    #[cfg(not(feature = "native-tls"))]
    let _ = stream;
    #[cfg(feature = "native-tls")]
    if let Stream::Tls(_) = stream {
        return "wss";
    }
    match request.header("X-Forwarded-Proto") {
        Some(proto) if proto.eq_ignore_ascii_case("https") || proto.eq_ignore_ascii_case("wss") => "wss",
        Some(_) | None => "ws",
    }
}

/// Rejects a request in the way of the version. hybi09-5.2.2-1
fn reject_draft(spec: &DraftSpec, io: &HandshakeIo<'_>, error: Error, config: &HandshakeConfig) -> Error {
    match spec.rejection_mode {
        RejectionMode::Http => reject(io, error, config),
        RejectionMode::EndOfStream => {
            io.stream.shutdown();
            error
        }
    }
}
