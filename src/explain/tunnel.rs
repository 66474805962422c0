//! The exchange with a proxy before the opening handshake: an HTTP tunnel (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928, and
//! RFC 1929 for user name and password).
//!
//! Each direction is read without the other one. The first byte of a SOCKS5 message shows which message it is:
//!
//! | message | bytes of the client | bytes of the proxy | next message |
//! |---|---|---|---|
//! | `Method` | `05`, number of methods, methods | `05`, method | `Authentication` or `Connect`; none after method `FF` |
//! | `Authentication` | `01`, length, user name, length, password | `01`, status | `Connect`; none after a refusal |
//! | `Connect` | `05`, `01`, `00`, address, port | `05`, reply, `00`, address, port | the opening handshake; none after a refusal |

use std::net::{Ipv4Addr, Ipv6Addr};

use super::frame::{table_row, tunnel_arrow, BYTES};
use super::head::{HeadProgress, HeadRenderer, Secrets};
use super::layout::{ascii, count, row};
use crate::codec::frame::Role;
use crate::config::Limits;
use crate::error::ProxyErrorKind;

/// Maximum number of columns of a host name.
const NAME_WIDTH: usize = 48;

/// A protocol between a client and its proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Http,
    Socks5,
}

/// The exchange, as far as it has been read. It has no `Debug`, because its bytes may be secrets.
pub(super) enum Tunnel {
    Http { renderer: HeadRenderer, limits: Limits, secrets: Secrets },
    Socks5 { message: Message, bytes: Vec<u8>, secrets: Secrets },
}

/// A message of SOCKS5 that is being received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Method,
    /// From the client: this message or `Connect`.
    Authentication,
    Connect,
}

/// Progress of the exchange after one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TunnelProgress {
    More,
    /// The opening handshake follows.
    Open,
    /// Nothing that can be explained follows.
    Ended,
}

impl Tunnel {
    pub(super) fn new(proxy: ProxyKind, from: Role, secrets: Secrets, limits: Limits) -> Tunnel {
        match proxy {
            ProxyKind::Http => {
                Tunnel::Http { renderer: HeadRenderer::new(from, secrets, limits).for_tunnel(), limits, secrets }
            }
            ProxyKind::Socks5 => Tunnel::Socks5 { message: Message::Method, bytes: Vec::new(), secrets },
        }
    }

    /// Whether a message of the exchange has begun and is incomplete.
    pub(super) fn has_begun(&self) -> bool {
        match self {
            Tunnel::Http { renderer, .. } => renderer.has_begun(),
            Tunnel::Socks5 { bytes, .. } => !bytes.is_empty(),
        }
    }

    /// Processes one byte, and formats what it completes.
    pub(super) fn feed(&mut self, byte: u8, from: Role, out: &mut String) -> TunnelProgress {
        match self {
            Tunnel::Http { renderer, limits, secrets } => match renderer.feed(byte, from, out) {
                Ok(HeadProgress::More) => TunnelProgress::More,
                // 9110-9.3.6-1. A request has no status, which is 0 here.
                Ok(HeadProgress::Done { status: 0 | 200..=299, .. }) => TunnelProgress::Open,
                Ok(HeadProgress::Done { status: 100 | 102..=199, .. }) => {
                    *renderer = HeadRenderer::new(from, *secrets, *limits).for_tunnel();
                    TunnelProgress::More
                }
                Ok(HeadProgress::Done { .. }) => ended(out, "What follows is HTTP, and is not parsed."),
                Err(kind) => {
                    let line = renderer.line_number();
                    broken_rule(out, from, line == 1, &format!("Line {line}: {kind}. What follows is not parsed."))
                }
            },
            Tunnel::Socks5 { message, bytes, secrets } => {
                bytes.push(byte);
                let result = length(bytes, from, *message).and_then(|length| match length {
                    Some(length) if length <= bytes.len() => show(bytes, from, *message, *secrets, out),
                    Some(_) | None => Ok(Next::More),
                });
                match result {
                    Ok(Next::More) => return TunnelProgress::More,
                    Ok(Next::Message(next)) => *message = next,
                    Ok(Next::Open) => return TunnelProgress::Open,
                    Ok(Next::Refused) => return ended(out, "What follows is not parsed."),
                    Err(problem) => {
                        return broken_rule(out, from, true, &format!("{problem}. What follows is not parsed."))
                    }
                }
                bytes.clear();
                TunnelProgress::More
            }
        }
    }
}

