//! Plain text layout: lines of at most [`WIDTH`] columns, notes in their own column, and escaping of bytes from a peer
//! for a terminal. Contains nothing of the protocol.

use std::fmt::Write;

use crate::redact::{self, Within};

/// Maximum number of columns in a line.
pub(crate) const WIDTH: usize = 100;

/// Appends `left` and its note. The note starts at column `at` and wraps to that column.
///
/// If `left` reaches into that column, the note starts on the next line.
pub(crate) fn row(out: &mut String, left: &str, at: usize, note: &str) {
    let mut left = left;
    if left.len().saturating_add(2) > at && !note.is_empty() {
        out.push_str(left);
        out.push('\n');
        left = "";
    }
    let mut line = String::new();
    for word in note.split(' ') {
        if !line.is_empty() && [line.len(), 1, word.len()].into_iter().fold(at, usize::saturating_add) > WIDTH {
            push(out, left, at, &line);
            left = "";
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    push(out, left, at, &line);
}

fn push(out: &mut String, left: &str, at: usize, note: &str) {
    let start = out.len();
    out.push_str(left);
    out.extend(std::iter::repeat(' ').take(at.saturating_sub(left.len())));
    out.push_str(note);
    out.truncate(start.max(out.trim_end_matches(' ').len()));
    out.push('\n');
}

/// Two hexadecimal digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(3));
    for (at, byte) in bytes.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{space}{byte:02x}");
    }
    text
}

/// Bytes of a head: printable ASCII unchanged, other bytes as `\xNN`, shortened to `max` columns.
pub(crate) fn ascii(bytes: &[u8], max: usize) -> String {
    let mut text = String::new();
    for &byte in bytes {
        let start = text.len();
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        if text.len() > max {
            text.truncate(start.min(max.saturating_sub(24)));
            let _ = write!(text, " ... {} bytes in total", bytes.len());
            break;
        }
    }
    text
}

/// Text in quotes, in lines of at most `max` columns. Control characters and invisible characters are escaped. Bytes
/// that are not UTF-8 are escaped as well, for example an incomplete character at the end of a fragment.
pub(crate) fn quoted(bytes: &[u8], max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut columns) = (String::new(), 0usize);
    let mut add = |piece: &str| {
        // Characters outside ASCII may be two columns wide.
        let width: usize = piece.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        if columns.saturating_add(width).saturating_add(2) > max {
            lines.push(format!("\"{}\"", std::mem::take(&mut line)));
            columns = 0;
        }
        line.push_str(piece);
        columns = columns.saturating_add(width);
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut piece = String::new();
            // Writing to a string does not fail.
            let _ = redact::escape(&mut piece, character.encode_utf8(&mut [0; 4]), Within::Quotes);
            add(&piece);
        }
        for byte in chunk.invalid() {
            add(&format!("\\x{byte:02x}"));
        }
    }
    lines.push(format!("\"{line}\""));
    lines
}

/// A number and its noun: "1 byte", "2 bytes".
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_wrap_within_their_column() {
        let mut out = String::new();
        row(&mut out, "left", 90, "some words too many");
        let gap = " ".repeat(90);
        assert_eq!(out, format!("left{}some words\n{gap}too many\n", " ".repeat(86)));
        let mut out = String::new();
        row(&mut out, "longer", 7, "note");
        row(&mut out, "longer", 7, "");
        assert_eq!(out, "longer\n       note\nlonger\n");
        // Two columns stay free before a note. A line has 100 columns, and no spaces at its end.
        for (left, at, note, lines) in [
            ("lefty", 7, "note", "lefty  note\n".to_owned()),
            ("a", 93, "one two", format!("a{}one two\n", " ".repeat(92))),
            ("a", 94, "one two", format!("a{0} one\n {0} two\n", " ".repeat(92))),
            ("", 3, "", "\n".to_owned()),
        ] {
            let mut out = String::new();
            row(&mut out, left, at, note);
            assert_eq!(out, lines);
        }
    }

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        let text = "a'\"\\\u{1b}[2J\r\n\t\u{7f}\u{9b}\u{202e}\u{200b}é".as_bytes();
        assert_eq!(quoted(text, 100), [r#""a'\"\\\u{1b}[2J\r\n\t\u{7f}\u{9b}\u{202e}\u{200b}é""#]);
        assert_eq!(quoted(b"\xe2\x82", 100), [r#""\xe2\x82""#]);
        assert_eq!(quoted("abcdé".as_bytes(), 6), [r#""abcd""#, r#""é""#]);
        assert_eq!(quoted("ab漢".as_bytes(), 5), [r#""ab""#, r#""漢""#], "two columns wide");
        assert_eq!(ascii(b"a\tb\x1b\xff\"", 99), "a\\x09b\\x1b\\xff\"");
        assert_eq!(quoted("漢a漢".as_bytes(), 7), [r#""漢a漢""#]);
        assert_eq!(quoted(b"abcdefgh", 5), [r#""abc""#, r#""def""#, r#""gh""#]);
        assert_eq!(ascii(&[b'x'; 8000], 40), format!("{} ... 8000 bytes in total", "x".repeat(16)));
        for length in [41, 42] {
            let cut = format!("{} ... {length} bytes in total", "x".repeat(16));
            assert_eq!(ascii(&vec![b'x'; length], 40), cut);
        }
        assert_eq!(ascii(&[b'x'; 40], 40), "x".repeat(40));
    }
}
