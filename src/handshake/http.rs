//! Heads of HTTP/1.x messages (RFC 6455 section 4.1, RFC 9112 sections 2 to 5): the start line and the fields, up to the
//! empty line.
//!
//! Independent of the meaning of fields, except `Content-Length`, which the end of a body depends on. The parser is
//! stricter than RFC 9112 requires: bare CR or LF and white space before a colon are errors, and so is line folding in
//! a request. Empty lines before a request are ignored, as its section 2.2 asks.
//!
//! A client needs the status of a rejection, whatever the rest of its head is. So the parser for responses has these
//! exceptions:
//!
//! | response | invalid line | result |
//! |---|---|---|
//! | any | continues a field (RFC 9112 section 5.2) | the fold becomes a blank of the value |
//! | status other than 101 and 2xx | ends in LF alone (section 2.2) | as if it ended in CR LF |
//! | status other than 101 and 2xx | anything else, including a field beyond the maximum number | the line is skipped |
//!
//! A switch of protocols and a tunnel begin after the head, so the heads of 101 and 2xx must be exact.
//!
//! ```
//! use stdws::handshake::http::{HeadParser, Progress};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut parser = HeadParser::request();
//! assert_eq!(parser.feed(b"GET /chat HTTP/1.1\r\nHost: exam")?, Progress::More);
//! assert_eq!(parser.feed(b"ple.com\r\n\r\nframes")?, Progress::Done { consumed: 11 });
//! let head = parser.finish().ok_or("the head is not complete")?;
//! assert_eq!((head.method(), head.target(), head.get("host")), ("GET", "/chat", Some(b"example.com".as_slice())));
//! # Ok(())
//! # }
//! ```
//!
//! [`HeadParser`] reads each byte once, in whatever pieces the bytes arrive. Its states:
//!
//! | state | reads | next state |
//! |---|---|---|
//! | `StartLine` | text; CR; 0x15 or 0x16 first | `StartLine`; `LineFeed`; `TlsRecord` |
//! | `StartLine` of a request, before any text | CR, up to four times | `EmptyLine` |
//! | `EmptyLine` | LF | `StartLine` |
//! | `TlsRecord` | anything | `Failed` |
//! | `LineStart` | a letter of a name; CR | `Name`; `LastLineFeed` |
//! | `Name` | a letter of a name; colon | `Name`; `Value` |
//! | `Value` | text; CR | `Value`; `LineFeed` |
//! | `LineFeed`, `LastLineFeed` | LF | `LineStart`; `Done` |
//! | `SkippedLine` | anything; LF | `SkippedLine`; `LineStart` |
//! | `Done`, `Failed` | nothing | the same state |

mod head;
mod start_line;
pub(crate) mod status;

use super::header;
use crate::config::{Limits, MAX_HEAD_SIZE};
use crate::error::HeadErrorKind;
pub(crate) use head::write_head;
pub use head::{content_length, Head, HttpVersion};
use head::{Field, StartLine};
use start_line::{beginning, check_text, request_line, status_line};
pub(crate) use status::reason;

/// Maximum number of empty lines before a request. Some clients send one after the body of the request before.
const MAX_EMPTY_LINES: u32 = 4;

/// The result of [`HeadParser::feed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All bytes belong to the head, which is not complete.
    More,
    /// The head is complete. The bytes after the first `consumed` bytes of this call do not belong to it.
    Done {
        /// Number of bytes of this call that belong to the head.
        consumed: usize,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    StartLine,
    /// After the CR of an empty line before a request.
    EmptyLine,
    /// After the first byte, which begins an alert or a handshake of TLS.
    TlsRecord,
    LineStart,
    Name,
    Value {
        name_end: u32,
    },
    LineFeed,
    LastLineFeed,
    /// In a line of a rejection that is not valid.
    SkippedLine,
    Done,
    Failed(HeadErrorKind),
}

/// A parser for one head, whose bytes may arrive in pieces.
#[derive(Debug)]
pub struct HeadParser {
    state: State,
    head: Head,
    /// Number of bytes read of the head.
    total: u32,
    /// Maximum of `total`.
    max_size: u32,
    max_fields: u32,
    /// The line before, and what it means for a line that continues it.
    previous: PreviousLine,
}

/// The line before the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreviousLine {
    /// The last of the fields.
    Field,
    /// The start line, or a line that was skipped.
    Other,
}

impl HeadParser {
    /// A parser for the head of a request, with the limits of [`Limits::server`].
    pub fn request() -> HeadParser {
        HeadParser::new(StartLine::Request { method_end: 0 }, Limits::server())
    }

    /// A parser for the head of a response, with the limits of [`Limits::client`].
    pub fn response() -> HeadParser {
        HeadParser::new(StartLine::Response { status: 0 }, Limits::client())
    }

