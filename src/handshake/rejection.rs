//! The response to a rejected request (RFC 6455 sections 4.2.2 and 4.4): the HTTP status for each error, and the bytes.
//! Independent of the request, so that the response never echoes what a peer sent.
//!
//! ```
//! use stdws::handshake::rejection;
//! use stdws::RequestErrorKind;
//! let response = rejection::encode_rejection(&RequestErrorKind::UnsupportedVersion.into());
//! assert!(response.starts_with(b"HTTP/1.1 426 Upgrade Required\r\n"));
//! assert!(String::from_utf8_lossy(&response).contains("\r\nSec-WebSocket-Version: 13\r\n"));
//! ```
//!
//! | error | status | field |
//! |---|---|---|
//! | the request line exceeds a limit | 414 | |
//! | the rest of the head exceeds a limit | 431 | |
//! | not HTTP/1.1 | 505 | |
//! | the method is not GET | 405 | `Allow` |
//! | no `Upgrade: websocket`: plain HTTP | 426 | `Upgrade` |
//! | another `Sec-WebSocket-Version` | 426 | `Upgrade`, `Sec-WebSocket-Version` |
//! | no `Sec-WebSocket-Version` | 400 | `Sec-WebSocket-Version` |
//! | the Origin is not allowed | 403 | |
//! | the host is not allowed | 421 | |
//! | the maximum number of connections or of opening handshakes is reached | 503 | `Retry-After` |
//! | the maximum number of connections from one address is reached | 429 | `Retry-After` |
//! | a hook of the application panicked, or returned what cannot be sent | 500 | |
//! | all others | 400 | |

use super::http;
use super::server::{UPGRADE, VERSION};
use crate::error::{HandshakeErrorKind, HeadErrorKind, OverloadKind, RequestErrorKind};

/// Number of seconds after which a client may try again.
const RETRY_AFTER: &str = "5";

/// The HTTP status of the response.
pub fn status(kind: &HandshakeErrorKind) -> u16 {
    match kind {
        HandshakeErrorKind::Head(kind) => head_status(*kind),
        HandshakeErrorKind::HttpVersion => 505,
        HandshakeErrorKind::MissingHeader(UPGRADE) | HandshakeErrorKind::InvalidHeader(UPGRADE) => 426,
        HandshakeErrorKind::Request(RequestErrorKind::Method) => 405,
        // 6455-4.2.2-6
        HandshakeErrorKind::Request(RequestErrorKind::UnsupportedVersion) => 426,
        // 6455-4.2.2-5, 6455-10.2-2
        HandshakeErrorKind::Request(RequestErrorKind::OriginNotAllowed) => 403,
        HandshakeErrorKind::Request(RequestErrorKind::HostNotAllowed) => 421,
        HandshakeErrorKind::Overload(OverloadKind::Connections | OverloadKind::Handshakes) => 503,
        HandshakeErrorKind::Overload(OverloadKind::Address) => 429,
        HandshakeErrorKind::Hook(_) => 500,
        // 6455-4.2.1-1: a request that departs from the description is answered with an error such as 400.
        HandshakeErrorKind::Request(RequestErrorKind::Target | RequestErrorKind::ProxyHeader(_))
        | HandshakeErrorKind::UnexpectedEof
        | HandshakeErrorKind::MissingHeader(_)
        | HandshakeErrorKind::DuplicateHeader(_)
        | HandshakeErrorKind::InvalidHeader(_) => 400,
        // Only a client gets it, and rejects no request.
        HandshakeErrorKind::Response(_) => 400,
    }
}

fn head_status(kind: HeadErrorKind) -> u16 {
    match kind {
        // 9112-3-1, RFC 9110 section 15.5.15
        HeadErrorKind::StartLineTooLong { .. } => 414,
        // RFC 6585 section 5
        HeadErrorKind::TooManyFields { .. } | HeadErrorKind::HeadTooLong { .. } => 431,
        HeadErrorKind::LineEnding
        | HeadErrorKind::ControlCharacter
        | HeadErrorKind::LineFolding
        | HeadErrorKind::StartLine
        | HeadErrorKind::FieldName
        | HeadErrorKind::ContentLength
        | HeadErrorKind::Tls => 400,
    }
}

/// The bytes of the response, head and body. The connection has to be closed after it.
pub fn encode_rejection(kind: &HandshakeErrorKind) -> Vec<u8> {
    response(kind, "13")
}

