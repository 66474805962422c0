//! The rows for a frame (RFC 6455 section 5.2): each byte in hexadecimal, its bits, the name of the field, its meaning.
//!
//! Formats bytes and does not validate them: `codec::frame` does. The rows of an invalid header end where it becomes
//! invalid.

use super::layout::{count, hex, quoted, row, WIDTH};
use super::state::{Inflated, MessageProgress, PayloadProgress, SHOWN};
use crate::close::CloseCode;
use crate::codec::frame::{Header, Opcode, Role};
use crate::codec::mask;
use crate::error::ProtocolError;
use crate::message::MessageKind;

/// Column of the notes.
const NOTE: usize = 50;
/// Number of bytes in a row: those of the longest length field.
pub(crate) const BYTES: usize = 8;

/// One row of the table.
pub(crate) fn table_row(out: &mut String, bytes: &[u8], bits: &str, name: &str, note: &str) {
    row(out, &format!("    {:<23}  {bits:<9}  {name:<8}", hex(bytes)), NOTE, note);
}

pub(crate) fn arrow(from: Role) -> &'static str {
    match from {
        Role::Client => "client -> server",
        Role::Server => "server -> client",
    }
}

/// The direction between a client and its proxy.
#[cfg(feature = "proxy")]
pub(crate) fn tunnel_arrow(from: Role) -> &'static str {
    match from {
        Role::Client => "client -> proxy",
        Role::Server => "proxy -> client",
    }
}

/// The title line of a frame.
pub(crate) fn title(out: &mut String, from: Role, header: &Header, message: Option<&MessageProgress>) {
    let opcode = match header.opcode {
        Opcode::Continuation => "Continuation",
        Opcode::Data(MessageKind::Text) => "Text",
        Opcode::Data(MessageKind::Binary) => "Binary",
        Opcode::Close => "Close",
        Opcode::Ping => "Ping",
        Opcode::Pong => "Pong",
    };
    let place = match (header.opcode, header.fin) {
        (Opcode::Data(_), true) => ", a complete message",
        (Opcode::Data(_), false) => ", the first frame of a message",
        (Opcode::Continuation, true) => ", the last frame of the message",
        (Opcode::Continuation, false) => ", more frames follow",
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) if message.is_some() => ", between the frames of a message",
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => "",
    };
    let (size, packed) = (count(header.length, "byte"), if header.rsv1 { ", compressed" } else { "" });
    out.push_str(&format!("\n{}  {opcode} frame with {size}{place}{packed}\n", arrow(from)));
}

/// The rows for a header, or for the part of it that has arrived.
pub(crate) fn header(out: &mut String, bytes: &[u8], from: Role, message: Option<&MessageProgress>, compression: bool) {
    let mut rest = bytes;
    let mut take = |max: usize| {
        let (taken, left) = rest.split_at(max.min(rest.len()));
        rest = left;
        taken
    };
    if let &[first] = take(1) {
        first_byte(out, first, message, compression);
    }
    let &[second] = take(1) else { return };
    let (masked, short) = (second & 0x80 != 0, second & 0x7F);
    let mask_note = match (from, masked) {
        (Role::Client, true) => "a client masks every frame",
        (Role::Client, false) => "not masked",
        (Role::Server, true) => "masked",
        (Role::Server, false) => "a server masks no frame",
    };
    table_row(
        out,
        &[second],
        &format!("{}... ....", u8::from(masked)),
        "MASK",
        &format!("{}: {mask_note}", u8::from(masked)),
    );
    length(out, short, &mut take);
    let key = take(4);
    if !key.is_empty() {
        table_row(out, key, "", "key", "random, different for every frame");
    }
}