    fn new(start: StartLine, limits: Limits) -> HeadParser {
        let (state, head, previous) = (State::StartLine, Head::empty(start), PreviousLine::Other);
        HeadParser { state, head, total: 0, max_size: 0, max_fields: 0, previous }.limits(limits)
    }

    /// Sets the limits of this head: [`Limits::max_head_size`], of which more than 1 MiB has no effect, and
    /// [`Limits::max_head_fields`]. The other limits do not concern heads.
    ///
    /// ```
    /// use stdws::handshake::http::{HeadParser, Progress};
    /// use stdws::{HeadErrorKind, Limits};
    /// let head = format!("GET / HTTP/1.1\r\nAuthorization: Negotiate {}\r\n\r\n", "x".repeat(100_000));
    /// let too_long = HeadParser::request().feed(head.as_bytes());
    /// assert_eq!(too_long, Err(HeadErrorKind::HeadTooLong { limit: 65_536 }));
    /// let mut roomy = HeadParser::request().limits(Limits { max_head_size: 128 << 10, ..Limits::server() });
    /// assert_eq!(roomy.feed(head.as_bytes()), Ok(Progress::Done { consumed: head.len() }));
    /// ```
    pub fn limits(mut self, limits: Limits) -> HeadParser {
        self.max_size = limits.max_head_size.min(MAX_HEAD_SIZE);
        self.max_fields = limits.max_head_fields;
        self
    }

