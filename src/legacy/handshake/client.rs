//! The client side of the opening handshake in a draft: builds the request, and checks the response.
//!
//! | version | the request | the response |
//! |---|---|---|
//! | hixie-55, -75 | fields in this order: `Upgrade`, `Connection`, `Host`, `Origin`, `WebSocket-Protocol` | 85 exact bytes, then fields |
//! | hybi-00 to -03 | fields in random order, then eight bytes | a status line with 101, fields, then 16 bytes |
//! | since hybi-04 | as RFC 6455, with other names and values | as RFC 6455, but `Connection` is not a list |
//!
//! Up to hybi-03, a value is everything after one space, including further white space. Therefore the bytes of the head
//! are checked, and not only the parsed fields.

use super::challenge::KeyChallenge;
use super::{lists, proof};
use crate::error::{HandshakeErrorKind, HeadErrorKind, ResponseErrorKind, UsageError};
use crate::handshake::client as rfc;
use crate::handshake::client::HandshakeRequest;
use crate::handshake::http::{write_head, Head};
use crate::legacy::handshake::{
    NegotiatedDraft, CONNECTION, DEFLATE_STREAM, DRAFT, EXTENSIONS, KEY, KEY1, KEY2, NONCE, ORIGIN, PROTOCOL,
    SEC_ORIGIN,
};
use crate::legacy::handshake::{UPGRADE, VERSION};
use crate::legacy::parts::{Echo, HandshakeProof, OriginHeader, Required, SubprotocolSyntax, TokenMatch};
use crate::legacy::table::DraftSpec;
use crate::primitives::base64;

/// The first 85 bytes of every valid response of hixie-75.
const HIXIE75_RESPONSE_START: &[u8] =
    b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n";

/// The request of a client in a draft.
pub(crate) struct DraftRequest<'a> {
    pub(crate) spec: &'static DraftSpec,
    /// With a new `key`, and only `extensions` that the draft defines.
    pub(crate) request: HandshakeRequest<'a>,
    /// New for each connection, in hybi-00 to -03.
    pub(crate) challenge: Option<KeyChallenge>,
}

/// Checks that the version can offer these subprotocols.
pub(crate) fn check_subprotocols(spec: &DraftSpec, subprotocols: &[String]) -> Result<(), UsageError> {
    // hixie55-4.1-13
    if subprotocols.len() > 1 && !spec.subprotocols.allows_multiple() {
        return Err(UsageError::UnsupportedByVersion { feature: "list of subprotocols", version: spec.name });
    }
    match subprotocols.iter().find(|name| !spec.subprotocols.allows(name)) {
        Some(name) => Err(UsageError::Subprotocol(name.clone())),
        None => Ok(()),
    }
}