/// What follows a message of SOCKS5.
enum Next {
    /// The rest of this message.
    More,
    Message(Message),
    Open,
    Refused,
}

fn ended(out: &mut String, what: &str) -> TunnelProgress {
    out.push_str(&format!("    {what}\n"));
    TunnelProgress::Ended
}

fn broken_rule(out: &mut String, from: Role, first: bool, problem: &str) -> TunnelProgress {
    if first {
        title(out, from, "Invalid message");
    }
    row(out, "    BROKEN RULE", 17, problem);
    TunnelProgress::Ended
}

fn title(out: &mut String, from: Role, title: &str) {
    out.push_str(&format!("\n{}  {title}\n", tunnel_arrow(from)));
}

/// The length of a message, once the bytes show it. Checks the version.
fn length(bytes: &[u8], from: Role, message: Message) -> Result<Option<usize>, String> {
    let at = |index: usize| bytes.get(index).copied().map(usize::from);
    let add = usize::saturating_add;
    match (message, from, bytes.first()) {
        (_, _, None) => Ok(None),
        // 1928-3-1
        (Message::Method, Role::Client, Some(5)) => Ok(at(1).map(|methods| add(2, methods))),
        (Message::Method, Role::Server, Some(5)) => Ok(Some(2)),
        // 1929-2-1
        (Message::Authentication, Role::Client, Some(1)) => {
            let user = at(1).map(|user| add(2, user));
            Ok(user.and_then(|user| at(user).map(|password| add(add(user, 1), password))))
        }
        (Message::Authentication, Role::Server, Some(1)) => Ok(Some(2)),
        (Message::Authentication, Role::Client, Some(5)) | (Message::Connect, _, Some(5)) => {
            // 1928-5-1
            match (at(3), at(4)) {
                (None, _) | (Some(3), None) => Ok(None),
                (Some(1), _) => Ok(Some(10)),
                (Some(4), _) => Ok(Some(22)),
                (Some(3), Some(name)) => Ok(Some(add(7, name))),
                (Some(other), _) => Err(format!("the type of the address, {other}, is not 1, 3 or 4")),
            }
        }
        (Message::Authentication, Role::Server, Some(other)) => {
            Err(format!("the version is {other}, not 1 (RFC 1929 section 2)"))
        }
        (_, _, Some(other)) => Err(format!("the version is {other}, not 5 (RFC 1928)")),
    }
}

/// Formats a complete message.
fn show(bytes: &[u8], from: Role, message: Message, secrets: Secrets, out: &mut String) -> Result<Next, String> {
    match (message, from, bytes) {
        (Message::Method, Role::Client, [version, number, methods @ ..]) => {
            title(out, from, "SOCKS5: the methods of authentication");
            table_row(out, &[*version], "", "version", "5");
            table_row(out, &[*number], "", "number", &count(u64::from(*number), "method"));
            for method in methods {
                table_row(out, &[*method], "", "method", method_name(*method));
            }
            Ok(Next::Message(Message::Authentication))
        }
        (Message::Method, Role::Server, &[version, method]) => {
            title(out, from, "SOCKS5: the selected method");
            table_row(out, &[version], "", "version", "5");
            table_row(out, &[method], "", "method", method_name(method));
            Ok(match method {
                // 1928-3-3
                0xFF => Next::Refused,
                0x02 => Next::Message(Message::Authentication),
                _ => Next::Message(Message::Connect),
            })
        }
        (Message::Authentication, Role::Client, [1, rest @ ..]) => {
            title(out, from, "SOCKS5: user name and password");
            table_row(out, &[1], "", "version", "1, that of RFC 1929");
            let (user, password) = rest.split_first().map_or((rest, rest), |(&length, rest)| {
                rest.split_at_checked(usize::from(length)).unwrap_or((rest, &[]))
            });
            secret(out, "user", user, secrets);
            secret(out, "password", password.get(1..).unwrap_or_default(), secrets);
            Ok(Next::Message(Message::Connect))
        }
        (Message::Authentication, Role::Server, &[version, status]) => {
            title(out, from, "SOCKS5: the response to user name and password");
            table_row(out, &[version], "", "version", "1, that of RFC 1929");
            // 1929-2-2
            table_row(out, &[status], "", "status", if status == 0 { "0: accepted" } else { "not 0: refused" });
            Ok(if status == 0 { Next::Message(Message::Connect) } else { Next::Refused })
        }
        (_, _, [version, code, reserved, rest @ ..]) => connect(out, from, [*version, *code, *reserved], rest),
        _ => Err("the message is incomplete".to_owned()),
    }
}

