//! Which versions a request may mean: the decision table, as one pure function.
//!
//! | Sec-WebSocket-Version | Key1 and Key2 | Sec-WebSocket-Draft | decision |
//! |---|---|---|---|
//! | 13, 8, 7, 6, 5, 4 | neither | | that version |
//! | any other value | neither | | not supported; the answer lists what is |
//! | more than once | | | 400 |
//! | there | one or both | | a mixture: 400 |
//! | absent | both | absent | hybi-00 (= hixie-76), or hybi-01 where that alone is enabled |
//! | absent | both | 2 | hybi-03, or hybi-02 |
//! | absent | both | anything else | refused |
//! | absent | one | | malformed |
//! | absent | neither, but `Sec-WebSocket-Key` | | the version is missing: 400 with the list |
//! | absent | neither | | `Upgrade: WebSocket` and `Connection: Upgrade`, exactly: hixie-75 (= -55); else no WebSocket |
//!
//! Numbers 0 to 3 are registered for drafts that never sent the header: nobody speaks them.

use super::table::DraftSpec;
use super::version::Version;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result};
use crate::handshake::http::Head;

const VERSION: &str = "Sec-WebSocket-Version";
const KEY: &str = "Sec-WebSocket-Key";
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
const DRAFT: &str = "Sec-WebSocket-Draft";

/// The drafts that a server enables beside RFC 6455.
#[derive(Debug, Clone, Default)]
pub(crate) struct DraftConfig {
    pub(crate) versions: Vec<Version>,
    pub(crate) deflate_stream: bool,
}

impl DraftConfig {
    /// All enabled versions in the syntax of `Sec-WebSocket-Version`, the newest first (6455-4.4-1).
    pub(crate) fn version_list(&self) -> String {
        let is_enabled = |version: &Version| *version == Version::Rfc6455 || self.versions.contains(version);
        let numbers = Version::ALL.into_iter().rev().filter(is_enabled).filter_map(Version::number);
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The version of a request, if it is a draft that is enabled.
    pub(crate) fn requested(&self, head: &Head) -> Result<Option<&'static DraftSpec>> {
        if self.versions.is_empty() {
            return Ok(None);
        }
        match detect(head) {
            Detection::Versions(versions) => {
                let enabled = versions.iter().find(|version| self.versions.contains(version));
                Ok(enabled.map(|&version| DraftSpec::for_version(version)))
            }
            // hybi04-5.2.1-1: RFC 6455 answers with the list.
            Detection::Other => Ok(None),
            Detection::Invalid(kind) => Err(Error::Handshake(HandshakeError::new(kind))),
        }
    }
}

/// What a request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detection {
    /// One of these versions, which this request cannot tell apart; the first that is enabled is meant.
    Versions(&'static [Version]),
    /// No request for a WebSocket of any version: that is for RFC 6455 to say, which knows how to put it.
    Other,
    /// It contradicts itself.
    Invalid(HandshakeErrorKind),
}

/// Reads the version off a request. Whether the rest of it is in order is for the handshake of that version to say.
pub(crate) fn detect(head: &Head) -> Detection {
    match try_detect(head) {
        Ok(detected) => detected,
        Err(kind) => Detection::Invalid(kind),
    }
}

fn try_detect(head: &Head) -> Result<Detection, HandshakeErrorKind> {
    let keys = (head.single(KEY1)?, head.single(KEY2)?);
    Ok(match (head.single(VERSION)?, keys) {
        (Some(_), (Some(_), _)) => return Err(HandshakeErrorKind::InvalidHeader(KEY1)),
        (Some(_), (_, Some(_))) => return Err(HandshakeErrorKind::InvalidHeader(KEY2)),
        (Some(value), (None, None)) => by_version_number(value),
        (None, (Some(_), None)) => return Err(HandshakeErrorKind::MissingHeader(KEY2)),
        (None, (None, Some(_))) => return Err(HandshakeErrorKind::MissingHeader(KEY1)),
        (None, (Some(_), Some(_))) => match head.single(DRAFT)? {
            None => Detection::Versions(&[Version::Hybi00, Version::Hybi01]),
            Some(b"2") => Detection::Versions(&[Version::Hybi03, Version::Hybi02]),
            // hybi02-5.2.1-1
            Some(_) => return Err(HandshakeErrorKind::InvalidHeader(DRAFT)),
        },
        (None, (None, None)) if head.get(KEY).is_some() => Detection::Other,
        (None, (None, None)) => {
            let exactly = |name: &'static str, value: &[u8]| matches!(head.single(name), Ok(Some(v)) if v == value);
            if exactly("Upgrade", b"WebSocket") && exactly("Connection", b"Upgrade") {
                Detection::Versions(&[Version::Hixie75, Version::Hixie55])
            } else {
                Detection::Other
            }
        }
    })
}

