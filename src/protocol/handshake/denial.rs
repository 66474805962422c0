//! What a server answers to a request it refuses: one table from fault to HTTP status, and the answer written out.
//!
//! Knows the faults; must not know the request, so nothing a peer sent can come back to it, or to a browser.
//!
//! | fault | status | with |
//! |---|---|---|
//! | the head is over a limit | 431 | |
//! | not HTTP/1.1 | 505 | |
//! | the method is not GET | 405 | `Allow` |
//! | no `Upgrade: websocket`: plain HTTP | 426 | `Upgrade` |
//! | another `Sec-WebSocket-Version` | 426 | `Upgrade`, `Sec-WebSocket-Version` |
//! | no `Sec-WebSocket-Version` | 400 | `Sec-WebSocket-Version` |
//! | the Origin is not allowed | 403 | |
//! | as many connections, or opening handshakes, as allowed | 503 | `Retry-After` |
//! | as many from one address as allowed | 429 | `Retry-After` |
//! | a hook of the application failed | 500 | |
//! | all else | 400 | |

use super::server::{UPGRADE, VERSION};
use crate::error::{HandshakeFault, HeadFault};
use crate::wire::http;

/// After how many seconds a client that found the server full may try again.
const RETRY_AFTER: &str = "5";

/// The HTTP status of the refusal.
pub(crate) fn status(fault: &HandshakeFault) -> u16 {
    match fault {
        HandshakeFault::Head(HeadFault::LineTooLong | HeadFault::TooManyFields | HeadFault::HeadTooLong) => 431,
        HandshakeFault::HttpVersion => 505,
        HandshakeFault::Method => 405,
        HandshakeFault::Missing(UPGRADE) | HandshakeFault::Wrong(UPGRADE) => 426,
        // 6455-4.2.2-6
        HandshakeFault::Version => 426,
        // 6455-4.2.2-5, 6455-10.2-2
        HandshakeFault::OriginNotAllowed => 403,
        HandshakeFault::Full | HandshakeFault::TooManyHandshakes => 503,
        HandshakeFault::TooManyFromAddress => 429,
        HandshakeFault::Hook => 500,
        // 6455-4.2.1-1: whatever departs from the description is answered with an error such as 400.
        HandshakeFault::Head(
            HeadFault::LineEnd
            | HeadFault::ControlCharacter
            | HeadFault::Folded
            | HeadFault::StartLine
            | HeadFault::FieldName
            | HeadFault::ContentLength,
        )
        | HandshakeFault::Ended
        | HandshakeFault::ProxyHeader(_)
        | HandshakeFault::Target
        | HandshakeFault::Missing(_)
        | HandshakeFault::Repeated(_)
        | HandshakeFault::Wrong(_) => 400,
        // Faults of a response, and what has had its answer. No request is refused for them.
        HandshakeFault::Answered
        | HandshakeFault::HandedOver
        | HandshakeFault::Status(_)
        | HandshakeFault::StatusLine
        | HandshakeFault::Proof
        | HandshakeFault::Redirect(_)
        | HandshakeFault::SubprotocolNotOffered
        | HandshakeFault::ExtensionNotOffered => 400,
    }
}

/// The whole answer, head and body. The connection is to be closed after it. `versions` is what `Sec-WebSocket-Version` lists.
pub(crate) fn response(fault: &HandshakeFault, versions: &str) -> Vec<u8> {
    let status = status(fault);
    let body = body(fault);
    let length = body.len().to_string();
    let mut fields = Vec::new();
    match status {
        405 => fields.push(("Allow", "GET")),
        // 426 has to say to what; and Upgrade has to be named in Connection (RFC 9110 sections 7.8 and 15.5.22).
        426 => fields.push((UPGRADE, "websocket")),
        429 | 503 => fields.push(("Retry-After", RETRY_AFTER)),
        _ => (),
    }
    if matches!(fault, HandshakeFault::Version | HandshakeFault::Missing(VERSION)) {
        // 6455-4.4-1: all versions spoken here.
        fields.push((VERSION, versions));
    }
    fields.push(("Connection", if status == 426 { "Upgrade, close" } else { "close" }));
    fields.push(("Content-Type", "text/plain"));
    fields.push(("Content-Length", &length));
    let mut answer = http::write_head(&format!("HTTP/1.1 {status} {}", http::reason(status)), fields);
    answer.extend_from_slice(body.as_bytes());
    answer
}

