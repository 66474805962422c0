//! What may be sent in a version, and when. All data comes from the table.

use super::parts::{Framing, Interleaving, LengthFraming, UnsolicitedPong};
use super::table::DraftSpec;
use super::version::Capability;
use crate::error::UsageError;

impl DraftSpec {
    /// Returns an error if the version lacks a capability.
    pub(crate) fn require(&self, capability: Capability) -> Result<(), UsageError> {
        if self.version.supports(capability) {
            return Ok(());
        }
        let feature = match capability {
            Capability::BinaryMessages => "binary messages",
            Capability::Fragmentation => "fragments",
            Capability::Ping => "Ping",
            Capability::ClosingHandshake => "closing handshake",
            Capability::CloseCodes => "close codes",
            Capability::Extensions => "extensions",
            Capability::MultipleSubprotocols => "list of subprotocols",
            Capability::HandshakeProof => "proof of the handshake",
            Capability::Masking => "masking",
            Capability::VersionNegotiation => "version number",
        };
        Err(UsageError::UnsupportedByVersion { version: self.name, feature })
    }

    fn length_framing(&self) -> Option<&LengthFraming> {
        match &self.framing {
            Framing::Length(length) => Some(length),
            Framing::Sentinel => None,
        }
    }

    /// Whether this side may send Ping and Pong between the fragments of a message (hybi06-4.4-1).
    pub(crate) fn interleaves_control_frames(&self) -> bool {
        self.length_framing().is_some_and(|length| length.control.interleaving == Interleaving::Allowed)
    }

    /// Whether an unsolicited Pong ends the connection (hybi01-4.4-1).
    pub(crate) fn rejects_unsolicited_pongs(&self) -> bool {
        self.length_framing().is_some_and(|length| length.control.unsolicited_pong == UnsolicitedPong::Fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::Version;

    #[test]
    fn an_error_names_what_the_oldest_version_lacks() {
        let oldest = DraftSpec::for_version(Version::Hixie55);
        let rows = [
            (Capability::BinaryMessages, "binary messages"),
            (Capability::Fragmentation, "fragments"),
            (Capability::Ping, "Ping"),
            (Capability::ClosingHandshake, "closing handshake"),
            (Capability::CloseCodes, "close codes"),
            (Capability::Extensions, "extensions"),
            (Capability::MultipleSubprotocols, "list of subprotocols"),
            (Capability::HandshakeProof, "proof of the handshake"),
            (Capability::Masking, "masking"),
            (Capability::VersionNegotiation, "version number"),
        ];
        for (capability, feature) in rows {
            let error = UsageError::UnsupportedByVersion { version: "hixie-55", feature };
            assert_eq!(oldest.require(capability), Err(error));
            assert_eq!(DraftSpec::for_version(Version::Rfc6455).require(capability), Ok(()));
        }
        // hybi06-4.4-1, hybi01-4.4-1
        for version in Version::ALL {
            let spec = DraftSpec::for_version(version);
            assert_eq!(spec.interleaves_control_frames(), version >= Version::Hybi06, "{version}");
            let strict = (Version::Hybi01..=Version::Hybi02).contains(&version);
            assert_eq!(spec.rejects_unsolicited_pongs(), strict, "{version}");
        }
    }
}
