//! The server side of the opening handshake in a draft: checks the request, and builds the response that accepts it.
//!
//! | checked, in this order | by |
//! |---|---|
//! | HTTP/1.1, GET, target, Host, no body | all |
//! | `Upgrade`, `Connection` | `token_match` |
//! | the proof: `Key1` and `Key2`, or `Key` | `proof` |
//! | extensions, subprotocols | `extensions`, `subprotocols` |
//! | the origin: present and allowed | `origin_header` |
//!
//! The order of fields is ignored in all versions. hixie-75 defines an order, but its servers need not check it.

use std::borrow::Cow;

use super::{lists, proof};
use crate::error::{HandshakeErrorKind, RequestErrorKind};
use crate::handshake::header;
use crate::handshake::http;
use crate::handshake::http::Head;
use crate::handshake::origin::{HostPort, OriginPolicy};
use crate::handshake::server;
use crate::handshake::server::{check_no_body, request_host, required_header, target_authority};
use crate::legacy::handshake::NegotiatedDraft;
use crate::legacy::handshake::{
    ACCEPT, CONNECTION, DEFLATE_STREAM, EXTENSIONS, KEY1, KEY2, NONCE, ORIGIN, PROTOCOL, SEC_ORIGIN, UPGRADE,
};
use crate::legacy::parts::{
    Echo, ExtensionSyntax, HandshakeProof, OriginHeader, Required, SubprotocolSyntax, TokenMatch,
};
use crate::legacy::table::DraftSpec;

/// The contents of a valid request.
pub(crate) struct Offer<'a> {
    spec: &'static DraftSpec,
    proof: ProofInput<'a>,
    origin: &'a str,
    host: &'a str,
    target: &'a str,
    /// In the client's order of preference.
    pub(crate) subprotocols: Vec<Cow<'a, str>>,
    /// Whether `deflate-stream` is offered.
    pub(crate) deflate_stream: bool,
}

/// Input of the proof.
enum ProofInput<'a> {
    Nothing,
    /// The numbers that the two keys encode.
    Challenge(u32, u32),
    /// `Sec-WebSocket-Key` as received.
    Key(&'a str),
}

/// The values of a response that are not in the request.
pub(crate) struct ResponseParams<'a> {
    pub(crate) agreed: &'a NegotiatedDraft,
    /// `ws` or `wss`, as in the URL of the client.
    pub(crate) scheme: &'a str,
    /// The eight bytes after the head of the request, in hybi-00 to -03.
    pub(crate) body: [u8; proof::CHALLENGE_LEN],
    /// New for each connection: base64 of 16 bytes. Used in hybi-04.
    pub(crate) nonce: &'a str,
    /// Further headers. They must be valid and must not repeat a name of this handshake.
    pub(crate) extra: &'a [(String, String)],
}

/// Checks a request of this version.
pub(crate) fn check<'a>(
    spec: &'static DraftSpec,
    head: &'a Head,
    origins: OriginPolicy<'_>,
) -> Result<Offer<'a>, HandshakeErrorKind> {
    if !head.version().supports_upgrade() {
        return Err(HandshakeErrorKind::HttpVersion);
    }
    if head.method() != "GET" {
        return Err(HandshakeErrorKind::Request(RequestErrorKind::Method));
    }
    let host = required_header(head, "Host")?;
    let authority = request_host(head)?.ok_or(HandshakeErrorKind::MissingHeader("Host"))?;
    target(spec, head.target())?;
    // The eight bytes after the head look like a body to HTTP, and some clients announce them as one.
    let eight = http::content_length(head) == Ok(Some(8)) && head.get("Transfer-Encoding").is_none();
    if spec.proof != HandshakeProof::Challenge || !eight {
        check_no_body(head)?;
    }
    upgrade(spec, head)?;
    let proof = proof_input(spec, head)?;
    let (deflate_stream, subprotocols) = (deflate_stream(spec, head)?, subprotocols(spec, head)?);
    let origin = origin(spec, head, origins, authority)?;
    let host = std::str::from_utf8(host).unwrap_or_default();
    Ok(Offer { spec, proof, origin, host, target: head.target(), subprotocols, deflate_stream })
}

