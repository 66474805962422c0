//! The body of an HTTP response that rejects the opening handshake (RFC 9112 sections 6 and 7). Independent of the content.
//!
//! A rejection is read for the error, and its connection is not used again. A body is kept up to a limit. A body that is
//! incomplete or has invalid framing ends at that point, and the bytes before it are kept. Trailers are not read.
//!
//! | state | reads | next state |
//! |---|---|---|
//! | `Left(n)`, `UntilEnd` | data | the same state; `Done` when nothing is left or the limit is reached |
//! | `Size` | a hexadecimal digit; `;` or space; CR | `Size`; `Extension`; `SizeEnd` |
//! | `Extension` | anything; CR | `Extension`; `SizeEnd` |
//! | `SizeEnd` | LF | `Chunk`, or `Done` after the size 0 |
//! | `Chunk` | data; CR after the data | `Chunk`; `ChunkEnd` |
//! | `ChunkEnd` | LF | `Size` |
//! | `Done` | nothing | the same state |

use std::time::Duration;

use crate::handshake::header;
use crate::handshake::http::{content_length, Head};

/// Maximum number of bytes of a body that are kept: enough for an error page.
const MAX_BODY: usize = 64 * 1024;

/// Maximum time to wait for a body. The status is the error already, and a body may have no end.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// A reader for a body, whose bytes may arrive in pieces.
pub(crate) struct Body {
    collected: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Left(u64),
    UntilEnd,
    /// `None`: no digit was read.
    Size(Option<u64>),
    Extension(u64),
    SizeEnd(u64),
    Chunk(u64),
    ChunkEnd,
    Done,
}

impl Body {
    /// A reader for the body after this head of a response, by the rules of RFC 9112 section 6.3 in their order.
    pub(crate) fn for_response(head: &Head) -> Body {
        let mut codings = head.get_all("Transfer-Encoding").flat_map(header::tokens).peekable();
        let state = if matches!(head.status(), 100..=199 | 204 | 304) {
            State::Done
        } else if codings.peek().is_some() {
            match codings.last() {
                Some(Ok(coding)) if coding.eq_ignore_ascii_case("chunked") => State::Size(None),
                Some(_) | None => State::UntilEnd,
            }
        } else {
            match content_length(head) {
                Ok(Some(0)) | Err(_) => State::Done,
                Ok(Some(length)) => State::Left(length),
                Ok(None) => State::UntilEnd,
            }
        };
        Body { collected: Vec::new(), state }
    }

    /// Whether more bytes can belong to the body. The end of the connection ends any body.
    pub(crate) fn needs_more(&self) -> bool {
        self.state != State::Done
    }

    /// Reads the next bytes after the head. Bytes after the body are ignored.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            self.state = match self.state {
                State::Done => return,
                State::Left(left) => {
                    let taken;
                    (taken, bytes) = self.collect_up_to(left, bytes);
                    // There is no `Left(0)`: the last byte of the data ends the body.
                    match left.saturating_sub(taken) {
                        0 => State::Done,
                        left => State::Left(left),
                    }
                }
                State::UntilEnd => {
                    (_, bytes) = self.collect_up_to(u64::MAX, bytes);
                    State::UntilEnd
                }
                State::Chunk(left) if left > 0 => {
                    let taken;
                    (taken, bytes) = self.collect_up_to(left, bytes);
                    State::Chunk(left.saturating_sub(taken))
                }
                between @ (State::Size(_)
                | State::Extension(_)
                | State::SizeEnd(_)
                | State::Chunk(_)
                | State::ChunkEnd) => {
                    bytes = rest;
                    between.after(byte)
                }
            };
            if self.collected.len() >= MAX_BODY {
                self.state = State::Done;
            }
        }
    }

    /// The bytes that were kept.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.collected
    }

    /// Keeps at most `most` bytes, within the limit. Returns their number and the bytes after them.
    fn collect_up_to<'a>(&mut self, most: u64, bytes: &'a [u8]) -> (u64, &'a [u8]) {
        let room = MAX_BODY.saturating_sub(self.collected.len()).min(bytes.len());
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(room);
        let (data, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
        self.collected.extend_from_slice(data);
        (u64::try_from(count).unwrap_or(u64::MAX), rest)
    }
}

