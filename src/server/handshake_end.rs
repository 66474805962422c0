//! Ends of an opening handshake without a WebSocket: an HTTP response, a rejection, a stream handed over.
//!
//! Every version of the protocol uses them. They do not know how a request is checked.

use super::handshake_config::HandshakeConfig;
use super::handshake_io::HandshakeIo;
use super::raw_stream::RawStream;
use crate::error::{Error, HandshakeError, HandshakeErrorKind};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::handshake::rejection;
use crate::http::request::Request;
use crate::http::response::Response;

/// Sends a response of the application.
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

/// 6455-4.2.1-1, 6455-10.7-4: reports in HTTP what the peer did wrong, and ends the stream. Other errors get no
/// response.
#[cold]
#[inline(never)]
pub(crate) fn reject(io: &HandshakeIo<'_>, error: Error, config: &HandshakeConfig) -> Error {
    let kind = match &error {
        Error::Handshake(rejection) => rejection.kind().clone(),
        // A hook returned a value that cannot be sent.
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
    // The caller receives the rejection also if the response does not arrive.
    let _ = io.respond(rejection::response(&kind, &config.versions()), &[]);
    match error {
        Error::Handshake(rejection) => {
            Error::Handshake(rejection.with_response(rejection::status(&kind), Vec::new(), Vec::new()))
        }
        error => error,
    }
}

/// Calls the handler of [`Decision::hand_over`](crate::Decision::hand_over).
#[inline(never)]
#[cfg_attr(not(feature = "trace"), allow(unused_variables))]
pub(crate) fn hand_over(handler: Box<dyn FnOnce(RawStream) + Send>, stream: RawStream, events: &EventSink) -> Error {
    #[cfg(feature = "trace")]
    events.emit(|| EventKind::HandedOver);
    #[cfg(feature = "trace")]
    let _guard = events.panic_guard();
    handler(stream);
    Error::Handshake(HandshakeError::new(HandshakeErrorKind::HandedOver))
}
