//! Detects the versions that a request may mean: a decision table, as one pure function.
//!
//! | Sec-WebSocket-Version | Key1 and Key2 | Sec-WebSocket-Draft | decision |
//! |---|---|---|---|
//! | 13, 8, 7, 6, 5, 4 | neither | absent | that version |
//! | any other value | neither | absent | not supported; the response lists the supported versions |
//! | present | neither | present | contradictory: 400 |
//! | more than once | | | 400 |
//! | present | one or both | | contradictory: 400 |
//! | absent | both | absent | hybi-00 (= hixie-76), or hybi-01 if only that is enabled |
//! | absent | both | 2 | hybi-03, or hybi-02 |
//! | absent | both | 3 | hybi-03 |
//! | absent | both, and `Sec-WebSocket-Key` | | contradictory: 400 |
//! | absent | one | | malformed |
//! | absent | neither | 2, 3 | malformed |
//! | absent | | anything else, or more than once | rejected |
//! | absent | neither, but another `Sec-WebSocket-` field | absent | no version: 400 with the list |
//! | absent | neither | absent | `Upgrade: WebSocket` and `Connection: Upgrade`, exactly: hixie-75 (= -55); otherwise no WebSocket request |
//!
//! hixie-75 proves nothing, so no request that has a field of a later version is taken for one of hixie-75.
//! Numbers 0 to 3 are registered for drafts that never sent the header, so they are not supported.

use super::table::DraftSpec;
use super::version::Version;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, Result};
use crate::handshake::http::Head;

const VERSION: &str = "Sec-WebSocket-Version";
const KEY: &str = "Sec-WebSocket-Key";
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
const DRAFT: &str = "Sec-WebSocket-Draft";
/// The start of the names of all fields that hybi-00 and later versions define.
const PREFIX: &str = "Sec-WebSocket-";

/// The drafts that a server supports in addition to RFC 6455.
#[derive(Debug, Clone, Default)]
pub(crate) struct DraftConfig {
    pub(crate) versions: Vec<Version>,
    pub(crate) deflate_stream: bool,
}

impl DraftConfig {
    /// The value of `Sec-WebSocket-Version`: all supported versions, the newest first (6455-4.4-1).
    pub(crate) fn version_list(&self) -> String {
        let is_enabled = |version: &Version| *version == Version::Rfc6455 || self.versions.contains(version);
        let numbers = Version::ALL.into_iter().rev().filter(is_enabled).filter_map(Version::number);
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The version of a request, if it is an enabled draft.
    pub(crate) fn requested(&self, head: &Head) -> Result<Option<&'static DraftSpec>> {
        if self.versions.is_empty() {
            return Ok(None);
        }
        match detect(head) {
            Detection::Versions(versions) => {
                let enabled = versions.iter().find(|version| self.versions.contains(version));
                Ok(enabled.map(|&version| DraftSpec::for_version(version)))
            }
            // hybi04-5.2.1-1: the handshake of RFC 6455 responds with the list.
            Detection::Other => Ok(None),
            Detection::Invalid(kind) => Err(Error::Handshake(HandshakeError::new(kind))),
        }
    }
}

/// Result of the detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detection {
    /// One of these versions, whose requests look the same. The first enabled one is used.
    Versions(&'static [Version]),
    /// No request of a draft. The handshake of RFC 6455 accepts or rejects it.
    Other,
    /// The request is contradictory or malformed.
    Invalid(HandshakeErrorKind),
}

/// Detects the version of a request. The handshake of that version validates the rest.
pub(crate) fn detect(head: &Head) -> Detection {
    match try_detect(head) {
        Ok(detected) => detected,
        Err(kind) => Detection::Invalid(kind),
    }
}