/// Checks the target: a path, or since version 8 also an absolute URI.
fn target(spec: &DraftSpec, target: &str) -> Result<(), HandshakeErrorKind> {
    match target_authority(target) {
        Some(None) => Ok(()),
        Some(Some(_)) if spec.number >= Some(8) => Ok(()),
        Some(Some(_)) | None => Err(HandshakeErrorKind::Request(RequestErrorKind::Target)),
    }
}

fn upgrade(spec: &DraftSpec, head: &Head) -> Result<(), HandshakeErrorKind> {
    for (name, token) in [(UPGRADE, "websocket"), (CONNECTION, "upgrade")] {
        let valid = match spec.token_match {
            TokenMatch::Exact | TokenMatch::CaseInsensitive => {
                required_header(head, name)?.eq_ignore_ascii_case(token.as_bytes())
            }
            // hybi06-5.2.1-1
            TokenMatch::List => {
                head.get(name).ok_or(HandshakeErrorKind::MissingHeader(name))?;
                header::list_has(head.get_all(name), token)
            }
        };
        if !valid {
            return Err(HandshakeErrorKind::InvalidHeader(name));
        }
    }
    Ok(())
}

fn proof_input<'a>(spec: &DraftSpec, head: &'a Head) -> Result<ProofInput<'a>, HandshakeErrorKind> {
    let number = |name| proof::key_number(required_header(head, name)?).ok_or(HandshakeErrorKind::InvalidHeader(name));
    match spec.proof {
        HandshakeProof::None => Ok(ProofInput::Nothing),
        HandshakeProof::Challenge => Ok(ProofInput::Challenge(number(KEY1)?, number(KEY2)?)),
        HandshakeProof::Accept | HandshakeProof::AcceptAndNonce => Ok(ProofInput::Key(server::parse_key(head)?)),
    }
}

/// Whether the client offers `deflate-stream`, which has no parameters.
fn deflate_stream(spec: &DraftSpec, head: &Head) -> Result<bool, HandshakeErrorKind> {
    let wrong = |_| HandshakeErrorKind::InvalidHeader(EXTENSIONS);
    let list = match spec.extensions {
        ExtensionSyntax::None => return Ok(false),
        ExtensionSyntax::QuotedParameters => return lists::offers(head, EXTENSIONS, DEFLATE_STREAM).map_err(wrong),
        // hybi09-8.1-1
        ExtensionSyntax::Names | ExtensionSyntax::Parameters => header::extensions(head.get_all(EXTENSIONS)),
    };
    let list = list.map_err(wrong)?;
    // hybi04-8.1-1
    if spec.extensions == ExtensionSyntax::Names && list.iter().any(|extension| !extension.params.is_empty()) {
        return Err(HandshakeErrorKind::InvalidHeader(EXTENSIONS));
    }
    Ok(list.iter().any(|extension| extension.name == DEFLATE_STREAM && extension.params.is_empty()))
}

/// The offered subprotocols, in order.
pub(crate) fn subprotocols<'a>(spec: &DraftSpec, head: &'a Head) -> Result<Vec<Cow<'a, str>>, HandshakeErrorKind> {
    match spec.subprotocols {
        SubprotocolSyntax::QuotedList => {
            lists::quoted(head, PROTOCOL).map_err(|_| HandshakeErrorKind::InvalidHeader(PROTOCOL))
        }
        SubprotocolSyntax::CommaSeparated => {
            Ok(server::parse_subprotocols(head)?.into_iter().map(Cow::Borrowed).collect())
        }
        SubprotocolSyntax::SinglePlain | SubprotocolSyntax::Single | SubprotocolSyntax::SpaceSeparated => {
            Ok(plain_subprotocols(spec, head)?.into_iter().map(Cow::Borrowed).collect())
        }
    }
}

/// The subprotocols of a version before hybi-04.
fn plain_subprotocols<'a>(spec: &DraftSpec, head: &'a Head) -> Result<Vec<&'a str>, HandshakeErrorKind> {
    let name = spec.subprotocols.header_name();
    let Some(value) = head.single(name)? else { return Ok(Vec::new()) };
    // The parser of the head has trimmed white space and rejected control characters.
    let whole = match std::str::from_utf8(value) {
        Ok(whole) if !whole.is_empty() && whole.is_ascii() && !whole.contains('\t') => whole,
        Ok(_) | Err(_) => return Err(HandshakeErrorKind::InvalidHeader(name)),
    };
    let mut offered = vec![whole];
    // hybi-03 sends a list where hybi-02, whose requests look the same, sends one string.
    if spec.subprotocols == SubprotocolSyntax::SpaceSeparated && whole.contains(' ') {
        offered.extend(whole.split(' ').filter(|one| !one.is_empty()).take(header::MAX_ELEMENTS));
        if offered.len() > header::MAX_ELEMENTS {
            return Err(HandshakeErrorKind::InvalidHeader(name));
        }
    }
    Ok(offered)
}

