//! Each rule of RFC 6455 that a peer can break after the opening handshake, with its requirement id and its close code:
//! 1009 for size, 1007 for invalid payloads, 1002 for all others.

use std::fmt;

use crate::close::CloseCode;

/// The rule that a peer broke, or the limit of this side that it exceeded. The connection is failed (RFC 6455 section 7.1.7),
/// and the receive call returns this error (6455-7.1.7-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set, but no extension defines it. Holds the three bits in the low bits, RSV1 highest. The value is 8
    /// for the fourth reserved bit of the drafts before hybi-07.
    ReservedBits(u8),
    /// The opcode is not defined.
    UnknownOpcode(u8),
    /// A control frame is fragmented.
    FragmentedControlFrame,
    /// A continuation frame outside a fragmented message.
    UnexpectedContinuation,
    /// A new message begins inside a fragmented message.
    ExpectedContinuation,
    /// A frame from a client is not masked.
    UnmaskedFrame,
    /// A frame from a server is masked.
    MaskedFrame,
    /// A control frame announces more than 125 bytes.
    ControlFrameTooBig,
    /// The length is not encoded in its shortest form.
    LengthNotMinimal,
    /// The top bit of a 64-bit length is set.
    LengthMostSignificantBit,
    /// One frame is larger than [`Limits::max_frame_size`](crate::Limits::max_frame_size) allows.
    FrameTooBig {
        /// The announced length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The message would be larger than [`Limits::max_message_size`](crate::Limits::max_message_size) allows.
    MessageTooBig {
        /// The minimum length of the message in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The message has more fragments than [`Limits::max_fragments`](crate::Limits::max_fragments) allows, empty ones included.
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// A text message is not UTF-8.
    TextNotUtf8 {
        /// The position of the first invalid byte in the message. The length of a message that ends inside a character.
        offset: u64,
    },
    /// The payload of a compressed message is not DEFLATE, or exceeds the negotiated window.
    InvalidDeflate,
    /// The body of a Close is a single byte.
    CloseBodyTooShort,
    /// A Close has a code that must not be sent.
    InvalidCloseCode(u16),
    /// The reason in a Close is not UTF-8.
    CloseReasonNotUtf8,
    /// A Pong without a Ping of this side, in a draft that does not allow it.
    UnsolicitedPong,
}

impl ProtocolError {
    /// The id of the requirement that was broken, as in `tests/requirements`: the RFC, the section, a number.
    pub fn requirement(&self) -> &'static str {
        match self {
            ProtocolError::ReservedBits(_) => "6455-5.2-3",
            ProtocolError::UnknownOpcode(_) => "6455-5.2-4",
            ProtocolError::FragmentedControlFrame => "6455-5.5-2",
            ProtocolError::UnexpectedContinuation => "6455-5.4-s2",
            ProtocolError::ExpectedContinuation => "6455-5.4-4",
            ProtocolError::UnmaskedFrame => "6455-5.1-2",
            ProtocolError::MaskedFrame => "6455-5.1-5",
            ProtocolError::ControlFrameTooBig => "6455-5.5-1",
            ProtocolError::LengthNotMinimal => "6455-5.2-6",
            ProtocolError::LengthMostSignificantBit => "6455-5.2-5",
            ProtocolError::FrameTooBig { .. } => "6455-10.4-2",
            ProtocolError::MessageTooBig { .. } | ProtocolError::TooManyFragments { .. } => "6455-10.4-1",
            ProtocolError::TextNotUtf8 { .. } | ProtocolError::CloseReasonNotUtf8 => "6455-8.1-1",
            ProtocolError::InvalidDeflate => "7692-6.2-1",
            ProtocolError::CloseBodyTooShort => "6455-5.5.1-2",
            ProtocolError::UnsolicitedPong => "hybi01-4.4-1",
            ProtocolError::InvalidCloseCode(1005) => "6455-7.4.1-3",
            ProtocolError::InvalidCloseCode(1006) => "6455-7.4.1-4",
            ProtocolError::InvalidCloseCode(1015) => "6455-7.4.1-6",
            ProtocolError::InvalidCloseCode(_) => "6455-7.4.2-s1",
        }
    }

    /// The code of the Close that this side sends (RFC 6455 section 7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            ProtocolError::FrameTooBig { .. } | ProtocolError::MessageTooBig { .. } | ProtocolError::TooManyFragments { .. } => {
                CloseCode::TOO_BIG
            }
            ProtocolError::TextNotUtf8 { .. } | ProtocolError::CloseReasonNotUtf8 | ProtocolError::InvalidDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            ProtocolError::ReservedBits(_)
            | ProtocolError::UnknownOpcode(_)
            | ProtocolError::FragmentedControlFrame
            | ProtocolError::UnexpectedContinuation
            | ProtocolError::ExpectedContinuation
            // 6455-5.1-3, 6455-5.1-6: the code for a frame with the wrong masking.
            | ProtocolError::UnmaskedFrame
            | ProtocolError::MaskedFrame
            | ProtocolError::ControlFrameTooBig
            | ProtocolError::LengthNotMinimal
            | ProtocolError::LengthMostSignificantBit
            | ProtocolError::CloseBodyTooShort
            | ProtocolError::UnsolicitedPong
            | ProtocolError::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The reason in the Close that this side sends: the limit for 1009, otherwise the
    /// [`requirement`](ProtocolError::requirement).
    pub fn close_reason(&self) -> String {
        match self {
            ProtocolError::FrameTooBig { limit, .. } => format!("at most {limit} bytes in a frame"),
            ProtocolError::MessageTooBig { limit, .. } => format!("at most {limit} bytes in a message"),
            ProtocolError::TooManyFragments { limit } => format!("at most {limit} fragments in a message"),
            violation => violation.requirement().to_owned(),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::ReservedBits(bits) => write!(f, "reserved bits {bits:03b} are set without an extension"),
            ProtocolError::UnknownOpcode(opcode) => write!(f, "opcode {opcode:#x} is not defined"),
            ProtocolError::FragmentedControlFrame => f.write_str("a control frame is fragmented"),
            ProtocolError::UnexpectedContinuation => {
                f.write_str("a continuation frame is outside a fragmented message")
            }
            ProtocolError::ExpectedContinuation => f.write_str("a new message begins inside a fragmented message"),
            ProtocolError::UnmaskedFrame => f.write_str("a frame from a client is not masked"),
            ProtocolError::MaskedFrame => f.write_str("a frame from a server is masked"),
            ProtocolError::ControlFrameTooBig => f.write_str("a control frame is longer than 125 bytes"),
            ProtocolError::LengthNotMinimal => f.write_str("a length is not encoded in its shortest form"),
            ProtocolError::LengthMostSignificantBit => f.write_str("the top bit of a 64-bit length is set"),
            ProtocolError::FrameTooBig { length, limit } => {
                write!(f, "a frame has {length} bytes; Limits::max_frame_size is {limit}")
            }
            ProtocolError::MessageTooBig { length, limit } => {
                write!(f, "a message has at least {length} bytes; Limits::max_message_size is {limit}")
            }
            ProtocolError::TooManyFragments { limit } => {
                write!(f, "a message has too many fragments; Limits::max_fragments is {limit}")
            }
            ProtocolError::TextNotUtf8 { offset } => write!(f, "a text message is not UTF-8 at byte {offset}"),
            ProtocolError::InvalidDeflate => {
                f.write_str("a compressed message is not DEFLATE, or exceeds the negotiated window")
            }
            ProtocolError::CloseBodyTooShort => f.write_str("the body of a Close is one byte"),
            ProtocolError::UnsolicitedPong => f.write_str("a Pong has no Ping"),
            ProtocolError::InvalidCloseCode(code) => write!(f, "close code {code} must not be sent"),
            ProtocolError::CloseReasonNotUtf8 => f.write_str("the reason in a Close is not UTF-8"),
        }?;
        write!(f, " ({})", self.requirement())
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_rule_or_the_setting() {
        assert_eq!(
            ProtocolError::MessageTooBig { length: 11, limit: 10 }.to_string(),
            "a message has at least 11 bytes; Limits::max_message_size is 10 (6455-10.4-1)"
        );
        assert_eq!(
            ProtocolError::ReservedBits(4).to_string(),
            "reserved bits 100 are set without an extension (6455-5.2-3)"
        );
    }

    #[test]
    fn close_codes_are_1009_for_size_1007_for_payloads_and_1002_otherwise() {
        assert_eq!(ProtocolError::TooManyFragments { limit: 1 }.close_code(), CloseCode::TOO_BIG);
        assert_eq!(ProtocolError::TextNotUtf8 { offset: 0 }.close_code(), CloseCode::INVALID_PAYLOAD);
        assert_eq!(ProtocolError::InvalidCloseCode(1005).close_code(), CloseCode::PROTOCOL_ERROR);
    }

    #[test]
    fn the_reason_of_a_close_is_the_limit_or_the_rule() {
        let rows = [
            (ProtocolError::FrameTooBig { length: 9, limit: 5 }, "at most 5 bytes in a frame"),
            (ProtocolError::MessageTooBig { length: 9, limit: 5 }, "at most 5 bytes in a message"),
            (ProtocolError::TooManyFragments { limit: 5 }, "at most 5 fragments in a message"),
            (ProtocolError::MaskedFrame, "6455-5.1-5"),
        ];
        for (violation, reason) in rows {
            assert_eq!(violation.close_reason(), reason);
        }
    }

    /// The text has two parts. When the first cannot be written, the second is not.
    #[test]
    fn a_formatter_that_fails_is_reported_at_once() {
        use std::fmt::Write;
        struct Full(usize);
        impl Write for Full {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                self.0 += 1;
                Err(fmt::Error)
            }
        }
        let mut full = Full(0);
        assert_eq!((write!(full, "{}", ProtocolError::UnmaskedFrame), full.0), (Err(fmt::Error), 1));
    }
}
