//! An HTTP response as an application sees it: the response of a hook, or the one that opened a client's connection.
//! Independent of when and how it is sent.

use std::fmt;

use super::cookie::SetCookie;
#[cfg(feature = "server")]
use crate::auth::credentials;
use crate::error::UsageError;
#[cfg(feature = "server")]
use crate::handshake::header::check_field;
#[cfg(feature = "server")]
use crate::handshake::http;
use crate::handshake::http::Head;

/// An HTTP response. The hooks of a server return one ([`Server::http`](crate::Server::http),
/// [`Decision`](crate::Decision)). A client gets the one that opened its connection
/// ([`WebSocket::response`](crate::WebSocket::response), RFC 6455 section 4.2.2).
///
/// The server adds `Content-Length` and `Connection: close`, and `Upgrade: websocket` with status 426. It sends no `Date`,
/// which is mandatory only for a server with a clock (RFC 9110 section 6.6.1).
///
/// The setters keep the first error, such as a line break in a header or an invalid status, and [`error`](Response::error)
/// returns it. A server never sends such a response, but 500 in its place.
///
/// Its `Debug` shows no header and no body, because they may hold secrets.
///
/// ```
/// use stdws::Response;
/// let page = Response::html(200, "<!doctype html><title>Chat</title>").with_header("Cache-Control", "no-store");
/// assert_eq!((page.status(), page.header("cache-control"), page.error()), (200, Some("no-store"), None));
/// assert!(Response::text(200, "ok").with_header("X-Name", "a\r\nSet-Cookie: b").error().is_some());
/// ```
#[derive(Clone)]
pub struct Response {
    head: Head,
    body: Vec<u8>,
    error: Option<UsageError>,
}

/// Feature `server`: the responses of hooks.
#[cfg(feature = "server")]
impl Response {
    /// A response with plain text in UTF-8. The status is one from 200 to 599.
    pub fn text(status: u16, body: impl Into<String>) -> Response {
        Response::bytes(status, "text/plain; charset=utf-8", body.into())
    }

    /// A response with an HTML page in UTF-8. The caller escapes text from other sources.
    pub fn html(status: u16, body: impl Into<String>) -> Response {
        Response::bytes(status, "text/html; charset=utf-8", body.into())
    }

    /// A response with any content type: `Response::bytes(200, "application/json", "{}")`.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        Response { body: body.into(), ..Response::empty(status) }.with_header("Content-Type", content_type)
    }

    /// A response without a body.
    pub fn empty(status: u16) -> Response {
        let error = (!matches!(status, 200..=599)).then_some(UsageError::Status(status));
        Response { head: Head::response(status), body: Vec::new(), error }
    }

    /// A redirect (RFC 9110 section 15.4): 308 is permanent, 307 temporary, 303 leads to another page. Browsers and many clients
    /// do not follow it when they open a WebSocket.
    pub fn redirect(status: u16, location: &str) -> Response {
        Response::empty(status).with_header("Location", location)
    }

    /// A response with status 401 that requires Basic credentials (RFC 7617). The realm names in ASCII what they are for.
    pub fn unauthorized(realm: &str) -> Response {
        let challenge = credentials::challenge(realm);
        Response::text(401, "a user name and a password are needed\n").with_header("WWW-Authenticate", &challenge)
    }

    /// A response with status 429 (RFC 6585 section 4), which asks the client to wait for this time, in whole seconds.
    pub fn too_many_requests(retry_after: std::time::Duration) -> Response {
        let seconds = retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        Response::text(429, "too many requests; try again later\n").with_header("Retry-After", &seconds.to_string())
    }

    /// Adds a header. The same name may be added several times.
    ///
    /// The headers that the server writes must not be added: `Connection`, `Content-Length`, `Transfer-Encoding`, `Upgrade` and
    /// all that begin with `Sec-WebSocket-`. Nor must `Host` and `Origin`, which only requests have. An error is kept for
    /// [`error`](Response::error), and the header is not added.
    pub fn with_header(mut self, name: &str, value: &str) -> Response {
        let pushed = check_field(name, value).and_then(|()| match self.head.push(name, value) {
            true => Ok(()),
            false => Err(UsageError::HeadersTooLarge),
        });
        if let Err(error) = pushed {
            self.error.get_or_insert(error);
        }
        self
    }

    /// The bytes of the head, and the body, which is not sent to a HEAD request (RFC 9110 section 9.3.2).
    pub(crate) fn encode(&self, method: &str) -> (Vec<u8>, &[u8]) {
        let status = self.status();
        let length = self.body.len().to_string();
        let added = self.headers().map(|(name, value)| (name, std::str::from_utf8(value).unwrap_or_default()));
        let mut fields: Vec<(&str, &str)> = added.collect();
        // 204 and 304 never have a body, and no Content-Length is sent with them (RFC 9110 section 8.6).
        let bare = matches!(status, 204 | 304);
        if !bare {
            fields.push(("Content-Length", &length));
        }
        if status == 426 {
            // 426 requires Upgrade, and Upgrade has to be named in Connection (RFC 9110 sections 7.8 and 15.5.22).
            fields.push(("Upgrade", "websocket"));
        }
        fields.push(("Connection", if status == 426 { "Upgrade, close" } else { "close" }));
        let head = http::write_head(&format!("HTTP/1.1 {status} {}", http::reason(status)), fields);
        let silent = bare || method == "HEAD";
        (head, if silent { &[] } else { &self.body })
    }
}

impl Response {
    /// The response that opened a connection.
    #[cfg(feature = "client")]
    pub(crate) fn from_head(head: Head) -> Response {
        Response { head, body: Vec::new(), error: None }
    }

