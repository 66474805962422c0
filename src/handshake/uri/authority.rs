//! The authority of a URI: user name and password, host and port (RFC 3986 section 3.2).
//!
//! ```text
//! [ user [ : password ] @ ] host [ : port ]
//! ```
//!
//! Independent of the scheme. Its tests are those of `uri`.

use std::net::Ipv6Addr;

use crate::error::UriErrorKind;

/// A parsed authority. Has no `Debug`, because it holds the password.
#[derive(Clone)]
pub(crate) struct Authority {
    /// The host in lower case, an IPv6 address without its brackets.
    pub(crate) host: String,
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
        Ok(Authority { host: parse_host(host)?, port: parse_port(port)?, userinfo })
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

fn parse_host(text: &str) -> Result<String, UriErrorKind> {
    if text.is_empty() {
        return Err(UriErrorKind::MissingHost);
    }
    if let Some(address) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        // This rejects zone ids too: they have a meaning on this machine only, and the Host header would send them.
        address.parse::<Ipv6Addr>().map_err(|_| UriErrorKind::Ipv6Address)?;
        return Ok(address.to_ascii_lowercase());
    }
    if !text.is_ascii() {
        // 6455-11.1.1-1, 6455-11.1.2-1: the conversion to punycode needs tables that std does not have. The caller does it.
        return Err(UriErrorKind::HostNotAscii);
    }
    if !text.bytes().all(is_unreserved_or_sub_delim) {
        return Err(UriErrorKind::InvalidHostCharacter);
    }
    Ok(text.to_ascii_lowercase())
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
