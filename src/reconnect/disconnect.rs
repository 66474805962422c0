//! What was lost, and whether to try again: the table. Knows errors and close codes; the time is given to it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::close::CloseCode;
use crate::error::{Error, HandshakeError, HandshakeErrorKind, ProxyError, ProxyErrorKind, Step, TlsErrorKind};
use crate::http::date;

/// A server may ask for this much patience, and not for more.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Many clients are told the same time; they come back at random in so much more.
const RETRY_AFTER_SPREAD: Duration = Duration::from_secs(5);

/// Why another connection is wanted, as [`Backoff::policy`](crate::Backoff::policy) and
/// [`Reconnect::last_disconnect`](crate::Reconnect::last_disconnect) tell it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Disconnect {
    /// An attempt gave no connection.
    AttemptFailed(Error),
    /// A connection that was given is over.
    ConnectionEnded {
        /// How long it was open.
        uptime: Duration,
        /// How it ended; [`Error::Closed`] for one that was closed in good order or dropped, too. `None` if it is open still.
        error: Option<Error>,
    },
}

/// Whether there is another attempt, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// After the delay that is next in [`Backoff`](crate::Backoff).
    AfterBackoff,
    /// After a delay drawn from between these two; not earlier than with [`AfterBackoff`](Retry::AfterBackoff).
    Between(Duration, Duration),
    /// No.
    Stop,
}

impl Disconnect {
    /// The table that decides unless [`Backoff::policy`](crate::Backoff::policy) does:
    ///
    /// | an attempt failed by | again? |
    /// |---|---|
    /// | the network: name, connecting, reading, writing, time | yes |
    /// | a server that hung up in the opening handshake, or in that of TLS | yes |
    /// | anything else about TLS, such as a certificate that cannot be trusted | no |
    /// | status 408, 425, 429, 5xx | yes; not before `Retry-After`, in seconds or as a date, which is obeyed up to an hour |
    /// | any other status: 3xx, 4xx | no |
    /// | a response that is no WebSocket handshake | no |
    /// | a proxy that hung up, or met the network: status 408, 425, 429, 5xx; SOCKS replies 1, 3 to 6 | yes, as above |
    /// | a proxy with any other answer | no |
    /// | any of these after a redirect | the same |
    /// | a redirect that must not be followed | no |
    /// | no random numbers | no |
    /// | [`Usage`](Error::Usage) | no |
    ///
    /// | a connection ended by | again? |
    /// |---|---|
    /// | the network, silence, no Close (1006) | yes |
    /// | a rule that the peer broke, a limit it passed, TLS that cannot be deciphered | yes |
    /// | being dropped here before its end, or open still | yes |
    /// | Close 1001, 1005 (no code), 1011, 1014 | yes |
    /// | Close 1012: the service restarts | yes, after 5 to 30 s, as the code's registration says |
    /// | Close 1013: the service is overloaded | yes, after 60 to 120 s |
    /// | Close 1000: all is done | no |
    /// | Close 1002, 1003, 1007 to 1010: what we sent was wrong | no |
    /// | Close 3000, 3003: not authorized, forbidden | no |
    /// | any other code | yes |
    ///
    /// The code is that of the Close received ([`CloseInfo::code`](crate::CloseInfo::code)), which answers ours if this side closed first.
    pub fn retry(&self) -> Retry {
        // A clock from before 1970 makes every date one of the future, and MAX_RETRY_AFTER bounds that.
        self.retry_at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The close code of the connection, if it ended with a closing handshake.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Disconnect::ConnectionEnded { error: Some(Error::Closed(Some(info))), .. } => Some(info.code()),
            Disconnect::ConnectionEnded { .. } | Disconnect::AttemptFailed(_) => None,
        }
    }

    /// Why the attempt failed, or how the connection ended.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Disconnect::AttemptFailed(error) => Some(error),
            Disconnect::ConnectionEnded { error, .. } => error.as_ref(),
        }
    }

    /// `now`: since 1970.
    fn retry_at(&self, now: Duration) -> Retry {
        self.error().map_or(Retry::AfterBackoff, |error| retry_for_error(error, now))
    }
}