impl State {
    /// The state after a byte between the data of chunks. An invalid byte ends the body.
    fn after(self, byte: u8) -> State {
        match (self, byte) {
            (State::Size(Some(size)), b'\r') | (State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Size(Some(size)), b';' | b' ' | b'\t') => State::Extension(size),
            (State::Extension(size), _) => State::Extension(size),
            (State::Size(size), _) => match char::from(byte).to_digit(16) {
                Some(digit) => match size.unwrap_or(0).checked_mul(16) {
                    Some(size) => State::Size(Some(size | u64::from(digit))),
                    None => State::Done,
                },
                None => State::Done,
            },
            (State::SizeEnd(size), b'\n') if size > 0 => State::Chunk(size),
            (State::Chunk(0), b'\r') => State::ChunkEnd,
            (State::ChunkEnd, b'\n') => State::Size(None),
            (
                State::Left(_) | State::UntilEnd | State::SizeEnd(_) | State::Chunk(_) | State::ChunkEnd | State::Done,
                _,
            ) => State::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::http::HeadParser;

    fn body(head: &str, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut parser = HeadParser::response();
        parser.feed(head.as_bytes()).unwrap();
        let head = parser.finish().unwrap();
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut body = Body::for_response(&head);
            pieces.for_each(|piece| body.feed(piece));
            let complete = !body.needs_more();
            (body.finish(), complete)
        };
        let whole = run(&mut [bytes].into_iter());
        assert_eq!(run(&mut bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
        whole
    }

    /// Status and fields, bytes after the head, the body, and whether the body is complete.
    #[test]
    fn bodies_end_where_the_head_says() {
        let rows: &[(&str, &[u8], &[u8], bool)] = &[
            ("200", b"", b"", false),
            ("200", b"until the end", b"until the end", false),
            ("204", b"x", b"", true),
            ("304", b"x", b"", true),
            ("101", b"x", b"", true),
            ("103", b"x", b"", true),
            ("404|Content-Length: 0", b"", b"", true),
            ("404|Content-Length: 0", b"x", b"", true),
            ("404|Content-Length: 5", b"", b"", false),
            ("404|Content-Length: 5", b"hell", b"hell", false),
            ("404|Content-Length: 5", b"hello", b"hello", true),
            ("404|Content-Length: 5", b"hello world", b"hello", true),
            ("404|Content-Length: 9999999999999999999", b"hello", b"hello", false),
            ("404|Content-Length: +5", b"hello", b"", true),
            ("404|Content-Length: 5|Content-Length: 4", b"hello", b"", true),
            ("404|Transfer-Encoding: chunked|Content-Length: 3", b"2\r\nok\r\n0\r\n\r\n", b"ok", true),
            ("404|Transfer-Encoding: gzip, Chunked", b"2\r\nok\r\n0\r\n\r\n", b"ok", true),
            ("404|Transfer-Encoding: gzip|Transfer-Encoding: chunked", b"2\r\nok\r\n0\r\n\r\n", b"ok", true),
            ("404|Transfer-Encoding: chunked, gzip", b"2\r\nok", b"2\r\nok", false),
            ("404|Transfer-Encoding: gzip;q=1", b"2\r\nok", b"2\r\nok", false),
        ];
        for (head, bytes, collected, complete) in rows {
            let text = format!("HTTP/1.1 {}\r\n\r\n", head.replace('|', "\r\n"));
            assert_eq!(body(&text, bytes), (collected.to_vec(), *complete), "{head}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn chunked_bodies_end_after_the_last_chunk_or_at_an_error() {
        let rows: &[(&[u8], &[u8], bool)] = &[
            (b"", b"", false),
            (b"0\r\n", b"", true),
            (b"1\r\na\r\n0\r\n\r\n", b"a", true),
            (b"g\r\nhello", b"", true),
            (b"000\r\n\r\nmore", b"", true),
            (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world", true),
            (b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", true),
            (b"00a;name=\"value\"\r\n0123456789\r\n0\r\n\r\n", b"0123456789", true),
            (b"A \r\n\r\n345678\r\n\r\n0\r\n\r\n", b"\r\n345678\r\n", true),
            (b"5\r\nhel", b"hel", false),
            (b"5\r\nhello", b"hello", false),
            (b"5\r\nhello\r\n", b"hello", false),
            // An error in the framing ends the body.
            (b"\r\nhello", b"", true),
            (b";x\r\nhello", b"", true),
            (b"-1\r\nhello", b"", true),
            (b"+1\r\nhello", b"", true),
            (b"0x1\r\nhello", b"", true),
            (b"1\nhello", b"", true),
            (b"1\rhello", b"", true),
            (b"5\r\nhello!\r\n0\r\n\r\n", b"hello", true),
            (b"5\r\nhello\r!", b"hello", true),
            (b"5\r\nhello\n0\r\n\r\n", b"hello", true),
            (b"FFFFFFFFFFFFFFFF\r\nhello", b"hello", false),
            (b"10000000000000001\r\nhello", b"", true),
            (b"0000000000000000000005\r\nhello\r\n0\r\n\r\n", b"hello", true),
        ];
        for (bytes, collected, complete) in rows {
            let all = body("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n", bytes);
            assert_eq!(all, (collected.to_vec(), *complete), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn at_most_64_kib_are_kept() {
        let page = vec![b'x'; 70_000];
        for (fields, before) in
            [("", ""), ("Content-Length: 70000\r\n", ""), ("Transfer-Encoding: chunked\r\n", "11170\r\n")]
        {
            let bytes = [before.as_bytes(), &page].concat();
            let (collected, complete) = body(&format!("HTTP/1.1 500 Oh\r\n{fields}\r\n"), &bytes);
            assert_eq!((collected.len(), complete), (65_536, true), "{fields}");
            // With one byte less the body is not complete.
            let (collected, complete) =
                body(&format!("HTTP/1.1 500 Oh\r\n{fields}\r\n"), &bytes[..before.len() + 65_535]);
            assert_eq!((collected.len(), complete), (65_535, false), "{fields}");
        }
    }
}
