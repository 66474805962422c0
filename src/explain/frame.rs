//! The words for a frame (RFC 6455 section 5.2): every byte in hexadecimal, its bits, the name of the part, what it says.
//!
//! Knows how a frame looks; leaves the judgement to `wire`. So what is drawn here is the bytes themselves, also those of
//! a header that breaks a rule, up to where it does.

use super::layout::{count, hex, quoted, row, WIDTH};
use crate::close::CloseCode;
use crate::codec::frame::{Header, Opcode, Role};
use crate::codec::mask;
use crate::error::ProtocolError;
use crate::explain::{Inflated, MessageProgress, PayloadProgress};
use crate::message::MessageKind;

/// Where the notes begin, and how wide the column of bytes is: the eight of a long length.
const NOTE: usize = 50;
pub(crate) const BYTES: usize = 8;

/// How many bytes of a payload are shown.
pub(crate) const SHOWN: usize = 32;

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

/// The line above a frame.
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
        (Opcode::Data(_), true) => ", a whole message",
        (Opcode::Data(_), false) => ", the first frame of a message",
        (Opcode::Continuation, true) => ", the last frame of the message",
        (Opcode::Continuation, false) => ", the message goes on",
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) if message.is_some() => ", between the frames of a message",
        (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => "",
    };
    let (size, packed) = (count(header.length, "byte"), if header.rsv1 { ", compressed" } else { "" });
    out.push_str(&format!("\n{}  {opcode} frame with {size}{place}{packed}\n", arrow(from)));
}

/// The rows for a header, or for as much of it as there is.
pub(crate) fn header(out: &mut String, bytes: &[u8], from: Role, message: Option<&MessageProgress>, compression: bool) {
    let mut rest = bytes;
    let mut take = |most: usize| {
        let (taken, left) = rest.split_at(most.min(rest.len()));
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
        (Role::Server, false) => "a server masks nothing",
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
        table_row(out, key, "", "key", "random, and new for every frame");
    }
}

/// The rows for a length: the low bits of the second byte, and the bytes that `take` gives of those behind it.
pub(crate) fn length<'a>(out: &mut String, short: u8, take: &mut impl FnMut(usize) -> &'a [u8]) {
    let (size, note) = match short {
        126 => (2, "126: see the next 2 bytes".to_string()),
        127 => (8, "127: see the next 8 bytes".to_string()),
        short => (0, format!("{}, small enough for these 7 bits", count(short.into(), "byte"))),
    };
    table_row(out, &[], &format!(".{:03b} {:04b}", short >> 4, short & 0xF), "length", &note);
    let long = take(size);
    if !long.is_empty() {
        let length = long.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        let note = if long.len() == size { count(length, "byte") } else { "not all of it is here".into() };
        table_row(out, long, "", "length", &format!("{note}, the highest byte first"));
    }
}

fn first_byte(out: &mut String, first: u8, message: Option<&MessageProgress>, compression: bool) {
    let (fin, reserved, opcode) = (first >> 7, first >> 4 & 0x7, first & 0xF);
    let fin_note = match fin {
        0 => "0: the message goes on in another frame",
        _ if opcode >= 8 => "1: as in every control frame",
        _ => "1: the message ends with this frame",
    };
    table_row(out, &[first], &format!("{fin}... ...."), "FIN", fin_note);
    let reserved_note = match (reserved, opcode) {
        (0, _) if !compression => "0: for extensions, and none is in use",
        (0, 0) if message.is_some_and(|message| message.compressed) => "0: the first frame said: compressed",
        (0, 0..=7) => "0: this message is not compressed",
        (0, _) => "0: a control frame is never compressed",
        // 7692-6.1-3
        (0b100, 1 | 2) if compression => "RSV1 is 1: the message is compressed",
        (_, _) => "not 0",
    };
    table_row(out, &[], &format!(".{reserved:03b} ...."), "RSV1-3", reserved_note);
    let opcode_note = match (opcode, message.map(|message| message.kind)) {
        (0, Some(MessageKind::Text)) => "0: continues the text",
        (0, Some(MessageKind::Binary)) => "0: continues the binary message",
        (0, None) => "0: continuation",
        (1, _) => "1: text, in UTF-8",
        (2, _) => "2: binary, whatever bytes",
        (8, _) => "8: Close, a control frame",
        (9, _) => "9: Ping, a control frame: are you there?",
        (10, _) => "a: Pong, a control frame: yes, and the same bytes",
        (3..=7, _) => "reserved for data frames of the future",
        (_, _) => "reserved for control frames of the future",
    };
    table_row(out, &[], &format!(".... {opcode:04b}"), "opcode", opcode_note);
}