/// The origin, or an empty string. All headers that can contain an origin are checked, because other software may trust
/// any of them.
fn origin<'a>(
    spec: &DraftSpec,
    head: &'a Head,
    origins: OriginPolicy<'_>,
    host: HostPort<'_>,
) -> Result<&'a str, HandshakeErrorKind> {
    let (first, second, required) = match spec.origin_header {
        OriginHeader::Plain { required } => (ORIGIN, ORIGIN, required),
        OriginHeader::Prefixed { required } => (SEC_ORIGIN, ORIGIN, required),
    };
    // hybi11-5.1-1
    for name in [first, second] {
        if !origins.allows(head.single(name)?, host) {
            return Err(HandshakeErrorKind::Request(RequestErrorKind::OriginNotAllowed));
        }
    }
    match (head.single(first)?, required) {
        (None, Required::Yes) => Err(HandshakeErrorKind::MissingHeader(first)),
        (None, Required::No) => Ok(""),
        (Some(origin), _) => match std::str::from_utf8(origin) {
            // The response repeats it.
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(text),
            Ok(_) | Err(_) => Err(HandshakeErrorKind::InvalidHeader(first)),
        },
    }
}

impl Offer<'_> {
    /// Selects the subprotocol. Before hybi-04, a client that offers one rejects a response without one.
    pub(crate) fn choose(&self, supported: &[String]) -> Result<Option<String>, HandshakeErrorKind> {
        let offered: Vec<&str> = self.subprotocols.iter().map(|name| &**name).collect();
        match server::select_subprotocol(&offered, supported) {
            // hixie75-4.2-1
            None if !self.subprotocols.is_empty() && self.spec.echo != Echo::Nothing => {
                Err(HandshakeErrorKind::InvalidHeader(self.spec.subprotocols.header_name()))
            }
            chosen => Ok(chosen.map(str::to_owned)),
        }
    }

    /// The masking key of the connection, in hybi-04.
    pub(crate) fn masking_key(&self, nonce: &str) -> Option<[u8; 20]> {
        match (self.spec.proof, &self.proof) {
            (HandshakeProof::AcceptAndNonce, ProofInput::Key(key)) => {
                Some(proof::masking_key(key.as_bytes(), nonce.as_bytes()))
            }
            (_, _) => None,
        }
    }

    /// The bytes of the response, including those after the head.
    pub(crate) fn response(&self, answer: &ResponseParams<'_>) -> Vec<u8> {
        let location = self.location(answer.scheme);
        let accept = match &self.proof {
            ProofInput::Key(key) => server::accept_key(key),
            ProofInput::Nothing | ProofInput::Challenge(..) => String::new(),
        };
        let mut fields = vec![(UPGRADE, self.spec.upgrade), (CONNECTION, "Upgrade")];
        match self.spec.echo {
            // hixie75-4.1-1: in this order, the first 103 bytes of hixie-75 are always the same.
            Echo::Plain => fields.extend([("WebSocket-Origin", self.origin), ("WebSocket-Location", &location)]),
            // hixie76-5.2-2
            Echo::Prefixed => fields.extend([(SEC_ORIGIN, self.origin), ("Sec-WebSocket-Location", &location)]),
            Echo::Nothing => fields.push((ACCEPT, &accept)),
        }
        // hybi04-5.2.2-1
        if self.spec.proof == HandshakeProof::AcceptAndNonce {
            fields.push((NONCE, answer.nonce));
        }
        let subprotocol = answer.agreed.subprotocol.as_deref().map(|name| self.spec.subprotocols.element(name));
        fields.extend(subprotocol.as_deref().map(|name| (self.spec.subprotocols.header_name(), name)));
        if answer.agreed.deflate_stream {
            fields.push((EXTENSIONS, DEFLATE_STREAM));
        }
        fields.extend(answer.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut bytes = http::write_head(self.status_line(), fields);
        if let ProofInput::Challenge(first, second) = self.proof {
            bytes.extend_from_slice(&proof::challenge_response(first, second, &answer.body));
        }
        bytes
    }

    fn status_line(&self) -> &'static str {
        match self.spec.echo {
            Echo::Plain => "HTTP/1.1 101 Web Socket Protocol Handshake",
            Echo::Prefixed => "HTTP/1.1 101 WebSocket Protocol Handshake",
            Echo::Nothing => "HTTP/1.1 101 Switching Protocols",
        }
    }

    /// The requested URL in the form of a client (hixie55-3.2-2): host in lower case, without the default port.
    fn location(&self, scheme: &str) -> String {
        let host = self.host.to_ascii_lowercase();
        let default_port = if scheme == "wss" { ":443" } else { ":80" };
        let host = host.strip_suffix(default_port).unwrap_or(&host);
        format!("{scheme}://{host}{}", self.target)
    }
}

