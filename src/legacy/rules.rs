//! What may be sent in a version, and when. All answers come from the table.

use super::parts::{Between, Framing, Length, UnaskedPong};
use super::table::Row;
use super::version::Ability;
use crate::error::Misuse;

impl Row {
    /// Refuses what the version cannot do.
    pub(crate) fn check(&self, ability: Ability) -> Result<(), Misuse> {
        if self.version.can(ability) {
            return Ok(());
        }
        let what = match ability {
            Ability::Binary => "binary messages",
            Ability::Fragments => "fragments",
            Ability::Ping => "Ping",
            Ability::ClosingHandshake => "closing handshake",
            Ability::CloseCodes => "close codes",
            Ability::Extensions => "extensions",
            Ability::SeveralSubprotocols => "list of subprotocols",
            Ability::Proof => "proof of the handshake",
            Ability::Masking => "masking",
            Ability::Negotiation => "version number",
        };
        Err(Misuse::NotInVersion { version: self.name, what })
    }

    fn length(&self) -> Option<&Length> {
        match &self.framing {
            Framing::Length(length) => Some(length),
            Framing::Sentinel => None,
        }
    }

    /// Whether Ping and Pong may stand between the fragments of a message that this side sends (hybi06-4.4-1).
    pub(crate) fn interleaves(&self) -> bool {
        self.length().is_some_and(|length| length.control.between == Between::Allowed)
    }

    /// Whether a Pong that answers no Ping of this side ends the connection (hybi01-4.4-1).
    pub(crate) fn wants_pongs_asked(&self) -> bool {
        self.length().is_some_and(|length| length.control.unasked_pong == UnaskedPong::Fails)
    }
}
