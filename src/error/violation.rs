//! Every rule of RFC 6455 a peer can break after the opening handshake, with the requirement it is known by here and
//! the close code it earns. 1009 for too big, 1007 for bad text, 1002 for the rest.

use std::fmt;

use crate::close::CloseCode;

/// The rule a peer broke, or the limit of this side it passed. The connection is failed (RFC 6455 section 7.1.7), and the
/// one who receives is told why (6455-7.1.7-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set, but no extension gives it a meaning. The three bits, RSV1 highest, in the low bits; 8 for the
    /// fourth that the drafts before hybi-07 have.
    ReservedBits(u8),
    /// The opcode is not defined.
    UnknownOpcode(u8),
    /// A control frame is fragmented.
    FragmentedControl,
    /// A continuation frame, but no message is open.
    NothingToContinue,
    /// A new message begins inside a fragmented one.
    MessageInsideMessage,
    /// A frame from a client is not masked.
    NotMasked,
    /// A frame from a server is masked.
    Masked,
    /// A control frame announces more than 125 bytes.
    ControlTooLong,
    /// The length is not written in its shortest form.
    LengthNotMinimal,
    /// The top bit of a 64-bit length is set.
    LengthTopBit,
    /// One frame is larger than [`Limits::frame`](crate::Limits::frame) allows.
    FrameTooBig {
        /// The announced length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The message would be larger than [`Limits::message`](crate::Limits::message) allows.
    MessageTooBig {
        /// The length it would have had at least, in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The message has more fragments than [`Limits::fragments`](crate::Limits::fragments) allows, empty ones included.
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// A text message is not UTF-8.
    TextNotUtf8 {
        /// Where the first wrong byte stands in the message; its length when it ends inside a character.
        offset: u64,
    },
    /// The payload of a compressed message is not DEFLATE, or not with the window that was agreed on.
    NotDeflate,
    /// The body of a Close is a single byte.
    CloseBodyOfOneByte,
    /// A Close carries a code that must not be sent.
    CloseCodeNotAllowed(u16),
    /// The reason in a Close is not UTF-8.
    CloseReasonNotUtf8,
    /// A Pong that answers no Ping of this side, in a draft that does not allow it.
    UnaskedPong,
}

impl Violation {
    /// The requirement that was broken, by its id in `tests/requirements`: the RFC, the section, a number.
    pub fn requirement(&self) -> &'static str {
        match self {
            Violation::ReservedBits(_) => "6455-5.2-3",
            Violation::UnknownOpcode(_) => "6455-5.2-4",
            Violation::FragmentedControl => "6455-5.5-2",
            Violation::NothingToContinue => "6455-5.4-s2",
            Violation::MessageInsideMessage => "6455-5.4-4",
            Violation::NotMasked => "6455-5.1-2",
            Violation::Masked => "6455-5.1-5",
            Violation::ControlTooLong => "6455-5.5-1",
            Violation::LengthNotMinimal => "6455-5.2-6",
            Violation::LengthTopBit => "6455-5.2-5",
            Violation::FrameTooBig { .. } => "6455-10.4-2",
            Violation::MessageTooBig { .. } | Violation::TooManyFragments { .. } => "6455-10.4-1",
            Violation::TextNotUtf8 { .. } | Violation::CloseReasonNotUtf8 => "6455-8.1-1",
            Violation::NotDeflate => "7692-6.2-1",
            Violation::CloseBodyOfOneByte => "6455-5.5.1-2",
            Violation::UnaskedPong => "hybi01-4.4-1",
            Violation::CloseCodeNotAllowed(1005) => "6455-7.4.1-3",
            Violation::CloseCodeNotAllowed(1006) => "6455-7.4.1-4",
            Violation::CloseCodeNotAllowed(1015) => "6455-7.4.1-6",
            Violation::CloseCodeNotAllowed(_) => "6455-7.4.2-s1",
        }
    }

    /// The code of the Close that answers it (RFC 6455 section 7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            Violation::FrameTooBig { .. } | Violation::MessageTooBig { .. } | Violation::TooManyFragments { .. } => {
                CloseCode::TOO_BIG
            }
            Violation::TextNotUtf8 { .. } | Violation::CloseReasonNotUtf8 | Violation::NotDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            Violation::ReservedBits(_)
            | Violation::UnknownOpcode(_)
            | Violation::FragmentedControl
            | Violation::NothingToContinue
            | Violation::MessageInsideMessage
            // 6455-5.1-3, 6455-5.1-6: the code for a frame that is masked or not as it must.
            | Violation::NotMasked
            | Violation::Masked
            | Violation::ControlTooLong
            | Violation::LengthNotMinimal
            | Violation::LengthTopBit
            | Violation::CloseBodyOfOneByte
            | Violation::UnaskedPong
            | Violation::CloseCodeNotAllowed(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::ReservedBits(bits) => write!(f, "reserved bits {bits:03b} set without an extension"),
            Violation::UnknownOpcode(opcode) => write!(f, "unknown opcode {opcode:#x}"),
            Violation::FragmentedControl => f.write_str("a control frame is fragmented"),
            Violation::NothingToContinue => f.write_str("a continuation frame without a message to continue"),
            Violation::MessageInsideMessage => f.write_str("a new message inside a fragmented one"),
            Violation::NotMasked => f.write_str("a client's frame is not masked"),
            Violation::Masked => f.write_str("a server's frame is masked"),
            Violation::ControlTooLong => f.write_str("a control frame longer than 125 bytes"),
            Violation::LengthNotMinimal => f.write_str("a length not in its shortest form"),
            Violation::LengthTopBit => f.write_str("the top bit of a 64-bit length is set"),
            Violation::FrameTooBig { length, limit } => {
                write!(f, "a frame of {length} bytes, and Limits::frame is {limit}")
            }
            Violation::MessageTooBig { length, limit } => {
                write!(f, "a message of {length} bytes or more, and Limits::message is {limit}")
            }
            Violation::TooManyFragments { limit } => {
                write!(f, "a message in too many fragments, and Limits::fragments is {limit}")
            }
            Violation::TextNotUtf8 { offset } => write!(f, "a text message is not UTF-8 at byte {offset}"),
            Violation::NotDeflate => f.write_str("a compressed message is not DEFLATE with the agreed window"),
            Violation::CloseBodyOfOneByte => f.write_str("a Close body of one byte"),
            Violation::UnaskedPong => f.write_str("a Pong that answers no Ping"),
            Violation::CloseCodeNotAllowed(code) => write!(f, "close code {code} must not be sent"),
            Violation::CloseReasonNotUtf8 => f.write_str("the reason in a Close is not UTF-8"),
        }?;
        write!(f, " ({})", self.requirement())
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_rule_or_the_setting() {
        assert_eq!(
            Violation::MessageTooBig { length: 11, limit: 10 }.to_string(),
            "a message of 11 bytes or more, and Limits::message is 10 (6455-10.4-1)"
        );
        assert_eq!(Violation::ReservedBits(4).to_string(), "reserved bits 100 set without an extension (6455-5.2-3)");
    }

    #[test]
    fn codes_are_1009_for_size_1007_for_text_and_1002_otherwise() {
        assert_eq!(Violation::TooManyFragments { limit: 1 }.close_code(), CloseCode::TOO_BIG);
        assert_eq!(Violation::TextNotUtf8 { offset: 0 }.close_code(), CloseCode::INVALID_PAYLOAD);
        assert_eq!(Violation::CloseCodeNotAllowed(1005).close_code(), CloseCode::PROTOCOL_ERROR);
    }
}
