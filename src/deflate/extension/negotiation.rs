//! Negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1) as pure functions: [`offer`] for a client's request,
//! [`accept`] for the server's answer, [`check`] for the client that receives it.
//!
//! Knows lists of extensions; must not know HTTP heads. The four parameters:
//!
//! | parameter | in an offer | in an answer |
//! |---|---|---|
//! | `server_no_context_takeover` | required of the server | the server does it |
//! | `client_no_context_takeover` | the client does it in any case | required of the client |
//! | `server_max_window_bits=N` | required of the server | the server does it |
//! | `client_max_window_bits` | the client can be limited | not valid |
//! | `client_max_window_bits=N` | the same, and the client does it in any case | required of the client |
//!
//! 6455-9-4: N is 8 to 15, decimal, without leading zeros, and may be quoted. Anything else, and any repeated parameter, makes
//! the element invalid: a server ignores it, a client fails the handshake.

use std::fmt::Write as _;
use std::mem;

use crate::deflate::extension::{Deflate, Direction};
use crate::deflate::WindowBits;
#[cfg(feature = "client")]
use crate::error::{HandshakeErrorKind, ResponseErrorKind};
use crate::handshake::header::Extension;

// 6455-9.1-4: the registered name.
const NAME: &str = "permessage-deflate";
#[cfg(feature = "client")]
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

const SERVER_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";

/// The negotiated parameters of a connection (7692-5-13), in the terms of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// How this side compresses.
    pub(crate) send: Direction,
    /// How the peer compresses.
    pub(crate) receive: Direction,
}

/// The value of `Sec-WebSocket-Extensions` that offers compression (7692-5-1).
///
/// | own | offer |
/// |---|---|
/// | default | `permessage-deflate; client_max_window_bits` |
/// | `client_max_window_bits(N)` | `…; client_max_window_bits=N` |
/// | `server_no_context_takeover()` | `…; server_no_context_takeover; client_max_window_bits` |
/// | `client_no_context_takeover()` | `…; client_no_context_takeover; client_max_window_bits` |
/// | `server_max_window_bits(N)` | `A; server_max_window_bits=N, A` where A is the offer without it |
///
/// 15 bits is the default, so N is 8 to 14.
#[cfg(feature = "client")]
pub(crate) fn offer(own: &Deflate) -> String {
    // 7692-7.1.1.1-1, and 7692-7.1.1.2-1: a hint, so that the server need not keep a window.
    let mut offer = element(own.server, own.client);
    // 7692-7.1.2.2-1: always present, because without it the server could not limit the window it has to keep.
    // 7692-5-4, 7692-7.1.2.2-2: the value is a hint.
    let _ = write!(offer, "; {CLIENT_WINDOW}");
    if own.client.bits < WindowBits::MAX {
        let _ = write!(offer, "={}", own.client.bits.bits());
    }
    if own.server.bits < WindowBits::MAX {
        // 7692-5-3, 7692-7.1.2.1-1, 7692-7.1.2.1-2: the limit on the window this client keeps. 7692-5-2: a server
        // that does not support it would have to decline, so a second offer omits it.
        return format!("{offer}; {SERVER_WINDOW}={}, {offer}", own.server.bits.bits());
    }
    offer
}

