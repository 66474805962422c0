//! One JSON object without objects and lists in it (RFC 8259), which is what a recording consists of.

use std::iter::Peekable;
use std::str::Chars;

/// Names and values. Strings are without quotes and escapes, numbers and literals as they stand there.
pub(crate) fn object(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = text.chars().peekable();
    let mut fields = Vec::new();
    expect(&mut rest, '{')?;
    if next(&mut rest) == Some('}') {
        rest.next();
    } else {
        loop {
            let name = string(&mut rest)?;
            expect(&mut rest, ':')?;
            fields.push((name, value(&mut rest)?));
            match (next(&mut rest), rest.next()) {
                (Some(','), _) => {}
                (Some('}'), _) => break,
                _ => return Err("a ',' or '}' is missing".to_owned()),
            }
        }
    }
    match next(&mut rest) {
        None => Ok(fields),
        Some(extra) => Err(format!("{extra:?} stands behind the object")),
    }
}

/// The next character that is no white space. It is not taken.
fn next(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    while rest.next_if(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).is_some() {}
    rest.peek().copied()
}

fn expect(rest: &mut Peekable<Chars<'_>>, wanted: char) -> Result<(), String> {
    match next(rest) == Some(wanted) && rest.next().is_some() {
        true => Ok(()),
        false => Err(format!("a {wanted:?} is missing")),
    }
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    match next(rest) {
        Some('"') => string(rest),
        Some('{' | '[') => Err("a value is an object or a list".to_owned()),
        _ => {
            let mut word = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')) {
                word.push(c);
            }
            if word.is_empty() {
                Err("a value is missing".to_owned())
            } else {
                Ok(word)
            }
        }
    }
}

fn string(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    expect(rest, '"')?;
    let mut text = String::new();
    loop {
        match rest.next() {
            Some('"') => return Ok(text),
            Some('\\') => text.push(escape(rest)?),
            Some(c) if c >= ' ' => text.push(c),
            _ => return Err("a string does not end".to_owned()),
        }
    }
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    let unknown = || "a string has an invalid escape".to_owned();
    Ok(match rest.next() {
        Some(c @ ('"' | '\\' | '/')) => c,
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => match unit(rest).ok_or_else(unknown)? {
            // A surrogate pair.
            high @ 0xd800..=0xdbff => {
                let pair = rest.next() == Some('\\') && rest.next() == Some('u');
                let low = unit(rest).filter(|low| pair && (0xdc00..=0xdfff).contains(low)).ok_or_else(unknown)?;
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(unknown)?
            }
            unit => char::from_u32(unit).ok_or_else(unknown)?,
        },
        _ => return Err(unknown()),
    })
}

/// Four hexadecimal digits.
fn unit(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + rest.next()?.to_digit(16)?))
}
