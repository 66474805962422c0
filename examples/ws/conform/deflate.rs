//! RFC 7692: permessage-deflate, when the peer agrees to it.

use stdws::deflate::{Compress, Level, WindowBits};

use super::case::{
    fail, frame, ping, Case, Edit, Frame, Step, Stop, Verdict, Wanted, What, BINARY, CONTINUATION, FIN, RSV1, TEXT,
};
use super::expect::expect_echo;
use super::peer::{Peer, Side};

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PLAIN: &str = "permessage-deflate";
const PROTOCOL: Step = Step::Fails(&[1002]);
const LAST: u8 = FIN | CONTINUATION;

/// `f2 48 cd c9 c9 07 00` is "Hello" in RFC 7692 section 7.2.3.1.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// "Hello" again, by the window: section 7.2.3.2.
const HELLO_AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = offers();
    cases.extend(messages());
    cases.extend(responses());
    cases
}

/// Looks at the parameters of an answer, which are empty if there is none.
type Check = fn(&str) -> Result<(), Stop>;

/// A compressed message of one frame.
fn packed(opcode: u8, payload: &[u8]) -> Frame {
    frame(FIN | RSV1 | opcode, pack(payload))
}

/// Compressed data with distances that every agreed window has.
fn pack(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compress::new(Level::Default, WindowBits::MIN).push(payload, &mut out);
    out.truncate(out.len().saturating_sub(4));
    out
}

// One a line.
#[rustfmt::skip]
fn offers() -> Vec<Case> {
    let good: Vec<(&'static str, &str, &'static str, Check)> = vec![
        ("7692-7.1.2.2-5", "offer-plain", PLAIN, |agreed| parameters(agreed, None, None)),
        ("7692-7.1.1.1-s1", "offer-server-no-context", "permessage-deflate; server_no_context_takeover", |agreed| {
            let has = agreed.is_empty() || agreed.contains("server_no_context_takeover");
            if has { parameters(agreed, None, None) } else { fail("the answer lacks server_no_context_takeover") }
        }),
        ("7692-7.1.2.1-3", "offer-server-window-15", "permessage-deflate; server_max_window_bits=15", |agreed| parameters(agreed, None, None)),
        ("7692-7.1.2.1-3", "offer-server-window-10", "permessage-deflate; server_max_window_bits=10", |agreed| parameters(agreed, Some(10), None)),
        ("7692-7.1.2.1-3", "offer-server-window-8", "permessage-deflate; server_max_window_bits=8", |agreed| parameters(agreed, Some(8), None)),
        ("7692-7.1.2.2-3", "offer-client-window", "permessage-deflate; client_max_window_bits", |agreed| parameters(agreed, None, Some(15))),
        ("7692-7.1.2.2-3", "offer-client-window-10", "permessage-deflate; client_max_window_bits=10", |agreed| parameters(agreed, None, Some(10))),
        ("7692-7-1", "offer-wrong-then-right", "permessage-deflate; nobody_knows=1, permessage-deflate", |agreed| parameters(agreed, None, None)),
    ];
    let bad = [
        ("unknown", "permessage-deflate; nobody_knows"),
        ("value-unasked", "permessage-deflate; server_no_context_takeover=1"),
        ("client-value-unasked", "permessage-deflate; client_no_context_takeover=1"),
        ("window-without-value", "permessage-deflate; server_max_window_bits"),
        ("window-7", "permessage-deflate; server_max_window_bits=7"),
        ("window-16", "permessage-deflate; server_max_window_bits=16"),
        ("window-leading-zero", "permessage-deflate; server_max_window_bits=010"),
        ("client-window-7", "permessage-deflate; client_max_window_bits=7"),
        ("client-window-16", "permessage-deflate; client_max_window_bits=16"),
        ("repeated", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
    ];
    let case = |id, name: String, offer: &'static str, wanted| {
        let what = What::Request(vec![Edit::Set(EXTENSIONS, offer)], wanted);
        Case { id, name, side: Some(Side::Server), title: format!("the offer {offer}"), what }
    };
    let good = good.into_iter().map(|(id, name, offer, check)| case(id, name.into(), offer, Wanted::Extensions(check)));
    let bad = bad.iter().map(|(name, offer)| {
        case("7692-7-1", format!("offer-{name}"), offer, Wanted::Without("permessage-deflate"))
    });
    good.chain(bad).collect()
}

