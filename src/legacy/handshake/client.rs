//! The client's part: the request as bytes, and the verdict on the response.
//!
//! | version | the request | the response |
//! |---|---|---|
//! | hixie-55, -75 | these fields in this order: `Upgrade`, `Connection`, `Host`, `Origin`, `WebSocket-Protocol` | 85 bytes letter by letter, then fields |
//! | hybi-00 to -03 | fields in random order, then eight bytes | any line with 101, fields, then 16 bytes |
//! | hybi-04 on | as RFC 6455, but for the names and what they hold | as RFC 6455, but `Connection` is no list |
//!
//! Up to hybi-03 a value is what stands behind one space, and everything else of it counts. So the bytes of the head are
//! looked at, and not only what HTTP makes of them.

use super::proof::{self, Challenge};
use super::{Agreed, CONNECTION, DEFLATE_STREAM, DRAFT, EXTENSIONS, KEY, KEY1, KEY2, NONCE, ORIGIN, SEC_ORIGIN};
use super::{UPGRADE, VERSION};
use crate::error::{HandshakeFault, Misuse};
use crate::legacy::parts::{Echo, Origins, Proof, Required, Tokens};
use crate::legacy::table::Row;
use crate::primitives::base64;
use crate::protocol::handshake::client::{self as rfc, Request};
use crate::wire::http::{write_head, Head};

/// The first two lines and a half of every good response to hixie-75.
const LINES: &[u8] = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n";

/// What is asked of a server in the words of a draft.
pub(crate) struct Asking<'a> {
    pub(crate) row: &'static Row,
    /// With `key` fresh, and `extensions` only what the draft knows.
    pub(crate) request: Request<'a>,
    /// Fresh, for hybi-00 to -03.
    pub(crate) challenge: Option<Challenge>,
}

/// Whether this version can ask for what the caller wants.
pub(crate) fn check_subprotocols(row: &Row, subprotocols: &[String]) -> Result<(), Misuse> {
    if subprotocols.len() > 1 && !row.subprotocols.several() {
        return Err(Misuse::NotInVersion { what: "list of subprotocols", version: row.name });
    }
    Ok(())
}