/// The rows for what was seen of a payload.
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
    let more = payload.done - shown.len() as u64;
    if more > 0 && !(is_close && payload.header.key.is_none()) {
        table_row(out, &[], "", "...", &format!("and {} more", count(more, "byte")));
    }
    if payload.compressed {
        return inflated(out, payload);
    }
    if payload.is_text && !shown.is_empty() {
        text(out, &[], "text", shown);
    }
}

/// 7692-6.2-1: what a compressed payload stands for.
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
    let more = done - plain.len() as u64;
    if more > 0 {
        table_row(out, &[], "", "...", &format!("and {} more", count(more, "byte")));
    }
}

/// 6455-5.3-s1: what travels, the key, and what it comes to.
pub(crate) fn masked_payload(out: &mut String, plain: &[u8], key: [u8; 4], compressed: bool) {
    let gives = if compressed { "what that gives, compressed" } else { "what that gives" };
    for (at, plain) in plain.chunks(BYTES).enumerate() {
        let mut bytes = plain.to_vec();
        mask::apply(&mut bytes, key);
        let keys: Vec<u8> = key.iter().copied().cycle().take(plain.len()).collect();
        let note = |note: &'static str| if at == 0 { note } else { "" };
        table_row(out, &bytes, "", "masked", note("the payload as it travels"));
        table_row(out, &keys, "", "XOR key", note("the key, over and over"));
        table_row(out, plain, "", "payload", note(gives));
    }
}

/// Text in as many rows as it takes; the first has the bytes.
pub(crate) fn text(out: &mut String, bytes: &[u8], name: &str, text: &[u8]) {
    for (at, line) in quoted(text, WIDTH - NOTE).iter().enumerate() {
        // Not through `row`, which would take the spaces of the text for gaps between words.
        let (bytes, name) = if at == 0 { (hex(bytes), name) } else { (String::new(), "") };
        let left = format!("    {bytes:<23}  {:<9}  {name:<8}", "");
        out.push_str(&format!("{left:<NOTE$}{line}\n"));
    }
}

/// The body of a Close: a code and a reason (RFC 6455 section 5.5.1). Bytes that were shown unmasked are not repeated.
pub(crate) fn close(out: &mut String, payload: &PayloadProgress) {
    let Some((code, reason)) = payload.plain.split_first_chunk::<2>() else {
        return table_row(out, &payload.plain, "", "", "no code and no reason");
    };
    let number = CloseCode::new(u16::from_be_bytes(*code));
    table_row(out, code, "", "code", &format!("{number}: {}", meaning(number)));
    let shown = reason.get(..SHOWN).unwrap_or(reason);
    let mut rows = match payload.header.key {
        Some(_) => [].chunks(BYTES),
        None => shown.chunks(BYTES),
    };
    if !shown.is_empty() {
        text(out, rows.next().unwrap_or_default(), "reason", shown);
    }
    for bytes in rows {
        table_row(out, bytes, "", "", "");
    }
    let more = (reason.len() - shown.len()) as u64;
    if more > 0 {
        table_row(out, &[], "", "...", &format!("and {} more", count(more, "byte")));
    }
}

/// RFC 6455 section 7.4.1, and the registry that goes on from there.
pub(crate) fn meaning(code: CloseCode) -> &'static str {
    match code.as_u16() {
        1000 => "normal, all is done",
        1001 => "going away",
        1002 => "the other side broke the protocol",
        1003 => "a kind of message that is not taken",
        1005 => "no code was there; must not travel",
        1006 => "no Close came; must not travel",
        1007 => "a payload that is not what it should be, such as text not in UTF-8",
        1008 => "against a policy",
        1009 => "a message too big",
        1010 => "the server lacks an extension that is needed",
        1011 => "the server met something unexpected",
        1012 => "the service restarts",
        1013 => "try again later",
        1014 => "a gateway had no good answer",
        1015 => "TLS failed; must not travel",
        3000..=3999 => "registered by a library or an application",
        4000..=4999 => "private to the application",
        _ => "not defined",
    }
}

/// The last line of a message that came in several frames.
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

/// Which rule was broken, and what becomes of the connection.
pub(crate) fn broken_rule(out: &mut String, violation: ProtocolError) {
    row(out, "    BROKEN RULE", 17, &format!("{violation}."));
    let code = violation.close_code();
    row(out, "", 17, &format!("The connection fails with Close {code}. What follows is not parsed."));
}
