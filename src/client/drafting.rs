//! A client of the drafts (feature `legacy`): which versions it speaks, and the opening handshake of those before RFC 6455.
//! What has to be said in which version, `legacy::handshake::client` knows.
//!
//! ```text
//! version     RFC 6455      as without the feature
//!             a draft       its own handshake, then its own codec
//! fall_back   a refusal that lists versions: the newest of them that is allowed and was not tried, on a new connection
//! ```

use super::opening::{failed, Input};
use super::redirects::Target;
use super::Client;
use crate::error::{Error, HandshakeFault, Refusal, Result, Step};
use crate::legacy::handshake::client::{check_subprotocols, Asking};
use crate::legacy::handshake::proof::Challenge;
use crate::legacy::handshake::DEFLATE_STREAM;
use crate::legacy::parts::{Extensions, Proof, Refusing};
use crate::legacy::table::Row;
use crate::legacy::Version;
use crate::primitives::entropy::Entropy;
use crate::protocol::handshake::client::Request;
use crate::transport::deadline::Deadline;
use crate::transport::outbox::{Limit, Outbox};
use crate::transport::stream::Stream;
use crate::upgrade::Response;
use crate::websocket::codec::Codec;
use crate::websocket::{About, WebSocket};
use crate::wire::frame::Role;
use crate::wire::http::{Head, HeadParser, Progress};

/// The versions a client speaks.
#[derive(Debug, Clone, Default)]
pub(super) struct Spoken {
    version: Version,
    fall_back: Vec<Version>,
    deflate_stream: bool,
}

impl Client {
    /// Speaks this version. Default: [`Version::Rfc6455`]. Feature `legacy`.
    ///
    /// Drafts before hybi-04 do not mask what they send, so a page that decides what is sent could deceive a proxy
    /// on the way (RFC 6455 section 10.3); hixie-75 proves nothing either. Versions up to hybi-03 and hybi-04 have to state an
    /// origin: without [`origin`](Client::origin) it is that of a page on the host itself.
    ///
    /// permessage-deflate is offered by RFC 6455 alone.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server, Version};
    /// let server = Server::bind("127.0.0.1:0")?.also_versions([Version::HIXIE76]).start(|mut ws| {
    ///     while let Some(message) = ws.recv()? { ws.send(&message)?; }
    ///     Ok(())
    /// })?;
    /// let url = format!("ws://{}", server.local_addr());
    /// let mut ws = Client::new(&url)?.version(Version::HIXIE76).connect()?;
    /// assert_eq!(ws.version(), Version::HIXIE76);
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn version(mut self, version: Version) -> Client {
        self.spoken.version = version;
        self
    }

    /// Speaks one of these as well, if the server says so. Default: none. Feature `legacy`.
    ///
    /// A server that refuses a version may list those it speaks in `Sec-WebSocket-Version` (RFC 6455 section 4.4). Then
    /// [`connect`](Client::connect) opens another connection with the newest of them that is named here, each at most once, all
    /// within one [`Timeouts::connect`](crate::Timeouts::connect). Only versions with a [number](Version::number) can be
    /// listed. [`connect_over`](Client::connect_over) has only one stream, and does not try again.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Version};
    /// let client = Client::new("ws://camera.local/stream")?.fall_back([Version::Hybi08, Version::Hybi07]);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fall_back(mut self, versions: impl IntoIterator<Item = Version>) -> Client {
        self.spoken.fall_back = versions.into_iter().collect();
        self
    }

    /// Offers `deflate-stream`, the extension of hybi-04 to version 8 that compresses all that is sent. Off unless called, and not
    /// offered in other versions. Feature `legacy`.
    ///
    /// Compressing secrets beside what somebody else chose gives the secrets away by the size of what is sent.
    pub fn deflate_stream(mut self) -> Client {
        self.spoken.deflate_stream = true;
        self
    }

    /// The version that is spoken, where it is not RFC 6455.
    pub(super) fn draft(&self) -> Option<&'static Row> {
        (self.spoken.version != Version::Rfc6455).then(|| Row::of(self.spoken.version))
    }
}

/// Connects in the version that is spoken, and after that in those that the server lists.
pub(super) fn falling_back(client: &Client, connect: impl Fn(&Client) -> Result<WebSocket>) -> Result<WebSocket> {
    check_subprotocols(Row::of(client.spoken.version), &client.subprotocols)?;
    let mut result = connect(client);
    let mut left = client.spoken.fall_back.clone();
    left.retain(|&version| version != client.spoken.version);
    loop {
        let Err(Error::Handshake(refusal)) = &result else { return result };
        let Some(version) = next(refusal, &left) else { return result };
        left.retain(|&other| other != version);
        result = connect(&client.clone().version(version));
    }
}

