//! RFC 6455 section 4: the opening handshake. Requests for servers, responses for clients.

use super::case::{Case, Edit, Wanted, What};
use super::peer::Side;
use Edit::{Add, Pad, Reverse, Set, Slowly, Start, Without};
use Wanted::{Accepted, Refused, RefusedWithVersion};

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const VERSION: &str = "Sec-WebSocket-Version";
const KEY: &str = "Sec-WebSocket-Key";
const ACCEPT: &str = "Sec-WebSocket-Accept";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = requests();
    cases.extend(responses());
    cases
}

fn case(id: &'static str, name: &str, title: &str, side: Side, what: What) -> Case {
    Case { id, name: name.into(), side: Some(side), title: title.into(), what }
}

// One a line.
#[rustfmt::skip]
fn requests() -> Vec<Case> {
    let rows: Vec<(&'static str, &str, &str, Vec<Edit>, Wanted)> = vec![
        ("6455-4.2.2-12", "opens", "a request as the RFC shows it", vec![], Accepted),
        ("6455-4.2.1-s1", "fields-reversed", "the fields in the opposite order", vec![Reverse], Accepted),
        ("6455-4.2.1-s9", "unknown-field", "a field that nobody knows", vec![Add("X-Nobody-Knows", "this")], Accepted),
        ("6455-4.2.1-s4", "upgrade-in-capitals", "Upgrade: WEBSOCKET", vec![Set("Upgrade", "WEBSOCKET")], Accepted),
        ("6455-4.2.1-s4", "names-in-lower-case", "upgrade: and sec-websocket-version: in lower case",
            vec![Set("upgrade", "websocket"), Set("sec-websocket-version", "13")], Accepted),
        ("6455-4.2.1-s5", "connection-list", "Connection: keep-alive, Upgrade",
            vec![Set("Connection", "keep-alive, Upgrade")], Accepted),
        ("6455-4.2.1-s5", "connection-in-lower-case", "Connection: upgrade",
            vec![Set("Connection", "upgrade")], Accepted),
        ("6455-4.2.1-s6", "key-padded", "white space around the key", vec![Pad(KEY)], Accepted),
        ("6455-4.2.1-s2", "request-in-bytes", "the request, one byte in a write", vec![Slowly], Accepted),
        ("6455-4.2.1-1", "without-upgrade", "a request without Upgrade", vec![Without("Upgrade")], Refused),
        ("6455-4.2.1-1", "other-upgrade", "Upgrade: h2c", vec![Set("Upgrade", "h2c")], Refused),
        ("6455-4.2.1-1", "without-connection", "a request without Connection", vec![Without("Connection")], Refused),
        ("6455-4.2.1-1", "connection-without-upgrade", "Connection: keep-alive",
            vec![Set("Connection", "keep-alive")], Refused),
        ("6455-4.2.1-1", "without-key", "a request without Sec-WebSocket-Key", vec![Without(KEY)], Refused),
        ("6455-4.2.1-1", "without-version", "a request without Sec-WebSocket-Version", vec![Without(VERSION)], Refused),
        ("6455-4.2.1-1", "method-post", "POST instead of GET", vec![Start("POST {} HTTP/1.1"), Add("Content-Length", "0")], Refused),
        ("6455-4.2.1-1", "http-1.0", "HTTP/1.0", vec![Start("GET {} HTTP/1.0")], Refused),
        ("6455-4.2.1-1", "without-host", "a request without Host", vec![Without("Host")], Refused),
        ("6455-4.2.2-6", "version-99", "Sec-WebSocket-Version: 99", vec![Set(VERSION, "99")], Refused),
        ("6455-4.4-1", "names-its-versions", "Sec-WebSocket-Version: 99", vec![Set(VERSION, "99")], RefusedWithVersion),
        ("6455-4.2.2-8", "unknown-subprotocol", "a subprotocol that the server cannot know",
            vec![Set(PROTOCOL, "nobody.knows.this")], Accepted),
        ("6455-4.2.2-9", "no-subprotocol", "no subprotocol is offered", vec![Without(PROTOCOL)], Wanted::Without("Sec-WebSocket-Protocol")),
        ("6455-9-3", "unknown-extension", "an extension that the server cannot know",
            vec![Set(EXTENSIONS, "x-nobody-knows; a=1")], Wanted::Without("permessage")),
        ("6455-9.1-3", "extensions-in-two-fields", "Sec-WebSocket-Extensions twice",
            vec![Add(EXTENSIONS, "x-nobody-knows"), Add(EXTENSIONS, "x-nobody-knows-either; b=\"2\"")], Accepted),
        ("6455-9.1-1", "extensions-semicolon", "Sec-WebSocket-Extensions: ; a", vec![Set(EXTENSIONS, "; a")], Refused),
        ("6455-9.1-1", "extensions-no-value", "Sec-WebSocket-Extensions: a; b=", vec![Set(EXTENSIONS, "a; b=")], Refused),
        ("6455-9.1-2", "extensions-quoted-space", "a quoted parameter that is no token",
            vec![Set(EXTENSIONS, "a; b=\"c d\"")], Refused),
    ];
    let made = |(id, name, title, edits, wanted)| case(id, name, title, Side::Server, What::Request(edits, wanted));
    rows.into_iter().map(made).collect()
}

