//! The rows for the opening handshake (RFC 6455 section 4) and for CONNECT: each line of a head, and its meaning.
//!
//! Formats header fields and does not validate them: `handshake::http` does. A line appears only after that parser has
//! accepted it. A rejected line is not shown, because it may contain a secret that cannot be recognized.

use std::borrow::Cow;

use super::frame::arrow;
#[cfg(feature = "proxy")]
use super::frame::tunnel_arrow;
use super::layout::{ascii, row, WIDTH};
use crate::codec::frame::Role;
use crate::config::Limits;
use crate::error::HeadErrorKind;
use crate::handshake::header;
use crate::handshake::http::{Head, HeadParser, Progress};
use crate::handshake::server::{accept_key, is_key};
#[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
use crate::legacy::explain::context::DraftContext;
use crate::redact;

/// Column of the notes. The line with `Sec-WebSocket-Accept` is as wide as the columns before it.
const NOTE: usize = 56;

/// Name of the extension of RFC 7692.
const COMPRESSION: &str = "permessage-deflate";

/// Parses and formats one head. It has no `Debug`, because its bytes may be secrets.
pub(crate) struct HeadRenderer {
    parser: HeadParser,
    /// The bytes of the incomplete line. The parser fails before they exceed the limit of the head.
    line: Vec<u8>,
    lines: u32,
    secrets: Secrets,
    purpose: Purpose,
    #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
    draft: Option<DraftContext>,
}

/// What a head is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    OpeningHandshake,
    /// CONNECT (RFC 9110 section 9.3.6).
    #[cfg(feature = "proxy")]
    Tunnel,
}

/// Whether values that may be secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Hidden,
    Shown,
}

/// Progress of a head after one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadProgress {
    More,
    /// The head is complete. `status` is 0 for a request; `compression` is true if the head names permessage-deflate.
    Done {
        status: u16,
        compression: bool,
    },
}

impl HeadRenderer {
    pub(crate) fn new(from: Role, secrets: Secrets, limits: Limits) -> HeadRenderer {
        let parser = match from {
            Role::Client => HeadParser::request(),
            Role::Server => HeadParser::response(),
        };
        HeadRenderer {
            parser: parser.limits(limits),
            line: Vec::new(),
            lines: 0,
            secrets,
            purpose: Purpose::OpeningHandshake,
            #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
            draft: None,
        }
    }

    /// Formats the request to an HTTP proxy, or its response.
    #[cfg(feature = "proxy")]
    pub(super) fn for_tunnel(mut self) -> HeadRenderer {
        self.purpose = Purpose::Tunnel;
        self
    }

    /// Formats the head of a draft.
    #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
    pub(crate) fn with_draft(mut self, draft: Option<DraftContext>) -> HeadRenderer {
        self.draft = draft;
        self
    }

    /// Processes one byte, and formats the line that ends with it.
    pub(crate) fn feed(&mut self, byte: u8, from: Role, out: &mut String) -> Result<HeadProgress, HeadErrorKind> {
        let progress = self.parser.feed(&[byte])?;
        match byte {
            b'\n' => {
                match self.lines {
                    // Before a request (RFC 9112 section 2.2).
                    0 if self.line.is_empty() => return Ok(HeadProgress::More),
                    0 => self.start_line(from, out),
                    // What continues a field may be a part of its secret, and a line that is skipped may be one.
                    _ if matches!(self.line.as_slice(), [b' ' | b'\t', ..]) && self.parser.ends_with_field() => {
                        row(out, "    ...", NOTE, "continues the field before (RFC 9112 section 5.2)");
                    }
                    _ if !self.line.is_empty() && !self.parser.ends_with_field() => {
                        row(out, "    (a line that is not shown)", NOTE, "not a field; skipped in a rejection");
                    }
                    _ => field(&self.line, self.secrets, out, |name, value| self.note(from, name, value)),
                }
                self.lines = self.lines.saturating_add(1);
                self.line.clear();
            }
            b'\r' => {}
            _ => self.line.push(byte),
        }
        match progress {
            Progress::More => Ok(HeadProgress::More),
            Progress::Done { .. } => {
                let parser = std::mem::replace(&mut self.parser, HeadParser::request());
                let head = parser.finish();
                #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
                if let Some((draft, head)) = self.draft.as_ref().zip(head.as_ref()) {
                    draft.record_head(head);
                }
                let compression = head.as_ref().is_some_and(names_compression);
                Ok(HeadProgress::Done { status: head.map_or(0, |head| head.status()), compression })
            }
        }
    }

