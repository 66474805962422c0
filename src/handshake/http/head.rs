//! A parsed head: start line and fields, and a head as bytes. Independent of how it was parsed.
//!
//! A head is one buffer, in which the parts follow each other without separators (method, target, name, value, name,
//! value ...; the head of a response begins with the reason), and the positions where the parts end. A part begins where
//! the part before it ends, and a field takes eight bytes beside its own bytes.

use std::fmt;

use crate::error::{HandshakeErrorKind, HeadErrorKind};
use crate::handshake::header;
use crate::redact;

/// The HTTP version of a head, `HTTP/major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpVersion {
    /// The digit before the dot.
    pub major: u8,
    /// The digit after the dot.
    pub minor: u8,
}

impl HttpVersion {
    /// Whether the version is HTTP/1.1 or a later 1.x. Only these versions define `Upgrade` for this message format.
    pub fn supports_upgrade(self) -> bool {
        self.major == 1 && self.minor >= 1
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum StartLine {
    Request { method_end: u32 },
    Response { status: u16 },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name_end: u32,
    pub(crate) value_end: u32,
}

/// A complete head: start line and fields. Its `Debug` shows no credentials.
#[derive(Clone)]
pub struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: StartLine,
    pub(crate) version: HttpVersion,
    pub(crate) start_end: u32,
    pub(crate) fields: Vec<Field>,
}

impl Head {
    /// A head without fields. The version is still to be set, or is not used.
    pub(crate) fn empty(start: StartLine) -> Head {
        let version = HttpVersion { major: 0, minor: 0 };
        Head { bytes: Vec::new(), start, version, start_end: 0, fields: Vec::new() }
    }

    /// The head of a response of this side, without fields.
    #[cfg(feature = "server")]
    pub(crate) fn response(status: u16) -> Head {
        Head::empty(StartLine::Response { status })
    }

    /// Adds a field, which must have been checked. False: names and values would exceed 64 KiB, and the head is unchanged.
    #[cfg(feature = "server")]
    #[must_use]
    pub(crate) fn push(&mut self, name: &str, value: &str) -> bool {
        let name_end = self.bytes.len().checked_add(name.len());
        let value_end = name_end.and_then(|end| end.checked_add(value.len()));
        let ends = name_end.zip(value_end).and_then(|(n, v)| Some((u16::try_from(n).ok()?, u16::try_from(v).ok()?)));
        let Some((name_end, value_end)) = ends.map(|(n, v)| (u32::from(n), u32::from(v))) else { return false };
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.fields.push(Field { name_end, value_end });
        true
    }

    /// The method of a request; empty for a response.
    pub fn method(&self) -> &str {
        match self.start {
            StartLine::Request { method_end } => self.text(0, method_end),
            StartLine::Response { .. } => "",
        }
    }

    /// The target of a request, visible ASCII; empty for a response.
    pub fn target(&self) -> &str {
        match self.start {
            StartLine::Request { method_end } => self.text(method_end, self.start_end),
            StartLine::Response { .. } => "",
        }
    }

    /// The HTTP version.
    pub fn version(&self) -> HttpVersion {
        self.version
    }

    /// The status of a response, from 100 to 999 if the head was parsed; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.start {
            StartLine::Request { .. } => 0,
            StartLine::Response { status } => status,
        }
    }

    /// The reason phrase, for tests. It may be empty, and may hold bytes outside ASCII. A client uses the status only.
    #[cfg(test)]
    pub(crate) fn reason(&self) -> &[u8] {
        match self.start {
            StartLine::Request { .. } => &[],
            StartLine::Response { .. } => self.part(0, self.start_end),
        }
    }

    /// Names and values in the order of the head. Names are tokens in the case they were sent in. Values have no white space
    /// around them and no control character except HTAB. They may have bytes outside ASCII.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts().map(|(name, value)| (ascii(name), value))
    }

    /// Names and values as bytes.
    fn parts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = self.start_end;
        self.fields.iter().map(move |field| {
            let name = self.part(start, field.name_end);
            start = field.value_end;
            (name, self.part(field.name_end, field.value_end))
        })
    }

    /// The fields as text for an error, bytes outside ASCII as U+FFFD.
    #[cfg(feature = "client")]
    pub(crate) fn display_fields(&self) -> Vec<(String, String)> {
        let shown = |&byte: &u8| if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER };
        self.fields().map(|(name, value)| (name.to_owned(), value.iter().map(shown).collect())).collect()
    }

    /// The values of all fields of this name, compared without regard to ASCII case.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.parts().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first field of this name.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.get_all(name).next()
    }

    /// The value of a field that a message may have once.
    ///
    /// # Errors
    /// [`HandshakeErrorKind::DuplicateHeader`] when there is more than one.
    pub fn single(&self, name: &'static str) -> Result<Option<&[u8]>, HandshakeErrorKind> {
        let mut values = self.get_all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(HandshakeErrorKind::DuplicateHeader(name)),
        }
    }

    /// The position where the last part ends and the next one begins.
    pub(crate) fn last_part_end(&self) -> usize {
        index(self.fields.last().map_or(self.start_end, |f| f.value_end))
    }

    fn part(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(index(start)..index(end)).unwrap_or_default()
    }

    fn text(&self, start: u32, end: u32) -> &str {
        ascii(self.part(start, end))
    }
}

/// A part that was checked to be ASCII, as text.
fn ascii(part: &[u8]) -> &str {
    std::str::from_utf8(part).unwrap_or_default()
}

/// The value of `Content-Length`, if there is one.
///
/// # Errors
/// A value that is not digits or exceeds 19 digits, and two fields with different values (RFC 9112 section 6.3).
pub fn content_length(head: &Head) -> Result<Option<u64>, HeadErrorKind> {
    let mut length = None;
    for value in head.get_all("Content-Length") {
        if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
            return Err(HeadErrorKind::ContentLength);
        }
        // The largest number of 19 digits is less than 2^64.
        let this = value.iter().fold(0_u64, |n, &d| n.wrapping_mul(10).wrapping_add(u64::from(d & 0x0F)));
        if length.is_some_and(|before| before != this) {
            return Err(HeadErrorKind::ContentLength);
        }
        length = Some(this);
    }
    Ok(length)
}

/// A position as an index.
pub(super) fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// The bytes of a head, with the empty line. Every name must be a token, and the start line and every value must have
/// passed [`header::is_field_value`]: this function does not prevent a line break from becoming another field.
pub(crate) fn write_head<'a>(start_line: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    debug_assert!(header::is_field_value(start_line.as_bytes()));
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(start_line.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        debug_assert!(header::is_token(name.as_bytes()) && header::is_field_value(value.as_bytes()));
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Shows no text that may be a secret.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = f.debug_struct("Head");
        match self.start {
            StartLine::Request { .. } => {
                lines.field("method", &redact::words(self.method())).field("target", &redact::url(self.target()))
            }
            StartLine::Response { status } => lines.field("status", &status),
        };
        for (name, value) in self.fields() {
            lines.field(name, &redact::header_value(name, value).escape_ascii().to_string());
        }
        lines.finish()
    }
}
