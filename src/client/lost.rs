//! What was lost, and whether to try again: the table. Knows errors and close codes; the time is given to it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::close::CloseCode;
use crate::error::{Error, HandshakeFault, ProxyError, ProxyFault, Refusal, Step, TlsFault};
use crate::wire::date;

/// A server may ask for this much patience, and not for more.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Many clients are told the same time; they come back at random in so much more.
const SPREAD: Duration = Duration::from_secs(5);

/// Why another connection is wanted, as [`Backoff::decide`](crate::Backoff::decide) and
/// [`Reconnect::lost`](crate::Reconnect::lost) tell it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Lost {
    /// An attempt gave no connection.
    Attempt(Error),
    /// A connection that was given is over.
    Connection {
        /// How long it was open.
        lasted: Duration,
        /// How it ended; [`Error::Closed`] for one that was closed in good order or dropped, too. `None` if it is open still.
        end: Option<Error>,
    },
}

/// Whether there is another attempt, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// After the delay that is next in [`Backoff`](crate::Backoff).
    Again,
    /// After a delay drawn from between these two; not earlier than with [`Again`](Retry::Again).
    Between(Duration, Duration),
    /// No.
    Stop,
}

impl Lost {
    /// The table that decides unless [`Backoff::decide`](crate::Backoff::decide) does:
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
    /// | [`Misuse`](Error::Misuse) | no |
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
        // A clock from before 1970 makes every date one of the future, and PATIENCE bounds that.
        self.judge(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The close code of the connection, if it ended with a closing handshake.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Lost::Connection { end: Some(Error::Closed(Some(info))), .. } => Some(info.code()),
            Lost::Connection { .. } | Lost::Attempt(_) => None,
        }
    }

    /// Why the attempt failed, or how the connection ended.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Lost::Attempt(error) => Some(error),
            Lost::Connection { end, .. } => end.as_ref(),
        }
    }

    /// `now`: since 1970.
    fn judge(&self, now: Duration) -> Retry {
        self.error().map_or(Retry::Again, |error| judge(error, now))
    }
}

fn judge(error: &Error, now: Duration) -> Retry {
    match error {
        Error::Io(error) if error.step() == Step::Entropy => Retry::Stop,
        Error::Io(_) | Error::Connect(_) | Error::Timeout(_) | Error::Violation(_) => Retry::Again,
        Error::Proxy(error) => by_proxy(error, now),
        Error::Redirect(error) => judge(error.cause(), now),
        Error::Handshake(refusal) => refused(refusal, now),
        Error::Closed(None) => Retry::Again,
        Error::Closed(Some(info)) => closed(info.code()),
        Error::Tls(error) => by_tls(error.fault()),
        Error::Misuse(_) => Retry::Stop,
    }
}

/// What is wrong with a certificate now will be wrong the next time, and trying on would make it look like an outage.
fn by_tls(fault: TlsFault) -> Retry {
    match fault {
        TlsFault::Ended | TlsFault::Broken => Retry::Again,
        TlsFault::UnknownAuthority
        | TlsFault::WrongHost
        | TlsFault::Expired
        | TlsFault::NotYetValid
        | TlsFault::Certificate
        | TlsFault::Refused
        | TlsFault::NotTls
        | TlsFault::NothingInCommon
        | TlsFault::Handshake
        | TlsFault::Settings => Retry::Stop,
    }
}

/// What is wrong with the network behind it may pass; what it thinks of us will not.
fn by_proxy(error: &ProxyError, now: Duration) -> Retry {
    match error.fault() {
        ProxyFault::Ended | ProxyFault::Reply(1 | 3..=6) => Retry::Again,
        ProxyFault::Status(status) => by_status(status, error.header("Retry-After"), now),
        ProxyFault::Head(_)
        | ProxyFault::HttpVersion
        | ProxyFault::SocksVersion(_)
        | ProxyFault::NoMethod
        | ProxyFault::MethodNotOffered(_)
        | ProxyFault::CredentialsVersion(_)
        | ProxyFault::Credentials
        | ProxyFault::Reply(_)
        | ProxyFault::AddressType(_) => Retry::Stop,
    }
}

