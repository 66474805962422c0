//! A lost connection or failed attempt, and the table that decides whether to retry. Keeps no state.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::close::CloseCode;
use crate::error::{
    Error, HandshakeError, HandshakeErrorKind, HeadErrorKind, ProxyError, ProxyErrorKind, ResponseErrorKind, Step,
    TlsErrorKind,
};
use crate::http::date;

/// Maximum delay that a server can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Range of the random delay added to `Retry-After`: many clients receive the same value.
const RETRY_AFTER_SPREAD: Duration = Duration::from_secs(5);

/// A failed attempt or the end of a connection, for [`Backoff::policy`](crate::Backoff::policy) and
/// [`Reconnect::last_disconnect`](crate::Reconnect::last_disconnect). Feature `reconnect`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Disconnect {
    /// An attempt to connect failed.
    AttemptFailed(Error),
    /// A connection that the iterator returned has ended.
    ConnectionEnded {
        /// How long it was open.
        uptime: Duration,
        /// How it ended; [`Error::Closed`] also for a closing handshake or a drop. `None` if it is still open.
        error: Option<Error>,
    },
}

/// Whether there is another attempt, and when. Feature `reconnect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Yes, after the next delay of [`Backoff`](crate::Backoff).
    AfterBackoff,
    /// Yes, after a random delay between these two, and at least that of [`AfterBackoff`](Retry::AfterBackoff).
    Between(Duration, Duration),
    /// No.
    Stop,
}

impl Disconnect {
    /// Whether there is another attempt, unless [`Backoff::policy`](crate::Backoff::policy) decides:
    ///
    /// | cause of a failed attempt | retry |
    /// |---|---|
    /// | the network: resolving, connecting, reading, writing, timeouts | yes |
    /// | the server ended the connection during the opening handshake or the TLS handshake | yes |
    /// | other TLS errors, such as an untrusted certificate | no |
    /// | status 408, 425, 429, 5xx | yes, at least after `Retry-After` (seconds or date, at most one hour) |
    /// | any other status: 3xx, 4xx | no |
    /// | a response whose head is not valid HTTP, without a status | yes |
    /// | any other invalid handshake response; TLS instead of HTTP | no |
    /// | the proxy ended the connection; its status 408, 425, 429, 5xx; its SOCKS reply 1, 3 to 6 | yes, as above |
    /// | any other reply of the proxy | no |
    /// | any of these after a redirect | as without it |
    /// | a redirect that is not followed | no |
    /// | the random source | no |
    /// | [`Usage`](Error::Usage) | no |
    ///
    /// | cause of the end of a connection | retry |
    /// |---|---|
    /// | the network, a timeout, no Close (1006) | yes |
    /// | the peer broke the protocol or exceeded a limit; TLS records that cannot be decrypted | yes |
    /// | dropped by the application before its end, or still open | yes |
    /// | Close 1001, 1005 (no code), 1011, 1014 | yes |
    /// | Close 1012 (service restart) | yes, after 5 to 30 s, as its registration recommends |
    /// | Close 1013 (try again later) | yes, after 60 to 120 s |
    /// | Close 1000 (normal closure) | no |
    /// | Close 1002, 1003, 1007 to 1010 (the peer rejected something that was sent) | no |
    /// | Close 3000, 3003 (unauthorized, forbidden) | no |
    /// | any other code | yes |
    ///
    /// The code is that of the received Close: [`CloseInfo::code`](crate::CloseInfo::code). If this side closed first,
    /// the received Close is its answer.
    pub fn retry(&self) -> Retry {
        // A clock set before 1970 puts every date in the future; MAX_RETRY_AFTER limits the delay.
        self.retry_at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The close code of a connection that ended with a closing handshake.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Disconnect::ConnectionEnded { error: Some(Error::Closed(Some(info))), .. } => Some(info.code()),
            Disconnect::ConnectionEnded { .. } | Disconnect::AttemptFailed(_) => None,
        }
    }

    /// Whether the peer closed the connection, and nothing here had asked for it:
    /// [`CloseInfo::closed_by_peer`](crate::CloseInfo::closed_by_peer).
    ///
    /// ```
    /// use stdws::{Backoff, CloseCode, Disconnect, Retry};
    /// let backoff = Backoff::default().policy(|disconnect: &Disconnect| match disconnect.close_code() {
    ///     // This server closes idle connections with 1000.
    ///     Some(CloseCode::NORMAL) if disconnect.closed_by_peer() => Retry::AfterBackoff,
    ///     _ => disconnect.retry(),
    /// });
    /// ```
    pub fn closed_by_peer(&self) -> bool {
        matches!(self.error(), Some(Error::Closed(Some(info))) if info.closed_by_peer())
    }

    /// The error of the attempt, or the end of the connection.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Disconnect::AttemptFailed(error) => Some(error),
            Disconnect::ConnectionEnded { error, .. } => error.as_ref(),
        }
    }

    /// Whether this side started the closing handshake, or dropped the connection.
    pub(super) fn is_asked_for(&self) -> bool {
        matches!(self.error(), Some(Error::Closed(Some(info))) if !info.closed_by_peer())
    }

    /// `now` is the time since 1970.
    fn retry_at(&self, now: Duration) -> Retry {
        self.error().map_or(Retry::AfterBackoff, |error| retry_for_error(error, now))
    }
}

