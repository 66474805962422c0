//! The words for the frames of a draft (feature `legacy`), and for what stands between a head and the first frame.
//!
//! The bytes are read by `legacy::speller`, which judges them; this draws them, with the names that the table gives their parts.

use super::draft::Spoken;
use super::frame::{arrow, masked, meaning, part, text, BYTES, SHOWN};
use super::layout::{count, row};
use crate::close::CloseCode;
use crate::error::Violation;
use crate::legacy::parts::{Closing, Framing, Last, Length, Masking};
use crate::legacy::speller::Speller;
use crate::message::Kind;
use crate::wire::frame::{Opcode, Role};

/// How much of a frame is kept: the key before it, the longest header, and the longest payload of a control frame.
const KEPT: usize = 4 + 14 + 125;

/// What one side of a connection says after its head.
pub(super) struct Words {
    spoken: Spoken,
    from: Role,
    /// Bytes behind the head that belong to the handshake, as far as they have come.
    behind: Vec<u8>,
    /// There from the first byte of a frame on: hybi-04 has to know both heads.
    speller: Option<Speller>,
    frame: Frame,
    /// The message whose frames are coming: its kind, bytes and frames so far.
    message: Option<(Kind, u64, u64)>,
    /// Nothing more means anything.
    silent: bool,
}

/// The beginning of a frame, as it travels and as it is without a mask.
#[derive(Default)]
struct Frame {
    travels: Vec<u8>,
    plain: Vec<u8>,
    bytes: u64,
}

impl Words {
    pub(super) fn new(spoken: Spoken, from: Role) -> Words {
        let frame = Frame::default();
        Words { spoken, from, behind: Vec::new(), speller: None, frame, message: None, silent: false }
    }