    /// The HTTP status. It is 101 for the response that opened a connection.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The value of the first header of this name, compared without regard to case; `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_text(&self.head, name)
    }

    /// All headers in order. Values are visible characters, spaces and tabs, and may have bytes outside ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.fields()
    }

    /// The cookies that the server sets: its `Set-Cookie` fields (RFC 6265 section 4.1) in order. They are not stored;
    /// [`Client::cookie`](crate::Client::cookie) sends a cookie.
    pub fn set_cookies(&self) -> impl Iterator<Item = SetCookie<'_>> {
        self.head.get_all("Set-Cookie").filter_map(SetCookie::parse)
    }

    /// The body; empty for the response that opened a connection.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The first error in the arguments of this response. A response with an error is not sent.
    pub fn error(&self) -> Option<&UsageError> {
        self.error.as_ref()
    }
}

/// The value of the first field of this name, as text.
pub(crate) fn header_text<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    let (_, value) = head.fields().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("body", &self.body.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "client", feature = "server"))]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    fn sent(response: &Response, method: &str) -> String {
        assert_eq!(response.error(), None);
        let (head, body) = response.encode(method);
        String::from_utf8([&head, body].concat()).unwrap()
    }

    #[test]
    fn a_response_is_encoded_with_length_and_connection() {
        let text = Response::text(200, "ok\n").with_header("Set-Cookie", "a=b").with_header("Set-Cookie", "c=d");
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\
            Content-Length: 3\r\nConnection: close\r\n\r\n";
        assert_eq!(sent(&text, "GET"), format!("{head}ok\n"));
        // The head of what GET would get, and no more.
        assert_eq!(sent(&text, "HEAD"), head);
        let rows = [
            (Response::empty(200), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            (Response::empty(204), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            (
                Response::bytes(304, "x/y", "body"),
                "HTTP/1.1 304 Not Modified\r\nContent-Type: x/y\r\nConnection: close\r\n\r\n",
            ),
            (
                Response::too_many_requests(std::time::Duration::new(1, 1)),
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 2\r\n\
                 Content-Length: 35\r\nConnection: close\r\n\r\ntoo many requests; try again later\n",
            ),
            (
                Response::too_many_requests(std::time::Duration::from_secs(2)),
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 2\r\n\
                 Content-Length: 35\r\nConnection: close\r\n\r\ntoo many requests; try again later\n",
            ),
            (
                Response::unauthorized("the feed"),
                "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 WWW-Authenticate: Basic realm=\"the feed\", charset=\"UTF-8\"\r\nContent-Length: 38\r\n\
                 Connection: close\r\n\r\na user name and a password are needed\n",
            ),
            (Response::empty(299), "HTTP/1.1 299 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            (
                Response::empty(426),
                "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
            ),
            (
                Response::redirect(308, "/new?x=y"),
                "HTTP/1.1 308 Permanent Redirect\r\nLocation: /new?x=y\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            ),
        ];
        for (response, bytes) in rows {
            assert_eq!(sent(&response, "GET"), bytes);
        }
    }

    #[test]
    fn invalid_arguments_are_kept_as_the_error() {
        let own = |name: &str| UsageError::ReservedHeader(name.to_owned());
        let value = |name: &str| UsageError::HeaderValue(name.to_owned());
        let long = "x".repeat(60_000);
        let rows = [
            (Response::empty(101), UsageError::Status(101)),
            (Response::empty(0), UsageError::Status(0)),
            (Response::text(600, ""), UsageError::Status(600)),
            (Response::empty(200).with_header("X", "a\r\nY: b"), value("X")),
            (Response::empty(200).with_header("X", "a\nb"), value("X")),
            (Response::empty(200).with_header("X", "caf\u{e9}"), value("X")),
            (Response::empty(200).with_header("X\r\nY", "b"), UsageError::HeaderName("X\r\nY".into())),
            (Response::bytes(200, "text/html\r\nX: y", ""), value("Content-Type")),
            (Response::redirect(302, "/\r\nX: y"), value("Location")),
            (Response::empty(200).with_header("content-LENGTH", "5"), own("content-LENGTH")),
            (Response::empty(200).with_header("Connection", "keep-alive"), own("Connection")),
            (Response::empty(200).with_header("Transfer-Encoding", "chunked"), own("Transfer-Encoding")),
            (Response::empty(200).with_header("Upgrade", "h2c"), own("Upgrade")),
            (Response::empty(200).with_header("Sec-WebSocket-Accept", "x"), own("Sec-WebSocket-Accept")),
            (Response::empty(200).with_header("X", &long).with_header("X", &long), UsageError::HeadersTooLarge),
            // The first error is kept.
            (Response::empty(99).with_header("X", "\n"), UsageError::Status(99)),
        ];
        for (response, error) in rows {
            assert_eq!(response.with_header("Fine", "fine").error(), Some(&error));
        }
    }

    #[test]
    fn a_received_response_has_its_parts() {
        let mut parser = HeadParser::response();
        parser.feed(b"HTTP/1.1 101 S3CRET\r\nUpgrade: websocket\r\nSet-Cookie: S3CRET\r\n\r\n").unwrap();
        let response = Response::from_head(parser.finish().unwrap());
        assert_eq!((response.status(), response.header("upgrade")), (101, Some("websocket")));
        assert_eq!((response.headers().count(), response.body()), (2, &[][..]));
        let shown = format!("{response:?}");
        assert!(shown.contains("101") && !shown.contains("S3CRET"), "{shown}");
        let shown = format!("{:?}", Response::text(200, "S3CRET").with_header("X", "S3CRET"));
        assert!(shown.contains("200") && !shown.contains("S3CRET"), "{shown}");
    }
}
