//! The statuses of HTTP (RFC 9110 section 15): which are interim, and their reason phrases.

#[cfg(feature = "client")]
use super::head::Head;

/// Maximum number of interim responses that are skipped. Servers send one or two, 100 and 103.
#[cfg(feature = "client")]
const MAX_INTERIM_RESPONSES: usize = 4;

/// Reads heads until one is not interim (RFC 9110 section 15.2), and returns it. 101 is the final response to a handshake.
#[cfg(feature = "client")]
pub(crate) fn skip_interim<E>(mut read_head: impl FnMut() -> Result<Head, E>) -> Result<Head, E> {
    for _ in 0..MAX_INTERIM_RESPONSES {
        let head = read_head()?;
        if !matches!(head.status(), 100 | 102..=199) {
            return Ok(head);
        }
    }
    read_head()
}

/// The reason phrase of a status; empty for a status without a common one. Programs do not depend on it.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "client")]
    use crate::handshake::http::HeadParser;

    /// RFC 9110 section 15.2: the statuses of the responses, and the number of those that are read.
    #[cfg(feature = "client")]
    #[test]
    fn interim_responses_are_skipped_up_to_their_maximum() {
        let rows: [(&[u16], usize); 7] = [
            (&[200], 1),
            (&[101], 1),
            (&[100, 101], 2),
            (&[102, 199, 200], 3),
            (&[100, 103, 103, 103, 101], 5),
            (&[100, 100, 100, 100, 100, 100, 100], 5),
            (&[404, 100], 1),
        ];
        for (statuses, read) in rows {
            let mut count = 0;
            let head = skip_interim(|| {
                let mut parser = HeadParser::response();
                parser.feed(format!("HTTP/1.1 {} x\r\n\r\n", statuses[count]).as_bytes())?;
                count += 1;
                Ok::<_, crate::error::HeadErrorKind>(parser.finish().unwrap())
            });
            assert_eq!((count, head.unwrap().status()), (read, statuses[read - 1]), "{statuses:?}");
        }
        assert_eq!(skip_interim(|| Err(7)).err(), Some(7));
    }

    /// RFC 9110 section 15, RFC 6585.
    #[test]
    fn reasons_are_those_of_the_registry() {
        let rows = [
            (200, "OK"),
            (201, "Created"),
            (202, "Accepted"),
            (204, "No Content"),
            (206, "Partial Content"),
            (301, "Moved Permanently"),
            (302, "Found"),
            (303, "See Other"),
            (304, "Not Modified"),
            (307, "Temporary Redirect"),
            (308, "Permanent Redirect"),
            (400, "Bad Request"),
            (401, "Unauthorized"),
            (403, "Forbidden"),
            (404, "Not Found"),
            (405, "Method Not Allowed"),
            (406, "Not Acceptable"),
            (408, "Request Timeout"),
            (409, "Conflict"),
            (410, "Gone"),
            (411, "Length Required"),
            (413, "Content Too Large"),
            (414, "URI Too Long"),
            (415, "Unsupported Media Type"),
            (421, "Misdirected Request"),
            (422, "Unprocessable Content"),
            (426, "Upgrade Required"),
            (428, "Precondition Required"),
            (429, "Too Many Requests"),
            (431, "Request Header Fields Too Large"),
            (500, "Internal Server Error"),
            (501, "Not Implemented"),
            (502, "Bad Gateway"),
            (503, "Service Unavailable"),
            (504, "Gateway Timeout"),
            (505, "HTTP Version Not Supported"),
            (599, ""),
        ];
        for (status, text) in rows {
            assert_eq!(reason(status), text, "{status}");
        }
    }
}
