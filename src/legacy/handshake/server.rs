//! The server's part: a request of a draft in, an offer or a fault out; and the response that accepts an offer.
//!
//! | checked, in this order | by |
//! |---|---|
//! | HTTP/1.1, GET, target, Host, no body | all |
//! | `Upgrade`, `Connection` | `tokens` |
//! | the proof: `Key1` and `Key2`, or `Key` | `proof` |
//! | extensions, subprotocols | `extensions`, `subprotocols` |
//! | the origin: there, and welcome | `origins` |
//!
//! The order of fields does not matter in any version: hixie-75 fixes it, but its servers need not look.

use super::{proof, Agreed};
use super::{ACCEPT, CONNECTION, DEFLATE_STREAM, EXTENSIONS, KEY1, KEY2, NONCE, ORIGIN, SEC_ORIGIN, UPGRADE};
use crate::error::HandshakeFault;
use crate::legacy::parts::{Echo, Extensions, Origins as Header, Proof, Required, Subprotocols, Tokens};
use crate::legacy::table::Row;
use crate::protocol::handshake::origin::{Authority, Origins};
use crate::protocol::handshake::server::{self, no_body, parse_host, required, target_authority};
use crate::wire::header;
use crate::wire::http::{self, Head};

/// What a client asks for, in a request that is in order.
pub(crate) struct Offer<'a> {
    row: &'static Row,
    proof: Asked<'a>,
    origin: &'a str,
    host: &'a str,
    target: &'a str,
    /// In the client's order of preference.
    pub(crate) subprotocols: Vec<&'a str>,
    /// Whether `deflate-stream` is offered.
    pub(crate) deflate_stream: bool,
}

/// What has to be proven.
enum Asked<'a> {
    Nothing,
    /// The numbers of both keys.
    Challenge(u32, u32),
    /// `Sec-WebSocket-Key` as it was sent.
    Key(&'a [u8]),
}

/// What a response needs beside the offer.
pub(crate) struct Answer<'a> {
    pub(crate) agreed: &'a Agreed,
    /// `ws` or `wss`, by which the client asked.
    pub(crate) scheme: &'a str,
    /// The eight bytes behind the request, of hybi-00 to -03.
    pub(crate) body: [u8; 8],
    /// Fresh for each connection: base64 of 16 bytes. Of hybi-04.
    pub(crate) nonce: &'a str,
    /// Must be checked, and have none of the names written here.
    pub(crate) extra: &'a [(String, String)],
}

/// Judges a request of this version.
pub(crate) fn check<'a>(row: &'static Row, head: &'a Head, origins: Origins<'_>) -> Result<Offer<'a>, HandshakeFault> {
    if !head.version().knows_upgrade() {
        return Err(HandshakeFault::HttpVersion);
    }
    if head.method() != "GET" {
        return Err(HandshakeFault::Method);
    }
    let host = required(head, "Host")?;
    let authority = parse_host(host)?;
    target(row, head.target(), authority)?;
    // The eight bytes behind a challenge look like a body to HTTP, and some clients announce them as one.
    let eight = http::content_length(head) == Ok(Some(8)) && head.get("Transfer-Encoding").is_none();
    if row.proof != Proof::Challenge || !eight {
        no_body(head)?;
    }
    upgrade(row, head)?;
    let proof = asked(row, head)?;
    let (deflate_stream, subprotocols) = (deflate_stream(row, head)?, subprotocols(row, head)?);
    let origin = origin(row, head, origins, authority)?;
    let host = std::str::from_utf8(host).unwrap_or_default();
    Ok(Offer { row, proof, origin, host, target: head.target(), subprotocols, deflate_stream })
}

/// A path; from version 8 on (which has HTTP's own answers) also an absolute URI, which names the same host.
fn target(row: &Row, target: &str, host: Authority<'_>) -> Result<(), HandshakeFault> {
    match target_authority(target).ok_or(HandshakeFault::Target)? {
        None => Ok(()),
        Some((scheme, authority)) if row.number >= Some(8) && authority.same_as(host, scheme) => Ok(()),
        Some(_) => Err(HandshakeFault::Target),
    }
}