/// The answer of a server to the extensions that a client offers: the parameters, and the element for the response.
///
/// Takes the first valid offer, in the client's order of preference. `None`: no offer is valid, so the response
/// has no such element (7692-5-11) and nothing is compressed. Every valid offer can be accepted.
///
/// | offered | own | in the answer |
/// |---|---|---|
/// | `server_no_context_takeover`, or not | set, or not | `server_no_context_takeover` if either |
/// | `client_no_context_takeover`, or not | set, or not | `client_no_context_takeover` if either |
/// | `server_max_window_bits=N` | M bits | `server_max_window_bits` = the smaller |
/// | no `server_max_window_bits` | M bits | `server_max_window_bits=M`, unless M is 15 |
/// | `client_max_window_bits=N` | M bits | `client_max_window_bits` = the smaller, unless that is 15 |
/// | `client_max_window_bits` | M bits | `client_max_window_bits=M`, unless M is 15 |
/// | no `client_max_window_bits` | M bits | nothing: messages are received with 15 bits |
#[cfg(feature = "server")]
pub(crate) fn accept(offers: &[Extension<'_>], own: &Deflate) -> Option<(Agreed, String)> {
    // 7692-7-1: an offer that is not valid is declined, and the next one is tried.
    let offered = offers.iter().filter(|offer| offer.name == NAME).find_map(|o| Parameters::read(o, Place::Offer))?;
    // 7692-7.1.1.1-s1, 7692-7.1.1.1-2: as the client requires. 7692-7.1.1.1-3, 7692-7.1.2.1-4: or by own choice.
    let send = Direction {
        bits: offered.server_window.unwrap_or(WindowBits::MAX).min(own.server.bits),
        takeover: own.server.takeover && !offered.server_no_takeover,
    };
    // 7692-7.1.1.2-2, 7692-7.1.2.2-3: a window that the client will not use need not be kept.
    // 7692-7.1.2.2-5, 7692-7.2.2-9: a client that did not offer to be limited may use any window.
    let receive = Direction {
        bits: offered.client_window.map_or(WindowBits::MAX, |hint| hint.min(own.client.bits)),
        takeover: own.client.takeover && !offered.client_no_takeover,
    };
    // 7692-5-5, 7692-5-6: the answer has exactly the parameters determined above.
    let mut answer = element(send, receive);
    // 7692-7.1.2.1-3: acknowledged even if it limits nothing, because a client may require that.
    if offered.server_window.is_some() || send.bits < WindowBits::MAX {
        let _ = write!(answer, "; {SERVER_WINDOW}={}", send.bits.bits());
    }
    // 7692-7.1.2.2-4
    if receive.bits < WindowBits::MAX {
        let _ = write!(answer, "; {CLIENT_WINDOW}={}", receive.bits.bits());
    }
    Some((Agreed { send, receive }, answer))
}

/// Checks the extensions that a server accepted, after [`offer`] was sent. `None`: nothing is compressed.
///
/// | answer | verdict |
/// |---|---|
/// | nothing | no compression |
/// | any other extension, or two elements | fails |
/// | an invalid element, or `client_max_window_bits` without a value | fails |
/// | `server_no_context_takeover` | the server does not take over |
/// | no `server_no_context_takeover` | fails if this client required it, else the server may take over |
/// | `client_no_context_takeover` | this client does not take over, offered or not |
/// | `server_max_window_bits=N` | received with N bits, whatever was offered |
/// | no `server_max_window_bits` | received with 15 bits |
/// | `client_max_window_bits=N` | sent with N bits, or the own limit if that is less |
///
/// Two rows accept more than it seems necessary. A server may send a larger `server_max_window_bits` than offered, because
/// one of the offers omits it. It may answer a hint with a larger `client_max_window_bits`, because it may ignore
/// hints.
///
/// # Errors
/// [`ResponseErrorKind::ExtensionNotOffered`] for another extension, [`HandshakeErrorKind::InvalidHeader`] for any other
/// failure.
#[cfg(feature = "client")]
pub(crate) fn check(answer: &[Extension<'_>], own: &Deflate) -> Result<Option<Agreed>, HandshakeErrorKind> {
    // 7692-5-8, 7692-5-10, 7692-5-12: no other extension was offered, compatible or not.
    if answer.iter().any(|extension| extension.name != NAME) {
        return Err(HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered));
    }
    let element = match answer {
        [] => return Ok(None),
        [element] => element,
        // A second element would use RSV1 as well.
        [_, _, ..] => return Err(HandshakeErrorKind::InvalidHeader(EXTENSIONS)),
    };
    // 7692-7-2. CVE-2026-2229: a window of another size must not reach the decompressor.
    let answered = Parameters::read(element, Place::Answer).ok_or(HandshakeErrorKind::InvalidHeader(EXTENSIONS))?;
    // 7692-7.1.1.1-s1: without it, none of the offers was accepted.
    if !own.server.takeover && !answered.server_no_takeover {
        return Err(HandshakeErrorKind::InvalidHeader(EXTENSIONS));
    }
    Ok(Some(Agreed {
        send: Direction {
            // 7692-7.2.1-13: any size within what the server can take.
            bits: answered.client_window.unwrap_or(WindowBits::MAX).min(own.client.bits),
            // 7692-7.1.1.2-3: offered or not.
            takeover: own.client.takeover && !answered.client_no_takeover,
        },
        // 7692-7.2.2-7: without the parameter, the window has 32,768 bytes.
        receive: Direction {
            bits: answered.server_window.unwrap_or(WindowBits::MAX),
            takeover: !answered.server_no_takeover,
        },
    }))
}

/// 7692-4-2: the name, and the parameters without a value.
fn element(server: Direction, client: Direction) -> String {
    let mut text = NAME.to_owned();
    for (direction, name) in [(server, SERVER_TAKEOVER), (client, CLIENT_TAKEOVER)] {
        if !direction.takeover {
            text += "; ";
            text += name;
        }
    }
    text
}

/// The message an element belongs to. Only an offer may have `client_max_window_bits` without a value.
#[derive(Clone, Copy)]
enum Place {
    #[cfg(feature = "server")]
    Offer,
    #[cfg(feature = "client")]
    Answer,
}

/// The parameters of a valid element.
#[derive(Default)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window: Option<WindowBits>,
    /// 15 bits if an offer has no value: both leave the size to the server.
    client_window: Option<WindowBits>,
}