impl DraftRequest<'_> {
    /// The bytes of the request, with the eight bytes after the head. Returns an error for a setting that the version
    /// lacks.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, UsageError> {
        let request = &self.request;
        let spec = self.spec;
        check_subprotocols(spec, request.subprotocols)?;
        let (host, origin) = (request.uri.host_header(), self.origin());
        let (version, draft) = (spec.number.map(|n| n.to_string()), spec.draft.map(|n| n.to_string()));
        // hybi03-5.1-1: separated by spaces. Earlier versions allow only one.
        let elements: Vec<_> = request.subprotocols.iter().map(|name| spec.subprotocols.element(name)).collect();
        let subprotocols = elements.join(if spec.echo == Echo::Nothing { ", " } else { " " });

        // hixie75-3.1-1: this order.
        let mut fields = vec![(UPGRADE, spec.upgrade), (CONNECTION, "Upgrade"), ("Host", host.as_str())];
        let origin_header = match spec.origin_header {
            OriginHeader::Plain { .. } => ORIGIN,
            OriginHeader::Prefixed { .. } => SEC_ORIGIN,
        };
        fields.extend(origin.as_deref().map(|origin| (origin_header, origin)));
        if !subprotocols.is_empty() {
            fields.push((spec.subprotocols.header_name(), &subprotocols));
        }
        if let Some(KeyChallenge { keys: [first, second], .. }) = &self.challenge {
            fields.extend([(KEY1, first.text.as_str()), (KEY2, second.text.as_str())]);
        }
        // hybi04-5.1-1
        if spec.echo == Echo::Nothing {
            fields.push((KEY, request.key));
        }
        fields.extend(version.as_deref().map(|version| (VERSION, version)));
        // hybi02-5.1-1
        fields.extend(draft.as_deref().map(|draft| (DRAFT, draft)));
        fields.extend(request.extensions.map(|offer| (EXTENSIONS, offer)));
        fields.extend(request.authorization.map(|value| ("Authorization", value)));
        fields.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // hixie75-3.1-1: cookies are the last fields.
        if spec.echo == Echo::Plain {
            fields.sort_by_key(|(name, _)| name.eq_ignore_ascii_case("Cookie"));
        }
        if let Some(challenge) = &self.challenge {
            // hixie76-4.1-2
            shuffle(&mut fields, &challenge.order);
        }
        let mut bytes = write_head(&format!("GET {} HTTP/1.1", request.uri.resource()), fields);
        if let Some(challenge) = &self.challenge {
            // hixie76-4.1-3
            bytes.extend_from_slice(&challenge.body);
        }
        Ok(bytes)
    }

    /// Number of bytes after the head of a valid response that belong to the handshake.
    pub(crate) fn challenge_response_len(&self) -> usize {
        self.challenge.as_ref().map_or(0, |challenge| challenge.response().len())
    }

    /// Checks a response. `raw` is its head as received.
    pub(crate) fn check(&self, raw: &[u8], head: &Head) -> Result<NegotiatedDraft, HandshakeErrorKind> {
        match self.spec.echo {
            Echo::Nothing => self.check_from_hybi04(head),
            Echo::Plain | Echo::Prefixed => {
                Ok(NegotiatedDraft { subprotocol: self.check_to_hybi03(raw, head)?, ..NegotiatedDraft::default() })
            }
        }
    }

    /// Checks the [`challenge_response_len`](DraftRequest::challenge_response_len) bytes after the head.
    pub(crate) fn check_challenge_response(&self, answer: &[u8]) -> Result<(), HandshakeErrorKind> {
        match &self.challenge {
            // hixie76-4.1-5
            Some(challenge) if challenge.response() != *answer => {
                Err(HandshakeErrorKind::Response(ResponseErrorKind::InvalidProof))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks a response up to hybi-03.
    fn check_to_hybi03(&self, raw: &[u8], head: &Head) -> Result<Option<String>, HandshakeErrorKind> {
        // hixie55-4.1-6: also 407, which a proxy sends in response to CONNECT.
        if head.status() != 101 {
            return Err(HandshakeErrorKind::Response(ResponseErrorKind::Status(head.status())));
        }
        // A value is one line; a line that begins with a blank would be a field.
        if raw.windows(2).any(|pair| matches!(pair, b"\n " | b"\n\t")) {
            return Err(HandshakeErrorKind::Head(HeadErrorKind::LineFolding));
        }
        let (origin, location) = match self.spec.echo {
            Echo::Plain => {
                // hixie75-3.1-2
                if !raw.starts_with(HIXIE75_RESPONSE_START) {
                    return Err(HandshakeErrorKind::Response(ResponseErrorKind::StatusLine));
                }
                ("WebSocket-Origin", "WebSocket-Location")
            }
            Echo::Prefixed | Echo::Nothing => {
                // The status line has two spaces, even without a reason.
                let line = raw.split(|&b| b == b'\r').next().unwrap_or_default();
                if line.iter().filter(|&&b| b == b' ').count() < 2 {
                    return Err(HandshakeErrorKind::Response(ResponseErrorKind::StatusLine));
                }
                self.check_upgrade(raw)?;
                (SEC_ORIGIN, "Sec-WebSocket-Location")
            }
        };
        let uri = self.request.uri;
        let scheme = if uri.is_secure() { "wss" } else { "ws" };
        // hixie75-3.1-3, hixie76-4.1-4, hixie55-3.2-2
        require_value(raw, origin, self.origin().unwrap_or_default().as_bytes())?;
        require_value(raw, location, format!("{scheme}://{}{}", uri.host_header(), uri.resource()).as_bytes())?;
        // hixie75-3.1-4
        if self.request.subprotocols.is_empty() {
            return Ok(None);
        }
        let chosen = single_field(raw, self.spec.subprotocols.header_name())?;
        match self.request.subprotocols.iter().find(|offer| offer.as_bytes() == chosen) {
            Some(offer) => Ok(Some(offer.clone())),
            None => Err(rfc::subprotocol_error(chosen)),
        }
    }

    fn check_upgrade(&self, raw: &[u8]) -> Result<(), HandshakeErrorKind> {
        let upgrade = single_field(raw, UPGRADE)?;
        let valid = match self.spec.token_match {
            TokenMatch::Exact => upgrade == self.spec.upgrade.as_bytes(),
            // hybi02-5.1-2
            TokenMatch::CaseInsensitive | TokenMatch::List => {
                upgrade.eq_ignore_ascii_case(self.spec.upgrade.as_bytes())
            }
        };
        if !valid {
            return Err(HandshakeErrorKind::InvalidHeader(UPGRADE));
        }
        match single_field(raw, CONNECTION)?.eq_ignore_ascii_case(b"Upgrade") {
            true => Ok(()),
            false => Err(HandshakeErrorKind::InvalidHeader(CONNECTION)),
        }
    }

    /// Checks a response since hybi-04.
    fn check_from_hybi04(&self, head: &Head) -> Result<NegotiatedDraft, HandshakeErrorKind> {
        // hybi04-5.1-2, hybi04-5.1-3, hybi09-5.1-1
        let extensions = rfc::check_upgrade(head, &self.request)?;
        let subprotocol = match self.spec.subprotocols {
            SubprotocolSyntax::QuotedList => self.agreed_subprotocol(head)?,
            _ => rfc::agreed_subprotocol(head, &self.request)?,
        };
        // The value must be equal; a list that contains it is rejected.
        let connection = head.single(CONNECTION)?.unwrap_or_default();
        if !connection.eq_ignore_ascii_case(b"Upgrade") {
            return Err(HandshakeErrorKind::InvalidHeader(CONNECTION));
        }
        // The offered extension at most once, and without parameters.
        if extensions.len() > 1 || extensions.iter().any(|extension| !extension.params.is_empty()) {
            return Err(HandshakeErrorKind::InvalidHeader(EXTENSIONS));
        }
        let masking_key = match self.spec.proof {
            HandshakeProof::AcceptAndNonce => {
                let nonce = head.single(NONCE)?.ok_or(HandshakeErrorKind::MissingHeader(NONCE))?;
                // The masking key uses the encoded value, but that has to be 16 bytes in base64.
                if base64::decode(nonce).map_or(0, |bytes| bytes.len()) != 16 {
                    return Err(HandshakeErrorKind::InvalidHeader(NONCE));
                }
                Some(proof::masking_key(self.request.key.as_bytes(), nonce))
            }
            HandshakeProof::None | HandshakeProof::Challenge | HandshakeProof::Accept => None,
        };
        let deflate_stream = extensions.iter().any(|extension| extension.name == DEFLATE_STREAM);
        Ok(NegotiatedDraft { subprotocol, deflate_stream, masking_key })
    }

    /// The selected subprotocol, a token or a quoted string. hybi06-5.1-2
    fn agreed_subprotocol(&self, head: &Head) -> Result<Option<String>, HandshakeErrorKind> {
        let Some(value) = head.single(PROTOCOL)? else { return Ok(None) };
        let chosen = lists::single(value).map_err(|_| rfc::subprotocol_error(value))?;
        match self.request.subprotocols.contains(&chosen) {
            true => Ok(Some(chosen)),
            false => Err(HandshakeErrorKind::Response(ResponseErrorKind::SubprotocolNotOffered)),
        }
    }

    /// The origin in lower case (hixie55-4.1-5). If the version requires one and the caller set none, it is that of a page on the
    /// server itself.
    fn origin(&self) -> Option<String> {
        let uri = self.request.uri;
        let (OriginHeader::Plain { required } | OriginHeader::Prefixed { required }) = self.spec.origin_header;
        match (self.request.origin, required) {
            (Some(origin), _) => Some(origin.to_ascii_lowercase()),
            (None, Required::Yes) => {
                let scheme = if uri.is_secure() { "https" } else { "http" };
                Some(format!("{scheme}://{}", uri.host_header()))
            }
            (None, Required::No) => None,
        }
    }
}

/// Shuffles fields by random bytes, so that servers cannot depend on an order (hybi-00 section 4.1 step 24).
fn shuffle<T>(fields: &mut [T], random: &[u8]) {
    for (count, byte) in (2..=fields.len()).rev().zip(random.iter().cycle()) {
        let other = usize::from(*byte).checked_rem(count).unwrap_or(0);
        fields.swap(count.saturating_sub(1), other);
    }
}

/// The fields of a head as defined up to hybi-03 (hixie55-4.1-9): one space after the colon is skipped, all other bytes are part of the
/// value.
fn fields(raw: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw.split(|&b| b == b'\n').skip(1).filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon.saturating_add(1)..)?);
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    })
}