fn try_detect(head: &Head) -> Result<Detection, HandshakeErrorKind> {
    let keys = (head.single(KEY1)?, head.single(KEY2)?);
    let draft = head.single(DRAFT)?;
    Ok(match (head.single(VERSION)?, keys) {
        (Some(_), (Some(_), _)) => return Err(HandshakeErrorKind::InvalidHeader(KEY1)),
        (Some(_), (_, Some(_))) => return Err(HandshakeErrorKind::InvalidHeader(KEY2)),
        (Some(_), (None, None)) if draft.is_some() => return Err(HandshakeErrorKind::InvalidHeader(DRAFT)),
        (Some(value), (None, None)) => by_version_number(value),
        (None, (Some(_), None)) => return Err(HandshakeErrorKind::MissingHeader(KEY2)),
        (None, (None, Some(_))) => return Err(HandshakeErrorKind::MissingHeader(KEY1)),
        (None, (Some(_), Some(_))) if head.get(KEY).is_some() => return Err(HandshakeErrorKind::InvalidHeader(KEY)),
        (None, (Some(_), Some(_))) => match draft {
            None => Detection::Versions(&[Version::Hybi00, Version::Hybi01]),
            Some(draft) => Detection::Versions(by_draft_number(draft)?),
        },
        (None, (None, None)) => match draft {
            Some(draft) => {
                by_draft_number(draft)?;
                return Err(HandshakeErrorKind::MissingHeader(KEY1));
            }
            None if is_hixie75(head) => Detection::Versions(&[Version::Hixie75, Version::Hixie55]),
            None => Detection::Other,
        },
    })
}

/// Detects by the exact value of `Sec-WebSocket-Draft`.
fn by_draft_number(value: &[u8]) -> Result<&'static [Version], HandshakeErrorKind> {
    match value {
        b"2" => Ok(&[Version::Hybi03, Version::Hybi02]),
        // hybi03-5.1-2
        b"3" => Ok(&[Version::Hybi03]),
        // hybi02-5.2.1-1
        _ => Err(HandshakeErrorKind::InvalidHeader(DRAFT)),
    }
}

/// hixie75-4.2-2: the fields of hixie-75, and none of a later version.
fn is_hixie75(head: &Head) -> bool {
    let exactly = |name: &'static str, value: &[u8]| matches!(head.single(name), Ok(Some(v)) if v == value);
    let is_later = |name: &str| name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let has_later_field = head.fields().any(|(name, _)| is_later(name));
    exactly("Upgrade", b"WebSocket") && exactly("Connection", b"Upgrade") && !has_later_field
}

