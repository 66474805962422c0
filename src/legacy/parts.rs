//! The parts of a version: the types of the columns of `table`, and the meaning of each value.

use std::borrow::Cow;

use crate::handshake::header;

// ── the handshake ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Which connection attempts of a client wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectQueue {
    /// Those to one IP address.
    PerAddress,
    /// Those to one IP address and port.
    PerAddressAndPort,
}

/// How a server proves that it has read the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeProof {
    /// No proof.
    None,
    /// MD5 of two numbers, encoded in `Sec-WebSocket-Key1` and `-Key2`, and of eight bytes after the head.
    Challenge,
    /// `Sec-WebSocket-Accept`, SHA-1 of `Sec-WebSocket-Key` and a GUID.
    Accept,
    /// `Accept`, and a `Sec-WebSocket-Nonce` from the server, from which masking keys are derived.
    AcceptAndNonce,
}

/// How `Upgrade` and `Connection` are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenMatch {
    /// As one token; in a response, `Upgrade` is case-sensitive.
    Exact,
    /// As one token, ignoring case.
    CaseInsensitive,
    /// In a request, a list that contains the token; in a response, as `CaseInsensitive`.
    List,
}

/// The header with the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginHeader {
    /// `Origin`.
    Plain { required: Required },
    /// `Sec-WebSocket-Origin`. A server also accepts `Origin`, to which hybi-11 returned within version 8.
    Prefixed { required: Required },
}

/// Whether a request must have the header. A client then sends a default if the caller set none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    Yes,
    No,
}

/// The parts of the request that the response repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// None.
    Nothing,
    /// `WebSocket-Origin` and `WebSocket-Location`.
    Plain,
    /// `Sec-WebSocket-Origin` and `Sec-WebSocket-Location`.
    Prefixed,
}

/// Syntax of subprotocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubprotocolSyntax {
    /// One string in `WebSocket-Protocol`.
    SinglePlain,
    /// One string in `Sec-WebSocket-Protocol`.
    Single,
    /// A list in `Sec-WebSocket-Protocol`, separated by spaces.
    SpaceSeparated,
    /// A list in `Sec-WebSocket-Protocol`, separated by commas, of tokens and quoted strings.
    QuotedList,
    /// A list in `Sec-WebSocket-Protocol`, separated by commas, of tokens.
    CommaSeparated,
}

impl SubprotocolSyntax {
    /// Whether a client can offer more than one.
    pub(crate) fn allows_multiple(self) -> bool {
        !matches!(self, SubprotocolSyntax::SinglePlain | SubprotocolSyntax::Single)
    }

    /// Whether a client can offer this name. hixie55-3.1-3: until version 8 restricts it to tokens, a name has any visible
    /// characters.
    pub(crate) fn allows(self, name: &str) -> bool {
        match self {
            SubprotocolSyntax::SinglePlain
            | SubprotocolSyntax::Single
            | SubprotocolSyntax::SpaceSeparated
            | SubprotocolSyntax::QuotedList => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()),
            // hybi09-5.1-2
            SubprotocolSyntax::CommaSeparated => header::is_token(name.as_bytes()),
        }
    }

    /// A name as an element of the header. hybi06-5.1-2: what is not a token is a quoted string.
    pub(crate) fn element(self, name: &str) -> Cow<'_, str> {
        match self {
            SubprotocolSyntax::QuotedList if !header::is_token(name.as_bytes()) => {
                let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
                Cow::Owned(format!("\"{escaped}\""))
            }
            _ => Cow::Borrowed(name),
        }
    }

    /// The name of the header.
    pub(crate) fn header_name(self) -> &'static str {
        match self {
            SubprotocolSyntax::SinglePlain => "WebSocket-Protocol",
            SubprotocolSyntax::Single
            | SubprotocolSyntax::SpaceSeparated
            | SubprotocolSyntax::QuotedList
            | SubprotocolSyntax::CommaSeparated => "Sec-WebSocket-Protocol",
        }
    }
}

