//! The table of versions. Each version is a row, and each difference between versions is a column. The types of the
//! columns are in `parts`.
//!
//! | columns | read by |
//! |---|---|
//! | `connect_queue` | the client, before it connects |
//! | `number`, `draft`, `proof`, `upgrade`, `token_match`, `origin_header`, `echo`, `subprotocols`, `extensions`, `rejection_mode` | the handshake |
//! | `framing` (sentinel, or length with `final_bit`, `opcodes`, `masking`, `control`) | the codecs |
//! | `close_method`, `invalid_text` | the codecs |
//!
//! The row of RFC 6455 is for comparison only: the modules for RFC 6455 do not read it.

use super::parts::*;
use super::version::Version;

/// The parts of one version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DraftSpec {
    pub(crate) version: Version,
    pub(crate) name: &'static str,
    /// The value of `Sec-WebSocket-Version`.
    pub(crate) number: Option<u8>,
    /// The value of `Sec-WebSocket-Draft`.
    pub(crate) draft: Option<u8>,
    pub(crate) connect_queue: ConnectQueue,
    pub(crate) proof: HandshakeProof,
    /// The value of `Upgrade`.
    pub(crate) upgrade: &'static str,
    pub(crate) token_match: TokenMatch,
    pub(crate) origin_header: OriginHeader,
    pub(crate) echo: Echo,
    pub(crate) subprotocols: SubprotocolSyntax,
    pub(crate) extensions: ExtensionSyntax,
    pub(crate) rejection_mode: RejectionMode,
    pub(crate) framing: Framing,
    pub(crate) close_method: CloseMethod,
    pub(crate) invalid_text: InvalidText,
}

/// Opcodes up to hybi-06.
const OPCODES_TO_HYBI06: Opcodes = Opcodes { continuation: 0, close: 1, ping: 2, pong: 3, text: 4, binary: 5 };
/// Opcodes since hybi-07.
const OPCODES_FROM_HYBI07: Opcodes =
    Opcodes { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xA };

const CONTROL_HYBI01: ControlFrameRules = ControlFrameRules {
    length: ControlLength::FrameLimit,
    interleaving: Interleaving::Unspecified,
    unsolicited_pong: UnsolicitedPong::Fail,
    pong_policy: PongPolicy::EveryPing,
};

const CONTROL_HYBI03: ControlFrameRules = ControlFrameRules {
    length: ControlLength::UpTo125,
    interleaving: Interleaving::Unspecified,
    unsolicited_pong: UnsolicitedPong::Ignore,
    pong_policy: PongPolicy::EveryPing,
};

const CONTROL_HYBI06: ControlFrameRules = ControlFrameRules {
    length: ControlLength::UpTo125,
    interleaving: Interleaving::Allowed,
    unsolicited_pong: UnsolicitedPong::Ignore,
    pong_policy: PongPolicy::LatestPing,
};

const HIXIE75: DraftSpec = DraftSpec {
    version: Version::Hixie75,
    name: "hixie-75",
    number: None,
    draft: None,
    connect_queue: ConnectQueue::PerAddress,
    proof: HandshakeProof::None,
    upgrade: "WebSocket",
    token_match: TokenMatch::Exact,
    origin_header: OriginHeader::Plain { required: Required::Yes },
    echo: Echo::Plain,
    subprotocols: SubprotocolSyntax::SinglePlain,
    extensions: ExtensionSyntax::None,
    rejection_mode: RejectionMode::EndOfStream,
    framing: Framing::Sentinel,
    close_method: CloseMethod::EndOfStream,
    invalid_text: InvalidText::Replace,
};

const HYBI00: DraftSpec = DraftSpec {
    version: Version::Hybi00,
    name: "hybi-00",
    proof: HandshakeProof::Challenge,
    echo: Echo::Prefixed,
    subprotocols: SubprotocolSyntax::Single,
    close_method: CloseMethod::Sentinel,
    ..HIXIE75
};

const HYBI01: DraftSpec = DraftSpec {
    version: Version::Hybi01,
    name: "hybi-01",
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::More,
        opcodes: OPCODES_TO_HYBI06,
        masking: Masking::None,
        control: CONTROL_HYBI01,
    }),
    close_method: CloseMethod::EchoBody,
    ..HYBI00
};

const HYBI02: DraftSpec = DraftSpec {
    version: Version::Hybi02,
    name: "hybi-02",
    draft: Some(2),
    token_match: TokenMatch::CaseInsensitive,
    ..HYBI01
};

const HYBI03: DraftSpec = DraftSpec {
    version: Version::Hybi03,
    name: "hybi-03",
    subprotocols: SubprotocolSyntax::SpaceSeparated,
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::More,
        opcodes: OPCODES_TO_HYBI06,
        masking: Masking::None,
        control: CONTROL_HYBI03,
    }),
    ..HYBI02
};

