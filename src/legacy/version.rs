//! The versions by name and number, and their capabilities. All data comes from the table.

use std::fmt;

use super::parts::{CloseMethod, ExtensionSyntax, Framing, HandshakeProof};
use super::table::DraftSpec;

/// A version of the WebSocket protocol, from the first deployed draft to RFC 6455. Feature `legacy`.
///
/// The drafts differ from RFC 6455 in handshake, framing and capabilities. The manual compares them:
/// [How the protocol grew](crate::manual::history).
///
/// Versions are ordered by age: `Version::Hixie75 < Version::Rfc6455`.
///
/// ```
/// use stdws::{Capability, Version};
/// assert_eq!(Version::from_name("hixie-76"), Some(Version::HIXIE76));
/// assert_eq!(Version::Hybi08.number(), Some(8));
/// assert!(!Version::Hixie75.supports(Capability::BinaryMessages));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Version {
    /// draft-hixie-thewebsocketprotocol-55, November 2009. Identical to `Hixie75` on the wire.
    Hixie55,
    /// draft-hixie-thewebsocketprotocol-75, February 2010: text messages only, between 0x00 and 0xFF.
    Hixie75,
    /// draft-hixie-thewebsocketprotocol-76, which is draft-ietf-hybi-thewebsocketprotocol-00, May 2010: adds a proof
    /// to the handshake, and a closing frame. Also [`Version::HIXIE76`].
    Hybi00,
    /// draft-ietf-hybi-thewebsocketprotocol-01, August 2010: adds frames with a length, binary messages and Ping. Its
    /// request looks like one of `Hybi00`, so a server uses it only if `Hybi00` is not enabled.
    Hybi01,
    /// draft-ietf-hybi-thewebsocketprotocol-02, September 2010. Its request has the same draft number as that of
    /// `Hybi03`.
    Hybi02,
    /// draft-ietf-hybi-thewebsocketprotocol-03, October 2010.
    Hybi03,
    /// draft-ietf-hybi-thewebsocketprotocol-04, January 2011: adds `Sec-WebSocket-Version` and masking of whole frames.
    Hybi04,
    /// draft-ietf-hybi-thewebsocketprotocol-05, February 2011: adds a masking key of four bytes in each frame.
    Hybi05,
    /// draft-ietf-hybi-thewebsocketprotocol-06, February 2011: adds close codes.
    Hybi06,
    /// draft-ietf-hybi-thewebsocketprotocol-07, April 2011: the frame format of RFC 6455.
    Hybi07,
    /// draft-ietf-hybi-thewebsocketprotocol-08 to -12, June to August 2011: version 8 on the wire.
    Hybi08,
    /// RFC 6455, December 2011, and the drafts -13 to -17: version 13 on the wire.
    #[default]
    Rfc6455,
}

/// A capability that some versions lack. See [`Version::supports`]. Feature `legacy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Binary messages.
    BinaryMessages,
    /// Messages in several frames.
    Fragmentation,
    /// Ping and Pong frames.
    Ping,
    /// A closing handshake, in which each peer announces that it sends nothing more.
    ClosingHandshake,
    /// A code and a reason in the Close frame.
    CloseCodes,
    /// Extensions, negotiated in the handshake.
    Extensions,
    /// An offer of more than one subprotocol.
    MultipleSubprotocols,
    /// A proof that the server has read this handshake.
    HandshakeProof,
    /// Masking of client frames, so that a web page cannot choose the bytes on the wire (RFC 6455 section 10.3).
    Masking,
    /// `Sec-WebSocket-Version`, with which a server can list the versions that it supports.
    VersionNegotiation,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Version; 12] = [
        Version::Hixie55,
        Version::Hixie75,
        Version::Hybi00,
        Version::Hybi01,
        Version::Hybi02,
        Version::Hybi03,
        Version::Hybi04,
        Version::Hybi05,
        Version::Hybi06,
        Version::Hybi07,
        Version::Hybi08,
        Version::Rfc6455,
    ];

    /// Another name of [`Version::Hybi00`].
    pub const HIXIE76: Version = Version::Hybi00;

    /// The name of the version: `hixie-75`, `hybi-00`, `hybi-08`, `rfc6455`.
    pub fn name(self) -> &'static str {
        DraftSpec::for_version(self).name
    }

    /// Returns the version with this name, ignoring case. Accepts what [`name`](Version::name) returns, the name of
    /// every draft (`hixie-76`, `hybi-10`, `hybi-17`), and the numbers of `Sec-WebSocket-Version` (`8`, `13`).
    pub fn from_name(name: &str) -> Option<Version> {
        let name = name.to_ascii_lowercase();
        let known_as = match name.as_str() {
            "hixie-76" => "hybi-00",
            "hybi-09" | "hybi-10" | "hybi-11" | "hybi-12" => "hybi-08",
            "hybi-13" | "hybi-14" | "hybi-15" | "hybi-16" | "hybi-17" => "rfc6455",
            other => other,
        };
        let number = |version: &Version| version.number().is_some_and(|number| number.to_string() == known_as);
        Version::ALL.into_iter().find(|version| version.name() == known_as || number(version))
    }

    /// The number in `Sec-WebSocket-Version`. `None` before hybi-04, which introduced the header.
    pub fn number(self) -> Option<u8> {
        DraftSpec::for_version(self).number
    }

    /// Whether the version has this capability.
    ///
    /// ```
    /// use stdws::{Capability, Version};
    /// let with_codes: Vec<_> = Version::ALL.into_iter().filter(|v| v.supports(Capability::CloseCodes)).map(|v| v.name()).collect();
    /// assert_eq!(with_codes, ["hybi-06", "hybi-07", "hybi-08", "rfc6455"]);
    /// ```
    pub fn supports(self, capability: Capability) -> bool {
        let spec = DraftSpec::for_version(self);
        match capability {
            Capability::BinaryMessages | Capability::Fragmentation | Capability::Ping => {
                matches!(spec.framing, Framing::Length(_))
            }
            Capability::ClosingHandshake => spec.close_method != CloseMethod::EndOfStream,
            Capability::CloseCodes => matches!(spec.close_method, CloseMethod::Codes(_)),
            Capability::Extensions => spec.extensions != ExtensionSyntax::None,
            Capability::MultipleSubprotocols => spec.subprotocols.allows_multiple(),
            Capability::HandshakeProof => spec.proof != HandshakeProof::None,
            Capability::Masking => spec.masks(),
            Capability::VersionNegotiation => spec.number.is_some(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
