//! Tests that compare the tables in the chapter *How the protocol grew* with the rows of the table of versions.

use super::parts::*;
use super::table::{DraftSpec, SPECS};

const HISTORY_CHAPTER: &str = include_str!("../manual/history.rs");

fn handshake(spec: &DraftSpec) -> [String; 7] {
    let number = match (spec.number, spec.draft) {
        (Some(number), _) => format!("`Sec-WebSocket-Version: {number}`"),
        (None, Some(draft)) => format!("`Sec-WebSocket-Draft: {draft}`"),
        (None, None) => "nothing".into(),
    };
    let proof = match spec.proof {
        HandshakeProof::None => "none",
        HandshakeProof::Challenge => "`Key1`, `Key2`, 8 bytes: MD5",
        HandshakeProof::Accept => "`Key`: SHA-1",
        HandshakeProof::AcceptAndNonce => "`Key`: SHA-1; and a `Nonce`",
    };
    let origin = match spec.origin_header {
        OriginHeader::Plain { required: Required::Yes } => "`Origin`, required",
        OriginHeader::Plain { required: Required::No } => "`Origin`",
        OriginHeader::Prefixed { required: Required::Yes } => "`Sec-WebSocket-Origin`, required",
        OriginHeader::Prefixed { required: Required::No } => "`Sec-WebSocket-Origin`",
    };
    let echo = match spec.echo {
        Echo::Nothing => "nothing",
        Echo::Plain => "`WebSocket-Origin`, `-Location`",
        Echo::Prefixed => "`Sec-WebSocket-Origin`, `-Location`",
    };
    let subprotocols = match spec.subprotocols {
        SubprotocolSyntax::SinglePlain | SubprotocolSyntax::Single => "one",
        SubprotocolSyntax::SpaceSeparated => "a list, space-separated",
        SubprotocolSyntax::QuotedList => "a list, comma-separated, also quoted",
        SubprotocolSyntax::CommaSeparated => "a list, comma-separated",
    };
    let extensions = match spec.extensions {
        ExtensionSyntax::None => "no",
        ExtensionSyntax::Names => "names",
        ExtensionSyntax::QuotedParameters => "names, parameters of any text",
        ExtensionSyntax::Parameters => "names, parameters",
    };
    let rejection = match spec.rejection_mode {
        RejectionMode::EndOfStream => "end of TCP",
        RejectionMode::Http => "HTTP response",
    };
    let [proof, origin, echo, subprotocols, extensions, rejection] =
        [proof, origin, echo, subprotocols, extensions, rejection].map(str::to_owned);
    [number, proof, origin, echo, subprotocols, extensions, rejection]
}

fn frames(spec: &DraftSpec) -> [String; 7] {
    let (shape, final_bit, opcodes, masked, control) = match spec.framing {
        Framing::Sentinel => ("`00` text `FF`", "-", "-".into(), "no", "none"),
        Framing::Length(LengthFraming { final_bit, opcodes, masking, control }) => {
            let final_bit = match final_bit {
                FinalBit::Fin => "FIN",
                FinalBit::More => "MORE",
            };
            let Opcodes { continuation, text, binary, close, ping, pong } = opcodes;
            let opcodes = format!("{continuation:X} {text:X} {binary:X} {close:X} {ping:X} {pong:X}");
            let masked = match masking {
                Masking::None => "no",
                Masking::FrameBy20 => "frame, by SHA-1 of 20 bytes",
                Masking::FrameBy4 => "frame, by 4 bytes",
                Masking::Payload => "payload, by 4 bytes",
            };
            let control = match (control.length, control.interleaving) {
                (ControlLength::FrameLimit, _) => "any length",
                (ControlLength::UpTo125, Interleaving::Unspecified) => "125 bytes",
                (ControlLength::UpTo125, Interleaving::Allowed) => "125 bytes, also between fragments",
            };
            ("opcode, length", final_bit, opcodes, masked, control)
        }
    };
    let closing = match spec.close_method {
        CloseMethod::EndOfStream => "end of TCP".into(),
        CloseMethod::Sentinel => "`FF 00` from each peer".into(),
        CloseMethod::EchoBody => "Close, echoed".into(),
        CloseMethod::Initiator => "Close with `C` or `S`, echoed".into(),
        CloseMethod::Codes(CloseCodeSet { too_big, .. }) => format!("Close with a code; too big: {too_big}"),
    };
    let invalid_text = match spec.invalid_text {
        InvalidText::Replace => "replaced by U+FFFD",
        InvalidText::Fail => "fails",
    };
    [shape.into(), final_bit.into(), opcodes, masked.into(), control.into(), closing, invalid_text.into()]
}

fn table(heads: [&str; 7], columns: fn(&DraftSpec) -> [String; 7]) -> String {
    let mut out = format!("//! | version | {} |\n//! |---{}|\n", heads.join(" | "), "|---".repeat(7));
    for spec in SPECS {
        out.push_str(&format!("//! | {} | {} |\n", spec.name, columns(spec).join(" | ")));
    }
    out
}

#[track_caller]
fn assert_table_in_manual(name: &str, table: &str) {
    let (begin, end) = (format!("// {name}: begin\n"), format!("// {name}: end\n"));
    let written = HISTORY_CHAPTER
        .split(&begin)
        .nth(1)
        .and_then(|rest| rest.split(&end).next())
        .expect("the markers are in the chapter");
    assert!(written == table, "the table of {name} in src/manual/history.rs has to be\n{table}");
}

#[test]
fn the_tables_in_the_manual_match_the_specs() {
    let heads = ["version field", "proof", "origin", "echoed", "subprotocols", "extensions", "rejected by"];
    assert_table_in_manual("handshakes", &table(heads, handshake));
    let heads = ["a frame", "top bit", "opcodes", "masked", "control frames", "closed by", "invalid text at a client"];
    assert_table_in_manual("frames", &table(heads, frames));
}