impl Asking<'_> {
    /// The request as it is sent, with the eight bytes behind it. An error for what cannot be asked for.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Misuse> {
        let request = &self.request;
        let row = self.row;
        check_subprotocols(row, request.subprotocols)?;
        let (host, origin) = (request.uri.host_header(), self.origin());
        let (version, draft) = (row.number.map(|n| n.to_string()), row.draft.map(|n| n.to_string()));
        // hybi03-5.1-1: by spaces, before that there is but one.
        let subprotocols = request.subprotocols.join(if row.echo == Echo::Nothing { ", " } else { " " });
        let authorization = rfc::authorization(request)?;

        // hixie75-3.1-1: this order.
        let mut fields = vec![(UPGRADE, row.upgrade), (CONNECTION, "Upgrade"), ("Host", host.as_str())];
        let origin_header = match row.origins {
            Origins::Plain { .. } => ORIGIN,
            Origins::Prefixed { .. } => SEC_ORIGIN,
        };
        fields.extend(origin.as_deref().map(|origin| (origin_header, origin)));
        if !subprotocols.is_empty() {
            fields.push((row.subprotocols.header(), &subprotocols));
        }
        if let Some(Challenge { keys: [first, second], .. }) = &self.challenge {
            fields.extend([(KEY1, first.text.as_str()), (KEY2, second.text.as_str())]);
        }
        // hybi04-5.1-1
        if row.echo == Echo::Nothing {
            fields.push((KEY, request.key));
        }
        fields.extend(version.as_deref().map(|version| (VERSION, version)));
        // hybi02-5.1-1
        fields.extend(draft.as_deref().map(|draft| (DRAFT, draft)));
        fields.extend(request.extensions.map(|offer| (EXTENSIONS, offer)));
        fields.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        fields.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
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

    /// How many bytes belong to the handshake behind the head of a good response.
    pub(crate) fn answer_length(&self) -> usize {
        self.challenge.as_ref().map_or(0, |challenge| challenge.answer().len())
    }

    /// The verdict on a response, of which `raw` is the head as it came.
    pub(crate) fn check(&self, raw: &[u8], head: &Head) -> Result<Agreed, HandshakeFault> {
        match self.row.echo {
            Echo::Nothing => self.check_late(head),
            Echo::Plain | Echo::Prefixed => {
                Ok(Agreed { subprotocol: self.check_early(raw, head)?, ..Agreed::default() })
            }
        }
    }

    /// The verdict on what came behind the head, as much as [`answer_length`](Asking::answer_length) says.
    pub(crate) fn check_answer(&self, answer: &[u8]) -> Result<(), HandshakeFault> {
        match &self.challenge {
            // hixie76-4.1-5
            Some(challenge) if challenge.answer() != *answer => Err(HandshakeFault::Proof),
            Some(_) | None => Ok(()),
        }
    }

    /// Up to hybi-03.
    fn check_early(&self, raw: &[u8], head: &Head) -> Result<Option<String>, HandshakeFault> {
        if head.status() != 101 {
            return Err(HandshakeFault::Status(head.status()));
        }
        let (origin, location) = match self.row.echo {
            Echo::Plain => {
                // hixie75-3.1-2
                if !raw.starts_with(LINES) {
                    return Err(HandshakeFault::StatusLine);
                }
                ("WebSocket-Origin", "WebSocket-Location")
            }
            Echo::Prefixed | Echo::Nothing => {
                // Two spaces, even where no reason follows.
                let line = raw.split(|&b| b == b'\r').next().unwrap_or_default();
                if line.iter().filter(|&&b| b == b' ').count() < 2 {
                    return Err(HandshakeFault::StatusLine);
                }
                self.check_upgrade(raw)?;
                (SEC_ORIGIN, "Sec-WebSocket-Location")
            }
        };
        let uri = self.request.uri;
        let scheme = if uri.secure() { "wss" } else { "ws" };
        // hixie75-3.1-3, hixie76-4.1-4
        exactly(raw, origin, self.origin().unwrap_or_default().as_bytes())?;
        exactly(raw, location, format!("{scheme}://{}{}", uri.host_header(), uri.resource()).as_bytes())?;
        // hixie75-3.1-4
        if self.request.subprotocols.is_empty() {
            return Ok(None);
        }
        let chosen = only(raw, self.row.subprotocols.header())?;
        match self.request.subprotocols.iter().find(|offer| offer.as_bytes() == chosen) {
            Some(offer) => Ok(Some(offer.clone())),
            None => Err(HandshakeFault::SubprotocolNotOffered),
        }
    }

    fn check_upgrade(&self, raw: &[u8]) -> Result<(), HandshakeFault> {
        let upgrade = only(raw, UPGRADE)?;
        let fine = match self.row.tokens {
            Tokens::Exact => upgrade == self.row.upgrade.as_bytes(),
            // hybi02-5.1-2
            Tokens::Whole | Tokens::Listed => upgrade.eq_ignore_ascii_case(self.row.upgrade.as_bytes()),
        };
        if !fine {
            return Err(HandshakeFault::Wrong(UPGRADE));
        }
        match only(raw, CONNECTION)?.eq_ignore_ascii_case(b"Upgrade") {
            true => Ok(()),
            false => Err(HandshakeFault::Wrong(CONNECTION)),
        }
    }

    /// From hybi-04 on.
    fn check_late(&self, head: &Head) -> Result<Agreed, HandshakeFault> {
        // hybi04-5.1-2, hybi09-5.1-1
        let agreed = rfc::check(head, &self.request)?;
        // The whole value, and not a list that has it.
        let connection = head.single(CONNECTION)?.unwrap_or_default();
        if !connection.eq_ignore_ascii_case(b"Upgrade") {
            return Err(HandshakeFault::Wrong(CONNECTION));
        }
        // All that was offered, at most once, and without parameters, which it does not have.
        if agreed.extensions.len() > 1 || agreed.extensions.iter().any(|extension| !extension.params.is_empty()) {
            return Err(HandshakeFault::Wrong(EXTENSIONS));
        }
        let masking_key = match self.row.proof {
            Proof::AcceptAndNonce => {
                let nonce = head.single(NONCE)?.ok_or(HandshakeFault::Missing(NONCE))?;
                // Counts as it stands there, but has to be what it says it is.
                if base64::decode(nonce).map_or(0, |bytes| bytes.len()) != 16 {
                    return Err(HandshakeFault::Wrong(NONCE));
                }
                Some(proof::masking_key(self.request.key.as_bytes(), nonce))
            }
            Proof::None | Proof::Challenge | Proof::Accept => None,
        };
        let deflate_stream = agreed.extensions.iter().any(|extension| extension.name == DEFLATE_STREAM);
        Ok(Agreed { subprotocol: agreed.subprotocol, deflate_stream, masking_key })
    }

    /// In lower case. Where one has to be sent and the caller gave none, it is that of a page of the host itself.
    fn origin(&self) -> Option<String> {
        let uri = self.request.uri;
        let (Origins::Plain { required } | Origins::Prefixed { required }) = self.row.origins;
        match (self.request.origin, required) {
            (Some(origin), _) => Some(origin.to_ascii_lowercase()),
            (None, Required::Yes) => {
                let scheme = if uri.secure() { "https" } else { "http" };
                Some(format!("{scheme}://{}", uri.host_header()))
            }
            (None, Required::No) => None,
        }
    }
}

