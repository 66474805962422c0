//! RFC 6455 section 5.5: Ping and Pong. Section 7: closing.

use super::case::{case, close, echo, frame, ping, send, text, Case, Step, CLOSE, FIN, PONG, TEXT};
use super::peer::Side;

const PROTOCOL: Step = Step::Fails(&[1002]);

fn pong(payload: impl AsRef<[u8]>) -> Step {
    Step::Pong(payload.as_ref().to_vec())
}

pub(super) fn cases() -> Vec<Case> {
    let (bytes, longest) = ([0, 255, 254, 253, 128, 10, 13], [b'p'; 125]);
    let mut ten: Vec<Step> = vec![Step::Send((0..10).map(|n| ping([b'0' + n])).collect())];
    // 6455-5.5.3-1: those before the last need no answer.
    ten.extend([pong("9"), send(text("after")), echo("after")]);
    vec![
        case("6455-5.5.2-2", "ping", "a Ping", vec![send(ping("are you there?")), pong("are you there?")]),
        case("6455-5.5.2-2", "ping-empty", "a Ping without payload", vec![send(ping("")), pong("")]),
        case("6455-5.5.3-s1", "ping-bytes", "a Ping with bytes that are no text", vec![send(ping(bytes)), pong(bytes)]),
        case("6455-5.5.3-s1", "ping-125", "a Ping with 125 bytes", vec![send(ping(longest)), pong(longest)]),
        case(
            "6455-5.5.2-2",
            "ping-in-bytes",
            "a Ping, one byte in a write",
            vec![Step::Slowly(vec![ping("slowly")]), pong("slowly")],
        ),
        case("6455-5.5.2-2", "ten-pings", "ten Pings in one write", ten),
        case(
            "6455-5.5.3-s2",
            "unsolicited-pong",
            "a Pong that nobody asked for",
            vec![Step::Send(vec![frame(FIN | PONG, "unasked"), text("after")]), echo("after")],
        ),
        case(
            "6455-5.5.3-s2",
            "empty-pong",
            "a Pong without payload",
            vec![Step::Send(vec![frame(FIN | PONG, ""), text("after")]), echo("after")],
        ),
        case("6455-5.5-1", "ping-126", "a Ping with 126 bytes", vec![send(ping([b'p'; 126])), PROTOCOL]),
        case("6455-5.5-1", "pong-126", "a Pong with 126 bytes", vec![send(frame(FIN | PONG, [b'p'; 126])), PROTOCOL]),
        case(
            "6455-5.5-1",
            "close-126",
            "a Close with 126 bytes",
            vec![send(close(1000, &"r".repeat(124))), Step::Ends],
        ),
    ]
}

pub(super) fn closing() -> Vec<Case> {
    let mut cases = vec![
        case("6455-5.5.1-6", "close-1000", "Close 1000", vec![send(close(1000, "")), Step::Closes(1000)]),
        case(
            "6455-5.5.1-6",
            "close-empty",
            "a Close without a code",
            vec![send(frame(FIN | CLOSE, "")), Step::Closes(1005)],
        ),
        case(
            "6455-5.5.1-6",
            "close-reason",
            "Close 1000 with a reason",
            vec![send(close(1000, "good bye, κόσμε")), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "close-longest-reason",
            "Close 1000 with a reason of 123 bytes",
            vec![send(close(1000, &"r".repeat(123))), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "close-in-bytes",
            "Close 1000, one byte in a write",
            vec![Step::Slowly(vec![close(1000, "slowly")]), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "close-after-message",
            "Close 1000 after a message that was echoed",
            vec![send(text("last")), echo("last"), send(close(1000, "")), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "close-between-fragments",
            "Close 1000 between fragments",
            vec![Step::Send(vec![frame(TEXT, "unfinished"), close(1000, "")]), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-5",
            "message-after-close",
            "a text message behind a Close",
            vec![Step::Send(vec![close(1000, ""), text("too late")]), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "ping-after-close",
            "a Ping behind a Close",
            vec![Step::Send(vec![close(1000, ""), ping("too late")]), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-6",
            "two-closes",
            "two Closes in one write",
            vec![Step::Send(vec![close(1000, "one"), close(1000, "two")]), Step::Closes(1000)],
        ),
        case(
            "6455-5.5.1-11",
            "ends-tcp",
            "the server ends the TCP connection after both Closes",
            vec![send(close(1000, "")), Step::Closes(1000)],
        )
        .only(Side::Server),
    ];
    for code in [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let steps = vec![send(close(code, "")), Step::Closes(code)];
        cases.push(case("6455-7.4.2-s1", format!("close-{code}"), format!("Close {code}"), steps));
    }
    for code in [0, 1, 999] {
        let steps = vec![send(close(code, "unused")), Step::Ends];
        cases.push(case("6455-7.4.2-s1", format!("close-{code}"), format!("Close {code}, which is never used"), steps));
    }
    for (id, code) in [("6455-7.4.1-3", 1005), ("6455-7.4.1-4", 1006), ("6455-7.4.1-6", 1015)] {
        let steps = vec![send(close(code, "never sent")), Step::Ends];
        cases.push(case(id, format!("close-{code}"), format!("Close {code}, which no frame may have"), steps));
    }
    cases.push(case(
        "6455-5.5.1-2",
        "close-one-byte",
        "a Close with a body of one byte",
        vec![send(frame(FIN | CLOSE, [3])), Step::Ends],
    ));
    cases.push(case(
        "6455-8.1-1",
        "close-reason-not-utf8",
        "a Close whose reason is not UTF-8",
        vec![send(frame(FIN | CLOSE, b"\x03\xe8bad \xff")), Step::Ends],
    ));
    cases
}