fn retry_for_error(error: &Error, now: Duration) -> Retry {
    match error {
        Error::Io(error) if error.step() == Step::RandomSource => Retry::Stop,
        Error::Io(_) | Error::Connect(_) | Error::Timeout(_) | Error::Protocol(_) => Retry::AfterBackoff,
        Error::Proxy(error) => retry_for_proxy(error, now),
        Error::Redirect(error) => retry_for_error(error.cause(), now),
        Error::Handshake(rejection) => retry_for_handshake(rejection, now),
        Error::Closed(None) => Retry::AfterBackoff,
        Error::Closed(Some(info)) => retry_for_close_code(info.code()),
        Error::Tls(error) => retry_for_tls(error.kind()),
        Error::Usage(_) => Retry::Stop,
    }
}

/// What is wrong with a certificate now will be wrong the next time, and trying on would make it look like an outage.
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

/// What is wrong with the network behind it may pass; what it thinks of us will not.
fn retry_for_proxy(error: &ProxyError, now: Duration) -> Retry {
    match error.kind() {
        ProxyErrorKind::UnexpectedEof | ProxyErrorKind::Reply(1 | 3..=6) => Retry::AfterBackoff,
        ProxyErrorKind::Status(status) => retry_for_status(status, error.header("Retry-After"), now),
        ProxyErrorKind::Head(_)
        | ProxyErrorKind::HttpVersion
        | ProxyErrorKind::SocksVersion(_)
        | ProxyErrorKind::NoAcceptableMethod
        | ProxyErrorKind::MethodNotOffered(_)
        | ProxyErrorKind::AuthenticationVersion(_)
        | ProxyErrorKind::AuthenticationFailed
        | ProxyErrorKind::Reply(_)
        | ProxyErrorKind::AddressType(_) => Retry::Stop,
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
        HandshakeErrorKind::Status(status) => retry_for_status(*status, rejection.header("Retry-After"), now),
        HandshakeErrorKind::Redirect(_)
        | HandshakeErrorKind::Head(_)
        | HandshakeErrorKind::HttpVersion
        | HandshakeErrorKind::Method
        | HandshakeErrorKind::Target
        | HandshakeErrorKind::MissingHeader(_)
        | HandshakeErrorKind::DuplicateHeader(_)
        | HandshakeErrorKind::InvalidHeader(_)
        | HandshakeErrorKind::UnsupportedVersion
        | HandshakeErrorKind::SubprotocolNotOffered
        | HandshakeErrorKind::ExtensionNotOffered
        | HandshakeErrorKind::ProxyHeader(_)
        | HandshakeErrorKind::OriginNotAllowed
        | HandshakeErrorKind::TooManyConnections
        | HandshakeErrorKind::TooManyHandshakes
        | HandshakeErrorKind::TooManyConnectionsFromIp
        | HandshakeErrorKind::HookPanicked
        | HandshakeErrorKind::Responded
        | HandshakeErrorKind::HandedOver
        | HandshakeErrorKind::StatusLine
        | HandshakeErrorKind::InvalidProof => Retry::Stop,
    }
}