fn retry_for_error(error: &Error, now: Duration) -> Retry {
    match error {
        Error::Io(error) if error.step() == Step::RandomSource => Retry::Stop,
        Error::Io(_) | Error::Connect(_) | Error::Timeout(_) | Error::Protocol(_) => Retry::AfterBackoff,
        // Of the application, which decides in `Backoff::policy`.
        Error::Other(_) => Retry::AfterBackoff,
        Error::Proxy(error) => retry_for_proxy(error, now),
        Error::Redirect(error) => retry_for_error(error.cause(), now),
        Error::Handshake(rejection) => retry_for_handshake(rejection, now),
        Error::Closed(None) => Retry::AfterBackoff,
        Error::Closed(Some(info)) => retry_for_close_code(info.code()),
        Error::Tls(error) => retry_for_tls(error.kind()),
        Error::Usage(_) => Retry::Stop,
    }
}

/// A certificate error is permanent, and retries would hide it as an outage.
fn retry_for_tls(kind: TlsErrorKind) -> Retry {
    match kind {
        TlsErrorKind::UnexpectedEof | TlsErrorKind::DecryptionFailed => Retry::AfterBackoff,
        TlsErrorKind::UnknownIssuer
        | TlsErrorKind::HostnameMismatch
        | TlsErrorKind::Expired
        | TlsErrorKind::NotYetValid
        | TlsErrorKind::InvalidCertificate
        | TlsErrorKind::AlertReceived
        | TlsErrorKind::NotTls
        | TlsErrorKind::NoCommonParameters
        | TlsErrorKind::Handshake
        | TlsErrorKind::InvalidSettings => Retry::Stop,
    }
}

/// Failures of the network behind the proxy can be temporary; a refusal by the proxy is permanent.
fn retry_for_proxy(error: &ProxyError, now: Duration) -> Retry {
    match error.kind() {
        ProxyErrorKind::UnexpectedEof | ProxyErrorKind::Reply(1 | 3..=6) => Retry::AfterBackoff,
        ProxyErrorKind::Status(status) => retry_for_status(status, error.header("Retry-After"), now),
        ProxyErrorKind::Head(kind) => retry_for_head(kind),
        ProxyErrorKind::HttpVersion
        | ProxyErrorKind::SocksVersion(_)
        | ProxyErrorKind::NoAcceptableMethod
        | ProxyErrorKind::MethodNotOffered(_)
        | ProxyErrorKind::AuthenticationVersion(_)
        | ProxyErrorKind::AuthenticationFailed
        | ProxyErrorKind::Reply(_)
        | ProxyErrorKind::AddressType(_) => Retry::Stop,
    }
}