    pub(super) fn feed(&mut self, byte: u8, out: &mut String) {
        if self.silent {
            return;
        }
        let behind = self.spoken.behind_head(self.from);
        if self.behind.len() < behind {
            self.behind.push(byte);
            if self.behind.len() == behind {
                self.spoken.behind(self.from, &self.behind, out);
            }
            return;
        }
        if self.spoken.is_packed() {
            out.push_str(&format!(
                "\n{}  deflate-stream: all that follows is compressed, and is not parsed\n",
                arrow(self.from)
            ));
            self.silent = true;
            return;
        }
        let to = match self.from {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let spoken = &self.spoken;
        let speller = self.speller.get_or_insert_with(|| Speller::new(spoken.row, to, spoken.masking_key()));
        match speller.take(byte) {
            Ok(spelled) => {
                self.frame.push(byte, spelled.plain);
                if spelled.ends {
                    self.frame_end(out);
                    self.frame = Frame::default();
                }
            }
            Err(violation) => {
                self.frame.push(byte, byte);
                self.broken(violation, out);
            }
        }
    }

    fn frame_end(&mut self, out: &mut String) {
        match self.spoken.row.framing {
            Framing::Sentinel => self.sentinel(out),
            Framing::Length(length) => self.length(&length, out),
        }
    }

    fn broken(&mut self, violation: Violation, out: &mut String) {
        out.push_str(&format!("\n{}  A frame that breaks a rule\n", arrow(self.from)));
        for bytes in self.frame.travels.get(..SHOWN).unwrap_or(&self.frame.travels).chunks(BYTES) {
            part(out, bytes, "", "", "");
        }
        row(out, "    BROKEN RULE", 17, &format!("{violation}."));
        row(out, "", 17, "What follows is not parsed.");
        self.silent = true;
    }

    // ── frames between 00 and ff ────────────────────────────────────────────────────────────────────────────────────

    fn sentinel(&mut self, out: &mut String) {
        let arrow = arrow(self.from);
        let Some((first, rest)) = self.frame.plain.split_first() else { return };
        let first = std::slice::from_ref(first);
        match (first, self.spoken.row.closing) {
            ([0x00], _) => {
                let length = self.frame.bytes.saturating_sub(2);
                out.push_str(&format!("\n{arrow}  Text frame with {}, a whole message\n", count(length, "byte")));
                part(out, first, "", "type", "00: text follows, up to the next ff");
                let shown = usize::try_from(length).unwrap_or(SHOWN).min(SHOWN);
                payload(out, rest.get(..shown).unwrap_or(rest), length, Some(Kind::Text));
                part(out, &[0xFF], "", "end", "ff, which no UTF-8 has in it");
            }
            ([0xFF], Closing::Sentinel) if rest.last() == Some(&0) && rest.iter().all(|b| b & 0x7F == 0) => {
                out.push_str(&format!("\n{arrow}  The closing frame\n"));
                part(out, first, "", "type", "ff");
                part(out, rest, "", "length", "0: nothing more is sent after this");
                self.silent = true;
            }
            ([0x80..=0xFF], _) => {
                out.push_str(&format!(
                    "\n{arrow}  A frame that is skipped, {} in all\n",
                    count(self.frame.bytes, "byte")
                ));
                part(out, first, "", "type", "not one that means anything; a length and so many bytes follow");
            }
            _ => {
                out.push_str(&format!(
                    "\n{arrow}  A frame that is skipped, {} in all\n",
                    count(self.frame.bytes, "byte")
                ));
                part(out, first, "", "type", "not one that means anything; it goes up to the next ff");
            }
        }
    }

    // ── frames with a length ────────────────────────────────────────────────────────────────────────────────────────

    fn length(&mut self, rules: &Length, out: &mut String) {
        let by_client = self.from == Role::Client;
        let whole = by_client && matches!(rules.masking, Masking::FrameBy20 | Masking::FrameBy4);
        let before = if whole { 4 } else { 0 };
        let (travels, plain) = (self.frame.travels.clone(), self.frame.plain.clone());
        let plain_frame = plain.get(before..).unwrap_or_default();
        let &[first, second, ..] = plain_frame else { return };
        let long: usize = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = by_client && rules.masking == Masking::Payload;
        let header = 2 + long + if key { 4 } else { 0 };
        let size = self.frame.bytes.saturating_sub((before + header) as u64);
        let opcode = rules.opcodes.parse(first & 0xF);

        self.title(rules, (first, opcode), size, out);
        if whole {
            masked_header(out, rules, &self.spoken, &travels, before + header);
        }
        self.header(rules, plain_frame.get(..header).unwrap_or_default(), out);

        let body = plain_frame.get(header..).unwrap_or_default();
        let shown = body.get(..SHOWN).unwrap_or(body);
        let kind = self.begin(rules, (first, opcode), size);
        match (key, whole) {
            (true, _) => {
                let bytes = plain_frame.get(header - 4..header).and_then(|key| key.first_chunk::<4>());
                masked(out, shown, bytes.copied().unwrap_or_default(), false);
                rest(out, shown, size, kind.filter(|_| opcode != Some(Opcode::Close)));
            }
            (false, true) => {
                for (at, bytes) in
                    travels.get(before + header..).unwrap_or_default().chunks(BYTES).take(SHOWN / BYTES).enumerate()
                {
                    part(out, bytes, "", "masked", if at == 0 { "the payload as it travels" } else { "" });
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

    fn title(&self, rules: &Length, (first, opcode): (u8, Option<Opcode>), size: u64, out: &mut String) {
        let name = match opcode {
            Some(Opcode::Continuation) => "Continuation",
            Some(Opcode::Data(Kind::Text)) => "Text",
            Some(Opcode::Data(Kind::Binary)) => "Binary",
            Some(Opcode::Close) => "Close",
            Some(Opcode::Ping) => "Ping",
            Some(Opcode::Pong) => "Pong",
            None => "Unknown",
        };
        let place = match (opcode, is_last(rules, first)) {
            (Some(Opcode::Data(_)), true) => ", a whole message",
            (Some(Opcode::Data(_)), false) => ", the first frame of a message",
            (Some(Opcode::Continuation), true) => ", the last frame of the message",
            (Some(Opcode::Continuation), false) => ", the message goes on",
            _ if self.message.is_some() => ", between the frames of a message",
            _ => "",
        };
        out.push_str(&format!("\n{}  {name} frame with {}{place}\n", arrow(self.from), count(size, "byte")));
    }

    fn header(&self, rules: &Length, header: &[u8], out: &mut String) {
        let &[first, second, ref after @ ..] = header else { return };
        let (top, reserved, number) = (first >> 7, first >> 4 & 0x7, first & 0xF);
        let (name, note) = match (rules.last, top) {
            (Last::Fin, 1) => ("FIN", "the message ends with this frame"),
            (Last::Fin, _) => ("FIN", "the message goes on in another frame"),
            (Last::More, 1) => ("MORE", "more frames of this message follow"),
            (Last::More, _) => ("MORE", "the message ends with this frame"),
        };
        part(out, &[first], &format!("{top}... ...."), name, &format!("{top}: {note}"));
        part(out, &[], &format!(".{reserved:03b} ...."), "RSV1-3", "0: for extensions, and none is in use");
        let note = match rules.opcodes.parse(number) {
            Some(Opcode::Continuation) => "goes on with the message",
            Some(Opcode::Data(Kind::Text)) => "text, in UTF-8",
            Some(Opcode::Data(Kind::Binary)) => "binary, whatever bytes",
            Some(Opcode::Close) => "Close, a control frame",
            Some(Opcode::Ping) => "Ping, a control frame: are you there?",
            Some(Opcode::Pong) => "Pong, a control frame: yes, and the same bytes",
            None => "not defined",
        };
        part(out, &[], &format!(".... {number:04b}"), "opcode", &format!("{number:x}: {note}"));
        let (name, note) = match (rules.masking, self.from) {
            (Masking::Payload, Role::Client) => ("MASK", "a client masks every frame"),
            (Masking::Payload, Role::Server) => ("MASK", "a server masks nothing"),
            (Masking::None | Masking::FrameBy20 | Masking::FrameBy4, _) => {
                ("RSV4", "reserved; MASK is yet to be invented")
            }
        };
        let top = second >> 7;
        part(out, &[second], &format!("{top}... ...."), name, &format!("{top}: {note}"));
        let mut left = after;
        let mut take = |most: usize| {
            let (taken, rest) = left.split_at(most.min(left.len()));
            left = rest;
            taken
        };
        super::frame::length(out, second & 0x7F, &mut take);
        let key = take(4);
        if !key.is_empty() {
            part(out, key, "", "key", "random, and new for every frame");
        }
    }

    /// Counts a data frame. The kind of its message.
    fn begin(&mut self, _: &Length, (_, opcode): (u8, Option<Opcode>), size: u64) -> Option<Kind> {
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

    fn message_end(&mut self, rules: &Length, (first, opcode): (u8, Option<Opcode>), out: &mut String) {
        if !matches!(opcode, Some(Opcode::Data(_) | Opcode::Continuation)) || !is_last(rules, first) {
            return;
        }
        if let Some((kind, bytes, frames)) = self.message.take().filter(|(_, _, frames)| *frames > 1) {
            let kind = if kind == Kind::Text { "text" } else { "binary" };
            let note = format!("complete: {kind}, {} in {}", count(bytes, "byte"), count(frames, "frame"));
            part(out, &[], "", "message", &note);
        }
    }

    /// The body of a Close, whose bytes have been shown or not.
    fn close(&mut self, body: &[u8], shown: bool, out: &mut String) {
        match (self.spoken.row.closing, body) {
            (Closing::Codes(_), [high, low, reason @ ..]) => {
                let code = CloseCode::new(u16::from_be_bytes([*high, *low]));
                let means = if code.get() == 1004 { "a message too large" } else { meaning(code) };
                part(out, unless(shown, &[*high, *low]), "", "code", &format!("{code}: {means}"));
                let some = reason.get(..SHOWN).unwrap_or(reason);
                if !some.is_empty() {
                    text(out, unless(shown, some.get(..BYTES).unwrap_or(some)), "reason", some);
                    some.chunks(BYTES).skip(1).filter(|_| !shown).for_each(|bytes| part(out, bytes, "", "", ""));
                }
            }
            (Closing::Codes(_), _) => part(out, &[], "", "", "no code and no reason"),
            (Closing::Initiator, [b'C', ..]) => {
                part(out, unless(shown, b"C"), "", "by whom", "C: the client closes first")
            }
            (Closing::Initiator, [b'S', ..]) => {
                part(out, unless(shown, b"S"), "", "by whom", "S: the server closes first")
            }
            (_, []) => part(out, &[], "", "", "without a body, as is its answer"),
            (_, body) => part(
                out,
                unless(shown, body.get(..BYTES).unwrap_or(body)),
                "",
                "body",
                "means nothing; the answer repeats it",
            ),
        }
    }
}

impl Frame {
    fn push(&mut self, travels: u8, plain: u8) {
        self.bytes = self.bytes.saturating_add(1);
        if self.travels.len() < KEPT {
            self.travels.push(travels);
            self.plain.push(plain);
        }
    }
}

/// Bytes that have not been shown yet.
fn unless(shown: bool, bytes: &[u8]) -> &[u8] {
    if shown {
        &[]
    } else {
        bytes
    }
}

fn is_last(rules: &Length, first: u8) -> bool {
    (first & 0x80 != 0) == (rules.last == Last::Fin)
}

/// The key before a frame that is masked as a whole, and its header as it travels.
fn masked_header(out: &mut String, rules: &Length, spoken: &Spoken, travels: &[u8], header_end: usize) {
    let Some((nonce, after)) = travels.split_first_chunk::<4>() else { return };
    if rules.masking == Masking::FrameBy20 {
        part(out, nonce, "", "nonce", "random, and new for every frame");
        for (at, bytes) in spoken.frame_key(*nonce).chunks(BYTES).enumerate() {
            let note = if at == 0 { "SHA-1 of that and of the connection's masking key" } else { "" };
            part(out, bytes, "", if at == 0 { "key" } else { "" }, note);
        }
    } else {
        part(out, nonce, "", "key", "random, and new for every frame");
    }
    let header = after.get(..header_end.saturating_sub(4)).unwrap_or(after);
    for (at, bytes) in header.chunks(BYTES).enumerate() {
        let note = if at == 0 { "the header as it travels, XORed with the key as all of the frame" } else { "" };
        part(out, bytes, "", "masked", note);
    }
}

/// The rows for a payload, of which `shown` is the beginning.
fn payload(out: &mut String, shown: &[u8], size: u64, kind: Option<Kind>) {
    for (at, bytes) in shown.chunks(BYTES).enumerate() {
        part(out, bytes, "", if at == 0 { "payload" } else { "" }, "");
    }
    rest(out, shown, size, kind);
}

fn rest(out: &mut String, shown: &[u8], size: u64, kind: Option<Kind>) {
    let more = size.saturating_sub(shown.len() as u64);
    if more > 0 {
        part(out, &[], "", "...", &format!("and {} more", count(more, "byte")));
    }
    if kind == Some(Kind::Text) && !shown.is_empty() {
        text(out, &[], "text", shown);
    }
}
