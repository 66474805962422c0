//! HTTP CONNECT (RFC 9110 section 9.3.6), for `ws` and `wss` (RFC 6455 section 4.1). A response 407 that asks for Digest is
//! an error here; `server` repeats the request on a new connection.
//!
//! | read, in this order | limit | then |
//! |---|---|---|
//! | interim responses, 1xx except 101 | four | skipped |
//! | the head of the response | those of `Limits` for heads | 200 to 299: connected to the server |
//! | after another status: its body | 64 KiB, 2 s and the deadline | kept in the error |
//!
//! A status that was read is the error, whatever follows it, except a 2xx status: a tunnel begins after its head.
//!
//! Reads nothing after the head of a 2xx response: these bytes are the server's, and by RFC 9110 a `Content-Length`
//! there is ignored.

use super::server::ProxySession;
use crate::auth::basic;
use crate::error::{Error, ProxyErrorKind, Result};
use crate::handshake::http::status::skip_interim;
use crate::handshake::http::{write_head, Head, HeadParser, Progress};
use crate::http::body::{Body, BODY_TIMEOUT};

/// The header that the credentials are sent in.
pub(super) const AUTHORIZATION: &str = "Proxy-Authorization";
/// Number of bytes of one read; a usual response fits.
const BUFFER_SIZE: usize = 4 << 10;

pub(super) fn negotiate(session: &ProxySession<'_>) -> Result<()> {
    let head = match session.io.write_all(&request(session)?) {
        Ok(()) => read_response(session)?,
        // A proxy may respond before it has read the request, and close the connection.
        Err(error) => {
            let rejection = read_response(session).ok().filter(|head| !matches!(head.status(), 200..=299));
            rejection.ok_or_else(|| session.io_error(error))?
        }
    };
    match head.status() {
        // 9110-9.3.6-1, 9110-9.3.6-2
        200..=299 if head.version().major == 1 => Ok(()),
        200..=299 => Err(Error::Proxy(session.proxy_error(ProxyErrorKind::HttpVersion))),
        // 6455-4.1-13, 9110-9.3.6-3
        status => {
            let error = session.proxy_error(ProxyErrorKind::Status(status));
            Err(Error::Proxy(error.with_response(head.display_fields(), read_body(session, &head))))
        }
    }
}

/// The request. 6455-4.1-10, hixie55-4.1-2, 9110-9.3.6-4, 9110-9.3.6-5: its target is host and port only.
fn request(session: &ProxySession<'_>) -> Result<Vec<u8>> {
    let target = session.target.as_str();
    let mut fields = vec![("Host", target)];
    // 7617-2-s2, 9110-11.7.2-1
    let credentials = session.server.userinfo.as_ref().map(basic::userinfo_credentials).transpose()?;
    fields.extend(session.answer.as_deref().or(credentials.as_deref()).map(|value| (AUTHORIZATION, value)));
    fields.extend(session.server.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    Ok(write_head(&format!("CONNECT {target} HTTP/1.1"), fields))
}

/// The head of the first response that is not interim.
fn read_response(session: &ProxySession<'_>) -> Result<Head> {
    skip_interim(|| read_head(session))
}

/// Peeks before it reads, so that no byte after the head is consumed.
fn read_head(session: &ProxySession<'_>) -> Result<Head> {
    let rejection = |kind| Error::Proxy(session.proxy_error(kind));
    let failed = |error| session.io_error(error);
    let (mut parser, mut part) = (HeadParser::response().limits(session.limits), [0; BUFFER_SIZE]);
    loop {
        let count = session.io.peek(&mut part);
        let bytes = part.get_mut(..count.as_ref().copied().unwrap_or_default()).unwrap_or_default();
        let error = match (count, parser.feed(bytes)) {
            (Err(error), _) => failed(error),
            (Ok(0), _) => rejection(ProxyErrorKind::UnexpectedEof),
            (Ok(_), Ok(Progress::More)) => match session.io.read_exact(bytes) {
                Ok(()) => continue,
                Err(error) => failed(error),
            },
            (Ok(_), Ok(Progress::Done { consumed })) => {
                session.io.read_exact(bytes.get_mut(..consumed).unwrap_or_default()).map_err(failed)?;
                return parser.finish().ok_or(rejection(ProxyErrorKind::UnexpectedEof));
            }
            (Ok(_), Err(kind)) => rejection(ProxyErrorKind::Head(kind)),
        };
        // The status of a rejection counts, whatever follows it.
        let incomplete = parser.into_incomplete().filter(|head| !matches!(head.status(), 100..=299));
        return incomplete.ok_or(error);
    }
}

/// The body of a rejection. If reading fails or takes too long, the part read so far.
fn read_body(session: &ProxySession<'_>, head: &Head) -> Vec<u8> {
    let (mut body, mut part) = (Body::for_response(head), [0; BUFFER_SIZE]);
    let io = session.io.within(BODY_TIMEOUT);
    while body.needs_more() {
        match io.read(&mut part) {
            Ok(count @ 1..) => body.feed(part.get(..count).unwrap_or_default()),
            Ok(0) | Err(_) => break,
        }
    }
    body.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::error::Step;
    use crate::net::deadline::Deadline;
    use crate::net::deadline_io::DeadlineIo;
    use crate::net::stream::tests::sockets;
    use crate::proxy::io::ProxyIo;
    use crate::proxy::server::ProxyServer;
    use std::io::Write;
    use std::net::Shutdown;
    use std::time::Duration;

    /// What a client makes of these bytes of a proxy, which does not take the request.
    fn refused(answer: &[u8]) -> Error {
        let (near, mut far) = sockets();
        far.write_all(answer).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let io = ProxyIo::Socket(DeadlineIo::new(&near, Deadline::after(Duration::from_secs(120))));
        let (server, target) = (ProxyServer::parse("http://p").unwrap(), "h:80".to_owned());
        negotiate(&ProxySession { io, server: &server, target, answer: None, limits: Limits::client() }).unwrap_err()
    }

    /// 6455-4.1-13
    #[test]
    fn a_rejection_before_the_request_is_written_counts() {
        let error = refused(b"HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nwhy");
        assert!(matches!(&error, Error::Proxy(error) if error.status() == Some(403)), "{error:?}");
        // Everything else is the failure of the write.
        for answer in [&b""[..], b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 4"] {
            let error = refused(answer);
            assert!(matches!(&error, Error::Io(error) if error.step() == Step::Proxy), "{error:?}");
        }
    }

    #[test]
    fn a_response_that_does_not_come_in_time_is_a_timeout() {
        let (near, _far) = sockets();
        let io = ProxyIo::Socket(DeadlineIo::new(&near, Deadline::now()));
        let (server, target) = (ProxyServer::parse("http://p").unwrap(), "h:80".to_owned());
        let session = ProxySession { io, server: &server, target, answer: None, limits: Limits::client() };
        assert!(matches!(read_response(&session), Err(Error::Timeout(Step::Proxy))));
    }
}