const HYBI04: DraftSpec = DraftSpec {
    version: Version::Hybi04,
    name: "hybi-04",
    number: Some(4),
    draft: None,
    proof: HandshakeProof::AcceptAndNonce,
    upgrade: "websocket",
    origin_header: OriginHeader::Prefixed { required: Required::Yes },
    echo: Echo::Nothing,
    subprotocols: SubprotocolSyntax::QuotedList,
    extensions: ExtensionSyntax::Names,
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::Fin,
        opcodes: OPCODES_TO_HYBI06,
        masking: Masking::FrameBy20,
        control: CONTROL_HYBI03,
    }),
    ..HYBI03
};

const HYBI05: DraftSpec = DraftSpec {
    version: Version::Hybi05,
    name: "hybi-05",
    number: Some(5),
    proof: HandshakeProof::Accept,
    origin_header: OriginHeader::Prefixed { required: Required::No },
    extensions: ExtensionSyntax::QuotedParameters,
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::Fin,
        opcodes: OPCODES_TO_HYBI06,
        masking: Masking::FrameBy4,
        control: ControlFrameRules { pong_policy: PongPolicy::LatestPing, ..CONTROL_HYBI03 },
    }),
    close_method: CloseMethod::Initiator,
    ..HYBI04
};

const HYBI06: DraftSpec = DraftSpec {
    version: Version::Hybi06,
    name: "hybi-06",
    number: Some(6),
    token_match: TokenMatch::List,
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::Fin,
        opcodes: OPCODES_TO_HYBI06,
        masking: Masking::FrameBy4,
        control: CONTROL_HYBI06,
    }),
    close_method: CloseMethod::Codes(CloseCodeSet { max_code: 1004, too_big: 1004, invalid_text: 1002 }),
    ..HYBI05
};

const HYBI07: DraftSpec = DraftSpec {
    version: Version::Hybi07,
    name: "hybi-07",
    number: Some(7),
    connect_queue: ConnectQueue::PerAddressAndPort,
    rejection_mode: RejectionMode::Http,
    framing: Framing::Length(LengthFraming {
        final_bit: FinalBit::Fin,
        opcodes: OPCODES_FROM_HYBI07,
        masking: Masking::Payload,
        control: CONTROL_HYBI06,
    }),
    ..HYBI06
};

const HYBI08: DraftSpec = DraftSpec {
    version: Version::Hybi08,
    name: "hybi-08",
    number: Some(8),
    subprotocols: SubprotocolSyntax::CommaSeparated,
    extensions: ExtensionSyntax::Parameters,
    close_method: CloseMethod::Codes(CloseCodeSet { max_code: 1007, too_big: 1004, invalid_text: 1007 }),
    invalid_text: InvalidText::Fail,
    ..HYBI07
};

const RFC6455: DraftSpec = DraftSpec {
    version: Version::Rfc6455,
    name: "rfc6455",
    number: Some(13),
    origin_header: OriginHeader::Plain { required: Required::No },
    close_method: CloseMethod::Codes(CloseCodeSet { max_code: 1014, too_big: 1009, invalid_text: 1007 }),
    ..HYBI08
};

/// All rows, the oldest version first.
pub(crate) const SPECS: [&DraftSpec; 12] = [
    &DraftSpec { version: Version::Hixie55, name: "hixie-55", ..HIXIE75 },
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

impl DraftSpec {
    /// The row of a version.
    pub(crate) fn for_version(version: Version) -> &'static DraftSpec {
        // Every version has a row; a test checks that.
        SPECS.iter().find(|spec| spec.version == version).copied().unwrap_or(&RFC6455)
    }

    /// Whether client frames are masked.
    pub(crate) fn masks(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if length.masking != Masking::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_a_row_in_order() {
        assert_eq!(SPECS.map(|spec| spec.version), Version::ALL);
        assert!(Version::ALL.windows(2).all(|two| two[0] < two[1]));
        for version in Version::ALL {
            assert_eq!(DraftSpec::for_version(version).version, version);
            assert_eq!(Version::from_name(version.name()), Some(version));
            assert_eq!(Version::from_name(&version.to_string().to_uppercase()), Some(version));
        }
    }

    #[test]
    fn versions_that_mask() {
        let masking = Version::ALL.into_iter().filter(|version| DraftSpec::for_version(*version).masks());
        let names: Vec<_> = masking.map(Version::name).collect();
        assert_eq!(names, ["hybi-04", "hybi-05", "hybi-06", "hybi-07", "hybi-08", "rfc6455"]);
    }

    #[test]
    fn names_of_drafts_without_their_own_version() {
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
