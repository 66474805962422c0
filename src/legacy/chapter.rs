//! Holds the tables in the chapter *How the protocol grew* to the rows they are made of.

use super::parts::*;
use super::table::{Row, ROWS};

const CHAPTER: &str = include_str!("../manual/history.rs");

fn handshake(row: &Row) -> [String; 7] {
    let number = match (row.number, row.draft) {
        (Some(number), _) => format!("`Sec-WebSocket-Version: {number}`"),
        (None, Some(draft)) => format!("`Sec-WebSocket-Draft: {draft}`"),
        (None, None) => "nothing".into(),
    };
    let proof = match row.proof {
        Proof::None => "none",
        Proof::Challenge => "`Key1`, `Key2`, 8 bytes: MD5",
        Proof::Accept => "`Key`: SHA-1",
        Proof::AcceptAndNonce => "`Key`: SHA-1; and a `Nonce`",
    };
    let origin = match row.origins {
        Origins::Plain { required: Required::Yes } => "`Origin`, required",
        Origins::Plain { required: Required::No } => "`Origin`",
        Origins::Prefixed { required: Required::Yes } => "`Sec-WebSocket-Origin`, required",
        Origins::Prefixed { required: Required::No } => "`Sec-WebSocket-Origin`",
    };
    let echo = match row.echo {
        Echo::Nothing => "nothing",
        Echo::Plain => "`WebSocket-Origin`, `-Location`",
        Echo::Prefixed => "`Sec-WebSocket-Origin`, `-Location`",
    };
    let subprotocols = match row.subprotocols {
        Subprotocols::OnePlain | Subprotocols::One => "one",
        Subprotocols::Spaced => "a list, by spaces",
        Subprotocols::List => "a list, by commas",
    };
    let extensions = match row.extensions {
        Extensions::None => "no",
        Extensions::Names => "names",
        Extensions::Parameters => "names, parameters",
    };
    let refusal = match row.refusal {
        Refusing::EndOfStream => "the end of TCP",
        Refusing::Http => "an answer in HTTP",
    };
    let [proof, origin, echo, subprotocols, extensions, refusal] =
        [proof, origin, echo, subprotocols, extensions, refusal].map(str::to_owned);
    [number, proof, origin, echo, subprotocols, extensions, refusal]
}

fn frames(row: &Row) -> [String; 7] {
    let (shape, last, opcodes, masked, control) = match row.framing {
        Framing::Sentinel => ("`00` text `FF`", "-", "-".into(), "no", "none"),
        Framing::Length(Length { last, opcodes, masking, control }) => {
            let last = match last {
                Last::Fin => "FIN",
                Last::More => "MORE",
            };
            let Opcodes { continuation, text, binary, close, ping, pong } = opcodes;
            let opcodes = format!("{continuation:X} {text:X} {binary:X} {close:X} {ping:X} {pong:X}");
            let masked = match masking {
                Masking::None => "no",
                Masking::FrameBy20 => "frame, by SHA-1 of 20 bytes",
                Masking::FrameBy4 => "frame, by 4 bytes",
                Masking::Payload => "payload, by 4 bytes",
            };
            let control = match (control.length, control.between) {
                (ControlLength::AsFrames, _) => "any length",
                (ControlLength::Upto125, Between::Open) => "125 bytes",
                (ControlLength::Upto125, Between::Allowed) => "125 bytes, also between fragments",
            };
            ("opcode, length", last, opcodes, masked, control)
        }
    };
    let closing = match row.closing {
        Closing::EndOfStream => "the end of TCP".into(),
        Closing::Sentinel => "`FF 00` twice".into(),
        Closing::SameBody => "Close, and the same back".into(),
        Closing::Initiator => "Close with `C` or `S`, and the same back".into(),
        Closing::Codes(Codes { too_big, .. }) => format!("Close with a code; too big: {too_big}"),
    };
    let bad_text = match row.bad_text {
        BadText::Replaced => "U+FFFD for it",
        BadText::Fails => "fails",
    };
    [shape.into(), last.into(), opcodes, masked.into(), control.into(), closing, bad_text.into()]
}

fn table(heads: [&str; 7], columns: fn(&Row) -> [String; 7]) -> String {
    let mut out = format!("//! | version | {} |\n//! |---{}|\n", heads.join(" | "), "|---".repeat(7));
    for row in ROWS {
        out.push_str(&format!("//! | {} | {} |\n", row.name, columns(row).join(" | ")));
    }
    out
}

#[track_caller]
fn stands_in_the_chapter(name: &str, table: &str) {
    let (begin, end) = (format!("// {name}: begin\n"), format!("// {name}: end\n"));
    let written = CHAPTER.split(&begin).nth(1).and_then(|rest| rest.split(&end).next()).expect("the marks are gone");
    assert!(written == table, "the table of {name} in src/manual/history.rs has to be\n{table}");
}

#[test]
fn the_tables_of_the_chapter_are_the_rows() {
    let heads = ["says its version", "proof", "origin", "told back", "subprotocols", "extensions", "refused by"];
    stands_in_the_chapter("handshakes", &table(heads, handshake));
    let heads = ["a frame", "top bit", "opcodes", "masked", "control frames", "closed by", "bad text to a client"];
    stands_in_the_chapter("frames", &table(heads, frames));
}
