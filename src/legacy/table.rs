//! The table: what each version is made of. A draft is a row; a difference between drafts is a column, of the types in
//! `parts`.
//!
//! | columns | read by |
//! |---|---|
//! | `number`, `draft`, `proof`, `upgrade`, `tokens`, `origins`, `echo`, `subprotocols`, `extensions`, `refusal` | the handshake |
//! | `framing` (sentinel, or length with `last`, `opcodes`, `masking`, `control`) | the codecs |
//! | `closing`, `bad_text` | the codecs |
//!
//! The row of RFC 6455 is here to be compared with. `protocol` has its own, stricter ideas and never reads it.

use super::parts::*;
use super::version::Version;

/// One version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) name: &'static str,
    /// What stands in `Sec-WebSocket-Version`.
    pub(crate) number: Option<u8>,
    /// What stands in `Sec-WebSocket-Draft`.
    pub(crate) draft: Option<u8>,
    pub(crate) proof: Proof,
    /// What `Upgrade` says.
    pub(crate) upgrade: &'static str,
    pub(crate) tokens: Tokens,
    pub(crate) origins: Origins,
    pub(crate) echo: Echo,
    pub(crate) subprotocols: Subprotocols,
    pub(crate) extensions: Extensions,
    pub(crate) refusal: Refusing,
    pub(crate) framing: Framing,
    pub(crate) closing: Closing,
    pub(crate) bad_text: BadText,
}

/// Frames to hybi-06.
const EARLY: Opcodes = Opcodes { continuation: 0, close: 1, ping: 2, pong: 3, text: 4, binary: 5 };
/// Frames from hybi-07 on.
const LATE: Opcodes = Opcodes { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xA };

const FIRST_CONTROL: Control = Control {
    length: ControlLength::AsFrames,
    between: Between::Open,
    unasked_pong: UnaskedPong::Fails,
    pings: Pings::Each,
};

const OPEN_CONTROL: Control = Control {
    length: ControlLength::Upto125,
    between: Between::Open,
    unasked_pong: UnaskedPong::Ignored,
    pings: Pings::Each,
};

const CONTROL: Control = Control {
    length: ControlLength::Upto125,
    between: Between::Allowed,
    unasked_pong: UnaskedPong::Ignored,
    pings: Pings::Newest,
};

const HIXIE75: Row = Row {
    version: Version::Hixie75,
    name: "hixie-75",
    number: None,
    draft: None,
    proof: Proof::None,
    upgrade: "WebSocket",
    tokens: Tokens::Exact,
    origins: Origins::Plain { required: Required::Yes },
    echo: Echo::Plain,
    subprotocols: Subprotocols::OnePlain,
    extensions: Extensions::None,
    refusal: Refusing::EndOfStream,
    framing: Framing::Sentinel,
    closing: Closing::EndOfStream,
    bad_text: BadText::Replaced,
};

const HYBI00: Row = Row {
    version: Version::Hybi00,
    name: "hybi-00",
    proof: Proof::Challenge,
    echo: Echo::Prefixed,
    subprotocols: Subprotocols::One,
    closing: Closing::Sentinel,
    ..HIXIE75
};

const HYBI01: Row = Row {
    version: Version::Hybi01,
    name: "hybi-01",
    framing: Framing::Length(Length {
        last: Last::More,
        opcodes: EARLY,
        masking: Masking::None,
        control: FIRST_CONTROL,
    }),
    closing: Closing::SameBody,
    ..HYBI00
};

const HYBI02: Row = Row { version: Version::Hybi02, name: "hybi-02", draft: Some(2), tokens: Tokens::Whole, ..HYBI01 };

const HYBI03: Row = Row {
    version: Version::Hybi03,
    name: "hybi-03",
    subprotocols: Subprotocols::Spaced,
    framing: Framing::Length(Length {
        last: Last::More,
        opcodes: EARLY,
        masking: Masking::None,
        control: OPEN_CONTROL,
    }),
    ..HYBI02
};

