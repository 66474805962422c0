//! Heads of HTTP/1.x messages (RFC 9112 sections 2 to 5): the start line and the fields, up to the empty line.
//!
//! Knows lines, names and values; must not know what any of them means, apart from `Content-Length`, without which the
//! end of a body cannot be found. Stricter than RFC 9112 demands: a peer that opens a WebSocket has no reason to be odd.
//!
//! [`HeadParser`] takes bytes as they come and looks at each of them once, however they were cut. Its states:
//!
//! | state | takes | and goes on with |
//! |---|---|---|
//! | `StartLine` | text; CR | `StartLine`; `LineFeed` |
//! | `LineStart` | a letter of a name; CR | `Name`; `LastLineFeed` |
//! | `Name` | a letter of a name; colon | `Name`; `Value` |
//! | `Value` | text; CR | `Value`; `LineFeed` |
//! | `LineFeed`, `LastLineFeed` | LF | `LineStart`; `Done` |
//! | `Done`, `Failed` | nothing | itself, for ever |
//!
//! Only what means something is kept. A [`Head`] is one buffer, in which the parts follow each other without separators
//! (method, target, name, value, name, value ...; for a response the reason comes first), and the places where they end.
//! So a part begins where the one before it ends, and a field costs four bytes beside its own.

use std::fmt;

use super::header;
use crate::error::{HandshakeFault, HeadFault};

/// The longest line, without its CR LF. Servers commonly take 8 KiB: it has room for a large cookie or token.
const MAX_LINE: usize = 8 * 1024;
/// The most fields. Browsers send about 15, proxies add a few.
const MAX_FIELDS: usize = 100;
/// The longest head, with everything in it.
const MAX_HEAD: usize = 64 * 1024;

/// How far a parser got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All bytes belong to the head, and it goes on.
    More,
    /// The head is complete. The first `consumed` bytes of this call belong to it, the rest come after it.
    Done {
        /// How many bytes of this call belong to the head.
        consumed: usize,
    },
}

/// The version of HTTP a head names, `HTTP/major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u8,
    pub(crate) minor: u8,
}

impl Version {
    /// Whether it is HTTP/1.1 or a later 1.x: the versions that know `Upgrade` in this form of message.
    pub(crate) fn knows_upgrade(self) -> bool {
        self.major == 1 && self.minor >= 1
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    StartLine,
    LineStart,
    Name,
    Value { name_end: u16 },
    LineFeed,
    LastLineFeed,
    Done,
    Failed(HeadFault),
}

/// Reads one head as its bytes arrive.
#[derive(Debug)]
pub(crate) struct HeadParser {
    state: State,
    head: Head,
    /// Bytes of the current line so far, without CR LF.
    line: usize,
    /// Bytes of the head so far.
    total: usize,
}

impl HeadParser {
    /// For the head of a request.
    pub(crate) fn request() -> HeadParser {
        HeadParser::new(Start::Request { method_end: 0 })
    }

    /// For the head of a response.
    pub(crate) fn response() -> HeadParser {
        HeadParser::new(Start::Response { status: 0 })
    }

    fn new(start: Start) -> HeadParser {
        let version = Version { major: 0, minor: 0 };
        let head = Head { bytes: Vec::new(), start, version, start_end: 0, fields: Vec::new() };
        HeadParser { state: State::StartLine, head, line: 0, total: 0 }
    }

    /// Takes the next bytes. Once failed, it fails the same way for ever; once done, it takes nothing more.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HeadFault> {
        for (index, &byte) in bytes.iter().enumerate() {
            match self.state {
                State::Done | State::Failed(_) => return self.progress(index),
                State::StartLine
                | State::LineStart
                | State::Name
                | State::Value { .. }
                | State::LineFeed
                | State::LastLineFeed => self.state = self.step(byte).unwrap_or_else(State::Failed),
            }
        }
        self.progress(bytes.len())
    }

    /// The head, if it is complete.
    pub(crate) fn finish(self) -> Option<Head> {
        let mut head = self.head;
        // A server keeps the head as long as the connection; what growing left over goes back.
        head.bytes.shrink_to_fit();
        head.fields.shrink_to_fit();
        matches!(self.state, State::Done).then_some(head)
    }