fn upgrade(row: &Row, head: &Head) -> Result<(), HandshakeFault> {
    for (name, token) in [(UPGRADE, "websocket"), (CONNECTION, "upgrade")] {
        let fine = match row.tokens {
            Tokens::Exact | Tokens::Whole => required(head, name)?.eq_ignore_ascii_case(token.as_bytes()),
            // hybi06-5.2.1-1
            Tokens::Listed => {
                head.get(name).ok_or(HandshakeFault::Missing(name))?;
                header::list_has(head.get_all(name), token)
            }
        };
        if !fine {
            return Err(HandshakeFault::Wrong(name));
        }
    }
    Ok(())
}

fn asked<'a>(row: &Row, head: &'a Head) -> Result<Asked<'a>, HandshakeFault> {
    let number = |name| proof::number(required(head, name)?).ok_or(HandshakeFault::Wrong(name));
    match row.proof {
        Proof::None => Ok(Asked::Nothing),
        Proof::Challenge => Ok(Asked::Challenge(number(KEY1)?, number(KEY2)?)),
        Proof::Accept | Proof::AcceptAndNonce => Ok(Asked::Key(server::key(head)?)),
    }
}

/// Whether the client offers `deflate-stream`, which has no parameters.
fn deflate_stream(row: &Row, head: &Head) -> Result<bool, HandshakeFault> {
    let list = match row.extensions {
        Extensions::None => return Ok(false),
        Extensions::Names | Extensions::Parameters => header::extensions(head.get_all(EXTENSIONS)),
    };
    let list = list.map_err(|_| HandshakeFault::Wrong(EXTENSIONS))?;
    if row.extensions == Extensions::Names && list.iter().any(|extension| !extension.params.is_empty()) {
        return Err(HandshakeFault::Wrong(EXTENSIONS));
    }
    Ok(list.iter().any(|extension| extension.name == DEFLATE_STREAM && extension.params.is_empty()))
}

pub(crate) fn subprotocols<'a>(row: &Row, head: &'a Head) -> Result<Vec<&'a str>, HandshakeFault> {
    let name = row.subprotocols.header();
    if row.subprotocols == Subprotocols::List {
        return server::subprotocols(head);
    }
    let Some(value) = head.single(name)? else { return Ok(Vec::new()) };
    // The white space around it is gone, and no control character is in it.
    let whole = match std::str::from_utf8(value) {
        Ok(whole) if !whole.is_empty() && whole.is_ascii() && !whole.contains('\t') => whole,
        Ok(_) | Err(_) => return Err(HandshakeFault::Wrong(name)),
    };
    let mut offered = vec![whole];
    // hybi-03 sends a list in the header where hybi-02, which looks the same, sends one string.
    if row.subprotocols == Subprotocols::Spaced && whole.contains(' ') {
        offered.extend(whole.split(' ').filter(|one| !one.is_empty()));
    }
    Ok(offered)
}

/// The origin that is stated, or nothing. Every header that could state one is looked at, so that none of them is believed by
/// somebody else.
fn origin<'a>(row: &Row, head: &'a Head, origins: Origins<'_>, host: Authority<'_>) -> Result<&'a str, HandshakeFault> {
    let (first, second, needed) = match row.origins {
        Header::Plain { required } => (ORIGIN, ORIGIN, required),
        Header::Prefixed { required } => (SEC_ORIGIN, ORIGIN, required),
    };
    // hybi11-5.1-1
    for name in [first, second] {
        if !origins.allow(head.single(name)?, host) {
            return Err(HandshakeFault::OriginNotAllowed);
        }
    }
    match (head.single(first)?, needed) {
        (None, Required::Yes) => Err(HandshakeFault::Missing(first)),
        (None, Required::No) => Ok(""),
        (Some(origin), _) => match std::str::from_utf8(origin) {
            // It is told back, letter by letter.
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(text),
            Ok(_) | Err(_) => Err(HandshakeFault::Wrong(first)),
        },
    }
}

