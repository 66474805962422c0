//! The error for an invalid head of an HTTP message.

use std::fmt;

/// The reason why bytes are not the head of an HTTP request or response (RFC 9112), or exceed a limit of
/// [`handshake::http`](crate::handshake::http).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadErrorKind {
    /// The first line does not end within [`Limits::max_head_size`](crate::Limits::max_head_size). A server responds 414 to such
    /// a request.
    StartLineTooLong {
        /// The limit in bytes.
        limit: u32,
    },
    /// More fields than [`Limits::max_head_fields`](crate::Limits::max_head_fields). A server responds 431.
    TooManyFields {
        /// The limit.
        limit: u32,
    },
    /// More bytes than [`Limits::max_head_size`](crate::Limits::max_head_size). A server responds 431.
    HeadTooLong {
        /// The limit in bytes.
        limit: u32,
    },
    /// A line that does not end in CR LF.
    LineEnding,
    /// A control character.
    ControlCharacter,
    /// A line that continues the line before it, which HTTP/1.1 does not allow.
    LineFolding,
    /// A start line that is not "method target version" or "version status reason".
    StartLine,
    /// A field without a colon, with an empty name, or with a name that is not a token.
    FieldName,
    /// A `Content-Length` that is not one decimal number.
    ContentLength,
    /// A TLS record instead of HTTP: one side uses TLS (`wss`), the other side does not (`ws`).
    Tls,
}

impl fmt::Display for HeadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadErrorKind::StartLineTooLong { limit } => {
                return write!(f, "the first line of the head has too many bytes; Limits::max_head_size is {limit}");
            }
            HeadErrorKind::TooManyFields { limit } => {
                return write!(f, "the head has too many fields; Limits::max_head_fields is {limit}");
            }
            HeadErrorKind::HeadTooLong { limit } => {
                return write!(f, "the head has too many bytes; Limits::max_head_size is {limit}");
            }
            HeadErrorKind::LineEnding => "a line of the head does not end in CR LF",
            HeadErrorKind::ControlCharacter => "the head has a control character",
            HeadErrorKind::LineFolding => "the head has a folded line",
            HeadErrorKind::StartLine => "the first line is not a valid HTTP start line",
            HeadErrorKind::FieldName => "a field of the head has an invalid name",
            HeadErrorKind::ContentLength => "Content-Length is not one decimal number",
            HeadErrorKind::Tls => {
                "the peer sent TLS instead of HTTP; the URL of a server with TLS begins with wss://, without TLS with ws://"
            }
        })
    }
}

impl std::error::Error for HeadErrorKind {}
