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
///
/// It can be compared with text and with bytes. Text equals only a text message, and bytes equal only a binary message.
///
/// ```
/// use stdws::Message;
/// assert!(Message::from("hello") == "hello");
/// assert!(Message::from("hello") != b"hello");
/// assert_eq!(Message::from(vec![1, 2, 3]), [1, 2, 3]);
/// assert_eq!(Message::from("hello").into_text(), Some("hello".to_owned()));
/// assert_eq!(Message::from("hello").into_bytes(), b"hello");
/// ```
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

    /// The text of a text message, without a copy. `None` for a binary message, which is dropped.
    pub fn into_text(self) -> Option<String> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// The bytes of a binary message, or the UTF-8 bytes of a text message, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Message::Text(text) => text.into_bytes(),
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

/// A borrowed message: the result of [`recv_ref`](crate::WebSocket::recv_ref), which [`send`](crate::WebSocket::send) accepts.
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

/// A message to send, borrowed or owned: the argument of [`send`](crate::WebSocket::send).
///
/// `&str`, `&String`, `&[u8]`, `&Vec<u8>`, `&[u8; N]`, `&`[`Message`] and [`MessageRef`] convert to a borrowed message;
/// `String`, `Vec<u8>` and [`Message`] to an owned one.
///
/// A client masks the payload (RFC 6455 section 5.3). It masks a copy of a borrowed message, in pieces of up to 384 KiB.
/// It masks an owned message of more than 16 KiB in place. That and any message of a server need one write up to 64 KiB, and two
/// above. At most the first 64 KiB are copied, for header and payload to be one write.
#[derive(Debug, Clone)]
pub enum Outgoing<'a> {
    /// A borrowed message.
    Borrowed(MessageRef<'a>),
    /// An owned message.
    Owned(Message),
}

#[cfg(any(feature = "client", feature = "server"))]
impl Outgoing<'_> {
    /// The message, borrowed.
    pub(crate) fn as_message_ref(&self) -> MessageRef<'_> {
        match self {
            Outgoing::Borrowed(message) => *message,
            Outgoing::Owned(message) => MessageRef::from(message),
        }
    }
}

impl<'a, T: Into<MessageRef<'a>>> From<T> for Outgoing<'a> {
    fn from(message: T) -> Outgoing<'a> {
        Outgoing::Borrowed(message.into())
    }
}

impl From<String> for Outgoing<'_> {
    fn from(text: String) -> Self {
        Outgoing::Owned(Message::Text(text))
    }
}

impl From<Vec<u8>> for Outgoing<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Outgoing::Owned(Message::Binary(bytes))
    }
}

impl From<Message> for Outgoing<'_> {
    fn from(message: Message) -> Self {
        Outgoing::Owned(message)
    }
}

// Comparisons with text, which equals no binary message, and with bytes, which equal no text message.

impl PartialEq<str> for Message {
    fn eq(&self, other: &str) -> bool {
        MessageRef::from(self) == MessageRef::from(other)
    }
}

impl PartialEq<str> for MessageRef<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == MessageRef::from(other)
    }
}

impl PartialEq<&str> for Message {
    fn eq(&self, other: &&str) -> bool {
        MessageRef::from(self) == MessageRef::from(*other)
    }
}

impl PartialEq<&str> for MessageRef<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == MessageRef::from(*other)
    }
}

impl PartialEq<String> for Message {
    fn eq(&self, other: &String) -> bool {
        MessageRef::from(self) == MessageRef::from(other)
    }
}

impl PartialEq<String> for MessageRef<'_> {
    fn eq(&self, other: &String) -> bool {
        *self == MessageRef::from(other)
    }
}

impl PartialEq<[u8]> for Message {
    fn eq(&self, other: &[u8]) -> bool {
        MessageRef::from(self) == MessageRef::from(other)
    }
}

impl PartialEq<[u8]> for MessageRef<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        *self == MessageRef::from(other)
    }
}

impl PartialEq<&[u8]> for Message {
    fn eq(&self, other: &&[u8]) -> bool {
        MessageRef::from(self) == MessageRef::from(*other)
    }
}

impl PartialEq<&[u8]> for MessageRef<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == MessageRef::from(*other)
    }
}

impl PartialEq<Vec<u8>> for Message {
    fn eq(&self, other: &Vec<u8>) -> bool {
        MessageRef::from(self) == MessageRef::from(other)
    }
}