/// The rows for a length: the low bits of the second byte, and the bytes after it that `take` returns.
pub(crate) fn length<'a>(out: &mut String, short: u8, take: &mut impl FnMut(usize) -> &'a [u8]) {
    let (size, note) = match short {
        126 => (2, "126: the next 2 bytes are the length".to_string()),
        127 => (8, "127: the next 8 bytes are the length".to_string()),
        short => (0, format!("{}, which fits in these 7 bits", count(short.into(), "byte"))),
    };
    table_row(out, &[], &format!(".{:03b} {:04b}", short >> 4, short & 0xF), "length", &note);
    let long = take(size);
    if !long.is_empty() {
        let length = long.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        let note = if long.len() == size { count(length, "byte") } else { "incomplete".into() };
        table_row(out, long, "", "length", &format!("{note}, most significant byte first"));
    }
}

fn first_byte(out: &mut String, first: u8, message: Option<&MessageProgress>, compression: bool) {
    let (fin, reserved, opcode) = (first >> 7, first >> 4 & 0x7, first & 0xF);
    let fin_note = match fin {
        0 => "0: more frames of this message follow",
        _ if opcode >= 8 => "1: as in every control frame",
        _ => "1: the message ends with this frame",
    };
    table_row(out, &[first], &format!("{fin}... ...."), "FIN", fin_note);
    let reserved_note = match (reserved, opcode) {
        (0, _) if !compression => "0: no extension is in use",
        (0, 0) if message.is_some_and(|message| message.compressed) => "0: only the first frame has RSV1",
        (0, 0..=7) => "0: this message is not compressed",
        (0, _) => "0: a control frame is never compressed",
        // 7692-6.1-3
        (0b100, 1 | 2) if compression => "RSV1 is 1: the message is compressed",
        (_, _) => "not 0",
    };
    table_row(out, &[], &format!(".{reserved:03b} ...."), "RSV1-3", reserved_note);
    let opcode_note = match (opcode, message.map(|message| message.kind)) {
        (0, Some(MessageKind::Text)) => "0: continues the text message",
        (0, Some(MessageKind::Binary)) => "0: continues the binary message",
        (0, None) => "0: continuation",
        (1, _) => "1: text, in UTF-8",
        (2, _) => "2: binary",
        (8, _) => "8: Close, a control frame",
        (9, _) => "9: Ping, a control frame; the peer answers with a Pong",
        (10, _) => "a: Pong, a control frame; it repeats the payload of a Ping",
        (3..=7, _) => "reserved for future data frames",
        (_, _) => "reserved for future control frames",
    };
    table_row(out, &[], &format!(".... {opcode:04b}"), "opcode", opcode_note);
}

/// The rows for the first bytes of a payload.
pub(crate) fn payload(out: &mut String, payload: &PayloadProgress) {
    let shown = payload.plain.get(..SHOWN).unwrap_or(&payload.plain);
    let is_close = payload.header.opcode == Opcode::Close;
    match payload.header.key {
        Some(key) => masked_payload(out, shown, key, payload.compressed),
        // The rows for code and reason show the bytes.
        None if is_close => {}
        None => {
            for (at, bytes) in shown.chunks(BYTES).enumerate() {
                let note = if at == 0 && payload.compressed { "compressed" } else { "" };
                table_row(out, bytes, "", if at == 0 { "payload" } else { "" }, note);
            }
        }
    }
    let more = payload.done.saturating_sub(shown.len() as u64);
    if more > 0 && !(is_close && payload.header.key.is_none()) {
        table_row(out, &[], "", "...", &format!("{} more", count(more, "byte")));
    }
    if payload.compressed {
        return inflated(out, payload);
    }
    if payload.is_text && !shown.is_empty() {
        text(out, &[], "text", shown);
    }
}

/// 7692-6.2-1: the decompressed payload.
fn inflated(out: &mut String, payload: &PayloadProgress) {
    let Inflated { plain, done } = &payload.inflated;
    let rows = if payload.is_text { &[][..] } else { plain };
    let mut rows = rows.chunks(BYTES);
    table_row(out, rows.next().unwrap_or_default(), "", "inflated", &count(*done, "byte"));
    for bytes in rows {
        table_row(out, bytes, "", "", "");
    }
    if payload.is_text && !plain.is_empty() {
        text(out, &[], "text", plain);
    }
    let more = done.saturating_sub(plain.len() as u64);
    if more > 0 {
        table_row(out, &[], "", "...", &format!("{} more", count(more, "byte")));
    }
}

