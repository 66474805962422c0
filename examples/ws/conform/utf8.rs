//! RFC 6455 section 8.1: text that is UTF-8 or not (RFC 3629).

use super::case::{case, echo, frame, send, text, Case, Step, CONTINUATION, FIN, TEXT};

const INVALID: Step = Step::Fails(&[1007]);

const VALID: &[(&str, &str)] = &[
    ("ascii", "The quick brown fox"),
    ("nul", "a\0b"),
    ("two-bytes", "\u{80}\u{e9}\u{7ff}"),
    ("three-bytes", "\u{800}\u{20ac}\u{ffff}"),
    ("four-bytes", "\u{10000}\u{1f600}\u{10ffff}"),
    ("around-surrogates", "\u{d7ff}\u{e000}"),
    ("noncharacters", "\u{fffe}\u{fdd0}\u{1fffe}"),
    ("byte-order-mark", "\u{feff}text"),
    ("mixed", "Grüße, κόσμε, 世界, 🎉"),
];

const WRONG: &[(&str, &[u8], &str)] = &[
    ("lone-continuation", b"a\x80b", "a continuation byte alone"),
    ("lone-start", b"a\xc3b", "the first of two bytes alone"),
    ("byte-c0", b"\xc0\x80", "NUL in two bytes"),
    ("byte-c1", b"\xc1\xbf", "U+007F in two bytes"),
    ("overlong-3", b"\xe0\x9f\xbf", "U+07FF in three bytes"),
    ("overlong-4", b"\xf0\x8f\xbf\xbf", "U+FFFF in four bytes"),
    ("surrogate-first", b"\xed\xa0\x80", "the surrogate U+D800"),
    ("surrogate-last", b"\xed\xbf\xbf", "the surrogate U+DFFF"),
    ("surrogate-pair", b"\xed\xa0\xbd\xed\xb8\x80", "a pair of surrogates"),
    ("above-10ffff", b"\xf4\x90\x80\x80", "U+110000"),
    ("byte-f5", b"\xf5\x80\x80\x80", "the byte F5"),
    ("five-bytes", b"\xf8\x88\x80\x80\x80", "a sequence of five bytes"),
    ("byte-fe", b"\xfe", "the byte FE"),
    ("byte-ff", b"\xff", "the byte FF"),
    ("cut-2", b"text\xc3", "a text that ends after one of two bytes"),
    ("cut-3", b"text\xe2\x82", "a text that ends after two of three bytes"),
    ("cut-4", b"text\xf0\x9f\x98", "a text that ends after three of four bytes"),
    ("latin-1", b"caf\xe9", "ISO 8859-1"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, valid) in VALID {
        cases.push(case(
            "6455-5.6-1",
            format!("utf8-{name}"),
            format!("valid text: {name}"),
            vec![send(text(valid)), echo(valid)],
        ));
    }
    let valid = "\u{e9}\u{20ac}\u{1f600}";
    let last = valid.len() - 1;
    let bytes = valid.bytes().enumerate().map(|(at, byte)| {
        let opcode = if at == 0 { TEXT } else { CONTINUATION };
        frame(if at == last { FIN | opcode } else { opcode }, [byte])
    });
    cases.push(case(
        "6455-5.6-1",
        "utf8-split",
        "characters split over fragments",
        vec![Step::Send(bytes.collect()), echo(valid)],
    ));
    for (name, wrong, title) in WRONG {
        cases.push(case("6455-8.1-1", format!("utf8-{name}"), *title, vec![send(text(wrong)), INVALID]));
    }
    cases.push(case(
        "6455-8.1-1",
        "utf8-wrong-in-fragments",
        "a wrong byte in the second fragment",
        vec![
            Step::Send(vec![frame(TEXT, "good"), frame(CONTINUATION, b"\xff"), frame(FIN | CONTINUATION, "good")]),
            INVALID,
        ],
    ));
    cases.push(case(
        "6455-8.1-1",
        "utf8-cut-over-fragments",
        "a character that its fragments do not complete",
        vec![
            Step::Send(vec![frame(TEXT, b"\xe2"), frame(CONTINUATION, b"\x82"), frame(FIN | CONTINUATION, "x")]),
            INVALID,
        ],
    ));
    cases.push(case(
        "6455-8.1-1",
        "utf8-after-a-message",
        "a wrong text after a good one",
        vec![send(text("good")), echo("good"), send(text(b"\xc3\x28")), INVALID],
    ));
    cases
}
