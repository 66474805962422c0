//! A request in a draft, at the door of a server that speaks it (feature `legacy`). What such a request has to say,
//! `legacy::handshake::server` knows.
//!
//! | step | ends with |
//! |---|---|
//! | [`meant`]: the version is enabled | `None`: RFC 6455 takes the request, and says what is wrong with it |
//! | in order, and welcome | what the version has: an answer in HTTP, or the end of the stream |
//! | the hook `on_request` decides | what it answers; the stream handed over |
//! | hybi-00 to -03: eight bytes behind the head | the end of the stream |
//! | a WebSocket is agreed on | 101, and an open connection |

use std::sync::Arc;

use super::decision::{Accept, Decision, HandOver};
use super::handover::Handover;
use super::request::Request;
use super::talk::Talk;
use super::terms::{Ends, Terms};
use super::{answer, decide, refuse};
use crate::error::{Error, HandshakeFault, Misuse, Refusal, Result, Step};
use crate::legacy::detect::{detect, Detected};
use crate::legacy::handshake::server::{self, Answer, Offer};
use crate::legacy::handshake::Agreed;
use crate::legacy::parts::{Origins as Header, Proof, Refusing, Subprotocols};
use crate::legacy::table::Row;
use crate::legacy::Version;
use crate::primitives::entropy::Entropy;
use crate::protocol::handshake::client::key;
use crate::protocol::handshake::origin::Origins;
use crate::trace::{Watch, What};
use crate::transport::stream::Stream;
use crate::websocket::codec::Codec;
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use crate::wire::header;
use crate::wire::http::Head;

/// How many bytes stand behind a request of hybi-00 to -03.
const BODY: usize = 8;

/// What a server speaks beside RFC 6455.
#[derive(Debug, Clone, Default)]
pub(crate) struct Enabled {
    pub(crate) versions: Vec<Version>,
    pub(crate) deflate_stream: bool,
}