    fn progress(&self, consumed: usize) -> Result<Progress, HeadFault> {
        match self.state {
            State::Done => Ok(Progress::Done { consumed }),
            State::Failed(fault) => Err(fault),
            State::StartLine
            | State::LineStart
            | State::Name
            | State::Value { .. }
            | State::LineFeed
            | State::LastLineFeed => Ok(Progress::More),
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, HeadFault> {
        self.total = self.total.saturating_add(1);
        if self.total > MAX_HEAD {
            return Err(HeadFault::HeadTooLong);
        }
        match (self.state, byte) {
            (State::LineFeed, b'\n') => Ok(State::LineStart),
            (State::LastLineFeed, b'\n') => Ok(State::Done),
            (State::LineFeed | State::LastLineFeed, _) | (_, b'\n') => Err(HeadFault::LineEnd),
            (State::StartLine, b'\r') => self.end_start_line(),
            (State::StartLine, _) => self.text(byte, State::StartLine),
            (State::LineStart, b'\r') => Ok(State::LastLineFeed),
            (State::LineStart, b' ' | b'\t') => Err(HeadFault::Folded),
            (State::LineStart, _) if self.head.fields.len() == MAX_FIELDS => Err(HeadFault::TooManyFields),
            (State::LineStart | State::Name, _) => self.name(byte),
            (State::Value { name_end }, b'\r') => self.end_field(name_end),
            (State::Value { name_end }, _) => self.value(byte, name_end),
            (State::Done, _) => Ok(State::Done),
            (State::Failed(fault), _) => Err(fault),
        }
    }

    /// Counts a byte of the line, and refuses it if it is a control character. HTAB is white space.
    fn count(&mut self, byte: u8) -> Result<(), HeadFault> {
        self.line = self.line.saturating_add(1);
        if self.line > MAX_LINE {
            return Err(HeadFault::LineTooLong);
        }
        // A CR that ends no line, where one may, is as wrong as an LF without CR.
        match byte {
            b'\r' => Err(HeadFault::LineEnd),
            b'\t' => Ok(()),
            0..=0x1F | 0x7F => Err(HeadFault::ControlCharacter),
            0x20..=0x7E | 0x80..=0xFF => Ok(()),
        }
    }

    fn text(&mut self, byte: u8, next: State) -> Result<State, HeadFault> {
        self.count(byte)?;
        self.head.bytes.push(byte);
        Ok(next)
    }

    fn name(&mut self, byte: u8) -> Result<State, HeadFault> {
        if byte == b'\r' {
            return Err(HeadFault::FieldName);
        }
        self.count(byte)?;
        if byte == b':' && self.head.bytes.len() > self.head.end_of_parts() {
            return Ok(State::Value { name_end: self.here()? });
        }
        // White space before the colon is no letter of a name either (RFC 9112 section 5.1).
        if !header::is_token(&[byte]) {
            return Err(HeadFault::FieldName);
        }
        self.head.bytes.push(byte);
        Ok(State::Name)
    }

    fn value(&mut self, byte: u8, name_end: u16) -> Result<State, HeadFault> {
        let state = State::Value { name_end };
        if header::is_space(byte) && self.head.bytes.len() == usize::from(name_end) {
            self.count(byte)?;
            return Ok(state);
        }
        self.text(byte, state)
    }

    fn end_field(&mut self, name_end: u16) -> Result<State, HeadFault> {
        let bytes = &mut self.head.bytes;
        while bytes.len() > usize::from(name_end) && bytes.last().is_some_and(|&b| header::is_space(b)) {
            bytes.pop();
        }
        let value_end = self.here()?;
        self.head.fields.push(Field { name_end, value_end });
        self.line = 0;
        Ok(State::LineFeed)
    }

    fn end_start_line(&mut self) -> Result<State, HeadFault> {
        self.line = 0;
        let line = std::mem::take(&mut self.head.bytes);
        match &mut self.head.start {
            Start::Request { method_end } => {
                let (method, target, version) = request_line(&line).ok_or(HeadFault::StartLine)?;
                self.head.bytes = [method, target].concat();
                self.head.version = version;
                *method_end = u16::try_from(method.len()).map_err(|_| HeadFault::LineTooLong)?;
            }
            Start::Response { status } => {
                let (version, code, reason) = status_line(&line).ok_or(HeadFault::StartLine)?;
                self.head.bytes = reason.to_vec();
                self.head.version = version;
                *status = code;
            }
        }
        self.head.start_end = self.here()?;
        Ok(State::LineFeed)
    }

    /// Where the next part will begin. The limit of the head keeps it within 16 bits.
    fn here(&self) -> Result<u16, HeadFault> {
        u16::try_from(self.head.bytes.len()).map_err(|_| HeadFault::HeadTooLong)
    }
}

/// request-line = method SP request-target SP HTTP-version (RFC 9112 section 3).
fn request_line(line: &[u8]) -> Option<(&[u8], &[u8], Version)> {
    let mut parts = line.split(|&b| b == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, version(parts.next()?)?);
    let fine = header::is_token(method) && !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    (fine && parts.next().is_none()).then_some((method, target, version))
}

/// status-line = HTTP-version SP status-code SP \[ reason-phrase \] (RFC 9112 section 4). Servers that have no reason
/// to give often leave out the second space as well; nothing depends on it.
fn status_line(line: &[u8]) -> Option<(Version, u16, &[u8])> {
    let mut parts = line.splitn(3, |&b| b == b' ');
    let (version, code) = (version(parts.next()?)?, parts.next()?);
    let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code else { return None };
    let status = [a, b, c].iter().fold(0_u16, |n, &d| n.wrapping_mul(10).wrapping_add(u16::from(d & 0x0F)));
    Some((version, status, parts.next().unwrap_or_default()))
}

/// HTTP-version = "HTTP" "/" DIGIT "." DIGIT, in capitals (RFC 9112 section 2.3).
fn version(text: &[u8]) -> Option<Version> {
    match text {
        &[b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            Some(Version { major: major & 0x0F, minor: minor & 0x0F })
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Start {
    Request { method_end: u16 },
    Response { status: u16 },
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name_end: u16,
    value_end: u16,
}

/// A complete head: start line and fields. Its `Debug` shows no credentials.
#[derive(Clone)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    start: Start,
    version: Version,
    start_end: u16,
    fields: Vec<Field>,
}

impl Head {
    /// The method of a request; empty for a response.
    pub(crate) fn method(&self) -> &str {
        match self.start {
            Start::Request { method_end } => self.text(0, method_end),
            Start::Response { .. } => "",
        }
    }

    /// The target of a request, visible ASCII; empty for a response.
    pub(crate) fn target(&self) -> &str {
        match self.start {
            Start::Request { method_end } => self.text(method_end, self.start_end),
            Start::Response { .. } => "",
        }
    }

    /// The version of HTTP.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The status of a response, 100 to 999; 0 for a request.
    pub(crate) fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status } => status,
        }
    }

    /// The reason phrase of a response, which may be empty, and may hold bytes outside ASCII.
    pub(crate) fn reason(&self) -> &[u8] {
        match self.start {
            Start::Request { .. } => &[],
            Start::Response { .. } => self.part(0, self.start_end),
        }
    }

    /// Names and values in the order they came. Names are tokens as they were written. Values have no white space
    /// around them and no control character but HTAB in them; bytes outside ASCII are possible.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let starts = std::iter::once(self.start_end).chain(self.fields.iter().map(|f| f.value_end));
        starts.zip(&self.fields).map(|(start, f)| (self.text(start, f.name_end), self.part(f.name_end, f.value_end)))
    }

