//! RFC 6455 section 5.4: fragmentation.

use super::case::{case, echo, frame, ping, send, text, Case, Frame, Step, BINARY, CONTINUATION, FIN, TEXT};

const PROTOCOL: Step = Step::Fails(&[1002]);
const LAST: u8 = FIN | CONTINUATION;

fn pong(payload: &str) -> Step {
    Step::Pong(payload.into())
}

/// Frames in one write, and what must follow.
fn row(id: &'static str, name: &str, title: &str, frames: Vec<Frame>, wanted: Vec<Step>) -> Case {
    let mut steps = vec![Step::Send(frames)];
    steps.extend(wanted);
    case(id, name, title, steps)
}

// One a line.
#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    let f = |first: u8, payload: &str| frame(first, payload);
    let binary = |payload: &str| Step::Echo(BINARY, payload.into());
    vec![
        row("6455-5.4-7", "two-fragments", "a text message in two fragments", vec![f(TEXT, "Hel"), f(LAST, "lo")], vec![echo("Hello")]),
        row("6455-5.4-7", "two-binary-fragments", "a binary message in two fragments", vec![f(BINARY, "Hel"), f(LAST, "lo")], vec![binary("Hello")]),
        row("6455-5.4-3", "five-fragments", "five fragments, in this order", vec![f(TEXT, "a"), f(0, "b"), f(0, "c"), f(0, "d"), f(LAST, "e")], vec![echo("abcde")]),
        row("6455-5.4-6", "empty-fragments", "fragments without payload", vec![f(TEXT, ""), f(0, ""), f(0, "x"), f(LAST, "")], vec![echo("x")]),
        row("6455-5.4-6", "all-fragments-empty", "an empty message in three fragments", vec![f(TEXT, ""), f(0, ""), f(LAST, "")], vec![echo("")]),
        row("6455-5.4-7", "whole-after-fragments", "a whole message after a fragmented one", vec![f(TEXT, "a"), f(LAST, "b"), text("c")], vec![echo("ab"), echo("c")]),
        case("6455-5.4-7", "fragments-in-bytes", "two fragments, one byte in a write", vec![Step::Slowly(vec![f(TEXT, "Hel"), f(LAST, "lo")]), echo("Hello")]),
        row("6455-5.4-5", "ping-between", "a Ping between fragments", vec![f(TEXT, "a"), ping("p"), f(LAST, "b")], vec![pong("p"), echo("ab")]),
        row("6455-5.4-5", "two-pings-between", "Pings between three fragments", vec![f(TEXT, "a"), ping("1"), f(0, "b"), ping("2"), f(LAST, "c")], vec![pong("2"), echo("abc")]),
        row("6455-5.4-5", "pong-between", "a Pong between fragments", vec![f(TEXT, "a"), f(FIN | 10, "p"), f(LAST, "b")], vec![echo("ab")]),
        case("6455-5.5.2-3", "pong-before-the-end", "a Ping between fragments is answered before the last", vec![Step::Send(vec![f(TEXT, "a"), ping("p")]), pong("p"), send(f(LAST, "b")), echo("ab")]),
        row("6455-5.4-s2", "continuation-first", "a continuation frame without a beginning", vec![f(LAST, "alone")], vec![PROTOCOL]),
        row("6455-5.4-s2", "open-continuation-first", "the same without FIN", vec![f(CONTINUATION, "alone"), f(LAST, "alone")], vec![PROTOCOL]),
        case("6455-5.4-s2", "continuation-after-message", "a continuation frame after a whole message", vec![send(text("whole")), echo("whole"), send(f(LAST, "more")), PROTOCOL]),
        case("6455-5.4-s2", "continuation-after-fragments", "a continuation frame after the last fragment", vec![Step::Send(vec![f(TEXT, "a"), f(LAST, "b")]), echo("ab"), send(f(LAST, "c")), PROTOCOL]),
        row("6455-5.4-4", "text-between", "a text message between fragments", vec![f(TEXT, "a"), text("b")], vec![PROTOCOL]),
        row("6455-5.4-4", "binary-between", "a binary message between fragments of a text", vec![f(TEXT, "a"), f(FIN | BINARY, "b")], vec![PROTOCOL]),
        row("6455-5.4-4", "second-beginning", "a second message begins within the first", vec![f(TEXT, "a"), f(TEXT, "b"), f(LAST, "c")], vec![PROTOCOL]),
        row("6455-5.4-2", "ping-fragment", "a Ping without FIN", vec![f(9, "p")], vec![PROTOCOL]),
        row("6455-5.4-2", "pong-fragment", "a Pong without FIN", vec![f(10, "p")], vec![PROTOCOL]),
        row("6455-5.5-2", "ping-in-fragments", "a Ping in two fragments", vec![f(9, "p"), f(LAST, "q")], vec![PROTOCOL]),
        row("6455-5.5-2", "ping-fragment-between", "a Ping without FIN between fragments", vec![f(TEXT, "a"), f(9, "p"), f(LAST, "b")], vec![PROTOCOL]),
        row("6455-5.5-2", "close-fragment", "a Close without FIN", vec![frame(8, b"\x03\xe8")], vec![Step::Ends]),
    ]
}