/// The newest version that a refusal lists and that is allowed.
fn next(refusal: &Refusal, allowed: &[Version]) -> Option<Version> {
    let listed = |version: &Version| {
        let number = version.number().map(|number| number.to_string());
        let lists = refusal.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Version"));
        lists.flat_map(|(_, list)| list.split(',')).any(|one| Some(one.trim()) == number.as_deref())
    };
    match refusal.fault() {
        HandshakeFault::Status(_) => allowed.iter().copied().filter(listed).max(),
        _ => None,
    }
}

/// Makes the opening handshake of a draft.
#[allow(clippy::too_many_arguments)] // As many as the handshake of RFC 6455 takes, and the version.
pub(super) fn open(
    client: &Client,
    target: &Target<'_>,
    row: &'static Row,
    (stream, about): (Stream, About),
    (mut entropy, key): (Entropy, &str),
    unread: fn(u16) -> bool,
    deadline: Deadline,
) -> Result<WebSocket> {
    let challenge = match row.proof {
        Proof::Challenge => Some(Challenge::draw(&mut entropy).map_err(|error| Error::io(Step::Entropy, error))?),
        Proof::None | Proof::Accept | Proof::AcceptAndNonce => None,
    };
    let offers = client.spoken.deflate_stream && row.extensions != Extensions::None;
    let request = Request {
        uri: &target.uri,
        key,
        headers: &target.headers,
        origin: client.origin.as_deref(),
        subprotocols: &client.subprotocols,
        extensions: offers.then_some(DEFLATE_STREAM),
    };
    let asking = Asking { row, request, challenge };
    Outbox::default().write(&stream, &asking.bytes()?, Limit::Whole(deadline)).map_err(failed)?;
    let mut input = Input::new(&stream, deadline);
    let (raw, head) = response(row, &mut input)?;
    let agreed = match asking.check(&raw, &head) {
        Ok(agreed) => agreed,
        Err(fault) => {
            // Only an answer in HTTP has a body.
            let body = match fault {
                HandshakeFault::Status(status) if !unread(status) => input.body(&head),
                _ => Vec::new(),
            };
            return Err(Error::Handshake(Refusal::new(fault).with_answer(head.status(), head.shown_fields(), body)));
        }
    };
    let answer = exactly(&mut input, asking.answer_length())?;
    asking.check_answer(&answer).map_err(refused)?;
    let early = input.bytes().to_vec();
    let about = About { subprotocol: agreed.subprotocol.clone(), response: Some(Response::new(head)), ..about };
    let codec = Codec::draft(Role::Client, (row, &agreed), client.limits, &early, Some(entropy));
    Ok(WebSocket::new(stream, codec, (client.limits, client.timeouts), about))
}

/// The head of the response, as it came and taken apart. Interim responses are HTTP's, so only those versions know them
/// that leave a refusal to HTTP.
fn response(row: &Row, input: &mut Input<'_>) -> Result<(Vec<u8>, Head)> {
    for _ in 0..4 {
        let (raw, head) = one_head(input)?;
        if row.refusal == Refusing::EndOfStream || !matches!(head.status(), 100 | 102..=199) {
            return Ok((raw, head));
        }
    }
    one_head(input)
}

fn one_head(input: &mut Input<'_>) -> Result<(Vec<u8>, Head)> {
    let mut parser = HeadParser::response();
    let mut raw = Vec::new();
    loop {
        match parser.feed(input.bytes()) {
            Ok(Progress::Done { consumed }) => {
                raw.extend_from_slice(input.bytes().get(..consumed).unwrap_or_default());
                input.take(consumed);
                return Ok((raw, parser.finish().ok_or(refused(HandshakeFault::Ended))?));
            }
            Ok(Progress::More) => {
                raw.extend_from_slice(input.bytes());
                if input.fill()? == 0 {
                    return Err(refused(HandshakeFault::Ended));
                }
            }
            Err(fault) => return Err(refused(HandshakeFault::Head(fault))),
        }
    }
}

/// The next so many bytes, however they come.
fn exactly(input: &mut Input<'_>, count: usize) -> Result<Vec<u8>> {
    let mut taken = Vec::with_capacity(count);
    loop {
        let wanted = count.saturating_sub(taken.len());
        let bytes = input.bytes();
        let part = bytes.get(..wanted).unwrap_or(bytes);
        let length = part.len();
        taken.extend_from_slice(part);
        input.take(length);
        if taken.len() == count {
            return Ok(taken);
        }
        if input.fill()? == 0 {
            return Err(refused(HandshakeFault::Ended));
        }
    }
}

fn refused(fault: HandshakeFault) -> Error {
    Error::Handshake(Refusal::new(fault))
}