/// Checks the parameters of an answer. The numbers are the offered ones.
fn parameters(agreed: &str, server: Option<u8>, client: Option<u8>) -> Result<(), Stop> {
    if agreed.is_empty() {
        return Err(Stop(Verdict::NotApplicable, "the server does not agree to this offer".into()));
    }
    let mut seen = Vec::new();
    for parameter in agreed.split(';').skip(1).map(str::trim) {
        let (name, value) =
            parameter.split_once('=').map_or((parameter, None), |(name, value)| (name.trim(), Some(value)));
        let bits = value.map(|value| value.trim().trim_matches('"')).filter(|value| !value.starts_with('0'));
        let bits = bits.and_then(|bits| bits.parse::<u8>().ok()).filter(|bits| (8..=15).contains(bits));
        let limit = if name == "server_max_window_bits" { server } else { client };
        match (name, bits) {
            _ if seen.contains(&name) => return fail(format!("{name} stands there twice")),
            ("server_no_context_takeover" | "client_no_context_takeover", _) if value.is_none() => {}
            ("client_max_window_bits", _) if client.is_none() => return fail("client_max_window_bits was not offered"),
            ("server_max_window_bits" | "client_max_window_bits", Some(bits)) if bits <= limit.unwrap_or(15) => {}
            _ => return fail(format!("the parameter {parameter:?}")),
        }
        seen.push(name);
    }
    match server.is_some() && !seen.contains(&"server_max_window_bits") {
        true => fail("the answer lacks server_max_window_bits, which was offered"),
        false => Ok(()),
    }
}

// One a line.
#[rustfmt::skip]
fn messages() -> Vec<Case> {
    let long: Vec<u8> = (0..20_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_string().into_bytes()).collect();
    let hello = || Step::Echo(TEXT, b"Hello".to_vec());
    let one = |bytes: &[u8]| Step::Send(vec![frame(FIN | RSV1 | TEXT, bytes)]);
    let (begin, end) = HELLO.split_at(3);
    let rows: Vec<(&'static str, &str, &str, Vec<Step>)> = vec![
        ("7692-6.2-1", "compressed-text", "a compressed text", vec![one(HELLO), hello()]),
        ("7692-6.2-1", "compressed-binary", "a compressed binary message", vec![Step::Send(vec![packed(BINARY, b"\0\xff\0\xff")]), Step::Echo(BINARY, b"\0\xff\0\xff".to_vec())]),
        ("7692-6.2-1", "compressed-empty", "a compressed empty message", vec![one(&[0]), Step::Echo(TEXT, Vec::new())]),
        ("7692-6.2-1", "compressed-long", "a compressed text of some 50 KiB", vec![Step::Send(vec![packed(TEXT, &long)]), Step::EchoOrLimit(TEXT, long.clone())]),
        ("7692-6.2-2", "uncompressed", "a message that is not compressed", vec![Step::Send(vec![frame(FIN | TEXT, "Hello")]), hello()]),
        ("7692-6.2-1", "compressed-fragments", "a compressed text in two fragments", vec![Step::Send(vec![frame(RSV1 | TEXT, begin), frame(LAST, end)]), hello()]),
        ("7692-6.2-1", "compressed-ping-between", "a Ping between compressed fragments", vec![Step::Send(vec![frame(RSV1 | TEXT, begin), ping("p"), frame(LAST, end)]), Step::Pong(b"p".to_vec()), hello()]),
        ("7692-7.2.1-2", "compressed-stored", "a stored block", vec![one(b"\0\x05\0\xfa\xffHello\0"), hello()]),
        ("7692-7.2.1-3", "compressed-final", "a block with BFINAL 1", vec![one(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]), hello()]),
        ("7692-7.2.1-1", "compressed-two-blocks", "two blocks", vec![one(&[0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0]), hello()]),
        ("7692-7.2.2-s1", "compressed-own-codes", "a block with codes of its own", vec![Step::Send(vec![packed(TEXT, long.get(..4_000).unwrap_or_default())]), Step::Echo(TEXT, long.get(..4_000).unwrap_or_default().to_vec())]),
        ("7692-6.1-4", "rsv1-on-last-fragment", "RSV1 on the second fragment", vec![Step::Send(vec![frame(RSV1 | TEXT, begin), frame(RSV1 | LAST, end)]), PROTOCOL]),
        ("7692-6.1-4", "compressed-ping", "RSV1 on a Ping", vec![Step::Send(vec![frame(FIN | RSV1 | 9, HELLO)]), PROTOCOL]),
        ("6455-5.2-3", "compressed-rsv2", "RSV1 and RSV2", vec![Step::Send(vec![frame(FIN | RSV1 | 0x20 | TEXT, HELLO)]), PROTOCOL]),
        ("7692-6.2-1", "compressed-nonsense", "data that are no DEFLATE (a block of type 3)", vec![one(&[0x07, 0x00]), Step::Fails(&[1002, 1003, 1007])]),
        ("6455-8.1-1", "compressed-not-utf8", "a compressed text that is not UTF-8", vec![Step::Send(vec![packed(TEXT, b"bad \xff")]), Step::Fails(&[1007])]),
    ];
    let case = |id, name: &str, side, title: &str, offer, steps| Case { id, name: name.into(), side, title: title.into(), what: What::Deflate(offer, steps) };
    let mut cases: Vec<Case> = rows.into_iter().map(|(id, name, title, steps)| case(id, name, None, title, PLAIN, steps)).collect();
    let again = "the same text twice, the second by the window of the first";
    let window = |check| vec![Step::Check("the same text twice", check)];
    cases.push(case("7692-7.2.2-4", "window-kept-by-server", Some(Side::Server), again, PLAIN, window(context)));
    cases.push(case("7692-7.2.2-2", "window-kept-by-client", Some(Side::Client), again, PLAIN, window(context)));
    let between = "the same with a message between that is not compressed";
    cases.push(case("7692-7.2.3-s1", "window-past-uncompressed", None, between, PLAIN, window(context_past)));
    let twice = || vec![one(HELLO), hello(), one(HELLO), hello()];
    let server = "permessage-deflate; server_no_context_takeover";
    cases.push(case("7692-7.2.1-10", "server-forgets", Some(Side::Server), "the same text twice, with server_no_context_takeover", server, twice()));
    let client = "permessage-deflate; client_no_context_takeover";
    cases.push(case("7692-7.2.1-7", "client-forgets", Some(Side::Client), "the same text twice, with client_no_context_takeover", client, twice()));
    // A text whose only repetitions are farther away than 512 bytes.
    let half: Vec<u8> = (0..1_500_u32).map(|n| b'0' + (n.wrapping_mul(2_654_435_761).rotate_left(9) % 75) as u8).collect();
    let far = [&half[..], &half[..]].concat();
    let steps = vec![Step::Send(vec![packed(TEXT, &far)]), Step::EchoOrLimit(TEXT, far)];
    cases.push(case("7692-7.2.1-14", "server-window-9", Some(Side::Server), "a text that repeats after 1,500 bytes, with server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9", steps));
    cases
}