fn by_status(status: u16, retry_after_field: Option<&str>, now: Duration) -> Retry {
    match (status, retry_after_field) {
        (408 | 425 | 429 | 500..=599, Some(value)) => retry_after(value, now),
        (408 | 425 | 429 | 500..=599, None) => Retry::Again,
        _ => Retry::Stop,
    }
}

fn refused(refusal: &Refusal, now: Duration) -> Retry {
    match refusal.fault() {
        HandshakeFault::Ended => Retry::Again,
        HandshakeFault::Status(status) => by_status(*status, refusal.header("Retry-After"), now),
        HandshakeFault::Redirect(_)
        | HandshakeFault::Head(_)
        | HandshakeFault::HttpVersion
        | HandshakeFault::Method
        | HandshakeFault::Target
        | HandshakeFault::Missing(_)
        | HandshakeFault::Repeated(_)
        | HandshakeFault::Wrong(_)
        | HandshakeFault::Version
        | HandshakeFault::SubprotocolNotOffered
        | HandshakeFault::ExtensionNotOffered
        | HandshakeFault::ProxyHeader(_)
        | HandshakeFault::OriginNotAllowed
        | HandshakeFault::Full
        | HandshakeFault::TooManyHandshakes
        | HandshakeFault::TooManyFromAddress
        | HandshakeFault::Hook
        | HandshakeFault::Answered
        | HandshakeFault::HandedOver
        | HandshakeFault::StatusLine
        | HandshakeFault::Proof => Retry::Stop,
    }
}

/// Retry-After = HTTP-date / delay-seconds (RFC 9110 section 10.2.3). What is neither says nothing.
fn retry_after(value: &str, now: Duration) -> Retry {
    let value = value.as_bytes();
    let seconds = date::digits(value).map(Duration::from_secs);
    // A number beyond 64 bits is a long time as well.
    let endless = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let date = || date::parse(value).map(|at| Duration::from_secs(at).saturating_sub(now));
    match seconds.or(endless.then_some(Duration::MAX)).or_else(date) {
        Some(wait) => Retry::Between(wait.min(PATIENCE), wait.min(PATIENCE).saturating_add(SPREAD)),
        None => Retry::Again,
    }
}

