//! The rows for the frames of a draft, and for the bytes between a head and the first frame.
//!
//! Formats frames and does not validate them: [`FrameTracer`] does. The names of the fields come from the table.

use super::context::DraftContext;
use crate::close::CloseCode;
use crate::codec::frame::{Opcode, Role};
use crate::error::ProtocolError;
use crate::explain::frame::{arrow, masked_payload, meaning, table_row, text, BYTES};
use crate::explain::layout::{count, row};
use crate::explain::state::SHOWN;
use crate::legacy::frame_tracer::FrameTracer;
use crate::legacy::parts::{CloseMethod, FinalBit, Framing, LengthFraming, Masking};
use crate::message::MessageKind;

/// Maximum number of bytes stored of a frame: masking key, longest header, longest payload of a control frame.
const MAX_KEPT: usize = 4 + 14 + 125;

/// Formats what one peer sends after its head.
pub(crate) struct DraftFrameRenderer {
    context: DraftContext,
    from: Role,
    /// The received bytes after the head that belong to the handshake, and their number when all are there.
    trailer: Vec<u8>,
    trailer_len: usize,
    /// Created with the first byte of a frame, because hybi-04 needs both heads.
    tracer: Option<FrameTracer>,
    frame: PartialFrame,
    /// The message of which not all frames have arrived: its kind, number of bytes and number of frames.
    message: Option<(MessageKind, u64, u64)>,
    /// All further bytes are ignored.
    stopped: bool,
}

/// The first bytes of a frame, as sent and unmasked.
#[derive(Default)]
struct PartialFrame {
    wire_bytes: Vec<u8>,
    unmasked: Vec<u8>,
    bytes: u64,
}

impl DraftFrameRenderer {
    pub(crate) fn new(context: DraftContext, from: Role) -> DraftFrameRenderer {
        let (trailer_len, frame) = (context.trailer_len(from), PartialFrame::default());
        let trailer = Vec::new();
        DraftFrameRenderer { context, from, trailer, trailer_len, tracer: None, frame, message: None, stopped: false }
    }

    /// For input that begins with a frame.
    pub(crate) fn skip_trailer(&mut self) {
        self.trailer_len = 0;
    }