/// Retry-After = HTTP-date / delay-seconds (RFC 9110 section 10.2.3). What is neither says nothing.
fn retry_after(value: &str, now: Duration) -> Retry {
    let value = value.as_bytes();
    let seconds = date::parse_digits(value).map(Duration::from_secs);
    // A number beyond 64 bits is a long time as well.
    let endless = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let date = || date::parse(value).map(|at| Duration::from_secs(at).saturating_sub(now));
    match seconds.or(endless.then_some(Duration::MAX)).or_else(date) {
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
            Disconnect::AttemptFailed(error) => write!(f, "no connection: {error}"),
            Disconnect::ConnectionEnded { uptime, error: Some(error) } => {
                write!(f, "lost after {:.1} s: {error}", uptime.as_secs_f64())
            }
            Disconnect::ConnectionEnded { uptime, error: None } => {
                write!(f, "open still after {:.1} s", uptime.as_secs_f64())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Retry::{AfterBackoff, Between, Stop};
    use super::*;
    use crate::close::CloseInfo;
    use crate::error::{
        ConnectError, HeadErrorKind, HostRole, ProtocolError, RedirectError, RedirectErrorKind, RedirectHop, UsageError,
    };
    use std::io::ErrorKind;

    const NOW: Duration = Duration::from_secs(784_111_777);

    fn after(seconds: u64) -> Retry {
        Between(Duration::from_secs(seconds), Duration::from_secs(seconds + 5))
    }

    fn status(status: u16, headers: &[(&str, &str)]) -> Error {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Error::Handshake(HandshakeError::new(HandshakeErrorKind::Status(status)).with_response(
            status,
            headers,
            Vec::new(),
        ))
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
    fn attempts() {
        let rows = [
            (Error::io(Step::Resolve, ErrorKind::NotFound.into()), AfterBackoff),
            (Error::io(Step::Handshake, ErrorKind::ConnectionReset.into()), AfterBackoff),
            (Error::io(Step::Thread, ErrorKind::WouldBlock.into()), AfterBackoff),
            (Error::io(Step::RandomSource, ErrorKind::NotFound.into()), Stop),
            (
                Error::Connect(ConnectError { host: "h:80".into(), role: HostRole::Server, attempts: Vec::new() }),
                AfterBackoff,
            ),
            (Error::Timeout(Step::Handshake), AfterBackoff),
            (kind(HandshakeErrorKind::UnexpectedEof), AfterBackoff),
            (kind(HandshakeErrorKind::Head(HeadErrorKind::StartLine)), Stop),
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
            (kind(HandshakeErrorKind::Redirect(RedirectErrorKind::TooMany)), Stop),
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
    fn retry_after_is_obeyed_up_to_an_hour() {
        let rows = [
            ("0", after(0)),
            ("120", after(120)),
            ("3600", after(3600)),
            ("3601", after(3600)),
            ("99999999999999999999999999", after(3600)),
            // A minute from now, now, a minute ago, and the end of days.
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
        // Several are no better than the first.
        let twice = status(503, &[("Retry-After", "5"), ("Retry-After", "9")]);
        assert_eq!(Disconnect::AttemptFailed(twice).retry_at(NOW), after(5));
    }

    fn connection(error: Option<Error>) -> Disconnect {
        Disconnect::ConnectionEnded { uptime: Duration::from_millis(1_250), error }
    }

    fn closed_with(code: Option<u16>) -> Disconnect {
        let received = Some((code.map(CloseCode::new), String::new()));
        connection(Some(Error::Closed(Some(CloseInfo { received, sent: None }))))
    }

    #[test]
    fn connections() {
        // 6455-7.2.3-1: abnormal closures lead to a new attempt, and none of them without a delay.
        for end in [
            None,
            Some(Error::Closed(None)),
            Some(Error::Closed(Some(CloseInfo { received: None, sent: Some(CloseCode::NORMAL) }))),
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
    fn shown() {
        assert_eq!(connection(None).to_string(), "open still after 1.2 s");
        assert_eq!(closed_with(Some(1012)).to_string(), "lost after 1.2 s: the connection is closed: 1012");
        let attempt = Disconnect::AttemptFailed(status(503, &[]));
        let want = "no connection: the opening handshake failed: the server responded with status 503 instead of 101";
        assert_eq!(attempt.to_string(), want);
        assert!(attempt.error().is_some() && attempt.close_code().is_none() && connection(None).error().is_none());
    }
}
