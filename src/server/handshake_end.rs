//! Ends of an opening handshake without a WebSocket: an HTTP response, a rejection, a stream handed over.
//!
//! Every version of the protocol uses them. They do not know how a request is checked.

use std::time::Duration;

use super::handshake_config::HandshakeConfig;
use super::handshake_io::{HandshakeIo, LINGER_TIMEOUT, SHORT_LINGER_TIMEOUT};
use super::raw_stream::RawStream;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, HookErrorKind, Result, UsageError};
#[cfg(feature = "trace")]
use crate::events::event::EventKind;
use crate::events::sink::EventSink;
use crate::handshake::rejection;
use crate::http::request::Request;
use crate::http::response::Response;

/// Sends a response of the application.
#[cold]
#[inline(never)]
#[cfg_attr(not(feature = "trace"), allow(unused_variables))]
pub(crate) fn respond(
    io: &HandshakeIo<'_>,
    request: &Request,
    response: &Response,
    (config, events): (&HandshakeConfig, &EventSink),
) -> Result<()> {
    if let Some(error) = response.error() {
        return Err(reject(io, invalid_answer(error.clone()), config));
    }
    let (head, body) = response.encode(request.method());
    io.respond(head, body, LINGER_TIMEOUT)?;
    #[cfg(feature = "trace")]
    events.emit(|| EventKind::Responded(response.status()));
    Ok(())
}

/// The error for a hook that returned what cannot be sent.
#[cold]
pub(crate) fn invalid_answer(error: UsageError) -> Error {
    Error::Handshake(HandshakeError::new(HookErrorKind::InvalidAnswer(error).into()))
}

/// 6455-4.2.1-1, 6455-10.7-4: reports in HTTP what the peer did wrong, and ends the stream. Other errors get no
/// response.
#[cold]
#[inline(never)]
pub(crate) fn reject(io: &HandshakeIo<'_>, error: Error, config: &HandshakeConfig) -> Error {
    let Error::Handshake(rejection) = error else {
        // 6455-7.2.2-1
        io.stream.shutdown();
        return error;
    };
    let linger_timeout = linger_timeout(rejection.kind());
    // The caller receives the rejection also if the response does not arrive.
    let _ = io.respond(rejection::response(rejection.kind(), &config.versions()), &[], linger_timeout);
    let status = rejection::status(rejection.kind());
    Error::Handshake(rejection.with_status(status))
}

fn linger_timeout(rejection: &HandshakeErrorKind) -> Duration {
    match rejection {
        HandshakeErrorKind::Overload(_) => SHORT_LINGER_TIMEOUT,
        _ => LINGER_TIMEOUT,
    }
}

/// Calls the handler of [`Decision::hand_over`](crate::Decision::hand_over).
#[inline(never)]
#[cfg_attr(not(feature = "trace"), allow(unused_variables))]
pub(crate) fn hand_over(handler: Box<dyn FnOnce(RawStream) + Send>, stream: RawStream, events: &EventSink) {
    #[cfg(feature = "trace")]
    events.emit(|| EventKind::HandedOver);
    #[cfg(feature = "trace")]
    let _guard = events.panic_guard();
    handler(stream);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::OverloadKind;

    #[test]
    fn a_peer_that_exceeds_a_limit_keeps_its_place_for_a_shorter_time() {
        for kind in [OverloadKind::Connections, OverloadKind::Handshakes, OverloadKind::Address] {
            assert_eq!(linger_timeout(&kind.into()), SHORT_LINGER_TIMEOUT);
        }
        assert_eq!(linger_timeout(&HandshakeErrorKind::UnexpectedEof), LINGER_TIMEOUT);
    }
}
