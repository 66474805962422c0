//! What is sent and received: a message is text or binary (RFC 6455 section 5.6).

use std::fmt;

/// Whether a message is text or binary (RFC 6455 section 5.6; 6455-5.6-s1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes that only the application understands.
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
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// The bytes, of text too.
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

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

/// Text as it is; binary as its size. Control characters are escaped, so that a peer cannot steer the terminal.
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

/// A message that is lent: what [`recv_ref`](crate::WebSocket::recv_ref) gives and [`send`](crate::WebSocket::send) takes.
///
/// Text has been checked when one of these exists. It is kept as bytes all the same: safe Rust can make a `&str` of bytes
/// only by checking them again, so [`as_text`](MessageRef::as_text) costs that, and passing a message on does not.
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
    /// For bytes whose text, if they are text, has passed the decoder.
    pub(crate) fn from_validated(kind: MessageKind, bytes: &'a [u8]) -> MessageRef<'a> {
        MessageRef { kind, bytes }
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The bytes, of text too.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The text, if it is one. Takes time proportional to its length, see above.
    pub fn as_text(&self) -> Option<&'a str> {
        match self.kind {
            MessageKind::Text => std::str::from_utf8(self.bytes).ok(),
            MessageKind::Binary => None,
        }
    }

    /// A copy that can be kept.
    pub fn to_message(&self) -> Message {
        match self.as_text() {
            Some(text) => Message::Text(text.to_owned()),
            None => Message::Binary(self.bytes.to_owned()),
        }
    }
}

/// Text as it is; binary as its size. Control characters are escaped, so that a peer cannot steer the terminal.
impl fmt::Display for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = self.as_text() else { return write!(f, "[{} bytes]", self.bytes.len()) };
        for character in text.chars() {
            match character {
                '\n' | '\t' => write!(f, "{character}")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
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
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(Message::from("a\u{1b}[2Jb\n").to_string(), "a\\u{1b}[2Jb\n");
        assert_eq!(Message::from(vec![1, 2]).to_string(), "[2 bytes]");
    }

    #[test]
    fn lending_and_copying_keep_kind_and_bytes() {
        for message in [Message::from("é"), Message::from(vec![0xC3])] {
            let lent = MessageRef::from(&message);
            assert_eq!((lent.kind(), lent.as_bytes()), (message.kind(), message.as_bytes()));
            assert_eq!(lent.to_message(), message);
        }
    }
}