/// Changes the order of fields by random bytes, so that no server comes to rely on one (hybi-00 section 4.1 step 24).
fn shuffle<T>(fields: &mut [T], random: &[u8]) {
    for (count, byte) in (2..=fields.len()).rev().zip(random.iter().cycle()) {
        let other = usize::from(*byte).checked_rem(count).unwrap_or(0);
        fields.swap(count.saturating_sub(1), other);
    }
}

/// The fields of a head as the drafts up to hybi-03 read them: one space behind the colon does not count, any other byte does.
fn fields(raw: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw.split(|&b| b == b'\n').skip(1).filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon.saturating_add(1)..)?);
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    })
}

/// The value of a field that has to be there once.
fn only<'a>(raw: &'a [u8], name: &'static str) -> Result<&'a [u8], HandshakeFault> {
    let mut values = fields(raw).filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
    match (values.next(), values.next()) {
        (None, _) => Err(HandshakeFault::Missing(name)),
        (Some(_), Some(_)) => Err(HandshakeFault::Repeated(name)),
        (Some((_, value)), None) => Ok(value),
    }
}

fn exactly(raw: &[u8], name: &'static str, want: &[u8]) -> Result<(), HandshakeFault> {
    match only(raw, name)? == want {
        true => Ok(()),
        false => Err(HandshakeFault::Wrong(name)),
    }
}

#[cfg(test)]
mod tests {
    use HandshakeFault::{ExtensionNotOffered, Missing, Repeated, Status, StatusLine, SubprotocolNotOffered, Wrong};

    use super::super::proof::number;
    use super::*;
    use crate::legacy::Version;
    use crate::primitives::entropy::Entropy;
    use crate::wire::http::HeadParser;
    use crate::wire::uri::Uri;