/// Detects by the exact value of `Sec-WebSocket-Version`: `08` is not in the list.
fn by_version_number(value: &[u8]) -> Detection {
    match value {
        b"4" => Detection::Versions(&[Version::Hybi04]),
        b"5" => Detection::Versions(&[Version::Hybi05]),
        b"6" => Detection::Versions(&[Version::Hybi06]),
        b"7" => Detection::Versions(&[Version::Hybi07]),
        b"8" => Detection::Versions(&[Version::Hybi08]),
        // 13, and unsupported numbers.
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
    fn the_versions_that_are_enabled() {
        // 6455-4.4-1, hybi04-5.2.1-1
        let config = |versions: &[Version]| DraftConfig { versions: versions.to_vec(), deflate_stream: false };
        for (versions, list) in [
            (&[][..], "13"),
            (&[Version::Hybi04, Version::Hixie75, Version::Hybi08], "13, 8, 4"),
            (&[Version::Rfc6455, Version::Hybi00], "13"),
        ] {
            assert_eq!(config(versions).version_list(), list);
        }
        let requested = |versions: &[Version], fields| match config(versions).requested(&request(fields)) {
            Ok(spec) => Ok(spec.map(|spec| spec.version)),
            Err(error) => Err(error.to_string()),
        };
        let keys = "Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b";
        assert_eq!(requested(&[Version::Hybi00, Version::Hybi01], keys), Ok(Some(Version::Hybi00)));
        assert_eq!(requested(&[Version::Hybi01], keys), Ok(Some(Version::Hybi01)));
        assert_eq!(requested(&[Version::Hybi08], keys), Ok(None));
        assert_eq!(requested(&[Version::Hybi08], "Sec-WebSocket-Version: 9"), Ok(None));
        // Without a draft, nothing of the drafts is looked at.
        assert!(requested(&[Version::Hybi08], "Sec-WebSocket-Key1: a").is_err());
        assert_eq!(requested(&[], "Sec-WebSocket-Key1: a"), Ok(None));
    }

    /// Shows the answer to iana-1.
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
            // Not supported, or not a number.
            ("Sec-WebSocket-Version: 0", Detection::Other),
            ("Sec-WebSocket-Version: 3", Detection::Other),
            ("Sec-WebSocket-Version: 9", Detection::Other),
            ("Sec-WebSocket-Version: 12", Detection::Other),
            ("Sec-WebSocket-Version: 14", Detection::Other),
            // No leading zeros.
            ("Sec-WebSocket-Version: 08", Detection::Other),
            ("Sec-WebSocket-Version: 07", Detection::Other),
            ("Sec-WebSocket-Version: 06", Detection::Other),
            ("Sec-WebSocket-Version: 05", Detection::Other),
            ("Sec-WebSocket-Version: 04", Detection::Other),
            ("Sec-WebSocket-Version: +8", Detection::Other),
            ("Sec-WebSocket-Version: 8, 7", Detection::Other),
            ("Sec-WebSocket-Version:", Detection::Other),
            // A number takes precedence over `Upgrade`.
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Version: 14", Detection::Other),
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Version: 8", kind(DuplicateHeader(VERSION))),
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Version: 13", kind(DuplicateHeader(VERSION))),
            // Contradictory.
            ("Sec-WebSocket-Version: 8|Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", kind(InvalidHeader(KEY1))),
            ("Sec-WebSocket-Version: 13|Sec-WebSocket-Key2: b", kind(InvalidHeader(KEY2))),
            // Detected by the keys.
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", is(&[Version::Hybi00, Version::Hybi01])),
            (
                "Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 2",
                is(&[Version::Hybi03, Version::Hybi02]),
            ),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 1", kind(InvalidHeader(DRAFT))),
            // hybi03-5.1-2
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 3", is(&[Version::Hybi03])),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 02", kind(InvalidHeader(DRAFT))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Key: c", kind(InvalidHeader(KEY))),
            ("Sec-WebSocket-Version: 13|Sec-WebSocket-Key: a|Sec-WebSocket-Draft: 2", kind(InvalidHeader(DRAFT))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft:", kind(InvalidHeader(DRAFT))),
            (
                "Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Draft: 2|Sec-WebSocket-Draft: 2",
                kind(DuplicateHeader(DRAFT)),
            ),
            ("Sec-WebSocket-Key1: a", kind(MissingHeader(KEY2))),
            ("Sec-WebSocket-Key2: a|Sec-WebSocket-Draft: 2", kind(MissingHeader(KEY1))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b", kind(DuplicateHeader(KEY1))),
            ("Sec-WebSocket-Key1: a|Sec-WebSocket-Key2: b|Sec-WebSocket-Key2: b", kind(DuplicateHeader(KEY2))),
            // hixie75-4.2-2: no silent step down to the version that proves nothing.
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Draft: 99", kind(InvalidHeader(DRAFT))),
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Draft: 2", kind(MissingHeader(KEY1))),
            (
                "Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Draft: 2|Sec-WebSocket-Draft: 2",
                kind(DuplicateHeader(DRAFT)),
            ),
            ("Upgrade: WebSocket|Connection: Upgrade|sec-websocket-protocol: a", Detection::Other),
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: http://h", Detection::Other),
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Extensions: a", Detection::Other),
            ("Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Nonce: a", Detection::Other),
            ("Upgrade: WebSocket|Connection: Upgrade|WebSocket-Protocol: a", is(&[Version::Hixie75, Version::Hixie55])),
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