    fn start_line(&self, from: Role, out: &mut String) {
        match self.purpose {
            Purpose::OpeningHandshake => start_line(&self.line, from, self.secrets, out),
            #[cfg(feature = "proxy")]
            Purpose::Tunnel => tunnel_line(&self.line, from, self.secrets, out),
        }
    }

    /// The meaning of a header field, or of the empty line, whose name is empty.
    fn note(&self, from: Role, name: &str, value: &[u8]) -> String {
        #[cfg(feature = "proxy")]
        if self.purpose == Purpose::Tunnel {
            return tunnel_note(from, name).to_owned();
        }
        #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
        if let Some(note) = self.draft.as_ref().and_then(|draft| draft.note(from, name, value)) {
            return note;
        }
        match from {
            Role::Client => request_note(name, value),
            Role::Server => response_note(name, value),
        }
    }

    /// Whether a byte of the head has been processed.
    pub(crate) fn has_begun(&self) -> bool {
        self.lines > 0 || !self.line.is_empty()
    }

    /// Number of the current line, from 1.
    pub(crate) fn line_number(&self) -> u32 {
        self.lines.saturating_add(1)
    }
}

/// 7692-4-2
fn names_compression(head: &Head) -> bool {
    let list = header::extensions(head.get_all("Sec-WebSocket-Extensions"));
    list.is_ok_and(|list| list.iter().any(|extension| extension.name == COMPRESSION))
}

/// The row for an invalid line, which itself is not shown.
pub(crate) fn broken_rule(out: &mut String, from: Role, line: u32, kind: HeadErrorKind) {
    if line == 1 {
        out.push_str(&format!("\n{}  Opening handshake\n", arrow(from)));
    }
    row(out, "    BROKEN RULE", 17, &format!("Line {line}: {kind}. What follows is not parsed."));
}

fn start_line(line: &[u8], from: Role, secrets: Secrets, out: &mut String) {
    let what = match from {
        Role::Client => "request",
        Role::Server => "response",
    };
    out.push_str(&format!("\n{}  Opening handshake: the {what}\n", arrow(from)));
    match from {
        Role::Client => {
            let text = match secrets {
                Secrets::Hidden => ascii(&without_secrets(line), WIDTH - 4),
                Secrets::Shown => ascii(line, WIDTH - 4),
            };
            row(out, &format!("    {text}"), NOTE, "the path and query name the resource");
        }
        Role::Server => {
            let note = match line.get(8..12) {
                Some(b" 101") => "accepted: WebSocket frames follow",
                Some([b' ', b'1', ..]) => "an interim response; the final one follows",
                Some(_) | None => "not 101: no WebSocket connection",
            };
            let (start, reason) = line.split_at_checked(13).unwrap_or((line, b""));
            let reason = match secrets {
                Secrets::Hidden => redact::words(std::str::from_utf8(reason).unwrap_or(redact::NOT_SHOWN)).as_bytes(),
                Secrets::Shown => reason,
            };
            row(out, &format!("    {}", ascii(&[start, reason].concat(), WIDTH - 4)), NOTE, note);
        }
    }
}

/// The request line, with what is shown of its target.
fn without_secrets(line: &[u8]) -> Vec<u8> {
    let mut parts = line.split(|&b| b == b' ');
    let (method, target, version) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
    let shown = redact::url(&String::from_utf8_lossy(target));
    let method = std::str::from_utf8(method.unwrap_or_default()).map_or(redact::NOT_SHOWN, redact::words);
    [method.as_bytes(), shown.as_bytes(), version.unwrap_or_default()].join(&b' ')
}

fn field(line: &[u8], secrets: Secrets, out: &mut String, note: impl Fn(&str, &[u8]) -> String) {
    // Only the empty line has no colon: the parser rejects all others.
    let Some(colon) = line.iter().position(|&b| b == b':') else {
        return row(out, "    (empty line)", NOTE, &note("", b""));
    };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let shown = match secrets {
        Secrets::Hidden => redact::header_value(&lower, value),
        Secrets::Shown => Cow::Borrowed(value),
    };
    if *shown == *value {
        return row(out, &format!("    {}", ascii(line, WIDTH - 4)), NOTE, &note(&lower, value));
    }
    let left = ascii(&[name, b": ", &shown].concat(), WIDTH - 4);
    let note = match note(&lower, b"") {
        empty if empty.is_empty() => "may be a secret".to_owned(),
        note => note,
    };
    row(out, &format!("    {left}"), NOTE, &note);
}

