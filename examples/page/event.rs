//! The events of the page as JSON (RFC 8259), one object each. `page.js` lists the fields of each.

use std::fmt::Write;
use std::time::Duration;

use stdws::codec::frame::Role;
use stdws::explain::Explainer;
use stdws::{MessageKind, ProtocolError};

use super::lane::Frame;

/// Whether values that may be secrets are in the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Hidden,
    // `tour` has none.
    #[allow(dead_code)]
    Shown,
}

/// The fields that all events of a connection begin with.
pub(crate) fn start(event: &str, connection: u64, at: Duration) -> String {
    format!("{{\"event\":\"{event}\",\"connection\":{connection},\"at\":{:.3}", at.as_secs_f64() * 1000.0)
}

pub(crate) fn side(from: Role) -> &'static str {
    match from {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// A head, explained by the library, which hides what may be a secret.
pub(crate) fn head(out: &mut String, from: Role, head: &[u8], secrets: Secrets) {
    let explainer = match from {
        Role::Client => Explainer::client(),
        Role::Server => Explainer::server(),
    };
    let text = match secrets {
        Secrets::Hidden => explainer,
        Secrets::Shown => explainer.with_secrets(),
    }
    .feed(head);
    let wire = match secrets {
        Secrets::Hidden => without_secrets(head, &text),
        Secrets::Shown => head.to_vec(),
    };
    let _ = write!(
        out,
        ",\"side\":\"{}\",\"bytes\":{},\"text\":{},\"wire\":\"{}\"",
        side(from),
        head.len(),
        json(text.trim_start_matches('\n')),
        hex(&wire)
    );
}

/// The head with an `x` for each character of a line that the explanation does not show as it is, so that no position changes.
/// The names of fields stay.
pub(crate) fn without_secrets(head: &[u8], explanation: &str) -> Vec<u8> {
    let shown = |line: &str| {
        explanation
            .lines()
            .any(|row| row.trim_start().strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    };
    let mut out = Vec::with_capacity(head.len());
    for (number, line) in head.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let content = line.trim_ascii_end();
        let name = match number {
            0 => content.iter().position(|&byte| matches!(byte, b'?')).unwrap_or(content.len()),
            _ => content.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1),
        };
        if std::str::from_utf8(content).is_ok_and(shown) {
            out.extend_from_slice(line);
            continue;
        }
        // The version behind the target of a request stays as well.
        let last = content.iter().rposition(|&byte| byte == b' ').filter(|_| number == 0).unwrap_or(content.len());
        out.extend(line.iter().enumerate().map(|(at, &byte)| match at {
            _ if at < name || at >= last || byte == b' ' => byte,
            _ => b'x',
        }));
    }
    out
}

/// The fields of a frame. `closing` is the phase of the closing handshake after it.
pub(crate) fn frame(out: &mut String, from: Role, frame: &Frame, closing: &str) {
    let judgement = &frame.judgement;
    let kind = match judgement.kind {
        Some(MessageKind::Text) => "\"text\"",
        Some(MessageKind::Binary) => "\"binary\"",
        None => "null",
    };
    let _ = write!(
        out,
        ",\"side\":\"{}\",\"header\":\"{}\",\"length\":\"{}\",\"received\":{},\"wire\":\"{}\",\"message\":{kind}",
        side(from),
        hex(&frame.header),
        // As a string: a number of JavaScript is exact up to 2^53 only.
        frame.length,
        frame.received,
        hex(&frame.wire)
    );
    match judgement.compressed {
        true => {
            let (plain, length) = (hex(&judgement.inflated), judgement.inflated_length);
            let _ = write!(out, ",\"inflated\":\"{plain}\",\"inflatedLength\":{length}");
        }
        false => out.push_str(",\"inflated\":null"),
    }
    let _ = write!(out, ",\"closing\":\"{closing}\"");
    violation(out, judgement.violation.as_ref());
}

/// What a strict peer says: the text of the library, the requirement, the close code.
pub(crate) fn violation(out: &mut String, violation: Option<&ProtocolError>) {
    let _ = match violation {
        None => write!(out, ",\"violation\":null"),
        Some(error) => write!(
            out,
            ",\"violation\":{{\"text\":{},\"rule\":\"{}\",\"code\":{}}}",
            json(&error.to_string()),
            error.requirement(),
            error.close_code().as_u16()
        ),
    };
}

/// Bytes in hexadecimal, without spaces.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // Called for every byte that passes.
    let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or('?');
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 0x0F)]).collect()
}

/// A string of JSON with its quotes.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
