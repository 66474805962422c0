//! RFC 6455 section 5.2: frames, and section 5.3: masking.

use super::case::{case, echo, formed, frame, ping, send, text, Case, Form, Step, BINARY, CONTINUATION, FIN, TEXT};
use super::peer::Side;

const PROTOCOL: Step = Step::Fails(&[1002]);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = lengths();
    cases.push(case(
        "6455-6.2-1",
        "in-bytes",
        "a message, one byte in a write",
        vec![Step::Slowly(vec![text("slowly")]), echo("slowly")],
    ));
    cases.push(case(
        "6455-6.2-4",
        "three-in-one",
        "three messages in one write",
        vec![
            Step::Send(vec![text("one"), frame(FIN | BINARY, "two"), text("three")]),
            echo("one"),
            Step::Echo(BINARY, b"two".to_vec()),
            echo("three"),
        ],
    ));
    cases.extend(reserved_bits());
    // 6455-5.2-s2: 3 to 7 and B to F have no meaning.
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        cases.push(case(
            "6455-5.2-4",
            format!("opcode-{opcode:x}"),
            format!("a frame with the reserved opcode {opcode:X}"),
            vec![send(frame(FIN | opcode, "reserved")), PROTOCOL],
        ));
    }
    cases.push(case(
        "6455-5.2-4",
        "opcode-3-between",
        "the reserved opcode 3 between fragments",
        vec![Step::Send(vec![frame(TEXT, "a"), frame(FIN | 3, "b"), frame(FIN | CONTINUATION, "c")]), PROTOCOL],
    ));
    cases.push(case(
        "6455-5.2-5",
        "length-top-bit",
        "a length of 2^63",
        vec![send(formed(Form::Announced(1 << 63), FIN | BINARY, "short")), Step::FailsOrWaits],
    ));
    cases
}

/// Each form of a length, at both of its ends.
fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (opcode, kind) in [(TEXT, "text"), (BINARY, "binary")] {
        for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000] {
            let payload = vec![b'*'; length];
            cases.push(case(
                "6455-5.2-s3",
                format!("{kind}-{length}"),
                format!("a {kind} message of {length} bytes"),
                vec![send(frame(FIN | opcode, &payload)), Step::EchoOrLimit(opcode, payload)],
            ));
        }
    }
    let all: Vec<u8> = (0..=255).collect();
    cases.push(case(
        "6455-5.6-s1",
        "all-bytes",
        "a binary message with each byte",
        vec![send(frame(FIN | BINARY, &all)), Step::Echo(BINARY, all)],
    ));
    cases
}

fn reserved_bits() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bit, name) in [(0x40, "rsv1"), (0x20, "rsv2"), (0x10, "rsv3"), (0x70, "rsv123")] {
        let rows = [("text", TEXT), ("binary", BINARY), ("ping", 9), ("close", 8)];
        for (kind, opcode) in rows {
            let body: &[u8] = if opcode == 8 { b"\x03\xe8" } else { b"reserved" };
            // A Close leads to the end of the connection in any case.
            let wanted = if opcode == 8 { Step::Ends } else { PROTOCOL };
            cases.push(case(
                "6455-5.2-3",
                format!("{name}-{kind}"),
                format!("a {kind} frame with {} set", name.to_uppercase()),
                vec![send(frame(FIN | bit | opcode, body)), wanted],
            ));
        }
        cases.push(case(
            "6455-5.2-3",
            format!("{name}-continuation"),
            format!("the last fragment has {} set", name.to_uppercase()),
            vec![Step::Send(vec![frame(TEXT, "a"), frame(FIN | bit | CONTINUATION, "b")]), PROTOCOL],
        ));
    }
    cases
}

pub(super) fn masking() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, first, body) in
        [("text", FIN | TEXT, "masked"), ("binary", FIN | BINARY, "masked"), ("ping", FIN | 9, "masked")]
    {
        let wrong = |side, id, how: &str| {
            let steps = vec![send(formed(Form::WrongMask, first, body)), PROTOCOL];
            case(id, format!("{how}-{kind}"), format!("a {kind} frame that is {how}"), steps).only(side)
        };
        cases.push(wrong(Side::Server, "6455-5.1-2", "not-masked"));
        cases.push(wrong(Side::Client, "6455-5.1-5", "masked"));
    }
    cases.push(
        case(
            "6455-5.1-2",
            "not-masked-empty",
            "an empty text frame that is not masked",
            vec![send(formed(Form::WrongMask, FIN | TEXT, "")), PROTOCOL],
        )
        .only(Side::Server),
    );
    cases.push(
        case(
            "6455-5.1-2",
            "not-masked-fragment",
            "the second fragment is not masked",
            vec![Step::Send(vec![frame(TEXT, "a"), formed(Form::WrongMask, FIN | CONTINUATION, "b")]), PROTOCOL],
        )
        .only(Side::Server),
    );
    for (name, key) in [("zero", [0; 4]), ("ones", [0xff; 4]), ("rising", [1, 2, 3, 4]), ("one-byte", [0, 0, 0, 0x80])]
    {
        // Each length modulo 4, so that the key is used from each of its bytes on.
        let frames: Vec<_> = (5..9)
            .map(|length| formed(Form::Key(key), FIN | TEXT, "abcdefgh".get(..length).unwrap_or("abcde")))
            .collect();
        let echoes = frames.iter().map(|frame| echo(&frame.payload)).collect::<Vec<_>>();
        let mut steps = vec![Step::Send(frames)];
        steps.extend(echoes);
        let title = format!("the masking key {:02x}{:02x}{:02x}{:02x}", key[0], key[1], key[2], key[3]);
        cases.push(case("6455-6.2-7", format!("key-{name}"), title, steps).only(Side::Server));
    }
    cases.push(
        case(
            "6455-5.3-s1",
            "keys-differ-between-fragments",
            "fragments and a Ping with keys of their own",
            vec![
                Step::Send(vec![frame(TEXT, "frag"), ping("between"), frame(FIN | CONTINUATION, "ments")]),
                Step::Pong(b"between".to_vec()),
                echo("fragments"),
            ],
        )
        .only(Side::Server),
    );
    cases
}

pub(super) fn limits() -> Vec<Case> {
    let many: Vec<_> = (0..1_000)
        .map(|n| {
            frame(
                if n == 0 {
                    TEXT
                } else if n == 999 {
                    FIN
                } else {
                    CONTINUATION
                },
                "x",
            )
        })
        .collect();
    let large = vec![b'L'; 1 << 20];
    vec![
        case(
            "6455-10.4-1",
            "announces-2^62",
            "a frame that announces 2^62 bytes",
            vec![send(formed(Form::Announced(1 << 62), FIN | BINARY, "short")), Step::FailsOrWaits],
        ),
        case(
            "6455-10.4-1",
            "control-announces-2^62",
            "a Ping that announces 2^62 bytes",
            vec![send(formed(Form::Announced(1 << 62), FIN | 9, "short")), Step::FailsOrWaits],
        ),
        case(
            "6455-5.4-7",
            "1000-fragments",
            "a message in 1,000 fragments of one byte",
            vec![Step::Send(many), Step::EchoOrLimit(TEXT, vec![b'x'; 1_000])],
        ),
        case(
            "6455-5.2-s3",
            "binary-1048576",
            "a binary message of 1 MiB",
            vec![send(frame(FIN | BINARY, &large)), Step::EchoOrLimit(BINARY, large)],
        ),
    ]
}
