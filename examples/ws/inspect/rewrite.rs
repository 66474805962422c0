//! The request of a client, made for the server of the URL: what `--rewrite` changes, and nothing else.

use std::time::{Duration, Instant};

use stdws::handshake::uri::Uri;

use super::relay::first_bytes;
use crate::bridge::tcp::Stream;

/// Maximum number of bytes of a request that is changed. A longer one passes as it is.
const MAX_HEAD: usize = 64 << 10;

/// Changes a request, which may need more bytes than the first.
pub(super) fn rewrite(client: &Stream, mut first: Vec<u8>, uri: &Uri, limit: Duration) -> Vec<u8> {
    let start = Instant::now();
    loop {
        if let Some(end) = first.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = first.split_off(end);
            let mut request = changed(&first, uri);
            request.extend(rest);
            return request;
        }
        let left = limit.saturating_sub(start.elapsed());
        let more = if first.len() < MAX_HEAD && !left.is_zero() { first_bytes(client, left) } else { None };
        match more {
            Some(more) => first.extend(more),
            None => return first,
        }
    }
}

/// The lines of a head with another Host, another Origin if there is one, and the path of the URL instead of /.
fn changed(head: &[u8], uri: &Uri) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (n, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let scheme = if uri.is_secure() { "https" } else { "http" };
        lines.push(match line.strip_prefix(b"GET / ") {
            Some(version) if n == 0 => [b"GET ", uri.resource().as_bytes(), b" ", version].concat(),
            _ if n > 0 && name.eq_ignore_ascii_case(b"host") => format!("Host: {}", uri.host_header()).into_bytes(),
            _ if n > 0 && name.eq_ignore_ascii_case(b"origin") => {
                format!("Origin: {scheme}://{}", uri.host_header()).into_bytes()
            }
            _ => line.to_vec(),
        });
    }
    lines.join(&b"\r\n"[..])
}