/// Formats the request to connect, or the reply to it. `rest` is the type of the address, the address, and the port.
fn connect(out: &mut String, from: Role, start: [u8; 3], rest: &[u8]) -> Result<Next, String> {
    let [version, code, reserved] = start;
    match from {
        Role::Client => title(out, from, "SOCKS5: the request"),
        Role::Server => title(out, from, "SOCKS5: the reply"),
    }
    table_row(out, &[version], "", "version", "5");
    match from {
        Role::Client if code == 1 => table_row(out, &[code], "", "command", "1: connect"),
        Role::Client => table_row(out, &[code], "", "command", "not 1, so not a connection"),
        Role::Server if code == 0 => table_row(out, &[code], "", "reply", "0: the proxy has connected to the server"),
        Role::Server => table_row(out, &[code], "", "reply", &ProxyErrorKind::Reply(code).to_string()),
    }
    table_row(out, &[reserved], "", "reserved", "");
    let (&[kind], rest) = rest.split_at_checked(1).unwrap_or_default() else { return Ok(Next::Refused) };
    let (address, port) = rest.split_at_checked(rest.len().saturating_sub(2)).unwrap_or_default();
    address_rows(out, kind, address);
    let number = port.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    table_row(out, port, "", "port", &number.to_string());
    Ok(if from == Role::Client || code == 0 { Next::Open } else { Next::Refused })
}

fn address_rows(out: &mut String, kind: u8, address: &[u8]) {
    let (note, text, bytes) = match (kind, address) {
        (1, _) => ("1: IPv4", <[u8; 4]>::try_from(address).map(|ip| Ipv4Addr::from(ip).to_string()), address),
        (4, _) => ("4: IPv6", <[u8; 16]>::try_from(address).map(|ip| Ipv6Addr::from(ip).to_string()), address),
        (_, [_, name @ ..]) => ("3: a name, which the proxy resolves", Ok(ascii(name, NAME_WIDTH)), name),
        (_, []) => ("3: a name", Ok(String::new()), address),
    };
    table_row(out, &[kind], "", "type", note);
    if let (3, &[length, ..]) = (kind, address) {
        table_row(out, &[length], "", "length", &count(u64::from(length), "byte"));
    }
    let mut text = text.unwrap_or_default();
    for part in bytes.chunks(BYTES) {
        table_row(out, part, "", if text.is_empty() { "" } else { "address" }, &text);
        text.clear();
    }
}

/// A row for a user name or a password.
fn secret(out: &mut String, name: &str, value: &[u8], secrets: Secrets) {
    match secrets {
        Secrets::Hidden => table_row(out, &[], "", name, "(not shown)"),
        Secrets::Shown => table_row(out, &[], "", name, &ascii(value, NAME_WIDTH)),
    }
}

