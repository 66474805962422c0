//! Messages, owned and borrowed: text or binary (RFC 6455 section 5.6).

use std::fmt;

use crate::redact::{self, Within};

/// Whether a message is text or binary (RFC 6455 section 5.6; 6455-5.6-s1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes with a meaning for the application only.
    Binary,
}

/// A whole message, owned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Message {
    /// The text of a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// The bytes of a binary message, or the UTF-8 bytes of a text message.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        match self {
            Message::Text(_) => MessageKind::Text,
            Message::Binary(_) => MessageKind::Binary,
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

/// Shows the text, or the size of a binary message. Control characters, and those that change the direction of text
/// (U+202E), are escaped, so that a peer cannot control the terminal.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MessageRef::from(self).fmt(f)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Message {
        Message::Binary(bytes.to_owned())
    }
}

/// A borrowed message: the result of [`recv_ref`](crate::WebSocket::recv_ref), and the argument of
/// [`send`](crate::WebSocket::send).
///
/// The text of a received message is valid UTF-8. It is kept as bytes, because safe Rust validates them again to make a
/// `&str`. [`as_text`](MessageRef::as_text) takes that time; forwarding a message does not.
///
/// ```
/// use stdws::{MessageKind, MessageRef};
/// let message = MessageRef::from("hello");
/// assert_eq!(message.kind(), MessageKind::Text);
/// assert_eq!(message.as_bytes(), b"hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// assert_eq!(MessageRef::from(&[1, 2, 3]).as_text(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageRef<'a> {
    kind: MessageKind,
    bytes: &'a [u8],
}

impl<'a> MessageRef<'a> {
    /// A message whose bytes, if it is text, the decoder has validated.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn from_validated(kind: MessageKind, bytes: &'a [u8]) -> MessageRef<'a> {
        MessageRef { kind, bytes }
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The bytes of a binary message, or the UTF-8 bytes of a text message.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The text of a text message. Takes time proportional to its length, see above.
    pub fn as_text(&self) -> Option<&'a str> {
        match self.kind {
            MessageKind::Text => std::str::from_utf8(self.bytes).ok(),
            MessageKind::Binary => None,
        }
    }

    /// An owned copy.
    pub fn to_message(&self) -> Message {
        match self.as_text() {
            Some(text) => Message::Text(text.to_owned()),
            None => Message::Binary(self.bytes.to_owned()),
        }
    }
}

/// Shows the text, or the size of a binary message. Control characters are escaped, so that a peer cannot control the terminal.
impl fmt::Display for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = self.as_text() else { return write!(f, "[{} bytes]", self.bytes.len()) };
        redact::escape(f, text, Within::Lines)
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_text() {
            Some(text) => f.debug_tuple("Text").field(&text).finish(),
            None => f.debug_tuple("Binary").field(&self.bytes).finish(),
        }
    }
}

impl<'a> From<&'a str> for MessageRef<'a> {
    fn from(text: &'a str) -> MessageRef<'a> {
        MessageRef { kind: MessageKind::Text, bytes: text.as_bytes() }
    }
}

impl<'a> From<&'a String> for MessageRef<'a> {
    fn from(text: &'a String) -> MessageRef<'a> {
        MessageRef { kind: MessageKind::Text, bytes: text.as_bytes() }
    }
}

impl<'a> From<&'a [u8]> for MessageRef<'a> {
    fn from(bytes: &'a [u8]) -> MessageRef<'a> {
        MessageRef { kind: MessageKind::Binary, bytes }
    }
}

impl<'a> From<&'a Vec<u8>> for MessageRef<'a> {
    fn from(bytes: &'a Vec<u8>) -> MessageRef<'a> {
        MessageRef { kind: MessageKind::Binary, bytes }
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for MessageRef<'a> {
    fn from(bytes: &'a [u8; N]) -> MessageRef<'a> {
        MessageRef { kind: MessageKind::Binary, bytes }
    }
}

impl<'a> From<&'a Message> for MessageRef<'a> {
    fn from(message: &'a Message) -> MessageRef<'a> {
        MessageRef { kind: message.kind(), bytes: message.as_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Message::from("a\u{1b}[2Jb\n").to_string(), "a\\u{1b}[2Jb\n");
        // The end of the file name would stand before its middle.
        assert_eq!(Message::from("photo\u{202E}gpj.exe").to_string(), "photo\\u{202e}gpj.exe");
        assert_eq!(Message::from(vec![1, 2]).to_string(), "[2 bytes]");
    }

    #[test]
    fn borrowing_and_copying_keep_kind_and_bytes() {
        for message in [Message::from("é"), Message::from(vec![0xC3])] {
            let borrowed = MessageRef::from(&message);
            assert_eq!((borrowed.kind(), borrowed.as_bytes()), (message.kind(), message.as_bytes()));
            assert_eq!(borrowed.to_message(), message);
        }
    }
}