// One a line.
#[rustfmt::skip]
fn responses() -> Vec<Case> {
    let rows: Vec<(&'static str, &str, &str, Vec<Edit>, Wanted)> = vec![
        ("6455-4.1-41", "response", "a response as the RFC shows it", vec![], Accepted),
        ("6455-4.1-41", "response-reversed", "the fields in the opposite order", vec![Reverse], Accepted),
        ("6455-4.1-41", "response-unknown-field", "a field that nobody knows", vec![Add("X-Nobody-Knows", "this")], Accepted),
        ("6455-4.1-41", "response-in-bytes", "the response, one byte in a write", vec![Slowly], Accepted),
        ("6455-4.1-42", "response-upgrade-in-capitals", "Upgrade: WEBSOCKET", vec![Set("upgrade", "WEBSOCKET")], Accepted),
        ("6455-4.1-43", "response-connection-in-capitals", "Connection: UPGRADE", vec![Set("connection", "UPGRADE")], Accepted),
        ("6455-4.1-43", "response-connection-list", "Connection: keep-alive, Upgrade",
            vec![Set("Connection", "keep-alive, Upgrade")], Accepted),
        ("6455-4.1-44", "response-accept-padded", "white space around Sec-WebSocket-Accept", vec![Pad(ACCEPT)], Accepted),
        ("6455-4.1-s2", "status-200", "status 200", vec![Start("HTTP/1.1 200 OK"), Add("Content-Length", "0")], Refused),
        ("6455-4.1-42", "response-without-upgrade", "no Upgrade", vec![Without("Upgrade")], Refused),
        ("6455-4.1-42", "response-other-upgrade", "Upgrade: h2c", vec![Set("Upgrade", "h2c")], Refused),
        ("6455-4.1-43", "response-without-connection", "no Connection", vec![Without("Connection")], Refused),
        ("6455-4.1-43", "response-other-connection", "Connection: close", vec![Set("Connection", "close")], Refused),
        ("6455-4.1-44", "response-without-accept", "no Sec-WebSocket-Accept", vec![Without(ACCEPT)], Refused),
        ("6455-4.1-44", "response-wrong-accept", "the Sec-WebSocket-Accept of another key",
            vec![Set(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")], Refused),
        ("6455-4.1-44", "response-accept-in-lower-case", "a Sec-WebSocket-Accept that differs in its case",
            vec![Set(ACCEPT, "s3pplmbitxaq9kygzzhzrbk+xoo=")], Refused),
        ("6455-4.1-45", "response-extension-unasked", "an extension that was not offered",
            vec![Add(EXTENSIONS, "x-nobody-knows")], Refused),
        ("6455-4.1-46", "response-subprotocol-unasked", "a subprotocol that was not offered",
            vec![Add(PROTOCOL, "nobody.knows.this")], Refused),
    ];
    let made = |(id, name, title, edits, wanted)| case(id, name, title, Side::Client, What::Response(edits, wanted));
    rows.into_iter().map(made).collect()
}