fn method_name(method: u8) -> &'static str {
    match method {
        0x00 => "0: no authentication",
        0x01 => "1: GSSAPI",
        0x02 => "2: user name and password",
        0xFF => "ff: none of the methods is acceptable",
        _ => "another method",
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::Explainer;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n\x81\x80\0\0\0\0";
    const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00";

    /// The output, after a check that it does not depend on how the bytes are split, and fits the width.
    fn explain(explainer: fn() -> Explainer, parts: &[&[u8]]) -> String {
        let bytes = parts.concat();
        let whole = explainer().feed(&bytes);
        for max in [1, 2, 3, 7] {
            let mut split = explainer();
            let pieces: String = bytes.chunks(max).map(|piece| split.feed(piece)).collect();
            assert_eq!(pieces, whole, "in pieces of {max}");
        }
        for line in whole.lines() {
            assert!(line.len() <= 100 && line.trim_end() == line, "{line:?}");
        }
        whole
    }

    #[track_caller]
    fn has(text: &str, lines: &[&str]) {
        let mut rest = text;
        for line in lines {
            let at = rest.find(line).unwrap_or_else(|| panic!("no {line:?} in order in {text}"));
            rest = &rest[at + line.len()..];
        }
    }

    const HTTP_CLIENT: fn() -> Explainer = || Explainer::client().through_http_proxy();
    const HTTP_PROXY: fn() -> Explainer = || Explainer::server().through_http_proxy();
    const SOCKS_CLIENT: fn() -> Explainer = || Explainer::client().through_socks5();
    const SOCKS_PROXY: fn() -> Explainer = || Explainer::server().through_socks5();

    /// 9110-9.3.6-1, 9110-9.3.6-3
    #[test]
    fn http_tunnels() {
        let connect = b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nProxy-Authorization: Basic QWxhZGRpbjpzZXNhbWU=\r\n\r\n";
        let text = explain(HTTP_CLIENT, &[connect, REQUEST]);
        has(
            &text,
            &[
                "client -> proxy  The request for a tunnel\n    CONNECT h:80 HTTP/1.1 ",
                "the same host and port\n    Proxy-Authorization: (not shown) ",
                "credentials for the proxy",
                "end of the head; the tunnel begins after",
                "client -> server  Opening handshake: the request\n    GET / HTTP/1.1 ",
                "client -> server  Text frame with 0 bytes",
            ],
        );
        assert!(!text.contains("QWxh"), "{text}");
        let shown = explain(|| HTTP_CLIENT().with_secrets(), &[connect]);
        has(&shown, &["client -> proxy", "Proxy-Authorization: Basic QWxhZGRpbjpzZXNhbWU="]);
        let hidden = explain(HTTP_CLIENT, &[b"CONNECT user:S3cret@h:80 HTTP/1.1\r\n"]);
        assert!(!hidden.contains("S3cret"), "{hidden}");

        let interim = b"HTTP/1.1 102 Processing\r\n\r\n";
        let text = explain(HTTP_PROXY, &[interim, b"HTTP/1.1 200 Connection established\r\n\r\n", RESPONSE]);
        has(
            &text,
            &[
                "proxy -> client  The response\n    HTTP/1.1 102",
                "an interim response",
                "    HTTP/1.1 200 Connection established ",
                "2xx: the proxy has connected to the server",
                "server -> client  Opening handshake: the response",
                "server -> client  Text frame with 0 bytes",
            ],
        );
        let text = explain(HTTP_PROXY, &[b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n\r\nbody"]);
        has(&text, &["not 2xx: the proxy has not connected", "the credentials that the proxy requires", "not parsed."]);
        let text = explain(HTTP_PROXY, &[b"SSH-2.0\r\n\r\n"]);
        has(&text, &["proxy -> client  Invalid message", "BROKEN RULE  Line 1: "]);
    }

    /// 1928-3-1, 1928-5-1, 1928-6-1, 1929-2-1, 1929-2-2
    #[test]
    fn socks5_with_a_password() {
        let login = b"\x01\x05alice\x06S3cret";
        let client = [b"\x05\x02\x00\x02", &login[..], b"\x05\x01\x00\x03\x0bexample.com\x00\x50", REQUEST];
        let text = explain(SOCKS_CLIENT, &client);
        has(
            &text,
            &[
                "client -> proxy  SOCKS5: the methods of authentication\n    05 ",
                "number    2 methods",
                "0: no authentication",
                "2: user name and password",
                "SOCKS5: user name and password\n    01 ",
                "user      (not shown)",
                "password  (not shown)",
                "client -> proxy  SOCKS5: the request",
                "command   1: connect",
                "type      3: a name, which the proxy resolves",
                "length    11 bytes",
                "65 78 61 6d 70 6c 65 2e             address   example.com\n    63 6f 6d\n",
                "00 50                               port      80",
                "client -> server  Opening handshake: the request",
                "client -> server  Text frame with 0 bytes",
            ],
        );
        assert!(!text.contains("alice") && !text.contains("53 33"), "{text}");
        has(&explain(|| SOCKS_CLIENT().with_secrets(), &client), &["user      alice", "password  S3cret"]);

        let proxy = [b"\x05\x02\x01\x00", &b"\x05\x00\x00\x04"[..], &[0; 15], b"\x01\x00\x50", RESPONSE];
        has(
            &explain(SOCKS_PROXY, &proxy),
            &[
                "proxy -> client  SOCKS5: the selected method",
                "SOCKS5: the response to user name and password",
                "status    0: accepted",
                "SOCKS5: the reply",
                "reply     0: the proxy has connected to the server",
                "type      4: IPv6",
                "address   ::1",
                "server -> client  Opening handshake: the response",
                "server -> client  Text frame with 0 bytes",
            ],
        );
    }

    /// 1928-3-3, 1928-6-1, 1929-2-2
    #[test]
    fn socks5_that_refuses_or_is_invalid() {
        type Row = (fn() -> Explainer, &'static [u8], &'static str);
        let rows: [Row; 10] = [
            (SOCKS_PROXY, b"\x05\xff", "ff: none of the methods is acceptable"),
            (SOCKS_PROXY, b"\x05\x02\x01\x01", "not 0: refused"),
            (SOCKS_PROXY, b"\x05\x00\x05\x05\x00\x01\x7f\x00\x00\x01\x00\x50", "refused"),
            (SOCKS_PROXY, b"\x04", "BROKEN RULE  the version is 4, not 5 (RFC 1928)."),
            (SOCKS_PROXY, b"\x05\x02\x05", "the version is 5, not 1 (RFC 1929 section 2)."),
            (SOCKS_PROXY, b"\x05\x00\x04", "the version is 4, not 5 (RFC 1928)."),
            (SOCKS_PROXY, b"\x05\x00\x05\x00\x00\x09", "the type of the address, 9, is not 1, 3 or 4."),
            (SOCKS_CLIENT, b"\x05\x00\x04", "the version is 4, not 5 (RFC 1928)."),
            (HTTP_CLIENT, b"CONNECT h:80 HTTP/1.1\r\n folded\r\n", "BROKEN RULE  Line 2: "),
            (SOCKS_CLIENT, b"GET", "the version is 71, not 5 (RFC 1928)."),
        ];
        for (explainer, bytes, what) in rows {
            let text = explain(explainer, &[bytes, RESPONSE]);
            has(&text, &[what, "not parsed.\n"]);
            assert!(text.ends_with("not parsed.\n") && !text.contains("HTTP/1.1 101"), "{text}");
        }
        assert!(
            !explain(HTTP_CLIENT, &[b"CONNECT h:80 HTTP/1.1\r\n folded"]).contains("Invalid message"),
            "a title in line 2"
        );
    }

    #[test]
    fn socks5_with_methods_and_commands_that_stdws_does_not_use() {
        has(&explain(SOCKS_PROXY, &[b"\x05\x01"]), &["the selected method", "1: GSSAPI"]);
        has(&explain(SOCKS_PROXY, &[b"\x05\x07"]), &["the selected method", "another method"]);
        let bind = b"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50";
        has(&explain(SOCKS_CLIENT, &[bind]), &["not 1, so not a connection", "127.0.0.1", "80"]);
    }

    #[test]
    fn random_bytes_do_not_panic() {
        let mut seed = 1_u32;
        for round in 0..2000 {
            let noise = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8 & if seed & 3 == 0 { 0x05 } else { 0xFF }
            });
            let mut bytes: Vec<u8> = noise.take(64).collect();
            bytes[..2].copy_from_slice(&[5, [0, 1, 2, 0xFF][round % 4]]);
            explain([SOCKS_CLIENT, SOCKS_PROXY, HTTP_CLIENT, HTTP_PROXY][round % 4], &[&bytes]);
        }
    }

    /// What calls these functions has counted the bytes. Without them they say so, or show nothing.
    #[test]
    fn bytes_that_are_missing_cause_no_panic() {
        use super::*;
        let mut out = String::new();
        assert!(matches!(length(&[], Role::Client, Message::Method), Ok(None)));
        assert!(matches!(connect(&mut out, Role::Client, [5, 1, 0], &[]), Ok(Next::Refused)));
        assert!(!out.contains("type"), "{out}");
        out.clear();
        assert!(show(&[], Role::Client, Message::Connect, Secrets::Hidden, &mut out).is_err());
        crate::explain::frame::header(&mut out, &[], Role::Client, None, false);
        assert_eq!(out, "");
        address_rows(&mut out, 3, &[]);
        assert!(out.contains("3: a name") && !out.contains("length"), "{out}");
    }
}
