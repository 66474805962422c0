//! The client side of the drafts over a stream: the opening handshake, and fallback to another version.
//!
//! Performs I/O only; `legacy::handshake::client` builds the request and checks the response.
//!
//! ```text
//! version             RFC 6455      as without the feature
//!                     a draft       its own handshake, then its own codec
//! fallback_versions   after a rejection that lists versions: the newest listed version that is allowed and untried, over a
//!                     new connection
//! ```

use super::handshake::DEFLATE_STREAM;
use super::parts::{ExtensionSyntax, HandshakeProof, RejectionMode};
use super::table::DraftSpec;
use crate::client::builder::Client;
use crate::client::handshake::{write_request, HandshakeReader, Target};
use crate::codec::frame::Role;
use crate::connection::framing::Codec;
use crate::connection::websocket::{ConnectionInfo, WebSocket};
use crate::error::{Error, HandshakeError, HandshakeErrorKind, ResponseErrorKind, Result, StatusSemantics, Step};
use crate::handshake::client::HandshakeRequest;
use crate::handshake::http::status::skip_interim;
use crate::handshake::http::Head;
use crate::http::response::Response;
use crate::legacy::handshake::challenge::KeyChallenge;
use crate::legacy::handshake::client::{check_subprotocols, DraftRequest};
use crate::legacy::Version;
use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::primitives::random::RandomSource;

impl Client {
    /// Uses this version. Default: [`Version::Rfc6455`]. Feature `legacy`.
    ///
    /// Drafts before hybi-04 do not mask frames. A web page that chooses what is sent can therefore attack a proxy on
    /// the way (RFC 6455 section 10.3). The handshake of hixie-75 has no proof either. Versions up to hybi-04 require
    /// an origin: without [`origin`](Client::origin), it is the origin of a page on the server itself.
    ///
    /// permessage-deflate is offered in RFC 6455 only.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Server, Version};
    /// let server = Server::bind("127.0.0.1:0")?.legacy_versions([Version::HIXIE76]).start(|mut ws| {
    ///     while let Some(message) = ws.recv()? { ws.send(&message)?; }
    ///     Ok(())
    /// })?;
    /// let url = server.url();
    /// let mut ws = Client::new(&url)?.version(Version::HIXIE76).connect()?;
    /// assert_eq!(ws.version(), Version::HIXIE76);
    /// ws.send("hello")?;
    /// assert_eq!(ws.recv()?.unwrap().as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn version(mut self, version: Version) -> Client {
        self.legacy_options.version = version;
        self
    }

    /// Allows these versions if the server requests one. Default: none. Feature `legacy`.
    ///
    /// A server that rejects a version may list the versions it supports in `Sec-WebSocket-Version` (RFC 6455 section
    /// 4.4). [`connect`](Client::connect) then opens another connection with the newest listed version that is named
    /// here. It tries each version at most once, all within one [`Timeouts::connect`](crate::Timeouts::connect). Only
    /// versions with a [number](Version::number) can be listed. [`connect_over`](Client::connect_over) has only one
    /// stream and does not retry.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Client, Version};
    /// let client = Client::new("ws://camera.local/stream")?.fallback_versions([Version::Hybi08, Version::Hybi07]);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fallback_versions(mut self, versions: impl IntoIterator<Item = Version>) -> Client {
        self.legacy_options.fallback_versions = versions.into_iter().collect();
        self
    }

    /// Offers `deflate-stream`, the extension of hybi-04 to version 8 that compresses the whole stream. Off by default,
    /// and not offered in other versions. Feature `legacy`.
    ///
    /// Do not compress secrets together with data that an attacker can choose: the compressed size reveals the secrets.
    pub fn deflate_stream(mut self) -> Client {
        self.legacy_options.deflate_stream = true;
        self
    }

    /// The version in use, unless it is RFC 6455.
    pub(crate) fn draft_spec(&self) -> Option<&'static DraftSpec> {
        (self.legacy_options.version != Version::Rfc6455).then(|| DraftSpec::for_version(self.legacy_options.version))
    }
}

/// Connects with the configured version, then with the versions that the server lists.
pub(crate) fn connect_with_fallback(
    client: &Client,
    connect: impl Fn(&Client) -> Result<WebSocket>,
) -> Result<WebSocket> {
    check_subprotocols(DraftSpec::for_version(client.legacy_options.version), &client.subprotocols)?;
    let mut result = connect(client);
    let mut untried = client.legacy_options.fallback_versions.clone();
    untried.retain(|&version| version != client.legacy_options.version);
    loop {
        let Err(Error::Handshake(rejection)) = &result else { return result };
        // 6455-4.4-s1
        let Some(version) = next_version(rejection, &untried) else { return result };
        untried.retain(|&other| other != version);
        result = connect(&client.clone().version(version));
    }
}