impl PartialEq<Vec<u8>> for MessageRef<'_> {
    fn eq(&self, other: &Vec<u8>) -> bool {
        *self == MessageRef::from(other)
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Message {
    fn eq(&self, other: &[u8; N]) -> bool {
        MessageRef::from(self) == MessageRef::from(other)
    }
}

impl<const N: usize> PartialEq<[u8; N]> for MessageRef<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        *self == MessageRef::from(other)
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Message {
    fn eq(&self, other: &&[u8; N]) -> bool {
        MessageRef::from(self) == MessageRef::from(*other)
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for MessageRef<'_> {
    fn eq(&self, other: &&[u8; N]) -> bool {
        *self == MessageRef::from(*other)
    }
}

impl PartialEq<Message> for MessageRef<'_> {
    fn eq(&self, other: &Message) -> bool {
        *self == MessageRef::from(other)
    }
}

impl PartialEq<MessageRef<'_>> for Message {
    fn eq(&self, other: &MessageRef<'_>) -> bool {
        MessageRef::from(self) == *other
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
    fn text_equals_text_and_bytes_equal_bytes() {
        let (text, bytes) = (Message::from("ab"), Message::from(vec![b'a', b'b']));
        let (owned_text, owned_bytes) = (String::from("ab"), b"ab".to_vec());
        for (message, is_text) in [(&text, true), (&bytes, false)] {
            let borrowed = MessageRef::from(message);
            let texts = [*message == "ab", *message == *"ab", *message == owned_text];
            let borrowed_texts = [borrowed == "ab", borrowed == *"ab", borrowed == owned_text];
            assert_eq!((texts, borrowed_texts), ([is_text; 3], [is_text; 3]));
            let slice = &b"ab"[..];
            let others =
                [*message == b"ab", *message == *b"ab", *message == *slice, *message == slice, *message == owned_bytes];
            assert_eq!(others, [!is_text; 5]);
            let others =
                [borrowed == b"ab", borrowed == *b"ab", borrowed == *slice, borrowed == slice, borrowed == owned_bytes];
            assert_eq!(others, [!is_text; 5]);
            assert_eq!(borrowed, *message);
            assert_eq!(*message, borrowed);
            assert!(*message != "b" && *message != b"b" && borrowed != "b" && borrowed != b"b");
        }
        assert_eq!((text.clone().into_text(), bytes.clone().into_text()), (Some("ab".to_owned()), None));
        assert_eq!((text.into_bytes(), bytes.into_bytes()), (b"ab".to_vec(), b"ab".to_vec()));
    }

    #[test]
    fn owned_messages_stay_owned() {
        for owned in [Outgoing::from(String::from("ab")), vec![1].into(), Message::from("ab").into()] {
            assert!(matches!(owned, Outgoing::Owned(_)));
        }
        for borrowed in
            [Outgoing::from("ab"), (&vec![1]).into(), (&Message::from("ab")).into(), MessageRef::from("a").into()]
        {
            assert!(matches!(borrowed, Outgoing::Borrowed(_)));
        }
    }

    #[test]
    fn borrowing_and_copying_keep_kind_and_bytes() {
        for message in [Message::from("é"), Message::from(vec![0xC3])] {
            let borrowed = MessageRef::from(&message);
            assert_eq!((borrowed.kind(), borrowed.as_bytes()), (message.kind(), message.as_bytes()));
            assert_eq!(borrowed.to_message(), message);
        }
    }

    #[test]
    fn debug_has_the_kind_and_the_contents() {
        let (text, bytes) = (Message::from("ab"), Message::from(vec![1, 2]));
        let shown = [format!("{:?}", MessageRef::from(&text)), format!("{:?}", MessageRef::from(&bytes))];
        assert_eq!(shown, ["Text(\"ab\")", "Binary([1, 2])"]);
        assert!(Message::from("").is_empty() && !text.is_empty());
    }

    #[test]
    fn kind_length_and_text() {
        for (message, text, length) in [
            (Message::from("é"), Some("é"), 2),
            (Message::from(vec![b'a'; 3]), None, 3),
            (Message::from(""), Some(""), 0),
        ] {
            assert_eq!((message.as_text(), message.len()), (text, length));
            let other = Message::from("another");
            assert!(MessageRef::from(&message) != other && message != MessageRef::from(&other));
        }
    }
}