impl Parameters {
    /// `None` if the element is not valid: 7692-7-1 for an offer, 7692-7-2 for an answer. Names are compared exactly.
    fn read(element: &Extension<'_>, place: Place) -> Option<Parameters> {
        let mut read = Parameters::default();
        for (name, value) in &element.params {
            let first = match (*name, value.as_deref(), place) {
                (SERVER_TAKEOVER, None, _) => !mem::replace(&mut read.server_no_takeover, true),
                (CLIENT_TAKEOVER, None, _) => !mem::replace(&mut read.client_no_takeover, true),
                (SERVER_WINDOW, Some(digits), _) => read.server_window.replace(window(digits)?).is_none(),
                (CLIENT_WINDOW, Some(digits), _) => read.client_window.replace(window(digits)?).is_none(),
                #[cfg(feature = "server")]
                (CLIENT_WINDOW, None, Place::Offer) => read.client_window.replace(WindowBits::MAX).is_none(),
                // Unknown; in an answer without a value; or with a value it must not have, or without one it must have.
                _ => false,
            };
            if !first {
                return None;
            }
        }
        Some(read)
    }
}

/// 8 to 15, decimal, without leading zeros. `parse` would accept a plus sign, too.
fn window(digits: &str) -> Option<WindowBits> {
    if digits.starts_with(['0', '+']) {
        return None;
    }
    digits.parse().ok().and_then(WindowBits::new)
}

#[cfg(all(test, feature = "client", feature = "server"))]
mod tests {
    use super::*;
    use crate::handshake::header;