/// The bytes of the response of a server with these versions, the value of `Sec-WebSocket-Version`.
pub(crate) fn response(kind: &HandshakeErrorKind, versions: &str) -> Vec<u8> {
    let status = status(kind);
    let body = match kind {
        HandshakeErrorKind::Request(RequestErrorKind::UnsupportedVersion) => {
            format!("this server supports Sec-WebSocket-Version {versions}\n")
        }
        kind => body_text(kind),
    };
    let length = body.len().to_string();
    let mut fields = Vec::new();
    match status {
        405 => fields.push(("Allow", "GET")),
        // 426 requires Upgrade, and Upgrade has to be named in Connection (RFC 9110 sections 7.8 and 15.5.22).
        426 => fields.push((UPGRADE, "websocket")),
        429 | 503 => fields.push(("Retry-After", RETRY_AFTER)),
        _ => (),
    }
    if matches!(
        kind,
        HandshakeErrorKind::Request(RequestErrorKind::UnsupportedVersion) | HandshakeErrorKind::MissingHeader(VERSION)
    ) {
        // 6455-4.4-1: all versions of this server.
        fields.push((VERSION, versions));
    }
    fields.push(("Connection", if status == 426 { "Upgrade, close" } else { "close" }));
    fields.push(("Content-Type", "text/plain"));
    fields.push(("Content-Length", &length));
    let mut bytes = http::write_head(&format!("HTTP/1.1 {status} {}", http::reason(status)), fields);
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// The body: one line for the user of the peer. It names no settings, because the user cannot change them.
fn body_text(kind: &HandshakeErrorKind) -> String {
    match kind {
        HandshakeErrorKind::Request(RequestErrorKind::OriginNotAllowed) => {
            "the Origin is not allowed (RFC 6455 section 10.2)\n".into()
        }
        HandshakeErrorKind::Request(RequestErrorKind::HostNotAllowed) => {
            "this server does not serve the requested host\n".into()
        }
        HandshakeErrorKind::Overload(OverloadKind::Connections | OverloadKind::Handshakes) => {
            "too many connections; try again later\n".into()
        }
        HandshakeErrorKind::Overload(OverloadKind::Address) => {
            "too many connections from your address; try again later\n".into()
        }
        HandshakeErrorKind::Hook(_) => "internal server error\n".into(),
        HandshakeErrorKind::Head(HeadErrorKind::StartLineTooLong { .. }) => {
            "the request line is longer than this server accepts\n".into()
        }
        HandshakeErrorKind::Head(HeadErrorKind::TooManyFields { .. } | HeadErrorKind::HeadTooLong { .. }) => {
            "the headers of the request are larger than this server accepts\n".into()
        }
        HandshakeErrorKind::Head(kind) => format!("{kind}\n"),
        HandshakeErrorKind::MissingHeader(UPGRADE) | HandshakeErrorKind::InvalidHeader(UPGRADE) => {
            "this is a WebSocket server: Upgrade has to name websocket (RFC 6455 section 4.2.1)\n".into()
        }
        HandshakeErrorKind::UnexpectedEof
        | HandshakeErrorKind::HttpVersion
        | HandshakeErrorKind::MissingHeader(_)
        | HandshakeErrorKind::DuplicateHeader(_)
        | HandshakeErrorKind::InvalidHeader(_)
        | HandshakeErrorKind::Response(_)
        | HandshakeErrorKind::Request(_) => format!("{kind} (RFC 6455 section 4.2.1)\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{HookErrorKind, UsageError};
    use crate::handshake::http::{content_length, HeadParser, Progress};

    #[test]
    fn every_rejection_is_an_http_response() {
        use HandshakeErrorKind::*;
        let plain = "close";
        let rows = [
            (Head(HeadErrorKind::StartLineTooLong { limit: 1 }), 414, plain, None),
            (Head(HeadErrorKind::TooManyFields { limit: 1 }), 431, plain, None),
            (Head(HeadErrorKind::HeadTooLong { limit: 1 }), 431, plain, None),
            (Head(HeadErrorKind::ControlCharacter), 400, plain, None),
            (HttpVersion, 505, plain, None),
            (Request(RequestErrorKind::Method), 405, plain, Some(("Allow", "GET"))),
            (Request(RequestErrorKind::Target), 400, plain, None),
            (MissingHeader("Host"), 400, plain, None),
            (DuplicateHeader("Sec-WebSocket-Version"), 400, plain, None),
            (InvalidHeader("Connection"), 400, plain, None),
            (MissingHeader("Upgrade"), 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (InvalidHeader("Upgrade"), 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (MissingHeader("Sec-WebSocket-Version"), 400, plain, Some(("Sec-WebSocket-Version", "13"))),
            (
                Request(RequestErrorKind::UnsupportedVersion),
                426,
                "Upgrade, close",
                Some(("Sec-WebSocket-Version", "13")),
            ), // 6455-4.2.2-6, 6455-4.4-1
            (Request(RequestErrorKind::UnsupportedVersion), 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (Request(RequestErrorKind::OriginNotAllowed), 403, plain, None), // 6455-4.2.2-5, 6455-10.2-2
            (Request(RequestErrorKind::HostNotAllowed), 421, plain, None),
            (Overload(OverloadKind::Connections), 503, plain, Some(("Retry-After", "5"))),
            (Overload(OverloadKind::Handshakes), 503, plain, Some(("Retry-After", "5"))),
            (Overload(OverloadKind::Address), 429, plain, Some(("Retry-After", "5"))),
            (Hook(HookErrorKind::Panicked), 500, plain, None),
            (Hook(HookErrorKind::InvalidAnswer(UsageError::Status(7))), 500, plain, None),
        ];
        let special = ["Allow", "Upgrade", "Retry-After", "Sec-WebSocket-Version"];
        for (kind, want, connection, extra) in rows {
            let bytes = response(&kind, "13");
            let mut parser = HeadParser::response();
            let Ok(Progress::Done { consumed }) = parser.feed(&bytes) else { panic!("{kind}") };
            let head = parser.finish().unwrap();
            let body = &bytes[consumed..];
            assert_eq!((head.status(), status(&kind)), (want, want), "{kind}");
            assert_eq!(content_length(&head), Ok(Some(body.len() as u64)));
            assert_eq!(head.single("Content-Type"), Ok(Some(b"text/plain".as_slice())), "{kind}");
            assert_eq!(head.single("Connection"), Ok(Some(connection.as_bytes())), "{kind}");
            assert_eq!(body.iter().position(|&b| b == b'\n'), Some(body.len() - 1), "one line");
            assert!(head.reason().len() > 3 && (head.reason() != b"Bad Request" || want == 400));
            match extra {
                Some((name, value)) => assert_eq!(head.single(name), Ok(Some(value.as_bytes())), "{kind}"),
                None => assert!(special.iter().all(|name| head.get(name).is_none()), "{kind}"),
            }
        }
    }

    #[test]
    fn a_rejection_names_no_setting() {
        use HandshakeErrorKind::*;
        let overload = [OverloadKind::Connections, OverloadKind::Handshakes, OverloadKind::Address].map(Overload);
        let hook = [HookErrorKind::Panicked, HookErrorKind::InvalidAnswer(UsageError::Status(7))].map(Hook);
        let limit = 256;
        let too_long = HeadErrorKind::StartLineTooLong { limit };
        let heads = [too_long, HeadErrorKind::TooManyFields { limit }, HeadErrorKind::HeadTooLong { limit }].map(Head);
        for kind in overload
            .into_iter()
            .chain(hook)
            .chain(heads)
            .chain([RequestErrorKind::OriginNotAllowed, RequestErrorKind::HostNotAllowed].map(Request))
        {
            let response = String::from_utf8(response(&kind, "13")).unwrap();
            let names_one = ["Server::", "Limits::", "hook"].iter().any(|name| response.contains(name));
            assert!(!names_one, "{response}");
        }
    }

    #[test]
    fn the_public_function_offers_version_13() {
        let bytes = encode_rejection(&RequestErrorKind::UnsupportedVersion.into());
        assert!(bytes.windows(29).any(|part| part == b"\r\nSec-WebSocket-Version: 13\r\n"), "{}", bytes.escape_ascii());
        assert!(
            bytes.ends_with(b"\r\n\r\nthis server supports Sec-WebSocket-Version 13\n"),
            "{}",
            bytes.escape_ascii()
        );
        // What only a client gets is a bad request if a program passes it nevertheless.
        let other = encode_rejection(&crate::error::ResponseErrorKind::Status(200).into());
        assert!(other.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{}", other.escape_ascii());
    }
}