const HYBI04: Row = Row {
    version: Version::Hybi04,
    name: "hybi-04",
    number: Some(4),
    draft: None,
    proof: Proof::AcceptAndNonce,
    upgrade: "websocket",
    origins: Origins::Prefixed { required: Required::Yes },
    echo: Echo::Nothing,
    subprotocols: Subprotocols::List,
    extensions: Extensions::Names,
    framing: Framing::Length(Length {
        last: Last::Fin,
        opcodes: EARLY,
        masking: Masking::FrameBy20,
        control: OPEN_CONTROL,
    }),
    ..HYBI03
};

const HYBI05: Row = Row {
    version: Version::Hybi05,
    name: "hybi-05",
    number: Some(5),
    proof: Proof::Accept,
    origins: Origins::Prefixed { required: Required::No },
    extensions: Extensions::Parameters,
    framing: Framing::Length(Length {
        last: Last::Fin,
        opcodes: EARLY,
        masking: Masking::FrameBy4,
        control: Control { pings: Pings::Newest, ..OPEN_CONTROL },
    }),
    closing: Closing::Initiator,
    ..HYBI04
};

const HYBI06: Row = Row {
    version: Version::Hybi06,
    name: "hybi-06",
    number: Some(6),
    tokens: Tokens::Listed,
    framing: Framing::Length(Length { last: Last::Fin, opcodes: EARLY, masking: Masking::FrameBy4, control: CONTROL }),
    closing: Closing::Codes(Codes { highest: 1004, too_big: 1004, bad_text: 1002 }),
    ..HYBI05
};

const HYBI07: Row = Row {
    version: Version::Hybi07,
    name: "hybi-07",
    number: Some(7),
    refusal: Refusing::Http,
    framing: Framing::Length(Length { last: Last::Fin, opcodes: LATE, masking: Masking::Payload, control: CONTROL }),
    ..HYBI06
};

const HYBI08: Row = Row {
    version: Version::Hybi08,
    name: "hybi-08",
    number: Some(8),
    closing: Closing::Codes(Codes { highest: 1007, too_big: 1004, bad_text: 1007 }),
    bad_text: BadText::Fails,
    ..HYBI07
};

const RFC6455: Row = Row {
    version: Version::Rfc6455,
    name: "rfc6455",
    number: Some(13),
    origins: Origins::Plain { required: Required::No },
    closing: Closing::Codes(Codes { highest: 1014, too_big: 1009, bad_text: 1007 }),
    ..HYBI08
};

/// All rows, the oldest version first.
pub(crate) const ROWS: [&Row; 12] = [
    &Row { version: Version::Hixie55, name: "hixie-55", ..HIXIE75 },
    &HIXIE75,
    &HYBI00,
    &HYBI01,
    &HYBI02,
    &HYBI03,
    &HYBI04,
    &HYBI05,
    &HYBI06,
    &HYBI07,
    &HYBI08,
    &RFC6455,
];

impl Row {
    /// The row of a version.
    pub(crate) fn of(version: Version) -> &'static Row {
        // The rows stand in the order of the versions, and there is one for each: a test looks.
        ROWS.iter().find(|row| row.version == version).copied().unwrap_or(&RFC6455)
    }

    /// Whether what a client sends is masked.
    pub(crate) fn masks(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if length.masking != Masking::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_row_for_each_version_in_their_order() {
        assert_eq!(ROWS.map(|row| row.version), Version::ALL);
        assert!(Version::ALL.windows(2).all(|two| two[0] < two[1]));
        for version in Version::ALL {
            assert_eq!(Row::of(version).version, version);
            assert_eq!(Version::from_name(version.name()), Some(version));
            assert_eq!(Version::from_name(&version.to_string().to_uppercase()), Some(version));
        }
    }

    #[test]
    fn names_of_drafts_that_are_no_version_of_their_own() {
        let rows = [
            ("hixie-76", Some(Version::Hybi00)),
            ("Hybi-12", Some(Version::Hybi08)),
            ("hybi-17", Some(Version::Rfc6455)),
            ("13", Some(Version::Rfc6455)),
            ("8", Some(Version::Hybi08)),
            ("4", Some(Version::Hybi04)),
            ("3", None),
            ("9", None),
            ("hybi-18", None),
            ("", None),
        ];
        for (name, version) in rows {
            assert_eq!(Version::from_name(name), version, "{name}");
        }
    }
}