fn request_note(name: &str, value: &[u8]) -> String {
    let note = match name {
        "" => "end of the head; frames follow after the response",
        "host" => "the host and port of the server",
        "upgrade" => "the protocol to switch to",
        "connection" => "Upgrade applies to this connection only",
        "sec-websocket-key" if is_key(value) => {
            let accept = accept_key(&String::from_utf8_lossy(value));
            return format!("16 random bytes in base64. The response has to contain {accept}");
        }
        "sec-websocket-key" => "invalid: not 16 bytes in base64",
        "sec-websocket-version" if value == b"13" => "the protocol of RFC 6455",
        "sec-websocket-version" => "not 13, so not the protocol of RFC 6455",
        "sec-websocket-protocol" => "subprotocols of the client, in order of preference",
        "sec-websocket-extensions" => "extensions that the client supports",
        "origin" => "the origin of the web page; sent by browsers",
        _ => "",
    };
    note.into()
}

fn response_note(name: &str, value: &[u8]) -> String {
    let note = match name {
        "" => "end of the head",
        "upgrade" => "the protocol after this head",
        "connection" => "Upgrade applies to this connection only",
        "sec-websocket-accept" => {
            "base64 of SHA-1 of the client's key followed by 258EAFA5-E914-47DA-95CA-C5AB0DC85B11: \
             proves that the server supports WebSocket"
        }
        "sec-websocket-version" => "the versions that the server supports",
        "sec-websocket-protocol" => "the selected subprotocol",
        "sec-websocket-extensions" if value.starts_with(COMPRESSION.as_bytes()) => {
            "messages may be compressed (RFC 7692)"
        }
        "sec-websocket-extensions" => "the extensions in use",
        _ => "",
    };
    note.into()
}

/// The start line of CONNECT, or of its response.
#[cfg(feature = "proxy")]
fn tunnel_line(line: &[u8], from: Role, secrets: Secrets, out: &mut String) {
    let (title, note) = match (from, line.get(8..12)) {
        (Role::Client, _) => ("The request for a tunnel", "the proxy connects to this host and port"),
        (Role::Server, Some([b' ', b'2', ..])) => ("The response", "2xx: the proxy has connected to the server"),
        // 101 is a final response.
        (Role::Server, Some([b' ', b'1', rest @ ..])) if rest != b"01" => {
            ("The response", "an interim response; the final one follows")
        }
        (Role::Server, _) => ("The response", "not 2xx: the proxy has not connected"),
    };
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let mut part = || String::from_utf8_lossy(parts.next().unwrap_or_default());
    let (first, second, third) = (part(), part(), part());
    let shown = match (secrets, from) {
        (Secrets::Shown, _) => ascii(line, WIDTH - 4),
        // A target with anything but a host and a port may hold a password.
        (Secrets::Hidden, Role::Client) => {
            ascii(format!("{} {} {third}", redact::words(&first), redact::host(&second)).as_bytes(), WIDTH - 4)
        }
        (Secrets::Hidden, Role::Server) => {
            ascii(format!("{first} {second} {}", redact::words(&third)).as_bytes(), WIDTH - 4)
        }
    };
    out.push_str(&format!(
        "
{}  {title}
",
        tunnel_arrow(from)
    ));
    row(out, &format!("    {shown}"), NOTE, note);
}

/// The meaning of a header field of CONNECT or its response. An empty name is the empty line.
#[cfg(feature = "proxy")]
fn tunnel_note(from: Role, name: &str) -> &'static str {
    match (from, name) {
        (Role::Client, "host") => "the same host and port",
        (Role::Client, "proxy-authorization") => "credentials for the proxy",
        (Role::Client, "") => "end of the head; the tunnel begins after a 2xx response",
        (Role::Server, "proxy-authenticate") => "the credentials that the proxy requires",
        (Role::Server, "content-length" | "transfer-encoding") => "ignored if the status is 2xx",
        (Role::Server, "") => "end of the head",
        _ => "",
    }
}