/// Syntax of `Sec-WebSocket-Extensions`. The drafts define one extension, `deflate-stream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtensionSyntax {
    /// The header does not exist.
    None,
    /// Names without parameters.
    Names,
    /// Names with parameters, whose quoted values may have any characters.
    QuotedParameters,
    /// Names with parameters, whose values are tokens.
    Parameters,
}

/// How a server rejects a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectionMode {
    /// By ending the stream.
    EndOfStream,
    /// With an HTTP response.
    Http,
}

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Format of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Text between 0x00 and 0xFF; frames of other types are ignored.
    Sentinel,
    /// A header of at least two bytes, with opcode and length.
    Length(LengthFraming),
}

/// Format of frames with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LengthFraming {
    pub(crate) final_bit: FinalBit,
    pub(crate) opcodes: Opcodes,
    pub(crate) masking: Masking,
    pub(crate) control: ControlFrameRules,
}

/// Meaning of the most significant bit of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinalBit {
    /// FIN: 1 in the last frame of a message.
    Fin,
    /// MORE: 1 in all frames of a message except the last.
    More,
}

/// Numbers of the opcodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opcodes {
    pub(crate) continuation: u8,
    pub(crate) text: u8,
    pub(crate) binary: u8,
    pub(crate) close: u8,
    pub(crate) ping: u8,
    pub(crate) pong: u8,
}

/// Masking of client frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masking {
    /// No masking. The most significant bit of the second byte is RSV4.
    None,
    /// Header and payload are XORed with 20 bytes: SHA-1 of four bytes sent before the frame and of the masking key of
    /// the connection. The most significant bit of the second byte is RSV4.
    FrameBy20,
    /// Header and payload are XORed with four bytes sent before the frame. The most significant bit of the second byte
    /// is RSV4.
    FrameBy4,
    /// The payload is XORed with the last four bytes of the header. The most significant bit of the second byte is
    /// MASK.
    Payload,
}

/// Rules for control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlFrameRules {
    /// Maximum payload length of received control frames. Sent ones never exceed 125 bytes.
    pub(crate) length: ControlLength,
    /// Whether control frames may be sent between the frames of a message. Received ones are always accepted there.
    pub(crate) interleaving: Interleaving,
    /// Effect of an unsolicited Pong.
    pub(crate) unsolicited_pong: UnsolicitedPong,
    /// The Pings that are answered.
    pub(crate) pong_policy: PongPolicy,
}

/// Maximum payload length of control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlLength {
    /// The draft defines no maximum; the frame limit applies. A Pong may repeat only the first bytes of the Ping, at
    /// least 8.
    FrameLimit,
    /// 125 bytes.
    UpTo125,
}

/// Whether control frames may be sent between the frames of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interleaving {
    /// The draft leaves it open: none are sent there, and received ones are accepted.
    Unspecified,
    /// Allowed.
    Allowed,
}

/// Effect of a Pong that answers no Ping of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnsolicitedPong {
    /// The connection fails.
    Fail,
    /// None.
    Ignore,
}

/// The Pings that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PongPolicy {
    /// Every Ping.
    EveryPing,
    /// At least the most recent Ping.
    LatestPing,
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// How a connection is closed cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseMethod {
    /// By ending the stream.
    EndOfStream,
    /// `FF 00` from each peer.
    Sentinel,
    /// A Close from each peer. The reply repeats the body, which has no meaning.
    EchoBody,
    /// As `EchoBody`, but the body begins with `C` if the client closes first, or with `S` if the server does.
    Initiator,
    /// A Close from each peer, with a code and a reason, or an empty body.
    Codes(CloseCodeSet),
}

/// The close codes of a version. 1000 to 1003 and 3000 to 4999 are allowed in every version with codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseCodeSet {
    /// The highest code below 3000 that may be sent. 1005, 1006 and 1015 are never sent.
    pub(crate) max_code: u16,
    /// The code for a frame or message that is too large.
    pub(crate) too_big: u16,
    /// The code for text that is not UTF-8.
    pub(crate) invalid_text: u16,
}

/// How a client handles text that is not UTF-8. A server fails the connection in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidText {
    /// Replaces invalid bytes with U+FFFD.
    Replace,
    /// Fails the connection.
    Fail,
}