    pub(crate) fn feed(&mut self, byte: u8, out: &mut String) {
        if self.stopped {
            return;
        }
        if self.trailer.len() < self.trailer_len {
            self.trailer.push(byte);
            if self.trailer.len() == self.trailer_len {
                self.context.render_trailer(self.from, &self.trailer, out);
            }
            return;
        }
        if self.context.uses_deflate_stream() {
            out.push_str(&format!(
                "\n{}  deflate-stream: all further bytes are compressed and not parsed\n",
                arrow(self.from)
            ));
            self.stopped = true;
            return;
        }
        let to = match self.from {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let context = &self.context;
        let tracer = self.tracer.get_or_insert_with(|| FrameTracer::new(context.spec, to, context.masking_key()));
        match tracer.take(byte) {
            Ok(traced) => {
                self.frame.push(byte, traced.unmasked);
                if traced.ends_frame {
                    self.frame_end(out);
                    self.frame = PartialFrame::default();
                }
            }
            Err(violation) => {
                self.frame.push(byte, byte);
                self.broken_rule(violation, out);
            }
        }
    }

    fn frame_end(&mut self, out: &mut String) {
        match self.context.spec.framing {
            Framing::Sentinel => self.sentinel(out),
            Framing::Length(length) => self.length(&length, out),
        }
    }

    fn broken_rule(&mut self, violation: ProtocolError, out: &mut String) {
        out.push_str(&format!("\n{}  Invalid frame\n", arrow(self.from)));
        // A nonce and a header at most: a payload breaks no rule here.
        for bytes in self.frame.wire_bytes.chunks(BYTES) {
            table_row(out, bytes, "", "", "");
        }
        row(out, "    BROKEN RULE", 17, &format!("{violation}."));
        row(out, "", 17, "What follows is not parsed.");
        self.stopped = true;
    }

    // ── frames between 00 and ff ────────────────────────────────────────────────────────────────────────────────────

    fn sentinel(&mut self, out: &mut String) {
        let arrow = arrow(self.from);
        let Some((first, rest)) = self.frame.unmasked.split_first() else { return };
        let first = std::slice::from_ref(first);
        match (first, self.context.spec.close_method) {
            ([0x00], _) => {
                let length = self.frame.bytes.saturating_sub(2);
                out.push_str(&format!("\n{arrow}  Text frame with {}, a complete message\n", count(length, "byte")));
                table_row(out, first, "", "type", "00: text up to the next ff");
                let text = rest.strip_suffix(&[0xFF]).unwrap_or(rest);
                payload(out, text.get(..SHOWN).unwrap_or(text), length, Some(MessageKind::Text));
                table_row(out, &[0xFF], "", "end", "ff, a byte that never occurs in UTF-8");
            }
            ([0xFF], CloseMethod::Sentinel) if rest.last() == Some(&0) && rest.iter().all(|b| b & 0x7F == 0) => {
                out.push_str(&format!("\n{arrow}  Closing frame\n"));
                table_row(out, first, "", "type", "ff");
                table_row(out, rest, "", "length", "0: nothing is sent after this frame");
                self.stopped = true;
            }
            ([0x80..=0xFF], _) => {
                out.push_str(&format!("\n{arrow}  Ignored frame, {} in total\n", count(self.frame.bytes, "byte")));
                table_row(out, first, "", "type", "undefined; followed by a length and as many bytes");
            }
            _ => {
                out.push_str(&format!("\n{arrow}  Ignored frame, {} in total\n", count(self.frame.bytes, "byte")));
                table_row(out, first, "", "type", "undefined; ends with the next ff");
            }
        }
    }

    // ── frames with a length ────────────────────────────────────────────────────────────────────────────────────────

    fn length(&mut self, rules: &LengthFraming, out: &mut String) {
        let by_client = self.from == Role::Client;
        let whole = by_client && matches!(rules.masking, Masking::FrameBy20 | Masking::FrameBy4);
        let before = if whole { 4 } else { 0 };
        let (wire_bytes, unmasked) = (self.frame.wire_bytes.clone(), self.frame.unmasked.clone());
        let unmasked_frame = unmasked.get(before..).unwrap_or_default();
        let &[first, second, ..] = unmasked_frame else { return };
        let long: usize = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = by_client && rules.masking == Masking::Payload;
        // At most 14, and with the key before the frame 18.
        let header = long.saturating_add(if key { 6 } else { 2 });
        let start = before.saturating_add(header);
        let size = self.frame.bytes.saturating_sub(start as u64);
        let opcode = rules.opcodes.parse(first & 0xF);

        self.title(rules, (first, opcode), size, out);
        if whole {
            masked_header(out, rules, &self.context, &wire_bytes, start);
        }
        self.header(rules, unmasked_frame.get(..header).unwrap_or_default(), out);

        let body = unmasked_frame.get(header..).unwrap_or_default();
        let shown = body.get(..SHOWN).unwrap_or(body);
        let kind = self.begin(rules, (first, opcode), size);
        match (key, whole) {
            (true, _) => {
                let bytes = unmasked_frame.get(header.saturating_sub(4)..header).and_then(|key| key.first_chunk::<4>());
                masked_payload(out, shown, bytes.copied().unwrap_or_default(), false);
                rest(out, shown, size, kind.filter(|_| opcode != Some(Opcode::Close)));
            }
            (false, true) => {
                for (at, bytes) in
                    wire_bytes.get(start..).unwrap_or_default().chunks(BYTES).take(SHOWN / BYTES).enumerate()
                {
                    table_row(out, bytes, "", "masked", if at == 0 { "the payload on the wire" } else { "" });
                }
                payload(out, shown, size, kind);
            }
            (false, false) if opcode == Some(Opcode::Close) => {}
            (false, false) => payload(out, shown, size, kind),
        }
        match opcode {
            Some(Opcode::Close) => self.close(body, key || whole, out),
            _ => self.message_end(rules, (first, opcode), out),
        }
    }

    fn title(&self, rules: &LengthFraming, (first, opcode): (u8, Option<Opcode>), size: u64, out: &mut String) {
        let name = match opcode {
            Some(Opcode::Continuation) => "Continuation",
            Some(Opcode::Data(MessageKind::Text)) => "Text",
            Some(Opcode::Data(MessageKind::Binary)) => "Binary",
            Some(Opcode::Close) => "Close",
            Some(Opcode::Ping) => "Ping",
            Some(Opcode::Pong) => "Pong",
            None => "Unknown",
        };
        let place = match (opcode, is_last(rules, first)) {
            (Some(Opcode::Data(_)), true) => ", a complete message",
            (Some(Opcode::Data(_)), false) => ", the first frame of a message",
            (Some(Opcode::Continuation), true) => ", the last frame of the message",
            (Some(Opcode::Continuation), false) => ", more frames follow",
            _ if self.message.is_some() => ", between the frames of a message",
            _ => "",
        };
        out.push_str(&format!("\n{}  {name} frame with {}{place}\n", arrow(self.from), count(size, "byte")));
    }

    fn header(&self, rules: &LengthFraming, header: &[u8], out: &mut String) {
        let &[first, second, ref after @ ..] = header else { return };
        let (top, number) = (first >> 7, first & 0xF);
        let (name, note) = match (rules.final_bit, top) {
            (FinalBit::Fin, 1) => ("FIN", "the message ends with this frame"),
            (FinalBit::Fin, _) => ("FIN", "more frames of this message follow"),
            (FinalBit::More, 1) => ("MORE", "more frames of this message follow"),
            (FinalBit::More, _) => ("MORE", "the message ends with this frame"),
        };
        table_row(out, &[first], &format!("{top}... ...."), name, &format!("{top}: {note}"));
        // Others break a rule.
        table_row(out, &[], ".000 ....", "RSV1-3", "0: no extension is in use");
        let note = match rules.opcodes.parse(number) {
            Some(Opcode::Continuation) => "continuation of the message",
            Some(Opcode::Data(MessageKind::Text)) => "text, in UTF-8",
            Some(Opcode::Data(MessageKind::Binary)) => "binary",
            Some(Opcode::Close) => "Close, a control frame",
            Some(Opcode::Ping) => "Ping, a control frame; the peer answers with a Pong",
            Some(Opcode::Pong) => "Pong, a control frame; it repeats the payload of a Ping",
            None => "not defined",
        };
        table_row(out, &[], &format!(".... {number:04b}"), "opcode", &format!("{number:x}: {note}"));
        let (name, note) = match (rules.masking, self.from) {
            (Masking::Payload, Role::Client) => ("MASK", "a client masks every frame"),
            (Masking::Payload, Role::Server) => ("MASK", "a server masks no frame"),
            (Masking::None | Masking::FrameBy20 | Masking::FrameBy4, _) => {
                ("RSV4", "reserved; the MASK bit was added in hybi-07")
            }
        };
        let top = second >> 7;
        table_row(out, &[second], &format!("{top}... ...."), name, &format!("{top}: {note}"));
        let mut left = after;
        let mut take = |max: usize| {
            let (taken, rest) = left.split_at(max.min(left.len()));
            left = rest;
            taken
        };
        crate::explain::frame::length(out, second & 0x7F, &mut take);
        let key = take(4);
        if !key.is_empty() {
            table_row(out, key, "", "key", "random, different for every frame");
        }
    }

    /// Counts a data frame, and returns the kind of its message.
    fn begin(&mut self, _: &LengthFraming, (_, opcode): (u8, Option<Opcode>), size: u64) -> Option<MessageKind> {
        if let Some(Opcode::Data(kind)) = opcode {
            self.message = Some((kind, 0, 0));
        }
        match (opcode, &mut self.message) {
            (Some(Opcode::Data(_) | Opcode::Continuation), Some((kind, bytes, frames))) => {
                *bytes = bytes.saturating_add(size);
                *frames = frames.saturating_add(1);
                Some(*kind)
            }
            _ => None,
        }
    }

    fn message_end(&mut self, rules: &LengthFraming, (first, opcode): (u8, Option<Opcode>), out: &mut String) {
        if !matches!(opcode, Some(Opcode::Data(_) | Opcode::Continuation)) || !is_last(rules, first) {
            return;
        }
        if let Some((kind, bytes, frames)) = self.message.take().filter(|(_, _, frames)| *frames > 1) {
            let kind = if kind == MessageKind::Text { "text" } else { "binary" };
            let note = format!("complete: {kind}, {} in {}", count(bytes, "byte"), count(frames, "frame"));
            table_row(out, &[], "", "message", &note);
        }
    }

    /// The rows for the body of a Close. `shown`: the unmasked bytes are already in the output.
    fn close(&mut self, body: &[u8], shown: bool, out: &mut String) {
        match (self.context.spec.close_method, body) {
            (CloseMethod::Codes(_), [high, low, reason @ ..]) => {
                let code = CloseCode::new(u16::from_be_bytes([*high, *low]));
                let means = if code.as_u16() == 1004 { "message too big" } else { meaning(code) };
                table_row(out, unless_shown(shown, &[*high, *low]), "", "code", &format!("{code}: {means}"));
                let some = reason.get(..SHOWN).unwrap_or(reason);
                if !some.is_empty() {
                    text(out, unless_shown(shown, some.get(..BYTES).unwrap_or(some)), "reason", some);
                    some.chunks(BYTES).skip(1).filter(|_| !shown).for_each(|bytes| table_row(out, bytes, "", "", ""));
                }
            }
            (CloseMethod::Codes(_), _) => table_row(out, &[], "", "", "no code and no reason"),
            (CloseMethod::Initiator, [b'C', ..]) => {
                table_row(out, unless_shown(shown, b"C"), "", "sender", "C: the client closes first")
            }
            (CloseMethod::Initiator, [b'S', ..]) => {
                table_row(out, unless_shown(shown, b"S"), "", "sender", "S: the server closes first")
            }
            (_, []) => table_row(out, &[], "", "", "no body; the reply has none either"),
            (_, body) => table_row(
                out,
                unless_shown(shown, body.get(..BYTES).unwrap_or(body)),
                "",
                "body",
                "no meaning; the reply repeats it",
            ),
        }
    }
}

impl PartialFrame {
    fn push(&mut self, wire_bytes: u8, unmasked: u8) {
        self.bytes = self.bytes.saturating_add(1);
        if self.wire_bytes.len() < MAX_KEPT {
            self.wire_bytes.push(wire_bytes);
            self.unmasked.push(unmasked);
        }
    }
}

/// The bytes, or none if they are already in the output.
fn unless_shown(shown: bool, bytes: &[u8]) -> &[u8] {
    if shown {
        &[]
    } else {
        bytes
    }
}

fn is_last(rules: &LengthFraming, first: u8) -> bool {
    (first & 0x80 != 0) == (rules.final_bit == FinalBit::Fin)
}

/// The rows for the key before a frame that is masked with its header, and for that header as sent.
fn masked_header(
    out: &mut String,
    rules: &LengthFraming,
    context: &DraftContext,
    wire_bytes: &[u8],
    header_end: usize,
) {
    let Some((nonce, after)) = wire_bytes.split_first_chunk::<4>() else { return };
    if rules.masking == Masking::FrameBy20 {
        table_row(out, nonce, "", "nonce", "random, different for every frame");
        for (at, bytes) in context.frame_key(*nonce).chunks(BYTES).enumerate() {
            let note = if at == 0 { "SHA-1 of that and of the connection's masking key" } else { "" };
            table_row(out, bytes, "", if at == 0 { "key" } else { "" }, note);
        }
    } else {
        table_row(out, nonce, "", "key", "random, different for every frame");
    }
    let header = after.get(..header_end.saturating_sub(4)).unwrap_or(after);
    for (at, bytes) in header.chunks(BYTES).enumerate() {
        let note = if at == 0 { "the header on the wire, XORed with the key like the whole frame" } else { "" };
        table_row(out, bytes, "", "masked", note);
    }
}

/// The rows for a payload of `size` bytes, the first of which are `shown`.
fn payload(out: &mut String, shown: &[u8], size: u64, kind: Option<MessageKind>) {
    for (at, bytes) in shown.chunks(BYTES).enumerate() {
        table_row(out, bytes, "", if at == 0 { "payload" } else { "" }, "");
    }
    rest(out, shown, size, kind);
}

fn rest(out: &mut String, shown: &[u8], size: u64, kind: Option<MessageKind>) {
    let more = size.saturating_sub(shown.len() as u64);
    if more > 0 {
        table_row(out, &[], "", "...", &format!("{} more", count(more, "byte")));
    }
    if kind == Some(MessageKind::Text) && !shown.is_empty() {
        text(out, &[], "text", shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::Version;

    /// The tracer before ends at an opcode without a meaning, and a frame that ends has a header.
    #[test]
    fn frames_that_the_tracer_refuses_cause_no_panic() {
        let mut out = String::new();
        let mut renderer = DraftFrameRenderer::new(DraftContext::new(Version::Hybi08), Role::Client);
        let Framing::Length(rules) = renderer.context.spec.framing else { panic!("a length") };
        renderer.length(&rules, &mut out);
        renderer.header(&rules, &[0x83], &mut out);
        masked_header(&mut out, &rules, &renderer.context, &[1, 2, 3], 0);
        renderer.sentinel(&mut out);
        assert_eq!(out, "");
        renderer.title(&rules, (0x83, None), 1, &mut out);
        renderer.header(&rules, &[0x83, 0x01], &mut out);
        assert!(out.contains("Unknown frame with 1 byte") && out.contains("3: not defined"), "{out}");
    }
}