fn closed(code: CloseCode) -> Retry {
    let seconds = Duration::from_secs;
    match code.get() {
        1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 => Retry::Stop,
        1012 => Retry::Between(seconds(5), seconds(30)),
        1013 => Retry::Between(seconds(60), seconds(120)),
        _ => Retry::Again,
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Attempt(error) => write!(f, "no connection: {error}"),
            Lost::Connection { lasted, end: Some(error) } => {
                write!(f, "lost after {:.1} s: {error}", lasted.as_secs_f64())
            }
            Lost::Connection { lasted, end: None } => write!(f, "open still after {:.1} s", lasted.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Retry::{Again, Between, Stop};
    use super::*;
    use crate::close::CloseInfo;
    use crate::error::{ConnectError, HeadFault, Hop, Misuse, RedirectError, RedirectFault, Role, Violation};
    use std::io::ErrorKind;

    const NOW: Duration = Duration::from_secs(784_111_777);

    fn after(seconds: u64) -> Retry {
        Between(Duration::from_secs(seconds), Duration::from_secs(seconds + 5))
    }

    fn status(status: u16, headers: &[(&str, &str)]) -> Error {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Error::Handshake(Refusal::new(HandshakeFault::Status(status)).with_answer(status, headers, Vec::new()))
    }

    fn proxy(fault: ProxyFault) -> Error {
        let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
        Error::Proxy(ProxyError::new(fault, "p:80".into(), "h:80".into()).with_answer(headers, Vec::new()))
    }

    fn redirected(error: Error) -> Error {
        Error::Redirect(RedirectError::new(vec![Hop { url: "ws://h/".into(), status: 302 }], error))
    }

    fn fault(fault: HandshakeFault) -> Error {
        Error::Handshake(Refusal::new(fault))
    }

    #[test]
    fn attempts() {
        let rows = [
            (Error::io(Step::Resolve, ErrorKind::NotFound.into()), Again),
            (Error::io(Step::Handshake, ErrorKind::ConnectionReset.into()), Again),
            (Error::io(Step::Thread, ErrorKind::WouldBlock.into()), Again),
            (Error::io(Step::Entropy, ErrorKind::NotFound.into()), Stop),
            (Error::Connect(ConnectError { host: "h:80".into(), role: Role::Server, attempts: Vec::new() }), Again),
            (Error::Timeout(Step::Handshake), Again),
            (fault(HandshakeFault::Ended), Again),
            (fault(HandshakeFault::Head(HeadFault::StartLine)), Stop),
            (fault(HandshakeFault::Wrong("Sec-WebSocket-Accept")), Stop),
            (Misuse::TlsNotBuilt.into(), Stop),
            (proxy(ProxyFault::Ended), Again),
            (proxy(ProxyFault::Status(403)), Stop),
            (proxy(ProxyFault::Status(407)), Stop),
            (proxy(ProxyFault::Status(502)), after(7)),
            (proxy(ProxyFault::HttpVersion), Stop),
            (proxy(ProxyFault::Credentials), Stop),
            (proxy(ProxyFault::Reply(1)), Again),
            (proxy(ProxyFault::Reply(2)), Stop),
            (proxy(ProxyFault::Reply(5)), Again),
            (proxy(ProxyFault::Reply(7)), Stop),
            (redirected(status(503, &[("Retry-After", "7")])), after(7)),
            (redirected(status(404, &[])), Stop),
            (redirected(Error::Timeout(Step::Connect)), Again),
            (fault(HandshakeFault::Redirect(RedirectFault::TooMany)), Stop),
            (status(200, &[]), Stop),
            (status(301, &[]), Stop),
            (status(400, &[("Retry-After", "1")]), Stop),
            (status(401, &[]), Stop),
            (status(403, &[]), Stop),
            (status(404, &[]), Stop),
            (status(407, &[]), Stop),
            (status(408, &[]), Again),
            (status(425, &[]), Again),
            (status(426, &[]), Stop),
            (status(429, &[("retry-AFTER", "7")]), after(7)),
            (status(500, &[]), Again),
            (status(502, &[]), Again),
            (status(503, &[]), Again),
            (status(599, &[]), Again),
            (status(600, &[]), Stop),
        ];
        for (error, want) in rows {
            let shown = error.to_string();
            assert_eq!(Lost::Attempt(error).judge(NOW), want, "{shown}");
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
            ("", Again),
            ("-1", Again),
            ("1.5", Again),
            ("soon", Again),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Again),
        ];
        for (value, want) in rows {
            assert_eq!(Lost::Attempt(status(503, &[("Retry-After", value)])).judge(NOW), want, "{value}");
        }
        // Several are no better than the first.
        let twice = status(503, &[("Retry-After", "5"), ("Retry-After", "9")]);
        assert_eq!(Lost::Attempt(twice).judge(NOW), after(5));
    }

    fn connection(end: Option<Error>) -> Lost {
        Lost::Connection { lasted: Duration::from_millis(1_250), end }
    }

    fn closed_with(code: Option<u16>) -> Lost {
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
            Some(Violation::NotMasked.into()),
        ] {
            assert_eq!(connection(end).judge(NOW), Again);
        }
        assert_eq!(connection(Some(Error::io(Step::Entropy, ErrorKind::NotFound.into()))).judge(NOW), Stop);
        assert_eq!(closed_with(None).judge(NOW), Again);
        let stop = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003];
        for code in 1000..5000 {
            let want = match code {
                1012 => Between(Duration::from_secs(5), Duration::from_secs(30)),
                1013 => Between(Duration::from_secs(60), Duration::from_secs(120)),
                code if stop.contains(&code) => Stop,
                _ => Again,
            };
            assert_eq!(closed_with(Some(code)).judge(NOW), want, "{code}");
            assert_eq!(closed_with(Some(code)).close_code(), Some(CloseCode::new(code)));
        }
    }

    #[test]
    fn shown() {
        assert_eq!(connection(None).to_string(), "open still after 1.2 s");
        assert_eq!(closed_with(Some(1012)).to_string(), "lost after 1.2 s: the connection is closed: 1012");
        let attempt = Lost::Attempt(status(503, &[]));
        let want = "no connection: the opening handshake failed: the server answered 503 instead of 101";
        assert_eq!(attempt.to_string(), want);
        assert!(attempt.error().is_some() && attempt.close_code().is_none() && connection(None).error().is_none());
    }
}
