//! The parts that versions are made of: the types of the columns of `table`. What each value means is said here, and
//! nowhere else.

// ── the handshake ───────────────────────────────────────────────────────────────────────────────────────────────────

/// How a server proves that it read this handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeProof {
    /// Not at all.
    None,
    /// MD5 over two numbers hidden in `Sec-WebSocket-Key1` and `-Key2`, and eight bytes behind the head.
    Challenge,
    /// `Sec-WebSocket-Accept`, SHA-1 of `Sec-WebSocket-Key` and a GUID.
    Accept,
    /// `Accept`, and a `Sec-WebSocket-Nonce` of the server's, from which masking keys are made.
    AcceptAndNonce,
}

/// How `Upgrade` and `Connection` are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenMatch {
    /// As one word; in a response, `Upgrade` letter by letter.
    Exact,
    /// As one word without regard to case.
    CaseInsensitive,
    /// In a request they may be lists that have the word; in a response as `CaseInsensitive`.
    List,
}

/// The header in which a client states its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginHeader {
    /// `Origin`.
    Plain { required: Required },
    /// `Sec-WebSocket-Origin`. A server of version 8 takes `Origin` as well, which hybi-11 went back to.
    Prefixed { required: Required },
}

/// Whether a request has to have it. For a client: whether one is sent when the caller gave none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    Yes,
    No,
}

/// What a server tells back of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Nothing.
    Nothing,
    /// `WebSocket-Origin` and `WebSocket-Location`.
    Plain,
    /// `Sec-WebSocket-Origin` and `Sec-WebSocket-Location`.
    Prefixed,
}

/// How subprotocols are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubprotocolSyntax {
    /// One string in `WebSocket-Protocol`.
    SinglePlain,
    /// One string in `Sec-WebSocket-Protocol`.
    Single,
    /// A list in `Sec-WebSocket-Protocol`, a space between two.
    SpaceSeparated,
    /// A list in `Sec-WebSocket-Protocol`, a comma between two.
    CommaSeparated,
}

impl SubprotocolSyntax {
    /// Whether more than one can be offered.
    pub(crate) fn allows_multiple(self) -> bool {
        matches!(self, SubprotocolSyntax::SpaceSeparated | SubprotocolSyntax::CommaSeparated)
    }

    /// The header they stand in.
    pub(crate) fn header_name(self) -> &'static str {
        match self {
            SubprotocolSyntax::SinglePlain => "WebSocket-Protocol",
            SubprotocolSyntax::Single | SubprotocolSyntax::SpaceSeparated | SubprotocolSyntax::CommaSeparated => {
                "Sec-WebSocket-Protocol"
            }
        }
    }
}

/// Which extensions can be agreed on in `Sec-WebSocket-Extensions`. Here only `deflate-stream` ever was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtensionSyntax {
    /// There is no such header.
    None,
    /// Names alone.
    Names,
    /// Names with parameters.
    Parameters,
}

/// How a server says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectionMode {
    /// It ends the stream.
    EndOfStream,
    /// It answers in HTTP.
    Http,
}

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What a frame looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Text between 0x00 and 0xFF; other types to be skipped.
    Sentinel,
    /// A header of two bytes and more, with opcode and length.
    Length(LengthFraming),
}

/// The shape of frames with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LengthFraming {
    pub(crate) final_bit: FinalBit,
    pub(crate) opcodes: Opcodes,
    pub(crate) masking: Masking,
    pub(crate) control: ControlFrameRules,
}

/// What the top bit of the first byte means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinalBit {
    /// FIN: 1 in the last frame of a message.
    Fin,
    /// MORE: 1 in all frames of a message but the last.
    More,
}

/// The numbers of the opcodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opcodes {
    pub(crate) continuation: u8,
    pub(crate) text: u8,
    pub(crate) binary: u8,
    pub(crate) close: u8,
    pub(crate) ping: u8,
    pub(crate) pong: u8,
}

/// What is done to the bytes of a client's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masking {
    /// Nothing. The top bit of the second byte is RSV4.
    None,
    /// Header and payload are XORed with 20 bytes, SHA-1 of four bytes sent before the frame and of the connection's
    /// masking key. The top bit of the second byte is RSV4.
    FrameBy20,
    /// Header and payload are XORed with four bytes that are sent before the frame. The top bit of the second byte is RSV4.
    FrameBy4,
    /// The payload is XORed with four bytes that end the header. The top bit of the second byte, MASK, says so.
    Payload,
}

/// The rules of control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlFrameRules {
    /// How long one may be that is received. Sent ones never have more than 125 bytes.
    pub(crate) length: ControlLength,
    /// Whether one may stand between the frames of a message that is sent. Received ones always may.
    pub(crate) interleaving: Interleaving,
    /// What a Pong means that answers no Ping.
    pub(crate) unsolicited_pong: UnsolicitedPong,
    /// Which Pings are answered.
    pub(crate) pong_policy: PongPolicy,
}

/// How long control frames may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlLength {
    /// The text names no limit; that of frames applies. A Pong may give back the beginning of the Ping's body, 8 bytes at least.
    FrameLimit,
    /// 125 bytes.
    UpTo125,
}

/// Whether control frames may stand between the frames of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interleaving {
    /// The text leaves it open: none are sent there, and those received are taken.
    Unspecified,
    /// They may.
    Allowed,
}

/// What a Pong means that answers no Ping of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnsolicitedPong {
    /// The connection is dropped.
    Fail,
    /// Nothing.
    Ignore,
}

/// Which of several Pings are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PongPolicy {
    /// Each.
    EveryPing,
    /// The most recent is enough.
    LatestPing,
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// How connections are closed in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseMethod {
    /// By ending the stream.
    EndOfStream,
    /// `FF 00` from each side.
    Sentinel,
    /// A Close from each side. The answer has the body of the one it answers, which means nothing.
    EchoBody,
    /// As `EchoBody`, but the body begins with `C` if the client closes first, with `S` if the server does.
    Initiator,
    /// A Close from each side, with a code and a reason, or an empty body.
    Codes(CloseCodeSet),
}

/// What differs in the close codes. 1000 to 1003, and 3000 to 4999, can be used wherever there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseCodeSet {
    /// The highest code of the protocol's own that a Close may carry. 1005, 1006 and 1015 never travel.
    pub(crate) max_code: u16,
    /// For a frame or message that is too large.
    pub(crate) too_big: u16,
    /// For text that is not UTF-8.
    pub(crate) invalid_text: u16,
}

/// What a client does with text that is not UTF-8. A server fails the connection in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidText {
    /// Puts U+FFFD in place of what is wrong.
    Replace,
    /// Fails the connection.
    Fail,
}