    /// The key of RFC 6455 section 1.3, and what answers it.
    const KEY_SENT: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD_ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    /// What a client of this version asks for, with random bytes that are all the same.
    fn asking<T>(version: Version, subprotocols: &[&str], work: impl FnOnce(&Asking<'_>) -> T) -> T {
        let row = Row::of(version);
        let uri = Uri::parse("ws://Example.com/demo").unwrap();
        let subprotocols: Vec<String> = subprotocols.iter().map(|s| s.to_string()).collect();
        let origin = Some("http://Example.com");
        let request =
            Request { uri: &uri, key: KEY_SENT, headers: &[], origin, subprotocols: &subprotocols, extensions: None };
        let mut entropy = Entropy::from_source(Box::new(|out: &mut [u8]| {
            out.fill(7);
            Ok(())
        }));
        let challenge = (row.proof == Proof::Challenge).then(|| Challenge::draw(&mut entropy).unwrap());
        work(&Asking { row, request, challenge })
    }

    fn verdict(version: Version, subprotocols: &[&str], lines: &str) -> Result<Agreed, HandshakeFault> {
        let raw = format!("{}\r\n\r\n", lines.replace('|', "\r\n"));
        let mut parser = HeadParser::response();
        parser.feed(raw.as_bytes()).unwrap();
        let head = parser.finish().unwrap();
        asking(version, subprotocols, |asking| asking.check(raw.as_bytes(), &head))
    }

    fn text(version: Version, subprotocols: &[&str]) -> String {
        String::from_utf8(asking(version, subprotocols, |asking| asking.bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_request_of_hixie_75_to_the_letter() {
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
                assert!(number(line.strip_prefix(name).unwrap().as_bytes()).is_some());
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

    #[test]
    fn one_subprotocol_where_there_is_one() {
        for version in Version::ALL {
            let asked = asking(version, &["a", "b"], |asking| asking.bytes()).map(|_| ());
            match Row::of(version).subprotocols.several() {
                true => assert_eq!(asked, Ok(())),
                false => assert!(matches!(asked, Err(Misuse::NotInVersion { .. })), "{version}"),
            }
        }
    }

    #[test]
    fn responses_to_hixie_75() {
        // hixie75-3.1-2, hixie75-3.1-3, hixie75-3.1-4
        let start = "HTTP/1.1 101 Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|";
        let (origin, location) = ("WebSocket-Origin: http://example.com", "WebSocket-Location: ws://example.com/demo");
        let good = format!("{start}{origin}|{location}|WebSocket-Protocol: sample");
        let agreed = Ok(Agreed { subprotocol: Some("sample".into()), ..Agreed::default() });
        assert_eq!(verdict(Version::Hixie75, &["sample"], &good), agreed);
        // If none was asked for, it is ignored.
        assert_eq!(verdict(Version::Hixie75, &[], &good), Ok(Agreed::default()));
        let rows = [
            (format!("{start}{location}|websocket-ORIGIN:http://example.com|Other: x|Set-Cookie: a=b"), None),
            (good.replace("101", "407"), Some(Status(407))),
            (good.replace("Web Socket", "WebSocket"), Some(StatusLine)),
            (good.replace("HTTP/1.1", "HTTP/1.0"), Some(StatusLine)),
            (good.replace("Upgrade: WebSocket", "Upgrade: websocket"), Some(StatusLine)),
            (good.replace("Connection: Upgrade", "Connection:  Upgrade"), Some(StatusLine)),
            (good.replace("|Upgrade: WebSocket", "|X: y|Upgrade: WebSocket"), Some(StatusLine)),
            (good.replace(origin, "X: y"), Some(Missing("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin: http://example.org"), Some(Wrong("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin:  http://example.com"), Some(Wrong("WebSocket-Origin"))),
            (good.replace(origin, "WebSocket-Origin: http://example.com "), Some(Wrong("WebSocket-Origin"))),
            (format!("{good}|{origin}"), Some(Repeated("WebSocket-Origin"))),
            (good.replace("ws://", "wss://"), Some(Wrong("WebSocket-Location"))),
            (good.replace("example.com/demo", "example.com:80/demo"), Some(Wrong("WebSocket-Location"))),
            (good.replace("ws://example.com", "ws://Example.com"), Some(Wrong("WebSocket-Location"))),
            (format!("{good}|{location}"), Some(Repeated("WebSocket-Location"))),
        ];
        for (lines, fault) in rows {
            let verdict = verdict(Version::Hixie75, &[], &lines);
            assert_eq!(verdict.err(), fault, "{lines}");
        }
        let without = good.replace("|WebSocket-Protocol: sample", "");
        assert_eq!(verdict(Version::Hixie75, &["sample"], &without), Err(Missing("WebSocket-Protocol")));
        assert_eq!(verdict(Version::Hixie75, &["other"], &good), Err(SubprotocolNotOffered));
    }

    #[test]
    fn responses_from_hybi_00_to_hybi_03() {
        // hixie76-4.1-4, hixie76-4.1-5, hybi02-5.1-2
        let good = "HTTP/1.1 101 Whatever|Set-Cookie: a=b|Sec-WebSocket-Location: ws://example.com/demo|\
            Connection: upgrade|Sec-WebSocket-Origin: http://example.com|Upgrade: WebSocket|Sec-WebSocket-Protocol: sample";
        for version in [Version::Hybi00, Version::Hybi01, Version::Hybi02, Version::Hybi03] {
            let agreed = Agreed { subprotocol: Some("sample".into()), ..Agreed::default() };
            assert_eq!(verdict(version, &["sample"], good), Ok(agreed));
            let letters = (version < Version::Hybi02).then_some(Wrong("Upgrade"));
            let rows = [
                (good.replace("Whatever", ""), None),
                (good.replace("HTTP/1.1", "HTTP/1.0"), None),
                (good.replace(" Whatever", ""), Some(StatusLine)),
                (good.replace("101", "407"), Some(Status(407))),
                (good.replace("101", "200"), Some(Status(200))),
                (good.replace("Upgrade: WebSocket", "Upgrade: websocket"), letters),
                (good.replace("Upgrade: WebSocket", "Upgrade: h2c"), Some(Wrong("Upgrade"))),
                (good.replace("Upgrade: WebSocket", "X: y"), Some(Missing("Upgrade"))),
                (good.replace("Connection: upgrade", "Connection: keep-alive, Upgrade"), Some(Wrong("Connection"))),
                (good.replace("http://example.com", "http://example.org"), Some(Wrong("Sec-WebSocket-Origin"))),
                (good.replace("/demo", "/"), Some(Wrong("Sec-WebSocket-Location"))),
                (format!("{good}|Sec-WebSocket-Origin: http://example.com"), Some(Repeated("Sec-WebSocket-Origin"))),
            ];
            for (lines, fault) in rows {
                assert_eq!(verdict(version, &[], &lines).err(), fault, "{version}: {lines}");
            }
            asking(version, &[], |asking| {
                assert_eq!(asking.check_answer(&asking.challenge.as_ref().unwrap().answer()), Ok(()));
                for answer in [&[0; 16][..], &[], &[0; 15]] {
                    assert_eq!(asking.check_answer(answer), Err(HandshakeFault::Proof), "{version}");
                }
            });
        }
    }

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
            let agreed = Agreed { subprotocol: Some("b".into()), deflate_stream: false, masking_key };
            assert_eq!(verdict(version, &["a", "b"], &good), Ok(agreed), "{version}");
            let no_nonce = good.replace("|Sec-WebSocket-Nonce: AQIDBAUGBwgJCgsMDQ4PEC==", "");
            let rows = [
                (no_nonce.clone(), nonce.then_some(Missing("Sec-WebSocket-Nonce"))),
                (good.replace("AQID", "????"), nonce.then_some(Wrong("Sec-WebSocket-Nonce"))),
                (good.replace("PEC==", ""), nonce.then_some(Wrong("Sec-WebSocket-Nonce"))),
                (good.replace("101", "407"), Some(Status(407))),
                (good.replace("Connection: upgrade", "Connection: keep-alive, Upgrade"), Some(Wrong("Connection"))),
                (good.replace("s3pPLM", "S3pPLM"), Some(Wrong("Sec-WebSocket-Accept"))),
                (good.replace("Protocol: b", "Protocol: c"), Some(SubprotocolNotOffered)),
                (format!("{good}|Sec-WebSocket-Extensions: deflate-stream"), Some(ExtensionNotOffered)),
            ];
            for (lines, fault) in rows {
                assert_eq!(verdict(version, &["a", "b"], &lines).err(), fault, "{version}: {lines}");
            }
        }
    }
}