    /// Reads the next bytes. After [`Progress::Done`] it reads no more.
    ///
    /// # Errors
    /// What is wrong with the head. Every later call returns the same error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, HeadErrorKind> {
        let mut rest = bytes;
        loop {
            let taken = self.take_run(rest);
            rest = rest.get(taken..).unwrap_or_default();
            match (self.progress(bytes.len().saturating_sub(rest.len())), rest.split_first()) {
                (Ok(Progress::More), Some((&byte, after))) => {
                    self.state = self.step(byte).unwrap_or_else(State::Failed);
                    rest = after;
                }
                (progress, _) => return progress,
            }
        }
    }

    /// Takes the bytes that only continue the present part of a line: the number of steps that would each append a byte and
    /// keep the state. Most bytes of a head are read here.
    fn take_run(&mut self, bytes: &[u8]) -> usize {
        let room = head::index(self.max_size.saturating_sub(self.total));
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let run = match self.state {
            State::StartLine if !self.head.bytes.is_empty() => beginning(bytes, header::is_text),
            State::Value { name_end } if self.head.bytes.len() > head::index(name_end) => {
                beginning(bytes, header::is_text)
            }
            State::Name => beginning(bytes, header::is_token_byte),
            _ => return 0,
        };
        self.head.bytes.extend_from_slice(run);
        self.total = self.total.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        run.len()
    }

    /// The head, if it is complete.
    pub fn finish(self) -> Option<Head> {
        let mut head = self.head;
        // A server keeps the head as long as the connection, so unused capacity is released.
        head.bytes.shrink_to_fit();
        head.fields.shrink_to_fit();
        matches!(self.state, State::Done).then_some(head)
    }

    /// Whether the last complete line belongs to a field. False for the start line and for a line that was skipped.
    #[cfg_attr(not(feature = "trace"), allow(dead_code))]
    pub(crate) fn ends_with_field(&self) -> bool {
        self.previous == PreviousLine::Field
    }

    /// The status of a response whose first line was read. Otherwise 0.
    #[cfg(feature = "client")]
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    /// What was read of a response whose head is incomplete or not valid: the status and the fields before the fault.
    /// `None` without a status.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn into_incomplete(self) -> Option<Head> {
        (self.head.status() != 0).then_some(self.head)
    }

    fn progress(&self, consumed: usize) -> Result<Progress, HeadErrorKind> {
        match self.state {
            State::Done => Ok(Progress::Done { consumed }),
            State::Failed(error) => Err(error),
            _ => Ok(Progress::More),
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, HeadErrorKind> {
        if self.total >= self.max_size {
            return Err(self.too_long());
        }
        self.total = self.total.saturating_add(1);
        match self.read(byte) {
            Err(_) if self.is_tolerant() => Ok(self.skip_line(byte)),
            next => next,
        }
    }

    fn read(&mut self, byte: u8) -> Result<State, HeadErrorKind> {
        match (self.state, byte) {
            (State::TlsRecord, 0x03) => Err(HeadErrorKind::Tls),
            (State::TlsRecord, _) => Err(HeadErrorKind::ControlCharacter),
            (State::LineFeed | State::SkippedLine, b'\n') => Ok(State::LineStart),
            (State::EmptyLine, b'\n') => Ok(State::StartLine),
            (State::LastLineFeed, b'\n') => Ok(State::Done),
            (State::SkippedLine, _) => Ok(State::SkippedLine),
            // 9112-2.2-1
            (State::LineStart, b'\n') if self.is_tolerant() => Ok(State::Done),
            (State::Value { name_end }, b'\n') if self.is_tolerant() => {
                self.end_field(name_end)?;
                Ok(State::LineStart)
            }
            (State::StartLine, b'\n') => Err(self.cut_start_line(HeadErrorKind::LineEnding)),
            (State::LineFeed | State::LastLineFeed, _) | (_, b'\n') => Err(HeadErrorKind::LineEnding), // hixie55-4.1-8
            // RFC 9112 section 2.2
            (State::StartLine, b'\r') if self.is_before_request() => Ok(State::EmptyLine),
            (State::EmptyLine, _) => Err(HeadErrorKind::LineEnding),
            (State::StartLine, b'\r') => self.end_start_line(),
            (State::StartLine, 0x15 | 0x16) if self.total == 1 => Ok(State::TlsRecord),
            (State::StartLine, _) => self.push(byte, State::StartLine).map_err(|error| self.cut_start_line(error)),
            (State::LineStart, b'\r') => Ok(State::LastLineFeed),
            (State::LineStart, b' ' | b'\t') => self.fold(),
            (State::LineStart, _) if self.head.fields.len() >= head::index(self.max_fields) => {
                Err(HeadErrorKind::TooManyFields { limit: self.max_fields })
            }
            (State::LineStart | State::Name, _) => self.name(byte),
            (State::Value { name_end }, b'\r') => self.end_field(name_end),
            (State::Value { name_end }, _) => self.value(byte, name_end),
            (State::Done, _) => Ok(State::Done),
            (State::Failed(error), _) => Err(error),
        }
    }

    /// Whether an empty line may follow: before a request, as long as there are few.
    fn is_before_request(&self) -> bool {
        let few = self.total < MAX_EMPTY_LINES.saturating_mul(2);
        few && self.head.bytes.is_empty() && matches!(self.head.start, StartLine::Request { .. })
    }

    /// The error for a head that does not end within the limit.
    fn too_long(&mut self) -> HeadErrorKind {
        let limit = self.max_size;
        match self.state {
            State::StartLine | State::EmptyLine => self.cut_start_line(HeadErrorKind::StartLineTooLong { limit }),
            _ => HeadErrorKind::HeadTooLong { limit },
        }
    }

    /// Whether invalid lines are skipped: after the status line of a rejection.
    fn is_tolerant(&self) -> bool {
        !matches!(self.head.status(), 0 | 101 | 200..=299)
    }

    /// Drops what was read of the current line.
    fn skip_line(&mut self, byte: u8) -> State {
        if matches!((self.state, self.previous), (State::LineFeed, PreviousLine::Field)) {
            // The field of this line, which has a bare CR.
            self.head.fields.pop();
        }
        self.head.bytes.truncate(self.head.last_part_end());
        self.previous = PreviousLine::Other;
        match byte {
            b'\n' => State::LineStart,
            _ => State::SkippedLine,
        }
    }

    /// Keeps the status of a response if the fault is behind it. Returns the fault.
    fn cut_start_line(&mut self, error: HeadErrorKind) -> HeadErrorKind {
        if let StartLine::Response { .. } = self.head.start {
            // Without a status, the fault alone counts.
            let _ = self.end_start_line();
        }
        error
    }

    /// Continues the value of the field before. 9112-5.2-1: the fold becomes a blank.
    fn fold(&mut self) -> Result<State, HeadErrorKind> {
        match (self.head.start, self.previous, self.head.fields.last().copied()) {
            (StartLine::Response { .. }, PreviousLine::Field, Some(Field { name_end, .. })) => {
                self.head.fields.pop();
                self.value(b' ', name_end)
            }
            _ => Err(HeadErrorKind::LineFolding),
        }
    }

    fn push(&mut self, byte: u8, next: State) -> Result<State, HeadErrorKind> {
        check_text(byte)?;
        self.head.bytes.push(byte);
        Ok(next)
    }

    fn name(&mut self, byte: u8) -> Result<State, HeadErrorKind> {
        if byte == b'\r' {
            return Err(HeadErrorKind::FieldName);
        }
        check_text(byte)?;
        if byte == b':' && self.head.bytes.len() > self.head.last_part_end() {
            return Ok(State::Value { name_end: self.here()? });
        }
        // This rejects white space before the colon too (RFC 9112 section 5.1).
        if !header::is_token(&[byte]) {
            return Err(HeadErrorKind::FieldName);
        }
        self.head.bytes.push(byte);
        Ok(State::Name)
    }

    fn value(&mut self, byte: u8, name_end: u32) -> Result<State, HeadErrorKind> {
        let state = State::Value { name_end };
        if header::is_space(byte) && self.head.bytes.len() == head::index(name_end) {
            return Ok(state);
        }
        self.push(byte, state)
    }

    fn end_field(&mut self, name_end: u32) -> Result<State, HeadErrorKind> {
        let bytes = &mut self.head.bytes;
        while bytes.len() > head::index(name_end) && bytes.last().is_some_and(|&b| header::is_space(b)) {
            bytes.pop();
        }
        let value_end = self.here()?;
        self.head.fields.push(Field { name_end, value_end });
        self.previous = PreviousLine::Field;
        Ok(State::LineFeed)
    }

    fn end_start_line(&mut self) -> Result<State, HeadErrorKind> {
        let limit = self.max_size;
        let line = &mut self.head.bytes;
        match &mut self.head.start {
            StartLine::Request { method_end } => {
                let (method, target, version) = request_line(line).ok_or(HeadErrorKind::StartLine)?;
                *method_end = u32::try_from(method.len()).map_err(|_| HeadErrorKind::StartLineTooLong { limit })?;
                let end = method.len().saturating_add(target.len()).saturating_add(1);
                line.truncate(end);
                // What is left is the method, a blank and the target, which have no blanks.
                line.retain(|&byte| byte != b' ');
                self.head.version = version;
            }
            StartLine::Response { status } => {
                let (version, code, reason) = status_line(line).ok_or(HeadErrorKind::StartLine)?;
                let start = line.len().saturating_sub(reason.len());
                line.drain(..start);
                self.head.version = version;
                *status = code;
            }
        }
        self.head.start_end = self.here()?;
        Ok(State::LineFeed)
    }

    /// The position of the next part. `max_size` keeps it within 32 bits.
    fn here(&self) -> Result<u32, HeadErrorKind> {
        u32::try_from(self.head.bytes.len()).map_err(|_| HeadErrorKind::HeadTooLong { limit: self.max_size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HandshakeErrorKind;

    const REQUEST: &[u8] =
        b"GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\nx-list: \t a ,\tb \t\r\nX-LIST:c\r\n\
        X-Old: caf\xE9\r\n\r\n";

    /// Whole, byte by byte, cut in two at every place, and with bytes after it: always the same.
    fn read(parser: fn() -> HeadParser, bytes: &[u8]) -> Result<Option<Head>, HeadErrorKind> {
        let run = |pieces: &[&[u8]]| {
            let mut parser = parser();
            let mut consumed = 0;
            let mut last = Ok(Progress::More);
            for piece in pieces {
                last = parser.feed(piece);
                match last {
                    Ok(Progress::More) => consumed += piece.len(),
                    Ok(Progress::Done { consumed: n }) => consumed += n,
                    Err(error) => {
                        assert_eq!(parser.feed(b"\r\n\r\n"), Err(error), "a fault is for ever");
                        assert!(parser.finish().is_none());
                        return (Err(error), 0, None);
                    }
                }
            }
            (last.map(|p| p != Progress::More), consumed, parser.finish())
        };
        let (verdict, consumed, head) = run(&[bytes]);
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        let mut runs = vec![run(&bytewise), run(&[bytes, b""])];
        if bytes.len() < 500 {
            runs.extend((0..bytes.len()).map(|cut| run(&[&bytes[..cut], &bytes[cut..]])));
        }
        if verdict != Ok(false) {
            runs.push(run(&[&[bytes, b"\x81\x01\r\n\r\n".as_slice()].concat()]));
        }
        for (v, c, h) in runs {
            assert_eq!((v, c, format!("{h:?}")), (verdict, consumed, format!("{head:?}")), "{}", bytes.escape_ascii());
        }
        assert!(verdict.is_err() || consumed == bytes.len());
        verdict.map(|_| head)
    }

    fn request(bytes: &[u8]) -> Head {
        read(HeadParser::request, bytes).unwrap().expect("a complete head")
    }

    #[cfg(feature = "client")]
    #[test]
    fn fields_are_shown_as_text() {
        let head = read(HeadParser::response, b"HTTP/1.1 404 No\r\nX: caf\xE9\r\nY: z\r\n\r\n").unwrap().unwrap();
        let shown = [("X", "caf\u{FFFD}"), ("Y", "z")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(head.display_fields(), shown);
    }

    #[test]
    fn a_request() {
        let head = request(REQUEST);
        assert_eq!((head.method(), head.target()), ("GET", "/chat?x=1"));
        assert_eq!(head.version(), HttpVersion { major: 1, minor: 1 });
        assert_eq!((head.status(), head.reason()), (0, b"".as_slice()));
        let fields: Vec<(&str, &[u8])> = head.fields().collect();
        let want: [(&str, &[u8]); 5] = [
            ("Host", b"example.com"),
            ("X-Empty", b""),
            ("x-list", b"a ,\tb"),
            ("X-LIST", b"c"),
            ("X-Old", b"caf\xE9"),
        ];
        assert_eq!(fields, want);
        assert_eq!(head.get("hOST"), Some(b"example.com".as_slice()));
        assert_eq!(head.get("Hos"), None);
        assert_eq!(head.get_all("X-List").collect::<Vec<_>>(), [b"a ,\tb".as_slice(), b"c"]);
        assert_eq!(head.single("Host"), Ok(Some(b"example.com".as_slice())));
        assert_eq!(head.single("Origin"), Ok(None));
        assert_eq!(head.single("X-List"), Err(HandshakeErrorKind::DuplicateHeader("X-List")));
    }

    #[test]
    fn responses() {
        let rows: [(&[u8], u8, u16, &[u8]); 4] = [
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 1, 101, b"Switching Protocols"),
            (b"HTTP/1.0 404 \r\n\r\n", 0, 404, b""),
            (b"HTTP/1.9 999\r\n\r\n", 9, 999, b""),
            (b"HTTP/1.1 200 a\tcaf\xE9  b\r\n\r\n", 1, 200, b"a\tcaf\xE9  b"),
        ];
        for (bytes, minor, status, reason) in rows {
            let head = read(HeadParser::response, bytes).unwrap().unwrap();
            assert_eq!(
                (head.version(), head.status(), head.reason()),
                (HttpVersion { major: 1, minor }, status, reason)
            );
            assert_eq!((head.method(), head.target(), head.fields().count()), ("", "", 0));
        }
    }

    #[test]
    fn versions_that_know_upgrade() {
        for (text, knows) in
            [("1.0", false), ("1.1", true), ("1.2", true), ("0.9", false), ("2.0", false), ("2.1", false)]
        {
            let head = request(format!("GET / HTTP/{text}\r\n\r\n").as_bytes());
            assert_eq!(head.version().supports_upgrade(), knows, "{text}");
        }
    }

    #[test]
    fn a_few_empty_lines_before_a_request_are_ignored() {
        for count in 0..=4 {
            let bytes = ["\r\n".repeat(count).as_bytes(), REQUEST].concat();
            assert_eq!(request(&bytes).target(), "/chat?x=1");
        }
        let five = ["\r\n".repeat(5).as_bytes(), REQUEST].concat();
        assert_eq!(HeadParser::request().feed(&five), Err(HeadErrorKind::StartLine));
        assert_eq!(HeadParser::response().feed(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), Err(HeadErrorKind::StartLine));
    }

    /// Shows the answer to opera-30.
    #[test]
    fn one_tiny_head_for_each_error() {
        use HeadErrorKind::*;
        let rows: [(&[u8], HeadErrorKind); 42] = [
            (b"GET  HTTP/1.1\r\n", StartLine),
            (b"\r\n\r\n\r\n\r\n\r\n", StartLine),
            (b"\r\n\n", LineEnding),
            (b"\rG", LineEnding),
            (b"\r\n \r\n", StartLine),
            (b" GET / HTTP/1.1\r\n", StartLine),
            (b"GET / HTTP/1.1 \r\n", StartLine),
            (b"GET  / HTTP/1.1\r\n", StartLine),
            (b"GET / x HTTP/1.1\r\n", StartLine),
            (b"GET HTTP/1.1\r\n", StartLine),
            (b"GET /\r\n", StartLine),
            (b"G(T / HTTP/1.1\r\n", StartLine),
            (b"GET /\xC3\xA9 HTTP/1.1\r\n", StartLine),
            (b"GET /a\tb HTTP/1.1\r\n", StartLine),
            (b"GET / HTTP/11\r\n", StartLine),
            (b"GET / HTTP/1.10\r\n", StartLine),
            (b"GET / http/1.1\r\n", StartLine),
            (b"HTTP/1.1 200 OK\r\n", StartLine),
            (b"\x16x", ControlCharacter),
            (b"\x16\x03\x01", Tls),
            (b"\x15\x03", Tls),
            (b"G\x16\x03", ControlCharacter),
            (b"GET /\0 HTTP/1.1\r\n", ControlCharacter),
            (b"GET / HTTP/1.1\n", LineEnding),
            (b"GET / HTTP/1.1\rH", LineEnding),
            (b"\n", LineEnding),
            (b"GET / HTTP/1.1\r\nA: b\n", LineEnding),
            (b"GET / HTTP/1.1\r\nA: b\rc", LineEnding),
            (b"GET / HTTP/1.1\r\nA\n", LineEnding),
            (b"GET / HTTP/1.1\r\n\n", LineEnding),
            (b"GET / HTTP/1.1\r\n\r\r", LineEnding),
            (b"GET / HTTP/1.1\r\n A: b\r\n", LineFolding),
            (b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", LineFolding),
            (b"GET / HTTP/1.1\r\n: b\r\n", FieldName),
            (b"GET / HTTP/1.1\r\nA: b\r\n: c\r\n", FieldName),
            (b"GET / HTTP/1.1\r\nA : b\r\n", FieldName),
            (b"GET / HTTP/1.1\r\nA\r\n", FieldName),
            (b"GET / HTTP/1.1\r\nA(: b\r\n", FieldName),
            (b"GET / HTTP/1.1\r\n\xC3\xA9: b\r\n", FieldName),
            (b"GET / HTTP/1.1\r\nA\0: b\r\n", ControlCharacter),
            (b"GET / HTTP/1.1\r\nA: \x0b\r\n", ControlCharacter),
            (b"GET / HTTP/1.1\r\nA: b\x7f\r\n", ControlCharacter),
        ];
        for (bytes, error) in rows {
            assert_eq!(read(HeadParser::request, bytes).err(), Some(error), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn invalid_status_lines_are_rejected() {
        for line in
            ["HTTP/1.1 2000 OK", "HTTP/1.1 20 OK", "HTTP/1.1 099 OK", "HTTP/1.1 +20 OK", "HTTP/1.1", "GET / HTTP/1.1"]
        {
            let verdict = read(HeadParser::response, format!("{line}\r\n").as_bytes());
            assert_eq!(verdict.err(), Some(HeadErrorKind::StartLine), "{line}");
        }
    }

    /// The status of a rejection survives everything that follows it, and so do the valid fields around the fault.
    #[test]
    fn invalid_lines_of_a_rejection_are_skipped() {
        let many = "A: b\r\n".repeat(98);
        let rows = [
            // 9112-5.2-1
            ("A: b\r\n\t c\r\n  \r\n d", "A=b  c d"),
            ("A:\r\n b\r\n c", "A=b c"),
            // A line that continues no field.
            ("(: b\r\n continued: c", ""),
            ("A: b\n", ""),
            ("A B: c", ""),
            ("A : b", ""),
            ("A", ""),
            (": b", ""),
            ("A: b\rc", ""),
            ("A: \0", ""),
            ("A: b\r\r", ""),
            ("\rA: b", ""),
            // 9112-2.2-1
            ("A: b\nC: d", "A=b C=d"),
            ("\u{e9}: b", ""),
        ];
        for status in [302, 401, 407, 503, 103, 999] {
            for (lines, fields) in rows {
                let head = format!("HTTP/1.1 {status} x\r\nX: 1\r\n{lines}\r\nY: 2\r\n\r\n");
                if lines.ends_with('\n') {
                    continue;
                }
                let head = read(HeadParser::response, head.as_bytes()).unwrap().expect("a complete head");
                let text = |(name, value): (&str, &[u8])| format!("{name}={}", String::from_utf8_lossy(value));
                let expected = ["X=1", fields, "Y=2"].iter().filter(|f| !f.is_empty()).copied().collect::<Vec<_>>();
                assert_eq!(head.fields().map(text).collect::<Vec<_>>().join(" "), expected.join(" "), "{lines:?}");
                assert_eq!(head.status(), status);
            }
        }
        // Fields beyond the limit are skipped, and a line that continues one of them.
        let head = format!("HTTP/1.1 503 x\r\n{many}X: 1\r\nY: 2\r\nZ: 3\r\n 4\r\n\r\n");
        let head = read(HeadParser::response, head.as_bytes()).unwrap().unwrap();
        assert_eq!((head.fields().count(), head.get("Y"), head.get("Z")), (100, Some(b"2".as_slice()), None));
    }

    /// Shows the answer to opera-30.
    #[test]
    fn the_status_survives_the_rest_of_its_line() {
        let long = format!("HTTP/1.1 503 {}\r\nX: 1\r\n\r\n", "x".repeat(60_000));
        for head in [
            "HTTP/1.1 503 Busy\nX: 1\n\n",
            "HTTP/1.1 503\nX: 1\r\n\n",
            "HTTP/1.1 503 a\x01b\r\nX: 1\r\n\r\n",
            "HTTP/1.1 503 a\rb\r\nX: 1\r\n\r\n",
            "HTTP/1.1 503 Busy\r\n before the first field\r\nX: 1\r\n\r\n",
            &long,
        ] {
            let head = read(HeadParser::response, head.as_bytes()).unwrap().expect("a complete head");
            assert_eq!((head.status(), head.get("x")), (503, Some(b"1".as_slice())));
        }
    }

    /// Bytes after these heads belong to another protocol, so nothing is guessed.
    /// Shows the answer to opera-30.
    #[test]
    fn the_heads_of_101_and_2xx_are_exact() {
        use HeadErrorKind::*;
        let long = format!("A: {}\r\n", "x".repeat(65_536));
        for status in [101, 200, 299] {
            for (lines, error) in [
                ("A: b\n", LineEnding),
                ("A : b\r\n", FieldName),
                ("A: \0\r\n", ControlCharacter),
                (" A: b\r\n", LineFolding),
                (&long, HeadTooLong { limit: 65_536 }),
                ("\n", LineEnding),
            ] {
                let mut parser = HeadParser::response();
                let head = format!("HTTP/1.1 {status} x\r\nX: 1\r\n");
                let head = if lines.starts_with(' ') { head.replace("X: 1\r\n", "") } else { head };
                assert_eq!(parser.feed(format!("{head}{lines}").as_bytes()), Err(error), "{lines:?}");
                #[cfg(feature = "client")]
                assert_eq!(parser.status(), status);
                assert_eq!(parser.into_incomplete().map(|head| head.status()), Some(status));
            }
            let mut parser = HeadParser::response();
            assert_eq!(parser.feed(format!("HTTP/1.1 {status} x\n").as_bytes()), Err(LineEnding));
            assert_eq!(parser.into_incomplete().map(|head| head.status()), Some(status));
            // 9112-5.2-1
            let head = format!("HTTP/1.1 {status} x\r\nA: b\r\n\tc\r\n\r\n");
            let head = read(HeadParser::response, head.as_bytes()).unwrap().unwrap();
            assert_eq!(head.get("A"), Some(b"b c".as_slice()));
        }
    }

    /// The default limits, lower and higher ones. CVE-2026-54465: everything has a limit.
    #[test]
    fn a_head_may_reach_each_limit_and_not_exceed_it() {
        for start in ["GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"] {
            let parser = || if start.starts_with("GET") { HeadParser::request() } else { HeadParser::response() };
            for (size, fields) in [(65_536_u32, 100_u32), (256, 8), (1000, 100), (70_000, 100), (100_000, 10_000)] {
                let limits = Limits { max_head_size: size, max_head_fields: fields, ..Limits::server() };
                let too_long = HeadErrorKind::HeadTooLong { limit: size };
                let (whole, max_size) = (size as usize - start.len(), size as usize);
                // One line, and as many lines as fit.
                let line = |n: usize| format!("{start}A:{}\r\n\r\n", "x".repeat(n - 6));
                let spaces = |n: usize| format!("{start}A:{}\r\n\r\n", " ".repeat(n - 6));
                let name = |n: usize| format!("{start}{}:\r\n\r\n", "x".repeat(n - 5));
                for head in [&line, &spaces, &name] as [&dyn Fn(usize) -> String; 3] {
                    let parts = |n| head(n).into_bytes();
                    let got = fed(parser().limits(limits), &parts(whole)).unwrap();
                    assert_eq!((got.fields().count(), parts(whole).len()), (1, max_size));
                    assert_eq!(fed(parser().limits(limits), &parts(whole + 1)).err(), Some(too_long));
                }
                // CVE-2024-37890: one field more is an error, and no field is dropped.
                let many = |n: u32| format!("{start}{}\r\n", "A:\r\n".repeat(n as usize)).into_bytes();
                if many(fields + 1).len() <= max_size {
                    let got = fed(parser().limits(limits), &many(fields)).unwrap();
                    assert_eq!(got.fields().count(), fields as usize);
                    let error = HeadErrorKind::TooManyFields { limit: fields };
                    assert_eq!(fed(parser().limits(limits), &many(fields + 1)).err(), Some(error));
                }
            }
        }
    }

    #[test]
    fn a_start_line_may_take_the_whole_head() {
        let start = |n: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(n - 18)).into_bytes();
        let reason = |n: usize| format!("HTTP/1.1 404 {}\r\n\r\n", "x".repeat(n - 17)).into_bytes();
        for size in [256, 65_536, 1 << 20] {
            let limits = Limits { max_head_size: size, ..Limits::server() };
            let (request, response) = (HeadParser::request, HeadParser::response);
            let n = size as usize;
            assert_eq!(fed(request().limits(limits), &start(n)).unwrap().target().len(), n - 17);
            assert_eq!(fed(response().limits(limits), &reason(n)).unwrap().reason().len(), n - 17);
            // The line ends, and the head does not.
            let cut = HeadErrorKind::HeadTooLong { limit: size };
            assert_eq!(fed(request().limits(limits), &start(n + 1)).err(), Some(cut));
            let error = HeadErrorKind::StartLineTooLong { limit: size };
            assert_eq!(fed(request().limits(limits), &start(n + 4)).err(), Some(error));
            // The status is read already.
            let mut parser = response().limits(limits);
            assert_eq!(parser.feed(&reason(n + 4)), Err(error));
            assert_eq!(parser.into_incomplete().map(|head| head.status()), Some(404));
        }
        let limits = Limits { max_head_size: u32::MAX, ..Limits::server() };
        let error = HeadErrorKind::StartLineTooLong { limit: 1 << 20 };
        assert_eq!(fed(HeadParser::request().limits(limits), &start((1 << 20) + 4)).err(), Some(error));
    }

    /// Whole and byte by byte.
    fn fed(mut parser: HeadParser, bytes: &[u8]) -> Result<Head, HeadErrorKind> {
        let limits = Limits { max_head_size: parser.max_size, max_head_fields: parser.max_fields, ..Limits::server() };
        let start = parser.head.start;
        let mut bytewise = HeadParser::new(start, limits);
        let last = bytes.iter().map(|&byte| bytewise.feed(&[byte])).find(|fed| *fed != Ok(Progress::More));
        let whole = parser.feed(bytes);
        assert_eq!(whole.map(drop), last.unwrap_or(Ok(Progress::More)).map(drop));
        whole.map(|_| parser.finish().expect("a complete head"))
    }

    #[test]
    fn an_ordinary_head_is_small() {
        let browser = format!("GET /chat HTTP/1.1\r\n{}\r\n", "User-Agent: some browser/1.0\r\n".repeat(15));
        let head = request(browser.as_bytes());
        assert_eq!(head.bytes.capacity(), head.bytes.len());
        assert!(std::mem::size_of::<Head>() + head.bytes.capacity() + head.fields.capacity() * 8 < 1024);
    }

    #[test]
    fn debug_has_no_secrets() {
        let head = request(
            b"GET /chat?token=hidden HTTP/1.1\r\nauthorization: hidden\r\nProxy-Authorization: hidden\r\nCookie: hidden\r\n\
              Set-Cookie: hidden\r\nHost: shown\xFF\r\n\r\n",
        );
        let shown = format!("{head:?}");
        assert!(
            !shown.contains("hidden") && shown.contains("/chat") && shown.contains("Host: \"(not shown)\""),
            "{shown}"
        );
        let head = request(b"GET http://user:hidden@host/ HTTP/1.1\r\n\r\n");
        assert!(!format!("{head:?}").contains("hidden"));
    }

    #[test]
    fn content_lengths() {
        // CVE-2026-49753 is the row "+0".
        let error = Err(HeadErrorKind::ContentLength);
        let rows = [
            ("", Ok(None)),
            ("Content-Length: 0\r\n", Ok(Some(0))),
            ("content-length: 0065\r\n", Ok(Some(65))),
            ("Content-Length: 9999999999999999999\r\n", Ok(Some(9_999_999_999_999_999_999))),
            ("Content-Length: 10000000000000000000\r\n", error),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Ok(Some(5))),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", error),
            ("Content-Length: 5, 5\r\n", error),
            ("Content-Length: +0\r\n", error),
            ("Content-Length: -1\r\n", error),
            ("Content-Length: 0x1\r\n", error),
            ("Content-Length:\r\n", error),
        ];
        for (fields, want) in rows {
            let head = request(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes());
            assert_eq!(content_length(&head), want, "{fields}");
        }
    }

    #[test]
    fn an_encoded_head_can_be_parsed() {
        let bytes = write_head("HTTP/1.1 101 Switching Protocols", [("Upgrade", "websocket"), ("X", "")]);
        assert_eq!(bytes, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: \r\n\r\n");
        let head = read(HeadParser::response, &bytes).unwrap().unwrap();
        assert_eq!(head.fields().collect::<Vec<_>>(), [("Upgrade", b"websocket".as_slice()), ("X", b"")]);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "is_field_value")]
    fn a_line_break_is_never_written() {
        write_head("GET / HTTP/1.1", [("X", "a\r\nEvil: b")]); // CVE-2020-35678
    }

    /// Bytes after the head are not read, and an error stays.
    #[test]
    fn a_parser_that_has_ended_takes_nothing_more() {
        let mut done = HeadParser::request();
        let head = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(done.feed(head), Ok(Progress::Done { consumed: head.len() }));
        assert!(matches!(done.feed(b"more"), Ok(Progress::Done { .. })));
        assert_eq!(done.finish().unwrap().target(), "/");

        let mut failed = HeadParser::request();
        assert_eq!(failed.feed(b"GET / HTTP/1.1\r\n folded"), Err(HeadErrorKind::LineFolding));
        assert_eq!(failed.feed(b"GET / HTTP/1.1\r\n\r\n"), Err(HeadErrorKind::LineFolding));
        assert!(failed.finish().is_none());
    }

    #[test]
    fn a_parser_that_has_ended_stays_so() {
        let mut parser = HeadParser::request();
        parser.state = State::Done;
        assert!(matches!(parser.read(b'x'), Ok(State::Done)));
        parser.state = State::Failed(HeadErrorKind::Tls);
        assert!(matches!(parser.read(b'x'), Err(HeadErrorKind::Tls)));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "is_token")]
    fn a_name_that_would_be_two_fields_is_a_fault_of_this_crate() {
        write_head("GET / HTTP/1.1", [("A: b\r\nC", "d")]);
    }
}
