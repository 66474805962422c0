//! The grammar of request lines and status lines (RFC 9112 sections 2.3, 3 and 4), and the bytes of any line. Knows one line,
//! and no line ending.

use super::head::HttpVersion;
use crate::error::HeadErrorKind;
use crate::handshake::header;

/// request-line = method SP request-target SP HTTP-version (RFC 9112 section 3).
pub(super) fn request_line(line: &[u8]) -> Option<(&[u8], &[u8], HttpVersion)> {
    let mut parts = line.split(|&b| b == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, version(parts.next()?)?);
    let fine = header::is_token(method) && !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    (fine && parts.next().is_none()).then_some((method, target, version))
}

/// status-line = HTTP-version SP status-code SP \[ reason-phrase \] (RFC 9112 section 4). Servers without a reason phrase
/// often leave out the second space as well. The parser accepts that, because nothing depends on it.
pub(super) fn status_line(line: &[u8]) -> Option<(HttpVersion, u16, &[u8])> {
    let mut parts = line.splitn(3, |&b| b == b' ');
    let (version, code) = (version(parts.next()?)?, parts.next()?);
    let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = code else { return None };
    let status = [a, b, c].iter().fold(0_u16, |n, &d| n.wrapping_mul(10).wrapping_add(u16::from(d & 0x0F)));
    Some((version, status, parts.next().unwrap_or_default()))
}

/// HTTP-version = "HTTP" "/" DIGIT "." DIGIT, in capitals (RFC 9112 section 2.3).
fn version(text: &[u8]) -> Option<HttpVersion> {
    match text {
        &[b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            Some(HttpVersion { major: major & 0x0F, minor: minor & 0x0F })
        }
        _ => None,
    }
}

/// Rejects control characters except HTAB, which is white space.
pub(super) fn check_text(byte: u8) -> Result<(), HeadErrorKind> {
    match header::is_text(byte) {
        true => Ok(()),
        false => Err(HeadErrorKind::ControlCharacter),
    }
}

/// The bytes before the first for which the condition does not hold.
pub(super) fn beginning(bytes: &[u8], condition: impl Fn(u8) -> bool) -> &[u8] {
    let count = bytes.iter().take_while(|&&byte| condition(byte)).count();
    bytes.get(..count).unwrap_or_default()
}