impl Offer<'_> {
    /// The subprotocol to agree on. Before hybi-04 a client that names one takes nothing else, not even none.
    pub(crate) fn choose(&self, supported: &[String]) -> Result<Option<String>, HandshakeFault> {
        match server::choose(&self.subprotocols, supported) {
            // hixie75-4.2-1
            None if !self.subprotocols.is_empty() && self.row.echo != Echo::Nothing => {
                Err(HandshakeFault::Wrong(self.row.subprotocols.header()))
            }
            chosen => Ok(chosen.map(str::to_owned)),
        }
    }

    /// From which the keys of frames are made, in hybi-04.
    pub(crate) fn masking_key(&self, nonce: &str) -> Option<[u8; 20]> {
        match (self.row.proof, &self.proof) {
            (Proof::AcceptAndNonce, Asked::Key(key)) => Some(proof::masking_key(key, nonce.as_bytes())),
            (_, _) => None,
        }
    }

    /// The response, with all that belongs to it behind its head.
    pub(crate) fn response(&self, answer: &Answer<'_>) -> Vec<u8> {
        let location = self.location(answer.scheme);
        let accept = match &self.proof {
            Asked::Key(key) => server::accept_key(key),
            Asked::Nothing | Asked::Challenge(..) => String::new(),
        };
        let mut fields = vec![(UPGRADE, self.row.upgrade), (CONNECTION, "Upgrade")];
        match self.row.echo {
            // hixie75-4.1-1: the order matters: with it, the first 103 bytes of hixie-75 are always the same.
            Echo::Plain => fields.extend([("WebSocket-Origin", self.origin), ("WebSocket-Location", &location)]),
            // hixie76-5.2-2
            Echo::Prefixed => fields.extend([(SEC_ORIGIN, self.origin), ("Sec-WebSocket-Location", &location)]),
            Echo::Nothing => fields.push((ACCEPT, &accept)),
        }
        // hybi04-5.2.2-1
        if self.row.proof == Proof::AcceptAndNonce {
            fields.push((NONCE, answer.nonce));
        }
        fields.extend(answer.agreed.subprotocol.as_deref().map(|name| (self.row.subprotocols.header(), name)));
        if answer.agreed.deflate_stream {
            fields.push((EXTENSIONS, DEFLATE_STREAM));
        }
        fields.extend(answer.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut bytes = http::write_head(self.status_line(), fields);
        if let Asked::Challenge(first, second) = self.proof {
            bytes.extend_from_slice(&proof::answer(first, second, &answer.body));
        }
        bytes
    }

    fn status_line(&self) -> &'static str {
        match self.row.echo {
            Echo::Plain => "HTTP/1.1 101 Web Socket Protocol Handshake",
            Echo::Prefixed => "HTTP/1.1 101 WebSocket Protocol Handshake",
            Echo::Nothing => "HTTP/1.1 101 Switching Protocols",
        }
    }

    /// The URL the client asked for, as a client would write it: the host in lower case, without the port that goes without saying.
    fn location(&self, scheme: &str) -> String {
        let host = self.host.to_ascii_lowercase();
        let usual = if scheme == "wss" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        format!("{scheme}://{host}{}", self.target)
    }
}

#[cfg(test)]
mod tests {
    use HandshakeFault::{HttpVersion, Method, Missing, OriginNotAllowed, Repeated, Target, Wrong};

    use super::super::client::Asking;
    use super::super::proof::Challenge;
    use super::*;
    use crate::legacy::detect::{detect, Detected};
    use crate::legacy::Version;
    use crate::primitives::entropy::Entropy;
    use crate::protocol::handshake::client::Request;
    use crate::wire::http::{HeadParser, Progress};
    use crate::wire::uri::Uri;

    const DRAFTS: [Version; 11] = {
        let [drafts @ .., _] = Version::ALL;
        drafts
    };

    fn head(bytes: &[u8]) -> (Head, &[u8]) {
        let mut parser = HeadParser::request();
        let Ok(Progress::Done { consumed }) = parser.feed(bytes) else { panic!("{}", bytes.escape_ascii()) };
        (parser.finish().unwrap(), &bytes[consumed..])
    }