/// The value of a field that has to occur exactly once.
fn single_field<'a>(raw: &'a [u8], name: &'static str) -> Result<&'a [u8], HandshakeErrorKind> {
    let mut values = fields(raw).filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
    match (values.next(), values.next()) {
        (None, _) => Err(HandshakeErrorKind::MissingHeader(name)),
        (Some(_), Some(_)) => Err(HandshakeErrorKind::DuplicateHeader(name)),
        (Some((_, value)), None) => Ok(value),
    }
}

fn require_value(raw: &[u8], name: &'static str, want: &[u8]) -> Result<(), HandshakeErrorKind> {
    match single_field(raw, name)? == want {
        true => Ok(()),
        false => Err(HandshakeErrorKind::InvalidHeader(name)),
    }
}

#[cfg(all(test, feature = "client", feature = "server"))]
mod tests {
    use HandshakeErrorKind::{DuplicateHeader, InvalidHeader, MissingHeader, Response};

    use super::*;
    use crate::handshake::http::HeadParser;
    use crate::handshake::uri::Uri;
    use crate::legacy::handshake::proof::key_number;
    use crate::legacy::Version;
    use crate::primitives::random::RandomSource;

    /// The key of RFC 6455 section 1.3, and its accept value.
    const KEY_SENT: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD_ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    /// The request of a client of this version, with constant random bytes.
    fn draft_request<T>(version: Version, subprotocols: &[&str], work: impl FnOnce(&DraftRequest<'_>) -> T) -> T {
        let spec = DraftSpec::for_version(version);
        let uri = Uri::parse("ws://Example.com/demo").unwrap();
        let subprotocols: Vec<String> = subprotocols.iter().map(|s| s.to_string()).collect();
        let origin = Some("http://Example.com");
        let request = HandshakeRequest {
            uri: &uri,
            key: KEY_SENT,
            headers: &[],
            origin,
            subprotocols: &subprotocols,
            extensions: None,
            authorization: None,
        };
        let mut random_source = RandomSource::from_fn(Box::new(|out: &mut [u8]| {
            out.fill(7);
            Ok(())
        }));
        let challenge =
            (spec.proof == HandshakeProof::Challenge).then(|| KeyChallenge::generate(&mut random_source).unwrap());
        work(&DraftRequest { spec, request, challenge })
    }

    fn check(version: Version, subprotocols: &[&str], lines: &str) -> Result<NegotiatedDraft, HandshakeErrorKind> {
        let raw = format!("{}\r\n\r\n", lines.replace('|', "\r\n"));
        let mut parser = HeadParser::response();
        parser.feed(raw.as_bytes()).unwrap();
        let head = parser.finish().unwrap();
        draft_request(version, subprotocols, |draft_request| draft_request.check(raw.as_bytes(), &head))
    }

    fn text(version: Version, subprotocols: &[&str]) -> String {
        String::from_utf8(draft_request(version, subprotocols, |draft_request| draft_request.bytes()).unwrap()).unwrap()
    }

    fn text_of(version: Version, subprotocols: &[&str]) -> String {
        let bytes = draft_request(version, subprotocols, |draft_request| draft_request.bytes()).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// hixie55-4.1-5
    #[test]
    fn the_request_of_hixie_75_is_exact() {
        // hixie75-3.1-1
        let want = "GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
            Origin: http://example.com\r\nWebSocket-Protocol: sample\r\n\r\n";
        assert_eq!(text(Version::Hixie75, &["sample"]), want);
        assert_eq!(text(Version::Hixie55, &["sample"]), want);
    }

    #[test]
    fn the_requests_from_hybi_00_to_hybi_03() {
        // hixie76-4.1-2, hixie76-4.1-3, hybi02-5.1-1, hybi03-5.1-1
        for version in [Version::Hybi00, Version::Hybi01, Version::Hybi02, Version::Hybi03] {
            let text = text(version, &["sample"]);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.as_bytes(), [7; 8]);
            let mut lines: Vec<&str> = head.split("\r\n").collect();
            assert_eq!(lines.remove(0), "GET /demo HTTP/1.1");
            assert_ne!(lines[..2], ["Upgrade: WebSocket", "Connection: Upgrade"], "the order is random");
            lines.sort_unstable();
            let draft = if version >= Version::Hybi02 { vec!["Sec-WebSocket-Draft: 2"] } else { vec![] };
            let keys: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("Sec-WebSocket-Key")).collect();
            for (line, name) in keys.iter().zip(["Sec-WebSocket-Key1: ", "Sec-WebSocket-Key2: "]) {
                assert!(key_number(line.strip_prefix(name).unwrap().as_bytes()).is_some());
            }
            let others: Vec<&str> = lines.iter().copied().filter(|line| !keys.contains(line)).collect();
            let mut want = vec!["Connection: Upgrade", "Host: example.com", "Origin: http://example.com"];
            want.extend(draft);
            want.extend(["Sec-WebSocket-Protocol: sample", "Upgrade: WebSocket"]);
            assert_eq!((others, keys.len()), (want, 2), "{version}");
        }
        assert!(text(Version::Hybi03, &["a", "b"]).contains("Sec-WebSocket-Protocol: a b\r\n"));
    }