#[cfg(all(test, feature = "client", feature = "server"))]
mod tests {
    use HandshakeErrorKind::{DuplicateHeader, HttpVersion, InvalidHeader, MissingHeader, Request};

    use super::*;
    use crate::handshake::client::HandshakeRequest;
    use crate::handshake::http::{HeadParser, Progress};
    use crate::handshake::uri::Uri;
    use crate::legacy::detect::{detect, Detection};
    use crate::legacy::handshake::challenge::KeyChallenge;
    use crate::legacy::handshake::client::DraftRequest;
    use crate::legacy::Version;
    use crate::primitives::random::RandomSource;

    const DRAFTS: [Version; 11] = {
        let [drafts @ .., _] = Version::ALL;
        drafts
    };

    fn head(bytes: &[u8]) -> (Head, &[u8]) {
        let mut parser = HeadParser::request();
        let Ok(Progress::Done { consumed }) = parser.feed(bytes) else { panic!("{}", bytes.escape_ascii()) };
        (parser.finish().unwrap(), &bytes[consumed..])
    }

    /// A request as written by the client of this crate.
    fn draft_request<T>(
        version: Version,
        stream: bool,
        subprotocols: &[&str],
        work: impl FnOnce(&DraftRequest<'_>) -> T,
    ) -> T {
        let spec = DraftSpec::for_version(version);
        let uri = Uri::parse("ws://Server.example:81/chat?x=1").unwrap();
        let subprotocols: Vec<String> = subprotocols.iter().map(|s| s.to_string()).collect();
        let extensions = (stream && spec.extensions != ExtensionSyntax::None).then_some(DEFLATE_STREAM);
        let headers = [("Cookie".to_string(), "a=b".to_string())];
        let request = HandshakeRequest {
            uri: &uri,
            key: "dGhlIHNhbXBsZSBub25jZQ==",
            headers: &headers,
            origin: None,
            subprotocols: &subprotocols,
            extensions,
            authorization: None,
        };
        let challenge = (spec.proof == HandshakeProof::Challenge)
            .then(|| KeyChallenge::generate(&mut RandomSource::system()).unwrap());
        work(&DraftRequest { spec, request, challenge })
    }

    /// Shows the answer to iana-3.
    #[test]
    fn client_and_server_of_every_version_interoperate() {
        // hybi04-5.2.2-1
        for (version, stream) in DRAFTS.into_iter().flat_map(|version| [(version, false), (version, true)]) {
            draft_request(version, stream, &["sample"], |draft_request| {
                let spec = draft_request.spec;
                let request = draft_request.bytes().unwrap();
                let (head, after_head) = head(&request);
                let Detection::Versions(detected) = detect(&head) else { panic!("{version}") };
                assert!(detected.contains(&version), "{version}: {detected:?}");
                let offer = check(spec, &head, OriginPolicy::SameHostAnd(&[])).unwrap();
                let agreed = NegotiatedDraft {
                    subprotocol: offer.choose(&["other".into(), "sample".into()]).unwrap(),
                    deflate_stream: offer.deflate_stream,
                    masking_key: offer.masking_key("AQIDBAUGBwgJCgsMDQ4PEA=="),
                };
                assert_eq!(agreed.subprotocol.as_deref(), Some("sample"));
                assert_eq!(agreed.deflate_stream, stream && spec.extensions != ExtensionSyntax::None);
                assert_eq!(agreed.masking_key.is_some(), version == Version::Hybi04);
                let body = after_head.try_into().unwrap_or_default();
                assert_eq!(after_head.len(), if spec.proof == HandshakeProof::Challenge { 8 } else { 0 });
                let extra = [("Set-Cookie".to_string(), "c=d".to_string())];
                let answer = ResponseParams {
                    agreed: &agreed,
                    scheme: "ws",
                    body,
                    nonce: "AQIDBAUGBwgJCgsMDQ4PEA==",
                    extra: &extra,
                };
                let response = offer.response(&answer);
                let mut parser = HeadParser::response();
                let Ok(Progress::Done { consumed }) = parser.feed(&response) else { panic!("{version}") };
                let (raw, after_head) = response.split_at(consumed);
                assert!(raw.ends_with(b"\r\nSet-Cookie: c=d\r\n\r\n"), "{version}");
                assert_eq!(after_head.len(), draft_request.challenge_response_len());
                assert_eq!(draft_request.check(raw, &parser.finish().unwrap()), Ok(agreed), "{version}");
                assert_eq!(draft_request.check_challenge_response(after_head), Ok(()));
            });
        }
    }

    /// hixie55-3.2-2
    #[test]
    fn the_handshake_of_hixie_75_is_exact() {
        // hixie75-4.1-1
        let request = b"GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
            Origin: http://example.com\r\nWebSocket-Protocol: sample\r\n\r\n";
        let want = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
            WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://example.com/demo\r\n\
            WebSocket-Protocol: sample\r\n\r\n";
        let head = head(request).0;
        let offer = check(DraftSpec::for_version(Version::Hixie75), &head, OriginPolicy::SameHostAnd(&[])).unwrap();
        let agreed =
            NegotiatedDraft { subprotocol: offer.choose(&["sample".into()]).unwrap(), ..NegotiatedDraft::default() };
        let answer = ResponseParams { agreed: &agreed, scheme: "ws", body: [0; 8], nonce: "", extra: &[] };
        let response = offer.response(&answer);
        assert_eq!(response, want);
        assert_eq!(&response[85..103], b"WebSocket-Origin: ", "the first 103 bytes are always the same");
    }

    #[test]
    fn the_handshake_of_hybi_00() {
        // hixie76-5.2-2, hixie55-3.2-2
        let request = b"GET /demo HTTP/1.1\r\nHost: Example.com:80\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\nUpgrade: WebSocket\r\n\
            Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n";
        let want = b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\n\
            Sec-WebSocket-Protocol: sample\r\n\r\n8jKS'y:G*Co,Wxa-";
        let head = head(request).0;
        let offer = check(DraftSpec::for_version(Version::Hybi00), &head, OriginPolicy::SameHostAnd(&[])).unwrap();
        let agreed =
            NegotiatedDraft { subprotocol: offer.choose(&["sample".into()]).unwrap(), ..NegotiatedDraft::default() };
        let answer = ResponseParams { agreed: &agreed, scheme: "ws", body: *b"^n:ds[4U", nonce: "", extra: &[] };
        assert_eq!(offer.response(&answer).escape_ascii().to_string(), want.escape_ascii().to_string());
    }

    /// The result of checking a request of the client in which `from` is replaced by `to`.
    fn changed(version: Version, from: &str, to: &str) -> Result<(), HandshakeErrorKind> {
        let request = draft_request(version, true, &["sample"], |draft_request| draft_request.bytes().unwrap());
        let end = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let text = String::from_utf8(request[..end].to_vec()).unwrap();
        assert!(text.contains(from), "{version}: {from} is not in {text}");
        let text = text.replacen(from, to, 1);
        check(DraftSpec::for_version(version), &head(text.as_bytes()).0, OriginPolicy::SameHostAnd(&[])).map(|_| ())
    }

    #[test]
    fn invalid_requests_are_rejected() {
        // hybi06-5.2.1-1
        for version in DRAFTS {
            let spec = DraftSpec::for_version(version);
            let upgrade = format!("Upgrade: {}", spec.upgrade);
            let listed = spec.token_match == TokenMatch::List;
            let challenge = spec.proof == HandshakeProof::Challenge;
            let rows = [
                ("\r\nHost", "\r\nX: y\r\nHost", None),
                (upgrade.as_str(), "Upgrade: WEBSOCKET", None),
                ("Connection: Upgrade", "connection: upgrade", None),
                ("HTTP/1.1", "HTTP/1.0", Some(HttpVersion)),
                ("GET", "POST", Some(Request(RequestErrorKind::Method))),
                (" /chat", " chat", Some(Request(RequestErrorKind::Target))),
                (" /chat", " *", Some(Request(RequestErrorKind::Target))),
                // Before version 8, the target is a path. Since then its host counts, and not that of Host.
                (
                    " /chat",
                    " http://elsewhere/chat",
                    (spec.number < Some(8)).then_some(Request(RequestErrorKind::Target)),
                ),
                (
                    " /chat",
                    " http://server.example:81/chat",
                    (spec.number < Some(8)).then_some(Request(RequestErrorKind::Target)),
                ),
                ("Host: server.example:81", "X: y", Some(MissingHeader("Host"))),
                ("Host: server.example:81", "Host: a b", Some(InvalidHeader("Host"))),
                ("\r\nHost", "\r\nContent-Length: 8\r\nHost", (!challenge).then_some(InvalidHeader("Content-Length"))),
                ("\r\nHost", "\r\nContent-Length: 9\r\nHost", Some(InvalidHeader("Content-Length"))),
                ("\r\nHost", "\r\nTransfer-Encoding: chunked\r\nHost", Some(InvalidHeader("Transfer-Encoding"))),
                (upgrade.as_str(), "Upgrade: h2c", Some(InvalidHeader("Upgrade"))),
                (upgrade.as_str(), "X: y", Some(MissingHeader("Upgrade"))),
                ("Connection: Upgrade", "Connection: close", Some(InvalidHeader("Connection"))),
                (
                    "Connection: Upgrade",
                    "Connection: keep-alive, Upgrade",
                    (!listed).then_some(InvalidHeader("Connection")),
                ),
            ];
            for (from, to, kind) in rows {
                assert_eq!(changed(version, from, to).err(), kind, "{version}: {from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn invalid_origins_are_rejected() {
        // hixie75-4.2-1, hybi11-5.1-1
        const OWN: &str = "http://server.example:81";
        for version in DRAFTS {
            let (name, needed) = match DraftSpec::for_version(version).origin_header {
                OriginHeader::Plain { required } => ("Origin", required),
                OriginHeader::Prefixed { required } => ("Sec-WebSocket-Origin", required),
            };
            // Without the header that the client may have added.
            let with = |lines: String| {
                let asked = draft_request(version, false, &[], |draft_request| draft_request.bytes().unwrap());
                let end = asked.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 2;
                let text = String::from_utf8(asked[..end].to_vec()).unwrap();
                let text = text.replace(&format!("{name}: {OWN}\r\n"), "");
                let head = head(format!("{text}{lines}\r\n").as_bytes()).0;
                check(DraftSpec::for_version(version), &head, OriginPolicy::SameHostAnd(&[])).err()
            };
            assert_eq!(with(format!("{name}: {OWN}\r\n")), None, "{version}");
            assert_eq!(with(String::new()), (needed == Required::Yes).then_some(MissingHeader(name)), "{version}");
            assert_eq!(
                with(format!("{name}: http://elsewhere\r\n")),
                Some(Request(RequestErrorKind::OriginNotAllowed)),
                "{version}"
            );
            assert_eq!(
                with(format!("{name}: null\r\n")),
                Some(Request(RequestErrorKind::OriginNotAllowed)),
                "{version}"
            );
            assert_eq!(with(format!("{name}: {OWN}\r\n{name}: {OWN}\r\n")), Some(DuplicateHeader(name)), "{version}");
            // hybi11-5.1-1: `Origin` alone counts too, in the versions that have the other name.
            if needed == Required::No {
                assert_eq!(with(format!("Origin: {OWN}\r\n")), None, "{version}");
                assert_eq!(
                    with("Origin: http://elsewhere\r\n".into()),
                    Some(Request(RequestErrorKind::OriginNotAllowed)),
                    "{version}"
                );
            }
            // Also in the other header, which other software may trust.
            let both = with(format!("{name}: {OWN}\r\nOrigin: http://elsewhere\r\n"));
            assert_eq!(
                both,
                Some(if name == "Origin" {
                    DuplicateHeader(name)
                } else {
                    Request(RequestErrorKind::OriginNotAllowed)
                }),
                "{version}"
            );
            // A value that the response cannot repeat is rejected.
            for origin in ["a b", ""].into_iter().filter(|_| version <= Version::Hixie75) {
                let any = format!(
                    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n\r\n"
                );
                let checked = check(DraftSpec::for_version(version), &head(any.as_bytes()).0, OriginPolicy::Any).err();
                assert_eq!(checked, Some(InvalidHeader("Origin")), "{origin:?}");
            }
        }
    }

    #[test]
    fn invalid_proofs_and_lists_are_rejected() {
        // hybi04-8.1-1, hybi09-8.1-1
        let rows = [
            (Version::Hybi01, "Sec-WebSocket-Key2", "X", Some(MissingHeader(KEY2))),
            (
                Version::Hybi04,
                "dGhlIHNhbXBsZSBub25jZQ==",
                "dGhlIHNhbXBsZSBub25jZ",
                Some(InvalidHeader("Sec-WebSocket-Key")),
            ),
            (Version::Hybi07, "Sec-WebSocket-Key", "X", Some(MissingHeader("Sec-WebSocket-Key"))),
            (Version::Hybi04, "deflate-stream", "deflate-stream; a=b", Some(InvalidHeader(EXTENSIONS))),
            (Version::Hybi05, "deflate-stream", "deflate-stream; a=b", None),
            (Version::Hybi08, "deflate-stream", "deflate-stream; a b", Some(InvalidHeader(EXTENSIONS))),
            (Version::Hybi07, "deflate-stream", "x; a=\"b c\", deflate-stream", None),
            (Version::Hybi08, "deflate-stream", "x; a=\"b c\", deflate-stream", Some(InvalidHeader(EXTENSIONS))),
            (Version::Hybi08, "deflate-stream", "x; a=b; c=\"d\", deflate-stream", None),
            (Version::Hybi04, "sample", "sam ple", Some(InvalidHeader("Sec-WebSocket-Protocol"))),
            (Version::Hybi08, "sample", "a, a", Some(InvalidHeader("Sec-WebSocket-Protocol"))),
            (Version::Hybi00, "Protocol: sample", "Protocol:", Some(InvalidHeader("Sec-WebSocket-Protocol"))),
            (Version::Hybi00, "Protocol: sample", "Protocol: a\tb", Some(InvalidHeader("Sec-WebSocket-Protocol"))),
            (Version::Hybi00, "Protocol: sample", "Protocol: \u{e9}", Some(InvalidHeader("Sec-WebSocket-Protocol"))),
            (Version::Hixie75, "Protocol: sample", "Protocol: a b", None),
            (
                Version::Hixie75,
                "WebSocket-Protocol",
                "WebSocket-Protocol: a\r\nWebSocket-Protocol",
                Some(DuplicateHeader("WebSocket-Protocol")),
            ),
        ];
        for (version, from, to, kind) in rows {
            assert_eq!(changed(version, from, to).err(), kind, "{version}: {to:?}");
        }
        // The whole value is offered as well, because hybi-02 may mean one name with spaces.
        for (count, kind) in [(99, None), (100, Some(InvalidHeader("Sec-WebSocket-Protocol")))] {
            let list = format!("Protocol:{}", " a".repeat(count));
            assert_eq!(changed(Version::Hybi03, "Protocol: sample", &list).err(), kind, "{count} names");
        }
        for key in ["1234", "1 2 3", "a b", "99999999999999999999 9"] {
            let text = format!(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://h\r\n\
                Sec-WebSocket-Key1: {key}\r\nSec-WebSocket-Key2: 1 2\r\n\r\n"
            );
            let checked =
                check(DraftSpec::for_version(Version::Hybi00), &head(text.as_bytes()).0, OriginPolicy::Any).map(|_| ());
            assert_eq!(checked, Err(InvalidHeader(KEY1)), "{key}");
        }
    }

    #[test]
    fn subprotocols_are_negotiated() {
        // hixie75-4.2-1
        let offer = |version: Version, value: &str| {
            let name = DraftSpec::for_version(version).subprotocols.header_name();
            let text = format!(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://h\r\n\
                Sec-WebSocket-Origin: http://h\r\nSec-WebSocket-Key1: 1 2\r\nSec-WebSocket-Key2: 1 2\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{name}: {value}\r\n\r\n"
            );
            let head = head(text.as_bytes()).0;
            check(DraftSpec::for_version(version), &head, OriginPolicy::Any)
                .unwrap()
                .choose(&["b".into(), "c d".into()])
        };
        let wrong = |name| Err(HandshakeErrorKind::InvalidHeader(name));
        let rows = [
            (Version::Hixie75, "b", Ok(Some("b".into()))),
            (Version::Hixie75, "c d", Ok(Some("c d".into()))),
            (Version::Hixie75, "a b", wrong("WebSocket-Protocol")),
            (Version::Hybi02, "a b", wrong("Sec-WebSocket-Protocol")),
            (Version::Hybi03, "a b", Ok(Some("b".into()))),
            (Version::Hybi03, "c d", Ok(Some("c d".into()))),
            (Version::Hybi03, "a", wrong("Sec-WebSocket-Protocol")),
            (Version::Hybi04, "a, b", Ok(Some("b".into()))),
            // hybi06-5.1-2
            (Version::Hybi04, "\"b\"", Ok(Some("b".into()))),
            (Version::Hybi07, "a,, \"\\b\" ,", Ok(Some("b".into()))),
            (Version::Hybi06, "\"a/b\"", Ok(None)),
            (Version::Hybi08, "a", Ok(None)),
        ];
        for (version, value, want) in rows {
            assert_eq!(offer(version, value), want, "{version}: {value}");
        }
    }

    /// What the lists of hybi-04 to hybi-07 may hold, and those of version 8.
    #[test]
    fn lists_with_quoted_strings() {
        // hybi06-5.1-2, hybi06-8.1-1, hybi09-5.1-2
        let offer = |version: Version, fields: &str| {
            let text = format!(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Origin: http://h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n\r\n"
            );
            let head = head(text.as_bytes()).0;
            let offer = check(DraftSpec::for_version(version), &head, OriginPolicy::Any)?;
            Ok((offer.subprotocols.join(" "), offer.deflate_stream))
        };
        let many: String = (0..6000).map(|n| format!(",\"{n}\"")).collect();
        for version in [Version::Hybi04, Version::Hybi05, Version::Hybi06, Version::Hybi07, Version::Hybi08] {
            let quoted = version < Version::Hybi08;
            let (protocol, extensions) = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions");
            for (value, names) in [("\"chat\"", "chat"), ("a, \"b\"", "a b"), ("\"a/b\",\"\\\"\"", "a/b \"")] {
                let want = if quoted { Ok((names.to_owned(), false)) } else { Err(InvalidHeader(protocol)) };
                assert_eq!(offer(version, &format!("{protocol}: {value}")), want, "{version}: {value}");
            }
            assert!(offer(version, &format!("{protocol}: {}", many.get(..8000).unwrap())).is_err());
            for value in
                ["\"a\", a", "a, a", "a, b, a", "\"\"", "\"a b\"", "\"a", "a b", ",", "", "\"caf\u{e9}\"", "a\"b\""]
            {
                let wrong = Err(InvalidHeader(protocol));
                assert_eq!(offer(version, &format!("{protocol}: {value}")), wrong, "{version}: {value}");
            }
            let with_parameters = quoted && version > Version::Hybi04;
            for (value, found) in [
                ("x-a; p=\"b c\"", false),
                ("x-a; p=\"b, deflate-stream\"", false),
                ("x-a; p=\"\"; q, deflate-stream", true),
                ("deflate-stream; p=\"\\\"\"", false),
            ] {
                let want = if with_parameters { Ok((String::new(), found)) } else { Err(InvalidHeader(extensions)) };
                assert_eq!(offer(version, &format!("{extensions}: {value}")), want, "{version}: {value}");
            }
            for (value, found) in [("deflate-stream", true), ("x", false), ("deflate-stream; p=a", false)] {
                let fine = version > Version::Hybi04 || !value.contains(';');
                let want = if fine { Ok((String::new(), found)) } else { Err(InvalidHeader(extensions)) };
                assert_eq!(offer(version, &format!("{extensions}: {value}")), want, "{version}: {value}");
            }
            for value in ["x; p=\"", "x; =a", "x y", "", ",", "x; p=a b", "\"x\""] {
                let wrong = Err(InvalidHeader(extensions));
                assert_eq!(offer(version, &format!("{extensions}: {value}")), wrong, "{version}: {value}");
            }
        }
    }
}