impl Enabled {
    /// As `Sec-WebSocket-Version` has it, the newest first. 6455-4.4-1: all of them.
    pub(super) fn list(&self) -> String {
        let spoken = |version: &Version| *version == Version::Rfc6455 || self.versions.contains(version);
        let numbers = Version::ALL.into_iter().rev().filter(spoken).filter_map(Version::number);
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// The version of a request, if it is a draft that is enabled.
pub(super) fn meant(head: &Head, terms: &Terms) -> Result<Option<&'static Row>> {
    if terms.drafts.versions.is_empty() {
        return Ok(None);
    }
    match detect(head) {
        Detected::Versions(versions) => {
            Ok(versions.iter().find(|version| terms.drafts.versions.contains(version)).map(|&version| Row::of(version)))
        }
        // hybi04-5.2.1-1: RFC 6455 answers with the list.
        Detected::Other => Ok(None),
        Detected::Fault(fault) => Err(Error::Handshake(Refusal::new(fault))),
    }
}

/// Goes on with the opening handshake of a draft.
pub(super) fn accept(
    talk: &Talk<'_>,
    (stream, ends): (&Arc<Stream>, Ends),
    request: Request,
    mut early: Vec<u8>,
    (row, terms, watch): (&'static Row, &Terms, &Watch),
) -> Result<WebSocket> {
    let refused = |error| refuse_in(row, talk, error, terms);
    let origins = terms.origins.as_deref().map_or(Origins::Any, Origins::SameHostAnd);
    let fault = |fault| refused(Error::Handshake(Refusal::new(fault)));
    let offer = server::check(row, request.head(), origins).map_err(fault)?;
    let accept = match decide(&request, terms).map_err(refused)? {
        Decision::Accept(accept) => accept,
        Decision::Respond(response) => return Err(answer(talk, &request, &response, terms)),
        Decision::HandOver(HandOver(take)) => {
            drop(offer);
            watch.tell(|| What::HandedOver);
            let _guard = watch.guard();
            take(Handover::new(stream.clone(), request, early, &terms.timeouts));
            return Err(Error::Handshake(Refusal::new(HandshakeFault::HandedOver)));
        }
    };
    let body = match row.proof {
        Proof::Challenge => body(talk, &mut early).map_err(refused)?,
        Proof::None | Proof::Accept | Proof::AcceptAndNonce => [0; BODY],
    };
    let nonce = nonce(row).map_err(refused)?;
    let agreed = agree(&offer, &accept, &nonce, terms).map_err(refused)?;
    let scheme = scheme(stream, &request);
    let bytes = offer.response(&Answer { agreed: &agreed, scheme, body, nonce: &nonce, extra: &accept.headers });
    drop(offer);
    talk.write(bytes, &[]).inspect_err(|_| stream.shut())?;
    let about = About {
        peer: ends.peer,
        local: ends.local,
        subprotocol: agreed.subprotocol.clone(),
        request: Some(request),
        response: None,
        watch: watch.clone(),
    };
    let limits = accept.limits.unwrap_or(terms.limits);
    let timeouts = accept.timeouts.unwrap_or(terms.timeouts);
    let codec = Codec::draft(Role::Server, (row, &agreed), limits, &early, None);
    Ok(WebSocket::new(stream.clone(), codec, (limits, timeouts), about))
}

/// What both sides speak.
fn agree(offer: &Offer<'_>, accept: &Accept, nonce: &str, terms: &Terms) -> Result<Agreed> {
    if let Some(fault) = &accept.fault {
        return Err(fault.clone().into());
    }
    let subprotocol = match &accept.subprotocol {
        Some(name) if !offer.subprotocols.contains(&name.as_str()) => {
            return Err(Misuse::SubprotocolNotOffered(name.clone()).into());
        }
        Some(name) => Some(name.clone()),
        None => offer.choose(&terms.subprotocols).map_err(|fault| Error::Handshake(Refusal::new(fault)))?,
    };
    let deflate_stream = offer.deflate_stream && terms.drafts.deflate_stream;
    Ok(Agreed { subprotocol, deflate_stream, masking_key: offer.masking_key(nonce) })
}

/// The eight bytes behind the head. They may come with it, later, or one by one; what comes behind them is the connection's.
fn body(talk: &Talk<'_>, early: &mut Vec<u8>) -> Result<[u8; BODY]> {
    talk.read_to(early, BODY)?;
    let behind = early.split_off(BODY.min(early.len()));
    let body = std::mem::replace(early, behind);
    body.try_into().map_err(|_| Error::Handshake(Refusal::new(HandshakeFault::Ended)))
}

/// Fresh for each connection, where there is one.
fn nonce(row: &Row) -> Result<String> {
    if row.proof != Proof::AcceptAndNonce {
        return Ok(String::new());
    }
    let mut nonce = [0; 16];
    Entropy::system().fill(&mut nonce).map_err(|error| Error::io(Step::Entropy, error))?;
    Ok(key(nonce))
}

/// By which the client asked. Behind a proxy that ends TLS, only the proxy knows. To believe it does no harm: a client that
/// is told another scheme than its own goes away.
fn scheme(stream: &Stream, request: &Request) -> &'static str {
    if let Stream::Tls(_) = stream {
        return "wss";
    }
    match request.header("X-Forwarded-Proto") {
        Some(proto) if proto.eq_ignore_ascii_case("https") || proto.eq_ignore_ascii_case("wss") => "wss",
        Some(_) | None => "ws",
    }
}

/// Says no as the version has it. hybi09-5.2.2-1
fn refuse_in(row: &Row, talk: &Talk<'_>, error: Error, terms: &Terms) -> Error {
    match row.refusal {
        Refusing::Http => refuse(talk, error, terms),
        Refusing::EndOfStream => {
            talk.stream.shut();
            error
        }
    }
}

// ── what a request of a draft says, for users ───────────────────────────────────────────────────────────────────────

/// The origin, where it does not stand in `Origin`.
pub(super) fn origin(request: &Request) -> Option<&str> {
    match Row::of(request.version()).origins {
        Header::Prefixed { .. } => request.header("Sec-WebSocket-Origin"),
        Header::Plain { .. } => None,
    }
}

/// The subprotocols offered.
pub(super) fn subprotocols(request: &Request) -> Vec<&str> {
    let row = Row::of(request.version());
    match row.subprotocols {
        Subprotocols::List => {
            request.head().get_all(row.subprotocols.header()).flat_map(header::tokens).filter_map(Result::ok).collect()
        }
        Subprotocols::OnePlain | Subprotocols::One | Subprotocols::Spaced => {
            server::subprotocols(row, request.head()).unwrap_or_default()
        }
    }
}