    /// The values of all fields of this name, compared without regard to ASCII case.
    pub(crate) fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first field of this name.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.get_all(name).next()
    }

    /// The value of a field that must not be there twice.
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&[u8]>, HandshakeFault> {
        let mut values = self.get_all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(HandshakeFault::Repeated(name)),
        }
    }

    fn end_of_parts(&self) -> usize {
        usize::from(self.fields.last().map_or(self.start_end, |f| f.value_end))
    }

    fn part(&self, start: u16, end: u16) -> &[u8] {
        self.bytes.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    /// A part that was checked to be ASCII.
    fn text(&self, start: u16, end: u16) -> &str {
        std::str::from_utf8(self.part(start, end)).unwrap_or_default()
    }
}

/// Leaves out what may be a secret: credentials, cookies, the query, and a target that is not a path, because it may
/// hold a user and a password.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: [&str; 4] = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"];
        let mut lines = f.debug_struct("Head");
        match self.start {
            Start::Request { .. } => {
                let path = self.target().split('?').next().filter(|path| path.starts_with('/'));
                lines.field("method", &self.method()).field("path", &path)
            }
            Start::Response { status } => lines.field("status", &status),
        };
        for (name, value) in self.fields() {
            let secret = SECRET.iter().any(|s| s.eq_ignore_ascii_case(name));
            let shown = if secret { "(not shown)".into() } else { value.escape_ascii().to_string() };
            lines.field(name, &shown);
        }
        lines.finish()
    }
}

/// The length a head announces for its body. Only digits, and few enough of them for 64 bits; said twice, it has to be
/// the same twice (RFC 9112 section 6.3).
pub(crate) fn content_length(head: &Head) -> Result<Option<u64>, HeadFault> {
    let mut length = None;
    for value in head.get_all("Content-Length") {
        if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
            return Err(HeadFault::ContentLength);
        }
        // Nineteen nines are less than 2^64.
        let this = value.iter().fold(0_u64, |n, &d| n.wrapping_mul(10).wrapping_add(u64::from(d & 0x0F)));
        if length.is_some_and(|before| before != this) {
            return Err(HeadFault::ContentLength);
        }
        length = Some(this);
    }
    Ok(length)
}

/// Writes a head, the empty line included. Names must be tokens, and values and the start line must have passed
/// [`header::is_field_value`]: nothing here would stop a line break from becoming another field.
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