/// 6455-5.3-s1: the bytes on the wire, the key, and the unmasked bytes.
pub(crate) fn masked_payload(out: &mut String, plain: &[u8], key: [u8; 4], compressed: bool) {
    let unmasked = if compressed { "unmasked, compressed" } else { "unmasked" };
    for (at, plain) in plain.chunks(BYTES).enumerate() {
        let mut bytes = plain.to_vec();
        mask::apply(&mut bytes, key);
        let keys: Vec<u8> = key.iter().copied().cycle().take(plain.len()).collect();
        let note = |note: &'static str| if at == 0 { note } else { "" };
        table_row(out, &bytes, "", "masked", note("the payload on the wire"));
        table_row(out, &keys, "", "XOR key", note("the key, repeated"));
        table_row(out, plain, "", "payload", note(unmasked));
    }
}

/// Text in one or more rows. The first row shows the bytes.
pub(crate) fn text(out: &mut String, bytes: &[u8], name: &str, text: &[u8]) {
    for (at, line) in quoted(text, WIDTH - NOTE).iter().enumerate() {
        // `row` would wrap at the spaces of the text.
        let (bytes, name) = if at == 0 { (hex(bytes), name) } else { (String::new(), "") };
        let left = format!("    {bytes:<23}  {:<9}  {name:<8}", "");
        out.push_str(&format!("{left:<NOTE$}{line}\n"));
    }
}

/// The rows for the body of a Close (RFC 6455 section 5.5.1). Bytes that are already shown unmasked are not repeated.
pub(crate) fn close(out: &mut String, payload: &PayloadProgress) {
    let Some((code, reason)) = payload.plain.split_first_chunk::<2>() else {
        return table_row(out, &payload.plain, "", "", "no code and no reason");
    };
    let number = CloseCode::new(u16::from_be_bytes(*code));
    table_row(out, code, "", "code", &format!("{number}: {}", meaning(number)));
    let shown = reason.get(..SHOWN).unwrap_or(reason);
    let rows = if payload.header.key.is_some() { &[] } else { shown };
    let mut rows = rows.chunks(BYTES);
    if !shown.is_empty() {
        text(out, rows.next().unwrap_or_default(), "reason", shown);
    }
    for bytes in rows {
        table_row(out, bytes, "", "", "");
    }
    let more = reason.len().saturating_sub(shown.len()) as u64;
    if more > 0 {
        table_row(out, &[], "", "...", &format!("{} more", count(more, "byte")));
    }
}

/// The meaning of a close code (RFC 6455 section 7.4.1 and the IANA registry).
pub(crate) fn meaning(code: CloseCode) -> &'static str {
    match code.as_u16() {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "message type not supported",
        1005 => "no code received; never sent",
        1006 => "no Close received; never sent",
        1007 => "invalid payload, for example text that is not UTF-8",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "the client requires an extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS handshake failed; never sent",
        3000..=3999 => "registered by a library or an application",
        4000..=4999 => "private to the application",
        _ => "not defined",
    }
}

/// The last row of a fragmented message.
pub(crate) fn message_end(out: &mut String, message: &MessageProgress) {
    let kind = match message.kind {
        MessageKind::Text => "text",
        MessageKind::Binary => "binary",
    };
    let (bytes, frames) = (count(message.bytes, "byte"), count(message.frames, "frame"));
    let inflated = match message.compressed {
        true => format!(", {} inflated", message.inflated),
        false => String::new(),
    };
    table_row(out, &[], "", "message", &format!("complete: {kind}, {bytes} in {frames}{inflated}"));
}

/// The rows for a violation and its effect.
pub(crate) fn broken_rule(out: &mut String, violation: ProtocolError) {
    row(out, "    BROKEN RULE", 17, &format!("{violation}."));
    let code = violation.close_code();
    row(out, "", 17, &format!("The connection fails with Close {code}. What follows is not parsed."));
}
