//! The tables of the chapter *Registries* say what the code does: each is made from the code and compared with the chapter.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use stdws::codec::decoder::Decoder;
use stdws::codec::event::DecoderEvent;
use stdws::codec::frame::{parse, Context, Opcode, Role};
use stdws::handshake::client::{check_response, HandshakeRequest};
use stdws::handshake::http::{Head, HeadParser, Progress};
use stdws::handshake::origin::OriginPolicy;
use stdws::handshake::server::check_request;
use stdws::handshake::uri::Uri;
use stdws::{CloseCode, Limits, ProtocolError, Version};

/// Compares a table with the chapter, between its two markers.
#[track_caller]
fn assert_table(name: &str, heads: &[&str], rows: Vec<Vec<String>>) {
    let line = |columns: &[String]| format!("//! | {} |\n", columns.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
    let mut table = line(&heads) + &format!("//! |{}\n", "---|".repeat(heads.len()));
    table.extend(rows.iter().map(|row| line(row)));
    let chapter = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/registries.rs"));
    // A checkout on Windows may have other ends of lines.
    let chapter = chapter.unwrap().replace("\r\n", "\n");
    let (begin, end) = (format!("// {name}: begin\n"), format!("// {name}: end\n"));
    let written = chapter.split(&begin).nth(1).and_then(|rest| rest.split(&end).next()).expect("no such table");
    assert!(written == table, "the table of {name} in src/manual/registries.rs has to be\n{table}");
}

#[test]
fn versions() {
    let row = |number: u8| {
        let draft = format!("hybi-{number:02}");
        let by_number = Version::ALL.into_iter().find(|version| version.number() == Some(number));
        let (document, status) = match number {
            13 => ("RFC 6455".to_owned(), "standard"),
            9..=12 => ("none".to_owned(), "reserved"),
            _ => (draft.clone(), "interim"),
        };
        let here = match (by_number, Version::from_name(&draft)) {
            (Some(Version::Rfc6455), _) => "always supported".to_owned(),
            (Some(version), _) => format!("`Version::{version:?}`"),
            (None, Some(version)) => match version.number() {
                Some(number) => format!("426; {draft} has the number {number}"),
                None => format!("426; `Version::{version:?}` has no number"),
            },
            (None, None) => "426".to_owned(),
        };
        vec![number.to_string(), document, status.to_owned(), here]
    };
    assert_table("versions", &["number", "document", "status", "here"], (0..=13).map(row).collect());
}

/// Whether a received Close may have this code. Otherwise the connection fails with 1002.
fn is_receivable(code: u16) -> bool {
    let mut decoder = Decoder::new(Role::Client, Limits::client());
    decoder.space()[..4].copy_from_slice(&[&[0x88, 2][..], &code.to_be_bytes()].concat());
    decoder.filled(4);
    match decoder.next_event() {
        Ok(Some(DecoderEvent::Close(received))) => {
            assert_eq!(received, Some(CloseCode::new(code)));
            true
        }
        Err(error @ ProtocolError::InvalidCloseCode(_)) => {
            assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn close_codes() {
    const STANDARD: &str = "by specification";
    let named: [(RangeInclusive<u16>, &str, &str); 21] = [
        (0..=999, "not used", "none"),
        (1000..=1000, "Normal Closure", STANDARD),
        (1001..=1001, "Going Away", STANDARD),
        (1002..=1002, "Protocol error", STANDARD),
        (1003..=1003, "Unsupported Data", STANDARD),
        (1004..=1004, "reserved", STANDARD),
        (1005..=1005, "No Status Rcvd", STANDARD),
        (1006..=1006, "Abnormal Closure", STANDARD),
        (1007..=1007, "Invalid frame payload data", STANDARD),
        (1008..=1008, "Policy Violation", STANDARD),
        (1009..=1009, "Message Too Big", STANDARD),
        (1010..=1010, "Mandatory Ext.", STANDARD),
        (1011..=1011, "Internal Error", STANDARD),
        (1012..=1012, "Service Restart", STANDARD),
        (1013..=1013, "Try Again Later", STANDARD),
        (1014..=1014, "Bad Gateway", STANDARD),
        (1015..=1015, "TLS handshake", STANDARD),
        (1016..=2999, "not assigned", STANDARD),
        (3000..=3999, "libraries, frameworks and applications", "First Come First Served"),
        (4000..=4999, "private use", "none"),
        (5000..=65535, "not used", "none"),
    ];
    let mut next = 0_u32;
    let row = |(codes, name, policy): (RangeInclusive<u16>, &str, &str)| {
        assert_eq!(u32::from(*codes.start()), next, "a gap");
        next = u32::from(*codes.end()) + 1;
        let (sendable, receivable) = (CloseCode::new(*codes.start()).is_sendable(), is_receivable(*codes.start()));
        for code in codes.clone() {
            assert_eq!((CloseCode::new(code).is_sendable(), is_receivable(code)), (sendable, receivable), "{code}");
        }
        let numbers = match codes.start() == codes.end() {
            true => codes.start().to_string(),
            false => format!("{} to {}", codes.start(), codes.end()),
        };
        let sent = if sendable { "yes" } else { "no: a usage error" };
        let received = if receivable { "yes" } else { "no: 1002" };
        [&numbers, name, policy, sent, received].map(str::to_owned).to_vec()
    };
    let rows = named.map(row).to_vec();
    assert_table("close codes", &["code", "meaning", "policy", "can be sent", "can be received"], rows);
    assert_eq!(next, 1 << 16);
}

#[test]
fn opcodes() {
    let row = |opcode: u8| {
        // FIN, no mask, no payload.
        let received = |open| parse(&[0x80 | opcode, 0], Context { open, ..Context::new(Role::Client) });
        let (meaning, here) = match (received(false), received(true)) {
            (Ok(Some(header)), inside) => match header.opcode {
                Opcode::Data(kind) => {
                    assert_eq!(inside, Err(ProtocolError::ExpectedContinuation));
                    (format!("{kind:?} Frame"), "received between messages; inside a message 1002")
                }
                control => {
                    assert_eq!(inside, Ok(Some(header)));
                    (format!("{control:?} Frame"), "received anywhere")
                }
            },
            (Err(ProtocolError::UnexpectedContinuation), Ok(Some(header))) => {
                (format!("{:?} Frame", header.opcode), "received inside a message; between messages 1002")
            }
            (Err(ProtocolError::UnknownOpcode(unknown)), inside) => {
                assert_eq!((unknown, inside), (opcode, Err(ProtocolError::UnknownOpcode(opcode))));
                ("not assigned".to_owned(), "1002")
            }
            other => panic!("{other:?}"),
        };
        vec![format!("{opcode:X}"), meaning, here.to_owned()]
    };
    assert_table("opcodes", &["opcode", "meaning", "here"], (0..16).map(row).collect());
}

#[test]
fn reserved_bits() {
    let row = |(name, bit): (&str, u8)| {
        let received = |compression| parse(&[0x81 | bit, 0], Context { compression, ..Context::new(Role::Client) });
        let verdict = |result| match result {
            Ok(Some(_)) => "received",
            Err(ProtocolError::ReservedBits(_)) => "1002",
            other => panic!("{other:?}"),
        };
        [name, verdict(received(false)), verdict(received(true))].map(str::to_owned).to_vec()
    };
    let rows = [("RSV1", 0x40), ("RSV2", 0x20), ("RSV3", 0x10)].map(row).to_vec();
    assert_table(
        "reserved bits",
        &["bit", "without an extension", "with permessage-deflate, first frame of a message"],
        rows,
    );
}

fn head(mut parser: HeadParser, text: &str) -> Head {
    assert_eq!(parser.feed(text.as_bytes()), Ok(Progress::Done { consumed: text.len() }));
    parser.finish().unwrap()
}

#[test]
fn repeated_fields() {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    /// The name, and two values that are valid in a request, and in a response to a client that has offered `a` and `b`.
    type Repeated = (&'static str, Option<[&'static str; 2]>, Option<[&'static str; 2]>);
    let rows: [Repeated; 10] = [
        ("Host", Some(["h", "h"]), None),
        ("Upgrade", Some(["websocket", "h2c"]), Some(["websocket", "websocket"])),
        ("Connection", Some(["Upgrade", "keep-alive"]), Some(["Upgrade", "keep-alive"])),
        ("Sec-WebSocket-Key", Some([KEY, KEY]), None),
        ("Sec-WebSocket-Accept", None, Some([ACCEPT, ACCEPT])),
        ("Sec-WebSocket-Version", Some(["13", "13"]), Some(["13", "8"])),
        ("Sec-WebSocket-Protocol", Some(["a", "b"]), Some(["a", "a"])),
        ("Sec-WebSocket-Extensions", Some(["a", "b"]), Some(["a", "b"])),
        ("Origin", Some(["http://h", "http://h"]), None),
        ("Cookie, and others", Some(["a=b", "c=d"]), Some(["a=b", "c=d"])),
    ];
    let others = |name: &str, fields: &[(&str, &str)]| -> String {
        let kept = fields.iter().filter(|(field, _)| *field != name);
        kept.map(|(field, value)| format!("{field}: {value}\r\n")).collect()
    };
    let request = [("Host", "h"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", KEY)];
    let request = [&request[..], &[("Sec-WebSocket-Version", "13")]].concat();
    let response = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)];
    let uri = Uri::parse("ws://h/").unwrap();
    let offered = ["a".to_owned(), "b".to_owned()];
    let mut sent = HandshakeRequest::new(&uri, KEY);
    (sent.subprotocols, sent.extensions) = (&offered, Some("a, b"));
    let row = |(name, in_request, in_response): Repeated| {
        let field = name.split(',').next().unwrap();
        let repeated = |values: &[&str]| -> String { values.iter().map(|v| format!("{field}: {v}\r\n")).collect() };
        let verdict = |is_valid: &dyn Fn(String) -> bool, values: Option<[&str; 2]>| match values {
            None => "-",
            Some(values) => {
                assert!(is_valid(repeated(&values[..1])), "{name} once");
                if is_valid(repeated(&values)) {
                    "may repeat"
                } else {
                    "once"
                }
            }
        };
        let valid_request = |fields: String| {
            let text = format!("GET / HTTP/1.1\r\n{}{fields}\r\n", others(field, &request));
            check_request(&head(HeadParser::request(), &text), OriginPolicy::Any).is_ok()
        };
        let valid_response = |fields: String| {
            let text = format!("HTTP/1.1 101 S\r\n{}{fields}\r\n", others(field, &response));
            check_response(&head(HeadParser::response(), &text), &sent).is_ok()
        };
        [name, verdict(&valid_request, in_request), verdict(&valid_response, in_response)].map(str::to_owned).to_vec()
    };
    assert_table("repeated fields", &["field", "in a request", "in a response 101"], rows.map(row).to_vec());
}