    /// A request as our own client writes it.
    fn asking<T>(version: Version, stream: bool, subprotocols: &[&str], work: impl FnOnce(&Asking<'_>) -> T) -> T {
        let row = Row::of(version);
        let uri = Uri::parse("ws://Server.example:81/chat?x=1").unwrap();
        let subprotocols: Vec<String> = subprotocols.iter().map(|s| s.to_string()).collect();
        let extensions = (stream && row.extensions != Extensions::None).then_some(DEFLATE_STREAM);
        let headers = [("Cookie".to_string(), "a=b".to_string())];
        let request = Request {
            uri: &uri,
            key: "dGhlIHNhbXBsZSBub25jZQ==",
            headers: &headers,
            origin: None,
            subprotocols: &subprotocols,
            extensions,
        };
        let challenge = (row.proof == Proof::Challenge).then(|| Challenge::draw(&mut Entropy::system()).unwrap());
        work(&Asking { row, request, challenge })
    }

    #[test]
    fn both_sides_of_every_version_agree() {
        // hybi04-5.2.2-1
        for (version, stream) in DRAFTS.into_iter().flat_map(|version| [(version, false), (version, true)]) {
            asking(version, stream, &["sample"], |asking| {
                let row = asking.row;
                let request = asking.bytes().unwrap();
                let (head, behind) = head(&request);
                let Detected::Versions(meant) = detect(&head) else { panic!("{version}") };
                assert!(meant.contains(&version), "{version}: {meant:?}");
                let offer = check(row, &head, Origins::SameHostAnd(&[])).unwrap();
                let agreed = Agreed {
                    subprotocol: offer.choose(&["other".into(), "sample".into()]).unwrap(),
                    deflate_stream: offer.deflate_stream,
                    masking_key: offer.masking_key("AQIDBAUGBwgJCgsMDQ4PEA=="),
                };
                assert_eq!(agreed.subprotocol.as_deref(), Some("sample"));
                assert_eq!(agreed.deflate_stream, stream && row.extensions != Extensions::None);
                assert_eq!(agreed.masking_key.is_some(), version == Version::Hybi04);
                let body = behind.try_into().unwrap_or_default();
                assert_eq!(behind.len(), if row.proof == Proof::Challenge { 8 } else { 0 });
                let extra = [("Set-Cookie".to_string(), "c=d".to_string())];
                let answer =
                    Answer { agreed: &agreed, scheme: "ws", body, nonce: "AQIDBAUGBwgJCgsMDQ4PEA==", extra: &extra };
                let response = offer.response(&answer);
                let mut parser = HeadParser::response();
                let Ok(Progress::Done { consumed }) = parser.feed(&response) else { panic!("{version}") };
                let (raw, behind) = response.split_at(consumed);
                assert_eq!(behind.len(), asking.answer_length());
                assert_eq!(asking.check(raw, &parser.finish().unwrap()), Ok(agreed), "{version}");
                assert_eq!(asking.check_answer(behind), Ok(()));
            });
        }
    }

    #[test]
    fn the_handshake_of_hixie_75_to_the_letter() {
        // hixie75-4.1-1
        let request = b"GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
            Origin: http://example.com\r\nWebSocket-Protocol: sample\r\n\r\n";
        let want = b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
            WebSocket-Origin: http://example.com\r\nWebSocket-Location: ws://example.com/demo\r\n\
            WebSocket-Protocol: sample\r\n\r\n";
        let head = head(request).0;
        let offer = check(Row::of(Version::Hixie75), &head, Origins::SameHostAnd(&[])).unwrap();
        let agreed = Agreed { subprotocol: offer.choose(&["sample".into()]).unwrap(), ..Agreed::default() };
        let answer = Answer { agreed: &agreed, scheme: "ws", body: [0; 8], nonce: "", extra: &[] };
        let response = offer.response(&answer);
        assert_eq!(response, want);
        assert_eq!(&response[85..103], b"WebSocket-Origin: ", "the first 103 bytes are always the same");
    }

    #[test]
    fn the_handshake_of_hybi_00() {
        // hixie76-5.2-2
        let request = b"GET /demo HTTP/1.1\r\nHost: Example.com:80\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\nUpgrade: WebSocket\r\n\
            Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n";
        let want = b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\n\
            Sec-WebSocket-Protocol: sample\r\n\r\n8jKS'y:G*Co,Wxa-";
        let head = head(request).0;
        let offer = check(Row::of(Version::Hybi00), &head, Origins::SameHostAnd(&[])).unwrap();
        let agreed = Agreed { subprotocol: offer.choose(&["sample".into()]).unwrap(), ..Agreed::default() };
        let answer = Answer { agreed: &agreed, scheme: "ws", body: *b"^n:ds[4U", nonce: "", extra: &[] };
        assert_eq!(offer.response(&answer).escape_ascii().to_string(), want.escape_ascii().to_string());
    }

    /// The request of our own client, with some of it replaced.
    fn changed(version: Version, from: &str, to: &str) -> Result<(), HandshakeFault> {
        let request = asking(version, true, &["sample"], |asking| asking.bytes().unwrap());
        let end = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let text = String::from_utf8(request[..end].to_vec()).unwrap();
        assert!(text.contains(from), "{version}: {from} is not in {text}");
        let text = text.replacen(from, to, 1);
        check(Row::of(version), &head(text.as_bytes()).0, Origins::SameHostAnd(&[])).map(|_| ())
    }

    #[test]
    fn requests_that_will_not_do() {
        // hybi06-5.2.1-1
        for version in DRAFTS {
            let row = Row::of(version);
            let upgrade = format!("Upgrade: {}", row.upgrade);
            let listed = row.tokens == Tokens::Listed;
            let challenge = row.proof == Proof::Challenge;
            let rows = [
                ("\r\nHost", "\r\nX: y\r\nHost", None),
                (upgrade.as_str(), "Upgrade: WEBSOCKET", None),
                ("Connection: Upgrade", "connection: upgrade", None),
                ("HTTP/1.1", "HTTP/1.0", Some(HttpVersion)),
                ("GET", "POST", Some(Method)),
                (" /chat", " chat", Some(Target)),
                (" /chat", " *", Some(Target)),
                (" /chat", " http://elsewhere/chat", Some(Target)),
                (" /chat", " http://server.example:81/chat", (row.number < Some(8)).then_some(Target)),
                ("Host: server.example:81", "X: y", Some(Missing("Host"))),
                ("Host: server.example:81", "Host: a b", Some(Wrong("Host"))),
                ("\r\nHost", "\r\nContent-Length: 8\r\nHost", (!challenge).then_some(Wrong("Content-Length"))),
                ("\r\nHost", "\r\nContent-Length: 9\r\nHost", Some(Wrong("Content-Length"))),
                ("\r\nHost", "\r\nTransfer-Encoding: chunked\r\nHost", Some(Wrong("Transfer-Encoding"))),
                (upgrade.as_str(), "Upgrade: h2c", Some(Wrong("Upgrade"))),
                (upgrade.as_str(), "X: y", Some(Missing("Upgrade"))),
                ("Connection: Upgrade", "Connection: close", Some(Wrong("Connection"))),
                ("Connection: Upgrade", "Connection: keep-alive, Upgrade", (!listed).then_some(Wrong("Connection"))),
            ];
            for (from, to, fault) in rows {
                assert_eq!(changed(version, from, to).err(), fault, "{version}: {from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn origins_that_will_not_do() {
        // hixie75-4.2-1, hybi11-5.1-1
        const OWN: &str = "http://server.example:81";
        for version in DRAFTS {
            let (name, needed) = match Row::of(version).origins {
                Header::Plain { required } => ("Origin", required),
                Header::Prefixed { required } => ("Sec-WebSocket-Origin", required),
            };
            // Without the one that our own client may have put there.
            let with = |lines: String| {
                let asked = asking(version, false, &[], |asking| asking.bytes().unwrap());
                let end = asked.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 2;
                let text = String::from_utf8(asked[..end].to_vec()).unwrap();
                let text = text.replace(&format!("{name}: {OWN}\r\n"), "");
                let head = head(format!("{text}{lines}\r\n").as_bytes()).0;
                check(Row::of(version), &head, Origins::SameHostAnd(&[])).err()
            };
            assert_eq!(with(format!("{name}: {OWN}\r\n")), None, "{version}");
            assert_eq!(with(String::new()), (needed == Required::Yes).then_some(Missing(name)), "{version}");
            assert_eq!(with(format!("{name}: http://elsewhere\r\n")), Some(OriginNotAllowed), "{version}");
            assert_eq!(with(format!("{name}: null\r\n")), Some(OriginNotAllowed), "{version}");
            assert_eq!(with(format!("{name}: {OWN}\r\n{name}: {OWN}\r\n")), Some(Repeated(name)), "{version}");
            // In the other header too: whoever reads that one must not be deceived.
            let both = with(format!("{name}: {OWN}\r\nOrigin: http://elsewhere\r\n"));
            assert_eq!(both, Some(if name == "Origin" { Repeated(name) } else { OriginNotAllowed }), "{version}");
            // Nothing that could not be told back is taken.
            let any = String::from(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: a b\r\n\r\n",
            );
            if version <= Version::Hixie75 {
                let verdict = check(Row::of(version), &head(any.as_bytes()).0, Origins::Any).err();
                assert_eq!(verdict, Some(Wrong("Origin")));
            }
        }
    }

    #[test]
    fn proofs_and_lists_that_will_not_do() {
        let rows = [
            (Version::Hybi01, "Sec-WebSocket-Key2", "X", Some(Missing(KEY2))),
            (Version::Hybi04, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ", Some(Wrong("Sec-WebSocket-Key"))),
            (Version::Hybi07, "Sec-WebSocket-Key", "X", Some(Missing("Sec-WebSocket-Key"))),
            (Version::Hybi04, "deflate-stream", "deflate-stream; a=b", Some(Wrong(EXTENSIONS))),
            (Version::Hybi05, "deflate-stream", "deflate-stream; a=b", None),
            (Version::Hybi08, "deflate-stream", "deflate-stream; a b", Some(Wrong(EXTENSIONS))),
            (Version::Hybi04, "sample", "sam ple", Some(Wrong("Sec-WebSocket-Protocol"))),
            (Version::Hybi08, "sample", "a, a", Some(Wrong("Sec-WebSocket-Protocol"))),
            (Version::Hybi00, "Protocol: sample", "Protocol:", Some(Wrong("Sec-WebSocket-Protocol"))),
            (Version::Hixie75, "Protocol: sample", "Protocol: a b", None),
            (
                Version::Hixie75,
                "WebSocket-Protocol",
                "WebSocket-Protocol: a\r\nWebSocket-Protocol",
                Some(Repeated("WebSocket-Protocol")),
            ),
        ];
        for (version, from, to, fault) in rows {
            assert_eq!(changed(version, from, to).err(), fault, "{version}: {to:?}");
        }
        for key in ["1234", "1 2 3", "a b", "99999999999999999999 9"] {
            let text = format!(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://h\r\n\
                Sec-WebSocket-Key1: {key}\r\nSec-WebSocket-Key2: 1 2\r\n\r\n"
            );
            let verdict = check(Row::of(Version::Hybi00), &head(text.as_bytes()).0, Origins::Any).map(|_| ());
            assert_eq!(verdict, Err(Wrong(KEY1)), "{key}");
        }
    }

    #[test]
    fn subprotocols_that_are_agreed_on() {
        // hixie75-4.2-1
        let offer = |version: Version, value: &str| {
            let name = Row::of(version).subprotocols.header();
            let text = format!(
                "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://h\r\n\
                Sec-WebSocket-Origin: http://h\r\nSec-WebSocket-Key1: 1 2\r\nSec-WebSocket-Key2: 1 2\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{name}: {value}\r\n\r\n"
            );
            let head = head(text.as_bytes()).0;
            check(Row::of(version), &head, Origins::Any).unwrap().choose(&["b".into(), "c d".into()])
        };
        let wrong = |name| Err(HandshakeFault::Wrong(name));
        let rows = [
            (Version::Hixie75, "b", Ok(Some("b".into()))),
            (Version::Hixie75, "c d", Ok(Some("c d".into()))),
            (Version::Hixie75, "a b", wrong("WebSocket-Protocol")),
            (Version::Hybi02, "a b", wrong("Sec-WebSocket-Protocol")),
            (Version::Hybi03, "a b", Ok(Some("b".into()))),
            (Version::Hybi03, "c d", Ok(Some("c d".into()))),
            (Version::Hybi03, "a", wrong("Sec-WebSocket-Protocol")),
            (Version::Hybi04, "a, b", Ok(Some("b".into()))),
            (Version::Hybi08, "a", Ok(None)),
        ];
        for (version, value, want) in rows {
            assert_eq!(offer(version, value), want, "{version}: {value}");
        }
    }
}