    #[test]
    fn the_requests_from_hybi_04_on() {
        // hybi04-5.1-1
        for version in [Version::Hybi04, Version::Hybi05, Version::Hybi06, Version::Hybi07, Version::Hybi08] {
            let number = version.number().unwrap();
            let want = format!(
                "GET /demo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
                Sec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Protocol: a, b\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: {number}\r\n\r\n"
            );
            assert_eq!(text(version, &["a", "b"]), want);
        }
    }

    /// The fields of the caller, and the credentials.
    #[test]
    fn further_fields_of_a_request() {
        // hixie75-3.1-1
        let headers = [("cookie", "a=b"), ("X-Other", "y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (version, end) in [
            (Version::Hixie75, "\r\nAuthorization: Basic eDp5\r\nX-Other: y\r\ncookie: a=b\r\n\r\n"),
            (Version::Hybi08, "\r\nAuthorization: Basic eDp5\r\ncookie: a=b\r\nX-Other: y\r\n\r\n"),
        ] {
            let bytes = draft_request(version, &[], |of| {
                let HandshakeRequest { uri, key, origin, subprotocols, extensions, .. } = of.request;
                let (headers, authorization) = (&headers, Some("Basic eDp5"));
                let request = HandshakeRequest { uri, key, headers, origin, subprotocols, extensions, authorization };
                DraftRequest { spec: of.spec, request, challenge: None }.bytes().unwrap()
            });
            assert!(bytes.ends_with(end.as_bytes()), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn every_byte_moves_a_field() {
        // hixie76-4.1-2: computed by a program of its own.
        let rows: [(&str, &[u8], &str); 6] = [
            ("abcdef", &[0], "bcdefa"),
            ("abcdef", &[1], "acdefb"),
            ("abcdef", &[255, 3], "cbaefd"),
            ("abcdef", &[7, 1, 2, 0, 1], "deacfb"),
            ("ab", &[0], "ba"),
            ("a", &[1], "a"),
        ];
        for (fields, random, order) in rows {
            let mut fields: Vec<char> = fields.chars().collect();
            shuffle(&mut fields, random);
            assert_eq!(fields.into_iter().collect::<String>(), order, "{random:?}");
        }
    }

    /// hixie55-4.1-13
    #[test]
    fn subprotocol_lists_are_rejected_by_versions_without_lists() {
        for version in Version::ALL {
            let result = draft_request(version, &["a", "b"], |draft_request| draft_request.bytes()).map(|_| ());
            match DraftSpec::for_version(version).subprotocols.allows_multiple() {
                true => assert_eq!(result, Ok(())),
                false => assert!(matches!(result, Err(UsageError::UnsupportedByVersion { .. })), "{version}"),
            }
        }
    }

    /// Shows the answer to farrell-1.
    #[test]
    fn responses_to_hixie_75() {
        // hixie75-3.1-2, hixie75-3.1-3, hixie75-3.1-4, hixie55-3.2-2, hixie55-4.1-6, hixie55-4.1-9
        let start = "HTTP/1.1 101 Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|";
        let (origin, location) = ("WebSocket-Origin: http://example.com", "WebSocket-Location: ws://example.com/demo");
        let good = format!("{start}{origin}|{location}|WebSocket-Protocol: sample");
        let agreed = Ok(NegotiatedDraft { subprotocol: Some("sample".into()), ..NegotiatedDraft::default() });
        assert_eq!(check(Version::Hixie75, &["sample"], &good), agreed);
        // Ignored if none was offered.
        assert_eq!(check(Version::Hixie75, &[], &good), Ok(NegotiatedDraft::default()));
        let rows = [
            (format!("{start}{location}|websocket-ORIGIN:http://example.com|Other: x|Set-Cookie: a=b"), None),
            (good.replace("101", "407"), Some(Response(ResponseErrorKind::Status(407)))),
            (good.replace("Web Socket", "WebSocket"), Some(Response(ResponseErrorKind::StatusLine))),
            (good.replace("HTTP/1.1", "HTTP/1.0"), Some(Response(ResponseErrorKind::StatusLine))),
            (good.replace("Upgrade: WebSocket", "Upgrade: websocket"), Some(Response(ResponseErrorKind::StatusLine))),
            (
                good.replace("Connection: Upgrade", "Connection:  Upgrade"),
                Some(Response(ResponseErrorKind::StatusLine)),
            ),
            (
                good.replace("|Upgrade: WebSocket", "|X: y|Upgrade: WebSocket"),
                Some(Response(ResponseErrorKind::StatusLine)),
            ),
            (good.replace(origin, "X: y"), Some(MissingHeader("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin: http://example.org"), Some(InvalidHeader("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin:  http://example.com"), Some(InvalidHeader("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin: http://example.com "), Some(InvalidHeader("WebSocket-Origin"))),
            (format!("{good}|{origin}"), Some(DuplicateHeader("WebSocket-Origin"))),
            (good.replace("ws://", "wss://"), Some(InvalidHeader("WebSocket-Location"))),
            (good.replace("example.com/demo", "example.com:80/demo"), Some(InvalidHeader("WebSocket-Location"))),
            (good.replace("ws://example.com", "ws://Example.com"), Some(InvalidHeader("WebSocket-Location"))),
            (format!("{good}|{location}"), Some(DuplicateHeader("WebSocket-Location"))),
            // A value is one line.
            (format!("{good}| x"), Some(HandshakeErrorKind::Head(HeadErrorKind::LineFolding))),
            (
                good.replace(location, &format!("{location}|\tx")),
                Some(HandshakeErrorKind::Head(HeadErrorKind::LineFolding)),
            ),
        ];
        for (lines, kind) in rows {
            let checked = check(Version::Hixie75, &[], &lines);
            assert_eq!(checked.err(), kind, "{lines}");
        }
        let without = good.replace("|WebSocket-Protocol: sample", "");
        assert_eq!(check(Version::Hixie75, &["sample"], &without), Err(MissingHeader("WebSocket-Protocol")));
        assert_eq!(check(Version::Hixie75, &["other"], &good), Err(Response(ResponseErrorKind::SubprotocolNotOffered)));
        let empty = good.replace("WebSocket-Protocol: sample", "WebSocket-Protocol: ");
        assert_ne!(empty, good);
        assert_eq!(check(Version::Hixie75, &["sample"], &empty), Err(Response(ResponseErrorKind::EmptySubprotocol)));
    }

    /// Shows the answer to opera-2.
    #[test]
    fn responses_from_hybi_00_to_hybi_03() {
        // hixie76-4.1-4, hixie76-4.1-5, hybi02-5.1-2
        let good = "HTTP/1.1 101 Whatever|Set-Cookie: a=b|Sec-WebSocket-Location: ws://example.com/demo|\
            Connection: upgrade|Sec-WebSocket-Origin: http://example.com|Upgrade: WebSocket|Sec-WebSocket-Protocol: sample";
        for version in [Version::Hybi00, Version::Hybi01, Version::Hybi02, Version::Hybi03] {
            let agreed = NegotiatedDraft { subprotocol: Some("sample".into()), ..NegotiatedDraft::default() };
            assert_eq!(check(version, &["sample"], good), Ok(agreed));
            let letters = (version < Version::Hybi02).then_some(InvalidHeader("Upgrade"));
            let rows = [
                (good.replace("Whatever", ""), None),
                (good.replace("HTTP/1.1", "HTTP/1.0"), None),
                (good.replace(" Whatever", ""), Some(Response(ResponseErrorKind::StatusLine))),
                (good.replace("101", "407"), Some(Response(ResponseErrorKind::Status(407)))),
                (good.replace("101", "200"), Some(Response(ResponseErrorKind::Status(200)))),
                (good.replace("Upgrade: WebSocket", "Upgrade: websocket"), letters),
                (good.replace("Upgrade: WebSocket", "Upgrade: h2c"), Some(InvalidHeader("Upgrade"))),
                (good.replace("Upgrade: WebSocket", "X: y"), Some(MissingHeader("Upgrade"))),
                (
                    good.replace("Connection: upgrade", "Connection: keep-alive, Upgrade"),
                    Some(InvalidHeader("Connection")),
                ),
                (good.replace("http://example.com", "http://example.org"), Some(InvalidHeader("Sec-WebSocket-Origin"))),
                (good.replace("/demo", "/"), Some(InvalidHeader("Sec-WebSocket-Location"))),
                (
                    format!("{good}|Sec-WebSocket-Origin: http://example.com"),
                    Some(DuplicateHeader("Sec-WebSocket-Origin")),
                ),
            ];
            for (lines, kind) in rows {
                assert_eq!(check(version, &[], &lines).err(), kind, "{version}: {lines}");
            }
            draft_request(version, &[], |draft_request| {
                assert_eq!(
                    draft_request.check_challenge_response(&draft_request.challenge.as_ref().unwrap().response()),
                    Ok(())
                );
                for answer in [&[0; 16][..], &[], &[0; 15]] {
                    assert_eq!(
                        draft_request.check_challenge_response(answer),
                        Err(HandshakeErrorKind::Response(ResponseErrorKind::InvalidProof)),
                        "{version}"
                    );
                }
            });
        }
    }

    /// The names that a client offers, and how they are written.
    #[test]
    fn the_names_of_subprotocols() {
        // hixie55-3.1-3, hybi06-5.1-2, hybi09-5.1-2
        let names = ["a/b", "v1=2", "(x)", "{\"q\\}", "~!"];
        for version in Version::ALL {
            let spec = DraftSpec::for_version(version);
            for name in names {
                let fine = version < Version::Hybi08 || name == "~!";
                let verdict = check_subprotocols(spec, &[name.to_owned()]);
                assert_eq!(
                    verdict,
                    if fine { Ok(()) } else { Err(UsageError::Subprotocol(name.to_owned())) },
                    "{version}"
                );
            }
            for name in ["", "a b", "caf\u{e9}", "a\t"] {
                let wrong = Err(UsageError::Subprotocol(name.to_owned()));
                assert_eq!(check_subprotocols(spec, &[name.to_owned()]), wrong, "{version}");
            }
        }
        for version in [Version::Hixie55, Version::Hixie75, Version::Hybi00, Version::Hybi02, Version::Hybi03] {
            assert!(text_of(version, &["v1=2"]).contains("WebSocket-Protocol: v1=2\r\n"), "{version}");
        }
        for version in [Version::Hybi04, Version::Hybi05, Version::Hybi06, Version::Hybi07] {
            let text = text_of(version, &["a/b", "c", "\"\\"]);
            assert!(text.contains("\r\nSec-WebSocket-Protocol: \"a/b\", c, \"\\\"\\\\\"\r\n"), "{text}");
        }
    }

    /// A server may answer with a quoted string from hybi-04 to hybi-07, even for a token.
    #[test]
    fn the_subprotocol_of_a_response() {
        // hybi06-5.1-2, hybi09-5.1-2
        let answered = |version, value: &str| {
            let lines = format!(
                "HTTP/1.1 101 Switching Protocols|Upgrade: WebSocket|Connection: upgrade|{GOOD_ACCEPT}|\
                Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==|Sec-WebSocket-Protocol: {value}"
            );
            check(version, &["chat"], &lines).map(|agreed| agreed.subprotocol)
        };
        for version in [Version::Hybi04, Version::Hybi05, Version::Hybi06, Version::Hybi07, Version::Hybi08] {
            let quoted = version < Version::Hybi08;
            assert_eq!(answered(version, "chat"), Ok(Some("chat".into())));
            for value in ["\"chat\"", "\"c\\hat\""] {
                let not_offered = Err(Response(ResponseErrorKind::SubprotocolNotOffered));
                let want = if quoted { Ok(Some("chat".into())) } else { not_offered };
                assert_eq!(answered(version, value), want, "{version}: {value}");
            }
            for value in ["\"chat", "\"chat\", x", "chat x", "\"Chat\"", "\"\""] {
                let not_offered = Err(Response(ResponseErrorKind::SubprotocolNotOffered));
                assert_eq!(answered(version, value), not_offered, "{version}: {value}");
            }
            assert_eq!(answered(version, ""), Err(Response(ResponseErrorKind::EmptySubprotocol)));
        }
    }

    /// Shows the answer to opera-2.
    #[test]
    fn responses_from_hybi_04_on() {
        // hybi04-5.1-2, hybi09-5.1-1
        let good = format!(
            "HTTP/1.1 101 Switching Protocols|Upgrade: WebSocket|Connection: upgrade|{GOOD_ACCEPT}|\
            Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==|Sec-WebSocket-Protocol: b"
        );
        for version in [Version::Hybi04, Version::Hybi05, Version::Hybi06, Version::Hybi07, Version::Hybi08] {
            let nonce = version == Version::Hybi04;
            let masking_key = nonce.then(|| proof::masking_key(KEY_SENT.as_bytes(), b"AQIDBAUGBwgJCgsMDQ4PEC=="));
            let agreed = NegotiatedDraft { subprotocol: Some("b".into()), deflate_stream: false, masking_key };
            assert_eq!(check(version, &["a", "b"], &good), Ok(agreed), "{version}");
            let no_nonce = good.replace("|Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==", "");
            let rows = [
                (no_nonce.clone(), nonce.then_some(MissingHeader("Sec-WebSocket-Nonce"))),
                (good.replace("AQID", "????"), nonce.then_some(InvalidHeader("Sec-WebSocket-Nonce"))),
                (good.replace("PEC==", ""), nonce.then_some(InvalidHeader("Sec-WebSocket-Nonce"))),
                (good.replace("101", "407"), Some(Response(ResponseErrorKind::Status(407)))),
                (
                    good.replace("Connection: upgrade", "Connection: keep-alive, Upgrade"),
                    Some(InvalidHeader("Connection")),
                ),
                (good.replace("s3pPLM", "S3pPLM"), Some(InvalidHeader("Sec-WebSocket-Accept"))),
                (good.replace("Protocol: b", "Protocol: c"), Some(Response(ResponseErrorKind::SubprotocolNotOffered))),
                (
                    format!("{good}|Sec-WebSocket-Extensions: deflate-stream"),
                    Some(Response(ResponseErrorKind::ExtensionNotOffered)),
                ),
            ];
            for (lines, kind) in rows {
                assert_eq!(check(version, &["a", "b"], &lines).err(), kind, "{version}: {lines}");
            }
        }
    }

    /// Twice, or with parameters, is not what was offered.
    #[test]
    fn an_extension_is_agreed_on_once_and_without_parameters() {
        let rows = [
            ("deflate-stream", Ok(true)),
            ("deflate-stream, deflate-stream", Err(InvalidHeader(EXTENSIONS))),
            ("deflate-stream; a=b", Err(InvalidHeader(EXTENSIONS))),
        ];
        for (value, agreed) in rows {
            let raw = format!(
                "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n{GOOD_ACCEPT}\r\n\
                Sec-WebSocket-Extensions: {value}\r\n\r\n"
            );
            let mut parser = HeadParser::response();
            parser.feed(raw.as_bytes()).unwrap();
            let head = parser.finish().unwrap();
            let checked = draft_request(Version::Hybi05, &[], |of| {
                let HandshakeRequest { uri, key, headers, origin, subprotocols, authorization, .. } = of.request;
                let extensions = Some(DEFLATE_STREAM);
                let request = HandshakeRequest { uri, key, headers, origin, subprotocols, extensions, authorization };
                DraftRequest { spec: of.spec, request, challenge: None }.check(raw.as_bytes(), &head)
            });
            assert_eq!(checked.map(|agreed| agreed.deflate_stream), agreed, "{value}");
        }
    }
}