/// By the value of `Sec-WebSocket-Version`, letter by letter: `08` is no number of this list.
fn by_version_number(value: &[u8]) -> Detection {
    match value {
        b"4" => Detection::Versions(&[Version::Hybi04]),
        b"5" => Detection::Versions(&[Version::Hybi05]),
        b"6" => Detection::Versions(&[Version::Hybi06]),
        b"7" => Detection::Versions(&[Version::Hybi07]),
        b"8" => Detection::Versions(&[Version::Hybi08]),
        // 13, and what nobody speaks.
        _ => Detection::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    fn request(fields: &str) -> Head {
        let mut parser = HeadParser::request();
        let lines: String = fields.split('|').filter(|f| !f.is_empty()).map(|f| format!("{f}\r\n")).collect();
        parser.feed(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap();
        parser.finish().unwrap()
    }

    #[test]
    fn every_row_of_the_table() {
        // hybi02-5.2.1-1
        use HandshakeErrorKind::{DuplicateHeader, InvalidHeader, MissingHeader};
        let is = |versions: &'static [Version]| Detection::Versions(versions);
        let kind = Detection::Invalid;
        let rows = [
            ("Sec-WebSocket-Version: 13|Sec-WebSocket-Key: a", Detection::Other),
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Key: a", is(&[Version::Hybi08])),
            ("Sec-WebSocket-Version: 7", is(&[Version::Hybi07])),
            ("sec-websocket-version:  6 ", is(&[Version::Hybi06])),
            ("Sec-WebSocket-Version: 5", is(&[Version::Hybi05])),
            ("Sec-WebSocket-Version: 4", is(&[Version::Hybi04])),
            // Not spoken, or no number at all.
            ("Sec-WebSocket-Version: 0", Detection::Other),
            ("Sec-WebSocket-Version: 3", Detection::Other),
            ("Sec-WebSocket-Version: 9", Detection::Other),
            ("Sec-WebSocket-Version: 12", Detection::Other),
            ("Sec-WebSocket-Version: 14", Detection::Other),
            ("Sec-WebSocket-Version: 08", Detection::Other),
            ("Sec-WebSocket-Version: 8, 7", Detection::Other),
            ("Sec-WebSocket-Version:", Detection::Other),
            // Numbers do not turn what Upgrade says into something else.
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Version: 14", Detection::Other),
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Version: 8", kind(DuplicateHeader(VERSION))),
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Version: 13", kind(DuplicateHeader(VERSION))),
            // A mixture.
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", kind(InvalidHeader(KEY1))),
            ("Sec-WebSocket-Version: 13|Sec-WebSocket-Key2: b", kind(InvalidHeader(KEY2))),
            // By the keys.
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", is(&[Version::Hybi00, Version::Hybi01])),
            (
                "Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 2",
                is(&[Version::Hybi03, Version::Hybi02]),
            ),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 1", kind(InvalidHeader(DRAFT))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 3", kind(InvalidHeader(DRAFT))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft:", kind(InvalidHeader(DRAFT))),
            (
                "Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 2|Sec-WebSocket-Draft: 2",
                kind(DuplicateHeader(DRAFT)),
            ),
            ("Sec-WebSocket-Key1: a", kind(MissingHeader(KEY2))),
            ("Sec-WebSocket-Key2: a|Sec-WebSocket-Draft: 2", kind(MissingHeader(KEY1))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", kind(DuplicateHeader(KEY1))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Key2: b", kind(DuplicateHeader(KEY2))),
            // Without a version.
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Key: a", Detection::Other),
            ("Upgrade: WebSocket|Connection: Upgrade", is(&[Version::Hixie75, Version::Hixie55])),
            ("connection: Upgrade|upgrade: WebSocket", is(&[Version::Hixie75, Version::Hixie55])),
            ("Upgrade: websocket|Connection: Upgrade", Detection::Other),
            ("Upgrade: WebSocket|Connection: upgrade", Detection::Other),
            ("Upgrade: WebSocket|Connection: keep-alive, Upgrade", Detection::Other),
            ("Upgrade: WebSocket, h2c|Connection: Upgrade", Detection::Other),
            ("Upgrade: WebSocket|Upgrade: WebSocket|Connection: Upgrade", Detection::Other),
            ("Upgrade: WebSocket", Detection::Other),
            ("", Detection::Other),
        ];
        for (fields, decision) in rows {
            assert_eq!(detect(&request(fields)), decision, "{fields}");
        }
    }
}