    fn list(value: &str) -> Vec<Extension<'_>> {
        header::extensions((!value.is_empty()).then_some(value.as_bytes())).unwrap()
    }

    fn bits(number: u8) -> WindowBits {
        WindowBits::new(number).unwrap()
    }

    /// `s10` and `c10` are windows, `s!` and `c!` no context takeover, of the server and of the client.
    fn own(words: &str) -> Deflate {
        words.split_whitespace().fold(Deflate::default(), |own, word| match word.split_at(1) {
            ("s", "!") => own.server_no_context_takeover(),
            ("c", "!") => own.client_no_context_takeover(),
            ("s", number) => own.server_max_window_bits(bits(number.parse().unwrap())),
            ("c", number) => own.client_max_window_bits(bits(number.parse().unwrap())),
            (other, _) => panic!("{other}"),
        })
    }

    /// In the same way: how this side sends, and what it receives.
    fn show(agreed: Agreed) -> String {
        let show = |d: Direction| format!("{}{}", d.bits.bits(), if d.takeover { "" } else { "!" });
        format!("{} {}", show(agreed.send), show(agreed.receive))
    }

    /// `$` stands for the name.
    fn spelled(value: &str) -> String {
        value.replace('$', NAME)
    }

    #[test]
    fn offers() {
        let rows = [
            // 7692-5-1, 7692-4-2, 7692-7.1.2.2-1: no hint where there is nothing to hint.
            ("", "$; client_max_window_bits"),
            ("s15 c15", "$; client_max_window_bits"),
            // 7692-5-4, 7692-7.1.2.2-1, 7692-7.1.2.2-2
            ("c8", "$; client_max_window_bits=8"),
            ("c14", "$; client_max_window_bits=14"),
            // 7692-7.1.1.1-1
            ("s!", "$; server_no_context_takeover; client_max_window_bits"),
            // 7692-7.1.1.2-1
            ("c!", "$; client_no_context_takeover; client_max_window_bits"),
            // 7692-5-2, 7692-5-3, 7692-7.1.2.1-1, 7692-7.1.2.1-2
            ("s8", "$; client_max_window_bits; server_max_window_bits=8, $; client_max_window_bits"),
            ("s14", "$; client_max_window_bits; server_max_window_bits=14, $; client_max_window_bits"),
            (
                "s9 s! c10 c!",
                "$; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10; \
                 server_max_window_bits=9, \
                 $; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10",
            ),
        ];
        for (words, want) in rows {
            assert_eq!(offer(&own(words)), spelled(want), "{words}");
        }
    }

    /// What is offered, what the server has, its answer, and how it then sends and receives.
    #[test]
    fn answers() {
        let rows = [
            // 7692-5-5, 7692-5-6, 7692-7.1.2.2-5: nothing requested, nothing answered.
            ("$", "", "$", "15 15"),
            ("$; client_max_window_bits", "", "$", "15 15"),
            // 7692-7.1.1.1-s1, 7692-7.1.1.1-2, 7692-7.1.1.1-3
            ("$; server_no_context_takeover", "", "$; server_no_context_takeover", "15! 15"),
            ("$; server_no_context_takeover", "s!", "$; server_no_context_takeover", "15! 15"),
            ("$", "s!", "$; server_no_context_takeover", "15! 15"),
            // 7692-7.1.1.2-1, 7692-7.1.1.2-2
            ("$; client_no_context_takeover", "", "$; client_no_context_takeover", "15 15!"),
            ("$; client_no_context_takeover", "c!", "$; client_no_context_takeover", "15 15!"),
            ("$", "c!", "$; client_no_context_takeover", "15 15!"),
            // 7692-7.1.2.1-3: acknowledged, and never above what was asked for. 7692-7.1.2.1-4: not asked for.
            ("$; server_max_window_bits=8", "", "$; server_max_window_bits=8", "8 15"),
            ("$; server_max_window_bits=15", "", "$; server_max_window_bits=15", "15 15"),
            ("$; server_max_window_bits=12", "s10", "$; server_max_window_bits=10", "10 15"),
            ("$; server_max_window_bits=10", "s12", "$; server_max_window_bits=10", "10 15"),
            ("$", "s12", "$; server_max_window_bits=12", "12 15"),
            // 7692-7.1.2.2-3, 7692-7.1.2.2-4
            ("$; client_max_window_bits=9", "", "$; client_max_window_bits=9", "15 9"),
            ("$; client_max_window_bits=15", "", "$", "15 15"),
            ("$; client_max_window_bits=12", "c10", "$; client_max_window_bits=10", "15 10"),
            ("$; client_max_window_bits=10", "c12", "$; client_max_window_bits=10", "15 10"),
            ("$; client_max_window_bits", "c10", "$; client_max_window_bits=10", "15 10"),
            // 7692-7.1.2.2-5, 7692-7.2.2-9: it cannot be limited.
            ("$", "c10", "$", "15 15"),
            // Both directions at once, in any order, and quoted.
            (
                "$; client_max_window_bits=\"11\"; server_max_window_bits=\"1\\0\"; client_no_context_takeover",
                "s! c14",
                "$; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; \
                 client_max_window_bits=11",
                "10! 11!",
            ),
            // The examples of RFC 7692 section 7.1.3.
            ("$; client_max_window_bits; server_max_window_bits=10", "", "$; server_max_window_bits=10", "10 15"),
            // 7692-5-2: the first that is valid; other extensions are passed over.
            (
                "foo; server_max_window_bits=9, $; server_max_window_bits=10, $",
                "",
                "$; server_max_window_bits=10",
                "10 15",
            ),
            ("$, $; server_no_context_takeover", "", "$", "15 15"),
            (
                "$; x, $; server_max_window_bits=16, $; server_no_context_takeover",
                "",
                "$; server_no_context_takeover",
                "15! 15",
            ),
        ];
        for (offered, words, want, agreed) in rows {
            let offered = spelled(offered);
            let (got, answer) = accept(&list(&offered), &own(words)).unwrap();
            assert_eq!((answer, show(got)), (spelled(want), agreed.to_owned()), "{offered} to {words}");
        }
    }

    /// What is accepted, what the client has, and how it then sends and receives.
    #[test]
    fn verdicts_on_answers() {
        let rows = [
            ("$", "", "15 15"),
            // 7692-7.1.1.1-s1, 7692-7.1.1.1-3
            ("$; server_no_context_takeover", "s!", "15 15!"),
            ("$; server_no_context_takeover", "", "15 15!"),
            // 7692-7.1.1.2-2, 7692-7.1.1.2-3; and this client keeps its own limits in any case.
            ("$; client_no_context_takeover", "", "15! 15"),
            ("$; client_no_context_takeover", "c!", "15! 15"),
            ("$", "c!", "15! 15"),
            // 7692-7.1.2.1-4: not asked for, as servers in Python do. 7692-7.2.2-7.
            ("$; server_max_window_bits=12", "", "15 12"),
            ("$; server_max_window_bits=8", "s10", "15 8"),
            ("$; server_max_window_bits=10", "s10", "15 10"),
            // The offer without a limit was accepted.
            ("$; server_max_window_bits=12", "s10", "15 12"),
            ("$", "s10", "15 15"),
            // 7692-7.1.2.2-3, 7692-7.2.1-13
            ("$; client_max_window_bits=10", "", "10 15"),
            ("$; client_max_window_bits=\"10\"", "c12", "10 15"),
            ("$; client_max_window_bits=12", "c10", "10 15"),
            ("$", "c10", "10 15"),
            (
                "$; client_max_window_bits=9; server_max_window_bits=11; client_no_context_takeover; \
                 server_no_context_takeover",
                "",
                "9! 11!",
            ),
        ];
        for (answer, words, want) in rows {
            let text = spelled(answer);
            let agreed = check(&list(&text), &own(words)).unwrap().unwrap();
            assert_eq!(show(agreed), want, "{answer} to {words}");
        }
        // 7692-5-11: it was declined.
        assert_eq!(check(&[], &own("")), Ok(None));
        assert_eq!(check(&[], &own("s! s8 c! c8")), Ok(None));
    }

    #[test]
    fn answers_that_fail_the_handshake() {
        let (foreign, wrong) = (
            HandshakeErrorKind::Response(ResponseErrorKind::ExtensionNotOffered),
            HandshakeErrorKind::InvalidHeader(EXTENSIONS),
        );
        let rows = [
            // 7692-5-12; 7692-5-8, 7692-5-10: another one besides, in either order.
            ("foo", "", &foreign),
            ("Permessage-Deflate", "", &foreign),
            ("$, foo", "", &foreign),
            ("permessage-bzip2, $", "", &foreign),
            ("$, $", "", &wrong),
            ("$; server_max_window_bits=10, $", "s10", &wrong),
            // 7692-7-2
            ("$; client_max_window_bits", "", &wrong),
            // 7692-7.1.1.1-s1
            ("$", "s!", &wrong),
            ("$; client_no_context_takeover", "s!", &wrong),
        ];
        for (answer, words, want) in rows {
            assert_eq!(check(&list(&spelled(answer)), &own(words)), Err(want.clone()), "{answer} to {words}");
        }
    }

    #[test]
    fn parameters_that_are_not_valid() {
        // 7692-7-1, 7692-7-2, 7692-7.1.2.1-3, 7692-7.1.2.2-4. CVE-2026-2229: windows that there are not.
        let numbers =
            ["7", "16", "0", "00", "08", "010", "+8", "+10", "-8", "1", "100", "264", "8.0", "0x8", "a", "4294967304"];
        let windows = [SERVER_WINDOW, CLIENT_WINDOW];
        let numbers = numbers.iter().flat_map(|n| windows.map(|name| format!("{name}={n}")));
        let quoted = windows.map(|name| format!("{name}=\"16\""));
        let others = [
            // Without a value that it must have, and with one that it must not have.
            "server_max_window_bits",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover=\"server_no_context_takeover\"",
            // Twice, with equal or different values.
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=10; client_max_window_bits=11",
            "client_max_window_bits; client_max_window_bits=10",
            "client_max_window_bits=10; client_max_window_bits",
            "client_max_window_bits; client_max_window_bits",
            // Unknown.
            "max_window_bits=10",
            "no_context_takeover",
            "Server_No_Context_Takeover",
            "SERVER_MAX_WINDOW_BITS=10",
            "server_max_window_bits=10; x",
            "x=8",
        ];
        for parameters in numbers.chain(quoted).chain(others.map(str::to_owned)) {
            let element = format!("{NAME}; {parameters}");
            assert_eq!(accept(&list(&element), &own("")), None, "{element}");
            assert_eq!(
                check(&list(&element), &own("")),
                Err(HandshakeErrorKind::InvalidHeader(EXTENSIONS)),
                "{element}"
            );
            // The server tries the next offer.
            let offered = format!("{element}, {NAME}; server_max_window_bits=9");
            let (_, answer) = accept(&list(&offered), &own("")).unwrap();
            assert_eq!(answer, spelled("$; server_max_window_bits=9"), "{element}");
        }
        let good: Vec<u8> = (0..=255).filter(|n| window(&n.to_string()).is_some()).collect();
        assert_eq!(good, [8, 9, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn nothing_is_accepted_that_is_not_offered() {
        // 7692-5-11
        for offered in
            ["", "foo", "permessage-bzip2; server_max_window_bits=10", "PERMESSAGE-DEFLATE", "x-webkit-deflate-frame"]
        {
            assert_eq!(accept(&list(offered), &own("s! c!")), None, "{offered}");
        }
    }

    /// 7692-5-13: whatever the two are set to, each sends exactly as the other receives.
    #[test]
    fn both_sides_negotiate_the_same() {
        let settings: Vec<Deflate> = ["", "s8", "s10", "s14"]
            .iter()
            .flat_map(|server| ["", "c8", "c10", "c14"].map(|client| format!("{server} {client}")))
            .flat_map(|windows| ["", "s!", "c!", "s! c!"].map(|takeover| own(&format!("{windows} {takeover}"))))
            .collect();
        for client in &settings {
            let offered = offer(client);
            let offered = list(&offered);
            for server in &settings {
                let (there, answer) = accept(&offered, server).unwrap();
                let here = check(&list(&answer), client).unwrap().unwrap();
                assert_eq!((here.send, here.receive), (there.receive, there.send), "{client:?} {server:?}");
                // Each side keeps its own limits, and the server obeys the offer.
                assert!(here.send.bits == client.client.bits.min(server.client.bits), "{client:?} {server:?}");
                assert!(there.send.bits == client.server.bits.min(server.server.bits), "{client:?} {server:?}");
                assert_eq!(here.send.takeover, client.client.takeover && server.client.takeover);
                assert_eq!(there.send.takeover, client.server.takeover && server.server.takeover);
            }
        }
    }
}