/// A broken head is often that of something on the way, which may be gone at the next attempt. A server with TLS stays one.
fn retry_for_head(kind: HeadErrorKind) -> Retry {
    match kind {
        HeadErrorKind::Tls => Retry::Stop,
        HeadErrorKind::StartLineTooLong { .. }
        | HeadErrorKind::TooManyFields { .. }
        | HeadErrorKind::HeadTooLong { .. }
        | HeadErrorKind::LineEnding
        | HeadErrorKind::ControlCharacter
        | HeadErrorKind::LineFolding
        | HeadErrorKind::StartLine
        | HeadErrorKind::FieldName
        | HeadErrorKind::ContentLength => Retry::AfterBackoff,
    }
}

fn retry_for_status(status: u16, retry_after_field: Option<&str>, now: Duration) -> Retry {
    match (status, retry_after_field) {
        (408 | 425 | 429 | 500..=599, Some(value)) => retry_after(value, now),
        (408 | 425 | 429 | 500..=599, None) => Retry::AfterBackoff,
        _ => Retry::Stop,
    }
}

fn retry_for_handshake(rejection: &HandshakeError, now: Duration) -> Retry {
    match rejection.kind() {
        HandshakeErrorKind::UnexpectedEof => Retry::AfterBackoff,
        HandshakeErrorKind::Response(ResponseErrorKind::Status(status)) => {
            retry_for_status(*status, rejection.header("Retry-After"), now)
        }
        HandshakeErrorKind::Head(kind) => retry_for_head(*kind),
        HandshakeErrorKind::HttpVersion
        | HandshakeErrorKind::MissingHeader(_)
        | HandshakeErrorKind::DuplicateHeader(_)
        | HandshakeErrorKind::InvalidHeader(_)
        | HandshakeErrorKind::Response(_)
        // Only a server gets them.
        | HandshakeErrorKind::Request(_)
        | HandshakeErrorKind::Overload(_)
        | HandshakeErrorKind::Hook(_) => Retry::Stop,
    }
}

/// Retry-After = HTTP-date / delay-seconds (RFC 9110 section 10.2.3). Other values are ignored.
fn retry_after(value: &str, now: Duration) -> Retry {
    let value = value.as_bytes();
    let seconds = date::parse_digits(value).map(Duration::from_secs);
    // A number of more than 64 bits is a valid delay as well.
    let too_long = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let date = || date::parse(value).map(|at| Duration::from_secs(at).saturating_sub(now));
    match seconds.or(too_long.then_some(Duration::MAX)).or_else(date) {
        Some(wait) => {
            Retry::Between(wait.min(MAX_RETRY_AFTER), wait.min(MAX_RETRY_AFTER).saturating_add(RETRY_AFTER_SPREAD))
        }
        None => Retry::AfterBackoff,
    }
}

fn retry_for_close_code(code: CloseCode) -> Retry {
    let seconds = Duration::from_secs;
    match code.as_u16() {
        1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 => Retry::Stop,
        1012 => Retry::Between(seconds(5), seconds(30)),
        1013 => Retry::Between(seconds(60), seconds(120)),
        _ => Retry::AfterBackoff,
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disconnect::AttemptFailed(error) => write!(f, "the attempt failed: {error}"),
            Disconnect::ConnectionEnded { uptime, error: Some(error) } => {
                write!(f, "the connection ended after {:.1} s: {error}", uptime.as_secs_f64())
            }
            Disconnect::ConnectionEnded { uptime, error: None } => {
                write!(f, "the connection is still open after {:.1} s", uptime.as_secs_f64())
            }
        }
    }
}

// The table has errors that only proxies and redirects make.
#[cfg(all(test, feature = "proxy"))]
mod tests {
    use super::Retry::{AfterBackoff, Between, Stop};
    use super::*;
    use crate::close::CloseInfo;
    use crate::error::{ConnectError, ProtocolError, RedirectError, RedirectErrorKind, RedirectHop, UsageError};
    use std::io::ErrorKind;

    const NOW: Duration = Duration::from_secs(784_111_777);

    fn after(seconds: u64) -> Retry {
        Between(Duration::from_secs(seconds), Duration::from_secs(seconds + 5))
    }