/// The newest allowed version that a rejection lists.
fn next_version(rejection: &HandshakeError, allowed: &[Version]) -> Option<Version> {
    let listed = |version: &Version| {
        let number = version.number().map(|number| number.to_string());
        let lists = rejection.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Version"));
        lists.flat_map(|(_, list)| list.split(',')).any(|one| Some(one.trim()) == number.as_deref())
    };
    match rejection.kind() {
        HandshakeErrorKind::Response(ResponseErrorKind::Status(_)) => allowed.iter().copied().filter(listed).max(),
        _ => None,
    }
}

/// Performs the opening handshake of a draft.
pub(crate) fn open(
    client: &Client,
    target: &Target<'_>,
    spec: &'static DraftSpec,
    (stream, info): (Stream, ConnectionInfo),
    (mut random_source, key): (RandomSource, &str),
    deadline: Deadline,
) -> Result<WebSocket> {
    let challenge = match spec.proof {
        HandshakeProof::Challenge => {
            Some(KeyChallenge::generate(&mut random_source).map_err(|error| Error::io(Step::RandomSource, error))?)
        }
        HandshakeProof::None | HandshakeProof::Accept | HandshakeProof::AcceptAndNonce => None,
    };
    // 6455-9.1-4: not in version 13, which does not come here, and only where the draft registers it.
    let offers = client.legacy_options.deflate_stream && spec.extensions != ExtensionSyntax::None;
    let authorization = client.authorization(target)?;
    let request = HandshakeRequest {
        uri: &target.uri,
        key,
        headers: &target.headers,
        origin: client.origin.as_deref(),
        subprotocols: target.subprotocols,
        extensions: offers.then_some(DEFLATE_STREAM),
        authorization: authorization.as_deref(),
    };
    let draft_request = DraftRequest { spec, request, challenge };
    let bytes = draft_request.bytes()?;
    // hixie55-4.1-7
    let mut reader = HandshakeReader::new(&stream, deadline, client.limits);
    let (raw, head) = match write_request(&stream, &bytes, deadline) {
        Ok(()) => read_response(spec, &mut reader)?,
        Err(error) => (Vec::new(), reader.read_early_rejection().ok_or(error)?),
    };
    let agreed =
        draft_request.check(&raw, &head).map_err(|kind| rejection(kind, target, spec, (&mut reader, &head)))?;
    let answer = read_exact(&mut reader, draft_request.challenge_response_len())?;
    draft_request.check_challenge_response(&answer).map_err(handshake_error)?;
    let leftover = reader.buffered().to_vec();
    let info =
        ConnectionInfo { subprotocol: agreed.subprotocol.clone(), response: Some(Response::from_head(head)), ..info };
    let codec = Codec::draft(Role::Client, (spec, &agreed), client.limits, &leftover, Some(random_source));
    Ok(WebSocket::new(stream, codec, (client.limits, client.timeouts), info))
}

/// The error for a response that is not accepted. Reads the body of an HTTP response.
fn rejection(
    kind: HandshakeErrorKind,
    target: &Target<'_>,
    spec: &DraftSpec,
    (reader, head): (&mut HandshakeReader<'_>, &Head),
) -> Error {
    let semantics = match spec.rejection_mode {
        // hixie76-4.1-6
        RejectionMode::EndOfStream => StatusSemantics::Failure,
        // hybi07-5.1-1
        RejectionMode::Http => StatusSemantics::Http,
    };
    let body = match kind {
        HandshakeErrorKind::Response(ResponseErrorKind::Status(status))
            if semantics == StatusSemantics::Failure || !(target.skip_body)(status) =>
        {
            reader.read_body(head)
        }
        _ => Vec::new(),
    };
    let error = HandshakeError::new(kind).with_response(head.status(), head.display_fields(), body);
    #[cfg(feature = "proxy")]
    let error = error.with_semantics(semantics);
    Error::Handshake(error)
}

/// Reads the head of the response, and returns its bytes and the parsed head. Skips interim responses in versions that
/// reject with HTTP; the others do not define them.
fn read_response(spec: &DraftSpec, reader: &mut HandshakeReader<'_>) -> Result<(Vec<u8>, Head)> {
    let mut raw = Vec::new();
    let mut read_head = || {
        raw.clear();
        reader.read_head(|bytes| raw.extend_from_slice(bytes))
    };
    let head = match spec.rejection_mode {
        RejectionMode::EndOfStream => read_head()?,
        RejectionMode::Http => skip_interim(read_head)?,
    };
    Ok((raw, head))
}

/// Reads exactly `count` bytes.
fn read_exact(reader: &mut HandshakeReader<'_>, count: usize) -> Result<Vec<u8>> {
    let mut taken = Vec::with_capacity(count);
    loop {
        let wanted = count.saturating_sub(taken.len());
        let bytes = reader.buffered();
        let part = bytes.get(..wanted).unwrap_or(bytes);
        let length = part.len();
        taken.extend_from_slice(part);
        reader.consume(length);
        if taken.len() == count {
            return Ok(taken);
        }
        if reader.fill()? == 0 {
            return Err(handshake_error(HandshakeErrorKind::UnexpectedEof));
        }
    }
}

fn handshake_error(kind: HandshakeErrorKind) -> Error {
    Error::Handshake(HandshakeError::new(kind))
}
