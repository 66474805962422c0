//! The lists of hybi-04 to hybi-07, whose quoted strings may have any characters:
//!
//! ```text
//! Sec-WebSocket-Protocol    1#( token | quoted-string ), each of visible ASCII, all different
//! Sec-WebSocket-Extensions  1#( token *( ";" token [ "=" ( token | quoted-string ) ] ) )
//! ```
//!
//! Each function reads its input once, from left to right.

#[cfg(feature = "server")]
use std::borrow::Cow;

use crate::handshake::header::{Cursor, Malformed};
#[cfg(feature = "server")]
use crate::handshake::http::Head;

/// The subprotocols of all fields of this name. hybi06-5.1-2
#[cfg(feature = "server")]
pub(super) fn quoted<'a>(head: &'a Head, name: &'static str) -> Result<Vec<Cow<'a, str>>, Malformed> {
    let mut list = Vec::new();
    elements(head, name, |cursor| {
        let text = cursor.text()?;
        let fine = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        list.push(fine.then_some(Cow::Owned(text)).ok_or(Malformed)?);
        Ok(())
    })?;
    // Sorted, so that the time is not quadratic.
    let mut different: Vec<&str> = list.iter().map(|text| &**text).collect();
    different.sort_unstable();
    different.dedup();
    match different.len() == list.len() {
        true => Ok(list),
        false => Err(Malformed),
    }
}

/// Whether the extensions of all fields of this name have `wanted`, without parameters. hybi06-8.1-1
#[cfg(feature = "server")]
pub(super) fn offers(head: &Head, name: &'static str, wanted: &str) -> Result<bool, Malformed> {
    let mut found = false;
    elements(head, name, |cursor| {
        let extension = cursor.token()?;
        let mut plain = true;
        while cursor.consume(b';') {
            plain = false;
            cursor.token()?;
            if cursor.consume(b'=') {
                cursor.text()?;
            }
        }
        found |= plain && extension == wanted;
        Ok(())
    })?;
    Ok(found)
}

/// The value of a response, which is one element.
#[cfg(feature = "client")]
pub(super) fn single(value: &[u8]) -> Result<String, Malformed> {
    let mut cursor = Cursor { rest: value };
    let text = cursor.text()?;
    cursor.rest.is_empty().then_some(text).ok_or(Malformed)
}

/// Calls `element` at the start of each element. A list that is there has at least one, and may have empty ones.
#[cfg(feature = "server")]
fn elements<'a>(
    head: &'a Head,
    name: &'static str,
    mut element: impl FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut empty = true;
    for value in head.get_all(name) {
        let mut cursor = Cursor { rest: value };
        while {
            while cursor.consume(b',') {}
            !cursor.rest.is_empty()
        } {
            element(&mut cursor)?;
            empty = false;
            if !cursor.rest.is_empty() && !cursor.consume(b',') {
                return Err(Malformed);
            }
        }
    }
    match empty && head.get(name).is_some() {
        true => Err(Malformed),
        false => Ok(()),
    }
}