    fn status(status: u16, headers: &[(&str, &str)]) -> Error {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Error::Handshake(
            HandshakeError::new(HandshakeErrorKind::Response(ResponseErrorKind::Status(status))).with_response(
                status,
                headers,
                Vec::new(),
            ),
        )
    }

    fn proxy(kind: ProxyErrorKind) -> Error {
        let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
        Error::Proxy(ProxyError::new(kind, "p:80".into(), "h:80".into()).with_response(headers, Vec::new()))
    }

    fn redirected(error: Error) -> Error {
        Error::Redirect(RedirectError::new(vec![RedirectHop { url: "ws://h/".into(), status: 302 }], error))
    }

    fn kind(kind: HandshakeErrorKind) -> Error {
        Error::Handshake(HandshakeError::new(kind))
    }

    #[test]
    fn failed_attempts() {
        let rows = [
            (Error::io(Step::Resolve, ErrorKind::NotFound.into()), AfterBackoff),
            (Error::other("of the application"), AfterBackoff),
            (Error::io(Step::Handshake, ErrorKind::ConnectionReset.into()), AfterBackoff),
            (Error::io(Step::Thread, ErrorKind::WouldBlock.into()), AfterBackoff),
            (Error::io(Step::RandomSource, ErrorKind::NotFound.into()), Stop),
            (Error::Connect(ConnectError { host: "h:80".into(), is_proxy: false, attempts: Vec::new() }), AfterBackoff),
            (Error::Timeout(Step::Handshake), AfterBackoff),
            (kind(HandshakeErrorKind::UnexpectedEof), AfterBackoff),
            (kind(HandshakeErrorKind::Head(HeadErrorKind::StartLine)), AfterBackoff),
            (kind(HandshakeErrorKind::Head(HeadErrorKind::LineEnding)), AfterBackoff),
            (kind(HandshakeErrorKind::Head(HeadErrorKind::Tls)), Stop),
            (proxy(ProxyErrorKind::Head(HeadErrorKind::FieldName)), AfterBackoff),
            (proxy(ProxyErrorKind::Head(HeadErrorKind::Tls)), Stop),
            (kind(HandshakeErrorKind::InvalidHeader("Sec-WebSocket-Accept")), Stop),
            (UsageError::TlsNotEnabled.into(), Stop),
            (proxy(ProxyErrorKind::UnexpectedEof), AfterBackoff),
            (proxy(ProxyErrorKind::Status(403)), Stop),
            (proxy(ProxyErrorKind::Status(407)), Stop),
            (proxy(ProxyErrorKind::Status(502)), after(7)),
            (proxy(ProxyErrorKind::HttpVersion), Stop),
            (proxy(ProxyErrorKind::AuthenticationFailed), Stop),
            (proxy(ProxyErrorKind::Reply(1)), AfterBackoff),
            (proxy(ProxyErrorKind::Reply(2)), Stop),
            (proxy(ProxyErrorKind::Reply(5)), AfterBackoff),
            (proxy(ProxyErrorKind::Reply(7)), Stop),
            (redirected(status(503, &[("Retry-After", "7")])), after(7)),
            (redirected(status(404, &[])), Stop),
            (redirected(Error::Timeout(Step::Connect)), AfterBackoff),
            (kind(HandshakeErrorKind::Response(ResponseErrorKind::Redirect(RedirectErrorKind::TooMany))), Stop),
            (status(200, &[]), Stop),
            (status(301, &[]), Stop),
            (status(400, &[("Retry-After", "1")]), Stop),
            (status(401, &[]), Stop),
            (status(403, &[]), Stop),
            (status(404, &[]), Stop),
            (status(407, &[]), Stop),
            (status(408, &[]), AfterBackoff),
            (status(425, &[]), AfterBackoff),
            (status(426, &[]), Stop),
            (status(429, &[("retry-AFTER", "7")]), after(7)),
            (status(500, &[]), AfterBackoff),
            (status(502, &[]), AfterBackoff),
            (status(503, &[]), AfterBackoff),
            (status(599, &[]), AfterBackoff),
            (status(600, &[]), Stop),
        ];
        for (error, want) in rows {
            let shown = error.to_string();
            assert_eq!(Disconnect::AttemptFailed(error).retry_at(NOW), want, "{shown}");
        }
    }