/// One line for the person at the other end, who cannot change the settings of this side.
fn body(fault: &HandshakeFault) -> String {
    match fault {
        HandshakeFault::OriginNotAllowed => "the Origin is not allowed (RFC 6455 section 10.2)\n".into(),
        HandshakeFault::Full | HandshakeFault::TooManyHandshakes => "too many connections; try again later\n".into(),
        HandshakeFault::TooManyFromAddress => "too many connections from your address; try again later\n".into(),
        HandshakeFault::Hook => "something went wrong here\n".into(),
        HandshakeFault::Head(fault) => format!("{fault}\n"),
        HandshakeFault::Missing(UPGRADE) | HandshakeFault::Wrong(UPGRADE) => {
            "only WebSocket is spoken here: Upgrade has to name websocket (RFC 6455 section 4.2.1)\n".into()
        }
        HandshakeFault::Ended
        | HandshakeFault::Answered
        | HandshakeFault::HandedOver
        | HandshakeFault::Status(_)
        | HandshakeFault::StatusLine
        | HandshakeFault::Proof
        | HandshakeFault::HttpVersion
        | HandshakeFault::Method
        | HandshakeFault::Target
        | HandshakeFault::Missing(_)
        | HandshakeFault::Repeated(_)
        | HandshakeFault::Wrong(_)
        | HandshakeFault::Version
        | HandshakeFault::Redirect(_)
        | HandshakeFault::SubprotocolNotOffered
        | HandshakeFault::ExtensionNotOffered
        | HandshakeFault::ProxyHeader(_) => format!("{fault} (RFC 6455 section 4.2.1)\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::{content_length, HeadParser, Progress};

    #[test]
    fn every_refusal_is_an_http_response() {
        use HandshakeFault::*;
        let plain = "close";
        let rows = [
            (Head(HeadFault::LineTooLong), 431, plain, None),
            (Head(HeadFault::TooManyFields), 431, plain, None),
            (Head(HeadFault::HeadTooLong), 431, plain, None),
            (Head(HeadFault::ControlCharacter), 400, plain, None),
            (HttpVersion, 505, plain, None),
            (Method, 405, plain, Some(("Allow", "GET"))),
            (Target, 400, plain, None),
            (Missing("Host"), 400, plain, None),
            (Repeated("Sec-WebSocket-Version"), 400, plain, None),
            (Wrong("Connection"), 400, plain, None),
            (Missing("Upgrade"), 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (Wrong("Upgrade"), 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (Missing("Sec-WebSocket-Version"), 400, plain, Some(("Sec-WebSocket-Version", "13"))),
            (Version, 426, "Upgrade, close", Some(("Sec-WebSocket-Version", "13"))), // 6455-4.2.2-6, 6455-4.4-1
            (Version, 426, "Upgrade, close", Some(("Upgrade", "websocket"))),
            (OriginNotAllowed, 403, plain, None), // 6455-4.2.2-5, 6455-10.2-2
            (Full, 503, plain, Some(("Retry-After", "5"))),
            (TooManyHandshakes, 503, plain, Some(("Retry-After", "5"))),
            (TooManyFromAddress, 429, plain, Some(("Retry-After", "5"))),
            (Hook, 500, plain, None),
        ];
        let special = ["Allow", "Upgrade", "Retry-After", "Sec-WebSocket-Version"];
        for (fault, want, connection, extra) in rows {
            let bytes = response(&fault, "13");
            let mut parser = HeadParser::response();
            let Ok(Progress::Done { consumed }) = parser.feed(&bytes) else { panic!("{fault}") };
            let head = parser.finish().unwrap();
            let body = &bytes[consumed..];
            assert_eq!((head.status(), status(&fault)), (want, want), "{fault}");
            assert_eq!(content_length(&head), Ok(Some(body.len() as u64)));
            assert_eq!(head.single("Connection"), Ok(Some(connection.as_bytes())), "{fault}");
            assert_eq!(body.iter().position(|&b| b == b'\n'), Some(body.len() - 1), "one line");
            assert!(head.reason().len() > 3 && (head.reason() != b"Bad Request" || want == 400));
            match extra {
                Some((name, value)) => assert_eq!(head.single(name), Ok(Some(value.as_bytes())), "{fault}"),
                None => assert!(special.iter().all(|name| head.get(name).is_none()), "{fault}"),
            }
        }
    }

    #[test]
    fn what_a_user_of_this_crate_should_know_is_not_told_to_peers() {
        use HandshakeFault::*;
        for fault in [OriginNotAllowed, Full, TooManyHandshakes, TooManyFromAddress, Hook] {
            let answer = String::from_utf8(response(&fault, "13")).unwrap();
            assert!(!answer.contains("Server::") && !answer.contains("hook"), "{answer}");
        }
    }
}