fn context(peer: &mut Peer) -> Result<(), Stop> {
    twice(peer, false)
}

fn context_past(peer: &mut Peer) -> Result<(), Stop> {
    twice(peer, true)
}

fn twice(peer: &mut Peer, uncompressed_between: bool) -> Result<(), Stop> {
    // This side keeps its window, which as a client it may only if the server allows that.
    if peer.side == Side::Server && peer.agreed("client_no_context_takeover") {
        return Err(Stop(Verdict::NotApplicable, "the server asks for client_no_context_takeover".into()));
    }
    peer.send(&[frame(FIN | RSV1 | TEXT, HELLO)], false);
    expect_echo(peer, TEXT, b"Hello", false)?;
    if uncompressed_between {
        peer.send(&[frame(FIN | TEXT, "other text")], false);
        expect_echo(peer, TEXT, b"other text", false)?;
    }
    peer.send(&[frame(FIN | RSV1 | TEXT, HELLO_AGAIN)], false);
    expect_echo(peer, TEXT, b"Hello", false).map(drop)
}

fn responses() -> Vec<Case> {
    let bad = [
        ("unknown", "permessage-deflate; nobody_knows"),
        ("value-unasked", "permessage-deflate; client_no_context_takeover=1"),
        ("window-without-value", "permessage-deflate; server_max_window_bits"),
        ("window-7", "permessage-deflate; server_max_window_bits=7"),
        ("window-16", "permessage-deflate; server_max_window_bits=16"),
        ("window-leading-zero", "permessage-deflate; server_max_window_bits=010"),
        ("repeated", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
    ];
    let case = |(name, answer): (&str, &'static str)| Case {
        id: "7692-7-2",
        name: format!("answer-{name}"),
        side: Some(Side::Client),
        title: format!("the answer {answer}"),
        what: What::Response(vec![Edit::Set(EXTENSIONS, answer)], Wanted::Refused),
    };
    bad.into_iter().map(case).collect()
}