    #[test]
    fn retry_after_counts_up_to_an_hour() {
        let rows = [
            ("0", after(0)),
            ("120", after(120)),
            ("3600", after(3600)),
            ("3601", after(3600)),
            ("99999999999999999999999999", after(3600)),
            // A minute from now, now, a minute ago, and the latest date.
            ("Sun, 06 Nov 1994 08:50:37 GMT", after(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", after(0)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", after(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", after(3600)),
            ("", AfterBackoff),
            ("-1", AfterBackoff),
            ("1.5", AfterBackoff),
            ("soon", AfterBackoff),
            ("Sunday, 06-Nov-94 08:50:37 GMT", AfterBackoff),
        ];
        for (value, want) in rows {
            assert_eq!(
                Disconnect::AttemptFailed(status(503, &[("Retry-After", value)])).retry_at(NOW),
                want,
                "{value}"
            );
        }
        // Of two headers the first counts.
        let twice = status(503, &[("Retry-After", "5"), ("Retry-After", "9")]);
        assert_eq!(Disconnect::AttemptFailed(twice).retry_at(NOW), after(5));
    }

    fn connection(error: Option<Error>) -> Disconnect {
        Disconnect::ConnectionEnded { uptime: Duration::from_millis(1_250), error }
    }

    fn closed_with(code: Option<u16>) -> Disconnect {
        let received = Some((code.map(CloseCode::new), String::new()));
        connection(Some(Error::Closed(Some(CloseInfo { received, sent: None, by_peer: true }))))
    }

    #[test]
    fn ended_connections() {
        // 6455-7.2.3-1: after an abnormal closure there is another attempt, always with a delay.
        for end in [
            None,
            Some(Error::Closed(None)),
            Some(Error::Closed(Some(CloseInfo { received: None, sent: Some(CloseCode::NORMAL), by_peer: false }))),
            Some(Error::Timeout(Step::Keepalive)),
            Some(Error::io(Step::Read, ErrorKind::ConnectionReset.into())),
            Some(ProtocolError::UnmaskedFrame.into()),
        ] {
            assert_eq!(connection(end).retry_at(NOW), AfterBackoff);
        }
        assert_eq!(connection(Some(Error::io(Step::RandomSource, ErrorKind::NotFound.into()))).retry_at(NOW), Stop);
        assert_eq!(closed_with(None).retry_at(NOW), AfterBackoff);
        let stop = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003];
        for code in 1000..5000 {
            let want = match code {
                1012 => Between(Duration::from_secs(5), Duration::from_secs(30)),
                1013 => Between(Duration::from_secs(60), Duration::from_secs(120)),
                code if stop.contains(&code) => Stop,
                _ => AfterBackoff,
            };
            assert_eq!(closed_with(Some(code)).retry_at(NOW), want, "{code}");
            assert_eq!(closed_with(Some(code)).close_code(), Some(CloseCode::new(code)));
        }
    }

    #[test]
    fn texts() {
        assert_eq!(connection(None).to_string(), "the connection is still open after 1.2 s");
        assert_eq!(
            closed_with(Some(1012)).to_string(),
            "the connection ended after 1.2 s: the connection is closed: 1012"
        );
        let attempt = Disconnect::AttemptFailed(status(503, &[]));
        let want =
            "the attempt failed: the opening handshake failed: the server responded with status 503 instead of 101";
        assert_eq!(attempt.to_string(), want);
        assert!(attempt.error().is_some() && attempt.close_code().is_none() && connection(None).error().is_none());
    }

    /// A connection that breaks inside TLS is one that broke; everything else about TLS stays as it is.
    #[test]
    fn failures_of_tls() {
        assert_eq!(retry_for_tls(TlsErrorKind::UnexpectedEof), AfterBackoff);
        assert_eq!(retry_for_tls(TlsErrorKind::DecryptionFailed), AfterBackoff);
        assert_eq!(retry_for_tls(TlsErrorKind::Handshake), Stop);
        assert_eq!(retry_for_tls(TlsErrorKind::UnknownIssuer), Stop);
    }
}
