//! The authority of a URI: user name and password, host and port (RFC 3986 section 3.2).
//!
//! ```text
//! [ user [ : password ] @ ] host [ : port ]
//! ```
//!
//! An IPv6 address may have a zone (RFC 6874): `[fe80::1%25eth0]`. A zone names a network interface of this machine, so it
//! selects the interface and is never sent.
//!
//! Independent of the scheme. Its tests are those of `uri`.

use std::net::Ipv6Addr;

use super::idna;
use crate::error::UriErrorKind;

/// A parsed authority. Has no `Debug`, because it holds the password.
#[derive(Clone)]
pub(crate) struct Authority {
    /// The host in lower case and in ASCII, an IPv6 address without its brackets and zone.
    pub(crate) host: String,
    /// The zone of an IPv6 address, percent-decoded.
    pub(crate) zone: Option<String>,
    /// The port, if the text has one.
    pub(crate) port: Option<u16>,
    /// User name and password, unless both are empty.
    pub(crate) userinfo: Option<Userinfo>,
}

/// User name and password, percent-decoded. They are bytes, because a URI does not state their character set.
#[derive(Clone)]
pub(crate) struct Userinfo {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

impl Authority {
    /// Parses an authority.
    pub(crate) fn parse(text: &str) -> Result<Authority, UriErrorKind> {
        // The last `@` counts: an `@` inside the userinfo has to be percent-encoded, and the decoder rejects it.
        let (userinfo, host_and_port) = match text.rsplit_once('@') {
            Some((userinfo, host_and_port)) => (Userinfo::parse(userinfo)?, host_and_port),
            None => (None, text),
        };
        let (host, port) = split_port(host_and_port)?;
        let (host, zone) = parse_host(host)?;
        Ok(Authority { host, zone, port: parse_port(port)?, userinfo })
    }
}

impl Userinfo {
    /// `None` when user name and password are empty: `ws://@h` and `ws://:@h`.
    fn parse(text: &str) -> Result<Option<Userinfo>, UriErrorKind> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let user = percent_decode(user, b"").ok_or(UriErrorKind::Userinfo)?;
        let password = percent_decode(password, b":").ok_or(UriErrorKind::Userinfo)?;
        Ok((!user.is_empty() || !password.is_empty()).then_some(Userinfo { user, password }))
    }
}

/// A host in the form that may be followed by a port: an IPv6 address, which has a colon, in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Splits a host, with its brackets, from the text after its colon.
fn split_port(text: &str) -> Result<(&str, &str), UriErrorKind> {
    if !text.starts_with('[') {
        return Ok(text.rsplit_once(':').unwrap_or((text, "")));
    }
    let address_end = text.find(']').ok_or(UriErrorKind::Ipv6Address)?.saturating_add(1);
    match text.split_at(address_end) {
        (host, "") => Ok((host, "")),
        (host, rest) => Ok((host, rest.strip_prefix(':').ok_or(UriErrorKind::InvalidHostCharacter)?)),
    }
}

fn parse_port(text: &str) -> Result<Option<u16>, UriErrorKind> {
    if text.is_empty() {
        return Ok(None);
    }
    // `parse` alone would accept a sign.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UriErrorKind::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(UriErrorKind::Port),
        Ok(port) => Ok(Some(port)),
    }
}

/// The host, and the zone of an IPv6 address.
fn parse_host(text: &str) -> Result<(String, Option<String>), UriErrorKind> {
    if text.is_empty() {
        return Err(UriErrorKind::MissingHost);
    }
    if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let (address, zone) =
            literal.split_once("%25").map_or((literal, None), |(address, zone)| (address, Some(zone)));
        address.parse::<Ipv6Addr>().map_err(|_| UriErrorKind::Ipv6Address)?;
        return Ok((address.to_ascii_lowercase(), zone.map(parse_zone).transpose()?));
    }
    if !text.is_ascii() {
        return Ok((idna::to_ascii(text)?, None));
    }
    if !text.bytes().all(is_unreserved_or_sub_delim) {
        return Err(UriErrorKind::InvalidHostCharacter);
    }
    Ok((text.to_ascii_lowercase(), None))
}

/// The zone after `%25` (RFC 6874 section 2): unreserved characters, others percent-encoded. The name of an interface has
/// no slash and no control character.
fn parse_zone(text: &str) -> Result<String, UriErrorKind> {
    let zone = percent_decode(text, b"").and_then(|zone| String::from_utf8(zone).ok()).ok_or(UriErrorKind::Zone)?;
    let valid = !matches!(zone.as_str(), "" | "." | "..") && !zone.chars().any(|c| c == '/' || c.is_control());
    valid.then_some(zone).ok_or(UriErrorKind::Zone)
}

/// A zone as it stands in a URI.
pub(crate) fn encode_zone(zone: &str) -> String {
    let mut encoded = String::from("%25");
    zone.bytes().for_each(|byte| push_encoded(&mut encoded, byte, is_unreserved_or_sub_delim(byte)));
    encoded
}

/// Percent-encodes the characters of a path and query that RFC 3986 does not allow there. `None` for a control character,
/// and for a `%` without two hexadecimal digits.
///
/// 6455-11.1.1-2, 6455-11.1.2-2, hixie55-3.1-1: as bytes of UTF-8. A percent-encoding stays as it is. Other control characters are not
/// converted either, because RFC 3987 section 3.1 does not convert them: most often they are the rest of a line.
pub(crate) fn percent_encode(text: &str) -> Option<String> {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (character, after) = rest.split_at(c.len_utf8());
        if c == '%' && !after.get(..2)?.bytes().all(|b| b.is_ascii_hexdigit()) || c.is_control() {
            return None;
        }
        for byte in character.bytes() {
            push_encoded(&mut encoded, byte, is_unreserved_or_sub_delim(byte) || b":@/?%".contains(&byte));
        }
        rest = after;
    }
    Some(encoded)
}

/// Appends a byte, or its percent-encoding unless it is `allowed`.
fn push_encoded(text: &mut String, byte: u8, allowed: bool) {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
    if allowed {
        text.push(char::from(byte));
    } else {
        text.extend(['%', digit(byte >> 4), digit(byte & 0x0F)]);
    }
}

/// The bytes that a component stands for. `None` when a percent-encoding is broken, or a character has to be encoded.
/// The characters in `also` may stand unencoded in this component.
pub(crate) fn percent_decode(component: &str, also: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(component.len());
    let mut bytes = component.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            decoded.push(hex(bytes.next()?)? << 4 | hex(bytes.next()?)?);
        } else if is_unreserved_or_sub_delim(byte) || also.contains(&byte) {
            decoded.push(byte);
        } else {
            return None;
        }
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a byte may stand unencoded in every component: `unreserved` and `sub-delims` of RFC 3986 section 2.
fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}
